"""A medical bill in one card session: the card's account by B0 commands, the rest from the bank account, once."""

import contextlib
from dataclasses import replace
from typing import Final

import pytest

from cardsim.decode import Environment
from cardsim.iso7816.card import Card
from terminal.businesses import Catalogue
from terminal.driver import run as drive
from terminal.effects import Keep, Shelf
from terminal.errors import Cancelled, LinkError
from terminal.flows.full.config import End, ServiceConfig, ServiceRun, SettleBill
from terminal.flows.full.flow import full_service
from terminal.hosts.social.audit import audit
from terminal.messages.social import (
    CheckCard,
    CloseSettlement,
    Fee,
    FeeKind,
    Refused,
    Settle,
    SocialAnswer,
    SocialMessage,
)
from terminal.outcome import Verdict
from terminal.slots import Slot
from terminal.transcript import Event, Stored
from tests.psams import psam
from tests.terminal.full.bench import World
from tests.terminal.test_psam import Wire

HOSPITAL: Final = "519900080620001"
BILL: Final = SettleBill(
    "B1",
    (Fee("门诊费", FeeKind.COVERED, 30000), Fee("特需服务", FeeKind.OWN_EXPENSE, 1234)),
    HOSPITAL,
)
REST: Final = 11000 + 1234


def world(account: int = 5000, profile: str = "dual-3.0-sm4") -> World:
    """A holder with so much on the card's account."""
    found = World(profile)
    found.load(account)
    return found


def sound(found: World) -> None:
    """The department's books are right."""
    assert audit(found.department.host.books) == []


def amounts(run: ServiceRun) -> dict[str, int]:
    """Amounts by name."""
    return dict(run.service.amounts)


@pytest.mark.parametrize("profile", ["dual-3.0-sm4", "dual-3.0-des", "dual-2.0-des"])
def test_settled_in_the_region(profile: str) -> None:
    """SCHEME-071: INITIALIZE and DEBIT, a record in EF08, a TAC that the host finds right, and equal totals."""
    holder = world(50000, profile)
    bill = replace(BILL, fees=BILL.fees[:1])
    run = holder.visit(bill)
    assert run.service.end is End.DONE, run.service.reason
    names = [sent.name for sent in holder.commands if sent.environment is Environment.SSSE]
    assert [name for name in names if "PURCHASE" in name] == ["INITIALIZE FOR PURCHASE", "DEBIT FOR PURCHASE"]
    assert amounts(run) == {
        "personal account": 16000, "personal share": 0, "pooled fund": 14000, "own expense": 0,
        "paid by the bank": 0, "unpaid": 0,
    }  # fmt: skip
    after = holder.balances()
    assert (after.account, after.self_paid, after.pool) == (50000 - 16000, 0, 14000)
    (closed,) = (m for m in holder.department.messages if isinstance(m, CloseSettlement) and m.purchase)
    assert closed.purchase is not None
    assert (closed.purchase.account, closed.purchase.pool) == (16000, 14000)
    log = holder.log()
    assert [(entry.type, entry.account, entry.self_paid, entry.pool) for entry in log[:2]] == [
        ("2", 16000, 0, 14000),
        ("1", 50000, 0, 0),
    ]
    sound(holder)


def test_the_rest_comes_from_the_bank_account() -> None:
    """KRN-SEP-007, SCHEME-230, SCHEME-086: the account is short; B0 commands take what is there, the bank the
    remainder; the
    slips refer."""
    holder = world(5000)
    run = holder.visit(BILL)
    assert (run.verdict, run.service.end) == (Verdict.PASSED, End.DONE), run.reason
    assert amounts(run)["personal account"] == 5000
    assert amounts(run)["paid by the bank"] == REST
    assert holder.bank is not None
    assert holder.bank.sum == REST
    assert holder.balances().account == 0
    references = dict(run.service.references)
    medical, bank = holder.slip("医疗费用结算单"), holder.slip("Slip, holder copy")
    assert medical["Bank reference"] == bank["reference 参考号"] == references["bank"] != ""
    assert medical["Settlement"] in bank["for 用途"]
    assert bank["amount 金额"] == "CNY 122.34"
    sound(holder)


