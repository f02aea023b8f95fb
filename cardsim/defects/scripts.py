"""Faults of issuer scripts: MAC, place in the transaction, count, and mark of failures."""

from collections.abc import Callable
from typing import Any, Final

from cardsim.crypto import ciphers, padding, pboc
from cardsim.crypto.mac import retail_mac
from cardsim.crypto.pboc import UDK_AC, UDK_MAC
from cardsim.defects.defect import Apply, Side, around, nothing, on_pse, put, table
from cardsim.defects.transaction import forgotten_at_reset, lost, present_atc, right_mac, session_for_macs
from cardsim.pse.application import (
    ATC_AT,
    INDICATORS_AT,
    SCRIPTS_AT,
    Application,
    Indicator,
)
from cardsim.pse.environment import Pse
from cardsim.pse.memory import State
from cardsim.pse.scripts import MAC_SIZE
from cardsim.pse.transaction import udk

_MARK: Final = Indicator.SCRIPT_FAILED.value


def _over(application: Application) -> bytes:
    """The counter as it enters a MAC."""
    return application.counters()[ATC_AT : ATC_AT + 2]


# --- MAC -------------------------------------------------------------------------------------------------------------

Mac = Callable[[Pse, Application, bytes, bytes], bytes]
"""Environment, application, header with Lc, data before the MAC -> the MAC that the card computes."""


def _mac(wrong: Mac, length: int = MAC_SIZE) -> Apply:
    """Another MAC than the right one is compared, or fewer bytes of it."""

    def change(pse: Pse) -> None:
        def wrap(check: Callable[..., bytes]) -> Callable[..., bytes]:
            def changed(application: Application, header: bytes, data: bytes) -> bytes:
                body, mac = data[:-MAC_SIZE], data[-MAC_SIZE:]
                right = right_mac(pse, application, header, body)
                taken = wrong(pse, application, header, body)[:length] == mac[:length]
                return check(application, header, body + (right if taken else bytes(b ^ 0xFF for b in right)))

            return changed

        around(pse.scripts, "_check_mac", wrap)

    return on_pse(change)


def _message(parts: Callable[[bytes, bytes, bytes, bytes], bytes]) -> Mac:
    """A MAC over another message: header with Lc, counter, cryptogram, data."""

    def mac(pse: Pse, application: Application, header: bytes, body: bytes) -> bytes:
        message = parts(header, _over(application), pse.ram.transaction.script_chain, body)
        return retail_mac(session_for_macs(application), padding.pad80(message))

    return mac


def _under(key: Callable[[Application], bytes]) -> Mac:
    """The right message under another key."""

    def mac(pse: Pse, application: Application, header: bytes, body: bytes) -> bytes:
        message = header + _over(application) + pse.ram.transaction.script_chain + body
        return retail_mac(key(application), padding.pad80(message))

    return mac


def _padded_when_needed(pse: Pse, application: Application, header: bytes, body: bytes) -> bytes:
    message = header + _over(application) + pse.ram.transaction.script_chain + body
    return retail_mac(session_for_macs(application), padding.pad80(message) if len(message) % 8 else message)


def _plain_cbc(pse: Pse, application: Application, header: bytes, body: bytes) -> bytes:
    message = padding.pad80(header + _over(application) + pse.ram.transaction.script_chain + body)
    return ciphers.des_cbc_encrypt(session_for_macs(application), message)[-8:]


def _last_cryptogram(pse: Pse) -> None:
    """The MAC of a script behind the second GENERATE AC stands over the second cryptogram."""

    def wrap(second: Callable[..., bytes]) -> Callable[..., bytes]:
        def changed(*arguments: Any) -> bytes:
            answer = second(*arguments)
            pse.ram.transaction.script_chain = answer[5:13]
            return answer

        return changed

    around(pse.action, "_second", wrap)


def _chained(pse: Pse) -> None:
    def wrap(check: Callable[..., bytes]) -> Callable[..., bytes]:
        def changed(application: Application, header: bytes, data: bytes) -> bytes:
            body = check(application, header, data)
            pse.ram.transaction.script_chain = data[-MAC_SIZE:].ljust(8, b"\0")
            return body

        return changed

    around(pse.scripts, "_check_mac", wrap)


# --- place, count, mark ----------------------------------------------------------------------------------------------


def _opened_by(state: State) -> Callable[[Pse], None]:
    def change(pse: Pse) -> None:
        def wrap(is_open: Callable[[], bool]) -> Callable[[], bool]:
            def changed() -> bool:
                transaction = pse.ram.transaction
                if transaction.state is not state:
                    return is_open()
                transaction.script_chain = transaction.script_chain or bytes(8)
                return True

            return changed

        around(pse.scripts, "_open", wrap)

    return change


def _goes_on_after_wrong_mac(pse: Pse) -> None:
    def wrap(check: Callable[..., bytes]) -> Callable[..., bytes]:
        def changed(*arguments: Any) -> bytes:
            try:
                return check(*arguments)
            finally:
                pse.ram.transaction.scripts_refused = False

        return changed

    around(pse.scripts, "_check_mac", wrap)


def _marked(at: int, value: bytes) -> bool:
    return at == INDICATORS_AT and bool(value[0] & _MARK)


def _mark_dies(_pse: Pse, application: Application) -> None:
    indicators = application.counters()[INDICATORS_AT]
    if indicators & _MARK:
        application.write_counter(INDICATORS_AT, bytes((indicators & ~_MARK,)))


