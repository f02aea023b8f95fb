"""GlobalPlatform secure channel protocol 02 as personalisation uses it (GlobalPlatform 2.1.1 annex E, EMV CPS).

Keys are double-length 3DES keys of 16 bytes, cryptograms and MACs 8 bytes.
"""

from dataclasses import dataclass, field

from cardsim.crypto.ciphers import des_cbc_encrypt, des_ecb_decrypt, des_ecb_encrypt
from cardsim.crypto.mac import retail_mac
from cardsim.crypto.padding import pad80


@dataclass(frozen=True, slots=True)
class CardKeys:
    """The static keys of a card: encryption, MAC and data encryption, 16 bytes each."""

    enc: bytes = field(repr=False)
    mac: bytes = field(repr=False)
    dek: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """The keys of one secure channel session: encryption, C-MAC, data encryption, R-MAC, 16 bytes each."""

    enc: bytes = field(repr=False)
    mac: bytes = field(repr=False)
    dek: bytes = field(repr=False)
    rmac: bytes = field(repr=False)


def _require(name: str, data: bytes, length: int) -> None:
    if len(data) != length:
        raise ValueError(f"{name} has {length} bytes, not {len(data)}")


def diversify_kmc(kmc16: bytes, keydata10: bytes) -> CardKeys:
    """Static keys of a card from the personalisation master key KMC (个人化主密钥), as EMV CPS derives them.

    Args:
        kmc16: master key, 16 bytes.
        keydata10: KEYDATA of the answer to INITIALIZE UPDATE, 10 bytes; the last six are used.

    Raises:
        ValueError: a length is wrong.
    """
    _require("a master key", kmc16, 16)
    _require("KEYDATA", keydata10, 10)
    serial = keydata10[4:]
    keys = (des_ecb_encrypt(kmc16, serial + bytes((0xF0, n)) + serial + bytes((0x0F, n))) for n in (1, 2, 3))
    return CardKeys(*keys)


def session_keys(card_keys: CardKeys, sequence: bytes) -> SessionKeys:
    """Session keys of static keys and the 2-byte sequence counter (GlobalPlatform 2.1.1 §E.4.1).

    Raises:
        ValueError: a length is wrong.
    """
    _require("a sequence counter", sequence, 2)

    def derive(key: bytes, constant: int) -> bytes:
        _require("a card key", key, 16)
        return des_cbc_encrypt(key, constant.to_bytes(2, "big") + sequence + bytes(12))

    return SessionKeys(
        enc=derive(card_keys.enc, 0x0182),
        mac=derive(card_keys.mac, 0x0101),
        dek=derive(card_keys.dek, 0x0181),
        rmac=derive(card_keys.mac, 0x0102),
    )


def _cryptogram(s_enc: bytes, data: bytes) -> bytes:
    _require("a session key", s_enc, 16)
    # Full 3DES in every block, unlike the retail MAC of commands (§E.4.2 with §B.1.2.1, ISO 9797-1 algorithm 1).
    return des_cbc_encrypt(s_enc, pad80(data))[-8:]


def card_cryptogram(s_enc: bytes, host8: bytes, sequence2: bytes, card6: bytes) -> bytes:
    """The 8 bytes with which the card proves itself (GlobalPlatform 2.1.1 §E.4.2.1).

    Args:
        s_enc: session key for encryption, 16 bytes.
        host8: challenge of the host, 8 bytes.
        sequence2: sequence counter, 2 bytes.
        card6: challenge of the card, 6 bytes.

    Raises:
        ValueError: a length is wrong.
    """
    _require_challenges(host8, sequence2, card6)
    return _cryptogram(s_enc, host8 + sequence2 + card6)


def host_cryptogram(s_enc: bytes, host8: bytes, sequence2: bytes, card6: bytes) -> bytes:
    """The 8 bytes with which the host proves itself (GlobalPlatform 2.1.1 §E.4.2.2); arguments as `card_cryptogram`.

    Raises:
        ValueError: a length is wrong.
    """
    _require_challenges(host8, sequence2, card6)
    return _cryptogram(s_enc, sequence2 + card6 + host8)


def _require_challenges(host8: bytes, sequence2: bytes, card6: bytes) -> None:
    _require("a host challenge", host8, 8)
    _require("a sequence counter", sequence2, 2)
    _require("a card challenge", card6, 6)


def command_mac(s_mac: bytes, message: bytes, icv: bytes) -> bytes:
    """C-MAC of a command, 8 bytes: retail MAC with 80 padding (GlobalPlatform 2.1.1 §E.4.4, §B.1.2.2).

    Args:
        s_mac: session key for C-MACs, 16 bytes.
        message: CLA with the secure messaging bit, INS, P1, P2, Lc including the MAC, data.
        icv: zeros for the first command of a session, afterwards `encrypt_icv` of the previous C-MAC (implementation
            option 15) or the previous C-MAC itself (option 05).

    Raises:
        ValueError: a length is wrong.
    """
    return retail_mac(s_mac, pad80(message), icv)


def encrypt_icv(s_mac: bytes, previous: bytes) -> bytes:
    """Initial chaining value, 8 bytes, from the previous C-MAC: single DES under the left half of S-MAC (§E.3.4).

    Raises:
        ValueError: a length is wrong.
    """
    _require("a session key", s_mac, 16)
    _require("a C-MAC", previous, 8)
    return des_ecb_encrypt(s_mac[:8], previous)


def dek_encrypt(s_dek: bytes, data: bytes) -> bytes:
    """Encipher keys and PINs for personalisation, 3DES-ECB under S-DEK (GlobalPlatform 2.1.1 §E.4.7).

    Args:
        s_dek: session key for data encryption, 16 bytes.
        data: a multiple of 8 bytes.

    Raises:
        ValueError: a length is wrong.
    """
    _require("a session key", s_dek, 16)
    return des_ecb_encrypt(s_dek, data)


def dek_decrypt(s_dek: bytes, data: bytes) -> bytes:
    """Inverse of `dek_encrypt`; same lengths and errors."""
    _require("a session key", s_dek, 16)
    return des_ecb_decrypt(s_dek, data)
