"""Runs a flow: performs its effects over a link and the terminal's services, and leaves the card clean."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar, assert_never

from cardsim.decode import Environment
from cardsim.decode.commands import command_name, is_secret
from cardsim.iso7816.apdu import ResponseApdu
from cardsim.iso7816.atr import Atr, AtrError
from cardsim.iso7816.card import Card
from terminal.effects import (
    AuthorisePurchase,
    Choose,
    Discard,
    Display,
    DrawRandom,
    Effect,
    EffectResult,
    Entry,
    Flow,
    HostRequest,
    Keep,
    PinEntered,
    PinEntry,
    PowerOff,
    PowerOn,
    Print,
    Proof,
    ProveKey,
    PurchaseProof,
    Recall,
    Report,
    SealCommand,
    Shelf,
    SocialHostRequest,
    Transmit,
)
from terminal.errors import Cancelled, LinkError
from terminal.links.follow import Follower
from terminal.messages.bank import HostAnswer, HostMessage
from terminal.messages.social import SocialAnswer, SocialMessage
from terminal.slots import Slot
from terminal.storage import MemoryStorage
from terminal.transcript import (
    Answered,
    Chosen,
    CommandSent,
    Exchange,
    HostAsked,
    Listener,
    PinAsked,
    PoweredOff,
    PoweredOn,
    SocialHostAsked,
    Stored,
    ignore,
)

_Outcome = TypeVar("_Outcome")
_NO_MODULE: Final = "the terminal has no security module"


class SecurityModule(Protocol):
    """The terminal's security module: a PSAM, a host's HSM or, on a test bench, the key file."""

    def prove(self, request: ProveKey) -> Proof:
        """Authentication data under a card key. Never raises for a key that it does not have."""

    def seal(self, request: SealCommand) -> Proof:
        """The data of a command under secure messaging."""

    def authorise_purchase(self, request: AuthorisePurchase) -> PurchaseProof:
        """Terminal sequence and MAC1 of a medical purchase."""


class PinPad(Protocol):
    """Where the holder enters a PIN."""

    def enter(self, request: PinEntry) -> PinEntered | None:
        """The PIN, or None where the holder gives none."""


class Host(Protocol):
    """The bank's host, or the way to it."""

    def handle(self, message: HostMessage) -> HostAnswer | None:
        """The answer, or None where the host is not reached."""


class SocialHost(Protocol):
    """The social-security host, or the way to it."""

    def handle(self, message: SocialMessage) -> SocialAnswer | None:
        """The answer, or None where the host is not reached."""


class Chooser(Protocol):
    """The holder or operator who chooses."""

    def choose(self, request: Choose) -> int | None:
        """The index of the option, or None."""


class Storage(Protocol):
    """The terminal's storage (存储设备)."""

    def keep(self, shelf: Shelf, key: str, content: Mapping[str, str]) -> None:
        """Store a record; it is safe when the call returns."""

    def discard(self, shelf: Shelf, key: str) -> None:
        """Take a record away; one that is not there is no error."""

    def recall(self, shelf: Shelf) -> tuple[Entry, ...]:
        """All records of a shelf."""


@dataclass(frozen=True, slots=True)
class Services:
    """What a terminal has besides the card. A part that it does not have is None: flows see that as it is seen in
    the field (no key, no PIN, host not reached)."""

    random: Callable[[int], bytes]
    security_module: SecurityModule | None = None
    pin_pad: PinPad | None = None
    host: Host | None = None
    social_host: SocialHost | None = None
    chooser: Chooser | None = None
    storage: Storage = field(default_factory=MemoryStorage)
    """Without another one, records last as long as these services."""


def never_cancelled() -> bool:
    """A run that nobody stops."""
    return False


class _Contacts:
    """One slot of a run: its link with the 61xx/6Cxx layer, and whether there is power on it."""

    def __init__(self, slot: Slot, link: Card, listener: Listener, *, follow: bool) -> None:
        self._slot = slot
        self._link = link
        self._tell = listener
        self._follower = Follower(link, self._exchanged, enabled=follow)
        self._current: CommandSent | None = None
        self._powered = False

    def power_on(self) -> bytes:
        """Power, or reset; the ATR."""
        self._powered = True
        atr = self._link.power_on()
        try:
            self._follower.t0 = Atr.parse(atr).protocols[0] == 0
        except AtrError:
            self._follower.t0 = True
        self._tell(PoweredOn(atr, self._slot))
        return atr

    def power_off(self) -> None:
        """Take the power away, once."""
        if self._powered:
            self._powered = False
            self._link.power_off()
            self._tell(PoweredOff(self._slot))

    def transmit(self, effect: Transmit) -> ResponseApdu:
        """Send a command; its whole answer."""
        command, environment = effect.command, effect.environment
        secret = effect.secret or is_secret(environment, command)
        name = command_name(environment, command)
        self._current = sent = CommandSent(name, effect.purpose, environment, command, secret)
        self._tell(sent)
        response = self._follower.send(command)
        self._tell(Answered(sent, response))
        return response

    def _exchanged(self, command: bytes, response: bytes, follows: bool) -> None:
        environment = self._current.environment if self._current else Environment.CARD
        # What the layer adds has no data of its own: GET RESPONSE, or a case 2 command again with its Le.
        secret = self._current is not None and self._current.secret and not follows
        self._tell(Exchange(command, response, environment, secret, follows, self._slot))


