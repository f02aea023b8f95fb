"""`cardterm conform` from end to end."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from terminal.conformance import campaign
from terminal.conformance.applicability import load_applicability
from terminal.conformance.requirements import Evidence, Level, Requirement
from tests.conformance.bench import Following, conform

pytestmark = pytest.mark.usefixtures("small")
_HERE = "python:tests.conformance.bench:"


def cases_of(text: str) -> dict[str, Any]:
    """The cases of a JSON document by id."""
    return {case["id"]: case for case in json.loads(text)["cases"]}


def verdicts(text: str) -> dict[str, str]:
    """Verdicts by id."""
    return {name: case["verdict"] for name, case in cases_of(text).items()}


def test_all_well(image: Path) -> None:
    before = image.read_bytes()
    ended = conform("--card", image, "GOOD")
    assert ended.status == 0
    assert "GOOD  5 passed" in ended.out
    assert "PASSED" in ended.out.splitlines()[-1]
    assert "ATR 3B6D" in ended.out
    assert ended.err == ""
    assert image.read_bytes() == before, "a private copy is used"


def test_a_failure_is_a_transcript(image: Path) -> None:
    ended = conform("--card", image, "BAD")
    assert ended.status == 1
    lines = [line.strip() for line in ended.out.splitlines()]
    at = lines.index("received  03 04 33 2E 30 30 90 00")
    assert lines[at - 1] == "expected  03 04 322E3030 9000"
    assert lines[at + 1] == "^^ byte 3: 33 came; wanted 322E3030"
    assert "03 specification version 规范版本: 3.00" in lines[at:]
    assert "^^ status 9000 wanted" in lines
    assert "status 6A83: record not found" in lines
    assert "wanted 9000: normal ending" in lines
    assert any("name nowhere" in line and "tests.case" in line for line in lines)
    assert any("READ RECORD" in line and "00B2030400" in line for line in lines)


@pytest.mark.parametrize("prefix", ["GOOD", "GOOD-1", "REQ-2", "GO"])
def test_prefixes(image: Path, prefix: str) -> None:
    found = verdicts(conform("--card", image, prefix, "--json").out)
    assert found
    assert all(name.startswith("GOOD") for name in found)


def test_a_prefix_that_matches_nothing(image: Path) -> None:
    ended = conform("--card", image, "GOOD", "NOWHERE")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == ("cardterm: no case, group or requirement begins with NOWHERE; see cardterm conform --list\n")


def test_list_needs_no_card() -> None:
    ended = conform("--list", "ELSE")
    assert ended.status == 0
    assert "ELSE-2" in ended.out
    assert "[model]" in ended.out
    document = json.loads(conform("--list", "--json").out)
    assert document["verdict"] == "listed"
    assert len(document["cases"]) == 11


def test_dry_run_tells_why(image: Path) -> None:
    document = json.loads(conform("--card", image, "--dry-run", "--json").out)
    left = {case["id"]: case["left_out"] for case in document["cases"]}
    assert left["ELSE-1"] == "not applicable: the profile has no des"
    assert left["ELSE-2"] == ""
    physical = conform("--card", _HERE + "healthy", "--dry-run", "ELSE")
    assert "only a model can do this" in physical.out
    assert "--destructive" in physical.out
    assert "3 cases, 0 would run" in physical.out


def test_shards_share_the_cases(image: Path) -> None:
    parts = [set(verdicts(conform("--card", image, "--shard", f"{n}/3", "--json").out)) for n in (1, 2, 3)]
    assert sum(map(len, parts)) == len(set().union(*parts)) == 11


def test_stop_and_failed(image: Path, tmp_path: Path) -> None:
    whole = conform("--card", image, "--json")
    assert whole.status == 1
    (tmp_path / "old.json").write_text(whole.out, encoding="utf8")
    again = verdicts(conform("--card", image, "--failed", tmp_path / "old.json", "--json").out)
    assert again == {"BAD-1": "failed", "BAD-2": "failed", "BAD-3": "error"}
    assert list(verdicts(conform("--card", image, "-x", "BAD", "--json").out)) == ["BAD-1"]


def test_strict_wants_the_recommended_answer(image: Path) -> None:
    assert conform("--card", image, "GOOD-5").status == 0
    assert conform("--card", image, "GOOD-5", "--strict").status == 1


def test_read_only(image: Path) -> None:
    found = verdicts(conform("--card", image, "--read-only", "--json").out)
    assert (found["GOOD-3"], found["ELSE-3"], found["GOOD-1"]) == ("skipped", "skipped", "passed")


def test_compare_and_baseline(image: Path, tmp_path: Path) -> None:
    document = json.loads(conform("--card", image, "--json").out)
    old = tmp_path / "old.json"
    old.write_text(json.dumps(document), encoding="utf8")
    assert conform("--card", image, "--baseline", old).status == 0, "what failed before is not worse"
    assert conform("--card", image, "--compare", old).status == 1
    for case in document["cases"]:
        case["verdict"] = {"BAD-1": "passed", "GOOD-1": "failed"}.get(case["id"], case["verdict"])
    document["cases"] = [case for case in document["cases"] if case["id"] != "GOOD-2"]
    document["cases"].append({**document["cases"][0], "id": "OLD-1"})
    old.write_text(json.dumps(document), encoding="utf8")
    ended = conform("--card", image, "--baseline", old, "--json")
    assert ended.status == 1
    found = json.loads(ended.out)["comparison"]
    assert (found["broken"], found["fixed"]) == (["BAD-1"], ["GOOD-1"])
    assert (found["new"], found["gone"]) == (["GOOD-2"], ["OLD-1"])
    assert "broken 1: BAD-1" in conform("--card", image, "--baseline", old).out


def test_the_same_run_again(image: Path) -> None:
    def transcripts(seed: str) -> list[Any]:
        found = cases_of(conform("--card", image, "GOOD", "--seed", seed, "--json").out).values()
        return [[(line["command"], line["answer"]) for line in case["transcript"]] for case in found]

    assert transcripts("7") == transcripts("7")
    assert transcripts("7") != transcripts("8")


def test_several_processes(image: Path, tmp_path: Path) -> None:
    """The children read the project's own library, so these cases come from a file."""
    own = tmp_path / "many.case"
    text = "group MANY\n" + "".join(
        f"case MANY-{n:02}\n    A challenge.\n    state ssse\n    > 00 84 00 00 08\n    < {{r:8}} 9000\n"
        for n in range(12)
    )
    own.write_text(text, encoding="utf8")
    found = verdicts(conform("--card", image, "--cases", own, "MANY", "-j", "2", "--json").out)
    assert list(found) == [f"MANY-{n:02}" for n in range(12)]
    assert set(found.values()) == {"passed"}


