"""Cards that sequences are sent to: each with what the fuzzer knows of it, and brought back to its start in no time."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from cardsim.control import ModelControl, ModelState
from cardsim.decode import Environment
from cardsim.iso7816.atr import Atr, AtrError
from cardsim.iso7816.card import Card
from cardsim.keyfile import KeyFile, SsseKeys
from terminal.conformance.context import Context
from terminal.conformance.functions import FUNCTIONS
from terminal.errors import LinkError, TerminalError, UsageError
from terminal.links.target import existing_image, not_opened
from terminal.slots import Slot


@dataclass(slots=True)
class Subject:
    """One card, with the keys that belong to it.

    Args:
        card: what answers.
        keys: what the fuzzer knows; an empty key file where it knows nothing.
        control: of a model alone; then each sequence begins with a copy of the same card.
        slot: whether it is a user card or a PSAM.
    """

    card: Card
    keys: KeyFile
    control: ModelControl | None = None
    slot: Slot = Slot.CARD
    known: Mapping[str, bytes] = field(default_factory=dict)
    """Public values that each sequence may name from its beginning (`terminal.fuzz.facts.learn`)."""
    context: Context = field(init=False)
    _start: ModelState | None = field(init=False, default=None)
    """The model right after its reset: coming back to it costs less than another reset."""
    _atr: bytes = field(init=False, default=b"")

    def __post_init__(self) -> None:
        self.context = Context(self.keys, functions=FUNCTIONS)
        if self.control is not None:
            self._atr = self.card.power_on()
            self._start = self.control.snapshot()

    @property
    def home(self) -> Environment:
        """Where the card stands after a reset."""
        return Environment.PSAM if self.slot is Slot.PSAM else Environment.CARD

    @property
    def prefix(self) -> str:
        """What stands before the names of values that are kept by themselves."""
        return "sam-" if self.slot is Slot.PSAM else ""

    def fresh(self, seed: int) -> bytes:
        """Bring the card back to its start, right after a reset, with random numbers that come from the seed; the ATR.

        A card without control is only reset: what it keeps, it keeps.

        Raises:
            LinkError: it gives no answer to reset.
        """
        context = self.context
        context.captured = dict(self.known)
        context.draw = Random(seed).randbytes
        if self.control is None or self._start is None:
            self.card.power_off()
            return self.power_on()
        self.control.mend()
        self.control.restore(self._start)
        self.control.reseed(seed)
        return self._answered(self._atr)

    def power_on(self) -> bytes:
        """Power the card on (or reset it); the ATR.

        Raises:
            LinkError: there is none.
        """
        return self._answered(self.card.power_on())

    def _answered(self, atr: bytes) -> bytes:
        context = self.context
        context.captured[f"{self.prefix}atr"] = atr
        self.challenged(b"")
        if self.slot is Slot.CARD:
            try:
                context.historical = Atr.parse(atr).historical
            except AtrError as error:
                raise LinkError(f"the card's answer to reset is no ATR: {error}") from error
        return atr

    def challenged(self, challenge: bytes) -> None:
        """The card has given a challenge, or forgotten it."""
        if self.slot is Slot.PSAM:
            self.context.sam_challenge = challenge
        else:
            self.context.challenge = challenge


Maker = Callable[[], Subject]
"""Makes one card anew."""


def subject_of_image(path: Path, keys: KeyFile, slot: Slot = Slot.CARD, *, seed: int = 1) -> Subject:
    """A private copy of an image.

    Raises:
        UsageError: it cannot be opened.
    """
    existing_image(path, slot)
    from cardsim.assembly import copy_of, copy_of_psam

    try:
        model = (copy_of_psam if slot is Slot.PSAM else copy_of)(path, seed=seed)
    except TerminalError:
        raise
    except Exception as error:
        raise UsageError(not_opened(path, error)) from error
    return Subject(model, keys, model, slot)


def blank_subject(keys: KeyFile, *, seed: int = 1) -> Subject:
    """A card as its maker delivers it, with the transport key alone, which becomes a card of the same suite."""
    assembly = importlib.import_module("cardsim.assembly")
    making = importlib.import_module("cardsim.making.card")

    model = assembly.new_card(seed=seed)
    made: KeyFile = making.activate(model, None)
    ssse = None if keys.ssse is None else SsseKeys(keys.ssse.suite, keys.ssse.area)
    return Subject(model, KeyFile(card=made.card, ssse=ssse), model)
