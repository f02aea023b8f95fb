"""Rules of the social-security environment: directory, files, access, records, lengths, padding; data, and keys."""

from collections.abc import Iterator
from typing import Final

from cardsim.decode.commands import SSSE_NAME
from cardsim.iso7816 import status
from cardsim.iso7816.tlv import TlvError, find, parse_simple
from cardsim.making.content import records_of
from cardsim.making.plan import FilePlan, Item, ItemType, Value
from cardsim.making.station import MakingError
from terminal.filetable import Address, FileKind, kind_of
from terminal.perso.check.facts import Facts
from terminal.perso.check.rule import Rule, Unseen
from terminal.perso.check.social import suite_of
from terminal.perso.kinds import Part
from terminal.perso.records import SocialRecord

_CODE_LENGTH: Final = 12
_MAJOR: Final = 3
_CODE: Final = "identification_code"


def _fci(facts: Facts) -> Iterator[str]:
    name = find(facts.social.selected.data, 0x6F, 0x84)
    if name != SSSE_NAME:
        yield f"the name (84) is {(name or b'').hex().upper()}"
    if suite_of(facts.social) is None:
        yield "the algorithm (86 in 9F0C) is neither 01 nor 03"


def _directory(facts: Facts) -> Iterator[str]:
    structure = facts.structure
    if not structure.directory_sfi:
        raise Unseen("the structure has no directory")
    found = facts.social.directory
    for df, entry in zip(structure.dfs[1:], structure.directory, strict=True):
        if entry not in found:
            yield f"the directory has no entry of {df.fid:04X} with its name and label"
    for record in found:
        if record not in structure.directory:
            yield f"the directory has an entry that the structure does not: {record.hex().upper()}"


def _applications(facts: Facts) -> Iterator[str]:
    for df in facts.structure.dfs[1:]:
        answer = facts.social.dfs.get(df.fid)
        if answer is not None and not answer.ok:
            yield f"{df.fid:04X} answers {answer} to SELECT"
        elif answer is not None and find(answer.data, 0x6F, 0x84) != df.name:
            yield f"{df.fid:04X}: the answer to SELECT names another application"


def _present(facts: Facts) -> Iterator[str]:
    for place, file in facts.social.files.items():
        if not file.selected.ok:
            yield f"{Address(*place)} answers {file.selected} to SELECT"
        elif file.without_rights is not None and file.without_rights.sw == status.RECORD_NOT_FOUND:
            yield f"{Address(*place)} is empty"


def _access(facts: Facts) -> Iterator[str]:
    """What the table protects is read by nobody without a right; what is free is read by everybody."""
    for address, file, found in facts.files():
        answer = found.without_rights
        if answer is None:
            continue
        free = 0 in file.read.masks
        if free and not answer.ok and answer.sw != status.RECORD_NOT_FOUND:
            yield f"{address} is free to read, and answers {answer}"
        if not free and answer.sw != status.SECURITY_NOT_SATISFIED:
            yield f"{address} is read after {file.read}, and answers {answer} without it"


def _records(facts: Facts) -> Iterator[str]:
    for address, file, records in facts.record_files():
        most = file.records or len(file.items)
        if len(records) > most:
            yield f"{address} has {len(records)} records, the table {most}"
        if kind_of(file) is FileKind.CYCLIC:
            continue
        for number, item in enumerate(file.items, 1):
            if number > len(records):
                yield f"{address} has no record {number} (item {item.tag:02X})"
            elif (tag := records[number - 1][:1]) != bytes((item.tag or 0,)):
                yield f"record {number} of {address} holds item {tag.hex().upper()}, not {item.tag:02X}"


def _lengths(facts: Facts) -> Iterator[str]:
    for address, file, records in facts.record_files():
        if kind_of(file) is FileKind.CYCLIC:
            for number, record in enumerate(records, 1):
                if len(record) != file.record_length:
                    yield f"record {number} of {address} has {len(record)} bytes, not {file.record_length}"
            continue
        for number, (item, record) in enumerate(zip(file.items, records, strict=False), 1):
            yield from _length(f"record {number} of {address}", item, record)
    for address, file, found in facts.files():
        if found.binary is not None and len(found.binary) != file.size:
            yield f"{address} has {len(found.binary)} bytes, not {file.size}"


def _length(place: str, item: Item, record: bytes) -> Iterator[str]:
    try:
        (found,) = parse_simple(record)
    except (TlvError, ValueError):
        yield f"{place} is not one item"
        return
    if found.tag != item.tag:
        return
    if len(found.value) != item.length:
        yield f"item {found.tag:02X}, {place}, has {len(found.value)} bytes, not {item.length}"
    elif item.items:
        try:
            inside = parse_simple(found.value)
        except TlvError as error:
            yield f"item {found.tag:02X}, {place}: {error}"
            return
        if [(one.tag, len(one.value)) for one in inside] != [(one.tag, one.length) for one in item.items]:
            yield f"item {found.tag:02X}, {place}, does not hold the items that it should"


def _padding(facts: Facts) -> Iterator[str]:
    """PERSO-091: text to the left, then 00; digits to the left, then F. The identification code has a MAC in it."""
    for place, item, value in facts.items():
        match item.type:
            case ItemType.TEXT if b"\0" in value.rstrip(b"\0"):
                yield f"{place}: text is filled with 00 behind it, not before or between"
            case ItemType.BCD if item.value != _CODE and not (digits := value.hex().rstrip("f")).isdigit() and digits:
                yield f"{place}: {value.hex().upper()} is not digits filled with F"
            case _:
                pass


