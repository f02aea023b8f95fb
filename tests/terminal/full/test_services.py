"""Credential, log-in, queries, contributions and benefits, on model cards and with the department's host."""

from dataclasses import replace
from typing import Final

import pytest

from cardsim.decode import Environment
from cardsim.decode.commands import PSE_NAME
from terminal.businesses import Channel, scheme
from terminal.effects import Shelf
from terminal.flows.full.config import Contribute, End, Identify, LogIn, LookUp, Receive, SettleBill
from terminal.messages.social import (
    BankNotice,
    BankOperation,
    DuePaid,
    Fee,
    FeeKind,
    PayBenefit,
    SubmitBusiness,
    UseIdentity,
)
from terminal.outcome import Verdict
from tests.psams import psam
from tests.terminal.full.bench import World
from tests.terminal.full.test_settlement import HOSPITAL
from tests.terminal.test_psam import Wire

COUNTER: Final = [row.key for row in scheme().business.values() if Channel.COUNTER in row.channels]


def lost(holder: World) -> None:
    """The card is reported lost."""
    holder.department.handle(BankNotice(holder.department.messages[-1].card, BankOperation.LOSS, "N1"))


class TestIdentity:
    """身份凭证."""

    @pytest.mark.parametrize("key", COUNTER)
    @pytest.mark.parametrize("profile", ["dual-3.0-sm4", "social-2.0"])
    def test_each_business_accepts_the_person(self, key: str, profile: str) -> None:
        """SCHEME-063, SCHEME-064, SCHEME-066, SCHEME-067, SCHEME-074: accepted; card id and date are kept."""
        holder = World(profile)
        run = holder.visit(Identify(scheme().business[key]))
        assert (run.verdict, run.service.end) == (Verdict.PASSED, End.DONE), run.reason
        (use,) = (m for m in holder.department.messages if isinstance(m, UseIdentity))
        assert (use.business, use.authenticated) == (key, True)
        (entry,) = holder.storage.recall(Shelf.TRANSACTIONS)
        assert entry.content["identification"] == use.card.identification.hex().upper()
        assert entry.content["time"] == "2026-11-21 12:00:00"
        assert not any(sent.environment is Environment.PSE for sent in holder.commands)

    def test_a_transfer_reads_the_certificates_after_the_identification(self) -> None:
        """SCHEME-065: EF19 of DF03 is read once the card is known and genuine."""
        holder = World()
        run = holder.visit(Identify(scheme().business["transfer"]))
        purposes = [sent.purpose for sent in holder.commands]
        assert purposes.index("let the card prove its key") < purposes.index("select DF03EF19")
        assert len(run.service.items) == 4, "one record for each insurance"

    def test_a_lost_card_is_refused(self) -> None:
        """SCHEME-063: the host's register decides."""
        holder = World()
        holder.visit(Identify(scheme().business["registration"]))
        lost(holder)
        run = holder.visit(Identify(scheme().business["declaration"]))
        assert (run.verdict, run.service.end) == (Verdict.DECLINED, End.REFUSED)
        assert "lost" in run.service.reason
        assert len(holder.storage.recall(Shelf.TRANSACTIONS)) == 1

    def test_a_card_without_the_right_key_is_refused(self) -> None:
        """SCHEME-063: a wrong card stops at the internal authentication, before anything of the holder is read."""
        holder = World()
        holder.sam = Wire(psam(seed=5)[0])
        run = holder.visit(Identify(scheme().business["registration"]))
        assert (run.verdict, run.service.end) == (Verdict.FAILED, End.REFUSED)
        assert not holder.department.messages


class TestLogIn:
    """登录."""

    def test_challenge_and_response_give_a_session(self) -> None:
        """SCHEME-068, SCHEME-070: two steps with the card's IRK; the request carries the card, and is stored."""
        holder = World()
        holder.visit(Identify(scheme().business["registration"]))
        business = scheme().business["online-business"]
        run = holder.visit(LogIn(business=business, fields=(("subject", "change of address"),)))
        assert run.service.end is End.DONE, run.service.reason
        assert holder.asked == ["BeginLogin", "FinishLogin", "SubmitBusiness"]
        sent = holder.department.messages[-1]
        assert isinstance(sent, SubmitBusiness)
        assert sent.session == dict(run.service.references)["session"]
        assert sent.card.number == "A00004282"
        assert not any(command.environment is Environment.PSAM for command in holder.commands), "a reader at home"

    def test_a_lost_card_does_not_log_in(self) -> None:
        """SCHEME-068: refused, and no session begins."""
        holder = World()
        holder.visit(Identify(scheme().business["registration"]))
        lost(holder)
        run = holder.visit(LogIn())
        assert run.service.end is End.REFUSED
        assert holder.asked == ["BeginLogin"]

    def test_what_the_business_asks_for_is_asked_before_the_card(self) -> None:
        """A missing field is said at once."""
        holder = World()
        run = holder.visit(LogIn(business=scheme().business["online-business"]))
        assert run.service.reason == "online business asks for subject"
        assert not holder.commands


