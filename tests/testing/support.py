"""How the kit's machines are run in tests: few examples, the same each time, no shrinking of what is found."""

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from cardsim.assembly import CardModel
from cardsim.defects import apply_defect, defects
from cardsim.testing.machine import CardMachine
from cardsim.testing.models import model_card


def few(examples: int, steps: int = 20) -> settings:
    """Settings for so many examples."""
    return settings(
        max_examples=examples, stateful_step_count=steps, derandomize=True, deadline=None, database=None,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck), print_blob=False,
    )  # fmt: skip


def run(machine: type[CardMachine], examples: int, steps: int = 20) -> None:
    """Run a machine.

    Raises:
        AssertionError: what it found.
    """
    try:
        run_state_machine_as_test(machine, settings=few(examples, steps))
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None


def with_defect(name: str) -> type[CardMachine]:
    """A machine whose model card has a named defect."""

    class Defective(CardMachine):
        spare = False

        def make_card(self) -> CardModel:
            card = model_card()
            apply_defect(card, defects()[name])
            return card

    return Defective
