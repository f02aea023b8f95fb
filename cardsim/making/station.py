"""One place that talks to the card while it is made: follows 61xx and 6Cxx, and says in words what went wrong."""

import contextlib
from collections.abc import Iterator

from cardsim.crypto import social
from cardsim.crypto.social import Suite
from cardsim.iso7816.card import Card
from cardsim.iso7816.status import OK, StatusWord
from cardsim.making.keyservice import KeyLoad, KeyRefused, LoadingKeys, PaymentKeys, PaymentSecret

_ORIGINAL = b"cardsim0"
_CHUNK = 239
"""Plain bytes of one command in a channel at level 03: padded and with its C-MAC they fit into 255."""


class MakingError(Exception):
    """A step of making a card was refused: which, with what status word."""


class Refused(MakingError):
    """The card answered with another status word than expected."""

    def __init__(self, step: str, word: StatusWord) -> None:
        super().__init__(f"{step}: the card answers {word} ({word.meaning})")
        self.step = step
        self.word = word.value


class ServiceRefused(MakingError):
    """The key service refused a step; the card is as it was."""


class Mute(MakingError):
    """The card did not answer: it, its reader or its power is gone."""


class Station:
    """A card that is being made."""

    def __init__(self, card: Card) -> None:
        self._card = card

    def reset(self) -> bytes:
        """Power the card on (or reset it) and return its ATR."""
        return self._card.power_on()

    def send(self, step: str, command: bytes, *, expect: int = OK) -> bytes:
        """Send one command and return its data.

        Raises:
            MakingError: another status word than expected.
        """
        answer = self._card.transmit(command)
        if answer[-2:-1] == b"\x6c":
            answer = self._card.transmit(command[:4] + answer[-1:])
        data = answer[:-2]
        while answer[-2:-1] == b"\x61":
            answer = self._card.transmit(b"\x00\xc0\x00\x00" + answer[-1:])
            data += answer[:-2]
        if answer[-2:] != expect.to_bytes(2, "big"):
            if not answer:
                raise Mute(f"{step}: no answer")
            raise Refused(step, StatusWord(int.from_bytes(answer[-2:], "big")))
        return data

    def select(self, name: bytes) -> bytes:
        """SELECT by name; returns the FCI."""
        return self.send("SELECT", bytes((0x00, 0xA4, 0x04, 0x00, len(name))) + name)

    def challenge(self) -> bytes:
        """GET CHALLENGE of 8 bytes."""
        return self.send("GET CHALLENGE", bytes.fromhex("0084000008"))

    def authenticate(self, step: str, suite: Suite, key: bytes, reference: int = 0) -> None:
        """EXTERNAL AUTHENTICATE in the form of the social-security standard (SSC part 5 §6.4)."""
        data = social.authentication_data(suite, key, self.challenge(), _ORIGINAL) + _ORIGINAL
        self.send(step, bytes((0x00, 0x82, 0x00, reference, len(data))) + data)

    def prove(self, step: str, keys: LoadingKeys, key: str, reference: int = 0) -> None:
        """EXTERNAL AUTHENTICATE with a key of a service.

        Raises:
            MakingError: the card or the service refuses it.
        """
        challenge = self.challenge()
        with _told(step):
            data = keys.authenticate(key, challenge, _ORIGINAL) + _ORIGINAL
        self.send(step, bytes((0x00, 0x82, 0x00, reference, len(data))) + data)

    def load(self, step: str, keys: LoadingKeys, header: bytes, under: str, head: bytes, key: str) -> None:
        """Load a key of a service under another one and a fresh challenge (SSC part 9 §7.1).

        Raises:
            MakingError: the card or the service refuses it.
        """
        challenge = self.challenge()
        with _told(step):
            body = keys.load(KeyLoad(header, challenge, under, head, key))
        self.send(step, header + bytes((len(body),)) + body)

    def protected(self, step: str, header: bytes, suite: Suite, key: bytes, plain: bytes) -> None:
        """A command enciphered and MACed under a master key and a fresh challenge (SSC part 9 §7.1)."""
        challenge = self.challenge()
        body = social.master_encipher(suite, key, plain) if plain else b""
        command = header + bytes((len(body) + 4,)) + body
        self.send(step, command + social.master_mac4(suite, key, command, challenge))


@contextlib.contextmanager
def _told(step: str) -> Iterator[None]:
    """A refusal of the key service is one of the step."""
    try:
        yield
    except KeyRefused as error:
        raise ServiceRefused(f"{step}: the key service refuses: {error}") from error


class Channel:
    """A secure channel to the payment environment at security level 03 (SCP02: C-MAC and encryption).

    Args:
        station: the card.
        keys: the bank's key service.
        host_challenge: 8 bytes.
    """

    def __init__(self, station: Station, keys: PaymentKeys, host_challenge: bytes) -> None:
        self._station = station
        answer = station.send("INITIALIZE UPDATE", bytes.fromhex("8050000008") + host_challenge)
        with _told("INITIALIZE UPDATE"):
            self._keys = keys.open_channel(host_challenge, answer)
        self._block = 0
        station.send("EXTERNAL AUTHENTICATE", self._keys.host_authentication())

    def send(self, step: str, ins: int, p1: int, p2: int, data: bytes) -> bytes:
        """One command through the channel."""
        return self._station.send(step, self._keys.wrap(bytes((0x84, ins, p1, p2)), data))

    def store(self, dgi: int, content: bytes | PaymentSecret, *, last: bool = False) -> None:
        """STORE DATA of one data grouping; a secret one comes enciphered from the key service.

        Raises:
            MakingError: the card or the service refuses it.
        """
        if isinstance(content, PaymentSecret):
            with _told(f"STORE DATA {dgi:04X}"):
                content = self._keys.secret(content)
            self.store_blocks(dgi, content, secret=True, last=last)
        else:
            self.store_blocks(dgi, content, secret=False, last=last)

    def store_blocks(self, dgi: int, content: bytes, *, secret: bool, last: bool) -> None:
        """STORE DATA of one data grouping as it goes over the line, in as many blocks as it needs."""
        length = bytes((len(content),)) if len(content) < 0xFF else b"\xff" + len(content).to_bytes(2, "big")
        data = dgi.to_bytes(2, "big") + length + content
        for at in range(0, len(data), _CHUNK):
            final = last and at + _CHUNK >= len(data)
            p1 = (0x60 if secret else 0) | (0x80 if final else 0)
            self.send(f"STORE DATA {dgi:04X}", 0xE2, p1, self._block, data[at : at + _CHUNK])
            self._block = (self._block + 1) & 0xFF
