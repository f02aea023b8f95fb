"""The payment environment: selection, records, data objects. Transactions and personalisation stand beside it."""

from collections.abc import Iterable

from cardsim.chip.kept import Kept
from cardsim.chip.partition import Partition
from cardsim.chip.rng import RandomSource
from cardsim.cos.commands import GET_RESPONSE, SELECT
from cardsim.cos.environment import CardServices, Environment, Handler
from cardsim.cos.files import ROOT, FileType
from cardsim.cos.masterkey import SET_OF_THREE, Algorithm, MasterKeySet
from cardsim.cos.meters import Meter
from cardsim.cos.records import Records
from cardsim.cos.table import Command
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError, Warned
from cardsim.iso7816.tlv import ber
from cardsim.pse import commands
from cardsim.pse.action import CardAction
from cardsim.pse.application import (
    ATC_AT,
    DGI_FCI,
    LOATC_AT,
    PIN_LIMIT_AT,
    Application,
    is_record,
    proprietary,
)
from cardsim.pse.authentication import Authentication
from cardsim.pse.choices import ORDINARY, Choice
from cardsim.pse.counters import COUNTED, PIN_TRIES
from cardsim.pse.cryptogram import Cryptograms
from cardsim.pse.initiation import Initiation
from cardsim.pse.log import TransactionLog
from cardsim.pse.memory import PseMemory, State
from cardsim.pse.objects import READABLE
from cardsim.pse.perso import Personalisation
from cardsim.pse.scripts import IssuerScripts


