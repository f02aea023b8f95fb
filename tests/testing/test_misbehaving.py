"""Cards that lie to a terminal: which answer, with what, and everywhere a card goes."""

import pytest

from cardsim.iso7816.card import Card
from cardsim.testing.faults import FAULTS, Late, mute, status_alone
from cardsim.testing.misbehaving import MisbehavingCard, Step, Tape, TapeCard
from tests.cards import AID, card

SELECT = bytes.fromhex(f"00A4040008{AID}")


class TestMisbehavingCard:
    """Only what the plan names is changed."""

    def test_the_chosen_answer_alone(self) -> None:
        """The second answer is another one; the card behind has run the command."""
        model = card().model
        spoiled = MisbehavingCard(model, {1: status_alone(0x6A82)})
        atr = spoiled.power_on()
        assert spoiled.transmit(SELECT)[0] == 0x61
        assert spoiled.transmit(SELECT) == b"\x6a\x82"
        assert spoiled.transmit(SELECT)[0] == 0x61
        assert spoiled.commands == 3
        assert atr == model.power_on()

    def test_mute_and_late(self) -> None:
        """A mute answer is empty; a late one is the right one, after the time was waited for."""
        waited: list[float] = []
        spoiled = MisbehavingCard(card().model, {0: mute, 1: Late(0.5)}, wait=waited.append)
        spoiled.power_on()
        assert spoiled.transmit(SELECT) == b""
        assert not waited
        assert spoiled.transmit(SELECT)[0] == 0x61
        assert waited == [0.5]

    def test_answer_to_reset(self) -> None:
        """The ATR can be spoiled too, at each reset."""
        spoiled = MisbehavingCard(card().model, {}, atr=lambda atr: atr[:-1])
        assert spoiled.power_on() == card().model.power_on()[:-1]

    def test_power(self) -> None:
        """Power goes through to the card."""
        model = card().model
        spoiled: Card = MisbehavingCard(model, {})
        spoiled.power_on()
        spoiled.power_off()
        assert model.transmit(SELECT) == b""


@pytest.mark.parametrize("name", FAULTS)
def test_faults_leave_a_status_word(name: str) -> None:
    """Whatever the answer was, with or without data."""
    for answer in (b"\x90\x00", b"\x6a\x82", bytes.fromhex("70055A03123456 9000")):
        assert len(FAULTS[name](answer)) >= 2
    assert FAULTS[name](bytes.fromhex("70055A03123456 9001")) != bytes.fromhex("70055A03123456 9001")


class TestTapeCard:
    """A card that has learned a session by heart."""

    TAPE = Tape(
        "two applications",
        b"\x3b\x00",
        (
            Step(bytes.fromhex("00A4040002AAAA"), b"\x6f\x00\x90\x00"),
            Step(bytes.fromhex("00B2010C00"), b"\x01\x90\x00"),
            Step(bytes.fromhex("00A4040002BBBB"), b"\x90\x00"),
            Step(bytes.fromhex("00B2010C00"), b"\x02\x90\x00"),
            Step(bytes.fromhex("0020008008241234FFFFFFFFFF"), b"\x90\x00"),
            Step(bytes.fromhex("80AE80000100"), b"\x80\x90\x00"),
        ),
    )

    def test_any_order(self) -> None:
        """Records are known by their application; a PIN is not compared; another cryptogram gets the first one."""
        played = TapeCard(self.TAPE)
        assert played.power_on() == b"\x3b\x00"
        assert played.transmit(bytes.fromhex("00A4040002BBBB")) == b"\x90\x00"
        assert played.transmit(bytes.fromhex("00B2010C00")) == b"\x02\x90\x00"
        assert played.transmit(bytes.fromhex("00A4040002AAAA")) == b"\x6f\x00\x90\x00"
        assert played.transmit(bytes.fromhex("00B2010C00")) == b"\x01\x90\x00"
        assert played.transmit(bytes.fromhex("80AE40000100")) == b"\x80\x90\x00"
        assert played.transmit(bytes.fromhex("00A4040002BBBB")) == b"\x90\x00"
        assert played.transmit(bytes.fromhex("0020008008261111 11FFFFFFFF")) == b"\x90\x00"

    def test_what_is_not_on_it(self) -> None:
        """6D00; no form 6700; no power no answer; a reset forgets the selection."""
        played = TapeCard(self.TAPE)
        assert played.transmit(SELECT) == b""
        played.power_on()
        assert played.transmit(SELECT) == b"\x6d\x00"
        assert played.transmit(b"\x00\xa4") == b"\x67\x00"
        played.transmit(bytes.fromhex("00A4040002AAAA"))
        played.power_on()
        assert played.transmit(bytes.fromhex("00B2010C00")) == b"\x6d\x00"
        played.power_off()
        assert not played.powered
