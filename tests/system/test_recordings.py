"""`cardterm record` between programs and cards, over both PC/SC ways; and what was recorded, replayed to the byte."""

import json
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from cardsim.cli.main import main
from terminal.links.recording import Recording, load_recording
from terminal.slots import Slot
from tests.cli.support import command, environment
from tests.docs.support import run as in_process
from tests.system.station import program

SEED: Final = ("--seed", "6")
SELECT: Final = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
PYSCARD: Final = textwrap.dedent(
    """
    from smartcard.System import readers
    from smartcard.scard import SCARD_RESET_CARD
    connection = readers()[0].createConnection()
    connection.connect()
    for text in ("00A404000F7378312E73682EC9E7BBE1B1A3D5CF", "0084000008", "0020000003123456", "0020000003999999"):
        connection.transmit(list(bytes.fromhex(text)))
    connection.reconnect(disposition=SCARD_RESET_CARD)
    connection.transmit(list(bytes.fromhex("0084000008")))
    """
)
TERMINAL: Final = ("--seed", "6", "--now", "2026-11-22T09:30:00", "--pin", "123456", "--json")
NAMES: Final = {"socket": ("0", "1"), "vpcd": ("Virtual PCD 00 00", "Virtual PCD 00 01")}


def client(name: str, service: str, folder: Path) -> list[str]:
    """The command line of a program that uses the card."""
    reader, sam = NAMES[service]
    match name:
        case "opensc-tool":
            return [program(name), "-r", reader, "-a", "-s", SELECT, "-s", "0084000008"]
        case "scriptor":
            (folder / "script").write_text(f"reset\n{SELECT}\n0084000008\n")
            return [program(name), str(folder / "script")]
        case "pyscard":
            return [sys.executable, "-c", PYSCARD]
    words = ("social", "--service", "verify-pin") if name == "verify-pin" else (name,)
    slots = ("--reader", reader, *(() if name == "financial" else ("--psam-reader", sam)))
    return command("cardterm", *words, *slots, "--keys", folder / "me.card.keys.toml", *TERMINAL)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    assert main(["new", str(folder / "me.card")]) == main(["new", "--psam", str(folder / "me.psam")]) == 0
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """Card and PSAM as they were made, with their keys."""
    for file in made.iterdir():
        shutil.copy(file, tmp_path)
    return tmp_path


def run(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in words],
        cwd=cwd, env=environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def recorded(words: Sequence[str], folder: Path, *more: str) -> tuple[Recording, str]:
    """What was recorded while a program used the card, and what the program printed."""
    slots = ("--card", "me.card", "--psam", "me.psam", *SEED)
    ended = run(*command("cardterm", "record", "x.jsonl", *slots, *more, "--", *words), cwd=folder)
    assert ended.returncode == 0, ended.stderr
    return load_recording(folder / "x.jsonl"), ended.stdout


def replayed(made: Path, folder: Path, *options: str) -> dict[str, Any]:
    """The recording against card and PSAM as they were made."""
    slots = ("--card", str(made / "me.card"), "--psam", str(made / "me.psam"), "--json")
    status, output = in_process(["cardterm", "replay", str(folder / "x.jsonl"), *slots, *options])
    document = json.loads(output)
    assert isinstance(document, dict)
    assert status == (document["verdict"] != "passed")
    return document


def replays(name: str, service: str, made: Path, folder: Path) -> None:
    """Recorded, replayed strictly with the seed, and tolerantly with another one."""
    recording, _ = recorded(client(name, service, folder), folder, "--via", service)
    document = replayed(made, folder, "--strict", *SEED)
    assert document["verdict"] == "passed"
    assert document["noted"] == []
    assert document["counts"]["same"] == document["commands"] > 1
    assert "123456" not in (folder / "x.jsonl").read_text(encoding="utf-8")
    assert recording.events[-1].event == "power-off"
    assert replayed(made, folder, "--seed", "7")["verdict"] == "passed"


@pytest.mark.usefixtures("pyscard")
@pytest.mark.parametrize("name", ["opensc-tool", "full"])
def test_a_recording_replays_identically(name: str, service: str, made: Path, folder: Path) -> None:
    """Whoever used the card: from the same image and seed each byte is the same, though no PIN was recorded."""
    replays(name, service, made, folder)


