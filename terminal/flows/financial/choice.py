"""Choice of an application, and its start (EMV Book 1 §12.4, Book 4 §11.3; KRN-SEL-022 to 030, KRN-INI-006)."""

from typing import Final, NoReturn

from terminal.effects import Flow, choose, display
from terminal.flows.common import stop
from terminal.flows.financial.reading import start
from terminal.flows.financial.selection import Candidate, final_select, find_candidates
from terminal.flows.financial.transaction import Transaction
from terminal.outcome import Cause
from terminal.parameters import TerminalParameters

_STEP: Final = "application selection"
_YES: Final = 0


def choose_application(tx: Transaction) -> Flow[None]:
    """Find the candidates, then select and start one; what cannot be started is dropped.

    Raises:
        Stopped: none is left, or none can be chosen.
    """
    yield from _first_usable(tx, begin=True)


def select_application(tx: Transaction) -> Flow[None]:
    """Select one without a transaction.

    Raises:
        Stopped: as in `choose_application`.
    """
    yield from _first_usable(tx, begin=False)


def _first_usable(tx: Transaction, *, begin: bool) -> Flow[None]:
    candidates = yield from find_candidates(tx.terminal)
    while candidates:
        candidate = yield from _choose(candidates, tx.terminal)
        application = yield from final_select(candidate, tx.terminal)
        if application is not None:
            tx.start_application(application)
            if not begin or (yield from start(tx)):
                return
            tx.application = None
        candidates.remove(candidate)
        if candidates:
            yield from display("Try again")
    stop(Cause.NOT_ACCEPTED, _STEP, "no application of the card can be started")


def _choose(candidates: list[Candidate], terminal: TerminalParameters) -> Flow[Candidate]:
    """The holder's choice; the first that needs no confirmation where nobody chooses (KRN-SEL-023 to 026)."""
    if len(candidates) == 1:
        only = candidates[0]
        if only.confirm:
            answer = (yield from choose(f"Use {only.name}?", "Yes", "No")) if terminal.offers_choice else None
            if answer != _YES:
                _not_confirmed()
        return only
    index = None
    if terminal.offers_choice:
        index = yield from choose("Choose the application", *(candidate.name for candidate in candidates))
    if index is not None and 0 <= index < len(candidates):
        return candidates[index]
    for candidate in candidates:
        if not candidate.confirm:
            return candidate
    _not_confirmed()


def _not_confirmed() -> NoReturn:
    stop(Cause.NOT_ACCEPTED, _STEP, "the card's application asks for a confirmation that nobody gave")
