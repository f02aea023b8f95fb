"""Tours through the payment environment of the operational demo card."""

from tests.cards import PSE_NAME, apdu
from tests.defects.tour import AID, Tour
from tests.pse.deal import AAC, ARQC, TC, Data, Deal

OWN = Data()
FOREIGN = Data(currency="0840")
LARGE = Data(amount=99_999_999)
CASH = Data(tvr="0000000000")
FAILED = Data(tvr="4000000000")


def _gpo(deal: Deal, *, cash: bool = False, data: Data = OWN) -> str:
    """GPO; the whole answer."""
    return deal.gpo(cash=cash, amount=data.amount, currency=data.currency)


def _gac(tour: Tour, name: str, p1: int, data: Data = OWN) -> str:
    """First GENERATE AC; the whole answer is noted."""
    return tour.x(name, apdu(f"80AE{p1:02X}00", data.cdol1()))


def _gac2(tour: Tour, name: str, p1: int, code: bytes, data: Data = OWN) -> str:
    return tour.x(name, apdu(f"80AE{p1:02X}00", data.cdol2(code)))


def _online(tour: Tour, name: str, code: bytes = b"00") -> None:
    """A whole online transaction with the right ARPC."""
    deal = Deal(tour.bench)
    _gpo(deal)
    answer = tour.bench.x(apdu("80AE8000", OWN.cdol1()))
    arpc = _arpc(answer, code)
    tour.note(f"{name}: EXTERNAL AUTHENTICATE", tour.bench.x(f"008200000A{arpc.hex()}{code.hex()}"))
    tour.note(f"{name}: second GENERATE AC", tour.bench.x(apdu("80AE4000", OWN.cdol2(code))))


def _arpc(answer: str, code: bytes) -> bytes:
    from cardsim.crypto import pboc
    from tests.pse.deal import MDK_AC, session_key

    body = bytes.fromhex(answer)[2:-2].ljust(11, b"\0")
    return pboc.arpc(session_key(MDK_AC, int.from_bytes(body[1:3], "big")), body[3:11], code)


def files(tour: Tour) -> None:
    """FCI, records, GET DATA."""
    tour.reset()
    tour.x("SELECT PSE", apdu("00A40400", PSE_NAME))
    tour.x("GET DATA at PSE", "80CA9F3600")
    tour.x("directory, record 9", "00B2090C00", follow=False)
    tour.x("SELECT of the application", apdu("00A40400", AID))
    tour.x("record 1 of SFI 1", "00B2010C00")
    tour.x("Le too small", "00B2010C05", follow=False)
    tour.x("record 9 of SFI 1", "00B2090C00", follow=False)
    tour.x("SFI 10", "00B2015400", follow=False)
    tour.x("ATC", "80CA9F3600")
    tour.x("tag 5A", "80CA005A00", follow=False)
    tour.x("tag 8000", "80CA800000", follow=False)
    tour.x("tag 1234", "80CA123400", follow=False)


def order(tour: Tour) -> None:
    """Commands of a transaction out of their turn."""
    tour.reset()
    deal = Deal(tour.bench)
    deal.select()
    _gac(tour, "GENERATE AC before GPO", ARQC)
    tour.reset()
    deal.select()
    tour.x("GPO, one byte too many", "80A800000C830900000000001000015600")
    tour.note("GPO", _gpo(deal))
    tour.x("ATC after GPO", "80CA9F3600")
    tour.x("GPO again", "80A800000B8309000000000010000156")
    tour.reset()
    deal.select()
    tour.x("ATC after GPO and a reset", "80CA9F3600")
    _gpo(deal)
    deal.select()
    _gac(tour, "GENERATE AC after SELECT", ARQC)
    _gpo(deal)
    tour.x("GENERATE AC, one byte too many", apdu("80AE8000", OWN.cdol1() + "00"))
    deal.select()
    _gpo(deal)
    _gac(tour, "ARQC", ARQC)
    tour.x("INTERNAL AUTHENTICATE after ARQC", "008800000412345678")
    tour.x("wrong ARPC", "008200000A" + "00" * 8 + "3030")
    deal.select()
    _gpo(deal)
    answer = _gac(tour, "CVR after a failed issuer authentication", ARQC)
    almost = bytearray(_arpc(answer, b"00"))
    almost[7] ^= 1
    tour.x("last byte of the ARPC wrong", f"008200000A{almost.hex()}3030")
    tour.x("right ARPC after it", f"008200000A{_arpc(answer, b'00').hex()}3030")
    _gac2(tour, "TC of the second GENERATE AC", TC, b"00")
    _gac2(tour, "third GENERATE AC", TC, b"00")


def counters(tour: Tour) -> None:
    """What a transaction leaves for the next one."""
    tour.reset()
    deal = Deal(tour.bench)
    _gpo(deal)
    _gac(tour, "new card, ARQC", ARQC)
    _gpo(deal)
    _gac(tour, "after an ARQC without an answer", TC)
    _online(tour, "declined", b"05")
    _online(tour, "approved")
    tour.x("last online ATC", "80CA9F1300")
    _gpo(deal)
    _gac(tour, "AAC, SDA failed", AAC, FAILED)
    _gpo(deal)
    _gac(tour, "after an AAC, SDA failed", AAC)
    for number in range(4):
        _online(tour, f"online {number}")
        _gpo(deal, data=FOREIGN)
        _gac(tour, f"foreign {number}", TC, FOREIGN)
        _gpo(deal, data=FOREIGN)
        _gac(tour, f"foreign {number} again", TC, FOREIGN)
    _online(tour, "before a large amount")
    _gpo(deal, data=LARGE)
    _gac(tour, "large amount", TC, LARGE)
    _online(tour, "before small amounts")
    half = Data(amount=300_000)
    for number in range(6):
        _gpo(deal, data=half)
        _gac(tour, f"half of the limit {number}", TC, half)


def many(tour: Tour) -> None:
    """Offline transactions until the card goes online."""
    tour.reset()
    _online(tour, "first")
    deal = Deal(tour.bench)
    for number in range(14):
        _gpo(deal)
        _gac(tour, f"offline {number}", TC)


def log(tour: Tour) -> None:
    """The transaction log."""
    tour.reset()
    deal = Deal(tour.bench)
    _gpo(deal)
    _gac(tour, "AAC", AAC)
    tour.x("log after an AAC", "00B2015C00")
    _online(tour, "online")
    tour.x("log after a TC", "00B2015C00")


def cash(tour: Tour) -> None:
    """Electronic cash."""
    tour.reset()
    deal = Deal(tour.bench)
    tour.note("GPO beyond the balance", _gpo(deal, cash=True, data=Data(amount=10_001)))
    tour.note("GPO", _gpo(deal, cash=True, data=CASH))
    _gac(tour, "another amount", TC, Data(amount=999, tvr="0000000000"))
    _gpo(deal, cash=True, data=CASH)
    _gac(tour, "TC", TC, CASH)
    tour.x("balance", "80CA9F7900")
    tour.x("log", "00B2015C00")
