"""61xx and 6Cxx, the driver, recordings, and how targets are found."""

import json
from pathlib import Path
from random import Random

import pytest

from cardsim.iso7816.apdu import CommandApdu
from terminal.driver import run
from terminal.errors import Cancelled, LinkError, UsageError
from terminal.flows.full.flow import full
from terminal.flows.social.flow import social
from terminal.links import pcsc
from terminal.links.follow import MAX_ROUNDS, Follower
from terminal.links.recording import ReplayLink, read_recording, recorder
from terminal.links.target import GuardedCard, Target, open_target
from terminal.outcome import Verdict
from terminal.transcript import Event, Exchange, PoweredOff, PoweredOn
from tests.terminal.fakes import FakeCard
from tests.terminal.helpers import FULL, SOCIAL, services


class Answers:
    """A card with a list of answers."""

    def __init__(self, *answers: str) -> None:
        self.answers = [bytes.fromhex(answer) for answer in answers]
        self.log: list[str] = []

    def power_on(self) -> bytes:
        return bytes.fromhex("3B00")

    def power_off(self) -> None:
        self.log.append("off")

    def transmit(self, command: bytes) -> bytes:
        self.log.append(command.hex().upper())
        return self.answers.pop(0)


def follow(card: Answers, command: str, *, enabled: bool = True, t0: bool = True) -> str:
    follower = Follower(card, lambda *_: None, enabled=enabled, t0=t0)
    return bytes(follower.send(CommandApdu.parse(bytes.fromhex(command)))).hex().upper()


def test_61_and_6c() -> None:
    card = Answers("6C03", "0102039000")
    assert follow(card, "00B2010400") == "0102039000"
    assert card.log == ["00B2010400", "00B2010403"]
    card = Answers("6102", "01026101", "039000")
    assert follow(card, "00A404000100") == "0102039000"
    assert card.log == ["00A404000100", "00C0000002", "00C0000001"]
    card = Answers("6100", "6C02", "01029000")
    assert follow(card, "00A40400010000") == "01029000"
    assert card.log == ["00A404000100", "00C0000000", "00C0000002"]


def test_le_stays_where_the_protocol_has_it() -> None:
    card = Answers("9000")
    follow(card, "00A40400010000", t0=False)
    assert card.log == ["00A40400010000"]


def test_following_can_be_switched_off() -> None:
    assert follow(Answers("6C03"), "00B2010400", enabled=False) == "6C03"
    assert follow(Answers("6103"), "00A404000100", enabled=False) == "6103"


def test_endless_61_ends() -> None:
    card = Answers(*["6101"] * (MAX_ROUNDS + 1))
    assert follow(card, "00A404000100") == "6101"


def test_every_raw_exchange_is_told() -> None:
    events: list[Event] = []
    card = FakeCard()
    run(social(SOCIAL), card, services(), events.append)
    raw = [event.command for event in events if isinstance(event, Exchange)]
    assert raw == card.log
    assert any(isinstance(event, Exchange) and event.follows for event in events)
    assert isinstance(events[0], PoweredOn)
    assert isinstance(events[-1], PoweredOff)


def test_cancelling_at_any_step_leaves_the_card_off() -> None:
    for allowed in range(60):
        card = FakeCard()
        left = iter(range(allowed))
        with pytest.raises(Cancelled):
            run(full(FULL), card, services(), cancelled=lambda left=left: next(left, None) is None)  # type: ignore[misc]
        assert not card.powered


def record(card: FakeCard, *, show_secrets: bool = False) -> list[str]:
    lines: list[str] = []
    run(full(FULL), card, services(), recorder(lines.append, show_secrets=show_secrets))
    return lines


def test_a_recording_replays_to_the_same_outcome() -> None:
    lines = record(FakeCard())
    assert json.loads(lines[0]) == {"format": "cardterm-recording", "version": 2}
    link = ReplayLink(read_recording(lines))
    outcome = run(full(FULL), link, services())
    assert outcome.verdict is Verdict.PASSED
    assert link.finished


