"""Every flow of the three terminals: replayed from its recording, with 61xx and 6Cxx followed by others or by nobody,
and cancelled at effects of every kind."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pytest

from cardsim.iso7816.card import Card
from terminal.cli.flows import Outcome
from terminal.driver import Services, run
from terminal.effects import Flow, Transmit
from terminal.errors import Cancelled, LinkError
from terminal.links.recording import ReplayLink, read_recording, recorder
from terminal.outcome import Verdict
from terminal.slots import Slot
from terminal.transcript import Event, Exchange, PoweredOff, PoweredOn, tee
from tests.terminal.place import Place
from tests.terminal.runs import DECLINED, RUNS

NEEDED: Final = ("medical load", "medical purchase", "load")
"""What other runs take for granted."""
ONCE: Final = ("change PIN", "bank's PIN", "no PIN", "blocked application", "blocked card", "benefits")
"""Runs that change card or books for good: none of them can be done twice."""
WITHOUT_CARD: Final = ("sign-on", "end of the day")
ALIKE: Final = ("change PIN back", "with the new PIN", "both sides with PIN", "bank's side of a blocked card")
"""Runs that are like another one, with another PIN or card."""


class Heard:
    """A host whose messages and answers are kept."""

    def __init__(self, host: Any) -> None:
        self._host = host
        self.said: list[tuple[Any, Any]] = []

    def handle(self, message: Any) -> Any:
        """The host's answer."""
        answer = None if self._host is None else self._host.handle(message)
        self.said.append((message, answer))
        return answer


class Again:
    """A host that is asked the same, and says the same."""

    def __init__(self, heard: Heard) -> None:
        self._said = iter(heard.said)

    def handle(self, message: Any) -> Any:
        """The next answer."""
        asked, answer = next(self._said)
        assert message == asked
        return answer

    @property
    def finished(self) -> bool:
        """Whether it was asked everything."""
        return next(self._said, None) is None


@dataclass
class Contacts:
    """A card whose contacts are watched; `follows` makes it a reader that follows 61xx and 6Cxx by itself."""

    card: Card
    follows: bool = False
    powered: bool = False
    last: bytes = field(default=b"", repr=False)

    def power_on(self) -> bytes:
        """As the card."""
        self.powered = True
        return self.card.power_on()

    def transmit(self, command: bytes) -> bytes:
        """As the card, or the whole answer."""
        assert self.powered
        answer = self.card.transmit(command)
        if self.follows and answer[-2] == 0x6C:
            answer = self.card.transmit(command[:4] + answer[-1:])
        while self.follows and answer[-2] == 0x61:
            answer = answer[:-2] + self.card.transmit(bytes((0, 0xC0, 0, 0, answer[-1])))
        return answer

    def power_off(self) -> None:
        """As the card."""
        self.powered = False
        self.card.power_off()


def replayed(place: Place, words: tuple[str, ...]) -> None:
    """Run, and run again with nothing but the recording and what the hosts said."""
    services = place.services(words)
    bank, department = Heard(services.host), Heard(services.social_host)
    before = copy.deepcopy(place.storage)
    lines: list[str] = []
    events: list[Event] = []
    listener = tee(recorder(lines.append), events.append)
    first = run(
        place.flow(words), place.model, replace(services, host=bank, social_host=department), listener, psam=place.sam
    )
    recorded = read_recording(lines)
    links = {slot: ReplayLink(recorded, slot) for slot in Slot}
    banks, departments = Again(bank), Again(department)
    with_them: Services = replace(
        place.services(words), host=banks, social_host=departments, storage=before,
    )  # fmt: skip
    same: list[Event] = []
    second = run(place.flow(words), links[Slot.CARD], with_them, same.append, psam=links[Slot.PSAM])
    assert second == first
    assert same == events
    assert banks.finished
    assert departments.finished
    assert all(link.finished for link in links.values())


def test_every_flow_replays_from_its_recording() -> None:
    """A flow depends on what card, PSAM, hosts and holder say, and on nothing else."""
    place = Place()
    for words in RUNS.values():
        replayed(place, words)


def test_a_recording_has_the_psam_too() -> None:
    """Both slots stand in a recording, each event with its slot."""
    lines: list[str] = []
    Place().run(RUNS["identity"], recorder(lines.append))
    slots = [event.slot for event in read_recording(lines) if event.event == "apdu"]
    assert slots.count(Slot.PSAM) > 5
    assert slots.count(Slot.CARD) > 20


