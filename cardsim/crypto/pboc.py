"""Cryptography of the PBOC debit application.

Sources: JR/T 0025.5-2010 annexes C (secure messaging), D (keys and algorithms), E (cryptogram versions); EMV Book 2 §8,
§9 and annex A1.

All keys are double-length 3DES keys of 16 bytes.
"""

from typing import Final

from cardsim.crypto.ciphers import des_ecb_decrypt, des_ecb_encrypt
from cardsim.crypto.mac import retail_mac
from cardsim.crypto.padding import pad80, unpad80, xor

KEY_SIZE: Final = 16
UDK_AC, UDK_MAC, UDK_ENC = range(3)
"""The card keys (子密钥) in the order in which they stand in DGI 8000: for cryptograms, MACs and encipherment."""

_SHORTEST_PIN: Final = 4
_LONGEST_PIN: Final = 12


def _require(name: str, data: bytes, *lengths: int) -> None:
    if len(data) not in lengths:
        raise ValueError(f"{name} has {' or '.join(map(str, lengths))} bytes, not {len(data)}")


def _digits(name: str, text: str, shortest: int, longest: int) -> str:
    if not shortest <= len(text) <= longest or (text and not (text.isascii() and text.isdigit())):
        raise ValueError(f"{name} has {shortest} to {longest} decimal digits")
    return text


def _atc_bytes(atc: int) -> bytes:
    if not 0 <= atc <= 0xFFFF:
        raise ValueError(f"an application transaction counter is 0 to 65535, not {atc}")
    return atc.to_bytes(2, "big")


def _pin_digits(pin: str) -> str:
    return _digits("a PIN", pin, _SHORTEST_PIN, _LONGEST_PIN)


def _change_mask(udk: bytes, old_pin: str | None) -> bytes:
    """What the plain PIN block of PIN CHANGE is added to: half of the card key, and the old PIN if it takes part."""
    _require("a card key", udk, 16)
    mask = bytes(4) + udk[4:8]
    if old_pin is None:
        return mask
    return xor(mask, bytes.fromhex(_pin_digits(old_pin).ljust(16, "0")))


def derive_udk(mdk16: bytes, pan: str, psn: str) -> bytes:
    """Card key UDK (子密钥), 16 bytes, from an issuer master key; option A, no parity bits (EMV Book 2 §A1.4.1).

    Args:
        mdk16: issuer master key, 16 bytes.
        pan: application PAN, 1 to 19 digits, without the F filling.
        psn: PAN sequence number, 2 digits; "" counts as 00.

    Raises:
        ValueError: a length is wrong, or PAN or PSN are not digits.
    """
    _require("a master key", mdk16, 16)
    digits = _digits("a PAN", pan, 1, 19) + (_digits("a PAN sequence number", psn, 2, 2) if psn else "00")
    block = bytes.fromhex(digits[-16:].rjust(16, "0"))
    return des_ecb_encrypt(mdk16, block + xor(block, b"\xff" * 8))


def session_key(udk: bytes, atc: int) -> bytes:
    """Session key (过程密钥), 16 bytes, of a card key for one transaction (JR/T 0025.5 annex D; not EMV's derivation).

    Args:
        udk: card key for cryptograms, MAC or encryption, 16 bytes.
        atc: application transaction counter, 0 to 65535.

    Raises:
        ValueError: a length or the counter is out of range.
    """
    _require("a card key", udk, 16)
    counter = _atc_bytes(atc)
    return des_ecb_encrypt(udk, bytes(6) + counter + bytes(6) + xor(counter, b"\xff\xff"))


def application_cryptogram(sk: bytes, data: bytes) -> bytes:
    """Application cryptogram AC (应用密文), 8 bytes: retail MAC of the data with 80 padding (EMV Book 2 §8.1).

    Args:
        sk: session key for cryptograms, 16 bytes.
        data: the values in the order of the cryptogram version; 37 bytes for version 01 (JR/T 0025.5 annex E).

    Raises:
        ValueError: the key does not have 16 bytes.
    """
    return retail_mac(sk, pad80(data))


def arpc(sk: bytes, ac8: bytes, arc2: bytes) -> bytes:
    """Authorisation response cryptogram, 8 bytes, method 1 (EMV Book 2 §8.2.1).

    Args:
        sk: session key for cryptograms, 16 bytes.
        ac8: the cryptogram of the request, 8 bytes.
        arc2: authorisation response code, 2 bytes ASCII.

    Raises:
        ValueError: a length is wrong.
    """
    _require("a session key", sk, 16)
    _require("an authorisation response code", arc2, 2)
    return des_ecb_encrypt(sk, xor(ac8, arc2 + bytes(6)))


def idd_mac(sk_mac: bytes, atc: int, data: bytes) -> bytes:
    """MAC of the issuer discretionary data in 9F10 (发卡行自定义数据), 4 bytes.

    The counter and the data are filled with 00 to a multiple of 8 bytes, and the 80 padding comes behind that.

    Args:
        sk_mac: session key for MACs, 16 bytes.
        atc: application transaction counter, 0 to 65535.
        data: 5 bytes (one amount) or 10 (two).

    Raises:
        ValueError: a length or the counter is out of range.
    """
    filled = _atc_bytes(atc) + data
    return retail_mac(sk_mac, pad80(filled + bytes(-len(filled) % 8)))[:4]