def test_processes_need_an_image() -> None:
    ended = conform("--card", _HERE + "healthy", "-j", "2")
    assert ended.status == 2
    assert "-j needs a card image" in ended.err


def test_a_drafted_profile_can_be_used(image: Path, tmp_path: Path) -> None:
    drafted = conform("--card", image, "--draft-profile")
    assert drafted.status == 0
    path = tmp_path / "card.toml"
    path.write_text(drafted.out, encoding="utf8")
    profile = load_applicability(path)
    assert (profile.ssse, profile.suite, profile.pse, profile.protocol) == ("3.0", "sm4", True, "t0")
    assert conform("--card", image, "--profile", path, "GOOD").status == 0
    path.write_text(drafted.out.replace('"sm4"', '"des"'), encoding="utf8")
    assert verdicts(conform("--card", image, "--profile", path, "ELSE-1", "--json").out) == {"ELSE-1": "passed"}


# --- physical cards -----------------------------------------------------------------------------------------------


def test_without_control_and_keys(image: Path) -> None:
    found = verdicts(conform("--card", _HERE + "healthy", "GOOD", "ELSE", "--json").out)
    assert (found["ELSE-2"], found["ELSE-3"]) == ("skipped", "skipped")
    assert (found["GOOD-1"], found["GOOD-4"]) == ("passed", "skipped")
    ended = conform(
        "--card", _HERE + "healthy", "GOOD", "ELSE", "--keys", f"{image}.keys.toml", "--destructive", "--json"
    )
    found = verdicts(ended.out)
    assert (ended.status, found["GOOD-4"], found["ELSE-3"]) == (0, "passed", "passed")


def test_a_reader_that_follows_by_itself(monkeypatch: pytest.MonkeyPatch, image: Path) -> None:
    monkeypatch.setattr("terminal.links.pcsc.PcscLink.open", lambda _wanted: Following())
    ended = conform("--reader", "0", "GOOD", "--keys", f"{image}.keys.toml", "--json")
    assert ended.status == 0
    assert verdicts(ended.out)["GOOD-2"] == "not observable"
    document = json.loads(ended.out)
    assert document["target"]["hides_status"] is True
    assert document["profile"]["protocol"] == "t0"


def test_weak_evidence_fails_no_physical_card(monkeypatch: pytest.MonkeyPatch, image: Path) -> None:
    one = Requirement("REQ-5", "one trace", Level.MUST, "", "It is so.", Evidence.SINGLE, ("REQ-5b",), "READ")
    catalogue = {"REQ-5": one, "REQ-5b": replace(one, id="REQ-5b", same_as=("REQ-5",))}
    monkeypatch.setattr(campaign, "catalogue", lambda: catalogue)
    physical = ("--card", _HERE + "healthy", "BAD-2", "--json")
    ended = conform(*physical)
    assert (ended.status, verdicts(ended.out)) == (0, {"BAD-2": "weak"})
    rows = {row["id"]: row for row in json.loads(ended.out)["requirements"]}
    assert rows["REQ-5"]["verdict"] == rows["REQ-5b"]["verdict"] == "weak", "same_as shares the case"
    assert conform(*physical, "--strict").status == 1
    assert verdicts(conform("--card", image, "REQ-5b", "--json").out) == {"BAD-2": "failed"}


