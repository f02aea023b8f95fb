"""What a page is told: the latest exchanges in a bounded ring, and the latest value of each topic.

The reader writes and never waits for a page: a page that reads too slowly finds the ring turned over, and is told how
much it has missed. JSON is written when a page asks for an entry, on the page's thread, and once.
"""

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from cardsim.decode.decoder import Decoded
from cardsim.decode.documents import exchange_data
from cardsim.decode.observed import Observed, Stage
from cardsim.inspection import CardInfo, df_name_text
from cardsim.live.state import ReaderView, SecurityState
from cardsim.live.watch import EVENT_NAMES, HOMES
from cardsim.reader.trace import PowerEvent

RING: Final = 5000
"""Entries that are kept; a page that comes late sees as many."""
BATCH: Final = 200
"""Entries of one message."""

State = Callable[[], SecurityState]


@dataclass(frozen=True, slots=True)
class SessionView:
    """One session twice: what the card knows, and what is known of it from outside."""

    card: SecurityState
    outside: Observed

    def document(self) -> dict[str, object]:
        """Both as JSON objects of the same form."""
        seen = self.outside
        outside = SecurityState(
            powered=seen.powered,
            environment=seen.environment.value,
            application=df_name_text(seen.application),
            file=f"{seen.file:04X}" if seen.file else "",
            proved=tuple(f"key {key:02X}" if key else "master key" for key in sorted(seen.proved)),
            pin=seen.pin,
            challenge=seen.challenge,
            stage="" if seen.stage is Stage.NONE else seen.stage.value,
            blocked=seen.blocked,
        )
        return {"card": asdict(self.card), "outside": asdict(outside)}


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A card whose content cannot be read."""

    error: str


Topic = SessionView | CardInfo | ReaderView | Unreadable


class Entry:
    """One exchange or power event."""

    __slots__ = ("_content", "_one", "_text")

    def __init__(self, content: dict[str, object], one: Decoded | None) -> None:
        self._content = content
        self._one = one
        self._text = ""

    def text(self) -> str:
        """The entry as a JSON object, written when it is asked for, and once."""
        if not self._text:
            more = {} if self._one is None else exchange_data(self._one)
            self._text = json.dumps({**self._content, **more})
        return self._text


@dataclass(frozen=True, slots=True)
class News:
    """Entries from a number on, and what a page that read to there has missed."""

    entries: list[Entry]
    next: int
    """Number of the first entry that is not among them."""
    missed: int


class Feed:
    """Listens to readers (`cardsim.live.watch.Listener`) and is read by pages.

    Args:
        states: reads the security state of the card in each slot.
        size: entries that are kept.
    """

    what = "the page"

    def __init__(self, states: Sequence[State], *, size: int = RING) -> None:
        self._states = states
        self._ring: list[Entry | None] = [None] * size
        self._count = 0
        self._lock = threading.Lock()
        self._topics: dict[str, tuple[int, Topic]] = {}
        self._version = 0

    # --- the reader's side -------------------------------------------------------------------------------------

    def exchanged(self, slot: int, one: Decoded, seconds: float, at: float) -> None:
        """An exchange, and the state that it left the card in."""
        content: dict[str, object] = {"slot": slot, "at": at, "event": "apdu", "seconds": seconds}
        self._add(Entry(content, one))
        self._put_state(slot, one.after)

    def power(self, slot: int, event: PowerEvent, atr: bytes, at: float) -> None:
        """A power event."""
        content: dict[str, object] = {"slot": slot, "at": at, "event": EVENT_NAMES[event], "atr": atr.hex().upper()}
        self._add(Entry(content, None))
        self._put_state(slot, Observed(powered=event is not PowerEvent.OFF, environment=HOMES[slot]))

    def _put_state(self, slot: int, observed: Observed) -> None:
        """What the card knows, and what is known of it from outside."""
        self.put(f"state{slot}", SessionView(self._states[slot](), observed))

    def _add(self, entry: Entry) -> None:
        with self._lock:
            self._ring[self._count % len(self._ring)] = entry
            self._count += 1

    def put(self, topic: str, value: Topic) -> None:
        """Set the latest value of a topic; one that is equal to that before it is no news."""
        with self._lock:
            if topic in self._topics and self._topics[topic][1] == value:
                return
            self._version += 1
            self._topics[topic] = (self._version, value)

    # --- the page's side ---------------------------------------------------------------------------------------

    def after(self, number: int, limit: int = BATCH) -> News:
        """The entries from a number on, at most so many; what the ring has lost of them is counted as missed."""
        with self._lock:
            oldest = max(0, self._count - len(self._ring))
            start = min(max(number, oldest), self._count)
            end = min(self._count, start + limit)
            entries = [entry for place in range(start, end) if (entry := self._ring[place % len(self._ring)])]
        return News(entries, end, max(0, start - number))

    def __len__(self) -> int:
        """Entries that are kept at most."""
        return len(self._ring)

    @property
    def oldest(self) -> int:
        """Number of the oldest entry that is kept."""
        return max(0, self._count - len(self._ring))

    def topics(self, since: int) -> tuple[int, dict[str, str]]:
        """The topics that changed after a version, as JSON, and the version to ask with next time."""
        with self._lock:
            version = self._version
            changed = {name: value for name, (at, value) in self._topics.items() if at > since}
        return version, {name: _json(value) for name, value in changed.items()}


def _json(value: Topic) -> str:
    return json.dumps(value.document() if isinstance(value, SessionView) else asdict(value))
