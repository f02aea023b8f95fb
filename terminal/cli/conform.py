"""`cardterm conform`: conformance cases on a card, and their reports."""

import argparse
import contextlib
import re
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Final

from terminal.cli.output import Writer, to_json
from terminal.conformance.campaign import Campaign, catalogue, choose
from terminal.conformance.case import Case
from terminal.conformance.probe import profile_toml
from terminal.conformance.reports.document import Run, document, listing
from terminal.conformance.reports.html import html
from terminal.conformance.reports.junit import junit
from terminal.conformance.reports.record import Record
from terminal.conformance.reports.text import report
from terminal.conformance.selection import read_library
from terminal.conformance.setup import Wish, open_setup, probe_target
from terminal.errors import UsageError, output_path
from terminal.links.target import Target, psam_target

_SHARD: Final = re.compile(r"([0-9]{1,4})/([0-9]{1,4})")
_REPORTS: Final[dict[str, Callable[[Run], str]]] = {"junit": junit, "html": html}


def wish_of(arguments: argparse.Namespace) -> Wish:
    """The options as a wish.

    Raises:
        UsageError: an option that makes no sense.
    """
    shard = _SHARD.fullmatch(arguments.shard)
    if shard is None or not 1 <= int(shard[1]) <= int(shard[2]):
        raise UsageError(f"--shard {arguments.shard}: write it as I/N with I from 1 to N, such as 2/4")
    if arguments.jobs < 1:
        raise UsageError(f"-j {arguments.jobs}: at least one process is needed")
    if arguments.read_only and arguments.destructive:
        raise UsageError("--read-only and --destructive exclude each other")
    return Wish(
        target=Target(arguments.card, arguments.reader, arguments.seed),
        psam=psam_target(arguments),
        prefixes=tuple(arguments.prefix),
        keys=arguments.keys,
        profile=arguments.profile,
        cases=tuple(arguments.cases),
        shard=(int(shard[1]), int(shard[2])),
        failed=arguments.failed,
        seed=arguments.seed,
        strict=arguments.strict,
        read_only=arguments.read_only,
        destructive=arguments.destructive,
        stop=arguments.stop,
        show_secrets=arguments.show_secrets,
        jobs=arguments.jobs,
        against=arguments.compare or arguments.baseline,
    )


def conform_command(arguments: argparse.Namespace) -> int:
    """Run `cardterm conform`; the exit status."""
    wish = wish_of(arguments)
    if arguments.list:
        return _list(wish, arguments)
    if not wish.target.given and (arguments.draft_profile or not wish.psam.given):
        raise UsageError(wish.target.wanted)
    if arguments.draft_profile:
        return _draft(wish)
    if arguments.dry_run:
        return _dry_run(wish, arguments)
    _check_outputs(arguments)
    campaign = Campaign(wish)
    with _terminated_as_interrupted():
        run = campaign.run(_progress())
    return _finish(campaign, run, arguments)


def _finish(campaign: Campaign, run: Run, arguments: argparse.Namespace) -> int:
    """Write the reports; the exit status."""
    for name, render in _REPORTS.items():
        path = getattr(arguments, name)
        if path is not None:
            _write(path, render(run))
    writer = Writer()
    if arguments.json:
        writer.line(to_json(document(run)))
    else:
        for line in report(run, writer.paint):
            writer.line(line)
    if campaign.interrupted:
        sys.stderr.write(f"cardterm: {campaign.interrupted}\n")
        return campaign.status
    if arguments.baseline is not None and run.comparison is not None:
        return 1 if run.comparison.broken else 0
    return 1 if any(record.bad for record in run.records) else 0


# --- without a run ------------------------------------------------------------------------------------------------


def _list(wish: Wish, arguments: argparse.Namespace) -> int:
    cases = choose(read_library(wish.cases), wish, catalogue())
    _tell(cases, arguments, "listed", None)
    return 0


def _dry_run(wish: Wish, arguments: argparse.Namespace) -> int:
    library, requirements = read_library(wish.cases), catalogue()
    cases = choose(library, wish, requirements)
    with open_setup(wish, library, requirements) as setup:
        why = {case.id: setup.left_out(case) for case in cases}
    _tell(cases, arguments, "dry run", why)
    return 0


def _tell(cases: list[Case], arguments: argparse.Namespace, verdict: str, why: dict[str, str] | None) -> None:
    writer = Writer()
    if arguments.json:
        writer.line(to_json(listing(cases, verdict=verdict, why=why)))
        return
    group = None
    for case in cases:
        if case.group != group:
            group = case.group
            writer.line(writer.paint(group, "bold"))
        marks = "".join(f" [{mark.value}]" for mark in sorted(case.marks, key=lambda mark: mark.value))
        reason = why.get(case.id, "") if why is not None else ""
        line = f"  {case.id:<24} {case.title}{marks}"
        writer.line(writer.paint(f"{line}   ({reason})", "dim") if reason else line)
    left = sum(bool(reason) for reason in why.values()) if why is not None else 0
    writer.line(f"{len(cases)} cases" + ("" if why is None else f", {len(cases) - left} would run"))


def _draft(wish: Wish) -> int:
    kind, found = probe_target(wish)
    identity = found.identity
    notes = [f"drafted by probing a card ({kind}), ATR {identity.atr}; check it against the card's data sheet"]
    notes += [f"{name}: {how}" for name, how in identity.environments.items()]
    if found.hides_status:
        notes.append("the reader follows 61xx and 6Cxx by itself; cases that look at them are not observable")
    sys.stdout.write(profile_toml(found.profile, notes))
    return 0


# --- output -------------------------------------------------------------------------------------------------------


def _check_outputs(arguments: argparse.Namespace) -> None:
    """Reports that cannot be written are told before the run, not after it."""
    for name in _REPORTS:
        path = getattr(arguments, name)
        if path is None:
            continue
        folder = Path(path).parent
        if not folder.is_dir():
            raise UsageError(f"--{name} {path}: there is no folder {folder}")
        if Path(path).is_dir():
            raise UsageError(f"--{name} {path}: this is a folder")
        output_path(path, arguments.card, arguments.psam, arguments.keys, arguments.profile)


def _write(path: str, text: str) -> None:
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: the report cannot be written: {error.strerror}") from error


def _progress() -> Callable[[int, int, Record], None] | None:
    """A line on standard error that is written over; nothing where nobody looks."""
    if not sys.stderr.isatty():
        return None
    bad = 0

    def show(number: int, total: int, record: Record) -> None:
        nonlocal bad
        bad += record.bad
        if number != total and number % 8 and not record.bad:
            return
        text = f"{number}/{total}  {bad} failed  {record.id}"
        sys.stderr.write("\r\x1b[K" + (text[:78] if number < total else ""))
        sys.stderr.flush()

    return show


@contextlib.contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM ends a run as Ctrl-C does: its reports are kept."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not in the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
