"""Plans of campaigns on the demo card, for tests."""

import functools
import tempfile
from pathlib import Path
from typing import Any

from cardsim.chip.image import create_image
from terminal.fuzz.plan import Image, Plan
from terminal.slots import Slot
from tests.cards import DUAL, card, made


@functools.cache
def image() -> Image:
    """The demo card as an image."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "me.card"
        create_image(path, card(on=False).model.eeprom.snapshot().cells)
        return Image("me.card", path.read_bytes(), made(DUAL)[1], Slot.CARD)


def plan(**options: Any) -> Plan:
    """A plan for it; without code coverage and other starts, which take time."""
    return Plan(images=(image(),), **{"coverage": False, "starts": ("card",), **options})
