"""Oracles that follow what happened: rights, master keys, money, power cuts, and what shows of the other side."""

from collections.abc import Callable

import pytest

from terminal.fuzz.executor import Executor, Oracle
from terminal.fuzz.oracles.atomic import Atomic
from terminal.fuzz.oracles.interference import NonInterference
from terminal.fuzz.oracles.masterkey import LifeCycle, MasterKeyPowerless
from terminal.fuzz.oracles.money import MoneyConserved
from terminal.fuzz.oracles.rights import NothingUnproved
from terminal.fuzz.oracles.tries import TryCounters
from terminal.fuzz.sequence import parse_sequence
from terminal.fuzz.subject import Subject
from tests.terminal.fuzz.oracles.bench import (
    CHALLENGE,
    DEBIT,
    DF01,
    DF04,
    GPO,
    LOAD,
    MF,
    PSE,
    PURCHASE,
    SSSE,
    VERIFY,
    WRONG_OFFLINE_PIN,
    auth,
    card_auth,
    complaint,
    subject,
)
from tests.terminal.fuzz.test_starts import card_start

MASTER = card_auth("master")
BLOCK = auth("BK") + CHALLENGE + "> 84 16 00 00 04 {secured STKSSSE 84160000}\n"
NEW_KEY = (
    CHALLENGE + "let header = 84D4DDF1\nlet plain = 01 03 01 05 00000000000000000000 11111111111111111111111111111111\n"
    "> 84 D4 DD F1 {lc} {card-protect master header plain}\n"
)
WITHOUT_MAC = PURCHASE.replace("{purchase-mac1 buy offer terminal time}", "00000000")
OPENED, CREDIT = LOAD.rsplit(">>", 1)
EF06 = "> 00 B2 01 34 00\n"

