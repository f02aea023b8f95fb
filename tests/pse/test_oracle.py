"""Random lives of payment cards, in right and wrong order: the card answers each command as the oracle does."""

from dataclasses import dataclass
from typing import Final, Protocol

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cardsim.iso7816.tlv import ber, find
from tests.cards import unhex
from tests.pse import bank
from tests.pse.deal import AAC, ARQC, CDA, MDK_AC, MDK_MAC, TC, Cryptogram, Data, Deal, cryptogram_of, session_key
from tests.pse.oracle import AFL, FCI, WRITABLE, Oracle
from tests.pse.oracle_state import Expected, Made, Script
from tests.pse.perso import amount, empty, fill, job, rsa

PINS: Final = ("123456", "1234", "654321")
TAGS: Final = (*sorted(WRITABLE), "9F13", "9F17", "9F36", "9F4F", "9F51", "9F52", "9F56", "9F57", "9F5D", "9F99")
IDD: Final = ("", "0A01" + "00" * 9, "0A02" + "00" * 9, "0F03" + "00" * 14, "0F04" + "00" * 14)
RECORD: Final = "70049F620100"
"""What an issuer writes into record 2 of SFI 1."""


@dataclass(slots=True)
class Pair:
    """One card and its oracle."""

    deal: Deal
    oracle: Oracle

    def card(self, apdu: str) -> str:
        """What the card answers."""
        return self.deal.bench.x(apdu)

    def sw(self, apdu: str) -> str:
        """Its status word."""
        return self.card(apdu)[-4:]

    @property
    def first(self) -> Cryptogram:
        """First cryptogram of the transaction; some other where there is none."""
        return self.deal.first or Cryptogram(0, 1, bytes(8), b"")


class Step(Protocol):
    """One command, as the terminal means it."""

    def both(self, pair: Pair) -> tuple[object, object]:
        """What the card answers, and what the oracle does."""


@dataclass(frozen=True, slots=True)
class Select:
    """SELECT, perhaps after a reset."""

    reset: bool = False

    def both(self, pair: Pair) -> tuple[object, object]:
        if self.reset:
            pair.deal.bench.power_on()
        answer = pair.card("00A4040008A000000333010101")
        if answer == "6283":
            assert pair.card("00C0000000") == FCI + "9000"
        pair.deal.first = None
        return answer, pair.oracle.select()


@dataclass(frozen=True, slots=True)
class Gpo:
    """GET PROCESSING OPTIONS."""

    wish: int = 0
    amount: str = "000000001000"
    currency: str = "0156"
    head: str = "0B8309"
    """Lc, template and its length."""

    def both(self, pair: Pair) -> tuple[object, object]:
        body = f"{self.wish:02X}{self.amount}{self.currency}"[: 2 * int(self.head[:2], 16) - 4]
        answer = pair.card(f"80A80000{self.head}{body}")
        return answer, pair.oracle.gpo(self.wish, self.amount, self.currency, self.head)


@dataclass(frozen=True, slots=True)
class Verify:
    """VERIFY."""

    block: str

    def both(self, pair: Pair) -> tuple[object, object]:
        return pair.card("0020008008" + self.block), pair.oracle.verify(self.block)


@dataclass(frozen=True, slots=True)
class Internal:
    """INTERNAL AUTHENTICATE; what is signed is a matter of `test_oda`."""

    data: str = "12345678"

    def both(self, pair: Pair) -> tuple[object, object]:
        length = len(self.data) // 2
        return pair.sw(f"00880000{length:02X}{self.data}"), pair.oracle.internal(length)


