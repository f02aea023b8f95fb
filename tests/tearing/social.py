"""Scenarios of the social-security environment: set-up, records, keys, PIN, blocks."""

from collections.abc import Callable
from typing import Final

from cardsim.cos.files import FileType
from cardsim.cos.keys import KeyUse, NewKey
from cardsim.cos.masterkey import Algorithm
from cardsim.cos.record import Switch
from cardsim.crypto import social
from tests.cards import Bench, apdu, card, master_keys, unhex
from tests.ssse.shop import Shop, shop
from tests.ssse.test_application_block import LK, NAMES
from tests.ssse.test_application_block import block as block_application
from tests.ssse.test_application_block import made as with_applications
from tests.ssse.test_binary import WRITE_KEY, opened
from tests.ssse.test_pin_service import PUK, blocked, change, service
from tests.ssse.test_pin_service import made as with_pin
from tests.tearing.management import NEW
from tests.tearing.scene import (
    BEFORE,
    Facts,
    Scenario,
    Scene,
    Setting,
    State,
    Step,
    both,
    has_applications,
    has_environment_keys,
    then,
)

OLD_DF: Final = "D15600000500"
NEW_DF: Final = "D15600000501"
EF_DATA: Final = "2C0040000000000000000009"
DF_DATA: Final = f"380000000000FFFF{NEW_DF}"
_APPENDED, _LONG = "A40166", "A464" + "77" * 100
_PIN, _RIGHT, _WRONG, _NEW_PIN = 6, "123456", "123450", "654321"


def _filled(setting: Setting, *, issued: bool = False) -> Shop:
    """SSSE with a record file, a cyclic file, keys, PIN and a DF: in set-up, or issued."""
    made = shop(setting.suite, pages=24)
    assert made.key_file() == made.ef("EF05") == made.ef("EF07", 0x0304, FileType.CYCLIC) == "9000"
    for number in (4, 5):
        made.external(number, limit=3 if number == 4 else 0xFF)
    assert made.pin(_RIGHT) == made.df("DF01", OLD_DF) == "9000"
    assert [made.append(5, number, f"A{number}0155") for number in (1, 2, 3)] == ["9000"] * 3
    if issued:
        assert made.end() == "9000"
    return made


# --- what one sees of it ---------------------------------------------------------------------------------------------


def _look(made: Shop) -> Callable[[], Facts]:
    """Files, records, keys and state, as the card itself tells them; keys are tried on a copy."""
    bench = made.bench

    def look() -> Facts:
        state = bench.model.snapshot()
        facts = {"SSSE": bench.ssse(), "EF09": bench.select_fid("EF09", "02"), "key file": made.key_file()}
        facts |= {name: bench.x(f"00B201{sfi << 3 | 5:02X}00") for name, sfi in (("EF05", 5), ("EF07", 7))}
        facts |= {"DF01": bench.select(OLD_DF), "DF02": bench.select(NEW_DF)}
        facts |= {"without a key": bench.all("800E000000", "800A000000")[0], "PIN": _tries(bench)}
        facts |= {f"key {number:02X}": _taken(made, number) for number in (4, 7)}
        facts["master key"] = _taken(made, 0)
        bench.model.restore(state)
        return facts

    return look


def _tries(bench: Bench) -> str:
    bench.ssse()
    return bench.x("0020000000")


def _taken(made: Shop, number: int) -> str:
    """Which of two keys is taken under a number; 0 is the master key, in set-up and after it."""
    bench, old = made.bench, made.keys.get(number, made.master)
    for name, key in (("the old one", old), ("the new one", NEW)):
        state = bench.model.snapshot()
        bench.ssse()
        taken = bench.authenticate(key, number, made.suite) == "9000" or (not number and _rules(made, key))
        bench.model.restore(state)
        if taken:
            return name
    return "none"


def _rules(made: Shop, key: bytes) -> bool:
    """Whether a command under the MAC of this master key is taken; after set-up it shows itself in no other way."""
    return made.bench.protected("840E0000", key, b"", made.suite) == "9000"


