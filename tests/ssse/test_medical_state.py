"""The state machine of medical transactions: every command in every state (SSC part 5 table 49, C-04)."""

import enum
from typing import Final

import pytest

from tests.ssse.clinic import DF04, DIGITS, DSK, Clinic, clinic
from tests.ssse.shop import value


class State(enum.Enum):
    """What is pending."""

    IDLE = "idle"
    LOAD = "load"
    PURCHASE = "purchase"


NONE, LOAD, BUY = State
EVERY: Final = tuple(State)
ENDS: Final = dict.fromkeys(EVERY, NONE)

TABLE: Final[tuple[tuple[str, str, dict[State, State]], ...]] = (
    # command, status word, state after it by the state before it
    ("B02800010B0100000005510000000001", "9000", {NONE: LOAD, LOAD: LOAD, BUY: LOAD}),
    ("B02801011301000000050000000000000000510000000001", "9000", {NONE: BUY, LOAD: BUY, BUY: BUY}),
    ("B026000104", "9000", {NONE: NONE, LOAD: LOAD, BUY: BUY}),
    ("B026000206", "9000", {NONE: NONE, LOAD: LOAD, BUY: BUY}),
    ("B026000306", "9000", {NONE: NONE, LOAD: LOAD, BUY: BUY}),
    ("B02E0032020000", "9000", {NONE: NONE, LOAD: LOAD, BUY: BUY}),
    # everything below ends what is pending
    ("B026000106", "6700", ENDS),
    ("B026000904", "6A86", ENDS),
    ("B02E0031020000", "9406", ENDS),
    ("B02E0033020000", "6A86", ENDS),
    ("B02E00320100", "6700", ENDS),
    ("B02800010B7F00000005510000000001", "9403", ENDS),
    ("B02801011301FFFFFFFF0000000000000000510000000001", "9401", ENDS),
    ("B02802010B" + "00" * 11, "6A86", ENDS),
    ("B02800010A" + "00" * 10, "6700", ENDS),
    ("B056010002", "9000", ENDS),
    ("B0560000020701", "6982", ENDS),
    ("0084000008", "9000", ENDS),
    ("0020000000", "63C6", ENDS),
    (f"0020000003{DIGITS}", "9000", ENDS),
    ("00B201441C", "9000", ENDS),
    ("00A4020002EF08", "9000", ENDS),
    ("00A4020002EF99", "6A82", ENDS),
    (f"00A4040006{DF04}", "9000", ENDS),
    ("00A4000002DF04", "9000", ENDS),
    ("00A4040006D15600000577", "6A82", ENDS),
    ("0082008510" + "11" * 16, "63C2", ENDS),
    ("00C0000000", "6F00", ENDS),
    ("B0FF000000", "6D00", ENDS),
    ("8026000104", "6E00", ENDS),
    ("B026", "6700", ENDS),
    ("", "6700", ENDS),
    ("B02A00000B" + "00" * 11, "", {NONE: NONE, LOAD: NONE, BUY: NONE}),
    ("B02C01000F" + "00" * 15, "", {NONE: NONE, LOAD: NONE, BUY: NONE}),
)
WRONG: Final = {
    "B02A00000B" + "00" * 11: {NONE: "6901", LOAD: "9302", BUY: "6901"},
    "B02C01000F" + "00" * 15: {NONE: "6901", LOAD: "6901", BUY: "9302"},
}


def ready() -> Clinic:
    """A card with one purchase behind it, idle."""
    at = clinic()
    at.do_load(1000)
    at.buy(1)
    return at


def bring(at: Clinic, state: State) -> None:
    """Into a state, from any."""
    at.x("0084000008")
    match state:
        case State.IDLE:
            pass
        case State.LOAD:
            assert at.initialize_load(5)[-4:] == "9000"
        case State.PURCHASE:
            assert at.initialize_purchase(5)[-4:] == "9000"


def state_of(at: Clinic) -> State:
    """The state, seen from outside: which of CREDIT and DEBIT is not refused by it."""
    snapshot = at.bench.model.snapshot()
    credit = at.x("B02A00000B" + "00" * 11)
    at.bench.model.restore(snapshot)
    debit = at.x("B02C01000F" + "00" * 15)
    at.bench.model.restore(snapshot)
    return {("6901", "6901"): NONE, ("9302", "6901"): LOAD, ("6901", "9302"): BUY}[credit, debit]


@pytest.mark.parametrize("before", EVERY)
@pytest.mark.parametrize(("command", "word", "after"), TABLE)
def test_every_command_in_every_state(command: str, word: str, after: dict[State, State], before: State) -> None:
    """SSC5-7-02 to SSC5-7-19, SSC5-6.11-20, C-04, TRM-167: what each command leaves pending."""
    at = ready()
    bring(at, before)
    balance = at.account
    assert at.x(command)[-4:] == (word or WRONG[command][before])
    assert state_of(at) is after[before]
    assert at.account == balance