def test_own_expense_is_the_banks_alone() -> None:
    """SCHEME-087: a finance debit of that amount, and no B0 amount for it: no purchase of the card at all."""
    holder = world(5000)
    run = holder.visit(replace(BILL, fees=BILL.fees[1:]))
    assert run.service.end is End.DONE, run.service.reason
    assert holder.bank is not None
    assert holder.bank.sum == 1234
    assert not any("PURCHASE" in sent.name for sent in holder.commands)
    assert holder.balances().account == 5000


def test_a_declined_rest_stays_open_and_is_paid_later() -> None:
    """SCHEME-088, D39: open with the unpaid rest on both sides; card money is not given back; later the rest alone."""
    holder = world(5000)
    assert holder.bank is not None
    holder.bank.decline = "51"
    run = holder.visit(BILL)
    assert (run.verdict, run.service.end) == (Verdict.DECLINED, End.OPEN)
    assert amounts(run)["unpaid"] == REST
    assert "51" in run.service.reason
    assert holder.slip("医疗费用结算单")["Unpaid"] == "122.34"
    assert (holder.balances().account, holder.bank.sum) == (0, 0)
    sound(holder)
    holder.bank.decline = ""
    again = holder.visit(BILL)
    assert again.service.end is End.DONE, again.service.reason
    assert holder.bank.sum == REST
    assert not any("DEBIT" in sent.name for sent in holder.commands), "the card's part is booked already"
    assert len(holder.log()) == 2
    sound(holder)


def test_across_regions() -> None:
    """SCHEME-072: a card of 519900 where PSAM and host are of 510100: national keys or the HSM; region of tag 84."""
    holder = World(with_hsm=True)
    holder.load(5000)
    number = bytes.fromhex("510100000001")
    holder.sam = Wire(psam()[0], lambda command: number + b"\x90\x00" if command[:3] == b"\x00\xb0\x96" else None)
    host = holder.department.host
    host.rules = replace(host.rules, region="510100")
    run = holder.visit(BILL)
    assert run.service.end is End.DONE, run.service.reason
    (asked,) = (m for m in holder.department.messages if isinstance(m, Settle))
    assert asked.region == "519900"
    assert amounts(run)["pooled fund"] == 20000 * 60 // 100, "the fund pays less away from home"
    assert amounts(run)["unpaid"] == 0
    assert len(holder.log()) == 2
    sound(holder)


def test_a_bill_is_settled_once() -> None:
    """The same bill once more is what it was: nothing goes to card or bank."""
    holder = world(5000)
    first = holder.visit(BILL)
    again = holder.visit(BILL)
    assert (again.service.end, again.service.reason) == (End.DONE, "the bill was settled before")
    assert again.service.references == first.service.references[:2]
    assert holder.bank is not None
    assert holder.bank.sum == REST
    assert len(holder.log()) == 2


def test_a_department_that_has_never_seen_the_card() -> None:
    """The messages carry what the card's keys are derived from: the TAC is checked on a first visit too."""
    holder = World()
    run = holder.visit(BILL)
    assert (run.service.end, amounts(run)["unpaid"]) == (End.DONE, 0), run.service.reason
    sound(holder)


def test_a_purchase_that_the_host_refuses_is_not_followed_by_a_payment() -> None:
    """D39: where the card's part does not reach the books, the bank is not asked for the rest."""
    holder = world(5000)
    inner = holder.department.host.handle

    def refuse(message: SocialMessage) -> SocialAnswer:
        if isinstance(message, CloseSettlement) and message.purchase is not None:
            return Refused("S11", "a MAC or TAC is wrong")
        return inner(message)

    holder.department.answer = refuse
    run = holder.visit(BILL)
    assert run.service.end is End.OPEN
    assert "S11" in run.service.reason
    assert holder.bank is not None
    assert holder.bank.sum == 0


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_line_that_loses_one_message(number: int, when: str) -> None:
    """SCHEME-073: whichever message or answer to the department is lost, the next visit ends it, booked once."""
    holder = world(5000)
    seen = 0

    def lose(message: SocialMessage) -> bool:
        nonlocal seen
        if not isinstance(message, Settle | CloseSettlement):
            return False
        seen += 1
        return seen == number + 1

    setattr(holder.department, when, lose)
    holder.visit(BILL)
    setattr(holder.department, when, lambda _: False)
    run = holder.visit(BILL)
    assert run.service.end is End.DONE, run.service.reason
    assert holder.bank is not None
    assert holder.bank.sum == REST
    assert holder.balances().account == 0
    assert len(holder.log()) == 2
    sound(holder)


