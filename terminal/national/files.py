"""Reading and writing any file: iReadCard, iWriteCard, and their forms with the HSM of the host (SC §2, §3)."""

from dataclasses import replace
from typing import Final

from cardsim.cos.access import AccessRule
from cardsim.making.plan import FilePlan, Item
from terminal.effects import Flow
from terminal.filetable import FileKind, NoSuchFile, Right, file_table, kind_of
from terminal.flows.social import files
from terminal.flows.social.config import Prefer
from terminal.national.address import FileAddress, hex_digits, parse_addresses, parse_card_info, split_files
from terminal.national.card import CardSession, Paused, Setup
from terminal.national.codes import Code, NationalError
from terminal.national.values import hex_bytes, item_text, item_value, record_text, record_value
from terminal.reuseditems import FILLER, has_new_meaning, judged_by, without_filler

_AUTHENTICATED: Final = 32
_AUTHENTICATION_TYPES: Final = {1: Prefer.PIN, 2: Prefer.KEY}


# --- reading ----------------------------------------------------------------------------------------------------------


def read_card(setup: Setup, authentication: int, info: str, addresses: str) -> Flow[str]:
    """iReadCard: what pFileAddr names, in its own form with values in the place of items."""
    wanted, expected = parse_addresses(addresses), parse_card_info(info)
    card = CardSession(setup)
    yield from card.begin_with(expected)
    plans = [(address, plan_of(card, address)) for address in wanted]
    ways = [_reading_way(card, address, plan, authentication) for address, plan in plans]
    parts = []
    for (address, plan), way in zip(plans, ways, strict=True):
        yield from card.enter(address.file.df)
        for right in sorted(way, key=lambda right: right.is_pin):
            yield from obtain(card, right)
        parts.append((yield from _read_file(card, address, plan)))
    yield from card.close()
    return "".join(parts)


def read_card_step1(setup: Setup, info: str, addresses: str) -> Flow[Paused]:
    """iReadCard_HSM_Step1, for one file that a key opens; the PIN comes first, it must not outlive the challenge."""
    address, expected = parse_addresses(addresses)[0], parse_card_info(info)
    card = CardSession(setup)
    yield from card.begin_with(expected)
    plan = plan_of(card, address)
    way = way_of(card, address, plan.read, Prefer.KEY)
    keys = [right for right in way if not right.is_pin]
    if not keys:
        raise NationalError(Code.NO_HSM_NEEDED)
    yield from card.enter(address.file.df)
    if len(keys) < len(way):
        yield from card.verify_pin()
    output = yield from card.asked_of_hsm(keys[0].name)

    def resume(key: str) -> Flow[str]:
        yield from card.authenticate(keys[0], bytes.fromhex(hex_digits(key, _AUTHENTICATED)))
        return (yield from _read_file(card, address, plan))

    return Paused(output, "iReadCard_HSM_Step2", resume)


def _reading_way(card: CardSession, address: FileAddress, plan: FilePlan, authentication: int) -> tuple[Right, ...]:
    """What opens a file for reading. The kind of authentication matters only where either PIN or key does."""
    if len(card.table.ways(address.file.df, plan.read)) < 2:
        return way_of(card, address, plan.read, Prefer.KEY)
    prefer = _AUTHENTICATION_TYPES.get(authentication)
    if prefer is None:
        raise NationalError(Code.ILLEGAL_INPUT, "iAuthType")
    return way_of(card, address, plan.read, prefer)


def way_of(card: CardSession, address: FileAddress, rule: AccessRule, prefer: Prefer) -> tuple[Right, ...]:
    """What a rule asks for, by PIN or by key as preferred.

    Raises:
        NationalError: -23, the card lets nobody do that.
    """
    ways = card.table.ways(address.file.df, rule)
    if not ways:
        raise NationalError(Code.ILLEGAL_INPUT, f"{address.file}由卡片保护")
    wanted = [way for way in ways if any(right.is_pin for right in way) == (prefer is Prefer.PIN)]
    return (wanted or list(ways))[0]


