"""Register of persons and cards, blacklist, and what the bank reports."""

from dataclasses import replace

import pytest

from terminal.hosts.social.codes import Code, Refusal
from terminal.hosts.social.desk import enrol_card, enrol_person, valid_card
from terminal.hosts.social.register import (
    OPERATIONS,
    Effect,
    add_listed,
    applications_of,
    change_state,
    remove_listed,
    set_application,
)
from terminal.messages.seal import BENCH_UPDATE_KEY, blacklist_seal
from terminal.messages.social import (
    NO_CARD,
    BankNotice,
    BankOperation,
    Blacklist,
    BlacklistEntry,
    CardChanged,
    CardChecked,
    CardState,
    CheckCard,
    FetchBlacklist,
    LoadDone,
    SocialCard,
    UseIdentity,
)
from tests.terminal.department.bench import Bench, other_card, refused

REFUSALS = {CardState.LOST: Code.LOST, CardState.CANCELLED: Code.CANCELLED, CardState.BLACKLISTED: Code.BLACKLISTED}


def state_of(bench: Bench, card: SocialCard | None = None) -> CardState:
    answer = bench.host.handle(CheckCard(card or bench.card))
    assert isinstance(answer, CardChecked)
    return answer.state


def listed(bench: Bench) -> Blacklist:
    answer = bench.host.handle(FetchBlacklist(NO_CARD))
    assert isinstance(answer, Blacklist)
    assert answer.seal == blacklist_seal(BENCH_UPDATE_KEY, answer.version, answer.entries)
    return answer


def notice(bench: Bench, operation: BankOperation, number: str) -> CardChanged:
    answer = bench.host.handle(BankNotice(bench.card, operation, number))
    assert isinstance(answer, CardChanged), answer
    return answer


def test_the_register_answers_in_real_time() -> None:
    """SCHEME-034, SCHEME-040: a card has holder, number, batch and state; a state that changes is answered at once."""
    bench = Bench(admit=False)
    assert state_of(bench) is CardState.UNKNOWN
    bench.host.work(lambda desk: enrol_card(desk, bench.card, batch="2014-01"))
    row = bench.host.work(lambda desk: valid_card(desk, bench.card))
    assert (row.number, row.person, row.state) == ("D2143569X", "510101199001011234", CardState.VALID)
    for state in (CardState.LOST, CardState.VALID, CardState.CANCELLED):
        effect = Effect(state, new_card=False)
        bench.host.work(lambda desk, effect=effect: change_state(desk, row, effect, "counter"))  # type: ignore[misc]
        assert state_of(bench) is state
    assert bench.host.handle(CheckCard(bench.card)) == CardChecked(CardState.CANCELLED, "519900")


def test_a_person_comes_before_a_card() -> None:
    """SCHEME-035: the person is in the register when the card is; one who is there stays as he is."""
    bench = Bench(admit=False)
    bench.host.work(lambda desk: enrol_person(desk, bench.card.person, "李四", "519900"))
    bench.host.work(lambda desk: enrol_card(desk, replace(bench.card, name="someone")))
    assert bench.ledger(f"central {bench.card.person}") == 200000


@pytest.mark.parametrize("state", list(REFUSALS))
def test_cards_that_are_not_valid_are_refused(state: CardState) -> None:
    """API-133: lost, cancelled and blacklisted cards: the business ends."""
    bench = Bench()
    assert state_of(bench) is CardState.VALID
    if state is CardState.BLACKLISTED:
        bench.host.work(lambda desk: add_listed(desk, BlacklistEntry("D00000000", "D99999999")))
    else:
        row = bench.host.work(lambda desk: valid_card(desk, bench.card))
        bench.host.work(lambda desk: change_state(desk, row, Effect(state, new_card=False), "counter"))
    assert state_of(bench) is state
    refused(bench.host.handle(UseIdentity(bench.card, "registration", authenticated=True)), REFUSALS[state])
    refused(bench.host.handle(bench.load_request(100)), REFUSALS[state])


def test_what_a_lost_card_did_before_is_still_told() -> None:
    """A load that was granted ends as the card says, even if the card is lost by then."""
    bench = Bench()
    bench.host.handle(bench.load_request(100))
    notice(bench, BankOperation.LOSS, "N1")
    assert not hasattr(bench.host.handle(LoadDone(bench.card, 3, None)), "code")


def test_a_lost_card_is_in_the_next_list_and_leaves_it_again() -> None:
    """SCHEME-154, TRM-183, SCHEME-039: identification and number of the lost card; removed when it is released."""
    bench = Bench()
    state_of(bench)
    before = listed(bench)
    notice(bench, BankOperation.LOSS, "N1")
    lost = listed(bench)
    assert lost.version > before.version
    assert lost.entries == (BlacklistEntry("D2143569X", "D2143569X", bench.card.identification),)
    assert notice(bench, BankOperation.RELEASE, "N2").state is CardState.VALID
    released = listed(bench)
    assert released.entries == ()
    assert released.version > lost.version
    assert state_of(bench) is CardState.VALID


