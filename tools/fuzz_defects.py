"""Fuzzes cards and PSAMs with one known defect each, and tells how many APDUs it takes until a defect is found.

    PYTHONPATH=. python tools/fuzz_defects.py -j 2 --document       every defect; writes docs/fuzzing-defects.md
    PYTHONPATH=. python tools/fuzz_defects.py gpo-twice pin-tries-late -v

A corpus is grown first, by fuzzing clean cards alone: the demo card and cards with other risk data, a 3DES card, a
PSAM, and each of them at moments of its making. On each defective card the corpus is run once, and then the fuzzer
goes on, until it is answered otherwise than by the clean card (oracle `reference`), or the budget is spent. What was
answered otherwise is given to the other oracles too, which know no clean card. What was found is shrunk.
"""

import argparse
import json
import multiprocessing
import sys
import time
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import mutants

from cardsim.assembly import CardModel, SamModel, seeded
from cardsim.chip.eeprom import Eeprom
from cardsim.defects import Defect, DefectError, Side, apply_defect, defects, find_defect
from cardsim.defects.registry import HEADINGS
from cardsim.keyfile import KeyFile
from terminal.fuzz import sequence as sequences
from terminal.fuzz.corpus import Entry
from terminal.fuzz.executor import Executor, Oracle, Run
from terminal.fuzz.findings import Finding
from terminal.fuzz.grammar import Grammar
from terminal.fuzz.oracles.reference import Reference
from terminal.fuzz.oracles.table import oracles_for
from terminal.fuzz.plan import Lab, Making, Plan
from terminal.fuzz.starts import starts
from terminal.fuzz.subject import Subject
from terminal.fuzz.worker import Order, Worker
from terminal.slots import Slot

DOCUMENT: Final = Path(__file__).resolve().parent.parent / "docs" / "fuzzing-defects.md"
REASONS: Final = Path(__file__).resolve().parent / "fuzz_defects.toml"
GROWN: Final = 300_000
BUDGET: Final = 50_000
_SHRINK: Final = 3_000
_ELSEWHERE: Final = 0.1
"""How often a new sequence is made for a card that is not near the defect, against one that is."""
_SUSPECTS: Final = 24
"""Sequences that are answered otherwise, at most, of which the oracles are asked."""
_SHRUNK: Final = 8
"""Suspects that are shrunk, at most, until one is small."""
_SIDES: Final = {Side.SSSE: "ssse", Side.PSE: "pse", Side.PSAM: "psam"}
"""How the environments of the sides are named in features."""
_SEED: Final = 1
_MOST: Final = 8
"""Commands to which a finding is to be shrunk at most."""


# --- the cards ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Card:
    """A clean card that sequences begin with, and what makes sequences for it.

    Args:
        name: of the start.
        cells: of its memory.
        keys: that belong to it.
        slot: user card or PSAM.
        clean: a copy of it.
        making: makes sequences for it.
        sides: the defects for which it is worth while.
        near: those for which it is the first choice.
    """

    name: str
    cells: bytes
    keys: KeyFile
    slot: Slot
    clean: Subject
    making: Making
    sides: frozenset[Side]
    near: frozenset[Side]

    def subject(self, defect: Defect | None) -> Subject:
        """A copy of the card, with a defect in it."""
        subject = subject_of(self.cells, self.keys, self.slot, defect)
        subject.known = self.clean.known
        return subject


def subject_of(cells: bytes, keys: KeyFile, slot: Slot, defect: Defect | None) -> Subject:
    """A card of cells, with a defect in it."""
    eeprom = Eeprom(bytearray(cells))
    model = (SamModel if slot is Slot.PSAM else CardModel)(eeprom, seeded(_SEED))
    if defect is not None:
        apply_defect(model, defect)
    return Subject(model, keys, model, slot)


_USER: Final = frozenset(Side) - {Side.PSAM}
_SAM: Final = frozenset({Side.PSAM})
_BELOW: Final = frozenset({Side.CHIP, Side.CARD})
_NEAR: Final = {
    "filled": _BELOW | {Side.SSSE},
    "unissued": _BELOW | {Side.PSE},
    "otherwise": _USER,
}
"""Moments in the making of a card, for the sides whose defects show there; the others are for chip and card."""


