"""`cardterm perso check` and `cardterm perso face`: a card, its data and its face, from files to reports."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from terminal.perso.check.checking import RULES
from terminal.perso.data.document import write_batch
from terminal.perso.records import Batch
from tests.docs.support import run
from tests.terminal.perso import desk
from tests.terminal.perso.check.bench import record

_NOW = ("--now", "2024-06-01")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the demo card and a batch, among whose records is the card's own."""
    folder = tmp_path_factory.mktemp("check")
    assert run(["cardsim", "new", str(folder / "me.card"), "--profile", "dual-2.0-des"])[0] == 0
    batch = Batch("B20240101", "20240101", "519900", "519900", (desk.record(1), record()))
    (folder / "batch.json").write_bytes(write_batch(batch))
    status, _ = run(["cardterm", "perso", "face", str(folder / "work"), str(folder / "batch.json")])
    assert status == 0
    return folder


def _check(place: Path, *options: str) -> tuple[int, str]:
    data = ["--data", str(place / "batch.json")]
    return run(["cardterm", "perso", "check", "--card", str(place / "me.card"), *data, *_NOW, *options])


def test_card_data_and_face(place: Path) -> None:
    """PERSO-112: the card finds its order among the data; its face is as the chip says."""
    before = (place / "me.card").read_bytes()
    status, output = _check(place, "--face", str(place / "work" / "faces" / "B20240101" / "A000001.svg"))
    assert status == 0
    assert "order A000001, 519900D156000005000001AC" in output
    assert "structure passed, keys passed, face passed, data passed" in output
    assert (place / "me.card").read_bytes() == before


def test_print_job(place: Path) -> None:
    """PERSO-109: the face of the order is taken from the print job; another order's face is not this card's."""
    job = str(place / "work" / "faces" / "B20240101.job.json")
    assert _check(place, "--job", job)[0] == 0
    status, output = run(
        ["cardterm", "perso", "check", "--card", str(place / "me.card"), "--job", job, "--order", "N000001", *_NOW]
    )
    assert status == 1
    assert "FAILED face.printed" in output
    assert "is in the chip" in output


def test_reports(place: Path, tmp_path: Path) -> None:
    """JSON, HTML and JUnit tell the same verdicts for all rules."""
    page, tests = tmp_path / "r.html", tmp_path / "r.xml"
    status, output = _check(place, "--order", "N000001", "--json", "--html", str(page), "--junit", str(tests))
    (card,) = json.loads(output)["cards"]
    assert status == 1
    verdicts = {rule["id"]: rule["verdict"] for rule in card["rules"]}
    assert list(verdicts) == [rule.id for rule in RULES]
    assert {name for name, verdict in verdicts.items() if verdict == "failed"} == {"social.data", "payment.data"}
    cases = {case.get("name"): case for case in ET.fromstring(tests.read_text(encoding="utf8")).iter("testcase")}
    assert list(cases) == list(verdicts)
    for name, case in cases.items():
        inside = [child.tag for child in case]
        assert inside == {"failed": ["failure"], "not checked": ["skipped"], "passed": []}[verdicts[str(name)]]
    text = page.read_text(encoding="utf8")
    assert text.count('class="v failed">failed<') == 4  # the check, the card, two rules
    assert "http" not in text.replace("http-equiv", "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--profile", "nothing"], "nothing is neither a profile"),
        (["--pin", "12"], "a PIN has 4 to 12 digits"),
        (["--order", "N9"], "there is no order N9"),
        (["--html", "/nowhere/r.html"], "there is no folder /nowhere"),
        (["--face", "missing.svg"], "missing.svg: No such file"),
        (["--workshop", "/nowhere"], "there is no such folder"),
        (["--now", "soon"], "write it as 2026-11-21T12:00:00"),
    ],
)
def test_wrong_use(place: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence, and exit status 2."""
    words = ["--card", str(place / "me.card"), "--data", str(place / "batch.json"), *options]
    assert run(["cardterm", "perso", "check", *words])[0] == 2
    assert message in capsys.readouterr().err


def test_workshop(place: Path, tmp_path: Path) -> None:
    """SCHEME-223: with --workshop its approvals count: a design that it has not approved fails the face."""
    face = str(place / "work" / "faces" / "B20240101" / "A000001.svg")
    assert _check(place, "--face", face, "--workshop", str(place / "work"))[0] == 0
    rows = "".join(
        f"""[[product.approval]]
authority = "{authority}"
number = "1"
scope = ""
products = ["single-chip"]
design = "debit-2"
date = 2011-06-01
"""
        for authority in ("ministry", "central-bank")
    )
    (tmp_path / "workshop.toml").write_text(rows, encoding="utf8")
    status, output = _check(place, "--face", face, "--workshop", str(tmp_path))
    assert status == 1
    assert "has not approved the face debit-1 (SCHEME-223)" in output


def test_faces_of_one_order(place: Path, tmp_path: Path) -> None:
    """--order, --design and --method."""
    words = ["--order", "A000001", "--product", "hidden-stripe", "--method", "digital", "--json"]
    status, output = run(["cardterm", "perso", "face", str(tmp_path), str(place / "batch.json"), *words])
    assert status == 0
    (card,) = json.loads(output)["cards"]
    assert (card["order"], card["product"], card["method"]) == ("A000001", "hidden-stripe", "digital")
    assert card["stripe"]["x"] == 2.92
    assert [file.name for file in (tmp_path / "faces" / "B20240101").iterdir()] == ["A000001.svg"]
