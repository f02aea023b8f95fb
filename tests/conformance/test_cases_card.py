"""The cases of the card as such: answer to reset, T=0, life of the card, firewall; and the dialects."""

import functools
import re
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from cardsim.assembly import CardModel, seeded
from cardsim.chip.eeprom import Eeprom
from cardsim.control import ModelControl
from cardsim.iso7816.card import Card
from cardsim.resources import resource
from terminal.conformance.applicability import Applicability
from terminal.conformance.case import Case, Expect, Mark, Vocabulary
from terminal.conformance.context import Context
from terminal.conformance.dialect import (
    MANAGEMENT_WORDS,
    DialectError,
    dialect_names,
    load_dialect,
    undefined_words,
    with_dialect,
)
from terminal.conformance.functions import FUNCTIONS
from terminal.conformance.library import Library, load
from terminal.conformance.pattern import parse_pattern
from terminal.conformance.requirements import load_requirements
from terminal.conformance.results import Result, Verdict
from terminal.conformance.runner import Options, Runner, blank_bench
from terminal.conformance.session import Bench
from tests.cards import made

GROUPS = ("ATR", "CARD_LIFE", "FIREWALL", "T0")
DIRECT = 0x0002
COVERAGE = Path(__file__).resolve().parents[2] / "docs" / "coverage-card.md"
ROW = re.compile(r"^\| ((?:PERSO|SCHEME|SSC|PBOC)[-.\w]*-\d+) \| (.+) \|$")
TARGETS = [
    ("dual-3.0-sm4", 0, Applicability("", "3.0", "sm4", pse=True, management="cardsim")),
    ("dual-3.0-des", 0, Applicability("", "3.0", "des", pse=True, management="cardsim")),
    ("dual-3.0-sm4", DIRECT, Applicability("", "3.0", "sm4", pse=True, protocol="direct", management="cardsim")),
    ("social-2.0", 0, Applicability("", "2.0", "des", pse=False, management="cardsim")),
    ("bank", 0, Applicability("", None, "des", pse=True, management="cardsim")),
]


@functools.cache
def library() -> Library:
    """The vocabulary and the cases of these groups."""
    return load(
        [resource("cases", f"{name}.case") for name in ("0-vocabulary", "1-card", "1-pse", "1-pse-scripts", *GROUPS)]
    )


def vocabulary(dialect: str = "cardsim") -> Vocabulary:
    """The vocabulary in a dialect."""
    return with_dialect(library().vocabulary, load_dialect(dialect))


def bench_of(profile: str, switches: int = 0, *, strict: bool = False) -> Bench:
    """A finished model card on the bench, with a blank one beside it."""
    cells, keys = made(profile, switches)
    card = CardModel(Eeprom(bytearray(cells)), seeded(1))
    context, control = Context(keys, functions=FUNCTIONS), cast(ModelControl, card)
    bench = Bench(card, vocabulary(), context, control, strict=strict)
    bench.blank = blank_bench(bench, switches=switches)
    return bench


def named(name: str) -> Case:
    """A case by its id."""
    return next(case for case in library().cases if case.id == name)


def run(case: Case, *, strict: bool = False) -> Result:
    """One case on the default card."""
    profile, switches, claim = TARGETS[0]
    return Runner(bench_of(profile, switches, strict=strict), {}, claim).run_one(case)


@pytest.mark.parametrize(("profile", "switches", "claim"), TARGETS)
def test_all(profile: str, switches: int, claim: Applicability) -> None:
    """Every case passes on the model or does not apply to it for a reason; so it is with --strict."""
    for strict in (False, True):
        runner = Runner(bench_of(profile, switches, strict=strict), {}, claim)
        for result in runner.run(library().cases):
            case, found = result.case.id, result.difference
            assert result.verdict in (Verdict.PASSED, Verdict.NOT_APPLICABLE), (case, result.reason, found)
            assert bool(result.reason) is (result.verdict is Verdict.NOT_APPLICABLE)


def test_few_do_not_apply() -> None:
    """On the two whole cards nearly every case runs, and those that do not are known."""
    for profile, switches, claim in TARGETS[:2]:
        runner = Runner(bench_of(profile, switches), {}, claim)
        left = {r.case.id for r in runner.run(library().cases) if r.verdict is Verdict.NOT_APPLICABLE}
        assert left - {"LIFE-193", "LIFE-194"} == {
            "ATR-003-1", "ATR-016-1", "ATR-017-1", "ATR-033-1", "FW-003", "T0-055-1", "T0-055-2",
        }  # fmt: skip


