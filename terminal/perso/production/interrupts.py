"""Ctrl-C while a run is at work."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Self


class Interrupts:
    """Holds Ctrl-C back until the run looks, between two cards: an exception anywhere could leave a book half written.

    A second Ctrl-C ends at once.
    """

    def __init__(self) -> None:
        self._came = False
        self._held = False

    def __enter__(self) -> Self:
        ours = threading.current_thread() is threading.main_thread()
        if ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._note)
            self._held = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._held:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        if self._came:
            raise KeyboardInterrupt
        self._came = True

    def check(self) -> None:
        """Let one that came take effect.

        Raises:
            KeyboardInterrupt: one came.
        """
        if self._came:
            raise KeyboardInterrupt
