"""`cardterm fuzz` from the command line: reports, exit statuses, sentences for wrong use."""

import json
from pathlib import Path

import pytest

from cardsim.keyfile import default_keyfile_path, write_keyfile
from tests.docs.support import run
from tests.docs.test_schemas import check
from tests.terminal.fuzz.plans import image

BROKEN = ["--defect", "gpo-twice", "--against", "reference", "--only", "reference", "--seed", "2"]
QUICK = ["-j", "1", "--no-coverage", "--start", "card"]


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image with its key file."""
    path = tmp_path_factory.mktemp("card") / "me.card"
    path.write_bytes(image().content)
    write_keyfile(default_keyfile_path(path), image().keys)
    return path


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
