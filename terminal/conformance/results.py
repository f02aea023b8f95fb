"""What a run yields: a verdict for each case, with the transcript that proves it."""

import enum
from dataclasses import dataclass, field

from terminal.conformance.case import Case, Place


class Verdict(enum.Enum):
    """Outcome of one case."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not applicable"
    """The profile says that the card does not support what the case needs."""
    NOT_OBSERVABLE = "not observable"
    """The reader hides what the case looks at (D33)."""
    SKIPPED = "skipped"
    """Left out by an option, or needs a model or a destructive run."""
    ERROR = "error"
    """The case could not be run: a key is missing, the card went mute, the reader disappeared."""


@dataclass(frozen=True, slots=True)
class Line:
    """One exchange of the transcript. Secret data are masked in `command` unless the user asked for them."""

    place: str
    name: str
    command: str
    answer: str
    seconds: float
    slot: str = "card"
    """`card`, or `psam` for what went to the other slot."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What was expected beside what came: pattern, answer, the byte where they part, both in words."""

    place: Place
    expected: str
    received: str
    offset: int
    wanted: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Result:
    """One case on one target."""

    case: Case
    verdict: Verdict
    reason: str = ""
    difference: Difference | None = None
    transcript: tuple[Line, ...] = field(default=())
    seconds: float = 0.0
    weak: bool = False
    """Every requirement that it shows rests on single or derived evidence (D31)."""
