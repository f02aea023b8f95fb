"""What must live here: visits of cards to terminals, as the words of `cardterm`, and what each visit came to.

A scene is a few visits of one card, with one storage of the terminal and one set of hosts behind them. What a
terminal found to be wrong in a visit are its complaints; what went over the contacts is kept beside them.
"""

import argparse
import enum
import functools
import random
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, assert_never

from mutants import APPROVES, MONEY, with_values

from cardsim.assembly import CardModel, SamModel, new_card, new_psam, seeded
from cardsim.chip.eeprom import Eeprom
from cardsim.defects import Defect, Side, apply_defect
from cardsim.keyfile import KeyFile
from cardsim.making import demo
from cardsim.making.card import activate, make_card
from cardsim.making.psam import activate_psam, make_psam
from cardsim.making.samplan import DEFAULT_PSAM_PROFILE, load_psam_profile
from cardsim.making.structure import load_profile
from cardsim.resources import resource
from terminal.cli.flows import Outcome, flow_of
from terminal.cli.parser import build_parser
from terminal.driver import Services, run
from terminal.effects import Mark, PinEntry, Report
from terminal.errors import LinkError, TerminalError
from terminal.flows.financial.day import DayOutcome
from terminal.flows.financial.flow import FinancialOutcome, Result
from terminal.flows.financial.hostside import Ending
from terminal.flows.financial.inquiry import CardInquiry
from terminal.flows.financial.pinchange import NEW_PIN
from terminal.flows.financial.transaction import Tvr
from terminal.flows.full.config import End, FullOutcome, ServiceRun
from terminal.flows.social.flow import SocialOutcome
from terminal.flows.social.pin import NEW_PROMPT
from terminal.hosts.bank import scripts
from terminal.hosts.bank.scripts import Order
from terminal.hosts.world import World
from terminal.messages.bank import CryptogramCheck
from terminal.messages.social import Refused, SocialCard, Verified, VerifyPurchases
from terminal.outcome import Failure
from terminal.security import BenchPinPad, KeyFileModule, PinCipher
from terminal.slots import Slot
from terminal.storage import MemoryStorage
from terminal.transcript import Event, HostAsked, SocialHostAsked

NOW: Final = datetime(2026, 11, 21, 12)
_SEED: Final = 1
_MOST_COMMANDS: Final = 3000
"""More than any visit needs; a terminal that sends more hangs."""
_PATIENCE: Final = 8
"""So often a holder enters the right PIN."""
FLOOR: Final = str(resource("terminals", "pos-floor.toml"))


# --- cards ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kind:
    """A card that scenes begin with: a profile, and other values of its payment application."""

    profile: str
    values: Mapping[str, str] = field(default_factory=dict)
    offline_pin: bool = False


CARDS: Final = {
    "demo": Kind("dual-3.0-sm4"),
    "3DES": Kind("dual-3.0-des"),
    "approving": Kind("dual-3.0-sm4", APPROVES | MONEY, offline_pin=True),
    "CDA": Kind("bank-cda", APPROVES | MONEY),
    "SDA": Kind("bank-sda", APPROVES),
}


@functools.cache
def made(name: str) -> tuple[bytes, KeyFile]:
    """Cells and keys of a card."""
    kind = CARDS[name]
    card, profile = new_card(seed=_SEED), load_profile(kind.profile)
    pse = with_values(profile.pse, kind.values)
    activate(card, None)
    keys = make_card(card, replace(profile, pse=pse, offline_pin=profile.offline_pin or kind.offline_pin), None)
    return card.eeprom.snapshot().cells, keys


@functools.cache
def made_psam() -> bytes:
    """Cells of the PSAM of all terminals."""
    psam = new_psam(seed=_SEED)
    activate_psam(psam, None)
    make_psam(psam, load_psam_profile(DEFAULT_PSAM_PROFILE), None)
    return psam.eeprom.snapshot().cells


@functools.cache
def _parser() -> argparse.ArgumentParser:
    return build_parser()


