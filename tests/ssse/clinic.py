"""A clinic for tests: a card with a medical-insurance application, and a terminal and a host that know its keys."""

import functools
from dataclasses import dataclass, replace
from typing import Final

from cardsim.cos.access import FREE, NEVER, PIN, AccessRule, Operator
from cardsim.cos.files import FileType
from cardsim.cos.keys import KeyUse
from cardsim.crypto import medical
from cardsim.crypto.medical import LOAD_TAIL, Load, Purchase, TypeCoding
from cardsim.crypto.social import Suite
from cardsim.keyfile import KeyFile
from cardsim.ssse.account import Account, Proof
from tests.cards import Bench, apdu, of_cells
from tests.ssse.shop import key, shop, value

DF04: Final = "D15600000503"
DF03: Final = "D15600000502"
DIGITS: Final = "123456"
DSK: Final = 0x87
DAY: Final = "0701"
TERMINAL: Final = bytes.fromhex("510000000001")
TIME: Final = bytes.fromhex("20140801120001")
TERMINAL_SEQUENCE: Final = bytes.fromhex("00000012")
VECTOR_KEY: Final = {
    Suite.DES: bytes.fromhex("BDCF2343CB7B3CA0A0614648289B7736"),
    Suite.SM4: bytes.fromhex("65FFD351EA9D9B7E2A81750D1610BF91"),
}
VECTOR_RANDOM: Final = bytes.fromhex("E3F50E75")
INDICES: Final = (1, 2, 3)
NO_LOAD: Final = Load(0, TERMINAL)
NO_PURCHASE: Final = Purchase(0, 0, 0, TERMINAL)


def secret(suite: Suite, index: int) -> bytes:
    """DLK, DPK and DTK with an index; the first is the key of the vectors."""
    return VECTOR_KEY[suite] if index == 1 else value(index)


@functools.cache
def _made(
    suite: Suite, digits: str, switches: int, records: int, length: int, read: AccessRule
) -> tuple[bytes, KeyFile]:
    """Cells and keys of a finished card."""
    made = shop(suite, switches=switches)
    assert made.key_file() == made.pin(digits) == "9000"
    assert made.df("DF03", DF03) == made.df("DF04", DF04) == "9000"
    made.bench.select_fid("DF04")
    assert made.key_file() == "9000"
    for index in INDICES:
        for use in (KeyUse.LOAD, KeyUse.PURCHASE, KeyUse.TAC):
            assert made.write_key(use, 0, secret(suite, index), version=index, limit=0xFF) == "9000"
    for number in (DSK & 0x0F, 5, 6):
        assert made.write_key(KeyUse.EXTERNAL, number, value(number)) == "9000"
    day = DAY if length == 28 else "0000"
    assert made.create("EF81", f"2F{day}{bytes(read).hex()}{bytes(key(DSK)).hex()}00") == "9000"
    pin = AccessRule(Operator.A, PIN)
    assert made.ef("EF08", records << 8 | length, FileType.CYCLIC, pin, NEVER) == "9000"
    made.root()
    assert made.end() == "9000"
    return made.bench.cells, made.bench.keys


class Fixed:
    """A random source that always says the same."""

    position = 0

    def __init__(self, random: bytes) -> None:
        self.random = random

    def take(self, length: int) -> bytes:
        """The beginning of the value."""
        return self.random[:length]

    def move(self, position: int) -> None:
        """It has no position."""


