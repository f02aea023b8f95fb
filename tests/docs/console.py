"""Console blocks of the documents: commands, and the output that is shown for them.

A block is fenced as ```console. A line that begins with `$ ` is a command; what follows is its output, compared unless
there is none. A line `…` stands for any number of lines, a `…` inside a line for any characters.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent.parent
ELIDED: Final = "…"


@dataclass(slots=True)
class Shown:
    """One command of a document. `stdin` is what an `echo … |` before it gives."""

    place: str
    argv: list[str]
    stdin: str = ""
    output: list[str] = field(default_factory=list)


def pages() -> list[Path]:
    """README and all pages of docs/."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, language: str) -> Iterator[tuple[int, list[str]]]:
    """Fenced blocks of a language: line number and lines."""
    inside, start, lines = "", 0, list[str]()
    for number, line in enumerate(page.read_text(encoding="utf8").splitlines(), 1):
        if line.startswith("```"):
            if inside == language:
                yield start, lines
            inside = "" if inside else line[3:].strip() or "text"
            start, lines = number, []
        elif inside:
            lines.append(line)


def commands(page: Path) -> list[Shown]:
    """The commands of a page in their order."""
    found: list[Shown] = []
    for start, lines in blocks(page, "console"):
        for number, line in enumerate(lines, start + 1):
            if line.startswith("$ "):
                found.append(_command(f"{page.name}:{number}", line[2:]))
            else:
                found[-1].output.append(line)
    return found


def _command(place: str, line: str) -> Shown:
    words, stdin = shlex.split(line), ""
    if "|" in words:
        at = words.index("|")
        assert words[0] == "echo", f"{place}: only echo may stand before a pipe"
        words, stdin = words[at + 1 :], " ".join(words[1:at]) + "\n"
    assert words[0] in ("cardsim", "cardterm"), f"{place}: {words[0]} is none of our commands"
    return Shown(place, words, stdin)


def _same(shown: str, real: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, shown.split(ELIDED))), real) is not None


def _fits_at(chunk: list[str], real: list[str], at: int) -> bool:
    part = real[at : at + len(chunk)] if at >= 0 else []
    return len(part) == len(chunk) and all(map(_same, chunk, part))


def difference(shown: list[str], real: list[str]) -> str:
    """What of the shown output is not there; empty where it fits."""
    chunks: list[list[str]] = [[]]
    for line in shown:
        if line == ELIDED:
            chunks.append([])
        else:
            chunks[-1].append(line)
    at, last = 0, len(chunks) - 1
    for number, chunk in enumerate(chunks):
        if number == last and chunk:
            places = [len(real) - len(chunk)]
        else:
            places = [0] if number == 0 else list(range(at, len(real) - len(chunk) + 1))
        found = next((place for place in places if place >= at and _fits_at(chunk, real, place)), None)
        if found is None:
            return "\n".join(["not found:", *chunk, "in:", *real])
        at = found + len(chunk)
    if last == 0 and at != len(real):
        return "\n".join(["there is more:", *real[at:]])
    return ""
