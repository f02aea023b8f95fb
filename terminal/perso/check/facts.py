"""What rules look at: the card as it was read, its data, keys and face, and the day."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from cardsim.decode.values import gbk_text
from cardsim.iso7816.tlv import TlvError, parse_simple
from cardsim.keyfile import BankKeys, CaKey
from cardsim.making.plan import FilePlan, Item, SsseStructure
from cardsim.making.structure import Profile
from terminal.filetable import SSSE_DF, Address, FileKind, kind_of
from terminal.management.product.rules import Rules, default_rules
from terminal.perso.check.content import CardContent, FileContent, PathContent, PaymentContent, SocialContent
from terminal.perso.check.rule import Unseen
from terminal.perso.check.social import Access
from terminal.perso.face.model import Face
from terminal.perso.face.template import Template, template
from terminal.perso.records import BankRecord, CardRecord, SocialRecord

ISSUER: Final = (SSSE_DF, 0xEF05)
HOLDER: Final = (SSSE_DF, 0xEF06)


@dataclass(frozen=True, slots=True)
class Facts:
    """All of it; properties raise `Unseen` where something is not there."""

    content: CardContent
    found_structure: SsseStructure | None
    profile: Profile | None
    today: date
    found_record: CardRecord | None = None
    unmatched: bool = False
    """Whether data were given, and none of them are the card's."""
    access: Access = field(default_factory=Access)
    bank_keys: BankKeys | None = None
    ca_keys: tuple[CaKey, ...] = ()
    found_face: Face | None = None
    template: Template = field(default_factory=template)
    """Of faces."""
    rules: Rules = field(default_factory=default_rules)
    """Of the product."""

    # --- the card -----------------------------------------------------------------------------------------------------

    @property
    def social(self) -> SocialContent:
        """The social-security environment."""
        if not self.content.social.selected.ok:
            raise Unseen("the social-security environment was not read")
        return self.content.social

    @property
    def structure(self) -> SsseStructure:
        """What the environment is to be."""
        if self.found_structure is None:
            raise Unseen("the structure of the card is not known; name it with --profile")
        return self.found_structure

    @property
    def payment(self) -> PaymentContent:
        """The payment environment."""
        if not self.content.payment.selected.ok:
            raise Unseen("the payment environment was not read")
        return self.content.payment

    @property
    def paths(self) -> tuple[PathContent, ...]:
        """The paths whose records were read."""
        found = tuple(path for path in self.payment.paths if path.records)
        if not found:
            raise Unseen("no record of the payment application was read")
        return found

    @property
    def debit(self) -> dict[int, bytes]:
        """The data objects of the debit path."""
        return self.paths[0].objects

    def objects(self, tag: int) -> bytes:
        """A data object of the debit path."""
        value = self.debit.get(tag)
        if value is None:
            raise Unseen(f"the card has no {tag:X}")
        return value

    @property
    def payment_name(self) -> bytes:
        """The holder's name on the payment side: 5F20, or 9F0B where it is longer than 26 bytes."""
        longer = self.debit.get(0x9F0B)
        return (self.objects(0x5F20) if longer is None else longer).rstrip(b"\0 ")

    # --- files of the social-security environment ---------------------------------------------------------------------

    def files(self) -> Iterator[tuple[Address, FilePlan, FileContent]]:
        """Every file of the structure that there is on the card."""
        for file in self.structure.files:
            found = self.social.files.get((file.df, file.fid))
            if found is not None and found.selected.ok:
                yield Address(file.df, file.fid), file, found

    def record_files(self) -> Iterator[tuple[Address, FilePlan, tuple[bytes, ...]]]:
        """Files with records, as far as they could be read."""
        for address, file, found in self.files():
            if found.records is not None and kind_of(file) is not FileKind.TRANSPARENT:
                yield address, file, found.records

    def items(self) -> Iterator[tuple[str, Item, bytes]]:
        """Every item that was read and has the tag and the length that it should: place, item, value; nested ones too.

        Items of other tag or length are the business of rules of their own.
        """
        for address, file, records in self.record_files():
            if kind_of(file) is FileKind.CYCLIC:
                for number, record in enumerate(records, 1):
                    yield from _cut(f"record {number} of {address}", file.items, record)
            else:
                for number, (item, record) in enumerate(zip(file.items, records, strict=False), 1):
                    yield from _item(f"record {number} of {address}", item, record)

    def value(self, place: tuple[int, int], tag: int) -> bytes:
        """The value of an item by its tag."""
        address = Address(*place)
        file = self.social.files.get(place)
        if file is None or file.records is None:
            raise Unseen(f"{address} was not read: it needs a key")
        for record in file.records:
            if record[:1] == bytes((tag,)):
                return record[2:]
        raise Unseen(f"{address} has no item {tag:02X}")

    def text(self, place: tuple[int, int], tag: int) -> str:
        """An item of type an as text; bytes that are no text in hex."""
        value = self.value(place, tag)
        text = gbk_text(value)
        return value.hex().upper() if text is None else text

    def digits(self, place: tuple[int, int], tag: int) -> str:
        """An item of type cn as digits, without its filling."""
        return self.value(place, tag).hex().upper().rstrip("F")

    @property
    def holder_name(self) -> bytes:
        """Name with its extension, without filling."""
        name = self.value(HOLDER, 0x09)
        try:
            more = self.value(HOLDER, 0x4E)
        except Unseen:
            more = b""
        return name.rstrip(b"\0 ") + more.rstrip(b"\0 ")

    # --- data, face ---------------------------------------------------------------------------------------------------

    @property
    def record(self) -> CardRecord:
        """The card's data."""
        if self.unmatched:
            raise Unseen("none of the data are this card's")
        if self.found_record is None:
            raise Unseen("no data were given to compare with (--data)")
        return self.found_record

    @property
    def social_record(self) -> SocialRecord:
        """The department's half of the data."""
        if self.record.social is None:
            raise Unseen("the data have no social-security half")
        return self.record.social

    @property
    def bank_record(self) -> BankRecord:
        """The bank's half of the data."""
        if self.record.bank is None:
            raise Unseen("the data have no payment half")
        return self.record.bank

    @property
    def face(self) -> Face:
        """What is printed on the card."""
        if self.found_face is None:
            raise Unseen("no face was given (--face or --job)")
        return self.found_face


def _item(place: str, item: Item, record: bytes) -> Iterator[tuple[str, Item, bytes]]:
    try:
        (found,) = parse_simple(record)
    except (TlvError, ValueError):
        return
    if found.tag != item.tag or len(found.value) != item.length:
        return
    where = f"item {found.tag:02X}, {place}"
    yield where, item, found.value
    if item.items:
        try:
            inside = parse_simple(found.value)
        except TlvError:
            return
        for inner, value in zip(item.items, inside, strict=False):
            if value.tag == inner.tag and len(value.value) == inner.length:
                yield f"item {value.tag:02X} in {where}", inner, value.value


def _cut(place: str, items: tuple[Item, ...], record: bytes) -> Iterator[tuple[str, Item, bytes]]:
    """The items of a record of a cyclic file, which stand one after the other without tags."""
    at = 0
    for number, item in enumerate(items, 1):
        value = record[at : at + item.length]
        at += item.length
        if len(value) == item.length:
            yield f"item {number} of {place}", item, value
