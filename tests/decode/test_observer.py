"""The observer against the model itself: what it knows from outside is what is true inside, after each command of long
random sequences on a demo card, a card in set-up and a PSAM."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

import pytest

from cardsim.assembly import CardModel, SamModel
from cardsim.crypto import social
from cardsim.crypto.social import Suite
from cardsim.decode import Environment
from cardsim.decode.challenges import challenge_users
from cardsim.decode.commands import PSE_NAME, SSSE_NAME
from cardsim.decode.names import name_of_df
from cardsim.decode.observed import Observed, Stage
from cardsim.decode.observer import Observer
from tests.cards import AID, DUAL, DUAL_DES, ORIGINAL, Bench, card, initialised, secrets
from tests.cos.test_random import PLACES, TRANSACTION, Grammar
from tests.decode.truth import truth
from tests.psam import test_random_apdus as sam_storm
from tests.psam.desk import SX1, SX2, psam

WAITING: Final = (Stage.ONLINE, Stage.APPROVED, Stage.DECLINED)
DF04: Final = "D15600000503"
INITIALISE: Final = ("B02800010B0100000064123456789012", "B02801011301000000000000000000000001123456789012")
"""INITIALIZE FOR LOAD and FOR PURCHASE, with key index 01."""


def as_seen(seen: Observed, true: Observed) -> Observed:
    """The truth as far as it could be seen: not a cryptogram or a name that nobody has fetched."""
    if seen.stage is Stage.FIRST_CRYPTOGRAM and true.stage in WAITING:
        true = replace(true, stage=seen.stage)
    name = seen.application
    if name != true.application and (len(name) == 2 or (len(name) >= 5 and true.application.startswith(name))):
        true = replace(true, application=name, proved=seen.proved, challenge=seen.challenge)
    return true


@dataclass
class Followed:
    """A card that an observer follows; each answer is compared with what is true inside."""

    model: CardModel | SamModel
    observer: Observer
    log: list[tuple[str, str]] = field(default_factory=list)
    stages: set[Stage] = field(default_factory=set)
    seen: set[Observed] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """A cold reset on both sides."""
        self.model.power_on()
        self.observer.reset()
        self.log.append(("reset", ""))
        self.check()

    def check(self) -> None:
        """What is known is true."""
        seen = self.observer.state
        assert seen == as_seen(seen, truth(self.model)), self.log[-8:]
        self.stages.add(seen.stage)
        self.seen.add(seen)

    def send(self, command: bytes) -> bytes:
        """One APDU, followed by the observer."""
        answer = self.model.transmit(command)
        self.observer.follow(command, answer)
        self.log.append((command.hex(), answer.hex()))
        self.check()
        return answer

    def x(self, apdu: str, *, fetch: bool = True) -> bytes:
        """A command in hex, 61xx and 6Cxx followed."""
        command = bytes.fromhex(apdu)
        answer = self.send(command)
        if answer[-2] == 0x6C:
            answer = self.send(command[:4] + answer[-1:])
        if answer[-2] == 0x61 and fetch:
            answer = self.send(b"\x00\xc0\x00\x00" + answer[-1:])
        return answer

    def select(self, name: str, *, fetch: bool = True) -> None:
        """SELECT by name in hex."""
        self.x(f"00A40400{len(name) // 2:02X}{name}", fetch=fetch)

    def prove(self, suite: Suite, key: bytes, reference: int) -> None:
        """GET CHALLENGE and EXTERNAL AUTHENTICATE."""
        challenge = self.x("0084000008")[:-2].ljust(8, b"\0")
        data = social.authentication_data(suite, key, challenge, ORIGINAL) + ORIGINAL
        self.send(bytes((0x00, 0x82, 0x00, reference, len(data))) + data)


Scene = Callable[[Followed, random.Random], None]
Commands = Callable[[], bytes]


def run(followed: Followed, draw: random.Random, scenes: list[Scene], command_of: Commands, to: int) -> None:
    """So many steps: commands that are made, and now and then a scene that gets deeper than they would.

    The FCI is always fetched: which DF a part of a name has found, nobody knows without it.
    """
    start = followed.model.snapshot()
    for step in range(to):
        if step % 500 == 499:
            followed.model.restore(start)
            followed.reset()
        if draw.random() < 0.06:
            draw.choice(scenes)(followed, draw)
        command = command_of()
        answer = followed.send(command)
        if answer[-2:-1] == b"\x6c" and draw.random() < 0.8:
            followed.send(command[:4] + answer[-1:])
        elif answer[-2:-1] == b"\x61" and (command[:2] == b"\x00\xa4" or draw.random() < 0.8):
            followed.send(b"\x00\xc0\x00\x00" + answer[-1:])


def _ssse(bench: Bench) -> Iterator[Scene]:
    references = {0x04: "UKSSSE", 0x05: "BK", 0x06: "PUK", 0x0A: "RKSSSE", 0x83: "UK1DF01", 0x88: "RK1DF01"}

    def keys(card: Followed, draw: random.Random) -> None:
        card.select(SSSE_NAME.hex(), fetch=draw.random() < 0.5)
        for _ in range(draw.randrange(4)):
            if draw.random() < 0.4:
                card.x("00A4000002" + draw.choice(("DF01", "DF03", "DDF1", "EF05")), fetch=draw.random() < 0.7)
            if draw.random() < 0.4:
                card.x(draw.choice(("0020000003123456", "0020000003111111")))
            reference = draw.choice(list(references))
            card.prove(bench.suite, bench.key(references[reference]), reference)

    def account(card: Followed, draw: random.Random) -> None:
        card.select(DF04)
        card.x("0020000003123456")
        card.x(draw.choice(INITIALISE), fetch=False)
        card.x(draw.choice(("B026000104", "B02A00000B" + "00" * 11, "00C0000001", *INITIALISE)))

    def block(card: Followed, draw: random.Random) -> None:
        reference = draw.choice((0x05, 0x83))
        card.select(SSSE_NAME.hex() if reference == 0x05 else "D15600000502")
        card.prove(bench.suite, bench.key("BK" if reference == 0x05 else "LKDF03"), reference)
        header, stk = (("84160000", "STKSSSE"), ("841E0001", "STKDF03"))[reference == 0x83]
        challenge = card.x("0084000008")[:-2].ljust(8, b"\0")
        command = bytes.fromhex(header) + b"\x04"
        session = social.session_key(bench.suite, bench.key(stk), challenge)
        card.send(command + social.mac4(bench.suite, session, command))
        card.x("00B2012C00")

    yield from (keys, keys, keys, account, block)


def payment(card: Followed, draw: random.Random) -> None:
    """The first steps of a payment, and issuer's data that are wrong."""
    for step in TRANSACTION[: draw.randrange(3, len(TRANSACTION) + 4)]:
        card.x(step, fetch=draw.random() < 0.9)
    if draw.random() < 0.5:
        card.x("008200000A" + "00" * 8 + "3030")
        card.x("80AE400022" + "3030" + "00" * 32)


