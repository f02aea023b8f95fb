"""Functions of expressions for personalisation: the channel, data groupings, card keys and their check values, a test
RSA key."""

from collections.abc import Mapping
from typing import Final

from cardsim.crypto import oda, pboc, scp02
from cardsim.crypto.rsa import RsaPrivateKey
from cardsim.iso7816 import tlv
from terminal.conformance.context import Context, Disproved, Function, FunctionError
from terminal.conformance.functions_bank import card_key

_LONG: Final = 0xFF
TEST_KEY: Final = RsaPrivateKey.from_primes(
    0xDDF1085A7DFAE8B4C153510FEC9DF6B61614DC2AA3FAAF301480BCF303AD1587,
    0xCE6DFD5B693DFBC8EB3EA0D02F5DABB076CB22648577B7DDD47410649D36B273,
    3,
)
"""A key of 512 bits that everybody knows; its qInv ends in 80, and must not be taken for padded (U4)."""
_PARTS: Final = {
    "p": TEST_KEY.p, "q": TEST_KEY.q, "dp": TEST_KEY.dp, "dq": TEST_KEY.dq, "qinv": TEST_KEY.qinv,
    "n": TEST_KEY.n, "d": pow(TEST_KEY.e, -1, (TEST_KEY.p - 1) * (TEST_KEY.q - 1)),
}  # fmt: skip
_PADDINGS: Final = {"none": b"", "80": b"\x80" + bytes(7), "FF": b"\x80" + b"\xff" * 7}


# --- the channel ---------------------------------------------------------------------------------------------------


def _session(context: Context, opening: bytes, names: tuple[str, ...] = ()) -> scp02.SessionKeys:
    """Session keys for an answer to INITIALIZE UPDATE, under KMC or under another key that is named."""
    pse = context.keys.pse
    if pse is None:
        raise FunctionError("the key file has no [pse] section")
    kmc = context.key(names[0]) if names else pse.kmc
    return scp02.session_keys(scp02.diversify_kmc(kmc, opening[:10]), opening[12:14])


def _channel_card(context: Context, words: tuple[str, ...]) -> bytes:
    """channel-card HOST OPENING: the card cryptogram of INITIALIZE UPDATE."""
    host, opening = context.value(words[0]), context.value(words[1])
    keys = _session(context, opening, words[2:])
    return scp02.card_cryptogram(keys.enc, host, opening[12:14], opening[14:20])


def _channel_host(context: Context, words: tuple[str, ...]) -> bytes:
    """channel-host HOST OPENING [KEY]: the host cryptogram."""
    host, opening = context.value(words[0]), context.value(words[1])
    keys = _session(context, opening, words[2:])
    return scp02.host_cryptogram(keys.enc, host, opening[12:14], opening[14:20])


def _channel_mac(context: Context, words: tuple[str, ...]) -> bytes:
    """channel-mac HOST OPENING LEVEL [KEY]: the C-MAC of the right EXTERNAL AUTHENTICATE."""
    cryptogram = _channel_host(context, (*words[:2], *words[3:]))
    keys = _session(context, context.value(words[1]), words[3:])
    return scp02.command_mac(keys.mac, b"\x84\x82" + context.value(words[2]) + b"\0\x10" + cryptogram, bytes(8))


def _keydata(context: Context, _words: tuple[str, ...]) -> bytes:
    """keydata: KEYDATA as the key file has them."""
    if context.keys.pse is None:
        raise FunctionError("the key file has no [pse] section")
    return context.keys.pse.keydata


# --- data groupings ------------------------------------------------------------------------------------------------


def _joined(context: Context, words: tuple[str, ...]) -> bytes:
    return b"".join(context.value(word) for word in words)


def _tlv(context: Context, words: tuple[str, ...]) -> bytes:
    """tlv TAG VALUE…: a data object around the joined values."""
    return tlv.ber(int(words[0], 16), _joined(context, words[1:]))


def _grouping(context: Context, words: tuple[str, ...]) -> bytes:
    """grouping DGI VALUE…: a data grouping of STORE DATA around the joined values, its length in one byte or three."""
    content = _joined(context, words[1:])
    length = bytes((len(content),)) if len(content) < _LONG else b"\xff" + len(content).to_bytes(2, "big")
    return context.value(words[0]) + length + content


def _long_grouping(context: Context, words: tuple[str, ...]) -> bytes:
    """long-grouping DGI VALUE…: the same with a length of FF and two bytes."""
    content = _joined(context, words[1:])
    return context.value(words[0]) + b"\xff" + len(content).to_bytes(2, "big") + content


def _card_keys(context: Context, _words: tuple[str, ...]) -> bytes:
    """card-keys: content of DGI 8000 for `pan` and `psn`, under the master keys of the key file."""
    return b"".join(card_key(context, number) for number in (pboc.UDK_AC, pboc.UDK_MAC, pboc.UDK_ENC))


def _check_values(context: Context, words: tuple[str, ...]) -> bytes:
    """check-values VALUE: the check values of keys that stand one after the other."""
    return pboc.key_check_values(context.value(words[0]))


def _secret(context: Context, words: tuple[str, ...]) -> bytes:
    """secret DGI VALUE…: a data grouping under S-DEK of the channel whose INITIALIZE UPDATE was answered `opening`."""
    return _enciphered(context, context.value(words[0]), _joined(context, words[1:]))


def _enciphered(context: Context, dgi: bytes, content: bytes) -> bytes:
    keys = _session(context, context.value("opening"))
    return dgi + bytes((len(content),)) + scp02.dek_encrypt(keys.dek, content)


def _rsa_part(name: str, padding: str = "none") -> bytes:
    number = _PARTS[name]
    return number.to_bytes(64 if name in ("n", "d") else 32, "big") + _PADDINGS[padding]


def _crt(context: Context, words: tuple[str, ...]) -> bytes:
    """crt PADDING [PART…]: DGI 8205 to 8201 with p, q, dp, dq, qinv of the test key or the parts that are named, under
    S-DEK; padded: none, 80 (80 00..) or FF (80 FF..)."""
    parts = words[1:] or ("p", "q", "dp", "dq", "qinv")
    return b"".join(
        _enciphered(context, dgi.to_bytes(2, "big"), _rsa_part(part, words[0]))
        for dgi, part in zip(range(0x8205, 0x8200, -1), parts, strict=True)
    )


def _test_dda(context: Context, words: tuple[str, ...]) -> bytes:
    """test-dda SIGNATURE DATA: ICC dynamic data that the test key signed, with the values of the DDOL."""
    try:
        return oda.verify_dynamic(TEST_KEY.public, context.value(words[0]), context.value(words[1]))
    except oda.OdaError as error:
        raise Disproved(str(error)) from error


PERSO_FUNCTIONS: Final[Mapping[str, Function]] = {
    "channel-card": _channel_card,
    "channel-host": _channel_host,
    "channel-mac": _channel_mac,
    "keydata": _keydata,
    "tlv": _tlv,
    "grouping": _grouping,
    "long-grouping": _long_grouping,
    "card-keys": _card_keys,
    "check-values": _check_values,
    "secret": _secret,
    "crt": _crt,
    "test-modulus": lambda _context, _words: _rsa_part("n"),
    "test-exponent": lambda _context, _words: _rsa_part("d"),
    "test-dda": _test_dda,
}
"""Functions of expressions for personalisation, by name."""
