"""A case as a transcript that a person reads: the steps so far, then what was expected beside what came."""

import re
from collections.abc import Mapping
from typing import Final

from terminal.conformance.reports.record import Record, Shown
from terminal.conformance.requirements import Requirement

_LONGEST: Final = 72
_HEX: Final = re.compile(r"(?:[0-9A-F]{2})*")


def heading(record: Record) -> str:
    """Verdict, id and title."""
    return f"{record.verdict.upper()} {record.id}  {record.title}"


def transcript(record: Record, requirements: Mapping[str, Requirement]) -> list[str]:
    """All of it, line by line, without the heading."""
    lines = [f"{record.place}   group {record.group}   state {record.state}"]
    lines += [_requirement(name, requirements.get(name)) for name in record.shows]
    for line in record.transcript:
        lines += _exchange(f"PSAM: {line.name}" if line.slot == "psam" else line.name, line.command, line.answer)
    if record.difference is not None:
        lines += _difference(record.difference)
    if record.reason:
        lines.append(record.reason)
    return lines


def _requirement(name: str, item: Requirement | None) -> str:
    if item is None:
        return f"requirement {name} (in no catalogue)"
    return f"requirement {name} ({item.source}; {item.level.value}, evidence {item.evidence.value}): {item.statement}"


def _exchange(name: str, command: str, answer: str) -> list[str]:
    first = f"  {name:<24} → {_short(command)}" if command else f"  {name}"
    back = _short(answer) if answer else "nothing"
    if len(first) + len(back) < 100:
        return [f"{first}   ← {back}"]
    return [first, f"  {'':<24} ← {back}"]


def _short(text: str) -> str:
    """Long rows of bytes lose their middle; `--json` has all of it."""
    return text if len(text) <= 2 * _LONGEST else f"{text[: 2 * _LONGEST - 16]}…{text[-12:]}"


def _difference(found: Shown) -> list[str]:
    lines = [f"at {found.place}", f"  expected  {found.expected}"]
    if not _HEX.fullmatch(found.received) or not found.received:
        lines.append(f"  received  {found.received or 'nothing'}")
    else:
        lines += _marked(found)
    lines.append(f"  {found.meaning}")
    return lines + [f"    {text}" for text in found.decoded]


def _marked(found: Shown) -> list[str]:
    """The answer in single bytes, with a mark below the one that differs; in rows of sixteen."""
    values = [found.received[at : at + 2] for at in range(0, len(found.received), 2)]
    lines = []
    for start in range(0, max(1, len(values)), 16):
        row = values[start : start + 16]
        lines.append(("  received  " if start == 0 else " " * 12) + " ".join(row))
        at = found.offset - start
        last = start + 16 >= len(values)
        if 0 <= at < 16 and (at < len(row) or last):
            lines.append(" " * (12 + 3 * at) + f"^^ {_what(found, values)}")
    return lines


def _what(found: Shown, values: list[str]) -> str:
    if found.wanted.startswith("status "):
        return f"{found.wanted} wanted"
    came = values[found.offset] if found.offset < len(values) - 2 else "the end of the data"
    wanted = found.wanted if not _HEX.fullmatch(found.wanted) else _short(found.wanted)
    return f"byte {found.offset + 1}: {came} came; wanted {wanted}"