def channel(card: Followed, draw: random.Random) -> None:
    """The beginning of a channel that is not opened."""
    card.select(PSE_NAME.hex())
    card.x("8050000008" + "11" * 8)
    card.x(draw.choice(("8482000010" + "11" * 16, "80E2000003" + "910200", "8482000008" + "11" * 8)))


@pytest.mark.parametrize("profile", [DUAL, DUAL_DES])
def test_user_card(profile: str) -> None:
    draw = random.Random(5)
    bench = card(profile)
    grammars = [Grammar(draw, place) for place in PLACES]
    followed = Followed(bench.model, Observer())
    run(followed, draw, [*_ssse(bench), payment, channel], lambda: draw.choice(grammars).next(), 5000)
    assert len(followed.seen) > 130
    assert followed.stages >= {
        Stage.INITIATED, Stage.FIRST_CRYPTOGRAM, Stage.ONLINE, Stage.ISSUER_FAILED, Stage.COMPLETED, Stage.LOAD,
        Stage.PURCHASE, Stage.CHANNEL_BEGUN,
    }  # fmt: skip
    assert {state.blocked for state in followed.seen if state.environment is Environment.SSSE} == {False, True}
    assert max(len(state.proved) for state in followed.seen) > 2


def test_card_in_set_up() -> None:
    draw = random.Random(6)
    bench = initialised()
    mine = secrets()
    grammars = [Grammar(draw, place) for place in PLACES[:4]]

    def manage(followed: Followed, _draw: random.Random) -> None:
        followed.select(SSSE_NAME.hex())
        followed.prove(Suite.SM4, mine.ssse_first, 0)

    def end(followed: Followed, draw: random.Random) -> None:
        manage(followed, draw)
        followed.x(draw.choice(("800E0000", "800A0000", "80E0DF010E38000000000000FFD15600000500")))

    def at_mf(followed: Followed, _draw: random.Random) -> None:
        followed.x("00A40000")
        followed.prove(Suite.DES, mine.master, 0)

    followed = Followed(bench.model, Observer())
    run(followed, draw, [manage, end, at_mf], lambda: draw.choice(grammars).next(), 4000)
    assert {state.environment for state in followed.seen if 0 in state.proved} == {Environment.CARD, Environment.SSSE}


