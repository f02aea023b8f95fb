"""Start of the application, its records, and data object lists."""

from dataclasses import replace

import pytest

from cardsim.iso7816.tlv import TlvError, ber
from terminal.driver import Services, run
from terminal.effects import Flow, power_on
from terminal.flows.financial.choice import choose_application
from terminal.flows.financial.flow import Result
from terminal.flows.financial.reading import read_application_data
from terminal.flows.financial.transaction import Application, FinancialConfig, Transaction
from terminal.messages.bank import TransactionType
from terminal.outcome import Cause
from terminal.parameters import TerminalParameters
from terminal.terminals import ATM
from tests.terminal.fakes import AFL, AID, CDOL1, PAN, template
from tests.terminal.helpers import FINANCIAL
from tests.terminal.kernel.stage import CREDIT, OK, KernelCard, entry, fci, play, record, with_application

CASH_TERMINAL = with_application(ec_limit=1000)


def gpo(config: FinancialConfig, card: KernelCard | None = None) -> str:
    return play(card or KernelCard(), config).commands(0xA8)[0]


def test_without_pdol() -> None:
    """KRN-INI-002: 8300."""
    card = KernelCard(applications={AID: fci(pdol=b"") + OK}, t0=False)
    assert gpo(FINANCIAL, card) == "80A80000028300"


def test_pdol_of_electronic_cash() -> None:
    """KRN-INI-003, KRN-INI-005: 8309, indicator, amount and currency; the amount is known before."""
    assert gpo(replace(CASH_TERMINAL, amount=100)) == "80A800000B8309010000000001000156"


@pytest.mark.parametrize("kind", [kind for kind in TransactionType if kind is not TransactionType.PURCHASE])
def test_other_types_do_not_ask_for_cash(kind: TransactionType) -> None:
    """KRN-INI-004, KRN-EC-004: 9F7A is 00 for every type but the purchase."""
    assert gpo(replace(CASH_TERMINAL, kind=kind, amount=100))[14:16] == "00"


def test_a_purchase_with_cashback_does_not_ask_for_cash() -> None:
    """KRN-EC-004: cashback."""
    assert gpo(replace(CASH_TERMINAL, amount=100, cashback=50))[14:16] == "00"


def test_without_the_indicator_in_the_pdol() -> None:
    """KRN-INI-012: the request is void; what the card says about it later is not taken for an agreement."""
    card = KernelCard(applications={AID: fci(pdol=bytes.fromhex("9F02065F2A02")) + OK})
    card.edit({0x9F74: "454343303031"})
    played = play(card, replace(CASH_TERMINAL, amount=100))
    assert played.commands(0xA8)[0] == "80A800000A83080000000001000156"
    assert not [text for text in played.commands(0xCA) if text[4:8] == "9F79"]
    assert played.outcome.tvr[3] & 0x80, "floor limit: an ordinary purchase"


def test_an_atm_starts_with_amount_zero() -> None:
    """KRN-ATM-006: zeros in GET PROCESSING OPTIONS, the amount in CDOL1."""
    played = play(KernelCard(), replace(FINANCIAL, terminal=ATM, kind=TransactionType.CASH, amount=5000))
    assert played.commands(0xA8)[0] == "80A800000B8309000000000000000156"
    assert played.commands(0xAE)[0][10:22] == "000000005000"


@pytest.mark.parametrize("sw", ["6700", "6A80", "6F00", "6A81", "6283"])
def test_another_error_ends_the_transaction(sw: str) -> None:
    """KRN-INI-007: no reselection."""
    card = KernelCard(answers={"80A8": sw}, applications={AID: fci() + OK, CREDIT: fci(CREDIT) + OK})
    card.directory = (record(entry(AID.hex(), "01"), entry(CREDIT.hex(), "02")),)
    played = play(card)
    assert played.terminated is Cause.CARD_STATUS
    assert played.selected == [AID.hex().upper()]


def test_a_dropped_application_leaves_nothing_behind() -> None:
    """KRN-INI-006, KRN-INI-011, KRN-INI-001: 6985; the next one has none of its tags, TVR and TSI begin at zero."""
    marked = fci(inside=ber(0x5F2D, b"zh")) + OK
    card = KernelCard(applications={AID: marked, CREDIT: fci(CREDIT) + OK})
    card.directory = (record(entry(AID.hex(), "01"), entry(CREDIT.hex(), "02")),)
    starts: list[bytes] = []

    def first_refuses(command: bytes) -> bytes | None:
        if command[1] == 0xA8:
            starts.append(command)
            return b"\x69\x85" if len(starts) == 1 else None
        return None

    card.override = first_refuses
    played = play(card)
    assert len(starts) == 2
    assert played.outcome.aid == CREDIT
    assert all(item.tag != 0x5F2D for item in played.outcome.items)


