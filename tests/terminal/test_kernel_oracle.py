"""Terminals, cards, holders and hosts drawn at random: the kernel does in each what the oracle says."""

from dataclasses import dataclass
from random import Random
from typing import Final

import pytest

from cardsim.decode.commands import PSE_NAME
from cardsim.iso7816.apdu import CommandApdu
from cardsim.iso7816.tlv import ber, parse
from terminal.driver import Services, run
from terminal.effects import Choose, Shelf
from terminal.flows.financial.flow import FinancialOutcome, financial
from terminal.flows.financial.transaction import FinancialConfig
from terminal.messages.bank import HostAnswer, HostMessage, MessageKind, TransactionType
from terminal.parameters import ApplicationParameters, TerminalParameters
from terminal.storage import MemoryStorage
from tests.terminal.fakes import AFL, NOW, PDOL, ca_key, rsa
from tests.terminal.kernel.stage import CASH_AFL, OK, Holder, KernelCard, entry, fci, record
from tests.terminal.kernel_oracle import FIELD_55, predict
from tests.terminal.kernel_worlds import Card, Host, Listed, Request, Terminal

_PLACES = {
    (2, 1): (0x90,),
    (2, 2): (0x9F32, 0x92, 0x8F),
    (2, 3): (0x93,),
    (2, 4): (0x9F46,),
    (2, 5): (0x9F47, 0x9F48),
}
"""Where `KernelCard` writes its certificates; all other objects go to SFI 3 record 1, which is signed."""
_CERTIFICATES = frozenset(tag for tags in _PLACES.values() for tag in tags)
_CDOL1 = "9F02069F03069F1A0295055F2A029A039C019F37049F21039F4E14"
_CDOL2 = "8A029F02069F03069F1A0295055F2A029A039C019F37049F2103"
_SAME = {
    0x57: "6214672500000000056D34016200000F",
    0x5A: "6214672500000000056F",
    0x8C: _CDOL1,
    0x8D: _CDOL2,
    0x5F24: "340131",
    0x5F34: "01",
    0x9F49: "9F3704",
    0x9F4A: "82",
    **dict.fromkeys(_CERTIFICATES, "01"),
}
_AIDS = ("A000000333010101", "A000000333010102", "A00000033301010103", "A000000333010106")


_VERIFY: Final[tuple[tuple[int, ...], ...]] = (
    (0x9000,),
    (0x9000,),
    (0x63C2, 0x9000),
    (0x63C1, 0x9000),
    (0x63C2, 0x63C1, 0x63C0),
    (0x6983,),
    (0x6984,),
    (0x6A86,),
)
"""Status words of VERIFY, in turn."""


@dataclass(frozen=True)
class Case:
    """One drawn run."""

    terminal: Terminal
    card: Card
    request: Request
    host: Host


# --- drawing


def _codes(random: Random) -> int:
    """An action code: mostly a few bits, sometimes the usual ones."""
    bits = [1 << random.randrange(40) for _ in range(random.choice((0, 0, 1, 2, 4)))]
    return random.choice((sum(set(bits)), 0xD84004F800, 0x0010000000, 0))


def _terminal(random: Random) -> Terminal:
    kind = random.choice((0x22, 0x22, 0x22, 0x21, 0x23, 0x14, 0x11, 0x25, 0x26))
    second = random.choice((0xE9, 0xE1, 0x69, 0xA8, 0x28, 0x61, 0xE8, 0x40))
    return Terminal(
        type=kind,
        capabilities=0xE00000 | second << 8 | random.choice((0xC8, 0xC8, 0x88, 0x80, 0x40, 0x00)),
        additional=random.choice((0xEF80F0F000, 0x6F80F0F000)),
        country=random.choice((0x0156, 0x0156, 0x0156, 0x0840)),
        version=random.choice((0x0020, 0x0020, 0x008C)),
        aids=tuple((aid, random.random() < 0.7) for aid in random.sample(_AIDS, random.randrange(1, 4))),
        floor=random.choice((0, 1000, 1234, 1235, 5000, 100000)),
        cash_limit=random.choice((None, 1234, 1235, 100000)),
        cash=random.random() < 0.6,
        selection=random.choice((0, 0, 0, 99)),
        denial=_codes(random) & random.choice((0, 0, -1)),
        online=_codes(random),
        default=_codes(random),
        exceptions=random.choice((frozenset(), frozenset(), frozenset({"6214672500000000056"}))),
        accepts_referral=random.random() < 0.5,
        offers_choice=False,
        pad_works=random.random() < 0.9,
        bypass_lasts=random.random() < 0.5,
    )


