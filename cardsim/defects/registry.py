"""All defects by name, defects from a user's own file, and how one gets into a card."""

import runpy
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, cast

from cardsim.assembly import CardModel, SamModel
from cardsim.defects.cash import CASH
from cardsim.defects.channel import CHANNEL
from cardsim.defects.chip import CHIP
from cardsim.defects.cos import COS
from cardsim.defects.defect import Defect, Side
from cardsim.defects.keys import KEYS
from cardsim.defects.master import MASTER
from cardsim.defects.medical import MEDICAL
from cardsim.defects.payment import PAYMENT
from cardsim.defects.personalisation import PERSONALISATION
from cardsim.defects.psam import PSAM
from cardsim.defects.pse import PSE
from cardsim.defects.records import RECORDS
from cardsim.defects.risk import RISK
from cardsim.defects.rules import RULES
from cardsim.defects.script_effects import SCRIPT_EFFECTS
from cardsim.defects.scripts import SCRIPTS
from cardsim.defects.security import SECURITY
from cardsim.defects.services import SERVICES
from cardsim.defects.signatures import SIGNATURES
from cardsim.defects.ssse import SSSE
from cardsim.defects.updates import UPDATES

_TABLES: Final = (
    CHIP, COS, MASTER, SSSE, RECORDS, UPDATES, RULES, SECURITY,
    KEYS, SERVICES, MEDICAL, PSE, CHANNEL, PERSONALISATION,
    PAYMENT, RISK, CASH, SIGNATURES, SCRIPTS, SCRIPT_EFFECTS, PSAM,
)  # fmt: skip
HEADINGS: Final = {
    Side.CHIP: "Chip",
    Side.CARD: "Card and card management",
    Side.SSSE: "Social-security environment",
    Side.PSE: "Payment environment",
    Side.PSAM: "PSAM",
}
"""The sides in the order of the pages about defects, with their headings."""


class DefectError(Exception):
    """No such defect, or a file that holds none: says which, and why."""


@cache
def defects() -> Mapping[str, Defect]:
    """The defects of this project by name, in the order of their tables."""
    found: dict[str, Defect] = {}
    for table in _TABLES:
        for defect in table:
            if defect.name in found:
                raise DefectError(f"the defect {defect.name} stands twice")
            found[defect.name] = defect
    return MappingProxyType(found)


def find_defect(text: str) -> Defect:
    """A defect of this project (NAME), or of a Python file with a list DEFECTS (FILE:NAME).

    Raises:
        DefectError: there is none.
    """
    file, colon, name = text.rpartition(":")
    if colon:
        return _one_of(_of_file(Path(file)), name, f"{file}: it has no defect {name!r}")
    return _one_of(defects(), text, f"there is no defect {text!r}")


def _one_of(found: Mapping[str, Defect], name: str, problem: str) -> Defect:
    if name in found:
        return found[name]
    near = [known for known in found if name and (name in known or known in name)]
    known = near or (list(found) if len(found) <= 10 else [])
    hint = f"there is {', '.join(known)}" if known else "`cardsim defects` lists them"
    raise DefectError(f"{problem}; {hint}")


def _of_file(path: Path) -> dict[str, Defect]:
    if not path.is_file():
        raise DefectError(f"{path} cannot be read: no such file")
    try:
        listed = runpy.run_path(str(path)).get("DEFECTS")
    except Exception as error:
        raise DefectError(f"{path} cannot be run: {type(error).__name__}: {error}") from error
    if not isinstance(listed, list | tuple) or not all(isinstance(item, Defect) for item in listed):
        raise DefectError(f"{path}: it defines no list DEFECTS of cardsim.defects.Defect")
    return {defect.name: defect for defect in listed}


def apply_defect(card: CardModel | SamModel, defect: Defect) -> None:
    """Put a defect into one card, before it is powered on; a card that is powered takes it up at its next reset.

    Raises:
        DefectError: it belongs to the other kind of card.
    """
    if isinstance(card, SamModel) is not (defect.side is Side.PSAM):
        owner = "the PSAM" if defect.side is Side.PSAM else "the user card"
        raise DefectError(f"the defect {defect.name} is one of {owner}")
    cast(Callable[[CardModel | SamModel], None], defect.apply)(card)
    card.os._levels.clear()


def document() -> str:
    """`docs/defects.md`: the tables for people."""
    lines = [_INTRODUCTION.format(count=len(defects()))]
    for side, heading in HEADINGS.items():
        lines += [f"\n## {heading}\n", "| name | what is wrong | breaks |", "|---|---|---|"]
        lines += [f"| `{d.name}` | {d.title} | {d.clause} |" for d in defects().values() if d.side is side]
    return "\n".join(lines) + "\n"


_INTRODUCTION: Final = """\
# Defects

<!-- Made from cardsim/defects by cardsim.defects.registry.document; tools/mutants.py --document writes it. -->

A defect is one small, deliberate fault in one card: the user card, or the PSAM. There are {count}. They serve two
purposes: the conformance suite must find every one of them (`tools/mutants.py` runs it against each, and none may
survive), and terminal developers get cards that misbehave in one known way. `--defect` goes into the card that the
defect belongs to.

    cardsim defects
    cardsim serve demo.card --defect challenge-reusable
    cardsim serve demo.card --psam demo.psam --defect sam-number-stays

The image stays as good as it was: a defect is in the program that runs the card, not in its memory. What a defective
card writes is written, so serve a copy if you want to keep the image.

## Your own

`--defect FILE:NAME` takes a defect from a Python file that defines a list `DEFECTS`:

```python
from cardsim.defects import Defect, Side
from cardsim.defects.defect import on_answer


def _late(command: bytes, answer: bytes) -> bytes:
    return b"\\x6f\\x00" if answer == b"\\x6a\\x82" else answer


DEFECTS = [
    Defect("missing-6F00", "A file that is missing is answered 6F00.", "SSC5-6.11-22", Side.CARD, on_answer(_late)),
]
```

`apply` gets the `CardModel` (for `Side.PSAM` the `SamModel`) before it is powered on and changes that object alone,
never a class or a module. `cardsim.defects.defect` has what this project's own defects are made with. A file is a
program: run only files that you trust."""
