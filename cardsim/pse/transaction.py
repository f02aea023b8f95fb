"""A debit or electronic-cash transaction: GPO, VERIFY, dynamic authentication, both GENERATE AC, issuer
authentication (PBOC parts 5 and 13)."""

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from cardsim.cos.environment import Handler
from cardsim.cos.files import FileFlag, FileType
from cardsim.crypto import oda, pboc
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.iso7816.tlv import ber
from cardsim.pse import commands, risk
from cardsim.pse.application import (
    AIP_CDA,
    AIP_DDA,
    AIP_ISSUER_AUTHENTICATION,
    ATC_AT,
    BALANCE_AT,
    CTTA_AT,
    DGI_KEYS,
    DGI_PIN,
    DUAL_TOTAL_AT,
    FOREIGN_COUNTRY_AT,
    FOREIGN_CURRENCY_AT,
    INDICATORS_AT,
    LOATC_AT,
    PIN_LIMIT_AT,
    PIN_TRIES_AT,
    SCRIPTS_AT,
    Application,
    Indicator,
    Parameters,
    bcd6,
    decimal,
)
from cardsim.pse.memory import IssuerAuthentication, State, Transaction
from cardsim.pse.risk import Facts, Wish
from cardsim.pse.rsakey import load_rsa_key

if TYPE_CHECKING:
    from cardsim.pse.environment import Pse

AAC: Final = 0x00
TC: Final = 0x40
ARQC: Final = 0x80
_TYPE: Final = 0xC0
_CDA_REQUEST: Final = 0x10
_LAST_ATC: Final = 0xFFFE
_UNREACHABLE: Final = 10**13
"""What an amount counts as whose digits are not decimal: above every limit."""

APPROVED: Final = frozenset({b"00", b"10", b"11"})
REFERRAL: Final = frozenset({b"01", b"02"})
"""Counted as approval on a TC request (D29)."""
DECLINED_UNABLE: Final = b"Z3"
UNABLE_ONLINE: Final = frozenset({b"Y3", DECLINED_UNABLE})

_KEY_SIZE: Final = 16
_IDD_BALANCE, _IDD_TOTAL, _IDD_BALANCE_AND_TOTAL, _IDD_TOTAL_AND_LIMIT = 1, 2, 3, 4
_TVR_SDA_FAILED: Final = 0x40
_TVR_DDA_OR_CDA_FAILED: Final = 0x08 | 0x04
_ADVICE: Final = 0x08
_REASON_PIN_EXCEEDED: Final = 0x02
_FREE_AT_TC: Final = frozenset({0x95, 0x9B, 0x9F37})
"""Data that may differ between PDOL and CDOL1 of an electronic-cash purchase."""


