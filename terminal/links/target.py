"""Which card a command means: `--card IMAGE`, `--card python:MODULE:FACTORY`, or `--reader NAME|INDEX`."""

import contextlib
import importlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from cardsim.iso7816.card import Card
from terminal.errors import LinkError, TerminalError, UsageError

_PYTHON: Final = "python:"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Target:
    """What the options say; exactly one of `card` and `reader`."""

    card: str | None = None
    reader: str | None = None
    seed: int | None = None

    @property
    def image(self) -> Path | None:
        """The image file, if the target is one."""
        return Path(self.card) if self.card is not None and not self.card.startswith(_PYTHON) else None


class GuardedCard:
    """A card whose faults, against its contract, come out as exceptions: they end the run as a lost card does."""

    def __init__(self, card: Card) -> None:
        self._card = card

    def power_on(self) -> bytes:
        """The ATR."""
        return self._guard("power_on", self._card.power_on)

    def transmit(self, command: bytes) -> bytes:
        """The response."""
        return self._guard("transmit", lambda: self._card.transmit(command))

    def power_off(self) -> None:
        """Take the power away."""
        self._guard("power_off", self._card.power_off)

    @staticmethod
    def _guard(doing: str, action: Callable[[], _T]) -> _T:
        try:
            return action()
        except TerminalError:
            raise
        except Exception as error:
            raise LinkError(f"the card broke down in {doing}: {type(error).__name__}: {error}") from error


@contextlib.contextmanager
def open_target(target: Target) -> Iterator[Card]:
    """The card, open as long as the context lasts.

    Raises:
        UsageError: the options name no card, or one that cannot be made.
        LinkError: reader or card are not reached.
    """
    if (target.card is None) == (target.reader is None):
        raise UsageError("name one card: --card IMAGE, --card python:MODULE:FACTORY or --reader NAME|INDEX")
    if target.reader is not None:
        from terminal.links.pcsc import PcscLink

        yield PcscLink.open(target.reader)
    elif target.image is not None:
        with contextlib.ExitStack() as stack:
            try:
                card = stack.enter_context(_open_image(target.image, target.seed))
            except TerminalError:
                raise
            except Exception as error:
                raise UsageError(f"{target.image}: the card image cannot be opened: {error}") from error
            yield GuardedCard(card)
    else:
        assert target.card is not None
        with _make(target.card.removeprefix(_PYTHON)) as card:
            yield GuardedCard(card)


def _open_image(path: Path, seed: int | None) -> AbstractContextManager[Card]:
    if not path.exists():
        raise UsageError(f"{path}: there is no such card image; make one with: cardsim new {path}")
    if not path.is_file():
        raise UsageError(f"{path}: a card image is a file")
    try:
        assembly = importlib.import_module("cardsim.assembly")
    except ImportError as error:
        raise LinkError(f"{path}: this installation cannot open card images: {error}") from error
    opened: AbstractContextManager[Card] = assembly.open_card(path, seed=seed)
    return opened


def _make(spec: str) -> AbstractContextManager[Card]:
    """A card of someone else's: FACTORY() gives something with power_on, transmit and power_off."""
    module_name, colon, factory_name = spec.partition(":")
    if not colon or not module_name or not factory_name:
        raise UsageError(f"--card python:{spec}: write it as python:MODULE:FACTORY")
    try:
        factory: Any = importlib.import_module(module_name)
        for part in factory_name.split("."):
            factory = getattr(factory, part)
    except ImportError as error:
        raise UsageError(f"--card python:{spec}: {module_name} cannot be imported: {error}") from error
    except AttributeError as error:
        raise UsageError(f"--card python:{spec}: {module_name} has no {factory_name}") from error
    try:
        made: Any = factory()
    except Exception as error:
        raise LinkError(f"--card python:{spec}: the factory failed: {error}") from error
    missing = [name for name in ("power_on", "transmit", "power_off") if not callable(getattr(made, name, None))]
    if missing and not hasattr(made, "__enter__"):
        raise UsageError(f"--card python:{spec}: what it made has no {', '.join(missing)}")
    return made if hasattr(made, "__enter__") else contextlib.nullcontext(made)
