"""Online transactions with the hosts: in process, over ISO 8583 on loopback, and many terminals against one host.

The host on the line is `cardterm host bank` in a process of its own, its books in memory.
"""

import contextlib
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from bench_medical import BenchError

from cardsim.assembly import CardModel, new_card
from cardsim.crypto.pboc import application_cryptogram, derive_udk, session_key
from cardsim.iso7816.tlv import ber
from cardsim.keyfile import BankKeys, KeyFile, write_keyfile
from cardsim.making import demo
from cardsim.making.card import activate, make_card
from cardsim.making.structure import DEFAULT_PROFILE, load_profile
from terminal.driver import Host, Services, run
from terminal.flows.financial.flow import financial
from terminal.flows.financial.transaction import FinancialConfig
from terminal.hosts.line import Address, BankLine
from terminal.hosts.network import load_network
from terminal.hosts.world import World
from terminal.messages.bank import HostMessage, MessageKind, TransactionType
from terminal.outcome import Verdict
from terminal.security import BenchPinPad, PinCipher
from terminal.storage import MemoryStorage
from terminal.terminals import POS

TERMINALS: Final = 8
_NOW: Final = datetime(2026, 11, 21, 12)
_ZONE: Final = PinCipher(b"zone of the pad!")
_TO_GET_READY: Final = 2.0
"""Seconds for processes to start and sign on."""
_COVERED: Final = "9F02 9F03 9F1A 95 5F2A 9A 9C 9F37 82 9F36"


@dataclass(slots=True)
class Heard:
    """A card whose commands are kept."""

    card: CardModel
    sent: list[bytes | None] = field(default_factory=list)
    """None: powered on."""

    def power_on(self) -> bytes:
        """As the card."""
        self.sent.append(None)
        return self.card.power_on()

    def transmit(self, command: bytes) -> bytes:
        """As the card."""
        self.sent.append(command)
        return self.card.transmit(command)

    def power_off(self) -> None:
        """As the card."""
        self.card.power_off()


def demo_card() -> tuple[CardModel, KeyFile]:
    """An operational card without power, and its keys."""
    card = new_card(seed=1)
    activate(card, None)
    return card, make_card(card, load_profile(DEFAULT_PROFILE), None)


class Till:
    """A terminal with a card in it; each call of `pay` is a whole purchase that goes online."""

    def __init__(self, host: Host, keys: KeyFile, card: CardModel | Heard) -> None:
        assert keys.bank is not None
        assert keys.holder is not None
        pin = keys.holder.online_pin
        pad = BenchPinPad(lambda _request: pin, _ZONE)
        self._services = Services(bytes, None, pad, host, storage=MemoryStorage())
        self._config = FinancialConfig(POS, TransactionType.PURCHASE, 1, _NOW, keys.bank.ca)
        self._card = card

    def pay(self) -> None:
        """One purchase of a fen."""
        outcome = run(financial(self._config), self._card, self._services)
        if outcome.verdict is not Verdict.APPROVED:
            raise BenchError(f"the purchase was not approved: {outcome.reason}")


class CardPart:
    """What the card did in a number of purchases, without terminal and host."""

    def __init__(self, count: int) -> None:
        self._card, keys = demo_card()
        self._start = self._card.snapshot()
        heard = Heard(self._card)
        till = Till(World([keys], pin_zone=_ZONE).bank, keys, heard)
        for _ in range(count):
            till.pay()
        self._each = [list(part) for new, part in itertools.groupby(heard.sent, lambda c: c is None) if not new]
        self._next = iter(self._each)

    def fresh(self) -> None:
        """The card as it was before the first purchase."""
        self._card.restore(self._start)
        self._next = iter(self._each)

    def one(self) -> None:
        """The card's part of the next purchase."""
        self._card.power_on()
        for command in next(self._next):
            assert command is not None
            self._card.transmit(command)
        self._card.power_off()


