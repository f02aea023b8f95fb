"""What a terminal does with records and offline data authentication, with nothing of the project in it.

Written from EMV Book 2 §5 and §6 and Book 3 alone, to check the card and not to repeat it. Every function raises
AssertionError where a terminal would end the transaction or set a bit of the TVR.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum

HASH = 20
TODAY = (26, 11)
"""Year and month that certificates must outlive."""

Data = Mapping[str, bytes]
"""Data elements of the card by tag, in upper-case hex."""


MANDATORY = {"5A", "5F24", "8C", "8D"}
"""What every card must have in its records (Book 3 §7.2)."""


def card_data(records: Iterable[bytes]) -> Data:
    """The elements of the records, none missing that must be there, and none there twice (Book 3 §10.2)."""
    found = [element for record in records for element in _elements(record)]
    data = dict(found)
    assert len(data) == len(found)
    assert data.keys() >= MANDATORY
    return data


def _elements(template: bytes) -> Iterator[tuple[str, bytes]]:
    """BER-TLV of a record's template, which holds primitive elements only (Book 3 Annex B)."""
    at = 0
    while at < len(template):
        tag = template[at : at + (2 if template[at] & 0x1F == 0x1F else 1)]
        at += len(tag)
        assert not tag[0] & 0x20
        long = template[at] == 0x81
        length = template[at + long]
        at += 1 + long
        assert (length > 0x7F) == long
        assert at + length <= len(template)
        yield tag.hex().upper(), template[at : at + length]
        at += length


class Form(IntEnum):
    """Second byte of what a signature hides (Book 2, tables 6, 7, 14 and 17)."""

    ISSUER = 2
    STATIC = 3
    CARD = 4
    DYNAMIC = 5


@dataclass(frozen=True)
class PublicKey:
    modulus: bytes
    exponent: bytes

    def recover(self, signature: bytes, form: Form, appended: bytes) -> bytes:
        """What stands between header and hash; the hash is right with what is appended to it (Annex A2.1)."""
        assert len(signature) == len(self.modulus)
        numbers = [int.from_bytes(part, "big") for part in (signature, self.exponent, self.modulus)]
        hidden = pow(*numbers).to_bytes(len(self.modulus), "big")
        body, found = hidden[1 : -HASH - 1], hidden[-HASH - 1 : -1]
        assert (hidden[0], body[0], hidden[-1]) == (0x6A, form, 0xBC)
        assert hashlib.sha1(body + appended).digest() == found
        return body


def issuer_key(authority: PublicKey, data: Data) -> PublicKey:
    """The issuer's key out of its certificate (§5.3)."""
    remainder, exponent = data.get("92", b""), data["9F32"]
    body = authority.recover(data["90"], Form.ISSUER, remainder + exponent)
    identifier = body[1:5].hex().rstrip("f")
    assert data["5A"].hex().startswith(identifier)
    assert len(identifier) >= 3
    return _certified(body, 5, remainder, exponent)


def card_key(issuer: PublicKey, data: Data, static: bytes) -> PublicKey:
    """The card's key out of its certificate, which covers the static data too (§6.4)."""
    remainder, exponent = data.get("9F48", b""), data["9F47"]
    body = issuer.recover(data["9F46"], Form.CARD, remainder + exponent + static)
    assert body[1:11].hex().rstrip("f") == data["5A"].hex().rstrip("f")
    return _certified(body, 11, remainder, exponent)


def _certified(body: bytes, expiry: int, remainder: bytes, exponent: bytes) -> PublicKey:
    """A key from a certificate whose expiry date stands at this place; serial number, algorithms and lengths follow."""
    month, year = (int(byte) for byte in (body[expiry : expiry + 2].hex()[:2], body[expiry : expiry + 2].hex()[2:]))
    assert (year, month) >= TODAY
    assert 1 <= month <= 12
    hash_algorithm, key_algorithm, length, exponent_length = body[expiry + 5 : expiry + 9]
    assert (hash_algorithm, key_algorithm, exponent_length) == (1, 1, len(exponent))
    left = body[expiry + 9 :]
    modulus = (left + remainder)[:length]
    assert len(left + remainder) == length or set(left[length:]) <= {0xBB}
    assert len(modulus) == length
    return PublicKey(modulus, exponent)


def authentication_code(issuer: PublicKey, data: Data, static: bytes) -> bytes:
    """Static data authentication: the data authentication code (§5.4)."""
    body = issuer.recover(data["93"], Form.STATIC, static)
    assert body[1] == 1
    assert set(body[4:]) == {0xBB}
    return body[2:4]


def dynamic_data(card: PublicKey, signature: bytes, terminal: bytes) -> bytes:
    """Dynamic data authentication: what the card put into the signature (§6.5.2)."""
    body = card.recover(signature, Form.DYNAMIC, terminal)
    dynamic, padding = body[3 : 3 + body[2]], body[3 + body[2] :]
    assert body[1] == 1
    assert set(padding) == {0xBB}
    assert 2 <= dynamic[0] <= 8
    assert len(dynamic) > dynamic[0]
    return dynamic


def combined_cryptogram(card: PublicKey, answer: Data, unpredictable: bytes, terminal: bytes) -> bytes:
    """Combined authentication: the cryptogram out of a GENERATE AC; `terminal`: values of PDOL and CDOL (§6.6.2)."""
    dynamic = dynamic_data(card, answer["9F4B"], unpredictable)
    information, cryptogram, found = dynamic[1 + dynamic[0] :][:1], dynamic[2 + dynamic[0] :][:8], dynamic[-HASH:]
    assert len(dynamic) == 1 + dynamic[0] + 1 + 8 + HASH
    assert information == answer["9F27"]
    plain = b"".join(
        bytes.fromhex(tag) + bytes((len(value),)) + value for tag, value in answer.items() if tag != "9F4B"
    )
    assert hashlib.sha1(terminal + plain).digest() == found
    return cryptogram
