"""Cardholder verification."""

from dataclasses import replace

import pytest

from cardsim.crypto import oda
from cardsim.crypto.pboc import pin_block_format2
from terminal.effects import Display
from terminal.flows.financial.flow import Result
from terminal.messages.bank import TransactionType
from terminal.outcome import Cause
from terminal.terminals import ATM
from tests.terminal.fakes import PAN, PIN, rsa
from tests.terminal.helpers import FINANCIAL, at_terminal
from tests.terminal.kernel.stage import Holder, KernelCard, Played, play

CASH = replace(FINANCIAL, kind=TransactionType.CASH)
AT_ATM = replace(CASH, terminal=ATM)
CASHBACK = replace(FINANCIAL, cashback=100)
WITHOUT_ONLINE_PIN = at_terminal(capabilities=bytes.fromhex("E0A9C8"))

DOCUMENT_CASES = [([0], ("200002", 0)), ([1], ("200001", 0x80)), ([], ("200001", 0x80))]


def with_list(rules: str, limits: str = "00" * 8) -> KernelCard:
    return KernelCard().edit({0x8E: (limits + rules).replace(" ", ""), 0x9F0E: "00" * 5})


def result(played: Played) -> tuple[str, int]:
    """9F34 and TVR byte 3."""
    return played.outcome.cvm_result.hex().upper(), played.outcome.tvr[2]


def test_not_wanted() -> None:
    """KRN-CVM-001: AIP 6C00."""
    played = play(KernelCard(aip=bytes.fromhex("6C00")))
    assert result(played) == ("3F0000", 0)
    assert not played.outcome.tsi[0] & 0x40


@pytest.mark.parametrize("value", [None, "00" * 8])
def test_no_list(value: str | None) -> None:
    """KRN-CVM-002: missing, or without rules: 3F0000, TVR 1.b6, TSI b7 stays 0."""
    played = play(KernelCard().edit({0x8E: value}))
    assert result(played) == ("3F0000", 0)
    assert played.outcome.tvr[0] & 0x20
    assert not played.outcome.tsi[0] & 0x40


@pytest.mark.parametrize("length", [1, 7, 9, 11])
def test_a_list_of_a_wrong_length(length: int) -> None:
    """KRN-CVM-003: the transaction ends."""
    assert play(KernelCard().edit({0x8E: "00" * length})).terminated is Cause.CARD_DATA


def test_rules_in_order() -> None:
    """KRN-CVM-004, KRN-CVM-008: 0203 is skipped without a bit where there is no online PIN, and 1F is used."""
    assert result(play(with_list("0203 1F00"), WITHOUT_ONLINE_PIN)) == ("1F0002", 0)
    assert result(play(with_list("0203 1F00"))) == ("020300", 0x04)


def test_always() -> None:
    """KRN-CVM-005, KRN-CVM-028: 1F00 at POS and ATM, purchase and cash: result 02."""
    for config in (FINANCIAL, CASH, AT_ATM):
        assert result(play(with_list("1F00"), config)) == ("1F0002", 0)


def test_unattended_cash() -> None:
    """KRN-CVM-006: condition 01 at an ATM with cash alone."""
    assert result(play(with_list("0201"), AT_ATM)) == ("020100", 0x04)
    for config in (FINANCIAL, CASH):
        assert result(play(with_list("0201"), config)) == ("3F0001", 0x80)


@pytest.mark.parametrize(("config", "done"), [(FINANCIAL, True), (CASH, False), (AT_ATM, False), (CASHBACK, False)])
def test_neither_cash_nor_cashback(config: object, done: bool) -> None:
    """KRN-CVM-007: condition 02."""
    played = play(with_list("1F02"), config)  # type: ignore[arg-type]
    assert result(played) == (("1F0202", 0) if done else ("3F0001", 0x80))


def test_manual_cash_and_cashback() -> None:
    """KRN-CVM-009: conditions 04 and 05."""
    assert result(play(with_list("1E04 0205"), CASH)) == ("1E0400", 0)
    assert result(play(with_list("1E04 0205"), CASHBACK)) == ("020500", 0x04)
    assert result(play(with_list("1E04 0205"))) == ("3F0001", 0x80)
    assert result(play(with_list("1E04 0205"), AT_ATM)) == ("3F0001", 0x80)


X = "000003E800000000"
Y = "00000000000003E8"


@pytest.mark.parametrize(
    ("limits", "condition", "amounts"),
    [
        (X, "06", (True, False, False)),
        (X, "07", (False, False, True)),
        (Y, "08", (True, False, False)),
        (Y, "09", (False, False, True)),
    ],
)
def test_amounts(limits: str, condition: str, amounts: tuple[bool, ...]) -> None:
    """KRN-CVM-010: under and over X and Y of 10.00 yuan: 9.99, 10.00, 10.01."""
    for amount, done in zip((999, 1000, 1001), amounts, strict=True):
        played = play(with_list(f"1F{condition}", limits), replace(FINANCIAL, amount=amount))
        assert (result(played)[0] == f"1F{condition}02") == done


