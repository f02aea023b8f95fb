"""Payment cards of any kind for tests: the maker's own job, changed where a test wants it, sent through the channel.

bench = pay()                                     # operational, demo data
bench = pay({"9F58": "FF", "9F79": yuan(100)})    # other values of 0D01 and 0E01
bench = pay(pin="0301")                           # offline PIN: limit 3, one try left
bench = pay(dgis={0x9203: None})                  # without a data grouping, or with another content
bench = pay(choices=Choice.SCRIPT_MAC_6982)       # another setting of an open choice
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from cardsim.cos.files import FileType
from cardsim.cos.record import CHOICES_AT, CHOICES_SIZE
from cardsim.crypto import pboc
from cardsim.crypto.rsa import RsaPrivateKey
from cardsim.iso7816.tlv import ber
from cardsim.making import demo
from cardsim.making.keyservice import Certifying, HeldChannel, HeldPaymentKeys, PaymentSecret
from cardsim.making.pse import PSE_NAME as PSE_NAME_BYTES
from cardsim.making.pse import BankCard, PseMaker
from cardsim.making.station import Channel, Station
from cardsim.making.structure import load_profile
from cardsim.pse.choices import ORDINARY, Choice
from cardsim.pse.environment import Pse
from tests.cards import AID, Bench, initialised, of_cells, secrets, unhex

ADF: Final = unhex(AID)
SECOND_AID: Final = "A000000333010199"
LABEL: Final = b"PBOC DEBIT"
LOG_FILE: Final = "2E0A2D 00000000 FF000000 0B"
SECRET: Final = frozenset({0x8000, 0x8010, 0x8103, *range(0x8201, 0x8206)})
CHALLENGE: Final = b"testcard"
FREE: Final = {"9F58": "FF", "9F59": "FF", "9F52": "0000", "9F13": "0001", "9F36": "0001", "9F56": "00"}
"""A card that finds nothing wrong by itself, and is not new."""
Job = dict[int, bytes]


class DeskChannel(Channel):
    """A channel whose secret data groupings have any content."""

    def __init__(self, station: Station, keys: HeldPaymentKeys, host_challenge: bytes) -> None:
        super().__init__(station, keys, host_challenge)

    def store(self, dgi: int, content: bytes | PaymentSecret, *, last: bool = False, secret: bool = False) -> None:
        assert isinstance(content, bytes)
        if secret:
            assert isinstance(self._keys, HeldChannel)
            content = self._keys.encipher(content)
        self.store_blocks(dgi, content, secret=secret, last=last)


class Collector(Channel):
    """Takes what the maker would send to the application, and sends nothing."""

    def __init__(self, keys: HeldPaymentKeys) -> None:
        self.held = keys
        self.job: Job = {}

    def send(self, step: str, ins: int, p1: int, p2: int, data: bytes) -> bytes:  # noqa: ARG002
        return b""

    def store(self, dgi: int, content: bytes | PaymentSecret, *, last: bool = False) -> None:  # noqa: ARG002
        assert isinstance(content, PaymentSecret) == (dgi in SECRET)
        self.job[dgi] = self.held.content(content) if isinstance(content, PaymentSecret) else content


@dataclass(frozen=True)
class BankJob:
    """What the bank puts on a card, with its keys."""

    pan: str
    issuer: RsaPrivateKey
    icc: RsaPrivateKey
    offline_pin: str | None = None

    @property
    def card(self) -> BankCard:
        """The data."""
        person = demo.demo(None)
        return BankCard(
            self.pan, demo.PSN, person.name, person.values["social_security_number"], demo.ISSUED, demo.EXPIRES,
            demo.CERTIFICATE_EXPIRY, self.offline_pin is not None,
        )  # fmt: skip

    @property
    def mdks(self) -> tuple[bytes, ...]:
        """Issuer master keys AC, MAC, ENC."""
        return tuple(demo.demo(None).secret(name) for name in ("MDK_AC", "MDK_MAC", "MDK_ENC"))

    def udks(self) -> bytes:
        """Card keys AC, MAC, ENC."""
        return b"".join(pboc.derive_udk(mdk, self.pan, demo.PSN) for mdk in self.mdks)

    @property
    def keys(self) -> HeldPaymentKeys:
        """The key service."""
        certifying = Certifying(rsa("ca"), demo.CA_INDEX, self.issuer)
        return HeldPaymentKeys(secrets().kmc, self.udks(), certifying, self.icc, self.offline_pin)


@functools.cache
def rsa(role: str) -> RsaPrivateKey:
    """A key of the demo card; made once."""
    return demo.demo(None).rsa(role)


@functools.cache
def bank_card(offline_pin: str | None = None) -> BankJob:
    """What the bank puts on the demo card."""
    return BankJob(demo.demo(None).pan, rsa("issuer"), rsa("icc"), offline_pin)


def structure() -> dict[str, Any]:
    """The data of the debit application, to be changed."""
    pse = load_profile("bank").pse
    assert pse is not None
    return {**pse, "risk": dict(pse["risk"]), "card": dict(pse["card"])}


def job_of(data: Mapping[str, Any], bank: BankJob) -> Job:
    """The maker's job for an application, with the signatures of this very data."""
    keys = bank.keys
    collector = Collector(keys)
    PseMaker(Station(initialised().model), data, keys).fill(collector, bank.card, LABEL)
    return collector.job


