"""Lines of the model's code: each is told once, and nothing but the model's."""

import sys

from terminal.fuzz.coverage import Monitored, Traced, coverage
from terminal.fuzz.executor import Executor
from terminal.fuzz.sequence import parse_sequence
from terminal.fuzz.subject import Subject
from tests.cards import DUAL, card, made


def test_lines_are_told_once() -> None:
    model = card(on=False).model
    executor, looking = Executor(Subject(model, made(DUAL)[1], model)), coverage()
    select = parse_sequence(">> 00 A4 04 00 {lc} {name ssse}\n")
    before = sys.gettrace()
    with looking.watch():
        executor.run(select)
    assert sys.gettrace() is before
    first = looking.take()
    assert any(line.startswith("cos/dispatcher.py:") for line in first)
    assert {line.partition("/")[0] for line in first} <= {"chip", "cos", "crypto", "iso7816", "pse", "ssse"}
    with looking.watch():
        executor.run(select)
        executor.run(parse_sequence(">> 00 A4 04 00 {lc} {name ssse}\n> 00 20 00 00 03 999999\n"))
    second = looking.take()
    assert any(line.startswith("ssse/pin.py:") for line in second)
    assert not first & second
    assert looking.take() == frozenset()


def test_each_version_of_python_has_its_way() -> None:
    looking = coverage()
    assert isinstance(looking, Monitored if sys.version_info >= (3, 12) else Traced)
    assert looking.every == (1 if isinstance(looking, Monitored) else 16)
