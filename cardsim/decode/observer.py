"""What an answer says about the card: `Observer` follows a card from outside, the model as well as a physical one.

What no answer tells is left out: an empty PIN that opens without VERIFY; which DF a part of a name, or an unknown
identifier, has found when nobody fetches its FCI (it is taken for another one than before); that a right was lost with
the last try of a key of the PSAM, which says the same to each wrong try (PSAM-087), until it is answered 6983; that a
profile ends a right with the first wrong try (C-25).
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from cardsim.cos.table import Messaging
from cardsim.decode import Environment
from cardsim.decode.challenges import ChallengeUse, use_of
from cardsim.decode.commands import PSE_NAME, SSSE_NAME, rows_of
from cardsim.decode.names import environment_of_name, name_of_df
from cardsim.decode.observed import APPLICATION, MASTER, Observed, Stage, is_environment
from cardsim.iso7816 import status
from cardsim.iso7816.tlv import TlvError, parse

_MF: Final = (b"", b"\x3f\x00")
_BY_IDENTIFIER: Final = 0x00
_EF: Final = 0x02
_BY_NAME: Final = 0x04
_GET_RESPONSE: Final = b"\x00\xc0"
_LOAD_OR_PURCHASE: Final = (Stage.LOAD, Stage.PURCHASE)
_KEPT_BY: Final = (0x90, 0x61)
_STANDARD_NAMES: Final = (SSSE_NAME, PSE_NAME)

Effect = Callable[["Observer", bytes, int, bytes], None]
"""What an answer changes: command, status word, data that came with it."""


def _succeeded(sw: int) -> bool:
    return sw == status.OK or sw >> 8 == 0x61


def _data_of(command: bytes) -> bytes:
    return command[5 : 5 + command[4]] if len(command) > 5 else b""


@dataclass(frozen=True, slots=True)
class _Rule:
    """What the answers to the commands of one header say."""

    effect: Effect | None
    uses: tuple[ChallengeUse, ...]
    unsupported: bool
    """Whether 6A81 can have another reason than a block."""


@functools.cache
def _rules(environment: Environment) -> Mapping[bytes, _Rule]:
    """The rules of an environment by header; those of the card's own level stand in `CARD` alone."""
    effects, rules = _effects(environment), {}
    for header, rows in rows_of(environment).items():
        uses = tuple(use for use in (use_of(environment, row) for row in rows) if use is not None)
        unsupported = any(status.NOT_SUPPORTED in row.words for row in rows)
        rules[header] = _Rule(effects.get(header), uses, unsupported)
    return rules


@functools.cache
def _keeping() -> frozenset[bytes]:
    from cardsim.ssse.medical_commands import KEEPING

    return KEEPING


