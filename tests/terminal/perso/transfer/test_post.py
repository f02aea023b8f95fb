"""The post between the parties: lines that may be down, discs, the register of files, and who may open them."""

import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from terminal.errors import UsageError
from terminal.hosts.books import transact
from terminal.perso.data.document import read_batch
from terminal.perso.parties import Party
from terminal.perso.transfer.errors import TransferError
from terminal.perso.transfer.keyring import Keyring, certificate_path, key_path, make_key
from terminal.perso.transfer.line import Line, lines_of
from terminal.perso.transfer.post import Post
from terminal.perso.transfer.sealing import Kind, seal
from terminal.perso.transfer.tables import ACCESS, METADATA, Carrier, Mark
from terminal.perso.workshop import Workshop
from tests.terminal.perso.transfer.parties import NOW, PASSWORD, Town, batch, key

DEPARTMENT, BANK, MAKER = Party.DEPARTMENT, Party.BANK, Party.MAKER
LIST = b"batch;made\n"


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """A workshop with the posts of three parties."""
    made = Town(tmp_path)
    yield made
    made.workshop.close()


def test_a_batch_goes_over_the_line(town: Town) -> None:
    """PERSO-138, SCHEME-208: it is registered by its receiver, and the sender sees that it was received."""
    sender, receiver = town.post(DEPARTMENT), town.post(BANK)
    assert sender.send(BANK, "519902-01", Kind.BATCH, batch())
    assert sender.sent() == [("bank", "519902-01", Mark.QUEUED, "")]
    (arrival,) = receiver.receive()
    assert (arrival.name, arrival.sender, arrival.count) == ("519902-01", "department", 2)
    assert (arrival.mark, arrival.carrier) == (Mark.RECEIVED, Carrier.LINE)
    assert sender.receive() == []
    assert sender.sent() == [("bank", "519902-01", Mark.RECEIVED, "")]
    assert receiver.pending(Kind.BATCH) == [arrival]
    assert receiver.pending(Kind.LIST) == []
    assert len(read_batch(receiver.open(arrival.stored)).records) == 2
    receiver.done(arrival.stored)
    assert receiver.pending() == []
    assert receiver.received() == [arrival]


def test_while_the_line_is_down(town: Town) -> None:
    """PERSO-133: what is sent waits in its order, and goes as soon as the line is up."""
    sender, receiver = town.post(DEPARTMENT), town.post(BANK)
    line = sender.line(BANK)
    line.set_up(False)
    assert not sender.send(BANK, "one", Kind.BATCH, batch(name="one"))
    assert not sender.send(BANK, "two", Kind.BATCH, batch(name="two"))
    assert receiver.receive() == []
    assert line.flush() == 0
    assert [mark for _, _, mark, _ in sender.sent()] == [Mark.QUEUED] * 2
    receiver.line(DEPARTMENT).set_up(True)
    assert [arrival.name for arrival in receiver.receive()] == ["one", "two"]


def test_a_receipt_waits_too(town: Town) -> None:
    """The sender learns of it when the line is up again."""
    sender, receiver = town.post(DEPARTMENT), town.post(BANK)
    sender.send(BANK, "one", Kind.BATCH, batch())
    sender.line(BANK).set_up(True)
    line = receiver.line(DEPARTMENT)
    line.flush()
    line.set_up(False)
    assert [arrival.mark for arrival in receiver.receive()] == [Mark.RECEIVED]
    sender.receive()
    assert sender.sent()[0][2] is Mark.QUEUED
    line.set_up(True)
    sender.receive()
    assert sender.sent()[0][2] is Mark.RECEIVED


def test_disc(town: Town, tmp_path: Path) -> None:
    """PERSO-133, PERSO-134, SCHEME-207: while the line is down an approved disc is registered as the line is."""
    sender, receiver = town.post(DEPARTMENT), town.post(BANK)
    line, disc = sender.line(BANK), tmp_path / "disc"
    with pytest.raises(TransferError, match="is up"):
        line.burn(DEPARTMENT, disc)
    line.set_up(False)
    sender.send(BANK, "one", Kind.BATCH, batch())
    assert len(line.burn(DEPARTMENT, disc)) == 1
    with pytest.raises(TransferError, match="who allowed it"):
        receiver.read_disc(DEPARTMENT, disc, " ")
    (arrival,) = receiver.read_disc(DEPARTMENT, disc, "Director Li")
    assert (arrival.mark, arrival.carrier, arrival.count) == (Mark.RECEIVED, Carrier.DISC, 2)
    assert read_batch(receiver.open(arrival.stored)).name == "519902-01"
    # The file still waits on the line: it comes a second time, and is not processed twice.
    line.set_up(True)
    assert [again.mark for again in receiver.receive()] == [Mark.DUPLICATE]
    assert receiver.pending() == [arrival]
    sender.receive()
    assert sender.sent()[0][2] is Mark.RECEIVED
    with pytest.raises(TransferError, match="is up"):
        receiver.read_disc(DEPARTMENT, disc, "Director Li")