@functools.cache
def _demo_job(*, pin: bool) -> Job:
    return job_of(structure(), bank_card(demo.PIN if pin else None))


def job(values: Mapping[str, str] | None = None, dgis: Mapping[int, bytes | None] | None = None, pin: str = "") -> Job:
    """The demo job with other values in 0D01 and 0E01, other data groupings, and DGI 9010."""
    data, found = structure(), dict(_demo_job(pin=bool(pin)))
    for tag, value in (values or {}).items():
        data["card" if tag in data["card"] else "risk"][tag] = value
    tables = {0x0D01: ber(0x9F4F, unhex(data["log_format"])), 0x0E01: b""}
    for dgi, name in ((0x0D01, "risk"), (0x0E01, "card")):
        found[dgi] = b"".join(ber(int(tag, 16), unhex(v)) for tag, v in data[name].items()) + tables[dgi]
    if pin:
        found[0x9010] = unhex(pin)
    for dgi, content in (dgis or {}).items():
        if content is None:
            del found[dgi]
        else:
            found[dgi] = content
    return found


def log_file(records: int = 10, length: int = 45) -> bytes:
    """Data of CREATE for the transaction log."""
    return bytes((0x2E, records, length)) + unhex("00000000FF0000000B")


def adf_data(name: bytes, space: int = 8192) -> bytes:
    """Data of CREATE for an application."""
    return b"\x38" + space.to_bytes(2, "big") + unhex("000000FFFF") + name


def open_channel(bench: Bench, name: bytes = ADF, kmc: bytes | None = None) -> DeskChannel:
    """SELECT and a channel at level 03."""
    station = Station(bench.model)
    station.select(name)
    keys = bank_card().keys
    return DeskChannel(station, replace(keys, kmc=kmc) if kmc else keys, CHALLENGE)


def fill(bench: Bench, work: Job, *, name: bytes = ADF, issue: bool = True, log: bytes | None = None) -> None:
    """CREATE of the log file and STORE DATA of a whole job."""
    channel = open_channel(bench, name)
    channel.send("CREATE log file", 0xE0, 0xEF, 0x0B, log or log_file())
    store_all(channel, work, issue=issue)


def store_all(channel: DeskChannel, work: Job, *, issue: bool = True) -> None:
    """STORE DATA of a whole job in its order."""
    for number, (dgi, content) in enumerate(work.items(), 1):
        channel.store(dgi, content, secret=dgi in SECRET, last=issue and number == len(work))


