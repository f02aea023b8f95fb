"""The cases that are written from the structures: a card whose files are not those of the standard is found out."""

from pathlib import Path
from typing import Final

import pytest

from cardsim.resources import resource
from terminal.conformance import file_cases
from terminal.conformance.applicability import Applicability
from terminal.conformance.library import standard_library
from terminal.conformance.results import Verdict
from tests.cards import card
from tests.conformance.test_cases_ssse import run

CLAIMED: Final = Applicability("card", "2.0", "des", options=frozenset({"annex-b", "item60-df02"}))
WORK: Final = 'fid = "EF05"\nread = "PIN or RK1DF02"\nwrite = "UK1DF02"'
OFFLINE: Final = 'fid = "EF06"\nread = "PIN and RK1DF04"\nwrite = "UK2DF04"'
JOBS: Final = 'read = "PIN or RK1DF02"\nwrite = "UK3DF02"'


def found(folder: Path, *changes: tuple[str, str]) -> set[str]:
    """Cases that fail on a card made of structure 2.00 with some changes."""
    text = resource("structures", "ssse-2.0.toml").read_text(encoding="utf8")
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (folder / "changed.toml").write_text(text, encoding="utf8")
    profile = folder / "mine.toml"
    profile.write_text("description = 'x'\n[ssse]\nstructure = 'changed.toml'\nsuite = 'des'", encoding="utf8")
    cases = [case for case in standard_library().cases if case.group == file_cases.GROUP]
    results = run(card(str(profile), on=False), CLAIMED, cases)
    assert not [result for result in results if result.verdict is Verdict.ERROR]
    return {result.case.id for result in results if result.verdict is Verdict.FAILED}


def test_the_standard_card(tmp_path: Path) -> None:
    """SSCV2-5-01: nothing is found on a card as it should be."""
    assert found(tmp_path) == set()


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        (WORK, WORK.replace("PIN or RK1DF02", "free"), {"SSCV2-5.4-02"}),
        (WORK, WORK.replace("PIN or RK1DF02", "PIN"), {"SSCV2-5.4-02"}),
        (WORK, WORK.replace("PIN or RK1DF02", "RK1DF02"), {"SSCV2-5.4-01", "SSCV2-5.4-01b", "SSCV2-5.4-02"}),
        (WORK, WORK.replace('"UK1DF02"', '"UK2DF02"'), {"SSCV2-5.4-02"}),
        (WORK, WORK.replace('"UK1DF02"', '"PIN or UK1DF02"'), {"SSCV2-5.4-02"}),
        (OFFLINE, OFFLINE.replace("PIN and", "PIN or"), {"SSCV2-5.6-04"}),
        (OFFLINE, OFFLINE.replace("PIN and RK1DF04", "PIN"), {"SSCV2-5.6-04"}),
        (JOBS, JOBS.replace("UK3", "UK2"), {"SSCV2-5.4-05", "SSCV2-5.4-06"}),
        ('read = "free"\nwrite = "UKBDF01"', 'read = "free"\nwrite = "UKADF01"', {"SSCV2-5.3-16e"}),
        ('read = "free"\nwrite = "UK8DF01"', 'read = "PIN"\nwrite = "UK8DF01"', {"SSCV2-5.3-15b", "SSCV2-5.3-16b"}),
        ('size = 0x1000', 'size = 0x1001', {"SSCV2-5.2-07"}),
        ('tag = "70", type = "an", length = 0x03', 'tag = "70", type = "an", length = 0x04',
         {"SSCV2-5.5-05", "SSCV2-5.5-05b", "SSCV2-5.5-06"}),
        ('{ tag = "58", type = "cn", length = 0x03', '{ tag = "5D", type = "cn", length = 0x03', {"SSCV2-5.3-13"}),
        ('fid = "EF18"\nread', 'fid = "EF1C"\nread', {"SSCV2-5-01d", "SSCV2-5.5-13", "SSCV2-5.5-13b", "SSCV2-5.5-14"}),
        ('    { tag = "93", type = "an", length = 0x02, value = "offline_count" },\n', "",
         {"SSCV2-5.6-03", "SSCV2-5.6-03b"}),
        ('{ df = "DF07", name = "RK2DF07", number = 0x04 }', '{ df = "DF07", name = "RK2DF07", number = 0x09 }',
         {"SSCV2-5.7-03", "SSCV2-5.7-03b", "SSCV2-5.7-04"}),
    ],
)  # fmt: skip
def test_other_files_are_found(tmp_path: Path, old: str, new: str, wanted: set[str]) -> None:
    """SSCV2-5.2 to SSCV2-5.7: each departure is found by the cases of its own file, and by them alone."""
    changed = found(tmp_path, (old, new))
    assert wanted == {name for name in changed if not name.startswith("SSCV2-5-01")} | (wanted & changed)