RIGHTS = {
    "ef06-free": (SSSE + EF06.replace("> ", ">> "), "nothing that was proved lets file EF06 be read"),
    "rights-survive-leaving": (SSSE + auth("RKSSSE") + PSE + SSSE + ">> " + EF06[2:], "file EF06 be read"),
    "pin-survives-leaving": (DF01 + VERIFY + PSE + DF01 + ">> 00 B2 01 2C 00\n", "file EF05 be read"),
    "rights-survive-reset": (SSSE + auth("RKSSSE") + "reset\n" + SSSE + ">> " + EF06[2:], "file EF06 be read"),
    "df-rights-survive": (DF01 + auth("RK1DF01") + SSSE + DF01 + ">> 00 B2 01 2C 00\n", "file EF05 be read"),
    "update-free": (SSSE + "> 00 DC 03 2C 06 0304322E3939\n", "file EF05 be written"),
    "challenge-reusable": (SSSE + auth("RKSSSE") + "> 00 82 00 {id RKSSSE} 10 {auth RKSSSE}\n", "without a challenge"),
    "challenge-survives-leaving": (
        SSSE + CHALLENGE + PSE + SSSE + "> 00 82 00 {id RKSSSE} 10 {auth RKSSSE}\n", "without a challenge",
    ),
    "authentication-seven-bytes": (
        SSSE + CHALLENGE + "let data = {auth RKSSSE}\nlet seven = {cut data 0 7}\nlet original = {cut data 8 16}\n"
        "> 00 82 00 {id RKSSSE} 10 {seven} 00 {original}\n", "for a proof that is wrong",
    ),
    "pin-prefix-accepted": (SSSE + "> 00 20 00 00 02 1234\n", "for a proof that is wrong"),
    "block-without-bk": (SSSE + CHALLENGE + "> 84 16 00 00 04 {secured STKSSSE 84160000}\n", "key 05 was not proved"),
    "unblock-without-puk": (SSSE + CHALLENGE + "> 84 24 00 00 04 {secured STKSSSE 84240000}\n", "key 06 was not"),
    "medical-without-pin": (DF04 + "> B0 26 00 01 04\n", "the PIN was not verified"),
    "state-survives-basic-command": (DF04 + OPENED + CHALLENGE + ">>" + CREDIT, "out of its turn"),
    "gpo-twice": (DEBIT + GPO + GPO, "out of its turn: processing options given"),
    "create-without-key": ("> 80 E0 DD F3 0D 38 0010 01 01 00 FFFF 4141414141\n", "the master key was not proved"),
}  # fmt: skip
MASTER_KEYS = {
    "card-key-replaces-environment-key": (MASTER + NEW_KEY, "is answered 9000 and not 6982"),
    "card-key-deletes-keyed": (MASTER + "> 80 E4 00 00 02 DDF1\n", "is answered 9000 and not 6982"),
    "card-key-erases-keyed": (MASTER + "> 80 0E 00 00\n", "is answered 9000 and not 6985"),
    "create-keyed-6A89": (MASTER + "> 80 E0 DD F1 0D 38 0010 01 01 00 FFFF 4141414141\n", "6A89 and not 6982"),
    "transport-key-lives": (card_auth("transport"), "takes the transport key"),
    "block-forgotten": (SSSE + BLOCK + "reset\n", "DDF1 is blocked no more"),
}
MONEY = {
    "load-not-booked": (DF04 + LOAD, "balance of the medical account at 0, where 0 +256 is right"),
    "load-sequence-stays": (DF04 + LOAD, "leaves the load sequence"),
    "load-raises-both-sequences": (DF04 + LOAD, "changes the purchase sequence of the medical account from 0 to 1"),
    "purchase-not-deducted": (DF04 + LOAD + PURCHASE, "at 256, where 256 -16 is right"),
    "purchase-deducts-own-share": (
        DF04 + LOAD + PURCHASE.replace("00000010 00000000", "00000010 00000005"), "where the amount is 16",
    ),
    "purchase-sequence-stays": (DF04 + LOAD + PURCHASE, "leaves the purchase sequence"),
    "purchase-sequence-twice": (DF04 + LOAD + PURCHASE, "changes the purchase sequence"),
    "failed-debit-raises-sequence": (DF04 + LOAD + WITHOUT_MAC, "for a wrong MAC"),
    "load-mac2-ignored": (DF04 + LOAD.replace("{load-mac2 load opened time}", "00000000"), "for a wrong MAC"),
    "purchase-mac1-ignored": (DF04 + LOAD + WITHOUT_MAC, "for a wrong MAC"),
    "atc-not-raised": (DEBIT + GPO, "the ATC stays 0"),
    "atc-taken-back": (DEBIT + GPO + "reset\n", "a reset changes the ATC from 1 to 0"),
}  # fmt: skip
ATOMIC = {
    "journal-not-recovered": (DF04 + OPENED + "cut 3\n>>" + CREDIT, "B0 2A 00 00 leaves the memory neither"),
    "journal-skipped": (DF04 + OPENED + "cut 1\n>>" + CREDIT, "leaves the memory neither before nor after"),
    "medical-two-steps": (DF04 + OPENED + "cut 1\n>>" + CREDIT, "leaves the memory neither before nor after"),
    "binary-two-steps": (
        SSSE + auth("UKSSSE") + "> 00 A4 00 00 02 EF07\ncut 2\n> 00 D6 00 00 05 0102030405\n",
        "UPDATE BINARY 00 D6 00 00 leaves the memory neither",
    ),
}  # fmt: skip
OTHER_SIDE = {
    "pin-counter-shared": (SSSE + DEBIT + GPO + WRONG_OFFLINE_PIN + SSSE + "> 00 20 00 00 00\n", "63C5, and 63C4"),
    "block-everywhere": (DEBIT + SSSE + BLOCK + DEBIT, "in PSE is answered 6A81"),
}
CASES: dict[type[Oracle], dict[str, tuple[str, str]]] = {
    NothingUnproved: RIGHTS,
    MasterKeyPowerless: MASTER_KEYS,
    MoneyConserved: MONEY,
    Atomic: ATOMIC,
    NonInterference: OTHER_SIDE,
}


@pytest.mark.parametrize(
    ("make", "defect"), [(make, defect) for make, cases in CASES.items() for defect in cases], ids=str
)
def test_a_defect_is_seen(make: Callable[[], Oracle], defect: str) -> None:
    """Each oracle complains of the defect in its own words, and of the clean card not."""
    text, words = CASES[make][defect]  # type: ignore[index]
    assert words in complaint(make(), text, defect)
    assert complaint(make(), text) == ""


@pytest.mark.parametrize("cut", range(8))
@pytest.mark.parametrize(
    "text",
    [
        DF04 + OPENED + "{cut}>>" + CREDIT,
        SSSE + "{cut}" + VERIFY,
        SSSE + auth("UKSSSE") + "{cut}> 00 DC 03 2C 06 0304322E3939\n",
        SSSE + BLOCK.replace("> 84 16", "{cut}> 84 16"),
        DEBIT + "{cut}" + GPO,
        DEBIT + GPO + "{cut}" + WRONG_OFFLINE_PIN,
        SSSE + "{cut}> 80 5E 01 00 07 {pin} FF 654321\n",
    ],
)
def test_cuts_of_the_clean_card_are_no_complaint(text: str, cut: int) -> None:
    """Neither between page programs nor inside them."""
    for plan in (f"cut {cut}\n", f"cut-inside {cut} {cut}\n"):
        watching: list[Oracle] = [Atomic(), MoneyConserved(), MasterKeyPowerless(), NothingUnproved()]
        assert complaint(watching, text.replace("{cut}", plan) + MF) == ""


