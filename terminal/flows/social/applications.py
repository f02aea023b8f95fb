"""Application initialisation (应用初始化): what card and terminal have in common (SSC part 3 §6.5)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cardsim.iso7816 import status
from cardsim.iso7816.tlv import Tlv, TlvError, find, parse
from terminal.effects import Flow, Mark, choose, display, report
from terminal.flows.common import BLOCKED_WORDS, need_ok, read_record, select_by_name, stop
from terminal.flows.social.config import Application
from terminal.flows.social.session import SocialSession
from terminal.outcome import Cause

_STEP: Final = "application initialisation"
CHOICE: Final = "Application"
"""The prompt when an application is chosen."""
_ENTRY, _NAME, _LABEL, _RECORD = 0x61, 0x4F, 0x50, 0x70


@dataclass(frozen=True, slots=True)
class DirectoryEntry:
    """An entry of a directory: the name of a DDF, or name and label of an ADF."""

    name: bytes
    label: bytes | None

    @property
    def is_directory(self) -> bool:
        """A DDF has no label."""
        return self.label is None


def find_applications(session: SocialSession) -> Flow[list[Application]]:
    """The applications that card and terminal have in common, in the terminal's order or else the card's.

    By the directory, where the card has one; without one the card is taken to have them all (TRM-075); an empty one, or
    a terminal that does not use directories, leads to the direct method (TRM-074).
    """
    parameters = session.config.parameters
    if not parameters.directory:
        found = yield from _try_each(session)
    elif session.directory_sfi is None:
        found = list(parameters.offered)
    else:
        entries = yield from read_directory(session, session.directory_sfi)
        found = yield from _common(session, entries) if entries else _try_each(session)
    if parameters.priority:
        found = [application for application in parameters.offered if application in found]
    labels = ", ".join(application.label for application in found)
    yield from report(_STEP, Mark.OK, f"{len(found)} applications in common", ("applications", labels))
    return found


def choose_application(session: SocialSession, found: list[Application]) -> Flow[Application]:
    """Let the holder choose and SELECT it; one that the card refuses leaves the list (TRM-078 to TRM-081).

    Raises:
        Stopped: there is none, or nobody chooses.
    """
    found = list(found)
    while found:
        index = yield from choose(CHOICE, *(application.label for application in found))
        if index is None:
            stop(Cause.NOT_CHOSEN, _STEP, "no application was chosen")
        application = found[index]
        response = yield from session.send(f"select {application.label}", select_by_name(application.name))
        if response.sw.value == status.OK:
            session.entered(application.df)
            return application
        found.remove(application)
        why = "is blocked" if response.sw.value in BLOCKED_WORDS else f"cannot be selected ({response.sw})"
        yield from display(f"{application.label} {why}")
    stop(Cause.NOT_ACCEPTED, _STEP, "card and terminal have no application in common")


# --- directory method (SSC part 3 §6.5.2) -----------------------------------------------------------------------------


def read_directory(session: SocialSession, sfi: int) -> Flow[list[DirectoryEntry]]:
    """Records 1, 2, … of the directory until 6A83 (TRM-073)."""
    entries: list[DirectoryEntry] = []
    for number in range(1, 255):
        response = yield from session.send(f"record {number} of the directory", read_record(number, sfi))
        if response.sw.value == status.RECORD_NOT_FOUND:
            break
        entries += entries_of(need_ok(_STEP, "the directory cannot be read", response))
    return entries


def entries_of(record: bytes) -> list[DirectoryEntry]:
    """The entries of one record: one or more templates 61, alone or inside a 70 (TRM-076)."""
    try:
        return [_entry(template) for template in _templates(record)]
    except TlvError as error:
        stop(Cause.CARD_DATA, _STEP, f"a record of the directory is malformed: {error}")


def _templates(data: bytes) -> Iterator[Tlv]:
    for item in parse(data):
        if item.tag == _RECORD:
            yield from _templates(item.value)
        elif item.tag == _ENTRY:
            yield item


def _entry(template: Tlv) -> DirectoryEntry:
    values = {item.tag: item.value for item in parse(template.value)}
    if _NAME not in values:
        stop(Cause.CARD_DATA, _STEP, "an entry of the directory has no name")
    return DirectoryEntry(values[_NAME], values.get(_LABEL))


def _common(session: SocialSession, entries: list[DirectoryEntry]) -> Flow[list[Application]]:
    """What the terminal supports of a directory, nested ones visited once each (TRM-077, TRM-084)."""
    found: list[Application] = []
    visited: set[bytes] = set()
    waiting = list(entries)
    while waiting:
        entry = waiting.pop(0)
        if entry.is_directory:
            if entry.name not in visited and _leads_on(session, entry.name):
                visited.add(entry.name)
                waiting = (yield from _nested(session, entry.name)) + waiting
            continue
        application = _supported(session, entry)
        if application is not None and application not in found:
            found.append(application)
    if visited:
        yield from session.select_environment()
    return found


def _leads_on(session: SocialSession, name: bytes) -> bool:
    return any(application.name.startswith(name) for application in session.config.parameters.offered)


def _nested(session: SocialSession, name: bytes) -> Flow[list[DirectoryEntry]]:
    response = yield from session.send("select a directory inside", select_by_name(name))
    if response.sw.value != status.OK:
        return []
    session.entered(0)
    try:
        sfi = find(response.data, 0x6F, 0xA5, 0x88)
    except TlvError:
        sfi = None
    return (yield from read_directory(session, sfi[0])) if sfi else []


def _supported(session: SocialSession, entry: DirectoryEntry) -> Application | None:
    """The terminal's application of an entry: by its name, or by its label (TRM-082, TRM-083)."""
    for application in session.config.parameters.offered:
        if entry.name == application.name or entry.label == application.label.encode("gbk"):
            return application
    return None


# --- direct method (SSC part 3 §6.5.1) --------------------------------------------------------------------------------


def _try_each(session: SocialSession) -> Flow[list[Application]]:
    """SELECT each application that the terminal supports, and the environment again."""
    there: dict[Application, bool] = {}
    for application in session.config.parameters.offered:
        there[application] = yield from _is_there(session, application)
    yield from session.select_environment()
    return [application for application, known in there.items() if known]


def _is_there(session: SocialSession, application: Application) -> Flow[bool]:
    """Whether a DF of just that name exists; longer names with it in front are passed over (TRM-070 to TRM-072)."""
    next_one = False
    while True:
        command = select_by_name(application.name, next_one=next_one)
        response = yield from session.send(f"is there {application.label}?", command)
        if response.sw.value != status.OK:
            return False
        session.entered(application.df)
        try:
            name = find(response.data, 0x6F, 0x84) or b""
        except TlvError:
            return False
        if name == application.name:
            return True
        if next_one or not name.startswith(application.name):
            return False
        next_one = True