def _rules(random: Random) -> str:
    amounts = "".join(f"{random.choice((0, 1000, 1234, 2000)):08X}" for _ in range(2))
    codes = (0x00, 0x01, 0x02, 0x03, 0x1E, 0x1F, 0x20, 0x15, 0x2A)
    weights = (1, 4, 4, 3, 3, 4, 3, 1, 1)
    rules = "".join(
        f"{random.choices(codes, weights)[0] | random.choice((0, 0x40, 0x40)):02X}"
        f"{random.choice((0, 0, 3, 3, 1, 2, 4, 5, 6, 7, 8, 9, 0x0A, 0x80)):02X}"
        for _ in range(random.randrange(1, 5))
    )
    return random.choices(
        (amounts + rules, amounts, amounts + "1F", amounts + rules + "1F", "00" * 6), (30, 1, 1, 1, 1)
    )[0]


def _objects(random: Random) -> dict[int, str]:
    drawn = {
        0x8E: _rules(random),
        0x9F07: random.choice(("AB00", "FF00", "FFC0", "2A00", "0100", "AB80", "8200", "5400")),
        0x5F28: random.choice(("0156", "0156", "0840")),
        0x9F42: random.choice(("0156", "0156", "0840")),
        0x5F25: random.choice(("240101", "261121", "261122", "991231")),
        0x9F08: random.choice(("0020", "0030")),
        0x9F61: "353130",
        0x9F62: random.choice(("00", "05", "06", "FF")),
        0x9F14: random.choice(("00", "02", "07")),
        0x9F23: random.choice(("05", "06", "07")),
        **{tag: f"{_codes(random):010X}" for tag in (0x9F0D, 0x9F0F)},
        0x9F0E: f"{_codes(random) & random.choice((0, 0, -1)):010X}",
    }
    objects = _SAME | {tag: value for tag, value in drawn.items() if random.random() < 0.85}
    objects[0x5F24] = random.choice(("340131", "340131", "261121", "261120", "491231", "500101"))
    objects |= {0x8F: "F1"}
    for tag in (0x8F, 0x90, 0x92, 0x93, 0x9F32, 0x9F46, 0x9F47, 0x9F48, 0x5F24, 0x5A, 0x8C, 0x8D):
        if random.random() < 0.01:
            del objects[tag]
    return objects


def _card(random: Random, first: str) -> Card:
    names = random.sample(_AIDS, random.randrange(1, 4))
    if first not in names and random.random() < 0.9:
        names[0] = first
    sws = (0x9000,) * 10 + (0x6283, 0x6A82)
    takes_cash = random.random() < 0.5
    aip = random.choice((0x7C00, 0x7C00, 0x7D00, 0x5C00, 0x1C00, 0x6C00, 0x7800, 0x3D00, 0x0000))
    return Card(
        directory=random.random() < 0.8,
        applications=tuple(
            Listed(aid, random.choice((1, 1, 2, 3, 3, None, 0x81, 0x82)), random.choice(sws)) for aid in names
        ),
        aip=aip,
        objects=_objects(random),
        wants_cash=random.random() < 0.9,
        takes_cash=takes_cash,
        chain=random.random() < 0.8,
        signature=random.random() < 0.8,
        atc=random.choice((1, 5, 7, 300)),
        read_atc=random.random() < 0.9,
        last_online=random.choice((0, 0, 4, 5, 7, 299, None)),
        tries=random.choice((3, 3, 0, None)),
        verify=random.choice(_VERIFY),
        balance=random.choices((None, 0, 1233, 1234, 5000, 100000), (1, 4, 4, 4, 8, 8))[0],
        threshold=random.choices((None, 0, 3766, 3767, 1000), (1, 8, 8, 8, 8))[0],
        first=random.choices((None, 0x40, 0x80, 0x00, 0xC0), (20, 1, 3, 2, 1))[0],
        second=random.choices((None, 0x40, 0x80, 0x00, 0xC0), (20, 1, 1, 2, 1))[0],
        second_sw=random.choices((0x9000, 0x6985), (9, 1))[0],
        external=random.choice((0x9000, 0x9000, 0x6300, 0x6985)),
        script_sw=random.choice((0x9000, 0x6300, 0x6988, 0x6283)),
    )


