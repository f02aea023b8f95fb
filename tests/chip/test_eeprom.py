"""The EEPROM: pages, wear, tokens, windows, the bus."""

import pickle

import pytest

from cardsim.chip.eeprom import (
    DEFAULT_SIZE,
    ERASED,
    MAX_SIZE,
    MIN_SIZE,
    PAGE_SIZE,
    Eeprom,
    PageFailure,
    PowerCut,
)
from cardsim.chip.faults import BusMonitor
from cardsim.chip.journal import Journal
from cardsim.chip.partition import Partition
from tests.chip.support import Fail, Tear, cells_of


def blank(size: int = MIN_SIZE) -> Eeprom:
    return Eeprom(bytearray(bytes((ERASED,)) * size))


@pytest.mark.parametrize("size", [MIN_SIZE, DEFAULT_SIZE, MAX_SIZE])
def test_sizes_of_the_issue(size: int) -> None:
    assert (MIN_SIZE, DEFAULT_SIZE, MAX_SIZE, PAGE_SIZE) == (32768, 81920, 262144, 64)
    assert blank(size).size == size
    assert len(blank(size).wear) == size // 64


@pytest.mark.parametrize("size", [0, MIN_SIZE - PAGE_SIZE, MIN_SIZE + 1, MAX_SIZE + PAGE_SIZE])
def test_other_sizes_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match="32768 to 262144 bytes in pages of 64"):
        Eeprom(bytearray(size))


def test_a_program_sets_its_cells_and_no_others() -> None:
    eeprom = blank()
    eeprom.program(100, b"abc")
    assert cells_of(eeprom) == b"\xff" * 100 + b"abc" + b"\xff" * (MIN_SIZE - 103)
    assert eeprom.memory[101] == ord("b")
    assert bytes(eeprom.memory[99:104]) == b"\xffabc\xff"


@pytest.mark.parametrize(("address", "length"), [(63, 2), (0, 65), (64, 65), (127, 66), (-1, 1), (-64, 64), (-1, 2)])
def test_a_program_stays_inside_one_page(address: int, length: int) -> None:
    eeprom = blank()
    with pytest.raises(ValueError, match="inside one page"):
        eeprom.program(address, bytes(length))
    assert cells_of(eeprom) == b"\xff" * MIN_SIZE
    assert (sum(eeprom.wear), eeprom.programs, eeprom.generation) == (0, 0, 1)


@pytest.mark.parametrize(("address", "length"), [(0, 64), (64, 64), (63, 1), (MIN_SIZE - 64, 64), (MIN_SIZE - 1, 1)])
def test_whole_pages_and_their_last_cells(address: int, length: int) -> None:
    eeprom = blank()
    eeprom.program(address, bytes(length))
    assert bytes(eeprom.memory[address : address + length]) == bytes(length)


def test_nothing_is_programmed_behind_the_last_page() -> None:
    eeprom = blank()
    with pytest.raises((ValueError, IndexError)):
        eeprom.program(MIN_SIZE, b"\0")
    assert cells_of(eeprom) == b"\xff" * MIN_SIZE


def test_memory_cannot_be_written_through() -> None:
    eeprom = blank()
    memory = eeprom.memory
    assert isinstance(memory, memoryview)
    assert memory.readonly
    window = eeprom.window(0, 64)
    assert isinstance(window, memoryview)
    assert window.readonly


def test_wear_counts_each_program_of_a_page() -> None:
    eeprom = blank()
    for _ in range(3):
        eeprom.program(70, b"x")
    eeprom.program(0, bytes(64))
    assert list(eeprom.wear)[:3] == [1, 3, 0]
    assert (sum(eeprom.wear), eeprom.programs) == (4, 4)


def test_wear_counts_torn_programs_and_no_failed_or_cut_ones() -> None:
    eeprom = blank()
    eeprom.attach(Tear(0, 2, 0x11))
    with pytest.raises(PowerCut):
        eeprom.program(64, b"abcd")
    assert bytes(eeprom.memory[64:68]) == b"ab\x11\xff"
    eeprom.attach(Fail(lambda _n, _page: True))
    with pytest.raises(PageFailure):
        eeprom.program(64, b"abcd")
    assert bytes(eeprom.memory[64:68]) == b"ab\x11\xff"
    assert eeprom.wear[1] == 1


