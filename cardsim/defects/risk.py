"""Faults of card risk management: limits, default actions, card verification results, counters and their reset."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final

from cardsim.cos.environment import Handler
from cardsim.defects.defect import Apply, Side, around, nothing, on_pse, put, table
from cardsim.defects.transaction import changed_handler, with_facts, with_parameters
from cardsim.pse import risk
from cardsim.pse.action import APPROVED
from cardsim.pse.application import (
    ATC_AT,
    CTTA_AT,
    FOREIGN_CURRENCY_AT,
    INDICATORS_AT,
    LOATC_AT,
    Application,
    Indicator,
    Parameters,
    bcd6,
)
from cardsim.pse.environment import Pse
from cardsim.pse.memory import IssuerAuthentication, State
from cardsim.pse.risk import NO_LIMIT, Facts
from cardsim.pse.transaction import ARQC, TC, TYPE

_FAILURES: Final = Indicator.SDA_FAILED.value | Indicator.DDA_FAILED.value
_BOTH_COUNTS: Final = 2
_CTTA_SIZE: Final = 6
_ONLINE: Final = Indicator.ONLINE.value
_AUTHENTICATION_FAILED: Final = Indicator.AUTHENTICATION_FAILED.value


def _one_less(limit: int) -> int:
    """A limit that is compared with >= where > is right; no limit stays none."""
    return limit if limit in (0, NO_LIMIT) else limit - 1


def _ada(bit: int) -> Apply:
    """A bit of the application default action that the card does not look at."""
    return with_parameters(lambda parameters: replace(parameters, ada=parameters.ada & ~bit))


def _cvr(change: Callable[[int], int]) -> Apply:
    """Other card verification results in the cryptogram and in the issuer data."""

    def each(pse: Pse) -> None:
        def wrap(answer: Callable[..., Any]) -> Callable[..., Any]:
            def changed(application: Application, p1: int, cvr: int, *arguments: Any, **more: Any) -> Any:
                return answer(application, p1, change(cvr), *arguments, **more)

            return changed

        around(pse.cryptograms, "answer", wrap)

    return on_pse(each)


def _never(bit: int) -> Apply:
    return _cvr(lambda cvr: cvr & ~bit)


def _second_keeps_first(cvr: int) -> int:
    """The second answer still says that it was not asked for."""
    return cvr | risk.CVR_SECOND_NOT_REQUESTED if cvr & risk.CVR_FIRST_ARQC else cvr


def _second_forgets_first(cvr: int) -> int:
    second = not cvr & risk.CVR_SECOND_NOT_REQUESTED
    return cvr & ~(risk.CVR_FIRST_ARQC | risk.CVR_FIRST_TC) if second else cvr


def _pin_failure_stays(pse: Pse) -> None:
    """A right PIN behind a wrong one leaves the CVR's bit of the failure."""

    def wrap(verify: Callable[..., bytes]) -> Callable[..., bytes]:
        def changed(*arguments: Any) -> bytes:
            failed = pse.ram.transaction.cvr & risk.CVR_PIN_FAILED
            try:
                return verify(*arguments)
            finally:
                pse.ram.transaction.cvr |= failed

        return changed

    around(pse.authentication, "_verify", wrap)


# --- what the card answers -------------------------------------------------------------------------------------------


def _asked_instead(asked: int, facts_hold: Callable[[Pse], bool], instead: int) -> Apply:
    """A first GENERATE AC that is taken for another request."""

    def each(pse: Pse) -> None:
        def wrap(first: Callable[..., bytes]) -> Callable[..., bytes]:
            def changed(application: Application, p1: int, data: bytes) -> bytes:
                if p1 & TYPE == asked and facts_hold(pse):
                    p1 = instead | p1 & ~TYPE
                return first(application, p1, data)

            return changed

        around(pse.action, "_first", wrap)

    return on_pse(each)


def _marked_online(pse: Pse) -> bool:
    return bool(pse.application().counters()[INDICATORS_AT] & _ONLINE) and not pse.ram.transaction.cash


def _debit(pse: Pse) -> bool:
    return not pse.ram.transaction.cash