# --- runs that end early ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "status", "text"),
    [
        ("half", 3, "the card has gone mute"),
        ("unplugged", 3, "does not come back|gone mute"),
        ("interrupted", 130, "interrupted"),
        ("terminated", 130, "interrupted"),
    ],
)
def test_reports_are_kept(target: str, status: int, text: str, image: Path, tmp_path: Path) -> None:
    xml = tmp_path / "r.xml"
    page = tmp_path / "r.html"
    words = ("GOOD", "--keys", f"{image}.keys.toml", "--junit", xml, "--html", page, "--json")
    ended = conform("--card", _HERE + target, *words)
    assert ended.status == status
    assert any(part in ended.err for part in text.split("|"))
    document = json.loads(ended.out)
    assert document["verdict"] == "interrupted"
    assert 0 < len(document["cases"]) < 5
    assert ET.parse(xml).getroot().find(".//error[@type='interrupted']") is not None
    assert "interrupted" in page.read_text(encoding="utf8")


def test_a_card_that_answers_nothing_to_commands(image: Path) -> None:
    """Each case fails by itself, for the answer to reset still comes."""
    found = verdicts(conform("--card", _HERE + "once", "GOOD", "--keys", f"{image}.keys.toml", "--json").out)
    assert len(found) == 5
    assert "passed" in found.values()
    assert set(found.values()) - {"passed"}


# --- bad input ----------------------------------------------------------------------------------------------------


def complaint(status: int, *words: str | Path) -> str:
    """One sentence on standard error, and nothing else."""
    ended = conform(*words)
    assert ended.status == status
    assert ended.out == ""
    assert ended.err.startswith("cardterm")
    assert ended.err.count("\n") == 1
    return ended.err


def test_a_mute_card() -> None:
    assert "does not answer to reset" in complaint(3, "--card", _HERE + "mute")


def test_no_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PCSCLITE_CSOCK_NAME", "/nowhere/pcscd.comm")
    complaint(3, "--reader", "no such reader at all")


@pytest.mark.parametrize("words", ["--shard 3/2", "--shard x", "-j 0", "--read-only --destructive"])
def test_wrong_use(image: Path, words: str) -> None:
    complaint(2, "--card", image, *words.split())


def test_no_target() -> None:
    assert "name one card" in complaint(2)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("foo = 1", "unknown key foo"),
        ("ssse = 3.0", "ssse is a text in quotes"),
        ("pse = 1", "pse is true or false"),
        ("suite = 'aes'", "des or sm4"),
        ("= 1", "not valid TOML"),
        ("management = 'no such dialect'", "dialect"),
    ],
)
def test_a_bad_profile(image: Path, tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "p.toml"
    path.write_text(text, encoding="utf8")
    assert told in complaint(2, "--card", image, "--profile", path)


def test_files_that_are_not_there(image: Path, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    assert "cardsim new" in complaint(2, "--card", missing)
    for option in ("--keys", "--profile", "--compare", "--failed"):
        assert str(missing) in complaint(2, "--card", image, option, missing)
    assert "there is no such case file" in complaint(2, "--card", image, "--cases", f"{missing}.case")
    assert "ends with .case" in complaint(2, "--card", image, "--cases", missing)
    assert "no folder" in complaint(2, "--card", image, "--html", missing / "x.html")
    assert "not a JSON report" in complaint(2, "--card", image, "--compare", image)


@pytest.mark.parametrize("physical", [False, True])
def test_a_key_file_that_does_not_fit(image: Path, tmp_path: Path, *, physical: bool) -> None:
    text = Path(f"{image}.keys.toml").read_text(encoding="utf8")
    at = text.index("RKSSSE = ") + len('RKSSSE = "')
    bad = tmp_path / "bad.toml"
    bad.write_text(text[:at] + ("1" if text[at] == "0" else "0") + text[at + 1 :], encoding="utf8")
    bad.chmod(0o600)
    ended = conform("--card", _HERE + "healthy" if physical else image, "--keys", bad, "GOOD")
    assert ended.status == 2
    assert "refuses the first authentication" in ended.err
    assert f"{bad} does not fit this card; name its own with --keys FILE" in ended.err


def test_byte_exact_cases_are_for_fresh_models(image: Path) -> None:
    """D30: on a card without control each transaction changes what the next one shows."""
    assert '"demo-card"' in conform("--card", image, "--draft-profile").out
    assert '"demo-card"' not in conform("--card", _HERE + "healthy", "--draft-profile").out
