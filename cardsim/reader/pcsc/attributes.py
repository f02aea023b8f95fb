"""What SCardGetAttrib tells of our readers."""

from struct import pack
from typing import assert_never

from cardsim.reader.codes import Attribute, Protocol, ReaderFlag
from cardsim.reader.pcsc.messages import MAX_APDU
from cardsim.reader.slot import ReaderState

_VERSION = 0x01000000
"""1.0.0 as PC/SC writes it: major, minor, two bytes of build number."""


def _text(value: str) -> bytes:
    return value.encode() + b"\0"


def _number(value: int) -> bytes:
    return pack("<I", value)


def attribute(state: ReaderState, index: int, which: int) -> bytes | None:
    """The value of an attribute of the reader in slot number `index`; None: this reader does not have it."""
    try:
        name = Attribute(which)
    except ValueError:
        return None
    present, powered = bool(state.flags & ReaderFlag.PRESENT), bool(state.flags & ReaderFlag.POWERED)
    match name:
        case Attribute.VENDOR_NAME | Attribute.VENDOR_IFD_TYPE:
            return _text("cardsim" if name is Attribute.VENDOR_NAME else "cardsim Virtual Reader")
        case Attribute.VENDOR_IFD_VERSION:
            return _number(_VERSION)
        case Attribute.VENDOR_IFD_SERIAL_NO:
            return _text(f"{index:08d}")
        case Attribute.CHANNEL_ID:
            # Channel type F0 is the first of those that vendors may define; the channel is the slot.
            return _number(0x00F00000 | index)
        case Attribute.ASYNC_PROTOCOL_TYPES:
            return _number(Protocol.T0 | Protocol.T1)
        case Attribute.POWER_MGMT_SUPPORT | Attribute.CHARACTERISTICS:
            return _number(0)
        case Attribute.MAXINPUT:
            return _number(MAX_APDU)
        case Attribute.CURRENT_PROTOCOL_TYPE:
            return _number(state.protocol)
        case Attribute.ICC_PRESENCE:
            return bytes((2 if present else 0,))
        case Attribute.ICC_INTERFACE_STATUS:
            return bytes((powered,))
        case Attribute.ATR_STRING:
            return state.atr
        case Attribute.ICC_TYPE_PER_ATR:
            return bytes((present,))
        case Attribute.DEVICE_UNIT:
            return _number(index)
        case Attribute.DEVICE_FRIENDLY_NAME_A | Attribute.DEVICE_SYSTEM_NAME_A:
            return _text(state.name)
        case _:
            assert_never(name)
