"""`cardterm perso batch`: the bank's part of a batch, and matching of two files."""

import argparse
import dataclasses
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cardsim.commandline import Exit
from terminal.cli.hosts import bank_keys_of
from terminal.cli.output import to_json
from terminal.cli.perso.asking import ask
from terminal.cli.perso.files import name_of, open_workshop, read_input, write_output
from terminal.cli.perso.rows import Row, tell_rows
from terminal.errors import UsageError
from terminal.perso.batches.documents import write_list, write_note
from terminal.perso.batches.mail import send_list, send_packages, take_batches
from terminal.perso.batches.matching import match_batches, matching_key
from terminal.perso.batches.platform import open_platform
from terminal.perso.batches.reconcile import BatchReport
from terminal.perso.batches.service import BankBatches
from terminal.perso.data.document import read_batch, write_batch
from terminal.perso.parties import Party
from terminal.perso.records import Batch, Rejection
from terminal.perso.transfer.post import Post
from terminal.perso.workshop import Workshop

FORMAT: Final = "cardterm-batch-work"
VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Done:
    """What was done: rows for people and machines, and the books where they were asked for."""

    rows: tuple[Row, ...]
    report: BatchReport | None = None
    refused: bool = False
    """Whether a file was not taken."""

    @property
    def failed(self) -> bool:
        """Whether the exit status is 1."""
        return self.refused or (self.report is not None and bool(self.report.problems))


def batch_command(arguments: argparse.Namespace) -> int:
    """Run it; 0, or 1 where the books of a batch are wrong or a file is refused."""
    if arguments.what == "match":
        done = _match(arguments)
    else:
        with open_workshop(arguments) as workshop:
            own = open_platform(workshop, bank_keys_of(getattr(arguments, "keys", None)))
            done = _WORDS[arguments.what](own, workshop, arguments)
    if arguments.json:
        sys.stdout.write(to_json(_document(arguments.what, done), indent=2) + "\n")
    else:
        _tell(done)
    return Exit.FAILED if done.failed else Exit.OK


def _tell(done: Done) -> None:
    tell_rows(done.rows)
    if done.report is not None:
        sys.stdout.write(done.report.text() + "\n")


def _document(word: str, done: Done) -> dict[str, Any]:
    report = {} if done.report is None else {"report": done.report.document()}
    verdict = "refused" if done.refused else "done"
    if done.report is not None:
        verdict = done.report.document()["verdict"]
    rows = [dict(row) for row in done.rows]
    return {"format": FORMAT, "version": VERSION, "verdict": verdict, "word": word, "rows": rows, **report}


def _receive(own: BankBatches, _: Workshop, arguments: argparse.Namespace) -> Done:
    rows: list[Row] = []
    for file in arguments.files:
        receipt = own.receive(_read(file))
        again = "yes" if receipt.again else ""
        rows.append({"batch": receipt.batch, "received": receipt.received, "records": receipt.count, "again": again})
    return Done(tuple(rows))


def _take(own: BankBatches, workshop: Workshop, arguments: argparse.Namespace) -> Done:
    taken = take_batches(own, _post(workshop, arguments.person))
    rows: list[Row] = [
        {"file": one.file, "mark": "refused", "reason": one.refused}
        if one.receipt is None
        else {"file": one.file, "mark": "again" if one.receipt.again else "taken", "records": one.receipt.count}
        for one in taken
    ]
    return Done(tuple(rows), refused=any(one.receipt is None for one in taken))


def _send(own: BankBatches, workshop: Workshop, arguments: argparse.Namespace) -> Done:
    own.card_list(arguments.name)  # says what still has to be done before it asks for a password
    post = _post(workshop, arguments.person)
    packages, lists = send_packages(own, post, arguments.name), send_list(own, post, arguments.name)
    rows: list[Row] = [{"file": file, "to": Party.MAKER.value} for file in packages]
    return Done((*rows, *({"file": file, "to": Party.DEPARTMENT.value} for file in lists)))


def _post(workshop: Workshop, person: str) -> Post:
    return Post.of(workshop, Party.BANK, ask("password of the bank's key: "), person)


def _run(own: BankBatches, _: Workshop, arguments: argparse.Namespace) -> Done:
    own.process(arguments.name)
    return Done((), own.report(arguments.name))


