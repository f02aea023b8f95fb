"""The common derivations of EMV that PBOC left out: what hosts of other schemes compute (EMV Book 2 §8.2.2, annex A1).

The payment application of this project uses option A, its own session key and ARPC method 1 (`cardsim.crypto.pboc`).
A bench that also meets EMV cards needs these three besides. All keys are double-length 3DES keys of 16 bytes.
"""

import hashlib
from typing import Final

from cardsim.crypto.ciphers import des_ecb_encrypt
from cardsim.crypto.mac import retail_mac
from cardsim.crypto.padding import pad80, xor
from cardsim.crypto.pboc import derive_udk

_OPTION_A_DIGITS: Final = 16
_DECIMAL: Final = str.maketrans("abcdef", "012345")


def derive_master_key_b(imk16: bytes, pan: str, psn: str) -> bytes:
    """Master key of a card, 16 bytes, from an issuer master key; option B, no parity bits (EMV Book 2 §A1.4.2).

    Option A up to a PAN of 16 digits. Of a longer one PAN and sequence number go through SHA-1, and the key comes from
    the first 16 decimal digits of the hash; where it has fewer, its letters follow as 0 to 5.

    Args:
        imk16: issuer master key, 16 bytes.
        pan: application PAN, 1 to 19 digits, without the F filling.
        psn: PAN sequence number, 2 digits; "" counts as 00.

    Raises:
        ValueError: a length is wrong, or PAN or PSN are not digits.
    """
    # Option A also judges the arguments.
    option_a = derive_udk(imk16, pan, psn)
    if len(pan) <= _OPTION_A_DIGITS:
        return option_a
    text = pan + (psn or "00")
    # SHA-1 is what EMV fixed; it only spreads digits here.
    digest = hashlib.sha1(bytes.fromhex(text.rjust(len(text) + len(text) % 2, "0")), usedforsecurity=False).hexdigest()
    digits = "".join(filter(str.isdigit, digest)) + "".join(filter(str.isalpha, digest)).translate(_DECIMAL)
    block = bytes.fromhex(digits[:16])
    return des_ecb_encrypt(imk16, block + xor(block, b"\xff" * 8))


def common_session_key(key16: bytes, diversification: bytes) -> bytes:
    """Common session key, 16 bytes, of a card's master key (EMV Book 2 §A1.3.1).

    Args:
        key16: master key of the card, 16 bytes.
        diversification: 8 bytes, of which the third is replaced by F0 and 0F: the counter and six bytes 00 for
            cryptograms, the cryptogram of the transaction for scripts.

    Raises:
        ValueError: a length is wrong.
    """
    if len(key16) != 16 or len(diversification) != 8:
        raise ValueError("a common session key comes from a key of 16 bytes and a diversification value of 8")
    left, right = diversification[:2], diversification[3:]
    return des_ecb_encrypt(key16, left + b"\xf0" + right + left + b"\x0f" + right)


def arpc_method2(sk: bytes, ac8: bytes, csu4: bytes, proprietary: bytes = b"") -> bytes:
    """Authorisation response cryptogram, 4 bytes, method 2 (EMV Book 2 §8.2.2).

    Args:
        sk: session key for cryptograms, 16 bytes.
        ac8: the cryptogram of the request, 8 bytes.
        csu4: card status update, 4 bytes.
        proprietary: proprietary authentication data, up to 8 bytes.

    Raises:
        ValueError: a length is wrong.
    """
    if len(ac8) != 8 or len(csu4) != 4 or len(proprietary) > 8:
        raise ValueError("a cryptogram has 8 bytes, a card status update 4, proprietary data at most 8")
    return retail_mac(sk, pad80(ac8 + csu4 + proprietary))[:4]
