"""Functions of expressions for card management and the social-security environment."""

import functools
from collections.abc import Mapping
from functools import reduce
from operator import xor
from typing import Final

from cardsim.crypto import ciphers, padding, scp02, social
from cardsim.crypto.social import Suite
from cardsim.iso7816.atr import Atr
from cardsim.making.structure import load_structure
from terminal.conformance.context import Context, Function, FunctionError

_LONGEST_ATR: Final = 33
_ORIGINAL: Final = b"\x01\x02\x03\x04\x05\x06\x07\x08"


@functools.cache
def key_ids() -> Mapping[str, int]:
    """P2 of EXTERNAL AUTHENTICATE by the key's name, as the structures of all versions have it."""
    structures = [load_structure(name) for name in ("ssse-1.0", "ssse-2.0")]
    return {key.name: structure.key_id(key) for structure in structures for key in structure.keys}


def _id(_context: Context, words: tuple[str, ...]) -> bytes:
    """id KEY: P2 of EXTERNAL AUTHENTICATE for a key; all its generations have the same."""
    return bytes((key_ids()[words[0].partition(".")[0]],))


def _auth(context: Context, words: tuple[str, ...]) -> bytes:
    """auth KEY [ORIGINAL]: cryptogram and original data of EXTERNAL AUTHENTICATE for the last challenge."""
    original = context.value(words[1]) if len(words) > 1 else _ORIGINAL
    key = context.key(words[0])
    return social.authentication_data(context.suite_of(words[0]), key, context.challenge, original) + original


def _auth_data(context: Context, words: tuple[str, ...]) -> bytes:
    """auth-data KEY FACTOR ORIGINAL: the 8 bytes of INTERNAL AUTHENTICATE."""
    factor, original = context.value(words[1]), context.value(words[2])
    return social.authentication_data(context.suite_of(words[0]), context.key(words[0]), factor, original)


def _mac(context: Context, words: tuple[str, ...]) -> bytes:
    """mac KEY MESSAGE: MAC under the session key of the last challenge (SSC part 4 §8.2)."""
    suite = context.suite_of(words[0])
    session = social.session_key(suite, context.key(words[0]), context.challenge)
    return social.mac4(suite, session, context.value(words[1]))


def _protect(context: Context, words: tuple[str, ...]) -> bytes:
    """protect KEY HEADER PLAIN: enciphered data and MAC of a card-management command, without Lc."""
    suite, key = context.suite_of(words[0]), context.key(words[0])
    body = social.master_encipher(suite, key, context.value(words[2])) if len(words) > 2 else b""
    message = context.value(words[1]) + bytes((len(body) + 4,)) + body
    return body + social.master_mac4(suite, key, message, context.challenge)


def _card_auth(context: Context, words: tuple[str, ...]) -> bytes:
    """card-auth KEY: as `auth`, at the level of the card, where the cipher is always 3DES."""
    data = social.authentication_data(Suite.DES, context.key(words[0]), context.challenge, _ORIGINAL)
    return data + _ORIGINAL


def _card_protect(context: Context, words: tuple[str, ...]) -> bytes:
    """card-protect KEY HEADER PLAIN: as `protect`, at the level of the card, where the cipher is always 3DES."""
    key = context.key(words[0])
    body = social.master_encipher(Suite.DES, key, context.value(words[2]))
    message = context.value(words[1]) + bytes((len(body) + 4,)) + body
    return body + social.master_mac4(Suite.DES, key, message, context.challenge)


def _encipher(context: Context, words: tuple[str, ...]) -> bytes:
    """encipher KEY VALUE: 3DES in ECB; `challenge` is the last challenge."""
    value = context.challenge if words[1] == "challenge" else context.value(words[1])
    return ciphers.des_ecb_encrypt(context.key(words[0]), value)


def _channel_key(context: Context, name: str) -> bytes:
    """A static key of the channel: pse-enc, pse-mac, pse-dek from the key file's KMC, or any other key by its name."""
    if not name.startswith("pse-") or name in context.captured:
        return context.key(name)
    pse = context.keys.pse
    if pse is None:
        raise FunctionError("the key file has no [pse] section")
    keys = scp02.diversify_kmc(pse.kmc, pse.keydata)
    found = {"pse-enc": keys.enc, "pse-mac": keys.mac, "pse-dek": keys.dek}.get(name)
    if found is None:
        raise FunctionError(f"there is no key {name} of the channel")
    return found