def draw(seed: int) -> Case:
    """The case of a seed."""
    random = Random(seed)
    kind = random.choice((0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x01, 0x21, 0x31, 0x40))
    amount = 0 if kind == 0x31 else random.choice((1234, 1234, 1234, 1, 999, 1000, 1001, 99999, 999999999999))
    cashback = random.choice((0, 0, 0, 0, min(200, amount))) if kind == 0x00 else 0
    pins = tuple(random.choice(("123456", "123456", None)) for _ in range(6))
    host = Host(
        random.choice(("00", "00", "00", "10", "11", "01", "05", "Y1", None)),
        random.choice(("", "00112233445566773030")),
        random.choice((0, 0, 1, 2)),
        random.choice((0, 0, 1, 2)),
    )
    request = Request(kind, amount, cashback, random.random() < 0.1, pins)
    terminal = _terminal(random)
    return Case(terminal, _card(random, terminal.aids[0][0]), request, host)


# --- acting


class DrawnCard(KernelCard):
    """A `KernelCard` that answers as an oracle's card says."""

    def __init__(self, card: Card) -> None:
        self.drawn = card
        self.verifications = list(card.verify)
        listed = [entry(app.aid, "" if app.priority is None else f"{app.priority:02X}") for app in card.applications]
        super().__init__(
            aip=card.aip.to_bytes(2, "big"),
            afl=CASH_AFL if card.takes_cash else AFL,
            pse=ber(0x6F, ber(0x84, PSE_NAME) + ber(0xA5, ber(0x88, b"\x01"))) + OK if card.directory else b"\x6a\x82",
            directory=(record(*listed),),
            applications={
                bytes.fromhex(app.aid): fci(bytes.fromhex(app.aid), pdol=PDOL if card.wants_cash else b"") + OK
                for app in sorted(card.applications, key=lambda app: len(app.aid))
            },
            issued_keys=False,
            spoil="" if card.signature else "signature",
        )
        self.atc = card.atc - 1
        self.records = {place: {} for place in self.records}
        self.records[3, 1] = {
            tag: bytes.fromhex(value) for tag, value in card.objects.items() if tag not in _CERTIFICATES
        }
        self.records[2, 2] = {0x8F: b"\xf1"}
        self._personalise()
        for place, tags in _PLACES.items():
            for tag in tags:
                if tag not in card.objects:
                    self.records[place].pop(tag, None)
        if not card.signature and (2, 3) in self.records and 0x93 in self.records[2, 3]:
            self.records[2, 3][0x93] = bytes(len(self.records[2, 3][0x93]))
        self.records[3, 3] = {0x9F74: b"ECC001"}
        numbers = {0x9F36: card.atc if card.read_atc else None, 0x9F13: card.last_online}
        self.objects = {tag: _got(tag, None if n is None else f"{n:04X}") for tag, n in numbers.items()}
        self.objects[0x9F17] = _got(0x9F17, None if card.tries is None else f"{card.tries:02X}")
        for tag, n in ((0x9F79, card.balance), (0x9F6D, card.threshold)):
            self.objects[tag] = _got(tag, None if n is None else f"{n:012d}")

    def _select(self, apdu: CommandApdu) -> bytes:
        answer = super()._select(apdu)
        app = next((app for app in self.drawn.applications if bytes.fromhex(app.aid) == self.last), None)
        if answer[-2:] != OK or apdu.data == PSE_NAME or app is None or app.sw == 0x9000:
            return answer
        return (answer[:-2] if app.sw == 0x6283 else b"") + app.sw.to_bytes(2, "big")

    def _pse(self, apdu: CommandApdu) -> bytes:
        card = self.drawn
        match apdu.ins:
            case 0x82:
                return card.external.to_bytes(2, "big")
            case 0x20:
                sw = self.verifications.pop(0) if len(self.verifications) > 1 else self.verifications[0]
                return sw.to_bytes(2, "big")
            case 0xDA:
                return card.script_sw.to_bytes(2, "big")
            case 0x88 if not card.signature:
                return ber(0x80, bytes(rsa(768, 3).public.size)) + OK
            case 0xAE if self.ac:
                if card.second_sw != 0x9000:
                    return card.second_sw.to_bytes(2, "big")
                self.card_decision = card.second
            case 0xAE:
                self.first_decision = card.first
            case _:
                pass
        return super()._pse(apdu)