# --- commands of the master key --------------------------------------------------------------------------------------


def _master(made: Shop, key: bytes | None = None) -> Callable[[], object]:
    """SELECT, and the rights of the master key during set-up."""

    def ready() -> None:
        made.bench.ssse()
        made.bench.authenticate(key or made.master, 0, made.suite)

    return ready


def _set_up(name: str, command: str, again: str) -> Callable[[Setting], Scene]:
    """A plain command under the master key."""

    def make(setting: Setting) -> Scene:
        made = _filled(setting)
        act = lambda: made.bench.x(command)[-4:]  # noqa: E731 - one line, used once
        return Scene(made.bench, (Step(name, then(_master(made), act), both(again)),), _look(made))

    return make


def _sealed(
    name: str, header: str, plain: Callable[[Setting], bytes], again: str, *, issued: bool = False
) -> Callable[[Setting], Scene]:
    """A command enciphered and MACed under the master key."""

    def make(setting: Setting) -> Scene:
        made, content = _filled(setting, issued=issued), plain(setting)
        act = lambda: made.bench.protected(header, made.master, content, made.suite)  # noqa: E731
        return Scene(made.bench, (Step(name, then(_master(made), act), both(again)),), _look(made))

    return make


def _key_file(setting: Setting) -> Scene:
    made = shop(setting.suite, pages=24)
    step = Step("CREATE", then(_master(made), made.key_file), both("6A89"))

    def look() -> Facts:
        made.bench.ssse()
        made.bench.authenticate(made.master, 0, made.suite)
        state = made.bench.model.snapshot()
        facts = {"a PIN can be written": made.pin(_RIGHT)}
        made.bench.model.restore(state)
        return facts

    return Scene(made.bench, (step,), look)


def _key(number: int, setting: Setting) -> bytes:
    return bytes(NewKey(KeyUse.EXTERNAL, number, 1, Algorithm(setting.suite.key_algorithm_byte), 3, NEW))


def _key_set(setting: Setting) -> bytes:
    return master_keys([NEW], setting.suite)


# --- records ---------------------------------------------------------------------------------------------------------


def _update(command: str, again: str, *, cyclic: bool = False) -> Callable[[Setting], Scene]:
    """UPDATE RECORD; the files are free for all."""

    def make(setting: Setting) -> Scene:
        made = _filled(setting)
        if cyclic:
            for entry in ("A1010101", "A2020202", "A3030303"):
                assert made.bench.x(f"00DC003B04{entry}") == "9000"
        act = lambda: made.bench.x(command)[-4:]  # noqa: E731 - one line, used once
        return Scene(made.bench, (Step("UPDATE RECORD", then(made.bench.ssse, act), both(again)),), _look(made))

    return make


# --- secrets ---------------------------------------------------------------------------------------------------------


def _counted(
    before: int, limit: int, words: tuple[str, str], *, right: bool, name: str = "tries left"
) -> tuple[State, ...]:
    """The states of a comparison: a try is taken before it, and all are there again behind a success."""
    taken = {name: str(before - 1)}
    if right:
        return (
            State(BEFORE),
            State("one try taken", "9000", taken),
            State("all tries again", "9000", {name: str(limit)}),
        )
    return State(BEFORE, words[0]), State("one try taken", words[1], taken)


def _verify(*, right: bool, before: int = 4) -> Callable[[Setting], Scene]:
    def make(setting: Setting) -> Scene:
        bench = card(setting.profile.name)
        bench.ssse()
        for left in range(_PIN - 1, before - 1, -1):
            assert bench.verify("000000") == f"63C{left}"
        pin = _RIGHT if right else _WRONG
        step = Step(
            "VERIFY",
            then(lambda: bench.select(OLD_DF), lambda: bench.verify(pin)),
            _counted(before, _PIN, ("63C3", "63C2"), right=right),
            ("00B2012C00",),
        )
        return Scene(bench, (step,), lambda: {"tries left": _tries(bench)[3:]})

    return make


