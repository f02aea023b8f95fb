"""Application selection: directory of the payment environment, or list of AIDs (EMV Book 1 §12.3, KRN-SEL)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cardsim.decode import Environment
from cardsim.decode.commands import PSE_NAME
from cardsim.decode.values import gbk_text
from cardsim.iso7816 import status
from cardsim.iso7816.tlv import TlvError, find, parse, walk
from terminal.effects import Flow, Mark, report
from terminal.flows.common import read_record, refuse, select_by_name, send, stop
from terminal.flows.financial.transaction import Application
from terminal.outcome import Cause
from terminal.parameters import ApplicationParameters, TerminalParameters

_PSE = Environment.PSE
_STEP: Final = "application selection"
_MAX_OCCURRENCES: Final = 16
_CONFIRM: Final = 0x80


@dataclass(frozen=True, slots=True)
class Candidate:
    """An application that card and terminal both have."""

    aid: bytes
    label: str
    priority: int
    parameters: ApplicationParameters

    @property
    def rank(self) -> int:
        """Place in the choice: 1 first, none last (KRN-SEL-025)."""
        return self.priority & 0x0F or 16


def find_candidates(terminal: TerminalParameters) -> Flow[list[Candidate]]:
    """The candidate list in the order of choice.

    Raises:
        Stopped: the card is blocked, or nothing is left that the terminal could take.
    """
    found = yield from _from_directory(terminal)
    if not found:
        found = yield from _from_list(terminal)
    unique = {candidate.aid: candidate for candidate in reversed(found)}
    ordered = sorted((c for c in found if unique.get(c.aid) is c), key=lambda c: c.rank)
    if not ordered:
        stop(Cause.NOT_ACCEPTED, _STEP, "the card has no application that this terminal accepts")
    # KRN-SEL-026: without a means to ask the holder, an application that wants to be confirmed is left out.
    free = [candidate for candidate in ordered if not candidate.priority & _CONFIRM]
    if not free:
        stop(Cause.NOT_ACCEPTED, _STEP, "the card's application asks for a confirmation that this terminal cannot give")
    details = [(candidate.aid.hex().upper(), candidate.label) for candidate in free]
    yield from report(_STEP, Mark.OK, f"{len(free)} application(s) in common", *details)
    return free


def _from_directory(terminal: TerminalParameters) -> Flow[list[Candidate]]:
    """Candidates of the directory; none where the list of AIDs has to be used (KRN-SEL-001 to 014)."""
    response = yield from send(_PSE, "enter the payment environment", select_by_name(PSE_NAME))
    if response.sw.value == status.NOT_SUPPORTED:
        refuse(_STEP, "the payment environment is blocked", response.sw, Cause.BLOCKED)
    if response.sw.value != status.OK:
        yield from report(_STEP, Mark.INFO, f"no payment directory ({response.sw}); going on with the list of AIDs")
        return []
    sfi = _directory_sfi(response.data)
    if sfi is None:
        yield from report(_STEP, Mark.INFO, "the directory's FCI is malformed; going on with the list of AIDs")
        return []
    found: list[Candidate] = []
    for number in range(1, 256):
        record = yield from send(_PSE, f"read directory record {number}", read_record(number, sfi))
        if record.sw.value == status.RECORD_NOT_FOUND:
            break
        if record.sw.value != status.OK:
            yield from report(_STEP, Mark.INFO, f"the directory cannot be read ({record.sw}); using the list of AIDs")
            return []
        try:
            found.extend(_directory_entries(record.data, terminal))
        except TlvError as error:
            yield from report(_STEP, Mark.INFO, f"directory record {number} is malformed ({error}); using the AID list")
            return []
    return found


def _directory_sfi(fci: bytes) -> int | None:
    """SFI of the directory file, or None if the FCI has a format error (KRN-SEL-006)."""
    try:
        name, sfi = find(fci, 0x6F, 0x84), find(fci, 0x6F, 0xA5, 0x88)
    except TlvError:
        return None
    if name != PSE_NAME or sfi is None or len(sfi) != 1 or not 1 <= sfi[0] <= 10:
        return None
    return sfi[0]


def _directory_entries(record: bytes, terminal: TerminalParameters) -> Iterator[Candidate]:
    """Entries 61 of one record that the terminal has too; entries for DDFs (9D) are ignored (D28, PBOC 3.0)."""
    content = find(record, 0x70)
    if content is None:
        raise TlvError("there is no template 70")
    for entry in parse(content):
        if entry.tag != 0x61:
            continue
        items = {item.tag: item.value for item in parse(entry.value)}
        aid = items.get(0x4F, b"")
        priority = items.get(0x87, b"\0")
        if 5 <= len(aid) <= 16 and (parameters := _match(aid, terminal)) is not None:
            yield Candidate(aid, _label(items), priority[0] if priority else 0, parameters)


def _label(items: dict[int, bytes]) -> str:
    """What the choice shows: preferred name, else label (KRN-SEL-027)."""
    return gbk_text(items.get(0x9F12, b"")) or gbk_text(items.get(0x50, b"")) or ""


def _match(aid: bytes, terminal: TerminalParameters) -> ApplicationParameters | None:
    """The terminal's application that an AID of the card belongs to (KRN-SEL-012, 013)."""
    for parameters in terminal.applications:
        if aid == parameters.aid or (parameters.partial and aid.startswith(parameters.aid)):
            return parameters
    return None


