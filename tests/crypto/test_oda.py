"""Offline data authentication: published chains, round trips, and every check made to fail."""

import dataclasses
import hashlib
import random
from collections.abc import Callable
from datetime import date

import pytest

from cardsim.crypto import oda
from cardsim.crypto.oda import CaPublicKey, OdaError
from cardsim.crypto.rsa import RsaPrivateKey, RsaPublicKey, generate_rsa
from cardsim.iso7816 import tlv
from tests.crypto.published import VECTORS, Vector, h, numbers, recomputes

# --- published keys and chains


@recomputes(*numbers("capk_hash"))
def test_published_ca_key(number: int) -> None:
    vector = VECTORS[number]
    key = CaPublicKey(
        vector.data("rid"), vector.number_of("index"), vector.data("modulus"), vector.data("exponent"), b""
    )
    assert key.compute_hash() == vector.result("sha1")
    assert key.key.n.bit_length() == vector.outputs["bits"]


def published_issuer_key(vector: Vector, pan: str) -> RsaPublicKey:
    ca = RsaPublicKey(vector.number_of("ca_n"), vector.number_of("ca_e"))
    return oda.recover_issuer_key(ca, vector.data("cert90"), vector.data("rem92"), vector.data("exp9F32"), pan)


def pan_in(static_data: bytes) -> str:
    pan = tlv.find(static_data, 0x5A)
    assert pan is not None
    return pan.hex().upper()


def published_icc_key(vector: Vector) -> RsaPublicKey:
    static_data = vector.data("static")
    pan = pan_in(static_data)
    certificate = (vector.data("cert9F46"), vector.data("rem9F48"), vector.data("exp9F47"))
    return oda.recover_icc_key(published_issuer_key(vector, pan), *certificate, pan, static_data)


def icc_key_without_hash(issuer: RsaPublicKey, vector: Vector) -> RsaPublicKey:
    """The ICC key of a card whose static data are not published: its certificate is opened, the hash left aside."""
    block = issuer.recover(vector.data("cert9F46"))
    assert (block[:2], block[-1:]) == (h("6A04"), h("BC"))
    modulus = (block[21:-21] + vector.data("rem9F48"))[: block[19]]
    return RsaPublicKey(int.from_bytes(modulus, "big"), vector.number_of("exp9F47"))


@recomputes(*numbers("sign_cert"))
def test_published_issuer_certificate_is_built(number: int) -> None:
    """PBOC-CRY-012."""
    keys, vector = VECTORS[71], VECTORS[number]
    ca = RsaPrivateKey.from_primes(keys.number_of("p"), keys.number_of("q"), keys.number_of("e"))
    assert ca.n == vector.number_of("ca_n")
    issuer = RsaPublicKey(vector.number_of("pk"), vector.number_of("pk_exp"))
    built = oda.build_issuer_certificate(ca, 0x01, issuer, "88888", "1249", h("000001"))
    assert built.certificate == vector.result("cert")
    assert built.remainder == vector.result("remainder")
    assert built.exponent == vector.data("pk_exp")
    assert built.ca_index == 1


@recomputes(74)
def test_published_issuer_certificate(number: int) -> None:
    vector = VECTORS[number]
    key = published_issuer_key(vector, "8888800000000001")
    assert key.modulus == vector.result("issuer_n")


@recomputes(*numbers("cert_partial"))
def test_published_issuer_certificate_without_remainder(number: int) -> None:
    """The block is as printed. The key in it has 128 bytes and only 92 fit, so without tag 92 it is refused."""
    vector = VECTORS[number]
    ca = RsaPublicKey(vector.number_of("n"), vector.number_of("e"))
    assert ca.recover(vector.data("cert")) == vector.result("recovered")
    with pytest.raises(OdaError, match="hash in the issuer certificate does not match"):
        oda.recover_issuer_key(ca, vector.data("cert"), b"", b"\x03", "6228000000000000")


@recomputes(93)
def test_published_keys_and_static_signature(number: int) -> None:
    """Visa's test card: the static data are not published, so both signatures are opened without their hash."""
    vector = VECTORS[number]
    issuer = published_issuer_key(vector, "4761739001010119")
    assert issuer.modulus == vector.result("issuer_n")
    assert icc_key_without_hash(issuer, vector).modulus == vector.result("icc_n")
    block = issuer.recover(vector.data("ssad93"))
    assert (block[:3], block[3:5], block[-1:]) == (h("6A0301"), vector.result("dac"), h("BC"))


