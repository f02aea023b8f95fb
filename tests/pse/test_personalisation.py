"""Personalisation: the channel, data groupings, issue, and what stays open afterwards."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from cardsim.crypto import scp02
from cardsim.iso7816.tlv import ber, find
from cardsim.making.pse import PSE_NAME as PSE_NAME_BYTES
from cardsim.making.station import MakingError, Station
from tests.cards import AID, PSE_NAME, SSSE_NAME, Bench, of_cells, secrets, unhex
from tests.pse.deal import PLAIN, TC, Deal
from tests.pse.perso import (
    ADF,
    CHALLENGE,
    SECOND_AID,
    DeskChannel,
    Job,
    bank_card,
    check_values,
    create_adf,
    empty,
    fill,
    job,
    log_file,
    open_channel,
    pay,
    store_all,
)
from tests.pse.scp import NEW, Host, put_key_data


@pytest.fixture
def bench() -> Bench:
    """A card with an application that has nothing in it yet."""
    return empty()


def refused(bench: Bench, dgi: int, content: bytes, *, secret: bool = False) -> str:
    """STORE DATA of a data grouping in a fresh channel; the status word of the refusal."""
    with pytest.raises(MakingError) as caught:
        open_channel(bench).store(dgi, content, secret=secret)
    return str(caught.value).split("answers ")[1][:4]


# --- channel ---------------------------------------------------------------------------------------------------------


def test_initialize_update(bench: Bench) -> None:
    """PBOC-PER-001, PBOC-PER-002, PBOC-PER-003, PBOC-CRY-014."""
    bench.select(AID)
    assert bench.x(f"8050000008{CHALLENGE.hex()}", follow=False) == "611C"
    answer = unhex(bench.x("00C000001C", follow=False))[:-2]
    assert len(answer) == 28
    keydata, version, protocol, sequence = answer[:10], answer[10], answer[11], answer[12:14]
    assert keydata == secrets().keydata == unhex("621467000001") + (428).to_bytes(4, "big")
    assert (version, protocol) == (1, 2)
    keys = scp02.session_keys(scp02.diversify_kmc(secrets().kmc, keydata), sequence)
    assert scp02.card_cryptogram(keys.enc, CHALLENGE, sequence, answer[14:20]) == answer[20:]
    bench.x(f"8050000008{CHALLENGE.hex()}")
    assert unhex(bench.data)[14:20] != answer[14:20], "a fresh challenge"
    assert bench.all("8050010008" + "00" * 8, "8050020008" + "00" * 8, "8050000007" + "00" * 7) == [
        "9000",
        "6A88",
        "6700",
    ]


def test_sequence_counter(bench: Bench) -> None:
    """PBOC-PER-004: it rises with each channel, so that no session key comes back."""
    found = [Host(bench).open(1).sequence for _ in range(3)]
    assert found == sorted(set(found))
    assert len(set(found)) == 3


@pytest.mark.parametrize("level", [0, 1, 3])
def test_levels(bench: Bench, level: int) -> None:
    """PBOC-PER-004, PBOC-PER-006, PBOC-PER-010."""
    host = Host(bench).open(level)
    assert host.store(0x0101, ber(0x70, unhex("57021234"))) == "9000"
    assert host.store(0x8000, job()[0x8000], p1=0x60) == "9000"
    assert host.store(0x9000, job()[0x9000], p1=0x00) == "9000"
    assert bench.x("00B2010C00") == "7004570212349000"


@pytest.mark.parametrize("level", [0x02, 0x04, 0x10, 0x33, 0x81])
def test_unknown_level(bench: Bench, level: int) -> None:
    """PBOC-PER-006: only 00, 01 and 03 exist."""
    host = Host(bench)
    host.initialize()
    assert host.authenticate(level) == "6A86"


@pytest.mark.parametrize("byte", range(16))
def test_wrong_host_cryptogram(bench: Bench, byte: int) -> None:
    """PBOC-PER-005: host cryptogram and C-MAC, each byte."""
    host = Host(bench)
    host.initialize()
    assert host.authenticate(1, spoil=1 << 8 * byte) == "6300"
    assert host.authenticate(1) == "6985", "one challenge, one attempt"
    assert bench.x("80E2000004 01010170") == "6985"


def test_attempts_run_out(bench: Bench) -> None:
    """PBOC-PER-005, PBOC-SEP-005: the error counter of the channel, and it alone."""
    host = Host(bench)
    for _ in range(15):
        host.initialize()
        assert host.authenticate(1, spoil=1) == "6300"
    assert host.initialize() == "6983"
    assert bench.ssse() == "9000"


def test_right_attempt_restores(bench: Bench) -> None:
    """PBOC-PER-005."""
    host = Host(bench)
    for _ in range(20):
        host.initialize()
        assert host.authenticate(1, spoil=1) == "6300"
        Host(bench).open(1)


@pytest.mark.parametrize("level", [1, 3])
def test_missing_and_wrong_mac(bench: Bench, level: int) -> None:
    """PBOC-PER-007: the channel ends."""
    data = unhex("01010470025700")
    host = Host(bench).open(level)
    assert bench.x("80E2000007" + data.hex()) == "6982"
    assert host.command(0xE2, 0, 0, data) == "6985"
    for spoil in (1, 1 << 63):
        host = Host(bench).open(level)
        assert host.command(0xE2, 0, 0, data, spoil=spoil) == "6988"
        assert host.command(0xE2, 0, 0, data) == "6985"
        assert bench.x("80E2000007" + data.hex()) == "6985"


def test_protected_at_level_0(bench: Bench) -> None:
    """PBOC-PER-007: class 84 has no meaning where no C-MAC was agreed."""
    host = Host(bench).open(0)
    assert bench.x("84E200000F" + "00" * 15) == "6982"
    assert host.store(0x0101, ber(0x70, b"")) == "9000"


def test_replay(bench: Bench) -> None:
    """PBOC-PER-007: a command with its C-MAC is good once, in its place, in its channel."""
    host = Host(bench).open(1)
    assert host.command(0xE2, 0, 0, unhex("01010470025700")) == "9000"
    sent = bench.log[-1][0]
    assert bench.send(sent)[-2:] == unhex("6988")
    Host(bench).open(1)
    assert bench.send(sent)[-2:] == unhex("6988")
    first = Host(bench).open(1)
    opening = bench.log[-1][0]
    assert bench.send(opening)[-2:] == unhex("6985")
    assert first.command(0xE2, 0, 0, unhex("01010470025700")) == "6985", "the second opening has ended the channel"


def test_header_is_covered(bench: Bench) -> None:
    """PBOC-PER-007: P1 P2 and INS are under the C-MAC."""
    for change in ((1, 0xE0), (2, 0x80), (3, 0x01)):
        host = Host(bench).open(1)
        command = bytearray(host.sealed(0xE2, 0, 0, unhex("01010470025700")))
        command[change[0]] = change[1]
        assert bench.send(bytes(command))[-2:] in (unhex("6988"), unhex("6700"))


def test_channel_ends_with_selection(bench: Bench) -> None:
    """PBOC-PER-008, PBOC-SEP-003."""
    for name in (AID, PSE_NAME, SSSE_NAME):
        host = Host(bench).open(1)
        bench.select(name)
        sw = host.command(0xE2, 0, 0, unhex("01010470025700"))
        assert sw in (("6D00", "6E00") if name == SSSE_NAME else ("6985",))
    Host(bench).open(0)
    bench.power_on()
    bench.select(AID)
    assert bench.x("80E2000007 01010470025700") == "6985"


def test_no_channel(bench: Bench) -> None:
    """PBOC-PER-008."""
    bench.select(AID)
    assert bench.all("80E2000004 01010170", "84E200000C" + "00" * 12, "80E0EF0B0C" + log_file().hex()) == ["6985"] * 3
    bench.pse()
    assert bench.all("80E2000004 01010170", "80E0ADF210" + "00" * 16, "80D8008143" + "00" * 67) == ["6985"] * 3
    bench.ssse()
    assert bench.x("80E2000004 01010170") in ("6D00", "6E00")
    bench.x("00A40000023F00")
    assert bench.x("80E2000004 01010170") in ("6D00", "6E00")


def test_only_the_finance_key(bench: Bench) -> None:
    """PBOC-PER-032, PBOC-SEP-004: card master key, social master key and transport key do not open the channel."""
    mine = secrets()
    three = scp02.diversify_kmc(mine.kmc, mine.keydata)
    for key in (mine.master, mine.ssse_first, mine.ssse_final, mine.transport, mine.kmc, three.dek):
        host = Host(bench, scp02.CardKeys(key, key, key))
        host.initialize()
        assert host.authenticate(1) == "6300"
        with pytest.raises(MakingError, match="card cryptogram"):
            open_channel(bench, kmc=key if key != mine.kmc else bytes(16))
    assert Host(bench).open(1).version == 1


# --- STORE DATA ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0, 1, 3])
def test_block_numbers(bench: Bench, level: int) -> None:
    """PBOC-PER-009."""
    host = Host(bench).open(level)
    data = unhex("01010470025700")
    p2 = (0, 2, 1, 0, 1, 2, 0, 0)
    assert [host.command(0xE2, 0, number, data) for number in p2] == [
        "9000", "6A86", "6A86", "9000", "9000", "9000", "6A86", "9000",
    ]  # fmt: skip


def test_unknown_groupings(bench: Bench) -> None:
    """PBOC-PER-011: nothing of the command is stored."""
    for dgi in (0x7777, 0x8400, 0x9400, 0xA001, 0x8020, 0x9020, 0x8001, 0xFF01, 0x0100, 0x1F01, 0x0001, 0xADF1):
        host = Host(bench).open(1)
        assert host.command(0xE2, 0, 0, unhex("01010470025700") + dgi.to_bytes(2, "big") + b"\x01\x00") == "6A88"
        assert bench.x("00B2010C00") == "6A82"


@pytest.mark.parametrize("dgi", [0x9103, 0x9206, 0x9207])
def test_contactless_groupings(bench: Bench, dgi: int) -> None:
    """PBOC-PER-014, PBOC-PER-015: accepted and unused."""
    assert Host(bench).open(1).store(dgi, b"\xa5\x00") == "9000"


def test_spanning(bench: Bench) -> None:
    """PBOC-PER-012: one in three commands, and three in one."""
    record = ber(0x70, ber(0x57, bytes(range(100))))
    data = b"\x02\x01" + bytes((len(record),)) + record
    host = Host(bench).open(1)
    for number, at in enumerate(range(0, len(data), 40)):
        assert bench.x("00B2011400") == "6A82"
        assert host.command(0xE2, 0, number, data[at : at + 40]) == "9000"
    assert bench.x("00B2011400") == record.hex().upper() + "9000"
    host = Host(bench).open(1)
    assert host.command(0xE2, 0, 0, unhex("0301027000 03020470025700 0401047002 5A00")) == "9000"
    assert bench.all("00B2011C00", "00B2021C00", "00B2012400") == ["9000"] * 3


def test_cut_off_at_the_end(bench: Bench) -> None:
    """PBOC-PER-012, PBOC-PER-028: a grouping that is not complete cannot end the job."""
    host = Host(bench).open(1)
    assert host.command(0xE2, 0x80, 0, unhex("0101057002")) == "6A80"


@pytest.mark.parametrize("length", ["90", "FF0090"])
def test_length_forms(bench: Bench, length: str) -> None:
    """PBOC-PER-013."""
    record = ber(0x70, ber(0x57, bytes(0x8D - 3)))[:0x90].ljust(0x90, b"\0")
    assert len(record) == 0x90
    assert Host(bench).open(1).command(0xE2, 0, 0, unhex("0101" + length) + record) == "9000"
    assert bench.x("00B2010C00") == record.hex().upper() + "9000"


def test_records_everywhere(bench: Bench) -> None:
    """PBOC-PER-017: SFI 1 to 30, and two names that are no records."""
    channel = open_channel(bench)
    names = [sfi << 8 | 1 for sfi in range(1, 31)] + [0x01FE, 0x0D02, 0x0E02]
    for dgi in names:
        if dgi not in (0x0D01, 0x0E01):
            channel.store(dgi, ber(0x70, ber(0x57, dgi.to_bytes(2, "big"))))
    for dgi in names:
        answer = bench.x(f"00B2{dgi & 0xFF:02X}{dgi >> 8 << 3 | 4:02X}00")
        assert answer[-4:] == ("6A83" if dgi in (0x0D01, 0x0E01) else "9000")


def test_refused_content(bench: Bench) -> None:
    """PBOC-PER-020, PBOC-PER-021, PBOC-PER-010."""
    keys = job()[0x8000]
    assert refused(bench, 0x8000, keys[:32], secret=True) == "6A80"
    assert refused(bench, 0x8000, keys + bytes(16), secret=True) == "6A80"
    assert refused(bench, 0x8000, keys) == "6A80", "keys come under the S-DEK"
    assert refused(bench, 0x8010, unhex("26123456FFFFFFFF")) == "6A80"
    for wrong in ("261234567FFFFFFF", "0000000000000000", "27123456FFFFFFFF", "2D1234567890123F", "123FFFFFFFFFFFFF"):
        assert refused(bench, 0x8010, unhex(wrong), secret=True) == "6A80"
    for wrong in ("03", "030303", "0305", "1010", "9F17010305FF", "9F17010603"):
        assert refused(bench, 0x9010, unhex(wrong)) == "6A80"
    for dgi, content in ((0x0101, b"\x71\x00"), (0x0101, b"\x70\x05\x57"), (0x9102, b"\xa5\x05\x50"), (0x0D01, b""),
                         (0x9102, b"\x50\x01A"), (0x9200, b"\x9f\x08\x00"), (0x0101, b"\x70\x00\x57\x00")):  # fmt: skip
        assert refused(bench, dgi, content) == "6A80"
    channel = open_channel(bench)
    channel.store(0x8000, keys, secret=True)
    wrong_value = bytearray(check_values(keys))
    wrong_value[4] ^= 1
    assert refused(bench, 0x9000, bytes(wrong_value)) == "6A80"
    assert refused(bench, 0x9000, check_values(keys)[:6]) == "6A80"
    open_channel(bench).store(0x9000, check_values(keys))


@pytest.mark.parametrize(
    ("dgi", "room", "content"),
    [
        (0x0501, 256, lambda n: ber(0x70, bytes(n - 3))),
        (0x9102, 235, lambda n: ber(0xA5, ber(0x5F2D, bytes(n - 7)))),
        (0x9104, 256, lambda n: ber(0x82, b"\x7c\0") + ber(0x94, bytes(n - 7))),
        (0x0D01, 4095, lambda n: ber(0x9F4F, bytes(n - 5))),
        (0x8201, 256, bytes),
    ],
)
def test_content_that_no_answer_has_room_for(dgi: int, room: int, content: Callable[[int], bytes]) -> None:
    """PBOC-PER-017, PBOC-PER-020: a record of 300 bytes would be answered 6C2C for ever."""
    fits, level = content(room), 0x60 if dgi == 0x8201 else 0
    assert len(fits) == room
    words = []
    for each in (fits, content(room + 8 if level else room + 1)):
        host = Host(empty()).open(0)
        assert host.session is not None
        cipher = scp02.dek_encrypt(host.session.dek, each) if level else each
        data = dgi.to_bytes(2, "big") + b"\xff" + len(cipher).to_bytes(2, "big") + cipher
        parts = [data[at : at + 200] for at in range(0, len(data), 200)]
        words.append([host.command(0xE2, level, number, part) for number, part in enumerate(parts)][-1])
    assert words == ["9000" if room < 4000 else "6A84", "6A80"]


def test_file_in_the_way(bench: Bench) -> None:
    """D7: a data grouping never lands in another file of the application or of PSE."""
    channel = open_channel(bench)
    channel.send("CREATE log file", 0xE0, 0x02, 0x01, log_file())
    assert refused(bench, 0x0201, b"\x70" + b"\x82\x01\xc2" + bytes(450)) == "6A80"
    assert refused(bench, 0x0201, b"\x70\x00") == "6A80"
    bench.power_on()
    create_adf(bench, unhex(SECOND_AID), 0x0201, 64)
    with pytest.raises(MakingError, match="6A80"):
        open_channel(bench, PSE_NAME_BYTES).store(0x0201, b"\x70\x06" + bytes(6))
    assert bench.select(SECOND_AID)[-4:] == "9000"


# --- issue -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [0x9102, 0x9104, 0x9200, 0x8000, 0x9000])
def test_mandatory_grouping(bench: Bench, missing: int) -> None:
    """PBOC-PER-029."""
    work = {dgi: content for dgi, content in job().items() if dgi != missing}
    unfinished(bench, work)
    last = list(work)[-1]
    rest = {missing: job()[missing], last: job()[last]}
    store_all(open_channel(bench), rest)
    assert Deal(bench).once().ac.hex().upper() == "C49EFFCB5A49B233"


def unfinished(bench: Bench, work: Job) -> None:
    """A job that cannot end: 6985, and personalisation goes on."""
    with pytest.raises(MakingError, match="6985"):
        fill(bench, work)
    bench.power_on()
    bench.select(AID)
    assert bench.all("80A800000B8309000000000010000156", f"80AE800034{PLAIN.cdol1()}") == ["6985", "6985"]
    assert Host(bench).initialize() == "9000"


@pytest.mark.parametrize("tag", [0x5A, 0x5F24, 0x8C, 0x8D])
def test_mandatory_object(bench: Bench, tag: int) -> None:
    """PBOC-PER-029."""
    work = dict(job())
    for dgi in (0x0301, 0x0302, 0x0303):
        inner = find(work[dgi], 0x70) or b""
        value = find(inner, tag)
        if value is not None:
            work[dgi] = ber(0x70, inner.replace(ber(tag, value), b""))
    unfinished(bench, work)


def test_inconsistent_key(bench: Bench) -> None:
    """PBOC-PER-022: dP and dQ swapped; a part missing; a key too short to sign."""
    work = job()
    swapped = {**work, 0x8203: work[0x8202], 0x8202: work[0x8203]}
    partly = {dgi: content for dgi, content in work.items() if dgi != 0x8201}
    small = dict(work)
    for dgi, number in zip(range(0x8205, 0x8200, -1), (11, 5, 7, 3, 9), strict=True):
        small[dgi] = number.to_bytes(8, "big")
    wrong = {**{dgi: c for dgi, c in work.items() if dgi >> 8 != 0x82}, 0x8101: bytes(143) + b"\x55", 0x8103: bytes(8)}
    for bad in (swapped, partly, small, {**wrong, 0x9000: wrong.pop(0x9000)}):
        fresh = of_cells(bench.cells, replace(bench.keys))
        with pytest.raises(MakingError, match="6A80"):
            fill(fresh, bad)
        assert Host(fresh).initialize() == "9000"


@pytest.mark.parametrize(
    ("dgi", "content"),
    [
        (0x9102, "A5049F38029F7A"), (0x9102, "A5049F38019F"), (0x9200, "9F100407010103"), (0x9200, "9F0800"),
        (0x0302, "70088C019F8D029F02"), (0x0D01, "9F4F019F"),
    ],
)  # fmt: skip
def test_broken_lists(bench: Bench, dgi: int, content: str) -> None:
    """PBOC-PER-029: what would make every transaction fail is refused before issue, and never an exception."""
    with pytest.raises(MakingError, match=r"6A80|6985"):
        fill(bench, {**job(), dgi: unhex(content)} | {0x9000: job()[0x9000]})
    assert bench.select(AID)[-4:] == "9000"


def test_issue() -> None:
    """PBOC-PER-028, PBOC-PER-030, PBOC-PER-031."""
    bench = empty()
    fill(bench, job(), issue=False)
    bench.select(AID)
    assert bench.x("80A800000B8309000000000010000156") == "6985"
    open_channel(bench).store(0x0101, job()[0x0101], last=True)
    before = bench.cells
    assert Deal(bench).once().ac.hex().upper() == "C49EFFCB5A49B233"
    bench = of_cells(before, bench.keys)
    bench.select(AID)
    forms = ["8050000008" + "00" * 8, "8482010010" + "00" * 16, "80E2000004 01010170", "84E200000C" + "00" * 12]
    assert bench.all(*forms, "80E0EF0C0C" + log_file().hex()) == ["6985"] * 5
    assert bench.cells == before


@pytest.mark.parametrize("order", ["reversed", "keys first", "records last"])
def test_order_does_not_matter(order: str) -> None:
    """PBOC-PER-027."""
    names = list(job(pin="0303"))
    names = {
        "reversed": names[::-1],
        "keys first": sorted(names, reverse=True),
        "records last": sorted(names, key=lambda dgi: (dgi < 0x2000, dgi)),
    }[order]
    bench = empty()
    fill(bench, {dgi: job(pin="0303")[dgi] for dgi in names})
    assert everything(bench) == everything(pay(pin="0303"))


def everything(bench: Bench) -> list[str]:
    """All that a terminal can learn, and a transaction."""
    bench.power_on()
    found = [bench.select(AID)]
    found += [bench.x(f"00B2{number:02X}{sfi << 3 | 4:02X}00") for sfi in range(1, 16) for number in range(1, 9)]
    found += [bench.x(f"80CA9F{tag:02X}00") for tag in range(0x100)]
    deal = Deal(bench)
    found += [deal.gpo(), bench.x("0088000004 12345678"), bench.x("0020008008 26123456FFFFFFFF")]
    return [*found, str(deal.gac(0x80)), deal.external(), str(deal.gac2(TC)), *deal.log()]


# --- after issue -----------------------------------------------------------------------------------------------------


def test_second_application_after_issue() -> None:
    """D7, PBOC-PER-030: the channel at PSE stays; each application is issued for itself."""
    bench = pay()
    create_adf(bench, unhex(SECOND_AID), 0xADF2, 4096)
    channel = open_channel(bench, PSE_NAME_BYTES)
    channel.store(0x0102, unhex("70146112") + ber(0x4F, unhex(SECOND_AID)) + ber(0x50, b"PBOC 2"), last=True)
    bench.pse()
    assert bench.x("00B2020C00") == f"701461124F08{SECOND_AID}500650424F4320329000"
    assert Deal(bench).once().ac.hex().upper() == "C49EFFCB5A49B233"
    bench.select(SECOND_AID)
    assert bench.x("80A800000B8309000000000010000156") == "6985"
    fill(bench, job({"9F58": "FF"}), name=unhex(SECOND_AID))
    bench.select(SECOND_AID)
    assert bench.x("80CA9F5800") == "9F5801FF9000"
    assert bench.x("8050000008" + "00" * 8) == "6985"
    Deal(bench).select()
    assert bench.x("80CA9F5800") == "9F5801009000"


def test_create_refusals() -> None:
    """D7: names, identifiers and space."""
    bench = pay()
    for name, fid, space, sw in (
        (AID, 0xADF2, 64, "6A89"), (SECOND_AID, 0xADF1, 64, "6A89"), (SECOND_AID, 0xADF2, 0xFFFF, "6A84"),
        ("A0000003", 0xADF2, 64, "6A80"), (SSSE_NAME, 0xADF2, 64, "6A89"),
    ):  # fmt: skip
        before = bench.cells
        with pytest.raises(MakingError, match=sw):
            create_adf(bench, unhex(name), fid, space)
        bench.power_on()
        assert len(before) == len(bench.cells)
        assert bench.select(SECOND_AID) == "6A82"
    assert Deal(bench).once().ac.hex().upper() == "C49EFFCB5A49B233"


# --- PUT KEY ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("issued", [False, True])
@pytest.mark.parametrize("level", [0, 1, 3])
def test_put_key(issued: bool, level: int) -> None:
    """PBOC-PER-033, D7: before and after issue of the application."""
    bench = pay() if issued else empty()
    host = Host(bench, name=PSE_NAME_BYTES).open(level)
    assert host.command(0xD8, 0x01, 0x81, put_key_data(host, NEW, 7)) == "9000"
    checks = check_values(NEW.enc + NEW.mac + NEW.dek)
    assert unhex(bench.data) == b"\x07" + checks
    assert bench.x("80E2000004 01010170") == "6985", "the channel has ended"
    old = Host(bench, name=PSE_NAME_BYTES)
    assert old.initialize() == "9000"
    assert old.authenticate(level) == "6300"
    fresh = Host(bench, NEW, name=PSE_NAME_BYTES).open(3)
    assert fresh.keydata == secrets().keydata
    assert fresh.version == 7
    assert bench.all("8050010008" + "00" * 8, "8050070008" + "00" * 8) == ["6A88", "9000"]


def test_put_key_refusals(bench: Bench) -> None:
    """PBOC-PER-033: check values, lengths, versions; the old keys stay."""

    def attempt(change: dict[int, int], p1: int = 0) -> str:
        host = Host(bench, name=PSE_NAME_BYTES).open(1)
        data = bytearray(put_key_data(host, NEW, 7))
        for at, value in change.items():
            data[at] ^= value
        return host.command(0xD8, p1, 0x81, bytes(data))

    assert [attempt({at: 1}) for at in (1, 2, 3, 19, 20, 42, 66)] == ["6A80"] * 7
    assert attempt({}, p1=9) == "6A88"
    whole = 67
    for level, word in ((0, "6700"), (1, "6A80"), (3, "6A80")):
        for length in (1, 23, 45, whole - 1, whole + 22):
            host = Host(bench, name=PSE_NAME_BYTES).open(level)
            data = put_key_data(host, NEW, 7)
            assert host.command(0xD8, 0, 0x81, (data + data[1:])[:length]) == word, (level, length)
    assert Host(bench, name=PSE_NAME_BYTES).open(1).version == 1
    bench.select(AID)
    assert bench.x("80D8008143" + "00" * 67) in ("6D00", "6E00"), "the keys belong to PSE, not to an application"


def test_channels_of_the_maker(bench: Bench) -> None:
    """PBOC-PER-010, PBOC-PER-028: the maker's own channel does the same job."""
    channel = DeskChannel(select(bench), bank_card().keys, CHALLENGE)
    channel.send("CREATE log file", 0xE0, 0xEF, 0x0B, log_file())
    store_all(channel, job())
    assert Deal(bench).once().ac.hex().upper() == "C49EFFCB5A49B233"


def select(bench: Bench) -> Station:
    station = Station(bench.model)
    station.select(ADF)
    return station


# --- several data groupings ------------------------------------------------------------------------------------------


def test_restarted_with_other_keys(bench: Bench) -> None:
    """PBOC-PER-021, PBOC-TEAR-012: other keys take the old check values away, so a job can begin again with them."""
    channel, keys = open_channel(bench), job()[0x8000]
    channel.store(0x8000, keys, secret=True)
    channel.store(0x9000, check_values(keys))
    channel.store(0x8000, keys[::-1], secret=True)
    assert refused(bench, 0x9000, check_values(keys)) == "6A80"
    open_channel(bench).store(0x9000, check_values(keys[::-1]))


def test_all_or_nothing(bench: Bench) -> None:
    """PBOC-PER-011: of a command with a right and a wrong data grouping nothing is stored, whatever is wrong."""
    record = unhex("0101 04 70025700")
    for wrong in ("7777 01 00", "8000 01 00", "0201 02 7100", "9102 02 A505", "9010 02 0305"):
        host = Host(bench).open(1)
        assert host.command(0xE2, 0, 0, record + unhex(wrong)) in ("6A88", "6A80")
        assert bench.x("00B2010C00") == "6A82"