def test_any_order() -> None:
    """Cases are independent: backwards they pass as well."""
    profile, switches, claim = TARGETS[0]
    runner = Runner(bench_of(profile, switches), {}, claim)
    results = runner.run(library().cases[::-1])
    bad = {r.case.id for r in results if r.verdict not in (Verdict.PASSED, Verdict.NOT_APPLICABLE)}
    assert not bad


@pytest.mark.parametrize(
    "name",
    ["LIFE-022", "LIFE-034", "LIFE-054", "LIFE-110", "LIFE-155", "LIFE-185", "LIFE-214", "T0-048-1", "FW-033"],
)
def test_altered_cases_fail(name: str) -> None:
    """The last expectation, altered, makes the case fail with what came instead."""
    case = named(name)
    at = max(number for number, step in enumerate(case.steps) if isinstance(step, Expect))
    altered = Expect(case.steps[at].place, (parse_pattern("9999"),))
    result = run(replace(case, steps=(*case.steps[:at], altered, *case.steps[at + 1 :])))
    assert result.verdict is Verdict.FAILED
    assert result.difference is not None
    assert result.difference.place == case.steps[at].place
    assert result.transcript


class Liar:
    """A card that tells another status and another answer to reset than its own."""

    def __init__(self, card: Card) -> None:
        self._card = card

    def power_on(self) -> bytes:
        """A short answer to reset."""
        self._card.power_on()
        return bytes.fromhex("3B61000080")

    def power_off(self) -> None:
        """As the card."""
        self._card.power_off()

    def transmit(self, command: bytes) -> bytes:
        """GET STATUS says something else."""
        answer = self._card.transmit(command)
        return bytes.fromhex("70038001FF9000") if command[:2] == b"\x80\xf2" else answer


@pytest.mark.parametrize("name", ["LIFE-005", "LIFE-070", "LIFE-180", "ATR-005-1", "ATR-019-1"])
def test_other_values_fail(name: str) -> None:
    """A check that meets another card's bytes fails: values are not compared with themselves."""
    profile, switches, claim = TARGETS[0]
    bench = bench_of(profile, switches)
    assert bench.blank is not None
    bench.card, bench.blank.card = Liar(bench.card), Liar(bench.blank.card)
    assert Runner(bench, {}, claim).run_one(named(name)).verdict is Verdict.FAILED


class TestBlankBench:
    """The second bench."""

    def test_not_without_it(self) -> None:
        """Without a blank card the cases do not apply, and the finished card is not touched."""
        profile, switches, claim = TARGETS[0]
        bench = bench_of(profile, switches)
        bench.blank = None
        result = Runner(bench, {}, claim).run_one(named("LIFE-050"))
        assert result.verdict is Verdict.NOT_APPLICABLE
        assert result.reason == "the profile has no blank"

    def test_the_other_card_is_not_touched(self) -> None:
        """Cases of the blank card leave no trace on the finished one."""
        profile, switches, claim = TARGETS[0]
        bench = bench_of(profile, switches)
        runner = Runner(bench, {}, claim)
        assert isinstance(bench.card, CardModel)
        before = bench.card.eeprom.snapshot().cells
        for case in library().cases:
            if "blank" in case.needs:
                runner.run_one(case)
        assert bench.card.eeprom.snapshot().cells == before

    def test_options(self) -> None:
        """--read-only holds there too."""
        profile, switches, claim = TARGETS[0]
        runner = Runner(bench_of(profile, switches), {}, claim, Options(read_only=True))
        assert runner.run_one(named("LIFE-050")).verdict is Verdict.SKIPPED


class TestPhysicalCard:
    """A blank card that nobody controls."""

    def test_one_card_for_all_that_can_be_undone(self) -> None:
        """All cases short of an environment's key run one after another on one card, which is made blank again."""
        profile, switches, claim = TARGETS[0]
        bench = bench_of(profile, switches).blank
        assert bench is not None
        bench.control = None
        early = {"blank", "blank-proved", "blank-again", "initialised", "card-master", "ssse-created", "pse-created"}
        cases = [case for case in library().cases if "blank" in case.needs and case.state in early]
        runner = Runner(bench, {}, replace(claim, blank=True), Options(destructive=True))
        results = list(runner.run(cases))
        assert {r.verdict for r in results} == {Verdict.PASSED, Verdict.SKIPPED}
        assert sum(r.verdict is Verdict.PASSED for r in results) > 50


class TestMarks:
    """What a physical card must be spared."""

    def test_beyond_the_card_master_key(self) -> None:
        """A case that loads keys or goes beyond the blank card is destructive, or for the model alone."""
        free = {"blank", "blank-proved", "powered"}
        for case in library().cases:
            if "blank" in case.needs and case.state not in free:
                assert case.marks & {Mark.DESTRUCTIVE, Mark.MODEL}, case.id

    def test_controls(self) -> None:
        """What only a model can do is marked so."""
        for case in library().cases:
            if "Control(" in str(case):
                assert Mark.MODEL in case.marks, case.id


