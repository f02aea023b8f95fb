"""Medical accounts: loads of cards, and the purchases that were made with them (SSC part 7 chapters 11, 12, 15).

Each load moves money from the person's central account to the card's account in the books; each purchase moves it from
there, with the pooled fund's share, to who is owed. Cards prove with MAC1 what they ask for, with TACs what they did.
"""

import hmac
from typing import Final

from sqlalchemy import Row, bindparam, select

from cardsim.crypto.medical import LOAD_TAIL, Load, Purchase
from cardsim.iso7816.digits import bcd_time
from cardsim.keyfile import generation_name
from terminal.effects import CardIdentity
from terminal.hosts.hsm import HsmRefused, Use
from terminal.hosts.social.codes import Code, Refusal
from terminal.hosts.social.desk import (
    CardRow,
    Desk,
    ensure_account,
    holder_of,
    known_card,
    remember_derivation,
    valid_card,
)
from terminal.hosts.social.tables import (
    CARDS,
    CLAIMS,
    LEDGER,
    LOADS,
    PURCHASES,
    card_code,
    central_code,
    institution_code,
    pool_code,
    region_code,
)
from terminal.keyaddresses import addresses_by_name
from terminal.messages.social import (
    Accepted,
    LoadAccount,
    LoadDone,
    LoadPermission,
    PurchaseRecord,
    Verified,
    VerifyPurchases,
)

WHO: Final = "medical accounts"
_LOAD: Final = (
    select(LOADS)
    .where(LOADS.c.card == bindparam("card"), LOADS.c.sequence == bindparam("sequence"))
    .order_by(LOADS.c.id.desc())
    .limit(1)
)
_SAME: Final = select(LOADS).where(
    LOADS.c.card == bindparam("card"),
    LOADS.c.sequence == bindparam("sequence"),
    LOADS.c.request == bindparam("request"),
    LOADS.c.card_answer == bindparam("card_answer"),
)
_OPEN: Final = select(LOADS).where(LOADS.c.card == bindparam("card"), LOADS.c.state.in_(("granted", "taken back")))
_STATE: Final = LOADS.update().where(LOADS.c.id == bindparam("load")).values(state=bindparam("now"))
_POSTING: Final = LOADS.update().where(LOADS.c.id == bindparam("load")).values(posting=bindparam("number"))
_PURCHASE: Final = select(PURCHASES).where(
    PURCHASES.c.card == bindparam("card"),
    PURCHASES.c.sequence == bindparam("sequence"),
    PURCHASES.c.terminal == bindparam("terminal"),
    PURCHASES.c.terminal_sequence == bindparam("terminal_sequence"),
    PURCHASES.c.time == bindparam("time"),
)


# --- loads


def load_account(desk: Desk, message: LoadAccount) -> LoadPermission:
    """Check MAC1, debit the central account, then compute MAC2 (TRM-144 to TRM-146).

    The same request once more gives the same answer. A request with the same sequence and another random number shows
    that the card never took the load before it: that one is taken back first.

    Raises:
        Refusal: card, MAC1, amount, or balance.
    """
    row = valid_card(desk, message.card)
    request, answer = message.request, message.card_answer
    if (len(request), len(answer)) != (11, 16):
        raise Refusal(Code.MALFORMED, "data and answer of INITIALIZE FOR LOAD have 11 and 16 bytes")
    person = holder_of(row)
    card = row.identity(message.area, message.historical, message.algorithm)
    sequence = int.from_bytes(answer[4:6], "big")
    key = {"card": row.identification, "sequence": sequence}
    same = desk.books.execute(_SAME, key | _named(message)).first()
    if same is not None:
        if same.state != "granted":
            raise Refusal(Code.CONFLICT, f"that load is {same.state}")
        return LoadPermission(bytes.fromhex(same.time), bytes.fromhex(same.mac2))
    load = Load.of_request(request)
    _check_mac1(desk, card, request, answer, load)
    remember_derivation(desk, row, card.historical, card.suite.algorithm_id)
    if not load.amount:
        raise Refusal(Code.AMOUNT, "a load has an amount")
    known = desk.books.execute(_LOAD, key).first()
    if sequence < row.load_counter - 1 or (known is not None and known.state == "done"):
        raise Refusal(Code.CONFLICT, "the card's load sequence has been used before")
    _settle_open(desk, row, sequence)
    return _grant(desk, message, row, card, load, sequence, person)


def _named(message: LoadAccount) -> dict[str, str]:
    """What names a load besides card and sequence: the card's random number is in its answer."""
    return {"request": message.request.hex().upper(), "card_answer": message.card_answer.hex().upper()}


