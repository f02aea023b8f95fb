"""Random numbers of the card: from the operating system, or from a seed so that any run can be replayed."""

import hashlib
import os
from typing import Protocol


class RandomSource(Protocol):
    """A stream of random bytes. Each environment has one of its own (D12)."""

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""

    @property
    def position(self) -> int:
        """Where the stream stands; 0 where that has no meaning."""

    def move(self, position: int) -> None:
        """Go back or forth to a position that was read before."""


class SystemRandom:
    """Bytes of the operating system."""

    position = 0

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        return os.urandom(count)

    def move(self, position: int) -> None:
        """Nothing: the stream has no positions."""


class SeededRandom:
    """SHAKE-256 over seed, name of the stream and a counter of calls: the same calls give the same bytes.

    Args:
        seed: any number.
        stream: name of the stream; streams of one seed are independent.
    """

    def __init__(self, seed: int, stream: str) -> None:
        self._start = hashlib.shake_256(f"cardsim/{seed}/{stream}/".encode())
        self.position = 0

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        state = self._start.copy()
        state.update(self.position.to_bytes(8, "big"))
        self.position += 1
        return state.digest(count)

    def move(self, position: int) -> None:
        """Go to a position that was read before."""
        self.position = position
