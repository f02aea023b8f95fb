"""The HSM model: vectors of fact sheet §3.5, what it refuses, and that it never gives a key out."""

import copy
import logging
import pickle
import traceback
from collections.abc import Callable
from dataclasses import replace

import pytest

from cardsim.crypto.medical import TypeCoding
from cardsim.crypto.social import Suite
from cardsim.keyfile import SsseKeys
from terminal.effects import AuthorisePurchase, ProveKey, SealCommand
from terminal.hosts.hsm import REGISTER_LENGTH, USES, HeldKey, Hsm, HsmModule, HsmRefused, Use, use_of
from terminal.hosts.hsmstrings import HsmStrings, historical_bytes
from terminal.keyaddresses import names_by_address
from terminal.security import KeyFileModule
from tests.terminal.department import vectors as v

PROOF = {Suite.DES: v.PROOF_DES, Suite.SM4: v.PROOF_SM4}
SUITES = pytest.mark.parametrize("suite", list(Suite))


def _hsm(coding: TypeCoding = TypeCoding.ASCII) -> Hsm:
    return Hsm(*(v.keys(suite, coding) for suite in Suite))


def _strings() -> HsmStrings:
    return HsmStrings(_hsm(), "counter")


@SUITES
def test_the_card_key_is_derived_from_the_root_at_the_address(suite: Suite) -> None:
    """API-143: province, city and card factors, as the vectors of both ciphers show."""
    data = _hsm().authenticate("x", 0x0193, v.identity(suite), bytes.fromhex(v.FACTOR), bytes.fromhex(v.ORIGINAL))
    assert data.hex().upper() == PROOF[suite]


@pytest.mark.parametrize("address", [0xFFFF, 0x0000, 0x0079, 0x00AF])
def test_an_address_without_a_key_is_refused(address: int) -> None:
    """API-143: an unknown address is refused, and so is one of the table where no root is loaded."""
    with pytest.raises(HsmRefused):
        _hsm().authenticate("x", address, v.identity(Suite.DES), bytes(8), bytes(8))


def test_a_cipher_without_keys_is_refused() -> None:
    with pytest.raises(HsmRefused, match="SM4"):
        Hsm(v.keys(Suite.DES)).authenticate("x", 0x0170, v.identity(Suite.SM4), bytes(8), bytes(8))


@pytest.mark.parametrize(("address", "name"), [(0x017F, "DPK"), (0x00B5, "DTK"), (0x00B2, "DLK"), (0x0173, "STKSSSE")])
def test_a_key_serves_its_own_use_alone(address: int, name: str) -> None:
    """A key of transactions or messages computes no authentication data: a session key would be for anyone to ask."""
    assert names_by_address()[address] == name
    with pytest.raises(HsmRefused, match="not for"):
        _hsm().authenticate("x", address, v.identity(Suite.DES), bytes(8), bytes(8))
    with pytest.raises(HsmRefused, match="not for"):
        _hsm().tac("x", 0x017F, v.identity(Suite.DES), b"")


def test_every_key_of_the_table_has_one_use() -> None:
    assert {use_of(name) for name in names_by_address().values()} == {use for _, use in USES}
    assert use_of("PUK") is Use.EXTERNAL


@SUITES
@pytest.mark.parametrize("outer", [True, False])
def test_internal_authentication_service(suite: Suite, outer: bool) -> None:
    """API-140: the eight fields of step 1 give two groups of 32 hex characters; a 2.0x card leaves two fields empty."""
    numbers = f"{v.FACTOR}|{v.ORIGINAL}|"
    algorithm = f"{suite.algorithm_id:02X}"
    text = f"519900|{v.HISTORICAL.hex().upper()}|{algorithm}|{v.IDENTIFICATION.hex().upper()}|{numbers}"
    answer = _strings().internal_authentication(text + (numbers if outer else "||"))
    group = PROOF[suite] + v.ORIGINAL
    assert answer == (f"{group}|{group}|" if outer else f"{group}||")


def test_internal_authentication_takes_what_platforms_send() -> None:
    """API-140: a ninth field with the terminal's code, and the whole ATR in the place of the historical bytes."""
    atr = "3B6D0000" + v.HISTORICAL.hex().upper()
    text = f"519900|{atr}|01|{v.IDENTIFICATION.hex().upper()}|{v.FACTOR}|{v.ORIGINAL}|||{'0' * 32}|"
    assert _strings().internal_authentication(text) == f"{v.PROOF_DES}{v.ORIGINAL}||"


@SUITES
def test_external_authentication_service(suite: Suite) -> None:
    """API-141: cryptogram and original, 32 hex characters, for address 0193."""
    text = f"{suite.algorithm_id:02X}|0193|{v.FACTOR}|{v.ORIGINAL}|"
    answer = _strings().external_authentication(text, v.identity(suite))
    assert answer == PROOF[suite] + v.ORIGINAL
    assert len(answer) == 32


