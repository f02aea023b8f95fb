"""What was found, in words: lines for people, one JSON document, and a conformance case for a counter-example."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from cardsim.decode import Environment
from cardsim.decode.commands import command_name, masked_hex
from cardsim.iso7816.status import StatusWord
from terminal.explore.alphabet import DIRECTIVES, Alphabet, Ground
from terminal.explore.properties import PROPERTIES
from terminal.explore.search import Exploration, Violation, named
from terminal.explore.states import State, is_payment
from terminal.explore.tree import Exchange

FORMAT: Final = "cardterm-explore"
VERSION: Final = 1


def letters_of(violation: Violation) -> list[str]:
    """The letters of a shortest path that shows a broken property, the last one included."""
    last = violation.transition
    return [*(named(state.via, state.cut) for state in last.before.path()[1:]), named(last.letter, last.cut)]


def scope(found: Exploration) -> str:
    """How much was seen, in one sentence."""
    letters = len(found.alphabet.letters)
    cuts = ", and with the power cut at each page program" if found.cuts else ""
    if found.complete:
        return f"complete: each of {letters} letters in each state{cuts}"
    return f"not complete ({found.ended or 'interrupted'}): all sequences of {letters} letters as far as it went{cuts}"


def lives_of(found: Exploration) -> dict[str, int]:
    """Number of states in each state of the life cycle, in the order in which they were reached."""
    return dict(Counter(str(state.life) for state in found.states))


def report(found: Exploration, transcripts: list[list[str]]) -> Iterator[tuple[str, str]]:
    """Lines for people, each with the colour it is painted in."""
    rate = found.transitions / found.seconds if found.seconds else 0.0
    yield f"{found.alphabet.name}: {found.alphabet.title}", "bold"
    yield f"  {scope(found)}", ""
    yield f"  {len(found.states):,} states, {found.contents:,} contents of the memory, longest path {found.depth}", ""
    yield f"  {found.transitions:,} transitions, {found.commands:,} commands", ""
    yield f"  {found.seconds:.1f} s, {rate:,.0f} transitions a second", "dim"
    for life, count in lives_of(found).items():
        yield f"    {count:>8,}  {life}", "dim"
    broken = {violation.broken.name: violation for violation in found.violations}
    for one in PROPERTIES:
        if one.cuts and not found.cuts:
            yield f"· {one.name:<14} {one.sentence}: not looked at, --cuts does", "dim"
        elif one.name not in broken:
            yield f"✓ {one.name:<14} {one.sentence}  [{one.shows}]", "green"
    for violation, transcript in zip(found.violations, transcripts, strict=True):
        one = violation.broken
        yield f"✗ {one.name:<14} {one.sentence}  [{one.shows}]", "red"
        yield f"    {violation.what}", "red"
        yield f"    shortest path, {violation.length} letters:", ""
        for line in transcript:
            yield f"      {line}", ""


def transcript_lines(steps: list[tuple[str, list[Exchange]]], first: State, *, show_secrets: bool) -> list[str]:
    """A path as a transcript: each letter, its commands and their answers."""
    lines: list[str] = []
    for number, (letter, exchanges) in enumerate(steps, 1):
        lines.append(f"{number}. {letter}")
        for one in exchanges:
            if not one.command:
                lines.append(f"     reset ← {one.answer.hex().upper()}")
                continue
            environment = _environment(one.before, first)
            shown = masked_hex(environment, one.command, show_secrets=show_secrets)
            lines.append(f"     → {shown}   {command_name(environment, one.command)}")
            meaning = StatusWord(one.sw).meaning if one.answer else "no answer"
            lines.append(f"     ← {one.answer.hex().upper()}   {meaning}")
    return lines


def _environment(fid: str | None, last: State) -> Environment:
    """Whose table names a command."""
    if fid is None:
        return Environment.CARD
    known = last.life.environments.get(fid)
    return Environment.PSE if known is not None and is_payment(known) else Environment.SSSE


# --- JSON ------------------------------------------------------------------------------------------------------------


def document(found: Exploration, transcripts: list[list[str]]) -> dict[str, object]:
    """The JSON document of `--json`."""
    broken = {violation.broken.name for violation in found.violations}
    return {
        "format": FORMAT,
        "version": VERSION,
        "verdict": "failed" if broken else "passed" if found.complete else "incomplete",
        "alphabet": found.alphabet.name,
        "letters": [letter.name for letter in found.alphabet.letters],
        "cuts": found.cuts,
        "complete": found.complete,
        "ended": found.ended,
        "states": len(found.states),
        "contents": found.contents,
        "transitions": found.transitions,
        "commands": found.commands,
        "longest_path": found.depth,
        "seconds": round(found.seconds, 3),
        "life_cycle": lives_of(found),
        "properties": [
            {"name": one.name, "sentence": one.sentence, "shows": one.shows, "holds": one.name not in broken}
            for one in PROPERTIES
            if found.cuts or not one.cuts
        ],
        "violations": [
            {
                "property": violation.broken.name,
                "what": violation.what,
                "path": letters_of(violation),
                "transcript": transcript,
            }
            for violation, transcript in zip(found.violations, transcripts, strict=True)
        ],
    }


# --- a conformance case ----------------------------------------------------------------------------------------------


def case_text(alphabet: Alphabet, violation: Violation) -> str:
    """A case file that shows a broken property: the words of the alphabet, and a case that does the path.

    A power cut becomes `cut`, the letter, `mend` and `reset`. Where the property knows which answer is right, the case
    expects it; otherwise a comment says what was found, and the last line is to be written.
    """
    path, last = violation.transition.before.path()[1:], violation.transition
    steps = [*((state.via, state.cut) for state in path), (last.letter, last.cut)]
    model = alphabet.ground is Ground.VIRGIN or any(cut is not None for _, cut in steps)
    one = violation.broken
    lines = [f"# {one.name}: {violation.what}", "group EXPLORE", "", f"case EXPLORE-{one.name.upper()}"]
    lines += [f"    {one.sentence}.", f"    needs {_needs(alphabet)}", *(["    marks model"] if model else [])]
    lines += ["    state start", *(["    new-card", "    reset"] if alphabet.ground is Ground.VIRGIN else [])]
    for letter, cut in steps:
        lines += [f"    {letter}"] if cut is None else [f"    cut {cut}", f"    {letter}", "    mend", "    reset"]
    answer = last.exchanges[-1].answer[-2:].hex().upper() if last.exchanges else ""
    lines += [f"    # the card's last answer ends with {answer or 'nothing'}"]
    lines += [f"    < {one.wanted}"] if one.wanted else []
    return "\n".join(lines) + "\n\n" + _without_directives(alphabet)


def _needs(alphabet: Alphabet) -> str:
    return "ssse" if alphabet.ground is Ground.FINISHED else "blank own-management"


def _without_directives(alphabet: Alphabet) -> str:
    """The text of the alphabet as words of a case file."""
    kept = [line for line in alphabet.text.splitlines() if not line.split()[:1] or line.split()[0] not in DIRECTIVES]
    return "\n".join(kept) + "\n"
