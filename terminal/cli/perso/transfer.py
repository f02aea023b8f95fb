"""`cardterm perso transfer`: files between the parties, sealed, on lines or discs, and the register of each party."""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from cardsim.commandline import Exit
from terminal.cli.output import to_json
from terminal.cli.perso.asking import ask
from terminal.cli.perso.files import open_workshop, read_input
from terminal.cli.perso.rows import Row, tell_rows
from terminal.errors import UsageError, output_path
from terminal.perso.parties import Party
from terminal.perso.transfer.keyring import Keyring, certificate_path, key_path, make_key
from terminal.perso.transfer.keys import write_private
from terminal.perso.transfer.line import Line, lines_of
from terminal.perso.transfer.post import Post
from terminal.perso.transfer.register import Arrival
from terminal.perso.transfer.sealing import Kind
from terminal.perso.transfer.tables import Mark
from terminal.perso.workshop import Workshop

FORMAT: Final = "cardterm-transfer"
VERSION: Final = 1


def transfer_command(arguments: argparse.Namespace) -> int:
    """Run it; 0, or 1 where a file that has come is refused."""
    with open_workshop(arguments) as workshop:
        rows = tuple(_WORDS[arguments.what](workshop, arguments))
    refused = arguments.what in ("receive", "disc") and any(row["mark"] == Mark.REFUSED.value for row in rows)
    if arguments.json:
        verdict = "refused" if refused else "done"
        document = {"format": FORMAT, "version": VERSION, "verdict": verdict, "word": arguments.what, "rows": rows}
        sys.stdout.write(to_json(document, indent=2) + "\n")
    else:
        tell_rows(rows)
    return Exit.FAILED if refused else Exit.OK


def _post(workshop: Workshop, arguments: argparse.Namespace) -> Post:
    """The party's post, opened with its password."""
    party = Party(arguments.party)
    if not key_path(workshop, party).exists():
        raise UsageError(f"the {party.value} has no key yet; cardterm perso transfer key makes it")
    password = ask(f"password of the {party.value}'s key: ")
    return Post.of(workshop, party, password, arguments.person or f"{party.value}-data")


def _key(workshop: Workshop, arguments: argparse.Namespace) -> Iterable[Row]:
    party = Party(arguments.party)
    if key_path(workshop, party).exists():
        raise UsageError(f"{key_path(workshop, party)} is there already; move it away before a new key is made")
    make_key(workshop, party, ask(f"password of the {party.value}'s key, new: "))
    yield {"key": f"{key_path(workshop, party)}", "certificate": f"{certificate_path(workshop, party)}"}


def _send(workshop: Workshop, arguments: argparse.Namespace) -> Iterable[Row]:
    content = read_input(arguments.file)
    kind, to = Kind(arguments.kind), Party(arguments.to)
    went = _post(workshop, arguments).send(to, arguments.name, kind, content, arguments.count)
    yield {"name": arguments.name, "to": to.value, "way": "sent" if went else "waits for the line"}


def _receive(workshop: Workshop, arguments: argparse.Namespace) -> Iterable[Row]:
    return map(_arrival, _post(workshop, arguments).receive())


def _arrival(file: Arrival) -> Row:
    kind = "" if file.kind is None else file.kind.value
    return {
        "received": file.stored, "name": file.name, "from": file.sender, "kind": kind, "count": file.count,
        "by": file.carrier.value, "mark": file.mark.value, "reason": file.reason,
    }  # fmt: skip


def _open(workshop: Workshop, arguments: argparse.Namespace) -> Iterable[Row]:
    content = _post(workshop, arguments).open(arguments.stored)
    out = output_path(arguments.out)
    try:
        write_private(out, content)
    except OSError as error:
        raise UsageError(f"{out}: {error.strerror}") from error
    yield {"file": f"{out}", "bytes": len(content)}


def _list(workshop: Workshop, arguments: argparse.Namespace) -> Iterable[Row]:
    post = Post(workshop, Party(arguments.party), Keyring({}, {}), "")
    yield from map(_arrival, post.received())
    for receiver, name, mark, reason in post.sent():
        yield {"sent": name, "to": receiver, "mark": mark.value, "reason": reason}


def _line(workshop: Workshop, arguments: argparse.Namespace) -> Iterable[Row]:
    lines = lines_of(workshop.settings)
    if arguments.line not in lines:
        raise UsageError(f"{arguments.line} is no line here; there are: {', '.join(sorted(lines))}")
    one, other = map(Party, arguments.line.split("-"))
    line = Line.between(workshop.path("transfer"), one, other, lines)
    if arguments.state is not None:
        line.set_up(arguments.state == "up")
    waiting = sum(len(list(line.waiting(party))) for party in line.ends)
    yield {"line": line.name, "state": "up" if line.up else "down", "waiting": waiting}


def _burn(workshop: Workshop, arguments: argparse.Namespace) -> Iterable[Row]:
    own, other = Party(arguments.party), Party(arguments.to)
    line = Line.between(workshop.path("transfer"), own, other, lines_of(workshop.settings))
    for path in line.burn(own, Path(arguments.disc)):
        yield {"file": f"{path}", "to": other.value}


def _disc(workshop: Workshop, arguments: argparse.Namespace) -> Iterable[Row]:
    post = _post(workshop, arguments)
    return map(_arrival, post.read_disc(Party(arguments.sender), Path(arguments.disc), arguments.approved))


_WORDS: Final[Mapping[str, Callable[[Workshop, argparse.Namespace], Iterable[Row]]]] = {
    "key": _key,
    "send": _send,
    "receive": _receive,
    "open": _open,
    "list": _list,
    "line": _line,
    "burn": _burn,
    "disc": _disc,
}
