"""A whole key management from one seed: stores, ceremonies, hierarchy, certificate; for workshops to try things out.

The values are those of `cardsim new` with the same seed (`cardsim.making.demo`), so that terminals, hosts and PSAMs of
that seed work with the cards of the workshop. Everything else is as in earnest: keys come in components, go in key
blocks, and every step stands in the registers. Store keys, nonces and serial numbers come from no seed.
"""

from collections.abc import Callable, Iterable
from typing import Final

from cardsim.crypto.padding import xor
from cardsim.crypto.social import Suite
from cardsim.making import demo
from terminal.keymanagement.ceremony import run_ceremony
from terminal.keymanagement.certificates import accept_certificate, ca_spec, certify, issuer_spec, request_certificate
from terminal.keymanagement.components import SUFFIX, Component, Medium
from terminal.keymanagement.hierarchy import MINISTRY, city_of, deliver, province_of, root_specs
from terminal.keymanagement.hsm import KeySpec, PartyHsm, level_of, transport_name
from terminal.keymanagement.kinds import Algorithm, Level, Officer, Place, Role, Usage, suite_of
from terminal.keymanagement.management import CERTIFICATE, FOLDER, KeyManagement
from terminal.keymanagement.names import (
    CARD_MASTER_ROOT,
    ICC_SEED,
    KMC,
    MDK_AC,
    MDK_ENC,
    MDK_MAC,
    OFFLINE_PIN,
    SOCIAL_PIN,
    TRANSPORT_KEY,
)
from terminal.keymanagement.rsakeys import write_rsa
from terminal.perso.workshop import Workshop

BANK: Final = Place(Role.BANK, demo.BIN)
MAKER: Final = Place(Role.MAKER, "8660")
"""Named by the maker's code in the historical bytes."""
AUTHORITY: Final = Place(Role.AUTHORITY, demo.RID.hex().upper())
OFFICERS: Final = {
    Role.DEPARTMENT: Officer("department officer", Role.DEPARTMENT),
    Role.BANK: Officer("bank officer", Role.BANK),
    Role.MAKER: Officer("maker officer", Role.MAKER),
    Role.AUTHORITY: Officer("authority officer", Role.AUTHORITY),
}
CUSTODIANS: Final = ("first custodian", "second custodian")
PINS: Final = ("first demo PIN", "second demo PIN")
"""Of the demo's media; they protect invented keys."""
_COST: Final = 4
_PURPOSE: Final = "demo set-up"
_TRANSPORT_BYTES: Final = 32
_SERIAL: Final = 1


def setup_demo(workshop: Workshop, seed: int | None, cities: Iterable[str] = (demo.AREA,)) -> KeyManagement:
    """Set up the whole key management of a workshop; one that is set up is opened as it is.

    Args:
        workshop: opened.
        seed: of everything; the published demo values without it.
        cities: area codes of the cities that issue cards.

    Raises:
        KeyManagementError: the area code is none, or something cannot be written.
    """
    management = KeyManagement(workshop)
    if not management.places():
        _Setup(management, seed).run()
    for city in cities:
        add_city(management, seed, city)
    return management


def add_city(management: KeyManagement, seed: int | None, area: str) -> None:
    """Another city that issues cards, and its province if that is new.

    Raises:
        KeyManagementError: the area code is none, or something cannot be written.
    """
    _Setup(management, seed).city(area)


