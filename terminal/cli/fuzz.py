"""`cardterm fuzz`: campaigns, and what they found."""

import argparse
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Final

from terminal.cli.output import Writer, to_json
from terminal.conformance.setup import Wish, keys_of
from terminal.errors import LinkError, UsageError
from terminal.fuzz.campaign import Campaign, Figures, Limits
from terminal.fuzz.corpus import Folder, read_sequence
from terminal.fuzz.executor import Run
from terminal.fuzz.findings import Finding
from terminal.fuzz.oracles.table import RULES, rule
from terminal.fuzz.plan import DEFAULT_SEED, Plan, image_of, known_defect
from terminal.fuzz.replay import minimised, replayed, shown
from terminal.links.target import Target, psam_target
from terminal.slots import Slot

FORMAT: Final = "cardterm-fuzz"
VERSION: Final = 1
_DEFAULT_APDUS: Final = 1_000_000
_REFERENCE: Final = "reference"
_OFTEN: Final = 0.2
_SELDOM: Final = 2.0
"""Seconds between two lines of progress: on a terminal, and with --json."""


def fuzz_command(arguments: argparse.Namespace) -> int:
    """Run `cardterm fuzz`; the exit status."""
    if arguments.list_oracles:
        return _list(arguments)
    _check(arguments)
    targets = Target(arguments.card, arguments.reader, arguments.seed), psam_target(arguments)
    if not any(target.given for target in targets):
        raise UsageError(targets[0].wanted)
    folder = Folder(Path(arguments.folder or _folder_name(*targets)))
    plan = plan_of(arguments, *targets, seed=_seed(arguments, folder))
    _check_names(plan)
    if arguments.replay is not None:
        return _replay(plan, arguments)
    if arguments.replay_only:
        return _replay_only(plan, folder, arguments)
    if arguments.minimise is not None:
        return _minimise(plan, folder, arguments)
    return _campaign(plan, folder, arguments)


# --- options ------------------------------------------------------------------------------------------------------


def _check(arguments: argparse.Namespace) -> None:
    """Numbers that make no sense."""
    for name, least in (("apdus", 1), ("jobs", 1), ("time", 0), ("budget", 0)):
        value = getattr(arguments, name)
        if value is not None and value < least:
            raise UsageError(f"--{name} {value}: at least {least}")


def _check_names(plan: Plan) -> None:
    """Names that nothing has are told before anything is done."""
    for name in (*plan.only, *plan.without):
        rule(name)
    if plan.defect is not None:
        known_defect(plan.defect)


def _folder_name(card: Target, psam: Target) -> str:
    target = card if card.given else psam
    return f"{target.image.name if target.image is not None else target.name.replace(' ', '-').replace(':', '-')}.fuzz"


def _seed(arguments: argparse.Namespace, folder: Folder) -> int:
    given: int | None = arguments.seed
    if given is not None:
        return given
    found = folder.state().get("seed", DEFAULT_SEED)
    return found if isinstance(found, int) else DEFAULT_SEED


def plan_of(arguments: argparse.Namespace, card: Target, psam: Target, *, seed: int) -> Plan:
    """The options as a plan.

    Raises:
        UsageError: they do not go together, or name something that is not there.
    """
    given = [target for target in (card, psam) if target.given]
    keys, _ = keys_of(Wish(target=card, psam=psam, keys=arguments.keys))
    images = tuple(image_of(target.image, keys, target.slot) for target in given if target.image is not None)
    live = [target for target in given if target.image is None]
    if live and len(given) > 1:
        raise UsageError("a card that is not an image is fuzzed alone: name one card")
    against, beside = arguments.against, None
    if against not in (None, _REFERENCE):
        beside = image_of(Path(against), keys, given[0].slot if len(given) == 1 else Slot.CARD)
    if live:
        if arguments.defect is not None:
            raise UsageError("--defect puts a fault into a model, so it needs --card IMAGE or --psam IMAGE")
        if against == _REFERENCE:
            raise UsageError("--against reference needs an image; name the image of a model of this card")
        if arguments.scheduler is not None or (arguments.jobs or 1) > 1:
            raise UsageError("--jobs and --scheduler need a card image, of which each worker takes its own copy")
    return Plan(
        seed, images, live[0] if live else None, keys, arguments.destructive, tuple(arguments.only),
        tuple(arguments.without), against == _REFERENCE, beside, arguments.defect,
        None if arguments.start is None else tuple(arguments.start), arguments.coverage, arguments.budget,
    )  # fmt: skip


