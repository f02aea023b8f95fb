"""A card that is to live on gets nothing that could spend it, and a campaign stops while tries are left."""

import pytest

from cardsim.decode import Environment
from terminal.fuzz.caution import CautiousCard, Spared, TriesLow, is_harmless
from terminal.fuzz.executor import Executor
from terminal.fuzz.sequence import parse_sequence
from terminal.fuzz.subject import Subject
from tests.cards import DUAL, card, made


@pytest.mark.parametrize(
    ("environment", "command", "harmless"),
    [
        (Environment.CARD, "00A40000023F00", True),
        (Environment.SSSE, "00B2010400", True),
        (Environment.SSSE, "0020000003123456", False),
        (Environment.SSSE, "00DC0104", False),
        (Environment.SSSE, "841E000004", False),
        (Environment.PSE, "80CA9F3600", True),
        (Environment.PSE, "80AE8000", False),
        (Environment.CARD, "80F0", False),
        (Environment.CARD, "F0F00000", False),
        (Environment.PSAM, "80FA0000", True),
        (Environment.PSAM, "84D40000", False),
    ],
)
def test_what_is_harmless(environment: Environment, command: str, harmless: bool) -> None:
    assert is_harmless(environment, bytes.fromhex(command)) is harmless


def test_without_leave_nothing_goes_out_that_writes_or_tries() -> None:
    bench = card(on=False)
    cautious = CautiousCard(bench.model, Environment.CARD, destructive=False)
    text = ">> 00 A4 04 00 {lc} {name ssse}\n> 00 20 00 00 03 999999\n> 00 FF 00 00\n> 00 84 00 00 08\n"
    run = Executor(Subject(cautious, made(DUAL)[1])).run(parse_sequence(text))
    assert [exchange.command[1] for exchange in run.exchanges] == [0xA4, 0xC0, 0x84]
    assert run.left_out == 2
    with pytest.raises(Spared, match="--destructive"):
        cautious.transmit(bytes.fromhex("0020000003999999"))


def test_a_low_try_counter_ends_it() -> None:
    bench = card(on=False)
    cautious = CautiousCard(bench.model, Environment.CARD, destructive=True)
    executor = Executor(Subject(cautious, made(DUAL)[1]))
    wrong = parse_sequence(">> 00 A4 04 00 {lc} {name ssse}\n" + "> 00 20 00 00 03 999999\n" * 6)
    with pytest.raises(TriesLow, match="2 tries left for 00200000: the campaign stops"):
        executor.run(wrong)
