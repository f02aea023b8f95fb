"""Hex scripts: a command APDU a line, `#` comments, the words `reset` and `off`; `sam` in front: for the PSAM."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from cardsim.iso7816.tlv import TlvError, parse
from terminal.errors import UsageError
from terminal.flows.financial.scripts import Script, read_scripts
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
