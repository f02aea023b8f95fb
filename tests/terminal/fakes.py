"""A scripted card for tests: enough of both environments for the flows, honest by default, each lie one field."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from random import Random

from cardsim.crypto import oda, pboc
from cardsim.crypto.rsa import RsaPrivateKey, generate_rsa
from cardsim.crypto.social import Suite, authentication_data, card_key
from cardsim.decode.commands import PSE_NAME, SSSE_NAME
from cardsim.iso7816.apdu import CommandApdu
from cardsim.iso7816.atr import build_atr
from cardsim.iso7816.tlv import ber, fill_dol, find, parse_dol, simple
from cardsim.keyfile import BankKeys, CaKey, CardKeys, Holder, KeyFile, PseKeys, SsseKeys

NOW = datetime(2026, 11, 21, 12, 0, 0)
AREA = "519900"
HISTORICAL = bytes.fromhex("00814A444686605199000001AC")
ROOTS = {
    "IRK": bytes.fromhex("00112233445566778899AABBCCDDEEFF"),
    "RKSSSE": bytes.fromhex("102132435465768798A9BACBDCEDFE0F"),
}
MDK_AC = bytes.fromhex("F0C34A8124CEE0A91A0B034AA97D6EAC")
PAN, PSN = "6214672500000000056", "01"
AID = bytes.fromhex("A000000333010101")
PIN = "123456"
AIP = bytes.fromhex("7C00")
AFL = bytes.fromhex("080102001001050018010201")
CDOL1 = bytes.fromhex("9F02069F03069F1A0295055F2A029A039C019F37049F21039F4E14")
CDOL2 = bytes.fromhex("8A029F02069F03069F1A0295055F2A029A039C019F37049F2103")
PDOL = bytes.fromhex("9F7A019F02065F2A02")


@cache
def rsa(bits: int, seed: int) -> RsaPrivateKey:
    return generate_rsa(bits, 3, Random(seed).randbytes)


def ca_key() -> CaKey:
    public = rsa(1024, 1).public
    return CaKey(AID[:5], 0xF1, public.modulus, public.exponent, date(2049, 12, 31))


def keyfile(suite: Suite = Suite.SM4) -> KeyFile:
    return KeyFile(
        card=CardKeys(bytes(16), bytes(range(16))),
        ssse=SsseKeys(suite, AREA, None, ROOTS),
        pse=PseKeys(bytes(16), 1, bytes(10)),
        bank=BankKeys(MDK_AC, bytes(16), bytes(16), (ca_key(),)),
        holder=Holder("李四", PIN, None, PIN),
    )


def debit_records() -> dict[tuple[int, int], dict[int, bytes]]:
    """The records of the default card profile (fact sheet §8.1), certificates filled in by `FakeCard`."""
    hex_ = bytes.fromhex
    return {
        (1, 1): {0x57: hex_("6214672500000000056D34016200000F"), 0x5F34: b"\x01"},
        (1, 2): {0x5F20: "李四".encode("gbk"), 0x9F61: b"510101199001011234", 0x9F62: b"\0"},
        (2, 1): {0x90: b""},
        (2, 2): {0x9F32: b"", 0x92: b"", 0x8F: b"\xf1"},
        (2, 3): {0x93: b""},
        (2, 4): {0x9F46: b""},
        (2, 5): {0x9F47: b"", 0x9F48: b"", 0x9F49: hex_("9F3704")},
        (3, 1): {
            0x5A: hex_(PAN + "F"),
            0x8E: hex_("000000000000000002031F00"),
            0x9F0D: hex_("D86004A800"),
            0x9F0E: hex_("0010980000"),
            0x9F0F: hex_("D86804F800"),
            0x5F24: hex_("340131"),
            0x5F28: hex_("0156"),
            0x9F42: hex_("0156"),
            0x9F07: hex_("AB00"),
            0x5F25: hex_("240101"),
        },
        (3, 2): {0x8C: CDOL1, 0x8D: CDOL2, 0x5F30: hex_("0620"), 0x9F08: hex_("0020"), 0x9F4A: b"\x82"},
    }


def template(items: dict[int, bytes]) -> bytes:
    return ber(0x70, b"".join(ber(tag, value) for tag, value in items.items()))


@dataclass
class FakeCard:
    """A card. `override` may answer any command instead (return None to leave it to the card)."""

    suite: Suite = Suite.SM4
    version: str = "3.00"
    algorithm: int | None = None
    issued: str = "20240101"
    expires: str = "20340101"
    card_type: bytes = b"3"
    irk: bytes | None = None
    wrong_ac: bool = False
    card_decision: int | None = None
    aip: bytes = AIP
    with_pse: bool = True
    blocked: tuple[bytes, ...] = ()
    t0: bool = True
    override: Callable[[bytes], bytes | None] | None = None
    records: dict[tuple[int, int], dict[int, bytes]] = field(default_factory=debit_records)
    pin: str | None = PIN
    pin_tries: int = 3
    issued_keys: bool = True

    def __post_init__(self) -> None:
        self.log: list[bytes] = []
        self.powered = False
        self.power_cycles = 0
        self._waiting = b""
        self._reset()
        if self.issued_keys:
            self._personalise()

    def _reset(self) -> None:
        self.current = "mf"
        self.file = 0
        self.challenge = b""
        self.rights: set[int] = set()
        self.atc = getattr(self, "atc", 6)
        self.ac = b""

    def _personalise(self) -> None:
        ca, issuer, self.icc = rsa(1024, 1), rsa(896, 2), rsa(768, 3)
        r = self.records
        certificate = oda.build_issuer_certificate(ca, 0xF1, issuer.public, PAN[:6], "0134", b"\0\0\1")
        r[2, 1][0x90] = certificate.certificate
        r[2, 2] |= {0x9F32: certificate.exponent, 0x92: certificate.remainder}
        static = template(r[3, 1])
        static = static[len(static) - len(b"".join(ber(t, v) for t, v in r[3, 1].items())) :] + self.aip
        icc = oda.build_icc_certificate(issuer, self.icc.public, PAN, "0134", b"\0\0\2", static)
        r[2, 3][0x93] = oda.sign_static(issuer, b"\xda\xc0", static)
        r[2, 4][0x9F46] = icc.certificate
        r[2, 5] |= {0x9F47: icc.exponent, 0x9F48: icc.remainder}

    # --- contacts

    def power_on(self) -> bytes:
        self.powered = True
        self.power_cycles += 1
        self._reset()
        return build_atr(HISTORICAL)

    def power_off(self) -> None:
        self.powered = False

    def transmit(self, command: bytes) -> bytes:
        assert self.powered, "a command to a card without power"
        self.log.append(command)
        if self.override is not None and (answer := self.override(command)) is not None:
            return answer
        apdu = CommandApdu.parse(command)
        if apdu.ins == 0xC0:
            data, self._waiting = self._waiting, b""
            return data + b"\x90\x00" if data else b"\x6f\x00"
        answer = self._answer(apdu)
        data, sw = answer[:-2], answer[-2:]
        if sw != b"\x90\x00" or not data or not self.t0:
            return answer
        if apdu.data:
            self._waiting = data
            return bytes((0x61, len(data) & 0xFF))
        return answer if apdu.le == len(data) else bytes((0x6C, len(data) & 0xFF))

    def _answer(self, apdu: CommandApdu) -> bytes:
        if apdu.ins == 0xA4:
            return self._select(apdu)
        if self.current == "ssse":
            return self._ssse(apdu)
        if self.current in ("pse", "adf"):
            return self._pse(apdu)
        return b"\x6d\x00"

    def _select(self, apdu: CommandApdu) -> bytes:
        if apdu.p1 == 2:
            self.file = apdu.data[1]
            return b"\x90\x00"
        if apdu.data in self.blocked:
            return b"\x6a\x81"
        if apdu.data == SSSE_NAME:
            self.current, self.rights = "ssse", set()
            algorithm = self.suite.algorithm_id if self.algorithm is None else self.algorithm
            extra = ber(0x9F0C, ber(0x86, bytes((algorithm,)))) if algorithm else b""
            return ber(0x6F, ber(0x84, SSSE_NAME) + ber(0xA5, ber(0x88, b"\x1e") + extra)) + b"\x90\x00"
        if not self.with_pse:
            return b"\x6a\x82"
        if apdu.data == PSE_NAME:
            self.current = "pse"
            return ber(0x6F, ber(0x84, PSE_NAME) + ber(0xA5, ber(0x88, b"\x01"))) + b"\x90\x00"
        if apdu.data == AID and apdu.p2 == 0:
            self.current = "adf"
            fci = ber(0x50, b"PBOC DEBIT") + ber(0x87, b"\x01") + ber(0x9F38, PDOL)
            return ber(0x6F, ber(0x84, AID) + ber(0xA5, fci)) + b"\x90\x00"
        return b"\x6a\x82"

    # --- social security

    def ef05(self) -> list[bytes]:
        code = bytes.fromhex(AREA + "D156000005" + "000001AC" + "FFFFFFFF")
        return [
            simple(0x01, code),
            simple(0x02, self.card_type),
            simple(0x03, self.version.encode()),
            simple(0x04, bytes.fromhex("915600000251990051990001")),
            simple(0x05, bytes.fromhex(self.issued)),
            simple(0x06, bytes.fromhex(self.expires)),
            simple(0x07, b"X00000019"),
        ]

    def ef06(self) -> list[bytes]:
        records = [
            simple(0x08, b"510101199001011234"),
            simple(0x09, "李四".encode("gbk").ljust(30, b"\0")),
            simple(0x4E, bytes(20)),
            simple(0x0A, b"1"),
            simple(0x0B, b"\x01"),
            simple(0x0C, bytes.fromhex("510101")),
            simple(0x0D, bytes.fromhex("19900101")),
        ]
        return records if self.version[:1] in ("2", "3") else records[:2] + records[3:]

    def key(self, name: str) -> bytes:
        return card_key(self.suite, ROOTS[name], AREA, HISTORICAL)

    def _ssse(self, apdu: CommandApdu) -> bytes:
        match apdu.ins:
            case 0xB2:
                if self.file == 6 and self.version.startswith("3") and 0x0A not in self.rights:
                    return b"\x69\x82"
                records = self.ef05() if self.file == 5 else self.ef06()
                return records[apdu.p1 - 1] + b"\x90\x00" if apdu.p1 <= len(records) else b"\x6a\x83"
            case 0x84:
                self.challenge = Random(len(self.log)).randbytes(8)
                return self.challenge + b"\x90\x00"
            case 0x88:
                key = self.key("IRK") if self.irk is None else self.irk
                return authentication_data(self.suite, key, apdu.data[:8], apdu.data[8:]) + b"\x90\x00"
            case 0x82:
                expected = authentication_data(self.suite, self.key("RKSSSE"), self.challenge, apdu.data[8:])
                if apdu.data[:8] != expected:
                    return b"\x63\xc2"
                self.rights.add(apdu.p2)
                return b"\x90\x00"
            case 0x20:
                return self._verify(apdu.data)
            case _:
                return b"\x6d\x00"

    def _verify(self, data: bytes) -> bytes:
        if self.pin is None:
            return b"\x90\x00"
        if self.pin_tries == 0:
            return b"\x69\x83"
        if data == bytes.fromhex(self.pin):
            return b"\x90\x00"
        if data:
            self.pin_tries -= 1
        return bytes((0x63, 0xC0 | self.pin_tries))

    # --- payment

    def _pse(self, apdu: CommandApdu) -> bytes:
        match apdu.ins:
            case 0xB2 if self.current == "pse":
                entry = ber(0x61, ber(0x4F, AID) + ber(0x50, b"PBOC DEBIT") + ber(0x87, b"\x01"))
                return ber(0x70, entry) + b"\x90\x00" if apdu.p1 == 1 else b"\x6a\x83"
            case 0xB2:
                items = self.records.get((apdu.p2 >> 3, apdu.p1))
                return b"\x6a\x83" if items is None else template(items) + b"\x90\x00"
            case 0xA8:
                self.atc += 1
                self.pdol = find(apdu.data, 0x83) or b""
                return ber(0x80, self.aip + AFL) + b"\x90\x00"
            case 0x88:
                number = b"\x03\x02" + self.atc.to_bytes(2, "big")
                return ber(0x80, oda.sign_dynamic(self.icc, number, apdu.data)) + b"\x90\x00"
            case 0xCA:
                tag = apdu.p1 << 8 | apdu.p2
                value = {0x9F36: self.atc.to_bytes(2, "big"), 0x9F13: bytes(2), 0x9F17: b"\x03"}.get(tag)
                return b"\x6a\x88" if value is None else ber(tag, value) + b"\x90\x00"
            case 0xAE:
                return self._generate_ac(apdu)
            case 0x82:
                expected = pboc.arpc(self._session(), self.ac, apdu.data[8:])
                return b"\x90\x00" if apdu.data[:8] == expected else b"\x63\x00"
            case 0x20:
                return b"\x90\x00" if apdu.data == pboc.pin_block_format2(PIN) else b"\x63\xc2"
            case _:
                return b"\x6d\x00"

    def _session(self) -> bytes:
        return pboc.session_key(pboc.derive_udk(MDK_AC, PAN, PSN), self.atc)

    def _generate_ac(self, apdu: CommandApdu) -> bytes:
        dol = CDOL2 if self.ac else CDOL1
        values, offset = {}, 0
        for tag, length in parse_dol(dol):
            values[tag] = apdu.data[offset : offset + length]
            offset += length
        kind = apdu.p1 if self.card_decision is None else self.card_decision
        cvr = bytes.fromhex("03A00002") if not self.ac else bytes.fromhex("03600002")
        covered = fill_dol(bytes.fromhex("9F02069F03069F1A0295055F2A029A039C019F3704"), values)
        ac = pboc.application_cryptogram(self._session(), covered + self.aip + self.atc.to_bytes(2, "big") + cvr)
        self.ac = self.ac or ac
        shown = bytes(8) if self.wrong_ac else ac
        iad = bytes.fromhex("070101") + cvr + b"\x01"
        return ber(0x80, bytes((kind,)) + self.atc.to_bytes(2, "big") + shown + iad) + b"\x90\x00"
