r"""Scripts of the SIM test specifications: `CMD command [data] (status)` (3GPP TS 51.013 and ETSI TS 101 955, annex B).

    REM   a comment
    RST
    CMD 00 A4 00 00 02 \
     3F 00 (61 XX, 90 00)
    CMD 00 B0 00 00 02 [12 XX] (90 00)
    OFF

`XX` is not checked. Without `[…]` no data are checked, without `(…)` no status word is.
"""

import re
from collections.abc import Iterator
from typing import Final

from terminal.errors import UsageError
from terminal.links.recording import Recorded, Recording
from terminal.recordings.formats.loss import Written, lines, lost_in_text, of_card, spaced

_BYTES_A_LINE: Final = 16
_ATR: Final = "ATR "
"""Behind REM: the answer of the reset that follows; a comment of our own, for RST has no place for it."""
_CMD: Final = re.compile(r"(?P<command>[^\[(]*)(?:\[(?P<data>[^\]]*)\])?\s*(?:\((?P<status>[^)]*)\))?")
_HEX: Final = re.compile(r"(?:[0-9A-F]{2})+")
_PATTERN: Final = re.compile(r"(?:[0-9A-FX]{2})*")
_WITH_DATA: Final = re.compile(r"[9X][0X]|6[2X]")
"""Status words behind which data may stand."""
_HEADER: Final = 5


def read(text: str, name: str) -> Recording:
    """The commands of a script, and the answers that it expects. INI (a terminal profile of SIM cards) is refused.

    Where a script allows several status words the first one is taken; a half byte that is not checked is a whole one.

    Raises:
        UsageError: a statement that is not of the syntax; names its line.
    """
    events: list[Recorded] = []
    atr = ""
    for number, statement in _statements(text):
        word, _, rest = statement.partition(" ")
        match word.upper():
            case "REM":
                hexed = rest.strip().removeprefix(_ATR).replace(" ", "")
                atr = hexed if rest.strip().startswith(_ATR) and _HEX.fullmatch(hexed) else atr
            case "RST":
                events.append(Recorded("power-on", "", atr))
                atr = ""
            case "OFF":
                events.append(Recorded("power-off"))
            case "CMD":
                events.append(_command(rest, f"{name}, line {number}"))
            case _:
                raise UsageError(f"{name}, line {number}: {word[:20]} is not one of CMD, RST, OFF, REM")
    return Recording(events=tuple(events))


def _statements(text: str) -> Iterator[tuple[int, str]]:
    r"""Statements with the number of their first line; `\` at the end of a line goes on in the next one."""
    begun, parts = 0, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        begun = begun if parts else number
        part = line.strip()
        goes_on = part.endswith("\\")
        parts.append(part.removesuffix("\\").strip())
        if not goes_on:
            statement = " ".join(filter(None, parts))
            if statement:
                yield begun, statement.replace("\t", " ")
            parts = []
    if any(parts):
        yield begun, " ".join(filter(None, parts))


def _command(text: str, place: str) -> Recorded:
    found = _CMD.fullmatch(text)
    squeezed = {
        key: "".join((value or "").split()).upper() for key, value in (found.groupdict() if found else {}).items()
    }
    command = squeezed.get("command", "")
    if found is None or not _HEX.fullmatch(command) or len(command) < 2 * (_HEADER - 1):
        raise UsageError(f"{place}: write it as CMD COMMAND [DATA] (STATUS), in hex")
    status = squeezed["status"].split(",")[0]
    if not _PATTERN.fullmatch(squeezed["data"]) or not (_PATTERN.fullmatch(status) and len(status) in (0, 4)):
        raise UsageError(f"{place}: [DATA] and (STATUS) are bytes in hex, or XX for one that is not checked")
    if not status and not squeezed["data"]:
        return Recorded("apdu", command)
    data = squeezed["data"] or _unchecked(command, status, stated=found["data"] is not None)
    answer = data + (status or "XXXX")
    pairs = (answer[at : at + 2] for at in range(0, len(answer), 2))
    return Recorded("apdu", command, "".join("**" if "X" in pair else pair for pair in pairs))


def _unchecked(command: str, status: str, *, stated: bool) -> str:
    """The data of an answer of which none are checked: as many as a case 2 command asks for, if it went well."""
    wanted = int(command[8:10] or "0", 16)
    asks = len(command) == 2 * _HEADER and (wanted or stated)
    return "XX" * (wanted or 256) if asks and _WITH_DATA.match(status) else ""


def write(recording: Recording) -> Written:
    """The commands with the answers that came as the expected ones."""
    return Written(lines(_lines(recording)), lost_in_text(recording, answers=True))


def _lines(recording: Recording) -> Iterator[str]:
    for event in of_card(recording):
        match event.event:
            case "power-on":
                if event.response:
                    yield f"REM {_ATR}{spaced(event.response)}"
                yield "RST"
            case "power-off":
                yield "OFF"
            case _:
                yield from _wrapped(event)


def _wrapped(event: Recorded) -> Iterator[str]:
    r"""A command: the header in one line, data and expected data in lines of 16 bytes (annex B.4)."""
    head, body = event.command[: 2 * _HEADER], event.command[2 * _HEADER :]
    answer = event.response.replace("*", "X")
    parts = [f"CMD {spaced(head)}", *(f" {spaced(part)}" for part in _groups(body))]
    if answer[:-4]:
        groups = [spaced(part) for part in _groups(answer[:-4])]
        parts += [f" [{groups[0]}", *(f"  {group}" for group in groups[1:])]
        parts[-1] += "]"
    if answer:
        parts.append(f" ({spaced(answer[-4:])})")
    yield from (f"{part} \\" for part in parts[:-1])
    yield parts[-1]


def _groups(text: str) -> list[str]:
    return [text[at : at + 2 * _BYTES_A_LINE] for at in range(0, len(text), 2 * _BYTES_A_LINE)]
