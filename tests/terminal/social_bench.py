"""A social-security terminal on the bench: the model card watched on its contacts, and single steps of a session."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final, TypeVar

from cardsim.crypto import medical
from terminal.driver import Host, Services, SocialHost, run
from terminal.effects import Choose, Flow, PinEntered, PinEntry, power_on
from terminal.errors import LinkError
from terminal.flows.social.config import SocialConfig
from terminal.flows.social.flow import SocialOutcome, begin, social
from terminal.flows.social.session import SocialSession
from terminal.messages.social import SocialAnswer, SocialMessage
from terminal.security import KeyFileModule
from terminal.storage import MemoryStorage
from terminal.transcript import Answered, Event
from tests.cards import PIN, Bench, card
from tests.terminal.fakes import NOW
from tests.terminal.test_psam import Wire

_T = TypeVar("_T")
Step = Callable[[SocialSession], Flow[_T]]
CONFIG: Final = SocialConfig(NOW)


class Pad:
    """A holder who gives these entries one after the other, then none."""

    def __init__(self, *entries: str) -> None:
        self.entries = list(entries)
        self.asked: list[PinEntry] = []

    def enter(self, request: PinEntry) -> PinEntered | None:
        """The next entry."""
        self.asked.append(request)
        return PinEntered(self.entries.pop(0)) if self.entries else None


class Picks:
    """Who chooses these options by their names, one after the other."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)
        self.offered: list[tuple[str, ...]] = []

    def choose(self, request: Choose) -> int | None:
        """The index of the next name, if it is offered."""
        self.offered.append(request.options)
        name = self.names.pop(0) if self.names else ""
        return request.options.index(name) if name in request.options else None


class ScriptedDepartment:
    """A social-security host that answers each kind of message as told; others are not reached."""

    def __init__(self, *answers: SocialAnswer | Callable[[SocialMessage], SocialAnswer | None] | None) -> None:
        self.answers = list(answers)
        self.messages: list[SocialMessage] = []

    def handle(self, message: SocialMessage) -> SocialAnswer | None:
        """The next answer."""
        self.messages.append(message)
        answer = self.answers.pop(0) if self.answers else None
        return answer(message) if callable(answer) else answer


@dataclass
class Contacts:
    """The contacts of a user card, watched. `override` may answer instead; `pull` breaks the link at a command.

    Args:
        user: the card.
        pull: told each command; "before" loses it, "after" loses its answer.
        then: the card that is in the reader after that.
    """

    user: Bench
    override: Callable[[bytes], bytes | None] | None = None
    pull: Callable[[bytes], str] | None = None
    then: Bench | None = None
    log: list[bytes] = field(default_factory=list)
    power_cycles: int = 0
    no_card: int = 0
    """How often no card comes after it was pulled."""
    _pulled: bool = False

    def power_on(self) -> bytes:
        """The ATR."""
        self.power_cycles += 1
        if self._pulled and self.no_card:
            self.no_card -= 1
            raise LinkError("no card")
        return self.user.model.power_on()

    def power_off(self) -> None:
        """No power."""
        self.user.model.power_off()

    def transmit(self, command: bytes) -> bytes:
        """The answer."""
        self.log.append(command)
        if self.override is not None and (answer := self.override(command)) is not None:
            return answer
        where = self.pull(command) if self.pull is not None else ""
        if where == "before":
            self._gone()
        answer = self.user.model.transmit(command)
        if where == "after":
            self._gone()
        return answer

    def _gone(self) -> None:
        self.pull, self._pulled = None, True
        self.user.model.power_off()
        if self.then is not None:
            self.user = self.then
        raise LinkError("the card is gone")

    @property
    def headers(self) -> list[str]:
        """CLA INS P1 P2 of what was sent, GET RESPONSE and repeated commands (6Cxx) left out."""
        found = [command[:4].hex().upper() for command in self.log if command[1] != 0xC0]
        return [header for at, header in enumerate(found) if at == 0 or found[at - 1] != header or header[2:4] == "84"]


@dataclass
class Terminal:
    """A terminal with its parts; without a PSAM the key file's module does the work."""

    contacts: Contacts
    sam: Wire | None = None
    pad: Pad = field(default_factory=lambda: Pad(PIN))
    chooser: Picks | None = None
    department: SocialHost | None = None
    bank: Host | None = None
    module: bool = True
    storage: MemoryStorage = field(default_factory=MemoryStorage)
    config: SocialConfig = CONFIG
    events: list[Event] = field(default_factory=list)

    @property
    def services(self) -> Services:
        """What a flow gets."""
        ssse = self.contacts.user.keys.ssse
        module = None if ssse is None or not self.module else KeyFileModule(ssse)
        return Services(
            Random(1).randbytes, module, self.pad, self.bank, self.department, self.chooser, storage=self.storage
        )

    @property
    def last_challenge(self) -> bytes:
        """The random number that the card gave last."""
        challenges = [event for event in self.events if isinstance(event, Answered) and event.sent.command.ins == 0x84]
        return challenges[-1].response.data

    def with_digits(self, longest: int) -> SocialConfig:
        """The configuration of a terminal that takes longer PINs."""
        return replace(self.config, parameters=replace(self.config.parameters, pin_digits=(4, longest)))

    def run(self, flow: Flow[_T]) -> _T:
        """Run a flow."""
        sam = self.sam
        return run(flow, self.contacts, self.services, self.events.append, psam=sam)

    def social(self, **changes: object) -> SocialOutcome:
        """A whole session."""
        config = replace(self.config, psam=self.sam is not None, **changes)  # type: ignore[arg-type]
        return self.run(social(config))

    def step(self, step: Step[_T], **changes: object) -> _T:
        """One step, behind a session that has begun; the log begins with the step."""
        config = replace(self.config, psam=self.sam is not None, **changes)  # type: ignore[arg-type]

        def flow() -> Flow[_T]:
            session = SocialSession(config)
            atr = yield from power_on()
            yield from begin(session, atr)
            self.contacts.log.clear()
            done = yield from step(session)
            yield from session.close()
            return done

        return self.run(flow())


def terminal(profile: str = "dual-3.0-sm4", sam: Wire | None = None) -> Terminal:
    """A terminal with a card of a profile in it."""
    return Terminal(Contacts(card(profile, on=False)), sam)


def funded(user: Bench, amount: int = 10_000) -> Bench:
    """Money on the account, by the card's own commands."""
    user.power_on()
    user.ssse()
    user.verify()
    user.select("D15600000503")
    request = bytes.fromhex(f"01{amount:08X}519900000428")
    answer = bytes.fromhex(user.x("B02800010B" + request.hex())[:-4])
    time = bytes.fromhex("20261121110000")
    session = medical.session(user.suite, user.key("DLK"), answer[8:12], answer[4:6], medical.LOAD_TAIL)
    mac2 = medical.mac(user.suite, session, medical.Load(amount, request[5:]).mac2_data(time))
    assert user.x("B02A00000B" + (time + mac2).hex())[-4:] == "9000"
    user.model.power_off()
    return user


def authentications(headers: Sequence[str]) -> list[str]:
    """What was authenticated, in order: PIN, or P2 of EXTERNAL AUTHENTICATE."""
    found = ["PIN" if header[:4] == "0020" else header[6:] for header in headers if header[:4] in ("0020", "0082")]
    return [name for at, name in enumerate(found) if at == 0 or found[at - 1] != name]
