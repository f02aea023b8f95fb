"""Formats of others: written and read again; what they cannot hold is told; what others write is read."""

import struct
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from terminal.cli.main import main
from terminal.cli.options.recordings import FORMATS, LOG
from terminal.errors import UsageError
from terminal.links.recording import Head, Recorded, Recording
from terminal.recordings.formats import CODECS, Format, format_of_content, format_of_name, load
from terminal.recordings.formats.loss import Written
from terminal.slots import Slot
from tests.terminal.recordings.bench import SELECT_SSSE, apdus, transcribed, visit

MOMENT = datetime(2026, 11, 22, 9, 30, 0, 125, tzinfo=UTC)
SESSION = replace(
    transcribed(f"on\n{SELECT_SSSE}\n00C000001E\n00A40000\n00B2010400\noff\non\n00CA9F3600"),
    head=Head("opensc-tool", "卡.card", "me.psam", MOMENT, 7),
)
WRITTEN = [wanted for wanted in Format if wanted is not Format.LOG]
MASKED = "commands with bytes that were not recorded"
BOTH = replace(visit(), head=SESSION.head)


def written(recording: Recording, wanted: Format) -> Written:
    """The file."""
    write = CODECS[wanted].write
    assert write is not None
    return write(recording)


def again(recording: Recording, wanted: Format) -> Recording:
    """Written and read."""
    return CODECS[wanted].read(written(recording, wanted).content, "x")


def bare(recording: Recording, *, answers: bool, off: bool = True, atr: bool = True) -> tuple[Recorded, ...]:
    """The events of the card as a text format holds them."""
    events = (event for event in recording.events if event.slot is Slot.CARD and not event.masked)
    found = []
    for event in events:
        if event.event == "power-off" and not off:
            continue
        kept = answers and (atr or event.event == "apdu")
        found.append(Recorded(event.event, event.command, event.response if kept else ""))
    return tuple(found)


def test_words_of_the_command_line() -> None:
    assert {found.value for found in Format} == {*FORMATS, LOG} == {found.value for found in CODECS}
    assert {found.value for found, codec in CODECS.items() if codec.write is not None} == set(FORMATS)
    suffixes = [suffix for codec in CODECS.values() for suffix in codec.suffixes]
    assert len(set(suffixes)) == len(suffixes)


@pytest.mark.parametrize("recording", [SESSION, BOTH, visit(show=True), Recording(Head(), SESSION.events[:2])])
@pytest.mark.parametrize("wanted", [Format.RECORDING, Format.PCAPNG])
def test_nothing_is_lost(wanted: Format, recording: Recording) -> None:
    """Times, both slots, what was masked, who asked whom: all of it comes back."""
    assert written(recording, wanted).lost == ()
    assert [event.line() for event in again(recording, wanted).events] == [event.line() for event in recording.events]
    assert again(recording, wanted).head == recording.head


def test_a_capture_holds_what_is_not_checked_and_not_timed() -> None:
    events = (
        Recorded("power-on", "", "3B00"),
        Recorded("apdu", "00B0000002", "AA**9000", follows=True),
        Recorded("apdu", "00A40000", "6A**"),
        Recorded("apdu", "0084000008", ""),
        Recorded("power-off"),
    )
    assert again(Recording(events=events), Format.PCAPNG) == Recording(events=events)


@pytest.mark.parametrize(
    ("wanted", "answers", "off"),
    [
        (Format.HEX, False, True),
        (Format.ETSI, True, True),
        (Format.SCRIPTOR, False, False),
        (Format.SCRIPTOR_LOG, True, False),
    ],
)
@pytest.mark.parametrize("recording", [SESSION, visit(show=True)])
def test_text_formats(wanted: Format, answers: bool, off: bool, recording: Recording) -> None:
    found = again(recording, wanted).events
    expected = bare(recording, answers=answers, off=off)
    if wanted is Format.HEX:
        found = tuple(event for event in found if event.slot is Slot.CARD)
    assert found == expected


