"""The command tables of the PSAM (SSC part 9): operation, set-up, and the blank chip before it has a master key.

The standard fixes the commands of operation. Those of set-up are our own, in the manner of the user card
(docs/psam.md); they are gone when personalisation has ended.
"""

from typing import Final

from cardsim.cos import commands as cos
from cardsim.cos.table import ANY_BYTE, Command, Fault, Messaging, Parameters, answers
from cardsim.iso7816 import status as s
from cardsim.iso7816.apdu import Case

_CHANGED: Final = Fault(s.MEMORY_FAILURE, "a page fails to program; nothing has changed")
_NO_APPLICATION: Final = Fault(s.CONDITIONS_NOT_SATISFIED, "no application is selected, or it is locked for a time")
_SFI_FORM: Final = tuple(range(0x80, 0x9F))
_OFFSET_FORM: Final = tuple(range(0x80))
_RECORD_P2: Final = tuple(sfi << 3 | 4 for sfi in range(31))

SELECT: Final = Command(
    name="SELECT",
    cla=0x00,
    ins=0xA4,
    case=Case.BOTH,
    parameters=(
        Parameters((0x00,), (0x00,), "MF, environment or application by file identifier (an EF of the current DF too)"),
        Parameters((0x02,), (0x00,), "EF of the current DF by file identifier"),
        Parameters((0x04,), (0x00,), "environment by name, application of the current environment by AID"),
    ),
    lc=(0, 2, *range(5, 17)),
    data="file identifier (2), or name (5-16), or nothing for the MF",
    response="FCI of a DF; nothing for an EF",
    answers=answers(
        Fault(s.WRONG_LENGTH, "Lc does not fit P1"),
        Fault(s.FILE_NOT_FOUND, "no such file or name"),
        Fault(s.CONDITIONS_NOT_SATISFIED, "the application is locked for a time; the environment has no master key"),
    ),
    clause="SSC part 9 §9.1",
)

_FILE_FAULTS: Final = (
    Fault(s.FILE_NOT_FOUND, "no file with this SFI"),
    Fault(s.NO_CURRENT_EF, "no SFI, and no EF is current"),
    Fault(s.INCOMPATIBLE_FILE, "a file of another structure, or a key file"),
    Fault(s.SECURITY_NOT_SATISFIED, "the file's rule is not fulfilled"),
)

READ_BINARY: Final = Command(
    name="READ BINARY",
    cla=0x00,
    ins=0xB0,
    case=Case.RESPONSE,
    parameters=(
        Parameters(_SFI_FORM, ANY_BYTE, "100 and SFI; offset"),
        Parameters(_OFFSET_FORM, ANY_BYTE, "offset in the current EF"),
    ),
    response="bytes of the file",
    access="read rule of the file",
    answers=answers(*_FILE_FAULTS, Fault(s.WRONG_OFFSET, "the offset is not inside the file")),
    clause="SSC part 5 §6.9",
)

UPDATE_BINARY: Final = Command(
    name="UPDATE BINARY",
    cla=0x00,
    ins=0xD6,
    case=Case.COMMAND,
    parameters=READ_BINARY.parameters,
    lc=range(1, 256),
    data="bytes of the file",
    access="write rule of the file",
    answers=answers(
        *_FILE_FAULTS,
        Fault(s.WRONG_OFFSET, "the offset is not inside the file"),
        Fault(s.WRONG_LENGTH, "the data reach beyond the file"),
        _CHANGED,
    ),
    clause="SSC part 5 §6.12",
)

READ_RECORD: Final = Command(
    name="READ RECORD",
    cla=0x00,
    ins=0xB2,
    case=Case.RESPONSE,
    parameters=(Parameters(range(1, 0xFF), _RECORD_P2, "record number; SFI and mode 100"),),
    response="the whole record",
    access="read rule of the file",
    answers=answers(*_FILE_FAULTS, Fault(s.RECORD_NOT_FOUND, "no such record")),
    clause="SSC part 5 §6.10",
)

UPDATE_RECORD: Final = Command(
    name="UPDATE RECORD",
    cla=0x00,
    ins=0xDC,
    case=Case.COMMAND,
    parameters=(
        Parameters(range(1, 0x100), _RECORD_P2, "record number, the one behind the last to append; SFI and mode 100"),
    ),
    lc=range(2, 256),
    data="the whole record: one TLV",
    access="write rule of the file",
    answers=answers(
        *_FILE_FAULTS,
        Fault(s.LC_INCONSISTENT, "the record is not one TLV"),
        Fault(s.RECORD_NOT_FOUND, "no such record, nor the one behind the last"),
        Fault(s.NO_SPACE, "the file is full, or has 254 records"),
        _CHANGED,
    ),
    clause="SSC part 5 §6.13, part 9 §5",
)

