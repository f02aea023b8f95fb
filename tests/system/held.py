"""A card and a PSAM that several runs in one process use: `--card python:tests.system.held:card`."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cardsim.assembly import open_card, open_psam
from cardsim.iso7816.card import Card

_SLOTS: Final[dict[str, Card]] = {}


@contextlib.contextmanager
def images(folder: Path, seed: int) -> Iterator[list[str]]:
    """Hold both images of a folder open; the options that name them."""
    with open_card(folder / "me.card", seed=seed) as me, open_psam(folder / "me.psam", seed=seed) as sam:
        _SLOTS.update(card=me, psam=sam)
        yield ["--card", f"python:{__name__}:card", "--psam", f"python:{__name__}:psam"]
    _SLOTS.clear()


def card() -> Card:
    """The card that is held."""
    return _SLOTS["card"]


def psam() -> Card:
    """The PSAM that is held."""
    return _SLOTS["psam"]
