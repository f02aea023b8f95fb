"""Which test or case shows which requirement of terminals, interface, hosts, scheme, and the making of cards.

    python tools/terminal_coverage.py                 a line for each catalogue: shown, with a reason, missing
    python tools/terminal_coverage.py KRN-CVM API-1   the requirements of these prefixes, and what shows each

A test shows a requirement by naming its id in the docstring of its function or class, one by one or as a range
(`TRM-198 to TRM-234`, `TRM-198 to 234`); a conformance case by its `shows`. What nothing shows stands with its reason
in `vectors/requirements/without-a-test.txt`. `docs/coverage-*.md` are written from the same (tools/make_docs.py).
"""

import argparse
import ast
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from cardsim.resources import resource
from terminal.conformance.library import standard_library
from terminal.conformance.requirements import Requirement, load_requirements, same

ROOT: Final = Path(__file__).resolve().parent.parent
_ID: Final = re.compile(r"\b((?:[A-Z][A-Z0-9]*-)+)(\d{3})(?:\s+to\s+(?:\1)?(\d{3}))?")
_MORE: Final = 3
"""Names of tests that a row has at most."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its file, its title, and the prefix of the ids that it is about, perhaps from one of them on."""

    file: str
    title: str
    prefix: str
    text: str
    first: str = ""

    @property
    def items(self) -> list[Requirement]:
        """The requirements that it is about."""
        return [item for item in of_prefix(self.prefix) if item.id >= self.first]


PAGES: Final = (
    Page(
        "coverage-terminal.md", "Coverage of the social-security terminal", "TRM-", "The terminal of SSC parts 7 and 8."
    ),
    Page("coverage-interface.md", "Coverage of the national interface", "API-", "The functions of 38号文."),
    Page("coverage-kernel.md", "Coverage of the payment terminal", "KRN-", "The PBOC contact kernel and its devices."),
    Page("coverage-scheme.md", "Coverage of the scheme", "SCHEME-", "The scheme that joins both sides (003)."),
    Page(
        "coverage-personalisation.md",
        "Coverage of personalisation",
        "PERSO-",
        "The making of cards from data files; what is about the card itself stands in "
        "[coverage-card.md](coverage-card.md).",
        "PERSO-053",
    ),
)


def named(text: str) -> Iterator[str]:
    """All ids that a text names, ranges one by one."""
    for match in _ID.finditer(text):
        prefix, first, last = match[1], int(match[2]), int(match[3] or match[2])
        for number in range(first, last + 1):
            yield f"{prefix}{number:03d}"


def _docstrings(path: Path) -> Iterator[tuple[str, str]]:
    """Names of the tests of a file, and what their docstrings and those around them say."""
    tree = ast.parse(path.read_text(encoding="utf8"))

    def walk(node: ast.Module | ast.ClassDef) -> Iterator[tuple[str, str]]:
        for child in node.body:
            if isinstance(child, ast.ClassDef):
                yield child.name, ast.get_docstring(child) or ""
                yield from walk(child)
            elif isinstance(child, ast.FunctionDef) and child.name.startswith("test_"):
                yield child.name, ast.get_docstring(child) or ""

    yield from walk(tree)


