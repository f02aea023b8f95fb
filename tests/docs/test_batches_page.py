"""docs/batches.md says what the steps are."""

from terminal.perso.batches.steps import RULES
from terminal.perso.batches.tables import RecordState, Step
from terminal.perso.records import RejectReason
from tests.docs.console import ROOT

PAGE = (ROOT / "docs" / "batches.md").read_text(encoding="utf8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.split("## The steps")[1].split("\n\n")[1].splitlines()[2:]
]


def test_steps() -> None:
    """Each step that works on records, with the states before and after."""
    states = {rule.step: (rule.takes, rule.gives) for rule in RULES}
    states[Step.PACK] = (RecordState.MATCHED, RecordState.PACKED)
    assert [(row[0], row[1], row[2]) for row in ROWS[1:]] == [
        (step.value, takes.value, gives.value) for step, (takes, gives) in states.items()
    ]


def test_reasons() -> None:
    """Every reason for which a record goes back stands in the table, in its words or those of a list of several."""
    told = " ".join(row[3] for row in ROWS)
    in_id_check = ("no such number", "another name", "no photo")
    for reason in RejectReason:
        words = reason.value.removesuffix(" in the ID check")
        assert words in told, reason
        assert (words in in_id_check) == (words != reason.value)