def test_discs_that_are_none(town: Town, tmp_path: Path) -> None:
    """One sentence; files of a clear disc are refused as those of the line are (PERSO-056)."""
    receiver = town.post(BANK)
    receiver.line(DEPARTMENT).set_up(False)
    disc = tmp_path / "disc"
    with pytest.raises(TransferError, match="no disc"):
        receiver.read_disc(DEPARTMENT, disc, "Li")
    disc.mkdir()
    (disc / "000001-clear.p7m").write_bytes(batch())
    (arrival,) = receiver.read_disc(DEPARTMENT, disc, "Li")
    assert (arrival.mark, arrival.count, arrival.kind) == (Mark.REFUSED, 0, None)
    assert "not sealed for bank" in arrival.reason
    with pytest.raises(TransferError, match="no file that was received"):
        receiver.open(arrival.stored)
    (disc / "a file.p7m").write_bytes(b"")
    with pytest.raises(TransferError, match="are named"):
        receiver.read_disc(DEPARTMENT, disc, "Li")


def test_the_same_file_twice(town: Town) -> None:
    """PERSO-135: sealed anew or under another name, the second one is marked as duplicate and not processed."""
    sender, receiver = town.post(DEPARTMENT), town.post(BANK)
    for name in ("one", "one", "copy-of-one"):
        sender.send(BANK, name, Kind.BATCH, batch())
    assert [arrival.mark for arrival in receiver.receive()] == [Mark.RECEIVED, Mark.DUPLICATE, Mark.DUPLICATE]
    assert len(receiver.pending()) == 1
    sender.receive()
    assert [(name, mark) for _, name, mark, _ in sender.sent()] == [
        ("copy-of-one", Mark.DUPLICATE), ("one", Mark.RECEIVED),
    ]  # fmt: skip


def test_sent_again_after_it_was_received(town: Town) -> None:
    """What was received stays so in its sender's register."""
    sender, receiver = town.post(DEPARTMENT), town.post(BANK)
    for mark in (Mark.RECEIVED, Mark.DUPLICATE):
        sender.send(BANK, "one", Kind.BATCH, batch())
        assert [arrival.mark for arrival in receiver.receive()] == [mark]
        sender.receive()
        assert sender.sent() == [("bank", "one", Mark.RECEIVED, "")]


def test_the_same_bytes_twice(town: Town) -> None:
    """PERSO-135: so is a file that the line itself brings twice, even after it was processed."""
    sender, receiver = town.post(DEPARTMENT), town.post(BANK)
    sender.send(BANK, "one", Kind.BATCH, batch())
    (arrival,) = receiver.receive()
    receiver.done(arrival.stored)
    stored = town.workshop.path("transfer", "bank", "store", arrival.stored)
    shutil.copy(stored, town.workshop.path("transfer", "bank", "in", "department", "000007-one.p7m"))
    assert [again.mark for again in receiver.receive()] == [Mark.DUPLICATE]
    assert receiver.pending() == []


def test_another_content_under_a_name(town: Town) -> None:
    """The sender does not send it; what comes nevertheless is refused."""
    sender, receiver = town.post(DEPARTMENT), town.post(BANK)
    sender.send(BANK, "one", Kind.BATCH, batch())
    with pytest.raises(TransferError, match="new name"):
        sender.send(BANK, "one", Kind.BATCH, batch(3))
    other = seal(batch(3), "one", Kind.BATCH, 3, key("department"), key("bank").partner, NOW)
    sender.line(BANK).send(DEPARTMENT, "one", other)
    assert [arrival.mark for arrival in receiver.receive()] == [Mark.RECEIVED, Mark.REFUSED]


def test_lists_may_say_the_same(town: Town) -> None:
    """Two lists with the same content and different names are two files."""
    town.post(MAKER).send(BANK, "a", Kind.LIST, LIST, 1)
    town.post(MAKER).send(BANK, "b", Kind.LIST, LIST, 1)
    assert [arrival.mark for arrival in town.post(BANK).receive()] == [Mark.RECEIVED] * 2


def test_count_and_content(town: Town) -> None:
    """PERSO-065: a batch whose records are not as many as the sender says, or that is none, is refused."""
    sender, receiver = town.post(DEPARTMENT), town.post(BANK)
    for name, content, count in (("short", batch(2), 3), ("none", LIST, 1)):
        sealed = seal(content, name, Kind.BATCH, count, key("department"), key("bank").partner, NOW)
        sender.line(BANK).send(DEPARTMENT, name, sealed)
    short, none = receiver.receive()
    assert (short.mark, short.reason) == (Mark.REFUSED, "department says 3 records, the file has 2")
    assert (none.mark, "no JSON" in none.reason) == (Mark.REFUSED, True)
    assert receiver.pending() == []