# --- a campaign ---------------------------------------------------------------------------------------------------


def _campaign(plan: Plan, folder: Folder, arguments: argparse.Namespace) -> int:
    apdus = arguments.apdus
    if apdus is None and arguments.time is None:
        apdus = _DEFAULT_APDUS
    jobs = arguments.jobs or _jobs(plan, arguments.scheduler)
    campaign = Campaign(plan, folder, Limits(apdus, arguments.time, arguments.stop), jobs, arguments.scheduler)
    others = [name for name in folder.state().get("cards", ()) if name not in plan.cards]
    if others:
        sys.stderr.write(f"cardterm: {folder.path} is a campaign of {', '.join(others)}; its figures count both\n")
    teller = _Teller(campaign, arguments)
    interrupted = False
    try:
        campaign.run(teller)
    except KeyboardInterrupt:
        interrupted = True
    except LinkError:
        teller.clear()
        for finding in campaign.found:
            sys.stderr.write(f"cardterm: {folder.findings / finding.name}: {finding.complaint}\n")
        raise
    teller.clear()
    known = sorted(campaign.figures.findings)
    verdict = "interrupted" if interrupted else "failed" if known else "passed"
    if arguments.json:
        Writer().line(to_json(_document(verdict, campaign) | _ending(campaign)))
    else:
        _report(campaign, verdict)
    for reason in filter(None, (campaign.stopped, "interrupted; what was found is kept" if interrupted else "")):
        sys.stderr.write(f"cardterm: {reason}\n")
    return 130 if interrupted else 1 if known else 0


def _jobs(plan: Plan, scheduler: str | None) -> int:
    """As many workers as there are cores; 0: those of the cluster."""
    if scheduler is not None:
        return 0
    return os.cpu_count() or 1 if plan.restorable else 1


def _ending(campaign: Campaign) -> dict[str, object]:
    stopped = {"stopped": campaign.stopped} if campaign.stopped else {}
    return {"found": [finding.document() for finding in campaign.found], **stopped}


def _document(verdict: str, campaign: Campaign) -> dict[str, object]:
    figures = campaign.figures.document()
    seed = campaign.plan.seed
    return {"format": FORMAT, "version": VERSION, "verdict": verdict, "seed": seed, **figures}


class _Teller:
    """Tells how far a campaign is: a line that is written over on a terminal, a JSON object now and then."""

    def __init__(self, campaign: Campaign, arguments: argparse.Namespace) -> None:
        self._campaign = campaign
        self._json: bool = arguments.json
        self._limits = campaign.limits
        self._start = self._last = time.monotonic()
        self._first: int | None = None
        self._terminal = sys.stderr.isatty() and not self._json

    def __call__(self, figures: Figures) -> None:
        """One step of a worker is done."""
        if self._first is None:
            self._first = figures.apdus
        now = time.monotonic()
        if now - self._last < (_SELDOM if self._json else _OFTEN):
            return
        self._last = now
        if self._json:
            Writer().line(to_json(_document("running", self._campaign)))
        elif self._terminal:
            sys.stderr.write("\r\x1b[K" + self._line(figures, now)[:110])
            sys.stderr.flush()

    def _line(self, figures: Figures, now: float) -> str:
        done, seconds = figures.apdus - (self._first or 0), now - self._start
        speed = done / seconds if seconds else 0.0
        parts = [
            f"{figures.apdus:,} APDUs", f"{speed:,.0f}/s", f"{len(figures.features):,} features",
            f"corpus {figures.corpus:,}", f"{len(figures.findings)} findings",
        ]  # fmt: skip
        left = [self._limits.seconds - seconds] if self._limits.seconds is not None else []
        if self._limits.apdus is not None and speed:
            left.append((self._limits.apdus - done) / speed)
        if left:
            parts.append(f"{max(0, round(min(left)))} s left")
        return "  ".join(parts)

    def clear(self) -> None:
        """Take the line away."""
        if self._terminal:
            sys.stderr.write("\r\x1b[K")


