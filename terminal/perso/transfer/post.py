"""The post of a party: it sends sealed files over the lines, and registers what comes.

post = Post.of(workshop, Party.BANK, password, "bank-data")
post.send(Party.MAKER, "519902-01.package", Kind.BATCH, write_batch(batch))
post.receive()
for file in post.pending():
    process(read_batch(post.open(file.stored)))
    post.done(file.stored)
"""

import hashlib
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, select

from terminal.errors import UsageError
from terminal.hosts.books import transact
from terminal.perso.parties import Party
from terminal.perso.transfer.errors import TransferError
from terminal.perso.transfer.keyring import Keyring
from terminal.perso.transfer.keys import Addressee, Opener, read_file
from terminal.perso.transfer.line import (
    SUFFIX,
    Line,
    arrived,
    folder_of,
    lines_of,
    locked,
    next_number,
    numbered,
    write_whole,
)
from terminal.perso.transfer.register import (
    Arrival,
    arrivals,
    count_records,
    judge,
    note_queued,
    note_receipt,
    note_sent,
    receipt,
)
from terminal.perso.transfer.sealing import Header, Kind, seal, unseal
from terminal.perso.transfer.staff import data_staff
from terminal.perso.transfer.tables import ACCESS, METADATA, RECEIVED, SENT, Carrier, Mark
from terminal.perso.workshop import Workshop

_DISC: Final = ".disc"
"""A file beside one that came on a disc; who allowed it stands there."""


