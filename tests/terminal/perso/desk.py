"""A personaliser's desk for tests: invented records, a key service whose keys come from a name, blank bodies."""

import functools
from dataclasses import dataclass
from typing import Final

from cardsim.assembly import CardModel, new_card
from cardsim.chip.rng import SeededRandom
from cardsim.crypto import pboc, scp02, social
from cardsim.crypto.rsa import RsaPrivateKey, generate_rsa
from cardsim.crypto.social import Suite
from cardsim.iso7816.digits import check_digit
from cardsim.keyfile import generation_name
from cardsim.making import demo
from cardsim.making.card import activate_with
from cardsim.making.keyservice import (
    CARD_MASTER,
    PIN,
    PSE_SET,
    SSSE_FIRST,
    SSSE_MASTER,
    TRANSPORT,
    Certifying,
    HeldKeys,
    HeldPaymentKeys,
    LoadingKeys,
    PaymentKeys,
    SocialKeys,
)
from cardsim.making.ssse import key_length
from cardsim.making.structure import Profile, load_profile
from terminal.perso.making.blanks import Manufacturer
from terminal.perso.making.keys import Body
from terminal.perso.making.personaliser import Personaliser, plan_of
from terminal.perso.records import BankRecord, CardRecord, Order, OrderKind, SocialRecord

AREA: Final = demo.AREA
PROFILE: Final = "dual-3.0-sm4"


def secret(name: str, length: int = 16) -> bytes:
    """A key of the desk."""
    return SeededRandom(0, f"desk {name}").take(length)


@functools.cache
def rsa(name: str, bits: int = 1152) -> RsaPrivateKey:
    """An RSA key of the desk; all cards share one, which takes no time."""
    return generate_rsa(bits, 3, SeededRandom(0, f"desk rsa {name}").take)


@dataclass(frozen=True)
class DeskKeys:
    """`KeysOfRun` without any store behind it."""

    profile: Profile

    def card(self, body: Body, keydata: bytes) -> LoadingKeys:
        """The maker's."""
        keys = scp02.diversify_kmc(secret("kmc"), keydata)
        unique = body.historical.hex()
        named = {TRANSPORT: secret("transport"), CARD_MASTER: secret(f"card master {unique}")}
        return HeldKeys(Suite.DES, {**named, SSSE_FIRST: secret("first"), PSE_SET: keys.enc + keys.mac + keys.dek})

    def social(self, body: Body) -> SocialKeys:
        """The department's."""
        structure, suite = self.profile.ssse, self.profile.suite
        assert structure is not None
        names = [generation_name(k.name, n) for k in structure.keys for n in range(1, k.generations + 1)]
        keys = {
            name: social.card_key(suite, secret(name, key_length(name, suite)), body.area, body.historical)
            for name in names
        }
        own = {SSSE_FIRST: secret("first"), SSSE_MASTER: secret(f"ssse {body.order}"), PIN: bytes.fromhex(demo.PIN)}
        return HeldKeys(suite, keys | own)

    def payment(self, body: Body, bank: BankRecord) -> PaymentKeys:  # noqa: ARG002
        """The bank's."""
        udks = b"".join(pboc.derive_udk(secret(name), bank.pan, bank.psn) for name in ("ac", "mac", "enc"))
        return HeldPaymentKeys(secret("kmc"), udks, Certifying(rsa("ca", 1408), 0xF1, rsa("issuer")), rsa("icc"))


def record(number: int = 1) -> CardRecord:
    """An invented record, both halves."""
    person = demo.demo(1000 + number)
    code = f"{AREA}D156000005{number:08X}FFFFFFFF"
    order = Order(
        f"N{number:06d}", OrderKind.FIRST, "20240101", person.values["social_security_number"], AREA, AREA, "U1"
    )
    pan = f"621467250{number:09d}"
    bank = BankRecord(
        order.number, order.person, person.name, person.values["sex"], pan + check_digit(pan), "01", pan[6:],
        demo.ISSUED, demo.EXPIRES, "B1",
    )  # fmt: skip
    return CardRecord(SocialRecord(order, {**person.values, "identification_code": code}), bank)


@functools.cache
def profile() -> Profile:
    """The profile of the desk's cards."""
    return load_profile(PROFILE)


def personaliser() -> Personaliser:
    """Makes cards of the profile."""
    return Personaliser(plan_of(profile(), demo.CERTIFICATE_EXPIRY), DeskKeys(profile()))


def manufacturer() -> Manufacturer:
    """Of the desk's blank cards."""
    return Manufacturer(profile(), secret("transport"))


def blank(serial: int = 1) -> CardModel:
    """A blank body."""
    card = new_card(seed=serial)
    maker = manufacturer()
    activate_with(card, secret("transport"), maker.historical(AREA, serial), switches=profile().switches)
    return card
