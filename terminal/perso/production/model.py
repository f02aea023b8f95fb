"""The workers of a workshop whose cards are images, from its settings.

[cards]
profile = "dual-3.0-sm4"   # what the cards become
seed = 3                   # of the keys, when the workshop has none yet; without it the published demo keys
faulty_one_in = 0          # one blank body of so many has a memory that cannot be written
sample = true              # items that no record names have those of the invented holder; false: they stay empty
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from cardsim.iso7816.atr import Atr, AtrError
from cardsim.iso7816.card import Card
from cardsim.making import demo
from cardsim.making.structure import DEFAULT_PROFILE, Profile, load_profile
from cardsim.making.table import ProfileError
from terminal.errors import UsageError
from terminal.hosts.books import transact
from terminal.keymanagement.certificates import read_certificate
from terminal.keymanagement.demo import BANK, MAKER, OFFICERS, setup_demo
from terminal.keymanagement.kinds import check_value
from terminal.keymanagement.management import CERTIFICATE, KeyManagement
from terminal.keymanagement.names import TRANSPORT_KEY
from terminal.keymanagement.runs import KeyRuns
from terminal.links.target import private_copy
from terminal.perso.making.blanks import Manufacturer
from terminal.perso.making.personaliser import Plan, area_of, plan_of
from terminal.perso.production.intake import unpack_record
from terminal.perso.production.machine import Bodies, Images
from terminal.perso.production.packing import PackedCard
from terminal.perso.production.plant import Plant
from terminal.perso.production.recipe import machine_recipe
from terminal.perso.production.run import Workforce
from terminal.perso.production.tables import JOBS
from terminal.perso.production.task import Step
from terminal.perso.workshop import Settings, Workshop
from terminal.slots import Slot


@dataclass(frozen=True, slots=True)
class CardSettings:
    """[cards] of workshop.toml."""

    profile: str
    seed: int | None
    faulty_one_in: int
    sample: bool


def card_settings(settings: Settings) -> CardSettings:
    """What a workshop's cards become.

    Raises:
        UsageError: a key is unknown, or of another kind.
    """
    section = settings.section("cards")
    known = {"profile": str, "seed": int, "faulty_one_in": int, "sample": bool}
    for name, value in section.items():
        if name not in known:
            raise UsageError(f"{settings.path}: [cards] has no {name}; there are {', '.join(known)}")
        if type(value) is not known[name]:
            raise UsageError(f"{settings.path}: cards.{name} must be a {known[name].__name__}")
    return CardSettings(
        section.get("profile", DEFAULT_PROFILE), section.get("seed"), section.get("faulty_one_in", 0),
        section.get("sample", True),
    )  # fmt: skip


def model_workforce(
    workshop: Workshop,
    batch: str,
    *,
    areas: Sequence[str],
    step: Step = Step.BOTH,
    jobs: int = 1,
    scheduler: str | None = None,
    operator: str | None = None,
    machine: str | None = None,
    bodies: Bodies | None = None,
) -> Workforce:
    """Workers that make images, with the keys of the workshop's parties; a workshop without keys gets the demo's.

    Args:
        workshop: opened.
        batch: name of the batch in production.
        areas: area codes of the cities that issue the cards.
        step: which sides are written: the channel to the other side's HSM stays closed.
        jobs: how many workers.
        scheduler: address of a Dask scheduler, or `local`.
        operator: who works.
        machine: name of the machine, for the audit.
        bodies: where they are; images of the workshop by default.

    Raises:
        UsageError: settings, profile or keys cannot be used.
    """
    cards = card_settings(workshop.settings)
    profile = profile_of(workshop.settings)
    management = setup_demo(workshop, cards.seed, areas)
    bank = None if step is Step.SOCIAL else BANK
    runs = KeyRuns(management, OFFICERS, profile.suite, bank, MAKER, () if step is Step.FINANCE else None)
    plan, lot = plan_with(workshop.settings, management, profile), lot_of(workshop.settings, management, profile)
    return Workforce(machine_recipe(plan, bodies or Images(lot), runs, batch), runs, jobs, scheduler, operator, machine)


def plan_with(settings: Settings, management: KeyManagement, profile: Profile) -> Plan:
    """What is written on cards of a profile, with certificates under the issuer's certificate.

    Raises:
        KeyManagementError: there is no issuer certificate.
    """
    expiry = read_certificate(management.path(BANK, CERTIFICATE)).expiry
    return plan_of(profile, expiry, sample=card_settings(settings).sample)


def lot_of(settings: Settings, management: KeyManagement, profile: Profile) -> Manufacturer:
    """Blank bodies: the manufacturer chose the transport key that the maker's store has.

    Raises:
        UsageError: the store has another one than bodies of that seed.
    """
    cards = card_settings(settings)
    transport = demo.demo(cards.seed).secret("transport")
    known = management.hsm(MAKER).find(TRANSPORT_KEY)
    if known is None or known.check_value != check_value(known.algorithm, transport):
        raise UsageError(
            f"{settings.path}: blank bodies of cards.seed have another transport key than the maker's store; "
            "set cards.seed to the seed that the keys were set up with"
        )
    return Manufacturer(profile, transport, cards.faulty_one_in)


def profile_of(settings: Settings) -> Profile:
    """What a workshop's cards become.

    Raises:
        UsageError: the profile cannot be read.
    """
    try:
        return load_profile(card_settings(settings).profile)
    except ProfileError as error:
        raise UsageError(f"{settings.path}: cards.profile: {error}") from error


def aid_of(settings: Settings) -> bytes:
    """Name of the payment application of a workshop's cards; empty where they have none."""
    pse = profile_of(settings).pse
    return b"" if pse is None else bytes.fromhex(pse["aid"])


def areas_of(plant: Plant, batch: str) -> tuple[str, ...]:
    """Area codes in the identification codes of a batch: whose keys its cards get."""
    wanted = select(JOBS.c.record).where(JOBS.c.batch == batch, JOBS.c.record.is_not(None))
    records = transact(plant.books, lambda connection: connection.execute(wanted).scalars().all())
    return tuple(sorted({area for record in records if record and (area := area_of(unpack_record(record)))}))


def read_chip(workshop: Workshop, card: PackedCard) -> str:
    """The historical bytes that a finished image shows, in hex; "" where it does not answer. It is not changed."""
    try:
        copy: Card = private_copy(workshop.path("cards", card.body), None, Slot.CARD)
        return Atr.parse(copy.power_on()).historical.hex().upper()
    except (UsageError, AtrError):
        return ""