class Post:
    """The post of one party.

    Args:
        workshop: lines, books and clock.
        party: whose post.
        keys: of the party.
        person: who works here; sending and opening is for the party's data staff.
    """

    def __init__(self, workshop: Workshop, party: Party, keys: Keyring, person: str) -> None:
        self.party = party
        self._workshop = workshop
        self._keys = keys
        self._person = person
        self._books = workshop.books(party, METADATA)
        self._staff = data_staff(workshop.settings, party)
        self._lines = lines_of(workshop.settings)
        self._folder = workshop.path("transfer")

    @classmethod
    def of(cls, workshop: Workshop, party: Party, password: str, person: str) -> "Post":
        """The post of a party with the keys of its workshop.

        Raises:
            TransferError: there are none, or the password is wrong.
        """
        return cls(workshop, party, Keyring.load(workshop, party, password), person)

    def line(self, other: Party) -> Line:
        """The line to another party.

        Raises:
            TransferError: there is none (SCHEME-206).
        """
        return Line.between(self._folder, self.party, other, self._lines)

    def send(self, to: Party, name: str, kind: Kind, content: bytes, count: int = 0) -> bool:
        """Seal, register and send a file; whether it went out. While the line is down it waits.

        Args:
            to: the receiver.
            name: letters, digits, `.`, `_`, `-`; at most 100.
            kind: what the content is; its records are counted.
            content: the document.
            count: of a list, which is not counted here.

        Raises:
            TransferError: no line, no right, a bad name, a key that is too old, or another content went under the name.
            DataError: the content is not of its kind.
        """
        self._allow(f"send {name} to {to.value}")
        line, now = self.line(to), self._workshop.clock()
        counted = count_records(kind, content, name, count)
        sealed = seal(content, name, kind, counted, self._own(to), self._other(to), now)
        header = {
            "name": name, "kind": kind.value, "sha256": hashlib.sha256(content).hexdigest(), "count": counted,
            "sent": now.isoformat(timespec="seconds"), "person": self._person,
        }  # fmt: skip
        transact(self._books, lambda connection: note_sent(connection, to.value, header))
        went = line.send(self.party, name, sealed)
        transact(self._books, lambda connection: note_queued(connection, to.value, name))
        return went

    def receive(self) -> list[Arrival]:
        """Register what has come over the lines, answer its senders, and take their receipts; what is new.

        An interruption loses nothing: a file is stored first, then registered, then acknowledged, and each of these is
        taken up again.

        Raises:
            TransferError: the person has no right, or a key is too old.
        """
        self._allow("receive")
        self._check_keys()
        with locked(self._folder, self.party.value):
            for other in self._partners():
                self.line(other).flush()
                for path, name in arrived(self._folder, self.party, other):
                    store = folder_of(self._folder, self.party, "store", other.value)
                    path.rename(store / f"{next_number(store):06d}-{name}{SUFFIX}")
            return self._register()

    def read_disc(self, sender: Party, disc: Path, approved: str) -> list[Arrival]:
        """Register the files of a disc as those of the line (PERSO-134, SCHEME-207).

        Args:
            sender: who has burnt it.
            disc: its folder.
            approved: who allowed it.

        Raises:
            TransferError: the line is up, nobody allowed it, there is no disc, or the person has no right.
        """
        if not approved.strip():
            raise TransferError("a disc is taken with an approval alone; say who allowed it")
        self._allow(f"read disc of {sender.value}")
        self._check_keys()
        with locked(self._folder, self.party.value):
            for name, path in self.line(sender).read_disc(self.party, disc):
                store = folder_of(self._folder, self.party, "store", sender.value)
                stored = store / f"{next_number(store):06d}-{name}{SUFFIX}"
                write_whole(stored.with_suffix(_DISC), approved.encode())
                write_whole(stored, read_file(path))
            return self._register()

    def pending(self, kind: Kind | None = None) -> list[Arrival]:
        """Files that were received and are not processed yet."""
        where = [RECEIVED.c.mark == Mark.RECEIVED.value, RECEIVED.c.processed == ""]
        if kind is not None:
            where.append(RECEIVED.c.kind == kind.value)
        return transact(self._books, lambda connection: arrivals(connection, *where))

    def received(self) -> list[Arrival]:
        """The whole register."""
        return transact(self._books, lambda connection: arrivals(connection))

    def open(self, stored: str) -> bytes:
        """The content of a file of the register; it rests sealed, and only the data staff open it.

        Raises:
            TransferError: no right, no such file, or it is not marked as received.
        """
        self._allow(f"open {stored}")
        rows = transact(self._books, lambda connection: arrivals(connection, RECEIVED.c.stored == stored))
        if not rows or rows[0].mark is not Mark.RECEIVED:
            raise TransferError(f"{stored} is no file that was received and accepted")
        return self._unseal(stored)[1]

    def done(self, stored: str) -> None:
        """A file has been processed."""
        values = {"processed": self._time()}
        where = RECEIVED.c.stored == stored
        transact(self._books, lambda connection: connection.execute(RECEIVED.update().where(where).values(**values)))

    def sent(self) -> list[tuple[str, str, Mark, str]]:
        """Files that were sent: receiver, name, mark and why. One that may not have left yet is not among them."""
        sent = SENT.c
        asked = select(sent.receiver, sent.name, sent.mark, sent.reason).where(sent.mark != Mark.PREPARED.value)
        asked = asked.order_by(sent.sent, sent.name)
        rows = transact(self._books, lambda connection: connection.execute(asked).all())
        return [(receiver, name, Mark(mark), reason) for receiver, name, mark, reason in rows]

    def _register(self) -> list[Arrival]:
        """Register what is stored and not registered yet, and answer for what is not answered yet."""
        known = {arrival.stored for arrival in self.received()}
        new = []
        for other in self._partners():
            store = folder_of(self._folder, self.party, "store", other.value)
            for path, name in numbered(store):
                stored = f"{other.value}/{path.name}"
                if stored not in known and (arrival := self._judged(other, stored, name, path)) is not None:
                    new.append(arrival)
        self._acknowledge()
        return new

    def _judged(self, sender: Party, stored: str, name: str, path: Path) -> Arrival | None:
        """Register one file; nothing where it is a receipt, which is taken and thrown away."""
        header, reason = None, ""
        try:
            header, content = self._unseal(stored)
            if header.kind is Kind.RECEIPT:
                transact(self._books, lambda connection: note_receipt(connection, sender.value, content))
                path.unlink()
                return None
            counted = count_records(header.kind, content, header.name, header.count)
            if counted != header.count:
                reason = f"{sender.value} says {header.count} records, the file has {counted}"
        except UsageError as error:
            reason = str(error)
        return transact(self._books, lambda connection: self._enter(connection, sender, stored, name, header, reason))

    def _enter(
        self, connection: Connection, sender: Party, stored: str, name: str, header: Header | None, reason: str
    ) -> Arrival:
        mark = Mark.REFUSED
        if header is not None and not reason:
            mark, reason = judge(connection, header)
        approval = (folder_of(self._folder, self.party, "store") / stored).with_suffix(_DISC)
        approved = approval.read_text(encoding="utf8") if approval.exists() else ""
        row = {
            "stored": stored, "sender": sender.value, "name": name if header is None else header.name,
            "carrier": (Carrier.DISC if approved else Carrier.LINE).value, "approved": approved,
            "received": self._time(), "person": self._person, "mark": mark.value, "reason": reason,
        }  # fmt: skip
        if header is not None:
            row |= {"kind": header.kind.value, "sha256": header.sha256, "made": header.made.isoformat()}
        count = 0 if header is None else header.count
        connection.execute(RECEIVED.insert(), {**row, "count": count})
        return arrivals(connection, RECEIVED.c.stored == stored)[0]

    def _acknowledge(self) -> None:
        """Tell each sender what became of its files (PERSO-138)."""
        columns = RECEIVED.c
        asked = select(columns.stored, columns.sha256).where(columns.acknowledged.is_(False)).order_by(columns.id)
        rows = transact(self._books, lambda connection: connection.execute(asked).all())
        for stored, sha256 in rows:
            self._answer(stored, sha256)

    def _answer(self, stored: str, sha256: str) -> None:
        """Send the receipt of one file. It goes out before it is noted: two receipts say the same."""
        where = RECEIVED.c.stored == stored
        (arrival,) = transact(self._books, lambda connection: arrivals(connection, where))
        to, now = Party(arrival.sender), self._workshop.clock()
        name = f"receipt.{arrival.name}"[:100]
        told = receipt(arrival, sha256, now)
        sealed = seal(told, name, Kind.RECEIPT, 1, self._own(to), self._other(to), now)
        self.line(to).send(self.party, name, sealed)
        done = RECEIVED.update().where(where).values(acknowledged=True)
        transact(self._books, lambda connection: connection.execute(done))

    def _allow(self, what: str) -> None:
        """Let data staff alone go on, and note whoever asks (PERSO-065, PERSO-066)."""
        allowed = self._person in self._staff
        row = {"time": self._time(), "person": self._person, "what": what[:200], "allowed": allowed}
        transact(self._books, lambda connection: connection.execute(ACCESS.insert(), row))
        if not allowed:
            raise TransferError(f"{self._person} is none of the data staff of {self.party.value}; the attempt is noted")

    def _check_keys(self) -> None:
        """Before a file is refused that a renewed key would open."""
        for other in self._partners():
            self._own(other).usable(self._workshop.clock())
            self._other(other).usable(self._workshop.clock())

    def _partners(self) -> list[Party]:
        return [party for party in Party if party in self._keys.others and self._connected(party)]

    def _connected(self, other: Party) -> bool:
        return bool({f"{self.party.value}-{other.value}", f"{other.value}-{self.party.value}"} & self._lines)

    def _own(self, other: Party) -> Opener:
        return self._keys.own[other]

    def _other(self, party: Party) -> Addressee:
        try:
            return self._keys.others[party]
        except KeyError:
            raise TransferError(f"{party.value} has given no certificate away; it makes its key first") from None

    def _time(self) -> str:
        return self._workshop.clock().isoformat(timespec="seconds")

    def _unseal(self, stored: str) -> tuple[Header, bytes]:
        sender = Party(stored.split("/", 1)[0])
        sealed = read_file(folder_of(self._folder, self.party, "store") / stored)
        return unseal(sealed, self._own(sender), self._other(sender), self._workshop.clock())