def _channel_auth(context: Context, words: tuple[str, ...]) -> bytes:
    """channel-auth ENC MAC HOST ANSWER LEVEL: data of EXTERNAL AUTHENTICATE after INITIALIZE UPDATE's answer."""
    enc, mac = (_channel_key(context, name) for name in words[:2])
    host, answer, level = (context.value(word) for word in words[2:5])
    session = scp02.session_keys(scp02.CardKeys(enc, mac, mac), answer[12:14])
    cryptogram = scp02.host_cryptogram(session.enc, host, answer[12:14], answer[14:20])
    return cryptogram + scp02.command_mac(session.mac, b"\x84\x82" + level + b"\x00\x10" + cryptogram, bytes(8))


def _channel_key_data(context: Context, words: tuple[str, ...]) -> bytes:
    """channel-key DEK ANSWER KEY: one key of PUT KEY, enciphered, with its check value."""
    dek, answer, key = _channel_key(context, words[0]), context.value(words[1]), _channel_key(context, words[2])
    session = scp02.session_keys(scp02.CardKeys(dek, dek, dek), answer[12:14])
    check = ciphers.des_ecb_encrypt(key, bytes(8))[:3]
    return b"\x80\x10" + scp02.dek_encrypt(session.dek, key) + b"\x03" + check


def _channel_secret(context: Context, words: tuple[str, ...]) -> bytes:
    """channel-secret DEK ANSWER VALUE: a value under S-DEK, as STORE DATA takes keys."""
    dek, answer = _channel_key(context, words[0]), context.value(words[1])
    session = scp02.session_keys(scp02.CardKeys(dek, dek, dek), answer[12:14])
    return scp02.dek_encrypt(session.dek, context.value(words[2]))


def _channel_sealed(context: Context, words: tuple[str, ...]) -> bytes:
    """channel-sealed MAC ANSWER BEFORE HEADER DATA: Lc, data and C-MAC at level 01; BEFORE is the C-MAC before it."""
    mac, answer = _channel_key(context, words[0]), context.value(words[1])
    key = scp02.session_keys(scp02.CardKeys(mac, mac, mac), answer[12:14]).mac
    before, header, data = (context.value(word) for word in words[2:5])
    body = bytes((len(data) + len(before),)) + data
    return body + scp02.command_mac(key, header + body, scp02.encrypt_icv(key, before))


def _channel_hidden(context: Context, words: tuple[str, ...]) -> bytes:
    """channel-hidden ENC MAC ANSWER BEFORE HEADER DATA: the same at level 03, the data enciphered behind their MAC."""
    enc, answer = _channel_key(context, words[0]), context.value(words[2])
    session = scp02.session_keys(scp02.CardKeys(enc, enc, enc), answer[12:14])
    data = context.value(words[5])
    mac = _channel_sealed(context, words[1:])[1 + len(data) :]
    body = ciphers.des_cbc_encrypt(session.enc, padding.pad80(data)) + mac
    return bytes((len(body),)) + body


def _check_value(context: Context, words: tuple[str, ...]) -> bytes:
    """check-value KEY…: the check values of 3DES keys, three bytes each."""
    return b"".join(ciphers.des_ecb_encrypt(context.key(word), bytes(8))[:3] for word in words)


def _atr(context: Context, words: tuple[str, ...]) -> bytes:
    """atr: the whole answer to reset. atr has TA1: 01 or 00. atr TB1: that byte.

    atr first-protocol, atr protocols, atr sum (XOR from T0 on), atr announced (historical bytes by T0), atr length,
    atr fits (33 bytes at most: 01).
    """
    raw = context.captured["atr"]
    if not words:
        return raw
    atr = Atr.parse(raw)
    match words[0]:
        case "has":
            return bytes((words[1] in atr.interface,))
        case "first-protocol":
            return bytes(atr.protocols[:1])
        case "protocols":
            return bytes(atr.protocols)
        case "sum":
            return bytes((reduce(xor, raw[1:]),))
        case "length":
            return bytes((len(raw),))
        case "announced":
            return bytes((raw[1] & 0x0F,))
        case "fits":
            return bytes((len(raw) <= _LONGEST_ATR,))
        case name:
            return bytes((atr.interface[name],))


SOCIAL_FUNCTIONS: Final[Mapping[str, Function]] = {
    "auth": _auth,
    "auth-data": _auth_data,
    "mac": _mac,
    "protect": _protect,
    "key": lambda context, words: _channel_key(context, words[0]),
    "suite-id": lambda context, _words: bytes((context.suite.algorithm_id,)),
    "suite-byte": lambda context, _words: bytes((context.suite.key_algorithm_byte,)),
    "card-auth": _card_auth,
    "card-protect": _card_protect,
    "encipher": _encipher,
    "channel-auth": _channel_auth,
    "channel-key": _channel_key_data,
    "channel-secret": _channel_secret,
    "channel-sealed": _channel_sealed,
    "channel-hidden": _channel_hidden,
    "check-value": _check_value,
    "atr": _atr,
    "id": _id,
}
