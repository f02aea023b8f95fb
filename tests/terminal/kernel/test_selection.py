"""Application selection and choice."""

from dataclasses import replace

import pytest

from cardsim.decode.commands import PSE_NAME
from cardsim.iso7816.tlv import ber
from terminal.effects import Display
from terminal.flows.financial.flow import Result
from terminal.outcome import Cause
from terminal.parameters import ApplicationParameters
from terminal.terminals import ATM
from tests.terminal.fakes import AID, FakeCard
from tests.terminal.helpers import FINANCIAL, at_terminal
from tests.terminal.kernel.stage import (
    CREDIT,
    OK,
    QUASI,
    SELECT_PSE,
    Holder,
    KernelCard,
    entry,
    fci,
    play,
    record,
    with_application,
)

FIRST_OF_LIST = AID.hex().upper()
DEBIT = AID.hex()


def uses_list(card: KernelCard) -> bool:
    """Whether the AID of a directory was dropped and the first AID of the terminal's list is selected next.

    The directory of these cards names the credit application alone, which the list has in second place.
    """
    return play(card).selected[0] == FIRST_OF_LIST


CREDIT_ALONE = (record(entry(CREDIT.hex(), "01")),)


def test_the_environment_comes_first() -> None:
    """KRN-SEL-001, KRN-SEL-007, KRN-SEL-023, KRN-SEL-028: PSE, records until 6A83, then the full name, no question."""
    holder = Holder(["123456"])
    card = KernelCard(directory=(record(entry(DEBIT, "01")), record(entry("A000000004", "01"))), t0=True)
    played = play(card, holder=holder)
    assert played.sent[0] == SELECT_PSE
    directory = [text for text in played.commands(0xB2) if text.endswith("0C00")]
    assert list(dict.fromkeys(directory)) == ["00B2010C00", "00B2020C00", "00B2030C00"]
    assert played.sent[played.sent.index("00B2030C00") + 1] == f"00A4040008{FIRST_OF_LIST}"
    assert not holder.asked


def test_a_blocked_card_ends_the_session() -> None:
    """KRN-SEL-002: 6A81 to SELECT PSE; nothing further is selected."""
    played = play(KernelCard(pse=b"\x6a\x81"))
    assert played.terminated is Cause.BLOCKED
    assert played.sent == [SELECT_PSE]


@pytest.mark.parametrize("sw", ["6A82", "6283", "6D00", "6F00", "6985"])
def test_another_status_leads_to_the_list(sw: str) -> None:
    """KRN-SEL-003, KRN-SEL-004, KRN-SEL-005: no PSE, a blocked one, and whatever else a card says."""
    assert uses_list(KernelCard(pse=bytes.fromhex(sw), directory=CREDIT_ALONE))


@pytest.mark.parametrize(
    "answer",
    [
        ber(0x6F, ber(0x84, PSE_NAME) + ber(0xA5, b"")),
        ber(0x6F, ber(0x84, PSE_NAME[:-1] + b"2") + ber(0xA5, ber(0x88, b"\x01"))),
        b"\x6f\x7f" + ber(0x84, PSE_NAME) + ber(0xA5, ber(0x88, b"\x01")),
        ber(0x6F, ber(0x84, PSE_NAME) + ber(0xA5, ber(0x88, b"\x00"))),
        ber(0x6F, ber(0x84, PSE_NAME) + ber(0xA5, ber(0x88, b"\x0b"))),
        ber(0x6F, ber(0x84, PSE_NAME) + ber(0xA5, ber(0x88, b"\x01\x01"))),
        b"",
    ],
)
def test_a_malformed_fci_of_the_environment_leads_to_the_list(answer: bytes) -> None:
    """KRN-SEL-006: no 88, another name, a wrong length, SFI 0 and 11."""
    assert uses_list(KernelCard(pse=answer + OK, directory=CREDIT_ALONE))


def test_a_directory_that_breaks_off_is_not_used() -> None:
    """KRN-SEL-008: record 2 answers 6985; the candidate of record 1 is forgotten."""
    card = KernelCard(directory=CREDIT_ALONE, answers={"00B2020C": "6985"})
    assert uses_list(card)