class TestQuery:
    """信息查询."""

    @pytest.mark.parametrize("key", list(scheme().query))
    def test_each_query_at_the_kiosk(self, key: str) -> None:
        """SCHEME-069: what is permitted is shown; what needs the PIN is asked for behind it."""
        holder, query = World(), scheme().query[key]
        run = holder.visit(LookUp(query))
        assert run.service.end is End.DONE, run.service.reason
        assert run.service.items
        assert query.pin == any(sent.name == "VERIFY" for sent in holder.commands)

    @pytest.mark.parametrize("key", [row.key for row in scheme().query.values() if row.pin])
    def test_without_the_pin_nothing_is_shown(self, key: str) -> None:
        """SCHEME-234, SCHEME-069: card and host data of the holder stay closed."""
        holder = World(pin=None)
        run = holder.visit(LookUp(scheme().query[key]))
        assert run.service.end is End.REFUSED
        assert not run.service.items
        assert "QueryHost" not in holder.asked

    def test_a_query_at_the_web_site_is_inside_a_log_in(self) -> None:
        """SCHEME-068: the session of the log-in goes with the query."""
        holder = World()
        holder.visit(Identify(scheme().business["registration"]))
        run = holder.visit(LookUp(scheme().query["account"], Channel.WEB))
        assert run.service.end is End.DONE, run.service.reason
        assert holder.asked == ["BeginLogin", "FinishLogin", "QueryHost"]


class TestContribution:
    """社会保险费缴纳."""

    @pytest.mark.parametrize("number", range(3), ids=["resident", "rural", "flexible"])
    def test_paid_from_the_card_account(self, number: int) -> None:
        """SCHEME-075, SCHEME-076, SCHEME-077: a debit of the sum, and the insurance system has its reference."""
        holder = World()
        run = holder.visit(Contribute((f"D{number + 1:08d}",)))
        assert (run.verdict, run.service.end) == (Verdict.PASSED, End.DONE), run.reason
        (paid,) = (m for m in holder.department.messages if isinstance(m, DuePaid))
        assert holder.bank is not None
        assert holder.bank.sum == paid.amount == dict(run.service.amounts)[paid.number]
        assert paid.bank_reference == dict(run.service.references)[paid.number] != ""
        again = holder.visit(Contribute((paid.number,)))
        assert again.service.reason == "nothing is due"

    def test_paid_once_when_the_insurance_system_was_not_reached(self) -> None:
        """The bank is not asked a second time; the system is told at the next try."""
        holder = World()
        holder.department.before = lambda message: isinstance(message, DuePaid)
        first = holder.visit(Contribute(("D00000001",)))
        assert first.service.end is End.OPEN
        holder.department.before = lambda _: False
        second = holder.visit(Contribute(("D00000001",)))
        assert second.service.end is End.DONE
        assert "AUTHORISE" not in holder.asked
        assert second.service.references == first.service.references

    def test_refused_by_the_bank(self) -> None:
        """SCHEME-079: no active account, nothing booked, and the reason is given."""
        holder = World()
        assert holder.bank is not None
        holder.bank.decline = "78"
        run = holder.visit(Contribute(("D00000001",)))
        assert (run.verdict, run.service.end) == (Verdict.DECLINED, End.REFUSED)
        assert "78" in run.service.reason
        assert "DuePaid" not in holder.asked

    def test_a_business_that_has_not_moved_prints_a_notice(self) -> None:
        """SCHEME-089: the switch of the kind; nothing is debited."""
        holder = World()
        kinds = {k: replace(row, via_card_account=False) for k, row in holder.catalogue.contribution.items()}
        holder.catalogue = replace(holder.catalogue, contribution=kinds)
        run = holder.visit(Contribute(("D00000001",)))
        assert run.service.end is End.REFUSED
        assert "AUTHORISE" not in holder.asked
        assert holder.slip("灵活就业" if "灵活" in str(holder.events) else "城镇")["Notice"] == "D00000001"


class TestBenefits:
    """待遇领取."""

    @pytest.mark.parametrize("number", range(6))
    def test_each_kind_is_received(self, number: int) -> None:
        """SCHEME-091: each kind of the scheme through the bank's finance function, on a dual card."""
        holder = World()
        run = holder.visit(Receive((f"G{number + 1:08d}",)))
        assert (run.verdict, run.service.end) == (Verdict.PASSED, End.DONE), run.reason
        assert holder.asked.index("AUTHORISE") < holder.asked.index("PayBenefit")
        assert [m.number for m in holder.department.messages if isinstance(m, PayBenefit)] == [f"G{number + 1:08d}"]

    def test_another_name_at_the_bank(self) -> None:
        """The bank compares name and number; the refusal is passed on."""
        holder = World()
        holder.clearing.accounts.clear()
        run = holder.visit(Receive(("G00000001",)))
        assert (run.verdict, run.service.end) == (Verdict.DECLINED, End.REFUSED)
        assert "name and number differ" in run.service.reason


@pytest.mark.parametrize("task", [Contribute(), Receive()], ids=["contribution", "benefit"])
def test_without_finance_function_it_is_not_available(task: Contribute | Receive) -> None:
    """SCHEME-079, SCHEME-091: a plain social card is refused with the reason, and it is no failure of the card."""
    holder = World("social-2.0")
    run = holder.visit(task)
    assert (run.verdict, run.service.end) == (Verdict.DECLINED, End.REFUSED)
    assert "no financial function" in run.service.reason
    assert not {"AUTHORISE", "DuePaid", "PayBenefit"} & set(holder.asked)


def test_a_plain_card_settles_without_finance() -> None:
    """SCHEME-074: the card's account pays its part; no command of the payment environment is needed for it."""
    holder = World("social-2.0")
    holder.load(50000)
    run = holder.visit(SettleBill("B1", (Fee("门诊费", FeeKind.COVERED, 30000),), HOSPITAL))
    assert (run.verdict, run.service.end) == (Verdict.PASSED, End.DONE), run.reason
    assert not any(sent.command.data == PSE_NAME for sent in holder.commands)
    assert run.financial is None
