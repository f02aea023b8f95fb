"""Trials of the order of errors: the PSAM's commands of operation but those of files."""

from collections.abc import Callable
from typing import Final

from cardsim.cos.keys import VALUE_AT
from cardsim.cos.records import HEAD
from cardsim.cos.table import Command
from cardsim.crypto import medical, social
from cardsim.crypto.social import Suite
from cardsim.psam import commands, keys
from cardsim.psam.environment import Sam
from cardsim.psam.purchase import SEQUENCE
from cardsim.psam.switches import SamSwitch
from tests.order import Choices, Spoiler, Trial, deliver
from tests.psam.desk import (
    AID,
    CARD,
    ENVIRONMENTS,
    ORIGINAL,
    SX1,
    SX2,
    Desk,
    init_data,
    psam,
    record,
)
from tests.psams import NO_SWITCH
from tests.tearing.sam import SamReader

_CITY: Final = 3
_FILE: Final = keys.CITY
_VALUE: Final = bytes(range(0x30, 0x40))
_WRONG: Final = b"A-NEW-KEY-16BYTE"


def _desk(choices: Choices) -> Desk:
    """The SM4 environment, its application selected unless the knob says otherwise."""
    return psam().root(SX2) if "level" in choices else psam().enter(SX2)


def sent(desk: Desk, row: Command, choices: Choices, command: bytes) -> bytes:
    """Send a command as the knobs stand; the locks of D34 block the card, its application or its keys."""
    locks = {"application": SamSwitch.APPLICATION_LOCKED, "keys": SamSwitch.KEYS_LOCKED}
    wanted = [locks[choices["lock"]]] if "lock" in choices else []
    if "blocked" in choices:
        wanted.append(SamSwitch.LOCKED)
    desk.model.lock(*wanted)
    rest = {knob: setting for knob, setting in choices.items() if knob != "blocked"}
    return deliver(SamReader(desk), None, row, rest, command)


def _sam(desk: Desk) -> Sam:
    sam = desk.model.environments[[name for name, _ in ENVIRONMENTS].index(desk.environment)]
    assert isinstance(sam, Sam)
    return sam


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
    return sent(desk, commands.EXTERNAL_AUTHENTICATE, choices, bytes((0, 0x82, 0, number, 16)) + proof)


def _load(row: Command, name: str, plain: Callable[[Choices], bytes]) -> Callable[[Choices], bytes]:
    """CREATE KEY or CHANGE KEY in the key file of the city, of one environment."""
    change = row is commands.CHANGE_KEY

    def send(choices: Choices) -> bytes:
        desk = psam().enter(name)
        if choices.get("key") == "blocked":
            while desk.authenticate(_CITY, _WRONG) == "6982":
                pass
        elif "key" not in choices:
            assert desk.authenticate(_CITY) == "9000"
        if change is ("records" not in choices):
            _with_key(desk, _VALUE[:8] if change and "room" in choices else _VALUE)
        _spoil(desk, choices)
        if "level" in choices:
            desk.root(name)
        file = 0x1F if "file" in choices else _FILE
        challenge = bytes(4) if "challenge" in choices else desk.challenge(4)
        command = desk.seal(int(change), file, plain(choices), challenge)
        if "mac" in choices:
            command = command[:-1] + bytes((command[-1] ^ 1,))
        if "lc" in choices:
            length = 0x24 if change else 0x1C
            command = command[:4] + bytes((length,)) + bytes(length)
        return sent(desk, row, choices, command)

    return send


def _with_key(desk: Desk, value: bytes) -> None:
    """A key of the city, created by those who may."""
    ram = _sam(desk).ram
    rights, ram.rights = ram.rights, -1
    assert desk.create(_FILE, 0x07, 0x80, value) == "9000"
    ram.rights = rights


