"""A reader with room for one card, and the bookkeeping that pcscd keeps for it.

Two sides meet here. The owner inserts and removes cards. A PC/SC service opens handles and works through them; its
methods return a `Status` as pcscd's own calls do and never raise for what a client asks. Every method may be called
from any thread. Of pcscd's rules the ones that surprise:

- a transaction does not queue other clients: they are told SHARING_VIOLATION and their library tries again;
- a reset is told to every handle, except to the one that reconnects; each must reconnect before it goes on;
- when a client dies inside a transaction, or while it is exclusive, the card is reset.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from cardsim.iso7816.atr import Atr, AtrError
from cardsim.iso7816.card import Card
from cardsim.reader.codes import Disposition, Protocol, ReaderFlag, ShareMode, Status
from cardsim.reader.errors import ReaderError
from cardsim.reader.trace import ApduHook, PowerHook, traced

_log = logging.getLogger(__name__)

MAX_NAME = 127
"""Bytes of a reader name on the wire, without the closing zero."""

LOCK_POLL = 0.1
"""Seconds that a refused `begin` waits for the transaction to end first: pcscd's pause, so that clients do not spin."""

_MAX_ATR = 33
_EXCLUSIVE = -1
_NOBODY = 0
_ANY = Protocol.T0 | Protocol.T1
_ACCEPTABLE = _ANY | Protocol.RAW | Protocol.ANY_OLD
_RAW, _ANY_OLD = int(Protocol.RAW), int(Protocol.ANY_OLD)
_SUCCESS = Status.SUCCESS
_READY = ReaderFlag.PRESENT | ReaderFlag.POWERED | ReaderFlag.NEGOTIABLE


def reader_name(slot: int, product: str = "cardsim Virtual Reader") -> str:
    """The name of the slot with this number, in pcscd's style: product, reader 00, slot in two hex digits."""
    return f"{product} 00 {slot:02X}"


@dataclass(frozen=True, slots=True)
class ReaderState:
    """What every client may know of a reader. `sharing` counts the open handles, -1 stands for an exclusive one."""

    name: str
    events: int
    flags: ReaderFlag
    sharing: int
    atr: bytes
    protocol: Protocol


@dataclass(slots=True)
class _Link:
    """What is kept for an open handle: the event that it must acknowledge by reconnecting, if any."""

    event: Status = Status.SUCCESS


def _never() -> bool:
    return False


