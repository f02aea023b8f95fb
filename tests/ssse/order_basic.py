"""Trials of the order of errors: files, keys and blocks of the social-security environment."""

import functools
from collections.abc import Callable
from typing import Final

from cardsim.cos.files import FileType
from cardsim.cos.keys import KeyUse
from cardsim.cos.table import Command
from cardsim.crypto import social
from cardsim.keyfile import KeyFile
from cardsim.ssse import commands
from cardsim.ssse.environment import Ssse
from tests.cards import ORIGINAL, apdu, of_cells, unhex
from tests.order import Choices, Trial, deliver
from tests.ssse.shop import NO_LIMIT, Shop, key, shop, value

READ, WRITE, BK, LK = 0x06, 0x04, 0x05, 0x83
PUK: Final = READ
_STK: Final = value(0x30)
_IRK: Final = value(0x31)
_PIN: Final = "123456"
_RECORDS, _FULL, _CYCLIC, _GUARDED, _PICTURE, _GUARDED_PICTURE = 0x05, 0x06, 0x07, 0x08, 0x10, 0x11
_SIZE: Final = 0x40
_LONG: Final = "A250" + "33" * 0x50


@functools.cache
def _made(options: frozenset[str]) -> tuple[bytes, KeyFile, bytes, dict[int, bytes]]:
    """Cells of an environment with files of every kind; `options` leave something out, or leave it in set-up."""
    made = shop()
    assert made.key_file() == "9000"
    for number in (READ, WRITE, BK):
        made.external(number, limit=NO_LIMIT if number == BK else 3)
    if "no-stk" not in options:
        made.maintenance(_STK)
    if "no-irk" not in options:
        assert made.write_key(KeyUse.INTERNAL, 0, _IRK, limit=NO_LIMIT) == "9000"
    if "no-pin" not in options:
        assert made.pin("" if "empty-pin" in options else _PIN) == "9000"
    rules = {"read": key(READ), "write": key(WRITE)}
    for sfi, size, kind, guarded in (
        (_RECORDS, 40, FileType.LINEAR_VARIABLE, False),
        (_CYCLIC, 0x0204, FileType.CYCLIC, False),
        (_GUARDED, 40, FileType.LINEAR_VARIABLE, True),
        (_PICTURE, _SIZE, FileType.TRANSPARENT, False),
        (_GUARDED_PICTURE, _SIZE, FileType.TRANSPARENT, True),
    ):
        assert made.ef(f"EF{sfi:02X}", size, kind, **rules, protected=guarded) == "9000"
    assert [made.append(sfi, 1, "A20155") for sfi in (_RECORDS, _GUARDED)] == ["9000", "9000"]
    assert made.df("DF01", "D15600000500") == "9000"
    if options & {"lock-key", "no-stk-below"}:
        made.bench.select_fid("DF01")
        assert made.key_file() == "9000"
        made.external(LK, limit=NO_LIMIT)
        if "no-stk-below" not in options:
            made.maintenance(_STK)
    made.root()
    if "set-up" not in options:
        assert made.end() == "9000"
    return made.bench.cells, made.bench.keys, made.master, made.keys


def card(*options: str) -> Shop:
    """A card of its own, the environment selected."""
    cells, keys, master, external = _made(frozenset(options))
    made = Shop(of_cells(cells, keys), shop_suite(), master, dict(external))
    assert made.bench.ssse() == "9000"
    return made


@functools.cache
def shop_suite() -> social.Suite:
    """The suite of these cards."""
    return shop().suite


def environment(made: Shop) -> Ssse:
    """The environment, by test hook."""
    found = made.bench.model.environments[0]
    assert isinstance(found, Ssse)
    return found


def sent(made: Shop, row: Command, choices: Choices, command: str) -> bytes:
    """The answer to a command in hex."""
    return deliver(made.bench, environment(made), row, choices, unhex(command))


def _maced(made: Shop, header: str, data: str, choices: Choices) -> str:
    """A command with a MAC under STK: no challenge, or a wrong MAC, where the knobs say so."""
    challenge = bytes(8) if "challenge" in choices else made.bench.challenge()
    command = made.maced(header, data, _STK, challenge)
    return command[:-1] + f"{int(command[-1], 16) ^ 1:X}" if "mac" in choices else command


