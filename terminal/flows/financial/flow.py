"""The financial terminal: one transaction from SELECT to the card's last word (JR/T 0025.6-2010, EMV Book 3 §8)."""

import enum
from dataclasses import dataclass

from terminal.effects import Flow, Mark, display, power_off, power_on, report
from terminal.flows.financial.action import terminal_action_analysis
from terminal.flows.financial.choice import choose_application
from terminal.flows.financial.cryptogram import Kind, generate_ac
from terminal.flows.financial.cvm import cardholder_verification
from terminal.flows.financial.oda import offline_data_authentication
from terminal.flows.financial.online import go_online, tell_host
from terminal.flows.financial.reading import read_application_data
from terminal.flows.financial.restrictions import processing_restrictions
from terminal.flows.financial.risk import terminal_risk_management
from terminal.flows.financial.transaction import Cryptogram, FinancialConfig, OdaResult, Transaction
from terminal.messages.bank import MessageKind
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
    """The payment part of a card session that is open already."""
    tx = Transaction(config)
    failure, result, reason = None, Result.TERMINATED, ""
    try:
        result, reason = yield from _transaction(tx)
    except Stopped as stopped:
        failure, reason = stopped.failure, stopped.failure.text
        yield from report(failure.step, Mark.FAILED, failure.text)
    # KRN-CMP-005: what is shown is the card's last word.
    yield from display(result.value.capitalize())
    if tx.oda.fault:
        tx.faults.insert(0, f"{tx.oda.method.value} failed: {tx.oda.problem}")
    application = tx.application
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
    )


def _verdict(result: Result, tx: Transaction) -> Verdict:
    if result is Result.TERMINATED or tx.faults:
        return Verdict.FAILED
    return Verdict.APPROVED if result is Result.APPROVED else Verdict.DECLINED


def _transaction(tx: Transaction) -> Flow[tuple[Result, str]]:
    yield from choose_application(tx)
    yield from read_application_data(tx)
    yield from offline_data_authentication(tx)
    yield from processing_restrictions(tx)
    yield from cardholder_verification(tx)
    yield from terminal_risk_management(tx)
    wanted = yield from terminal_action_analysis(tx)
    first = yield from generate_ac(tx, wanted, first=True)
    given = first.cid & 0xC0
    if given == Kind.ARQC:
        approved = yield from go_online(tx, first)
        return (Result.APPROVED, "approved online") if approved else (Result.DECLINED, _online_decline(tx))
    # KRN-GAC-010: a TC or an AAC is the end; no second GENERATE AC follows.
    yield from tell_host(tx, MessageKind.CONFIRM, first)
    if given == Kind.TC:
        return Result.APPROVED, "approved offline"
    return Result.DECLINED, "declined offline by the " + ("terminal" if wanted is Kind.AAC else "card")


def _online_decline(tx: Transaction) -> str:
    match tx.arc:
        case b"00" | b"10" | b"11" | b"Y3":
            return "declined by the card after an approval"
        case b"Z3":
            return "declined: unable to go online"
        case _:
            return f"declined by the bank's host with response code {tx.arc.decode('ascii', 'replace')}"
