"""The cases of the social-security environment: what they find on good cards, on foreign ones, and on themselves."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from cardsim.cos.record import Switch
from cardsim.resources import resource
from terminal.conformance.applicability import Applicability
from terminal.conformance.case import Case, Expect, Mark, Repeat, Use
from terminal.conformance.context import Context
from terminal.conformance.functions import FUNCTIONS
from terminal.conformance.library import load, standard_library
from terminal.conformance.pattern import parse_pattern
from terminal.conformance.requirements import load_requirements
from terminal.conformance.results import Result, Verdict
from terminal.conformance.runner import Options, Runner
from terminal.conformance.session import Bench as CaseBench
from tests.cards import Bench, card, made, of_cells
from tests.conformance.pages import coverage_page

FILES: Final = (
    "SSSE_RECORD", "SSSE_SAFETY", "SSSE_SELECT", "SSSE_AUTH", "SSSE_PIN", "SSSE_PIN_SERVICE", "SSSE_BINARY",
    "SSSE_MESSAGING", "SSSE_BLOCK", "DF01_RECORD", "DF01_SAFETY", "SSSE_FILES", "SSSE_ITEMS",
    "MEDICAL_STATE", "MEDICAL_LOAD", "MEDICAL_PURCHASE", "MEDICAL_ACCOUNT",
)  # fmt: skip
REQUIREMENT: Final = r"SSC[V\d]\S*"
CLAIMS: Final = {
    "dual-3.0-sm4": Applicability("demo", "3.0", "sm4", pse=True),
    "dual-3.0-des": Applicability("demo", "3.0", "des", pse=True),
    "dual-2.0-des": Applicability("demo", "2.0", "des", pse=True),
    "social-1.0": Applicability("demo", "1.0", "des", pse=False),
    "social-2.0": Applicability("demo", "2.0", "des", pse=False),
}
SPECIAL: Final = {
    "bare": ("empty-directory", "3.0", "sm4"),
    "no-directory": ("no-directory", "2.0", "des"),
    "item60": ("item60-df03", "2.0", "des"),
    "directory": ("directory-5-15", "2.0", "des"),
    "on-line": ("medical-on-line", "1.0", "des"),
}
"""Cards of their own, made of tests/conformance/cards: the option that cases for them need, version, cipher."""
LEAST: Final = {
    "dual-3.0-sm4": 555, "dual-3.0-des": 555, "dual-2.0-des": 540, "social-2.0": 535, "social-1.0": 395,
}  # fmt: skip
GOOD: Final = (Verdict.PASSED, Verdict.NOT_APPLICABLE)


def cases() -> list[Case]:
    """The cases of the groups that stand in `FILES`."""
    return [case for case in standard_library().cases if case.group in FILES]


def claims(profile: str, protocol: str = "t0") -> Applicability:
    """What a card of a profile claims."""
    options = {"ssse-directory", "medical", "medical-off-line", "item60-df02"} | (
        {"annex-b"} if CLAIMS[profile].ssse != "1.0" else set()
    )
    return replace(CLAIMS[profile], protocol=protocol, management="cardsim", options=frozenset(options))


def run(bench: Bench, claimed: Applicability, chosen: Iterable[Case], options: Options | None = None) -> list[Result]:
    """Run cases on a card; with options as on a physical card, which no one controls."""
    control = bench.model if options is None else None
    context = Context(bench.keys, functions=FUNCTIONS)
    cases_bench = CaseBench(bench.model, standard_library().vocabulary, context, control=control)
    return list(Runner(cases_bench, {}, claimed, options or Options()).run(list(chosen)))


def changed_files(bench: Bench, before: bytes) -> set[str]:
    """Identifiers of the files of DF04 whose cells changed, and addresses of other cells that did."""
    index = bench.model.environments[0].files.index
    start = bench.model.ranges()["DDF1"].start
    (df04,) = [file.index for file in index.files if file.fid == 0xDF04]
    owners = {
        start + file.offset + at: f"{file.fid:04X}"
        for file in index.files
        if file.parent == df04
        for at in range(file.length)
    }
    journal = bench.model.ranges()["journal"]
    after = bench.cells
    differ = [at for at in range(len(after)) if after[at] != before[at] and at not in journal]
    return {owners.get(at, f"{at:05X}") for at in differ}


def run_special(name: str) -> list[Result]:
    """Run the cases that are for one of the special cards."""
    path = Path(__file__).parent / "cards" / f"{name}.toml"
    option, version, suite = SPECIAL[name]
    options = frozenset({"ssse-directory", option})
    claimed = Applicability("demo", version, suite, management="cardsim", options=options)
    return run(card(str(path), on=False), claimed, [case for case in cases() if option in case.needs])


def wrong(results: Iterable[Result], allowed: tuple[Verdict, ...] = GOOD) -> list[str]:
    """What did not go well, in words."""
    return [
        f"{result.case.id} {result.verdict.value} {result.reason} {result.difference}"
        for result in results
        if result.verdict not in allowed
    ]


class TestGoodCards:
    """Every case passes on a card of this project, or does not apply."""

    @pytest.mark.parametrize("profile", CLAIMS)
    def test_profiles(self, profile: str) -> None:
        """SCHEME-110: each profile by itself, the dual card as well as the cards without payment."""
        results = run(card(profile, on=False), claims(profile), cases())
        assert wrong(results) == []
        assert Counter(result.verdict for result in results)[Verdict.PASSED] >= LEAST[profile]

    @pytest.mark.parametrize("profile", ["dual-3.0-sm4", "social-1.0"])
    def test_another_holder(self, profile: str) -> None:
        """No case leans on the demo card's numbers or keys."""
        cells, keys = made(profile, seed=5)
        assert wrong(run(of_cells(cells, keys, on=False), claims(profile), cases())) == []

    @pytest.mark.parametrize("name", SPECIAL)
    def test_special_cards(self, name: str) -> None:
        """What only a card of its own can show."""
        results = run_special(name)
        assert results
        assert wrong(results, (Verdict.PASSED,)) == []

    def test_direct_answers(self) -> None:
        """A link without 61xx and 6Cxx: what needs T=0 says so."""
        bench = card(switches=Switch.DIRECT_ANSWERS, on=False)
        results = run(bench, claims("dual-3.0-sm4", "direct"), cases())
        assert wrong(results) == []
        assert Counter(result.verdict for result in results)[Verdict.PASSED] > 300

    def test_every_case_runs_somewhere(self) -> None:
        """No case is for nobody."""
        ran = {
            result.case.id
            for profile in CLAIMS
            for result in run(card(profile, on=False), claims(profile), cases())
            if result.verdict is not Verdict.NOT_APPLICABLE
        }
        assert ran | {result.case.id for name in SPECIAL for result in run_special(name)} == {
            case.id for case in cases()
        }