def obtain(card: CardSession, right: Right) -> Flow[None]:
    """A right by the holder's PIN or by a key of the PSAM; nothing where it is held."""
    if card.has(right):
        return
    if right.is_pin:
        yield from card.verify_pin()
    else:
        yield from card.gain_with_psam(right)


def plan_of(card: CardSession, address: FileAddress) -> FilePlan:
    """The row of a file, with everything that the address names in it.

    Raises:
        NationalError: -23, a card of this version does not have the file, the item or the record.
    """
    try:
        plan = card.table.file(address.file)
    except NoSuchFile as error:
        raise NationalError(Code.ILLEGAL_INPUT, f"文件{address.written}") from error
    if address.items and kind_of(plan) is not FileKind.RECORDS:
        raise NationalError(Code.ILLEGAL_INPUT, f"{address.written}没有数据项")
    if address.record is not None and kind_of(plan) is not FileKind.CYCLIC:
        raise NationalError(Code.ILLEGAL_INPUT, f"{address.written}没有记录号")
    if not address.items and kind_of(plan) is FileKind.RECORDS:
        raise NationalError(Code.ILLEGAL_INPUT, f"{address.written}缺少数据项")
    for wanted in address.items:
        item_of(plan, wanted.tag, wanted.instance)
    return plan


def item_of(plan: FilePlan, tag: int, instance: int) -> Item:
    """The n-th item with a tag.

    Raises:
        NationalError: -23, the file does not have it.
    """
    found = [item for item in plan.items if item.tag == tag]
    if instance > len(found):
        raise NationalError(Code.ILLEGAL_INPUT, f"数据项{tag:02X}:{instance}")
    return found[instance - 1]


def _read_file(card: CardSession, address: FileAddress, plan: FilePlan) -> Flow[str]:
    """One file, its rights at hand, in the form of the output."""
    match kind_of(plan):
        case FileKind.TRANSPARENT:
            content = yield from files.read_binary(card, address.file, Prefer.KEY)
            values = [content.hex().upper()]
        case FileKind.RECORDS:
            items = tuple(item_of(plan, wanted.tag, wanted.instance) for wanted in address.items)
            values = yield from _read_items(card, address, items)
        case FileKind.CYCLIC:
            records = yield from _read_cyclic(card, address)
            values = [record_text(plan, record) for record in records]
    return f"{address.written}|" + "".join(f"{value}|" for value in values) + "$"


def _read_cyclic(card: CardSession, address: FileAddress) -> Flow[list[bytes]]:
    if address.record is None:
        return (yield from files.read_records(card, address.file, Prefer.KEY))
    return [(yield from files.read_cyclic(card, address.file, address.record, Prefer.KEY))]


def _read_items(card: CardSession, address: FileAddress, items: tuple[Item, ...]) -> Flow[list[str]]:
    """Values of items; on an old card one of a new meaning without the EE that tells it (V2 annex C)."""
    judges = [judged_by(card.version, address.file, item.tag or 0) for item in items]
    plan = card.table.file(address.file)
    judging = tuple(item_of(plan, judge, 1) for judge in judges if judge is not None)
    raw = yield from files.read_items(card, address.file, (*items, *judging), Prefer.KEY)
    values, verdicts = raw[: len(items)], iter(raw[len(items) :])
    texts = []
    for item, judge, value in zip(items, judges, values, strict=True):
        if judge is not None and has_new_meaning(next(verdicts)):
            texts.append(item_text(_new_meaning(address, item), without_filler(value)))
        else:
            texts.append(item_text(item, value))
    return texts


def _new_meaning(address: FileAddress, item: Item) -> Item:
    """An item of an old card with the type that V2 gives its tag, and its length where the old card has room."""
    (new,) = (row for row in file_table("2.0").file(address.file).items if row.tag == item.tag)
    return replace(item, type=new.type, length=min(item.length, new.length))


# --- writing ----------------------------------------------------------------------------------------------------------


