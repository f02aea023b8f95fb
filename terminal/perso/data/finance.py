"""Whether a bank's prepared records are those of a payment application (JR/T 0025-2010 part 5; PERSO-064).

The bank prepares data groupings; DGI 0101 to 1Exx are records, SFI and number in its two bytes, in template 70.
"""

from collections.abc import Mapping
from typing import Final

from cardsim.iso7816.tlv import TlvError, find, parse
from terminal.perso.data.errors import DataError

MANDATORY: Final[Mapping[int, str]] = {
    0x57: "track 2 equivalent data",
    0x5A: "primary account number",
    0x5F24: "expiry date",
    0x5F28: "issuer country code",
    0x5F34: "PAN sequence number",
    0x8C: "CDOL1",
    0x8D: "CDOL2",
    0x8E: "CVM list",
    0x9F07: "application usage control",
    0x9F08: "application version",
    0x9F0D: "issuer action code – default",
    0x9F0E: "issuer action code – denial",
    0x9F0F: "issuer action code – online",
}
"""Without one of these the terminal ends the transaction, or the scheme's debit profile is not met."""
_AFL_ENTRY: Final = 4
_TEMPLATE: Final = 0x70


def listed(afl: bytes) -> list[int]:
    """The DGIs of the records that an application file locator names.

    Raises:
        ValueError: it is none.
    """
    if len(afl) % _AFL_ENTRY:
        raise ValueError("an application file locator has four bytes for each file")
    entries = [afl[place : place + _AFL_ENTRY] for place in range(0, len(afl), _AFL_ENTRY)]
    return [entry[0] >> 3 << 8 | number for entry in entries for number in range(entry[1], entry[2] + 1)]


def _place(dgi: int) -> str:
    return f"record {dgi & 0xFF} of SFI {dgi >> 8}"


def read_records(text: str, name: str) -> dict[int, bytes]:
    """Records from a text file: a DGI and its content, both in hex, in each line; template 70 may stand around it.

    Raises:
        DataError: a line is neither that nor empty nor a remark after `#`, or a DGI stands twice.
    """
    records: dict[int, bytes] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#", 1)[0].split(None, 1)
        if not words:
            continue
        try:
            dgi, content = int(words[0], 16), bytes.fromhex(words[1])
            inside = find(content, _TEMPLATE) or b"" if content[:1] == bytes((_TEMPLATE,)) else content
        except (ValueError, IndexError):
            raise DataError(f"{name}, line {number}: write a DGI and its content, both in hex, as 0101 5A0A…") from None
        if dgi in records:
            raise DataError(f"{name}, line {number}: {words[0]} stands twice")
        records[dgi] = inside
    return records


def record_problems(records: Mapping[int, bytes], afl: bytes) -> list[str]:
    """What is missing among prepared records, in words; nothing where all is there.

    Args:
        records: contents of template 70 by DGI.
        afl: application file locator of the path, tag 94.
    """
    try:
        wanted = listed(afl)
    except ValueError as error:
        return [str(error)]
    problems = [f"{_place(dgi)} is named by the AFL and missing" for dgi in wanted if dgi not in records]
    found: set[int] = set()
    for dgi in wanted:
        try:
            found.update(item.tag for item in parse(records.get(dgi, b"")))
        except TlvError as error:
            problems.append(f"{_place(dgi)} is no list of data objects: {error}")
    return problems + [f"{tag:02X} ({name}) is missing" for tag, name in MANDATORY.items() if tag not in found]
