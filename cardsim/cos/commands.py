"""The command table of the card itself: what is there at the MF, before an environment is selected.

No standard fixes card management; the layout is that of the FMCOS family. `docs/card-management.md` explains each
byte. The last rows are part of every environment's table as well.
"""

from dataclasses import replace
from typing import Final

from cardsim.cos.table import ANY_BYTE, Command, Fault, Messaging, Parameters, answers
from cardsim.iso7816 import status as s
from cardsim.iso7816.apdu import Case

BLOCKED_APPLICATION: Final = Fault(s.APPLICATION_BLOCKED, "the current application of SSSE is blocked")
NOT_PROGRAMMED: Final = Fault(s.MEMORY_FAILURE, "a page could not be programmed")

SELECT: Final = Command(
    name="SELECT",
    cla=0x00,
    ins=0xA4,
    case=Case.BOTH,
    parameters=(
        Parameters((0x00,), (0x00,), "MF or DF by file identifier (an EF of the current DF too)"),
        Parameters((0x02,), (0x00,), "EF of the current DF by file identifier"),
        Parameters((0x04,), (0x00, 0x02), "DF by name: first or only, next"),
    ),
    lc=range(17),
    data="file identifier (2), or DF name (5-16), or nothing for the MF",
    response="FCI of a DF; nothing for an EF",
    answers=answers(
        Fault(s.FILE_NOT_FOUND, "no file or DF of this identifier or name"),
        Fault(s.CONDITIONS_NOT_SATISFIED, "the environment has no master key yet"),
        Fault(s.NOT_SUPPORTED, "the environment is blocked"),
        Fault(s.APPLICATION_BLOCKED, "the application of SSSE is blocked"),
        Fault(s.SELECTED_FILE_INVALID, "the application of PSE is blocked; its FCI is there"),
    ),
    clause="SSC part 5 §6.11, EMV Book 1 §11.3",
    opens=True,
)

GET_RESPONSE: Final = Command(
    name="GET RESPONSE",
    cla=0x00,
    ins=0xC0,
    case=Case.RESPONSE,
    parameters=(Parameters(),),
    response="data that the previous command left",
    answers=answers(
        BLOCKED_APPLICATION,
        Fault(s.NO_PRECISE_DIAGNOSIS, "no data are waiting"),
        Fault(0x6100, "fewer bytes were asked for than are waiting"),
    ),
    clause="SSC part 5 §6.6, EMV Book 1 §9.3.1",
)

_NO_CHALLENGE: Final = Fault(s.REFERENCE_DATA_UNUSABLE, "no challenge")
_WRONG_MAC: Final = Fault(s.SM_OBJECT_INCORRECT, "wrong MAC")
_NO_RIGHT: Final = Fault(s.SECURITY_NOT_SATISFIED, "the key that rules the card is not authenticated")
_TRANSPORT_KEY: Final = Fault(s.CONDITIONS_NOT_SATISFIED, "the transport key still rules the card")
_NO_ENVIRONMENT: Final = Fault(s.FILE_NOT_FOUND, "no environment has this identifier")
_KEYED: Final = Fault(s.SECURITY_NOT_SATISFIED, "the environment has its own master key")

GET_CHALLENGE: Final = Command(
    name="GET CHALLENGE",
    cla=0x00,
    ins=0x84,
    case=Case.RESPONSE,
    parameters=(Parameters(),),
    le=(4, 8, 16),
    response="random number, good for one use at the current level",
    answers=answers(BLOCKED_APPLICATION),
    clause="SSC part 5 §6.5",
)

ACTIVATE: Final = Command(
    name="ACTIVATE",
    cla=0x80,
    ins=0xF0,
    case=Case.COMMAND,
    parameters=(Parameters(),),
    lc=range(19, 35),
    data="transport key (16), try limit (1), profile switches (2), historical bytes (0-15)",
    access="virgin chip",
    answers=answers(
        Fault(s.CONDITIONS_NOT_SATISFIED, "the chip is activated already"),
        Fault(s.WRONG_DATA, "a try limit out of 1-15, or an unknown switch"),
        NOT_PROGRAMMED,
    ),
    clause="SSC part 10 §5.1.2 (our form)",
)

ACTIVATE_WITH_CHOICES: Final = replace(
    ACTIVATE,
    name="ACTIVATE WITH CHOICES",
    parameters=(Parameters((0x01,)),),
    lc=range(23, 39),
    data=(
        "transport key (16), try limit (1), profile switches (2), choices of the payment environment (4), "
        "historical bytes (0-15)"
    ),
    clause="SSC part 10 §5.1.2 (our form), D16",
)

AUTHENTICATE_MASTER: Final = Command(
    name="EXTERNAL AUTHENTICATE",
    cla=0x00,
    ins=0x82,
    case=Case.COMMAND,
    parameters=(Parameters((0,), (0,), "transport key, or the card master key that took its place"),),
    lc=(16,),
    data="authentication data (8), original data (8)",
    answers=answers(
        Fault(s.REFERENCE_NOT_FOUND, "a virgin chip has no key"),
        Fault(s.BLOCKED, "the key has no tries left"),
        _NO_CHALLENGE,
        NOT_PROGRAMMED,
        Fault(0x63C0, "wrong authentication data; the key loses a try"),
    ),
    clause="SSC part 5 §6.4, SSC part 10 §5.2",
)

