r"""pcsc-tools' `scriptor`: the scripts that it reads, and the log that it prints.

A script has a command in hex a line (`\` at its end goes on in the next one), `reset`, and `#` at the beginning of a
comment. The log has `> ` in front of a command and `< ` in front of its answer, 16 bytes a line, with `: ` and the
meaning of the status word behind; `> RESET` is answered `< OK: ` and the ATR.
"""

import re
from collections.abc import Iterator
from typing import Final

from cardsim.iso7816.status import StatusWord
from terminal.errors import UsageError
from terminal.links.recording import Recorded, Recording
from terminal.recordings.formats.loss import Written, lines, lost_in_text, of_card, spaced

_HEX: Final = re.compile(r"(?:[0-9A-F]{2})+")
_BYTES_A_LINE: Final = 16


# --- script -------------------------------------------------------------------------------------------------------


def read(text: str, name: str) -> Recording:
    """The commands of a script; their answers are not known.

    Raises:
        UsageError: a line that is neither command nor word; names it.
    """
    events, command = list[Recorded](), ""
    for number, line in enumerate(text.splitlines(), 1):
        if "exit" in line.lower():
            break
        if not line.strip() or line.startswith("#"):
            continue
        if "reset" in line.lower():
            events.append(Recorded("power-on"))
            continue
        part = "".join(line.split()).upper()
        command += part.removesuffix("\\")
        if part.endswith("\\"):
            continue
        events.append(Recorded("apdu", _hex(command, f"{name}, line {number}")))
        command = ""
    return Recording(events=_powered(events))


def write(recording: Recording) -> Written:
    """The commands as a script."""
    words = ["reset" if event.event == "power-on" else spaced(event.command) for event in _spoken(recording)]
    return Written(lines(words), lost_in_text(recording, answers=False, off=False))


# --- log ----------------------------------------------------------------------------------------------------------


def read_log(text: str, name: str) -> Recording:
    """The commands and answers of a log; lines that are neither are passed over, as the echo of a script is.

    Raises:
        UsageError: a command or answer that is no hex; names its line.
    """
    events: list[Recorded] = []
    answer: str | None = None
    for number, line in enumerate(text.splitlines(), 1):
        place = f"{name}, line {number}"
        if line.startswith("> "):
            sent = "".join(line[2:].split()).upper()
            events.append(Recorded("power-on") if sent == "RESET" else Recorded("apdu", _hex(sent, place)))
            answer = None
        elif not events:
            continue
        elif line.startswith("< OK: "):
            atr = _hex("".join(line[6:].split()).upper(), place)
            events[-1] = Recorded("power-on", "", atr)
        elif line.startswith("< ") or answer is not None:
            data, colon, _ = line.removeprefix("< ").partition(" : ")
            answer = (answer or "") + "".join(data.split()).upper()
            if colon:
                events[-1] = Recorded("apdu", events[-1].command, _hex(answer, place))
                answer = None
    return Recording(events=_powered(events))


def write_log(recording: Recording) -> Written:
    """What scriptor would have printed."""
    return Written(lines(_log(recording)), lost_in_text(recording, answers=True, off=False))


def _log(recording: Recording) -> Iterator[str]:
    events = list(_spoken(recording))
    for event in events:
        if event.event == "power-on":
            yield from ("> RESET", f"< OK: {spaced(event.response)} ")
            continue
        yield f"> {spaced(event.command)}"
        if event.response:
            size = 2 * _BYTES_A_LINE
            parts = [spaced(event.response[at : at + size]) for at in range(0, len(event.response), size)]
            meaning = StatusWord(int.from_bytes(event.answer[-2:], "big")).meaning
            yield from (f"{'< ' if not at else ''}{part} " for at, part in enumerate(parts[:-1]))
            yield f"{'< ' if len(parts) == 1 else ''}{parts[-1]} : {meaning}"


# --- both ---------------------------------------------------------------------------------------------------------


def _powered(events: list[Recorded]) -> tuple[Recorded, ...]:
    """The events, with the power-on that scriptor does by itself where they do not begin with one."""
    return (*([Recorded("power-on")] if events and events[0].event != "power-on" else []), *events)


def _spoken(recording: Recording) -> Iterator[Recorded]:
    return (event for event in of_card(recording) if event.event != "power-off")


def _hex(text: str, place: str) -> str:
    if not _HEX.fullmatch(text):
        raise UsageError(f"{place}: bytes in hex were expected: {text[:40]}")
    return text
