"""Matching (数据匹配): both sides' records joined by one common item that is unique in itself (003 §五(三)).

It needs no books: a centralised personaliser that gets the department's file and the bank's uses it as the bank does.
"""

import enum
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final

from terminal.errors import UsageError
from terminal.perso.records import BankRecord, Batch, CardRecord, Rejection, RejectReason, SocialRecord


@dataclass(frozen=True, slots=True)
class Item:
    """A data item that both files contain."""

    name: str
    unique: bool
    """Whether it is unique in itself, so that records may be matched by it."""
    social: Callable[[SocialRecord], str]
    bank: Callable[[BankRecord], str]


ITEMS: Final = (
    Item("social_security_number", True, lambda social: social.order.person, lambda bank: bank.person),
    Item("order", True, lambda social: social.order.number, lambda bank: bank.order),
    Item("name", False, lambda social: social.name, lambda bank: bank.name),
    Item("sex", False, lambda social: social.text("sex"), lambda bank: bank.sex),
)
"""The items that both sides know. One that is unique may be the key; all others have to agree."""
PERSON: Final = ITEMS[0]


def matching_key(name: str) -> Item:
    """The item that a configuration names as the key.

    Raises:
        UsageError: both files do not have it, or it is not unique in itself (PERSO-068).
    """
    unique = ", ".join(item.name for item in ITEMS if item.unique)
    for item in ITEMS:
        if item.name == name:
            if item.unique:
                return item
            raise UsageError(f"records are not matched by {name}: it is not unique in itself; take one of {unique}")
    raise UsageError(f"{name} is no item that both files contain; take one of {unique}")


class Side(enum.Enum):
    """Whose file a record stands in."""

    SOCIAL = "social"
    BANK = "bank"


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A record that gets no card."""

    side: Side
    rejection: Rejection


@dataclass(frozen=True, slots=True)
class Matching:
    """What became of every record of both files: each stands in exactly one place."""

    matched: tuple[CardRecord, ...]
    """In the order of the department's file."""
    unmatched: tuple[Unmatched, ...]


def match(
    social: Iterable[SocialRecord],
    bank: Iterable[BankRecord],
    key: Item = PERSON,
    passed: Collection[str] | None = None,
) -> Matching:
    """Join both sides' records one to one.

    Args:
        social: the department's file.
        bank: the bank's file.
        key: an item of `matching_key`.
        passed: social-security numbers of the persons who passed the ID check; the others' records are rejected. None:
            the bank has made records for such persons alone.
    """
    return _Matcher(tuple(social), tuple(bank), key, passed).run()


def match_batches(social: Batch, bank: Batch, key: Item = PERSON, passed: Collection[str] | None = None) -> Matching:
    """Join two batches, of which each has one side's records alone (PERSO-071).

    Raises:
        UsageError: a batch has a record without its side's half, or with the other one's.
    """
    for batch, side in ((social, Side.SOCIAL), (bank, Side.BANK)):
        for record in batch.records:
            if (record.social is not None) != (side is Side.SOCIAL) or (record.bank is not None) != (side is Side.BANK):
                raise UsageError(f"{batch.name}: order {record.order} has not the {side.value} half alone")
    return match(
        (record.social for record in social.records if record.social is not None),
        (record.bank for record in bank.records if record.bank is not None),
        key,
        passed,
    )


class _Matcher:
    def __init__(
        self, social: tuple[SocialRecord, ...], bank: tuple[BankRecord, ...], key: Item, passed: Collection[str] | None
    ) -> None:
        self.social, self.bank, self.key, self.passed = social, bank, key, passed
        self.social_keys, self.bank_keys = tuple(map(key.social, social)), tuple(map(key.bank, bank))
        social_counts, bank_counts = Counter(self.social_keys), Counter(self.bank_keys)
        self.many = {value for counts in (social_counts, bank_counts) for value, count in counts.items() if count > 1}

    def run(self) -> Matching:
        partners = dict(zip(self.bank_keys, self.bank, strict=True))
        matched: list[CardRecord] = []
        unmatched: list[Unmatched] = []
        stopped: dict[str, tuple[RejectReason, str]] = {}
        for value, record in zip(self.social_keys, self.social, strict=True):
            partner = partners.get(value) if value and value not in self.many else None
            if found := self._reason(value, record, partner):
                stopped[value] = found
                unmatched.append(Unmatched(Side.SOCIAL, _rejected(record, *found)))
            else:
                matched.append(CardRecord(record, partner))
        there = set(self.social_keys)
        for value, own in zip(self.bank_keys, self.bank, strict=True):
            if value not in there:
                stopped[value] = self._without(value, "the department's file has no such record")
            if value in stopped:
                unmatched.append(Unmatched(Side.BANK, _rejected(own, *stopped[value])))
        return Matching(tuple(matched), tuple(unmatched))

    def _reason(self, value: str, record: SocialRecord, partner: BankRecord | None) -> tuple[RejectReason, str] | None:
        """Why a record of the department's is not joined; None where it is."""
        if partner is None:
            return self._without(value, "the bank's file has no such record")
        if self.passed is not None and record.order.person not in self.passed:
            return RejectReason.CUSTOMER_CHECK, "the person has not passed the ID check"
        differing = [item.name for item in ITEMS if item.social(record) != item.bank(partner)]
        if differing:
            return RejectReason.CONTRADICTION, f"{', '.join(differing)} differ between both files"
        return None

    def _without(self, value: str, text: str) -> tuple[RejectReason, str]:
        if not value:
            return RejectReason.INCOMPLETE, f"the {self.key.name} is empty"
        if value in self.many:
            return RejectReason.DUPLICATE, f"this {self.key.name} stands twice in one file"
        return RejectReason.UNMATCHED, text


def _rejected(record: SocialRecord | BankRecord, reason: RejectReason, detail: str) -> Rejection:
    if isinstance(record, SocialRecord):
        return Rejection(record.order.number, record.order.person, record.name, reason, detail)
    return Rejection(record.order, record.person, record.name, reason, detail)
