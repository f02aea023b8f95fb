"""Terminals and hosts over TCP: many lines, lost and late answers, reconnecting, ending."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from random import Random

import pytest

from terminal.hosts.iso8583.frames import LENGTH_BYTES, MAX_FRAME
from terminal.hosts.iso8583.gateway import Gateway
from terminal.hosts.jsonline import JsonDesk
from terminal.hosts.line import Address, BankLine, SocialLine
from terminal.hosts.server import LengthPrefixed, Lines, Served, serving
from terminal.messages.bank import HostAnswer, HostMessage, MessageKind
from terminal.messages.social import NO_CARD, CardChecked, CardState, CheckCard, Refused, SocialAnswer, SocialMessage
from terminal.security import PinCipher
from tests.terminal.hosts.test_gateway import NETWORK, SIGN_ON, ZONE
from tests.terminal.hosts.test_iso8583 import PURCHASE

PAD = PinCipher(b"zone of the pad!")
PATIENCE = 5.0
SHORT = 0.15
Decide = Callable[[HostMessage], HostAnswer | None]


class Bank:
    """Takes every sign-on and answers all else by a function; keeps what it was asked."""

    def __init__(self, decide: Decide) -> None:
        self.decide = decide
        self.asked: list[HostMessage] = []

    def handle(self, message: HostMessage) -> HostAnswer | None:
        self.asked.append(message)
        return HostAnswer("00") if message.kind is MessageKind.SIGN_ON else self.decide(message)

    @property
    def kinds(self) -> list[MessageKind]:
        return [message.kind for message in self.asked]


def approve(message: HostMessage) -> HostAnswer:
    return HostAnswer("00", reason=f"trace {message.trace}")


def served(bank: Bank, port: int = 0) -> Served:
    return Served(
        "bank", Gateway(bank, NETWORK.master_key, ZONE, Random(1).randbytes).handle, LengthPrefixed(), port=port
    )


@contextmanager
def listening(bank: Bank, port: int = 0) -> Iterator[int]:
    with serving(served(bank, port)) as places:
        yield places[0][2]


def line(port: int, patience: float = PATIENCE, institution: str = "") -> BankLine:
    return BankLine(Address("127.0.0.1", port), NETWORK.master_key, PAD, patience=patience, institution=institution)


def test_a_purchase_over_the_line() -> None:
    """The line signs on by itself, once; PIN blocks of the pad's zone reach the host in the host's."""
    bank = Bank(approve)
    with listening(bank) as port, line(port) as at:
        block, new = PAD.encipher("123456", PURCHASE.pan), PAD.encipher("654321", PURCHASE.pan)
        assert at.handle(replace(PURCHASE, pin_block=block, new_pin_block=new)) == HostAnswer("00", reason="trace 17")
        assert at.handle(replace(PURCHASE, trace=18)) == HostAnswer("00", reason="trace 18")
    assert bank.kinds == [MessageKind.SIGN_ON, MessageKind.AUTHORISE, MessageKind.AUTHORISE]
    assert bank.asked[1].pin_block == ZONE.encipher("123456", PURCHASE.pan)
    assert bank.asked[1].new_pin_block == ZONE.encipher("654321", PURCHASE.pan)


def test_a_terminal_signs_on_itself() -> None:
    """A sign-on that a flow asks for is one on the line too, and renews the keys."""
    bank = Bank(approve)
    with listening(bank) as port, line(port) as at:
        for trace in (1, 2):
            assert at.handle(replace(SIGN_ON, trace=trace)) == HostAnswer("00")
            assert at.handle(PURCHASE) == HostAnswer("00", reason="trace 17")
    assert bank.kinds == [MessageKind.SIGN_ON, MessageKind.AUTHORISE] * 2


def test_nobody_listens() -> None:
    """KRN-ONL-002: no connection is no answer."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with line(port) as at:
        assert at.handle(PURCHASE) is None
    with SocialLine(Address("127.0.0.1", port)) as at:
        assert at.handle(CheckCard(NO_CARD)) is None


def test_an_answer_that_does_not_come() -> None:
    """KRN-ONL-002, KRN-ONL-009: a time-out is no answer, though the host has the message; the reversal that follows
    reaches it over the same line."""
    bank = Bank(lambda message: None if message.kind is MessageKind.AUTHORISE else approve(message))
    with listening(bank) as port, line(port, SHORT) as at:
        start = time.monotonic()
        assert at.handle(PURCHASE) is None
        assert time.monotonic() - start >= SHORT
        assert at.handle(replace(PURCHASE, kind=MessageKind.REVERSE)) == HostAnswer("00", reason="trace 17")
    assert bank.kinds == [MessageKind.SIGN_ON, MessageKind.AUTHORISE, MessageKind.REVERSE]


