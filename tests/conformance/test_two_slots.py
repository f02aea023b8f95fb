"""Runs with a second card in the PSAM's slot. Any card that answers will do for most of them: another demo card."""

import json
from pathlib import Path

import pytest

from cardsim.cli.main import main
from terminal.conformance.applicability import Applicability
from terminal.conformance.context import Context
from terminal.conformance.functions import FUNCTIONS
from terminal.conformance.library import Library, load, standard_library
from terminal.conformance.results import Verdict
from terminal.conformance.runner import Runner
from terminal.conformance.session import Bench, NoCard, sam_bench
from tests.cards import Bench as Demo
from tests.cards import card
from tests.conformance.bench import conform

_CASES = """
group SLOTS

case SLOTS-1
    Only the other slot is asked.
    sam>> 00 A4 04 00 {lc} {name ssse}
    sam< {sam-fci:*} 9000
    sam> 00 84 00 00 08
    sam< {other:8} 9000
    check {sam-challenge} == {other}
    check {sam-answer} == {other} 9000

case SLOTS-2
    Both are asked, each with its own challenge and its own last answer.
    state ssse
    > 00 84 00 00 08
    sam>> 00 A4 04 00 {lc} {name ssse}
    sam> 00 84 00 00 04
    < {mine:8} 9000
    sam< {other:4} 9000
    check {challenge} == {mine}
    check {sam-challenge} == {other}
    > 00 82 00 {id RKSSSE} 10 {auth RKSSSE}
    < 9000

case SLOTS-3
    What a case does to the other card is undone for the next case.
    marks writes model
    sam>> 00 A4 04 00 {lc} {name ssse}
    sam> 00 84 00 00 08
    sam> 00 82 00 0A 10 00112233445566778899AABBCCDDEEFF
    sam< 63C2
    sam reset

case SLOTS-4
    The card itself is asked; nothing reaches the other slot.
    state ssse
    > 00 84 00 00 08
    < * 9000

case SLOTS-5
    An answer of the other slot that does not come.
    sam>> 00 A4 04 00 {lc} {name ssse}
    sam< 6A82
"""


@pytest.fixture
def slots(tmp_path: Path) -> Library:
    """The cases of this file."""
    path = tmp_path / "slots.case"
    path.write_text(_CASES, encoding="utf8")
    return load([path], standard_library())


def runner(library: Library, first: Demo | None, second: Demo | None, *, model: bool = True) -> Runner:
    """A bench with a card, another one in the PSAM's slot, or one of them."""
    keys = first or second
    assert keys is not None
    context = Context(keys.keys, functions=FUNCTIONS)
    claimed = Applicability("demo", "3.0", "sm4", pse=True, psam=frozenset({"psam"}))
    control = first.model if first is not None and model else None
    bench = Bench(NoCard() if first is None else first.model, library.vocabulary, context, control)
    if second is not None:
        sam_bench(bench, second.model, second.model if model else None)
    return Runner(bench, {}, claimed)


def verdicts(run: Runner, library: Library) -> dict[str, tuple[Verdict, str]]:
    """Verdict and reason of each case."""
    return {result.case.id: (result.verdict, result.reason) for result in run.run(library.cases)}


class TestRunner:
    """Which cases run with what is there, and on which card."""

    def test_both(self, slots: Library) -> None:
        """With both cards all run; challenges and answers are kept apart."""
        found = verdicts(runner(slots, card(on=False), card(on=False)), slots)
        wrong = Verdict.FAILED
        assert [verdict for verdict, _ in found.values()] == [Verdict.PASSED] * 4 + [wrong], found

    @pytest.mark.parametrize(("alone", "ran"), [(True, {"SLOTS-4"}), (False, {"SLOTS-1", "SLOTS-3", "SLOTS-5"})])
    def test_one_alone(self, slots: Library, alone: bool, ran: set[str]) -> None:
        """What needs the other one is not applicable, and says which option names it."""
        demo = card(on=False)
        found = verdicts(runner(slots, demo if alone else None, None if alone else demo), slots)
        left = {name: reason for name, (verdict, reason) in found.items() if verdict is Verdict.NOT_APPLICABLE}
        assert set(found) - set(left) == ran
        assert all(("--psam" if alone else "--card") in reason for reason in left.values())

    def test_snapshots_of_both(self, slots: Library) -> None:
        """A try that a case takes from the other card is there again when the case runs once more."""
        run = runner(slots, card(on=False), card(on=False))
        (third,) = (case for case in slots.cases if case.id == "SLOTS-3")
        assert [run.run_one(third).verdict for _ in range(3)] == [Verdict.PASSED] * 3

    def test_model_cases_need_models_in_their_own_slots(self, slots: Library) -> None:
        """A case of the other slot that needs a model is skipped when that one is a physical card."""
        found = verdicts(runner(slots, card(on=False), card(on=False), model=False), slots)
        assert found["SLOTS-3"][0] is Verdict.SKIPPED
        assert found["SLOTS-2"][0] is Verdict.PASSED

    def test_transcript_says_which_slot(self, slots: Library) -> None:
        """Each line of a transcript knows its slot; a card that is not used is not even powered."""
        run = runner(slots, card(on=False), card(on=False))
        results = {result.case.id: result for result in run.run(slots.cases)}
        assert {line.slot for line in results["SLOTS-1"].transcript} == {"psam"}
        assert {line.slot for line in results["SLOTS-2"].transcript} == {"card", "psam"}
        assert {line.slot for line in results["SLOTS-4"].transcript} == {"card"}


