"""All scenarios, and how they are chosen."""

import fnmatch
from collections.abc import Iterable
from typing import Final

from tests.tearing import job, management, medical, payment, sam, scripts, social
from tests.tearing.scene import Scenario

_TABLES: Final = (management, social, medical, sam, payment, scripts, job)
SCENARIOS: Final[dict[str, Scenario]] = {scenario.name: scenario for table in _TABLES for scenario in table.SCENARIOS}


def chosen(patterns: Iterable[str]) -> list[Scenario]:
    """The scenarios whose name is one of these or fits one of these patterns (`load-*`), in the order of the table.

    Raises:
        LookupError: one of them fits no scenario.
    """
    found: set[str] = set()
    for pattern in patterns:
        names = fnmatch.filter(SCENARIOS, pattern)
        if not names:
            raise LookupError(f"there is no scenario {pattern!r}; --list shows them all")
        found.update(names)
    return [scenario for scenario in SCENARIOS.values() if scenario.name in found]
