"""The parts in which two answers to one command differ, in words, and which of them only say that the cards are two.

Two models with the same keys draw the same random numbers, so each byte is compared (`Measure.BYTES`). The same card
seen twice, once through a reader, draws other random numbers (`Measure.CARD`); another holder's card has other data and
keys as well (`Measure.FORM`). What must differ is compared by its form then: data objects and lengths.
"""

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, assert_never

from cardsim.decode import Environment
from cardsim.decode.commands import causes, row_of
from cardsim.decode.explain import Line, explain_answer
from cardsim.iso7816.status import StatusWord
from terminal.compare.course import Event, Fallen, Spoken, Started


class Measure(enum.Enum):
    """How much of two answers must be equal."""

    BYTES = "each byte: models with the same keys and random numbers"
    CARD = "the same card; counters, random numbers, and what is computed from them, by their form"
    FORM = "another card; what its holder, its keys and its random numbers give by its form"


class Kind(enum.Enum):
    """What differs."""

    STATUS = "status word"
    STRUCTURE = "structure"
    """A data object that one answer has and the other has not."""
    LENGTH = "length"
    VALUE = "value"
    ATR = "answer to reset"
    FORM = "form"
    """The same data and status word, which came in other steps (61xx, 6Cxx)."""
    SILENCE = "no answer"
    """One card answers and the other falls silent, falls over, or was cut off by its supply."""
    VERDICT = "verdict"
    """A conformance case ends differently, though no answer was seen to differ."""
    CONTENT = "content"
    """A value that another holder, other keys or other random numbers give; no difference of behaviour."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part that differs.

    Args:
        kind: what differs.
        name: which one: `9F17 PIN try counter`; nothing where the kind says it all.
        first, second: both values in words.
    """

    kind: Kind
    name: str
    first: str
    second: str

    @property
    def title(self) -> str:
        """Kind and name for people."""
        return self.kind.value if not self.name else f"{self.kind.value} of {self.name}"


ANY: Final = ""
DRAWN: Final = frozenset(
    {
        (Environment.CARD, "GET CHALLENGE", ANY),
        (Environment.SSSE, "GET CHALLENGE", ANY),
        (Environment.PSE, "GET CHALLENGE", ANY),
        (Environment.PSAM, "GET CHALLENGE", ANY),
        (Environment.PSE, "INITIALIZE UPDATE", ANY),
        (Environment.PSE, "INTERNAL AUTHENTICATE", ANY),
        (Environment.PSE, "GENERATE AC", "9F4B"),
        (Environment.SSSE, "INITIALIZE FOR LOAD", "random number"),
        (Environment.SSSE, "INITIALIZE FOR LOAD", "MAC1"),
        (Environment.SSSE, "INITIALIZE FOR PURCHASE", "random number"),
        (Environment.SSSE, "CREDIT FOR LOAD", "TAC"),
        (Environment.SSSE, "DEBIT FOR PURCHASE", "TAC"),
        (Environment.SSSE, "DEBIT FOR PURCHASE", "MAC2"),
        (Environment.PSAM, "CIPHER DATA", ANY),
        (Environment.PSAM, "INIT SAM FOR PURCHASE", ANY),
    }
)
"""Environment, row, and tag or name of data objects that are random numbers of the card, or computed from one."""

_COUNTED: Final = frozenset({"9F36", "9F13", "9F26", "9F10", "9F4B", "load sequence", "purchase sequence"})
"""Data objects that count what a card has done, or are computed over such a counter: a card that lives on and a model
do not stand at the same place."""
_DECIDED: Final = {"9F27": slice(None), "9F10": slice(3, 7)}
"""Bytes of data objects that say what the card has decided (kind of cryptogram, CVR): equal whoever the holder is."""
_COMPUTED: Final = frozenset({"9F26", "9F4B", "MAC1", "MAC2", "TAC"})
"""Data objects that are computed over others of the answer: they differ because those do."""
_FIXED: Final = frozenset({Environment.SSSE, Environment.PSAM})
"""Environments whose files have items of fixed lengths (SSC V2 §5.5); those of PSE are as long as the issuer likes."""


def parts_of(first: Event, second: Event, measure: Measure) -> list[Part]:
    """The parts in which two events at one place differ; nothing where they say the same."""
    if isinstance(first, Spoken) and isinstance(second, Spoken):
        return _answers(first, second, measure)
    if isinstance(first, Started) and isinstance(second, Started):
        return _starts(first, second, measure)
    if isinstance(first, Fallen) and isinstance(second, Fallen) and first == second:
        return []
    return [Part(Kind.SILENCE, "", _event(first), _event(second))]


def _event(event: Event) -> str:
    match event:
        case Spoken():
            return status_words(event)
        case Started():
            return "power lost in the command" if event.cut is not None else f"ATR {event.atr.hex().upper()}"
        case Fallen():
            return event.words


def _starts(first: Started, second: Started, measure: Measure) -> list[Part]:
    if first.atr == second.atr:
        return []
    names = first.atr.hex().upper(), second.atr.hex().upper()
    content = measure is Measure.FORM and len(first.atr) == len(second.atr)
    return [Part(Kind.CONTENT if content else Kind.ATR, "ATR" if content else "", *names)]