def _any_code(pse: Pse, *, of_authentication: bool) -> None:
    """One of the two response codes is not looked at: that of 91, or that of Y1 in 8A."""

    def wrap(with_issuer: Callable[..., Any]) -> Callable[..., Any]:
        def changed(application: Application, request: int, counters: bytes, code: bytes) -> Any:
            if of_authentication:
                pse.ram.transaction.response_code = next(iter(APPROVED))
            elif code == b"Y1":
                code = b"00"
            return with_issuer(application, request, counters, code)

        return changed

    around(pse.action, "_with_issuer", wrap)


# --- counters and marks ----------------------------------------------------------------------------------------------

After = Callable[[Pse, Application, bytes, bool], None]
"""Environment, application, counters from before, whether approved."""


def _behind(name: str, more: After) -> Apply:
    """Something else is written at the end of a branch of the second GENERATE AC."""

    def each(pse: Pse) -> None:
        def wrap(branch: Callable[..., Any]) -> Callable[..., Any]:
            def changed(application: Application, request: int, counters: bytes, last: bytes) -> Any:
                found = branch(application, request, counters, last)
                more(pse, application, counters, found[0])
                return found

            return changed

        around(pse.action, name, wrap)

    return on_pse(each)


def _sets_last_online(_pse: Pse, application: Application, counters: bytes, approved: bool) -> None:
    if approved:
        application.write_counter(LOATC_AT, counters[ATC_AT : ATC_AT + 2])


def _sets_last_online_declined(pse: Pse, application: Application, counters: bytes, approved: bool) -> None:
    if not approved and pse.ram.transaction.authentication is IssuerAuthentication.PASSED:
        application.write_counter(LOATC_AT, counters[ATC_AT : ATC_AT + 2])


def _foreign_counts_stay(_pse: Pse, application: Application, counters: bytes, _approved: bool) -> None:
    both = slice(FOREIGN_CURRENCY_AT, FOREIGN_CURRENCY_AT + _BOTH_COUNTS)
    application.write_counter(FOREIGN_CURRENCY_AT, counters[both])


def _total_stays(_pse: Pse, application: Application, counters: bytes, _approved: bool) -> None:
    application.write_counter(CTTA_AT, counters[CTTA_AT : CTTA_AT + _CTTA_SIZE])


def _marks_stay(_pse: Pse, application: Application, counters: bytes, approved: bool) -> None:
    if not approved:
        application.write_counter(INDICATORS_AT, counters[INDICATORS_AT : INDICATORS_AT + 1])


def _failures_stay(_pse: Pse, application: Application, counters: bytes, _approved: bool) -> None:
    kept = application.counters()[INDICATORS_AT] | counters[INDICATORS_AT] & _FAILURES
    application.write_counter(INDICATORS_AT, bytes((kept,)))


def _authentication_mark_goes(_pse: Pse, application: Application, _counters: bytes, approved: bool) -> None:
    if approved:
        kept = application.counters()[INDICATORS_AT] & ~_AUTHENTICATION_FAILED
        application.write_counter(INDICATORS_AT, bytes((kept,)))


def _decline_takes_mark(pse: Pse) -> None:
    """A first AAC takes the mark of an incomplete online transaction away."""

    def wrap(decline: Callable[..., None]) -> Callable[..., None]:
        def changed(application: Application, *arguments: Any) -> None:
            decline(application, *arguments)
            indicators = application.counters()[INDICATORS_AT] & ~_ONLINE
            application.write_counter(INDICATORS_AT, bytes((indicators,)))

        return changed

    around(pse.action, "_decline_offline", wrap)


def _arqc_adds(pse: Pse) -> None:
    """The amount of an ARQC is added to the total at once."""

    def wrap(first: Callable[..., bytes]) -> Callable[..., bytes]:
        def changed(application: Application, p1: int, data: bytes) -> bytes:
            facts = pse.action._facts(application, application.counters(), data)
            answer = first(application, p1, data)
            if pse.ram.transaction.state is State.ONLINE and facts.same_currency and not pse.ram.transaction.cash:
                application.write_counter(CTTA_AT, bcd6(facts.total + facts.amount))
                pse.partition.commit()
            return answer

        return changed

    around(pse.action, "_first", wrap)


