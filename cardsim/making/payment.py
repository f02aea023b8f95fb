"""A structure of the payment environment: read, extended, and with what its options change.

What stands in it is data for `cardsim.making.pse`: hex, text and numbers by the names that docs/profiles.md explains.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from cardsim.making.extension import Choices, read_structure
from cardsim.making.table import Table

_VALUES: Final = (
    "space", "aid", "label", "priority", "pse_proprietary", "pdol", "language", "log_sfi", "log_records", "log_format",
    "service_code", "aip", "afl_debit", "afl_cash", "cdol1", "cdol2", "ddol", "cvm_debit", "cvm_offline_pin",
    "cvm_cash", "application_usage", "version", "country", "iad",
)  # fmt: skip
_TABLES: Final = ("action_codes", "risk", "card")
_DROPPED: Final = "drop"
_OWN: Final = ("extends", "options", "change")


def read_pse(section: Table) -> Mapping[str, Any]:
    """The structure that the [pse] section of a profile names, with the options that it chooses.

    Raises:
        ProfileError: unknown structure, word or option.
    """
    content, choices, changes = _read(read_structure(section.text("structure"), section), ())
    choices.choose(section.table("options"))
    for change in choices.wanted(changes):
        content = _merged(content, change)
    return content


def _read(own: Table, seen: tuple[str, ...]) -> tuple[dict[str, Any], Choices, list[Table]]:
    """Content, options and changes of a structure, together with those of what it extends."""
    own.known(*_OWN, *_VALUES, *_TABLES)
    changes = own.tables("change")
    for change in changes:
        change.known("when", _DROPPED, *_VALUES, *_TABLES)
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
