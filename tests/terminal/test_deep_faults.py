"""Faults inside the answers of drawn cards: objects changed, doubled, nested, renamed; chains of 61xx and 6Cxx."""

from collections.abc import Callable, Iterator
from random import Random

import pytest

from cardsim.iso7816.tlv import Tlv, TlvError, ber, parse
from terminal.flows.financial.flow import FinancialOutcome, Result
from tests.terminal.test_kernel_oracle import DrawnCard, DrawnHost, act, draw

_TAGS = (
    0x4F, 0x50, 0x57, 0x5A, 0x5F24, 0x5F25, 0x5F28, 0x5F34, 0x82, 0x84, 0x87, 0x88, 0x8C, 0x8D, 0x8E, 0x8F, 0x90,
    0x92, 0x93, 0x94, 0x9F07, 0x9F10, 0x9F12, 0x9F14, 0x9F23, 0x9F26, 0x9F27, 0x9F32, 0x9F36, 0x9F38, 0x9F42, 0x9F46,
    0x9F47, 0x9F48, 0x9F49, 0x9F4A, 0x9F4B, 0x9F4D, 0x9F61, 0x9F62, 0x9F6D, 0x9F74, 0x9F79, 0xA5, 0xBF0C, 0x61, 0x77,
)  # fmt: skip
_MOST_COMMANDS = 300
"""A directory or a file of 255 records is the longest that one answer can lead to."""


def _nested(random: Random) -> bytes:
    inside = b""
    for _ in range(random.randrange(60)):
        inside = ber(random.choice((0x61, 0x70, 0x77, 0xA5, 0xBF0C)), inside)
    return inside


_VALUES: tuple[Callable[[Random, bytes], bytes], ...] = (
    lambda _random, _old: b"",
    lambda random, _old: bytes(random.randrange(257)),
    lambda random, _old: random.randbytes(random.randrange(257)),
    lambda _random, old: old[:-1],
    lambda _random, old: old + b"\xff",
    lambda _random, old: b"\x99" * len(old),
    lambda random, old: bytes((random.choice((0x00, 0x01, 0x7F, 0x80, 0xFF)),)) * max(1, len(old)),
    lambda random, old: old[: random.randrange(len(old) + 1)],
    lambda _random, _old: "社保一卡通".encode("gbk"),
    lambda random, _old: _nested(random),
    lambda random, _old: bytes.fromhex("9F37FF") * random.randrange(1, 60),  # a DOL that asks for far too much
    lambda _random, _old: bytes.fromhex("9F02819A"),
    lambda random, _old: bytes.fromhex("0801FF00") * random.randrange(1, 4),  # a file of 255 records
    lambda random, _old: bytes.fromhex("62146725000000000560")[: random.randrange(6, 11)],  # PAN of 12 to 20 digits
)


def _spoiled(random: Random, data: bytes) -> bytes:
    """One object somewhere in the tree is not what it was."""
    try:
        items = parse(data)
    except TlvError:
        return random.randbytes(random.randrange(257))
    if not items:
        return random.randbytes(3)
    at = random.randrange(len(items))
    item = items[at]
    if item.constructed and random.random() < 0.85:
        changed: Iterator[bytes] = iter((ber(item.tag, _spoiled(random, item.value)),))
    else:
        changed = _changed(random, item)
    return b"".join(bytes(other) for other in items[:at]) + b"".join(changed) + b"".join(map(bytes, items[at + 1 :]))


def _changed(random: Random, item: Tlv) -> Iterator[bytes]:
    match random.randrange(7):
        case 0:
            return  # gone
        case 1:
            yield ber(random.choice(_TAGS), item.value)
        case 2:
            yield bytes(item)
            yield ber(random.choice(_TAGS), random.choice(_VALUES)(random, item.value))
        case _:
            yield ber(item.tag, random.choice(_VALUES)(random, item.value))


class _Spoiling(DrawnCard):
    """A drawn card that spoils some of its answers."""

    def __init__(self, card: DrawnCard, random: Random) -> None:
        super().__init__(card.drawn)
        self.random = random
        self.spoils = {random.randrange(25) for _ in range(random.choice((1, 1, 2, 3)))}
        self.all_records = random.random() < 0.02

    def transmit(self, command: bytes) -> bytes:
        answer = super().transmit(command)
        if len(self.log) - 1 not in self.spoils and not (self.all_records and command[1] == 0xB2):
            return answer
        match self.random.randrange(14):
            case 0:
                return self.random.choice((b"\x61\x00", b"\x6c\x00", b"\x61\xff", b"\x6c\x05"))
            case 1:
                return answer[:-2] + b"\x61\x10"
            case 2:
                return self.random.randbytes(256) + b"\x90\x00"
            case _:
                return _spoiled(self.random, answer[:-2]) + answer[-2:]


def _run(seed: int, monkeypatch: pytest.MonkeyPatch) -> tuple[FinancialOutcome, DrawnCard, DrawnHost]:
    random, plain = Random(seed), DrawnCard
    with monkeypatch.context() as patch:
        patch.setattr("tests.terminal.test_kernel_oracle.DrawnCard", lambda card: _Spoiling(plain(card), random))
        outcome, card, host, _ = act(draw(seed))
    return outcome, card, host


def test_faults_inside_the_answers_have_a_defined_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    """KRN-ERR-005: no exception, no endless run, a reason at the end, and a card without power."""
    results = set()
    for seed in range(1000, 1250):
        outcome, card, host = _run(seed, monkeypatch)
        assert not card.powered
        assert outcome.reason
        assert (outcome.failure is not None) == (outcome.result is Result.TERMINATED)
        assert len(card.log) <= _MOST_COMMANDS, f"seed {seed}"
        assert len(host.messages) <= 4, f"seed {seed}"
        results.add(outcome.result)
    assert results == set(Result)
