"""Offline data authentication (脱机数据认证) with RSA and SHA-1, the issuer's side and the terminal's.

EMV Book 2 §5 (static), §6 (dynamic, combined), annex A2.1.

Every signed block is `6A .. hash BC`; the hash covers what stands between header and hash, and data sent in clear.
All key lengths are multiples of 8 bits from 512 to 1984.
"""

import hashlib
from dataclasses import dataclass
from datetime import date

from cardsim.crypto.rsa import RsaPrivateKey, RsaPublicKey

_HEADER = b"\x6a"
_TRAILER = b"\xbc"
_SHA1 = 0x01
_RSA = 0x01
_ISSUER_OVERHEAD = 36  # 6A 02 id4 expiry2 serial3 01 01 lengths2, hash 20, BC
_ICC_OVERHEAD = 42  # as above with a PAN of ten bytes


class OdaError(ValueError):
    """A check of offline data authentication that failed; the text says which one."""


@dataclass(frozen=True, slots=True)
class CaPublicKey:
    """Public key of a certification authority as terminals store it (CA 公钥, EMV Book 2 §11.2).

    `rid` has 5 bytes, `index` is tag 8F, `modulus` and `exponent` are bytes, `check_value` the 20-byte SHA-1.
    """

    rid: bytes
    index: int
    modulus: bytes
    exponent: bytes
    check_value: bytes = b""

    @property
    def key(self) -> RsaPublicKey:
        """Modulus and exponent as a key."""
        return RsaPublicKey(int.from_bytes(self.modulus, "big"), int.from_bytes(self.exponent, "big"))

    def compute_hash(self) -> bytes:
        """SHA-1 over RID, index, modulus and exponent, 20 bytes; equal to `check_value` in an intact key."""
        return _sha1(self.rid, bytes((self.index,)), self.modulus, self.exponent)


@dataclass(frozen=True, slots=True)
class IssuerCertificate:
    """Issuer public key certificate: tags 90, 92 (empty if the key fits) and 9F32, with the CA key index (8F)."""

    certificate: bytes
    remainder: bytes
    exponent: bytes
    ca_index: int


@dataclass(frozen=True, slots=True)
class IccCertificate:
    """ICC public key certificate: tags 9F46, 9F48 (empty if the key fits) and 9F47."""

    certificate: bytes
    remainder: bytes
    exponent: bytes


# --- the issuer's side


def build_issuer_certificate(
    ca: RsaPrivateKey, ca_index: int, issuer_public: RsaPublicKey, issuer_id: str, expiry: str, serial: bytes
) -> IssuerCertificate:
    """Sign an issuer key with a CA key (EMV Book 2 §5.1).

    Args:
        ca: key of the certification authority, at least as long as the issuer key.
        ca_index: its index, tag 8F.
        issuer_public: key to be certified.
        issuer_id: the left 3 to 8 digits of the PANs.
        expiry: "MMYY"; the certificate holds to the end of that month.
        serial: 3 bytes.

    Raises:
        ValueError: a length or a form is wrong.
    """
    if not 3 <= len(issuer_id) <= 8 or not _is_digits(issuer_id):
        raise ValueError("an issuer identifier has 3 to 8 decimal digits")
    head = b"\x02" + _padded_digits(issuer_id, 4) + _expiry_and_serial(expiry, serial)
    return IssuerCertificate(*_certify(ca, issuer_public, head, b""), ca_index)


def build_icc_certificate(
    issuer_private: RsaPrivateKey, icc_public: RsaPublicKey, pan: str, expiry: str, serial: bytes, static_data: bytes
) -> IccCertificate:
    """Sign an ICC key and the static data of the card with an issuer key (EMV Book 2 §6.1).

    Args:
        issuer_private: key of the issuer, at least as long as the ICC key.
        icc_public: key to be certified.
        pan: application PAN, up to 20 digits.
        expiry: "MMYY"; the certificate holds to the end of that month.
        serial: 3 bytes.
        static_data: records of the AFL entries under authentication, then the AIP if tag 9F4A says so.

    Raises:
        ValueError: a length or a form is wrong.
    """
    if not 1 <= len(pan) <= 20 or not _is_digits(pan):
        raise ValueError("a PAN has at most 20 decimal digits")
    head = b"\x04" + _padded_digits(pan, 10) + _expiry_and_serial(expiry, serial)
    return IccCertificate(*_certify(issuer_private, icc_public, head, static_data))


def sign_static(issuer_private: RsaPrivateKey, dac2: bytes, static_data: bytes) -> bytes:
    """Signed static application data, tag 93, as long as the issuer key (EMV Book 2 §5.1).

    Args:
        issuer_private: key of the issuer.
        dac2: data authentication code, tag 9F45, 2 bytes.
        static_data: as in `build_icc_certificate`.

    Raises:
        ValueError: the code does not have 2 bytes, or the key is too short or too long.
    """
    if len(dac2) != 2:
        raise ValueError(f"a data authentication code has 2 bytes, not {len(dac2)}")
    return _sign_padded(issuer_private, b"\x03\x01" + dac2, static_data)


