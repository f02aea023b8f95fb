"""Checks about money and counters: what a card shows of them fits what it was told."""

from dataclasses import dataclass
from typing import Final

from cardsim.decode import Environment
from cardsim.decode.observed import Stage
from cardsim.iso7816 import status
from cardsim.iso7816.tlv import TlvError, find
from cardsim.testing.checks import Broken, Exchange, is_named

_INITIALIZE: Final = b"\xb0\x28"
_CREDIT: Final = b"\xb0\x2a"
_DEBIT: Final = b"\xb0\x2c"
_BALANCE: Final = b"\xb0\x26\x00\x01"


@dataclass(slots=True)
class _Account:
    """What is known of one medical account: its balance, and what a transaction that was initialised is to add."""

    balance: int | None = None
    change: int = 0


class MedicalBalance:
    """The balance of a medical account changes by loads and purchases, and by nothing else (SSC part 7 §11, §12)."""

    def __init__(self) -> None:
        self._accounts: dict[bytes, _Account] = {}

    def __call__(self, seen: Exchange) -> None:
        """Compare a balance that the card shows with what it has to be; book what was carried out."""
        if seen.before.environment is not Environment.SSSE:
            return
        if not is_named(seen.before):
            self._accounts.clear()  # whichever account this is
        account = self._accounts.setdefault(seen.before.application, _Account())
        if seen.starts(_INITIALIZE) and seen.done:
            amount = int.from_bytes(seen.body[1:5], "big")
            account.change = -amount if seen.command[2] else amount
        if seen.starts(_CREDIT) or seen.starts(_DEBIT):
            self._booked(seen, account)
        shown = self._shown(seen)
        if shown is None:
            return
        if account.balance not in (None, shown):
            raise Broken("medical balance", seen, f"{shown} fen are shown, and there must be {account.balance}")
        account.balance = shown

    @staticmethod
    def _shown(seen: Exchange) -> int | None:
        if not seen.complete or len(seen.data) < 4 or not seen.origin.startswith((_BALANCE, _INITIALIZE)):
            return None
        return int.from_bytes(seen.data[:4], "big")

    @staticmethod
    def _booked(seen: Exchange, account: _Account) -> None:
        if seen.sw == status.MEMORY_FAILURE:
            account.balance = None
        if not seen.done:
            return
        if seen.before.stage is not (Stage.LOAD if seen.starts(_CREDIT) else Stage.PURCHASE):
            raise Broken("medical balance", seen, "booked, and nothing was initialised for it")
        if account.balance is not None:
            account.balance += account.change
            if account.balance < 0:
                raise Broken("medical balance", seen, f"{-account.balance} fen more were paid than there were")


class TransactionCounter:
    """The ATC rises by one with each GET PROCESSING OPTIONS, and never otherwise (PBOC-GPO-021, PBOC-TEAR-001)."""

    def __init__(self) -> None:
        self._known: dict[bytes, int | None] = {}

    def __call__(self, seen: Exchange) -> None:
        """Compare an ATC that the card shows with how many transactions were begun."""
        if seen.before.environment is not Environment.PSE:
            return
        application = seen.before.application
        known = self._known.get(application)
        if seen.starts(b"\x80\xa8"):
            for other in [name for name in self._known if name.startswith(application) or application.startswith(name)]:
                del self._known[other]  # a name that was cut is that of the same application
            counted = seen.done and known is not None
            # Refused behind its checks it may have counted, or not: the next one that is shown says.
            refused = seen.sw in (status.WRONG_LENGTH, status.WRONG_P1P2, status.WRONG_DATA)
            self._known[application] = known if refused else (known or 0) + 1 if counted else None
        shown = _shown_counter(seen)
        if shown is None:
            return
        if known is not None and shown != known:
            raise Broken("transaction counter", seen, f"ATC {shown}, and it must be {known}")
        self._known[application] = shown


def _shown_counter(seen: Exchange) -> int | None:
    """The ATC in the answer to GENERATE AC or GET DATA."""
    if not seen.complete or not seen.origin.startswith((b"\x80\xae", b"\x80\xca\x9f\x36")):
        return None
    if seen.data[:1] == b"\x80" and len(seen.data) >= 5:
        return int.from_bytes(seen.data[3:5], "big")
    try:
        value = find(seen.data, 0x9F36)
    except TlvError:
        return None
    return int.from_bytes(value, "big") if value else None
