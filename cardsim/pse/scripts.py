"""Issuer scripts (发卡行脚本): commands that the bank sends through the terminal, each with a MAC under the session key
of the transaction (PBOC part 5 ch. 17, fact sheet §1.9, §1.14).

Every command of a script passes the same gate: is this a moment for scripts, has it the right form, is the MAC right.
What fails behind the first question leaves the mark "script failed", which stands before the answer leaves the card
(D13).
"""

from collections.abc import Callable
from typing import Final, NoReturn

from cardsim.cos.environment import Handler
from cardsim.cos.files import FileFlag, Flag
from cardsim.cos.table import Command
from cardsim.crypto import pboc
from cardsim.crypto.pboc import UDK_AC, UDK_ENC, UDK_MAC
from cardsim.iso7816 import status, tlv
from cardsim.iso7816.status import StatusError
from cardsim.pse import commands
from cardsim.pse.application import (
    DGI_CARD,
    DGI_PIN,
    DGI_RISK,
    INDICATORS_AT,
    PIN_LIMIT_AT,
    PIN_TRIES_AT,
    SCRIPTS_AT,
    Application,
    Indicator,
    atc_of,
    decimal,
    is_record,
)
from cardsim.pse.choices import Choice
from cardsim.pse.counters import COUNTED
from cardsim.pse.issue import accepts_record
from cardsim.pse.memory import IssuerAuthentication, State
from cardsim.pse.objects import WRITABLE
from cardsim.pse.transaction import TransactionCommands, session_key, udk
from cardsim.pse.turns import states_of

MAC_SIZE: Final = 4
_TURN: Final = states_of(commands.APPLICATION_BLOCK)
"""All commands of scripts have the same turns."""
_CHAIN_SIZE: Final = 8
_MOST_SCRIPTS: Final = 15
_BALANCE, _BALANCE_LIMIT = 0x9F79, 0x9F77
_CHANGE_WITH_OLD: Final = 0x01
_UNBLOCK: Final = 0x00
_PIN_CHANGE_LC: Final = {0x00: (4,), 0x01: (20,), 0x02: (20,)}
"""Lc of PIN CHANGE/UNBLOCK by P2."""

Act = Callable[[Application, bytes], None]
"""What a script does with the application once its MAC is right; the data are those before the MAC."""


