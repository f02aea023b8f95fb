"""The medical account on the card (医疗保险账户): balances, log, purchase, load, proof (SSC part 7 §10 to §14).

What a transaction needs to be told apart from every other, and to be finished after the card was pulled, goes to the
terminal's storage before the command that books it leaves (TRM-169 to TRM-173): nothing is booked twice or lost.
"""

from dataclasses import dataclass, replace
from typing import Final

from cardsim.crypto.medical import TransactionType
from cardsim.decode.values import yuan
from cardsim.iso7816 import status
from cardsim.iso7816.apdu import CommandApdu
from cardsim.iso7816.digits import bcd_time
from terminal.effects import (
    AuthorisePurchase,
    Flow,
    Mark,
    PurchaseProof,
    Shelf,
    ask_social_host,
    authorise_purchase,
    discard,
    keep,
    report,
)
from terminal.filetable import Address
from terminal.flows.common import need_ok, stop
from terminal.flows.social.config import Amounts, Prefer
from terminal.flows.social.files import read_records
from terminal.flows.social.pin import verify_pin
from terminal.flows.social.records import LoadRecord, purchase_content
from terminal.flows.social.session import TO_THE_HOST, SocialSession
from terminal.messages.social import Accepted, LoadAccount, LoadDone, LoadPermission, PurchaseRecord, Refused
from terminal.outcome import Cause

DF04: Final = 0xDF04
LOG: Final = Address(DF04, 0xEF08)
_STEP: Final = "medical account"
_DEFAULT_INDEX: Final = 1
ACCOUNT_ONLY_RECORD: Final = 20
"""Length of a log record where the personal account alone is kept (TRM-152)."""
INITIALIZED: Final = 22
"""Bytes that INITIALIZE FOR PURCHASE answers."""
DEBITED: Final = 8
"""Bytes that DEBIT FOR PURCHASE answers: TAC and MAC2."""


@dataclass(frozen=True, slots=True)
class Balances:
    """Fen on the account, what holder and pool paid in the settlement year, and the year (four digits)."""

    account: int
    self_paid: int
    pool: int
    year: str


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One record of the card's log (DF04 EF08); amounts in fen."""

    sequence: int
    type: str
    """Character "1" load, "2" medical settlement (TRM-242)."""
    terminal: str
    time: str
    account: int
    self_paid: int
    pool: int

    @property
    def text(self) -> str:
        """For people."""
        what = {"1": "load", "2": "medical settlement"}.get(self.type, f"type {self.type}")
        amounts = f"account {yuan(self.account)}, holder {yuan(self.self_paid)}, pool {yuan(self.pool)}"
        return f"{what} at {self.terminal} on {self.time}: {amounts}"

    @classmethod
    def parse(cls, record: bytes) -> "LogEntry":
        """Read a record of 28 bytes, or of 20 (account alone)."""
        amounts = [int.from_bytes(record[at : at + 4], "big") for at in (16, 20, 24)]
        kind = chr(record[2]) if len(record) > 2 else ""
        return cls(
            int.from_bytes(record[:2], "big"), kind, record[3:9].hex().upper(), record[9:16].hex().upper(), *amounts
        )


def open_account(session: SocialSession) -> Flow[None]:
    """DF04, with the PIN verified (TRM-140, TRM-151)."""
    yield from verify_pin(session)
    yield from session.enter(DF04)


def initialize_for_purchase(request: bytes) -> CommandApdu:
    """INITIALIZE FOR PURCHASE; the request is key index, three amounts, terminal number: 19 bytes (SSC part 5 §7.6)."""
    return CommandApdu(0xB0, 0x28, 0x01, 0x01, request, INITIALIZED)


def debit_for_purchase(terminal_sequence: bytes, time: bytes, mac1: bytes) -> CommandApdu:
    """DEBIT FOR PURCHASE: terminal sequence (4), time (7, BCD), MAC1 (4); TAC and MAC2 come (SSC part 5 §7.2)."""
    return CommandApdu(0xB0, 0x2C, 0x01, 0x00, terminal_sequence + time + mac1, DEBITED)


