"""Parties with transport keys, made once, and batches for them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path

from terminal.perso.data.document import write_batch
from terminal.perso.parties import Party
from terminal.perso.records import Batch, CardRecord, Order, OrderKind, SocialRecord
from terminal.perso.transfer.keyring import Keyring
from terminal.perso.transfer.post import Post
from terminal.perso.transfer.rsakeys import SoftwareKey
from terminal.perso.workshop import Workshop

NOW = datetime(2026, 11, 22, 9, 30)
PASSWORD = "correct horse"


@cache
def key(party: str) -> SoftwareKey:
    """The RSA pair of a party."""
    return SoftwareKey.generate(party, NOW)


def batch(count: int = 2, name: str = "519902-01") -> bytes:
    """A document with so many social records."""
    records = tuple(
        CardRecord(
            SocialRecord(Order(f"{name}-{n}", OrderKind.FIRST, "20261122", f"{n:018d}", "519900", "519902", "1"), {}),
            None,
        )
        for n in range(count)
    )
    return write_batch(Batch(name, "20261122", "519900", "519902", records))


@dataclass(slots=True)
class Town:
    """A workshop whose parties have posts."""

    folder: Path
    now: datetime = NOW
    workshop: Workshop = field(init=False)

    def __post_init__(self) -> None:
        self.workshop = Workshop(self.folder, lambda: self.now)

    def post(self, party: Party, person: str = "", workshop: Workshop | None = None) -> Post:
        """The post of a party; by default one of its data staff works there."""
        others = {other: key(other.value).partner for other in Party if other is not party}
        ring = Keyring(dict.fromkeys(Party, key(party.value)), others)
        return Post(workshop or self.workshop, party, ring, person or f"{party.value}-data")


Made = Callable[[], Town]
