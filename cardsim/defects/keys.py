"""Faults of the social-security environment that a key or a challenge has beside others: counters, rights, factors."""

from collections.abc import Callable
from typing import Final

from cardsim.cos.access import PIN_BIT, bit_of
from cardsim.cos.environment import Handler
from cardsim.cos.keys import NO_LIMIT, KeyUse, Slot
from cardsim.crypto import social
from cardsim.crypto.social import Suite
from cardsim.defects.defect import Apply, Side, around, meanwhile, on_handler, on_ssse, put, table
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.ssse.environment import Ssse

_STK: Final = 2


# --- try counters ----------------------------------------------------------------------------------------------------


def _shared_counters(ssse: Ssse) -> None:
    keys = ssse.keys

    def wrap(lower: Callable[[Slot], int]) -> Callable[[Slot], int]:
        def changed(slot: Slot) -> int:
            for (_df, use, _number), slots in keys.slots().items():
                for other in slots:
                    if use == slot.use and other != slot and 0 < keys.tries(other) < NO_LIMIT:
                        lower(other)
            return lower(slot)

        return changed

    around(keys, "lower", wrap)


def _restored_to(tries: Callable[[int, int], int]) -> Apply:
    """A match gives another number of tries back: tries that are left with this one, and limit."""

    def change(ssse: Ssse) -> None:
        def restore(slot: Slot) -> None:
            if slot.limit != NO_LIMIT:
                left = ssse.partition.memory[slot.counter_at]
                ssse.partition.write_early(slot.counter_at, bytes((tries(left, slot.limit),)))

        put(ssse.keys, "restore", restore)

    return on_ssse(change)


def _select_restores(ssse: Ssse) -> None:
    keys = ssse.keys

    def wrap(select: Callable[[int], bytes]) -> Callable[[int], bytes]:
        def changed(df: int) -> bytes:
            fci = select(df)
            for slots in keys.slots().values():
                for slot in slots:
                    if 0 < keys.tries(slot) < slot.limit <= 15:
                        keys.restore(slot)
            return fci

        return changed

    around(ssse, "select_df", wrap)


def _last_try_lost(ssse: Ssse) -> None:
    around(ssse.keys, "tries", lambda tries: lambda slot: 0 if tries(slot) == 1 else tries(slot))


# --- rights ----------------------------------------------------------------------------------------------------------


