"""What is new enters the corpus; what is seldom gets the energy; the minimiser keeps what was reached."""

from collections import Counter
from random import Random

from terminal.fuzz.corpus import Entry
from terminal.fuzz.executor import Executor
from terminal.fuzz.guide import Guide, cover
from terminal.fuzz.sequence import Sequence, parse_sequence, send
from terminal.fuzz.subject import Subject
from tests.cards import DUAL, card, made

SELECT = ">> 00 A4 04 00 {lc} {name ssse}\n"
AUTHENTICATE = "> 00 84 00 00 08\n> 00 82 00 {id RKSSSE} 10 {auth RKSSSE}\n"
READ = "> 00 A4 02 00 02 EF06\n> 00 B2 01 04 00\n"


def runs(*texts: str) -> tuple[Guide, list[Entry | None]]:
    """Sequences on the demo card, judged one after another."""
    model, guide = card(on=False).model, Guide()
    executor = Executor(Subject(model, made(DUAL)[1], model))
    sequences = map(parse_sequence, texts)
    return guide, [guide.judge(sequence, executor.run(sequence).exchanges) for sequence in sequences]


def features(entry: Entry | None) -> list[str]:
    """What an entry reached first."""
    return sorted(entry.features) if entry is not None else []


def test_another_status_word_and_another_security_state_are_new() -> None:
    _, (first, again, refused, proved) = runs(
        SELECT, SELECT, SELECT + READ, SELECT + AUTHENTICATE + READ
    )  # fmt: skip
    assert features(first) == [
        "card | card SELECT 00A4 61xx | MF",
        "card | ssse GET RESPONSE 00C0 9000 | ssse sx1.sh.社会保障",
    ]
    assert again is None
    assert "card | ssse READ RECORD 00B2 6982 | ssse sx1.sh.社会保障, EF EF06" in features(refused)
    assert "card | ssse READ RECORD 00B2 6Cxx | ssse sx1.sh.社会保障, proved 0A" in features(proved)


def test_lengths_and_parameters_of_what_is_refused_are_not_new() -> None:
    _, (first, other) = runs(SELECT + "> 00 B2 01 0C 00\n", SELECT + "> 00 B2 02 0C 00\n")
    assert first is not None
    assert other is None


def test_another_mode_of_reading_is_new() -> None:
    _, (first, other) = runs(SELECT + ">> 00 B2 01 2C 00\n", SELECT + ">> 00 B2 01 2A 00\n")
    assert "card | ssse READ RECORD 00B2 9000 | P1 01 P2 2C" in features(first)
    assert "card | ssse READ RECORD 00B2 9000 | P1 01 P2 2A" in features(other)


def test_what_others_have_found_is_not_found_again() -> None:
    _, (entry,) = runs(SELECT)
    assert entry is not None
    guide = Guide()
    guide.learn(entry)
    assert guide.reached == len(entry.features)
    assert guide.choose(Random(1)) == entry.sequence


def test_a_line_of_the_model_is_a_feature_too() -> None:
    guide, sequence = Guide(), Sequence("card", ())
    entry = guide.judge(sequence, [], ["cos/files.py:1", "cos/files.py:2"])
    assert entry is not None
    assert entry.lines == {"cos/files.py:1", "cos/files.py:2"}
    assert guide.judge(sequence, [], ["cos/files.py:1"]) is None


def test_energy_goes_to_what_is_seldom() -> None:
    guide = Guide()
    seldom, often = (Sequence("card", (send(f"00 84 00 00 {length}"),)) for length in ("08", "10"))
    guide.learn(Entry(seldom, ("seldom",)))
    guide.learn(Entry(often, ("often",)))
    for _ in range(99):
        guide.count([guide.features.number("often")])
    random = Random(1)
    chosen = Counter(guide.choose(random) for _ in range(1100))
    assert 950 < chosen[seldom] < 1050


def test_the_minimiser_keeps_what_was_reached_with_the_shortest() -> None:
    long, short, other = (Sequence("card", (send("00 84 00 00 08"),) * steps) for steps in (9, 2, 5))
    kept = cover([(long, frozenset("abc")), (short, frozenset("ab")), (other, frozenset("c"))])
    assert kept == [short, other]
