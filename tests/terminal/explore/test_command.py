"""`cardterm explore`: output, exit statuses, graph, the case of a counter-example, alphabets of one's own."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from cardsim.assembly import new_card
from cardsim.chip.image import create_image
from cardsim.keyfile import KeyFile, write_keyfile
from cardsim.making.card import activate, make_card
from cardsim.making.structure import load_profile
from terminal.cli import main as cardterm
from terminal.cli.parser import build_parser
from terminal.conformance.library import load, standard_library
from terminal.explore.graph import By, boxes_of, dot, svg
from terminal.explore.search import Explorer
from tests.docs.test_schemas import check
from tests.terminal.explore.support import TINY, explored, explorer

LIFE = ["explore", "life-cycle", "--without", "pse"]


def test_what_holds_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 0; how many states, and each property with what asks for it."""
    assert cardterm.main(LIFE) == 0
    output = capsys.readouterr().out
    assert "complete: each of 15 letters in each state" in output
    assert "244 states" in output
    assert "✓ powerless" in output
    assert "[D2, SCHEME-055]" in output
    assert "✗" not in output
    assert "· cut" in output


def test_what_is_broken_is_told_with_its_path(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 1; the shortest path as a transcript in which no key stands."""
    assert cardterm.main([*LIFE, "--defect", "card-key-deletes-keyed"]) == 1
    output = capsys.readouterr().out
    assert "✗ powerless" in output
    assert "shortest path, 7 letters" in output
    assert "7. delete-ssse" in output
    assert "80E4000002DDF1   DELETE" in output
    assert "84D4DDF124" + "**" * 36 in output


def test_json_follows_its_schema(capsys: pytest.CaptureFixture[str]) -> None:
    """One document, for what holds and for what does not."""
    for more, verdict, status in (
        ([], "passed", 0), (["--depth", "2"], "incomplete", 0), (["--defect", "activate-twice"], "failed", 1),
    ):  # fmt: skip
        assert cardterm.main([*LIFE, "--json", *more]) == status
        document = json.loads(capsys.readouterr().out)
        check("cardterm-explore", document)
        assert document["verdict"] == verdict
        assert document["complete"] is (verdict == "passed")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["explore", "nonsense"], "neither an alphabet (life-cycle, switching) nor a file"),
        ([*LIFE, "--without", "nothing"], "no letter and no part nothing"),
        ([*LIFE, "--depth", "0"], "--depth 0: at least 1"),
        ([*LIFE, "--graph", "x.png"], "ends in .svg or .dot"),
        ([*LIFE, "--graph", "/nowhere/x.svg"], "its folder is not there"),
        ([*LIFE, "--defect", "nonsense"], "there is no defect"),
        ([*LIFE, "--defect", "sam-number-stays"], "one of the PSAM"),
        ([*LIFE, "--card", "me.card"], "begins with a card of its own"),
        (["explore", "switching", "--card", "nowhere.card"], "there is no such card image"),
    ],
)
def test_wrong_use(argv: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2 and one sentence."""
    assert cardterm.main(argv) == 2
    output = capsys.readouterr()
    assert words in output.err
    assert output.err.count("\n") == 1
    assert not output.out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("state start\n    It is.\n    reset\n", "words without parameters"),
        ("word x\n    X.\n    reset\n", "a state `start`"),
        ("state start\n    It is.\n    reset\nword x\n    X.\n    at-most two\n    reset\n", "at-most` takes a number"),
        ("state start\n    It is.\n    reset\nword x\n    X.\n    nonsense\n", "'nonsense' is no word"),
        ("state start\n    It is.\n    reset\nword x\n    X.\n    > {nonsense}\n", "nonsense is neither"),
        ("state start\n    It is.\n    > 00 A4\n    < 9000\nword x\n    X.\n    reset\n", "first state is not reached"),
        ("nonsense\n", "mine.case:1"),
        ("\udc85", "mine.case: not UTF-8 text"),
    ],
)
def test_a_wrong_alphabet(text: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2, and what is wrong in the file."""
    path = tmp_path / "mine.case"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    assert cardterm.main(["explore", str(path)]) == 2
    assert words in capsys.readouterr().err


def test_an_image_is_explored_and_stays_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An alphabet of one's own on a card image with its key file: a private copy."""
    card = new_card(seed=1)
    activate(card, 3)
    keys: KeyFile = make_card(card, load_profile("social-2.0"), 3)
    path, mine = tmp_path / "me.card", tmp_path / "mine.case"
    create_image(path, card.snapshot().cells.cells)
    write_keyfile(path.with_name("me.card.keys.toml"), keys)
    mine.write_text(TINY, encoding="utf-8")
    before = path.read_bytes()
    assert cardterm.main(["explore", str(mine), "--card", str(path)]) == 0
    assert "complete" in capsys.readouterr().out
    assert path.read_bytes() == before


def test_the_graph(tmp_path: Path) -> None:
    """One box for each row of the life cycle, arrows with letters; DOT has the same boxes."""
    assert cardterm.main([*LIFE, "--graph", str(tmp_path / "g.svg")]) == 0
    words = ["".join(one.itertext()) for one in ET.parse(tmp_path / "g.svg").iter("{http://www.w3.org/2000/svg}text")]
    assert {"card virgin", "card activated", "DDF1 created", "DDF1 issued", "load-ssse-key", "end-ssse"} <= set(words)
    boxes = boxes_of(explored("life-cycle", "pse"), By.LIFE_CYCLE)
    assert len(boxes) == 6
    assert sum(box.states for box in boxes) == 244
    text = dot(boxes)
    assert text.count("[label=") == len(boxes) + sum(len(box.to) for box in boxes)
    assert 'label="load-ssse-key"' in text
    assert svg(boxes, "x") == svg(boxes, "x")


def test_a_graph_of_too_many_boxes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is no picture; DOT takes it."""
    assert cardterm.main([*LIFE, "--by", "state", "--graph", str(tmp_path / "g.svg")]) == 2
    assert "244 boxes are no picture" in capsys.readouterr().err
    assert cardterm.main([*LIFE, "--by", "place", "--graph", str(tmp_path / "g.dot")]) == 0


def test_a_counter_example_is_a_case(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The case runs under `conform`: it fails on the card with the fault, and passes on one without it."""
    path = tmp_path / "found.case"
    assert cardterm.main([*LIFE, "--defect", "card-key-replaces-environment-key", "--save", str(path)]) == 1
    library = load([path], standard_library())
    assert [case.id for case in library.cases] == ["EXPLORE-POWERLESS"]
    card = new_card(seed=1)
    activate(card, 3)
    image = tmp_path / "me.card"
    keys = make_card(card, load_profile("dual-3.0-sm4"), 3)
    create_image(image, card.snapshot().cells.cells)
    write_keyfile(image.with_name("me.card.keys.toml"), keys)
    capsys.readouterr()
    assert cardterm.main(["conform", "--card", str(image), "--cases", str(path), "EXPLORE"]) == 0, capsys.readouterr()
    assert "1 passed" in capsys.readouterr().out


def test_an_interrupted_run_tells_what_it_has(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C: exit 130, and what was found so far."""
    made = Explorer._try
    count = 0

    def tried(self: Explorer, *arguments: object) -> None:
        nonlocal count
        count += 1
        if count > 300:
            raise KeyboardInterrupt
        made(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Explorer, "_try", tried)
    assert cardterm.main(LIFE) == 130
    output = capsys.readouterr()
    assert "not complete (interrupted)" in output.out
    assert "300 transitions" in output.out
    assert "interrupted" in output.err


def test_at_most_counts_what_changes_the_card() -> None:
    """A letter with a bound is tried until it has changed the card so often; refused ones do not count."""
    bound = TINY.replace("VERIFY with a wrong PIN.\n", "VERIFY with a wrong PIN.\n    at-most 1\n")
    found = explorer(bound).run()
    assert found.complete
    wrong = [edge for edge in found.edges if edge.letter == "try-pin" and edge.source != edge.target]
    assert wrong
    assert all(found.states[edge.source].used == (0,) for edge in wrong)
    assert found.contents < explorer(TINY).run().contents


def test_it_stands_in_the_help() -> None:
    """An example, and every option."""
    text = build_parser().format_help()
    assert "explore" in text
