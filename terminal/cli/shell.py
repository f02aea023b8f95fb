"""`cardterm shell`: the interactive session at a terminal, or from a pipe."""

import argparse
import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Final

from cardsim.keyfile import KeyFile
from terminal.cli.output import Writer
from terminal.conformance.context import Context
from terminal.conformance.functions import FUNCTIONS
from terminal.conformance.library import standard_library
from terminal.conformance.reports.secrets import scrubber
from terminal.conformance.session import Bench, NoCard, sam_bench
from terminal.conformance.setup import Wish, keys_of
from terminal.errors import UsageError
from terminal.links.target import GuardedCard, Target, open_target, psam_target
from terminal.shell.completion import completions
from terminal.shell.shell import Shell
from terminal.shell.watch import Watch
from terminal.shell.words import ShellError
from terminal.slots import Slot

Add = Callable[[str], object]
"""Adds a line to the history."""
Write = Callable[[str], object]
"""Writes the history to a file."""
_MOST_LINES: Final = 1000
_FAILED: Final = 2


def shell_command(arguments: argparse.Namespace) -> int:
    """Run `cardterm shell`: 0; from a pipe 2 where a line could not be carried out."""
    card, psam = Target(arguments.card, arguments.reader, arguments.seed), psam_target(arguments)
    if not card.given and not psam.given:
        raise UsageError(card.wanted)
    with contextlib.ExitStack() as stack:
        shell, bench = _open(card, psam, arguments, stack)
        shell.start()
        if sys.stdin.isatty():
            return _at_terminal(shell, bench, Path(arguments.history) if arguments.history else _history_path())
        return _from_pipe(shell)


def _open(
    card: Target, psam: Target, arguments: argparse.Namespace, stack: contextlib.ExitStack
) -> tuple[Shell, Bench]:
    """The cards on the bench, watched."""
    keys, key_file = keys_of(Wish(target=card, psam=psam, keys=arguments.keys, seed=arguments.seed))
    writer = Writer()
    shells: list[Shell] = []
    watch = Watch(lambda *what: shells[0].tell(*what), show_secrets=arguments.show_secrets)
    cards = {target.slot: stack.enter_context(open_target(target)) for target in (card, psam) if target.given}
    controls = {slot: each.control for slot, each in cards.items() if isinstance(each, GuardedCard)}
    opened = {slot: watch.around(each, slot) for slot, each in cards.items()}
    for each in opened.values():
        stack.callback(each.power_off)
    draw = os.urandom if arguments.seed is None else Random(arguments.seed).randbytes
    context = Context(keys, functions=FUNCTIONS, draw=draw)
    bench = Bench(opened.get(Slot.CARD, NoCard()), standard_library().vocabulary, context, controls.get(Slot.CARD))
    if Slot.PSAM in opened:
        sam_bench(bench, opened[Slot.PSAM], controls.get(Slot.PSAM))
    inputs = (arguments.card, arguments.psam, key_file or None)

    shells.append(Shell(bench, watch, writer, _known_secrets(keys, context), inputs))
    return shells[0], bench


def _known_secrets(keys: KeyFile, context: Context) -> Callable[[str], bool]:
    """Whether a line holds a PIN of the key file, one of its keys, or a key of this card."""
    holder = keys.holder
    pins = [pin for pin in (holder.pin, holder.offline_pin) if pin] if holder is not None else []
    area = keys.ssse.area if keys.ssse is not None else ""
    scrub = functools.cache(lambda historical: scrubber(keys, historical, area))

    def secret(line: str) -> bool:
        text = "".join(line.split())
        return scrub(context.historical)(text) != text or any(pin in text for pin in pins)

    return secret


def _complain(error: ShellError) -> None:
    sys.stderr.write(f"{' '.join(str(error).split())}\n")
    sys.stderr.flush()


def _from_pipe(shell: Shell) -> int:
    """Line by line to the end of the input."""
    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(errors="replace")
    failed = 0
    for line in sys.stdin:
        try:
            if not shell.do(line):
                break
        except ShellError as error:
            failed = _FAILED
            _complain(error)
    return failed


# --- at a terminal ------------------------------------------------------------------------------------------------


def _at_terminal(shell: Shell, bench: Bench, history: Path) -> int:
    with _readline(shell, bench, history) as add:
        while True:
            try:
                line = input(shell.prompt)
            except EOFError:
                sys.stdout.write("\n")
                return 0
            except KeyboardInterrupt:
                sys.stdout.write("\n")
                continue
            try:
                if not shell.do(line):
                    return 0
            except ShellError as error:
                _complain(error)
            if line.strip() and shell.keeps(line):
                add(line)


@contextlib.contextmanager
def _readline(shell: Shell, bench: Bench, history: Path) -> Iterator[Add]:
    """Line editing with completion and history, where Python has it."""
    try:
        import readline
    except ImportError:
        yield lambda _line: None
        return

    def complete(_begun: str, number: int) -> str | None:
        line = readline.get_line_buffer()[: readline.get_endidx()]
        found = completions(line, bench.vocabulary, shell.state)
        return found[number] if number < len(found) else None

    readline.set_auto_history(False)
    readline.set_completer_delims(" ")
    readline.set_completer(complete)
    readline.parse_and_bind("tab: complete")
    with contextlib.suppress(OSError):
        readline.read_history_file(history)
    readline.set_history_length(_MOST_LINES)
    try:
        yield readline.add_history
    finally:
        _keep(history, readline.write_history_file)


def _keep(history: Path, write: Write) -> None:
    """The history, readable by its owner alone; a folder that cannot be written to keeps none."""
    with contextlib.suppress(OSError):
        history.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(history, os.O_WRONLY | os.O_CREAT, 0o600))
        write(str(history))
        history.chmod(0o600)


def _history_path() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "cardterm" / "shell_history"
