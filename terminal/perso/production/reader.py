"""Bodies in a reader: physical cards, one after the other, changed by a person."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cardsim.iso7816.card import Card
from terminal.links.target import Target, open_target
from terminal.perso.production.task import Task


@dataclass(frozen=True, slots=True)
class InReader:
    """The card in a reader. `ask` tells a person what to do and waits; it says whether that was done."""

    target: Target
    ask: Callable[[str], bool]

    def there(self, task: Task) -> bool:  # noqa: ARG002
        """Whatever lies there is looked at."""
        return True

    def take(self, task: Task) -> None:
        """The body lies there."""

    @contextlib.contextmanager
    def open(self, task: Task) -> Iterator[Card]:  # noqa: ARG002
        """The card, connected anew: it may have been changed."""
        with open_target(self.target) as card:
            try:
                yield card
            finally:
                card.power_off()

    def change(self, task: Task) -> bool:
        """Ask for the next body."""
        return self.ask(f"put a blank card into {self.target.name} for order {task.order}")
