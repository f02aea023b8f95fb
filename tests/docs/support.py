"""Runs our commands and tools in this process."""

import contextlib
import importlib.util
import io
import sys
from collections.abc import Iterator
from typing import Any
from unittest import mock

from cardsim.cli.main import main as cardsim
from terminal.cli.main import main as cardterm
from tests.docs.console import ROOT

_PROGRAMS = {"cardsim": cardsim, "cardterm": cardterm}


def run(argv: list[str], stdin: str = "") -> tuple[int, str]:
    """Exit status and standard output of a command."""
    with captured() as output, mock.patch("sys.stdin", io.StringIO(stdin)):
        try:
            status = _PROGRAMS[argv[0]](argv[1:])
        except SystemExit as ended:
            status = int(ended.code or 0)
    return status, output.getvalue()


@contextlib.contextmanager
def captured() -> Iterator[io.StringIO]:
    """Standard output as text."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        yield output


def tool(name: str) -> Any:
    """A program of `tools/`, which is no package; it finds the modules beside it, as when it is run."""
    folder = str(ROOT / "tools")
    if folder not in sys.path:
        sys.path.append(folder)
    spec = importlib.util.spec_from_file_location(f"tool_{name}", ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
