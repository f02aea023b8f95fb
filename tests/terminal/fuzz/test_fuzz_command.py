"""`cardterm fuzz` from the command line: reports, exit statuses, sentences for wrong use."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from cardsim.keyfile import default_keyfile_path, write_keyfile
from terminal.fuzz.executor import Executor, Restart
from terminal.fuzz.findings import case_text
from terminal.fuzz.oracles.common import Watcher
from terminal.fuzz.sequence import parse_sequence
from tests.docs.support import run
from tests.docs.test_schemas import check
from tests.terminal.fuzz.oracles.bench import SSSE, WRONG_PIN, subject
from tests.terminal.fuzz.plans import image

BROKEN = ["--defect", "gpo-twice", "--against", "reference", "--only", "reference", "--seed", "2"]
QUICK = ["-j", "1", "--no-coverage", "--start", "card"]


def fuzz(*words: object) -> tuple[int, str]:
    """Exit status and output."""
    return run(["cardterm", "fuzz", *map(str, words)])


@pytest.fixture(scope="module")
def broken(card: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a campaign that has found something."""
    folder = tmp_path_factory.mktemp("broken")
    status, output = fuzz("--card", card, *BROKEN, *QUICK, "-x", "--apdus", 40_000, folder)
    assert status == 1
    assert "FAILED   1 finding\n" in output
    assert f"✗ {folder / 'findings'}/reference-pse-GET-PROCESSING-OPTIONS-80A8" in output
    return folder


def test_a_clean_card_passes(card: Path, tmp_path: Path) -> None:
    status, output = fuzz("--card", card, *QUICK, "--apdus", 300, "--json", tmp_path)
    assert status == 0
    documents = [json.loads(line) for line in output.splitlines()]
    for document in documents:
        check("cardterm-fuzz", document)
    assert documents[-1]["verdict"] == "passed"
    assert documents[-1]["apdus"] >= 300


def test_findings_are_replayed(card: Path, broken: Path) -> None:
    [finding] = (broken / "findings").iterdir()
    status, output = fuzz("--card", card, "--replay", finding / "sequence.seq", *BROKEN)
    assert status == 1
    assert "GET PROCESSING OPTIONS" in output
    assert "✗ reference: GET PROCESSING OPTIONS 80 A8 00 00 is answered" in output
    status, output = fuzz("--card", card, "--replay", finding / "original.seq")
    assert status == 0, "the clean card passes"
    assert output.endswith("PASSED\n")
    status, output = fuzz("--card", card, "--replay", finding / "sequence.seq", "--json", *BROKEN)
    check("cardterm-fuzz", json.loads(output))


def test_the_case_of_a_finding_runs(card: Path, broken: Path) -> None:
    [finding] = (broken / "findings").iterdir()
    status, output = run(["cardterm", "conform", "--card", str(card), "--cases", str(finding / "case.case"), "FUZZ"])
    assert status == 0
    assert "1 passed" in output


def test_corpus_and_findings_are_run_again(card: Path, broken: Path) -> None:
    status, output = fuzz("--card", card, "--replay-only", *BROKEN, "--json", broken)
    document = json.loads(output)
    check("cardterm-fuzz", document)
    assert (status, document["verdict"], len(document["complaints"])) == (1, "failed", 1)
    before = {path: path.stat().st_mtime_ns for path in broken.rglob("*")}
    status, output = fuzz("--card", card, "--replay-only", "--only", "never-mute", broken)
    assert (status, output.splitlines()[-1]) == (0, "PASSED")
    assert before == {path: path.stat().st_mtime_ns for path in broken.rglob("*")}, "nothing is written"


def test_the_corpus_is_thinned_out(card: Path, tmp_path: Path) -> None:
    fuzz("--card", card, *QUICK, "--apdus", 300, tmp_path)
    status, output = fuzz("--card", card, "--minimise", "states", tmp_path, "--json")
    document = json.loads(output)
    check("cardterm-fuzz", document)
    assert status == 0
    assert document["sequences"] == len(list((tmp_path / "corpus").iterdir())) <= document["before"]


