"""GENERATE AC in format 1 and with CDA: golden values, keys, issuer application data, order of the commands."""

import hashlib
from dataclasses import replace

import pytest

from cardsim.crypto import oda, pboc
from cardsim.iso7816.tlv import ber, find
from tests.cards import AID, Bench, unhex
from tests.pse.deal import (
    AAC,
    ARQC,
    CASH,
    CDA,
    DDA_PERFORMED,
    MDK_AC,
    MDK_MAC,
    MERCHANT,
    NO,
    OFFLINE,
    PLAIN,
    TC,
    YES,
    Data,
    Deal,
    cryptogram_of,
    session_key,
)
from tests.pse.perso import FREE, amount, bank_card, check_values, ec, job, job_of, pay, rsa, structure

G1 = (
    "0000000010000000000000000156000004800001562401010012345678101500"
    "54455354204D45524348414E5420202020202020"
)  # fmt: skip


def test_golden_online(bench: Bench) -> None:
    """PBOC-GAC-001, PBOC-GAC-015, PBOC-XAU-001, PBOC-CVR-007, PBOC-CRY-007, PBOC-CRY-008, PBOC-GA2-001, D30."""
    assert PLAIN.cdol1() == G1
    deal = Deal(bench)
    deal.gpo()
    iad = "0A010000000000024201489000"
    assert bench.x(f"80AE800034{G1}") == f"801E800001C49EFFCB5A49B23307010103A0300001{iad}"
    deal.first = deal.parsed(PLAIN)
    assert deal.arpc(b"00").hex().upper() == "803804581A260608"
    assert deal.arpc(b"01").hex().upper() == "6D248C331B583D35"
    assert bench.x("008200000A803804581A2606083030") == "9000"
    assert bench.x(f"80AE400022{PLAIN.cdol2(YES)}") == f"801E40000128907730FF74F79E0701010360300001{iad}"
    assert deal.parsed(PLAIN).atc == deal.first.atc


def test_golden_decline(bench: Bench) -> None:
    """PBOC-CRM-020, PBOC-CRY-007: AAC of the same data."""
    deal = Deal(bench)
    deal.gpo()
    assert bench.x(f"80AE000034{G1}").startswith("801E000001BB3504D77E1E0C2A07010103803000")
    answer = deal.parsed(PLAIN)
    assert (answer.ac.hex().upper(), answer.cvr) == ("BB3504D77E1E0C2A", 0x803000)


def test_golden_refusal(bench: Bench) -> None:
    """PBOC-GA2-004, PBOC-CRY-008: the issuer declines with 3035."""
    deal = Deal(bench)
    deal.once()
    assert bench.x("008200000A82061EB22324204A3035") == "9000"
    answer = deal.gac2(TC, NO)
    assert (answer.cid, answer.cvr, answer.ac.hex().upper()) == (0, 0x203000, "32896004B5E77689")


@pytest.mark.parametrize(("dda", "ac", "cvr"), [(False, "CF681A695ECE8C5C", 0), (True, "6E40B18026B01BFC", 2)])
def test_golden_cash(dda: bool, ac: str, cvr: int) -> None:
    """PBOC-EC-001, PBOC-EC-002, PBOC-EC-009, PBOC-IAD-004, PBOC-LOG-003, PBOC-IAD-006."""
    bench = ec(10000)
    deal = Deal(bench, CASH)
    deal.gpo(cash=True)
    if dda:
        assert bench.x("0088000004 12345678")[-4:] == "9000"
    answer = f"801E400001{ac}07010103{0x900000 | cvr:06X}010A010000009000CB41C0079000"
    assert bench.x(f"80AE400034{CASH.cdol1()}") == answer
    assert deal.get("9F79") == "000000009000"
    bench.power_on()
    bench.select(AID)
    record = f"24010110150000000000100000000000000001560156{MERCHANT}000001"
    assert bench.x("00B2015C2D") == record + "9000"


# --- keys and data ---------------------------------------------------------------------------------------------------


