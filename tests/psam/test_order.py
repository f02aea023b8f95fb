"""The order of errors of the PSAM's commands of operation (`tests.order`)."""

from collections.abc import Callable
from typing import Final

import pytest

from cardsim.cos.table import Command
from cardsim.crypto import social
from cardsim.psam import commands
from tests.order import ONE_AT_A_TIME, Choices, Spoiler, Trial, deliver, problems, shared_knobs, unnamed
from tests.psam.desk import CARD, ORIGINAL, SX2, Desk, init_data, psam, record
from tests.tearing.sam import SamReader

_CITY = 3
_VALUE: Final = bytes(range(0x30, 0x40))
_WRONG: Final = b"A-NEW-KEY-16BYTE"


def _desk(choices: Choices) -> Desk:
    """The SM4 environment, its application selected unless the knob says otherwise."""
    return psam().root(SX2) if "level" in choices else psam().enter(SX2)


def _sent(desk: Desk, row: Command, choices: Choices, command: bytes) -> bytes:
    return deliver(SamReader(desk), desk.model.environments[1], row, choices, command)


def _external(choices: Choices) -> bytes:
    desk = psam().enter(SX2)
    if choices.get("key") == "blocked":
        while desk.authenticate(_CITY, _WRONG) == "6982":
            pass
    if "level" in choices:
        desk.root(SX2)
    number = 0x0F if choices.get("key") == "missing" else _CITY
    challenge = bytes(8) if "challenge" in choices else desk.challenge()
    key = _WRONG if "proof" in choices else desk.own.city
    proof = social.authentication_data(desk.suite, key, challenge, ORIGINAL) + ORIGINAL
    return _sent(desk, commands.EXTERNAL_AUTHENTICATE, choices, bytes((0, 0x82, 0, number, 16)) + proof)


def _load(row: Command, p1: int, plain: Callable[[Choices], bytes]) -> Callable[[Choices], bytes]:
    """CREATE KEY or CHANGE KEY in the key file of the city."""

    def send(choices: Choices) -> bytes:
        desk = psam().enter(SX2)
        if choices.get("key") == "blocked":
            while desk.authenticate(_CITY, _WRONG) == "6982":
                pass
        elif "key" not in choices:
            assert desk.authenticate(_CITY) == "9000"
        if p1 == 1:
            _with_key(desk, choices)
        if "level" in choices:
            desk.root(SX2)
        file = 0x1F if "file" in choices else 0x13
        challenge = bytes(4) if "challenge" in choices else desk.challenge(4)
        command = desk.seal(p1, file, plain(choices), challenge)
        if "mac" in choices:
            command = command[:-1] + bytes((command[-1] ^ 1,))
        if "lc" in choices:
            command = command[:4] + b"\x1c" + command[5:33]
        return _sent(desk, row, choices, command)

    return send


def _with_key(desk: Desk, choices: Choices) -> None:
    """A key of the city to be changed, created by those who may."""
    sam = desk.model.environments[1]
    rights = sam.ram.rights  # type: ignore[attr-defined]
    if "key" in choices:
        sam.ram.rights = -1  # type: ignore[attr-defined]
    assert desk.create(0x13, 0x07, 0x80, _VALUE) == "9000"
    sam.ram.rights = rights  # type: ignore[attr-defined]


def _created(choices: Choices) -> bytes:
    plain = bytearray(record(0x07, 0x80, _VALUE, psam().enter(SX2).suite))
    if "content" in choices:
        plain[2] = 0x55
    if "form" in choices:
        plain[3] = {"SSF33": 0x02, "algorithm": 0x00}[choices["form"]]
    return bytes(plain)


def _changed(choices: Choices) -> bytes:
    head = bytes((0x07, 0x90 if "identifier" in choices else 0x80, 0x55 if "content" in choices else 0))
    return head + _VALUE[::-1]


def _deliver(choices: Choices) -> bytes:
    desk = _desk(choices)
    usage, identifier = (0x67, 0x7F if "missing" in choices else 0x08)
    factors = CARD * (2 if "levels" in choices else 3)
    data = bytes.fromhex(factors) + bytes(16)
    if "lc" in choices:
        data = bytes(8)
    return _sent(desk, commands.DELIVERY_SESSION_KEY, choices,
                 bytes((0xBF, 0xDE, usage, identifier, len(data))) + data)  # fmt: skip


def _cipher(choices: Choices) -> bytes:
    desk = psam().enter(SX2)
    if "session" not in choices:
        assert desk.deliver(0x67, 0x08, CARD, CARD, CARD) == "9000"
    if "level" in choices:
        desk.root(SX2)
    p1 = 0x01 if "chain" in choices else 0x00
    data = bytes(24 if "lc" in choices else 16)
    return _sent(desk, commands.CIPHER_DATA, choices, bytes((0x80, 0xFA, p1, 0, len(data))) + data)


