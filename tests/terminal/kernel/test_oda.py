"""Offline data authentication."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import partial

import pytest

from cardsim.crypto import oda
from cardsim.crypto.oda import OdaError
from cardsim.iso7816.tlv import ber
from cardsim.keyfile import CaKey
from cardsim.resources import resource
from terminal.flows.financial.flow import Result
from terminal.flows.financial.oda import icc_key
from terminal.flows.financial.transaction import Application, OdaMethod, Revoked, Transaction
from terminal.outcome import Cause, Verdict
from tests.cards import card as model
from tests.terminal.fakes import AID, PAN, rsa, template
from tests.terminal.helpers import FINANCIAL, at_terminal
from tests.terminal.kernel.stage import OK, KernelCard, play

SDA, DDA, CDA = "5C00", "7C00", "7D00"
FAILED = {SDA: 0x40, DDA: 0x08, CDA: 0x04}
METHODS = [SDA, DDA, CDA]


def genuine(aip: str = DDA) -> KernelCard:
    return KernelCard(aip=bytes.fromhex(aip))


def spoiled(aip: str, place: tuple[int, int], tag: int, change: Callable[[bytes], bytes]) -> KernelCard:
    """A card one of whose certificates or signatures is something else."""
    card = genuine(aip)
    card.records[place][tag] = change(card.records[place][tag])
    return card


def flip(data: bytes) -> bytes:
    return data[:-1] + bytes((data[-1] ^ 1,))


@pytest.mark.parametrize(
    ("aip", "capabilities", "method"),
    [
        ("7D00", "E0E9C8", OdaMethod.CDA),
        ("7D00", "E0E9C0", OdaMethod.DDA),
        ("7C00", "E0E9C8", OdaMethod.DDA),
        ("7D00", "E0E980", OdaMethod.SDA),
        ("5C00", "E0E9C8", OdaMethod.SDA),
        ("5C00", "E0E940", OdaMethod.NONE),
        ("1C00", "E0E9C8", OdaMethod.NONE),
    ],
)
def test_one_method_runs(aip: str, capabilities: str, method: OdaMethod) -> None:
    """KRN-ODA-001, KRN-ODA-002: CDA, else DDA, else SDA, else none with TVR 1.b8 and TSI b8 at 0."""
    played = play(genuine(aip), at_terminal(capabilities=bytes.fromhex(capabilities)))
    outcome = played.outcome
    assert (outcome.oda.method, outcome.oda.problem) == (method, "")
    assert len(played.commands(0x88)) == (method is OdaMethod.DDA)
    assert (played.requests[0] & 0x10 == 0x10) == (method is OdaMethod.CDA)
    assert outcome.tvr[0] == (0x80 if method is OdaMethod.NONE else 0)
    assert bool(outcome.tsi[0] & 0x80) == (method is not OdaMethod.NONE)


@pytest.mark.parametrize("aip", METHODS)
def test_a_missing_ca_key_fails_the_method(aip: str) -> None:
    """KRN-ODA-003, KRN-ODA-005: SDA 1.b7, DDA 1.b4, CDA 1.b3; TSI b8 is set all the same."""
    card = spoiled(aip, (2, 2), 0x8F, lambda _data: b"\x55")
    outcome = play(card).outcome
    assert outcome.tvr[0] == FAILED[aip]
    assert outcome.tsi[0] & 0x80
    assert not outcome.faults, "it says nothing about the card"


def test_the_bit_of_a_later_standard() -> None:
    """KRN-ODA-004: "SDA selected" under the EMV 4.3 switch alone."""
    assert play(genuine(SDA)).outcome.tvr[0] == 0
    assert play(genuine(SDA), at_terminal(sda_selected_bit=True)).outcome.tvr[0] == 0x02
    assert play(genuine(DDA), at_terminal(sda_selected_bit=True)).outcome.tvr[0] == 0


@pytest.mark.parametrize("aip", METHODS)
@pytest.mark.parametrize(("place", "tag"), [((2, 2), 0x8F), ((2, 1), 0x90), ((2, 2), 0x9F32), ((2, 2), 0x92)])
def test_missing_data_of_the_issuer_key(aip: str, place: tuple[int, int], tag: int) -> None:
    """KRN-ODA-006: TVR 1.b6 and the failure bit."""
    assert play(spoiled(aip, place, tag, lambda _data: b"")).outcome.tvr[0] == 0x20 | FAILED[aip]


def resigned(at: int, by: bytes) -> Callable[[bytes], bytes]:
    """An issuer certificate signed by the real CA with something wrong inside: `at` bytes are replaced by `by`."""

    def change(certificate: bytes) -> bytes:
        ca = rsa(1024, 1)
        block = bytearray(ca.public.recover(certificate))
        block[at : at + len(by)] = by
        return ca.sign(bytes(block))

    return change


def certificate_of(number: str = PAN[:6], expiry: str = "0134", *, code: int | None = None) -> KernelCard:
    """A card whose issuer certificate is whole, for another issuer or date; `code` is another algorithm."""
    ca, issuer = rsa(1024, 1), rsa(896, 2)
    card = genuine(SDA)
    made = oda.build_issuer_certificate(ca, 0xF1, issuer.public, number, expiry, b"\0\0\1")
    if code is not None:
        block = bytearray(ca.public.recover(made.certificate))
        block[12] = code
        block[-21:-1] = oda._sha1(bytes(block[1:-21]), made.remainder, made.exponent)
        card.records[2, 1][0x90] = ca.sign(bytes(block))
    else:
        card.records[2, 1][0x90] = made.certificate
    return card


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda data: data[:-1], "has 127 bytes"),
        (resigned(at=127, by=b"\xbd"), "does not end in BC"),
        (resigned(at=0, by=b"\x2a"), "does not begin with 6A"),
        (resigned(at=1, by=b"\x04"), "format of the issuer certificate is 04"),
        (resigned(at=20, by=b"\x00\x01"), "hash"),
    ],
)
def test_checks_of_the_issuer_certificate(change: Callable[[bytes], bytes], problem: str) -> None:
    """KRN-ODA-007, KRN-ODA-008, KRN-ODA-009, KRN-ODA-010: length, trailer, header and format, hash."""
    outcome = play(spoiled(SDA, (2, 1), 0x90, change)).outcome
    assert outcome.tvr[0] == 0x40
    assert problem in outcome.oda.problem


@pytest.mark.parametrize(("tag", "value"), [(0x92, None), (0x9F32, b"\x05")])
def test_remainder_and_exponent_are_under_the_hash(tag: int, value: bytes | None) -> None:
    """KRN-ODA-010: another byte of 92, another 9F32."""
    outcome = play(spoiled(SDA, (2, 2), tag, flip if value is None else lambda _data: value)).outcome
    assert outcome.tvr[0] == 0x40
    assert "hash" in outcome.oda.problem


@pytest.mark.parametrize(("number", "problem"), [("621467", ""), ("88888", "issuer identifier"), ("6214672", "")])
def test_the_issuer_identifier(number: str, problem: str) -> None:
    """KRN-ODA-011: the left digits of the card number."""
    assert problem in play(certificate_of(number)).outcome.oda.problem
    assert bool(play(certificate_of(number)).outcome.tvr[0]) == bool(problem)


@pytest.mark.parametrize(("day", "good"), [(date(2024, 1, 1), False), (date(2023, 12, 31), True)])
def test_expiry_of_the_issuer_certificate(day: date, good: bool) -> None:
    """KRN-ODA-012: it holds to the end of its month."""
    config = replace(FINANCIAL, now=FINANCIAL.now.replace(year=day.year, month=day.month, day=day.day))
    assert (play(certificate_of(expiry="1223"), config).outcome.tvr[0] == 0) == good


def test_a_revoked_certificate() -> None:
    """KRN-ODA-013: RID, index and serial number on the list."""
    for serial, bit in ((b"\0\0\1", 0x08), (b"\0\0\2", 0)):
        config = replace(FINANCIAL, revoked=(Revoked(AID[:5], 0xF1, serial),))
        outcome = play(genuine(), config).outcome
        assert outcome.tvr[0] == bit
    assert (
        "revoked"
        in play(genuine(), replace(FINANCIAL, revoked=(Revoked(AID[:5], 0xF1, b"\0\0\1"),))).outcome.oda.problem
    )


@pytest.mark.parametrize("code", [0x02, 0x04])
def test_algorithms(code: int) -> None:
    """KRN-ODA-014: RSA (01) alone."""
    assert "algorithm" in play(certificate_of(code=code)).outcome.oda.problem


def test_the_issuer_modulus_is_put_together() -> None:
    """KRN-ODA-015: an 896-bit key under 1024 bits, part in the certificate and part in 92."""
    card = genuine(SDA)
    records = card.records
    key = oda.recover_issuer_key(rsa(1024, 1).public, records[2, 1][0x90], records[2, 2][0x92], b"\x03", PAN)
    assert records[2, 2][0x92]
    assert key == rsa(896, 2).public
    assert play(card).outcome.tvr[0] == 0


def signed_otherwise(at: int, value: int) -> Callable[[bytes], bytes]:
    def change(signed: bytes) -> bytes:
        issuer = rsa(896, 2)
        block = bytearray(issuer.public.recover(signed))
        block[at] = value
        return issuer.sign(bytes(block))

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1],
        flip,
        signed_otherwise(-1, 0xBD),
        signed_otherwise(0, 0x2A),
        signed_otherwise(1, 0x05),
        signed_otherwise(30, 0x00),
    ],
)
def test_checks_of_static_authentication(change: Callable[[bytes], bytes]) -> None:
    """KRN-ODA-016: length, trailer, header, format, hash: TVR 1.b7 each."""
    assert play(spoiled(SDA, (2, 3), 0x93, change)).outcome.tvr[0] == 0x40


def test_the_tag_list() -> None:
    """KRN-ODA-017: 82 appends the AIP; another list fails; without it the AIP is not covered."""
    assert play(genuine(SDA)).outcome.tvr[0] == 0
    assert play(genuine(SDA).edit({0x9F4A: "8294"}, (3, 2))).outcome.tvr[0] == 0x40
    without = genuine(SDA)
    del without.records[3, 2][0x9F4A]
    assert play(without).outcome.tvr[0] == 0x40
    static = template(without.records[3, 1])[2:]
    without.records[2, 3][0x93] = oda.sign_static(rsa(896, 2), b"\xda\xc0", static)
    assert play(without).outcome.tvr[0] == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1],
        flip,
        signed_otherwise(-1, 0xBD),
        signed_otherwise(0, 0x2A),
        signed_otherwise(1, 0x02),
        signed_otherwise(40, 0x00),
    ],
)
def test_checks_of_the_card_certificate(change: Callable[[bytes], bytes]) -> None:
    """KRN-ODA-018: length, trailer, header, format: TVR 1.b4, and no INTERNAL AUTHENTICATE."""
    played = play(spoiled(DDA, (2, 4), 0x9F46, change))
    assert played.outcome.tvr[0] == 0x08
    assert not played.commands(0x88)


@pytest.mark.parametrize(("place", "tag"), [((3, 1), 0x9F07), ((2, 5), 0x9F48), ((2, 5), 0x9F47)])
def test_what_the_card_certificate_covers(place: tuple[int, int], tag: int) -> None:
    """KRN-ODA-019: static data, remainder and exponent."""
    assert play(spoiled(DDA, place, tag, flip)).outcome.tvr[0] == 0x08


def card_certificate(pan: str = PAN, expiry: str = "0134", code: int = 1) -> KernelCard:
    """A card with a whole certificate of another card, date or algorithm."""
    card, issuer = genuine(), rsa(896, 2)
    static = template(card.records[3, 1])[2:] + card.aip
    made = oda.build_icc_certificate(issuer, card.icc.public, pan, expiry, b"\0\0\2", static)
    block = bytearray(issuer.public.recover(made.certificate))
    block[18] = code
    block[-21:-1] = oda._sha1(bytes(block[1:-21]), made.remainder, made.exponent, static)
    card.records[2, 4][0x9F46] = issuer.sign(bytes(block))
    return card


@pytest.mark.parametrize(
    ("card", "problem"),
    [
        (card_certificate(), ""),
        (card_certificate(pan="6214672500000000999"), "PAN"),
        (card_certificate(expiry="1025"), "expired"),
        (card_certificate(code=4), "algorithm"),
    ],
)
def test_card_number_date_and_algorithm(card: KernelCard, problem: str) -> None:
    """KRN-ODA-020, KRN-ODA-021: the card's own number, a date that holds, RSA."""
    outcome = play(card).outcome
    assert outcome.tvr[0] == (0x08 if problem else 0)
    assert problem in outcome.oda.problem


