"""The command table of the card itself: what is there at the MF, before an environment is selected.

No standard fixes card management; the layout is that of the FMCOS family. `docs/card-management.md` explains each
byte. The last rows are part of every environment's table as well.
"""

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
    answers=answers(s.MEMORY_FAILURE, s.WRONG_DATA, s.CONDITIONS_NOT_SATISFIED),
    clause="SSC part 10 §5.1.2 (our form)",
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
        0x63C0, s.MEMORY_FAILURE, s.BLOCKED, s.REFERENCE_DATA_UNUSABLE, s.REFERENCE_NOT_FOUND
    ),
    clause="SSC part 5 §6.4, SSC part 10 §5.2",
)  # fmt: skip

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
        s.MEMORY_FAILURE, s.SECURITY_NOT_SATISFIED, s.CONDITIONS_NOT_SATISFIED, s.WRONG_DATA, s.NO_SPACE,
        s.FILE_EXISTS, Fault(s.NOT_SUPPORTED, "the algorithm is SSF33, which is classified"),
    ),
    clause="SSC part 4 §5.2, part 10 §5.2.3",
)  # fmt: skip

DELETE_ENVIRONMENT: Final = Command(
    name="DELETE",
    cla=0x80,
    ins=0xE4,
    case=Case.COMMAND,
    parameters=(Parameters(),),
    lc=(2,),
    data="file identifier of the environment (2)",
    access="card master key, environment not keyed",
    answers=answers(s.MEMORY_FAILURE, s.SECURITY_NOT_SATISFIED, s.CONDITIONS_NOT_SATISFIED, s.FILE_NOT_FOUND),
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
        s.MEMORY_FAILURE, s.SECURITY_NOT_SATISFIED, s.REFERENCE_DATA_UNUSABLE, s.CONDITIONS_NOT_SATISFIED,
        s.SM_OBJECT_INCORRECT, s.WRONG_DATA, s.FILE_NOT_FOUND,
    ),
    clause="SSC part 9 §7.1.3 (form), part 10 §5.2.4, D2, D8",
)  # fmt: skip

ERASE_CARD: Final = Command(
    name="ERASE",
    cla=0x80,
    ins=0x0E,
    case=Case.NO_DATA,
    parameters=(Parameters(),),
    access="card master key, no environment keyed",
    answers=answers(s.MEMORY_FAILURE, s.SECURITY_NOT_SATISFIED, s.CONDITIONS_NOT_SATISFIED),
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
    answers=answers(s.NO_CURRENT_EF, s.FILE_NOT_FOUND),
    clause="SSC part 3 §5.1.2; before an environment is selected no data can be reached (SCHEME-019)",
)

SHARED: Final = (SELECT, GET_RESPONSE)
"""Rows that the COS answers at every level."""

TABLE: Final = (
    SELECT, GET_RESPONSE, GET_CHALLENGE, ACTIVATE, AUTHENTICATE_MASTER, CREATE_ENVIRONMENT, DELETE_ENVIRONMENT,
    LOAD_MASTER_KEY, ERASE_CARD, GET_STATUS, READ_NOTHING,
)  # fmt: skip
