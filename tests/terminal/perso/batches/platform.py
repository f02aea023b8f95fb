"""The bank's card platform on a bench."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from terminal.hosts.bank import BankHost
from terminal.perso.batches.registry import DrawnRegistry, IdCheck, PoliceRegistry
from terminal.perso.batches.rules import read_rules
from terminal.perso.batches.service import BankBatches
from tests.terminal.bankcard import CIPHER, KEYS
from tests.terminal.perso.batches.samples import person

NOW = datetime(2026, 11, 3, 9, 0)


def core(books: Engine | None = None) -> BankHost:
    """A core system without accounts."""
    return BankHost(KEYS, CIPHER, books=books, enrolment=None)


def registry(**results: IdCheck) -> DrawnRegistry:
    """A police registry with answers by person, as p3=IdCheck.NO_PHOTO."""
    return DrawnRegistry(0, {}, {person(int(name[1:])): result for name, result in results.items()})


def platform(
    bank: BankHost | None = None, police: PoliceRegistry | None = None, own: Mapping[str, Any] | None = None
) -> BankBatches:
    """The platform, with rules of its own where a test gives some."""
    return BankBatches(bank or core(), lambda: NOW, read_rules(own or {}, "test"), police)
