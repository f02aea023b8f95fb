"""Faults of the medical-insurance account: what is booked, what MACs and TACs cover, the state of a transaction."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from cardsim.cos.environment import Handler
from cardsim.cos.files import File
from cardsim.cos.keys import KeyUse
from cardsim.crypto import medical
from cardsim.crypto.medical import LOAD_TAIL, Load, Purchase, TypeCoding
from cardsim.defects.defect import Apply, Side, answering, around, meanwhile, nothing, on_handler, on_ssse, put, table
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.ssse.account import Account, write_starting_day
from cardsim.ssse.environment import Ssse

_YEAR: Final = 10000
_ALL_RIGHTS: Final = (1 << 33) - 1
_DATE: Final = slice(9, 13)
"""Where the date stands in a record of the log."""

Book = Callable[[Account, Account, bytes], tuple[Account, bytes]]
"""Account before, account as it is to be booked, record of the log -> what is booked instead."""


def _on(name: str, wrap: Callable[[Ssse, Handler], Handler]) -> Apply:
    """A defect in one handler of the account."""
    return on_handler("medical", name, wrap)


def _ignoring(word: int, answer: Callable[[Ssse, int, bytes], bytes]) -> Callable[[Ssse, Handler], Handler]:
    """A handler that does something else where one status word is due: environment, P2 and data -> answer."""

    def wrap(ssse: Ssse, handler: Handler) -> Handler:
        def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
            try:
                return handler(p1, p2, data, le)
            except StatusError as ended:
                if ended.sw != word:
                    raise
                return answer(ssse, p2, data)

        return changed

    return wrap


def _file(ssse: Ssse) -> File:
    return ssse.files.index.accounts[ssse.ram.df]


# --- booking ---------------------------------------------------------------------------------------------------------


def _booking(change: Book, kind: type[Load] | type[Purchase]) -> Apply:
    """Loads or purchases are booked in another way."""

    def each(ssse: Ssse) -> None:
        def wrap(book: Callable[..., None]) -> Callable[..., None]:
            def changed(file: File, account: Account, log: File, record: bytes) -> None:
                pending = ssse.ram.transaction
                if pending is not None and isinstance(pending.deal, kind):
                    account, record = change(Account.read(ssse.partition, file), account, record)
                book(file, account, log, record)

            return changed

        around(ssse.medical, "_book", wrap)

    return on_ssse(each)


def _purchases(change: Book) -> Apply:
    return _booking(change, Purchase)


def _loads(change: Book) -> Apply:
    return _booking(change, Load)


def _self_paid_too(_before: Account, account: Account, record: bytes) -> tuple[Account, bytes]:
    self_paid = int.from_bytes(record[-8:-4], "big")
    return replace(account, balance=max(0, account.balance - self_paid)), record


def _totals_swapped(before: Account, account: Account, record: bytes) -> tuple[Account, bytes]:
    self_paid, pool = account.self_paid, account.pool
    if account.year == before.year:
        moved = self_paid - before.self_paid, pool - before.pool
        return replace(account, self_paid=before.self_paid + moved[1], pool=before.pool + moved[0]), record
    return replace(account, self_paid=pool, pool=self_paid), record


def _totals_go_on(before: Account, account: Account, record: bytes) -> tuple[Account, bytes]:
    if account.year == before.year:
        return account, record
    total = min(0xFFFFFFFF, before.self_paid + account.self_paid), min(0xFFFFFFFF, before.pool + account.pool)
    return replace(account, self_paid=total[0], pool=total[1]), record


def _added_at_equality(before: Account, account: Account, record: bytes) -> tuple[Account, bytes]:
    begin = int(before.year.hex()) * _YEAR + int(before.starting_day.hex())
    if int(record[_DATE].hex()) - begin != _YEAR:
        return account, record
    return replace(_totals_go_on(before, account, record)[0], year=before.year), record


def _calendar_year(before: Account, account: Account, record: bytes) -> tuple[Account, bytes]:
    if account.year == before.year:
        return account, record
    return replace(account, year=record[_DATE][:2]), record


def _new_sequence_logged(_before: Account, account: Account, record: bytes) -> tuple[Account, bytes]:
    raised = int.from_bytes(record[:2], "big") + 1
    return account, raised.to_bytes(2, "big") + record[2:]


def _new_sequence_proved(_before: Account, account: Account, record: bytes) -> tuple[Account, bytes]:
    raised = int.from_bytes(account.proof.sequence, "big") + 1
    return replace(account, proof=replace(account.proof, sequence=raised.to_bytes(2, "big"))), record


def _not_logged(ssse: Ssse) -> None:
    def wrap(book: Callable[..., None]) -> Callable[..., None]:
        def changed(*arguments: object) -> None:
            with meanwhile(ssse.records, append=nothing):
                book(*arguments)

        return changed

    around(ssse.medical, "_book", wrap)


def _in_two_steps(ssse: Ssse) -> None:
    def wrap(book: Callable[..., None]) -> Callable[..., None]:
        def changed(file: File, account: Account, log: File, record: bytes) -> None:
            account.write(ssse.partition, file)
            ssse.partition.commit()
            book(file, account, log, record)

        return changed

    around(ssse.medical, "_book", wrap)


def _failure_raises(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        try:
            return handler(p1, p2, data, le)
        except StatusError as ended:
            if ended.sw == status.WRONG_MAC:
                account = Account.read(ssse.partition, _file(ssse))
                raised = replace(account, purchase_sequence=account.purchase_sequence + 1)
                raised.write(ssse.partition, _file(ssse))
                ssse.partition.commit()
            raise

    return changed


def _never_blocks(ssse: Ssse) -> None:
    def wrap(book: Callable[..., None]) -> Callable[..., None]:
        def changed(*arguments: object) -> None:
            with meanwhile(ssse.card, block=nothing), meanwhile(ssse.files, set_flags=nothing):
                book(*arguments)

        return changed

    around(ssse.medical, "_book", wrap)


# --- what is compared and computed -----------------------------------------------------------------------------------


def _any_mac2(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        pending = ssse.ram.transaction
        if pending is not None and isinstance(pending.deal, Load) and len(data) == 11:
            account, time = Account.read(ssse.partition, _file(ssse)), data[:7]
            key = ssse.medical._key(KeyUse.LOAD, pending.index)
            sequence = account.load_sequence.to_bytes(2, "big")
            session = medical.session(ssse.suite, key, pending.random, sequence, LOAD_TAIL)
            data = time + medical.mac(ssse.suite, session, pending.deal.mac2_data(time, ssse.medical._coding))
        return handler(p1, p2, data, le)

    return changed


def _any_mac1(length: int) -> Callable[[Ssse, Handler], Handler]:
    """So many bytes of MAC1 are compared."""

    def wrap(ssse: Ssse, handler: Handler) -> Handler:
        def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
            pending = ssse.ram.transaction
            if pending is not None and isinstance(pending.deal, Purchase) and len(data) == 15:
                account = Account.read(ssse.partition, _file(ssse))
                key = ssse.medical._key(KeyUse.PURCHASE, pending.index)
                sequence = account.purchase_sequence.to_bytes(2, "big")
                session = medical.purchase_session(ssse.suite, key, pending.random, sequence, data[:4])
                right = medical.mac(ssse.suite, session, pending.deal.mac1_data(data[4:11], ssse.medical._coding))
                if data[11 : 11 + length] == right[:length]:
                    data = data[:11] + right
            return handler(p1, p2, data, le)

        return changed

    return wrap


class _OldBalance(Load):
    def tac_data(self, balance: int, sequence: bytes, time: bytes, coding: TypeCoding = TypeCoding.ASCII) -> bytes:
        return Load.tac_data(self, balance - self.amount, sequence, time, coding)


class _NewSequence(Load):
    def tac_data(self, balance: int, sequence: bytes, time: bytes, coding: TypeCoding = TypeCoding.ASCII) -> bytes:
        raised = int.from_bytes(sequence, "big") + 1
        return Load.tac_data(self, balance, raised.to_bytes(2, "big"), time, coding)


class _AccountAlone(Purchase):
    def mac2_data(self) -> bytes:
        return Purchase.mac2_data(self)[:4]


class _NoTerminalSequence(Purchase):
    def tac_data(self, terminal_sequence: bytes, time: bytes, coding: TypeCoding = TypeCoding.ASCII) -> bytes:
        return Purchase.tac_data(self, bytes(len(terminal_sequence)), time, coding)


def _covering(deal: Callable[[Any], Load | Purchase], kind: type[Load] | type[Purchase]) -> Apply:
    """MACs and TACs of a transaction cover something else."""

    def each(ssse: Ssse) -> None:
        def wrap(begin: Callable[..., bytes]) -> Callable[..., bytes]:
            return lambda dealt, index: begin(deal(dealt) if isinstance(dealt, kind) else dealt, index)

        around(ssse.medical, "_begin", wrap)

    return on_ssse(each)


def _load(kind: type[Load]) -> Apply:
    return _covering(lambda dealt: kind(dealt.amount, dealt.terminal), Load)


def _purchase(kind: type[Purchase]) -> Apply:
    return _covering(lambda dealt: kind(dealt.account, dealt.self_paid, dealt.pool, dealt.terminal), Purchase)


def _any_index(ssse: Ssse) -> None:
    def wrap(key: Callable[[KeyUse, int], bytes]) -> Callable[[KeyUse, int], bytes]:
        def changed(use: KeyUse, _index: int) -> bytes:
            slot = ssse.keys.find(ssse.ram.df, use, 0)
            return key(use, 0) if slot is None else ssse.keys.value(slot)

        return changed

    around(ssse.medical, "_key", wrap)


def _sum_compared(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        answer = handler(p1, p2, data, le)
        if sum(int.from_bytes(data[at : at + 4], "big") for at in (1, 5, 9)) > int.from_bytes(answer[:4], "big"):
            ssse.ram.transaction = None
            raise StatusError(status.BALANCE_TOO_LOW)
        return answer

    return changed


def _equal_refused(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        answer = handler(p1, p2, data, le)
        if data[1:5] == answer[:4]:
            ssse.ram.transaction = None
            raise StatusError(status.BALANCE_TOO_LOW)
        return answer

    return changed


# --- the state of a transaction --------------------------------------------------------------------------------------


def _state_kept(when: Callable[[bytes, bytes], bool]) -> Apply:
    """A pending transaction goes on after a command and its answer that end it."""

    def each(ssse: Ssse) -> None:
        def wrap(after: Callable[[bytes, bytes], None]) -> Callable[[bytes, bytes], None]:
            return lambda command, answer: None if when(command, answer) else after(command, answer)

        around(ssse, "after", wrap)

    return on_ssse(each)


def _failed(_command: bytes, answer: bytes) -> bool:
    return answer[-2:-1] not in (b"\x90", b"\x61")


def _booked(command: bytes, answer: bytes) -> bool:
    return command[:2] in (b"\xb0\x2a", b"\xb0\x2c") and not _failed(command, answer)


def _basic(command: bytes, answer: bytes) -> bool:
    return command[:1] != b"\xb0" and not _failed(command, answer)


def _balance_ends(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        answer = handler(p1, p2, data, le)
        ssse.ram.transaction = None
        return answer

    return changed


# --- reading, and the starting day -----------------------------------------------------------------------------------


def _totals_read_swapped(_ssse: Ssse, handler: Handler) -> Handler:
    return lambda p1, p2, data, le: handler(p1, {2: 3, 3: 2}.get(p2, p2), data, le)


def _last_proof(ssse: Ssse, _p2: int, _data: bytes) -> bytes:
    proof = Account.read(ssse.partition, _file(ssse)).proof
    if not proof.type:
        raise StatusError(status.NO_PROOF)
    return proof.mac2 + proof.tac


def _proof_needs_pin(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        ssse.medical._need_pin()
        return handler(p1, p2, data, le)

    return changed


def _mac_behind_tac(_ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        proof = handler(p1, p2, data, le)
        return proof[4:] + proof[:4]

    return changed


def _any_day(ssse: Ssse, _p2: int, data: bytes) -> bytes:
    write_starting_day(ssse.partition, _file(ssse), data)
    return b""


def _day_without_key(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        with meanwhile(ssse.ram, rights=_ALL_RIGHTS):
            return handler(p1, p2, data, le)

    return changed


MEDICAL: Final = table(
    Side.SSSE,
    (
        ("load-not-booked", "SSC7-11.8-01", "A load does not change the balance.",
         _loads(lambda before, account, record: (replace(account, balance=before.balance), record))),
        ("load-sequence-stays", "SSC7-11.8-02", "A load does not raise the load sequence.",
         _loads(lambda before, account, record: (replace(account, load_sequence=before.load_sequence), record))),
        ("load-raises-both-sequences", "SSC7-11.8-02, SSCV2-5.6-11",
         "A load raises the purchase sequence too.",
         _loads(lambda before, account, record: (
             replace(account, purchase_sequence=before.purchase_sequence + 1), record))),
        ("purchase-not-deducted", "SSC7-12.6-01", "A purchase does not change the balance.",
         _purchases(lambda before, account, record: (replace(account, balance=before.balance), record))),
        ("purchase-deducts-own-share", "SSC7-12.6-01, SSC5-7.6-03",
         "A purchase takes what the holder pays himself from the account too.", _purchases(_self_paid_too)),
        ("purchase-sequence-stays", "SSC7-12.6-07", "A purchase does not raise the purchase sequence.",
         _purchases(lambda before, account, record: (
             replace(account, purchase_sequence=before.purchase_sequence), record))),
        ("purchase-sequence-twice", "SSC7-12.6-07", "A purchase raises the purchase sequence by two.",
         _purchases(lambda before, account, record: (
             replace(account, purchase_sequence=before.purchase_sequence + 2), record))),
        ("failed-debit-raises-sequence", "SSC7-12.5-01",
         "DEBIT FOR PURCHASE with a wrong MAC1 raises the purchase sequence.", _on("_debit", _failure_raises)),
        ("totals-not-counted", "SSC7-12.6-02", "A purchase leaves the totals of the year as they were.",
         _purchases(lambda before, account, record: (
             replace(account, self_paid=before.self_paid, pool=before.pool), record))),
        ("totals-swapped", "SSC7-12.6-02", "What the pool pays is counted for the holder, and the other way round.",
         _purchases(_totals_swapped)),
        ("totals-read-swapped", "SSC5-7.3-02, SSC5-7.3-03",
         "GET BALANCE gives one total of the year for the other.", _on("_get_balance", _totals_read_swapped)),
        ("totals-of-old-year", "SSC7-12.6-03", "In a new settlement year the totals of the old one go on.",
         _purchases(_totals_go_on)),
        ("year-not-stored", "SSC7-12.6-03", "The settlement year stays what it was when the totals begin anew.",
         _purchases(lambda before, account, record: (replace(account, year=before.year), record))),
        ("year-ends-late", "SSC7-12.6-02, SSC7-12.6-03",
         "A purchase on the first day of a settlement year is counted for the year before.",
         _purchases(_added_at_equality)),
        ("year-of-calendar", "SSC7-12.6-04", "The settlement year is the calendar year of the purchase.",
         _purchases(_calendar_year)),
        ("medical-log-missing", "SSC7-11.8-03, SSC7-12.6-08", "Loads and purchases are not logged.",
         on_ssse(_not_logged)),
        ("log-of-new-sequence", "SSC7-12.6-08, SSC7-11.8-03",
         "The log has the sequence after a purchase and not its own.", _purchases(_new_sequence_logged)),
        ("medical-two-steps", "SSC7-11.8-04, SSC7-12.6-09",
         "A power cut can leave an account that has changed and a log that has not.", on_ssse(_in_two_steps)),
        ("memory-failure-goes-on", "SSC5-7.1-03, SSC5-7.2-03",
         "Memory that fails while money is booked does not block the environment.", on_ssse(_never_blocks)),
        ("load-mac2-ignored", "SSC5-7.1-07, SSC7-11.7-01", "CREDIT FOR LOAD takes any MAC2.",
         _on("_credit", _any_mac2)),
        ("purchase-mac1-ignored", "SSC5-7.2-07, SSC7-12.3-01", "DEBIT FOR PURCHASE takes any MAC1.",
         _on("_debit", _any_mac1(0))),
        ("purchase-mac1-three-bytes", "SSC5-7.2-07, PBOC-CRY-016", "MAC1 of a purchase is compared in three bytes.",
         _on("_debit", _any_mac1(3))),
        ("load-tac-old-balance", "SSC7-11.8-05", "The TAC of a load covers the balance before it.",
         _load(_OldBalance)),
        ("load-tac-new-sequence", "SSC7-11.8-05", "The TAC of a load covers the sequence after it.",
         _load(_NewSequence)),
        ("purchase-mac2-of-account", "SSC7-12.6-10", "MAC2 of a purchase covers the amount from the account alone.",
         _purchase(_AccountAlone)),
        ("purchase-tac-without-sequence", "SSC7-12.6-11",
         "The TAC of a purchase has zeros for the terminal sequence.", _purchase(_NoTerminalSequence)),
        ("key-index-ignored", "SSC5-7.5-09, SSC5-7.6-11, SSC5-7.6-04",
         "Every key index means the first key.", on_ssse(_any_index)),
        ("balance-compared-with-sum", "SSC7-12.2-02, SSC5-7.6-03",
         "INITIALIZE FOR PURCHASE compares the balance with all three amounts together.",
         _on("_initialize_purchase", _sum_compared)),
        ("balance-equal-refused", "SSC7-12.2-02", "The whole balance cannot be spent.",
         _on("_initialize_purchase", _equal_refused)),
        ("medical-without-pin", "SSC5-7.3-06, SSC5-7.5-06, SSC5-7.6-07",
         "Balance, load and purchase do not need the PIN.",
         on_ssse(lambda ssse: put(ssse.medical, "_need_pin", nothing))),
        ("state-survives-failure", "SSC5-7-16, SSC7-12.5-01",
         "A command that fails does not end a pending load or purchase.", _state_kept(_failed)),
        ("state-survives-booking", "SSC5-7-10, SSC5-7-13",
         "CREDIT FOR LOAD and DEBIT FOR PURCHASE can be sent again.", _state_kept(_booked)),
        ("state-survives-basic-command", "SSC5-7-18",
         "A basic command does not end a pending load or purchase.", _state_kept(_basic)),
        ("balance-ends-state", "SSC5-7-14", "GET BALANCE ends a pending load or purchase.",
         _on("_get_balance", _balance_ends)),
        ("wrong-state-6985", "SSC5-7.1-05, SSC5-7.2-05",
         "DEBIT FOR PURCHASE without a pending purchase is answered 6985 and not 6901.",
         _on("_debit", lambda _ssse, handler: answering(
             lambda sw: status.CONDITIONS_NOT_SATISFIED if sw == status.COMMAND_NOT_ACCEPTED else sw)(handler))),
        ("proof-of-another", "SSC5-7.4-09", "GET TRANSACTION PROOF proves the last transaction whatever is asked for.",
         _on("_get_proof", _ignoring(status.NO_PROOF, _last_proof))),
        ("proof-of-new-sequence", "SSC5-7.4-05", "A purchase is proved under the sequence that follows it.",
         _purchases(_new_sequence_proved)),
        ("proof-halves-swapped", "SSC5-7.4-01", "GET TRANSACTION PROOF gives TAC first and MAC2 after it.",
         _on("_get_proof", _mac_behind_tac)),
        ("proof-needs-pin", "SSC5-7.4-03", "GET TRANSACTION PROOF needs the PIN.", _on("_get_proof", _proof_needs_pin)),
        ("starting-day-free", "SSC5-7.7-02, SSC5-7.7-05", "The starting day can be changed without DSK.",
         _on("_update_starting_day", _day_without_key)),
        ("starting-day-unchecked", "SSC5-7.7-07", "Any starting day is taken, the 31st of the 13th month too.",
         _on("_update_starting_day", _ignoring(status.WRONG_DATA, _any_day))),
    ),
)  # fmt: skip
"""Faults of the medical-insurance account."""
