"""Runs the conformance suite against cards with one known defect each, and tells which defects no case finds.

    PYTHONPATH=. python tools/mutants.py                      every defect; exit status 1 if one survives
    PYTHONPATH=. python tools/mutants.py pin-tries-late gpo-twice
    PYTHONPATH=. python tools/mutants.py my_defects.py:late --json
    PYTHONPATH=. python tools/mutants.py --document           write docs/defects.md

The clean card comes first: on it no case may report anything. A defect is found by a case that fails or that cannot
be run although it runs on the clean card. A defect must not make the model itself raise: a card that falls over gives
no answer that a case could judge, so that is an error of the defect, and the exit status is 1.
"""

import argparse
import dataclasses
import json
import multiprocessing
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cardsim.assembly import CardModel, SamModel, new_card, new_psam, seeded
from cardsim.chip.eeprom import Eeprom
from cardsim.chip.rng import SeededRandom
from cardsim.defects import Defect, DefectError, Side, apply_defect, defects, find_defect
from cardsim.defects.registry import document
from cardsim.keyfile import CardKeys, KeyFile
from cardsim.making.card import activate, make_card
from cardsim.making.psam import activate_psam, make_psam
from cardsim.making.samplan import DEFAULT_PSAM_PROFILE, load_psam_profile
from cardsim.making.structure import load_profile
from terminal.conformance.applicability import Applicability
from terminal.conformance.campaign import catalogue
from terminal.conformance.case import Case, Vocabulary
from terminal.conformance.context import Context
from terminal.conformance.dialect import load_dialect, with_dialect
from terminal.conformance.functions import FUNCTIONS
from terminal.conformance.probe import probe, probe_psam
from terminal.conformance.results import Verdict
from terminal.conformance.runner import Runner
from terminal.conformance.selection import read_library
from terminal.conformance.session import Bench, sam_bench

DOCUMENT: Final = Path(__file__).resolve().parent.parent / "docs" / "defects.md"
PROFILE: Final = "dual-3.0-sm4"
_BAD: Final = (Verdict.FAILED, Verdict.ERROR)
_CLEAN: Final = "the clean card"
_SEED: Final = 1
_SHOWN: Final = 4
APPROVES: Final = {"9F58": "FF", "9F59": "FF", "9F53": "00", "9F72": "00", "9F52": "0000", "9F56": "00"}
MONEY: Final = {"9F79": "000000010000", "9F78": "000000010000"}
_DEMO: Final = frozenset({"dda", "authentication-mandatory", "referral-accepted"})


@dataclass(frozen=True, slots=True)
class Risk:
    """A card that differs from the demo card in its risk data, and what it supports besides what probing finds
    (docs/coverage-pse.md)."""

    values: dict[str, str]
    options: frozenset[str]
    offline_pin: bool = False
    spent: bool = False
    """No PIN try is left."""
    profile: str = PROFILE


def _approves(values: dict[str, str], *options: str, offline_pin: bool = False, spent: bool = False) -> Risk:
    """A card that approves offline."""
    supports = frozenset({"dda", "offline-approval", *options})
    return Risk(APPROVES | values, supports, offline_pin=offline_pin, spent=spent)


_CARDS: Final = (
    Risk(MONEY | {"9F78": "000000100000"}, _DEMO | {"ec-loaded"}),
    Risk({}, _DEMO | {"demo-card"}),
    _approves(MONEY, "ec-loaded", "new-card", offline_pin=True),
    _approves(MONEY | {"9F54": "000000010000"}, "total-limit", "ec-loaded"),
    _approves({"9F58": "02"}, "offline-limit-2"),
    _approves({"9F53": "01"}, "foreign-limit-1"),
    _approves({"9F5C": "000000005000", "9F52": "1000"}, "upper-total-limit", "ada-decline-advice"),
    _approves(MONEY | {"9F78": "000000000999"}, "ec-low-limit"),
    _approves({"9F52": "8208"}, "new-card", "ada-failed-online", "ada-new-card-online", "ada-script-online"),
    _approves({"9F52": "2000", "9F56": "80"}, "ada-missing-decline"),
    _approves({"9F52": "4500"}, "new-card", "ada-new-card-decline", "ada-authentication-advice"),
    _approves({}, "pin-exhausted", offline_pin=True, spent=True),
    _approves({"9F52": "0040"}, "pin-exhausted", "ada-pin-decline", offline_pin=True, spent=True),
    _approves({"9F52": "0004"}, "pin-exhausted", "ada-pin-block", offline_pin=True, spent=True),
    _approves({"9F52": "0080"}, "ada-last-try-block", offline_pin=True),
    _approves({"9F52": "0800"}, "ada-pin-advice", offline_pin=True),
    Risk(MONEY, frozenset({"dda", "cda"}), profile="bank-cda"),
)
"""Each case runs on the first of these cards to which it applies, so cards come before those for fewer cases."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Cells and keys of one card that a run starts from, and of the PSAM beside it, and what they support."""

    cells: bytes
    blank: bytes
    psam: bytes
    keys: KeyFile
    blank_keys: KeyFile
    profile: Applicability
    vocabulary: Vocabulary


