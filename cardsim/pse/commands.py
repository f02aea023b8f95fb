"""The command table of the payment environment: what exists at PSE itself, and what an application adds."""

from typing import Final

from cardsim.cos.commands import GET_RESPONSE, SELECT
from cardsim.cos.table import ANY_BYTE, Command, Messaging, Parameters, answers
from cardsim.iso7816 import status as s
from cardsim.iso7816.apdu import Case

_SFIS: Final = range(1, 31)
_CHANNEL_ANSWERS: Final = answers(
    s.MEMORY_FAILURE, s.SECURITY_NOT_SATISFIED, s.CONDITIONS_NOT_SATISFIED, s.SM_OBJECT_INCORRECT
)

READ_RECORD: Final = Command(
    name="READ RECORD",
    cla=0x00,
    ins=0xB2,
    case=Case.RESPONSE,
    parameters=(Parameters(range(1, 0x100), tuple(sfi << 3 | 4 for sfi in _SFIS), "record number, SFI"),),
    response="the record, template 70 included; log records raw",
    answers=answers(s.FILE_NOT_FOUND, s.RECORD_NOT_FOUND, s.CONDITIONS_NOT_SATISFIED),
    clause="EMV Book 3 §6.5.11, PBOC part 5",
)

GET_PROCESSING_OPTIONS: Final = Command(
    name="GET PROCESSING OPTIONS",
    cla=0x80,
    ins=0xA8,
    case=Case.BOTH,
    parameters=(Parameters(),),
    lc=range(2, 256),
    data="83, length, values of the PDOL",
    response="80, length, AIP (2), AFL",
    answers=answers(s.MEMORY_FAILURE, s.CONDITIONS_NOT_SATISFIED, s.WRONG_DATA),
    clause="EMV Book 3 §6.5.8, PBOC part 13",
)

GET_DATA: Final = Command(
    name="GET DATA",
    cla=0x80,
    ins=0xCA,
    case=Case.RESPONSE,
    parameters=(Parameters(ANY_BYTE, ANY_BYTE, "tag"),),
    response="tag, length, value",
    answers=answers(s.REFERENCE_NOT_FOUND),
    clause="EMV Book 3 §6.5.7, PBOC part 5",
)

VERIFY: Final = Command(
    name="VERIFY",
    cla=0x00,
    ins=0x20,
    case=Case.COMMAND,
    parameters=(Parameters((0x00,), (0x80,), "plaintext PIN"),),
    lc=(8,),
    data="PIN block 2N PIN F..F",
    access="offline-PIN profile, between GPO and the first GENERATE AC",
    answers=answers(
        0x63C0, s.MEMORY_FAILURE, s.BLOCKED, s.REFERENCE_DATA_UNUSABLE, s.CONDITIONS_NOT_SATISFIED
    ),
    clause="EMV Book 3 §6.5.12",
)  # fmt: skip

INTERNAL_AUTHENTICATE: Final = Command(
    name="INTERNAL AUTHENTICATE",
    cla=0x00,
    ins=0x88,
    case=Case.BOTH,
    parameters=(Parameters(),),
    lc=range(256),
    data="values of the DDOL",
    response="80, length, signed dynamic application data",
    answers=answers(s.CONDITIONS_NOT_SATISFIED),
    clause="EMV Book 3 §6.5.9, Book 2 §6.5",
)

GENERATE_AC: Final = Command(
    name="GENERATE AC",
    cla=0x80,
    ins=0xAE,
    case=Case.BOTH,
    parameters=(
        Parameters((0x00, 0x40, 0x80), (0x00,), "AAC, TC, ARQC"),
        Parameters((0x10, 0x50, 0x90), (0x00,), "the same with CDA"),
    ),
    lc=range(256),
    data="values of CDOL1, then of CDOL2",
    response="80, length, CID (1), ATC (2), cryptogram (8), issuer data; with CDA 77: 9F27, 9F36, 9F4B, 9F10",
    answers=answers(s.MEMORY_FAILURE, s.CONDITIONS_NOT_SATISFIED),
    clause="EMV Book 3 §6.5.5, PBOC part 5 ch. 14-16",
)

EXTERNAL_AUTHENTICATE: Final = Command(
    name="EXTERNAL AUTHENTICATE",
    cla=0x00,
    ins=0x82,
    case=Case.COMMAND,
    parameters=(Parameters(),),
    lc=(10,),
    data="ARPC (8), authorisation response code (2)",
    access="once, between the first and the second GENERATE AC",
    answers=answers(s.MEMORY_FAILURE, s.NO_INFORMATION, s.CONDITIONS_NOT_SATISFIED),
    clause="EMV Book 3 §6.5.4, PBOC part 5 ch. 15",
)

