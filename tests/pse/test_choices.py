"""Open choices: a card whose record names a setting behaves so, and each setting of the table has a trial here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pytest

from cardsim.pse.application import ATC_AT
from cardsim.pse.choices import KNOWN, OPEN_CHOICES, ORDINARY, Choice, OpenChoice, Setting, chosen
from tests.cards import Bench, made, of_cells, unhex
from tests.pse.bank import enciphered, ordered, put, script
from tests.pse.deal import (
    AAC,
    ARQC,
    AUTHENTICATION_FAILED_LAST,
    CASH,
    CASH_AFL,
    DEBIT_AFL,
    OFFLINE,
    SCRIPT_FAILED,
    TC,
    VELOCITY,
    Data,
    Deal,
)
from tests.pse.perso import amount, pay, poke, rsa, with_choices

EC: Final = {"9F77": amount(10000), "9F78": amount(10000)}
FULL: Final = {**EC, "9F79": amount(5000)}
FREE: Final = {"9F58": "FF", "9F59": "FF", "9F52": "0000", "9F56": "00"}
PIN: Final = "0303"
BLOCK: Final = "26123456FFFFFFFF"
D1: Final = {"ENC": "1D0FBFFD", "AC": "51DA9E1D"}
"""Last four bytes of the left halves of the demo card's keys (fact sheet §8.1)."""
FIRST_YUAN: Final = Data(amount=100, tvr="0000000000")


def asked(values: dict[str, str], choices: Choice, pin: str = "") -> Deal:
    """A card at its first transaction, which asks to go online."""
    deal = Deal(pay(values, pin=pin, choices=choices))
    assert deal.once(ARQC).kind == ARQC
    return deal


def completed(values: dict[str, str], choices: Choice) -> Deal:
    """A card whose first transaction was approved online."""
    deal = Deal(pay(values, choices=choices))
    assert deal.online().kind == TC
    return deal


def initiated(choices: Choice, pin: str = PIN, values: dict[str, str] | None = None) -> Bench:
    """A card with an offline PIN, behind GPO."""
    deal = Deal(pay(values, pin=pin, choices=choices))
    deal.gpo()
    return deal.bench


def path(deal: Deal, due: int = 100, currency: str = "0156") -> str:
    """Which path a terminal gets that wants electronic cash."""
    answer = deal.gpo(cash=True, amount=due, currency=currency)
    return {CASH_AFL: "cash", DEBIT_AFL: "debit"}.get(answer[:-4], answer[-4:])


def sealed_pin(challenge: bytes, block: str = BLOCK, header: bytes = b"\x7f") -> str:
    """VERIFY with a PIN under the demo card's public key (EMV Book 2 §7.1)."""
    public = rsa("icc").public
    plain = header + unhex(block) + challenge
    return f"00200088{public.size:02X}{public.recover(plain.ljust(public.size, b'+')).hex()}"


def scripts_in_cvr(deal: Deal) -> int:
    return deal.once(ARQC).cvr >> 4 & 0x0F


# --- what each choice shows ----------------------------------------------------------------------------------------


def pin_d1_key(choices: Choice) -> str:
    """PBOC-PCH-003: the key whose D1 is taken; the other one gives no PIN block."""
    words = {}
    for name, half in D1.items():
        deal = asked({}, choices, PIN)
        block = int("06123456FFFFFFFF", 16) ^ int(half, 16)
        words[name] = deal.bench.x(ordered(deal, "84240002", enciphered(1, block.to_bytes(8, "big"))))
    assert sorted(words.values()) == ["6A80", "9000"]
    return next(name for name, word in words.items() if word == "9000")


def script_mac_word(choices: Choice) -> str:
    return asked({}, choices).bench.x("841E00000400000000")


def load_above_limit(choices: Choice) -> str:
    deal = asked(EC, choices)
    word = deal.bench.x(put(deal, "9F79", amount(10001)))
    assert deal.get("9F79") == amount(10001 if word == "9000" else 0)
    return word


def refused_load(choices: Choice) -> bool:
    deal = completed(EC, choices)
    assert deal.bench.x(put(deal, "9F79", amount(10001))) == "6A80"
    return deal.once(ARQC).has(SCRIPT_FAILED)


def referral(choices: Choice) -> int:
    deal = asked({}, choices)
    assert deal.external(b"01") == "9000"
    return deal.gac2(TC, b"01").kind


def cash_currency(choices: Choice) -> tuple[str, str]:
    deal = Deal(pay({**FULL, "9F51": "0840"}, choices=choices))
    return path(deal, currency="0156"), path(deal, currency="0840")


def declined_foreign(choices: Choice) -> bool:
    abroad = Data(currency="0840")
    deal = Deal(pay({**FREE, "9F53": "01", "9F72": "FF"}, choices=choices))
    assert deal.once(AAC, abroad).kind == AAC
    return deal.once(TC, abroad).has(VELOCITY)