def test_after_selection() -> None:
    """SSC5-7-01: idle after SELECT, and after a reset (SSC4-7.5-02)."""
    at = ready()
    at.enter()
    assert state_of(at) is NONE
    at.initialize_purchase(5)
    command = at.debit_command()
    at.reset()
    assert at.x(command) == "6901"


def test_booked_once() -> None:
    """SSC5-7-10, SSC5-7-13: CREDIT and DEBIT lead back to idle; the same data book nothing again."""
    at = ready()
    at.initialize_load(5)
    command = at.credit_command()
    assert at.x(command)[-4:] == "9000"
    balance = at.account.balance
    assert at.x(command) == "6901"
    at.initialize_purchase(5)
    command = at.debit_command()
    assert at.x(command)[-4:] == "9000"
    assert at.x(command) == "6901"
    assert at.account.balance == balance - 5


@pytest.mark.parametrize("kept", ["B026000104", "B026000206", "B02E0032020000"])
def test_kept_and_booked(kept: str) -> None:
    """SSC5-7-14, SSC5-7-15: GET BALANCE and GET TRANSACTION PROOF in between do no harm."""
    at = ready()
    at.initialize_load(5)
    assert at.x(kept)[-4:] == "9000"
    assert at.credit()[-4:] == "9000"
    at.initialize_purchase(5)
    assert at.x("B026000104")[-4:] == "9000"
    assert at.debit() == at.purchase_answer()


def test_dropped_transaction_cannot_be_finished() -> None:
    """SSC5-7-03, SSC5-7-04, SSC5-7-06, SSC5-7-09, SSC5-7-12: with the right MAC of what was dropped."""
    at = ready()
    at.initialize_purchase(5)
    debit = at.debit_command()
    assert at.initialize_load(5)[-4:] == "9000"
    assert at.x(debit) == "6901"
    assert at.credit() == "6901"
    at.initialize_load(5)
    credit = at.credit_command()
    assert at.initialize_purchase(5)[-4:] == "9000"
    assert at.x(credit) == "6901"
    assert at.debit() == "6901"


@pytest.mark.parametrize("length", [0, 1, 10, 14, 16, 255])
def test_state_before_length(length: int) -> None:
    """SSC5-7-17, SSC5-7.1-04, SSC5-7.2-04: idle 6901 whatever the length; in its state a wrong length is 6700."""
    at = ready()
    tail = f"{length:02X}" + "00" * length
    assert at.x("B02A0000" + tail) == at.x("B02C0100" + tail) == "6901"
    bring(at, LOAD)
    assert at.x("B02A0000" + tail) == "6700"
    assert at.credit() == "6901"
    bring(at, BUY)
    assert at.x("B02C0100" + tail) == "6700"
    assert at.debit() == "6901"


def test_fetching_the_answer() -> None:
    """SSC5-7-14, C-04: GET RESPONSE belongs to the answer that it fetches: also in parts, and with a wrong Le first."""
    at = ready()
    assert at.bench.x(at.load_command(5), follow=False) == "6110"
    assert at.bench.x("00C0000000", follow=False) == "6C10"
    first = at.bench.x("00C0000004", follow=False)
    assert first[-4:] == "610C"
    at.bench.x("00C000000C", follow=False)
    assert state_of(at) is LOAD
    assert at.bench.x("00C0000001", follow=False) == "6F00"
    assert state_of(at) is NONE


def test_answer_that_was_not_fetched() -> None:
    """SSC5-7.5-01: the transaction is pending, whether its answer was fetched or not."""
    at = ready()
    assert at.bench.x(at.purchase_command(5), follow=False) == "6116"
    assert state_of(at) is BUY


@pytest.mark.parametrize("command", ["00B2014400", "00B201440A", "00B20144FF"])
@pytest.mark.parametrize("state", [LOAD, BUY])
def test_another_length_first(command: str, state: State) -> None:
    """SSC2-9.3.1-01, SSC5-7-18, D13: a command answered 6Cxx has not run; with the right length it ends what is
    pending."""
    at = ready()
    bring(at, state)
    assert at.bench.x(command, follow=False) == "6C1C"
    assert state_of(at) is state
    assert at.bench.x("00B201441C", follow=False)[-4:] == "9000"
    assert state_of(at) is NONE


def test_leaving_the_environment() -> None:
    """SSC5-7-18, D9: PSE was selected in between."""
    at = ready()
    at.initialize_purchase(5)
    command = at.debit_command()
    at.bench.pse()
    at.enter()
    assert at.x(command) == "6901"


def test_authentication_in_between() -> None:
    """SSC5-7-18: EXTERNAL AUTHENTICATE that succeeds ends the transaction as well."""
    at = ready()
    challenge = at.bench.challenge()
    at.initialize_purchase(5)
    command = at.debit_command()
    assert at.bench.prove(value(7), DSK, challenge, at.suite) == "9000"
    assert at.x(command) == "6901"
