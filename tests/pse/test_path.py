"""The choice between debit and electronic cash: each condition of the table alone, and PDOLs of every form."""

from dataclasses import replace
from typing import Any

import pytest

from cardsim.iso7816.tlv import ber
from cardsim.making.station import MakingError
from cardsim.pse.application import INDICATORS_AT, Indicator
from cardsim.pse.choices import ORDINARY, Choice
from cardsim.pse.path import CONDITIONS, PathFacts, first_failing
from tests.cards import AID, Bench, unhex
from tests.pse.deal import CASH_AFL, DEBIT_AFL, MERCHANT
from tests.pse.perso import amount, pay, poke

YUAN, DOLLAR = b"\x01\x56", b"\x08\x40"
GOOD = PathFacts(
    currency=YUAN, own_currency=YUAN, wish=b"\x01", amount=1000, balance=1000, limit=1000, indicators=0, pin_limit=3,
    pin_tries=1, choices=ORDINARY,
)  # fmt: skip
ALONE: dict[str, dict[str, Any]] = {
    "PBOC-GPO-005": {"currency": DOLLAR},
    "PBOC-GPO-006": {"wish": b"\x02"},
    "PBOC-GPO-014": {"amount": None},
    "PBOC-GPO-007": {"balance": 999},
    "PBOC-GPO-008": {"limit": 999},
    "PBOC-EC-011": {"amount": 0, "choices": Choice.ZERO_CASH_REFUSED},
    "PBOC-GPO-009": {"indicators": Indicator.AUTHENTICATION_FAILED},
    "PBOC-GPO-010": {"indicators": Indicator.SCRIPT_FAILED},
    "PBOC-GPO-012": {"indicators": Indicator.ONLINE, "choices": Choice.UNCOMPLETED_CLOSES_CASH},
    "PBOC-GPO-011": {"pin_tries": 0},
}
"""What breaks one condition and no other."""


def test_order() -> None:
    """Fact sheet §1.4: currency, indicator, balance, limit, failures, PIN; each with its requirement."""
    assert [condition.requirement for condition in CONDITIONS] == list(ALONE)
    assert first_failing(GOOD) is None


@pytest.mark.parametrize("number", range(len(CONDITIONS)), ids=list(ALONE))
def test_each_condition_alone(number: int) -> None:
    """PBOC-GPO-005 to PBOC-GPO-014: each condition keeps electronic cash away by itself, and wins over those behind."""
    changes = list(ALONE.values())
    broken = replace(GOOD, **changes[number])
    assert [condition.holds(broken) for condition in CONDITIONS].count(False) == 1
    assert first_failing(broken) is CONDITIONS[number]
    for later in changes[number + 1 :]:
        both = replace(broken, **{key: value for key, value in later.items() if key not in changes[number]})
        if not CONDITIONS[number].holds(both):
            assert first_failing(both) is CONDITIONS[number]


@pytest.mark.parametrize(
    "more",
    [{"pin_limit": 0, "pin_tries": 0}, {"indicators": Indicator.ONLINE}, {"amount": 0}, {"indicators": 0x0C},
     {"balance": 10**12 - 1, "limit": 10**12 - 1, "amount": 10**12 - 1}],
)  # fmt: skip
def test_what_closes_nothing(more: dict[str, Any]) -> None:
    """PBOC-GPO-011, PBOC-GPO-012, PBOC-EC-011: no PIN, an uncompleted transaction, SDA or DDA failed, zero."""
    assert first_failing(replace(GOOD, **more)) is None


# --- PDOLs ---------------------------------------------------------------------------------------------------------

FORMS = {
    "usual": ("9F7A019F02065F2A02", "01 000000001000 0156", CASH_AFL),
    "SCSH": ("9F1A029F7A019F02065F2A029F4E14", f"0156 01 000000001000 0156 {MERCHANT}", CASH_AFL),
    "other order": ("5F2A029F02069F7A01", "0156 000000001000 01", CASH_AFL),
    "a tag of length zero": ("9F7A019F02065F2A029F3700", "01 000000001000 0156", CASH_AFL),
    "a tag twice": ("9F7A019F02065F2A029F0206", "01 000000009999 0156 000000001000", CASH_AFL),
    "unknown tags": ("DF01029F7A019F02065F2A029F6604", "0000 01 000000001000 0156 00000000", CASH_AFL),
}  # fmt: skip


REFUSED = {
    "without the indicator": "9F02065F2A02", "without the amount": "9F7A015F2A02",
    "without the currency": "9F7A019F0206",
    "long amount": "9F7A019F02085F2A02", "short amount": "9F7A019F02025F2A02", "long currency": "9F7A019F02065F2A03",
    "long indicator": "9F7A029F02065F2A02",
}  # fmt: skip


def with_pdol(pdol: str) -> Bench:
    """A card with 10.00 yuan and such a PDOL."""
    fci = ber(0xA5, ber(0x50, b"PBOC DEBIT") + ber(0x87, b"\1") + ber(0x9F38, unhex(pdol)))
    return pay({"9F79": amount(1000), "9F78": amount(1000)}, {0x9102: fci})


@pytest.mark.parametrize("form", FORMS)
def test_pdol(form: str) -> None:
    """PBOC-GPO-004, PBOC-GPO-016, U25: what the PDOL asks for is what the card knows; Lc is its length plus 2."""
    pdol, values, answer = FORMS[form]
    bench, data = with_pdol(pdol), unhex(values)
    bench.select(AID)
    for wrong in (data[:-1], data + b"\0"):
        assert bench.x(f"80A80000{len(wrong) + 2:02X}83{len(wrong):02X}{wrong.hex()}") == "6700"
    assert bench.x(f"80A80000{len(data) + 2:02X}83{len(data):02X}{data.hex()}") == answer + "9000"


@pytest.mark.parametrize("form", REFUSED)
def test_pdol_that_chooses_nothing(form: str) -> None:
    """PBOC-FCI-002, PBOC-PER-030: a PDOL without the three objects, or of other lengths, is not issued."""
    with pytest.raises(MakingError, match="6A80"):
        with_pdol(REFUSED[form])


@pytest.mark.parametrize("indicator", [Indicator.AUTHENTICATION_FAILED, Indicator.SCRIPT_FAILED])
def test_marks_of_the_card(indicator: Indicator) -> None:
    """PBOC-GPO-009, PBOC-GPO-010: the card's own marks, by test hook."""
    bench = with_pdol("9F7A019F02065F2A02")
    poke(bench, INDICATORS_AT, bytes((indicator,)))
    bench.select(AID)
    assert bench.x("80A800000B83090100000000010001" + "56") == DEBIT_AFL + "9000"
