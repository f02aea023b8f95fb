"""Ctrl-C in the middle of a transaction, with the card in a PC/SC reader."""

import signal
import socket
import subprocess
from pathlib import Path

import pytest

from cardsim.cli.main import main
from cardsim.reader.pcsc.server import VARIABLE
from tests.cli.support import Serving, command, environment


@pytest.mark.pcsc
def test_ctrl_c_while_the_host_is_silent(tmp_path: Path, pyscard: None) -> None:
    """The terminal ends with status 130 and one sentence, the card loses its power, and the next run finds it ready."""
    card, trace = tmp_path / "me.card", tmp_path / "trace"
    assert main(["new", str(card)]) == 0
    words = ["financial", "--reader", "0", "--keys", f"{card}.keys.toml", "--pin", "123456"]
    with Serving(card, "--trace", trace) as serving, socket.create_server(("127.0.0.1", 0)) as silent:
        variables = environment(**{VARIABLE: str(serving.socket)})
        silent.settimeout(30)
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        waiting = command("cardterm", *words, "--host", address, "--timeout", "60")
        with subprocess.Popen(waiting, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
            line, _ = silent.accept()
            with line:
                assert line.recv(1)  # it has asked, and there is no answer
                before = trace.read_text(encoding="utf-8")
                run.send_signal(signal.SIGINT)
                _, err = run.communicate(timeout=30)
        assert (run.returncode, err) == (130, "cardterm: interrupted; the card has been powered off\n")
        told = trace.read_text(encoding="utf-8").removeprefix(before)
        assert "off" in told
        again = subprocess.run(command("cardterm", *words), env=variables, capture_output=True, text=True, check=False)
        assert (again.returncode, again.stderr) == (0, "")
        assert again.stdout.splitlines()[-1].startswith("Bank: APPROVED")
