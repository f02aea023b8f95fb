"""Reads the payment environment: directory, application, its data, and the records of each path."""

from typing import Final

from cardsim.decode.commands import PSE_NAME
from cardsim.iso7816.apdu import CommandApdu
from cardsim.iso7816.tlv import Tlv, TlvError, ber, fill_dol, find, parse_dol, walk
from terminal.perso.check.content import Answer, Cryptogram, PathContent, PaymentContent, RecordContent, Signature
from terminal.perso.check.link import CheckLink

GET_DATA_TAGS: Final = (
    0x9F36, 0x9F13, 0x9F17, 0x9F4F, 0x9F51, 0x9F52, 0x9F53, 0x9F54, 0x9F56, 0x9F57, 0x9F58, 0x9F59, 0x9F5C, 0x9F5D,
    0x9F68, 0x9F6C, 0x9F6D, 0x9F72, 0x9F77, 0x9F78, 0x9F79,
)  # fmt: skip
"""What is asked for with GET DATA."""
DEBIT: Final = "debit"
CASH: Final = "electronic cash"
_CASH_INDICATOR: Final = 0x9F7A
_UNPREDICTABLE: Final = 0x9F37
_CHINA: Final = bytes.fromhex("0156")
_DEFAULT_DDOL: Final = bytes.fromhex("9F3704")
_DYNAMIC: Final = 0x21
"""DDA or CDA in the first byte of the AIP."""
_DECLINE: Final = 0x00


def read_payment(link: CheckLink, *, destructive: bool) -> PaymentContent:
    """The environment and the application of its first directory entry.

    Args:
        link: the card.
        destructive: a cryptogram too, for which the card ends a transaction with a decline.
    """
    link.reset()
    selected = link.select(PSE_NAME)
    if not selected.ok:
        return PaymentContent(selected)
    directory = link.directory(selected)
    aids = [item.value for record in directory for item in _walk(record) if item.tag == 0x4F]
    applications = {aid: link.select(aid) for aid in aids}
    first = next((aid for aid, answer in applications.items() if answer.ok), b"")
    if not first:
        return PaymentContent(selected, directory, applications=applications)
    link.select(first)
    data = {tag: link.send(CommandApdu(0x80, 0xCA, tag >> 8, tag & 0xFF, le=256)) for tag in GET_DATA_TAGS}
    pdol = _pdol(applications[first])
    paths = [_path(link, DEBIT, first, pdol, cash=False)]
    cryptogram = _cryptogram(link, paths[0]) if destructive else None
    if any(tag == _CASH_INDICATOR for tag, _ in _entries(pdol)):
        paths.append(_path(link, CASH, first, pdol, cash=True))
    return PaymentContent(selected, directory, first, applications, data, tuple(paths), cryptogram)


def _walk(record: bytes) -> list[Tlv]:
    try:
        return list(walk(record))
    except TlvError:
        return []


def _pdol(selected: Answer) -> bytes:
    try:
        return find(selected.data, 0x6F, 0xA5, 0x9F38) or b""
    except TlvError:
        return b""


def _entries(dol: bytes) -> list[tuple[int, int]]:
    try:
        return parse_dol(dol)
    except TlvError:
        return []


def _values(link: CheckLink, *, cash: bool) -> dict[int, bytes]:
    """What the terminal says of itself: a purchase of nothing in China."""
    return {_CASH_INDICATOR: bytes((cash,)), 0x5F2A: _CHINA, 0x9F1A: _CHINA, _UNPREDICTABLE: link.draw(4)}


def _filled(dol: bytes, values: dict[int, bytes]) -> bytes:
    try:
        return fill_dol(dol, values)
    except TlvError:
        return b""


def _path(link: CheckLink, name: str, aid: bytes, pdol: bytes, *, cash: bool) -> PathContent:
    link.select(aid)
    values = _filled(pdol, _values(link, cash=cash))
    started = link.send(CommandApdu(0x80, 0xA8, 0x00, 0x00, ber(0x83, values), 256))
    path = PathContent(name, started)
    aip, afl = path.options
    if not started.ok or len(aip) != 2 or len(afl) % 4:
        return path
    path = PathContent(name, started, tuple(_records(link, afl)))
    signature = _signature(link, path) if aip[0] & _DYNAMIC and not cash else None
    return PathContent(name, started, path.records, signature)


def _records(link: CheckLink, afl: bytes) -> list[RecordContent]:
    found: list[RecordContent] = []
    for at in range(0, len(afl), 4):
        sfi, first, last, signed = afl[at] >> 3, *afl[at + 1 : at + 4]
        numbers = range(max(first, 1), last + 1)
        found += (RecordContent(sfi, number, link.record(number, sfi), number - first < signed) for number in numbers)
    return found


def _signature(link: CheckLink, path: PathContent) -> Signature | None:
    """INTERNAL AUTHENTICATE: the card's own key signs; nothing on it changes."""
    terminal_data = _filled(path.objects.get(0x9F49, _DEFAULT_DDOL), _values(link, cash=False))
    if not terminal_data or len(terminal_data) > 255:
        return None
    answer = link.send(CommandApdu(0x00, 0x88, 0x00, 0x00, terminal_data, 256))
    return Signature(terminal_data, answer)


def _cryptogram(link: CheckLink, path: PathContent) -> Cryptogram | None:
    """First GENERATE AC, asking for a decline (AAC)."""
    values = _filled(path.objects.get(0x8C, b""), _values(link, cash=False))
    if not values or len(values) > 255:
        return None
    return Cryptogram(values, link.send(CommandApdu(0x80, 0xAE, _DECLINE, 0x00, values, 256)))
