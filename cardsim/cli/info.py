"""`cardsim info`: what is on a card image, for people and as JSON; the image is not changed."""

import argparse
import io
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict

from cardsim.chip.image import ImageError
from cardsim.commandline import Exit, UsageError, image_path
from cardsim.inspection import CardInfo, EnvironmentInfo, KeyInfo, inspect


def info(asked: argparse.Namespace) -> int:
    """Print what is on the card."""
    try:
        card = inspect(image_path(asked.image))
    except ImageError as error:
        raise UsageError(str(error)) from error
    if asked.json:
        document = {"format": "cardsim-info", "version": 1, "verdict": "ok", **asdict(card)}
        unicode = (sys.stdout.encoding or "").lower().startswith("utf")
        sys.stdout.write(json.dumps(document, ensure_ascii=not unicode, indent=2) + "\n")
    else:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")
        sys.stdout.write("\n".join(_lines(card)) + "\n")
    return Exit.OK


def _lines(card: CardInfo) -> list[str]:
    lines = [
        f"{card.kind:15}{card.state}",
        f"ATR            {card.atr}",
        f"profile        {', '.join(card.switches) or 'no switches'}",
        *_setting_lines(card.settings),
        f"card master    {card.master_key}",
        "",
        "memory",
    ]
    lines += [f"  {part.start:#07x}  {part.size:6} bytes  {part.name}" for part in card.memory]
    lines.append(f"  {card.size} bytes, {card.free} not allotted; {card.programs} page programs,")
    lines.append(f"  most on page {card.busiest_page} ({card.busiest_programs})")
    for environment in card.environments:
        lines += ["", *_environment_lines(environment)]
    return lines


def _setting_lines(settings: Mapping[str, str]) -> list[str]:
    text = ", ".join(f"{name} = {word}" for name, word in settings.items())
    return [f"settings       {text}"] if text else []


def _key_lines(keys: list[KeyInfo]) -> list[str]:
    """One line for each key, with all its generations that are alike."""
    alike: dict[tuple[str, str], list[int]] = {}
    for key in keys:
        tries = "no limit" if key.tries is None else f"{key.tries} of {key.limit} tries"
        place = f"{key.df}: {key.use} {key.number:02X}", f"{key.algorithm}, {tries}"
        alike.setdefault(place, []).append(key.version)
    return [
        f"{place} version{'s' * (len(versions) > 1)} {', '.join(map(str, versions))}, {rest}"
        for (place, rest), versions in alike.items()
    ]


def _environment_lines(environment: EnvironmentInfo) -> list[str]:
    lines = [
        f"{environment.fid}  {environment.name}  {environment.state}{', blocked' if environment.blocked else ''}",
        f"  {environment.algorithm}, master key {environment.master_key}, {environment.free} bytes free",
    ]
    for file in environment.files:
        indent = "    " if file.parent else "  "
        detail = f"{file.size} bytes" + (f", {file.records} records" if file.records is not None else "")
        rules = f"  read: {file.read}  write: {file.write}" if file.read else ""
        sfi = f" SFI {file.sfi:02X}" if file.sfi else ""
        lines.append(f"{indent}{file.fid}{sfi:7} {file.type:16} {detail}{rules}{'  ' + file.note if file.note else ''}")
    lines += [f"  key in {line}" for line in _key_lines(environment.keys)]
    for record in environment.key_records:
        levels = f"{record.levels} level{'' if record.levels == 1 else 's'} to derive"
        lines.append(f"  key {record.usage} {record.id} in {record.file}: {record.type}, {levels}, {record.algorithm}")
    lines += [f"  {name}: {value}" for name, value in environment.counters.items()]
    return lines