def _got(tag: int, value: str | None) -> bytes:
    return b"\x6a\x88" if value is None else ber(tag, bytes.fromhex(value)) + OK


class DrawnHost:
    """Answers authorisations as drawn, all else with 00."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.messages: list[HostMessage] = []

    def handle(self, message: HostMessage) -> HostAnswer | None:
        self.messages.append(message)
        if message.kind is not MessageKind.AUTHORISE:
            return HostAnswer("00")
        if self.host.arc is None:
            return None
        command = ber(0x86, bytes.fromhex("04DA9F790A00000000500001020304"))
        data = ber(0x91, bytes.fromhex(self.host.arpc)) if self.host.arpc else b""
        data += ber(0x71, command * self.host.before) if self.host.before else b""
        data += ber(0x72, command * self.host.after) if self.host.after else b""
        return HostAnswer(self.host.arc, data)


class _Confirms(Holder):
    """Says yes to the attendant's question, enters what was drawn."""

    def choose(self, request: Choose) -> int | None:
        self.asked.append(request)
        return 0


def parameters(drawn: Terminal) -> TerminalParameters:
    """The terminal's parameters in the kernel's own form."""
    rows = tuple(
        ApplicationParameters(
            bytes.fromhex(aid),
            partial,
            tac_default=drawn.default.to_bytes(5, "big"),
            tac_denial=drawn.denial.to_bytes(5, "big"),
            tac_online=drawn.online.to_bytes(5, "big"),
            floor_limit=drawn.floor,
            random_percent=drawn.selection,
            random_max_percent=drawn.selection,
            ec_limit=drawn.cash_limit,
        )
        for aid, partial in drawn.aids
    )
    return TerminalParameters(
        "drawn",
        bytes((drawn.type,)),
        drawn.capabilities.to_bytes(3, "big"),
        rows,
        additional_capabilities=drawn.additional.to_bytes(5, "big"),
        country=drawn.country.to_bytes(2, "big"),
        application_version=drawn.version.to_bytes(2, "big"),
        accepts_referral=drawn.accepts_referral,
        electronic_cash=drawn.cash,
        offers_choice=drawn.offers_choice,
        bypass_lasts=drawn.bypass_lasts,
        transactions=frozenset(TransactionType),
    )


def act(case: Case) -> tuple[FinancialOutcome, DrawnCard, DrawnHost, MemoryStorage]:
    """The kernel's run of a case."""
    card, host, storage = DrawnCard(case.card), DrawnHost(case.host), MemoryStorage()
    for pan in case.terminal.exceptions:
        storage.keep(Shelf.EXCEPTIONS, pan, {})
    config = FinancialConfig(
        parameters(case.terminal),
        TransactionType(case.request.type),
        case.request.amount,
        NOW,
        (ca_key(),) if case.card.chain else (),
        cashback=case.request.cashback,
        force_online=case.request.forced,
        pin_pad_works=case.terminal.pad_works,
    )
    holder = _Confirms(case.request.pins)
    services = Services(Random(1).randbytes, pin_pad=holder, chooser=holder, host=host, storage=storage)
    return run(financial(config), card, services), card, host, storage