def outcomes(*, follow: bool = True, by_reader: bool = False) -> Iterator[tuple[Outcome, list[Exchange]]]:
    """The whole tour: how each run ended, and what went over the contacts."""
    place = Place()
    for words in RUNS.values():
        link, sam = Contacts(place.model, by_reader), Contacts(place.sam, by_reader)
        events: list[Event] = []
        outcome = place.run(words, events.append, link=link, sam=sam, follow=follow)
        assert not link.powered
        assert not sam.powered
        yield outcome, [event for event in events if isinstance(event, Exchange)]


def test_a_reader_that_follows_by_itself_makes_no_difference() -> None:
    """61xx and 6Cxx never reach the flows, whoever follows them; what the layer sends is marked."""
    for (plain, followed), (other, whole) in zip(outcomes(), outcomes(by_reader=True), strict=True):
        assert other == plain
        assert not any(exchange.follows for exchange in whole)
        assert [exchange.command[1] == 0xC0 for exchange in followed] <= [exchange.follows for exchange in followed]
        assert any(exchange.follows for exchange in followed) or not followed


def test_without_following_every_flow_ends() -> None:
    """A card that says 61xx to everything is not accepted by anyone, and nothing is added to what the flow sends."""
    for outcome, exchanges in outcomes(follow=False):
        assert (outcome.verdict is Verdict.FAILED) == bool(exchanges)
        assert not any(exchange.follows for exchange in exchanges)


def effects_before(number: int) -> Iterator[bool]:
    """Yes after a number of effects."""
    yield from (False for _ in range(number))
    yield True


def cancel(place: Place, words: tuple[str, ...], number: int) -> Outcome | None:
    """A run that is cancelled before an effect, or its outcome if it has no more; no contact keeps its power."""
    link, sam, asked = Contacts(place.model), Contacts(place.sam), effects_before(number)
    events: list[Event] = []
    try:
        return place.run(words, events.append, lambda: next(asked), link=link, sam=sam)
    except Cancelled:
        return None
    finally:
        assert not link.powered
        assert not sam.powered
        ons = [event.slot for event in events if isinstance(event, PoweredOn)]
        assert {event.slot for event in events if isinstance(event, PoweredOff)} == set(ons)


@dataclass
class Watched(Place):
    """A place that keeps what kinds of effects its flows have had: for a command its INS too."""

    kinds: list[tuple[type, int]] = field(default_factory=list)

    def flow(self, words: tuple[str, ...]) -> Flow[Outcome]:
        """The flow of a command line, unchanged."""
        flow = super().flow(words)
        try:
            effect = next(flow)
            while True:
                self.kinds.append((type(effect), effect.command.ins if isinstance(effect, Transmit) else 0))
                try:
                    result = yield effect
                except LinkError as lost:
                    effect = flow.throw(lost)
                else:
                    effect = flow.send(result)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome


def moments(name: str, *needed: str) -> list[int]:
    """Where a run is cancelled: before the first effect of each kind."""
    place = Watched()
    for words in (*needed, name):
        place.kinds.clear()
        place.run(RUNS[words])
    kinds = place.kinds
    assert len(kinds) > (0 if name in WITHOUT_CARD else 8)
    first = {kind: number for number, kind in reversed(list(enumerate(kinds)))}
    return sorted(first.values())


@pytest.mark.parametrize("name", [name for name in RUNS if name not in ONCE + ALIKE])
def test_cancelled_anywhere(name: str) -> None:
    """Cancelled before effects of every kind, with all that this leaves in card, storage and books, the same run
    begins again on that card, and comes to its end at last."""
    place = Place()
    for needed in NEEDED:
        assert place.run(RUNS[needed]).verdict is not Verdict.FAILED
    for number in moments(name, *NEEDED):
        cancel(place, RUNS[name], number)
    outcome = place.run(RUNS[name])
    expected = (Verdict.DECLINED,) if name in DECLINED else (Verdict.PASSED, Verdict.APPROVED)
    assert outcome.verdict in expected, outcome


@pytest.mark.parametrize("name", ONCE)
def test_cancelled_anywhere_in_what_is_done_once(name: str) -> None:
    """After it, the card serves whoever comes next."""
    place = Place()
    card, sam = place.model.snapshot(), place.sam.snapshot()
    for number in moments(name):
        place.model.restore(card)
        place.sam.restore(sam)
        place = Place(place.user, place.sam)
        assert cancel(place, RUNS[name], number) is None
        assert place.run(RUNS["what the card has"]).verdict is Verdict.PASSED
    place.model.restore(card)
    place.sam.restore(sam)
    outcome = Place(place.user, place.sam).run(RUNS[name])
    assert outcome.verdict in (Verdict.PASSED, Verdict.APPROVED), outcome
