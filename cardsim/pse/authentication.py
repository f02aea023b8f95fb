"""Who proves what to whom: the holder by VERIFY, the card by INTERNAL AUTHENTICATE, the issuer by EXTERNAL AUTHENTICATE
(PBOC part 5)."""

from typing import Final

from cardsim.cos.environment import Handler
from cardsim.crypto import oda, pboc
from cardsim.crypto.pboc import UDK_AC
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
    Application,
    Indicator,
)
from cardsim.pse.choices import Choice
from cardsim.pse.memory import IssuerAuthentication
from cardsim.pse.transaction import TransactionCommands, session_key
from cardsim.pse.turns import states_of

_VERIFY_TURN: Final = states_of(commands.VERIFY)
"""That of its enciphered form too."""
_SIGN_TURN: Final = states_of(commands.INTERNAL_AUTHENTICATE)
_ISSUER_TURN: Final = states_of(commands.EXTERNAL_AUTHENTICATE)

CHALLENGE_SIZE: Final = 8
_PIN_HEADER: Final = b"\x7f"
_CHALLENGE_AT: Final = 9
"""Place of the challenge in a deciphered VERIFY: behind header and PIN block."""
_COMPARED: Final = slice(1, 7)
"""The six bytes of a PIN block that BT compares."""


class Authentication(TransactionCommands):
    """Authentication of holder, card and issuer."""

    @property
    def handlers(self) -> dict[str, Handler]:
        """Handlers by name of the row."""
        return {
            commands.VERIFY.name: self._verify,
            commands.VERIFY_ENCIPHERED.name: self._verify_enciphered,
            commands.GET_CHALLENGE.name: self._get_challenge,
            commands.INTERNAL_AUTHENTICATE.name: self._internal_authenticate,
            "EXTERNAL AUTHENTICATE 00": self._external_authenticate,
        }

    def _verify(self, _p1: int, _p2: int, data: bytes, _le: int) -> bytes:
        """VERIFY: plaintext PIN of the offline-PIN profile, only between GPO and the first GENERATE AC."""
        return self._compare(self._need_pin(), data)

    def _verify_enciphered(self, _p1: int, _p2: int, data: bytes, _le: int) -> bytes:
        """VERIFY of a PIN under the card's RSA key; anything else in there is a wrong PIN (EMV Book 2 §7.2)."""
        application, transaction = self._need_pin(), self._transaction
        key = application.rsa_key
        if key is None or not transaction.challenge:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        if len(data) != key.size:
            raise StatusError(status.WRONG_LENGTH)
        challenge, transaction.challenge = transaction.challenge, b""
        try:
            plain = key.sign(data)
        except ValueError:
            plain = b""
        genuine = plain[:1] == _PIN_HEADER and plain[_CHALLENGE_AT : _CHALLENGE_AT + CHALLENGE_SIZE] == challenge
        return self._compare(application, plain[1:_CHALLENGE_AT] if genuine else b"")

    def _get_challenge(self, _p1: int, _p2: int, _data: bytes, le: int) -> bytes:
        """GET CHALLENGE: 8 bytes for the next enciphered PIN."""
        if le != CHALLENGE_SIZE and self._pse.le_must_fit:
            raise StatusError(0x6C00 | CHALLENGE_SIZE)
        self._transaction.challenge = self._pse.random.take(CHALLENGE_SIZE)
        return self._transaction.challenge

    def _need_pin(self) -> Application:
        """The application, where a PIN may be verified.

        Raises:
            StatusError: 6985.
        """
        application = self._need(_VERIFY_TURN)
        if not application.counters()[PIN_LIMIT_AT]:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        return application

    def _compare(self, application: Application, block: bytes) -> bytes:
        """Compare a PIN block; a try is taken before, and all are given back if it is right (D13)."""
        counters, transaction = application.counters(), self._transaction
        tries = counters[PIN_TRIES_AT]
        first, transaction.verified = not transaction.verified, True
        if not tries:
            transaction.cvr |= risk.CVR_PIN_PERFORMED | risk.CVR_PIN_FAILED | risk.CVR_PIN_EXCEEDED
            at_first = first and not self._chosen(Choice.NO_TRIES_6983)
            raise StatusError(status.REFERENCE_DATA_UNUSABLE if at_first else status.BLOCKED)
        application.write_counter_early(PIN_TRIES_AT, bytes((tries - 1,)))
        transaction.cvr |= risk.CVR_PIN_PERFORMED
        if self._equal(block, application.object(DGI_PIN) or b""):
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

    def _equal(self, block: bytes, right: bytes) -> bool:
        if self._chosen(Choice.PIN_CONTROL_IGNORED):
            return bool(right) and block[_COMPARED] == right[_COMPARED]
        return block == right

    def _internal_authenticate(self, _p1: int, _p2: int, data: bytes, _le: int) -> bytes:
        """INTERNAL AUTHENTICATE: signed dynamic data with 02, ATC as ICC dynamic data (PBOC-DDA)."""
        application = self._need(_SIGN_TURN)
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
        application = self._need(_ISSUER_TURN)
        transaction = self._transaction
        if not transaction.aip & AIP_ISSUER_AUTHENTICATION:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        counters = application.counters()
        if transaction.authentication is not IssuerAuthentication.NOT_PERFORMED:
            self._failed(application, counters)
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        session = session_key(application, UDK_AC, counters)
        if pboc.arpc(session, transaction.cryptogram, data[8:]) != data[:8]:
            self._failed(application, counters)
            raise StatusError(status.NO_INFORMATION)
        if counters[INDICATORS_AT] & Indicator.AUTHENTICATION_FAILED:
            cleared = counters[INDICATORS_AT] & ~Indicator.AUTHENTICATION_FAILED
            application.write_counter_early(INDICATORS_AT, bytes((cleared,)))
        transaction.authentication, transaction.response_code = IssuerAuthentication.PASSED, data[8:]
        return b""

    def _failed(self, application: Application, counters: bytes) -> None:
        """Issuer authentication has failed: the second answer says so, whatever else comes (PBOC-CVR-004), and the mark
        stands before this one (D13), or by profile waits for the second GENERATE AC."""
        self._transaction.authentication = IssuerAuthentication.FAILED
        self._transaction.cvr |= risk.CVR_AUTHENTICATION_FAILED
        if not self._chosen(Choice.FAILED_ISSUER_LATE):
            failed = counters[INDICATORS_AT] | Indicator.AUTHENTICATION_FAILED
            application.write_counter_early(INDICATORS_AT, bytes((failed,)))
