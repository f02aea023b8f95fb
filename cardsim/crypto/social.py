"""Cryptography of the social-security application (社会保障应用) and of its PSAM.

Sources: SSC part 4 §8 and §9 (secure messaging, authentication), PSAM specification (STD-9) §7.1 to §7.3 (key
diversification, key loading), SSC part 7 chapter 15 (medical MACs use the same primitives without a header).
The SM4 column follows the text for the 16-byte algorithm SSF33, which itself is not public.
"""

import enum
from typing import Final

from cardsim.crypto.ciphers import des_ecb_decrypt, des_ecb_encrypt, sm4_ecb_decrypt, sm4_ecb_encrypt
from cardsim.crypto.mac import des_cbc_mac, fold16, retail_mac, sm4_cbc_mac
from cardsim.crypto.padding import pad80, pad80_if_needed, xor

MAC_LENGTH: Final = 4
"""Bytes of a MAC of secure messaging and of the medical commands (SSC part 4 §8.2)."""

_CARD_NUMBER_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_CARD_NUMBER_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ZHEJIANG = "33"


class Suite(enum.Enum):
    """The cipher of a card: DES / triple DES with 8-byte blocks, or SM4 with 16-byte blocks."""

    DES = "des"
    SM4 = "sm4"

    @property
    def block_size(self) -> int:
        """Bytes per cipher block: 8 or 16."""
        return 8 if self is Suite.DES else 16

    @property
    def algorithm_id(self) -> int:
        """Value of FCI tag 86 (算法标识): 01 for DES, 03 for SM4."""
        return 0x01 if self is Suite.DES else 0x03

    @property
    def key_algorithm_byte(self) -> int:
        """Algorithm byte of a key record and of the medical answers: 00 for 3DES, 03 for SM4 (STD-9 key record)."""
        return 0x00 if self is Suite.DES else 0x03


SSF33: Final = 0x02
"""Algorithm identifier (FCI tag 86) and algorithm byte of a key (SSC part 9 §6.2) of the classified cipher."""

SSF33_REFUSED: Final = "SSF33 is classified and has no public description; cardsim computes with des and sm4 alone"


def suite_named(name: str) -> Suite:
    """The suite of a name in a profile or key file.

    Raises:
        ValueError: no such suite; of SSF33 it says why.
    """
    if name.lower() == "ssf33":
        raise ValueError(SSF33_REFUSED)
    try:
        return Suite(name)
    except ValueError:
        raise ValueError(f"suite is des or sm4, not {name}") from None


def _ecb_encrypt(suite: Suite, key: bytes, data: bytes) -> bytes:
    return des_ecb_encrypt(key, data) if suite is Suite.DES else sm4_ecb_encrypt(key, data)


def _ecb_decrypt(suite: Suite, key: bytes, data: bytes) -> bytes:
    return des_ecb_decrypt(key, data) if suite is Suite.DES else sm4_ecb_decrypt(key, data)


def _require(name: str, data: bytes, *lengths: int) -> None:
    if len(data) not in lengths:
        raise ValueError(f"{name} has {' or '.join(map(str, lengths))} bytes, not {len(data)}")


def _area_digits(area_code6: str) -> bytes:
    if len(area_code6) != 6 or not (area_code6.isascii() and area_code6.isdigit()):
        raise ValueError("an area code has six decimal digits")
    return area_code6.encode("ascii")


def factor_province(area_code6: str) -> bytes:
    """Diversification factor of a province (8 bytes): its two digits as ASCII, then `0000sh` (STD-9 §7.3).

    Args:
        area_code6: area code (行政区划代码) of the issuing place, six digits.

    Raises:
        ValueError: the area code is not six digits.
    """
    return _area_digits(area_code6)[:2] + b"0000sh"


def factor_city(area_code6: str) -> bytes:
    """Diversification factor of a city (8 bytes): the six digits as ASCII, then `sx` (STD-9 §7.3).

    Zhejiang (33....) has one key per prefecture: there the last two digits are `00`.

    Raises:
        ValueError: the area code is not six digits.
    """
    digits = _area_digits(area_code6)
    return (digits[:4] + b"00" if area_code6.startswith(_ZHEJIANG) else digits) + b"sx"


def factor_card(historical: bytes) -> bytes:
    """Diversification factor of a card (8 bytes): historical bytes T6 to TD of its ATR (STD-9 §7.3).

    Args:
        historical: all 13 historical bytes.

    Raises:
        ValueError: there are not 13 of them.
    """
    _require("the historical field", historical, 13)
    return historical[5:]


