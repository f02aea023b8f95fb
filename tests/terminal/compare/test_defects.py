"""Two builds that differ in one defect are told apart, with the right first difference."""

import pytest

from cardsim.defects import defects
from terminal.compare.course import Spoken
from terminal.compare.judge import Right
from terminal.compare.parts import Kind
from tests.terminal.compare.bench import cases, side

FIRST = {
    "challenge-reusable": ("SSC5-6.5-03", "EXTERNAL AUTHENTICATE", Kind.STATUS, "6984", "9000"),
    "update-free": ("SSC5-6.13-24", "UPDATE RECORD", Kind.STATUS, "6982", "9000"),
    "next-needs-current": ("SSC3-5.3.1-05", "READ RECORD", Kind.STATUS, "9000", "6A83"),
    "mac-under-stored-key": ("SSC4-8.2.3-01", "CARD BLOCK", Kind.STATUS, "6988", "9000"),
    "wrong-state-6985": ("SSC5-7-11", "DEBIT FOR PURCHASE", Kind.STATUS, "6901", "6985"),
    "purchase-deducts-own-share": ("SSC7-12.6-01", "GET BALANCE", Kind.VALUE, "39.96 yuan", "39.86 yuan"),
    "rsa-parts-unchecked": ("PBOC-PER-022-b", "STORE DATA", Kind.STATUS, "6A80", "9000"),
    "issuer-decline-ignored": ("PBOC-GA2-004", "GENERATE AC", Kind.VALUE, "AAC (declined)", "TC (approved)"),
    "sam-key-mac-three-bytes": ("PSAM-102d", "CREATE KEY", Kind.STATUS, "6988", "9000"),
}
"""The first case that tells a defect from a clean card, its command, and what both answer."""

ELSEWHERE = {
    "rights-survive-leaving": "LIFE-158",
    "create-keyed-6A89": "LIFE-112",
    "card-state-before-key": "LIFE-231",
    "card-key-challenge-reusable": "LIFE-038",
    "status-never-operational": "LIFE-248",
    "pin-ends-in-df": "ATR-029-1",
    "application-block-missing": "FW-054",
    "master-mac-three-bytes": "SSC4-5.3-01",
    "authentication-seven-bytes": "SSC7-6.6-02b",
    "plain-in-channel": "PBOC-PER-007",
    "channel-tries-unlimited": "LIFE-217",
    "dda-after-ac": "PBOC-DDA-005-b",
    "new-card-by-atc": "FW-082",
    "cvr-velocity-missing": "FW-082",
    "script-mac-without-session": "FW-083",
    "script-count-volatile": "PBOC-SCR-008-c",
    "card-block-stops-ssse": "FW",
    "sam-mac2-three-bytes": "PSAM",
}
"""Cases that tell a defect whose clause is a decision, or is shown by cases that do not apply to the demo card."""

OTHER_CARDS = frozenset(
    {
        "foreign-not-counted", "total-limit-one-less", "ada-new-card-ignored", "ada-last-try-ignored",
        "foreign-not-reset", "cash-not-decimal", "cash-second-takes", "cda-aac-signed", "pin-change-right-half",
        "pin-change-old-ignored",
    }
)  # fmt: skip
"""Defects that only cards with other data show: on the demo card there is nothing to tell."""

SAMPLE = list(defects())[::5]


@pytest.mark.parametrize("name", FIRST)
def test_the_right_first_difference(name: str) -> None:
    place, command, kind, right, wrong = FIRST[name]
    comparison = cases(side(sam=True), side(sam=True, defect=name), defects()[name].clause.split(", "))
    first = comparison.first
    assert first is not None
    assert first.spoken is not None
    assert (first.place, first.spoken.name, first.part.kind) == (place, command, kind)
    assert first.part.first.startswith(right)
    assert first.part.second.startswith(wrong)
    if kind is Kind.STATUS:
        assert isinstance(first.first, Spoken)
        assert f"{first.first.sw:04X}" == right
    group = next(group for group in comparison.listed() if group.example is first)
    assert comparison.judgement(group).right is Right.FIRST
    assert not comparison.passed


@pytest.mark.parametrize("name", SAMPLE)
def test_every_fifth_defect(name: str) -> None:
    """Each is told apart, and it is the clean card that is right; the other way round as well."""
    clause = ELSEWHERE.get(name)
    prefixes = [clause] if clause is not None else defects()[name].clause.split(", ")
    comparison = cases(side(sam=True, defect=name), side(sam=True), prefixes)
    if name in OTHER_CARDS:
        assert comparison.first is None
        return
    assert comparison.first is not None
    group = next(group for group in comparison.listed() if group.example is comparison.first)
    assert comparison.judgement(group).right is Right.SECOND
    assert {comparison.judgement(group).right for group in comparison.listed()} == {Right.SECOND}


def test_two_equal_cards_do_not_differ() -> None:
    comparison = cases(side(sam=True), side(sam=True), ["SSC5-6.8", "PBOC-GA2", "PSAM-1"])
    assert comparison.first is None
    assert not list(comparison.groups.all())
    assert comparison.figures.commands > 500
    assert comparison.passed