def log(choices: Choice) -> tuple[int, int]:
    """PBOC-LOG-006: records after an AAC of the first and of the second cryptogram."""
    deal = Deal(pay(choices=choices))
    deal.once(AAC)
    first = len(deal.log())
    deal.once(ARQC)
    deal.gac2(AAC, OFFLINE)
    return first, len(deal.log())


def enciphered_pin(choices: Choice) -> tuple[str, str]:
    bench = initiated(choices)
    word = bench.x("0084000008")[-4:]
    return word, bench.x(sealed_pin(unhex(bench.data) or bytes(8)))


def script_checks(choices: Choice) -> str:
    return asked(EC, choices).bench.x("04DA9F990800000000 00000000")


def script_mac_chain(choices: Choice) -> tuple[str, str]:
    """PBOC-SCR-003: a second script whose MAC begins with the first cryptogram, and one that goes on from the MAC."""
    words = []
    for chained in (False, True):
        deal = asked(EC, choices)
        first = put(deal, "9F58", "05")
        assert deal.bench.x(first) == "9000"
        assert deal.first is not None
        chain = unhex(first[-8:]) + bytes(4) if chained else deal.first.ac
        words.append(deal.bench.x(script("04DA9F58", 1, chain, b"\x06")))
    return words[0], words[1]


def scripts_offline(choices: Choice) -> tuple[str, str]:
    words = []
    for kind in (TC, AAC):
        deal = Deal(pay(FREE, choices=choices))
        assert deal.once(kind).kind == kind
        words.append(deal.bench.x(put(deal, "9F58", "05")))
    return words[0], words[1]


def scripts_after_failure(choices: Choice) -> tuple[str, str]:
    deal = asked({}, choices)
    assert deal.external(spoil=1) == "6300"
    return deal.bench.x(put(deal, "9F58", "05")), deal.bench.x(ordered(deal, "84180000"))


def script_count(choices: Choice) -> int:
    deal = completed({}, choices)
    for _ in range(16):
        assert deal.bench.x(put(deal, "9F58", "05")) == "9000"
    return scripts_in_cvr(deal)


def script_counted(choices: Choice) -> int:
    deal = completed({}, choices)
    assert deal.bench.x(put(deal, "9F58", "05")) == "9000"
    assert deal.bench.x("841E00000400000000") == "6988"
    return scripts_in_cvr(deal)


def early_script_failure(choices: Choice) -> bool:
    deal = asked({}, choices)
    assert deal.bench.x("841E00000400000000") == "6988"
    assert deal.external() == "9000"
    deal.gac2(TC)
    return deal.once(ARQC).has(SCRIPT_FAILED)


def card_block(choices: Choice) -> str:
    deal = asked({}, choices)
    assert deal.bench.x(ordered(deal, "84160000")) == "9000"
    word = deal.sw(TC, deal.data.cdol2(b"00"))
    assert deal.select() == "6A81"
    return word


def long_record(choices: Choice) -> str:
    deal = asked({}, choices)
    return deal.bench.x(ordered(deal, "04DC010C", unhex("7081C8") + bytes(200)))


def missing_file(choices: Choice) -> tuple[str, str]:
    deal = Deal(pay(choices=choices))
    deal.select()
    return deal.bench.x("00B2012400"), deal.bench.x("00B2090C00")


def uncompleted_online(choices: Choice) -> str:
    deal = completed(FULL, choices)
    deal.once(ARQC)
    return path(deal)


def missing_cash_path(choices: Choice) -> str:
    return path(Deal(pay(FULL, {0x9203: None}, choices=choices)))


def zero_cash(choices: Choice) -> tuple[str, str]:
    deal = Deal(pay(FULL, choices=choices))
    return path(deal, 0), path(deal, 1)


def last_counter(choices: Choice) -> str:
    deal = Deal(pay(choices=choices))
    poke(deal.bench, ATC_AT, b"\xff\xfe")
    assert deal.gpo() == "6985"
    assert deal.get("9F36") == "FFFE"
    return deal.select()


def exhausted_pin(choices: Choice) -> tuple[str, str]:
    bench = initiated(choices, "0300")
    return bench.x(f"0020008008{BLOCK}"), bench.x(f"0020008008{BLOCK}")


def pin_control(choices: Choice) -> tuple[str, str]:
    """PBOC-PIN-013: another control byte, and another digit."""
    bench = initiated(choices)
    return bench.x("002000800816123456FFFFFFFF"), bench.x("002000800826123457FFFFFFFF")


def blocked_by_pin(choices: Choice) -> str:
    deal = Deal(initiated(choices, "0300", {"9F52": "0004"}))
    word = deal.sw(TC, deal.data.cdol1())
    assert deal.select() == "6283"
    return word


