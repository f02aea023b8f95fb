"""The cases of the payment environment on cards of every kind: each passes where it applies, and a wrong one fails."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from cardsim.cos.record import Switch
from cardsim.iso7816.tlv import ber
from cardsim.keyfile import Holder, KeyFile
from cardsim.pse.choices import Choice
from cardsim.resources import resource
from terminal.conformance.applicability import Applicability
from terminal.conformance.case import Case, Mark
from terminal.conformance.context import Context
from terminal.conformance.dialect import load_dialect, with_dialect
from terminal.conformance.functions import FUNCTIONS
from terminal.conformance.library import Library, load, standard_library
from terminal.conformance.probe import probe
from terminal.conformance.results import Result, Verdict
from terminal.conformance.runner import Options, Runner, blank_bench
from terminal.conformance.script import ScriptError, parse_script
from terminal.conformance.session import Bench as CaseBench
from tests.cards import AID, Bench, card, made, of_cells, unhex
from tests.pse.kinds import blocked_before_use, blocked_directory, last_counter, other_log, short_pan, without_remainder
from tests.pse.perso import amount, bank_card, ec, empty, job_of, pay, structure
from tests.pse.test_oda import static_only
from tests.pse.test_selection import second_application

DEMO: Final = frozenset({"demo-card", "ec", "dda", "authentication-mandatory"})
COMMON: Final = DEMO - {"demo-card"}
TWO_CURRENCIES: Final = {"9F75": amount(5000), "9F76": "0344", "9F73": "20000050", "9F53": "FF"}
FREE: Final = {"9F58": "FF", "9F59": "FF", "9F52": "0000", "9F56": "00"}
DUAL: Final = Applicability("demo", "3.0", "sm4", pse=True, management="cardsim", options=DEMO | {"no-offline-pin"})
BANK: Final = Applicability("bank", None, pse=True, management="cardsim", options=COMMON | {"no-offline-pin"})
PIN: Final = replace(BANK, name="bank-offline-pin", offline_pin=True, options=COMMON)
GROUPS: Final = re.compile(r"PSE_")


def pse_cases() -> list[Case]:
    return [case for case in standard_library().cases if GROUPS.match(case.group)]


def runner(bench: Bench, claims: Applicability, library: Library | None = None, keys: KeyFile | None = None) -> Runner:
    known = library or standard_library()
    context = Context(keys or bench.keys, functions=FUNCTIONS)
    return Runner(CaseBench(bench.model, known.vocabulary, context, control=bench.model), {}, claims)


def verdicts(results: list[Result]) -> Counter[Verdict]:
    wrong = [result for result in results if result.verdict not in (Verdict.PASSED, Verdict.NOT_APPLICABLE)]
    assert not wrong, [(r.case.id, r.verdict, r.reason, r.difference) for r in wrong]
    return Counter(result.verdict for result in results)


def test_demo_card() -> None:
    """SCHEME-110: the dual card passes every case of the bank card."""
    found = verdicts(list(runner(card(), DUAL).run(pse_cases())))
    assert found[Verdict.PASSED] > 280


@pytest.mark.parametrize(("profile", "claims"), [("bank", BANK), ("bank-offline-pin", PIN), ("dual-3.0-sm4", DUAL)])
def test_seeded_card(profile: str, claims: Applicability) -> None:
    """Another PAN, other keys and another holder: nothing but the demo cases depends on those."""
    claims = replace(claims, options=claims.options - {"demo-card"})
    found = verdicts(list(runner(of_cells(*made(profile, seed=5)), claims).run(pse_cases())))
    assert found[Verdict.PASSED] > 220


@pytest.mark.parametrize(("profile", "claims"), [("bank", BANK), ("bank-offline-pin", PIN)])
def test_bank_cards(profile: str, claims: Applicability) -> None:
    demo = claims.options | ({"demo-card"} if profile == "bank" else set())
    verdicts(list(runner(card(profile), replace(claims, options=demo)).run(pse_cases())))


@pytest.mark.parametrize(("profile", "claims"), [("bank-offline-pin", PIN), ("dual-3.0-sm4", DUAL)])
def test_as_on_a_physical_card(profile: str, claims: Applicability) -> None:
    """Without snapshots, one case after the other, destructive ones last: what one leaves behind harms no other."""
    bench = of_cells(*made(profile, seed=5))
    run = runner(bench, replace(claims, options=claims.options - {"demo-card"}))
    run.bench.control, run.options = None, Options(destructive=True)
    results = list(run.run(pse_cases()))
    verdicts([result for result in results if result.verdict is not Verdict.SKIPPED])
    skipped = [result.case for result in results if result.verdict is Verdict.SKIPPED]
    assert all(Mark.MODEL in case.marks for case in skipped)


def test_both_environments_with_a_pin() -> None:
    claims = replace(DUAL, offline_pin=True, options=COMMON)
    found = verdicts(list(runner(card("dual-3.0-sm4-offline-pin"), claims).run(pse_cases())))
    assert found[Verdict.PASSED] > 260


def test_recommended_answers() -> None:
    """Where several answers are allowed the card gives the recommended one."""
    strict = runner(card(), DUAL)
    strict.bench.strict = True
    assert not {result.case.id for result in strict.run(pse_cases()) if result.verdict is Verdict.FAILED}


def test_demo_cases_are_marked() -> None:
    """Cases that name golden values say so, and the seeded card fails them: they are really about the demo card."""
    results = list(runner(of_cells(*made("dual-3.0-sm4", seed=5)), DUAL).run(pse_cases()))
    failed = {result.case.id for result in results if result.verdict is Verdict.FAILED}
    assert {"PBOC-GAC-001", "PBOC-GA2-001-b", "PBOC-REC-011-b", "PBOC-CRM-020"} <= failed
    assert all("demo-card" in result.case.needs for result in results if result.case.id in failed)


# --- cards of other kinds ------------------------------------------------------------------------------------------


def blocked() -> Bench:
    bench = pay({"9F52": "C080"}, pin="0301")
    bench.select(AID)
    bench.x("80A800000B8309000000000010000156")
    assert bench.x("0020008008 26000000FFFFFFFF") == "63C0"
    return bench


def other_aip(aip: str, **values: str) -> Bench:
    work = job_of(structure() | {"aip": aip}, bank_card())
    changed: dict[int, bytes | None] = {dgi: work[dgi] for dgi in work if dgi >> 8 < 4 or dgi in (0x9104, 0x9203)}
    return pay(values, changed)


def without_cash() -> Bench:
    proprietary = ber(0xA5, ber(0x50, b"PBOC DEBIT") + ber(0x87, b"\1") + ber(0xBF0C, ber(0x9F4D, b"\x0b\x0a")))
    iad = ber(0x9F10, unhex("0701010300000001"))
    return pay(dgis={0x9102: proprietary, 0x9203: None, 0x9200: iad})


KINDS: Final[dict[str, tuple[Callable[[], Bench], set[str]]]] = {
    "loaded": (lambda: ec(10000), {"ec", "dda", "ec-loaded", "ec-golden"}),
    "low limit": (lambda: ec(10000, 0, 999), {"ec", "dda", "ec-low-limit"}),
    "free": (lambda: pay(FREE), {"ec", "dda", "offline-approval"}),
    "total": (
        lambda: pay(FREE | {"9F54": amount(5000), "9F79": amount(5000), "9F78": amount(5000)}),
        {"ec", "dda", "ec-loaded", "offline-approval", "total-limit"},
    ),
    "two offline": (lambda: pay(FREE | {"9F58": "02"}), {"ec", "dda", "offline-limit-2"}),
    "one abroad": (lambda: pay(FREE | {"9F53": "01"}), {"ec", "dda", "foreign-limit-1"}),
    "advice": (lambda: pay({"9F52": "1000"}), {"ec", "dda", "ada-decline-advice"}),
    "no tries": (lambda: pay(FREE, pin="0300"), {"pin-exhausted"}),
    "no tries, declines": (lambda: pay(FREE | {"9F52": "0040"}, pin="0300"), {"pin-exhausted", "ada-pin-decline"}),
    "no tries, blocks": (lambda: pay(FREE | {"9F52": "0004"}, pin="0300"), {"pin-exhausted", "ada-pin-block"}),
    "last try blocks": (lambda: pay({"9F52": "0080"}, pin="0303"), {"offline-pin", "ada-last-try-block"}),
    "PIN advice": (lambda: pay({"9F52": "0800"}, pin="0303"), {"offline-pin", "ada-pin-advice"}),
    "advice of authentication": (lambda: pay(FREE | {"9F52": "4400"}), {"ec", "dda", "ada-authentication-advice"}),
    "strict": (
        lambda: pay(FREE | {"9F52": "8208", "9F53": "00", "9F72": "00"}),
        {"ec", "dda", "new-card", "ada-failed-online", "ada-new-card-online"},
    ),
    "issuer wanted": (lambda: pay(FREE | {"9F52": "2000", "9F56": "80"}), {"ec", "dda", "ada-missing-decline"}),
    "new card": (lambda: pay(FREE | {"9F52": "0100"}), {"ec", "dda", "new-card", "ada-new-card-decline"}),
    "upper total": (lambda: pay(FREE | {"9F5C": amount(5000)}), {"ec", "dda", "upper-total-limit"}),
    "script failure asks": (lambda: pay(FREE | {"9F52": "0008"}), {"ec", "dda", "ada-script-online"}),
    "golden PIN": (lambda: pay(pin="0303"), {"offline-pin", "pin-golden"}),
    "D1 of the other key": (
        lambda: pay(pin="0303", choices=Choice.PIN_D1_FROM_AC),
        {"offline-pin", "pin_d1_key=AC", "pin-golden"},
    ),
    "no path of cash": (lambda: pay(dgis={0x9203: None}), {"dda", "no-cash-path"}),
    "blocked": (blocked, {"blocked-application"}),
    "blocked, golden": (blocked_before_use, {"blocked-golden"}),
    "foreign records": (
        lambda: ec(10000, more={"9F51": "0840"}),
        {"ec-loaded", "foreign-records"},
    ),
    "two applications": (second_application, {"ec", "dda", "two-applications"}),
    "static": (static_only, {"sda-only"}),
    "no remainder": (without_remainder, {"ec", "dda", "no-remainder"}),
    "short PAN": (short_pan, {"short-pan"}),
    "two currencies": (lambda: pay(FREE | TWO_CURRENCIES), {"two-currencies"}),
    "other log": (other_log, {"ec", "log-unknown-field"}),
    "last counter": (last_counter, {"last-atc"}),
    "blocked directory": (blocked_directory, {"blocked-directory"}),
    "CDA": (lambda: other_aip("7D00"), {"ec", "dda", "cda"}),
    "no issuer authentication": (lambda: other_aip("7800"), {"no-issuer-authentication"}),
    "no cash": (without_cash, {"dda", "no-ec", "no-pdol"}),
    "not issued": (empty, {"unissued-application"}),
}
ALONE: Final = {
    "no-issuer-authentication", "unissued-application", "blocked-application", "blocked-golden", "pin-exhausted",
    "ada-last-try-block", "ada-pin-advice", "last-atc", "blocked-directory", "two-currencies", "short-pan",
    "log-unknown-field", "foreign-records",
}  # fmt: skip
"""Kinds of cards that most other cases are not about: only cases that ask for them run."""


def keys_of(bench: Bench) -> KeyFile:
    """The demo card's key file, with the offline PIN."""
    made = card()
    made_holder = made.keys.holder or Holder()
    return replace(made.keys, ssse=bench.keys.ssse, holder=replace(made_holder, offline_pin="123456"))


