"""`cardterm full --service …`: options to a task of the full-function terminal."""

import argparse
import csv
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeVar

from cardsim.decode.values import yuan
from terminal.businesses import Catalogue, Channel, scheme
from terminal.cli.financial import fen
from terminal.cli.output import Writer
from terminal.equipment import Part, require
from terminal.errors import UsageError
from terminal.flows.full.config import Contribute, Identify, LogIn, LookUp, Receive, ServiceRun, SettleBill, Task
from terminal.messages.social import Fee, FeeKind
from terminal.tables import read_tables

_FEE: Final = re.compile(r"(.+)=([0-9]{1,8}(?:\.[0-9]{1,2})?)(?::(covered|partly|own))?")
_KINDS: Final = {"covered": FeeKind.COVERED, "partly": FeeKind.PARTLY, "own": FeeKind.OWN_EXPENSE}
_Kind = TypeVar("_Kind")
_EXAMPLE: Final = "write it as 门诊费=12.34:covered, with covered, partly or own"


def check_equipment(arguments: argparse.Namespace) -> None:
    """Refuse to start without a part that the mode must have.

    Raises:
        UsageError: names it.
    """
    lacking = {name.upper().replace("-", "_") for name in arguments.without}
    require(arguments.command, {part for part in Part if part.name not in lacking})


def catalogue_of(arguments: argparse.Namespace) -> Catalogue:
    """The scheme's businesses, and those of `--region`."""
    return scheme() if arguments.region is None else scheme().extended(Path(arguments.region))


def task_of(arguments: argparse.Namespace, catalogue: Catalogue) -> Task | None:
    """The task that the options name; None where each side is to run by itself.

    Raises:
        UsageError: an option is missing, or names nothing.
    """
    channel = None if arguments.channel is None else Channel(arguments.channel)
    match arguments.service:
        case "identity" if arguments.business is not None:
            return Identify(_row(catalogue.business, "--business", arguments.business), channel or Channel.COUNTER)
        case "login":
            business = None
            if arguments.business is not None:
                business = _row(catalogue.business, "--business", arguments.business)
            return LogIn(channel or Channel.WEB, business, tuple(map(_field, arguments.field)))
        case "query":
            return LookUp(_row(catalogue.query, "--query", arguments.query), channel or Channel.KIOSK)
        case "settle":
            return _bill(arguments)
        case "contribute":
            return Contribute(tuple(arguments.item))
        case "benefits":
            return Receive(tuple(arguments.item))
        case _:
            return None


def _row(rows: Mapping[str, _Kind], option: str, key: str | None) -> _Kind:
    if key is None or key not in rows:
        raise UsageError(f"{option} {key or ''}: there are {', '.join(rows)}")
    return rows[key]


def _field(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise UsageError(f"--field {text}: write it as subject=change of address")
    return name, value


def _bill(arguments: argparse.Namespace) -> SettleBill:
    number, institution = arguments.bill, arguments.institution
    fees = tuple(_fee(f"--fee {text}", text) for text in arguments.fee)
    if arguments.bill_file is not None:
        path = Path(arguments.bill_file)
        fees += _csv_fees(path) if path.suffix == ".csv" else _toml_fees(path)
    if not fees:
        raise UsageError(f"a bill has fees: --fee, or --bill-file; {_EXAMPLE}")
    return SettleBill(number, fees, institution)


def _fee(where: str, text: str) -> Fee:
    match = _FEE.fullmatch(text)
    if match is None:
        raise UsageError(f"{where}: {_EXAMPLE}")
    return Fee(match[1], _KINDS[match[3] or "covered"], fen(match[2]))


def _csv_fees(path: Path) -> tuple[Fee, ...]:
    """Lines of name, amount in yuan, kind."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = [line for line in csv.reader(file) if line]
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path}: this is no CSV: {error}") from error
    return tuple(_line(f"{path}, line {number}", line) for number, line in enumerate(lines, 1))


def _line(where: str, line: list[str]) -> Fee:
    if len(line) != 3:
        raise UsageError(f"{where}: name, amount and kind, with commas between")
    name, amount, kind = (part.strip() for part in line)
    return _fee(where, f"{name}={amount}:{kind}")


def _toml_fees(path: Path) -> tuple[Fee, ...]:
    """A table `fees` of name = "12.34:covered"."""
    fees = read_tables(path).get("fees")
    if not isinstance(fees, dict):
        raise UsageError(f'{path}: a table [fees] is missing; its lines are name = "12.34:covered"')
    return tuple(_fee(f"{path}: {name}", f"{name}={text}") for name, text in fees.items())


def conclude_service(writer: Writer, run: ServiceRun) -> None:
    """What a service found and booked."""
    for name, text in (*run.service.items, *run.service.references):
        writer.line(f"  {name}: {text}")
    for name, amount in run.service.amounts:
        writer.line(f"  {name}: {yuan(amount)}")
