"""The personalisation machine of a run: takes blank bodies, makes cards of them, and tells what became of each.

Where bodies come from and where they lie is `Bodies`: images in a folder, or a card in a reader (`reader.py`). A body
is there before the first command goes to it, so that what was broken off is found again and finished.
"""

import contextlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cardsim.assembly import ImageError, open_card
from cardsim.cos.states import Presence
from cardsim.iso7816.card import Card
from cardsim.making.keyservice import KeyRefused
from cardsim.making.station import MakingError, Mute, Refused, ServiceRefused
from terminal.errors import LinkError
from terminal.perso.kinds import Side
from terminal.perso.making.blanks import Manufacturer, serial_of
from terminal.perso.making.body import BodyState
from terminal.perso.making.personaliser import Personaliser, WrongBody, area_of, check_body, feedback_of
from terminal.perso.production.task import BodyFound, CardFailed, Condition, DataMissing, Made, Task, Written


class Bodies(Protocol):
    """Where the bodies of a run are."""

    def there(self, task: Task) -> bool:
        """Whether a body was taken for the task."""

    def take(self, task: Task) -> None:
        """Take a blank one, if none was.

        Raises:
            LinkError: there is none to be had.
        """

    def open(self, task: Task) -> AbstractContextManager[Card]:
        """The task's body.

        Raises:
            ImageError, LinkError: it is not reached.
        """

    def change(self, task: Task) -> bool:
        """Another body is wanted, for this one belongs to another order; whether there may be another one now."""


@dataclass(frozen=True, slots=True)
class Images:
    """Bodies of the model: images in the workshop's `cards`, blank ones from a lot."""

    lot: Manufacturer

    def there(self, task: Task) -> bool:
        """Whether its image exists."""
        return Path(task.body).exists()

    def take(self, task: Task) -> None:
        """A blank image."""
        if self.there(task):
            return
        if task.record.social is None:
            name = Path(task.body).name
            raise LinkError(f"{name} is not there; the finance step takes the bodies of the social-security step")
        self.lot.blank(Path(task.body), area_of(task.record), serial_of(task.record.social, task.attempt))

    @contextlib.contextmanager
    def open(self, task: Task) -> Iterator[Card]:
        """The image, which keeps what is written."""
        with open_card(Path(task.body), seed=task.seed) as card:
            social = task.record.social
            if social is not None and self.lot.faulty(serial_of(social, task.attempt)):
                card.fail_pages(None)
            yield card

    def change(self, task: Task) -> bool:  # noqa: ARG002
        """An image is what it is."""
        return False


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine of a run: `CardMaker` of production. `key_sets` names the keys that each side was written with."""

    personaliser: Personaliser
    bodies: Bodies
    key_sets: Mapping[Side, str] = field(default_factory=dict)

    def look(self, task: Task) -> BodyFound:
        """What the body of a task says of itself."""
        while True:
            if not self.bodies.there(task):
                return BodyFound(Condition.ABSENT)
            try:
                with self.bodies.open(task) as card:
                    told = self._told(self.personaliser.look(card), task)
            except (MakingError, ImageError) as error:
                raise LinkError(f"{Path(task.body).name}: {error}") from error
            if told.state is not Condition.FOREIGN or not self.bodies.change(task):
                return told

    def _told(self, state: BodyState, task: Task) -> BodyFound:
        try:
            check_body(state, task.record)
        except WrongBody:
            return BodyFound(Condition.FOREIGN)
        if all(state.done(side) for side in self._sides(task)):
            return BodyFound(Condition.FINISHED, self._made(state, task))
        begun = any(state.presence(side) >= Presence.CREATED for side in Side)
        return BodyFound(Condition.PARTLY if begun else Condition.BLANK)

    def make(self, task: Task) -> Made:
        """Take a body if there is none yet, and write it."""
        sides = self._sides(task)
        try:
            self.personaliser.check(task.record, sides)
        except MakingError as error:
            raise DataMissing(str(error)) from error
        historical = ""
        try:
            self.bodies.take(task)
            with self.bodies.open(task) as card:
                historical = self.personaliser.look(card).historical.hex().upper()
                self.personaliser.make(card, task.record, sides)
                return self._made(self.personaliser.look(card), task)
        except Refused as error:
            raise CardFailed(error.step, str(error), historical) from error
        except (Mute, ServiceRefused, KeyRefused, ImageError) as error:
            raise LinkError(f"order {task.order}: {error}") from error
        except MakingError as error:
            raise CardFailed("after the last step", str(error), historical) from error

    def _made(self, state: BodyState, task: Task) -> Made:
        written = (Written(side.value, self.key_sets.get(side, "")) for side in self._sides(task))
        return Made(feedback_of(state, task.record), tuple(written))

    def _sides(self, task: Task) -> tuple[Side, ...]:
        return self.personaliser.sides_of(task.step.sides)
