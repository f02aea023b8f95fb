"""All parties of a workshop at work: department, bank and maker, each with its books, keys and post."""

from collections.abc import Iterable
from functools import cached_property
from typing import Final

from cardsim.making.structure import Profile
from terminal.closing import Closing
from terminal.keymanagement.demo import BANK, MAKER, OFFICERS, setup_demo
from terminal.keymanagement.keyfiles import bank_keys
from terminal.keymanagement.kinds import Role
from terminal.keymanagement.management import KeyManagement
from terminal.keymanagement.runs import KeyRuns
from terminal.management.bank.service import CardPlatform
from terminal.management.department.service import CardManagement
from terminal.management.opened import Services, open_services
from terminal.management.product.rules import rules_of
from terminal.perso.batches.platform import open_platform
from terminal.perso.batches.service import BankBatches
from terminal.perso.face.fields import Style
from terminal.perso.face.model import PrintMethod
from terminal.perso.face.template import template
from terminal.perso.making.blanks import Manufacturer
from terminal.perso.making.personaliser import Plan
from terminal.perso.parties import Party
from terminal.perso.production.model import card_settings, lot_of, plan_with, profile_of
from terminal.perso.production.plant import Plant, open_plant
from terminal.perso.transfer.keyring import key_path, make_key
from terminal.perso.transfer.post import Post
from terminal.perso.workshop import Workshop

PASSWORD: Final = "demo password"
"""Of the parties' transfer keys in a demo workshop; they protect invented data."""


class Town(Closing):
    """The parties of a workshop, as its settings say. Keys are set up on first use, from the seed of its cards.

    Args:
        workshop: opened.
        cities: area codes of the cities that issue cards.
    """

    def __init__(self, workshop: Workshop, cities: tuple[str, ...]) -> None:
        self.workshop = workshop
        self.cities = cities
        self.cards = card_settings(workshop.settings)

    def close(self) -> None:
        """Close the key management; the books are the workshop's."""
        self.management.close()

    @cached_property
    def profile(self) -> Profile:
        """What cards are to become."""
        return profile_of(self.workshop.settings)

    @cached_property
    def management(self) -> KeyManagement:
        """The parties' keys."""
        return setup_demo(self.workshop, self.cards.seed, self.cities)

    @cached_property
    def services(self) -> Services:
        """Department and bank, as the workshop's settings say."""
        return open_services(self.workshop, bank_keys(self.management, OFFICERS[Role.BANK], BANK).bank)

    @property
    def department(self) -> CardManagement:
        """The card-management system."""
        return self.services.department

    @property
    def platform(self) -> CardPlatform:
        """The bank's card platform."""
        return self.services.bank

    def connect(self) -> None:
        """Let the line between department and bank be up: what waits goes out."""
        self.services.connect()

    @cached_property
    def batches(self) -> BankBatches:
        """The bank's part of a batch."""
        return open_platform(self.workshop, bank=self.platform.host)

    @cached_property
    def plant(self) -> Plant:
        """The maker's site."""
        return open_plant(self.workshop)

    @cached_property
    def runs(self) -> KeyRuns:
        """The key service of runs."""
        return KeyRuns(self.management, OFFICERS, self.profile.suite, BANK, MAKER)

    @cached_property
    def plan(self) -> Plan:
        """What is written on cards."""
        return plan_with(self.workshop.settings, self.management, self.profile)

    @cached_property
    def style(self) -> Style:
        """How faces are printed."""
        rules = rules_of(self.workshop.settings)
        layout, issuer = template(self.workshop.settings.section("face")), rules.issuer
        today = self.workshop.clock().date()
        return Style(layout, rules, issuer.product, issuer.design, PrintMethod.LASER, today)

    @cached_property
    def lot(self) -> Manufacturer:
        """Blank bodies."""
        return lot_of(self.workshop.settings, self.management, self.profile)

    @cached_property
    def posts(self) -> dict[Party, Post]:
        """Each party's post, at which its own staff works."""
        for party in _without_key(self.workshop):
            make_key(self.workshop, party, PASSWORD)
        return {party: Post.of(self.workshop, party, PASSWORD, f"{party.value}-data") for party in Party}


def _without_key(workshop: Workshop) -> Iterable[Party]:
    return [party for party in Party if not key_path(workshop, party).exists()]
