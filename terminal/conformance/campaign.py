"""A run: which cases, one after another, and how it ends."""

import contextlib
import time
import zlib
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Final

from cardsim.iso7816.card import Card
from terminal.conformance.case import Case
from terminal.conformance.library import Library
from terminal.conformance.reports.compare import compare, read_report
from terminal.conformance.reports.document import Run, Subject
from terminal.conformance.reports.record import BAD, Record, record_of
from terminal.conformance.requirements import Requirement, load_requirements
from terminal.conformance.results import Result, Verdict
from terminal.conformance.runner import order
from terminal.conformance.selection import read_library, selected
from terminal.conformance.setup import Setup, Wish, keys_of, open_setup
from terminal.errors import LinkError, TerminalError, UsageError
from terminal.links.target import Target
from terminal.slots import Slot

_NO_KEY: Final = "the key file has no"
_AUTHENTICATE: Final = "0082"

Progress = Callable[[int, int, Record], None]


class WrongKeys(TerminalError):
    """The first authentication was refused: going on would spend tries of the card's keys."""


# --- what is run --------------------------------------------------------------------------------------------------


def catalogue() -> Mapping[str, Requirement]:
    """The requirements; none where their index is not built in."""
    try:
        return load_requirements()
    except FileNotFoundError:
        return {}


def choose(library: Library, wish: Wish, requirements: Mapping[str, Requirement]) -> list[Case]:
    """The cases that the options select.

    Raises:
        UsageError: a prefix matches nothing.
    """
    cases = selected(library.cases, wish.prefixes, requirements)
    if wish.failed is not None:
        earlier = read_report(Path(wish.failed))
        cases = [case for case in cases if earlier.verdicts.get(case.id) in BAD]
    number, count = wish.shard
    return [case for case in cases if zlib.crc32(case.id.encode()) % count == number - 1]


# --- the run ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Campaign:
    """One run. `records` grows while it runs, so that an interrupted run keeps what it has."""

    wish: Wish
    library: Library = field(init=False)
    requirements: Mapping[str, Requirement] = field(init=False)
    cases: list[Case] = field(init=False)
    records: list[Record] = field(default_factory=list)
    subject: Subject | None = None
    interrupted: str = ""
    status: int = 0
    _started: str = ""
    _seconds: float = 0.0

    def __post_init__(self) -> None:
        """Read cases and catalogue.

        Raises:
            UsageError: case files or selection cannot be used.
        """
        self.library = read_library(self.wish.cases)
        self.requirements = catalogue()
        self.cases = choose(self.library, self.wish, self.requirements)
        if self.wish.against is not None:
            read_report(Path(self.wish.against))

    def run(self, progress: Progress | None = None) -> Run:
        """Run all, and hand over what was found, however it ended.

        Raises:
            UsageError: nothing could be run: wrong target, keys or profile.
            LinkError: the target was not reached.
        """
        self._started = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        try:
            with open_setup(self.wish, self.library, self.requirements) as setup:
                self.subject = setup.subject
                self._all(setup, progress)
        except KeyboardInterrupt:
            self._end("interrupted", 130)
        except TerminalError as error:
            if self.subject is None:
                raise
            self._end(str(error), error.exit_status)
        return self.outcome()

    def _end(self, reason: str, status: int) -> None:
        if self.subject is None:
            raise KeyboardInterrupt
        self.interrupted, self.status = f"{reason} (after {len(self.records)} of {len(self.cases)} cases)", status

    def _all(self, setup: Setup, progress: Progress | None) -> None:
        ordered = order(self.cases, model=self.wish.on_models)
        if self.wish.jobs > 1:
            if not self.wish.on_models:
                raise UsageError("-j needs a card image, of which each process takes its own copy")
            from terminal.conformance.parallel import run_parallel

            found = run_parallel(self.wish, [case.id for case in ordered])
        else:
            found = run_cases(setup, ordered, self.wish.the_seed)
        proved: set[str] = set()
        start = time.perf_counter()
        try:
            with contextlib.closing(found):
                for record in found:
                    self.records.append(record)
                    if progress is not None:
                        progress(len(self.records), len(ordered), record)
                    proved |= _proves(record)
                    refused = _refused(record)
                    if refused and refused not in proved and (not self.wish.on_models or not proved):
                        raise WrongKeys(_wrong_keys(record, self.wish))
                    if self.wish.stop and record.bad:
                        return
        finally:
            self._seconds = time.perf_counter() - start
            place = {case.id: number for number, case in enumerate(self.cases)}
            self.records.sort(key=lambda record: place[record.id])

    def outcome(self) -> Run:
        """The run as reports take it."""
        assert self.subject is not None
        comparison = None
        if self.wish.against is not None:
            known = [case.id for case in self.library.cases]
            comparison = compare(read_report(Path(self.wish.against)), self.records, known)
        wish = self.wish
        return Run(
            self.subject,
            self.records,
            self.library.cases,
            list(self.library.vocabulary.states),
            self.requirements,
            wish.shown(),
            self._started,
            self._seconds,
            self.interrupted,
            hints_of(self.records, keyed=bool(keys_of(wish)[1])),
            whole=not wish.prefixes and wish.shard[1] == 1 and wish.failed is None,
            comparison=comparison,
        )


