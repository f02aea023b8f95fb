"""A payment card whose every answer can be set, a holder who does as told, and runs of the kernel with both."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from cardsim.crypto import oda
from cardsim.decode.commands import PSE_NAME
from cardsim.iso7816.apdu import CommandApdu
from cardsim.iso7816.tlv import ber, find
from terminal.driver import Services, run
from terminal.effects import Choose, PinEntered, PinEntry, PinPurpose
from terminal.flows.financial.flow import FinancialOutcome, Result, financial
from terminal.flows.financial.transaction import FinancialConfig
from terminal.messages.bank import HostAnswer
from terminal.outcome import Cause
from terminal.storage import MemoryStorage
from terminal.transcript import Event
from tests.terminal.fakes import AFL, AID, PDOL, FakeCard
from tests.terminal.helpers import FINANCIAL, ScriptedHost, services

CREDIT = bytes.fromhex("A000000333010102")
QUASI = bytes.fromhex("A000000333010103")
NO_CVM = "00000000000000001F00"
SELECT_PSE = "00A404000E315041592E5359532E4444463031"
CASH_AFL = AFL + bytes.fromhex("18030300")
"""The records of the debit path, and one with the authorisation code of electronic cash."""


def fci(aid: bytes = AID, inside: bytes = b"", *, pdol: bytes = PDOL) -> bytes:
    """FCI of an application."""
    own = ber(0x50, b"PBOC DEBIT") + ber(0x87, b"\x01") + (ber(0x9F38, pdol) if pdol else b"")
    return ber(0x6F, ber(0x84, aid) + ber(0xA5, own + inside))


def entry(aid: str, priority: str = "", label: str = "", **more: str) -> bytes:
    """A directory entry 61; further tags as `T9F12="…"`, in hex."""
    items = ber(0x4F, bytes.fromhex(aid)) if aid else b""
    items += ber(0x50, label.encode()) if label else b""
    items += ber(0x87, bytes.fromhex(priority)) if priority else b""
    items += b"".join(ber(int(tag[1:], 16), bytes.fromhex(value)) for tag, value in more.items())
    return ber(0x61, items)


def record(*entries: bytes) -> bytes:
    """A directory record."""
    return ber(0x70, b"".join(entries))


OK = b"\x90\x00"
_NUMBER = {52: slice(25, 29), 34: slice(27, 31)}
"""Where the unpredictable number stands in the values of CDOL1 and of CDOL2, by their length."""


@dataclass
class KernelCard(FakeCard):
    """A payment card. What a test sets is answered; `answers` wins over all, by the beginning of the command in hex."""

    t0: bool = False
    pse: bytes = ber(0x6F, ber(0x84, PSE_NAME) + ber(0xA5, ber(0x88, b"\x01"))) + OK
    directory: Sequence[bytes] = (record(entry(AID.hex(), "01", "PBOC DEBIT")),)
    applications: Mapping[bytes, bytes] = field(default_factory=lambda: {AID: fci() + OK})
    afl: bytes = AFL
    objects: dict[int, bytes] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    signs: bool = True
    spoil: str = ""
    """What a signed cryptogram has wrong: "signature", "cid", "atc" or "hash"."""
    first_decision: int | None = None
    """The CID of the first cryptogram, where it is not what was asked for."""
    last: bytes = b""

    def transmit(self, command: bytes) -> bytes:
        for start, answer in self.answers.items():
            if command.startswith(bytes.fromhex(start)):
                assert self.powered
                self.log.append(command)
                return bytes.fromhex(answer)
        return super().transmit(command)

    def edit(self, changes: Mapping[int, str | None], place: tuple[int, int] = (3, 1)) -> "KernelCard":
        """Other items of a record (None: not there), under new certificates."""
        for tag, value in changes.items():
            if value is None:
                self.records[place].pop(tag, None)
            else:
                self.records[place][tag] = bytes.fromhex(value)
        self._personalise()
        return self

    def _select(self, apdu: CommandApdu) -> bytes:
        if apdu.data == PSE_NAME:
            self.current = "pse"
            return self.pse
        found = [aid for aid in self.applications if aid.startswith(apdu.data)]
        at = 0 if apdu.p2 == 0 else found.index(self.last) + 1 if self.last in found else len(found)
        if at >= len(found):
            return b"\x6a\x82"
        self.last = found[at]
        self.current = "adf"
        return self.applications[self.last]

    def _pse(self, apdu: CommandApdu) -> bytes:
        if apdu.ins == 0xB2 and self.current == "pse":
            return self.directory[apdu.p1 - 1] + OK if apdu.p1 <= len(self.directory) else b"\x6a\x83"
        if apdu.ins == 0xA8:
            self.atc += 1
            self.pdol = find(apdu.data, 0x83) or b""
            return ber(0x80, self.aip + self.afl) + OK
        if apdu.ins == 0xCA and (tag := apdu.p1 << 8 | apdu.p2) in self.objects:
            return self.objects[tag]
        return super()._pse(apdu)

    def _generate_ac(self, apdu: CommandApdu) -> bytes:
        self.cdol = getattr(self, "cdol", b"") + apdu.data if self.ac else apdu.data
        kind = apdu.p1 & 0xC0 if self.ac or self.first_decision is None else self.first_decision
        plain = CommandApdu(apdu.cla, apdu.ins, kind, apdu.p2, apdu.data, apdu.le)
        answer = super()._generate_ac(plain)
        value = find(answer[:-2], 0x80) or b""
        if not apdu.p1 & 0x10 or not self.signs or value[0] & 0xC0 == 0:
            return answer
        cid, atc, ac, iad = value[:1], value[1:3], value[3:11], value[11:]
        told = ber(0x9F27, cid) + ber(0x9F36, b"\0\0" if self.spoil == "atc" else atc) + ber(0x9F10, iad)
        covered = self.pdol + self.cdol + ber(0x9F27, cid) + ber(0x9F36, atc) + ber(0x9F10, iad)
        digest = bytes(20) if self.spoil == "hash" else hashlib.sha1(covered, usedforsecurity=False).digest()
        inside = b"\x02" + atc + (b"\x01" if self.spoil == "cid" else cid) + ac + digest
        number = apdu.data[_NUMBER[len(apdu.data)]]
        signed = oda.sign_dynamic(self.icc, inside, bytes(4) if self.spoil == "signature" else number)
        return ber(0x77, told + ber(0x9F4B, signed)) + OK


class Holder:
    """Enters PINs and chooses as told, and keeps what was asked. None where the list has ended."""

    def __init__(self, pins: Sequence[str | None] = (), choices: Sequence[int | None] = ()) -> None:
        self._pins, self._choices = list(pins), list(choices)
        self.prompts: list[PinEntry] = []
        self.asked: list[Choose] = []

    def enter(self, request: PinEntry) -> PinEntered | None:
        self.prompts.append(request)
        pin = self._pins.pop(0) if self._pins else None
        if pin is None:
            return None
        return PinEntered(block=bytes(8)) if request.purpose is PinPurpose.ONLINE else PinEntered(digits=pin)

    def choose(self, request: Choose) -> int | None:
        self.asked.append(request)
        return self._choices.pop(0) if self._choices else None


@dataclass
class Played:
    """A run: what came out, and what was said on the way."""

    outcome: FinancialOutcome
    card: FakeCard
    events: list[Event]

    @property
    def sent(self) -> list[str]:
        """All commands in hex."""
        return [command.hex().upper() for command in self.card.log]

    def commands(self, ins: int) -> list[str]:
        """The commands of an instruction, in hex."""
        return [command.hex().upper() for command in self.card.log if command[1] == ins]

    @property
    def selected(self) -> list[str]:
        """Names in SELECT, after the payment environment."""
        return [command[5 : 5 + command[4]].hex().upper() for command in self.card.log if command[1] == 0xA4][1:]

    @property
    def requests(self) -> list[int]:
        """P1 of each GENERATE AC."""
        return [command[2] for command in self.card.log if command[1] == 0xAE]

    @property
    def terminated(self) -> Cause | None:
        """The cause of a transaction that was cut short."""
        failure = self.outcome.failure
        assert (failure is not None) == (self.outcome.result is Result.TERMINATED)
        return failure.cause if failure else None


APPROVES = ScriptedHost(HostAnswer("00"))


def play(
    card: FakeCard,
    config: FinancialConfig = FINANCIAL,
    holder: Holder | None = None,
    *,
    storage: MemoryStorage | None = None,
    online: bool = True,
    seed: int = 1,
) -> Played:
    """One run. Without a holder somebody enters the right PIN; the host is the bank's, or (offline) not reached."""
    bank = replace(services(), random=Random(seed).randbytes, storage=storage or MemoryStorage())
    if holder is not None:
        bank = Services(bank.random, pin_pad=holder, chooser=holder, host=APPROVES, storage=bank.storage)
    events: list[Event] = []
    if isinstance(card, FakeCard):
        card.log.clear()
    outcome = run(financial(config), card, bank if online else replace(bank, host=None), events.append)
    return Played(outcome, card, events)


def with_application(config: FinancialConfig = FINANCIAL, **changes: object) -> FinancialConfig:
    """The configuration with other parameters of all applications."""
    terminal = config.terminal
    rows = tuple(replace(row, **changes) for row in terminal.applications)  # type: ignore[arg-type]
    return replace(config, terminal=replace(terminal, applications=rows))
