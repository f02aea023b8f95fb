"""What passes at the contacts while a line is carried out: told in words, and kept for `save`."""

from collections.abc import Callable
from typing import Final

from cardsim.decode import Environment
from cardsim.decode.commands import is_secret, masked_hex
from cardsim.decode.decoder import Decoded, Decoder
from cardsim.decode.observed import Observed
from cardsim.iso7816.card import Card
from terminal.links.recording import Recorded, Stopwatch
from terminal.slots import Slot

HOMES: Final = {Slot.CARD: Environment.CARD, Slot.PSAM: Environment.PSAM}


class Watch:
    """Follows the cards of a session.

    Args:
        tell: is told each exchange in words, its slot, and the seconds that the card took.
        show_secrets: whether PINs and keys are shown and kept.
    """

    def __init__(self, tell: Callable[[Decoded, Slot, float], None], *, show_secrets: bool = False) -> None:
        self._tell = tell
        self._show = show_secrets
        self._clock = Stopwatch()
        self._decoders = {slot: Decoder(home, show_secrets=show_secrets) for slot, home in HOMES.items()}
        self.events: list[Recorded] = []
        """The session, as a recording has it: without PINs and keys unless they were asked for."""
        self.secret = False
        """Whether a secret was sent since this was last cleared."""

    def around(self, card: Card, slot: Slot) -> Card:
        """The card, watched."""
        return _WatchedCard(card, slot, self)

    def state(self, slot: Slot) -> Observed:
        """What is known of the card in a slot."""
        return self._decoders[slot].state

    def powered(self, slot: Slot, atr: bytes) -> None:
        """A card was powered on or reset."""
        self._decoders[slot].reset()
        self.events.append(Recorded("power-on", "", atr.hex().upper(), slot, at=self._clock.now()))

    def off(self, slot: Slot) -> None:
        """A card was powered off."""
        if self.state(slot).powered:
            self._decoders[slot].reset(powered=False)
            self.events.append(Recorded("power-off", slot=slot, at=self._clock.now()))

    def exchanged(self, slot: Slot, command: bytes, answer: bytes, at: float) -> None:
        """A command was answered."""
        seconds = self._clock.now() - at
        environment = self.state(slot).environment
        self.secret = self.secret or is_secret(environment, command)
        shown = masked_hex(environment, command, show_secrets=self._show)
        self.events.append(Recorded("apdu", shown, answer.hex().upper(), slot, at=at, seconds=seconds))
        self._tell(self._decoders[slot].exchange(command, answer), slot, seconds)

    def now(self) -> float:
        """Seconds since the session began."""
        return self._clock.now()


class _WatchedCard:
    def __init__(self, card: Card, slot: Slot, watch: Watch) -> None:
        self._card = card
        self._slot = slot
        self._watch = watch

    def power_on(self) -> bytes:
        """As the card; the watch is told."""
        atr = self._card.power_on()
        self._watch.powered(self._slot, atr)
        return atr

    def transmit(self, command: bytes) -> bytes:
        """As the card; the watch is told."""
        at = self._watch.now()
        answer = self._card.transmit(command)
        self._watch.exchanged(self._slot, command, answer, at)
        return answer

    def power_off(self) -> None:
        """As the card; the watch is told."""
        self._card.power_off()
        self._watch.off(self._slot)
