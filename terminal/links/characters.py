"""The interface device's side of single characters: guard and waiting times, parity, repetition (SSC part 2 §9.2)."""

from dataclasses import dataclass, field

from cardsim.iso7816.contact import (
    CHARACTER_TIME,
    RELEASE,
    REPETITION,
    RESET_LOW,
    SENDS,
    TURN_AROUND,
    Character,
    Contact,
    Contacts,
    Rate,
)
from terminal.errors import LinkError


class Silence(LinkError):
    """The card did not send its next character in time; `late` tells that it did afterwards."""

    def __init__(self, limit: int, *, late: bool) -> None:
        super().__init__(f"no character of the card within {limit} clock cycles")
        self.late = late


class Unreadable(LinkError):
    """A character came, or was taken, with a wrong parity each time that it was sent."""


@dataclass(slots=True)
class CharacterPort:
    """Sends and takes characters at the contacts, and keeps count of the clock.

    `spacing` and `turn` are the etu that it lets pass before a character behind one of its own, and behind one of the
    card; the protocol above may only make them longer.
    """

    contacts: Contacts
    rate: Rate = field(default_factory=Rate)
    spacing: int = CHARACTER_TIME
    turn: int = TURN_AROUND
    now: int = 0
    """Cycle of the last event."""
    sent: list[Character] = field(default_factory=list)
    """Characters of the device since the last reset, repetitions included."""
    received: list[Character] = field(default_factory=list)
    """Characters of the card since the last reset, repetitions included."""
    refused: int = 0
    """Characters that met the error signal, in either direction."""
    risen: int = 0
    """Cycle at which RST rose last."""
    _mine: bool = True

    # --- contacts ----------------------------------------------------------------------------------------------

    def activate(self) -> None:
        """Cold reset: VCC and CLK on, RST low for 400 cycles, then high (SSC part 2 §6.1.3.1)."""
        self.contacts.drive(Contact.RST, False, self.now)
        self.contacts.drive(Contact.VCC, True, self.now)
        self.contacts.drive(Contact.CLK, True, self.now)
        self._raise_reset()

    def reset(self) -> None:
        """Warm reset: RST low for 400 cycles, then high (SSC part 2 §6.1.3.2)."""
        self.now += self.rate.cycles(TURN_AROUND)
        self.contacts.drive(Contact.RST, False, self.now)
        self._raise_reset()

    def _raise_reset(self) -> None:
        self.now += RESET_LOW
        self.risen = self.now
        self.rate, self.spacing, self.turn = Rate(), CHARACTER_TIME, TURN_AROUND
        self.sent, self.received = [], []
        self.contacts.drive(Contact.RST, True, self.now)

    def release(self) -> None:
        """RST, CLK and VCC low, in this order (SSC part 2 §6.1.5)."""
        for contact in RELEASE:
            self.now += 1
            self.contacts.drive(contact, False, self.now)

    # --- characters --------------------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Send characters; each up to three times if the card gives the error signal.

        Raises:
            Unreadable: the card refused one three times.
        """
        for byte in data:
            wait = self.spacing if self._mine else self.turn
            for _ in range(SENDS):
                self.now += self.rate.cycles(wait)
                self._mine = True
                character = Character.of(byte, self.now)
                self.sent.append(character)
                if self.contacts.send(character):
                    break
                self.refused += 1
                wait = max(REPETITION, self.spacing)
            else:
                raise Unreadable(f"the card refuses a character {SENDS} times")

    def take(self, longest: int | None = None) -> int:
        """The card's next character; one with a wrong parity is asked for again.

        Args:
            longest: clock cycles since the last character, at most; by default the work waiting time.

        Raises:
            Silence: none came in time.
            Unreadable: its parity was wrong three times.
        """
        limit = self.rate.cycles(self.rate.work_waiting) if longest is None else longest
        for _ in range(SENDS):
            character = self.contacts.receive()
            if character is None or character.at - self.now > limit:
                self.now += limit
                raise Silence(limit, late=character is not None)
            self.now, self._mine = character.at, False
            self.received.append(character)
            if character.intact:
                return character.byte
            self.contacts.refuse()
            self.refused += 1
        raise Unreadable(f"a character of the card has a wrong parity {SENDS} times")

    def take_all(self) -> bytes:
        """Characters until the card waits for one."""
        taken = b""
        while True:
            before = self.now
            try:
                taken += bytes((self.take(),))
            except Silence:
                self.now = before
                return taken


@dataclass(slots=True)
class NoisyContacts:
    """Contacts between which and the device so many characters lose their parity: in, those of the card; out, the other
    ones."""

    contacts: Contacts
    damage_in: int = 0
    damage_out: int = 0

    def drive(self, contact: Contact, high: bool, at: int) -> None:
        """As the contacts."""
        self.contacts.drive(contact, high, at)

    def send(self, character: Character) -> bool:
        """A character to the card, damaged if one is to be."""
        if self.damage_out:
            self.damage_out -= 1
            character = character.damaged()
        return self.contacts.send(character)

    def receive(self) -> Character | None:
        """A character of the card, damaged if one is to be."""
        character = self.contacts.receive()
        if character is None or not self.damage_in:
            return character
        self.damage_in -= 1
        return character.damaged()

    def refuse(self) -> None:
        """As the contacts."""
        self.contacts.refuse()
