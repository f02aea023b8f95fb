"""Loads and purchases of the medical account at the host."""

from dataclasses import replace

import pytest

from cardsim.crypto import medical
from cardsim.crypto.medical import Load, TypeCoding
from cardsim.crypto.social import Suite
from terminal.hosts.social.codes import Code
from terminal.hosts.social.desk import known_card
from terminal.hosts.social.tables import LEDGER
from terminal.messages.social import Accepted, LoadDone, LoadPermission, PurchaseRecord, Verified, VerifyPurchases
from tests.terminal.department.bench import TERMINAL, Bench, other_card, refused
from tests.terminal.department.vectors import HISTORICAL, IDENTIFICATION

PERSON = "510101199001011234"
CENTRAL, ON_CARD = f"central {PERSON}", f"card {IDENTIFICATION.hex().upper()}"
OPENING = 200000


def granted(answer: object) -> LoadPermission:
    assert isinstance(answer, LoadPermission), answer
    return answer


def test_the_vector_of_a_load() -> None:
    """TRM-144, TRM-146, TRM-150: MAC1 88F89638 is taken, the central account is debited, MAC2 is 0AB436AD, the host's
    counter rises by one, and the TAC 9916BB82 is right."""
    bench = Bench()
    request = bench.load_request(0x2710)
    assert request.request.hex().upper() == "0100002710510000000001"
    assert request.card_answer.hex().upper() == "0000100000030100E3F50E7588F89638"
    answer = granted(bench.host.handle(request))
    assert (answer.time.hex(), answer.mac2.hex().upper()) == ("20140802093000", "0AB436AD")
    assert (bench.ledger(CENTRAL), bench.ledger(ON_CARD)) == (OPENING - 10000, 10000)
    assert bench.host.work(lambda desk: known_card(desk, bench.card)).load_counter == 4
    tac = bench.credit(request, answer.time)
    assert tac.hex().upper() == "9916BB82"
    assert isinstance(bench.host.handle(LoadDone(bench.card, 3, tac)), Accepted)
    bench.sound()


@pytest.mark.parametrize("suite", list(Suite))
@pytest.mark.parametrize("coding", list(TypeCoding))
def test_loads_of_both_ciphers_and_types(suite: Suite, coding: TypeCoding) -> None:
    """TRM-146, TRM-150 (D19)."""
    bench = Bench(suite, coding=coding)
    for amount in (500, 700):
        request = bench.load_request(amount)
        answer = granted(bench.host.handle(request))
        done = bench.host.handle(LoadDone(bench.card, bench.sequence, bench.credit(request, answer.time)))
        assert isinstance(done, Accepted)
    assert bench.ledger(ON_CARD) == 1200
    bench.sound()


@pytest.mark.parametrize("at", [0, 4, 8, 15])
def test_a_wrong_mac1_is_refused(at: int) -> None:
    """TRM-145: an altered amount, balance, sequence, random number or MAC1; nothing is debited and no MAC2 is given."""
    bench = Bench()
    request = bench.load_request(10000)
    broken = bytearray(request.card_answer)
    broken[at] ^= 1
    refused(bench.host.handle(replace(request, card_answer=bytes(broken))), Code.WRONG_MAC)
    altered = request.request[:4] + b"\x11" + request.request[5:]
    refused(bench.host.handle(replace(request, request=altered)), Code.WRONG_MAC)
    assert bench.ledger(CENTRAL) in (None, OPENING)
    bench.sound()


def test_a_repeated_load_is_answered_alike_and_booked_once() -> None:
    """TRM-146: the answer was lost, the terminal asks again; even when the time has gone on."""
    bench = Bench()
    request = bench.load_request(10000)
    first = bench.host.handle(request)
    bench.now = bench.now.replace(hour=11)
    assert bench.host.handle(request) == first
    assert bench.ledger(CENTRAL) == OPENING - 10000
    tac = bench.credit(request, granted(first).time)
    answers = [bench.host.handle(LoadDone(bench.card, 3, tac)) for _ in range(3)]
    assert answers == [Accepted("L00000001")] * 3
    refused(bench.host.handle(request), Code.CONFLICT)
    assert bench.postings() == ["load 1"]
    bench.sound()


def test_a_load_that_the_card_did_not_take_is_taken_back_once() -> None:
    bench = Bench()
    request = bench.load_request(10000)
    bench.host.handle(request)
    for _ in range(2):
        assert isinstance(bench.host.handle(LoadDone(bench.card, 3, None)), Accepted)
    assert (bench.ledger(CENTRAL), bench.ledger(ON_CARD)) == (OPENING, 0)
    refused(bench.host.handle(request), Code.CONFLICT)
    again = bench.load_request(10000, b"\1\2\3\4")
    assert isinstance(bench.host.handle(again), LoadPermission)
    assert bench.ledger(CENTRAL) == OPENING - 10000
    bench.sound()


