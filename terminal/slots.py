"""What must live here: the two slots of a social-security terminal."""

import enum


class Slot(enum.Enum):
    """A slot of the reader (SSC part 8 annex A): the holder's card, and the terminal's PSAM."""

    CARD = 0
    PSAM = 1
