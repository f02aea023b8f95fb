"""A comparison in words and as a document."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from cardsim.decode.commands import masked_hex
from cardsim.decode.decoder import state_in_words
from cardsim.decode.documents import lines_data
from cardsim.decode.explain import explain_answer
from cardsim.decode.request import parameters_in_words
from cardsim.iso7816.status import StatusWord
from terminal.compare.comparison import Comparison
from terminal.compare.course import Event, Fallen, Spoken, Started
from terminal.compare.groups import Group, Key
from terminal.compare.judge import Judgement, Right
from terminal.compare.pair import Difference
from terminal.compare.parts import Kind
from terminal.compare.sides import Named
from terminal.compare.standard import Says, Word

FORMAT: Final = "cardterm-diff"
VERSION: Final = 1
_ROW: Final = 32
"""Bytes of an answer in one line."""
_WORD: Final = 4
"""Digits of a status word."""
_INDENT: Final = "    "
_LABELS: Final = ("first ", "second")

Scrub = Callable[[str], str]
Paint = Callable[[str, str], str]


class Report:
    """Words for people.

    Args:
        first, second: the sides.
        scrub: takes keys out of texts.
        paint: puts a text in a colour.
        show_secrets: whether PINs and keys in commands are shown.
    """

    def __init__(self, first: Named, second: Named, scrub: Scrub, paint: Paint, *, show_secrets: bool) -> None:
        self._sides = first, second
        self._scrub = scrub
        self._paint = paint
        self._show_secrets = show_secrets

    def lines(self, comparison: Comparison, verdict: str) -> Iterator[str]:
        """The whole report; the verdict is `passed` or `failed`, or says why the comparison did not come to its end."""
        names = (f"{label}  {side.name}" for label, side in zip(_LABELS, self._sides, strict=True))
        yield from names
        yield f"compared: {comparison.measure.value}"
        if comparison.first is not None:
            yield ""
            yield from self._first(comparison.first)
        for number, group in enumerate(comparison.listed(), 1):
            yield ""
            yield from self._group(number, group, comparison)
        yield from self._rest(comparison)
        yield ""
        yield from self._summary(comparison, verdict)

    # --- the first difference ----------------------------------------------------------------------------------

    def _first(self, found: Difference) -> Iterator[str]:
        where = found.place + (f", step {found.step + 1}" if found.step >= 0 else "")
        yield self._paint("FIRST DIFFERENCE", "bold") + f"  {where}"
        yield from self.example(found)

    def example(self, found: Difference) -> Iterator[str]:
        """A difference side by side."""
        spoken = found.spoken
        if spoken is not None:
            yield f"{_INDENT}{self._paint(spoken.name, 'cyan')}  {parameters_in_words(spoken.before, spoken.command)}"
            yield f"{_INDENT}state   {state_in_words(spoken.before)}"
            yield f"{_INDENT}sent    {self._command(spoken)}"
        yield from self._answers(found)
        yield f"{_INDENT}{found.part.title}: {self._scrub(found.part.first)}  /  {self._scrub(found.part.second)}"

    def _command(self, spoken: Spoken) -> str:
        environment = spoken.before.environment
        return self._scrub(masked_hex(environment, spoken.command, show_secrets=self._show_secrets))

    def _answers(self, found: Difference) -> Iterator[str]:
        """Both answers in hex, the bytes in which they differ marked; of long ones the rows that differ."""
        shown = [self._scrub(answer_hex(event)) for event in (found.first, found.second)]
        if not all(isinstance(event, Spoken | Started) for event in (found.first, found.second)):
            for label, event, text in zip(_LABELS, (found.first, found.second), shown, strict=True):
                yield f"{_INDENT}{label}  {event.words if isinstance(event, Fallen) else text}"
            return
        if found.part.kind is Kind.STATUS:
            rows = [_ending(text) for text in shown]
            yield from (f"{_INDENT}{label}  {row}" for label, row in zip(_LABELS, rows, strict=True))
            if all(len(row) == _WORD for row in rows):
                yield f"{_INDENT}        {self._paint(_marks(*rows), 'red')}"
            return
        size = 2 * _ROW
        for at in range(0, max(map(len, shown)), size):
            rows = [text[at : at + size] for text in shown]
            marks = _marks(*rows)
            if not marks:
                continue
            place = f"  (from byte {at // 2 + 1} on)" if at else ""
            yield f"{_INDENT}{_LABELS[0]}  {rows[0]}{place}"
            yield f"{_INDENT}{_LABELS[1]}  {rows[1]}"
            yield f"{_INDENT}        {self._paint(marks, 'red')}"

    # --- groups ------------------------------------------------------------------------------------------------

    def _group(self, number: int, group: Group, comparison: Comparison) -> Iterator[str]:
        reason = comparison.reason(group)
        sign = self._paint("·", "yellow") if reason else self._paint("✗", "red")
        times = f"{group.count} times" if group.count != 1 else "once"
        yield f"{sign} {number}. {self._paint(title_of(group.key), 'bold')}  {times}"
        if reason:
            yield f"{_INDENT}accepted: {reason}"
        if group.example is not comparison.first:
            where = f", step {group.example.step + 1}" if group.example.step >= 0 else ""
            yield f"{_INDENT}first at {group.example.place}{where}"
            yield from self.example(group.example)
        if len(group.states) > 1:
            yield f"{_INDENT}seen in: {'; '.join(state_in_words(state) for state in group.states)}"
        judgement = comparison.judgement(group)
        colour = "yellow" if judgement.right in (Right.BOTH, Right.OPEN, Right.UNKNOWN) else "green"
        yield f"{_INDENT}{self._paint(judgement.right.value, colour)}: {self._scrub(judgement.reason)}"
        yield from written_lines(judgement.says)

    def _rest(self, comparison: Comparison) -> Iterator[str]:
        causes = comparison.causes()
        if causes:
            yield ""
            yield "differences that may share their cause"
            yield from (f"{_INDENT}{cause}: {', '.join(map(str, numbers))}" for cause, numbers in causes.items())
        contents, followers = comparison.contents(), comparison.followers()
        followed = sum(group.followed for group in comparison.groups.all())
        if contents:
            yield ""
            yield f"content alone (other holder, keys or random numbers), not counted: {len(contents)} kinds"
            for group in contents:
                yield f"{_INDENT}{title_of(group.key)}  {group.count + group.followed} times"
        if followed:
            yield ""
            more = f", {len(followers)} kinds were seen nowhere else" if followers else ""
            yield f"{followed} more came after the cards had parted, and may follow from that{more}"
        for entry in comparison.unused():
            yield f"not seen: accepted difference ({entry})"

    def _summary(self, comparison: Comparison, verdict: str) -> Iterator[str]:
        figures, listed = comparison.figures, comparison.listed()
        speed = figures.commands / figures.seconds if figures.seconds else 0.0
        yield f"{figures.commands:,} commands in {figures.programs:,} sequences, {speed:,.0f}/s on both"
        for count, words in (
            (figures.left_out, "steps or cases were left out: they could not be computed, or could spend the card"),
            (figures.skipped, "recorded commands were not sent: no key file tells their secret, or another slot's"),
        ):
            if count:
                yield f"{count:,} {words}"
        accepted = sum(bool(comparison.reason(group)) for group in listed)
        counted = f"{len(listed)} kind{'s' if len(listed) != 1 else ''} of difference, {accepted} accepted"
        colour = {"passed": "green", "failed": "red"}.get(verdict, "yellow")
        yield f"{self._paint(verdict.upper(), colour)}   {counted}"


def answer_hex(event: Event) -> str:
    """What came, in hex."""
    match event:
        case Spoken():
            return event.answer.hex().upper()
        case Started():
            return event.atr.hex().upper()
        case Fallen():
            return ""


def _ending(text: str) -> str:
    """An answer whose status word is what counts: its data shortened."""
    data, word = text[:-4], text[-4:]
    shown = data if len(data) <= _ROW else f"{data[: _ROW - 8]}…{data[-8:]}"
    return f"{shown} {word}".strip()


def _marks(first: str, second: str) -> str:
    """`^^` below each byte that differs."""
    size = max(len(first), len(second))
    pairs = [first[at : at + 2] != second[at : at + 2] for at in range(0, size, 2)]
    return "".join("^^" if pair else "  " for pair in pairs).rstrip()


def title_of(key: Key) -> str:
    """A group in a few words."""
    where = "" if key.command == "reset" else f" in {key.environment.name}"
    stage = f", {key.stage.value}" if key.stage.value != "no transaction" else ""
    values = f" {key.first} / {key.second}" if key.first or key.second else ""
    blocked = ", blocked" if key.blocked else ""
    part = key.kind.value if not key.part else f"{key.kind.value} of {key.part}"
    return f"{key.command}{where}{stage}{blocked}: {part}{values}"


def written_lines(written: Says) -> Iterator[str]:
    """What the standard says, line by line."""
    if written.clause:
        yield f"{_INDENT}the standard: {written.clause}"
    for word in written.words:
        yield f"{_INDENT}  {word_text(word)}"
    for item in written.requirements:
        yield f"{_INDENT}  {item.id} ({item.level.value}): {item.statement}"
    if written.cases:
        yield f"{_INDENT}  cases: {', '.join(written.cases)}"


def word_text(word: Word) -> str:
    """A status word and its place in the row."""
    if not word.declared:
        return f"{word.sw:04X}: not among the answers of this command"
    place = f" (error {word.place} in the order of the row)" if word.place else ""
    return f"{word.sw:04X}: {' / '.join(word.causes) or StatusWord(word.sw).meaning}{place}"


# --- the document -------------------------------------------------------------------------------------------------


def document(
    comparison: Comparison, first: Named, second: Named, verdict: str, scrub: Scrub, *, show_secrets: bool
) -> dict[str, Any]:
    """The comparison as a JSON document."""
    figures = comparison.figures
    writer = _Documents(comparison, scrub, show_secrets=show_secrets)
    return {
        "format": FORMAT,
        "version": VERSION,
        "verdict": verdict,
        "first": {"target": first.target.name, "defect": first.defect or ""},
        "second": {"target": second.target.name, "defect": second.defect or ""},
        "measure": comparison.measure.name.lower(),
        "sequences": figures.programs,
        "commands": figures.commands,
        "differences": figures.differences,
        "left_out": figures.left_out,
        "skipped": figures.skipped,
        "seconds": round(figures.seconds, 3),
        "first_difference": None if comparison.first is None else writer.difference(comparison.first),
        "groups": [writer.group(group) for group in comparison.listed()],
        "content": [writer.key(group) for group in comparison.contents()],
        "follows": [writer.key(group) for group in comparison.followers()],
        "unused": [dict(entry.patterns) | {"reason": entry.reason} for entry in comparison.unused()],
    }


class _Documents:
    """The members of the document."""

    def __init__(self, comparison: Comparison, scrub: Scrub, *, show_secrets: bool) -> None:
        self._comparison = comparison
        self._scrub = scrub
        self._show_secrets = show_secrets

    def difference(self, found: Difference) -> dict[str, Any]:
        """A difference with both answers, decoded."""
        spoken = found.spoken
        head: dict[str, Any] = {"place": found.place, "step": found.step + 1, "part": found.part.title}
        if spoken is not None:
            environment = spoken.before.environment
            head |= {
                "command": self._scrub(masked_hex(environment, spoken.command, show_secrets=self._show_secrets)),
                "name": spoken.name,
                "parameters": parameters_in_words(spoken.before, spoken.command),
                "state": state_in_words(spoken.before),
            }
        sides = ((found.first, found.part.first), (found.second, found.part.second))
        return head | {name: self._side(*side) for name, side in zip(("first", "second"), sides, strict=True)}

    def _side(self, event: Event, value: str) -> dict[str, Any]:
        items = []
        if isinstance(event, Spoken):
            items = lines_data(explain_answer(event.environment, event.owner[1], event.answer[:-2]))
        return {"answer": self._scrub(answer_hex(event)), "value": self._scrub(value), "items": items}

    def key(self, group: Group) -> dict[str, Any]:
        """What the differences of a group have in common, and how many there are."""
        key = group.key
        return {
            "command": key.command,
            "environment": key.environment.value,
            "stage": key.stage.value,
            "blocked": key.blocked,
            "kind": key.kind.value,
            "part": key.part,
            "first": key.first,
            "second": key.second,
            "count": group.count,
            "followed": group.followed,
            "states": [state_in_words(state) for state in group.states],
        }

    def group(self, group: Group) -> dict[str, Any]:
        """A group with its example, what is written, and which is right."""
        judgement: Judgement = self._comparison.judgement(group)
        written = judgement.says
        return self.key(group) | {
            "example": self.difference(group.example),
            "right": judgement.right.name.lower(),
            "reason": self._scrub(judgement.reason),
            "cause": judgement.cause,
            "accepted": self._comparison.reason(group),
            "clause": written.clause,
            "words": [
                {"sw": f"{word.sw:04X}", "declared": word.declared, "causes": list(word.causes), "place": word.place}
                for word in written.words
            ],
            "requirements": [{"id": item.id, "statement": item.statement} for item in written.requirements],
            "cases": list(written.cases),
        }


__all__ = ["FORMAT", "VERSION", "Report", "document"]
