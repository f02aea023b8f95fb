"""The answer to GENERATE AC: cryptogram, issuer application data with its amounts and MAC, combined signature (PBOC
part 5, fact sheet §1.8, §1.9)."""

import hashlib
from collections.abc import Callable
from typing import Final

from cardsim.crypto import oda, pboc
from cardsim.crypto.pboc import UDK_AC, UDK_MAC
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.iso7816.tlv import ber
from cardsim.pse import risk
from cardsim.pse.application import AMOUNT_SIZE, ATC_AT, BALANCE_AT, CTTA_AT, Application, Parameters, bcd6
from cardsim.pse.memory import State
from cardsim.pse.transaction import AAC, CDA_REQUEST, TYPE, TransactionCommands, session_key

_IDD_BALANCE, _IDD_TOTAL, _IDD_BALANCE_AND_TOTAL, _IDD_TOTAL_AND_LIMIT = 1, 2, 3, 4
_ADVICE: Final = 0x08
_REASON_PIN_EXCEEDED: Final = 0x02


class Cryptograms(TransactionCommands):
    """What the card answers once it has decided."""

    def answer(
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
        parameters, transaction, result = application.parameters, self._transaction, p1 & TYPE
        atc = counters[ATC_AT : ATC_AT + 2]
        verification = b"\x03" + cvr.to_bytes(3, "big")
        first = transaction.state is State.INITIATED
        slices = parameters.ac_slices if first else parameters.ac_slices_second
        terminal = b"".join([data[place] for place in slices])
        session = session_key(application, UDK_AC, counters)
        message = terminal + transaction.aip.to_bytes(2, "big") + atc + verification
        cryptogram = pboc.application_cryptogram(session, message)
        iad = parameters.iad[:3] + verification + parameters.iad[7:8]
        amounts = _discretionary(parameters, counters, application.counters)
        if amounts:
            mac_key = session_key(application, UDK_MAC, counters)
            mac = pboc.idd_mac(mac_key, int.from_bytes(atc, "big"), amounts)
            iad += bytes((len(amounts) + 5, parameters.iad[9])) + amounts + mac
        if result == AAC:
            cid = bytes((self._advice(parameters, cvr, wanted=advice),))
        elif p1 & CDA_REQUEST:
            return self._combined(application, bytes((result,)) + atc + cryptogram, iad, data), cryptogram
        else:
            cid = bytes((result,))
        return ber(0x80, cid + atc + cryptogram + iad), cryptogram

    def _combined(self, application: Application, head: bytes, iad: bytes, data: bytes) -> bytes:
        """The answer with CDA: the cryptogram stands inside the signed dynamic data (EMV Book 2 §6.6.1)."""
        key, parameters, transaction = application.rsa_key, application.parameters, self._transaction
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


def _discretionary(parameters: Parameters, counters: bytes, fresh: Callable[[], bytes]) -> bytes:
    """Amounts in the issuer application data, five bytes each: 01 balance, 02 total, 03 both, 04 total and its limit
    (fact sheet §1.8). Totals are those that the running command leaves."""
    kind = parameters.iad[9] if len(parameters.iad) > 9 else 0
    if kind == _IDD_BALANCE:
        return counters[BALANCE_AT + 1 : BALANCE_AT + AMOUNT_SIZE]
    if kind not in (_IDD_TOTAL, _IDD_BALANCE_AND_TOTAL, _IDD_TOTAL_AND_LIMIT):
        return b""
    now = fresh()
    total = now[CTTA_AT + 1 : CTTA_AT + AMOUNT_SIZE]
    if kind == _IDD_BALANCE_AND_TOTAL:
        return now[BALANCE_AT + 1 : BALANCE_AT + AMOUNT_SIZE] + total
    return total + (bcd6(parameters.total_limit)[1:] if kind == _IDD_TOTAL_AND_LIMIT else b"")
