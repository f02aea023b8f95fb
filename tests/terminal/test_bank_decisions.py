"""What the bank's host approves and declines, and with which response code."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from cardsim.iso7816.tlv import find
from terminal.hosts.bank import BankHost, Code, Enrolment, accounts
from terminal.hosts.bank.accounts import NewAccount
from terminal.hosts.bank.audit import audit
from terminal.hosts.bank.parameters import PARAMETERS, Counted, WatchRule
from terminal.hosts.bank.tables import METADATA, TRANSACTIONS, AccountState, CardState
from terminal.messages.bank import CryptogramCheck, HostMessage, MessageKind
from tests.terminal.bankcard import CIPHER, DAY, KEYS, NOW, PIN, TYPES, PlasticCard, reverse

OTHER = "6214672500000000064"


def bank(**options: Any) -> BankHost:
    """A bank with two customers: the card's, with 10,000 yuan, and another one."""
    host = BankHost(KEYS, CIPHER, enrolment=None)
    card = PlasticCard()
    new = NewAccount(card.pan, card.pan, card.psn, "李四", "510101199001011234", PIN, initial=False, balance=1_000_000)
    host.open_account(replace(new, **options), DAY)
    host.open_account(NewAccount("990000000002", OTHER, "01", "王五", "510101198505055678", PIN, initial=False), DAY)
    return host


def balance(host: BankHost, number: str = "6214672500000000056") -> int:
    with host.books.begin() as connection:
        holding = accounts.find_account(connection, number)
    assert holding is not None
    return holding.balance


def code(host: BankHost, message: HostMessage) -> str:
    """The response code; the books are right afterwards."""
    answer = host.handle(message)
    assert audit(host.books) == []
    return answer.arc


def test_an_authorisation() -> None:
    """SCHEME-043: the cryptogram is verified, the balance checked and lowered, the ARPC returned."""
    host, card = bank(), PlasticCard()
    answer = host.handle(card.message(amount=1234))
    assert (answer.arc, answer.cryptogram, answer.keep_card) == ("00", CryptogramCheck.RIGHT, False)
    assert (find(answer.chip_data, 0x91) or b"")[8:] == b"00"
    assert (len(answer.reference), len(answer.authorisation)) == (12, 6)
    assert balance(host) == 1_000_000 - 1234


@pytest.mark.parametrize("state", [CardState.BLOCKED, CardState.LOST, CardState.STOLEN, CardState.CLOSED])
def test_cards_that_are_not_in_order(state: CardState) -> None:
    """SCHEME-148, SCHEME-043: blocked, lost and stolen cards are refused; the last two are kept."""
    host, card = bank(), PlasticCard()
    host.at_desk(accounts.set_card_state, card.pan, state)
    answer = host.handle(card.message())
    codes = {
        CardState.BLOCKED: Code.RESTRICTED_CARD,
        CardState.LOST: Code.LOST_CARD,
        CardState.STOLEN: Code.STOLEN_CARD,
        CardState.CLOSED: Code.INVALID_CARD,
    }
    assert answer.arc == codes[state]
    assert answer.keep_card == (state in (CardState.LOST, CardState.STOLEN))
    assert balance(host) == 1_000_000


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"t9F1A": "0840"}, Code.DO_NOT_HONOUR),
        ({"t5F2A": "0840"}, Code.DO_NOT_HONOUR),
        ({"t95": "0040000000"}, Code.EXPIRED_CARD),
        ({"t95": "4000000000"}, Code.DO_NOT_HONOUR),
        ({"t95": "0800000000"}, Code.DO_NOT_HONOUR),
        ({"t95": "0000800000"}, Code.WRONG_PIN),
        ({"t9C": "01"}, Code.INVALID_TRANSACTION),
        ({"t9F02": "000000001235"}, Code.OTHER_AMOUNT),
        ({"t9F27": "00"}, Code.DOES_NOT_FIT),
        ({"t9F26": "0000000000000000"}, Code.DO_NOT_HONOUR),
        ({"t9F36": "0100"}, Code.APPROVED),
        ({"t9F36": "01"}, Code.FORMAT_ERROR),
        ({"t9F10": "0701010300000001"}, Code.DO_NOT_HONOUR),
        ({"t9F10": "07"}, Code.FORMAT_ERROR),
        ({"t9F10": ""}, Code.FORMAT_ERROR),
        ({"t9F37": ""}, Code.FORMAT_ERROR),
    ],
)
def test_chip_data(changes: dict[str, str], expected: Code) -> None:
    """SCHEME-094, SCHEME-095, SCHEME-096: another country or currency is declined by the host (D38)."""
    host, card = bank(), PlasticCard()
    if "t9F36" in changes and len(changes["t9F36"]) == 4:
        card.atc = int(changes["t9F36"], 16) - 1
    assert code(host, card.message(chip=card.chip(TYPES.PURCHASE, 1234, tc=False, **changes))) == expected
    assert balance(host) == 1_000_000 - 1234 * (expected is Code.APPROVED)


