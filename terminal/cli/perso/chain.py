"""`cardterm perso chain`: invented holders, the whole way of their cards, and a close look at some of them."""

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from cardsim.assembly import copy_of
from cardsim.commandline import Exit
from cardsim.keyfile import Holder, KeyFile, default_keyfile_path, write_keyfile
from cardsim.making import demo
from cardsim.making.station import Station
from cardsim.making.structure import DEFAULT_PROFILE
from terminal.cli.output import Writer, to_json
from terminal.cli.perso.files import open_workshop
from terminal.errors import UsageError
from terminal.keymanagement.demo import BANK, MAKER, OFFICERS
from terminal.keymanagement.keyfiles import bank_keys, department_keys, keys_of_making
from terminal.keymanagement.kinds import Role
from terminal.perso.chain.after import NEW_PIN
from terminal.perso.chain.books import Balance
from terminal.perso.chain.making import Work
from terminal.perso.chain.town import Town
from terminal.perso.chain.way import Order, Way, go, prepare
from terminal.perso.making.body import look
from terminal.perso.making.keys import Body
from terminal.perso.making.personaliser import keydata

FORMAT: Final = "cardterm-chain"
VERSION: Final = 1
Looks = dict[str, dict[str, str]]
"""Image to what was tried and how it ended."""


def chain_command(arguments: argparse.Namespace) -> int:
    """Run it; 0, or 1 where books do not balance or a card does not work."""
    if arguments.holders < 1 or min(arguments.wrong, arguments.twice, arguments.faulty, arguments.sample) < 0:
        raise UsageError("--holders is at least 1, the other numbers at least 0")
    if not 0 <= arguments.unknown <= 1000:
        raise UsageError("--unknown is a number of a thousand")
    writer = Writer()
    profile = arguments.profile or DEFAULT_PROFILE
    if arguments.jobs is not None and arguments.jobs < 1:
        raise UsageError(f"--jobs {arguments.jobs}: at least 1")
    numbers = arguments.wrong, arguments.twice, arguments.unknown, arguments.faulty
    order = Order(tuple(arguments.applications), arguments.holders, arguments.seed, profile, *numbers)
    jobs = arguments.jobs or (1 if arguments.scheduler else os.cpu_count() or 1)

    def progress(text: str) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{text}\x1b[K")

    def tell(step: str, counts: Mapping[str, int]) -> None:
        if counts and not arguments.json:
            writer.line(f"{step:22}" + ", ".join(f"{name} {count}" for name, count in counts.items()))

    prepare(Path(arguments.folder), order)
    with open_workshop(arguments) as workshop:
        way = Way(workshop, order, Work(jobs, arguments.scheduler, arguments.kill, progress), tell)
        found, town = go(way)
        with town:
            looks = _look_closely(town, found, arguments.sample)
    if arguments.json:
        writer.line(to_json(_document(found, way, looks)))
    else:
        _tell(writer, found, looks)
    return Exit.OK if _passed(found, looks) else Exit.FAILED


def _passed(found: Balance, looks: Looks) -> bool:
    return not found.problems and all(how == "passed" for tried in looks.values() for how in tried.values())


def _tell(writer: Writer, found: Balance, looks: Looks) -> None:
    for image, tried in looks.items():
        writer.line(f"{image}: " + ", ".join(f"{name} {how}" for name, how in tried.items()))
    writer.line("books: " + ", ".join(f"{name} {count}" for name, count in found.counts.items()))
    for problem in found.problems:
        writer.line(f"✗ {problem}")
    wrong = len(found.problems)
    writer.line(f"the books do not balance: {wrong} problems" if wrong else "the books balance")


def _document(found: Balance, way: Way, looks: Looks) -> dict[str, object]:
    return {
        "format": FORMAT, "version": VERSION, "verdict": "passed" if _passed(found, looks) else "failed",
        "steps": way.done, "refusals": way.refusals, "books": dict(found.counts), "problems": list(found.problems),
        "cards": looks,
    }  # fmt: skip


# --- some cards, closely


def _look_closely(town: Town, found: Balance, count: int) -> Looks:
    """Sampled cards, evenly over all: the personalisation check, the conformance suite, and the terminals."""
    images = list(found.cards.values())
    step = max(1, len(images) // count) if count else 1
    return {image: _one(town, town.workshop.path("cards", image)) for image in images[::step][:count]}


def _one(town: Town, image: Path) -> dict[str, str]:
    keys = _key_file(town, image)
    tries = {
        "check": ["perso", "check", "--card", str(image), "--profile", town.cards.profile, "--seed", "1"],
        "conformance": ["conform", "--card", str(image)],
        "social": ["social", "--card", str(image), "--seed", "1"],
        "financial": ["financial", "--card", str(image), "--amount", "12.34", "--seed", "1"],
    }
    wanted = set(tries) if town.profile.pse is not None else set(tries) - {"financial"}
    wanted -= {"social"} if town.profile.ssse is None else set()
    try:
        return {name: _run(words) for name, words in tries.items() if name in wanted}
    finally:
        keys.unlink()


def _run(words: list[str]) -> str:
    """Another subcommand, as a user would run it; what it printed is kept for who asks for it alone."""
    from terminal.cli.main import main

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as errors:
        status = main(words)
    return "passed" if status == Exit.OK else f"exit status {status} {errors.getvalue().strip()}".strip()


def _key_file(town: Town, image: Path) -> Path:
    """A key file beside the image, as terminals and the suite need it; it shows keys, and goes when they are done."""
    state = look(Station(copy_of(image)), town.plan.aid)
    body = Body(state.historical, state.identification[:6] or town.cities[0], "")
    suite = town.profile.suite
    made = keys_of_making(
        town.management, OFFICERS, body, suite, BANK, MAKER, keydata(state.pan, state.historical)
    )  # fmt: skip
    social = department_keys(town.management, OFFICERS[Role.DEPARTMENT], suite, body.area).ssse
    bank = bank_keys(town.management, OFFICERS[Role.BANK], BANK).bank
    assert social is not None
    assert made.ssse is not None
    holder = Holder(pin=demo.PIN, online_pin=NEW_PIN)
    path = default_keyfile_path(image)
    write_keyfile(path, KeyFile(made.card, replace(social, master=made.ssse.master), made.pse, bank, holder))
    return path