@pytest.mark.parametrize(
    ("suite", "text", "answer"),
    [
        (Suite.DES, f"01|0173|{v.CHALLENGE}|842400010C|123456|", "842400010CAAA129F03AF84A8BB77D2448"),
        (Suite.DES, f"01|0173|{v.CHALLENGE}|8424000004||", "84240000040EFE3C2E"),
        (Suite.DES, f"01|0173|{v.CHALLENGE}|841E000104||", "841E000104955D8F3D"),
        (Suite.DES, f"01|0173|{v.CHALLENGE}|8416000004||", "84160000046915D519"),
        (
            Suite.SM4,
            f"03|0173|{v.CHALLENGE}|8424000114|123456|",
            "84240001140CF7A1D8A826B5ECEC68E6A1B9FACA4F578753E8",
        ),
        (Suite.SM4, f"03|0173|{v.CHALLENGE}|8424000004||", "84240000040CFE0605"),
    ],
)
def test_secure_message_service(suite: Suite, text: str, answer: str) -> None:
    """API-142: header, cipher and MAC, with the vectors of the STK."""
    assert _strings().secure_message(text, v.identity(suite)) == answer


@pytest.mark.parametrize(
    ("kind", "coding", "mac1"),
    [("2", TypeCoding.ASCII, "EF4E24D9"), ("2", TypeCoding.BINARY, "C588A1A0")],
)
def test_purchase_authentication_service(kind: str, coding: TypeCoding, mac1: str) -> None:
    """API-138: terminal sequence, time and MAC1; the vector has terminal sequence 00000012 (D19: both types)."""
    strings = HsmStrings(Hsm(v.keys(Suite.DES, coding), next_sequence=lambda: 0x12), "counter")
    text = f"01|017F|E3F50E75|0005|000000640000000A00000000|{kind}|510000000001|20140801120001|"
    assert strings.purchase_authentication(text, v.identity(Suite.DES)) == f"00000012|20140801120001|{mac1}|"


def test_purchase_authentication_takes_the_two_amounts_of_the_interface() -> None:
    """API-138: iDoDebit has the last two amounts alone; the account then pays nothing."""
    head, tail = "01|017F|E3F50E75|0005|", "|2|510000000001|20140801120001|"
    answers = {
        HsmStrings(Hsm(v.keys(Suite.DES)), "x").purchase_authentication(head + amounts + tail, v.identity(Suite.DES))
        for amounts in ("0000303900002710", "000000000000303900002710")
    }
    assert len(answers) == 1


@SUITES
@pytest.mark.parametrize("coding", list(TypeCoding))
def test_as_security_module_it_does_what_the_key_file_does(suite: Suite, coding: TypeCoding) -> None:
    """TRM-197: the way without PSAM gives the same bytes as the bench's own module."""
    card, keyfile = v.identity(suite), KeyFileModule(v.keys(suite, coding))
    module = HsmModule(Hsm(v.keys(suite, coding)))
    prove = ProveKey("RKSSSE", card, bytes(range(8)), bytes(8))
    seal = SealCommand("STKSSSE", card, bytes(range(8)), bytes.fromhex("84240001"), bytes.fromhex("123456"))
    purchase = AuthorisePurchase(card, bytes((2,)) + bytes(range(18)), bytes(range(22)), bytes(range(7)))
    assert module.prove(prove) == keyfile.prove(prove)
    assert module.seal(seal) == keyfile.seal(seal)
    assert module.authorise_purchase(purchase) == keyfile.authorise_purchase(purchase)
    assert module.authorise_purchase(purchase).terminal_sequence == bytes((0, 0, 0, 2))


def test_as_security_module_it_never_raises() -> None:
    card = v.identity(Suite.DES)
    module = HsmModule(_hsm())
    assert module.prove(ProveKey("NOKEY", card, bytes(8), bytes(8))).data is None
    assert module.prove(ProveKey("IRK", card, bytes(8), b"")).data is None
    assert module.prove(ProveKey("IRK", replace(card, historical=b""), bytes(8), bytes(8))).data is None
    assert module.seal(SealCommand("IRK", card, bytes(8), bytes(4))).data is None
    assert "19 and 22" in module.authorise_purchase(AuthorisePurchase(card, b"", b"", b"")).problem
    assert module.authorise_purchase(AuthorisePurchase(card, bytes((1, *range(18))), bytes(22), b"")).problem
    assert module.authorise_purchase(AuthorisePurchase(card, bytes((9, *range(18))), bytes(22), bytes(7))).problem