@pytest.mark.parametrize("data", [b"", b"\x9f", b"\x95\x05\x00", bytes(300), b"\xff" * 40])
@pytest.mark.parametrize("kind", list(MessageKind))
def test_malformed_chip_data_never_raise(kind: MessageKind, data: bytes) -> None:
    """Every message gets an answer, and nothing moves."""
    host, card = bank(), PlasticCard()
    answer = host.handle(card.message(kind=kind, chip=data))
    if kind not in (MessageKind.REVERSE, MessageKind.SCRIPT_NOTICE, MessageKind.SIGN_ON, MessageKind.SETTLE):
        assert answer.arc == Code.FORMAT_ERROR
    assert balance(host) == 1_000_000


@pytest.mark.parametrize("pan", ["", "12A4567890123456", "1" * 20, "6214672500000000057"])
def test_odd_card_numbers(pan: str) -> None:
    host, card = bank(), PlasticCard()
    assert host.handle(replace(card.message(), pan=pan)).arc in (Code.FORMAT_ERROR, Code.DO_NOT_HONOUR)


def test_unknown_card_and_the_bench_that_opens_accounts() -> None:
    """A card with the right cryptogram that is in no book is declined, unless the host opens accounts by itself."""
    card = PlasticCard(pan="6214672500000000999")
    assert code(bank(), card.message()) == Code.INVALID_CARD
    bench = BankHost(KEYS, CIPHER, PIN, enrolment=Enrolment(balance=5000))
    assert code(bench, card.message(amount=5001)) == Code.NO_FUNDS
    assert code(bench, card.message(amount=5000)) == Code.APPROVED
    assert code(bench, replace(card.message(), pin_block=CIPHER.encipher("000000", card.pan))) == Code.WRONG_PIN


def test_a_counter_is_used_once() -> None:
    """A recorded cryptogram is worth nothing under another trace number, and an older one neither."""
    host, card = bank(), PlasticCard()
    first, second = card.message(), card.message()
    assert code(host, second) == Code.APPROVED
    assert code(host, first) == Code.DUPLICATE
    assert code(host, replace(second, trace=99)) == Code.DUPLICATE
    assert balance(host) == 1_000_000 - 1234


def test_a_trace_number_names_one_message() -> None:
    host, card = bank(), PlasticCard()
    first = card.message()
    assert code(host, first) == Code.APPROVED
    assert code(host, replace(card.message(), trace=first.trace)) == Code.DUPLICATE
    assert balance(host) == 1_000_000 - 1234


@pytest.mark.parametrize("kind", [TYPES.PURCHASE, TYPES.CASH, TYPES.DEPOSIT, TYPES.TRANSFER, TYPES.LOAD])
def test_a_repeated_message_moves_nothing(kind: Any) -> None:
    """The same answer again, to the byte, and the money moved once."""
    host, card = bank(), PlasticCard()
    message = card.message(kind, 100, target=OTHER)
    first = host.handle(message)
    after = balance(host)
    assert first.arc == "00"
    assert after == 1_000_000 + (100 if kind is TYPES.DEPOSIT else -100)
    assert [host.handle(message) for _ in range(3)] == [first] * 3
    assert balance(host) == after
    assert audit(host.books) == []


