"""What pages are told: all of it, or how much is missing; and the reader never waits for one."""

import json
import threading

import pytest

from cardsim.decode import Environment
from cardsim.decode.decoder import Decoded, Decoder
from cardsim.decode.observed import Observed
from cardsim.live.feed import BATCH, Feed, SessionView
from cardsim.live.state import OFF, ReaderView, SecurityState
from cardsim.reader.trace import PowerEvent

READ = bytes.fromhex("00B2012C00")
VERIFY = bytes.fromhex("0020000003123456")


def told(command: bytes = READ, answer: bytes = b"\x6a\x83") -> Decoded:
    decoder = Decoder(Environment.CARD)
    decoder.reset()
    return decoder.exchange(command, answer)


def filled(count: int, size: int = 10) -> Feed:
    feed = Feed([lambda: OFF], size=size)
    for number in range(count):
        feed.exchanged(0, told(), float(number), 0.0)
    return feed


def seconds(feed: Feed, start: int) -> tuple[list[float], int, int]:
    news = feed.after(start)
    return [json.loads(entry.text())["seconds"] for entry in news.entries], news.next, news.missed


def test_a_page_reads_on_where_it_stopped() -> None:
    feed = filled(3)
    assert seconds(feed, 0) == ([0, 1, 2], 3, 0)
    assert seconds(feed, 2) == ([2], 3, 0)
    assert seconds(feed, 3) == ([], 3, 0)


def test_what_the_ring_has_lost_is_counted() -> None:
    feed = filled(25)
    assert feed.oldest == 15
    assert seconds(feed, 0) == ([float(number) for number in range(15, 25)], 25, 15)
    assert seconds(feed, 20)[2] == 0


def test_a_number_of_another_time_begins_at_the_end() -> None:
    assert seconds(filled(3), 99) == ([], 3, 0)


def test_a_message_has_its_limit() -> None:
    feed = filled(BATCH + 5, size=1000)
    numbers, after, missed = seconds(feed, 0)
    assert (len(numbers), after, missed) == (BATCH, BATCH, 0)
    assert len(seconds(feed, after)[0]) == 5


def test_an_entry_in_words() -> None:
    feed = Feed([lambda: OFF])
    feed.power(0, PowerEvent.RESET, b"\x3b\x00", 12.5)
    feed.exchanged(0, told(VERIFY, b"\x90\x00"), 0.25, 13.0)
    power, exchange = (json.loads(entry.text()) for entry in feed.after(0).entries)
    assert power == {"slot": 0, "at": 12.5, "event": "reset", "atr": "3B00"}
    assert (exchange["event"], exchange["name"], exchange["seconds"]) == ("apdu", "VERIFY", 0.25)
    assert exchange["command"] == "0020000003******"


def test_topics_are_told_when_they_change() -> None:
    feed = Feed([])
    reader = ReaderView("reader", powered=True, clients=1)
    feed.put("reader0", reader)
    version, topics = feed.topics(0)
    assert {name: json.loads(text) for name, text in topics.items()} == {
        "reader0": {"name": "reader", "powered": True, "clients": 1, "exclusive": False}
    }
    feed.put("reader0", ReaderView("reader", powered=True, clients=1))
    assert feed.topics(version) == (version, {})
    feed.put("reader0", ReaderView("reader", powered=True, clients=2))
    assert list(feed.topics(version)[1]) == ["reader0"]


def test_a_session_from_both_sides() -> None:
    outside = Observed(
        True, Environment.SSSE, bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF"), 0xEF05, frozenset({0, 0x0A}), pin=True
    )
    document = SessionView(SecurityState(powered=True), outside).document()
    assert document["outside"] == {
        "powered": True, "environment": "ssse", "application": "sx1.sh.社会保障", "file": "EF05",
        "proved": ("master key", "key 0A"), "pin": True, "challenge": False, "stage": "", "blocked": False,
    }  # fmt: skip
    assert isinstance(document["card"], dict)
    assert set(document["card"]) == set(document["outside"])


@pytest.mark.parametrize("pages", [1, 4])
def test_pages_read_while_readers_write(pages: int) -> None:
    """Every entry reaches every page once, in order, or is counted as missed."""
    feed, total, done = Feed([lambda: OFF, lambda: OFF], size=300), 4000, threading.Event()
    found: list[tuple[int, int]] = []
    one = told()

    def page() -> None:
        place = missed = count = 0
        while True:
            ended = done.is_set()
            news = feed.after(place)
            assert news.next == place + news.missed + len(news.entries)
            place, missed, count = news.next, missed + news.missed, count + len(news.entries)
            if ended and not news.entries:
                break
        found.append((count + missed, missed))

    def write(slot: int) -> None:
        for _ in range(total // 2):
            feed.exchanged(slot, one, 0.0, 0.0)

    readers = [threading.Thread(target=write, args=(slot,)) for slot in (0, 1)]
    threads = [threading.Thread(target=page) for _ in range(pages)]
    for thread in (*threads, *readers):
        thread.start()
    for thread in readers:
        thread.join()
    done.set()
    for thread in threads:
        thread.join()
    assert [count for count, _ in found] == [total] * pages


def test_a_page_that_stands_still_costs_no_memory() -> None:
    """The ring turns over, and nothing grows."""
    feed = filled(0, size=50)
    news = feed.after(0)
    for _ in range(1000):
        feed.exchanged(0, told(), 0.0, 0.0)
    late = feed.after(news.next)
    assert (len(late.entries), late.missed) == (50, 950)
