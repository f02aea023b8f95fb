"""Message authentication codes over messages that are padded already.

Single-DES CBC-MAC and SM4 CBC-MAC (SSC part 4 §8.2), retail MAC (ISO/IEC 9797-1 algorithm 3, EMV Book 2 annex A1.2).
"""

from cardsim.crypto.ciphers import des_cbc_encrypt, sm4_cbc_encrypt

_ZERO8 = bytes(8)
_ZERO16 = bytes(16)


def des_cbc_mac(key8: bytes, message: bytes, iv: bytes = _ZERO8) -> bytes:
    """Last block (8 bytes) of a single-DES CBC encryption.

    Args:
        key8: 8 bytes.
        message: a positive multiple of 8 bytes.
        iv: 8 bytes.

    Raises:
        ValueError: a length is wrong.
    """
    if len(key8) != 8:
        raise ValueError(f"a single-DES MAC key has 8 bytes, not {len(key8)}")
    if not message:
        raise ValueError("a MAC needs at least one block")
    return des_cbc_encrypt(key8, message, iv)[-8:]


def retail_mac(key16: bytes, message: bytes, iv: bytes = _ZERO8) -> bytes:
    """All 8 bytes of the retail MAC: single-DES CBC with the left half, the last block with 3DES.

    Args:
        key16: 16 bytes.
        message: a positive multiple of 8 bytes.
        iv: 8 bytes.

    Raises:
        ValueError: a length is wrong.
    """
    if len(key16) != 16:
        raise ValueError(f"a retail MAC key has 16 bytes, not {len(key16)}")
    if not message:
        raise ValueError("a MAC needs at least one block")
    # E(D(E(x))) of the last block is 3DES with the whole key, so one call does its three steps.
    if len(message) == 8:
        return des_cbc_encrypt(key16, message, iv)
    return des_cbc_encrypt(key16, message[-8:], des_cbc_encrypt(key16[:8], message[:-8], iv)[-8:])


def sm4_cbc_mac(key16: bytes, message: bytes, iv: bytes = _ZERO16) -> bytes:
    """Last block (16 bytes) of an SM4 CBC encryption of a positive multiple of 16 bytes.

    Raises:
        ValueError: a length is wrong.
    """
    if not message:
        raise ValueError("a MAC needs at least one block")
    return sm4_cbc_encrypt(key16, message, iv)[-16:]


def fold16(block16: bytes) -> bytes:
    """Exclusive or of the four 4-byte words of a 16-byte block (SSC part 4 §8.2, 16-byte algorithms).

    Raises:
        ValueError: the block has another length.
    """
    if len(block16) != 16:
        raise ValueError(f"only 16 bytes fold into a MAC, not {len(block16)}")
    value = int.from_bytes(block16, "big")
    value ^= value >> 64
    return ((value ^ value >> 32) & 0xFFFFFFFF).to_bytes(4, "big")