class Transactions:
    """The commands of a transaction in the selected application."""

    def __init__(self, environment: "Pse") -> None:
        self._pse = environment

    @property
    def handlers(self) -> dict[str, Handler]:
        """Handlers by name of the row."""
        return {
            commands.GET_PROCESSING_OPTIONS.name: self._get_processing_options,
            commands.VERIFY.name: self._verify,
            commands.INTERNAL_AUTHENTICATE.name: self._internal_authenticate,
            commands.GENERATE_AC.name: self._generate_ac,
            "EXTERNAL AUTHENTICATE 00": self._external_authenticate,
        }

    @property
    def _transaction(self) -> Transaction:
        return self._pse.ram.transaction

    def _issued(self) -> Application:
        application = self._pse.application()
        if not application.df.issued:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        return application

    def _need(self, state: State) -> Application:
        if self._transaction.state is not state:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        return self._issued()

    def _udk(self, application: Application, number: int) -> bytes:
        keys = application.object(DGI_KEYS) or b""
        return keys[number * _KEY_SIZE : (number + 1) * _KEY_SIZE]

    # --- initiation --------------------------------------------------------------------------------------------

    def _get_processing_options(self, _p1: int, _p2: int, data: bytes, _le: int) -> bytes:
        """GPO: the card chooses electronic cash or debit; the ATC rises before the answer (PBOC-GPO)."""
        application = self._need(State.SELECTED)
        parameters = application.parameters
        if len(data) != parameters.pdol.length + 2:
            raise StatusError(status.WRONG_LENGTH)
        if data[0] != 0x83 or data[1] != parameters.pdol.length:
            raise StatusError(status.WRONG_DATA)
        counters = application.counters()
        atc = int.from_bytes(counters[ATC_AT : ATC_AT + 2], "big")
        if atc >= _LAST_ATC:
            self._block(application)
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        transaction = self._transaction
        pdol_data = data[2:]
        cash = self._chooses_cash(parameters, counters, pdol_data)
        path = parameters.cash if cash and parameters.cash is not None else parameters.debit
        application.write_counter_early(ATC_AT, (atc + 1).to_bytes(2, "big"))
        transaction.state, transaction.cash, transaction.aip = State.INITIATED, cash, path.aip
        transaction.pdol_data = pdol_data
        return path.answer

    @staticmethod
    def _chooses_cash(parameters: Parameters, counters: bytes, data: bytes) -> bool:
        """Whether the card takes the electronic-cash path (fact sheet §1.4)."""
        if parameters.cash is None or parameters.pdol.value(0x9F7A, data) != b"\x01":
            return False
        amount, balance = decimal(parameters.pdol.value(0x9F02, data)), decimal(counters[BALANCE_AT : BALANCE_AT + 6])
        if amount is None or balance is None or parameters.pdol.value(0x5F2A, data) != parameters.currency:
            return False
        if amount > balance or amount > parameters.cash_single_limit:
            return False
        if counters[INDICATORS_AT] & (Indicator.AUTHENTICATION_FAILED | Indicator.SCRIPT_FAILED):
            return False
        return not (counters[PIN_LIMIT_AT] and not counters[PIN_TRIES_AT])

    def _block(self, application: Application) -> None:
        self._pse.files.set_file_flags(application.df, application.df.flags | FileFlag.BLOCKED)
        self._pse.partition.commit()

    # --- authentication of holder and card ---------------------------------------------------------------------

    def _verify(self, _p1: int, _p2: int, data: bytes, _le: int) -> bytes:
        """VERIFY: plaintext PIN of the offline-PIN profile, only between GPO and the first GENERATE AC."""
        application = self._need(State.INITIATED)
        counters, transaction = application.counters(), self._transaction
        if not counters[PIN_LIMIT_AT]:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        tries = counters[PIN_TRIES_AT]
        first, transaction.verified = not transaction.verified, True
        if not tries:
            transaction.cvr |= risk.CVR_PIN_EXCEEDED
            raise StatusError(status.REFERENCE_DATA_UNUSABLE if first else status.BLOCKED)
        application.write_counter_early(PIN_TRIES_AT, bytes((tries - 1,)))
        transaction.cvr |= risk.CVR_PIN_PERFORMED
        if data == application.object(DGI_PIN):
            application.write_counter_early(PIN_TRIES_AT, counters[PIN_LIMIT_AT : PIN_LIMIT_AT + 1])
            transaction.cvr &= ~risk.CVR_PIN_FAILED
            return b""
        transaction.cvr |= risk.CVR_PIN_FAILED
        if tries == 1:
            transaction.cvr |= risk.CVR_PIN_EXCEEDED
            if application.parameters.ada & risk.ADA_PIN_EXCEEDED_NOW_BLOCK:
                transaction.cvr |= risk.CVR_BLOCKED_BY_PIN
                self._block(application)
        raise StatusError(0x63C0 | (tries - 1))

    def _internal_authenticate(self, _p1: int, _p2: int, data: bytes, _le: int) -> bytes:
        """INTERNAL AUTHENTICATE: signed dynamic data with 02, ATC as ICC dynamic data (PBOC-DDA)."""
        application = self._need(State.INITIATED)
        transaction = self._transaction
        if not transaction.aip & AIP_DDA:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        if len(data) != application.parameters.ddol.length:
            raise StatusError(status.WRONG_LENGTH)
        key = load_rsa_key(application.object)
        if key is None:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        atc = application.counters()[ATC_AT : ATC_AT + 2]
        signed = oda.sign_dynamic(key, b"\x02" + atc, data)
        transaction.cvr |= risk.CVR_DDA_PERFORMED
        return ber(0x80, signed)

    # --- cryptograms -------------------------------------------------------------------------------------------

    def _generate_ac(self, p1: int, _p2: int, data: bytes, _le: int) -> bytes:
        transaction = self._transaction
        if transaction.state not in (State.INITIATED, State.ONLINE):
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        application = self._issued()
        first = transaction.state is State.INITIATED
        dol = application.parameters.cdol1 if first else application.parameters.cdol2
        if p1 & _CDA_REQUEST and (not transaction.aip & AIP_CDA or load_rsa_key(application.object) is None):
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        if not first and p1 & ARQC:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        if len(data) != dol.length:
            raise StatusError(status.WRONG_LENGTH)
        return self._first(application, p1, data) if first else self._second(application, p1, data)

    def _facts(self, application: Application, counters: bytes, data: bytes) -> Facts:
        parameters, transaction, cdol = application.parameters, self._transaction, application.parameters.cdol1
        amount = decimal(cdol.value(0x9F02, data))
        amount = _UNREACHABLE if amount is None else amount
        currency = cdol.value(0x5F2A, data)
        return Facts(
            parameters=parameters,
            aip=transaction.aip,
            indicators=counters[INDICATORS_AT],
            scripts=counters[SCRIPTS_AT],
            atc=counters[ATC_AT] << 8 | counters[ATC_AT + 1],
            last_online_atc=counters[LOATC_AT] << 8 | counters[LOATC_AT + 1],
            amount=amount,
            total=decimal(counters[CTTA_AT : CTTA_AT + 6]) or 0,
            same_currency=currency == parameters.currency,
            same_country=cdol.value(0x9F1A, data) == parameters.country,
            dual_amount=_in_both(parameters, currency, amount) if parameters.dual_limit else None,
            dual_total=decimal(counters[DUAL_TOTAL_AT : DUAL_TOTAL_AT + 6]) or 0,
            foreign_currency_count=counters[FOREIGN_CURRENCY_AT],
            foreign_country_count=counters[FOREIGN_COUNTRY_AT],
            pin_exhausted=bool(counters[PIN_LIMIT_AT]) and not counters[PIN_TRIES_AT] and not transaction.verified,
        )

    def _first(self, application: Application, p1: int, data: bytes) -> bytes:
        """First GENERATE AC: card risk management, then TC, ARQC or AAC (PBOC part 5 ch. 14)."""
        transaction, counters, request = self._transaction, application.counters(), p1 & _TYPE
        facts = self._facts(application, counters, data)
        found, wish = risk.assess(facts, cash=transaction.cash)
        cvr = transaction.cvr | found | risk.CVR_SECOND_NOT_REQUESTED
        blocked = application.df.blocked
        if wish is Wish.DECLINE_AND_BLOCK:
            cvr |= risk.CVR_BLOCKED_BY_PIN
            self._block(application)
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
        answer, cryptogram = self._answer(application, result | p1 & _CDA_REQUEST, cvr, counters, data)
        self._pse.partition.commit()
        transaction.cvr, transaction.cryptogram = cvr, cryptogram
        transaction.state = State.ONLINE if result == ARQC else State.DONE
        return answer

    def _cash_result(self, application: Application, request: int, counters: bytes, data: bytes) -> int:
        """ARQC as asked; TC where CDOL1 says what GPO was told and the balance covers it (PBOC-EC-003 to 005)."""
        if request == ARQC:
            return ARQC
        if not self._same_as_told(application, data):
            return AAC
        amount = decimal(application.parameters.cdol1.value(0x9F02, data))
        balance = decimal(counters[BALANCE_AT : BALANCE_AT + 6])
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
            balance = (decimal(counters[BALANCE_AT : BALANCE_AT + 6]) or 0) - facts.amount
            application.write_counter(BALANCE_AT, bcd6(balance))
            counters = counters[:BALANCE_AT] + bcd6(balance) + counters[BALANCE_AT + 6 :]
        else:
            application.write_counter(INDICATORS_AT, bytes((counters[INDICATORS_AT] & ~Indicator.ONLINE,)))
            if facts.same_currency:
                application.write_counter(CTTA_AT, bcd6(facts.total + facts.amount))
            self._count_dual(application, facts)
            self._count_foreign(application, facts)
        self._log(application, counters, data, b"")
        return counters

    def _decline_offline(self, application: Application, counters: bytes, facts: Facts, data: bytes) -> None:
        """Book an AAC: what the terminal found wrong is remembered for the next transaction."""
        tvr = application.parameters.cdol1.value(0x95, data)
        indicators = counters[INDICATORS_AT] | _failures(tvr)
        if indicators != counters[INDICATORS_AT]:
            application.write_counter(INDICATORS_AT, bytes((indicators,)))
        if not self._transaction.cash:
            self._count_foreign(application, facts)

    @staticmethod
    def _count_dual(application: Application, facts: Facts) -> None:
        if facts.dual_amount is not None:
            application.write_counter(DUAL_TOTAL_AT, bcd6(facts.dual_total + facts.dual_amount))

    @staticmethod
    def _count_foreign(application: Application, facts: Facts) -> None:
        if not facts.same_currency:
            application.write_counter(FOREIGN_CURRENCY_AT, bytes((min(facts.foreign_currency_count + 1, 0xFF),)))
        if not facts.same_country:
            application.write_counter(FOREIGN_COUNTRY_AT, bytes((min(facts.foreign_country_count + 1, 0xFF),)))

    def _external_authenticate(self, _p1: int, _p2: int, data: bytes, _le: int) -> bytes:
        """EXTERNAL AUTHENTICATE: once; a failure is stored before 6300 is answered (PBOC-XAU, PBOC-TEAR-006)."""
        application = self._need(State.ONLINE)
        transaction = self._transaction
        if not transaction.aip & AIP_ISSUER_AUTHENTICATION:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        counters = application.counters()
        failed = bytes((counters[INDICATORS_AT] | Indicator.AUTHENTICATION_FAILED,))
        if transaction.authentication is not IssuerAuthentication.NOT_PERFORMED:
            application.write_counter_early(INDICATORS_AT, failed)
            transaction.authentication = IssuerAuthentication.FAILED
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        atc = int.from_bytes(counters[ATC_AT : ATC_AT + 2], "big")
        session = pboc.session_key(self._udk(application, 0), atc)
        if pboc.arpc(session, transaction.cryptogram, data[8:]) != data[:8]:
            application.write_counter_early(INDICATORS_AT, failed)
            transaction.authentication = IssuerAuthentication.FAILED
            raise StatusError(status.NO_INFORMATION)
        if counters[INDICATORS_AT] & Indicator.AUTHENTICATION_FAILED:
            cleared = counters[INDICATORS_AT] & ~Indicator.AUTHENTICATION_FAILED
            application.write_counter_early(INDICATORS_AT, bytes((cleared,)))
        transaction.authentication, transaction.response_code = IssuerAuthentication.PASSED, data[8:]
        return b""

    def _second(self, application: Application, p1: int, data: bytes) -> bytes:
        """Second GENERATE AC: TC or AAC after the issuer's answer, or after none (PBOC part 5 ch. 16)."""
        transaction, counters, request = self._transaction, application.counters(), p1 & _TYPE
        parameters = application.parameters
        code = parameters.cdol2.value(0x8A, data)
        cvr = transaction.cvr & ~risk.CVR_SECOND_MASK
        if code in UNABLE_ONLINE:
            approved, found, advice = self._without_issuer(application, request, counters, data)
        else:
            approved, found, advice = self._with_issuer(application, request, counters, code)
        cvr |= found | (risk.CVR_SECOND_TC if approved else 0)
        if approved:
            self._log(application, counters, transaction.cdol1_data, data)
        result = (TC if approved else AAC) | p1 & _CDA_REQUEST
        answer, _ = self._answer(application, result, cvr, counters, data, advice=advice)
        self._pse.partition.commit()
        transaction.cvr, transaction.state = cvr, State.DONE
        return answer

    def _with_issuer(
        self, application: Application, request: int, counters: bytes, code: bytes
    ) -> tuple[bool, int, bool]:
        """The online branch: whether TC, bits of the CVR, whether an advice is due because of authentication."""
        parameters, transaction = application.parameters, self._transaction
        supported = bool(transaction.aip & AIP_ISSUER_AUTHENTICATION)
        mandatory = supported and parameters.authentication_mandatory
        result = transaction.authentication
        approved = request == TC and code in APPROVED | REFERRAL
        indicators, cvr, advice = counters[INDICATORS_AT], 0, False
        passed = result is IssuerAuthentication.PASSED
        if passed:
            approved = approved and transaction.response_code in APPROVED | REFERRAL
        elif result is IssuerAuthentication.FAILED:
            cvr |= risk.CVR_AUTHENTICATION_FAILED
            if approved and parameters.ada & risk.ADA_FAILED_DECLINE:
                approved, advice = False, bool(parameters.ada & risk.ADA_AUTHENTICATION_ADVICE)
        elif supported:
            cvr |= risk.CVR_AUTHENTICATION_NOT_PERFORMED
            if mandatory:
                indicators |= Indicator.AUTHENTICATION_FAILED
                if approved and parameters.ada & risk.ADA_MANDATORY_MISSING_DECLINE:
                    approved, advice = False, bool(parameters.ada & risk.ADA_AUTHENTICATION_ADVICE)
        if passed or (result is IssuerAuthentication.NOT_PERFORMED and not mandatory):
            indicators &= Indicator.AUTHENTICATION_FAILED
            application.write_counter(SCRIPTS_AT, b"\0")
            if approved:
                application.write_counter(CTTA_AT, bytes(8))
                if parameters.dual_limit:
                    application.write_counter(DUAL_TOTAL_AT, bytes(6))
                application.write_counter(LOATC_AT, counters[ATC_AT : ATC_AT + 2])
        application.write_counter(INDICATORS_AT, bytes((indicators,)))
        return approved, cvr, advice

    def _without_issuer(
        self, application: Application, request: int, counters: bytes, data: bytes
    ) -> tuple[bool, int, bool]:
        """The branch of a terminal that could not go online (Y3, Z3)."""
        parameters, transaction = application.parameters, self._transaction
        facts = self._facts(application, counters, transaction.cdol1_data)
        amount = decimal(parameters.cdol2.value(0x9F02, data))
        amount = _UNREACHABLE if amount is None else amount
        code = parameters.cdol2.value(0x8A, data)
        approved, cvr = request == TC and code != DECLINED_UNABLE, risk.CVR_UNABLE_ONLINE
        offline = facts.atc - facts.last_online_atc
        if parameters.limit_upper != risk.NO_LIMIT and offline > parameters.limit_upper:
            approved, cvr = False, cvr | risk.CVR_VELOCITY
        if not facts.last_online_atc:
            cvr |= risk.CVR_NEW_CARD
            approved = approved and not parameters.ada & risk.ADA_NEW_CARD_UNABLE_DECLINE
        if facts.pin_exhausted:
            cvr |= risk.CVR_PIN_EXCEEDED
            approved = approved and not parameters.ada & risk.ADA_PIN_EXCEEDED_UNABLE_DECLINE
        if 0 < parameters.total_upper_limit < facts.total + amount:
            approved, cvr = False, cvr | risk.CVR_VELOCITY
        if facts.dual_amount is not None and facts.dual_total + facts.dual_amount > parameters.dual_limit:
            approved, cvr = False, cvr | risk.CVR_VELOCITY
        self._count_foreign(application, facts)
        if approved and facts.same_currency:
            application.write_counter(CTTA_AT, bcd6(facts.total + amount))
        if approved:
            self._count_dual(application, facts)
        if not approved:
            indicators = counters[INDICATORS_AT] | _failures(parameters.cdol2.value(0x95, data))
            application.write_counter(INDICATORS_AT, bytes((indicators,)))
        return approved, cvr, False

    # --- answer and log ----------------------------------------------------------------------------------------

    def _answer(
        self,
        application: Application,
        p1: int,
        cvr: int,
        counters: bytes,
        data: bytes,
        *,
        advice: bool = False,
    ) -> tuple[bytes, bytes]:
        """80, CID, ATC, cryptogram, issuer application data, or their form with CDA; and the cryptogram alone (fact
        sheet §1.8, §1.9). `p1` is the answer's type as P1 would ask for it, CDA included."""
        parameters, transaction, result = application.parameters, self._transaction, p1 & _TYPE
        atc = counters[ATC_AT : ATC_AT + 2]
        verification = b"\x03" + cvr.to_bytes(3, "big")
        first = transaction.state is State.INITIATED
        slices = parameters.ac_slices if first else parameters.ac_slices_second
        terminal = b"".join([data[place] for place in slices])
        number = int.from_bytes(atc, "big")
        session = pboc.session_key(self._udk(application, 0), number)
        message = terminal + transaction.aip.to_bytes(2, "big") + atc + verification
        cryptogram = pboc.application_cryptogram(session, message)
        iad = parameters.iad[:3] + verification + parameters.iad[7:8]
        amounts = _discretionary(parameters, counters, application.counters)
        if amounts:
            mac_key = pboc.session_key(self._udk(application, 1), number)
            mac = pboc.idd_mac(mac_key, number, amounts)
            iad += bytes((len(amounts) + 5, parameters.iad[9])) + amounts + mac
        if result == AAC:
            cid = bytes((self._advice(parameters, cvr, wanted=advice),))
        elif p1 & _CDA_REQUEST:
            return self._combined(application, bytes((result,)) + atc + cryptogram, iad, data), cryptogram
        else:
            cid = bytes((result,))
        return ber(0x80, cid + atc + cryptogram + iad), cryptogram

    def _combined(self, application: Application, head: bytes, iad: bytes, data: bytes) -> bytes:
        """The answer with CDA: the cryptogram stands inside the signed dynamic data (EMV Book 2 §6.6.1)."""
        key, parameters, transaction = load_rsa_key(application.object), application.parameters, self._transaction
        if key is None:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        first = transaction.state is State.INITIATED
        cid, atc, cryptogram = head[:1], head[1:3], head[3:]
        before, behind = ber(0x9F27, cid) + ber(0x9F36, atc), ber(0x9F10, iad)
        told = transaction.pdol_data + transaction.cdol1_data + (b"" if first else data)
        digest = hashlib.sha1(told + before + behind, usedforsecurity=False).digest()
        unpredictable = (parameters.cdol1 if first else parameters.cdol2).value(0x9F37, data)
        signed = oda.sign_dynamic(key, b"\x02" + atc + cid + cryptogram + digest, unpredictable)
        return ber(0x77, before + ber(0x9F4B, signed) + behind)

    @staticmethod
    def _advice(parameters: Parameters, cvr: int, *, wanted: bool) -> int:
        """Advice and reason bits of the CID of an AAC (PBOC-CRM-023, 024)."""
        if parameters.ada & risk.ADA_PIN_EXCEEDED_ADVICE and cvr & risk.CVR_PIN_EXCEEDED and cvr & risk.CVR_PIN_FAILED:
            return _ADVICE | _REASON_PIN_EXCEEDED
        return _ADVICE if wanted or parameters.ada & risk.ADA_DECLINE_ADVICE else 0

    def _log(self, application: Application, counters: bytes, first: bytes, second: bytes) -> None:
        """Add a record to the transaction log: from CDOL1, CDOL2, PDOL, card data, or zeros (PBOC-LOG-008)."""
        files, parameters = self._pse.files, application.parameters
        log = next(
            (f for f in files.index.files if f.parent == application.df.index and f.type is FileType.CYCLIC), None
        )
        if log is None:
            return
        card = {**parameters.data, 0x9F36: counters[ATC_AT : ATC_AT + 2]}
        record = bytearray()
        for tag, place in parameters.log_format.places.items():
            length = place.stop - place.start
            value = (
                parameters.cdol1.value(tag, first)
                or parameters.cdol2.value(tag, second)
                or parameters.pdol.value(tag, self._transaction.pdol_data)
                or card.get(tag, b"")
            )
            record += value[:length].ljust(length, b"\0")
        self._pse.records.append(log, bytes(record[: log.record_length]).ljust(log.record_length, b"\0"))


