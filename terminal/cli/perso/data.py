"""`cardterm perso data`: files of personalisation data checked, converted, and invented."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, assert_never

from cardsim.commandline import Exit
from terminal.cli.output import to_json
from terminal.cli.perso.files import write_output
from terminal.errors import UsageError, output_path
from terminal.perso.data.build import Read
from terminal.perso.data.document import check_heading, write_applications, write_batch
from terminal.perso.data.finance import read_records, record_problems
from terminal.perso.data.layouts import FileKind
from terminal.perso.data.reading import Mistake, Reading, joint_expiry, read_file
from terminal.perso.data.samples import applications, cards
from terminal.perso.data.writing import write_file
from terminal.perso.records import BankRecord, Batch, CardRecord, SocialRecord
from terminal.perso.workshop import Workshop

FORMAT: Final = "cardterm-data"
VERSION: Final = 1
_SHOWN: Final = 20
"""Mistakes that are told without --json."""


def data_command(arguments: argparse.Namespace) -> int:
    """Run it; 0, or 1 where something is wrong in the data."""
    return _WORDS[arguments.what](arguments)


def _check(arguments: argparse.Namespace) -> int:
    return _tell(arguments, _read(arguments))


def _read(arguments: argparse.Namespace) -> Reading:
    kind, path = FileKind(arguments.kind), Path(arguments.file)
    joint = True
    if arguments.workshop is not None:
        with Workshop(Path(arguments.workshop)) as workshop:
            joint = joint_expiry(workshop.settings)
    return read_file(path, kind, encoding=arguments.encoding, joint_expiry=joint)


def _convert(arguments: argparse.Namespace) -> int:
    out = output_path(arguments.out, arguments.file)
    if arguments.internal and arguments.kind != FileKind.APPLICATIONS.value:
        check_heading(arguments.applied, arguments.city, arguments.county, arguments.file)
    found = _read(arguments)
    if arguments.internal:
        write_output(out, _document(found, arguments))
    else:
        write_file(
            out, [good.record for good in found.good], found.kind, encoding=arguments.to, chinese=arguments.chinese
        )
    return _tell(arguments, found, f"{out}")


def _document(found: Reading, arguments: argparse.Namespace) -> bytes:
    """The internal document of the good lines."""
    if found.kind is FileKind.APPLICATIONS:
        return write_applications(found.applications)
    name = arguments.name or Path(arguments.file).stem
    records = tuple(_card(good.record) for good in found.good)
    return write_batch(Batch(name, arguments.applied, arguments.city, arguments.county, records))


def _card(record: object) -> CardRecord:
    match record:
        case SocialRecord():
            return CardRecord(record, None)
        case BankRecord():
            return CardRecord(None, record)
        case CardRecord():
            return record
        case _:
            raise ValueError("applications are in no batch")


def _samples(arguments: argparse.Namespace) -> int:
    if min(arguments.count, arguments.wrong, arguments.duplicates) < 0:
        raise UsageError("--count, --wrong and --duplicates are not negative")
    out, kind = Path(arguments.out), FileKind(arguments.kind)
    records = _invented(arguments, kind)
    write_file(out, records, kind, encoding=arguments.to, chinese=arguments.chinese)
    counts = {"wrong": arguments.wrong, "duplicates": arguments.duplicates}
    if arguments.json:
        _print(
            {
                "verdict": "passed",
                "word": "samples",
                "file": str(out),
                "kind": kind.value,
                "rows": len(records),
                **counts,
            }
        )
    else:
        told = "".join(f", {number} {what}" for what, number in counts.items() if number)
        sys.stdout.write(f"{out}: {len(records)} {kind.value}{told}\n")
    return Exit.OK


def _invented(arguments: argparse.Namespace, kind: FileKind) -> Sequence[Read]:
    """Records of a kind; those of one seed are of the same persons."""
    seed, count, photos = arguments.seed, arguments.count, not arguments.no_photos
    if kind is FileKind.APPLICATIONS:
        made = applications(seed, count, wrong=arguments.wrong, duplicates=arguments.duplicates, photos=photos)
        return made.applications
    if arguments.wrong or arguments.duplicates:
        raise UsageError("--wrong and --duplicates are for applications")
    found = cards(seed, count, photos=photos and kind is not FileKind.BANK)
    match kind:
        case FileKind.SOCIAL:
            return [card.social for card in found if card.social is not None]
        case FileKind.BANK:
            return [card.bank for card in found if card.bank is not None]
        case FileKind.MATCHED:
            return found
        case _:
            assert_never(kind)


def _records(arguments: argparse.Namespace) -> int:
    try:
        text = Path(arguments.file).read_text(encoding="utf8")
        afl = bytes.fromhex(arguments.afl)
    except OSError as error:
        raise UsageError(f"{arguments.file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{arguments.file}: the file is not UTF-8") from error
    except ValueError as error:
        raise UsageError(f"--afl {arguments.afl}: this is no hex") from error
    records = read_records(text, arguments.file)
    problems = record_problems(records, afl)
    if arguments.json:
        verdict = "failed" if problems else "passed"
        _print(
            {"verdict": verdict, "word": "records", "file": arguments.file, "rows": len(records), "problems": problems}
        )
    else:
        sys.stdout.write(f"{arguments.file}: {len(records)} records, {len(problems)} problems\n")
        sys.stdout.writelines(f"✗ {problem}\n" for problem in problems)
    return Exit.FAILED if problems else Exit.OK


def _tell(arguments: argparse.Namespace, found: Reading, written: str = "") -> int:
    if arguments.json:
        _print(
            {
                "verdict": "failed" if found.mistakes else "passed",
                "word": arguments.what,
                "file": found.file,
                "kind": found.kind.value,
                "encoding": found.encoding,
                "rows": found.rows,
                "good": len(found.good),
                "mistakes": _rows(found.mistakes),
                "repeated": _rows(found.repeated),
                "written": written,
            }
        )
    else:
        page = f", {found.encoding}" if found.encoding else ""
        wrong, into = found.wrong_lines, f" → {written}" if written else ""
        sys.stdout.write(
            f"{found.file}: {found.rows} {found.kind.value}{page}: {len(found.good)} good, {wrong} wrong{into}\n"
        )
        sys.stdout.writelines(f"✗ {mistake}\n" for mistake in found.mistakes[:_SHOWN])
        if len(found.mistakes) > _SHOWN:
            sys.stdout.write(f"… and {len(found.mistakes) - _SHOWN} more; --json has them all\n")
        persons = len({mistake.problem.split(":", 1)[0] for mistake in found.repeated})
        if persons:
            sys.stdout.write(f"{persons} persons stand there more than once\n")
    return Exit.FAILED if found.mistakes else Exit.OK


def _rows(mistakes: Sequence[Mistake]) -> list[dict[str, Any]]:
    return [
        {"line": one.line, "cell": one.cell, "column": one.column, "problem": one.problem, "remedy": one.remedy}
        for one in mistakes
    ]


def _print(members: Mapping[str, Any]) -> None:
    sys.stdout.write(to_json({"format": FORMAT, "version": VERSION, **members}, indent=2) + "\n")


_WORDS: Final[Mapping[str, Callable[[argparse.Namespace], int]]] = {
    "check": _check,
    "convert": _convert,
    "samples": _samples,
    "records": _records,
}