@recomputes(94)
def test_published_cda_of_another_scheme(number: int) -> None:
    """The layout of the dynamic data; that card has a longer dynamic number."""
    vector = VECTORS[number]
    issuer = published_issuer_key(vector, "5413330089020011")
    key = icc_key_without_hash(issuer, vector)
    dynamic = oda.verify_dynamic(key, vector.data("sdad"), vector.data("dynamic"))
    end = 1 + dynamic[0]
    assert dynamic[1:end] == vector.result("icc_dynamic_number")
    assert dynamic[end + 1 : end + 9] == vector.result("ac")
    assert dynamic[end + 9 :] == vector.result("transaction_hash")


@recomputes(95, 98, 99)
def test_published_sda(number: int) -> None:
    """PBOC-DDA-010: Visa's example, and the two UnionPay test cards under the BCTC keys 09 and 0B."""
    vector = VECTORS[number]
    static_data = vector.data("static")
    issuer = published_issuer_key(vector, pan_in(static_data))
    assert len(oda.verify_static(issuer, vector.data("ssad93"), static_data)) == 2
    with pytest.raises(OdaError, match="hash"):
        oda.verify_static(issuer, vector.data("ssad93"), static_data[:-2])


@recomputes(96, 98)
def test_published_dda(number: int) -> None:
    """PBOC-DDA-003: Mastercard's example; the UICC card signs under the key whose certificate it holds."""
    vector = VECTORS[number]
    dynamic = oda.verify_dynamic(published_icc_key(vector), vector.data("sdad"), vector.data("dynamic"))
    assert dynamic[0] == len(dynamic) - 1
    if number == 98:
        # That card's dynamic number is the counter and five more bytes; ours is the counter alone (PBOC-DDA-002).
        assert dynamic[:3] == h("070006")


@recomputes(97)
def test_published_cda(number: int) -> None:
    vector = VECTORS[number]
    dynamic = oda.verify_dynamic(published_icc_key(vector), vector.data("sdad"), vector.data("dynamic"))
    assert dynamic[-20:] == hashlib.sha1(vector.data("cda_transaction_data")).digest()


@recomputes(98, 99, 100, 105)
def test_published_icc_certificate(number: int) -> None:
    """PBOC-DDA-008, PBOC-DDA-009: UnionPay cards, from the CA key to the key of the card."""
    assert published_icc_key(VECTORS[number]).n.bit_length() % 8 == 0


def test_certified_key_is_the_personalised_one() -> None:
    """The primes of vector 101 make the key in the certificate of vector 100."""
    crt = VECTORS[101]
    assert published_icc_key(VECTORS[100]).n == crt.number_of("p") * crt.number_of("q")


# --- round trips


def key(bits: int, seed: int, e: int = 3) -> RsaPrivateKey:
    return generate_rsa(bits, e, random.Random(seed).randbytes)


CA, ISSUER, ICC = key(1152, 1), key(1024, 2, 65537), key(768, 3)
PAN = "6214672500000000056"
STATIC = h("5A0A6214672500000000056F 7C00")
SERIAL = h("0A0B0C")
DYNAMIC = h("02 0001")
UNPREDICTABLE = h("12345678")


