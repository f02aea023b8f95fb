"""Faults that a step of the case language puts into a model."""

from collections.abc import Sequence

from cardsim.control import ModelControl


def inject(control: ModelControl, action: str, numbers: Sequence[int]) -> bool:
    """Arm a fault, or take all of them off; False for another action, or one that takes other numbers."""
    match action, list(numbers):
        case "cut", [after]:
            control.cut(after)
        case "cut-inside", [after, inside]:
            control.cut(after, inside)
        case "fail-page", [times]:
            control.fail_pages(times)
        case "mend", []:
            control.mend()
        case _:
            return False
    return True
