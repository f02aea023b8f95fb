"""Cards for tests: made once for each profile by their own commands, then a fresh copy of the cells for each test.

    bench = card()                        # operational demo card, powered on
    bench.x("00A4040008 A000000333010101")  # hex of the whole answer, 61xx and 6Cxx followed
    bench.data, bench.sw                  # of the last answer

`blank()` is a card that was activated and nothing else, `initialised()` one whose environments have their first
master keys and no content yet.
"""

import functools
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Final, TypeVar

from cardsim.assembly import CardModel, SamModel, new_card, seeded
from cardsim.chip.eeprom import DEFAULT_SIZE, Bus, Eeprom
from cardsim.cos.masterkey import Algorithm, MasterKeySet
from cardsim.crypto import scp02, social
from cardsim.crypto.social import Suite
from cardsim.keyfile import KeyFile
from cardsim.making import demo
from cardsim.making.card import Secrets, activate, make_card, secrets_of
from cardsim.making.structure import load_profile

DUAL: Final = "dual-3.0-sm4"
DUAL_DES: Final = "dual-3.0-des"
SSSE_NAME: Final = "7378312E73682EC9E7BBE1B1A3D5CF"
PSE_NAME: Final = "315041592E5359532E4444463031"
AID: Final = "A000000333010101"
HISTORICAL: Final = demo.demo(None).historical
PIN: Final = demo.PIN
ORIGINAL: Final = b"ORIGINAL"
RNG_SEED: Final = 20240101

_B = TypeVar("_B", bound=Bus)


def unhex(text: str) -> bytes:
    """Bytes of hex; blanks do not matter."""
    return bytes.fromhex(text)


@contextmanager
def on_bus(model: CardModel | SamModel, bus: _B) -> Iterator[_B]:
    """Put a monitor or a plan of faults on a card's bus for a while."""
    model.attach(bus)
    try:
        yield bus
    finally:
        model.attach(None)


