"""Card action analysis: what the card answers to the first and the second GENERATE AC, and what it books (PBOC part 5
ch. 14-16, part 13)."""

from typing import TYPE_CHECKING, Final

from cardsim.cos.environment import Handler
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.pse import commands, risk
from cardsim.pse.application import (
    AIP_CDA,
    AMOUNT_SIZE,
    ATC_AT,
    BALANCE_AT,
    CTTA_AT,
    DUAL_TOTAL_AT,
    FOREIGN_COUNTRY_AT,
    FOREIGN_CURRENCY_AT,
    INDICATORS_AT,
    LOATC_AT,
    PIN_LIMIT_AT,
    PIN_TRIES_AT,
    SCRIPTS_AT,
    Application,
    Dol,
    Indicator,
    Parameters,
    amount_at,
    bcd6,
    decimal,
)
from cardsim.pse.choices import Choice
from cardsim.pse.counters import MARKS_RESET_BY_ANSWER, RESET_BY_ANSWER, RESET_BY_APPROVAL
from cardsim.pse.cryptogram import Cryptograms
from cardsim.pse.log import TransactionLog
from cardsim.pse.memory import IssuerAuthentication, State
from cardsim.pse.risk import Facts, Standing, Wish
from cardsim.pse.transaction import AAC, ARQC, CDA_REQUEST, TC, TYPE, TransactionCommands
from cardsim.pse.turns import states_of

if TYPE_CHECKING:
    from cardsim.pse.environment import Pse

_UNREACHABLE: Final = 10**13
"""What an amount counts as whose digits are not decimal: above every limit."""

APPROVED: Final = frozenset({b"00", b"10", b"11"})
REFERRAL: Final = frozenset({b"01", b"02"})
"""Counted as approval on a TC request (D29)."""
APPROVED_OFFLINE: Final = frozenset({b"Y1"})
"""No approval of the issuer; BT takes it as one."""
DECLINED_UNABLE: Final = b"Z3"
UNABLE_ONLINE: Final = frozenset({b"Y3", DECLINED_UNABLE})

MADE_OFFLINE: Final = frozenset({b"Y1", b"Z1", b"Y2", b"Z2"})
"""Codes that a terminal makes for decisions without the issuer: here they are out of place, and no answer of his."""

_TURN: Final = states_of(commands.GENERATE_AC)
_AUTHENTICATION_FAILED: Final = Indicator.AUTHENTICATION_FAILED.value
_SCRIPT_FAILED: Final = Indicator.SCRIPT_FAILED.value
_TVR_SDA_FAILED: Final = 0x40
_TVR_DDA_OR_CDA_FAILED: Final = 0x08 | 0x04
_FREE_AT_TC: Final = frozenset({0x95, 0x9B, 0x9F37})
"""Data that may differ between PDOL and CDOL1 of an electronic-cash purchase."""


