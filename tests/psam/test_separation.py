"""The PSAM serves social security alone (SCHEME-009, issue 4): nothing of PSE is known to it."""

import pytest

from cardsim.cos.dispatch import Level
from cardsim.psam import commands
from cardsim.pse.commands import TABLE as PSE_TABLE
from tests.psam.desk import SX1, SX2, psam

OWN = {row.header for row in commands.TABLE}


@pytest.mark.parametrize("name", [SX1, SX2])
def test_nothing_of_pse_can_be_selected(name: str) -> None:
    """1PAY.SYS.DDF01 and the AIDs of UnionPay are 6A82 everywhere, whole or in part."""
    for desk in (psam().root(name), psam().enter(name)):
        assert desk.select("315041592E5359532E4444463031") == "6A82"
        for aid in ("A000000333", "A000000333010101", "A000000333010102", "A000000333010106"):
            assert desk.select(aid) == "6A82"
        assert desk.sw("00A4000002DDF2") == "6A82"


@pytest.mark.parametrize("name", [SX1, SX2])
def test_no_instruction_of_pboc_exists(name: str) -> None:
    """Every command of PSE that is not the standard's own is 6D00 or 6E00."""
    financial = [row for row in PSE_TABLE if row.header not in OWN]
    assert {row.name for row in financial} >= {"GET PROCESSING OPTIONS", "GENERATE AC", "GET DATA", "STORE DATA"}
    for desk in (psam().root(name), psam().enter(name)):
        for row in financial:
            command = row.header.hex() + "000008" + "00" * 8
            assert desk.sw(command) in ("6D00", "6E00"), row.name


def test_one_handler_for_each_row() -> None:
    """The rows of an issued PSAM are those of the standard: SSC part 9 §9, and reading and updating of part 5."""
    desk = psam()
    for environment in desk.model.environments.values():
        level: Level = desk.model.os._level_of(0 if environment is desk.model.environments[0] else 1)
        assert {row.command.name for row in level.every_row()} == {row.name for row in commands.OPERATION}