@pytest.mark.parametrize(
    ("wanted", "lost"),
    [
        (Format.HEX, ("times", "answers", "commands with bytes that were not recorded")),
        (Format.ETSI, ("times", "the PSAM", "commands with bytes that were not recorded")),
        (
            Format.SCRIPTOR,
            ("times", "answers", "the PSAM", "commands with bytes that were not recorded", "switching off"),
        ),
        (Format.SCRIPTOR_LOG, ("times", "the PSAM", "commands with bytes that were not recorded", "switching off")),
    ],
)
def test_what_is_lost_is_told(wanted: Format, lost: tuple[str, ...]) -> None:
    assert written(visit(), wanted).lost == lost


def test_no_format_shows_a_pin() -> None:
    for wanted in WRITTEN:
        content = written(visit(), wanted).content
        assert b"123456" not in content
        assert b"12 34 56" not in content
        assert b"\x12\x34\x56" not in content


# --- what others write --------------------------------------------------------------------------------------------

ETSI = r"""REM this is an example
RST
CMD A0 C2 00 00 00 (91 33 , 69 XX)
CMD A0 B0 00 00 04 \
 [XX XX 55 XX](90 00)
CMD A0 B0 00 00 02 [] (90 00)
CMD A0 B0 00 00 02 (9X 00)

CMD A0 D6 00 00 03 \
 D1 31 82 \
 (90 00)
cmd a0a40000023f00
OFF
"""


