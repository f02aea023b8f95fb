"""Faults of electronic cash, of the log, and of what PSE shares with its neighbour."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from cardsim.assembly import CardModel
from cardsim.cos.environment import Handler
from cardsim.defects.defect import Apply, Side, around, on_pse, on_ssse, table
from cardsim.defects.transaction import with_parameters
from cardsim.iso7816.status import StatusError
from cardsim.pse.application import (
    AMOUNT_SIZE,
    BALANCE_AT,
    CTTA_AT,
    INDICATORS_AT,
    PIN_LIMIT_AT,
    Application,
    Indicator,
    Parameters,
    amount_at,
    bcd6,
    decimal,
)
from cardsim.pse.environment import Pse
from cardsim.pse.memory import State
from cardsim.pse.risk import Facts
from cardsim.pse.transaction import AAC, TYPE
from cardsim.ssse.environment import Ssse

_ONLINE: Final = Indicator.ONLINE.value
_AMOUNT, _CURRENCY, _WISH = 0x9F02, 0x5F2A, 0x9F7A
_TRIES_LEFT: Final = 0x63C


# --- the choice at GPO -----------------------------------------------------------------------------------------------

Told = Callable[[Parameters, bytes, bytes], tuple[Parameters, bytes, bytes]]
"""Parameters, counters and data of the PDOL as the card reads them."""


def _chooses(change: Told) -> Apply:
    """The card chooses its path from something else."""

    def each(pse: Pse) -> None:
        def wrap(chooses: Callable[..., bool]) -> Callable[..., bool]:
            return lambda parameters, counters, data: chooses(*change(parameters, counters, data))

        around(pse.initiation, "_chooses_cash", wrap)

    return on_pse(each)


def _with(parameters: Parameters, data: bytes, tag: int, value: bytes) -> bytes:
    """Data of the PDOL with another value."""
    place = parameters.pdol.places.get(tag)
    return data if place is None else data[: place.start] + value + data[place.stop :]


def _own_currency(parameters: Parameters, counters: bytes, data: bytes) -> tuple[Parameters, bytes, bytes]:
    return parameters, counters, _with(parameters, data, _CURRENCY, parameters.currency)


def _any_wish(parameters: Parameters, counters: bytes, data: bytes) -> tuple[Parameters, bytes, bytes]:
    wish = parameters.pdol.value(_WISH, data)
    return parameters, counters, _with(parameters, data, _WISH, b"\1") if wish not in (b"", b"\0") else data


def _digits_read(parameters: Parameters, counters: bytes, data: bytes) -> tuple[Parameters, bytes, bytes]:
    """A digit above 9 counts as 9."""
    amount = "".join(min(digit, "9") for digit in parameters.pdol.value(_AMOUNT, data).hex())
    return parameters, counters, _with(parameters, data, _AMOUNT, bytes.fromhex(amount))


def _without_marks(bits: int) -> Told:
    def change(parameters: Parameters, counters: bytes, data: bytes) -> tuple[Parameters, bytes, bytes]:
        indicators = bytes((counters[INDICATORS_AT] & ~bits,))
        return parameters, counters[:INDICATORS_AT] + indicators + counters[INDICATORS_AT + 1 :], data

    return change


def _online_closes(parameters: Parameters, counters: bytes, data: bytes) -> tuple[Parameters, bytes, bytes]:
    wish = b"\0" if counters[INDICATORS_AT] & _ONLINE else parameters.pdol.value(_WISH, data)
    return parameters, counters, _with(parameters, data, _WISH, wish)


def _without_pin(parameters: Parameters, counters: bytes, data: bytes) -> tuple[Parameters, bytes, bytes]:
    return parameters, counters[:PIN_LIMIT_AT] + b"\0" + counters[PIN_LIMIT_AT + 1 :], data


def _one_fen_kept(parameters: Parameters, counters: bytes, data: bytes) -> tuple[Parameters, bytes, bytes]:
    balance = amount_at(counters, BALANCE_AT) or 0
    return parameters, counters[:BALANCE_AT] + bcd6(max(0, balance - 1)) + counters[BALANCE_AT + AMOUNT_SIZE :], data


# --- booking ---------------------------------------------------------------------------------------------------------


def _take(application: Application, amount: int) -> None:
    balance = amount_at(application.counters(), BALANCE_AT) or 0
    application.write_counter(BALANCE_AT, bcd6(max(0, balance - amount)))


def _second_takes(pse: Pse) -> None:
    """The second GENERATE AC on the path of electronic cash takes the amount."""

    def wrap(second: Callable[..., bytes]) -> Callable[..., bytes]:
        def changed(application: Application, p1: int, data: bytes) -> bytes:
            amount = decimal(application.parameters.cdol2.value(_AMOUNT, data)) or 0
            if pse.ram.transaction.cash and p1 & TYPE != AAC:
                _take(application, amount)
            return second(application, p1, data)

        return changed

    around(pse.action, "_second", wrap)


def _request_takes(pse: Pse) -> None:
    """An ARQC on the path of electronic cash takes the amount."""

    def wrap(first: Callable[..., bytes]) -> Callable[..., bytes]:
        def changed(application: Application, p1: int, data: bytes) -> bytes:
            answer = first(application, p1, data)
            if pse.ram.transaction.cash and pse.ram.transaction.state is State.ONLINE:
                _take(application, decimal(application.parameters.cdol1.value(_AMOUNT, data)) or 0)
                pse.partition.commit()
            return answer

        return changed

    around(pse.action, "_first", wrap)


def _also(more: Callable[[Application, Facts], None]) -> Apply:
    """A purchase with electronic cash books something else besides."""

    def each(pse: Pse) -> None:
        def wrap(approve: Callable[..., bytes]) -> Callable[..., bytes]:
            def changed(application: Application, counters: bytes, facts: Facts, data: bytes) -> bytes:
                shown = approve(application, counters, facts, data)
                if pse.ram.transaction.cash:
                    more(application, facts)
                return shown

            return changed

        around(pse.action, "_approve_offline", wrap)

    return on_pse(each)


def _adds_total(application: Application, facts: Facts) -> None:
    application.write_counter(CTTA_AT, bcd6(facts.total + facts.amount))


def _ends_online_request(application: Application, facts: Facts) -> None:
    application.write_counter(INDICATORS_AT, bytes((facts.indicators & ~_ONLINE,)))


def _limits_checked(pse: Pse) -> None:
    """A purchase with electronic cash goes online where the limits of debit are exceeded."""

    def wrap(cash_result: Callable[..., int]) -> Callable[..., int]:
        def changed(application: Application, request: int, counters: bytes, data: bytes) -> int:
            facts = pse.action._facts(application, counters, data)
            exceeded = facts.atc > facts.last_online_atc + facts.parameters.limit_lower
            return cash_result(application, 0x80 if exceeded else request, counters, data)

        return changed

    around(pse.action, "_cash_result", wrap)


# --- log -------------------------------------------------------------------------------------------------------------


def _log(change: Callable[[Application, bytes, bytes, bytes], tuple[bytes, bytes, bytes]]) -> Apply:
    """The log is written from other counters or data."""

    def each(pse: Pse) -> None:
        def wrap(append: Callable[..., None]) -> Callable[..., None]:
            def changed(application: Application, counters: bytes, first: bytes, second: bytes) -> None:
                append(application, *change(application, counters, first, second))

            return changed

        around(pse.log, "append", wrap)

    return on_pse(each)


def _log_without_atc(
    _application: Application, counters: bytes, first: bytes, second: bytes
) -> tuple[bytes, bytes, bytes]:
    return bytes(2) + counters[2:], first, second


def _log_without_merchant(
    application: Application, counters: bytes, first: bytes, second: bytes
) -> tuple[bytes, bytes, bytes]:
    place = application.parameters.cdol1.places.get(0x9F4E, slice(0, 0))
    return counters, first[: place.start] + bytes(place.stop - place.start) + first[place.stop :], second


def _oldest_first(pse: Pse) -> None:
    around(pse.records, "places", lambda places: lambda log: places(log)[::-1])


# --- firewall --------------------------------------------------------------------------------------------------------


def _shared_pin(card: CardModel) -> None:
    """One PIN counter: a wrong offline PIN of the bank takes a try of the social-security PIN."""
    social: list[Ssse] = []

    def wrap(verify: Handler) -> Handler:
        def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
            try:
                return verify(p1, p2, data, le)
            except StatusError as ended:
                for ssse in social if ended.sw >> 4 == _TRIES_LEFT else ():
                    slot = ssse.pin.find()
                    if slot is not None and ssse.keys.tries(slot):
                        ssse.keys.lower(slot)
                raise

        return changed

    on_ssse(social.append)(card)
    on_pse(lambda pse: around(pse.authentication, "_verify", wrap))(card)


CASH: Final = table(
    Side.PSE,
    (
        ("cash-foreign-currency", "PBOC-GPO-005, PBOC-DOM-006", "Electronic cash pays in a foreign currency.",
         _chooses(_own_currency)),
        ("cash-any-wish", "PBOC-GPO-006", "Every indicator but 00 takes the path of electronic cash.",
         _chooses(_any_wish)),
        ("cash-limit-ignored", "PBOC-GPO-008", "The limit of a single purchase is not looked at.",
         with_parameters(lambda p: replace(p, cash_single_limit=10**12))),
        ("cash-limit-one-less", "PBOC-GPO-008", "The limit of a single purchase is compared with >=.",
         with_parameters(lambda p: replace(p, cash_single_limit=p.cash_single_limit - 1))),
        ("cash-last-fen", "PBOC-GPO-007, PBOC-EC-010", "The whole balance cannot be spent.", _chooses(_one_fen_kept)),
        ("cash-not-decimal", "PBOC-GPO-014", "An amount that is no decimal number takes the path of electronic cash.",
         _chooses(_digits_read)),
        ("cash-after-failed-script", "PBOC-GPO-010", "A failed script does not close electronic cash.",
         _chooses(_without_marks(Indicator.SCRIPT_FAILED.value))),
        ("cash-after-failed-issuer", "PBOC-GPO-009", "A failed issuer authentication does not close electronic cash.",
         _chooses(_without_marks(Indicator.AUTHENTICATION_FAILED.value))),
        ("cash-closed-by-online-request", "PBOC-GPO-012", "An incomplete online transaction closes electronic cash.",
         _chooses(_online_closes)),
        ("cash-without-pin-tries", "PBOC-GPO-011", "Used up PIN tries do not close electronic cash.",
         _chooses(_without_pin)),
        ("cash-second-takes", "PBOC-GA2-024, PBOC-EC-012",
         "The second GENERATE AC takes the amount from the balance.", on_pse(_second_takes)),
        ("cash-request-takes", "PBOC-EC-005, PBOC-EC-012", "An ARQC takes the amount from the balance.",
         on_pse(_request_takes)),
        ("cash-adds-to-total", "PBOC-EC-008", "A purchase with electronic cash adds to the total of debit.",
         _also(_adds_total)),
        ("cash-ends-online-request", "PBOC-EC-008, PBOC-CRM-025",
         "A purchase with electronic cash clears the mark of an incomplete online transaction.",
         _also(_ends_online_request)),
        ("cash-limits-of-debit", "PBOC-CRM-018", "A purchase with electronic cash obeys the limits of debit.",
         on_pse(_limits_checked)),
        ("log-without-atc", "PBOC-LOG-002, PBOC-LOG-008", "The log does not keep the ATC.", _log(_log_without_atc)),
        ("log-without-merchant", "PBOC-LOG-002, PBOC-LOG-008", "The log does not keep the merchant.",
         _log(_log_without_merchant)),
        ("log-oldest-first", "PBOC-LOG-004", "Record 1 of the log is the oldest.", on_pse(_oldest_first)),
        ("pin-counter-shared", "PBOC-SEP-005", "A wrong offline PIN takes a try of the social-security PIN.",
         _shared_pin),
    ),
)  # fmt: skip
"""Faults of electronic cash."""