INITIALIZE_UPDATE: Final = Command(
    name="INITIALIZE UPDATE",
    cla=0x80,
    ins=0x50,
    case=Case.BOTH,
    parameters=(Parameters(ANY_BYTE, (0x00,), "key version, 00 for the present one"),),
    lc=(8,),
    data="host challenge (8)",
    response="KEYDATA (10), key version (1), 02, sequence counter (2), card challenge (6), card cryptogram (8)",
    answers=answers(s.CONDITIONS_NOT_SATISFIED, s.REFERENCE_NOT_FOUND, s.BLOCKED),
    clause="PBOC part 10, GlobalPlatform annex E (SCP02)",
)

CHANNEL_AUTHENTICATE: Final = Command(
    name="EXTERNAL AUTHENTICATE",
    cla=0x84,
    ins=0x82,
    case=Case.COMMAND,
    parameters=(Parameters((0x00, 0x01, 0x03), (0x00,), "security level: none, C-MAC, C-MAC and encryption"),),
    lc=(16,),
    data="host cryptogram (8), C-MAC (8)",
    access="after INITIALIZE UPDATE",
    answers=answers(
        s.MEMORY_FAILURE, s.NO_INFORMATION, s.CONDITIONS_NOT_SATISFIED, s.BLOCKED
    ),
    clause="GlobalPlatform annex E (SCP02)",
)  # fmt: skip


def _in_channel(row: Command) -> tuple[Command, Command]:
    """A row for the open channel in its two classes: 80 at security level 00, 84 with a C-MAC above."""
    rows = []
    for cla, lc in ((0x80, tuple(row.lc)), (0x84, range(9, 256))):
        rows.append(
            Command(
                name=row.name, cla=cla, ins=row.ins, case=row.case, parameters=row.parameters, answers=row.answers,
                clause=row.clause, lc=lc, messaging=Messaging.CHANNEL, access="open channel", data=row.data,
                response=row.response,
            )
        )  # fmt: skip
    return rows[0], rows[1]


CREATE: Final = Command(
    name="CREATE",
    cla=0x80,
    ins=0xE0,
    case=Case.COMMAND,
    parameters=(Parameters(ANY_BYTE, ANY_BYTE, "file identifier"),),
    lc=range(12, 25),
    data="ADF: 38, space (2), 00, 00, 00, FFFF, name (5-16) · log file: 2E, records, length, rules (8), SFI",
    answers=answers(*_CHANNEL_ANSWERS, s.WRONG_DATA, s.NO_SPACE, s.FILE_EXISTS),
    clause="D7",
)

STORE_DATA: Final = Command(
    name="STORE DATA",
    cla=0x80,
    ins=0xE2,
    case=Case.COMMAND,
    parameters=(Parameters((0x00, 0x60, 0x80, 0xE0), ANY_BYTE, "b8: last block; b7 b6: under S-DEK; block number"),),
    lc=range(1, 256),
    data="DGI (2), length (1, or FF and 2), content; several",
    answers=answers(*_CHANNEL_ANSWERS, s.WRONG_DATA, s.NO_SPACE, s.REFERENCE_NOT_FOUND, s.WRONG_P1P2),
    clause="PBOC part 10, EMV CPS §2.4",
)

PUT_KEY: Final = Command(
    name="PUT KEY",
    cla=0x80,
    ins=0xD8,
    case=Case.BOTH,
    parameters=(Parameters(ANY_BYTE, (0x81,), "version to replace; three keys from key 1"),),
    lc=(67,),
    data="new version (1), for ENC, MAC, DEK: 80 10, key under S-DEK (16), 03, check value (3)",
    response="new version (1), three check values (9)",
    answers=answers(*_CHANNEL_ANSWERS, s.WRONG_DATA, s.REFERENCE_NOT_FOUND),
    clause="GlobalPlatform §11.8, D7",
)

_PERSONALISATION: Final = (
    INITIALIZE_UPDATE, CHANNEL_AUTHENTICATE, *_in_channel(CREATE), *_in_channel(STORE_DATA),
)  # fmt: skip

PSE_TABLE: Final = (SELECT, GET_RESPONSE, READ_RECORD, *_PERSONALISATION, *_in_channel(PUT_KEY))
"""Rows that exist while the PSE itself is selected."""

APPLICATION_TABLE: Final = (
    SELECT, GET_RESPONSE, READ_RECORD, GET_PROCESSING_OPTIONS, GET_DATA, VERIFY, INTERNAL_AUTHENTICATE, GENERATE_AC,
    EXTERNAL_AUTHENTICATE, *_PERSONALISATION,
)  # fmt: skip
"""Rows that exist while an application is selected."""

TABLE: Final = tuple(dict.fromkeys((*PSE_TABLE, *APPLICATION_TABLE)))