def test_wear_goes_on_from_counters_that_are_given() -> None:
    wear = [5] * (MIN_SIZE // PAGE_SIZE)
    Eeprom(bytearray(MIN_SIZE), wear).program(0, b"x")
    assert wear[:2] == [6, 5]


# --- tokens ------------------------------------------------------------------------------------------------------


def test_a_program_draws_a_new_generation() -> None:
    eeprom = blank()
    seen = {eeprom.generation}
    for n in range(10):
        eeprom.program(n * 10, b"x")
        assert eeprom.generation not in seen
        seen.add(eeprom.generation)


def test_layout_changes_with_directory_pages_only() -> None:
    eeprom = blank()
    eeprom.mark_directory(100, 200)
    layout = eeprom.layout
    for address in (0, 63, 256):
        eeprom.program(address, b"x")
        assert eeprom.layout == layout
    for address in (64, 128, 255):
        eeprom.program(address, b"x")
        assert eeprom.layout == eeprom.generation != layout
        layout = eeprom.layout


def test_a_refused_program_leaves_the_tokens() -> None:
    eeprom = blank()
    eeprom.mark_directory(0, 64)
    before = (eeprom.generation, eeprom.layout)
    eeprom.attach(Fail(lambda _n, _page: True))
    with pytest.raises(PageFailure):
        eeprom.program(0, b"x")
    assert (eeprom.generation, eeprom.layout) == before


def test_a_torn_program_draws_new_tokens() -> None:
    eeprom = blank()
    eeprom.mark_directory(0, 64)
    before = (eeprom.generation, eeprom.layout)
    eeprom.attach(Tear(0, 1, 0))
    with pytest.raises(PowerCut):
        eeprom.program(0, b"xyz")
    assert eeprom.generation != before[0]
    assert eeprom.layout != before[1]


def test_announced_cells_draw_new_tokens() -> None:
    eeprom = blank()
    eeprom.mark_directory(128, 192)
    before = (eeprom.generation, eeprom.layout)
    eeprom.announce(100, 28)
    assert eeprom.generation != before[0]
    assert eeprom.layout == before[1]
    eeprom.announce(100, 29)
    assert eeprom.layout == eeprom.generation != before[1]


def test_touch_draws_both_tokens() -> None:
    eeprom = blank()
    eeprom.touch()
    assert eeprom.generation == eeprom.layout != 1


def test_reading_leaves_the_tokens() -> None:
    eeprom = blank()
    assert (eeprom.memory[0], bytes(eeprom.window(0, 2)[:])) == (0xFF, b"\xff\xff")
    eeprom.snapshot()
    assert (eeprom.generation, eeprom.layout) == (1, 1)


def test_restore_brings_content_and_tokens_back_and_never_reuses_one() -> None:
    eeprom = blank()
    eeprom.mark_directory(0, 64)
    eeprom.program(0, b"old")
    snapshot = eeprom.snapshot()
    named = {(eeprom.generation, eeprom.layout): cells_of(eeprom)}
    for round_ in range(5):
        eeprom.program(0, bytes((round_,)))
        key = (eeprom.generation, eeprom.layout)
        assert key not in named
        named[key] = cells_of(eeprom)
        eeprom.restore(snapshot)
        assert cells_of(eeprom) == snapshot.cells
        assert (eeprom.generation, eeprom.layout) == (snapshot.generation, snapshot.layout)


def test_a_foreign_snapshot_draws_new_tokens() -> None:
    one, two = blank(), blank()
    one.program(0, b"one")
    two.program(0, b"two")
    assert one.generation == two.generation
    before = (two.generation, two.layout)
    two.restore(one.snapshot())
    assert bytes(two.memory[:3]) == b"one"
    assert two.generation not in (before[0], one.generation)
    assert two.layout not in (before[1], one.layout)


def test_a_snapshot_from_another_process_is_foreign() -> None:
    """Whatever addresses the objects have there and here: the content comes back, under new tokens."""
    eeprom = blank()
    eeprom.program(0, b"kept")
    snapshot = pickle.loads(pickle.dumps(eeprom.snapshot()))
    eeprom.program(0, b"lost")
    before = eeprom.generation
    eeprom.restore(snapshot)
    assert bytes(eeprom.memory[:4]) == b"kept"
    assert eeprom.generation not in (before, snapshot.generation)
    assert eeprom.layout == eeprom.generation


def test_restore_leaves_the_wear() -> None:
    eeprom = blank()
    snapshot = eeprom.snapshot()
    eeprom.program(0, b"x")
    eeprom.restore(snapshot)
    assert eeprom.wear[0] == 1


# --- windows and the bus -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("watched", [False, True])
def test_a_window_shows_its_range_and_no_more(watched: bool) -> None:
    eeprom = blank()
    if watched:
        eeprom.attach(BusMonitor())
    eeprom.program(128, b"in")
    eeprom.program(192, b"out")
    window = eeprom.window(128, 64)
    assert bytes(window[0:2]) == b"in"
    assert len(window[0:1000]) == 64
    assert bytes(window[:]) == b"in" + b"\xff" * 62
    assert window[-1] == 0xFF
    for index in (64, -65):
        with pytest.raises(IndexError):
            window[index]
    eeprom.program(130, b"!")
    assert window[2] == ord("!")


def test_the_monitor_notes_pages_read_and_programmed() -> None:
    eeprom = blank()
    monitor = BusMonitor()
    eeprom.attach(monitor)
    assert eeprom.memory[64] == 0xFF
    assert len(eeprom.memory[191:193]) == 2
    assert len(eeprom.window(640, 128)[64:65]) == 1
    assert eeprom.window(1280, 128)[-1] == 0xFF
    assert monitor.read == {1, 2, 3, 11, 21}
    assert monitor.programmed == set()
    eeprom.program(MIN_SIZE - 1, b"x")
    assert monitor.programmed == {MIN_SIZE // PAGE_SIZE - 1}
    monitor.clear()
    assert (monitor.read, monitor.programmed) == (set(), set())


class Holder:
    """Counts what a holder of a window is told."""

    def __init__(self, eeprom: Eeprom) -> None:
        self.window = eeprom.window(0, 64)
        self.renewed = 0

    def renew(self) -> None:
        self.renewed += 1

    def release(self) -> None:
        assert isinstance(self.window, memoryview)
        self.window.release()


def test_holders_of_windows_hear_of_a_bus_that_comes_and_goes_as_long_as_they_live() -> None:
    eeprom = blank()
    holder = Holder(eeprom)
    eeprom.hold(holder)
    eeprom.attach(BusMonitor())
    eeprom.attach(None)
    assert holder.renewed == 2
    del holder
    eeprom.attach(None)
    monitor = BusMonitor()
    eeprom.attach(monitor)
    eeprom.attach(None)
    assert eeprom.memory[0] == 0xFF
    eeprom.program(0, b"x")
    assert (monitor.read, monitor.programmed) == (set(), set())


def test_cells_can_be_freed_while_something_is_on_the_bus() -> None:
    buffer = bytearray(MIN_SIZE)
    eeprom = Eeprom(buffer)
    partition = Partition(eeprom, Journal(eeprom, 0, 2048), 4096, 64)
    eeprom.attach(BusMonitor())
    assert partition.memory[0] == 0
    eeprom.release()
    buffer.extend(b"free")
    assert len(buffer) == MIN_SIZE + 4


def test_released_cells_can_be_freed() -> None:
    buffer = bytearray(MIN_SIZE)
    eeprom = Eeprom(buffer)
    holder = Holder(eeprom)
    eeprom.hold(holder)
    assert holder.window[0] == 0
    eeprom.release()
    buffer.extend(b"free")
    assert len(buffer) == MIN_SIZE + 4
