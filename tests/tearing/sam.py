"""Scenarios of the PSAM: its transaction number, its keys, and its set-up."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final, TypeVar

from cardsim.assembly import SamModel
from cardsim.chip.eeprom import Bus
from cardsim.crypto.social import Suite
from cardsim.making.structure import Profile
from tests.cards import on_bus
from tests.psam.desk import CARD, SX1, SX2, Desk, init_data, psam
from tests.psam.test_setup import CREATE_SECOND, MASTER, TRANSPORT, authenticate, blank, keys, write_key
from tests.tearing.scene import AFTER, BEFORE, Act, Facts, Scenario, Scene, Setting, State, Step, both, then

_B = TypeVar("_B", bound=Bus)
_VALUE: Final = bytes(range(0x30, 0x40))
_CITY, _NATIONAL = 3, 1
_WRONG: Final = b"A-NEW-KEY-16BYTE"


class SamReader:
    """A PSAM in a reader, with its memory within reach."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.log = desk.log

    @property
    def model(self) -> SamModel:
        """The card."""
        return self.desk.model

    @property
    def cells(self) -> bytes:
        """All cells of the EEPROM."""
        return self.desk.cells

    def raw(self, command: bytes) -> bytes:
        """One APDU, one answer."""
        return self.desk.model.transmit(command)

    def power_on(self) -> str:
        """Reset; the ATR in hex."""
        return self.desk.model.power_on().hex().upper()

    def on_bus(self, bus: _B) -> AbstractContextManager[_B]:
        """Put a monitor or a plan of faults on the bus for a while."""
        return on_bus(self.model, bus)


def any_card(_profile: Profile) -> bool:
    """The PSAM does not depend on the profile of the user card, but for its cipher suite."""
    return True


def _issued(setting: Setting) -> tuple[Desk, Callable[[], Desk]]:
    """An issued PSAM, and what enters the application of the setting's cipher suite."""
    desk, name = psam(), SX1 if setting.suite is Suite.DES else SX2
    desk.enter(name)
    return desk, lambda: desk.enter(name)


def _purchase(setting: Setting) -> Scene:
    """The number is written before MAC1 leaves; a purchase that is cut never gives its number again."""
    desk, enter = _issued(setting)
    command = init_data(CARD, algorithm=desk.suite.key_algorithm_byte)

    def look() -> Facts:
        enter()
        return {"transaction number": desk.x("00B0990004")}

    step = Step("INIT SAM FOR PURCHASE", then(enter, lambda: desk.sw(command)), both("9000"))
    return Scene(SamReader(desk), (step,), look)


def _key(kid: int, act: Callable[[Desk], str], name: str, again: str) -> Callable[[Setting], Scene]:
    """A command that writes a key record, under the key of its file's level."""

    def make(setting: Setting) -> Scene:
        desk, enter = _issued(setting)

        def start() -> Act:
            enter()
            desk.authenticate(kid)
            return lambda: act(desk)

        def look() -> Facts:
            enter()
            facts = {"new key": desk.deliver(0x07, 0x80), "old key": desk.deliver(0x67, 0x08, CARD, CARD, CARD)}
            return facts | {"old key's work": desk.cipher(0, bytes(desk.suite.block_size))}

        return Scene(SamReader(desk), (Step(name, start, both(again)),), look)

    return make


def _create(desk: Desk) -> str:
    return desk.create(0x13, 0x07, 0x80, _VALUE)


def _change(desk: Desk) -> str:
    return desk.change(0x11, 0x67, 0x08, _VALUE)


def _authentication(*, right: bool) -> Callable[[Setting], Scene]:
    """EXTERNAL AUTHENTICATE of the city key, after a wrong one."""

    def make(setting: Setting) -> Scene:
        desk, enter = _issued(setting)
        assert desk.authenticate(_CITY, _WRONG) == "6982"

        def look() -> Facts:
            state, tries = desk.model.snapshot(), 0
            enter()
            while desk.authenticate(_CITY, _WRONG) == "6982":
                tries += 1
            desk.model.restore(state)
            return {"tries left": str(tries)}

        key = None if right else _WRONG
        full = int(look()["tries left"]) + 1
        word = "9000" if right else "6982"
        states = [State(BEFORE, word), State("one try taken", word, {"tries left": str(full - 2)})]
        if right:
            states.append(State("all tries again"))
        step = Step("EXTERNAL AUTHENTICATE", then(enter, lambda: desk.authenticate(_CITY, key)), tuple(states))
        return Scene(SamReader(desk), (step,), look)

    return make


def _blank_scene(desk: Desk, name: str, ready: Callable[[], object], act: Act, *states: State) -> Scene:
    def look() -> Facts:
        facts = {"status": desk.x("80F2000000"), "SX2": desk.select(SX2)}
        state = desk.model.snapshot()
        for key, words in ((TRANSPORT, "transport key"), (MASTER, "master key")):
            desk.model.power_on()
            facts[words] = authenticate(desk, key)
            desk.model.restore(state)
        return facts

    return Scene(SamReader(desk), (Step(name, then(ready, act), states),), look)


def _first_key(_setting: Setting) -> Scene:
    desk = blank()
    ready = lambda: authenticate(desk, TRANSPORT)  # noqa: E731 - one line, used once
    act = lambda: write_key(desk, "3F00", TRANSPORT, keys(MASTER))  # noqa: E731
    return _blank_scene(desk, "WRITE KEY", ready, act, State(BEFORE), State(AFTER, "6982"))


def _environment(_setting: Setting) -> Scene:
    desk = blank()
    authenticate(desk, TRANSPORT)
    assert write_key(desk, "3F00", TRANSPORT, keys(MASTER)) == "9000"

    def ready() -> None:
        desk.sw("00A40000")
        authenticate(desk, MASTER)

    return _blank_scene(desk, "CREATE", ready, lambda: desk.sw(CREATE_SECOND), State(BEFORE), State(AFTER, "6A89"))


def _scenario(name: str, title: str, shows: str, make: Callable[[Setting], Scene]) -> Scenario:
    return Scenario(name, title, shows, make, needs=any_card, psam=True)


SCENARIOS: Final = (
    _scenario("psam-purchase", "INIT SAM FOR PURCHASE raises the terminal transaction number.", "PSAM-166, D13",
              _purchase),
    _scenario("psam-create-key", "CREATE KEY adds a key record.", "PSAM-122, D13",
              _key(_CITY, _create, "CREATE KEY", "6A80")),
    _scenario("psam-change-key", "CHANGE KEY gives a key record another value.", "PSAM-122, D13",
              _key(_NATIONAL, _change, "CHANGE KEY", "9000")),
    _scenario("psam-authentication", "The right key of the city, after a wrong one.", "PSAM-166, D13",
              _authentication(right=True)),
    _scenario("psam-authentication-wrong", "A wrong key of the city.", "PSAM-166, D13", _authentication(right=False)),
    _scenario("psam-load-master-key", "The MF of the PSAM gets its master key.", "D1, D5", _first_key),
    _scenario("psam-create-environment", "The PSAM gets its second environment.", "D1, D5", _environment),
)  # fmt: skip
