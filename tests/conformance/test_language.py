"""The case language: each construct, each error with file and line; and the examples of the documents."""

from pathlib import Path

import pytest

from terminal.conformance.case import Check, Control, Each, Expect, Let, Mark, Repeat, Reset, Send, Use, slots_of
from terminal.conformance.pattern import Match, Mismatch, PatternError, parse_pattern
from terminal.conformance.script import ScriptError, parse_script
from terminal.conformance.selection import read_library
from terminal.conformance.template import TemplateError, parse_template
from terminal.errors import UsageError
from terminal.slots import Slot
from tests.conformance.bench import conform
from tests.docs.console import ROOT, blocks

_ALL = """
# a comment
group G

case A-1
    The title goes over
    two lines.
    shows R-1, R-2
    needs ssse version>=3.0
    marks writes slow
    state ssse
    > 00 A4 {lc} 3F00       # behind a step too
    < 9000
    | 6A8?
    >> 00B0 {x y}
    < 01 ?? {name:2} * {f a} 6C??|61??
    reset
    let n = {random 4} FF
    check {n} == {n}
    check {n} != 00
    some-word A B
    repeat 3
        > 00
        < 6700
        repeat 2
            reset
    cut 2

case A-2
    It ends here.
    > 00
    < 6700
"""


def test_each_construct() -> None:
    first, second = parse_script("f.case", _ALL).cases
    assert (first.id, first.group, first.title) == ("A-1", "G", "The title goes over two lines.")
    assert (first.shows, first.needs, first.state) == (("R-1", "R-2"), ("ssse", "version>=3.0"), "ssse")
    assert first.marks == {Mark.WRITES, Mark.SLOW}
    kinds = [type(step) for step in first.steps]
    assert kinds == [Send, Expect, Send, Expect, Reset, Let, Check, Check, Use, Repeat, Control]
    send, expect = first.steps[:2]
    assert isinstance(send, Send)
    assert isinstance(expect, Expect)
    assert (send.follow, str(send.place), len(expect.alternatives)) == (False, "f.case:12", 2)
    repeat = first.steps[9]
    assert isinstance(repeat, Repeat)
    assert [type(step) for step in repeat.steps] == [Send, Expect, Repeat]
    assert (second.state, second.shows) == ("powered", ("A-2",))


def test_each() -> None:
    text = "group G\ncase A\n    T.\n    each n 1 {atr}\n        check {n} != 00\n"
    [step] = parse_script("f", text).cases[0].steps
    assert isinstance(step, Each)
    assert (step.name, step.size, len(step.steps)) == ("n", 1, 1)


def test_vocabulary() -> None:
    script = parse_script(
        "f", "state a\n    T.\n    reset\nstate b from a\n    T.\n    w X\nword w P\n    T.\n    > {P}\n"
    )
    assert (script.vocabulary.states["b"].base, script.vocabulary.states["a"].base) == ("a", None)
    assert script.vocabulary.words["w"].parameters == ("P",)


def test_psam_lines() -> None:
    """The same lines, for the other slot."""
    text = (
        "group G\ncase A\n    T.\n    sam> 00\n    sam< 6700\n    | 6D00\n    sam>> 00\n    sam reset\n    sam cut 1\n"
    )
    send, expect, follow, reset, cut = parse_script("f", text).cases[0].steps
    assert isinstance(send, Send)
    assert isinstance(expect, Expect)
    assert isinstance(follow, Send)
    assert isinstance(reset, Reset)
    assert isinstance(cut, Control)
    assert {step.slot for step in (send, expect, follow, reset, cut)} == {Slot.PSAM}
    assert (send.follow, follow.follow, len(expect.alternatives), cut.arguments) == (False, True, 2, ("1",))


