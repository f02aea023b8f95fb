"""The life cycle of a card with SSSE, drawn from all of its states: docs/figure-life-cycle.svg."""

from typing import Final

from terminal.explore.alphabet import load_alphabet
from terminal.explore.graph import By, boxes_of, svg
from terminal.explore.search import Explorer
from terminal.explore.subject import make_subject

_WITHOUT: Final = ("pse",)


def picture() -> str:
    """The SVG."""
    alphabet = load_alphabet("life-cycle", _WITHOUT)
    found = Explorer(make_subject(alphabet), alphabet).run()
    return svg(boxes_of(found, By.LIFE_CYCLE), "The life cycle of a card with SSSE, from all of its states")