GET_CHALLENGE: Final = Command(
    name="GET CHALLENGE",
    cla=0x00,
    ins=0x84,
    case=Case.RESPONSE,
    parameters=(Parameters(),),
    le=(4, 8, 16),
    response="random number, good for one use at the current level",
    answers=answers(Fault(s.WRONG_LENGTH, "16 bytes with 8-byte blocks")),
    clause="SSC part 9 §9.2",
)

INITIALIZE_ENVIRONMENT: Final = Command(
    name="INITIALIZE ENVIRONMENT",
    cla=0xBF,
    ins=0xEC,
    case=Case.COMMAND,
    parameters=(Parameters(),),
    lc=(1,),
    data="first byte of the user card's identification code: its province (BCD)",
    answers=answers(
        Fault(s.CONDITIONS_NOT_SATISFIED, "the application is locked for a time"),
        Fault(s.WRONG_DATA, "no BCD"),
    ),
    clause="SSC part 9 §9.3",
)

EXTERNAL_AUTHENTICATE: Final = Command(
    name="EXTERNAL AUTHENTICATE",
    cla=0x00,
    ins=0x82,
    case=Case.COMMAND,
    parameters=(
        Parameters(
            (0x00,),
            ANY_BYTE,
            "KID: 00 master key of the current DF; 01-03 national, provincial, city key of the application",
        ),
    ),
    lc=(16, 17),
    data="authentication data (8), original data (8), key version (0-1)",
    answers=answers(
        Fault(s.CONDITIONS_NOT_SATISFIED, "a KID other than 00, and no application is selected; it is locked"),
        Fault(s.REFERENCE_NOT_FOUND, "no such key, or not in this version"),
        Fault(s.BLOCKED, "no tries left"),
        Fault(s.REFERENCE_DATA_UNUSABLE, "no challenge"),
        Fault(s.MEMORY_FAILURE, "the try cannot be counted"),
        Fault(s.SECURITY_NOT_SATISFIED, "wrong authentication data; a try is gone"),
    ),
    clause="SSC part 9 §9.4",
)  # fmt: skip

_KEY_FAULTS: Final = (
    _NO_APPLICATION,
    Fault(s.WRONG_LENGTH, "Lc is not that of a key of this environment"),
    Fault(s.FILE_NOT_FOUND, "no such key file"),
    Fault(s.BLOCKED, "the key that opens the file has no tries left"),
    Fault(s.SECURITY_NOT_SATISFIED, "the key that opens the file was not authenticated"),
    Fault(s.REFERENCE_NOT_FOUND, "the application has no master key"),
    Fault(s.REFERENCE_DATA_UNUSABLE, "no challenge"),
    Fault(s.SM_OBJECT_INCORRECT, "wrong MAC"),
)

CREATE_KEY: Final = Command(
    name="CREATE KEY",
    cla=0x84,
    ins=0xD4,
    case=Case.COMMAND,
    parameters=(Parameters((0x00,), ANY_BYTE, "key file: 11 national, 12 provincial, 13 city"),),
    lc=(0x1C, 0x24),
    data="enciphered: usage (1), id or version (1), 00, algorithm (1), rights 0000, RFU 0000, key (8, 16); MAC (4)",
    messaging=Messaging.ENCIPHERED,
    access="KID of the file's level, application master key, fresh challenge",
    answers=answers(
        *_KEY_FAULTS,
        Fault(s.WRONG_DATA, "the deciphered data have not the form of a key record"),
        Fault(s.NOT_SUPPORTED, "the algorithm is SSF33, which is classified"),
        Fault(s.WRONG_DATA, "the algorithm does not fit environment or length; id outside its level's range"),
        Fault(s.WRONG_DATA, "the application has a key of this type and id already"),
        Fault(s.NO_SPACE, "the file is full, or has 254 records"),
        _CHANGED,
    ),
    clause="SSC part 9 §9.5",
)

CHANGE_KEY: Final = Command(
    name="CHANGE KEY",
    cla=0x84,
    ins=0xD4,
    case=Case.COMMAND,
    parameters=(Parameters((0x01,), ANY_BYTE, "key file: 11 national, 12 provincial, 13 city"),),
    lc=(0x14, 0x1C, 0x24),
    data="enciphered: usage (1), id or version (1), 00, key (8, 16); MAC (4)",
    messaging=Messaging.ENCIPHERED,
    access=CREATE_KEY.access,
    answers=answers(
        *_KEY_FAULTS,
        Fault(s.WRONG_DATA, "the deciphered data have not the form of a key"),
        Fault(s.RECORD_NOT_FOUND, "the file holds no key at all"),
        Fault(s.REFERENCE_NOT_FOUND, "the file holds no key of this usage and id"),
        Fault(s.NO_SPACE, "no room for a longer key"),
        _CHANGED,
    ),
    clause="SSC part 9 §9.6",
)

