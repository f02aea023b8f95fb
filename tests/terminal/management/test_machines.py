"""The state machines: every state with every event, and both sides with messages in every order."""

import enum
from collections import deque
from collections.abc import Iterator
from typing import Any, Final

import pytest

from terminal.management.machines import (
    FINANCE,
    ORDER,
    PAIRS,
    REACTIONS,
    SIDES,
    SOCIAL,
    Event,
    Guard,
    Machine,
    Standing,
    agree,
)
from terminal.management.sides import Side, Stamp, Told, act, hear
from terminal.perso.parties import Party

MACHINES: Final[dict[str, Machine[Any]]] = {"order": ORDER, "social": SOCIAL, "finance": FINANCE}
EVERYTHING: Final = frozenset(Guard)


@pytest.mark.parametrize("machine", MACHINES.values(), ids=list(MACHINES))
def test_every_state_with_every_event(machine: Machine[Any]) -> None:
    """Each (state, event) either has one outcome for each set of facts, or none at all; a row that an earlier one
    hides, or a state that is never reached, would be a mistake of the table."""
    for state in type(machine.initial):
        for event in Event:
            rows = [row for row in machine.rows if (row.state, row.event) == (state, event)]
            guards = [row.guard for row in rows]
            assert len(set(guards)) == len(guards)
            assert None not in guards[:-1], "a row without a guard hides those after it"
            assert machine.step(state, event, EVERYTHING) is (rows[0] if rows else None)
            free = rows[-1] if rows and guards[-1] is None else None
            assert machine.step(state, event) is free
            assert machine.needed(state, event) == (() if free is not None else tuple(guards))
            for row in rows:
                assert row.guard is None or machine.step(state, event, frozenset({row.guard})) is row
                assert row.target is not state
            assert (event in machine.allowed(state)) == bool(rows)


@pytest.mark.parametrize("machine", MACHINES.values(), ids=list(MACHINES))
def test_every_state_is_reached(machine: Machine[Any]) -> None:
    """All states that the tables name are reached from the first one; nothing leads out of the last ones."""
    reached: set[enum.Enum] = {machine.initial}
    while more := {row.target for row in machine.rows if row.state in reached} - reached:
        reached |= more
    named = {row.state for row in machine.rows} | {row.target for row in machine.rows}
    assert reached == named
    assert {state for state in machine.finals() if state in reached} == {
        "order": {type(ORDER.initial).REJECTED, type(ORDER.initial).WITHDRAWN, type(ORDER.initial).ISSUED},
        "social": {Standing.DESTROYED},
        "finance": {Standing.DESTROYED},
    }[next(name for name, other in MACHINES.items() if other is machine)]


def test_a_lost_card_is_never_usable_on_the_way_to_its_end() -> None:
    """No event leads from a card that is replaced, cancelled or destroyed back to one that is used."""
    dead = {Standing.REPLACED, Standing.CANCELLED, Standing.DESTROYED}
    for machine in SIDES.values():
        assert {row.target for row in machine.rows if row.state in dead} <= dead


def test_every_event_of_one_side_is_known_to_the_other() -> None:
    """Whatever one side does to a card, the other has a line for what it does then."""
    for party, other in ((Party.DEPARTMENT, Party.BANK), (Party.BANK, Party.DEPARTMENT)):
        done = {row.event for row in SIDES[party].rows}
        unknown = done - set(REACTIONS[other])
        # What only the department begins comes to it from nowhere; it is told as an answer.
        begun_elsewhere = {Event.REPLACE, Event.ORDER_ENDED, Event.REFUSED} if party is Party.BANK else set()
        assert unknown == begun_elsewhere
        for event, reaction in REACTIONS[other].items():
            possible = {row.event for row in SIDES[other].rows}
            assert reaction.event in possible or event in (Event.CLOSED, Event.CANCEL)


# --- both sides, in every order -------------------------------------------------------------------------------------

