"""The state machine of a transaction (`cardsim.pse.turns`), walked whole: each command in each state."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pytest

from cardsim.cos.commands import GET_RESPONSE, SELECT
from cardsim.cos.files import FileFlag
from cardsim.cos.table import Command
from cardsim.pse import commands
from cardsim.pse.application import ATC_AT
from cardsim.pse.choices import Choice
from cardsim.pse.memory import State
from cardsim.pse.turns import NEEDS, TURNS, Need
from tests.cards import apdu, unhex
from tests.pse.bank import script
from tests.pse.deal import AAC, ARQC, PLAIN, TC, YES, Deal
from tests.pse.order_transaction import RIGHT_PIN, environment
from tests.pse.perso import ADF, pay, rsa

ROWS: Final = (*commands.APPLICATION_TABLE, *commands.ENCIPHERED_PIN)
_NO_TURN: Final = frozenset(ROWS) - {turn.row for turn in TURNS} - {GET_RESPONSE}
"""Commands of personalisation."""
PINS: Final = ("", "0303", "0300")
"""No offline PIN, one with three tries, one with none."""


@dataclass(frozen=True)
class Scene:
    """A transaction that has come to some state."""

    state: State
    pin: str
    blocked: bool

    def __str__(self) -> str:
        return f"{self.state.name} {self.pin or 'no PIN'}{' blocked' if self.blocked else ''}"

    @property
    def met(self) -> Need:
        """What a command finds there; the AIP of the card promises all."""
        met = Need.DDA | Need.ISSUER_AUTHENTICATION
        met |= Need.OFFLINE_PIN if self.pin else Need.NOTHING
        return met | (Need.SECOND_CHANCE if self.blocked or self.pin == "0300" else Need.NOTHING)

    def play(self) -> Deal:
        """A card of its own in this state."""
        deal = Deal(pay(pin=self.pin, choices=Choice.ENCIPHERED_PIN))
        deal.select()
        if self.state is not State.SELECTED:
            deal.gpo()
        if self.blocked and self.state is State.OFFLINE:
            _block(deal)
        if self.state is not State.SELECTED and self.state is not State.INITIATED:
            deal.gac(AAC if self.state is State.OFFLINE else ARQC)
        if self.state is State.COMPLETED:
            deal.gac2(TC)
        if self.blocked:
            _block(deal)
        assert _state(deal) is self.state
        return deal


SCENES: Final = tuple(Scene(*each) for each in itertools.product(State, PINS, (False, True)))


def _state(deal: Deal) -> State:
    return environment(deal.bench).ram.transaction.state


def _block(deal: Deal) -> None:
    """Behind the card's back: APPLICATION BLOCK has no turn everywhere."""
    pse = environment(deal.bench)
    df = pse.application().df
    pse.files.set_file_flags(df, df.flags | FileFlag.BLOCKED)
    pse.partition.commit()


def _enciphered(deal: Deal) -> str:
    public = rsa("icc").public
    block = b"\x7f" + unhex(RIGHT_PIN) + deal.bench.challenge()
    return apdu("00200088", public.recover(block.ljust(public.size, b"\x55")))


def _ordered(deal: Deal, header: str, data: str = "") -> str:
    counters = environment(deal.bench).application().counters()
    atc = int.from_bytes(counters[ATC_AT : ATC_AT + 2], "big")
    return script(header, atc, deal.first.ac if deal.first else bytes(8), unhex(data))


