"""The seal of a blacklist."""

import pytest

from terminal.messages.seal import BENCH_UPDATE_KEY, blacklist_seal
from terminal.messages.social import BlacklistEntry

ENTRIES = (BlacklistEntry("D2143569X", "D2143569X", bytes(16)), BlacklistEntry("A00000000", "A99999999"))


@pytest.mark.parametrize(
    ("version", "entries"),
    [
        (8, ENTRIES),
        (7, ENTRIES[:1]),
        (7, ENTRIES[::-1]),
        (7, (BlacklistEntry("D2143569X", "D2143569X", bytes(15)), ENTRIES[1])),
        (7, (ENTRIES[0], BlacklistEntry("A0000000", "0A99999999"))),
    ],
)
def test_every_change_changes_the_seal(version: int, entries: tuple[BlacklistEntry, ...]) -> None:
    """The seal covers number, order, and every field with its borders."""
    assert blacklist_seal(BENCH_UPDATE_KEY, version, entries) != blacklist_seal(BENCH_UPDATE_KEY, 7, ENTRIES)


def test_another_key_gives_another_seal() -> None:
    seal = blacklist_seal(BENCH_UPDATE_KEY, 7, ENTRIES)
    assert len(seal) == 8
    assert blacklist_seal(bytes(16), 7, ENTRIES) != seal
