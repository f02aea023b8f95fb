"""Further single rules: terminal action analysis by terminal type, CVM conditions, PC/SC, images."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from terminal.errors import LinkError, UsageError
from terminal.flows.financial.flow import Result
from terminal.links import pcsc
from terminal.links.target import Target, open_target
from terminal.messages.bank import TransactionType
from terminal.outcome import Verdict
from terminal.terminals import ATM
from tests.terminal.fakes import FakeCard
from tests.terminal.helpers import FINANCIAL, at_terminal, run_financial, services

NO_CVM = "00000000000000001F00"


def with_cvm(cvm_list: str) -> FakeCard:
    card = FakeCard()
    card.records[3, 1][0x8E] = bytes.fromhex(cvm_list)
    card.__post_init__()
    return card


def first_request(card: FakeCard) -> int:
    return next(command[2] for command in card.log if command[1] == 0xAE)


@pytest.mark.parametrize(
    ("terminal_type", "floor", "request_"),
    [("22", 0, 0x80), ("22", 9999, 0x40), ("23", 9999, 0x40), ("23", 0, 0x00), ("21", 9999, 0x80)],
)
def test_krn_taa_003_to_006(terminal_type: str, floor: int, request_: int) -> None:
    application = replace(FINANCIAL.terminal.applications[0], floor_limit=floor)
    card = with_cvm(NO_CVM)
    terminal = at_terminal(terminal_type=bytes.fromhex(terminal_type), applications=(application,))
    run_financial(card, terminal)
    assert first_request(card) == request_


def test_krn_taa_001_missing_action_codes() -> None:
    """Without IAC online (FF..) any TVR bit goes online; without IAC denial nothing is denied by the card."""
    card = with_cvm(NO_CVM)
    for tag in (0x9F0D, 0x9F0E, 0x9F0F):
        del card.records[3, 1][tag]
    card.records[3, 2][0x9F08] = b"\x00\x30"
    card.__post_init__()
    application = replace(FINANCIAL.terminal.applications[0], floor_limit=9999, tac_online=bytes(5))
    run_financial(card, at_terminal(applications=(application,)))
    assert first_request(card) == 0x80


@pytest.mark.parametrize(("percent", "request_"), [(0, 0x40), (99, 0x80)])
def test_krn_trm_005_random_selection(percent: int, request_: int) -> None:
    application = replace(FINANCIAL.terminal.applications[0], floor_limit=9999, random_percent=percent)
    card = with_cvm(NO_CVM)
    run_financial(card, at_terminal(applications=(application,)))
    assert first_request(card) == request_


@pytest.mark.parametrize(
    ("rules", "result", "tvr3"),
    [
        ("000003E8 00000000 1F06 1E00", "1E0000", 0x00),
        ("000003E8 00000000 1F07 1E00", "1F0702", 0x00),
        ("00000000 000007D0 1F08 1E00", "1F0802", 0x00),
        ("00000000 00000000 1F0A 1E00", "1E0000", 0x00),
        ("00000000 00000000 0201 1F02", "1F0202", 0x00),
        ("00000000 00000000 1F04", "3F0001", 0x80),
        ("00000000 00000000 1500 1F00", "3F0001", 0xC0),
        ("00000000 00000000 0300 1F00", "030000", 0x00),
        ("00000000 00000000 0400 1F00", "3F0001", 0x90),
    ],
)
def test_krn_cvm_005_to_013(rules: str, result: str, tvr3: int) -> None:
    outcome = run_financial(with_cvm(rules.replace(" ", "")))
    assert outcome.cvm_result.hex().upper() == result
    assert outcome.tvr[2] & ~0x04 == tvr3


def test_krn_cvm_006_unattended_cash() -> None:
    cash = replace(FINANCIAL, terminal=ATM, kind=TransactionType.CASH)
    outcome = run_financial(with_cvm("00000000000000000201"), cash)
    assert outcome.cvm_result.hex() == "020100"


def test_krn_cvm_024_online_pin_not_supported() -> None:
    outcome = run_financial(with_cvm("000000000000000042001F00"), at_terminal(capabilities=bytes.fromhex("E0A9C8")))
    assert outcome.tvr[2] == 0x10
    assert outcome.cvm_result.hex() == "1f0002"


@pytest.mark.parametrize("length", [9, 11])
def test_krn_cvm_003_list_of_a_wrong_length(length: int) -> None:
    assert run_financial(with_cvm("00" * length)).result is Result.TERMINATED


@pytest.mark.parametrize("value", ["", "00" * 8])
def test_krn_cvm_002_no_list(value: str) -> None:
    outcome = run_financial(with_cvm(value))
    assert outcome.tvr[0] & 0x20
    assert outcome.cvm_result.hex() == "3f0000"
    assert outcome.tsi[0] & 0x40 == 0


def test_krn_cvm_001_not_wanted() -> None:
    outcome = run_financial(FakeCard(aip=bytes.fromhex("6C00")))
    assert outcome.cvm_result.hex() == "3f0000"


def test_krn_oda_006_remainder_missing() -> None:
    card = FakeCard()
    del card.records[2, 2][0x92]
    assert run_financial(card).tvr[0] == 0x28


def test_krn_cfg_006_expired_ca_key() -> None:
    """KRN-CFG-006: an expired CA key counts as a missing one."""
    expired = replace(FINANCIAL.ca_keys[0], expires=FINANCIAL.now.date().replace(year=2020))
    outcome = run_financial(FakeCard(), replace(FINANCIAL, ca_keys=(expired,)))
    assert "expired" in outcome.oda.problem
    assert not outcome.faults


def test_krn_res_009_not_yet_effective() -> None:
    card = FakeCard()
    card.records[3, 1][0x5F25] = bytes.fromhex("300101")
    card.__post_init__()
    assert run_financial(card).tvr[1] == 0x20


def test_krn_ini_001_two_transactions_share_nothing() -> None:
    card = FakeCard(override=lambda command: b"\x69\x85" if command[1] == 0x82 else None)
    first = run_financial(card)
    card.override = None
    second = run_financial(card)
    assert first.tvr[4] == 0x40
    assert second.tvr == bytes.fromhex("0000048000")
    assert second.verdict is Verdict.APPROVED


def test_a_bad_image_is_wrong_input(tmp_path: Path) -> None:
    image = tmp_path / "bad.card"
    image.write_bytes(b"no card at all")
    with pytest.raises(UsageError, match=r"bad\.card is not a card image"), open_target(Target(card=str(image))):
        pass


class FakeConnection:
    """What pyscard gives, as far as the link uses it."""

    log: ClassVar[list[str]] = []
    fail = False
    disposition = None

    def connect(self, disposition: int) -> None:
        if self.fail:
            raise RuntimeError("no card\nin the reader")
        self.log.append(f"connect {disposition}")

    def reconnect(self, disposition: int) -> None:
        self.log.append(f"reconnect {disposition}")

    def getATR(self) -> list[int]:  # noqa: N802 - pyscard's name
        return [0x3B, 0x00]

    def transmit(self, command: Iterable[int]) -> tuple[list[int], int, int]:
        self.log.append(bytes(command).hex())
        return [1, 2], 0x90, 0x00

    def disconnect(self) -> None:
        self.log.append("disconnect")
        raise RuntimeError("gone")


class FakeReader:
    def createConnection(self) -> FakeConnection:  # noqa: N802 - pyscard's name
        return FakeConnection()

    def __str__(self) -> str:
        return "Alpha"


def test_pcsc_link(monkeypatch: pytest.MonkeyPatch) -> None:
    class Scard:
        SCARD_UNPOWER_CARD = 2
        SCARD_RESET_CARD = 1

        @staticmethod
        def readers() -> list[FakeReader]:
            return [FakeReader()]

    monkeypatch.setattr(pcsc, "_smartcard", lambda _module: Scard)
    FakeConnection.log.clear()
    link = pcsc.PcscLink.open("Alpha")
    with pytest.raises(LinkError, match="not powered"):
        link.transmit(b"\0\0\0\0")
    assert link.power_on() == b"\x3b\x00"
    assert link.power_on() == b"\x3b\x00"
    assert link.transmit(b"\0\xa4\0\0") == b"\x01\x02\x90\x00"
    link.power_off()
    link.power_off()
    assert FakeConnection.log == ["connect 2", "reconnect 1", "00a40000", "disconnect"]
    monkeypatch.setattr(FakeConnection, "fail", True)
    with pytest.raises(LinkError, match=r"reaching a card in Alpha failed: no card$"):
        link.power_on()


def test_no_pin_pad_at_all() -> None:
    outcome = run_financial(FakeCard(), with_=replace(services(), pin_pad=None))
    assert outcome.tvr[2] & 0x08
