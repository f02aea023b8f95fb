"""Try counters rise only for the right secret, and each wrong try takes one.

On any card the counters are known from its own answers: 63Cx, 6983, success. On the model the cells are compared
besides, so that a counter is seen that falls or rises when nobody named its key.
"""

from typing import Final

from cardsim.control import Meter, MeterKind, ModelControl
from cardsim.decode import Environment
from cardsim.iso7816 import status
from terminal.fuzz.executor import Exchange, Restart
from terminal.fuzz.oracles.common import Located, of, succeeded
from terminal.fuzz.oracles.proofs import PIN, Proofs, Secret, asks_only, meters_of, secret_of
from terminal.fuzz.sequence import Sequence
from terminal.fuzz.subject import Subject

_UNLIMITED: Final = 0x0F
"""x of 63Cx for a key whose failures are not counted."""
_RENEWING: Final = frozenset({0x24, 0x5E, 0xD4, 0xD8, 0xE2, 0x0E, 0xF0, 0xE0, 0xE4})
"""INS of commands that give tries back, or make counters, when they succeed."""


_KEPT: Final = 64
_Spans = tuple[tuple[range, ...], list[tuple[int, int]]]
"""Pieces of the memory, and for each counter its piece and the place in it."""


class TryCounters(Located):
    """What is known of the counters, from answers and from the cells."""

    name: Final = "try-counters"

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[Secret, int] = {}
        self._control: ModelControl | None = None
        self._proofs: Proofs | None = None
        self._meters: tuple[Meter, ...] = ()
        self._watched: list[Meter] = []
        self._places: list[tuple[int, int]] = []
        self._kept: dict[tuple[Meter, ...], _Spans] = {}
        self._spans: tuple[range, ...] = ()
        self._cells: tuple[bytes, ...] = ()
        self._values: dict[Meter, int] = {}
        self._generation = -1

    def begin(self, subject: Subject, sequence: Sequence) -> None:
        """Nothing is known but what stands in the cells."""
        super().begin(subject, sequence)
        self._known.clear()
        self._proofs = Proofs(subject)
        self._control = subject.control
        if self._control is not None:
            self._look(self._control)

    def was_reset(self, restart: Restart) -> str | None:
        """A reset gives nothing back; a cut may have come before the answer that told."""
        super().was_reset(restart)
        if self._proofs is not None:
            self._proofs.note_cut(restart)
        if restart.cut is not None:
            self._known.clear()
        control = self._control
        if control is None or control.generation == self._generation:
            return None
        before = self._values
        self._look(control)
        for meter, value in self._values.items():
            old = before.get(meter, value)
            if value > old and restart.cut is None:
                return f"{meter.name}: a reset gives {value} in the place of {old}"
            if value < old - (restart.cut is not None):
                return f"{meter.name}: {'a reset' if restart.cut is None else 'a cut'} leaves {value} of {old}"
        return None

    def judge(self, exchange: Exchange) -> str | None:
        """What the answer says, then what the cells say."""
        if self.lost(exchange):
            self._known.clear()
            if self._control is not None:
                self._look(self._control)
            return None
        secret, proofs = secret_of(exchange.command, exchange.before), self._proofs
        assert proofs is not None
        complaint = self._told(exchange, secret, proofs) if secret is not None else None
        if complaint is None and self._control is not None:
            complaint = self._compare(self._control, exchange, secret, proofs)
        command = exchange.command
        if len(command) > 1 and command[1] in _RENEWING and succeeded(exchange.sw):
            self._known.clear()
        proofs.note(exchange)
        return complaint

    # --- answers -------------------------------------------------------------------------------------------------

    def _told(self, exchange: Exchange, secret: Secret, proofs: Proofs) -> str | None:
        sw, known = exchange.sw, self._known.get(secret)
        if sw & 0xFFF0 == 0x63C0:
            left = sw & 0x0F
            self._known[secret] = left
            if known is None or known == left == _UNLIMITED:
                return None
            wanted = known if asks_only(exchange.command) else known - 1
            if left != wanted and not self._has_no_secret(left, known, proofs):
                return f"{of(exchange)} says that {secret} has {left} tries left, where it had {known} before"
        elif sw == status.BLOCKED:
            self._known[secret] = 0
            if known:
                return f"{of(exchange)} says that {secret} is locked, where it had {known} tries left"
        elif succeeded(sw):
            self._known.pop(secret, None)
            if known == 0:
                return f"{of(exchange)} is answered {sw:04X} although {secret} had no tries left"
        return None

    @staticmethod
    def _has_no_secret(left: int, known: int, proofs: Proofs) -> bool:
        """An empty PIN takes no try and tells its limit (C-14); only a PIN that was changed may be empty."""
        return proofs.changed and left >= known

    # --- cells ---------------------------------------------------------------------------------------------------

    def _look(self, control: ModelControl) -> bool:
        """Read the counters; whether one is another than before."""
        self._generation = control.generation
        meters = control.meters()
        if meters is not self._meters:
            self._meters = meters
            watched = [meter for meter in meters if meter.kind is MeterKind.TRIES]
            if watched != self._watched:
                self._watched, self._cells = watched, ()
                self._spans, self._places = self._found_spans(watched)
        cells = tuple([control.cells(span) for span in self._spans])
        if cells == self._cells:
            return False
        self._cells = cells
        values = [cells[span][at] for span, at in self._places]
        self._values = dict(zip(self._watched, values, strict=True))
        return True

    def _found_spans(self, watched: list[Meter]) -> _Spans:
        """Where counters stand, kept for the files that a card has had lately."""
        key = tuple(watched)
        found = self._kept.get(key)
        if found is None:
            if len(self._kept) == _KEPT:
                self._kept.clear()
            found = self._kept[key] = _spans(watched)
        return found

    def _compare(self, control: ModelControl, exchange: Exchange, secret: Secret | None, proofs: Proofs) -> str | None:
        before, written = self._values, control.generation != self._generation
        changed = written and self._look(control)
        named = meters_of(secret, self._watched) if secret is not None else []
        if changed:
            for meter, value in self._values.items():
                old = before.get(meter)
                if old is not None and old != value:
                    complaint = self._moved(exchange, meter, old, value, named, proofs)
                    if complaint is not None:
                        return complaint
        if not named:
            return None
        if not written and succeeded(exchange.sw) and proofs.right(exchange.command, exchange.before):
            return (
                f"{of(exchange)} compares {secret} before it lowers the counter: a cut at the right moment costs no try"
            )
        return self._as_told(exchange, named, before, proofs)

    def _moved(
        self, exchange: Exchange, meter: Meter, old: int, value: int, named: list[Meter], proofs: Proofs
    ) -> str | None:
        sw, command = exchange.sw, exchange.command
        renewing = len(command) > 1 and command[1] in _RENEWING and succeeded(sw)
        if renewing:
            return None
        if meter not in named and not _opens_channel(exchange, meter):
            return f"{of(exchange)} changes the {meter.name} from {old} to {value}, and does not name it"
        if value < old:
            if succeeded(sw):
                return f"{of(exchange)} is answered {sw:04X}, and the {meter.name} fall from {old} to {value}"
            return None if value == old - 1 else f"{of(exchange)} takes {old - value} of the {meter.name} at once"
        if not succeeded(sw):
            return f"{of(exchange)} is answered {sw:04X}, and the {meter.name} rise from {old} to {value}"
        limit = self._limit(meter)
        if limit is not None and value != limit:
            return f"{of(exchange)} sets the {meter.name} to {value}, where all of them are {limit}"
        if proofs.right(exchange.command, exchange.before) is False:
            return f"{of(exchange)} gives the {meter.name} back for a wrong secret"
        return None

    def _as_told(self, exchange: Exchange, named: list[Meter], before: dict[Meter, int], proofs: Proofs) -> str | None:
        """The answer says what the cells say: a wrong try was taken, a right one has given all back."""
        sw, meter = exchange.sw, named[0]
        if len(named) > 1:
            moved = [each for each in named if self._values.get(each) != before.get(each)]
            if len(moved) != 1:
                return None
            meter = moved[0]
        value, old = self._values[meter], before.get(meter)
        if sw & 0xFFF0 == 0x63C0:
            if sw & 0x0F != value and not proofs.changed:
                return f"{of(exchange)} is answered {sw:04X}, and the {meter.name} are {value}"
            asked = asks_only(exchange.command) or proofs.changed
            if value == old and not asked:
                return f"{of(exchange)} is answered {sw:04X}, and takes none of the {meter.name}: they stay {value}"
        limit = self._limit(meter)
        if succeeded(sw) and limit is not None and value < limit and not proofs.changed:
            return f"{of(exchange)} is answered {sw:04X}, and the {meter.name} stay {value} of {limit}"
        return None

    def _limit(self, meter: Meter) -> int | None:
        """How many tries there are when all are there."""
        if self._control is None or meter.limit is None:
            return None
        return int.from_bytes(self._control.cells(meter.limit), "big")


def _opens_channel(exchange: Exchange, meter: Meter) -> bool:
    """EXTERNAL AUTHENTICATE of the channel, or of a PSAM, has the counter of the environment's own key set."""
    command = exchange.command
    if exchange.before.environment is Environment.PSAM:
        return command[:2] == b"\x00\x82"
    channel = command[:2] == b"\x84\x82" and exchange.before.environment is Environment.PSE
    return channel and not meter.application and meter.reference != PIN


def _spans(meters: list[Meter]) -> _Spans:
    """The cells of counters in few pieces, those of one page together; and where in them each counter stands."""
    pages: dict[int, list[int]] = {}
    for meter in meters:
        pages.setdefault(meter.cells.start >> 6, []).append(meter.cells.start)
    spans = {page: range(min(starts), max(starts) + 1) for page, starts in pages.items()}
    order = {page: number for number, page in enumerate(spans)}
    places = [
        (order[meter.cells.start >> 6], meter.cells.start - spans[meter.cells.start >> 6].start) for meter in meters
    ]
    return tuple(spans.values()), places
