"""Two published personalisations as whole jobs: the order, forms and layout of HX and of SCSH (fact sheet §1.4, §4).

Taken from the sources: order and forms of the data groupings, AFLs, PDOL, PAN, keys, limits, certificates. Where a
source names a record without all its content, the rest is ours, and the docstring says so.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Final

import pytest
from Crypto.Cipher import DES3

from cardsim.crypto import oda, pboc
from cardsim.crypto.rsa import RsaPrivateKey, RsaPublicKey
from cardsim.iso7816.tlv import ber, fill_dol, find, walk
from cardsim.making.pse import PSE_NAME
from tests.cards import AID, Bench, initialised, unhex
from tests.crypto.published import VECTORS
from tests.pse.deal import cryptogram_of
from tests.pse.perso import ADF, Job, bank_card, check_values, create_adf, fill, log_file, open_channel, rsa

LIST: Final = "9F02069F03069F1A0295055F2A029A039F21039C019F37049F4E14"
"""CDOL1 of both sources: 9F21 before 9C (fact sheet §1.5)."""
LOG_FORMAT: Final = ber(0x9F4F, unhex("9A039F21039F02069F03069F1A025F2A029F4E149C019F3602"))
WANTED: Final = {
    0x9F02: "000000001000", 0x9F1A: "0156", 0x5F2A: "0156", 0x9A: "240101", 0x9F37: "12345678", 0x9F21: "101500",
}  # fmt: skip
TODAY: Final = dt.date(2012, 1, 1)


def lines(*pairs: tuple[int, str | bytes]) -> bytes:
    """Data objects one after the other."""
    return b"".join(ber(tag, unhex(value) if isinstance(value, str) else value) for tag, value in pairs)


def udks(pan: str, psn: str) -> bytes:
    """Card keys under the shared test master keys."""
    return b"".join(pboc.derive_udk(master, pan, psn) for master in bank_card().mdks)


def track2(pan: str, expiry: str, service: str) -> str:
    """Tag 57 in 19 bytes."""
    return f"{pan}D{expiry}{service}".ljust(37, "0") + "F"


def private(number: int) -> RsaPrivateKey:
    """A published private key."""
    vector = VECTORS[number]
    return RsaPrivateKey(*(vector.number_of(name) for name in ("p", "q", "dp", "dq", "qinv", "e")))


def issued(work: Job) -> Bench:
    """A card with its directory and such an application."""
    bench = initialised()
    create_adf(bench)
    channel = open_channel(bench, PSE_NAME)
    channel.store(0x0101, ber(0x70, ber(0x61, lines((0x4F, ADF), (0x50, b"PBOC DEBIT"), (0x87, "01")))))
    channel.store(0x9102, unhex("A508 880101 5F2D027A68"), last=True)
    fill(bench, work, log=log_file())
    bench.power_on()
    return bench


@dataclass(frozen=True)
class Read:
    """What a terminal has read of one path."""

    aip: bytes
    afl: bytes
    objects: dict[int, bytes]
    static: bytes


def read(bench: Bench, pdol: str) -> Read:
    """SELECT, GPO and all records."""
    bench.select(AID)
    body = find(unhex(bench.x(f"80A80000{len(pdol) // 2 + 2:02X}83{len(pdol) // 2:02X}{pdol}"))[:-2], 0x80) or b""
    found: dict[int, bytes] = {}
    static = b""
    for at in range(2, len(body), 4):
        sfi, first, last, signed = body[at : at + 4]
        for number in range(first, last + 1):
            record = unhex(bench.x(f"00B2{number:02X}{sfi | 4:02X}00"))[:-2]
            found |= {item.tag: item.value for item in walk(record) if not item.constructed}
            static += (find(record, 0x70) or b"") if number < first + signed else b""
    return Read(body[:2], body[2:], found, static + body[:2])


def generated(bench: Bench, seen: Read, p1: int, udk: bytes) -> int:
    """First GENERATE AC with the CDOL1 that was read; the cryptogram is checked by pyemv. CID."""
    values = {tag: unhex(value) for tag, value in WANTED.items()}
    data = fill_dol(seen.objects[0x8C], values)
    answer = unhex(bench.x(f"80AE{p1:02X}00{len(data):02X}{data.hex()}"))
    assert answer[-2:] == b"\x90\x00"
    body = find(answer[:-2], 0x80) or b""
    atc = body[1:3]
    key = DES3.new(udk, DES3.MODE_ECB).encrypt(bytes(6) + atc + bytes(6) + bytes(byte ^ 0xFF for byte in atc))
    order = unhex("9F02069F03069F1A0295055F2A029A039C019F3704")
    assert body[3:11] == cryptogram_of(key, fill_dol(order, values) + seen.aip + atc + body[14:18])
    return body[0]


# --- HX --------------------------------------------------------------------------------------------------------------

HX_PAN: Final = "8888800000000001"
HX_DEBIT, HX_CASH = "080102001001050018010201", "0801020010010200100507001802020018030301"
HX_ORDER: Final = (
    0x9104, 0x9203, 0x9207, 0x9102, 0x9103, 0x0101, 0x0102, *range(0x0201, 0x0208), 0x0301, 0x0302, 0x0303, 0x0401,
    0x0D01, 0x0E01, 0x9200, 0x8000, 0x9000, *range(0x8205, 0x8200, -1), 0x8010, 0x9010,
)  # fmt: skip


def hx_part(*more: tuple[int, str]) -> bytes:
    """Records 0301 and 0303: what is authenticated offline."""
    return lines(
        (0x5A, HX_PAN), (0x8E, "00000000000000000203" + "1F00"), (0x9F0D, "D86004A800"), (0x9F0E, "0010980000"),
        (0x9F0F, "D86804F800"), (0x5F24, "391231"), (0x5F28, "0156"), (0x9F42, "0156"), (0x9F07, "FF00"), *more,
    )  # fmt: skip


def hx_certificates() -> dict[int, bytes]:
    """SFI 2: the issuer's certificate as published (vector 73); the card's, made with its published key (vector 72)."""
    issuer, published = private(72), VECTORS[73]
    debit, cash = hx_part((0x5F25, "100101")), hx_part((0x9F74, b"ECC001".hex()))
    made = {0x0201: lines((0x90, published.outputs["cert"]))}
    made[0x0202] = lines((0x9F32, "03"), (0x92, published.outputs["remainder"]), (0x8F, "01"))
    for part, static, own in ((debit, 0x0203, 0x0204), (cash, 0x0206, 0x0207)):
        signed = part + unhex("7D00")
        made[static] = lines((0x93, oda.sign_static(issuer, unhex("DAC0"), signed)))
        icc = oda.build_icc_certificate(issuer, rsa("icc").public, HX_PAN, "1239", b"\0\0\1", signed)
        made[own] = lines((0x9F46, icc.certificate))
        made[0x0205] = lines((0x9F47, icc.exponent), (0x9F48, icc.remainder), (0x9F49, "9F3704"))
    return made | {0x0301: debit, 0x0303: cash}


def hx() -> Job:
    """The job of HX: its order; CRT values always padded, A5 alone, 8010 in format 2, 9010 as two bytes."""
    keys, key = udks(HX_PAN, "00"), rsa("icc")
    records = {
        **hx_certificates(),
        0x0101: lines((0x57, track2(HX_PAN, "3912", "901"))),
        0x0102: lines((0x5F20, b"CARDHOLDER"), (0x9F61, b"110101198001010010"), (0x9F62, "00")),
        0x0302: lines((0x8C, LIST), (0x8D, "8A02" + LIST[:-6]), (0x5F30, "0901"), (0x9F08, "0020"), (0x9F4A, "82")),
        0x0401: lines((0x9F74, b"ECC001")),
    }
    work = {dgi: ber(0x70, content) for dgi, content in records.items()}
    work |= {dgi: lines((0x82, "7D00"), (0x94, afl)) for dgi, afl in ((0x9104, HX_DEBIT), (0x9203, HX_CASH))}
    fci = lines((0x50, b"PBOC DEBIT"), (0x87, "01"), (0x9F38, "9F7A019F02065F2A02"), (0x5F2D, "7A68"))
    work[0x9102] = ber(0xA5, fci + lines((0xBF0C, "9F4D020B0A")))
    # 9103 and 9207 are contactless: their content does not matter here.
    work |= {0x9103: ber(0xA5, ber(0x50, b"PBOC DEBIT")), 0x9207: lines((0x82, "7D00"), (0x94, HX_DEBIT))}
    work[0x0D01] = unhex("9F580100 9F590100 9F530100 9F5406000000000000 9F5C06000000000000 9F720100") + LOG_FORMAT
    work[0x0D01] += unhex("9F7706000000200000 9F7806000000070000 9F7906000000100000 9F6D06000000050000")
    work[0x0E01] = unhex("9F51020156 9F52026010 9F560180 9F57020156 9F36020000 9F13020000")
    work |= {0x9200: lines((0x9F10, "07010103000000010A010000000000")), 0x8000: keys, 0x9000: check_values(keys)}
    for dgi, number in zip(range(0x8205, 0x8200, -1), (key.p, key.q, key.dp, key.dq, key.qinv), strict=True):
        work[dgi] = (number.to_bytes(72, "big") + b"\x80").ljust(80, b"\0")
    work |= {0x8010: unhex("26123456FFFFFFFF"), 0x9010: unhex("0303")}
    return {dgi: work[dgi] for dgi in HX_ORDER}


@pytest.mark.parametrize("cash", [False, True])
def test_hx(cash: bool) -> None:
    """PBOC-PER-027, PBOC-PER-014 to 019, 024 to 026: debit and electronic cash on a card of the HX layout, with CDA."""
    bench = issued(hx())
    amount = WANTED[0x9F02]
    seen = read(bench, f"{int(cash):02X}{amount}0156")
    assert seen.aip == unhex("7D00")
    assert seen.afl == unhex(HX_CASH if cash else HX_DEBIT)
    assert (0x9F74 in seen.objects) == cash
    issuer = oda.recover_issuer_key(
        private(71).public, seen.objects[0x90], seen.objects[0x92], seen.objects[0x9F32], HX_PAN, TODAY
    )
    found = seen.objects
    icc = oda.recover_icc_key(issuer, found[0x9F46], found[0x9F48], found[0x9F47], HX_PAN, seen.static, TODAY)
    assert oda.verify_static(issuer, found[0x93], seen.static) == unhex("DAC0")
    dynamic = unhex(bench.x("0088000004 12345678"))
    assert oda.verify_dynamic(icc, find(dynamic[:-2], 0x80) or b"", unhex("12345678")) == unhex("020001")
    assert bench.all("0020008008 26123456FFFFFFFF", "80CA9F1700") == ["9000", "9000"]
    assert generated(bench, seen, 0x40 if cash else 0x80, udks(HX_PAN, "00")[:16]) == (0x40 if cash else 0x80)
    assert bench.x("80CA9F7900") == f"9F7906{100000 - 1000 * cash:012d}9000"
    assert bench.x("00B2015C00")[-4:] == ("9000" if cash else "6A83")


def test_hx_combined() -> None:
    """PBOC-PER-027: the card of HX answers with CDA, as its AIP promises."""
    bench = issued(hx())
    seen = read(bench, "00" + WANTED[0x9F02] + "0156")
    data = fill_dol(seen.objects[0x8C], {tag: unhex(value) for tag, value in WANTED.items()})
    answer = unhex(bench.x(f"80AE9000{len(data):02X}{data.hex()}"))
    assert answer[:1] == b"\x77"
    assert find(answer[:-2], 0x77, 0x9F4B) is not None


# --- SCSH ------------------------------------------------------------------------------------------------------------

SCSH_PAN: Final = "6228000100001117"
SCSH_DEBIT, SCSH_CASH = "08010100100102001801020120010300", "08010100100102001801040120010200"
SCSH_PDOL: Final = "9F1A029F7A019F02065F2A029F4E14"
SCSH_ORDER: Final = (
    0x9102, 0x9103, 0x9104, 0x9203, 0x9207, 0x9200, 0x0101, 0x0201, 0x0202, 0x0301, 0x0302, 0x0303, 0x0304, 0x0401,
    0x0402, 0x0403, 0x0D01, 0x0E01, 0x8000, 0x9000, *range(0x8201, 0x8206), 0x8010, 0x9010,
)  # fmt: skip


def scsh() -> Job:
    """The job of SCSH: its order; CRT values without padding, 6F, 9010 as a data object.

    Published are the AFLs, record 0301 (it is what the certificate covers), 9F74 in 0303, 9F14 and 9F23 in SFI 4, keys,
    certificates and limits. How the other objects are spread over the records is ours, and so is 93, which nobody here
    can sign: it is as long as the issuer's key.
    """
    chain, crt = VECTORS[100], VECTORS[101]
    keys = b"".join(VECTORS[number].data("key") for number in (102, 103, 104))
    lists = lines((0x8C, LIST), (0x8D, "8A02" + LIST[:-6]))
    rules = (0x8E, "00000000000000000203" + "1F00"), (0x9F0D, "D8609CA800"), (0x9F0E, "0010000000")
    records = {
        0x0101: lines((0x57, track2(SCSH_PAN, "3012", "201")), (0x5F20, b"CARD IMAGE"), (0x9F1F, b"0000")),
        0x0201: lines((0x90, chain.data("cert90")), (0x8F, "80"), (0x92, chain.data("rem92")), (0x9F32, "03")),
        0x0202: lines((0x9F46, chain.data("cert9F46")), (0x9F47, "010001"), (0x9F48, chain.data("rem9F48")))
        + lines((0x9F49, "9F3704")),
        0x0301: chain.data("static")[:-2],
        0x0302: lists + lines((0x5F28, "0156"), (0x5F30, "0201"), (0x5F34, "01"), (0x9F4A, "82")),
        0x0303: lines((0x9F74, b"ECC001")),
        0x0304: lines((0x8E, "00000000000000001F00"), (0x9F0D, "D8603CA800"), (0x9F0E, "0010800000")),
        0x0401: lines((0x9F07, "FF00"), (0x9F14, "00"), (0x9F23, "00"), (0x9F42, "0156")),
        0x0402: lines((0x93, bytes(128))),
        0x0403: lines(*rules),
    }
    work = {dgi: ber(0x70, content) for dgi, content in records.items()}
    work |= {dgi: lines((0x82, "7C00"), (0x94, afl)) for dgi, afl in ((0x9104, SCSH_DEBIT), (0x9203, SCSH_CASH))}
    fci = lines((0x50, b"PBOC Credit"), (0x87, "01"), (0x9F38, SCSH_PDOL), (0xBF0C, "9F4D020B0A"))
    work[0x9102] = ber(0x6F, lines((0x84, ADF), (0xA5, fci)))
    work |= {0x9103: work[0x9102], 0x9207: lines((0x82, "7C00"), (0x94, SCSH_DEBIT))}
    work[0x9200] = lines((0x9F10, "07010103000000010A010000000000"))
    work[0x0D01] = unhex("9F580100 9F590100 9F530100 9F5406000000000000 9F5C06000000000000 9F720100") + LOG_FORMAT
    work[0x0D01] += unhex("9F7706000000015000 9F7806000000001000 9F7906000000000000 9F6D06000000001500")
    work[0x0E01] = unhex("9F51020156 9F52028240 9F560180 9F57020156 9F36020000 9F13020000")
    outputs = (VECTORS[number].result("kcv") for number in (102, 103, 104))
    work |= {0x8000: keys, 0x9000: b"".join(outputs)}
    for dgi, name in zip(range(0x8201, 0x8206), ("qinv", "dq", "dp", "q", "p"), strict=True):
        work[dgi] = crt.data(name)
    work |= {0x8010: unhex("241234FFFFFFFFFF"), 0x9010: unhex("9F170103 03")}
    return {dgi: work[dgi] for dgi in SCSH_ORDER}


@pytest.mark.parametrize("cash", [False, True])
def test_scsh(cash: bool) -> None:
    """PBOC-PER-027, PBOC-PER-014, 019, 021, 022, 024 to 026, PBOC-FCI-008: the published certificates and the published
    key belong together on the card; electronic cash without money, so a purchase over nothing."""
    bench = issued(scsh())
    amount = "000000000000" if cash else WANTED[0x9F02]
    seen = read(bench, f"0156{int(cash):02X}{amount}0156" + "20" * 20)
    assert seen.afl == unhex(SCSH_CASH if cash else SCSH_DEBIT)
    assert (0x9F74 in seen.objects) == cash
    found, vector = seen.objects, VECTORS[100]
    ca = RsaPublicKey(vector.number_of("ca_n"), vector.number_of("ca_e"))
    issuer = oda.recover_issuer_key(ca, found[0x90], found[0x92], found[0x9F32], SCSH_PAN, TODAY)
    icc = oda.recover_icc_key(issuer, found[0x9F46], found[0x9F48], found[0x9F47], SCSH_PAN, seen.static, TODAY)
    dynamic = unhex(bench.x("0088000004 12345678"))
    assert oda.verify_dynamic(icc, find(dynamic[:-2], 0x80) or b"", unhex("12345678")) == unhex("020001")
    assert bench.all("0020008008 241234FFFFFFFFFF") == ["9000"]
    assert generated(bench, seen, 0x80, VECTORS[102].data("key")) == 0x80


def test_order_makes_no_difference() -> None:
    """PBOC-PER-027: the job of HX in the order of SCSH, and the other way round: the same answers."""
    for work, order in ((hx(), SCSH_ORDER), (scsh(), HX_ORDER)):
        names = sorted(work, key=lambda dgi: order.index(dgi) if dgi in order else 0)
        one, other = issued(work), issued({dgi: work[dgi] for dgi in names})
        asked = [f"00B2{number:02X}{sfi << 3 | 4:02X}00" for sfi in range(1, 5) for number in range(1, 8)]
        for bench in (one, other):
            bench.select(AID)
        assert [one.x(apdu) for apdu in asked] == [other.x(apdu) for apdu in asked]
        assert one.select(AID) == other.select(AID)
