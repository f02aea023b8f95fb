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
from terminal.effects import Flow, Mark, report
from terminal.filetable import Address, NoSuchFile, Right, record_number
from terminal.flows.common import need_ok, read_record, refuse, stop
from terminal.flows.social.config import Prefer
from terminal.flows.social.pin import verify_pin
from terminal.flows.social.session import SocialSession
from terminal.outcome import Cause

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
    """The values of items of a record file, without authenticating again between them (TRM-098)."""
    file = need_file(session, address)
    yield from _open_for_reading(session, address, file, prefer)
    values = []
    for item in items:
        number = record_number(file, item)
        response = yield from session.send(f"read record {number} of {address}", read_record(number))
        data = need_ok(str(address), f"record {number} of {address} cannot be read", response)
        values.append(_value_of(address, number, data, item.tag))
    return values


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
    """Select the application, gain the key that writes the file, and select the file (TRM-101)."""
    file = need_file(session, address)
    if not session.table.ways(address.df, file.write):
        stop(Cause.ACCESS, str(address), f"nobody may write {address}")
    yield from session.enter(address.df)
    yield from obtain(session, address.df, file.write, Prefer.KEY)
    yield from select_file(session, address)
    return file


def write_item(session: SocialSession, address: Address, item: Item, value: bytes) -> Flow[None]:
    """UPDATE RECORD of one item; `value` has the item's length (TRM-102)."""
    file = yield from open_for_writing(session, address)
    assert item.tag is not None
    number = record_number(file, item)
    record = simple(item.tag, value)
    command = CommandApdu(0x00, 0xDC, number, 0x04, record)
    yield from _confirm(session, address, f"write record {number} of {address}", command)


def add_record(session: SocialSession, address: Address, record: bytes) -> Flow[None]:
    """A new entry of a cyclic file; it becomes record 1 (TRM-107)."""
    yield from open_for_writing(session, address)
    command = CommandApdu(0x00, 0xDC, 0x00, _PREVIOUS, record)
    yield from _confirm(session, address, f"add a record to {address}", command)


def write_binary(session: SocialSession, address: Address, content: bytes) -> Flow[None]:
    """UPDATE BINARY of a whole transparent file (TRM-102)."""
    yield from open_for_writing(session, address)
    for offset in range(0, len(content), _CHUNK):
        command = CommandApdu(0x00, 0xD6, offset >> 8, offset & 0xFF, content[offset : offset + _CHUNK])
        yield from _confirm(session, address, f"write {address} from byte {offset} on", command)


def _confirm(session: SocialSession, address: Address, purpose: str, command: CommandApdu) -> Flow[None]:
    """Send an update. 63Cx too confirms it: it was done after x tries of the memory (TRM-104)."""
    response = yield from session.send(purpose, command)
    if response.sw.value != status.OK and response.sw.tries_left is None:
        refuse(str(address), f"{address} was not written", response.sw)
    yield from report(str(address), Mark.OK, f"done: {purpose}")