def _other_tvr(swap: Callable[[int], int]) -> Apply:
    """The first byte of the terminal verification results is read wrongly where an AAC is booked."""

    def each(pse: Pse) -> None:
        def wrap(decline: Callable[..., None]) -> Callable[..., None]:
            def changed(application: Application, counters: bytes, facts: Facts, data: bytes) -> None:
                place = application.parameters.cdol1.places[0x95]
                tvr = bytes((swap(data[place][0]),)) + data[place][1:]
                decline(application, counters, facts, data[: place.start] + tvr + data[place.stop :])

            return changed

        around(pse.action, "_decline_offline", wrap)

    return on_pse(each)


def _sda_for_dda(first: int) -> int:
    sda, dda = first & 0x40, first & 0x08
    return first & ~0x48 | (0x08 if sda else 0) | (0x40 if dda else 0)


def _never_mandatory(parameters: Parameters) -> Parameters:
    return replace(parameters, authentication_mandatory=False)


def _uncounted(pse: Pse, decline: Callable[..., None]) -> Callable[..., None]:
    def changed(*arguments: Any) -> None:
        count = pse.action._count_foreign
        put(pse.action, "_count_foreign", nothing)
        try:
            decline(*arguments)
        finally:
            put(pse.action, "_count_foreign", count)

    return changed


def _mark_comes_back(pse: Pse, handler: Handler) -> Handler:
    """EXTERNAL AUTHENTICATE leaves the mark of a failure that it found."""

    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        application = pse.application()
        before = application.counters()[INDICATORS_AT : INDICATORS_AT + 1]
        answer = handler(p1, p2, data, le)
        application.write_counter_early(INDICATORS_AT, before)
        return answer

    return changed


