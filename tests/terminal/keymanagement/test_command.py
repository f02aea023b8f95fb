"""`cardterm perso keys`: its words, what they say, and what they refuse."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from cardsim.commandline import Parser
from cardsim.crypto.social import Suite, card_key
from cardsim.keyfile import load_keyfile
from cardsim.making import demo
from terminal.cli.main import main
from terminal.cli.options.perso.keys import add_keys
from terminal.cli.perso.keys import _WORDS
from tests.docs.support import run
from tests.terminal.keymanagement.desk import SEED, Desk

PERSON = demo.demo(SEED)
HISTORICAL = PERSON.historical.hex()


def keys(desk: Desk, *words: str, stdin: str = "") -> list[dict[str, Any]]:
    """The rows of a word that is done."""
    word, *rest = words
    status, output = run(["cardterm", "perso", "keys", word, str(desk.folder), *rest, "--json"], stdin)
    assert status == 0
    document = json.loads(output)
    assert document["word"] == word
    rows: list[dict[str, Any]] = document["rows"]
    return rows


def refused(desk: Desk, capsys: pytest.CaptureFixture[str], *words: str, status: int = 2) -> str:
    """The sentence with which a word is refused."""
    word, *rest = words
    assert main(["perso", "keys", word, str(desk.folder), *rest]) == status
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    return said.err


def test_demo_and_list(desk: Desk) -> None:
    """Setting up again changes nothing; stores and keys are listed, values are not."""
    assert keys(desk, "demo", "--seed", str(SEED)) == keys(desk, "list")
    found = keys(desk, "list", "bank/621467")
    assert [row["name"] for row in found if row["usage"] == "personalisation"] == ["icc seed", "kmc"]
    assert PERSON.secret("kmc").hex() not in json.dumps(found).lower()


def test_a_new_key_of_components(desk: Desk, tmp_path: Path) -> None:
    """Two custodians draw components and load the key; both ceremonies of both keys stand in the minutes."""
    pins = "secret one\nsecret two\n"
    drawn = keys(
        desk, "components", "bank/621467", "kmc new", "-c", "Wang", "-c", "Li", "--media", str(tmp_path), stdin=pins
    )
    media = [f"{row['custodian']}={row['medium']}" for row in drawn]
    words = ("ceremony", "bank/621467", "kmc new", "-m", media[0], "-m", media[1])
    *given, made = keys(desk, *words, stdin=pins)
    assert [row["check value"] for row in given] == [row["check value"] for row in drawn]
    assert (made["name"], made["version"], made["state"]) == ("kmc new", 1, "active")
    assert [row["custodian"] for row in keys(desk, "minutes", "bank/621467")][-2:] == ["Wang", "Li"]
    assert made["check value"] == next(
        row["check value"] for row in keys(desk, "list", "bank/621467") if row["name"] == "kmc new"
    )


def test_a_ceremony_that_is_refused(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """PERSO-117, PERSO-118: one custodian twice, another's medium, a medium without a name, and no PIN at all."""
    drawn = keys(
        desk, "components", "bank/621467", "k", "-c", "Wang", "-c", "Li", "--media", str(tmp_path),
        stdin="secret one\nsecret two\n",
    )  # fmt: skip
    one, two = (row["medium"] for row in drawn)
    for media, text in (
        ((f"Wang={one}", f"Wang={two}"), "needs a custodian of its own"),
        ((f"Li={one}", f"Wang={two}"), "is Wang's, not Li's"),
        ((one, two), "CUSTODIAN=FILE"),
    ):
        pins = iter(["secret one", "secret two"])
        monkeypatch.setattr("terminal.cli.perso.keys.ask", lambda _, pins=pins: next(pins))
        assert text in refused(desk, capsys, "ceremony", "bank/621467", "k", "-m", media[0], "-m", media[1])
    monkeypatch.undo()
    monkeypatch.setattr("sys.stdin.readline", lambda: "")
    assert "standard input ends" in refused(desk, capsys, "ceremony", "bank/621467", "k", "-m", f"Wang={one}")
    assert "another custodian's" in refused(desk, capsys, "components", "bank/621467", "k2", "-c", "Li", "-c", "Li")


