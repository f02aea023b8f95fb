"""Card and session keys of published vectors by the name that each vector gives its method.

PBOC and the common EMV derivations are the project's own; what Visa and Mastercard made besides is put together here
out of its ciphers, for vectors alone.
"""

from cardsim.crypto import emv, pboc
from cardsim.crypto.ciphers import des_ecb_encrypt
from cardsim.crypto.padding import xor
from tests.crypto.published import Vector


def odd_parity(key: bytes) -> bytes:
    """A DES key with its parity bits set, as some issuers store it."""
    return bytes(byte & 0xFE | (byte >> 1).bit_count() & 1 ^ 1 for byte in key)


def card_key(vector: Vector, master: str = "imk") -> bytes:
    """The card key of a vector: printed, or derived from a master key by its option."""
    if "udk" in vector.inputs:
        return vector.data("udk")
    derive = pboc.derive_udk if vector.text("udk_option") == "A" else emv.derive_master_key_b
    key = derive(vector.data(master), vector.text("pan"), vector.text("psn"))
    return odd_parity(key) if vector.inputs.get("udk_parity") == "odd" else key


def session_key(vector: Vector, key: bytes) -> bytes:
    """The session key that a vector's method makes of a card key."""
    method, given = vector.text("sk_method"), vector.inputs
    match method:
        case "none":
            return key
        case "pboc":
            return pboc.session_key(key, vector.number_of("atc"))
        case "csk":
            return emv.common_session_key(key, vector.data("r"))
        case "csk_atc":
            return emv.common_session_key(key, vector.data("atc") + bytes(6))
        case "mchip":
            # Mastercard: counter and unpredictable number, halves marked as in the common session key.
            atc, unpredictable = vector.data("atc"), vector.data("un")
            session = des_ecb_encrypt(key, b"".join(atc + bytes((n, 0)) + unpredictable for n in (0xF0, 0x0F)))
            return odd_parity(session) if given.get("sk_parity") == "odd" else session
        case "visa_sm":
            # Visa's secure messaging adds the counter to the key and enciphers nothing.
            atc = vector.data("r")
            return xor(key, bytes(6) + atc + bytes(6) + xor(atc, b"\xff\xff"))
    raise AssertionError(f"no session key method {method}")
