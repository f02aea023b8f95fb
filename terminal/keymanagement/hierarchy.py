"""The hierarchy of social keys: ministry, province, city (部→省→市): each level gets its own keys from the one above.

A city's store holds keys of the city alone and derives the same card keys from them as the national roots would give
(STD-9 §7.3).
"""

from functools import cache
from typing import Final

from cardsim.crypto.social import Suite, factor_city, factor_province
from cardsim.keyfile import generation_name
from cardsim.making.keyservice import SSSE_FIRST, SSSE_MASTER
from cardsim.making.ssse import key_length
from cardsim.making.structure import load_structure
from terminal.keymanagement.hsm import NATIONAL, PROVINCE_DIGITS, KeySpec
from terminal.keymanagement.kinds import Algorithm, KeyManagementError, Level, Officer, Place, Role, Usage, suite_name
from terminal.keymanagement.management import KeyManagement

STRUCTURES: Final = ("ssse-1.0", "ssse-2.0", "ssse-3.0")
MASTERS: Final = (SSSE_FIRST, SSSE_MASTER)
"""Master keys of SSSE: the one that it is handed over with, and the department's own (D5, D6)."""
MINISTRY: Final = Place(Role.DEPARTMENT, NATIONAL)


@cache
def social_names() -> tuple[str, ...]:
    """Names of all keys of SSSE in any structure, each generation by its own."""
    plans = [key for structure in STRUCTURES for key in load_structure(structure).keys]
    names = {generation_name(key.name, n) for key in plans for n in range(1, key.generations + 1)}
    return (*sorted(names), *MASTERS)


def root_specs(suite: Suite) -> tuple[KeySpec, ...]:
    """The national roots of a cipher."""
    return tuple(_root(suite, name) for name in social_names())


def _root(suite: Suite, name: str) -> KeySpec:
    length = key_length(name, suite)
    algorithm = Algorithm.SM4 if suite is Suite.SM4 else Algorithm.TDES if length > 8 else Algorithm.DES
    return KeySpec(suite_name(suite, name), Level.NATIONAL, Usage.SOCIAL, algorithm, length)


def province_of(area: str) -> Place:
    """The store of an area's province."""
    return Place(Role.DEPARTMENT, area[:PROVINCE_DIGITS])


def city_of(area: str) -> Place:
    """The store of an area's city; Zhejiang has one for each prefecture (STD-9 §7.3).

    Raises:
        KeyManagementError: it is no area code.
    """
    try:
        return Place(Role.DEPARTMENT, factor_city(area)[:6].decode("ascii"))
    except ValueError as error:
        raise KeyManagementError(f"{area}: {error}") from error


def deliver(management: KeyManagement, giver: Officer, taker: Officer, area: str, purpose: str) -> int:
    """Bring the active roots down to an area; how many keys the city got.

    They go from the ministry to the province, and from there to the city.

    What a level has already in that version stays. The stores and their transport keys are there.

    Raises:
        KeyManagementError: a role is another one, a store or a transport key is missing.
    """
    province, city = province_of(area), city_of(area)
    count = 0
    for upper, lower, factor in (
        (MINISTRY, province, factor_province(area)),
        (province, city, factor_city(area)),
    ):
        above, below = management.hsm(upper), management.hsm(lower)
        missing = [
            info.name
            for info in above.known()
            if info.usage is Usage.SOCIAL
            and above.find(info.name) == info
            and below.find(info.name, info.version) is None
        ]
        count = len(missing)
        if missing:
            blocks = above.export(giver, missing, lower, purpose, factor=factor)
            below.import_blocks(taker, blocks, upper, purpose)
    return count
