"""`cardterm perso psam`: PSAMs are made, registered by person, and listed."""

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cardsim.commandline import Exit
from cardsim.making.samkeys import SamParty
from terminal.cli.output import to_json
from terminal.cli.perso.files import open_workshop
from terminal.errors import UsageError
from terminal.hosts.books import BooksError
from terminal.perso.psam.register import Change, Psam, PsamBooks
from terminal.perso.psam.states import CHECK, PsamChange
from terminal.perso.psam.stores import open_stores
from terminal.perso.psam.works import PsamOffice, PsamWorks, Wanted, image_name
from terminal.perso.workshop import Workshop

FORMAT: Final = "cardterm-psam"
VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Done:
    """PSAMs that it was about, the log of one, and what is overdue or unfinished."""

    psams: tuple[Psam, ...]
    log: tuple[Change, ...] = ()
    problems: tuple[str, ...] = ()


def psam_command(arguments: argparse.Namespace) -> int:
    """Run it; 0."""
    with open_workshop(arguments) as workshop:
        try:
            done = _WORDS[arguments.what](workshop, arguments)
        except BooksError as error:
            raise UsageError(str(error)) from error
    if arguments.json:
        sys.stdout.write(to_json(_document(arguments.what, done), indent=2) + "\n")
    else:
        _tell(done)
    return Exit.OK


def _make(workshop: Workshop, arguments: argparse.Namespace) -> Done:
    standard = Wanted()
    wanted = Wanted(
        arguments.area or standard.area,
        arguments.profile or standard.profile,
        arguments.count,
        arguments.number,
        arguments.serial,
    )
    party = None if arguments.party is None else SamParty(arguments.party)
    orders = not arguments.resume and party in (None, SamParty.BASE)
    waiting = () if orders else PsamOffice(workshop).waiting(party)
    areas = (wanted.area,) if orders else tuple(sorted({psam.area for psam in waiting}))
    works = PsamWorks(workshop, open_stores(workshop, arguments.seed, areas))
    taken = works.order(wanted, arguments.by) if orders else waiting
    if party is None:
        return Done(tuple(works.finish(psam.terminal, arguments.by) for psam in taken))
    return Done(tuple(works.turn(psam.terminal, party, arguments.by) for psam in taken))


def _register(workshop: Workshop, arguments: argparse.Namespace) -> Done:
    def step(books: PsamBooks) -> Psam:
        if arguments.change == CHECK:
            return books.check(arguments.terminal, arguments.by, arguments.note)
        change = PsamChange(arguments.change)
        if change is PsamChange.ISSUE:
            return books.issue(arguments.terminal, arguments.to, arguments.unit, arguments.device, arguments.by)
        return books.change(arguments.terminal, change, arguments.by, arguments.note)

    return Done((PsamOffice(workshop).work(step),))


def _list(workshop: Workshop, arguments: argparse.Namespace) -> Done:
    def step(books: PsamBooks) -> Done:
        if arguments.terminal is None:
            return Done(books.all(), problems=tuple(books.problems()))
        return Done((books.psam(arguments.terminal),), books.log(arguments.terminal))

    return PsamOffice(workshop).work(step)


_WORDS: Final[Mapping[str, Callable[[Workshop, argparse.Namespace], Done]]] = {
    "make": _make,
    "register": _register,
    "list": _list,
}


def _tell(done: Done) -> None:
    lines = []
    for psam in done.psams:
        waits = "" if psam.next_party is None else f", waits for the {psam.next_party.value} party"
        holder = f", {psam.holder} of {psam.unit} for {psam.device}" if psam.holder else ""
        lines.append(f"{psam.terminal}  {psam.state.value} since {psam.since}{waits}{holder}")
        lines += [
            f"  {level.party.value}: {level.person}, {level.ended or f'begun {level.begun}, not ended'}"
            for level in psam.levels
        ]
    lines += [f"  {change.time} {change.change} by {change.person} {change.note}".rstrip() for change in done.log]
    lines += [f"✗ {problem}" for problem in done.problems]
    sys.stdout.write("".join(f"{line}\n" for line in lines) or "no PSAM\n")


def _document(word: str, done: Done) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "verdict": "done",
        "word": word,
        "psams": [_psam(psam) for psam in done.psams],
        "log": [
            {"change": line.change, "person": line.person, "time": line.time, "note": line.note} for line in done.log
        ],
        "problems": list(done.problems),
    }


def _psam(psam: Psam) -> dict[str, Any]:
    return {
        "terminal": psam.terminal,
        "serial": psam.public_serial,
        "atr": psam.atr,
        "profile": psam.profile,
        "generation": psam.generation,
        "state": psam.state.value,
        "since": psam.since,
        "holder": psam.holder,
        "unit": psam.unit,
        "device": psam.device,
        "image": image_name(psam.terminal),
        "levels": [
            {"party": level.party.value, "person": level.person, "begun": level.begun, "ended": level.ended}
            for level in psam.levels
        ],
    }
