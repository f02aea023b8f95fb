"""The answer of GET STATUS."""

import pytest

from cardsim.cos.states import CardState, Presence
from cardsim.decode.lifecycle import CardStatus, EnvironmentStatus, ask_status, read_status
from tests.cards import DUAL, card

SSSE = bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF")


def test_what_a_finished_card_tells() -> None:
    """D1, D2: operational, both environments issued, by identifier and name; asked with 6Cxx followed."""
    told = ask_status(card(DUAL).model.transmit)
    assert told is not None
    assert (told.card, told.card_word) == (CardState.OPERATIONAL, "operational")
    ssse = told.environment(0xDDF1)
    assert ssse == EnvironmentStatus(0xDDF1, SSSE, Presence.ISSUED)
    assert [(str(one), one.keyed) for one in told.environments] == [("issued", True)] * 2
    assert told.environment(0xDDF9) is None
    assert not told.whole_card


@pytest.mark.parametrize("presence", list(Presence))
@pytest.mark.parametrize("blocked", [False, True])
def test_presence(presence: Presence, blocked: bool) -> None:
    """Bit 8 tells that an environment is blocked; from KEYED on the card master key has no power over it."""
    state = presence | 0x80 * blocked
    told = read_status(bytes.fromhex(f"700F800102A10A8302DDF18401418A01{state:02X}"))
    assert told == CardStatus(2, (EnvironmentStatus(0xDDF1, b"A", presence, blocked),))
    (one,) = told.environments
    assert one.keyed is (presence is not Presence.CREATED)
    assert str(one) == presence.name.lower() + (", blocked" if blocked else "")


def test_settings() -> None:
    """D10, D16: whether a block stops the whole card, and the choices of the payment environment."""
    assert read_status(bytes.fromhex("7006800101810101")) == CardStatus(1, whole_card=True)
    assert read_status(bytes.fromhex("70098001018204000000FF")) == CardStatus(1, choices=0xFF)


@pytest.mark.parametrize("data", ["", "70", "7000", "700380", "7002A100", "7005800101A100", "9F", "6F03800101"])
def test_what_is_no_status(data: str) -> None:
    """Nothing is guessed."""
    assert read_status(bytes.fromhex(data)) is None


def test_a_card_that_refuses() -> None:
    """A state that nobody knows is told in hex; a refusal is no status."""
    assert CardStatus(7).card_word == "07"
    assert ask_status(lambda _: b"\x6a\x81") is None
    assert ask_status(lambda _: b"") is None
