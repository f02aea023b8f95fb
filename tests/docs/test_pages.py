"""Links, tables and examples of the hand-written pages."""

import re
import tomllib
from pathlib import Path

import pytest

from cardsim.assembly import new_card
from cardsim.cos.access import AccessRule
from cardsim.cos.keys import KeyUse
from cardsim.keyfile import load_keyfile
from cardsim.making.card import activate, make_card
from cardsim.making.structure import load_profile, parse_rule, profile_names
from cardsim.pse.contents import GROUPINGS, RECORD, Place
from cardsim.pse.issue import CHECKS
from terminal.conformance.library import standard_library
from tests.docs.console import ROOT, blocks, pages

DOCS = ROOT / "docs"


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Files and anchors exist."""
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf8")):
        name, _, anchor = target.partition("#")
        path = page.parent / name if name else page
        assert path.exists(), target
        assert not anchor or anchor in anchors(path), target


def test_access_rules_have_their_bytes() -> None:
    """The table of docs/card-management.md against the rule language and its coding."""
    text = (DOCS / "card-management.md").read_text(encoding="utf8")
    rows = re.findall(r"^\| ([^|]+) \| ((?:[0-9A-F]{2} ){3}[0-9A-F]{2}) \|$", text, re.MULTILINE)
    assert len(rows) == 8
    for words, raw in rows:
        rule = AccessRule.parse(bytes.fromhex(raw))
        assert str(rule) == words
        if words != "master key":
            assert parse_rule(words, "the page") == rule


def test_limits_name_their_cases() -> None:
    """PBOC-DOM-005, PBOC-DOM-006, D38: each row of docs/limits.md is shown by cases of the payment environment."""
    text = (DOCS / "limits.md").read_text(encoding="utf8").partition("|---")[2]
    known = {case.id for case in standard_library().cases if case.group.startswith("PSE_")}
    rows = [line for line in text.splitlines()[1:] if line.startswith("|")]
    assert len(rows) >= 12
    for row in rows:
        named = set(re.findall(r"PBOC-[A-Z0-9]+-\d+(?:-[a-z])?", row))
        assert named, row
        assert named <= known, row


def test_key_uses() -> None:
    """The table of use codes has them all."""
    text = (DOCS / "card-management.md").read_text(encoding="utf8")
    section = text.partition("| use | what for |")[2].partition("\n\n")[0]
    assert {int(code, 16) for code in re.findall(r"^\| ([0-9A-F]{2}) \|", section, re.MULTILINE)} == set(KeyUse)


def test_data_groupings() -> None:
    """The table of STORE DATA is that of the card: every data grouping, where it may stand and what it holds."""
    rows = _rows("| DGI | in | content |")
    expected = [["0101–1EFF", "PSE, application", RECORD.name]]
    for row in GROUPINGS:
        more = ("; under S-DEK only" if row.secret else "") + ("; mandatory" if row.mandatory else "")
        place = "PSE, application" if row.place is Place.BOTH else "application"
        expected.append([", ".join(f"{dgi:04X}" for dgi in row.dgis), place, row.name + more])
    assert rows == expected


def test_checks_at_issue() -> None:
    """The table of checks at issue is that of the card, in its order."""
    assert _rows("| status word | check |") == [[f"{check.fault.sw:04X}", check.fault.cause] for check in CHECKS]


def _rows(head: str) -> list[list[str]]:
    """Cells of a table of card-management.md, by its head."""
    text = (DOCS / "card-management.md").read_text(encoding="utf8")
    section = text.partition(head)[2].partition("\n\n")[0]
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in section.strip().splitlines()[1:]]


def test_every_profile_is_described() -> None:
    """docs/profiles.md lists the names that --profile takes."""
    text = (DOCS / "profiles.md").read_text(encoding="utf8")
    assert all(name in text for name in profile_names())


def test_the_example_structure_makes_a_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/profiles.md: a structure and a profile of one's own."""
    monkeypatch.chdir(tmp_path)
    structure = (Path(__file__).parent / "example-structure.toml").read_text(encoding="utf8")
    shown = [lines for _, lines in blocks(DOCS / "profiles.md", "toml")]
    profile, fragment = shown[0], shown[1]
    assert [line for line in fragment if line and not line.startswith("#") and line not in structure] == []
    Path("my-ssse.toml").write_text(structure, encoding="utf8")
    Path("my-profile.toml").write_text("\n".join(profile), encoding="utf8")
    card = new_card(seed=1)
    activate(card, None)
    make_card(card, load_profile("my-profile.toml"), None)
    card.power_on()

    def send(text: str) -> str:
        return card.transmit(bytes.fromhex(text)).hex().upper()

    assert send("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")[:2] == "61"
    assert [send(f"00B2{n:02X}6C{le}") for n, le in ((1, "0E"), (2, "05"), (3, "03"), (4, "03"))] == [
        "EA0C3332303130303030303030319000", "EB033201009000", "EC01319000", "ED01009000",
    ]  # fmt: skip
    assert send("00DC046C03ED0131") == "6982"
    assert send("00A4040006D1560000050A")[:2] == "61"
    assert send("00B2012C00") == "6982"
    assert send("00A4040006D15600000502")[:2] == "61"
    assert send("0020000003123456") == "9000"
    assert [send(f"00B208{p2:02X}00") for p2 in (5 << 3 | 4, 6 << 3 | 4)] == ["6C05", "6C63"]


def test_the_example_payment_structure_makes_a_card(tmp_path: Path) -> None:
    """docs/profiles.md: 500 yuan, two transactions offline, the third asks to go online."""
    structure = (Path(__file__).parent / "example-pse.toml").read_text(encoding="utf8")
    assert structure.splitlines() in [lines for _, lines in blocks(DOCS / "profiles.md", "toml")]
    (tmp_path / "my-pse.toml").write_text(structure, encoding="utf8")
    profile = tmp_path / "my-profile.toml"
    profile.write_text('description = "mine"\n[pse]\nstructure = "my-pse.toml"', encoding="utf8")
    card = new_card(seed=1)
    activate(card, None)
    make_card(card, load_profile(str(profile)), None)

    def send(text: str) -> str:
        return card.transmit(bytes.fromhex(text)).hex().upper()

    answers = []
    for _ in range(3):
        card.power_on()
        assert send("00A4040008A000000333010101")[:2] == "61"
        assert send("80A800000B8309000000000010000156")[:2] == "61"
        send(
            "80AE400034000000001000000000000000015600000480000156240101001234567810150054455354204D45524348414E54"
            + "20" * 7
        )
        answers.append(send("00C0000020")[4:6])
    assert answers == ["40", "40", "80"]
    assert send("80CA9F7909") == "9F79060000000500009000"


def test_the_example_key_file_can_be_read(tmp_path: Path) -> None:
    """docs/key-file.md."""
    [(_, lines)] = blocks(DOCS / "key-file.md", "toml")
    path = tmp_path / "x.keys.toml"
    path.write_text("\n".join(lines), encoding="utf8")
    keys = load_keyfile(path)
    assert keys.ssse is not None
    assert set(keys.ssse.roots) == {"IRK", "RKSSSE"}
    assert tomllib.loads("\n".join(lines))["version"] == 1


def test_generated_memory_map() -> None:
    """The memory map of docs/architecture.md is that of a default card."""
    card = new_card(seed=1)
    activate(card, None)
    make_card(card, load_profile("dual-3.0-sm4"), None)
    card.power_on()
    text = (DOCS / "architecture.md").read_text(encoding="utf8")
    for name, cells in card.ranges().items():
        assert f"| 0x{cells.start:05X} | {len(cells) // 64} pages | `{name}`" in text