def test_entries_of_both_kinds() -> None:
    """TRM-176 to TRM-179 on the host's side: ranges with both ends, and cards by identification and number together."""
    bench = Bench()
    card, twin = other_card(5), other_card(5)
    twin = replace(twin, identification=other_card(6).identification)
    bench.host.work(lambda desk: add_listed(desk, BlacklistEntry(card.number, card.number, card.identification)))
    assert (state_of(bench, card), state_of(bench, twin)) == (CardState.BLACKLISTED, CardState.VALID)
    span = BlacklistEntry(other_card(10).number, other_card(12).number)
    for _ in range(2):
        bench.host.work(lambda desk: add_listed(desk, span))
    assert len(listed(bench).entries) == 2
    states = [state_of(bench, other_card(number)) for number in range(9, 14)]
    assert [state is CardState.BLACKLISTED for state in states] == [False, True, True, True, False]
    bench.host.work(lambda desk: remove_listed(desk, span))
    bench.host.work(lambda desk: remove_listed(desk, span))
    assert len(listed(bench).entries) == 1
    with pytest.raises(Refusal):
        bench.host.work(lambda desk: add_listed(desk, BlacklistEntry("X99999999", "X00000000")))
    with pytest.raises(Refusal):
        bench.host.work(lambda desk: add_listed(desk, BlacklistEntry("X", "Y")))


@pytest.mark.parametrize("operation", [BankOperation.LOSS, BankOperation.DAMAGE, BankOperation.CANCELLATION])
def test_the_social_side_follows_the_bank(operation: BankOperation) -> None:
    """SCHEME-178, SCHEME-049, SCHEME-050, SCHEME-051: the notice carries card and holder; the state changes at once,
    a new card is
    requested for loss and damage, none for a cancellation; the same notice again changes nothing."""
    bench = Bench()
    state_of(bench)
    first = notice(bench, operation, "N1")
    assert first.state is OPERATIONS[operation].state
    assert first.state is (CardState.CANCELLED if operation is BankOperation.CANCELLATION else CardState.LOST)
    assert bool(first.new_request) is (operation is not BankOperation.CANCELLATION)
    assert state_of(bench) is first.state
    version = listed(bench).version
    assert notice(bench, operation, "N1") == first
    assert listed(bench).version == version
    refused(bench.host.handle(BankNotice(other_card(), operation, "N1")), Code.CONFLICT)


def test_a_notice_of_another_holder_is_refused() -> None:
    """SCHEME-050: social-security number and card number must be the card's."""
    bench = Bench()
    state_of(bench)
    for wrong in (replace(bench.card, person="1"), replace(bench.card, number="X00000000")):
        refused(bench.host.handle(BankNotice(wrong, BankOperation.LOSS, "N1")), Code.DOES_NOT_FIT)
    refused(bench.host.handle(BankNotice(bench.card, BankOperation.LOSS, "")), Code.MALFORMED)
    assert state_of(bench) is CardState.VALID


def test_a_cancelled_card_stays_cancelled() -> None:
    bench = Bench()
    state_of(bench)
    notice(bench, BankOperation.CANCELLATION, "N1")
    for number, operation in enumerate((BankOperation.LOSS, BankOperation.RELEASE), 2):
        refused(bench.host.handle(BankNotice(bench.card, operation, f"N{number}")), Code.CANCELLED)
    assert len(listed(bench).entries) == 1


def test_states_of_applications() -> None:
    """SCHEME-038: a blocked application of a card is seen."""
    bench = Bench()
    state_of(bench)
    bench.host.work(lambda desk: set_application(desk, bench.card, "DF03", "open"))
    bench.host.work(lambda desk: set_application(desk, bench.card, "DF03", "blocked"))
    identification = bench.card.identification.hex().upper()
    assert bench.host.work(lambda desk: applications_of(desk, identification)) == (("DF03", "blocked"),)


def test_a_card_whose_keys_were_not_derived_at_first() -> None:
    """SCHEME-073: a card that was seen in a business first can pay a bill later; a purchase is checked by the HSM."""
    bench = Bench()
    state_of(bench, replace(bench.card, historical=b"", algorithm=0))
    with pytest.raises(Refusal):
        bench.host.work(lambda desk: valid_card(desk, replace(bench.card, historical=b"", algorithm=0)).identity())
    found = bench.host.work(lambda desk: valid_card(desk, bench.card).identity())
    assert found == bench.identity
    later = bench.host.work(lambda desk: valid_card(desk, replace(bench.card, historical=b"", algorithm=0)).identity())
    assert later == bench.identity


def test_a_holder_who_was_not_named_at_first() -> None:
    """A card is admitted without its holder (EF06 needs a key), who is named later and then stays."""
    bench = Bench()
    anonymous = replace(bench.card, person="", name="")
    assert state_of(bench, anonymous) is CardState.VALID
    assert bench.ledger(f"central {bench.card.person}") is None
    state_of(bench)
    assert bench.ledger(f"central {bench.card.person}") == 200000
    refused(bench.host.handle(CheckCard(replace(bench.card, person="2"))), Code.DOES_NOT_FIT)
