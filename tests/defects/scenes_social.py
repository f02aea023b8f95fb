"""Tours through chip, dispatch and the social-security environment of the operational demo card."""

from tests.cards import PIN, PSE_NAME, SSSE_NAME, apdu
from tests.defects.tour import AID, DF01, Tour, verify


def chip(tour: Tour) -> None:
    """Answer to reset, random numbers, what a reset forgets."""
    tour.note("ATR", tour.reset())
    tour.ssse()
    first, second = tour.bench.challenge(), tour.bench.challenge()
    tour.note("two challenges differ", str(first != second))
    tour.fresh()
    tour.note("challenges differ after a reset", str(tour.bench.challenge() != first))
    challenge = tour.bench.challenge()
    tour.fresh()
    tour.note("old challenge after a reset", tour.bench.prove(tour.bench.key("RKSSSE"), 0x0A, challenge))
    tour.auth("RKSSSE", 0x0A)
    verify(tour)
    tour.fresh()
    tour.x("EF06 after a reset", "00B2013400")
    tour.bench.select(DF01)
    tour.x("PIN file after a reset", "00B2012C00")


def faults(tour: Tour) -> None:
    """Power cuts and pages that fail."""
    tour.fresh()
    tour.note("VERIFY, page fails", tour.failing(lambda: verify(tour, "999999")))
    tour.fresh()
    tour.auth("UKSSSE", 4)
    tour.note("UPDATE RECORD, page fails", tour.failing(lambda: tour.bench.x("00DC022C0302014B")))
    for programs in range(4):
        tour.fresh()
        tour.auth("UKSSSE", 4)
        tour.cut(programs, lambda number=programs: tour.bench.x(f"00DC022C030201{0x40 + number:02X}"))  # type: ignore[misc]
        tour.ssse()
        tour.x(f"EF05 after a cut at program {programs}", "00B2022C03")
    for programs in range(4):
        tour.fresh()
        with_pin: list[str] = []
        tour.cut(programs, lambda: with_pin.append(verify(tour)))  # noqa: B023
        tour.note(f"right PIN, cut at program {programs}", with_pin[0])
        tour.ssse()
        tour.x(f"tries after a cut at program {programs}", "0020000000")


def transport(tour: Tour) -> None:
    """T=0: lengths, GET RESPONSE, classes, parameters."""
    tour.reset()
    tour.x("SELECT", apdu("00A40400", SSSE_NAME), follow=False)
    tour.x("GET RESPONSE of 4", "00C0000004", follow=False)
    tour.x("GET RESPONSE of the rest", "00C000001A", follow=False)
    tour.x("GET RESPONSE again", "00C000001A", follow=False)
    tour.x("SELECT again", apdu("00A40400", SSSE_NAME), follow=False)
    tour.x("GET CHALLENGE of 8", "0084000008")
    tour.notes.pop("GET CHALLENGE of 8")
    tour.x("GET RESPONSE after another command", "00C000001E", follow=False)
    tour.x("READ RECORD, Le 00", "00B2012C00", follow=False)
    tour.x("READ RECORD, Le one short", "00B2012C11", follow=False)
    tour.x("wrong class", "90B2012C12")
    tour.x("unknown instruction", "00B6000000")
    tour.x("GET CHALLENGE, P1 01", "0084010008")
    tour.x("GET CHALLENGE, P2 01", "0084000108")
    tour.x("GET CHALLENGE, P1 and Le wrong", "0084010005")
    tour.x("GET CHALLENGE, Le 05", "0084000005")
    tour.x("VERIFY, Lc 09", "0020000009" + "12" * 9)
    tour.x("INTERNAL AUTHENTICATE, Lc 12", "0088000012" + "00" * 18, follow=False)
    tour.x("VERIFY, Lc 02 and four bytes", "002000000212345678")
    tour.x("APPLICATION BLOCK", "841E000004")


def selection(tour: Tour) -> None:
    """SELECT by name, by identifier, what it keeps and what it ends."""
    tour.fresh()
    tour.x("SELECT SSSE", apdu("00A40400", SSSE_NAME))
    tour.x("SELECT by the front of a name", "00A4040005A000000333")
    tour.x("SELECT of the next", "00A4040205A000000333")
    tour.reset()
    tour.x("SELECT DDF1 from the MF", "00A4000002DDF1")
    tour.ssse()
    tour.x("SELECT DDF2 from SSSE", "00A4000002DDF2")
    tour.fresh()
    tour.auth("RKSSSE", 0x0A)
    tour.x("SELECT of an unknown name", "00A40400051122334455")
    tour.x("EF06 after a failed SELECT", "00B2013400", follow=False)
    tour.ssse()
    tour.x("EF06 after SELECT of the same DF", "00B2013400", follow=False)
    tour.bench.select(DF01)
    tour.ssse()
    tour.x("EF06 after DF01", "00B2013400", follow=False)
    tour.bench.select(PSE_NAME)
    tour.ssse()
    tour.x("EF06 after PSE", "00B2013400", follow=False)
    tour.fresh()
    tour.x("READ RECORD without an EF", "00B2010400", follow=False)
    tour.bench.x("00B2012C00")
    tour.x("current EF after an SFI", "00B2020400", follow=False)
    tour.bench.select(DF01)
    tour.x("current EF after SELECT of a DF", "00B2010400", follow=False)


