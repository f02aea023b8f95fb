"""Faults of the social-security environment: selection, records, access rules, set-up."""

from collections.abc import Callable
from typing import Any, Final

from cardsim.cos.access import APPLICATION_BITS, MASTER_BIT, PIN_BIT
from cardsim.cos.dispatch import Level
from cardsim.cos.environment import Handler
from cardsim.cos.files import ROOT
from cardsim.cos.table import Phase
from cardsim.crypto import social
from cardsim.defects.defect import (
    Apply,
    Side,
    answering,
    around,
    meanwhile,
    nothing,
    on_handler,
    on_levels,
    on_ssse,
    put,
    table,
)
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.iso7816.tlv import ber
from cardsim.ssse.environment import Ssse

_EVERYTHING: Final = (1 << 33) - 1
_EF06: Final = 0xEF06


def _status(part: str, name: str, right: int, wrong: int) -> Apply:
    """A handler of SSSE that answers one status word for another."""
    return on_handler(part, name, lambda _ssse, handler: answering(lambda sw: wrong if sw == right else sw)(handler))


# --- selection -------------------------------------------------------------------------------------------------------


def _fci(suite: Callable[[int], bytes]) -> Apply:
    """The FCI of SSSE with another template 9F0C."""

    def change(ssse: Ssse) -> None:
        def wrap(fci_of: Callable[[int], bytes]) -> Callable[[int], bytes]:
            def changed(df: int) -> bytes:
                if df != ROOT:
                    return fci_of(df)
                files = ssse.files
                proprietary = ber(0x88, bytes((files.directory_sfi,))) + suite(files.suite)
                return ber(0x6F, ber(0x84, files.index.files[ROOT].name) + ber(0xA5, proprietary))

            return changed

        around(ssse, "_fci_of", wrap)

    return on_ssse(change)


def _around_select(change: Callable[[Ssse, Callable[[int], bytes], int], bytes]) -> Apply:
    """SELECT of a DF of SSSE with something before or behind it."""
    return on_ssse(lambda ssse: around(ssse, "select_df", lambda select: lambda df: change(ssse, select, df)))


def _df_rights_survive(ssse: Ssse, select: Callable[[int], bytes], df: int) -> bytes:
    rights = ssse.ram.rights & APPLICATION_BITS
    fci = select(df)
    ssse.ram.rights |= rights
    return fci


def _rights_end(ssse: Ssse, select: Callable[[int], bytes], df: int) -> bytes:
    if df != ssse.ram.df:
        ssse.ram.rights = 0
    return select(df)


def _pin_ends(ssse: Ssse, select: Callable[[int], bytes], df: int) -> bytes:
    if df != ssse.ram.df:
        ssse.ram.rights &= ~PIN_BIT
    return select(df)


def _again_drops(ssse: Ssse, select: Callable[[int], bytes], df: int) -> bytes:
    if df == ssse.ram.df:
        ssse.ram.rights = 0
    return select(df)


def _challenge_stays(ssse: Ssse, select: Callable[[int], bytes], df: int) -> bytes:
    challenge = ssse.ram.challenge
    fci = select(df)
    ssse.ram.challenge = challenge
    return fci


def _ef_stays(ssse: Ssse, select: Callable[[int], bytes], df: int) -> bytes:
    ef = ssse.ram.ef
    fci = select(df)
    ssse.ram.ef = ef
    return fci


def _ef_drops_challenge(ssse: Ssse, handler: Callable[[int, bytes], bytes]) -> Callable[[int, bytes], bytes]:
    def changed(p1: int, data: bytes) -> bytes:
        answer = handler(p1, data)
        ssse.ram.challenge = b""
        return answer

    return changed


def _no_application_block(level: Level) -> None:
    if level.rows.pop(b"\x84\x1e", None) is not None:
        level.instructions = level.instructions - {0x1E}


# --- set-up ----------------------------------------------------------------------------------------------------------