class TestDialects:
    """Card management in data."""

    def test_ours_is_whole(self) -> None:
        """Ours defines every word of the set."""
        assert load_dialect("cardsim").missing == ()
        assert len(dialect_names()) == 5

    @pytest.mark.parametrize("name", dialect_names())
    def test_known_words(self, name: str) -> None:
        """A dialect defines words of the set alone; what it lacks it says."""
        dialect = load_dialect(name)
        assert set(MANAGEMENT_WORDS) - set(dialect.missing) <= set(dialect.vocabulary.words)

    def test_missing_word(self) -> None:
        """A case that needs a word which the dialect lacks does not apply, and says which."""
        profile, switches, claim = TARGETS[0]
        bench = bench_of(profile, switches)
        assert bench.blank is not None
        bench.blank.vocabulary = vocabulary("fmcos")
        result = Runner(bench, {}, claim).run_one(named("LIFE-020"))
        assert result.verdict is Verdict.NOT_APPLICABLE
        assert result.reason == "the dialect of card management has no mgmt-status"

    def test_words_of_the_state_count(self) -> None:
        """The words of the state and of other words count too."""
        words = undefined_words(named("LIFE-100"), library().vocabulary)
        assert {"mgmt-setup", "mgmt-load-card-master", "mgmt-create-ssse", "mgmt-status"} <= set(words)
        assert undefined_words(named("LIFE-100"), vocabulary()) == []

    def test_other_bytes(self) -> None:
        """A vendor's own file is used instead of ours: the card gets its bytes."""
        profile, switches, claim = TARGETS[0]
        bench = bench_of(profile, switches)
        assert bench.blank is not None
        bench.blank.vocabulary = vocabulary("datang-t514")
        case = replace(named("LIFE-021"), state="blank")
        result = Runner(bench, {}, claim).run_one(case)
        assert result.verdict is Verdict.FAILED
        assert result.transcript[-1].answer == "6700"

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("group X\ncase A\n    Title.\n    check 00 == 00\n", "no case and no state"),
            ("word other\n    Title.\n    > 00\n", "other is no word of card management"),
            ("word mgmt-end A\n    Title.\n    > 00\n", "mgmt-end has 0 parameters, not 1"),
            ("word mgmt-end\n    Title.\n    > 0\n", "neither hex"),
        ],
    )
    def test_refused(self, tmp_path: Path, text: str, problem: str) -> None:
        """A file that is no dialect is refused with the reason."""
        path = tmp_path / "own.case"
        path.write_text(text, encoding="utf8")
        with pytest.raises(DialectError, match=re.escape(problem)):
            load_dialect(str(path))

    def test_helpers_and_replacement(self, tmp_path: Path) -> None:
        """Helper words begin with x-; another dialect takes the place of all words of the first."""
        path = tmp_path / "own.case"
        text = "word mgmt-end\n    Title.\n    x-go\nword x-go\n    Title.\n    > 80 0A 00 00\n"
        path.write_text(text, encoding="utf8")
        words = with_dialect(vocabulary(), load_dialect(str(path))).words
        assert "x-go" in words
        assert "mgmt-setup" not in words
        assert "challenge" in words

    def test_unknown(self) -> None:
        """A name that is none is refused with those that are."""
        with pytest.raises(DialectError, match="dialects are cardsim, datang-t514, fmcos, fmcos-swapped, fudan-fm"):
            load_dialect("nobody")


def owned(name: str) -> bool:
    """Whether these cases answer for a requirement."""
    prefix, _, number = name.rpartition("-")
    match prefix:
        case "PERSO":
            return int(number) <= 52
        case "SCHEME":
            return int(number) <= 24 or 52 <= int(number) <= 62
    return name.startswith(("SSC4-5.", "PBOC-T0-", "PBOC-SEP-"))


def test_coverage() -> None:
    """docs/coverage-card.md has each requirement once: with the cases that show it, or with a reason."""
    shown: dict[str, list[str]] = {}
    for case in library().cases:
        for name in case.shows:
            shown.setdefault(name, []).append(case.id)
    rows = [found.groups() for line in COVERAGE.read_text(encoding="utf8").splitlines() if (found := ROW.match(line))]
    names = [name for name, _ in rows]
    assert sorted(names) == sorted(name for name in load_requirements() if owned(name))
    for name, content in rows:
        if content.startswith("– "):
            assert name not in shown
            assert len(content) > 10
        else:
            assert sorted(content.split(", ")) == sorted(shown.get(name, [])), name
    assert set(shown) <= set(load_requirements())