def _last_try(setting: Setting) -> Scene:
    bench = card(setting.profile.name)
    bench.ssse()
    for _ in range(_PIN - 1):
        bench.verify("000000")
    states = State(BEFORE, "63C0"), State("blocked", "6983")
    step = Step("VERIFY", then(bench.ssse, lambda: bench.verify(_WRONG)), states)
    return Scene(bench, (step,), lambda: {"tries left": _tries(bench)})


def _authentication(reference: int, name: str, *, right: bool) -> Callable[[Setting], Scene]:
    """EXTERNAL AUTHENTICATE of the finished card, after a wrong key."""

    def make(setting: Setting) -> Scene:
        bench = card(setting.profile.name)
        bench.ssse()
        assert bench.authenticate(NEW, reference) == "63C2"
        key = bench.key(name) if right else NEW

        def look() -> Facts:
            bench.ssse()
            return {"tries left": tries_left(bench, reference)}

        states = _counted(2, 3, ("63C1", "63C0"), right=right)
        step = Step(
            "EXTERNAL AUTHENTICATE",
            then(bench.ssse, lambda: bench.authenticate(key, reference)),
            states,
            ("00B2013400",),
        )
        return Scene(bench, (step,), look)

    return make


def tries_left(bench: Bench, reference: int) -> str:
    """Tries of a key, asked on a copy: a wrong proof tells how many are left behind it."""
    state = bench.model.snapshot()
    word = bench.authenticate(bytes(16), reference)
    bench.model.restore(state)
    return str(int(word[3], 16) + 1) if word.startswith("63C") else "0"


def _master_authentication(*, right: bool) -> Callable[[Setting], Scene]:
    def make(setting: Setting) -> Scene:
        made = _filled(setting)
        made.bench.power_on()
        made.bench.ssse()
        assert made.bench.authenticate(NEW, 0, made.suite) == "63C4"
        key = made.master if right else NEW

        def look() -> Facts:
            made.bench.ssse()
            state = made.bench.model.snapshot()
            word = made.bench.authenticate(bytes(16), 0, made.suite)
            made.bench.model.restore(state)
            return {"tries left": str(int(word[3], 16) + 1)}

        step = Step(
            "EXTERNAL AUTHENTICATE",
            then(made.bench.ssse, lambda: made.bench.authenticate(key, 0, made.suite)),
            _counted(4, 5, ("63C3", "63C2"), right=right),
            (apdu("80E0EF09", EF_DATA),),
        )
        return Scene(made.bench, (step,), look)

    return make


def _block(switches: int, again: str) -> Callable[[Setting], Scene]:
    """CARD BLOCK: of the environment, or of the whole card where the profile says so.

    The environment can no longer be selected then, and the MF has no such command (6D00).
    """

    def make(setting: Setting) -> Scene:
        bench = card(setting.profile.name, switches=switches)
        header = "84160000"

        def ready() -> None:
            bench.ssse()
            bench.authenticate(bench.key("BK"), 5)

        def act() -> str:
            session = social.session_key(bench.suite, bench.key("STKSSSE"), bench.challenge())
            return bench.x(apdu(header, social.mac4(bench.suite, session, unhex(header + "04"))))[-4:]

        def look() -> Facts:
            return {"MF": bench.x("00A40000023F00"), "SSSE": bench.ssse(), "PSE": bench.pse()}

        return Scene(bench, (Step("CARD BLOCK", then(ready, act), both(again)),), look)

    return make


# --- bytes, PIN services, APPLICATION BLOCK --------------------------------------------------------------------------


def _update_binary(_setting: Setting) -> Scene:
    """UPDATE BINARY over several pages."""
    made = opened()
    new = bytes(range(0xF0)).hex().upper()

    def ready() -> None:
        made.bench.ssse()
        made.auth(WRITE_KEY)
        made.bench.select_fid("EF16", "02")

    def look() -> Facts:
        made.bench.ssse()
        return {f"bytes from {at:02X}": made.bench.x(f"00B096{at:02X}40") for at in range(0, 0x100, 0x40)}

    act = lambda: made.bench.x(apdu("00D60000", new))[-4:]  # noqa: E731 - one line, used once
    return Scene(made.bench, (Step("UPDATE BINARY", then(ready, act), both("9000")),), look)


