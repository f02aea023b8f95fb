"""What the tests of this folder share: a demo card, a small library of cases, targets with faults, and one call."""

import contextlib
import functools
import io
import os
import shutil
import signal
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cardsim.assembly import CardModel, copy_of
from cardsim.cli.main import main as cardsim
from terminal.cli.main import main as cardterm
from terminal.conformance.library import Library, load
from terminal.conformance.probe import probe
from tests.docs.console import ROOT

_MANY = 1_000_000
_BEHIND_PROBING = 8
"""Commands of the first cases, after which the faulty cards show their fault."""

CASES = """
group GOOD

case GOOD-1
    EF05 is read, its version kept.
    shows REQ-1
    state ssse/EF05
    >> 00 B2 03 04 00
    < 03 04 {version:4} 9000
    check {version} == 332E3030

case GOOD-2
    Le 00 is answered with the length.
    shows REQ-2
    needs t0
    state ssse/EF05
    > 00 B2 01 04 00
    < 6C12

case GOOD-3
    The PIN is right.
    shows REQ-3
    state ssse
    marks writes
    verify

case GOOD-4
    The read key opens EF06.
    state ssse-read
    ef EF06
    >> 00 B2 01 04 00
    < * 9000

case GOOD-5
    The allowed answer is not the recommended one.
    state ssse
    > 00 B2 63 F4 00
    < 6A80
    | 6A82|6A83

group BAD

case BAD-1
    Another version than the card's.
    shows REQ-1, REQ-4
    state ssse/EF05
    >> 00 B2 03 04 00
    < 03 04 322E3030 9000

case BAD-2
    A status word that does not come.
    shows REQ-5
    state ssse/EF05
    >> 00 B2 63 04 00
    < 9000

case BAD-3
    A name that there is not.
    > 00 A4 04 00 {lc} {name nowhere}
    < 9000

group ELSEWHERE

case ELSE-1
    For cards of another suite.
    needs des
    state ssse
    > 00 84 00 00 08
    < * 9000

case ELSE-2
    A cut that only a model can have.
    marks model
    state ssse
    cut 0
    mend
    > 00 84 00 00 08
    < * 9000

case ELSE-3
    Could spend a card.
    marks destructive
    state ssse
    > 00 20 00 00 03 000000
    < 63C?
"""

GOOD = ("GOOD",)


@functools.cache
def library() -> Library:
    """The project's first vocabulary and the cases above: tests do not change when cases are added."""
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "tests.case"
        own.write_text(CASES, encoding="utf8")
        return load([ROOT / "vectors" / "cases" / "0-vocabulary.case", own])


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str


def conform(*words: str | Path) -> Ended:
    """`cardterm conform`, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = cardterm(["conform", *map(str, words)])
        except SystemExit as ended:
            status = int(ended.code or 0)
    return Ended(status, out.getvalue(), err.getvalue())


@functools.cache
def _made() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="conform-"))
    with contextlib.redirect_stdout(io.StringIO()):
        assert cardsim(["new", str(folder / "me.card")]) == 0
    return folder


def new_image(folder: Path) -> Path:
    """A fresh demo card with its key file."""
    for name in ("me.card", "me.card.keys.toml"):
        shutil.copy(_made() / name, folder / name)
    return folder / "me.card"


class Faulty:
    """A card without control that does something else once so many commands were sent."""

    def __init__(self, after: int, fault: Callable[[], bytes], atr: bytes | None = None) -> None:
        self._card: CardModel = copy_of(_made() / "me.card", seed=1)
        self.left, self._fault, self._atr = after, fault, atr

    def power_on(self) -> bytes:
        """The ATR, or what was given as the ATR of a card with a fault."""
        if self.left <= 0 and self._atr is not None:
            return self._atr
        return self._card.power_on()

    def transmit(self, command: bytes) -> bytes:
        """The answer, or the fault."""
        self.left -= 1
        return self._card.transmit(command) if self.left >= 0 else self._fault()

    def power_off(self) -> None:
        """As the card."""
        self._card.power_off()


class Following:
    """A card behind a reader that follows 61xx and 6Cxx by itself."""

    def __init__(self) -> None:
        self._card = copy_of(_made() / "me.card", seed=1)
        self.power_on: Any = self._card.power_on
        self.power_off: Any = self._card.power_off

    def transmit(self, command: bytes) -> bytes:
        """The whole answer."""
        answer = self._card.transmit(command)
        if answer[-2] == 0x6C:
            answer = self._card.transmit(command[:4] + answer[-1:])
        while answer[-2] == 0x61:
            answer = answer[:-2] + self._card.transmit(b"\x00\xc0\x00\x00" + answer[-1:])
        return answer


def _interrupt() -> bytes:
    raise KeyboardInterrupt


def _terminate() -> bytes:
    os.kill(os.getpid(), signal.SIGTERM)
    return b"\x90\x00"


def _gone() -> bytes:
    raise OSError("unplugged")


@functools.cache
def _middle() -> int:
    """So many commands that a run is in its first cases: those of probing, and a few more."""
    card = Faulty(_MANY, bytes)
    probe(card, reader=False)
    return _MANY - card.left + _BEHIND_PROBING


def healthy() -> Faulty:
    """A card without control."""
    return Faulty(_MANY, bytes)


def mute() -> Faulty:
    """Mute from the beginning."""
    return Faulty(0, bytes, b"")


def half() -> Faulty:
    """Goes mute for good in the middle of the run."""
    return Faulty(_middle(), bytes, b"")


def once() -> Faulty:
    """Answers nothing to one command, and to all that follow; the answer to reset still comes."""
    return Faulty(_middle(), bytes)


def unplugged() -> Faulty:
    """Its reader goes away."""
    return Faulty(_middle(), _gone, b"")


def interrupted() -> Faulty:
    """Someone presses Ctrl-C in the middle of the run."""
    return Faulty(_middle(), _interrupt)


def terminated() -> Faulty:
    """SIGTERM in the middle of the run."""
    return Faulty(_middle(), _terminate)
