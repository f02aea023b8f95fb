"""The terminal's day: sign-on (签到) and settlement (批结算). No card is needed.

A settlement claims what this terminal had approved since the last one and the host has acknowledged. The batch is
closed whether or not both agree; a difference is shown. A settlement whose answer is lost is sent again as it was,
before anything else that the host is sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cardsim.decode.values import decimal_yuan
from terminal.effects import Flow, Mark, ask_host, display, report
from terminal.flows.financial.batch import APPROVED, Claim, close, day_message, in_doubt, keep_claim
from terminal.flows.financial.outbox import AGAIN, batch, deliver, next_trace
from terminal.messages.bank import HostAnswer, HostMessage, MessageKind, Totals, TransactionType
from terminal.outcome import Verdict
from terminal.parameters import TerminalParameters

_SIGN_ON, _SETTLEMENT = "sign-on", "settlement"


@dataclass(frozen=True, slots=True)
class DayOutcome:
    """How it ended. `own` and `host` are the totals of a settlement, where each is known."""

    verdict: Verdict
    reason: str
    reached: bool
    arc: str = ""
    trace: int = 0
    own: Totals | None = None
    host: Totals | None = None


def sign_on(terminal: TerminalParameters, now: datetime) -> Flow[DayOutcome]:
    """Open the day; over a line the host gives new working keys."""
    trace = yield from next_trace()
    answer = yield from ask_host(day_message(MessageKind.SIGN_ON, terminal, now, trace))
    if answer is None:
        yield from report(_SIGN_ON, Mark.FAILED, "the host is not reached")
        return DayOutcome(Verdict.FAILED, "the host is not reached", reached=False, trace=trace)
    good = answer.arc == APPROVED
    yield from report(_SIGN_ON, Mark.OK if good else Mark.FAILED, f"response code {answer.arc}: {answer.reason}")
    verdict = Verdict.PASSED if good else Verdict.FAILED
    return DayOutcome(verdict, answer.reason, reached=True, arc=answer.arc, trace=trace)


def settle(terminal: TerminalParameters, now: datetime) -> Flow[DayOutcome]:
    """Tell the host what is pending, then compare totals and close the batch."""
    claim = yield from in_doubt(terminal)
    if claim is None:
        delivered, _ = yield from deliver(terminal)
        if not delivered:
            reason = "messages are pending, and the host does not acknowledge them"
            yield from report(_SETTLEMENT, Mark.FAILED, reason)
            return DayOutcome(Verdict.FAILED, reason, reached=False)
        claim = yield from _new_claim(terminal, now)
    message = claim.message
    answer = yield from ask_host(message)
    if answer is None or answer.arc in AGAIN:
        reason = "the settlement is not acknowledged; it is sent again as it is"
        yield from report(_SETTLEMENT, Mark.FAILED, reason)
        return DayOutcome(Verdict.FAILED, reason, reached=False, trace=message.trace, own=message.totals)
    yield from close(terminal, claim, answer)
    return (yield from _compared(message, answer))


def _new_claim(terminal: TerminalParameters, now: datetime) -> Flow[Claim]:
    entries = yield from batch(terminal)
    trace = yield from next_trace()
    own = sum((_totals(entry.content) for entry in entries), Totals())
    message = day_message(MessageKind.SETTLE, terminal, now, trace, own)
    claim = Claim(message, tuple(entry.key for entry in entries))
    yield from keep_claim(terminal, claim)
    return claim


def _totals(content: Mapping[str, str]) -> Totals:
    return Totals.of(TransactionType[content["transaction"]], int(content["amount"]))


def _compared(message: HostMessage, answer: HostAnswer) -> Flow[DayOutcome]:
    own, host = message.totals, answer.totals
    details = [("terminal", totals_text(own))]
    if host is not None:
        details.append(("host", totals_text(host)))
    good = answer.arc == APPROVED
    reason = answer.reason or ("the totals agree" if good else "declined")
    text = f"response code {answer.arc}: {reason}"
    yield from report(_SETTLEMENT, Mark.OK if good else Mark.FAILED, text, *details)
    yield from display("Totals agree" if good else "Totals do not agree")
    verdict = Verdict.PASSED if good else Verdict.FAILED
    return DayOutcome(verdict, reason, reached=True, arc=answer.arc, trace=message.trace, own=own, host=host)


def totals_text(totals: Totals) -> str:
    """Totals for people."""
    return (
        f"{totals.debits} debits of {decimal_yuan(totals.debit_amount)} yuan, "
        f"{totals.credits} credits of {decimal_yuan(totals.credit_amount)} yuan"
    )