class _Setup:
    def __init__(self, management: KeyManagement, seed: int | None) -> None:
        self._management = management
        self._person = demo.demo(seed)

    def run(self) -> None:
        """Ministry, bank, maker and authority."""
        for place in (MINISTRY, BANK, MAKER, AUTHORITY):
            self._management.create(place)
        self._roots()
        self._maker()
        self._bank()

    def city(self, area: str) -> None:
        """Stores of city and province, their transport keys, and their keys."""
        province, city = province_of(area), city_of(area)
        known = self._management.places(Role.DEPARTMENT)
        if city in known:
            return
        for upper, lower in ((MINISTRY, province), (province, city)):
            if lower not in known:
                self._management.create(lower)
                self._shared(upper, lower)
        officer = OFFICERS[Role.DEPARTMENT]
        deliver(self._management, officer, officer, area, _PURPOSE)
        pin = KeySpec(SOCIAL_PIN, Level.CITY, Usage.PIN, Algorithm.DIGITS, len(demo.PIN))
        self._generate(city, [pin])
        self._shared(city, MAKER)

    def _roots(self) -> None:
        """The national roots: the first of each cipher in a ceremony, the others made inside."""
        for suite in Suite:
            specs = root_specs(suite)
            first = next(spec for spec in specs if suite_of(spec.name) == (suite, "IRK"))
            self._ceremony([MINISTRY], first)
            self._generate(MINISTRY, [spec for spec in specs if spec != first])

    def _maker(self) -> None:
        for name in (TRANSPORT_KEY, CARD_MASTER_ROOT):
            self._ceremony([MAKER], KeySpec(name, Level.MAKER, Usage.PERSONALISATION, Algorithm.TDES, 16))

    def _bank(self) -> None:
        for name, usage in (
            (KMC, Usage.PERSONALISATION),
            (MDK_AC, Usage.CRYPTOGRAM),
            (MDK_MAC, Usage.INTEGRITY),
            (MDK_ENC, Usage.CONFIDENTIALITY),
        ):
            self._ceremony([BANK], KeySpec(name, Level.BANK, usage, Algorithm.TDES, 16))
        pin = KeySpec(OFFLINE_PIN, Level.BANK, Usage.PIN, Algorithm.DIGITS, len(demo.PIN))
        seed = KeySpec(ICC_SEED, Level.BANK, Usage.PERSONALISATION, Algorithm.AES, 32)
        self._generate(BANK, [pin, seed, issuer_spec(demo.ISSUER_BITS)])
        self._generate(AUTHORITY, [ca_spec(demo.CA_INDEX, demo.CA_BITS)])
        bank, authority = self._management.hsm(BANK), self._management.hsm(AUTHORITY)
        officer = OFFICERS[Role.BANK]
        request = request_certificate(bank, officer, demo.BIN, demo.CERTIFICATE_EXPIRY)
        answer = certify(authority, OFFICERS[Role.AUTHORITY], request, demo.CA_INDEX, _SERIAL)
        accept_certificate(bank, officer, answer, self._management.path(BANK, CERTIFICATE))
        self._shared(BANK, MAKER)

    def _shared(self, one: Place, other: Place) -> None:
        """A transport key between two stores: the same media are brought to both."""
        name = transport_name(one, other)
        self._ceremony(
            [one, other],
            KeySpec(name, level_of(one), Usage.TRANSPORT, Algorithm.AES, _TRANSPORT_BYTES),
            lambda place: str(other if place == one else one),
        )

    def _generate(self, place: Place, specs: list[KeySpec]) -> None:
        self._hsm(place).generate(OFFICERS[place.role], specs, _PURPOSE, self._value)

    def _ceremony(self, places: list[Place], spec: KeySpec, peer: Callable[[Place], str] = lambda _: "") -> None:
        """A ceremony at one store or at both ends of a way. The last component makes the sum the demo's key."""
        first = self._person.secret(f"component {spec.name}", spec.length)
        values = (first, xor(first, self._value(spec)))
        folder = self._management.workshop.path(FOLDER, places[0].role.value, "media")
        given = []
        for number, (value, custodian, pin) in enumerate(zip(values, CUSTODIANS, PINS, strict=True), 1):
            component = Component(spec.name, spec.algorithm, number, len(values), value)
            path = folder / f"{spec.name.replace('/', '-').replace(' ', '_')}.{number}{SUFFIX}"
            medium = Medium.write(path, custodian, component, pin, cost=_COST, random=self._management.random)
            given.append((custodian, medium, pin))
        for place in places:
            own = KeySpec(spec.name, level_of(place), spec.usage, spec.algorithm, spec.length, peer(place))
            run_ceremony(self._hsm(place), OFFICERS[place.role], own, given, _PURPOSE)

    def _hsm(self, place: Place) -> PartyHsm:
        return self._management.hsm(place)

    def _value(self, spec: KeySpec) -> bytes:
        """The value that `cardsim new` has for it."""
        match spec.algorithm:
            case Algorithm.RSA:
                return write_rsa(self._person.rsa("issuer" if spec.level is Level.BANK else "ca"))
            case Algorithm.DIGITS:
                return demo.PIN.encode("ascii")
            case _:
                return self._person.secret(spec.name, spec.length)