def rights(tour: Tour) -> None:
    """Rights and challenges: how long they last, how often they serve."""
    tour.fresh()
    verify(tour)
    tour.bench.select(DF01)
    tour.x("PIN file", "00B2012C00", follow=False)
    tour.bench.select(PSE_NAME)
    tour.ssse(df01=True)
    tour.x("PIN file after PSE", "00B2012C00", follow=False)
    tour.note("RK1DF01", tour.auth("RK1DF01", 0x88))
    tour.x("file of RK1DF01", "00B2012C00", follow=False)
    tour.ssse(df01=True)
    tour.x("file of RK1DF01 after SSSE", "00B2012C00", follow=False)
    for name, between in (("PSE", PSE_NAME), ("DF01", DF01)):
        tour.fresh()
        challenge = tour.bench.challenge()
        tour.bench.select(between)
        tour.ssse()
        tour.note(f"challenge after {name}", tour.bench.prove(tour.bench.key("RKSSSE"), 0x0A, challenge))
    challenge = tour.bench.challenge()
    tour.bench.select_fid("EF05", "02")
    tour.note("challenge after SELECT of an EF", tour.bench.prove(tour.bench.key("RKSSSE"), 0x0A, challenge))
    tour.note("same challenge again", tour.bench.prove(tour.bench.key("RKSSSE"), 0x0A, challenge))
    challenge = tour.bench.challenge()
    tour.x("wrong data", "0082000A10" + "00" * 16)
    tour.note("same challenge after a failure", tour.bench.prove(tour.bench.key("RKSSSE"), 0x0A, challenge))
    tour.fresh()
    tour.auth("RKSSSE", 0x0A)
    tour.auth("UKSSSE", 4)
    tour.x("EF06 after another key", "00B2013400", follow=False)
    tour.x("P2 00", "0082000010" + "00" * 16)
    tour.x("P2 84 in SSSE", "0082008410" + "00" * 16)
    tour.bench.challenge()
    tour.x("unknown version", "0082000A11" + "00" * 16 + "99")
    tour.bench.challenge()
    almost = bytearray(tour.data("RKSSSE", tour.bench.challenge()))
    almost[7] ^= 1
    tour.x("last byte of the authentication data wrong", "0082000A10" + almost.hex())


def tries(tour: Tour) -> None:
    """Try counters of PIN and keys."""
    tour.fresh()
    tour.x("tries of the PIN", "0020000000")
    tour.x("tries, asked again", "0020000000")
    tour.note("front of the PIN", verify(tour, PIN[:4]))
    tour.note("PIN and more", verify(tour, PIN + "FF"))
    tour.note("right PIN", verify(tour))
    tour.x("tries after the right PIN", "0020000000")
    tour.note("wrong PIN", verify(tour, "999999"))
    tour.bench.select(DF01)
    tour.x("PIN file after a wrong PIN", "00B2012C00", follow=False)
    tour.fresh()
    tour.x("tries after a reset", "0020000000")
    for number in range(6):
        tour.note(f"wrong PIN {number}", verify(tour, "999999"))
    tour.note("right PIN when locked", verify(tour))
    tour.note("wrong key", tour.wrong(0x0A))
    tour.note("right key", tour.auth("RKSSSE", 0x0A))
    tour.note("wrong key again", tour.wrong(0x0A))
    tour.fresh()
    for number in range(3):
        tour.note(f"wrong key {number}", tour.wrong(0x0A))
    tour.note("right key when locked", tour.auth("RKSSSE", 0x0A))
    tour.x("locked key without a challenge", "0082000A10" + "00" * 16)


def records(tour: Tour) -> None:
    """READ RECORD: numbers, modes, identifiers, the pointer, access rules."""
    tour.fresh()
    tour.x("record 9", "00B2092C00", follow=False)
    tour.x("SFI 17", "00B201BC00", follow=False)
    tour.x("EF06 without a key", "00B2013400", follow=False)
    tour.x("record 99 of EF06 without a key", "00B2633400", follow=False)
    tour.x("all from 6", "00B2062D00")
    tour.x("last to 6", "00B2062E00")
    tour.bench.select_fid("EF05", "02")
    tour.x("first", "00B2000000")
    tour.x("next, Le wrong", "00B2000200", follow=False)
    tour.x("next", "00B2000200")
    tour.x("next again", "00B2000200")
    tour.x("record 6 by number", "00B2060400")
    tour.x("previous", "00B2000300")
    tour.x("last", "00B2000100")
    tour.auth("UKSSSE", 4)
    tour.x("EF06 with its update key", "00B2013400", follow=False)
    tour.x("INTERNAL AUTHENTICATE", "0088000010" + "01" * 8 + "02" * 8)
    tour.bench.select(DF01)
    tour.x("INTERNAL AUTHENTICATE in DF01", "0088000010" + "01" * 8 + "02" * 8)


def updates(tour: Tour) -> None:
    """UPDATE RECORD."""
    tour.fresh()
    tour.x("without a key", "00DC022C0302014B")
    verify(tour)
    tour.x("with the PIN", "00DC022C0302014B")
    tour.auth("UKSSSE", 4)
    tour.x("with the key", "00DC022C0302014B")
    tour.x("what was written", "00B2022C03")
    tour.x("length of the record wrong", "00DC022C0302024B")
    tour.x("record 12", "00DC0C2C03220141")
    tour.x("record 8", "00DC082C03220141")


def blocks(tour: Tour) -> None:
    """CARD BLOCK."""
    tour.fresh()
    tour.note("without BK", tour.block())
    tour.fresh()
    tour.auth("BK", 5)
    tour.note("last byte of the MAC wrong", tour.block(1, 3))
    tour.fresh()
    tour.auth("BK", 5)
    tour.note("MAC wrong", tour.block(0xFF, 0))
    tour.note("right MAC after a wrong one", tour.block())
    tour.x("command in the blocked environment", "0084000008")
    tour.x("SELECT of the blocked environment", apdu("00A40400", SSSE_NAME))
    tour.x("SELECT of the application", apdu("00A40400", AID))
    tour.note("ATR", tour.reset())
    tour.x("SELECT after a reset", apdu("00A40400", SSSE_NAME))