@pytest.mark.pcsc
@pytest.mark.usefixtures("pyscard")
@pytest.mark.parametrize("name", ["scriptor", "pyscard", "social", "verify-pin", "financial"])
def test_every_program_replays_identically(name: str, made: Path, folder: Path) -> None:
    """The same over the socket, for all other programs and terminals."""
    replays(name, "socket", made, folder)


@pytest.mark.usefixtures("pyscard")
def test_a_recorder_is_not_noticed(service: str, made: Path, folder: Path) -> None:
    """The terminal gets what it gets from the same images without a recorder: nothing is added or followed."""
    _, seen = recorded(client("full", service, folder), folder, "--via", service)
    for file in made.iterdir():
        shutil.copy(file, folder)
    serve = command("cardsim", "serve", "me.card", "--psam", "me.psam", "--via", service, *SEED)
    without = run(*serve, "--", *client("full", service, folder), cwd=folder)
    assert json.loads(seen) == json.loads(without.stdout)


@pytest.mark.usefixtures("pyscard")
def test_a_card_in_another_reader(service: str, made: Path, folder: Path) -> None:
    """The recorder's cards are in readers of another PC/SC service, as physical ones are; our socket is in front."""
    card, sam = NAMES[service]
    inner = client("full", "socket", folder)
    record = command("cardterm", "record", "x.jsonl", "--reader", card, "--psam-reader", sam, "--", *inner)
    serve = command("cardsim", "serve", "me.card", "--psam", "me.psam", "--via", service, *SEED)
    ended = run(*serve, "--", *record, cwd=folder)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["verdict"] == "passed"
    head = load_recording(folder / "x.jsonl").head
    assert (head.card, head.psam) == (f"reader {card}", f"reader {sam}")
    document = replayed(made, folder, "--strict", *SEED)
    assert (document["verdict"], document["noted"]) == ("passed", [])


def answers(name: str, service: str, folder: Path) -> None:
    """Recorded, and answered by the recording alone."""
    words = client(name, service, folder)
    _, seen = recorded(words, folder, "--via", service)
    answered = run(
        *command("cardterm", "replay", "x.jsonl", "--as-card", "--strict", "--via", service, "--", *words), cwd=folder
    )
    assert answered.returncode == 0, answered.stderr
    assert answered.stdout == seen
    assert " 0 of them not as recorded; 0 recorded ones did not come" in answered.stderr


@pytest.mark.usefixtures("pyscard")
def test_a_recorded_card_answers_as_the_card(service: str, folder: Path) -> None:
    """The same program sees the same card: strictly, command by command."""
    answers("full", service, folder)


@pytest.mark.pcsc
@pytest.mark.usefixtures("pyscard")
@pytest.mark.parametrize("name", ["opensc-tool", "pyscard", "financial"])
def test_a_recorded_card_answers_every_program(name: str, folder: Path) -> None:
    """The same over the socket, for other programs."""
    answers(name, "socket", folder)


@pytest.mark.pcsc
def test_wireshark_opens_a_capture(folder: Path) -> None:
    """Where tshark is installed: it reads each command by its name, and the status words."""
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    recording, _ = recorded(client("social", "socket", folder), folder)
    assert run(*command("cardterm", "convert", "x.jsonl", "x.pcapng"), cwd=folder).returncode == 0
    fields = ("-T", "fields", "-E", "separator=;", "-e", "gsm_sim.apdu.ins", "-e", "gsm_sim.apdu.sw")
    shown = run("tshark", "-r", "x.pcapng", *fields, cwd=folder).stdout.splitlines()
    assert len(shown) == len(recording.events)
    for line, event in zip(shown, recording.events, strict=True):
        if event.event == "apdu" and event.slot is Slot.CARD and event.command[2:4] != "88":
            # INTERNAL AUTHENTICATE is RUN GSM ALGORITHM to Wireshark, which expects a SIM card's data.
            ins, _, status = line.partition(";")
            assert int(ins, 16) == int(event.command[2:4], 16)
            assert int(status, 16) == int(event.response[-4:], 16)
