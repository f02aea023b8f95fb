"""Issuer scripts: the gate, and what each command does. The bank computes MACs by itself (pycryptodome)."""

import pytest

from tests.pse.bank import golden, put, script
from tests.pse.deal import ARQC, Deal
from tests.pse.perso import amount, pay

EC = {"9F77": amount(100000), "9F78": amount(100000)}


def test_golden_load() -> None:
    """PBOC-SCR-001, PBOC-SCR-002, PBOC-PDT-007: vector G1, then the load of 100.00 yuan with the golden MAC."""
    deal = golden(EC)
    assert deal.bench.x("04DA9F790A0000000100002735EFF5") == "9000"
    assert deal.get("9F79") == amount(10000)


@pytest.mark.parametrize(
    "command", ["841E00000431AA251B", "8416000004BC83A80F", "04DC020C0A70049F620100110E376D"], ids=lambda c: c[:4]
)
def test_golden_macs(command: str) -> None:
    """PBOC-BLK-001, PBOC-BLK-006, PBOC-UPR-001: the golden MACs are accepted."""
    assert golden(EC).bench.x(command) == "9000"


def test_wrong_mac() -> None:
    """PBOC-SCR-008, PBOC-SCR-009: 6988, nothing is written, and a right script after it is 6985."""
    deal = golden(EC)
    assert deal.bench.x("04DA9F790A00000001000000000000") == "6988"
    assert deal.bench.x(put(deal, "9F79", amount(10000))) == "6985"
    assert deal.get("9F79") == amount(0)


def test_before_the_first_cryptogram() -> None:
    """PBOC-SCR-005: no script before the first GENERATE AC."""
    deal = Deal(pay(EC))
    deal.gpo()
    assert deal.bench.x(script("841E0000", 1, bytes(8))) == "6985"


def test_after_the_second_cryptogram() -> None:
    """PBOC-SCR-003, PBOC-SCR-007: between the cryptograms and after them, always over the first."""
    deal = Deal(pay(EC))
    assert deal.once(ARQC).kind == ARQC
    assert deal.bench.x(put(deal, "9F58", "05")) == "9000"
    assert deal.external() == "9000"
    deal.gac2(0x40)
    assert deal.bench.x(put(deal, "9F58", "06")) == "9000"
    assert deal.get("9F58") == "06"
