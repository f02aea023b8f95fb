"""Trials of the order of errors: what makes a PSAM, from the virgin chip to the end of personalisation."""

import functools
from typing import Final

from cardsim.assembly import new_psam
from cardsim.cos import commands as cos
from cardsim.cos.keys import KeyUse, NewKey
from cardsim.cos.masterkey import Algorithm
from cardsim.cos.table import Command
from cardsim.crypto import social
from cardsim.crypto.social import Suite
from cardsim.keyfile import KeyFile
from cardsim.psam import commands
from tests.order import Choices, Spoiler, Trial, deliver
from tests.psam.desk import AID, ORIGINAL, SX1, SX2, Desk, of_cells
from tests.psam.test_setup import MASTER, OTHER, TRANSPORT, authenticate, blank, keys, write_key
from tests.tearing.sam import SamReader

_NAME: Final = "4142434445"
_SECOND_NAME: Final = "4647484950"


def _create_command(fid: str, pages: int, algorithm: int, sfi: int, name: str) -> str:
    """CREATE of an environment."""
    data = f"38{pages:04X}03{algorithm:02X}{sfi:02X}FFFF{name}"
    return f"80E0{fid}{len(data) // 2:02X}{data}"


@functools.cache
def _mastered() -> bytes:
    """The MF with its master key; DDF1 keyed, DDF2 created; applications with room for two keys, none, and no more."""
    desk = blank()
    assert authenticate(desk, TRANSPORT) == "9000"
    assert write_key(desk, "3F00", TRANSPORT, keys(MASTER)) == "9000"
    desk.root()
    assert authenticate(desk, MASTER) == "9000"
    environments = [_create_command("DDF1", 16, 3, 1, SX2), _create_command("DDF2", 16, 3, 1, _SECOND_NAME)]
    assert desk.all(*environments) == ["9000", "9000"]
    assert write_key(desk, "DDF1", MASTER, keys(OTHER, Algorithm.SM4)) == "9000"
    for fid, slots in (("DF01", 2), ("DF02", 0), ("DF03", 1)):
        assert desk.sw(f"80E0{fid}0E380000000000FFFF{AID[:-2]}{fid[2:]}") == "9000"
        if slots:
            assert desk.all(f"00A4000002{fid}", f"80E0000003{0x3F:02X}{slots:04X}", "00A40000") == ["9000"] * 3
    assert write_key(desk, "DF03", MASTER, _own_key(1)) == "9000"
    return desk.cells


def _own_key(number: int) -> bytes:
    return bytes(NewKey(KeyUse.EXTERNAL, number, 1, Algorithm.TDES, 3, OTHER))


def _virgin() -> Desk:
    desk = Desk(new_psam(seed=3), KeyFile())
    desk.model.power_on()
    return desk


def _card(choices: Choices) -> Desk:
    """The MF with its master key authenticated, unless the knobs say otherwise."""
    if "state" in choices:
        return _virgin()
    desk = of_cells(_mastered(), KeyFile()).root(SX1)
    if "right" not in choices:
        assert authenticate(desk, MASTER) == "9000"
    if "level" in choices:
        assert desk.sw("00A4000002DF01") == "9000"
    return desk


def _sent(desk: Desk, row: Command, choices: Choices, command: str) -> bytes:
    return deliver(SamReader(desk), None, row, choices, bytes.fromhex(command))


def _create(choices: Choices) -> bytes:
    fid = {"keyed": "DDF1", "created": "DDF2"}.get(choices.get("fid", ""), "DDF3")
    name = {"keyed": SX2, "created": _SECOND_NAME}.get(choices.get("name", ""), _NAME)
    pages = 4 if "form" in choices else 0xFFFF if "room" in choices else 16
    command = _create_command(fid, pages, 2 if "algorithm" in choices else 3, 0x1F if "content" in choices else 1, name)
    return _sent(_card(choices), commands.CREATE, choices, command)


