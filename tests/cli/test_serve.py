"""`cardsim serve` through its own service: what it prints, how it ends, and what a command behind `--` sees."""

import os
import re
import shlex
import signal
import socket
import stat
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cardsim import serving
from cardsim.cli.main import main
from cardsim.reader.pcsc.server import VARIABLE
from tests.cli.support import SELECT_SSSE, Serving, assert_free, assert_one_sentence, run

SHOW_SOCKET = f'import os; print(os.environ["{VARIABLE}"])'


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_prints_one_line_and_a_signal_takes_the_card_out(number: signal.Signals, image: Path) -> None:
    with Serving(image) as served:
        assert re.fullmatch(rf"export {VARIABLE}=\S+\n", served.first_line)
        assert stat.S_IMODE(served.socket.stat().st_mode) == 0o600
        with served.client() as client:
            assert client.apdu(SELECT_SSSE) == b"\x61\x1e"
            status, out, err = served.end(number)
            assert client.closed()
        assert (status, out) == (0, "")
        assert err == "cardsim: in cardsim Virtual Reader 00 00; Ctrl-C takes it out\n"
        assert not served.socket.parent.exists()
    assert_free(image)


def test_a_signal_that_comes_at_once(image: Path) -> None:
    """From the printed line on, every signal ends it cleanly."""
    for _ in range(5):
        with Serving(image) as served:
            assert served.end()[0] == 0
            assert not served.socket.parent.exists()


def test_two_cards(image: Path) -> None:
    psam = image.with_name("psam.card")
    assert main(["new", str(psam), "--psam"]) == 0
    with Serving(image, "--psam", str(psam)) as served, served.client() as client:
        assert [state.name for state in client.states()] == [
            "cardsim Virtual Reader 00 00",
            "cardsim Virtual Reader 00 01",
        ]
        assert served.end()[0] == 0


def _copy(source: Path, target: Path) -> Path:
    target.write_bytes(source.read_bytes())
    return target


def test_a_socket_of_ones_own(image: Path) -> None:
    path = image.with_name("my own $socket")
    with Serving(image, "--socket", path) as served:
        assert shlex.split(served.first_line) == ["export", f"{VARIABLE}={path}"]
        assert served.socket == path
        with served.client() as client:
            assert client.apdu(SELECT_SSSE) == b"\x61\x1e"
        assert served.end()[0] == 0
        assert not path.exists()


def test_what_is_written_stays(image: Path) -> None:
    for tries in (5, 4):
        with Serving(image) as served, served.client() as client:
            client.apdu(SELECT_SSSE)
            assert client.apdu("0020000003999999") == bytes((0x63, 0xC0 | tries))
            assert served.end()[0] == 0
    assert "4 of 6 tries" in run("cardsim", "info", image).stdout


# --- a command ---------------------------------------------------------------------------------------------------


def test_the_command_has_standard_output_to_itself(image: Path) -> None:
    result = run("cardsim", "serve", image, "--", "sh", "-c", "echo out; echo err >&2; exit 9")
    assert (result.returncode, result.stdout, result.stderr) == (9, "out\n", "err\n")
    assert_free(image)


@pytest.mark.parametrize(("script", "status"), [("exit 0", 0), ("exit 255", 255), ("kill -9 $$", 137)])
def test_the_commands_status_is_handed_on(script: str, status: int, image: Path) -> None:
    assert run("cardsim", "serve", image, "--", "sh", "-c", script).returncode == status


def test_the_command_finds_the_socket_and_it_is_gone_afterwards(image: Path) -> None:
    result = run("cardsim", "serve", image, "--", sys.executable, "-c", SHOW_SOCKET, "--", "-x")
    assert result.returncode == 0, result.stderr
    assert not Path(result.stdout.strip()).parent.exists()


def test_a_command_that_is_none(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["no-such-program"], [str(image)], [str(image.parent)], [""]):
        capsys.readouterr()
        assert_one_sentence(main(["serve", str(image), "--", *words]), *capsys.readouterr())
    assert_free(image)


HANDLES = """
    import signal, sys
    wanted = [signal.SIGTERM, signal.SIGINT]
    signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
    print("up", flush=True)
    sys.exit(40 + signal.sigwait(wanted))
"""


