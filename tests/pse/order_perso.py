"""Trials of the order of errors: the secure channel of personalisation and the commands in it."""

import functools
import itertools
from collections.abc import Callable
from typing import Final

from cardsim.cos.files import ENTRY_SIZE, FileFlag
from cardsim.cos.masterkey import PAGE
from cardsim.cos.table import Command
from cardsim.iso7816.tlv import ber
from cardsim.making.pse import PSE_NAME
from cardsim.pse import commands
from tests.cards import AID, Bench, of_cells, unhex
from tests.order import Choices, Spoiler, Trial, deliver
from tests.pse.perso import ADF, CHALLENGE, SECOND_AID, SECRET, empty, job, log_file, open_channel, pse_of
from tests.pse.scp import NEW, Host, put_key_data

_MUCH, _SOME, _SPARE = 250, 40, 8
"""Bytes of a record that takes room away; of what is left in the end at most; of what a record takes besides."""
_LOG: Final = 0x0501
"""Identifier of the log file: that of a record of SFI 5."""
_MEMORY: Final[dict[str, Spoiler]] = {"a page could not be programmed": ("memory", "fails")}
_ISSUED: Final[dict[str, Spoiler]] = {"the application is issued": ("issued", "yes")}
_TRIES: Final[dict[str, Spoiler]] = {"the key set has no tries left": ("tries", "none")}
_PLAIN: Final[dict[str, Spoiler]] = {
    "no channel is open": ("channel", "none"),
    "the channel's security level is not 00: the channel ends": ("level", "01"),
}
_SEALED: Final[dict[str, Spoiler]] = {
    "no channel is open": ("channel", "none"),
    "the channel's security level is 00": ("level", "00"),
    "wrong C-MAC, or data that cannot be deciphered: the channel ends": ("mac", "wrong"),
}


@functools.cache
def _filled(options: frozenset[str]) -> bytes:
    """Cells of a card whose application lacks its keys alone; `options` leave more away, or make the data unfit."""
    bench = empty()
    work = {dgi: content for dgi, content in job().items() if dgi != 0x8000}
    if "missing" in options:
        del work[0x9104]
    if "unfit" in options:
        work[0x9203] = work[0x9203][:-1] + b"\x02"
    channel = open_channel(bench)
    channel.send("CREATE log file", 0xE0, _LOG >> 8, _LOG & 0xFF, log_file())
    for dgi, content in work.items():
        channel.store(dgi, content, secret=dgi in SECRET)
    if "room" in options:
        for number in itertools.count(1):
            left = pse_of(bench).files.free_space() - ENTRY_SIZE
            if left < _SOME:
                break
            channel.store(0x1E00 + number, ber(0x70, bytes(min(left, _MUCH) - _SPARE)))
    return bench.cells


def _card(choices: Choices) -> Bench:
    wanted = frozenset({"missing", "unfit", "room"} & set(choices))
    return of_cells(_filled(wanted), empty().keys)


def _spoil(bench: Bench, choices: Choices) -> None:
    """What changes behind the back of a channel that is open."""
    pse = pse_of(bench)
    if "issued" in choices:
        df = pse.application().df
        pse.files.set_file_flags(df, df.flags | FileFlag.ISSUED)
        pse.partition.commit()
    if "tries" in choices:
        while pse.master.tries:
            pse.master.lower()


def _initialize_update(choices: Choices) -> bytes:
    bench = _card(choices)
    bench.select(AID)
    _spoil(bench, choices)
    version = "09" if "version" in choices else "00"
    return deliver(bench, pse_of(bench), commands.INITIALIZE_UPDATE, choices, unhex(f"8050{version}0008") + CHALLENGE)


def _authenticate(choices: Choices) -> bytes:
    bench = _card(choices)
    pse = pse_of(bench)
    if "sequence" in choices:
        pse.partition.write_early(pse.master._offset + PAGE + 1, b"\xff\xff")
    host = Host(bench)
    assert host.initialize() == "9000"
    if "initialize" in choices:
        bench.select(AID)
    _spoil(bench, choices)
    command = host.opening(1, spoil=int("proof" in choices))
    return deliver(bench, pse, commands.CHANNEL_AUTHENTICATE, choices, command)


def _through(
    row: Command, name: bytes, make: Callable[[Host, Choices], tuple[int, int, bytes]]
) -> Callable[[Choices], bytes]:
    """A command in the channel: P1, P2 and data as `make` gives them, in the class of the row."""
    sealed = row.cla == 0x84

    def send(choices: Choices) -> bytes:
        bench = _card(choices)
        good = 1 if sealed else 0
        host = Host(bench, name=name).open(1 - good if "level" in choices else good)
        p1, p2, data = make(host, choices)
        host.level = good
        command = host.sealed(row.ins, p1, p2, data, spoil=int("mac" in choices))
        if "channel" in choices:
            bench.select(name.hex())
        _spoil(bench, choices)
        return deliver(bench, pse_of(bench), row, choices, command)

    return send