def test_amounts_in_another_currency() -> None:
    """KRN-CVM-010: skipped in a foreign currency, and without 9F42."""
    assert (
        result(play(with_list("1F06", X), at_terminal(replace(FINANCIAL, amount=1), currency=b"\x08\x40")))[0]
        == "3F0001"
    )
    assert result(play(with_list("1F06", X).edit({0x9F42: None}), replace(FINANCIAL, amount=1)))[0] == "3F0001"


@pytest.mark.parametrize("condition", ["0A", "7F", "FF"])
def test_unknown_conditions(condition: str) -> None:
    """KRN-CVM-011: skipped."""
    assert result(play(with_list(f"1F{condition} 1E00"))) == ("1E0000", 0)


def test_next_if_failed() -> None:
    """KRN-CVM-012, KRN-CVM-035, KRN-CVM-036: with bit 40 the signature, without it failed with the rule's own code."""
    for rules, expected in (("4103 1E00", "1E0000"), ("0103 1E00", "010301")):
        card = with_list(rules)
        card.answers = {"0020": "63C0"}
        played = play(card, holder=Holder([PIN]))
        assert result(played)[0] == expected
        assert bool(played.outcome.tvr[2] & 0x80) == (expected == "010301")
        assert played.outcome.tsi[0] & 0x40


def test_fail() -> None:
    """KRN-CVM-013: code 00 fails at once, with bit 40 too."""
    assert result(play(with_list("4000 1F00"))) == ("400001", 0x80)
    assert result(play(with_list("0000 1F00"))) == ("000001", 0x80)


def test_pin_to_the_card() -> None:
    """KRN-CVM-014, KRN-CVM-020: tries first, then the PIN, then VERIFY with a format 2 block; right: 02."""
    for rule in ("4103", "0103"):
        card = with_list(rule + "1F00")
        card.answers = {"0020": "9000"}
        played = play(card, holder=Holder([PIN]))
        assert played.commands(0x20) == ["0020008008" + pin_block_format2(PIN).hex().upper()]
        assert played.sent[played.sent.index(played.commands(0x20)[0]) - 1] == "80CA9F1700"
        assert result(played) == (rule + "02", 0)


def test_no_tries_left() -> None:
    """KRN-CVM-015: no VERIFY, no question, TVR 3.b6."""
    card = with_list("0103")
    card.objects = {0x9F17: bytes.fromhex("9F1701009000")}
    holder = Holder([PIN])
    played = play(card, holder=holder)
    assert not played.commands(0x20)
    assert not holder.prompts
    assert result(played) == ("010301", 0xA0)


@pytest.mark.parametrize("answer", ["6A88", "6A81", "6D00", "9F170200009000", "9000"])
def test_tries_that_cannot_be_read(answer: str) -> None:
    """KRN-CVM-016, KRN-ERR-002: the PIN is asked for all the same."""
    card = with_list("0103")
    card.answers = {"80CA9F17": answer, "0020": "9000"}
    played = play(card, holder=Holder([PIN]))
    assert played.commands(0x20)
    assert result(played) == ("010302", 0)


def test_tries_are_repeated() -> None:
    """KRN-CVM-017: 63C2 and 63C1 ask again, with a warning at the last; 63C0 stops."""
    answers = iter(("63C2", "63C1", "63C0"))
    card = with_list("0103")
    card.override = lambda command: bytes.fromhex(next(answers)) if command[1] == 0x20 else None
    holder = Holder([PIN] * 9)
    played = play(card, holder=holder)
    assert len(played.commands(0x20)) == 3
    assert [prompt.tries_left for prompt in holder.prompts] == [3, 2, 1]
    shown = [event.message for event in played.events if isinstance(event, Display)]
    assert shown[:3] == ["Wrong PIN, 2 tries left", "Wrong PIN, last try", "Wrong PIN, 0 tries left"]


def test_a_card_that_never_counts_down() -> None:
    """KRN-CVM-017: the terminal ends it."""
    card = with_list("0103")
    card.answers = {"0020": "63C5"}
    played = play(card, holder=Holder([PIN] * 99))
    assert len(played.commands(0x20)) == 15
    assert result(played) == ("010301", 0xA0)


@pytest.mark.parametrize("sw", ["63C0", "6983", "6984"])
def test_tries_exceeded(sw: str) -> None:
    """KRN-CVM-018: TVR 3.b6, the rule failed."""
    card = with_list("4103 1F00")
    card.answers = {"0020": sw}
    assert result(play(card, holder=Holder([PIN]))) == ("1F0002", 0x20)


