"""Terminal action analysis, GENERATE AC, and the bits of TVR and TSI."""

from dataclasses import replace

import pytest

from cardsim.decode.bits import TVR, flag_names
from cardsim.iso7816.tlv import ber, find
from terminal.driver import Services, run
from terminal.effects import Display, Shelf
from terminal.flows.financial.action import approve_offline, terminal_action_analysis
from terminal.flows.financial.flow import Result
from terminal.flows.financial.online import go_online
from terminal.flows.financial.transaction import Application, Cryptogram, FinancialConfig, Transaction, Tsi, Tvr
from terminal.messages.bank import TransactionType
from terminal.outcome import Cause
from terminal.storage import MemoryStorage
from terminal.transcript import Event, HostAsked
from tests.terminal.fakes import AID, PIN
from tests.terminal.helpers import FINANCIAL, at_terminal
from tests.terminal.kernel.stage import APPROVES, NO_CVM, OK, Holder, KernelCard, play, with_application

SMALL = with_application(floor_limit=9999)
OFFLINE = at_terminal(SMALL, terminal_type=b"\x23")
NO_TAC = with_application(SMALL, tac_denial=bytes(5), tac_online=bytes(5), tac_default=bytes(5))


def clean() -> KernelCard:
    return KernelCard().edit({0x8E: NO_CVM})


def with_versions(**codes: str | None) -> KernelCard:
    """A card whose TVR is 0080000000, with action codes of its own."""
    card = clean().edit({0x9F08: "0030"}, (3, 2))
    return card.edit({int(tag[1:], 16): value for tag, value in codes.items()})


def test_missing_action_codes() -> None:
    """KRN-TAA-001: IAC denial 00.., online and default FF..."""
    everything = with_versions(T9F0D=None, T9F0E=None, T9F0F=None)
    assert play(everything, NO_TAC).requests[0] == 0x80, "denial 00, online FF"
    offline = at_terminal(NO_TAC, terminal_type=b"\x23")
    assert play(everything, offline).requests == [0x00], "default FF"
    assert play(with_versions(T9F0D="00" * 5, T9F0E=None, T9F0F="00" * 5), NO_TAC).requests == [0x40]


def test_denial() -> None:
    """KRN-TAA-002: TVR 0010000000 under denial 0010000000, of the card or of the terminal: AAC, Z1."""
    for tac, iac in (("0010000000", "00" * 5), ("00" * 5, "0010000000")):
        card = clean().edit({0x9F07: "0000", 0x9F0E: iac})
        played = play(card, with_application(SMALL, tac_denial=bytes.fromhex(tac)))
        assert played.outcome.tvr.hex() == "0010000000"
        assert played.requests == [0x00]
        assert played.outcome.arc == "Z1"


def test_online() -> None:
    """KRN-TAA-003: TVR 0000008000 under online D8689CF800: ARQC; asked of terminals that can go online alone."""
    card = clean().edit({0x9F0F: "D8689CF800"})
    played = play(card, with_application(floor_limit=0))
    assert played.outcome.tvr.hex() == "0000008000"
    assert played.requests[0] == 0x80


def test_nothing_against_it() -> None:
    """KRN-TAA-004: TVR 0: TC, Y1."""
    played = play(clean(), SMALL)
    assert played.outcome.tvr == bytes(5)
    assert played.requests == [0x40]
    assert played.outcome.arc == "Y1"


def test_offline_only() -> None:
    """KRN-TAA-005: the default codes take the place of the online ones."""
    assert play(with_versions(T9F0D="0080000000", T9F0F="00" * 5), OFFLINE).requests == [0x00]
    assert play(with_versions(T9F0D="00" * 5, T9F0F="0080000000"), OFFLINE).requests == [0x40]


