"""`cardterm diff` from the command line: reports, accepted differences, exit statuses, sentences for wrong use."""

import json
import shutil
from pathlib import Path

import pytest

from cardsim.keyfile import default_keyfile_path
from tests.docs.support import run
from tests.docs.test_schemas import check
from tests.terminal.compare.bench import image
from tests.terminal.compare.test_sides import GUESSES

TRIES = ("--with-defect", "key-tries-not-lowered")


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """An image with its key file."""
    path = tmp_path / "me.card"
    shutil.copy(image(), path)
    shutil.copy(default_keyfile_path(image()), default_keyfile_path(path))
    return path


@pytest.fixture
def guesses(tmp_path: Path) -> Path:
    """Wrong authentications."""
    path = tmp_path / "guesses.seq"
    path.write_text(f"start card\n{GUESSES}\n", encoding="utf-8")
    return path


def diff(*words: object) -> tuple[int, str]:
    """Exit status and output."""
    return run(["cardterm", "diff", *map(str, words)])


def test_the_first_difference_is_shown_with_its_bytes(card: Path, guesses: Path) -> None:
    status, output = diff("--card", card, *TRIES, guesses)
    assert status == 1
    lines = output.splitlines()
    at = lines.index(f"FIRST DIFFERENCE  {guesses}, step 5")
    assert lines[at + 1 : at + 3] == ["    EXTERNAL AUTHENTICATE  RKSSSE", "    state   SSSE; challenge waiting"]
    answers = [line for line in lines if line.startswith(("    first   63C", "    second  63C"))]
    assert len(answers) == 2
    assert lines[lines.index(answers[1]) + 1].split() == ["^^"]
    assert "the first is right: the clean model of" in output
    assert "SSC part 5 §6.4" in output
    assert lines[-1] == "FAILED   1 kind of difference, 0 accepted"


def test_the_document_follows_its_schema(card: Path, guesses: Path) -> None:
    status, output = diff("--card", card, *TRIES, guesses, "--json")
    document = json.loads(output)
    check("cardterm-diff", document)
    assert (status, document["verdict"], document["groups"][0]["right"]) == (1, "failed", "first")
    assert document["groups"][0]["followed"] == 1
    status, output = diff("--card", card, "--with-card", card, "--apdus", 200, "--start", "card", "--json")
    document = json.loads(output)
    check("cardterm-diff", document)
    assert (status, document["verdict"], document["first_difference"]) == (0, "passed", None)
    assert document["commands"] >= 150


def test_accepted_differences(card: Path, guesses: Path, tmp_path: Path) -> None:
    known = tmp_path / "known.toml"
    assert diff("--card", card, *TRIES, guesses, "--write-accepted", known)[0] == 1
    text = known.read_text(encoding="utf-8")
    assert text.count("[[accepted]]") == 1
    assert diff("--card", card, *TRIES, guesses, "--accepted", known) == (2, ""), "an entry needs its reason"
    known.write_text(text.replace('reason = ""', 'reason = "the card of 2019"'), encoding="utf-8")
    status, output = diff("--card", card, *TRIES, guesses, "--accepted", known)
    assert status == 0
    assert "accepted: the card of 2019" in output
    status, output = diff("--card", card, "--with-card", card, guesses, "--accepted", known)
    assert status == 0
    assert "not seen: accepted difference (command EXTERNAL AUTHENTICATE" in output


def test_a_pattern_accepts_only_what_it_fits(card: Path, guesses: Path, tmp_path: Path) -> None:
    known = tmp_path / "known.toml"
    entry = '[[accepted]]\ncommand = "{}"\npart = "status*"\nreason = "because"\n'
    known.write_text(entry.format("EXTERNAL*"), encoding="utf-8")
    assert diff("--card", card, *TRIES, guesses, "--accepted", known)[0] == 0
    known.write_text(entry.format("INTERNAL*"), encoding="utf-8")
    assert diff("--card", card, *TRIES, guesses, "--accepted", known)[0] == 1


