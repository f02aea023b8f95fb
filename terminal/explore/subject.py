"""The card that is explored: a small one made for it, or a private copy of an image. Its random numbers are constant.

With a constant challenge two states that are equal have equal futures: nothing that the card does depends on anything
but its cells, its volatile state and its random numbers (no wall clock, no global state). So each state needs to be
looked at once, and after that it does not matter how it was reached.
"""

import copy
import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from cardsim.control import ModelControl, ModelState
from cardsim.crypto.social import Suite
from cardsim.iso7816.atr import Atr
from cardsim.iso7816.card import Card
from cardsim.keyfile import KeyFile, KeyFileError, SsseKeys, default_keyfile_path, load_keyfile
from terminal.conformance.context import Context
from terminal.conformance.functions import FUNCTIONS
from terminal.conformance.session import Bench, CannotRun, Unequal
from terminal.errors import TerminalError, UsageError
from terminal.explore.alphabet import Alphabet, Ground
from terminal.links.target import existing_image, not_opened
from terminal.slots import Slot

if TYPE_CHECKING:
    from cardsim.assembly import CardModel

SIZE: Final = 32 * 1024
"""Cells of a card that is made for exploring: the smallest EEPROM."""
PROFILE: Final = "small-card.toml"
"""Profile of the card for alphabets that begin with a finished one, in `vectors/alphabets`."""
_CHALLENGE: Final = bytes.fromhex("A55A0FF0C33C96695AA5F00F3CC36996")
_SEED: Final = 1


class ModelCard(Card, ModelControl, Protocol):
    """A model: it answers, and it can be snapshot and restored."""


class Constant:
    """A stream whose every call gives the same bytes."""

    position = 0

    def take(self, count: int) -> bytes:
        """The first `count` bytes of the constant, over and over where it is too short."""
        return (_CHALLENGE * (count // len(_CHALLENGE) + 1))[:count]

    def move(self, position: int) -> None:
        """Nothing: each position gives the same."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A card in its first state, and what the letters know of it."""

    card: ModelCard
    keys: KeyFile
    knowledge: Bench
    """The bench as the way to the first state left it."""

    def bench(self, card: Card) -> Bench:
        """A bench around another card that knows what this one knew, as each letter begins with."""
        known = self.knowledge.context
        context = Context(
            self.keys, dict(known.captured), challenge=known.challenge, historical=known.historical, area=known.area,
            draw=known.draw, functions=known.functions,
        )  # fmt: skip
        return Bench(card, self.knowledge.vocabulary, context, names=copy.copy(self.knowledge.names))

    def proof(self, key: str) -> bytes:
        """The command that proves a key of the card's own level under the constant challenge; empty without the key."""
        context = self.bench(self.card).context
        if self.keys.card is None:
            return b""
        return bytes.fromhex("0082000010") + context.evaluate("card-auth", (key,))


def make_subject(
    alphabet: Alphabet, image: Path | None = None, keyfile: Path | None = None,
    prepare: "Callable[[CardModel], None] | None" = None,
) -> Subject:  # fmt: skip
    """A card for an alphabet, brought into its first state.

    Args:
        alphabet: what is to be explored.
        image: a card image of which a private copy is explored, in place of a small card.
        keyfile: its keys; by default the file beside it.
        prepare: changes the model before its first reset (named defects).

    Raises:
        UsageError: the image or its keys cannot be used, or the first state is not reached.
    """
    card, keys = _made(alphabet) if image is None else _copied(alphabet, image, keyfile)
    if prepare is not None:
        prepare(card)
    context = Context(keys, functions=FUNCTIONS, draw=Constant().take)
    bench = Bench(card, alphabet.vocabulary, context, card)
    try:
        bench.reset(None)
        bench.run(tuple(alphabet.start()))
    except (Unequal, CannotRun) as problem:
        raise UsageError(f"alphabet {alphabet.name}: its first state is not reached: {problem}") from problem
    context.challenge = Constant().take(8)
    if not context.historical:
        context.historical = Atr.parse(context.captured["atr"]).historical
    return Subject(card, keys, bench)


def _made(alphabet: Alphabet) -> "tuple[CardModel, KeyFile]":
    """A small card by its own commands: virgin, blank, or made for use."""
    from cardsim.assembly import new_card

    state, keys = _ground(alphabet.ground)
    card = new_card(size=SIZE, random=lambda _stream: Constant())
    card.restore(state)
    return card, keys


@functools.cache
def _ground(ground: Ground) -> tuple[ModelState, KeyFile]:
    """A card as an alphabet begins with it, made once."""
    from cardsim.assembly import new_card
    from cardsim.making.card import activate, make_card
    from cardsim.making.structure import load_profile
    from cardsim.resources import resource

    card = new_card(size=SIZE, seed=_SEED)
    virgin, made = card.snapshot(), activate(card, _SEED)
    if ground is Ground.FINISHED:
        keys = make_card(card, load_profile(str(resource("alphabets", PROFILE))), _SEED)
        return card.snapshot(), keys
    return virgin if ground is Ground.VIRGIN else card.snapshot(), KeyFile(made.card, SsseKeys(Suite.SM4, "000000"))


def _copied(alphabet: Alphabet, image: Path, keyfile: Path | None) -> "tuple[CardModel, KeyFile]":
    if alphabet.ground is not Ground.FINISHED:
        raise UsageError(f"the alphabet {alphabet.name} begins with a card of its own; leave --card out")
    from cardsim.assembly import copy_of

    existing_image(image, Slot.CARD)
    path = default_keyfile_path(image) if keyfile is None else keyfile
    try:
        keys = load_keyfile(path) if keyfile is not None or path.exists() else KeyFile()
        return copy_of(image, random=lambda _stream: Constant()), keys
    except KeyFileError as error:
        raise UsageError(str(error)) from error
    except TerminalError:
        raise
    except Exception as error:
        raise UsageError(not_opened(image, error)) from error