def test_online_only() -> None:
    """KRN-TAA-006, KRN-ATM-002: ARQC for everything that is not denied, with TVR 0 too; no TC offline."""
    config = at_terminal(SMALL, terminal_type=b"\x14")
    played = play(clean(), config)
    assert played.outcome.tvr == bytes(5)
    assert played.requests[0] == 0x80
    unable = play(clean(), config, online=False)
    assert unable.requests == [0x80, 0x00]
    assert unable.outcome.result is Result.DECLINED


@pytest.mark.parametrize(("default", "arc", "second"), [("0080000000", "Z3", 0x00), ("0000000000", "Y3", 0x40)])
def test_unable_to_go_online(default: str, arc: str, second: int) -> None:
    """KRN-TAA-007: the default codes decide."""
    played = play(with_versions(T9F0D=default, T9F0F="0080000000"), NO_TAC, online=False)
    assert played.requests == [0x80, second]
    assert played.outcome.arc == arc


def test_the_tvr_is_complete() -> None:
    """KRN-TAA-008: DDA failed, and all that later steps find is in the cryptogram too."""
    card = clean().edit({0x9F08: "0030"}, (3, 2))
    card.records[2, 4][0x9F46] = bytes(112)
    played = play(card, replace(with_application(floor_limit=0), force_online=True))
    assert played.commands(0xAE)[0][38:48] == "0880008800"


CASH_CODES = {0x9F0D: "D8603CA800", 0x9F0E: "0010800000", 0x9F0F: "D8683CF800"}


def test_codes_of_electronic_cash() -> None:
    """KRN-TAA-009: a failed verification is declined, a failed DDA goes online."""
    failed = KernelCard().edit({**CASH_CODES, 0x8E: "00000000000000000000"})
    played = play(failed, SMALL)
    assert played.outcome.tvr.hex() == "0000800000"
    assert played.requests == [0x00]
    dda = clean().edit(CASH_CODES)
    dda.records[2, 4][0x9F46] = bytes(112)
    played = play(dda, SMALL)
    assert played.outcome.tvr.hex() == "0800000000"
    assert played.requests[0] == 0x80


SETS = {"A": ("D86004A800", "0010980000", "D86804F800"), "B": ("D8609CA800", "0010000000", "D8689CF800")}


@pytest.mark.parametrize("name", SETS)
def test_decisions_for_every_bit(name: str) -> None:
    """KRN-TAA-010: over all single TVR bits, the decision is what the masks of set and TAC say."""
    default, denial, online = (bytes.fromhex(code) for code in SETS[name])
    row = FINANCIAL.terminal.applications[0]
    seen = set()
    for byte, bit in (flag.value for flag in Tvr if flag is not Tvr.SDA_SELECTED):
        flags = bytearray(5)
        flags[byte - 1] = 1 << (bit - 1)
        hits = [
            any(t & (i | a) for t, i, a in zip(flags, iac, tac, strict=True))
            for iac, tac in ((denial, row.tac_denial), (online, row.tac_online), (default, row.tac_default))
        ]
        expected = 0x00 if hits[0] else 0x80 if hits[1] else 0x40
        assert asked_for(bytes(flags), SETS[name]) == (expected, not hits[2])
        seen.add(expected)
    assert seen == {0x00, 0x40, 0x80}


def asked_for(flags: bytes, codes: tuple[str, str, str], config: FinancialConfig = FINANCIAL) -> tuple[int, bool]:
    """What is asked for under a TVR, and whether the terminal approves where it cannot go online."""
    tx = Transaction(config)
    data = dict(zip((0x9F0D, 0x9F0E, 0x9F0F), (bytes.fromhex(code) for code in codes), strict=True))
    tx.start_application(Application(AID, "", config.terminal.applications[0], data=data))
    for flag in Tvr:
        byte, bit = flag.value
        if flags[byte - 1] >> (bit - 1) & 1:
            tx.tvr.set(flag)
    assert bytes(tx.tvr) == flags
    return run(terminal_action_analysis(tx), KernelCard(), Services(bytes)), approve_offline(tx)