def create_adf(bench: Bench, name: bytes = ADF, fid: int = 0xADF1, space: int = 8192) -> None:
    """CREATE of an application."""
    open_channel(bench, PSE_NAME_BYTES).send("CREATE", 0xE0, fid >> 8, fid & 0xFF, adf_data(name, space))


@functools.cache
def _empty() -> tuple[bytes, Bench]:
    bench = initialised()
    channel = open_channel(bench, PSE_NAME_BYTES)
    channel.send("CREATE", 0xE0, 0xAD, 0xF1, adf_data(ADF))
    channel.store(0x9102, ber(0xA5, unhex("8801015F2D027A68")))
    entry = ber(0x4F, ADF) + ber(0x50, LABEL) + ber(0x87, b"\x01")
    channel.store(0x0101, ber(0x70, ber(0x61, entry)), last=True)
    return bench.cells, bench


def empty() -> Bench:
    """A card with its directory and an application that has nothing in it yet; both environments are there."""
    cells, bench = _empty()
    return of_cells(cells, replace(bench.keys))


@functools.cache
def _issued(
    values: tuple[tuple[str, str], ...], dgis: tuple[tuple[int, bytes | None], ...], pin: str, log: bytes | None
) -> bytes:
    bench = empty()
    fill(bench, job(dict(values), dict(dgis), pin), log=log)
    return bench.cells


def pay(
    values: Mapping[str, str] | None = None,
    dgis: Mapping[int, bytes | None] | None = None,
    pin: str = "",
    log: bytes | None = None,
    choices: Choice = ORDINARY,
) -> Bench:
    """A card whose application is issued with such data, powered on; its cells are made once.

    `choices` stand in its card record as ACTIVATE with P1 01 would have put them there.
    """
    cells = _issued(tuple((values or {}).items()), tuple((dgis or {}).items()), pin, log)
    return of_cells(with_choices(cells, choices), replace(_empty()[1].keys))


def with_choices(cells: bytes, choices: Choice) -> bytes:
    """Cells of a card whose record names these settings of open choices."""
    return cells[:CHOICES_AT] + choices.to_bytes(CHOICES_SIZE, "big") + cells[CHOICES_AT + CHOICES_SIZE :]


def amount(fen: int) -> str:
    """An amount as six bytes of BCD."""
    return f"{fen:012d}"


def ec(
    balance: int,
    threshold: int = 0,
    limit: int = 10000,
    more: Mapping[str, str] | None = None,
    choices: Choice = ORDINARY,
) -> Bench:
    """Fixture EC(b,t,l) of the catalogue."""
    values = {"9F79": amount(balance), "9F6D": amount(threshold), "9F78": amount(limit), **(more or {})}
    return pay(values, choices=choices)


def check_values(keys: bytes) -> bytes:
    """DGI 9000 of DGI 8000."""
    return pboc.key_check_values(keys)


def pse_of(bench: Bench) -> Pse:
    """The payment environment, by test hook."""
    return next(environment for environment in bench.model.environments.values() if isinstance(environment, Pse))


def poke(bench: Bench, at: int, value: bytes) -> None:
    """Test hook: set counters of the application (`cardsim.pse.application`) from outside."""
    pse = pse_of(bench)
    adf = next(file for file in pse.files.index.files if file.type is FileType.DF and file.name == ADF)
    poke_environment(bench, pse.application_of(adf.index).counters_at + at, value)


def poke_environment(bench: Bench, offset: int, value: bytes) -> None:
    """Test hook: set cells of the payment environment, and forget the transaction that the journal would repeat."""
    ranges = bench.model.ranges()
    bench.model.eeprom.program(ranges["journal"].start, bytes(6))
    bench.model.eeprom.program(ranges["DDF2"].start + offset, value)
    bench.model.eeprom.touch()