@pytest.mark.parametrize("sw", ["6A86", "6700", "6F00", "6300"])
def test_another_status_of_verify(sw: str) -> None:
    """KRN-CVM-019: the transaction ends."""
    card = with_list("4103 1F00")
    card.answers = {"0020": sw}
    assert play(card, holder=Holder([PIN])).terminated is Cause.CARD_STATUS


def test_bypass() -> None:
    """KRN-CVM-021: TVR 3.b4, the next rule with bit 40; that it lasts for later PIN rules is a switch."""
    assert result(play(with_list("4103 1F00"), holder=Holder())) == ("1F0002", 0x08)
    assert result(play(with_list("0103 1F00"), holder=Holder())) == ("010301", 0x88)
    for lasts, prompts in ((False, 2), (True, 1)):
        holder = Holder([None, PIN])
        played = play(with_list("4103 0203"), at_terminal(bypass_lasts=lasts), holder)
        assert len(holder.prompts) == prompts
        assert result(played) == (("020301", 0x88) if lasts else ("020300", 0x0C))


@pytest.mark.parametrize("rule", ["0100", "0200"])
def test_a_pad_out_of_order(rule: str) -> None:
    """KRN-CVM-022: TVR 3.b5 alone; nobody is asked."""
    holder = Holder([PIN])
    played = play(with_list(rule), replace(FINANCIAL, pin_pad_works=False), holder)
    assert not holder.prompts
    assert result(played) == (rule + "01", 0x90)


def test_online_pin() -> None:
    """KRN-CVM-023: asked for the host with the card number, TVR 3.b3, result 00."""
    holder = Holder([PIN])
    assert result(play(with_list("0203"), holder=holder)) == ("020300", 0x04)
    assert holder.prompts[0].pan == PAN


def test_online_pin_not_supported() -> None:
    """KRN-CVM-024: the condition holds: TVR 3.b5, failed or the next rule."""
    assert result(play(with_list("0200 1F00"), WITHOUT_ONLINE_PIN)) == ("3F0001", 0x90)
    assert result(play(with_list("4200 1F00"), WITHOUT_ONLINE_PIN)) == ("1F0002", 0x10)


def test_pin_and_signature() -> None:
    """KRN-CVM-025, KRN-CVM-027: both parts, result 00 because of the signature; a signature alone too."""
    card = with_list("0300")
    card.answers = {"0020": "9000"}
    played = play(card, holder=Holder([PIN]))
    assert result(played) == ("030000", 0)
    assert Display("Please sign the slip") in played.events
    card.answers = {"0020": "63C0"}
    assert result(play(card, holder=Holder([PIN]))) == ("030001", 0xA0)
    played = play(with_list("1E03"))
    assert result(played) == ("1E0300", 0)
    assert Display("Please sign the slip") in played.events


ENCIPHERING = at_terminal(capabilities=bytes.fromhex("E0F9C8"))
CHALLENGE = "1122334455667788"


@pytest.mark.parametrize("own_key", [False, True])
@pytest.mark.parametrize(("rule", "expected"), [("0400", "040002"), ("0500", "050000")])
def test_enciphered_pin(own_key: bool, rule: str, expected: str) -> None:
    """KRN-CVM-026: GET CHALLENGE, then VERIFY P2=88 under the PIN key or the card's: 7F, block, challenge, filling."""
    card = with_list(rule)
    private = card.icc
    if own_key:
        private = rsa(768, 9)
        made = oda.build_icc_certificate(rsa(896, 2), private.public, PAN, "0134", b"\0\0\3", b"")
        card.records[2, 5] |= {0x9F2D: made.certificate, 0x9F2E: made.exponent, 0x9F2F: made.remainder}
    card.answers = {"0084": CHALLENGE + "9000", "0020": "9000"}
    played = play(card, ENCIPHERING, Holder([PIN]))
    assert "0084000000" in played.sent
    verify = bytes.fromhex(played.commands(0x20)[0])
    assert verify[:5] == bytes.fromhex("0020008860")
    plain = private.sign(verify[5:])
    assert plain[:17] == b"\x7f" + pin_block_format2(PIN) + bytes.fromhex(CHALLENGE)
    assert any(plain[17:])
    assert result(played) == (expected, 0)


def test_enciphered_pin_that_cannot_be() -> None:
    """KRN-CVM-026: without a key nobody is asked; a refused or short challenge ends the transaction."""
    holder = Holder([PIN])
    card = with_list("0400")
    card.records[2, 4][0x9F46] = bytes(112)
    assert result(play(card, ENCIPHERING, holder)) == ("040001", 0x80)
    assert not holder.prompts
    for answer, cause in (("6D00", Cause.CARD_STATUS), ("11229000", Cause.CARD_DATA)):
        card = with_list("0400")
        card.answers = {"0084": answer}
        assert play(card, ENCIPHERING, Holder([PIN])).terminated is cause


