"""Tours through transactions on payment cards of several kinds: risk management, issuer scripts, electronic cash."""

from cardsim.crypto import pboc
from tests.cards import SSSE_NAME, apdu
from tests.defects.scenes_payment import CASH, FAILED, FOREIGN, OWN
from tests.defects.tour import AID, Tour
from tests.pse.bank import MDK_ENC, enciphered, script
from tests.pse.deal import AAC, ARQC, MDK_AC, PAN, PSN, TC, Data, Deal, session_key

PIN, OTHER_PIN, WRONG_PIN = "26123456FFFFFFFF", "26654321FFFFFFFF", "26000000FFFFFFFF"
_CDA = 0x10
_ABROAD = Data(country="0840")
_NO_DIGITS = "80A800000B83090100000000000A0156"
_ANY_WISH = "80A800000B8309020000000000100156"


class Till:
    """A terminal that sends the same whatever the card answers, and a bank that answers it."""

    def __init__(self, tour: Tour) -> None:
        self.tour, self.deal = tour, Deal(tour.bench)
        self.atc, self.first, self.steps = 0, bytes(8), 0

    def note(self, name: str, answer: str) -> str:
        """Keep an answer; the number makes the name its own."""
        self.steps += 1
        return self.tour.note(f"{self.steps}: {name}", answer)

    def gpo(self, data: Data = OWN, *, cash: bool = False) -> None:
        """SELECT and GPO."""
        self.note("GPO", self.deal.gpo(cash=cash, amount=data.amount, currency=data.currency))

    def gac(self, p1: int, data: Data = OWN) -> None:
        """First GENERATE AC; the bank looks at its cryptogram."""
        name = {AAC: "AAC", TC: "TC", ARQC: "ARQC"}[p1 & 0xC0]
        answer = self.note(f"asked for {name}", self.tour.bench.x(apdu(f"80AE{p1:02X}00", data.cdol1())))
        body = bytes.fromhex(answer)[2:-2].ljust(11, b"\0")
        self.atc, self.first = int.from_bytes(body[1:3], "big"), body[3:11]

    def once(self, p1: int, data: Data = OWN, *, cash: bool = False) -> None:
        """GPO and first GENERATE AC."""
        self.gpo(data, cash=cash)
        self.gac(p1, data)

    def issuer(self, code: bytes = b"00", spoil: int = 0) -> None:
        """EXTERNAL AUTHENTICATE."""
        right = pboc.arpc(session_key(MDK_AC, self.atc), self.first, code)
        wrong = bytes(byte ^ spoil for byte in right)
        self.note("EXTERNAL AUTHENTICATE", self.tour.bench.x(f"008200000A{wrong.hex()}{code.hex()}"))

    def end(self, p1: int = TC, code: bytes = b"00", data: Data = OWN) -> None:
        """Second GENERATE AC."""
        self.note(f"second GENERATE AC, {code!r}", self.tour.bench.x(apdu(f"80AE{p1:02X}00", data.cdol2(code))))

    def online(self, code: bytes = b"00", data: Data = OWN) -> None:
        """A whole online transaction."""
        self.once(ARQC, data)
        self.issuer(code)
        self.end(TC, code, data)

    def script(self, name: str, header: str, data: str = "", chain: bytes | None = None) -> None:
        """A command of an issuer script."""
        right = script(header, self.atc, self.first if chain is None else chain, bytes.fromhex(data))
        self.note(name, self.tour.bench.x(right))

    def x(self, name: str, command: str) -> None:
        """Any command."""
        self.note(name, self.tour.bench.x(command))

    def get(self, *tags: str) -> None:
        """GET DATA."""
        for tag in tags:
            self.x(f"GET DATA {tag}", f"80CA{tag}00")


def _verify(till: Till, pin: str) -> None:
    till.x("VERIFY", f"0020008008{pin}")


def walk(tour: Tour) -> None:
    """Marks, limits, actions and counters, one after the other."""
    _walk(Till(tour))


def _walk(till: Till) -> None:
    till.once(TC)
    till.once(TC)
    till.once(AAC)
    till.once(ARQC)
    till.end(code=b"Y3")
    till.get("9F13")
    till.once(ARQC)
    till.issuer(spoil=1)
    till.end()
    till.once(TC, cash=True)
    till.once(TC)
    till.once(ARQC)
    till.end()
    till.get("9F13")
    till.once(TC)
    till.once(ARQC)
    till.end(code=b"Y1")
    till.get("9F13")
    till.online(b"05")
    till.get("9F13")
    till.once(TC)
    till.once(ARQC)
    till.issuer(b"05")
    till.end()
    till.online()
    for first in ("40", "08", "04"):
        till.once(AAC, Data(tvr=f"{first}00000000"))
        till.once(ARQC)
        till.issuer()
        till.end()
    till.once(AAC, FAILED)
    till.online(b"05")
    till.once(ARQC)
    till.online()
    till.get("9F13")