def _pin_look(made: Shop) -> Callable[[], Facts]:
    """Tries left, and which of two PINs is taken."""

    def look() -> Facts:
        facts, state = {"tries left": _tries(made.bench)}, made.bench.model.snapshot()
        for name, pin in (("the old PIN", _RIGHT), ("the new PIN", _NEW_PIN)):
            facts[name] = "taken" if made.bench.verify(pin) == "9000" else "refused"
            made.bench.model.restore(state)
        return facts

    return look


def _change_pin(setting: Setting) -> Scene:
    made = with_pin(setting.suite)
    assert [made.bench.verify("000000"), made.bench.verify("000000")] == ["63C5", "63C4"]
    states = State(BEFORE), State("one try taken", "9000", {"tries left": "63C3"}), State("the new PIN", "63C5")
    act = lambda: change(made.bench, _RIGHT, _NEW_PIN)  # noqa: E731 - one line, used once
    return Scene(made.bench, (Step("CHANGE PIN", then(made.bench.ssse, act), states),), _pin_look(made))


def _pin_service(p2: int, pin: str | None) -> Callable[[Setting], Scene]:
    """PIN CHANGE/UNBLOCK under PUK and STK, when no try is left."""

    def make(setting: Setting) -> Scene:
        made = blocked(with_pin(setting.suite))

        def ready() -> None:
            made.bench.ssse()
            made.auth(PUK)

        step = Step("PIN CHANGE/UNBLOCK", then(ready, lambda: service(made, p2, pin)), both("9000"))
        return Scene(made.bench, (step,), _pin_look(made))

    return make


def _application_block(setting: Setting) -> Scene:
    """An application that is blocked cannot be selected; the environment itself has no such command (6985)."""
    made = with_applications(setting.suite)

    def ready() -> None:
        made.root()
        made.bench.select_fid("DF04")
        made.auth(LK)

    def look() -> Facts:
        made.root()
        return {name: made.bench.select(NAMES[name]) for name in ("DF01", "DF04")}

    step = Step("APPLICATION BLOCK", then(ready, lambda: block_application(made)), both("6985"))
    return Scene(made.bench, (step,), look)


_SET_UP: Final = "SSC4-5.3-01, D6, D13"
_ATOMIC: Final = "SSC7-14-01, SSC5-6.13-01, D13"
_TRIED: Final = "SSC7-5.8-05, SSC7-6.6-03, D13"