class Pse(Environment):
    """PSE behind the firewall."""

    commands = commands.TABLE

    def __init__(
        self,
        partition: Partition,
        random: RandomSource,
        card: CardServices,
        *,
        le_must_fit: bool = True,
        choices: Choice = ORDINARY,
    ) -> None:
        super().__init__(partition, random, card, le_must_fit=le_must_fit)
        self.ram: PseMemory = PseMemory()
        self.records = Records(partition)
        self._applications: dict[int, Application] = {}
        self._token = 0
        self._kept: Kept[dict[int, Application]] = Kept()
        self.choices = choices
        """Where the sources leave a question open: the settings of the profile."""
        self.initiation = Initiation(self)
        self.authentication = Authentication(self)
        self.cryptograms = Cryptograms(self)
        self.log = TransactionLog(self)
        self.action = CardAction(self, self.cryptograms, self.log)
        self.scripts = IssuerScripts(self)
        self._personalisation = Personalisation(self)

    @property
    def handlers(self) -> dict[str, Handler]:
        """Handlers by name of the row."""
        return {
            commands.READ_RECORD.name: self._read_record,
            commands.GET_DATA.name: self._get_data,
            **self.initiation.handlers,
            **self.authentication.handlers,
            **self.action.handlers,
            **self.scripts.handlers,
            **self._personalisation.handlers,
        }

    @property
    def place(self) -> str:
        """PSE itself and an application have different rows (PBOC-SEL-023)."""
        return "pse" if self.ram.df == ROOT else "application"

    def commands_here(self) -> Iterable[Command]:
        """The rows of the current place."""
        if self.ram.df == ROOT:
            return commands.PSE_TABLE
        extra = commands.ENCIPHERED_PIN if self.choices & Choice.ENCIPHERED_PIN else ()
        return (*commands.APPLICATION_TABLE, *extra)

    def accepts_master_key(self, keys: MasterKeySet) -> bool:
        """The KMC-derived set of three 3DES keys (D7)."""
        return len(keys.keys) == SET_OF_THREE and keys.algorithm is Algorithm.TDES

    def wipe(self) -> None:
        """Forget transaction, channel and selection."""
        self.ram = PseMemory()

    @property
    def finishing(self) -> bool:
        """Whether CARD BLOCK was carried out in a transaction that may still come to its end (PBOC-BLK-007)."""
        return self.ram.transaction.finishing

    @property
    def attentive(self) -> bool:
        """Whether the end of a transaction is waited for."""
        return self.finishing

    def before(self, command: bytes) -> int | None:
        """The transaction ends with SELECT, and with what follows its second GENERATE AC."""
        header, state = command[:2], self.ram.transaction.state
        if header == SELECT.header or (state is State.COMPLETED and header != GET_RESPONSE.header):
            self.ram.transaction.finishing = False
        return None

    def meters(self) -> list[Meter]:
        """Tries of the channel, and the counters of each application."""
        found = super().meters()
        for file in self.files.index.files:
            if file.type is FileType.DF and file.index != ROOT:
                found += self.application_of(file.index).meters()
        return found

    # --- selection ---------------------------------------------------------------------------------------------

    def application(self) -> Application:
        """The selected application."""
        return self.application_of(self.ram.df)

    def application_of(self, df: int) -> Application:
        """An application, or PSE itself, by the index of its DF."""
        token = self.partition.tokens.layout
        if self._token != token:
            self._token = token
            kept = self._kept.get(token)
            self._applications = self._kept.put(token, {}) if kept is None else kept
        application = self._applications.get(df)
        if application is None:
            application = self._applications[df] = Application(self.files, self.files.index.files[df])
        return application

    def select_df(self, df: int) -> bytes:
        """Make PSE or an application current; a running transaction and an open channel end (PBOC-SEL-021)."""
        application = self.application_of(df)
        if df == ROOT or not application.df.issued:
            template = application.object(DGI_FCI) if df == ROOT else None
            fci = ber(0x6F, ber(0x84, application.df.name) + (proprietary(template) if template else b""))
        else:
            fci = application.parameters.fci
        self.ram = PseMemory(df)
        if application.df.blocked:
            raise Warned(status.SELECTED_FILE_INVALID, fci)
        return fci

    def select_file(self, p1: int, data: bytes) -> bytes:  # noqa: ARG002
        """SELECT by identifier does not exist in PSE (PBOC-SEL-014)."""
        raise StatusError(status.WRONG_P1P2)

    # --- data --------------------------------------------------------------------------------------------------

    def _read_record(self, p1: int, p2: int, _data: bytes, _le: int) -> bytes:
        """READ RECORD: a data grouping named by SFI and number, or a record of the log."""
        sfi, df = p2 >> 3, self.ram.df
        file = self.files.index.by_fid.get(df << 16 | sfi << 8 | p1)
        if file is not None and is_record(file):
            return bytes(self.partition.memory[file.offset : file.offset + file.length])
        log = self.files.index.by_sfi.get(df << 8 | sfi)
        if log is not None and log.type is FileType.CYCLIC:
            places = self.records.places(log)
            if p1 > len(places):
                raise StatusError(status.RECORD_NOT_FOUND)
            return self.records.read(places[p1 - 1])
        if any(f.parent == df and is_record(f) and f.fid >> 8 == sfi for f in self.files.index.files):
            raise StatusError(status.RECORD_NOT_FOUND)
        missing = self.choices & Choice.MISSING_FILE_6A83
        raise StatusError(status.RECORD_NOT_FOUND if missing else status.FILE_NOT_FOUND)

    def _get_data(self, p1: int, p2: int, _data: bytes, _le: int) -> bytes:
        """GET DATA: listed tags alone, in every state; counters as they stand (PBOC-GDT)."""
        tag, application = p1 << 8 | p2, self.application()
        if not application.df.issued or tag not in READABLE or not _has(application, tag):
            raise StatusError(status.REFERENCE_NOT_FOUND)
        at = COUNTED.get(tag)
        if at is None:
            return ber(tag, application.parameters.data[tag])
        return ber(tag, application.counters()[at : at + READABLE[tag].length])


def _has(application: Application, tag: int) -> bool:
    """Whether an application has a data object of the table: ATC and its last online value always, PIN tries with an
    offline PIN, and else what it was personalised with."""
    if tag == PIN_TRIES:
        return bool(application.counters()[PIN_LIMIT_AT])
    return COUNTED.get(tag) in (ATC_AT, LOATC_AT) or tag in application.parameters.data
