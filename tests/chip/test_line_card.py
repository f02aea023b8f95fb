"""A whole card through its line: the same answers and the same state as by `transmit`, for every command."""

import functools
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardsim.assembly import CardModel, SamModel, new_psam, seeded
from cardsim.chip.eeprom import Eeprom
from cardsim.cos.commands import SELECT
from cardsim.cos.record import Switch
from cardsim.crypto import social
from cardsim.iso7816.apdu import Case
from cardsim.iso7816.atr import InterfaceBytes
from cardsim.iso7816.contact import DEFAULT_PROFILE, DEFAULT_SUPPLY, LineProfile
from cardsim.making.psam import activate_psam, make_psam
from cardsim.making.samplan import DEFAULT_PSAM_PROFILE, load_psam_profile
from terminal.errors import LinkError
from terminal.links.t0 import T0Link, tpdu
from tests.cards import AID, PSE_NAME, SSSE_NAME, blank, card, virgin

NAMES = [bytes.fromhex(name) for name in (SSSE_NAME, PSE_NAME, AID, "D15600000500", "D15600000502", "00" * 7)]
LIKELY = [
    "00A404000F" + SSSE_NAME, "00A4020002EF05", "00B2012C12", "00B2032C00", "00B2030406", "0084000008", "0020000000",
    "0020000003123450", "0088000010" + "1122334455667788" * 2,
]  # fmt: skip
FILES = [bytes.fromhex(name) for name in ("3F00", "EF05", "EF06", "EF07", "DDF1", "EEEE")]
PROFILES = [
    DEFAULT_PROFILE,
    LineProfile(bytewise=True),
    LineProfile(InterfaceBytes(ta1=0x95, tc1=3, ta3=0x43), start=400, spacing=30),
]


@functools.cache
def _psam_cells() -> bytes:
    model = new_psam(seed=1)
    activate_psam(model, None)
    make_psam(model, load_psam_profile(DEFAULT_PSAM_PROFILE), None)
    return model.eeprom.snapshot().cells


def psam() -> SamModel:
    """A finished PSAM of the default profile, powered."""
    model = SamModel(Eeprom(bytearray(_psam_cells())), seeded(1))
    model.power_on()
    return model


AnyModel = CardModel | SamModel
MAKERS: dict[str, Callable[[], AnyModel]] = {
    "card": lambda: card().model,
    "blank": lambda: blank().model,
    "virgin": lambda: virgin().model,
    "psam": psam,
}


def linked(model: AnyModel, profile: LineProfile = DEFAULT_PROFILE) -> T0Link:
    """A card in a T=0 reader, powered."""
    model.power_off()
    link = T0Link(model.line(profile, DEFAULT_SUPPLY))
    link.power_on()
    return link


def headers(model: AnyModel) -> list[bytes]:
    """CLA INS of all commands that the card has anywhere."""
    return sorted({header for level in model.os.levels() for header in level.rows})


def shaped(model: AnyModel, header: bytes, draw: Random) -> bytes:
    """A command with this header as the case of its row has it; any shape where the header alone is refused."""
    case = model.case_of(header)
    if case is None:
        case = draw.choice(list(Case))
    if case is Case.RESPONSE or not header[4]:
        return header if header[4] or draw.random() < 0.8 else header[:4]
    if case is Case.NO_DATA and model.case_of(header) is None:
        return header
    data = draw.choice([draw.randbytes(header[4]), bytes(header[4])])
    return header + data + (b"\0" if draw.random() < 0.2 else b"")


def command(model: AnyModel, draw: Random) -> bytes:
    """A command that has a chance to do something."""
    kind = draw.random()
    if draw.random() < 0.4:
        return bytes.fromhex(draw.choice(LIKELY))
    if kind < 0.2:
        name = draw.choice(NAMES)
        return bytes((0x00, 0xA4, 0x04, 0x00, len(name))) + name
    if kind < 0.3:
        return bytes.fromhex("00A4") + draw.choice([b"\0\0", b"\2\0"]) + b"\2" + draw.choice(FILES)
    if kind < 0.5:
        number, sfi, length = draw.randrange(6), draw.choice([0, 5, 6, 7, 8, 0x1E]), draw.choice([0, 6, 18, 30])
        return bytes((0x00, 0xB2, number, sfi << 3 | draw.choice([0, 2, 4]), length))
    if kind < 0.6:
        return bytes((0x00, 0xC0, 0, 0, draw.choice([0, 1, 8, 30])))
    header = draw.choice(headers(model)) if kind < 0.9 else bytes((draw.randrange(255), draw.randrange(256)))
    if header == SELECT.header or header[0] == 0xFF:
        header = b"\x00\x84"
    parameters = draw.choice([b"\0\0", b"\0\1", b"\x01\x04", b"\x04\x00", b"\0\x0a", draw.randbytes(2)])
    return shaped(model, header + parameters + bytes((draw.choice([0, 4, 8, 16, draw.randrange(256)]),)), draw)


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("profile", PROFILES)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_through_the_line_as_directly(kind: str, profile: LineProfile, seed: int) -> None:
    """Sequences of commands: each answer, and the whole card after each, is the same (T0-017 to T0-030; SCHEME-020)."""
    draw = Random(seed)
    direct, onto = MAKERS[kind](), MAKERS[kind]()
    link = linked(onto, profile)
    for _ in range(30):
        raw = command(direct, draw)
        assert link.transmit(raw) == direct.transmit(raw), raw.hex()
        assert onto.state_key() == direct.state_key(), raw.hex()