class IssuerScripts(TransactionCommands):
    """The commands of issuer scripts."""

    @property
    def handlers(self) -> dict[str, Handler]:
        """Handlers by name of the row."""
        return {
            commands.APPLICATION_BLOCK.name: self._application_block,
            commands.APPLICATION_UNBLOCK.name: self._application_unblock,
            commands.CARD_BLOCK.name: self._card_block,
            commands.PIN_CHANGE.name: self._pin_change,
            commands.PUT_DATA.name: self._put_data,
            commands.UPDATE_RECORD.name: self._update_record,
        }

    # --- the gate ----------------------------------------------------------------------------------------------

    def _admit(self, row: Command) -> Application:
        """The application, where a script is in its place; it is counted after the second GENERATE AC.

        Raises:
            StatusError: 6985.
        """
        application, transaction = self._issued(), self._transaction
        if not self._open() or transaction.scripts_refused:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        failed = transaction.authentication is IssuerAuthentication.FAILED
        if failed and self._chosen(Choice.SCRIPTS_NEED_ISSUER):
            exempt = row is commands.APPLICATION_UNBLOCK and not self._chosen(Choice.UNBLOCK_NEEDS_ISSUER)
            if not exempt:
                raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        if not self._chosen(Choice.SCRIPT_COUNT_EXECUTED):
            self._count(application, application.write_counter_early)
        return application

    def _open(self) -> bool:
        transaction = self._transaction
        if transaction.state is State.OFFLINE and not transaction.scripts_open:
            return self._chosen(Choice.SCRIPTS_AFTER_OFFLINE)
        return transaction.state in _TURN

    def _count(self, application: Application, write: Callable[[int, bytes], None]) -> None:
        """Count a script after the second GENERATE AC."""
        if self._transaction.state is not State.COMPLETED:
            return
        count = application.counters()[SCRIPTS_AT] + 1
        stops = self._chosen(Choice.SCRIPT_COUNT_STOPS)
        count = min(count, _MOST_SCRIPTS) if stops else count % (_MOST_SCRIPTS + 1)
        write(SCRIPTS_AT, bytes((count,)))

    def _fail(self, application: Application, word: int) -> NoReturn:
        """Refuse a script; the mark that it failed stands before the answer (D13)."""
        indicators = application.counters()[INDICATORS_AT]
        self._transaction.script_failed = True
        if not indicators & Indicator.SCRIPT_FAILED:
            application.write_counter_early(INDICATORS_AT, bytes((indicators | Indicator.SCRIPT_FAILED,)))
        raise StatusError(word)

    def _check_mac(self, application: Application, header: bytes, data: bytes) -> bytes:
        """Compare the MAC; returns what stands before it.

        Raises:
            StatusError: 6988, and no further script is taken in this transaction.
        """
        transaction = self._transaction
        body, mac = data[:-MAC_SIZE], data[-MAC_SIZE:]
        counters = application.counters()
        atc = atc_of(counters)
        session = session_key(application, UDK_MAC, counters)
        if pboc.script_mac(session, header, atc, transaction.script_chain, body) != mac:
            transaction.scripts_refused = True
            wrong = (
                status.SECURITY_NOT_SATISFIED if self._chosen(Choice.SCRIPT_MAC_6982) else status.SM_OBJECT_INCORRECT
            )
            self._fail(application, wrong)
        if self._chosen(Choice.SCRIPT_MAC_CHAINED):
            transaction.script_chain = mac.ljust(_CHAIN_SIZE, b"\0")
        return body

    def _run(self, row: Command, p1: int, p2: int, data: bytes, act: Act, lc: tuple[int, ...] = ()) -> bytes:
        """One script: gate, length (that of the row, if no other is given), MAC, action."""
        application = self._admit(row)
        if len(data) not in (lc or tuple(row.lc)):
            self._fail(application, status.WRONG_LENGTH)
        body = self._check_mac(application, row.header + bytes((p1, p2, len(data))), data)
        self._count_executed(application)
        act(application, body)
        return b""

    def _count_executed(self, application: Application) -> None:
        """Count a script together with what it does, where nothing else counts."""
        if self._chosen(Choice.SCRIPT_COUNT_EXECUTED):
            self._count(application, application.write_counter)

    # --- blocking ----------------------------------------------------------------------------------------------

    def _application_block(self, p1: int, p2: int, data: bytes, _le: int) -> bytes:
        """APPLICATION BLOCK: at once, so that the second GENERATE AC is an AAC (PBOC-BLK-001, 002)."""
        return self._run(commands.APPLICATION_BLOCK, p1, p2, data, lambda application, _: self._block(application))

    def _application_unblock(self, p1: int, p2: int, data: bytes, _le: int) -> bytes:
        """APPLICATION UNBLOCK (PBOC-BLK-003)."""

        def unblock(application: Application, _body: bytes) -> None:
            self._pse.files.set_file_flags(application.df, application.df.flags & ~FileFlag.BLOCKED)

        return self._run(commands.APPLICATION_UNBLOCK, p1, p2, data, unblock)

    def _card_block(self, p1: int, p2: int, data: bytes, _le: int) -> bytes:
        """CARD BLOCK: stops this environment for ever, or the whole card where the profile says so (D10); a running
        transaction is finished first (PBOC-BLK-007)."""

        def block(_application: Application, _body: bytes) -> None:
            pse = self._pse
            pse.files.set_flags(pse.files.flags | Flag.BLOCKED)
            pse.card.block()
            running = self._transaction.state is State.ONLINE
            self._transaction.finishing = running and not self._chosen(Choice.CARD_BLOCK_AT_ONCE)

        return self._run(commands.CARD_BLOCK, p1, p2, data, block)

    # --- PIN ---------------------------------------------------------------------------------------------------

    def _pin_change(self, p1: int, p2: int, data: bytes, _le: int) -> bytes:
        """PIN CHANGE/UNBLOCK: P2 00 gives all tries back; 02 sets a new PIN too, 01 one that was sent with the old."""

        def change(application: Application, body: bytes) -> None:
            counters, present = application.counters(), application.object(DGI_PIN)
            if not counters[PIN_LIMIT_AT] or present is None:
                self._fail(application, status.CONDITIONS_NOT_SATISFIED)
            if p2 != _UNBLOCK:
                old = pboc.pin_of_block_format2(present) if p2 == _CHANGE_WITH_OLD else None
                application.store(DGI_PIN, self._new_pin(application, body, old))
            application.write_counter(PIN_TRIES_AT, counters[PIN_LIMIT_AT : PIN_LIMIT_AT + 1])

        return self._run(commands.PIN_CHANGE, p1, p2, data, change, _PIN_CHANGE_LC[p2])

    def _new_pin(self, application: Application, body: bytes, old: str | None) -> bytes:
        """The PIN block of format 2 that an enciphered change asks for (PBOC-PCH-002 to 005)."""
        session = session_key(application, UDK_ENC, application.counters())
        key = udk(application, UDK_AC if self._chosen(Choice.PIN_D1_FROM_AC) else UDK_ENC)
        try:
            pin = pboc.pin_of_change_block(key, pboc.script_decipher(session, body), old)
            return pboc.pin_block_format2(pin)
        except ValueError:
            self._fail(application, status.WRONG_DATA)

    # --- data --------------------------------------------------------------------------------------------------

    def _put_data(self, p1: int, p2: int, data: bytes, _le: int) -> bytes:
        """PUT DATA: one data object of the card; 9F79 is the new balance (圈存, 圈提), not what is added to it."""
        application, tag = self._admit(commands.PUT_DATA), p1 << 8 | p2
        form_first = self._chosen(Choice.SCRIPT_FORM_FIRST)
        if form_first:
            self._check_object(application, tag, len(data) - MAC_SIZE)
        if len(data) <= MAC_SIZE:
            self._fail(application, status.WRONG_LENGTH)
        value = self._check_mac(application, commands.PUT_DATA.header + bytes((p1, p2, len(data))), data)
        if not form_first:
            self._check_object(application, tag, len(value))
        self._check_value(application, tag, value)
        self._count_executed(application)
        if tag in COUNTED:
            application.write_counter(COUNTED[tag], value)
        else:
            _replace(application, tag, value)
        return b""

    def _check_object(self, application: Application, tag: int, length: int) -> None:
        row = WRITABLE.get(tag)
        if row is None or not _groupings_with(application, tag):
            self._fail(application, status.WRONG_DATA)
        if length != row.length:
            self._fail(application, status.WRONG_LENGTH)

    def _check_value(self, application: Application, tag: int, value: bytes) -> None:
        """Amounts are decimal, and the balance is not above its limit (PBOC-PDT-008, 012)."""
        amount = decimal(value)
        if WRITABLE[tag].bcd and amount is None:
            self._fail(application, status.WRONG_DATA)
        if tag != _BALANCE or amount is None or self._chosen(Choice.LOAD_ABOVE_LIMIT):
            return
        if amount > (decimal(application.parameters.data.get(_BALANCE_LIMIT, b"")) or 0):
            if self._chosen(Choice.REFUSED_LOAD_UNMARKED):
                raise StatusError(status.WRONG_DATA)
            self._fail(application, status.WRONG_DATA)

    def _update_record(self, p1: int, p2: int, data: bytes, _le: int) -> bytes:
        """UPDATE RECORD: a record as a whole, template 70 included; what is signed is not signed anew (PBOC-UPR)."""

        def update(application: Application, body: bytes) -> None:
            file = self._pse.files.child(application.df.index, p2 >> 3 << 8 | p1)
            if file is None or not is_record(file):
                self._fail(application, status.RECORD_NOT_FOUND)
            if len(body) > file.capacity:
                long = status.NO_SPACE if self._chosen(Choice.LONG_RECORD_6A84) else status.RECORD_NOT_FOUND
                self._fail(application, long)
            if not self.accepts_record(application, file.fid, body):
                self._fail(application, status.WRONG_DATA)
            self._pse.files.set_length(file, len(body))
            self._pse.partition.write(file.offset, body)

        return self._run(commands.UPDATE_RECORD, p1, p2, data, update)

    def accepts_record(self, application: Application, fid: int, content: bytes) -> bool:
        """Whether a record may have this content (`cardsim.pse.issue`)."""
        return accepts_record(application, self._pse.files, fid, content)


def _groupings_with(application: Application, tag: int) -> dict[int, list[tlv.Tlv]]:
    """Those of the data groupings 0D01 and 0E01 that hold a data object, by their identifier, taken apart."""
    groupings = {dgi: tlv.parse(application.object(dgi) or b"") for dgi in (DGI_RISK, DGI_CARD)}
    return {dgi: items for dgi, items in groupings.items() if any(item.tag == tag for item in items)}


def _replace(application: Application, tag: int, value: bytes) -> None:
    """Write a data object in its place, with the command."""
    for dgi, items in _groupings_with(application, tag).items():
        changed = (tlv.ber(item.tag, value if item.tag == tag else item.value) for item in items)
        application.store(dgi, b"".join(changed))
