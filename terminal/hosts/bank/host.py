"""The bank's authorisation host: takes each message once, decides by the tables of `checks`, posts, and answers."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Final, assert_never

from sqlalchemy import Connection, Engine

from cardsim.iso7816.tlv import TlvError, ber, find
from cardsim.keyfile import BankKeys
from terminal.hosts.bank import accounts, booking, cash, checks, records, scripts, terms
from terminal.hosts.bank.accounts import Enrolment, Holding, NewAccount
from terminal.hosts.bank.answers import digest, from_text, to_text
from terminal.hosts.bank.checks import AUTHENTICITY, LOADS, MONEY, USE, Case, Check, Pin
from terminal.hosts.bank.chip import ChipData, ChipDataError, IssuerKeys
from terminal.hosts.bank.codes import Code
from terminal.hosts.bank.parameters import PARAMETERS
from terminal.hosts.bank.records import Record
from terminal.hosts.bank.scripts import Order
from terminal.hosts.bank.tables import LEDGER, METADATA, AccountState, TransactionState
from terminal.hosts.bank.watch import WATCH
from terminal.hosts.books import BooksError, open_books, transact
from terminal.messages.bank import CryptogramCheck, HostAnswer, HostMessage, MessageKind, TransactionType
from terminal.security import PinCipher

DEFAULT_KEY_INDEX: Final = 0x01
_BENCH: Final = Enrolment()
_KEEP_CARD: Final = frozenset({Code.LOST_CARD, Code.STOLEN_CARD})
_TC: Final = 0x40


class BankHost:
    """The issuer's authorisation host (发卡行授权主机).

    Args:
        keys: the issuer's master keys, or a set for each key index (DKI).
        pin_cipher: the key under which PIN blocks come.
        online_pin: the PIN of accounts that the host opens by itself; None: it takes any.
        books: an engine of `open_books` with the tables `METADATA`; by default books in memory.
        enrolment: what accounts begin with that the host opens by itself for a card with the right cryptogram; None:
            a card that is not in the books is declined.
    """

    def __init__(
        self,
        keys: BankKeys | Mapping[int, BankKeys],
        pin_cipher: PinCipher,
        online_pin: str | None = None,
        *,
        books: Engine | None = None,
        enrolment: Enrolment | None = _BENCH,
    ) -> None:
        self.keys = IssuerKeys({DEFAULT_KEY_INDEX: keys} if isinstance(keys, BankKeys) else keys)
        self.books = open_books("sqlite://", METADATA) if books is None else books
        self._pin_cipher = pin_cipher
        if enrolment is not None and online_pin is not None:
            enrolment = dataclasses.replace(enrolment, pin=online_pin)
        self._enrolment = enrolment

    def handle(self, message: HostMessage) -> HostAnswer:
        """Answer a message. A message that comes again gets the answer that it got; whatever it has moved was moved
        once. Malformed chip data are answered with response code 30, never raised."""
        terminal, day, trace = message.key
        mark = digest(message)
        try:
            text = LEDGER.once(
                self.books,
                f"{message.kind.value} {terminal} {day} {trace:06d}",
                lambda connection: to_text(self._answer(connection, message), mark),
            )
        except BooksError as error:
            return HostAnswer(Code.MALFUNCTION, reason=str(error))
        answer, of = from_text(text)
        if of != mark:
            return HostAnswer(Code.DUPLICATE, reason="another message had that trace number today")
        return answer

    def open_account(self, new: NewAccount, day: str) -> None:
        """Open an account with its card.

        Raises:
            AccountError: account or card number are taken.
        """
        transact(self.books, lambda connection: accounts.open_account(connection, new, self.keys, day))

    def at_desk(self, work: Callable[..., object], *arguments: object, **options: object) -> None:
        """Do one of the operator's functions of `accounts` or `scripts` in a transaction."""
        transact(self.books, lambda connection: work(connection, *arguments, **options))

    def _answer(self, connection: Connection, message: HostMessage) -> HostAnswer:
        match message.kind:
            case MessageKind.SIGN_ON:
                return HostAnswer(Code.APPROVED, reason="signed on")
            case MessageKind.SETTLE:
                return _settle(connection, message)
            case MessageKind.REVERSE:
                return _reverse(connection, message)
            case MessageKind.SCRIPT_NOTICE:
                return _note_scripts(connection, message)
            case MessageKind.AUTHORISE | MessageKind.CHANGE_PIN | MessageKind.SERVE:
                return self._with_card(connection, message, self._decide)
            case MessageKind.UPLOAD:
                return self._with_card(connection, message, self._upload)
            case MessageKind.CONFIRM:
                return self._with_card(connection, message, _confirm)
            case _ as never:
                assert_never(never)

    def _with_card(
        self, connection: Connection, message: HostMessage, work: Callable[[Case], HostAnswer]
    ) -> HostAnswer:
        """Read the chip data, check the cryptogram, find the card, and do the work."""
        try:
            chip = ChipData.read(message.chip_data)
            session = self.keys.card(message.pan, message.psn, chip)
            check = CryptogramCheck.NOT_CHECKED if session is None else session.check()
        except (ChipDataError, ValueError) as error:
            return HostAnswer(Code.FORMAT_ERROR, reason=f"malformed chip data: {error}")
        holding = accounts.find(connection, message.pan)
        case = Case(connection, message, chip, session, check, holding, self._pin_cipher, self.keys)
        if holding is None and check is CryptogramCheck.RIGHT and self._enrolment is not None:
            case.holding = self._enrol(case, self._enrolment)
        return work(case)

    def _enrol(self, case: Case, start: Enrolment) -> Holding | None:
        message = case.message
        told = case.cash_balance or 0
        if message.kind is MessageKind.UPLOAD and cash.ISSUER_CODE_TAG in case.chip.items:
            told += message.amount  # the card tells what is left
        new = NewAccount(
            message.pan, message.pan, message.psn, start.name, start.id_number, start.pin, initial=False,
            offline_pin=start.offline_pin, balance=start.balance, cash_balance=told,
        )  # fmt: skip
        accounts.open_account(case.connection, new, self.keys, message.key[1])
        return accounts.find(case.connection, message.pan)

    def _decide(self, case: Case) -> HostAnswer:
        """A decision about a card that is online: an authorisation, a new PIN, or its scripts alone."""
        if check := checks.first(case, AUTHENTICITY):
            return _declined(case, check)
        message, known = case.message, records.find(case.connection, case.message, case.message.kind)
        case.holding = cash.reconcile(case.connection, message, case.card, case.chip.atc, case.cash_balance)
        tables = {
            MessageKind.AUTHORISE: (USE, MONEY, WATCH),
            MessageKind.CHANGE_PIN: (USE,),
            MessageKind.SERVE: (),
        }[message.kind]
        check = checks.first(case, *tables)
        self._note_card(case)
        if known is not None:
            # It was reversed before it came; the reversal stands in its place.
            late = Check(Code.TOO_LATE, "the transaction was reversed before it came", bool)
            return _answered(case, late.code, late.reason, known.id)
        if check is not None:
            return _declined(case, check)
        if message.kind is MessageKind.CHANGE_PIN:
            return self._change_pin(case)
        return _approved(case)

    def _note_card(self, case: Case) -> None:
        """Keep the counter, and the PIN tries where a PIN was looked at."""
        card, found = case.card, vars(case).get("pin")
        tried = None if found is None else case.pin_holder
        own_tries = card.pin_tries
        if tried is not None and found in (Pin.RIGHT, Pin.WRONG) and tried.pin is not None:
            full = PARAMETERS.pin_tries
            tries = full if found is Pin.RIGHT else tried.pin_tries - 1
            if tried.pan == card.pan:
                own_tries = tries
            elif tries != tried.pin_tries:
                accounts.note_card(case.connection, tried.pan, atc=tried.atc, pin_tries=tries)
        accounts.note_card(case.connection, card.pan, atc=case.chip.atc, pin_tries=own_tries)

    def _change_pin(self, case: Case) -> HostAnswer:
        """A new PIN; it activates an account that waits for it (D35). A card that checks the PIN itself is told it."""
        card, session = case.card, case.session
        assert session is not None
        try:
            new = self._pin_cipher.pin(case.message.new_pin_block or b"", card.pan)
        except ValueError:
            return _declined(case, Check(Code.FORMAT_ERROR, "there is no new PIN", bool))
        value = self.keys.pin_value(card.pan, new)
        if value == card.pin:
            return _declined(case, Check(Code.INVALID_TRANSACTION, "the new PIN is the old one", bool))
        accounts.set_pin(case.connection, card.pan, value, initial=False)
        if card.account_state is AccountState.NOT_ACTIVATED:
            accounts.set_account_state(case.connection, card.number, AccountState.ACTIVE)
        number = _noted(case, TransactionState.BOOKED, Code.APPROVED, "the PIN is changed")
        told = b""
        if card.offline_pin:
            data = session.enciphered_pin(new)
            told = scripts.send_now(case.connection, session, card.pan, Order.PIN_CHANGE, data, number)
        return _answered(case, Code.APPROVED, "the PIN is changed", number, told)

    def _upload(self, case: Case) -> HostAnswer:
        """Book a transaction that the card approved offline, once for each counter of a card."""
        message, chip = case.message, case.chip
        if check := checks.first(case, AUTHENTICITY[:3]):
            return _declined(case, check)
        if (chip.items.get(0x9F27) or bytes((_TC,)))[0] & 0xC0 != _TC or chip.amount != message.amount:
            return _declined(case, Check(Code.DOES_NOT_FIT, "this is no approval of that amount", bool))
        if records.uploaded(case.connection, message.pan, chip.atc):
            return _declined(case, Check(Code.DUPLICATE, "this transaction of the card is booked already", bool))
        terminal, day, trace = message.key
        name = f"upload {terminal} {day} {trace:06d}"
        legs = cash.upload_legs(case)
        posting = LEDGER.post(case.connection, name, legs, day=day, text="offline") if message.amount else None
        points = terms.points(message, chip.aid)
        accounts.add_points(case.connection, case.card.number, points)
        number = _noted(case, TransactionState.BOOKED, Code.APPROVED, "booked", posting=posting, points=points)
        return HostAnswer(Code.APPROVED, cryptogram=case.cryptogram, reason="booked", reference=f"{number:012d}")


