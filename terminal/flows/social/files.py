"""Reading and writing any file by its address, with the rights that its row asks for (SSC part 7 §6, §7).

What a file needs is known from the terminal's table of files before the card is asked (TRM-086): free files are read
at once, others after the PIN, a key, or both. Nothing else is authenticated than what the row names.
"""

from typing import Final

from cardsim.cos.access import AccessRule
from cardsim.iso7816 import status
from cardsim.iso7816.apdu import CommandApdu
from cardsim.iso7816.tlv import TlvError, parse_simple, simple
from cardsim.making.plan import FilePlan, Item
from terminal.effects import Flow, Mark, Shelf, discard, keep, report
from terminal.filetable import Address, NoSuchFile, Right, filled, item_of, record_number
from terminal.flows.common import need_ok, read_record, read_tag, refuse, stop
from terminal.flows.social.config import Prefer
from terminal.flows.social.pin import verify_pin
from terminal.flows.social.records import WriteRecord, digest
from terminal.flows.social.session import SocialSession
from terminal.outcome import Cause
from terminal.reuseditems import has_new_meaning, judged_by, with_filler, without_filler

_BY_TAG: Final = 0x00
_BY_NUMBER: Final = 0x04
_PREVIOUS: Final = 0x03
"""P2 of a record command: the previous record of a cyclic file; an update adds one (TRM-107)."""
_CHUNK: Final = 0xC0


def need_file(session: SocialSession, address: Address) -> FilePlan:
    """The row of a file (TRM-184).

    Raises:
        Stopped: a card of this version does not have it.
    """
    try:
        return session.table.file(address)
    except NoSuchFile as error:
        stop(Cause.REQUEST, str(address), str(error))


def obtain(session: SocialSession, df: int, rule: AccessRule, prefer: Prefer) -> Flow[None]:
    """Gain what a rule asks for: the way that needs least beyond what is held, and of equal ones the preferred.

    Keys come before the PIN where both are needed (API-078).

    Raises:
        Stopped: nothing opens it, or the card or the holder refuses.
    """
    ways = session.table.ways(df, rule)
    if not ways:
        stop(Cause.ACCESS, "access", "the card lets nobody do that")
    for right in sorted(_chosen(session, ways, prefer), key=lambda right: right.is_pin):
        if session.has(right):
            continue
        if right.is_pin:
            yield from verify_pin(session)
        else:
            yield from session.gain(right)


def _chosen(session: SocialSession, ways: tuple[tuple[Right, ...], ...], prefer: Prefer) -> tuple[Right, ...]:
    """One way of a rule: one that stands already, else by PIN or by key as preferred."""
    for way in ways:
        if all(session.has(right) for right in way):
            return way
    wanted = [way for way in ways if any(right.is_pin for right in way) == (prefer is Prefer.PIN)]
    return (wanted or list(ways))[0]


# --- reading ----------------------------------------------------------------------------------------------------------


def read_items(session: SocialSession, address: Address, items: tuple[Item, ...], prefer: Prefer) -> Flow[list[bytes]]:
    """The values of items of a record file, without authenticating again between them (TRM-098).

    Where only some cards of the version have an item, the value of one that is not there is empty (D21).
    """
    file = need_file(session, address)
    yield from _open_for_reading(session, address, file, prefer)
    values = []
    for item in items:
        number = _number(session, address, file, item)
        response = yield from session.send(f"read record {number} of {address}", _read(session, address, number))
        if response.sw.value == status.RECORD_NOT_FOUND and session.table.may_lack(address, item):
            values.append(b"")
            continue
        data = need_ok(str(address), f"record {number} of {address} cannot be read", response)
        values.append(_value_of(address, number, data, item.tag))
    return values


def _number(session: SocialSession, address: Address, file: FilePlan, item: Item) -> int:
    """What P1 of a record command says: the record's number, or its tag where cards number a file differently."""
    return item.tag or 0 if session.table.by_tag(address) else record_number(file, item)


