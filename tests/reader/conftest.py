"""A service with two readers, a card in the first."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cardsim.reader.pcsc.server import PcscServer
from cardsim.reader.slot import Slot, reader_name
from tests.reader.client import Client
from tests.reader.fakes import EchoCard

READER, EMPTY = reader_name(0), reader_name(1)


@pytest.fixture
def card() -> EchoCard:
    return EchoCard()


@pytest.fixture
def server(card: EchoCard) -> Iterator[PcscServer]:
    with PcscServer([Slot(READER, card), Slot(EMPTY)]) as running:
        yield running


@pytest.fixture
def path(server: PcscServer) -> Path:
    return server.path


@pytest.fixture
def join(path: Path) -> Iterator[Callable[[], Client]]:
    """Makes clients with a context."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(Client(path)).establish()
