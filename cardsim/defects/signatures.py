"""Faults of what a transaction signs: issuer data, dynamic and combined authentication."""

import hashlib
from collections.abc import Callable
from typing import Any, Final

from cardsim.cos.environment import Handler
from cardsim.crypto import oda, pboc
from cardsim.crypto.rsa import RsaPrivateKey
from cardsim.defects.defect import Apply, Side, around, on_pse, put, table
from cardsim.defects.transaction import changed_handler, session_for_macs
from cardsim.iso7816.status import StatusError
from cardsim.iso7816.tlv import ber
from cardsim.pse.application import (
    ATC_AT,
    BALANCE_AT,
    Application,
)
from cardsim.pse.environment import Pse
from cardsim.pse.memory import State
from cardsim.pse.rsakey import load_rsa_key
from cardsim.pse.transaction import CDA_REQUEST

_IDD_AT: Final = 10
"""Where the amount begins in the issuer application data."""


def _mac_of_old_balance(pse: Pse) -> None:
    """The MAC in the issuer data stands over the balance from before the purchase."""
    before: list[bytes] = []

    def remember(first: Callable[..., bytes]) -> Callable[..., bytes]:
        def changed(application: Application, p1: int, data: bytes) -> bytes:
            before[:] = [application.counters()[BALANCE_AT + 1 : BALANCE_AT + 6]]
            return first(application, p1, data)

        return changed

    def wrap(answer: Callable[..., tuple[bytes, bytes]]) -> Callable[..., tuple[bytes, bytes]]:
        def changed(application: Application, *arguments: Any, **more: Any) -> tuple[bytes, bytes]:
            found, cryptogram = answer(application, *arguments, **more)
            if found[:1] != b"\x80" or len(application.parameters.iad) <= _IDD_AT or not before:
                return found, cryptogram
            mac = pboc.idd_mac(session_for_macs(application), int.from_bytes(found[3:5], "big"), before[0])
            return found[:-4] + mac, cryptogram

        return changed

    around(pse.action, "_first", remember)
    around(pse.cryptograms, "answer", wrap)


# --- signatures ------------------------------------------------------------------------------------------------------

Sign = Callable[[RsaPrivateKey, bytes, bytes], bytes]
"""Key, ATC, values of the DDOL -> the signature of INTERNAL AUTHENTICATE."""


def _dda(sign: Sign) -> Apply:
    def wrap(pse: Pse, handler: Handler) -> Handler:
        def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
            handler(p1, p2, data, le)
            application = pse.application()
            key = load_rsa_key(application.object)
            assert key is not None, "the handler has used it"
            return ber(0x80, sign(key, application.counters()[ATC_AT : ATC_AT + 2], data))

        return changed

    return changed_handler("authentication", "_internal_authenticate", wrap)


def _other_format(key: RsaPrivateKey, atc: bytes, data: bytes) -> bytes:
    """Signed data format 03, that of static data, in the signature."""
    head = b"\x03\x01\x03\x02" + atc
    body = head.ljust(key.size - 22, b"\xbb")
    return key.sign(b"\x6a" + body + hashlib.sha1(body + data, usedforsecurity=False).digest() + b"\xbc")


def _cda(told: Callable[[Pse, Application, bytes], bytes]) -> Apply:
    """The hash of CDA stands over other data of the terminal."""

    def each(pse: Pse) -> None:
        def combined(application: Application, head: bytes, iad: bytes, data: bytes) -> bytes:
            key, parameters = load_rsa_key(application.object), application.parameters
            assert key is not None, "GENERATE AC has looked"
            first = pse.ram.transaction.state is State.INITIATED
            before, behind = ber(0x9F27, head[:1]) + ber(0x9F36, head[1:3]), ber(0x9F10, iad)
            digest = hashlib.sha1(told(pse, application, data) + before + behind, usedforsecurity=False).digest()
            number = (parameters.cdol1 if first else parameters.cdol2).value(0x9F37, data)
            signed = oda.sign_dynamic(key, b"\x02" + head[1:3] + head[:1] + head[3:] + digest, number)
            return ber(0x77, before + ber(0x9F4B, signed) + behind)

        put(pse.cryptograms, "_combined", combined)

    return on_pse(each)


def _hash_without_pdol(pse: Pse, _application: Application, data: bytes) -> bytes:
    transaction = pse.ram.transaction
    return transaction.cdol1_data + (b"" if transaction.state is State.INITIATED else data)


def _hash_without_cdol2(pse: Pse, _application: Application, _data: bytes) -> bytes:
    return pse.ram.transaction.pdol_data + pse.ram.transaction.cdol1_data


def _aac_signed(pse: Pse) -> None:
    """An AAC is answered with a signature too, where CDA is asked for."""

    def wrap(answer: Callable[..., tuple[bytes, bytes]]) -> Callable[..., tuple[bytes, bytes]]:
        def changed(application: Application, p1: int, cvr: int, counters: bytes, data: bytes, **more: Any) -> Any:
            found, cryptogram = answer(application, p1, cvr, counters, data, **more)
            if p1 & CDA_REQUEST and found[:1] == b"\x80":
                found = pse.cryptograms._combined(application, found[2:13], found[13:], data)
            return found, cryptogram

        return changed

    around(pse.cryptograms, "answer", wrap)


def _refusal_ends(pse: Pse) -> None:
    """A request of CDA that the AIP does not offer ends the transaction."""

    def wrap(generate: Handler) -> Handler:
        def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
            before = pse.ram.transaction.state
            try:
                return generate(p1, p2, data, le)
            except StatusError:
                if p1 & CDA_REQUEST and before is State.INITIATED:
                    pse.ram.transaction.state = State.OFFLINE
                raise

        return changed

    around(pse.action, "_generate_ac", wrap)


SIGNATURES: Final = table(
    Side.PSE,
    (
        ("iad-mac-old-balance", "PBOC-IAD-005, PBOC-IAD-006",
         "The MAC in the issuer data stands over the balance from before the purchase.", on_pse(_mac_of_old_balance)),
        ("dda-without-atc", "PBOC-DDA-002", "The signature of DDA holds zeros in place of the ATC.",
         _dda(lambda key, _atc, data: oda.sign_dynamic(key, b"\x02\0\0", data))),
        ("dda-without-ddol", "PBOC-DDA-003", "The signature of DDA does not stand over the values of the DDOL.",
         _dda(lambda key, atc, _data: oda.sign_dynamic(key, b"\x02" + atc, b""))),
        ("dda-format-03", "PBOC-DDA-002", "The signature of DDA says that it is one of static data.",
         _dda(_other_format)),
        ("cda-hash-without-pdol", "PBOC-GAC-013", "The hash of CDA does not stand over the values of the PDOL.",
         _cda(_hash_without_pdol)),
        ("cda-hash-without-cdol2", "PBOC-GAC-013",
         "The hash of CDA in the second answer does not stand over the values of CDOL2.", _cda(_hash_without_cdol2)),
        ("cda-aac-signed", "PBOC-GAC-014", "With CDA an AAC is signed too.", on_pse(_aac_signed)),
        ("cda-refusal-ends-transaction", "PBOC-GAC-012", "A refused request of CDA ends the transaction.",
         on_pse(_refusal_ends)),
    ),
)  # fmt: skip
"""Faults of MAC and signatures."""
