"""The two commands themselves over PC/SC: `cardsim serve` with other people's clients, and `cardterm` as a client."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cardsim.assembly import open_card
from cardsim.cli.main import main
from cardsim.iso7816.card import Card
from cardsim.keyfile import write_keyfile
from cardsim.reader.pcsc.server import VARIABLE
from tests import cards
from tests.cli.support import Serving, command, environment
from tests.system.cards import ATR, PSAM_ATR, SELECT_SSSE, demo_card
from tests.system.station import Client, SocketStation, Station, VpcdStation, program

pytestmark = pytest.mark.usefixtures("pyscard")

OK, SHARED, EMPTY, PRESENT = 0, 2, 0x0010, 0x0020
WRONG, RIGHT = "0020000003999999", "0020000003123456"
VERDICTS = {"social": "passed", "financial": "approved", "full": "passed"}


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A demo card in a file, with its keys beside it."""
    path = tmp_path / "me.card"
    assert main(["new", str(path)]) == 0
    return path


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """The key file of the demo card."""
    path = tmp_path / "keys.toml"
    write_keyfile(path, cards.card(on=False).keys)
    return path


def way(service: str) -> list[str]:
    return ["--via", "vpcd"] if service == "vpcd" else []


def name(service: str) -> str:
    return VpcdStation.reader if service == "vpcd" else SocketStation.reader


# --- cardsim serve -- COMMAND ------------------------------------------------------------------------------------


def serve(image: Path, service: str, *client: str) -> subprocess.CompletedProcess[str]:
    """`cardsim serve IMAGE … -- CLIENT`. A service that an earlier shell exported must not lead vpcd's clients away."""
    stray = {VARIABLE: "/nowhere"} if service == "vpcd" else {}
    return subprocess.run(
        command("cardsim", "serve", image, *way(service), "--", *client),
        env=environment(**stray),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_opensc_lists_the_reader(service: str, image: Path) -> None:
    result = serve(image, service, program("opensc-tool"), "-l")
    assert (result.returncode, result.stderr) == (0, "")
    (row,) = [line.split(None, 2) for line in result.stdout.splitlines() if line.rstrip().endswith(name(service))]
    assert row[1] == "Yes"


def test_opensc_reads_the_atr(service: str, image: Path) -> None:
    result = serve(image, service, program("opensc-tool"), "--reader", name(service), "--atr")
    assert (result.returncode, result.stdout.strip()) == (0, ATR.hex(":"))


@pytest.mark.parametrize("terminal", VERDICTS)
def test_terminals_behind_the_dashes(terminal: str, service: str, image: Path) -> None:
    words = command("cardterm", terminal, "--reader", "0", "--keys", f"{image}.keys.toml", "--json")
    result = serve(image, service, *words)
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout)["verdict"] == VERDICTS[terminal]


# --- cardterm ----------------------------------------------------------------------------------------------------


