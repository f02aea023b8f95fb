"""Writes the generated pages of `docs/`: the command reference and the byte-for-byte example session.

    python tools/make_docs.py            writes docs/commands*.md, docs/card-action.md and the others
    python tools/make_docs.py --check    writes nothing; exits 1 if one of them is stale

The command reference is read from the command tables (`cardsim.cos.commands`, `cardsim.ssse.commands`,
`cardsim.pse.commands`), the example is run on a seeded card. `tests/docs` checks both.
"""

import argparse
import functools
import itertools
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import card_action
import open_choices

from cardsim.assembly import new_card
from cardsim.cos import commands as cos
from cardsim.cos.masterkey import Algorithm, MasterKeySet
from cardsim.cos.table import ANY_BYTE, BEFORE_ANY_ROW, Check, Command, Parameters, Phase
from cardsim.crypto import ciphers, padding, pboc, scp02, social
from cardsim.crypto.social import Suite
from cardsim.iso7816.apdu import Case
from cardsim.iso7816.card import Card
from cardsim.iso7816.status import StatusWord
from cardsim.iso7816.tlv import ber
from cardsim.psam import commands as psam
from cardsim.pse import commands as pse
from cardsim.ssse import commands as ssse
from cardsim.ssse import medical_commands as medical

DOCS: Final = Path(__file__).resolve().parent.parent / "docs"
NOTICE: Final = "<!-- Written by tools/make_docs.py. Change the source, then run: python tools/make_docs.py -->\n"

# --- the command reference ---------------------------------------------------------------------------------------

_CASES: Final = {Case.NO_DATA: "1", Case.RESPONSE: "2", Case.COMMAND: "3", Case.BOTH: "4"}
_PHASES: Final = ((Phase.CREATED, "created"), (Phase.SET_UP, "keyed (set-up)"), (Phase.ISSUED, "issued"))
_FAMILIES: Final = {
    0x63C0: ("63Cx", "comparison failed, x tries left"),
    0x6100: ("61xx", "xx bytes wait for GET RESPONSE"),
    0x6C00: ("6Cxx", "wrong Le, xx bytes are available; the command has not run"),
}
_MANY: Final = 7


