"""Reversals, electronic cash, scripts and settlement at the bank's host."""

from dataclasses import replace
from typing import Any

import pytest

from terminal.hosts.bank import BankHost, Code, accounts, records, scripts
from terminal.hosts.bank.audit import audit
from terminal.hosts.bank.scripts import Order
from terminal.hosts.bank.tables import CASH_DIFFERENCES, CLEARING, LEDGER, CardState, ScriptState
from terminal.hosts.books import transact
from terminal.messages.bank import CryptogramCheck, MessageKind, Totals
from tests.terminal.bankcard import CIPHER, NOW, PIN, TYPES, PlasticCard, notice, reverse
from tests.terminal.test_bank_decisions import OTHER, balance, bank, code


def shadow(host: BankHost, pan: str = "6214672500000000056") -> int:
    """The bank's view of the card's electronic cash."""
    holding = transact(host.books, lambda connection: accounts.find(connection, pan))
    assert holding is not None
    return holding.cash_balance


def internal(host: BankHost, name: str) -> int:
    return transact(host.books, lambda connection: LEDGER.balance(connection, name)) or 0


# --- reversals


@pytest.mark.parametrize("kind", [TYPES.PURCHASE, TYPES.CASH, TYPES.DEPOSIT, TYPES.TRANSFER, TYPES.LOAD])
def test_money_comes_back_once(kind: Any) -> None:
    """However often the reversal comes, and a repeated original does not undo it."""
    host, card = bank(), PlasticCard()
    message = card.message(kind, 100, target=OTHER)
    answer = host.handle(message)
    for number in range(3):
        assert code(host, replace(reverse(message), chip_data=bytes(number))) in ("00", Code.DUPLICATE)
        assert balance(host) == 1_000_000
    assert host.handle(message) == answer
    assert (balance(host), balance(host, OTHER), shadow(host)) == (1_000_000, 0, 0)
    assert audit(host.books) == []


def test_a_reversal_that_comes_first() -> None:
    """It is answered 00 and remembered: the original that comes late is declined, and moves nothing."""
    host, card = bank(), PlasticCard()
    message = card.message()
    assert code(host, reverse(message)) == "00"
    late = host.handle(message)
    assert (late.arc, late.cryptogram) == (Code.TOO_LATE, CryptogramCheck.RIGHT)
    assert balance(host) == 1_000_000
    assert code(host, card.message()) == "00", "the next one is another transaction"


def test_reversals_that_do_not_fit() -> None:
    """Another card's transaction, or another amount, is not taken back."""
    host, card = bank(), PlasticCard()
    message = card.message(amount=500)
    assert code(host, message) == "00"
    assert code(host, replace(reverse(message), pan=OTHER)) == Code.DOES_NOT_FIT
    assert balance(host) == 1_000_000 - 500
    host, card = bank(), PlasticCard()
    message = card.message(amount=500)
    assert code(host, message) == "00"
    assert code(host, replace(reverse(message), amount=400)) == Code.OTHER_AMOUNT
    assert balance(host) == 1_000_000 - 500


def test_a_declined_transaction_has_nothing_to_take_back() -> None:
    host, card = bank(), PlasticCard()
    message = card.message(amount=1_000_001)
    assert code(host, message) == Code.NO_FUNDS
    assert code(host, reverse(message)) == "00"
    assert balance(host) == 1_000_000


# --- electronic cash


@pytest.mark.parametrize("kind", [TYPES.LOAD, TYPES.LOAD_CASH])
def test_a_load(kind: Any) -> None:
    """The script has the absolute balance, from what the card tells; the shadow account follows."""
    host, card = bank(cash_balance=300), PlasticCard(cash=300)
    message = card.message(kind, 5000)
    answer = host.handle(message)
    assert answer.arc == "00"
    results = card.take(answer)
    assert card.log == ["04DA9F79000000005300"]
    assert (card.cash, shadow(host)) == (5300, 5300)
    assert balance(host) == 1_000_000 - 5000 * (kind is TYPES.LOAD)
    assert code(host, notice(message, results)) == "00"
    assert (card.cash, shadow(host)) == (5300, 5300)


