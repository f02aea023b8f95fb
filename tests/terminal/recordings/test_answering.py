"""The recorded card answers a terminal: strictly, or as well as it can."""

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from terminal.driver import run
from terminal.links.recording import Recorded, Recording
from terminal.links.target import Target, open_target
from terminal.outcome import Verdict
from terminal.recordings.answering import RecordedCard
from terminal.slots import Slot
from tests.terminal.place import Place
from tests.terminal.recordings.bench import WORDS, apdus, visit


def recorded(*pairs: str, starts: tuple[int, ...] = (0,)) -> Recording:
    """Commands with their answers, and power-ons before those numbers."""
    events: list[Recorded] = []
    for number, pair in enumerate(pairs):
        if number in starts:
            events.append(Recorded("power-on", "", f"3B0{number}"))
        command, answer = pair.split()
        events.append(Recorded("apdu", command, answer))
    return Recording(events=tuple(events))


def answers(card: RecordedCard, *commands: str) -> list[str]:
    return [card.transmit(bytes.fromhex(command)).hex().upper() for command in commands]


@pytest.mark.parametrize("strict", [False, True])
def test_a_terminal_sees_the_same_visit(strict: bool) -> None:
    place, told = Place(), list[str]()
    links = {slot: RecordedCard(visit(), slot, strict=strict, tell=told.append) for slot in Slot}
    outcome = run(place.flow(WORDS), links[Slot.CARD], place.services(WORDS), psam=links[Slot.PSAM])
    assert outcome.verdict is Verdict.PASSED
    assert told == []
    assert [(link.left, link.deviations) for link in links.values()] == [(0, 0), (0, 0)]


def test_other_random_numbers_of_the_terminal() -> None:
    """Tolerant, the commands with its numbers get the recorded answers; the terminal then sees a wrong cryptogram."""
    place, told = Place(), list[str]()
    links = {slot: RecordedCard(visit(), slot, tell=told.append) for slot in Slot}
    services = replace(place.services(WORDS), random=Random(99).randbytes)
    run(place.flow(WORDS), links[Slot.CARD], services, psam=links[Slot.PSAM])
    assert told
    assert all("other data" in text for text in told)


def test_tolerant_matching() -> None:
    told: list[str] = []
    card = RecordedCard(recorded("00A4000000 6106", "00B0000001 AA9000", "0088000001FF 019000"), tell=told.append)
    assert card.power_on().hex().upper() == "3B00"
    asked = ("00B0000001", "00A4000000", "008800000100", "0088000001FF", "00CA000000", "0088000002FFFF")
    assert answers(card, *asked) == ["AA9000", "6106", "019000", "019000", "6F00", "6F00"]
    assert [text.split(": ")[1].partition(" ")[0] for text in told] == ["it", "it", "it", "it", "the", "the"]
    assert "elsewhere" in told[0]
    assert "command 3, 00880000: it has other data" in told[2]
    assert card.deviations == 6
    assert card.left == 0


def test_strict_matching() -> None:
    told: list[str] = []
    card = RecordedCard(recorded("00A4000000 6106", "0020000002**** 9000"), strict=True, tell=told.append)
    assert answers(card, "00A4000001", "00A4000000", "00200000021234", "00A4000000") == ["6F00", "6106", "9000", "6F00"]
    assert ["next one" in text for text in told] == [True, False]
    assert "at its end" in told[1]


def test_a_reset_leads_to_the_next_recorded_one() -> None:
    card = RecordedCard(recorded("00A4000000 6106", "00B0000001 AA9000", "00A4000000 6A82", starts=(0, 2)))
    assert card.power_on() == bytes.fromhex("3B00")
    assert answers(card, "00A4000000") == ["6106"]
    card.power_off()
    assert card.power_on() == bytes.fromhex("3B02")
    assert answers(card, "00A4000000") == ["6A82"]
    assert card.power_on() == bytes.fromhex("3B02")
    assert card.left == 0


def test_a_recording_as_target(tmp_path: Path) -> None:
    path = tmp_path / "visit.jsonl"
    path.write_text("\n".join(visit().lines()), encoding="utf-8")
    with open_target(Target(card=f"recording:{path}")) as card:
        assert card.power_on().hex().upper() == visit().events[0].response
        assert card.transmit(bytes.fromhex(apdus(visit())[0].command)).hex().upper() == apdus(visit())[0].response
