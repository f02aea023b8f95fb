"""Oracles that look at answers alone: declared status words and lengths, silence, secrets."""

import pytest

from cardsim.decode import Environment
from cardsim.decode.commands import PSE_NAME
from cardsim.decode.observed import Observed
from terminal.fuzz.executor import Exchange, Executor
from terminal.fuzz.oracles.declared import DeclaredAnswers
from terminal.fuzz.oracles.mute import NeverMute
from terminal.fuzz.oracles.secrets import NoSecrets
from terminal.fuzz.sequence import Sequence, parse_sequence, send
from terminal.fuzz.subject import Subject
from tests.terminal.fuzz.oracles.bench import DEBIT, DF04, GPO, MF, SSSE, VERIFY, complaint, subject

DECLARED = {
    "page-failure-6F00": (SSSE + "fail-page 9\n> 00 20 00 00 03 999999\n", "answered 6F00"),
    "class-6D00": (SSSE + "> 90 20 00 00\n", "answered 6D00"),
    "instruction-6E00": (SSSE + "> 00 FE 00 00\n", "answered 6E00"),
    "application-block-missing": (SSSE + "> 84 1E 00 00 04 00000000\n", "answered 6D00"),
    "wrong-state-6985": (DF04 + VERIFY + "> B0 2C 01 00 0F" + "00" * 15 + "\n", ""),
    "get-data-at-pse": (">> 00 A4 04 00 {lc} {name pse}\n> 80 CA 9F 36 00\n", "answered 6A88"),
    "response-length-off": (">> 00 A4 04 00 {lc} {name ssse}\n", "bytes were announced"),
    "wrong-le-length-off": (SSSE + ">> 00 B2 01 2C 00\n", "to the very Le"),
    "pending-survives-command": (
        "> 00 A4 04 00 {lc} {name ssse}\n> 00 84 00 00 08\n> 00 C0 00 00 08\n", "that no command left",
    ),
    "response-repeatable": (SSSE + "> 00 C0 00 00 08\n", "that no command left"),
}  # fmt: skip


@pytest.mark.parametrize("defect", DECLARED)
def test_undeclared_answers_are_seen(defect: str) -> None:
    text, words = DECLARED[defect]
    if words:
        assert words in complaint(DeclaredAnswers(), text, defect)
    assert complaint(DeclaredAnswers(), text) == ""


def test_a_blocked_environment_refuses_and_a_free_one_does_not() -> None:
    """6A81 is what a blocked card answers; a card that was not blocked may not."""
    block = (
        SSSE + "> 00 84 00 00 08\n> 00 82 00 {id BK} 10 {auth BK}\n> 00 84 00 00 08\n"
        "> 84 16 00 00 04 {secured STKSSSE 84160000}\n> 00 B2 01 2C 00\n> 00 84 00 00 08\n"
    )
    assert complaint(DeclaredAnswers(), block) == ""


class Silent:
    """A card that falls silent after a command."""

    def __init__(self, card: Subject, header: bytes) -> None:
        self.card, self.header = card.card, header

    def power_on(self) -> bytes:
        return self.card.power_on()

    def power_off(self) -> None:
        self.card.power_off()

    def transmit(self, command: bytes) -> bytes:
        return b"" if command[:2] == self.header else self.card.transmit(command)


def test_silence_is_heard() -> None:
    inner = subject()
    silent = Subject(Silent(inner, b"\x00\x84"), inner.keys)
    run = Executor(silent, [NeverMute()]).run(parse_sequence(MF + "> 00 84 00 00 08\n"))
    assert str(run.complaint) == "never-mute: GET CHALLENGE 00 84 00 00 is not answered"


def test_a_cut_is_no_silence() -> None:
    assert complaint(NeverMute(), SSSE + "cut 1\n> 00 20 00 00 03 999999\n" + SSSE) == ""


RECORDS = "".join(f"> 00 B2 {number:02X} {sfi << 3 | 4:02X} 00\n" for sfi in (1, 2, 3) for number in (1, 2, 3))


KEYS_READ = DEBIT + RECORDS.replace("> ", ">> ") + "> 80 CA 80 00 00\n>> 80 CA 80 00 30\n"


def test_keys_in_answers_are_seen() -> None:
    """The card's own keys of the bank are known as soon as a record has told the PAN."""
    assert "of the card key UDK_AC" in complaint(NoSecrets(), KEYS_READ, "get-data-gives-keys")
    assert complaint(NoSecrets(), KEYS_READ) == ""


class Leaking(Silent):
    """A card whose answer to a command is changed."""

    def __init__(self, card: Subject, header: bytes, data: bytes) -> None:
        super().__init__(card, header)
        self.data = data

    def transmit(self, command: bytes) -> bytes:
        answer = self.card.transmit(command)
        return self.data + b"\x90\x00" if command[:2] == self.header else answer


def leaked(data: bytes, text: str = "> 00 84 00 00 10\n") -> str:
    """What is said of a card that answers GET CHALLENGE so."""
    inner = subject()
    leaking = Subject(Leaking(inner, b"\x00\x84", data), inner.keys)
    run = Executor(leaking, [NoSecrets()]).run(parse_sequence(text))
    return "" if run.complaint is None else run.complaint.text


def test_each_kind_of_secret_is_known() -> None:
    keys = subject().keys
    assert keys.card is not None
    assert keys.card.master is not None
    assert keys.ssse is not None
    assert keys.pse is not None
    root = keys.ssse.roots["RKSSSE"]
    assert leaked(b"\1\2" + keys.card.master[3:13]).endswith("eight bytes or more of the key master")
    assert leaked(keys.pse.kmc).endswith("of the personalisation master key")
    assert leaked(root[8:]).endswith("of the root key RKSSSE")
    assert leaked(bytes.fromhex("26123456FFFFFFFF")).endswith("PIN")
    assert leaked(b"..123456..").endswith("the digits of the PIN")
    assert leaked(bytes(16)) == leaked(root[:7]) == leaked(b"..12345..") == ""


def test_a_complaint_holds_no_secret() -> None:
    root = subject().keys.ssse
    assert root is not None
    secret = root.roots["RKSSSE"]
    assert secret[:4].hex() not in leaked(secret).lower()


def test_a_key_that_the_terminal_wrote_may_be_read() -> None:
    """What is written into a file by the terminal itself is no secret of the card."""
    text = SSSE + "> 00 84 00 00 08\n> 00 82 00 {id UKSSSE} 10 {auth UKSSSE}\n" + GPO
    assert complaint(NoSecrets(), text) == ""


@pytest.mark.parametrize(("name", "right"), [(PSE_NAME + b"\0", True), (b"\xa0\0\0\x03\x33\x01\x01", False)])
def test_an_environment_may_have_another_name(name: bytes, right: bool) -> None:
    """CREATE takes any name; that of an environment is text, and PUT KEY belongs to the environment."""
    state = Observed(powered=True, environment=Environment.PSE, application=name)
    command = bytes.fromhex("84D800810C") + bytes(12)
    oracle = DeclaredAnswers()
    oracle.begin(subject(), Sequence("card", ()))
    exchange = Exchange(0, send(command.hex()), command, b"\x69\x85", state, state, False)
    assert (oracle.judge(exchange) is None) is right
