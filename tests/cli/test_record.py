"""`cardterm record` and `replay --as-card` as processes: killed, asked to end, and with cards that go away."""

import json
import os
import shlex
import signal
import subprocess
from pathlib import Path

import pytest

from cardsim.reader.pcsc.server import VARIABLE
from terminal.cli.main import main
from terminal.links.recording import load_recording
from tests.cli.support import (
    ATR,
    PATIENCE,
    ROOT,
    SELECT_SSSE,
    CardClient,
    assert_free,
    assert_one_sentence,
    command,
    environment,
    run,
)

CLIENT = """
import os
from pathlib import Path
from tests.cli.support import CardClient
with CardClient(Path(os.environ["PCSCLITE_CSOCK_NAME"])) as client:
    client.apdu("0084000008")
"""


class Recording:
    """`cardterm record` without a command, in a process group of its own."""

    def __init__(self, image: Path, path: Path) -> None:
        self.process = subprocess.Popen(
            command("cardterm", "record", path, "--card", image, "--socket", path.with_suffix(".sock")),
            env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        words = shlex.split(self.process.stdout.readline())
        assert words[0] == "export"
        self.socket = Path(words[1].removeprefix(f"{VARIABLE}="))

    def end(self, number: signal.Signals) -> int:
        """Send a signal; the exit status."""
        os.killpg(self.process.pid, number)
        self.process.communicate(timeout=PATIENCE)
        return self.process.returncode


@pytest.mark.parametrize(
    ("number", "status", "events"), [(signal.SIGKILL, -9, 4), (signal.SIGTERM, 0, 5), (signal.SIGINT, 0, 5)]
)
def test_an_abort_loses_nothing(number: signal.Signals, status: int, events: int, image: Path, tmp_path: Path) -> None:
    """Whoever got an answer finds it in the file, even after SIGKILL; a clean end takes the card out besides."""
    path = tmp_path / "x.jsonl"
    recording = Recording(image, path)
    with CardClient(recording.socket) as client:
        answers = [client.apdu(text) for text in (SELECT_SSSE.hex(), "0084000008", "0020000003123456")]
        assert recording.end(number) == status
    found = load_recording(path)
    assert not found.cut
    assert len(found.events) == events
    assert [bytes.fromhex(event.response) for event in found.events[:4]] == [ATR, *answers]
    assert found.events[3].command == "0020000003******"
    assert_free(image)


def test_a_card_that_goes_away(tmp_path: Path) -> None:
    """The program is told by PC/SC, the recording has what was before, and the exit status is 3."""
    path = tmp_path / "x.jsonl"
    (tmp_path / "cards.py").write_text(
        "class Card:\n"
        "    def power_on(self): return bytes.fromhex('3B00')\n"
        "    def power_off(self): pass\n"
        "    def transmit(self, command): raise OSError('pulled')\n"
    )
    words = command("cardterm", "record", path, "--card", "python:cards:Card", "--")
    ended = subprocess.run(
        [*words, *command("cardterm", "--version")[:1], "-c", CLIENT],
        env=environment(PYTHONPATH=f"{ROOT}:{tmp_path}"), capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert ended.returncode == 3
    assert ended.stderr.splitlines()[-1] == "cardterm: the card broke down in transmit: OSError: pulled"
    assert [event.event for event in load_recording(path).events] == ["power-on", "power-off"]


def test_the_status_is_that_of_the_command(image: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    ended = run("cardterm", "record", path, "--card", image, "--", "sh", "-c", "exit 7")
    assert ended.returncode == 7
    head = json.loads(path.read_text(encoding="utf-8").splitlines()[0])
    assert head["program"] == "sh"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("record", "x", "--card", "me.card", "--"), "behind -- stands the command"),
        (("record", "x", "--card", "me.card", "--", "no-such-program"), "cannot be run"),
        (("record", "me.card", "--card", "me.card", "--", "true"), "is not written over"),
        (("record", "no/x", "--card", "me.card", "--", "true"), "cannot be written"),
        (
            ("record", "x", "--card", "me.card", "--via", "vpcd", "--socket", "s", "--", "true"),
            "belongs to --via socket",
        ),
        (("replay", "me.jsonl", "--as-card", "--card", "me.card"), "takes no other one"),
        (("replay", "me.jsonl", "--card", "me.card", "--", "true"), "belongs to --as-card"),
        (("replay", "me.jsonl"), "name one card"),
        (("replay", "none", "--card", "me.card"), "cannot be read"),
        (("replay", "me.jsonl", "--as-card", "--json"), "--json belongs to"),
    ],
)
def test_wrong_use(
    words: tuple[str, ...],
    sentence: str,
    image: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(image.parent)
    Path("me.jsonl").write_text(
        '{"format": "cardterm-recording", "version": 2}\n{"event": "power-on", "atr": "3B00"}\n'
    )
    status = main(words)
    captured = capsys.readouterr()
    assert sentence in assert_one_sentence(status, captured.out, captured.err)
