"""The host's end of a line: sign-on, MACs, PIN zones, and what it does with messages that are none."""

import logging
from dataclasses import dataclass, field, replace
from random import Random

import pytest

from terminal.hosts.iso8583.codec import build_request, decode, encode, parse_answer
from terminal.hosts.iso8583.frames import Frame, Requirement
from terminal.hosts.iso8583.gateway import Gateway, mac_is_right, seal
from terminal.hosts.iso8583.keys import WorkingKeys
from terminal.hosts.network import load_network
from terminal.messages.bank import HostAnswer, HostMessage, MessageKind
from terminal.security import PinCipher
from tests.terminal.hosts.test_iso8583 import PURCHASE

NETWORK = load_network()
ZONE = PinCipher(b"zone of the host")
SIGN_ON = HostMessage(MessageKind.SIGN_ON, time=PURCHASE.time, trace=1)


@dataclass
class FakeHost:
    """Keeps what it is asked; says `answer`."""

    answer: HostAnswer | None = field(default_factory=lambda: HostAnswer("00", reason="well"))
    asked: list[HostMessage] = field(default_factory=list)
    fails: bool = False

    def handle(self, message: HostMessage) -> HostAnswer | None:
        if self.fails:
            raise RuntimeError("out of order")
        self.asked.append(message)
        return self.answer


def gateway(host: FakeHost) -> Gateway:
    return Gateway(host, NETWORK.master_key, ZONE, Random(1).randbytes)


def said(answer: bytes | None) -> tuple[Frame, HostAnswer]:
    assert answer is not None
    frame = Frame.decode(answer)
    return frame, parse_answer(decode(frame.message))


def sign_on(at: Gateway, terminal: str = "CARDTERM", institution: str = "") -> WorkingKeys:
    request = build_request(replace(SIGN_ON, terminal=terminal), institution)
    frame, answer = said(at.handle(Frame(encode(request)).encode()))
    assert answer.arc == "00"
    master = NETWORK.master_key(institution or terminal)
    assert master is not None
    return WorkingKeys.unwrap(master, bytes.fromhex(decode(frame.message)["62"]))


def test_sign_on_and_a_purchase() -> None:
    """SCHEME-047: any object with `handle` is served as a bank's host. After sign-on a message with its MAC reaches it
    with the PIN block in its zone, and the answer has a MAC of its own."""
    host = FakeHost()
    at = gateway(host)
    keys = sign_on(at)
    block = PinCipher(keys.pin).encipher("123456", PURCHASE.pan)
    message = replace(PURCHASE, pin_block=block, new_pin_block=PinCipher(keys.pin).encipher("654321", PURCHASE.pan))
    frame, answer = said(at.handle(Frame(seal(build_request(message), keys)).encode()))
    assert answer == HostAnswer("00", reason="well")
    assert mac_is_right(keys, frame.message, decode(frame.message))
    asked = host.asked[-1]
    assert asked.pin_block == ZONE.encipher("123456", PURCHASE.pan)
    assert asked.new_pin_block == ZONE.encipher("654321", PURCHASE.pan)
    assert replace(asked, pin_block=block, new_pin_block=message.new_pin_block) == message


def test_each_sign_on_has_new_keys() -> None:
    """The keys of the last sign-on alone are taken; those of another station are not."""
    host = FakeHost()
    at = gateway(host)
    old, new, other = sign_on(at), sign_on(at), sign_on(at, "TERM0002")
    assert len({old.pin, new.pin, other.pin, old.mac, new.mac, other.mac}) == 6
    for keys, arc in ((old, "A0"), (other, "A0"), (new, "00")):
        _, answer = said(at.handle(Frame(seal(build_request(PURCHASE), keys)).encode()))
        assert answer.arc == arc


def test_an_institution_is_a_station() -> None:
    """A message with field 33 is under the institution's keys, whatever terminal it comes from."""
    host = FakeHost()
    at = gateway(host)
    keys = sign_on(at, institution="00010000")
    foreign = replace(PURCHASE, terminal="OTHER001")
    _, answer = said(at.handle(Frame(seal(build_request(foreign, "00010000"), keys)).encode()))
    assert answer.arc == "00"
    _, answer = said(at.handle(Frame(seal(build_request(foreign), keys)).encode()))
    assert answer.arc == "A0"


