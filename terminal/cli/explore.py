"""`cardterm explore`: all sequences of an alphabet on a small card, and what holds in all of them."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cardsim.commandline import Exit
from terminal.cli.output import Writer, to_json
from terminal.errors import UsageError, output_path
from terminal.explore.alphabet import Alphabet, alphabet_names, load_alphabet
from terminal.explore.graph import By, write_graph
from terminal.explore.properties import PROPERTIES
from terminal.explore.search import Exploration, Explorer, Limits
from terminal.explore.subject import make_subject
from terminal.explore.words import case_text, document, report, transcript_lines

if TYPE_CHECKING:
    from cardsim.assembly import CardModel


def explore_command(arguments: argparse.Namespace) -> int:
    """Run `cardterm explore`; the exit status."""
    writer = Writer()
    if arguments.list:
        return _list(writer)
    outputs = [_output(arguments, name) for name in ("graph", "save")]
    for name in ("depth", "states"):
        if (given := getattr(arguments, name)) is not None and given < 1:
            raise UsageError(f"--{name} {given}: at least 1")
    alphabet = load_alphabet(arguments.alphabet, tuple(arguments.without))
    image = None if arguments.card is None else Path(arguments.card)
    keys = None if arguments.keys is None else Path(arguments.keys)
    subject = make_subject(alphabet, image, keys, _defect(arguments.defect))
    limits = Limits(arguments.depth, arguments.states, len(PROPERTIES) if arguments.all else 1)
    explorer = Explorer(subject, alphabet, limits, cuts=arguments.cuts)
    interrupted = False
    try:
        explorer.run(_progress())
    except KeyboardInterrupt:
        interrupted = True
    _tell(writer, explorer, arguments)
    found = explorer.found
    graph, save = outputs
    if graph is not None:
        _write(graph, lambda path: write_graph(path, found, By(arguments.by)))
    if save is not None and found.violations:
        _write(save, lambda path: path.write_text(case_text(alphabet, found.violations[0]), encoding="utf-8"))
    if interrupted:
        sys.stderr.write("cardterm: interrupted; what was found so far is above\n")
        return Exit.INTERRUPTED
    return Exit.FAILED if found.violations else Exit.OK


def _tell(writer: Writer, explorer: Explorer, arguments: argparse.Namespace) -> None:
    found: Exploration = explorer.found
    transcripts = [
        transcript_lines(explorer.path_of(one), one.transition.before, show_secrets=arguments.show_secrets)
        for one in found.violations
    ]
    if arguments.json:
        writer.line(to_json(document(found, transcripts)))
        return
    for line, colour in report(found, transcripts):
        writer.line(writer.paint(line, colour) if colour else line)


def _list(writer: Writer) -> int:
    for name in alphabet_names():
        alphabet: Alphabet = load_alphabet(name)
        writer.line(writer.paint(name, "bold") + f"  begins where: {alphabet.title}")
        for letter in alphabet.letters:
            part = f"  [{letter.part}]" if letter.part else ""
            bound = "" if letter.at_most is None else f"  (at most {letter.at_most} times)"
            writer.line(f"    {letter.name:<20} {letter.title}{part}{bound}")
    return Exit.OK


def _defect(name: str | None) -> "Callable[[CardModel], None] | None":
    """What puts a named defect into the card."""
    if name is None:
        return None
    from cardsim.defects import DefectError, apply_defect, find_defect

    try:
        defect = find_defect(name)
    except DefectError as error:
        raise UsageError(str(error)) from error

    def prepare(card: "CardModel") -> None:
        try:
            apply_defect(card, defect)
        except DefectError as error:
            raise UsageError(str(error)) from error

    return prepare


def _output(arguments: argparse.Namespace, name: str) -> Path | None:
    """The path of a file that is to be written; what cannot be written is told before the run."""
    given = getattr(arguments, name)
    if given is None:
        return None
    path = output_path(given, arguments.card, arguments.keys, arguments.alphabet)
    if path.is_dir() or not path.parent.is_dir():
        raise UsageError(f"--{name} {path}: it is a folder, or its folder is not there")
    if name == "graph" and path.suffix not in (".svg", ".dot"):
        raise UsageError(f"--graph {path}: name a file that ends in .svg or .dot")
    return path


def _write(path: Path, write: Callable[[Path], object]) -> None:
    try:
        write(path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error


def _progress() -> Callable[[Exploration], None] | None:
    """A line on standard error that is written over; nothing where nobody looks."""
    if not sys.stderr.isatty():
        return None

    def show(found: Exploration) -> None:
        rate = found.transitions / found.seconds if found.seconds else 0.0
        text = f"{len(found.states):,} states, {found.transitions:,} transitions, depth {found.depth}, {rate:,.0f}/s"
        sys.stderr.write("\r\x1b[K" + text[:78])
        sys.stderr.flush()

    return show
