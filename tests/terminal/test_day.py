"""The terminal's day: sign-on, settlement against the host's totals, and options of purchases, on a model card."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cardsim.cli.main import main as cardsim
from cardsim.iso7816.tlv import parse
from cardsim.keyfile import load_keyfile
from terminal.cli.main import main as cardterm
from terminal.driver import Session, run
from terminal.effects import Effect, Shelf
from terminal.flows.financial.day import DayOutcome, settle, sign_on
from terminal.hosts.server import serving
from terminal.hosts.world import World
from terminal.messages.bank import HostAnswer, HostMessage, MessageKind, Totals, TransactionType
from terminal.outcome import Verdict
from terminal.parameters import TerminalParameters
from terminal.terminals import ATM, POS
from tests.terminal.bankcard import PlasticCard
from tests.terminal.fakes import NOW, FakeCard
from tests.terminal.helpers import FINANCIAL, ScriptedHost, run_financial, services
from tests.terminal.kernel.stage import KernelCard
from tests.terminal.test_bank_decisions import bank

KINDS = TransactionType


class Losing:
    """A host whose answers to settlements are lost: `lost` of them; `before` loses the settlements themselves."""

    def __init__(self, host: Any, lost: int, *, before: bool = False) -> None:
        self.host, self.lost, self.before = host, lost, before
        self.settlements: list[HostMessage] = []

    def handle(self, message: HostMessage) -> HostAnswer | None:
        if message.kind is MessageKind.SETTLE and self.lost and self.before:
            self.lost -= 1
            return None
        answer: HostAnswer | None = self.host.handle(message)
        if message.kind is MessageKind.SETTLE:
            self.settlements.append(message)
            if self.lost:
                self.lost -= 1
                return None
        return answer


def closed(with_: Any, terminal: TerminalParameters = POS) -> DayOutcome:
    """Settle."""
    return run(settle(terminal, NOW), None, with_)


def pay(with_: Any, **changes: Any) -> None:
    """A purchase with a card of its own; the number of the card's transaction goes on from the trace number."""
    used = with_.storage.recall(Shelf.PARAMETERS)
    card = FakeCard()
    card.atc = sum(int(entry.content.get("trace", 0)) for entry in used) + 1
    run_financial(card, replace(FINANCIAL, **changes), replace(with_, pin_pad=services().pin_pad))


def test_sign_on() -> None:
    """The host opens the terminal's day; a host that is not there, or says no, is told apart."""
    assert run(sign_on(POS, NOW), None, services()).verdict is Verdict.PASSED
    refused = run(sign_on(POS, NOW), None, replace(services(), host=ScriptedHost(HostAnswer("97"))))
    assert (refused.verdict, refused.reached, refused.arc) == (Verdict.FAILED, True, "97")
    assert not run(sign_on(POS, NOW), None, replace(services(), host=None)).reached


def test_totals_agree() -> None:
    """What was approved and acknowledged is claimed, declined and reversed transactions are not; the next batch is
    empty."""
    with_ = services()
    pay(with_)
    pay(with_, amount=500)
    pay(with_, amount=10**9)
    pay(with_, kind=KINDS.INQUIRY, amount=0)
    done = closed(with_)
    assert (done.verdict, done.own, done.host) == (Verdict.PASSED, Totals(2, 1734), Totals(2, 1734))
    again = closed(with_)
    assert (again.verdict, again.own, again.host) == (Verdict.PASSED, Totals(), Totals())


def test_totals_differ() -> None:
    """A transaction that the terminal does not know of: both totals are shown, and the batch is closed all the same."""
    with_ = services()
    pay(with_)
    for entry in with_.storage.recall(Shelf.TRANSACTIONS):
        with_.storage.discard(Shelf.TRANSACTIONS, entry.key)
    done = closed(with_)
    assert (done.verdict, done.arc) == (Verdict.FAILED, "95")
    assert (done.own, done.host) == (Totals(), Totals(1, 1234))
    assert closed(with_).verdict is Verdict.PASSED


def test_nothing_is_settled_while_messages_wait() -> None:
    """Without acknowledgement of what is pending there is no settlement, and nothing is lost."""
    with_ = services()
    pay(replace(with_, host=ScriptedHost(None)))
    assert with_.storage.recall(Shelf.PENDING)
    silent = replace(with_, host=ScriptedHost(None))
    assert not closed(silent).reached
    done = closed(with_)
    assert (done.verdict, done.own) == (Verdict.PASSED, Totals())


def test_a_lost_answer() -> None:
    """The same settlement goes out again, by trace number and totals, before the purchase that comes next; that one is
    in the next batch."""
    plain = services()
    losing = Losing(plain.host, lost=1)
    with_ = replace(plain, host=losing)
    pay(with_)
    assert not closed(with_).reached
    pay(with_, amount=500)
    first, second = losing.settlements
    assert (first, first.totals) == (second, Totals(1, 1234))
    done = closed(with_)
    assert (done.verdict, done.own) == (Verdict.PASSED, Totals(1, 500))


def test_a_settlement_that_never_arrived() -> None:
    """While it is in doubt nothing is asked of the host: sent again, it would close what it does not claim."""
    plain = services()
    losing = Losing(plain.host, lost=4, before=True)
    with_ = replace(plain, host=losing)
    pay(with_)
    assert not closed(with_).reached
    pay(with_, amount=500)
    assert with_.storage.recall(Shelf.PENDING) == ()
    done = closed(with_)
    assert (done.verdict, done.own, done.host) == (Verdict.PASSED, Totals(1, 1234), Totals(1, 1234))
    assert closed(with_).own == Totals()


class CutOff(Exception):
    """The run was killed."""


