"""Faults of PIN, keys and authentication in the social-security environment."""

from collections.abc import Callable
from typing import Any, Final

from cardsim.assembly import CardModel
from cardsim.cos.access import APPLICATION, bit_of
from cardsim.cos.environment import Handler
from cardsim.cos.files import ROOT
from cardsim.cos.keys import KeyUse, Slot
from cardsim.crypto import social
from cardsim.defects.defect import Apply, Side, around, meanwhile, nothing, on_handler, on_ssse, put, table
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.ssse.environment import Ssse

_BK: Final = 0x05
_PIN: Final = (ROOT, KeyUse.PIN, 0)


def _external_key(ssse: Ssse, p2: int, data: bytes) -> Slot | None:
    """The key that EXTERNAL AUTHENTICATE names."""
    df = ssse.ram.df if p2 & APPLICATION else ROOT
    return ssse.keys.find(df, KeyUse.EXTERNAL, p2 & 0x0F, data[16] if len(data) > 16 else None)


# --- try counters ----------------------------------------------------------------------------------------------------


def _never_lowered(*uses: KeyUse) -> Callable[[Ssse], None]:
    def change(ssse: Ssse) -> None:
        keys = ssse.keys

        def wrap(lower: Callable[[Slot], int]) -> Callable[[Slot], int]:
            return lambda slot: min(keys.tries(slot), 0x10) - 1 if slot.use in uses else lower(slot)

        around(keys, "lower", wrap)

    return change


def _never_restored(*uses: KeyUse) -> Callable[[Ssse], None]:
    def change(ssse: Ssse) -> None:
        def wrap(restore: Callable[[Slot], None]) -> Callable[[Slot], None]:
            return lambda slot: None if slot.use in uses else restore(slot)

        around(ssse.keys, "restore", wrap)

    return change


def _blocked_works(*uses: KeyUse) -> Callable[[Ssse], None]:
    """A key or PIN without tries is still compared."""

    def change(ssse: Ssse) -> None:
        keys = ssse.keys
        tries, lower = keys.tries, keys.lower
        put(keys, "tries", lambda slot: tries(slot) or (1 if slot.use in uses else 0))
        put(keys, "lower", lambda slot: lower(slot) if tries(slot) else 0)

    return change


def _restored_at_reset(use: KeyUse) -> Apply:
    """A counter that is not 0 is full again after a reset."""

    def apply(card: CardModel) -> None:
        power_on = card.os.power_on

        def powered() -> bytes:
            atr = power_on()
            for environment in card.environments.values():
                if isinstance(environment, Ssse):
                    for slots in environment.keys.slots().values():
                        for slot in slots:
                            if slot.use is use and 0 < environment.keys.tries(slot) < slot.limit <= 15:
                                environment.keys.restore(slot)

            return atr

        put(card.os, "power_on", powered)
        card.power_on = powered

    return apply


