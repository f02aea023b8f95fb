"""The pages that say which case shows which requirement (docs/coverage-*.md)."""

import re
from dataclasses import dataclass

from tests.docs.console import ROOT


@dataclass(frozen=True, slots=True)
class CoveragePage:
    """One page: requirement -> its cases, and the requirements that have a reason instead."""

    shown: dict[str, list[str]]
    missing: list[str]

    @property
    def requirements(self) -> list[str]:
        """All that stand there, sorted; one that stands there twice comes twice."""
        return sorted([*self.shown, *self.missing])


def coverage_page(name: str, requirement: str) -> CoveragePage:
    """Read docs/coverage-NAME.md, whose requirements look like this regular expression."""
    shown, missing = (ROOT / "docs" / f"coverage-{name}.md").read_text(encoding="utf8").split("## Not shown")
    rows = re.findall(rf"^\| ({requirement}) \| (.*?) \|", shown, re.MULTILINE)
    left = re.findall(rf"^\| .*? \| ({requirement}.*?) \|$", missing, re.MULTILINE)
    assert len(rows) == len({row[0] for row in rows})
    return CoveragePage({row[0]: row[1].split(", ") for row in rows}, ", ".join(left).split(", "))