def test_etsi_script() -> None:
    """The syntax of annex B: several status words, half bytes and bytes that are not checked, lines that go on."""
    found = CODECS[Format.ETSI].read(ETSI.encode(), "x").events
    assert [event.event for event in found] == ["power-on", *["apdu"] * 6, "power-off"]
    assert [(event.command, event.response) for event in found[1:-1]] == [
        ("A0C2000000", "9133"),
        ("A0B0000004", "****55**9000"),
        ("A0B0000002", "****9000"),
        ("A0B0000002", "****" + "**00"),
        ("A0D6000003D13182", "9000"),
        ("A0A40000023F00", ""),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("RST\nINI FF", "line 2: INI is not one of CMD"),
        ("CMD", "line 1: write it as CMD COMMAND"),
        ("RST\nCMD 00 A4 \\\n 00 0", "line 2: write it as"),
        ("CMD 00A40000 (90)", r"\(STATUS\) are bytes"),
        ("CMD 00A40000 [9] (9000)", r"\[DATA\] and"),
    ],
)
def test_bad_etsi(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        CODECS[Format.ETSI].read(text.encode(), "x")


PRINTED = (
    "Using T=0 protocol",
    "00A40000023F00",
    "> 00 A4 00 00 02 3F 00",
    "< 61 06 : 0x06 bytes of response still available.",
    "> RESET",
    "< OK: 3B 00 ",
    "> 00 C0 00 00 1E",
    "< 6F 1C 84 0F 73 78 31 2E 73 68 2E C9 E7 BB E1 B1 ",
    "A3 D5 CF A5 09 88 01 1E 9F 0C 03 86 01 03 90 00 : Normal processing.",
)


def test_scriptor_log() -> None:
    """scriptor connects by itself, echoes its script, and breaks answers after 16 bytes."""
    found = CODECS[Format.SCRIPTOR_LOG].read("\n".join(PRINTED).encode(), "x").events
    answer = "6F1C840F7378312E73682EC9E7BBE1B1A3D5CFA50988011E9F0C038601039000"
    assert found == (
        Recorded("power-on"),
        Recorded("apdu", "00A40000023F00", "6106"),
        Recorded("power-on", "", "3B00"),
        Recorded("apdu", "00C000001E", answer),
    )


def test_scriptor_script() -> None:
    text = "# a comment\n00 A4 00 00 \\\n 02 3F 00\nreset\n00c0000006\nexit\n00\n"
    found = CODECS[Format.SCRIPTOR].read(text.encode(), "x").events
    assert [event.command for event in found] == ["", "00A40000023F00", "", "00C0000006"]
    for wanted, bad in ((Format.SCRIPTOR, "00 A"), (Format.SCRIPTOR_LOG, "> 00 A")):
        with pytest.raises(UsageError, match="x, line 1: bytes in hex"):
            CODECS[wanted].read(bad.encode(), "x")


def test_scriptor_log_of_sixteen_bytes() -> None:
    for size in (14, 15, 30):
        recording = Recording(events=(Recorded("power-on", "", "3B00"), Recorded("apdu", "00B0", "AB" * size + "9000")))
        assert again(recording, Format.SCRIPTOR_LOG) == recording


TRACE = (
    '{"time": 1795343682.5, "slot": 0, "event": "power-on", "atr": "3B00"}',
    '{"time": 1795343682.75, "slot": 0, "event": "apdu", "command": "0020****", "response": "9000", "seconds": 0.5}',
    '{"time": 1795343683.0, "slot": 1, "event": "power-off"}',
)
OPENSC = """Sending: 00 A4 04 00 02 3F 00
Received (SW1=0x61, SW2=0x06)
"""


def test_logs() -> None:
    """What `cardterm trace` reads: times count from the first event."""
    assert format_of_content("\n".join(TRACE).encode()) is Format.LOG
    assert CODECS[Format.LOG].read("\n".join(TRACE).encode(), "x").events == (
        Recorded("power-on", "", "3B00", at=0.0),
        Recorded("apdu", "0020****", "9000", at=0.25, seconds=0.5),
        Recorded("power-off", slot=Slot.PSAM, at=0.5),
    )
    assert CODECS[Format.LOG].read(OPENSC.encode(), "x").events == (Recorded("apdu", "00A40400023F00", "6106"),)


# --- captures -----------------------------------------------------------------------------------------------------


def capture(*payloads: bytes, ethernet: bool = True, order: str = "<", kind: int = 0) -> bytes:
    """A capture as SIMtrace and Wireshark make it, put together by hand: no comments, big- or little-endian."""

    def block(number: int, body: bytes) -> bytes:
        size = struct.pack(f"{order}I", 12 + len(body))
        return struct.pack(f"{order}I", number) + size + body + size

    content = block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1))
    content += block(1, struct.pack(f"{order}HHI", 1 if ethernet else 228, 0, 65535))
    for number, payload in enumerate(payloads):
        gsmtap = bytes.fromhex("02040400" + "00" * 8) + bytes((kind, 0, 0, 0)) + payload
        udp = struct.pack(">HHHH", 55555, 4729, 8 + len(gsmtap), 0) + gsmtap
        ip = struct.pack(">BBHIBBHII", 0x45, 0, 20 + len(udp), 0, 64, 17, 0, 0x7F000001, 0x7F000001) + udp
        frame = (bytes(12) + b"\x08\x00" if ethernet else b"") + ip
        body = struct.pack(f"{order}IIIII", 0, 0, 1_000_000 + 250_000 * number, len(frame), len(frame))
        content += block(6, body + frame + bytes(-len(frame) % 4))
    return content


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("ethernet", [True, False])
def test_a_capture_of_somebody_else(order: str, ethernet: bool) -> None:
    """Where a command ends follows from P3: case 2 by its INS, case 3 by the length, else a header alone."""
    texts = ("A0A40000023F009F1A", "A0C000000201029000", "A0B20104019000", "A0D6000001AA6982", "A0C00000029404")
    found = CODECS[Format.PCAPNG].read(
        capture(*map(bytes.fromhex, texts), ethernet=ethernet, order=order), "x"
    )  # fmt: skip
    assert [(event.command, event.response) for event in found.events] == [
        ("A0A40000023F00", "9F1A"), ("A0C0000002", "01029000"), ("A0B2010401", "9000"), ("A0D6000001AA", "6982"),
        ("A0C0000002", "9404"),
    ]  # fmt: skip
    assert [event.at for event in found.events] == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert found.head.started == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)