def test_a_late_answer_is_thrown_away() -> None:
    """The answer to an earlier request is never taken for one to a later request, the reversal of the same trace
    number included."""
    release = threading.Event()

    def slow(message: HostMessage) -> HostAnswer:
        if message.trace == 1 and message.kind is MessageKind.AUTHORISE:
            release.wait(PATIENCE)
        return HostAnswer("00", reason=f"{message.kind.value} {message.trace}")

    bank = Bank(slow)
    with listening(bank) as port, line(port, SHORT) as at:
        assert at.handle(replace(SIGN_ON, trace=9)) is not None
        assert at.handle(replace(PURCHASE, trace=1)) is None
        at._patience = PATIENCE
        threading.Timer(0.05, release.set).start()
        answer = at.handle(replace(PURCHASE, trace=1, kind=MessageKind.REVERSE))
        assert answer == HostAnswer("00", reason="reversal 1")
        assert at.handle(replace(PURCHASE, trace=2)) == HostAnswer("00", reason="authorisation request 2")


def test_a_host_that_starts_again() -> None:
    """A line that the host has closed is opened again, and keys that it has forgotten are asked for again; the message
    is repeated, its PIN block under the new keys."""
    bank = Bank(approve)
    with listening(bank) as port:
        at = line(port)
        assert at.handle(PURCHASE) is not None
    block = PAD.encipher("123456", PURCHASE.pan)
    again = Bank(approve)
    with listening(again, port), at:
        assert at.handle(replace(PURCHASE, pin_block=block)) == HostAnswer("00", reason="trace 17")
    assert again.kinds == [MessageKind.SIGN_ON, MessageKind.AUTHORISE]
    assert again.asked[1].pin_block == ZONE.encipher("123456", PURCHASE.pan)


def test_a_refused_sign_on_is_the_answer() -> None:
    """A terminal that the host does not know is declined with the host's code; nothing is sent besides."""
    bank = Bank(approve)
    root = NETWORK.master_key("CARDTERM")
    with listening(bank) as port:
        at = BankLine(Address("127.0.0.1", port), lambda _station: root, PAD, patience=PATIENCE)
        with at:
            answer = at.handle(replace(PURCHASE, terminal="STRANGER"))
    assert answer is not None
    assert answer.arc == "97"
    assert bank.asked == []


def test_another_master_key() -> None:
    """Working keys that do not fit their check values are not used: the host counts as not reached."""
    bank = Bank(approve)
    with listening(bank) as port:
        at = BankLine(Address("127.0.0.1", port), lambda _station: bytes(16), PAD, patience=PATIENCE)
        with at:
            assert at.handle(PURCHASE) is None
    assert bank.kinds == [MessageKind.SIGN_ON]


@contextmanager
def stranger(answers: Callable[[bytes], bytes]) -> Iterator[int]:
    """Something that listens and answers each piece that comes by a function."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def work() -> None:
            while True:
                try:
                    peer, _ = door.accept()
                except OSError:
                    return
                with peer:
                    while data := peer.recv(MAX_FRAME):
                        peer.sendall(answers(data))

        threading.Thread(target=work, daemon=True).start()
        yield door.getsockname()[1]


@pytest.mark.parametrize("answer", [b"\xff\xff", b"\x00\x03abc", b"\x00\x00", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_an_answer_that_is_none(answer: bytes) -> None:
    """KRN-ONL-006: what cannot be read counts as not reached."""
    with stranger(lambda _data: answer) as port, line(port, SHORT) as at:
        assert at.handle(PURCHASE) is None


@pytest.mark.parametrize("kind", [MessageKind.AUTHORISE, MessageKind.REVERSE])
def test_an_answer_with_a_wrong_mac(kind: MessageKind) -> None:
    """KRN-ONL-006: an approval whose MAC is wrong is no answer; so is one without a MAC."""
    bank = Bank(approve)
    gateway = Gateway(bank, NETWORK.master_key, ZONE, Random(1).randbytes)

    def spoilt(frame: bytes) -> bytes | None:
        answer = gateway.handle(frame)
        return answer if answer is None or len(bank.asked) < 2 else answer[:-1] + bytes((answer[-1] ^ 1,))

    with serving(Served("bank", spoilt, LengthPrefixed())) as places, line(places[0][2]) as at:
        assert at.handle(replace(PURCHASE, kind=kind)) is None
    assert len(bank.asked) == 2


def test_many_terminals_at_once() -> None:
    """Each terminal has its own keys and gets its own answers."""
    bank = Bank(lambda message: HostAnswer("00", reason=f"{message.terminal} {message.trace}"))

    def terminal(port: int, number: int) -> list[str]:
        with line(port) as at:
            asked = [replace(PURCHASE, terminal=f"T{number:07d}", trace=trace) for trace in range(20)]
            return [answer.reason for message in asked if (answer := at.handle(message)) is not None]

    with listening(bank) as port, ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda number: terminal(port, number), range(16)))
    assert found == [[f"T{number:07d} {trace}" for trace in range(20)] for number in range(16)]


def test_one_line_for_several_threads() -> None:
    """An institution's line serves several threads, each with its own answer."""
    bank = Bank(lambda message: HostAnswer("00", reason=f"{message.terminal} {message.trace}"))
    with listening(bank) as port, line(port, institution="00010000") as at, ThreadPoolExecutor(8) as pool:
        asked = [replace(PURCHASE, terminal=f"OTHER{number % 3:03d}", trace=number) for number in range(40)]
        found = [answer and answer.reason for answer in pool.map(at.handle, asked)]
    assert found == [f"{message.terminal} {message.trace}" for message in asked]
    assert bank.kinds.count(MessageKind.SIGN_ON) == 1


