"""The commands of the medical-insurance account (医疗保险专用命令): rows that exist while its application is current.

The order in which errors win is that of `answers`: a card without an account, then the state of the transaction
(SSC part 5 §7), then what the row says. CREDIT FOR LOAD and DEBIT FOR PURCHASE judge their state before their length.
"""

from typing import Final

from cardsim.cos.commands import BLOCKED_APPLICATION, GET_RESPONSE
from cardsim.cos.table import Command, Fault, Parameters, answers
from cardsim.iso7816 import status as s
from cardsim.iso7816.apdu import Case

CLA: Final = 0xB0

PROOF_TYPES: Final = {0x31: 1, 0x32: 2, 0x01: 1, 0x02: 2}
"""P2 of GET TRANSACTION PROOF, and the transaction type that it names: the character, or the number (C-18)."""

_NO_ACCOUNT: Final = Fault(s.CONDITIONS_NOT_SATISFIED, "the application has no account file, or no log of its form")
_NO_PIN: Final = Fault(s.SECURITY_NOT_SATISFIED, "a PIN is set and not verified")
_NO_KEY: Final = Fault(s.KEY_INDEX, "no key has this index")
_COUNTER: Final = Fault(s.COUNTER_AT_MAXIMUM, "the sequence stands at FFFF")
_LENGTH: Final = Fault(s.WRONG_LENGTH, "another Lc")
_WRONG_MAC: Final = Fault(s.WRONG_MAC, "another MAC than the one under the session key; the transaction ends")
_MEMORY: Final = Fault(s.MEMORY_FAILURE, "a page could not be programmed: nothing is booked, and the card is blocked")

INITIALIZE_FOR_LOAD: Final = Command(
    name="INITIALIZE FOR LOAD",
    cla=CLA,
    ins=0x28,
    case=Case.BOTH,
    parameters=(Parameters((0x00,), (0x01,), "load"),),
    lc=(11,),
    data="key index (1), amount (4), terminal number (6)",
    response="balance (4), load sequence (2), key version (1), algorithm (1), random number (4), MAC1 (4)",
    access="PIN where one is set",
    answers=answers(
        BLOCKED_APPLICATION,
        _NO_ACCOUNT, _NO_PIN, Fault(s.CONDITIONS_NOT_SATISFIED, "the application has no TAC key"), _NO_KEY, _COUNTER,
        Fault(s.CONDITIONS_NOT_SATISFIED, "the balance would not fit into four bytes"),
    ),
    clause="SSC part 5 §7.5, part 7 §11.2",
)  # fmt: skip

INITIALIZE_FOR_PURCHASE: Final = Command(
    name="INITIALIZE FOR PURCHASE",
    cla=CLA,
    ins=0x28,
    case=Case.BOTH,
    parameters=(Parameters((0x01,), (0x01,), "purchase"),),
    lc=(19,),
    data="key index (1), amount from the account (4), paid by the holder (4), from the pool (4), terminal number (6)",
    response=(
        "balance (4), paid by the holder this year (4), by the pool (4), settlement year (2), purchase sequence (2), "
        "key version (1), algorithm (1), random number (4)"
    ),
    access="PIN where one is set",
    answers=answers(
        BLOCKED_APPLICATION,
        _NO_ACCOUNT, _NO_PIN, Fault(s.CONDITIONS_NOT_SATISFIED, "the application has no TAC key"), _NO_KEY, _COUNTER,
        Fault(s.BALANCE_TOO_LOW, "the balance is below the amount from the account"),
    ),
    clause="SSC part 5 §7.6, part 7 §12.2",
)  # fmt: skip

CREDIT_FOR_LOAD: Final = Command(
    name="CREDIT FOR LOAD",
    cla=CLA,
    ins=0x2A,
    case=Case.BOTH,
    parameters=(Parameters(),),
    lc=(11,),
    data="host time (7), MAC2 (4)",
    response="TAC (4)",
    access="state load",
    answers=answers(
        BLOCKED_APPLICATION,
        _NO_ACCOUNT,
        Fault(s.COMMAND_NOT_ACCEPTED, "no load was initialised"),
        _LENGTH,
        _WRONG_MAC,
        _MEMORY,
    ),
    clause="SSC part 5 §7.1, part 7 §11.7, §11.8",
    state_first=True,
)