def test_a_right_tac_is_stronger_than_taking_back() -> None:
    """The terminal gave the load up, and the card had taken it: whoever has the money has been debited."""
    bench = Bench()
    request = bench.load_request(10000)
    answer = granted(bench.host.handle(request))
    bench.host.handle(LoadDone(bench.card, 3, None))
    tac = bench.credit(request, answer.time)
    assert isinstance(bench.host.handle(LoadDone(bench.card, 3, tac)), Accepted)
    assert bench.ledger(CENTRAL) == OPENING - 10000
    refused(bench.host.handle(LoadDone(bench.card, 3, None)), Code.CONFLICT)
    bench.sound()


def test_a_late_tac_is_a_claim_where_the_account_is_empty() -> None:
    bench = Bench()
    request = bench.load_request(OPENING)
    answer = granted(bench.host.handle(request))
    bench.host.handle(LoadDone(bench.card, 3, None))
    tac = bench.credit(request, answer.time)
    paid_out = {CENTRAL: -1, "opening": 1}
    bench.host.work(lambda desk: LEDGER.post(desk.books, "paid out", paid_out, day=desk.day))
    assert isinstance(bench.host.handle(LoadDone(bench.card, 3, tac)), Accepted)
    assert (bench.ledger(CENTRAL), bench.ledger("claims")) == (OPENING - 1, -OPENING)
    bench.sound()


def test_a_new_random_number_shows_that_the_load_before_was_not_taken() -> None:
    """SSC part 7 §11.8: the sequence rises with CREDIT alone, and MAC1 proves it: the older load is taken back."""
    bench = Bench()
    bench.host.handle(bench.load_request(10000))
    assert isinstance(bench.host.handle(bench.load_request(10000, b"\1\2\3\4")), LoadPermission)
    assert bench.ledger(CENTRAL) == OPENING - 10000
    assert bench.postings() == ["load 1", "load 1 taken back 2", "load 2"]
    bench.sound()


def test_a_higher_sequence_shows_that_the_load_before_was_taken() -> None:
    bench = Bench()
    request = bench.load_request(10000)
    bench.credit(request, granted(bench.host.handle(request)).time)
    assert isinstance(bench.host.handle(bench.load_request(5000)), LoadPermission)
    assert bench.ledger(CENTRAL) == OPENING - 15000
    refused(bench.host.handle(LoadDone(bench.card, 3, None)), Code.CONFLICT)
    bench.sound()


def test_a_sequence_that_rose_is_stronger_than_taking_back() -> None:
    """A stale "not taken" came after the load was granted again: the next load shows by its sequence who is right."""
    bench = Bench()
    bench.host.handle(bench.load_request(10000))
    bench.host.handle(LoadDone(bench.card, 3, None))
    request = bench.load_request(7000, b"\1\2\3\4")
    bench.credit(request, granted(bench.host.handle(request)).time)
    bench.host.handle(LoadDone(bench.card, 3, None))
    assert bench.ledger(CENTRAL) == OPENING
    assert isinstance(bench.host.handle(bench.load_request(1)), LoadPermission)
    assert bench.ledger(CENTRAL) == OPENING - 7001
    bench.sound()


def test_an_old_request_does_not_undo_a_newer_one() -> None:
    """A request of long ago comes again, of the same sequence: it is refused, and what the card took stays."""
    bench = Bench()
    old = bench.load_request(10000)
    bench.host.handle(old)
    request = bench.load_request(7000, b"\1\2\3\4")
    bench.credit(request, granted(bench.host.handle(request)).time)
    refused(bench.host.handle(old), Code.CONFLICT)
    assert bench.ledger(CENTRAL) == OPENING - 7000
    bench.sound()


def test_a_sequence_is_not_used_twice() -> None:
    """A load that is done stays; a request of the same or a lower sequence is a replay."""
    bench = Bench()
    request = bench.load_request(10000)
    tac = bench.credit(request, granted(bench.host.handle(request)).time)
    bench.host.handle(LoadDone(bench.card, 3, tac))
    bench.sequence, bench.balance = 3, 0x1000
    refused(bench.host.handle(bench.load_request(10000, b"\1\2\3\4")), Code.CONFLICT)
    bench.sequence = 1
    refused(bench.host.handle(bench.load_request(10000)), Code.CONFLICT)
    bench.sound()


def test_what_the_central_account_does_not_have() -> None:
    bench = Bench()
    refused(bench.host.handle(bench.load_request(OPENING + 1)), Code.NO_FUNDS)
    refused(bench.host.handle(bench.load_request(0)), Code.AMOUNT)
    assert isinstance(bench.host.handle(bench.load_request(OPENING)), LoadPermission)
    assert bench.ledger(CENTRAL) == 0