def test_card_keys() -> None:
    """PBOC-CRY-001, PBOC-CRY-002, PBOC-CRY-013, PBOC-PER-019: what DGI 8000 and 9000 of the demo card hold."""
    keys = job()[0x8000].hex().upper()
    assert keys[:32] == "78F108EA51DA9E1DDF4C876425750F39"
    assert keys[32:64] == "416A48251EA55B42BD61CEEC7164102B"
    assert keys[64:] == "2537B8E11D0FBFFDB2C320D574D2BC65"
    assert job()[0x9000].hex().upper() == "C90F62D018DBF8B480"
    assert session_key(MDK_AC, 1).hex().upper() == "8D2F254CAA93673EDE330FE022FB63A1"
    assert session_key(MDK_MAC, 1).hex().upper() == "6A805DEC251424FDE707C2158900861C"


@pytest.mark.parametrize("atc", ["0000", "00FE", "7FFF", "FFFC"])
def test_session_key_follows_the_counter(atc: str) -> None:
    """PBOC-CRY-004, PBOC-CRY-005, PBOC-CVR-009: both cryptograms of a transaction, checked by pyemv."""
    deal = Deal(pay({"9F36": atc}))
    answer = deal.online()
    assert answer.atc == int(atc, 16) + 1
    assert answer.kind == TC


def test_data_of_the_card_win() -> None:
    """PBOC-CRY-006: CDOL1 asks for AIP and ATC, and the terminal lies."""
    record = job()[0x0302]
    old = find(record, 0x70, 0x8C) or b""
    inner = (find(record, 0x70) or b"").replace(ber(0x8C, old), ber(0x8C, old + unhex("82029F3602")))
    bench = pay(dgis={0x0302: ber(0x70, inner)})
    deal = Deal(bench)
    deal.gpo()
    assert deal.sw(ARQC, PLAIN.cdol1()) == "6700"
    assert deal.sw(ARQC, PLAIN.cdol1() + "FFFF7777") == "9000"
    assert deal.parsed(PLAIN).ac.hex().upper() == "C49EFFCB5A49B233"


def test_each_field_enters_the_cryptogram(bench: Bench) -> None:
    """PBOC-CRY-005: time and merchant alone do not."""
    start, seen = bench.model.snapshot(), {b"": ""}
    changes = [
        Data(amount=1001), Data(other=1), Data(country="0840"), Data(tvr="0000048001"), Data(currency="0840"),
        Data(date="240102"), Data(type="01"), Data(unpredictable="12345679"), PLAIN,
    ]  # fmt: skip
    for data in changes:
        bench.model.restore(start)
        seen[Deal(bench).once(ARQC, data).ac] = str(data)
    assert len(seen) == len(changes) + 1
    bench.model.restore(start)
    assert Deal(bench).once(ARQC, Data(time="235959", merchant="00" * 20)).ac in seen


def test_second_uses_its_own_data(bench: Bench) -> None:
    """PBOC-GA2-023: TVR changes between the two."""
    deal = Deal(bench)
    deal.once()
    deal.external()
    answer = deal.gac2(TC, YES, replace(PLAIN, tvr="0000048040"))
    assert answer.ac.hex().upper() != "28907730FF74F79E"


# --- issuer application data -----------------------------------------------------------------------------------------


def test_iad_without_discretionary_data() -> None:
    """PBOC-IAD-001, PBOC-IAD-008, PBOC-PER-016."""
    deal = Deal(pay(dgis={0x9200: ber(0x9F10, unhex("0702010300000001"))}))
    answer = deal.once()
    assert deal.bench.data[:4] == "8013"
    assert answer.iad.hex().upper() == "07020103A0300001"


def test_iad_with_balance() -> None:
    """PBOC-IAD-002, PBOC-IAD-003, PBOC-IAD-006, PBOC-CRY-015, PBOC-CVR-001."""
    deal = Deal(ec(10000))
    iad = deal.once().iad.hex().upper()
    assert deal.bench.data[:4] == "801E"
    assert (iad[4:6], iad[6:8], iad[14:16]) == ("01", "03", "01")
    assert iad[16:] == "0A010000010000851B91DF"
    key = session_key(MDK_MAC, 1)
    message = unhex("0001 0000010000 00")
    assert cryptogram_of(key, message)[:4].hex().upper() == "851B91DF", "alg. 3 pads a whole block more"