def diversify(suite: Suite, key: bytes, factor8: bytes) -> bytes:
    """Key of the next level (密钥分散), as long as `key` (STD-9 §7.1.1 and §7.2.1).

    Args:
        suite: cipher.
        key: 16 bytes; for DES also 8 (keys of line protection).
        factor8: 8 bytes. A 16-byte key comes from the factor and its complement.

    Raises:
        ValueError: a length is wrong.
    """
    _require("a diversification factor", factor8, 8)
    if suite is Suite.DES:
        _require("a DES key", key, 8, 16)
        if len(key) == 8:
            return des_ecb_encrypt(key, factor8)
    return _ecb_encrypt(suite, key, factor8 + xor(factor8, b"\xff" * 8))


def card_key(suite: Suite, root: bytes, area_code6: str, historical: bytes) -> bytes:
    """Key of a card from the national root key: province, then city, then card (部→省→市→卡, STD-9 §7.3).

    Lengths and errors as in `diversify`, `factor_province` and `factor_card`.
    """
    province = diversify(suite, root, factor_province(area_code6))
    city = diversify(suite, province, factor_city(area_code6))
    return diversify(suite, city, factor_card(historical))


def session_key(suite: Suite, key: bytes, random: bytes) -> bytes:
    """Session key (过程密钥) from a key and a random number, one cipher block long (SSC part 4 §8.4).

    Args:
        suite: cipher.
        key: 16 bytes; for DES also 8.
        random: 4, 8 or 16 bytes. Short ones are filled on the right with 00; of 16 bytes DES uses the first 8.

    Raises:
        ValueError: a length is wrong.
    """
    _require("the random number of a session key", random, 4, 8, 16)
    if suite is Suite.DES:
        _require("a DES key", key, 8, 16)
        return des_ecb_encrypt(key, random[:8].ljust(8, b"\0"))
    return sm4_ecb_encrypt(key, random.ljust(16, b"\0"))


def authentication_data(suite: Suite, key: bytes, factor: bytes, original: bytes) -> bytes:
    """The 8 bytes that prove a key in INTERNAL and EXTERNAL AUTHENTICATE (SSC part 4 §9, STD-9 §9.4).

    Args:
        suite: cipher.
        key: key to be proved, 16 bytes; for DES also 8.
        factor: random number that gives the session key (过程密钥因子); 4, 8 or 16 bytes.
        original: the 8 bytes that are enciphered (原始信息).

    Raises:
        ValueError: a length is wrong.
    """
    _require("the original data", original, 8)
    session = session_key(suite, key, factor)
    if suite is Suite.DES:
        return des_ecb_encrypt(session, original)
    block = sm4_ecb_encrypt(session, original + bytes(8))
    return xor(block[:8], block[8:])


def mac4(suite: Suite, session: bytes, message: bytes, iv: bytes | None = None) -> bytes:
    """The 4-byte MAC of secure messaging and of the medical commands (SSC part 4 §8.2).

    DES: left half of a single-DES CBC-MAC. SM4: CBC-MAC, its four words added modulo 2.

    Args:
        suite: cipher.
        session: session key, 8 bytes for DES, 16 for SM4.
        message: message of any length, without padding; the 80 padding is always added here.
        iv: initial value of one block; zeros if None.

    Raises:
        ValueError: a length is wrong.
    """
    if suite is Suite.DES:
        padded = pad80(message)
        return (des_cbc_mac(session, padded) if iv is None else des_cbc_mac(session, padded, iv))[:4]
    padded = pad80(message, 16)
    return fold16(sm4_cbc_mac(session, padded) if iv is None else sm4_cbc_mac(session, padded, iv))


def _framed_encrypt(suite: Suite, key: bytes, plaintext: bytes) -> bytes:
    if len(plaintext) > 255:
        raise ValueError(f"the length byte allows 255 bytes of plain text, not {len(plaintext)}")
    framed = bytes((len(plaintext),)) + plaintext
    return _ecb_encrypt(suite, key, pad80_if_needed(framed, suite.block_size))


def _framed_decrypt(suite: Suite, key: bytes, ciphertext: bytes) -> bytes:
    if not ciphertext:
        raise ValueError("the enciphered data are empty")
    framed = _ecb_decrypt(suite, key, ciphertext)
    end = 1 + framed[0]
    if end > len(framed):
        raise ValueError("the length byte goes beyond the deciphered data")
    if pad80_if_needed(framed[:end], suite.block_size) != framed:
        raise ValueError("the padding of the deciphered data is wrong")
    return framed[1:end]


def _require_session(suite: Suite, session: bytes) -> None:
    _require("a session key", session, suite.block_size)


def encipher(suite: Suite, session: bytes, plaintext: bytes) -> bytes:
    """Encipher command data: length byte, plain text, 80 padding only if not aligned, ECB (SSC part 4 §8.3).

    Args:
        suite: cipher.
        session: session key, 8 bytes for DES, 16 for SM4.
        plaintext: at most 255 bytes.

    Raises:
        ValueError: a length is wrong.
    """
    _require_session(suite, session)
    return _framed_encrypt(suite, session, plaintext)