class TestPhysicalCards:
    """One card for all cases, without snapshots."""

    @pytest.mark.parametrize("profile", ["dual-3.0-sm4", "dual-2.0-des", "social-1.0"])
    def test_nothing_is_left_behind(self, profile: str) -> None:
        """Without --destructive the card is afterwards what it was; medical cases leave money and traces of it."""
        bench = card(profile)
        bench.model.power_off()
        before = bench.model.state_key()
        others = [case for case in cases() if not case.group.startswith("MEDICAL")]
        assert wrong(run(bench, claims(profile), others, Options()), (*GOOD, Verdict.SKIPPED)) == []
        bench.model.power_off()
        assert bench.model.state_key() == before
        cells = bench.cells
        medical = [case for case in cases() if case.group.startswith("MEDICAL")]
        assert wrong(run(bench, claims(profile), medical, Options()), (*GOOD, Verdict.SKIPPED)) == []
        assert changed_files(bench, cells) <= {"EF08", "EF15", "EF81"}

    @pytest.mark.parametrize("profile", ["dual-3.0-sm4", "social-1.0"])
    def test_destructive_cases_stand_in_order(self, profile: str) -> None:
        """What spends the card runs last, and none of these cases spoils another one."""
        results = run(card(profile, on=False), claims(profile), cases(), Options(destructive=True))
        assert wrong(results, (*GOOD, Verdict.SKIPPED)) == []
        assert all(Mark.MODEL in result.case.marks for result in results if result.verdict is Verdict.SKIPPED)

    def test_read_only(self) -> None:
        """--read-only changes nothing, also for a moment no record."""
        bench = card()
        bench.model.power_off()
        before = bench.model.state_key()
        results = run(bench, claims("dual-3.0-sm4"), cases(), Options(read_only=True))
        assert wrong(results, (*GOOD, Verdict.SKIPPED)) == []
        bench.model.power_off()
        assert bench.model.state_key() == before


def _expects(case: Case) -> Iterator[int]:
    """Places of the steps that compare an answer, on the level of the case itself."""
    return (number for number, step in enumerate(case.steps) if isinstance(step, Expect))


def _spoiled(case: Case, number: int) -> Case:
    """The same case with an expectation that no answer fulfils."""
    step = case.steps[number]
    assert isinstance(step, Expect)
    never = Expect(step.place, (parse_pattern("* 6FFE"),))
    return replace(case, steps=(*case.steps[:number], never, *case.steps[number + 1 :]))


