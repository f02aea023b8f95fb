"""A structure of the payment environment: read, extended, and with what its options change.

What stands in it is data for `cardsim.making.pse`: hex, text and numbers by the names that docs/profiles.md explains.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from cardsim.iso7816.tlv import TlvError, parse_dol
from cardsim.making.extension import Choices, read_structure
from cardsim.making.table import Table

_BYTES: Final = range(253)
_LISTS: Final = ("pdol", "cdol1", "cdol2", "ddol", "log_format")
_HEX: Final = {
    "aid": range(5, 17), "pse_proprietary": _BYTES, "language": range(2, 9), "aip": range(2, 3),
    "application_usage": range(2, 3), "version": range(2, 3), "country": range(2, 3), "iad": range(33),
    **dict.fromkeys((*_LISTS, "afl_debit", "afl_cash", "cvm_debit", "cvm_offline_pin", "cvm_cash"), _BYTES),
}  # fmt: skip
"""Values in hex, and how many bytes each may have."""
_NUMBERS: Final = {
    "space": range(1, 0x10000), "priority": range(0x100), "log_sfi": range(1, 31), "log_records": range(1, 0x100),
}  # fmt: skip
_VALUES: Final = (*_HEX, *_NUMBERS, "label", "service_code")
_TABLES: Final = ("action_codes", "risk", "card")
_PATHS: Final = ("debit", "cash")
_ACTION_CODES: Final = ("default", "denial", "online")
_ACTION_CODE_LENGTH: Final = 5
_DROPPED: Final = "drop"
_OWN: Final = ("extends", "options", "change")


def read_pse(section: Table) -> Mapping[str, Any]:
    """The structure that the [pse] section of a profile names, with the options that it chooses.

    Raises:
        ProfileError: unknown structure, word or option.
    """
    own = read_structure(section.text("structure"), section)
    content, choices, changes = _read(own, ())
    choices.choose(section.table("options"))
    for change in choices.wanted(changes):
        content = _merged(content, change)
    for name in (*_VALUES, *_TABLES):
        if name not in content:
            own.fail(f"{name} is missing")
    _check_codes(Table(own.where, content))
    return content


def _read(own: Table, seen: tuple[str, ...]) -> tuple[dict[str, Any], Choices, list[Table]]:
    """Content, options and changes of a structure, together with those of what it extends."""
    own.known(*_OWN, *_VALUES, *_TABLES)
    changes = own.tables("change")
    for change in changes:
        change.known("when", _DROPPED, *_VALUES, *_TABLES)
    for table in (own, *changes):
        _check(table)
    if "extends" not in own.content:
        return _merged({}, own), Choices.read(own), changes
    name = own.text("extends")
    if name in seen:
        own.fail(f"extends {name}, which extends this one")
    content, choices, earlier = _read(read_structure(name, own), (*seen, name))
    choices.choose(own.table("options"))
    return _merged(content, own), choices, earlier + changes


def _merged(content: Mapping[str, Any], own: Table) -> dict[str, Any]:
    """Values replaced, tables completed; what `drop` names in tables is taken away."""
    merged = dict(content)
    for name in (*_VALUES, *_TABLES):
        if name in own.content:
            merged[name] = {**content.get(name, {}), **own.get(name, dict)} if name in _TABLES else own.content[name]
    dropped: Iterable[str] = own.get(_DROPPED, list, [])
    for tag in dropped:
        for name in _TABLES:
            merged[name] = {key: value for key, value in merged.get(name, {}).items() if key != tag}
    return merged


def _check(table: Table) -> None:
    """The form of each value that stands here. Whether the values fit together, the card decides."""
    for name in table.content:
        if name in _HEX:
            _check_hex(table, name)
        elif name in _NUMBERS:
            table.number(name, among=_NUMBERS[name])
        elif name == "label" and not re.fullmatch(r"[ -~]{1,16}", table.text(name)):
            table.fail("label is 1 to 16 characters of ASCII")
        elif name == "service_code" and not re.fullmatch(r"[0-9]{3}", table.text(name)):
            table.fail("service_code is three digits")
        elif name in ("risk", "card") and (objects := table.table(name)) is not None:
            for tag in objects.content:
                if not re.fullmatch(r"([0-9A-F]{2}){1,2}", tag):
                    objects.fail(f"{tag} is no tag; write it in hex, as 9F58")
                objects.raw(tag)


def _check_hex(table: Table, name: str) -> None:
    value, lengths = table.raw(name), _HEX[name]
    if len(value) not in lengths:
        wanted = str(lengths[0]) if len(lengths) == 1 else f"{lengths[0]} to {lengths[-1]}"
        table.fail(f"{name} has {wanted} bytes, not {len(value)}")
    if name in _LISTS:
        try:
            asked = sum(length for _, length in parse_dol(value))
        except TlvError as error:
            table.fail(f"{name} is no data object list: {error}")
        if asked not in _BYTES:
            table.fail(f"{name} asks for {asked} bytes; {_BYTES[-1]} are the most")


def _check_codes(content: Table) -> None:
    """Both paths have their three action codes."""
    codes = content.table("action_codes")
    assert codes is not None
    codes.known(*_PATHS)
    for path in _PATHS:
        three = codes.table(path) or codes.fail(f"{path} is missing")
        three.known(*_ACTION_CODES)
        for name in _ACTION_CODES:
            if len(three.raw(name)) != _ACTION_CODE_LENGTH:
                three.fail(f"{name} has {_ACTION_CODE_LENGTH} bytes")
