"""Faults of the PSAM: its transaction number, session keys, chains, key records, and who may change what."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from cardsim.cos.access import APPLICATION_BITS
from cardsim.cos.environment import Handler
from cardsim.cos.files import FileType
from cardsim.cos.keys import Slot
from cardsim.crypto import medical, social
from cardsim.crypto.ciphers import des_cbc_encrypt, sm4_cbc_encrypt
from cardsim.crypto.social import Suite
from cardsim.defects.defect import SamApply, Side, answering, around, meanwhile, nothing, on_sam, put, table
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.psam.cipher import FACTOR_SIZE, derive
from cardsim.psam.environment import Sam
from cardsim.psam.keys import KeyType, Stored
from cardsim.psam.memory import Chain, SamMemory, SessionRegister
from cardsim.psam.purchase import SEQUENCE

_FACTORS_AT: Final = 28
"""Where the factors stand in the data of INIT SAM FOR PURCHASE; version and algorithm stand before them."""
_MAC_SIZE: Final = 4

_Wrap = Callable[[Sam, Handler], Handler]


def _part(part: str, name: str, wrap: _Wrap) -> SamApply:
    """A defect in one handler of the PSAM: the part of the environment that has it, and the method's name."""
    return on_sam(lambda sam: around(getattr(sam, part), name, lambda handler: wrap(sam, handler)))


def _init(wrap: _Wrap) -> SamApply:
    return _part("_purchases", "_init", wrap)


def _credit(wrap: _Wrap) -> SamApply:
    return _part("_purchases", "_credit", wrap)


def _deliver(wrap: _Wrap) -> SamApply:
    return _part("_ciphering", "_deliver", wrap)


def _cipher(wrap: _Wrap) -> SamApply:
    return _part("_ciphering", "_cipher", wrap)


def _instead(word: int, then: Callable[[Sam, Handler, int, int, bytes, int], bytes]) -> _Wrap:
    """A handler that does something else where one status word is due."""

    def wrap(sam: Sam, handler: Handler) -> Handler:
        def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
            try:
                return handler(p1, p2, data, le)
            except StatusError as ended:
                if ended.sw != word:
                    raise
                return then(sam, handler, p1, p2, data, le)

        return changed

    return wrap


# --- purchase --------------------------------------------------------------------------------------------------------


def _number(sam: Sam) -> int:
    """Where the terminal transaction number stands."""
    return sam._purchases._ef(sam.ram.df, SEQUENCE, 4).offset


def _raise(sam: Sam, at: int, step: int) -> None:
    number = int.from_bytes(sam.partition.read(at, 4), "big") + step
    sam.partition.write_early(at, number.to_bytes(4, "big"))


def _and_then(step: int) -> _Wrap:
    """INIT SAM FOR PURCHASE that moves the transaction number once more."""

    def wrap(sam: Sam, handler: Handler) -> Handler:
        def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
            answer = handler(p1, p2, data, le)
            _raise(sam, _number(sam), step)
            return answer

        return changed

    return wrap


def _raised_with_credit(sam: Sam) -> None:
    def credit(handler: Handler) -> Handler:
        def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
            answer = handler(p1, p2, data, le)
            _raise(sam, _number(sam), 1)
            return answer

        return changed

    around(sam._purchases, "_init", lambda init: _and_then(-1)(sam, init))
    around(sam._purchases, "_credit", credit)


def _first_version(sam: Sam) -> None:
    def wrap(find: Callable[..., Stored | None]) -> Callable[..., Stored | None]:
        def changed(df: int, kind: int, identifier: int) -> Stored | None:
            return find(df, kind, 1 if kind == KeyType.PURCHASE else identifier)

        return changed

    around(sam.keys, "find", wrap)


