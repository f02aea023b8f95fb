"""Readers that differ in who follows 61xx and 6Cxx: the program, as recorded, or the reader by itself (D33)."""

from cardsim.iso7816.apdu import CommandApdu, ResponseApdu
from cardsim.iso7816.card import Card
from terminal.links.follow import Follower

_MORE = (b"\x61", b"\x6c")
_GET_RESPONSE = b"\xc0"


class AsRecorded:
    """A card whose answers are brought into the recorded form, so that a tolerant replay compares what they say.

    What the recorded reader did and this one does not is done here; what this one has done already is not asked again.
    """

    def __init__(self, card: Card) -> None:
        self._card = card
        self._follower = Follower(card, lambda *_: None)
        self._early = b""

    def transmit(self, command: bytes, recorded: bytes) -> tuple[bytes, str]:
        """The answer as it compares with the recorded one, and in words how it came in another form, if it did."""
        early, self._early = self._early, b""
        if early and command[1:2] == _GET_RESPONSE:
            return early, ""
        answer = self._card.transmit(command)
        asked, came = recorded[-2:-1] in _MORE, answer[-2:-1] in _MORE
        if asked and not came and len(answer) - 2 == (recorded[-1] or 256):
            # Behind a recorded 6Cxx stands the command again with its Le, which is sent; behind 61xx GET RESPONSE.
            self._early = answer if recorded[-2:-1] == b"\x61" else b""
            return recorded, f"the data come at once; recorded: {recorded[-2:].hex().upper()}"
        if came and not asked and len(recorded) > 2:
            return self._followed(command, answer), f"the data come after {answer[-2:].hex().upper()}"
        return answer, ""

    def _followed(self, command: bytes, answer: bytes) -> bytes:
        try:
            parsed = CommandApdu.parse(command)
        except ValueError:
            return answer
        return bytes(self._follower.follow(parsed, ResponseApdu.parse(answer)))