@pytest.mark.parametrize("kind", KINDS)
def test_other_kinds(kind: str) -> None:
    """Cases with options pass on a card that is personalised so; and each option has a card here."""
    make, options = KINDS[kind]
    bench = make()
    claims = Applicability(kind, None, pse=True, offline_pin="offline-pin" in options, options=frozenset(options))
    cases = [case for case in pse_cases() if not options & ALONE or options <= set(case.needs)]
    found = verdicts(list(runner(bench, claims, keys=keys_of(bench)).run(cases)))
    assert found[Verdict.PASSED]


WHOLE_CARD: Final = frozenset({"block_scope=card"})


def test_block_of_the_whole_card() -> None:
    """PBOC-BLK-008, D10: the case of the wider scope passes on such a card, and fails on one of the ordinary scope."""
    cases = [case for case in pse_cases() if WHOLE_CARD & set(case.needs)]
    claims = replace(DUAL, options=DUAL.options | WHOLE_CARD)
    assert verdicts(list(runner(card(switches=Switch.BLOCK_SCOPE_CARD), claims).run(cases))) == {Verdict.PASSED: 1}
    assert [result.verdict for result in runner(card(), claims).run(cases)] == [Verdict.FAILED]


def test_blank_card() -> None:
    """The cases of personalisation that need a blank card pass on one, and leave the finished card alone."""
    run = runner(card(), DUAL)
    run.bench.vocabulary = with_dialect(run.bench.vocabulary, load_dialect("cardsim"))
    run.bench.blank = blank_bench(run.bench)
    found = verdicts(list(run.run([case for case in pse_cases() if "blank" in case.needs])))
    assert found == {Verdict.PASSED: 6}


