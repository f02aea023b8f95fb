"""The command table of the social-security environment."""

from typing import Final

from cardsim.cos.commands import GET_CHALLENGE, GET_RESPONSE, SELECT, record_parameters
from cardsim.cos.table import ANY_BYTE, Command, Messaging, Parameters, Phase, answers
from cardsim.iso7816 import status as s
from cardsim.iso7816.apdu import Case

READ_RECORD: Final = Command(
    name="READ RECORD",
    cla=0x00,
    ins=0xB2,
    case=Case.RESPONSE,
    parameters=record_parameters(range(7)),
    response="whole records, tag and length included",
    access="read rule of the file",
    answers=answers(
        s.INCOMPATIBLE_FILE, s.SECURITY_NOT_SATISFIED, s.NO_CURRENT_EF, s.FILE_NOT_FOUND, s.RECORD_NOT_FOUND
    ),
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
        s.MEMORY_FAILURE, s.INCOMPATIBLE_FILE, s.SECURITY_NOT_SATISFIED, s.NO_CURRENT_EF, s.FILE_NOT_FOUND,
        s.RECORD_NOT_FOUND, s.NO_SPACE, s.LC_INCONSISTENT,
    ),
    clause="SSC part 5 §6.13",
)  # fmt: skip

VERIFY: Final = Command(
    name="VERIFY",
    cla=0x00,
    ins=0x20,
    case=Case.COMMAND,
    parameters=(Parameters(),),
    lc=(0, *range(2, 9)),
    data="PIN in BCD (2-8), or nothing to ask for the tries left",
    answers=answers(0x63C0, s.MEMORY_FAILURE, s.BLOCKED, s.REFERENCE_NOT_FOUND),
    clause="SSC part 5 §6.14, part 7 §5.8",
)

EXTERNAL_AUTHENTICATE: Final = Command(
    name="EXTERNAL AUTHENTICATE",
    cla=0x00,
    ins=0x82,
    case=Case.COMMAND,
    parameters=(Parameters((0x00,), ANY_BYTE, "key: b8 0 of the environment, 1 of the application; number"),),
    lc=(16, 17),
    data="authentication data (8), original data (8), key version (0-1)",
    answers=answers(0x63C0, s.MEMORY_FAILURE, s.BLOCKED, s.REFERENCE_DATA_UNUSABLE, s.REFERENCE_NOT_FOUND),
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
    answers=answers(s.REFERENCE_NOT_FOUND),
    clause="SSC part 5 §6.7",
)

CARD_BLOCK: Final = Command(
    name="CARD BLOCK",
    cla=0x84,
    ins=0x16,
    case=Case.COMMAND,
    parameters=(Parameters(),),
    lc=(4,),
    data="MAC (4)",
    messaging=Messaging.MAC,
    access="BK, fresh challenge, STK",
    answers=answers(
        s.MEMORY_FAILURE, s.SECURITY_NOT_SATISFIED, s.REFERENCE_DATA_UNUSABLE, s.SM_OBJECT_INCORRECT,
        s.REFERENCE_NOT_FOUND, s.CONDITIONS_NOT_SATISFIED,
    ),
    clause="SSC part 5 §6.2, part 7 §13.1, D10",
)  # fmt: skip

APPLICATION_BLOCK: Final = Command(
    name="APPLICATION BLOCK",
    cla=0x84,
    ins=0x1E,
    case=Case.COMMAND,
    parameters=(Parameters((0x00,), (0x01,), "for ever; 00 (for a time) is not supported"),),
    lc=(4,),
    data="MAC (4)",
    messaging=Messaging.MAC,
    access="lock key of the application; no application of this version has one (C-44)",
    answers=answers(s.SECURITY_NOT_SATISFIED),
    clause="SSC part 5 §6.1, D20",
)

_CREATE_DATA: Final = (
    "DF: 38, space (2), 00, 00, SFI, FFFF, name (5-16) · EF: type, size (2), read rule (4), write rule (4), SFI · "
    "account file: 2F, starting day mmdd (2), read rule (4), write rule (4), 00 · key file: 3F, slots (2)"
)
_CREATE_ANSWERS: Final = (
    s.MEMORY_FAILURE,
    s.SECURITY_NOT_SATISFIED,
    s.CONDITIONS_NOT_SATISFIED,
    s.WRONG_DATA,
    s.NO_SPACE,
    s.FILE_EXISTS,
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
    answers=answers(*_CREATE_ANSWERS),
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
    answers=answers(*_CREATE_ANSWERS, s.REFERENCE_DATA_UNUSABLE, s.SM_OBJECT_INCORRECT),
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
        s.MEMORY_FAILURE, s.SECURITY_NOT_SATISFIED, s.REFERENCE_DATA_UNUSABLE, s.SM_OBJECT_INCORRECT, s.WRONG_DATA,
        s.FILE_NOT_FOUND, s.NO_SPACE,
    ),
    clause="SSC part 9 §7.1 (form), D6, D8",
)  # fmt: skip

END_PERSONALISATION: Final = Command(
    name="END PERSONALISATION",
    cla=0x80,
    ins=0x0A,
    case=Case.NO_DATA,
    parameters=(Parameters(),),
    phases=Phase.SET_UP,
    access="environment master key",
    answers=answers(s.MEMORY_FAILURE, s.SECURITY_NOT_SATISFIED),
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
    answers=answers(s.MEMORY_FAILURE, s.SECURITY_NOT_SATISFIED),
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
    answers=answers(s.MEMORY_FAILURE, s.REFERENCE_DATA_UNUSABLE, s.SM_OBJECT_INCORRECT),
    clause="D4, D6",
)

TABLE: Final = (
    SELECT, GET_RESPONSE, READ_RECORD, UPDATE_RECORD, VERIFY, GET_CHALLENGE, EXTERNAL_AUTHENTICATE,
    INTERNAL_AUTHENTICATE, APPLICATION_BLOCK, CARD_BLOCK, CREATE, CREATE_PROTECTED, WRITE_KEY, END_PERSONALISATION,
    ERASE, ERASE_PROTECTED,
)  # fmt: skip