@pytest.mark.parametrize("bad", [b"\x71\x00", b"\x70\x05\x61\x09", b"\x70\x03\x61\x01\x4f"])
def test_broken_directory_records_lead_to_the_list(bad: bytes) -> None:
    """KRN-SEL-009: no template 70, broken TLV."""
    assert uses_list(KernelCard(directory=(*CREDIT_ALONE, bad)))


def test_an_entry_without_aid_is_passed_over() -> None:
    """KRN-SEL-009, KRN-SEL-010: of three entries in one record two are candidates."""
    entries = record(entry("", "01", "NOTHING"), entry(CREDIT.hex(), "02"), entry(DEBIT, "01"))
    holder = Holder()
    play(KernelCard(directory=(entries,)), holder=holder)
    assert holder.asked[0].options == (FIRST_OF_LIST, CREDIT.hex().upper())


def nested(name: bytes = b"PBOC.DDF01") -> KernelCard:
    """A directory that names a DDF, whose own directory has the debit application."""
    top = record(ber(0x61, ber(0x9D, name)), entry(CREDIT.hex(), "02"))
    below = ber(0x6F, ber(0x84, name) + ber(0xA5, ber(0x88, b"\x02"))) + OK
    card = KernelCard(directory=(top,), applications={AID: fci() + OK, name: below})
    inner = record(entry(DEBIT, "01"))
    card.answers = {"00B20114": (inner + OK).hex(), "00B20214": "6A83"}
    return card


def test_ddf_entries_are_ignored_or_followed() -> None:
    """KRN-SEL-011: kernel 3.0 ignores 9D, and the ADF entry alone is a candidate; kernel 2.0 is a switch (D28)."""
    ignoring = play(nested())
    assert ignoring.selected[0] == CREDIT.hex().upper()
    assert b"PBOC.DDF01".hex().upper() not in ignoring.selected
    following = play(nested(), at_terminal(follows_ddf_entries=True))
    assert following.selected[:2] == [b"PBOC.DDF01".hex().upper(), FIRST_OF_LIST]


def test_ddfs_that_name_each_other_end() -> None:
    """KRN-SEL-011: a DDF that is named again is not read again, and one that cannot be selected is passed over."""
    card = nested()
    card.answers["00B20114"] = (record(ber(0x61, ber(0x9D, b"PBOC.DDF01"))) + OK).hex()
    played = play(card, at_terminal(follows_ddf_entries=True))
    assert played.selected.count(b"PBOC.DDF01".hex().upper()) == 1
    assert "00B2011400" in played.sent


@pytest.mark.parametrize(("partial", "expected"), [(True, "A00000033301010199"), (False, FIRST_OF_LIST)])
def test_partial_names(partial: bool, expected: str) -> None:
    """KRN-SEL-012: a longer AID of the card is a candidate under ASI 00, not under ASI 01."""
    card = KernelCard(directory=(record(entry("A00000033301010199", "01")),))
    assert play(card, with_application(partial=partial)).selected[0] == expected


@pytest.mark.parametrize("aid", ["A0000003330101", "A0000000041010"])
def test_names_that_match_nothing_lead_to_the_list(aid: str) -> None:
    """KRN-SEL-013, KRN-SEL-014: a shorter AID never matches; foreign AIDs alone lead to the list."""
    assert uses_list(KernelCard(directory=(record(entry(aid, "01")),)))


def test_the_list_selects_each_aid_once() -> None:
    """KRN-SEL-015, KRN-SEL-017, KRN-SEL-022: P2=00 for each AID; errors go on; none: "not accepted"."""
    card = KernelCard(pse=b"\x6a\x82", applications={})
    played = play(card)
    assert [text[:8] for text in played.commands(0xA4)] == ["00A40400"] * 5
    assert played.selected == [row.aid.hex().upper() for row in FINANCIAL.terminal.applications]
    assert played.terminated is Cause.NOT_ACCEPTED
    card = KernelCard(pse=b"\x6a\x82", applications={CREDIT: fci(CREDIT) + OK})
    played = play(card)
    assert played.outcome.aid == CREDIT
    card = KernelCard(pse=b"\x6a\x82", answers={f"00A4040008{DEBIT}": "6F00"}, applications={CREDIT: fci(CREDIT) + OK})
    assert play(card).outcome.aid == CREDIT


