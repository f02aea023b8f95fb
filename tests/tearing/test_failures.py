"""Pages that fail to program, once or for good, in the scenarios of the sweep."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from cardsim.chip.faults import EVERY_PAGE, PageFailurePlan, PowerCutPlan
from cardsim.control import ModelState
from cardsim.making.structure import load_profile
from tests.cards import DUAL, Bench
from tests.tearing import management, social
from tests.tearing.plans import FailAt
from tests.tearing.scene import Act, Scene, Setting, Step, has_ssse
from tests.tearing.sweep import outside_journal
from tests.tearing.table import SCENARIOS

TOO_MANY = 200
SOCIAL = [scenario.name for table in (management, social) for scenario in table.SCENARIOS if scenario.needs is has_ssse]
COUNTED = [
    "card-authentication", "card-authentication-wrong", "master-authentication", "master-authentication-wrong",
    "verify", "verify-wrong", "authentication", "authentication-wrong",
]  # fmt: skip
"""Scenarios whose command first lowers a try counter, and opens something."""
WHOLE = [name for name in SOCIAL if name not in (*COUNTED, "pin-change")]
"""Scenarios whose command is one transaction (ERASE then scrubs what it has given up)."""


@dataclass
class Ready:
    """A scenario whose first command is about to be sent."""

    scene: Scene
    act: Act
    state: ModelState
    old: bytes = field(repr=False)
    new: bytes = field(repr=False)

    @property
    def bench(self) -> Bench:
        """The card."""
        assert isinstance(self.scene.bench, Bench)
        return self.scene.bench

    @property
    def step(self) -> Step:
        """The command."""
        return self.scene.steps[0]


def ready(name: str) -> Ready:
    """The moment before the command, and the cells before it and after it and a reset."""
    scene = SCENARIOS[name].make(Setting(load_profile(DUAL)))
    bench = scene.bench
    bench.power_on()
    act = scene.steps[0].start()
    state, old = bench.model.snapshot(), outside_journal(bench)
    assert act() == scene.steps[0].word
    bench.power_on()
    new = outside_journal(bench)
    bench.model.restore(state)
    return Ready(scene, act, state, old, new)


def failures(run: Ready) -> Iterator[None]:
    """Page programs 1, 2, 3 … fail, one at a time and each answered 6581, until none is left."""
    for number in range(1, TOO_MANY):
        run.bench.model.restore(run.state)
        with run.bench.on_bus(FailAt(number)) as plan:
            word = run.act()
        if plan.programs < number:
            assert word == run.step.word
            return
        assert word == "6581"
        yield
    raise AssertionError(f"more than {TOO_MANY} page programs")


@pytest.mark.parametrize("name", WHOLE)
def test_page_failure(name: str) -> None:
    """SSC5-5.4-04, D14: a page that fails once: 6581 and the old data, at whatever page; the card goes on."""
    run = ready(name)
    failed = 0
    for _ in failures(run):
        failed += 1
        committed = outside_journal(run.bench) != run.old
        assert not committed or name.startswith("erase")  # scrubbing comes behind the commit
        assert run.bench.raw(b"\x00\xc0\x00\x00\x00") == b"\x6f\x00"
        run.bench.power_on()
        assert outside_journal(run.bench) == (run.new if committed else run.old)
    assert failed > 1


@pytest.mark.parametrize("name", WHOLE)
def test_memory_that_fails_for_good(name: str) -> None:
    """SSC5-5.4-04, D14: from some page on nothing can be written: 6581; with the fault gone, the old or new state."""
    run = ready(name)
    bench = run.bench
    for number in range(1, TOO_MANY):
        bench.model.restore(run.state)
        with bench.on_bus(FailAt(number, for_good=True)) as plan:
            word = run.act()
            if plan.programs < number:
                break
            assert word == "6581"
            assert len(bench.raw(bytes.fromhex("0084000008"))) >= 2
            bench.power_on()
            assert bench.x("00A40000023F00")[-4:] in ("9000", "6581")
        bench.power_on()
        assert outside_journal(bench) in (run.old, run.new)
    bench.model.restore(run.state)
    assert run.act() == run.step.word


@pytest.mark.parametrize("name", COUNTED)
def test_page_failure_of_counters(name: str) -> None:
    """SSC5-5.4-04, D14: 6581; no right is given; a counter that was lowered stays low."""
    run = ready(name)
    before, taken = (int(tries) for tries in _tries(run))
    found = []
    for _ in failures(run):
        for command in run.step.opens:
            assert run.bench.x(command) == "6982"
        run.bench.power_on()
        found.append(int(run.scene.look()["tries left"]))
    assert found[0] == before
    assert set(found) == ({before, taken} if run.step.word == "9000" else {before})
    assert found == sorted(found, reverse=True)


def _tries(run: Ready) -> tuple[str, str]:
    """Tries before the command, and when one of them is taken."""
    run.bench.power_on()
    before = run.scene.look()["tries left"]
    run.bench.model.restore(run.state)
    return before, str(int(before) - 1)


@pytest.mark.parametrize("name", COUNTED)
def test_rights_after_success(name: str) -> None:
    """The commands that a counter guards do open something when nothing fails."""
    run = ready(name)
    assert run.step.opens
    assert [run.bench.x(command)[-4:] for command in run.step.opens] == ["6982"]
    run.bench.model.restore(run.state)
    assert run.act() == run.step.word
    expected = "9000" if run.step.word == "9000" else "6982"
    assert [run.bench.x(command)[-4:] for command in run.step.opens] == [expected]


def test_restore_after_a_memory_that_failed() -> None:
    """D16: a card whose journal could not be repeated answers 6581, and a snapshot makes it sound again."""
    run = ready("verify-wrong")
    bench = run.bench
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


@pytest.mark.parametrize("name", WHOLE)
def test_snapshot_of_a_memory_that_failed(name: str) -> None:
    """D14, D16: a cut, and at the reset no page can be written: 6581 to all, also from a snapshot; later repaired."""
    run = ready(name)
    bench = run.bench
    for after in range(1, TOO_MANY):
        bench.model.restore(run.state)
        with bench.on_bus(PowerCutPlan(after, 5)):
            if run.act():
                break
        with bench.on_bus(PageFailurePlan(EVERY_PAGE, None)):
            assert bench.power_on().startswith("3B6")
        failed = bench.model.snapshot()
        answer = bench.x("00A40000023F00")
        for other in (run.state, failed):
            bench.model.restore(other)
        assert bench.model.selected() is None
        assert {"cos", "journal"} <= set(bench.model.ranges())
        assert bench.x("00A40000023F00") == answer
        bench.power_on()
        assert outside_journal(bench) in (run.old, run.new)