def sign_dynamic(icc_private: RsaPrivateKey, icc_dynamic_data: bytes, terminal_data: bytes) -> bytes:
    """Signed dynamic application data, tag 9F4B, as long as the ICC key (EMV Book 2 §6.5.1 and §6.6.1).

    Args:
        icc_private: key of the card.
        icc_dynamic_data: DDA: length byte and ICC dynamic number; CDA: then also CID, cryptogram, transaction hash.
        terminal_data: DDA: the values of the DDOL; CDA: the unpredictable number.

    Raises:
        ValueError: the dynamic data do not fit, or the key is too short or too long.
    """
    room = icc_private.size - 25
    if len(icc_dynamic_data) > room:
        raise ValueError(f"the key has room for {room} bytes of ICC dynamic data, not {len(icc_dynamic_data)}")
    return _sign_padded(icc_private, b"\x05\x01" + bytes((len(icc_dynamic_data),)) + icc_dynamic_data, terminal_data)


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _padded_digits(digits: str, length: int) -> bytes:
    return bytes.fromhex(digits.ljust(2 * length, "F"))


def _expiry_and_serial(expiry: str, serial: bytes) -> bytes:
    if len(expiry) != 4 or not _is_digits(expiry) or not 1 <= int(expiry[:2]) <= 12:
        raise ValueError("an expiry date has the form MMYY")
    if len(serial) != 3:
        raise ValueError(f"a certificate serial number has 3 bytes, not {len(serial)}")
    return bytes.fromhex(expiry) + serial


def _check_length(key: RsaPublicKey) -> None:
    if key.n.bit_length() % 8 or not 512 <= key.n.bit_length() <= 1984:
        raise ValueError(f"a key of {key.n.bit_length()} bits is not a multiple of 8 from 512 to 1984")


def _certify(signer: RsaPrivateKey, public: RsaPublicKey, head: bytes, clear: bytes) -> tuple[bytes, bytes, bytes]:
    """Certificate, remainder and exponent of a key; `head` is all between header and algorithm indicators."""
    _check_length(signer.public)
    _check_length(public)
    if public.size > signer.size:
        raise ValueError("the key to be certified is longer than the signing key")
    modulus, exponent = public.modulus, public.exponent
    body = head + bytes((_SHA1, _RSA, len(modulus), len(exponent)))
    room = signer.size - len(body) - 22
    part, remainder = modulus[:room].ljust(room, b"\xbb"), modulus[room:]
    signed = body + part
    digest = _sha1(signed, remainder, exponent, clear)
    return signer.sign(_HEADER + signed + digest + _TRAILER), remainder, exponent


def _sign_padded(signer: RsaPrivateKey, body: bytes, clear: bytes) -> bytes:
    _check_length(signer.public)
    signed = body.ljust(signer.size - 22, b"\xbb")
    return signer.sign(_HEADER + signed + _sha1(signed, clear) + _TRAILER)


# --- the terminal's side


def recover_issuer_key(
    ca_public: CaPublicKey | RsaPublicKey,
    certificate: bytes,
    remainder: bytes,
    exponent: bytes,
    pan: str,
    on: date | None = None,
) -> RsaPublicKey:
    """Issuer key from its certificate, after all checks but the revocation list (EMV Book 2 §5.3, §6.3).

    Args:
        ca_public: key of the certification authority.
        certificate: tag 90.
        remainder: tag 92, empty if absent.
        exponent: tag 9F32.
        pan: application PAN; digits, with or without the F filling.
        on: day of the transaction; without it the expiry date is not checked.

    Raises:
        OdaError: a check failed.
    """
    ca_key = ca_public.key if isinstance(ca_public, CaPublicKey) else ca_public
    block = _open(ca_key, certificate, 0x02, _ISSUER_OVERHEAD, "issuer certificate")
    _check_hash(block, remainder + exponent, "issuer certificate")
    issuer_id = block[2:6].hex().upper().rstrip("F")
    if not 3 <= len(issuer_id) <= 8 or not _is_digits(issuer_id):
        raise OdaError("the issuer identifier in the issuer certificate is not 3 to 8 digits")
    if not pan.startswith(issuer_id):
        raise OdaError("the issuer identifier in the issuer certificate is not the beginning of the PAN")
    _check_expiry(block[6:8], on, "issuer certificate")
    return _certified_key(block, 11, remainder, exponent, "issuer certificate")


def recover_icc_key(
    issuer_public: RsaPublicKey,
    certificate: bytes,
    remainder: bytes,
    exponent: bytes,
    pan: str,
    static_data: bytes,
    on: date | None = None,
) -> RsaPublicKey:
    """ICC key from its certificate, after all checks; this authenticates the static data too (EMV Book 2 §6.4).

    Args:
        issuer_public: key of the issuer.
        certificate: tag 9F46.
        remainder: tag 9F48, empty if absent.
        exponent: tag 9F47.
        pan: application PAN; digits, with or without the F filling.
        static_data: as in `build_icc_certificate`.
        on: day of the transaction; without it the expiry date is not checked.

    Raises:
        OdaError: a check failed.
    """
    block = _open(issuer_public, certificate, 0x04, _ICC_OVERHEAD, "ICC certificate")
    _check_hash(block, remainder + exponent + static_data, "ICC certificate")
    if block[2:12].hex().upper().rstrip("F") != pan.upper().rstrip("F"):
        raise OdaError("the PAN in the ICC certificate is not that of the application")
    _check_expiry(block[12:14], on, "ICC certificate")
    return _certified_key(block, 17, remainder, exponent, "ICC certificate")


