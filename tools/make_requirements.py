"""Writes `vectors/requirements/index.json` and the tables of `docs/requirements.md` from the YAML catalogues.

    python tools/make_requirements.py                  writes both
    python tools/make_requirements.py --check          writes nothing; exits 1 if one of them is stale
    python tools/make_requirements.py --show SSC5-6.2  whole items whose id begins so, or of a group, or of a decision

The YAML is for people; what runs reads the index (`terminal.conformance.requirements`). PyYAML is needed here alone.
"""

import argparse
import json
import re
import sys
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).resolve().parent.parent
DATA: Final = ROOT / "vectors" / "requirements"
INDEX: Final = DATA / "index.json"
PAGE: Final = ROOT / "docs" / "requirements.md"
FORMAT: Final = "cardsim-requirements"
LEVELS: Final = ("must", "should", "may")
EVIDENCE: Final = ("standard", "several", "single", "derived")
REQUIRED: Final = ("id", "group", "level", "evidence", "source", "subject", "statement")
FIELDS: Final = frozenset(REQUIRED) | {
    "command", "actors", "given", "when", "then", "state_effect", "negative", "note", "same_as", "observable",
    "decision", "changed",
}  # fmt: skip
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Item = Mapping[str, Any]


class CatalogueError(Exception):
    """A catalogue that is wrong: item and reason."""


def catalogues() -> dict[str, list[Item]]:
    """All items by catalogue, in the order of the files."""
    return {
        path.stem: yaml.load(path.read_text(encoding="utf8"), Loader=_LOADER)  # a safe loader, see _LOADER
        for path in sorted(DATA.glob("*.yaml"))
    }


def decisions() -> dict[str, tuple[str, list[str]]]:
    """Number -> (title, what its list in brackets names), from `decisions.md`."""
    found = {}
    for line in (DATA / "decisions.md").read_text(encoding="utf8").splitlines():
        start = re.match(r"- \*\*(D\d+) ?(.*?)\*\*(.*)", line)
        if start:
            names = re.search(r"\[([^]]*)\]\s*$", line)
            title = (start[2] or start[3].strip().split(":")[0]).strip(" .`*").replace("*", "")
            found[start[1]] = (title[:70], names[1].split(", ") if names else [])
    return found


def problems(items: Sequence[Item]) -> Iterable[str]:
    """What is wrong with the items, a line each."""
    known = {item["id"]: item for item in items}
    numbers = decisions()
    if len(known) != len(items):
        yield "an id stands twice"
    for item in items:
        name = item["id"]
        for field in [field for field in REQUIRED if not item.get(field)] + sorted(set(item) - FIELDS):
            yield f"{name}: field {field}"
        if item["level"] not in LEVELS or item["evidence"] not in EVIDENCE:
            yield f"{name}: level {item['level']}, evidence {item['evidence']}"
        if item.get("observable", "line") != "line":
            yield f"{name}: observable {item['observable']}"
        yield from (f"{name}: no decision {number}" for number in item.get("decision", []) if number not in numbers)
        mates = set(item.get("same_as", []))
        for mate in mates:
            if mate not in known or mate == name or set(known[mate].get("same_as", [])) | {mate} != mates | {name}:
                yield f"{name}: same_as {mate} is not mutual"


def index(items: Iterable[Item]) -> str:
    """The compact index, one row a line so that a difference can be read."""
    rows = [
        [item[field] for field in ("id", "source", "level", "subject", "statement", "evidence")]
        + [list(item.get("same_as", [])), item["group"], item.get("observable", "")]
        for item in items
    ]
    lines = ",\n".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows)
    return f'{{"format":"{FORMAT}","version":1,"requirements":[\n{lines}\n]}}\n'


