"""A settlement that has been sent and not been answered (批结算): what it claims, until the host has said its word.

The host closes whatever it has when the settlement comes. So nothing else goes out before it is answered: otherwise a
settlement that was lost on its way would, sent again, close what it does not claim.
"""

from dataclasses import dataclass
from datetime import datetime

from terminal.effects import Flow, Shelf, discard, keep, recall
from terminal.messages.bank import HostAnswer, HostMessage, MessageKind, Totals
from terminal.parameters import TerminalParameters

APPROVED, DIFFERENT = "00", "95"
NOTHING = Totals()


@dataclass(frozen=True, slots=True)
class Claim:
    """A settlement, and the records of the storage that it covers."""

    message: HostMessage
    records: tuple[str, ...]


def day_message(
    kind: MessageKind, terminal: TerminalParameters, now: datetime, trace: int, totals: Totals = NOTHING
) -> HostMessage:
    """A message of the terminal itself, without a card."""
    return HostMessage(
        kind, time=now, trace=trace, terminal=terminal.terminal_id, merchant=terminal.merchant_id, totals=totals
    )


def in_doubt(terminal: TerminalParameters) -> Flow[Claim | None]:
    """The settlement that no host has answered yet."""
    parameters = yield from recall(Shelf.PARAMETERS)
    kept = next((entry.content for entry in parameters if entry.key == _name(terminal)), None)
    if kept is None:
        return None
    totals, trace = Totals(*map(int, kept["totals"].split())), int(kept["trace"])
    time = datetime.fromisoformat(kept["time"])
    message = day_message(MessageKind.SETTLE, terminal, time, trace, totals)
    return Claim(message, tuple(record for record in kept["records"].split("\n") if record))


def keep_claim(terminal: TerminalParameters, claim: Claim) -> Flow[None]:
    """Keep a settlement before it leaves."""
    own = claim.message.totals
    content = {
        "trace": str(claim.message.trace),
        "time": claim.message.time.isoformat(),
        "totals": f"{own.debits} {own.debit_amount} {own.credits} {own.credit_amount}",
        "records": "\n".join(claim.records),
    }
    yield from keep(Shelf.PARAMETERS, _name(terminal), content)


def close(terminal: TerminalParameters, claim: Claim, answer: HostAnswer) -> Flow[None]:
    """The host has answered: a batch that it has closed is closed here too."""
    if answer.arc in (APPROVED, DIFFERENT):
        for key in claim.records:
            yield from discard(Shelf.TRANSACTIONS, key)
    yield from discard(Shelf.PARAMETERS, _name(terminal))


def _name(terminal: TerminalParameters) -> str:
    return f"settlement {terminal.terminal_id}"
