"""The numbered requirements: read from the index that `tools/make_requirements.py` writes from the YAML catalogues."""

import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from cardsim.resources import resource

FORMAT: Final = "cardsim-requirements"


class Level(enum.Enum):
    """How binding a requirement is."""

    MUST = "must"
    SHOULD = "should"
    MAY = "may"


class Evidence(enum.Enum):
    """What a requirement rests on (D31). `SINGLE` and `DERIVED` never fail a physical card without --strict."""

    STANDARD = "standard"
    SEVERAL = "several"
    SINGLE = "single"
    DERIVED = "derived"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One item of a catalogue."""

    id: str
    source: str
    level: Level
    subject: str
    statement: str
    evidence: Evidence
    same_as: tuple[str, ...]
    group: str
    observable: str = ""
    """`line`: only the T=0 line model shows it, no reader does (D33). Empty: seen with APDUs or outside the card."""


@cache
def load_requirements() -> Mapping[str, Requirement]:
    """All requirements by id."""
    document = json.loads(resource("requirements", "index.json").read_text(encoding="utf8"))
    levels = {level.value: level for level in Level}
    kinds = {evidence.value: evidence for evidence in Evidence}
    found = {}
    for row in document["requirements"]:
        name, source, level, subject, statement, evidence, same_as, group, observable = row
        found[name] = Requirement(
            name, source, levels[level], subject, statement, kinds[evidence], tuple(same_as), group, observable
        )
    return found


def same(requirements: Mapping[str, Requirement], name: str) -> set[str]:
    """A requirement and all that say the same (D32): one case shows them all."""
    return {name, *requirements[name].same_as}