def abroad(tour: Tour) -> None:
    """Counters of foreign transactions and totals."""
    till = Till(tour)
    till.online()
    for data in (FOREIGN, _ABROAD, Data(amount=4000), Data(amount=6000)):
        till.once(AAC, data)
        till.once(TC, data)
        till.once(TC, data)
        till.once(ARQC, data)
        till.end(code=b"Y3", data=data)
        till.online()
        till.once(TC, data)
        till.online()
    till.once(TC, Data(amount=6000))
    till.once(ARQC, Data(amount=6000))
    till.end(code=b"Y3", data=Data(amount=6000))
    till.online()
    till.once(ARQC, Data(amount=6000))
    till.once(ARQC, OWN)
    till.online()
    for _ in range(4):
        till.once(TC, OWN)
    till.once(ARQC, OWN)
    till.end(code=b"Y3")
    till.online()
    till.once(TC, Data(amount=5000))
    till.once(TC, Data(amount=5000))
    till.once(ARQC, OWN)
    till.end(code=b"Y3")


def spending(tour: Tour) -> None:
    """Electronic cash, its path, log, and what it books."""
    till = Till(tour)
    till.gpo()
    till.gac(ARQC | _CDA)
    till.gac(ARQC)
    till.issuer(spoil=1)
    till.gpo(CASH, cash=True)
    till.online()
    till.x("no digits", _NO_DIGITS)
    till.deal.select()
    till.x("no digits after SELECT", _NO_DIGITS)
    till.deal.select()
    till.x("wish 02", _ANY_WISH)
    till.gpo(FOREIGN, cash=True)
    till.gpo(Data(amount=5000), cash=True)
    till.gpo(Data(amount=5001), cash=True)
    till.once(TC, CASH, cash=True)
    till.get("9F79")
    till.x("log", "00B2015C00")
    till.once(ARQC, CASH, cash=True)
    till.get("9F79")
    till.issuer()
    till.end(data=CASH)
    till.get("9F79")
    till.x("newest", "00B2015C00")
    till.x("next", "00B2025C00")
    till.once(ARQC)
    till.once(TC, CASH, cash=True)
    till.once(ARQC)
    till.online()
    till.once(TC, CASH, cash=True)
    till.once(TC, Data(amount=10000))
    till.gpo(Data(amount=7000), cash=True)
    till.online()
    till.gpo(Data(amount=4000), cash=True)
    till.gac(TC, Data(amount=4000, tvr="0000000000"))
    till.gpo(Data(amount=3000), cash=True)
    till.gac(TC, Data(amount=3000, tvr="0000000000"))
    till.get("9F79")


def signing(tour: Tour) -> None:
    """Signatures of dynamic and combined authentication."""
    till = Till(tour)
    till.gpo()
    till.x("DDA", "008800000411111111")
    till.gac(ARQC)
    till.gpo()
    till.x("DDA with another number", "008800000422222222")
    till.once(ARQC | _CDA)
    till.end(TC | _CDA)
    till.once(AAC | _CDA)
    till.gac(AAC)


def holder(tour: Tour) -> None:
    """The offline PIN, and its neighbour's."""
    till = Till(tour)
    till.gpo()
    _verify(till, WRONG_PIN)
    _verify(till, PIN)
    till.gac(ARQC)
    for _ in range(3):
        till.gpo()
        _verify(till, WRONG_PIN)
        till.gac(AAC)
    till.gpo(Data(amount=0), cash=True)
    till.gac(TC)
    till.once(ARQC)
    till.end(code=b"Y3")
    till.note("SELECT", till.deal.select())


def neighbours(tour: Tour) -> None:
    """Both PINs of a card with two environments."""
    till = Till(tour)
    till.gpo()
    _verify(till, WRONG_PIN)
    tour.bench.select(SSSE_NAME)
    till.x("PIN of SSSE, wrong", "0020000003999999")