RISK: Final = table(
    Side.PSE,
    (
        ("offline-count-one-less", "PBOC-CRM-008", "The lower limit of offline transactions is compared with >=.",
         with_parameters(lambda p: replace(p, limit_lower=_one_less(p.limit_lower)))),
        ("offline-count-zero-unlimited", "PBOC-CRM-009", "A lower limit of zero counts as none.",
         with_parameters(lambda p: replace(p, limit_lower=p.limit_lower or NO_LIMIT))),
        ("upper-count-ignored", "PBOC-GA2-016",
         "Without the issuer any number of transactions in a row is approved.",
         with_parameters(lambda p: replace(p, limit_upper=NO_LIMIT))),
        ("total-limit-one-less", "PBOC-CRM-012", "The limit of the total is compared with >=.",
         with_parameters(lambda p: replace(p, total_limit=p.total_limit and p.total_limit - 1))),
        ("upper-total-ignored", "PBOC-GA2-019", "Without the issuer the upper limit of the total is not looked at.",
         with_parameters(lambda p: replace(p, total_upper_limit=0))),
        ("upper-total-one-less", "PBOC-GA2-019", "The upper limit of the total is compared with >=.",
         with_parameters(lambda p: replace(p, total_upper_limit=p.total_upper_limit and p.total_upper_limit - 1))),
        ("foreign-currency-one-more", "PBOC-CRM-010", "One transaction more in a foreign currency stays offline.",
         with_parameters(lambda p: replace(p, limit_foreign_currency=min(p.limit_foreign_currency + 1, NO_LIMIT)))),
        ("foreign-country-own", "PBOC-CRM-011", "A foreign country is taken for the card's own.",
         with_facts(lambda facts: replace(facts, same_country=True))),
        ("new-card-by-atc", "PBOC-CRM-014", "A card is new in its first transaction alone.",
         with_facts(lambda facts: replace(facts, last_online_atc=facts.last_online_atc or int(facts.atc > 1)))),
        ("mandatory-authentication-optional", "PBOC-GA2-007", "The issuer authentication indicator is not looked at.",
         with_parameters(_never_mandatory)),
        ("ada-failed-last-ignored", "PBOC-CRM-003",
         "A failed issuer authentication of the past does not send a transaction online, though ADA asks for it.",
         _ada(risk.ADA_FAILED_LAST_ONLINE)),
        ("ada-authentication-failed-ignored", "PBOC-GA2-009",
         "ADA's decline after a failed issuer authentication is not carried out.", _ada(risk.ADA_FAILED_DECLINE)),
        ("ada-missing-ignored", "PBOC-GA2-007, PBOC-GA2-008",
         "ADA's decline without the mandatory issuer authentication is not carried out.",
         _ada(risk.ADA_MANDATORY_MISSING_DECLINE)),
        ("ada-new-card-ignored", "PBOC-CRM-014", "ADA does not send a new card online.",
         _ada(risk.ADA_NEW_CARD_ONLINE)),
        ("ada-new-card-unable-ignored", "PBOC-GA2-017",
         "ADA's decline of a new card without the issuer is not carried out.", _ada(risk.ADA_NEW_CARD_UNABLE_DECLINE)),
        ("ada-script-failed-ignored", "PBOC-CRM-007", "ADA does not send a card online whose script failed.",
         _ada(risk.ADA_SCRIPT_FAILED_ONLINE)),
        ("ada-pin-decline-ignored", "PBOC-CRM-016", "ADA's decline without PIN tries is not carried out.",
         _ada(risk.ADA_PIN_EXCEEDED_DECLINE)),
        ("ada-pin-block-ignored", "PBOC-CRM-017", "ADA's block without PIN tries is not carried out.",
         _ada(risk.ADA_PIN_EXCEEDED_DECLINE_BLOCK)),
        ("ada-last-try-ignored", "PBOC-PIN-009", "ADA's block with the last PIN try is not carried out.",
         _ada(risk.ADA_PIN_EXCEEDED_NOW_BLOCK)),
        ("ada-advice-ignored", "PBOC-CRM-023", "ADA's advice of a declined transaction is missing.",
         _ada(risk.ADA_DECLINE_ADVICE)),
        ("ada-pin-advice-ignored", "PBOC-CRM-024", "ADA's advice of used up PIN tries is missing.",
         _ada(risk.ADA_PIN_EXCEEDED_ADVICE)),
        ("ada-authentication-advice-ignored", "PBOC-GA2-010",
         "ADA's advice of a failed issuer authentication is missing.", _ada(risk.ADA_AUTHENTICATION_ADVICE)),
        ("cvr-not-completed-missing", "PBOC-CRM-001", "The CVR does not tell of an incomplete online transaction.",
         _never(risk.CVR_ONLINE_NOT_COMPLETED)),
        ("cvr-velocity-missing", "PBOC-CRM-008, PBOC-CRM-009", "The CVR does not tell of an exceeded limit.",
         _never(risk.CVR_VELOCITY)),
        ("cvr-pin-missing", "PBOC-PIN-007", "The CVR does not tell that a PIN was verified.",
         _never(risk.CVR_PIN_PERFORMED)),
        ("cvr-pin-exceeded-missing", "PBOC-CRM-015, PBOC-PIN-008", "The CVR does not tell that no PIN try is left.",
         _never(risk.CVR_PIN_EXCEEDED)),
        ("cvr-pin-failure-stays", "PBOC-PIN-007", "A right PIN does not take the CVR's bit of a wrong one away.",
         on_pse(_pin_failure_stays)),
        ("cvr-dda-missing", "PBOC-DDA-004", "The CVR does not tell of dynamic authentication.",
         _never(risk.CVR_DDA_PERFORMED)),
        ("cvr-unable-online-missing", "PBOC-CVR-005", "The CVR does not tell that the issuer was not reached.",
         _never(risk.CVR_UNABLE_ONLINE)),
        ("cvr-authentication-failed-missing", "PBOC-CVR-004",
         "The CVR does not tell of a failed issuer authentication.",
         _never(risk.CVR_AUTHENTICATION_FAILED)),
        ("cvr-authentication-missing", "PBOC-CVR-006", "The CVR does not tell that issuer authentication is missing.",
         _never(risk.CVR_AUTHENTICATION_NOT_PERFORMED)),
        ("cvr-script-failed-missing", "PBOC-CRM-007", "The CVR does not tell that a script failed.",
         _never(risk.CVR_SCRIPT_FAILED)),
        ("cvr-script-count-missing", "PBOC-CVR-010", "The CVR does not tell the number of scripts.", _never(0xF0)),
        ("cvr-second-not-asked", "PBOC-CVR-003", "The second answer says that it was not asked for.",
         _cvr(_second_keeps_first)),
        ("cvr-first-forgotten", "PBOC-CVR-003", "The second answer does not say what the first one was.",
         _cvr(_second_forgets_first)),
        ("aac-request-overruled", "PBOC-CRM-019",
         "A card that would go online answers the request of an AAC with ARQC.",
         _asked_instead(0, _marked_online, ARQC)),
        ("arqc-request-overruled", "PBOC-CRM-019", "A card that would approve answers the request of an ARQC with TC.",
         _asked_instead(ARQC, _debit, TC)),
        ("response-code-of-91-ignored", "PBOC-GA2-005", "The response code under the ARPC is not looked at.",
         on_pse(partial(_any_code, of_authentication=True))),
        ("y1-is-online", "PBOC-GA2-022", "Response code Y1 counts as an online approval.",
         on_pse(partial(_any_code, of_authentication=False))),
        ("last-online-set-by-y3", "PBOC-GA2-016", "An approval without the issuer sets the last online ATC.",
         _behind("_without_issuer", _sets_last_online)),
        ("last-online-set-unproved", "PBOC-GA2-008, PBOC-GA2-009",
         "An approval without issuer authentication sets the last online ATC.",
         _behind("_with_issuer", _sets_last_online)),
        ("last-online-set-by-decline", "PBOC-GA2-014", "An online refusal sets the last online ATC.",
         _behind("_with_issuer", _sets_last_online_declined)),
        ("total-not-reset", "PBOC-GA2-011", "An online TC leaves the total of offline amounts.",
         _behind("_with_issuer", _total_stays)),
        ("foreign-not-reset", "PBOC-GA2-011", "An online TC leaves the counts of foreign transactions.",
         _behind("_with_issuer", _foreign_counts_stay)),
        ("marks-outlive-decline", "PBOC-GA2-014", "An online refusal leaves the marks of older transactions.",
         _behind("_with_issuer", _marks_stay)),
        ("failures-of-data-not-reset", "PBOC-GA2-011", "An online TC leaves the marks of failed SDA and DDA.",
         _behind("_with_issuer", _failures_stay)),
        ("authentication-mark-goes-unproved", "PBOC-GA2-015, PBOC-XAU-007",
         "An approval without issuer authentication clears the mark of a failed one.",
         _behind("_with_issuer", _authentication_mark_goes)),
        ("authentication-mark-stays", "PBOC-XAU-007",
         "A right ARPC does not clear the mark of a failed issuer authentication.",
         changed_handler("authentication", "_external_authenticate", _mark_comes_back)),
        ("aac-ends-online-request", "PBOC-CRM-025", "An AAC takes the mark of an incomplete online transaction away.",
         on_pse(_decline_takes_mark)),
        ("arqc-adds-to-total", "PBOC-CRM-028", "The amount of an ARQC is added to the total of offline amounts.",
         on_pse(_arqc_adds)),
        ("declined-abroad-not-counted", "PBOC-CRM-027", "A declined transaction abroad does not count.",
         on_pse(lambda pse: around(pse.action, "_decline_offline", partial(_uncounted, pse)))),
        ("cda-failure-unmarked", "PBOC-CRM-005, PBOC-CRM-022", "A failed CDA is not remembered.",
         _other_tvr(lambda first: first & ~0x04)),
        ("sda-failure-as-dda", "PBOC-CRM-004, PBOC-CRM-022", "Failed SDA is remembered as failed DDA.",
         _other_tvr(_sda_for_dda)),
    ),
)  # fmt: skip
"""Faults of card risk management."""