def _noted(
    case: Case, state: TransactionState, code: Code, reason: str, *, posting: int | None = None, points: int = 0
) -> int:
    return records.note(
        case.connection, case.message, state, code, reason, atc=case.chip.atc,
        fee=case.fee if state is TransactionState.BOOKED and posting is not None else 0, points=points, posting=posting,
    )  # fmt: skip


def _declined(case: Case, check: Check) -> HostAnswer:
    code = check.code
    number = _noted(case, TransactionState.DECLINED, code, check.reason)
    if any(check is row for row in AUTHENTICITY) or case.message.kind is MessageKind.UPLOAD:
        return HostAnswer(code, cryptogram=case.cryptogram, reason=check.reason)
    return _answered(case, code, check.reason, number)


def _approved(case: Case) -> HostAnswer:
    booked = booking.book(case)
    code, reason = Code.APPROVED, "approved"
    number = _noted(case, TransactionState.BOOKED, code, reason, posting=booked.posting, points=booked.points)
    told = b""
    if case.transaction in LOADS and case.message.kind is MessageKind.AUTHORISE:
        assert case.session is not None
        value = cash.balance_value((case.cash_balance or 0) + case.message.amount)
        told = scripts.send_now(case.connection, case.session, case.message.pan, Order.LOAD, value, number)
    return _answered(case, code, reason, number, told)