class Session:
    """Cards that keep their power from one flow to the next, until `close`; `run` is a session of one flow."""

    def __init__(
        self,
        link: Card | None,
        services: Services,
        listener: Listener = ignore,
        *,
        psam: Card | None = None,
        follow: bool = True,
    ) -> None:
        links = {Slot.CARD: link, Slot.PSAM: psam}
        self._slots = {
            slot: _Contacts(slot, card, listener, follow=follow) for slot, card in links.items() if card is not None
        }
        self._services = services
        self._tell = listener

    def run(self, flow: Flow[_Outcome], cancelled: Callable[[], bool] = never_cancelled) -> _Outcome:
        """Run a flow to its outcome and leave the cards as they are then.

        Raises:
            LinkError: reader or card are not reached.
            Cancelled: `cancelled` said yes.
        """
        try:
            effect = next(flow)
            while True:
                if cancelled():
                    raise Cancelled("cancelled; the card has been powered off")
                try:
                    result = self.perform(effect)
                except LinkError as lost:
                    effect = flow.throw(lost)  # A flow may ask for the card again; one that does not, ends with it.
                else:
                    effect = flow.send(result)
        except StopIteration as end:
            outcome: _Outcome = end.value
            return outcome
        finally:
            flow.close()

    def perform(self, effect: Effect) -> EffectResult:
        """Do what the flow asks."""
        match effect:
            case PowerOn():
                return self._at(effect.slot).power_on()
            case PowerOff():
                self._at(effect.slot).power_off()
                return None
            case Transmit():
                return self._at(effect.slot).transmit(effect)
            case DrawRandom():
                return self._services.random(effect.length)
            case ProveKey():
                module = self._services.security_module
                return Proof(None, _NO_MODULE) if module is None else module.prove(effect)
            case SealCommand():
                module = self._services.security_module
                return Proof(None, _NO_MODULE) if module is None else module.seal(effect)
            case AuthorisePurchase():
                module = self._services.security_module
                return PurchaseProof(problem=_NO_MODULE) if module is None else module.authorise_purchase(effect)
            case HostRequest():
                return self._ask_host(effect.message)
            case SocialHostRequest():
                return self._ask_social_host(effect.message)
            case PinEntry():
                return self._enter_pin(effect)
            case Choose():
                return self._choose(effect)
            case Report() | Display() | Print():
                self._tell(effect)
                return None
            case Keep() | Discard() | Recall():
                return self._store(effect)
            case _:
                assert_never(effect)

    def close(self) -> None:
        """Take the power away from all cards."""
        with contextlib.ExitStack() as stack:
            for contacts in self._slots.values():
                stack.callback(contacts.power_off)

    def _at(self, slot: Slot) -> _Contacts:
        if slot not in self._slots:
            raise LinkError("the terminal has no PSAM" if slot is Slot.PSAM else "there is no card")
        return self._slots[slot]

    def _ask_host(self, message: HostMessage) -> HostAnswer | None:
        host = self._services.host
        answer = None if host is None else host.handle(message)
        self._tell(HostAsked(message, answer))
        return answer

    def _ask_social_host(self, message: SocialMessage) -> SocialAnswer | None:
        host = self._services.social_host
        answer = None if host is None else host.handle(message)
        self._tell(SocialHostAsked(message, answer))
        return answer

    def _choose(self, request: Choose) -> int | None:
        chooser = self._services.chooser
        index = None if chooser is None else chooser.choose(request)
        self._tell(Chosen(request, index))
        return index

    def _store(self, effect: Keep | Discard | Recall) -> tuple[Entry, ...] | None:
        storage = self._services.storage
        match effect:
            case Keep():
                storage.keep(effect.shelf, effect.key, effect.content)
            case Discard():
                storage.discard(effect.shelf, effect.key)
            case Recall():
                return storage.recall(effect.shelf)
        self._tell(Stored(effect))
        return None

    def _enter_pin(self, request: PinEntry) -> PinEntered | None:
        pad = self._services.pin_pad
        entered = None if pad is None else pad.enter(request)
        self._tell(PinAsked(request.prompt, request.purpose, entered is not None))
        return entered


def run(
    flow: Flow[_Outcome],
    link: Card | None,
    services: Services,
    listener: Listener = ignore,
    *,
    psam: Card | None = None,
    follow: bool = True,
    cancelled: Callable[[], bool] = never_cancelled,
) -> _Outcome:
    """Run a flow to its outcome. Whatever happens, the flow is closed and the cards are without power at the end.

    Args:
        flow: the generator.
        link: the holder's card, anything that answers bytes; None for what needs no card, as a settlement.
        services: security module, PIN pad, host and random numbers.
        listener: told of every event.
        follow: whether 61xx and 6Cxx are followed (on by default; off shows the flow the card as it is).
        psam: the terminal's PSAM in its own slot, if it has one.
        cancelled: asked before each effect; once it says yes, the run ends.

    Raises:
        LinkError: reader or card are not reached.
        Cancelled: `cancelled` said yes.
    """
    session = Session(link, services, listener, psam=psam, follow=follow)
    try:
        return session.run(flow, cancelled)
    finally:
        session.close()
