"""A counter for tests: card, PSAM, PIN pad, reader, the national interface, and what went over the contacts.

desk = counter("dual-3.0-sm4")
desk.call("iReadCardBas", 3)
desk.sent                       # commands to the card in hex, GET RESPONSE left out
"""

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from random import Random

from cardsim.assembly import SamModel
from cardsim.iso7816.card import Card
from cardsim.keyfile import KeyFile
from terminal.driver import Services
from terminal.effects import PinEntered, PinEntry
from terminal.errors import PinTimeout
from terminal.national.card import Setup
from terminal.national.interface import NationalInterface, Result
from terminal.national.reader import CONTACT, SAM, Device, ReaderLibrary, ReaderSlot
from tests.cards import DUAL, Bench, card
from tests.psams import FIELD, psam

NOW = datetime(2026, 11, 21, 12, 0, 0)
Override = Callable[[bytes], bytes | None]


class Tap:
    """A card with its contacts watched. `override` may answer instead; None leaves it to the card."""

    def __init__(self, inner: Card, override: Override | None = None) -> None:
        self.inner = inner
        self.override = override
        self.log: list[bytes] = []
        self.answers: list[bytes] = []
        self.atr: Callable[[], bytes] | None = None
        self.power = 0

    def power_on(self) -> bytes:
        """The ATR."""
        self.power += 1
        answer = self.inner.power_on()
        return answer if self.atr is None else self.atr()

    def transmit(self, command: bytes) -> bytes:
        """The answer."""
        self.log.append(command)
        answer = None if self.override is None else self.override(command)
        self.answers.append(self.inner.transmit(command) if answer is None else answer)
        return self.answers[-1]

    def power_off(self) -> None:
        """No power any more."""
        self.inner.power_off()


class Pad:
    """A PIN pad with the entries that the holder makes, in their order; None is a cancelled one.

    After the last one nobody enters anything, and the time is over.
    """

    def __init__(self, entries: Iterable[str | None]) -> None:
        self._entries = iter(entries)
        self.prompts: list[str] = []

    def enter(self, request: PinEntry) -> PinEntered | None:
        """The next entry."""
        self.prompts.append(request.prompt)
        try:
            digits = next(self._entries)
        except StopIteration:
            raise PinTimeout("nobody entered a PIN") from None
        return None if digits is None else PinEntered(digits=digits)


@dataclass
class Counter:
    """One counter."""

    card: Tap
    sam: Tap | None
    keys: KeyFile
    interface: NationalInterface
    library: ReaderLibrary
    device: Device
    pad: Pad

    def call(self, name: str, *arguments: int | str) -> Result:
        """A function of the interface."""
        return self.interface.call(name, *arguments)

    def slot(self, number: int) -> ReaderSlot:
        """A slot of the reader."""
        found = self.device.slot(number)
        assert found is not None
        return found

    @property
    def sent(self) -> list[str]:
        """Commands to the card in hex, GET RESPONSE and repeated ones (6Cxx) left out."""
        return _commands(self.card.log)

    @property
    def challenges(self) -> list[str]:
        """Random numbers that the card gave, in hex."""
        pairs = zip(self.card.log, self.card.answers, strict=True)
        return [answer[:-2].hex().upper() for command, answer in pairs if command[1] == 0x84]

    def answer_to(self, header: str) -> str:
        """The answer to the last command with a header, in hex, with what GET RESPONSE brought."""
        pairs = list(zip(self.card.log, self.card.answers, strict=True))
        at = max(n for n, (command, _) in enumerate(pairs) if command.hex().upper().startswith(header))
        fetched = pairs[at + 1][1] if pairs[at][1][0] == 0x61 else pairs[at][1]
        return fetched.hex().upper()

    @property
    def closed(self) -> bool:
        """Whether the device is closed and no card has power."""
        return self.library.open_handles == 0 and not self.slot(CONTACT).powered and not self.slot(SAM).powered


def _commands(log: list[bytes]) -> list[str]:
    return [command.hex().upper() for command in log if command[1] != 0xC0]


def counter(
    profile: str = DUAL,
    sam: str | None = FIELD,
    pins: Iterable[str | None] = (),
    *,
    setup: Setup | None = None,
    user: Bench | None = None,
    module: SamModel | None = None,
) -> Counter:
    """A counter with a demo card of a profile and (unless `sam` is None) a PSAM of the same seed."""
    user = user or card(profile, on=False)
    tap = Tap(user.model)
    sam_tap = None if sam is None else Tap(module or psam(sam)[0])
    device = Device({CONTACT: ReaderSlot(tap), SAM: ReaderSlot(sam_tap)})
    library = ReaderLibrary({"USB1": device})
    pad = Pad(pins)
    interface = NationalInterface(library, Services(Random(1).randbytes, pin_pad=pad), setup, clock=lambda: NOW)
    return Counter(tap, sam_tap, user.keys, interface, library, device, pad)


@functools.cache
def info(profile: str = DUAL) -> str:
    """pCardInfo of the demo card of a profile."""
    code, output = counter(profile).call("iReadCardBas", 1)
    assert code == 0, output
    fields = output.split("|")
    return f"{fields[3]}|{fields[2]}|"