def orders(tour: Tour) -> None:
    """Issuer scripts: MAC, place, count and marks."""
    till = Till(tour)
    till.once(ARQC)
    till.script("load", "04DA9F79", "000000010000")
    till.get("9F79")
    till.script("a limit", "04DA9F58", "05")
    till.issuer()
    till.end()
    till.script("behind the end", "04DA9F58", "06")
    till.get("9F58")
    till.once(ARQC)
    tour.reset()
    till.once(ARQC)
    till.issuer()
    till.end()
    till.once(ARQC)
    till.x("wrong MAC", "841E000004" + "00" * 4)
    till.script("right MAC behind it", "04DA9F58", "07")
    till.once(ARQC)
    right = bytearray.fromhex(script("04DA9F58", till.atc, till.first, b"\x08"))
    right[-1] ^= 1
    till.x("MAC with a wrong end", right.hex())
    tour.reset()
    till.gpo(CASH, cash=True)
    till.once(TC)
    till.once(ARQC)
    till.end()
    till.once(TC)
    till.online()
    till.once(ARQC)
    till.gpo()
    till.script("before the first cryptogram", "841E0000", chain=bytes(8))
    till.once(AAC)
    till.script("after an AAC", "841E0000")
    till.note("SELECT", till.deal.select())


def written(tour: Tour) -> None:
    """What PUT DATA and UPDATE RECORD do."""
    till = Till(tour)
    for name, header, value in (
        ("load", "04DA9F79", "000000010000"), ("load again", "04DA9F79", "000000020000"),
        ("too much", "04DA9F79", "000000999999"), ("no digits", "04DA9F78", "00000000000A"),
        ("the ATC", "04DA9F36", "0001"), ("no such tag", "04DA9F99", "00"),
        ("a record", "04DC020C", "70049F620100"), ("no record", "04DC020C", "0102030405"),
    ):  # fmt: skip
        till.once(ARQC)
        till.script(name, header, value)
        till.get("9F79", "9F36")
        till.x("record", "00B2020C00")
        till.once(ARQC)
        till.issuer()
        till.end()


def keeper(tour: Tour) -> None:
    """PIN changes by script."""
    till = Till(tour)
    till.gpo()
    _verify(till, WRONG_PIN)
    till.gac(ARQC)
    till.script("unblock", "84240000")
    till.get("9F17")
    udk = pboc.derive_udk(MDK_ENC, PAN, PSN)
    for name, p2, new, old in (("new PIN", 2, "654321", None), ("PIN with the old one", 1, "123456", "654321")):
        till.gpo()
        _verify(till, WRONG_PIN)
        till.gac(ARQC)
        till.script(name, f"842400{p2:02X}", enciphered(till.atc, pboc.pin_change_block(udk, new, old)).hex())
        till.get("9F17")
        till.gpo()
        _verify(till, OTHER_PIN)
        _verify(till, PIN)


def barred(tour: Tour) -> None:
    """Blocks."""
    till = Till(tour)
    till.once(ARQC)
    till.script("APPLICATION BLOCK", "841E0000")
    till.issuer()
    till.end()
    till.note("SELECT", till.deal.select())
    tour.reset()
    till.once(ARQC)
    till.x("APPLICATION UNBLOCK, wrong MAC", "8418000004" + "00" * 4)
    till.note("SELECT", till.deal.select())
    till.once(ARQC)
    till.script("APPLICATION UNBLOCK", "84180000")
    till.note("SELECT", till.deal.select())
    till.once(ARQC)
    till.script("CARD BLOCK", "84160000")
    till.issuer()
    till.end()
    till.note("SELECT", till.deal.select())
    tour.reset()
    till.note("SELECT", till.deal.select())
    till.note("SELECT SSSE", tour.bench.select(SSSE_NAME))
    till.x("SELECT once more", apdu("00A40400", AID))


def strict(tour: Tour) -> None:
    """A card that goes online for whatever went wrong before."""
    till = Till(tour)
    till.once(TC)
    till.online()
    till.once(ARQC)
    till.x("wrong MAC", "841E000004" + "00" * 4)
    till.issuer()
    till.end()
    till.once(TC)
    till.online()
    _walk(till)


def mandatory(tour: Tour) -> None:
    """A card that wants the issuer authenticated, and says why it declines."""
    walk(tour)


def declining(tour: Tour) -> None:
    """A card that declines without PIN tries."""
    holder(tour)


def blocking(tour: Tour) -> None:
    """A card that blocks without PIN tries."""
    holder(tour)


def last_try(tour: Tour) -> None:
    """A card that blocks with the last PIN try."""
    holder(tour)


def always_online(tour: Tour) -> None:
    """A card whose limits leave nothing but electronic cash offline."""
    spending(tour)
