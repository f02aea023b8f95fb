"""`cardsim serve`: a card in a reader, until Ctrl-C or as long as a command runs."""

import argparse
import contextlib
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from cardsim.assembly import CardModel, SamModel, copy_of, copy_of_psam, open_card, open_psam
from cardsim.chip.image import ImageError
from cardsim.cli import PROGRAM
from cardsim.cli.trace import open_trace
from cardsim.commandline import Exit, UsageError, image_path
from cardsim.iso7816.card import Card
from cardsim.live.watch import Listener, Watch
from cardsim.reader.errors import ReaderError
from cardsim.reader.vpcd import VpcdConnection
from cardsim.serving import Readers, Served, awaited_end, put_in, run_command, wait_for_end


def serve(asked: argparse.Namespace) -> int:
    """Open the cards, put them into readers, and wait."""
    logging.basicConfig(format=f"{PROGRAM}: %(message)s", level=logging.WARNING)
    # A lost connection is the reason for exit 3 and is said there.
    logging.getLogger(VpcdConnection.__module__).setLevel(logging.ERROR)
    paths = _images(asked)
    with awaited_end() as ending:
        try:
            with contextlib.ExitStack() as stack:
                spoil = _defect(asked.defect, psam=bool(asked.psam))
                card = stack.enter_context(_card(paths[0], asked.seed))
                psams = [stack.enter_context(_psam(path, asked.seed)) for path in paths[1:]]
                spoil(card, *psams)
                cards: list[CardModel | SamModel] = [card, *psams]
                listeners = stack.enter_context(open_trace(asked.trace, paths))
                show_page = _page(stack, asked, cards, paths, listeners)
                watch = Watch(listeners, show=asked.show_secrets)
                served = [Served(card, watch.on_apdu(slot), watch.on_power(slot)) for slot, card in enumerate(cards)]
                readers = put_in(stack, served, via=asked.via, socket=asked.socket)
                show_page(readers)
                status = (
                    run_command(asked.argv, readers, ending) if asked.argv else wait_for_end(readers, ending, PROGRAM)
                )
                readers.check()
                return status
        except ImageError as error:
            raise UsageError(str(error)) from error
        except ReaderError as error:
            sys.stderr.write(f"{PROGRAM}: {error}\n")
            return Exit.UNREACHABLE


def _page(
    stack: contextlib.ExitStack,
    asked: argparse.Namespace,
    cards: Sequence[CardModel | SamModel],
    paths: Sequence[Path],
    listeners: list[Listener],
) -> Callable[[Readers], None]:
    """The page, where it is asked for, listens too; what is returned shows it as soon as there are readers."""
    if asked.page is None:
        return lambda _readers: None
    from cardsim.cli.page import beside_readers, open_page, page_address

    server = stack.enter_context(open_page(page_address(asked.page), cards, paths))
    listeners.append(server.feed)

    def show(readers: Readers) -> None:
        stack.enter_context(beside_readers(server, cards, readers))
        sys.stderr.write(f"{PROGRAM}: the cards are shown at {server.url}\n")
        sys.stderr.flush()

    return show


def _defect(text: str | None, *, psam: bool) -> Callable[..., None]:
    """What puts a named fault into the card that it belongs to; nothing where none is asked for."""
    if text is None:
        return lambda *_cards: None
    from cardsim.defects import DefectError, Side, apply_defect, find_defect

    try:
        defect = find_defect(text)
    except DefectError as error:
        raise UsageError(str(error)) from error
    if defect.side is not Side.PSAM:
        return lambda card, *_psam: apply_defect(card, defect)
    if not psam:
        raise UsageError(f"the defect {defect.name} is one of the PSAM; put one in with --psam")
    return lambda _card, psam: apply_defect(psam, defect)


def _images(asked: argparse.Namespace) -> list[Path]:
    if asked.via == "vpcd" and asked.socket:
        raise UsageError("--socket belongs to --via socket")
    paths = [image_path(asked.image)]
    if asked.psam:
        paths.append(image_path(asked.psam))
        if all(path.exists() for path in paths) and paths[0].samefile(paths[1]):
            raise UsageError(f"{paths[1]} is in slot 0 already; the PSAM is a card of its own")
    return paths


@contextlib.contextmanager
def _card(path: Path, seed: int | None) -> Iterator[CardModel]:
    """A user card's image, opened only if its content makes sense."""
    with open_card(path, seed=seed) as card:
        _try(path, copy_of)
        yield card


@contextlib.contextmanager
def _psam(path: Path, seed: int | None) -> Iterator[SamModel]:
    """A PSAM's image, opened only if its content makes sense."""
    with open_psam(path, seed=seed) as psam:
        _try(path, copy_of_psam)
        yield psam


def _try(path: Path, copy: Callable[[Path], Card]) -> None:
    """Judge an image's content on a copy, so that the file is not touched."""
    try:
        copy(path).power_on()
    except ImageError:
        raise
    except Exception as error:
        raise ImageError(f"{path} is damaged: its card does not start; restore it from a copy") from error
