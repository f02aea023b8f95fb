"""What passes is written as it passes, unchanged, and without PINs and keys."""

import io
from typing import Never

import pytest

from terminal.errors import LinkError
from terminal.links.recording import Head, parse_recording
from terminal.recordings.writing import Transcriber
from terminal.slots import Slot
from tests.cards import card
from tests.terminal.fakes import FakeCard
from tests.terminal.recordings.bench import SELECT_SSSE, apdus, cards, transcribed, visit

SCRIPT = f"on\n{SELECT_SSSE}\n00C000001E\n0020000003123456\nsam on\nsam 00A40000023F00\nsam off\noff"


def test_nothing_is_changed() -> None:
    """The recorded answers are those of the same card without a recorder; 61xx is not followed."""
    bench, recording = card(on=False), transcribed(SCRIPT, show=True)
    events = [event for event in recording.events if event.slot is Slot.CARD]
    assert events[0].response == bench.power_on()
    for event in apdus(recording)[:3]:
        assert bench.model.transmit(bytes.fromhex(event.command)).hex().upper() == event.response
    assert apdus(recording)[0].response == "611E"
    assert [event.event for event in events] == ["power-on", "apdu", "apdu", "apdu", "power-off"]
    assert recording.slots == (Slot.CARD, Slot.PSAM)


def test_times_rise() -> None:
    events = transcribed(SCRIPT).events
    times = [event.at for event in events if event.at is not None]
    assert len(times) == len(events)
    assert times == sorted(times)
    assert all((event.seconds is not None) is (event.event == "apdu") for event in events)


def test_a_pin_is_masked_unless_asked_for() -> None:
    assert apdus(transcribed(SCRIPT))[2].command == "0020000003******"
    assert apdus(transcribed(SCRIPT, show=True))[2].command == "0020000003123456"


def test_a_visit_has_no_secret() -> None:
    hidden, shown = visit(), visit(show=True)
    masked = [event.command for event in apdus(hidden) if event.masked]
    assert [text[:4] for text in masked] == ["80FA", "80FA", "0020"]
    assert [event.response for event in hidden.events] == [event.response for event in shown.events]
    assert not any(event.masked for event in shown.events)


def test_power_off_is_recorded_once() -> None:
    assert [event.event for event in transcribed("off\non\noff\noff").events] == ["power-on", "power-off"]


class Full(io.StringIO):
    """A disk that is full after so many writes."""

    left = 3

    def write(self, text: str) -> int:
        """Fails at the end."""
        self.left -= 1
        if self.left < 0:
            raise OSError(28, "No space left on device")
        return super().write(text)


def test_a_full_disk_ends_the_recording_and_not_the_session(capsys: pytest.CaptureFixture[str]) -> None:
    file = Full()
    transcriber = Transcriber(file, Head())
    tapped = transcriber.around(FakeCard(), Slot.CARD)
    tapped.power_on()
    answers = [tapped.transmit(bytes.fromhex("00A4000000")) for _ in range(3)]
    assert len(set(answers)) == 1
    assert len(parse_recording(file.getvalue().splitlines()).events) == 2
    assert "No space left" in transcriber.problem
    assert capsys.readouterr().err.count("\n") == 1


class Gone(FakeCard):
    """A card that is drawn."""

    def transmit(self, _command: bytes) -> Never:
        """It is gone."""
        raise LinkError("the card is gone")


def test_a_lost_card_is_remembered() -> None:
    tapped = Transcriber(io.StringIO(), Head()).around(Gone(), Slot.CARD)
    with pytest.raises(LinkError, match="is gone"):
        tapped.transmit(b"\0\xa4\0\0")
    assert str(tapped.lost) == "the card is gone"


def test_the_bench_is_fresh_each_time() -> None:
    assert transcribed(SCRIPT).events[1].response == transcribed(SCRIPT, cards()).events[1].response
