"""Cards with a named defect, short sequences against them, and what the oracles say."""

import functools
import random
from collections.abc import Iterator, Sequence

from cardsim.defects import apply_defect, find_defect
from cardsim.shapes import Place
from terminal.fuzz.executor import Executor, Oracle, Run
from terminal.fuzz.sequence import Action, parse_sequence, send
from terminal.fuzz.sequence import Sequence as Steps
from terminal.fuzz.subject import Subject
from tests.cards import card, made
from tests.cos.test_random import Grammar

WITH_PIN = "dual-3.0-sm4-offline-pin"

SSSE = ">> 00 A4 04 00 {lc} {name ssse}\n"
PSE = ">> 00 A4 04 00 {lc} {name pse}\n"
DEBIT = ">> 00 A4 04 00 {lc} {name debit}\n"
DF01 = ">> 00 A4 04 00 {lc} {name df01}\n"
DF04 = ">> 00 A4 04 00 {lc} {name df04}\n"
MF = ">> 00 A4 00 00 02 3F00\n"
CHALLENGE = "> 00 84 00 00 08\n"
VERIFY = "> 00 20 00 00 03 {pin}\n"
WRONG_PIN = "> 00 20 00 00 03 999999\n"
GPO = "> 80 A8 00 00 0B 83 09 00 000000001000 0156\n"
WRONG_OFFLINE_PIN = "> 00 20 00 80 08 26999999FFFFFFFF\n"
LOAD = VERIFY + (
    "let load = 01 00000100 510000000001\nlet time = 20140801120001\n>> B0 28 00 01 0B {load}\n"
    "let opened = {cut answer 0 -2}\n>> B0 2A 00 00 0B {time} {load-mac2 load opened time}\n"
)
PURCHASE = VERIFY + (
    "let buy = 01 00000010 00000000 00000000 510000000001\nlet time = 20140801120001\nlet terminal = 00000012\n"
    ">> B0 28 01 01 13 {buy}\nlet offer = {cut answer 0 -2}\n"
    ">> B0 2C 01 00 0F {terminal} {time} {purchase-mac1 buy offer terminal time}\n"
)


def auth(key: str, secret: str = "") -> str:
    """EXTERNAL AUTHENTICATE of a key, with itself or with another secret."""
    return f"{CHALLENGE}> 00 82 00 {{id {key}}} 10 {{auth {secret or key}}}\n"


def card_auth(key: str) -> str:
    """The same at the MF."""
    return f"{CHALLENGE}> 00 82 00 00 10 {{card-auth {key}}}\n"


def subject(defect: str = "", profile: str = WITH_PIN) -> Subject:
    """A demo card of its own, with a defect or clean."""
    model = card(profile, on=False).model
    if defect:
        apply_defect(model, find_defect(defect))
    return Subject(model, made(profile)[1], model)


def complaint(oracles: Oracle | Sequence[Oracle], text: str, defect: str = "", profile: str = WITH_PIN) -> str:
    """What the oracles say of a sequence on a card; nothing if they are content."""
    watching = oracles if isinstance(oracles, Sequence) else [oracles]
    run = Executor(subject(defect, profile), watching).run(parse_sequence(text))
    assert run.left_out == 0, "the sequence can be computed"
    return "" if run.complaint is None else str(run.complaint)


PHRASES = (
    SSSE, PSE, DEBIT, DF01, DF04, MF, VERIFY, WRONG_PIN, GPO, GPO + WRONG_OFFLINE_PIN, LOAD, PURCHASE,
    auth("RKSSSE"), auth("UKSSSE"), auth("UKSSSE", "RKSSSE"), auth("RK1DF01"),
    card_auth("master"), card_auth("transport"),
    "> 00 20 00 00 00\n", "> 80 5E 01 00 07 {pin} FF {pin}\n", "> 00 B2 01 34 00\n> 00 B2 01 2C 00\n", "reset\n",
    auth("PUK") + CHALLENGE + "> 84 24 00 00 04 {secured STKSSSE 84240000}\n",
    auth("UKSSSE") + "> 00 DC 03 2C 06 0304322E3939\n",
    GPO + "> 00 20 00 80 08 {offline-pin}\n", "> 80 CA 9F 36 00\n> 80 CA 9F 79 00\n", "> 80 F2 00 00 00\n",
)  # fmt: skip
"""What a storm is made of, besides commands made of rows."""


@functools.cache
def _phrases() -> tuple[tuple[Action, ...], ...]:
    return tuple(parse_sequence(text).steps for text in PHRASES)


def storm(seed: int, *, cuts: bool = False) -> Iterator[Steps]:
    """Sequences of thirty steps or more, drawn: phrases, single commands of all places, and power cuts."""
    draw = random.Random(seed)
    grammars = [Grammar(draw, place) for place in (Place.CARD, Place.SSSE, Place.MEDICAL, Place.PSE, Place.APPLICATION)]
    while True:
        steps: list[Action] = []
        while len(steps) < 30:
            pick = draw.random()
            if pick < 0.6:
                steps += draw.choice(_phrases())
            elif cuts and pick < 0.65:
                steps += parse_sequence(f"cut {draw.randrange(6)}").steps
            else:
                steps.append(send(draw.choice(grammars).next().hex() or "00"))
        yield Steps("card", tuple(steps), draw.randrange(10**6))


def weather(oracles: Sequence[Oracle], sequences: int, seed: int = 1, *, cuts: bool = False) -> list[Run]:
    """The storm over the clean card."""
    executor = Executor(subject(), oracles)
    return [executor.run(steps) for steps, _ in zip(storm(seed, cuts=cuts), range(sequences), strict=False)]
