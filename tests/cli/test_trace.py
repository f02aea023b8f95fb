"""`cardsim serve --trace`: every exchange as a line, and no PIN or key in any of them."""

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cardsim.cli.main import main
from tests.cli.support import ATR, SELECT_SSSE, Serving, assert_one_sentence, command, environment

SECRET = "C0FFEE"
VERIFIES = {
    "right Lc": "0020000003C0FFEE",
    "Lc too small": "0020000002C0FFEE",
    "Lc zero": "0020000000C0FFEE",
    "Lc too large": "0020000008C0FFEE",
    "Le behind": "0020000003C0FFEE00",
    "more behind": "0020000003000000C0FFEE",
    "extended Lc": "00200000000003C0FFEE",
    "wrong P1 P2": "0020FF8803C0FFEE",
    "wrong CLA": "8420000003C0FFEE",
    "chained": "1020000003C0FFEE",
}
OTHERS = {
    "CHANGE PIN": "805E010007123456FFC0FFEE",
    "PIN CHANGE/UNBLOCK": "8424000003C0FFEE",
    "WRITE KEY": "84D4000003C0FFEE",
    "PUT KEY": "80D8000003C0FFEE00",
    "STORE DATA": "80E2000003C0FFEE",
    "ACTIVATE": "80F0000003C0FFEE",
}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("shown", [False, True])
def test_secrets_are_masked_unless_asked_for(shown: bool, image: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    options = ["--show-secrets"] if shown else []
    with Serving(image, "--trace", trace, *options) as served, served.client() as client:
        for apdu in (VERIFIES | OTHERS).values():
            client.apdu(apdu)
        client.apdu(SELECT_SSSE)
        for apdu in (VERIFIES | OTHERS).values():
            client.apdu(apdu)
        assert served.end()[0] == 0
    written = lines(trace)
    commands = [line["command"] for line in written if line["event"] == "apdu"]
    assert len(commands) == 2 * len(VERIFIES | OTHERS) + 1
    assert SELECT_SSSE.hex().upper() in commands
    if shown:
        assert commands[: len(VERIFIES)] == list(VERIFIES.values())
    else:
        assert SECRET not in trace.read_text()
        assert commands[: len(VERIFIES)] == [text[:10] + "**" * (len(text) // 2 - 5) for text in VERIFIES.values()]


def test_lines_tell_what_happened(image: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    trace.write_text('{"event": "kept"}\n')
    with Serving(image, "--trace", trace) as served, served.client() as client:
        client.apdu(SELECT_SSSE)
        assert served.end()[0] == 0
    kept, on, exchange, *_ = lines(trace)
    assert kept == {"event": "kept"}
    assert (on["slot"], on["event"], on["atr"]) == (0, "power-on", ATR.hex().upper())
    assert (exchange["event"], exchange["response"]) == ("apdu", "611E")
    assert exchange["command"] == SELECT_SSSE.hex().upper()
    assert on["time"] <= exchange["time"]
    assert 0 <= exchange["seconds"] < 5
    assert (exchange["name"], exchange["parameters"], exchange["before"]["text"]) == ("SELECT", "SSSE", "MF")
    assert exchange["meaning"] == "611E 30 bytes waiting for GET RESPONSE"
    assert exchange["after"]["environment"] == "ssse"


def talk(image: Path, trace: str | Path, **popen: Any) -> subprocess.CompletedProcess[str]:
    """Serve a card with a trace to a client that selects SSSE, verifies a wrong PIN and reads a record."""
    script = (
        "import os; from pathlib import Path; from tests.cli.support import *\n"
        "with CardClient(Path(os.environ[VARIABLE])) as card:\n"
        "    for apdu in (SELECT_SSSE, '00C000001E', '0020000003999999', '00B2012C00'): print(card.apdu(apdu).hex())"
    )
    return subprocess.run(
        command("cardsim", "serve", image, "--trace", trace, "--", sys.executable, "-c", script),
        env=environment(),
        text=True,
        check=True,
        **popen,
    )


def assert_words(text: str) -> None:
    """What `talk` has done, for people."""
    assert re.search(r"^\d\d:\d\d:\d\d\.\d{3} card  power-on  ATR 3B6D", text)
    assert " card  MF  SELECT  SSSE\n" in text
    assert " card  SSSE  GET RESPONSE (SELECT)\n" in text
    assert "    = SSSE\n" in text
    assert "84 DF name 专用文件名称: 7378312E73682EC9E7BBE1B1A3D5CF (sx1.sh.社会保障)" in text
    assert "→ 0020000003******" in text
    assert "999999" not in text
    assert re.search(r"63C[45] comparison failed, [45] tries left", text)


def test_words_on_standard_error(image: Path) -> None:
    """Standard output stays the command's own."""
    done = talk(image, "-", capture_output=True)
    assert done.stdout.splitlines()[0] == "611e"
    assert len(done.stdout.splitlines()) == 4
    assert_words(done.stderr)
    assert "\x1b" not in done.stderr


def test_words_on_a_terminal(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In colour, unless nobody wants it."""
    for no_colour in (False, True):
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.delenv("NO_COLOR", raising=False)
        if no_colour:
            monkeypatch.setenv("NO_COLOR", "1")
        master, slave = pty.openpty()
        talk(image, os.ttyname(slave), stdout=subprocess.DEVNULL)
        os.close(slave)
        shown = b""
        with contextlib.suppress(OSError):  # the last one has hung up
            while part := os.read(master, 65536):
                shown += part
        os.close(master)
        text = shown.decode().replace("\r\n", "\n")
        assert ("\x1b[36mSELECT\x1b[0m" in text) is not no_colour
        assert_words(re.sub(r"\x1b\[\d+m", "", text))


def test_files_that_cannot_be_a_trace(image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = image.read_bytes()
    for path, reason in ((tmp_path, "directory"), (tmp_path / "no" / "t", "No such file"), (image, "card image")):
        words = ["serve", str(image), "--trace", str(path), "--", "true"]
        capsys.readouterr()
        assert reason in assert_one_sentence(main(words), *capsys.readouterr())
    assert image.read_bytes() == before


def test_a_trace_that_cannot_be_written_on_does_not_disturb_the_card(image: Path) -> None:
    talk = (
        "import os; from pathlib import Path; from tests.cli.support import *\n"
        "with CardClient(Path(os.environ[VARIABLE])) as card: print(card.apdu(SELECT_SSSE).hex())"
    )
    result = subprocess.run(
        command("cardsim", "serve", image, "--trace", "/dev/full", "--", sys.executable, "-c", talk),
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout) == (0, "611e\n")
    assert result.stderr == "cardsim: the trace ends here, it cannot be written: No space left on device\n"
