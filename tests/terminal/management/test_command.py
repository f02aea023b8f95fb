"""`cardterm perso life`, from applications to the destroyed card."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from terminal.cli.main import main as cardterm
from terminal.cli.options.perso.life import DEEDS
from terminal.cli.perso.life import _WORDS
from terminal.hosts.bank.issuing import IssueOrder, IssueRefusal, issue_all
from terminal.hosts.books import transact
from terminal.keymanagement.demo import setup_demo
from terminal.keymanagement.issuer import issuer_keys
from terminal.management.opened import open_services
from terminal.perso.batches.documents import write_list
from terminal.perso.data.document import read_batch, write_applications, write_batch, write_feedback
from terminal.perso.records import BankRecord, Batch, CardMakingList, CardRecord, Rejection, RejectReason
from terminal.perso.workshop import Workshop
from tests.docs.support import run
from tests.docs.validator import problems
from tests.terminal.management.life import INITIAL, OUTLET, PIN, START, application, feedback_of, person_of

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/json/cardterm-life.schema.json").read_text(encoding="utf8"))


class Desk:
    """The command in one folder, at one time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.work = folder / "work"

    def __call__(self, what: str, *words: str, status: int = 0) -> dict[str, Any]:
        """Run a word; its JSON document, which follows the schema."""
        line = ["cardterm", "perso", "life", what, str(self.work), *words, "--now", START.isoformat(), "--json"]
        ended, output = run(line)
        assert ended == status, output
        document: dict[str, Any] = json.loads(output)
        assert problems(document, SCHEMA) == []
        return document

    def refused(self, capsys: pytest.CaptureFixture[str], what: str, *words: str) -> str:
        """Run a word that is wrong; what it says."""
        capsys.readouterr()
        ended, _ = run(["cardterm", "perso", "life", what, str(self.work), *words, "--now", START.isoformat()])
        assert ended == 2
        return capsys.readouterr().err

    def write(self, name: str, content: bytes) -> str:
        """A file beside the workshop."""
        path = self.folder / name
        path.write_bytes(content)
        return str(path)

    def matched(self, batch: Batch) -> tuple[CardRecord, ...]:
        """The bank's part of a batch."""
        with Workshop(self.work) as workshop:
            bank = open_services(workshop, issuer_keys(workshop)).bank
            wanted = [IssueOrder(r.social.name, r.social.order.person, INITIAL) for r in batch.records if r.social]
            made = transact(bank.books, lambda books: issue_all(books, bank.host.keys, wanted, START.date()))
        found = []
        for record, data in zip(batch.records, made, strict=True):
            assert not isinstance(data, IssueRefusal)
            own = BankRecord(
                record.order, data.id_number, data.name, "1", data.pan, data.psn, data.account, data.issued,
                data.expires, OUTLET,
            )  # fmt: skip
            found.append(CardRecord(record.social, own))
        return tuple(found)

    def activate(self, order: str) -> None:
        """Hand the first card out, and change its initial PIN."""
        self("hand-over", order, "--document", person_of(1))
        copy, signature = self.write("id.jpg", b"copy"), self.write("hand.png", b"signature")
        self(
            "activate", "A00000011", "--document", person_of(1), "--initial", INITIAL, "--new", PIN, "--information",
            "telephone=13800000000", "--copy", copy, "--signature", signature,
        )  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def in_stock(desk: Desk) -> str:
    """The order of a card that lies at its issuing unit."""
    file = desk.write("applications.json", write_applications([application(1), replace(application(2), unit="")]))
    applied = desk("apply", file, status=1)
    assert applied["problems"] == [f"application 2, {person_of(2)}: the issuing unit is missing"]
    (row,) = desk("send")["rows"]
    batch = read_batch(Path(row["file"]).read_bytes())
    records = desk.matched(batch)
    assert desk("accept", desk.write("m.json", write_batch(replace(batch, records=records))))["rows"][0]["cards"] == 1
    desk("feedback", desk.write("feedback.json", write_feedback([feedback_of(records[0])])))
    order = records[0].order
    desk("deliver", order, "--by", "李四")
    return order


