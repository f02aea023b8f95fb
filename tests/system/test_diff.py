"""`cardterm diff`: a model in process beside a card in a PC/SC reader."""

import json
import subprocess
from typing import Any

import pytest

from cardsim.defects import apply_defect, defects
from tests import cards
from tests.cli.support import command, environment
from tests.system.cards import Subject
from tests.system.station import Station
from tests.terminal.compare.bench import image

pytestmark = pytest.mark.usefixtures("pyscard")

CASES = ("SSC3-5.3.1", "SSC5-6.4", "PBOC-GPO")


@pytest.fixture
def subject(request: pytest.FixtureRequest) -> Subject:
    """The card in the reader: the demo card, or one with a fault."""
    model = cards.card(on=False).model
    if request.param:
        apply_defect(model, defects()[request.param])
    return Subject(model)


def diff(station: Station, *words: str) -> tuple[int, Any]:
    """The demo card in process beside that in the reader; exit status and document."""
    result = subprocess.run(
        command("cardterm", "diff", "--card", str(image()), "--with-reader", "0", "--json", *words),
        env=environment(**station.variables), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert result.stderr == ""
    return result.returncode, json.loads(result.stdout)


@pytest.mark.parametrize("subject", [""], indirect=True)
def test_the_same_card_in_a_reader(station: Station) -> None:
    """Random numbers alone differ."""
    status, document = diff(station, "--cases", *CASES)
    assert (status, document["verdict"], document["measure"]) == (0, "passed", "card")
    assert document["first_difference"] is None
    assert document["commands"] > 300
    assert {group["command"] for group in document["content"]} >= {"GET CHALLENGE"}


@pytest.mark.parametrize("subject", [""], indirect=True)
def test_drawn_commands_spare_the_card(station: Station) -> None:
    status, document = diff(station, "--apdus", "500")
    assert (status, document["first_difference"]) == (0, None)
    assert document["left_out"] > 100, "commands that could spend the card are not sent"


@pytest.mark.parametrize("subject", ["wrong-state-6985"], indirect=True)
def test_another_build_in_a_reader(station: Station) -> None:
    status, document = diff(station, "--cases", "SSC5-7-11", "--destructive")
    first = document["first_difference"]
    assert (status, first["place"], first["name"]) == (1, "SSC5-7-11", "DEBIT FOR PURCHASE")
    assert (first["first"]["answer"], first["second"]["answer"]) == ("6901", "6985")
    assert document["groups"][0]["right"] == "first"
