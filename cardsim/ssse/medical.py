"""The medical-insurance account (医疗保险账户): load, purchase, balance, proof, starting day (SSC part 5 §7).

A transaction is INITIALIZE and then CREDIT or DEBIT. Between them stands its state in volatile memory: what it is
about, the key index and the random number; the session key is computed when it is needed. All that CREDIT and DEBIT
change (balance, totals, sequence, proof, log record) is one transaction of the EEPROM.
"""

import struct
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from cardsim.chip.eeprom import PageFailure
from cardsim.cos.access import PIN_BIT
from cardsim.cos.environment import Handler
from cardsim.cos.files import File, FileType, Flag
from cardsim.cos.keys import KeyUse
from cardsim.cos.table import Command
from cardsim.crypto import medical
from cardsim.crypto.medical import LOAD_TAIL, NO_MAC, Load, Purchase, TransactionType, TypeCoding
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.ssse import medical_commands as commands
from cardsim.ssse.account import MAX_AMOUNT, MAX_COUNTER, Account, Proof, is_day, settle, write_starting_day

if TYPE_CHECKING:
    from cardsim.ssse.environment import Ssse

PLACE: Final = "medical"
"""The place where the commands of the account exist: its application is current."""
MEDICAL_AID: Final = bytes.fromhex("D15600000503")
"""DF04, social insurance 2 (V2 table 2): the application that these commands belong to, with or without an account."""
LOG_FID: Final = 0xEF08
WHOLE_RECORD: Final = 28
ACCOUNT_ONLY_RECORD: Final = 20
"""Length of log records that says: personal account alone (SSC part 7 §12, C-27)."""

_LOAD: Final = struct.Struct(">BI6s")
_PURCHASE: Final = struct.Struct(">BIII6s")
_KEY_NUMBER: Final = 0
_TAC_KEY_SIZE: Final = 16
_SUCCESS: Final = (b"\x90", b"\x61")
_NOT_RUN: Final = b"\x6c"
_Deal = Load | Purchase


@dataclass(frozen=True, slots=True)
class Initialised:
    """A pending transaction: the state load or purchase. Without one the state is idle."""

    deal: Load | Purchase
    index: int
    random: bytes = field(repr=False)


def keeps(command: bytes, answer: bytes) -> bool:
    """Whether a command with this answer leaves a pending transaction standing; any other command, and any failure,
    ends it. GET RESPONSE belongs to the answer that it fetches; a command that is answered 6Cxx has not run (D13)."""
    word = answer[-2:-1]
    return word == _NOT_RUN or (word in _SUCCESS and command[:2] in commands.KEEPING)


