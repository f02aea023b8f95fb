"""A line between two parties that loses, repeats, delays and reorders packets, as a seed says."""

from collections.abc import Callable
from random import Random


class BadLine:
    """Takes packets to the other party.

    Args:
        there: the other party's end: takes a packet, gives the acknowledgement.
        random: says what happens to each packet.
        quality: from 0, nothing comes through, to 1, everything does.
    """

    def __init__(self, there: Callable[[bytes], bytes], random: Random, quality: float = 1.0) -> None:
        self._there = there
        self._random = random
        self.quality = quality
        self._late: list[bytes] = []
        self.packets = 0

    def __call__(self, packet: bytes) -> bytes | None:
        """Send a packet; its acknowledgement, or None where packet or acknowledgement got lost."""
        self.packets += 1
        if self._well():
            answer = self._there(packet)
            if not self._well():
                self._late.append(packet)  # comes once more later, long after it was acknowledged
            self.release()
            return answer if self._well() else None
        if self._random.random() < 0.5:
            self._late.append(packet)
        return None

    def release(self) -> None:
        """Let what was held back come, in any order."""
        while self._late and (self.quality >= 1 or self._random.random() < 0.5):
            self._there(self._late.pop(self._random.randrange(len(self._late))))

    def _well(self) -> bool:
        return self._random.random() < self.quality
