"""`cardterm perso batch`: a thin layer over the library."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cardsim.keyfile import BankKeys, KeyFile
from cardsim.keyfile.writing import render_keyfile
from cardsim.making.demo import demo
from terminal.hosts.bank import accounts
from terminal.hosts.bank.chip import IssuerKeys
from terminal.hosts.books import transact
from terminal.keymanagement.demo import setup_demo
from terminal.perso.batches.documents import read_list, read_package
from terminal.perso.batches.platform import open_platform
from terminal.perso.batches.tables import PACKED
from terminal.perso.data.document import read_batch, write_batch
from terminal.perso.parties import Party
from terminal.perso.transfer.post import Post
from terminal.perso.transfer.sealing import Kind
from terminal.perso.workshop import Workshop
from tests.docs.support import run
from tests.docs.test_schemas import check
from tests.terminal.bankcard import KEYS
from tests.terminal.perso.batches.platform import core
from tests.terminal.perso.batches.samples import bank, bank_batch, batch, social
from tests.terminal.perso.transfer.parties import PASSWORD, Town

NAME = batch().name
RULES = """
[[batches.suspect]]
number = ""
name = "测试3"
reason = "list"
"""
Batch = Callable[..., tuple[int, str]]


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Batch:
    """The command in an empty folder with a batch of three in it."""
    monkeypatch.chdir(tmp_path)
    Path("batch.json").write_bytes(write_batch(batch(social(1), social(2), social(3))))
    Path("work").mkdir()
    Path("work/workshop.toml").write_text(RULES, encoding="utf8")

    def command(word: str, *options: str) -> tuple[int, str]:
        now = () if word == "match" else ("--now", "2026-11-03T09:00:00")
        return run(["cardterm", "perso", "batch", word, *options, *now], f"{PASSWORD}\n")

    return command


def document(work: Batch, word: str, *options: str, status: int = 0) -> Any:
    ended, output = work(word, *options, "--json")
    assert ended == status, output
    found = json.loads(output)
    check("cardterm-batch-work", found)
    return found


def test_the_whole_way(work: Batch) -> None:
    """PERSO-143, PERSO-145: received, run, and what goes out; in words and as documents."""
    assert work("receive", "work", "batch.json") == (
        0, f"batch {NAME}, received 2026-11-03T09:00:00, records 3\n",
    )  # fmt: skip
    assert document(work, "receive", "work", "batch.json")["rows"][0]["again"] == "yes"
    status, output = work("run", "work", NAME)
    assert (status, output.splitlines()[-1]) == (0, "  balanced: 3 = 2 + 1")
    assert document(work, "report", "work", NAME)["verdict"] == "balanced"
    assert document(work, "run", "work", NAME)["report"]["made"] == 2
    assert document(work, "outlets", "work", NAME)["rows"] == [
        {"outlet": "2500041", "name": "Kunming, Wuhua", "records": 3}
    ]
    (found,) = document(work, "rejected", "work", NAME)["rows"]
    assert (found["order"], found["detail"], found["inside"]) == ("K00000003", "", "list of suspects: list")
    (listed,) = document(work, "list", "work")["rows"]
    assert (listed["made"], listed["rejected"], listed["books"]) == (2, 1, "balanced")
    assert document(work, "packages", "work", NAME, "--out", "out")["rows"][0]["records"] == 2
    given = read_batch(Path(f"out/{NAME}.batch.json").read_bytes())
    assert read_package(given, Path(f"out/{NAME}.note.json").read_bytes()).count == 2
    rows = document(work, "return", "work", NAME)["rows"]
    assert (rows[0]["made"], rows[1]["order"], rows[1]["reason"], rows[1]["detail"]) == (
        2, "K00000003", "not accepted as a customer", "",
    )  # fmt: skip
    assert read_list(Path(f"work/lists/{NAME}.list.json").read_bytes()).made == 2
    assert document(work, "forget", "work", NAME, "--supervisor", "Li Na")["rows"][0]["deleted"] == 3


def test_step_by_step(work: Batch, capsys: pytest.CaptureFixture[str]) -> None:
    """PERSO-139: the steps one by one, check and open for one outlet too."""
    work("receive", "work", "batch.json")
    for step, count in (("split", 3), ("check", 3), ("open", 2), ("match", 2)):
        outlet = ["--outlet", "2500041"] if step in ("check", "open") else []
        assert document(work, "step", "work", NAME, step, *outlet)["rows"] == [{"step": step, "records": count}]
    assert document(work, "report", "work", NAME)["verdict"] == "in progress"
    assert document(work, "step", "work", NAME, "pack")["rows"] == [{"step": "pack", "packages": 1}]
    assert work("step", "work", NAME, "split", "--outlet", "2500041")[0] == 2
    assert "--outlet goes with check and open" in capsys.readouterr().err


def test_books_that_are_wrong(work: Batch) -> None:
    """PERSO-136: the exit status says so."""
    work("receive", "work", "batch.json")
    work("run", "work", NAME)
    with Workshop(Path("work")) as workshop:
        transact(workshop.books(Party.BANK), lambda connection: connection.execute(PACKED.delete()))
    found = document(work, "report", "work", NAME, status=1)
    assert (found["verdict"], len(found["report"]["problems"])) == ("unbalanced", 4)


def test_two_files(work: Batch, capsys: pytest.CaptureFixture[str]) -> None:
    """PERSO-071, PERSO-068: matching alone, by a key that is unique."""
    records = [social(1), social(2)]
    Path("social.json").write_bytes(write_batch(batch(*records)))
    Path("bank.json").write_bytes(write_batch(bank_batch(bank(records[0]))))
    rows = document(work, "match", "social.json", "bank.json", "--out", "matched.json")["rows"]
    assert rows[0] == {"matched": 1, "rejected": 1}
    assert (rows[1]["side"], rows[1]["order"]) == ("social", "K00000002")
    assert [record.order for record in read_batch(Path("matched.json").read_bytes()).records] == ["K00000001"]
    assert work("match", "social.json", "bank.json", "--out", "m.json", "--key", "name")[0] == 2
    assert "it is not unique in itself" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (("receive", "work", "none.json"), "none.json: No such file"),
        (("receive", "work", "work/workshop.toml"), "this is no JSON"),
        (("run", "work", "none"), "none: no batch of this name was received"),
        (("run", "work", "none", "--keys", "none.toml"), "none.toml"),
        (("packages", "work", NAME, "--out", "out"), "no batch of this name"),
    ],
)
def test_wrong_use(work: Batch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], wrong: str) -> None:
    """PERSO-137: one sentence for what cannot be done."""
    assert work(*words)[0] == 2
    told = capsys.readouterr().err
    assert (wrong in told, told.count("\n")) == (True, 1), told


def test_over_the_lines(work: Batch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """PERSO-138, PERSO-144: taken from the department's line, sent to the maker and back once, with the password."""
    town = Town(Path("work"))
    posts = {party: town.post(party) for party in Party}
    asked: list[tuple[Party, str, str]] = []

    def open_post(_: Workshop, party: Party, password: str, person: str) -> Post:
        asked.append((party, password, person))
        return posts[party]

    monkeypatch.setattr(Post, "of", open_post)
    posts[Party.DEPARTMENT].send(Party.BANK, NAME, Kind.BATCH, Path("batch.json").read_bytes())
    assert document(work, "take", "work")["rows"] == [{"file": NAME, "mark": "taken", "records": 3}]
    assert work("send", "work", NAME)[0] == 2
    assert "still wait for a step" in capsys.readouterr().err
    work("run", "work", NAME)
    assert document(work, "send", "work", NAME, "--person", "bank-data")["rows"] == [
        {"file": f"{NAME}.batch", "to": "maker"}, {"file": f"{NAME}.note", "to": "maker"},
        {"file": f"{NAME}.list", "to": "department"},
    ]  # fmt: skip
    assert document(work, "send", "work", NAME)["rows"] == []
    assert set(asked) == {(Party.BANK, PASSWORD, "bank-data")}
    other = write_batch(batch(social(8), name="B9"))
    posts[Party.DEPARTMENT].send(Party.BANK, "B9", Kind.BATCH, other)
    Path("b9.json").write_bytes(write_batch(batch(social(9), name="B9")))
    work("receive", "work", "b9.json")
    (refused,) = document(work, "take", "work", status=1)["rows"]
    assert (refused["mark"], "another batch of this name" in refused["reason"]) == ("refused", True)
    town.workshop.close()