def test_the_debit_functions() -> None:
    """SCHEME-099: deposit, withdrawal, transfer and purchase do what they say; the inquiry shows the balance (D36)."""
    host, card = bank(), PlasticCard()
    assert code(host, card.message(TYPES.DEPOSIT, 500)) == "00"
    assert code(host, card.message(TYPES.CASH, 10000)) == "00"
    assert code(host, card.message(TYPES.TRANSFER, 2000, target=OTHER)) == "00"
    assert code(host, card.message(TYPES.TRANSFER, 30, target="990000000002")) == "00"
    assert code(host, card.message(TYPES.PURCHASE, 7)) == "00"
    assert host.handle(card.message(TYPES.INQUIRY, 0)).balance == 1_000_000 + 500 - 10000 - 2000 - 30 - 7
    assert balance(host, OTHER) == 2030


@pytest.mark.parametrize(
    ("kind", "amount", "target", "expected"),
    [
        (TYPES.PURCHASE, 1_000_001, "", Code.NO_FUNDS),
        (TYPES.PURCHASE, 1_000_000, "", Code.APPROVED),
        (TYPES.PURCHASE, 0, "", Code.INVALID_AMOUNT),
        (TYPES.CASH, 500_001, "", Code.OVER_LIMIT),
        (TYPES.CASH, 500_000, "", Code.APPROVED),
        (TYPES.TRANSFER, 100, "", Code.NO_ACCOUNT),
        (TYPES.TRANSFER, 100, "6214672500000000998", Code.NO_ACCOUNT),
        (TYPES.TRANSFER, 100, "6228480000000000001", Code.APPROVED),
        (TYPES.TRANSFER, 100, "6214672500000000056", Code.INVALID_TRANSACTION),
        (TYPES.LOAD, 100_001, "", Code.OVER_LIMIT),
        (TYPES.LOAD_OTHER, 100, OTHER, Code.WRONG_PIN),
        (TYPES.LOAD_OTHER, 100, "12345", Code.NO_ACCOUNT),
    ],
)
def test_amounts_and_accounts(kind: Any, amount: int, target: str, expected: Code) -> None:
    host, card = bank(), PlasticCard()
    assert code(host, card.message(kind, amount, target=target)) == expected


def test_the_limit_of_a_day() -> None:
    """SCHEME-235: cash beyond the limit of a day is declined, and the decline stands in the log."""
    host, card = bank(balance=10_000_000), PlasticCard()
    codes = [code(host, card.message(TYPES.CASH, 500_000)) for _ in range(5)]
    assert codes == ["00"] * 4 + [Code.OVER_LIMIT]
    with host.books.begin() as connection:
        logged = connection.scalars(select(TRANSACTIONS.c.code).order_by(TRANSACTIONS.c.id)).all()
    assert logged == codes
    assert code(host, replace(card.message(TYPES.CASH, 500_000), time=card.message().time.replace(day=22))) == "00"


def _at(card: PlasticCard, minute: float, kind: Any = TYPES.PURCHASE, amount: int = 100, **changes: Any) -> HostMessage:
    return replace(card.message(kind, amount), time=NOW + timedelta(minutes=minute), **changes)


def _rule(counts: Counted) -> WatchRule:
    return next(rule for rule in PARAMETERS.watch if rule.counts is counts)


