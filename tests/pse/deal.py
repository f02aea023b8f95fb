"""A transaction at a terminal that sends what a test tells it, and an issuer that computes by itself (pyemv, DES)."""

import warnings
from dataclasses import dataclass, field
from typing import Final

import pyemv.ac
import pyemv.kd
from Crypto.Cipher import DES3

from cardsim.iso7816.tlv import find
from tests.cards import AID, Bench, unhex

MDK_AC: Final = unhex("F0C34A8124CEE0A91A0B034AA97D6EAC")
MDK_MAC: Final = unhex("12B1AC4AF070CC35612BFE2D30AB600D")
PAN: Final = "6214672500000000056"
PSN: Final = "01"
MERCHANT: Final = "54455354204D45524348414E5420202020202020"
DEBIT_AFL: Final = "800E7C00080102001001050018010201"
CASH_AFL: Final = "80167C000801020010010200100507001802020018030301"
AAC, TC, ARQC = 0x00, 0x40, 0x80
CDA: Final = 0x10
YES: Final = b"00"
NO: Final = b"05"
OFFLINE: Final = b"Y3"

# Bits of the card verification results, bytes 2-4 as one number (fact sheet §1.8).
AUTHENTICATION_FAILED, PIN_PERFORMED, PIN_FAILED, UNABLE_ONLINE = 0x080000, 0x040000, 0x020000, 0x010000
NOT_COMPLETED, PIN_EXCEEDED, VELOCITY, NEW_CARD = 0x008000, 0x004000, 0x002000, 0x001000
AUTHENTICATION_FAILED_LAST, AUTHENTICATION_MISSING, PIN_BLOCKED, SDA_FAILED_LAST = 0x0800, 0x0400, 0x0200, 0x0100
SCRIPT_FAILED, DDA_FAILED_LAST, DDA_PERFORMED = 0x08, 0x04, 0x02


def session_key(master: bytes, atc: int) -> bytes:
    """Session key of the demo card: option A by pyemv, then 3DES of the counter and its complement."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        udk = pyemv.kd.derive_icc_mk_a(master, PAN, PSN)
    block = bytes(6) + atc.to_bytes(2, "big") + bytes(6) + (atc ^ 0xFFFF).to_bytes(2, "big")
    return DES3.new(udk, DES3.MODE_ECB).encrypt(block)


def cryptogram_of(key: bytes, message: bytes) -> bytes:
    """Application cryptogram by pyemv."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return bytes(pyemv.ac.generate_ac(key, message, pyemv.ac.PaddingType.EMV))


@dataclass(frozen=True, slots=True)
class Data:
    """What the terminal knows of a transaction."""

    amount: int = 1000
    other: int = 0
    country: str = "0156"
    tvr: str = "0000048000"
    currency: str = "0156"
    date: str = "240101"
    type: str = "00"
    unpredictable: str = "12345678"
    time: str = "101500"
    merchant: str = MERCHANT

    def common(self) -> str:
        """The fields that both lists begin with, and that enter the cryptogram."""
        amounts = f"{self.amount:012d}{self.other:012d}"
        return amounts + self.country + self.tvr + self.currency + self.date + self.type + self.unpredictable

    def cdol1(self) -> str:
        """Values of CDOL1."""
        return self.common() + self.time + self.merchant

    def cdol2(self, code: bytes) -> str:
        """Values of CDOL2."""
        return code.hex() + self.common() + self.time


PLAIN: Final = Data()
CASH: Final = Data(tvr="0000000000")


@dataclass(frozen=True, slots=True)
class Cryptogram:
    """The answer to GENERATE AC in format 1."""

    cid: int
    atc: int
    ac: bytes
    iad: bytes

    @property
    def cvr(self) -> int:
        """Card verification results, bytes 2-4."""
        assert self.iad[3] == 3
        return int.from_bytes(self.iad[4:7], "big")

    @property
    def kind(self) -> int:
        """Type of the cryptogram."""
        return self.cid & 0xC0

    def has(self, *bits: int) -> bool:
        """Whether all these bits of the CVR are set."""
        return all(self.cvr & bit for bit in bits)


