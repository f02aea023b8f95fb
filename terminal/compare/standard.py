"""What the standard says about a command and two answers to it: the row, its requirements, the cases that decide."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from cardsim.cos.table import BEFORE_ANY_ROW, Check, Command, family
from cardsim.decode.commands import row_of
from terminal.compare.course import Spoken
from terminal.compare.pair import Difference
from terminal.compare.parts import Kind
from terminal.conformance.campaign import catalogue
from terminal.conformance.case import Case, Expect, Send, Step
from terminal.conformance.library import standard_library
from terminal.conformance.requirements import Requirement

_PART: Final = re.compile(r"SSC part (?P<part>\d+)(?P<rest>[^A-Z]*)")
_SECTION: Final = re.compile(r"(?:part (?P<part>\d+) )?§(?P<section>\d+(?:\.\d+)*)")
_PAYMENT: Final = "PBOC-"
_MOST: Final = 6
"""Requirements and cases that are named; more do not help a reader."""


@dataclass(frozen=True, slots=True)
class Word:
    """A status word, and what the row of the command says about it.

    Args:
        sw: as it was answered.
        declared: whether the row or the checks before it may answer it.
        causes: why, in the order in which they win; `place` is the first one's number in that order, from 1.
    """

    sw: int
    declared: bool
    causes: tuple[str, ...]
    place: int = 0


@dataclass(frozen=True, slots=True)
class Says:
    """What is written about a difference.

    Args:
        clause: of the row; empty where no table has the command.
        words: what it says about the status words that came.
        requirements: those of the clause, the ones that name these status words first.
        cases: conformance cases that send the command and expect one of these status words.
    """

    clause: str
    words: tuple[Word, ...]
    requirements: tuple[Requirement, ...]
    cases: tuple[str, ...]


def says(found: Difference) -> Says:
    """What is written about a difference."""
    spoken = found.spoken
    if spoken is None:
        return Says("SSC part 2 §8, ISO 7816-3 §8" if found.part.kind is Kind.ATR else "", (), (), ())
    row = row_of(spoken.environment, spoken.owner[1][:4])
    words = list(dict.fromkeys(event.sw for event in (found.first, found.second) if isinstance(event, Spoken)))
    if row is None:
        return Says("", tuple(Word(sw, sw in BEFORE_ANY_ROW, ()) for sw in words), (), ())
    asked = [sw for sw in words if sw] if found.part.kind is Kind.STATUS else []
    return Says(
        row.clause, tuple(_word(row, sw) for sw in words if sw), tuple(_requirements(row, asked)), _cases(row, words)
    )


def _word(row: Command, sw: int) -> Word:
    wanted = family(sw)
    named = [(number, fault.cause) for number, fault in enumerate(row.answers, 1) if fault.sw == wanted and fault.cause]
    checks = tuple(check.value for check in Check if f"{sw:04X}" in check.value)
    declared = row.declares(sw) or sw in BEFORE_ANY_ROW
    return Word(sw, declared, tuple(cause for _, cause in named) or checks, named[0][0] if named else 0)


def _prefixes(clause: str) -> Iterator[str]:
    """The beginnings of the ids of requirements that a clause stands for: `SSC part 5 §6.10` is SSC5-6.10-."""
    part = ""
    for standard in clause.split("; "):
        if not standard.startswith("SSC"):
            continue
        for found in _SECTION.finditer(standard):
            part = found["part"] or part
            yield f"SSC{part}-{found['section']}-"


def _requirements(row: Command, words: list[int]) -> Iterator[Requirement]:
    named = [f"{family(sw):04X}" for sw in words]
    prefixes = tuple(_prefixes(row.clause))
    found = [each for each in catalogue().values() if _is_about(each, row, prefixes)]
    telling = [each for each in found if any(name in each.statement for name in named)]
    yield from (telling or ([] if named else found))[:_MOST]


def _is_about(item: Requirement, row: Command, prefixes: tuple[str, ...]) -> bool:
    """By the clause in the id; the requirements of PSE are numbered by topic, and name the command."""
    return item.id.startswith(prefixes or (_PAYMENT,)) and (bool(prefixes) or row.name in item.statement)


@cache
def _index() -> Mapping[tuple[bytes, str], tuple[str, ...]]:
    """Cases by CLA INS of a command and the status word that they expect from it."""
    found: dict[tuple[bytes, str], dict[str, None]] = {}
    for case in standard_library().cases:
        for header, word in _expected(case):
            found.setdefault((header, word), {})[case.id] = None
    return {key: tuple(ids) for key, ids in found.items()}


def _expected(case: Case) -> Iterator[tuple[bytes, str]]:
    header = b""
    for step in _flat(case.steps):
        if isinstance(step, Send):
            first = step.command.parts[0]
            header = first[:2] if isinstance(first, bytes) else b""
        elif isinstance(step, Expect) and header:
            for pattern in step.alternatives:
                yield from ((header, word) for word in pattern.statuses)
    return


def _flat(steps: tuple[Step, ...]) -> Iterator[Step]:
    for step in steps:
        yield step
        if hasattr(step, "steps"):
            yield from _flat(step.steps)


def _cases(row: Command, words: list[int]) -> tuple[str, ...]:
    """Cases that expect the refusal among these words; where there is none, those that expect the good one."""
    for sw in sorted(words, key=lambda sw: sw >> 8 in (0x90, 0x61)):
        text = f"{sw:04X}"
        found = [
            name
            for (header, word), ids in _index().items()
            if header == row.header and all(a in ("?", b) for a, b in zip(word, text, strict=True))
            for name in ids
        ]
        if found:
            return tuple(dict.fromkeys(found))[:_MOST]
    return ()