def cards() -> tuple[Card, ...]:
    """All clean cards."""
    made = mutants.prepare()
    first = made.kinds[0]
    pse, ssse = frozenset({Side.PSE}), frozenset({Side.SSSE})
    found = [_card("card", first.cells, first.keys, Slot.CARD, _USER, _USER)]
    found += [
        _card(f"card-{number}", kind.cells, kind.keys, Slot.CARD, pse, pse, "card")
        for number, kind in enumerate(made.kinds[1:], 2)
    ]
    des = mutants._kind(mutants.Risk({}, frozenset()), "dual-3.0-des", first.vocabulary, (first.psam, first.keys))
    found.append(_card("card-des", des.cells, des.keys, Slot.CARD, ssse, ssse, "card"))
    found.append(_card("psam", first.psam, first.keys, Slot.PSAM, _SAM, _SAM))
    for slot, sides in ((Slot.CARD, _USER), (Slot.PSAM, _SAM)):
        for name, start in starts(first.keys, slot).items():
            near = sides if slot is Slot.PSAM else _NEAR.get(name, _BELOW)
            found.append(_card(name, start.state.cells.cells, start.keys, slot, sides, near))
            found[-1].clean.known = {**found[-1].clean.known, **start.known}
    return tuple(found)


def _card(
    name: str, cells: bytes, keys: KeyFile, slot: Slot, sides: frozenset[Side], near: frozenset[Side], place: str = ""
) -> Card:
    clean = subject_of(cells, keys, slot, None)
    return Card(name, cells, keys, slot, clean, Making(Grammar(clean, place or name), name), sides, near)


def labs(found: Iterable[Card], defect: Defect | None, *, reference: bool) -> dict[str, Lab]:
    """The starts of a campaign on a card with a defect."""
    result: dict[str, Lab] = {}
    for card in found:
        if defect is not None and defect.side not in card.sides:
            continue
        subject = card.subject(defect)
        watching: tuple[Oracle, ...] = (Reference(card.clean),) if reference else oracles_for(subject)
        weight = 1.0 if defect is None or defect.side in card.near else _ELSEWHERE
        result[card.name] = Lab(Executor(subject, () if defect is None else watching), card.making, weight)
    return result


# --- the corpus ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Known:
    """A sequence of the corpus, what the clean card answers to it, and the environments that it was new in."""

    sequence: sequences.Sequence
    answers: int
    reaches: str


def answers_of(run: Run) -> int:
    """What tells whether two cards have answered alike."""
    return hash(tuple([exchange.answer for exchange in run.exchanges]))


def grown(found: tuple[Card, ...], apdus: int) -> tuple[Known, ...]:
    """The corpus that fuzzing clean cards gives."""
    clean = labs(found, None, reference=False)
    worker = Worker(Plan(_SEED, coverage=False), labs=clean)
    entries: list[Entry] = []
    while worker.apdus < apdus:
        entries += worker.step(Order(10_000)).entries
    return tuple(
        Known(
            entry.sequence,
            answers_of(clean[entry.sequence.start].executor.run(entry.sequence)),
            " ".join(sorted({feature.split(" | ")[1].split()[0] for feature in entry.features})),
        )
        for entry in entries
    )


# --- one defect ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Found:
    """How a defect was found."""

    oracle: str
    apdus: int
    commands: int
    start: str
    complaint: str


@dataclass(slots=True)
class Outcome:
    """What became of a defect.

    Args:
        name: of the defect.
        reference: how the comparison with a clean model found it.
        rules: how the other oracles found it.
        apdus: what was sent without a finding.
        seconds: how long it took.
        error: why it could not be tried; that is a fault of the fuzzer.
    """

    name: str
    reference: Found | None = None
    rules: Found | None = None
    apdus: int = 0
    seconds: float = 0.0
    error: str = ""


@dataclass(frozen=True)
class Made:
    """What every defect is tried with."""

    cards: tuple[Card, ...]
    corpus: tuple[Known, ...]
    budget: int