class CardAction(TransactionCommands):
    """GENERATE AC."""

    def __init__(self, environment: "Pse", cryptograms: Cryptograms, log: TransactionLog) -> None:
        super().__init__(environment)
        self._cryptograms = cryptograms
        self._log = log

    @property
    def handlers(self) -> dict[str, Handler]:
        """Handlers by name of the row."""
        return {commands.GENERATE_AC.name: self._generate_ac}

    def _generate_ac(self, p1: int, _p2: int, data: bytes, _le: int) -> bytes:
        transaction = self._transaction
        application = self._need(_TURN)
        first = transaction.state is State.INITIATED
        dol = application.parameters.cdol1 if first else application.parameters.cdol2
        if p1 & CDA_REQUEST and (not transaction.aip & AIP_CDA or application.rsa_key is None):
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        if not first and p1 & ARQC:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        if len(data) != dol.length:
            raise StatusError(status.WRONG_LENGTH)
        return self._first(application, p1, data) if first else self._second(application, p1, data)

    def _facts(self, application: Application, counters: bytes, data: bytes, dol: Dol | None = None) -> Facts:
        """What risk management looks at, with data of CDOL1 or another list."""
        parameters, transaction, dol = application.parameters, self._transaction, dol or application.parameters.cdol1
        amount = decimal(dol.value(0x9F02, data))
        amount = _UNREACHABLE if amount is None else amount
        currency = dol.value(0x5F2A, data)
        return Facts(
            parameters=parameters,
            aip=transaction.aip,
            indicators=counters[INDICATORS_AT],
            scripts=counters[SCRIPTS_AT],
            atc=counters[ATC_AT] << 8 | counters[ATC_AT + 1],
            last_online_atc=counters[LOATC_AT] << 8 | counters[LOATC_AT + 1],
            amount=amount,
            total=amount_at(counters, CTTA_AT) or 0,
            same_currency=currency == parameters.currency,
            same_country=dol.value(0x9F1A, data) == parameters.country,
            dual_amount=_in_both(parameters, currency, amount) if parameters.dual_limit else None,
            dual_total=amount_at(counters, DUAL_TOTAL_AT) or 0,
            foreign_currency_count=counters[FOREIGN_CURRENCY_AT],
            foreign_country_count=counters[FOREIGN_COUNTRY_AT],
            pin_exhausted=_no_try_left(counters) and not transaction.verified,
        )

    def _first(self, application: Application, p1: int, data: bytes) -> bytes:
        """First GENERATE AC: card risk management, then TC, ARQC or AAC (PBOC part 5 ch. 14)."""
        transaction, counters, request = self._transaction, application.counters(), p1 & TYPE
        facts = self._facts(application, counters, data)
        found, wish = risk.assess(facts, cash=transaction.cash)
        cvr = transaction.cvr | found | risk.CVR_SECOND_NOT_REQUESTED
        blocked = application.df.blocked
        if wish is Wish.DECLINE_AND_BLOCK:
            cvr |= risk.CVR_BLOCKED_BY_PIN
            self._block(application)
            if self._chosen(Choice.BLOCKED_BY_PIN_6985):
                raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        if blocked or request == AAC or wish >= Wish.DECLINE:
            result = AAC
        elif transaction.cash:
            result = self._cash_result(application, request, counters, data)
        else:
            result = ARQC if request == ARQC or wish is Wish.ONLINE else TC
        if result == ARQC:
            cvr |= risk.CVR_FIRST_ARQC
            if not counters[INDICATORS_AT] & Indicator.ONLINE:
                application.write_counter_early(INDICATORS_AT, bytes((counters[INDICATORS_AT] | Indicator.ONLINE,)))
        elif result == TC:
            cvr |= risk.CVR_FIRST_TC
            counters = self._approve_offline(application, counters, facts, data)
        else:
            self._decline_offline(application, counters, facts, data)
        transaction.cdol1_data = data
        cvr |= _signed(result, p1)
        answer, cryptogram = self._cryptograms.answer(application, result | p1 & CDA_REQUEST, cvr, counters, data)
        self._pse.partition.commit()
        transaction.cvr, transaction.cryptogram = cvr, cryptogram
        transaction.script_chain = cryptogram
        transaction.scripts_open = result == AAC and (blocked or _no_try_left(counters))
        transaction.state = State.ONLINE if result == ARQC else State.OFFLINE
        return answer

    def _cash_result(self, application: Application, request: int, counters: bytes, data: bytes) -> int:
        """ARQC as asked; TC where CDOL1 says what GPO was told and the balance covers it (PBOC-EC-003 to 005)."""
        if request == ARQC:
            return ARQC
        if not self._same_as_told(application, data):
            return AAC
        amount = decimal(application.parameters.cdol1.value(0x9F02, data))
        balance = amount_at(counters, BALANCE_AT)
        return TC if amount is not None and balance is not None and amount <= balance else AAC

    def _same_as_told(self, application: Application, data: bytes) -> bool:
        parameters, told = application.parameters, self._transaction.pdol_data
        return all(
            parameters.cdol1.value(tag, data) == told[place]
            for tag, place in parameters.pdol.places.items()
            if tag in parameters.cdol1.places and tag not in _FREE_AT_TC
        )

    def _approve_offline(self, application: Application, counters: bytes, facts: Facts, data: bytes) -> bytes:
        """Book an offline TC; returns the counters with what the answer shows of it."""
        if self._transaction.cash:
            balance = (amount_at(counters, BALANCE_AT) or 0) - facts.amount
            application.write_counter(BALANCE_AT, bcd6(balance))
            counters = counters[:BALANCE_AT] + bcd6(balance) + counters[BALANCE_AT + AMOUNT_SIZE :]
        else:
            application.write_counter(INDICATORS_AT, bytes((counters[INDICATORS_AT] & ~Indicator.ONLINE,)))
            self._count(application, facts)
        self._log.append(application, counters, data, b"")
        return counters

    def _decline_offline(self, application: Application, counters: bytes, facts: Facts, data: bytes) -> None:
        """Book an AAC: what the terminal found wrong is remembered for the next transaction."""
        tvr = application.parameters.cdol1.value(0x95, data)
        indicators = counters[INDICATORS_AT] | _failures(tvr)
        if indicators != counters[INDICATORS_AT]:
            application.write_counter(INDICATORS_AT, bytes((indicators,)))
        if not self._transaction.cash and not self._chosen(Choice.DECLINED_NOT_COUNTED):
            self._count_foreign(application, facts)
        if self._chosen(Choice.DECLINED_LOGGED):
            self._log.append(application, counters, data, b"")

    def _count(self, application: Application, facts: Facts) -> None:
        """Add an offline approval to all that counts them."""
        if facts.same_currency:
            application.write_counter(CTTA_AT, bcd6(facts.total + facts.amount))
        if facts.dual_amount is not None:
            application.write_counter(DUAL_TOTAL_AT, bcd6(facts.dual_total + facts.dual_amount))
        self._count_foreign(application, facts)

    @staticmethod
    def _count_foreign(application: Application, facts: Facts) -> None:
        if not facts.same_currency:
            application.write_counter(FOREIGN_CURRENCY_AT, bytes((min(facts.foreign_currency_count + 1, 0xFF),)))
        if not facts.same_country:
            application.write_counter(FOREIGN_COUNTRY_AT, bytes((min(facts.foreign_country_count + 1, 0xFF),)))

    def _second(self, application: Application, p1: int, data: bytes) -> bytes:
        """Second GENERATE AC: TC or AAC after the issuer's answer, or after none (PBOC part 5 ch. 16)."""
        transaction, counters = self._transaction, application.counters()
        request = AAC if application.df.blocked else p1 & TYPE
        parameters = application.parameters
        if transaction.authentication is IssuerAuthentication.FAILED and self._chosen(Choice.FAILED_ISSUER_LATE):
            failed = counters[INDICATORS_AT] | Indicator.AUTHENTICATION_FAILED
            application.write_counter(INDICATORS_AT, bytes((failed,)))
            counters = application.counters()
        code = parameters.cdol2.value(0x8A, data)
        cvr = transaction.cvr & ~risk.CVR_SECOND_MASK
        if code in UNABLE_ONLINE:
            approved, found, advice = self._without_issuer(application, request, counters, data)
        else:
            approved, found, advice = self._with_issuer(application, request, counters, code)
        cvr |= found | (risk.CVR_SECOND_TC if approved else 0)
        if approved or self._chosen(Choice.DECLINED_LOGGED):
            self._log.append(application, counters, transaction.cdol1_data, data)
        result = TC if approved else AAC
        cvr |= _signed(result, p1)
        answer, _ = self._cryptograms.answer(application, result | p1 & CDA_REQUEST, cvr, counters, data, advice=advice)
        self._pse.partition.commit()
        transaction.cvr, transaction.state = cvr, State.COMPLETED
        return answer

    def _with_issuer(
        self, application: Application, request: int, counters: bytes, code: bytes
    ) -> tuple[bool, int, bool]:
        """The online branch: whether TC, bits of the CVR, whether an advice is due because of authentication."""
        parameters, transaction = application.parameters, self._transaction
        mandatory = parameters.authentication_mandatory
        standing = risk.standing(transaction.authentication, transaction.aip, mandatory=mandatory)
        row, passed = risk.COMPLETIONS[standing], standing is Standing.PASSED
        accepted = APPROVED if self._chosen(Choice.REFERRAL_DECLINED) else APPROVED | REFERRAL
        accepted |= APPROVED_OFFLINE if self._chosen(Choice.Y1_ACCEPTED) else frozenset()
        approved = request == TC and code in accepted and (not passed or transaction.response_code in accepted)
        declined = approved and bool(parameters.ada & row.declines)
        approved = approved and not declined
        indicators = counters[INDICATORS_AT] | (_AUTHENTICATION_FAILED if row.marks else 0)
        if row.resets and (passed or code in accepted or code not in MADE_OFFLINE):
            indicators = self._reset(application, counters, indicators, approved=approved)
        application.write_counter(INDICATORS_AT, bytes((indicators,)))
        return approved, row.cvr, declined and bool(parameters.ada & risk.ADA_AUTHENTICATION_ADVICE)

    def _reset(self, application: Application, counters: bytes, indicators: int, *, approved: bool) -> int:
        """Take back what an answer of the issuer takes back; returns the indicators that are left (PBOC-GA2-011 to
        015, PBOC-SCR-016, 017)."""
        for each in (*RESET_BY_ANSWER, *(RESET_BY_APPROVAL if approved else ())):
            application.write_counter(each.at, bytes(each.size))
        if approved:
            application.write_counter(LOATC_AT, counters[ATC_AT : ATC_AT + 2])
        kept = ~MARKS_RESET_BY_ANSWER
        if self._transaction.script_failed and not self._chosen(Choice.EARLY_SCRIPT_FORGOTTEN):
            kept |= _SCRIPT_FAILED
        return indicators & kept

    def _without_issuer(
        self, application: Application, request: int, counters: bytes, data: bytes
    ) -> tuple[bool, int, bool]:
        """The branch of a terminal that could not go online (Y3, Z3): all stands on what CDOL2 says."""
        cdol2 = application.parameters.cdol2
        facts = self._facts(application, counters, data, cdol2)
        cvr, wish = risk.assess_unable(facts)
        approved = request == TC and cdol2.value(0x8A, data) != DECLINED_UNABLE and wish < Wish.DECLINE
        if approved:
            self._count(application, facts)
            return approved, cvr, False
        if not self._chosen(Choice.DECLINED_NOT_COUNTED):
            self._count_foreign(application, facts)
        indicators = counters[INDICATORS_AT] | _failures(cdol2.value(0x95, data))
        application.write_counter(INDICATORS_AT, bytes((indicators,)))
        return approved, cvr, False


def _no_try_left(counters: bytes) -> bool:
    return bool(counters[PIN_LIMIT_AT]) and not counters[PIN_TRIES_AT]


def _signed(result: int, p1: int) -> int:
    """CDA is dynamic data authentication too: what the card verification results say of it."""
    return risk.CVR_DDA_PERFORMED if result != AAC and p1 & CDA_REQUEST else 0


def _failures(tvr: bytes) -> int:
    """Indicators that follow from the terminal verification results of a declined transaction."""
    first = tvr[0] if tvr else 0
    sda = Indicator.SDA_FAILED if first & _TVR_SDA_FAILED else 0
    return int(sda | (Indicator.DDA_FAILED if first & _TVR_DDA_OR_CDA_FAILED else 0))


def _in_both(parameters: Parameters, currency: bytes, amount: int) -> int | None:
    """An amount of one of the card's two currencies, in the first one; None for any other currency."""
    if currency == parameters.currency:
        return amount
    if not parameters.second_currency or currency != parameters.second_currency:
        return None
    places, rate = divmod(parameters.conversion_factor, 10**7)
    return int(amount * rate // 10**places)
