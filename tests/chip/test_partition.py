"""Partitions: bounded, staged and early writes, scrub."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardsim.chip.eeprom import MIN_SIZE, PAGE_SIZE, Eeprom
from cardsim.chip.faults import BusMonitor
from cardsim.chip.journal import Journal
from cardsim.chip.partition import OutsidePartition, Partition
from tests.chip.support import BASE, HOME, cells_of, chip, home

START = HOME + 10 * PAGE_SIZE
SIZE = 4 * PAGE_SIZE

Access = Callable[[Partition, int, int], object]
ACCESSES: list[Access] = [
    lambda partition, offset, length: partition.read(offset, length),
    lambda partition, offset, length: partition.write(offset, bytes(length)),
    lambda partition, offset, length: partition.write_early(offset, bytes(length)),
    lambda partition, offset, length: partition.mark_directory(offset, offset + length),
    lambda partition, offset, length: partition.scrub(offset, offset + length),
]


def made() -> tuple[Eeprom, Journal, Partition]:
    eeprom, journal = chip()
    return eeprom, journal, Partition(eeprom, journal, START, SIZE)


@pytest.mark.parametrize("access", ACCESSES, ids=["read", "write", "early", "mark", "scrub"])
@pytest.mark.parametrize(("offset", "length"), [(-1, 1), (-1, 2), (-SIZE, 1), (SIZE, 1), (SIZE - 1, 2), (0, SIZE + 1)])
def test_no_access_reaches_outside(access: Access, offset: int, length: int) -> None:
    eeprom, journal, partition = made()
    before = (eeprom.generation, eeprom.layout)
    with pytest.raises(OutsidePartition, match="bytes at"):
        access(partition, offset, length)
    journal.commit()
    assert cells_of(eeprom) == BASE
    assert (eeprom.generation, eeprom.layout) == before


@pytest.mark.parametrize("start", [-1, -PAGE_SIZE])
def test_ranges_that_no_partition_has(start: int) -> None:
    eeprom, journal = chip()
    for at, size in ((start, PAGE_SIZE), (0, 0), (0, -1), (MIN_SIZE - PAGE_SIZE, PAGE_SIZE + 1), (MIN_SIZE, 1)):
        with pytest.raises(OutsidePartition, match="no range"):
            Partition(eeprom, journal, at, size)


def test_lengths_below_zero_are_refused() -> None:
    _, _, partition = made()
    with pytest.raises(OutsidePartition):
        partition.read(5, -1)
    with pytest.raises(OutsidePartition):
        partition.scrub(10, 5)


def test_first_and_last_cell() -> None:
    eeprom, _, partition = made()
    partition.write_early(0, b"a")
    partition.write_early(SIZE - 1, b"z")
    assert partition.read(0, SIZE) == b"a" + BASE[START + 1 : START + SIZE - 1] + b"z"
    changed = bytearray(BASE)
    changed[START], changed[START + SIZE - 1] = ord("a"), ord("z")
    assert home(cells_of(eeprom)) == home(bytes(changed))


def test_the_whole_range_in_one_write() -> None:
    eeprom, _, partition = made()
    partition.write(0, bytes(SIZE))
    partition.commit()
    assert home(cells_of(eeprom)) == home(BASE[:START] + bytes(SIZE) + BASE[START + SIZE :])


def test_staged_data_are_read_back_and_not_in_the_cells() -> None:
    eeprom, journal, partition = made()
    partition.write(60, b"new content")
    assert partition.read(58, 15) == BASE[START + 58 : START + 60] + b"new content" + BASE[START + 71 : START + 73]
    assert bytes(partition.memory[60:71]) == BASE[START + 60 : START + 71]
    assert cells_of(eeprom) == BASE
    journal.discard()
    assert partition.read(60, 11) == BASE[START + 60 : START + 71]
    assert cells_of(eeprom) == BASE


@given(
    st.lists(st.tuples(st.integers(0, SIZE - 1), st.binary(max_size=40)), max_size=8),
    st.integers(0, SIZE),
    st.integers(0, SIZE),
)
def test_reads_see_all_staged_writes_in_their_order(writes: list[tuple[int, bytes]], one: int, two: int) -> None:
    eeprom, _, partition = made()
    expected = bytearray(BASE[START : START + SIZE])
    for offset, data in writes:
        fitting = data[: SIZE - offset]
        partition.write(offset, fitting)
        expected[offset : offset + len(fitting)] = fitting
    low, high = sorted((one, two))
    assert partition.read(low, high - low) == expected[low:high]
    assert cells_of(eeprom) == BASE
    partition.commit()
    assert bytes(partition.memory[:]) == expected


def test_partitions_side_by_side_do_not_meet() -> None:
    eeprom, journal, low = made()
    high = Partition(eeprom, journal, START + SIZE, SIZE)
    low.write(SIZE - 3, b"low")
    high.write(0, b"high")
    assert (low.read(SIZE - 3, 3), high.read(0, 4)) == (b"low", b"high")
    low.commit()
    assert bytes(eeprom.memory[START + SIZE - 3 : START + SIZE + 4]) == b"lowhigh"


def test_a_partition_follows_a_bus_that_comes_and_goes() -> None:
    eeprom, _, partition = made()
    monitor = BusMonitor()
    eeprom.attach(monitor)
    partition.read(64, 1)
    assert monitor.read == {START // PAGE_SIZE + 1}
    assert partition.memory[128] == BASE[START + 128]
    assert monitor.read == {START // PAGE_SIZE + 1, START // PAGE_SIZE + 2}
    eeprom.attach(None)
    monitor.clear()
    partition.read(0, SIZE)
    assert monitor.read == set()


def test_tokens_and_directory_of_the_partition() -> None:
    eeprom, _, partition = made()
    partition.mark_directory(PAGE_SIZE, 2 * PAGE_SIZE)
    layout = partition.tokens.layout
    partition.write_early(0, b"x")
    partition.write_early(2 * PAGE_SIZE, b"x")
    eeprom.program(PAGE_SIZE, b"x")
    assert partition.tokens.layout == layout
    partition.write_early(2 * PAGE_SIZE - 1, b"x")
    assert partition.tokens.layout == partition.tokens.generation != layout


@given(st.integers(0, SIZE), st.integers(0, SIZE))
def test_scrub_makes_zeros_of_its_range_and_of_nothing_else(one: int, two: int) -> None:
    eeprom, _, partition = made()
    low, high = sorted((one, two))
    partition.scrub(low, high)
    assert cells_of(eeprom) == BASE[: START + low] + bytes(high - low) + BASE[START + high :]
    programs = eeprom.programs
    partition.scrub(low, high)
    assert eeprom.programs == programs, "what is zero already is not programmed again"
