"""`cardterm desk` with terminals beside it: what operators do by hand, on model cards and books in a file."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cardsim.cli.main import main as cardsim
from cardsim.commandline import Parser
from terminal.cli.desk import HANDLERS
from terminal.cli.deskterminal import TERMINAL_WORDS
from terminal.cli.deskwords import OPTIONS, TERMINAL, WORDS
from terminal.cli.main import main as cardterm
from terminal.cli.parser import build_parser

OTHER = "6214670000000000004"
OFFLINE_PIN = "dual-3.0-sm4-offline-pin"


@dataclass
class Counter:
    """A card, the books of all hosts, and who works with both."""

    card: Path
    books: Path
    capsys: pytest.CaptureFixture[str]
    minutes: int = 0

    @property
    def pan(self) -> str:
        """The bank's number of the card."""
        found = self.terminal("financial", "--offline", books=False)
        return str(found["pan"])

    def _call(self, *words: str) -> tuple[int, dict[str, Any]]:
        self.capsys.readouterr()
        self.minutes += 1
        status = cardterm([*words, "--now", f"2026-11-21T12:{self.minutes:02d}:00", "--json"])
        captured = self.capsys.readouterr()
        assert captured.err == ""
        return status, json.loads(captured.out)

    def desk(self, host: str, word: str, *more: str) -> list[dict[str, Any]]:
        """Do something at a desk; its rows."""
        keys = ["--keys", f"{self.card}.keys.toml"]
        status, found = self._call("desk", host, word, *more, "--books", str(self.books), *keys)
        assert (status, found["verdict"], found["problems"]) == (0, "done", [])
        rows = found["rows"]
        assert isinstance(rows, list)
        return rows

    def terminal(self, command: str, *more: str, pin: str = "123456", books: bool = True) -> dict[str, Any]:
        """A run of a terminal."""
        kept = ["--books", str(self.books)] if books else []
        return self._call(command, "--card", str(self.card), "--seed", "1", "--pin", pin, *kept, *more)[1]

    def balance(self, card: str) -> tuple[int, int]:
        """Account and electronic cash of a card in the books, fen."""
        row = self.desk("bank", "show", card)[0]
        return row["balance"], row["electronic cash"]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cards")


def counter(shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], profile: str = "dual-3.0-sm4") -> Counter:
    made = shelf / f"{profile}.card"
    if not made.exists():
        assert cardsim(["new", str(made), "--profile", profile, "--seed", "7"]) == 0
    copy = tmp_path / made.name
    shutil.copy(made, copy)
    shutil.copy(f"{made}.keys.toml", f"{copy}.keys.toml")
    return Counter(copy, tmp_path / "books", capsys)