def test_the_list_ends_with_a_blocked_card() -> None:
    """KRN-SEL-016: 6A81 to the first AID."""
    played = play(KernelCard(pse=b"\x6a\x82", answers={f"00A4040008{DEBIT}": "6A81"}))
    assert played.terminated is Cause.BLOCKED
    assert len(played.selected) == 1


def test_a_blocked_aid_is_no_candidate() -> None:
    """KRN-SEL-018: 6283 is left out and the others are tried; a bank's counter takes it (D37)."""
    card = KernelCard(pse=b"\x6a\x82", applications={AID: fci() + b"\x62\x83", CREDIT: fci(CREDIT) + OK})
    played = play(card)
    assert played.outcome.aid == CREDIT
    counter = KernelCard(pse=b"\x6a\x82", applications={AID: fci() + b"\x62\x83"})
    assert play(counter, at_terminal(serves_blocked=True)).outcome.aid == AID


def test_occurrences_below_a_partial_name() -> None:
    """KRN-SEL-019: P2=02 until an error; a blocked occurrence does not stop it."""
    names = [AID + bytes((last,)) for last in (1, 2, 3)]
    card = KernelCard(pse=b"\x6a\x82", applications={name: fci(name) + OK for name in names})
    card.applications = {**card.applications, names[1]: fci(names[1]) + b"\x62\x83"}
    holder = Holder()
    played = play(card, holder=holder)
    assert [text[4:8] for text in played.commands(0xA4)[1:5]] == ["0400", "0402", "0402", "0402"]
    assert holder.asked[0].options == ("PBOC DEBIT", "PBOC DEBIT")


def test_a_longer_name_under_asi_01() -> None:
    """KRN-SEL-020: no candidate, and no next occurrence is asked for."""
    card = KernelCard(pse=b"\x6a\x82", applications={AID + b"\x01": fci(AID + b"\x01") + OK})
    played = play(card, with_application(partial=False))
    assert played.terminated is Cause.NOT_ACCEPTED
    assert all(text[6:8] == "00" for text in played.commands(0xA4))


def test_duplicates_are_kept_once() -> None:
    """KRN-SEL-021: two AIDs of the terminal that match one ADF."""
    rows = (ApplicationParameters(AID[:7]), ApplicationParameters(AID))
    card = KernelCard(pse=b"\x6a\x82")
    holder = Holder(["123456"])
    played = play(card, at_terminal(applications=rows), holder)
    assert not holder.asked, "one candidate is no choice"
    assert played.outcome.aid == AID


@pytest.mark.parametrize(
    ("answers", "result"), [([0], Result.APPROVED), ([1], Result.TERMINATED), ([], Result.TERMINATED)]
)
def test_a_single_application_that_wants_to_be_confirmed(answers: list[int | None], result: Result) -> None:
    """KRN-SEL-024: a question at a POS with keys; who says no, or says nothing, gets no transaction."""
    holder = Holder(["123456"], answers)
    played = play(KernelCard(directory=(record(entry(DEBIT, "81", "PBOC DEBIT")),)), holder=holder)
    assert [asked.prompt for asked in holder.asked] == ["Use PBOC DEBIT?"]
    assert played.outcome.result is result


def test_an_atm_without_confirmation() -> None:
    """KRN-SEL-024: no question where there is no means to answer it."""
    holder = Holder(["123456"], [0])
    terminal = replace(ATM, offers_choice=False)
    played = play(KernelCard(directory=(record(entry(DEBIT, "81")),)), replace(FINANCIAL, terminal=terminal), holder)
    assert not holder.asked
    assert played.terminated is Cause.NOT_ACCEPTED