CREATE_ENVIRONMENT: Final = Command(
    name="CREATE",
    cla=0x80,
    ins=0xE0,
    case=Case.COMMAND,
    parameters=(Parameters(ANY_BYTE, ANY_BYTE, "file identifier of the environment"),),
    lc=range(13, 25),
    data="38, space in pages (2), kind (1), algorithm (1), directory SFI (1), FFFF, name (5-16)",
    access="card master key",
    answers=answers(
        _NO_RIGHT,
        _TRANSPORT_KEY,
        Fault(s.SECURITY_NOT_SATISFIED, "the identifier is that of an environment with a master key"),
        Fault(s.FILE_EXISTS, "the identifier is that of another environment"),
        Fault(s.WRONG_DATA, "the data have not this form"),
        Fault(s.NOT_SUPPORTED, "the algorithm is SSF33, which is classified"),
        Fault(s.WRONG_DATA, "no such kind with this algorithm, or fewer pages than an environment needs"),
        Fault(s.SECURITY_NOT_SATISFIED, "the name is that of an environment with a master key"),
        Fault(s.FILE_EXISTS, "the name is that of another environment"),
        Fault(s.NO_SPACE, "no room on the chip"),
        NOT_PROGRAMMED,
    ),
    clause="SSC part 4 §5.2, part 10 §5.2.3",
)

DELETE_ENVIRONMENT: Final = Command(
    name="DELETE",
    cla=0x80,
    ins=0xE4,
    case=Case.COMMAND,
    parameters=(Parameters(),),
    lc=(2,),
    data="file identifier of the environment (2)",
    access="card master key, environment not keyed",
    answers=answers(_NO_RIGHT, _TRANSPORT_KEY, _NO_ENVIRONMENT, _KEYED, NOT_PROGRAMMED),
    clause="D2",
)

LOAD_MASTER_KEY: Final = Command(
    name="WRITE KEY",
    cla=0x84,
    ins=0xD4,
    case=Case.COMMAND,
    parameters=(Parameters(ANY_BYTE, ANY_BYTE, "3F00: card master key; identifier of an environment: its master key"),),
    lc=(36, 68),
    data="enciphered key set, MAC (4)",
    messaging=Messaging.ENCIPHERED,
    access="transport key or card master key, fresh challenge",
    answers=answers(
        Fault(s.CONDITIONS_NOT_SATISFIED, "a virgin chip"),
        _NO_RIGHT,
        Fault(s.CONDITIONS_NOT_SATISFIED, "the key of an environment, while the transport key rules the card"),
        _NO_ENVIRONMENT,
        _KEYED,
        _NO_CHALLENGE,
        _WRONG_MAC,
        Fault(s.WRONG_DATA, "the deciphered data are no key set of this place"),
        NOT_PROGRAMMED,
    ),
    clause="SSC part 9 §7.1.3 (form), part 10 §5.2.4, D2, D8",
)

ERASE_CARD: Final = Command(
    name="ERASE",
    cla=0x80,
    ins=0x0E,
    case=Case.NO_DATA,
    parameters=(Parameters(),),
    access="card master key, no environment keyed",
    answers=answers(
        _NO_RIGHT,
        _TRANSPORT_KEY,
        Fault(s.CONDITIONS_NOT_SATISFIED, "an environment has its own master key"),
        NOT_PROGRAMMED,
    ),
    clause="SSC part 10 §5.1, D3",
)

GET_STATUS: Final = Command(
    name="GET STATUS",
    cla=0x80,
    ins=0xF2,
    case=Case.RESPONSE,
    parameters=(Parameters(),),
    response="state of the card and of each environment (TLV)",
    answers=answers(),
    clause="D2",
)

RECORD_NUMBERS: Final = range(0xFF)
"""P1 of record commands: record number or identifier 01..FE, 00 for the current record; FF is RFU."""


def record_parameters(modes: range) -> tuple[Parameters, ...]:
    """P1 and P2 of record commands: P2 has SFI 0..30 in bits 8-4, mode in bits 3-1 (SSC part 5 tables 32, 44)."""
    p2 = tuple(sfi << 3 | mode for sfi in range(31) for mode in modes)
    return (Parameters(RECORD_NUMBERS, p2, "number or identifier, SFI and mode"),)


READ_NOTHING: Final = Command(
    name="READ RECORD",
    cla=0x00,
    ins=0xB2,
    case=Case.RESPONSE,
    parameters=record_parameters(range(7)),
    response="nothing: the MF has no files",
    answers=answers(
        Fault(s.FILE_NOT_FOUND, "an SFI: the MF has no files"), Fault(s.NO_CURRENT_EF, "no SFI: no file is current")
    ),
    clause="SSC part 3 §5.1.2; before an environment is selected no data can be reached (SCHEME-019)",
)

SHARED: Final = (SELECT, GET_RESPONSE)
"""Rows that the COS answers at every level."""

TABLE: Final = (
    SELECT, GET_RESPONSE, GET_CHALLENGE, ACTIVATE, ACTIVATE_WITH_CHOICES, AUTHENTICATE_MASTER,
    CREATE_ENVIRONMENT, DELETE_ENVIRONMENT, LOAD_MASTER_KEY, ERASE_CARD, GET_STATUS, READ_NOTHING,
)  # fmt: skip
