"""libpcsclite's messages as they cross the socket: native layout, little-endian, no padding but what is written here.

A request is `HEADER` (size of the body, command) and the body; the answer is that body, filled in, without a header.
TRANSMIT and CONTROL are followed by the bytes that they carry, in both directions.
"""

from enum import IntEnum
from struct import Struct

from cardsim.reader.slot import ReaderState


class Command(IntEnum):
    """The commands of protocol 4:4, the one that 4:5 added (0x15) and the two of 4:6 (0x16, 0x17)."""

    ESTABLISH_CONTEXT = 0x01
    RELEASE_CONTEXT = 0x02
    CONNECT = 0x04
    RECONNECT = 0x05
    DISCONNECT = 0x06
    BEGIN_TRANSACTION = 0x07
    END_TRANSACTION = 0x08
    TRANSMIT = 0x09
    CONTROL = 0x0A
    STATUS = 0x0B
    CANCEL = 0x0D
    GET_ATTRIB = 0x0F
    SET_ATTRIB = 0x10
    VERSION = 0x11
    GET_READERS_STATE = 0x12
    WAIT_READER_STATE_CHANGE = 0x13
    STOP_WAITING = 0x14
    GET_READER_EVENTS = 0x15
    GET_READERS_STATE_SIZE = 0x16
    GET_READERS_STATE_ARRAY = 0x17


MAJOR = 4
OLDEST_MINOR = 4
"""pcsc-lite 1.8.24 to 2.2."""
NEWEST_MINOR = 6
"""pcsc-lite 2.5; 2.3 and 2.4 are 4:5."""
SEPARATE_TABLE_MINOR = 6
"""From here on a wait is not answered with the table of readers: the client asks for size and table itself."""

MAX_READERS = 16
MAX_APDU = 4 + 3 + 65536 + 3 + 2
"""Bytes of the longest command or response: an extended APDU with all its lengths, or 64 KiB and a status word."""
MAX_ATTRIBUTE = 264

HEADER = Struct("<II")  # size, command
VERSION = Struct("<iiI")  # major, minor, rv
ESTABLISH = Struct("<III")  # scope, context, rv
CONTEXT = Struct("<II")  # context, rv: RELEASE_CONTEXT and CANCEL
CONNECT = Struct("<I128sIIiII")  # context, reader, share mode, protocols, handle, active protocol, rv
RECONNECT = Struct("<iIIIII")  # handle, share mode, protocols, initialization, active protocol, rv
DISPOSE = Struct("<iII")  # handle, disposition, rv: DISCONNECT and END_TRANSACTION
HANDLE = Struct("<iI")  # handle, rv: BEGIN_TRANSACTION and STATUS
TRANSMIT = Struct("<iIIIIIII")  # handle, send protocol, send length, bytes, receive protocol, its length, room, rv
CONTROL = Struct("<iIIIII")  # handle, code, bytes, room, bytes returned, rv
ATTRIBUTE = Struct(f"<iI{MAX_ATTRIBUTE}sII")  # handle, attribute, value, length, rv
WAIT = Struct("<II")  # timeout, rv
EVENTS = Struct("<II")  # reader events, rv
COUNT = Struct("<I")  # rows of the table
READER_STATE = Struct("<128sIIi33s3xII")  # name, event counter, flags, sharing, ATR, ATR length, protocol

BODY: dict[int, Struct] = {
    Command.VERSION: VERSION,
    Command.ESTABLISH_CONTEXT: ESTABLISH,
    Command.RELEASE_CONTEXT: CONTEXT,
    Command.CANCEL: CONTEXT,
    Command.CONNECT: CONNECT,
    Command.RECONNECT: RECONNECT,
    Command.DISCONNECT: DISPOSE,
    Command.END_TRANSACTION: DISPOSE,
    Command.BEGIN_TRANSACTION: HANDLE,
    Command.STATUS: HANDLE,
    Command.CONTROL: CONTROL,
    Command.GET_ATTRIB: ATTRIBUTE,
    Command.SET_ATTRIB: ATTRIBUTE,
    Command.GET_READERS_STATE: Struct(""),
    Command.WAIT_READER_STATE_CHANGE: Struct(""),
    Command.STOP_WAITING: Struct(""),
    Command.GET_READER_EVENTS: Struct(""),
    Command.GET_READERS_STATE_SIZE: Struct(""),
    Command.GET_READERS_STATE_ARRAY: Struct(""),
}
"""The one body that each command has (TRANSMIT is read on a path of its own)."""

FEATURE_REQUEST = 0x42000000 + 3400
"""The control code that asks a reader for its PC/SC part 10 features (PIN pad and such)."""


def pack_states(states: list[ReaderState]) -> bytes:
    """One row for each reader. Before 4:6 the table has 16 of them: see `pad_states`."""
    return b"".join(
        READER_STATE.pack(
            state.name.encode(), state.events, state.flags, state.sharing, state.atr, len(state.atr), state.protocol
        )
        for state in states
    )


def pad_states(rows: bytes) -> bytes:
    """The table of 16 reader states; entries without a reader are zero."""
    return rows.ljust(MAX_READERS * READER_STATE.size, b"\0")
