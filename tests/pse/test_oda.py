"""Offline data authentication: certificates, static and dynamic signatures, SDA-only cards, forms of the key."""

import datetime as dt
import hashlib

import pytest

from cardsim.crypto import oda
from cardsim.crypto.rsa import RsaPrivateKey, RsaPublicKey
from cardsim.iso7816.tlv import ber, find, walk
from cardsim.pse.rsakey import load_rsa_key
from tests.cards import AID, Bench, card, unhex
from tests.pse.deal import PAN, Deal
from tests.pse.kinds import short_key
from tests.pse.perso import ec, job_of, pay, rsa, structure

TODAY = dt.date(2026, 1, 1)


def read_path(bench: Bench, *, cash: bool) -> tuple[dict[int, bytes], bytes]:
    """What a terminal gathers: data objects of a path, and its static data to be authenticated."""
    deal = Deal(bench)
    answer = unhex(deal.gpo(cash=cash))
    body = find(answer[:-2], 0x80) or b""
    aip, afl, found, static = body[:2], body[2:], {}, b""
    for at in range(0, len(afl), 4):
        sfi, first, last, signed = afl[at : at + 4]
        for number in range(first, last + 1):
            record = unhex(bench.x(f"00B2{number:02X}{sfi | 4:02X}00"))[:-2]
            found.update({item.tag: item.value for item in walk(record)})
            if number < first + signed:
                static += find(record, 0x70) or b""
    if 0x9F4A in found:
        assert found[0x9F4A] == b"\x82"
        static += aip
    return found, static


def issuer_key(found: dict[int, bytes]) -> RsaPublicKey:
    ca = RsaPublicKey(rsa("ca").n, 3)
    return oda.recover_issuer_key(ca, found[0x90], found.get(0x92, b""), found[0x9F32], PAN, TODAY)


def opened(key: RsaPublicKey, signed: bytes) -> bytes:
    """The block of a signature, by plain arithmetic."""
    return pow(int.from_bytes(signed, "big"), key.e, key.n).to_bytes(len(signed), "big")


@pytest.mark.parametrize("cash", [False, True])
def test_chain(cash: bool) -> None:
    """PBOC-DDA-008, PBOC-DDA-009, PBOC-DDA-010, PBOC-REC-019, PBOC-CRY-012."""
    found, static = read_path(ec(10000), cash=cash)
    issuer = issuer_key(found)
    assert (issuer.n, issuer.e) == (rsa("issuer").n, 3)
    block = opened(RsaPublicKey(rsa("ca").n, 3), found[0x90])
    assert (block[:2], block[2:6], block[6:8], block[-1]) == (b"\x6a\x02", unhex("621467FF"), unhex("1239"), 0xBC)
    icc = oda.recover_icc_key(issuer, found[0x9F46], found.get(0x9F48, b""), found[0x9F47], PAN, static, TODAY)
    assert icc.n == rsa("icc").n
    block = opened(issuer, found[0x9F46])
    assert (block[:2], block[2:12].hex().upper()) == (b"\x6a\x04", "6214672500000000056F")
    assert oda.verify_static(issuer, found[0x93], static) == unhex("DAC0")
    block = opened(issuer, found[0x93])
    assert block[:5] == unhex("6A0301DAC0")
    assert block[-21:-1] == hashlib.sha1(block[1:-21] + static).digest()


def test_paths_have_their_own_signatures() -> None:
    """PBOC-REC-019, PBOC-DDA-010: each static signature fits its own path alone."""
    debit, cash = (read_path(ec(10000), cash=cash) for cash in (False, True))
    issuer = issuer_key(debit[0])
    for (found, _), (_, static) in ((debit, cash), (cash, debit)):
        with pytest.raises(oda.OdaError):
            oda.verify_static(issuer, found[0x93], static)
        with pytest.raises(oda.OdaError):
            oda.recover_icc_key(issuer, found[0x9F46], found.get(0x9F48, b""), found[0x9F47], PAN, static, TODAY)


@pytest.mark.parametrize("cash", [False, True])
def test_dynamic(cash: bool) -> None:
    """PBOC-DDA-001, PBOC-DDA-002, PBOC-DDA-003, PBOC-T0-004."""
    bench = ec(10000)
    deal, seen = Deal(bench), set()
    for count, number in enumerate(("12345678", "00000000", "FFFFFFFF"), 1):
        assert deal.gpo(cash=cash)[-4:] == "9000"
        answer = bench.x(f"0088000004{number}")
        assert answer[:6] == "808190"
        assert answer[-4:] == "9000"
        signed = unhex(answer)[3:-2]
        assert oda.verify_dynamic(rsa("icc").public, signed, unhex(number)) == b"\x02" + count.to_bytes(2, "big")
        block = opened(rsa("icc").public, signed)
        assert block[:4] == unhex("6A050103")
        assert block[4:7] == b"\x02" + count.to_bytes(2, "big")
        assert set(block[7:-21]) == {0xBB}
        assert block[-21:-1] == hashlib.sha1(block[1:-21] + unhex(number)).digest()
        assert block[-1] == 0xBC
        with pytest.raises(oda.OdaError):
            oda.verify_dynamic(rsa("icc").public, signed, unhex("87654321"))
        seen.add(signed)
    assert len(seen) == 3