def test_a_refused_file_is_sent_again(town: Town) -> None:
    """Its sender sees the reason, and may send another one under the name."""
    sender, receiver = town.post(DEPARTMENT), town.post(BANK)
    sender.send(BANK, "one", Kind.BATCH, batch())
    path = town.workshop.path("transfer", "bank", "in", "department", "000001-one.p7m")
    path.write_bytes(path.read_bytes()[:-1])
    assert [arrival.mark for arrival in receiver.receive()] == [Mark.REFUSED]
    sender.receive()
    assert sender.sent()[0][2:] == (Mark.REFUSED, "the file is not sealed for bank, or was changed on its way")
    sender.send(BANK, "one", Kind.BATCH, batch(3))
    assert [arrival.mark for arrival in receiver.receive()] == [Mark.RECEIVED]
    sender.receive()
    assert sender.sent()[0][2:] == (Mark.RECEIVED, "")


def test_stored_protected(town: Town) -> None:
    """PERSO-066: what was received rests sealed, and its file is for its owner alone."""
    town.post(DEPARTMENT).send(BANK, "one", Kind.BATCH, batch())
    (arrival,) = town.post(BANK).receive()
    stored = town.workshop.path("transfer", "bank", "store", arrival.stored)
    assert stored.stat().st_mode & 0o077 == 0
    everything = b"".join(path.read_bytes() for path in stored.parents[2].rglob("*") if path.is_file())
    assert b"519902" not in everything


def test_who_may_open(town: Town) -> None:
    """PERSO-065, PERSO-066: the data staff alone send, receive and open; whoever else asks is noted."""
    town.post(DEPARTMENT).send(BANK, "one", Kind.BATCH, batch())
    (arrival,) = town.post(BANK).receive()
    visitor = town.post(BANK, "visitor")
    for use in (
        visitor.receive, lambda: visitor.open(arrival.stored), lambda: visitor.send(MAKER, "x", Kind.LIST, b""),
    ):  # fmt: skip
        with pytest.raises(TransferError, match="visitor is none of the data staff of bank"):
            use()
    asked = select(ACCESS.c.person, ACCESS.c.what).where(ACCESS.c.allowed.is_(False)).order_by(ACCESS.c.id)
    rows = transact(town.workshop.books(BANK, METADATA), lambda connection: connection.execute(asked).all())
    assert [tuple(row) for row in rows] == [
        ("visitor", "receive"), ("visitor", f"open {arrival.stored}"), ("visitor", "send x to maker"),
    ]  # fmt: skip


def test_the_staff_of_the_workshop(tmp_path: Path) -> None:
    """workshop.toml says who they are."""
    (tmp_path / "workshop.toml").write_text('[transfer.staff]\nbank = ["Wang"]\n')
    town = Town(tmp_path)
    assert town.post(BANK, "Wang").receive() == []
    with pytest.raises(TransferError, match="none of the data staff"):
        town.post(BANK).receive()
    (tmp_path / "workshop.toml").write_text('[transfer.staff]\nbank = "Wang"\n')
    with pytest.raises(UsageError, match="no list of names"):
        Town(tmp_path).post(BANK)


def test_there_are_two_lines(town: Town, tmp_path: Path) -> None:
    """SCHEME-206: department and bank, bank and maker; nothing goes another way unless the workshop agrees so."""
    post = town.post(DEPARTMENT)
    with pytest.raises(TransferError, match="no line between department and maker"):
        post.send(MAKER, "one", Kind.BATCH, batch())
    assert not town.workshop.path("transfer", "maker", "in").exists()
    assert Line.between(tmp_path, MAKER, BANK).name == "bank-maker"
    (tmp_path / "workshop.toml").write_text('[transfer]\nlines = ["department-maker"]\n')
    town = Town(tmp_path)
    assert town.post(DEPARTMENT).send(MAKER, "one", Kind.BATCH, batch())
    assert [arrival.mark for arrival in town.post(MAKER).receive()] == [Mark.RECEIVED]
    (tmp_path / "workshop.toml").write_text('[transfer]\nlines = ["bank-moon"]\n')
    with Workshop(tmp_path) as workshop, pytest.raises(UsageError, match="bank-moon is no line"):
        lines_of(workshop.settings)


