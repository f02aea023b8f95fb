"""Which card a command means: `--card IMAGE`, `--card python:MODULE:FACTORY`, `--card recording:FILE` (the recorded
card), or `--reader NAME|INDEX`.

For the terminal's PSAM the options are `--psam` and `--psam-reader`, with the same words.
"""

import argparse
import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from cardsim.iso7816.card import Card
from terminal.errors import LinkError, TerminalError, Unanswered, UsageError
from terminal.slots import Slot

if TYPE_CHECKING:
    from cardsim.control import ModelControl

_PYTHON: Final = "python:"
_RECORDING: Final = "recording:"
_OPTIONS: Final = {Slot.CARD: ("--card", "--reader"), Slot.PSAM: ("--psam", "--psam-reader")}
_KINDS: Final = {Slot.CARD: "card", Slot.PSAM: "PSAM"}
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Target:
    """What the options say for one slot; exactly one of `card` and `reader`, or neither where the slot stays empty."""

    card: str | None = None
    reader: str | None = None
    seed: int | None = None
    slot: Slot = Slot.CARD

    @property
    def given(self) -> bool:
        """Whether there is a card for this slot."""
        return self.card is not None or self.reader is not None

    @property
    def name(self) -> str:
        """The target as reports name it."""
        return self.card or f"reader {self.reader}"

    @property
    def wanted(self) -> str:
        """How the options of this slot are written, for messages."""
        card, reader = _OPTIONS[self.slot]
        return f"name one {_KINDS[self.slot]}: {card} IMAGE, {card} python:MODULE:FACTORY or {reader} NAME|INDEX"

    @property
    def image(self) -> Path | None:
        """The image file, if the target is one."""
        return Path(self.card) if self.card is not None and not self.card.startswith((_PYTHON, _RECORDING)) else None


def psam_target(arguments: argparse.Namespace) -> Target:
    """The target of --psam and --psam-reader; none for a command that has no such options.

    Raises:
        UsageError: one image, or one reader, for both slots.
    """
    named, reader = getattr(arguments, "psam", None), getattr(arguments, "psam_reader", None)
    target = Target(named, reader, arguments.seed, Slot.PSAM)
    card = Target(arguments.card, arguments.reader)
    if card.image and target.image and card.image.resolve() == target.image.resolve():
        raise UsageError(f"{named} is in slot 0 already; the PSAM is a card of its own")
    if reader is not None and reader == card.reader:
        raise UsageError(f"reader {reader} is the card's already; the PSAM has a reader of its own")
    return target


class GuardedCard:
    """A card whose faults, against its contract, come out as exceptions: they end the run as a lost card does."""

    def __init__(self, card: Card) -> None:
        self._card = card

    @property
    def control(self) -> "ModelControl | None":
        """What only a model can do, where the card is one."""
        offered = all(callable(getattr(self._card, name, None)) for name in ("cut", "mend", "snapshot", "restore"))
        return cast("ModelControl", self._card) if offered else None

    def power_on(self) -> bytes:
        """The ATR."""
        return self._guard("power_on", self._card.power_on)

    def transmit(self, command: bytes) -> bytes:
        """The response."""
        try:
            return self._guard("transmit", lambda: self._card.transmit(command))
        except LinkError as error:
            raise Unanswered(str(error)) from error

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
        raise UsageError(target.wanted)
    if target.reader is not None:
        from terminal.links.pcsc import PcscLink

        yield PcscLink.open(target.reader)
    elif target.image is not None:
        with contextlib.ExitStack() as stack:
            try:
                card = stack.enter_context(_open_image(target.image, target.seed, target.slot))
            except TerminalError:
                raise
            except Exception as error:
                raise UsageError(not_opened(target.image, error)) from error
            yield GuardedCard(card)
    elif target.card is not None and target.card.startswith(_RECORDING):
        from terminal.links.recording import ReplayLink

        yield ReplayLink.open(Path(target.card.removeprefix(_RECORDING)), target.slot)
    else:
        assert target.card is not None
        with _make(target.card.removeprefix(_PYTHON), _OPTIONS[target.slot][0]) as card:
            yield GuardedCard(card)


def private_copy(path: Path, seed: int | None, slot: Slot) -> Any:
    """A card with its control, from an image whose file is not touched.

    Raises:
        UsageError: there is no such image, or it cannot be opened.
    """
    existing_image(path, slot)
    from cardsim.assembly import copy_of, copy_of_psam

    try:
        return (copy_of_psam if slot is Slot.PSAM else copy_of)(path, seed=seed)
    except TerminalError:
        raise
    except Exception as error:
        raise UsageError(not_opened(path, error)) from error


def existing_image(path: Path, slot: Slot) -> Path:
    """The path of an image that is there.

    Raises:
        UsageError: there is none; says how one is made.
    """
    kind, option = _KINDS[slot], "--psam " if slot is Slot.PSAM else ""
    if not path.exists():
        raise UsageError(f"{path}: there is no such {kind} image; make one with: cardsim new {option}{path}")
    if not path.is_file():
        raise UsageError(f"{path}: a {kind} image is a file")
    return path


def not_opened(path: Path, error: Exception) -> str:
    """Why an image cannot be opened, in one sentence; the image's own errors name it already."""
    text = str(error)
    return text if text.startswith(f"{path} ") else f"{path}: the card image cannot be opened: {text}"


def _open_image(path: Path, seed: int | None, slot: Slot) -> AbstractContextManager[Card]:
    existing_image(path, slot)
    try:
        assembly = importlib.import_module("cardsim.assembly")
    except ImportError as error:
        raise LinkError(f"{path}: this installation cannot open card images: {error}") from error
    opened: AbstractContextManager[Card]
    opened = (assembly.open_psam if slot is Slot.PSAM else assembly.open_card)(path, seed=seed)
    return opened


def _make(spec: str, option: str) -> AbstractContextManager[Card]:
    """A card of someone else's: FACTORY() gives something with power_on, transmit and power_off."""
    module_name, colon, factory_name = spec.partition(":")
    if not colon or not module_name or not factory_name:
        raise UsageError(f"{option} python:{spec}: write it as python:MODULE:FACTORY")
    try:
        if "" not in sys.path:
            sys.path.append("")  # the folder where the command runs; what is installed goes first
        factory: Any = importlib.import_module(module_name)
        for part in factory_name.split("."):
            factory = getattr(factory, part)
    except ImportError as error:
        raise UsageError(f"{option} python:{spec}: {module_name} cannot be imported: {error}") from error
    except AttributeError as error:
        raise UsageError(f"{option} python:{spec}: {module_name} has no {factory_name}") from error
    try:
        made: Any = factory()
    except Exception as error:
        raise LinkError(f"{option} python:{spec}: the factory failed: {error}") from error
    missing = [name for name in ("power_on", "transmit", "power_off") if not callable(getattr(made, name, None))]
    if missing and not hasattr(made, "__enter__"):
        raise UsageError(f"{option} python:{spec}: what it made has no {', '.join(missing)}")
    return made if hasattr(made, "__enter__") else contextlib.nullcontext(made)
