"""Tours through an environment with files of every kind, and with keys of every right."""

import functools

from cardsim.cos.access import FREE, NEVER, AccessRule, Operator
from cardsim.cos.files import FileType
from cardsim.cos.keys import KeyUse
from cardsim.crypto import social
from cardsim.crypto.social import Suite
from cardsim.keyfile import KeyFile
from tests.cards import ORIGINAL, PIN, Bench, apdu, of_cells
from tests.defects.tour import Tour, verify
from tests.ssse.shop import key, shop, value

DF0A = "D1560000050A"
DF0B = "D1560000050B"
SUITE = Suite.SM4
ALL = "00B2010500"
HEADER = bytes.fromhex("8416000004")


@functools.cache
def _cells() -> tuple[bytes, KeyFile]:
    """Keys 03, 04, 05, 0A, STK and PIN; EF05 free, EF0C variable, EF0D cyclic, EF0E full, EF0F fixed, EF10 never read;
    DF0A with keys 83 and 84: EF05 (83), EF06 (PIN and 83), EF08 ((83 and 84) or 0A)."""
    made = shop(SUITE)
    made.key_file()
    for reference in (0x03, 0x04, 0x05, 0x06, 0x0A):
        made.external(reference)
    made.write_key(KeyUse.MAINTENANCE, 2, value(2), limit=0xFF)
    made.write_key(KeyUse.INTERNAL, 0, value(1), limit=0xFF)
    made.pin(PIN)
    made.ef("EF05", 20)
    made.ef("EF0C", 40, write=key(4), read=FREE)
    made.ef("EF0E", 12, write=key(4))
    made.ef("EF10", 20, read=NEVER, write=key(4))
    made.ef("EF11", 20, read=key(3), write=key(4))
    made.ef("EF12", 300, FileType.TRANSPARENT, read=key(3), write=key(4))
    made.ef("EF14", 4, FileType.TRANSPARENT, write=key(4), protected=True)
    made.ef("EF13", 4, FileType.TRANSPARENT, write=key(4))
    made.create("EF0D", f"2E0304{FREE_AND_4}0D")
    made.create("EF0F", f"2A0304{FREE_AND_4}0F")
    contents = {
        0x05: ["0101AA"],
        0x0C: ["2A0111", "40022101", "40022202", "40022303"],
        0x0E: ["A20122", "A30133", "A40144"],
        0x0F: ["A1021122"],
        0x10: ["A10110"],
        0x11: ["A10111"],
    }
    for sfi, records in contents.items():
        for number, record in enumerate(records, 1):
            made.append(sfi, number, record)
    for newest in ("E1", "E2"):
        made.bench.x(f"00DC006B04{newest * 4}")
    made.df("DF0A", DF0A)
    made.bench.select(DF0A)
    made.key_file()
    made.external(0x83)
    made.external(0x84)
    made.external(0x85, limit=0xFF)
    made.write_key(KeyUse.MAINTENANCE, 2, value(9), limit=0xFF)
    made.ef("EF05", 20, read=key(0x83), write=key(0x84))
    made.ef("EF06", 20, read=AccessRule(Operator.A_AND_B, 0xF0, 0x83), write=key(0x84))
    made.ef("EF08", 20, read=AccessRule(Operator.A_AND_B_OR_C, 0x83, 0x84, 0x0A), write=key(0x84))
    for sfi in (5, 6, 8):
        made.append(sfi, 1, f"A{sfi}0155")
    made.root()
    made.df("DF0B", DF0B)
    made.end()
    return made.bench.cells, made.bench.keys


FREE_AND_4 = bytes(FREE).hex() + bytes(key(4)).hex()


def shelf() -> Bench:
    """A card of its own with these files, issued."""
    return of_cells(*_cells())


def _auth(tour: Tour, reference: int, length: int = 8) -> str:
    return tour.bench.authenticate(value(reference + 1), reference, SUITE, length)


def _fail(tour: Tour, reference: int) -> str:
    tour.bench.challenge()
    return tour.bench.x(f"008200{reference:02X}10" + "00" * 16)


def pointer(tour: Tour) -> None:
    """The record pointer, identifiers, sets of records."""
    tour.fresh()
    tour.bench.select_fid("EF0C", "02")
    tour.x("next without a current record", "00B2000200")
    tour.x("next", "00B2000200")
    tour.x("next, third", "00B2000200")
    tour.x("next, fourth", "00B2000200")
    tour.x("next behind the last", "00B2000200")
    tour.x("previous", "00B2000300")
    tour.x("first", "00B2000000")
    tour.x("next with identifier 2A", "00B22A0200")
    tour.x("identifier 0A", "00B20A0000")
    tour.x("last with identifier 40", "00B2400100")
    tour.x("number 00", "00B2000400")
    tour.x("number 2", "00B2020400")
    tour.x("from number 3", "00B2030500")
    tour.bench.select_fid("EF0C", "02")
    tour.x("number 00 behind SELECT", "00B2000400")
    tour.x("last", "00B2000100")
    tour.bench.select_fid("EF0D", "02")
    tour.x("first of a cyclic file", "00B2000000")
    tour.bench.select_fid("EF0C", "02")
    tour.x("next behind another file", "00B2000200")
    tour.bench.select(DF0A)
    tour.x("file of the environment by SFI", "00B2016400")
    tour.x("file of the environment by identifier", "00A4020002EF0C")


