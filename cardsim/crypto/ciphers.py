"""DES, triple DES and SM4 in ECB and CBC mode, without padding (FIPS 46-3, GB/T 32907, SSC part 4 §8).

Every call builds its cipher anew: no key schedule outlives the call. Lengths are in bytes.
"""

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB

# Mode objects hold no state, so the frequent ones are made once.
_ECB = ECB()
_DES_ZERO_IV = bytes(8)
_DES_CBC_ZERO = CBC(_DES_ZERO_IV)
_SM4_ZERO_IV = bytes(16)
_SM4_CBC_ZERO = CBC(_SM4_ZERO_IV)


def _des(key: bytes, data: bytes) -> TripleDES:
    """The cipher for a single, double or triple length key, once the data are found to be whole blocks."""
    # update() keeps an incomplete last block back without a word, so the length is checked here.
    if len(data) & 7:
        raise ValueError(f"DES works on multiples of 8 bytes, not {len(data)}")
    length = len(key)
    # The library warns about keys that are not 24 bytes long.
    if length == 16:
        return TripleDES(key + key[:8])
    if length == 8:
        return TripleDES(key * 3)
    if length == 24:
        return TripleDES(key)
    raise ValueError(f"a DES key has 8, 16 or 24 bytes, not {length}")


def _sm4(key: bytes, data: bytes) -> SM4:
    """The cipher for a key, once the data are found to be whole blocks."""
    if len(data) & 15:
        raise ValueError(f"SM4 works on multiples of 16 bytes, not {len(data)}")
    if len(key) != 16:
        raise ValueError(f"an SM4 key has 16 bytes, not {len(key)}")
    return SM4(key)


def des_ecb_encrypt(key: bytes, data: bytes) -> bytes:
    """Encipher whole 8-byte blocks, each on its own.

    Args:
        key: 8 bytes (DES), 16 (two-key 3DES) or 24 (three-key 3DES); parity bits are ignored.
        data: a multiple of 8 bytes, possibly none.

    Raises:
        ValueError: a length is wrong.
    """
    return Cipher(_des(key, data), _ECB).encryptor().update(data)


def des_ecb_decrypt(key: bytes, data: bytes) -> bytes:
    """Inverse of `des_ecb_encrypt`; same lengths and errors."""
    return Cipher(_des(key, data), _ECB).decryptor().update(data)


def des_cbc_encrypt(key: bytes, data: bytes, iv: bytes = _DES_ZERO_IV) -> bytes:
    """Encipher whole 8-byte blocks, chained from an 8-byte initial value (zeros unless given).

    Key, data and errors as in `des_ecb_encrypt`.
    """
    mode = _DES_CBC_ZERO if iv is _DES_ZERO_IV else CBC(iv)
    return Cipher(_des(key, data), mode).encryptor().update(data)


def des_cbc_decrypt(key: bytes, data: bytes, iv: bytes = _DES_ZERO_IV) -> bytes:
    """Inverse of `des_cbc_encrypt`; same lengths and errors."""
    mode = _DES_CBC_ZERO if iv is _DES_ZERO_IV else CBC(iv)
    return Cipher(_des(key, data), mode).decryptor().update(data)


def sm4_ecb_encrypt(key16: bytes, data: bytes) -> bytes:
    """Encipher whole 16-byte blocks, each on its own, under a 16-byte key (GB/T 32907).

    Raises:
        ValueError: a length is wrong.
    """
    return Cipher(_sm4(key16, data), _ECB).encryptor().update(data)


def sm4_ecb_decrypt(key16: bytes, data: bytes) -> bytes:
    """Inverse of `sm4_ecb_encrypt`; same lengths and errors."""
    return Cipher(_sm4(key16, data), _ECB).decryptor().update(data)


def sm4_cbc_encrypt(key16: bytes, data: bytes, iv: bytes = _SM4_ZERO_IV) -> bytes:
    """Encipher whole 16-byte blocks, chained from a 16-byte initial value (zeros unless given).

    Raises:
        ValueError: a length is wrong.
    """
    mode = _SM4_CBC_ZERO if iv is _SM4_ZERO_IV else CBC(iv)
    return Cipher(_sm4(key16, data), mode).encryptor().update(data)


def sm4_cbc_decrypt(key16: bytes, data: bytes, iv: bytes = _SM4_ZERO_IV) -> bytes:
    """Inverse of `sm4_cbc_encrypt`; same lengths and errors."""
    mode = _SM4_CBC_ZERO if iv is _SM4_ZERO_IV else CBC(iv)
    return Cipher(_sm4(key16, data), mode).decryptor().update(data)
