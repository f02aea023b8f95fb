"""What is kept from a card that is not a model: commands that could spend it.

Without `--destructive` only rows of the tables go out that neither program memory nor compare a secret; a command that
no row has could be a vendor's own, and stays here too. With it everything goes out until a try counter gets low.
"""

from functools import cache
from typing import Final

from cardsim.decode import Environment
from cardsim.decode.commands import rows_of
from cardsim.decode.observer import Observer
from cardsim.iso7816 import status
from cardsim.iso7816.card import Card
from terminal.conformance.context import FunctionError
from terminal.errors import LinkError

LOW: Final = 2
"""Tries that are to be left on the card when a campaign stops."""
_TRIES: Final = 0x63C0
_HARMFUL: Final = frozenset({status.MEMORY_FAILURE, status.BLOCKED, _TRIES})
"""Status words of commands that program memory (6581) or compare a secret (63Cx, 6983)."""


class Spared(FunctionError):
    """A command that is not sent, because it could spend the card."""


class TriesLow(LinkError):
    """The campaign stops: the card has told that few tries are left."""


@cache
def _harmless(environment: Environment) -> frozenset[bytes]:
    """CLA INS of which no row of the environment is harmful."""
    rows = rows_of(environment)
    return frozenset(bytes(header) for header, found in rows.items() if not any(r.words & _HARMFUL for r in found))


def is_harmless(environment: Environment, command: bytes) -> bool:
    """Whether a command can neither change a card nor cost a try, as the tables know it."""
    places = {environment} if environment is Environment.PSAM else {environment, Environment.CARD}
    known = [place for place in places if bytes(command[:2]) in rows_of(place)]
    return bool(known) and all(bytes(command[:2]) in _harmless(place) for place in known)


class CautiousCard:
    """A card that is to live on after a campaign.

    Args:
        card: the card.
        home: `CARD` or `PSAM`.
        destructive: whether everything may be sent until a try counter gets low.
    """

    def __init__(self, card: Card, home: Environment, *, destructive: bool) -> None:
        self._card = card
        self._observer = Observer(home)
        self._destructive = destructive

    def power_on(self) -> bytes:
        """As the card."""
        self._observer.reset()
        return self._card.power_on()

    def transmit(self, command: bytes) -> bytes:
        """As the card.

        Raises:
            Spared: the command could spend it, and is not sent.
            TriesLow: the answer says that few tries are left.
        """
        if not self._destructive and not is_harmless(self._observer.environment, command):
            raise Spared("a command that could spend the card; --destructive lets it through")
        answer = self._card.transmit(command)
        self._observer.follow(command, answer)
        sw = int.from_bytes(answer[-2:], "big")
        if sw & 0xFFF0 == _TRIES and sw & 0x0F <= LOW:
            raise TriesLow(
                f"the card has {sw & 0x0F} tries left for {command[:4].hex().upper()}: the campaign stops here"
            )
        return answer

    def power_off(self) -> None:
        """As the card."""
        self._card.power_off()
