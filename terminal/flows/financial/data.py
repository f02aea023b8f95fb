"""GET DATA (EMV Book 3 §6.5.7)."""

from cardsim.decode import Environment
from cardsim.iso7816 import status
from cardsim.iso7816.apdu import CommandApdu
from cardsim.iso7816.tlv import TlvError, parse
from terminal.effects import Flow
from terminal.flows.common import send


def get_data(tag: int, what: str, length: int | None = None) -> Flow[bytes | None]:
    """The value of a data object, of that length; None whatever goes wrong: that ends nothing (KRN-ERR-002)."""
    command = CommandApdu(0x80, 0xCA, tag >> 8, tag & 0xFF, le=256)
    response = yield from send(Environment.PSE, f"read the {what}", command)
    if response.sw.value != status.OK:
        return None
    try:
        objects = parse(response.data)
    except TlvError:
        return None
    if [item.tag for item in objects] != [tag]:
        return None
    value = objects[0].value
    return value if length is None or len(value) == length else None


def get_amount(tag: int, what: str) -> Flow[int | None]:
    """An amount in fen, format n 12; None whatever goes wrong."""
    value = yield from get_data(tag, what, 6)
    return int(value.hex()) if value is not None and value.hex().isdecimal() else None
