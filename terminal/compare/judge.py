"""Which of two answers is right, and why: by the case that asks, by the row, by a clean model, by an open choice."""

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from cardsim.decode import Environment
from terminal.compare.cases import Ended
from terminal.compare.course import Course, Event, Speaker, Spoken
from terminal.compare.pair import Difference
from terminal.compare.parts import Kind, Measure, parts_of
from terminal.compare.sides import Named
from terminal.compare.standard import Says, Word, says
from terminal.conformance.results import Result, Verdict
from terminal.fuzz.facts import learn
from terminal.fuzz.plan import subjects_of
from terminal.fuzz.sequence import Sequence
from terminal.fuzz.subject import Subject

if TYPE_CHECKING:
    from cardsim.assembly import CardModel
    from cardsim.pse.choices import OpenChoice


class Right(enum.Enum):
    """Which of the two is right."""

    FIRST = "the first is right"
    SECOND = "the second is right"
    BOTH = "both are allowed"
    NEITHER = "neither is right"
    OPEN = "an open choice: both readings are allowed"
    UNKNOWN = "not decided"


@dataclass(frozen=True, slots=True)
class Judgement:
    """Which is right, why, and what is written. `cause` is what groups of one cause share, where that can be told."""

    right: Right
    reason: str
    says: Says
    cause: str = ""


_UNEQUAL: Final = {(True, False): Right.FIRST, (False, True): Right.SECOND}


class Reference:
    """A clean model of an image, which is given the same steps.

    Args:
        side: the side whose image it is.
        seed: of the run.
        other: whether neither side is that model itself.
    """

    def __init__(self, side: Named, seed: int) -> None:
        self.name: Final = side.target.name
        self._plan: Final = Named(side.card, side.psam, side.keys).plan(seed)
        self._speakers: dict[str, Speaker] = {}
        self._otherwise: dict[int, Speaker] = {}

    def course(self, sequence: Sequence) -> Course | None:
        """What the model says; None where it has no such start."""
        speaker = self._speakers.get(sequence.start)
        if speaker is None:
            subject = self._subject(sequence.start)
            if subject is None:
                return None
            learn(subject)
            speaker = self._speakers[sequence.start] = Speaker(subject)
        return speaker.run(sequence).course()

    def _subject(self, start: str) -> Subject | None:
        return subjects_of(self._plan.near([start]), None).get(start)

    def otherwise(self, sequence: Sequence) -> Iterator[tuple["OpenChoice", Course]]:
        """What the model says where one of its open choices is the other one."""
        from cardsim.pse.choices import OPEN_CHOICES

        if sequence.start != "card":
            return
        for question in OPEN_CHOICES:
            for setting in question.settings[1:]:
                speaker = self._otherwise.get(setting.choice)
                if speaker is None:
                    subject = self._subject(sequence.start)
                    if subject is None:
                        return
                    speaker = self._otherwise[setting.choice] = Speaker(_with_choice(subject, int(setting.choice)))
                yield question, speaker.run(sequence).course()


def _with_choice(subject: Subject, choice: int) -> Subject:
    """The same card with an open choice turned over."""
    from cardsim.defects.defect import Defect, Side, on_pse, put
    from cardsim.defects.registry import apply_defect

    turned = on_pse(lambda pse: put(pse, "choices", pse.choices ^ choice))
    model = cast("CardModel", subject.card)
    model.power_off()
    apply_defect(model, Defect("open-choice", "an open choice is the other one", "", Side.PSE, turned))
    other = Subject(model, subject.keys, model, subject.slot)
    learn(other)
    return other