def _init(choices: Choices) -> bytes:
    desk = _desk(choices)
    algorithm = {"SSF33": 2, "other": 0}.get(choices.get("form", ""), desk.suite.key_algorithm_byte)
    factors = (CARD, CARD) if "levels" in choices else (CARD,)
    if "counter" in choices:
        sam = desk.model.environments[1]
        number = next(file for file in sam.files.index.files if file.fid == 0x0019)
        sam.partition.write_early(number.offset, b"\xff" * 4)
    command = init_data(*factors, version=9 if "key" in choices else 1, algorithm=algorithm)
    return _sent(desk, commands.INIT_SAM, choices, bytes.fromhex(command))


_LEVEL: Final[dict[str, Spoiler]] = {
    "no application is selected, or it is locked for a time": ("level", "environment"),
}
_LOADED: Final[dict[str, Spoiler]] = {
    **_LEVEL,
    "Lc is not that of a key of this environment": ("lc", "short"),
    "no such key file": ("file", "missing"),
    "the key that opens the file has no tries left": ("key", "blocked"),
    "the key that opens the file was not authenticated": ("key", "none"),
    "no challenge": ("challenge", "none"),
    "wrong MAC": ("mac", "wrong"),
    "a page fails to program; nothing has changed": ("memory", "fails"),
}
_MASTERED: Final = {"the application has no master key": "each application that is made has one"}

TRIALS: Final = (
    Trial(commands.EXTERNAL_AUTHENTICATE, _external, {
        "a KID other than 00, and no application is selected; it is locked": ("level", "environment"),
        "no such key, or not in this version": ("key", "missing"),
        "no tries left": ("key", "blocked"),
        "no challenge": ("challenge", "none"),
        "the try cannot be counted": ("memory", "fails"),
        "wrong authentication data; a try is gone": ("proof", "wrong"),
    }, blockable=False),
    Trial(commands.CREATE_KEY, _load(commands.CREATE_KEY, 0, _created), {
        **_LOADED,
        "the deciphered data have not the form of a key record": ("content", "no zero"),
        "the algorithm is SSF33, which is classified": ("form", "SSF33"),
        "the algorithm does not fit environment or length; id outside its level's range": ("form", "algorithm"),
    }, {
        **_MASTERED,
        "the application has a key of this type and id already": "another command; test_keys.py shows it",
        "the file is full, or has 254 records": "it takes hundreds of commands; test_keys.py shows it",
    }, blockable=False),
    Trial(commands.CHANGE_KEY, _load(commands.CHANGE_KEY, 1, _changed), {
        **_LOADED,
        "the deciphered data have not the form of a key": ("content", "no zero"),
        "the file holds no key of this usage and id": ("identifier", "missing"),
    }, {
        **_MASTERED,
        "the file holds no key at all": "another card; test_keys.py shows it",
        "no room for a longer key": "the cipher suite here has one length of keys; test_keys.py shows it",
    }, blockable=False),
    Trial(commands.DELIVERY_SESSION_KEY, _deliver, {
        **_LEVEL,
        "Lc is not one of this environment": ("lc", "short"),
        "no key of this usage and id": ("missing", "key"),
        "the key has another number of levels than the data have factors": ("levels", "two"),
    }, {
        "the keys are locked": "a profile switch; test_cipher.py shows it",
        "the type does not allow it: purchase; a load without its 8000": "another key; test_cipher.py shows it",
    }, blockable=False),
    Trial(commands.CIPHER_DATA, _cipher, {
        **_LEVEL,
        "no session key": ("session", "none"),
        "no whole blocks, too many, or only an initial value": ("lc", "half a block"),
        "the key's type does not allow it, or another chain is open, or none": ("chain", "none"),
    }, blockable=False),
    Trial(commands.INIT_SAM, _init, {
        **_LEVEL,
        "the algorithm is SSF33, which is classified, where SM4 stands in its place": ("form", "SSF33"),
        "no purchase key of this version": ("key", "missing"),
        "the key has another algorithm": ("form", "other"),
        "the key has another number of levels than the data have factors": ("levels", "two"),
        "no terminal files, or the terminal transaction number is at its end": ("counter", "full"),
        "the terminal transaction number cannot be raised": ("memory", "fails"),
    }, blockable=False),
)  # fmt: skip
EACH = pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.row.name)


@EACH
def test_order(trial: Trial) -> None:
    """SSC part 9 §9.4 to §9.9: each fault alone; of each pair of faults the earlier one wins."""
    assert list(problems(trial)) == []


@EACH
def test_every_fault_has_its_spoiler(trial: Trial) -> None:
    """A new fault in a row needs a spoiler, or a reason why nothing brings it about here; none is left behind."""
    assert unnamed(trial) == set()
    assert shared_knobs(trial) <= set(ONE_AT_A_TIME)