@pytest.mark.parametrize(
    ("ca_bits", "issuer_bits", "icc_bits"),
    [(1984, 1984, 1984), (1984, 1024, 512), (512, 512, 512), (1408, 1120, 784), (1408, 1128, 792)],
)
def test_chain(ca_bits: int, issuer_bits: int, icc_bits: int) -> None:
    ca, issuer, icc = key(ca_bits, 11), key(issuer_bits, 12, 65537), key(icc_bits, 13)
    first = oda.build_issuer_certificate(ca, 0x80, issuer.public, PAN[:8], "1230", SERIAL)
    assert len(first.certificate) == ca.size
    assert len(first.remainder) == max(0, issuer.size - (ca.size - 36))
    recovered = oda.recover_issuer_key(
        ca.public, first.certificate, first.remainder, first.exponent, PAN, date(2030, 12, 31)
    )
    assert recovered == issuer.public
    second = oda.build_icc_certificate(issuer, icc.public, PAN, "1129", SERIAL, STATIC)
    assert len(second.remainder) == max(0, icc.size - (issuer.size - 42))
    card = oda.recover_icc_key(recovered, second.certificate, second.remainder, second.exponent, PAN, STATIC)
    assert card == icc.public
    assert oda.verify_static(recovered, oda.sign_static(issuer, h("DAC0"), STATIC), STATIC) == h("DAC0")
    sdad = oda.sign_dynamic(icc, DYNAMIC, UNPREDICTABLE)
    assert oda.verify_dynamic(card, sdad, UNPREDICTABLE) == DYNAMIC
    longest = bytes(icc.size - 25)
    assert oda.verify_dynamic(card, oda.sign_dynamic(icc, longest, b""), b"") == longest


def test_ca_key_of_a_terminal() -> None:
    first = oda.build_issuer_certificate(CA, 0x80, ISSUER.public, PAN[:6], "1230", SERIAL)
    ca = CaPublicKey(h("A000000333"), 0x80, CA.public.modulus, CA.public.exponent)
    ca = dataclasses.replace(ca, check_value=ca.compute_hash())
    recovered = oda.recover_issuer_key(ca, first.certificate, first.remainder, first.exponent, PAN)
    assert recovered == ISSUER.public


def test_layout_of_static_signature() -> None:
    block = ISSUER.public.recover(oda.sign_static(ISSUER, h("DAC0"), STATIC))
    assert block[:5] == h("6A0301DAC0")
    assert set(block[5:-21]) == {0xBB}
    assert block[-21:-1] == hashlib.sha1(block[1:-21] + STATIC).digest()
    assert block[-1] == 0xBC


# --- every check


Forge = Callable[[bytes], bytes]


def resigned(signer: RsaPrivateKey, signed: bytes, clear: bytes, forge: Forge) -> bytes:
    """A signature over a changed block with a hash that fits again."""
    block = forge(signer.public.recover(signed))
    body = block[1:-21]
    return signer.sign(block[:1] + body + hashlib.sha1(body + clear).digest() + block[-1:])


def put(offset: int, value: str) -> Forge:
    """A change of some bytes of a block; a negative offset counts from the end."""
    data = h(value)

    def forge(block: bytes) -> bytes:
        start = offset % len(block)
        return block[:start] + data + block[start + len(data) :]

    return forge


COMMON = [
    (put(0, "6B"), "does not begin with 6A"),
    (put(-1, "BB"), "does not end in BC"),
]


def issuer_key(forge: Forge = bytes, pan: str = PAN, on: date | None = None) -> RsaPublicKey:
    built = oda.build_issuer_certificate(CA, 0x80, ISSUER.public, PAN[:8], "1230", SERIAL)
    certificate = resigned(CA, built.certificate, built.remainder + built.exponent, forge)
    return oda.recover_issuer_key(CA.public, certificate, built.remainder, built.exponent, pan, on)


@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        *COMMON,
        (put(1, "04"), "format of the issuer certificate is 04, not 02"),
        (put(2, "62FFFFFF"), "not 3 to 8 digits"),
        (put(2, "6214672A"), "not 3 to 8 digits"),
        (put(2, "62146726"), "not the beginning of the PAN"),
        (put(6, "13"), "not MMYY"),
        (put(6, "0A30"), "not MMYY"),
        (put(6, "0030"), "not MMYY"),
        (put(11, "02"), "hash algorithm of the issuer certificate is 02"),
        (put(12, "02"), "public key algorithm of the issuer certificate is 02"),
        (put(13, "FF"), "remainder of the issuer certificate is missing"),
        (put(13, "00"), "fewer bytes than it says"),
        (put(14, "01"), "says 1 bytes of exponent, 3 were given"),
        (put(15, "00"), "fewer bytes than it says"),
    ],
)
def test_forged_issuer_certificate(forge: Forge, reason: str) -> None:
    assert issuer_key() == ISSUER.public
    with pytest.raises(OdaError, match=reason):
        issuer_key(forge)