class TestCommand:
    """cardterm conform --psam."""

    def run(self, tmp_path: Path, *words: str | Path) -> tuple[int, dict[str, str], dict[str, object]]:
        """Status, verdicts and target of a run of these cases."""
        path = tmp_path / "slots.case"
        path.write_text(_CASES, encoding="utf8")
        ended = conform(*words, "--cases", path, "SLOTS", "--json")
        document = json.loads(ended.out)
        return ended.status, {case["id"]: case["verdict"] for case in document["cases"]}, document["target"]

    def test_psam_alone(self, tmp_path: Path) -> None:
        """The key file is the one beside the PSAM, the target is told, and cases of the card are left out."""
        image = tmp_path / "me.psam"
        assert main(["new", "--psam", str(image)]) == 0
        before = image.read_bytes()
        status, found, target = self.run(tmp_path, "--psam", image)
        assert status == 1, "SLOTS-5 fails"
        assert found["SLOTS-1"] == "passed"
        assert found["SLOTS-4"] == "not applicable"
        assert (target["kind"], target["atr"]) == ("none", "")
        assert isinstance(target["psam"], dict)
        assert (target["psam"]["kind"], target["psam"]["name"]) == ("image", str(image))
        assert image.read_bytes() == before, "a private copy is used"

    def test_both(self, image: Path, tmp_path: Path) -> None:
        """Both targets."""
        status, found, target = self.run(tmp_path, "--card", image, "--psam", "python:tests.conformance.bench:healthy")
        assert (status, found["SLOTS-2"], found["SLOTS-3"]) == (1, "passed", "skipped")
        assert target["kind"] == "image"

    def test_none(self) -> None:
        """Neither is wrong use; a profile is drafted of a card alone."""
        assert conform("SLOTS").status == 2
        ended = conform("--psam", "x", "--draft-profile")
        assert ended.status == 2
        assert "name one card" in ended.err

    def test_cards_in_the_wrong_slots(self, image: Path, tmp_path: Path) -> None:
        """A user card is no PSAM, a PSAM no user card, and one image is not both: wrong use, told before any case."""
        sam = tmp_path / "me.psam"
        assert main(["new", "--psam", str(sam)]) == 0
        for words, told in (
            (("--psam", image), "not a PSAM"),
            (("--card", sam), "is a PSAM, not a user card"),
            (("--card", image, "--psam", image), "in slot 0 already"),
        ):
            ended = conform(*words, "SSSE")
            assert ended.status == 2
            assert told in ended.err

    def test_a_psam_without_its_key_file(self, image: Path, tmp_path: Path) -> None:
        """Cases that need its keys cannot be run; a hint says where they belong."""
        sam = tmp_path / "me.psam"
        assert main(["new", "--psam", str(sam)]) == 0
        (tmp_path / "me.psam.keys.toml").unlink()
        ended = conform("--card", image, "--psam", sam, "PSAM_CARD")
        assert ended.status == 1
        assert "note: the PSAM's keys are missing" in ended.out

    def test_no_such_psam(self, tmp_path: Path) -> None:
        """The message says how one is made."""
        ended = conform("--psam", tmp_path / "none", "SSSE")
        assert ended.status == 2
        assert f"cardsim new --psam {tmp_path / 'none'}" in ended.err