def test_tvr_and_tsi_begin_at_zero_again() -> None:
    """KRN-INI-001, KRN-ERR-012: after a run that set bits and one that was cut short, the next begins clean."""
    expired = KernelCard().edit({0x5F24: "251231"})
    assert play(expired).outcome.tvr[1] & 0x40
    assert play(KernelCard(answers={"80A8": "6F00"})).outcome.tvr == bytes(5)
    fresh = play(KernelCard()).outcome
    assert fresh.tvr == play(KernelCard()).outcome.tvr
    assert not fresh.tvr[1]


@pytest.mark.parametrize("step", range(2, 14))
def test_nothing_leaks_out_of_a_run_that_was_cut_short(step: int) -> None:
    """KRN-ERR-012: aborted at each command; the next transaction sends what it would have sent anyway."""
    usual = play(KernelCard()).sent

    def breaks(command: bytes) -> bytes | None:
        return b"\x6f\x00" if len(card.log) == step else None

    card = KernelCard(override=breaks)
    play(card)
    card.override = None
    card.log.clear()
    card.atc = 6
    assert play(card).sent == usual


@pytest.mark.parametrize("answer", ["80067C00080101009000", "770A82027C009404080101009000"])
def test_both_formats(answer: str) -> None:
    """KRN-INI-008: the same AIP and AFL."""
    card = KernelCard(answers={"80A8": answer})
    assert play(card).sent[-1] == "00B2010C00"
    assert play(card).outcome.failure is not None


@pytest.mark.parametrize(
    "answer",
    ["80027C00", "80057C00080101", "770482027C00", "70067C0008010100", "800F7C0008010100", "", "9000"],
)
def test_a_malformed_start_ends_the_transaction(answer: str) -> None:
    """KRN-INI-009, KRN-INI-010: AIP or AFL missing or of a wrong length, unknown template, broken TLV."""
    assert play(KernelCard(answers={"80A8": answer + "9000"})).terminated is Cause.CARD_DATA


# --- records


def test_records_are_read_in_the_order_of_the_afl() -> None:
    """KRN-REC-001: entry by entry; the same file may come twice."""
    card = KernelCard(afl=bytes.fromhex("080102001001050018010100180202000801010008020200")[:20])
    wanted = ["00B2010C00", "00B2020C00", *(f"00B20{n}1400" for n in range(1, 6)), "00B2011C00", "00B2021C00"]
    assert play(card).commands(0xB2)[2 : 2 + len(wanted)] == wanted


@pytest.mark.parametrize("afl", ["00010100", "F8010100", "08000100", "08020100", "08010103"])
def test_wrong_entries_of_the_afl(afl: str) -> None:
    """KRN-REC-002, KRN-REC-003: SFI 0 and 31; first record 0, last below first, too many for authentication."""
    played = play(KernelCard(afl=bytes.fromhex(afl)))
    assert played.terminated is Cause.CARD_DATA
    assert len(played.commands(0xB2)) == 2, "the directory alone"


@pytest.mark.parametrize("sw", ["6A83", "6A82", "6283", "6985", "6F00"])
def test_a_record_that_cannot_be_read(sw: str) -> None:
    """KRN-REC-004: the transaction ends."""
    assert play(KernelCard(answers={"00B20114": sw})).terminated is Cause.CARD_STATUS


GOOD = template({0x5F20: b"A"})


@pytest.mark.parametrize(
    "bad", [b"\x71" + GOOD[1:], GOOD * 2, GOOD + b"\0", GOOD + b"\x5a", b"", b"\x70\x05\x5f\x20\x09"]
)
def test_records_that_are_not_one_template(bad: bytes) -> None:
    """KRN-REC-005, KRN-REC-006: another tag, two templates, trailing bytes, broken TLV."""
    assert play(KernelCard(answers={"00B20214": (bad + OK).hex()})).terminated is Cause.CARD_DATA


def test_an_item_that_is_there_twice() -> None:
    """KRN-REC-007: the transaction ends."""
    assert play(KernelCard().edit({0x5F24: "340131"}, (3, 2))).terminated is Cause.CARD_DATA