def verify_static(issuer_public: RsaPublicKey, signed: bytes, static_data: bytes) -> bytes:
    """Data authentication code (2 bytes, tag 9F45) from intact signed static application data (EMV Book 2 §5.4).

    Args:
        issuer_public: key of the issuer.
        signed: tag 93.
        static_data: as in `build_icc_certificate`.

    Raises:
        OdaError: a check failed.
    """
    name = "signed static application data"
    block = _open(issuer_public, signed, 0x03, 26, name)
    if block[2] != _SHA1:
        raise OdaError(f"the hash algorithm of the {name} is {block[2]:02X}, not 01")
    _check_hash(block, static_data, name)
    return block[3:5]


def verify_dynamic(icc_public: RsaPublicKey, signed: bytes, terminal_data: bytes) -> bytes:
    """ICC dynamic data from intact signed dynamic application data (EMV Book 2 §6.5.2, §6.6.2).

    For CDA the caller still compares cryptogram information data and transaction hash inside.

    Args:
        icc_public: key of the card.
        signed: tag 9F4B.
        terminal_data: DDA: the values of the DDOL; CDA: the unpredictable number.

    Raises:
        OdaError: a check failed.
    """
    name = "signed dynamic application data"
    block = _open(icc_public, signed, 0x05, 25, name)
    if block[2] != _SHA1:
        raise OdaError(f"the hash algorithm of the {name} is {block[2]:02X}, not 01")
    _check_hash(block, terminal_data, name)
    length = block[3]
    if length > len(block) - 25:
        raise OdaError("the length of the ICC dynamic data goes beyond the signature")
    return block[4 : 4 + length]


def _sha1(*parts: bytes) -> bytes:
    # EMV fixes SHA-1; nothing here relies on it against collisions.
    return hashlib.sha1(b"".join(parts), usedforsecurity=False).digest()


def _open(key: RsaPublicKey, signed: bytes, data_format: int, shortest: int, name: str) -> bytes:
    """The recovered block, with header, trailer and format byte checked."""
    if len(signed) != key.size:
        raise OdaError(f"the {name} has {len(signed)} bytes, its key {key.size}")
    if key.size < shortest:
        raise OdaError(f"the key of {key.size} bytes is too short for the {name}")
    try:
        block = key.recover(signed)
    except ValueError:
        raise OdaError(f"the number in the {name} is not below the modulus") from None
    if block[-1:] != _TRAILER:
        raise OdaError(f"the recovered {name} does not end in BC")
    if block[:1] != _HEADER:
        raise OdaError(f"the recovered {name} does not begin with 6A")
    if block[1] != data_format:
        raise OdaError(f"the format of the {name} is {block[1]:02X}, not {data_format:02X}")
    return block


def _check_hash(block: bytes, clear: bytes, name: str) -> None:
    if _sha1(block[1:-21], clear) != block[-21:-1]:
        raise OdaError(f"the hash in the {name} does not match")


def _check_expiry(bcd: bytes, on: date | None, name: str) -> None:
    """Compare MMYY with a day; years 50 to 99 are in the last century (EMV Book 4 §6.7.3)."""
    text = bcd.hex()
    if not _is_digits(text) or not 1 <= int(text[:2]) <= 12:
        raise OdaError(f"the expiry date of the {name} is not MMYY")
    year = int(text[2:])
    if on is not None and (on.year, on.month) > (year + (1900 if year >= 50 else 2000), int(text[:2])):
        raise OdaError(f"the {name} has expired")


def _certified_key(block: bytes, offset: int, remainder: bytes, exponent: bytes, name: str) -> RsaPublicKey:
    """The key whose algorithm indicators stand at an offset of the block."""
    hash_algorithm, key_algorithm, length, exponent_length = block[offset : offset + 4]
    if hash_algorithm != _SHA1:
        raise OdaError(f"the hash algorithm of the {name} is {hash_algorithm:02X}, not 01")
    if key_algorithm != _RSA:
        raise OdaError(f"the public key algorithm of the {name} is {key_algorithm:02X}, not 01")
    if exponent_length != len(exponent):
        raise OdaError(f"the {name} says {exponent_length} bytes of exponent, {len(exponent)} were given")
    part = block[offset + 4 : -21]
    if length > len(part) + len(remainder):
        raise OdaError(f"the key remainder of the {name} is missing or too short")
    modulus = (part + remainder)[:length]
    if not modulus or not modulus[0]:
        raise OdaError(f"the {name} contains a modulus of fewer bytes than it says")
    return RsaPublicKey(int.from_bytes(modulus, "big"), int.from_bytes(exponent, "big"))
