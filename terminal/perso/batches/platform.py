"""The bank's card platform of a workshop, opened: books, keys, rules and police registry as the workshop has them."""

from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import Engine

from cardsim.keyfile import BankKeys
from terminal.hosts.bank.chip import IssuerKeys
from terminal.hosts.bank.host import DEFAULT_KEY_INDEX
from terminal.hosts.bank.tables import METADATA as BANK_METADATA
from terminal.keymanagement.issuer import issuer_keys
from terminal.management.product.rules import rules_of as product_rules_of
from terminal.perso.batches.customers import registry_of
from terminal.perso.batches.registry import PoliceRegistry
from terminal.perso.batches.rules import BatchRules, read_rules
from terminal.perso.batches.service import BankBatches
from terminal.perso.batches.steps import CoreSystem
from terminal.perso.batches.tables import METADATA
from terminal.perso.parties import Party
from terminal.perso.workshop import Settings, Workshop


@dataclass
class WorkshopCore:
    """The core system of a workshop: the bank's books, and the keys that PINs are kept under."""

    workshop: Workshop
    books: Engine
    given: BankKeys | None

    @cached_property
    def keys(self) -> IssuerKeys:
        """As `issuer_keys` finds them, when the first account is opened: the store's register shows no other use."""
        return IssuerKeys({DEFAULT_KEY_INDEX: issuer_keys(self.workshop, self.given)})


def rules_of(settings: Settings) -> BatchRules:
    """The rules that hold in a workshop: the project's, with the sections of [batches] in workshop.toml.

    Raises:
        UsageError: something in them is wrong.
    """
    return read_rules(settings.section("batches"), f"{settings.path}: batches", product_rules_of(settings))


def open_platform(
    workshop: Workshop,
    keys: BankKeys | None = None,
    *,
    bank: CoreSystem | None = None,
    registry: PoliceRegistry | None = None,
) -> BankBatches:
    """The platform of a workshop.

    Args:
        workshop: opened.
        keys: the bank's master keys; by default those of its key store.
        bank: a core system that is open already; by default one with those keys.
        registry: the police registry; by default the model that the rules name.

    Raises:
        UsageError: the rules, the registry's file or the books are wrong.
    """
    rules = rules_of(workshop.settings)
    core = bank or WorkshopCore(workshop, workshop.books(Party.BANK, BANK_METADATA, METADATA), keys)
    return BankBatches(core, workshop.clock, rules, registry or registry_of(rules, workshop.folder))
