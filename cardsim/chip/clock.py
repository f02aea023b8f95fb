"""Time on the card: handed in, never asked of the machine. Contact cards have no clock; the cost model drives one."""

from typing import Protocol


class Clock(Protocol):
    """Seconds since power-on of the bench."""

    def now(self) -> float:
        """Seconds."""

    def advance(self, seconds: float) -> None:
        """Let time pass."""


class ModelClock:
    """A clock that moves only when it is told to."""

    def __init__(self, start: float = 0.0) -> None:
        self._now = start

    def now(self) -> float:
        """Seconds."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            ValueError: time runs backwards.
        """
        if seconds < 0:
            raise ValueError("a clock does not run backwards")
        self._now += seconds
