"""The card as credential: businesses, log-in, queries, requests, online updates."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from cardsim.crypto.social import Suite
from terminal.businesses import scheme
from terminal.hosts.social.codes import Code
from terminal.hosts.social.register import set_application
from terminal.hosts.social.tables import LOGINS, USES
from terminal.hosts.social.updates import offer_item
from terminal.messages.social import (
    NO_CARD,
    Accepted,
    BankNotice,
    BankOperation,
    BeginLogin,
    FileWrite,
    FinishLogin,
    Found,
    LoginChallenge,
    QueryHost,
    RequestUpdate,
    SubmitBusiness,
    UpdateData,
    UseIdentity,
)
from tests.terminal.department.bench import Bench, other_card, refused


def begin(bench: Bench) -> LoginChallenge:
    card = bench.card
    answer = bench.host.handle(BeginLogin(card, card.area, card.historical, card.algorithm))
    assert isinstance(answer, LoginChallenge), answer
    return answer


def session(bench: Bench) -> str:
    challenge = begin(bench)
    proof = bench.proof(challenge.factor, challenge.original)
    answer = bench.host.handle(FinishLogin(bench.card, challenge.login, proof))
    assert isinstance(answer, Accepted), answer
    return answer.reference


@pytest.mark.parametrize("business", list(scheme().business))
def test_businesses_take_the_card_as_credential(business: str) -> None:
    """SCHEME-063, SCHEME-064, SCHEME-065, SCHEME-066, SCHEME-067: the identified person is accepted, the use kept
    with card, holder and date; a card that did not prove itself is refused."""
    bench = Bench()
    refused(bench.host.handle(UseIdentity(bench.card, business, authenticated=False)), Code.NOT_AUTHENTIC)
    first = bench.host.handle(UseIdentity(bench.card, business, authenticated=True))
    assert isinstance(first, Accepted)
    assert bench.host.handle(UseIdentity(bench.card, business, authenticated=True)) == first
    row = bench.host.work(lambda desk: desk.books.execute(select(USES)).one())
    assert (row.card, row.person) == (bench.card.identification.hex().upper(), bench.card.person)
    assert (row.business, row.time) == (business, "2014-08-02T09:30:00")
    bench.now += timedelta(days=1)
    assert bench.host.handle(UseIdentity(bench.card, business, authenticated=True)) != first


def test_a_business_that_there_is_not() -> None:
    bench = Bench()
    refused(bench.host.handle(UseIdentity(bench.card, "fishing", authenticated=True)), Code.NOT_THERE)
    refused(bench.host.handle(SubmitBusiness(bench.card, "fishing")), Code.NOT_THERE)


@pytest.mark.parametrize("suite", list(Suite))
def test_log_in_by_internal_authentication(suite: Suite) -> None:
    """SCHEME-068: the card's answer to the host's two numbers gives a session; the same answer again the same one."""
    bench = Bench(suite)
    challenge = begin(bench)
    finish = FinishLogin(bench.card, challenge.login, bench.proof(challenge.factor, challenge.original))
    first = bench.host.handle(finish)
    assert isinstance(first, Accepted)
    assert bench.host.handle(finish) == first
    assert session(bench) != first.reference
    assert (challenge.factor, challenge.original) != (begin(bench).factor, begin(bench).original)


def test_a_wrong_answer_ends_the_log_in() -> None:
    """SCHEME-068: a card without the key gets no session, and has no second try with the same numbers."""
    bench = Bench()
    challenge = begin(bench)
    refused(bench.host.handle(FinishLogin(bench.card, challenge.login, bytes(8))), Code.NOT_AUTHENTIC)
    right = bench.proof(challenge.factor, challenge.original)
    refused(bench.host.handle(FinishLogin(bench.card, challenge.login, right)), Code.NO_SESSION)
    refused(bench.host.handle(FinishLogin(bench.card, "nothing", right)), Code.NO_SESSION)


def test_no_answer_to_expect_stands_in_the_books() -> None:
    bench = Bench()
    challenge = begin(bench)
    expected = bench.proof(challenge.factor, challenge.original).hex().upper()
    row = bench.host.work(lambda desk: desk.books.execute(select(LOGINS)).one())
    assert expected not in str(row).upper()


def test_a_blocked_card_does_not_log_in() -> None:
    """SCHEME-068: blocked before the log-in, and between its two steps; its sessions end too."""
    bench = Bench()
    name, challenge = session(bench), begin(bench)
    bench.host.handle(BankNotice(bench.card, BankOperation.LOSS, "N1"))
    proof = bench.proof(challenge.factor, challenge.original)
    refused(bench.host.handle(FinishLogin(bench.card, challenge.login, proof)), Code.LOST)
    refused(bench.host.handle(BeginLogin(bench.card, "519900", bench.card.historical, 1)), Code.LOST)
    refused(bench.host.handle(QueryHost(NO_CARD, "account", name)), Code.LOST)


def test_a_log_in_and_its_session_end() -> None:
    bench = Bench()
    challenge, name = begin(bench), session(bench)
    bench.now += timedelta(minutes=21)
    proof = bench.proof(challenge.factor, challenge.original)
    refused(bench.host.handle(FinishLogin(bench.card, challenge.login, proof)), Code.NO_SESSION)
    refused(bench.host.handle(QueryHost(NO_CARD, "account", name)), Code.NO_SESSION)


def test_queries_with_and_without_a_session() -> None:
    """SCHEME-069: what the department holds about the holder, by card or session; every subject of the scheme."""
    bench = Bench()
    name = session(bench)
    for subject in {query.subject for query in scheme().query.values()} - {""}:
        at_kiosk = bench.host.handle(QueryHost(bench.card, subject))
        assert isinstance(at_kiosk, Found)
        assert at_kiosk.items
        assert bench.host.handle(QueryHost(NO_CARD, subject, name)) == at_kiosk
    bench.host.work(lambda desk: set_application(desk, bench.card, "DF03", "blocked"))
    card = bench.host.handle(QueryHost(bench.card, "card"))
    assert card == Found((("card number", "D2143569X"), ("state", "valid"), ("DF03", "blocked")))
    person = bench.host.handle(QueryHost(bench.card, "person"))
    assert isinstance(person, Found)
    assert dict(person.items)["name"] == "李四"
    refused(bench.host.handle(QueryHost(bench.card, "horoscope")), Code.NOT_THERE)
    refused(bench.host.handle(QueryHost(bench.card, "account", "nothing")), Code.NO_SESSION)
    refused(bench.host.handle(QueryHost(other_card(), "account", name)), Code.NO_SESSION)


def test_a_request_is_kept_with_the_card() -> None:
    """SCHEME-070: the request carries the card's identity and is stored; sent again it is the same request."""
    bench = Bench()
    name = session(bench)
    message = SubmitBusiness(bench.card, "online-business", (("subject", "change of address"),), name)
    first = bench.host.handle(message)
    assert isinstance(first, Accepted)
    assert bench.host.handle(message) == first
    row = bench.host.work(lambda desk: desk.books.execute(select(USES)).one())
    assert (row.card, row.session) == (bench.card.identification.hex().upper(), name)
    assert "change of address" in row.fields


