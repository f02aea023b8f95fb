"""Medical settlement (医疗费用结算) in the region and across: reckoned once, closed when everything is paid (D39).

A settlement is open while something of it is unpaid. The card's purchase pays the account's part, the bank the rest;
what the bank does not pay stays open, and nothing that the card paid is taken back.
"""

import json
from typing import Final

from sqlalchemy import Row, bindparam, func, select

from terminal.hosts.social.accounts import book_purchase, payers, post_to, tac_is_right, terminal_creditor
from terminal.hosts.social.codes import Code, Refusal
from terminal.hosts.social.desk import CardRow, Desk, holder_of, known_card, remember_derivation, valid_card
from terminal.hosts.social.rules import PoolRules, Shares, Used, reckon
from terminal.hosts.social.tables import LEDGER, PAYMENTS, PURCHASES, SETTLEMENTS, central_code, institution_code
from terminal.messages.social import CloseSettlement, PurchaseRecord, Settle, Settlement, SettlementClosed, SocialCard

_BILL: Final = select(SETTLEMENTS).where(
    SETTLEMENTS.c.institution == bindparam("institution"), SETTLEMENTS.c.bill == bindparam("bill")
)
_NUMBER: Final = select(SETTLEMENTS).where(SETTLEMENTS.c.id == bindparam("id"))
_USED: Final = select(func.sum(SETTLEMENTS.c.deductible), func.sum(SETTLEMENTS.c.pool)).where(
    SETTLEMENTS.c.person == bindparam("person"),
    SETTLEMENTS.c.region == bindparam("region"),
    SETTLEMENTS.c.year == bindparam("year"),
)
_PAYMENT: Final = select(PAYMENTS.c.amount).where(
    PAYMENTS.c.settlement == bindparam("settlement"), PAYMENTS.c.bank_reference == bindparam("reference")
)
_OF_SETTLEMENT: Final = select(PURCHASES.c.id).where(PURCHASES.c.settlement == bindparam("settlement"))


def settle(desk: Desk, message: Settle) -> Settlement:
    """Reckon a bill by the rules of the region that insures the person; the same bill once more is the same answer.

    What a settlement takes of the year's deductible and cap counts from here on.

    Raises:
        Refusal: card, region or amounts; or the bill had other fees before.
    """
    row = valid_card(desk, message.card)
    person = holder_of(row)
    if not message.bill or not message.institution or not message.fees or any(fee.amount < 0 for fee in message.fees):
        raise Refusal(Code.MALFORMED, "a bill has a name, an institution, and fees that are not negative")
    fees = json.dumps([[fee.name, fee.kind.value, fee.amount] for fee in message.fees], ensure_ascii=False)
    known = desk.books.execute(_BILL, {"institution": message.institution, "bill": message.bill}).first()
    if known is not None:
        if (known.card, known.fees) != (row.identification, fees):
            raise Refusal(Code.CONFLICT, "the bill was settled with other fees or another card")
        return _answer(known)
    region = message.region or row.identification[:6]
    rules = desk.rules.pools.get(region)
    if rules is None:
        raise Refusal(Code.NOT_THERE, f"nobody settles for region {region!r}")
    shares = _shares(desk, rules, message, person)
    return _open(desk, message, row, person, region, shares, fees)


def _shares(desk: Desk, rules: PoolRules, message: Settle, person: str) -> Shares:
    year = rules.year_of(desk.now.date())
    key = {"person": person, "region": rules.region, "year": year}
    deductible, pool = desk.books.execute(_USED, key).one()
    used = Used(int(deductible or 0), int(pool or 0))
    return reckon(rules, message.fees, message.balance, used, away=rules.region != desk.rules.region)


def _open(desk: Desk, message: Settle, row: CardRow, person: str, region: str, shares: Shares, fees: str) -> Settlement:
    values = {
        "institution": message.institution,
        "bill": message.bill,
        "card": row.identification,
        "person": person,
        "region": region,
        "year": desk.rules.pools[region].year_of(desk.now.date()),
        "account": shares.account,
        "self_paid": shares.self_paid,
        "pool": shares.pool,
        "own_expense": shares.own_expense,
        "deductible": shares.deductible,
        "fees": fees,
        "unpaid": shares.account + shares.self_paid + shares.own_expense,
        "pool_posted": False,
    }
    desk.books.execute(SETTLEMENTS.insert(), values)
    opened = desk.books.execute(_BILL, {"institution": message.institution, "bill": message.bill}).one()
    if not opened.unpaid:
        _post_pool(desk, opened, 0)
    return _answer(opened)


def _answer(row: Row[tuple[object, ...]]) -> Settlement:
    return Settlement(f"M{row.id:010d}", row.region, row.account, row.self_paid, row.pool, row.own_expense)


def close_settlement(desk: Desk, message: CloseSettlement) -> SettlementClosed:
    """Book what was paid, each payment once, and say what is unpaid (D39, SCHEME-088).

    Raises:
        Refusal: no such settlement of that card; a purchase that does not fit or has a wrong TAC; a payment that is
            more than what is unpaid, or was of another amount before.
    """
    row = known_card(desk, message.card)
    number = message.number[1:]
    found = desk.books.execute(_NUMBER, {"id": int(number)}).first() if _is_number(message.number) else None
    if found is None or found.card != row.identification:
        raise Refusal(Code.NOT_THERE, "there is no settlement of that number for the card")
    if message.purchase is not None:
        _take_purchase(desk, found, row, message.card, message.purchase)
    if message.bank_reference:
        _take_payment(desk, found.id, message.bank_reference, message.paid)
    elif message.paid:
        raise Refusal(Code.MALFORMED, "a payment has the bank's reference")
    return _stand(desk, found.id)