def test_cut_off_anywhere() -> None:
    """Killed before any step of a settlement: the next one ends with totals that agree."""
    for steps in range(40):
        with_ = services()
        pay(with_)
        pay(with_, amount=500)
        flow = settle(POS, NOW)
        if not _until(flow, with_, steps):
            break
        done = closed(with_)
        assert done.verdict is Verdict.PASSED, steps
        assert done.own == done.host
        assert not with_.storage.recall(Shelf.TRANSACTIONS)
    else:
        pytest.fail("the settlement does not end")


def _until(flow: Any, with_: Any, steps: int) -> bool:
    """Run that many steps; whether there were more."""
    session, result = Session(None, with_), None
    effect: Effect
    try:
        effect = next(flow)
        for _ in range(steps):
            result = session.perform(effect)
            effect = flow.send(result)
    except StopIteration:
        return False
    flow.close()
    return True


def test_records_of_one_terminal_alone() -> None:
    """Two terminals on one storage settle each its own."""
    with_ = services()
    pay(with_)
    assert closed(with_, ATM).own == Totals()
    assert closed(with_).own == Totals(1, 1234)


@pytest.fixture(scope="module")
def keyfile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("cards") / "me.card"
    assert cardsim(["new", str(made), "--seed", "7"]) == 0
    return made


def _words(card: Path, *more: str) -> list[str]:
    return ["financial", "--keys", f"{card}.keys.toml", "--now", "2026-11-21T12:00:00", *more]


def test_over_a_line(keyfile: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Sign-on brings working keys over ISO 8583; purchases on that line settle at the bank, and at the switch."""
    card = tmp_path / "me.card"
    shutil.copy(keyfile, card)
    shutil.copy(f"{keyfile}.keys.toml", f"{card}.keys.toml")
    keys = load_keyfile(Path(f"{card}.keys.toml"))
    with World([keys]) as world, serving(*world.serve_banks(), world.serve_switch()) as places:
        for _, host, port in places:
            line = ["--host", f"{host}:{port}", "--storage", str(tmp_path / "storage")]
            assert cardterm(["financial", "--type", "sign-on", *line]) == 0
            paid = ["--card", str(card), "--pin", "123456", "--amount", "12.34", "--expect", "approved"]
            assert cardterm(_words(card, *paid, *line, "--terminal", "pos")) == 0
            capsys.readouterr()
            assert cardterm(["financial", "--type", "settle", *line, "--json"]) == 0
            assert '"terminal_totals": {\n    "debits": 1,\n    "debit_amount": 1234' in capsys.readouterr().out


def test_cashback_and_force_online(keyfile: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """KRN-TRM-013: a merchant's wish takes a small amount online that is paid by electronic cash else; cashback is told
    to the card, whose usage control (AB00) does not allow it (KRN-RES-005)."""
    card = tmp_path / "me.card"
    shutil.copy(keyfile, card)
    shutil.copy(f"{keyfile}.keys.toml", f"{card}.keys.toml")

    def pos(*more: str) -> dict[str, Any]:
        capsys.readouterr()
        status = cardterm(_words(card, "--card", str(card), "--pin", "123456", "--seed", "1", "--json", *more))
        assert status == 0
        found = json.loads(capsys.readouterr().out)
        assert isinstance(found, dict)
        return found

    assert pos("--atm", "--type", "load", "--amount", "100")["verdict"] == "approved"
    assert pos("--amount", "10.00")["reason"] == "paid by electronic cash"
    forced = pos("--amount", "10.00", "--force-online")
    assert (forced["verdict"], forced["reason"]) == ("approved", "approved online")
    paid = pos("--amount", "30.00", "--cashback", "20.00")
    assert paid["reason"] == "declined offline by the terminal"
    assert "service not allowed" in " ".join(paid["tvr"]["flags"])


@pytest.mark.parametrize(("told", "arc"), [(100, "00"), (0, "12")])
def test_the_host_takes_cashback(told: int, arc: str) -> None:
    """A card that allows cashback is told type 09 and the cash (9F03); the host approves the whole amount. Type 09
    without cash does not fit a purchase."""
    asked = ScriptedHost(None)
    with_ = replace(services(), host=asked)
    run_financial(KernelCard().edit({0x9F07: "AB80"}), replace(FINANCIAL, cashback=100), with_)
    (request,) = (message for message in asked.messages if message.kind is MessageKind.AUTHORISE)
    items = {item.tag: item.value.hex() for item in parse(request.chip_data)}
    assert (items[0x9C], items[0x9F02], items[0x9F03]) == ("09", "000000001234", "000000000100")
    card = PlasticCard()
    chip = card.chip(KINDS.PURCHASE, 1234, t9C="09", t9F03=f"{told:012d}")
    assert bank().handle(card.message(chip=chip)).arc == arc


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--type", "inquiry", "--cashback", "1"], "with a purchase alone"),
        (["--amount", "1", "--cashback", "2"], "a part of --amount"),
        (["--cashback", "0"], "a part of --amount"),
        (["--cashback", "x"], "--cashback x"),
    ],
)
def test_wrong_use(options: list[str], text: str, keyfile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2 and one sentence."""
    assert cardterm(["financial", "--card", str(keyfile), *options]) == 2
    assert text in capsys.readouterr().err


def test_without_a_card_or_a_host(capsys: pytest.CaptureFixture[str]) -> None:
    """A transaction needs a card, a settlement needs a host: 2 without words for one, 3 where it does not answer."""
    assert cardterm(["financial"]) == 2
    assert cardterm(["financial", "--type", "settle"]) == 2
    assert "--keys FILE" in capsys.readouterr().err
    assert cardterm(["financial", "--type", "settle", "--host", "127.0.0.1:9", "--timeout", "1"]) == 3
    assert cardterm(["full", "--card", "x", "--type", "settle", "--keys", "none"]) == 2
