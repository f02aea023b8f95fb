"""`cardterm financial`: from options and the terminal's file to a configuration; card inquiries as documents."""

import argparse
import dataclasses
import re
from datetime import datetime
from pathlib import Path
from typing import Final

from cardsim.decode.values import decimal_yuan
from cardsim.keyfile import KeyFile
from terminal.cli.output import Writer, verdict_line
from terminal.downloads import installed
from terminal.driver import Services
from terminal.effects import Shelf
from terminal.errors import UsageError
from terminal.flows.financial.day import DayOutcome
from terminal.flows.financial.inquiry import CardInquiry
from terminal.flows.financial.transaction import FinancialConfig
from terminal.merchant import load_merchants
from terminal.messages.bank import TransactionType
from terminal.messages.seal import BENCH_UPDATE_KEY
from terminal.storage import FileStorage
from terminal.terminals import FinancialTerminal, load_terminal

_AMOUNT: Final = re.compile(r"([0-9]{1,10})(?:\.([0-9]{1,2}))?")
BALANCE, LOG = "balance", "log"
INSTALLED: Final = "installed"
INQUIRIES: Final = (BALANCE, LOG)
"""What is asked of the card alone, without a transaction."""
SIGN_ON, SETTLE = "sign-on", "settle"
DAY: Final = (SIGN_ON, SETTLE)
"""What a terminal does with its host alone: no card is needed."""
_WITHOUT_AMOUNT: Final = (TransactionType.INQUIRY, TransactionType.PIN_CHANGE)
_WITH_TARGET: Final = (TransactionType.TRANSFER, TransactionType.LOAD_OTHER)


def type_word(kind: TransactionType) -> str:
    """A transaction as `--type` and terminal files have it."""
    return kind.name.lower().replace("_", "-")


def fen(text: str, option: str = "") -> int:
    """An amount in yuan, as 12.34, of an option if one is named.

    Raises:
        UsageError: it is none.
    """
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise UsageError(f"{option} {text}: write an amount in yuan, as 12.34".strip())
    return int(match[1]) * 100 + int((match[2] or "0").ljust(2, "0"))


def _code(name: str, text: str) -> bytes:
    if not re.fullmatch(r"[0-9]{4}", text):
        raise UsageError(f"--{name} {text}: write four digits, as 0156")
    return bytes.fromhex(text)


def _kind(word: str | None, terminal: FinancialTerminal) -> TransactionType:
    """The transaction that was asked for; without a word a purchase, or cash where there are none."""
    offered = terminal.parameters.transactions
    if word is None:
        return TransactionType.PURCHASE if TransactionType.PURCHASE in offered else TransactionType.CASH
    if word in (*INQUIRIES, *DAY):
        return TransactionType.INQUIRY
    kind = TransactionType[word.upper().replace("-", "_")]
    if kind not in offered:
        words = ", ".join(sorted(map(type_word, offered)))
        raise UsageError(f"--type {word}: the {terminal.parameters.name} offers {words}")
    return kind


def _cashback(text: str | None, kind: TransactionType, amount: int) -> int:
    """The part of the amount that is paid out in cash."""
    if text is None:
        return 0
    cashback = fen(text, "--cashback")
    if kind is not TransactionType.PURCHASE:
        raise UsageError("--cashback goes with a purchase alone")
    if not 0 < cashback <= amount:
        raise UsageError("--cashback is a part of --amount")
    return cashback


def update_key(name: str | None) -> bytes:
    """The terminals' update key: that of a file with 32 hex digits, or the bench's.

    Raises:
        UsageError: the file has no key.
    """
    if name is None:
        return BENCH_UPDATE_KEY
    try:
        text = Path(name).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{name}: the update key cannot be read") from error
    if not re.fullmatch(r"[0-9A-Fa-f]{32}", text):
        raise UsageError(f"{name}: an update key has 32 hex digits")
    return bytes.fromhex(text)


def terminal_of(arguments: argparse.Namespace) -> FinancialTerminal:
    """The terminal that `--terminal` names; `installed` is what a download brought into the storage (TRM-024).

    Raises:
        UsageError: its file is wrong, or nothing is installed.
    """
    if arguments.terminal != INSTALLED:
        return load_terminal(arguments.terminal)
    if arguments.storage is None:
        raise UsageError("--terminal installed stands in the terminal's storage: --storage FILE")
    found = installed(FileStorage(Path(arguments.storage)), update_key(arguments.update_key))
    if found is None:
        raise UsageError(f"{arguments.storage}: no download is installed; see cardterm desk terminal install --help")
    return found.terminal


def at_terminal(arguments: argparse.Namespace, services: Services) -> Services:
    """The services of the bank's part: its exception file in the storage (例外文件); no host with `--offline`."""
    for number in terminal_of(arguments).exceptions:
        services.storage.keep(Shelf.EXCEPTIONS, number, {})
    return dataclasses.replace(services, host=None) if arguments.offline else services


def financial_config(arguments: argparse.Namespace, keys: KeyFile, now: datetime) -> FinancialConfig:
    """The configuration of a run.

    Raises:
        UsageError: an option or the terminal's file is wrong.
    """
    terminal = terminal_of(arguments)
    if arguments.type in (*INQUIRIES, *DAY) and arguments.command != "financial":
        raise UsageError(f"--type {arguments.type} is asked with `cardterm financial`")
    kind = _kind(arguments.type, terminal)
    if kind in _WITH_TARGET and not arguments.to:
        raise UsageError(f"--type {type_word(kind)} needs the other account: --to ACCOUNT")
    if arguments.to and not re.fullmatch(r"[0-9]{1,28}", arguments.to):
        raise UsageError(f"--to {arguments.to}: an account has up to 28 digits")
    parameters = dataclasses.replace(
        terminal.parameters,
        country=_code("country", arguments.country),
        currency=_code("currency", arguments.currency),
    )
    amount = 0 if kind in _WITHOUT_AMOUNT else fen(arguments.amount, "--amount")
    own = () if keys.bank is None else keys.bank.ca
    return FinancialConfig(
        parameters,
        kind,
        amount,
        now,
        # The key file is the card's own: its authority wins over one of ours with the same index.
        own + terminal.ca_keys,
        cashback=_cashback(arguments.cashback, kind, amount),
        force_online=arguments.force_online,
        revoked=terminal.revoked,
        target=arguments.to or "",
        merchants=load_merchants(),
    )


def conclude_day(writer: Writer, outcome: DayOutcome) -> None:
    """The end of the transcript of a sign-on or a settlement."""
    verdict_line(writer, "Terminal", outcome.verdict, outcome.reason)


def conclude_inquiry(writer: Writer, outcome: CardInquiry) -> None:
    """The end of the transcript of an inquiry."""
    for name, entries in (("Transaction", outcome.transactions), ("Load", outcome.loads)):
        for number, entry in enumerate(entries, 1):
            writer.line(f"{name} {number}: " + ", ".join(f"{item.name} {item.text}" for item in entry))
    balance = "" if outcome.balance is None else f"electronic cash {decimal_yuan(outcome.balance)} yuan"
    reason = outcome.failure.text if outcome.failure else balance or "asked without a transaction"
    verdict_line(writer, "Card", outcome.verdict, reason)
