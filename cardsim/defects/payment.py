"""Faults of a transaction in the payment environment: options, cryptograms, counters, risk management, log."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from cardsim.assembly import CardModel
from cardsim.cos.environment import Handler
from cardsim.crypto import pboc
from cardsim.crypto.ciphers import des_ecb_encrypt
from cardsim.crypto.mac import retail_mac
from cardsim.crypto.padding import pad80
from cardsim.crypto.pboc import UDK_AC, UDK_MAC
from cardsim.defects.defect import Apply, Side, answering, around, nothing, on_power, on_pse, put, table
from cardsim.defects.transaction import changed_handler, lost, present_atc, with_facts, with_parameters
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.pse.application import (
    AMOUNT_SIZE,
    ATC_AT,
    BALANCE_AT,
    CTTA_AT,
    FOREIGN_COUNTRY_AT,
    FOREIGN_CURRENCY_AT,
    INDICATORS_AT,
    LOATC_AT,
    Application,
    Indicator,
    Parameters,
)
from cardsim.pse.environment import Pse
from cardsim.pse.memory import IssuerAuthentication, State
from cardsim.pse.risk import Facts
from cardsim.pse.transaction import TC, udk

_TYPE: Final = 0xC0
_IAD_AT: Final = 13
"""Where the issuer data stand in the answer in format 1."""
_FULL: Final = b"\x00\x99\x99\x99\x99\x99"


# --- states ----------------------------------------------------------------------------------------------------------


def _state(seen: State, taken: State) -> Callable[[Pse, Handler], Handler]:
    """A handler that takes one state of the transaction for another."""

    def wrap(pse: Pse, handler: Handler) -> Handler:
        def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
            transaction = pse.ram.transaction
            before = transaction.state
            if before is seen:
                transaction.state = taken
            try:
                return handler(p1, p2, data, le)
            except StatusError:
                transaction.state = before
                raise

        return changed

    return wrap


def _gpo_any_length(pse: Pse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        if not pse.application().df.issued:
            return handler(p1, p2, data, le)
        length = pse.application().parameters.pdol.length
        body = data[2:][:length].ljust(length, b"\0")
        return handler(p1, p2, data[:1] + bytes((length,)) + body, le)

    return changed


def _gac_any_length(pse: Pse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        application, first = pse.application(), pse.ram.transaction.state is State.INITIATED
        if application.df.issued:
            dol = application.parameters.cdol1 if first else application.parameters.cdol2
            data = data[: dol.length].ljust(dol.length, b"\0")
        return handler(p1, p2, data, le)

    return changed


def _not_found(sw: int) -> int:
    return status.FILE_NOT_FOUND if sw == status.CONDITIONS_NOT_SATISFIED else sw


def _wrong_path(pse: Pse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        answer = handler(p1, p2, data, le)
        return pse.application().parameters.debit.answer if pse.ram.transaction.cash else answer

    return changed


# --- ATC -------------------------------------------------------------------------------------------------------------


def _atc_late(pse: Pse, handler: Handler) -> Handler:
    """GPO leaves the ATC alone; the first GENERATE AC raises it."""

    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        if pse.ram.transaction.state is State.INITIATED:
            application = pse.application()
            atc = present_atc(application)
            application._partition.write_early(application.counters_at + ATC_AT, (atc + 1).to_bytes(2, "big"))
        return handler(p1, p2, data, le)

    return changed


def _atc_at_gac(card: CardModel) -> None:
    lost("write_counter_early", lambda at, _value: at == ATC_AT)(card)
    changed_handler("action", "_generate_ac", _atc_late)(card)


def _atc_taken_back(card: CardModel) -> None:
    """The ATC of a transaction that gave no cryptogram goes back with the power."""

    def back() -> None:
        for environment in card.environments.values():
            if isinstance(environment, Pse) and environment.ram.transaction.state is State.INITIATED:
                application = environment.application()
                atc = present_atc(application)
                environment.ram.transaction.state = State.SELECTED
                application.write_counter_early(ATC_AT, (atc - 1).to_bytes(2, "big"))

    off = card.os.power_off

    def power_off() -> None:
        back()
        off()

    put(card.os, "power_off", power_off)
    card.power_off = power_off
    on_power(card, back)


# --- cryptograms -----------------------------------------------------------------------------------------------------

Parts = tuple[bytes, bytes, bytes, bytes]
"""What enters a cryptogram: data of the terminal, AIP, ATC, card verification results."""


def _joined(parts: Parts) -> bytes:
    return b"".join(parts)


def _session(master: bytes, atc: int) -> bytes:
    return pboc.session_key(master, atc)


def _emv_session(master: bytes, atc: int) -> bytes:
    """Common session key derivation of EMV Book 2 A1.3."""
    head = atc.to_bytes(2, "big")
    return b"".join(des_ecb_encrypt(master, head + byte + bytes(5)) for byte in (b"\xf0", b"\x0f"))


def _cryptogram(
    message: Callable[[Parts], bytes] = _joined, session: Callable[[bytes, int], bytes] = _session
) -> Apply:
    """Another cryptogram in the answer."""

    def change(pse: Pse) -> None:
        def wrap(answer: Callable[..., tuple[bytes, bytes]]) -> Callable[..., tuple[bytes, bytes]]:
            def changed(
                application: Application, p1: int, cvr: int, counters: bytes, data: bytes, *, advice: bool = False
            ) -> tuple[bytes, bytes]:
                found, right = answer(application, p1, cvr, counters, data, advice=advice)
                transaction, parameters = pse.ram.transaction, application.parameters
                first = transaction.state is State.INITIATED
                slices = parameters.ac_slices if first else parameters.ac_slices_second
                atc = counters[ATC_AT : ATC_AT + 2]
                terminal = b"".join(data[place] for place in slices)
                parts = (terminal, transaction.aip.to_bytes(2, "big"), atc, b"\x03" + cvr.to_bytes(3, "big"))
                key = session(udk(application, UDK_AC), int.from_bytes(atc, "big"))
                wrong = pboc.application_cryptogram(key, message(parts))
                return found.replace(right, wrong), wrong

            return changed

        around(pse.cryptograms, "answer", wrap)

    return on_pse(change)


def _in_answer(edit: Callable[[Application, bytes], bytes]) -> Apply:
    """Another answer in format 1."""

    def change(pse: Pse) -> None:
        def wrap(answer: Callable[..., tuple[bytes, bytes]]) -> Callable[..., tuple[bytes, bytes]]:
            def changed(application: Application, *arguments: Any, **more: Any) -> tuple[bytes, bytes]:
                found, cryptogram = answer(application, *arguments, **more)
                return edit(application, found) if found[:1] == b"\x80" else found, cryptogram

            return changed

        around(pse.cryptograms, "answer", wrap)

    return on_pse(change)


def _mac_short(application: Application, found: bytes) -> bytes:
    iad = found[_IAD_AT:]
    if len(iad) <= 8:
        return found
    key = pboc.session_key(udk(application, UDK_MAC), int.from_bytes(found[3:5], "big"))
    return found[:-4] + retail_mac(key, pad80(found[3:5] + iad[10:-4]))[:4]


def _arqc_as_tc(_application: Application, found: bytes) -> bytes:
    return found[:2] + bytes((0x40 if found[2] & _TYPE == 0x80 else found[2],)) + found[3:]


def _iad_bare(_application: Application, found: bytes) -> bytes:
    return found[:1] + bytes((11 + 8,)) + found[2 : _IAD_AT + 8]


# --- issuer ----------------------------------------------------------------------------------------------------------


def _any_arpc(length: int) -> Callable[[Pse, Handler], Handler]:
    """So many bytes of the ARPC are compared."""

    def wrap(pse: Pse, handler: Handler) -> Handler:
        def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
            application, transaction = pse.application(), pse.ram.transaction
            if transaction.cryptogram and application.df.issued:
                atc = present_atc(application)
                session = pboc.session_key(udk(application, UDK_AC), atc)
                right = pboc.arpc(session, transaction.cryptogram, data[8:])
                if right[:length] == data[:length]:
                    data = right + data[8:]
            return handler(p1, p2, data, le)

        return changed

    return wrap


def _again(pse: Pse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        pse.ram.transaction.authentication = IssuerAuthentication.NOT_PERFORMED
        return handler(p1, p2, data, le)

    return changed


def _decline_ignored(pse: Pse) -> None:
    def wrap(with_issuer: Callable[..., tuple[bool, int, bool]]) -> Callable[..., tuple[bool, int, bool]]:
        def changed(application: Application, request: int, counters: bytes, code: bytes) -> tuple[bool, int, bool]:
            _approved, cvr, advice = with_issuer(application, request, counters, code)
            return request == TC, cvr, advice

        return changed

    around(pse.action, "_with_issuer", wrap)


# --- electronic cash and log -----------------------------------------------------------------------------------------


def _beyond_balance(pse: Pse) -> None:
    def wrap(chooses: Callable[..., bool]) -> Callable[..., bool]:
        def changed(parameters: Parameters, counters: bytes, data: bytes) -> bool:
            return chooses(parameters, counters[:BALANCE_AT] + _FULL + counters[BALANCE_AT + AMOUNT_SIZE :], data)

        return changed

    around(pse.initiation, "_chooses_cash", wrap)


def _old_balance_shown(pse: Pse) -> None:
    def wrap(approve: Callable[..., bytes]) -> Callable[..., bytes]:
        def changed(application: Application, counters: bytes, facts: Facts, data: bytes) -> bytes:
            approve(application, counters, facts, data)
            return counters

        return changed

    around(pse.action, "_approve_offline", wrap)


def _log_of_aac(pse: Pse) -> None:
    def wrap(decline: Callable[..., None]) -> Callable[..., None]:
        def changed(application: Application, counters: bytes, facts: Facts, data: bytes) -> None:
            decline(application, counters, facts, data)
            pse.log.append(application, counters, data, b"")

        return changed

    around(pse.action, "_decline_offline", wrap)


PAYMENT: Final = table(
    Side.PSE,
    (
        ("gpo-twice", "PBOC-GPO-020", "GET PROCESSING OPTIONS is answered twice in one transaction.",
         changed_handler("initiation", "_get_processing_options", _state(State.INITIATED, State.SELECTED))),
        ("gpo-any-length", "PBOC-GPO-016, PBOC-GPO-018",
         "GET PROCESSING OPTIONS does not look at the length of the data.",
         changed_handler("initiation", "_get_processing_options", _gpo_any_length)),
        ("gpo-wrong-path", "PBOC-GPO-004", "The electronic-cash path is answered with the files of the debit path.",
         changed_handler("initiation", "_get_processing_options", _wrong_path)),
        ("gac-before-gpo", "PBOC-GAC-006", "GENERATE AC is answered before GET PROCESSING OPTIONS.",
         changed_handler("action", "_generate_ac", _state(State.SELECTED, State.INITIATED))),
        ("gac-third", "PBOC-GAC-007, PBOC-GAC-010", "GENERATE AC is answered although the transaction has ended.",
         changed_handler("action", "_generate_ac", _state(State.COMPLETED, State.ONLINE))),
        ("gac-any-length", "PBOC-GAC-005", "GENERATE AC does not look at the length of its data.",
         changed_handler("action", "_generate_ac", _gac_any_length)),
        ("atc-not-raised", "PBOC-GPO-021", "The ATC stays as it is.",
         lost("write_counter_early", lambda at, _value: at == ATC_AT)),
        ("atc-at-gac", "PBOC-GPO-021", "The ATC rises with the first GENERATE AC and not with GPO.", _atc_at_gac),
        ("atc-taken-back", "PBOC-TEAR-001",
         "A transaction that ends before its cryptogram gives its ATC back at the next reset.", _atc_taken_back),
        ("ac-fields-swapped", "PBOC-CRY-005", "ATC and AIP stand in the wrong order in the cryptogram.",
         _cryptogram(lambda parts: parts[0] + parts[2] + parts[1] + parts[3])),
        ("ac-without-cvr", "PBOC-CRY-005", "The card verification results are no part of the cryptogram.",
         _cryptogram(lambda parts: b"".join(parts[:3]))),
        ("ac-emv-session-key", "PBOC-CRY-004", "The session key is derived as EMV does it.",
         _cryptogram(session=_emv_session)),
        ("ac-without-session-key", "PBOC-CRY-004", "The cryptogram is computed under the card key itself.",
         _cryptogram(session=lambda master, _atc: master)),
        ("iad-mac-short", "PBOC-IAD-005", "The MAC in the issuer data lacks the zeros before the padding.",
         _in_answer(_mac_short)),
        ("iad-old-balance", "PBOC-IAD-004", "The issuer data show the balance from before the purchase.",
         on_pse(_old_balance_shown)),
        ("iad-without-balance", "PBOC-IAD-002", "The issuer data end before the balance.", _in_answer(_iad_bare)),
        ("arqc-as-tc", "PBOC-GAC-002", "The answer calls an ARQC a TC.", _in_answer(_arqc_as_tc)),
        ("arpc-ignored", "PBOC-XAU-002", "EXTERNAL AUTHENTICATE takes any ARPC.",
         changed_handler("authentication", "_external_authenticate", _any_arpc(0))),
        ("arpc-four-bytes", "PBOC-CRY-016", "The ARPC is compared in four bytes.",
         changed_handler("authentication", "_external_authenticate", _any_arpc(4))),
        ("issuer-authentication-twice", "PBOC-XAU-005", "EXTERNAL AUTHENTICATE can be sent twice in one transaction.",
         changed_handler("authentication", "_external_authenticate", _again)),
        ("issuer-failure-forgotten", "PBOC-XAU-006, PBOC-TEAR-006",
         "A failed issuer authentication is not remembered for the next transaction.",
         lost("write_counter_early",
               lambda at, value: at == INDICATORS_AT and bool(value[0] & Indicator.AUTHENTICATION_FAILED))),
        ("issuer-decline-ignored", "PBOC-GA2-004", "The second GENERATE AC gives TC although the issuer declined.",
         on_pse(_decline_ignored)),
        ("online-request-forgotten", "PBOC-CRM-025, PBOC-TEAR-005",
         "An ARQC that nobody answered is not remembered for the next transaction.",
         lost("write_counter_early", lambda at, value: at == INDICATORS_AT and bool(value[0] & Indicator.ONLINE))),
        ("failure-of-data-forgotten", "PBOC-CRM-022",
         "A declined transaction does not remember that SDA or DDA failed.",
         lost("write_counter", lambda at, value: at == INDICATORS_AT
               and bool(value[0] & (Indicator.SDA_FAILED | Indicator.DDA_FAILED)))),
        ("last-online-forgotten", "PBOC-GA2-012", "An online TC does not set the last online ATC.",
         lost("write_counter", lambda at, _value: at == LOATC_AT)),
        ("total-not-counted", "PBOC-CRM-026", "Offline amounts are not added up.",
         lost("write_counter", lambda at, value: at == CTTA_AT and len(value) == 6)),
        ("foreign-not-counted", "PBOC-CRM-027", "Transactions in a foreign currency or country are not counted.",
         lost("write_counter", lambda at, _value: at in (FOREIGN_CURRENCY_AT, FOREIGN_COUNTRY_AT))),
        ("offline-count-ignored", "PBOC-CRM-008", "Any number of transactions in a row stays offline.",
         with_parameters(lambda parameters: replace(parameters, limit_lower=0xFF))),
        ("total-limit-ignored", "PBOC-CRM-012", "The limit of the total does not send a transaction online.",
         with_parameters(lambda parameters: replace(parameters, total_limit=0))),
        ("foreign-currency-own", "PBOC-CRM-010", "A foreign currency is taken for the card's own.",
         with_facts(lambda facts: replace(facts, same_currency=True))),
        ("new-card-unseen", "PBOC-CRM-014", "The card verification results do not tell a new card.",
         with_facts(lambda facts: replace(facts, last_online_atc=max(1, facts.last_online_atc)))),
        ("cash-not-deducted", "PBOC-EC-002", "An electronic-cash purchase leaves the balance as it is.",
         lost("write_counter", lambda at, _value: at == BALANCE_AT)),
        ("cash-beyond-balance", "PBOC-GPO-007", "The electronic-cash path is taken although the balance is too low.",
         on_pse(_beyond_balance)),
        ("cash-not-compared", "PBOC-EC-003, PBOC-EC-004",
         "The amount of GENERATE AC may differ from that of GET PROCESSING OPTIONS.",
         on_pse(lambda pse: put(pse.action, "_same_as_told", lambda *_arguments: True))),
        ("log-missing", "PBOC-LOG-007, PBOC-LOG-003", "The log stays empty.",
         on_pse(lambda pse: put(pse.log, "append", nothing))),
        ("log-of-aac", "PBOC-LOG-006", "A declined transaction stands in the log.", on_pse(_log_of_aac)),
        ("dda-after-ac", "PBOC-DDA-001", "INTERNAL AUTHENTICATE is answered after the first GENERATE AC.",
         changed_handler("authentication", "_internal_authenticate", _state(State.ONLINE, State.INITIATED))),
        ("gpo-out-of-turn-6A82", "PBOC-GPO-020",
         "GET PROCESSING OPTIONS out of its turn is answered 6A82 and not 6985.",
         changed_handler("initiation", "_get_processing_options",
                         lambda _pse, handler: answering(_not_found)(handler))),
    ),
)  # fmt: skip
"""Faults of a transaction."""
