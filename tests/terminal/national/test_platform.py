"""Every function with the HSM, against an HSM platform that shares no code with cardsim: whole strings."""

import pytest

from tests.cards import DUAL, DUAL_DES, HISTORICAL
from tests.terminal.national.counter import Counter, counter, info
from tests.terminal.national.platform_hsm import PlatformHsm
from tests.terminal.national.test_pins import lock, verify

ALL = ["social-1.0", "social-2.0", DUAL_DES, DUAL]
ROOT = bytes.fromhex("00112233445566778899AABBCCDDEEFF")


def platform(desk: Counter) -> PlatformHsm:
    """The platform with the roots of the card's issuer."""
    assert desk.keys.ssse is not None
    return PlatformHsm(desk.keys.ssse.roots, "519900", HISTORICAL.hex())


def proof(desk: Counter, name: str, step1: str) -> str:
    """pKey for the four fields of a step 1."""
    algorithm, _, factor, original, _ = step1.split("|")
    return platform(desk).authenticate(name, algorithm, factor, original)


def test_vectors() -> None:
    """API-141, API-142: the platform itself computes what fact sheet §3.5 has."""
    hsm = PlatformHsm({"IRK": ROOT, "STKSSSE": bytes.fromhex("0123456789ABCDEF")}, "519900", HISTORICAL.hex())
    for algorithm, answer in (("01", "2D02E484BFC5CD15"), ("03", "B4193D38A4780C31")):
        found = hsm.authenticate("IRK", algorithm, "32D9E876ADB31BBF", "DBF7A936D0D18C9E")
        assert found == answer + "DBF7A936D0D18C9E"
    assert hsm.seal("01", "2AFD6A015D2D9BAC", "842400010C", "123456") == "842400010CAAA129F03AF84A8BB77D2448"
    hsm = PlatformHsm({"STKSSSE": ROOT}, "519900", HISTORICAL.hex())
    sealed = "84240001140CF7A1D8A826B5ECEC68E6A1B9FACA4F578753E8"
    assert hsm.seal("03", "2AFD6A015D2D9BAC", "8424000114", "123456") == sealed


@pytest.mark.parametrize("profile", ALL)
def test_basic(profile: str) -> None:
    """API-055, API-056, API-140: both groups of pKey; before version 3.0 the second is empty."""
    desk = counter(profile, None)
    area, _, algorithm, _, *numbers, _ = desk.call("iReadCardBas_HSM_Step1", 1).output.split("|")
    hsm = platform(desk)
    outer = hsm.authenticate("RKSSSE", algorithm, *numbers[2:]) if numbers[2] else ""
    found = desk.call("iReadCardBas_HSM_Step2", f"{hsm.authenticate('IRK', algorithm, *numbers[:2])}|{outer}|")
    assert (found.code, found.output[:25]) == (0, f"{area}|51990019850617853X")


@pytest.mark.parametrize("profile", ALL)
def test_files(profile: str) -> None:
    """API-084, API-093, API-141: reading with RK1DF03, writing with UKSSSE."""
    desk = counter(profile, None, ["123456"])
    step1 = desk.call("iReadCard_HSM_Step1", 1, info(profile), "DF03EF07|6E|$")
    assert desk.call("iReadCard_HSM_Step2", proof(desk, "RK1DF03", step1.output)) == (0, "DF03EF07|20060901|$")
    step1 = desk.call("iWriteCard_HSM_Step1", 1, info(profile), "SSSEEF06|09|$")
    assert desk.call("iWriteCard_HSM_Step2", proof(desk, "UKSSSE", step1.output), "SSSEEF06|李四|$") == (0, "")


@pytest.mark.parametrize("pin", ["1234", "12345", "12345678901234", "123456789012345", "1234567890123456"])
@pytest.mark.parametrize(("profile", "block"), [(DUAL_DES, 8), (DUAL, 16)])
def test_reload(profile: str, block: int, pin: str) -> None:
    """API-107, API-109, API-110: a PIN of 4 to 16 digits; with 3DES one of 15 digits takes two blocks: Lc is 14."""
    desk = counter(profile, None, [pin, pin])
    step1 = desk.call("iReloadPIN_HSM_Step1", 1, info(profile))
    step2 = desk.call("iReloadPIN_HSM_Step2", proof(desk, "PUK", step1.output))
    algorithm, _, challenge, header, shown, _ = step2.output.split("|")
    assert (header, shown) == ("842400010C" if block == 8 and len(pin) < 15 else "8424000114", pin)
    command = platform(desk).seal(algorithm, challenge, header, pin)
    assert desk.call("iReloadPIN_HSM_Step3", command) == (0, "")
    assert verify(desk, pin) == 0


@pytest.mark.parametrize("profile", ALL)
def test_unblock(profile: str) -> None:
    """API-111, API-112: the same without a PIN."""
    desk = counter(profile, None)
    lock(desk)
    step1 = desk.call("iUnblockPIN_HSM_Step1", 1, info(profile))
    step2 = desk.call("iUnblockPIN_HSM_Step2", proof(desk, "PUK", step1.output))
    algorithm, _, challenge, header, _, _ = step2.output.split("|")
    assert desk.call("iUnblockPIN_HSM_Step3", platform(desk).seal(algorithm, challenge, header, "")) == (0, "")
    assert verify(desk, "123456") == 0


@pytest.mark.parametrize("sam", [None, "field"])
@pytest.mark.parametrize("profile", ALL)
def test_debit(profile: str, sam: str | None) -> None:
    """API-117, API-122, API-124, API-125: the highest amount that is taken, and the HSM's own time."""
    desk = counter(profile, sam, ["123456"])
    step1 = desk.call("iDoDebit_HSM_Step1", 1, info(profile), "42949672.94|0.00|20140801120001|")
    sequence, time = "00000012", "20250102030405"
    mac1, output = platform(desk).purchase(step1.output, sequence, time)
    assert desk.call("iDoDebit_HSM_Step2", f"{sequence}|{time}|{mac1}|") == (0, output)