def _report(campaign: Campaign, verdict: str) -> None:
    writer, figures, folder = Writer(), campaign.figures, campaign.folder.path
    speed = figures.apdus / figures.seconds if figures.seconds else 0.0
    done = f"{figures.apdus:,} APDUs in {figures.sequences:,} sequences"
    writer.line(f"seed {campaign.plan.seed}: {done}, {speed:,.0f}/s")
    writer.line(
        f"reached: {figures.pairs:,} rows with a status word, {len(figures.features):,} with the security state"
        + (f"; {len(figures.lines):,} lines of the model" if figures.lines else "")
    )
    writer.line(f"corpus: {figures.corpus:,} sequences in {folder / 'corpus'}")
    new = {finding.name: finding for finding in campaign.found}
    for name, count in sorted(figures.findings.items()):
        often = f"({count} time{'s' if count != 1 else ''})"
        writer.line(f"{writer.paint('✗', 'red')} {folder / 'findings' / name} {often}")
        if name in new:
            _finding(writer, new[name])
    colour = "green" if verdict == "passed" else "red" if verdict == "failed" else "yellow"
    found = f"{len(figures.findings)} finding{'s' if len(figures.findings) != 1 else ''}"
    writer.line(writer.paint(verdict.upper(), colour) + f"   {found}")


def _finding(writer: Writer, finding: Finding) -> None:
    writer.line(f"    {finding.complaint}")
    writer.line(f"    {finding.sequence.commands} commands, made of {finding.original.commands}")


# --- what there is ------------------------------------------------------------------------------------------------


def _replay(plan: Plan, arguments: argparse.Namespace) -> int:
    sequence = read_sequence(Path(arguments.replay))
    run, lines = shown(plan, sequence, show_secrets=arguments.show_secrets)
    writer = Writer()
    if arguments.json:
        writer.line(to_json(_replayed({arguments.replay: run}, 1)))
    else:
        for line in lines:
            writer.line(line)
        writer.line(writer.paint("PASSED", "green") if run.complaint is None else writer.paint("FAILED", "red"))
    return 0 if run.complaint is None else 1


def _replay_only(plan: Plan, folder: Folder, arguments: argparse.Namespace) -> int:
    sequences = {str(path.relative_to(folder.path)): s for path, s in [*folder.sequences(), *folder.found()]}
    if not sequences:
        raise UsageError(f"{folder.path}: there is neither a corpus nor a finding to run again")
    begun, bad, apdus, count = time.monotonic(), dict[str, Run](), 0, 0
    elsewhere = Counter(sequence.start for sequence in sequences.values())
    for name, run in replayed(plan, sequences):
        count, apdus = count + 1, apdus + len(run.exchanges)
        elsewhere[sequences[name].start] -= 1
        if run.complaint is not None:
            bad[name] = run
    missing = +elsewhere
    if missing:
        starts = ", ".join(f"{start} ({count})" for start, count in sorted(missing.items()))
        sys.stderr.write(f"cardterm: {missing.total()} not run, for want of a card that they begin with: {starts}\n")
    writer = Writer()
    if arguments.json:
        writer.line(to_json(_replayed(bad, count) | {"apdus": apdus}))
        return 1 if bad else 0
    for name, run in bad.items():
        writer.line(f"{writer.paint('✗', 'red')} {name}: {run.complaint}")
    speed = apdus / max(time.monotonic() - begun, 1e-9)
    writer.line(f"{count} sequences, {apdus:,} APDUs, {speed:,.0f}/s; {len(bad)} complained of")
    writer.line(writer.paint("FAILED", "red") if bad else writer.paint("PASSED", "green"))
    return 1 if bad else 0


def _replayed(runs: dict[str, Run], count: int) -> dict[str, object]:
    bad = {name: run.complaint for name, run in runs.items() if run.complaint is not None}
    return {
        "format": FORMAT, "version": VERSION, "verdict": "failed" if bad else "passed", "sequences": count,
        "complaints": [{"file": n, "oracle": c.oracle, "complaint": c.text, "step": c.step} for n, c in bad.items()],
    }  # fmt: skip


def _minimise(plan: Plan, folder: Folder, arguments: argparse.Namespace) -> int:
    before, after = minimised(plan, folder, pairs=arguments.minimise == "pairs")
    if arguments.json:
        document = {"format": FORMAT, "version": VERSION, "verdict": "passed", "sequences": after, "before": before}
        Writer().line(to_json(document))
    else:
        Writer().line(f"{folder.corpus}: {after} of {before} sequences reach all that they reached")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    writer = Writer()
    if arguments.json:
        oracles = [
            {"name": each.name, "sentence": each.sentence, "basis": each.basis, "needs": each.needs.value}
            for each in RULES
        ]
        writer.line(to_json({"format": FORMAT, "version": VERSION, "verdict": "listed", "oracles": oracles}))
        return 0
    for each in RULES:
        writer.line(f"{writer.paint(each.name, 'bold')}  {each.sentence}")
        writer.line(f"    {each.basis}; needs {each.needs.value}")
    return 0