def writing(tour: Tour) -> None:
    """UPDATE RECORD in files of every kind."""
    tour.fresh()
    _auth(tour, 4)
    tour.bench.select_fid("EF0C", "02")
    tour.x("another length", "00DC0104042A021234")
    tour.x("first with identifier 40", "00DC4000044002F1F1")
    tour.x("all behind it", ALL)
    tour.bench.x("00B2400100")
    tour.x("previous with identifier 40", "00DC4003044002F2F2")
    tour.x("all behind that", ALL)
    tour.bench.x("00B2000000")
    tour.bench.x("00DC0304044002F3F3")
    tour.x("next behind a write by number", "00B2000200")
    tour.x("unknown identifier", "00DCB10003B10101")
    tour.x("next number", "00DC060403B20102")
    tour.x("all at the end", ALL)
    tour.x("full file", "00DC047403B10101")
    tour.x("fixed, too short", "00DC017C03A10111")
    tour.x("cyclic, too short", "00DC006B03E3E3E3")
    tour.x("cyclic, number", "00DC026C04E9E9E9E9")
    tour.x("cyclic, all", "00B2016D00")
    tour.x("cyclic, missing number", "00DC036C04E3E3E3E3")
    tour.x("cyclic, third", "00DC006B04E3E3E3E3")
    tour.x("cyclic, fourth", "00DC006B04E4E4E4E4")
    tour.x("cyclic, all at the end", "00B2016D00")


def rules(tour: Tour) -> None:
    """Access rules with one right after the other."""
    tour.fresh()
    verify(tour)
    tour.x("key file with the PIN", "00B2018C00", follow=False)
    _auth(tour, 0x0A)
    tour.x("key file with another key", "00B2018C00", follow=False)
    tour.x("never", "00B2018400", follow=False)
    _auth(tour, 3)
    tour.x("key file with its key", "00B2018C00")
    tour.x("writing with the read key", "00DC018C03A10177")
    tour.fresh()
    _auth(tour, 3)
    tour.bench.select(DF0A)
    tour.x("key 83 with key 03", "00B2012C00", follow=False)
    _auth(tour, 0x83)
    tour.x("PIN and key with the key", "00B2013400", follow=False)
    tour.fresh()
    _auth(tour, 0x0A)
    tour.bench.select(DF0A)
    tour.x("two keys or a third with the third", "00B2014400")


def proofs(tour: Tour) -> None:
    """Try counters, rights and challenges of keys and PIN."""
    tour.fresh()
    tour.note("wrong key 03", _fail(tour, 3))
    tour.note("wrong key 04", _fail(tour, 4))
    tour.x("writing after it", "00DC018C03A10177")
    tour.bench.ssse()
    tour.note("wrong key 04 again", _fail(tour, 4))
    tour.note("right key 04 at its last try", _auth(tour, 4))
    tour.note("wrong key 04 after the right one", _fail(tour, 4))
    tour.fresh()
    _auth(tour, 3)
    verify(tour)
    tour.x("tries of the PIN", "0020000000")
    tour.x("key file behind VERIFY", "00B2018C00")
    _fail(tour, 0x0A)
    tour.x("key file behind a failure", "00B2018C00")
    old = tour.bench.challenge()
    new = tour.bench.challenge()
    tour.note("old challenge", tour.bench.prove(value(6), 5, old, SUITE))
    tour.note("used challenge", tour.bench.prove(value(6), 5, new, SUITE))
    challenge = tour.bench.challenge()
    tour.bench.x("00B2012C00")
    tour.note("challenge behind READ RECORD", tour.bench.prove(value(6), 5, challenge, SUITE))
    tour.note("challenge of 4", _auth(tour, 5, 4))
    tour.note("challenge of 16", _auth(tour, 5, 16))
    challenge = tour.bench.challenge()
    data = social.authentication_data(SUITE, value(6), challenge, ORIGINAL)
    tour.x("authentication data behind the original data", apdu("00820005", ORIGINAL + data))
    tour.note("STK", tour.bench.authenticate(value(2), 2, SUITE))


