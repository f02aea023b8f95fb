"""Killing `cardsim serve` is a power cut: what the card answered before stands, and nothing is half done."""

import random
import threading
from pathlib import Path

import pytest

from cardsim.assembly import open_card
from tests.cli.support import ATR, SELECT_SSSE, CardClient, Serving

WRONG, RIGHT = bytes.fromhex("0020000003999999"), bytes.fromhex("0020000003123456")
FULL = 6
LOWEST = 3
"""From here on the holder remembers the PIN: one try more is lost in flight, and the card must not be blocked."""


class Holder:
    """Enters PINs until the card is gone; knows what the card acknowledged, and what was under way."""

    def __init__(self, tries: int, draw: random.Random) -> None:
        self.tries = tries
        self.answers = 0
        self.under_way = b""
        self._draw = draw

    def enter(self, client: CardClient) -> None:
        """Until the connection breaks."""
        try:
            while True:
                wrong = self.tries > LOWEST and self._draw.random() < 0.6
                self.under_way = WRONG if wrong else RIGHT
                answer = client.apdu(self.under_way)
                if wrong:
                    assert answer == bytes((0x63, 0xC0 | self.tries - 1))
                    self.tries -= 1
                else:
                    assert answer == b"\x90\x00"
                    self.tries = FULL
                self.answers += 1
        except (EOFError, OSError):
            return

    @property
    def possible(self) -> set[int]:
        """Tries that may be left: as acknowledged, or with the command under way begun or done."""
        left = {self.tries, self.tries - 1}
        return left | {FULL} if self.under_way == RIGHT else left


def tries_left(image: Path) -> int:
    """What a wrong PIN finds, on a card that starts as ever; the right one mends it."""
    with open_card(image) as card:
        assert card.power_on() == ATR
        assert card.transmit(SELECT_SSSE) == b"\x61\x1e"
        answer = card.transmit(WRONG)
        assert answer[0] == 0x63
        assert card.transmit(RIGHT) == b"\x90\x00"
        return (answer[1] & 0x0F) + 1


@pytest.mark.parametrize("round_", range(15))
def test_the_try_counter_is_what_was_answered(round_: int, image: Path) -> None:
    draw = random.Random(round_)
    with Serving(image) as served:
        with served.client() as client:
            assert client.apdu(SELECT_SSSE) == b"\x61\x1e"
            holder = Holder(FULL, draw)
            cut = threading.Timer(draw.uniform(0.002, 0.08), served.process.kill)
            cut.start()
            holder.enter(client)
            cut.join()
        served.process.wait()
    assert tries_left(image) in holder.possible, (holder.tries, holder.answers, holder.under_way.hex())