def _prepared(choices: Choices, right: int, *options: str) -> Shop:
    made = card(*options, *(["no-stk"] if choices.get("stk") else []))
    if "right" not in choices:
        assert made.auth(right) == "9000"
    return made


# --- records and bytes -----------------------------------------------------------------------------------------------


def _record_file(choices: Choices) -> int:
    """SFI of the file; 0 for the current EF, of which there is none."""
    other = {"missing": 0x1D, "none": 0, "transparent": _PICTURE, "guarded": _GUARDED}
    return other.get(choices.get("file", ""), _CYCLIC if choices.get("form") == "cyclic" else _RECORDS)


def _read_record(choices: Choices) -> bytes:
    made = _prepared(choices, READ)
    number = 9 if "record" in choices else 1
    command = f"00B2{number:02X}{_record_file(choices) << 3 | 4:02X}00"
    made.bench.follow = False
    answer = sent(made, commands.READ_RECORD, choices, command)
    return (
        sent(made, commands.READ_RECORD, choices, command[:8] + f"{answer[-1]:02X}")
        if answer[:1] == b"\x6c"
        else answer
    )


def _update_record(row: Command) -> Callable[[Choices], bytes]:
    def send(choices: Choices) -> bytes:
        made = _prepared(choices, WRITE)
        file = _record_file(choices)
        number = 9 if "record" in choices else 1
        data = {"tlv": "A20777", "cyclic": "A20177"}.get(choices.get("form", ""), "A20177")
        if "room" in choices:
            data = _LONG if choices.get("form") != "tlv" else _LONG[:2] + "51" + _LONG[4:]
        if file == _CYCLIC and "form" not in choices:
            data = "A2020177"
        if choices.get("form") == "cyclic":
            _first_cyclic(made, choices)
        header = f"{row.cla:02X}DC{number:02X}{file << 3 | 4:02X}"
        command = _maced(made, header, data, choices) if row.cla == 0x04 else apdu(header, data)
        return sent(made, row, choices, command)

    return send


def _first_cyclic(made: Shop, choices: Choices) -> None:
    """A record in the cyclic file, for those who may write; the rights stay what they were."""
    ssse = environment(made)
    rights, ssse.ram.rights = ssse.ram.rights, -1
    assert made.bench.x(f"00DC00{_CYCLIC << 3 | 3:02X}04A2020101") == "9000"
    ssse.ram.rights, ssse.ram.ef, ssse.ram.pointer = rights, None, None


def _place(choices: Choices) -> tuple[int, int]:
    """P1 P2 of a binary command."""
    other = {"missing": 0x9D, "none": 0x00, "records": 0x80 | _RECORDS, "guarded": 0x80 | _GUARDED_PICTURE}
    p1 = other.get(choices.get("file", ""), 0x80 | _PICTURE)
    return p1, 0x80 if "offset" in choices else 0


def _read_binary(choices: Choices) -> bytes:
    made = _prepared(choices, READ)
    p1, p2 = _place(choices)
    return sent(made, commands.READ_BINARY, choices, f"00B0{p1:02X}{p2:02X}10")


def _update_binary(row: Command) -> Callable[[Choices], bytes]:
    def send(choices: Choices) -> bytes:
        made = _prepared(choices, WRITE)
        p1, p2 = _place(choices)
        data = "44" * (_SIZE + 1 if "end" in choices else 8)
        header = f"{row.cla:02X}D6{p1:02X}{p2:02X}"
        command = _maced(made, header, data, choices) if row.cla == 0x04 else apdu(header, data)
        return sent(made, row, choices, command)

    return send