def status_words(spoken: Spoken) -> str:
    """The status word with what it can mean here."""
    if len(spoken.answer) < 2:
        return "no answer"
    reasons = " / ".join(causes(spoken.environment, spoken.owner[1], spoken.sw))
    return f"{StatusWord(spoken.sw)} {reasons or StatusWord(spoken.sw).meaning}"


def _answers(first: Spoken, second: Spoken, measure: Measure) -> list[Part]:
    one, two = first.answer, second.answer
    if (len(one) < 2) is not (len(two) < 2):
        return [Part(Kind.SILENCE, "", status_words(first), status_words(second))]
    if one[-2:] != two[-2:] and not _content_length(first, second, measure):
        return [Part(Kind.STATUS, "", status_words(first), status_words(second))]
    if one != two:
        return list(_data(first, second, measure))
    if measure is Measure.BYTES and [answer for _, answer in first.passed] != [answer for _, answer in second.passed]:
        return [Part(Kind.FORM, "", _steps(first), _steps(second))]
    return []


def _content_length(first: Spoken, second: Spoken, measure: Measure) -> bool:
    """Whether 61xx and 6Cxx differ in how much there is to fetch, which is the holder's matter in PSE."""
    both = first.answer[-2:-1], second.answer[-2:-1]
    return measure is Measure.FORM and both[0] == both[1] and both[0] in (b"\x61", b"\x6c")


def _steps(spoken: Spoken) -> str:
    return ", ".join(answer[-2:].hex().upper() or "nothing" for _, answer in spoken.passed)


# --- data ---------------------------------------------------------------------------------------------------------


def _data(first: Spoken, second: Spoken, measure: Measure) -> Iterator[Part]:
    left, right = _lines(first), _lines(second)
    shapes = [[(line.depth, line.tag, line.name) for line in lines] for lines in (left, right)]
    if not left and not right:
        yield Part(Kind.CONTENT, "data to be fetched", status_words(first), status_words(second))
        return
    if shapes[0] != shapes[1]:
        yield from _structure(left, right)
        return
    pairs = [
        (one, two) for number, (one, two) in enumerate(zip(left, right, strict=True)) if not _has_parts(left, number)
    ]
    found = [(one, two) for one, two in pairs if one.value != two.value]
    told = [pair for pair in found if not _COMPUTED & {pair[0].tag, pair[0].name}]
    yield from (_value(first, one, two, measure) for one, two in told or found)


def _lines(spoken: Spoken) -> list[Line]:
    return explain_answer(spoken.environment, spoken.owner[1], spoken.answer[:-2])


def _has_parts(lines: list[Line], number: int) -> bool:
    """Whether the lines behind this one stand in it."""
    return number + 1 < len(lines) and lines[number + 1].depth > lines[number].depth


def _structure(left: list[Line], right: list[Line]) -> Iterator[Part]:
    """Data objects that only one of them has; if there are none, their order differs."""
    names = [[item_name(line) for line in lines] for lines in (left, right)]
    only = [name for name in names[0] if name not in names[1]], [name for name in names[1] if name not in names[0]]
    for name in dict.fromkeys(only[0]):
        yield Part(Kind.STRUCTURE, name, "there", "missing")
    for name in dict.fromkeys(only[1]):
        yield Part(Kind.STRUCTURE, name, "missing", "there")
    if not only[0] and not only[1]:
        yield Part(Kind.STRUCTURE, "data objects", " ".join(names[0]), " ".join(names[1]))


def _value(spoken: Spoken, one: Line, two: Line, measure: Measure) -> Part:
    name, same_length = item_name(one), len(one.value) == len(two.value)
    texts = one.text or one.value.hex().upper() or "empty", two.text or two.value.hex().upper() or "empty"
    by_form = _by_form(spoken, one, two, measure)
    if by_form and (same_length or (measure is Measure.FORM and spoken.environment not in _FIXED)):
        return Part(Kind.CONTENT, name, *texts)
    if not same_length:
        return Part(Kind.LENGTH, name, f"{len(one.value)} bytes", f"{len(two.value)} bytes")
    return Part(Kind.VALUE, name, *texts)


def _by_form(spoken: Spoken, one: Line, two: Line, measure: Measure) -> bool:
    """Whether the values may differ."""
    match measure:
        case Measure.BYTES:
            return False
        case Measure.CARD:
            counted = bool(_COUNTED & {one.tag, one.name})
            return is_drawn(spoken, one) or (counted and not _decided(one, two))
        case Measure.FORM:
            return not _decided(one, two)
        case _:
            assert_never(measure)


def _decided(one: Line, two: Line) -> bool:
    """Whether the cards have decided otherwise."""
    which = _DECIDED.get(one.tag)
    return which is not None and one.value[which] != two.value[which]


def is_drawn(spoken: Spoken, line: Line) -> bool:
    """Whether a data object is a random number of the card, or computed from one."""
    row = row_of(spoken.environment, spoken.owner[1][:4])
    if row is None:
        return False
    return any((spoken.environment, row.name, name) in DRAWN for name in (ANY, line.tag, line.name))


def item_name(line: Line) -> str:
    """Tag and name of a data object."""
    return f"{line.tag} {line.name}".strip() or "data"
