"""Parameters of a terminal from outside, and what can be seen of it."""

from pathlib import Path

import pytest

from cardsim.cli.main import main as cardsim
from cardsim.resources import resource
from terminal.cli.main import main as cardterm
from terminal.downloads import RECORDS, SENSITIVE, Refused, TerminalData, install, installed, opened, sealed
from terminal.effects import Shelf
from terminal.messages.seal import BENCH_UPDATE_KEY, parameter_seal
from terminal.storage import MemoryStorage
from terminal.terminals import built_in
from tests.terminal.fakes import NOW, PIN

POS = resource("terminals", "pos.toml").read_text(encoding="utf8")
NINE = POS.replace('terminal_id = "CARDTERM"', 'terminal_id = "POS00009"')
"""The same with a number of its own."""
OTHER_KEY = bytes(range(16))


def test_a_download_is_installed() -> None:
    """TRM-024: with the right seal, in the place of an earlier one."""
    storage = MemoryStorage()
    assert installed(storage) is None
    assert install(storage, sealed(POS, 1)).version == 1
    install(storage, sealed(NINE, 2))
    found = installed(storage)
    assert found is not None
    assert (found.version, found.terminal.parameters.terminal_id) == (2, "POS00009")


@pytest.mark.parametrize(
    "wrong",
    [
        sealed(POS, 3, OTHER_KEY),
        sealed(POS, 3).replace("name =", "name  ="),
        sealed(POS, 3).replace("download 1 3", "download 1 4"),
        sealed(POS, 2),
        sealed(POS, 1),
        POS,
        "",
        sealed(POS, 3)[:-1],
    ],
    ids=["another key", "altered", "another number", "the same number", "earlier", "without seal", "empty", "cut off"],
)
def test_a_wrong_download_is_refused(wrong: str) -> None:
    """TRM-024: whoever made it has not proved who he is, or it is not whole: refused, and the old one stays active."""
    storage = MemoryStorage()
    install(storage, sealed(POS, 2))
    with pytest.raises(Refused):
        install(storage, wrong)
    found = installed(storage)
    assert found is not None
    assert (found.version, found.text) == (2, POS)


def test_a_sealed_text_that_is_no_terminal() -> None:
    """TRM-024: a right seal alone does not make it a terminal's."""
    for text in ("[terminal]", "x ="):
        seal = parameter_seal(BENCH_UPDATE_KEY, 1, text).hex().upper()
        with pytest.raises(Refused, match="nothing is installed"):
            opened(f"# cardterm-download 1 1 {seal}\n{text}")


def test_what_can_be_seen_and_changed() -> None:
    """TRM-023: time, identification and records are read; keys and internal parameters are not; nothing is changed."""
    storage = MemoryStorage()
    storage.keep(Shelf.TRANSACTIONS, "1", {"amount": "5"})
    storage.keep(Shelf.PARAMETERS, "bank", {"trace": "000007"})
    before = {shelf: storage.recall(shelf) for shelf in Shelf}
    data = TerminalData(built_in("pos"), storage, NOW)
    assert data.read("time") == (("time", {"time": "2026-11-21T12:00:00"}),)
    assert data.read("terminal")[0][1]["terminal"] == "CARDTERM"
    assert data.read("transactions") == (("1", {"amount": "5"}),)
    assert set(data.names) == {"time", "terminal", *RECORDS}
    for name in (*SENSITIVE, "anything"):
        with pytest.raises(Refused):
            data.read(name)
    for name in (*data.names, *SENSITIVE, "anything"):
        with pytest.raises(Refused):
            data.change(name)
    data.read("transactions")[0][1]["amount"] = "6"
    assert {shelf: storage.recall(shelf) for shelf in Shelf} == before


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """TRM-023, TRM-024: seal, install, a wrong seal (exit status 1), a run with what is installed, a look."""
    card, storage, made = tmp_path / "me.card", str(tmp_path / "storage"), tmp_path / "pos.download"
    assert cardsim(["new", str(card), "--seed", "7"]) == 0
    pos = tmp_path / "pos.toml"
    pos.write_text(NINE, encoding="utf8")
    desk = ["desk", "terminal"]
    assert cardterm([*desk, "seal", str(pos), "5", "--output", str(made)]) == 0
    pay = ["financial", "--card", str(card), "--pin", PIN, "--storage", storage, "--terminal", "installed"]
    assert cardterm(pay) == 2
    assert cardterm([*desk, "install", str(made), "--storage", storage]) == 0
    assert cardterm(pay) == 0
    altered = tmp_path / "altered"
    altered.write_text(made.read_text(encoding="utf8") + " ", encoding="utf8")
    capsys.readouterr()
    assert cardterm([*desk, "install", str(altered), "--storage", storage]) == 1
    assert "seal" in capsys.readouterr().err
    assert cardterm([*desk, "show", "transactions", "--storage", storage]) == 0
    assert "POS00009" in capsys.readouterr().out
    assert cardterm([*desk, "show", "parameters", "--storage", storage]) == 1
    key = tmp_path / "key"
    key.write_text("00" * 16)
    assert cardterm([*desk, "install", str(made), "--storage", storage, "--update-key", str(key)]) == 1
    key.write_text("no key")
    assert cardterm([*desk, "install", str(made), "--storage", storage, "--update-key", str(key)]) == 2
