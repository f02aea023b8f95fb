"""The command table of the payment environment: what exists at PSE itself, and what an application adds."""

from dataclasses import replace
from typing import Final

from cardsim.cos.commands import GET_RESPONSE, NOT_PROGRAMMED, SELECT
from cardsim.cos.table import ANY_BYTE, Command, Fault, Messaging, Parameters, answers
from cardsim.iso7816 import status as s
from cardsim.iso7816.apdu import Case

_RECORD_OF_SFI: Final = Parameters(range(1, 0x100), tuple(sfi << 3 | 4 for sfi in range(1, 31)), "record number, SFI")
_TAG: Final = Parameters(ANY_BYTE, ANY_BYTE, "tag")
_ISSUED: Final = Fault(s.CONDITIONS_NOT_SATISFIED, "the application is issued")
_NO_CHANNEL: Final = Fault(s.CONDITIONS_NOT_SATISFIED, "no channel is open")
_IN_PLAIN: Final = (
    _NO_CHANNEL,
    Fault(s.SECURITY_NOT_SATISFIED, "the channel's security level is not 00: the channel ends"),
)
_SEALED: Final = (
    _NO_CHANNEL,
    Fault(s.SECURITY_NOT_SATISFIED, "the channel's security level is 00"),
    Fault(s.SM_OBJECT_INCORRECT, "wrong C-MAC, or data that cannot be deciphered: the channel ends"),
)

_NOT_ISSUED: Final = Fault(s.CONDITIONS_NOT_SATISFIED, "the application is not issued")
_NOT_INITIATED: Final = Fault(s.CONDITIONS_NOT_SATISFIED, "not between GPO and the first GENERATE AC")
_NO_PIN: Final = Fault(s.CONDITIONS_NOT_SATISFIED, "the application has no offline PIN")
_NO_TRIES: Final = (
    Fault(s.REFERENCE_DATA_UNUSABLE, "no tries left, at the first VERIFY of the transaction"),
    Fault(s.BLOCKED, "no tries left, at a later one; at each on a card with exhausted_pin 6983"),
)

READ_RECORD: Final = Command(
    name="READ RECORD",
    cla=0x00,
    ins=0xB2,
    case=Case.RESPONSE,
    parameters=(_RECORD_OF_SFI,),
    response="the record, template 70 included; log records raw",
    answers=answers(
        Fault(s.FILE_NOT_FOUND, "neither a record nor the log has this SFI"),
        Fault(s.RECORD_NOT_FOUND, "the same on a card with missing_file 6A83"),
        Fault(s.RECORD_NOT_FOUND, "the SFI has no record of this number"),
    ),
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
    access="directly after SELECT",
    answers=answers(
        Fault(s.CONDITIONS_NOT_SATISFIED, "a transaction has begun since SELECT"),
        _NOT_ISSUED,
        Fault(s.WRONG_LENGTH, "Lc is not that of the PDOL's values and two bytes"),
        Fault(s.WRONG_DATA, "another tag than 83, or another length behind it than that of the PDOL's values"),
        Fault(s.CONDITIONS_NOT_SATISFIED, "no path of electronic cash, on a card with missing_cash_path 6985"),
        NOT_PROGRAMMED,
        Fault(s.CONDITIONS_NOT_SATISFIED, "the ATC is at its end: the application is blocked for good"),
    ),
    clause="EMV Book 3 §6.5.8, PBOC part 13",
)

GET_DATA: Final = Command(
    name="GET DATA",
    cla=0x80,
    ins=0xCA,
    case=Case.RESPONSE,
    parameters=(_TAG,),
    response="tag, length, value",
    answers=answers(
        Fault(s.REFERENCE_NOT_FOUND, "the application is not issued"),
        Fault(s.REFERENCE_NOT_FOUND, "a tag that cannot be read, or that the application does not have"),
    ),
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
        _NOT_INITIATED,
        _NO_PIN,
        *_NO_TRIES,
        NOT_PROGRAMMED,
        Fault(0x63C0, "another PIN block; the PIN loses a try"),
    ),
    clause="EMV Book 3 §6.5.12",
)