def _good(deal: Deal, row: Command, state: State) -> str:
    """A command with which nothing is wrong but, perhaps, that it has no turn."""
    if row is commands.VERIFY_ENCIPHERED:
        return _enciphered(deal)
    if row is commands.EXTERNAL_AUTHENTICATE:
        return apdu("00820000", (deal.arpc() if deal.first else bytes(8)) + YES)
    second = state is State.ONLINE
    simple: Mapping[Command, str] = {
        SELECT: apdu("00A40400", ADF),
        commands.READ_RECORD: "00B2010C00",
        commands.GET_DATA: "80CA9F3600",
        commands.GET_CHALLENGE: "0084000008",
        commands.GET_PROCESSING_OPTIONS: "80A800000B8309000000000010000156",
        commands.VERIFY: apdu("00200080", RIGHT_PIN),
        commands.INTERNAL_AUTHENTICATE: "008800000412345678",
        commands.GENERATE_AC: apdu("80AE4000", PLAIN.cdol2(YES)) if second else apdu("80AE8000", PLAIN.cdol1()),
    }
    if row in simple:
        return simple[row]
    scripts = {
        commands.APPLICATION_BLOCK: ("841E0000", ""),
        commands.APPLICATION_UNBLOCK: ("84180000", ""),
        commands.CARD_BLOCK: ("84160000", ""),
        commands.PIN_CHANGE: ("84240000", ""),
        commands.PUT_DATA: ("04DA9F58", "05"),
        commands.UPDATE_RECORD: ("04DC020C", "70049F620100"),
    }
    if row in scripts:
        return _ordered(deal, *scripts[row])
    parameters = row.parameters[0]
    return apdu(f"{row.cla:02X}{row.ins:02X}{next(iter(parameters.p1)):02X}{next(iter(parameters.p2)):02X}",
                bytes(next(iter(row.lc))))  # fmt: skip


def _expected(row: Command, scene: Scene) -> str:
    """The word of a command that has its turn."""
    if row is SELECT and scene.blocked:
        return "6283"
    if row in (commands.VERIFY, commands.VERIFY_ENCIPHERED) and scene.pin == "0300":
        return "6984"
    return "9000"


@pytest.mark.parametrize(
    "scene", SCENES, ids=lambda scene: f"{scene.state.name} {scene.pin or 'no PIN'} {scene.blocked}"
)
def test_walk(scene: Scene) -> None:
    """PBOC-GPO-020, PBOC-GAC-006 to 011, PBOC-XAU-004, PBOC-DDA-005, PBOC-PIN-010, PBOC-PIN-014, PBOC-SCR-005 to 007,
    PBOC-SEL-021: each command of the application's table does in each state what the table of turns says."""
    deal = scene.play()
    start, first = deal.bench.model.snapshot(), deal.first
    for row in ROWS:
        deal.bench.model.restore(start)
        deal.first = first
        if row is GET_RESPONSE:
            assert deal.bench.x("00C0000000", follow=False) == "6F00", "nothing is waiting"
            continue
        turn = next((each for each in TURNS if each.row is row and scene.state in each.states), None)
        command = _good(deal, row, scene.state)
        answer = deal.bench.x(command, follow=row is not SELECT)[-4:]
        if row is SELECT and answer[:2] == "61":
            answer = "9000"
        said = f"{row.name} in {scene}"
        if turn is None or turn.needs & ~scene.met:
            assert (answer, _state(deal)) == ("6985", scene.state), said
        else:
            assert answer == _expected(row, scene), said
            assert _state(deal) in (turn.leads or (scene.state,)), said


def test_both_ways_of_the_first_cryptogram() -> None:
    """PBOC-GAC-002, PBOC-GAC-011: what follows the first GENERATE AC; a blocked application does not go online."""
    for p1, blocked, state in (
        (ARQC, False, State.ONLINE), (AAC, False, State.OFFLINE),
        (ARQC, True, State.OFFLINE), (TC, True, State.OFFLINE),
    ):  # fmt: skip
        deal = Scene(State.INITIATED, "", blocked).play()
        assert deal.gac(p1).kind == (AAC if state is State.OFFLINE else p1)
        assert _state(deal) is state


def test_every_command_has_its_turns() -> None:
    """The table leaves out the commands of personalisation alone, and no command stands twice in one state."""
    assert {row.access for row in _NO_TURN} == {"free", "after INITIALIZE UPDATE", "open channel"}
    assert {turn.row for turn in TURNS} <= set(ROWS)
    places = [(turn.row, state) for turn in TURNS for state in turn.states]
    assert len(places) == len(set(places))
    assert set(NEEDS) == set(Need)