# --- scenes -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit: the words of `cardterm`.

    Args:
        words: without `--card` and what else is the same for all.
        lose: the first bytes of the command whose answer is lost, because the card is pulled out.
        order: what the bank has for the card from then on.
        argument: what belongs to the order.
        early: the command itself is lost, and not its answer.
    """

    words: str
    lose: str = ""
    order: Order | None = None
    argument: str = ""
    early: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """Visits of one card, one after the other."""

    name: str
    card: str
    visits: tuple[Visit, ...]
    sides: frozenset[Side]
    """What a defect must be of for the scene to show it."""


# --- what a visit came to --------------------------------------------------------------------------------------------


class Sort(enum.Enum):
    """How a terminal shows that something is wrong, the plainest first."""

    FAULT = "fault"
    """The outcome names a fault of the card."""
    ENDED = "ended"
    """The flow ended early."""
    LINK = "no answer"
    """The card gave no answer that a reader passes on."""
    HOST = "host"
    """A host refused what the card gave."""
    SCRIPT = "script"
    """A script was not carried out."""
    TVR = "TVR"
    """A bit of the terminal verification results, which decides the transaction."""
    DECLINED = "declined"
    """The transaction was declined."""
    STEP = "step"
    """A step failed, and the flow went on."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """Something that a terminal noticed: cause and step tell complaints apart, the text is for people."""

    sort: Sort
    cause: str
    step: str
    text: str

    @property
    def key(self) -> tuple[Sort, str, str]:
        """What makes it another complaint: a flow that ends at the same step, ends for the same person."""
        return self.sort, "" if self.sort is Sort.ENDED else self.cause, self.step


@dataclass(slots=True)
class Seen:
    """A visit: what the terminal noticed, what it ended with, what went over the contacts, and an error of our own."""

    words: str
    complaints: list[Complaint] = field(default_factory=list)
    ending: str = ""
    contacts: list["Contact"] = field(default_factory=list)
    crash: str = ""


class Act(enum.Enum):
    """What happens at the contacts of a card."""

    ON = "power on"
    OFF = "power off"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Contact:
    """One act at the contacts of a slot, and what the card answered."""

    slot: Slot
    act: Act
    command: bytes = b""
    answer: bytes = b""


class _Contacts:
    """The contacts of a card that may be pulled out behind a command."""

    def __init__(self, card: CardModel | SamModel, slot: Slot, log: list[Contact]) -> None:
        self._card, self._slot, self._log = card, slot, log
        self.lose, self._early, self._left = b"", False, _MOST_COMMANDS

    def begin(self, lose: str = "", *, early: bool = False) -> None:
        """A new visit."""
        self.lose, self._early, self._left = bytes.fromhex(lose), early, _MOST_COMMANDS

    def power_on(self) -> bytes:
        """The ATR."""
        atr = self._card.power_on()
        self._log.append(Contact(self._slot, Act.ON, answer=atr))
        return atr

    def power_off(self) -> None:
        """No power."""
        self._log.append(Contact(self._slot, Act.OFF))
        self._card.power_off()

    def transmit(self, command: bytes) -> bytes:
        """The answer."""
        self._left -= 1
        if not self._left:
            raise RuntimeError(f"the terminal has sent {_MOST_COMMANDS} commands")
        pulled = bool(self.lose) and command.startswith(self.lose)
        if not (pulled and self._early):
            answer = self._card.transmit(command)
            self._log.append(Contact(self._slot, Act.COMMAND, command, answer))
        if pulled:
            self.lose = b""
            self.power_off()
            raise LinkError("the card was pulled out")
        return answer


def _cards(name: str, defect: Defect | None) -> tuple[CardModel, SamModel]:
    """A card and the PSAM; the defect is in the one that it belongs to."""
    user = CardModel(Eeprom(bytearray(made(name)[0])), seeded(_SEED))
    sam = SamModel(Eeprom(bytearray(made_psam())), seeded(_SEED))
    if defect is not None:
        apply_defect(sam if defect.side is Side.PSAM else user, defect)
    return user, sam


class Desk:
    """A terminal of each kind, its storage, the hosts behind it, and one card with its defect, or a clean one."""

    def __init__(self, card: str, defect: Defect | None) -> None:
        self._keys = made(card)[1]
        self._log: list[Contact] = []
        user, sam = _cards(card, defect)
        self._user, self._sam = _Contacts(user, Slot.CARD, self._log), _Contacts(sam, Slot.PSAM, self._log)
        zone = PinCipher(bytes(range(16)))
        draw = random.Random(_SEED).randbytes
        self._world = World((self._keys,), pin_zone=zone, random=draw, clock=lambda: NOW)
        self._services = Services(
            draw,
            None if self._keys.ssse is None else KeyFileModule(self._keys.ssse),
            BenchPinPad(self._digits, zone),
            self._world.bank if self._keys.bank is not None else None,
            self._world.department if self._keys.ssse is not None else None,
            storage=MemoryStorage(),
        )
        self._pins: list[str] = []
        self._new_pin = ""

    def close(self) -> None:
        """Close the books."""
        self._world.close()

    def _digits(self, request: PinEntry) -> str | None:
        """A holder who enters the PINs of `--pin A,B` one after the other, then gives up."""
        if request.prompt.startswith((NEW_PIN, NEW_PROMPT)):
            return self._new_pin
        return self._pins.pop(0) if self._pins else None

    def visit(self, visit: Visit) -> Seen:
        """One visit of the card."""
        words = [word.replace("{floor}", FLOOR) for word in shlex.split(visit.words)]
        given = ["--card", "card", "--now", NOW.isoformat()]
        arguments = _parser().parse_args([words[0], *given, *words[1:]])
        self._pins = arguments.pin.split(",") if arguments.pin else [demo.PIN] * _PATIENCE
        self._new_pin = getattr(arguments, "new_pin", None) or ""
        if visit.order is not None:
            argument = bytes.fromhex(visit.argument)
            self._world.bank.at_desk(scripts.order, demo.demo(None).pan, visit.order, argument)
        self._user.begin(visit.lose, early=visit.early)
        self._sam.begin()
        self._log.clear()
        seen, events = Seen(visit.words), list[Event]()
        services = self._services
        if getattr(arguments, "offline", False):
            services = replace(services, host=None)
        try:
            sam = self._sam if getattr(arguments, "psam", None) else None
            outcome = run(flow_of(arguments, self._keys, NOW), self._user, services, events.append, psam=sam)
        except TerminalError as error:
            seen.complaints.append(Complaint(Sort.LINK, type(error).__name__, "", str(error)))
            seen.ending = str(error)
        except Exception as error:
            seen.crash = f"{type(error).__name__}: {error}"
        else:
            seen.complaints += _complaints(outcome) + self._verification(outcome)
            seen.ending = _ending(outcome)
        seen.contacts += self._log
        seen.complaints += _steps(events)
        return seen

    def _verification(self, outcome: Outcome) -> list[Complaint]:
        """What the department's settlement verification finds about a purchase of the visit (TRM-165)."""
        if not isinstance(outcome, SocialOutcome) or outcome.purchase is None or outcome.suite is None:
            return []
        items = {item.tag: item.value for item in outcome.issuer}
        card = SocialCard(items[0x01], items[0x07].decode("ascii", "replace"), "", "")
        area, algorithm = items[0x01][:3].hex(), outcome.suite.algorithm_id
        message = VerifyPurchases(card, area, outcome.historical, algorithm, (outcome.purchase,))
        match self._world.department.handle(message):
            case Verified(right) if all(right):
                return []
            case answer:
                text = "the department's settlement verification finds the TAC of the purchase wrong"
                return [Complaint(Sort.HOST, "VerifyPurchases", type(answer).__name__, text)]


