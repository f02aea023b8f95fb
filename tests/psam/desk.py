"""PSAMs for tests: made once for each profile by their own commands, then a fresh copy of the cells for each test.

    desk = psam()                     # issued PSAM of the demo seed, powered on
    desk.enter()                      # DF01 of the DES environment; enter(SX2) for the second one
    desk.x("80FA000008 …")            # hex of the whole answer, 61xx followed

`blank_vectors()` is a PSAM whose own keys are those of the vectors in the requirements, and which holds no key record.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from cardsim.assembly import SamModel, new_psam, seeded
from cardsim.chip.eeprom import Eeprom
from cardsim.crypto import social
from cardsim.crypto.social import Suite
from cardsim.keyfile import KeyFile, PsamEnvironmentKeys, PsamKeys, generation_name
from cardsim.making import demo
from cardsim.making import psam as making
from cardsim.making.keyservice import TRANSPORT, HeldKeys
from cardsim.making.samkeys import APPLICATION, KEY_FILES, kid_name, master_name
from cardsim.making.samplan import MF, PsamProfile
from cardsim.making.samstation import base_turn, level_turn
from cardsim.making.ssse import key_length
from cardsim.psam.keys import KeyRecord, algorithm_of
from cardsim.psam.switches import SamSwitch
from tests.psams import FIELD, NO_SWITCH, made_psam

SX1: Final = "7378312E73682EC9E7BBE1B1A3D5CF"
SX2: Final = "7378322E73682EC9E7BBE1B1A3D5CF"
AID: Final = "D15600000590"
ORIGINAL: Final = b"ORIGINAL"
PERSON: Final = demo.demo(None)
CARD: Final = PERSON.historical[5:].hex().upper()
CITY: Final = "3531393930307378"
PROVINCE: Final = "3531303030307368"
ENVIRONMENTS: Final = ((SX1, Suite.DES), (SX2, Suite.SM4))


class Fixed:
    """A random source that gives what it is told."""

    position = 0

    def __init__(self, *numbers: str) -> None:
        self.numbers = [bytes.fromhex(number) for number in numbers]

    def take(self, count: int) -> bytes:
        """The next number, whatever length was asked for."""
        number = self.numbers.pop(0)
        assert len(number) == count
        return number

    def move(self, position: int) -> None:
        """Nothing: there are no positions."""


@dataclass(slots=True)
class Desk:
    """A PSAM in a reader that speaks hex and follows 61xx."""

    model: SamModel
    keys: KeyFile
    answer: bytes = b""
    environment: str = SX1
    log: list[tuple[bytes, bytes]] = field(default_factory=list)

    @property
    def data(self) -> str:
        """Data of the last answer."""
        return self.answer[:-2].hex().upper()

    def send(self, command: bytes) -> bytes:
        """One command and its answer, 61xx followed."""
        answer = self.model.transmit(command)
        self.log.append((command, answer))
        if answer[-2:-1] == b"\x61":
            answer = self.model.transmit(b"\x00\xc0\x00\x00" + answer[-1:])
        self.answer = answer
        return answer

    def x(self, apdu: str) -> str:
        """One command in hex, its answer in upper-case hex."""
        return self.send(bytes.fromhex(apdu)).hex().upper()

    def sw(self, apdu: str) -> str:
        """One command in hex, its status word."""
        return self.x(apdu)[-4:]

    def all(self, *apdus: str) -> list[str]:
        """Status words of several commands."""
        return [self.sw(apdu) for apdu in apdus]

    def select(self, name: str) -> str:
        """SELECT by name; the whole answer."""
        return self.x(f"00A40400{len(name) // 2:02X}{name}")

    def enter(self, environment: str = SX1) -> "Desk":
        """SELECT an environment, and its application."""
        self.root(environment)
        assert self.select(AID)[-4:] == "9000"
        return self

    def root(self, environment: str = SX1) -> "Desk":
        """SELECT an environment."""
        assert self.select(environment)[-4:] == "9000"
        self.environment = environment
        return self

    @property
    def suite(self) -> Suite:
        """Cipher of the environment that was entered."""
        return dict(ENVIRONMENTS)[self.environment]

    @property
    def own(self) -> PsamEnvironmentKeys:
        """The PSAM's own keys in the environment that was entered."""
        assert self.keys.psam is not None
        return next(keys for keys in self.keys.psam.environments if keys.suite is self.suite)

    def challenge(self, length: int = 8) -> bytes:
        """GET CHALLENGE."""
        return self.send(bytes((0x00, 0x84, 0x00, 0x00, length)))[:-2] or bytes(length)

    def prove(self, kid: int, key: bytes, challenge: bytes, version: bytes = b"") -> str:
        """EXTERNAL AUTHENTICATE with a challenge that is at hand; the status word."""
        data = social.authentication_data(self.suite, key, challenge, ORIGINAL) + ORIGINAL + version
        return self.sw(f"008200{kid:02X}{len(data):02X}{data.hex()}")

    def authenticate(self, kid: int, key: bytes | None = None) -> str:
        """GET CHALLENGE and EXTERNAL AUTHENTICATE of an own key of the application; the status word."""
        own = (self.own.application, self.own.national, self.own.provincial, self.own.city)[kid]
        return self.prove(kid, own if key is None else key, self.challenge())

    def authenticate_master(self) -> str:
        """The same for the master key of the environment."""
        return self.prove(0, self.own.master, self.challenge())

    def sealed(self, p1: int, file: int, plain: bytes, key: bytes | None = None, length: int = 4) -> bytes:
        """CREATE KEY or CHANGE KEY under a fresh challenge."""
        return self.seal(p1, file, plain, self.challenge(length), key)

    def seal(self, p1: int, file: int, plain: bytes, challenge: bytes, key: bytes | None = None) -> bytes:
        """CREATE KEY or CHANGE KEY under a challenge that is at hand."""
        master = self.own.application if key is None else key
        body = social.master_encipher(self.suite, master, plain)
        command = bytes((0x84, 0xD4, p1, file, len(body) + 4)) + body
        return command + social.master_mac4(self.suite, master, command, challenge)

    def create(self, file: int, usage: int, identifier: int, value: bytes, algorithm: int | None = None) -> str:
        """CREATE KEY; the status word."""
        fitting = algorithm_of(self.suite, len(value))
        head = bytes((usage, identifier, 0, int(fitting or 0) if algorithm is None else algorithm)) + bytes(4)
        return self.send(self.sealed(0, file, head + value))[-2:].hex().upper()

    def change(self, file: int, usage: int, identifier: int, value: bytes) -> str:
        """CHANGE KEY; the status word."""
        return self.send(self.sealed(1, file, bytes((usage, identifier, 0)) + value))[-2:].hex().upper()

    def deliver(self, usage: int, identifier: int, *factors: str, seed: str = "1122334455667788") -> str:
        """DELIVERY SESSION KEY; the status word. The random number is filled with 00 to a block."""
        data = "".join(factors) + seed.ljust(2 * self.suite.block_size, "0")
        return self.sw(f"BFDE{usage:02X}{identifier:02X}{len(data) // 2:02X}{data}")

    def cipher(self, p1: int, data: bytes) -> str:
        """CIPHER DATA; the whole answer."""
        return self.x(f"80FA{p1:02X}00{len(data):02X}{data.hex()}")

    @property
    def cells(self) -> bytes:
        """All cells of the EEPROM."""
        return self.model.eeprom.snapshot().cells