DELIVERY_TYPES: Final = (6, 7, 8, 9, 12)
"""Types of key that DELIVERY SESSION KEY takes, and 2, which it refuses because it serves purchases alone."""

DELIVERY_SESSION_KEY: Final = Command(
    name="DELIVERY SESSION KEY",
    cla=0xBF,
    ins=0xDE,
    case=Case.COMMAND,
    parameters=(
        Parameters(
            tuple(levels << 5 | kind for levels in range(4) for kind in (2, *DELIVERY_TYPES)),
            ANY_BYTE,
            "usage: levels still to derive (b8-b6), type (b5-b1); id of the key",
        ),
    ),
    lc=(8, 16, 24, 32, 40),
    data="factors of card, city, province (8 each, as many as the key has levels), random number (8; 16 with SM4)",
    answers=answers(
        _NO_APPLICATION,
        Fault(s.WRONG_LENGTH, "Lc is not one of this environment"),
        Fault(s.REFERENCE_NOT_FOUND, "no key of this usage and id"),
        Fault(s.BLOCKED, "the keys are locked"),
        Fault(s.CONDITIONS_NOT_SATISFIED, "the type does not allow it: purchase; a load without its 8000"),
        Fault(s.WRONG_DATA, "the key has another number of levels than the data have factors"),
    ),
    clause="SSC part 9 §9.7",
)

CIPHER_DATA: Final = Command(
    name="CIPHER DATA",
    cla=0x80,
    ins=0xFA,
    case=Case.BOTH,
    parameters=(
        Parameters((0x00,), (0x00,), "encipher, last or only"),
        Parameters((0x02,), (0x00,), "encipher, more follows"),
        Parameters((0x07,), (0x00,), "first MAC block; data begin with the initial value"),
        Parameters((0x03,), (0x00,), "next MAC block"),
        Parameters((0x01,), (0x00,), "last MAC block"),
        Parameters((0x05,), (0x00,), "only MAC block; data begin with the initial value"),
    ),
    lc=range(8, 129, 8),
    data="whole blocks, padded by the terminal: at most 64 bytes with DES, 128 with SM4",
    response="as many bytes enciphered; the last block of the MAC; nothing for 07 and 03",
    answers=answers(
        _NO_APPLICATION,
        Fault(s.COMMAND_NOT_ACCEPTED, "no session key"),
        Fault(s.WRONG_LENGTH, "no whole blocks, too many, or only an initial value"),
        Fault(s.CONDITIONS_NOT_SATISFIED, "the key's type does not allow it, or another chain is open, or none"),
    ),
    clause="SSC part 9 §9.8",
)

INIT_SAM: Final = Command(
    name="INIT SAM FOR PURCHASE",
    cla=0x80,
    ins=0x70,
    case=Case.BOTH,
    parameters=(Parameters((0x01,), (0x00,)),),
    lc=(0x24, 0x2C, 0x34),
    data="random (4), card sequence (2), account, self-paid, pool (4 each), type (1), date (4), time (3), "
    "key version (1), algorithm (1), factors of card, city, province (8 each, as many as the key has levels)",
    response="terminal transaction number (4), MAC1 (4)",
    answers=answers(
        _NO_APPLICATION,
        Fault(s.NOT_SUPPORTED, "the algorithm is SSF33, which is classified, where SM4 stands in its place"),
        Fault(s.REFERENCE_NOT_FOUND, "no purchase key of this version"),
        Fault(s.CONDITIONS_NOT_SATISFIED, "the key has another algorithm"),
        Fault(s.WRONG_DATA, "the key has another number of levels than the data have factors"),
        Fault(s.CONDITIONS_NOT_SATISFIED, "no terminal files, or the terminal transaction number is at its end"),
        Fault(s.MEMORY_FAILURE, "the terminal transaction number cannot be raised"),
    ),
    clause="SSC part 9 §9.9",
)

CREDIT_SAM: Final = Command(
    name="CREDIT SAM FOR PURCHASE",
    cla=0x80,
    ins=0x72,
    case=Case.COMMAND,
    parameters=(Parameters(),),
    lc=(4,),
    data="MAC2 of the user card (4)",
    answers=answers(
        _NO_APPLICATION,
        Fault(s.COMMAND_NOT_ACCEPTED, "no purchase is open"),
        Fault(0x63C0, "wrong MAC2: 63CF"),
        Fault(s.WRONG_MAC, "wrong MAC2, with profile switch mac_9302"),
    ),
    clause="SSC part 9 §9.10",
)