def _check_mac1(desk: Desk, card: CardIdentity, request: bytes, answer: bytes, load: Load) -> None:
    data = load.mac1_data(int.from_bytes(answer[:4], "big"), desk.hsm.coding(card.suite))
    if not hmac.compare_digest(_load_mac(desk, card, request[0], answer, data), answer[12:]):
        raise Refusal(Code.WRONG_MAC, "MAC1 is wrong: the card did not ask for this load")


def _load_mac(desk: Desk, card: CardIdentity, key_index: int, answer: bytes, data: bytes) -> bytes:
    """A MAC under SESLK of one INITIALIZE FOR LOAD."""
    address = _address("DLK", key_index)
    factors = (answer[8:12], answer[4:6], LOAD_TAIL)
    try:
        return desk.hsm.medical_mac(WHO, Use.LOAD, address, card, factors, data)
    except HsmRefused as error:
        raise Refusal(Code.HSM, str(error)) from error


def _address(name: str, key_index: int) -> int:
    address = addresses_by_name().get(generation_name(name, key_index))
    if address is None:
        raise Refusal(Code.MALFORMED, f"there is no key index {key_index}")
    return address


def _settle_open(desk: Desk, row: CardRow, sequence: int) -> None:
    """End loads by the card's sequence, which MAC1 proves and which rises with each CREDIT alone.

    One of the same sequence was never taken: it is void. One of a lower sequence was taken, whatever was said since.
    """
    for load in desk.books.execute(_OPEN, {"card": row.identification}).all():
        if load.sequence >= sequence:
            if load.state == "granted":
                _take_back(desk, load)
            _set_state(desk, load.id, "void")
        else:
            if load.state == "taken back":
                _debit_again(desk, load, row)
            _set_state(desk, load.id, "done")


def _set_state(desk: Desk, load: int, state: str) -> None:
    desk.books.execute(_STATE, {"load": load, "now": state})


def _grant(
    desk: Desk, message: LoadAccount, row: CardRow, card: CardIdentity, load: Load, sequence: int, person: str
) -> LoadPermission:
    if (LEDGER.balance(desk.books, central_code(person)) or 0) < load.amount:
        raise Refusal(Code.NO_FUNDS, "the central account does not have that much")
    time = bcd_time(desk.now)
    data = load.mac2_data(time, desk.hsm.coding(card.suite))
    mac2 = _load_mac(desk, card, message.request[0], message.card_answer, data)
    values = {
        "card": row.identification,
        "sequence": sequence,
        "request": message.request.hex().upper(),
        "card_answer": message.card_answer.hex().upper(),
        "amount": load.amount,
        "area": card.area,
        "historical": card.historical.hex().upper(),
        "algorithm": card.suite.algorithm_id,
        "time": time.hex(),
        "mac2": mac2.hex().upper(),
        "state": "granted",
        "posting": 0,
        "tac": None,
    }
    inserted = desk.books.execute(LOADS.insert(), values).inserted_primary_key
    assert inserted is not None
    _debit(desk, int(inserted[0]), central_code(person), row.identification, load.amount)
    counter = {"load_counter": sequence + 1}
    desk.books.execute(CARDS.update().where(CARDS.c.identification == row.identification).values(counter))
    return LoadPermission(time, mac2)


def _debit(desk: Desk, load: int, source: str, identification: str, amount: int, again: str = "") -> None:
    legs = {source: -amount, card_code(identification): amount}
    posting = LEDGER.post(desk.books, f"load {load}{again}", legs, day=desk.day, text="load of a card")
    desk.books.execute(_POSTING, {"load": load, "number": posting})


def _debit_again(desk: Desk, load: Row[tuple[object, ...]], row: CardRow) -> None:
    """The card has the money of a load that was taken back: the holder's account pays, or he owes it."""
    source = central_code(holder_of(row))
    if (LEDGER.balance(desk.books, source) or 0) < load.amount:
        source = CLAIMS
        ensure_account(desk, source)
    _debit(desk, load.id, source, row.identification, load.amount, f" again after {load.posting}")


def _take_back(desk: Desk, load: Row[tuple[object, ...]]) -> None:
    LEDGER.reverse(desk.books, load.posting, f"load {load.id} taken back {load.posting}", day=desk.day)
    _set_state(desk, load.id, "taken back")


def load_done(desk: Desk, message: LoadDone) -> Accepted:
    """How a load ended: done with its TAC (TRM-150), or taken back where the card did not take it.

    A right TAC after that is stronger: the card has the money, so the central account is debited again.

    Raises:
        Refusal: no such load; a wrong TAC, and the load stays open; or a load that is done cannot be taken back.
    """
    row = known_card(desk, message.card)
    load = desk.books.execute(_LOAD, {"card": row.identification, "sequence": message.sequence}).first()
    if load is None:
        raise Refusal(Code.NOT_THERE, "there is no load of that sequence")
    accepted = Accepted(f"L{load.id:08d}")
    if message.tac is None:
        if load.state == "done":
            raise Refusal(Code.CONFLICT, "the load is done: its TAC has come")
        if load.state == "granted":
            _take_back(desk, load)
        return accepted
    if not hmac.compare_digest(_load_tac(desk, load, row), message.tac):
        raise Refusal(Code.WRONG_MAC, "the TAC is wrong")
    if load.state == "taken back":
        _debit_again(desk, load, row)
    desk.books.execute(LOADS.update().where(LOADS.c.id == load.id).values(state="done", tac=message.tac.hex().upper()))
    return accepted