def _create_application(_host: Host, choices: Choices) -> tuple[int, int, bytes]:
    fid = 0xADF1 if "identifier" in choices else 0xADF2
    head = "37" if "content" in choices else "38"
    space = "FFFF" if "room" in choices else "0000"
    return fid >> 8, fid & 0xFF, unhex(f"{head}{space}000000FFFF{AID if 'name' in choices else SECOND_AID}")


def _create_log(_host: Host, choices: Choices) -> tuple[int, int, bytes]:
    fid = _LOG if "identifier" in choices else 0x0601
    data = bytearray(log_file(1, 0x40))
    data[-1] = 0 if "content" in choices else 6
    return fid >> 8, fid & 0xFF, bytes(data)


def _store_data(host: Host, choices: Choices) -> tuple[int, int, bytes]:
    """The last block: the keys under S-DEK; other data groupings before them, and the beginning of one behind them."""
    keys = bytearray(job()[0x8000])
    if "keys" in choices:
        keys[0] ^= 0x80
    groupings = [(0x8000, bytes(keys))]
    if "file" in choices:
        groupings.append((_LOG, b"\x70\x06" + bytes(6)))
    if "content" in choices:
        groupings.append((0x8010, bytes(16)))
    if "dgi" in choices:
        groupings.insert(0, (0x7777, bytes(8)))
    data = b"".join(host.grouping(dgi, content, secret=True) for dgi, content in groupings)
    p1 = 0x80 if "secret" in choices else 0xE0
    return p1, 5 if "block" in choices else 0, data + (b"\x01\x01\x05\x70" if "cut" in choices else b"")


def _put_key(host: Host, choices: Choices) -> tuple[int, int, bytes]:
    data = bytearray(put_key_data(host, NEW, 7))
    data[-1] ^= int("content" in choices)
    return 9 if "version" in choices else 0, 0x81, bytes(data)


_CREATED: Final[dict[str, Spoiler]] = {
    "the data have not the form of an application (at PSE) or of a log file (in one)": ("content", "odd"),
    "identifier or SFI is taken": ("identifier", "taken"),
    "no room for the application and its space, or for the log file": ("room", "none"),
    **_MEMORY,
}
_STORED: Final[dict[str, Spoiler]] = {
    "P2 is not the next block number: 00 is the next one from then on": ("block", "other"),
    "the last block ends inside a data grouping": ("cut", "yes"),
    "a DGI that does not exist here": ("dgi", "unknown"),
    "a secret that is not under S-DEK, or under S-DEK in no whole blocks": ("secret", "open"),
    "the content of a data grouping has not its form or length": ("content", "odd"),
    "the identifier of a data grouping belongs to a file": ("file", "log"),
    "no room in the environment": ("room", "none"),
    "card keys and their check values differ": ("keys", "other"),
    "last block: something mandatory is missing": ("missing", "9104"),
    "last block: data do not fit together": ("unfit", "AFL"),
    **_MEMORY,
}
_PUT: Final[dict[str, Spoiler]] = {
    "P1 is another key version than the card's": ("version", "other"),
    "wrong form, or a key that differs from its check value": ("content", "odd"),
    **_MEMORY,
}
_NEVER_ISSUED: Final = {"the application is issued": "PSE itself takes applications at any time (D7)"}
_NO_NAME: Final = {"the name is taken": "a log file has no name"}


def _row(name: str, cla: int) -> Command:
    return next(row for row in commands.TABLE if row.name == name and row.cla == cla)


def _trials(cla: int, gate: dict[str, Spoiler]) -> tuple[Trial, ...]:
    """The commands in the channel, in one of its classes."""
    create, store, put = (_row(name, cla) for name in ("CREATE", "STORE DATA", "PUT KEY"))
    named: dict[str, Spoiler] = {"the name is taken": ("name", "taken")}
    return (
        Trial(
            create, _through(create, PSE_NAME, _create_application), {**gate, **_CREATED, **named},
            unseen=_NEVER_ISSUED, limited=False,
        ),
        Trial(
            create, _through(create, ADF, _create_log), {**_ISSUED, **gate, **_CREATED}, unseen=_NO_NAME, limited=False
        ),
        Trial(store, _through(store, ADF, _store_data), {**_ISSUED, **gate, **_STORED}),
        Trial(put, _through(put, PSE_NAME, _put_key), {**gate, **_PUT}),
    )  # fmt: skip


TRIALS: Final = (
    Trial(commands.INITIALIZE_UPDATE, _initialize_update, {
        **_ISSUED, "P1 is another key version than the card's": ("version", "other"), **_TRIES,
    }),
    Trial(commands.CHANNEL_AUTHENTICATE, _authenticate, {
        **_ISSUED,
        "no INITIALIZE UPDATE before it": ("initialize", "none"),
        **_TRIES,
        "the sequence counter is at its end": ("sequence", "end"),
        **_MEMORY,
        "wrong host cryptogram or C-MAC": ("proof", "wrong"),
    }),
    *_trials(0x80, _PLAIN),
    *_trials(0x84, _SEALED),
)  # fmt: skip
