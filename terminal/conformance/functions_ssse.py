"""Functions of expressions for cases of the social-security environment: keys of the case, and MACs made wrongly."""

from collections.abc import Mapping
from typing import Final

from cardsim.crypto import social
from cardsim.crypto.ciphers import des_ecb_encrypt, sm4_ecb_encrypt
from cardsim.crypto.mac import des_cbc_mac, fold16, sm4_cbc_mac
from cardsim.crypto.padding import pad80
from cardsim.crypto.social import Suite
from terminal.conformance.context import Context, Function


def _algorithm(context: Context, _words: tuple[str, ...]) -> bytes:
    """algorithm: the algorithm byte of the card's own keys."""
    return bytes((context.suite.key_algorithm_byte,))


def _proof(context: Context, words: tuple[str, ...]) -> bytes:
    """proof VALUE FACTOR ORIGINAL: authentication data under a key that the case itself loaded."""
    key, factor, original = (context.value(word) for word in words)
    return social.authentication_data(context.suite, key, factor, original)


def _mac_of(context: Context, words: tuple[str, ...]) -> bytes:
    """mac-of KEY FACTOR MESSAGE: as `mac`, for a challenge that need not be the last one."""
    session = social.session_key(context.suite, context.key(words[0]), context.value(words[1]))
    return social.mac4(context.suite, session, context.value(words[2]))


def _mac_direct(context: Context, words: tuple[str, ...]) -> bytes:
    """mac-direct KEY MESSAGE: the MAC under the stored key, without a session key: a fault."""
    return social.mac4(context.suite, context.key(words[0]), context.value(words[1]))


def _mac_chained(context: Context, words: tuple[str, ...]) -> bytes:
    """mac-chained KEY MESSAGE: the MAC that starts from the challenge instead of zeros: a fault."""
    suite = context.suite
    session = social.session_key(suite, context.key(words[0]), context.challenge)
    start = context.challenge[: suite.block_size].ljust(suite.block_size, b"\0")
    return social.mac4(suite, session, context.value(words[1]), start)


def _mac_block(context: Context, words: tuple[str, ...]) -> bytes:
    """mac-block KEY MESSAGE: the whole last block of the chain, from which the MAC is made."""
    suite = context.suite
    session = social.session_key(suite, context.key(words[0]), context.challenge)
    padded = pad80(context.value(words[1]), suite.block_size)
    return des_cbc_mac(session, padded) if suite is Suite.DES else sm4_cbc_mac(session, padded)


def _session(context: Context, name: str) -> bytes:
    """The session key of a maintenance key and the last challenge."""
    return social.session_key(context.suite, context.key(name), context.challenge)


def _enciphered(context: Context, words: tuple[str, ...]) -> bytes:
    """enciphered KEY [PLAIN]: length byte, plain text and padding under the session key of the last challenge."""
    plain = context.value(words[1]) if len(words) > 1 else b""
    return social.encipher(context.suite, _session(context, words[0]), plain)


def _raw_enciphered(context: Context, words: tuple[str, ...]) -> bytes:
    """raw-enciphered KEY BLOCK: a block, filled with 00, enciphered as it stands, so that its frame can be wrong."""
    suite, session = context.suite, _session(context, words[0])
    block = context.value(words[1]).ljust(suite.block_size, b"\0")
    return des_ecb_encrypt(session, block) if suite is Suite.DES else sm4_ecb_encrypt(session, block)


def _secured(context: Context, words: tuple[str, ...]) -> bytes:
    """secured KEY HEADER [DATA]: data and their MAC, over header, Lc and data, for the last challenge."""
    data = context.value(words[2]) if len(words) > 2 else b""
    message = context.value(words[1]) + bytes((len(data) + 4,)) + data
    return data + social.mac4(context.suite, _session(context, words[0]), message)


def _unpadded(context: Context, words: tuple[str, ...]) -> bytes:
    """unpadded KEY MESSAGE: the MAC of whole blocks without the block of padding behind them: a fault."""
    suite, session, message = context.suite, _session(context, words[0]), context.value(words[1])
    return des_cbc_mac(session, message)[:4] if suite is Suite.DES else fold16(sm4_cbc_mac(session, message))


def _p2(context: Context, words: tuple[str, ...]) -> bytes:
    """p2 SFI MODE: P2 of a record command, for a short identifier that the card told."""
    return bytes((context.value(words[0])[0] << 3 | int(words[1]),))


def _times(context: Context, words: tuple[str, ...]) -> bytes:
    """times VALUE COUNT: the value so many times."""
    return context.value(words[0]) * int(words[1])


def _holds(context: Context, words: tuple[str, ...]) -> bytes:
    """holds VALUE PART: 01 if the value contains the part, otherwise 00."""
    return b"\x01" if context.value(words[1]) in context.value(words[0]) else b"\x00"


def _card_number(context: Context, words: tuple[str, ...]) -> bytes:
    """card-number VALUE: the nine characters of a card number whose first eight are given (V2 §8.1.1.7)."""
    first = context.value(words[0])[:8].decode("ascii")
    return (first + social.card_number_check(first)).encode("ascii")


SSSE_FUNCTIONS: Final[Mapping[str, Function]] = {
    "algorithm": _algorithm,
    "proof": _proof,
    "mac-of": _mac_of,
    "mac-direct": _mac_direct,
    "mac-chained": _mac_chained,
    "mac-block": _mac_block,
    "enciphered": _enciphered,
    "raw-enciphered": _raw_enciphered,
    "secured": _secured,
    "unpadded": _unpadded,
    "p2": _p2,
    "times": _times,
    "holds": _holds,
    "card-number": _card_number,
}