def _answered(case: Case, code: Code, reason: str, number: int, told: bytes = b"") -> HostAnswer:
    """The answer to a card that is online: issuer authentication data, scripts of this transaction, and those that
    wait for the card."""
    assert case.session is not None
    waiting = scripts.deliver(case.connection, case.session, case.message.pan, number, scripts.ROOM - len(told))
    approved, served = code is Code.APPROVED, case.message.kind is MessageKind.SERVE
    authentication = b"" if served else ber(0x91, case.session.authentication_data(code))
    inquiry = approved and case.transaction is TransactionType.INQUIRY and not served
    return HostAnswer(
        code,
        authentication + told + waiting,
        case.cryptogram,
        reason,
        balance=case.card.balance if inquiry else None,
        reference=f"{number:012d}",
        authorisation=f"{number % 1_000_000:06d}" if approved else "",
        fee=case.fee if approved and not served else 0,
        keep_card=code in _KEEP_CARD,
    )


def _confirm(case: Case) -> HostAnswer:
    """The card's last word about a transaction is checked; it moves nothing."""
    return HostAnswer(Code.APPROVED, cryptogram=case.cryptogram, reason="noted")


def _settle(connection: Connection, message: HostMessage) -> HostAnswer:
    own = records.settle(connection, message)
    code = Code.APPROVED if own == message.totals else Code.TOTALS_DIFFER
    return HostAnswer(code, reason=code.text, totals=own)


