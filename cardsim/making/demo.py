"""The invented card: root keys, RSA keys, holder and numbers, all from one seed.

Without a seed these are the published demo values: the UnionPay test master keys of the public examples, roots and RSA
keys of this project. Nothing here belongs to a real person, card or institution.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cardsim.chip.rng import SeededRandom
from cardsim.crypto import social
from cardsim.crypto.rsa import RsaPrivateKey, generate_rsa
from cardsim.crypto.social import Suite
from cardsim.iso7816.digits import check_digit

BIN: Final = "621467"
AREA: Final = "519900"
PSN: Final = "01"
RID: Final = bytes.fromhex("A000000333")
CA_INDEX: Final = 0xF1
CA_BITS: Final = 1408
ISSUER_BITS: Final = 1152
ICC_BITS: Final = 1152
PIN: Final = "123456"
ISSUED: Final = "20240101"
EXPIRES: Final = "20340131"
CERTIFICATE_EXPIRY: Final = "1239"
_PUBLISHED_MDKS: Final = {
    "MDK_AC": "F0C34A8124CEE0A91A0B034AA97D6EAC",
    "MDK_MAC": "12B1AC4AF070CC35612BFE2D30AB600D",
    "MDK_ENC": "D30F45EABC12AC3EF56B0C0D7F8654DE",
}
"""Published as an example and shared by UnionPay test cards (pboc fact sheet §1.9)."""
_PUBLISHED_SERIAL: Final = 428
_PUBLISHED_ACCOUNT: Final = "250000000005"
_SURNAMES: Final = "王李张刘陈杨赵黄周吴"
_GIVEN: Final = ("安康", "志远", "晓月", "建国", "雪梅", "文博", "丽华", "子轩", "春生", "静怡")


@dataclass(frozen=True, slots=True)
class Demo:
    """Everything that one seed gives. `serial` is also the card's serial number in the historical bytes."""

    seed: int | None
    serial: int
    name: str
    pan: str
    values: Mapping[str, str]
    """Values of the data items that differ from card to card, by the names that structures use."""
    area: str = AREA
    """Area code of the city that issues the card."""

    def secret(self, name: str, length: int = 16) -> bytes:
        """A root key by name. Root keys depend on the seed alone, so every card and PSAM of one seed fit each other."""
        if self.seed is None and name in _PUBLISHED_MDKS:
            return bytes.fromhex(_PUBLISHED_MDKS[name])
        return SeededRandom(self.seed or 0, f"root {name}").take(length)

    @property
    def historical(self) -> bytes:
        """Historical bytes: chip 0081, COS, maker 8660, region, serial (SSC part 2 §8.4)."""
        region = bytes.fromhex(self.area[:4])
        return bytes.fromhex("00814A4446") + bytes.fromhex("8660") + region + self.serial.to_bytes(4, "big")

    def rsa(self, role: str) -> RsaPrivateKey:
        """The RSA key of the CA, the issuer or the card."""
        return _rsa(self.seed or 0, role)


@lru_cache(maxsize=64)
def _rsa(seed: int, role: str) -> RsaPrivateKey:
    """Whoever makes several cards of a seed waits for their keys once."""
    bits = {"ca": CA_BITS, "issuer": ISSUER_BITS, "icc": ICC_BITS}[role]
    return generate_rsa(bits, 3, SeededRandom(seed, f"rsa {role}").take)


def demo(seed: int | None) -> Demo:
    """The card of a seed; without one, the published demo card."""
    random = SeededRandom(seed or 0, "holder")
    draw = int.from_bytes(random.take(8), "big")
    serial = _PUBLISHED_SERIAL if seed is None else draw % 900_000_000 + 1
    account = _PUBLISHED_ACCOUNT if seed is None else f"{draw % 10**12:012d}"
    name = "张三" if seed is None else _SURNAMES[draw % len(_SURNAMES)] + _GIVEN[draw // 16 % len(_GIVEN)]
    birth = "19850617" if seed is None else f"{1950 + draw % 55}{draw % 12 + 1:02d}{draw % 28 + 1:02d}"
    sex = 1 if seed is None else 1 + draw % 2
    person = _person_number(AREA, birth, draw % 500 * 2 + sex % 2)
    first8 = f"A{serial % 10**7:07d}"
    values = {
        "identification_code": f"{AREA}D156000005{serial:08X}FFFFFFFF",
        "card_class": "3",
        "initialising_institution": f"9156000002{AREA}{AREA}01",
        "issue_date": ISSUED,
        "expiry_date": EXPIRES,
        "card_number": first8 + social.card_number_check(first8),
        "social_security_number": person,
        "name": name,
        "name_extension": "",
        "sex": str(sex),
        "nationality": "01",
        "birthplace": AREA,
        "birth_date": birth,
    }
    return Demo(seed, serial, name, BIN + account + check_digit(BIN + account), values)


def _person_number(area: str, birth: str, order: int) -> str:
    """An 18-digit social-security number with its check character (GB 11643)."""
    first = f"{area}{birth}{order:03d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return first + "10X98765432"[sum(int(d) * w for d, w in zip(first, weights, strict=True)) % 11]


def certificate_code(suite: Suite, irk: bytes, identification_code: str) -> str:
    """The identification code with its last four bytes computed under the card's IRK (V2 §8.1.1.1)."""
    first12 = bytes.fromhex(identification_code[:24])
    return identification_code[:24] + social.certificate_code(suite, irk, first12).hex().upper()