def _malformed() -> list[Callable[[HsmStrings], str]]:
    card = v.identity(Suite.DES)
    return [
        lambda s: s.internal_authentication(""),
        lambda s: s.internal_authentication("519900|" * 8),
        lambda s: s.internal_authentication(
            f"510000|{v.HISTORICAL.hex()}|01|{v.IDENTIFICATION.hex()}|{v.FACTOR}|{v.ORIGINAL}|||"
        ),
        lambda s: s.external_authentication(f"01|0193|{v.FACTOR}|{v.ORIGINAL}", card),
        lambda s: s.external_authentication(f"02|0193|{v.FACTOR}|{v.ORIGINAL}|", card),
        lambda s: s.external_authentication(f"03|0193|{v.FACTOR}|{v.ORIGINAL}|", card),
        lambda s: s.external_authentication(f"01|193|{v.FACTOR}|{v.ORIGINAL}|", card),
        lambda s: s.external_authentication(f"01|FFFF|{v.FACTOR}|{v.ORIGINAL}|", card),
        lambda s: s.external_authentication(f"01|0170|{v.FACTOR}00|{v.ORIGINAL}|", card),
        lambda s: s.secure_message(f"01|0173|{v.CHALLENGE}|8424000114|123456|", card),
        lambda s: s.secure_message(f"01|0173|{v.CHALLENGE}|842400010C|12345G|", card),
        lambda s: s.secure_message(f"01|0173|{v.CHALLENGE}|842400010C|{'12' * 300}|", card),
        lambda s: s.secure_message(f"01|0170|{v.CHALLENGE}|8424000004||", card),
        lambda s: s.purchase_authentication("01|017F|E3F50E75|0005|00|2|510000000001|20140801120001|", card),
        lambda s: s.purchase_authentication(f"01|017F|E3F50E75|0005|{'00' * 8}|1|510000000001|20140801120001|", card),
    ]


@pytest.mark.parametrize("call", _malformed())
def test_malformed_strings_are_refused(call: Callable[[HsmStrings], str]) -> None:
    """API-142, API-143: never anything but a refusal in words, without the values of the string."""
    with pytest.raises(HsmRefused) as refused:
        call(_strings())
    assert "1234" not in str(refused.value)


def test_historical_bytes_have_two_forms() -> None:
    assert historical_bytes(v.HISTORICAL.hex()) == v.HISTORICAL
    with pytest.raises(HsmRefused):
        historical_bytes("3B6D0000")


def _secrets() -> list[bytes]:
    return [v.ROOT, v.STK8, v.CARD_KEY_DES, v.CARD_KEY_SM4]


def test_no_key_comes_out(caplog: pytest.LogCaptureFixture) -> None:
    """API-143: keys are held by address and never given out: not by repr, copy, pickle, log, error or register."""
    caplog.set_level(logging.DEBUG)
    hsm = _hsm()
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            attempt(hsm)
    shown = [repr(hsm), str(hsm), *(repr(getattr(hsm, name)) for name in dir(hsm))]
    for address in (0x0170, 0xFFFF, 0x017F):
        try:
            hsm.authenticate("x", address, v.identity(Suite.DES), bytes(8), b"short")
        except HsmRefused as error:
            report = traceback.TracebackException.from_exception(error, capture_locals=True)
            shown += [str(error), "".join(report.format())]
    text = "\n".join([*shown, caplog.text, repr(hsm.register)]).upper()
    for secret in _secrets():
        assert secret.hex().upper() not in text
        assert repr(secret).upper() not in text


def test_the_register_says_who_asked_for_what() -> None:
    """Uses of keys are listed without values."""
    hsm = _hsm()
    HsmStrings(hsm, "counter 7").secure_message(f"01|0173|{v.CHALLENGE}|8424000004||", v.identity(Suite.DES))
    with pytest.raises(HsmRefused):
        hsm.authenticate("kiosk", 0xFFFF, v.identity(Suite.SM4), bytes(8), bytes(8))
    card = v.IDENTIFICATION.hex().upper()
    first, second = hsm.register
    assert (first.who, first.use, first.address, first.algorithm) == ("counter 7", Use.MESSAGE, "0173", "01")
    assert (first.card, first.granted) == (card, True)
    assert (second.number, second.who, second.address, second.granted) == (2, "kiosk", "FFFF", False)


def test_the_inventory_lists_keys_without_values() -> None:
    """SCHEME-037: sets and versions of the keys that are there, at their addresses."""
    inventory = _hsm().inventory()
    assert HeldKey("00B3", "DLK.2", "01") in inventory
    assert HeldKey("0173", "STKSSSE", "03") in inventory
    assert len(inventory) == 2 * len(v.keys(Suite.DES).roots)
    for secret in _secrets():
        assert secret.hex().upper() not in repr(inventory).upper()


def test_the_register_does_not_grow_without_end() -> None:
    hsm = _hsm()
    for _ in range(REGISTER_LENGTH + 5):
        hsm.authenticate("x", 0x0170, v.identity(Suite.DES), bytes(8), bytes(8))
    assert len(hsm.register) == REGISTER_LENGTH
    assert hsm.register[-1].number == REGISTER_LENGTH + 5


def test_keys_of_a_command_serve_too() -> None:
    """Where the key file asks an HSM, the card key is the command's; keys of a single card stay out of the HSM."""
    command = f"sh -c 'echo {v.CARD_KEY_DES.hex()}' --"
    keys = SsseKeys(Suite.DES, "519900", keys={"IRK": bytes(16)}, command=command)
    data = Hsm(keys).authenticate(
        "x", 0x0170, v.identity(Suite.DES), bytes.fromhex(v.FACTOR), bytes.fromhex(v.ORIGINAL)
    )
    assert data.hex().upper() == v.PROOF_DES
    with pytest.raises(HsmRefused):
        Hsm(replace(keys, command=None)).authenticate("x", 0x0170, v.identity(Suite.DES), bytes(8), bytes(8))
