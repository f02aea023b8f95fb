"""A blank card as an image file: what the card's manufacturer delivers."""

from pathlib import Path

from cardsim.assembly import new_card
from cardsim.chip.image import create_image
from cardsim.making.card import activate_with


def write_blank(
    path: Path, transport: bytes, historical: bytes, *, seed: int, switches: int = 0, choices: int = 0
) -> None:
    """Make a virgin chip, activate it, and write its image: there whole or not at all.

    Args:
        path: of the image.
        transport: transport key of the batch, 16 bytes.
        historical: historical bytes of the ATR, at most 15.
        seed: of the chip's random numbers; the same arguments give the same bytes.
        switches: profile switches.
        choices: settings of the payment environment.

    Raises:
        ImageError: the file exists, or cannot be written.
        MakingError: a step was refused.
    """
    card = new_card(seed=seed)
    activate_with(card, transport, historical, switches=switches, choices=choices)
    create_image(path, card.eeprom.snapshot().cells, wear=list(card.eeprom.wear))
