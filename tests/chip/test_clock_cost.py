"""The clock that is handed in, and the cost model by hand computation."""

from dataclasses import replace

import pytest

from cardsim.assembly import new_card
from cardsim.chip.clock import ModelClock
from cardsim.chip.cost import DEFAULT_RATES, CommandReport, Cost, cost_of, listening_transmit
from cardsim.chip.eeprom import MIN_SIZE, Eeprom

ETU = 372 / 3579545
READ_RECORD = bytes.fromhex("00B2010C12")


def test_the_clock_moves_when_it_is_told_to() -> None:
    clock = ModelClock(10.0)
    assert (clock.now(), clock.now()) == (10.0, 10.0)
    clock.advance(2.5)
    clock.advance(0)
    assert clock.now() == 12.5
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-0.001)
    assert clock.now() == 12.5
    assert ModelClock().now() == 0.0


def test_read_record_by_hand() -> None:
    """5 bytes of header, 1 procedure byte, 18 bytes of data and SW1 SW2; 12 etu each, two turn-arounds of 16 etu."""
    cost = cost_of(READ_RECORD, bytes(18) + b"\x90\x00", 0)
    assert cost.line == pytest.approx((26 * 12 + 2 * 16) * ETU, rel=1e-12)
    assert cost.line == pytest.approx(0.035749, abs=1e-6)
    assert (cost.programs, cost.crypto) == (0, 0)
    assert cost.total == cost.line


def test_update_binary_by_hand() -> None:
    """5 + 4 bytes down, 1 procedure byte, SW1 SW2, four turn-arounds, three pages of 2 ms."""
    cost = cost_of(bytes.fromhex("00D6000004") + b"data", b"\x90\x00", 3)
    assert cost.line == pytest.approx((12 * 12 + 4 * 16) * ETU, rel=1e-12)
    assert cost.programs == pytest.approx(0.006)
    assert cost.total == pytest.approx(cost.line + 0.006)


def test_a_command_without_p3_sends_five_bytes_on_the_line() -> None:
    assert cost_of(bytes.fromhex("00840000"), b"\x67\x00", 0) == cost_of(bytes.fromhex("0084000000"), b"\x67\x00", 0)
    assert cost_of(b"", b"", 0).line > 0


def test_cipher_blocks_and_signatures() -> None:
    assert cost_of(bytes.fromhex("80AE800001") + b"x", b"\x61\x20", 0).crypto == pytest.approx(26 * 30e-6)
    signed = cost_of(bytes.fromhex("0088000004") + b"chal", b"\x61\x90", 0)
    assert signed.crypto == pytest.approx(0.120 + 6 * 30e-6)
    assert cost_of(bytes.fromhex("0088000004") + b"chal", b"\x61\x10", 0).crypto == pytest.approx(6 * 30e-6)
    assert cost_of(bytes.fromhex("0088000004") + b"chal", b"\x69\x85", 0).crypto == pytest.approx(6 * 30e-6)


def test_other_rates() -> None:
    rates = replace(DEFAULT_RATES, clock=DEFAULT_RATES.clock / 2, page_program=1e-3)
    slow = cost_of(READ_RECORD, b"\x90\x00", 4, rates)
    assert slow.line == pytest.approx(2 * cost_of(READ_RECORD, b"\x90\x00", 4).line)
    assert slow.programs == pytest.approx(4e-3)


def test_every_command_is_reported_with_its_pages_and_moves_the_clock() -> None:
    eeprom, clock = Eeprom(bytearray(MIN_SIZE)), ModelClock()
    reports: list[CommandReport] = []

    def transmit(command: bytes) -> bytes:
        for page in range(command[3]):
            eeprom.program(page * 64, b"x")
        return b"\x90\x00"

    heard = listening_transmit(transmit, eeprom, clock, reports.append)
    eeprom.program(0, b"before")
    assert heard(b"\x00\xd6\x00\x03") == b"\x90\x00"
    assert heard(b"\x00\xd6\x00\x00") == b"\x90\x00"
    assert [report.pages for report in reports] == [3, 0]
    assert reports[0].command == b"\x00\xd6\x00\x03"
    assert reports[0].answer == b"\x90\x00"
    assert reports[0].cost == cost_of(b"\x00\xd6\x00\x03", b"\x90\x00", 3)
    assert clock.now() == pytest.approx(sum(report.cost.total for report in reports))


def test_nothing_is_charged_while_nobody_listens() -> None:
    card = new_card(seed=1)
    card.power_on()
    silent = card.transmit
    card.transmit(READ_RECORD)
    assert card.clock.now() == 0
    reports: list[CommandReport] = []
    card.listen(reports.append)
    answer = card.transmit(READ_RECORD)
    assert [(report.command, report.answer) for report in reports] == [(READ_RECORD, answer)]
    now = card.clock.now()
    assert now == pytest.approx(reports[0].cost.total)
    assert now > 0
    card.listen(None)
    assert card.transmit == silent
    card.transmit(READ_RECORD)
    assert (card.clock.now(), len(reports)) == (now, 1)


def test_total_is_the_sum() -> None:
    assert Cost(1.0, 2.0, 4.0).total == 7.0