def _after_end(ssse: Ssse) -> None:
    set_up = ssse.set_up

    def wrap(authenticate: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
        def changed(data: bytes) -> bytes:
            if ssse.phase is not Phase.ISSUED:
                return authenticate(data)
            challenge = ssse.take_challenge()
            if not ssse.master.tries:
                raise StatusError(status.BLOCKED)
            left = ssse.master.lower()
            right = social.authentication_data(ssse.suite, ssse.master.load().keys[0], challenge, data[8:16])
            if right != data[:8]:
                raise StatusError(0x63C0 | left)
            ssse.master.restore()
            ssse.partition.commit()
            ssse.ram.rights |= MASTER_BIT
            return b""

        return changed

    around(set_up, "authenticate", wrap)


def _create_after_end(level: Level) -> None:
    row = level.rows.get(b"\x80\xe0")
    if row is not None and row.command.phases is Phase.SET_UP:
        row.phases = None


def _plain_create(card: Any) -> None:
    on_ssse(_after_end)(card)
    on_levels(_create_after_end)(card)


def _mac(length: int) -> Callable[[Ssse], None]:
    """So many bytes of the MAC under the environment master key are compared."""

    def change(ssse: Ssse) -> None:
        def wrap(opened: Callable[[bytes, bytes], bytes]) -> Callable[[bytes, bytes], bytes]:
            def changed(header: bytes, data: bytes) -> bytes:
                if ssse.ram.challenge:
                    key = ssse.master.load().keys[0]
                    message = header + bytes((len(data),)) + data[:-4]
                    right = social.master_mac4(ssse.suite, key, message, ssse.ram.challenge)
                    if right[:length] == data[-4:][:length]:
                        data = data[:-4] + right
                return opened(header, data)

            return changed

        around(ssse.set_up, "_open", wrap)

    return change


def _master_not_replaced(ssse: Ssse) -> None:
    def wrap(write: Handler) -> Handler:
        def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
            with meanwhile(ssse.master, store=nothing):
                return write(p1, p2, data, le)

        return changed

    around(ssse.set_up, "_write_key", wrap)


def _erases_nothing(ssse: Ssse) -> None:
    put(ssse.set_up, "_empty", lambda: b"")


SSSE: Final = table(
    Side.SSSE,
    (
        ("fci-without-algorithm", "SSC5-6.11-02", "The FCI of SSSE has no template 9F0C.", _fci(lambda _suite: b"")),
        ("fci-wrong-algorithm", "SSC5-6.11-02, SSC7-5.3-01",
         "The FCI of SSSE names the other cipher suite.",
         _fci(lambda suite: ber(0x9F0C, ber(0x86, bytes((4 - suite,)))))),
        ("df-rights-survive", "SSC5-6.11-14, SSC4-6.1-01",
         "Key rights of an application are still there after it was left.", _around_select(_df_rights_survive)),
        ("environment-rights-end-in-df", "SSC7-6.6-10, SSC7-5.8-02",
         "Rights of SSSE end when one of its applications is selected.", _around_select(_rights_end)),
        ("pin-ends-in-df", "SSC7-5.8-02, D11",
         "The PIN is forgotten when another DF of SSSE is selected.", _around_select(_pin_ends)),
        ("reselect-drops-rights", "SSC5-6.11-13",
         "Selecting the current DF again takes its rights away.", _around_select(_again_drops)),
        ("challenge-survives-df", "SSC5-6.5-05",
         "A challenge can be used in another application than the one it was given in.",
         _around_select(_challenge_stays)),
        ("ef-survives-df", "SSC5-6.11-11",
         "The current EF stays current when another DF is selected.", _around_select(_ef_stays)),
        ("ef-drops-challenge", "SSC5-6.5-06",
         "Selecting an EF takes the challenge away.",
         on_ssse(lambda ssse: around(ssse, "select_file", lambda old: _ef_drops_challenge(ssse, old)))),
        ("application-block-missing", "SSC5-6.1-01, D20",
         "APPLICATION BLOCK does not exist in SSSE.", on_levels(_no_application_block)),
        ("master-key-after-end", "SSC5-6.4-08, D6",
         "EXTERNAL AUTHENTICATE with P2=00 is possible after END PERSONALISATION.", on_ssse(_after_end)),
        ("create-after-end", "SSC4-5.3-01, D6",
         "The environment master key can create files without a MAC after END PERSONALISATION.", _plain_create),
        ("set-up-without-key", "SSC4-5.3-01, D6",
         "Files can be created and set-up ended without the environment master key.",
         on_ssse(lambda ssse: put(ssse.set_up, "_need_master", nothing))),
        ("master-mac-ignored", "SSC4-7.3-01, D8",
         "The MAC under the environment master key is not looked at.", on_ssse(_mac(0))),
        ("master-mac-three-bytes", "PBOC-CRY-016, D8",
         "The MAC under the environment master key is compared in three bytes.", on_ssse(_mac(3))),
        ("master-key-not-replaced", "SSC4-5.3-02",
         "The environment master key stays what it was when it is replaced.", on_ssse(_master_not_replaced)),
        ("erase-does-nothing", "D4", "ERASE of the environment answers 9000 and removes nothing.",
         on_ssse(_erases_nothing)),
    ),
)  # fmt: skip
"""Faults of files and set-up."""