def test_a_wrong_mac() -> None:
    """A0 and "sign on again" in the header; the host is not asked."""
    host = FakeHost()
    at = gateway(host)
    keys = sign_on(at)
    sealed = seal(build_request(PURCHASE), keys)
    broken = sealed[:-1] + bytes((sealed[-1] ^ 1,))
    for data in (broken, encode(build_request(PURCHASE))):
        frame, answer = said(at.handle(Frame(data).encode()))
        assert (answer.arc, frame.requirement) == ("A0", Requirement.SIGN_ON)
    assert [message.kind for message in host.asked] == [MessageKind.SIGN_ON]


def test_before_sign_on() -> None:
    """A terminal that has not signed on is told to."""
    frame, answer = said(gateway(FakeHost()).handle(Frame(encode(build_request(PURCHASE))).encode()))
    assert (answer.arc, frame.requirement) == ("A0", Requirement.SIGN_ON)


def test_an_unknown_terminal() -> None:
    """97, for sign-on and for anything else."""
    for message in (replace(SIGN_ON, terminal="STRANGER"), replace(PURCHASE, terminal="STRANGER")):
        _, answer = said(gateway(FakeHost()).handle(Frame(encode(build_request(message))).encode()))
        assert answer.arc == "97"


def test_a_refused_sign_on_gives_no_keys() -> None:
    """Where the host does not take the sign-on there is no field 62."""
    at = gateway(FakeHost(HostAnswer("58")))
    frame, answer = said(at.handle(Frame(encode(build_request(SIGN_ON))).encode()))
    assert answer.arc == "58"
    assert "62" not in decode(frame.message)


def test_a_malformed_message(caplog: pytest.LogCaptureFixture) -> None:
    """Answered 30 where it can be told whose it is, with a MAC; dropped with a reason where not."""
    host = FakeHost()
    at = gateway(host)
    keys = sign_on(at)
    wrong = {**build_request(PURCHASE), "3": "990000"}
    frame, answer = said(at.handle(Frame(seal(wrong, keys)).encode()))
    assert answer.arc == "30"
    assert mac_is_right(keys, frame.message, decode(frame.message))
    cut = encode(build_request(PURCHASE))[:-12]
    _, answer = said(at.handle(Frame(cut).encode()))
    assert answer.arc == "30"
    for data in (b"", b"GET / HTTP/1.1\r\n", Frame(b"").encode(), Frame(encode({"t": "0210", "39": "00"})).encode()):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            assert at.handle(data) is None
        assert caplog.records
    assert len(host.asked) == 1


def test_field_lengths_that_lie() -> None:
    """No damaged byte of a sealed message makes the gateway fall over, and none reaches the host."""
    host = FakeHost()
    at = gateway(host)
    keys = sign_on(at)
    sealed = seal(build_request(PURCHASE), keys)
    for position in range(len(sealed)):
        for mask in (0x01, 0x80, 0xFF):
            damaged = bytearray(sealed)
            damaged[position] ^= mask
            answer = at.handle(Frame(bytes(damaged)).encode())
            if answer is not None:
                assert said(answer)[1].arc in ("A0", "30", "97")
    assert len(host.asked) == 1


def test_a_host_that_is_silent_or_fails(caplog: pytest.LogCaptureFixture) -> None:
    """No answer where the host gives none; 96 and a log entry where it falls over."""
    host = FakeHost()
    at = gateway(host)
    keys = sign_on(at)
    host.answer = None
    frame = Frame(seal(build_request(PURCHASE), keys)).encode()
    assert at.handle(frame) is None
    assert at.handle(Frame(encode(build_request(SIGN_ON))).encode()) is None
    host.fails = True
    _, answer = said(at.handle(frame))
    assert answer.arc == "96"
    assert "the host failed" in caplog.text


def test_no_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """KRN-ONL-011: no PIN block in logs, right or wrong as the message may be."""
    host = FakeHost()
    at = gateway(host)
    keys = sign_on(at)
    block = bytes.fromhex("C0FFEE00C0FFEE00")
    sealed = seal(build_request(replace(PURCHASE, pin_block=block)), keys)
    with caplog.at_level(logging.DEBUG):
        for data in (sealed, sealed[:-1] + b"\x00", sealed[: len(sealed) // 2], sealed[:-30]):
            at.handle(Frame(data).encode())
        host.fails = True
        at.handle(Frame(sealed).encode())
    assert caplog.records
    for secret in (block, keys.pin, keys.mac, host.asked[-1].pin_block or b"?"):
        assert secret.hex() not in caplog.text.lower()
        assert repr(secret) not in caplog.text