class Observer:
    """Follows one card from outside; `state` is what is known of it.

    Args:
        home: `CARD` for a user card, `PSAM` for a PSAM.
    """

    __slots__ = (
        "_application", "_awaited", "_base", "_before", "_blocked", "_challenge", "_data", "_environment", "_file",
        "_home", "_pin", "_powered", "_proved", "_rules", "_stage", "_state",
    )  # fmt: skip

    def __init__(self, home: Environment = Environment.CARD) -> None:
        self._home: Final = home
        self.reset(powered=False)

    def reset(self, *, powered: bool = True) -> None:
        """The card was powered on or reset (or powered off): all volatile state is gone."""
        self._powered = powered
        self._awaited: Effect | None = None
        self._data = b""
        self._before: tuple[bytes, bytes, frozenset[int], bool] | None = None
        self._leave_for(self._home)

    def _leave_for(self, environment: Environment) -> None:
        """Another environment is entered: what was in force in the last one is gone (D9)."""
        self._environment = environment
        self._rules = _rules(environment)
        self._application = self._base = b""
        self._file = 0
        self._proved: frozenset[int] = frozenset()
        self._pin = self._challenge = self._blocked = False
        self._stage = Stage.NONE
        self._state: Observed | None = None

    def copy(self) -> "Observer":
        """Another one that knows the same, to go on from this point again."""
        other = Observer(self._home)
        for name in self.__slots__:
            setattr(other, name, getattr(self, name))
        return other

    @property
    def state(self) -> Observed:
        """What is known now."""
        if self._state is None:
            self._state = Observed(
                self._powered, self._environment, self._application, self._file, self._proved, self._pin,
                self._challenge, self._stage, self._blocked,
            )  # fmt: skip
        return self._state

    @property
    def environment(self) -> Environment:
        """Whose tables name the next command."""
        return self._environment

    def follow(self, command: bytes, answer: bytes) -> None:
        """A command went out and its answer came back; GET RESPONSE belongs to the command before it. An empty answer
        says that the card has lost its power."""
        if len(answer) < 2:
            if not answer:
                self.reset(powered=False)
            return
        sw1, header = answer[-2], command[:2]
        if header == _GET_RESPONSE:
            if self._awaited is not None:
                self._fetched(self._awaited, answer)
            if sw1 == 0x6C:
                return
        else:
            self._awaited = None
            if sw1 == 0x6C:
                return
            rule = self._rules.get(header)
            if rule is not None and len(command) > 3:
                self._apply(rule, command, answer)
            if (sw1 == 0x6A and answer[-1] == 0x81) or (sw1 == 0x93 and answer[-1] == 0x03):
                self._refused(rule, command)
        if self._stage in _LOAD_OR_PURCHASE and not (sw1 in _KEPT_BY and header in _keeping()):
            self._enter(Stage.NONE)

    def _apply(self, rule: _Rule, command: bytes, answer: bytes) -> None:
        sw = answer[-2] << 8 | answer[-1]
        if self._challenge:
            for use in rule.uses:
                if use.spends(command, sw):
                    self._challenge, self._state = False, None
        if rule.effect is not None:
            rule.effect(self, command, sw, answer[:-2])

    def _enter(self, stage: Stage) -> None:
        if self._stage is not stage:
            self._stage, self._state = stage, None

    def _refused(self, rule: _Rule | None, command: bytes) -> None:
        """6A81 or 9303 without another reason: what is selected is blocked (D10)."""
        ambiguous = rule is not None and (rule.unsupported or rule.effect is Observer._selected)
        if not ambiguous and not self._blocked and len(command) > 3:
            self._blocked, self._state = True, None

    def _await(self, effect: Effect, sw: int) -> None:
        """What an answer says stands in data that are still to be fetched."""
        if sw != status.OK:
            self._awaited, self._data = effect, b""

    def _fetched(self, effect: Effect, answer: bytes) -> None:
        sw = answer[-2] << 8 | answer[-1]
        if not _succeeded(sw):
            if sw >> 8 != 0x6C:
                self._awaited = None
            return
        self._data += answer[:-2]
        if sw == status.OK:
            self._awaited = None
            effect(self, b"", sw, self._data)

    # --- selection ---------------------------------------------------------------------------------------------

    def _selected(self, command: bytes, sw: int, data: bytes) -> None:
        if not _succeeded(sw) and sw != status.SELECTED_FILE_INVALID:
            return
        name, p1 = _data_of(command), command[2]
        if p1 == _EF or (p1 == _BY_IDENTIFIER and name not in _MF and sw == status.OK and not data):
            self._file, self._state = int.from_bytes(name[:2], "big"), None
            return
        self._before = (self._application, self._base, self._proved, self._challenge)
        if p1 == _BY_NAME:
            full = next((known for known in _STANDARD_NAMES if known.startswith(name)), name)
            self._stand(self._owner(full, self._environment), full)
        elif name in _MF:
            self._stand(self._home, b"")
        else:
            self._stand(self._environment, name_of_df(self._environment, name) or name)
        self._blocked = sw == status.SELECTED_FILE_INVALID
        if data:
            self._named(command, sw, data)
        else:
            self._await(Observer._named, sw)

    def _owner(self, name: bytes, otherwise: Environment) -> Environment:
        """Whose tables hold for a DF name: a PSAM has one table for all its levels."""
        return self._home if self._home is Environment.PSAM else environment_of_name(name, otherwise)

    def _stand(self, environment: Environment, name: bytes) -> None:
        """The DF of a name is current: what it keeps of the state before (C-03, SSC part 5 §6.5)."""
        psam = self._home is Environment.PSAM
        if psam and name == SSSE_NAME:
            name = b""  # the MF of a PSAM is an environment with this name
        base = name if psam and (not name or is_environment(name) or name[0] == 0xDD) else self._base
        if environment is not self._environment or base != self._base or environment is Environment.PSE:
            self._leave_for(environment)
        elif name != self._application:
            self._proved = frozenset(key for key in self._proved if not key & APPLICATION)
            self._challenge = False
            self._stage = Stage.NONE
        elif self._stage in _LOAD_OR_PURCHASE:
            self._stage = Stage.NONE
        self._application, self._base, self._file, self._blocked = name, base, 0, False
        self._state = None

    def _named(self, _command: bytes, _sw: int, data: bytes) -> None:
        """The FCI names the DF: another name than was thought at first makes it another DF."""
        name, environment = _fci(data)
        if name in _MF or name == self._application or (self._home is Environment.PSAM and name == SSSE_NAME):
            return
        environment = self._owner(name, environment or self._environment)
        blocked = self._blocked
        if self._before is not None and environment is self._environment:
            self._application, self._base, self._proved, self._challenge = self._before
        self._stand(environment, name)
        self._blocked = blocked

    def _addressed(self, command: bytes, sw: int, _data: bytes) -> None:
        """A file that an SFI names becomes current when the command went well."""
        if not _succeeded(sw):
            return
        binary = command[1] in (0xB0, 0xD6)
        sfi = (command[2] & 0x1F if command[2] & 0x80 else 0) if binary else command[3] >> 3
        if sfi:
            file = sfi if self._home is Environment.PSAM else 0xEF00 | sfi
            if file != self._file:
                self._file, self._state = file, None

    # --- what is proved ----------------------------------------------------------------------------------------

    def _challenged(self, _command: bytes, sw: int, _data: bytes) -> None:
        if _succeeded(sw) and not self._challenge:
            self._challenge, self._state = True, None

    def _set_proved(self, keys: frozenset[int]) -> None:
        if keys != self._proved:
            self._proved, self._state = keys, None

    def _authenticated(self, command: bytes, sw: int, _data: bytes) -> None:
        """EXTERNAL AUTHENTICATE: what an earlier success gave lasts until no try is left."""
        key = frozenset((command[3],))
        if _succeeded(sw):
            self._set_proved(self._proved | key)
        elif sw == 0x63C0:
            self._set_proved(self._proved - key)

    def _authenticated_sam(self, command: bytes, sw: int, _data: bytes) -> None:
        """The same in a PSAM, where P2 says which key of the current DF."""
        inside = bool(self._application) and self._application != self._base
        key = frozenset((command[3] | (APPLICATION if inside else 0),))
        if _succeeded(sw):
            self._set_proved(self._proved | key)
        elif sw in (0x63C0, status.BLOCKED):
            self._set_proved(self._proved - key)

    def _verified(self, _command: bytes, sw: int, _data: bytes) -> None:
        """VERIFY: a wrong PIN ends the right with the last try in SSSE, at once in PSE."""
        if _succeeded(sw):
            self._pin, self._state = True, None
        elif sw == 0x63C0 or (sw & 0xFFF0 == 0x63C0 and self._environment is Environment.PSE):
            self._pin, self._state = False, None

    def _pin_changed(self, command: bytes, sw: int, _data: bytes) -> None:
        """CHANGE PIN: an empty new PIN opens what the PIN protects, one where none was closes it."""
        current, known, new = _data_of(command).partition(b"\xff")
        if sw == 0x63C0 or (_succeeded(sw) and new and not current):
            self._pin, self._state = False, None
        elif _succeeded(sw) and known and not new:
            self._pin, self._state = True, None

    def _key_written(self, command: bytes, sw: int, _data: bytes) -> None:
        """WRITE KEY: a master key that replaces itself has to be proved again."""
        own = {
            Environment.CARD: command[2:4] == b"\x3f\x00",
            Environment.SSSE: command[2] == 0x01,
            Environment.PSAM: command[2] == (0xDD if self._base else 0x3F),
        }
        if _succeeded(sw) and own[self._environment]:
            self._master_ended(command, sw, b"")

    def _master_ended(self, _command: bytes, sw: int, _data: bytes) -> None:
        if _succeeded(sw):
            self._set_proved(self._proved - {MASTER})

    def _erased(self, _command: bytes, sw: int, _data: bytes) -> None:
        """ERASE: of SSSE only the master key's right is left, of the card nothing."""
        if not _succeeded(sw):
            return
        kept = self._proved & {MASTER} if self._environment is Environment.SSSE else frozenset()
        name = SSSE_NAME if self._environment is Environment.SSSE else b""
        self._leave_for(self._environment)
        self._application, self._proved = name, kept

    def _blocked_now(self, _command: bytes, sw: int, _data: bytes) -> None:
        if _succeeded(sw):
            self._blocked, self._state = True, None

    def _unblocked(self, _command: bytes, sw: int, _data: bytes) -> None:
        if _succeeded(sw):
            self._blocked, self._state = False, None

    # --- medical account ---------------------------------------------------------------------------------------

    def _initialised(self, command: bytes, sw: int, _data: bytes) -> None:
        if _succeeded(sw):
            self._enter(Stage.PURCHASE if command[2] else Stage.LOAD)

    # --- payment -----------------------------------------------------------------------------------------------

    def _initiated(self, _command: bytes, sw: int, _data: bytes) -> None:
        if _succeeded(sw):
            self._enter(Stage.INITIATED)

    def _cryptogram(self, _command: bytes, sw: int, data: bytes) -> None:
        if not _succeeded(sw):
            return
        if self._stage is not Stage.INITIATED:
            self._enter(Stage.COMPLETED)
            return
        self._enter(Stage.FIRST_CRYPTOGRAM)
        if data:
            self._first_cryptogram(b"", sw, data)
        else:
            self._await(Observer._first_cryptogram, sw)

    def _first_cryptogram(self, _command: bytes, _sw: int, data: bytes) -> None:
        self._enter(_CRYPTOGRAMS.get(_cid(data), Stage.FIRST_CRYPTOGRAM))

    def _issuer(self, _command: bytes, sw: int, _data: bytes) -> None:
        """EXTERNAL AUTHENTICATE of the issuer: once; a second one fails (PBOC-XAU)."""
        if _succeeded(sw):
            self._enter(Stage.ISSUER_PROVED)
        elif sw == status.NO_INFORMATION or (
            sw == status.CONDITIONS_NOT_SATISFIED and self._stage is Stage.ISSUER_PROVED
        ):
            self._enter(Stage.ISSUER_FAILED)

    # --- personalisation of the payment environment ------------------------------------------------------------

    def _channel_begun(self, _command: bytes, sw: int, _data: bytes) -> None:
        if _succeeded(sw):
            self._enter(Stage.CHANNEL_BEGUN)

    def _channel_opened(self, _command: bytes, sw: int, _data: bytes) -> None:
        """EXTERNAL AUTHENTICATE of the channel: whatever it answers, INITIALIZE UPDATE is used up."""
        if _succeeded(sw):
            self._enter(Stage.CHANNEL_OPEN)
        elif sw not in (status.WRONG_LENGTH, status.WRONG_P1P2) and self._stage in _CHANNEL:
            self._enter(Stage.NONE)

    def _in_channel(self, command: bytes, sw: int, _data: bytes) -> None:
        """A command of the channel: the last STORE DATA and PUT KEY end it, and so does one without its protection."""
        if self._stage is not Stage.CHANNEL_OPEN:
            return
        last = command[1] == 0xD8 or (command[1] == 0xE2 and command[2] & 0x80)
        wrong = status.SM_OBJECT_INCORRECT if command[0] & 0x04 else status.SECURITY_NOT_SATISFIED
        if sw == wrong or (_succeeded(sw) and last):
            self._enter(Stage.NONE)

    # --- PSAM --------------------------------------------------------------------------------------------------

    def _session(self, *, purchase: bool | None = None, key: bool | None = None) -> None:
        had_purchase, had_key = _SAM_STAGES[self._stage]
        wanted = (had_purchase if purchase is None else purchase, had_key if key is None else key)
        self._enter(next(stage for stage, has in _SAM_STAGES.items() if has == wanted))

    def _region(self, _command: bytes, sw: int, _data: bytes) -> None:
        if _succeeded(sw):
            self._enter(Stage.NONE)

    def _key_delivered(self, _command: bytes, sw: int, _data: bytes) -> None:
        if _succeeded(sw):
            self._session(key=True)

    def _ciphered(self, command: bytes, sw: int, _data: bytes) -> None:
        if _succeeded(sw) and command[2] in _LAST_BLOCKS:
            self._session(key=False)

    def _purchase_begun(self, _command: bytes, sw: int, _data: bytes) -> None:
        if _succeeded(sw):
            self._session(purchase=True)

    def _purchase_ended(self, _command: bytes, sw: int, _data: bytes) -> None:
        """CREDIT SAM FOR PURCHASE: right or wrong, its session key is gone."""
        if _succeeded(sw) or sw in (0x63CF, status.WRONG_MAC):
            self._session(purchase=False)