@dataclass(frozen=True, slots=True)
class Generate:
    """GENERATE AC, with the values of CDOL2 where there is a response code."""

    p1: int
    data: Data
    code: bytes | None = None

    def both(self, pair: Pair) -> tuple[object, object]:
        expected = pair.oracle.generate(self.p1, self.data, self.code)
        body = self.data.cdol1() if self.code is None else self.data.cdol2(self.code)
        answer = pair.card(f"80AE{self.p1:02X}00{len(body) // 2:02X}{body}")
        if len(answer) == 4:
            return answer, expected
        found, cda = self._parsed(unhex(answer)[:-2])
        if self.code is None:
            pair.deal.first = found
        message = unhex(self.data.common()) + pair.oracle.run.aip.to_bytes(2, "big")
        message += found.atc.to_bytes(2, "big") + found.iad[3:7]
        assert found.ac == cryptogram_of(session_key(MDK_AC, found.atc), message)
        assert found.iad[:4].hex() == "07010103"
        assert found.iad[7] == 1
        return Expected(found.cid, found.atc, found.cvr, self._discretionary(found), cda), expected

    @staticmethod
    def _parsed(answer: bytes) -> tuple[Cryptogram, bool]:
        if answer[0] == 0x80:
            body = find(answer, 0x80) or b""
            return Cryptogram(body[0], int.from_bytes(body[1:3], "big"), body[3:11], body[11:]), False
        cid, atc, signed, iad = (find(answer, 0x77, tag) or b"" for tag in (0x9F27, 0x9F36, 0x9F4B, 0x9F10))
        plain = pow(int.from_bytes(signed, "big"), rsa("icc").e, rsa("icc").n).to_bytes(len(signed), "big")
        assert plain[:4] == b"\x6a\x05\x01\x20"
        assert plain[4:8] == b"\x02" + atc + cid
        return Cryptogram(cid[0], int.from_bytes(atc, "big"), plain[8:16], iad), True

    @staticmethod
    def _discretionary(found: Cryptogram) -> str:
        if len(found.iad) == 8:
            return ""
        data = found.iad[10:-4]
        filled = found.atc.to_bytes(2, "big") + data
        filled += bytes(-len(filled) % 8)
        assert found.iad[8] == len(found.iad) - 9
        assert found.iad[-4:] == cryptogram_of(session_key(MDK_MAC, found.atc), filled)[:4]
        return data.hex().upper()