def test_the_business_has_not_moved_to_the_cards_account() -> None:
    """SCHEME-089: with the switch off the bank is not asked, and the rest is open."""
    holder = world(5000)
    rule = holder.catalogue.settlement["medical"]
    holder.catalogue = replace(holder.catalogue, settlement={"medical": replace(rule, via_card_account=False)})
    assert isinstance(holder.catalogue, Catalogue)
    run = holder.visit(BILL)
    assert run.service.end is End.OPEN
    assert amounts(run)["unpaid"] == REST
    assert "AUTHORISE" not in holder.asked


def test_the_psam_has_no_traffic_in_the_payment_part() -> None:
    """SCHEME-032, TRM-258: after SELECT of the payment environment nothing goes to the PSAM, and it has no power."""
    holder = world(5000)
    holder.visit(BILL)
    sides = [sent.environment for sent in holder.commands]
    first = sides.index(Environment.PSE)
    assert Environment.PSAM in sides[:first]
    assert Environment.PSE not in sides[:first]
    assert set(sides[first:]) == {Environment.PSE}
    assert not holder.sam.powered


class _Pulled:
    """A card that is pulled after the n-th APDU was carried out: the answer is lost."""

    def __init__(self, card: Card, after: int) -> None:
        self._card = card
        self.left = after
        self.last = b""

    def power_on(self) -> bytes:
        """The ATR."""
        return self._card.power_on()

    def power_off(self) -> None:
        """No power."""
        self._card.power_off()

    def transmit(self, command: bytes) -> bytes:
        """The answer, or none any more."""
        answer = self._card.transmit(command)
        self.left -= 1
        if not self.left:
            self._card.power_off()
            self.last = command
            raise LinkError("the card was pulled")
        return answer


def exchanges_of_a_settlement() -> list[bytes]:
    """The card's APDUs of a settlement with both parts."""
    holder = world(5000)
    holder.visit(BILL)
    return [e.command for e in holder.exchanges if e.slot is Slot.CARD]


def test_a_card_that_is_pulled_anywhere() -> None:
    """SCHEME-073: whichever answer of the card is lost, the next visit ends the bill: one record, one booking each."""
    all_commands = exchanges_of_a_settlement()
    debit = next(n for n, command in enumerate(all_commands, 1) if command[:2] == b"\xb0\x2c")
    for after in sorted({*range(1, len(all_commands) + 1, 7), debit - 1, debit, debit + 1}):
        holder = world(5000)
        holder.link = _Pulled(holder.user.model, after)
        with contextlib.suppress(LinkError):
            holder.visit(BILL)
        holder.link = holder.user.model
        run = holder.visit(BILL)
        assert run.service.end is End.DONE, (after, run.service.reason)
        assert holder.bank is not None
        assert holder.bank.sum == REST, after
        assert holder.balances().account == 0, after
        assert len(holder.log()) == 2, after
        sound(holder)


@pytest.mark.parametrize("effects", [0, 2, 5, 9])
def test_a_run_that_is_cut_off_after_the_bank_has_paid(effects: int) -> None:
    """The card's last word and what it paid are kept in one step: the rest is not asked of the bank a second time."""
    holder = world(5000)
    assert holder.bank is not None
    confirmed: list[int] = []

    def listen(event: Event) -> None:
        match event:
            case Stored(Keep(Shelf.PENDING, _, content)) if content.get("kind") == "CONFIRM":
                confirmed.append(0)

    def cancelled() -> bool:
        if confirmed:
            confirmed[0] += 1
        return bool(confirmed) and confirmed[0] > effects

    config = ServiceConfig(holder.social, holder.financial, BILL, holder.catalogue)
    with pytest.raises(Cancelled):
        drive(full_service(config), holder.link, holder.services(), listen, psam=holder.sam, cancelled=cancelled)
    again = holder.visit(BILL)
    assert again.service.end is End.DONE, again.service.reason
    assert holder.bank.sum == REST
    sound(holder)


def test_a_card_that_was_registered_without_historical_bytes() -> None:
    """What its keys are derived from comes with the settlement, where a check of the card alone has not said it."""
    first = world(5000)
    first.visit(BILL)
    card = next(m.card for m in first.department.messages if isinstance(m, Settle))
    holder = World()
    holder.department.host.handle(CheckCard(replace(card, historical=b"", algorithm=0)))
    run = holder.visit(BILL)
    assert run.service.end is End.DONE, run.service.reason