def test_many_quick_purchases_are_stopped() -> None:
    """SCHEME-235: the purchase that would be one more than the watch rule allows in its time is declined, and the log
    has the rule; once the time is over the card pays again, and other kinds of transaction were never stopped."""
    host, card, rule = bank(), PlasticCard(), _rule(Counted.APPROVED)
    step = rule.minutes / (2 * rule.most)
    assert [host.handle(_at(card, n * step)).arc for n in range(rule.most)] == ["00"] * rule.most
    end = rule.most * step
    assert code(host, _at(card, end)) == Code.SUSPECTED
    assert code(host, _at(card, end, TYPES.CASH)) == "00"
    with host.books.begin() as connection:
        rows = connection.execute(select(TRANSACTIONS.c.code, TRANSACTIONS.c.reason).order_by(TRANSACTIONS.c.id)).all()
    assert [tuple(row) for row in rows if row.code == Code.SUSPECTED] == [(Code.SUSPECTED, rule.text)]
    assert code(host, _at(card, rule.minutes - 0.1)) == Code.SUSPECTED
    assert code(host, _at(card, rule.minutes)) == "00"
    assert balance(host) == 1_000_000 - 100 * (rule.most + 2)


def test_what_is_taken_back_or_another_cards_is_not_watched() -> None:
    host, card, rule = bank(), PlasticCard(), _rule(Counted.APPROVED)
    other = PlasticCard(pan=OTHER, terminal="ATM00002")
    host.handle(other.message(TYPES.DEPOSIT, 10_000))
    for _ in range(rule.most):
        message = _at(card, 0)
        assert host.handle(message).arc == "00"
        assert host.handle(reverse(message)).arc == "00"
        assert host.handle(_at(other, 0, amount=1)).arc == "00"
    assert code(host, _at(card, 0)) == "00"
    assert code(host, _at(other, 0)) == Code.SUSPECTED


def test_cash_at_many_machines_is_stopped() -> None:
    """SCHEME-235: machines are counted, not transactions; one that was used already is no new one."""
    host, card, rule = bank(), PlasticCard(), _rule(Counted.TERMINALS)
    machines = [f"ATM{number:05d}" for number in range(rule.most + 1)]
    codes = [code(host, _at(card, 0, TYPES.CASH, terminal=machine)) for machine in machines]
    assert codes == ["00"] * rule.most + [Code.SUSPECTED]
    assert code(host, _at(card, 0, TYPES.CASH, terminal=machines[0])) == "00"


def test_many_declined_requests_stop_the_next_one() -> None:
    """SCHEME-235: after too many declines in a short time nothing is approved until the time is over."""
    host, card, rule = bank(), PlasticCard(), _rule(Counted.DECLINED)
    assert {host.handle(_at(card, 0, amount=5_000_001)).arc for _ in range(rule.most)} == {Code.OVER_LIMIT}
    assert code(host, _at(card, 0)) == "00"
    assert code(host, _at(card, 0, amount=5_000_001)) == Code.OVER_LIMIT
    assert code(host, _at(card, 0)) == Code.SUSPECTED
    assert code(host, _at(card, rule.minutes)) == "00"


def test_a_stripe_pays_nothing() -> None:
    """SCHEME-225: the host takes requests with the data of a chip alone, so that a payment by stripe is declined, at
    home and abroad; what the chip may do is debit in China (SCHEME-094 to SCHEME-097)."""
    host, card = bank(), PlasticCard()
    for track in ("6214672500000000056D34016200000", ""):
        assert code(host, replace(card.message(chip=b""), track2=track)) == Code.FORMAT_ERROR
    assert balance(host) == 1_000_000


def test_what_is_taken_back_counts_for_no_limit() -> None:
    host, card = bank(balance=10_000_000), PlasticCard()
    for _ in range(6):
        message = card.message(TYPES.CASH, 500_000)
        assert code(host, message) == "00"
        assert code(host, reverse(message)) == "00"


def test_cash_is_for_the_banks_own_terminals() -> None:
    """D36: no cash, deposit or transfer at a merchant's terminal."""
    host, card = bank(), PlasticCard()
    for kind in (TYPES.CASH, TYPES.DEPOSIT, TYPES.TRANSFER):
        chip = card.chip(kind, 100, t9F35="22")
        assert code(host, card.message(kind, 100, chip=chip, target=OTHER)) == Code.NOT_FOR_TERMINAL