def test_internal_authenticate() -> None:
    """KRN-ODA-022, KRN-ODA-025: sent once, with the DDOL's values; the answers 80 and 77 are both verified."""
    played = play(genuine())
    sent = played.commands(0x88)
    assert len(sent) == 1
    assert sent[0][:10] == "0088000004"
    card = genuine()

    def format_2(command: bytes) -> bytes | None:
        if command[1] != 0x88:
            return None
        signed = oda.sign_dynamic(card.icc, b"\x03\x02\0\7", command[5:9])
        return ber(0x77, ber(0x9F4B, signed)) + OK

    card.override = format_2
    assert play(card).outcome.tvr[0] == 0


def test_default_ddol() -> None:
    """KRN-ODA-023: the terminal's where the card has none; without either DDA fails."""
    card = genuine().edit({0x9F49: None}, (2, 5))
    assert play(card).outcome.tvr[0] == 0
    rows = tuple(replace(row, default_ddol=b"") for row in FINANCIAL.terminal.applications)
    assert play(card, at_terminal(applications=rows)).outcome.tvr[0] == 0x08


@pytest.mark.parametrize("sw", ["6985", "6A86", "6F00"])
def test_a_refused_signature_ends_the_transaction(sw: str) -> None:
    """KRN-ODA-024: an error status of INTERNAL AUTHENTICATE."""
    assert play(KernelCard(answers={"0088": sw})).terminated is Cause.CARD_STATUS