def cardterm(station: Station, *words: str | Path) -> subprocess.CompletedProcess[str]:
    variables = environment(**station.variables)
    return subprocess.run(
        command("cardterm", *words), env=variables, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("terminal", VERDICTS)
def test_the_terminals_pass(terminal: str, station: Station, keys: Path) -> None:
    result = cardterm(station, terminal, "--reader", "0", "--keys", keys, "--json")
    assert (result.returncode, result.stderr) == (0, "")
    content = json.loads(result.stdout)
    assert content["verdict"] == VERDICTS[terminal]
    if terminal == "full":
        assert (content["social"]["verdict"], content["financial"]["verdict"]) == ("passed", "approved")
    atrs = [event["atr"] for event in content["transcript"] if event["event"] == "power-on"]
    assert atrs == [ATR.hex().upper()]


def test_a_reader_by_name(station: Station, keys: Path) -> None:
    result = cardterm(station, "social", "--reader", station.reader, "--keys", keys)
    assert result.returncode == 0, result.stderr
    assert "PASSED" in result.stdout


@pytest.mark.parametrize("reader", ["1", "2", "no such reader"])
def test_a_reader_without_a_card(reader: str, station: Station, keys: Path) -> None:
    result = cardterm(station, "social", "--reader", reader, "--keys", keys)
    assert result.returncode == 3
    assert "powered on" not in result.stdout
    assert_sentence(result.stderr)


def assert_sentence(text: str) -> None:
    assert text.startswith("cardterm: ")
    assert text.count("\n") == 1
    assert "Traceback" not in text


class Pulled:
    """A card that asks to be pulled out after so many commands, and is slow from then on."""

    def __init__(self, card: Card, after: int) -> None:
        self.due = threading.Event()
        self._card, self._left = card, after

    def power_on(self) -> bytes:
        return self._card.power_on()

    def transmit(self, command: bytes) -> bytes:
        self._left -= 1
        if self._left == 0:
            self.due.set()
        elif self._left < 0:
            time.sleep(0.1)
        return self._card.transmit(command)

    def power_off(self) -> None:
        self._card.power_off()


@pytest.mark.parametrize("after", [1, 30, 60])
def test_the_card_is_pulled_out_in_the_middle(after: int, station: Station, keys: Path) -> None:
    station.remove()
    card = Pulled(demo_card(), after)

    def pull() -> None:
        assert card.due.wait(30)
        station.remove()

    station.insert(card)
    pulling = threading.Thread(target=pull)
    pulling.start()
    result = cardterm(station, "full", "--reader", "0", "--keys", keys)
    pulling.join()
    assert result.returncode == 3, result.stdout
    assert_sentence(result.stderr)
    assert "PASSED — both sides" not in result.stdout


def test_the_card_is_pulled_out_with_json(station: Station, keys: Path) -> None:
    station.remove()
    card = Pulled(demo_card(), 20)
    station.insert(card)
    pulling = threading.Thread(target=lambda: card.due.wait(30) and station.remove())
    pulling.start()
    result = cardterm(station, "full", "--reader", "0", "--keys", keys, "--json")
    pulling.join()
    assert (result.returncode, result.stdout) == (3, "")
    assert_sentence(result.stderr)


# --- the serving process dies ------------------------------------------------------------------------------------


class Served(Station):
    """Clients of a card that `cardsim serve` has in a reader."""

    def __init__(self, service: str, serving: Serving) -> None:
        super().__init__()
        self.reader = name(service)
        self._serving = serving if service == "socket" else None

    @property
    def variables(self) -> dict[str, str]:
        return {VARIABLE: str(self._serving.socket)} if self._serving else {}

    def insert(self, card: Card, slot: int = 0) -> None:
        raise NotImplementedError

    def remove(self, slot: int = 0) -> None:
        raise NotImplementedError


class ServingVpcd(Serving):
    """With vpcd there is no line to wait for on standard output; the note says that the card is in."""

    def line(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.readline()


def serving(service: str, image: Path) -> Serving:
    return ServingVpcd(image, "--via", "vpcd") if service == "vpcd" else Serving(image)


@pytest.fixture
def left_empty(service: str) -> Iterator[None]:
    """After a killed process pcscd needs a moment to see that the card is gone; the next test begins after it."""
    yield
    if service == "vpcd":
        time.sleep(1.0)


@pytest.mark.usefixtures("left_empty")
def test_sigkill_in_the_middle_is_a_power_cut(service: str, image: Path) -> None:
    with serving(service, image) as served, Client(Served(service, served)) as client:
        assert client.call("connect", name(service), SHARED)[0] == OK
        assert client.call("transmit", SELECT_SSSE.hex()) == [OK, "611e"]
        tries = 6
        cut = threading.Timer(0.3, served.process.kill)
        cut.start()
        while True:
            wrong = tries > 3
            status, answer = client.call("transmit", WRONG if wrong else RIGHT)
            if status != OK or not answer:  # for vpcd a command whose card has vanished is a success without answer
                break
            tries = tries - 1 if wrong else 6
            assert answer == (f"63c{tries}" if wrong else "9000")
        cut.join()
        assert served.process.wait() == -signal.SIGKILL
        assert client.call("transmit", SELECT_SSSE.hex())[0] != OK
    with open_card(image) as card:
        assert card.power_on() == ATR
        assert card.transmit(SELECT_SSSE) == b"\x61\x1e"
        left = (card.transmit(bytes.fromhex(WRONG))[1] & 0x0F) + 1
        assert left in ({tries, tries - 1} if wrong else {tries, tries - 1, 6})


@pytest.mark.usefixtures("left_empty")
def test_sigterm_while_a_client_is_connected(service: str, image: Path) -> None:
    with serving(service, image) as served, Client(Served(service, served)) as client:
        assert client.call("connect", name(service), SHARED)[0] == OK
        assert client.call("transmit", SELECT_SSSE.hex()) == [OK, "611e"]
        status, out, _ = served.end()
        assert (status, out) == (0, "")
        assert client.call("transmit", SELECT_SSSE.hex())[0] != OK
    with open_card(image) as card:
        assert card.power_on() == ATR


def test_two_cards_at_once(service: str, image: Path, tmp_path: Path) -> None:
    other = tmp_path / "psam.card"
    subprocess.run(command("cardsim", "new", other, "--psam"), env=environment(), check=True, capture_output=True)
    script = (
        "from smartcard.System import readers\n"
        "for reader in readers():\n"
        "    connection = reader.createConnection(); connection.connect()\n"
        "    print(reader, bytes(connection.getATR()).hex())\n"
    )
    words = command("cardsim", "serve", image, "--psam", other, *way(service), "--", sys.executable, "-c", script)
    result = subprocess.run(words, env=environment(), capture_output=True, text=True, timeout=30, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    stem = name(service).removesuffix("0")
    assert result.stdout.splitlines() == [f"{stem}0 {ATR.hex()}", f"{stem}1 {PSAM_ATR.hex()}"]