def _mark_kept(pse: Pse) -> None:
    """The resets of an online answer leave the mark of a failed script, from whatever transaction it is."""

    def wrap(with_issuer: Callable[..., Any]) -> Callable[..., Any]:
        def changed(application: Application, request: int, counters: bytes, code: bytes) -> Any:
            result = with_issuer(application, request, counters, code)
            kept = application.counters()[INDICATORS_AT] | counters[INDICATORS_AT] & _MARK
            application.write_counter(INDICATORS_AT, bytes((kept,)))
            return result

        return changed

    around(pse.action, "_with_issuer", wrap)


def _counted_early(pse: Pse) -> None:
    def count(application: Application, write: Callable[[int, bytes], None]) -> None:
        write(SCRIPTS_AT, bytes(((application.counters()[SCRIPTS_AT] + 1) & 0x0F,)))

    put(pse.scripts, "_count", count)


def _count_dies(_pse: Pse, application: Application) -> None:
    if application.counters()[SCRIPTS_AT]:
        application.write_counter(SCRIPTS_AT, b"\0")


SCRIPTS: Final = table(
    Side.PSE,
    (
        ("script-mac-without-lc", "PBOC-SCR-001, PBOC-SCR-002", "The MAC of a script does not stand over Lc.",
         _mac(_message(lambda header, atc, ac, body: header[:4] + atc + ac + body))),
        ("script-mac-lc-of-data", "PBOC-SCR-002",
         "Lc under the MAC of a script counts the data without the MAC.",
         _mac(_message(lambda header, atc, ac, body: header[:4] + bytes((header[4] - MAC_SIZE,)) + atc + ac + body))),
        ("script-mac-without-atc", "PBOC-SCR-001, PBOC-SCR-018", "The MAC of a script does not stand over the ATC.",
         _mac(_message(lambda header, _atc, ac, body: header + ac + body))),
        ("script-mac-without-cryptogram", "PBOC-SCR-001, PBOC-SCR-018",
         "The MAC of a script does not stand over the cryptogram.",
         _mac(_message(lambda header, atc, _ac, body: header + atc + body))),
        ("script-mac-data-first", "PBOC-SCR-001",
         "The MAC of a script stands over the data before ATC and cryptogram.",
         _mac(_message(lambda header, atc, ac, body: header + body + atc + ac))),
        ("script-mac-last-cryptogram", "PBOC-SCR-003",
         "Behind the second GENERATE AC the MAC of a script stands over the second cryptogram.",
         on_pse(_last_cryptogram)),
        ("script-mac-chained", "PBOC-SCR-003", "The MAC of a second script begins with that of the first.",
         on_pse(_chained)),
        ("script-mac-old-session", "PBOC-SCR-015, PBOC-CRY-004",
         "The MAC of a script stands under the session key of the transaction before.",
         _mac(_under(lambda app: pboc.session_key(udk(app, UDK_MAC), present_atc(app) - 1)))),
        ("script-mac-without-session", "PBOC-SCR-015, PBOC-CRY-004",
         "The MAC of a script stands under the card key itself.", _mac(_under(lambda app: udk(app, UDK_MAC)))),
        ("script-mac-key-of-cryptograms", "PBOC-SCR-001",
         "The MAC of a script stands under the session key for cryptograms.",
         _mac(_under(lambda app: pboc.session_key(udk(app, UDK_AC), present_atc(app))))),
        ("script-mac-padding-missing", "PBOC-CRY-009, PBOC-SCR-001",
         "The MAC of a script is padded only where the message ends inside a block.", _mac(_padded_when_needed)),
        ("script-mac-cbc", "PBOC-SCR-001",
         "The MAC of a script is that of triple DES in every block.", _mac(_plain_cbc)),
        ("script-mac-two-bytes", "PBOC-SCR-008, PBOC-CRY-016", "Two bytes of the MAC of a script are compared.",
         _mac(right_mac, 2)),
        ("script-mac-ignored", "PBOC-SCR-008", "The MAC of a script is not looked at.", _mac(right_mac, 0)),
        ("script-after-wrong-mac", "PBOC-SCR-009", "After a wrong MAC further scripts are taken.",
         on_pse(_goes_on_after_wrong_mac)),
        ("script-before-cryptogram", "PBOC-SCR-005", "A script is taken before the first GENERATE AC.",
         on_pse(_opened_by(State.INITIATED))),
        ("script-after-offline", "PBOC-SCR-006", "A script is taken after every offline answer.",
         on_pse(_opened_by(State.OFFLINE))),
        ("script-refused-at-end", "PBOC-SCR-007", "Behind the second GENERATE AC no script is taken.",
         on_pse(lambda pse: around(pse.scripts, "_open", lambda is_open: lambda: (
             pse.ram.transaction.state is not State.COMPLETED and is_open())))),
        ("script-failure-unmarked", "PBOC-SCR-008, PBOC-CRM-007", "A script that fails leaves no mark.",
         lost("write_counter_early", _marked)),
        ("script-failure-volatile", "PBOC-SCR-008, D13", "The mark that a script failed dies with the power.",
         forgotten_at_reset(_mark_dies)),
        ("script-failure-stays", "PBOC-SCR-016", "An online TC does not take the mark of a script away.",
         on_pse(_mark_kept)),
        ("script-count-early", "PBOC-SCR-012", "Scripts before the second GENERATE AC count too.",
         on_pse(_counted_early)),
        ("script-count-missing", "PBOC-SCR-012, PBOC-CVR-010", "Scripts are not counted.",
         on_pse(lambda pse: put(pse.scripts, "_count", nothing))),
        ("script-count-volatile", "PBOC-SCR-012, D13", "The count of scripts dies with the power.",
         forgotten_at_reset(_count_dies)),
        ("script-count-not-reset", "PBOC-SCR-016", "An online TC does not reset the count of scripts.",
         lost("write_counter", lambda at, value: at == SCRIPTS_AT and value == b"\0")),
    ),
)  # fmt: skip
"""Faults of MAC, place, count and marks."""