def test_a_wrong_tac_leaves_the_load_open() -> None:
    """TRM-150: the TAC is verified; a wrong one changes nothing, the right one still comes."""
    bench = Bench()
    request = bench.load_request(10000)
    tac = bench.credit(request, granted(bench.host.handle(request)).time)
    refused(bench.host.handle(LoadDone(bench.card, 3, bytes(4))), Code.WRONG_MAC)
    refused(bench.host.handle(LoadDone(bench.card, 9, tac)), Code.NOT_THERE)
    assert isinstance(bench.host.handle(LoadDone(bench.card, 3, tac)), Accepted)
    bench.sound()


def test_cards_whose_tac_has_the_balance_before_the_load() -> None:
    """TRM-150: the text does not say which balance; the region's file does."""
    bench = Bench()
    bench.host.rules = replace(bench.host.rules, load_tac_after=False)
    request = bench.load_request(10000)
    time = granted(bench.host.handle(request)).time
    data = Load(10000, TERMINAL).tac_data(0x1000, bytes((0, 3)), time)
    refused(bench.host.handle(LoadDone(bench.card, 3, bench.credit(request, time))), Code.WRONG_MAC)
    before = medical.tac(Suite.DES, bench.key, data)
    assert isinstance(bench.host.handle(LoadDone(bench.card, 3, before)), Accepted)


def test_generations_of_the_load_key() -> None:
    """The key index names the generation of DLK; one that there is not is refused."""
    bench = Bench()
    request = bench.load_request(10000)
    second = replace(request, request=b"\2" + request.request[1:])
    assert isinstance(bench.host.handle(second), LoadPermission)
    for index in (0, 3, 4):
        other = Bench().host.handle(replace(request, request=bytes((index,)) + request.request[1:]))
        refused(other, Code.HSM if index == 3 else Code.MALFORMED)


# --- purchases


def verify(bench: Bench, *records: PurchaseRecord) -> Verified:
    card = bench.card
    answer = bench.host.handle(VerifyPurchases(card, card.area, card.historical, card.algorithm, records))
    assert isinstance(answer, Verified), answer
    return answer


def test_the_vector_of_a_purchase() -> None:
    """TRM-165, API-139: the TAC of the vector is right."""
    bench = Bench()
    record = bench.purchase(100, 10, 0)
    assert (record.terminal_sequence.hex(), record.tac.hex().upper()) == ("00000012", "F0B7F9EA")
    assert verify(bench, record).right == (True,)
    assert verify(Bench(coding=TypeCoding.BINARY), record).right == (False,)


@pytest.mark.parametrize("suite", list(Suite))
@pytest.mark.parametrize("part", range(3))
def test_an_altered_amount_is_found(suite: Suite, part: int) -> None:
    """TRM-165: the records before and after it are right, the altered one is reported as failed, and is not booked."""
    bench = Bench(suite)
    records = [bench.purchase(100, 10, 20) for _ in range(3)]
    altered = records[1]
    records[1] = (
        replace(altered, account=11),
        replace(altered, self_paid=11),
        replace(altered, pool=11),
    )[part]
    assert verify(bench, *records).right == (True, False, True)
    assert bench.ledger(ON_CARD) == -200
    assert len(bench.postings()) == 2
    bench.sound()


def test_a_purchase_that_comes_again_is_booked_once() -> None:
    """API-139: the terminal sends its records as often as it likes."""
    bench = Bench()
    record = bench.purchase(100, 10, 20)
    for _ in range(3):
        assert verify(bench, record).right == (True,)
    assert bench.postings() == ["purchase 1"]
    assert (bench.ledger(ON_CARD), bench.ledger("pool 519900")) == (-100, -20)
    assert bench.ledger("institution of terminal 510000000001") == 120


def test_malformed_records_are_refused() -> None:
    bench = Bench()
    record, card = bench.purchase(100, 10, 20), bench.card
    for wrong in (
        replace(record, terminal=b"1"),
        replace(record, time=b""),
        replace(record, terminal_sequence=bytes(5)),
        replace(record, key_index=77),
        replace(record, pool=2**33),
        replace(record, account=-1),
    ):
        message = VerifyPurchases(card, card.area, card.historical, card.algorithm, (wrong,))
        refused(bench.host.handle(message), Code.MALFORMED)


def test_what_keys_are_derived_from_must_fit_the_register() -> None:
    """A card cannot speak in another's name: its own historical bytes and area are those of the register."""
    bench = Bench()
    verify(bench, bench.purchase(100, 10, 20))
    for change in ({"area": "510100"}, {"historical": bytes(13)}, {"algorithm": 3}):
        message = VerifyPurchases(bench.card, "519900", HISTORICAL, 1, ())
        refused(bench.host.handle(replace(message, **change)), Code.DOES_NOT_FIT)
    stranger = other_card()
    refused(
        bench.host.handle(VerifyPurchases(replace(stranger, historical=b""), "519900", b"", 0, ())), Code.DOES_NOT_FIT
    )