def test_rows() -> None:
    """One case for each row; the cells stand in the id, the title, the header and the steps."""
    text = (
        "group G\n# before\ncase A-{n}\n    Key {key}.\n    rows n | key | usage   # a table\n"
        "        1 | IRK | 67\n\n        2 | STK, old | 26  # the second\n    shows R-{n}\n    sam> {usage} {kept}\n"
        "    sam< 6700\ncase B\n    T.\n    > 00\n    < 6700\n"
    )
    one, two, other = parse_script("f", text).cases
    assert [(case.id, case.title, case.shows) for case in (one, two)] == [
        ("A-1", "Key IRK.", ("R-1",)),
        ("A-2", "Key STK, old.", ("R-2",)),
    ]
    (sent, _), (also, _) = one.steps, two.steps
    assert isinstance(sent, Send)
    assert isinstance(also, Send)
    assert (str(sent.command), str(also.command)) == ("67 {kept}", "26 {kept}")
    assert (one.place, two.place, sent.place.line, other.place.line) == (one.place, one.place, 10, 12)


def test_slots_of_a_case() -> None:
    """A case needs the slots that its own lines, its state and its words use."""
    text = (
        "group G\ncase A\n    T.\n    sam> 00\n    sam< 6700\n"
        "case B\n    T.\n    state s\n    sam> 00\n    sam< 6700\n"
        "case C\n    T.\n    each n 1 {x}\n        w\n"
        "case D\n    T.\n    check 00 == 00\n"
        "state s\n    T.\n    > 00\n"
        "word w\n    T.\n    sam reset\n"
    )
    script = parse_script("f", text)
    found = {case.id: slots_of(case, script.vocabulary) for case in script.cases}
    sam, card = Slot.PSAM, Slot.CARD
    assert found == {"A": {sam}, "B": {sam, card}, "C": {sam}, "D": {card}}


