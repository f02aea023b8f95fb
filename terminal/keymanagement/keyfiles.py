"""Key files of a key management: what terminals and hosts of the bench read (docs/key-file.md).

They show keys in clear. A key file has either the national roots, or a command that asks the city's HSM for the keys
of a card. Both are for tests alone, and both stand in the registers as what they are.
"""

from collections.abc import Mapping
from typing import Final

from cardsim.crypto.social import Suite, diversify, factor_card
from cardsim.keyfile import BankKeys, CaKey, CardKeys, KeyFile, PseKeys, SsseKeys
from cardsim.making.keyservice import SSSE_FIRST, SSSE_MASTER
from terminal.keymanagement.certificates import read_certificate
from terminal.keymanagement.hierarchy import MINISTRY, city_of
from terminal.keymanagement.kinds import KeyManagementError, Officer, Place, Role, suite_name, suite_of
from terminal.keymanagement.management import CERTIFICATE, KeyManagement
from terminal.keymanagement.names import CARD_MASTER_ROOT, KMC, MDK_AC, MDK_ENC, MDK_MAC, TRANSPORT_KEY
from terminal.keymanagement.service import CardBody

_PURPOSE: Final = "key file for tests, in clear"
_MASTERS: Final = (SSSE_FIRST, SSSE_MASTER)


def department_keys(
    management: KeyManagement, officer: Officer, suite: Suite, area: str, command: str | None = None
) -> KeyFile:
    """The department's part: national roots of a cipher, or the command that stands in their place.

    Raises:
        KeyManagementError: another role, no such store, or it has no such roots.
    """
    if command is not None:
        return KeyFile(ssse=SsseKeys(suite, area, command=command))
    ministry = management.hsm(MINISTRY)
    names = [
        info.name
        for info in ministry.known()
        if ministry.find(info.name) == info
        and (social := suite_of(info.name)) is not None
        and social[0] is suite
        and social[1] not in _MASTERS
    ]
    shown = ministry.show(officer, names, _PURPOSE)
    roots = {name.removeprefix(suite_name(suite, "")): value for name, value in shown.items()}
    return KeyFile(ssse=SsseKeys(suite, area, roots=roots))


def bank_keys(management: KeyManagement, officer: Officer, bank: Place) -> KeyFile:
    """The bank's part: issuer master keys, and the authority's public key.

    Raises:
        KeyManagementError: another role, no such store, or a key or the issuer certificate is missing.
    """
    shown = management.hsm(bank).show(officer, (MDK_AC, MDK_MAC, MDK_ENC), _PURPOSE)
    certified = read_certificate(management.path(bank, CERTIFICATE))
    ca = CaKey(
        bytes.fromhex(certified.rid),
        certified.ca_index,
        bytes.fromhex(certified.ca_modulus),
        bytes.fromhex(certified.ca_exponent),
    )
    return KeyFile(bank=BankKeys(shown[MDK_AC], shown[MDK_MAC], shown[MDK_ENC], (ca,)))


def key_of_card(
    management: KeyManagement, officer: Officer, name: str, suite: Suite, area: str, historical: bytes
) -> bytes:
    """A card's key from the store of its city: what a key file's command prints.

    Raises:
        KeyManagementError: another role, no such store or key, or no historical bytes.
    """
    try:
        factor = factor_card(historical)
    except ValueError as error:
        raise KeyManagementError(str(error)) from error
    key = suite_name(suite, name)
    shown = management.hsm(city_of(area)).show(officer, (key,), f"key of card {historical.hex().upper()}, in clear")
    return diversify(suite, shown[key], factor)


def keys_of_making(
    management: KeyManagement,
    officers: Mapping[Role, Officer],
    body: CardBody,
    suite: Suite,
    bank: Place,
    maker: Place,
    keydata: bytes,
) -> KeyFile:
    """What only those have who make a card: transport key, card master key, environment master key and KMC.

    Raises:
        KeyManagementError: another role, no such store, or a key is missing.
    """
    own = management.hsm(maker).show(officers[Role.MAKER], (TRANSPORT_KEY, CARD_MASTER_ROOT), _PURPOSE)
    card_master = diversify(Suite.DES, own[CARD_MASTER_ROOT], factor_card(body.historical))
    master = key_of_card(
        management, officers[Role.DEPARTMENT], SSSE_MASTER, suite, body.area, body.historical
    )  # fmt: skip
    kmc = management.hsm(bank).show(officers[Role.BANK], (KMC,), _PURPOSE)[KMC]
    return KeyFile(
        CardKeys(own[TRANSPORT_KEY], card_master), SsseKeys(suite, body.area, master), PseKeys(kmc, keydata=keydata)
    )  # fmt: skip