def _own_algorithm(sam: Sam, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        stored = sam.keys.find(sam.ram.df, KeyType.PURCHASE, data[26])
        if stored is not None:
            data = data[:27] + bytes((stored.algorithm,)) + data[28:]
        return handler(p1, p2, data, le)

    return changed


def _with_levels(sam: Sam, levels: int) -> contextlib.AbstractContextManager[None]:
    """Meanwhile every key has that many levels to derive."""
    find = sam.keys.find

    def found(df: int, kind: int, identifier: int) -> Stored | None:
        stored = find(df, kind, identifier)
        return None if stored is None else replace(stored, usage=levels << 5 | stored.usage & 0x1F)

    return meanwhile(sam.keys, find=found)


def _levels_of_data(sam: Sam, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        with _with_levels(sam, (len(data) - _FACTORS_AT) // FACTOR_SIZE):
            return handler(p1, p2, data, le)

    return changed


def _mac2_compared(length: int) -> _Wrap:
    """So many bytes of MAC2 are compared."""

    def wrap(sam: Sam, handler: Handler) -> Handler:
        def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
            purchase = sam.ram.purchase
            if purchase is not None:
                right = medical.mac(sam.suite, purchase.session, purchase.amounts)
                if data[:length] == right[:length]:
                    data = right
            return handler(p1, p2, data, le)

        return changed

    return wrap


def _purchase_kept(sam: Sam, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        purchase = sam.ram.purchase
        answer = handler(p1, p2, data, le)
        sam.ram.purchase = purchase
        return answer

    return changed


def _retried(sam: Sam, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        purchase = sam.ram.purchase
        try:
            return handler(p1, p2, data, le)
        except StatusError:
            sam.ram.purchase = purchase
            raise

    return changed


# --- session keys ----------------------------------------------------------------------------------------------------


def _factors_reversed(sam: Sam, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        end = len(data) - sam.suite.block_size
        factors = [data[at : at + FACTOR_SIZE] for at in range(0, max(end, 0), FACTOR_SIZE)]
        return handler(p1, p2, b"".join(reversed(factors)) + data[max(end, 0) :], le)

    return changed


def _levels_of_factors(sam: Sam, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        levels = max(0, len(data) - sam.suite.block_size) // FACTOR_SIZE
        with _with_levels(sam, levels):
            return handler(levels << 5 | p1 & 0x1F, p2, data, le)

    return changed


def _register_stays(sam: Sam, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        register = sam.ram.register
        answer = handler(p1, p2, data, le)
        sam.ram.register = register or sam.ram.register
        return answer

    return changed


def _purchase_key_delivered(sam: Sam, handler: Handler, p1: int, p2: int, data: bytes, le: int) -> bytes:
    stored = sam.keys.find(sam.ram.df, p1 & 0x1F, p2)
    end = len(data) - sam.suite.block_size
    if stored is None or p1 & 0x1F != KeyType.PURCHASE or end != stored.levels * FACTOR_SIZE:
        return handler(p1, p2, data, le)
    key = derive(sam.suite, sam.keys.value(stored), data[:end])
    session = social.session_key(sam.suite, key, data[end:])
    sam.ram.register = SessionRegister(KeyType.MAC_AND_ENCRYPTION, session)
    return b""


def _any_type(sam: Sam, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        answer = handler(p1, p2, data, le)
        if sam.ram.register is not None:
            sam.ram.register = replace(sam.ram.register, type=KeyType.MAC_AND_ENCRYPTION)
        return answer

    return changed


def _over_leaving(sam: Sam) -> None:
    def wrap(wipe: Callable[[], None]) -> Callable[[], None]:
        def changed() -> None:
            register = sam.ram.register
            wipe()
            sam.ram = SamMemory(register=register)

        return changed

    def select(real: Callable[[int], bytes]) -> Callable[[int], bytes]:
        def changed(df: int) -> bytes:
            register = sam.ram.register
            fci = real(df)
            sam.ram.register = register
            return fci

        return changed

    around(sam, "wipe", wrap)
    around(sam, "select_df", select)


def _over_initialize(sam: Sam, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        register = sam.ram.register
        answer = handler(p1, p2, data, le)
        sam.ram.register = register
        return answer

    return changed


# --- chains ----------------------------------------------------------------------------------------------------------


def _kept_after(steps: frozenset[int]) -> _Wrap:
    """CIPHER DATA that leaves the register as it was after some values of P1."""

    def wrap(sam: Sam, handler: Handler) -> Handler:
        def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
            register = sam.ram.register
            answer = handler(p1, p2, data, le)
            if p1 in steps and register is not None:
                sam.ram.register = replace(register, chain=None, last=b"")
            return answer

        return changed

    return wrap


def _more_ends(sam: Sam, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        answer = handler(p1, p2, data, le)
        if p1 == 0x02:
            sam.ram.register = None
        return answer

    return changed


def _mixed(sam: Sam, handler: Handler, p1: int, p2: int, data: bytes, le: int) -> bytes:
    if sam.ram.register is not None and sam.ram.register.chain is not None:
        chain = None if p1 in (0x00, 0x02, 0x05, 0x07) else Chain.MAC
        last = sam.ram.register.last or bytes(sam.suite.block_size)
        sam.ram.register = replace(sam.ram.register, chain=chain, last=last)
    return handler(p1, p2, data, le)


def _chain_forgotten(sam: Sam, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        if p1 in (0x01, 0x03) and sam.ram.register is not None:
            sam.ram.register = replace(sam.ram.register, last=bytes(sam.suite.block_size))
        return handler(p1, p2, data, le)

    return changed


def _zero_begins(sam: Sam) -> None:
    def wrap(mac: Callable[..., bytes]) -> Callable[..., bytes]:
        return lambda key, blocks, iv: mac(key, blocks, iv if sam.ram.register and sam.ram.register.chain else
                                           bytes(len(iv)))  # fmt: skip

    around(sam._ciphering, "_mac", wrap)


def _chained(sam: Sam) -> None:
    def encipher(key: bytes, data: bytes) -> bytes:
        cbc = des_cbc_encrypt if sam.suite is Suite.DES else sm4_cbc_encrypt
        return cbc(key, data, bytes(sam.suite.block_size))

    put(sam._ciphering, "_encipher", encipher)


def _padded(sam: Sam, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        return handler(p1, p2, data + bytes(-len(data) % sam.suite.block_size), le)

    return changed


# --- keys and rights -------------------------------------------------------------------------------------------------


def _one_right_for_all(sam: Sam) -> None:
    def allowed(masks: tuple[int, ...]) -> bool:
        rights = sam.ram.rights | (APPLICATION_BITS if sam.ram.rights & APPLICATION_BITS else 0)
        return any(rights & mask == mask for mask in masks)

    put(sam, "allowed", allowed)


def _opened(sam: Sam) -> None:
    around(sam, "allowed", lambda allowed: lambda masks: not masks or allowed(masks))


def _key_files_read(sam: Sam) -> None:
    def wrap(record_file: Callable[[int], Any]) -> Callable[[int], Any]:
        def changed(p2: int) -> Any:
            file = sam.file(p2 >> 3)
            return file if file.type is FileType.KEY_RECORDS else record_file(p2)

        return changed

    around(sam, "_record_file", wrap)
    around(sam, "allowed", lambda allowed: lambda masks: not masks or allowed(masks))


def _created_twice(sam: Sam) -> None:
    def wrap(create: Callable[..., None]) -> Callable[..., None]:
        def changed(*arguments: object) -> None:
            with meanwhile(sam.keys, find=lambda *_name: None):
                create(*arguments)

        return changed

    around(sam.keys, "create", wrap)


def _key_mac(right: Callable[[Sam, bytes, bytes], bytes], length: int = _MAC_SIZE) -> SamApply:
    """Another MAC of CREATE KEY and CHANGE KEY: environment, key and message -> MAC; so many bytes of it count."""

    def each(sam: Sam) -> None:
        def wrap(opened: Callable[[int, int, bytes], Any]) -> Callable[[int, int, bytes], Any]:
            def changed(p1: int, p2: int, data: bytes) -> Any:
                master = sam.own_key(sam.ram.df, 0x00)
                if master is not None and sam.ram.challenge:
                    key = sam.own_keys.value(master)
                    message = bytes((0x84, 0xD4, p1, p2, len(data))) + data[:-_MAC_SIZE]
                    good = social.master_mac4(sam.suite, key, message, sam.ram.challenge)
                    taken = data[-_MAC_SIZE:][:length] == right(sam, key, message)[:length]
                    data = data[:-_MAC_SIZE] + (good if taken else bytes(value ^ 0xFF for value in good))
                return opened(p1, p2, data)

            return changed

        around(sam._loading, "_open", wrap)

    return on_sam(each)


def _from_zero(sam: Sam, key: bytes, message: bytes) -> bytes:
    return social.master_mac4(sam.suite, key, message, b"")


def _from_challenge(sam: Sam, key: bytes, message: bytes) -> bytes:
    return social.master_mac4(sam.suite, key, message, sam.ram.challenge)


def _challenge_kept(sam: Sam) -> None:
    def take() -> bytes:
        if not sam.ram.challenge:
            raise StatusError(status.REFERENCE_DATA_UNUSABLE)
        return sam.ram.challenge

    put(sam, "take_challenge", take)


def _never_lowered(sam: Sam) -> None:
    def lower(slot: Slot) -> int:
        return sam.own_keys.tries(slot) - 1

    put(sam.own_keys, "lower", lower)


def _tells_tries(_sam: Sam, handler: Handler) -> Handler:
    return answering(lambda sw: 0x63C2 if sw == status.SECURITY_NOT_SATISFIED else sw)(handler)


PSAM: Final = table(
    Side.PSAM,
    (
        ("sam-number-stays", "PSAM-166", "INIT SAM FOR PURCHASE does not raise the terminal transaction number.",
         _init(_and_then(-1))),
        ("sam-number-twice", "PSAM-166", "INIT SAM FOR PURCHASE raises the terminal transaction number by two.",
         _init(_and_then(1))),
        ("sam-number-with-credit", "PSAM-166",
         "The terminal transaction number rises with CREDIT SAM FOR PURCHASE: a purchase that is given up repeats it.",
         on_sam(_raised_with_credit)),
        ("sam-terminal-missing", "PSAM-165", "MAC1 covers zeros and not the PSAM's terminal number.",
         on_sam(lambda sam: put(sam._purchases, "_terminal", lambda: bytes(6)))),
        ("sam-version-ignored", "PSAM-168", "Every version of a purchase key means the first one.",
         on_sam(_first_version)),
        ("sam-algorithm-ignored", "PSAM-169", "INIT SAM FOR PURCHASE does not look at the algorithm.",
         _init(_own_algorithm)),
        ("sam-purchase-levels-ignored", "PSAM-167",
         "INIT SAM FOR PURCHASE derives as many levels as there are factors.", _init(_levels_of_data)),
        ("sam-mac2-ignored", "PSAM-187, PSAM-172", "CREDIT SAM FOR PURCHASE takes any MAC2.",
         _credit(_mac2_compared(0))),
        ("sam-mac2-three-bytes", "PSAM-187, PBOC-CRY-016", "MAC2 is compared in three bytes.",
         _credit(_mac2_compared(3))),
        ("sam-mac2-twice", "PSAM-171", "CREDIT SAM FOR PURCHASE takes the same MAC2 again.", _credit(_purchase_kept)),
        ("sam-wrong-mac2-kept", "PSAM-172", "After a wrong MAC2 another one can be tried.", _credit(_retried)),
        ("sam-credit-out-of-turn-6985", "PSAM-170, PSAM-181",
         "CREDIT SAM FOR PURCHASE without INIT SAM FOR PURCHASE is answered 6985 and not 6901.",
         _credit(lambda _sam, handler: answering(
             lambda sw: status.CONDITIONS_NOT_SATISFIED if sw == status.COMMAND_NOT_ACCEPTED else sw)(handler))),
        ("sam-factors-reversed", "PSAM-129", "DELIVERY SESSION KEY takes the factors from the card upwards.",
         _deliver(_factors_reversed)),
        ("sam-levels-ignored", "PSAM-131, PSAM-138",
         "DELIVERY SESSION KEY derives as many levels as there are factors.",
         _deliver(_levels_of_factors)),
        ("sam-old-session-stays", "PSAM-133", "DELIVERY SESSION KEY does not replace a session key that is there.",
         _deliver(_register_stays)),
        ("sam-purchase-key-delivered", "PSAM-025", "DELIVERY SESSION KEY takes a purchase key.",
         _deliver(_instead(status.CONDITIONS_NOT_SATISFIED, _purchase_key_delivered))),
        ("sam-any-type", "PSAM-026, PSAM-027", "A key for MACs enciphers, and a key for enciphering makes MACs.",
         _deliver(_any_type)),
        ("sam-session-survives-select", "PSAM-133", "SELECT of another environment leaves the session key.",
         on_sam(_over_leaving)),
        ("sam-session-survives-initialize", "PSAM-075",
         "INITIALIZE ENVIRONMENT leaves the session key of the card before.",
         on_sam(lambda sam: around(sam, "_initialize", lambda handler: _over_initialize(sam, handler)))),
        ("sam-session-not-emptied", "PSAM-150", "The session key stays after enciphering that ends with P1 00.",
         _cipher(_kept_after(frozenset({0x00})))),
        ("sam-session-after-mac", "PSAM-150", "The session key stays after the last block of a MAC.",
         _cipher(_kept_after(frozenset({0x01, 0x05})))),
        ("sam-more-ends", "PSAM-151", "The session key is gone after enciphering with more to come.",
         _cipher(_more_ends)),
        ("sam-chains-mixed", "PSAM-152", "CIPHER DATA changes between MAC and enciphering within a chain.",
         _cipher(_instead(status.CONDITIONS_NOT_SATISFIED, _mixed))),
        ("sam-chain-forgotten", "PSAM-153", "A MAC begins anew with each block of a chain.", _cipher(_chain_forgotten)),
        ("sam-mac-from-zero", "PSAM-146", "A MAC begins with zeros and not with the first block of the data.",
         on_sam(_zero_begins)),
        ("sam-enciphers-cbc", "PSAM-145", "CIPHER DATA chains the blocks that it enciphers.", on_sam(_chained)),
        ("sam-pads", "PSAM-147", "CIPHER DATA fills up data that are no whole blocks.", _cipher(_padded)),
        ("sam-right-opens-all", "PSAM-081, PSAM-014, PSAM-190",
         "The right of one level opens the files of the others.", on_sam(_one_right_for_all)),
        ("sam-keys-without-right", "PSAM-092, PSAM-098, PSAM-114",
         "CREATE KEY and CHANGE KEY do not need the key of the file.",
         on_sam(lambda sam: put(sam._loading, "_need_right", nothing))),
        ("sam-never-is-free", "PSAM-011", "What nobody may write everybody may write.", on_sam(_opened)),
        ("sam-key-files-read", "PSAM-016", "READ RECORD reads key files.", on_sam(_key_files_read)),
        ("sam-key-twice", "PSAM-093", "CREATE KEY takes a type and id that are there already.", on_sam(_created_twice)),
        ("sam-key-mac-ignored", "PSAM-102, PSAM-118", "The MAC of CREATE KEY and CHANGE KEY is not looked at.",
         _key_mac(_from_challenge, 0)),
        ("sam-key-mac-three-bytes", "PSAM-102, PBOC-CRY-016",
         "The MAC of CREATE KEY and CHANGE KEY is compared in three bytes.", _key_mac(_from_challenge, 3)),
        ("sam-key-mac-from-zero", "PSAM-055, PSAM-056, PSAM-057",
         "The MAC of CREATE KEY and CHANGE KEY begins with zeros and not with the challenge.", _key_mac(_from_zero)),
        ("sam-challenge-reusable", "PSAM-091", "A challenge of the PSAM can be used twice.", on_sam(_challenge_kept)),
        ("sam-tries-unlimited", "PSAM-088", "Failures of the PSAM's own keys are not counted.", on_sam(_never_lowered)),
        ("sam-failure-63C2", "PSAM-087", "EXTERNAL AUTHENTICATE of the PSAM answers 63Cx and not 6982.",
         on_sam(lambda sam: around(sam, "_authenticate", lambda handler: _tells_tries(sam, handler)))),
    ),
)  # fmt: skip
"""Faults of the PSAM."""