def code_y1(choices: Choice) -> tuple[int, str]:
    """PBOC-GA2-022: what is answered, and the last online ATC after it."""
    deal = asked({"9F56": "00"}, choices)
    return deal.gac2(TC, b"Y1").kind, deal.get("9F13")


def failed_issuer(choices: Choice) -> bool:
    deal = asked({}, choices)
    assert deal.external(spoil=1) == "6300"
    deal.bench.power_on()
    return deal.once(ARQC).has(AUTHENTICATION_FAILED_LAST)


@dataclass(frozen=True, slots=True)
class Trial:
    """What is looked at on a card with a setting, and what is seen for each of them."""

    look: Callable[[Choice], object]
    seen: dict[str, object]


TRIALS: Final = {
    trial.look.__name__: trial
    for trial in (
        Trial(pin_d1_key, {"ENC": "ENC", "AC": "AC"}),
        Trial(script_mac_word, {"6988": "6988", "6982": "6982"}),
        Trial(load_above_limit, {"refused": "6A80", "accepted": "9000"}),
        Trial(refused_load, {"marked": True, "unmarked": False}),
        Trial(referral, {"accepted": TC, "declined": AAC}),
        Trial(cash_currency, {"9F51": ("debit", "cash"), "9F42": ("cash", "debit")}),
        Trial(declined_foreign, {"counted": True, "not-counted": False}),
        Trial(log, {"approved": (0, 0), "all": (1, 2)}),
        Trial(enciphered_pin, {"refused": ("6D00", "6A86"), "accepted": ("9000", "9000")}),
        Trial(script_checks, {"MAC": "6988", "form": "6A80"}),
        Trial(script_mac_chain, {"first-cryptogram": ("9000", "6988"), "last-MAC": ("6988", "9000")}),
        Trial(scripts_offline, {"unblocking": ("6985", "6985"), "always": ("9000", "9000")}),
        Trial(
            scripts_after_failure,
            {"accepted": ("9000", "9000"), "unblocking": ("6985", "9000"), "refused": ("6985", "6985")},
        ),
        Trial(script_count, {"wraps": 0, "stops": 15}),
        Trial(script_counted, {"received": 2, "executed": 1}),
        Trial(early_script_failure, {"stays": True, "forgotten": False}),
        Trial(card_block, {"after-transaction": "9000", "at-once": "6A81"}),
        Trial(long_record, {"6A83": "6A83", "6A84": "6A84"}),
        Trial(missing_file, {"6A82": ("6A82", "6A83"), "6A83": ("6A83", "6A83")}),
        Trial(uncompleted_online, {"cash-stays": "cash", "cash-closed": "debit"}),
        Trial(missing_cash_path, {"debit": "debit", "6985": "6985"}),
        Trial(zero_cash, {"allowed": ("cash", "cash"), "debit": ("debit", "cash")}),
        Trial(last_counter, {"blocks": "6283", "refuses": "9000"}),
        Trial(exhausted_pin, {"6984": ("6984", "6983"), "6983": ("6983", "6983")}),
        Trial(pin_control, {"compared": ("63C2", "63C1"), "ignored": ("9000", "63C2")}),
        Trial(blocked_by_pin, {"AAC": "9000", "6985": "6985"}),
        Trial(code_y1, {"refused": (AAC, "0000"), "accepted": (TC, "0001")}),
        Trial(failed_issuer, {"at-once": True, "at-completion": False}),
    )
}
SETTINGS: Final = [(choice, setting) for choice in OPEN_CHOICES for setting in choice.settings]


@pytest.mark.parametrize(("choice", "setting"), SETTINGS, ids=lambda each: getattr(each, "name", None) or each.word)
def test_setting(choice: OpenChoice, setting: Setting) -> None:
    """D31: every setting of every choice shows on a card that has it."""
    trial = TRIALS[choice.name]
    assert trial.look(chosen({choice.name: setting.word})) == trial.seen[setting.word]


def test_each_setting_has_a_trial_of_its_own() -> None:
    """The table and the trials say the same, and no two settings of a choice look alike."""
    assert {name: set(trial.seen) for name, trial in TRIALS.items()} == {
        choice.name: {setting.word for setting in choice.settings} for choice in OPEN_CHOICES
    }
    for trial in TRIALS.values():
        assert len(set(trial.seen.values())) == len(trial.seen)


def test_the_table() -> None:
    """Words fit into `name=word`, the first setting is the ordinary one, and no two choices share a bit."""
    used = ORDINARY
    for choice in OPEN_CHOICES:
        assert choice.settings[0].choice is ORDINARY
        for setting in choice.settings:
            assert not set(setting.word) & set(" =,"), setting.word
        bits = [setting.choice for setting in choice.settings[1:]]
        assert all(bits)
        assert not any(bit & used for bit in bits)
        for bit in bits:
            used |= bit
    assert used == KNOWN == Choice(sum(Choice))