@pytest.mark.parametrize(
    ("profile", "options"),
    [
        ("bank", {"ec", "dda"}), ("bank-cda", {"ec", "dda"}),
        ("bank-sda", {"ec", "sda-only"}),
        ("bank-debit", {"no-ec", "no-cash-path", "no-pdol", "dda"}),
    ],
)  # fmt: skip
def test_profiles_are_recognised(profile: str, options: set[str]) -> None:
    """PBOC-FCI-003, PBOC-IAD-001, PBOC-DDA-012: what records, FCI and GET DATA tell; CDA shows in the AIP alone."""
    found = probe(card(profile).model, reader=False, model=True).profile
    assert found.options == options | {"directory", "no-offline-pin", "authentication-mandatory"}


@pytest.mark.parametrize(
    ("profile", "options"),
    [
        ("bank-cda", {"ec", "dda", "cda"}), ("bank-sda", {"ec", "sda-only"}),
        ("bank-debit", {"dda", "no-ec", "no-pdol", "no-cash-path"}),
    ],
)  # fmt: skip
def test_profiles_of_options(profile: str, options: set[str]) -> None:
    """PBOC-DDA-006, PBOC-GAC-005, PBOC-IAD-001: the cards of the profiles pass the cases of their kind."""
    claims = Applicability(profile, None, pse=True, options=frozenset(options))
    assert verdicts(list(runner(card(profile), claims).run(pse_cases())))[Verdict.PASSED] > 150


