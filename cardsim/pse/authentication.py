"""Who proves what to whom: the holder by VERIFY, the card by INTERNAL AUTHENTICATE, the issuer by EXTERNAL AUTHENTICATE
(PBOC part 5)."""

from cardsim.cos.environment import Handler
from cardsim.crypto import oda, pboc
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.iso7816.tlv import ber
from cardsim.pse import commands, risk
from cardsim.pse.application import (
    AIP_DDA,
    AIP_ISSUER_AUTHENTICATION,
    ATC_AT,
    DGI_PIN,
    INDICATORS_AT,
    PIN_LIMIT_AT,
    PIN_TRIES_AT,
    Indicator,
)
from cardsim.pse.memory import IssuerAuthentication, State
from cardsim.pse.transaction import UDK_AC, TransactionCommands, session_key


class Authentication(TransactionCommands):
    """Authentication of holder, card and issuer."""

    @property
    def handlers(self) -> dict[str, Handler]:
        """Handlers by name of the row."""
        return {
            commands.VERIFY.name: self._verify,
            commands.INTERNAL_AUTHENTICATE.name: self._internal_authenticate,
            "EXTERNAL AUTHENTICATE 00": self._external_authenticate,
        }

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
        key = application.rsa_key if transaction.aip & AIP_DDA else None
        if key is None:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        if len(data) != application.parameters.ddol.length:
            raise StatusError(status.WRONG_LENGTH)
        atc = application.counters()[ATC_AT : ATC_AT + 2]
        signed = oda.sign_dynamic(key, b"\x02" + atc, data)
        transaction.cvr |= risk.CVR_DDA_PERFORMED
        return ber(0x80, signed)

    def _external_authenticate(self, _p1: int, _p2: int, data: bytes, _le: int) -> bytes:
        """EXTERNAL AUTHENTICATE: once; a failure is stored before 6300 is answered (PBOC-XAU, PBOC-TEAR-006)."""
        application = self._need(State.ONLINE)
        transaction = self._transaction
        if not transaction.aip & AIP_ISSUER_AUTHENTICATION:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        counters = application.counters()
        failed = bytes((counters[INDICATORS_AT] | Indicator.AUTHENTICATION_FAILED,))
        if transaction.authentication is not IssuerAuthentication.NOT_PERFORMED:
            transaction.authentication = IssuerAuthentication.FAILED
            application.write_counter_early(INDICATORS_AT, failed)
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        session = session_key(application, UDK_AC, counters)
        if pboc.arpc(session, transaction.cryptogram, data[8:]) != data[:8]:
            transaction.authentication = IssuerAuthentication.FAILED
            application.write_counter_early(INDICATORS_AT, failed)
            raise StatusError(status.NO_INFORMATION)
        if counters[INDICATORS_AT] & Indicator.AUTHENTICATION_FAILED:
            cleared = counters[INDICATORS_AT] & ~Indicator.AUTHENTICATION_FAILED
            application.write_counter_early(INDICATORS_AT, bytes((cleared,)))
        transaction.authentication, transaction.response_code = IssuerAuthentication.PASSED, data[8:]
        return b""
