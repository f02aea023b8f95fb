"""`cardterm convert`: a recording from one format into another."""

import argparse
import sys
from pathlib import Path

from terminal.cli.parser import PROGRAM
from terminal.errors import UsageError, output_path
from terminal.recordings.formats import CODECS, Format, format_of_name, load


def convert_command(arguments: argparse.Namespace) -> int:
    """Run `cardterm convert`. What the new format cannot hold is said in one sentence."""
    source = Path(arguments.source)
    recording = load(source, None if arguments.from_ is None else Format(arguments.from_))
    if recording.cut:
        sys.stderr.write(f"{PROGRAM}: {source} ends in the middle of a line, which is left out\n")
    to_stdout = arguments.target == "-"
    wanted = Format(arguments.to) if arguments.to is not None else format_of_name(Path(arguments.target))
    if wanted is None:
        names = ", ".join(f"{codec.suffixes[0]} {found.value}" for found, codec in CODECS.items() if codec.suffixes)
        raise UsageError(f"{arguments.target}: name the format with --to, or by the end of the name: {names}")
    write = CODECS[wanted].write
    assert write is not None, "--to and the names offer no format that is only read"
    written = write(recording)
    if to_stdout:
        if wanted is Format.PCAPNG:
            sys.stdout.buffer.write(written.content)
        else:
            sys.stdout.write(written.content.decode())
        sys.stdout.flush()
    else:
        path = output_path(arguments.target, arguments.source)
        try:
            path.write_bytes(written.content)
        except OSError as error:
            raise UsageError(f"{path}: cannot be written: {error.strerror}") from error
    if written.lost:
        sys.stderr.write(f"{PROGRAM}: {wanted.value} cannot hold: {', '.join(written.lost)}\n")
    return 0