def _complaints(outcome: Outcome) -> list[Complaint]:
    match outcome:
        case SocialOutcome() | CardInquiry():
            return _ended(outcome.failure)
        case DayOutcome():
            return []
        case FinancialOutcome():
            return _of_bank(outcome)
        case FullOutcome():
            return _ended(outcome.social.failure) + _of_bank(outcome.financial)
        case ServiceRun():
            found = [] if outcome.social is None else _ended(outcome.social.failure)
            found += [] if outcome.financial is None else _of_bank(outcome.financial)
            if outcome.service.end is not End.DONE:
                found.append(Complaint(Sort.DECLINED, outcome.service.end.value, "service", outcome.service.reason))
            return found
        case _:
            assert_never(outcome)


def _ended(failure: Failure | None) -> list[Complaint]:
    return [] if failure is None else [Complaint(Sort.ENDED, failure.cause.name, failure.step, failure.text)]


_NO_COMPLAINT: Final = frozenset(
    {Tvr.ONLINE_PIN, Tvr.FLOOR_LIMIT, Tvr.UPPER_LIMIT, Tvr.LOWER_LIMIT, Tvr.RANDOM_ONLINE, Tvr.MERCHANT_ONLINE,
     Tvr.SDA_SELECTED}
)  # fmt: skip
"""Bits that a transaction without fault may have."""