def _load_tac(desk: Desk, load: Row[tuple[object, ...]], row: CardRow) -> bytes:
    """The TAC of a load: over the balance after it, or before it by the region's rules (TRM-150)."""
    card = row.identity(load.area, bytes.fromhex(load.historical), load.algorithm)
    request, answer = bytes.fromhex(load.request), bytes.fromhex(load.card_answer)
    coding = desk.hsm.coding(card.suite)
    balance = int.from_bytes(answer[:4], "big") + (load.amount if desk.rules.load_tac_after else 0)
    data = Load.of_request(request).tac_data(balance, answer[4:6], bytes.fromhex(load.time), coding)
    return _tac(desk, card, request[0], data)


def _tac(desk: Desk, card: CardIdentity, key_index: int, data: bytes) -> bytes:
    """A TAC under DTK of the key index's generation; cards with one generation have the first for all."""
    try:
        return desk.hsm.tac(WHO, _address("DTK", key_index), card, data)
    except HsmRefused as error:
        if key_index == 1:
            raise Refusal(Code.HSM, str(error)) from error
        return _tac(desk, card, 1, data)


# --- purchases


def tac_is_right(desk: Desk, card: CardIdentity, record: PurchaseRecord) -> bool:
    """Whether a purchase's TAC is the card's (API-139, TRM-165); its DTK may have one generation for all indices."""
    amounts = (record.account, record.self_paid, record.pool)
    purchase = Purchase(*amounts, record.terminal)
    data = purchase.tac_data(record.terminal_sequence, record.time, desk.hsm.coding(card.suite))
    indices = dict.fromkeys((record.key_index, 1))
    return any(hmac.compare_digest(_tac(desk, card, index, data), record.tac) for index in indices)


def verify_purchases(desk: Desk, message: VerifyPurchases) -> Verified:
    """The settlement-verification service: each TAC is computed again; a purchase that is right is booked once."""
    row = known_card(desk, message.card)
    card = row.identity(message.area, message.historical, message.algorithm)
    right = tuple(tac_is_right(desk, card, record) for record in message.records)
    for record, is_right in zip(message.records, right, strict=True):
        if is_right:
            remember_derivation(desk, row, card.historical, card.suite.algorithm_id)
            book_purchase(desk, row.identification, record, terminal_creditor(record))
    return Verified(right)


def terminal_creditor(record: PurchaseRecord) -> str:
    """Who is owed a purchase that no settlement names: the terminal's institution, by the terminal's number."""
    return institution_code(f"of terminal {record.terminal.hex()}")


def book_purchase(desk: Desk, identification: str, record: PurchaseRecord, creditor: str, region: str = "") -> int:
    """Book a purchase, once however often it comes; its number.

    `creditor` is the ledger account of who is owed, `region` whose fund pays; the card's own where nobody says.
    """
    key = {
        "card": identification,
        "sequence": record.sequence,
        "terminal": record.terminal.hex(),
        "terminal_sequence": record.terminal_sequence.hex().upper(),
        "time": record.time.hex(),
    }
    known = desk.books.execute(_PURCHASE, key).first()
    if known is not None:
        return int(known.id)
    amounts = {"account": record.account, "self_paid": record.self_paid, "pool": record.pool}
    values = key | amounts | {"tac": record.tac.hex().upper(), "settlement": None}
    inserted = desk.books.execute(PURCHASES.insert(), values).inserted_primary_key
    assert inserted is not None
    legs = payers(desk, identification, region or identification[:6], record.account, record.pool)
    post_to(desk, f"purchase {inserted[0]}", legs, creditor, "medical purchase")
    return int(inserted[0])


def payers(desk: Desk, identification: str, region: str, account: int, pool: int) -> dict[str, int]:
    """Legs of what the card's account and the fund pay: in the region those two, else the other region for both."""
    if region != desk.rules.region:
        return {region_code(region): -account - pool}
    return {card_code(identification): -account, pool_code(region): -pool}


def post_to(desk: Desk, name: str, legs: dict[str, int], creditor: str, text: str) -> None:
    """Post what payers pay to a creditor; nothing where they pay nothing."""
    if any(legs.values()):
        ensure_account(desk, *legs, creditor)
        LEDGER.post(desk.books, name, legs | {creditor: -sum(legs.values())}, day=desk.day, text=text)