VERIFY_ENCIPHERED: Final = Command(
    name="VERIFY ENCIPHERED",
    cla=0x00,
    ins=0x20,
    case=Case.COMMAND,
    parameters=(Parameters((0x00,), (0x88,), "enciphered PIN"),),
    lc=range(64, 249),
    data="7F, PIN block (8), challenge (8), padding, under the card's RSA key",
    access="card with enciphered_pin, between GPO and the first GENERATE AC, after GET CHALLENGE",
    answers=answers(
        _NOT_INITIATED,
        _NO_PIN,
        Fault(s.CONDITIONS_NOT_SATISFIED, "the application has no RSA key"),
        Fault(s.CONDITIONS_NOT_SATISFIED, "no GET CHALLENGE since the last enciphered PIN"),
        Fault(s.WRONG_LENGTH, "another length than the RSA key has"),
        *_NO_TRIES,
        NOT_PROGRAMMED,
        Fault(0x63C0, "another header, challenge or PIN block; the PIN loses a try"),
    ),
    clause="EMV Book 2 §7.2, Book 3 §6.5.12",
)

GET_CHALLENGE: Final = Command(
    name="GET CHALLENGE",
    cla=0x00,
    ins=0x84,
    case=Case.RESPONSE,
    parameters=(Parameters(),),
    response="random number (8), good for one VERIFY",
    access="card with enciphered_pin",
    answers=answers(),
    clause="EMV Book 3 §6.5.6",
)

ENCIPHERED_PIN: Final = (VERIFY_ENCIPHERED, GET_CHALLENGE)
"""Rows of an application whose profile takes an enciphered PIN."""

INTERNAL_AUTHENTICATE: Final = Command(
    name="INTERNAL AUTHENTICATE",
    cla=0x00,
    ins=0x88,
    case=Case.BOTH,
    parameters=(Parameters(),),
    lc=range(256),
    data="values of the DDOL",
    response="80, length, signed dynamic application data",
    access="between GPO and the first GENERATE AC",
    answers=answers(
        _NOT_INITIATED,
        Fault(s.CONDITIONS_NOT_SATISFIED, "the AIP of the path does not promise DDA"),
        Fault(s.WRONG_LENGTH, "Lc is not that of the DDOL's values"),
    ),
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
    access="once after GPO, and once more after an ARQC",
    answers=answers(
        Fault(s.CONDITIONS_NOT_SATISFIED, "neither the first one after GPO nor the second one after an ARQC"),
        Fault(s.CONDITIONS_NOT_SATISFIED, "CDA is asked for, and the AIP of the path does not promise it"),
        Fault(s.CONDITIONS_NOT_SATISFIED, "the second one asks for an ARQC"),
        Fault(s.WRONG_LENGTH, "Lc is not that of the values of CDOL1, or of CDOL2"),
        NOT_PROGRAMMED,
        Fault(s.CONDITIONS_NOT_SATISFIED, "no PIN try blocks the application, on a card with blocked_by_pin 6985"),
    ),
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
    answers=answers(
        Fault(s.CONDITIONS_NOT_SATISFIED, "not between an ARQC and the second GENERATE AC"),
        Fault(s.CONDITIONS_NOT_SATISFIED, "the AIP of the path does not promise issuer authentication"),
        NOT_PROGRAMMED,
        Fault(s.CONDITIONS_NOT_SATISFIED, "sent before in this transaction: issuer authentication has failed"),
        Fault(s.NO_INFORMATION, "another ARPC: issuer authentication has failed"),
    ),
    clause="EMV Book 3 §6.5.4, PBOC part 5 ch. 15",
)

_NO_TURN: Final = Fault(
    s.CONDITIONS_NOT_SATISFIED,
    "not a moment for issuer scripts: before the first GENERATE AC, after one that ended an ordinary transaction, "
    "after a wrong MAC; the application is not issued",
)
_SCRIPT_LENGTH: Final = Fault(s.WRONG_LENGTH, "another Lc; the script has failed")
_SCRIPT_MAC: Final = Fault(s.SM_OBJECT_INCORRECT, "another MAC; the script has failed, and so will all that follow")
_OTHER_WORD: Final = Fault(s.SECURITY_NOT_SATISFIED, "the same on a card with script_mac_word 6982")
# What fails behind the first question is marked before it is answered: a page that fails then wins over it.
_SCRIPT_GATE: Final = (_NO_TURN, NOT_PROGRAMMED, _SCRIPT_LENGTH, _SCRIPT_MAC, _OTHER_WORD)

