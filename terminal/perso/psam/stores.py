"""Keys for PSAMs from the department's key stores: each party's from its own, ministry, province or city.

The PSAM's own keys have roots like all others: `psam master`, `psam application`, `psam KID-01` to `03` and the
transport key of the blanks stand in the ministry's store. What a level below needs comes down by one diversification
for each level (STD-9 §7.3): application master key and KID-02 to the province, application master key and KID-03 to the
city. A PSAM's own keys are derived from them by its serial number. KID-03 passes through the province, as all keys of a
city do; the service of the province's turn does not have it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, assert_never

from cardsim.crypto import social
from cardsim.crypto.social import Suite
from cardsim.keyfile import generation_name
from cardsim.making import demo
from cardsim.making.blank import write_blank_psam
from cardsim.making.keyservice import TRANSPORT, HeldKeys, KeyRefused
from cardsim.making.samkeys import (
    APPLICATION,
    KEY_FILES,
    TURNS,
    SamKeys,
    SamParty,
    delivered_name,
    kid_name,
    master_name,
)
from cardsim.making.samplan import MF, EnvironmentPlan, PsamProfile
from terminal.keymanagement.demo import OFFICERS, setup_demo
from terminal.keymanagement.hierarchy import MINISTRY, city_of, province_of
from terminal.keymanagement.hsm import KeySpec, PartyHsm
from terminal.keymanagement.kinds import Algorithm, KeyManagementError, Level, Place, Role, Usage, suite_name
from terminal.keymanagement.management import KeyManagement
from terminal.perso.psam.keys import historical_of
from terminal.perso.workshop import Workshop

TRANSPORT_ROOT: Final = "psam transport"
"""Of the manufacturer's blank PSAMs; he told it to the ministry."""
_MASTER_ROOT: Final = "psam master"
_APPLICATION_ROOT: Final = "psam application"
_BASE: Final = (_MASTER_ROOT, _APPLICATION_ROOT, *(f"psam {kid_name(number)}" for number in (1, 2, 3)))
_TO_PROVINCE: Final = (_APPLICATION_ROOT, f"psam {kid_name(2)}", f"psam {kid_name(3)}")
_TO_CITY: Final = (_APPLICATION_ROOT, f"psam {kid_name(3)}")
_LENGTH: Final = 16
_DEPARTMENT: Final = OFFICERS[Role.DEPARTMENT]
_PURPOSE: Final = "keys of PSAMs"


def open_stores(workshop: Workshop, seed: int | None, areas: tuple[str, ...] = ()) -> "StoreKeys":
    """The key stores of a workshop, set up from a seed where they are missing, with the roots of PSAMs for these areas.

    Raises:
        KeyManagementError: an area code is none, or a store does not open.
    """
    management = setup_demo(workshop, seed, areas or (demo.AREA,))
    person = demo.demo(seed)
    ministry = management.hsm(MINISTRY)
    specs = [_spec(suite_name(suite, name), suite) for suite in Suite for name in _BASE]
    specs.append(_spec(TRANSPORT_ROOT, Suite.DES))
    missing = [spec for spec in specs if ministry.find(spec.name) is None]
    if missing:
        ministry.generate(_DEPARTMENT, missing, _PURPOSE, lambda spec: person.secret(spec.name, spec.length))
    for area in areas:
        province, city = province_of(area), city_of(area)
        _bring_down(management, MINISTRY, province, _TO_PROVINCE, social.factor_province(area))
        _bring_down(management, province, city, _TO_CITY, social.factor_city(area))
    return StoreKeys(management)


def _spec(name: str, suite: Suite) -> KeySpec:
    algorithm = Algorithm.SM4 if suite is Suite.SM4 else Algorithm.TDES
    return KeySpec(name, Level.NATIONAL, Usage.PERSONALISATION, algorithm, _LENGTH)


def _bring_down(management: KeyManagement, upper: Place, lower: Place, names: tuple[str, ...], factor: bytes) -> None:
    above, below = management.hsm(upper), management.hsm(lower)
    wanted = [suite_name(suite, name) for suite in Suite for name in names]
    missing = [name for name in wanted if below.find(name) is None]
    if missing:
        blocks = above.export(_DEPARTMENT, missing, lower, _PURPOSE, factor=factor)
        below.import_blocks(_DEPARTMENT, blocks, upper, _PURPOSE)


@dataclass(frozen=True, slots=True)
class _Derivation:
    """How a PSAM's key follows from the key of a store: the store's name for it, cipher, and factors that remain."""

    name: str
    suite: Suite
    factors: tuple[bytes, ...]

    def of(self, key: bytes) -> bytes:
        """The PSAM's key."""
        for factor in self.factors:
            key = social.diversify(self.suite, key, factor)
        return key