def _reverse(connection: Connection, message: HostMessage) -> HostAnswer:
    """Take the authorisation of that trace number back (冲正), once; one that has not come is declined when it does."""
    record = records.find(connection, message)
    if record is None:
        kind, code = MessageKind.AUTHORISE, Code.TOO_LATE
        records.note(connection, message, TransactionState.NEVER, code, "reversed before it came", kind=kind)
        return HostAnswer(Code.APPROVED, reason="there was nothing to take back")
    if record.pan != message.pan:
        return HostAnswer(Code.DOES_NOT_FIT, reason="the transaction was another card's")
    if message.amount not in (0, record.amount):
        return HostAnswer(Code.OTHER_AMOUNT, reason="the transaction was of another amount")
    if record.state is not TransactionState.BOOKED:
        return HostAnswer(Code.APPROVED, reason="there was nothing to take back")
    terminal, day, trace = message.key
    booking.take_back(connection, record, f"reversal {terminal} {day} {trace:06d}", day)
    return HostAnswer(Code.APPROVED, reason="taken back", reference=f"{record.id:012d}")


def _note_scripts(connection: Connection, message: HostMessage) -> HostAnswer:
    """Keep what became of scripts (脚本通知); a load that the card did not take is undone."""
    try:
        data = find(message.chip_data, scripts.RESULT_TAG) or b""
        found = list(scripts.results(data))
    except (TlvError, ValueError) as error:
        return HostAnswer(Code.FORMAT_ERROR, reason=f"malformed script results: {error}")
    for number, done in found:
        script = scripts.note_result(connection, message.pan, number, done=done)
        if script is None:
            continue
        if script.order is Order.PUT_DATA and done and script.argument[:2] == bytes.fromhex("9F77"):
            accounts.set_cash_limit(connection, message.pan, int(script.argument[2:].hex()))
        if script.order is Order.LOAD and not done and script.sent_with is not None:
            _undo_load(connection, records.by_number(connection, script.sent_with), message)
    return HostAnswer(Code.APPROVED, reason="noted")


def _undo_load(connection: Connection, record: Record, message: HostMessage) -> None:
    if record.state is TransactionState.BOOKED:
        booking.take_back(connection, record, f"load {record.id} not taken", message.key[1])