_CHANNEL: Final = (Stage.CHANNEL_BEGUN, Stage.CHANNEL_OPEN)
_CRYPTOGRAMS: Final = {0x00: Stage.DECLINED, 0x40: Stage.APPROVED, 0x80: Stage.ONLINE}
_LAST_BLOCKS: Final = (0x00, 0x01, 0x05)
"""P1 of CIPHER DATA that ends a chain (SSC part 9 §9.8)."""
_SAM_STAGES: Final = {
    Stage.NONE: (False, False),
    Stage.SESSION_KEY: (False, True),
    Stage.SAM_PURCHASE: (True, False),
    Stage.SAM_PURCHASE_AND_KEY: (True, True),
}
"""Whether a purchase is open, and whether a session key was delivered."""
_PSE_TAGS: Final = frozenset({0x50, 0x87, 0x5F2D, 0x9F11, 0x9F12, 0x9F38, 0xBF0C})
"""Data objects that an FCI of PSE has, and none of SSSE (EMV Book 1 §11.3.4, SSC part 3 §6)."""


def _fci(data: bytes) -> tuple[bytes, Environment | None]:
    """DF name of an FCI, and the environment that its data objects show."""
    try:
        outer = parse(data)
        items = parse(outer[0].value) if outer and outer[0].tag == 0x6F else []
        name = next((item.value for item in items if item.tag == 0x84), b"")
        inner = {item.tag for item in parse(next((item.value for item in items if item.tag == 0xA5), b""))}
    except TlvError:
        return b"", None
    shown = Environment.SSSE if 0x9F0C in inner else Environment.PSE if inner & _PSE_TAGS else None
    return name, shown