def script_mac(sk_mac: bytes, header: bytes, atc: int, ac: bytes, data: bytes) -> bytes:
    """MAC of an issuer script command (发卡行脚本), 4 bytes (EMV Book 2 §9.2.1.2 format 2, §9.2.3).

    Args:
        sk_mac: session key for MACs, 16 bytes.
        header: CLA INS P1 P2 Lc, 5 bytes; Lc counts the MAC too.
        atc: application transaction counter, 0 to 65535.
        ac: the first cryptogram of the transaction, 8 bytes.
        data: command data without the MAC, enciphered if they are sent so.

    Raises:
        ValueError: a length or the counter is out of range.
    """
    _require("a command header with Lc", header, 5)
    _require("a cryptogram", ac, 8)
    return retail_mac(sk_mac, pad80(header + _atc_bytes(atc) + ac + data))[:4]


def script_encipher(sk_enc: bytes, data: bytes) -> bytes:
    """Encipher the data of an issuer script: length byte, data, 80 padding always, 3DES-ECB (EMV Book 2 §9.3.1.2).

    Args:
        sk_enc: session key for encryption, 16 bytes.
        data: at most 255 bytes.

    Raises:
        ValueError: a length is wrong.
    """
    _require("a session key", sk_enc, 16)
    if len(data) > 255:
        raise ValueError(f"the length byte allows 255 bytes of data, not {len(data)}")
    return des_ecb_encrypt(sk_enc, pad80(bytes((len(data),)) + data))


def script_decipher(sk_enc: bytes, data: bytes) -> bytes:
    """Inverse of `script_encipher`.

    Raises:
        ValueError: a length is wrong, or the length byte or the padding inside is.
    """
    _require("a session key", sk_enc, 16)
    deciphered = des_ecb_decrypt(sk_enc, data)
    framed = unpad80(deciphered)
    # The frame has one form only; a longer filling would be another message with the same meaning.
    if not framed or framed[0] != len(framed) - 1 or pad80(framed) != deciphered:
        raise ValueError("length byte and padding of the deciphered data do not agree")
    return framed[1:]


def key_check_value(key: bytes) -> bytes:
    """Key check value, 3 bytes: the left bytes of eight 00 enciphered under an 8-, 16- or 24-byte key.

    Raises:
        ValueError: the key has another length.
    """
    return des_ecb_encrypt(key, bytes(8))[:3]


def key_check_values(keys: bytes) -> bytes:
    """Key check values, 3 bytes each, of keys of 16 bytes that stand one behind the other (DGI 9000 of DGI 8000)."""
    return b"".join(key_check_value(keys[at : at + KEY_SIZE]) for at in range(0, len(keys), KEY_SIZE))


def pin_block_format2(pin: str) -> bytes:
    """PIN block of format 2, 8 bytes: 2, length, digits, filled with F (ISO 9564-1, EMV Book 3 §6.5.12).

    Args:
        pin: 4 to 12 digits.

    Raises:
        ValueError: the PIN is not of that form.
    """
    return bytes.fromhex(f"2{len(pin):X}{_pin_digits(pin)}".ljust(16, "F"))


def pin_of_block_format2(block: bytes) -> str:
    """The digits in a PIN block of format 2."""
    return block.hex()[2 : 2 + (block[0] & 0x0F)]


def pin_change_block(udk: bytes, new_pin: str, old_pin: str | None = None) -> bytes:
    """PIN block of PIN CHANGE (PIN 修改), 8 bytes; what `script_encipher` takes.

    The block is 0, length, digits, filled with F, then xor 00000000 and the last four bytes of the card key's left
    half. With an old PIN also xor its digits filled on the right with 0: they begin at the first byte, that of the
    length, not below the new PIN's digits (PBOC-PCH-002 to PBOC-PCH-004, Visa's form too).

    Args:
        udk: card key, 16 bytes with the parity bits as they are; for encryption, or for cryptograms, as the profile
            has it (U1).
        new_pin: 4 to 12 digits.
        old_pin: 4 to 12 digits with P2 = 01, None with P2 = 02.

    Raises:
        ValueError: the key's length or a PIN is not of that form.
    """
    plain = bytes.fromhex(f"0{len(new_pin):X}{_pin_digits(new_pin)}".ljust(16, "F"))
    return xor(plain, _change_mask(udk, old_pin))


def pin_of_change_block(udk: bytes, block8: bytes, old_pin: str | None = None) -> str:
    """The new PIN in a block of `pin_change_block`: 4 to 12 digits. Arguments as there.

    Raises:
        ValueError: a length or the old PIN is not of that form; or control byte, digits or filling of the new PIN
            are wrong (PBOC-PCH-008). Another key nearly always shows in that way; another old PIN only where it turns
            a digit into none or changes control byte or filling.
    """
    _require("a PIN block", block8, 8)
    plain = xor(block8, _change_mask(udk, old_pin)).hex().upper()
    length = int(plain[1], 16)
    pin, filling = plain[2 : 2 + length], plain[2 + length :]
    if plain[0] != "0" or not _SHORTEST_PIN <= length <= _LONGEST_PIN or not pin.isdigit() or filling.strip("F"):
        raise ValueError("control byte, digits or filling of the PIN block are wrong")
    return pin