def _spoil(desk: Desk, choices: Choices) -> None:
    """Behind the card's back: the key file is full, the application's master key is gone."""
    sam = _sam(desk)
    if "room" in choices:
        file = next(file for file in sam.files.index.files if file.fid == _FILE)
        sam.partition.write_early(file.offset, (file.length - HEAD).to_bytes(2, "big"))
    if "master" in choices:
        slot = sam.own_key(sam.ram.df, 0x00)
        assert slot is not None
        sam.partition.write_early(slot.value_at - VALUE_AT, b"\0")


def _created(choices: Choices) -> bytes:
    plain = bytearray(record(0x07, 0x80, _VALUE, Suite.SM4))
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
    usage, identifier, levels = (0x22, 0x01, 1) if "type" in choices else (0x67, 0x08, 3)
    if "missing" in choices:
        identifier = 0x7F
    factors = CARD * (2 if "levels" in choices else levels)
    data = bytes.fromhex(factors) + bytes(16)
    if "lc" in choices:
        data = bytes(8)
    return sent(desk, commands.DELIVERY_SESSION_KEY, choices,
                 bytes((0xBF, 0xDE, usage, identifier, len(data))) + data)  # fmt: skip


def _cipher(choices: Choices) -> bytes:
    desk = psam().enter(SX2)
    if "session" not in choices:
        assert desk.deliver(0x67, 0x08, CARD, CARD, CARD) == "9000"
    if "level" in choices:
        desk.root(SX2)
    p1 = 0x01 if "chain" in choices else 0x00
    data = bytes(24 if "lc" in choices else 16)
    return sent(desk, commands.CIPHER_DATA, choices, bytes((0x80, 0xFA, p1, 0, len(data))) + data)


def _init(choices: Choices) -> bytes:
    desk = _desk(choices)
    algorithm = {"SSF33": 2, "other": 0}.get(choices.get("form", ""), desk.suite.key_algorithm_byte)
    factors = (CARD, CARD) if "levels" in choices else (CARD,)
    if "counter" in choices:
        sam = _sam(desk)
        number = next(file for file in sam.files.index.files if file.fid == SEQUENCE)
        sam.partition.write_early(number.offset, b"\xff" * 4)
    command = init_data(*factors, version=9 if "key" in choices else 1, algorithm=algorithm)
    return sent(desk, commands.INIT_SAM, choices, bytes.fromhex(command))


def _credit(choices: Choices) -> bytes:
    desk = psam(switches=SamSwitch.MAC_9302 if choices.get("mac") == "switched" else NO_SWITCH).enter(SX2)
    mac = bytes(4)
    if "purchase" not in choices:
        assert desk.sw(init_data(CARD, algorithm=desk.suite.key_algorithm_byte)) == "9000"
        purchase = _sam(desk).ram.purchase
        assert purchase is not None
        mac = medical.mac(desk.suite, purchase.session, purchase.amounts)
    if "mac" in choices:
        mac = bytes((mac[0] ^ 1,)) + mac[1:]
    if "level" in choices:
        desk.root(SX2)
    return sent(desk, commands.CREDIT_SAM, choices, bytes.fromhex("8072000004") + mac)


def _initialize(choices: Choices) -> bytes:
    data = b"\x5a" if "content" in choices else b"\x51"
    return sent(psam().enter(SX2), commands.INITIALIZE_ENVIRONMENT, choices, bytes.fromhex("BFEC000001") + data)


def _select(choices: Choices) -> bytes:
    name = "DF01" if "lc" in choices else "D15600000599" if "name" in choices else AID
    command = bytes.fromhex(f"00A40400{len(name) // 2:02X}{name}")
    return sent(psam().root(SX2), commands.SELECT, choices, command)


def _get_challenge(choices: Choices) -> bytes:
    return sent(psam().root(), commands.GET_CHALLENGE, choices, bytes((0, 0x84, 0, 0, 16 if "le" in choices else 8)))