# --- queries ----------------------------------------------------------------------------------------------------------


def balances(session: SocialSession) -> Flow[Balances]:
    """GET BALANCE: the account, and both totals with their year (TRM-168)."""
    yield from open_account(session)
    answers = []
    for p2, length, what in ((1, 4, "balance"), (2, 6, "paid by the holder"), (3, 6, "paid by the pool")):
        command = CommandApdu(0xB0, 0x26, 0x00, p2, le=length)
        response = yield from session.send(f"medical account: {what}", command)
        data = need_ok(_STEP, f"the {what} cannot be read", response)
        if len(data) != length:
            stop(Cause.PROTOCOL, _STEP, f"the {what} has {len(data)} bytes, not {length}")
        answers.append(data)
    account, self_paid, pool = (int.from_bytes(data[:4], "big") for data in answers)
    found = Balances(account, self_paid, pool, answers[1][4:].hex())
    yield from report(_STEP, Mark.OK, "balances read", ("account", str(account)), ("year", found.year))
    return found


def read_log(session: SocialSession) -> Flow[list[LogEntry]]:
    """All records of the log, the newest first (TRM-240)."""
    records = yield from read_records(session, LOG, Prefer.PIN)
    return [LogEntry.parse(record) for record in records]


def starting_day(session: SocialSession) -> Flow[str]:
    """GET STARTING DAY: mmdd (TRM-239)."""
    yield from session.enter(DF04)
    response = yield from session.send("first day of the settlement year", CommandApdu(0xB0, 0x56, 0x01, 0x00, le=2))
    return need_ok(_STEP, "the starting day cannot be read", response).hex()


def set_starting_day(session: SocialSession, day: str) -> Flow[None]:
    """UPDATE STARTING DAY to mmdd, with the right of DSK (TRM-238)."""
    yield from session.enter(DF04)
    yield from session.gain(session.table.key(DF04, "DSK"))
    command = CommandApdu(0xB0, 0x56, 0x00, 0x00, bytes.fromhex(day))
    response = yield from session.send("set the first day of the settlement year", command)
    need_ok(_STEP, "the starting day was not set", response)
    yield from report(_STEP, Mark.OK, f"the settlement year begins on {day}")


def transaction_proof(session: SocialSession, kind: TransactionType, sequence: int) -> Flow[tuple[bytes, bytes] | None]:
    """GET TRANSACTION PROOF: MAC2 and TAC of a transaction that was booked, or None (TRM-172, TRM-173)."""
    yield from session.enter(DF04)
    type_byte = session.config.medical_type.encode(kind)[0]
    command = CommandApdu(0xB0, 0x2E, 0x00, type_byte, sequence.to_bytes(2, "big"), 8)
    response = yield from session.send(f"proof of transaction {sequence}", command)
    if response.sw.value == status.NO_PROOF:
        return None
    data = need_ok(_STEP, "the card gives no proof", response)
    if len(data) != 8:
        stop(Cause.PROTOCOL, _STEP, f"a proof has 8 bytes, not {len(data)}")
    return data[:4], data[4:]


# --- purchase ---------------------------------------------------------------------------------------------------------