@dataclass(slots=True)
class Deal:
    """One card at one terminal."""

    bench: Bench
    data: Data = PLAIN
    aip: str = "7C00"
    first: Cryptogram | None = field(default=None)

    def select(self) -> str:
        """SELECT of the application; the status word."""
        return self.bench.select(AID)[-4:]

    def gpo(self, *, cash: bool = False, amount: int | None = None, currency: str | None = None) -> str:
        """SELECT and GET PROCESSING OPTIONS; the data and status word."""
        self.select()
        due = self.data.amount if amount is None else amount
        return self.bench.x(f"80A800000B8309{int(cash):02X}{due:012d}{currency or self.data.currency}")

    def sw(self, p1: int, data: str) -> str:
        """GENERATE AC; the status word."""
        return self.bench.x(f"80AE{p1:02X}00{len(data) // 2:02X}{data}")[-4:]

    def ac(self, p1: int, data: str, used: Data) -> Cryptogram:
        """GENERATE AC that must be answered; the cryptogram is checked by pyemv."""
        assert self.sw(p1, data) == "9000"
        return self.parsed(used)

    def parsed(self, used: Data) -> Cryptogram:
        """The last answer, its cryptogram checked."""
        body = find(unhex(self.bench.data), 0x80)
        assert body is not None
        found = Cryptogram(body[0], body[1] << 8 | body[2], body[3:11], body[11:])
        message = unhex(used.common() + self.aip) + body[1:3] + found.iad[3:7]
        key = session_key(MDK_AC, found.atc)
        assert found.ac == cryptogram_of(key, message)
        return found

    def gac(self, p1: int, data: Data | None = None) -> Cryptogram:
        """First GENERATE AC."""
        used = data or self.data
        self.first = self.ac(p1, used.cdol1(), used)
        return self.first

    def arpc(self, code: bytes = YES) -> bytes:
        """What the issuer answers: ARPC by pyemv."""
        assert self.first is not None
        key = session_key(MDK_AC, self.first.atc)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return bytes(pyemv.ac.generate_arpc_1(key, self.first.ac, code))

    def external(self, code: bytes = YES, spoil: int = 0) -> str:
        """EXTERNAL AUTHENTICATE; `spoil` is exclusive-ored to the ARPC."""
        wrong = int.from_bytes(self.arpc(code), "big") ^ spoil
        return self.bench.x(f"008200000A{wrong:016X}{code.hex()}")[-4:]

    def gac2(self, p1: int, code: bytes = YES, data: Data | None = None) -> Cryptogram:
        """Second GENERATE AC."""
        used = data or self.data
        return self.ac(p1, used.cdol2(code), used)

    # --- whole ways ----------------------------------------------------------------------------------------------

    def once(self, p1: int = ARQC, data: Data | None = None, *, cash: bool = False) -> Cryptogram:
        """GPO and first GENERATE AC."""
        used = data or self.data
        assert self.gpo(cash=cash, amount=used.amount, currency=used.currency)[-4:] == "9000"
        return self.gac(p1, used)

    def online(self, code: bytes = YES, p1: int = TC, data: Data | None = None) -> Cryptogram:
        """A whole online transaction with the right ARPC."""
        assert self.once(ARQC, data).kind == ARQC
        assert self.external(code) == "9000"
        return self.gac2(p1, code, data)

    def get(self, tag: str) -> str:
        """GET DATA; the value, or the status word where it is refused."""
        answer = self.bench.x(f"80CA{tag}00")
        return answer[6:-4] if answer[-4:] == "9000" else answer[-4:]

    def log(self) -> list[str]:
        """All records of the transaction log, newest first."""
        found: list[str] = []
        while self.bench.x(f"00B2{len(found) + 1:02X}5C00")[-4:] == "9000":
            found.append(self.bench.data)
        return found
