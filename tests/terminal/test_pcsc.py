"""A card in a PC/SC reader, through a stand-in for pyscard; and a card image that is none."""

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

import pytest

from terminal.errors import LinkError, UsageError
from terminal.links import pcsc
from terminal.links.target import Target, open_target


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