def test_every_option_is_proved() -> None:
    known = {"pse", "dual", "ssse", "blank", "t0", "offline-pin", "own-management"} | DEMO | {"no-offline-pin"}
    known |= WHOLE_CARD
    proved = known.union(*(options for _, options in KINDS.values()))
    left = {need for case in pse_cases() for need in case.needs if "=" not in need} - proved
    assert not left, "an option has no card here"


# --- a case that expects something wrong ---------------------------------------------------------------------------

MUTANTS: Final = (
    ("PBOC-SEL-016", "< 6A82", "< 6A81"),
    ("PBOC-SEL-004", "870101 9000", "870102 9000"),
    ("PBOC-FCI-004", "== 0B0A", "== 0B0B"),
    ("PBOC-GPO-021", "{add counter 1}", "{add counter 2}"),
    ("PBOC-GPO-017", "< 6A80", "< 6985"),
    ("PBOC-REC-009", "{count records 5A} == 01", "{count records 5A} == 02"),
    ("PBOC-GDT-008", "9F5D 9F68", "9F36 9F68"),
    ("PBOC-GAC-001", "C49EFFCB5A49B233", "C49EFFCB5A49B234"),
    ("PBOC-GAC-007", "< 6985", "< 9000"),
    ("PBOC-CRY-005", "    genuine-first", "    let amount = 000000000001\n    check {cryptogram} == {ac atc amount}"),
    ("PBOC-IAD-002", "{idd-mac atc cents}", "{idd-mac 0000 cents}"),
    ("PBOC-CRM-001", "    has not-completed", "    lacks not-completed"),
    ("PBOC-CRM-018", "    is 40", "    is 80"),
    ("PBOC-XAU-002-b", "< 6300", "< 9000"),
    ("PBOC-GA2-012", "{atc} 9000", "0000 9000"),
    ("PBOC-DDA-002", "== BBBB", "== BBBC"),
    ("PBOC-DDA-008", "== 6A02", "== 6A04"),
    ("PBOC-DDA-010", "{sda gpo records}", "{sda records records}"),
    ("PBOC-LOG-002", "{log-record} 9000", "{log-record} 9001"),
    ("PBOC-TEAR-001", "{either counter before risen} == 01", "{either counter before risen} == 00"),
    ("PBOC-SCR-001-b", "2735EFF4", "2735EFF5"),
    ("PBOC-SCR-003-b", "< 6988", "< 9000"),
    ("PBOC-SCR-009", "< 6985", "< 9000"),
    ("PBOC-SCR-012-b", "count-is 00000030", "count-is 00000020"),
    ("PBOC-SCR-017", "lacks script-failed", "has script-failed"),
    ("PBOC-BLK-002", "    is 00", "    is 40"),
    ("PBOC-BLK-007", "    is 40", "    is 00"),
    ("PBOC-PDT-008", "balance-is balance", "balance-is limit"),
    ("PBOC-UPR-005", "{genuine gpo records} == 00", "{genuine gpo records} == 01"),
    ("PBOC-TEAR-010", "{either balance old new} == 01", "{either balance old new} == 00"),
    ("PBOC-PER-030", "< 6985|6D00|6E00", "< 9000"),
    ("PBOC-PER-014", "== 3C000801010010010100", "== 3C0008010100"),
    ("PBOC-PER-014", "{test-dda signature values}", "{test-dda signature keys}"),
    ("PBOC-PER-022-b", "{crt none p q dq dp qinv}", "{crt none}"),
    ("PBOC-PER-020", "{cut keys 0 32}", "{cut keys 0 48}"),
    ("PBOC-FCI-008", "== 6F2084", "== 6F1E84"),
    ("PBOC-TEAR-012", "{either found old-record new-record} == 01", "{either found old-record new-record} == 00"),
)


