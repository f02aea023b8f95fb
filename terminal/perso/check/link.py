"""The commands of the check. Only those of `READ_ONLY` are ever sent; what may cost a try says so."""

from collections.abc import Callable
from typing import Final

from cardsim.iso7816 import status
from cardsim.iso7816.apdu import CommandApdu
from cardsim.iso7816.atr import Atr, AtrError
from cardsim.iso7816.card import Card
from cardsim.iso7816.tlv import TlvError, find
from terminal.flows.common import read_record, select_by_name
from terminal.links.follow import Follower
from terminal.perso.check.content import Answer

READ_ONLY: Final = {
    0xA4: "SELECT",
    0xB2: "READ RECORD",
    0xB0: "READ BINARY",
    0xCA: "GET DATA",
    0xF2: "GET STATUS",
    0x84: "GET CHALLENGE",
    0xC0: "GET RESPONSE",
    0xA8: "GET PROCESSING OPTIONS (the transaction counter of the application rises by one)",
    0x88: "INTERNAL AUTHENTICATE",
    0x82: "EXTERNAL AUTHENTICATE (with keys; a wrong key costs one of its tries, and the card's own proof comes first)",
    0x20: "VERIFY (with --pin alone; a wrong PIN costs one of its tries)",
    0xAE: "GENERATE AC (with --destructive alone; it asks for a decline)",
}
"""What is sent, by INS."""
_CHUNK: Final = 0xC0
_SFIS: Final = range(1, 31)
_MOST_RECORDS: Final = 254


class CheckLink:
    """A card under check: 61xx and 6Cxx followed, status words as values.

    Args:
        card: the card.
        draw: random bytes.
    """

    def __init__(self, card: Card, draw: Callable[[int], bytes]) -> None:
        self._card = card
        self._follower = Follower(card, lambda *_: None)
        self.draw = draw

    def reset(self) -> bytes:
        """Power on, or reset; the ATR."""
        atr = self._card.power_on()
        try:
            self._follower.t0 = Atr.parse(atr).protocols[0] == 0
        except AtrError:
            self._follower.t0 = True
        return atr

    def close(self) -> None:
        """Power off."""
        self._card.power_off()

    def send(self, command: CommandApdu) -> Answer:
        """One command.

        Raises:
            ValueError: it is not one of the check.
        """
        if command.ins not in READ_ONLY:
            raise ValueError(f"the check does not send INS {command.ins:02X}")
        response = self._follower.send(command)
        return Answer(response.data, response.sw.value)

    def select(self, name: bytes) -> Answer:
        """SELECT by name."""
        return self.send(select_by_name(name))

    def select_file(self, fid: int) -> Answer:
        """SELECT an EF of the DF that is selected."""
        return self.send(CommandApdu(0x00, 0xA4, 0x02, 0x00, fid.to_bytes(2, "big")))

    def record(self, number: int, sfi: int = 0) -> Answer:
        """READ RECORD by number."""
        return self.send(read_record(number, sfi))

    def records(self, sfi: int = 0) -> tuple[bytes, ...]:
        """Records 1, 2, … until the card has no more; an error ends them too."""
        found: list[bytes] = []
        while len(found) < _MOST_RECORDS:
            answer = self.record(len(found) + 1, sfi)
            if not answer.ok:
                break
            found.append(answer.data)
        return tuple(found)

    def directory(self, selected: Answer) -> tuple[bytes, ...]:
        """The records of the directory whose SFI an answer to SELECT names (88); none where it names none."""
        try:
            sfi = find(selected.data, 0x6F, 0xA5, 0x88) or b""
        except TlvError:
            return ()
        return self.records(sfi[0]) if sfi and sfi[0] in _SFIS else ()

    def piece(self, at: int, length: int) -> Answer:
        """READ BINARY."""
        return self.send(CommandApdu(0x00, 0xB0, at >> 8, at & 0xFF, le=length))

    def binary(self, size: int) -> bytes:
        """A transparent file of that size; less where the card ends earlier."""
        found = b""
        while len(found) < size:
            answer = self.piece(len(found), min(_CHUNK, size - len(found)))
            if not answer.ok or not answer.data:
                break
            found += answer.data
        return found

    def challenge(self) -> bytes:
        """GET CHALLENGE of 8 bytes; nothing where the card gives none."""
        answer = self.send(CommandApdu(0x00, 0x84, 0x00, 0x00, le=8))
        return answer.data if answer.sw == status.OK and len(answer.data) == 8 else b""
