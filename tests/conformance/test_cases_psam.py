"""The cases of the PSAM: what they find on good PSAMs, alone and with a user card, and on themselves."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

import pytest

from cardsim.assembly import SamModel
from cardsim.keyfile import KeyFile
from cardsim.psam.switches import SamSwitch
from terminal.conformance.applicability import Applicability
from terminal.conformance.case import Case, Expect, Mark, slots_of
from terminal.conformance.context import Context
from terminal.conformance.functions import FUNCTIONS
from terminal.conformance.library import standard_library
from terminal.conformance.pattern import parse_pattern
from terminal.conformance.probe import probe_psam
from terminal.conformance.requirements import load_requirements
from terminal.conformance.results import Result, Verdict
from terminal.conformance.runner import Options, Runner
from terminal.conformance.session import Bench, NoCard, sam_bench
from terminal.slots import Slot
from tests.cards import card
from tests.conformance.pages import coverage_page
from tests.psams import FIELD, NATIONAL, made_psam, psam

FILES: Final = ("PSAM_FILES", "PSAM_KEYS", "PSAM_LOADING", "PSAM_CIPHER", "PSAM_PURCHASE")
BOTH: Final = "PSAM_CARD"
REQUIREMENT: Final = r"PSAM-\d{3}"
KINDS: Final = {
    "field": (FIELD, SamSwitch(0), True, frozenset[str]()),
    "national": (NATIONAL, SamSwitch(0), True, frozenset({"psam-id-ranges"})),
    "DES alone": (FIELD, SamSwitch(0), False, frozenset[str]()),
    "table 31": (FIELD, SamSwitch.MAC_9302, True, frozenset({"psam-9302"})),
}
"""PSAMs by name: profile, further switches, whether there is an environment with SM4, and what probing cannot see."""

LEAST: Final = {"field": 280, "national": 265, "DES alone": 170, "table 31": 280}
GOOD: Final = (Verdict.PASSED, Verdict.NOT_APPLICABLE)


def cases() -> list[Case]:
    """The cases that need a PSAM alone."""
    return [case for case in standard_library().cases if case.group in FILES]


def both() -> list[Case]:
    """The cases of a card and a PSAM."""
    return [case for case in standard_library().cases if case.group == BOTH]


def supports(model: SamModel, more: frozenset[str] = frozenset()) -> frozenset[str]:
    """What probing finds, and what it cannot."""
    return probe_psam(model, reader=False).supports | more


def runner(model: SamModel, keys: KeyFile, claimed: frozenset[str], options: Options | None = None) -> Runner:
    """A bench with a PSAM alone; with options as a physical one, which no one controls."""
    context = Context(keys, functions=FUNCTIONS, psam=claimed)
    bench = Bench(NoCard(), standard_library().vocabulary, context)
    sam_bench(bench, model, model if options is None else None)
    return Runner(bench, {}, Applicability(psam=claimed), options or Options())


def run(kind: str, chosen: Iterable[Case], seed: int | None = None) -> list[Result]:
    """Run cases on a PSAM of a kind."""
    profile, switches, second, more = KINDS[kind]
    model, keys = psam(profile, seed, switches, second=second)
    return list(runner(model, keys, supports(model, more)).run(list(chosen)))


def wrong(results: Iterable[Result], allowed: tuple[Verdict, ...] = GOOD) -> list[str]:
    """What did not go well, in words."""
    return [
        f"{result.case.id} {result.verdict.value} {result.reason} {result.difference}"
        for result in results
        if result.verdict not in allowed
    ]


class TestGoodPsams:
    """Every case passes on a PSAM of this project, or does not apply."""

    @pytest.mark.parametrize("kind", KINDS)
    def test_kinds(self, kind: str) -> None:
        """Each kind by itself."""
        results = run(kind, cases())
        assert wrong(results) == []
        assert Counter(result.verdict for result in results)[Verdict.PASSED] >= LEAST[kind]

    def test_another_psam(self) -> None:
        """No case leans on the published PSAM's numbers or keys."""
        assert wrong(run("field", cases(), seed=5)) == []

    def test_every_case_runs_somewhere(self) -> None:
        """No case is for nobody."""
        ran = {
            result.case.id
            for kind in KINDS
            for result in run(kind, cases())
            if result.verdict is not Verdict.NOT_APPLICABLE
        }
        assert ran == {case.id for case in cases()}


class TestPhysicalPsams:
    """One PSAM for all cases, without snapshots."""

    @pytest.mark.parametrize("kind", ["field", "national"])
    def test_in_order(self, kind: str) -> None:
        """No case spoils another one; what needs a model is skipped."""
        profile, switches, second, more = KINDS[kind]
        model, keys = psam(profile, None, switches, second=second)
        results = list(runner(model, keys, supports(model, more), Options(destructive=True)).run(cases()))
        assert wrong(results, (*GOOD, Verdict.SKIPPED)) == []
        assert all(Mark.MODEL in result.case.marks for result in results if result.verdict is Verdict.SKIPPED)

    def test_read_only(self) -> None:
        """--read-only changes nothing."""
        model, keys = psam()
        claimed = supports(model)
        before = model.state_key()
        results = list(runner(model, keys, claimed, Options(read_only=True)).run(cases()))
        assert wrong(results, (*GOOD, Verdict.SKIPPED)) == []
        model.power_off()
        assert model.state_key() == before