@cache
def tests() -> Mapping[str, tuple[str, ...]]:
    """Requirement -> tests that name it, as `test_file.py: test_name`."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for name, text in _docstrings(path):
            for requirement in named(text):
                found.setdefault(requirement, []).append(f"{path.name}: {name}")
    return {name: tuple(dict.fromkeys(shown)) for name, shown in found.items()}


@cache
def cases() -> Mapping[str, tuple[str, ...]]:
    """Requirement -> conformance cases that show it or one that says the same (D32)."""
    requirements = load_requirements()
    found: dict[str, list[str]] = {}
    for case in standard_library().cases:
        for shown in case.shows:
            for name in same(requirements, shown):
                found.setdefault(name, []).append(case.id)
    return {name: tuple(dict.fromkeys(ids)) for name, ids in found.items()}


@cache
def reasons() -> Mapping[str, str]:
    """Requirement -> why no test shows it."""
    file = resource("requirements", "without-a-test.txt")
    lines = file.read_text(encoding="utf8").splitlines() if file.is_file() else []
    pairs = (line.split(": ", 1) for line in lines if line and not line.startswith("#"))
    return {name: reason.strip() for name, reason in pairs}


def of_prefix(prefix: str) -> list[Requirement]:
    """The requirements of a prefix in the order of their ids."""
    return [item for name, item in sorted(load_requirements().items()) if name.startswith(prefix)]


def shown(name: str) -> list[str]:
    """What shows a requirement; tests first."""
    return [*tests().get(name, ()), *(f"case {case}" for case in cases().get(name, ()))]


def missing() -> list[str]:
    """Requirements of the pages that nothing shows, and that no reason excuses."""
    wanted = (item.id for page in PAGES for item in page.items)
    return [name for name in wanted if not shown(name) and name not in reasons()]


def problems() -> list[str]:
    """What is wrong with the tables: ids that are none, and reasons for what is shown."""
    known = load_requirements()
    prefixes = tuple(page.prefix for page in PAGES)
    wrong = [f"{name} is named by {', '.join(where)}; there is no such requirement"
             for name, where in tests().items() if name.startswith(prefixes) and name not in known]  # fmt: skip
    wrong += [f"{name} has a reason, but there is no such requirement" for name in reasons() if name not in known]
    wrong += [f"{name} has a reason, and is shown by {shown(name)[0]}" for name in reasons() if shown(name)]
    return wrong


def page_text(page: Page, notice: str) -> str:
    """The whole of one page."""
    items = page.items
    rows = [item for item in items if shown(item.id)]
    rest = [item for item in items if not shown(item.id)]
    total = f"{page.text} {len(items)} requirements (`{items[0].id}` to `{items[-1].id}`): {len(rows)} are shown by"
    lines = [
        f"# {page.title}", "", notice, total,
        f"a test or a [conformance case](conformance.md), {len(rest)} stand below with their reason.",
        "`python tools/terminal_coverage.py ID` prints all that shows one, and the requirement.", "",
        "## Shown", "", "| requirement | by |", "|---|---|",
    ]  # fmt: skip
    for item in rows:
        names = shown(item.id)
        more = f" and {len(names) - _MORE} more" if len(names) > _MORE else ""
        lines.append(f"| {item.id} | {', '.join(names[:_MORE])}{more} |")
    lines += ["", "## Not shown", "", "| requirement | reason |", "|---|---|"]
    lines += [f"| {item.id} | {reasons().get(item.id, 'MISSING')} |" for item in rest]
    return "\n".join([*lines, ""])


def main(argv: list[str] | None = None) -> int:
    """Print what is asked for; 1 where something is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prefix", nargs="*", help="prefixes of requirements to be listed")
    parser.add_argument("--missing", action="store_true", help="list only those that nothing shows")
    asked = parser.parse_args(argv)
    wanted = {prefix: of_prefix(prefix) for prefix in asked.prefix} or {page.prefix: page.items for page in PAGES}
    for prefix, items in wanted.items():
        open_ = [item for item in items if not shown(item.id) and item.id not in reasons()]
        if asked.prefix or asked.missing:
            for item in open_ if asked.missing else items:
                by = ", ".join(shown(item.id)) or reasons().get(item.id, "MISSING")
                print(f"{item.id} ({item.level.value}): {item.statement}\n    {by}")
        reasoned = sum(item.id in reasons() and not shown(item.id) for item in items)
        print(f"{prefix}: {len(items)} requirements, {len(open_)} missing, {reasoned} with a reason")
    for line in problems():
        print(line)
    return 1 if problems() or any(name.startswith(tuple(wanted)) for name in missing()) else 0


if __name__ == "__main__":
    sys.exit(main())