def run_cases(setup: Setup, cases: Iterable[Case], seed: int) -> Generator[Record]:
    """Run cases one after another. A card that goes mute in a case fails that case; one that stays mute ends the run.

    Raises:
        LinkError: reader or card are gone.
    """
    bench = setup.runner.bench
    for case in cases:
        used = bench.blank if bench.blank is not None and "blank" in case.needs else bench
        used.context.draw = Random(f"{seed}:{case.id}").randbytes
        lost: LinkError | None = None
        try:
            result = setup.runner.run_one(case)
        except LinkError as error:
            lost = error
            text = f"the card or its reader went away: {error}"
            result = Result(case, Verdict.ERROR, text, transcript=tuple(used.transcript))
        except (LookupError, ValueError, TypeError, ArithmeticError, AttributeError, RecursionError) as error:
            text = f"{case.place}: the case cannot be run: {type(error).__name__}: {error}"
            result = Result(case, Verdict.ERROR, text, transcript=tuple(used.transcript))
        if not setup.keyed and result.verdict is Verdict.ERROR and _NO_KEY in result.reason:
            result = Result(case, Verdict.SKIPPED, "needs keys; name the card's key file with --keys FILE")
        yield record_of(result, lenient=setup.lenient, scrub=setup.scrub)
        if lost is not None or (setup.lenient and _mute(result)):
            for slot in Slot:
                if not bench.empty(slot):
                    _still_there(bench.at(slot).card, lost)


def _mute(result: Result) -> bool:
    return bool(result.transcript) and not result.transcript[-1].answer


def _still_there(card: Card, lost: LinkError | None) -> None:
    """Whether the card answers to reset again.

    Raises:
        LinkError: it does not.
    """
    try:
        card.power_off()
        if card.power_on():
            return
    except LinkError as error:
        raise LinkError(f"the card does not come back: {error}") from error
    raise LinkError("the card has gone mute: it does not answer to reset") from lost


# --- keys that do not fit -----------------------------------------------------------------------------------------


def _proves(record: Record) -> set[str]:
    """The authentications that went well in this case, by their headers: each key has its own P2."""
    sent = (line for line in record.transcript if line.command.startswith(_AUTHENTICATE))
    return {line.command[:8] for line in sent if line.answer == "9000"}


def _refused(record: Record) -> str:
    """Header of the authentication that was refused, so that the state of this case was not reached."""
    if record.verdict != Verdict.ERROR.value or not record.reason.startswith("the state ") or not record.transcript:
        return ""
    last = record.transcript[-1]
    refused = last.command.startswith(_AUTHENTICATE) and last.answer[:2] in ("63", "69")
    return last.command[:8] if refused else ""


def _wrong_keys(record: Record, wish: Wish) -> str:
    answer = record.transcript[-1].answer
    where = keys_of(wish)[1] or "the key file"
    return (
        f"the card refuses the first authentication ({record.id}, {answer}): {where} does not fit this card; "
        "name its own with --keys FILE"
    )


def hints_of(records: Sequence[Record], *, keyed: bool) -> list[str]:
    """What a person would want to be told beside the verdicts."""
    hints = []
    cryptograms = [r for r in records if r.difference is not None and "{ac " in r.difference.expected]
    good = any(line.name == "GENERATE AC" for r in records if r.verdict == "passed" for line in r.transcript)
    if cryptograms and not good:
        hints.append("no cryptogram was right: the key file's [bank] may not fit this card; name its own with --keys")
    refused = {_refused(record) for record in records} - {header for r in records for header in _proves(r)} - {""}
    hints += [
        f"the card refused each {header[:4]} with P2 {header[6:]}: the key file may not fit this card; name its own "
        "with --keys FILE"
        for header in sorted(refused)
    ]
    if not keyed:
        hints.append("there is no key file: cases that need keys were left out; name one with --keys FILE")
    if keyed and any(record.verdict == "error" and f"{_NO_KEY} [psam]" in record.reason for record in records):
        hints.append("the PSAM's keys are missing: its key file stands beside its image, or [psam] in that of --keys")
    if records and not any(record.verdict in ("passed", "failed", "error", "weak") for record in records):
        hints.append("no case ran: each was left out; --dry-run says why")
    return hints


def figures(image: Path, *, jobs: int = 1) -> dict[str, float]:
    """Speed for tools/bench.py: cases and commands per second on a copy of an image."""
    campaign = Campaign(Wish(Target(str(image)), jobs=jobs))
    run = campaign.run()
    commands = sum(len(record.transcript) for record in run.records)
    return {
        "cases": float(len(run.records)),
        "cases_per_second": run.speed,
        "commands_per_second": round(commands / run.seconds, 1) if run.seconds else 0.0,
    }
