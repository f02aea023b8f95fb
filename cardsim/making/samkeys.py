"""What must live here: the parties that make a PSAM in turn, the names of the keys that each of them holds, and the key
services of a seed.

A party's service has nothing but that party's keys. So who has the PSAM does his own part and no other's: a key file of
the three levels opens for its KID alone, and that key is in one service.
"""

import enum
from collections.abc import Mapping
from typing import Final

from cardsim.crypto import social
from cardsim.crypto.social import Suite
from cardsim.keyfile import generation_name
from cardsim.making import demo
from cardsim.making.keyservice import TRANSPORT, HeldKeys, LoadingKeys
from cardsim.making.samplan import MF, EnvironmentPlan, KeyPlan, PsamProfile
from cardsim.making.ssse import key_length
from cardsim.psam.keys import CITY, NATIONAL, PROVINCIAL

APPLICATION: Final = "application master"
"""Application master key (应用主控密钥). Each party has it, because CREATE KEY is enciphered and MACed under it."""

TRANSPORT_SECRET: Final = "psam transport"
"""Name of the secret of a seed that is the transport key of blank PSAMs."""

SamKeys = Mapping[int, LoadingKeys]
"""A party's key services for one PSAM, by identifier of the environment: each environment has one cipher."""


class SamParty(enum.Enum):
    """Who makes a PSAM, in the order in which they have it."""

    BASE = "base"
    """Sets it up: master keys, files, own keys."""
    NATIONAL = "national"
    """部级."""
    PROVINCIAL = "provincial"
    """省级."""
    CITY = "city"
    """地市级."""

    @property
    def before(self) -> "SamParty | None":
        """Who has it before; None for who sets it up."""
        place = TURNS.index(self)
        return TURNS[place - 1] if place else None


TURNS: Final = tuple(SamParty)
KEY_FILES: Final[Mapping[SamParty, int]] = {
    SamParty.NATIONAL: NATIONAL,
    SamParty.PROVINCIAL: PROVINCIAL,
    SamParty.CITY: CITY,
}
"""Key file of each level, and with it the level's KID (`cardsim.psam.loading.OPENS`)."""


def master_name(plan: EnvironmentPlan) -> str:
    """The master key of an environment."""
    return f"{plan.fid:04X} master"


def kid_name(number: int) -> str:
    """The key that authenticates a level: 1 national, 2 provincial, 3 city."""
    return f"KID-{number:02d}"


def delivered_name(plan: KeyPlan, generation: int) -> str:
    """A key of the three levels as it is delivered: name in a key file, and how many levels the PSAM still derives."""
    return f"{generation_name(plan.name, generation)}/{plan.levels}"


# --- the keys of a seed


def own_keys(person: demo.Demo, plan: EnvironmentPlan) -> dict[str, bytes]:
    """The PSAM's own keys in one environment: master keys of environment and application, KID-01 to 03."""
    unique = f"{plan.suite.value} {person.historical.hex()}"
    kids = {kid_name(number): person.secret(f"psam KID-0{number} {unique}") for number in (1, 2, 3)}
    return {
        master_name(plan): person.secret(f"psam master {unique}"),
        APPLICATION: person.secret(f"psam application {unique}"),
    } | kids


def sam_roots(person: demo.Demo, suite: Suite, profile: PsamProfile) -> dict[str, bytes]:
    """The national root keys of what a PSAM holds for user cards of a suite, by name and generation."""
    names = {
        generation_name(plan.name, generation): plan.name
        for plan in profile.keys
        for generation in profile.generations_of(plan)
    }
    return {name: person.secret(f"{suite.value} {name}", key_length(of, suite)) for name, of in names.items()}


def demo_services(person: demo.Demo, profile: PsamProfile, party: SamParty) -> SamKeys:
    """A party's key services for the PSAM of a seed."""
    own = {plan.fid: own_keys(person, plan) for plan in profile.environments}
    held: dict[int, dict[str, bytes]] = {}
    for plan in profile.environments:
        keys = own[plan.fid]
        if party is SamParty.BASE:
            held[plan.fid] = keys
        else:
            kid = kid_name(TURNS.index(party))
            held[plan.fid] = {APPLICATION: keys[APPLICATION], kid: keys[kid]}
            held[plan.fid] |= _delivered(person, profile, plan.suite, KEY_FILES[party])
    if party is SamParty.BASE:
        # The second environment gets its first master key under the MF's.
        held[MF.fid][TRANSPORT] = person.secret(TRANSPORT_SECRET)
        held[MF.fid] |= {master_name(plan): own[plan.fid][master_name(plan)] for plan in profile.environments}
    return {plan.fid: HeldKeys(plan.suite, held[plan.fid]) for plan in profile.environments}


def _delivered(person: demo.Demo, profile: PsamProfile, suite: Suite, file: int) -> dict[str, bytes]:
    roots = sam_roots(person, suite, profile)
    return {
        delivered_name(plan, generation): _derived(person, suite, plan, roots[generation_name(plan.name, generation)])
        for plan in profile.keys
        if plan.file == file
        for generation in profile.generations_of(plan)
    }


def _derived(person: demo.Demo, suite: Suite, plan: KeyPlan, root: bytes) -> bytes:
    """A national root, derived as far as the plan's levels say."""
    key = root
    factors = (
        social.factor_province(person.area),
        social.factor_city(person.area),
        social.factor_card(person.historical),
    )
    for factor in factors[: len(factors) - plan.levels]:
        key = social.diversify(suite, key, factor)
    return key
