"""Model cards for tests: made once for each profile by their own commands, then a fresh copy for each test."""

from functools import cache

from cardsim.assembly import CardModel, new_card, seeded
from cardsim.chip.eeprom import Eeprom
from cardsim.keyfile import KeyFile
from cardsim.making.card import activate, make_card
from cardsim.making.demo import PSN, demo
from cardsim.making.structure import DEFAULT_PROFILE, load_profile
from cardsim.testing.checks import secrets_of


@cache
def _made(profile: str, seed: int | None) -> tuple[bytes, KeyFile]:
    """Cells and keys of a finished card."""
    plan, model = load_profile(profile), new_card(seed=seed or 0)
    activate(model, seed, switches=plan.switches, choices=plan.choices)
    keys = make_card(model, plan, seed)
    return model.eeprom.snapshot().cells, keys


def model_card(profile: str = DEFAULT_PROFILE, seed: int | None = None, *, random: int = 0) -> CardModel:
    """An operational card of a profile, without power; each call gives another one with the same content.

    Args:
        profile: name or file, as `cardsim new --profile` takes it.
        seed: of holder and keys; without one the published demo card.
        random: seed of its random numbers.

    Raises:
        ProfileError: no such profile, or wrong content.
    """
    cells, _ = _made(profile, seed)
    return CardModel(Eeprom(bytearray(cells)), seeded(random))


def model_secrets(profile: str = DEFAULT_PROFILE, seed: int | None = None) -> frozenset[bytes]:
    """What may stand in no answer of that card."""
    return secrets_of(model_keys(profile, seed), demo(seed).pan, PSN)


def model_keys(profile: str = DEFAULT_PROFILE, seed: int | None = None) -> KeyFile:
    """The key file of that card."""
    return _made(profile, seed)[1]