@dataclass(frozen=True, slots=True)
class Made:
    """The cards, and what is to be run on them: each case on the first card to which it applies."""

    kinds: tuple[Kind, ...]
    cases: tuple[Case, ...]


@dataclass(slots=True)
class Outcome:
    """One card: which cases reported something, and what."""

    name: str
    title: str = ""
    ran: int = 0
    found: dict[str, str] = field(default_factory=dict)
    fallen: dict[str, str] = field(default_factory=dict)
    """Cases in which an exception came out of the model or of the bench, and which."""
    seconds: float = 0.0


def prepare(cases: Sequence[str] = (), profile: str = PROFILE) -> Made:
    """Make the cards by their own commands, ask each what it supports, read the cases."""
    library, psam = read_library(tuple(cases)), _psam()
    kinds = tuple(_kind(risk, risk.profile if risk.profile != PROFILE else profile, library.vocabulary, psam)
                  for risk in _CARDS)  # fmt: skip
    return Made(kinds, tuple(library.cases))


def _psam() -> tuple[bytes, KeyFile]:
    """Cells and keys of a PSAM that fits the cards."""
    psam = new_psam(seed=_SEED)
    activate_psam(psam, None)
    keys = make_psam(psam, load_psam_profile(DEFAULT_PSAM_PROFILE), None)
    return psam.eeprom.snapshot().cells, keys


def with_values(pse: Mapping[str, Any] | None, values: Mapping[str, str]) -> Mapping[str, Any] | None:
    """Data of a payment application with other values, each in the table that has it."""
    if pse is None:
        return None
    card = {tag: values.get(tag, value) for tag, value in pse["card"].items()}
    return {**pse, "card": card, "risk": pse["risk"] | {tag: v for tag, v in values.items() if tag not in card}}


def _kind(risk: Risk, name: str, words: Vocabulary, psam: tuple[bytes, KeyFile]) -> Kind:
    card, blank = new_card(seed=_SEED), new_card(seed=_SEED)
    profile = load_profile(name)
    profile = dataclasses.replace(
        profile, pse=with_values(profile.pse, risk.values), offline_pin=profile.offline_pin or risk.offline_pin
    )
    activate(card, None)
    keys = dataclasses.replace(make_card(card, profile, None), psam=psam[1].psam)
    if risk.spent:
        _spend(card)
    made = activate(blank, None)
    transport = made.card.transport if made.card else None
    master = keys.card.master if keys.card else None
    cells = card.eeprom.snapshot().cells
    found = probe(_card(cells, None), reader=False).profile
    beside = probe_psam(_sam(psam[0], None), reader=False).supports
    found = dataclasses.replace(found, options=found.options | risk.options, psam=beside)
    vocabulary = with_dialect(words, load_dialect(found.management))
    blank_keys = dataclasses.replace(keys, card=CardKeys(transport, master))
    return Kind(cells, blank.eeprom.snapshot().cells, psam[0], keys, blank_keys, found, vocabulary)


def _spend(card: CardModel) -> None:
    """Use up the tries of the offline PIN."""
    card.power_on()
    for command in (
        "00A4040008A000000333010101",
        "80A800000B8309000000000010000156",
        *["0020008008 26000000FFFFFFFF"] * 3,
    ):
        card.transmit(bytes.fromhex(command))
    card.power_off()


def _card(cells: bytes, defect: Defect | None) -> CardModel:
    card = CardModel(Eeprom(bytearray(cells)), seeded(_SEED))
    if defect is not None and defect.side is not Side.PSAM:
        apply_defect(card, defect)
    return card


def _sam(cells: bytes, defect: Defect | None) -> SamModel:
    sam = SamModel(Eeprom(bytearray(cells)), seeded(_SEED))
    if defect is not None and defect.side is Side.PSAM:
        apply_defect(sam, defect)
    return sam


def run(made: Made, defect: Defect | None, cases: Sequence[Case], *, first: bool = False) -> Outcome:
    """All cases on a card with a defect, or on a clean card; with `first` no further than the first that finds it."""
    outcome = Outcome(_CLEAN if defect is None else defect.name, "" if defect is None else defect.title)
    start = time.perf_counter()
    runners = [_runner(kind, defect) for kind in made.kinds]
    for case in cases:
        runner = next((runner for runner in runners if runner.left_out(case) is None), runners[0])
        bench = runner.bench
        for context in (bench.context, bench.blank.context if bench.blank is not None else bench.context):
            context.draw = SeededRandom(_SEED, f"case {case.id}").take
        try:
            result = runner.run_one(case)
        except Exception as error:
            outcome.fallen[case.id] = f"{type(error).__name__}: {error}"
        else:
            outcome.ran += result.verdict in (*_BAD, Verdict.PASSED)
            if result.verdict in _BAD:
                outcome.found[case.id] = result.reason or _difference(result.difference)
        if first and (outcome.found or outcome.fallen):
            break
    outcome.seconds = time.perf_counter() - start
    return outcome


