"""Application selection: directory of the payment environment, or list of AIDs (EMV Book 1 §12.3, KRN-SEL)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cardsim.decode import Environment
from cardsim.decode.commands import PSE_NAME
from cardsim.decode.values import gbk_text
from cardsim.iso7816 import status
from cardsim.iso7816.tlv import Tlv, TlvError, find, parse
from terminal.effects import Flow, Mark, report
from terminal.flows.common import read_record, refuse, select_by_name, send, stop
from terminal.flows.financial.transaction import Application
from terminal.outcome import Cause
from terminal.parameters import ApplicationParameters, TerminalParameters

_PSE = Environment.PSE
_STEP: Final = "application selection"
_MAX_OCCURRENCES: Final = 16
_MAX_DIRECTORIES: Final = 8
_CONFIRM: Final = 0x80
_KEPT: Final = (0x50, 0x87, 0x9F12, 0x9F11, 0x5F2D, 0x9F4D, 0xDF4D)
"""What of the FCI is kept with the application; the log entries (9F4D, DF4D) have two bytes (KRN-REC-016)."""
_LOG_ENTRIES: Final = (0x9F4D, 0xDF4D)


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

    @property
    def confirm(self) -> bool:
        """Whether the card wants the holder to confirm it (87 b8)."""
        return bool(self.priority & _CONFIRM)

    @property
    def name(self) -> str:
        """What a person reads: label, else AID (KRN-SEL-027)."""
        return self.label or self.aid.hex().upper()


@dataclass(frozen=True, slots=True)
class Fci:
    """File control information: DF name (84) and the data objects of A5, those of BF0C among them."""

    name: bytes
    items: dict[int, bytes]


def find_candidates(terminal: TerminalParameters) -> Flow[list[Candidate]]:
    """The candidate list in the order of priority, each application once.

    Raises:
        Stopped: the card is blocked, or has no application that the terminal knows.
    """
    found = yield from _from_directory(terminal)
    if not found:
        found = yield from _from_list(terminal)
    unique: dict[bytes, Candidate] = {}
    for candidate in found:
        unique.setdefault(candidate.aid, candidate)
    ordered = sorted(unique.values(), key=lambda c: c.rank)
    if not ordered:
        stop(Cause.NOT_ACCEPTED, _STEP, "the card has no application that this terminal accepts")
    details = [(candidate.aid.hex().upper(), candidate.label) for candidate in ordered]
    yield from report(_STEP, Mark.OK, f"{len(ordered)} application(s) in common", *details)
    return ordered


def _from_directory(terminal: TerminalParameters) -> Flow[list[Candidate]]:
    """Candidates of the directory; none where the list of AIDs has to be used (KRN-SEL-001 to 014)."""
    response = yield from send(_PSE, "enter the payment environment", select_by_name(PSE_NAME))
    if response.sw.value == status.NOT_SUPPORTED:
        refuse(_STEP, "the payment environment is blocked", response.sw, Cause.BLOCKED)
    if response.sw.value != status.OK:
        yield from report(_STEP, Mark.INFO, f"no payment directory ({response.sw}); going on with the list of AIDs")
        return []
    sfi = _directory_sfi(response.data, PSE_NAME)
    if sfi is None:
        yield from report(_STEP, Mark.INFO, "the directory's FCI is malformed; going on with the list of AIDs")
        return []
    entries = yield from _read_directory(sfi)
    if entries is None:
        return []
    if terminal.follows_ddf_entries:
        entries = yield from _follow(entries)
    return list(_candidates(entries, terminal))


_Entry = dict[int, bytes]
"""The data objects of a directory entry 61."""


def _read_directory(sfi: int) -> Flow[list[_Entry] | None]:
    """All entries of a directory file; None where it cannot be used (KRN-SEL-007 to 010)."""
    entries: list[_Entry] = []
    for number in range(1, 256):
        record = yield from send(_PSE, f"read directory record {number}", read_record(number, sfi))
        if record.sw.value == status.RECORD_NOT_FOUND:
            break
        if record.sw.value != status.OK:
            yield from report(_STEP, Mark.INFO, f"the directory cannot be read ({record.sw}); using the list of AIDs")
            return None
        try:
            entries.extend(_entries(record.data))
        except TlvError as error:
            yield from report(_STEP, Mark.INFO, f"directory record {number} is malformed ({error}); using the AID list")
            return None
    return entries


def _entries(record: bytes) -> Iterator[_Entry]:
    content = find(record, 0x70)
    if content is None:
        raise TlvError("there is no template 70")
    for entry in parse(content):
        if entry.tag == 0x61:
            yield _first(parse(entry.value))


def _first(objects: list[Tlv]) -> dict[int, bytes]:
    """Values by tag; of a tag that is there twice the first."""
    return {item.tag: item.value for item in reversed(objects)}


def _follow(entries: list[_Entry]) -> Flow[list[_Entry]]:
    """Put the entries of the DDFs that are named (9D) behind those of the directory, level by level (D28)."""
    entries, seen, at = list(entries), set[bytes](), 0
    while at < len(entries):
        name = entries[at].get(0x9D)
        at += 1
        if name is None or name in seen or not 5 <= len(name) <= 16 or len(seen) == _MAX_DIRECTORIES:
            continue
        seen.add(name)
        command = select_by_name(name)
        response = yield from send(_PSE, f"enter the directory {name.hex().upper()}", command)
        sfi = _directory_sfi(response.data, name) if response.sw.value == status.OK else None
        if sfi is not None:
            entries.extend((yield from _read_directory(sfi)) or ())
    return entries


def _directory_sfi(fci: bytes, name: bytes) -> int | None:
    """SFI of the directory file, or None if the FCI has a format error (KRN-SEL-006)."""
    read = read_fci(fci)
    sfi = None if read is None or read.name != name else read.items.get(0x88)
    return sfi[0] if sfi is not None and len(sfi) == 1 and 1 <= sfi[0] <= 10 else None


def _candidates(entries: list[_Entry], terminal: TerminalParameters) -> Iterator[Candidate]:
    """The entries that the terminal has too."""
    for items in entries:
        aid = items.get(0x4F, b"")
        if 5 <= len(aid) <= 16 and (parameters := _match(aid, terminal)) is not None:
            yield Candidate(aid, _label(items, terminal), _priority(items), parameters)


def _priority(items: dict[int, bytes]) -> int:
    value = items.get(0x87, b"")
    return value[0] if value else 0


def _label(items: dict[int, bytes], terminal: TerminalParameters) -> str:
    """Preferred name if its code table is supported, else label, else "" (KRN-SEL-027).

    No part of ISO 8859 has Chinese: a name with other than ASCII characters is GBK whatever 9F11 says, and not shown.
    """
    preferred, table = items.get(0x9F12, b""), items.get(0x9F11, b"")
    if preferred and preferred.isascii() and len(table) == 1 and table[0] in terminal.code_tables:
        return preferred.decode("ascii")
    return gbk_text(items.get(0x50, b"")) or ""


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
            fci = read_fci(response.data)
            name = b"" if fci is None else fci.name
            if not name.startswith(parameters.aid) or (name != parameters.aid and not parameters.partial):
                break
            if fci is not None and (response.sw.value == status.OK or terminal.serves_blocked):
                found.append(Candidate(name, _label(fci.items, terminal), _priority(fci.items), parameters))
            if name == parameters.aid:
                break
    return found


def read_fci(fci: bytes) -> Fci | None:
    """File control information: one 6F with one DF name and one A5; None if it has another form (KRN-SEL-030)."""
    try:
        template = parse(fci)
        if [item.tag for item in template] != [0x6F]:
            return None
        objects = parse(template[0].value)
        names, proprietary = ([item.value for item in objects if item.tag == tag] for tag in (0x84, 0xA5))
        if len(names) != 1 or len(proprietary) != 1 or not 1 <= len(names[0]) <= 16:
            return None
        items = parse(proprietary[0])
        items += [inner for item in items if item.tag == 0xBF0C for inner in parse(item.value)]
        return Fci(names[0], _first(items))
    except TlvError:
        return None


def final_select(candidate: Candidate, terminal: TerminalParameters) -> Flow[Application | None]:
    """Select an application for good; None if it has to be dropped (KRN-SEL-028 to 030).

    A terminal of a bank's counter takes a blocked one too (D37).
    """
    name = candidate.aid.hex().upper()
    response = yield from send(_PSE, f"select the application {candidate.name}", select_by_name(candidate.aid))
    blocked = response.sw.value == status.SELECTED_FILE_INVALID
    if response.sw.value != status.OK and not (blocked and terminal.serves_blocked):
        text = f"{name} cannot be selected: {response.sw} ({response.sw.meaning})"
        yield from report(_STEP, Mark.FAILED, text)
        return None
    fci = read_fci(response.data)
    if fci is None or fci.name != candidate.aid:
        what = "is malformed" if fci is None else "does not carry that name"
        yield from report(_STEP, Mark.FAILED, f"{name}: the answer to SELECT {what}")
        return None
    if blocked:
        yield from report(_STEP, Mark.INFO, f"{name} is blocked; going on, so that the bank can unblock it")
    items = fci.items
    data = {tag: items[tag] for tag in items if tag in _KEPT and items[tag]}
    for tag in _LOG_ENTRIES:
        if len(data.get(tag, b"")) != 2:
            data.pop(tag, None)
    label = _label(items, terminal) or candidate.label
    return Application(candidate.aid, label, candidate.parameters, items.get(0x9F38, b""), data, blocked=blocked)