def _read(session: SocialSession, address: Address, number: int) -> CommandApdu:
    return read_tag(number) if session.table.by_tag(address) else read_record(number)


def read_records(session: SocialSession, address: Address, prefer: Prefer) -> Flow[list[bytes]]:
    """All records of a file, as they stand; of a cyclic one the newest first."""
    file = need_file(session, address)
    yield from _open_for_reading(session, address, file, prefer)
    records: list[bytes] = []
    while True:
        number = len(records) + 1
        response = yield from session.send(f"read record {number} of {address}", read_record(number))
        if response.sw.value == status.RECORD_NOT_FOUND:
            return records
        records.append(need_ok(str(address), f"record {number} of {address} cannot be read", response))


def read_cyclic(session: SocialSession, address: Address, number: int, prefer: Prefer) -> Flow[bytes]:
    """One record of a cyclic file; 1 is the newest (TRM-097)."""
    file = need_file(session, address)
    yield from _open_for_reading(session, address, file, prefer)
    response = yield from session.send(f"read record {number} of {address}", read_record(number))
    return need_ok(str(address), f"record {number} of {address} cannot be read", response)


def read_binary(session: SocialSession, address: Address, prefer: Prefer) -> Flow[bytes]:
    """The whole content of a transparent file (TRM-096)."""
    file = need_file(session, address)
    yield from _open_for_reading(session, address, file, prefer)
    content = b""
    while len(content) < file.size:
        offset = len(content)
        command = CommandApdu(0x00, 0xB0, offset >> 8, offset & 0xFF, le=min(_CHUNK, file.size - offset))
        response = yield from session.send(f"read {address} from byte {offset} on", command)
        data = need_ok(str(address), f"{address} cannot be read", response)
        if not data:
            stop(Cause.PROTOCOL, str(address), f"{address} ends after {offset} of its {file.size} bytes")
        content += data
    return content


def _open_for_reading(session: SocialSession, address: Address, file: FilePlan, prefer: Prefer) -> Flow[None]:
    yield from session.enter(address.df)
    yield from obtain(session, address.df, file.read, prefer)
    yield from select_file(session, address)


def select_file(session: SocialSession, address: Address) -> Flow[None]:
    """SELECT an EF of the application that is selected."""
    command = CommandApdu(0x00, 0xA4, 0x02, 0x00, address.ef.to_bytes(2, "big"))
    response = yield from session.send(f"select {address}", command)
    need_ok(str(address), f"{address} cannot be selected", response)


def _value_of(address: Address, number: int, record: bytes, tag: int | None) -> bytes:
    try:
        (item,) = parse_simple(record)
    except (TlvError, ValueError):
        stop(Cause.CARD_DATA, str(address), f"record {number} of {address} is no item")
    if item.tag != tag:
        stop(Cause.CARD_DATA, str(address), f"record {number} of {address} holds item {item.tag:02X}")
    return item.value


# --- writing ----------------------------------------------------------------------------------------------------------


def open_for_writing(session: SocialSession, address: Address) -> Flow[FilePlan]:
    """Select the application, gain the key that writes the file, and select the file (TRM-101).

    Raises:
        Stopped: nobody may write it (API-091), or the card refuses.
    """
    file = need_file(session, address)
    if not session.table.ways(address.df, file.write):
        stop(Cause.ACCESS, str(address), f"nobody may write {address}")
    yield from session.enter(address.df)
    yield from obtain(session, address.df, file.write, Prefer.KEY)
    yield from select_file(session, address)
    return file


def fitted(session: SocialSession, address: Address, item: Item, value: bytes) -> bytes:
    """A value filled to its item's length; a new meaning on an old card with EE (TRM-186)."""
    try:
        if judged_by(session.version, address, item.tag or 0) is not None:
            return with_filler(value, item.length)
        return filled(item, value)
    except ValueError as error:
        stop(Cause.REQUEST, str(address), f"item {item.tag or 0:02X} of {address}: {error}")