def _runner(kind: Kind, defect: Defect | None) -> Runner:
    card, blank, sam = _card(kind.cells, defect), _card(kind.blank, defect), _sam(kind.psam, defect)
    area = kind.keys.ssse.area if kind.keys.ssse is not None else ""
    bench = Bench(card, kind.vocabulary, Context(kind.keys, functions=FUNCTIONS, area=area), control=card)
    beside = Context(kind.blank_keys, functions=FUNCTIONS, area=area)
    bench.blank = Bench(blank, kind.vocabulary, beside, control=blank)
    sam_bench(bench, sam, sam)
    return Runner(bench, catalogue(), kind.profile)


def _difference(found: object) -> str:
    place, expected = getattr(found, "place", ""), getattr(found, "expected", "")
    return f"{place}: expected {expected}, received {getattr(found, 'received', '')}"


# --- many cards ------------------------------------------------------------------------------------------------------

_SHARED: list[tuple[Made, Sequence[Case], bool]] = []


def _one(name: str) -> Outcome:
    made, cases, first = _SHARED[0]
    defect = find_defect(name)
    return run(made, defect, _near_first(defect, cases) if first else cases, first=first)


def _near_first(defect: Defect, cases: Sequence[Case]) -> list[Case]:
    """The cases that are likeliest to find it first: those that show what it breaks, then those of its environment."""
    broken = frozenset(defect.clause.split(", "))

    def elsewhere(case: Case) -> bool:
        return not any(need.startswith(defect.side.value) for need in case.needs)

    return sorted(cases, key=lambda case: (broken.isdisjoint((case.id, *case.shows)), elsewhere(case)))


def outcomes(made: Made, names: Sequence[str], cases: Sequence[Case], jobs: int, *, first: bool) -> Iterator[Outcome]:
    """The outcome of each defect as it comes."""
    _SHARED[:] = [(made, cases, first)]
    if jobs == 1:
        yield from map(_one, names)
        return
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        yield from pool.imap(_one, names)


def _row(outcome: Outcome) -> str:
    if outcome.fallen:
        case, error = next(iter(outcome.fallen.items()))
        return f"{outcome.name:<34} FALLS OVER {case}: {error}"
    if not outcome.found:
        return f"{outcome.name:<34} SURVIVES   {outcome.title}"
    first = list(outcome.found)
    more = f" and {len(first) - _SHOWN} more" if len(first) > _SHOWN else ""
    return f"{outcome.name:<34} {len(first):>4} cases  {', '.join(first[:_SHOWN])}{more}"


def _report(clean: Outcome, found: Sequence[Outcome]) -> dict[str, object]:
    return {
        "format": "cardsim-mutants",
        "clean": {"ran": clean.ran, "reported": clean.found | clean.fallen},
        "defects": [{"name": o.name, "title": o.title, "found_by": o.found, "fell_over_in": o.fallen} for o in found],
        "survivors": [o.name for o in found if not o.found and not o.fallen],
        "fallen": [o.name for o in found if o.fallen],
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Run; the exit status."""
    raw = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(prog="mutants.py", description=__doc__, formatter_class=raw)
    parser.add_argument("name", nargs="*", metavar="NAME", help="a defect, or FILE:NAME (default: all)")
    parser.add_argument("-j", "--jobs", type=int, default=1, metavar="N", help="so many processes (default 1)")
    parser.add_argument("--first", action="store_true", help="stop at the first case that finds a defect")
    parser.add_argument("--cases", action="append", default=[], metavar="PATH", help="further case files")
    parser.add_argument("--json", action="store_true", help="write the outcome as JSON")
    parser.add_argument("--document", action="store_true", help="write docs/defects.md and stop")
    asked = parser.parse_args(argv)
    if asked.document:
        DOCUMENT.write_text(document(), encoding="utf8")
        return 0
    try:
        names = [find_defect(name).name and name for name in asked.name] or list(defects())
    except DefectError as error:
        parser.error(str(error))
    made = prepare(asked.cases)
    clean = run(made, None, made.cases)
    reported = clean.found | clean.fallen
    sys.stderr.write(f"{_CLEAN}: {clean.ran} cases ran, {len(reported)} reported ({clean.seconds:.1f} s)\n")
    for case, what in reported.items():
        sys.stderr.write(f"  {case}: {what}\n")
    # A case that complains about the clean card proves nothing about the others.
    useful = [case for case in made.cases if case.id not in reported]
    found = []
    for outcome in outcomes(made, names, useful, asked.jobs, first=asked.first):
        found.append(outcome)
        sys.stderr.write(f"{len(found)}/{len(names)} {_row(outcome)}\n")
    fallen = [outcome for outcome in found if outcome.fallen]
    survivors = [outcome for outcome in found if not outcome.found and not outcome.fallen]
    if asked.json:
        print(json.dumps(_report(clean, found), indent=1, ensure_ascii=False))
    else:
        print("\n".join(map(_row, found)))
        print(f"\n{len(found) - len(survivors) - len(fallen)} of {len(found)} defects found; {len(survivors)} survive; "
              f"{len(fallen)} make the card fall over; "
              f"{len(reported)} cases report something on the clean card")  # fmt: skip
    return 1 if survivors or fallen or reported else 0


if __name__ == "__main__":
    sys.exit(main())
