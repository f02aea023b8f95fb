"""A storm of APDUs: declared status words alone, and a command that fails changes nothing but what D13 names."""

import random

from cardsim.shapes import Place, is_declared, shapes
from tests.psam.desk import SX1, SX2, Desk, init_data, psam

COUNTS: tuple[bytes, ...] = (b"\x00\x82", b"\x80\x70")
"""Commands that write early."""

READS = ("00B095", "00B096", "00B099", "00B09A", "00B0000", "00B2010C", "00B2018C", "00C00000")
"""Headers of reads, short of what is drawn behind them."""


def _read(draw: random.Random) -> bytes:
    header = bytes.fromhex(draw.choice(READS).ljust(8, "0"))
    return header + bytes((draw.choice((0, 4, 6, 8, 10, 15)),))


def _command(draw: random.Random) -> bytes:
    if draw.random() < 0.1:
        return _read(draw)
    shape = draw.choice(shapes(Place.PSAM))
    pairs = draw.choice(shape.parameters)
    header = bytes((shape.cla, shape.ins, draw.choice(pairs.p1), draw.choice(pairs.p2)))
    if draw.random() < 0.1:
        header = bytes(draw.choice((byte, draw.randrange(256))) for byte in header)
    length = draw.choice((*shape.lc.allowed, draw.randrange(256)) if shape.takes_data else (0,))
    body = draw.randbytes(length)
    if draw.random() < 0.2:
        body = bytes.fromhex(draw.choice((SX1, SX2, "D15600000590", "DF01", "3F00", "0019", "0016")))
    if not body:
        return header + bytes((draw.choice((0, 4, 8, 10, 15, draw.randrange(256))),))[: draw.randrange(2)]
    return header + bytes((len(body),)) + body + (b"\0" if draw.random() < 0.1 else b"")


def _scene(desk: Desk, draw: random.Random) -> None:
    match draw.randrange(5):
        case 0:
            desk.enter(draw.choice((SX1, SX2)))
        case 1:
            desk.enter().authenticate(draw.randrange(1, 4))
        case 2:
            desk.enter().deliver(0x67, 0x08, *("1122334455667788",) * 3)
        case 3:
            desk.enter().x(init_data("86605199000001AC"))
        case _:
            desk.model.power_on()


def test_storm() -> None:
    """TRM-028: declared status words alone; cells stand after a failed command; no key is ever in an answer."""
    draw = random.Random(20240101)
    desk = psam()
    assert desk.keys.psam is not None
    secrets = [
        key
        for own in desk.keys.psam.environments
        for key in (own.master, own.application, own.national, own.provincial, own.city, *own.roots.values())
    ]
    answered: set[int] = set()
    for _ in range(6000):
        if draw.random() < 0.1:
            _scene(desk, draw)
        command = _command(draw)
        cells, volatile = desk.cells, repr(desk.model.snapshot().environments)
        answer = desk.model.transmit(command)
        sw = int.from_bytes(answer[-2:], "big")
        answered.add(sw & 0xFF00 if sw >> 8 in (0x61, 0x6C) else sw)
        assert is_declared(Place.PSAM, command, sw), (command.hex(), answer.hex())
        if sw != 0x9000 and sw >> 8 != 0x61 and command[:2] not in COUNTS:
            assert desk.cells == cells, command.hex()
        if sw >> 8 == 0x6C:
            assert repr(desk.model.snapshot().environments) == volatile, command.hex()
        assert not any(secret in answer for secret in secrets)
    assert answered >= {0x9000, 0x6100, 0x6C00, 0x6700, 0x6901, 0x6982, 0x6984, 0x6985, 0x6A80, 0x6A82, 0x6A86, 0x6A88}
