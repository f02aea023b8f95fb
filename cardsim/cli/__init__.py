"""The command `cardsim`: the card's side of the contacts."""

from typing import Final

PROGRAM: Final = "cardsim"
