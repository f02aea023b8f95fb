"""Functions of expressions for cases of the PSAM (SSC part 9).

The environment that a case is about stands in the captured value `sam-suite`, 01 (DES) or 03 (SM4). The user card is
the one in the other slot; without one, factors are those of the published examples in the city of the key file.
"""

from collections.abc import Mapping
from typing import Final

from cardsim.crypto import social
from cardsim.crypto.ciphers import des_ecb_encrypt, sm4_ecb_encrypt
from cardsim.crypto.mac import des_cbc_mac, fold16, sm4_cbc_mac
from cardsim.crypto.padding import pad80, pad80_if_needed, xor
from cardsim.crypto.social import Suite
from cardsim.keyfile import PsamEnvironmentKeys, PsamKeys, generation_name
from terminal.conformance.context import Context, Disproved, Function, FunctionError
from terminal.flows.psam import APPLICATION, ENVIRONMENTS
from terminal.samkeys import FIELD, NATIONAL, SamKey, sam_keys

_CARD_FACTOR: Final = bytes.fromhex("86605199000001AC")
_ORIGINAL: Final = b"\x01\x02\x03\x04\x05\x06\x07\x08"
_NEW_KEY: Final = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
_PURCHASE: Final = "DPK"
_MAC_TYPE: Final = 6
_SUITES: Final = {suite.algorithm_id: suite for suite in Suite}

NAMES: Final = {
    "sx1": ENVIRONMENTS[Suite.DES],
    "sx2": ENVIRONMENTS[Suite.SM4],
    "sam-app": APPLICATION,
}
"""DF names of the PSAM by a short name."""


# --- what the key file and the state say --------------------------------------------------------------------------


def _suite(context: Context) -> Suite:
    found = context.captured.get("sam-suite")
    if found is None:
        raise FunctionError("the state does not say which environment of the PSAM is meant (sam-suite)")
    return _SUITES[found[0]]


def _psam(context: Context) -> PsamKeys:
    if context.keys.psam is None:
        raise FunctionError("the key file has no [psam] section")
    return context.keys.psam


def _environment(context: Context) -> PsamEnvironmentKeys:
    suite = _suite(context)
    for environment in _psam(context).environments:
        if environment.suite is suite:
            return environment
    raise FunctionError(f"the key file has no [[psam.environments]] with suite {suite.value}")


def _own_key(context: Context, kid: int) -> bytes:
    """Own key of the application: 00 its master key, 01 to 03 those that open the key files."""
    keys = _environment(context)
    return (keys.application, keys.national, keys.provincial, keys.city)[kid]


def _held(context: Context, name: str) -> SamKey:
    """A key as this PSAM holds it."""
    keys = sam_keys(NATIONAL if "psam-national" in context.psam else FIELD)
    if name not in keys:
        raise FunctionError(f"no PSAM of this profile holds {name}")
    return keys[name]


def _factors(context: Context) -> tuple[bytes, bytes, bytes]:
    """Factors of card, city and province."""
    area = _psam(context).area
    card = social.factor_card(context.historical) if context.historical else _CARD_FACTOR
    return card, social.factor_city(area), social.factor_province(area)


def _card_key(context: Context, name: str) -> bytes:
    """The user card's key, from the root: province, city, card."""
    root = _environment(context).roots.get(name)
    if root is None:
        raise FunctionError(f"the key file has no root {name} under [psam.environments.roots]")
    return _derived(context, root, 3)


def _derived(context: Context, key: bytes, levels: int) -> bytes:
    """A key derived with so many factors, the outermost first."""
    for factor in reversed(_factors(context)[:levels]):
        key = social.diversify(_suite(context), key, factor)
    return key


