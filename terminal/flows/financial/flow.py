"""The financial terminal: one transaction from SELECT to the card's last word (JR/T 0025.6-2010, EMV Book 3 §8)."""

import enum
from dataclasses import dataclass

from cardsim.decode.values import decimal_yuan
from terminal.effects import Flow, Mark, display, power_off, power_on, report
from terminal.flows.financial.action import terminal_action_analysis
from terminal.flows.financial.choice import choose_application
from terminal.flows.financial.completion import complete_offline, decline_signature
from terminal.flows.financial.cryptogram import Kind, generate_ac
from terminal.flows.financial.cvm import cardholder_verification
from terminal.flows.financial.hostside import ScriptResult
from terminal.flows.financial.oda import offline_data_authentication
from terminal.flows.financial.online import go_online, note_check, serve
from terminal.flows.financial.outbox import deliver, next_trace
from terminal.flows.financial.pinchange import enter_new_pin
from terminal.flows.financial.reading import read_application_data
from terminal.flows.financial.receipt import print_slips
from terminal.flows.financial.restrictions import processing_restrictions
from terminal.flows.financial.risk import terminal_risk_management
from terminal.flows.financial.terms import apply_terms
from terminal.flows.financial.transaction import Cryptogram, FinancialConfig, OdaResult, Transaction
from terminal.messages.bank import TransactionType
from terminal.outcome import Cause, DataItem, Failure, Stopped, Verdict


class Result(enum.Enum):
    """How the transaction itself ended."""

    APPROVED = "approved"
    DECLINED = "declined"
    TERMINATED = "terminated"


@dataclass(frozen=True, slots=True)
class FinancialOutcome:
    """What the financial terminal found.

    `result` is the transaction's end. `verdict` is the same, but FAILED where the transaction was terminated or the
    card showed a fault: data or cryptograms that are not the issuer's, or answers against the rules.
    """

    verdict: Verdict
    result: Result
    reason: str
    failure: Failure | None
    faults: tuple[str, ...]
    aid: bytes
    label: str
    pan: str
    oda: OdaResult
    tvr: bytes
    tsi: bytes
    cvm_result: bytes
    arc: str
    cryptograms: tuple[Cryptogram, ...]
    reversal: bool
    items: tuple[DataItem, ...]
    trace: int
    """Trace number of the transaction (流水号)."""
    reference: str
    """Retrieval reference number of the host, or ""."""
    authorisation: str
    """Authorisation code, or ""."""
    balance: int | None
    """The account's balance in fen, where it was asked for."""
    fee: int
    """Fen."""
    cash_balance: int | None
    """Electronic cash on the card afterwards, in fen, where it is known."""
    scripts: tuple[ScriptResult, ...]
    card_kept: bool

    @property
    def blocked(self) -> bool:
        """Whether the environment is blocked (D10)."""
        return self.failure is not None and self.failure.cause is Cause.BLOCKED


def financial(config: FinancialConfig) -> Flow[FinancialOutcome]:
    """A whole card session with the payment environment."""
    yield from power_on()
    outcome = yield from financial_session(config)
    yield from power_off()
    return outcome


def financial_session(config: FinancialConfig) -> Flow[FinancialOutcome]:
    """The payment part of a card session that is open already.

    Reversals of earlier transactions go out first (冲正). At the end all that is pending is told to the host, if the
    terminal has a line; what is not acknowledged stays for the next time.
    """
    tx = Transaction(config)
    failure, result, reason = None, Result.TERMINATED, ""
    try:
        result, reason = yield from _transaction(tx)
    except Stopped as stopped:
        failure, reason = stopped.failure, stopped.failure.text
        yield from report(failure.step, Mark.FAILED, failure.text)
    # KRN-CMP-005, KRN-CMP-008: what is shown is the card's last word, and by now it is stored.
    yield from display(result.value.capitalize())
    if tx.host.cash_balance is not None:
        yield from display(f"Electronic cash: {decimal_yuan(tx.host.cash_balance)} yuan")
    if result is Result.APPROVED and not tx.app.blocked:
        yield from print_slips(tx, reason)
    yield from _give_back(tx)
    if config.terminal.online_capable:
        yield from _tell_host(tx)
    if tx.oda.fault:
        tx.faults.insert(0, f"{tx.oda.method.value} failed: {tx.oda.problem}")
    return _outcome(tx, failure, result, reason)