def test_keys_of_the_bank(work: Batch) -> None:
    """PERSO-169: the PIN is kept under the bank's own key: that of the file where one is named."""
    Path("bank.keys.toml").write_text(render_keyfile(KeyFile(bank=KEYS)), encoding="utf8")
    work("receive", "work", "batch.json")
    work("run", "work", NAME, "--keys", "bank.keys.toml")
    with Workshop(Path("work")) as workshop:
        own = open_platform(workshop)
        pin = own.rules.accounts.initial_pin
        held = transact(workshop.books(Party.BANK), accounts.every)
    keys = IssuerKeys({1: KEYS})
    assert [holding.pin for holding in held] == [keys.pin_value(holding.pan, pin) for holding in held]


def test_a_core_system_that_is_open(tmp_path: Path) -> None:
    """PERSO-169: the workshop's rules hold there too, its initial PIN among them."""
    (tmp_path / "workshop.toml").write_text('[batches.accounts]\ninitial_pin = "246810"\n', encoding="utf8")
    given, host = batch(social(1)), core()
    with Workshop(tmp_path) as workshop:
        own = open_platform(workshop, bank=host)
        own.receive(given)
        own.process(given.name)
    (holding,) = transact(host.books, accounts.every)
    assert holding.pin == host.keys.pin_value(holding.pan, "246810")


def test_keys_of_the_store(tmp_path: Path) -> None:
    """PERSO-169: without a key file the bank's own key store gives them; the use stands in its register."""
    given = batch(social(1))
    with Workshop(tmp_path / "work") as workshop, setup_demo(workshop, 3, ()):
        own = open_platform(workshop)
        own.receive(given)
        for _ in range(2):
            own.process(given.name)
        (holding,) = transact(workshop.books(Party.BANK), accounts.every)
    root = demo(3)
    keys = BankKeys(root.secret("MDK_AC"), root.secret("MDK_MAC"), root.secret("MDK_ENC"))
    assert holding.pin == IssuerKeys({1: keys}).pin_value(holding.pan, own.rules.accounts.initial_pin)
