"""The money of all books adds up after random transactions with faults; and the check finds hosts that lose some."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection

from terminal.hosts.bank import booking, cash, records
from terminal.hosts.bank.checks import LOADS
from terminal.hosts.bank.host import BankHost
from terminal.hosts.bank.tables import LEDGER
from terminal.hosts.books import Ledger
from terminal.hosts.social import accounts as medical_accounts
from terminal.messages.bank import HostAnswer, HostMessage, MessageKind
from tests.terminal.money.faults import Fault
from tests.terminal.money.runs import run_town, shortest
from tests.terminal.money.traffic import Deal

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tools"))
import money

SOME, MANY = 150, 2500
SEEDS = (13, 14, 15, 16, 17)


def test_some_hundred_transactions_add_up() -> None:
    """Faults strike, kinds of transactions happen, and no fen is missing."""
    report = run_town(4, SOME)
    assert report.difference == ""
    assert report.transactions == SOME
    assert sum(report.faults.values()) > SOME // 10
    assert set(Deal) - set(report.deals) <= {Deal.CLEARING, Deal.NEW_DAY, Deal.WITHHOLDING, Deal.PIN_CHANGE}
    assert report.results["approved"] > SOME // 4
    assert sum(line.found for line in report.sums if line.name.startswith("account of ")) > 0


def test_the_same_seed_is_the_same_run() -> None:
    """A shorter run is the beginning of a longer one, so that a failure can be replayed."""
    short, long = run_town(6, 25), run_town(6, 40)
    assert [str(entry) for entry in short.history[:25]] == [str(entry) for entry in long.history[:25]]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [11, 15])
def test_thousands_of_transactions_add_up(seed: int) -> None:
    """All kinds of faults strike, and no fen is missing."""
    report = run_town(seed, MANY)
    assert report.difference == ""
    assert set(report.faults) == set(Fault)
    assert set(report.deals) == set(Deal)


# --- it can fail


def _found(seed: int, transactions: int = SOME) -> str:
    return run_town(seed, transactions).difference


@pytest.mark.slow
def test_a_repeat_that_posts_twice_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that takes an offline transaction that comes again for a new one."""
    handle, count = BankHost.handle, iter(range(500_000, 900_000))
    seen: set[tuple[str, str, int]] = set()

    def forgetful(self: BankHost, message: HostMessage) -> HostAnswer:
        if message.kind is MessageKind.UPLOAD:
            if message.key in seen:
                message = replace(message, trace=next(count))
            seen.add(message.key)
        return handle(self, message)

    monkeypatch.setattr(BankHost, "handle", forgetful)
    monkeypatch.setattr(records, "uploaded", lambda *_: False)
    assert any(_found(seed, MANY) for seed in SEEDS)


def test_a_reversal_that_is_ignored_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that acknowledges reversals and takes nothing back."""
    monkeypatch.setattr(booking, "take_back", lambda *_: None)
    assert _found(4) != ""


@pytest.mark.slow
def test_a_load_that_is_not_undone_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that keeps the holder's money though the card did not take the load."""
    take_back = booking.take_back

    def stubborn(connection: Connection, record: records.Record, name: str, day: str) -> None:
        if record.transaction not in LOADS:
            take_back(connection, record, name, day)

    monkeypatch.setattr(booking, "take_back", stubborn)
    assert any(_found(seed, MANY) for seed in SEEDS)


@pytest.mark.slow
def test_a_load_that_is_not_booked_again_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that never looks what electronic cash the card tells."""
    monkeypatch.setattr(cash, "reconcile", lambda _connection, _message, holding, *_: holding)
    assert any(_found(seed, MANY) for seed in SEEDS)


def test_an_offline_transaction_that_pays_twice_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that debits the shadow account by twice what the card has paid."""
    post = Ledger.post

    def twice(self: Ledger, connection: object, name: str, legs: dict[str, int], **how: object) -> int:
        if self is LEDGER and name.startswith("upload "):
            legs = {code: 2 * amount for code, amount in legs.items()}
        return post(self, connection, name, legs, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(Ledger, "post", twice)
    assert _found(4) != ""


@pytest.mark.slow
def test_a_medical_load_that_is_not_taken_back_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A department that keeps the central account debited for a load that the card did not take."""
    monkeypatch.setattr(medical_accounts, "_take_back", lambda *_: None)
    assert any(_found(seed, MANY) for seed in SEEDS)


@pytest.mark.slow
def test_the_shortest_beginning_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Halving ends with a run that fails, and the one that is a transaction shorter does not."""
    monkeypatch.setattr(booking, "take_back", lambda *_: None)
    report = shortest(4, 120)
    assert report.difference
    assert run_town(4, report.transactions - 1).difference == ""


def test_the_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums, figures and exit status; a difference with seed, number and messages."""
    assert money.main(["--transactions", "20", "--seed", "3", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["format"], document["clean"], document["transactions"]) == ("cardsim-money", True, 20)
    assert {"name": "switch, all accounts", "fen": 0} in document["sums"]
    monkeypatch.setattr(booking, "take_back", lambda *_: None)
    assert money.main(["--transactions", str(SOME), "--seed", "4"]) == 1
    shown = capsys.readouterr().out
    assert "THE MONEY DOES NOT ADD UP" in shown
    assert "seed 4" in shown
    assert "HostMessage(" in shown
