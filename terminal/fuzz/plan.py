"""What a campaign is to do, as a value that travels to other processes and machines, and the cards that it uses."""

import contextlib
import functools
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final, Protocol, cast

from cardsim.keyfile import KeyFile
from terminal.errors import UsageError
from terminal.fuzz import mutate
from terminal.fuzz.caution import CautiousCard
from terminal.fuzz.executor import Executor
from terminal.fuzz.findings import About, Tap
from terminal.fuzz.grammar import Grammar
from terminal.fuzz.oracles.table import RULES, oracles_for
from terminal.fuzz.sequence import Sequence
from terminal.fuzz.shrink import DEFAULT_BUDGET
from terminal.fuzz.starts import Spoil, starts
from terminal.fuzz.subject import Subject, subject_of_image
from terminal.links.target import Target, open_target
from terminal.slots import Slot

if TYPE_CHECKING:
    from cardsim.assembly import CardModel, SamModel
    from cardsim.defects import Defect

DEFAULT_SEED: Final = 1
_OTHER_STARTS: Final = 0.1
"""How often sequences are made anew for a moment in the making of a card, against the finished card."""


class Source(Protocol):
    """What makes sequences for one card."""

    def sequence(self, random: Random) -> Sequence:
        """A new one."""

    def changed(self, sequence: Sequence, random: Random) -> Sequence:
        """One like another."""

    def crossed(self, first: Sequence, second: Sequence, random: Random) -> Sequence:
        """One of two."""


@dataclass(frozen=True, slots=True)
class Image:
    """A card image with its keys, of which each worker makes copies."""

    name: str
    content: bytes = field(repr=False)
    keys: KeyFile = field(repr=False)
    slot: Slot = Slot.CARD


