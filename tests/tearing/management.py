"""Scenarios of card management: from the virgin chip to the environments' master keys, and back."""

from collections.abc import Callable
from typing import Final

from cardsim.crypto.social import Suite
from tests.cards import (
    HISTORICAL,
    Bench,
    apdu,
    blank,
    channel_keys,
    create_pse,
    create_ssse,
    load_environment_key,
    load_master,
    master_keys,
    secrets,
    virgin,
)
from tests.tearing.scene import AFTER, BEFORE, Facts, Scenario, Scene, Setting, State, Step, both, then

NEW: Final = b"A-NEW-KEY-16BYTE"
"""A key that no card has."""
_TRIES: Final = 5


def _rights(bench: Bench, key: bytes) -> Callable[[], object]:
    """EXTERNAL AUTHENTICATE of the key that rules the card."""
    return lambda: bench.authenticate(key, 0, Suite.DES)


def _ruling_key(bench: Bench) -> str:
    """Which key EXTERNAL AUTHENTICATE at the MF takes. A wrong one costs a try, so the card is asked on a copy."""
    state = bench.model.snapshot()
    known = {"transport key": secrets().transport, "card master key": secrets().master, "new master key": NEW}
    taken = "none"
    for name, key in known.items():
        bench.power_on()
        if bench.authenticate(key, 0, Suite.DES) == "9000":
            taken = name
        bench.model.restore(state)
    return taken


def _look(bench: Bench) -> Callable[[], Facts]:
    def look() -> Facts:
        key = _ruling_key(bench)
        return {"status": bench.status(), "ruled by": key, "SSSE": bench.ssse(), "PSE": bench.pse()}

    return look


def _scene(bench: Bench, name: str, ready: Callable[[], object], act: Callable[[], str], *states: State) -> Scene:
    return Scene(bench, (Step(name, then(ready, act), states),), _look(bench))


def _sends(bench: Bench, command: str) -> Callable[[], str]:
    return lambda: bench.x(command)[-4:]


def _activate(_setting: Setting) -> Scene:
    bench = virgin()
    command = apdu("80F00000", secrets().transport + bytes((_TRIES, 0, 0)) + HISTORICAL)
    return _scene(bench, "ACTIVATE", lambda: None, _sends(bench, command), *both("6985"))


def _loads(bench: Bench, key: bytes, *states: State) -> Scene:
    new = master_keys([secrets().master if key != secrets().master else NEW])
    act = lambda: bench.protected("84D43F00", key, new, Suite.DES)  # noqa: E731 - one line, used once
    return _scene(bench, "WRITE KEY 3F00", _rights(bench, key), act, *states)


def _mastered() -> Bench:
    bench = blank()
    load_master(bench)
    return bench


def _with_environments(setting: Setting) -> Bench:
    bench = _mastered()
    assert bench.all(create_ssse(suite=setting.suite), create_pse()) == ["9000", "9000"]
    return bench


def _under_master(bench: Bench, name: str, command: str, *states: State) -> Scene:
    return _scene(bench, name, _rights(bench, secrets().master), _sends(bench, command), *states)


def _environment_key(fid: str) -> Callable[[Setting], Scene]:
    def make(setting: Setting) -> Scene:
        bench = _with_environments(setting)
        keys = channel_keys() if fid == "DDF2" else master_keys([NEW], setting.suite)
        ready = _rights(bench, secrets().master)
        return _scene(bench, f"WRITE KEY {fid}", ready, lambda: load_environment_key(bench, fid, keys), *both("6982"))

    return make


def _authentication(*, right: bool) -> Callable[[Setting], Scene]:
    def make(_setting: Setting) -> Scene:
        bench = _mastered()
        bench.power_on()
        assert bench.authenticate(NEW, 0, Suite.DES) == "63C4"
        key = secrets().master if right else NEW
        states = [State(BEFORE, "9000" if right else "63C3"), State("one try taken", "9000", {"tries left": "3"})]
        if right:
            states.append(State("all tries again"))
        else:
            states[1] = State("one try taken", "63C2")
        step = Step(
            "EXTERNAL AUTHENTICATE",
            then(lambda: None, lambda: bench.authenticate(key, 0, Suite.DES)),
            tuple(states),
            (create_ssse(),),
        )
        return Scene(bench, (step,), lambda: {"tries left": _tries_left(bench)})

    return make


def _tries_left(bench: Bench) -> str:
    """Asked on a copy: a wrong key tells how many tries are left behind it."""
    state = bench.model.snapshot()
    word = bench.authenticate(bytes(16), 0, Suite.DES)
    bench.model.restore(state)
    return str(int(word[3], 16) + 1) if word.startswith("63C") else "0"


_CARD: Final = "SCHEME-004, PERSO-021, D1, D2, D13"

SCENARIOS: Final = (
    Scenario("activate", "A virgin chip gets its transport key.", _CARD, _activate),
    Scenario("load-card-master-key", "The card master key takes the place of the transport key.", _CARD,
             lambda _setting: _loads(blank(), secrets().transport, State(BEFORE), State(AFTER, "6982"))),
    Scenario("replace-card-master-key", "The card master key replaces itself.", _CARD,
             lambda _setting: _loads(_mastered(), secrets().master, State(BEFORE), State(AFTER, "6982"))),
    Scenario("card-authentication", "The right card master key, after a wrong one.", "SSC5-6.4-02, D13",
             _authentication(right=True)),
    Scenario("card-authentication-wrong", "A wrong card master key.", "SSC5-6.4-02, D13",
             _authentication(right=False)),
    Scenario("create-environment", "The card master key creates SSSE.", _CARD,
             lambda setting: _under_master(_mastered(), "CREATE", create_ssse(suite=setting.suite), *both("6A89"))),
    Scenario("delete-environment", "The card master key deletes an environment that has no key yet.", _CARD,
             lambda setting: _under_master(_with_environments(setting), "DELETE", "80E4000002DDF1", *both("6A82"))),
    Scenario("load-ssse-master-key", "SSSE gets its master key, and the card master key loses it.", _CARD,
             _environment_key("DDF1")),
    Scenario("load-pse-master-key", "PSE gets its master key, and the card master key loses it.", _CARD,
             _environment_key("DDF2")),
    Scenario("erase-card", "The card master key erases the card; the transport key is there again.", _CARD,
             lambda setting: _under_master(_with_environments(setting), "ERASE", "800E000000", *both("6982"))),
)  # fmt: skip