def _step(own: BankBatches, _: Workshop, arguments: argparse.Namespace) -> Done:
    name, step, outlet = arguments.name, arguments.step, arguments.outlet
    if outlet and step not in ("check", "open"):
        raise UsageError(f"--outlet goes with check and open; {step} is done for all")
    match step:
        case "split":
            count = own.split(name)
        case "check":
            count = own.check(name, outlet)
        case "open":
            count = own.open_accounts(name, outlet)
        case "match":
            count = own.match(name)
        case _:
            count = own.pack(name)
    return Done(({"step": step, "packages" if step == "pack" else "records": count},))


def _list(own: BankBatches, _: Workshop, __: argparse.Namespace) -> Done:
    reports = map(own.report, own.names())
    rows = [
        {
            "batch": report.batch, "received": report.received, "made": report.made, "rejected": report.rejected,
            "waiting": sum(report.waiting.values()), "books": report.document()["verdict"],
        }
        for report in reports
    ]  # fmt: skip
    return Done(tuple(rows))


def _outlets(own: BankBatches, _: Workshop, arguments: argparse.Namespace) -> Done:
    names = {code: outlet.name for code, outlet in own.rules.outlets.items()}
    found = own.outlets(arguments.name)
    return Done(tuple({"outlet": code, "name": names.get(code, ""), "records": count} for code, count in found.items()))


def _rejected(own: BankBatches, _: Workshop, arguments: argparse.Namespace) -> Done:
    return Done(tuple({**_row(one), "inside": inside} for one, inside in own.rejected(arguments.name)))


def _report(own: BankBatches, _: Workshop, arguments: argparse.Namespace) -> Done:
    return Done((), own.report(arguments.name))


def _packages(own: BankBatches, _: Workshop, arguments: argparse.Namespace) -> Done:
    own.card_list(arguments.name)  # says what still has to be done
    rows: list[Row] = []
    folder = Path(arguments.out)
    for package in own.packages(arguments.name):
        write_output(folder / f"{package.name}.batch.json", write_batch(package.batch))
        write_output(folder / f"{package.name}.note.json", write_note(package))
        rows.append({"package": package.name, "records": package.count, "hash total": package.total})
    return Done(tuple(rows))


def _return(own: BankBatches, workshop: Workshop, arguments: argparse.Namespace) -> Done:
    out = Path(arguments.out) if arguments.out else workshop.path("lists", f"{arguments.name}.list.json")
    made = own.card_list(arguments.name)
    write_output(out, write_list(made))
    own.give_back(arguments.name)
    head: Row = {"batch": made.batch, "made on": made.made_on, "made": made.made, "rejected": len(made.rejected)}
    return Done((head, *map(_row, made.rejected)))


def _row(one: Rejection) -> dict[str, str | int]:
    return {
        "order": one.order, "person": one.person, "name": one.name, "reason": one.reason.value, "detail": one.detail,
    }  # fmt: skip


def _forget(own: BankBatches, _: Workshop, arguments: argparse.Namespace) -> Done:
    count = own.forget(arguments.name, arguments.supervisor)
    return Done(({"batch": arguments.name, "deleted": count, "supervisor": arguments.supervisor},))


def _match(arguments: argparse.Namespace) -> Done:
    social, key = _read(arguments.social), matching_key(arguments.key)
    found = match_batches(social, _read(arguments.bank), key)
    write_output(Path(arguments.out), write_batch(dataclasses.replace(social, records=found.matched)))
    rejected = [{"side": one.side.value, **_row(one.rejection)} for one in found.unmatched]
    return Done(({"matched": len(found.matched), "rejected": len(rejected)}, *rejected))


def _read(file: str) -> Batch:
    return read_batch(read_input(file), name_of(file))


_WORDS: Final[Mapping[str, Callable[[BankBatches, Workshop, argparse.Namespace], Done]]] = {
    "receive": _receive,
    "take": _take,
    "run": _run,
    "step": _step,
    "list": _list,
    "outlets": _outlets,
    "rejected": _rejected,
    "report": _report,
    "packages": _packages,
    "return": _return,
    "send": _send,
    "forget": _forget,
}