def _failures(tvr: bytes) -> int:
    """Indicators that follow from the terminal verification results of a declined transaction."""
    first = tvr[0] if tvr else 0
    sda = Indicator.SDA_FAILED if first & _TVR_SDA_FAILED else 0
    return int(sda | (Indicator.DDA_FAILED if first & _TVR_DDA_OR_CDA_FAILED else 0))


def _discretionary(parameters: Parameters, counters: bytes, fresh: Callable[[], bytes]) -> bytes:
    """Amounts in the issuer application data, five bytes each: 01 balance, 02 total, 03 both, 04 total and its limit
    (fact sheet §1.8). Totals are those that the running command leaves."""
    kind = parameters.iad[9] if len(parameters.iad) > 9 else 0
    if kind == _IDD_BALANCE:
        return counters[BALANCE_AT + 1 : BALANCE_AT + 6]
    if kind not in (_IDD_TOTAL, _IDD_BALANCE_AND_TOTAL, _IDD_TOTAL_AND_LIMIT):
        return b""
    now = fresh()
    total = now[CTTA_AT + 1 : CTTA_AT + 6]
    if kind == _IDD_BALANCE_AND_TOTAL:
        return now[BALANCE_AT + 1 : BALANCE_AT + 6] + total
    return total + (bcd6(parameters.total_limit)[1:] if kind == _IDD_TOTAL_AND_LIMIT else b"")


def _in_both(parameters: Parameters, currency: bytes, amount: int) -> int | None:
    """An amount of one of the card's two currencies, in the first one; None for any other currency."""
    if currency == parameters.currency:
        return amount
    if not parameters.second_currency or currency != parameters.second_currency:
        return None
    places, rate = divmod(parameters.conversion_factor, 10**7)
    return int(amount * rate // 10**places)
