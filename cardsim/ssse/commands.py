"""The command table of the social-security environment."""

from typing import Final

from cardsim.cos.commands import (
    BLOCKED_APPLICATION,
    GET_CHALLENGE,
    GET_RESPONSE,
    NOT_PROGRAMMED,
    SELECT,
    record_parameters,
)
from cardsim.cos.table import ANY_BYTE, Command, Fault, Messaging, Parameters, Phase, answers
from cardsim.iso7816 import status as s
from cardsim.iso7816.apdu import Case

MAC_SIZE: Final = 4
_SFIS: Final = range(1, 31)
_BINARY_PARAMETERS: Final = (
    Parameters(range(0x80), ANY_BYTE, "offset 0..32767 in the current EF"),
    Parameters(tuple(0x80 | sfi for sfi in _SFIS), ANY_BYTE, "SFI in bits 5-1 of P1; offset 0..255"),
)
"""P1 and P2 of the binary commands (SSC part 5 tables 29, 41)."""

_NOT_TRANSPARENT: Final = Fault(s.INCOMPATIBLE_FILE, "the EF is not transparent")
_NO_RECORDS: Final = Fault(s.INCOMPATIBLE_FILE, "the EF has no records")
_MAY_NOT_READ: Final = Fault(s.SECURITY_NOT_SATISFIED, "the read rule is not satisfied")
_MAY_NOT_WRITE: Final = Fault(s.SECURITY_NOT_SATISFIED, "the write rule is not satisfied")
_PLACE_IN_FILE: Final = (
    Fault(s.WRONG_OFFSET, "the offset is behind the end of the file"),
    Fault(s.WRONG_LENGTH, "the data go over the end of the file"),
)
_NO_RECORD: Final = Fault(s.RECORD_NOT_FOUND, "no such record, and none that is added")
_RECORD_FORM: Final = (
    Fault(s.LC_INCONSISTENT, "no simple TLV of the file's length, or not of the identifier in P1"),
    Fault(s.WRONG_LENGTH, "a cyclic record of another length"),
)
_FILE_FULL: Final = Fault(s.NO_SPACE, "no room in the file, or too much to move behind a record of another length")
_PIN_OBJECT: Final = (
    Fault(s.REFERENCE_NOT_FOUND, "the card has no PIN"),
    Fault(s.REFERENCE_DATA_UNUSABLE, "the PIN object is damaged"),
)
_PIN_BLOCKED: Final = Fault(s.BLOCKED, "the PIN has no tries left")
_WRONG_PIN: Final = Fault(0x63C0, "wrong PIN; it loses a try")
_NO_EF: Final = (
    Fault(s.FILE_NOT_FOUND, "no EF with this SFI in the current DF"),
    Fault(s.NO_CURRENT_EF, "no SFI, and no current EF"),
)
_MAC_NEEDED: Final = Fault(s.SM_OBJECT_MISSING, "the file demands secure messaging")
_MACED: Final = (Fault(s.REFERENCE_DATA_UNUSABLE, "no challenge"), Fault(s.SM_OBJECT_INCORRECT, "wrong MAC"))
_MAINTENANCE: Final = (Fault(s.REFERENCE_NOT_FOUND, "the level has no maintenance key (STK)"), *_MACED)

READ_BINARY: Final = Command(
    name="READ BINARY",
    cla=0x00,
    ins=0xB0,
    case=Case.RESPONSE,
    parameters=_BINARY_PARAMETERS,
    response="Le bytes from the offset on; Le 00: as many as 256",
    access="read rule of the file",
    answers=answers(
        BLOCKED_APPLICATION,
        *_NO_EF,
        _NOT_TRANSPARENT,
        _MAY_NOT_READ,
        Fault(s.WRONG_OFFSET, "the offset is behind the end of the file"),
    ),
    clause="SSC part 5 §6.9",
)

UPDATE_BINARY: Final = Command(
    name="UPDATE BINARY",
    cla=0x00,
    ins=0xD6,
    case=Case.COMMAND,
    parameters=_BINARY_PARAMETERS,
    lc=range(1, 256),
    data="bytes to write from the offset on",
    access="write rule of the file; in set-up the master key fills what is still 00",
    answers=answers(
        BLOCKED_APPLICATION, *_NO_EF, _NOT_TRANSPARENT, _MAY_NOT_WRITE, _MAC_NEEDED, *_PLACE_IN_FILE, NOT_PROGRAMMED
    ),
    clause="SSC part 5 §6.12",
)