def _is_number(text: str) -> bool:
    return text[:1] == "M" and len(text) == 11 and text[1:].isascii() and text[1:].isdigit()


def _take_purchase(
    desk: Desk, settlement: Row[tuple[object, ...]], row: CardRow, card: SocialCard, record: PurchaseRecord
) -> None:
    given = (record.account, record.self_paid, record.pool)
    # A card with the account alone has no other amounts (TRM-152).
    if given not in ((settlement.account, settlement.self_paid, settlement.pool), (settlement.account, 0, 0)):
        raise Refusal(Code.AMOUNT, "the amounts of the purchase are not those of the settlement")
    identity = row.identity(historical=card.historical, algorithm=card.algorithm)
    if not tac_is_right(desk, identity, record):
        raise Refusal(Code.WRONG_MAC, "the TAC of the purchase is wrong")
    remember_derivation(desk, row, identity.historical, identity.suite.algorithm_id)
    creditor = institution_code(settlement.institution)
    before = desk.books.execute(_OF_SETTLEMENT, {"settlement": str(settlement.id)}).scalar()
    purchase = book_purchase(desk, row.identification, record, creditor, settlement.region)
    if before is not None:
        if before != purchase:
            raise Refusal(Code.CONFLICT, "the settlement has another purchase already")
        return
    desk.books.execute(PURCHASES.update().where(PURCHASES.c.id == purchase).values(settlement=str(settlement.id)))
    _redirect(desk, purchase, record, creditor)
    stand = desk.books.execute(_NUMBER, {"id": settlement.id}).one()
    paid = min(stand.unpaid, settlement.account)
    _set_unpaid(desk, settlement.id, stand.unpaid - paid)
    surplus = settlement.account - paid
    if surplus:
        # The bank had paid the account's part too: what the card paid besides goes back to the central account (D39).
        legs = {creditor: -surplus, central_code(stand.person): surplus}
        LEDGER.post(desk.books, f"settlement {settlement.id} surplus", legs, day=desk.day, text="paid twice")
    _post_pool(desk, stand, record.pool)


def _redirect(desk: Desk, purchase: int, record: PurchaseRecord, creditor: str) -> None:
    """A purchase that came for verification before its settlement did is owed to the settlement's institution."""
    other = terminal_creditor(record)
    moved = record.account + record.pool
    posted = select(LEDGER.postings.c.id).where(LEDGER.postings.c.name == f"purchase {purchase}")
    number = desk.books.execute(posted).scalar()
    if number is None or creditor == other:
        return
    entries = LEDGER.entries.c
    owed = select(entries.amount).where(entries.posting == number, entries.account == other)
    if desk.books.execute(owed).scalar():
        post_to(desk, f"purchase {purchase} redirected", {other: -moved}, creditor, "owed by the settlement")


def _take_payment(desk: Desk, settlement: int, reference: str, amount: int) -> None:
    known = desk.books.execute(_PAYMENT, {"settlement": settlement, "reference": reference}).scalar()
    if known is not None:
        if known != amount:
            raise Refusal(Code.CONFLICT, "the bank's payment of that reference had another amount")
        return
    stand = desk.books.execute(_NUMBER, {"id": settlement}).one()
    if not 0 < amount <= stand.unpaid:
        raise Refusal(Code.AMOUNT, "the payment is more than what is unpaid, or nothing")
    row = {"settlement": settlement, "bank_reference": reference, "amount": amount}
    desk.books.execute(PAYMENTS.insert(), row)
    _set_unpaid(desk, settlement, stand.unpaid - amount)
    if stand.unpaid == amount and not stand.pool_posted:
        _post_pool(desk, stand, 0)


def _set_unpaid(desk: Desk, settlement: int, unpaid: int) -> None:
    desk.books.execute(SETTLEMENTS.update().where(SETTLEMENTS.c.id == settlement).values(unpaid=unpaid))


def _post_pool(desk: Desk, settlement: Row[tuple[object, ...]], by_purchase: int) -> None:
    """Post what of the fund's part the card's purchase did not carry, once."""
    if settlement.pool_posted:
        if by_purchase:
            # The fund has paid; the purchase that came later carried the same part again.
            legs = payers(desk, settlement.card, settlement.region, 0, -by_purchase)
            creditor = institution_code(settlement.institution)
            post_to(desk, f"settlement {settlement.id} fund twice", legs, creditor, "fund's part of a late purchase")
        return
    legs = payers(desk, settlement.card, settlement.region, 0, settlement.pool - by_purchase)
    creditor = institution_code(settlement.institution)
    post_to(desk, f"settlement {settlement.id} fund", legs, creditor, "fund's part of a settlement")
    desk.books.execute(SETTLEMENTS.update().where(SETTLEMENTS.c.id == settlement.id).values(pool_posted=True))


def _stand(desk: Desk, settlement: int) -> SettlementClosed:
    row = desk.books.execute(_NUMBER, {"id": settlement}).one()
    return SettlementClosed(f"M{row.id:010d}", row.unpaid)


def open_settlements(desk: Desk) -> tuple[tuple[str, int], ...]:
    """Settlements with an unpaid rest, and how much (D39)."""
    rows = desk.books.execute(select(SETTLEMENTS).where(SETTLEMENTS.c.unpaid > 0).order_by(SETTLEMENTS.c.id))
    return tuple((f"M{row.id:010d}", row.unpaid) for row in rows)