def test_unknown_items_do_not_matter() -> None:
    """KRN-REC-008: 9F7F and DF51 of the card are not used."""
    assert play(KernelCard().edit({0x9F7F: "01", 0xDF51: "02"}, (1, 2))).outcome.result is Result.APPROVED


def test_empty_items_are_not_there() -> None:
    """KRN-REC-009: 9F4800 and 9200."""
    card = KernelCard().edit({0x9F63: "", 0x9F1F: ""}, (1, 2))
    played = play(card)
    assert played.outcome.result is Result.APPROVED
    assert not {0x9F63, 0x9F1F} & {item.tag for item in played.outcome.items}


def test_a_record_for_authentication_that_is_no_template() -> None:
    """KRN-REC-011: SFI 12 without 70, counted: authentication fails, reading does not."""
    card = KernelCard(afl=AFL + bytes.fromhex("60010101"), answers={"00B20164": "9F7F0101" + "9000"})
    played = play(card)
    assert played.terminated is None
    assert played.outcome.tvr[0] == 0x08
    card = KernelCard(afl=AFL + bytes.fromhex("60010100"), answers={"00B20164": "9F7F0101" + "9000"})
    assert not play(card).outcome.tvr[0], "not counted: no part of it"


def static_data(card: KernelCard) -> bytes:
    """What the kernel collected for a card whose reading ends well."""

    def flow() -> Flow[bytes]:
        tx = Transaction(FINANCIAL)
        yield from power_on()
        yield from choose_application(tx)
        yield from read_application_data(tx)
        return tx.app.static_data

    return run(flow(), card, Services(bytes))


def test_what_authentication_covers() -> None:
    """KRN-REC-010: of files 1 to 10 the value of the template, of 11 to 30 the whole record, in reading order."""
    whole = template({0xDF51: b"\x01\x02"})
    card = KernelCard(afl=bytes.fromhex("60010101") + AFL, answers={"00B20164": (whole + OK).hex()})
    assert static_data(card) == whole + template(card.records[3, 1])[2:]


@pytest.mark.parametrize("tag", [0x5F24, 0x5A, 0x8C, 0x8D])
def test_mandatory_items(tag: int) -> None:
    """KRN-REC-012: without one of them the transaction ends."""
    card = KernelCard().edit({tag: None}, (3, 1) if tag in (0x5F24, 0x5A) else (3, 2))
    assert play(card).terminated is Cause.CARD_DATA


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        (0x5F24, "3401"),
        (0x5F24, "341301"),
        (0x5F24, "340230"),
        (0x5A, "62146725000000000A6F"),
        (0x9F07, "AB"),
        (0x9F42, "01"),
    ],
)
def test_items_of_a_wrong_form(tag: int, value: str) -> None:
    """KRN-REC-013: a date of two bytes, of month 13, of 30 February, a PAN with a letter, decisive items cut short."""
    assert play(KernelCard().edit({tag: value})).terminated is Cause.CARD_DATA


def test_two_card_numbers() -> None:
    """KRN-REC-014: 57 and 5A differ."""
    assert play(KernelCard().edit({0x57: "6214672500000000999D3401"}, (1, 1))).terminated is Cause.CARD_DATA


@pytest.mark.parametrize(
    ("aip", "tag", "place"),
    [
        ("7C00", 0x8E, (3, 1)),
        ("7C00", 0x5F28, (3, 1)),
        ("7C00", 0x93, (2, 3)),
        ("7D00", 0x9F46, (2, 4)),
    ],
)
def test_conditional_items(aip: str, tag: int, place: tuple[int, int]) -> None:
    """KRN-REC-015: a CVM list, a country beside the usage control, certificates: TVR byte 1 bit 6."""
    card = KernelCard(aip=bytes.fromhex(aip))
    del card.records[place][tag]
    assert play(card).outcome.tvr[0] & 0x20
    assert not play(KernelCard(aip=bytes.fromhex(aip))).outcome.tvr[0] & 0x20


def test_items_of_no_consequence_are_dropped() -> None:
    """KRN-REC-016: a name of 27 bytes, a log entry of three bytes in the FCI."""
    card = KernelCard(applications={AID: fci(inside=ber(0xBF0C, ber(0x9F4D, b"\x0b\x0a\x00"))) + OK})
    played = play(card.edit({0x5F20: "41" * 27}, (1, 2)))
    assert played.outcome.result is Result.APPROVED
    assert not {0x5F20, 0x9F4D} & {item.tag for item in played.outcome.items}


# --- data object lists


