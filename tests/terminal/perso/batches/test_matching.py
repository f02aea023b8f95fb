"""Matching: every record of both files stands in exactly one place, and only pairs that agree get a card."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminal.errors import UsageError
from terminal.perso.batches.matching import ITEMS, Matching, Side, match, match_batches, matching_key
from terminal.perso.records import RejectReason, SocialRecord
from tests.terminal.perso.batches.samples import bank, bank_batch, batch, person, social


def reasons(found: Matching) -> list[tuple[Side, str, RejectReason]]:
    return [(one.side, one.rejection.order, one.rejection.reason) for one in found.unmatched]


def test_pairs_by_the_social_security_number() -> None:
    """PERSO-067, SCHEME-204: pairs by the number that both files have, whatever the order of the bank's file."""
    left = [social(number) for number in range(5)]
    found = match(left, [bank(record) for record in reversed(left)])
    assert [record.order for record in found.matched] == [record.order.number for record in left]
    assert all(record.social and record.bank and record.social.order.person == record.bank.person
               for record in found.matched)  # fmt: skip
    assert found.unmatched == ()


def test_the_number_of_the_order_is_unique_too() -> None:
    """PERSO-067: another common item that is unique in itself; then the persons have to agree."""
    left = [social(1), social(2)]
    right = [bank(left[0]), bank(left[1], person=person(3))]
    found = match(left, right, matching_key("order"))
    assert [record.order for record in found.matched] == [left[0].order.number]
    assert {reason for _, _, reason in reasons(found)} == {RejectReason.CONTRADICTION}
    assert "social_security_number" in found.unmatched[0].rejection.detail


@pytest.mark.parametrize("name", ["name", "sex", "photo"])
def test_keys_that_are_not_unique_are_refused(name: str) -> None:
    """PERSO-068, SCHEME-204: no matching by an item that is not unique, or that one file lacks."""
    with pytest.raises(UsageError, match=f"{name}.*social_security_number, order"):
        matching_key(name)


def test_every_unique_item_is_a_key() -> None:
    """PERSO-068: what may be the key is said by the table of items alone."""
    assert [matching_key(item.name) for item in ITEMS if item.unique] == [item for item in ITEMS if item.unique]


def test_a_key_twice_stops_both() -> None:
    """PERSO-069: in either file; the partner gets no card either."""
    once, twice, other = social(1), social(2), social(3)
    again = social(2, number="K00000099")
    found = match([once, twice, other, again], [bank(once), bank(twice), bank(other), bank(other, order="K7")])
    assert [record.order for record in found.matched] == [once.order.number]
    assert Counter(reason for _, _, reason in reasons(found)) == {RejectReason.DUPLICATE: 6}


def test_without_a_partner() -> None:
    """PERSO-070, SCHEME-204: listed on the side that has it, and no card."""
    left, right = social(1), bank(social(2))
    found = match([left], [right])
    assert found.matched == ()
    assert reasons(found) == [
        (Side.SOCIAL, left.order.number, RejectReason.UNMATCHED),
        (Side.BANK, right.order, RejectReason.UNMATCHED),
    ]


def test_empty_keys_never_match() -> None:
    """PERSO-067: records without the key are no pair, though both lack it."""
    record = social(1, person="5" * 18)
    nobody = social(1, sex="1", person="")
    found = match([record, nobody], [bank(record), bank(record, person="")])
    assert len(found.matched) == 1
    assert {reason for _, _, reason in reasons(found)} == {RejectReason.INCOMPLETE}


@pytest.mark.parametrize("changes", [{"name": "别人"}, {"sex": "2"}, {"order": "K00000099"}])
def test_contradictions(changes: dict[str, str]) -> None:
    """PERSO-073: another name, sex or order under the same number goes back for clarification."""
    record = social(1, sex="1")
    found = match([record], [bank(record, **changes)])
    assert found.matched == ()
    assert {reason for _, _, reason in reasons(found)} == {RejectReason.CONTRADICTION}
    assert next(iter(changes)) in found.unmatched[0].rejection.detail


def test_long_names() -> None:
    """PERSO-073: the rest of a long name stands in an item of its own and belongs to it."""
    record = social(1)
    long = SocialRecord(record.order, {**record.values, "name": "阿卜杜热合曼·", "name_extension": "买买提"})
    assert long.name == "阿卜杜热合曼·买买提"
    assert len(match([long], [bank(long, name="阿卜杜热合曼·买买提")]).matched) == 1
    assert match([long], [bank(long, name="阿卜杜热合曼·")]).matched == ()


def test_only_who_passed() -> None:
    """PERSO-074: a bank record of a person who failed the ID check gives no card."""
    left = [social(1), social(2)]
    found = match(left, [bank(record) for record in left], passed={left[0].order.person})
    assert [record.order for record in found.matched] == [left[0].order.number]
    assert {order for _, order, _ in reasons(found)} == {left[1].order.number}


def test_two_files() -> None:
    """PERSO-071: the department's file and the bank's give one combined record for each card."""
    left = [social(number) for number in range(3)]
    found = match_batches(batch(*left), bank_batch(*(bank(record) for record in left[1:])))
    assert [record.order for record in found.matched] == [record.order.number for record in left[1:]]
    assert reasons(found) == [(Side.SOCIAL, left[0].order.number, RejectReason.UNMATCHED)]


def test_files_of_the_wrong_side() -> None:
    """PERSO-071: each file has its own side's half alone."""
    record = social(1)
    with pytest.raises(UsageError, match="bank: order K00000001 has not the social half alone"):
        match_batches(bank_batch(bank(record)), bank_batch(bank(record)))
    with pytest.raises(UsageError, match="has not the bank half alone"):
        match_batches(batch(record), batch(record))


_NUMBERS = st.lists(st.integers(0, 6), max_size=8)


@given(_NUMBERS, _NUMBERS, st.sets(st.integers(0, 6)))
def test_nothing_is_lost_or_twice(left: list[int], right: list[int], failed: set[int]) -> None:
    """PERSO-069, PERSO-070, SCHEME-204: whatever the files, each record comes out once; nobody gets two cards."""
    ours = [social(number, number=f"S{place}") for place, number in enumerate(left)]
    theirs = [
        bank(social(number, number=f"S{left.index(number)}" if number in left else "none"), pan=str(place))
        for place, number in enumerate(right)
    ]
    passed = {person(number) for number in range(7) if number not in failed}
    found = match(ours, theirs, passed=passed)
    outcome = Counter(reasons(found)[place][0] for place in range(len(found.unmatched)))
    assert len(found.matched) + outcome[Side.SOCIAL] == len(ours)
    assert len(found.matched) + outcome[Side.BANK] == len(theirs)
    persons = [record.social.order.person for record in found.matched if record.social]
    good = {n for n in left if left.count(n) == 1 and right.count(n) == 1 and n not in failed}
    assert sorted(persons) == sorted(map(person, good))