# --- what else a choice touches ------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [b"05", OFFLINE])
def test_a_failed_issuer_is_stored_at_completion(code: bytes) -> None:
    """PBOC-XAU-006: whatever ends the transaction, the second GENERATE AC stores the mark."""
    deal = asked({}, Choice.FAILED_ISSUER_LATE)
    assert deal.external(spoil=1) == "6300"
    deal.gac2(AAC, code)
    assert deal.once(ARQC).has(AUTHENTICATION_FAILED_LAST)


def test_y1_resets_as_an_online_approval() -> None:
    """PBOC-GA2-022: totals go back to zero too."""
    deal = Deal(pay({**FREE, "9F54": amount(1500)}, choices=Choice.Y1_ACCEPTED))
    assert deal.once(TC).kind == TC
    assert deal.once(ARQC).kind == ARQC
    assert deal.gac2(TC, b"Y1").kind == TC
    assert deal.once(TC).kind == TC


def test_a_declined_purchase_of_cash_is_logged() -> None:
    """PBOC-LOG-006: with `log = all`, electronic cash too; the balance stays."""
    deal = Deal(pay(FULL, choices=Choice.DECLINED_LOGGED), CASH)
    deal.gpo(cash=True)
    assert deal.gac(AAC).kind == AAC
    assert (len(deal.log()), deal.get("9F79")) == (1, amount(5000))


class TestEncipheredPin:
    """PBOC-PIN-011, PBOC-PIN-017: VERIFY with P2 88 on a card that takes it (U14)."""

    bench: Bench

    @pytest.fixture(autouse=True)
    def card(self) -> None:
        self.bench = initiated(Choice.ENCIPHERED_PIN)

    def challenge(self) -> bytes:
        assert self.bench.x("0084000000")[-4:] == "9000"
        return unhex(self.bench.data)

    def verify(self, challenge: bytes, block: str = BLOCK, header: bytes = b"\x7f") -> str:
        return self.bench.x(sealed_pin(challenge, block, header))

    def tries(self) -> str:
        return Deal(self.bench).get("9F17")

    def test_what_is_wrong_costs_a_try(self) -> None:
        assert self.verify(self.challenge(), "26123457FFFFFFFF") == "63C2"
        assert self.verify(self.challenge(), header=b"\x7e") == "63C1"
        assert self.verify(self.challenge()) == "9000"
        assert self.tries() == "03"
        assert self.verify(bytes(8)) == "6985"
        self.challenge()
        assert self.verify(bytes(8)) == "63C2"

    def test_a_challenge_serves_once(self) -> None:
        challenge = self.challenge()
        assert self.verify(challenge) == "9000"
        assert self.verify(challenge) == "6985"
        challenge = self.challenge()
        assert self.challenge() != challenge
        assert self.verify(challenge) == "63C2"

    def test_a_challenge_ends_with_select(self) -> None:
        challenge = self.challenge()
        Deal(self.bench).gpo()
        assert self.verify(challenge) == "6985"

    def test_form_costs_no_try(self) -> None:
        challenge = self.challenge()
        assert self.bench.x("0020008840" + "00" * 64) == "6700"
        assert self.bench.x("0020008808" + BLOCK) == "6700"
        assert self.bench.x("0084000004", follow=False) == "6C08"
        assert self.tries() == "03"
        assert self.verify(challenge) == "9000"

    def test_a_number_above_the_modulus_is_a_wrong_pin(self) -> None:
        self.challenge()
        size = rsa("icc").size
        assert self.bench.x(f"00200088{size:02X}" + "FF" * size) == "63C2"

    def test_the_cvr_tells_of_it(self) -> None:
        assert self.verify(self.challenge()) == "9000"
        first = Deal(self.bench).gac(ARQC)
        assert first.cvr & 0x060000 == 0x040000

    def test_other_moments(self) -> None:
        deal = Deal(self.bench)
        deal.select()
        assert self.verify(self.challenge()) == "6985"
        deal.once(ARQC)
        assert self.verify(self.challenge()) == "6985"

    def test_the_plain_pin_stays(self) -> None:
        assert self.bench.x(f"0020008008{BLOCK}") == "9000"


@pytest.mark.parametrize("profile", ["bank", "bank-sda-offline-pin"])
def test_no_enciphered_pin_without_pin_or_key(profile: str) -> None:
    """PBOC-PIN-011: GET CHALLENGE is there, and VERIFY 6985."""
    cells, keys = made(profile)
    bench = of_cells(with_choices(cells, Choice.ENCIPHERED_PIN), keys)
    Deal(bench).gpo()
    assert bench.x("0084000008")[-4:] == "9000"
    assert bench.x(sealed_pin(unhex(bench.data))) == "6985"