CREATE: Final = Command(
    name="CREATE",
    cla=0x80,
    ins=0xE0,
    case=Case.COMMAND,
    parameters=(Parameters(ANY_BYTE, ANY_BYTE, "file identifier"),),
    lc=(3, 12, *range(13, 25)),
    data="environment: 38, pages (2), 03, algorithm (1), directory SFI (1), FFFF, name (5-16) · DF: 38, space (2), 00, "
    "00, SFI, FFFF, AID (5-16) · EF: type, size (2), read rule (4), write rule (4), SFI; 3D for key records · "
    "key file: 3F, slots (2)",
    access="environment master key",
    answers=answers(
        Fault(s.SECURITY_NOT_SATISFIED, "the environment master key was not authenticated"),
        Fault(s.CONDITIONS_NOT_SATISFIED, "an environment or application at the wrong level"),
        Fault(s.SECURITY_NOT_SATISFIED, "an environment that exists and is independent"),
        Fault(s.FILE_EXISTS, "an environment that exists"),
        Fault(s.WRONG_DATA, "the data have not the form of their type"),
        Fault(s.NOT_SUPPORTED, "the algorithm is SSF33, which is classified"),
        Fault(s.WRONG_DATA, "an environment of another algorithm, or with too few pages"),
        Fault(s.SECURITY_NOT_SATISFIED, "the name of an environment that is independent"),
        Fault(s.FILE_EXISTS, "identifier, SFI or name is taken"),
        Fault(s.NO_SPACE, "no room"),
        _CHANGED,
    ),
    clause="our own (docs/psam.md)",
)

WRITE_KEY: Final = Command(
    name="WRITE KEY",
    cla=0x84,
    ins=0xD4,
    case=Case.COMMAND,
    parameters=(
        Parameters(
            range(0x3F, 0x100),
            ANY_BYTE,
            "identifier of MF or environment: its master key; of an application: one of its own keys 00-07",
        ),
    ),
    lc=range(12, 77, 8),
    data="enciphered: key set of MF or environment, or use, number, version, algorithm, limit, value; MAC (4)",
    messaging=Messaging.ENCIPHERED,
    access="transport key for the MF, then environment master key; fresh challenge",
    answers=answers(
        Fault(s.CONDITIONS_NOT_SATISFIED, "a virgin chip"),
        Fault(s.SECURITY_NOT_SATISFIED, "the key that allows it was not authenticated"),
        Fault(s.FILE_NOT_FOUND, "no such environment or application"),
        Fault(s.SECURITY_NOT_SATISFIED, "the environment has its first key already, and is independent"),
        Fault(s.REFERENCE_DATA_UNUSABLE, "no challenge"),
        Fault(s.SM_OBJECT_INCORRECT, "wrong MAC"),
        Fault(s.WRONG_DATA, "no key of this place and algorithm"),
        Fault(s.FILE_NOT_FOUND, "the application has no file for its own keys"),
        Fault(s.NO_SPACE, "no slot is free"),
        _CHANGED,
    ),
    clause="SSC part 9 §7.1 (form), D5, D8",
)  # fmt: skip

END_PERSONALISATION: Final = Command(
    name="END PERSONALISATION",
    cla=0x80,
    ins=0x0A,
    case=Case.NO_DATA,
    parameters=(Parameters(),),
    access="environment master key",
    answers=answers(Fault(s.SECURITY_NOT_SATISFIED, "the environment master key was not authenticated"), _CHANGED),
    clause="our own (docs/psam.md)",
)

OPERATION: Final = (
    SELECT, cos.GET_RESPONSE, READ_BINARY, UPDATE_BINARY, READ_RECORD, UPDATE_RECORD, GET_CHALLENGE,
    INITIALIZE_ENVIRONMENT, EXTERNAL_AUTHENTICATE, CREATE_KEY, CHANGE_KEY, DELIVERY_SESSION_KEY, CIPHER_DATA, INIT_SAM,
    CREDIT_SAM,
)  # fmt: skip
"""What an issued PSAM knows: the standard's commands and no other."""

SET_UP: Final = (*OPERATION, CREATE, WRITE_KEY, END_PERSONALISATION, cos.GET_STATUS)
"""What an environment knows until its personalisation has ended."""

BLANK: Final = (
    SELECT, cos.GET_RESPONSE, cos.GET_CHALLENGE, cos.ACTIVATE, cos.AUTHENTICATE_MASTER, WRITE_KEY, cos.GET_STATUS,
)  # fmt: skip
"""What the chip knows before the MF has a master key."""

TABLE: Final = (*SET_UP, cos.ACTIVATE)
"""Every row of the PSAM."""