APPLICATION_BLOCK: Final = Command(
    name="APPLICATION BLOCK",
    cla=0x84,
    ins=0x1E,
    case=Case.COMMAND,
    parameters=(Parameters(),),
    lc=(4,),
    data="MAC (4)",
    messaging=Messaging.MAC,
    access="issuer script",
    answers=_SCRIPT_GATE,
    clause="EMV Book 3 §6.5.1, PBOC part 5 ch. 17",
    state_first=True,
)

APPLICATION_UNBLOCK: Final = replace(
    APPLICATION_BLOCK, name="APPLICATION UNBLOCK", ins=0x18, clause="EMV Book 3 §6.5.2, PBOC part 5 ch. 17"
)

CARD_BLOCK: Final = replace(
    APPLICATION_BLOCK, name="CARD BLOCK", ins=0x16, clause="EMV Book 3 §6.5.3, PBOC part 5 ch. 17, D10"
)

PIN_CHANGE: Final = Command(
    name="PIN CHANGE/UNBLOCK",
    cla=0x84,
    ins=0x24,
    case=Case.COMMAND,
    parameters=(
        Parameters((0x00,), (0x00,), "all tries again"),
        Parameters((0x00,), (0x01,), "new PIN, sent with the present one"),
        Parameters((0x00,), (0x02,), "new PIN"),
    ),
    lc=(4, 20),
    data="P2 00: MAC (4) · P2 01, 02: enciphered PIN block (16), MAC (4)",
    messaging=Messaging.ENCIPHERED,
    access="issuer script",
    answers=answers(
        *_SCRIPT_GATE,
        _NO_PIN,
        Fault(s.WRONG_DATA, "what was enciphered is no PIN block"),
    ),
    clause="EMV Book 3 §6.5.10, PBOC part 5 ch. 17",
    state_first=True,
)

PUT_DATA: Final = Command(
    name="PUT DATA",
    cla=0x04,
    ins=0xDA,
    case=Case.COMMAND,
    parameters=(_TAG,),
    lc=range(5, 256),
    data="value, MAC (4)",
    messaging=Messaging.MAC,
    access="issuer script",
    answers=answers(
        *_SCRIPT_GATE,
        Fault(s.WRONG_DATA, "a tag that cannot be written, or that the application does not have"),
        Fault(s.WRONG_LENGTH, "the value has another length than the data object"),
        Fault(s.WRONG_DATA, "an amount that is not decimal, or a balance above its limit"),
    ),
    clause="PBOC part 5 ch. 17, part 13",
    state_first=True,
)

UPDATE_RECORD: Final = Command(
    name="UPDATE RECORD",
    cla=0x04,
    ins=0xDC,
    case=Case.COMMAND,
    parameters=(_RECORD_OF_SFI,),
    lc=range(7, 256),
    data="the record, template 70 included, MAC (4)",
    messaging=Messaging.MAC,
    access="issuer script",
    answers=answers(
        *_SCRIPT_GATE,
        Fault(s.RECORD_NOT_FOUND, "there is no such record, or it stands in the log"),
        Fault(s.RECORD_NOT_FOUND, "the record has no room for so much"),
        Fault(s.NO_SPACE, "the same on a card with long_record 6A84"),
        Fault(s.WRONG_DATA, "no template 70, or the application could not go on with it"),
    ),
    clause="PBOC part 5 ch. 17",
    state_first=True,
)

SCRIPTS: Final = (APPLICATION_BLOCK, APPLICATION_UNBLOCK, CARD_BLOCK, PIN_CHANGE, PUT_DATA, UPDATE_RECORD)
"""The commands of issuer scripts."""

INITIALIZE_UPDATE: Final = Command(
    name="INITIALIZE UPDATE",
    cla=0x80,
    ins=0x50,
    case=Case.BOTH,
    parameters=(Parameters(ANY_BYTE, (0x00,), "key version, 00 for the present one"),),
    lc=(8,),
    data="host challenge (8)",
    response="KEYDATA (10), key version (1), 02, sequence counter (2), card challenge (6), card cryptogram (8)",
    answers=answers(
        _ISSUED,
        Fault(s.REFERENCE_NOT_FOUND, "P1 is another key version than the card's"),
        Fault(s.BLOCKED, "the key set has no tries left"),
    ),
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
        _ISSUED,
        Fault(s.CONDITIONS_NOT_SATISFIED, "no INITIALIZE UPDATE before it"),
        Fault(s.BLOCKED, "the key set has no tries left"),
        Fault(s.CONDITIONS_NOT_SATISFIED, "the sequence counter is at its end"),
        NOT_PROGRAMMED,
        Fault(s.NO_INFORMATION, "wrong host cryptogram or C-MAC"),
    ),
    clause="GlobalPlatform annex E (SCP02)",
)


