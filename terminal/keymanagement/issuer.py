"""The issuer's master keys as the bank's own systems use them, wherever a workshop has them."""

from typing import Final

from cardsim.keyfile import BankKeys
from cardsim.making.demo import demo
from terminal.hosts.bank.parameters import PARAMETERS
from terminal.keymanagement.keyfiles import bank_keys
from terminal.keymanagement.kinds import Officer, Place, Role
from terminal.keymanagement.management import KeyManagement
from terminal.perso.workshop import Workshop

_PLACE: Final = Place(Role.BANK, PARAMETERS.product.bin)
_OFFICER: Final = Officer("card platform", Role.BANK)


def issuer_keys(workshop: Workshop, given: BankKeys | None = None) -> BankKeys:
    """The given keys, those of the bank's key store, or the published demo keys where the bank has no store.

    The store's register notes the use in the bank's books: ask before a transaction on them begins, and only where a
    key is needed.

    Raises:
        KeyManagementError: the store cannot be used.
    """
    return given or _stored(workshop) or demo_issuer_keys()


def _stored(workshop: Workshop) -> BankKeys | None:
    with KeyManagement(workshop) as management:
        known = _PLACE in management.places(Role.BANK)
        return bank_keys(management, _OFFICER, _PLACE).bank if known else None


def demo_issuer_keys() -> BankKeys:
    """The published demo keys."""
    person = demo(None)
    return BankKeys(person.secret("MDK_AC"), person.secret("MDK_MAC"), person.secret("MDK_ENC"))
