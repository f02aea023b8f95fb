"""Everything between the command line and the runner: target, keys and profile, which cases, and how it ends."""

import contextlib
import dataclasses
import time
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Final, cast

from cardsim.iso7816.card import Card
from cardsim.keyfile import KeyFile, KeyFileError, default_keyfile_path, load_keyfile
from terminal.conformance.applicability import Applicability, ProfileError, load_applicability
from terminal.conformance.case import Case
from terminal.conformance.context import Context
from terminal.conformance.dialect import DialectError, load_dialect, with_dialect
from terminal.conformance.functions import FUNCTIONS
from terminal.conformance.library import Library
from terminal.conformance.probe import Identity, Probe, probe
from terminal.conformance.reports.compare import compare, read_report
from terminal.conformance.reports.document import Run, Subject
from terminal.conformance.reports.record import BAD, Record, record_of
from terminal.conformance.reports.secrets import Scrub, scrubber
from terminal.conformance.requirements import Requirement, load_requirements
from terminal.conformance.results import Result, Verdict
from terminal.conformance.runner import Options, Runner, blank_bench, order
from terminal.conformance.selection import read_library, selected
from terminal.conformance.session import Bench
from terminal.errors import LinkError, TerminalError, UsageError
from terminal.links.target import Target, open_target

DEFAULT_SEED: Final = 1
_NO_KEY: Final = "the key file has no"
_AUTHENTICATE: Final = "0082"

Progress = Callable[[int, int, Record], None]


class WrongKeys(TerminalError):
    """The first authentication was refused: going on would spend tries of the card's keys."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a run is to be; all of it may travel to another process."""

    target: Target = field(default_factory=Target)
    prefixes: tuple[str, ...] = ()
    keys: str | None = None
    profile: str | None = None
    cases: tuple[str, ...] = ()
    shard: tuple[int, int] = (1, 1)
    failed: str | None = None
    seed: int | None = None
    strict: bool = False
    read_only: bool = False
    destructive: bool = False
    stop: bool = False
    show_secrets: bool = False
    jobs: int = 1
    against: str | None = None
    """Earlier report to compare with."""

    @property
    def the_seed(self) -> int:
        """The seed of the run; the same run again without one given."""
        return DEFAULT_SEED if self.seed is None else self.seed

    def shown(self) -> dict[str, object]:
        """The options as reports show them."""
        return {
            "prefixes": " ".join(self.prefixes),
            "seed": self.the_seed,
            "strict": self.strict,
            "read_only": self.read_only,
            "destructive": self.destructive,
            "shard": "" if self.shard[1] == 1 else f"{self.shard[0]}/{self.shard[1]}",
            "jobs": self.jobs,
        }


@dataclass(slots=True)
class Setup:
    """A target that is ready for cases."""

    runner: Runner
    subject: Subject
    scrub: Scrub
    lenient: bool
    keyed: bool
    """Whether there is a key file."""
    area: str

    def left_out(self, case: Case) -> str:
        """Why a case would be left out; nothing if it would run."""
        with_blank = self.runner.bench.blank is not None and "blank" in case.needs
        runner = self.runner
        if with_blank:
            profile = dataclasses.replace(runner.applicability, blank=True)
            runner = Runner(runner.bench, runner.requirements, profile, runner.options)
        result = runner.left_out(case)
        return "" if result is None else f"{result.verdict.value}: {result.reason}"


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


def keys_of(wish: Wish) -> tuple[KeyFile, str]:
    """The key file, and its name; an empty one where a reader or an object has none.

    Raises:
        UsageError: it cannot be used.
    """
    image = wish.target.image
    path = Path(wish.keys) if wish.keys is not None else default_keyfile_path(image) if image is not None else None
    if path is None or (wish.keys is None and not path.exists()):
        return KeyFile(), ""
    try:
        return load_keyfile(path), str(path)
    except KeyFileError as error:
        raise UsageError(str(error)) from error


