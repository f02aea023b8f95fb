"""What the COS asks of an environment, and what an environment may ask of the COS.

An environment is handed its partition, a stream of random numbers and `CardServices`; it holds nothing else of the
card. The COS holds environments and knows of them what stands in `Environment`, no more.
"""

import abc
from collections.abc import Callable, Iterable
from typing import ClassVar, Final, Protocol, Self

from cardsim.chip.partition import Partition
from cardsim.chip.rng import RandomSource
from cardsim.cos.files import ROOT, File, FileSystem, FileType, Flag
from cardsim.cos.masterkey import SINGLE, MasterKeySet, MasterKeySlot
from cardsim.cos.meters import FileRule, Meter, references
from cardsim.cos.table import Command, Phase
from cardsim.crypto.social import Suite
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError

Handler = Callable[[int, int, bytes, int], bytes]
"""P1, P2, command data, Le (1..256) -> response data. Ends otherwise by raising StatusError."""

MASTER_KEY_AT = 64
_SUITES: Final = {suite.algorithm_id: suite for suite in Suite}


class CardServices(Protocol):
    """The COS as an environment sees it: names of its DFs in the card's registry, and the gate."""

    def register(self, name: bytes, df: int) -> None:
        """Make a DF of the environment selectable by name from anywhere, with the command.

        Raises:
            StatusError: 6A89, the name is taken; 6A84, the registry is full.
        """

    def forget(self) -> None:
        """Remove all names of the environment but its own, with the command."""

    def block(self) -> None:
        """Carry out a CARD BLOCK that the environment has judged right and written down: make both stand in one
        transaction, and close the gate behind it, or stop the whole card where the profile says so (D10)."""

    def attend(self) -> None:
        """The environment has become attentive: show it each command from the next one on."""

    def settle(self) -> None:
        """The environment has moved to another place without a SELECT: there are that place's rows from now on."""


class Memory(Protocol):
    """Volatile state of an environment: dies with the power, and when the environment is left."""

    def copy(self) -> Self:
        """A record of its own with the same content."""


class FileMemory(Memory, Protocol):
    """Volatile state of an environment of files and keys: where it stands, and what was proved to it."""

    df: int
    ef: int | None
    rights: int
    challenge: bytes


class Environment(abc.ABC):
    """One environment (系统环境) behind the firewall.

    Args:
        partition: the only memory it reaches.
        random: its own stream (D12).
        card: what it may ask of the COS.
        le_must_fit: T=0: another Le than the length of the data is answered 6Cxx.
    """

    commands: ClassVar[Iterable[Command]]
    ram: Memory

    def __init__(
        self, partition: Partition, random: RandomSource, card: CardServices, *, le_must_fit: bool = True
    ) -> None:
        self.partition = partition
        self.files = FileSystem(partition)
        self.master = MasterKeySlot(partition, MASTER_KEY_AT)
        self.random = random
        self.card = card
        self.le_must_fit = le_must_fit

    @property
    def phase(self) -> Phase:
        """Life-cycle state."""
        return self.files.phase

    @property
    def blocked(self) -> bool:
        """Whether the environment is blocked (D10)."""
        return bool(self.partition.memory[3] & Flag.BLOCKED) and not self.finishing

    @property
    def finishing(self) -> bool:
        """Whether a block, though it stands already, lets a running transaction come to its end."""
        return False

    @property
    def place(self) -> str:
        """Name of the place inside the environment that decides which rows there are; one place by default."""
        return ""

    def commands_here(self) -> Iterable[Command]:
        """The rows of the table that exist at the current place."""
        return self.commands

    @property
    @abc.abstractmethod
    def handlers(self) -> dict[str, Handler]:
        """The handler of each row of `commands` that is the environment's own, by the row's name."""

    @abc.abstractmethod
    def accepts_master_key(self, keys: MasterKeySet) -> bool:
        """Whether a key set has the form of this environment's master key (D5, D7)."""

    @abc.abstractmethod
    def wipe(self) -> None:
        """Forget all volatile state: at power-on, and when the environment is left."""

    @abc.abstractmethod
    def select_df(self, df: int) -> bytes:
        """Make a DF current and return its FCI.

        Raises:
            StatusError: it stays as it was; `Warned` carries an FCI with 6283.
        """

    @abc.abstractmethod
    def select_file(self, p1: int, data: bytes) -> bytes:
        """SELECT by file identifier inside the environment."""

    @property
    def attentive(self) -> bool:
        """Whether volatile state makes the environment look at each command before and after it (`before`, `after`).

        Commands in the ordinary state pay nothing for this: who becomes attentive says so (`CardServices.attend`).
        """
        return False

    def before(self, command: bytes) -> int | None:  # noqa: ARG002 - those who are attentive look at it
        """While attentive: a status word that refuses the command, whatever it is; None to let it run."""
        return None

    def after(self, command: bytes, answer: bytes) -> None:  # noqa: B027 - most have nothing to do
        """While attentive: a command has run in this environment, with this answer."""

    def meters(self) -> list[Meter]:
        """What the environment counts, for those who watch it from outside; addresses of its partition."""
        return list(self.master.meters("environment master key"))

    def rules(self, part: str) -> list[FileRule]:
        """The access rules of its EFs, for those who watch it from outside and know it by this name."""
        files = self.files.index.files
        return [
            FileRule(
                part, files[file.parent].name if file.parent != ROOT else b"", file.fid, file.sfi, file.has_records,
                tuple(map(references, file.read_masks)), tuple(map(references, file.write_masks)), file.protected,
            )
            for file in files
            if file.has_records or file.type in (FileType.TRANSPARENT, FileType.ACCOUNT)
        ]  # fmt: skip

    def save(self) -> Memory:
        """A copy of the volatile state."""
        return self.ram.copy()

    def load(self, state: object) -> None:
        """Set the volatile state to a copy."""
        if not isinstance(state, type(self.ram)):
            raise TypeError("not a state of this environment")
        self.ram = state.copy()