def test_another_role(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """SCHEME-187: the department asks the bank's store, is refused, and the bank's register shows it."""
    said = refused(desk, capsys, "list", "bank/621467", "--role", "department", "--officer", "Chen")
    assert "not for the department" in said
    (row,) = keys(desk, "register", "--role", "bank", "--refused")
    assert (row["officer"], row["role"], row["granted"]) == ("Chen", "department", "no")
    assert "--role" in refused(desk, capsys, "register")


def test_life_and_transport(desk: Desk, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A key is renewed, its old version destroyed; a renewed root comes down; a block goes over once."""
    assert keys(desk, "rotate", "bank/621467", "kmc")[0]["version"] == 2
    assert keys(desk, "change", "bank/621467", "kmc", "--version", "1", "--to", "destroyed")[0]["state"] == "destroyed"
    keys(desk, "rotate", "department/national", "sm4 PUK")
    assert keys(desk, "deliver", "519900") == [{"area": "519900", "keys": 1}]
    assert keys(desk, "deliver", "519900") == [{"area": "519900", "keys": 0}]
    blocks = str(tmp_path / "out.json")
    keys(desk, "export", "maker/8660", "card master", "bank/621467", blocks)
    assert keys(desk, "import", "bank/621467", blocks)[0]["name"] == "card master"
    assert "came before" in refused(desk, capsys, "import", "bank/621467", blocks)
    assert "never go to" in refused(desk, capsys, "export", "bank/621467", "kmc", "department/519900", blocks)
    for content, text in (("{}", "no key blocks"), ("", "no key blocks"), ("[" * 100_000, "no key blocks")):
        Path(blocks).write_text(content, encoding="ascii")
        assert text in refused(desk, capsys, "import", "bank/621467", blocks)
    assert "cannot be read" in refused(desk, capsys, "import", "bank/621467", str(tmp_path / "none"))


def test_switching_and_runs(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """An HSM that is off is unreachable: exit status 3; runs are listed as they were opened and closed."""
    keys(desk, "switch", "bank/621467", "off")
    assert {row["store"]: row["hsm"] for row in keys(desk, "list")}["bank/621467"] == "off"
    assert "switched off" in refused(desk, capsys, "list", "bank/621467", status=3)
    keys(desk, "switch", "bank/621467", "on")
    runs = desk.runs()
    runs.open_run("a batch")
    runs.close_run("a batch")
    (row,) = keys(desk, "runs", "--role", "bank")
    assert (row["batch"], row["by"], row["ended"]) == ("a batch", "bank officer", "ended")


def test_a_loss(desk: Desk, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """PERSO-124, PERSO-126: backup, loss and loading again, by those that workshop.toml names."""
    backup = str(tmp_path / "bank.backup")
    assert keys(desk, "backup", "bank/621467", backup, stdin="a passphrase\n")[0]["keys"] == 8
    keys(desk, "lose", "bank/621467", "kmc", "--version", "1")
    steps = keys(desk, "reload", "bank/621467", backup, "--incident", "1", stdin="a passphrase\n")
    assert [row["step"] for row in steps] == ["missed", "notified", "authorised", "reloaded"]
    assert keys(desk, "incidents", "bank/621467") == steps
    settings = desk.folder / "workshop.toml"
    settings.write_text('[keys]\nstaff = ["Chief Zhao"]\ncentre = "the centre"\n', encoding="utf8")
    keys(desk, "backup", "bank/621467", backup, "--officer", "Chief Zhao", stdin="a passphrase\n")
    settings.write_text('[keys]\nstaff = "Zhao"\nkeep_days = "x"\n', encoding="utf8")
    assert "keys.keep_days" in refused(desk, capsys, "purge", "bank/621467")
    assert keys(desk, "purge", "bank/621467", "--days", "0")[0]["purged"] == 0


def test_key_files(desk: Desk, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Keys in clear only where they are asked for; a file by command has none, and the command gives a card's key."""
    path = tmp_path / "x.keys.toml"
    assert "--show-keys" in refused(desk, capsys, "file", str(path))
    keys(desk, "file", str(path), "--show-keys")
    made = load_keyfile(path)
    assert made.ssse is not None
    assert made.ssse.roots["IRK"] == PERSON.secret("sm4 IRK")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    keys(desk, "file", str(path), "--bank", "bank/621467", "--show-keys")
    assert load_keyfile(path).bank is not None
    keys(desk, "file", str(path), "--by-command", "--show-keys")
    made = load_keyfile(path)
    assert made.ssse is not None
    assert made.ssse.command is not None
    program, *words = made.ssse.command.split()
    assert program == "cardterm"
    assert main([*words, "IRK", "sm4", demo.AREA, HISTORICAL]) == 0
    expected = card_key(Suite.SM4, PERSON.secret("sm4 IRK"), demo.AREA, PERSON.historical)
    assert bytes.fromhex(capsys.readouterr().out) == expected
    card = ("card-key", "IRK", "sm4", demo.AREA)
    assert "--show-keys" in refused(desk, capsys, *card, HISTORICAL)
    assert "no hex" in refused(desk, capsys, *card, "xx", "--show-keys")
    assert keys(desk, *card, HISTORICAL, "--show-keys")[0]["key"] == expected.hex().upper()


def test_wrong_stores(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """A store that is none, or is not there, is told in a sentence."""
    for store, text in (
        ("x/1", "is written as"),
        ("bank", "is written as"),
        ("bank/1", "no key store"),
        ("bank/../x", "is"),
    ):
        assert text in refused(desk, capsys, "list", store)


def test_every_word_is_there() -> None:
    """Each word of the options has its function, and the other way round."""
    parser = Parser(prog="keys")
    add_keys(parser)
    choices = next(action.choices for action in parser._actions if action.dest == "what")
    assert isinstance(choices, dict)
    assert set(choices) == set(_WORDS)