def macs(tour: Tour) -> None:
    """CARD BLOCK with wrong MACs, and the right one at the end."""
    tour.fresh()
    _auth(tour, 5)
    challenge = tour.bench.challenge()
    session = social.session_key(SUITE, value(2), challenge)
    tour.x("wrong MAC", "8416000004FFFFFFFF")
    tour.x("same challenge", "8416000004" + social.mac4(SUITE, session, HEADER).hex())
    session = social.session_key(SUITE, value(2), tour.bench.challenge())
    tour.x("header left out", "8416000004" + social.mac4(SUITE, session, b"").hex())
    session = social.session_key(SUITE, value(2), tour.bench.challenge())
    tour.x("Lc without the MAC", "8416000004" + social.mac4(SUITE, session, HEADER[:4] + b"\0").hex())
    challenge = tour.bench.challenge()
    session = social.session_key(SUITE, value(2), challenge)
    begin = challenge.ljust(16, b"\0")
    tour.x("from the challenge", "8416000004" + social.mac4(SUITE, session, HEADER, begin).hex())
    tour.bench.challenge()
    tour.x("stored key", "8416000004" + social.mac4(SUITE, value(2), HEADER).hex())
    session = social.session_key(SUITE, value(2), tour.bench.challenge())
    tour.x("right MAC", "8416000004" + social.mac4(SUITE, session, HEADER).hex())


def _mac(tour: Tour, number: int, header: str, data: str = "") -> str:
    """A command with its MAC under STK and a fresh challenge."""
    message = bytes.fromhex(header) + bytes((len(data) // 2 + 4,)) + bytes.fromhex(data)
    session = social.session_key(SUITE, value(number), tour.bench.challenge())
    return (message + social.mac4(SUITE, session, message)).hex()


def services(tour: Tour) -> None:
    """The PIN's services, transparent files, writing with a MAC, APPLICATION BLOCK."""
    tour.fresh()
    tour.x("PIN UNBLOCK without PUK", _mac(tour, 2, "84240000"))
    tour.x("new PIN of two digits", "805E010005123456FF12")
    tour.x("CHANGE PIN with a wrong one", "805E010007999999FF123456")
    tour.x("tries behind it", "0020000000")
    tour.x("CHANGE PIN without a current one", "805E010004FF123456")
    tour.x("CHANGE PIN", "805E010007123456FF123456")
    tour.x("tries behind CHANGE PIN", "0020000000")
    tour.bench.select(DF0A)
    _auth(tour, 0x83)
    tour.x("PIN file behind CHANGE PIN", "00B2013400")
    tour.fresh()
    for _ in range(6):
        verify(tour, "999999")
    _auth(tour, 6)
    tour.x("PIN UNBLOCK", _mac(tour, 2, "84240000"))
    tour.x("tries behind PIN UNBLOCK", "0020000000")
    tour.fresh()
    tour.x("READ BINARY without a right", "00B0920004")
    tour.x("UPDATE BINARY without a right", "00D692000411223344")
    _auth(tour, 3)
    _auth(tour, 4)
    tour.bench.x("00D6920004A1A2A3A4")
    tour.bench.x("00D6010004B1B2B3B4")
    tour.x("offset 0102", "00B0010202")
    tour.x("offset 0000", "00B0000004")
    tour.x("offset 02 by SFI", "00B0920202")
    tour.x("beyond the end", "00D601280811223344556677AA")
    tour.x("writing without a MAC", "00D694000411223344")
    tour.x("wrong MAC", "04DC018C07A1019900000000")
    tour.x("MAC of the header", "04DC018C07A10199" + _mac(tour, 2, "04DC018C", "A10199")[-8:])
    challenge = tour.bench.challenge()
    header = bytes.fromhex("04DC018C07")
    spoilt = social.mac4(SUITE, social.session_key(SUITE, value(2), challenge), header)
    tour.x("MAC of the header alone", (header + bytes.fromhex("A10155") + spoilt).hex())
    for programs in range(6):
        tour.fresh()
        _auth(tour, 3)
        _auth(tour, 4)
        byte = f"{0xC0 + programs:02X}"
        tour.cut(programs, lambda sent=byte: tour.bench.x(f"00D6930004{sent * 4}"))  # type: ignore[misc]
        tour.ssse()
        tour.x(f"file after a cut at program {programs}", "00B0930004")
    tour.fresh()
    tour.bench.x("805E010004123456FF")
    tour.x("VERIFY while no PIN is in use", "0020000003999999")
    tour.fresh()
    tour.bench.select(DF0A)
    _auth(tour, 0x83)
    tour.x("PIN file while no PIN is in use", "00B2013400")
    tour.x("APPLICATION BLOCK with a read key", _mac(tour, 9, "841E0001"))
    _auth(tour, 0x85)
    tour.x("APPLICATION BLOCK with STK of the environment", _mac(tour, 2, "841E0001"))
    tour.x("APPLICATION BLOCK", _mac(tour, 9, "841E0001"))
    tour.fresh()
    tour.x("SELECT of the blocked application", f"00A4040006{DF0A}")
    tour.x("SELECT of its sibling", f"00A4040006{DF0B}")