# --- data -------------------------------------------------------------------------------------------------------------


def _data(facts: Facts) -> Iterator[str]:
    """Every item that the record names, byte for byte (PERSO-112)."""
    record = facts.social_record
    values: dict[str, Value] = {**record.values, "photo": record.photo}
    for address, file, found in facts.files():
        if found.binary is not None:
            yield from _binary(address, file, found.binary, values)
        elif found.records is not None and _named(file, record):
            yield from _compared(address, file, found.records, record)


def _binary(address: Address, file: FilePlan, content: bytes, values: dict[str, Value]) -> Iterator[str]:
    wanted = values.get(file.value)
    if isinstance(wanted, bytes) and wanted and content[: len(wanted)] != wanted:
        yield f"{address} ({file.value}) differs from the data"


def _named(file: FilePlan, record: SocialRecord) -> bool:
    return any(_names(item) & record.values.keys() for item in file.items)


def _names(item: Item) -> set[str]:
    return {item.value, *(inner.value for inner in item.items)} - {""}


def _compared(address: Address, file: FilePlan, records: tuple[bytes, ...], record: SocialRecord) -> Iterator[str]:
    values: dict[str, Value] = {name: "" for item in file.items for name in _names(item)}
    values |= record.values
    try:
        wanted = list(records_of(file, values))
    except MakingError as error:
        yield f"{address}: the data do not fit: {error}"
        return
    if kind_of(file) is FileKind.CYCLIC:
        if list(reversed(records)) != wanted:
            yield f"{address} differs from the data"
        return
    for number, (item, want, have) in enumerate(zip(file.items, wanted, records, strict=False), 1):
        if not _names(item) & record.values.keys():
            continue
        if item.value == _CODE:  # the certificate code is computed while the card is made
            want, have = want[: 2 + _CODE_LENGTH], have[: 2 + _CODE_LENGTH]
        if want != have:
            yield f"record {number} of {address} ({item.value or 'items inside'}) differs from the data"


def _version(facts: Facts) -> Iterator[str]:
    structure = facts.structure
    for address, file, records in facts.record_files():
        for number, item in enumerate(file.items, 1):
            if item.value == "specification_version" and number <= len(records):
                found = records[number - 1][2:].decode("ascii", "replace")
                if found[:_MAJOR] != structure.version[:_MAJOR]:  # 2.01 has the structure of 2.00
                    yield f"{address} states version {found}, the structure is {structure.version}"


# --- keys -------------------------------------------------------------------------------------------------------------


def _irk(facts: Facts) -> Iterator[str]:
    if facts.social.irk is None:
        raise Unseen("no key to check the card's proof with (--keys)")
    if not facts.social.irk:
        yield "the card does not prove the IRK of the key file"


def _external(facts: Facts) -> Iterator[str]:
    if not facts.social.keys:
        raise Unseen("no keys were tried: the key file has none, or the card did not prove its IRK")
    for name, answer in facts.social.keys.items():
        if not answer.ok:
            yield f"{name} answers {answer} to EXTERNAL AUTHENTICATE"


def _pin(facts: Facts) -> Iterator[str]:
    if facts.social.pin is None:
        raise Unseen("no PIN was given (--pin)")
    if not facts.social.pin.ok:
        yield f"VERIFY answers {facts.social.pin}"


FILE_RULES: Final = (
    Rule("social.fci", Part.STRUCTURE, "SSC part 3 §6", "SELECT of SSSE gives its name and a known algorithm.", _fci),
    Rule("social.directory", Part.STRUCTURE, "SSC part 3 §6.3", "The directory lists each application, and no other.",
         _directory),
    Rule("social.applications", Part.STRUCTURE, "V2 §6", "Each application can be selected by its name.",
         _applications),
    Rule("social.files", Part.STRUCTURE, "V2 tables 2 to 8", "Each file is there, and files that are free to read "
         "have content.", _present),
    Rule("social.access", Part.STRUCTURE, "V2 tables 2 to 8", "Without a right, free files are read and others "
         "answer 6982.", _access),
    Rule("social.records", Part.STRUCTURE, "PERSO-096, V2 table 9", "Records stand in the order of the table.",
         _records),
    Rule("social.lengths", Part.STRUCTURE, "PERSO-092, PERSO-093, V2 table 9", "Each item has its length.", _lengths),
    Rule("social.padding", Part.DATA, "PERSO-091, V2 table 9", "Text is filled with 00, digits with F.", _padding),
    Rule("social.version", Part.DATA, "PERSO-100", "EF05 states the version of the structure.", _version),
    Rule("social.data", Part.DATA, "PERSO-112", "What is on the card is what its data say.", _data),
    Rule("keys.irk", Part.KEYS, "SSC part 5 §6.7", "The card proves its IRK.", _irk),
    Rule("keys.external", Part.KEYS, "SSC part 5 §6.4", "Each key for external authentication is the one of the key "
         "file.", _external),
    Rule("keys.pin", Part.KEYS, "SSC part 5 §6.12", "The PIN is right.", _pin),
)  # fmt: skip
"""In the order of the report."""
