"""Which lines of the model's code a run reaches: guidance that no physical card gives.

On Python 3.12 and later `sys.monitoring` tells each line once and costs nothing afterwards, so every run is looked at.
Python 3.11 has `sys.settrace` alone, which makes a run several times slower: there one run of `EVERY` is looked at, and
functions of which each line was seen are no longer followed (docs/fuzzing.md has the figures).
"""

import contextlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final, Protocol

EVERY: Final = 16
"""With `sys.settrace`, one run of so many is looked at."""
_PARTS: Final = ("chip", "cos", "crypto", "iso7816", "psam", "pse", "ssse")
"""Packages of `cardsim` that a card consists of."""
_TOOL: Final = "cardterm fuzz"


class Coverage(Protocol):
    """Something that knows which lines are new."""

    every: int
    """One run of so many is to be looked at."""

    def watch(self) -> contextlib.AbstractContextManager[None]:
        """Look on while something runs."""

    def take(self) -> frozenset[str]:
        """Lines that were reached for the first time since the last call: `cos/files.py:123`."""


def coverage() -> Coverage:
    """What this version of Python has."""
    return Monitored() if hasattr(sys, "monitoring") else Traced()


class _Lines:
    """The lines of the model's code, and those that are new."""

    def __init__(self) -> None:
        spec = importlib.util.find_spec("cardsim")
        assert spec is not None
        assert spec.origin is not None
        self._root = Path(spec.origin).parent
        self._folders = tuple(f"{self._root / part}/" for part in _PARTS)
        self._new: list[str] = []

    def take(self) -> frozenset[str]:
        """Lines that were reached for the first time since the last call."""
        taken, self._new = frozenset(self._new), []
        return taken

    def _is_ours(self, code: CodeType) -> bool:
        return code.co_filename.startswith(self._folders)

    def _found(self, code: CodeType, line: int) -> None:
        self._new.append(f"{Path(code.co_filename).relative_to(self._root).as_posix()}:{line}")


class Traced(_Lines):
    """Lines by `sys.settrace`."""

    def __init__(self) -> None:
        super().__init__()
        self.every = EVERY
        self._missing: dict[CodeType, set[int]] = {}
        """Lines of each function that were not reached; nothing of those that are none of ours."""

    @contextlib.contextmanager
    def watch(self) -> Iterator[None]:
        """Look on while something runs."""
        before = sys.gettrace()
        sys.settrace(self._called)
        try:
            yield
        finally:
            sys.settrace(before)

    def _called(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        code = frame.f_code
        missing = self._missing.get(code)
        if missing is None:
            lines = {line for _, _, line in code.co_lines() if line} if self._is_ours(code) else set()
            missing = self._missing[code] = lines - {code.co_firstlineno}
        return self._line if missing else None

    def _line(self, frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "line":
            missing = self._missing[frame.f_code]
            if frame.f_lineno in missing:
                missing.remove(frame.f_lineno)
                self._found(frame.f_code, frame.f_lineno)
        return self._line


class Monitored(_Lines):
    """Lines by `sys.monitoring` (PEP 669)."""

    def __init__(self) -> None:
        super().__init__()
        self.every = 1
        self._monitoring: Any = sys.monitoring  # type: ignore[attr-defined, unused-ignore]

    @contextlib.contextmanager
    def watch(self) -> Iterator[None]:
        """Look on while something runs."""
        monitoring = self._monitoring
        tool, event = monitoring.OPTIMIZER_ID, monitoring.events.LINE
        monitoring.use_tool_id(tool, _TOOL)
        try:
            monitoring.register_callback(tool, event, self._reached)
            monitoring.set_events(tool, event)
            yield
        finally:
            monitoring.set_events(tool, 0)
            monitoring.free_tool_id(tool)

    def _reached(self, code: CodeType, line: int) -> Any:
        if self._is_ours(code):
            self._found(code, line)
        return self._monitoring.DISABLE