def compare(case: Case) -> dict[str, tuple[object, object]]:
    """What differs between the prediction and the run: predicted, done."""
    wanted = predict(case.terminal, case.card, case.request, case.host)
    outcome, card, host, storage = act(case)
    kinds = [message.kind for message in host.messages]
    first = next((command for command in card.log if command[1] == 0xAE), None)
    selected = [command[5 : 5 + command[4]].hex().upper() for command in card.log if command[1] == 0xA4][1:]
    pairs: dict[str, tuple[object, object]] = {
        "result": (wanted.result, outcome.result.value),
        "selected": (wanted.selected, selected),
        "tvr": (f"{wanted.tvr:010X}", outcome.tvr.hex().upper()),
        "tsi": (f"{wanted.tsi:04X}", outcome.tsi.hex().upper()),
        "requests": (wanted.requests, [command[2] for command in card.log if command[1] == 0xAE]),
        "cvm": (wanted.cvm, outcome.cvm_result.hex().upper()),
        "arc": (wanted.arc, outcome.arc),
        "authorised": (wanted.authorised, MessageKind.AUTHORISE in kinds),
        "reversed": (wanted.reversed, MessageKind.REVERSE in kinds),
        "uploaded": (wanted.uploaded and not offline(case), MessageKind.UPLOAD in kinds),
        "pin block": (
            wanted.pin_block and wanted.authorised,
            any(message.pin_block for message in host.messages),
        ),
        "VERIFY": (wanted.commands["20"], sum(command[1] == 0x20 for command in card.log)),
        "EXTERNAL AUTHENTICATE": (wanted.commands["82"], sum(command[1] == 0x82 for command in card.log)),
        "script": (wanted.commands["script"], sum(command[1] == 0xDA for command in card.log)),
        "notice": (wanted.notified, MessageKind.SCRIPT_NOTICE in kinds),
        "pending": (
            wanted.uploaded and offline(case),
            any(entry.content.get("kind") == MessageKind.UPLOAD.name for entry in storage.recall(Shelf.PENDING)),
        ),
    }
    if first is not None and wanted.requests:
        pairs["first tvr"] = (f"{wanted.first_tvr:010X}", first[19:24].hex().upper())
        for message in host.messages:
            if message.kind is MessageKind.AUTHORISE:
                pairs |= _field_55(message, first)
    if wanted.result == "terminated":
        del pairs["tvr"], pairs["tsi"], pairs["cvm"], pairs["arc"]
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _field_55(message: HostMessage, first: bytes) -> dict[str, tuple[object, object]]:
    """The chip data of a request: each mandatory tag once, and the values that went into the cryptogram."""
    items = parse(message.chip_data)
    tags = [item.tag for item in items]
    values = {item.tag: item.value for item in items}
    # Offsets of CDOL1 with the five bytes of the command's head before them.
    sent = {0x9F02: first[5:11], 0x9F03: first[11:17], 0x9F1A: first[17:19], 0x95: first[19:24], 0x9F37: first[30:34]}
    return {
        "field 55": (FIELD_55, FIELD_55 & set(tags)),
        "repeated tags": (len(set(tags)), len(tags)),
        "amount": (int(first[5:11].hex()), message.amount),
        **{f"{tag:X}": (value, values.get(tag)) for tag, value in sent.items()},
    }


def offline(case: Case) -> bool:
    """Whether nothing reaches the host in this run."""
    return case.terminal.offline_only


_RUNS = 400


@pytest.mark.parametrize("block", range(4))
def test_the_kernel_decides_as_the_standards_say(block: int) -> None:
    """Candidates, TVR, TSI, CVM results, requested cryptograms, response code, messages and result of drawn runs."""
    reached: set[str] = set()
    for seed in range(block * _RUNS // 4, (block + 1) * _RUNS // 4):
        case = draw(seed)
        assert compare(case) == {}, f"seed {seed}: {case}"
        reached.add(predict(case.terminal, case.card, case.request, case.host).result)
    assert reached == {"approved", "declined", "terminated"}