def test_the_oracles_are_listed() -> None:
    status, output = fuzz("--list-oracles")
    assert status == 0
    assert "secrets  No answer holds bytes of a key or a PIN." in output
    status, output = fuzz("--list-oracles", "--json")
    check("cardterm-fuzz", json.loads(output))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "name one card"),
        (["folder"], "name one card"),
        (["--card", "PAGE"], "test_fuzz_command.py is not a card image"),
        (["--card", "none.card"], "there is no such card image"),
        (["--card", "CARD", "--apdus", "0"], "--apdus 0: at least 1"),
        (["--card", "CARD", "--defect", "nothing"], "there is no defect 'nothing'"),
        (["--card", "CARD", "--only", "nothing"], "there is no oracle 'nothing'"),
        (
            ["--card", "CARD", "--start", "nowhere", "-j", "1"],
            "there is no start 'nowhere'; there is card, virgin, blank",
        ),
        (["--card", "CARD", "--against", "none.card"], "there is no such card image"),
        (["--card", "python:a:b", "--defect", "gpo-twice"], "so it needs --card IMAGE"),
        (["--card", "python:a:b", "-j", "2"], "--jobs and --scheduler need a card image"),
        (["--card", "CARD", "--replay-only", "EMPTY"], "neither a corpus nor a finding"),
        (["--card", "CARD", "--replay", "none.seq"], "the sequence cannot be read"),
        (["--card", "CARD", "CARD"], "this is a file"),
    ],
)
def test_wrong_use(
    card: Path, tmp_path: Path, words: list[str], told: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    names = {"CARD": str(card), "EMPTY": str(tmp_path / "empty"), "PAGE": __file__}
    status, _ = fuzz(*[names.get(word, word) for word in words])
    assert status == 2
    assert told in capsys.readouterr().err
    assert not list(tmp_path.iterdir()), "wrong use leaves nothing behind"


@pytest.mark.parametrize(("defect", "status"), [("atr-historical-length", 1), ("atr-historical-cut", 0)])
def test_a_card_with_another_answer_to_reset_ends_a_campaign(
    card: Path, tmp_path: Path, defect: str, status: int
) -> None:
    """One that is no ATR at all is a finding; from one without a card's number no key is derived."""
    assert fuzz("--card", card, "--defect", defect, *QUICK, "--apdus", 50, tmp_path)[0] == status


def test_a_card_that_dies_leaves_the_sequence_in_which_it_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The module of a card may stand in the folder where the command runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "mortal.py").write_text(
        "from cardsim.testing.models import model_card\n\n\nclass Card:\n    left = 600\n"
        "    def __init__(self): self.card = model_card()\n"
        "    def power_on(self): return self.card.power_on() if self.left else 1 / 0\n"
        "    def power_off(self): self.card.power_off()\n"
        "    def transmit(self, command):\n        self.left -= 1\n"
        "        return self.card.transmit(command) if self.left else 1 / 0\n"
    )
    status, _ = fuzz("--card", "python:mortal:Card", "--no-coverage", "--apdus", 800, "dead")
    told = capsys.readouterr().err
    assert status == 3
    [finding] = (tmp_path / "dead" / "findings").iterdir()
    assert f"dead/findings/{finding.name}" in told
    assert "is not answered: the card broke down in transmit: ZeroDivisionError" in told
    assert "nor is a reset after it" in told


def test_what_is_of_another_card_is_told(
    card: Path, broken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.card"
    other.write_bytes(card.read_bytes())
    write_keyfile(default_keyfile_path(other), image().keys)
    folder = shutil.copytree(broken, tmp_path / "folder")
    fuzz("--card", other, *QUICK, "--only", "never-mute", "--apdus", 1, folder)
    assert "is a campaign of me.card" in capsys.readouterr().err
    (folder / "corpus" / "one.seq").write_text("start psam\nseed 1\nreset\n")
    fuzz("--card", other, "--replay-only", "--only", "never-mute", "--start", "card", folder)
    assert "1 not run, for want of a card that they begin with: psam (1)" in capsys.readouterr().err


def test_the_case_of_a_cut_passes_on_a_card_that_is_right(card: Path, tmp_path: Path) -> None:
    """A command in which the power was cut has no answer to expect."""

    class Complaining(Watcher):
        """Something that a cut shows."""

        name = "atomic"

        def was_reset(self, restart: Restart) -> str | None:
            return "a cut shows it" if restart.cut else None

    sequence = parse_sequence(SSSE + "cut 0\n" + WRONG_PIN)
    broken = subject()
    run_of = Executor(broken, [Complaining()]).run(sequence)
    assert run_of.complaint is not None
    (tmp_path / "case.case").write_text(case_text("a cut", sequence, run_of, broken))
    words = ["cardterm", "conform", "--card", str(card), "--cases", str(tmp_path / "case.case"), "FUZZ"]
    status, output = run(words)
    assert (status, "1 passed" in output) == (0, True)