_LEVEL: Final[dict[str, Spoiler]] = {
    "no application is selected, or it is locked for a time": ("level", "environment"),
}
_LOADED: Final[dict[str, Spoiler]] = {
    **_LEVEL,
    "Lc is not that of a key of this environment": ("lc", "short"),
    "no such key file": ("file", "missing"),
    "the key that opens the file has no tries left": ("key", "blocked"),
    "the key that opens the file was not authenticated": ("key", "none"),
    "the application has no master key": ("master", "none"),
    "no challenge": ("challenge", "none"),
    "wrong MAC": ("mac", "wrong"),
    "a page fails to program; nothing has changed": ("memory", "fails"),
}

TRIALS: Final = (
    Trial(commands.SELECT, _select, {
        "Lc does not fit P1": ("lc", "two"),
        "no such file or name": ("name", "missing"),
        "the application is locked for a time; the environment has no master key": ("lock", "application"),
    }),
    Trial(commands.GET_CHALLENGE, _get_challenge, {"16 bytes with 8-byte blocks": ("le", "sixteen")}),
    Trial(commands.INITIALIZE_ENVIRONMENT, _initialize, {
        "the application is locked for a time": ("lock", "application"),
        "no BCD": ("content", "A"),
    }),
    Trial(commands.EXTERNAL_AUTHENTICATE, _external, {
        "a KID other than 00, and no application is selected; it is locked": ("level", "environment"),
        "no such key, or not in this version": ("key", "missing"),
        "no tries left": ("key", "blocked"),
        "no challenge": ("challenge", "none"),
        "the try cannot be counted": ("memory", "fails"),
        "wrong authentication data; a try is gone": ("proof", "wrong"),
    }),
    Trial(commands.CREATE_KEY, _load(commands.CREATE_KEY, SX2, _created), {
        **_LOADED,
        "the deciphered data have not the form of a key record": ("content", "no zero"),
        "the algorithm is SSF33, which is classified": ("form", "SSF33"),
        "the algorithm does not fit environment or length; id outside its level's range": ("form", "algorithm"),
        "the application has a key of this type and id already": ("records", "taken"),
        "the file is full, or has 254 records": ("room", "none"),
    }),
    Trial(commands.CHANGE_KEY, _load(commands.CHANGE_KEY, SX1, _changed), {
        **_LOADED,
        "the deciphered data have not the form of a key": ("content", "no zero"),
        "the file holds no key at all": ("records", "none"),
        "the file holds no key of this usage and id": ("identifier", "missing"),
        "no room for a longer key": ("room", "none"),
    }),
    Trial(commands.DELIVERY_SESSION_KEY, _deliver, {
        **_LEVEL,
        "Lc is not one of this environment": ("lc", "short"),
        "no key of this usage and id": ("missing", "key"),
        "the keys are locked": ("lock", "keys"),
        "the type does not allow it: purchase; a load without its 8000": ("type", "purchase"),
        "the key has another number of levels than the data have factors": ("levels", "two"),
    }),
    Trial(commands.CIPHER_DATA, _cipher, {
        **_LEVEL,
        "no session key": ("session", "none"),
        "no whole blocks, too many, or only an initial value": ("lc", "half a block"),
        "the key's type does not allow it, or another chain is open, or none": ("chain", "none"),
    }),
    Trial(commands.INIT_SAM, _init, {
        **_LEVEL,
        "the algorithm is SSF33, which is classified, where SM4 stands in its place": ("form", "SSF33"),
        "no purchase key of this version": ("key", "missing"),
        "the key has another algorithm": ("form", "other"),
        "the key has another number of levels than the data have factors": ("levels", "two"),
        "no terminal files, or the terminal transaction number is at its end": ("counter", "full"),
        "the terminal transaction number cannot be raised": ("memory", "fails"),
    }),
    Trial(commands.CREDIT_SAM, _credit, {
        **_LEVEL,
        "no purchase is open": ("purchase", "none"),
        "wrong MAC2: 63CF": ("mac", "wrong"),
        "wrong MAC2, with profile switch mac_9302": ("mac", "switched"),
    }),
)  # fmt: skip