def write_item(session: SocialSession, address: Address, item: Item, value: bytes) -> Flow[None]:
    """UPDATE RECORD of one item (TRM-102)."""
    value = fitted(session, address, item, value)
    file = yield from open_for_writing(session, address)
    number, record = _number(session, address, file, item), simple(item.tag or 0, value)
    mode = _BY_TAG if session.table.by_tag(address) else _BY_NUMBER
    command = CommandApdu(0x00, 0xDC, number, mode, record)
    yield from _update(session, WriteRecord(address, number, digest(record)), command)


def add_record(session: SocialSession, address: Address, record: bytes) -> Flow[None]:
    """A new entry of a cyclic file; it becomes record 1 (TRM-107)."""
    yield from open_for_writing(session, address)
    command = CommandApdu(0x00, 0xDC, 0x00, _PREVIOUS, record)
    yield from _update(session, WriteRecord(address, 1, digest(record)), command)


def write_binary(session: SocialSession, address: Address, content: bytes) -> Flow[None]:
    """UPDATE BINARY of a whole transparent file, the rest of it filled with 00 (TRM-102)."""
    file = yield from open_for_writing(session, address)
    if len(content) > file.size:
        stop(Cause.REQUEST, str(address), f"{address} has {file.size} bytes, and the value {len(content)}")
    content = content.ljust(file.size, b"\0")
    for offset in range(0, len(content), _CHUNK):
        part = content[offset : offset + _CHUNK]
        command = CommandApdu(0x00, 0xD6, offset >> 8, offset & 0xFF, part)
        yield from _update(session, WriteRecord(address, offset, digest(part), len(part)), command)


def _update(session: SocialSession, record: WriteRecord, command: CommandApdu) -> Flow[None]:
    """Send an update. 63Cx too confirms it: it was done after x tries of the memory (TRM-104).

    What was sent is remembered until the card has answered, so that it can be compared with the card if that is pulled
    (TRM-171).
    """
    place = str(record.address)
    purpose = f"write {place}, {'byte' if record.length else 'record'} {record.number}"
    yield from keep(Shelf.INTERRUPTED, session.write_key, record.content(session.social_card))
    response = yield from session.send(purpose, command)
    yield from discard(Shelf.INTERRUPTED, session.write_key)
    if response.sw.value != status.OK and response.sw.tries_left is None:
        refuse(place, f"{place} was not written", response.sw)
    yield from report(place, Mark.OK, f"done: {purpose}")


def was_written(session: SocialSession, record: WriteRecord) -> Flow[bool]:
    """Whether an update whose answer was lost happened: what the card holds now tells (TRM-171)."""
    file = need_file(session, record.address)
    yield from _open_for_reading(session, record.address, file, Prefer.KEY)
    if record.length:
        command = CommandApdu(0x00, 0xB0, record.number >> 8, record.number & 0xFF, le=record.length)
    else:
        command = _read(session, record.address, record.number)
    response = yield from session.send(f"compare {record.address} with what was written", command)
    return digest(response.data) == record.digest


# --- items of old cards (V2 annex C) ----------------------------------------------------------------------------------


def read_meaning(
    session: SocialSession, address: Address, tag: int, prefer: Prefer, *, new_alone: bool = False
) -> Flow[bytes]:
    """The value of an item, without the filler of a new meaning on an old card (TRM-185, TRM-187).

    `new_alone` gives nothing for a value that has the old meaning.
    """
    file = need_file(session, address)
    item = item_of(file, tag)
    if item is None:
        stop(Cause.REQUEST, str(address), f"{address} has no item {tag:02X}")
    judge = judged_by(session.version, address, tag)
    (value,) = yield from read_items(session, address, (item,), prefer)
    if judge is None:
        return value
    judging = value
    if judge != tag:
        sibling = item_of(file, judge)
        assert sibling is not None
        (judging,) = yield from read_items(session, address, (sibling,), prefer)
    if has_new_meaning(judging):
        return without_filler(value)
    return b"" if new_alone else value