_NO_FILE: Final = {
    "no EF with this SFI in the current DF": ("file", "missing"),
    "no SFI, and no current EF": ("file", "none"),
}
_MAC: Final = {
    "the level has no maintenance key (STK)": ("stk", "none"),
    "no challenge": ("challenge", "none"),
    "wrong MAC": ("mac", "wrong"),
}
_MEMORY: Final = {"a page could not be programmed": ("memory", "fails")}
_RECORD: Final = {
    "the EF has no records": ("file", "transparent"),
    "the write rule is not satisfied": ("right", "none"),
    "no such record, and none that is added": ("record", "none"),
    "no simple TLV of the file's length, or not of the identifier in P1": ("form", "tlv"),
    "a cyclic record of another length": ("form", "cyclic"),
    "no room in the file, or too much to move behind a record of another length": ("room", "none"),
}
_BYTES: Final = {
    "the EF is not transparent": ("file", "records"),
    "the write rule is not satisfied": ("right", "none"),
    "the offset is behind the end of the file": ("offset", "behind"),
    "the data go over the end of the file": ("end", "over"),
}
_GUARD: Final = {"the file demands secure messaging": ("file", "guarded")}


# --- keys and blocks -------------------------------------------------------------------------------------------------


def _external(choices: Choices) -> bytes:
    made = card()
    if choices.get("key") == "blocked":
        for _ in range(3):
            made.bench.authenticate(bytes(16), WRITE, made.suite)
    number = 0x0E if choices.get("key") == "missing" else WRITE
    challenge = bytes(8) if "challenge" in choices else made.bench.challenge()
    proof = social.authentication_data(made.suite, made.keys[WRITE], challenge, ORIGINAL)
    if "proof" in choices:
        proof = bytes(byte ^ 1 for byte in proof)
    return sent(made, commands.EXTERNAL_AUTHENTICATE, choices, apdu(f"008200{number:02X}", proof + ORIGINAL))


def _internal(choices: Choices) -> bytes:
    made = card(*(["no-irk"] if "key" in choices else []))
    return sent(made, commands.INTERNAL_AUTHENTICATE, choices, apdu("00880000", bytes(16)))


def _card_block(choices: Choices) -> bytes:
    made = _prepared(choices, BK)
    if "level" in choices:
        made.bench.select_fid("DF01")
    return sent(made, commands.CARD_BLOCK, choices, _maced(made, "84160000", "", choices))


def _application_block(choices: Choices) -> bytes:
    made = card("no-stk-below" if "stk" in choices else "lock-key")
    if "level" not in choices:
        made.bench.select_fid("DF01")
        if "right" not in choices:
            assert made.auth(LK) == "9000"
    return sent(made, commands.APPLICATION_BLOCK, choices, _maced(made, "841E0001", "", choices))


# --- PIN -------------------------------------------------------------------------------------------------------------


def _with_pin(choices: Choices, *options: str) -> Shop:
    """A card whose PIN is as the knob says."""
    made = card(*options, *(["no-pin"] if choices.get("pin") == "missing" else []))
    if choices.get("pin") == "blocked":
        for _ in range(6):
            made.bench.verify("999999")
    if choices.get("pin") == "damaged":
        slot = environment(made).pin.find()
        assert slot is not None
        environment(made).partition.write_early(slot.value_at - 1, b"\x09")  # its length
    return made


def _verify(choices: Choices) -> bytes:
    digits = "123450" if "digits" in choices else _PIN
    return sent(_with_pin(choices), commands.VERIFY, choices, apdu("00200000", digits))


def _change_pin(choices: Choices) -> bytes:
    digits = "123450" if "digits" in choices else _PIN
    new = "12" if "content" in choices else "654321"
    return sent(_with_pin(choices), commands.CHANGE_PIN, choices, apdu("805E0100", f"{digits}FF{new}"))


def _pin_service(p2: int) -> Callable[[Choices], bytes]:
    """PIN CHANGE/UNBLOCK in one of its forms."""

    def send(choices: Choices) -> bytes:
        options = ["no-stk"] if "stk" in choices else []
        options += ["empty-pin"] if choices.get("pin") == "empty" else []
        made = _with_pin(choices, *options)
        if "right" not in choices:
            assert made.auth(PUK) == "9000"
        challenge = bytes(8) if "challenge" in choices else made.bench.challenge()
        session = social.session_key(made.suite, _STK, challenge)
        pin = b"\xaa\xaa" if "content" in choices else unhex("654321")
        data = social.encipher(made.suite, session, pin).hex() if bool(p2) is ("lc" not in choices) else ""
        command = made.maced(f"842400{p2:02X}", data, _STK, challenge)
        if "mac" in choices:
            command = command[:-1] + f"{int(command[-1], 16) ^ 1:X}"
        return sent(made, commands.PIN_CHANGE_UNBLOCK, choices, command)

    return send