def test_a_batch_is_written_again(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """SCHEME-118: a batch whose file could not be written is no batch that is lost."""
    desk("apply", desk.write("applications.json", write_applications([application(1)])))
    assert "full" in desk.refused(capsys, "send", "--output", desk.write("full", b""))
    assert desk("send")["rows"] == []
    name = desk("orders")["rows"][0]["batch"]
    (row,) = desk("send", "--again", name)["rows"]
    assert [record.order for record in read_batch(Path(row["file"]).read_bytes()).records] == [
        order["order"] for order in desk("orders")["rows"]
    ]
    assert "no batch B9" in desk.refused(capsys, "send", "--again", "B9")


def test_the_banks_list(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """SCHEME-119: what the card-making list rejects ends with its reason, and the person may apply again."""
    applications = desk.write("applications.json", write_applications([application(1)]))
    order = desk("apply", applications)["rows"][0]["order"]
    desk("send")
    rejection = Rejection(order, person_of(1), "张三", RejectReason.NAME_DIFFERS, "it is 李四")
    made = CardMakingList("B1", "20261122", 1, 0, (rejection,))
    file = desk.write("list.json", write_list(made))
    assert [row["state"] for row in desk("rejected", file)["rows"]] == ["rejected"]
    assert desk("apply", applications)["rows"][0]["order"] != order
    unknown = replace(made, rejected=(replace(rejection, order="X"),))
    assert "no order X" in desk.refused(capsys, "rejected", desk.write("list.json", write_list(unknown)))


def test_rubbish_in_the_place_of_books(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is no database is told, with whose books it was to be."""
    desk.work.mkdir()
    desk.write("work/department.db", b"no database at all " * 100)
    assert "the books of the department cannot be opened: file is not a database" in desk.refused(capsys, "list")


def test_rubbish_from_standard_input(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """Bytes that are no text, as Python gives them, are refused like those of a file."""
    with mock.patch("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\x94\xff{"), "utf8", errors="surrogateescape")):
        assert cardterm(["perso", "life", "apply", str(desk.work), "-"]) == 2
    assert "standard input: this is no JSON in UTF-8" in capsys.readouterr().err


def test_keys_of_the_store(desk: Desk) -> None:
    """SCHEME-128: an account that was opened under the keys of the bank's own store is activated under them."""
    with Workshop(desk.work) as workshop, setup_demo(workshop, 3, ()):
        pass
    order = in_stock(desk)
    desk.activate(order)
    bank = next(row for row in desk("state", order)["rows"] if row.get("at") == "bank")
    assert bank["standing"] == "active"


def test_a_life(desk: Desk) -> None:
    """SCHEME-040: every word in its turn, from applications to a card that is destroyed; both sides are shown."""
    order = in_stock(desk)
    desk.activate(order)
    desk("lost", order, "--side", "bank", "--channel", "telephone")
    assert desk("list")["rows"][0]["other side"] == "oral loss"
    desk("release", order, "--side", "bank", "--document", person_of(1))
    number = desk("complain", order, "refused at the pharmacy")["rows"][0]["complaint"]
    desk("answer", number, "mended")
    notice = desk("cancel", order, "--document", person_of(1))["rows"][0]["clearing notice"]
    desk(
        "cancel", order, "--side", "bank", "--document", person_of(1), "--notice", notice, "--returned", "--told-cash",
        "0",
    )  # fmt: skip
    name = desk("collect", order)["rows"][0]["list"]
    desk("receive", name, order)
    desk("destroy", order, "--approved-by", "王五")
    rows = desk("state", order)["rows"]
    assert [row["standing"] for row in rows if "standing" in row] == ["destroyed", "destroyed"]
    assert len([row for row in rows if "stage" in row]) == 9  # package transfer is the maker's
    assert desk("list", "--standing", "active")["rows"] == []
    assert desk("orders")["rows"][0]["state"] == "issued"


def test_new_cards(desk: Desk) -> None:
    """Replacement and exchange at both sides, a temporary identification, and an order that is withdrawn."""
    order = in_stock(desk)
    person = ("--document", person_of(1))
    desk("hand-over", order, *person)
    desk("lost", order, *person)
    new = desk("replace", order, *person)["rows"][0]["order"]
    assert desk("temporary", new)["rows"][0]["temporary identification"].startswith("T")
    assert desk("withdraw", new, "--reason", "found again")["rows"][0]["state"] == "withdrawn"
    desk("lost", order, "--side", "bank", *person)
    desk("release", order, *person)
    refused = desk("replace", order, "--side", "bank", "--outlet", OUTLET, *person, status=1)
    assert refused["problems"][0].endswith("is active: no replacement ordered unless: within the set time") or (
        "is active: no replacement ordered" in refused["problems"][0]
    )
    desk("release", order, "--side", "bank", *person)
    asked = desk("exchange", order, "--side", "bank", "--outlet", OUTLET, *person)
    other = asked["rows"][0]["new order"]
    desk("withdraw", other)
    assert desk("exchange", order, *person)["rows"][0]["replaces"] == order


def test_the_line_is_down(desk: Desk) -> None:
    """SCHEME-143: what waits is told with every word, and goes out when the line is up."""
    order = in_stock(desk)
    found = desk("hand-over", order, "--document", person_of(1), "--line-down")
    assert found["waiting"] == {"department": 2, "bank": 0}
    assert desk("sync", "--line-down")["waiting"]["department"] == 2
    assert desk("sync")["waiting"] == {"department": 0, "bank": 0}
    status, output = run(["cardterm", "perso", "life", "lost", str(desk.work), order, "--channel", "website",
                          "--line-down"])  # fmt: skip
    assert status == 0
    assert "1 message of the department not delivered yet" in output


def test_a_destroyed_image(desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """SCHEME-184: the image of a destroyed card gives no ATR any more, and its keys are gone."""
    image = tmp_path / "me.card"
    assert run(["cardsim", "new", str(image), "--profile", "social-2.0"])[0] == 0
    assert run(["cardterm", "apdu", "--card", str(image)], "reset\n")[1].startswith("3B")
    order = in_stock(desk)
    person = ("--document", person_of(1))
    desk("hand-over", order, *person)
    notice = desk("cancel", order, *person)["rows"][0]["clearing notice"]
    shred = ("destroy", order, "--side", "bank", "--image", str(image), "--approved-by", "王五")
    assert "no destruction" in desk.refused(capsys, *shred)
    assert run(["cardterm", "apdu", "--card", str(image)], "reset\n")[0] == 0
    desk("cancel", order, "--side", "bank", *person, "--notice", notice, "--returned")
    desk(*shred)
    capsys.readouterr()
    assert run(["cardterm", "apdu", "--card", str(image)], "reset\n")[0] == 2
    assert "is not a card image" in capsys.readouterr().err
    assert not image.with_name("me.card.keys.toml").exists()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("state", "A00000011"), "has no card A00000011"),
        (("hand-over", "x", "--outlet", "1"), "the bank has no card x"),
        (("apply", "missing.json"), "missing.json: No such file"),
        (("list", "--standing", "gone"), "--standing gone: there are in stock"),
        (("withdraw", "1"), "has no order 1"),
        (("receive", "L1", "1"), "no cards of a list L1"),
    ],
)
def test_wrong_use(desk: Desk, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], why: str) -> None:
    """One sentence, and exit status 2."""
    assert why in desk.refused(capsys, *words)


def test_every_word_has_a_handler() -> None:
    assert {deed.name for deed in DEEDS} == set(_WORDS)