class TestWithACard:
    """A user card and a PSAM together."""

    @pytest.mark.parametrize(
        ("profile", "kind", "least"),
        [
            ("dual-3.0-sm4", "field", 11),
            ("dual-3.0-des", "field", 11),
            ("dual-3.0-des", "DES alone", 11),
            ("dual-2.0-des", "field", 5),
            ("social-1.0", "field", 1),
            ("dual-3.0-sm4", "national", 4),
        ],
    )
    def test_pairs(self, profile: str, kind: str, least: int) -> None:
        """A card and a PSAM of one seed fit each other."""
        name, switches, second, more = KINDS[kind]
        model, keys = psam(name, None, switches, second=second)
        user = card(profile, on=False)
        assert user.keys.ssse is not None
        claimed = supports(model, more)
        context = Context(replace(user.keys, psam=keys.psam), functions=FUNCTIONS, psam=claimed)
        bench = Bench(user.model, standard_library().vocabulary, context, user.model)
        sam_bench(bench, model, model)
        version = profile.split("-")[1]
        profile_of = Applicability("demo", version, user.keys.ssse.suite.value, psam=claimed)
        results = list(Runner(bench, {}, profile_of).run(both()))
        assert wrong(results) == []
        assert Counter(result.verdict for result in results)[Verdict.PASSED] >= least

    def test_slots(self) -> None:
        """They use both slots, the others the PSAM's alone."""
        words = standard_library().vocabulary
        assert {slots_of(case, words) for case in both()} == {frozenset(Slot)}
        assert {slots_of(case, words) for case in cases()} == {frozenset({Slot.PSAM})}


def _expects(case: Case) -> Iterator[int]:
    return (number for number, step in enumerate(case.steps) if isinstance(step, Expect))


def _spoiled(case: Case, number: int) -> Case:
    """The same case with an expectation that no answer fulfils."""
    step = case.steps[number]
    assert isinstance(step, Expect)
    never = Expect(step.place, (parse_pattern("* 6FFE"),), step.slot)
    return replace(case, steps=(*case.steps[:number], never, *case.steps[number + 1 :]))


class TestWrongCases:
    """A case that expects something else fails, there where it does."""

    def test_each_status(self) -> None:
        """Each expectation is looked at: spoiled, it fails with its place and with what came."""
        mine = [(case, number) for case in cases() for number in _expects(case) if Mark.SLOW not in case.marks]
        results = run("field", [_spoiled(case, number) for case, number in mine])
        judged = 0
        for (case, number), result in zip(mine, results, strict=True):
            if result.verdict is Verdict.NOT_APPLICABLE:
                continue
            assert result.verdict is Verdict.FAILED, (case.id, result.verdict, result.reason)
            assert result.difference is not None
            assert result.difference.place == case.steps[number].place
            judged += 1
        assert judged > 300

    def test_keys_of_another_psam(self) -> None:
        """With another PSAM's key file nothing that computes holds."""
        model, _ = psam()
        _, keys = made_psam(FIELD, 5)
        results = list(runner(model, keys, supports(model)).run(cases()))
        found = {result.case.id for result in results if result.verdict not in GOOD}
        assert {"PSAM-061", "PSAM-145", "PSAM-032f", "PSAM-171", "PSAM-080"} <= found


class TestForm:
    """How the cases are written."""

    def test_needs(self) -> None:
        """Each case says that it needs a PSAM."""
        for case in (*cases(), *both()):
            assert any(need in ("psam-des", "psam-sm4") for need in case.needs), case.id

    def test_ids(self) -> None:
        """A case is called by a requirement that it shows; further ones get letters."""
        known = load_requirements()
        for case in (*cases(), *both()):
            assert re.sub(r"(?<=\d)[a-z]+$", "", case.id) in case.shows, case.id
            assert [name for name in case.shows if name not in known] == [], case.id

    def test_marks(self) -> None:
        """What leaves a key behind is for models; what takes a try is marked."""
        for case in cases():
            text = " ".join(map(str, case.steps))
            assert "sam-create" not in text or Mark.MODEL in case.marks, case.id
            assert "wrong" not in text or "sam-auth" not in text or case.marks & {Mark.DESTRUCTIVE, Mark.MODEL}, case.id


class TestPage:
    """docs/coverage-psam.md."""

    def test_each_requirement_once(self) -> None:
        """Every item of the catalogue stands there, and once."""
        catalogue = sorted(name for name in load_requirements() if name.startswith("PSAM-"))
        assert coverage_page("psam", REQUIREMENT).requirements == catalogue
        assert len(catalogue) == 190

    def test_cases_are_those_of_the_page(self) -> None:
        """The page says what the cases say."""
        found: dict[str, list[str]] = {}
        for case in (*cases(), *both()):
            for name in case.shows:
                if name.startswith("PSAM-"):
                    found.setdefault(name, []).append(case.id)
        assert coverage_page("psam", REQUIREMENT).shown == found
