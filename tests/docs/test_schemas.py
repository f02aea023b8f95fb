"""Real JSON of every command follows its schema in docs/json."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from terminal.perso.data.document import write_batch
from terminal.perso.records import Batch
from tests.docs.console import ROOT
from tests.docs.support import captured, run, tool
from tests.docs.validator import problems
from tests.terminal.perso import desk
from tests.terminal.perso.check.bench import record

SCHEMAS = ROOT / "docs" / "json"


def check(name: str, document: Any) -> None:
    """Hold one document against a schema."""
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf8"))
    assert problems(document, schema) == []


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo card."""
    path = tmp_path_factory.mktemp("card") / "me.card"
    assert run(["cardsim", "new", str(path)])[0] == 0
    return path


@pytest.mark.parametrize(
    "kind", [[], ["--blank"], ["--profile", "bank-offline-pin"], ["--psam"], ["--psam", "--blank"]]
)
def test_info(kind: list[str], tmp_path: Path) -> None:
    """cardsim info --json."""
    path = str(tmp_path / "x.card")
    run(["cardsim", "new", path, *kind])
    status, output = run(["cardsim", "info", path, "--json"])
    assert status == 0
    check("cardsim-info", json.loads(output))


def test_defects() -> None:
    """cardsim defects --json, all and those of one side."""
    for side in ([], ["pse"]):
        status, output = run(["cardsim", "defects", *side, "--json"])
        assert status == 0
        check("cardsim-defects", json.loads(output))


@pytest.mark.parametrize(
    ("argv", "status"),
    [
        (["social"], 0),
        (["social", "--service", "verify-pin", "--pin", "123456"], 0),
        (["social", "--now", "2050-01-01"], 1),
        (["financial"], 0),
        (["financial", "--country", "0840"], 0),
        (["financial", "--atm", "--type", "cash", "--amount", "100"], 0),
        (["financial", "--offline"], 0),
        (["financial", "--atm", "--type", "load", "--amount", "100"], 0),
        (["financial", "--counter", "--type", "deposit"], 0),
        (["financial", "--counter", "--type", "pin-change", "--pin", "123456", "--new-pin", "654321"], 0),
        (["full"], 0),
        (["full", "--now", "2050-01-01"], 1),
    ],
    ids=[
        "social",
        "PIN",
        "expired",
        "financial",
        "abroad",
        "cash",
        "offline",
        "load",
        "deposit",
        "change of PIN",
        "full",
        "both expired",
    ],
)
def test_terminals(card: Path, argv: list[str], status: int) -> None:
    """cardterm social, financial and full, well and not well."""
    ended, output = run(["cardterm", *argv, "--card", str(card), "--json"])
    assert ended == status
    check(f"cardterm-{argv[0]}", json.loads(output))


@pytest.mark.parametrize("kind", ["balance", "log"])
def test_inquiry(card: Path, kind: str) -> None:
    """cardterm financial --type balance and log --json."""
    ended, output = run(["cardterm", "financial", "--type", kind, "--card", str(card), "--json"])
    assert ended == 0
    check("cardterm-inquiry", json.loads(output))


@pytest.mark.parametrize("kind", ["sign-on", "settle"])
def test_day(card: Path, kind: str, tmp_path: Path) -> None:
    """cardterm financial --type sign-on and settle --json."""
    kept = ["--card", str(card), "--storage", str(tmp_path / "storage"), "--books", str(tmp_path / "books")]
    assert run(["cardterm", "financial", *kept])[0] == 0
    status, output = run(["cardterm", "financial", "--type", kind, *kept, "--json"])
    assert status == 0
    check("cardterm-day", json.loads(output))


@pytest.mark.parametrize("words", ["bank cards", "bank clearing", "bank audit", "social blacklist", "switch clear"])
def test_desk(card: Path, words: str, tmp_path: Path) -> None:
    """cardterm desk --json."""
    books = ["--books", str(tmp_path / "books")]
    assert run(["cardterm", "financial", "--card", str(card), *books])[0] == 0
    status, output = run(["cardterm", "desk", *words.split(), *books, "--json"])
    assert status == 0
    check("cardterm-desk", json.loads(output))


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("show", 0),
        ("fee --county 510101 --kind exchange", 0),
        ("check --county 510101", 0),
        ("check --county 510101 --historical 00", 1),
        ("report --quarter 2026Q3 --now 2026-11-22", 0),
    ],
)
def test_perso_product(words: str, status: int, tmp_path: Path) -> None:
    """cardterm perso product --json."""
    word, *options = words.split()
    ended, output = run(["cardterm", "perso", "product", word, str(tmp_path), *options, "--json"])
    assert ended == status
    check("cardterm-product", json.loads(output))


