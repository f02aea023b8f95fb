"""The personalisation machine of a run on the model: takes blank bodies from the lot, makes cards of them as images.

A body is a file in the workshop's `cards`. It is there before the first command goes to it, so that what was broken
off, by a cut or a killed process, is found again and finished.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cardsim.assembly import CardModel, ImageError, open_card
from cardsim.cos.states import Presence
from cardsim.making.keyservice import KeyRefused
from cardsim.making.station import MakingError, Mute, Refused, ServiceRefused
from terminal.errors import LinkError
from terminal.perso.making.blanks import Manufacturer, serial_of
from terminal.perso.making.body import BodyState, Side
from terminal.perso.making.personaliser import Personaliser, WrongBody, area_of, check_body, feedback_of
from terminal.perso.production.task import Body, CardFailed, DataMissing, Made, Step, Task, Written
from terminal.perso.production.task import BodyState as Told

SIDES: Final[Mapping[Step, tuple[Side, ...]]] = {
    Step.BOTH: (Side.SOCIAL, Side.FINANCE),
    Step.SOCIAL: (Side.SOCIAL,),
    Step.FINANCE: (Side.FINANCE,),
}
"""The sides that a step writes."""


@dataclass(frozen=True, slots=True)
class ModelMachine:
    """One machine of a run: `CardMaker` of production. `key_sets` names the keys that each side was written with."""

    personaliser: Personaliser
    lot: Manufacturer
    key_sets: Mapping[Side, str] = field(default_factory=dict)

    def look(self, task: Task) -> Body:
        """What the body of a task says of itself."""
        path = Path(task.body)
        if not path.exists():
            return Body(Told.ABSENT)
        try:
            with self._open(task) as card:
                state = self.personaliser.look(card)
        except (MakingError, ImageError) as error:
            raise LinkError(f"{path.name}: {error}") from error
        return self._told(state, task)

    def _told(self, state: BodyState, task: Task) -> Body:
        try:
            check_body(state, task.record)
        except WrongBody:
            return Body(Told.FOREIGN)
        if all(state.done(side) for side in self._sides(task)):
            return Body(Told.FINISHED, self._made(state, task))
        begun = any(state.presence(side) >= Presence.CREATED for side in Side)
        return Body(Told.PARTLY if begun else Told.BLANK)

    def make(self, task: Task) -> Made:
        """Take a body if there is none yet, and write it."""
        sides = self._sides(task)
        try:
            self.personaliser.check(task.record, sides)
        except MakingError as error:
            raise DataMissing(str(error)) from error
        historical = ""
        try:
            self._take(task)
            with self._open(task) as card:
                historical = self.personaliser.look(card).historical.hex().upper()
                self.personaliser.make(card, task.record, sides)
                return self._made(self.personaliser.look(card), task)
        except Refused as error:
            raise CardFailed(error.step, str(error), historical) from error
        except (Mute, ServiceRefused, KeyRefused, ImageError) as error:
            raise LinkError(f"order {task.order}: {error}") from error
        except MakingError as error:
            raise CardFailed("after the last step", str(error), historical) from error

    def _take(self, task: Task) -> None:
        path = Path(task.body)
        if path.exists():
            return
        if task.record.social is None:
            raise LinkError(f"{path.name} is not there; the finance step takes the bodies of the social-security step")
        self.lot.blank(path, area_of(task.record), serial_of(task.record.social, task.attempt))

    @contextlib.contextmanager
    def _open(self, task: Task) -> Iterator[CardModel]:
        with open_card(Path(task.body), seed=task.seed) as card:
            social = task.record.social
            if social is not None and self.lot.faulty(serial_of(social, task.attempt)):
                card.fail_pages(None)
            yield card

    def _made(self, state: BodyState, task: Task) -> Made:
        written = (Written(side.value, self.key_sets.get(side, "")) for side in self._sides(task))
        return Made(feedback_of(state, task.record), tuple(written))

    def _sides(self, task: Task) -> tuple[Side, ...]:
        return self.personaliser.sides_of(SIDES[task.step])