@pytest.mark.parametrize(
    "kind", [k for k in TransactionType if k not in (TransactionType.PURCHASE, TransactionType.CASH)]
)
def test_types_that_always_go_online(kind: TransactionType) -> None:
    """KRN-TAA-011: inquiry, load and the like, unless they are denied."""
    config = replace(SMALL, kind=kind)
    codes = ("00" * 5, "0010000000", "00" * 5)
    assert asked_for(bytes(5), codes, config) == (0x80, False)
    assert asked_for(bytes.fromhex("0010000000"), codes, config)[0] == 0x00


# --- GENERATE AC


@pytest.mark.parametrize("answer", ["800A" + "80" + "00" * 9, "802C" + "80" + "00" * 43, "800B80", "80", "", "8000"])
def test_lengths_of_format_1(answer: str) -> None:
    """KRN-GAC-001: 11 to 43 bytes."""
    assert play(KernelCard(answers={"80AE": answer + "9000"})).terminated is Cause.CARD_DATA
    longest = KernelCard(answers={"80AE8000": "802B" + "80" + "00" * 42 + "9000", "80AE": "6985"})
    assert play(longest).terminated is None


FORMAT_2 = {0x9F27: b"\0", 0x9F36: b"\0\7", 0x9F26: bytes(8)}


@pytest.mark.parametrize("missing", [None, 0x9F27, 0x9F36, 0x9F26])
def test_items_of_format_2(missing: int | None) -> None:
    """KRN-GAC-002: 9F27, 9F36 and 9F26."""
    inside = b"".join(ber(tag, value) for tag, value in FORMAT_2.items() if tag != missing)
    played = play(KernelCard(answers={"80AE": (ber(0x77, inside) + OK).hex()}))
    assert played.terminated is (Cause.CARD_DATA if missing else None)


@pytest.mark.parametrize(
    ("request_", "decision", "result"),
    [
        (0x80, 0xC0, Result.TERMINATED),
        (0x80, 0x40, Result.TERMINATED),
        (0x80, 0x00, Result.DECLINED),
        (0x00, 0x80, Result.TERMINATED),
        (0x00, 0x40, Result.TERMINATED),
        (0x40, 0x00, Result.DECLINED),
        (0x40, 0x40, Result.APPROVED),
        (0x40, 0xC0, Result.TERMINATED),
    ],
)
def test_what_the_card_may_decide(request_: int, decision: int, result: Result) -> None:
    """KRN-GAC-003, KRN-GAC-004, KRN-GAC-005, KRN-GAC-010: C0 never, never more than asked; TC and AAC are the end."""
    config = {0x80: with_application(floor_limit=0), 0x00: at_terminal(country=b"\x08\x40"), 0x40: SMALL}[request_]
    card = clean()
    card.card_decision = decision
    played = play(card, config)
    assert played.requests == [request_]
    assert played.outcome.result is result


def test_an_arqc_where_a_tc_was_asked_for() -> None:
    """KRN-GAC-005: online; the second GENERATE AC follows."""
    card = clean()
    card.first_decision = 0x80
    played = play(card, SMALL)
    assert played.requests == [0x40, 0x40]
    assert played.outcome.result is Result.APPROVED
    assert [event for event in played.events if isinstance(event, HostAsked)]


@pytest.mark.parametrize(("cid", "advice"), [(0x00, False), (0x01, False), (0x09, False), (0x08, True), (0x0A, True)])
def test_reasons_of_an_aac(cid: int, advice: bool) -> None:
    """KRN-GAC-006, KRN-GAC-007: "service not allowed" leaves no advice; the advice bit leaves one with its reason."""
    card = clean()
    card.card_decision = cid
    storage = MemoryStorage()
    played = play(card, SMALL, storage=storage)
    kept = storage.recall(Shelf.ADVICES)
    assert [entry.content["reason"] for entry in kept] == ([str(cid & 7)] if advice else [])
    assert (Display("Not accepted") in played.events) == (cid & 7 == 1)
    assert played.outcome.result is Result.DECLINED