@dataclass(frozen=True, slots=True)
class Level:
    """One place of the card, and the rows that can be reached there."""

    title: str
    text: str
    rows: tuple[Command, ...]

    @property
    def place(self) -> str:
        """The title inside a sentence."""
        return self.title[0].lower() + self.title[1:]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the reference: what a reader finds there, and the places of the card that it is about."""

    name: str
    title: str
    text: str
    levels: tuple[Level, ...]

    @property
    def file(self) -> str:
        """Name of the file in docs/."""
        return f"{self.name}.md"


CARD_PAGE: Final = Page(
    "commands",
    "Commands",
    "Every command of the cards stands in the tables that they dispatch by; these pages are written from them. Here "
    "are the order of errors, the list of all commands, and those of card management.",
    (
        Level(
            "At the MF",
            "After a reset, and after SELECT of 3F00. Card management lives here; "
            "[card-management.md](card-management.md) explains each byte.",
            cos.TABLE,
        ),
    ),
)
PSE_PAGE: Final = Page(
    "commands-pse",
    "Commands of the payment environment",
    "Selection and data, transactions, issuer scripts, personalisation. [pboc-choices.md](pboc-choices.md) says where "
    "the sources leave a choice, and how to take the other one.",
    (
        Level("In PSE itself", "After SELECT of `1PAY.SYS.DDF01`.", pse.PSE_TABLE),
        Level("In an application of PSE", "After SELECT of the AID.", pse.APPLICATION_TABLE),
        Level(
            "With an enciphered PIN",
            "In an application of a card with `enciphered_pin`, besides those above.",
            pse.ENCIPHERED_PIN,
        ),
    ),
)
SSSE_PAGE: Final = Page(
    "commands-ssse",
    "Commands of the social-security environment",
    "The basic commands and those of set-up; then those of the medical-insurance account.",
    (
        Level("In SSSE", "After SELECT of `sx1.sh.社会保障` or of one of its applications by name.", ssse.TABLE),
        Level(
            "In the medical-insurance application",
            "After SELECT of `D15600000503` (DF04), or of another application of SSSE that has an account file: the "
            "commands of SSSE, and these.",
            medical.TABLE,
        ),
    ),
)
PSAM_PAGE: Final = Page(
    "commands-psam",
    "Commands of the PSAM",
    "The commands of operation, which the standard fixes; then those of set-up, which are our own and end with it.",
    (
        Level("In operation", "At the MF, in an environment, and in an application of it.", psam.OPERATION),
        Level(
            "In set-up",
            "Besides those of operation, until END PERSONALISATION.",
            tuple(row for row in psam.SET_UP if row not in psam.OPERATION),
        ),
        Level("On a blank chip", "Before the MF has a master key.", psam.BLANK),
    ),
)
REFERENCE: Final = (CARD_PAGE, SSSE_PAGE, PSE_PAGE, PSAM_PAGE)


def runs(values: Iterable[int], form: Callable[[int], str]) -> str:
    """Numbers as text: neighbours as ranges, equal steps with dots, very many runs by the first and the last."""
    numbers = sorted(set(values))
    if len(numbers) > 3:
        steps = {b - a for a, b in itertools.pairwise(numbers)}
        if len(steps) == 1 and steps != {1}:
            return f"{form(numbers[0])}, {form(numbers[1])}, … {form(numbers[-1])}"
    found: list[list[int]] = []
    for number in numbers:
        if found and found[-1][-1] == number - 1:
            found[-1].append(number)
        else:
            found.append([number])
    texts = [form(run[0]) if len(run) == 1 else f"{form(run[0])}–{form(run[-1])}" for run in found]
    if len(texts) > _MANY:
        return f"{texts[0]}, {texts[1]}, … {texts[-1]} ({len(numbers)} values)"
    return ", ".join(texts)


def _hex(number: int) -> str:
    return f"{number:02X}"


def _phases(row: Command) -> str:
    if row.phases is Phase.ANY:
        return "any"
    return ", ".join(name for phase, name in _PHASES if phase & row.phases)


def _header(row: Command) -> str:
    return f"{row.cla:02X} {row.ins:02X}"


def _lc(row: Command) -> str:
    return runs(row.lc, str) if row.case in (Case.COMMAND, Case.BOTH) else "none"


def _le(row: Command) -> str:
    match row.case:
        case Case.RESPONSE if row.le:
            return runs(row.le, str)
        case Case.RESPONSE:
            return "the length of the answer (00 asks for it: 6Cxx)"
        case Case.BOTH:
            return "any; on T=0 the answer waits for GET RESPONSE (61xx)"
        case _:
            return "none"


def _word(sw: int) -> tuple[str, str]:
    return _FAMILIES.get(sw, (f"{sw:04X}", StatusWord(sw).meaning))


_BEFORE_ROW: Final = (Check.BLOCKED, Check.HEADER, Check.CLASS, Check.INSTRUCTION)
"""The checks that are the same for all commands of a level."""


def _checks(row: Command) -> dict[Check, str]:
    """What the checks that read the row look at, for those that can fail."""
    found = {}
    if any(len(set(values)) < len(ANY_BYTE) for rule in row.parameters for values in (rule.p1, rule.p2)):
        found[Check.PARAMETERS] = "6A86 | other values of P1 P2 than these"
    length = "an Lc that is not the number of bytes behind it" if row.state_first else "another Lc or Le than these"
    found[Check.LENGTH] = f"6700 | {length}"
    if row.phases is not Phase.ANY:
        found[Check.STATE] = "6985 | another life-cycle state than these"
    return found


def _words(row: Command) -> list[str]:
    """Status words in the order in which they win, those of the checks before the command first."""
    number = {check: place for place, check in enumerate(Check, 1)}
    lines = ["| order | status word | what is wrong | meaning |", "|---|---|---|---|"]
    lines.append(f"| {number[_BEFORE_ROW[0]]}–{number[_BEFORE_ROW[-1]]} | 6581, 9303, 6A81, 6700, 6E00, 6D00 "
                 f"| [as with every command]({CARD_PAGE.file}#the-order-of-errors) | |")  # fmt: skip
    lines += [f"| {number[check]} | {text} | |" for check, text in _checks(row).items()]
    known = all(fault.cause for fault in row.answers)
    own = [fault for fault in row.answers if fault is not cos.BLOCKED_APPLICATION]  # the first check says it
    for place, fault in enumerate(own, len(Check) + 1):
        name, meaning = _word(fault.sw)
        lines.append(f"| {place if known else '–'} | {name} | {fault.cause} | {meaning} |")
    if row.case is Case.RESPONSE and not row.le and row.response:
        name, meaning = _word(0x6C00)
        lines.append(f"| last | {name} | another Le than the length of the answer | {meaning} |")
    return lines


def _rule(rule: Parameters) -> str:
    values = f"P1 {runs(rule.p1, _hex)}, P2 {runs(rule.p2, _hex)}"
    return f"{values}: {rule.meaning}" if rule.meaning else values


def _title(row: Command) -> str:
    """Heading of a command, unlike that of any other: a name may stand in several classes, and at several levels."""
    same = [
        other for other, page in _HOME.items()
        if page is _HOME[row] and (other.name, other.header) == (row.name, row.header)
    ]  # fmt: skip
    where = f" {next(level.place for level in _HOME[row].levels if row in level.rows)}" if len(same) > 1 else ""
    return f"{row.name} ({_header(row)}){where}"


def _link(row: Command) -> str:
    """The command's name, leading to its section."""
    anchor = re.sub(r"[^\w\- ]", "", _title(row).lower()).replace(" ", "-")
    return f"[{row.name}]({_HOME[row].file}#{anchor})"