UPDATE_BINARY_PROTECTED: Final = Command(
    name="UPDATE BINARY",
    cla=0x04,
    ins=0xD6,
    case=Case.COMMAND,
    parameters=_BINARY_PARAMETERS,
    lc=range(MAC_SIZE + 1, 256),
    data="bytes to write from the offset on, MAC (4)",
    messaging=Messaging.MAC,
    access="write rule of the file, fresh challenge, STK of the level",
    answers=answers(
        BLOCKED_APPLICATION, *_NO_EF, _NOT_TRANSPARENT, _MAY_NOT_WRITE, *_MAINTENANCE, *_PLACE_IN_FILE, NOT_PROGRAMMED
    ),
    clause="SSC part 5 §6.12, part 4 §8",
)

READ_RECORD: Final = Command(
    name="READ RECORD",
    cla=0x00,
    ins=0xB2,
    case=Case.RESPONSE,
    parameters=record_parameters(range(7)),
    response="whole records, tag and length included",
    access="read rule of the file",
    answers=answers(BLOCKED_APPLICATION, *_NO_EF, _NO_RECORDS, _MAY_NOT_READ, _NO_RECORD),
    clause="SSC part 5 §6.10",
)

UPDATE_RECORD: Final = Command(
    name="UPDATE RECORD",
    cla=0x00,
    ins=0xDC,
    case=Case.COMMAND,
    parameters=record_parameters(range(5)),
    lc=range(1, 256),
    data="the whole record, tag and length included",
    access="write rule of the file; in set-up the master key appends",
    answers=answers(
        BLOCKED_APPLICATION, *_NO_EF, _NO_RECORDS, _MAY_NOT_WRITE, _MAC_NEEDED, _NO_RECORD, *_RECORD_FORM, _FILE_FULL,
        NOT_PROGRAMMED,
    ),
    clause="SSC part 5 §6.13",
)  # fmt: skip

UPDATE_RECORD_PROTECTED: Final = Command(
    name="UPDATE RECORD",
    cla=0x04,
    ins=0xDC,
    case=Case.COMMAND,
    parameters=record_parameters(range(5)),
    lc=range(MAC_SIZE + 1, 256),
    data="the whole record, tag and length included; MAC (4)",
    messaging=Messaging.MAC,
    access="write rule of the file, fresh challenge, STK of the level",
    answers=answers(
        BLOCKED_APPLICATION, *_NO_EF, _NO_RECORDS, _MAY_NOT_WRITE, *_MAINTENANCE, _NO_RECORD, *_RECORD_FORM, _FILE_FULL,
        NOT_PROGRAMMED,
    ),
    clause="SSC part 5 §6.13, part 4 §8, part 7 §7.4",
)  # fmt: skip

VERIFY: Final = Command(
    name="VERIFY",
    cla=0x00,
    ins=0x20,
    case=Case.COMMAND,
    parameters=(Parameters(),),
    lc=(0, *range(2, 9)),
    data="PIN in BCD (2-8), or nothing to ask for the tries left",
    answers=answers(BLOCKED_APPLICATION, *_PIN_OBJECT, _PIN_BLOCKED, NOT_PROGRAMMED, _WRONG_PIN),
    clause="SSC part 5 §6.14, part 7 §5.8",
)

CHANGE_PIN: Final = Command(
    name="CHANGE PIN",
    cla=0x80,
    ins=0x5E,
    case=Case.COMMAND,
    parameters=(Parameters((0x01,), (0x00,)),),
    lc=range(3, 18),
    data="current PIN in BCD (0, 2-8), FF, new PIN in BCD (0, 2-8); 0: no PIN is in use",
    access="the current PIN",
    answers=answers(
        BLOCKED_APPLICATION,
        *_PIN_OBJECT,
        _PIN_BLOCKED,
        Fault(s.WRONG_DATA, "no FF, or a PIN that is not BCD of 4 to 16 digits"),
        NOT_PROGRAMMED,
        _WRONG_PIN,
    ),
    clause="SSC part 5 §6.3, part 7 §9",
)