class Slot:
    """A named reader that holds no card or one.

    `on_apdu` and `on_power` watch the card (see `trace`); they are called under the slot's lock and must not call back.

    Raises:
        ReaderError: the name is empty or longer than the 127 bytes that PC/SC has for it.
    """

    def __init__(
        self,
        name: str,
        card: Card | None = None,
        *,
        on_apdu: ApduHook | None = None,
        on_power: PowerHook | None = None,
    ) -> None:
        if not 0 < len(name.encode()) <= MAX_NAME or "\0" in name:
            raise ReaderError(f"A reader name has 1 to {MAX_NAME} bytes, not {len(name.encode())}.")
        self.name = name
        self._on_apdu, self._on_power = on_apdu, on_power
        self._lock = threading.Lock()
        self._unlocked = threading.Condition(self._lock)
        self._listeners: list[Callable[[], None]] = []
        self._inserted: Card | None = None
        self._card: Card | None = None
        self._flags = ReaderFlag.ABSENT
        self._powered = False
        self._atr = b""
        self._protocol = Protocol.UNDEFINED
        self._events = 0
        self._links: dict[int, _Link] = {}
        self._sharing = 0
        self._owner = _NOBODY
        self._depth = 0
        self._state = self._snapshot()
        if card is not None:
            self.insert(card)

    # -- the owner's side ------------------------------------------------------------------------------------------

    @property
    def state(self) -> ReaderState:
        """The reader as it is now; never waits for the card."""
        return self._state

    @property
    def card(self) -> Card | None:
        """The card that is in the reader."""
        return self._inserted

    def insert(self, card: Card) -> None:
        """Put a card in: it is powered, and waiting clients are told.

        Raises:
            ReaderError: there is a card in the reader already.
        """
        with self._lock:
            if self._inserted is not None:
                raise ReaderError(f"There is a card in {self.name} already.")
            self._inserted = card
            self._card = traced(card, self._on_apdu, self._on_power)
            self._events += 1
            self._power_up()
            self._state = self._snapshot()
        self._tell()

    def remove(self) -> Card | None:
        """Take the card out, in the middle of whatever clients do with it, and return it (None: there was none).

        The card loses its power, transactions on it end, and every handle is told REMOVED_CARD until it reconnects.
        """
        with self._lock:
            card = self._inserted
            if card is None:
                return None
            self._power_down()
            self._inserted = self._card = None
            self._flags, self._atr = ReaderFlag.ABSENT, b""
            self._events += 1
            self._mark_all(Status.REMOVED_CARD)
            self._release_lock()
            self._state = self._snapshot()
        self._tell()
        return card

    def add_listener(self, listener: Callable[[], None]) -> None:
        """Have `listener` called after every insertion and removal, on the thread that does it."""
        with self._lock:
            self._listeners.append(listener)

    def remove_listener(self, listener: Callable[[], None]) -> None:
        """Undo `add_listener`; an unknown listener is ignored."""
        with self._lock:
            self._listeners = [known for known in self._listeners if known != listener]

    # -- the service's side ----------------------------------------------------------------------------------------

    def connect(
        self, handle: int, mode: int, protocols: int, gone: Callable[[], bool] = _never
    ) -> tuple[Status, Protocol]:
        """Open `handle` (any number but 0 that is not open yet) and return the protocol in use.

        Waits while another client is in a transaction; gives up with CANCELLED once `gone` says that nobody waits for
        the answer any more.
        """
        if mode != ShareMode.DIRECT and not protocols & _ACCEPTABLE:
            return Status.PROTO_MISMATCH, Protocol.UNDEFINED
        if mode not in ShareMode.__members__.values():
            return Status.INVALID_VALUE, Protocol.UNDEFINED
        with self._lock:
            if self._sharing == _EXCLUSIVE:
                return Status.SHARING_VIOLATION, Protocol.UNDEFINED
            if not self._wait_unlocked(gone):
                return Status.CANCELLED, Protocol.UNDEFINED
            status = self._admit(mode, protocols)
            if status is Status.SUCCESS:
                self._links[handle] = _Link()
                if mode == ShareMode.EXCLUSIVE:
                    self._sharing, self._owner, self._depth = _EXCLUSIVE, handle, 1
                else:
                    self._sharing += 1
            self._state = self._snapshot()
            return status, self._protocol

    def reconnect(self, handle: int, mode: int, protocols: int, initialization: int) -> tuple[Status, Protocol]:
        """Acknowledge events, change the share mode, and reset (or power down and up) the card if asked to."""
        if initialization not in (Disposition.LEAVE, Disposition.RESET, Disposition.UNPOWER):
            return Status.INVALID_VALUE, Protocol.UNDEFINED
        if mode not in ShareMode.__members__.values():
            return Status.INVALID_VALUE, Protocol.UNDEFINED
        if mode != ShareMode.DIRECT and not protocols & _ACCEPTABLE:
            return Status.PROTO_MISMATCH, Protocol.UNDEFINED
        with self._lock:
            status = self._reconnect(handle, ShareMode(mode), protocols, Disposition(initialization))
            self._state = self._snapshot()
            return status, self._protocol

    def disconnect(self, handle: int, disposition: int, gone: Callable[[], bool] = _never) -> Status:
        """Close a handle. Anything but LEAVE waits for another client's transaction to end, as `connect` does."""
        if disposition not in Disposition.__members__.values():
            return Status.INVALID_VALUE
        with self._lock:
            if handle not in self._links:
                return Status.INVALID_HANDLE
            if disposition != Disposition.LEAVE and self._owner != handle and not self._wait_unlocked(gone):
                return Status.CANCELLED
            self._close(handle, Disposition(disposition))
            return Status.SUCCESS

    def abandon(self, handle: int) -> None:
        """Close a handle whose client is gone. Inside its transaction the card is reset, unless it was since."""
        with self._lock:
            link = self._links.get(handle)
            if link is None:
                return
            in_use = self._owner == handle and link.event is Status.SUCCESS
            self._close(handle, Disposition.RESET if in_use else Disposition.LEAVE)

    def begin(self, handle: int) -> Status:
        """Begin a transaction (they nest). Refused with SHARING_VIOLATION, after `LOCK_POLL`, while another runs."""
        with self._lock:
            status = self._event(handle)
            if status is not Status.SUCCESS:
                return status
            if self._owner not in (_NOBODY, handle):
                self._unlocked.wait(LOCK_POLL)
                status = self._event(handle)
                if status is not Status.SUCCESS:
                    return status
                if self._owner not in (_NOBODY, handle):
                    return Status.SHARING_VIOLATION
            self._owner = handle
            self._depth += 1
            return Status.SUCCESS

    def end(self, handle: int, disposition: int) -> Status:
        """End the innermost transaction; a reset is told to every handle, this one included."""
        if disposition not in Disposition.__members__.values():
            return Status.INVALID_VALUE
        with self._lock:
            status = self._event(handle)
            if status is not Status.SUCCESS:
                return status
            if self._owner not in (_NOBODY, handle):
                return Status.SHARING_VIOLATION
            if disposition in (Disposition.RESET, Disposition.UNPOWER):
                status = self._reset(Disposition(disposition))
                self._mark_all(Status.RESET_CARD)
                self._state = self._snapshot()
            floor = 1 if self._sharing == _EXCLUSIVE else 0
            if self._owner != handle or self._depth <= floor:
                return status or Status.NOT_TRANSACTED
            self._depth -= 1
            if not self._depth:
                self._release_lock()
            return status

    def status(self, handle: int) -> Status:
        """Whether the handle may go on working; the state itself is in `state`."""
        with self._lock:
            return self._permitted(handle)

    def control(self, handle: int) -> Status:
        """Whether the handle may talk to the reader itself: unlike `status` a reset card does not hinder it."""
        with self._lock:
            if handle not in self._links:
                return Status.INVALID_HANDLE
            return Status.SUCCESS if self._owner in (_NOBODY, handle) else Status.SHARING_VIOLATION

    def transmit(self, handle: int, protocol: int, command: bytes) -> tuple[Status, bytes]:
        """Give the card a command APDU and return its response (empty unless SUCCESS)."""
        with self._lock:
            # The hot path: every check that can fail is one comparison of what has been worked out before.
            if self._owner != handle and self._owner:
                return Status.SHARING_VIOLATION, b""
            link = self._links.get(handle)
            if link is None:
                return Status.INVALID_HANDLE, b""
            if link.event:
                return link.event, b""
            card = self._card
            if card is None:
                return (Status.NOT_TRANSACTED if protocol == _RAW else Status.NO_SMARTCARD), b""
            if protocol != self._protocol and protocol != _RAW and protocol != _ANY_OLD:
                return Status.PROTO_MISMATCH, b""
            if not self._powered:
                return Status.NOT_TRANSACTED, b""
            try:
                return _SUCCESS, card.transmit(command)
            except Exception:
                _log.exception("the card in %s failed on a command of %d bytes", self.name, len(command))
                return Status.NOT_TRANSACTED, b""

    # -- inside the lock -------------------------------------------------------------------------------------------

    def _snapshot(self) -> ReaderState:
        return ReaderState(self.name, self._events, self._flags, self._sharing, self._atr, self._protocol)

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener()

    def _mark_all(self, event: Status) -> None:
        for link in self._links.values():
            link.event = event

    def _event(self, handle: int) -> Status:
        link = self._links.get(handle)
        return Status.INVALID_HANDLE if link is None else link.event

    def _permitted(self, handle: int) -> Status:
        return Status.SHARING_VIOLATION if self._owner not in (_NOBODY, handle) else self._event(handle)

    def _release_lock(self) -> None:
        self._owner, self._depth = _NOBODY, 0
        self._unlocked.notify_all()

    def _wait_unlocked(self, gone: Callable[[], bool]) -> bool:
        while self._owner:
            if gone():
                return False
            self._unlocked.wait(LOCK_POLL)
        return True

    def _power_up(self) -> Status:
        """Power or reset the card; a card that fails to answer with an ATR is mute."""
        self._protocol, self._powered = Protocol.UNDEFINED, False
        if self._card is None:
            self._flags, self._atr = ReaderFlag.ABSENT, b""
            return Status.NO_SMARTCARD
        try:
            self._atr = self._card.power_on()
        except Exception:
            _log.exception("the card in %s failed to answer a reset", self.name)
            self._atr = b""
        if not 0 < len(self._atr) <= _MAX_ATR:
            self._flags, self._atr = ReaderFlag.PRESENT | ReaderFlag.SWALLOWED, b""
            return Status.UNRESPONSIVE_CARD
        self._flags, self._powered = _READY, True
        return Status.SUCCESS

    def _power_down(self) -> None:
        self._protocol = Protocol.UNDEFINED
        if self._card is None or not self._powered:
            return
        self._flags, self._powered = ReaderFlag.PRESENT, False
        try:
            self._card.power_off()
        except Exception:
            _log.exception("the card in %s failed when its power went", self.name)

    def _reset(self, how: Disposition) -> Status:
        if how is Disposition.UNPOWER:
            self._power_down()
        return self._power_up()

    def _admit(self, mode: int, protocols: int) -> Status:
        """What `connect` checks of card, protocol and share mode, in pcscd's order."""
        if mode != ShareMode.DIRECT:
            if self._card is None:
                return Status.NO_SMARTCARD
            if self._flags == ReaderFlag.PRESENT:
                self._power_up()
            if not self._powered:
                return Status.UNPOWERED_CARD
        status = self._choose_protocol(mode, protocols)
        if status is not Status.SUCCESS:
            return status
        taken = self._sharing == _EXCLUSIVE or (mode == ShareMode.EXCLUSIVE and self._sharing)
        return Status.SHARING_VIOLATION if taken else Status.SUCCESS

    def _choose_protocol(self, mode: int, wanted: int) -> Status:
        if wanted & Protocol.RAW:
            self._protocol = Protocol.RAW
        elif mode == ShareMode.DIRECT:
            return Status.SUCCESS
        elif self._protocol is Protocol.UNDEFINED:
            wanted = _ANY if wanted & Protocol.ANY_OLD else Protocol(wanted & _ANY)
            offered = [protocol for protocol in self._offered() if protocol & wanted]
            if not offered:
                return Status.PROTO_MISMATCH
            self._protocol = offered[0]
        elif not wanted & self._protocol:
            return Status.PROTO_MISMATCH
        return Status.SUCCESS

    def _offered(self) -> list[Protocol]:
        """The protocols of the ATR, its default first. A reader works with an ATR that has a wrong TCK, so T=0 then."""
        try:
            numbers: tuple[int, ...] = Atr.parse(self._atr).protocols
        except AtrError:
            numbers = (0,)
        return [Protocol(1 << number) for number in numbers if number in (0, 1)]

    def _reconnect(self, handle: int, mode: ShareMode, protocols: int, how: Disposition) -> Status:
        if handle not in self._links:
            return Status.INVALID_HANDLE
        if self._owner not in (_NOBODY, handle):
            return Status.SHARING_VIOLATION
        if how is Disposition.LEAVE:
            if self._card is None:
                return Status.NO_SMARTCARD
            if self._flags & ReaderFlag.SWALLOWED:
                return Status.UNRESPONSIVE_CARD
            if mode is not ShareMode.DIRECT and not self._powered:
                self._power_up()
        else:
            if self._card is not None:
                self._mark_all(Status.RESET_CARD)
            status = self._reset(how)
            if status is not Status.SUCCESS:
                return status
        status = self._choose_protocol(mode, protocols)
        if status is Status.SUCCESS:
            status = self._change_sharing(handle, mode)
        if status is Status.SUCCESS:
            self._links[handle].event = Status.SUCCESS
        return status

    def _change_sharing(self, handle: int, mode: ShareMode) -> Status:
        if mode is ShareMode.EXCLUSIVE and self._sharing != _EXCLUSIVE:
            if self._sharing != 1:
                return Status.SHARING_VIOLATION
            self._sharing, self._owner = _EXCLUSIVE, handle
            self._depth += 1
        elif mode is not ShareMode.EXCLUSIVE and self._sharing == _EXCLUSIVE:
            # pcscd forgets to give up the lock that came with the exclusive mode: from here on it is a transaction,
            # until it is ended or the handle closed.
            self._sharing = 1
            self._depth = max(1, self._depth - 1)
        return Status.SUCCESS

    def _close(self, handle: int, disposition: Disposition) -> None:
        if self._owner == handle:
            self._release_lock()
        del self._links[handle]
        self._sharing = 0 if self._sharing == _EXCLUSIVE else self._sharing - 1
        match disposition:
            case Disposition.RESET if self._card is not None:
                self._power_up()
                self._mark_all(Status.RESET_CARD)
            case Disposition.UNPOWER if self._card is not None:
                self._power_down()
                self._mark_all(Status.RESET_CARD)
            case _:
                # LEAVE; a reader without a card; and EJECT, which needs a motor that no reader of ours has.
                ...
        self._state = self._snapshot()