def test_published_discretionary_mac() -> None:
    """PBOC-IAD-005: the published value, out of a card with the published key (vector 67)."""
    keys = bank_card().udks()
    mac_key = pboc.derive_udk(unhex("12B1AC4AF070CC35612BFE2D30AB600D"), "6228000100001", "01")
    keys = keys[:16] + mac_key + keys[32:]
    deal = Deal(pay({"9F79": amount(1000), "9F36": "023F"}, {0x8000: keys, 0x9000: check_values(keys)}))
    assert deal.once().iad.hex().upper()[16:] == "0A010000001000D1F61152"


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("03", "0000010000 0000000000", "0000010000 0000000300"),
        ("02", "0000000000", "0000000300"),
        ("04", "0000000000 0000005000", "0000000300 0000005000"),
    ],
)
def test_iad_with_totals(kind: str, before: str, after: str) -> None:
    """PBOC-IAD-007: type 03 carries balance and total; 02 and 04 in the same manner."""
    template = ber(0x9F10, unhex("0701010300000001") + unhex("0F" + kind) + bytes(14))
    values = {**FREE, "9F79": amount(10000), "9F54": amount(5000), "9F36": "0000"}
    deal = Deal(pay(values, {0x9200: template}))
    for p1, amounts in ((ARQC, before), (TC, before), (AAC, after)):
        answer = deal.once(p1, Data(amount=300))
        if answer.kind == TC:
            amounts = after
        data = unhex(amounts)
        assert answer.iad[8:10] == bytes((len(data) + 5, int(kind, 16)))
        assert answer.iad[10:-4] == data
        filled = answer.atc.to_bytes(2, "big") + data
        key = session_key(MDK_MAC, answer.atc)
        assert answer.iad[-4:] == cryptogram_of(key, filled + bytes(-len(filled) % 8))[:4]
        if answer.kind == ARQC:
            deal.external()
            deal.gac2(AAC)


def test_iad_type_03_golden() -> None:
    """PBOC-IAD-007: the golden value, out of the card."""
    template = ber(0x9F10, unhex("07010103000000010F03") + bytes(14))
    deal = Deal(pay({"9F79": amount(10000)}, {0x9200: template}))
    assert deal.once().iad.hex().upper()[16:] == "0F030000010000000000000042DEE6BC"


# --- order and form --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("p1", "allowed"), [(0x00, {0}), (0x40, {0x40, 0x80, 0}), (0x80, {0x80, 0})])
def test_requests(bench: Bench, p1: int, allowed: set[int]) -> None:
    """PBOC-GAC-002, PBOC-CVR-002, PBOC-CVR-003, PBOC-CRM-019."""
    answer = Deal(bench).once(p1)
    assert answer.cid in allowed
    assert answer.cvr >> 20 == {AAC: 8, TC: 9, ARQC: 0xA}[answer.kind]
    free = Deal(pay(FREE)).once(p1)
    assert free.cid == p1, "a card that wants nothing gives what is asked for"


def test_generate_ac_form(bench: Bench) -> None:
    """PBOC-GAC-003, PBOC-GAC-004, PBOC-GAC-005, PBOC-GAC-006."""
    deal, good = Deal(bench), PLAIN.cdol1()
    deal.select()
    assert deal.sw(ARQC, good) == "6985"
    deal.gpo()
    assert bench.all(f"80AEC00034{good}", f"80AE800134{good}", f"80AEFF0034{good}") == ["6A86"] * 3
    assert [deal.sw(ARQC, good[:-2]), deal.sw(ARQC, good + "00"), deal.sw(ARQC, "")] == ["6700"] * 3
    assert deal.gac(ARQC).ac.hex().upper() == "C49EFFCB5A49B233"
    assert deal.sw(TC, PLAIN.cdol2(YES)[:-2]) == "6700"
    assert deal.external() == "9000"
    assert deal.gac2(TC).ac.hex().upper() == "28907730FF74F79E"


def test_order(bench: Bench) -> None:
    """PBOC-GAC-007, PBOC-GAC-009, PBOC-GAC-010."""
    deal, second = Deal(bench), PLAIN.cdol2(YES)
    deal.once(AAC)
    assert [deal.sw(TC, second), deal.sw(ARQC, PLAIN.cdol1())] == ["6985"] * 2
    cash = Deal(ec(10000), CASH)
    assert cash.once(TC, cash=True).kind == TC
    assert cash.sw(TC, CASH.cdol2(YES)) == "6985"
    deal.once()
    assert deal.sw(ARQC, second) == "6985"
    assert deal.gac2(TC).kind == TC
    assert [deal.sw(TC, second), deal.sw(AAC, second), deal.external()] == ["6985"] * 3