def test_scripts_recordings_and_folders(card: Path, guesses: Path, tmp_path: Path) -> None:
    script = tmp_path / "select.hex"
    script.write_text("reset\n00A404000E315041592E5359532E4444463031\n00C0000020 # Le is wrong\n", encoding="utf-8")
    assert diff("--card", card, "--with-card", card, script)[0] == 0
    record = tmp_path / "visit.jsonl"
    words = ["cardterm", "social", "--card", str(card), "--service", "verify-pin", "--pin", "123456"]
    run([*words, "--record", str(record)])
    assert "**" in record.read_text(encoding="utf-8"), "the PIN was not recorded"
    status, output = diff("--card", card, "--with-defect", "pin-tries-not-lowered", record, "--json")
    document = json.loads(output)
    assert (status, document["skipped"], document["verdict"]) == (0, 0, "passed")
    other = tmp_path / "other.card"
    shutil.copy(card, other)
    keys = default_keyfile_path(card).read_text(encoding="utf-8")
    default_keyfile_path(other).write_text(keys.replace('\npin = "123456"', '\npin = "654321"'), encoding="utf-8")
    status, output = diff("--card", card, "--with-card", other, record, "--json")
    first = json.loads(output)["first_difference"]
    assert (status, first["name"]) == (1, "VERIFY"), "each card gets the PIN of its own key file"
    assert (first["first"]["answer"], first["second"]["answer"][:3]) == ("9000", "63C")
    status, output = diff("--card", card, "--with-defect", "pin-ends-in-df", guesses.parent, "--json")
    assert (status, json.loads(output)["sequences"]) == (0, 1)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "name one card"),
        (("--card", "CARD"), "name the card to compare with"),
        (("--card", "CARD", "--with-card", "none.card"), "there is no such card image"),
        (("--card", "CARD", "--with-defect", "no-such"), "there is no defect 'no-such'"),
        (("--card", "CARD", "--with-card", "CARD", "none.hex"), "none.hex: cannot be read"),
        (("--card", "CARD", "--with-card", "CARD", "--accepted", "none.toml"), "none.toml: accepted differences"),
        (("--card", "CARD", "--with-card", "CARD", "--cases", "NOSUCH"), "no case, group or requirement begins with"),
        (("--card", "CARD", "--with-card", "CARD", "--cases", "SSSE", "--apdus", "5"), "--cases runs conformance"),
        (("--card", "CARD", "--with-card", "CARD", "--start", "nowhere"), "there is no start 'nowhere'"),
        (("--card", "CARD", "--with-card", "CARD", "--apdus", "0"), "--apdus 0: at least 1"),
        (("--card", "CARD", "--with-card", "CARD", "--write-accepted", "CARD"), "is not written over"),
        (("--card", "CARD", "--with-psam", "CARD"), "one side is a card and the other a PSAM"),
        (("--card", "python:cardsim.assembly:new_card", "--with-defect", "gpo-twice"), "name the card to compare with"),
    ],
)
def test_wrong_use(
    words: tuple[str, ...], sentence: str, card: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(card.parent)
    status, output = diff(*(word.replace("CARD", card.name) if word.isupper() else word for word in words))
    assert (status, output) == (2, "")
    error = capsys.readouterr().err
    assert sentence in error
    assert "Traceback" not in error
    assert len(error.splitlines()) == 1


def test_secrets_are_not_told(card: Path, tmp_path: Path) -> None:
    path = tmp_path / "pin.seq"
    path.write_text("start card\n>> 00 A4 04 00 {lc} {name ssse}\n> 00 20 00 00 {lc} {pin}\n", encoding="utf-8")
    words = ("--card", card, "--with-card", image(seed=4), path, "--measure", "bytes")
    status, output = diff(*words)
    assert status == 1
    assert "123456" not in output


def test_an_interrupted_comparison_has_not_passed(card: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("terminal.cli.diff._compare", stopped)
    status, output = diff("--card", card, "--with-card", card)
    assert (status, output.splitlines()[-1]) == (130, "INTERRUPTED   0 kinds of difference, 0 accepted")
