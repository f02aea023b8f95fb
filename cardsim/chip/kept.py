"""What was parsed out of the cells, by the token that names the content (D15)."""

from typing import Final, Generic, TypeVar

_SIZE: Final = 16
_T = TypeVar("_T")


class Kept(Generic[_T]):
    """Values of the last few tokens: a card that is brought back to an earlier content is not parsed again.

    A token comes back with the content that it names and with no other (`cardsim.chip.eeprom.Tokens`).
    """

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: dict[int, _T] = {}

    def get(self, token: int) -> _T | None:
        """What was kept under a token, which becomes the last to be thrown away; None if there is nothing."""
        value = self._values.pop(token, None)
        if value is not None:
            self._values[token] = value
        return value

    def put(self, token: int, value: _T) -> _T:
        """Keep a value."""
        if len(self._values) == _SIZE:
            del self._values[next(iter(self._values))]
        self._values[token] = value
        return value
