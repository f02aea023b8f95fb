"""Issuer scripts (发卡行脚本): templates 71 and 72, their commands and results (EMV Book 3 §10.10; KRN-SCR)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cardsim.decode import Environment
from cardsim.iso7816.apdu import CommandApdu
from cardsim.iso7816.tlv import Tlv, TlvError, parse
from terminal.effects import Flow, Mark, report
from terminal.flows.common import send
from terminal.flows.financial.hostside import Ending, ScriptResult, When
from terminal.flows.financial.transaction import Transaction, Tsi, Tvr

_STEP: Final = "issuer scripts"
_IDENTIFIER, _COMMAND = 0x9F18, 0x86
_GOES_ON: Final = (0x90, 0x62, 0x63)
"""SW1 after which a script goes on (KRN-SCR-004)."""

_FAILED: Final = {When.BEFORE: Tvr.SCRIPT_FAILED_BEFORE, When.AFTER: Tvr.SCRIPT_FAILED_AFTER}


@dataclass(frozen=True, slots=True)
class Script:
    """One template: identifier (9F18, zeros without one) and commands, or why it cannot be carried out."""

    when: When
    identifier: bytes = bytes(4)
    commands: tuple[CommandApdu, ...] = ()
    problem: str = ""


def read_scripts(objects: Sequence[Tlv], limit: int) -> tuple[Script, ...]:
    """The scripts of an answer in their order. Together longer than `limit`, they are all refused (KRN-SCR-010)."""
    templates = [item for item in objects if item.tag in (When.BEFORE, When.AFTER)]
    length = sum(len(bytes(item)) for item in templates)
    scripts = tuple(_read(item) for item in templates)
    if length <= limit:
        return scripts
    problem = f"all scripts together have {length} bytes, the terminal takes {limit}"
    return tuple(Script(script.when, script.identifier, problem=problem) for script in scripts)


def _read(template: Tlv) -> Script:
    """One template; with a broken structure or a foreign tag nothing of it is carried out (KRN-SCR-009)."""
    when, identifier, commands = When(template.tag), bytes(4), []
    try:
        objects = parse(template.value)
    except TlvError as error:
        return Script(when, _identifier(template.value), problem=str(error))
    for item in objects:
        if item.tag == _IDENTIFIER and len(item.value) == 4:
            identifier = item.value
    for item in objects:
        if item.tag == _COMMAND:
            try:
                commands.append(CommandApdu.parse(item.value))
            except ValueError as error:
                return Script(when, identifier, problem=f"command {len(commands) + 1}: {error}")
        elif item.tag != _IDENTIFIER or len(item.value) != 4:
            return Script(when, identifier, problem=f"tag {item.tag:X} of {len(item.value)} bytes is none of a script")
    return Script(when, identifier, tuple(commands))


def _identifier(value: bytes) -> bytes:
    """The identifier of a broken template, if it stands in front."""
    return value[3:7] if value[:3] == bytes.fromhex("9F1804") and len(value) >= 7 else bytes(4)


def unprocessed(scripts: Sequence[Script]) -> list[ScriptResult]:
    """The results before anything was done: what the host is told if the card is taken away."""
    return [ScriptResult(script.when, script.identifier) for script in scripts]


def run_scripts(tx: Transaction, scripts: Sequence[Script], when: When) -> Flow[None]:
    """Carry out the scripts of one kind; a failure sets the TVR, and the next template follows (KRN-SCR-001 to 009)."""
    for index, script in enumerate(scripts):
        if script.when is not when:
            continue
        tx.tsi.set(Tsi.SCRIPT)
        result = yield from _run(script)
        tx.host.scripts[index] = result
        if result.ending is not Ending.SUCCESSFUL:
            tx.tvr.set(_FAILED[when])


def _run(script: Script) -> Flow[ScriptResult]:
    name = f"{script.when:X} {script.identifier.hex().upper()}"
    if script.problem:
        yield from report(_STEP, Mark.FAILED, f"{name} is not carried out: {script.problem}")
        return ScriptResult(script.when, script.identifier)
    for number, command in enumerate(script.commands, 1):
        purpose = f"issuer script {name}, command {number} of {len(script.commands)}"
        # KRN-SCR-015: whatever the command is, it goes to the card as it came.
        response = yield from send(Environment.PSE, purpose, command)
        if response.sw.sw1 not in _GOES_ON:
            text = f"{name}: the card refuses command {number} with {response.sw} ({response.sw.meaning})"
            yield from report(_STEP, Mark.FAILED, text)
            return ScriptResult(script.when, script.identifier, Ending.FAILED, number)
    yield from report(_STEP, Mark.OK, f"{name}: {len(script.commands)} command(s) carried out")
    return ScriptResult(script.when, script.identifier, Ending.SUCCESSFUL)
