"""A blank card or PSAM as an image file: what its manufacturer delivers."""

from pathlib import Path

from cardsim.assembly import new_card, new_psam
from cardsim.chip.image import ImageError, create_image
from cardsim.making.card import activate_with
from cardsim.making.psam import activate_psam_with
from cardsim.making.station import MakingError


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


def write_blank_psam(path: Path, transport: bytes, historical: bytes, *, seed: int, switches: int = 0) -> None:
    """The same for a PSAM.

    Raises:
        MakingError: a step was refused, or the file exists or cannot be written.
    """
    card = new_psam(seed=seed)
    activate_psam_with(card, transport, historical, switches)
    try:
        create_image(path, card.eeprom.snapshot().cells, wear=list(card.eeprom.wear))
    except ImageError as error:
        raise MakingError(str(error)) from error
