"""What does not come from the contacts: the content of the cards, and the readers they are in."""

import threading
from collections.abc import Callable, Sequence
from typing import Final

from cardsim.assembly import CardModel, SamModel
from cardsim.chip.image import ImageError
from cardsim.inspection import inspect_model
from cardsim.live.feed import Feed, Unreadable
from cardsim.live.state import ReaderView

EVERY: Final = 0.5
"""Seconds between two looks, while a page is open."""


class View:
    """Looks at cards and readers again and again, and tells the feed what has changed.

    Args:
        feed: what is told: the topics `card0`, `reader0` and so on.
        cards: the cards by slot.
        readers: asks how each reader is now.
        watched: whether anyone is there to see it.
        every: seconds between two looks.
    """

    def __init__(
        self,
        feed: Feed,
        cards: Sequence[CardModel | SamModel],
        readers: Sequence[Callable[[], ReaderView]],
        watched: Callable[[], bool],
        every: float = EVERY,
    ) -> None:
        self._feed = feed
        self._cards = cards
        self._readers = readers
        self._watched = watched
        self._every = every
        self._programs: list[int | None] = [None] * len(cards)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="card page", daemon=True)

    def start(self) -> None:
        """Look from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more: when this returns, nobody touches the cards."""
        self._stop.set()
        self._thread.join()

    def look(self) -> None:
        """Tell the feed what has changed."""
        for slot, reader in enumerate(self._readers):
            self._feed.put(f"reader{slot}", reader())
        for slot, card in enumerate(self._cards):
            programs = card.eeprom.programs
            if programs != self._programs[slot]:
                self._programs[slot] = programs
                try:
                    self._feed.put(f"card{slot}", inspect_model(card))
                except ImageError as error:
                    self._feed.put(f"card{slot}", Unreadable(str(error)))

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            if self._watched():
                self.look()
