"""docs/product.md says what the rules say."""

import json
import re
import tomllib
from collections.abc import Iterator

import pytest

from cardsim.pse import commands as pse
from cardsim.ssse import commands as ssse
from terminal.management.product.making import qualified
from terminal.management.product.rules import Maker, MakerKind, default_rules, read_rules
from terminal.perso.kinds import Mode, Side
from tests.docs.console import ROOT, blocks

PAGE = ROOT / "docs" / "product.md"
_SOURCES = (r"STD-\d|V2", r"\bPN\b|\bJ5\b|\bJ13\b|EMV")
"""How the catalogues cite both: the revised edition by part; JR/T 0025 by the payment note, its parts, or EMV."""


def _rows(head: str) -> Iterator[list[str]]:
    section = PAGE.read_text(encoding="utf8").partition(head)[2].partition("\n\n")[0]
    for row in section.strip().splitlines()[1:]:
        yield [cell.strip() for cell in row.split("|")[1:-1]]


def test_the_example_of_a_workshop_is_read() -> None:
    """The TOML of the page holds in a workshop."""
    (text,) = ("\n".join(lines) for _, lines in blocks(PAGE, "toml"))
    rules = read_rules(tomllib.loads(text)["product"], "the page")
    assert rules.personalisation.mode is Mode.STEPWISE
    assert [row.amount for row in rules.fees] == [2000]


def test_the_table_of_stages() -> None:
    stages = default_rules().stages
    found = {
        int(stage.split()[0]): tuple(forms.split(", ")) for stage, forms in _rows("| stage | forms of the stripe |")
    }
    assert found == {number: tuple(form.value for form in stage.stripes) for number, stage in stages.items()}


@pytest.mark.parametrize("kind", [MakerKind.DEPARTMENT, MakerKind.BANK])
def test_the_table_of_makers(kind: MakerKind) -> None:
    (row,) = (row for row in _rows("| body | centralised | social step | finance step |") if row[0] == kind.value)
    maker = Maker("X", "X", kind)
    steps = [qualified(maker, Mode.CENTRALISED), *(qualified(maker, Mode.STEPWISE, side) for side in Side)]
    assert [cell == "yes" for cell in row[1:]] == [refused is None for refused in steps]


def test_sources_of_the_general_rule() -> None:
    """SCHEME-229: for each area of the general rule the page names requirements that rest on each of its sources, and
    a command that both environments have."""
    index = json.loads((ROOT / "vectors" / "requirements" / "index.json").read_text(encoding="utf8"))["requirements"]
    rows = list(
        _rows(
            "| area | LB002-2000, social side | JR/T 0025-2010, payment side | ISO/IEC 7816-4:2005, command of both |"
        )
    )
    assert [row[0] for row in rows] == [
        "card structure", "selection of environments", "security control", "personalisation"
    ]  # fmt: skip
    names = [{row.name for row in table} for table in (ssse.TABLE, pse.TABLE)]
    for _, *cells, command in rows:
        for cell, cited in zip(cells, _SOURCES, strict=True):
            for prefix in cell.split(", "):
                found = [item for item in index if item[0].startswith(f"{prefix}-") and re.search(cited, item[1])]
                assert found, prefix
        assert all(command in known for known in names), command
    text = PAGE.read_text(encoding="utf8")
    assert all(source in text for source in ("ISO/IEC 7816-4:2005", "JR/T 0025-2010", "LB002-2000"))
