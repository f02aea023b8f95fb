"""Tours through the medical-insurance account: loads, purchases, settlement years, proofs, faults of the memory."""

from cardsim.crypto.social import Suite
from tests.cards import Bench
from tests.defects.tour import Tour
from tests.ssse.clinic import DIGITS, DSK, TERMINAL_SEQUENCE, TIME, Clinic, clinic
from tests.ssse.shop import value

FIRST_DAY = bytes.fromhex("20140701120000")
NEXT_FIRST_DAY = bytes.fromhex("20150701120000")
NEXT_SPRING = bytes.fromhex("20170301120000")


def surgery() -> Bench:
    """A card with a medical application and PIN."""
    return clinic(Suite.SM4).bench


def _enter(tour: Tour) -> Clinic:
    tour.reset()
    made = Clinic(tour.bench, Suite.SM4)
    made.enter()
    return made


def _amounts(tour: Tour, made: Clinic, when: str) -> None:
    for p2, le in (("01", "04"), ("02", "06"), ("03", "06")):
        tour.note(f"amount {p2} {when}", made.x(f"B02600{p2}{le}"))


def loads(tour: Tour) -> None:
    """Loads, what they change, and what proves them."""
    made = _enter(tour)
    tour.note("sequence", made.initialize_load(1000)[8:12])
    tour.note("wrong MAC2", made.x("B02A00000B" + TIME.hex() + "00000000"))
    tour.note("right MAC2 behind it", made.credit())
    made.initialize_load(1000)
    tac = made.credit()
    tour.note("TAC of a load", str(tac == made.load_tac(1000) + "9000"))
    tour.note("the same again", made.credit())
    tour.note("proof", str(made.proof("31", 0) == "00000000" + tac))
    tour.note("proof of another", made.proof("31", 7))
    _amounts(tour, made, "after the load")
    tour.note("sequence after the load", made.initialize_load(1)[8:12])
    tour.note("purchase sequence after the load", made.initialize_purchase(1)[28:32])
    made.initialize_load(1)
    made.x("B026000104")
    tour.note("CREDIT behind GET BALANCE", made.credit()[-4:])
    made.initialize_load(1)
    made.x("0084000008")
    tour.note("CREDIT behind GET CHALLENGE", made.credit())
    tour.note("key index 9", made.x("B02800010B0900000001510000000001"))
    tour.note("log", " ".join(made.log()[:1]))


def purchases(tour: Tour) -> None:
    """Purchases over several settlement years."""
    made = _enter(tour)
    made.initialize_load(100000)
    made.credit()
    made.initialize_purchase(100, 20, 3)
    tour.note("wrong MAC1", made.x("B02C01000F" + TERMINAL_SEQUENCE.hex() + TIME.hex() + "00000000"))
    tour.note("sequence behind it", made.initialize_purchase(100, 20, 3)[28:32])
    command = made.debit_command()
    tour.note("MAC1 right in three bytes", made.x(command[:-2] + f"{int(command[-2:], 16) ^ 1:02X}"))
    made.initialize_purchase(100, 20, 3)
    tour.note("purchase", str(made.debit(FIRST_DAY) == made.purchase_answer(FIRST_DAY)))
    tour.note("DEBIT again", made.debit(FIRST_DAY))
    tour.note("proof", str(made.proof("32", 0) == made.purchase_answer(FIRST_DAY)[8:16]
                           + made.purchase_answer(FIRST_DAY)[:8] + "9000"))  # fmt: skip
    _amounts(tour, made, "in the first year")
    made.initialize_purchase(100, 20, 3)
    made.debit(TIME)
    _amounts(tour, made, "in the first year, twice")
    made.initialize_purchase(100, 50, 7)
    made.debit(NEXT_FIRST_DAY)
    _amounts(tour, made, "on the first day of the next year")
    tour.note("sequence at last", made.initialize_purchase(100, 60, 8)[28:32])
    made.debit(NEXT_SPRING)
    _amounts(tour, made, "two years later, in spring")
    tour.note("sum above the balance", made.initialize_purchase(50000, 50000, 50000)[-4:])
    balance = made.x("B026000104")[:8]
    tour.note("whole balance", made.initialize_purchase(int(balance, 16))[-4:])
    tour.note("log", " ".join(made.log()[:1]))
    for programs in range(6):
        made = _enter(tour)
        made.initialize_purchase(1, 1, 1)
        command = made.debit_command(NEXT_SPRING)
        tour.cut(programs, lambda sent=command: made.x(sent))  # type: ignore[misc]  # noqa: B023
        made.enter()
        tour.note(f"balance and log after a cut at program {programs}", made.x("B026000104") + made.x("00B2014400"))


def counter(tour: Tour) -> None:
    """What needs the PIN or DSK, and memory that fails."""
    tour.reset()
    made = Clinic(tour.bench, Suite.SM4)
    made.enter(verify=False)
    tour.note("GET BALANCE without the PIN", made.x("B026000104"))
    tour.note("proof without the PIN", made.proof("31", 7))
    tour.note("starting day without DSK", made.x("B0560000020801"))
    made.bench.authenticate(value(DSK & 0x0F), DSK, Suite.SM4)
    tour.note("starting day 1331", made.x("B0560000021331"))
    made.bench.verify(DIGITS)
    made.initialize_load(5)
    tour.note("CREDIT, page fails", tour.failing(made.credit))
    tour.note("GET BALANCE behind it", made.x("B026000104"))
