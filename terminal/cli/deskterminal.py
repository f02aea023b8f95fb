"""The words of `cardterm desk terminal`: downloads, and what can be seen of a terminal."""

import argparse
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from cardsim.resources import resource
from terminal.cli.deskresult import Done, Row, file_text
from terminal.cli.financial import update_key
from terminal.downloads import TerminalData, install, installed, sealed
from terminal.errors import UsageError
from terminal.storage import FileStorage
from terminal.terminals import BUILT_IN, built_in


def _storage(arguments: argparse.Namespace) -> FileStorage:
    if arguments.storage is None:
        raise UsageError("name the terminal's storage: --storage FILE")
    return FileStorage(Path(arguments.storage))


def _seal(arguments: argparse.Namespace, _: datetime) -> Done:
    if not re.fullmatch(r"[0-9]{1,9}", arguments.number):
        raise UsageError(f"{arguments.number}: the number of a download has up to nine digits")
    name = arguments.file
    ours = resource("terminals", f"{name}.toml")
    text = ours.read_text(encoding="utf-8") if name in BUILT_IN else file_text(name)
    return Done(text=sealed(text, int(arguments.number), update_key(arguments.update_key)))


def _install(arguments: argparse.Namespace, _: datetime) -> Done:
    new = install(_storage(arguments), file_text(arguments.file), update_key(arguments.update_key))
    return Done(({"installed": new.version, "terminal": new.terminal.parameters.terminal_id},))


def _show(arguments: argparse.Namespace, now: datetime) -> Done:
    storage = _storage(arguments)
    found = installed(storage, update_key(arguments.update_key))
    data = TerminalData(built_in("pos") if found is None else found.terminal, storage, now)
    if arguments.name is None:
        return Done(tuple({"name": name, "records": len(data.read(name))} for name in data.names))
    rows: list[Row] = [{"record": key, **content} for key, content in data.read(arguments.name)]
    return Done(tuple(rows))


TERMINAL_WORDS: Final[Mapping[str, Callable[[argparse.Namespace, datetime], Done]]] = {
    "seal": _seal,
    "install": _install,
    "show": _show,
}