@dataclass(slots=True)
class _Trial:
    """One defect being looked for."""

    made: Made
    defect: Defect
    apdus: int = 0
    suspects: list[tuple[int, sequences.Sequence]] = field(default_factory=list)
    """Sequences that the card answers otherwise than a clean one, each with what was sent up to its end."""

    def replay(self) -> None:
        """Run the corpus, until enough of it is answered otherwise or the budget is spent."""
        bare = {name: lab.executor.subject for name, lab in labs(self.made.cards, self.defect, reference=True).items()}
        executors = {name: Executor(subject) for name, subject in bare.items()}
        for known in _near(self.made, self.defect):
            run = executors[known.sequence.start].run(known.sequence)
            self.apdus += len(run.exchanges)
            if run.complaint is not None or answers_of(run) != known.answers:
                self.suspects.append((self.apdus, known.sequence))
            if len(self.suspects) >= _SUSPECTS or self.apdus >= self.made.budget:
                return

    def by_reference(self) -> Found | None:
        """A suspect that the reference complains of; if there is none, one that fuzzing finds."""
        seen = self._smallest()
        if seen is not None:
            return seen
        worker = self._worker(reference=True)
        left = self.made.budget - self.apdus
        if left <= 0:
            return None
        side = _SIDES.get(self.defect.side, "")
        for known in _near(self.made, self.defect):
            if side in known.reaches:
                worker.guide.learn(Entry(known.sequence))
        before = worker.apdus
        news = worker.step(Order(left, first=True))
        self.apdus += worker.apdus - before
        for finding in news.findings:
            self.suspects.append((self.apdus, finding.original))
            return _found(finding, self.apdus)
        return None

    def _smallest(self) -> Found | None:
        """The first suspect that is shrunk to few commands; of the first ones, if there is none such, the smallest."""
        best: Found | None = None
        for apdus, sequence in self.suspects[:_SHRUNK]:
            worker = self._worker(reference=True)  # a new one: another way to a finding that it knows is none for it
            worker.attempt(sequence)
            for finding in worker.hand_over().findings:
                found = _found(finding, apdus)
                if best is None or found.commands < best.commands:
                    best = found
            if best is not None and best.commands <= _MOST:
                break
        return best

    def by_rules(self) -> Found | None:
        """The first suspect that another oracle complains of."""
        worker = self._worker(reference=False)
        for apdus, sequence in self.suspects:
            worker.attempt(sequence)
            for finding in worker.hand_over().findings:
                return _found(finding, apdus)
        return None

    def _worker(self, *, reference: bool) -> Worker:
        plan = Plan(_SEED, coverage=False, budget=_SHRINK)
        return Worker(plan, labs=labs(self.made.cards, self.defect, reference=reference))


def _found(finding: Finding, apdus: int) -> Found:
    small = finding.sequence
    return Found(finding.complaint.oracle, apdus, small.commands, small.start, finding.complaint.text)


_SHARED: list[Made] = []


def _one(name: str) -> Outcome:
    trial, begun = _Trial(_SHARED[0], find_defect(name)), time.perf_counter()
    outcome = Outcome(name)
    try:
        trial.replay()
        outcome.reference = trial.by_reference()
        outcome.rules = trial.by_rules()
    except Exception as error:
        outcome.error = f"{type(error).__name__}: {error}"
    outcome.apdus = trial.apdus
    outcome.seconds = time.perf_counter() - begun
    return outcome


def _near(made: Made, defect: Defect) -> Iterator[Known]:
    """The part of the corpus that the defect's side has cards for: what was new there first, short sequences first."""
    names = {card.name for card in made.cards if defect.side in card.sides}
    listed = [known for known in made.corpus if known.sequence.start in names]
    side = _SIDES.get(defect.side, "")
    return iter(sorted(listed, key=lambda known: (side not in known.reaches, len(known.sequence.steps))))


def outcomes(made: Made, names: Sequence[str], jobs: int) -> Iterator[Outcome]:
    """The outcome of each defect as it comes."""
    _SHARED[:] = [made]
    if jobs == 1:
        yield from map(_one, names)
        return
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        yield from pool.imap(_one, names, chunksize=2)


# --- the page -----------------------------------------------------------------------------------------------------


def page(
    outcomes: Sequence[Outcome], *, grew: int, sequences: int, budget: int, reasons: Mapping[str, str], every: int = 1
) -> str:
    """docs/fuzzing-defects.md."""
    found = [outcome for outcome in outcomes if outcome.reference is not None]
    small = [outcome for outcome in found if outcome.reference is not None and outcome.reference.commands <= _MOST]
    apdus = sorted(outcome.reference.apdus for outcome in found if outcome.reference is not None)
    lines = [
        _PAGE.format(
            which=f"Of the {len(outcomes)}"
            if every == 1
            else f"Of {len(outcomes)}, one in {every} of the {len(defects())}",
            found=len(found),
            rules=sum(outcome.rules is not None for outcome in outcomes),
            small=len(small),
            most=_MOST,
            grew=f"{grew:,}",
            sequences=f"{sequences:,}",
            budget=f"{budget:,}",
            median=f"{apdus[len(apdus) // 2]:,}" if apdus else "0",
        )
    ]
    known = defects()
    for side, heading in HEADINGS.items():
        rows = [outcome for outcome in outcomes if outcome.name in known and known[outcome.name].side is side]
        if rows:
            lines += [f"\n## {heading}\n", "| defect | APDUs | commands | start | rules | what was seen |"]
            lines += ["|---|---|---|---|---|---|", *(_row(outcome, reasons) for outcome in rows)]
    return "\n".join(lines) + "\n"