@contextlib.contextmanager
def bank_process(keys: KeyFile) -> Iterator[Address]:
    """`cardterm host bank` in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.keys.toml"
        write_keyfile(path, keys)
        run_it = "from terminal.cli.main import run; run()"
        words = [sys.executable, "-c", run_it, "host", "bank", "--listen", "127.0.0.1:0", "--keys", str(path)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                yield Address.parse(process.stdout.readline().strip().rpartition(" ")[2])
            finally:
                process.terminate()


def line_to(address: Address) -> BankLine:
    """A terminal's line to the bank."""
    return BankLine(address, load_network().master_key, _ZONE)


def requests(bank: BankKeys, terminal: int, count: int) -> list[HostMessage]:
    """Purchases of a card of its own for each terminal, with right cryptograms."""
    pan = f"{demo.BIN}{terminal:013d}"
    udk = derive_udk(bank.mdk_ac, pan, demo.PSN)
    found = []
    for atc in range(1, count + 1):
        values = {
            "9F02": "000000000001", "9F03": "000000000000", "9F1A": "0156", "95": "0000000000", "5F2A": "0156",
            "9A": "261121", "9C": "00", "9F37": "12345678", "82": "7C00", "9F36": f"{atc:04X}",
        }  # fmt: skip
        items = {int(tag, 16): bytes.fromhex(values[tag]) for tag in _COVERED.split()}
        cvr = bytes.fromhex("03A00000")
        cryptogram = application_cryptogram(session_key(udk, atc), b"".join(items.values()) + cvr)
        items |= {0x9F26: cryptogram, 0x9F10: b"\x07\x01\x01" + cvr + b"\x01", 0x9F27: b"\x80"}
        message = HostMessage(MessageKind.AUTHORISE, pan, demo.PSN, b"".join(itertools.starmap(ber, items.items())))
        # A minute apart, so that no watch rule of the bank stops them.
        when = _NOW + timedelta(minutes=atc)
        found.append(replace(message, amount=1, time=when, trace=atc, terminal=f"T{terminal:07d}"))
    return found


def _send(address: Address, messages: list[HostMessage], start: float) -> tuple[float, float]:
    """Send messages over a line of one's own that has signed on; when the first went out and the last was answered."""
    with line_to(address) as line:
        for number, message in enumerate(messages):
            answer = line.handle(message)
            if answer is None or answer.arc != "00":
                raise BenchError(f"the bank says {answer}")
            if not number:
                time.sleep(max(0.0, start - time.time()))
                begun = time.time()
    return begun, time.time()


def messages_per_second(bank: BankKeys, address: Address, terminals: int, count: int, first: int) -> float:
    """Authorisations per second of one host, the terminals being processes of their own."""
    work = [requests(bank, first + number, count + 1) for number in range(terminals)]
    with ProcessPoolExecutor(terminals) as pool:
        start = time.time() + _TO_GET_READY
        spans = list(pool.map(_send, [address] * terminals, work, [start] * terminals))
    return terminals * count / (max(ended for _, ended in spans) - min(begun for begun, _ in spans))


Measure = Callable[[Callable[[], object], Callable[[], object], int, Callable[[], object]], tuple[float, float]]


def figures(measure: Measure, count: int, turns: int) -> Iterator[tuple[str, float, str, float, str]]:
    """Name, rate, yardstick and its rate, and the limit of each figure."""
    alone = CardPart(count)
    card, keys = demo_card()
    near = Till(World([keys], pin_zone=_ZONE).bank, keys, card)
    rate, base = measure(near.pay, alone.one, count, alone.fresh)
    yield "online purchase, host in process", rate, "the card's part alone", base, "the kernel, RSA, the books"
    assert keys.bank is not None
    with bank_process(keys) as address:
        with line_to(address) as line:
            far = Till(line, keys, demo_card()[0])
            rate, base = measure(far.pay, near.pay, count, lambda: None)
        yield "online purchase, ISO 8583", rate, "host in process", base, "encoding twice, a thread of the host"
        best = {
            terminals: max(
                messages_per_second(keys.bank, address, terminals, 5 * count, 1000 * turn + terminals * 10)
                for turn in range(1, turns + 1)
            )
            for terminals in (1, TERMINALS)
        }
    name, other = f"authorisations, {TERMINALS} terminals", "one terminal, same host"
    yield name, best[TERMINALS], other, best[1], "one core of the host"