def test_perso_produce(tmp_path: Path) -> None:
    """cardterm perso produce --json, of a batch that is taken in and of a site that nobody watches."""
    work = tmp_path / "work"
    batch = tmp_path / "batch.json"
    batch.write_bytes(write_batch(Batch("B1", "20240101", "519900", "519900", (record(), desk.record()))))
    status, output = run(["cardterm", "perso", "produce", "take", str(work), str(batch), "--json"])
    assert status == 0
    check("cardterm-produce", json.loads(output))
    (work / "workshop.toml").write_text("[production.monitoring]\non = false\n", encoding="utf8")
    status, output = run(["cardterm", "perso", "produce", "audit", str(work), "--json"])
    assert status == 1
    check("cardterm-produce", json.loads(output))


def test_perso_data(tmp_path: Path) -> None:
    """cardterm perso data --json, of each word."""
    file, records = str(tmp_path / "a.csv"), tmp_path / "records.txt"
    records.write_text("0101 5A020102\n")
    kind = ("--kind", "applications")
    for words, status in (
        (["samples", file, "--count", "3", "--wrong", "1", "--duplicates", "1", "--no-photos"], 0),
        (["check", file, *kind], 1),
        (["convert", file, str(tmp_path / "b.xlsx"), *kind], 1),
        (["check", str(tmp_path / "b.xlsx"), *kind], 0),
        (["records", str(records), "--afl", "08010100"], 1),
    ):
        ended, output = run(["cardterm", "perso", "data", *words, "--json"])
        assert ended == status
        check("cardterm-data", json.loads(output))


def test_perso_check(tmp_path: Path) -> None:
    """cardterm perso check --json, of a card that nobody has paid with."""
    card = str(tmp_path / "new.card")
    run(["cardsim", "new", card])
    status, output = run(["cardterm", "perso", "check", "--card", card, "--json"])
    assert status == 0
    check("cardterm-check", json.loads(output))


def test_perso_face(tmp_path: Path) -> None:
    """cardterm perso face --json, which is the print job."""
    batch = tmp_path / "batch.json"
    batch.write_bytes(write_batch(Batch("B1", "20240101", "519900", "519900", (record(), desk.record()))))
    status, output = run(["cardterm", "perso", "face", str(tmp_path / "work"), str(batch), "--json"])
    assert status == 0
    check("cardterm-print-job", json.loads(output))
    check("cardterm-print-job", json.loads((tmp_path / "work" / "faces" / "B1.job.json").read_bytes()))


def test_perso_psam(tmp_path: Path) -> None:
    """cardterm perso psam --json."""
    taken = ("519900000001", "--by", "b")
    for words in (
        ["make", "--by", "a", "--party", "base"],
        ["list"],
        ["make", "--by", "a", "--resume"],
        ["register", "issue", *taken, "--to", "c", "--unit", "d", "--device", "e"],
        ["list", "--terminal", "519900000001"],
    ):
        ended, output = run(["cardterm", "perso", "psam", words[0], str(tmp_path), *words[1:], "--json"])
        assert ended == 0
        check("cardterm-psam", json.loads(output))


def test_perso_keys(tmp_path: Path) -> None:
    """cardterm perso keys --json."""
    for words in (
        "demo",
        "list",
        "list bank/621467",
        "minutes bank/621467",
        "register --role maker",
        "purge maker/8660",
    ):
        word, *options = words.split()
        status, output = run(["cardterm", "perso", "keys", word, str(tmp_path), *options, "--json"])
        assert status == 0
        check("cardterm-keys", json.loads(output))