def root(name: str, suite: Suite, generation: int = 1) -> bytes:
    """The national root key of the demo seed."""
    return PERSON.secret(f"{suite.value} {generation_name(name, generation)}", key_length(name, suite))


def card_key(name: str, suite: Suite, generation: int = 1) -> bytes:
    """The demo user card's key."""
    return social.card_key(suite, root(name, suite, generation), demo.AREA, PERSON.historical)


def of_cells(cells: bytes, keys: KeyFile, *, seed: int = 7) -> Desk:
    """A PSAM on a copy of cells, powered on."""
    model = SamModel(Eeprom(bytearray(cells)), seeded(seed))
    model.power_on()
    return Desk(model, keys)


def psam(profile: str = FIELD, switches: SamSwitch = NO_SWITCH) -> Desk:
    """An issued PSAM of the demo seed."""
    return of_cells(*made_psam(profile, switches=switches))


VECTOR_KEYS: Final[Mapping[str, bytes]] = {
    TRANSPORT: PERSON.secret("psam transport"),
    master_name(MF): bytes.fromhex("303132333435363738393A3B3C3D3E3F"),
    APPLICATION: bytes.fromhex("404142434445464748494A4B4C4D4E4F"),
    **{kid_name(number): bytes.fromhex("505152535455565758595A5B5C5D5E5F") for number in (1, 2, 3)},
}


@functools.cache
def _vectors() -> tuple[bytes, KeyFile]:
    model = new_psam(seed=1)
    making.activate_psam(model, None)
    order = making.psam_order(PERSON, PsamProfile("vectors", "", SamSwitch(0), 1, (), None))
    keys = {MF.fid: HeldKeys(MF.suite, VECTOR_KEYS)}
    base_turn(model, order, keys)
    for party in KEY_FILES:
        level_turn(model, order, party, keys)
    national, provincial, city = (VECTOR_KEYS[kid_name(number)] for number in (1, 2, 3))
    master, application = VECTOR_KEYS[master_name(MF)], VECTOR_KEYS[APPLICATION]
    own = PsamEnvironmentKeys("3F00", Suite.DES, master, application, national, provincial, city)
    keyfile = KeyFile(psam=PsamKeys("519900", making.terminal_number(PERSON), VECTOR_KEYS[TRANSPORT], (own,)))
    return model.eeprom.snapshot().cells, keyfile


def blank_vectors() -> Desk:
    """A PSAM with the own keys of the vectors (PSAM-054, PSAM-058), DES alone, and no key record."""
    return of_cells(*_vectors())


def with_random(desk: Desk, *numbers: str, slot: int = 0) -> None:
    """Let an environment give these random numbers next."""
    desk.model.environments[slot].random = Fixed(*numbers)


def record(usage: int, identifier: int, value: bytes, suite: Suite = Suite.DES) -> bytes:
    """A key record as CREATE KEY carries it."""
    algorithm = algorithm_of(suite, len(value))
    assert algorithm is not None
    return bytes(KeyRecord(usage, identifier, algorithm, value))


def init_data(
    *factors: str,
    random: str = "E3F50E75",
    sequence: str = "0005",
    amounts: Sequence[int] = (100, 10, 0),
    kind: str = "32",
    time: str = "20140801120001",
    version: int = 1,
    algorithm: int = 0,
) -> str:
    """INIT SAM FOR PURCHASE of the vector's purchase (fact sheet §3.5), or of another."""
    money = "".join(f"{amount:08X}" for amount in amounts)
    data = f"{random}{sequence}{money}{kind}{time}{version:02X}{algorithm:02X}{''.join(factors)}"
    return f"80700100{len(data) // 2:02X}{data}"