def write_card(setup: Setup, info: str, addresses: str, data: str) -> Flow[str]:
    """iWriteCard: everything is checked before the card gets a command that writes; success gives nothing."""
    wanted, expected = parse_addresses(addresses), parse_card_info(info)
    contents = _mirrored(wanted, data)
    card = CardSession(setup)
    yield from card.begin_with(expected)
    plans = [_plan_to_write(card, address) for address in wanted]
    encoded = [_encoded(card, address, plan, c) for address, plan, c in zip(wanted, plans, contents, strict=True)]
    for address, plan, values in zip(wanted, plans, encoded, strict=True):
        yield from card.enter(address.file.df)
        for right in way_of(card, address, plan.write, Prefer.KEY):
            yield from obtain(card, right)
        yield from _write_file(card, address, plan, values)
    yield from card.close()
    return ""


def write_card_step1(setup: Setup, info: str, addresses: str) -> Flow[Paused]:
    """iWriteCard_HSM_Step1, for one file."""
    address, expected = parse_addresses(addresses)[0], parse_card_info(info)
    card = CardSession(setup)
    yield from card.begin_with(expected)
    plan = _plan_to_write(card, address)
    (right,) = way_of(card, address, plan.write, Prefer.KEY)
    yield from card.enter(address.file.df)
    output = yield from card.asked_of_hsm(right.name)

    def resume(key: str, data: str) -> Flow[str]:
        values = _encoded(card, address, plan, _mirrored((address,), data)[0])
        yield from card.authenticate(right, bytes.fromhex(hex_digits(key, _AUTHENTICATED)))
        yield from _write_file(card, address, plan, values)
        return ""

    return Paused(output, "iWriteCard_HSM_Step2", resume)


def _plan_to_write(card: CardSession, address: FileAddress) -> FilePlan:
    plan = plan_of(card, address)
    way_of(card, address, plan.write, Prefer.KEY)
    return plan


def _mirrored(wanted: tuple[FileAddress, ...], data: str) -> list[list[str]]:
    """The values of each file; data must have the files and the number of values of the addresses.

    Raises:
        NationalError: -23, they do not.
    """
    parts = split_files(data)
    if [fields[0] for fields in parts] != [address.written for address in wanted]:
        raise NationalError(Code.ILLEGAL_INPUT, "pWriteData与pFileAddr不符")
    for fields, address in zip(parts, wanted, strict=True):
        if len(fields) - 1 != max(len(address.items), 1):
            raise NationalError(Code.ILLEGAL_INPUT, "pWriteData与pFileAddr不符")
    return [fields[1:] for fields in parts]


def _encoded(card: CardSession, address: FileAddress, plan: FilePlan, texts: list[str]) -> list[bytes]:
    """The bytes to write, in full length; EE fills an item of an old card that gets a new meaning (V2 annex C).

    Raises:
        NationalError: -23, -41, -42, as the value is wrong.
    """
    match kind_of(plan):
        case FileKind.TRANSPARENT:
            content = hex_bytes(texts[0])
            if len(content) > plan.size:
                raise NationalError(Code.WRONG_LENGTH, f"{address.written}超过{plan.size}字节")
            return [content.ljust(plan.size, b"\0")]
        case FileKind.CYCLIC:
            return [record_value(plan, texts[0])]
        case FileKind.RECORDS:
            items = (item_of(plan, wanted.tag, wanted.instance) for wanted in address.items)
            return [_encoded_item(card, address, item, text) for item, text in zip(items, texts, strict=True)]


def _encoded_item(card: CardSession, address: FileAddress, item: Item, text: str) -> bytes:
    if judged_by(card.version, address.file, item.tag or 0) is None:
        return item_value(item, text)
    return item_value(_new_meaning(address, item), text, FILLER).ljust(item.length, FILLER)


def _write_file(card: CardSession, address: FileAddress, plan: FilePlan, values: list[bytes]) -> Flow[None]:
    match kind_of(plan):
        case FileKind.TRANSPARENT:
            yield from files.write_binary(card, address.file, values[0])
        case FileKind.CYCLIC:
            yield from files.add_record(card, address.file, values[0])
        case FileKind.RECORDS:
            for wanted, value in zip(address.items, values, strict=True):
                item = item_of(plan, wanted.tag, wanted.instance)
                yield from files.write_item(card, address.file, item, value)