# --- PIN


def with_pin(card: PlasticCard, pin: str | None) -> HostMessage:
    block = None if pin is None else CIPHER.encipher(pin, card.pan)
    return replace(card.message(TYPES.CASH, 100), pin_block=block)


def test_pin_tries() -> None:
    """Three wrong PINs lock the PIN; a right one before gives all tries back; the desk unlocks it."""
    host, card = bank(), PlasticCard()
    pins = ["000000", "000000", PIN, "000000", "000000", "000000", PIN]
    codes = [code(host, with_pin(card, pin)) for pin in pins]
    assert codes == ["55", "55", "00", "55", "55", "55", "75"]
    host.at_desk(accounts.unlock_pin, card.pan)
    assert code(host, with_pin(card, PIN)) == "00"


def test_pin_blocks_that_are_none() -> None:
    """A block of another card, of another key or of another length is a wrong PIN; none at all is declined for cash."""
    host, card = bank(), PlasticCard()
    other = CIPHER.encipher(PIN, OTHER)
    codes = [code(host, replace(card.message(TYPES.CASH, 100), pin_block=block)) for block in (other, b"", None)]
    assert codes == ["55"] * 3
    assert code(host, replace(card.message(TYPES.PURCHASE, 100), pin_block=None)) == "00"


def test_books_and_reprs_hold_no_pin() -> None:
    """The books have a value that the PIN cannot be read from, and nothing shows a key."""
    host, card = bank(), PlasticCard()
    host.handle(card.message())
    with host.books.begin() as connection:
        rows = [str(row) for name in METADATA.tables for row in connection.exec_driver_sql(f"SELECT * FROM {name}")]
    dump = "\n".join(rows)
    assert card.pan in dump
    assert PIN not in dump
    assert KEYS.mdk_ac.hex() not in (repr(host.keys) + dump).lower()
    assert repr(host.keys) == "IssuerKeys(versions 1)"


# --- activation (D35)


def change(card: PlasticCard, old: str, new: str) -> HostMessage:
    message = card.message(TYPES.PIN_CHANGE, 0, MessageKind.CHANGE_PIN)
    return replace(
        message, pin_block=CIPHER.encipher(old, card.pan), new_pin_block=CIPHER.encipher(new, card.pan)
    )  # fmt: skip


def test_activation() -> None:
    """SCHEME-128, SCHEME-131, PERSO-169: with the initial PIN everything is declined until it is changed at the host
    (D35)."""
    host, card = bank(pin="111110", initial=True), PlasticCard(pin="111110")
    assert code(host, card.message()) == Code.NOT_FOR_HOLDER
    assert code(host, card.message(TYPES.INQUIRY, 0)) == Code.NOT_FOR_HOLDER
    assert code(host, change(card, "222222", PIN)) == Code.WRONG_PIN
    assert code(host, change(card, "111110", "111110")) == Code.INVALID_TRANSACTION
    assert code(host, change(card, "111110", PIN)) == Code.APPROVED
    assert code(host, card.message(TYPES.CASH, 100)) == Code.WRONG_PIN
    card.pin = PIN
    assert code(host, card.message(TYPES.CASH, 100)) == Code.APPROVED


def test_change_of_pin_is_told_to_a_card_that_checks_it() -> None:
    """D35: the offline-PIN profile gets PIN CHANGE as a script before the second cryptogram; others get none."""
    for offline in (False, True):
        host, card = bank(offline_pin=offline), PlasticCard()
        answer = host.handle(change(card, PIN, "654321"))
        assert answer.arc == "00"
        card.take(answer)
        assert [entry[:8] for entry in card.log] == ["84240002"] * offline
        assert "654321" not in answer.chip_data.hex()


def test_a_pin_change_is_done_once() -> None:
    host, card = bank(), PlasticCard()
    message = change(card, PIN, "654321")
    assert [host.handle(message).arc for _ in range(2)] == ["00", "00"]