def test_psam() -> None:
    draw = random.Random(7)
    desk = psam()
    followed = Followed(desk.model, Observer(Environment.PSAM))
    assert desk.keys.psam is not None
    own = desk.keys.psam.environments

    def keys(card: Followed, draw: random.Random) -> None:
        keys = draw.choice(own)
        card.select(SX1 if keys.suite is Suite.DES else SX2)
        if draw.random() < 0.3:
            card.prove(keys.suite, keys.master, 0)
        card.select("D15600000590", fetch=draw.random() < 0.5)
        card.prove(keys.suite, (keys.application, keys.national, keys.provincial)[n := draw.randrange(3)], n)

    def session(card: Followed, draw: random.Random) -> None:
        card.select("D15600000590")
        card.x("BFDE670820" + "1122334455667788" * 4)
        if draw.random() < 0.5:
            card.x(draw.choice(("80FA000008" + "11" * 8, "80FA020008" + "11" * 8, "80FA050010" + "11" * 16)))

    run(followed, draw, [keys, session], lambda: sam_storm._command(draw), 5000)
    assert {Stage.SESSION_KEY, Stage.NONE} <= followed.stages
    assert {0x00, 0x80, 0x81, 0x82} <= {key for state in followed.seen for key in state.proved}


IN_SSSE: Final = f"00A404000F{SSSE_NAME.hex()} 9000"
IN_DEBIT: Final = f"00A4040008{AID} 9000"
CHALLENGE: Final = "0084000008 11223344556677889000"
PROVED: Final = f"0082000010{'00' * 16} 9000"
CHANNEL: Final = (f"8050000008{'11' * 8} 9000", f"8482010010{'11' * 16} 9000")