def purchase(session: SocialSession, amounts: Amounts, key_index: int = 0) -> Flow[PurchaseRecord]:
    """A medical settlement that the card's account takes part in (SSC part 7 §12).

    Args:
        session: a card that is genuine and valid.
        amounts: in fen, each below 2^32.
        key_index: generation of DPK; 0 takes what the PSAM says (TRM-235), and the first one without a PSAM.
    """
    yield from open_account(session)
    amounts = yield from _fitting(session, amounts)
    psam = yield from session.open_psam()
    index = key_index or (psam.purchase_index if psam is not None else 0) or _DEFAULT_INDEX
    request = bytes((index,)) + bytes(amounts) + bytes.fromhex(session.terminal_number)
    response = yield from session.send("begin the purchase", initialize_for_purchase(request))
    answer = need_ok(_STEP, "the card does not begin the purchase", response)
    if len(answer) != INITIALIZED:
        stop(Cause.PROTOCOL, _STEP, f"INITIALIZE FOR PURCHASE answers {len(answer)} bytes, not {INITIALIZED}")
    time = bcd_time(session.config.now)
    proof = yield from _authorise(session, AuthorisePurchase(session.card, request, answer, time))
    if not proof.mac1:
        stop(Cause.KEY_MISSING, _STEP, f"nobody authorises the purchase: {proof.problem}")
    record = PurchaseRecord(
        *(amounts.account, amounts.self_paid, amounts.pool),
        terminal=request[13:],
        terminal_sequence=proof.terminal_sequence,
        time=time,
        key_index=index,
        tac=b"",
        sequence=int.from_bytes(answer[14:16], "big"),
    )
    return (yield from _debit(session, record, proof))


def _fitting(session: SocialSession, amounts: Amounts) -> Flow[Amounts]:
    """Where the card keeps the personal account alone, the other amounts mean nothing and are 00 (TRM-152)."""
    if session.version != "1.0" or not (amounts.self_paid or amounts.pool):
        return amounts
    log = yield from read_records(session, LOG, Prefer.PIN)
    account_only = bool(log) and len(log[0]) == ACCOUNT_ONLY_RECORD
    return replace(amounts, self_paid=0, pool=0) if account_only else amounts


def _authorise(session: SocialSession, request: AuthorisePurchase) -> Flow[PurchaseProof]:
    """MAC1 of the PSAM, or else of the host's security module."""
    psam, problem = (yield from session.open_psam()), ""
    if psam is not None:
        proof = yield from psam.authorise_purchase(request, session.config.medical_type)
        if proof.mac1 or proof.cause not in TO_THE_HOST:
            return proof
        problem = proof.problem
    served = yield from authorise_purchase(request)
    if served.mac1:
        yield from session.served_in_its_place(problem)
    return served


def _debit(session: SocialSession, record: PurchaseRecord, proof: PurchaseProof) -> Flow[PurchaseRecord]:
    """DEBIT FOR PURCHASE, and the check of the card's MAC2."""
    key = transaction_key(session, TransactionType.PURCHASE, record.sequence)
    yield from keep(Shelf.INTERRUPTED, key, purchase_content(session.social_card, record, "open"))
    command = debit_for_purchase(record.terminal_sequence, record.time, proof.mac1)
    response = yield from session.send("book the purchase", command)
    if response.sw.value != status.OK:
        yield from discard(Shelf.INTERRUPTED, key)
    answer = need_ok(_STEP, "the card does not book the purchase", response)
    if len(answer) != DEBITED:
        stop(Cause.PROTOCOL, _STEP, f"DEBIT FOR PURCHASE answers {len(answer)} bytes, not {DEBITED}")
    return (yield from finish_purchase(session, replace(record, tac=answer[:4]), answer[4:], proof.mac2))


def finish_purchase(
    session: SocialSession, record: PurchaseRecord, mac2: bytes, expected: bytes = b""
) -> Flow[PurchaseRecord]:
    """Let who gave MAC1 check the card's MAC2, and keep the record for the host (TRM-162 to TRM-164).

    Without a PSAM that still knows the purchase, and without an expected MAC2, it is for the host to check the TAC.
    """
    problem = ""
    if expected:
        problem = "" if mac2 == expected else "the card's MAC2 is wrong"
    elif session.psam is not None and session.psam.purchase_open:
        response = yield from session.psam.credit(mac2)
        if response.sw.value != status.OK:
            problem = f"the PSAM refuses the card's MAC2: it answered {response.sw}"
    key = transaction_key(session, TransactionType.PURCHASE, record.sequence)
    mark = "suspicious" if problem else "done"
    yield from keep(Shelf.TRANSACTIONS, key, purchase_content(session.social_card, record, mark))
    yield from discard(Shelf.INTERRUPTED, key)
    session.purchase = record
    if problem:
        stop(Cause.NOT_AUTHENTIC, _STEP, f"{problem}; the purchase is kept as suspicious")
    yield from report(
        _STEP, Mark.OK, "purchase booked", ("account", str(record.account)), ("TAC", record.tac.hex().upper())
    )
    return record


