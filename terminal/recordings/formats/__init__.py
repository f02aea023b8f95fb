"""Formats of others for what a recording holds: which there are, and which one a file is in."""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from terminal.errors import UsageError
from terminal.links.recording import FORMAT, Recording, load_recording, parse_recording
from terminal.recordings.formats import etsi, hexscript, pcapng, scriptor
from terminal.recordings.formats.loss import Written


class Format(enum.Enum):
    """The formats, by the words of `--from` and `--to`."""

    RECORDING = "recording"
    HEX = "hex"
    ETSI = "etsi"
    SCRIPTOR = "scriptor"
    SCRIPTOR_LOG = "scriptor-log"
    PCAPNG = "pcapng"


@dataclass(frozen=True, slots=True)
class Codec:
    """How a format is read and written, and the ends of names that stand for it."""

    suffixes: tuple[str, ...]
    read: Callable[[bytes, str], Recording]
    write: Callable[[Recording], Written]


def _text(read: Callable[[str, str], Recording]) -> Callable[[bytes, str], Recording]:
    """A reader of text."""

    def of_bytes(content: bytes, name: str) -> Recording:
        try:
            return read(content.decode("utf-8-sig"), name)
        except UnicodeDecodeError as error:
            raise UsageError(f"{name}: not UTF-8 text") from error

    return of_bytes


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
}
"""Every format."""


def format_of_name(path: Path) -> Format | None:
    """The format that the end of a file name stands for."""
    return next((found for found, codec in CODECS.items() if path.suffix.lower() in codec.suffixes), None)


def format_of_content(content: bytes) -> Format:
    """The format of a file, by how it begins; hex script where nothing else is told."""
    if content.startswith(pcapng.MAGIC):
        return Format.PCAPNG
    if content.lstrip()[:1] == b"{" and FORMAT.encode() in content.partition(b"\n")[0]:
        return Format.RECORDING
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
        raise UsageError(f"{path}: no command is in it (read as {found.value}); name its format with --from")
    return recording
