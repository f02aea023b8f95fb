"""What a handler has at hand while it answers one message, and who may ask for something: the card behind it."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, or_, select

from cardsim.crypto.social import Suite
from terminal.businesses import Catalogue
from terminal.effects import CardIdentity
from terminal.hosts.hsm import Hsm
from terminal.hosts.social.codes import Code, Refusal
from terminal.hosts.social.rules import DepartmentRules
from terminal.hosts.social.tables import (
    BENEFIT_ROWS,
    BLACKLIST,
    CARDS,
    DUES,
    LEDGER,
    OPENING,
    PERSONS,
    card_code,
    central_code,
)
from terminal.messages.social import CardState, SocialCard

_SUITES: Final = {suite.algorithm_id: suite for suite in Suite}
_CARD: Final = select(CARDS).where(CARDS.c.identification == bindparam("identification"))
_PERSON: Final = select(PERSONS.c.name).where(PERSONS.c.number == bindparam("number"))
_LISTED: Final = (
    select(BLACKLIST.c.id)
    .where(
        BLACKLIST.c.removed.is_(None),
        BLACKLIST.c.first <= bindparam("number"),
        BLACKLIST.c.last >= bindparam("number"),
        or_(BLACKLIST.c.identification == "", BLACKLIST.c.identification == bindparam("identification")),
    )
    .limit(1)
)
_REFUSED: Final = {
    CardState.LOST: (Code.LOST, "the card is reported lost"),
    CardState.CANCELLED: (Code.CANCELLED, "the card is cancelled"),
    CardState.BLACKLISTED: (Code.BLACKLISTED, "the card is on the blacklist"),
    CardState.INACTIVE: (Code.INACTIVE, "the card was not handed over yet"),
    CardState.UNKNOWN: (Code.UNKNOWN_CARD, "the card is not in the register"),
}


@dataclass(frozen=True, slots=True)
class Desk:
    """One message's work: the books in a transaction, and what the department is made of."""

    books: Connection
    rules: DepartmentRules
    hsm: Hsm
    catalogue: Catalogue
    now: datetime
    random: Callable[[int], bytes]
    update_key: bytes
    admit: bool

    @property
    def day(self) -> str:
        """YYYYMMDD."""
        return f"{self.now:%Y%m%d}"

    @property
    def time(self) -> str:
        """To the second, ISO 8601."""
        return self.now.isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True)
class CardRow:
    """A card as the register has it. `person` is empty while its holder has not been named."""

    identification: str
    number: str
    person: str
    state: CardState
    historical: str
    algorithm: int
    load_counter: int

    def identity(self, area: str = "", historical: bytes = b"", algorithm: int = 0) -> CardIdentity:
        """What the HSM derives the card's keys from; what a message says about it must fit the register.

        Raises:
            Refusal: it does not fit, or nobody has said it yet.
        """
        own = bytes.fromhex(self.historical)
        if (
            area not in ("", self.identification[:6])
            or (historical and own and historical != own)
            or (algorithm and self.algorithm and algorithm != self.algorithm)
        ):
            raise Refusal(Code.DOES_NOT_FIT, "area code, historical bytes or algorithm are not those of the card")
        suite = _SUITES.get(algorithm or self.algorithm)
        if suite is None or len(historical or own) != 13:
            raise Refusal(Code.DOES_NOT_FIT, "neither message nor register say from what the card's keys are derived")
        return CardIdentity(suite, self.identification[:6], historical or own, bytes.fromhex(self.identification))


def find_card(desk: Desk, card: SocialCard) -> CardRow | None:
    """The register's row of a card, or None; its state is that of the blacklist where it stands there.

    A bench that admits cards takes one in that it has not seen, and what was not said of it before: the holder, and
    what its keys are derived from.

    Raises:
        Refusal: card number, holder or chip are others than in the register.
    """
    identification = card.identification.hex().upper()
    row = stored_card(desk, identification)
    if row is None:
        if not desk.admit or len(card.identification) != 16 or not card.number:
            return None
        enrol_card(desk, card)
        row = stored_card(desk, identification)
        assert row is not None
    if card.number not in ("", row.number):
        raise Refusal(Code.DOES_NOT_FIT, "the card number is not that of the identification code")
    if card.historical and row.historical not in ("", card.historical.hex().upper()):
        raise Refusal(Code.DOES_NOT_FIT, "the chip is another one than that of the card")
    row = _with_derivation(desk, _with_holder(desk, row, card), card)
    if row.state is CardState.VALID and listed(desk, row.identification, row.number):
        return replace(row, state=CardState.BLACKLISTED)
    return row


def valid_card(desk: Desk, card: SocialCard) -> CardRow:
    """The row of a card that is valid (API-133).

    Raises:
        Refusal: it is not in the register, lost, cancelled or on the blacklist.
    """
    row = find_card(desk, card)
    state = CardState.UNKNOWN if row is None else row.state
    if state in _REFUSED:
        raise Refusal(*_REFUSED[state])
    assert row is not None
    return row