class Judge:
    """Judges the first difference of each group.

    Args:
        first, second: the sides.
        reference: a clean model, where an image was named.
    """

    lasting = False
    """Whether the cards keep what they are told, so that a model which begins anew cannot decide."""

    def __init__(self, first: Named, second: Named, reference: Reference | None) -> None:
        self._sides = first, second
        self._reference = reference

    def judge_case(self, found: Difference, ended: Ended, measure: Measure) -> Judgement:
        """Judge a difference of a conformance case."""
        deciding = measure is not Measure.FORM and not self.lasting
        first, second = (side.clean and deciding for side in self._sides)
        return judge_case(found, ended, (first, second))

    def judge(self, found: Difference, sequence: Sequence, measure: Measure) -> Judgement:
        """Judge a difference of a sequence."""
        written = says(found)
        if found.part.kind is Kind.CONTENT:
            return Judgement(Right.BOTH, "the cards have other holders, keys or random numbers", written)
        if measure is not Measure.FORM and not self.lasting:
            question = self._open(found, sequence, measure)
            if question is not None:
                answer = f"{question.number}: {question.question} {question.evidence}"
                return Judgement(Right.OPEN, f"{answer} (docs/pboc-choices.md)", written, question.number)
        return self._by_row(found, written) or self._by_model(found, sequence, measure, written)

    def _by_row(self, found: Difference, written: Says) -> Judgement | None:
        """A status word that no row declares is wrong whatever the card holds."""
        if found.part.kind is not Kind.STATUS or not written.clause:
            return None
        words = [_word_of(event, written) for event in (found.first, found.second)]
        known = tuple(word is not None and word.declared for word in words)
        right = _UNEQUAL.get((known[0], known[1]))
        if right is None:
            return None
        wrong = words[0] if right is Right.SECOND else words[1]
        assert wrong is not None
        return Judgement(right, f"the row of the command has no {wrong.sw:04X}", written)

    def _by_model(self, found: Difference, sequence: Sequence, measure: Measure, written: Says) -> Judgement:
        if self._reference is None:
            return Judgement(Right.UNKNOWN, "no image was named, so no clean model could be asked", written)
        if all(side.clean for side in self._sides):
            reason = "both are models of this program; the images differ in profile, content or keys"
            return Judgement(Right.UNKNOWN, reason, written)
        if measure is Measure.FORM:
            reason = "the row has both; which one is due depends on what the card holds"
            return Judgement(Right.UNKNOWN, reason, written)
        if self.lasting:
            return Judgement(Right.UNKNOWN, self._alive(found, written), written)
        event = _event_at(self._reference.course(sequence), found)
        if event is None:
            return Judgement(Right.UNKNOWN, "the clean model does not come to this step", written)
        equal = tuple(not _differs(event, side, found, measure) for side in (found.first, found.second))
        who = f"the clean model of {self._reference.name}"
        if equal == (False, False):
            return Judgement(Right.NEITHER, f"{who} answers {_answer(event)}", written)
        right = _UNEQUAL.get((equal[0], equal[1]), Right.UNKNOWN)
        return Judgement(right, f"{who} answers so{_because(event, written)}", written, cause_of(right, found, written))

    def _alive(self, found: Difference, written: Says) -> str:
        """What can be said of cards that live on: what the model beside the other card answers, and why."""
        both = zip(self._sides, (found.first, found.second), ("first", "second"), strict=True)
        event, name = next(((event, name) for side, event, name in both if side.clean), (None, ""))
        if event is None:
            return "neither is a clean model"
        return f"the {name} is the clean model{_because(event, written)}; the other may hold something older"

    def _open(self, found: Difference, sequence: Sequence, measure: Measure) -> "OpenChoice | None":
        """The open choice whose other reading answers as the side that is not the clean model."""
        spoken = found.spoken
        if self._reference is None or spoken is None or spoken.environment is not Environment.PSE:
            return None
        ordinary = _event_at(self._reference.course(sequence), found)
        if ordinary is None:
            return None
        sides = [side for side in (found.first, found.second) if _differs(ordinary, side, found, measure)]
        if len(sides) != 1:
            return None
        for question, course in self._reference.otherwise(sequence):
            event = _event_at(course, found)
            if event is not None and not parts_of(event, sides[0], measure):
                return question
        return None


def judge_case(found: Difference, ended: Ended, clean: tuple[bool, bool]) -> Judgement:
    """Judge a difference that was seen in a conformance case: it says which answers are allowed.

    Args:
        found: the difference.
        ended: how the case ended on both cards.
        clean: which sides are clean models, where that can decide what the case does not ask for.
    """
    case, written = ended.case, says(found)
    first, second = _passed(ended.first), _passed(ended.second)
    if first is not second:
        wrong = ended.second if first else ended.first
        reason = f"case {case.id} passes there: {case.title}{_expected(wrong)}"
        right = _UNEQUAL[first, second]
        return Judgement(right, reason, written, cause_of(right, found, written))
    if first and clean in _UNEQUAL and found.part.kind is not Kind.CONTENT:
        right = _UNEQUAL[clean]
        reason = f"it is the clean model; case {case.id} does not ask for it"
        return Judgement(right, reason, written, cause_of(right, found, written))
    right, what = (Right.BOTH, "allows both") if first else (Right.NEITHER, "fails on both")
    return Judgement(right, f"case {case.id} {what}: {case.title}", written)


def _passed(result: Result) -> bool:
    return result.verdict is Verdict.PASSED


def _expected(result: Result) -> str:
    difference = result.difference
    if difference is None:
        return f" ({result.reason})" if result.reason else ""
    return f" (expected {difference.expected})" if difference.expected else f" ({difference.meaning})"


def _word_of(event: Event, written: Says) -> Word | None:
    if not isinstance(event, Spoken):
        return None
    return next((word for word in written.words if word.sw == event.sw), None)


def _event_at(course: Course | None, found: Difference) -> Event | None:
    """What the model has said where the others differ."""
    events = [] if course is None else course.steps().get(found.step, [])
    return events[0] if events else None


def _differs(event: Event, side: Event, found: Difference, measure: Measure) -> bool:
    """Whether an answer differs from the model's in the part that is judged."""
    parts = parts_of(event, side, measure)
    return any(part.kind is found.part.kind and part.name == found.part.name for part in parts)


def _answer(event: Event) -> str:
    return event.answer.hex().upper() if isinstance(event, Spoken) else "otherwise"


def cause_of(right: Right, found: Difference, written: Says) -> str:
    """The fault that the right card has seen and the other one has not, or the other way round; in words of the row."""
    if found.part.kind is not Kind.STATUS or right not in (Right.FIRST, Right.SECOND):
        return ""
    events = (found.first, found.second) if right is Right.FIRST else (found.second, found.first)
    for event, sign in zip(events, ("", "wrongly: "), strict=True):
        word = _word_of(event, written)
        if word is not None and word.causes and word.place:
            return f"{sign}{word.sw:04X} {word.causes[0]}"
    return ""


def _because(event: Event, written: Says) -> str:
    """Why the model answers so: the cause of its status word in the row."""
    word = _word_of(event, written)
    if word is None or not word.causes:
        return ""
    place = f"error {word.place} in their order, " if word.place else ""
    return f": {place}{' / '.join(word.causes)}"


def reference_of(first: Named, second: Named, seed: int) -> Reference | None:
    """The clean model that decides: of the image of a clean side, or else of the first image."""
    images = [side for side in (first, second) if side.target.image is not None]
    chosen = next((side for side in images if side.clean), images[0] if images else None)
    return None if chosen is None else Reference(chosen, seed)


__all__ = ["Judge", "Judgement", "Reference", "Right", "judge_case", "reference_of"]
