"""docs/data-files.md says what the layouts say."""

import re

from terminal.perso.data.columns import CHECKS, COMBINED
from terminal.perso.data.layouts import Column, ColumnType, FileKind, layout
from tests.docs.console import ROOT

PAGE = (ROOT / "docs" / "data-files.md").read_text(encoding="utf8")


def _columns() -> dict[str, dict[FileKind, Column]]:
    found: dict[str, dict[FileKind, Column]] = {}
    for kind in FileKind:
        for column in layout(kind).columns:
            found.setdefault(column.name, {})[kind] = column
    return found


def test_the_table_of_columns() -> None:
    """Each column with type, length, and the files that it stands in."""
    rows = []
    for name, per in _columns().items():
        column = next(iter(per.values()))
        length = f"{'' if column.fixed else '≤ '}{column.length}" if column.length else ""
        where = ["–" if kind not in per else "needed" if per[kind].needed else "yes" for kind in FileKind]
        rows.append(f"| `{name}` | {column.chinese} | {column.type.value} | {length} | {' | '.join(where)} |")
    head = "| column | Chinese | type | length | applications | social | bank | matched |"
    assert "\n".join([head, "|---" * 8 + "|", *rows]) in PAGE


def test_what_stands_once() -> None:
    """The columns whose values stand once."""
    once = [name for name, per in _columns().items() if any(column.once for column in per.values())]
    (row,) = re.findall(r"^\| (.+) \| no value stands twice", PAGE, re.MULTILINE)
    assert row == ", ".join(f"`{name}`" for name in once)


def test_types_and_checks() -> None:
    """Each type has a row, each column with a rule of its own too, and every rule is used."""
    types = {column.type for per in _columns().values() for column in per.values()}
    assert all(re.search(rf"^\| .*`{kind.value}`.* \|", PAGE, re.MULTILINE) for kind in types)
    assert types == set(ColumnType) - {ColumnType.HEX}
    checked = {column.check: name for name, per in _columns().items() for column in per.values()}
    section = PAGE.partition("## What is checked")[2].partition("\n## ")[0]
    assert all(f"`{name}`" in section for check, name in checked.items() if check not in ("", "area"))
    assert set(checked) - {""} == set(CHECKS)
    assert {rule.rule for kind in FileKind for rule in layout(kind).combined} == set(COMBINED)