def decipher(suite: Suite, session: bytes, ciphertext: bytes) -> bytes:
    """Inverse of `encipher`.

    Raises:
        ValueError: a length is wrong, or the length byte or the padding inside is.
    """
    _require_session(suite, session)
    return _framed_decrypt(suite, session, ciphertext)


def sealed(suite: Suite, key: bytes, challenge: bytes, header: bytes, plaintext: bytes | None = None) -> bytes:
    """Data field of a command under secure messaging, without Lc: enciphered plain text, if any, then the MAC over
    header, Lc and what stands before it (SSC part 4 §8).

    Args:
        suite: cipher.
        key: the card's key, 16 bytes; the session key comes from it and the challenge.
        challenge: random number of the card, 4, 8 or 16 bytes.
        header: CLA INS P1 P2.
        plaintext: what is enciphered, at most 255 bytes; None for a MAC alone.

    Raises:
        ValueError: a length is wrong.
    """
    session = session_key(suite, key, challenge)
    data = b"" if plaintext is None else encipher(suite, session, plaintext)
    return data + mac4(suite, session, header + bytes((len(data) + MAC_LENGTH,)) + data)


def master_encipher(suite: Suite, master_key16: bytes, plaintext: bytes) -> bytes:
    """Encipher a key record for loading, under the 16-byte master key itself (STD-9 §7.1.2).

    The form is that of `encipher`: length byte, at most 255 bytes of plain text, 80 padding only if not aligned, ECB.

    Raises:
        ValueError: a length is wrong.
    """
    _require("a master key", master_key16, 16)
    return _framed_encrypt(suite, master_key16, plaintext)


def master_decipher(suite: Suite, master_key16: bytes, ciphertext: bytes) -> bytes:
    """Inverse of `master_encipher`.

    Raises:
        ValueError: a length is wrong, or the length byte or the padding inside is.
    """
    _require("a master key", master_key16, 16)
    return _framed_decrypt(suite, master_key16, ciphertext)


def master_mac4(suite: Suite, master_key16: bytes, message: bytes, challenge: bytes) -> bytes:
    """The 4-byte MAC of key loading, under the master key itself (STD-9 §7.1.3 and §7.2.3).

    DES: single-DES CBC with the left half, last block with 3DES, left half of it. SM4: CBC-MAC, four words folded.

    Args:
        suite: cipher.
        master_key16: 16 bytes.
        message: message of any length, without padding; the 80 padding is always added here.
        challenge: random number of the card; filled on the right with 00, or cut, to one block as initial value.

    Raises:
        ValueError: the master key does not have 16 bytes.
    """
    _require("a master key", master_key16, 16)
    size = suite.block_size
    iv = challenge[:size].ljust(size, b"\0")
    if suite is Suite.DES:
        return retail_mac(master_key16, pad80(message), iv)[:4]
    return fold16(sm4_cbc_mac(master_key16, pad80(message, 16), iv))


def card_number_check(first8: str) -> str:
    """Check character of the nine-character card number (卡号), from its first eight characters (SSC file EF05).

    Args:
        first8: eight characters 0-9 and A-Z (upper case).

    Returns:
        One character 0-9 or X.

    Raises:
        ValueError: another length or another character.
    """
    if len(first8) != 8 or any(character not in _CARD_NUMBER_ALPHABET for character in first8):
        raise ValueError("a card number begins with eight characters 0-9, A-Z")
    values = map(_CARD_NUMBER_ALPHABET.index, first8)
    total = sum(value * weight for value, weight in zip(values, _CARD_NUMBER_WEIGHTS, strict=True))
    check = 11 - total % 11
    return {10: "X", 11: "0"}.get(check, str(check))


def certificate_code(suite: Suite, irk: bytes, first12: bytes) -> bytes:
    """Certificate code (认证码), the last 4 bytes of the card identification code (卡识别码).

    The algorithm is unpublished; this is the project's choice (fact sheet §8 no. 22): a MAC of the first 12 bytes
    with initial value 0 under the card's internal authentication key. With a double-length DES key the MAC is
    the one that STD-9 §7.1.3 has for such keys, with a single-length one a plain CBC-MAC.

    Args:
        suite: cipher.
        irk: the card's IRK, 16 bytes; for DES also 8.
        first12: area code 3, RID 5, serial 4.

    Raises:
        ValueError: a length is wrong.
    """
    _require("the identification code without its certificate code", first12, 12)
    if suite is Suite.DES and len(irk) == 8:
        return mac4(suite, irk, first12)
    return master_mac4(suite, irk, first12, b"")