def image_of(path: Path, keys: KeyFile, slot: Slot = Slot.CARD) -> Image:
    """Read an image.

    Raises:
        UsageError: it cannot be read, or is no image of such a card.
    """
    # Opened once here, where its name is known: workers open copies of it under other names.
    subject_of_image(path, keys, slot)
    try:
        return Image(path.name, path.read_bytes(), keys, slot)
    except OSError as error:
        raise UsageError(f"{path}: the card image cannot be read: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class Plan:
    """What a campaign is to do.

    Args:
        seed: of everything that is drawn.
        images: cards that are copied: user card, PSAM, or both.
        live: a card that is not copied: in a reader, or made by Python; then there are no images.
        keys: what is known of the live card.
        destructive: whether the live card may be spent.
        only: names of oracles; empty for all that fit.
        without: names of oracles that are left out.
        reference: whether each answer is compared with a clean model of the same card.
        beside: image of a model that each answer is compared with.
        defect: a named fault that is put into the model.
        starts: names of the starts; None for all that a model has.
        coverage: whether lines of the model's code guide it.
        budget: commands that are spent to shrink one finding.
    """

    seed: int = DEFAULT_SEED
    images: tuple[Image, ...] = ()
    live: Target | None = None
    keys: KeyFile = field(default_factory=KeyFile, repr=False)
    destructive: bool = False
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    reference: bool = False
    beside: Image | None = None
    defect: str | None = None
    starts: tuple[str, ...] | None = None
    coverage: bool = True
    budget: int = DEFAULT_BUDGET

    def near(self, names: Iterable[str]) -> "Plan":
        """The same plan without the starts that are not among these, as far as that spares the making of cards."""
        wanted = set(names)
        images = {_name(image.slot) for image in self.images}
        return replace(self, starts=tuple(wanted)) if wanted <= images and self.starts is None else self

    @property
    def cards(self) -> tuple[str, ...]:
        """The names of its cards."""
        return tuple(image.name for image in self.images) or ((self.live.name,) if self.live else ())

    @property
    def restorable(self) -> bool:
        """Whether each sequence begins with a copy of the same card."""
        return self.live is None


@dataclass(slots=True)
class Lab:
    """One start: the card, who looks on, and what makes sequences for it.

    Args:
        executor: runs sequences on the card.
        source: makes them.
        weight: how often sequences are made anew for this start, against the others.
        about: what the oracles are about, by name.
        tap: keeps what passes the contacts of a live card.
    """

    executor: Executor
    source: Source
    weight: float = 1.0
    about: Mapping[str, About] = field(default_factory=dict)
    tap: Tap | None = None


@contextlib.contextmanager
def open_labs(plan: Plan) -> Iterator[dict[str, Lab]]:
    """The starts of a campaign by name, in the order of nearness to what a user has.

    Raises:
        UsageError: a card, a defect or an oracle cannot be used.
        LinkError: a live card is not reached.
    """
    with contextlib.ExitStack() as stack:
        if plan.live is not None:
            card = stack.enter_context(open_target(plan.live))
            stack.callback(card.power_off)
            found = {_name(plan.live.slot): Subject(card, plan.keys, None, plan.live.slot)}
        else:
            found = subjects_of(plan, plan.defect)
        clean = _references(plan)
        yield {name: _lab(plan, name, subject, clean.get(name)) for name, subject in found.items()}


def subjects_of(plan: Plan, defect: str | None) -> dict[str, Subject]:
    """The card of each start: copies of the images, and moments in the making of such cards."""
    found = {_name(image.slot): _copy(image, plan.seed, defect) for image in plan.images}
    spoil: Spoil | None = None
    if defect is not None:
        spoil = functools.partial(_spoil, name=defect)
    for image in plan.images:
        if plan.starts is None or any(name not in found for name in plan.starts):
            found |= {name: start.subject(spoil) for name, start in starts(image.keys, image.slot).items()}
    unknown = [name for name in plan.starts or () if name not in found]
    if unknown:
        raise UsageError(f"there is no start {unknown[0]!r}; there is {', '.join(found)}")
    return found if plan.starts is None else {name: found[name] for name in found if name in plan.starts}


def _references(plan: Plan) -> dict[str, Subject]:
    """The clean model beside the card of a start, where one is wanted."""
    if plan.beside is not None:
        return {_name(plan.beside.slot): _copy(plan.beside, plan.seed)}
    return subjects_of(plan, None) if plan.reference else {}


def _name(slot: Slot) -> str:
    return "psam" if slot is Slot.PSAM else "card"


def _copy(image: Image, seed: int, defect: str | None = None) -> Subject:
    """A private copy of an image, with a fault in it if one is named."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / image.name
        path.write_bytes(image.content)
        subject = subject_of_image(path, image.keys, image.slot, seed=seed)
    if defect is not None:
        model = cast("CardModel | SamModel", subject.card)
        model.power_off()
        _spoil(model, defect)
        subject = Subject(model, image.keys, model, image.slot)
    return subject


def known_defect(name: str) -> "Defect":
    """A named fault.

    Raises:
        UsageError: there is none.
    """
    from cardsim.defects import DefectError, find_defect

    try:
        return find_defect(name)
    except DefectError as error:
        raise UsageError(f"--defect {name}: {error}") from error


def _spoil(model: "CardModel | SamModel", name: str) -> None:
    """Put a named fault into a model; it takes effect when it is powered on.

    Raises:
        UsageError: there is no such fault, or it is one of the other kind of card.
    """
    from cardsim.defects import DefectError, apply_defect

    try:
        apply_defect(model, known_defect(name))
    except DefectError as error:
        raise UsageError(f"--defect {name}: {error}") from error


def _lab(plan: Plan, name: str, subject: Subject, clean: Subject | None) -> Lab:
    """A start with everything that it needs."""
    tap = None
    if plan.live is not None:
        cautious = CautiousCard(subject.card, subject.home, destructive=plan.destructive)
        subject.card = tap = Tap(cautious, subject)
    oracles = oracles_for(subject, only=plan.only, without=plan.without, reference=clean)
    about = {rule.name: About(rule.sentence, rule.basis) for rule in RULES}
    weight = 1.0 if plan.live is not None or name in map(_name, Slot) else _OTHER_STARTS
    return Lab(Executor(subject, oracles), Making(Grammar(subject, name), name), weight, about, tap)


class Making:
    """The grammar, and the changes that it has pieces for.

    Args:
        grammar: makes sequences.
        start: the name that they get for their start.
    """

    def __init__(self, grammar: Grammar, start: str) -> None:
        self._grammar = grammar
        self._start = start

    def sequence(self, random: Random) -> Sequence:
        """A new one."""
        made = self._grammar.sequence(random)
        return made if made.start == self._start else replace(made, start=self._start)

    def changed(self, sequence: Sequence, random: Random) -> Sequence:
        """One like another."""
        return mutate.changed(sequence, random, self._grammar)

    def crossed(self, first: Sequence, second: Sequence, random: Random) -> Sequence:
        """One of two."""
        return mutate.crossed(first, second, random)