def _outcome(tx: Transaction, failure: Failure | None, result: Result, reason: str) -> FinancialOutcome:
    application, host = tx.application, tx.host
    answer = host.answer
    return FinancialOutcome(
        verdict=_verdict(result, tx),
        result=result,
        reason=reason,
        failure=failure,
        faults=tuple(tx.faults),
        aid=application.aid if application else b"",
        label=application.label if application else "",
        pan=application.pan if application else "",
        oda=tx.oda,
        tvr=bytes(tx.tvr),
        tsi=bytes(tx.tsi),
        cvm_result=tx.cvm_result,
        arc=tx.arc.decode("ascii", "replace"),
        cryptograms=tuple(tx.cryptograms),
        reversal=tx.reversal,
        items=tx.items(),
        trace=host.trace,
        reference=answer.reference if answer else "",
        authorisation=answer.authorisation if answer else "",
        balance=answer.balance if answer else None,
        fee=answer.fee if answer else 0,
        cash_balance=host.cash_balance,
        scripts=tuple(host.scripts),
        card_kept=host.card_kept,
    )


def _verdict(result: Result, tx: Transaction) -> Verdict:
    if result is Result.TERMINATED or tx.faults:
        return Verdict.FAILED
    return Verdict.APPROVED if result is Result.APPROVED else Verdict.DECLINED


def _transaction(tx: Transaction) -> Flow[tuple[Result, str]]:
    yield from deliver(tx.terminal, reversals_only=True)
    tx.host.trace = yield from next_trace()
    yield from choose_application(tx)
    yield from read_application_data(tx)
    if tx.app.blocked:
        return (yield from _serve_blocked(tx))
    yield from apply_terms(tx)
    yield from offline_data_authentication(tx)
    yield from processing_restrictions(tx)
    yield from cardholder_verification(tx)
    if tx.config.kind is TransactionType.PIN_CHANGE:
        yield from enter_new_pin(tx)
    yield from terminal_risk_management(tx)
    wanted = yield from terminal_action_analysis(tx)
    first = yield from generate_ac(tx, wanted, first=True)
    tx.cryptograms.append(first)
    given = first.cid & 0xC0
    if not first.authentic:
        yield from decline_signature(tx, first)
        return Result.DECLINED, "declined: the card's signature is wrong (CDA)"
    if given == Kind.ARQC:
        return (yield from _online(tx, first))
    # KRN-GAC-010: a TC or an AAC is the end; no second GENERATE AC follows.
    yield from complete_offline(tx, first)
    if given == Kind.TC:
        return Result.APPROVED, "approved offline" if tx.electronic_cash is None else "paid by electronic cash"
    return Result.DECLINED, "declined offline by the " + ("terminal" if wanted is Kind.AAC else "card")


def _online(tx: Transaction, first: Cryptogram) -> Flow[tuple[Result, str]]:
    approved = yield from go_online(tx, first)
    answer = tx.host.answer
    tx.host.card_kept = answer is not None and answer.keep_card and tx.terminal.keeps_cards
    if answer is not None and answer.balance is not None:
        yield from display(f"Available balance: {decimal_yuan(answer.balance)} yuan")
    if approved:
        return Result.APPROVED, "approved offline: unable to go online" if tx.arc == b"Y3" else "approved online"
    return Result.DECLINED, _online_decline(tx)


def _serve_blocked(tx: Transaction) -> Flow[tuple[Result, str]]:
    """A blocked application at the bank's counter: an AAC is all that it gives, and scripts reach it then (D37)."""
    tx.arc = b"Z1"
    cryptogram = yield from generate_ac(tx, Kind.AAC, first=True)
    tx.cryptograms.append(cryptogram)
    served = yield from serve(tx, cryptogram)
    if served:
        return Result.APPROVED, "the issuer's scripts were carried out"
    if tx.host.scripts:
        return Result.DECLINED, "the card has not taken the issuer's scripts"
    return Result.DECLINED, "the application is blocked, and the bank's host has nothing for it"


def _give_back(tx: Transaction) -> Flow[None]:
    """A terminal that could keep the card does so by the host's order alone (KRN-ATM-009)."""
    if tx.terminal.keeps_cards:
        yield from display("The card is kept" if tx.host.card_kept else "Please take your card")


def _tell_host(tx: Transaction) -> Flow[None]:
    """Tell the host what is pending, and note what it finds about the card's last cryptogram."""
    _, answered = yield from deliver(tx.terminal)
    for message, answer in answered:
        if message == tx.host.last_word:
            note_check(tx, -1, answer.cryptogram)


def _online_decline(tx: Transaction) -> str:
    if tx.host.load_failed:
        return "the card has not taken the new balance; the load is taken back"
    match tx.arc:
        case b"00" | b"10" | b"11" | b"Y3":
            return "declined by the card after an approval"
        case b"Z3":
            return "declined: unable to go online"
        case _:
            return f"declined by the bank's host with response code {tx.arc.decode('ascii', 'replace')}"
