"""Runs of sequences: the same each time, cut where they say so, and ended by the first complaint."""

from dataclasses import dataclass, field

import pytest

from cardsim.assembly import CardModel
from cardsim.defects import apply_defect, find_defect
from terminal.errors import LinkError, Unanswered
from terminal.fuzz.executor import Exchange, Executor, Restart, Run
from terminal.fuzz.sequence import Sequence, parse_sequence
from terminal.fuzz.subject import Subject, blank_subject
from tests.cards import DUAL, card, made

READ = """\
seed {seed}
>> 00 A4 04 00 {{lc}} {{name ssse}}
> 00 84 00 00 08
> 00 82 00 {{id RKSSSE}} 10 {{auth RKSSSE}}
> 00 A4 02 00 02 EF06
>> 00 B2 01 04 00
"""


def subject() -> Subject:
    """The demo card with its keys."""
    model = card(on=False).model
    return Subject(model, made(DUAL)[1], model)


def answers(run: Run) -> list[str]:
    """What came, in hex."""
    return [exchange.answer.hex().upper() for exchange in run.exchanges]


@dataclass
class Listener:
    """An oracle that complains of one status word, and keeps what it heard."""

    name: str = "listener"
    sw: int = 0
    heard: list[str] = field(default_factory=list)

    def begin(self, subject: Subject, sequence: Sequence) -> None:  # noqa: ARG002
        self.heard.append("begin")

    def judge(self, exchange: Exchange) -> str | None:
        self.heard.append(f"{exchange.step} {exchange.sw:04X}{' added' if exchange.added else ''}")
        return f"it answers {self.sw:04X}" if exchange.sw == self.sw else None

    def was_reset(self, restart: Restart) -> str | None:
        self.heard.append("reset" if restart.cut is None else f"cut in {restart.cut[:2].hex()} at {restart.step}")
        return None

    def end(self) -> str | None:
        self.heard.append("end")
        return None


def test_a_run_holds_the_keys_and_is_the_same_each_time() -> None:
    executor = Executor(subject())
    first = executor.run(parse_sequence(READ.format(seed=5)))
    other = executor.run(parse_sequence(READ.format(seed=6)))
    again = executor.run(parse_sequence(READ.format(seed=5)))
    assert all(text[-4:] == "9000" or text[-4:-2] in ("61", "6C") for text in answers(first)), answers(first)
    assert answers(first) == answers(again)
    assert answers(first)[2] != answers(other)[2], "another seed, another challenge"
    assert first.left_out == 0
    assert first.exchanges[-1].before.proved


def test_the_first_complaint_ends_the_run() -> None:
    listener = Listener(sw=0x6D00)
    run = Executor(subject(), [listener]).run(parse_sequence("> 00 84 00 00 08\n> 00 01 00 00\n> 00 84 00 00 08\n"))
    assert str(run.complaint) == "listener: it answers 6D00"
    assert run.complaint is not None
    assert run.complaint.step == 1
    assert listener.heard == ["begin", "0 9000", "1 6D00"]


def test_a_cut_is_followed_by_a_reset_and_what_comes_then_meets_a_card_that_works() -> None:
    text = ">> 00 A4 04 00 {lc} {name ssse}\ncut 1\n> 00 20 00 00 03 999999\n>> 00 A4 00 00 02 3F00\n"
    listener = Listener()
    run = Executor(subject(), [listener]).run(parse_sequence(text))
    assert "cut in 0020 at 2" in listener.heard
    assert run.exchanges[-1].sw == 0x9000
    assert run.complaint is None


def test_what_cannot_be_computed_is_left_out() -> None:
    run = Executor(subject()).run(parse_sequence("> 00 82 00 00 10 {auth NOSUCHKEY}\n> 00 84 00 00 08\n"))
    assert run.left_out == 1
    assert len(run.exchanges) == 1


class Raising:
    """A card with a bug."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self._card = subject().card

    def power_on(self) -> bytes:
        return self._card.power_on()

    def transmit(self, command: bytes) -> bytes:  # noqa: ARG002
        raise ZeroDivisionError("in a handler")

    def power_off(self) -> None: ...


def test_a_card_that_raises_has_fallen_over() -> None:
    run = Executor(Subject(Raising(), made(DUAL)[1])).run(parse_sequence("> 00 84 00 00 08\n"))
    assert str(run.complaint) == "falls-over: ZeroDivisionError: in a handler"


@pytest.mark.parametrize(("stays", "words"), [(True, "b5"), (False, "b5; nor is a reset after it")])
def test_a_card_that_falls_silent_in_its_reader_is_complained_of(stays: bool, words: str) -> None:
    """Readers tell of a mute card as of an error of theirs; the sequence that it fell silent in is kept."""

    class InReader(Raising):
        """A card behind a link."""

        def power_on(self) -> bytes:
            if self.asked and not stays:
                raise LinkError("no card")
            return super().power_on()

        def transmit(self, command: bytes) -> bytes:
            self.asked.append(command)
            raise Unanswered("b5")

    run = Executor(Subject(InReader(), made(DUAL)[1])).run(parse_sequence("> 00 84 00 00 08\n> 00 A4 00 00 02 3F00\n"))
    assert str(run.complaint) == f"falls-over: GET CHALLENGE is not answered: {words}"
    assert [exchange.command.hex() for exchange in run.exchanges] == ["0084000008"]


def test_a_model_that_cannot_be_looked_into_is_complained_of() -> None:
    class Looking(Listener):
        """An oracle that reads what the card keeps."""

        def judge(self, exchange: Exchange) -> str | None:  # noqa: ARG002
            raise IndexError("255 bytes at FFFF")

    run = Executor(subject(), [Looking()]).run(parse_sequence("> 00 84 00 00 08\n"))
    assert str(run.complaint) == "falls-over: what the card keeps cannot be read: IndexError: 255 bytes at FFFF"


def test_a_card_without_an_answer_to_reset_is_gone() -> None:
    class Gone:
        """No card."""

        def power_on(self) -> bytes:
            return b""

        def transmit(self, command: bytes) -> bytes:  # noqa: ARG002
            return b""

        def power_off(self) -> None: ...

    with pytest.raises(LinkError, match="no ATR"):
        Executor(Subject(Gone(), made(DUAL)[1])).run(parse_sequence("reset\n"))


def test_a_blank_card_takes_its_master_key() -> None:
    run = Executor(blank_subject(made(DUAL)[1])).run(parse_sequence("> 80 F2 00 00 05\n> 00 84 00 00 08\n"))
    assert [exchange.answer[-2:].hex() for exchange in run.exchanges] == ["9000", "9000"]


def test_a_model_without_a_right_answer_to_reset_is_a_complaint() -> None:
    """A reader that lost its card is an error; a model whose ATR is none has a fault."""
    broken = subject()
    assert isinstance(broken.card, CardModel)
    apply_defect(broken.card, find_defect("atr-historical-length"))
    run = Executor(broken).run(parse_sequence("reset\n"))
    assert str(run.complaint).startswith("answers-to-reset: the card's answer to reset is no ATR")
