"""Ctrl-C during a run: held back until it is looked at, once."""

import os
import signal
import threading

import pytest

from terminal.perso.production.interrupts import Interrupts


def _ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_held_back() -> None:
    """The first one waits for the next look, the second one does not; afterwards all is as before."""
    before = signal.getsignal(signal.SIGINT)
    with Interrupts() as interrupts:
        interrupts.check()
        _ctrl_c()
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()
        with pytest.raises(KeyboardInterrupt):
            _ctrl_c()
    assert signal.getsignal(signal.SIGINT) is before


def test_others_keep_their_handler() -> None:
    """A thread has no signals, and a handler of somebody else stays."""
    found: list[object] = []

    def run() -> None:
        with Interrupts():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interrupts():
            found.append(signal.getsignal(signal.SIGINT))
    finally:
        signal.signal(signal.SIGINT, before)
    assert found == [before, signal.SIG_IGN]