# --- tables of the page ------------------------------------------------------------------------------------------


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _counts(by_catalogue: Mapping[str, Sequence[Item]]) -> str:
    rows = []
    everything = [item for items in by_catalogue.values() for item in items]
    for name, items in [*by_catalogue.items(), ("**all**", everything)]:
        levels = Counter(item["level"] for item in items)
        kinds = Counter(item["evidence"] for item in items)
        weak = sum(item["level"] == "must" and item["evidence"] in ("single", "derived") for item in items)
        rows.append([name, len(items), *(levels[x] for x in LEVELS), *(kinds[x] for x in EVIDENCE), weak])
    return _table(["catalogue", "items", *LEVELS, *EVIDENCE, "weak musts"], rows)


def _groups(items: Iterable[Item]) -> str:
    counted: dict[str, Counter[str]] = {}
    for item in items:
        prefix = re.split(r"-\d", item["id"])[0]
        counted.setdefault(item["group"], Counter())[prefix] += 1
    rows = [
        [name, sum(found.values()), ", ".join(f"{prefix} {count}" for prefix, count in sorted(found.items()))]
        for name, found in sorted(counted.items())
    ]
    return _table(["group", "items", "ids"], rows)


def _decided(items: Iterable[Item]) -> str:
    touched: dict[str, list[str]] = {}
    for item in items:
        for number in item.get("decision", []):
            touched.setdefault(number, []).append(item["id"] + ("*" if item.get("changed") else ""))
    rows = [[number, title, ", ".join(touched.get(number, ["–"]))] for number, (title, _) in decisions().items()]
    return _table(["decision", "about", "items (`*` = text changed)"], rows)


def _changes(items: Iterable[Item]) -> str:
    changed = [item for item in items if item.get("changed")]
    return _table(["id", "why"], ([item["id"], item["changed"].partition(". Before: ")[0]] for item in changed))


def _classes(items: Iterable[Item]) -> str:
    found = {tuple(sorted([item["id"], *item["same_as"]])): None for item in items if item.get("same_as")}
    return "\n".join("- " + " = ".join(names) for names in found)


def page(text: str, by_catalogue: Mapping[str, Sequence[Item]]) -> str:
    """The page with its tables written anew between their marks."""
    items = [item for found in by_catalogue.values() for item in found]
    tables = {
        "counts": _counts(by_catalogue),
        "groups": _groups(items),
        "decisions": _decided(items),
        "changes": _changes(items),
        "classes": _classes(items),
    }
    for name, table in tables.items():
        start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        if start not in text or end not in text:
            raise CatalogueError(f"{PAGE.name} has no place for {name}")
        text = text.partition(start)[0] + start + table + "\n" + end + text.partition(end)[2]
    return text


# --- commands ----------------------------------------------------------------------------------------------------


def show(items: Sequence[Item], asked: str) -> int:
    """Print whole items; exit status 1 if there is none."""
    names = {item["id"]: (item["group"], *item.get("decision", ())) for item in items}
    found = [item for item in items if item["id"].startswith(asked) or asked in names[item["id"]]]
    for item in found:
        for field, value in item.items():
            shown = ", ".join(value) if isinstance(value, list) else value
            print(textwrap.fill(f"{field}: {shown}", 118, subsequent_indent="    "))
        print()
    print(f"{len(found)} items")
    return 0 if found else 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run with command-line arguments; answers the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if something is stale")
    parser.add_argument("--show", metavar="PREFIX", help="items by the beginning of their id, by group or by decision")
    asked = parser.parse_args(arguments)
    by_catalogue = catalogues()
    items = [item for found in by_catalogue.values() for item in found]
    if asked.show:
        return show(items, asked.show)
    wrong = list(problems(items))
    for line in wrong:
        print(line, file=sys.stderr)
    if wrong:
        return 1
    stale = 0
    for path, text in ((INDEX, index(items)), (PAGE, page(PAGE.read_text(encoding="utf8"), by_catalogue))):
        if path.exists() and path.read_text(encoding="utf8") == text:
            continue
        if asked.check:
            print(f"{path.relative_to(ROOT)} is stale; run python tools/make_requirements.py", file=sys.stderr)
            stale = 1
        else:
            path.write_text(text, encoding="utf8")
            print(f"wrote {path.relative_to(ROOT)}")
    return stale


if __name__ == "__main__":
    sys.exit(main())