def signature(command: bytes, card: KernelCard, at: int, value: int) -> bytes | None:
    if command[1] != 0x88:
        return None
    block = bytearray(card.icc.public.recover(oda.sign_dynamic(card.icc, b"\x03\x02\0\7", command[5:9])))
    if at == 99:
        return ber(0x80, bytes(95)) + OK
    block[at] = value
    return ber(0x80, card.icc.sign(bytes(block))) + OK


@pytest.mark.parametrize(
    ("at", "value", "good"),
    [
        (0, 0x6A, True),
        (99, 0, False),
        (-1, 0xBD, False),
        (0, 0x2A, False),
        (1, 0x03, False),
        (2, 0x02, False),
        (40, 0, False),
    ],
)
def test_checks_of_the_dynamic_signature(at: int, value: int, good: bool) -> None:
    """KRN-ODA-026: length, trailer, header, format, hash algorithm, hash: TVR 1.b4 each."""
    card = genuine()
    card.override = partial(signature, card=card, at=at, value=value)
    assert play(card).outcome.tvr[0] == (0 if good else 0x08)


def test_a_signature_over_another_number() -> None:
    """KRN-ODA-026: another 9F37."""
    card = genuine()
    other = ber(0x80, oda.sign_dynamic(card.icc, b"\x03\x02\0\7", b"\1\2\3\4")) + OK
    card.override = lambda command: other if command[1] == 0x88 else None
    assert play(card).outcome.tvr[0] == 0x08


