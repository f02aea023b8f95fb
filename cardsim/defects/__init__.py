"""Defects: deliberate faults of one card, each small and named, to prove that a test finds them.

`apply_defect` changes one `CardModel` and nothing else: no class, no module. See `cardsim.defects.registry`.
"""

from cardsim.defects.defect import Defect, Side
from cardsim.defects.registry import DefectError, apply_defect, defects, find_defect

__all__ = ["Defect", "DefectError", "Side", "apply_defect", "defects", "find_defect"]