THREE = (record(entry(CREDIT.hex(), "02", "TWO"), entry(QUASI.hex(), "", "NONE"), entry(DEBIT, "01", "ONE")),)


def test_the_choice_is_in_the_order_of_priority() -> None:
    """KRN-SEL-025: 01, 02, then none; what the holder chooses is selected."""
    holder = Holder(["123456"], [2])
    played = play(KernelCard(directory=THREE), holder=holder)
    assert holder.asked[0].options == ("ONE", "TWO", "NONE")
    assert played.selected[0] == QUASI.hex().upper()


def test_without_choice_the_first_that_needs_no_confirmation() -> None:
    """KRN-SEL-026: priorities 81 and 02; the second is taken. Nobody answering is the same as no means."""
    card = KernelCard(directory=(record(entry(CREDIT.hex(), "81"), entry(DEBIT, "02")),))
    holder = Holder(["123456"])
    assert play(card, at_terminal(offers_choice=False), holder).selected == [FIRST_OF_LIST]
    assert not holder.asked
    card = KernelCard(directory=(record(entry(CREDIT.hex(), "81"), entry(DEBIT, "02")),))
    assert play(card).selected == [FIRST_OF_LIST]


GBK_NAME = "D5D0D0D0D2BBBFA8CDA8"


@pytest.mark.parametrize(
    ("more", "shown"),
    [
        ({"T9F12": "4D59204E414D45", "T9F11": "01"}, "MY NAME"),
        ({"T9F12": GBK_NAME, "T9F11": "01"}, "LABEL"),
        ({"T9F12": "4D59204E414D45", "T9F11": "07"}, "LABEL"),
        ({"T9F12": "4D59204E414D45"}, "LABEL"),
        ({"T9F12": "", "T9F11": "01"}, "LABEL"),
    ],
)
def test_what_the_choice_shows(more: dict[str, str], shown: str) -> None:
    """KRN-SEL-027: 9F12 where the terminal has its table 9F11, else 50, else the AID; table 01 has no GBK."""
    holder = Holder()
    directory = (record(entry(DEBIT, "01", "LABEL", **more), entry(CREDIT.hex(), "02")),)
    play(KernelCard(directory=directory), holder=holder)
    assert holder.asked[0].options == (shown, CREDIT.hex().upper())


@pytest.mark.parametrize(
    "answer",
    [
        fci() + b"\x62\x83",
        b"\x6a\x82",
        ber(0x6F, ber(0xA5, ber(0x50, b"X"))) + OK,
        ber(0x6F, ber(0x84, AID) + ber(0xA5, b"") * 2) + OK,
        fci(CREDIT) + OK,
        fci()[:-1] + OK,
    ],
)
def test_a_candidate_that_cannot_be_selected_is_dropped(answer: bytes) -> None:
    """KRN-SEL-029, KRN-SEL-030: another status, no 84, two A5, another name, broken TLV: "try again"."""
    card = KernelCard(
        directory=(record(entry(DEBIT, "01"), entry(CREDIT.hex(), "02")),),
        applications={AID: answer, CREDIT: fci(CREDIT) + OK},
    )
    played = play(card)
    assert played.outcome.aid == CREDIT
    assert Display("Try again") in played.events


def test_a_blocked_application_at_the_banks_counter() -> None:
    """KRN-SEL-029: with D37 the final SELECT of a blocked application goes on to GET PROCESSING OPTIONS."""
    card = KernelCard(applications={AID: fci() + b"\x62\x83"})
    assert play(card).terminated is Cause.NOT_ACCEPTED
    card = KernelCard(applications={AID: fci() + b"\x62\x83"})
    assert play(card, at_terminal(serves_blocked=True)).commands(0xA8)


def test_the_chip_is_read_at_an_atm() -> None:
    """KRN-ATM-005: an ATM runs the chip session; there is no other way into a transaction."""
    played = play(FakeCard(), replace(FINANCIAL, terminal=ATM))
    assert played.outcome.result is Result.APPROVED
    assert played.requests