def test_a_recording_has_no_pin_unless_asked() -> None:
    assert not any("123456" in line for line in record(FakeCard()) if '"0020' in line)
    assert any("0020000003123456" in line for line in record(FakeCard(), show_secrets=True))


def test_replay_is_strict() -> None:
    lines = record(FakeCard())
    link = ReplayLink(read_recording(lines))
    link.power_on()
    with pytest.raises(LinkError, match="event 2 of the recording"):
        link.transmit(bytes.fromhex("00A40000"))
    with pytest.raises(LinkError, match=r"not apdu 0020000003\*\*\*\*\*\*$"):
        link.transmit(bytes.fromhex("0020000003123456"))
    short = ReplayLink(read_recording(lines[:2]))
    short.power_on()
    with pytest.raises(LinkError, match="ends before"):
        short.transmit(b"\0\0\0\0")


def test_other_random_numbers_do_not_replay() -> None:
    link = ReplayLink(read_recording(record(FakeCard())))
    other = services()
    with pytest.raises(LinkError, match="not apdu 00880000"):
        run(full(FULL), link, type(other)(Random(2).randbytes, other.security_module, other.pin_pad, other.host))


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["{}"], "line 1: not a cardterm-recording"),
        (["x"], "line 1: not JSON"),
        (["[]"], "not a JSON object"),
        (['{"format": "cardterm-recording", "version": 1}', '{"event": "x"}'], "line 2: event 'x'"),
        (['{"format": "cardterm-recording", "version": 1}', '{"event": "apdu", "command": "0"}'], "line 2: command"),
    ],
)
def test_bad_recordings(lines: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_recording(lines)


def test_targets() -> None:
    with open_target(Target(card="python:tests.terminal.fakes:FakeCard")) as card:
        assert card.power_on()[0] == 0x3B


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (Target(), "name one card"),
        (Target(card="a", reader="b"), "name one card"),
        (Target(card="/no/such/image"), "cardsim new"),
        (Target(card="/"), "is a file"),
        (Target(card="python:tests"), "MODULE:FACTORY"),
        (Target(card="python:no_such_module:x"), "cannot be imported"),
        (Target(card="python:tests.terminal.fakes:Nothing"), "has no Nothing"),
        (Target(card="python:builtins:dict"), "has no power_on"),
    ],
)
def test_bad_targets(target: Target, words: str) -> None:
    with pytest.raises(UsageError, match=words), open_target(target):
        pass


def test_a_factory_or_card_that_breaks_down() -> None:
    with pytest.raises(LinkError, match="factory failed"), open_target(Target(card="python:builtins:bytes.fromhex")):
        pass

    class Broken(FakeCard):
        def transmit(self, command: bytes) -> bytes:
            raise RuntimeError(f"boom {command.hex()}")

    with pytest.raises(LinkError, match="broke down in transmit: RuntimeError: boom 00000000"):
        GuardedCard(Broken()).transmit(b"\0\0\0\0")


def test_pcsc_without_pyscard(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr("terminal.links.pcsc.importlib.import_module", missing)
    with pytest.raises(LinkError, match=r"pip install 'cardsim\[pcsc\]'"):
        pcsc.PcscLink.open("0")


def fake_readers(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    class System:
        @staticmethod
        def readers() -> list[str]:
            return list(names)

    monkeypatch.setattr(pcsc, "_smartcard", lambda _module: System)


def test_readers_by_name_and_index(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_readers(monkeypatch, "Alpha 00", "Beta 00")
    assert pcsc.find_reader("1") == "Beta 00"
    assert pcsc.find_reader("alpha") == "Alpha 00"
    for wanted, words in (("7", "no reader 7"), ("gamma", "no reader 'gamma'"), ("00", "no reader|several")):
        with pytest.raises(LinkError, match=words):
            pcsc.find_reader("a 0" if wanted == "00" else wanted)
    fake_readers(monkeypatch)
    with pytest.raises(LinkError, match="no PC/SC reader is connected"):
        pcsc.find_reader("0")


def test_recording_of_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        ReplayLink.open(tmp_path / "nothing")