_HOME: Final[dict[Command, Page]] = {}
"""Where the section of each row stands: a row that several levels share has one, on the first page."""
for _page in REFERENCE:
    for _row in (row for level in _page.levels for row in level.rows):
        _HOME.setdefault(_row, _page)


def _section(row: Command) -> list[str]:
    places = [
        level.title[0].lower() + level.title[1:] for page in REFERENCE for level in page.levels if row in level.rows
    ]
    facts = [
        ("where", "; ".join(places)),
        ("case", _CASES[row.case]),
        *(("P1 P2", _rule(rule)) for rule in row.parameters),
        ("Lc", _lc(row)),
        ("Le", _le(row)),
        ("data", row.data or "none"),
        ("response", row.response or "none"),
        ("secure messaging", row.messaging.value),
        ("life-cycle states", _phases(row)),
        ("access", row.access),
        ("clause", row.clause),
    ]
    lines = [f"### {_title(row)}", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {text} |" for name, text in facts]
    return [*lines, "", *_words(row), ""]


def _levels(page: Page) -> list[str]:
    """What can be sent where, each command leading to its section."""
    lines = []
    for level in page.levels:
        lines += [f"## {level.title}", "", level.text, ""]
        lines += ["| command | CLA INS | case | Lc | messaging | states | access |", "|---|---|---|---|---|---|---|"]
        for row in level.rows:
            facts = (
                _link(row),
                _header(row),
                _CASES[row.case],
                _lc(row),
                row.messaging.value,
                _phases(row),
                row.access,
            )
            lines.append(f"| {' | '.join(facts)} |")
        lines.append("")
    return lines


def _order() -> list[str]:
    lines = [
        "## The order of errors", "",
        "Every command passes these checks in this order. The first that fails gives the answer; the command itself",
        "begins after the last (`cardsim.cos.table.Check`).", "",
    ]  # fmt: skip
    lines += [f"{number}. {check.name.lower()}: {check.value}" for number, check in enumerate(Check, 1)]
    before = ", ".join(f"{sw:04X} ({StatusWord(sw).meaning})" for sw in sorted(BEFORE_ANY_ROW))
    return [
        *lines, "", f"Before a row is found the card can answer: {before}.", "",
        "A blocked environment answers 6A81 to everything but the SELECT that leaves it, also to what is shorter than",
        "four bytes. A card whose memory could not be recovered at power-on answers 6581 to everything.", "",
        "Then come the faults of the command itself. Each command has them in a table, in the order in which they win",
        "when several things are wrong at once; the numbers go on from those of the checks. Where `–` stands for the",
        "number, the table does not say which of the command's faults wins.", "",
    ]  # fmt: skip


def _index() -> list[str]:
    lines = ["## All commands", "", "| command | CLA INS | where |", "|---|---|---|"]
    places: dict[Command, list[str]] = {}
    for page in REFERENCE:
        for level in page.levels:
            for row in level.rows:
                places.setdefault(row, []).append(level.place)
    lines += [f"| {_link(row)} | {_header(row)} | {'; '.join(where)} |"
              for row, where in sorted(places.items(), key=lambda item: (item[0].name, item[0].cla))]  # fmt: skip
    return [*lines, ""]


def commands_page(page: Page) -> str:
    """The whole of a page of the command reference."""
    lines = [
        f"# {page.title}", "", NOTICE, page.text, "",
        "Numbers under P1, P2, CLA and INS are hexadecimal; lengths are decimal. \"Lc\" counts command data, a",
        "secure-messaging MAC included.", "",
    ]  # fmt: skip
    if page is CARD_PAGE:
        lines += [*_order(), *_index()]
    else:
        lines += [
            f"[{CARD_PAGE.file}]({CARD_PAGE.file}) has the order of errors and the commands that all levels share.",
            "",
        ]
    lines += [*_levels(page), "## Each command", ""]
    for row, home in _HOME.items():
        if home is page:
            lines += _section(row)
    return "\n".join(lines)


# --- the example session -----------------------------------------------------------------------------------------

SEED: Final = 1
TRANSPORT: Final = bytes.fromhex("000102030405060708090A0B0C0D0E0F")
CARD_MASTER: Final = bytes.fromhex("101112131415161718191A1B1C1D1E1F")
SSSE_MASTER: Final = bytes.fromhex("202122232425262728292A2B2C2D2E2F")
UPDATE_KEY: Final = bytes.fromhex("303132333435363738393A3B3C3D3E3F")
KMC: Final = bytes.fromhex("404142434445464748494A4B4C4D4E4F")
KEYDATA: Final = bytes.fromhex("62146700000100000001")
HISTORICAL: Final = bytes.fromhex("00814A44468660519900000001")
SSSE_NAME: Final = "sx1.sh.社会保障".encode("gbk")
PSE_NAME: Final = b"1PAY.SYS.DDF01"
AID: Final = bytes.fromhex("A000000333010101")
ORIGINAL: Final = bytes.fromhex("A1A2A3A4A5A6A7A8")
_MDOL: Final = "9F02069F03069F1A0295055F2A029A039C019F3704"


@dataclass(slots=True)
class Example:
    """A card session that writes itself down. Lines `→` are what the card is sent, `←` what it answers."""

    card: Card
    lines: list[str] = field(default_factory=list)
    mac: bytes = b""
    keys: scp02.SessionKeys | None = None

    def heading(self, title: str, text: str) -> None:
        """A section."""
        self.lines += [f"## {title}", "", text, ""]

    def step(self, title: str, *notes: tuple[str, bytes | str]) -> None:
        """What comes next, with the values that it is made of."""
        self.lines += [f"**{title}**", ""]
        for name, value in notes:
            shown = f"`{value.hex().upper()}`" if isinstance(value, bytes) else value
            self.lines.append(f"- {name}: {shown}")
        if notes:
            self.lines.append("")

    def reset(self) -> None:
        """Power on or reset."""
        self.lines += ["```apdu", "→ reset", f"← {self.card.power_on().hex().upper()}", "```", ""]

    def send(self, *commands: bytes) -> bytes:
        """Commands as they go over the contacts, GET RESPONSE included; the data of the last one."""
        self.lines.append("```apdu")
        data = b""
        for command in commands:
            answer = self._exchange(command)
            data = answer[:-2]
            if answer[-2] == 0x6C:
                data = self._exchange(command[:4] + answer[-1:])[:-2]
            if answer[-2] == 0x61:
                data = self._exchange(b"\x00\xc0\x00\x00" + answer[-1:])[:-2]
        self.lines += ["```", ""]
        return data

    def _exchange(self, command: bytes) -> bytes:
        answer = self.card.transmit(command)
        self.lines += [f"→ {command.hex().upper()}", f"← {answer.hex().upper()}"]
        return answer

    def authenticate(self, title: str, suite: Suite, key: bytes) -> None:
        """GET CHALLENGE and EXTERNAL AUTHENTICATE 00 82 00 00."""
        self.step(title)
        challenge = self.send(bytes.fromhex("0084000008"))
        session = social.session_key(suite, key, challenge)
        proof = social.authentication_data(suite, key, challenge, ORIGINAL)
        self.step("… answered with", ("key", key), ("session key", session), ("original data", ORIGINAL),
                  ("authentication data", proof))  # fmt: skip
        self.send(bytes.fromhex("0082000010") + proof + ORIGINAL)

    def protected(self, title: str, header: bytes, suite: Suite, key: bytes, plain: bytes) -> None:
        """A command enciphered and MACed under a master key and a fresh challenge."""
        self.step(title)
        challenge = self.send(bytes.fromhex("0084000008"))
        framed = padding.pad80_if_needed(bytes((len(plain),)) + plain, suite.block_size)
        body = social.master_encipher(suite, key, plain)
        message = header + bytes((len(body) + 4,)) + body
        mac = social.master_mac4(suite, key, message, challenge)
        size = suite.block_size
        self.step("… built of", ("plaintext", plain), ("length byte, plaintext, padding", framed), ("key", key),
                  ("enciphered (ECB)", body), ("MAC over", padding.pad80(message, size)),
                  ("initial value", challenge.ljust(size, b"\0")), ("MAC", mac))  # fmt: skip
        self.send(message + mac)

    def open_channel(self, host: bytes) -> None:
        """INITIALIZE UPDATE and EXTERNAL AUTHENTICATE 84 82 03 00."""
        self.step("INITIALIZE UPDATE", ("host challenge", host))
        answer = self.send(bytes.fromhex("8050000008") + host)
        sequence, challenge = answer[12:14], answer[14:20]
        static = scp02.diversify_kmc(KMC, answer[:10])
        keys = scp02.session_keys(static, sequence)
        proof = scp02.host_cryptogram(keys.enc, host, sequence, challenge)
        message = bytes.fromhex("8482030010") + proof
        self.keys, self.mac = keys, scp02.command_mac(keys.mac, message, bytes(8))
        self.step("EXTERNAL AUTHENTICATE, security level 03", ("sequence counter", sequence),
                  ("card challenge", challenge), ("card cryptogram", answer[20:]), ("S-ENC", keys.enc),
                  ("S-MAC", keys.mac), ("S-DEK", keys.dek), ("host cryptogram", proof),
                  ("C-MAC", self.mac))  # fmt: skip
        self.send(message + self.mac)

    def channel(self, title: str, header: bytes, data: bytes) -> None:
        """One command through the open channel."""
        assert self.keys is not None
        icv = scp02.encrypt_icv(self.keys.mac, self.mac)
        self.mac = scp02.command_mac(self.keys.mac, header + bytes((len(data) + 8,)) + data, icv)
        body = ciphers.des_cbc_encrypt(self.keys.enc, padding.pad80(data))
        self.step(title, ("data", data), ("initial value of the C-MAC", icv), ("C-MAC", self.mac))
        self.send(header + bytes((len(body) + 8,)) + body + self.mac)


def _select(name: bytes) -> bytes:
    return bytes((0x00, 0xA4, 0x04, 0x00, len(name))) + name


def _case3(header: str, data: bytes) -> bytes:
    return bytes.fromhex(header) + bytes((len(data),)) + data


_STATUS: Final = bytes.fromhex("80F2000000")
_MF: Final = bytes.fromhex("00A40000023F00")


def _card_part(run: Example) -> None:
    run.heading("1. From the virgin chip to the card master key",
                "A virgin chip answers a reset without historical bytes and knows no key.")  # fmt: skip
    run.step("Reset")
    run.reset()
    run.step("ACTIVATE", ("transport key", TRANSPORT), ("try limit", b"\x05"), ("profile switches", bytes(2)),
             ("historical bytes", HISTORICAL))  # fmt: skip
    run.send(_case3("80F00000", TRANSPORT + b"\x05" + bytes(2) + HISTORICAL))
    run.step("Reset: the card is blank, its ATR has historical bytes")
    run.reset()
    run.step("GET STATUS: 80 01 01, the card is activated")
    run.send(_STATUS)
    run.authenticate("EXTERNAL AUTHENTICATE under the transport key", Suite.DES, TRANSPORT)
    keys = MasterKeySet(1, Algorithm.TDES, 5, (CARD_MASTER,))
    run.protected("WRITE KEY 3F00: the card master key; the transport key ends", bytes.fromhex("84D43F00"), Suite.DES,
                  TRANSPORT, bytes(keys))  # fmt: skip
    run.authenticate("EXTERNAL AUTHENTICATE under the card master key", Suite.DES, CARD_MASTER)


def _environments_part(run: Example) -> None:
    run.heading("2. The two environments", "SSSE with SM4 in 64 pages, PSE with 3DES in 64 pages.")
    run.step("CREATE DDF1 (SSSE)")
    run.send(_case3("80E0DDF1", bytes.fromhex("380040010300FFFF") + SSSE_NAME))
    run.step("CREATE DDF2 (PSE)")
    run.send(_case3("80E0DDF2", bytes.fromhex("380040020100FFFF") + PSE_NAME))
    run.step("GET STATUS: both are created (8A 01)")
    run.send(_STATUS)
    keys = MasterKeySet(1, Algorithm.SM4, 5, (SSSE_MASTER,))
    run.protected("WRITE KEY DDF1: the environment master key of SSSE", bytes.fromhex("84D4DDF1"), Suite.DES,
                  CARD_MASTER, bytes(keys))  # fmt: skip
    static = scp02.diversify_kmc(KMC, KEYDATA)
    three = MasterKeySet(1, Algorithm.TDES, 15, (static.enc, static.mac, static.dek), KEYDATA)
    run.protected("WRITE KEY DDF2: KENC, KMAC and KDEK of PSE, derived from KMC and KEYDATA",
                  bytes.fromhex("84D4DDF2"), Suite.DES, CARD_MASTER, bytes(three))  # fmt: skip
    run.step("The card master key has no power left over DDF1: DELETE answers 6982")
    run.send(_case3("80E40000", bytes.fromhex("DDF1")))


def _ssse_part(run: Example) -> None:
    run.heading("3. SSSE under its own master key", "One key, the PIN, one file with one record, then the end.")
    run.step("SELECT SSSE")
    run.send(_select(SSSE_NAME))
    run.authenticate("EXTERNAL AUTHENTICATE under the environment master key (SM4)", Suite.SM4, SSSE_MASTER)
    run.step("CREATE 0000: a key file of two slots")
    run.send(_case3("80E00000", bytes.fromhex("3F0002")))
    run.protected("WRITE KEY: external key 04, version 1, SM4, 3 tries", bytes.fromhex("84D40000"), Suite.SM4,
                  SSSE_MASTER, bytes.fromhex("3904010303") + UPDATE_KEY)  # fmt: skip
    run.protected("WRITE KEY: PIN 123456, 6 tries", bytes.fromhex("84D40000"), Suite.SM4, SSSE_MASTER,
                  bytes.fromhex("3A00000006123456"))  # fmt: skip
    run.step("CREATE EF05: linear variable, 32 bytes, read PIN or key 04, write key 04, SFI 05")
    run.send(_case3("80E0EF05", bytes.fromhex("2C002002F004000104000005")))
    run.step("UPDATE RECORD 1: the master key appends the first records during set-up")
    run.send(_case3("00DC012C", bytes.fromhex("0304332E3030")))
    run.step("END PERSONALISATION")
    run.send(bytes.fromhex("800A000000"))
    run.step("The record needs the PIN now, and has it after VERIFY")
    run.send(bytes.fromhex("00B2012C06"), _case3("00200000", bytes.fromhex("123456")), bytes.fromhex("00B2012C06"))


def _pse_part(run: Example) -> None:
    run.heading("4. PSE through its channel", "The smallest application that can be issued: no RSA key, no log.")
    run.step("SELECT PSE")
    run.send(_select(PSE_NAME))
    run.open_channel(bytes.fromhex("B1B2B3B4B5B6B7B8"))
    run.channel("CREATE ADF1: the application", bytes.fromhex("84E0ADF1"),
                bytes.fromhex("380400000000FFFF") + AID)  # fmt: skip
    run.step("SELECT the application: it has a name and nothing else, and the channel has ended")
    run.send(_select(AID))
    run.open_channel(bytes.fromhex("C1C2C3C4C5C6C7C8"))
    assert run.keys is not None
    udks = bytes(range(0x50, 0x80))
    checks = pboc.key_check_values(udks)
    holder = ber(0x5A, bytes.fromhex("6214672500000000056F")) + ber(0x5F24, bytes.fromhex("340131"))
    dols = ber(0x8C, bytes.fromhex(_MDOL)) + ber(0x8D, bytes.fromhex("8A02" + _MDOL))
    groupings = (
        (0x00, 0x9102, ber(0xA5, ber(0x50, b"EXAMPLE"))), (0x00, 0x9104, bytes.fromhex("82021C00940408010100")),
        (0x00, 0x0101, ber(0x70, holder + dols)), (0x00, 0x9200, ber(0x9F10, bytes.fromhex("0701010300000001"))),
        (0x60, 0x8000, scp02.dek_encrypt(run.keys.dek, udks)), (0x80, 0x9000, checks),
    )  # fmt: skip
    for block, (p1, dgi, content) in enumerate(groupings):
        note = {0x60: ", enciphered under S-DEK", 0x80: ", the last block: the application is issued"}.get(p1, "")
        data = dgi.to_bytes(2, "big") + bytes((len(content),)) + content
        run.channel(f"STORE DATA, data grouping {dgi:04X}{note}", bytes((0x84, 0xE2, p1, block)), data)
    run.step("GET STATUS at the MF: 80 01 03, the card is operational; both environments are issued (8A 03)")
    run.send(_MF, _STATUS)
    run.step("The application runs: SELECT, GET PROCESSING OPTIONS")
    run.send(_select(AID), bytes.fromhex("80A80000028300"))


def example_page() -> str:
    """The whole of docs/card-management-example.md."""
    run = Example(new_card(seed=SEED))
    run.lines = [
        "# From a virgin chip to an operational card, byte for byte", "", NOTICE,
        "Each byte below went over the contacts of the model (`cardsim.assembly.new_card(seed=1)`: its random numbers",
        "are the same each time). A test replays the page. The keys are invented for this page. What the commands mean",
        "stands in [card-management.md](card-management.md). `→` is sent to the card, `←` is its answer.", "",
    ]  # fmt: skip
    for part in (_card_part, _environments_part, _ssse_part, _pse_part):
        part(run)
    return "\n".join(run.lines).rstrip() + "\n"


PAGES: Final[dict[str, Callable[[], str]]] = {
    **{page.file: functools.partial(commands_page, page) for page in REFERENCE},
    "pboc-choices.md": lambda: open_choices.page(NOTICE),
    "card-action.md": lambda: card_action.page(NOTICE),
    "card-management-example.md": example_page,
}


def main(argv: list[str] | None = None) -> int:
    """Write the pages, or check them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="exit 1 if a page is stale; write nothing")
    parser.add_argument("--docs", type=Path, default=DOCS, help="the folder of the pages (default: docs/)")
    asked = parser.parse_args(argv)
    stale = []
    for name, page in PAGES.items():
        path, text = asked.docs / name, page()
        if not path.exists() or path.read_text(encoding="utf8") != text:
            stale.append(name)
            if not asked.check:
                path.write_text(text, encoding="utf8")
    if asked.check and stale:
        sys.stderr.write(f"stale: {', '.join(stale)}; run: python tools/make_docs.py\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