def test_other_packets_are_passed_over() -> None:
    assert CODECS[Format.PCAPNG].read(capture(b"\x3b\x00", kind=1), "x").events[0].response == "3B00"
    assert CODECS[Format.PCAPNG].read(capture(b"\x3b\x00", kind=2), "x").events == ()
    spoiled = capture(b"\x00\xa4\x00\x00\x00\x90\x00").replace(struct.pack(">H", 4729), struct.pack(">H", 53))
    assert CODECS[Format.PCAPNG].read(spoiled, "x").events == ()


def test_our_capture_is_what_others_expect() -> None:
    """Read with nothing of ours: blocks, IPv4 with its checksum, UDP port 4729, GSMTAP version 2 of type SIM."""
    content, frames, at = written(SESSION, Format.PCAPNG).content, [], 0
    while at < len(content):
        kind, size = struct.unpack_from("<II", content, at)
        assert content[at + size - 4 : at + size] == struct.pack("<I", size)
        if kind == 6:
            length = struct.unpack_from("<I", content, at + 20)[0]
            frames.append(content[at + 28 : at + 28 + length])
        at += size
    assert len(frames) == len(SESSION.events)
    for frame in frames:
        assert sum(struct.unpack(">10H", frame[:20])) % 0xFFFF == 0
        assert int.from_bytes(frame[2:4], "big") == len(frame)
    taps = [frame[28:] for frame in frames if frame[22:24] == struct.pack(">H", 4729)]
    assert {tap[:3] for tap in taps} == {bytes.fromhex("020404")}
    assert [tap[12] for tap in taps] == [1, 0, 0, 0, 0, 1, 0]
    assert taps[1][16:] == bytes.fromhex(SELECT_SSSE + "611E")


@pytest.mark.parametrize("size", [3, 20, 40, 90, -1, -5])
def test_a_capture_that_is_cut_off(size: int) -> None:
    content = capture(bytes.fromhex("A0A40000023F009F1A"))[:size]
    with pytest.raises(UsageError, match="damaged or cut off"):
        CODECS[Format.PCAPNG].read(content, "x")


# --- which format -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", WRITTEN)
def test_the_format_is_told_by_name_and_content(wanted: Format) -> None:
    assert format_of_name(Path(f"x{CODECS[wanted].suffixes[0]}")) is wanted
    content = written(SESSION, wanted).content
    assert format_of_content(content) is (Format.HEX if wanted is Format.SCRIPTOR else wanted)


def test_convert(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = tmp_path / "a.jsonl", tmp_path / "a.scr"
    source.write_bytes(written(visit(), Format.RECORDING).content)
    assert main(["convert", str(source), str(target)]) == 0
    err = capsys.readouterr().err
    assert err == "cardterm: etsi cannot hold: times, the PSAM, commands with bytes that were not recorded\n"
    assert load(target).events[0].response == visit().events[0].response
    assert main(["convert", str(source), str(tmp_path / "a.pcapng")]) == 0
    assert main(["convert", str(tmp_path / "a.pcapng"), str(tmp_path / "b.jsonl")]) == 0
    assert (tmp_path / "b.jsonl").read_bytes() == source.read_bytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("a.jsonl", "a.xyz"), "name the format with --to"),
        (("nothing", "a.hex"), "cannot be read"),
        (("a.jsonl", "a.jsonl"), "is not written over"),
        (("a.jsonl", "no/a.hex"), "cannot be written"),
        (("empty", "a.hex"), "no command is in it"),
        (("bytes", "a.hex"), "not UTF-8 text"),
        (("a.jsonl", "a.hex", "--from", "pcapng"), "damaged or cut off"),
    ],
)
def test_bad_conversions(
    words: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.jsonl").write_bytes(written(SESSION, Format.RECORDING).content)
    Path("empty").write_text("# nothing\n")
    Path("bytes").write_bytes(b"\xff\xfe")
    assert main(["convert", *words]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_a_script_has_no_answers_to_compare() -> None:
    assert all(event.response == "" for event in apdus(again(SESSION, Format.HEX)))