def test_first_type_stays_in_the_second(bench: Bench) -> None:
    """PBOC-CVR-002, PBOC-CVR-003."""
    deal = Deal(bench)
    deal.once()
    assert deal.gac2(AAC).cvr >> 20 == 0x2
    deal.once()
    assert deal.gac2(TC).cvr >> 20 == 0x6


# --- CDA -------------------------------------------------------------------------------------------------------------


def test_cda_where_the_aip_has_none() -> None:
    """PBOC-GAC-012."""
    bench = ec(10000)
    deal = Deal(bench, CASH)
    deal.gpo(cash=True)
    for request in (TC, ARQC, AAC):
        assert deal.sw(request | CDA, CASH.cdol1()) == "6985"
    assert deal.get("9F79") == amount(10000)
    assert deal.log() == []
    assert deal.gac(TC).ac.hex().upper() == "CF681A695ECE8C5C"


def cda_card() -> Deal:
    data = structure() | {"aip": "7D00"}
    work = {dgi: content for dgi, content in job_of(data, bank_card()).items() if dgi != 0x0D01}
    return Deal(pay({"9F79": amount(10000)}, work), CASH, aip="7D00")


def check_combined(deal: Deal, answer: bytes, told: str, used: Data) -> bytes:
    """Open the signed data of an answer in form 77; its CID."""
    body = find(answer, 0x77) or b""
    parts = {tag: find(body, tag) or b"" for tag in (0x9F27, 0x9F36, 0x9F4B, 0x9F10)}
    assert body == b"".join(ber(tag, value) for tag, value in parts.items())
    signed = parts.pop(0x9F4B)
    dynamic = oda.verify_dynamic(rsa("icc").public, signed, unhex(used.unpredictable))
    hashed = unhex(told) + b"".join(ber(tag, value) for tag, value in parts.items())
    message = unhex(used.common() + deal.aip) + parts[0x9F36] + parts[0x9F10][3:7]
    ac = cryptogram_of(session_key(MDK_AC, int.from_bytes(parts[0x9F36], "big")), message)
    assert parts[0x9F10][6] & DDA_PERFORMED
    want = b"\x02" + parts[0x9F36] + parts[0x9F27] + ac + hashlib.sha1(hashed).digest()
    assert dynamic == want
    assert len(want) == 0x20
    return parts[0x9F27]


@pytest.mark.parametrize("kind", [TC, ARQC])
def test_cda(kind: int) -> None:
    """PBOC-GAC-013."""
    deal = cda_card()
    assert deal.gpo(cash=True).startswith("80167D00")
    assert deal.sw(kind | CDA, CASH.cdol1()) == "9000"
    told = "01" + amount(1000) + "0156" + CASH.cdol1()
    assert check_combined(deal, unhex(deal.bench.data), told, CASH) == bytes((kind,))
    if kind == ARQC:
        later = replace(CASH, unpredictable="CAFEBABE")
        assert deal.sw(TC | CDA, later.cdol2(OFFLINE)) == "9000"
        assert unhex(deal.bench.data)[2:3] == b"\x00", "declined: the upper offline limit is 0"
    else:
        assert deal.get("9F79") == amount(9000)


def test_cda_of_the_second_answer() -> None:
    """PBOC-GAC-013: the hash covers PDOL, CDOL1 and CDOL2 data."""
    deal = cda_card()
    deal.gpo()
    deal.gac(ARQC)
    assert deal.external() == "9000"
    later = replace(CASH, unpredictable="CAFEBABE", tvr="8000000000")
    assert deal.sw(TC | CDA, later.cdol2(YES)) == "9000"
    told = "00" + amount(1000) + "0156" + CASH.cdol1() + later.cdol2(YES)
    assert check_combined(deal, unhex(deal.bench.data), told, later) == b"\x40"


def test_cda_and_decline() -> None:
    """PBOC-GAC-014."""
    deal = cda_card()
    deal.gpo()
    assert deal.sw(AAC | CDA, CASH.cdol1()) == "9000"
    assert deal.bench.data[:6] == "801E00"
    assert deal.parsed(CASH).cid == 0


def test_dynamic_authentication_is_shown(bench: Bench) -> None:
    """PBOC-DDA-004."""
    deal = Deal(bench)
    deal.gpo()
    bench.x("0088000004 12345678")
    assert deal.gac(ARQC).has(DDA_PERFORMED)
    assert not deal.once().has(DDA_PERFORMED)
