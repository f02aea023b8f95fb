"""Faults of what issuer scripts do: PIN change, blocks, data."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from cardsim.assembly import CardModel
from cardsim.cos.environment import Handler
from cardsim.cos.files import FileFlag, Flag
from cardsim.crypto import ciphers, padding, pboc
from cardsim.crypto.pboc import UDK_AC, UDK_ENC
from cardsim.defects.cos import blocking_all
from cardsim.defects.defect import Apply, Side, around, meanwhile, nothing, on_pse, put, table
from cardsim.defects.transaction import (
    after_reset,
    changed_handler,
    forgotten_at_reset,
    on_applications,
    present_atc,
    right_mac,
)
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.pse.application import (
    ATC_AT,
    BALANCE_AT,
    DGI_PIN,
    INDICATORS_AT,
    LOATC_AT,
    PIN_TRIES_AT,
    Application,
    amount_at,
    bcd6,
    decimal,
    is_record,
)
from cardsim.pse.environment import Pse
from cardsim.pse.scripts import MAC_SIZE
from cardsim.pse.transaction import udk

_BALANCE: Final = 0x9F79
_PROTECTED: Final = {0x9F36: ATC_AT, 0x9F13: LOATC_AT}
"""Counters that no script may write."""


# --- PIN -------------------------------------------------------------------------------------------------------------


def _pin_tries(pse: Pse, *, changes: bool) -> None:
    """PIN CHANGE/UNBLOCK does not give the tries back: with a new PIN, or without."""

    def wrap(handler: Handler) -> Handler:
        def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
            application = pse.application()
            write = application.write_counter
            if bool(p2) is not changes:
                return handler(p1, p2, data, le)
            kept = lambda at, value: None if at == PIN_TRIES_AT else write(at, value)  # noqa: E731
            with meanwhile(application, write_counter=kept):
                return handler(p1, p2, data, le)

        return changed

    around(pse.scripts, "_pin_change", wrap)


NewPin = Callable[[Application, bytes, str | None], str]
"""The PIN that the card takes out of the enciphered data; with the old PIN, or without."""


def _pin_of(wrong: NewPin) -> Apply:
    def change(pse: Pse) -> None:
        def new_pin(application: Application, body: bytes, old: str | None) -> bytes:
            try:
                return pboc.pin_block_format2(wrong(application, body, old))
            except ValueError:
                pse.scripts._fail(application, status.WRONG_DATA)

        put(pse.scripts, "_new_pin", new_pin)

    return on_pse(change)


def _sk_enc(application: Application) -> bytes:
    return pboc.session_key(udk(application, UDK_ENC), present_atc(application))


def _d1_from(key: Callable[[Application], bytes]) -> NewPin:
    """D1 of the PIN block from other bytes."""

    def pin(application: Application, body: bytes, old: str | None) -> str:
        block = pboc.script_decipher(_sk_enc(application), body)
        return pboc.pin_of_change_block(key(application), block, old)

    return pin


def _deciphered_by(decipher: Callable[[Application, bytes], bytes]) -> NewPin:
    """Data that are deciphered in another way."""

    def pin(application: Application, body: bytes, old: str | None) -> str:
        block = decipher(application, body)
        return pboc.pin_of_change_block(udk(application, UDK_ENC), block, old)

    return pin


def _cbc(application: Application, body: bytes) -> bytes:
    return padding.unpad80(ciphers.des_cbc_decrypt(_sk_enc(application), body))[1:]


def _without_old(application: Application, body: bytes, _old: str | None) -> str:
    block = pboc.script_decipher(_sk_enc(application), body)
    return pboc.pin_of_change_block(udk(application, UDK_ENC), block, None)


def _new_tries_old_pin(pse: Pse) -> None:
    """The PIN stays what it was."""
    put(pse.scripts, "_new_pin", lambda application, *_more: application.object(DGI_PIN))


# --- blocks ----------------------------------------------------------------------------------------------------------


def _block_waits(pse: Pse) -> None:
    """APPLICATION BLOCK takes effect when the application is selected again."""
    waiting: set[int] = set()

    def wrap(select: Callable[[int], bytes]) -> Callable[[int], bytes]:
        def changed(df: int) -> bytes:
            if df in waiting:
                waiting.discard(df)
                file = pse.files.index.files[df]
                pse.files.set_file_flags(file, file.flags | FileFlag.BLOCKED)
                pse.partition.commit()
            return select(df)

        return changed

    put(pse.scripts, "_block", lambda application: waiting.add(application.df.index))
    around(pse, "select_df", wrap)


def _block_dies(pse: Pse, application: Application) -> None:
    if application.df.blocked:
        pse.files.set_file_flags(application.df, application.df.flags & ~FileFlag.BLOCKED)


def _unblock_unproved(pse: Pse) -> None:
    def wrap(unblock: Handler) -> Handler:
        def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
            application = pse.application()
            if len(data) == MAC_SIZE and application.df.issued and pse.ram.transaction.script_chain:
                data = right_mac(pse, application, b"\x84\x18" + bytes((p1, p2, MAC_SIZE)), b"")
            return unblock(p1, p2, data, le)

        return changed

    around(pse.scripts, "_application_unblock", wrap)


def _without_act(pse: Pse, handler: str) -> None:
    """A script is answered 9000, and does nothing."""

    def wrap(run: Callable[..., bytes]) -> Callable[..., bytes]:
        def changed(row: Any, p1: int, p2: int, data: bytes, _act: Any, *lengths: Any) -> bytes:
            return run(row, p1, p2, data, nothing, *lengths)

        return changed

    def around_handler(inner: Handler) -> Handler:
        def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
            with meanwhile(pse.scripts, _run=wrap(pse.scripts._run)):
                return inner(p1, p2, data, le)

        return changed

    around(pse.scripts, handler, around_handler)


def _card_block_of_all(card: CardModel) -> None:
    """CARD BLOCK of PSE stops the social-security environment as well."""
    on_pse(blocking_all(card))(card)


def _card_block_of_application(pse: Pse) -> None:
    """CARD BLOCK blocks the application alone."""

    def wrap(block: Handler) -> Handler:
        def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
            kept = pse.files.flags
            stay = lambda _flags: pse.scripts._block(pse.application())  # noqa: E731
            with meanwhile(pse.files, set_flags=stay), meanwhile(pse.card, block=nothing):
                answer = block(p1, p2, data, le)
            assert pse.files.flags == kept
            pse.ram.transaction.finishing = False
            return answer

        return changed

    around(pse.scripts, "_card_block", wrap)


def _card_block_dies(pse: Pse) -> None:
    if pse.files.flags & Flag.BLOCKED:
        pse.files.set_flags(pse.files.flags & ~Flag.BLOCKED)


def _card_block_at_once(pse: Pse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        answer = handler(p1, p2, data, le)
        pse.ram.transaction.finishing = False
        return answer

    return changed


# --- data ------------------------------------------------------------------------------------------------------------


def _writes_counters(pse: Pse, handler: Handler) -> Handler:
    """PUT DATA of the ATC and of the last online ATC is carried out."""

    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        at, application = _PROTECTED.get(p1 << 8 | p2), pse.application()
        if at is None or len(data) != 2 + MAC_SIZE:
            return handler(p1, p2, data, le)
        kept = application.counters()[INDICATORS_AT : INDICATORS_AT + 1]
        try:
            return handler(p1, p2, data, le)
        except StatusError as ended:
            if ended.sw != status.WRONG_DATA:
                raise
        application.write_counter(at, data[:2])
        application.write_counter(INDICATORS_AT, kept)
        pse.partition.commit()
        return b""

    return changed


def _unchecked(pse: Pse, *, decimals: bool, limit: bool) -> None:
    """PUT DATA does not look whether an amount is decimal, or whether the balance is above its limit."""

    def wrap(check: Callable[..., None]) -> Callable[..., None]:
        def changed(application: Application, tag: int, value: bytes) -> None:
            wrong_digits = decimal(value) is None
            if (wrong_digits and not decimals) or (not wrong_digits and not limit and tag == _BALANCE):
                return
            check(application, tag, value)

        return changed

    around(pse.scripts, "_check_value", wrap)


def _load_added(pse: Pse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        application = pse.application()
        before = amount_at(application.counters(), BALANCE_AT) or 0
        answer = handler(p1, p2, data, le)
        if p1 << 8 | p2 == _BALANCE:
            sum_of_both = bcd6(before + (decimal(data[:-MAC_SIZE]) or 0))
            application.write_counter(BALANCE_AT, sum_of_both)
            pse.partition.commit()
        return answer

    return changed


def _refusal_unmarked(pse: Pse) -> None:
    """What PUT DATA refuses behind its MAC leaves no mark."""

    def wrap(check: Callable[..., None]) -> Callable[..., None]:
        def changed(application: Application, *arguments: Any) -> None:
            kept = pse.ram.transaction.script_failed
            with meanwhile(application, write_counter_early=nothing):
                try:
                    check(application, *arguments)
                except StatusError:
                    pse.ram.transaction.script_failed = kept
                    raise

        return changed

    around(pse.scripts, "_check_value", wrap)
    around(pse.scripts, "_check_object", wrap)


def _shown_in_full(pse: Pse, handler: Handler) -> Handler:
    """READ RECORD shows the old end of a record that has become shorter."""

    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        record = handler(p1, p2, data, le)
        file = pse.files.index.by_fid.get(pse.ram.df << 16 | p2 >> 3 << 8 | p1)
        if file is None or not is_record(file):
            return record
        return bytes(pse.partition.memory[file.offset : file.offset + file.capacity])

    return changed


def _any_content(card: CardModel) -> None:
    """A record may hold anything; what is no template 70 is left out where the card looks for data."""
    template = b"\x70"
    on_applications(lambda application: around(application, "records", lambda records: lambda *replaced: [
        record for record in records(*replaced) if record.startswith(template)]))(card)  # fmt: skip
    on_pse(lambda pse: around(pse.scripts, "accepts_record", lambda accepts: lambda application, fid, content: (
        not content.startswith(template) or accepts(application, fid, content))))(card)  # fmt: skip


SCRIPT_EFFECTS: Final = table(
    Side.PSE,
    (
        ("pin-unblock-gives-nothing", "PBOC-PCH-001", "PIN UNBLOCK does not give the tries back.",
         on_pse(partial(_pin_tries, changes=False))),
        ("pin-change-keeps-tries", "PBOC-PCH-007", "PIN CHANGE does not give the tries back.",
         on_pse(partial(_pin_tries, changes=True))),
        ("pin-change-keeps-pin", "PBOC-PCH-002, PBOC-PCH-004", "PIN CHANGE leaves the old PIN.",
         on_pse(_new_tries_old_pin)),
        ("pin-change-right-half", "PBOC-PCH-002, PBOC-PCH-003", "D1 of PIN CHANGE comes from the key's right half.",
         _pin_of(_d1_from(lambda app: udk(app, UDK_ENC)[8:] * 2))),
        ("pin-change-first-bytes", "PBOC-PCH-002, PBOC-PCH-003",
         "D1 of PIN CHANGE comes from the first bytes of the key.",
         _pin_of(_d1_from(lambda app: udk(app, UDK_ENC)[:4] * 4))),
        ("pin-change-key-of-cryptograms", "PBOC-PCH-003",
         "D1 of PIN CHANGE comes from the card key for cryptograms.", _pin_of(_d1_from(lambda app: udk(app, UDK_AC)))),
        ("pin-change-cbc", "PBOC-PCH-005, PBOC-CRY-010", "PIN CHANGE deciphers in CBC.",
         _pin_of(_deciphered_by(_cbc))),
        ("pin-change-without-session", "PBOC-PCH-005, PBOC-CRY-010",
         "PIN CHANGE deciphers under the card key itself.",
         _pin_of(_deciphered_by(lambda app, body: pboc.script_decipher(udk(app, UDK_ENC), body)))),
        ("pin-change-old-ignored", "PBOC-PCH-004", "PIN CHANGE with the old PIN does not use it.",
         _pin_of(_without_old)),
        ("application-block-waits", "PBOC-BLK-001, PBOC-BLK-002",
         "APPLICATION BLOCK takes effect with the next selection.", on_pse(_block_waits)),
        ("application-block-volatile", "PBOC-BLK-001", "APPLICATION BLOCK dies with the power.",
         forgotten_at_reset(_block_dies)),
        ("application-unblock-unproved", "PBOC-BLK-003, PBOC-SCR-008", "APPLICATION UNBLOCK takes any MAC.",
         on_pse(_unblock_unproved)),
        ("application-unblock-does-nothing", "PBOC-BLK-003", "APPLICATION UNBLOCK is answered 9000 and does nothing.",
         on_pse(partial(_without_act, handler="_application_unblock"))),
        ("card-block-stops-ssse", "PBOC-BLK-009, PBOC-SEP-008, D10",
         "CARD BLOCK of the payment environment stops the social-security one.", _card_block_of_all),
        ("card-block-of-application", "PBOC-BLK-006", "CARD BLOCK blocks no more than the application.",
         on_pse(_card_block_of_application)),
        ("card-block-volatile", "PBOC-BLK-010", "CARD BLOCK dies with the power.", after_reset(_card_block_dies)),
        ("card-block-in-transaction", "PBOC-BLK-007", "CARD BLOCK cuts the running transaction off.",
         changed_handler("scripts", "_card_block", _card_block_at_once)),
        ("put-data-writes-counters", "PBOC-PDT-002", "PUT DATA writes the ATC and the last online ATC.",
         changed_handler("scripts", "_put_data", _writes_counters)),
        ("put-data-any-balance", "PBOC-PDT-008", "A balance above its limit is loaded.",
         on_pse(partial(_unchecked, decimals=True, limit=False))),
        ("put-data-not-decimal", "PBOC-PDT-012", "PUT DATA takes an amount that is no decimal number.",
         on_pse(partial(_unchecked, decimals=False, limit=True))),
        ("put-data-adds", "PBOC-PDT-007", "The new balance is added to the old one.",
         changed_handler("scripts", "_put_data", _load_added)),
        ("put-data-refusal-unmarked", "PBOC-PDT-004, PBOC-PDT-009",
         "What PUT DATA refuses behind its MAC does not count as a failed script.", on_pse(_refusal_unmarked)),
        ("update-record-old-end", "PBOC-UPR-001", "A record that UPDATE RECORD made shorter keeps its old end.",
         on_pse(lambda pse: around(pse, "_read_record", lambda read: _shown_in_full(pse, read)))),
        ("update-record-any-content", "PBOC-UPR-001", "UPDATE RECORD takes what is no template 70.",
         _any_content),
        ("update-record-does-nothing", "PBOC-UPR-001", "UPDATE RECORD is answered 9000 and writes nothing.",
         on_pse(partial(_without_act, handler="_update_record"))),
    ),
)  # fmt: skip
"""Faults of what issuer scripts do."""
