"""What must live here: the scheme's businesses as the rows of `vectors/terminals`, for terminals and hosts alike.

A region adds rows of its own by a file in the same form (探索开展其他便民服务, SCHEME-090); the scheme's rows stay.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from cardsim.resources import resource
from terminal.errors import UsageError
from terminal.tables import read_tables, rows


class Channel(enum.Enum):
    """Where the holder is."""

    COUNTER = "counter"
    """柜台: an operator works for the holder."""
    KIOSK = "kiosk"
    """触摸屏."""
    WEB = "web"
    """网站: the holder's own reader at a computer."""


@dataclass(frozen=True, slots=True)
class Business:
    """A business that the card opens as identity credential (身份凭证)."""

    key: str
    chinese: str
    name: str
    clause: str
    channels: tuple[Channel, ...]
    reads: tuple[str, ...] = ()
    """Files of the card that it looks at besides, as `DF03EF19`."""
    fields: tuple[str, ...] = ()
    """What the holder has to say besides."""


@dataclass(frozen=True, slots=True)
class Query:
    """Something that can be looked up (信息查询): files of the card, or a subject of the host."""

    key: str
    chinese: str
    name: str
    clause: str
    channels: tuple[Channel, ...]
    pin: bool
    """Whether the holder's PIN is needed."""
    reads: tuple[str, ...] = ()
    subject: str = ""
    """The host's name of it; empty where the card alone answers."""


@dataclass(frozen=True, slots=True)
class SettlementRule:
    """Medical settlement (医疗费用结算)."""

    key: str
    chinese: str
    name: str
    clause: str
    via_card_account: bool
    """Whether the rest is paid from the card's bank account (SCHEME-089)."""


@dataclass(frozen=True, slots=True)
class ContributionKind:
    """A kind of contribution (社会保险费)."""

    key: str
    chinese: str
    name: str
    clause: str
    via_card_account: bool
    withheld: bool = False
    """The bank takes it by a batch file (银行代扣); no card is there."""


@dataclass(frozen=True, slots=True)
class BenefitKind:
    """A kind of benefit (待遇)."""

    key: str
    chinese: str
    name: str
    clause: str
    via_card_account: bool
    periodic: bool = False


class _Named(Protocol):
    @property
    def key(self) -> str: ...


_Kind = TypeVar("_Kind", bound=_Named)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All businesses of a terminal, each by its key."""

    business: Mapping[str, Business]
    query: Mapping[str, Query]
    settlement: Mapping[str, SettlementRule]
    contribution: Mapping[str, ContributionKind]
    benefit: Mapping[str, BenefitKind]

    def extended(self, path: Path) -> "Catalogue":
        """With the rows of a region's file.

        Raises:
            UsageError: the file is malformed, or has a row of the scheme's.
        """
        return _read(read_tables(path), str(path), self)


_FILES: Final = ("businesses.toml", "contributions.toml", "benefits.toml")
_TABLES: Final = tuple(field.name for field in fields(Catalogue))


@cache
def scheme() -> Catalogue:
    """The scheme's own rows (SCHEME-063 to SCHEME-089)."""
    catalogue = Catalogue({}, {}, {}, {}, {})
    for name in _FILES:
        catalogue = _read(read_tables(resource("terminals", name)), name, catalogue)
    return catalogue


def _read(tables: Mapping[str, Any], where: str, known: Catalogue) -> Catalogue:
    if unknown := sorted(set(tables) - set(_TABLES)):
        raise UsageError(f"{where}: [[{unknown[0]}]] is not known; there are {', '.join(_TABLES)}")
    return Catalogue(
        _joined(known.business, rows(tables, "business", Business, where), where),
        _joined(known.query, rows(tables, "query", Query, where), where),
        _joined(known.settlement, rows(tables, "settlement", SettlementRule, where), where),
        _joined(known.contribution, rows(tables, "contribution", ContributionKind, where), where),
        _joined(known.benefit, rows(tables, "benefit", BenefitKind, where), where),
    )


def _joined(known: Mapping[str, _Kind], new: tuple[_Kind, ...], where: str) -> Mapping[str, _Kind]:
    joined = dict(known)
    for row in new:
        if row.key in joined:
            raise UsageError(f"{where}: there is a row {row.key} already")
        joined[row.key] = row
    return joined
