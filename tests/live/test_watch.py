"""Who watches a card never disturbs it."""

import logging

import pytest

from cardsim.decode import Environment
from cardsim.decode.decoder import Decoded, Decoder
from cardsim.live.watch import Watch
from cardsim.reader.slot import Slot
from cardsim.reader.trace import PowerEvent
from tests.cards import Bench

SHARED, T0 = 2, 1


class Notes:
    """Writes down what it is told, and fails after so many exchanges."""

    what = "the notebook"

    def __init__(self, good: int = 1000) -> None:
        self.told: list[tuple[int, str]] = []
        self.times: list[float] = []
        self.atrs: list[bytes] = []
        self._good = good

    def exchanged(self, slot: int, one: Decoded, seconds: float, at: float) -> None:
        if len(self.told) >= self._good:
            raise ValueError("the pencil breaks")
        self.told.append((slot, one.before.environment.value))
        self.times += [at, seconds]

    def power(self, slot: int, event: PowerEvent, atr: bytes, at: float) -> None:
        self.told.append((slot, event.value))
        self.times.append(at)
        self.atrs.append(atr)


def test_nobody_pays_where_nobody_listens() -> None:
    watch = Watch([])
    assert watch.on_apdu(0) is None
    assert watch.on_power(0) is None


def test_each_slot_has_its_own_session(bench: Bench) -> None:
    notes = Notes()
    watch = Watch([notes])
    apdus = [hook for slot in (0, 1) if (hook := watch.on_apdu(slot))]
    power = watch.on_power(1)
    assert power is not None
    power(PowerEvent.ON, b"\x3b\x00")
    select = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")
    apdus[0](select, b"\x61\x1e", 0.0)
    apdus[1](select, b"\x90\x00", 0.0)
    apdus[0](b"\0\xb0\0\0\0", b"\x69\x86", 0.0)
    assert notes.told == [(1, "on"), (0, "card"), (1, "psam"), (0, "ssse")]
    assert Environment(notes.told[-1][1]) is Environment.SSSE
    assert notes.atrs == [b"\x3b\x00"]
    assert len(notes.times) == 7


def test_a_listener_that_fails_is_told_no_more(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """The others are, and the client has its answer."""
    bad, good = Notes(2), Notes()
    watch = Watch([bad, good])
    slot = Slot("reader", bench.model, on_apdu=watch.on_apdu(0), on_power=watch.on_power(0))
    _, protocol = slot.connect(1, SHARED, T0)
    with caplog.at_level(logging.ERROR):
        answers = [slot.transmit(1, protocol, bytes.fromhex("0084000008")) for _ in range(4)]
    assert all(status == 0 and len(answer) == 10 for status, answer in answers)
    assert [what for _, what in good.told] == ["on"] + ["card"] * 4
    assert len(bad.told) == 2
    assert [record.getMessage() for record in caplog.records] == [
        "the notebook ends here: it failed on what was exchanged"
    ]


def test_what_cannot_be_decoded_ends_the_watching(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The client has its answer all the same."""
    notes = Notes()
    watch = Watch([notes])
    slot = Slot("reader", bench.model, on_apdu=watch.on_apdu(0), on_power=watch.on_power(0))
    _, protocol = slot.connect(1, SHARED, T0)

    def fail(*_: object) -> Decoded:
        raise ValueError("a fault in the decoder")

    monkeypatch.setattr(Decoder, "exchange", fail)
    with caplog.at_level(logging.ERROR):
        answers = [slot.transmit(1, protocol, bytes.fromhex("0084000008")) for _ in range(3)]
    assert all(status == 0 and len(answer) == 10 for status, answer in answers)
    assert notes.told == [(0, "on")]
    assert "cannot be decoded" in caplog.text