def _row(outcome: Outcome, reasons: Mapping[str, str]) -> str:
    if outcome.reference is None:
        why = reasons.get(outcome.name, "not within the budget")
        return f"| `{outcome.name}` | not found | | | | {why} |"
    found = outcome.reference
    rules = "" if outcome.rules is None else f"`{outcome.rules.oracle}` {outcome.rules.apdus:,}"
    seen = found.complaint.replace("|", "\\|")
    return f"| `{outcome.name}` | {found.apdus:,} | {found.commands} | `{found.start}` | {rules} | {seen} |"


_PAGE: Final = """\
# Named defects, found by fuzzing alone

<!-- Made by tools/fuzz_defects.py --document. -->

{which} [defects](defects.md), fuzzing finds {found} with at most {budget} APDUs each; half of them within
{median}. {small} are shrunk to at most {most} commands. For {rules} of them an oracle complains that knows no clean
card.

    python tools/fuzz_defects.py -j 2 --document       every defect, and this page; --every N: every N-th alone
    cardterm fuzz --card me.card --defect gpo-twice --against reference

First a corpus was grown on clean cards, with {grew} APDUs: {sequences} sequences. Nothing in it was written by hand,
and no oracle looked on. On each defective card the corpus is run, and then the fuzzer goes on with new and changed
sequences.

| column | meaning |
|---|---|
| APDUs | sent to the defective card until it answered otherwise than a clean one (oracle `reference`) |
| commands | of the smallest sequence that shows it |
| start | what the sequence begins with: moments in the making of a card; `card-2` and up have other risk data |
| rules | which other oracle complained of what was answered otherwise, and after how many APDUs |
| what was seen | the complaint, or why the defect was not found |
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run; the exit status."""
    raw = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(prog="fuzz_defects.py", description=__doc__, formatter_class=raw)
    parser.add_argument("name", nargs="*", metavar="NAME", help="a defect, or FILE:NAME (default: all)")
    parser.add_argument("-j", "--jobs", type=int, default=1, metavar="N", help="so many processes (default 1)")
    parser.add_argument("--grow", type=int, default=GROWN, metavar="N", help=f"APDUs for the corpus (default {GROWN})")
    parser.add_argument("--budget", type=int, default=BUDGET, metavar="N", help=f"APDUs, reference (default {BUDGET})")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every N-th defect alone")
    parser.add_argument("--json", metavar="FILE", help="write the outcomes as JSON")
    parser.add_argument("--document", action="store_true", help=f"write docs/{DOCUMENT.name}")
    asked = parser.parse_args(argv)
    try:
        names = [find_defect(name).name and name for name in asked.name] or list(defects())[:: asked.every]
    except DefectError as error:
        parser.error(str(error))
    begun = time.perf_counter()
    found = cards()
    corpus = grown(found, asked.grow)
    sys.stderr.write(f"{len(corpus)} sequences, {len(found)} cards, {time.perf_counter() - begun:.0f} s\n")
    made = Made(found, corpus, asked.budget)
    done = []
    for outcome in outcomes(made, names, asked.jobs):
        done.append(outcome)
        sys.stderr.write(f"{len(done)}/{len(names)} {outcome}\n")
    if asked.document:
        reasons = tomllib.loads(REASONS.read_text(encoding="utf8"))
        text = page(
            done, grew=asked.grow, sequences=len(corpus), budget=asked.budget, reasons=reasons, every=asked.every
        )
        DOCUMENT.write_text(text, encoding="utf8")
    failed = [f"{outcome.name} ({outcome.error})" for outcome in done if outcome.error]
    if failed:
        print(f"could not be tried: {', '.join(failed)}")
    missed = [outcome.name for outcome in done if outcome.reference is None]
    print(f"{len(done) - len(missed)} of {len(done)} defects found; not found: {', '.join(missed) or 'none'}")
    if asked.json:
        Path(asked.json).write_text(json.dumps([asdict(o) for o in done], indent=1), encoding="utf8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