@dataclass(slots=True)
class Bench:
    """A card in a reader that speaks hex.

    Args:
        model: the card, with all that only a model can do.
        keys: what its terminals and hosts know.
        follow: whether the reader answers 61xx with GET RESPONSE and 6Cxx by sending the command again.
    """

    model: CardModel
    keys: KeyFile
    follow: bool = True
    answer: bytes = b""
    log: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Every APDU and its answer, as they went over the contacts."""

    @property
    def data(self) -> str:
        """Data of the last answer."""
        return self.answer[:-2].hex().upper()

    @property
    def sw(self) -> str:
        """Status word of the last answer; empty when the card is mute."""
        return self.answer[-2:].hex().upper()

    def raw(self, command: bytes) -> bytes:
        """One APDU, one answer."""
        answer = self.model.transmit(command)
        self.log.append((command, answer))
        return answer

    def send(self, command: bytes, *, follow: bool | None = None) -> bytes:
        """One command and its answer, with 61xx and 6Cxx followed unless told otherwise."""
        answer = self.raw(command)
        if self.follow if follow is None else follow:
            if answer[-2:-1] == b"\x6c":
                answer = self.raw(command[:4] + answer[-1:])
            data = b""
            while answer[-2:-1] == b"\x61":
                data += answer[:-2]
                answer = self.raw(b"\x00\xc0\x00\x00" + answer[-1:])
            answer = data + answer
        self.answer = answer
        return answer

    def x(self, apdu: str, *, follow: bool | None = None) -> str:
        """One command in hex, its answer in upper-case hex."""
        return self.send(unhex(apdu), follow=follow).hex().upper()

    def all(self, *apdus: str) -> list[str]:
        """Status words of several commands."""
        return [self.x(apdu)[-4:] for apdu in apdus]

    def power_on(self) -> str:
        """Reset; the ATR in hex, empty if the card is mute."""
        return self.model.power_on().hex().upper()

    # --- files ---------------------------------------------------------------------------------------------------

    def select(self, name: str) -> str:
        """SELECT by name, name in hex; the whole answer."""
        return self.x(f"00A40400{len(name) // 2:02X}{name}")

    def select_fid(self, fid: str, p1: str = "00") -> str:
        """SELECT by file identifier; the whole answer."""
        return self.x(f"00A4{p1}0002{fid}")

    def ssse(self) -> str:
        """SELECT the social-security environment; the status word."""
        return self.select(SSSE_NAME)[-4:]

    def pse(self) -> str:
        """SELECT the payment environment; the status word."""
        return self.select(PSE_NAME)[-4:]

    def status(self) -> str:
        """GET STATUS at the MF; the data. The MF is selected after it."""
        self.x("00A40000023F00")
        self.x("80F2000000")
        return self.data

    # --- keys and PIN --------------------------------------------------------------------------------------------

    @property
    def suite(self) -> Suite:
        """Cipher of the social-security environment."""
        assert self.keys.ssse is not None
        return self.keys.ssse.suite

    @property
    def ssse_master(self) -> bytes:
        """Master key of the social-security environment that is in force after making."""
        assert self.keys.ssse is not None
        assert self.keys.ssse.master is not None
        return self.keys.ssse.master

    def key(self, name: str) -> bytes:
        """The card's own key of the social-security environment, by its name in the standard."""
        assert self.keys.ssse is not None
        key = self.keys.ssse.card_key(name, self.keys.ssse.suite, self.keys.ssse.area, HISTORICAL)
        assert key is not None, name
        return key

    def verify(self, pin: str = PIN) -> str:
        """VERIFY; the status word."""
        return self.x(f"00200000{len(pin) // 2:02X}{pin}")[-4:]

    def challenge(self, length: int = 8) -> bytes:
        """GET CHALLENGE; the random number, zeros where the card gives none."""
        return self.send(bytes((0x00, 0x84, 0x00, 0x00, length)))[:-2] or bytes(length)

    def authenticate(self, key: bytes, reference: int = 0, suite: Suite | None = None, length: int = 8) -> str:
        """GET CHALLENGE and EXTERNAL AUTHENTICATE under a key; the status word."""
        return self.prove(key, reference, self.challenge(length), suite)

    def prove(self, key: bytes, reference: int, challenge: bytes, suite: Suite | None = None) -> str:
        """EXTERNAL AUTHENTICATE with a challenge that is at hand; the status word."""
        data = social.authentication_data(suite or self.suite, key, challenge, ORIGINAL) + ORIGINAL
        return self.send(bytes((0x00, 0x82, 0x00, reference, len(data))) + data)[-2:].hex().upper()

    def protected(self, header: str, key: bytes, plain: bytes, suite: Suite | None = None) -> str:
        """A command enciphered and MACed under a master key and a fresh challenge; the status word."""
        return self.send(seal(suite or self.suite, header, key, plain, self.challenge()))[-2:].hex().upper()

    # --- inside --------------------------------------------------------------------------------------------------

    @property
    def cells(self) -> bytes:
        """All cells of the EEPROM."""
        return self.model.eeprom.snapshot().cells

    def on_bus(self, bus: _B) -> AbstractContextManager[_B]:
        """Put a monitor or a plan of faults on the bus for a while."""
        return on_bus(self.model, bus)


def seal(suite: Suite, header: str, key: bytes, plain: bytes, challenge: bytes) -> bytes:
    """A command enciphered and MACed under a master key (D8); nothing is enciphered where `plain` is empty."""
    body = social.master_encipher(suite, key, plain) if plain else b""
    command = unhex(header) + bytes((len(body) + 4,)) + body
    return command + social.master_mac4(suite, key, command, challenge)


# --- making ------------------------------------------------------------------------------------------------------


def secrets(seed: int | None = None) -> Secrets:
    """Keys of the demo card itself."""
    return secrets_of(demo.demo(seed))


@functools.cache
def made(profile: str, switches: int = 0, seed: int | None = None) -> tuple[bytes, KeyFile]:
    """Cells and keys of a finished card; with a seed another holder, other keys and numbers (`cardsim new --seed`)."""
    model = new_card(seed=1 if seed is None else seed)
    activate(model, seed, switches=switches)
    keys = make_card(model, load_profile(profile), seed)
    return model.eeprom.snapshot().cells, keys