class _Derived(Mapping[str, bytes]):
    """Keys of one environment of one PSAM, computed inside a party's HSM when they are needed; no others."""

    def __init__(self, hsm: PartyHsm, named: Mapping[str, _Derivation], purpose: str) -> None:
        self._hsm = hsm
        self._named = named
        self._purpose = purpose

    def __getitem__(self, name: str) -> bytes:
        derivation = self._named[name]
        try:
            return self._hsm.compute(_DEPARTMENT, derivation.name, self._purpose, derivation.of)
        except KeyManagementError as error:
            raise KeyRefused(str(error)) from error

    def __contains__(self, name: object) -> bool:
        return name in self._named

    def __iter__(self) -> Iterator[str]:
        return iter(self._named)

    def __len__(self) -> int:
        return len(self._named)


class StoreKeys:
    """`SamKeySource` of a workshop's key stores.

    Args:
        management: with the roots of PSAMs (`open_stores`).
    """

    def __init__(self, management: KeyManagement) -> None:
        self._management = management

    def services(self, area: str, serial: int, profile: PsamProfile, party: SamParty) -> SamKeys:
        """As in `SamKeySource`.

        Raises:
            KeyManagementError: the party has no store, or it does not open.
        """
        place, depth = _store_of(party, area)
        hsm = self._management.hsm(place)
        card = social.factor_card(historical_of(area, serial))
        factors = (social.factor_province(area), social.factor_city(area), card)[depth:]
        purpose = f"PSAM {area} {serial}, {party.value} party"
        return {
            plan.fid: HeldKeys(plan.suite, _Derived(hsm, _named(profile, plan, party, factors), purpose))
            for plan in profile.environments
        }

    def deliver(self, path: Path, area: str, serial: int, profile: PsamProfile) -> None:
        """As in `SamKeySource`."""
        ministry, historical = self._management.hsm(MINISTRY), historical_of(area, serial)

        def activate(transport: bytes) -> None:
            write_blank_psam(path, transport, historical, seed=serial, switches=int(profile.switches))

        ministry.compute(_DEPARTMENT, TRANSPORT_ROOT, f"PSAM {area} {serial}, from its manufacturer", activate)


def _store_of(party: SamParty, area: str) -> tuple[Place, int]:
    """A party's store, and how many diversifications its keys have behind them."""
    match party:
        case SamParty.BASE | SamParty.NATIONAL:
            return MINISTRY, 0
        case SamParty.PROVINCIAL:
            return province_of(area), 1
        case SamParty.CITY:
            return city_of(area), 2
        case _:
            assert_never(party)


def _named(
    profile: PsamProfile, plan: EnvironmentPlan, party: SamParty, factors: tuple[bytes, ...]
) -> dict[str, _Derivation]:
    """What a party's service has for one environment, and nothing else."""
    if party is not SamParty.BASE:
        own = {APPLICATION: _own(_APPLICATION_ROOT, plan.suite, factors)}
        number = TURNS.index(party)
        own[kid_name(number)] = _own(f"psam {kid_name(number)}", plan.suite, factors)
        return own | _delivered(profile, plan.suite, KEY_FILES[party], factors)
    base = {APPLICATION: _own(_APPLICATION_ROOT, plan.suite, factors)}
    base |= {kid_name(number): _own(f"psam {kid_name(number)}", plan.suite, factors) for number in (1, 2, 3)}
    # The second environment gets its first master key under the MF's.
    for one in profile.environments if plan == MF else (plan,):
        base[master_name(one)] = _own(_MASTER_ROOT, one.suite, factors)
    if plan == MF:
        base[TRANSPORT] = _Derivation(TRANSPORT_ROOT, plan.suite, ())
    return base


def _own(root: str, suite: Suite, factors: tuple[bytes, ...]) -> _Derivation:
    return _Derivation(suite_name(suite, root), suite, factors)


def _delivered(profile: PsamProfile, suite: Suite, file: int, factors: tuple[bytes, ...]) -> dict[str, _Derivation]:
    """Keys of a level; one that has more levels left than the store's keys cannot be given."""
    return {
        delivered_name(plan, generation): _Derivation(
            suite_name(suite, generation_name(plan.name, generation)), suite, factors[: len(factors) - plan.levels]
        )
        for plan in profile.keys
        if plan.file == file and plan.levels <= len(factors)
        for generation in profile.generations_of(plan)
    }
