"""The format of recordings: what is written is read again, of both versions, and what is no recording is told."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cardsim.decode import Environment
from terminal.errors import UsageError
from terminal.links.recording import (
    Head,
    Recorded,
    Recording,
    Stopwatch,
    load_recording,
    parse_recording,
    recorder,
)
from terminal.slots import Slot
from terminal.transcript import Exchange, PoweredOff, PoweredOn
from tests.terminal.fakes import FakeCard

MOMENT = datetime(2026, 11, 22, 9, 30, 0, 125, tzinfo=UTC)
SESSION = Recording(
    Head("cardterm full", "卡.card", "me.psam", MOMENT, 7),
    (
        Recorded("power-on", "", "3B00", at=0.0),
        Recorded("power-on", "", "3B01", Slot.PSAM, at=0.25),
        Recorded("apdu", "0020000003******", "9000", at=0.5, seconds=0.000125),
        Recorded("apdu", "00C0000002", "AABB9000", Slot.PSAM, follows=True, at=1.5, seconds=2.0),
        Recorded("power-off", slot=Slot.PSAM, at=2.0),
        Recorded("power-off"),
    ),
)


def test_what_is_written_is_read() -> None:
    assert parse_recording(SESSION.lines()) == SESSION
    assert SESSION.slots == (Slot.CARD, Slot.PSAM)
    assert [event.masked for event in SESSION.events] == [False, False, True, False, False, False]


def test_version_1_is_read() -> None:
    head = '{"format": "cardterm-recording", "version": 1}'
    found = parse_recording([head, '{"event": "power-on", "atr": "3b00"}', '{"event": "power-off"}'])
    assert found == Recording(Head(), (Recorded("power-on", "", "3B00"), Recorded("power-off")))


def test_times_are_those_of_the_card() -> None:
    """`at` is when the command was sent, not when its answer came."""
    lines: list[str] = []
    watch = Stopwatch()
    tell = recorder(lines.append, Head(), watch)
    card = watch.around(FakeCard())
    tell(PoweredOn(card.power_on()))
    command = bytes.fromhex("00A4000000")
    before = watch.now()
    response = card.transmit(command)
    between = watch.now()
    tell(Exchange(command, response, Environment.CARD, secret=False, follows=False))
    tell(PoweredOff())
    on, apdu, off = parse_recording(lines).events
    assert on.at is not None
    assert apdu.at is not None
    assert apdu.seconds is not None
    assert off.at is not None
    assert on.at <= apdu.at <= off.at
    assert apdu.seconds <= between - before + 1e-6


@pytest.mark.parametrize("length", [1, 20, 40])
def test_half_a_line_at_the_end_is_an_abort(length: int) -> None:
    *lines, _ = SESSION.lines()
    last = lines.pop()
    found = parse_recording([*lines, last[:length]])
    assert found.cut
    assert found.events == SESSION.events[:4]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"event": "power-on"', "line 2: not JSON"),
        ('{"event": "power-on", "atr": "3B0"}', "line 2: atr must be"),
        ('{"event": "power-off", "slot": "third"}', "slot 'third' is not one of card, psam"),
        ('{"event": "power-off", "at": -1}', "at must be a number of seconds"),
        ('{"event": "power-off", "at": true}', "at must be a number of seconds"),
        ('{"event": "apdu", "command": "00", "response": "9000", "seconds": "1"}', "seconds must be"),
    ],
)
def test_bad_lines(line: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_recording([Head().line(), line, '{"event": "power-off"}'])


@pytest.mark.parametrize(
    ("member", "words"),
    [
        ({"version": 3}, "of version 1 or 2"),
        ({"seed": "1"}, "seed must be a whole number"),
        ({"card": 1}, "card must be a string"),
        ({"started": "now"}, "started must be a time"),
        ({"started": 1}, "started must be a time"),
    ],
)
def test_bad_heads(member: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_recording([json.dumps({"format": "cardterm-recording", "version": 2} | member)])


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "session"
    path.write_text("\n".join(SESSION.lines()), encoding="utf-8")
    assert load_recording(path) == SESSION
    path.write_bytes(b"\xff")
    with pytest.raises(UsageError, match="not UTF-8 text"):
        load_recording(path)
    path.write_text("\n")
    with pytest.raises(UsageError, match="is empty"):
        load_recording(path)
    with pytest.raises(UsageError, match="No such file"):
        load_recording(tmp_path / "nothing")