@pytest.mark.parametrize("options", [[], ["--decode"]], ids=["plain", "decode"])
def test_apdu(card: Path, options: list[str]) -> None:
    """cardterm apdu --json."""
    lines = "reset\n00A404000F7378312E73682EC9E7BBE1B1A3D5CF\n00C000001E\n0020000003123456\noff\n"
    status, output = run(["cardterm", "apdu", "--card", str(card), "--json", *options], lines)
    assert status == 0
    assert "**" in output
    for line in output.splitlines():
        check("cardterm-apdu", json.loads(line))


def test_recording(card: Path, tmp_path: Path) -> None:
    """cardterm --record."""
    path = tmp_path / "session.jsonl"
    argv = ["social", "--service", "verify-pin", "--pin", "123456", "--card", str(card), "--record", str(path)]
    assert run(["cardterm", *argv])[0] == 0
    lines = path.read_text(encoding="utf8").splitlines()
    for line in lines:
        check("cardterm-recording", json.loads(line))
    assert any("**" in line for line in lines)


@pytest.mark.parametrize("seed", ["6", "7"])
def test_replay(card: Path, seed: str, tmp_path: Path) -> None:
    """cardterm replay --json, the same and not the same."""
    path, copy = str(tmp_path / "session.jsonl"), tmp_path / "me.card"
    copy.write_bytes(card.read_bytes())
    argv = ["social", "--card", str(card), "--keys", f"{card}.keys.toml", "--seed", "6", "--record", path]
    assert run(["cardterm", *argv])[0] == 0
    status, output = run(["cardterm", "replay", path, "--card", str(copy), "--seed", seed, "--json"])
    assert status == 0
    document = json.loads(output)
    check("cardterm-replay", document)
    assert bool(document["noted"]) is (seed == "7")


_CLIENT = """
import os
from pathlib import Path
from tests.reader.client import RESET, Client
with Client(Path(os.environ["PCSCLITE_CSOCK_NAME"])).establish() as client:
    handle = client.handle("cardsim Virtual Reader 00 00")
    for command in ("00A404000F7378312E73682EC9E7BBE1B1A3D5CF", "0020000003123456"):
        client.transmit(handle, bytes.fromhex(command))
    client.disconnect(handle, RESET)
"""


def test_trace(card: Path, tmp_path: Path) -> None:
    """Lines of cardsim serve --trace: power, commands, a masked PIN."""
    path = tmp_path / "trace.jsonl"
    serve = [sys.executable, "-m", "cardsim.cli.main", "serve", str(card), "--trace", str(path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([*serve, "--", sys.executable, "-c", _CLIENT], env=environment, check=True, timeout=60)
    lines = path.read_text(encoding="utf8").splitlines()
    for line in lines:
        check("cardsim-trace", json.loads(line))
    assert any("0020000003******" in line for line in lines)


def test_bench(monkeypatch: pytest.MonkeyPatch) -> None:
    """tools/bench.py --json; its groups are replaced, for measuring takes long."""
    bench = tool("bench")
    figure = bench.Figure("name", 2.0, "yardstick", 1.0, 2.0, "limit")
    monkeypatch.setattr(bench, "GROUPS", {"in-process": lambda _scale: [figure]})
    monkeypatch.setattr(sys, "argv", ["bench.py", "--json"])
    with captured() as output:
        assert bench.main() == 0
    document = json.loads(output.getvalue())
    assert document["figures"] == [dataclasses.asdict(figure)]
    check("cardsim-bench", document)


def test_the_checker_refuses() -> None:
    """It sees a missing member, one too many, a wrong type and a wrong value."""
    schema = {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"enum": ["x"]}},
        "required": ["a"],
        "additionalProperties": False,
    }
    assert problems({"a": 1, "b": "x"}, schema) == []
    refused: list[object] = [{}, {"a": "1"}, {"a": True}, {"a": 1, "b": "y"}, {"a": 1, "c": 0}, []]
    for wrong in refused:
        assert problems(wrong, schema)


def test_every_schema_is_named_in_the_documents() -> None:
    """docs/terminals.md lists them all, and no other."""
    page = (ROOT / "docs" / "terminals.md").read_text(encoding="utf8")
    for path in SCHEMAS.glob("*.schema.json"):
        assert f"json/{path.name}" in page
