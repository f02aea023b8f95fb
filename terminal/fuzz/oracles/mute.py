"""The card never falls silent."""

from typing import Final

from terminal.fuzz.executor import Exchange
from terminal.fuzz.oracles.common import Watcher, of


class NeverMute(Watcher):
    """Each command is answered; a cut of the supply is told otherwise (`was_reset`)."""

    name: Final = "never-mute"

    def judge(self, exchange: Exchange) -> str | None:
        """No answer is a complaint."""
        return None if exchange.answer else f"{of(exchange)} is not answered"
