"""Sessions with the demo card and the demo PSAM, recorded in process."""

import io
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from cardsim.iso7816.card import Card
from terminal.driver import run
from terminal.links.recording import Head, Recorded, Recording, parse_recording
from terminal.recordings.writing import Transcriber
from terminal.slots import Slot
from tests.cards import card
from tests.psams import psam
from tests.terminal.place import Place

SELECT_SSSE = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
WORDS = ("social", "--service", "verify-pin", "--pin", "123456")


def cards(*, seed: int = 1) -> dict[Slot, Card]:
    """A fresh card and a fresh PSAM; the same random numbers for the same seed."""
    return {Slot.CARD: card(seed=seed, on=False).model, Slot.PSAM: psam()[0]}


def transcribed(script: str, subjects: Mapping[Slot, Card] | None = None, *, show: bool = False) -> Recording:
    """Commands in hex, one a line (`on`, `off`; `sam` in front: to the PSAM), and what the cards answered."""
    file = io.StringIO()
    transcriber = Transcriber(file, Head("test", "me.card"), show_secrets=show)
    found = {slot: transcriber.around(one, slot) for slot, one in (subjects or cards()).items()}
    for line in script.split("\n"):
        words = line.split()
        one = found[Slot.PSAM if words[:1] == ["sam"] else Slot.CARD]
        match words[-1:]:
            case ["on"]:
                one.power_on()
            case ["off"]:
                one.power_off()
            case [text]:
                one.transmit(bytes.fromhex(text))
    return parse_recording(file.getvalue().splitlines())


@cache
def visit(*, show: bool = False) -> Recording:
    """A social-security terminal with its PSAM identifies the holder and asks for the PIN."""
    file = io.StringIO()
    transcriber = Transcriber(file, Head("cardterm social"), show_secrets=show)
    place = Place()
    services = place.services(WORDS)
    links = {slot: transcriber.around(one, slot) for slot, one in cards().items()}
    run(place.flow(WORDS), links[Slot.CARD], services, psam=links[Slot.PSAM])
    return parse_recording(file.getvalue().splitlines())


def spoiled(recording: Recording, number: int, response: str) -> Recording:
    """The recording with another answer to the command of this number, from 1."""
    events, commands = list(recording.events), 0
    for at, event in enumerate(events):
        commands += event.event == "apdu"
        if event.event == "apdu" and commands == number:
            events[at] = replace(event, response=response)
            break
    return Recording(recording.head, tuple(events))


def apdus(recording: Recording) -> list[Recorded]:
    """The commands of a recording."""
    return [event for event in recording.events if event.event == "apdu"]
