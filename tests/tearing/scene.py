"""What must live here: a scenario as a value. The scenarios themselves stand in the modules beside this one.

A scenario is a card with some content, and commands that write. Each command says which states the card can be found
in after a cut, in words and facts: the state before it, the states after its early writes, the state after it. A fact
is what the card itself answers after a reset.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

from cardsim.chip.eeprom import Bus
from cardsim.control import ModelControl
from cardsim.crypto.social import Suite
from cardsim.making.structure import Profile

_B = TypeVar("_B", bound=Bus)

Facts = dict[str, str]
"""What was asked, in words, and what the card answered."""

Act = Callable[[], str]
"""Sends one command (with a fresh challenge where it needs one); its status word, empty where the card is mute."""

DF01: Final = 0xDF01
BEFORE: Final = "before"
AFTER: Final = "after"


class Reader(Protocol):
    """A card of any kind in a reader, with its memory within reach (`tests.cards.Bench` is one)."""

    log: list[tuple[bytes, bytes]]

    @property
    def model(self) -> ModelControl:
        """What only a model can do."""

    @property
    def cells(self) -> bytes:
        """All cells of the EEPROM."""

    def raw(self, command: bytes) -> bytes:
        """One APDU, one answer; empty where the card is mute."""

    def power_on(self) -> str:
        """Reset; the ATR in hex, empty if the card is mute."""

    def on_bus(self, bus: _B) -> AbstractContextManager[_B]:
        """Put a monitor or a plan of faults on the bus for a while."""


@dataclass(frozen=True, slots=True)
class State:
    """A state in which the card may be found after a cut.

    Args:
        name: in words.
        again: status word of the command when it is sent once more, from a reset on.
        differs: what the card shows otherwise than before the command. Of the last state it need not be said: it is
            what the command leaves when nothing disturbs it.
    """

    name: str
    again: str = "9000"
    differs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """One command that is cut.

    Args:
        name: of the command.
        start: does everything from the reset to the moment before the command, and gives back what sends it.
        states: in the order in which the command goes through them, from the one before it to the one after it.
        opens: commands that are refused with 6982 before, and are not after a success in the same session.
        fresh: makes the card ready for the first attempt, where an earlier step would leave it otherwise.
    """

    name: str
    start: Callable[[], Act]
    states: tuple[State, ...]
    opens: tuple[str, ...] = ()
    fresh: Callable[[], None] = field(default=lambda: None)

    @property
    def word(self) -> str:
        """Status word of the command when nothing disturbs it."""
        return self.states[0].again


@dataclass(frozen=True, slots=True)
class Scene:
    """A card, what is done to it, and how one looks at it.

    Args:
        bench: the card.
        steps: the commands that are cut, each on its own.
        look: what the card shows after a reset. It changes nothing that lasts.
        rules: what holds in every state.
        moving: facts that change whenever a command is made ready, such as a transaction counter.
    """

    bench: Reader
    steps: tuple[Step, ...]
    look: Callable[[], Facts]
    rules: tuple["Rule", ...] = ()
    moving: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Rule:
    """What must hold in every state, in words."""

    words: str
    holds: Callable[[Facts], bool]


@dataclass(frozen=True, slots=True)
class Setting:
    """What kind of card a sweep runs on."""

    profile: Profile

    @property
    def suite(self) -> Suite:
        """Cipher suite of the social-security environment."""
        return self.profile.suite


def has_ssse(profile: Profile) -> bool:
    """A social-security environment."""
    return profile.ssse is not None


def has_applications(profile: Profile) -> bool:
    """A social-security environment with applications below it: version 2.0 and later."""
    return profile.ssse is not None and any(file.df == DF01 for file in profile.ssse.files)


def has_environment_keys(profile: Profile) -> bool:
    """Keys of the environment that open files, RKSSSE first: version 2.0 and later."""
    return profile.ssse is not None and any(key.name == "RKSSSE" for key in profile.ssse.keys)


def has_pse(profile: Profile) -> bool:
    """A payment environment."""
    return profile.pse is not None


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row of the table.

    Args:
        name: as the command line takes it.
        title: what is done, in one sentence.
        shows: requirements and decisions.
        make: makes the card.
        needs: what the profile must have.
        psam: whether the card is a PSAM.
    """

    name: str
    title: str
    shows: str
    make: Callable[[Setting], Scene] = field(repr=False)
    needs: Callable[[Profile], bool] = field(default=has_ssse, repr=False)
    psam: bool = False

    def fits(self, setting: Setting) -> bool:
        """Whether the profile has what the scenario needs."""
        return self.needs(setting.profile)


def then(ready: Callable[[], object], act: Act) -> Callable[[], Act]:
    """The start of a command whose bytes do not depend on what came before it."""

    def start() -> Act:
        ready()
        return act

    return start


def both(again: str, word: str = "9000") -> tuple[State, ...]:
    """The states of a command that takes place in one transaction; `again` is its answer when it has taken place."""
    return State(BEFORE, word), State(AFTER, again)