def test_issuer_certificate_of_another_pan() -> None:
    with pytest.raises(OdaError, match="not the beginning of the PAN"):
        issuer_key(pan="6228000100001117")


@pytest.mark.parametrize(
    ("expiry", "on", "good"),
    [
        ("1230", date(2030, 12, 31), True),
        ("1230", date(2031, 1, 1), False),
        ("0149", date(2049, 1, 31), True),
        ("0150", date(2020, 1, 1), False),
        ("1299", date(1999, 12, 31), True),
    ],
)
def test_expiry_of_issuer_certificate(expiry: str, on: date, good: bool) -> None:
    forge = put(6, expiry)
    if good:
        assert issuer_key(forge, on=on) == ISSUER.public
    else:
        with pytest.raises(OdaError, match="issuer certificate has expired"):
            issuer_key(forge, on=on)
    assert issuer_key(forge) == ISSUER.public


Parts = tuple[bytes, bytes, bytes]


def parts_of(built: oda.IssuerCertificate | oda.IccCertificate) -> Parts:
    return built.certificate, built.remainder, built.exponent


ISSUER_PARTS = parts_of(oda.build_issuer_certificate(CA, 0x80, ISSUER.public, PAN[:8], "1230", SERIAL))
ICC_PARTS = parts_of(oda.build_icc_certificate(ISSUER, ICC.public, PAN, "1230", SERIAL, STATIC))


@pytest.mark.parametrize("part", [1, 2])
def test_tampered_clear_parts(part: int) -> None:
    def tampered(parts: Parts) -> Parts:
        certificate, remainder, exponent = parts
        return (certificate, remainder + b"\x07", exponent) if part == 1 else (certificate, remainder, b"\x05")

    with pytest.raises(OdaError, match="hash in the issuer certificate does not match"):
        oda.recover_issuer_key(CA.public, *tampered(ISSUER_PARTS), PAN)
    with pytest.raises(OdaError, match="hash in the ICC certificate does not match"):
        oda.recover_icc_key(ISSUER.public, *tampered(ICC_PARTS), PAN, STATIC)


def icc_key(forge: Forge = bytes, pan: str = PAN, on: date | None = None) -> RsaPublicKey:
    certificate, remainder, exponent = ICC_PARTS
    certificate = resigned(ISSUER, certificate, remainder + exponent + STATIC, forge)
    return oda.recover_icc_key(ISSUER.public, certificate, remainder, exponent, pan, STATIC, on)


@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        *COMMON,
        (put(1, "02"), "format of the ICC certificate is 02, not 04"),
        (put(2, "6228"), "PAN in the ICC certificate"),
        (put(12, "1330"), "expiry date of the ICC certificate is not MMYY"),
        (put(17, "02"), "hash algorithm of the ICC certificate is 02"),
        (put(18, "02"), "public key algorithm of the ICC certificate is 02"),
        (put(19, "FF"), "remainder of the ICC certificate is missing"),
        (put(20, "03"), "says 3 bytes of exponent, 1 were given"),
        (put(21, "00"), "fewer bytes than it says"),
    ],
)
def test_forged_icc_certificate(forge: Forge, reason: str) -> None:
    assert icc_key() == ICC.public
    with pytest.raises(OdaError, match=reason):
        icc_key(forge)


def test_icc_certificate_of_another_card() -> None:
    assert icc_key(pan=PAN + "F") == ICC.public
    with pytest.raises(OdaError, match="PAN in the ICC certificate"):
        icc_key(pan=PAN[:-1])
    with pytest.raises(OdaError, match="ICC certificate has expired"):
        icc_key(on=date(2031, 1, 1))
    with pytest.raises(OdaError, match="hash in the ICC certificate"):
        oda.recover_icc_key(ISSUER.public, *ICC_PARTS, PAN, STATIC + b"\0")


SSAD = oda.sign_static(ISSUER, h("DAC0"), STATIC)
SDAD = oda.sign_dynamic(ICC, DYNAMIC, UNPREDICTABLE)


@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        *COMMON,
        (put(1, "05"), "format of the signed static application data is 05, not 03"),
        (put(2, "02"), "hash algorithm of the signed static application data is 02"),
    ],
)
def test_forged_static_signature(forge: Forge, reason: str) -> None:
    with pytest.raises(OdaError, match=reason):
        oda.verify_static(ISSUER.public, resigned(ISSUER, SSAD, STATIC, forge), STATIC)


