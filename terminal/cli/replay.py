"""`cardterm replay`: a recording against a card, or as a card."""

import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cardsim.iso7816.card import Card
from cardsim.keyfile import Holder, KeyFileError, default_keyfile_path, load_keyfile
from terminal.cli.output import Writer, to_json
from terminal.cli.parser import PROGRAM
from terminal.cli.record import serve_cards
from terminal.errors import UsageError
from terminal.links.recording import Recording
from terminal.links.target import GuardedCard, Target, open_target, private_copy, psam_target
from terminal.recordings.answering import RecordedCard
from terminal.recordings.compare import Likeness
from terminal.recordings.formats import load
from terminal.recordings.player import Played, Result, play
from terminal.slots import Slot

_PAINT = {Likeness.DIFFERENT: "red", Likeness.SKIPPED: "yellow", Likeness.FOLLOWS: "yellow", Likeness.ALIKE: "dim"}
_QUIET = (Likeness.SAME, Likeness.UNKNOWN)


def replay_command(arguments: argparse.Namespace) -> int:
    """Run `cardterm replay`; 1 where something differs."""
    recording = load(Path(arguments.file))
    if recording.cut:
        sys.stderr.write(f"{PROGRAM}: {arguments.file} ends in the middle of a line, which is left out\n")
    if arguments.as_card:
        return _as_card(recording, arguments)
    if arguments.argv:
        raise UsageError("a command behind -- belongs to --as-card")
    target, sam = Target(arguments.card, arguments.reader, arguments.seed), psam_target(arguments)
    if not (target.given or sam.given):
        raise UsageError(target.wanted)
    if not any(event.event == "apdu" for event in recording.events):
        raise UsageError(f"{arguments.file} holds no command, so that there is nothing to replay")
    writer = Writer()

    def tell(played: Played) -> None:
        if not arguments.json and (arguments.verbose or played.likeness not in _QUIET):
            for line in _lines(played):
                writer.line(writer.paint(line, _PAINT[played.likeness]) if played.likeness in _PAINT else line)

    with contextlib.ExitStack() as stack:
        cards = {
            one.slot: stack.enter_context(_opened(one, write=arguments.write)) for one in (target, sam) if one.given
        }
        result = play(recording, cards, strict=arguments.strict, holder=_holder(arguments, target), tell=tell)
    if arguments.json:
        writer.line(to_json(_document(arguments, recording, result), indent=2))
    else:
        for line in _summary(result):
            writer.line(line)
    return 0 if result.passed else 1


@contextlib.contextmanager
def _opened(target: Target, *, write: bool) -> Iterator[Card]:
    """The card of a target; of an image a private copy, unless it is to be written."""
    if write or target.image is None:
        with open_target(target) as card:
            yield card
    else:
        yield GuardedCard(private_copy(target.image, target.seed, target.slot))


def _holder(arguments: argparse.Namespace, target: Target) -> Holder | None:
    """Who knows the PINs: the holder of the key file that is named, or of the one beside the image."""
    path = None if arguments.keys is None else Path(arguments.keys)
    if path is None:
        beside = None if target.image is None else default_keyfile_path(target.image)
        if beside is None or not beside.exists():
            return None
        path = beside
    try:
        return load_keyfile(path).holder
    except KeyFileError as error:
        raise UsageError(str(error)) from error


# --- as a card ----------------------------------------------------------------------------------------------------


def _as_card(recording: Recording, arguments: argparse.Namespace) -> int:
    if arguments.card or arguments.reader or arguments.psam or arguments.psam_reader:
        raise UsageError("--as-card puts the recorded card into the reader; it takes no other one")
    if arguments.json:
        raise UsageError("--json belongs to a replay against a card; with --as-card standard output is the command's")

    def tell(text: str) -> None:
        sys.stderr.write(f"{PROGRAM}: {text}\n")

    slots = recording.slots or (Slot.CARD,)
    if Slot.CARD not in slots:
        raise UsageError(f"{arguments.file} has no commands for a card, only for a PSAM")
    cards = [RecordedCard(recording, slot, strict=arguments.strict, tell=tell) for slot in slots]
    status = serve_cards(cards, arguments)
    received, deviations = sum(card.received for card in cards), sum(card.deviations for card in cards)
    left = sum(card.left for card in cards)
    tell(f"{received} commands, {deviations} of them not as recorded; {left} recorded ones did not come")
    return 1 if arguments.strict and (deviations or left) and status == 0 else status


# --- output -------------------------------------------------------------------------------------------------------


def _lines(played: Played) -> Iterator[str]:
    event = played.event
    slot = "" if event.slot is Slot.CARD else f" ({event.slot.name.lower()})"
    place = f"command {played.number}" if played.number else event.event
    hex_text = f" {event.command}" if event.command else ""
    yield f"{place}{slot}: {played.name + hex_text if event.command else ''}".rstrip(": ")
    if played.words:
        yield f"  {played.likeness.value}: {played.words}"


def _summary(result: Result) -> Iterator[str]:
    counts = result.counts
    listed = ", ".join(f"{counts[likeness]} {likeness.value}" for likeness in Likeness if counts[likeness])
    yield f"{result.commands} command{'s' if result.commands != 1 else ''}{': ' if listed else ''}{listed}"
    if counts[Likeness.FOLLOWS]:
        yield "What is not comparable builds on random numbers of the card; the same image and --seed draw them again."
    first = result.first
    if first is not None:
        where = f"command {first.number}, {first.name}" if first.number else first.name
        yield f"Replay: FAILED — the first difference is at {where}: {first.words}"
    else:
        left = counts[Likeness.FOLLOWS] + counts[Likeness.SKIPPED] + counts[Likeness.UNKNOWN]
        yield "Replay: PASSED" + (
            f" — but for {left} command{'s' if left != 1 else ''} that could not be compared" if left else ""
        )


def _document(arguments: argparse.Namespace, recording: Recording, result: Result) -> dict[str, Any]:
    return {
        "format": "cardterm-replay",
        "version": 1,
        "verdict": "passed" if result.passed else "failed",
        "recording": arguments.file,
        "program": recording.head.program,
        "strict": arguments.strict,
        "commands": result.commands,
        "counts": {likeness.name.lower(): result.counts[likeness] for likeness in Likeness},
        "noted": [_noted(played) for played in result.noted],
    }


def _noted(played: Played) -> dict[str, Any]:
    event = played.event
    return {
        "number": played.number,
        "slot": event.slot.name.lower(),
        "name": played.name,
        "command": event.command,
        "recorded": event.response,
        "answer": played.answer.hex().upper(),
        "likeness": played.likeness.name.lower(),
        "words": played.words,
    }