def _from_list(terminal: TerminalParameters) -> Flow[list[Candidate]]:
    """Candidates by selecting each AID of the terminal (EMV Book 1 §12.3.3, KRN-SEL-015 to 020)."""
    found: list[Candidate] = []
    for parameters in terminal.applications:
        for occurrence in range(_MAX_OCCURRENCES):
            command = select_by_name(parameters.aid, next_one=occurrence > 0)
            response = yield from send(_PSE, f"is there {parameters.aid.hex().upper()}?", command)
            if response.sw.value == status.NOT_SUPPORTED:
                refuse(_STEP, "the card is blocked", response.sw, Cause.BLOCKED)
            if response.sw.value not in (status.OK, status.SELECTED_FILE_INVALID):
                break
            items = fci_items(response.data)
            name = items.get(0x84, b"")
            if not name.startswith(parameters.aid) or (name != parameters.aid and not parameters.partial):
                break
            if response.sw.value == status.OK:
                priority = items.get(0x87, b"\0")
                found.append(Candidate(name, _label(items), priority[0] if priority else 0, parameters))
            if name == parameters.aid:
                break
    return found


def fci_items(fci: bytes) -> dict[int, bytes]:
    """The data objects of a file control information; empty if it is malformed."""
    try:
        if (content := find(fci, 0x6F)) is None:
            return {}
        return {item.tag: item.value for item in walk(content)}
    except TlvError:
        return {}


def final_select(candidate: Candidate) -> Flow[Application | None]:
    """Select an application for good; None if it has to be dropped (KRN-SEL-028 to 030)."""
    name = candidate.aid.hex().upper()
    response = yield from send(_PSE, f"select the application {candidate.label or name}", select_by_name(candidate.aid))
    if response.sw.value != status.OK:
        text = f"{name} cannot be selected: {response.sw} ({response.sw.meaning})"
        yield from report(_STEP, Mark.FAILED, text)
        return None
    items = fci_items(response.data)
    if items.get(0x84) != candidate.aid:
        yield from report(_STEP, Mark.FAILED, f"{name}: the answer to SELECT does not carry that name")
        return None
    data = {tag: value for tag, value in items.items() if tag in (0x50, 0x87, 0x9F12, 0x9F11, 0x5F2D, 0x9F4D) and value}
    label = _label(items) or candidate.label
    return Application(candidate.aid, label, candidate.parameters, items.get(0x9F38, b""), data)