def test_a_load_from_another_account() -> None:
    """The other account pays, under its own holder's PIN."""
    host, card = bank(), PlasticCard()
    other = PlasticCard(pan=OTHER)
    assert code(host, other.message(TYPES.DEPOSIT, 700)) == "00"
    message = card.message(TYPES.LOAD_OTHER, 600, target=OTHER, pin_block=CIPHER.encipher(PIN, OTHER))
    answer = host.handle(replace(message, terminal="POS00009"))
    assert answer.arc == "00"
    card.take(answer)
    assert (balance(host), balance(host, OTHER), shadow(host), card.cash) == (1_000_000, 100, 600, 600)


def test_a_load_that_the_card_refuses_is_undone() -> None:
    """KRN-SCR-013: the notice says that the script failed, and the money comes back once, whatever comes after."""
    host, card = bank(), PlasticCard(limit=4000)
    message = card.message(TYPES.LOAD, 5000)
    results = card.take(host.handle(message))
    assert balance(host) == 995_000
    assert code(host, notice(message, results)) == "00"
    assert (balance(host), shadow(host), card.cash) == (1_000_000, 0, 0)
    assert code(host, reverse(message)) == "00"
    assert balance(host) == 1_000_000


def test_a_load_that_was_taken_back_though_the_card_had_taken_it() -> None:
    """Nobody saw that the script went through. The card's next online transaction shows it, and the load is booked."""
    host, card = bank(), PlasticCard()
    message = card.message(TYPES.LOAD, 5000)
    card.take(host.handle(message))
    assert code(host, reverse(message)) == "00"
    assert (balance(host), shadow(host), card.cash) == (1_000_000, 0, 5000)
    assert code(host, card.message(TYPES.INQUIRY, 0)) == "00"
    assert (balance(host), shadow(host), internal(host, CASH_DIFFERENCES)) == (995_000, 5000, 0)


def test_a_load_that_was_taken_back_and_partly_spent() -> None:
    """What the card spends of it may be uploaded before the card is online again, or after: the holder pays once."""
    for upload_first in (True, False):
        host, card = bank(), PlasticCard()
        message = card.message(TYPES.LOAD, 5000)
        card.take(host.handle(message))
        assert code(host, reverse(message)) == "00"
        spent = card.spend(2000)
        inquiry = card.message(TYPES.INQUIRY, 0)
        for one in (spent, inquiry) if upload_first else (inquiry, spent):
            assert code(host, one) == "00"
        assert (balance(host), shadow(host), internal(host, CASH_DIFFERENCES)) == (995_000, 3000, 0)
        assert audit(host.books) == []


def test_a_reversal_of_a_load_that_is_spent_takes_nothing_back() -> None:
    """The card cannot have spent it without having taken it."""
    host, card = bank(), PlasticCard()
    message = card.message(TYPES.LOAD, 5000)
    card.take(host.handle(message))
    assert code(host, card.spend(2000)) == "00"
    assert code(host, reverse(message)) == "00"
    assert (balance(host), shadow(host), internal(host, CASH_DIFFERENCES)) == (995_000, 3000, 0)
    assert audit(host.books) == []


def test_a_load_behind_a_lost_purchase() -> None:
    """The shadow has more than the card, since a TC was lost: what the card told before shows that it took the load."""
    for before in (True, False):
        host, card = bank(cash_balance=5000), PlasticCard(cash=5000)
        card.spend(4000)  # nobody sees its TC
        message = card.message(TYPES.LOAD, 3000)
        card.take(host.handle(message))
        if before:
            assert code(host, reverse(message)) == "00"
        assert code(host, card.message(TYPES.INQUIRY, 0)) == "00"
        if not before:
            assert code(host, reverse(message)) == "00"
        assert (card.cash, shadow(host), balance(host)) == (4000, 8000, 997_000)
        assert audit(host.books) == []


def test_a_late_message_tells_an_old_balance() -> None:
    """What the card has spent since, and what has been uploaded, is no difference."""
    host, card = bank(cash_balance=1000), PlasticCard(cash=1000)
    late = card.message(TYPES.INQUIRY, 0)
    assert code(host, card.spend(300)) == "00"
    assert code(host, late) == "00"
    assert (shadow(host), internal(host, CASH_DIFFERENCES)) == (700, 0)


def test_a_balance_that_nothing_explains() -> None:
    """It stands among the differences; the sum stays zero."""
    host, card = bank(), PlasticCard(cash=777)
    assert code(host, card.message(TYPES.INQUIRY, 0)) == "00"
    assert (shadow(host), internal(host, CASH_DIFFERENCES)) == (777, -777)


