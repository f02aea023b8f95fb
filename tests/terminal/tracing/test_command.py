"""`cardterm trace` from the outside."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.docs.console import ROOT
from tests.docs.support import run
from tests.docs.test_schemas import check

LOG = """# a session with a card
reset
00A404000F7378312E73682EC9E7BBE1B1A3D5CF
611E
00C000001E
6F1C840F7378312E73682EC9E7BBE1B1A3D5CFA50988011E9F0C038601039000
0020000003123456
9000
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "session.log"
    path.write_text(LOG)
    return path


def test_words(log: Path) -> None:
    status, output = run(["cardterm", "trace", str(log)])
    assert status == 0
    lines = [line.strip() for line in output.splitlines()]
    assert lines[0] == "Card powered on"
    assert "SSSE  GET RESPONSE (SELECT)" in lines
    assert "84 DF name 专用文件名称: 7378312E73682EC9E7BBE1B1A3D5CF (sx1.sh.社会保障)" in lines
    assert "→ 0020000003******" in lines
    assert lines[-1] == "= SSSE; PIN verified"
    assert "123456" not in output


def test_secrets_on_demand(log: Path) -> None:
    assert "0020000003123456" in run(["cardterm", "trace", "--show-secrets", str(log)])[1]


def test_json(log: Path) -> None:
    status, output = run(["cardterm", "trace", "--json", str(log)])
    documents = [json.loads(line) for line in output.splitlines()]
    assert status == 0
    for document in documents:
        check("cardterm-trace", document)
    assert [document["event"] for document in documents] == ["power-on", "apdu", "apdu", "apdu"]
    assert documents[-1]["after"]["pin"] is True
    assert "123456" not in output


def test_recording_of_a_terminal(tmp_path: Path) -> None:
    """What our own terminal has recorded, both cards of it."""
    card, psam, recording = (str(tmp_path / name) for name in ("me.card", "me.psam", "r.jsonl"))
    run(["cardsim", "new", card])
    run(["cardsim", "new", "--psam", psam])
    words = ["cardterm", "social", "--card", card, "--psam", psam, "--record", recording]
    assert run([*words, "--service", "verify-pin", "--pin", "123456"])[0] == 0
    status, output = run(["cardterm", "trace", "--json", recording])
    documents = [json.loads(line) for line in output.splitlines()]
    assert status == 0
    assert {document["slot"] for document in documents} == {"card", "psam"}
    names = {document.get("name", "") for document in documents}
    assert {"VERIFY", "READ RECORD", "DELIVERY SESSION KEY", "INTERNAL AUTHENTICATE"} <= names
    assert not any("unknown" in name for name in names)


def test_standard_input() -> None:
    status, output = run(["cardterm", "trace"], "> 00 A4 00 00 02 3F 00\n< 6106\n")
    assert status == 0
    assert "6 bytes waiting" in output


def test_a_psam_in_a_log_that_does_not_say_so() -> None:
    output = run(["cardterm", "trace", "--psam"], "> BF EC 00 00 01 51\n< 9000\n")[1]
    assert "PSAM  INITIALIZE ENVIRONMENT" in output


@pytest.mark.parametrize("text", ["nothing here\n", "", '{"format": "x"}\n'])
def test_nothing_to_decode(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text(text)
    assert run(["cardterm", "trace", str(path)])[0] == 2


def test_no_such_file(tmp_path: Path) -> None:
    assert run(["cardterm", "trace", str(tmp_path / "none")])[0] == 2


def test_a_file_that_grows(log: Path) -> None:
    """--follow tells what comes, half lines when they are whole, and ends with Ctrl-C."""
    import signal

    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf8", "PYTHONUNBUFFERED": "1"}
    argv = [sys.executable, "-m", "terminal.cli.main", "trace", "--follow", str(log)]
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, encoding="utf8") as process:
        assert process.stdout is not None
        seen: list[str] = []
        while not seen or "PIN verified" not in seen[-1]:
            seen.append(process.stdout.readline())
        with log.open("a") as file:
            file.write("00A4020002EF")
            file.flush()
            time.sleep(0.15)
            file.write("05\n9000\n")
        while "SSSE EF05" not in seen[-1]:
            seen.append(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 130