@dataclass(slots=True)
class Clinic:
    """One card in a medical terminal; the application is selected and the PIN verified.

    `sequence` is the terminal's own, and the last answers of INITIALIZE are kept to compute the next MAC.
    """

    bench: Bench
    suite: Suite
    coding: TypeCoding = TypeCoding.ASCII
    index: int = 1
    load: Load = NO_LOAD
    purchase: Purchase = NO_PURCHASE
    random: bytes = bytes(4)
    number: bytes = bytes(2)
    """Sequence of the card in the last INITIALIZE."""

    # --- the card ------------------------------------------------------------------------------------------------

    def enter(self, *, verify: bool = True) -> None:
        """SELECT SSSE and DF04, and VERIFY."""
        assert self.bench.ssse() == "9000"
        assert self.bench.select_fid("DF04")[-4:] == "9000"
        if verify:
            assert self.bench.verify(DIGITS) == "9000"

    def reset(self, *, verify: bool = True) -> None:
        """Reset, and back into the application."""
        assert self.bench.power_on()
        self.enter(verify=verify)

    def x(self, command: str) -> str:
        """One command in hex, its answer in hex."""
        return self.bench.x(command)

    @property
    def account(self) -> Account:
        """The account as it stands in the EEPROM."""
        environment = self.bench.model.environments[0]
        (file,) = environment.files.index.accounts.values()
        return Account.read(environment.partition, file)

    def put(self, **fields: int | bytes | Proof) -> None:
        """Give the account other content, behind the card's back."""
        environment = self.bench.model.environments[0]
        (file,) = environment.files.index.accounts.values()
        account = replace(self.account, **fields)  # type: ignore[arg-type]
        environment.partition.write_early(file.offset, bytes(account))

    def fix(self, random: bytes = VECTOR_RANDOM) -> None:
        """Let the card's random number be this one."""
        self.bench.model.environments[0].random = Fixed(random)

    def log(self) -> list[str]:
        """All records of the log, newest first."""
        found: list[str] = []
        for number in range(1, 255):
            answer = self.bench.x(f"00B2{number:02X}4400")
            if answer == "6A83":
                return found
            assert answer[-4:] == "9000", answer
            found.append(answer[:-4])
        raise AssertionError("the log has no end")

    # --- load ----------------------------------------------------------------------------------------------------

    def load_command(self, amount: int, index: int = 1) -> str:
        """INITIALIZE FOR LOAD."""
        return f"B02800010B{index:02X}{amount:08X}{TERMINAL.hex()}"

    def initialize_load(self, amount: int, index: int = 1) -> str:
        """Send it, and keep what the host needs; the answer."""
        answer = self.x(self.load_command(amount, index))
        if answer[-4:] == "9000":
            raw = bytes.fromhex(answer)
            self.load, self.index, self.number, self.random = Load(amount, TERMINAL), index, raw[4:6], raw[8:12]
        return answer

    def load_session(self) -> bytes:
        """SESLK, as the host has it."""
        return medical.session(self.suite, secret(self.suite, self.index), self.random, self.number, LOAD_TAIL)

    def credit_command(self, time: bytes = TIME) -> str:
        """CREDIT FOR LOAD with the host's MAC2."""
        mac2 = medical.mac(self.suite, self.load_session(), self.load.mac2_data(time, self.coding))
        return apdu("B02A0000", time + mac2)

    def credit(self, time: bytes = TIME) -> str:
        """Send it."""
        return self.x(self.credit_command(time))

    def load_tac(self, balance: int, time: bytes = TIME) -> str:
        """The TAC that the host expects, for the balance after the load."""
        data = self.load.tac_data(balance, self.number, time, self.coding)
        return medical.tac(self.suite, secret(self.suite, self.index), data).hex().upper()

    def do_load(self, amount: int, index: int = 1) -> str:
        """A whole load; the answer of CREDIT."""
        assert self.initialize_load(amount, index)[-4:] == "9000"
        return self.credit()

    # --- purchase ------------------------------------------------------------------------------------------------

    def purchase_command(self, account: int, self_paid: int = 0, pool: int = 0, index: int = 1) -> str:
        """INITIALIZE FOR PURCHASE."""
        return f"B028010113{index:02X}{account:08X}{self_paid:08X}{pool:08X}{TERMINAL.hex()}"

    def initialize_purchase(self, account: int, self_paid: int = 0, pool: int = 0, index: int = 1) -> str:
        """Send it, and keep what the terminal needs; the answer."""
        answer = self.x(self.purchase_command(account, self_paid, pool, index))
        if answer[-4:] == "9000":
            raw = bytes.fromhex(answer)
            self.purchase = Purchase(account, self_paid, pool, TERMINAL)
            self.index, self.number, self.random = index, raw[14:16], raw[18:22]
        return answer

    def purchase_session(self, sequence: bytes = TERMINAL_SEQUENCE) -> bytes:
        """SESPK, as the PSAM has it."""
        return medical.purchase_session(self.suite, secret(self.suite, self.index), self.random, self.number, sequence)

    def debit_command(self, time: bytes = TIME, sequence: bytes = TERMINAL_SEQUENCE) -> str:
        """DEBIT FOR PURCHASE with the PSAM's MAC1."""
        mac1 = medical.mac(self.suite, self.purchase_session(sequence), self.purchase.mac1_data(time, self.coding))
        return apdu("B02C0100", sequence + time + mac1)

    def debit(self, time: bytes = TIME, sequence: bytes = TERMINAL_SEQUENCE) -> str:
        """Send it."""
        return self.x(self.debit_command(time, sequence))

    def purchase_answer(self, time: bytes = TIME, sequence: bytes = TERMINAL_SEQUENCE) -> str:
        """TAC and MAC2 that the terminal expects, and 9000."""
        tac_data = self.purchase.tac_data(sequence, time, self.coding)
        tac = medical.tac(self.suite, secret(self.suite, self.index), tac_data)
        mac2 = medical.mac(self.suite, self.purchase_session(sequence), self.purchase.mac2_data())
        return (tac + mac2).hex().upper() + "9000"

    def buy(self, account: int, self_paid: int = 0, pool: int = 0, *, time: bytes = TIME) -> str:
        """A whole purchase; the answer of DEBIT."""
        assert self.initialize_purchase(account, self_paid, pool)[-4:] == "9000"
        return self.debit(time)

    def proof(self, kind: str, sequence: bytes | int) -> str:
        """GET TRANSACTION PROOF."""
        number = sequence.hex() if isinstance(sequence, bytes) else f"{sequence:04X}"
        return self.x(f"B02E00{kind}02{number}")


def clinic(
    suite: Suite = Suite.DES,
    *,
    digits: str = DIGITS,
    switches: int = 0,
    records: int = 30,
    length: int = 28,
    read: AccessRule = FREE,
    verify: bool = True,
) -> Clinic:
    """A card of its own with a medical application, in the terminal."""
    made = Clinic(of_cells(*_made(suite, digits, switches, records, length, read)), suite)
    made.enter(verify=verify and bool(digits))
    return made