SEEN: Final[dict[str, tuple[Environment, tuple[str, ...], str, object]]] = {
    "a MAC that is judged has used the challenge up": (
        Environment.CARD, (IN_SSSE, CHALLENGE, f"84D400000C{'00' * 12} 6988"), "challenge", False,
    ),
    "a key that is missing has not": (
        Environment.CARD, (IN_SSSE, CHALLENGE, f"0082008310{'00' * 16} 6A88"), "challenge", True,
    ),
    "one word for two faults, before and behind the challenge, is taken for the first": (
        Environment.PSAM, (CHALLENGE, f"84D4DF010C{'00' * 12} 6A82"), "challenge", True,
    ),
    "a form of another phase of life has not": (
        Environment.CARD, (IN_SSSE, CHALLENGE, f"84E0EF050C{'00' * 12} 6985"), "challenge", True,
    ),
    "a wrong length has not, though a fault behind the MAC has its word too": (
        Environment.CARD, (IN_SSSE, CHALLENGE, "04D6960003000000 6700"), "challenge", True,
    ),
    "that fault has": (
        Environment.CARD, (IN_SSSE, CHALLENGE, f"04D6960005{'00' * 5} 6700"), "challenge", False,
    ),
    "an enciphered PIN of a wrong length has not": (
        Environment.CARD, (IN_DEBIT, CHALLENGE, f"0020008840{'00' * 64} 6700"), "challenge", True,
    ),
    "an enciphered PIN that is wrong has": (
        Environment.CARD, (IN_DEBIT, CHALLENGE, f"0020008840{'00' * 64} 63C2"), "challenge", False,
    ),
    "6Cxx has done nothing": (
        Environment.CARD, (IN_SSSE, "00A4040006D15600000503 9000", f"B02800010B{'00' * 11} 6110", "00C0000020 6C10"),
        "stage", Stage.LOAD,
    ),
    "6F00 ends a medical transaction": (
        Environment.CARD, (IN_SSSE, "00A4040006D15600000503 9000", f"B02800010B{'00' * 11} 6110", "00C0000020 6F00"),
        "stage", Stage.NONE,
    ),
    "a wrong PIN leaves the right": (
        Environment.CARD, (IN_SSSE, "0020000003123456 9000", "0020000003111111 63C1"), "pin", True,
    ),
    "the last wrong PIN ends it": (
        Environment.CARD, (IN_SSSE, "0020000003123456 9000", "0020000003111111 63C0"), "pin", False,
    ),
    "a PIN that is taken off opens what it protects": (
        Environment.CARD, (IN_SSSE, "805E010004123456FF 9000"), "pin", True,
    ),
    "the last wrong proof of a key ends its right": (
        Environment.CARD, (IN_SSSE, PROVED, f"0082000010{'00' * 16} 63C0"), "proved", frozenset(),
    ),
    "a key that is written leaves the master key proved": (
        Environment.CARD, (IN_SSSE, PROVED, f"84D400000C{'00' * 12} 9000"), "proved", frozenset({0}),
    ),
    "another master key has to be proved": (
        Environment.CARD, (IN_SSSE, PROVED, f"84D401000C{'00' * 12} 9000"), "proved", frozenset(),
    ),
    "the key of an application of the PSAM leaves its master key proved": (
        Environment.PSAM, (PROVED, f"84D4DF010C{'00' * 12} 9000"), "proved", frozenset({0}),
    ),
    "6283 says that the application is blocked": (
        Environment.CARD, (f"00A4040008{AID} 6283",), "blocked", True,
    ),
    "6A81 to what knows no such word says that the environment is": (
        Environment.CARD, (IN_SSSE, "00B2012C00 6A81"), "blocked", True,
    ),
    "6A81 to what does know it says nothing": (
        Environment.CARD, (f"80E0DDF30D{'00' * 13} 6A81",), "blocked", False,
    ),
    "the channel opens": (Environment.CARD, (IN_DEBIT, *CHANNEL), "stage", Stage.CHANNEL_OPEN),
    "a wrong MAC ends the channel": (
        Environment.CARD, (IN_DEBIT, *CHANNEL, f"84E2000009{'00' * 9} 6988"), "stage", Stage.NONE,
    ),
    "a command without a MAC ends a channel that asks for one": (
        Environment.CARD, (IN_DEBIT, *CHANNEL, "80E2000003910200 6982"), "stage", Stage.NONE,
    ),
    "a refused one leaves it": (
        Environment.CARD, (IN_DEBIT, *CHANNEL, f"84E2000009{'00' * 9} 6A80"), "stage", Stage.CHANNEL_OPEN,
    ),
    "the last block ends it": (
        Environment.CARD, (IN_DEBIT, *CHANNEL, f"84E2800009{'00' * 9} 9000"), "stage", Stage.NONE,
    ),
    "what a short answer says is not guessed": (Environment.CARD, (IN_SSSE, "00B2012C00 90"), "file", 0),
}  # fmt: skip
"""By what it shows: whose card, commands with their answers, and what is known then."""


