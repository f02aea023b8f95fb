"""`cardterm apdu`: command APDUs in hex from a file or standard input, responses in hex to standard output.

A line that begins with `sam` is for the PSAM in the other slot; without a card, all lines are.
"""

import argparse
import contextlib
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cardsim.decode import Environment
from cardsim.decode.commands import Session, causes, command_name, masked_hex
from cardsim.decode.explain import Line, explain_answer
from cardsim.iso7816.apdu import CommandApdu, ResponseApdu
from cardsim.iso7816.card import Card
from cardsim.iso7816.tlv import TlvError, parse
from terminal.cli.documents import lines_data
from terminal.cli.output import Writer, item_lines, to_json
from terminal.errors import UsageError
from terminal.flows.financial.scripts import Script, read_scripts
from terminal.links.follow import Follower
from terminal.links.target import Target, open_target, psam_target
from terminal.slots import Slot

_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_LONGEST_APDU: Final = 261


@dataclass(frozen=True, slots=True)
class Step:
    """One line of input: "reset", "off", or the bytes of a command; and the slot that it is for."""

    word: str = ""
    command: bytes = b""
    slot: Slot = Slot.CARD


def parse_lines(lines: Iterable[str], name: str, *, scripts: bool = False) -> Iterator[Step]:
    """The steps of the input, one by one; with `scripts` the commands of a script template 71 or 72, too.

    Raises:
        UsageError: a line that is no command; names file and line.
    """
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        slot = Slot.PSAM if words[:1] == ["sam"] else Slot.CARD
        text = "".join(words[1:] if slot is Slot.PSAM else words)
        if not words:
            continue
        if text.lower() in ("reset", "off"):
            yield Step(word=text.lower(), slot=slot)
        elif _HEX.fullmatch(text) and len(text) <= 2 * _LONGEST_APDU:
            raw = bytes.fromhex(text)
            script = _script(raw)
            if script is None:
                yield Step(command=raw, slot=slot)
                continue
            place = f"{name}, line {number}: an issuer script (template {raw[0]:X}), not a command"
            if not scripts:
                raise UsageError(f"{place}; --scripts sends the commands in it")
            if script.problem:
                raise UsageError(f"{place}, and it cannot be carried out: {script.problem}")
            yield from (Step(command=bytes(command), slot=slot) for command in script.commands)
        else:
            raise UsageError(f"{name}, line {number}: not a command APDU in hex, `reset` or `off`: {line.strip()[:60]}")


def _script(raw: bytes) -> Script | None:
    """The issuer script that a line is, or None for a command: a template fills the whole line."""
    try:
        objects = parse(raw)
    except TlvError:
        return None
    found = read_scripts(objects, len(raw))
    return found[0] if len(objects) == len(found) == 1 and objects[0].value else None


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
