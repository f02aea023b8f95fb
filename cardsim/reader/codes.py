"""The closed sets of PC/SC that cross the wire, with pcsc-lite's values."""

from enum import IntEnum, IntFlag


class Status(IntEnum):
    """What a PC/SC call returns (`SCARD_S_…`, `SCARD_E_…`, `SCARD_W_…`, `SCARD_F_…`)."""

    SUCCESS = 0x00000000
    INTERNAL_ERROR = 0x80100001
    CANCELLED = 0x80100002
    INVALID_HANDLE = 0x80100003
    NO_MEMORY = 0x80100006
    INSUFFICIENT_BUFFER = 0x80100008
    UNKNOWN_READER = 0x80100009
    SHARING_VIOLATION = 0x8010000B
    NO_SMARTCARD = 0x8010000C
    PROTO_MISMATCH = 0x8010000F
    INVALID_VALUE = 0x80100011
    NOT_TRANSACTED = 0x80100016
    SERVICE_STOPPED = 0x8010001E
    UNSUPPORTED_FEATURE = 0x8010001F
    UNRESPONSIVE_CARD = 0x80100066
    UNPOWERED_CARD = 0x80100067
    RESET_CARD = 0x80100068
    REMOVED_CARD = 0x80100069


class ShareMode(IntEnum):
    """How a client wants the reader."""

    EXCLUSIVE = 1
    SHARED = 2
    DIRECT = 3


class Disposition(IntEnum):
    """What becomes of the card when a client lets go of it (or takes it up again)."""

    LEAVE = 0
    RESET = 1
    UNPOWER = 2
    EJECT = 3


class Protocol(IntFlag):
    """Transmission protocols; `ANY_OLD` is an old client's word for T=0 or T=1."""

    UNDEFINED = 0
    T0 = 1
    T1 = 2
    RAW = 4
    ANY_OLD = 0x1000


class ReaderFlag(IntFlag):
    """The bits of `readerState` in a reader state on the wire (not those of the client's API)."""

    UNKNOWN = 0x0001
    ABSENT = 0x0002
    PRESENT = 0x0004
    SWALLOWED = 0x0008
    POWERED = 0x0010
    NEGOTIABLE = 0x0020
    SPECIFIC = 0x0040


class Attribute(IntEnum):
    """Reader attributes that are answered; names ending in A are the byte-string ones, as on every Unix."""

    VENDOR_NAME = 0x00010100
    VENDOR_IFD_TYPE = 0x00010101
    VENDOR_IFD_VERSION = 0x00010102
    VENDOR_IFD_SERIAL_NO = 0x00010103
    CHANNEL_ID = 0x00020110
    ASYNC_PROTOCOL_TYPES = 0x00030120
    POWER_MGMT_SUPPORT = 0x00040131
    CHARACTERISTICS = 0x00060150
    MAXINPUT = 0x0007A007
    CURRENT_PROTOCOL_TYPE = 0x00080201
    ICC_PRESENCE = 0x00090300
    ICC_INTERFACE_STATUS = 0x00090301
    ATR_STRING = 0x00090303
    ICC_TYPE_PER_ATR = 0x00090304
    DEVICE_UNIT = 0x7FFF0001
    DEVICE_FRIENDLY_NAME_A = 0x7FFF0003
    DEVICE_SYSTEM_NAME_A = 0x7FFF0004
