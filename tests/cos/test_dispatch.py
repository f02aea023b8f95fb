"""Rows made ready for dispatch: commands that share CLA INS and differ in P1 P2."""

from cardsim.cos.dispatch import Level
from cardsim.cos.table import Command, Parameters
from cardsim.iso7816.apdu import Case


def _row(name: str, p1: int, case: Case, lc: tuple[int, ...] = ()) -> Command:
    return Command(name, 0xB0, 0x56, case, (Parameters((p1,), (0,)),), (), "none", lc=lc)


def test_each_of_two_commands_of_one_header_keeps_its_own_case_and_lengths() -> None:
    """B0 56: P1 00 sets the starting day, P1 01 reads it; neither is the other's data length or case."""
    set_day, get_day = _row("SET", 0, Case.COMMAND, (2,)), _row("GET", 1, Case.RESPONSE)
    level = Level((set_day, get_day), {"SET": lambda *_: b"", "GET": lambda *_: b"day"})
    first = level.rows[b"\xb0\x56"]
    assert [first.allowed[p1][0] for p1 in (0, 1, 2)] == [1, 2, 0]
    assert first.allowed[1][1] == 0
    assert first.command is set_day
    assert first.others[0].command is get_day
    assert (first.lc[2], first.others[0].lc[2]) == (1, 0)
    assert [row.command for row in level.every_row()] == [set_day, get_day]
