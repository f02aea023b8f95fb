"""Formats of others for what a recording holds: which there are, and which one a file is in."""

import enum
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from terminal.errors import UsageError
from terminal.links.recording import FORMAT, Recorded, Recording, load_recording, parse_recording
from terminal.recordings.formats import etsi, hexscript, pcapng, scriptor
from terminal.recordings.formats.loss import Written
from terminal.tracing.reader import LogReader


class Format(enum.Enum):
    """The formats, by the words of `--from` and `--to`."""

    RECORDING = "recording"
    HEX = "hex"
    ETSI = "etsi"
    SCRIPTOR = "scriptor"
    SCRIPTOR_LOG = "scriptor-log"
    PCAPNG = "pcapng"
    LOG = "log"


@dataclass(frozen=True, slots=True)
class Codec:
    """How a format is read and written, and the ends of names that stand for it."""

    suffixes: tuple[str, ...]
    read: Callable[[bytes, str], Recording]
    write: Callable[[Recording], Written] | None
    """None: the format is only read."""


def _text(read: Callable[[str, str], Recording]) -> Callable[[bytes, str], Recording]:
    """A reader of text."""

    def of_bytes(content: bytes, name: str) -> Recording:
        try:
            return read(content.decode("utf-8-sig"), name)
        except UnicodeDecodeError as error:
            raise UsageError(f"{name}: not UTF-8 text") from error

    return of_bytes


def _read_log(text: str, name: str) -> Recording:
    """Whatever `cardterm trace` reads: the trace of `cardsim serve`, OpenSC's log, commands and answers in hex."""
    reader = LogReader(name)
    events = [event for line in text.splitlines() for event in reader.feed(line)]
    return Recording(events=_since_the_first((*events, *reader.end())))


def _since_the_first(events: tuple[Recorded, ...]) -> tuple[Recorded, ...]:
    """Events with times that count from the first one; a trace counts from 1970."""
    times = [event.at for event in events if event.at is not None]
    return tuple(event if event.at is None else replace(event, at=event.at - min(times)) for event in events)


def _write_recording(recording: Recording) -> Written:
    return Written("".join(f"{line}\n" for line in recording.lines()).encode())


CODECS: Final = {
    Format.RECORDING: Codec(
        (".jsonl",), _text(lambda text, name: parse_recording(text.splitlines(), name)), _write_recording
    ),
    Format.HEX: Codec((".hex", ".apdu"), _text(hexscript.read), hexscript.write),
    Format.ETSI: Codec((".scr", ".etsi"), _text(etsi.read), etsi.write),
    Format.SCRIPTOR: Codec((".scriptor",), _text(scriptor.read), scriptor.write),
    Format.SCRIPTOR_LOG: Codec((".log",), _text(scriptor.read_log), scriptor.write_log),
    Format.PCAPNG: Codec((".pcapng",), pcapng.read, pcapng.write),
    Format.LOG: Codec((), _text(_read_log), None),
}
"""Every format."""


def format_of_name(path: Path) -> Format | None:
    """The format that the end of a file name stands for."""
    return next((found for found, codec in CODECS.items() if path.suffix.lower() in codec.suffixes), None)


def format_of_content(content: bytes) -> Format:
    """The format of a file, by how it begins; hex script where nothing else is told."""
    if content.startswith(pcapng.MAGIC):
        return Format.PCAPNG
    if content.lstrip()[:1] == b"{":
        return Format.RECORDING if FORMAT.encode() in content.lstrip().partition(b"\n")[0] else Format.LOG
    words = {line.split()[0].upper() for line in content.split(b"\n") if line.split()}
    if words & {b"CMD", b"RST"}:
        return Format.ETSI
    if b">" in words:
        return Format.SCRIPTOR_LOG
    return Format.HEX


def load(path: Path, wanted: Format | None = None) -> Recording:
    """What a file of any format holds.

    Raises:
        UsageError: it cannot be read, or is not of its format.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    found = wanted or format_of_content(content)
    if found is Format.RECORDING:
        return load_recording(path)
    recording = CODECS[found].read(content, str(path))
    if not recording.events:
        as_other = "`cardterm convert --from FORMAT` reads it as another format"
        raise UsageError(f"{path}: no command is in it (read as {found.value}); {as_other}")
    return recording
