"""Puts chip, COS and environments together: the only place that knows all of them.

`CardModel` is the user card as readers and links see it (`power_on`, `transmit`, `power_off`), `SamModel` the PSAM;
both implement `ModelControl`, which is what only a model can do.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from cardsim.chip.eeprom import DEFAULT_SIZE, ERASED, Eeprom
from cardsim.chip.image import ImageError as ImageError
from cardsim.chip.image import open_image, read_image
from cardsim.chip.partition import Partition
from cardsim.cos.card import CardOs
from cardsim.cos.environment import CardServices, Environment
from cardsim.cos.mf import MasterFile
from cardsim.cos.record import PAGE, SIZE, CardRecord, EnvironmentKind, Switch
from cardsim.crypto.medical import TypeCoding
from cardsim.model import Model, RandomFactory
from cardsim.model import seeded as seeded
from cardsim.psam.card import SamOs
from cardsim.psam.environment import Sam
from cardsim.psam.master import SamMaster, SamRecord
from cardsim.psam.switches import SamSwitch
from cardsim.pse.choices import KNOWN, Choice
from cardsim.pse.environment import Pse
from cardsim.ssse.environment import Ssse


class CardModel(Model[CardOs]):
    """One user card."""

    def _build(self) -> CardOs:
        self._record = CardRecord(self._partition(0, SIZE))
        master = MasterFile(
            self._record,
            self.environments,
            self._partition,
            self._make_environment,
            self._stream("cos"),
            self.eeprom.size // PAGE,
        )
        master.known_choices = KNOWN.value
        return CardOs(self.eeprom, self._journal, master, self._record, self.environments)

    def _make_environment(
        self, kind: EnvironmentKind, slot: int, partition: Partition, card: CardServices
    ) -> Environment:
        switches = self._record.switches
        must_fit = not switches & Switch.DIRECT_ANSWERS
        random = self._stream(f"environment {slot}")
        environment: Environment
        match kind:
            case EnvironmentKind.SSSE:
                coding = TypeCoding.BINARY if switches & Switch.MEDICAL_TYPE_BINARY else TypeCoding.ASCII
                environment = Ssse(
                    partition, random, card, le_must_fit=must_fit, medical_type=coding,
                    failure_ends_right=bool(switches & Switch.FAILURE_ENDS_RIGHT),
                )  # fmt: skip
            case EnvironmentKind.PSE:
                environment = Pse(
                    partition, random, card, le_must_fit=must_fit, choices=Choice(self._record.choices)
                )  # fmt: skip
            case EnvironmentKind.SAM:
                raise ValueError("a user card has no environment of a PSAM")
        self._announce(environment)
        return environment


class SamModel(Model[SamOs]):
    """One PSAM."""

    def _build(self) -> SamOs:
        self._record = SamRecord(self._partition(0, SIZE))
        self._master = SamMaster(
            self._record,
            self.environments,
            self._partition,
            self._make_environment,
            self._stream("cos"),
            self.eeprom.size // PAGE,
        )
        return SamOs(self.eeprom, self._journal, self._master, self._record, self.environments)

    def _make_environment(
        self,
        kind: EnvironmentKind,  # noqa: ARG002 - a PSAM has one kind
        slot: int,
        partition: Partition,
        card: CardServices,
    ) -> Environment:
        must_fit = not self._record.switches & SamSwitch.DIRECT_ANSWERS
        stream = self._stream(f"environment {slot}")
        environment = Sam(partition, stream, card, self._master, le_must_fit=must_fit)
        self._announce(environment)
        return environment

    def lock(self, *locks: SamSwitch) -> None:
        """Lock the PSAM in these ways and no others (D34): no command of the standard does it, so the model does.

        Without an argument it is unlocked. The locks are profile switches in the EEPROM.
        """
        self._record.lock(SamSwitch(sum(locks)))
        self.os.look_again()


def new_card(*, size: int = DEFAULT_SIZE, seed: int | None = None, random: RandomFactory | None = None) -> CardModel:
    """A virgin chip in memory."""
    return CardModel(Eeprom(bytearray(bytes((ERASED,)) * size)), random or seeded(seed))


def copy_of(path: Path, *, seed: int | None = None, random: RandomFactory | None = None) -> CardModel:
    """A private copy of a card image; the file is not touched.

    Raises:
        ImageError: no usable image, or that of a PSAM.
    """
    return _user_card(path, copy_of_any(path, seed=seed, random=random))


@contextlib.contextmanager
def open_card(path: Path, *, seed: int | None = None) -> Iterator[CardModel]:
    """The card of an image, which keeps what is written; locked against other processes meanwhile.

    Raises:
        ImageError: no usable image, or that of a PSAM, or in use.
    """
    with open_any(path, seed=seed) as card:
        yield _user_card(path, card)


# --- PSAM


def new_psam(*, size: int = DEFAULT_SIZE, seed: int | None = None) -> SamModel:
    """A virgin chip that is to become a PSAM."""
    return SamModel(Eeprom(bytearray(bytes((ERASED,)) * size)), seeded(seed))


def copy_of_psam(path: Path, *, seed: int | None = None) -> SamModel:
    """A private copy of a PSAM's image; the file is not touched.

    Raises:
        ImageError: no usable image, or that of a user card.
    """
    return _psam(path, copy_of_any(path, seed=seed))


@contextlib.contextmanager
def open_psam(path: Path, *, seed: int | None = None) -> Iterator[SamModel]:
    """The PSAM of an image, which keeps what is written; locked against other processes meanwhile.

    Raises:
        ImageError: no usable image, or that of a user card, or in use.
    """
    with open_any(path, seed=seed) as card:
        yield _psam(path, card)


def copy_of_any(path: Path, *, seed: int | None = None, random: RandomFactory | None = None) -> "CardModel | SamModel":
    """A private copy of a card image, of whichever kind it is.

    Raises:
        ImageError: no usable image.
    """
    eeprom = read_image(path)
    return (SamModel if is_psam(eeprom) else CardModel)(eeprom, random or seeded(seed))


@contextlib.contextmanager
def open_any(path: Path, *, seed: int | None = None) -> "Iterator[CardModel | SamModel]":
    """The card of an image, of whichever kind it is, as `open_card` and `open_psam` open it.

    Raises:
        ImageError: no usable image, or in use.
    """
    with open_image(path) as eeprom:
        card = (SamModel if is_psam(eeprom) else CardModel)(eeprom, seeded(seed))
        try:
            yield card
        finally:
            card.power_off()


def is_psam(eeprom: Eeprom) -> bool:
    """Whether cells are those of a PSAM: its card record says so."""
    return bytes(eeprom.memory[: len(SamRecord.magic)]) == SamRecord.magic


def _user_card(path: Path, card: "CardModel | SamModel") -> CardModel:
    if isinstance(card, SamModel):
        raise ImageError(f"{path} is a PSAM, not a user card; it goes into slot 1 with --psam")
    return card


def _psam(path: Path, card: "CardModel | SamModel") -> SamModel:
    if isinstance(card, CardModel):
        raise ImageError(f"{path} is a user card, not a PSAM; make a PSAM with: cardsim new --psam {path.name}")
    return card