def test_loads_need_a_balance_that_is_the_cards() -> None:
    host = bank()
    assert code(host, PlasticCard(cash=None).message(TYPES.LOAD, 100)) == Code.NOT_FOR_HOLDER
    card = PlasticCard(atc=9)
    chip = card.chip(TYPES.LOAD, 100)
    spoiled = chip.replace(b"\x0a\x01\x00\x00\x00\x00\x00", b"\x0a\x01\x00\x00\x00\x00\x09")
    assert spoiled != chip
    assert code(host, card.message(TYPES.LOAD, 100, chip=spoiled, trace=77)) == Code.NOT_FOR_HOLDER


def test_offline_transactions() -> None:
    """Each is booked once for its counter, in whatever order they come; a wrong cryptogram books nothing."""
    host, card = bank(cash_balance=1000), PlasticCard(cash=1000)
    sent = [card.spend(amount) for amount in (100, 200, 300)]
    for message in (sent[2], sent[0], sent[2]):
        assert code(host, message) == "00"
    assert (shadow(host), internal(host, CLEARING)) == (600, 400)
    assert code(host, replace(sent[0], trace=99)) == Code.DUPLICATE
    assert code(host, replace(sent[1], amount=100)) == Code.DOES_NOT_FIT
    spoiled = card.chip(TYPES.PURCHASE, 50, tc=True, t9F26="00" * 8)
    wrong = card.message(TYPES.PURCHASE, 50, MessageKind.UPLOAD, chip=spoiled)
    assert host.handle(wrong).cryptogram is CryptogramCheck.WRONG
    assert (shadow(host), internal(host, CLEARING)) == (600, 400)
    assert balance(host) == 1_000_000


def test_the_bank_pays_what_the_card_approved() -> None:
    """More than the shadow has: it never falls below zero, the rest stands among the differences."""
    host, card = bank(), PlasticCard(cash=500)
    assert code(host, card.spend(450)) == "00"
    assert (shadow(host), internal(host, CLEARING), internal(host, CASH_DIFFERENCES)) == (0, 450, -450)


def test_an_offline_debit_is_paid_from_the_account() -> None:
    """Without electronic cash (no 9F74) an offline approval debits the account itself."""
    host, card = bank(), PlasticCard()
    chip = card.chip(TYPES.PURCHASE, 250, tc=True)
    assert code(host, card.message(TYPES.PURCHASE, 250, MessageKind.UPLOAD, chip=chip, pin_block=None)) == "00"
    assert (balance(host), shadow(host)) == (999_750, 0)


# --- scripts


def queue(host: BankHost, pan: str) -> list[tuple[Order, ScriptState]]:
    found = transact(host.books, lambda connection: scripts.of_card(connection, pan))
    return [(script.order, script.state) for script in found]


def test_orders_reach_the_card() -> None:
    """They go with the next answer, 71 before 72, each under a MAC that the card takes; what
    became of them is kept."""
    host, card = bank(), PlasticCard()
    host.at_desk(scripts.order, card.pan, Order.APPLICATION_BLOCK)
    host.at_desk(scripts.order, card.pan, Order.PIN_UNBLOCK)
    host.at_desk(scripts.put_data, card.pan, 0x9F77, bytes.fromhex("000000050000"))
    host.at_desk(scripts.update_record, card.pan, 3, 1, bytes.fromhex("7003500141"))
    message = card.message(TYPES.INQUIRY, 0)
    answer = host.handle(message)
    results = card.take(answer)
    assert card.log == ["84240000", "841E0000", "04DA9F77000000050000", "04DC011C7003500141"]
    assert [state for _, state in queue(host, card.pan)] == [ScriptState.SENT] * 4
    assert code(host, notice(message, results)) == "00"
    assert [state for _, state in queue(host, card.pan)] == [ScriptState.DONE] * 4
    assert host.handle(card.message(TYPES.INQUIRY, 0)).chip_data.count(b"\x86") == 0
    assert code(host, card.message(TYPES.LOAD, 50_001)) == Code.OVER_LIMIT, "the new limit counts"