def known_card(desk: Desk, card: SocialCard) -> CardRow:
    """The row of a card, whatever its state: what it did must be told even of a card that was lost since.

    Raises:
        Refusal: it is not in the register.
    """
    row = find_card(desk, card)
    if row is None:
        raise Refusal(*_REFUSED[CardState.UNKNOWN])
    return row


def holder_of(row: CardRow) -> str:
    """The social-security number of a card's holder.

    Raises:
        Refusal: nobody has named the holder.
    """
    if not row.person:
        raise Refusal(Code.DOES_NOT_FIT, "the register does not know the card's holder, and the message does not say")
    return row.person


def listed(desk: Desk, identification: str, number: str) -> bool:
    """Whether a card is on the blacklist, by itself or in a range (TRM-176 to TRM-179)."""
    return desk.books.execute(_LISTED, {"number": number, "identification": identification}).scalar() is not None


def stored_card(desk: Desk, identification: str) -> CardRow | None:
    """The row of an identification code (hex) as it is stored; the blacklist is not looked at."""
    found = desk.books.execute(_CARD, {"identification": identification}).first()
    if found is None:
        return None
    return CardRow(
        found.identification,
        found.number,
        found.person or "",
        CardState(found.state),
        found.historical,
        found.algorithm,
        found.load_counter,
    )


def _with_holder(desk: Desk, row: CardRow, card: SocialCard) -> CardRow:
    if row.person:
        if card.person not in ("", row.person):
            raise Refusal(Code.DOES_NOT_FIT, "the holder is not that of the card")
        return row
    if not card.person or not desk.admit:
        return row
    enrol_person(desk, card.person, card.name, card.area)
    desk.books.execute(CARDS.update().where(CARDS.c.identification == row.identification).values(person=card.person))
    return replace(row, person=card.person)


def _with_derivation(desk: Desk, row: CardRow, card: SocialCard) -> CardRow:
    if not desk.admit or row.historical or row.algorithm or not (card.historical and card.algorithm):
        return row
    remember_derivation(desk, row, card.historical, card.algorithm)
    return replace(row, historical=card.historical.hex().upper(), algorithm=card.algorithm)


def enrol_person(desk: Desk, number: str, name: str, region: str, *, sample: bool = True) -> None:
    """Take a person into the register (SCHEME-035), with the bench's sample; one who is there stays as he is."""
    if desk.books.execute(_PERSON, {"number": number}).scalar() is not None:
        return
    desk.books.execute(PERSONS.insert(), {"number": number, "name": name, "region": region})
    LEDGER.open_account(desk.books, central_code(number), floor=0)
    if not sample:
        return
    opening = desk.rules.opening
    if opening.account:
        open_with(desk, central_code(number), opening.account)
    common = {"person": number, "state": "open", "bank_reference": "", "reason": ""}
    dues = [common | {"kind": d.kind, "amount": d.amount, "due": d.due.isoformat()} for d in opening.dues]
    benefits = [common | {"kind": b.kind, "amount": b.amount} for b in opening.benefits]
    if dues:
        desk.books.execute(DUES.insert(), dues)
    if benefits:
        desk.books.execute(BENEFIT_ROWS.insert(), benefits)


def open_with(desk: Desk, code: str, amount: int) -> None:
    """Give a ledger account its opening balance, in fen."""
    ensure_account(desk, OPENING)
    LEDGER.post(desk.books, f"opening {code}", {OPENING: -amount, code: amount}, day=desk.day, text="opening balance")


def enrol_card(desk: Desk, card: SocialCard, *, batch: str = "", state: CardState = CardState.VALID) -> None:
    """Take a card into the register (SCHEME-034), and its holder where he is named."""
    if card.person:
        enrol_person(desk, card.person, card.name, card.area)
    identification = card.identification.hex().upper()
    desk.books.execute(
        CARDS.insert(),
        {
            "identification": identification,
            "number": card.number,
            "person": card.person or None,
            "state": state.value,
            "historical": card.historical.hex().upper(),
            "algorithm": card.algorithm,
            "batch": batch,
            "load_counter": 0,
        },
    )
    LEDGER.open_account(desk.books, card_code(identification))


def remember_derivation(desk: Desk, row: CardRow, historical: bytes, algorithm: int) -> None:
    """Keep what a card's keys are derived from: a MAC has shown that it is right, or the bench admits the card."""
    if not row.historical or not row.algorithm:
        values = {"historical": historical.hex().upper(), "algorithm": algorithm}
        desk.books.execute(CARDS.update().where(CARDS.c.identification == row.identification).values(values))


def ensure_account(desk: Desk, *codes: str) -> None:
    """Open ledger accounts that are not there."""
    for code in codes:
        if LEDGER.balance(desk.books, code) is None:
            LEDGER.open_account(desk.books, code)


def name_of(*parts: object) -> str:
    """A name for a request that has none of its own: the same content gives the same name."""
    text = json.dumps(parts, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
