"""A card that is judged: every exchange is shown to checks before the answer goes on.

`CheckedCard` answers as the card behind it and goes wherever that one goes, so a terminal, a script or a test of any
framework has its card judged beside its own work.
"""

from collections.abc import Callable, Iterable

from cardsim.decode import Environment
from cardsim.decode.observed import Observed
from cardsim.decode.observer import Observer
from cardsim.iso7816.card import Card
from cardsim.testing.accounts import MedicalBalance, TransactionCounter
from cardsim.testing.checks import (
    GET_RESPONSE,
    Access,
    Announced,
    Challenges,
    Check,
    Exchange,
    Secrets,
    TryCounters,
    declared_answers,
    errors_have_no_data,
    never_mute,
)


def all_checks(secrets: Iterable[bytes] = ()) -> tuple[Check, ...]:
    """One of each check, for one card.

    Args:
        secrets: what may stand in no answer; `cardsim.testing.checks.secrets_of` gives it for a key file.
    """
    return (
        never_mute, errors_have_no_data, declared_answers, Announced(), Secrets(secrets), TryCounters(), Access(),
        Challenges(), MedicalBalance(), TransactionCounter(),
    )  # fmt: skip


class CheckedCard:
    """A card whose exchanges are judged.

    Args:
        card: the card, through any link.
        checks: the rules; without them all of this kit.
        home: `CARD` for a user card, `PSAM` for a PSAM.
    """

    def __init__(self, card: Card, checks: Iterable[Check] | None = None, home: Environment = Environment.CARD) -> None:
        self._card = card
        self.checks = all_checks() if checks is None else tuple(checks)
        self._observer = Observer(home)
        self._origin = self._data = b""
        self.exchanges = 0
        """How many were judged."""

    @property
    def state(self) -> Observed:
        """What is known of the card now."""
        return self._observer.state

    def power_on(self) -> bytes:
        """The ATR.

        Raises:
            AssertionError: the card gives none.
        """
        atr = self._card.power_on()
        self._observer.reset(powered=bool(atr))
        self._origin = self._data = b""
        for check in self.checks:
            told: Callable[[], None] | None = getattr(check, "reset", None)
            if told is not None:
                told()
        if not atr:
            raise AssertionError("never mute: the card has no answer to reset")
        return atr

    def transmit(self, command: bytes) -> bytes:
        """The card's answer.

        Raises:
            Broken: a check finds fault with it.
        """
        before = self._observer.state
        answer = self._card.transmit(command)
        self._observer.follow(command, answer)
        if command[:2] != GET_RESPONSE:
            self._origin, self._data = command, b""
        self._data += answer[:-2]
        seen = Exchange(command, answer, before, self._observer.state, self._origin, self._data)
        self.exchanges += 1
        for check in self.checks:
            check(seen)
        return answer

    def power_off(self) -> None:
        """Take the power away."""
        self._card.power_off()
        self._observer.reset(powered=False)