PIN_CHANGE_UNBLOCK: Final = Command(
    name="PIN CHANGE/UNBLOCK",
    cla=0x84,
    ins=0x24,
    case=Case.COMMAND,
    parameters=(
        Parameters((0x00,), (0x00,), "unblock: all tries again"),
        Parameters((0x00,), (0x01,), "change: another PIN and all tries again"),
    ),
    lc=(MAC_SIZE, 8 + MAC_SIZE, 16 + MAC_SIZE),
    data="unblock: MAC (4) · change: enciphered: PIN in BCD (0, 2-8), padded to whole blocks; MAC (4)",
    messaging=Messaging.ENCIPHERED,
    access="PUK, fresh challenge, STK of the environment",
    answers=answers(
        BLOCKED_APPLICATION,
        Fault(s.WRONG_LENGTH, "Lc does not fit P2, or is not that of whole blocks of the cipher"),
        Fault(s.SECURITY_NOT_SATISFIED, "PUK is not authenticated"),
        Fault(s.REFERENCE_NOT_FOUND, "the card has no PIN, or the environment no maintenance key (STK)"),
        Fault(s.CONDITIONS_NOT_SATISFIED, "unblock: no PIN is in use"),
        *_MACED,
        Fault(s.WRONG_DATA, "change: wrong length byte or padding, or a PIN that is not BCD of 4 to 16 digits"),
        NOT_PROGRAMMED,
    ),
    clause="SSC part 5 §6.8, part 7 §13.3",
)

EXTERNAL_AUTHENTICATE: Final = Command(
    name="EXTERNAL AUTHENTICATE",
    cla=0x00,
    ins=0x82,
    case=Case.COMMAND,
    parameters=(Parameters((0x00,), ANY_BYTE, "key: b8 0 of the environment, 1 of the application; number"),),
    lc=(16, 17),
    data="authentication data (8), original data (8), key version (0-1)",
    answers=answers(
        BLOCKED_APPLICATION,
        Fault(s.REFERENCE_NOT_FOUND, "no external key of this number and version at the level"),
        Fault(s.BLOCKED, "the key has no tries left"),
        Fault(s.REFERENCE_DATA_UNUSABLE, "no challenge"),
        NOT_PROGRAMMED,
        Fault(0x63C0, "wrong authentication data; the key loses a try"),
    ),
    clause="SSC part 5 §6.4, part 7 §6.6",
)

INTERNAL_AUTHENTICATE: Final = Command(
    name="INTERNAL AUTHENTICATE",
    cla=0x00,
    ins=0x88,
    case=Case.BOTH,
    parameters=(Parameters(),),
    lc=(16, 17),
    data="session factor (8), original data (8), key version (0-1)",
    response="authentication data (8)",
    answers=answers(BLOCKED_APPLICATION, Fault(s.REFERENCE_NOT_FOUND, "the level has no internal key of this version")),
    clause="SSC part 5 §6.7",
)

CARD_BLOCK: Final = Command(
    name="CARD BLOCK",
    cla=0x84,
    ins=0x16,
    case=Case.COMMAND,
    parameters=(Parameters(),),
    lc=(MAC_SIZE,),
    data="MAC (4)",
    messaging=Messaging.MAC,
    access="BK, fresh challenge, STK",
    answers=answers(
        BLOCKED_APPLICATION,
        Fault(s.CONDITIONS_NOT_SATISFIED, "an application is current, and not the environment itself"),
        Fault(s.SECURITY_NOT_SATISFIED, "BK is not authenticated"),
        *_MAINTENANCE,
        NOT_PROGRAMMED,
    ),
    clause="SSC part 5 §6.2, part 7 §13.1, D10",
)

APPLICATION_BLOCK: Final = Command(
    name="APPLICATION BLOCK",
    cla=0x84,
    ins=0x1E,
    case=Case.COMMAND,
    parameters=(Parameters((0x00,), (0x01,), "for ever; 00 (for a time) is not supported"),),
    lc=(MAC_SIZE,),
    data="MAC (4)",
    messaging=Messaging.MAC,
    access="lock key of the application, fresh challenge, STK of the application",
    answers=answers(
        BLOCKED_APPLICATION,
        Fault(s.CONDITIONS_NOT_SATISFIED, "the environment itself is current, and no application"),
        Fault(s.SECURITY_NOT_SATISFIED, "the application has no lock key, or it is not authenticated"),
        *_MAINTENANCE,
        NOT_PROGRAMMED,
    ),
    clause="SSC part 5 §6.1, part 7 §13.2, C-44, D20",
)

_CREATE_DATA: Final = (
    "DF: 38, space (2), 00, 00, SFI, FFFF, name (5-16) · EF: type, size (2), read rule (4), write rule (4), SFI · "
    "account file: 2F, starting day mmdd (2), read rule (4), write rule (4), 00 · key file: 3F, slots (2)"
)
_NEED_MASTER: Final = Fault(s.SECURITY_NOT_SATISFIED, "the environment master key is not authenticated")
_MASTER_MAC: Final = (Fault(s.REFERENCE_DATA_UNUSABLE, "no challenge"), Fault(s.SM_OBJECT_INCORRECT, "wrong MAC"))
_CREATE_FAULTS: Final = (
    Fault(s.WRONG_DATA, "the data have not the form of their type"),
    Fault(s.CONDITIONS_NOT_SATISFIED, "an application below an application, or an account file outside of one"),
    Fault(s.FILE_EXISTS, "identifier or SFI is taken, or there is a key file or an account file already"),
    Fault(s.NO_SPACE, "no room in the environment"),
    Fault(s.FILE_EXISTS, "the name is taken"),
    NOT_PROGRAMMED,
)