@dataclass(frozen=True, slots=True)
class External:
    """EXTERNAL AUTHENTICATE."""

    code: bytes = b"00"
    right: bool = True
    short: bool = False

    def both(self, pair: Pair) -> tuple[object, object]:
        pair.deal.first = pair.deal.first or pair.first
        arpc = int.from_bytes(pair.deal.arpc(self.code), "big") ^ (not self.right)
        body = f"{arpc:016X}" + ("" if self.short else self.code.hex())
        answer = pair.card(f"00820000{len(body) // 2:02X}{body}")
        return answer, pair.oracle.external(self.code, right=self.right, length=len(body) // 2)


@dataclass(frozen=True, slots=True)
class Issuer:
    """A command of a script."""

    script: Script

    def both(self, pair: Pair) -> tuple[object, object]:
        script, first = self.script, pair.first
        value = unhex(script.value)
        if script.header in ("240001", "240002") and not value:
            old = pair.oracle.pin if script.header == "240001" else ""
            value = bank.enciphered(first.atc, bank.pin_block(script.pin, old))
        cla = "04" if script.header[:2] in ("DA", "DC") else "84"
        apdu = bank.script(cla + script.header, first.atc, first.ac, value)
        if not script.length_ok:
            apdu = f"{apdu[:8]}{len(apdu) // 2 - 6:02X}{apdu[10:-2]}"
        return pair.card(apdu if script.mac_ok else bank.spoiled(apdu)), pair.oracle.script(script)


@dataclass(frozen=True, slots=True)
class Get:
    """GET DATA."""

    tag: str

    def both(self, pair: Pair) -> tuple[object, object]:
        return pair.deal.get(self.tag), pair.oracle.get(self.tag)


@dataclass(frozen=True, slots=True)
class Raw:
    """A command that is refused for its form, whatever the state: the card counts and forgets nothing for it."""

    apdu: str
    word: str

    def both(self, pair: Pair) -> tuple[object, object]:
        refused = pair.oracle.card_blocked and self.apdu.startswith("00A4")
        return pair.card(self.apdu), "6A81" if refused else self.word


@dataclass(frozen=True, slots=True)
class Record:
    """READ RECORD of the record that scripts write."""

    def both(self, pair: Pair) -> tuple[object, object]:
        return pair.card("00B2020C00"), pair.oracle.records["020C"] + "9000"


@dataclass(frozen=True, slots=True)
class Log:
    """READ RECORD of the log, all of it."""

    def both(self, pair: Pair) -> tuple[object, object]:
        return pair.deal.log(), pair.oracle.log


# --- what is drawn ---------------------------------------------------------------------------------------------------

amounts = st.sampled_from((0, 1, 300, 500, 1000, 1000, 1000, 2000, 5000, 50000))
countries = st.sampled_from(("0156", "0156", "0156", "0840"))
tvrs = st.sampled_from(("0000000000", "0000048000", "4000000000", "0800000000", "0400000000"))
requests = st.sampled_from((TC, TC, TC, ARQC, ARQC, AAC))
codes = st.sampled_from((b"00", b"00", b"00", b"05", b"01", b"Y3", b"Y3", b"Z3", b"99", b"Y1"))
deals = st.builds(Data, amounts, amounts, countries, tvrs, countries, time=st.sampled_from(("101500", "235959")))
blocks = st.sampled_from((*(f"2{len(pin):X}{pin}".ljust(16, "F") for pin in PINS), "2" * 16, "16123456FFFFFFFF"))
limits = st.sampled_from(("FF", "FF", "00", "01", "02", "03", "05"))
totals = st.sampled_from((0, 0, 1000, 1999, 2000, 5000, 100000)).map(amount)
values = st.one_of(limits, totals, st.sampled_from(("00000000000A", "0000001000")))
changes = st.one_of(
    st.tuples(st.sampled_from(("9F53", "9F58", "9F59", "9F72")), limits),
    st.tuples(st.sampled_from(("9F54", "9F5C", "9F6D", "9F77", "9F78", "9F79", "9F79", "9F79")), totals),
    st.tuples(st.sampled_from(TAGS), values),
).map(lambda change: Script("DA" + change[0], change[1]))
others = st.sampled_from(
    ("1E0000", "180000", "180000", "240000", "240000", "DC020C", "DC025C", "DC090C"),
).map(lambda header: Script(header, RECORD if header[:2] == "DC" else ""))
pins = st.one_of(
    st.builds(Script, st.sampled_from(("240001", "240002")), pin=st.sampled_from(PINS)),
    st.just(Script("240002", "00" * 16)),
)


@st.composite
def scripts(draw: st.DrawFn) -> Issuer:
    """A command of a script, most of them right."""
    found = draw(st.one_of(changes, changes, others, pins))
    match draw(st.integers(0, 9)):
        case 0:
            return Issuer(Script(found.header, found.value, mac_ok=False, pin=found.pin))
        case 1 if found.header[:2] not in ("DA", "DC"):
            return Issuer(Script(found.header, found.value, length_ok=False, pin=found.pin))
    return Issuer(found)


MALFORMED: Final = (
    Raw("80A80100" + "0B8309" + "00" * 9, "6A86"), Raw("00A80000" + "0B8309" + "00" * 9, "6E00"),
    Raw("80AE0001" + "34" + "00" * 52, "6A86"), Raw("0020008006" + "26123456FFFF", "6700"),
    Raw("0020008808" + "26123456FFFFFFFF", "6A86"), Raw("00DA9F790A" + "00" * 10, "6E00"),
    Raw("841E010004" + "00" * 4, "6A86"), Raw("8424000304" + "00" * 4, "6A86"), Raw("80CA005A00", "6A88"),
    Raw("00B2010D00", "6A86"), Raw("00A4040008A000000333019999", "6A82"),
)  # fmt: skip
any_step: st.SearchStrategy[Step] = st.one_of(
    st.builds(Select, st.booleans()),
    st.builds(Gpo, st.sampled_from((0, 1, 2)), amounts.map(amount) | st.just("00000000000A"), countries),
    st.builds(Gpo, head=st.sampled_from(("0A8308", "0B8409", "0B8308"))),
    st.builds(Verify, blocks),
    st.builds(Internal, st.sampled_from(("12345678", "12345678", "123456"))),
    st.builds(Generate, st.sampled_from((AAC, TC, ARQC, 0xC0, CDA, TC | CDA, ARQC | CDA)), deals, st.none() | codes),
    st.builds(External, codes, st.booleans(), st.booleans()),
    scripts(),
    st.builds(Get, st.sampled_from(TAGS)),
    st.sampled_from((Record(), Log(), *MALFORMED)),
)


@st.composite
def transactions(draw: st.DrawFn) -> list[Step]:
    """A transaction in the right order, with what a terminal or an issuer may leave out."""
    data = draw(deals)
    said = draw(deals) if draw(st.integers(0, 4)) == 0 else data
    steps: list[Step] = [Select(draw(st.integers(0, 3)) == 0)]
    steps.append(Gpo(draw(st.sampled_from((0, 1, 1, 2))), amount(said.amount), said.currency))
    steps += draw(st.lists(st.builds(Verify, blocks), max_size=2))
    if draw(st.integers(0, 5)) == 0:
        steps.append(Internal())
    cda = draw(st.sampled_from((0, 0, 0, CDA)))
    steps.append(Generate(draw(requests) | cda, data))
    for _ in range(draw(st.sampled_from((0, 0, 1, 1, 1, 2)))):
        steps.append(External(draw(codes), draw(st.integers(0, 3)) > 0))
    steps += draw(st.lists(scripts(), max_size=2))
    for _ in range(draw(st.sampled_from((0, 1, 1, 1, 1, 2)))):
        second = draw(deals) if draw(st.integers(0, 7)) == 0 else data
        steps.append(Generate(draw(st.sampled_from((TC, TC, TC, AAC))) | cda, second, draw(codes)))
        steps += draw(st.lists(scripts(), max_size=2))
    return steps


@st.composite
def lives(draw: st.DrawFn) -> list[Step]:
    """What a card meets: transactions, with single commands between and in them."""
    steps: list[Step] = []
    for _ in range(draw(st.integers(1, 8))):
        found = draw(transactions())
        for _ in range(draw(st.sampled_from((0, 0, 1, 2)))):
            found.insert(draw(st.integers(1, len(found))), draw(any_step))
        steps += found
    if draw(st.integers(0, 7)) == 0:
        steps += [Issuer(Script("160000")), *draw(st.lists(any_step, max_size=3))]
    return [*steps, *(Get(tag) for tag in TAGS), Record(), Log()]


chance = st.integers(0, 2)
actions = st.sampled_from(("0000", "0000", "C200")) | st.integers(0, 0xFFFF).map(lambda bits: f"{bits:04X}")
balances = st.sampled_from((0, 1000, 2000, 50000, 100000)).map(amount)


@st.composite
def cards(draw: st.DrawFn) -> Made:
    """Cards with no limit, with some, and with many."""
    tight, limit = draw(st.sampled_from((0, 1, 3))), draw(balances)
    atc, loatc = draw(st.sampled_from((("0000", "0000"), ("0005", "0003"), ("0009", "0009"), ("FFF9", "FFF0"))))
    found = {
        **{tag: draw(limits) if draw(chance) < tight else "FF" for tag in ("9F53", "9F58", "9F59", "9F72")},
        **{tag: draw(totals) if draw(chance) < tight else amount(0) for tag in ("9F54", "9F5C")},
        "9F77": max(limit, draw(totals)), "9F78": draw(balances), "9F79": limit, "9F6D": draw(totals),
        "9F51": draw(st.sampled_from(("0156", "0156", "0840"))),
        "9F52": draw(actions),
        "9F56": draw(st.sampled_from(("00", "80"))), "9F57": "0156", "9F36": atc, "9F13": loatc,
    }  # fmt: skip
    aips = st.sampled_from((0x7C00, 0x7C00, 0x7D00, 0x5C00, 0x3C00, 0x7800, 0x1800))
    aip = draw(aips)
    cash_aip = draw(aips) if draw(st.integers(0, 3)) == 0 else aip
    idd, pin, tries = draw(st.integers(0, 4)), draw(st.sampled_from(("", PINS[0]))), draw(st.integers(1, 3))
    left = tries if draw(st.booleans()) else draw(st.integers(0, tries))
    return Made(found, aip, cash_aip, idd, pin, tries if pin else 0, left if pin else 0)


def made(card: Made) -> Pair:
    """The card of the oracle, personalised through its own commands."""
    paths = {
        dgi: ber(0x82, aip.to_bytes(2, "big")) + ber(0x94, unhex(AFL[cash]))
        for dgi, aip, cash in ((0x9104, card.aip, False), (0x9203, card.cash_aip, True))
    }
    dgis = {**paths, 0x9200: ber(0x9F10, unhex("0701010300000001" + IDD[card.idd]))}
    bench = empty()
    fill(bench, job(card.values, dgis, f"{card.limit:02X}{card.tries:02X}" if card.pin else ""))
    bench.power_on()
    oracle = Oracle(card)
    bench.select("A000000333010101")
    oracle.records = {"020C": bench.x("00B2020C00")[:-4]}
    return Pair(Deal(bench), oracle)


def live(card: Made, steps: list[Step]) -> None:
    """Both answer each command alike."""
    pair = made(card)
    for number, step in enumerate(steps):
        if pair.oracle.stopped:
            assert step.both(pair)[0] in ("6A81", [])
            return
        answer, expected = step.both(pair)
        assert answer == expected, f"step {number} {step}\ncard   {answer}\noracle {expected}"
        if expected == "6A81":
            return


ALL_CHECKS_OFF: Final = list(HealthCheck)


@settings(max_examples=120, suppress_health_check=ALL_CHECKS_OFF)
@given(cards(), lives())
def test_lives(card: Made, steps: list[Step]) -> None:
    """PBOC-GPO, PBOC-PIN, PBOC-CRM, PBOC-CVR, PBOC-IAD, PBOC-XAU, PBOC-GA2, PBOC-EC, PBOC-SCR, PBOC-PDT, PBOC-LOG."""
    live(card, steps)


@settings(max_examples=500, suppress_health_check=ALL_CHECKS_OFF)
@given(cards(), lives())
def test_many_lives(card: Made, steps: list[Step]) -> None:
    """The same, at length: some hundred thousand commands."""
    live(card, steps)
