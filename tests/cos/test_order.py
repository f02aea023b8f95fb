"""The order of errors at the MF: card management (`tests.order`)."""

import functools
from typing import Final

import pytest

from cardsim.cos import commands
from cardsim.cos.table import Command
from cardsim.crypto import social
from cardsim.crypto.social import Suite
from cardsim.keyfile import KeyFile
from tests.cards import (
    HISTORICAL,
    ORIGINAL,
    PSE_NAME,
    SSSE_NAME,
    Bench,
    apdu,
    blank,
    create_data,
    create_pse,
    create_ssse,
    load_environment_key,
    load_master,
    master_keys,
    of_cells,
    seal,
    secrets,
    unhex,
    virgin,
)
from tests.order import ONE_AT_A_TIME, Choices, Spoiler, Trial, deliver, never_seen, problems, shared_knobs, unnamed

_NAME: Final = "4142434445"
_NEW: Final = b"A-NEW-KEY-16BYTE"


@functools.cache
def _mastered(*, keyed: bool) -> tuple[bytes, KeyFile]:
    """A card with a master key, DDF2 created, and DDF1 created or keyed."""
    bench = blank()
    load_master(bench)
    assert bench.all(create_ssse(pages=64), create_pse(pages=64)) == ["9000", "9000"]
    if keyed:
        assert load_environment_key(bench, "DDF1", master_keys([_NEW], Suite.SM4)) == "9000"
    return bench.cells, bench.keys


def _card(choices: Choices, *, keyed: bool = True) -> Bench:
    """A card in the state that the knobs ask for, the key that rules it authenticated."""
    match choices.get("state"):
        case "virgin":
            return virgin()
        case "transport":
            bench, key = blank(), secrets().transport
        case _:
            bench, key = of_cells(*_mastered(keyed=keyed)), secrets().master
    if "right" not in choices:
        assert bench.authenticate(key, 0, Suite.DES) == "9000"
    return bench


def _sent(bench: Bench, row: Command, choices: Choices, command: str) -> bytes:
    return deliver(bench, None, row, choices, unhex(command))


def _activate(choices: Choices) -> bytes:
    bench = virgin() if "state" not in choices else blank()
    limit = b"\0" if "content" in choices else b"\x05"
    return _sent(bench, commands.ACTIVATE, choices, apdu("80F00000", bytes(16) + limit + bytes(2) + HISTORICAL))


def _activate_with_choices(choices: Choices) -> bytes:
    bench = virgin() if "state" not in choices else blank()
    chosen = b"\xff" * 4 if "content" in choices else bytes(4)
    data = bytes(16) + b"\x05" + bytes(2) + chosen + HISTORICAL
    return _sent(bench, commands.ACTIVATE_WITH_CHOICES, choices, apdu("80F00100", data))


def _authenticate(choices: Choices) -> bytes:
    bench = virgin() if choices.get("key") == "missing" else blank()
    if choices.get("key") == "blocked":
        for _ in range(5):
            bench.authenticate(_NEW, 0, Suite.DES)
    challenge = bytes(8) if "challenge" in choices else bench.challenge()
    key = _NEW if "proof" in choices else secrets().transport
    proof = social.authentication_data(Suite.DES, key, challenge, ORIGINAL)
    return _sent(bench, commands.AUTHENTICATE_MASTER, choices, apdu("00820000", proof + ORIGINAL))


def _create(choices: Choices) -> bytes:
    fid = {"keyed": "DDF1", "created": "DDF2"}.get(choices.get("fid", ""), "DDF3")
    name = {"keyed": SSSE_NAME, "created": PSE_NAME}.get(choices.get("name", ""), _NAME)
    pages = 4 if "form" in choices else 0xFFFF if "room" in choices else 16
    data = create_data(pages, 1, 2 if "algorithm" in choices else 3, 0x1F if "content" in choices else 0, name)
    return _sent(_card(choices), commands.CREATE_ENVIRONMENT, choices, apdu(f"80E0{fid}", data))


def _delete(choices: Choices) -> bytes:
    fid = {"keyed": "DDF1", "missing": "DDF3"}.get(choices.get("fid", ""), "DDF2")
    return _sent(_card(choices), commands.DELETE_ENVIRONMENT, choices, f"80E4000002{fid}")


