"""How a worker of a run gets its machine: the plan of the cards, where bodies are, and the run's key service.

A recipe goes to a worker through memory or a pipe, never through a file. With it goes what opens the run's channels to
the parties' HSMs for as long as the run lasts; a key is not in its text.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cardsim.making.keyservice import KeyRefused
from terminal.errors import LinkError
from terminal.keymanagement.kinds import KeyManagementError
from terminal.keymanagement.runs import KeyRuns, RunPass
from terminal.keymanagement.service import RunKeys
from terminal.perso.kinds import Side
from terminal.perso.making.personaliser import Personaliser, Plan
from terminal.perso.production.machine import Bodies, Machine


@dataclass(frozen=True, slots=True)
class MachineRecipe:
    """A worker's machine; `Recipe` of production.

    `run` gives the pass of the run that is open; it is asked when the recipe is handed to a worker.
    """

    plan: Plan
    bodies: Bodies
    run: Callable[[], RunPass]

    def __reduce__(self) -> tuple[type["MachineRecipe"], tuple[Plan, Bodies, "_Opened"]]:
        return MachineRecipe, (self.plan, self.bodies, _Opened(self.run()))

    @contextlib.contextmanager
    def open(self, worker: int) -> Iterator[Machine]:  # noqa: ARG002 - all machines are alike
        """The machine.

        Raises:
            LinkError: the run is not open.
        """
        try:
            opened = self.run()
            keys = RunKeys(opened)
        except (KeyManagementError, KeyRefused) as error:
            raise LinkError(str(error)) from error
        yield Machine(Personaliser(self.plan, keys), self.bodies, dict.fromkeys(Side, opened.key_set))


@dataclass(frozen=True, slots=True)
class _Opened:
    """A run that is open, as a worker knows it."""

    run: RunPass

    def __call__(self) -> RunPass:
        return self.run


def machine_recipe(plan: Plan, bodies: Bodies, runs: KeyRuns, batch: str) -> MachineRecipe:
    """The recipe of a batch, before its run is open."""
    return MachineRecipe(plan, bodies, lambda: runs.pass_of(batch))
