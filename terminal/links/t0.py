"""A T=0 reader without a reader: the interface device's state machine, over anything that has contacts.

    link = T0Link(contacts)           # `power_on`, `transmit`, `power_off`, as every link has them
    link.transmit(bytes.fromhex("00A4020002EF05"))

Pure: time is counted in clock cycles, nothing waits. An APDU becomes one TPDU, and the card's answer to it is
handed up as it is; 61xx and 6Cxx belong to `terminal.links.follow` (SSC part 2 §8.5, §8.7, §9.2, §9.3).
"""

from typing import Final

from cardsim.iso7816.atr import Atr, AtrError, build_atr
from cardsim.iso7816.contact import (
    ATR_GAP,
    ATR_START,
    ATR_TOTAL,
    MAX_ATR,
    NULL,
    PPSS,
    Contacts,
    Pps,
    PpsError,
    Rate,
    ends,
    guard_time,
)
from terminal.errors import LinkError
from terminal.links.acceptance import accept, proposed_rate
from terminal.links.characters import CharacterPort, Silence, Unreadable

_SHORTEST: Final = 4
_HEADER: Final = 5


class T0Link:
    """A card at its contacts, as a link.

    Args:
        contacts: the card's side.
        pps: whether a rate that TA1 offers is agreed on; otherwise F=372, D=1 stay in force.
    """

    def __init__(self, contacts: Contacts, *, pps: bool = True) -> None:
        self.port = CharacterPort(contacts)
        self.atr: Atr | None = None
        """The answer that was accepted; None while the contacts are released."""
        self.nulls = 0
        """Procedure bytes 60 of the last command."""
        self._pps = pps

    # --- power -------------------------------------------------------------------------------------------------

    def power_on(self) -> bytes:
        """Cold reset, or a warm one if the card is powered; a cold answer that is no good gets one warm reset (§8.5).

        Raises:
            LinkError: no answer that can be used, or PPS failed; the contacts are released.
        """
        try:
            return self._power_on()
        except LinkError:
            self.power_off()
            raise

    def take_over(self) -> None:
        """Go on with a card that has answered to reset and to commands, at F=372, D=1 and without extra guard time."""
        self.atr = Atr.parse(build_atr(b""))

    def _power_on(self) -> bytes:
        atr = self._cold() if self.atr is None else None
        if atr is None:
            self.port.reset()
            try:
                atr = self._answer()
            except AtrError as error:
                raise LinkError(f"the card's answer to reset cannot be used: {error}") from error
        self.atr = atr
        self._start(atr)
        return atr.raw

    def _cold(self) -> Atr | None:
        """Cold reset; None if the answer is no good, so that a warm one is due."""
        self.port.activate()
        try:
            return self._answer()
        except (AtrError, Unreadable):
            return None

    def _answer(self) -> Atr:
        """The answer to reset; its end is known from T0 and what follows.

        Raises:
            AtrError: it is not to be accepted: too short, too long in time, or against a rule.
            Silence: it does not begin in time, or pauses too long: the session ends at once.
        """
        raw = bytes((self.port.take(ATR_START.stop - 1),))
        begun = self.port.now
        while len(raw) < (atr_length(raw) or MAX_ATR):
            try:
                raw += bytes((self.port.take(Rate().cycles(ATR_GAP)),))
            except Silence as silence:
                if silence.late:
                    raise
                raise AtrError("it ends before the characters that it announces") from silence
        if self.port.now - begun > Rate().cycles(ATR_TOTAL):
            raise AtrError(f"it takes longer than {ATR_TOTAL} etu")
        return accept(raw)

    def _start(self, atr: Atr) -> None:
        """What the answer announces is in force: guard time, and after PPS the rate."""
        if 0 not in atr.protocols:
            raise LinkError("the card does not offer T=0")
        self.port.spacing = guard_time(atr.interface.get("TC1", 0))
        rate = proposed_rate(atr)
        if self._pps and rate is not None and "TA2" not in atr.interface:
            self._negotiate(atr.interface["TA1"], rate)

    def _negotiate(self, ta1: int, rate: Rate) -> None:
        """PPS (§8.7): the response repeats the request, or leaves PPS1 out, which keeps F=372, D=1."""
        self.port.send(bytes(Pps(0, ta1)))
        try:
            raw = bytes((self.port.take(), self.port.take()))
            while len(raw) < Pps.length(raw[1]):
                raw += bytes((self.port.take(),))
            response = Pps.parse(raw)
        except PpsError as error:
            raise LinkError(f"PPS failed: {error}") from error
        if response.protocol or response.pps1 not in (None, ta1):
            raise LinkError("PPS failed: the card answers another one")
        if response.pps1 is not None:
            self.port.rate = rate

    def power_off(self) -> None:
        """Release the contacts, in their order; also when the card is drawn in the middle of a command (§6.2)."""
        self.atr = None
        self.port.release()

    # --- commands ----------------------------------------------------------------------------------------------

    def transmit(self, command: bytes) -> bytes:
        """One command APDU as one TPDU; the answer with its status word.

        Raises:
            LinkError: bytes that T=0 cannot carry; the card is silent or breaks the protocol.
        """
        if self.atr is None:
            raise LinkError("the card is not powered")
        header, data = tpdu(command)
        self.nulls = 0
        try:
            self.port.send(header)
            return self._exchange(header, data)
        except LinkError:
            self.power_off()
            raise

    def _exchange(self, header: bytes, data: bytes) -> bytes:
        ins, answer = header[1], b""
        wanted = 0 if data else header[4] or 256
        while True:
            procedure = self.port.take()
            if procedure == NULL:
                self.nulls += 1
            elif ends(procedure):
                return answer + bytes((procedure, self.port.take()))
            elif procedure in (ins, ins ^ 0xFF):
                one = procedure != ins
                if data:
                    part = data[:1] if one else data
                    self.port.send(part)
                    data = data[len(part) :]
                elif len(answer) < wanted:
                    for _ in range(1 if one else wanted - len(answer)):
                        answer += bytes((self.port.take(),))
                else:
                    raise LinkError("the card asks for more data than there are")
            else:
                raise LinkError(f"{procedure:02X} is no procedure byte for INS {ins:02X}")


def tpdu(command: bytes) -> tuple[bytes, bytes]:
    """Header and data of the TPDU: case 1 gets P3=00, case 4 loses its Le (SSC part 2 §9.3.1).

    Raises:
        LinkError: bytes that T=0 cannot carry.
    """
    if len(command) < _SHORTEST:
        raise LinkError(f"a command of {len(command)} bytes has no header")
    if command[0] == PPSS:
        raise LinkError("CLA FF stands for PPS and for no command")
    if len(command) <= _HEADER:
        return command.ljust(_HEADER, b"\0"), b""
    header, data = command[:_HEADER], command[_HEADER:]
    count = header[4]
    if not count or len(data) not in (count, count + 1):
        raise LinkError(f"Lc is {count}, and {len(data)} bytes follow")
    return header, data[:count]


def atr_length(raw: bytes) -> int | None:
    """Characters of a whole answer to reset, as soon as its first ones tell them; None until then."""
    if len(raw) < 2:
        return None
    at, present, check = 2, raw[1] >> 4, 0
    while present:
        at += present.bit_count()
        if not present & 8:
            break
        if len(raw) < at:
            return None
        check |= raw[at - 1] & 0x0F
        present = raw[at - 1] >> 4
    return at + (raw[1] & 0x0F) + bool(check)
