"""One case of a run as every report shows it: plain values that travel between processes and into JSON."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from cardsim.decode.explain import explain_answer
from cardsim.decode.session import Session
from cardsim.iso7816.status import StatusWord
from terminal.conformance.reports.secrets import Scrub
from terminal.conformance.results import Difference, Line, Result, Verdict

WEAK: Final = "weak"
"""Verdict of a failure on a physical card whose requirements rest on single or derived evidence (D31)."""

NOT_RUN: Final = "not run"
NO_CASE: Final = "no case"
BAD: Final = frozenset({Verdict.FAILED.value, Verdict.ERROR.value})
RAN: Final = frozenset({Verdict.PASSED.value, Verdict.FAILED.value, Verdict.ERROR.value, WEAK})
ORDER: Final = (
    "failed", "error", WEAK, "passed", "not observable", "skipped", "not applicable", NOT_RUN, NO_CASE,
)  # fmt: skip
"""Verdicts, the strongest first: a requirement gets the strongest of its cases."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The step that went wrong, and what the answer means."""

    place: str
    expected: str
    received: str
    offset: int
    wanted: str
    meaning: str
    decoded: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """One case on one target."""

    id: str
    title: str
    group: str
    place: str
    state: str
    shows: tuple[str, ...]
    needs: tuple[str, ...]
    marks: tuple[str, ...]
    verdict: str
    reason: str
    seconds: float
    transcript: tuple[Line, ...]
    difference: Shown | None

    @property
    def bad(self) -> bool:
        """Whether it makes the run fail."""
        return self.verdict in BAD


def record_of(result: Result, *, lenient: bool, scrub: Scrub) -> Record:
    """A result as a record.

    Args:
        result: what the runner found.
        lenient: a physical card without --strict: weak evidence does not fail it.
        scrub: takes key values out of texts.
    """
    case, verdict = result.case, result.verdict.value
    reason = scrub(result.reason)
    if lenient and result.weak and result.verdict is Verdict.FAILED:
        verdict, reason = WEAK, "rests on single or derived evidence, which fails a physical card with --strict alone"
    transcript = tuple(
        replace(line, command=scrub(line.command), answer=scrub(line.answer)) for line in result.transcript
    )
    return Record(
        case.id,
        case.title,
        case.group,
        str(case.place),
        case.state,
        case.shows,
        case.needs,
        tuple(sorted(mark.value for mark in case.marks)),
        verdict,
        reason,
        round(result.seconds, 6),
        transcript,
        _shown(result.difference, result.transcript, scrub),
    )


def _shown(difference: Difference | None, transcript: tuple[Line, ...], scrub: Scrub) -> Shown | None:
    if difference is None:
        return None
    return Shown(
        str(difference.place),
        scrub(difference.expected),
        scrub(difference.received),
        difference.offset,
        scrub(difference.wanted),
        difference.meaning,
        tuple(scrub(text) for text in _decoded(difference, transcript)),
    )


def _decoded(difference: Difference, transcript: tuple[Line, ...]) -> list[str]:
    """What the answer says in words: its data objects, and the wanted status word beside the one that came."""
    lines: list[str] = []
    answer = _hex(difference.received)
    wanted = difference.wanted.removeprefix("status ")
    if difference.wanted.startswith("status ") and len(answer) >= 2:
        words = [word for word in wanted.split("|") if "?" not in word]
        lines += [f"wanted {word}: {StatusWord(int(word, 16)).meaning}" for word in words]
    session, answered = Session(), b""
    slot = transcript[-1].slot if transcript else ""
    for line in (line for line in transcript if line.slot == slot):
        if line.name == "reset" and not line.command:
            session.reset()
            continue
        session.sent(_hex(line.command))
        answered = _hex(line.answer)
        if len(answered) >= 2:
            session.answered(int.from_bytes(answered[-2:], "big"))
    if len(answer) > 2 and answer[-2:] == answered[-2:]:
        explained = explain_answer(session.environment, session.command, answer[:-2])
        lines += [
            "  " * item.depth
            + f"{item.tag} {item.name} {item.chinese}".strip()
            + (f": {item.text}" if item.text else "")
            for item in explained
        ]
    return lines


def _hex(text: str) -> bytes:
    """Bytes of hex in which masked ones count as 00."""
    try:
        return bytes.fromhex(text.replace("**", "00"))
    except ValueError:
        return b""


def as_json(record: Record) -> dict[str, Any]:
    """The record as it stands in the JSON report."""
    return asdict(record)
