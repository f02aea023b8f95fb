"""From the options of a run to a bench that is ready: cards, keys, profile."""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cardsim.iso7816.atr import Atr, AtrError
from cardsim.iso7816.card import Card
from cardsim.keyfile import KeyFile, KeyFileError, default_keyfile_path, load_keyfile
from terminal.conformance.applicability import Applicability, ProfileError, load_applicability
from terminal.conformance.case import Case, Vocabulary
from terminal.conformance.context import Context
from terminal.conformance.dialect import DialectError, load_dialect, with_dialect
from terminal.conformance.functions import FUNCTIONS
from terminal.conformance.library import Library
from terminal.conformance.probe import Identity, Probe, PsamProbe, probe, probe_psam
from terminal.conformance.reports.document import PsamSubject, Subject
from terminal.conformance.reports.secrets import Scrub, scrubber
from terminal.conformance.requirements import Requirement
from terminal.conformance.runner import Options, Runner, blank_bench
from terminal.conformance.session import Bench, NoCard, sam_bench
from terminal.errors import UsageError
from terminal.links.target import Target, open_target, private_copy
from terminal.slots import Slot

DEFAULT_SEED: Final = 1


@dataclass(frozen=True, slots=True)
class Wish:
    """What a run is to be; all of it may travel to another process."""

    target: Target = field(default_factory=Target)
    psam: Target = field(default_factory=lambda: Target(slot=Slot.PSAM))
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

    @property
    def on_models(self) -> bool:
        """Whether each card is an image, of which a run takes a private copy."""
        given = [target for target in (self.target, self.psam) if target.given]
        return bool(given) and all(target.image is not None for target in given)

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

    def left_out(self, case: Case) -> str:
        """Why a case would be left out; nothing if it would run."""
        with_blank = self.runner.bench.blank is not None and "blank" in case.needs
        runner = self.runner
        if with_blank:
            profile = dataclasses.replace(runner.applicability, blank=True)
            runner = Runner(runner.bench, runner.requirements, profile, runner.options)
        result = runner.left_out(case)
        return "" if result is None else f"{result.verdict.value}: {result.reason}"


# --- keys and profile ---------------------------------------------------------------------------------------------


def keys_of(wish: Wish) -> tuple[KeyFile, str]:
    """The keys of the run, and the name of their file; empty where a reader or an object has none.

    Those of the PSAM stand in the file of --keys, or else beside its image.

    Raises:
        UsageError: a file cannot be used.
    """
    keys, name = _keyfile(wish.keys, wish.target.image)
    if keys.psam is None and wish.psam.image is not None:
        beside, other = _keyfile(None, wish.psam.image)
        keys, name = dataclasses.replace(keys, psam=beside.psam), name or other
    return keys, name


def _keyfile(named: str | None, image: Path | None) -> tuple[KeyFile, str]:
    """The key file that is named, or the one beside an image."""
    path = Path(named) if named is not None else default_keyfile_path(image) if image is not None else None
    if path is None or (named is None and not path.exists()):
        return KeyFile(), ""
    try:
        return load_keyfile(path), str(path)
    except KeyFileError as error:
        raise UsageError(str(error)) from error


def _profile(wish: Wish, drafted: Applicability) -> Applicability:
    """The profile of --profile, or the one that probing drafted. What the PSAM supports is always asked of itself."""
    if wish.profile is None:
        return drafted
    try:
        named = load_applicability(Path(wish.profile))
    except ProfileError as error:
        raise UsageError(str(error)) from error
    return dataclasses.replace(named, psam=drafted.psam)


# --- the cards ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Opened:
    """A card of a run: kind, what answers, its control where it is a private copy, and another copy for probing."""

    kind: str
    card: Card
    control: Any
    to_probe: Card


def _open(target: Target, seed: int, stack: contextlib.ExitStack) -> _Opened:
    """Open a target for the time of the run; of an image, private copies."""
    if target.image is not None:
        model = private_copy(target.image, seed, target.slot)
        return _Opened("image", model, model, private_copy(target.image, seed, target.slot))
    card = stack.enter_context(open_target(target))
    stack.callback(card.power_off)
    return _Opened("python" if target.reader is None else "reader", card, None, card)


def probe_target(wish: Wish) -> tuple[str, Probe]:
    """Kind of the target, and what probing it finds."""
    with contextlib.ExitStack() as stack:
        opened = _open(wish.target, wish.the_seed, stack)
        return opened.kind, _probe(opened)


def _probe(opened: _Opened) -> Probe:
    return probe(opened.to_probe, reader=opened.kind == "reader", model=opened.control is not None)


@contextlib.contextmanager
def open_setup(wish: Wish, library: Library, requirements: Mapping[str, Requirement]) -> Iterator[Setup]:
    """The cards with everything that cases need.

    Raises:
        UsageError: a target, the keys or the profile cannot be used.
        LinkError: a reader or card is not reached, or mute.
    """
    keys, key_name = keys_of(wish)
    with contextlib.ExitStack() as stack:
        card = _open(wish.target, wish.the_seed, stack) if wish.target.given else None
        sam = _open(wish.psam, wish.the_seed, stack) if wish.psam.given else None
        found = None if card is None else _probe(card)
        beside = None if sam is None else probe_psam(sam.to_probe, reader=sam.kind == "reader")
        drafted = Applicability(name="drafted by probing") if found is None else found.profile
        if beside is not None:
            drafted = dataclasses.replace(drafted, psam=beside.supports)
        profile = _profile(wish, drafted)
        bench = Bench(
            NoCard() if card is None else card.card,
            _vocabulary(library, profile),
            Context(keys, functions=FUNCTIONS, area="" if found is None else found.identity.area, psam=profile.psam),
            control=None if card is None else card.control,
            hides_status=found is not None and found.hides_status,
            show_secrets=wish.show_secrets,
            strict=wish.strict,
        )
        if bench.control is not None and not profile.blank:
            bench.blank = blank_bench(bench)
        if sam is not None and beside is not None:
            sam_bench(bench, sam.card, sam.control, hides_status=beside.hides_status)
        options = Options(wish.strict, wish.read_only, wish.destructive, wish.stop)
        subject = _subject(wish, card, found, sam, beside, profile)
        identity = subject.identity
        area, historical = ("", b"") if identity is None else (identity.area, _historical(identity))
        yield Setup(
            Runner(bench, requirements, profile, options),
            subject,
            scrubber(keys, historical, area, show_secrets=wish.show_secrets),
            lenient=not bench.all_models and not wish.strict,
            keyed=bool(key_name),
        )


def _subject(
    wish: Wish,
    card: _Opened | None,
    found: Probe | None,
    sam: _Opened | None,
    beside: PsamProbe | None,
    profile: Applicability,
) -> Subject:
    """What is tested, for the reports: the card, the PSAM, or both."""
    psam = None
    if sam is not None and beside is not None:
        psam = PsamSubject(sam.kind, wish.psam.name, beside.atr, beside.environments, beside.hides_status)
    if card is None or found is None:
        return Subject("none", "", None, profile, False, psam)
    return Subject(card.kind, wish.target.name, found.identity, profile, found.hides_status, psam)


def _vocabulary(library: Library, profile: Applicability) -> Vocabulary:
    if profile.management == "none":
        return library.vocabulary
    try:
        return with_dialect(library.vocabulary, load_dialect(profile.management))
    except DialectError as error:
        raise UsageError(str(error)) from error
    except FileNotFoundError:
        return library.vocabulary


def _historical(identity: Identity) -> bytes:
    try:
        return Atr.parse(bytes.fromhex(identity.atr)).historical
    except AtrError:
        return b""
