"""`cardterm perso check`: a finished card against rules and its data; it is read, never written."""

import argparse
import contextlib
import random
import secrets
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Final

from cardsim.iso7816.card import Card
from cardsim.keyfile import KeyFile, KeyFileError, default_keyfile_path, load_keyfile
from cardsim.making.structure import Profile, ProfileError, load_profile
from terminal.cli.flows import moment
from terminal.cli.output import Writer, to_json
from terminal.cli.perso.files import read_input
from terminal.errors import UsageError, output_path
from terminal.links.target import GuardedCard, Target, open_target, private_copy
from terminal.management.product.rules import Rules, default_rules, rules_of
from terminal.perso.check.checking import Known, check_card
from terminal.perso.check.report import RENDERERS, document, overall, text
from terminal.perso.data.document import read_batch
from terminal.perso.face.job import read_job
from terminal.perso.face.model import Face
from terminal.perso.face.svg import read_face
from terminal.perso.face.template import Template, template
from terminal.perso.records import CardRecord
from terminal.perso.workshop import Workshop
from terminal.slots import Slot
from terminal.terminals import built_in

_TERMINAL: Final = "pos"
"""Whose public keys of certification authorities are known besides those of the key file."""


def check_command(arguments: argparse.Namespace) -> int:
    """Run `cardterm perso check`: 1 where a rule fails that must hold."""
    target = Target(arguments.card, arguments.reader, arguments.seed)
    outputs = {name: _output(name, arguments) for name in RENDERERS if getattr(arguments, name) is not None}
    known = _known(arguments, target, moment(arguments.now).date())
    with _opened(target) as card:
        reports = [check_card(card, known, _draw(arguments.seed), target.name)]
    for name, path in outputs.items():
        _write(path, RENDERERS[name](reports))
    writer = Writer()
    if arguments.json:
        writer.line(to_json(document(reports)))
    else:
        for line in text(reports[0], writer.paint):
            writer.line(line)
    return 0 if overall(reports) == "passed" else 1


@contextlib.contextmanager
def _opened(target: Target) -> Iterator[Card]:
    """The card; of an image a private copy, so that not even its transaction counter moves."""
    if target.image is not None:
        yield GuardedCard(private_copy(target.image, target.seed, Slot.CARD))
        return
    with open_target(target) as card:
        yield card


def _draw(seed: int | None) -> Callable[[int], bytes]:
    return secrets.token_bytes if seed is None else random.Random(seed).randbytes


def _known(arguments: argparse.Namespace, target: Target, today: date) -> Known:
    pin = arguments.pin
    if pin is not None and not (pin.isascii() and pin.isdigit() and 4 <= len(pin) <= 12):
        raise UsageError("--pin: a PIN has 4 to 12 digits")
    if arguments.order is not None and arguments.data is None and arguments.job is None:
        raise UsageError("--order names a card of --data or of --job")
    return Known(
        today,
        _profile(arguments.profile),
        _records(arguments),
        _keys(arguments, target),
        built_in(_TERMINAL).ca_keys,
        pin,
        _face(arguments),
        *_workshop(arguments.workshop),
        arguments.destructive,
    )


def _workshop(folder: str | None) -> tuple[Template, Rules]:
    """Faces and rules of a workshop; our own without one."""
    if folder is None:
        return template(), default_rules()
    if not Path(folder).is_dir():
        raise UsageError(f"--workshop {folder}: there is no such folder")
    with Workshop(Path(folder)) as workshop:
        return template(workshop.settings.section("face")), rules_of(workshop.settings)


def _profile(name: str | None) -> Profile | None:
    try:
        return None if name is None else load_profile(name)
    except ProfileError as error:
        raise UsageError(f"--profile: {error}") from error


def _keys(arguments: argparse.Namespace, target: Target) -> KeyFile:
    path = Path(arguments.keys) if arguments.keys is not None else None
    if path is None and target.image is not None and default_keyfile_path(target.image).exists():
        path = default_keyfile_path(target.image)
    try:
        return KeyFile() if path is None else load_keyfile(path)
    except KeyFileError as error:
        raise UsageError(str(error)) from error


def _records(arguments: argparse.Namespace) -> tuple[CardRecord, ...]:
    if arguments.data is None:
        return ()
    batch = read_batch(read_input(arguments.data), arguments.data)
    if arguments.order is None:
        return batch.records
    found = tuple(record for record in batch.records if record.order == arguments.order)
    if not found:
        raise UsageError(f"{arguments.data}: there is no order {arguments.order}")
    return found


def _face(arguments: argparse.Namespace) -> Callable[[str], Face | None] | None:
    if arguments.face is not None:
        face = read_face(read_input(arguments.face), arguments.face)
        return lambda _order: face
    if arguments.job is None:
        return None
    job = read_job(read_input(arguments.job), arguments.job)

    def of_order(order: str) -> Face:
        wanted = arguments.order or order
        if not wanted:
            raise UsageError("--job: which of its faces it is, --data tells, or --order")
        return job.face(wanted)

    return of_order


def _output(name: str, arguments: argparse.Namespace) -> Path:
    text_ = getattr(arguments, name)
    if not Path(text_).parent.is_dir():
        raise UsageError(f"--{name} {text_}: there is no folder {Path(text_).parent}")
    inputs = (arguments.card, arguments.keys, arguments.data, arguments.face, arguments.job, arguments.profile)
    return output_path(text_, *inputs)


def _write(path: Path, content: str) -> None:
    try:
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: the report cannot be written: {error.strerror}") from error