def _of_bank(outcome: FinancialOutcome) -> list[Complaint]:
    found = [Complaint(Sort.FAULT, fault, "", fault) for fault in outcome.faults] + _ended(outcome.failure)
    for script in outcome.scripts:
        if script.ending is not Ending.SUCCESSFUL:
            text = f"script {script.when:X}: {script.ending.name.lower().replace('_', ' ')}"
            found.append(Complaint(Sort.SCRIPT, script.ending.name, f"{script.when:X}", text))
    for flag in (flag for flag in Tvr if flag not in _NO_COMPLAINT):
        byte, bit = flag.value
        if outcome.tvr[byte - 1] >> (bit - 1) & 1:
            text = f"TVR byte {byte} bit {bit}; {outcome.reason}"
            found.append(Complaint(Sort.TVR, flag.name, "", text))
    if outcome.result is Result.DECLINED:
        found.append(Complaint(Sort.DECLINED, outcome.arc, outcome.reason, outcome.reason))
    if outcome.oda.problem and not outcome.oda.fault:
        found.append(Complaint(Sort.STEP, "", "offline data authentication", outcome.oda.problem))
    return found


def _steps(events: list[Event]) -> list[Complaint]:
    """Steps that failed, and what a host refused."""
    found = []
    for event in events:
        match event:
            case Report(step, Mark.FAILED, text):
                found.append(Complaint(Sort.STEP, "", step, text))
            case SocialHostAsked(message, Refused() as answer):
                found.append(Complaint(Sort.HOST, type(message).__name__, str(answer.code), answer.reason))
            case HostAsked(message, answer) if answer is not None and answer.cryptogram is CryptogramCheck.WRONG:
                text = f"the host: the cryptogram of the {message.kind.value} is wrong"
                found.append(Complaint(Sort.HOST, message.kind.name, "cryptogram", text))
            case _:
                pass
    return found


def _ending(outcome: Outcome) -> str:
    match outcome:
        case FinancialOutcome():
            return f"{outcome.result.value}: {outcome.reason}"
        case ServiceRun():
            return f"{outcome.service.end.value}: {outcome.service.reason}"
        case CardInquiry() | DayOutcome():
            return outcome.verdict.value
        case SocialOutcome() | FullOutcome():
            return f"{outcome.verdict.value}: {outcome.reason}"
        case _:
            assert_never(outcome)


def play(scene: Scene, defect: Defect | None) -> list[Seen]:
    """All visits of a scene, with a card of its own."""
    desk = Desk(scene.card, defect)
    try:
        return [desk.visit(visit) for visit in scene.visits]
    finally:
        desk.close()


def same(scene: Scene, clean: list[Seen], defect: Defect) -> bool:
    """Whether a card with the defect answers all that a clean one was sent in a scene as the clean one did.

    A terminal is a function of what it is answered, so it would have done the same.
    """
    user, sam = _cards(scene.card, defect)
    models: dict[Slot, CardModel | SamModel] = {Slot.CARD: user, Slot.PSAM: sam}
    for seen in clean:
        for contact in seen.contacts:
            model, answer = models[contact.slot], b""
            match contact.act:
                case Act.ON:
                    answer = model.power_on()
                case Act.OFF:
                    model.power_off()
                case Act.COMMAND:
                    answer = model.transmit(contact.command)
                case _:
                    assert_never(contact.act)
            if answer != contact.answer:
                return False
    return True