def test_a_cut_without_a_defect_is_compared_nevertheless() -> None:
    """The oracle does look: a memory that somebody changed behind the cut is told."""

    class Spoilt(Atomic):
        def was_reset(self, restart: object) -> str | None:
            control = self._control
            assert control is not None
            state = control.snapshot()
            cells = bytearray(state.cells.cells)
            cells[-1] ^= 1
            control.restore(type(state)(
                type(state.cells)(bytes(cells), state.cells.generation, state.cells.layout, None),
                state.powered, state.ram, state.mf, state.environments, state.positions,
            ))  # fmt: skip
            return super().was_reset(restart)  # type: ignore[arg-type]

    assert "1 cells have changed" in complaint(Spoilt(), SSSE + "cut 0\n> 00 20 00 00 03 999999\n")


def test_rights_of_any_card_are_known_by_its_answers() -> None:
    """Without a look inside, rows and secrets are judged; rules of files are not known."""
    for defect in ("challenge-reusable", "block-without-bk", "pin-prefix-accepted"):
        inner = subject(defect)
        executor = Executor(Subject(inner.card, inner.keys), [NothingUnproved()])
        assert executor.run(parse_sequence(RIGHTS[defect][0])).complaint is not None


def test_a_changed_pin_and_another_one_are_no_complaint() -> None:
    """After CHANGE PIN the key file's PIN is not the card's any more, and nothing is said of it."""
    text = SSSE + "> 80 5E 01 00 07 {pin} FF 654321\n> 00 20 00 00 03 654321\n> 80 5E 01 00 04 654321 FF\n"
    assert complaint(NothingUnproved(), text + DF01 + "> 00 B2 01 2C 00\n") == ""


def test_a_life_cycle_steps_back() -> None:
    blank, set_up, done = LifeCycle(1), LifeCycle(2, {0xDDF1: 2}), LifeCycle(3, {0xDDF1: 3})
    assert set_up.step_back(done) is None
    assert "goes back from state 3 to 2" in str(done.step_back(LifeCycle(3, {0xDDF1: 2})))
    assert "is gone" in str(set_up.step_back(blank))
    assert done.step_back(LifeCycle(2, {0xDDF1: 3, 0xDDF3: 1})) is None, "a further environment was created"
    assert "the card goes back" in str(LifeCycle(3, {}).step_back(LifeCycle(2, {})))
    assert LifeCycle(2, {0xDDF1: 1}).step_back(blank) is None, "ERASE, while nothing is keyed"
    assert "blocked no more" in str(LifeCycle(3, {1: 0x83}).step_back(LifeCycle(3, {1: 3})))
    assert LifeCycle.parse(b"\x70\x03\x80\x01") is None


def test_one_environment_alone_is_not_compared() -> None:
    """Nothing can show of a side that was not visited."""
    assert complaint(NonInterference(), SSSE + VERIFY + MF + "reset\n" + SSSE, "block-everywhere") == ""


def test_a_command_of_no_bytes_is_no_reset() -> None:
    """What was selected before it is selected behind it, on the twin too."""
    text = SSSE + DEBIT + "let none = {cut answer 3 3}\n> {none}\n> 80 CA 9F 36 00\n"
    assert complaint(NonInterference(), text) == ""


def test_a_blocked_side_refuses_what_would_be_refused_anyhow() -> None:
    """D10: a SELECT of the other side that fails does not leave the blocked one; one that leads there does."""
    text = SSSE + BLOCK + "> 00 A4 04 20 {lc} {name debit}\n" + DEBIT + "> 80 CA 9F 36 00\n"
    assert complaint(NonInterference(), text) == ""


def test_what_a_cut_command_has_done_is_not_known() -> None:
    """A CHANGE PIN or CREATE that was cut behind its commit has been carried out, though it was not answered."""
    empty = SSSE + "cut {n}\n> 80 5E 01 00 04 {pin} FF\n" + SSSE + "> 00 20 00 00 03 999999\n" * 2 + VERIFY
    for n in range(4):
        watching: list[Oracle] = [TryCounters(), NothingUnproved(), Atomic()]
        assert complaint(watching, empty.replace("{n}", str(n))) == ""


@pytest.mark.parametrize("block", ["36123456FFFFFFFF", "26123456FFFFFFFE"])
def test_bytes_beside_the_pin_are_an_open_choice(block: str) -> None:
    """PBOC-PIN-013: whether more than the six bytes of the PIN are compared is the maker's choice (`pin_control`)."""
    steps = parse_sequence(DEBIT + GPO + f"> 00 20 00 80 08 {block}\n")
    run = Executor(card_start("otherwise").subject(), [NothingUnproved(), TryCounters()]).run(steps)
    assert (run.exchanges[-1].sw, run.complaint) == (0x9000, None)
