"""The sweep itself: every scenario is clean on the model, and a card that tears is found."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cardsim.assembly import CardModel, SamModel
from cardsim.defects import apply_defect, find_defect
from cardsim.defects.defect import Defect, Side, put
from cardsim.making.structure import load_profile
from tests.cards import DUAL, DUAL_DES
from tests.docs.console import ROOT
from tests.docs.test_schemas import check
from tests.tearing.scene import Setting
from tests.tearing.sweep import Report, places, sweep, sweep_scene
from tests.tearing.table import SCENARIOS, chosen

TOOL = ROOT / "tools" / "tear.py"


def torn(name: str, defect: Defect, profile: str = DUAL) -> Report:
    """A scenario on a card with a defect."""
    scene = SCENARIOS[name].make(Setting(load_profile(profile)))
    model = scene.bench.model
    assert isinstance(model, CardModel)
    apply_defect(model, defect)
    return sweep_scene(name, scene)


@pytest.mark.parametrize("name", SCENARIOS)
def test_clean(name: str) -> None:
    """SCHEME-003, SCHEME-004, SSC7-14-01, PBOC-TEAR-001..015, D13; each scenario names what it shows besides.

    A power cut before, inside and behind each page program, and another one while the card repairs it, leave a state
    of the command, whole; what was written early is not lost, and the command can be sent again.
    """
    report = sweep(SCENARIOS[name], Setting(load_profile(DUAL)))
    assert [str(finding) for finding in report.findings] == []
    for step in report.steps:
        assert step.programs
        assert step.cuts >= 3 * step.programs


@pytest.mark.parametrize("name", ["verify", "record-longer", "key-update", "card-authentication"])
def test_clean_in_every_cell(name: str) -> None:
    """SSC7-14-01: the same with a cut in every cell of every page program, on a card with 3DES."""
    report = sweep(SCENARIOS[name], Setting(load_profile(DUAL_DES)), thorough=True)
    assert [str(finding) for finding in report.findings] == []


def test_places() -> None:
    """Before a program, in its first, middle and last cell, and behind it."""
    assert places(64, thorough=False) == (None, 0, 32, 63, 64)
    assert places(1, thorough=False) == (None, 0, 1)
    assert places(3, thorough=True) == (None, 0, 1, 2, 3)


# --- what must be found ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("defect", ["journal-skipped", "journal-not-recovered"])
@pytest.mark.parametrize("name", ["record-longer", "create-environment", "key-update", "pse-cash-purchase", "verify"])
def test_writing_without_journal_is_found(name: str, defect: str) -> None:
    """SSC7-14-01: a card that writes straight home, or does not finish what was cut, is not clean, and is told why."""
    report = torn(name, find_defect(defect))
    assert {finding.invariant for finding in report.findings} & {"whole", "stands"}
    assert all(finding.scenario == name and "program" in finding.place for finding in report.findings)


@pytest.mark.parametrize(
    ("name", "defect"),
    [("verify-at-once", "pin-tries-late"), ("verify-wrong", "early-writes-taken-back"),
     ("pse-verify", "early-writes-taken-back")],
)  # fmt: skip
def test_late_counters_are_found(name: str, defect: str) -> None:
    """SSC7-5.8-05, D13: a try counter that is not a write of its own is missed among the states."""
    report = torn(name, find_defect(defect))
    assert any(finding.invariant in ("seen", "whole") for finding in report.findings)


def _each_write_alone(card: CardModel) -> None:
    """Every write is a transaction of its own."""
    put(card.os.journal, "stage", card.os.journal.early)


def test_a_command_in_each_write_alone_is_found() -> None:
    """SSC5-6.13-01: each transaction is whole, and the command is not."""
    report = torn("record-append", Defect("alone", "", "", Side.CHIP, _each_write_alone))
    assert any(finding.invariant == "whole" for finding in report.findings)


def _second_cut_hurts(card: CardModel) -> None:
    """The journal is emptied before what it holds is written home."""
    journal = card.os.journal
    recover, log = journal.recover, journal._log

    def emptied_first() -> None:
        committed = journal._committed()
        if any(bytes(journal._at(at, len(data))) != data for at, data in committed):
            log([])
            put(journal, "_committed", lambda: committed)
        try:
            recover()
        finally:
            vars(journal).pop("_committed", None)

    put(journal, "recover", emptied_first)


def test_a_repair_that_forgets_is_found() -> None:
    """SCHEME-004: one cut is repaired, and a second one during the repair is not."""
    report = torn("record-longer", Defect("forgets", "", "", Side.CHIP, _second_cut_hurts))
    assert {finding.invariant for finding in report.findings} == {"again"}


def test_a_card_that_writes_nothing_is_found() -> None:
    """SSC5-6.13-01: 9000, and nothing is there after a reset."""

    def apply(card: CardModel) -> None:
        put(card.os.journal, "commit", card.os.journal.discard)

    report = torn("record-append", Defect("lazy", "", "", Side.CHIP, apply))
    assert any("sees no change" in finding.found for finding in report.findings)


# --- the command -----------------------------------------------------------------------------------------------------


def _tool(*arguments: str, cwd: Path = ROOT) -> tuple[int, str, str]:
    command = [sys.executable, str(TOOL), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.process
def test_command(tmp_path: Path) -> None:
    """Names and patterns, from any folder; clean is 0, findings are 1, a wrong name is 2; JSON follows its schema."""
    status, output, errors = _tool("verify*", "--jobs", "2", cwd=tmp_path)
    assert (status, errors) == (0, "")
    assert f"cuts in {len(chosen(['verify*']))} scenarios on {DUAL}: all clean" in output
    status, output, _ = _tool("record-append", "--defect", "journal-skipped")
    assert status == 1
    assert "UPDATE RECORD, cut " in output
    status, output, _ = _tool("verify-wrong", "key-update", "--json")
    assert status == 0
    document = json.loads(output)
    check("cardsim-tear", document)
    assert document["clean"] is True
    assert document["cuts"] > 50
    status, _, errors = _tool("nothing")
    assert status == 2
    assert "there is no scenario 'nothing'" in errors
    status, _, errors = _tool("--profile", "bank", "verify")
    assert status == 2
    assert "no scenario fits the profile bank" in errors
    status, output, _ = _tool("--list")
    assert status == 0
    assert len(output.splitlines()) == len(SCENARIOS)


@pytest.mark.process
def test_a_defect_belongs_to_one_card() -> None:
    """A defect of the PSAM is found in the PSAM's scenarios, and the others are left out; elsewhere it is refused."""
    status, output, _ = _tool("psam-purchase", "verify", "--defect", "sam-number-stays")
    assert status == 1
    assert "INIT SAM FOR PURCHASE" in output
    assert "in 1 scenarios" in output
    assert "1 scenarios do not fit the profile or the defect" in output
    for scenario, defect, owner in (("psam-*", "journal-skipped", "user card"), ("verify", "sam-number-stays", "PSAM")):
        status, _, errors = _tool(scenario, "--defect", defect)
        assert status == 2
        assert f"the defect {defect} is one of the {owner}, and these scenarios are not" in errors


def test_each_scenario_says_which_card_it_has() -> None:
    """What `psam` says is so."""
    setting = Setting(load_profile(DUAL))
    for scenario in SCENARIOS.values():
        if scenario.fits(setting):
            assert isinstance(scenario.make(setting).bench.model, SamModel) is scenario.psam, scenario.name
