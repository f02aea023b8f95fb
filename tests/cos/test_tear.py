"""Power cuts at every page program and inside each, and pages that fail, during every writing command."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from cardsim.chip.eeprom import PageFailure
from cardsim.chip.faults import EVERY_PAGE, PageFailurePlan, PowerCutPlan
from cardsim.control import ModelState
from cardsim.cos.record import JOURNAL_SIZE, SIZE
from tests.cards import Bench
from tests.cos.scenes import COUNTED, SCENES, Scene

INSIDE = (None, 0, 1, 3, 6, 17, 63, 200)
WHOLE = (17, 63, 200)
"""So many cells can be the whole of a page program, which then has taken place."""
TOO_MANY = 200


def kept(bench: Bench) -> bytes:
    """All cells but the journal."""
    cells = bench.cells
    return cells[:SIZE] + cells[SIZE + JOURNAL_SIZE :]


@dataclass
class FailAt:
    """Makes the page program with this number fail, and those after it too where it is for good."""

    number: int
    for_good: bool = False
    programs: int = 0

    def on_read(self, address: int, length: int) -> None:
        """Reading is not disturbed."""

    def on_program(self, address: int, data: bytes) -> None:  # noqa: ARG002
        """Count and refuse."""
        self.programs += 1
        if self.programs == self.number or (self.for_good and self.programs > self.number):
            raise PageFailure


def outcome(scene: Scene) -> tuple[bytes, bytes]:
    """Cells before the command, and after it and a reset; the card then stands before it again."""
    state = scene.bench.model.snapshot()
    old = kept(scene.bench)
    answer = scene.bench.raw(scene.command)
    assert answer.hex().upper() == scene.word
    scene.bench.power_on()
    new = kept(scene.bench)
    assert new != old
    scene.bench.model.restore(state)
    return old, new


def failures(scene: Scene, state: ModelState) -> Iterator[None]:
    """Page programs 1, 2, 3 … fail, one at a time and each answered 6581, until none is left."""
    bench = scene.bench
    for number in range(1, TOO_MANY):
        bench.model.restore(state)
        with bench.on_bus(FailAt(number)) as plan:
            answer = bench.raw(scene.command)
        if plan.programs < number:
            assert answer.hex().upper() == scene.word
            return
        assert answer.hex() == "6581"
        yield
    raise AssertionError(f"more than {TOO_MANY} page programs")


@pytest.mark.parametrize("name", SCENES)
def test_power_cut(name: str) -> None:
    """SCHEME-004, SCHEME-003, PERSO-021, D1, D2, D13: after a cut anywhere the old or the new state, nothing between.

    A cut leaves the card mute; the next reset finishes or forgets.
    """
    scene = SCENES[name]()
    bench = scene.bench
    old, new = outcome(scene)
    state = bench.model.snapshot()
    for inside in INSIDE:
        found = []
        for after in range(TOO_MANY):
            bench.model.restore(state)
            with bench.on_bus(PowerCutPlan(after, inside)):
                answer = bench.raw(scene.command)
                assert answer in (b"", bytes.fromhex(scene.word))
                if not answer:
                    assert bench.raw(b"\x00\xa4\x00\x00") == b""
            assert bench.power_on().startswith("3B6")
            found.append(kept(bench))
            if answer:
                break
        assert new in found
        assert set(found) <= {old, new}
        assert old in found or inside in WHOLE
        assert found == sorted(found, key=lambda cells: cells == new)


@pytest.mark.parametrize("name", ["ACTIVATE", "WRITE KEY SSSE master key", "ERASE", "UPDATE RECORD longer"])
def test_power_cut_again_at_power_on(name: str) -> None:
    """SCHEME-004: a second cut, while the first is being repaired, leaves the old or the new state as well."""
    scene = SCENES[name]()
    bench = scene.bench
    old, new = outcome(scene)
    state = bench.model.snapshot()
    for after in range(TOO_MANY):
        bench.model.restore(state)
        with bench.on_bus(PowerCutPlan(after, 1)):
            done = bench.raw(scene.command)
        torn = bench.model.snapshot()
        for again in range(TOO_MANY):
            bench.model.restore(torn)
            with bench.on_bus(PowerCutPlan(again, 5)):
                atr = bench.power_on()
            assert bench.power_on()
            assert kept(bench) in (old, new)
            if atr:
                break
        if done:
            break


@pytest.mark.parametrize("name", COUNTED)
def test_try_counters(name: str) -> None:
    """SSC7-5.8-05, D13: a cut leaves the counter as it was or lowered, full only behind a success; it never rises."""
    scene = COUNTED[name]()
    bench, right = scene.bench, scene.word == "9000"
    assert scene.counter is not None
    state = bench.model.snapshot()
    before = scene.counter(bench)
    bench.model.restore(state)
    for inside in INSIDE:
        counters = []
        for after in range(TOO_MANY):
            bench.model.restore(state)
            with bench.on_bus(PowerCutPlan(after, inside)):
                answer = bench.raw(scene.command)
            bench.power_on()
            counters.append(scene.counter(bench))
            if answer:
                assert answer.hex().upper() == scene.word
                break
        expected = {before, before - 1, scene.limit} if right else {before, before - 1}
        if inside not in WHOLE:
            assert counters[0] == before
            assert set(counters) == expected
        assert before - 1 in counters
        assert set(counters) <= expected
        assert counters[-1] == (scene.limit if right else before - 1)


@pytest.mark.parametrize("name", SCENES)
def test_page_failure(name: str) -> None:
    """SSC5-5.4-04, D14: a page that fails once: 6581 and the old data, at whatever page; the card goes on."""
    scene = SCENES[name]()
    bench = scene.bench
    old, new = outcome(scene)
    state = bench.model.snapshot()
    failed = 0
    for _ in failures(scene, state):
        failed += 1
        committed = kept(bench) != old
        assert not committed or name.startswith("ERASE")  # scrubbing comes behind the commit
        assert bench.raw(b"\x00\xc0\x00\x00\x00") == b"\x6f\x00"
        bench.power_on()
        assert kept(bench) == (new if committed else old)
    assert failed > 1


@pytest.mark.parametrize("name", SCENES)
def test_memory_that_fails_for_good(name: str) -> None:
    """SSC5-5.4-04, D14: from some page on nothing can be written: 6581; with the fault gone, the old or new state."""
    scene = SCENES[name]()
    bench = scene.bench
    old, new = outcome(scene)
    state = bench.model.snapshot()
    for number in range(1, TOO_MANY):
        bench.model.restore(state)
        with bench.on_bus(FailAt(number, for_good=True)) as plan:
            answer = bench.raw(scene.command)
            if plan.programs < number:
                break
            assert answer.hex() == "6581"
            assert len(bench.raw(bytes.fromhex("0084000008"))) >= 2
            bench.power_on()
            assert bench.x("00A40000023F00")[-4:] in ("9000", "6581")
        bench.power_on()
        assert kept(bench) in (old, new)
    bench.model.restore(state)
    assert bench.raw(scene.command).hex().upper() == scene.word


@pytest.mark.parametrize("name", COUNTED)
def test_page_failure_of_counters(name: str) -> None:
    """SSC5-5.4-04, D14: 6581; no right is given; a counter that was lowered stays low."""
    scene = COUNTED[name]()
    bench = scene.bench
    assert scene.counter is not None
    state = bench.model.snapshot()
    before = scene.counter(bench)
    found = []
    for _ in failures(scene, state):
        for command in scene.opens:
            assert bench.x(command) == "6982"
        found.append(scene.counter(bench))
    assert found[0] == before
    assert set(found) == ({before, before - 1} if scene.word == "9000" else {before})
    assert found == sorted(found, reverse=True)


def test_rights_after_success() -> None:
    """The scenes of counters do open something when nothing fails."""
    for make in COUNTED.values():
        scene = make()
        assert [scene.bench.x(command)[-4:] for command in scene.opens] == ["6982"]
        assert scene.bench.raw(scene.command).hex().upper() == scene.word
        expected = "9000" if scene.word == "9000" else "6982"
        assert [scene.bench.x(command)[-4:] for command in scene.opens] == [expected]


def test_restore_after_a_memory_that_failed() -> None:
    """D16: a card whose journal could not be repeated answers 6581, and a snapshot makes it sound again."""
    scene = COUNTED["VERIFY wrong"]()
    bench = scene.bench
    bench.power_on()
    bench.ssse()
    bench.power_on()
    state = bench.model.snapshot()
    bench.ssse()
    with bench.on_bus(PowerCutPlan(1)):
        assert bench.verify("000000") == ""
    with bench.on_bus(PageFailurePlan(EVERY_PAGE, None)):
        bench.power_on()
    assert bench.ssse() == "6581"
    bench.model.restore(state)
    assert bench.ssse() == "9000"


@pytest.mark.parametrize("name", SCENES)
def test_snapshot_of_a_memory_that_failed(name: str) -> None:
    """D14, D16: a cut, and at the reset no page can be written: 6581 to all, also from a snapshot; later repaired."""
    scene = SCENES[name]()
    bench = scene.bench
    old, new = outcome(scene)
    state = bench.model.snapshot()
    for after in range(1, TOO_MANY):
        bench.model.restore(state)
        with bench.on_bus(PowerCutPlan(after, 5)):
            if bench.raw(scene.command):
                break
        with bench.on_bus(PageFailurePlan(EVERY_PAGE, None)):
            assert bench.power_on().startswith("3B6")
        failed = bench.model.snapshot()
        answer = bench.x("00A40000023F00")
        for other in (state, failed):
            bench.model.restore(other)
        assert bench.model.selected() is None
        assert {"cos", "journal"} <= set(bench.model.ranges())
        assert bench.x("00A40000023F00") == answer
        bench.power_on()
        assert kept(bench) in (old, new)
