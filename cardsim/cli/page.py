"""`cardsim serve --page`: the page in the browser, beside the readers whose cards it shows."""

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from cardsim.assembly import CardModel, SamModel
from cardsim.commandline import UsageError
from cardsim.live.feed import Feed
from cardsim.live.server import Address, AddressError, PageServer
from cardsim.live.state import ReaderView, security_state
from cardsim.live.view import View
from cardsim.reader.codes import ReaderFlag
from cardsim.reader.errors import ReaderError
from cardsim.reader.slot import Slot
from cardsim.serving import Readers


def page_address(text: str) -> Address:
    """What --page was given.

    Raises:
        UsageError: no address of this machine.
    """
    try:
        return Address.parse(text)
    except AddressError as error:
        raise UsageError(f"--page: {error}") from error


@contextlib.contextmanager
def open_page(address: Address, cards: Sequence[CardModel | SamModel], images: Sequence[Path]) -> Iterator[PageServer]:
    """A page for these cards: its feed listens from now on, it is served as soon as `beside_readers` says so.

    Raises:
        UsageError: it cannot be served at this address.
    """
    feed = Feed([functools.partial(security_state, card) for card in cards])
    try:
        server = PageServer(feed, tuple(path.name for path in images), address)
    except ReaderError as error:
        raise UsageError(str(error)) from error
    with server:
        yield server


@contextlib.contextmanager
def beside_readers(server: PageServer, cards: Sequence[CardModel | SamModel], readers: Readers) -> Iterator[None]:
    """Show the content of the cards and the state of their readers, until the cards are taken out."""
    view = View(server.feed, cards, reader_views(readers, cards), lambda: server.watched)
    view.start()
    try:
        yield
    finally:
        view.stop()


def reader_views(readers: Readers, cards: Sequence[CardModel | SamModel]) -> list[Callable[[], ReaderView]]:
    """What asks how each reader is: our own knows its clients, that of pcscd tells a card nothing but its power."""
    if readers.slots:
        return [functools.partial(_slot_view, slot) for slot in readers.slots]
    return [functools.partial(_vpcd_view, name, card) for name, card in zip(readers.names, cards, strict=True)]


def _slot_view(slot: Slot) -> ReaderView:
    state = slot.state
    powered, exclusive = bool(state.flags & ReaderFlag.POWERED), state.sharing < 0
    return ReaderView(state.name, powered, 1 if exclusive else state.sharing, exclusive)


def _vpcd_view(name: str, card: CardModel | SamModel) -> ReaderView:
    return ReaderView(name, card.os.powered)