class TestWrongCases:
    """A case that expects something else fails, there where it does."""

    def test_each_status(self) -> None:
        """Each expectation of each case is looked at: spoiled, it fails with its place and with what came."""
        mine = [(case, number) for case in cases() for number in _expects(case) if Mark.SLOW not in case.marks]
        results = run(card(on=False), claims("dual-3.0-sm4"), [_spoiled(case, number) for case, number in mine])
        judged = 0
        for (case, number), result in zip(mine, results, strict=True):
            if result.verdict is Verdict.NOT_APPLICABLE:
                continue
            assert result.verdict is Verdict.FAILED, (case.id, result.verdict, result.reason)
            assert result.difference is not None
            assert result.difference.place == case.steps[number].place
            assert result.difference.wanted == "status 6FFE"
            assert result.difference.received[-4:] == result.transcript[-1].answer[-4:]
            judged += 1
        assert judged > 600

    @pytest.mark.parametrize(
        ("file", "name", "old", "new", "offset", "wanted"),
        [
            ("SSSE_RECORD", "SSC5-6.10-01", "< 0304 {version:4}", "< 0305 {version:4}", 1, "0305"),
            ("SSSE_RECORD", "SSC5-6.13-02", "< A10155 9000", "< A10155 00 9000", 3, "00"),
            ("SSSE_RECORD", "SSC3-5.3.1-04", "< 40022202", "< 40022203", 3, "40022203"),
            ("SSSE_RECORD", "SSC5-6.10-19", "< 6C06", "< 6C07", 0, "status 6C07"),
            ("SSSE_SELECT", "SSC5-6.11-06", "D15600000500 * 9000", "D15600000501 * 9000", 9, "D15600000501"),
            ("SSSE_PIN", "SSC5-6.14-02", "< 63C4", "< 63C6", 0, "status 63C6"),
            ("SSSE_AUTH", "SSC5-6.7-04", "{proof key-a", "{proof key-b", 0, None),
            ("SSSE_AUTH", "SSC5-6.4-10", "< 63C2", "< 63C3", 0, "status 63C3"),
            ("SSSE_SAFETY", "SSC5-6.2-10", "< 6988", "< 9000", 0, "status 9000"),
            ("DF01_RECORD", "SSC5-6.10-06b", "{five} {four} {three}", "{three} {four} {five}", 0, None),
            ("DF01_SAFETY", "SSCV2-5.3-02d", "< 6982", "< * 9000", 0, "status 9000"),
        ],
    )
    def test_difference(
        self, tmp_path: Path, file: str, name: str, old: str, new: str, offset: int, wanted: str | None
    ) -> None:
        """The difference names line, byte and what was wanted."""
        text = resource("cases", f"{file}.case").read_text(encoding="utf8")
        start = text.index(f"case {name}\n")
        at = text.index(old, start)
        changed = tmp_path / f"{file}.case"
        changed.write_text(text[:at] + new + text[at + len(old) :], encoding="utf8")
        (chosen,) = (case for case in load([changed], standard_library()).cases if case.id == name)
        (result,) = run(card(on=False), claims("dual-3.0-sm4"), [chosen])
        assert result.verdict is Verdict.FAILED, result.reason
        found = result.difference
        assert found is not None
        assert (found.place.file, found.place.line) == (changed.name, text[:at].count("\n") + 1)
        assert found.offset == offset
        assert wanted is None or found.wanted == wanted

    def test_wrong_profile(self) -> None:
        """A DES card that claims to be an SM4 card is found out."""
        failed = wrong(run(card("dual-3.0-des", on=False), claims("dual-3.0-sm4"), cases()))
        assert any(line.startswith("SSC3-6.4-01b failed") for line in failed)


class TestForm:
    """How the cases are written."""

    def test_needs(self) -> None:
        """Each case says that it is about this environment."""
        assert [case.id for case in cases() if not {"ssse", "dual"} & set(case.needs)] == []

    def test_marks(self) -> None:
        """A case that takes tries or blocks says so, and one that makes files is for models."""
        taking = {"fail", "miss", "card-block"}
        for case in cases():
            words = {step.word for step in _all(case) if isinstance(step, Use)}
            assert not words & taking or Mark.DESTRUCTIVE in case.marks, case.id
            assert not words & {"create", "write-key", "write-pin"} or Mark.MODEL in case.marks, case.id
            made = case.state.startswith(("local", "df0a", "blocked"))
            assert not made or Mark.MODEL in case.marks, case.id

    def test_ids(self) -> None:
        """A case is called by the requirement that it shows first of all; further ones get a letter."""
        known = load_requirements()
        for case in cases():
            assert re.sub(r"[a-z]$", "", case.id) in (*case.shows, case.id[:-1]), case.id
            assert [name for name in case.shows if name not in known] == [], case.id


def _all(case: Case) -> Iterator[object]:
    stack = list(case.steps)
    while stack:
        step = stack.pop()
        yield step
        if isinstance(step, Repeat):
            stack.extend(step.steps)


class TestPage:
    """docs/coverage-ssse.md."""

    def test_each_requirement_once(self) -> None:
        """Every item of the catalogue stands there, and once."""
        catalogue = sorted(name for name in load_requirements() if re.match(r"SSC[3-7]|SSCV2", name))
        assert coverage_page("ssse", REQUIREMENT).requirements == catalogue
        assert len(catalogue) == 624

    def test_cases_are_those_of_the_page(self) -> None:
        """The page says what the cases say."""
        found: dict[str, list[str]] = {}
        for case in sorted(cases(), key=lambda case: FILES.index(case.group)):
            for name in case.shows:
                if name.startswith("SSC") and not name.startswith("SSC2-"):
                    found.setdefault(name, []).append(case.id)
        shown = coverage_page("ssse", REQUIREMENT).shown
        assert {name: sorted(names) for name, names in shown.items()} == {
            name: sorted(names) for name, names in found.items()
        }