class Medical:
    """The commands of the account in the current application.

    Args:
        environment: whose files, keys and volatile state they use.
        coding: how the transaction type stands in MACs and TACs (D19).
    """

    def __init__(self, environment: "Ssse", coding: TypeCoding) -> None:
        self._ssse = environment
        self._coding = coding

    @property
    def handlers(self) -> dict[str, Handler]:
        """Handlers by name of the row."""
        return {
            commands.INITIALIZE_FOR_LOAD.name: self._initialize_load,
            commands.INITIALIZE_FOR_PURCHASE.name: self._initialize_purchase,
            commands.CREDIT_FOR_LOAD.name: self._credit,
            commands.DEBIT_FOR_PURCHASE.name: self._debit,
            commands.GET_BALANCE.name: self._get_balance,
            commands.GET_TRANSACTION_PROOF.name: self._get_proof,
            commands.UPDATE_STARTING_DAY.name: self._update_starting_day,
            commands.GET_STARTING_DAY.name: self._get_starting_day,
        }

    def belongs_to(self, df: int) -> bool:
        """Whether a DF is the medical application, or another one that has an account."""
        index = self._ssse.files.index
        return df in index.accounts or index.files[df].name == MEDICAL_AID

    # --- what the commands share -------------------------------------------------------------------------------

    def _files(self) -> tuple[File, File]:
        """Account file and log of the current application.

        Raises:
            StatusError: 6985, one of them is missing, as in an application for the on-line mode (SSC part 7 §10.3).
        """
        files, df = self._ssse.files, self._ssse.ram.df
        account, log = files.index.accounts.get(df), files.child(df, LOG_FID)
        if account is None or log is None or log.type is not FileType.CYCLIC:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        if log.record_length not in (WHOLE_RECORD, ACCOUNT_ONLY_RECORD):
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        return account, log

    def _read(self, file: File) -> Account:
        return Account.read(self._ssse.partition, file)

    def _need_pin(self) -> None:
        if not self._ssse.ram.rights & PIN_BIT:
            raise StatusError(status.SECURITY_NOT_SATISFIED)

    def _key(self, use: KeyUse, index: int) -> bytes:
        """DLK or DPK with an index.

        Raises:
            StatusError: 9403, there is none.
        """
        slot = self._ssse.keys.find(self._ssse.ram.df, use, _KEY_NUMBER, index)
        if slot is None:
            raise StatusError(status.KEY_INDEX)
        return self._ssse.keys.value(slot)

    def _tac_key(self, index: int) -> bytes:
        """DTK of the generation that the key index names; where DTK has it not, the one that was loaded first.

        Raises:
            StatusError: 6985, the application has no DTK of two halves.
        """
        keys, df = self._ssse.keys, self._ssse.ram.df
        slot = keys.find(df, KeyUse.TAC, _KEY_NUMBER, index) or keys.find(df, KeyUse.TAC, _KEY_NUMBER)
        if slot is None or slot.length != _TAC_KEY_SIZE:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        return keys.value(slot)

    def _begin(self, deal: _Deal, index: int) -> bytes:
        """The state load or purchase; key version, algorithm and random number, as both answers end."""
        random = self._ssse.random.take(4)
        self._ssse.ram.transaction = Initialised(deal, index, random)
        self._ssse.card.attend()
        return bytes((index, self._ssse.suite.key_algorithm_byte)) + random

    def _book(self, file: File, account: Account, log: File, record: bytes) -> None:
        """Write account and log record in one transaction. Memory that fails blocks the card (SSC part 5 tables 53
        and 57, C-09), if that write still works."""
        ssse = self._ssse
        account.write(ssse.partition, file)
        ssse.records.append(log, record[: log.record_length])
        try:
            ssse.partition.commit()
        except PageFailure:
            ssse.files.set_flags(ssse.files.flags | Flag.BLOCKED)
            ssse.card.block()
            raise

    # --- load --------------------------------------------------------------------------------------------------

    def _initialize_load(self, _p1: int, _p2: int, data: bytes, _le: int) -> bytes:
        """INITIALIZE FOR LOAD: nothing persistent changes (SSC part 5 §7.5)."""
        file, _ = self._files()
        self._need_pin()
        index, amount, terminal = _LOAD.unpack(data)
        deal = Load(amount, terminal)
        self._tac_key(index)
        key = self._key(KeyUse.LOAD, index)
        account = self._read(file)
        if account.load_sequence == MAX_COUNTER:
            raise StatusError(status.COUNTER_AT_MAXIMUM)
        if account.balance + deal.amount > MAX_AMOUNT:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        sequence = account.load_sequence.to_bytes(2, "big")
        tail = self._begin(deal, index)
        suite = self._ssse.suite
        session = medical.session(suite, key, tail[2:], sequence, LOAD_TAIL)
        mac1 = medical.mac(suite, session, deal.mac1_data(account.balance, self._coding))
        return account.balance.to_bytes(4, "big") + sequence + tail + mac1

    def _credit(self, _p1: int, _p2: int, data: bytes, _le: int) -> bytes:
        """CREDIT FOR LOAD (SSC part 7 §11.7, §11.8): the sequence of INITIALIZE everywhere, the balance after the load
        in the TAC (C-19)."""
        file, log = self._files()
        pending = self._ssse.ram.transaction
        if pending is None or not isinstance(pending.deal, Load):
            raise StatusError(status.COMMAND_NOT_ACCEPTED)
        _need_length(commands.CREDIT_FOR_LOAD, data)
        deal, suite, account = pending.deal, self._ssse.suite, self._read(file)
        time, sequence = data[:7], account.load_sequence.to_bytes(2, "big")
        session = medical.session(suite, self._key(KeyUse.LOAD, pending.index), pending.random, sequence, LOAD_TAIL)
        if medical.mac(suite, session, deal.mac2_data(time, self._coding)) != data[7:]:
            raise StatusError(status.WRONG_MAC)
        balance = account.balance + deal.amount
        tac = medical.tac(suite, self._tac_key(pending.index), deal.tac_data(balance, sequence, time, self._coding))
        kind = TransactionType.LOAD
        booked = replace(
            account,
            load_sequence=account.load_sequence + 1,
            balance=balance,
            proof=Proof(kind, sequence, NO_MAC, tac),
        )
        amounts = deal.amount.to_bytes(4, "big") + bytes(8)
        self._book(file, booked, log, sequence + kind.character + deal.terminal + time + amounts)
        return tac

    # --- purchase ----------------------------------------------------------------------------------------------

    def _initialize_purchase(self, _p1: int, _p2: int, data: bytes, _le: int) -> bytes:
        """INITIALIZE FOR PURCHASE: the amount from the account alone must be there (SSC part 7 §12.2)."""
        file, _ = self._files()
        self._need_pin()
        index, from_account, self_paid, pool, terminal = _PURCHASE.unpack(data)
        deal = Purchase(from_account, self_paid, pool, terminal)
        self._tac_key(index)
        self._key(KeyUse.PURCHASE, index)
        account = self._read(file)
        if account.purchase_sequence == MAX_COUNTER:
            raise StatusError(status.COUNTER_AT_MAXIMUM)
        if account.balance < deal.account:
            raise StatusError(status.BALANCE_TOO_LOW)
        amounts_now = b"".join(n.to_bytes(4, "big") for n in (account.balance, account.self_paid, account.pool))
        sequence = account.purchase_sequence.to_bytes(2, "big")
        return amounts_now + account.year + sequence + self._begin(deal, index)

    def _debit(self, _p1: int, _p2: int, data: bytes, _le: int) -> bytes:
        """DEBIT FOR PURCHASE: MAC1 shows the PSAM, MAC2 the card; the totals follow the settlement year
        (SSC part 7 §12.5, §12.6)."""
        file, log = self._files()
        pending = self._ssse.ram.transaction
        if pending is None or not isinstance(pending.deal, Purchase):
            raise StatusError(status.COMMAND_NOT_ACCEPTED)
        _need_length(commands.DEBIT_FOR_PURCHASE, data)
        deal, suite, account = pending.deal, self._ssse.suite, self._read(file)
        terminal_sequence, time, sequence = data[:4], data[4:11], account.purchase_sequence.to_bytes(2, "big")
        key = self._key(KeyUse.PURCHASE, pending.index)
        session = medical.purchase_session(suite, key, pending.random, sequence, terminal_sequence)
        if medical.mac(suite, session, deal.mac1_data(time, self._coding)) != data[11:]:
            raise StatusError(status.WRONG_MAC)
        mac2 = medical.mac(suite, session, deal.mac2_data())
        tac_data = deal.tac_data(terminal_sequence, time, self._coding)
        tac = medical.tac(suite, self._tac_key(pending.index), tac_data)
        kind = TransactionType.PURCHASE
        settled = account if log.record_length == ACCOUNT_ONLY_RECORD else settle(account, deal, time[:4])
        booked = replace(
            settled,
            purchase_sequence=account.purchase_sequence + 1,
            balance=account.balance - deal.account,
            proof=Proof(kind, sequence, mac2, tac),
        )
        self._book(file, booked, log, sequence + kind.character + deal.terminal + time + deal.amounts)
        return tac + mac2

    # --- reading, and the starting day -------------------------------------------------------------------------

    def _get_balance(self, _p1: int, p2: int, _data: bytes, le: int) -> bytes:
        """GET BALANCE: the balance (P2 01), or a total with its settlement year."""
        if le != (4 if p2 == 0x01 else 6):
            raise StatusError(status.WRONG_LENGTH)
        file, _ = self._files()
        self._need_pin()
        account = self._read(file)
        if p2 == 0x01:
            return account.balance.to_bytes(4, "big")
        return (account.self_paid if p2 == 0x02 else account.pool).to_bytes(4, "big") + account.year

    def _get_proof(self, _p1: int, p2: int, data: bytes, _le: int) -> bytes:
        """GET TRANSACTION PROOF of the last transaction, by its type and the sequence of its INITIALIZE; no PIN."""
        file, _ = self._files()
        proof = self._read(file).proof
        if (proof.type, proof.sequence) != (commands.PROOF_TYPES[p2], data):
            raise StatusError(status.NO_PROOF)
        return proof.mac2 + proof.tac

    def _update_starting_day(self, _p1: int, _p2: int, data: bytes, _le: int) -> bytes:
        """UPDATE STARTING DAY: the write rule of the account file, which is DSK (C-21)."""
        file, _ = self._files()
        if not self._ssse.allowed(file.write_masks):
            raise StatusError(status.SECURITY_NOT_SATISFIED)
        if not is_day(data):
            raise StatusError(status.WRONG_DATA)
        write_starting_day(self._ssse.partition, file, data)
        return b""

    def _get_starting_day(self, _p1: int, _p2: int, _data: bytes, _le: int) -> bytes:
        """GET STARTING DAY: free, unless the issuer's read rule says otherwise (SSC part 5 table 78)."""
        file, _ = self._files()
        if not self._ssse.allowed(file.read_masks):
            raise StatusError(status.SECURITY_NOT_SATISFIED)
        return self._read(file).starting_day


def _need_length(row: Command, data: bytes) -> None:
    if len(data) not in row.lc:
        raise StatusError(status.WRONG_LENGTH)
