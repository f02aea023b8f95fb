"""Writing what was asked for, and the holder's online update (联机更新; SSC part 7 §7, §8; TRM-101 to TRM-112)."""

from collections.abc import Sequence
from typing import Final

from terminal.effects import Flow, Mark, ask_social_host, display, report
from terminal.filetable import Address, FileKind, NoSuchFile, item_of, kind_of
from terminal.flows.common import stop
from terminal.flows.social.config import Prefer, Write
from terminal.flows.social.files import add_record, need_file, obtain, write_binary, write_item
from terminal.flows.social.session import SocialSession
from terminal.messages.social import RequestUpdate, UpdateData
from terminal.outcome import Cause

_STEP: Final = "update"


def write_all(session: SocialSession, writes: Sequence[Write]) -> Flow[None]:
    """Each item in turn; all are judged by the table before the first one is written."""
    for write in writes:
        need_file(session, write.address)
    for write in writes:
        yield from write_one(session, write)
    yield from display(f"All data are updated: {len(writes)}")


def write_one(session: SocialSession, write: Write) -> Flow[None]:
    """One item, cyclic record or transparent file."""
    file = need_file(session, write.address)
    match kind_of(file):
        case FileKind.RECORDS:
            item = None if write.tag is None else item_of(file, write.tag, write.copy)
            if item is None:
                stop(Cause.REQUEST, str(write.address), f"{write.address} has no such item")
            yield from write_item(session, write.address, item, write.value)
        case FileKind.CYCLIC:
            yield from add_record(session, write.address, write.value)
        case FileKind.TRANSPARENT:
            yield from write_binary(session, write.address, write.value)


def online_update(session: SocialSession, files: Sequence[Address]) -> Flow[int]:
    """What the host has for these files goes to the card; the number of items.

    The terminal proves its right to the card before the host is asked, and the host's permission comes before the first
    write (TRM-108, TRM-112).
    """
    for address in files:
        file = need_file(session, address)
        yield from session.enter(address.df)
        yield from obtain(session, address.df, file.write, Prefer.KEY)
    names = tuple(str(address) for address in files)
    answer = yield from ask_social_host(RequestUpdate(session.social_card, session.terminal_number, names))
    if answer is None:
        stop(Cause.HOST, _STEP, "the host was not reached: nothing is written")
    if not isinstance(answer, UpdateData):
        stop(Cause.HOST, _STEP, f"the host refuses the update: {answer.reason} ({answer.code})")
    try:
        writes = [Write(Address.parse(item.file), item.tag, item.value) for item in answer.writes]
    except NoSuchFile as error:
        stop(Cause.HOST, _STEP, f"the host's answer cannot be used: {error}")
    if any(write.address not in files for write in writes):
        stop(Cause.HOST, _STEP, "the host's answer is about other files than were asked for")
    yield from write_all(session, writes)
    yield from report(_STEP, Mark.OK, f"{len(writes)} items are renewed")
    return len(writes)
