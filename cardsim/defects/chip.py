"""Faults of the chip: the journal, pages that fail, random numbers, the answer to reset."""

from collections.abc import Callable
from typing import Final

from cardsim.assembly import CardModel
from cardsim.chip.eeprom import PageFailure
from cardsim.chip.journal import Journal
from cardsim.chip.rng import RandomSource, SeededRandom
from cardsim.defects.defect import Apply, Side, around, nothing, on_answer, on_power, put, table
from cardsim.ssse.environment import Ssse


def _not_recovered(card: CardModel) -> None:
    journal = card.os.journal

    def recover() -> None:
        journal.discard()
        journal.failed = False

    put(journal, "recover", recover)


def _not_logged(card: CardModel) -> None:
    put(card.os.journal, "_log", nothing)
    _not_recovered(card)


def _early_with_command(card: CardModel) -> None:
    journal: Journal = card.os.journal
    put(journal, "early", journal.stage)


def _failure_ignored(card: CardModel) -> None:
    def wrap(program: Callable[[int, bytes], None]) -> Callable[[int, bytes], None]:
        def programmed(address: int, data: bytes) -> None:
            try:
                program(address, data)
            except PageFailure:
                return

        return programmed

    around(card.eeprom, "program", wrap)


# --- what a reset forgets --------------------------------------------------------------------------------------------


def _over_reset(read: Callable[[Ssse], object], write: Callable[[Ssse, object], None]) -> Apply:
    """Something of the volatile state of SSSE that power-off and power-on do not take away."""

    def apply(card: CardModel) -> None:
        kept: dict[int, object] = {}

        def keep() -> None:
            for slot, environment in card.environments.items():
                if isinstance(environment, Ssse) and card.os.powered:
                    kept[slot] = read(environment)

        def power_off() -> None:
            keep()
            off()

        def power_on() -> bytes:
            keep()
            answer = on()
            for slot, environment in card.environments.items():
                if isinstance(environment, Ssse) and slot in kept:
                    write(environment, kept[slot])
            return answer

        off, on = card.os.power_off, card.os.power_on
        put(card.os, "power_off", power_off)
        put(card.os, "power_on", power_on)
        card.power_off, card.power_on = power_off, power_on

    return apply


def _set_rights(ssse: Ssse, value: object) -> None:
    put(ssse.ram, "rights", value)


def _set_challenge(ssse: Ssse, value: object) -> None:
    put(ssse.ram, "challenge", value)


# --- random numbers --------------------------------------------------------------------------------------------------


class _Stream:
    """A stream of random numbers that passes through a fault."""

    def __init__(self, source: RandomSource, take: Callable[[RandomSource, int], bytes]) -> None:
        self._source = source
        self._take = take

    @property
    def position(self) -> int:
        """Where the stream stands."""
        return self._source.position

    def take(self, count: int) -> bytes:
        """The next `count` bytes, as far as the fault lets them through."""
        return self._take(self._source, count)

    def move(self, position: int) -> None:
        """Go to a position."""
        self._source.move(position)


def _streams(card: CardModel, change: Callable[[RandomSource], RandomSource]) -> None:
    factory = card._random
    card._random = lambda name: change(factory(name))
    for name, stream in list(card._streams.items()):
        card._streams[name] = change(stream)
    card.os.mf._random = card._stream("cos")
    for slot, environment in card.environments.items():
        environment.random = card._stream(f"environment {slot}")


def _constant(card: CardModel) -> None:
    _streams(card, lambda source: _Stream(source, lambda _source, count: bytes(range(0x11, 0x11 + count))))


def _twice(card: CardModel) -> None:
    def change(source: RandomSource) -> RandomSource:
        last: list[bytes] = []

        def take(source: RandomSource, count: int) -> bytes:
            if last and len(last[0]) == count:
                return last.pop()
            last[:] = [source.take(count)]
            return last[0]

        return _Stream(source, take)

    _streams(card, change)


def _from_start(card: CardModel) -> None:
    numbers = iter(range(1000))
    _streams(card, lambda _source: SeededRandom(0, f"defect {next(numbers)}"))

    def rewind() -> None:
        for stream in card._streams.values():
            stream.move(0)

    on_power(card, rewind)


# --- answer to reset -------------------------------------------------------------------------------------------------


def _on_atr(change: Callable[[bytes], bytes]) -> Apply:
    def apply(card: CardModel) -> None:
        power_on = card.os.power_on

        def powered() -> bytes:
            atr = power_on()
            return change(atr) if atr else atr

        put(card.os, "power_on", powered)
        card.power_on = powered

    return apply


CHIP: Final = table(
    Side.CHIP,
    (
        ("journal-not-recovered", "SSC7-14-01, SSC7-14-04, PBOC-TEAR-011",
         "After a power cut the transaction in the journal is not finished at power-on.", _not_recovered),
        ("journal-skipped", "SSC7-14-01, PBOC-TEAR-002, D13",
         "Pages are written straight home, so that a power cut leaves half of a transaction.", _not_logged),
        ("early-writes-taken-back", "SSC7-5.8-05, PBOC-TEAR-006, D13",
         "An error status word takes back what the command wrote early, try counters too.", _early_with_command),
        ("page-failure-ignored", "SSC5-7.1-03, D14",
         "A page that cannot be programmed is answered 9000.", _failure_ignored),
        ("page-failure-6F00", "SSC5-7.1-03, D14",
         "A page that cannot be programmed is answered 6F00 and not 6581.",
         on_answer(lambda _command, answer: b"\x6f\x00" if answer == b"\x65\x81" else answer)),
        ("rights-survive-reset", "SSC7-6.6-06, SSC7-5.8-03, PBOC-TEAR-014",
         "PIN and key rights of the social-security environment outlive a reset.",
         _over_reset(lambda ssse: ssse.ram.rights, _set_rights)),
        ("challenge-survives-reset", "SSC5-6.5-07",
         "A challenge can still be used after a reset.",
         _over_reset(lambda ssse: ssse.ram.challenge, _set_challenge)),
        ("random-constant", "SSC5-6.5-01, SSC7-6.3-01",
         "Every random number is the same.", _constant),
        ("random-twice", "SSC5-6.5-01, SSC5-6.5-02",
         "Each random number is given out twice in a row.", _twice),
        ("random-restarts", "SSC7-6.3-01, D12",
         "The random numbers begin anew with each reset.", _from_start),
        ("atr-historical-length", "ATR-010, ATR-012",
         "T0 of the answer to reset announces one historical byte too few.",
         _on_atr(lambda atr: atr[:1] + bytes((atr[1] - 1,)) + atr[2:])),
        ("atr-historical-cut", "ATR-012",
         "The last historical byte is missing from the answer to reset.",
         _on_atr(lambda atr: atr[:1] + bytes((atr[1] - 1,)) + atr[2:-1])),
    ),
)  # fmt: skip
"""Faults of the chip."""