@pytest.mark.parametrize("sw", ["6985", "6700", "6283", "6F00"])
def test_a_refused_cryptogram(sw: str) -> None:
    """KRN-GAC-008: the transaction ends."""
    assert play(KernelCard(answers={"80AE": sw})).terminated is Cause.CARD_STATUS


def test_card_risk_management_in_the_tsi() -> None:
    """KRN-GAC-009: CDOL2 with 9B02 shows b6 in the second GENERATE AC."""
    card = KernelCard().edit({0x8D: "9B02" + "8A02"}, (3, 2))
    card.answers = {"80AE40": "801380000700000000000000000701010360000201" + "9000"}
    sent = play(card).commands(0xAE)[1]
    assert int(sent[10:12], 16) & 0x20


@pytest.mark.parametrize(("default", "second", "arc"), [("0080000000", 0x00, "Z3"), ("0000000000", 0x40, "Y3")])
def test_an_offline_terminal_and_an_arqc(default: str, second: int, arc: str) -> None:
    """KRN-GAC-011: the second GENERATE AC at once, by the default codes, without a word to the host."""
    tx = Transaction(at_terminal(NO_TAC, terminal_type=b"\x23"))
    row = NO_TAC.terminal.applications[0]
    data = {0x9F0D: bytes.fromhex(default), 0x8D: bytes.fromhex("8A02")}
    tx.start_application(Application(AID, "", row, data=data))
    tx.tvr.set(Tvr.VERSIONS_DIFFER)
    card = KernelCard()
    card.answers = {"80AE": f"8013{second:02X}0007" + "00" * 8 + "0701010360000201" + "9000"}
    card.power_on()
    told: list[Event] = []
    services = Services(bytes, host=APPROVES)
    approved = run(go_online(tx, Cryptogram(0x80, 7, bytes(8), b"")), card, services, told.append)
    assert approved == (second == 0x40)
    assert [command[:3].hex().upper() for command in card.log] == [f"80AE{second:02X}"]
    assert card.log[0][5:7] == arc.encode()
    assert not [event for event in told if isinstance(event, HostAsked)]


# --- TVR and TSI


def bad_certificate(aip: str) -> KernelCard:
    card = KernelCard(aip=bytes.fromhex(aip)).edit({0x8E: NO_CVM})
    card.records[2, 1][0x90] = bytes(128)
    return card


def velocity(atc: int, last: int) -> KernelCard:
    card = clean().edit({0x9F14: "02", 0x9F23: "05"})
    card.answers = {"80CA9F36": f"9F3602{atc:04X}9000", "80CA9F13": f"9F1302{last:04X}9000"}
    return card


def cvm(rules: str, **answers: str) -> KernelCard:
    card = KernelCard().edit({0x8E: "00" * 8 + rules, 0x9F0E: "00" * 5})
    card.answers = {name[1:]: answer for name, answer in answers.items()}
    return card


def listed() -> MemoryStorage:
    storage = MemoryStorage()
    storage.keep(Shelf.EXCEPTIONS, "6214672500000000056", {})
    return storage


