"""Logs of others as events: each form as the program writes it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminal.errors import UsageError
from terminal.links.recording import Recorded
from terminal.slots import Slot
from terminal.tracing.reader import LogReader

SELECT = "00A40000023F00"
FCI = "6F0484023F009000"
ATR = "3B6D000000814A44468660519927613C54"


OPENSC_DEBUG = (
    "Outgoing APDU (7 bytes):\n00 A4 00 00 02 3F 00 .....?.\n\nP:1; called\n"
    "Incoming APDU (8 bytes):\n6F 04 84 02 3F 00 90 00 o...?...\n\nP:1; returning\n"
)
TWO_LINES = "30 31 32 33 34 35 36 37 38 39 30 31 32 33 34 35 0123456789012345\n30 31" + " " * 43 + "01"


def read(text: str) -> list[Recorded]:
    """All events of a log."""
    reader = LogReader("x.log")
    events = [event for line in text.splitlines(keepends=True) for event in reader.feed(line)]
    return [*events, *reader.end()]


def pairs(text: str) -> list[tuple[str, str]]:
    """Commands and answers of a log."""
    return [(event.command, event.response) for event in read(text) if event.event == "apdu"]


@pytest.mark.parametrize(
    "text",
    [
        f"{SELECT}\n{FCI}\n",
        f"# a comment\n\n{SELECT}\n\n{FCI}",
        "00 A4 00 00 02 3F 00\n6F 04 84 02 3F 00 90 00\n",
        "> 00 A4 00 00 02 3F 00\n< 6F 04 84 02 3F 00 90 00 : Normal processing.\n",
        f"=> {SELECT}\n<= {FCI}\n",
        f"    → {SELECT}\n    ← {FCI}\n",
        "00000012 APDU: 00 A4 00 00 02 3F 00 \n00000044 SW: 6F 04 84 02 3F 00 90 00 \n",
        "Sending: 00 A4 00 00 02 3F 00 \nReceived (SW1=0x90, SW2=0x00):\n6F 04 84 02 3F 00 o...?.\n",
        OPENSC_DEBUG,
    ],
    ids=["turns", "comments", "blanks", "scriptor", "arrows", "transcript", "pcscd", "opensc-tool", "opensc debug"],
)
def test_forms(text: str) -> None:
    assert pairs(text) == [(SELECT, FCI)]


def test_recording_and_trace() -> None:
    text = (
        '{"format": "cardterm-recording", "version": 2, "program": "x"}\n'
        f'{{"event": "power-on", "atr": "{ATR}", "at": 0.5}}\n'
        f'{{"event": "apdu", "command": "{SELECT}", "response": "{FCI}", "at": 0.6, "seconds": 0.001}}\n'
        '{"event": "apdu", "command": "BFEC0000", "response": "9000", "slot": "psam"}\n'
        '{"event": "power-off", "at": 0.7}\n'
    )
    on, apdu, sam, off = read(text)
    assert (on.event, on.response, on.at) == ("power-on", ATR, 0.5)
    assert (apdu.command, apdu.response, apdu.seconds) == (SELECT, FCI, 0.001)
    assert sam.slot is Slot.PSAM
    assert off.event == "power-off"
    served = f'{{"time": 1795344476.1, "slot": 1, "event": "reset", "atr": "{ATR}", "more": [1]}}'
    assert read(served) == [Recorded("power-on", "", ATR, Slot.PSAM, at=1795344476.1)]


def test_output_of_cardterm_apdu() -> None:
    form = '{"format": "cardterm-apdu", "version": 1, "verdict": "passed", "command": "%s", "response": "%s"}\n'
    assert [event.event for event in read(form % ("reset", ATR) + form % (SELECT, FCI))] == ["power-on", "apdu"]


def test_masked_bytes() -> None:
    assert pairs("> 0020000003******\n< 9000\n") == [("0020000003******", "9000")]


def test_masked_answers_are_passed_over() -> None:
    """Nobody can say what the card has answered."""
    assert pairs("> 0084000008\n< ****9000\n> 00A40000023F00\n< 6106\n") == [("00A40000023F00", "6106")]


def test_atr_and_power() -> None:
    events = read(f"{ATR}\n{SELECT}\n{FCI}\noff\nreset\nsam reset\nCard ATR: 3B 6D 00 00\n")
    assert [(event.event, event.slot) for event in events] == [
        ("power-on", Slot.CARD), ("apdu", Slot.CARD), ("power-off", Slot.CARD), ("power-on", Slot.CARD),
        ("power-on", Slot.PSAM), ("power-on", Slot.CARD),
    ]  # fmt: skip
    assert (events[0].response, events[-1].response) == (ATR, "3B6D0000")


def test_two_slots() -> None:
    text = "> 00A40000023F00\n< 6106\nsam> 0084000008\nsam< 11223344556677889000\n"
    assert [(event.slot, event.response) for event in read(text)] == [
        (Slot.CARD, "6106"), (Slot.PSAM, "11223344556677889000"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "data"),
    [
        ("90 00 .. ", "9000"),
        ("30 31 01", "3031"),
        (TWO_LINES, "303132333435363738393031323334353031"),
    ],
    ids=["dots", "text that looks like hex", "two lines"],
)  # fmt: skip
def test_dump_whose_text_looks_like_bytes(answer: str, data: str) -> None:
    """The text behind the hex of OpenSC's dumps is no data, whatever it looks like."""
    text = f"Sending: 00 B2 01 0C 00\nReceived (SW1=0x90, SW2=0x00):\n{answer}\nSending: 00 B2 02 0C 00\n"
    assert pairs(text) == [("00B2010C00", data + "9000")]


