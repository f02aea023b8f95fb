"""Plays the commands of a recording against cards, and compares what they answer."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from cardsim.decode.session import Session
from cardsim.iso7816.card import Card
from cardsim.keyfile import Holder
from terminal.errors import UsageError
from terminal.links.recording import Recorded, Recording
from terminal.recordings.compare import Judge, Likeness, Sent, difference
from terminal.recordings.readers import AsRecorded
from terminal.recordings.unmask import restored
from terminal.recordings.writing import HOMES
from terminal.slots import Slot


@dataclass(frozen=True, slots=True)
class Played:
    """One event that was played, and how its answer stands to the recorded one.

    `number` counts the commands from 1; an event of the power has 0.
    """

    number: int
    event: Recorded
    name: str
    answer: bytes
    likeness: Likeness
    words: str = ""
    """The difference in words; nothing where there is none."""


@dataclass(slots=True)
class Result:
    """What a replay found."""

    commands: int = 0
    counts: Counter[Likeness] = field(default_factory=Counter)
    noted: list[Played] = field(default_factory=list)
    """Whatever is not the same."""

    @property
    def first(self) -> Played | None:
        """The first difference."""
        return next((played for played in self.noted if played.likeness is Likeness.DIFFERENT), None)

    @property
    def passed(self) -> bool:
        """Whether nothing differs."""
        return not self.counts[Likeness.DIFFERENT]


def play(
    recording: Recording,
    cards: Mapping[Slot, Card],
    *,
    strict: bool = False,
    holder: Holder | None = None,
    tell: Callable[[Played], None] = lambda _played: None,
) -> Result:
    """Play all commands, in their order, to the cards of the slots.

    Args:
        recording: what is played; commands of which bytes were not recorded are computed again where that is possible.
        cards: the cards; those of all slots of the recording.
        strict: each byte must be the same; otherwise status words and structures.
        holder: who knows the PINs that were not recorded.
        tell: told of each event, as it happens.

    Raises:
        UsageError: a slot has no card; or, with `strict`, a command cannot be computed again. Nothing was sent then.
        LinkError: a card is not reached.
    """
    commands = restored(recording.events, holder)
    _check(recording, cards, commands, strict=strict)
    player = _Player(cards, strict=strict)
    result = Result()
    powered: set[Slot] = set()
    try:
        for event, command in zip(recording.events, commands, strict=True):
            if event.event == "apdu" and event.slot not in powered:
                cards[event.slot].power_on()  # a log may begin in the middle of a session
            (powered.discard if event.event == "power-off" else powered.add)(event.slot)
            played = player.step(event, command)
            result.commands = player.commands
            result.counts[played.likeness] += played.number > 0 or played.likeness is Likeness.DIFFERENT
            if played.likeness is not Likeness.SAME:
                result.noted.append(played)
            tell(played)
    finally:
        for slot in powered:
            cards[slot].power_off()
    return result


def _check(recording: Recording, cards: Mapping[Slot, Card], commands: Iterable[bytes | None], *, strict: bool) -> None:
    for slot in recording.slots:
        if slot not in cards:
            option = "--psam" if slot is Slot.PSAM else "--card"
            raise UsageError(f"the recording has commands for the {slot.name.lower()}; name it with {option}")
    if not strict:
        return
    missing = unknown(recording.events, commands)
    if missing:
        more = f" (and those of {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise UsageError(
            f"the secret data of command {missing[0]}{more} were not recorded and cannot be computed again; give the "
            "key file of the holder's PIN (--keys), or record with --show-secrets"
        )


def unknown(events: Iterable[Recorded], commands: Iterable[bytes | None]) -> list[int]:
    """The numbers of the commands, from 1, that cannot be sent."""
    sent = [command for event, command in zip(events, commands, strict=True) if event.event == "apdu"]
    return [number for number, command in enumerate(sent, 1) if command is None]


class _Player:
    """The state of a replay."""

    def __init__(self, cards: Mapping[Slot, Card], *, strict: bool) -> None:
        self._cards = cards
        self._forms = {slot: AsRecorded(card) for slot, card in cards.items()}
        self._judge = Judge(strict=strict)
        self._sessions = {slot: Session(HOMES[slot]) for slot in Slot}
        self._strict = strict
        self.commands = 0

    def step(self, event: Recorded, command: bytes | None) -> Played:
        """Play one event."""
        if event.event == "apdu":
            self.commands += 1
            return self._send(event, command)
        card, session = self._cards[event.slot], self._sessions[event.slot]
        session.reset()
        self._judge.power(event.slot)
        if event.event == "power-off":
            card.power_off()
            return Played(0, event, "power-off", b"", Likeness.SAME)
        atr = card.power_on()
        if not event.response:
            return Played(0, event, "power-on", atr, Likeness.UNKNOWN)
        if atr == bytes.fromhex(event.response):
            return Played(0, event, "power-on", atr, Likeness.SAME)
        words = f"the ATR is {atr.hex().upper()}; recorded: {event.response}"
        return Played(0, event, "power-on", atr, Likeness.DIFFERENT if self._strict else Likeness.ALIKE, words)

    def _send(self, event: Recorded, command: bytes | None) -> Played:
        session = self._sessions[event.slot]
        if command is None:
            header = bytes.fromhex(event.command.partition("*")[0])
            name = Sent(event.slot, session.environment, header, header).name
            words = "its secret data were not recorded and cannot be computed again"
            return Played(self.commands, event, name, b"", Likeness.SKIPPED, words)
        session.sent(command)
        sent = Sent(event.slot, session.environment, command, session.command or command)
        answer, form = self._answer(event, command)
        if len(answer) >= 2:
            session.answered(int.from_bytes(answer[-2:], "big"))
        if not event.response:
            return Played(self.commands, event, sent.name, answer, Likeness.UNKNOWN)
        recorded = event.expected(answer)
        likeness = self._judge.compare(sent, recorded, answer)
        if likeness is not Likeness.SAME:
            form = difference(sent, recorded, answer)
        elif form:
            likeness = Likeness.ALIKE
        return Played(self.commands, event, sent.name, answer, likeness, form)

    def _answer(self, event: Recorded, command: bytes) -> tuple[bytes, str]:
        """What the card answers; tolerant, in the recorded form, and in words whether it came in another one."""
        if self._strict:
            return self._cards[event.slot].transmit(command), ""
        return self._forms[event.slot].transmit(command, event.answer)
