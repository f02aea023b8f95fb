"""The services of a social-security terminal, and what each leaves as its result: names and texts."""

from collections.abc import Callable, Mapping
from typing import Final

from cardsim.decode.items import item_of as known_item
from cardsim.decode.values import item_text, yuan
from cardsim.making.plan import FilePlan
from terminal.effects import Flow, choose, display
from terminal.filetable import Address, FileKind, kind_of
from terminal.flows.common import stop
from terminal.flows.social.applications import choose_application
from terminal.flows.social.config import KINDS, SocialService
from terminal.flows.social.files import need_file, read_binary, read_items, read_records
from terminal.flows.social.maintenance import block_application, block_card
from terminal.flows.social.medical import balances, load, read_log, set_starting_day, starting_day, transaction_proof
from terminal.flows.social.pin import change_pin, clear_pin, reset_pin, unblock_pin, verify_pin
from terminal.flows.social.policy import settle
from terminal.flows.social.session import SocialSession
from terminal.flows.social.update import online_update, write_all
from terminal.outcome import Cause
from terminal.reuseditems import has_new_meaning, judged_by, without_filler

Result = tuple[tuple[str, str], ...]
CHOICE: Final = "Transaction"
"""The prompt when a kind of transaction is chosen."""
Service = Callable[[SocialSession], Flow[Result]]


def serve(session: SocialSession, service: SocialService) -> Flow[Result]:
    """Do one service for a card that is known, genuine and valid."""
    return (yield from SERVICES[service](session))


def _quiet(step: Callable[[SocialSession], Flow[None]]) -> Service:
    """A step whose reports say all."""

    def service(session: SocialSession) -> Flow[Result]:
        yield from step(session)
        return ()

    return service


def _nothing(_session: SocialSession) -> Flow[None]:
    yield from ()


# --- files ------------------------------------------------------------------------------------------------------------


def _read(session: SocialSession) -> Flow[Result]:
    found: list[tuple[str, str]] = []
    for address in session.config.reads:
        found += yield from read_file(session, address)
    for name, text in found:
        yield from display(f"{name}: {text}")
    return tuple(found)


def read_file(session: SocialSession, address: Address) -> Flow[list[tuple[str, str]]]:
    """All of a file, as names and texts (TRM-098, TRM-099)."""
    file, prefer = need_file(session, address), session.config.prefer
    match kind_of(file):
        case FileKind.RECORDS:
            values = yield from read_items(session, address, file.items, prefer)
            return _named(session, address, file, values)
        case FileKind.CYCLIC:
            records = yield from read_records(session, address, prefer)
            return [(f"{address}:{n}", record.hex().upper()) for n, record in enumerate(records, 1)]
        case FileKind.TRANSPARENT:
            content = yield from read_binary(session, address, prefer)
            return [(str(address), content.hex().upper())]


def _named(session: SocialSession, address: Address, file: FilePlan, values: list[bytes]) -> list[tuple[str, str]]:
    """Items with their names; those that an old card uses otherwise have no name of today (TRM-185)."""
    by_tag = {item.tag: value for item, value in zip(file.items, values, strict=True)}
    found = []
    for item, value in zip(file.items, values, strict=True):
        if not value and session.table.may_lack(address, item):
            continue
        tag = item.tag or 0
        known, judge = known_item(tag, simple=True), judged_by(session.version, address, tag)
        if judge is None:
            found.append((known.name, item_text(known, value)))
        elif has_new_meaning(by_tag[judge]):
            found.append((known.name, item_text(known, without_filler(value))))
        else:
            found.append((f"item {tag:02X} as of 1.0", value.hex().upper()))
    return found


def _write(session: SocialSession) -> Flow[None]:
    yield from write_all(session, session.config.writes)


def _update(session: SocialSession) -> Flow[None]:
    yield from online_update(session, session.config.update_files)


def _block_application(session: SocialSession) -> Flow[None]:
    yield from block_application(session, session.config.application or session.df)


# --- medical account --------------------------------------------------------------------------------------------------


def _balance(session: SocialSession) -> Flow[Result]:
    found = yield from balances(session)
    totals = ("paid by the holder", yuan(found.self_paid)), ("paid by the pool", yuan(found.pool))
    return (("account", yuan(found.account)), *totals, ("year", found.year))


def _load(session: SocialSession) -> Flow[Result]:
    done = yield from load(session, session.config.amounts.account)
    return (("transaction", str(done.sequence)), ("amount", yuan(done.amount)), ("TAC", done.tac.hex().upper()))


def _purchase(session: SocialSession) -> Flow[Result]:
    record = yield from settle(session, session.config.amounts, session.config.settlement)
    if record is None:
        return (("account", "kept by the centre; the card was renewed"),)
    sequence = record.terminal_sequence.hex().upper()
    return (
        ("transaction", str(record.sequence)),
        ("terminal transaction", sequence),
        ("TAC", record.tac.hex().upper()),
    )


def _log(session: SocialSession) -> Flow[Result]:
    log = yield from read_log(session)
    return tuple((f"transaction {entry.sequence}", entry.text) for entry in log)


def _proof(session: SocialSession) -> Flow[Result]:
    proof = yield from transaction_proof(session, *session.config.proof)
    if proof is None:
        return (("proof", "none: the card did not book it, or has booked another since"),)
    return (("MAC2", proof[0].hex().upper()), ("TAC", proof[1].hex().upper()))


def _starting_day(session: SocialSession) -> Flow[Result]:
    if session.config.starting_day:
        yield from set_starting_day(session, session.config.starting_day)
    day = yield from starting_day(session)
    return (("starting day", day),)


# --- the whole transaction --------------------------------------------------------------------------------------------


def _transaction(session: SocialSession) -> Flow[Result]:
    """PIN, application, one kind of transaction (SSC part 7 §5.6 to §5.12, TRM-069, TRM-085)."""
    yield from verify_pin(session)
    application = yield from choose_application(session, session.applications)
    kinds = KINDS[session.config.role]
    index = yield from choose(CHOICE, *(kind.value for kind in kinds))
    if index is None:
        stop(Cause.NOT_CHOSEN, "transaction", "no transaction was chosen")
    result = yield from serve(session, kinds[index])
    return (("application", application.label), ("transaction", kinds[index].value), *result)


SERVICES: Final[Mapping[SocialService, Service]] = {
    SocialService.IDENTITY: _quiet(_nothing),
    SocialService.VERIFY_PIN: _quiet(verify_pin),
    SocialService.CHANGE_PIN: _quiet(change_pin),
    SocialService.RESET_PIN: _quiet(reset_pin),
    SocialService.CLEAR_PIN: _quiet(clear_pin),
    SocialService.UNBLOCK_PIN: _quiet(unblock_pin),
    SocialService.READ: _read,
    SocialService.WRITE: _quiet(_write),
    SocialService.UPDATE: _quiet(_update),
    SocialService.BALANCE: _balance,
    SocialService.LOAD: _load,
    SocialService.PURCHASE: _purchase,
    SocialService.LOG: _log,
    SocialService.PROOF: _proof,
    SocialService.STARTING_DAY: _starting_day,
    SocialService.BLOCK_APPLICATION: _quiet(_block_application),
    SocialService.BLOCK_CARD: _quiet(block_card),
    SocialService.TRANSACTION: _transaction,
}