def test_orders_go_out_until_a_result_is_known() -> None:
    """An answer that was lost, or a terminal that tells nothing: the script comes again; a failure is kept."""
    host, card = bank(), PlasticCard()
    host.at_desk(scripts.order, card.pan, Order.CARD_BLOCK)
    for _ in range(2):
        message = card.message(TYPES.INQUIRY, 0)
        answer = host.handle(message)
        assert answer.chip_data.count(b"\x84\x16") == 1
    results = bytes.fromhex("DF310511") + card.take(answer)[-4:]
    assert code(host, notice(message, results)) == "00"
    assert queue(host, card.pan) == [(Order.CARD_BLOCK, ScriptState.FAILED)]


def test_scripts_are_delivered_with_a_decline_too() -> None:
    """A blocked card gets its APPLICATION BLOCK."""
    host, card = bank(), PlasticCard()
    host.at_desk(accounts.set_card_state, card.pan, CardState.BLOCKED)
    host.at_desk(scripts.order, card.pan, Order.APPLICATION_BLOCK)
    answer = host.handle(card.message())
    assert answer.arc == Code.RESTRICTED_CARD
    card.take(answer)
    assert card.log == ["841E0000"]


def test_the_counter_serves_a_blocked_card() -> None:
    """D37: an AAC brings the scripts, no issuer authentication, and moves nothing."""
    host, card = bank(), PlasticCard()
    host.at_desk(scripts.order, card.pan, Order.APPLICATION_UNBLOCK)
    chip = card.chip(TYPES.INQUIRY, 0, t9F27="00")
    answer = host.handle(card.message(TYPES.INQUIRY, 0, MessageKind.SERVE, chip=chip))
    card.take(answer)
    assert (answer.arc, card.log) == ("00", ["84180000"])
    assert answer.chip_data[:1] == b"\x72"


def test_scripts_have_the_room_that_terminals_have() -> None:
    """At most 128 bytes in one answer, a load among them; the rest comes with the next one."""
    host, card = bank(), PlasticCard()
    for tag in (0x9F77, 0x9F78, 0x9F6D, 0x9F54, 0x9F5C):
        host.at_desk(scripts.put_data, card.pan, tag, bytes.fromhex("000000090000"))
    first = card.message(TYPES.LOAD, 100)
    answer = host.handle(first)
    assert len(answer.chip_data) - 12 <= scripts.ROOM
    card.take(answer)
    assert len(card.log) == 4
    assert card.log[0] == "04DA9F79000000000100"
    with pytest.raises(ValueError, match="no answer"):
        host.at_desk(scripts.update_record, card.pan, 3, 1, bytes(110))


def test_results_of_another_card_change_nothing() -> None:
    host, card = bank(), PlasticCard()
    message = card.message(TYPES.LOAD, 5000)
    results = card.take(host.handle(message))
    failed = results[:3] + b"\x11" + results[4:]
    assert code(host, notice(replace(message, pan=OTHER), failed)) == "00"
    assert balance(host) == 995_000


# --- settlement


def test_settlement() -> None:
    """Equal totals close the day with 00; other ones with 95 and the host's own. Reversed ones do not count."""
    host, card = bank(cash_balance=900), PlasticCard(cash=900)
    for kind, amount in ((TYPES.PURCHASE, 100), (TYPES.CASH, 200), (TYPES.DEPOSIT, 50), (TYPES.INQUIRY, 0)):
        assert code(host, card.message(kind, amount)) == "00"
    assert code(host, card.spend(30)) == "00"
    assert code(host, card.message(TYPES.LOAD_CASH, 70)) == "00"
    taken_back = card.message(TYPES.PURCHASE, 999)
    assert code(host, taken_back) == "00"
    assert code(host, reverse(taken_back)) == "00"
    assert code(host, card.message(TYPES.PURCHASE, 2_000_000)) == Code.NO_FUNDS
    own = Totals(3, 330, 2, 120)

    def settle(claimed: Totals) -> Any:
        return host.handle(card.message(kind=MessageKind.SETTLE, chip=b"", totals=claimed, time=NOW))

    first = settle(own)
    assert (first.arc, first.totals) == ("00", own)
    wrong = settle(own)
    assert (wrong.arc, wrong.totals) == (Code.TOTALS_DIFFER, Totals())
    kept = transact(host.books, records.differences)
    assert len(kept) == 1
    assert "3 debits 330, 2 credits 120" in kept[0]