def _in_channel(row: Command, *before: Fault) -> tuple[Command, Command]:
    """A row for the open channel in its two classes: 80 at security level 00, 84 with a C-MAC above. `before` are the
    faults that win over all others."""
    forms = ((0x80, tuple(row.lc), _IN_PLAIN), (0x84, range(9, 256), _SEALED))
    plain, sealed = (
        replace(
            row, cla=cla, lc=lc, answers=(*before, *faults, *row.answers), messaging=Messaging.CHANNEL,
            access="open channel",
        )
        for cla, lc, faults in forms
    )  # fmt: skip
    return plain, sealed


CREATE: Final = Command(
    name="CREATE",
    cla=0x80,
    ins=0xE0,
    case=Case.COMMAND,
    parameters=(Parameters(ANY_BYTE, ANY_BYTE, "file identifier"),),
    lc=range(12, 25),
    data="ADF: 38, space (2), 00, 00, 00, FFFF, name (5-16) · log file: 2E, records, length, rules (8), SFI",
    answers=answers(
        Fault(s.WRONG_DATA, "the data have not the form of an application (at PSE) or of a log file (in one)"),
        Fault(s.FILE_EXISTS, "identifier or SFI is taken"),
        Fault(s.NO_SPACE, "no room for the application and its space, or for the log file"),
        Fault(s.FILE_EXISTS, "the name is taken"),
        NOT_PROGRAMMED,
    ),
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
    answers=answers(
        Fault(s.WRONG_P1P2, "P2 is not the next block number: 00 is the next one from then on"),
        Fault(s.WRONG_DATA, "the last block ends inside a data grouping"),
        Fault(s.REFERENCE_NOT_FOUND, "a DGI that does not exist here"),
        Fault(s.WRONG_DATA, "a secret that is not under S-DEK, or under S-DEK in no whole blocks"),
        Fault(s.WRONG_DATA, "the content of a data grouping has not its form or length"),
        Fault(s.WRONG_DATA, "the identifier of a data grouping belongs to a file"),
        Fault(s.NO_SPACE, "no room in the environment"),
        Fault(s.WRONG_DATA, "card keys and their check values differ"),
        Fault(s.CONDITIONS_NOT_SATISFIED, "last block: something mandatory is missing"),
        Fault(s.WRONG_DATA, "last block: data do not fit together"),
        NOT_PROGRAMMED,
    ),
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
    answers=answers(
        Fault(s.REFERENCE_NOT_FOUND, "P1 is another key version than the card's"),
        Fault(s.WRONG_DATA, "wrong form, or a key that differs from its check value"),
        NOT_PROGRAMMED,
    ),
    clause="GlobalPlatform §11.8, D7",
)

_PERSONALISATION: Final = (
    INITIALIZE_UPDATE, CHANNEL_AUTHENTICATE, *_in_channel(CREATE, _ISSUED), *_in_channel(STORE_DATA, _ISSUED),
)  # fmt: skip

PSE_TABLE: Final = (SELECT, GET_RESPONSE, READ_RECORD, *_PERSONALISATION, *_in_channel(PUT_KEY))
"""Rows that exist while the PSE itself is selected."""

APPLICATION_TABLE: Final = (
    SELECT, GET_RESPONSE, READ_RECORD, GET_PROCESSING_OPTIONS, GET_DATA, VERIFY, INTERNAL_AUTHENTICATE, GENERATE_AC,
    EXTERNAL_AUTHENTICATE, *SCRIPTS, *_PERSONALISATION,
)  # fmt: skip
"""Rows that exist while an application is selected."""

TABLE: Final = tuple(dict.fromkeys((*PSE_TABLE, *APPLICATION_TABLE, *ENCIPHERED_PIN)))