def transaction_key(session: SocialSession, kind: TransactionType, sequence: int) -> str:
    """The name of a transaction in the terminal's storage: card, type, number."""
    return f"{session.social_card.identification.hex().upper()}-{int(kind)}-{sequence}"


# --- load -------------------------------------------------------------------------------------------------------------


def load(session: SocialSession, amount: int, key_index: int = 0) -> Flow[LoadRecord]:
    """Put money on the account, with the host that debits the central one (SSC part 7 §11)."""
    yield from open_account(session)
    yield from session.open_psam()
    index = key_index or _DEFAULT_INDEX
    request = bytes((index,)) + amount.to_bytes(4, "big") + bytes.fromhex(session.terminal_number)
    response = yield from session.send("begin the load", CommandApdu(0xB0, 0x28, 0x00, 0x01, request, 16))
    answer = need_ok(_STEP, "the card does not begin the load", response)
    if len(answer) != 16:
        stop(Cause.PROTOCOL, _STEP, f"INITIALIZE FOR LOAD answers {len(answer)} bytes, not 16")
    record = LoadRecord(amount, request[5:], index, int.from_bytes(answer[4:6], "big"))
    key = transaction_key(session, TransactionType.LOAD, record.sequence)
    yield from keep(Shelf.INTERRUPTED, key, record.content(session.social_card))
    permission = yield from _permission(session, record, request, answer)
    record = replace(record, time=permission.time)
    yield from keep(Shelf.INTERRUPTED, key, record.content(session.social_card))
    data = permission.time + permission.mac2
    response = yield from session.send("book the load", CommandApdu(0xB0, 0x2A, 0x00, 0x00, data, 4))
    if response.sw.value != status.OK:
        yield from finish_load(session, replace(record, tac=b""))
    tac = need_ok(_STEP, "the card does not book the load", response)
    record = replace(record, tac=tac)
    yield from finish_load(session, record)
    return record


def _permission(session: SocialSession, record: LoadRecord, request: bytes, answer: bytes) -> Flow[LoadPermission]:
    """Ask the host; a refusal ends it before the card books anything (TRM-143, TRM-145)."""
    card = session.card
    message = LoadAccount(session.social_card, card.area, card.historical, card.suite.algorithm_id, request, answer)
    permission = yield from ask_social_host(message)
    if isinstance(permission, LoadPermission):
        return permission
    yield from finish_load(session, record)
    if isinstance(permission, Refused):
        stop(Cause.HOST, _STEP, f"the host refuses the load: {permission.reason} ({permission.code})")
    stop(Cause.HOST, _STEP, "the host was not reached")


def finish_load(session: SocialSession, record: LoadRecord) -> Flow[None]:
    """Tell the host how the load ended; without its answer that waits for the next session (TRM-016)."""
    key = transaction_key(session, TransactionType.LOAD, record.sequence)
    if record.tac:
        yield from keep(Shelf.TRANSACTIONS, key, record.content(session.social_card))
    yield from keep(Shelf.PENDING, key, record.content(session.social_card))
    yield from discard(Shelf.INTERRUPTED, key)
    told = yield from ask_social_host(LoadDone(session.social_card, record.sequence, record.tac or None))
    if told is not None:
        yield from discard(Shelf.PENDING, key)
    if isinstance(told, Accepted) and record.tac:
        yield from report(
            _STEP, Mark.OK, "load booked", ("amount", str(record.amount)), ("TAC", record.tac.hex().upper())
        )