def test_accounts_that_are_not_in_order() -> None:
    host, card = bank(), PlasticCard()
    for state, expected in (
        (AccountState.NOT_ACTIVATED, Code.NOT_FOR_HOLDER),
        (AccountState.BLOCKED, Code.RESTRICTED_CARD),
        (AccountState.CLOSED, Code.NO_ACCOUNT),
        (AccountState.ACTIVE, Code.APPROVED),
    ):
        host.at_desk(accounts.set_account_state, card.pan, state)
        assert code(host, card.message()) == expected


def test_an_expired_card() -> None:
    """SCHEME-107: what the bank knows about the date counts, whatever the terminal says."""
    host, card = bank(expires="20261120"), PlasticCard()
    assert code(host, card.message()) == Code.EXPIRED_CARD
    assert code(bank(expires="20261121"), PlasticCard().message()) == Code.APPROVED


# --- keys


def test_key_versions() -> None:
    """SCHEME-042: master keys have versions, named by the key index of the card; one that is not held is declined."""
    second = replace(KEYS, mdk_ac=KEYS.mdk_mac)
    host = BankHost({1: KEYS, 2: second}, CIPHER)
    for index, keys, expected in ((1, KEYS, "00"), (2, second, "00"), (2, KEYS, "05"), (3, KEYS, "05")):
        pan = f"621467250000000{index}{expected}1"
        card = PlasticCard(pan=pan, keys=keys, key_index=index, terminal=f"T{pan[-4:]}")
        assert code(host, card.message()) == expected
    assert repr(host.keys) == "IssuerKeys(versions 1, 2)"


# --- fees and points


def test_preferential_fees() -> None:
    """SCHEME-103: cards of the product pay no fee, others of the bank pay the usual one."""
    host = BankHost(KEYS, CIPHER)
    for pan, cash_fee, transfer_fee in (("6214672500000000056", 0, 0), ("6229990000000000001", 200, 500)):
        card = PlasticCard(pan=pan, terminal=f"ATM{pan[-4:]}")
        cash = host.handle(card.message(TYPES.CASH, 10000, pin_block=None))
        transfer = host.handle(card.message(TYPES.TRANSFER, 100_000, target="6228480000000000001"))
        assert [answer.arc for answer in (cash, transfer)] == ["00", "00"]
        assert (cash.fee, transfer.fee) == (cash_fee, transfer_fee)
        assert balance(host, pan) == 1_000_000 - 110_000 - cash_fee - transfer_fee
    assert audit(host.books) == []


def test_merchant_points() -> None:
    """SCHEME-101: a purchase at a registered merchant brings points; taken back, they go too."""
    host, card = bank(), PlasticCard()

    def points() -> int:
        with host.books.begin() as connection:
            return int(connection.exec_driver_sql("SELECT points FROM bank_account ORDER BY number").scalars().all()[0])

    bought = card.message(TYPES.PURCHASE, 1299, merchant="519900059120001")
    assert code(host, bought) == "00"
    assert points() == 12
    assert code(host, card.message(TYPES.PURCHASE, 5000, merchant="000000000000000")) == "00"
    assert code(host, card.message(TYPES.CASH, 5000, merchant="519900059120001")) == "00"
    assert points() == 12
    assert code(host, reverse(bought)) == "00"
    assert points() == 0


def test_every_code_has_a_text() -> None:
    """The response codes that the host gives are those of the data file."""
    assert {one.value for one in Code} == set(PARAMETERS.codes)
    assert all(one.text for one in Code)


def test_books_that_fail_are_a_malfunction() -> None:
    """96, not an exception; the terminal may ask again."""
    host, card = bank(), PlasticCard()
    with host.books.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE bank_answer RENAME TO lost")
    answer = host.handle(card.message())
    assert (answer.arc, answer.chip_data) == (Code.MALFUNCTION, b"")
