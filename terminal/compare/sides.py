"""The two cards of a comparison: opened, with their keys, each as often as there are starts."""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

from cardsim.keyfile import KeyFile
from terminal.compare.parts import Measure
from terminal.conformance.setup import Wish, keys_of
from terminal.errors import UsageError
from terminal.fuzz.caution import CautiousCard
from terminal.fuzz.facts import learn
from terminal.fuzz.plan import Plan, image_of, subjects_of
from terminal.fuzz.subject import Subject
from terminal.links.target import Target, open_target
from terminal.slots import Slot

if TYPE_CHECKING:
    from cardsim.control import ModelControl

DEFAULT_SEED: Final = 1


@dataclass(frozen=True, slots=True)
class Named:
    """One side as the options name it.

    Args:
        card: the holder's card; not given where a PSAM is compared alone.
        psam: the PSAM.
        keys: the key file; None for the one beside the image.
        defect: a named fault for the model.
    """

    card: Target = field(default_factory=Target)
    psam: Target = field(default_factory=lambda: Target(slot=Slot.PSAM))
    keys: str | None = None
    defect: str | None = None

    @property
    def target(self) -> Target:
        """The card that commands go to."""
        return self.card if self.card.given else self.psam

    @property
    def name(self) -> str:
        """How reports name it."""
        return self.target.name + (f" with {self.defect}" if self.defect else "")

    @property
    def clean(self) -> bool:
        """Whether it is a model of this program without a fault."""
        return self.target.image is not None and self.defect is None

    @property
    def on_image(self) -> bool:
        """Whether each card of it is an image, of which a private copy is used."""
        return all(target.image is not None for target in (self.card, self.psam) if target.given)

    def keyfile(self) -> KeyFile:
        """Its keys.

        Raises:
            UsageError: the file cannot be used.
        """
        return keys_of(Wish(target=self.card, psam=self.psam, keys=self.keys))[0]

    def plan(self, seed: int) -> Plan:
        """The cards as fuzzing makes them.

        Raises:
            UsageError: an image cannot be read, or a fault is wanted for what is no image.
        """
        target, keys = self.target, self.keyfile()
        if not target.given:
            raise UsageError(target.wanted)
        if target.image is None:
            if self.defect is not None:
                raise UsageError("a named fault is put into a model, so it needs a card image")
            return Plan(seed, live=target, keys=keys)
        return Plan(seed, (image_of(target.image, keys, target.slot),), keys=keys, defect=self.defect)


@dataclass(frozen=True, slots=True)
class Couple:
    """Both cards at one start.

    Args:
        first, second: the cards.
        measure: how much of their answers must be equal.
    """

    first: Subject
    second: Subject
    measure: Measure


@dataclass(slots=True)
class Sides:
    """Both sides, open.

    Args:
        first, second: as they were named.
        couples: both cards by the name of the start.
        lasting: whether one of them cannot be brought back to its start, so that both keep what they are told.
    """

    first: Named
    second: Named
    couples: dict[str, Couple]
    lasting: bool


def starts_of(names: Iterable[str], slot: Slot) -> list[str]:
    """Names of starts, with the finished card first."""
    return list(dict.fromkeys(["psam" if slot is Slot.PSAM else "card", *names]))


def open_sides(
    first: Named, second: Named, starts: Iterable[str] | None, seed: int, stack: contextlib.ExitStack,
    *, destructive: bool = False, measure: Measure | None = None,
) -> Sides:  # fmt: skip
    """Open both sides.

    Args:
        first, second: what the options name.
        starts: starts that are needed besides the finished card; None for all that there are.
        seed: of the models' random numbers.
        stack: closes readers.
        destructive: whether a card that is not restored may be spent.
        measure: how much of the answers must be equal; None: as much as can be.

    Raises:
        UsageError: a card, a key file or a fault cannot be used.
        LinkError: a card is not reached.
    """
    if first.target.slot is not second.target.slot:
        raise UsageError("one side is a card and the other a PSAM; compare two of a kind")
    plans = first.plan(seed), second.plan(seed)
    if starts is not None:
        names = starts_of(starts, first.target.slot)
        plans = plans[0].near(names), plans[1].near(names)
    left, right = (_subjects(plan, stack) for plan in plans)
    lasting = any(subject.control is None for subject in (*left.values(), *right.values()))
    if lasting:
        left, right = (_lasting(each, destructive=destructive) for each in (left, right))
    couples = {}
    for name in left:
        if name in right:
            found = measure or measure_of(left[name].keys, right[name].keys, lasting=lasting)
            couples[name] = Couple(left[name], right[name], found)
    for couple in couples.values():
        learn(couple.first)
        learn(couple.second)
    return Sides(first, second, couples, lasting)


def _subjects(plan: Plan, stack: contextlib.ExitStack) -> dict[str, Subject]:
    if plan.live is None:
        return subjects_of(plan, plan.defect)
    card = stack.enter_context(open_target(plan.live))
    stack.callback(card.power_off)
    control = cast("ModelControl | None", getattr(card, "control", None))
    name = starts_of((), plan.live.slot)[0]
    return {name: Subject(card, plan.keys, control, plan.live.slot)}


def _lasting(subjects: dict[str, Subject], *, destructive: bool) -> dict[str, Subject]:
    """The same cards without a way back: what one keeps, the other has to keep too. They are to live on."""
    name, subject = next(iter(subjects.items()))
    cautious = CautiousCard(subject.card, subject.home, destructive=destructive)
    return {name: Subject(cautious, subject.keys, None, subject.slot)}


def measure_of(first: KeyFile, second: KeyFile, *, lasting: bool) -> Measure:
    """How much of the answers of two cards with these keys can be equal.

    Args:
        first, second: their keys.
        lasting: whether one of them draws random numbers that nobody can repeat.
    """
    if first != second:
        return Measure.FORM
    return Measure.CARD if lasting else Measure.BYTES