def _cid(data: bytes) -> int:
    """Bits of the cryptogram information byte that say which cryptogram; -1 where there is none."""
    if data[:1] == b"\x80" and len(data) > 2:
        return data[2] & 0xC0
    try:
        items = parse(parse(data)[0].value) if data[:1] == b"\x77" else []
    except TlvError:
        return -1
    return next((item.value[0] & 0xC0 for item in items if item.tag == 0x9F27 and item.value), -1)


def _effects(environment: Environment) -> dict[bytes, Effect]:
    """What follows the commands of an environment, by the header of their rows."""
    if environment is Environment.PSAM:
        return _psam_effects()
    from cardsim.cos import commands as cos

    o = Observer
    match environment:
        case Environment.CARD:
            effects = {
                cos.SELECT: o._selected, cos.GET_CHALLENGE: o._challenged, cos.AUTHENTICATE_MASTER: o._authenticated,
                cos.LOAD_MASTER_KEY: o._key_written, cos.ERASE_CARD: o._erased,
            }  # fmt: skip
        case Environment.SSSE:
            from cardsim.ssse import commands as ssse
            from cardsim.ssse import medical_commands as medical

            effects = {
                cos.SELECT: o._selected, cos.GET_CHALLENGE: o._challenged,
                ssse.EXTERNAL_AUTHENTICATE: o._authenticated, ssse.VERIFY: o._verified,
                ssse.CHANGE_PIN: o._pin_changed, ssse.READ_BINARY: o._addressed, ssse.UPDATE_BINARY: o._addressed,
                ssse.UPDATE_BINARY_PROTECTED: o._addressed, ssse.READ_RECORD: o._addressed,
                ssse.UPDATE_RECORD: o._addressed, ssse.UPDATE_RECORD_PROTECTED: o._addressed,
                ssse.WRITE_KEY: o._key_written, ssse.END_PERSONALISATION: o._master_ended, ssse.ERASE: o._erased,
                ssse.ERASE_PROTECTED: o._erased, ssse.CARD_BLOCK: o._blocked_now,
                ssse.APPLICATION_BLOCK: o._blocked_now, medical.INITIALIZE_FOR_LOAD: o._initialised,
            }  # fmt: skip
        case Environment.PSE:
            from cardsim.pse import commands as pse

            effects = {
                cos.SELECT: o._selected, pse.GET_CHALLENGE: o._challenged, pse.VERIFY: o._verified,
                pse.GET_PROCESSING_OPTIONS: o._initiated, pse.GENERATE_AC: o._cryptogram,
                pse.EXTERNAL_AUTHENTICATE: o._issuer, pse.APPLICATION_BLOCK: o._blocked_now,
                pse.CARD_BLOCK: o._blocked_now, pse.APPLICATION_UNBLOCK: o._unblocked,
                pse.INITIALIZE_UPDATE: o._channel_begun, pse.CHANNEL_AUTHENTICATE: o._channel_opened,
            } | {row: o._in_channel for row in pse.TABLE if row.messaging is Messaging.CHANNEL}  # fmt: skip
    return {row.header: effect for row, effect in effects.items()}


def _psam_effects() -> dict[bytes, Effect]:
    from cardsim.psam import commands as psam

    o = Observer
    effects = {
        psam.SELECT: o._selected, psam.GET_CHALLENGE: o._challenged, psam.EXTERNAL_AUTHENTICATE: o._authenticated_sam,
        psam.READ_BINARY: o._addressed, psam.UPDATE_BINARY: o._addressed, psam.READ_RECORD: o._addressed,
        psam.UPDATE_RECORD: o._addressed, psam.WRITE_KEY: o._key_written,
        psam.END_PERSONALISATION: o._master_ended, psam.INITIALIZE_ENVIRONMENT: o._region,
        psam.DELIVERY_SESSION_KEY: o._key_delivered, psam.CIPHER_DATA: o._ciphered,
        psam.INIT_SAM: o._purchase_begun, psam.CREDIT_SAM: o._purchase_ended,
    }  # fmt: skip
    return {row.header: effect for row, effect in effects.items()}
