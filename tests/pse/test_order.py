"""The order of errors that the command table of the payment environment states is the one in which the card answers
(`tests.order`)."""

import dataclasses

import pytest

from cardsim.cos.commands import GET_RESPONSE, SELECT
from cardsim.cos.table import Fault
from cardsim.pse import commands
from tests.order import ONE_AT_A_TIME, Trial, never_seen, problems, shared_knobs, unnamed
from tests.pse import order_perso, order_scripts, order_transaction

TRIALS = (*order_transaction.TRIALS, *order_scripts.TRIALS, *order_perso.TRIALS)
EACH = pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: f"{trial.row.name} {trial.row.header.hex()}")


@EACH
def test_order(trial: Trial) -> None:
    """PBOC-GPO-016 to 023, PBOC-GAC-003 to 012, PBOC-XAU-002 to 009, PBOC-PIN-003 to 014, PBOC-DDA-005 to 007,
    PBOC-SCR-005 to 014: each fault alone; of each pair of faults the earlier one wins."""
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
        own = [(item, knob) for item, (knob, _) in trial.items if isinstance(item, Fault)]
        seen = any(one.sw != other.sw and knob != third for one, knob in own for other, third in own)
        assert not seen or list(problems(turned)), trial.row.name


def test_no_row_is_left_out() -> None:
    """Every command of PSE and of its applications, but those of the COS, which stand in its own table."""
    assert {trial.row for trial in TRIALS} == set(commands.TABLE) - {SELECT, GET_RESPONSE}
    assert never_seen(TRIALS) == set()
