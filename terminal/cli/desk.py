"""`cardterm desk`: what operators do at the hosts, in the books that `--books` names."""

import argparse
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from cardsim.commandline import Exit
from cardsim.decode.values import yuan
from terminal.cli.deskbank import BANK_WORDS
from terminal.cli.deskresult import Desk, Done
from terminal.cli.desksocial import SOCIAL_WORDS
from terminal.cli.deskterminal import TERMINAL_WORDS
from terminal.cli.deskwords import BANK, SOCIAL, SWITCH, TERMINAL
from terminal.cli.flows import moment
from terminal.cli.hosts import key_file, network_of
from terminal.cli.output import to_json
from terminal.errors import UsageError
from terminal.hosts.bank.accounts import AccountError
from terminal.hosts.books import BooksError
from terminal.hosts.social.codes import Refusal
from terminal.hosts.world import World, WorldError
from terminal.messages.batches import BatchError

FORMAT: Final = "cardterm-desk"
VERSION: Final = 1


def _clear(desk: Desk, arguments: argparse.Namespace) -> Done:
    return Done(text=desk.world.switch.clear(desk.day_of(arguments.day)).text())


def _audit_switch(desk: Desk, _: argparse.Namespace) -> Done:
    return Done(problems=tuple(desk.world.switch.audit()))


HANDLERS: Final[Mapping[str, Mapping[str, Callable[[Desk, argparse.Namespace], Done]]]] = {
    BANK: BANK_WORDS,
    SOCIAL: SOCIAL_WORDS,
    SWITCH: {"clear": _clear, "audit": _audit_switch},
}
"""A handler for each row of `deskwords.WORDS`, but those of the terminal, which has no books."""


_MONEY: Final = frozenset({"amount", "balance", "electronic cash"})
_WELL: Final = {"audit": "the books are right"}
"""What is said where there is nothing else to tell."""


def desk_command(arguments: argparse.Namespace) -> int:
    """Do one thing at a desk; 0, or 1 where the books are not right."""
    now = moment(arguments.now)
    done = TERMINAL_WORDS[arguments.word](arguments, now) if arguments.host == TERMINAL else _at_host(arguments, now)
    _tell(arguments, done)
    return Exit.FAILED if done.problems else Exit.OK


def _at_host(arguments: argparse.Namespace, now: datetime) -> Done:
    keys = [key_file(name) for name in arguments.keys]
    network = network_of(arguments.network)
    with World(keys, books=arguments.books, network=network, clock=lambda: now) as world:
        try:
            world.books.connect().close()
            return HANDLERS[arguments.host][arguments.word](Desk(world, now), arguments)
        except (AccountError, Refusal, BatchError, BooksError, WorldError) as error:
            raise UsageError(str(error)) from error


def _tell(arguments: argparse.Namespace, done: Done) -> None:
    output: str | None = getattr(arguments, "output", None)
    if done.text is not None and output is not None:
        _write(Path(output), done.text)
    if arguments.json:
        sys.stdout.write(to_json(_document(arguments, done), indent=2) + "\n")
        return
    if done.text is not None and output is None:
        sys.stdout.write(done.text)
    for row in done.rows:
        told = (f"{name} {_text(name, value)}" for name, value in row.items() if value not in ("", None))
        sys.stdout.write(", ".join(told) + "\n")
    for problem in done.problems:
        sys.stdout.write(f"✗ {problem}\n")
    if not (done.rows or done.problems or done.text):
        sys.stdout.write("" if done.text is not None else f"{_WELL.get(arguments.word, 'done')}\n")


def _text(name: str, value: str | int | None) -> str:
    """A value for people; `--json` has money in fen."""
    return yuan(value) if name in _MONEY and isinstance(value, int) else str(value)


def _document(arguments: argparse.Namespace, done: Done) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "verdict": "failed" if done.problems else "done",
        "host": arguments.host,
        "word": arguments.word,
        "rows": list(done.rows),
        "file": done.text,
        "problems": list(done.problems),
    }


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
