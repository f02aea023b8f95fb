"""What can be put on the bus: monitor, power cut, failing pages."""

import pytest

from cardsim.chip.eeprom import MIN_SIZE, PAGE_SIZE, Eeprom, PageFailure, PowerCut, TornProgram
from cardsim.chip.faults import EVERY_PAGE, BusMonitor, PageFailurePlan, PowerCutPlan


def made() -> Eeprom:
    return Eeprom(bytearray(b"\xff" * MIN_SIZE))


@pytest.mark.parametrize("after", range(4))
def test_a_cut_before_a_program(after: int) -> None:
    eeprom = made()
    eeprom.attach(PowerCutPlan(after))
    for n in range(after):
        eeprom.program(n * PAGE_SIZE, b"done")
    for _ in range(3):
        with pytest.raises(PowerCut):
            eeprom.program(after * PAGE_SIZE, b"lost")
    assert [bytes(eeprom.memory[n * 64 : n * 64 + 4]) for n in range(5)] == [b"done"] * after + [b"\xff" * 4] * (
        5 - after
    )


@pytest.mark.parametrize("inside", range(6))
def test_a_cut_inside_a_program(inside: int) -> None:
    """So many cells are new, the next is neither old nor new, the others are old."""
    eeprom = made()
    eeprom.attach(PowerCutPlan(1, inside))
    eeprom.program(0, b"done")
    with pytest.raises(TornProgram):
        eeprom.program(64, b"torn")
    cells = bytes(eeprom.memory[64:70])
    assert cells[:inside] == b"torn\xff\xff"[:inside]
    assert cells[inside + 1 :] == b"\xff" * len(cells[inside + 1 :])
    if inside < 4:
        assert cells[inside] not in (0xFF, b"torn"[inside])
    else:
        assert cells == b"torn\xff\xff"


def test_after_the_torn_program_nothing_is_programmed() -> None:
    eeprom = made()
    eeprom.attach(PowerCutPlan(0, 2))
    with pytest.raises(TornProgram):
        eeprom.program(0, b"torn")
    after = eeprom.snapshot().cells
    with pytest.raises(PowerCut):
        eeprom.program(64, b"more")
    assert eeprom.snapshot().cells == after


def test_a_plan_does_not_disturb_reading() -> None:
    eeprom = made()
    eeprom.attach(PowerCutPlan(0))
    assert bytes(eeprom.memory[0:2]) == b"\xff\xff"
    eeprom.attach(PageFailurePlan(EVERY_PAGE, None))
    assert eeprom.memory[0] == 0xFF


def test_a_page_fails_once() -> None:
    eeprom = made()
    eeprom.attach(PageFailurePlan(lambda page: page == 2))
    eeprom.program(0, b"x")
    with pytest.raises(PageFailure):
        eeprom.program(130, b"x")
    assert eeprom.memory[130] == 0xFF
    eeprom.program(130, b"x")
    assert eeprom.memory[130] == ord("x")


@pytest.mark.parametrize("times", [0, 1, 3])
def test_pages_fail_so_many_times(times: int) -> None:
    eeprom = made()
    eeprom.attach(PageFailurePlan(EVERY_PAGE, times))
    for page in range(times):
        with pytest.raises(PageFailure):
            eeprom.program(page * 64, b"x")
    eeprom.program(0, b"x")


def test_a_page_fails_for_good() -> None:
    eeprom = made()
    eeprom.attach(PageFailurePlan(lambda page: page >= 4, None))
    for _ in range(10):
        with pytest.raises(PageFailure):
            eeprom.program(256, b"x")
        eeprom.program(255, b"x")
    eeprom.attach(None)
    eeprom.program(256, b"x")


def test_the_monitor_notes_every_page_of_a_read() -> None:
    monitor = BusMonitor()
    monitor.on_read(60, 10)
    assert monitor.read == {0, 1}
    monitor.on_read(128, 64)
    monitor.on_read(320, 0)
    assert monitor.read == {0, 1, 2, 5}
    monitor.on_program(64 * 9 + 63, b"x")
    assert monitor.programmed == {9}