def _pin_late(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        slot, keys = ssse.keys.find(*_PIN), ssse.keys
        if slot is None or keys.value(slot) != data or keys.tries(slot) != slot.limit:
            return handler(p1, p2, data, le)
        with meanwhile(keys, lower=lambda slot: keys.tries(slot) - 1, restore=nothing):
            return handler(p1, p2, data, le)

    return changed


def _counts(change: Callable[[int], int]) -> Callable[[Ssse, Handler], Handler]:
    """63Cx with another number."""

    def wrap(_ssse: Ssse, handler: Handler) -> Handler:
        def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
            try:
                return handler(p1, p2, data, le)
            except StatusError as ended:
                raise StatusError(change(ended.sw)) from ended

        return changed

    return wrap


def _one_more(sw: int) -> int:
    return sw + 1 if 0x63C0 <= sw < 0x63CF else sw


def _query_lowers(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        slot = ssse.keys.find(*_PIN)
        if not data and slot is not None and slot.length and ssse.keys.tries(slot):
            ssse.keys.lower(slot)
        return handler(p1, p2, data, le)

    return changed


# --- comparisons -----------------------------------------------------------------------------------------------------


def _pin_taken(matches: Callable[[bytes, bytes], bool]) -> Callable[[Ssse, Handler], Handler]:
    """What matches the PIN counts as the PIN: sent data and PIN, neither of them empty."""

    def wrap(ssse: Ssse, handler: Handler) -> Handler:
        def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
            slot = ssse.keys.find(*_PIN)
            value = ssse.keys.value(slot) if slot is not None else b""
            return handler(p1, p2, value if data and value and matches(data, value) else data, le)

        return changed

    return wrap


def _wrong_pin_ends_right(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        try:
            return handler(p1, p2, data, le)
        except StatusError:
            if data:
                ssse.ram.rights &= ~bit_of(0xF0)
            raise

    return changed


def _compared(length: int) -> Callable[[Ssse, Handler], Handler]:
    """So many bytes of the authentication data are compared."""

    def wrap(ssse: Ssse, handler: Handler) -> Handler:
        def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
            slot = _external_key(ssse, p2, data) if p2 & 0x0F and not p2 & 0x70 else None
            if slot is not None and ssse.ram.challenge:
                value = ssse.keys.value(slot)
                right = social.authentication_data(ssse.suite, value, ssse.ram.challenge, data[8:16])
                if right[:length] == data[:length]:
                    data = right + data[8:]
            return handler(p1, p2, data, le)

        return changed

    return wrap


def _mac(length: int) -> Callable[[Ssse], None]:
    """So many bytes of the MAC of a maintenance command are compared."""

    def change(ssse: Ssse) -> None:
        def check(slot: Slot, message: bytes, mac: bytes) -> bytes:
            session = social.session_key(ssse.suite, ssse.keys.value(slot), ssse.take_challenge())
            if social.mac4(ssse.suite, session, message)[:length] != mac[:length]:
                raise StatusError(status.SM_OBJECT_INCORRECT)
            return session

        put(ssse.messaging, "check_mac", check)

    return change


# --- challenge and rights --------------------------------------------------------------------------------------------


def _reusable(ssse: Ssse) -> None:
    def take() -> bytes:
        if not ssse.ram.challenge:
            raise StatusError(status.REFERENCE_DATA_UNUSABLE)
        return ssse.ram.challenge

    put(ssse, "take_challenge", take)


def _failure_keeps(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        challenge = ssse.ram.challenge
        try:
            return handler(p1, p2, data, le)
        except StatusError:
            ssse.ram.challenge = challenge
            raise

    return changed


def _challenge_first(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        if p2 and not ssse.ram.challenge:
            raise StatusError(status.REFERENCE_DATA_UNUSABLE)
        return handler(p1, p2, data, le)

    return changed


def _only_last_right(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        answer = handler(p1, p2, data, le)
        ssse.ram.rights = bit_of(p2)
        return answer

    return changed


def _any_version(ssse: Ssse) -> None:
    around(ssse.keys, "find", lambda find: lambda df, use, number, version=None: find(df, use, number))  # noqa: ARG005


def _global_as_local(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        return handler(p1, p2 & ~APPLICATION if ssse.ram.df == ROOT else p2, data, le)

    return changed


def _irk_in_df(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        with meanwhile(ssse.ram, df=ROOT):
            return handler(p1, p2, data, le)

    return changed


def _halves_swapped(_ssse: Ssse, handler: Handler) -> Handler:
    return lambda p1, p2, data, le: handler(p1, p2, data[8:16] + data[:8] + data[16:], le)


def _block_without_key(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        ssse.ram.rights |= bit_of(_BK)
        return handler(p1, p2, data, le)

    return changed


def _maintenance_counts(ssse: Ssse) -> None:
    def wrap(check: Callable[..., Any]) -> Callable[..., Any]:
        def changed(slot: Slot, message: bytes, mac: bytes) -> bytes:
            try:
                session: bytes = check(slot, message, mac)
            except StatusError:
                ssse.ram.rights &= ~bit_of(_BK)
                raise
            return session

        return changed

    around(ssse.messaging, "check_mac", wrap)


SECURITY: Final = table(
    Side.SSSE,
    (
        ("pin-tries-not-lowered", "SSC5-6.14-11, SSC7-5.8-01",
         "A wrong PIN is not counted.", on_ssse(_never_lowered(KeyUse.PIN))),
        ("pin-tries-not-restored", "SSC7-5.8-01",
         "The right PIN does not give the tries back.", on_ssse(_never_restored(KeyUse.PIN))),
        ("pin-tries-restored-by-reset", "SSC7-5.8-05",
         "A reset gives the tries of the PIN back.", _restored_at_reset(KeyUse.PIN)),
        ("pin-tries-late", "SSC7-5.8-05, D13",
         "The try counter of the PIN is written after the comparison.", on_handler("pin", "verify", _pin_late)),
        ("pin-blocked-works", "SSC7-5.8-04, SSC5-6.14-13",
         "A locked PIN is still compared.", on_ssse(_blocked_works(KeyUse.PIN))),
        ("pin-blocked-63C0", "SSC5-6.14-13",
         "VERIFY with a locked PIN is answered 63C0 and not 6983.",
         on_handler("pin", "verify", _counts(lambda sw: 0x63C0 if sw == status.BLOCKED else sw))),
        ("verify-one-more", "SSC5-6.14-11", "63Cx of VERIFY shows one try too many.",
         on_handler("pin", "verify", _counts(_one_more))),
        ("verify-query-lowers", "SSC5-6.14-02", "Asking for the tries of the PIN takes one away.",
         on_handler("pin", "verify", _query_lowers)),
        ("pin-prefix-accepted", "SSC5-6.14-09", "The first digits of the PIN are enough.",
         on_handler("pin", "verify", _pin_taken(lambda sent, pin: pin.startswith(sent)))),
        ("pin-extension-accepted", "SSC5-6.14-09", "What stands behind the PIN is not looked at.",
         on_handler("pin", "verify", _pin_taken(lambda sent, pin: sent.startswith(pin)))),
        ("wrong-pin-ends-right", "SSC7-5.8-06", "A wrong PIN takes the right away that an earlier one gave.",
         on_handler("pin", "verify", _wrong_pin_ends_right)),
        ("key-tries-not-lowered", "SSC7-6.6-03, SSC5-6.4-10",
         "Failures of a key are not counted.", on_ssse(_never_lowered(KeyUse.EXTERNAL))),
        ("key-tries-not-restored", "SSC7-6.6-02",
         "A match does not give the tries of a key back.", on_ssse(_never_restored(KeyUse.EXTERNAL))),
        ("key-tries-restored-by-reset", "SSC7-6.6-04",
         "A reset gives the tries of a key back.", _restored_at_reset(KeyUse.EXTERNAL)),
        ("key-blocked-works", "SSC5-6.4-12", "A locked key can still be authenticated.",
         on_ssse(_blocked_works(KeyUse.EXTERNAL))),
        ("authenticate-one-more", "SSC5-6.4-10", "63Cx of EXTERNAL AUTHENTICATE shows one try too many.",
         on_handler("authentication", "external", _counts(_one_more))),
        ("challenge-before-lock", "SSC7-6.6-01",
         "A locked key without a challenge is answered 6984 and not 6983.",
         on_handler("authentication", "external", _challenge_first)),
        ("authentication-seven-bytes", "PBOC-CRY-016, SSC5-6.4-01",
         "Authentication data are compared in seven bytes.", on_handler("authentication", "external", _compared(7))),
        ("challenge-reusable", "SSC5-6.5-03, SSC4-8.4.1-04", "A challenge can be used twice.", on_ssse(_reusable)),
        ("failure-keeps-challenge", "SSC5-6.5-04", "A failed authentication does not use the challenge up.",
         on_handler("authentication", "external", _failure_keeps)),
        ("last-right-alone", "SSC7-6.6-07", "A new authentication takes the rights of the others away.",
         on_handler("authentication", "external", _only_last_right)),
        ("key-version-ignored", "SSC5-6.4-05, SSC5-6.7-08", "Any key version is taken for the right one.",
         on_ssse(_any_version)),
        ("local-key-is-global", "SSC5-6.4-06", "A key of an application names a key of SSSE where there is none.",
         on_handler("authentication", "external", _global_as_local)),
        ("irk-inside-df", "SSC5-6.7-04, SSC5-6.7-08", "INTERNAL AUTHENTICATE uses IRK inside DF01.",
         on_handler("authentication", "internal", _irk_in_df)),
        ("internal-halves-swapped", "SSC5-6.7-02", "INTERNAL AUTHENTICATE takes session factor and data the wrong way.",
         on_handler("authentication", "internal", _halves_swapped)),
        ("mac-ignored", "SSC5-6.2-10", "The MAC of CARD BLOCK is not looked at.", on_ssse(_mac(0))),
        ("mac-three-bytes", "PBOC-CRY-016, SSC5-6.2-10", "The MAC of CARD BLOCK is compared in three bytes.",
         on_ssse(_mac(3))),
        ("wrong-mac-ends-right", "SSC7-13.1-01", "A wrong MAC of CARD BLOCK takes the right of BK away.",
         on_ssse(_maintenance_counts)),
        ("block-without-bk", "SSC5-6.2-07", "CARD BLOCK does not need BK.",
         on_handler("block", "card", _block_without_key)),
    ),
)  # fmt: skip
"""Faults of PIN, keys and authentication."""