def profile_of(wish: Wish, found: Probe) -> Applicability:
    """The profile of --profile, or the one that probing drafted.

    Raises:
        UsageError: the file cannot be used.
    """
    if wish.profile is None:
        return found.profile
    try:
        return load_applicability(Path(wish.profile))
    except ProfileError as error:
        raise UsageError(str(error)) from error


# --- the target ---------------------------------------------------------------------------------------------------


def _copy(path: Path, seed: int) -> Any:
    """A private copy of an image: a card and its control."""
    if not path.exists():
        raise UsageError(f"{path}: there is no such card image; make one with: cardsim new {path}")
    if not path.is_file():
        raise UsageError(f"{path}: a card image is a file")
    from cardsim.assembly import copy_of

    try:
        return copy_of(path, seed=seed)
    except TerminalError:
        raise
    except Exception as error:
        raise UsageError(f"{path}: the card image cannot be opened: {error}") from error


def probe_target(wish: Wish) -> tuple[str, Probe]:
    """Kind of the target, and what probing it finds."""
    image = wish.target.image
    if image is not None:
        return "image", probe(cast("Card", _copy(image, wish.the_seed)), reader=False, model=True)
    with open_target(wish.target) as card:
        reader = wish.target.reader is not None
        return "reader" if reader else "python", probe(card, reader=reader)


@contextlib.contextmanager
def open_setup(wish: Wish, library: Library, requirements: Mapping[str, Requirement]) -> Iterator[Setup]:
    """The target with everything that cases need.

    Raises:
        UsageError: target, keys or profile cannot be used.
        LinkError: the reader or card is not reached, or mute.
    """
    keys, key_name = keys_of(wish)
    image = wish.target.image
    with contextlib.ExitStack() as stack:
        if image is not None:
            model = _copy(image, wish.the_seed)
            kind, found = "image", probe(_copy(image, wish.the_seed), reader=False, model=True)
            card: Card = model
        else:
            model, card = None, stack.enter_context(open_target(wish.target))
            kind = "reader" if wish.target.reader is not None else "python"
            found = probe(card, reader=kind == "reader")
            stack.callback(card.power_off)
        profile = profile_of(wish, found)
        bench = Bench(
            card,
            _vocabulary(library, profile),
            _context(keys, found.identity),
            control=model,
            hides_status=found.hides_status,
            show_secrets=wish.show_secrets,
            strict=wish.strict,
        )
        if model is not None and not profile.blank:
            bench.blank = blank_bench(bench)
        options = Options(wish.strict, wish.read_only, wish.destructive, wish.stop)
        identity, area = found.identity, found.identity.area
        name = wish.target.card or f"reader {wish.target.reader}"
        yield Setup(
            Runner(bench, requirements, profile, options),
            Subject(kind, name, identity, profile, found.hides_status),
            scrubber(keys, _historical(identity), area, show_secrets=wish.show_secrets),
            lenient=model is None and not wish.strict,
            keyed=bool(key_name),
            area=area,
        )


def _vocabulary(library: Library, profile: Applicability) -> Any:
    if profile.management == "none":
        return library.vocabulary
    try:
        return with_dialect(library.vocabulary, load_dialect(profile.management))
    except DialectError as error:
        raise UsageError(str(error)) from error
    except FileNotFoundError:
        return library.vocabulary


def _context(keys: KeyFile, identity: Identity) -> Context:
    return Context(keys, functions=FUNCTIONS, area=identity.area)


def _historical(identity: Identity) -> bytes:
    from cardsim.iso7816.atr import Atr, AtrError

    try:
        return Atr.parse(bytes.fromhex(identity.atr)).historical
    except AtrError:
        return b""


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
        model = setup.runner.bench.control is not None
        ordered = order(self.cases, model=model)
        if self.wish.jobs > 1:
            if not model:
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
                    if refused and refused not in proved and (not model or not proved):
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
            _still_there(bench.card, lost)


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
