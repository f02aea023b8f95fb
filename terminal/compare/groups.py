"""Differences grouped by cause: the same command, in the same situation, with the same part that differs."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from cardsim.cos.table import family
from cardsim.decode import Environment
from cardsim.decode.commands import row_of
from cardsim.decode.observed import Observed, Stage
from terminal.compare.course import Event, Spoken
from terminal.compare.pair import Difference
from terminal.compare.parts import Kind

_TRIES: Final = 0x63C0
_STATES: Final = 8
"""How many states a group keeps for people to look at."""


@dataclass(frozen=True, slots=True)
class Key:
    """What differences of one cause have in common.

    Args:
        command: the name of the command; `reset` for an answer to reset.
        environment: whose command it is.
        stage: how far a transaction had come.
        blocked: whether the environment was seen to be blocked.
        kind: what differs.
        part: which one; nothing where the kind says it all.
        first, second: both status words as rows name them, or both values where there are but two; nothing for data.
    """

    command: str
    environment: Environment
    stage: Stage
    blocked: bool
    kind: Kind
    part: str
    first: str = ""
    second: str = ""


@dataclass(slots=True)
class Group:
    """Differences of one cause.

    Args:
        key: what they have in common.
        example: the first one.
        count: how many there are that follow from nothing else.
        followed: how many more came after the cards had parted for another reason.
        states: the states in which they came, the first few of them.
    """

    key: Key
    example: Difference
    count: int = 0
    followed: int = 0
    states: dict[Observed, int] = field(default_factory=dict)

    @property
    def own(self) -> bool:
        """Whether it has a cause of its own."""
        return self.count > 0

    @property
    def content(self) -> bool:
        """Whether it only says that the cards are two."""
        return self.key.kind is Kind.CONTENT


def key_of(found: Difference) -> Key:
    """What a difference has in common with others of its cause."""
    spoken, part = found.spoken, found.part
    if spoken is None:
        return Key("reset", Environment.CARD, Stage.NONE, False, part.kind, part.name)
    before, command = spoken.owner
    row = row_of(before.environment, command[:4])
    name = row.name if row is not None else f"{spoken.name} {command[:2].hex(' ').upper()}"
    if part.kind is Kind.CONTENT:
        return Key(name, before.environment, Stage.NONE, False, part.kind, part.name)
    values = ("", "")
    if part.kind in (Kind.STATUS, Kind.SILENCE):
        values = _statuses(found.first, found.second)
    elif part.kind in (Kind.STRUCTURE, Kind.FORM):
        values = part.first, part.second
    return Key(name, before.environment, before.stage, before.blocked, part.kind, part.name, *values)


def _statuses(first: Event, second: Event) -> tuple[str, str]:
    """Both status words as rows name them; in full where that tells nothing apart, as with 61xx and 6Cxx."""
    words = [event.sw if isinstance(event, Spoken) and len(event.answer) > 1 else None for event in (first, second)]
    families = [None if sw is None else family(sw) for sw in words]
    if families[0] == families[1] == _TRIES:
        return "63Cx", "63Cx"
    shown = words if families[0] == families[1] else families
    one, two = ("nothing" if sw is None else f"{sw:04X}" for sw in shown)
    return one, two


class Groups:
    """All groups of a comparison, in the order in which they were first seen."""

    def __init__(self) -> None:
        self.found: dict[Key, Group] = {}

    def add(self, found: Difference) -> Group | None:
        """Count a difference; its group if it is the first one of it."""
        key = key_of(found)
        group = self.found.get(key)
        new = group is None
        if group is None:
            group = self.found[key] = Group(key, found)
        if found.follows is not None:
            group.followed += 1
        else:
            if not group.count:
                group.example = found  # what follows from nothing says more
            group.count += 1
        spoken = found.spoken
        if spoken is not None and (spoken.owner[0] in group.states or len(group.states) < _STATES):
            state = spoken.owner[0]
            group.states[state] = group.states.get(state, 0) + 1
        return group if new else None

    def all(self) -> Iterable[Group]:
        """Every group."""
        return self.found.values()
