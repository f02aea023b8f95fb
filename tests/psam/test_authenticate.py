"""EXTERNAL AUTHENTICATE of the PSAM's own keys (SSC part 9 §7.1.5, §9.4; PSAM-018, PSAM-058, PSAM-080 to PSAM-088)."""

import pytest

from cardsim.crypto.social import Suite
from tests.psam.desk import ENVIRONMENTS, SX1, blank_vectors, psam, with_random

EACH = pytest.mark.parametrize(("name", "suite"), ENVIRONMENTS, ids=["sx1", "sx2"])


def test_vector() -> None:
    """PSAM-058: KID-01 of the vector, its challenge and its original data."""
    desk = blank_vectors().enter()
    with_random(desk, "1122334455667788")
    desk.challenge()
    assert desk.sw("0082000110BD810126F432EA840102030405060708") == "9000"


@EACH
def test_each_own_key(name: str, suite: Suite) -> None:
    """PSAM-018, PSAM-059, PSAM-080: KID-01 to 03 and the master keys; 4, 8 and (SM4) 16 bytes of challenge."""
    desk = psam().root(name)
    assert desk.authenticate_master() == "9000"
    desk.enter(name)
    for length in (4, 8) if suite is Suite.DES else (4, 8, 16):
        keys = (desk.own.application, desk.own.national, desk.own.provincial, desk.own.city)
        assert [desk.prove(kid, key, desk.challenge(length)) for kid, key in enumerate(keys)] == ["9000"] * 4
    assert desk.prove(1, desk.own.national, desk.challenge(), version=b"\x01") == "9000"
    assert desk.prove(1, desk.own.national, desk.challenge(), version=b"\x02") == "6A88"
    assert desk.prove(2, desk.own.national, desk.challenge()) == "6982"


def test_order_of_errors() -> None:
    """PSAM-082 to PSAM-087: P1, Lc, no application, no such key, locked, no challenge, wrong data."""
    wrong = "00" * 16
    desk = psam().root()
    assert desk.all(f"0082010110{wrong}", f"008200010F{wrong[2:]}", f"0082000F10{wrong}") == ["6A86", "6700", "6985"]
    desk.enter()
    assert desk.all(f"0082000F10{wrong}", f"0082008110{wrong}", f"0082000410{wrong}") == ["6A88"] * 3
    assert desk.sw(f"0082000110{wrong}") == "6984"
    desk.challenge()
    assert desk.all(f"0082000110{wrong}", f"0082000110{wrong}") == ["6982", "6984"], "one challenge, one use"


@EACH
def test_try_limit(name: str, suite: Suite) -> None:
    """PSAM-087, PSAM-088: 6982 and never 63Cx; after three failures 6983, for the right key too; success restores."""
    desk = psam().enter(name)
    assert [desk.authenticate(1, bytes(16)) for _ in range(2)] == ["6982"] * 2
    assert desk.authenticate(1) == "9000"
    assert [desk.authenticate(1, bytes(16)) for _ in range(3)] == ["6982"] * 3
    assert desk.authenticate(1) == "6983"
    assert desk.sw("00D69A000107") == "6982", "the right that it had given is gone"
    assert [desk.authenticate(kid) for kid in (2, 3)] == ["9000"] * 2
    desk.model.power_on()
    assert desk.enter(name).authenticate(1) == "6983"
    assert suite is desk.suite


def test_master_key_of_the_environment() -> None:
    """A try limit of its own, a version byte, and 6985 for every other KID outside the application."""
    desk = psam().root()
    assert desk.prove(0, desk.own.master, desk.challenge(), version=b"\x01") == "9000"
    assert desk.prove(0, desk.own.master, desk.challenge(), version=b"\x02") == "6A88"
    assert [desk.prove(0, bytes(16), desk.challenge()) for _ in range(5)] == ["6982"] * 5
    assert desk.authenticate_master() == "6983"
    assert desk.sw("00D696000100") == "6982"


def test_tries_are_counted_before_the_comparison() -> None:
    """D13: a page that fails at the counter ends the command; a cut after it has cost the try."""
    desk = psam().enter()
    challenge = desk.challenge()
    desk.model.fail_pages()
    assert desk.prove(1, desk.own.national, challenge) == "6581"
    desk.model.mend()
    assert desk.sw("00D69A000107") == "6982"
    tries = []
    for after in range(4):
        desk = psam().enter()
        challenge = desk.challenge()
        desk.model.cut(after)
        answered = desk.prove(1, bytes(16), challenge)
        desk.model.mend()
        desk.model.power_on()
        left = 0
        while desk.enter(SX1).authenticate(1, bytes(16)) == "6982":
            left += 1
        tries.append((bool(answered), left))
    assert tries == [(False, 3), (False, 2), (True, 2), (True, 2)]