class TestWhatAnAnswerSays:
    @pytest.mark.parametrize("what", SEEN)
    def test_one_answer(self, what: str) -> None:
        home, exchanges, name, value = SEEN[what]
        observer = Observer(home)
        observer.reset()
        for exchange in exchanges:
            command, answer = exchange.split()
            observer.follow(bytes.fromhex(command), bytes.fromhex(answer))
        assert getattr(observer.state, name) == value

    def test_power(self) -> None:
        observer = Observer()
        assert not observer.state.powered
        observer.reset()
        assert observer.state == Observed(powered=True)
        observer.follow(bytes.fromhex("0084000008"), b"12345678\x90\x00")
        assert observer.state.challenge
        observer.follow(bytes.fromhex("0084000008"), b"")
        assert observer.state == Observed()

    def test_the_fci_says_which_df_it_is(self) -> None:
        """A name of five bytes finds the first DF whose name begins with it: the FCI tells which."""
        followed = Followed(card().model, Observer())
        followed.select("D156000005", fetch=False)
        assert followed.observer.state.application.hex() == "d156000005"
        followed.select("D156000005")
        assert followed.observer.state.application.hex() == "d15600000500"

    def test_words(self) -> None:
        state = Observed(
            True, Environment.SSSE, SSSE_NAME, 0xEF05, frozenset({0x0A, 0x00}), True, True, Stage.LOAD, True
        )
        assert str(state) == ("ssse sx1.sh.社会保障, EF EF05, proved 00 0A, PIN, challenge, load initialised, blocked")
        assert str(Observed(powered=True)) == "MF"
        assert str(Observed(True, Environment.PSE, PSE_NAME)) == "pse 1PAY.SYS.DDF01"
        assert str(Observed(True, Environment.PSE, bytes.fromhex(AID))) == f"pse {AID}"
        assert str(Observed()) == "no power"

    def test_who_uses_a_challenge(self) -> None:
        """The rows that do are found in the tables, not listed twice: these are all there are."""
        found = {environment: sorted({row.name for row in challenge_users(environment)}) for environment in Environment}
        assert found == {
            Environment.CARD: ["EXTERNAL AUTHENTICATE", "WRITE KEY"],
            Environment.SSSE: [
                "APPLICATION BLOCK", "CARD BLOCK", "CREATE", "ERASE", "EXTERNAL AUTHENTICATE", "PIN CHANGE/UNBLOCK",
                "UPDATE BINARY", "UPDATE RECORD", "WRITE KEY",
            ],
            Environment.PSE: ["VERIFY ENCIPHERED"],
            Environment.PSAM: ["CHANGE KEY", "CREATE KEY", "EXTERNAL AUTHENTICATE", "WRITE KEY"],
        }  # fmt: skip


@pytest.mark.parametrize("fid", [0xDF01, 0xDF05, 0xDF06])
def test_a_name_tells_the_environment_from_anywhere(fid: int) -> None:
    """Before the FCI is fetched; the DFs of V2 appendix B have their labels for names."""
    name = name_of_df(Environment.SSSE, fid.to_bytes(2, "big"))
    assert name is not None
    observer = Observer()
    observer.follow(b"\x00\xa4\x04\x00" + bytes((len(name),)) + name, b"\x61\x14")
    assert (observer.state.environment, observer.state.application) == (Environment.SSSE, name)


def test_a_copy_goes_on_from_the_same_point() -> None:
    followed = Followed(card().model, Observer())
    followed.select(SSSE_NAME.hex(), fetch=False)
    copy = followed.observer.copy()
    assert copy.state == followed.observer.state
    followed.x("0084000008")
    assert followed.observer.state.challenge
    assert not copy.state.challenge
    copy.follow(bytes.fromhex("0084000008"), b"12345678\x90\x00")
    assert copy.state == followed.observer.state