@pytest.mark.parametrize(("choices", "expected"), DOCUMENT_CASES)
def test_identity_document(choices: list[int | None], expected: tuple[str, int]) -> None:
    """KRN-CVM-029: type and number are shown and confirmed."""
    holder = Holder([], choices)
    played = play(with_list("2000"), holder=holder)
    assert result(played) == expected
    assert "510101199001011234" in holder.asked[0].prompt
    assert "00 (identity card)" in holder.asked[0].prompt


@pytest.mark.parametrize("tag", [0x9F61, 0x9F62])
def test_identity_document_without_data(tag: int) -> None:
    """KRN-CVM-030: TVR 1.b6, result 01."""
    holder = Holder([], [0])
    card = with_list("2000").edit({tag: None}, (1, 2))
    played = play(card, holder=holder)
    assert result(played) == ("200001", 0x80)
    assert played.outcome.tvr[0] & 0x20
    assert not holder.asked


def test_unknown_identity_document() -> None:
    """KRN-CVM-031: types above 05."""
    for kind, expected in (("05", "200002"), ("06", "200001")):
        played = play(with_list("2000").edit({0x9F62: kind}, (1, 2)), holder=Holder([], [0]))
        assert result(played)[0] == expected


@pytest.mark.parametrize(
    "config", [at_terminal(capabilities=bytes.fromhex("E0E0C8")), at_terminal(terminal_type=b"\x25"), AT_ATM]
)
def test_no_attendant_for_the_document(config: object) -> None:
    """KRN-CVM-032: unattended, or 9F33 without the bit: no prompt; failed, or the next rule with bit 40."""
    holder = Holder([PIN], [0])
    assert result(play(with_list("2000"), config, holder)) == ("3F0001", 0x80)  # type: ignore[arg-type]
    assert not holder.asked
    played = play(with_list("6000 0200"), config, Holder([PIN]))  # type: ignore[arg-type]
    assert result(played) == ("020000", 0x04)


def test_unknown_methods() -> None:
    """KRN-CVM-033: TVR 3.b7; on only with bit 40."""
    assert result(play(with_list("5500 1F00"))) == ("1F0002", 0x40)
    assert result(play(with_list("1500 1F00"))) == ("3F0001", 0xC0)


def test_nothing_fits() -> None:
    """KRN-CVM-034, KRN-CVM-036: only unsupported methods: 3F0001, TVR 3.b8, TSI b7."""
    played = play(with_list("4400 4500"))
    assert result(played) == ("3F0001", 0x90)
    assert played.outcome.tsi[0] & 0x40


@pytest.mark.parametrize(
    ("rule", "choices", "asked", "ended"), [("1F00", [0], 1, False), ("1F00", [1], 1, True), ("0203", [], 0, False)]
)
def test_the_amount_is_confirmed(rule: str, choices: list[int | None], asked: int, ended: bool) -> None:
    """KRN-CVM-037: by a question, once, where no PIN was entered; a switch."""
    holder = Holder([PIN], choices)
    played = play(with_list(rule), at_terminal(confirms_amount=True), holder)
    assert len(holder.asked) == asked
    assert (played.terminated is Cause.CANCELLED) == ended
    if asked:
        assert holder.asked[0].prompt == "Pay 12.34 yuan?"
    silent = Holder([PIN])
    play(with_list(rule), holder=silent)
    assert not silent.asked


def test_at_an_atm() -> None:
    """KRN-ATM-004: online PIN alone is performed, and there is no way past it."""
    holder = Holder([PIN])
    played = play(with_list("5E00 6000 0200"), AT_ATM, holder)
    assert result(played) == ("020000", 0x04)
    assert not holder.asked
    ended = play(with_list("4200 1F00"), AT_ATM, Holder())
    assert ended.terminated is Cause.PIN_CANCELLED
    assert ended.outcome.result is Result.TERMINATED


def test_every_terminal_can_fail() -> None:
    """KRN-CVM-008, KRN-CVM-013: 00 under condition 03 is performed, so what follows is not reached."""
    assert result(play(with_list("0003 1F00"))) == ("000301", 0x80)


def test_a_broken_pad_comes_before_the_tries() -> None:
    """KRN-CVM-022: TVR byte 3 bit 5 alone, and the card is not asked for its tries, of which it has none left."""
    card = with_list("4100 1F00")
    card.objects[0x9F17] = bytes.fromhex("9F1701009000")
    played = play(card, replace(FINANCIAL, pin_pad_works=False))
    assert result(played) == ("1F0002", 0x10)
    assert played.commands(0xCA) == []