@pytest.mark.parametrize(
    ("number", "group", "plain", "handled"), [(signal.SIGTERM, False, 143, 55), (signal.SIGINT, True, 130, 42)]
)
def test_a_signal_ends_the_command_and_its_status_is_handed_on(
    number: signal.Signals, group: bool, plain: int, handled: int, image: Path
) -> None:
    with Serving(image, "--", "sh", "-c", "echo up; exec sleep 60") as served:
        assert served.first_line == "up\n"
        assert served.end(number, group=group) == (plain, "", "")
    assert_free(image)
    with Serving(image, "--", sys.executable, "-c", textwrap.dedent(HANDLES)) as served:
        assert served.first_line == "up\n"
        assert served.end(number, group=group) == (handled, "", "")
    assert_free(image)


def test_ctrl_c_that_the_command_takes_for_itself(image: Path) -> None:
    """An interactive program lives on, and so does its reader."""
    program = """
        import os, signal
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        print("up", flush=True)
        for number in (1, 2, 3):
            signal.sigwait([signal.SIGINT])
            print(number, os.path.exists(os.environ["PCSCLITE_CSOCK_NAME"]), flush=True)
    """
    with Serving(image, "--", sys.executable, "-c", textwrap.dedent(program)) as served:
        for number in (1, 2, 3):
            served.process.send_signal(signal.SIGINT)
            _interrupt_child(served)
            assert served.line() == f"{number} True\n"
        assert served.process.wait() == 0


def _interrupt_child(served: Serving) -> None:
    """Ctrl-C goes to every process of the group; here one after the other, to count what each gets."""
    pid = served.process.pid
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    os.kill(int(child), signal.SIGINT)


# --- wrong use ---------------------------------------------------------------------------------------------------


def test_sockets_that_cannot_be(image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    cases = {
        "/tmp/" + "a" * 103: "takes at most 107",
        str(tmp_path / "file"): "not a socket",
        str(tmp_path): "not a socket",
        str(tmp_path / "file" / "s"): "cannot be made",
        "/proc/s": "cannot be made",
    }
    for path, reason in cases.items():
        capsys.readouterr()
        assert reason in assert_one_sentence(main(["serve", str(image), "--socket", path]), *capsys.readouterr())
    assert (tmp_path / "file").exists()


def test_a_socket_that_another_one_serves(image: Path, made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Serving(image) as served:
        other = _copy(made, image.with_name("other.card"))
        words = ["serve", str(other), "--socket", str(served.socket)]
        capsys.readouterr()
        assert "Another process" in assert_one_sentence(main(words), *capsys.readouterr())
        with served.client() as client:
            assert client.apdu(SELECT_SSSE) == b"\x61\x1e"


def test_a_socket_for_vpcd(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["serve", str(image), "--via", "vpcd", "--socket", "x"])
    assert "--socket belongs to --via socket" in assert_one_sentence(status, *capsys.readouterr())


# --- vpcd, played by the test ------------------------------------------------------------------------------------


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A port in the place of vpcd's, taken but without anyone who listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setattr(serving, "PORT", taken.getsockname()[1])
        yield taken


def test_no_pcscd(port: socket.socket, image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = assert_one_sentence(main(["serve", str(image), "--via", "vpcd"]), *capsys.readouterr(), expected=3)
    assert "apt-get install pcscd vsmartcard-vpcd" in message
    assert "sudo pcscd --foreground" in message
    assert_free(image)


@pytest.mark.parametrize("command", [[], ["--", "sleep", "0.5"]])
def test_the_reader_goes_away(
    command: list[str], port: socket.socket, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port.listen(1)

    def vpcd() -> None:
        card, _ = port.accept()
        with card:
            card.sendall(b"\0\x01\x04\0\x01\x01")
            assert card.recv(64)[2:3] == b"\x3b"

    playing = threading.Thread(target=vpcd)
    playing.start()
    status = main(["serve", str(image), "--via", "vpcd", *command])
    playing.join()
    out, err = capsys.readouterr()
    message = assert_one_sentence(status, out, err.replace(serving_note(), ""), expected=3)
    assert "pcscd closed the reader" in message
    assert_free(image)


def serving_note() -> str:
    return "cardsim: in Virtual PCD 00 00; Ctrl-C takes it out\n"