def filled(dol: str, terminal: TerminalParameters = FINANCIAL.terminal, *, amount: int = 1234) -> str:
    tx = Transaction(replace(FINANCIAL, terminal=terminal, amount=amount))
    tx.start_application(Application(AID, "", terminal.applications[0], data={0x5A: bytes.fromhex(PAN + "F")}))
    tx.amount_known = True
    return tx.fill(bytes.fromhex(dol)).hex().upper()


def test_values_in_the_order_of_the_list() -> None:
    """KRN-DOL-001: 52 bytes of CDOL1, without tags and lengths."""
    values = filled(CDOL1.hex())
    assert len(values) == 104
    assert values.startswith("0000000012340000000000000156000000000001562611210000000000120000")


@pytest.mark.parametrize(
    ("dol", "values"),
    [
        ("9F7F02", "0000"),
        ("7004", "00000000"),
        ("9F0203", "001234"),
        ("9F1E04", b"CARD".hex().upper()),
        ("5A04", PAN[:8]),
        ("9F4E05", "社保".encode("gbk").hex().upper() + "B7"),
        ("9F1A01", "56"),
        ("5F2A03", "000156"),
        ("5A0B", PAN + "FFF"),
        ("9F4E16", "社保服务大厅".encode("gbk").ljust(20).hex().upper() + "0000"),
        ("9F2103", "120000"),
    ],
)
def test_values_are_fitted(dol: str, values: str) -> None:
    """KRN-DOL-002, KRN-DOL-003, KRN-DOL-005, KRN-DOL-006, KRN-DOL-007: unknown, constructed, too long, too short."""
    assert filled(dol) == values


def test_the_merchants_name() -> None:
    """KRN-DOL-004, KRN-DOL-008: 20 bytes of GBK filled with blanks, no half character; zeros where there is none."""
    assert filled("9F4E14", replace(FINANCIAL.terminal, merchant_name="")) == "00" * 20
    assert (
        filled("9F4E14", replace(FINANCIAL.terminal, merchant_name="PHARMACY")) == b"PHARMACY".ljust(20).hex().upper()
    )
    long = filled("9F4E14", replace(FINANCIAL.terminal, merchant_name="A" + "社" * 12))
    assert bytes.fromhex(long).decode("gbk") == "A" + "社" * 9 + " "


def test_the_unpredictable_number_is_fresh() -> None:
    """KRN-DOL-009: DDA and both cryptograms have numbers of their own, and so has another run."""
    numbers = []
    for seed in (1, 2):
        card = KernelCard()
        played = play(card, seed=seed)
        first, second = played.commands(0xAE)
        numbers += [played.commands(0x88)[0][10:18], first[60:68], second[64:72]]
    assert len(set(numbers)) == 6


def test_broken_lists() -> None:
    """KRN-DOL-010: a broken PDOL drops the application, a broken CDOL ends the transaction."""
    card = KernelCard(applications={AID: fci(pdol=b"\x9f\x02") + OK, CREDIT: fci(CREDIT) + OK})
    card.directory = (record(entry(AID.hex(), "01"), entry(CREDIT.hex(), "02")),)
    assert play(card).outcome.aid == CREDIT
    played = play(KernelCard().edit({0x8C: "9F02"}, (3, 2)))
    assert played.terminated is Cause.CARD_DATA
    assert not played.requests
    with pytest.raises(TlvError):
        filled("9F")


@pytest.mark.parametrize("ddol", ["9F0206", "9F37", "9F7F81FF9F3704"])
def test_a_ddol_that_cannot_be_used(ddol: str) -> None:
    """KRN-DOL-011, KRN-ERR-011: without 9F37, broken, or more than a command holds: DDA fails, nothing is sent."""
    played = play(KernelCard().edit({0x9F49: ddol}, (2, 5)))
    assert played.outcome.tvr[0] == 0x08
    assert not played.commands(0x88)


@pytest.mark.parametrize("tag", [0x8C, 0x8D])
def test_a_list_of_260_bytes(tag: int) -> None:
    """KRN-ERR-011: no command has more than 255 bytes; the transaction ends as a data error (the second: declined)."""
    played = play(KernelCard().edit({tag: "9F7F8182" * 2}, (3, 2)))
    assert len(played.requests) == (0 if tag == 0x8C else 1)
    assert played.outcome.result is (Result.TERMINATED if tag == 0x8C else Result.DECLINED)
    card = KernelCard(applications={AID: fci(pdol=bytes.fromhex("9F7F8182" * 2)) + OK})
    assert play(card).terminated is Cause.CARD_DATA
    assert all(len(text) <= 2 * (5 + 255 + 1) for text in played.sent)
