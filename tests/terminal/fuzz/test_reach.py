"""Reach: what was answered is counted by row and status word, and what cannot be reached is named with its reason."""

from random import Random

from cardsim.cos import commands as cos
from cardsim.psam import commands as psam
from terminal.fuzz.executor import Executor
from terminal.fuzz.reach import Pair, Reach, complaints, declared_pairs, reasons
from terminal.fuzz.sequence import parse_sequence
from terminal.fuzz.starts import starts
from terminal.slots import Slot
from tests.terminal.fuzz.test_grammar import grammar


def test_pairs_are_told_apart_by_environment_and_status_word() -> None:
    subject, _ = grammar()
    reach = Reach()
    text = "> 00 A4 00 00 02 1234\n>> 00 A4 04 00 {lc} {name ssse}\n> 00 A4 00 00 02 1234\n> 00 20 00 00 00\n> 00\n"
    reach.take(Executor(subject).run(parse_sequence(text)), "card")
    assert reach.apdus == 6
    assert reach.count(Pair("card", cos.SELECT, 0x6A82)) == 1
    assert reach.count(Pair("card", cos.SELECT, 0x6100)) == 1
    assert reach.count(Pair("ssse", cos.SELECT, 0x6A82)) == 1
    assert reach.count(Pair("pse", cos.SELECT, 0x6A82)) == 0
    assert Pair("card", cos.SELECT, 0x6A82).causes == ("no file or DF of this identifier or name",)


def test_a_psam_is_blank_until_its_mf_has_a_key() -> None:
    start = next(start for name, start in starts(grammar()[0].keys, Slot.PSAM).items() if name == "psam-blank")
    text = (
        "let sam-suite = 01\n> 00 84 00 00 08\nlet plain = 01 00 01 05 00000000000000000000 {sam-master-key}\n"
        "> 00 82 00 00 10 {sam-transport-auth}\n> 00 84 00 00 08\n"
        "> 84 D4 3F00 {lc} {sam-protect-transport 84D43F00 plain}\n> 00 84 00 00 08\n"
    )
    reach = Reach()
    reach.take(Executor(start.subject()).run(parse_sequence(text)), "psam-blank")
    assert reach.count(Pair("psam blank", cos.GET_CHALLENGE, 0x9000)) == 2
    assert reach.count(Pair("psam", psam.GET_CHALLENGE, 0x9000)) == 1


def test_a_few_thousand_commands_reach_most_of_a_finished_card() -> None:
    subject, made_of = grammar()
    executor, reach, random = Executor(subject), Reach(), Random(2)
    while reach.apdus < 4000:
        reach.take(executor.run(made_of.sequence(random)), "card")
    declared = list(declared_pairs(Slot.CARD))
    assert len(declared) - len(reach.missing(Slot.CARD)) > len(declared) // 3


def test_reasons_name_pairs_that_are_declared() -> None:
    declared = {str(pair) for slot in Slot for pair in declared_pairs(slot)}
    assert not reasons().keys() - declared


def test_what_is_missing_needs_a_reason_and_a_reason_something_that_is_missing() -> None:
    reaches = {slot: Reach() for slot in Slot}
    said = complaints(reaches)
    assert len(said) == sum(len(list(declared_pairs(slot))) for slot in Slot) - len(reasons())
    reached = next(pair for pair in declared_pairs(Slot.CARD) if str(pair) in reasons())
    reaches[Slot.CARD].counts[reached.where, id(reached.row), reached.sw] += 1
    assert f"{reached}: reached, though a reason says that it cannot be" in complaints(reaches)
