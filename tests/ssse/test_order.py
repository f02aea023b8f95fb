"""The order of errors that the command table states is the one in which the card answers (`tests.order`)."""

import dataclasses

import pytest

from cardsim.cos.commands import BLOCKED_APPLICATION, GET_CHALLENGE, GET_RESPONSE, SELECT
from cardsim.ssse import commands, medical_commands
from tests.cos.test_order import TRIALS as CARD_TRIALS
from tests.order import ONE_AT_A_TIME, Trial, never_seen, problems, shared_knobs, unnamed
from tests.psam.test_order import TRIALS as PSAM_TRIALS
from tests.pse.test_order import TRIALS as PSE_TRIALS
from tests.ssse import order_basic, order_medical, order_setup

TRIALS = (*order_basic.TRIALS, *order_setup.TRIALS, *order_medical.TRIALS)
EACH = pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: f"{trial.row.name} {trial.row.header.hex()}")


@EACH
def test_order(trial: Trial) -> None:
    """SSC5-7-02, the tables of SSC part 5 §6 and §7: each fault alone; of each pair of faults the earlier one wins."""
    assert list(problems(trial)) == []


@EACH
def test_every_fault_has_its_spoiler(trial: Trial) -> None:
    """A new fault in a row needs a spoiler, in this trial or another one of the row; none is left behind."""
    assert unnamed(trial) == set()
    assert shared_knobs(trial) <= set(ONE_AT_A_TIME)


def test_a_table_in_another_order_is_found() -> None:
    """A row whose faults stand the other way round is not what the card does."""
    for trial in TRIALS:
        turned = dataclasses.replace(trial, row=dataclasses.replace(trial.row, answers=trial.row.answers[::-1]))
        own = [knob for fault, (knob, _) in trial.items if fault in trial.row.answers and fault != BLOCKED_APPLICATION]
        assert len(set(own)) < 2 or list(problems(turned)), trial.row.name


def test_no_row_is_left_out() -> None:
    """Every command of SSSE and of the medical account, but those of the COS, which stand in its own table."""
    shared = {SELECT, GET_RESPONSE, GET_CHALLENGE}
    assert {trial.row for trial in TRIALS} == {*commands.TABLE, *medical_commands.TABLE} - shared
    assert never_seen(TRIALS) == set()


def test_no_reason_is_left_behind() -> None:
    """Each reason why some faults exclude each other is needed by a trial."""
    shared = set().union(*(shared_knobs(trial) for trial in (*TRIALS, *CARD_TRIALS, *PSAM_TRIALS, *PSE_TRIALS)))
    assert shared == set(ONE_AT_A_TIME)
