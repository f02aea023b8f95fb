"""Cards that sequences may begin with besides a finished one: moments in the making of a card, and of a PSAM.

A card is made by its own commands while a tap looks on; at named moments it takes a snapshot. So faults of set-up and
personalisation are reached with a few commands, each with the keys that are in force there.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from cardsim.control import ModelControl, ModelState
from cardsim.crypto.social import Suite
from cardsim.iso7816.card import Card
from cardsim.keyfile import KeyFile
from terminal.fuzz.facts import learn
from terminal.fuzz.subject import Subject
from terminal.slots import Slot

if TYPE_CHECKING:
    from cardsim.making.structure import Profile

_SEED: Final = 1
_DIRECT_ANSWERS: Final = 0x0002
"""Profile switch: data come with the answer, without 61xx and 6Cxx."""
_OTHER_PSAM: Final = 0x0102
"""The same, and 9302 for a wrong MAC2."""

Spoil = Callable[[Any], None]
"""Puts a fault into a finished model."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment in the making: before (or `after`) a command that begins with these bytes for the first time, or a later
    one."""

    name: str
    command: bytes
    time: int = 1
    after: bool = False


CARD_MOMENTS: Final = (
    Moment("virgin", bytes.fromhex("80F0")),
    Moment("blank", bytes.fromhex("80F0"), after=True),
    Moment("initialised", bytes.fromhex("80E0DDF1")),
    Moment("created", bytes.fromhex("84D4DDF1")),
    Moment("half", bytes.fromhex("84D4DDF2")),
    Moment("keyed", bytes.fromhex("84D4DDF2"), after=True),
    Moment("filled", bytes.fromhex("800A0000")),
    Moment("unissued", bytes.fromhex("84E280"), time=2),
)
"""Nothing; the transport key alone; the card master key loaded; SSSE created; SSSE keyed and PSE created; both keyed;
SSSE full and its set-up not ended; the debit application full and not issued."""

PSAM_MOMENTS: Final = (
    Moment("psam-virgin", bytes.fromhex("80F0")),
    Moment("psam-blank", bytes.fromhex("80F0"), after=True),
    Moment("psam-keyed", bytes.fromhex("84D43F00"), after=True),
    Moment("psam-filled", bytes.fromhex("800A0000")),
)
"""Nothing; the transport key alone; the MF keyed and empty; the first environment full and its set-up not ended."""

_FIRST_MASTER: Final = frozenset({"virgin", "blank", "initialised", "created", "half", "keyed"})
"""Moments at which SSSE has, or is to have, the master key of its set-up."""


@dataclass(frozen=True, slots=True)
class Start:
    """A card at one moment, of which any number of copies can be made.

    Args:
        name: as in `Sequence.start`.
        state: the card.
        keys: those that fit.
        slot: whether it is a user card or a PSAM.
        known: what is known of it besides what it tells: of an application that is to be issued.
    """

    name: str
    state: ModelState
    keys: KeyFile
    slot: Slot = Slot.CARD
    known: Mapping[str, bytes] = field(default_factory=dict)

    def subject(self, spoil: Spoil | None = None, seed: int = _SEED) -> Subject:
        """A copy to be spoken to, with what it tells of itself.

        Args:
            spoil: puts a fault into the model.
            seed: of its random numbers.
        """
        from cardsim.assembly import new_card, new_psam

        model = (new_psam if self.slot is Slot.PSAM else new_card)(seed=seed)
        model.restore(self.state)
        if spoil is not None:
            spoil(model)
        subject = Subject(model, self.keys, model, self.slot)
        learn(subject)
        subject.known = {**subject.known, **self.known}
        return subject


def card_starts(keys: KeyFile) -> tuple[Start, ...]:
    """The moments of a user card of the kind that a key file belongs to."""
    from cardsim.assembly import new_card
    from cardsim.making import card, demo
    from cardsim.making.structure import load_profile

    suite = Suite.SM4 if keys.ssse is None else keys.ssse.suite
    pin = keys.holder is not None and keys.holder.offline_pin is not None
    profile = load_profile(f"dual-3.0-{suite.value}{'-offline-pin' if pin else ''}")
    model = new_card(seed=_SEED)
    tap = _Tap(model, model, CARD_MOMENTS)
    card.activate(tap, None, switches=profile.switches, choices=profile.choices)
    made = card.make_card(tap, profile, None)
    first = made
    if made.ssse is not None:
        first = replace(made, ssse=replace(made.ssse, master=card.secrets_of(demo.demo(None)).ssse_first))
    finished = learn(Subject(model, made, model)).known
    moments = [
        Start(name, state, first if name in _FIRST_MASTER else made, known=finished if name == "unissued" else {})
        for name, state in tap.taken.items()
    ]
    return (*moments, *_others(replace(profile, offline_pin=True)))


def _others(profile: "Profile") -> Iterator[Start]:
    """Finished cards: one that answers directly and takes enciphered PINs, and one in which every open choice is the
    other one."""
    from cardsim.assembly import new_card
    from cardsim.making import card
    from cardsim.pse.choices import KNOWN, Choice

    for name, switches, choices in (("direct", _DIRECT_ANSWERS, Choice.ENCIPHERED_PIN), ("otherwise", 0, KNOWN)):
        model = new_card(seed=_SEED)
        card.activate(model, None, switches=profile.switches | switches, choices=choices)
        made = card.make_card(model, profile, None)
        yield Start(name, model.snapshot(), made)


def psam_starts() -> tuple[Start, ...]:
    """The moments of a PSAM as it is met in the field."""
    from cardsim.assembly import new_psam
    from cardsim.making import psam, samplan

    profile = samplan.load_psam_profile(samplan.DEFAULT_PSAM_PROFILE)
    model = new_psam(seed=_SEED)
    tap = _Tap(model, model, PSAM_MOMENTS)
    psam.activate_psam(tap, None, int(profile.switches))
    made = psam.make_psam(tap, profile, None)
    other = new_psam(seed=_SEED)
    psam.activate_psam(other, None, int(profile.switches) | _OTHER_PSAM)
    keys = psam.make_psam(other, profile, None)
    moments = [Start(name, state, made, Slot.PSAM) for name, state in tap.taken.items()]
    return (*moments, Start("psam-otherwise", other.snapshot(), keys, Slot.PSAM))


def starts(keys: KeyFile, slot: Slot) -> Mapping[str, Start]:
    """All of them by name, for a card of the kind that a key file belongs to."""
    found = psam_starts() if slot is Slot.PSAM else card_starts(keys)
    return {start.name: start for start in found}


class _Tap:
    """A card that is being made, and the snapshots that were taken of it."""

    def __init__(self, card: Card, control: ModelControl, moments: tuple[Moment, ...]) -> None:
        self._card = card
        self._control = control
        self._moments = moments
        self._seen = dict.fromkeys(moments, 0)
        self.taken: dict[str, ModelState] = {}

    def power_on(self) -> bytes:
        """As the card."""
        return self._card.power_on()

    def power_off(self) -> None:
        """As the card."""
        self._card.power_off()

    def transmit(self, command: bytes) -> bytes:
        """As the card, with a snapshot before or after it where this is a moment."""
        due = [moment for moment in self._moments if self._comes(moment, command)]
        self._take(moment for moment in due if not moment.after)
        answer = self._card.transmit(command)
        self._take(moment for moment in due if moment.after)
        return answer

    def _comes(self, moment: Moment, command: bytes) -> bool:
        if not command.startswith(moment.command):
            return False
        self._seen[moment] += 1
        return self._seen[moment] == moment.time

    def _take(self, due: Iterable[Moment]) -> None:
        for moment in due:
            self.taken[moment.name] = self._control.snapshot()


__all__ = ["CARD_MOMENTS", "PSAM_MOMENTS", "Moment", "Start", "card_starts", "psam_starts", "starts"]