def test_the_commands_are_not_all_refused() -> None:
    """The property above is worth something: data go both ways, and commands succeed, warn and fail."""
    found: set[str] = set()
    with_data = 0
    for seed in range(60):
        draw, bench = Random(seed), card()
        for _ in range(30):
            answer = bench.raw(command(bench.model, draw))
            found.add(answer[-2:-1].hex())
            with_data += len(answer) > 2
    assert {"90", "61", "6c", "63", "69", "6a", "6d", "6e", "67", "6f"} <= found
    assert with_data > 100


def test_blocked_environment() -> None:
    """A blocked environment refuses each header at once, and SELECT still takes its data (D10)."""
    bench = card()
    bench.ssse()
    assert bench.authenticate(bench.key("BK"), 0x05) == "9000"
    session = social.session_key(bench.suite, bench.key("STKSSSE"), bench.challenge())
    message = bytes.fromhex("8416000004")
    assert bench.raw(message + social.mac4(bench.suite, session, message)) == b"\x90\x00"
    link = T0Link(bench.model.line(DEFAULT_PROFILE, DEFAULT_SUPPLY))
    link.take_over()
    for raw, answer in [
        ("0084000008", "6A81"),
        ("0020000003123456", "6A81"),
        ("00A40000023F00", "6106"),
        (f"00A404000F{SSSE_NAME}", "6A81"),
        (f"00A404000E{PSE_NAME}", "61"),
    ]:
        assert link.transmit(bytes.fromhex(raw)).hex().upper().startswith(answer)


def test_commands_that_share_cla_ins() -> None:
    """DF04 has UPDATE and GET STARTING DAY under one CLA INS: P1 tells which way data go."""
    bench = card()
    bench.ssse()
    bench.select("D15600000503")
    cases = [
        bench.model.case_of(bytes.fromhex(raw)) for raw in ("B056000002", "B056010002", "B056020002", "B056000003")
    ]
    assert cases == [Case.COMMAND, Case.RESPONSE, None, None]


def test_what_t0_cannot_say() -> None:
    """One P3 for Lc and Le (D17): a wrong case is another command on the line, and bytes that are none are not sent."""
    bench = card()
    bench.ssse()
    link = T0Link(bench.model.line(DEFAULT_PROFILE, DEFAULT_SUPPLY))
    link.power_on()
    assert link.transmit(bytes.fromhex("00A404000F" + SSSE_NAME))[:1] == b"\x61"
    for raw in ("00", "00B201", "FF84000008", "00B20104020A", "00B201040000"):
        with pytest.raises(LinkError):
            tpdu(bytes.fromhex(raw))
    with pytest.raises(LinkError, match="no character"):
        link.transmit(bytes.fromhex("0020000008"))
    with pytest.raises(LinkError, match="not powered"):
        link.transmit(bytes.fromhex("0084000008"))


def test_direct_answers() -> None:
    """A card that answers directly is no card of T=0; what fits it is carried nevertheless."""
    bench = card(switches=int(Switch.DIRECT_ANSWERS))
    link = linked(bench.model)
    with pytest.raises(ValueError, match="no card of T=0"):
        link.transmit(bytes.fromhex("00A404000F" + SSSE_NAME))


def test_a_cut_makes_the_line_mute() -> None:
    """Power lost in the middle of a command: no status word, and the next reset works."""
    bench = card()
    link = linked(bench.model)
    link.transmit(bytes.fromhex("00A404000F" + SSSE_NAME))
    bench.model.cut(0)
    with pytest.raises(LinkError, match="no character"):
        link.transmit(bytes.fromhex("0020000003 999999"))
    bench.model.mend()
    assert link.power_on() == bench.model.power_on()


def test_page_programs_take_time() -> None:
    """The cost model moves the procedure: a command that programs pages answers later."""
    bench = card()
    link = linked(bench.model)
    link.transmit(bytes.fromhex("00A404000F" + SSSE_NAME))
    link.transmit(bytes.fromhex("0020000000"))
    quick = link.port.received[-2].at - link.port.sent[-1].at
    before = bench.model.eeprom.programs
    assert link.transmit(bytes.fromhex("0020000003 999999")) == b"\x63\xc5"
    slow = link.port.received[-2].at - link.port.sent[-1].at
    pages = bench.model.eeprom.programs - before
    assert pages > 0
    assert quick == 16 * 372
    assert slow == pytest.approx(pages * 2e-3 * DEFAULT_SUPPLY.clock, abs=1)
