"""`cardterm trace`: a log of a card session in words."""

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from cardsim.decode import Environment
from cardsim.decode.decoder import Decoder
from cardsim.decode.documents import exchange_data, state_data
from terminal.cli.decoded import atr_in_words, exchange_lines
from terminal.cli.output import Writer, to_json
from terminal.errors import UsageError
from terminal.links.recording import Recorded
from terminal.slots import Slot
from terminal.tracing.reader import LogReader

_PAUSE: Final = 0.1
"""Seconds between two looks at a file that grows."""
INTERRUPTED: Final = 130


def trace_command(arguments: argparse.Namespace) -> int:
    """Run `cardterm trace`.

    Raises:
        UsageError: the file cannot be read, or has no APDU in it.
    """
    teller = _Teller(arguments)
    reader = LogReader("standard input" if arguments.file == "-" else arguments.file)
    try:
        for line in _lines(arguments.file, follow=arguments.follow):
            for event in reader.feed(line):
                teller.tell(event)
    except KeyboardInterrupt:
        return INTERRUPTED
    for event in reader.end():
        teller.tell(event)
    if not teller.told:
        raise UsageError(
            f"{arguments.file}: there is no APDU in it; a recording, a trace or a log with APDUs in hex is wanted"
        )
    return 0


def _lines(name: str, *, follow: bool) -> Iterator[str]:
    """The lines of a file, or of standard input; of a file that grows those that come, too."""
    if name == "-":
        if hasattr(sys.stdin, "reconfigure"):
            sys.stdin.reconfigure(errors="replace")
        yield from sys.stdin
        return
    try:
        with Path(name).open(encoding="utf-8", errors="replace") as file:
            yield from _growing(file) if follow else file
    except OSError as error:
        raise UsageError(f"{name}: cannot be read: {error.strerror}") from error


def _growing(file: IO[str]) -> Iterator[str]:
    """Whole lines, as they come."""
    begun = ""
    while True:
        part = file.readline()
        begun += part
        if begun.endswith("\n"):
            yield begun
            begun = ""
        elif not part:
            time.sleep(_PAUSE)


class _Teller:
    """Tells events, each slot with its own card."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._writer = Writer()
        self._json: bool = arguments.json
        homes = {Slot.CARD: Environment.PSAM if arguments.psam else Environment.CARD, Slot.PSAM: Environment.PSAM}
        self._decoders = {slot: Decoder(home, show_secrets=arguments.show_secrets) for slot, home in homes.items()}
        self.told = 0

    def tell(self, event: Recorded) -> None:
        """One event."""
        self.told += 1
        decoder = self._decoders[event.slot]
        if event.event == "apdu":
            self._exchange(event, decoder)
            return
        decoder.reset(powered=event.event == "power-on")
        if self._json:
            self._write(event, {"atr": event.response, "after": state_data(decoder.state)})
            return
        card = "PSAM" if event.slot is Slot.PSAM else "Card"
        atr = atr_in_words(bytes.fromhex(event.response))
        word = {"power-on": "powered on", "power-off": "powered off"}[event.event]
        self._writer.line(self._writer.paint(f"{card} {word}", "bold") + (f"   ATR {atr}" if atr else ""))

    def _exchange(self, event: Recorded, decoder: Decoder) -> None:
        command = bytes.fromhex(event.command.replace("**", "00"))
        one = decoder.exchange(command, event.answer, event.command)
        if self._json:
            times = {"at": event.at, "seconds": event.seconds}
            self._write(event, exchange_data(one) | {name: time for name, time in times.items() if time is not None})
            return
        for line in exchange_lines(one, self._writer, seconds=event.seconds):
            self._writer.line(line)

    def _write(self, event: Recorded, content: dict[str, object]) -> None:
        head = {"format": "cardterm-trace", "version": 1, "verdict": "passed"}
        self._writer.line(to_json(head | {"event": event.event, "slot": event.slot.name.lower()} | content))