def _write_key(choices: Choices) -> bytes:
    """An own key of an application."""
    application = {"none": "DF02", "full": "DF03"}.get(choices.get("file", ""), "DF01")
    fid = {"missing": "DF99", "keyed": "DDF1"}.get(choices.get("fid", ""), application)
    if "parameters" in choices:
        fid = "02" + fid[2:]  # FFFF is a file identifier as any other
    desk, plain = _card(choices), _own_key(2)
    challenge = bytes(8) if "challenge" in choices else desk.challenge()
    body = social.master_encipher(Suite.DES, MASTER, b"\0" + plain[1:] if "content" in choices else plain)
    command = bytes.fromhex(f"84D4{fid}{len(body) + 4:02X}") + body
    mac = social.master_mac4(Suite.DES, MASTER, command, challenge)
    if "mac" in choices:
        mac = mac[:-1] + bytes((mac[-1] ^ 1,))
    rest = {knob: setting for knob, setting in choices.items() if knob != "parameters"}
    return _sent(desk, commands.WRITE_KEY, rest, (command + mac).hex())


def _end(choices: Choices) -> bytes:
    return _sent(_card(choices), commands.END_PERSONALISATION, choices, "800A000000")


def _activate(choices: Choices) -> bytes:
    desk = _virgin() if "state" not in choices else blank()
    data = TRANSPORT.hex() + ("00" if "content" in choices else "05") + "0000"
    return _sent(desk, cos.ACTIVATE, choices, f"80F00000{len(data) // 2:02X}{data}")


def _authenticate(choices: Choices) -> bytes:
    desk = _virgin() if choices.get("key") == "missing" else blank()
    if choices.get("key") == "blocked":
        for _ in range(5):
            authenticate(desk, OTHER)
    challenge = bytes(8) if "challenge" in choices else desk.challenge()
    key = OTHER if "proof" in choices else TRANSPORT
    proof = social.authentication_data(Suite.DES, key, challenge, ORIGINAL) + ORIGINAL
    return _sent(desk, cos.AUTHENTICATE_MASTER, choices, f"0082000010{proof.hex()}")


_RIGHT: Final[dict[str, Spoiler]] = {"the environment master key was not authenticated": ("right", "none")}
_CHANGED: Final[dict[str, Spoiler]] = {"a page fails to program; nothing has changed": ("memory", "fails")}
_MEMORY: Final[dict[str, Spoiler]] = {"a page could not be programmed": ("memory", "fails")}

TRIALS: Final = (
    Trial(cos.ACTIVATE, _activate, {
        "the chip is activated already": ("state", "activated"),
        "a try limit out of 1-15, or an unknown switch": ("content", "limit"),
        **_MEMORY,
    }, blockable=False),
    Trial(cos.AUTHENTICATE_MASTER, _authenticate, {
        "a virgin chip has no key": ("key", "missing"),
        "the key has no tries left": ("key", "blocked"),
        "no challenge": ("challenge", "none"),
        **_MEMORY,
        "wrong authentication data; the key loses a try": ("proof", "wrong"),
    }, blockable=False),
    Trial(commands.CREATE, _create, {
        **_RIGHT,
        "an environment or application at the wrong level": ("level", "application"),
        "an environment that exists and is independent": ("fid", "keyed"),
        "an environment that exists": ("fid", "created"),
        "the data have not the form of their type": ("content", "SFI"),
        "the algorithm is SSF33, which is classified": ("algorithm", "SSF33"),
        "an environment of another algorithm, or with too few pages": ("form", "pages"),
        "the name of an environment that is independent": ("name", "keyed"),
        "identifier, SFI or name is taken": ("name", "created"),
        "no room": ("room", "none"),
        **_CHANGED,
    }, limited=False, blockable=False),
    Trial(commands.WRITE_KEY, _write_key, {
        "a virgin chip": ("state", "virgin"),
        "the key that allows it was not authenticated": ("right", "none"),
        "no such environment or application": ("fid", "missing"),
        "the environment has its first key already, and is independent": ("fid", "keyed"),
        "no challenge": ("challenge", "none"),
        "wrong MAC": ("mac", "wrong"),
        "no key of this place and algorithm": ("content", "no use"),
        "the application has no file for its own keys": ("file", "none"),
        "no slot is free": ("file", "full"),
        **_CHANGED,
    }, blockable=False),
    Trial(commands.END_PERSONALISATION, _end, {**_RIGHT, **_CHANGED}, blockable=False),
)  # fmt: skip
