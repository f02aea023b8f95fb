"""The tables of card action analysis against what they speak of."""

import re
from collections.abc import Iterator

import pytest

from cardsim.decode.bits import ADA, CVR, Flags
from cardsim.pse import risk
from cardsim.pse.application import AMOUNT_SIZE, COUNTERS_SIZE, DUAL_TOTAL_AT, PIN_LIMIT_AT, Indicator
from cardsim.pse.counters import REMEMBERED
from cardsim.pse.memory import IssuerAuthentication
from cardsim.pse.risk import COMPLETIONS, Standing
from terminal.conformance.requirements import load_requirements

_KINDS = {"CVR_SECOND_TC", "CVR_SECOND_NOT_REQUESTED", "CVR_SECOND_MASK", "CVR_FIRST_TC", "CVR_FIRST_ARQC"}
"""Fields of two bits."""


def places(flags: Flags, size: int, first: int) -> set[int]:
    """The bits of a table as numbers."""
    return {1 << 8 * (first + size - 1 - byte) + bit - 1 for byte, bit in flags}


@pytest.mark.parametrize(("prefix", "flags", "size", "first"), [("CVR_", CVR, 3, 2), ("ADA_", ADA, 2, 1)])
def test_bits(prefix: str, flags: Flags, size: int, first: int) -> None:
    """PBOC-CVR-008: what the card sets and asks for are the bits that the decoder and the page name, no other."""
    names = {name for name in vars(risk) if name.startswith(prefix)} - _KINDS
    assert {getattr(risk, name) for name in names} == places(flags, size, first)
    assert len(names) == len(flags)


def _clauses() -> Iterator[str]:
    yield from (check.clause for check in (*risk.CHECKS, *risk.UNABLE_CHECKS))
    yield from (row.clause for row in COMPLETIONS.values())
    yield from (each.clause for each in REMEMBERED)


def test_clauses() -> None:
    """Each requirement that a row names exists."""
    named = {name for clause in _clauses() for name in re.findall(r"PBOC-[A-Z0-9]+-\d{3}", clause)}
    assert named <= set(load_requirements())


def test_remembered() -> None:
    """Every counter and mark of an application stands in the table once, but the PIN limit, which never changes."""
    assert {each.mark for each in REMEMBERED if each.mark is not None} == set(Indicator)
    cells = [at for each in REMEMBERED if each.mark is None for at in range(each.at, each.at + each.size)]
    marks = next(each.at for each in REMEMBERED if each.mark is not None)
    assert sorted([*cells, marks, PIN_LIMIT_AT]) == list(range(DUAL_TOTAL_AT + AMOUNT_SIZE))
    assert DUAL_TOTAL_AT + AMOUNT_SIZE <= COUNTERS_SIZE


@pytest.mark.parametrize(
    ("authentication", "aip", "mandatory", "expected"),
    [
        (IssuerAuthentication.PASSED, 0x7C00, True, Standing.PASSED),
        (IssuerAuthentication.PASSED, 0x7C00, False, Standing.PASSED),
        (IssuerAuthentication.FAILED, 0x7C00, True, Standing.FAILED),
        (IssuerAuthentication.FAILED, 0x7C00, False, Standing.FAILED),
        (IssuerAuthentication.NOT_PERFORMED, 0x7C00, True, Standing.MISSING),
        (IssuerAuthentication.NOT_PERFORMED, 0x7C00, False, Standing.OPTIONAL),
        (IssuerAuthentication.NOT_PERFORMED, 0x7800, True, Standing.UNSUPPORTED),
        (IssuerAuthentication.NOT_PERFORMED, 0x7800, False, Standing.UNSUPPORTED),
    ],
)
def test_standing(authentication: IssuerAuthentication, aip: int, mandatory: bool, expected: Standing) -> None:
    """PBOC-GA2-007 to 015: which row of the completions holds."""
    assert risk.standing(authentication, aip, mandatory=mandatory) is expected
    assert set(COMPLETIONS) == set(Standing)