def test_what_is_no_apdu_is_passed_over() -> None:
    noise = "Using reader with a card: cardsim Virtual Reader 00 00\nfree text: 12\n>> no hex\nAPDUs: 3\n"
    assert pairs(noise + f"> {SELECT}\n" + noise + f"< {FCI}\n" + noise) == [(SELECT, FCI)]


def test_command_without_an_answer_is_passed_over() -> None:
    assert pairs(f"> 0084000008\n> {SELECT}\n< {FCI}\n> 0084000008\n") == [(SELECT, FCI)]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"event": ', "begins as JSON and is none"),
        ('{"event": "apdu", "command": "00"}', "no event of a recording or trace"),
        ('{"event": "apdu", "command": "0", "response": "9000"}', "no event of a recording or trace"),
        ('{"event": "apdu", "command": 5, "response": "9000"}', "no event of a recording or trace"),
        ('{"event": "apdu", "command": "00A4", "response": "9000", "slot": 7}', "no event of a recording or trace"),
        ('{"format": "cardterm-recording", "version": 9}', "cardterm-recording 9 is no record"),
        ('{"format": "cardterm-conform", "version": 1}', "cardterm-conform 1 is no record"),
    ],
)
def test_wrong_json(line: str, problem: str) -> None:
    with pytest.raises(UsageError, match=f"x.log, line 2: .*{problem}"):
        read(f"\n{line}\n")


def test_a_log_grows_in_the_middle_of_a_dump() -> None:
    """Events come as soon as a line completes them."""
    reader = LogReader("x")
    assert not [*reader.feed("Sending: 00 A4 00 00 02 3F 00\n"), *reader.feed("Received (SW1=0x61, SW2=0x06)\n")]
    assert [event.response for event in reader.feed("Sending: 00 C0 00 00 06\n")] == ["6106"]


NAMES = st.sampled_from(["event", "command", "response", "atr", "slot", "at", "time", "seconds", "format", "version"])
WORDS = st.sampled_from(["apdu", "reset", "power-on", "00A4", "9000", "00 A4", "****", "0"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=7),
)


@given(st.dictionaries(NAMES, JSON, max_size=7))
def test_no_json_is_too_odd(content: dict[str, object]) -> None:
    """An event, nothing, or one sentence."""
    try:
        events = read(json.dumps(content))
    except UsageError:
        return
    assert all(bytes.fromhex(event.command.replace("**", "00") + event.response) is not None for event in events)


MARKS = ("Outgoing APDU (5 bytes):", "Incoming APDU (2 bytes):", "Received (SW1=0x90, SW2=0x00):", "Sending: 00 A4")
SHORT = ("> 00A4", "< 90", "< ****", "****", "90 00", "3B 00", "reset", "ATR: 3B", "ATR: 3B**", "SW: 9", "APDU: 00", "")
LINES = st.sampled_from([*MARKS, *SHORT]) | st.text("0123456789ABCDEFG :<>-=*#", max_size=20)


@given(st.lists(LINES, max_size=12))
def test_no_text_is_too_odd(lines: list[str]) -> None:
    """What comes out is hex, whatever goes in."""
    for event in read("\n".join(lines)):
        assert bytes.fromhex(event.command.replace("**", "00") + event.response) is not None
