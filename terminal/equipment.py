"""What a terminal is equipped with (设备配置), and what each mode must have (SSC part 8 §6.1, scheme §1(2))."""

import enum
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache

from cardsim.resources import resource
from terminal.errors import UsageError
from terminal.tables import read_tables, rows


class Part(enum.Enum):
    """A part of a terminal."""

    DISPLAY = "display"
    CARD_SLOT = "card slot"
    KEYBOARD = "keyboard"
    PIN_PAD = "PIN pad"
    SAM_SLOT = "SAM slot"
    STORAGE = "storage"
    CLOCK = "clock"
    CHARSET = "extended Chinese character set"
    POWER = "power"
    PRINTER = "printer"
    STRIPE_READER = "stripe reader"


@dataclass(frozen=True, slots=True)
class Mode:
    """A mode of terminals, and the parts that it cannot do without."""

    key: str
    chinese: str
    parts: tuple[Part, ...]


@cache
def modes() -> dict[str, Mode]:
    """The modes of `equipment.toml` by their keys."""
    name = "equipment.toml"
    found = rows(read_tables(resource("terminals", name)), "mode", Mode, name)
    return {mode.key: mode for mode in found}


def require(mode: str, present: Collection[Part]) -> None:
    """Refuse to start a terminal that lacks a part (TRM-003, TRM-259).

    Raises:
        UsageError: names what is missing.
    """
    wanted = modes()[mode]
    if missing := [part.value for part in wanted.parts if part not in present]:
        raise UsageError(
            f"a terminal of the mode {mode} ({wanted.chinese}) does not start without: {', '.join(missing)}"
        )
