"""A place where all flows run in process: card, PSAM, hosts and a storage that outlive each run."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from random import Random
from typing import Final

from cardsim.assembly import CardModel, SamModel
from cardsim.iso7816.card import Card
from terminal.cli.flows import Outcome, flow_of
from terminal.cli.parser import build_parser
from terminal.driver import Services, never_cancelled, run
from terminal.effects import Flow, PinEntry
from terminal.flows.financial.pinchange import NEW_PIN
from terminal.flows.social.pin import NEW_PROMPT
from terminal.hosts.world import World
from terminal.security import BenchPinPad, KeyFileModule, PinCipher, say_once
from terminal.storage import MemoryStorage
from terminal.transcript import Listener, ignore
from tests.cards import Bench, card
from tests.psams import psam

NOW: Final = datetime(2026, 11, 22, 10)


@dataclass
class Place:
    """A terminal of each kind at one counter, with one holder's card."""

    user: Bench = field(default_factory=lambda: card(on=False))
    sam: SamModel = field(default_factory=lambda: psam()[0])
    storage: MemoryStorage = field(default_factory=MemoryStorage)
    _zone: PinCipher = field(default_factory=lambda: PinCipher(bytes(range(16))), repr=False)

    @property
    def model(self) -> CardModel:
        """The card."""
        return self.user.model

    @cached_property
    def world(self) -> World:
        """The hosts, with books in memory."""
        return World([self.user.keys], pin_zone=self._zone, random=Random(7).randbytes, clock=lambda: NOW)

    def _arguments(self, words: tuple[str, ...]) -> argparse.Namespace:
        slots = ["--card", "me.card"] if words[0] == "financial" else ["--card", "me.card", "--psam", "me.psam"]
        return build_parser().parse_args([*words, *slots])

    def flow(self, words: tuple[str, ...]) -> Flow[Outcome]:
        """The flow of a command line."""
        return flow_of(self._arguments(words), self.user.keys, NOW)

    def services(self, words: tuple[str, ...]) -> Services:
        """What the terminal has, with a holder who knows the PINs of a command line."""
        arguments = self._arguments(words)
        known, new = say_once(arguments.pin), getattr(arguments, "new_pin", None)

        def holder(request: PinEntry) -> str | None:
            return new if new and request.prompt.startswith((NEW_PIN, NEW_PROMPT)) else known(request)

        assert self.user.keys.ssse is not None
        return Services(
            Random(1).randbytes,
            KeyFileModule(self.user.keys.ssse),
            BenchPinPad(holder, self._zone),
            None if getattr(arguments, "offline", False) else self.world.bank,
            self.world.department,
            storage=self.storage,
        )

    def run(
        self,
        words: tuple[str, ...],
        listener: Listener = ignore,
        cancelled: Callable[[], bool] = never_cancelled,
        *,
        link: Card | None = None,
        sam: Card | None = None,
        follow: bool = True,
    ) -> Outcome:
        """Run a command line, with these cards in the slots or the place's own."""
        return run(
            self.flow(words), self.model if link is None else link, self.services(words), listener,
            psam=self.sam if sam is None else sam, follow=follow, cancelled=cancelled,
        )  # fmt: skip