DEBIT_FOR_PURCHASE: Final = Command(
    name="DEBIT FOR PURCHASE",
    cla=CLA,
    ins=0x2C,
    case=Case.BOTH,
    parameters=(Parameters((0x01,), (0x00,)),),
    lc=(15,),
    data="terminal sequence (4), terminal time (7), MAC1 (4)",
    response="TAC (4), MAC2 (4)",
    access="state purchase",
    answers=answers(
        BLOCKED_APPLICATION,
        _NO_ACCOUNT, Fault(s.COMMAND_NOT_ACCEPTED, "no purchase was initialised"), _LENGTH, _WRONG_MAC,
        Fault(s.CONDITIONS_NOT_SATISFIED, "the date is not decimal, or a total of the year would not fit"), _MEMORY,
    ),
    clause="SSC part 5 §7.2, part 7 §12.5, §12.6",
    state_first=True,
)  # fmt: skip

GET_BALANCE: Final = Command(
    name="GET BALANCE",
    cla=CLA,
    ins=0x26,
    case=Case.RESPONSE,
    parameters=(
        Parameters((0x00,), (0x01,), "balance of the personal account (4)"),
        Parameters((0x00,), (0x02,), "paid by the holder this year (4), settlement year (2)"),
        Parameters((0x00,), (0x03,), "paid by the pool this year (4), settlement year (2)"),
    ),
    le=(4, 6),
    response="amount (4); P2 02, 03: settlement year (2) too",
    access="PIN where one is set",
    answers=answers(BLOCKED_APPLICATION, Fault(s.WRONG_LENGTH, "an Le that P2 has not"), _NO_ACCOUNT, _NO_PIN),
    clause="SSC part 5 §7.3",
)

GET_TRANSACTION_PROOF: Final = Command(
    name="GET TRANSACTION PROOF",
    cla=CLA,
    ins=0x2E,
    case=Case.BOTH,
    parameters=(Parameters((0x00,), tuple(PROOF_TYPES), "transaction type: load 31 or 01, purchase 32 or 02"),),
    lc=(2,),
    data="sequence of the transaction (2)",
    response="MAC2 (4; zeros for a load), TAC (4)",
    answers=answers(
        BLOCKED_APPLICATION, _NO_ACCOUNT, Fault(s.NO_PROOF, "the last transaction has another type or sequence")
    ),
    clause="SSC part 5 §7.4, part 7 §14",
)

UPDATE_STARTING_DAY: Final = Command(
    name="UPDATE STARTING DAY",
    cla=CLA,
    ins=0x56,
    case=Case.COMMAND,
    parameters=(Parameters((0x00,), (0x00,), "update"),),
    lc=(2,),
    data="starting day of the settlement year, mmdd in BCD (2)",
    access="write rule of the account file: DSK",
    answers=answers(
        BLOCKED_APPLICATION,
        _NO_ACCOUNT, Fault(s.SECURITY_NOT_SATISFIED, "DSK is not authenticated"), Fault(s.WRONG_DATA, "no such day"),
        Fault(s.MEMORY_FAILURE, "a page could not be programmed; the day stays"),
    ),
    clause="SSC part 5 §7.7, C-21, C-38",
)  # fmt: skip

GET_STARTING_DAY: Final = Command(
    name="GET STARTING DAY",
    cla=CLA,
    ins=0x56,
    case=Case.RESPONSE,
    parameters=(Parameters((0x01,), (0x00,), "read"),),
    le=(2,),
    response="starting day of the settlement year, mmdd in BCD (2)",
    access="read rule of the account file: free",
    answers=answers(
        BLOCKED_APPLICATION, _NO_ACCOUNT, Fault(s.SECURITY_NOT_SATISFIED, "the account's read rule is not met")
    ),
    clause="SSC part 5 §7.8",
)

TABLE: Final = (
    INITIALIZE_FOR_LOAD, INITIALIZE_FOR_PURCHASE, CREDIT_FOR_LOAD, DEBIT_FOR_PURCHASE, GET_BALANCE,
    GET_TRANSACTION_PROOF, UPDATE_STARTING_DAY, GET_STARTING_DAY,
)  # fmt: skip

KEEPING: Final = frozenset(
    row.header for row in (GET_RESPONSE, INITIALIZE_FOR_LOAD, GET_BALANCE, GET_TRANSACTION_PROOF)
)
"""Headers of the commands that leave a pending transaction standing, or begin one, when they succeed (SSC part 5
table 49, C-04); both forms of INITIALIZE have the same."""