def _padded(context: Context, data: bytes) -> bytes:
    size = _suite(context).block_size
    return data.ljust(-(-len(data) // size) * size, b"\0")


# --- ciphers ------------------------------------------------------------------------------------------------------


def _ecb(context: Context, key: bytes, data: bytes) -> bytes:
    return des_ecb_encrypt(key, data) if _suite(context) is Suite.DES else sm4_ecb_encrypt(key, data)


def _cbc(context: Context, key: bytes, data: bytes, iv: bytes) -> bytes:
    return des_cbc_mac(key, data, iv) if _suite(context) is Suite.DES else sm4_cbc_mac(key, data, iv)


def _blocks(context: Context, count: int) -> bytes:
    """So many blocks, each byte different."""
    return bytes(range(0x10, 0x10 + count * _suite(context).block_size))


# --- functions ----------------------------------------------------------------------------------------------------


def _suite_of(_context: Context, words: tuple[str, ...]) -> bytes:
    """sam-suite-of NAME: 01 for des, 03 for sm4."""
    return bytes((Suite(words[0]).algorithm_id,))


def _all(context: Context, words: tuple[str, ...]) -> bytes:
    """sam-all KEY: the factors that a key of this PSAM needs."""
    return b"".join(_factors(context)[: _held(context, words[0]).levels])


def _session(context: Context, words: tuple[str, ...]) -> bytes:
    """sam-session KEY SEED: the session key of DELIVERY SESSION KEY."""
    return social.session_key(_suite(context), _card_key(context, words[0]), _padded(context, context.value(words[1])))


def _auth(context: Context, words: tuple[str, ...]) -> bytes:
    """sam-auth KID: data of EXTERNAL AUTHENTICATE for the last challenge, with an own key of the application."""
    key = _own_key(context, context.value(words[0])[0])
    return social.authentication_data(_suite(context), key, context.sam_challenge, _ORIGINAL) + _ORIGINAL


def _master_auth(context: Context, _words: tuple[str, ...]) -> bytes:
    """sam-master-auth: the same with the master key of the environment."""
    key = _environment(context).master
    return social.authentication_data(_suite(context), key, context.sam_challenge, _ORIGINAL) + _ORIGINAL


def _transport(context: Context) -> bytes:
    key = _psam(context).transport
    if key is None:
        raise FunctionError("the key file's [psam] has no transport key")
    return key


def _transport_auth(context: Context, _words: tuple[str, ...]) -> bytes:
    """sam-transport-auth: the same with the transport key, whose cipher is always 3DES."""
    return social.authentication_data(Suite.DES, _transport(context), context.sam_challenge, _ORIGINAL) + _ORIGINAL


def _protect(context: Context, words: tuple[str, ...]) -> bytes:
    """sam-protect HEADER PLAIN: data of CREATE KEY and CHANGE KEY, enciphered and with a MAC (§7.1.2, §7.1.3)."""
    return _protected(context, _suite(context), _own_key(context, 0), words)


def _protect_transport(context: Context, words: tuple[str, ...]) -> bytes:
    """sam-protect-transport HEADER PLAIN: data of the WRITE KEY that loads the first master key."""
    return _protected(context, Suite.DES, _transport(context), words)


def _protect_master(context: Context, words: tuple[str, ...]) -> bytes:
    """sam-protect-master HEADER PLAIN: data of a WRITE KEY of the set-up, under the environment's master key."""
    return _protected(context, _suite(context), _environment(context).master, words)


def _protected(context: Context, suite: Suite, key: bytes, words: tuple[str, ...]) -> bytes:
    body = social.master_encipher(suite, key, context.value(words[1]))
    message = context.value(words[0]) + bytes((len(body) + 4,)) + body
    return body + social.master_mac4(suite, key, message, context.sam_challenge)


def _protect_as_card(context: Context, words: tuple[str, ...]) -> bytes:
    """sam-protect-as-card HEADER PLAIN: the same with the MAC of a user card (SSC part 4 §8.2): a fault."""
    suite, key = _suite(context), _own_key(context, 0)
    body = social.master_encipher(suite, key, context.value(words[1]))
    message = context.value(words[0]) + bytes((len(body) + 4,)) + body
    return body + social.mac4(suite, social.session_key(suite, key, context.sam_challenge), message)


def _record(context: Context, words: tuple[str, ...]) -> bytes:
    """sam-record USAGE ID: a key record with a 16-byte key of the environment's cipher."""
    usage, identifier = (context.value(word) for word in words)
    return usage + identifier + bytes((0, _suite(context).key_algorithm_byte, 0, 0, 0, 0)) + _NEW_KEY


def _short_record(context: Context, words: tuple[str, ...]) -> bytes:
    """sam-record-8 USAGE ID: a key record with a single-length DES key."""
    usage, identifier = (context.value(word) for word in words)
    return usage + identifier + bytes((0, 1, 0, 0, 0, 0)) + _NEW_KEY[:8]


def _some_blocks(context: Context, words: tuple[str, ...]) -> bytes:
    """sam-blocks COUNT [FROM TO]: so many blocks of data, or those from one number to another."""
    size = _suite(context).block_size
    start, end = (int(word) * size for word in words[1:]) if len(words) > 1 else (0, None)
    return _blocks(context, int(words[0]))[start:end]


def _encipher(context: Context, words: tuple[str, ...]) -> bytes:
    """sam-encipher SESSION DATA: what CIPHER DATA gives for data, filled with 00 to a block."""
    return _ecb(context, context.value(words[0]), _padded(context, context.value(words[1])))


def _mac_block(context: Context, words: tuple[str, ...]) -> bytes:
    """sam-cbc SESSION IV: the last block of the MAC of two blocks of data."""
    iv = _padded(context, context.value(words[1]))
    return _cbc(context, context.value(words[0]), _blocks(context, 2), iv)


def _ecb_with(context: Context, words: tuple[str, ...]) -> bytes:
    """sam-ecb KEY LEVELS SEED: one block of data enciphered, under a key that the case itself loaded."""
    key = _derived(context, context.value(words[0]), int(words[1]))
    session = social.session_key(_suite(context), key, _padded(context, context.value(words[2])))
    return _ecb(context, session, _blocks(context, 1))


def _p1(context: Context, words: tuple[str, ...]) -> bytes:
    """sam-p1 KEY: P1 of CIPHER DATA for what the key may do: a MAC at once, or enciphering."""
    return b"\x05" if _held(context, words[0]).type == _MAC_TYPE else b"\x00"


def _result(context: Context, words: tuple[str, ...]) -> bytes:
    """sam-result KEY SESSION: what CIPHER DATA with sam-p1 gives for two blocks of data."""
    session, data = context.value(words[1]), _blocks(context, 2)
    if _held(context, words[0]).type != _MAC_TYPE:
        return _ecb(context, session, data)
    size = _suite(context).block_size
    return _cbc(context, session, data[size:], data[:size])


def _purchase_session(context: Context, version: bytes, tail: bytes) -> bytes:
    """Session key of the purchase that the word sam-begin began."""
    key = _card_key(context, generation_name(_PURCHASE, version[0]))
    captured = context.captured
    return social.session_key(_suite(context), key, captured["drawn"] + captured["sequence"] + tail)


def _mac1(context: Context, words: tuple[str, ...]) -> bytes:
    """sam-mac1 VERSION NUMBER [TERMINAL]: MAC1 of the purchase that sam-begin began."""
    number = context.value(words[1])
    terminal = context.value(words[2]) if len(words) > 2 else bytes.fromhex(_psam(context).terminal)
    return _mac1_of(context, context.value(words[0]), number[2:], terminal)


def _mac1_tail(context: Context, words: tuple[str, ...]) -> bytes:
    """sam-mac1-tail VERSION TAIL: the same, with two bytes in the place of the number's last ones."""
    terminal = bytes.fromhex(_psam(context).terminal)
    return _mac1_of(context, context.value(words[0]), context.value(words[1]), terminal)


def _mac1_of(context: Context, version: bytes, tail: bytes, terminal: bytes) -> bytes:
    captured = context.captured
    covered = captured["amounts"] + captured["type"] + terminal + captured["time"]
    return social.mac4(_suite(context), _purchase_session(context, version, tail), covered)


def _mac2(context: Context, words: tuple[str, ...]) -> bytes:
    """sam-mac2 VERSION NUMBER: the card's MAC2 of that purchase."""
    session = _purchase_session(context, context.value(words[0]), context.value(words[1])[2:])
    return social.mac4(_suite(context), session, context.captured["amounts"])


def _bcd(context: Context, words: tuple[str, ...]) -> bytes:
    """bcd VALUE…: the values; a digit that is not decimal disproves the card."""
    found = b"".join(context.value(word) for word in words)
    if not found.hex().isdecimal():
        raise Disproved(f"{found.hex().upper()} is no BCD")
    return found


def _more(context: Context, words: tuple[str, ...]) -> bytes:
    """more A B: 01 if A is a greater number than B, otherwise 00."""
    return bytes((context.value(words[0]) > context.value(words[1]),))


def _fold(context: Context, words: tuple[str, ...]) -> bytes:
    """fold BLOCK: authentication data of a block: as it is, or both halves of 16 bytes added modulo 2."""
    value = context.value(words[0])
    return value if len(value) == 8 else xor(value[:8], value[8:])


def _mac4(context: Context, words: tuple[str, ...]) -> bytes:
    """sam-mac4 BLOCK: the MAC of a last block: its first four bytes, or the four words of 16 bytes added modulo 2."""
    value = context.value(words[0])
    return value[:4] if len(value) == 8 else fold16(value)


def _framed(context: Context, words: tuple[str, ...]) -> bytes:
    """sam-framed VALUE: what is enciphered for a card: length, value, 80 padding only if needed (SSC part 4 §8.3)."""
    value = context.value(words[0])
    return pad80_if_needed(bytes((len(value),)) + value, _suite(context).block_size)


def _mac_data(context: Context, words: tuple[str, ...]) -> bytes:
    """sam-mac-data HEADER BODY: what the MAC of a card's command covers, Lc with the MAC and 80 padding (§8.2)."""
    header, body = (context.value(word) for word in words)
    return pad80(header + bytes((len(body) + 4,)) + body, _suite(context).block_size)


PSAM_FUNCTIONS: Final[Mapping[str, Function]] = {
    "sam-challenge": lambda context, _words: context.sam_challenge,
    "sam-suite-of": _suite_of,
    "sam-environment": lambda context, _words: ENVIRONMENTS[_suite(context)],
    "sam-area": lambda context, _words: bytes.fromhex(_psam(context).area),
    "sam-algorithm": lambda context, _words: bytes((_suite(context).key_algorithm_byte,)),
    "sam-usage": lambda context, words: bytes((_held(context, words[0]).usage,)),
    "sam-id": lambda context, words: bytes((_held(context, words[0]).id,)),
    "sam-factors": lambda context, words: b"".join(_factors(context)[: int(words[0])]),
    "sam-all": _all,
    "sam-pad": lambda context, words: _padded(context, context.value(words[0])),
    "sam-blocks": _some_blocks,
    "sam-session": _session,
    "sam-encipher": _encipher,
    "sam-cbc": _mac_block,
    "sam-ecb": _ecb_with,
    "sam-p1": _p1,
    "sam-result": _result,
    "sam-auth": _auth,
    "sam-master-auth": _master_auth,
    "sam-transport-auth": _transport_auth,
    "sam-master-key": lambda context, _words: _environment(context).master,
    "sam-transport-key": lambda context, _words: _transport(context),
    "sam-own-key": lambda context, words: _own_key(context, context.value(words[0])[0]),
    "sam-protect": _protect,
    "sam-protect-transport": _protect_transport,
    "sam-protect-master": _protect_master,
    "sam-protect-as-card": _protect_as_card,
    "sam-record": _record,
    "sam-record-8": _short_record,
    "sam-mac1": _mac1,
    "sam-mac1-tail": _mac1_tail,
    "sam-mac2": _mac2,
    "bcd": _bcd,
    "more": _more,
    "fold": _fold,
    "sam-mac4": _mac4,
    "sam-framed": _framed,
    "sam-mac-data": _mac_data,
}