State = tuple[Side, Side, tuple[Told, ...], tuple[Told, ...]]
"""Department, bank, what is on its way to the bank, what is on its way to the department."""

BEGINS: Final[dict[Party, frozenset[Event]]] = {
    Party.DEPARTMENT: frozenset(Event)
    - {Event.CLOSED, Event.SENT, Event.REJECTED, Event.MADE, Event.DELIVERED, Event.REFUSED, Event.WITHDRAWN},
    Party.BANK: frozenset({
        Event.ORAL_LOSS, Event.WRITTEN_LOSS, Event.RELEASE, Event.SEVEN_DAYS, Event.EXCHANGE, Event.CANCEL,
        Event.DESTROY,
    }),
}  # fmt: skip
"""What people begin at each party."""


def _facts(party: Party, department: Side) -> frozenset[Guard]:
    """What holds in the walk: a card is collected and a notice shown where the department has cancelled."""
    notice = department.standing is Standing.CANCELLING
    found = {Guard.IN_TIME, Guard.WORN, Guard.COLLECTED} | ({Guard.NOTICE} if notice else set())
    return frozenset(found)


def _allowed(party: Party, event: Event, department: Side) -> bool:
    """The card is handed over and superseded at the department, and destroyed where it is kept."""
    if event is Event.DESTROY:
        return (party is Party.BANK) == (department.standing is Standing.CANCELLED)
    return True


def _steps(state: State, left: int, mode_2: bool) -> Iterator[tuple[State, int]]:
    department, bank, down, up = state
    if left:
        for event in BEGINS[Party.DEPARTMENT]:
            done = act(Party.DEPARTMENT, department, event, _facts(Party.DEPARTMENT, department))
            if done is not None and _allowed(Party.DEPARTMENT, event, department):
                yield (done[0], bank, (*down, done[1]), up), left - 1
        for event in BEGINS[Party.BANK]:
            done = act(Party.BANK, bank, event, _facts(Party.BANK, department))
            if done is not None and _allowed(Party.BANK, event, department):
                yield (department, done[0], down, (*up, done[1])), left - 1
    if down:
        heard = hear(Party.BANK, bank, down[0], mode_2=mode_2)
        yield (department, heard.side, down[1:], up if heard.told is None else (*up, heard.told)), left
    if up:
        heard = hear(Party.DEPARTMENT, department, up[0], mode_2=mode_2)
        yield (heard.side, bank, down if heard.told is None else (*down, heard.told), up[1:]), left


@pytest.mark.parametrize("mode_2", [False, True], ids=["mode 1", "mode 2"])
def test_both_sides_agree_whatever_the_order(mode_2: bool) -> None:
    """Every order of up to five events after the hand-over, begun at either side
    while messages are under way, ends in a pair of standings that fit, and each side knows how the other stands."""
    active = Side(Standing.ACTIVE, Standing.ACTIVE)
    start: tuple[State, int] = ((active, active, (), ()), 5)
    seen, todo, rests = {start}, deque([start]), set()
    while todo:
        state, left = todo.popleft()
        department, bank, down, up = state
        if not down and not up:
            rests.add((department.standing, bank.standing))
            assert agree(department.standing, bank.standing, mode_2=mode_2), state
            assert (department.other, bank.other) == (bank.standing, department.standing)
        for step in _steps(state, left, mode_2):
            if step not in seen:
                seen.add(step)
                todo.append(step)
    expected = {pair for pair in PAIRS if agree(*pair, mode_2=mode_2) and Standing.STOCK not in pair}
    assert rests == expected, "every pair that the table allows is reached, and no other"


def test_the_latest_stamp_wins_on_both_sides() -> None:
    """A loss at the bank and its release cross a loss at the department: both end alike, whoever hears first."""
    one = Stamp(1, "bank")
    assert Stamp(1, "department").later_than(one)
    assert Stamp(2, "bank").later_than(Stamp(1, "department"))
    assert not one.later_than(one)