@pytest.fixture
def bench(shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Counter:
    return counter(shelf, tmp_path, capsys)


def subcommands(parser: Parser) -> dict[str, Parser]:
    """The commands below a command."""
    action = next(action for action in parser._actions if isinstance(action.choices, dict))
    return dict(action.choices or {})


def test_each_word_has_a_handler_and_help() -> None:
    """The table of words, the handlers and the parser name the same things."""
    desks = subcommands(subcommands(build_parser())["desk"])
    handlers = {**HANDLERS, TERMINAL: TERMINAL_WORDS}
    assert desks.keys() == WORDS.keys() == handlers.keys()
    for host, words in WORDS.items():
        names = [word.name for word in words]
        assert set(names) == handlers[host].keys() == subcommands(desks[host]).keys()
        assert len(names) == len(set(names))
        assert {option for word in words for option in word.options} <= OPTIONS.keys()


def test_blocked_by_script_and_unblocked_at_the_counter(bench: Counter) -> None:
    """The bank orders APPLICATION BLOCK: it goes out with the next answer, and then no terminal takes the card; the
    counter alone serves it, and the order to unblock reaches it there (D37)."""
    assert bench.terminal("financial")["verdict"] == "approved"
    pan = bench.desk("bank", "cards")[0]["card"]
    assert bench.desk("bank", "block-application", pan)[0]["state"] == "queued"
    assert bench.terminal("financial")["scripts"][0]["ending"] == "successful"
    assert [row["state"] for row in bench.desk("bank", "show", pan)[1:]] == ["done"]
    assert bench.terminal("financial")["result"] == "terminated"
    assert bench.terminal("financial", "--counter", "--type", "inquiry")["verdict"] == "declined"
    bench.desk("bank", "unblock-application", pan)
    assert bench.terminal("financial", "--counter", "--type", "inquiry")["verdict"] == "approved"
    assert bench.terminal("financial")["verdict"] == "approved"
    assert [row["state"] for row in bench.desk("bank", "show", pan)[1:]] == ["done", "done"]


@pytest.mark.parametrize("profile", ["dual-3.0-sm4", OFFLINE_PIN])
def test_a_new_card_is_activated_at_a_terminal(
    profile: str, shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Declined while the account is not activated; the change of the initial PIN activates it, and a card that checks
    the PIN itself is told the new one by script (D35)."""
    bench = counter(shelf, tmp_path, capsys, profile)
    offline = ["--offline-pin"] if profile == OFFLINE_PIN else []
    pan = bench.pan
    bench.desk("bank", "open", pan, "--name", "李四", "--pin", "123456", "--balance", "1000", *offline)
    refused = bench.terminal("financial", "--amount", "12.34")
    assert (refused["verdict"], refused["response_code"]) == ("declined", "57")
    change = ["--counter", "--type", "pin-change", "--new-pin", "654321"]
    changed = bench.terminal("financial", *change)
    assert changed["verdict"] == "approved"
    assert [script["ending"] for script in changed["scripts"]] == ["successful"] * len(offline)
    assert bench.desk("bank", "show", pan)[0]["account state"] == "active"
    paid = bench.terminal("financial", "--amount", "12.34", pin="654321")
    assert paid["verdict"] == "approved"
    assert bench.balance(pan) == (100000 - 1234, 0)
    wrong = bench.terminal("financial", "--amount", "12.34")
    assert wrong["verdict"] == "declined"
    assert bench.balance(pan) == (100000 - 1234, 0)


def test_a_forgotten_pin(bench: Counter) -> None:
    """A PIN of the desk is an initial one again, and all tries are there."""
    assert bench.terminal("financial", "--amount", "500", "--atm", "--type", "cash")["verdict"] == "approved"
    pan = bench.desk("bank", "cards")[0]["card"]
    for _ in range(3):
        assert bench.terminal("financial", "--atm", "--type", "cash", pin="000000")["verdict"] == "declined"
    assert bench.terminal("financial", "--atm", "--type", "cash")["response_code"] == "75"
    bench.desk("bank", "unlock-pin", pan)
    assert bench.terminal("financial", "--atm", "--type", "cash")["verdict"] == "approved"
    bench.desk("bank", "reset-pin", pan, "--pin", "111111")
    assert bench.terminal("financial", "--atm", "--type", "cash", pin="111111")["response_code"] == "57"
    change = ["--atm", "--type", "pin-change", "--new-pin", "222222"]
    assert bench.terminal("financial", *change, pin="111111")["verdict"] == "approved"
    assert bench.terminal("financial", "--atm", "--type", "cash", pin="222222")["verdict"] == "approved"


def test_two_accounts(bench: Counter) -> None:
    """SCHEME-099: transfer to another account, load from it with its own PIN, load against cash at the counter."""
    pan = bench.pan
    bench.desk("bank", "open", pan, "--name", "李四", "--pin", "123456", "--active", "--balance", "1000")
    bench.desk("bank", "open", OTHER, "--name", "李四", "--pin", "123456", "--active", "--balance", "50")
    moved = bench.terminal("financial", "--atm", "--type", "transfer", "--to", OTHER, "--amount", "100")
    assert moved["verdict"] == "approved"
    assert bench.balance(pan) == (90000 - moved["fee"], 0)
    assert bench.balance(OTHER) == (15000, 0)
    loaded = bench.terminal("financial", "--atm", "--type", "load-other", "--to", OTHER, "--amount", "70")
    assert (loaded["verdict"], loaded["electronic_cash_balance"]) == ("approved", 7000)
    assert bench.balance(OTHER) == (8000 - loaded["fee"], 0)
    cash = bench.terminal("financial", "--counter", "--type", "load-cash", "--amount", "30")
    assert (cash["verdict"], cash["electronic_cash_balance"]) == ("approved", 10000)
    assert bench.balance(pan) == (90000 - moved["fee"], 10000)
    assert bench.desk("bank", "audit") == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["lost"], "41"), (["stolen"], "43"), (["cancel"], "14"), (["suspend"], "62"), (["block"], "62"),
        (["close"], "42"),
    ],
)  # fmt: skip
def test_states(words: list[str], code: str, bench: Counter) -> None:
    """What the desk says about a card or account decides at once; most of it can be taken back."""
    bench.terminal("financial")
    pan = bench.desk("bank", "cards")[0]["card"]
    bench.desk("bank", *words, pan)
    assert bench.terminal("financial")["response_code"] == code
    bench.desk("bank", "release" if words[0] not in ("block", "close") else "activate", pan)
    assert bench.terminal("financial")["verdict"] == "approved"


def test_limits_of_electronic_cash(bench: Counter) -> None:
    """A new limit reaches the card with the next answer; the bank goes by it once the card has taken it."""
    load = ["--atm", "--type", "load", "--amount", "800"]
    assert bench.terminal("financial", *load)["verdict"] == "approved"
    assert bench.terminal("financial", *load)["response_code"] == "61"
    pan = bench.desk("bank", "cards")[0]["card"]
    bench.desk("bank", "limit", pan, "9F77", "2000.00")
    bench.desk("bank", "put-data", pan, "9F78", "000000050000")
    assert [s["ending"] for s in bench.terminal("financial", "--type", "inquiry")["scripts"]] == ["successful"] * 2
    assert bench.terminal("financial", *load)["verdict"] == "approved"


def test_a_card_reported_lost_in_writing(bench: Counter) -> None:
    """SCHEME-039: the card is on the blacklist at once and declined; on release it is valid and off the list."""
    assert bench.terminal("social", "--online")["verdict"] == "passed"
    number = bench.desk("social", "cards")[0]["card"]
    lost = bench.desk("social", "lost", number)[0]
    assert lost["state"] == "lost"
    assert lost["new card requested"]
    assert bench.desk("social", "blacklist")[1]["first"] == number
    assert bench.terminal("social", "--online")["verdict"] == "failed"
    bench.desk("social", "release", number)
    assert bench.desk("social", "blacklist")[1:] == []
    assert bench.terminal("social", "--online")["verdict"] == "passed"
    events = [row["event"] for row in bench.desk("social", "show", number)[1:]]
    assert events == ["desk: loss", "desk: release"]


def test_ranges_on_the_blacklist(bench: Counter) -> None:
    """A range of card numbers comes and goes under a new number of the list each."""
    bench.terminal("social", "--online")
    number = bench.desk("social", "cards")[0]["card"]
    version = bench.desk("social", "list", "A00000000", "A99999999")[0]["version"]
    assert bench.terminal("social", "--online")["verdict"] == "failed"
    assert bench.desk("social", "unlist", "A00000000", "A99999999") == [{"version": version + 1}]
    assert bench.terminal("social", "--online")["verdict"] == "passed"
    assert number[0] == "A"


def test_an_item_for_the_online_update(bench: Counter) -> None:
    """What the desk offers is on the card after the next online update."""
    bench.terminal("social", "--online", "--service", "load", "1.00")
    person = bench.desk("social", "cards")[0]["person"]
    bench.desk("social", "offer", person, "DF01EF07:29=2")
    assert bench.terminal("social", "--service", "update", "DF01EF07")["verdict"] == "passed"
    read = bench.terminal("social", "--service", "read", "DF01EF07")["result"]
    assert "2" in {line["text"] for line in read}


def test_files_between_department_and_bank(bench: Counter, tmp_path: Path) -> None:
    """SCHEME-078: a contribution that is due goes to the bank in a file, is withheld with the holder's agreement, and
    the result is booked; without it the order is returned with the reason."""
    bench.terminal("social", "--online", "--service", "load", "1.00")
    person = bench.desk("social", "cards")[0]["person"]
    name = next(item["text"] for item in bench.terminal("social")["holder"] if item["tag"] == "09")
    account = ["--name", name, "--id-number", person, "--active", "--balance", "500"]
    bench.desk("bank", "open", OTHER, *account)
    number = bench.desk("social", "due", person, "withholding", "300.00", "20261101")[0]["due"]
    orders, result = tmp_path / "orders.csv", tmp_path / "result.csv"
    bench.desk("social", "withholding", "W1", "--output", str(orders))
    assert number in orders.read_text()
    bench.desk("bank", "batch", str(orders), "--output", str(result))
    assert f"R,{number},57,,30000,the holder has not agreed to withholding" in result.read_text().splitlines()
    bench.desk("social", "result", str(result))
    bench.desk("bank", "agree", OTHER)
    bench.desk("social", "withholding", "W2", "--output", str(orders))
    bench.desk("bank", "batch", str(orders), "--output", str(result))
    done = sum(line.split(",")[2] == "00" for line in result.read_text().splitlines()[1:])
    assert done >= 1
    assert bench.desk("social", "result", str(result)) == [{"orders done": done}]
    assert bench.desk("social", "audit") == bench.desk("bank", "audit") == []


def test_files_of_a_day(bench: Counter, capsys: pytest.CaptureFixture[str]) -> None:
    """SCHEME-044: the bank's clearing file, and the switch's, on standard output as they are."""
    bench.terminal("financial", "--amount", "12.34")
    capsys.readouterr()
    common = ["--books", str(bench.books), "--now", "2026-11-21T23:00:00"]
    assert cardterm(["desk", "bank", "clearing", *common]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert (lines[0], lines[-1]) == ("H,cardsim-clearing,1,20261121", "T,1,1234")
    assert cardterm(["desk", "switch", "clear", "20261120", *common]) == 0
    assert capsys.readouterr().out.startswith("H,20261120\n")
    assert cardterm(["desk", "switch", "audit", *common]) == 0


def test_a_card_is_issued(bench: Counter, capsys: pytest.CaptureFixture[str]) -> None:
    """SCHEME-041, SCHEME-108: account and card data for a person, once."""
    words = ["--name", "张三", "--id-number", "510101199001011234", "--pin", "123456"]
    row = bench.desk("bank", "issue", *words)[0]
    assert bench.desk("bank", "show", row["card"])[0]["account state"] == "not activated"
    keys = ["--books", str(bench.books), "--keys", f"{bench.card}.keys.toml"]
    assert cardterm(["desk", "bank", "issue", *words, *keys]) == 2
    assert "has a card already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["bank", "lost", "1"], "there is no card or account 1"),
        (["bank", "reset-pin", "1"], "--pin takes 4 to 12 digits"),
        (["bank", "open", "12"], "13 to 19 digits"),
        (["bank", "open", OTHER], "no key file has [bank]"),
        (["bank", "issue", "--pin", "123456"], "--name and --id-number"),
        (["bank", "batch", "none.csv"], "none.csv: No such file"),
        (["bank", "clearing", "today"], "write the day as YYYYMMDD"),
        (["social", "lost", "A1"], "there is no card A1"),
        (["social", "list", "A1"], "nine characters"),
        (["social", "offer", "1", "DF01EF07"], "write FILE:TAG=VALUE"),
        (["social", "due", "1", "rural", "1.00", "20261301"], "there is no such day"),
        (["social", "due", "1", "pension", "1.00"], "there are flexible, resident, rural"),
        (["social", "benefit", "1", "unemployment", "1.00"], "the register has no person 1"),
    ],
)
def test_wrong_use(words: list[str], text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2 and one sentence."""
    assert cardterm(["desk", *words, "--books", str(tmp_path / "books")]) == 2
    captured = capsys.readouterr()
    assert text in captured.err
    assert len(captured.err.splitlines()) == 1


def test_wrong_orders(bench: Counter, capsys: pytest.CaptureFixture[str]) -> None:
    """What is no tag, no record or too long is refused; nothing waits for the card then."""
    bench.terminal("financial")
    pan = bench.desk("bank", "cards")[0]["card"]
    for words in (
        ["limit", pan, "9F", "1"], ["put-data", pan, "9F77", "xy"], ["update-record", pan, "31", "1", "70"],
        ["update-record", pan, "1", "0", "70"], ["put-data", pan, "9F77", "00" * 200],
    ):  # fmt: skip
        assert cardterm(["desk", "bank", *words, "--books", str(bench.books)]) == 2
    capsys.readouterr()
    assert bench.desk("bank", "show", pan)[1:] == []


def test_books_that_are_wrong(bench: Counter, capsys: pytest.CaptureFixture[str]) -> None:
    """The audit shows money that was never posted, and ends with exit status 1."""
    import sqlite3

    bench.terminal("financial")
    with sqlite3.connect(bench.books) as books:
        books.execute("UPDATE bank_ledger_account SET balance = balance + 1 WHERE code LIKE 'account%'")
    books.close()
    capsys.readouterr()
    assert cardterm(["desk", "bank", "audit", "--books", str(bench.books)]) == 1
    assert "its entries sum to" in capsys.readouterr().out
