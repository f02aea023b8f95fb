"""What a page is told of cards and readers besides the exchange."""

import json
import threading
from typing import Any

from cardsim.assembly import CardModel
from cardsim.cli.page import reader_views
from cardsim.inspection import inspect_model
from cardsim.live.feed import Feed
from cardsim.live.state import ReaderView
from cardsim.live.view import View
from cardsim.reader.slot import Slot
from cardsim.serving import Readers
from tests import cards
from tests.cards import Bench

SHARED, EXCLUSIVE, T0 = 2, 1, 1
LEAVE, UNPOWER = 0, 2


def topics(feed: Feed, since: int = 0) -> tuple[int, dict[str, Any]]:
    version, found = feed.topics(since)
    return version, {name: json.loads(text) for name, text in found.items()}


def view_of(feed: Feed, model: CardModel) -> View:
    return View(feed, [model], [lambda: ReaderView("reader")], lambda: True)


def tries(content: dict[str, Any]) -> int:
    """Tries of the PIN of SSSE."""
    (left,) = [key["tries"] for key in content["environments"][0]["keys"] if key["use"] == "pin"]
    assert isinstance(left, int)
    return left


def test_content_is_told_again_when_it_has_changed(bench: Bench) -> None:
    feed = Feed([])
    view = view_of(feed, bench.model)
    view.look()
    version, first = topics(feed)
    assert set(first) == {"card0", "reader0"}
    bench.ssse()
    view.look()
    assert topics(feed, version) == (version, {})
    bench.x("0020000003999999")
    view.look()
    _, second = topics(feed, version)
    assert set(second) == {"card0"}
    assert tries(second["card0"]) == tries(first["card0"]) - 1


def test_looking_changes_nothing(bench: Bench) -> None:
    bench.ssse()
    before, wear = bench.model.snapshot(), list(bench.model.eeprom.wear)
    view_of(Feed([]), bench.model).look()
    assert (bench.model.snapshot(), list(bench.model.eeprom.wear)) == (before, wear)


def test_content_that_cannot_be_read_is_said() -> None:
    model = cards.card(on=False).model
    for page in range(40, 64):
        model.eeprom.program(page * 64, b"\x5a" * 64)
    feed = Feed([])
    view_of(feed, model).look()
    assert "cannot be read" in topics(feed)[1]["card0"]["error"]


def test_a_copy_is_whole_while_the_card_writes() -> None:
    """Taken at any moment of a command it is what a power cut would have left: it can be read, and has one value."""
    bench = cards.card()
    bench.ssse()
    done = threading.Event()

    def write() -> None:
        for _ in range(60):
            for pin in ("999999", cards.PIN):
                bench.model.transmit(bytes.fromhex(f"0020000003{pin}"))
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not done.is_set():
        pins = [key.tries for key in inspect_model(bench.model).environments[0].keys if key.use == "pin"]
        seen.update(pins)
    writer.join()
    assert seen <= {5, 6}


def test_our_own_reader(bench: Bench) -> None:
    slot = Slot("reader", bench.model)
    (look,) = reader_views(Readers({}, ("reader",), (slot,)), [bench.model])
    assert look() == ReaderView("reader", powered=True, clients=0)
    for handle in (1, 2):
        slot.connect(handle, SHARED, T0)
    assert look() == ReaderView("reader", powered=True, clients=2)
    for handle in (1, 2):
        slot.disconnect(handle, LEAVE)
    slot.connect(3, EXCLUSIVE, T0)
    assert look() == ReaderView("reader", powered=True, clients=1, exclusive=True)
    slot.disconnect(3, UNPOWER)
    assert not look().powered


def test_the_reader_of_pcscd(bench: Bench) -> None:
    (look,) = reader_views(Readers({}, ("Virtual PCD 00 00",)), [bench.model])
    assert look() == ReaderView("Virtual PCD 00 00", powered=True, clients=None)
    bench.model.power_off()
    assert not look().powered


def test_nobody_looks_unless_somebody_watches(bench: Bench) -> None:
    """And when it has stopped, nobody does either."""
    feed, looks, watched = Feed([]), threading.Semaphore(0), threading.Event()

    def reader() -> ReaderView:
        looks.release()
        return ReaderView("reader")

    view = View(feed, [bench.model], [reader], watched.is_set, every=0.01)
    view.start()
    assert not looks.acquire(timeout=0.1)
    watched.set()
    assert looks.acquire(timeout=10)
    view.stop()
    while looks.acquire(blocking=False):
        continue
    assert not looks.acquire(timeout=0.1)