def test_the_end_waits_for_what_has_begun() -> None:
    """A host that is told to end answers what it works on first."""
    begun = threading.Event()

    def slow(message: HostMessage) -> HostAnswer:
        begun.set()
        time.sleep(SHORT)
        return approve(message)

    with ThreadPoolExecutor(1) as pool:
        with listening(Bank(slow)) as port:
            at = line(port)
            answer = pool.submit(at.handle, PURCHASE)
            assert begun.wait(PATIENCE)
        assert answer.result() == HostAnswer("00", reason="trace 17")
        at.close()


def test_a_frame_that_is_too_long() -> None:
    """What is no frame ends the line; the next one is served."""
    bank = Bank(approve)
    with listening(bank) as port:
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as bad:
            bad.sendall((MAX_FRAME + 1).to_bytes(LENGTH_BYTES, "big"))
            assert bad.recv(1) == b""
        with line(port) as at:
            assert at.handle(PURCHASE) is not None


def test_a_port_in_use() -> None:
    """An address that cannot be used is an error of the start, and nothing is left listening."""
    bank = Bank(approve)
    with listening(bank) as port:
        with pytest.raises(OSError, match="address already in use"), serving(served(bank), served(bank, port)):
            pass
        with line(port) as at:
            assert at.handle(PURCHASE) is not None


def test_addresses() -> None:
    """HOST:PORT, with IPv6 in brackets."""
    for text in ("localhost:8583", "[::1]:1", "127.0.0.1:0"):
        assert str(Address.parse(text)) == text
    for text in ("", "8583", ":8583", "host:", "host:x", "host:65536"):
        with pytest.raises(ValueError, match="HOST:PORT"):
            Address.parse(text)


# --- the social-security host


def card_state(message: SocialMessage) -> SocialAnswer | None:
    if message.card.number == "LOST":
        return CardChecked(CardState.LOST, "519900")
    return None if message.card.number == "SILENT" else Refused("unknown", "不认识")


def test_the_social_security_host_over_the_line() -> None:
    """SCHEME-092: request and answer between the systems, and no answer where the host gives none."""
    desk = JsonDesk(card_state)
    with serving(Served("social", desk.handle, Lines())) as places:
        with SocialLine(Address(*places[0][1:]), patience=PATIENCE) as at:
            assert at.handle(CheckCard(replace(NO_CARD, number="LOST"))) == CardChecked(CardState.LOST, "519900")
            assert at.handle(CheckCard(NO_CARD)) == Refused("unknown", "不认识")
        with SocialLine(Address(*places[0][1:]), patience=SHORT) as at:
            assert at.handle(CheckCard(replace(NO_CARD, number="SILENT"))) is None
            assert at.handle(CheckCard(NO_CARD)) == Refused("unknown", "不认识")


def test_lines_that_are_none() -> None:
    """A malformed request is refused, or dropped where it has no number; the line goes on."""
    desk = JsonDesk(card_state)
    with (
        serving(Served("social", desk.handle, Lines())) as places,
        socket.create_connection(places[0][1:], PATIENCE) as peer,
        peer.makefile("rwb") as file,
    ):
        for bad in (b"x", b"[]", b"{}", b'{"id": true}'):
            file.write(bad + b"\n")
        file.write(b'{"id": 1, "message": "Nonsense", "fields": {}}\n')
        file.flush()
        assert b'"Refused"' in file.readline()
    answer = b'{"id": 1, "answer": "Settlement"}\n'
    with stranger(lambda _data: answer) as port, SocialLine(Address("127.0.0.1", port), patience=PATIENCE) as at:
        assert at.handle(CheckCard(NO_CARD)) is None
