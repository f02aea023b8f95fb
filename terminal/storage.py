"""The terminal's storage (存储设备): records on shelves, in the order in which they were first kept (TRM-016)."""

from collections.abc import Mapping

from terminal.effects import Entry, Shelf


class MemoryStorage:
    """Storage that lasts as long as the object."""

    def __init__(self) -> None:
        self._shelves: dict[Shelf, dict[str, dict[str, str]]] = {shelf: {} for shelf in Shelf}

    def keep(self, shelf: Shelf, key: str, content: Mapping[str, str]) -> None:
        """Store a record, in the place of one that is there."""
        self._shelves[shelf][key] = dict(content)

    def discard(self, shelf: Shelf, key: str) -> None:
        """Take a record away."""
        self._shelves[shelf].pop(key, None)

    def recall(self, shelf: Shelf) -> tuple[Entry, ...]:
        """All records of a shelf."""
        return tuple(Entry(key, dict(content)) for key, content in self._shelves[shelf].items())