class SuiteEnvironment(Environment):
    """An environment of files and keys that computes with one cipher suite, and has one master key of that suite."""

    ram: FileMemory

    @property
    def suite(self) -> Suite:
        """Cipher suite, as the header says; SSSE tells it in tag 86 of its FCI."""
        return _SUITES[self.files.suite]

    def accepts_master_key(self, keys: MasterKeySet) -> bool:
        """One key of the environment's own suite (D5)."""
        return len(keys.keys) == SINGLE and keys.algorithm == self.suite.key_algorithm_byte

    def select_directory(self, p1: int, fid: int) -> bytes:
        """SELECT by identifier of the environment itself or one of its DFs, which P1 00 alone does.

        Raises:
            StatusError: 6A82, there is none; otherwise as `select_df`.
        """
        if p1 == 0x00:
            if fid == self.files.index.files[ROOT].fid:
                return self.select_df(ROOT)
            df = self.files.child(ROOT, fid)
            if df is not None and df.type is FileType.DF:
                return self.select_df(df.index)
        raise StatusError(status.FILE_NOT_FOUND)

    def file(self, sfi: int) -> File:
        """The EF with a short identifier in the current DF, or the current EF (SFI 0).

        Raises:
            StatusError: 6A82, no such EF; 6986, no current EF.
        """
        if sfi:
            file = self.files.index.by_sfi.get(self.ram.df << 8 | sfi)
            if file is None:
                raise StatusError(status.FILE_NOT_FOUND)
            return file
        if self.ram.ef is None:
            raise StatusError(status.NO_CURRENT_EF)
        return self.files.index.files[self.ram.ef]

    def allowed(self, masks: tuple[int, ...]) -> bool:
        """Whether the rights at hand satisfy an access rule."""
        rights = self.ram.rights
        for mask in masks:  # noqa: SIM110 - a loop costs half of any()
            if rights & mask == mask:
                return True
        return False

    def take_challenge(self) -> bytes:
        """The challenge, which is used up by that (SSC part 5 §6.5).

        Raises:
            StatusError: 6984, there is none.
        """
        challenge, self.ram.challenge = self.ram.challenge, b""
        if not challenge:
            raise StatusError(status.REFERENCE_DATA_UNUSABLE)
        return challenge