def _write_key(choices: Choices) -> bytes:
    bench = _card(choices)
    fid = {"keyed": "DDF1", "missing": "DDF3"}.get(choices.get("fid", ""), "DDF2")
    keys = master_keys([_NEW] * 3, tries=0 if "content" in choices else 15)
    challenge = bytes(8) if "challenge" in choices else bench.challenge() or bytes(8)
    command = seal(Suite.DES, f"84D4{fid}", secrets().master, keys, challenge)
    if "mac" in choices:
        command = command[:-1] + bytes((command[-1] ^ 1,))
    return _sent(bench, commands.LOAD_MASTER_KEY, choices, command.hex())


def _erase(choices: Choices) -> bytes:
    return _sent(_card(choices, keyed="keyed" in choices), commands.ERASE_CARD, choices, "800E000000")


_UNBLOCKED: Final = "a virgin chip cannot be blocked"
_MEMORY: Final[dict[str, Spoiler]] = {"a page could not be programmed": ("memory", "fails")}
_RULED: Final[dict[str, Spoiler]] = {
    "the key that rules the card is not authenticated": ("right", "none"),
    "the transport key still rules the card": ("state", "transport"),
}
_FOUND: Final[dict[str, Spoiler]] = {
    "no environment has this identifier": ("fid", "missing"),
    "the environment has its own master key": ("fid", "keyed"),
}

_ACTIVATED: Final[dict[str, Spoiler]] = {
    "the chip is activated already": ("state", "activated"),
    "a try limit out of 1-15, or an unknown switch": ("content", "limit"),
    **_MEMORY,
}

TRIALS: Final = (
    Trial(commands.ACTIVATE, _activate, _ACTIVATED, blockable=False),
    Trial(commands.ACTIVATE_WITH_CHOICES, _activate_with_choices, _ACTIVATED, blockable=False),
    Trial(commands.AUTHENTICATE_MASTER, _authenticate, {
        "a virgin chip has no key": ("key", "missing"),
        "the key has no tries left": ("key", "blocked"),
        "no challenge": ("challenge", "none"),
        **_MEMORY,
        "wrong authentication data; the key loses a try": ("proof", "wrong"),
    }, excluded={("blocked", "a virgin chip has no key"): _UNBLOCKED}),
    Trial(commands.CREATE_ENVIRONMENT, _create, {
        **_RULED,
        "the identifier is that of an environment with a master key": ("fid", "keyed"),
        "the identifier is that of another environment": ("fid", "created"),
        "the data have not this form": ("content", "SFI"),
        "the algorithm is SSF33, which is classified": ("algorithm", "SSF33"),
        "no such kind with this algorithm, or fewer pages than an environment needs": ("form", "pages"),
        "the name is that of an environment with a master key": ("name", "keyed"),
        "the name is that of another environment": ("name", "created"),
        "no room on the chip": ("room", "none"),
        **_MEMORY,
    }, limited=False),
    Trial(commands.DELETE_ENVIRONMENT, _delete, {**_RULED, **_FOUND, **_MEMORY}),
    Trial(commands.LOAD_MASTER_KEY, _write_key, {
        "a virgin chip": ("state", "virgin"),
        "the key that rules the card is not authenticated": ("right", "none"),
        "the key of an environment, while the transport key rules the card": ("state", "transport"),
        **_FOUND,
        "no challenge": ("challenge", "none"),
        "wrong MAC": ("mac", "wrong"),
        "the deciphered data are no key set of this place": ("content", "limit"),
        **_MEMORY,
    }, limited=False, excluded={("blocked", "a virgin chip"): _UNBLOCKED}),
    Trial(commands.ERASE_CARD, _erase, {
        **_RULED, "an environment has its own master key": ("keyed", "yes"), **_MEMORY,
    }),
)  # fmt: skip
EACH = pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.row.name)


@EACH
def test_order(trial: Trial) -> None:
    """PERSO-001, PERSO-021, D1, D2, D3: each fault alone, and each pair of faults: the earlier one wins."""
    assert list(problems(trial)) == []


@EACH
def test_every_fault_has_its_spoiler(trial: Trial) -> None:
    """A new fault in a row needs a spoiler; none is left behind."""
    assert unnamed(trial) == set()
    assert shared_knobs(trial) <= set(ONE_AT_A_TIME)


def test_no_row_is_left_out() -> None:
    """What succeeds everywhere, or nowhere, has no order to try."""
    plain = {commands.SELECT, commands.GET_RESPONSE, commands.GET_CHALLENGE, commands.GET_STATUS, commands.READ_NOTHING}
    assert {trial.row for trial in TRIALS} == set(commands.TABLE) - plain
    assert never_seen(TRIALS) == set()