@pytest.mark.parametrize(
    ("lines", "line", "told"),
    [
        (["group G", "case A", "    T.", "    rows n | k", "        1", "    < 9000"], 5, "a row of 1 cells"),
        (["group G", "case A", "    T.", "    rows n", "    < 9000"], 4, "`rows` takes names"),
        (["group G", "case A", "    T.", "    sam 00", "    < 9000"], 4, "a command to the PSAM is written `sam> HEX`"),
        (["group G", "case A", "    T.", "    sam new-card", "    < 9000"], 4, "`sam` takes reset"),
        (["case A"], 1, "behind a line `group NAME`"),
        (["    > 00"], 1, "an indented line stands below"),
        (["nonsense here"], 1, "expected `group NAME`"),
        (["group G", "case A"], 2, "has no title"),
        (["group G", "case A", "    T.", "    > 00"], 2, "expects nothing"),
        (["group G", "case A", "    T.", "    state a b", "    < 9000"], 2, "names 2 states"),
        (["group G", "case A", "    T.", "    marks loud", "    < 9000"], 2, "marks are model"),
        (["group G", "case A", "    T.", "    > 00 0", "    < 9000"], 4, "neither hex nor an expression"),
        (["group G", "case A", "    T.", "    > {}", "    < 9000"], 4, "empty"),
        (["group G", "case A", "    T.", "    > 00", "    < 90"], 5, "does not end with a status word"),
        (["group G", "case A", "    T.", "    > 00", "    < 0 9000"], 5, "neither hex"),
        (["group G", "case A", "    T.", "    | 9000"], 4, "stands below `<`"),
        (["group G", "case A", "    T.", "    check 00"], 4, "== or !="),
    ],
)
def test_errors_name_file_and_line(lines: list[str], line: int, told: str) -> None:
    with pytest.raises(ScriptError) as caught:
        parse_script("my.case", "\n".join(lines))
    assert str(caught.value).startswith(f"my.case:{line}: ")
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("group G\ncase A\n    T.\n    state nowhere\n    < 9000\n", 2, "nowhere is no state"),
        ("group G\ncase A\n    T.\n    state ssse\n    nowhere X\n", 5, "'nowhere' is no word"),
        ("group G\ncase GOOD-1\n    T.\n    > 00\n    < 9000\n", 2, "stands already at tests.case"),
        ("state s/a from s/b\n    T.\n    reset\nstate s/b from s/a\n    T.\n    reset\n", 1, "starts from itself"),
        ("state s/a from nowhere\n    T.\n    reset\n", 1, "nowhere is no state"),
        ("state ssse\n    T.\n    reset\n", 1, "stands already at 0-vocabulary.case"),
        ("word verify\n    T.\n    reset\n", 1, "stands already at 0-vocabulary.case"),
    ],
)
@pytest.mark.usefixtures("small")
def test_errors_between_files(tmp_path: Path, text: str, line: int, told: str) -> None:
    path = tmp_path / "my.case"
    path.write_text(text, encoding="utf8")
    with pytest.raises(UsageError) as caught:
        read_library([str(path)])
    assert str(caught.value).startswith(f"my.case:{line}: ")
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [("1 +", "cannot be imported: SyntaxError"), ("x = 1", "no list CASES"), ("CASES = [1]", "no list CASES")],
)
@pytest.mark.usefixtures("small")
def test_errors_in_python(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(text, encoding="utf8")
    with pytest.raises(UsageError, match=told):
        read_library([str(path)])


@pytest.mark.usefixtures("small")
def test_a_case_file_is_text(tmp_path: Path) -> None:
    path = tmp_path / "my.case"
    path.write_bytes(b"group \xff")
    with pytest.raises(UsageError, match=r"my\.case: a case file is UTF-8 text, and byte 6 is not"):
        read_library([str(path)])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no case file"):
        read_library([str(tmp_path / "empty")])


def test_patterns() -> None:
    def evaluate(name: str, _words: tuple[str, ...]) -> bytes:
        return name.encode()

    pattern = parse_pattern("01 ?? {kept:2} * {ab} 6C??|9000")
    found = pattern.match(bytes.fromhex("01FF AABB 1122 6162 9000"), evaluate)
    assert found == Match({"kept": b"\xaa\xbb"}, recommended=False)
    assert isinstance(pattern.match(bytes.fromhex("01FF AABB 6162 6C05"), evaluate), Match)
    assert pattern.match(bytes.fromhex("02FF AABB 6162 9000"), evaluate) == Mismatch(0, "01")
    assert parse_pattern("9000").match(b"\x01\x90\x00", evaluate) == Mismatch(0, "no more data")
    assert parse_pattern("01 9000").match(b"\x01\x6a\x82", evaluate) == Mismatch(1, "status 9000")
    for wrong in ("", "01", "0 9000", "{} 9000"):
        with pytest.raises(PatternError):
            parse_pattern(wrong)


def test_templates() -> None:
    template = parse_template("00A4 0400 {lc} {name} 00")
    assert template.render(lambda _n, _w: b"ab") == bytes.fromhex("00A4040003616200")
    with pytest.raises(TemplateError, match="at most 255"):
        template.render(lambda _n, _w: bytes(256))
    for wrong in ("", "0", "{}", "{a"):
        with pytest.raises(TemplateError):
            parse_template(wrong)


def examples(language: str) -> list[str]:
    """The examples of docs/writing-cases.md in a language."""
    page = ROOT / "docs" / "writing-cases.md"
    return ["\n".join(lines) + "\n" for _, lines in blocks(page, language)]


@pytest.mark.usefixtures("small")
def test_examples_of_the_documents(image: Path, tmp_path: Path) -> None:
    """All of them pass on the demo card, and from Python too."""
    (tmp_path / "my.case").write_text("\n".join(examples("case")), encoding="utf8")
    ended = conform("--card", image, "--cases", tmp_path / "my.case", "MY_CASES")
    assert ended.status == 0, ended.out
    assert "9 passed" in ended.out
    [module] = examples("python")
    (tmp_path / "table.py").write_text(module, encoding="utf8")
    ended = conform("--card", image, "--cases", tmp_path / "table.py", "MY_TABLE")
    assert ended.status == 0, ended.out
    assert "3 passed" in ended.out


@pytest.mark.usefixtures("small")
def test_a_captured_value_may_have_the_name_of_a_function(image: Path, tmp_path: Path) -> None:
    """What a case names itself is not taken away by a function that the language gets later."""
    steps = "    needs ssse\n    state ssse\n    let name = 0102\n    check {name} == 0102\n"
    case = "group G\n\ncase G-1\n    A name.\n" + steps
    (tmp_path / "my.case").write_text(case, encoding="utf8")
    ended = conform("--card", image, "--cases", tmp_path / "my.case", "G")
    assert ended.status == 0, ended.out