_PIN_OBJECT: Final = {
    "the card has no PIN": ("pin", "missing"),
    "the PIN object is damaged": ("pin", "damaged"),
    "the PIN has no tries left": ("pin", "blocked"),
    "wrong PIN; it loses a try": ("digits", "wrong"),
    **_MEMORY,
}
_NO_PIN_IN_USE: Final = "unblock: no PIN is in use"
_NO_NEW_PIN: Final = "change: wrong length byte or padding, or a PIN that is not BCD of 4 to 16 digits"
_PIN_SERVICE: Final = {
    "Lc does not fit P2, or is not that of whole blocks of the cipher": ("lc", "other"),
    "PUK is not authenticated": ("right", "none"),
    "the card has no PIN, or the environment no maintenance key (STK)": ("stk", "none"),
    "no challenge": ("challenge", "none"),
    "wrong MAC": ("mac", "wrong"),
    **_MEMORY,
}

TRIALS: Final = (
    Trial(commands.READ_RECORD, _read_record, {
        **_NO_FILE,
        "the EF has no records": ("file", "transparent"),
        "the read rule is not satisfied": ("right", "none"),
        "no such record, and none that is added": ("record", "none"),
    }),
    Trial(commands.UPDATE_RECORD, _update_record(commands.UPDATE_RECORD), {**_NO_FILE, **_RECORD, **_GUARD, **_MEMORY}),
    Trial(commands.UPDATE_RECORD_PROTECTED, _update_record(commands.UPDATE_RECORD_PROTECTED),
          {**_NO_FILE, **_RECORD, **_MAC, **_MEMORY}),
    Trial(commands.READ_BINARY, _read_binary, {
        **_NO_FILE,
        "the EF is not transparent": ("file", "records"),
        "the read rule is not satisfied": ("right", "none"),
        "the offset is behind the end of the file": ("offset", "behind"),
    }),
    Trial(commands.UPDATE_BINARY, _update_binary(commands.UPDATE_BINARY), {**_NO_FILE, **_BYTES, **_GUARD, **_MEMORY}),
    Trial(commands.UPDATE_BINARY_PROTECTED, _update_binary(commands.UPDATE_BINARY_PROTECTED),
          {**_NO_FILE, **_BYTES, **_MAC, **_MEMORY}),
    Trial(commands.EXTERNAL_AUTHENTICATE, _external, {
        "no external key of this number and version at the level": ("key", "missing"),
        "the key has no tries left": ("key", "blocked"),
        "no challenge": ("challenge", "none"),
        "wrong authentication data; the key loses a try": ("proof", "wrong"),
        **_MEMORY,
    }),
    Trial(commands.INTERNAL_AUTHENTICATE, _internal,
          {"the level has no internal key of this version": ("key", "missing")}),
    Trial(commands.CARD_BLOCK, _card_block, {
        "an application is current, and not the environment itself": ("level", "application"),
        "BK is not authenticated": ("right", "none"),
        **_MAC,
        **_MEMORY,
    }),
    Trial(commands.APPLICATION_BLOCK, _application_block, {
        "the environment itself is current, and no application": ("level", "environment"),
        "the application has no lock key, or it is not authenticated": ("right", "none"),
        **_MAC,
        **_MEMORY,
    }),
    Trial(commands.VERIFY, _verify, _PIN_OBJECT),
    Trial(commands.CHANGE_PIN, _change_pin, {
        **_PIN_OBJECT, "no FF, or a PIN that is not BCD of 4 to 16 digits": ("content", "short"),
    }),
    Trial(commands.PIN_CHANGE_UNBLOCK, _pin_service(1), {**_PIN_SERVICE, _NO_NEW_PIN: ("content", "no BCD")},
          {_NO_PIN_IN_USE: "this form sets one"}),
    Trial(commands.PIN_CHANGE_UNBLOCK, _pin_service(0), {**_PIN_SERVICE, _NO_PIN_IN_USE: ("pin", "empty")},
          {_NO_NEW_PIN: "this form has none"}),
)  # fmt: skip
