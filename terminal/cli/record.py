"""`cardterm record`: a card in a reader of our own, and a transcript of everything that passes."""

import argparse
import contextlib
import logging
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from cardsim.commandline import UsageError as CommandError
from cardsim.iso7816.card import Card
from cardsim.reader.errors import ReaderError
from cardsim.serving import Served, awaited_end, put_in, run_command, wait_for_end
from terminal.cli.parser import PROGRAM
from terminal.errors import LinkError, UsageError, output_path
from terminal.links.recording import Head
from terminal.links.target import Target, open_target, psam_target
from terminal.recordings.writing import TappedCard, Transcriber


def record_command(arguments: argparse.Namespace) -> int:
    """Run `cardterm record`; the status of the command that used the card, if there was one."""
    target, sam = Target(arguments.card, arguments.reader, arguments.seed), psam_target(arguments)
    path = output_path(arguments.file, arguments.card, sam.card)
    # The name alone: its words may hold a PIN.
    program = Path(arguments.argv[0]).name if arguments.argv else ""
    head = Head(program, target.name, sam.name if sam.given else "", datetime.now(UTC), arguments.seed)
    with contextlib.ExitStack() as stack:
        opened = [(one.slot, stack.enter_context(open_target(one))) for one in (target, sam) if one.given]
        transcriber = Transcriber(stack.enter_context(_created(path)), head, show_secrets=arguments.show_secrets)
        cards = [transcriber.around(card, slot) for slot, card in opened]
        for card in cards:
            stack.callback(_power_off, card)
        status = serve_cards(cards, arguments)
    lost = next((card.lost for card in cards if card.lost is not None), None)
    if lost is not None:
        raise lost
    if transcriber.problem:
        return 2
    sys.stderr.write(f"{PROGRAM}: {path}: {transcriber.commands} commands\n")
    return status


def serve_cards(cards: Sequence[Card], arguments: argparse.Namespace) -> int:
    """Put cards into readers, for the command behind `--` or until Ctrl-C; the command's status.

    Raises:
        UsageError: the socket or the command cannot be used.
        LinkError: vpcd is not reached, or went away.
    """
    if arguments.via == "vpcd" and arguments.socket:
        raise UsageError("--socket belongs to --via socket")
    # A card that is lost is the reason for exit 3 and is said there, without where it came from.
    logging.getLogger("cardsim.reader").setLevel(logging.CRITICAL)
    with awaited_end() as ending:
        try:
            with contextlib.ExitStack() as stack:
                served = [Served(card) for card in cards]
                readers = put_in(stack, served, via=arguments.via, socket=arguments.socket)
                status = (
                    run_command(arguments.argv, readers, ending)
                    if arguments.argv
                    else wait_for_end(readers, ending, PROGRAM)
                )
                readers.check()
                return status
        except CommandError as error:
            raise UsageError(str(error)) from error
        except ReaderError as error:
            raise LinkError(str(error)) from error


def _power_off(card: TappedCard) -> None:
    with contextlib.suppress(LinkError):  # kept in `lost`
        card.power_off()


@contextlib.contextmanager
def _created(path: Path) -> Iterator[TextIO]:
    try:
        file = path.open("w", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: the recording cannot be written: {error.strerror}") from error
    try:
        yield file
    finally:
        with contextlib.suppress(OSError):  # said when it happened
            file.close()
