"""After the card was pulled (拔卡): the same card again, and what became of the transaction (SSC part 7 §14).

The card repairs itself when it gets power; the terminal finds out whether the card booked what it was told, and books
the same on its own side. A record of the storage says what is open, so that a terminal that was switched off in between
does the same at the next session of that card.
"""

from dataclasses import replace
from typing import Final

from cardsim.crypto.medical import TransactionType
from terminal.effects import Entry, Flow, Mark, Shelf, ask_social_host, discard, display, power_on, recall, report
from terminal.errors import LinkError
from terminal.flows.common import stop
from terminal.flows.social.files import was_written
from terminal.flows.social.medical import finish_load, finish_purchase, read_log, transaction_proof
from terminal.flows.social.records import LOAD, PURCHASE, LoadRecord, WriteRecord, is_of, purchase_of
from terminal.flows.social.session import SocialSession
from terminal.messages.social import LoadDone, PurchaseRecord, SocialCard
from terminal.outcome import Cause, Stopped

_STEP: Final = "recovery"
_LOGGED: Final = {TransactionType.LOAD: "1", TransactionType.PURCHASE: "2"}
"""How the card's log names them (TRM-242)."""


def open_entries(card: SocialCard) -> Flow[list[Entry]]:
    """What is open of a card."""
    entries = yield from recall(Shelf.INTERRUPTED)
    return [entry for entry in entries if is_of(entry.content, card)]


def ask_again(session: SocialSession, lost: LinkError) -> Flow[bool]:
    """The card went away: ask for it again where something of it is open, and finish that; whether all was done.

    Raises:
        LinkError: nothing is open, or no card comes.
        Stopped: another card was inserted; what is open stays open (TRM-170).
    """
    card = session.social_card
    if not (yield from open_entries(card)):
        raise lost
    yield from display("The card was removed before it answered. Insert it again")
    session.reset()
    atr = yield from power_on()
    yield from session.read_atr(atr)
    yield from session.select_environment()
    yield from session.read_issuer()
    if (session.social_card.identification, session.social_card.number) != (card.identification, card.number):
        stop(Cause.OTHER_CARD, _STEP, "this is not the card that was removed")
    yield from session.authenticate_card()
    return (yield from finish_open(session))


def finish_open(session: SocialSession, *, later: bool = False) -> Flow[bool]:
    """Find out what became of each thing that is open of this card; whether the card had done all of it.

    In a `later` session the card may have been at another terminal, and have given the number of what was not done to
    something else: then the proof is not that of what is open, and the card's log says so. Without the PIN, behind
    which the log is, it stays open.
    """
    all_done = True
    for entry in (yield from open_entries(session.social_card)):
        try:
            done = yield from _finish(session, entry, later=later)
        except Stopped as stopped:
            if not later or stopped.failure.cause not in (Cause.PIN, Cause.PIN_BLOCKED):
                raise
            yield from report(_STEP, Mark.INFO, f"the interrupted {entry.content['kind']} stays open: {stopped}")
            continue
        what = entry.content["kind"]
        text = f"the interrupted {what} was done" if done else f"the interrupted {what} was not done"
        yield from report(_STEP, Mark.OK if done else Mark.INFO, text)
        all_done = all_done and done
    return all_done


def _finish(session: SocialSession, entry: Entry, *, later: bool) -> Flow[bool]:
    match entry.content["kind"]:
        case kind if kind == PURCHASE:
            return (yield from _finish_purchase(session, entry, later=later))
        case kind if kind == LOAD:
            return (yield from _finish_load(session, entry, later=later))
        case _:
            done = yield from was_written(session, WriteRecord.of(entry.content))
            yield from discard(Shelf.INTERRUPTED, entry.key)
            return done


def _proof(
    session: SocialSession, kind: TransactionType, record: PurchaseRecord | LoadRecord, *, later: bool
) -> Flow[tuple[bytes, bytes] | None]:
    """MAC2 and TAC of what is open, or None where the card has not booked it."""
    proof = yield from transaction_proof(session, kind, record.sequence)
    if proof is None or not later:
        return proof
    for booked in (yield from read_log(session)):
        if (booked.type, booked.sequence) == (_LOGGED[kind], record.sequence):
            same = booked.terminal == record.terminal.hex().upper() and booked.time.endswith(record.time.hex().upper())
            return proof if same else None
    return proof


def _finish_purchase(session: SocialSession, entry: Entry, *, later: bool) -> Flow[bool]:
    """The proof under the number of the interrupted transaction is the lost answer (TRM-172, TRM-173)."""
    record = purchase_of(entry.content)
    proof = yield from _proof(session, TransactionType.PURCHASE, record, later=later)
    if proof is None:
        yield from discard(Shelf.INTERRUPTED, entry.key)
        return False
    mac2, tac = proof
    yield from finish_purchase(session, replace(record, tac=tac), mac2)
    return True


def _finish_load(session: SocialSession, entry: Entry, *, later: bool) -> Flow[bool]:
    record = LoadRecord.of(entry.content)
    proof = yield from _proof(session, TransactionType.LOAD, record, later=later)
    record = replace(record, tac=b"" if proof is None else proof[1])
    yield from finish_load(session, record)
    return proof is not None


def send_pending() -> Flow[None]:
    """Tell the host what it has not heard yet: how loads ended."""
    for entry in (yield from recall(Shelf.PENDING)):
        if entry.content.get("kind") != LOAD:
            continue
        record = LoadRecord.of(entry.content)
        card = SocialCard(bytes.fromhex(entry.content["identification"]), entry.content["number"])
        told = yield from ask_social_host(LoadDone(card, record.sequence, record.tac or None))
        if told is None:
            return
        yield from discard(Shelf.PENDING, entry.key)
        yield from report(_STEP, Mark.OK, f"the host knows how load {record.sequence} ended")