CREATE: Final = Command(
    name="CREATE",
    cla=0x80,
    ins=0xE0,
    case=Case.COMMAND,
    parameters=(Parameters(ANY_BYTE, ANY_BYTE, "file identifier"),),
    lc=(3, 12, *range(13, 25)),
    data=_CREATE_DATA,
    phases=Phase.SET_UP,
    access="environment master key",
    answers=answers(BLOCKED_APPLICATION, _NEED_MASTER, *_CREATE_FAULTS),
    clause="SSC part 4 §5.3, D6",
)

CREATE_PROTECTED: Final = Command(
    name="CREATE",
    cla=0x84,
    ins=0xE0,
    case=Case.COMMAND,
    parameters=CREATE.parameters,
    lc=range(12, 45, 8),
    data=f"enciphered: {_CREATE_DATA}; MAC (4)",
    messaging=Messaging.ENCIPHERED,
    phases=Phase.ISSUED,
    access="environment master key, fresh challenge",
    answers=answers(BLOCKED_APPLICATION, *_MASTER_MAC, *_CREATE_FAULTS),
    clause="D6",
)

WRITE_KEY: Final = Command(
    name="WRITE KEY",
    cla=0x84,
    ins=0xD4,
    case=Case.COMMAND,
    parameters=(
        Parameters((0x00,), (0x00,), "key or PIN of the current DF"),
        Parameters((0x01,), (0x00,), "the environment master key itself"),
    ),
    lc=range(12, 77, 8),
    data="enciphered: use, number, version, algorithm, limit, value; MAC (4)",
    messaging=Messaging.ENCIPHERED,
    phases=Phase.SET_UP | Phase.ISSUED,
    access="environment master key, fresh challenge",
    answers=answers(
        BLOCKED_APPLICATION,
        Fault(s.SECURITY_NOT_SATISFIED, "set-up: the environment master key is not authenticated"),
        *_MASTER_MAC,
        Fault(s.WRONG_DATA, "the deciphered data are no key, or none of the environment's cipher suite"),
        Fault(s.FILE_NOT_FOUND, "the DF has no key file"),
        Fault(s.NO_SPACE, "no free slot in the key file"),
        NOT_PROGRAMMED,
    ),
    clause="SSC part 9 §7.1 (form), D6, D8",
)

END_PERSONALISATION: Final = Command(
    name="END PERSONALISATION",
    cla=0x80,
    ins=0x0A,
    case=Case.NO_DATA,
    parameters=(Parameters(),),
    phases=Phase.SET_UP,
    access="environment master key",
    answers=answers(BLOCKED_APPLICATION, _NEED_MASTER, NOT_PROGRAMMED),
    clause="D6",
)

ERASE: Final = Command(
    name="ERASE",
    cla=0x80,
    ins=0x0E,
    case=Case.NO_DATA,
    parameters=(Parameters(),),
    phases=Phase.SET_UP,
    access="environment master key",
    answers=answers(BLOCKED_APPLICATION, _NEED_MASTER, NOT_PROGRAMMED),
    clause="SSC part 10 §5.2, D4",
)

ERASE_PROTECTED: Final = Command(
    name="ERASE",
    cla=0x84,
    ins=0x0E,
    case=Case.COMMAND,
    parameters=(Parameters(),),
    lc=(4,),
    data="MAC (4)",
    messaging=Messaging.MAC,
    phases=Phase.ISSUED,
    access="environment master key, fresh challenge",
    answers=answers(BLOCKED_APPLICATION, *_MASTER_MAC, NOT_PROGRAMMED),
    clause="D4, D6",
)

TABLE: Final = (
    SELECT, GET_RESPONSE, READ_BINARY, UPDATE_BINARY, UPDATE_BINARY_PROTECTED, READ_RECORD, UPDATE_RECORD,
    UPDATE_RECORD_PROTECTED, VERIFY, CHANGE_PIN, PIN_CHANGE_UNBLOCK, GET_CHALLENGE, EXTERNAL_AUTHENTICATE,
    INTERNAL_AUTHENTICATE, APPLICATION_BLOCK, CARD_BLOCK, CREATE, CREATE_PROTECTED, WRITE_KEY, END_PERSONALISATION,
    ERASE, ERASE_PROTECTED,
)  # fmt: skip
