"""How much of what the rows declare sequences of the grammar reach: each command with each of its status words.

A demo card, the moments of its making, and a PSAM with its own, get so many random sequences; nothing guides them. The
page docs/fuzzing-reach.md is written from a run. Exit status 1 if a pair was not reached and
`vectors/phrases/unreached.toml` names no reason, or names one for a pair that was reached.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from cardsim.assembly import new_card, new_psam
from cardsim.keyfile import KeyFile
from cardsim.making.card import activate, make_card
from cardsim.making.psam import activate_psam, make_psam
from cardsim.making.samplan import load_psam_profile
from cardsim.making.structure import load_profile
from terminal.fuzz.executor import Executor
from terminal.fuzz.grammar import Grammar
from terminal.fuzz.reach import Pair, Reach, complaints, declared_pairs, reasons
from terminal.fuzz.starts import starts
from terminal.fuzz.subject import Subject
from terminal.slots import Slot

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "fuzzing-reach.md"
_SEED: Final = 1
_FINISHED: Final = 200_000
_MOMENT: Final = 40_000


def _finished_card() -> Subject:
    profile, model = load_profile("dual-3.0-sm4"), new_card(seed=_SEED)
    activate(model, None, switches=profile.switches)
    return Subject(model, make_card(model, profile, None), model)


def _finished_psam() -> Subject:
    profile, model = load_psam_profile("field"), new_psam(seed=_SEED)
    activate_psam(model, None, int(profile.switches))
    return Subject(model, make_psam(model, profile, None), model, Slot.PSAM)


def _subjects(slot: Slot) -> Iterator[tuple[str, Subject]]:
    """The finished card, and the moments of its making."""
    yield ("psam", _finished_psam()) if slot is Slot.PSAM else ("card", _finished_card())
    for name, start in starts(KeyFile(), slot).items():
        yield name, start.subject()


@dataclass
class Figures:
    """What the runs from each start have added."""

    slot: Slot
    reach: Reach = field(default_factory=Reach)
    starts: list[tuple[str, int, int, int]] = field(default_factory=list)
    """Name, APDUs, pairs reached from there, pairs reached for the first time."""


def run(slot: Slot, finished: int, moment: int) -> Figures:
    """Sequences from each start until so many APDUs were sent."""
    figures = Figures(slot)
    pairs = list(declared_pairs(slot))
    for name, subject in _subjects(slot):
        own = Reach()
        executor, grammar, random = Executor(subject), Grammar(subject, name), Random(_SEED)
        while own.apdus < (moment if figures.starts else finished):
            own.take(executor.run(grammar.sequence(random)), name)
        before = sum(bool(figures.reach.count(pair)) for pair in pairs)
        figures.reach.counts += own.counts
        figures.reach.apdus += own.apdus
        after = sum(bool(figures.reach.count(pair)) for pair in pairs)
        figures.starts.append((name, own.apdus, sum(bool(own.count(pair)) for pair in pairs), after - before))
        print(f"{name}: {own.apdus} APDUs, {after} of {len(pairs)} pairs so far", file=sys.stderr)
    return figures


def page(all_figures: list[Figures]) -> str:
    """The page."""
    why = reasons()
    lines = [
        "# What fuzzing reaches",
        "",
        "Written by `python tools/fuzz_reach.py`. Each row of the command tables declares which status words its",
        "command may be answered with. This page counts those pairs of command and status word that random sequences",
        "of the grammar (phrases, raw commands, scenes; nothing guides them) were answered with, on the clean model.",
        "",
        "| start | APDUs | pairs | for the first time |",
        "|---|---|---|---|",
    ]
    for figures in all_figures:
        lines += [f"| {name} | {apdus:,} | {pairs} | {new} |" for name, apdus, pairs, new in figures.starts]
    lines += ["", "| where | declared | reached |", "|---|---|---|"]
    missing: list[Pair] = []
    for figures in all_figures:
        declared, reached = Counter[str](), Counter[str]()
        for pair in declared_pairs(figures.slot):
            declared[pair.where] += 1
            reached[pair.where] += bool(figures.reach.count(pair))
        lines += [f"| {where} | {declared[where]} | {reached[where]} |" for where in declared]
        missing += figures.reach.missing(figures.slot)
    lines += ["", "## What is not reached, and why", "", "| command | status word | why |", "|---|---|---|"]
    lines += [
        f"| {pair.command} | {pair.sw:04X} | {why.get(str(pair), 'not reached in this run')} |" for pair in missing
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--finished", type=int, default=_FINISHED, help="APDUs on the finished card, and PSAM")
    parser.add_argument("--moment", type=int, default=_MOMENT, help="APDUs from each other start")
    parser.add_argument("--dry-run", action="store_true", help="do not write the page")
    asked = parser.parse_args()
    figures = [run(slot, asked.finished, asked.moment) for slot in (Slot.CARD, Slot.PSAM)]
    if not asked.dry_run:
        PAGE.write_text(page(figures), encoding="utf8")
    found = complaints({each.slot: each.reach for each in figures})
    print("\n".join(found) or "every pair is reached, or has its reason", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