def text_of(case: Case) -> str:
    """The lines of a case in its file."""
    text = resource("cases", case.place.file).read_text(encoding="utf8")
    start = text.index(f"case {case.id}\n")
    end = text.find("\ncase ", start)
    return text[start : end if end > 0 else len(text)]


@pytest.mark.parametrize(("name", "right", "wrong"), MUTANTS)
def test_a_wrong_expectation_fails(name: str, right: str, wrong: str, tmp_path: Path) -> None:
    case = next(case for case in pse_cases() if case.id == name)
    text = text_of(case)
    assert right in text
    file = tmp_path / "mutant.case"
    file.write_text(f"group MUTANT\n\n{text.replace(right, wrong)}\n", encoding="utf8")
    library = load([file], standard_library())
    (result,) = runner(card(), DUAL, library).run(library.cases)
    assert result.verdict is Verdict.FAILED, result.reason
    assert result.difference is not None


@pytest.mark.parametrize("line", ["each n {atr}", "each n 0 {atr}", "each n 1 {", "each n 1 zz"])
def test_each_says_what_is_wrong(line: str) -> None:
    with pytest.raises(ScriptError, match=r"^bad\.case:3: "):
        parse_script("bad.case", f"group BAD\ncase X\n    {line}\n        > 00\n")


def test_another_cards_keys_are_not_genuine() -> None:
    """The bank's keys matter: with another bank's the cryptograms of a right card are wrong."""
    _, keys = made("dual-3.0-sm4", seed=5)
    assert keys.bank is not None
    other = card()
    assert other.keys.bank is not None
    bank = replace(other.keys.bank, mdk_ac=bytes(16))
    cases = [case for case in pse_cases() if case.id in ("PBOC-GAC-002-b", "PBOC-CRY-005", "PBOC-GA2-001")]
    results = runner(other, DUAL, keys=replace(other.keys, bank=bank)).run(cases)
    found = {result.case.id: result.verdict for result in results}
    assert found["PBOC-GAC-002-b"] is found["PBOC-CRY-005"] is Verdict.FAILED
    assert found["PBOC-GA2-001"] is Verdict.ERROR, "the state with a right ARPC is not reached"


def test_power_cuts_do_cut() -> None:
    """Cases with power cuts reach places where the card goes mute before it answers, and places where it does not."""
    cuts = [case for case in pse_cases() if case.id.startswith("PBOC-TEAR") and case.id[-1] in "1267b"]
    seen = Counter[str]()
    for result in runner(card(), DUAL).run(cuts):
        if result.verdict is Verdict.PASSED and Mark.MODEL in result.case.marks:
            mute = [line.answer == "" for line in result.transcript if line.name != "reset"]
            assert any(mute), result.case.id
            seen[result.case.id] += sum(mute)
    assert len(seen) >= 4, seen


# --- the table of requirements -------------------------------------------------------------------------------------


def coverage() -> dict[str, str]:
    """Requirement -> what stands beside it in docs/coverage-pse.md."""
    text = (Path(__file__).resolve().parents[2] / "docs" / "coverage-pse.md").read_text(encoding="utf8")
    rows = re.findall(r"^\| (PBOC-[A-Z0-9]+-\d+) \| (.+?) \|$", text, re.MULTILINE)
    assert len(rows) == len(dict(rows)), "a requirement stands twice"
    return dict(rows)


def test_coverage() -> None:
    """Every requirement stands once: with exactly the cases that show it, or with a reason."""
    shown: dict[str, set[str]] = {}
    for case in pse_cases():
        for name in case.shows:
            shown.setdefault(name, set()).add(case.id)
    table = coverage()
    assert len(table) == 382
    assert set(shown) <= set(table)
    for name, beside in table.items():
        listed = set(re.findall(r"PBOC-[A-Z0-9]+-\d+(?:-[a-z])?", beside)) if name in shown else set()
        assert listed == shown.get(name, set()), name
        assert beside.strip()


def test_titles_are_sentences() -> None:
    for case in pse_cases():
        assert case.title.endswith("."), case.id
        assert case.title[0].isupper(), case.id
        assert re.sub(r"-[a-z]$", "", case.id) in case.shows, case.id
