"""Power cuts at every page program, and inside each: the terminal transaction number and the keys (PSAM-166, D13)."""

from collections.abc import Iterator

import pytest

from cardsim.chip.eeprom import PAGE_SIZE
from tests.psam.desk import CARD, SX2, Desk, init_data, of_cells, record
from tests.psams import made_psam

INSIDE = (None, 1, PAGE_SIZE // 2, PAGE_SIZE - 1)
VALUE = bytes(range(0x30, 0x40))


def cuts(name: str, prepare: str) -> Iterator[tuple[Desk, bytes, bytes]]:
    """A PSAM, a command and its answer, cut at each program step in turn; the last answer is a whole one."""
    cells, keys = made_psam()
    for after in range(40):
        for inside in INSIDE:
            desk = of_cells(cells, keys).enter(name)
            if prepare == "init":
                algorithm = desk.suite.key_algorithm_byte
                command = bytes.fromhex(init_data(CARD, algorithm=algorithm))
            else:
                assert desk.authenticate(3 if prepare == "create" else 1) == "9000"
                plain = record(0x07, 0x80, VALUE, desk.suite) if prepare == "create" else b"\x67\x08\x00" + VALUE
                p1, file = (0, 0x13) if prepare == "create" else (1, 0x11)
                command = desk.sealed(p1, file, plain)
            desk.model.cut(after, inside)
            answer = desk.model.transmit(command)
            desk.model.mend()
            if answer and inside is None:
                yield desk, command, answer
                return
            assert not answer or inside is not None
            desk.model.power_on()
            desk.enter(name)
            yield desk, command, answer
    raise AssertionError("the command does not end")


@pytest.mark.parametrize("name", ["7378312E73682EC9E7BBE1B1A3D5CF", SX2], ids=["sx1", "sx2"])
def test_no_transaction_number_comes_twice(name: str) -> None:
    """INIT SAM: whatever the moment of the cut, a number that was answered, or may have been, is not given again."""
    seen = 0
    for desk, command, answer in cuts(name, "init"):
        stored = int(desk.x("00B0990004")[:8], 16)
        assert stored == 1 if answer else stored in (0, 1)
        again = desk.send(command)
        assert int.from_bytes(again[:4], "big") == stored
        seen += 1
    assert seen > 4


@pytest.mark.parametrize("name", ["7378312E73682EC9E7BBE1B1A3D5CF", SX2], ids=["sx1", "sx2"])
def test_create_key_is_whole_or_not_at_all(name: str) -> None:
    """CREATE KEY: the key is there and works, or it is not there and can be created; nothing else changes."""
    seen = {"there": 0, "not there": 0}
    for desk, command, answer in cuts(name, "create"):
        state = desk.deliver(0x07, 0x80)
        assert state in ("9000", "6A88")
        seen["there" if state == "9000" else "not there"] += 1
        if answer:
            assert state == "9000"
        assert desk.send(command) == b"\x69\x82" or answer, "the right is gone with the power"
        assert desk.authenticate(3) == "9000"
        assert desk.create(0x13, 0x07, 0x80, VALUE) == ("6A80" if state == "9000" else "9000")
        assert desk.create(0x13, 0x07, 0x81, VALUE) == "9000"
        assert [desk.deliver(0x07, number) for number in (0x80, 0x81)] == ["9000", "9000"]
        assert desk.deliver(0x67, 0x08, *(CARD,) * 3) == "9000"
    assert min(seen.values()) > 0


def test_change_key_is_the_old_one_or_the_new_one() -> None:
    """CHANGE KEY: the session key is that of one of the two values."""
    cells, keys = made_psam()
    results = set()
    wanted = []
    for change in (False, True):
        desk = of_cells(cells, keys).enter()
        if change:
            assert desk.authenticate(1) == "9000"
            assert desk.change(0x11, 0x67, 0x08, VALUE) == "9000"
        assert desk.deliver(0x67, 0x08, *(CARD,) * 3) == "9000"
        wanted.append(desk.cipher(0, bytes(8)))
    for desk, _, _ in cuts("7378312E73682EC9E7BBE1B1A3D5CF", "change"):
        assert desk.deliver(0x67, 0x08, *(CARD,) * 3) == "9000"
        results.add(desk.cipher(0, bytes(8)))
    assert results == set(wanted)


def test_page_failure_at_init() -> None:
    """6581: no number was given, none is lost, and no purchase is open."""
    desk = of_cells(*made_psam()).enter()
    desk.model.fail_pages()
    assert desk.sw(init_data(CARD)) == "6581"
    desk.model.mend()
    assert desk.x("00B0990004") == "000000009000"
    assert desk.sw("807200000400000000") == "6901"
    assert desk.x(init_data(CARD))[:8] == "00000000"