@functools.cache
def _blank(switches: int, size: int) -> tuple[bytes, KeyFile]:
    model = new_card(seed=1, size=size)
    keys = activate(model, None, switches=switches)
    return model.eeprom.snapshot().cells, keys


def of_cells(cells: bytes, keys: KeyFile, *, seed: int = RNG_SEED, on: bool = True) -> Bench:
    """A card of its own with these cells."""
    bench = Bench(CardModel(Eeprom(bytearray(cells)), seeded(seed)), keys)
    if on:
        bench.power_on()
    return bench


def card(profile: str = DUAL, *, switches: int = 0, seed: int = RNG_SEED, on: bool = True) -> Bench:
    """An operational demo card of a profile, powered on."""
    return of_cells(*made(profile, switches), seed=seed, on=on)


def blank(*, switches: int = 0, size: int = DEFAULT_SIZE) -> Bench:
    """A blank card (activated: the transport key and nothing else), powered on. `keys.card` has its keys."""
    return of_cells(*_blank(switches, size))


def virgin(size: int = DEFAULT_SIZE) -> Bench:
    """A virgin chip, powered on."""
    bench = Bench(new_card(size=size, seed=RNG_SEED), KeyFile())
    bench.power_on()
    return bench


# --- set-up commands ---------------------------------------------------------------------------------------------


def create_data(pages: int, kind: int, algorithm: int, sfi: int, name: str) -> str:
    """Data of CREATE for an environment."""
    return f"38{pages:04X}{kind:02X}{algorithm:02X}{sfi:02X}FFFF{name}"


def apdu(header: str, data: str | bytes) -> str:
    """A command with Lc, in hex."""
    text = data if isinstance(data, str) else data.hex().upper()
    return f"{header}{len(text) // 2:02X}{text}"


def create_ssse(pages: int = 256, suite: Suite = Suite.SM4, fid: str = "DDF1", name: str = SSSE_NAME) -> str:
    """CREATE of a social-security environment."""
    return apdu(f"80E0{fid}", create_data(pages, 1, suite.algorithm_id, 0x1E, name))


def create_pse(pages: int = 160, fid: str = "DDF2", name: str = PSE_NAME) -> str:
    """CREATE of a payment environment."""
    return apdu(f"80E0{fid}", create_data(pages, 2, 1, 0, name))


def master_keys(keys: Sequence[bytes], suite: Suite = Suite.DES, tries: int = 5, keydata: bytes = bytes(10)) -> bytes:
    """A key set as WRITE KEY carries it."""
    return bytes(MasterKeySet(1, Algorithm(suite.key_algorithm_byte), tries, tuple(keys), keydata))


def load_master(bench: Bench) -> None:
    """Card master key on a blank card, and authentication under it."""
    mine = secrets()
    assert bench.authenticate(mine.transport, suite=Suite.DES) == "9000"
    assert bench.protected("84D43F00", mine.transport, master_keys([mine.master]), Suite.DES) == "9000"
    assert bench.authenticate(mine.master, suite=Suite.DES) == "9000"


def load_environment_key(bench: Bench, fid: str, keys: bytes) -> str:
    """First master key of an environment, under the card master key; the status word."""
    return bench.protected(f"84D4{fid}", secrets().master, keys, Suite.DES)


def channel_keys() -> bytes:
    """The key set of the payment environment, as WRITE KEY carries it."""
    mine = secrets()
    three = scp02.diversify_kmc(mine.kmc, mine.keydata)
    return master_keys([three.enc, three.mac, three.dek], tries=15, keydata=mine.keydata)


def initialised(suite: Suite = Suite.SM4, *, switches: int = 0, pages: int = 256) -> Bench:
    """A card whose two environments exist and have their first master keys, and nothing else."""
    bench = blank(switches=switches)
    load_master(bench)
    mine = secrets()
    assert bench.all(create_ssse(pages, suite), create_pse()) == ["9000", "9000"]
    assert load_environment_key(bench, "DDF1", master_keys([mine.ssse_first], suite)) == "9000"
    assert load_environment_key(bench, "DDF2", channel_keys()) == "9000"
    bench.power_on()
    return bench
