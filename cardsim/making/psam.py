"""A whole PSAM of a seed, from a virgin chip to an issued one, by its own commands alone; and its part of the key file.

All parties are one here: `cardsim new --psam`. Parties that take turns do it with `cardsim.making.samstation`.
"""

from typing import Final

from cardsim.iso7816.card import Card
from cardsim.keyfile import KeyFile, PsamEnvironmentKeys, PsamKeys
from cardsim.making import demo
from cardsim.making.samkeys import (
    APPLICATION,
    KEY_FILES,
    TRANSPORT_SECRET,
    SamParty,
    demo_services,
    kid_name,
    master_name,
    own_keys,
    sam_roots,
)
from cardsim.making.samplan import EnvironmentPlan, PsamProfile
from cardsim.making.samstation import AID, SamMaker, SamOrder, create_environments, status_of
from cardsim.making.station import MakingError, Station

HISTORICAL: Final = bytes.fromhex("00814A5341")
"""Chip 0081 and COS of the PSAM; maker, region and serial number behind them are the user card's."""
_TRIES: Final = 5


def psam_historical(person: demo.Demo) -> bytes:
    """Historical bytes of the PSAM of a seed."""
    return HISTORICAL + person.historical[5:]


def terminal_number(person: demo.Demo) -> str:
    """Terminal number: area code of the issuing city, and six digits of its own (SSC part 9 §7.3.3)."""
    return f"{person.area}{person.serial % 10**6:06d}"


def psam_order(person: demo.Demo, profile: PsamProfile) -> SamOrder:
    """The order for the PSAM of a seed."""
    return SamOrder(profile, f"{person.serial:020d}", terminal_number(person), demo.ISSUED, demo.EXPIRES)


def activate_psam(card: Card, seed: int | None, switches: int = 0) -> KeyFile:
    """Make a blank PSAM of a virgin chip: transport key and historical bytes, nothing else.

    Raises:
        MakingError: a step was refused.
    """
    person = demo.demo(seed)
    transport = person.secret(TRANSPORT_SECRET)
    activate_psam_with(card, transport, psam_historical(person), switches)
    return KeyFile(psam=PsamKeys(person.area, terminal_number(person), transport))


def activate_psam_with(card: Card, transport: bytes, historical: bytes, switches: int = 0) -> None:
    """The same with a transport key (16 bytes) and historical bytes that are given.

    Raises:
        MakingError: a step was refused.
    """
    station = Station(card)
    station.reset()
    data = transport + bytes((_TRIES,)) + switches.to_bytes(2, "big") + historical
    station.send("ACTIVATE", bytes.fromhex("80F00000") + bytes((len(data),)) + data)
    card.power_off()


def make_psam(card: Card, profile: PsamProfile, seed: int | None) -> KeyFile:
    """Make an issued PSAM of a blank one and return its key file.

    Raises:
        MakingError: a step was refused.
    """
    person = demo.demo(seed)
    order = psam_order(person, profile)
    services = {party: demo_services(person, profile, party) for party in SamParty}
    station = Station(card)
    station.reset()
    found = status_of(station)
    if found is None:
        raise MakingError("the PSAM is issued already")
    base = services[SamParty.BASE]
    create_environments(station, profile, base, found)
    for plan in profile.environments:
        setting_up = SamMaker(station, plan, order, base[plan.fid])
        setting_up.select()
        setting_up.lay_out()
        station.select(AID)
        for party, file in KEY_FILES.items():
            SamMaker(station, plan, order, services[party][plan.fid]).level(file)
        setting_up.end()
    card.power_off()
    return psam_key_file(person, profile)


def psam_key_file(person: demo.Demo, profile: PsamProfile) -> KeyFile:
    """All keys of the PSAM of a seed, and the roots of what it holds for user cards."""
    keys = tuple(_environment(person, plan, profile) for plan in profile.environments)
    return KeyFile(psam=PsamKeys(person.area, terminal_number(person), person.secret(TRANSPORT_SECRET), keys))


def _environment(person: demo.Demo, plan: EnvironmentPlan, profile: PsamProfile) -> PsamEnvironmentKeys:
    own = own_keys(person, plan)
    national, provincial, city = (own[kid_name(number)] for number in (1, 2, 3))
    roots = sam_roots(person, plan.suite, profile)
    master, application = own[master_name(plan)], own[APPLICATION]
    return PsamEnvironmentKeys(f"{plan.fid:04X}", plan.suite, master, application, national, provincial, city, roots)