WRITES = (FileWrite("DF01EF06", 0x23, b"\1"), FileWrite("DF01EF06", 0x24, b"\2"), FileWrite("DF02EF06", 0x4C, b"\3"))


def update(bench: Bench, terminal: str = "519900000428", *files: str) -> RequestUpdate:
    for item in WRITES:
        bench.host.work(lambda desk, item=item: offer_item(desk, bench.card.person, item))  # type: ignore[misc]
    return RequestUpdate(bench.card, terminal, files)


def test_a_terminal_without_right_gets_nothing() -> None:
    """TRM-109: an explicit refusal."""
    bench = Bench()
    refused(bench.host.handle(update(bench, "110000000001")), Code.NO_RIGHT)
    refused(bench.host.handle(update(bench, "")), Code.NO_RIGHT)


def test_all_data_come_in_one_answer() -> None:
    """TRM-110: three items, one answer; a file that is not asked for is left out."""
    bench = Bench()
    assert bench.host.handle(update(bench)) == UpdateData(WRITES)
    assert bench.host.handle(update(bench, "519900000428", "DF01EF06", "DF02EF06")) == UpdateData(WRITES)
    assert bench.host.handle(update(bench, "519900000428", "DF02EF06")) == UpdateData(WRITES[2:])
    newer = replace(WRITES[0], value=b"\7")
    bench.host.work(lambda desk: offer_item(desk, bench.card.person, newer))
    answer = bench.host.handle(RequestUpdate(bench.card, "519900000428", ("DF01EF06",)))
    assert answer == UpdateData((newer, WRITES[1]))
