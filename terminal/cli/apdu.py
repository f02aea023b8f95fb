"""`cardterm apdu`: command APDUs in hex from a file or standard input, responses in hex to standard output.

A line that begins with `sam` is for the PSAM in the other slot; without a card, all lines are.
"""

import argparse
import contextlib
import sys
from collections.abc import Iterable
from pathlib import Path

from cardsim.decode import Environment
from cardsim.decode.commands import causes, command_name, masked_hex
from cardsim.decode.documents import lines_data
from cardsim.decode.explain import Line, explain_answer
from cardsim.decode.session import Session
from cardsim.iso7816.apdu import CommandApdu, ResponseApdu
from cardsim.iso7816.card import Card
from terminal.cli.output import Writer, item_lines, to_json
from terminal.errors import UsageError
from terminal.hexlines import Step, parse_lines
from terminal.links.follow import Follower
from terminal.links.target import Target, open_target, psam_target
from terminal.slots import Slot


def _steps(file: str, *, scripts: bool) -> Iterable[Step]:
    """Standard input is taken line by line; a file is read whole, so that a bad line stops it before the first one."""
    if file == "-":
        if hasattr(sys.stdin, "reconfigure"):
            sys.stdin.reconfigure(errors="replace")  # what is no text is a bad line, as any other
        return parse_lines(sys.stdin, "standard input", scripts=scripts)
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise UsageError(f"{file}: cannot be read: {reason}") from error
    return list(parse_lines(text.splitlines(), file, scripts=scripts))


class _Terminal:
    """Sends steps to one slot and shows answers."""

    def __init__(self, card: Card, slot: Slot, arguments: argparse.Namespace) -> None:
        self._card = card
        self._auto: bool = arguments.auto
        self._decode: bool = arguments.decode
        self._json: bool = arguments.json
        self._show_secrets: bool = arguments.show_secrets
        self._writer = Writer()
        self._session = Session(Environment.PSAM if slot is Slot.PSAM else Environment.CARD)
        self._follower = Follower(card, lambda *_: None)
        self._powered = False

    def step(self, step: Step) -> None:
        """Do one step. A command to a card without power switches it on first."""
        if step.word == "off":
            self.off()
        elif step.word == "reset":
            self._show("reset", self._power_on(), "", [])
        else:
            if not self._powered:
                self._power_on()
            self._send(step.command)

    def off(self) -> None:
        """Power off."""
        if self._powered:
            self._powered = False
            self._card.power_off()
            self._session.reset()

    def _power_on(self) -> bytes:
        self._powered = True
        self._session.reset()
        return self._card.power_on()

    def _send(self, command: bytes) -> None:
        self._session.sent(command)
        response = self._follower.exchange(command)
        if self._auto:
            response = self._follow(command, response)
        environment = self._session.environment
        self._session.answered(response.sw.value)
        name = command_name(environment, command)
        explained = explain_answer(environment, self._session.command, response.data)
        shown = masked_hex(environment, command, show_secrets=self._show_secrets)
        reasons = " / ".join(causes(environment, self._session.command, response.sw.value))
        meaning = f"{response.sw} {response.sw.meaning}" + (f": {reasons}" if reasons else "")
        self._show(f"{name} {shown}", bytes(response), meaning, explained)

    def _follow(self, command: bytes, response: ResponseApdu) -> ResponseApdu:
        try:
            return self._follower.follow(CommandApdu.parse(command), response)
        except ValueError:
            return response

    def _show(self, what: str, answer: bytes, meaning: str, explained: list[Line]) -> None:
        if self._json:
            document = {"format": "cardterm-apdu", "version": 1, "verdict": "passed", "command": what.split()[-1]}
            document |= {"response": answer.hex().upper()}
            if self._decode:
                document |= {
                    "name": what.rpartition(" ")[0] or what,
                    "meaning": meaning,
                    "items": lines_data(explained),
                }
            self._writer.line(to_json(document))
            return
        if self._decode:
            self._writer.line(self._writer.paint(f"# {what}", "cyan"))
        self._writer.line(answer.hex().upper())
        if self._decode:
            for text in [*item_lines(explained), *([meaning] if meaning else [])]:
                self._writer.line(self._writer.paint(f"#   {text}", "dim"))


def apdu_command(arguments: argparse.Namespace) -> int:
    """Run `cardterm apdu`; always 0 when all was sent, whatever the card said."""
    steps = _steps(arguments.file, scripts=arguments.scripts)
    card = Target(arguments.card, arguments.reader, arguments.seed)
    targets = [target for target in (card, psam_target(arguments)) if target.given]
    if not targets:
        raise UsageError(card.wanted)
    with contextlib.ExitStack() as stack:
        terminals: dict[Slot, _Terminal] = {}
        for target in targets:
            terminal = _Terminal(stack.enter_context(open_target(target)), target.slot, arguments)
            stack.callback(terminal.off)
            terminals[target.slot] = terminal
        for step in steps:
            slot = step.slot if card.given else Slot.PSAM
            if slot not in terminals:
                raise UsageError("a line begins with `sam`: name the PSAM with --psam or --psam-reader")
            terminals[slot].step(step)
    return 0