@pytest.mark.parametrize("step", ["stored", "registered"])
def test_interrupted(town: Town, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Whatever a reception is interrupted after, the next one registers the file once and answers for it."""
    sender, receiver = town.post(DEPARTMENT), town.post(BANK)
    sender.send(BANK, "one", Kind.BATCH, batch())

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Post, "_register" if step == "stored" else "_acknowledge", stop)
    with pytest.raises(KeyboardInterrupt):
        receiver.receive()
    monkeypatch.undo()
    receiver.receive()
    assert [arrival.mark for arrival in receiver.received()] == [Mark.RECEIVED]
    assert len(receiver.pending()) == 1
    sender.receive()
    assert sender.sent()[0][2] is Mark.RECEIVED


@pytest.mark.parametrize("went", [False, True])
def test_interrupted_while_sending(town: Town, monkeypatch: pytest.MonkeyPatch, went: bool) -> None:
    """A file that may not have left is not told as sent; sent again it is received once, and its sender knows it."""
    sender, receiver, send = town.post(DEPARTMENT), town.post(BANK), Line.send

    def stop(line: Line, party: Party, name: str, sealed: bytes) -> bool:
        if went:
            send(line, party, name, sealed)
        raise KeyboardInterrupt

    monkeypatch.setattr(Line, "send", stop)
    with pytest.raises(KeyboardInterrupt):
        sender.send(BANK, "one", Kind.BATCH, batch())
    monkeypatch.undo()
    assert sender.sent() == []
    sender.send(BANK, "one", Kind.BATCH, batch())
    assert [arrival.mark for arrival in receiver.receive()] == [Mark.RECEIVED, *[Mark.DUPLICATE] * went]
    assert len(receiver.pending()) == 1
    sender.receive()
    assert sender.sent() == [("bank", "one", Mark.RECEIVED, "")]


def test_an_interrupted_disc_stays_a_disc(town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its approval is kept."""
    sender, receiver = town.post(DEPARTMENT), town.post(BANK)
    line = sender.line(BANK)
    line.set_up(False)
    sender.send(BANK, "one", Kind.BATCH, batch())
    line.burn(DEPARTMENT, tmp_path / "disc")
    monkeypatch.setattr(Post, "_register", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        receiver.read_disc(DEPARTMENT, tmp_path / "disc", "Li")
    monkeypatch.undo()
    assert [arrival.carrier for arrival in receiver.receive()] == [Carrier.DISC]


def test_many_at_once(town: Town) -> None:
    """PERSO-133, PERSO-135: whoever sends and receives at the same time, each file comes and is registered once."""
    sender, receiver = town.post(DEPARTMENT), town.post(BANK)
    with ThreadPoolExecutor(4) as crew:
        work: list[Future[object]] = []
        for number in range(12):
            work.append(crew.submit(sender.send, BANK, f"B{number}", Kind.BATCH, batch(1, f"B{number}")))
            if number % 4 == 3:
                work.append(crew.submit(receiver.receive))
    for one in work:
        one.result()
    receiver.receive()
    assert sorted(arrival.name for arrival in receiver.pending()) == sorted(f"B{number}" for number in range(12))
    assert {arrival.mark for arrival in receiver.received()} == {Mark.RECEIVED}
    sender.receive()
    assert [mark for _, _, mark, _ in sender.sent()] == [Mark.RECEIVED] * 12


def test_an_old_key(town: Town) -> None:
    """PERSO-059: after five years nothing is sent or opened any more."""
    sender, receiver = town.post(DEPARTMENT), town.post(BANK)
    sender.send(BANK, "one", Kind.BATCH, batch())
    town.now += timedelta(days=6 * 365)
    with pytest.raises(TransferError, match="renew it"):
        sender.send(BANK, "two", Kind.LIST, LIST)
    with pytest.raises(TransferError, match="renew it"):
        receiver.receive()
    assert receiver.received() == []


def test_keys_of_a_workshop(tmp_path: Path) -> None:
    """PERSO-061: each party makes its own pair and gives its certificate away; the password opens it."""
    with Workshop(tmp_path, lambda: NOW) as workshop:
        with pytest.raises(TransferError, match="No such file"):
            Keyring.load(workshop, BANK, PASSWORD)
        make_key(workshop, BANK, PASSWORD)
        with pytest.raises(TransferError, match="department has given no certificate away"):
            Post.of(workshop, BANK, PASSWORD, "bank-data").send(DEPARTMENT, "x", Kind.LIST, LIST)
        make_key(workshop, DEPARTMENT, PASSWORD)
        assert key_path(workshop, BANK).stat().st_mode & 0o077 == 0
        assert b"PRIVATE" not in certificate_path(workshop, BANK).read_bytes()
        with pytest.raises(TransferError, match="under this password"):
            Post.of(workshop, BANK, "another password", "bank-data")
        Post.of(workshop, BANK, PASSWORD, "bank-data").send(DEPARTMENT, "x", Kind.LIST, LIST, 1)
        (arrival,) = Post.of(workshop, DEPARTMENT, PASSWORD, "department-data").receive()
        assert (arrival.mark, arrival.count) == (Mark.RECEIVED, 1)