# --- combined


def test_keys_of_cda_come_first() -> None:
    """KRN-ODA-027: a bad 9F46 sets TVR 1.b3 before GENERATE AC, which asks for no signature."""
    played = play(spoiled(CDA, (2, 4), 0x9F46, flip))
    assert played.requests[0] & 0x10 == 0
    assert played.outcome.tvr[0] == 0x04
    good = play(genuine(CDA))
    assert good.requests == [0x90, 0x50]
    assert good.outcome.result is Result.APPROVED
    assert good.outcome.oda.problem == ""


@pytest.mark.parametrize("spoil", ["signature", "cid", "atc", "hash"])
def test_what_the_combined_signature_covers(spoil: str) -> None:
    """KRN-ODA-028, KRN-ODA-029: CID, hash, number; after a bad ARQC the terminal asks for AAC."""
    played = play(KernelCard(aip=bytes.fromhex(CDA), spoil=spoil))
    assert played.outcome.tvr[0] == 0x04
    assert played.requests == [0x90, 0x00]
    assert played.outcome.result is Result.DECLINED
    assert played.outcome.verdict is Verdict.FAILED
    assert "CDA failed" in played.outcome.faults[0]


def offline_approval() -> KernelCard:
    return KernelCard(aip=bytes.fromhex(CDA)).edit({0x8E: "00000000000000001F00"})