STIMULI: dict[tuple[int, int], tuple[KernelCard, FinancialConfig, Holder | None, MemoryStorage | None]] = {
    (1, 8): (KernelCard(aip=bytes.fromhex("1C00")).edit({0x8E: NO_CVM}), SMALL, None, None),
    (1, 7): (bad_certificate("5C00"), SMALL, None, None),
    (1, 6): (clean().edit({0x5F28: None}), SMALL, None, None),
    (1, 5): (clean(), SMALL, None, listed()),
    (1, 4): (bad_certificate("7C00"), SMALL, None, None),
    (1, 3): (bad_certificate("7D00"), SMALL, None, None),
    (2, 8): (clean().edit({0x9F08: "0030"}, (3, 2)), SMALL, None, None),
    (2, 7): (clean().edit({0x5F24: "240131"}), SMALL, None, None),
    (2, 6): (clean().edit({0x5F25: "300101"}), SMALL, None, None),
    (2, 5): (clean().edit({0x9F07: "0000"}), SMALL, None, None),
    (2, 4): (velocity(2, 0), SMALL, None, None),
    (3, 8): (cvm("0000"), SMALL, None, None),
    (3, 7): (cvm("55001F00"), SMALL, None, None),
    (3, 6): (cvm("41001F00", T0020="6983"), SMALL, Holder([PIN]), None),
    (3, 5): (cvm("44001F00"), SMALL, None, None),
    (3, 4): (cvm("41001F00"), SMALL, Holder(), None),
    (3, 3): (cvm("0200"), SMALL, Holder([PIN]), None),
    (4, 8): (clean(), with_application(floor_limit=0), None, None),
    (4, 7): (velocity(10, 7), SMALL, None, None),
    (4, 5): (clean(), with_application(SMALL, random_percent=99), None, None),
    (4, 4): (clean(), replace(SMALL, force_online=True), None, None),
}
"""For each bit of the kernel what sets it and no other. 4.b6 comes with 4.b7; 5.b7 to b5 belong to the host."""


@pytest.mark.parametrize("flag", STIMULI, ids=lambda flag: f"byte {flag[0]} bit {flag[1]}")
def test_every_bit_has_its_cause(flag: tuple[int, int]) -> None:
    """KRN-TVR-001: one stimulus, one bit."""
    card, config, holder, storage = STIMULI[flag]
    expected = bytearray(5)
    expected[flag[0] - 1] = 1 << (flag[1] - 1)
    first = play(card, config, holder, storage=storage).commands(0xAE)[0]
    assert first[38:48] == bytes(expected).hex().upper()


def test_the_upper_limit_comes_with_the_lower_one() -> None:
    """KRN-TVR-001: 4.b6, and issuer authentication (5.b7)."""
    assert play(velocity(10, 1), SMALL).outcome.tvr.hex() == "0000006000"
    refusing = KernelCard(answers={"0082": "6300"}).edit({0x8E: NO_CVM})
    assert play(refusing, with_application(floor_limit=0)).outcome.tvr.hex() == "0000008040"


def test_observed_values() -> None:
    """KRN-TVR-004: 088004E000, 0000008000 and 0000008040 of the field, in words."""
    assert flag_names(TVR, bytes.fromhex("088004E000")) == [
        "dynamic data authentication failed",
        "application versions differ",
        "online PIN entered",
        "floor limit reached",
        "lower offline limit exceeded",
        "upper offline limit exceeded",
    ]
    assert flag_names(TVR, bytes.fromhex("0000008000")) == ["floor limit reached"]
    assert flag_names(TVR, bytes.fromhex("0000008040")) == ["floor limit reached", "issuer authentication failed"]


def test_both_tvrs_are_kept() -> None:
    """KRN-TVR-005: that of the ARQC and that of the end, each with its cryptogram and in its message."""
    played = play(KernelCard(answers={"0082": "6300"}))
    assert [cryptogram.tvr.hex() for cryptogram in played.outcome.cryptograms] == ["0000048000", "0000048040"]
    sent = [find(event.message.chip_data, 0x95) for event in played.events if isinstance(event, HostAsked)]
    assert sent[0] == bytes.fromhex("0000048000")
    assert bytes.fromhex("0000048040") in sent[1:]


def test_functions_in_the_tsi() -> None:
    """Each function of the kernel sets its bit of the TSI; the full online transaction has F8 without scripts."""
    assert play(KernelCard()).outcome.tsi == b"\xf8\0"
    assert {flag.value[1] for flag in Tsi} == {8, 7, 6, 5, 4, 3}
    bare = KernelCard(aip=bytes.fromhex("0000"))
    assert play(bare, SMALL).outcome.tsi == b"\x28\0"
