"""The order of errors that the PSAM's command table states is the one in which it answers (`tests.order`)."""

import dataclasses

import pytest

from cardsim.cos.commands import GET_CHALLENGE as GET_CHALLENGE_OF_THE_COS
from cardsim.cos.commands import GET_RESPONSE, GET_STATUS
from cardsim.psam import commands
from tests.order import ONE_AT_A_TIME, Trial, never_seen, problems, shared_knobs, unnamed
from tests.psam import order_files, order_operation, order_setup

TRIALS = (*order_operation.TRIALS, *order_files.TRIALS, *order_setup.TRIALS)
EACH = pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: f"{trial.row.name} {trial.row.header.hex()}")


@EACH
def test_order(trial: Trial) -> None:
    """SSC part 9 §9.1 to §9.10, part 5 §6: each fault alone; of each pair of faults the earlier one wins."""
    assert list(problems(trial)) == []


@EACH
def test_every_fault_has_its_spoiler(trial: Trial) -> None:
    """A new fault in a row needs a spoiler; none is left behind."""
    assert unnamed(trial) == set()
    assert shared_knobs(trial) <= set(ONE_AT_A_TIME)


def test_a_table_in_another_order_is_found() -> None:
    """A row whose faults stand the other way round is not what the card does."""
    for trial in TRIALS:
        turned = dataclasses.replace(trial, row=dataclasses.replace(trial.row, answers=trial.row.answers[::-1]))
        own = {trial.spoilers[fault.cause][0] for fault in trial.row.answers}
        assert len(own) < 2 or list(problems(turned)), trial.row.name


def test_no_row_is_left_out() -> None:
    """Every command of the PSAM in all its states, but those that succeed everywhere or nowhere."""
    plain = {GET_RESPONSE, GET_STATUS, GET_CHALLENGE_OF_THE_COS}
    assert {trial.row for trial in TRIALS} == {*commands.TABLE, *commands.BLANK} - plain
    assert never_seen(TRIALS) == set()