def _right_first(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        try:
            return handler(p1, p2, data, le)
        except StatusError as ended:
            if ended.sw & 0xFFF0 == 0x63C0:
                ssse.ram.rights |= bit_of(p2)
            raise

    return changed


def _failure_ends_all(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        try:
            return handler(p1, p2, data, le)
        except StatusError as ended:
            if ended.sw & 0xFFF0 == 0x63C0:
                ssse.ram.rights = 0
            raise

    return changed


def _verify_ends_rights(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        answer = handler(p1, p2, data, le)
        ssse.ram.rights &= PIN_BIT
        return answer

    return changed


def _query_verifies(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        if not data and ssse.ram.rights & PIN_BIT:
            return b""
        return handler(p1, p2, data, le)

    return changed


def _maintenance_proves(ssse: Ssse, handler: Handler) -> Handler:
    keys = ssse.keys
    find = keys.find

    def found(df: int, use: KeyUse, number: int, version: int | None = None) -> Slot | None:
        return find(df, KeyUse.MAINTENANCE if use is KeyUse.EXTERNAL and number == _STK else use, number, version)

    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        with meanwhile(keys, find=found):
            return handler(p1, p2, data, le)

    return changed


# --- challenges ------------------------------------------------------------------------------------------------------


def _old_stays(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        old = ssse.ram.challenge
        answer = handler(p1, p2, data, le)
        ssse.ram.challenge = old or answer
        return answer

    return changed


def _dropped(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        ssse.ram.challenge = b""
        return handler(p1, p2, data, le)

    return changed


def _made_of(factor: Callable[[Suite, bytes], bytes]) -> Callable[[Ssse, Handler], Handler]:
    """A handler that makes the session key of something else than the challenge as it is."""

    def wrap(ssse: Ssse, handler: Handler) -> Handler:
        def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
            if ssse.ram.challenge:
                ssse.ram.challenge = factor(ssse.suite, ssse.ram.challenge)
            return handler(p1, p2, data, le)

        return changed

    return wrap


def _filled_on_the_left(suite: Suite, challenge: bytes) -> bytes:
    return challenge.rjust(suite.block_size, b"\0") if len(challenge) < 8 else challenge


def _half(_suite: Suite, challenge: bytes) -> bytes:
    return challenge[:8]


def _original_first(_ssse: Ssse, handler: Handler) -> Handler:
    return lambda p1, p2, data, le: handler(p1, p2, data[8:16] + data[:8] + data[16:], le)


# --- MAC -------------------------------------------------------------------------------------------------------------


def _mac(of: Callable[[Ssse, bytes, bytes, bytes], bytes]) -> Apply:
    """Another MAC of maintenance commands: environment, key, challenge and message -> MAC."""

    def change(ssse: Ssse) -> None:
        def check(slot: Slot, message: bytes, mac: bytes) -> bytes:
            key, challenge = ssse.keys.value(slot), ssse.take_challenge()
            if of(ssse, key, challenge, message) != mac:
                raise StatusError(status.SM_OBJECT_INCORRECT)
            return social.session_key(ssse.suite, key, challenge)

        put(ssse.messaging, "check_mac", check)

    return on_ssse(change)


def _from_challenge(ssse: Ssse, key: bytes, challenge: bytes, message: bytes) -> bytes:
    size = ssse.suite.block_size
    session = social.session_key(ssse.suite, key, challenge)
    return social.mac4(ssse.suite, session, message, challenge[:size].ljust(size, b"\0"))


def _without_header(ssse: Ssse, key: bytes, challenge: bytes, message: bytes) -> bytes:
    return social.mac4(ssse.suite, social.session_key(ssse.suite, key, challenge), message[5:])


def _lc_of_data(ssse: Ssse, key: bytes, challenge: bytes, message: bytes) -> bytes:
    message = message[:4] + bytes((message[4] - 4,)) + message[5:]
    return social.mac4(ssse.suite, social.session_key(ssse.suite, key, challenge), message)


def _stored_key(ssse: Ssse, key: bytes, _challenge: bytes, message: bytes) -> bytes:
    return social.mac4(ssse.suite, key[: ssse.suite.block_size], message)


def _mac_keeps_challenge(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        challenge = ssse.ram.challenge
        try:
            return handler(p1, p2, data, le)
        except StatusError as ended:
            if ended.sw == status.SM_OBJECT_INCORRECT:
                ssse.ram.challenge = challenge
            raise

    return changed


KEYS: Final = table(
    Side.SSSE,
    (
        ("counters-shared", "SSC5-6.4-09", "A failure of one key counts for the others too.",
         on_ssse(_shared_counters)),
        ("success-gives-one-back", "SSC7-6.6-02, SSC7-5.8-01",
         "A match gives one try back and not all of them.", _restored_to(lambda left, limit: min(left + 2, limit))),
        ("success-gives-fifteen", "SSC7-6.6-02, SSC7-5.8-01",
         "A match sets the tries to fifteen whatever their limit is.", _restored_to(lambda _left, _limit: 15)),
        ("tries-restored-by-select", "SSC7-6.6-04", "SELECT gives the tries of keys and PIN back.",
         on_ssse(_select_restores)),
        ("last-try-lost", "SSC7-6.6-03, SSC7-5.8-04", "A key or PIN is locked while it has one try left.",
         on_ssse(_last_try_lost)),
        ("right-before-comparison", "SSC5-6.4-01", "Wrong authentication data give the right of the key.",
         on_handler("authentication", "external", _right_first)),
        ("failure-ends-all-rights", "SSC7-6.6-08", "A failure of one key takes the rights of the others away.",
         on_handler("authentication", "external", _failure_ends_all)),
        ("verify-ends-rights", "SSC7-6.6-07", "VERIFY takes the rights of keys away.",
         on_handler("pin", "verify", _verify_ends_rights)),
        ("query-says-verified", "SSC5-6.14-04",
         "VERIFY without data is answered 9000 and not 63Cx when the PIN is verified.",
         on_handler("pin", "verify", _query_verifies)),
        ("maintenance-key-authenticates", "SSC4-7.1-01", "EXTERNAL AUTHENTICATE takes STK.",
         on_handler("authentication", "external", _maintenance_proves)),
        ("authentication-halves-swapped", "SSC5-6.4-02",
         "EXTERNAL AUTHENTICATE takes the original data first and then the authentication data.",
         on_handler("authentication", "external", _original_first)),
        ("old-challenge-stays", "SSC5-6.5-02", "A new challenge does not replace one that was not used.",
         on_handler("authentication", "challenge", _old_stays)),
        ("read-drops-challenge", "SSC5-6.5-06", "READ RECORD takes the challenge away.",
         on_handler("record_commands", "read", _dropped)),
        ("challenge-filled-left", "SSC4-8.4.1-02, SSC4-8.4.2-01",
         "A challenge of four bytes is filled up on the left and not on the right.",
         on_handler("authentication", "external", _made_of(_filled_on_the_left))),
        ("challenge-half-used", "SSC4-8.4.2-02", "Of a challenge of sixteen bytes SM4 uses the first eight.",
         on_handler("authentication", "external", _made_of(_half))),
        ("mac-from-challenge", "SSC4-8.2.4.1-01, SSC4-8.2.4.2-01",
         "The MAC of CARD BLOCK begins with the challenge and not with zeros.", _mac(_from_challenge)),
        ("mac-without-header", "SSC4-8.2.4.1-02, SSC4-8.2.4.2-02",
         "The header of CARD BLOCK is no part of its MAC.", _mac(_without_header)),
        ("mac-lc-of-data", "SSC4-8.2.4.1-02, SSC4-8.2.4.2-02",
         "In the MAC of CARD BLOCK Lc does not count the MAC itself.", _mac(_lc_of_data)),
        ("mac-under-stored-key", "SSC4-8.2.3-01",
         "The MAC of CARD BLOCK is made with STK itself and not with a session key.", _mac(_stored_key)),
        ("wrong-mac-keeps-challenge", "SSC5-6.5-04, SSC4-8.4.1-04",
         "After a wrong MAC of CARD BLOCK the same challenge can be used again.",
         on_handler("block", "card", _mac_keeps_challenge)),
    ),
)  # fmt: skip
"""Faults of counters, rights, challenges and MACs."""