SCENARIOS: Final = (
    Scenario("create-df", "SSSE gets an application.", _SET_UP,
             _set_up("CREATE", apdu("80E0DF02", DF_DATA), "6A89")),
    Scenario("create-ef", "SSSE gets a file.", _SET_UP, _set_up("CREATE", apdu("80E0EF09", EF_DATA), "6A89")),
    Scenario("create-key-file", "SSSE gets its key file.", _SET_UP, _key_file),
    Scenario("create-df-issued", "An application, under MAC and encryption.", _SET_UP,
             _sealed("CREATE", "84E0DF02", lambda _setting: unhex(DF_DATA), "6A89", issued=True)),
    Scenario("create-ef-issued", "A file, under MAC and encryption.", _SET_UP,
             _sealed("CREATE", "84E0EF09", lambda _setting: unhex(EF_DATA), "6A89", issued=True)),
    Scenario("write-key", "A new key of the environment.", _SET_UP,
             _sealed("WRITE KEY", "84D40000", lambda setting: _key(7, setting), "9000")),
    Scenario("key-update", "Another value for a key.", _SET_UP,
             _sealed("WRITE KEY", "84D40000", lambda setting: _key(4, setting), "9000")),
    Scenario("key-update-issued", "Another value for a key of an issued environment.", _SET_UP,
             _sealed("WRITE KEY", "84D40000", lambda setting: _key(4, setting), "9000", issued=True)),
    Scenario("replace-master-key", "The environment master key replaces itself.", "SSC4-5.3-02, D6",
             _sealed("WRITE KEY", "84D40100", _key_set, "6982")),
    Scenario("replace-master-key-issued", "The same in an issued environment.", "SSC4-5.3-02, D6",
             _sealed("WRITE KEY", "84D40100", _key_set, "6988", issued=True)),
    Scenario("end-personalisation", "Set-up ends.", _SET_UP,
             _set_up("END PERSONALISATION", "800A000000", "6985")),
    Scenario("erase-environment", "The environment is emptied.", "PERSO-021, D4",
             _set_up("ERASE", "800E000000", "9000")),
    Scenario("erase-environment-issued", "The same in an issued environment.", "PERSO-021, D4",
             _sealed("ERASE", "840E0000", lambda _setting: b"", "9000", issued=True)),
    Scenario("master-authentication", "The right environment master key, after a wrong one.", _TRIED,
             _master_authentication(right=True)),
    Scenario("master-authentication-wrong", "A wrong environment master key.", _TRIED,
             _master_authentication(right=False)),
    Scenario("record-append", "A record is added to a linear file.", _ATOMIC,
             _update(apdu("00DC042C", _APPENDED), "9000")),
    Scenario("record-append-long", "A record of several pages is added.", _ATOMIC,
             _update(apdu("00DC042C", _LONG), "9000")),
    Scenario("record-append-cyclic", "The newest record of a full cyclic file takes the oldest one's place.", _ATOMIC,
             _update(apdu("00DC003B", "A4040404"), "9000", cyclic=True)),
    Scenario("record-update", "A record gets another content.", _ATOMIC, _update("00DC022C03A20177", "9000")),
    Scenario("record-longer", "A record gets another length; those behind it move.", _ATOMIC,
             _update(apdu("00DC012C", "A150" + "66" * 80), "9000")),
    Scenario("update-binary", "Bytes of several pages get another content.", "SSC7-14-02, D13", _update_binary),
    Scenario("pin-change", "CHANGE PIN, after two wrong ones.", "SSC5-6.3-01, SSC5-6.3-02, D13", _change_pin),
    Scenario("pin-reset", "PIN CHANGE/UNBLOCK sets another PIN.", "SSC5-6.8-01, D13", _pin_service(1, _NEW_PIN)),
    Scenario("pin-unblock", "PIN CHANGE/UNBLOCK gives all tries back.", "SSC5-6.8-01, D13", _pin_service(0, None)),
    Scenario("application-block", "APPLICATION BLOCK stops one application.", "SSC5-6.1-01, D13", _application_block),
    Scenario("verify", "The right PIN, after two wrong ones.", _TRIED, _verify(right=True), has_applications),
    Scenario("verify-at-once", "The right PIN, no wrong one before it.", _TRIED, _verify(right=True, before=_PIN),
             has_applications),
    Scenario("verify-wrong", "A wrong PIN.", _TRIED, _verify(right=False), has_applications),
    Scenario("verify-last-try", "A wrong PIN that blocks.", _TRIED, _last_try, has_applications),
    Scenario("authentication", "The right external key, after a wrong one.", _TRIED,
             _authentication(0x0A, "RKSSSE", right=True), has_environment_keys),
    Scenario("authentication-wrong", "A wrong external key.", _TRIED,
             _authentication(0x0A, "RKSSSE", right=False), has_environment_keys),
    Scenario("card-block", "CARD BLOCK stops the environment.", "SSC5-6.2-01, D10", _block(0, "6D00")),
    Scenario("card-block-whole", "CARD BLOCK stops the card, where the profile says so.", "SSC5-6.2-01, D10",
             _block(Switch.BLOCK_SCOPE_CARD, "6A81")),
)  # fmt: skip
