"""Trials of the order of errors: the commands of the environment master key."""

from collections.abc import Callable
from typing import Final

from cardsim.cos.keys import KeyUse, NewKey
from cardsim.cos.masterkey import Algorithm
from cardsim.cos.table import Command
from cardsim.ssse import commands
from tests.cards import apdu, seal, unhex
from tests.order import Choices, Spoiler, Trial
from tests.ssse.order_basic import card, sent
from tests.ssse.shop import Shop, value

_KEY: Final = bytes(NewKey(KeyUse.EXTERNAL, 0x0F, 1, Algorithm.TDES, 3, value(0x40)))
_MASTER_MAC: Final[dict[str, Spoiler]] = {"no challenge": ("challenge", "none"), "wrong MAC": ("mac", "wrong")}
_MEMORY: Final[dict[str, Spoiler]] = {"a page could not be programmed": ("memory", "fails")}
_RIGHT: Final[dict[str, Spoiler]] = {"the environment master key is not authenticated": ("right", "none")}
_PHASE: Final = ("phase", "other")


def _made(choices: Choices, *, set_up: bool) -> Shop:
    """A card in set-up or issued; the other one where the knob says so. In set-up its master key is authenticated."""
    now = set_up is ("phase" not in choices)
    made = card(*(["set-up"] if now else []))
    if now and "right" not in choices:
        assert made.bench.authenticate(made.master, 0, made.suite) == "9000"
    if "level" in choices:
        made.bench.select_fid("DF01")
    return made


def _sealed(made: Shop, header: str, plain: bytes, choices: Choices) -> str:
    """A command under the master key: without a challenge, or with a wrong MAC, where the knobs say so."""
    challenge = bytes(8) if "challenge" in choices else made.bench.challenge()
    command = seal(made.suite, header, made.master, plain, challenge)
    return (command[:-1] + bytes((command[-1] ^ 1,)) if "mac" in choices else command).hex()


def _create_data(choices: Choices) -> tuple[str, str]:
    """Identifier and data of CREATE: of an application, so that all faults can come together."""
    fid = "DF01" if "identifier" in choices else "DF02"
    name = "D15600000500" if "name" in choices else "D15600000501"
    space = "FFFF" if "room" in choices else "0000"
    head = "37" if "content" in choices else "38"
    return fid, f"{head}{space}000000FFFF{name}"


def _create(choices: Choices) -> bytes:
    fid, data = _create_data(choices)
    return sent(_made(choices, set_up=True), commands.CREATE, choices, apdu(f"80E0{fid}", data))


def _create_protected(choices: Choices) -> bytes:
    made = _made(choices, set_up=False)
    fid, data = _create_data(choices)
    return sent(made, commands.CREATE_PROTECTED, choices, _sealed(made, f"84E0{fid}", unhex(data), choices))


_CREATED: Final[dict[str, Spoiler]] = {
    "the data have not the form of their type": ("content", "no type"),
    "an application below an application, or an account file outside of one": ("level", "application"),
    "identifier or SFI is taken, or there is a key file or an account file already": ("identifier", "taken"),
    "no room in the environment": ("room", "none"),
    "the name is taken": ("name", "taken"),
    **_MEMORY,
}


def _write_key(choices: Choices) -> bytes:
    made = _made({}, set_up=True)
    if choices.get("file") == "full":
        for number in range(16):
            made.write_key(KeyUse.INTERNAL, number, value(number), version=9)
    if choices.get("file") == "none":
        made.bench.select_fid("DF01")
    if "right" in choices:
        made.bench.power_on()
        made.bench.ssse()
        if choices.get("file") == "none":
            made.bench.select_fid("DF01")
    plain = b"\x00" + _KEY[1:] if "content" in choices else _KEY
    return sent(made, commands.WRITE_KEY, choices, _sealed(made, "84D40000", plain, choices))


def _plain(row: Command) -> Callable[[Choices], bytes]:
    def send(choices: Choices) -> bytes:
        return sent(_made(choices, set_up=True), row, choices, f"80{row.ins:02X}000000")

    return send


def _erase_protected(choices: Choices) -> bytes:
    made = _made(choices, set_up=False)
    return sent(made, commands.ERASE_PROTECTED, choices, _sealed(made, "840E0000", b"", choices))


TRIALS: Final = (
    Trial(commands.CREATE, _create, {**_RIGHT, **_CREATED}, state=_PHASE, limited=False),
    Trial(commands.CREATE_PROTECTED, _create_protected, {**_MASTER_MAC, **_CREATED}, state=_PHASE, limited=False),
    Trial(commands.WRITE_KEY, _write_key, {
        "set-up: the environment master key is not authenticated": ("right", "none"),
        **_MASTER_MAC,
        "the deciphered data are no key, or none of the environment's cipher suite": ("content", "no use"),
        "the DF has no key file": ("file", "none"),
        "no free slot in the key file": ("file", "full"),
        **_MEMORY,
    }),
    Trial(commands.END_PERSONALISATION, _plain(commands.END_PERSONALISATION), {**_RIGHT, **_MEMORY}, state=_PHASE),
    Trial(commands.ERASE, _plain(commands.ERASE), {**_RIGHT, **_MEMORY}, state=_PHASE),
    Trial(commands.ERASE_PROTECTED, _erase_protected, {**_MASTER_MAC, **_MEMORY}, state=_PHASE),
)  # fmt: skip