@pytest.mark.parametrize(("spoil", "result"), [("", Result.APPROVED), ("hash", Result.DECLINED)])
def test_a_bad_signature_of_a_tc_declines(spoil: str, result: Result) -> None:
    """KRN-ODA-029: declined offline, without a second GENERATE AC."""
    rows = tuple(replace(row, floor_limit=99999) for row in FINANCIAL.terminal.applications)
    card = offline_approval()
    card.spoil = spoil
    played = play(card, at_terminal(applications=rows))
    assert played.requests == [0x50]
    assert played.outcome.result is result


def test_an_unsigned_cryptogram() -> None:
    """KRN-ODA-030: format 80 is valid for an AAC alone."""
    assert play(KernelCard(aip=bytes.fromhex(CDA), signs=False)).terminated is Cause.CARD_DATA
    declining = play(KernelCard(aip=bytes.fromhex(CDA), signs=False, card_decision=0))
    assert declining.outcome.result is Result.DECLINED
    assert not declining.outcome.faults


@pytest.mark.parametrize("profile", ["bank-cda", "bank-sda", "bank"])
def test_model_cards(profile: str) -> None:
    """The reference cards of each method are approved with nothing in TVR byte 1."""
    made = model(profile)
    assert made.keys.bank is not None
    outcome = play(made.model, replace(FINANCIAL, ca_keys=made.keys.bank.ca)).outcome  # type: ignore[arg-type]
    assert outcome.oda.method.value.lower() in {"bank-cda": "cda", "bank-sda": "sda", "bank": "dda"}[profile]
    assert outcome.tvr[0] == 0


def test_a_failure_alone_ends_nothing() -> None:
    """KRN-ODA-032: the action codes decide; DDA failed goes online under these."""
    played = play(spoiled(DDA, (2, 4), 0x9F46, flip))
    assert played.terminated is None
    assert played.requests[0] == 0x80
    denying = spoiled(DDA, (2, 4), 0x9F46, flip)
    denying.records[3, 1][0x9F0E] = bytes.fromhex("0810980000")
    assert play(denying).requests[0] == 0x00


def test_published_chain() -> None:
    """KRN-ODA-033: a public card verifies with the published key 80 (e = 010001), and not with one bit changed."""
    vectors = json.loads(resource("crypto", "pboc_vectors.json").read_text(encoding="utf8"))
    chain = next(row for row in vectors if row["name"].startswith("SCSH perso card") and row["kind"] == "cert_chain")
    values = {name: bytes.fromhex(text) for name, text in chain["inputs"].items()}
    key = CaKey(AID[:5], 0x80, values["ca_n"], values["ca_e"])
    own = {0x8F: b"\x80", 0x90: values["cert90"], 0x92: values["rem92"], 0x9F32: values["exp9F32"]}
    own |= {0x9F46: values["cert9F46"], 0x9F48: values["rem9F48"], 0x9F47: values["exp9F47"]}
    own[0x5A] = bytes.fromhex("6228000100001117")
    tx = Transaction(replace(FINANCIAL, ca_keys=(key,), now=FINANCIAL.now.replace(year=2015)))
    tx.start_application(Application(AID, "", FINANCIAL.terminal.applications[0], data=own))
    # The vector has the AIP behind the records; 9F4A is not among its data.
    tx.app.static_data = values["static"]
    assert icc_key(tx).e == 0x010001
    tx.icc_key = None
    own[0x9F46] = flip(own[0x9F46])
    with pytest.raises(OdaError):
        icc_key(tx)


def test_an_expired_key_of_the_terminal() -> None:
    """KRN-CFG-006: an expired CA key counts as a missing one, which is no fault of the card."""
    expired = replace(FINANCIAL.ca_keys[0], expires=FINANCIAL.now.date().replace(year=2020))
    outcome = play(genuine(), replace(FINANCIAL, ca_keys=(expired,))).outcome
    assert outcome.tvr[0] == FAILED[DDA]
    assert "expired" in outcome.oda.problem
    assert not outcome.faults


@pytest.mark.parametrize(("place", "tag"), [((2, 2), 0x92), ((2, 5), 0x9F48)])
def test_a_missing_remainder(place: tuple[int, int], tag: int) -> None:
    """KRN-ODA-006: the issuer's or the card's key is longer than its certificate holds, and the rest is not there."""
    card = genuine()
    del card.records[place][tag]
    assert play(card).outcome.tvr[0] == 0x20 | FAILED[DDA]
