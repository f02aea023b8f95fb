"""Whole payment transactions in process: what the bench measures.

The card is a function of its cells, so each command of a run, the issuer's answers included, is made ready before the
clock starts: what is measured is the card alone.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from bench_medical import BenchError, fetch

from cardsim.assembly import CardModel, new_card
from cardsim.chip.cost import CommandReport
from cardsim.crypto import pboc
from cardsim.crypto.rsa import RsaPrivateKey
from cardsim.keyfile import KeyFile
from cardsim.making import demo
from cardsim.making.card import activate, make_card
from cardsim.making.structure import DEFAULT_PROFILE, load_profile

SELECT: Final = bytes.fromhex("00A4040008A000000333010101")
READ_BALANCE: Final = bytes.fromhex("80CA9F7909")
INTERNAL_AUTHENTICATE: Final = bytes.fromhex("008800000412345678")
EXTERNAL_AUTHENTICATE: Final = bytes.fromhex("008200000A")
_APPROVED: Final = b"00"
_LIMIT: Final = 100_000
_ONE_YUAN: Final = 100
_REST: Final = bytes.fromhex("0000000000000156000004800001562401010012345678")
_TIME_AND_MERCHANT: Final = bytes.fromhex("101500") + b"TEST MERCHANT".ljust(20)

_UDK: Final = bytes.fromhex("78F108EA51DA9E1DDF4C876425750F39")

Transaction = tuple[bytes, ...]
"""The commands of one transaction, in their order."""


def _amount(fen: int) -> bytes:
    return bytes.fromhex(f"{fen:012d}")


def _gpo(fen: int, *, cash: bool) -> bytes:
    return bytes.fromhex("80A800000B8309") + bytes((cash,)) + _amount(fen) + b"\x01\x56"


def _generate_ac(p1: int, data: bytes) -> bytes:
    return bytes((0x80, 0xAE, p1, 0x00, len(data))) + data


def first_ac(fen: int, p1: int) -> bytes:
    """First GENERATE AC of the demo card: amount, and 40 TC or 80 ARQC."""
    return _generate_ac(p1, _amount(fen) + _REST + _TIME_AND_MERCHANT)


def second_ac(fen: int) -> bytes:
    """Second GENERATE AC that asks for a TC."""
    return _generate_ac(0x40, _APPROVED + _amount(fen) + _REST + _TIME_AND_MERCHANT[:3])


def _records(answer: bytes) -> Iterator[bytes]:
    """READ RECORD for each record that the answer to GET PROCESSING OPTIONS names."""
    for at in range(4, len(answer), 4):
        sfi, first, last, _ = answer[at : at + 4]
        yield from (bytes((0x00, 0xB2, number, sfi | 4, 0x00)) for number in range(first, last + 1))


@dataclass(slots=True)
class Till:
    """A card at a terminal whose bank answers at once; what was sent is kept.

    Args:
        card: an operational card, powered on.
        keys: what its bank knows.
        dda: whether the card authenticates itself with its RSA key.
    """

    card: CardModel
    keys: KeyFile
    dda: bool = True
    sent: list[bytes] = field(default_factory=list)

    def _send(self, command: bytes) -> bytes:
        self.sent.append(command)
        return fetch(self.card.transmit, command)

    def _begin(self, fen: int, *, cash: bool) -> None:
        self._send(SELECT)
        for record in _records(self._send(_gpo(fen, cash=cash))):
            wrong = self.card.transmit(record)
            self._send(record[:4] + wrong[1:])
        if self.dda:
            self._send(INTERNAL_AUTHENTICATE)

    def debit(self, fen: int, balance: int) -> Transaction:
        """A debit transaction online, whose issuer script writes the balance of electronic cash: its commands."""
        self.sent.clear()
        self._begin(fen, cash=False)
        answer = self._send(first_ac(fen, 0x80))[2:]
        atc, cryptogram = int.from_bytes(answer[1:3], "big"), answer[3:11]
        self._send(EXTERNAL_AUTHENTICATE + pboc.arpc(self._session(0, atc), cryptogram, _APPROVED) + _APPROVED)
        header, new = bytes.fromhex("04DA9F790A"), _amount(balance)
        self._send(header + new + pboc.script_mac(self._session(1, atc), header, atc, cryptogram, new))
        self._send(second_ac(fen))
        return tuple(self.sent)

    def purchase(self, fen: int) -> Transaction:
        """A purchase with electronic cash, and the balance asked for before it: its commands."""
        self.sent.clear()
        self._begin(fen, cash=True)
        self._send(READ_BALANCE)
        answer = self._send(first_ac(fen, 0x40))
        if answer[2] != 0x40:
            raise BenchError("the card declines the purchase")
        return tuple(self.sent)

    def _session(self, number: int, atc: int) -> bytes:
        bank = self.keys.bank
        if bank is None:
            raise BenchError("the demo card has no bank")
        master = (bank.mdk_ac, bank.mdk_mac)[number]
        return pboc.session_key(pboc.derive_udk(master, demo.demo(None).pan, demo.PSN), atc)


@dataclass(frozen=True, slots=True)
class Service:
    """One kind of transaction: how it is made, and the cipher calls that it cannot do without."""

    make: Callable[[Till], Transaction]
    cryptograms: int
    scripts: int

    def seconds(self, at: Till) -> float:
        """What it takes on a physical card by the cost model (cardsim.chip.cost); the card is left as it was."""
        reports: list[CommandReport] = []
        before = at.card.snapshot()
        at.card.listen(reports.append)
        self.make(at)
        at.card.listen(None)
        at.card.restore(before)
        return sum(report.cost.total for report in reports)


SERVICES: Final = {
    "online debit with a script": Service(lambda at: at.debit(_ONE_YUAN, _LIMIT), cryptograms=2, scripts=1),
    "electronic-cash purchase": Service(lambda at: at.purchase(1), cryptograms=1, scripts=0),
}


class Replay:
    """Transactions that were made ready, sent to the card that they were made for; `fresh` goes back to the start."""

    def __init__(self, at: Till, count: int, service: Service) -> None:
        self._card = at.card
        self._start = at.card.snapshot()
        self._all = [service.make(at) for _ in range(count)]
        self._next = iter(self._all)
        self.fresh()

    def fresh(self) -> None:
        """The card as it was before the first transaction."""
        self._card.restore(self._start)
        self._next = iter(self._all)

    def one(self) -> None:
        """The next transaction."""
        transmit = self._card.transmit
        for command in next(self._next):
            fetch(transmit, command)


def till() -> Till:
    """The demo card, with as much electronic cash as it may hold."""
    card = new_card(seed=1)
    activate(card, None)
    keys = make_card(card, load_profile(DEFAULT_PROFILE), None)
    card.power_on()
    made = Till(card, keys)
    made.debit(_ONE_YUAN, _LIMIT)
    return made


def first_cryptogram(at: Till) -> Callable[[], object]:
    """First GENERATE AC, on a card that is put back to the same state each time."""
    card = at.card
    fetch(card.transmit, SELECT)
    fetch(card.transmit, _gpo(_ONE_YUAN, cash=False))
    state, command = card.snapshot(), first_ac(_ONE_YUAN, 0x80)

    def generate() -> None:
        card.restore(state)
        card.transmit(command)

    return generate


def signature(at: Till) -> Callable[[], object]:
    """INTERNAL AUTHENTICATE and its GET RESPONSE; a transaction may ask for it as often as it likes."""
    fetch(at.card.transmit, SELECT)
    fetch(at.card.transmit, _gpo(_ONE_YUAN, cash=False))
    return lambda: fetch(at.card.transmit, INTERNAL_AUTHENTICATE)


def ciphers(cryptograms: int, scripts: int = 0) -> None:
    """The cipher calls of a transaction: two session keys, each cryptogram with the MAC of the balance, an ARPC before
    a second one, the MAC of each script."""
    key, mac_key = pboc.session_key(_UDK, 1), pboc.session_key(_UDK, 1)
    for number in range(cryptograms):
        pboc.application_cryptogram(key, bytes(37))
        pboc.idd_mac(mac_key, 1, bytes(5))
        if number:
            pboc.arpc(key, bytes(8), _APPROVED)
    for _ in range(scripts):
        pboc.script_mac(mac_key, bytes(5), 1, bytes(8), bytes(6))


def rsa_key() -> RsaPrivateKey:
    """The demo card's own key."""
    return demo.demo(None).rsa("icc")


def rsa(key: RsaPrivateKey) -> None:
    """One private operation."""
    key.sign(b"\x6a" + bytes(key.size - 2) + b"\xbc")