def test_dynamic_order(bench: Bench) -> None:
    """PBOC-DDA-005, PBOC-DDA-007."""
    deal, apdu = Deal(bench), "0088000004 12345678"
    deal.select()
    assert bench.x(apdu) == "6985"
    deal.gpo()
    assert bench.all("0088000003 123456", "0088000008 1234567812345678", "0088000000") == ["6700"] * 3
    assert bench.all("0088010004 12345678", "0088000104 12345678") == ["6A86"] * 2
    assert bench.all(apdu, apdu) == ["9000", "9000"], "as often as the terminal likes"
    deal.gac(0x80)
    assert bench.x(apdu) == "6985"
    deal.gac2(0x40)
    assert bench.x(apdu) == "6985"


def static_only() -> Bench:
    """A card without a key of its own."""
    return card("bank-sda")


def test_static_only() -> None:
    """PBOC-DDA-006, PBOC-DDA-012."""
    bench = static_only()
    found, static = read_path(bench, cash=False)
    assert bench.x("0088000004 12345678") == "6985"
    assert not {0x9F46, 0x9F47, 0x9F48, 0x9F49} & set(found)
    assert oda.verify_static(issuer_key(found), found[0x93], static) == unhex("DAC0")
    assert bench.select(AID)[-4:] == "9000"
    assert bench.x("80A800000B8309000000000010000156").startswith("80 0E 5C00".replace(" ", ""))


def test_no_remainder() -> None:
    """PBOC-DDA-011: a key that fits into its certificate leaves 9F4800."""
    short = short_key()
    work = job_of(structure(), short)
    bench = pay(dgis=dict(work))
    found, static = read_path(bench, cash=False)
    assert found[0x9F48] == b""
    assert ber(0x9F48, b"") in work[0x0205]
    key = oda.recover_icc_key(issuer_key(found), found[0x9F46], b"", found[0x9F47], PAN, static, TODAY)
    answer = unhex(bench.x("0088000004 12345678"))
    assert oda.verify_dynamic(key, answer[3:-2], unhex("12345678")) == unhex("020001")


# --- forms of the key ------------------------------------------------------------------------------------------------


def crt(padding: str) -> dict[int, bytes | None]:
    """DGI 8205 to 8201 of the demo key in a padding of its own."""
    key, found = rsa("icc"), dict[int, bytes | None]()
    for dgi, number in zip(range(0x8205, 0x8200, -1), (key.p, key.q, key.dp, key.dq, key.qinv), strict=True):
        raw = number.to_bytes(72, "big")
        found[dgi] = {"none": raw, "80": (raw + b"\x80").ljust(80, b"\0"), "FF": (raw + b"\x80").ljust(80, b"\xff")}[
            padding
        ]
    return found


def signs(bench: Bench) -> bool:
    Deal(bench).gpo()
    answer = unhex(bench.x("0088000004 12345678"))
    return oda.verify_dynamic(rsa("icc").public, answer[3:-2], unhex("12345678")) == unhex("020001")


@pytest.mark.parametrize("padding", ["none", "80", "FF"])
def test_paddings(padding: str) -> None:
    """PBOC-PER-022, PBOC-PER-024, PBOC-PER-012."""
    assert signs(pay(dgis=crt(padding)))


def test_value_that_looks_padded() -> None:
    """PBOC-PER-024: qInv of this key ends in 80, and is not cut."""
    p = 0xDDF1085A7DFAE8B4C153510FEC9DF6B61614DC2AA3FAAF301480BCF303AD1587
    q = 0xCE6DFD5B693DFBC8EB3EA0D02F5DABB076CB22648577B7DDD47410649D36B273
    key = RsaPrivateKey.from_primes(p, q, 3)
    assert key.qinv % 256 == 0x80
    for filler in (b"", b"\x80" + bytes(7), b"\x80" + b"\xff" * 7):
        parts = [number.to_bytes(32, "big") + filler for number in (key.p, key.q, key.dp, key.dq, key.qinv)]
        assert load_rsa_key(dict(zip(range(0x8205, 0x8200, -1), parts, strict=True)).get) == key


def exponent_form() -> dict[int, bytes | None]:
    key = rsa("icc")
    d = pow(3, -1, (key.p - 1) * (key.q - 1))
    work: dict[int, bytes | None] = dict.fromkeys(range(0x8201, 0x8206))
    return {**work, 0x8101: key.n.to_bytes(144, "big"), 0x8103: d.to_bytes(144, "big")}


def test_modulus_and_exponent() -> None:
    """PBOC-PER-023."""
    assert signs(pay(dgis=exponent_form()))