@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        *COMMON,
        (put(1, "03"), "format of the signed dynamic application data is 03, not 05"),
        (put(2, "02"), "hash algorithm of the signed dynamic application data is 02"),
        (put(3, "48"), "length of the ICC dynamic data"),
    ],
)
def test_forged_dynamic_signature(forge: Forge, reason: str) -> None:
    with pytest.raises(OdaError, match=reason):
        oda.verify_dynamic(ICC.public, resigned(ICC, SDAD, UNPREDICTABLE, forge), UNPREDICTABLE)


def test_tampered_signed_data() -> None:
    with pytest.raises(OdaError, match="hash in the signed static application data"):
        oda.verify_static(ISSUER.public, SSAD, STATIC[:-1])
    with pytest.raises(OdaError, match="hash in the signed dynamic application data"):
        oda.verify_dynamic(ICC.public, SDAD, h("12345679"))


@pytest.mark.parametrize("offset", [0, 40, -1])
def test_tampered_signatures(offset: int) -> None:
    def tampered(signed: bytes) -> bytes:
        start = offset % len(signed)
        return signed[:start] + bytes((signed[start] ^ 1,)) + signed[start + 1 :]

    with pytest.raises(OdaError):
        oda.recover_issuer_key(CA.public, tampered(ISSUER_PARTS[0]), ISSUER_PARTS[1], ISSUER_PARTS[2], PAN)
    with pytest.raises(OdaError):
        oda.recover_icc_key(ISSUER.public, tampered(ICC_PARTS[0]), ICC_PARTS[1], ICC_PARTS[2], PAN, STATIC)
    with pytest.raises(OdaError):
        oda.verify_static(ISSUER.public, tampered(SSAD), STATIC)
    with pytest.raises(OdaError):
        oda.verify_dynamic(ICC.public, tampered(SDAD), UNPREDICTABLE)


def test_signatures_of_wrong_size() -> None:
    with pytest.raises(OdaError, match="has 127 bytes, its key 128"):
        oda.verify_static(ISSUER.public, SSAD[:-1], STATIC)
    with pytest.raises(OdaError, match="not below the modulus"):
        oda.verify_static(ISSUER.public, b"\xff" * ISSUER.size, STATIC)
    with pytest.raises(OdaError, match="too short"):
        oda.verify_dynamic(RsaPublicKey(0xC35B, 3), bytes(2), b"")


# --- refusals of the issuer's side


def test_issuer_side_refusals() -> None:
    build, public = oda.build_issuer_certificate, ISSUER.public
    for issuer_id in ("62", "621467250", "62146F"):
        with pytest.raises(ValueError, match="3 to 8 decimal digits"):
            build(CA, 0x80, public, issuer_id, "1230", SERIAL)
    for expiry in ("1330", "0030", "123", "12A0"):
        with pytest.raises(ValueError, match="MMYY"):
            build(CA, 0x80, public, PAN[:8], expiry, SERIAL)
    with pytest.raises(ValueError, match="3 bytes, not 4"):
        build(CA, 0x80, public, PAN[:8], "1230", bytes(4))
    with pytest.raises(ValueError, match="longer than the signing key"):
        build(ICC, 0x80, public, PAN[:8], "1230", SERIAL)
    with pytest.raises(ValueError, match="of 16 bits"):
        build(CA, 0x80, RsaPublicKey(0xC35B, 3), PAN[:8], "1230", SERIAL)
    for pan in ("", "1" * 21, PAN + "F"):
        with pytest.raises(ValueError, match="at most 20 decimal digits"):
            oda.build_icc_certificate(ISSUER, ICC.public, pan, "1230", SERIAL, STATIC)
    with pytest.raises(ValueError, match="2 bytes, not 1"):
        oda.sign_static(ISSUER, bytes(1), STATIC)
    with pytest.raises(ValueError, match="room for 71 bytes"):
        oda.sign_dynamic(ICC, bytes(72), b"")
    with pytest.raises(ValueError, match="of 2048 bits"):
        oda.sign_static(key(2048, 20), bytes(2), STATIC)
