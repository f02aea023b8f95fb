"""The bank's host at its desk: published cryptograms of real and worked cards as field 55 brings them."""

from dataclasses import replace
from typing import Final

import pytest

from cardsim.iso7816.tlv import ber, find
from cardsim.keyfile import BankKeys
from terminal.hosts.bank import BankHost, Code
from terminal.hosts.bank.chip import ChipData, IssuerKeys
from terminal.messages.bank import CryptogramCheck, HostAnswer, HostMessage, MessageKind
from terminal.security import PinCipher
from tests.crypto.published import VECTORS

FIELDS: Final = (
    (0x9F02, 6), (0x9F03, 6), (0x9F1A, 2), (0x95, 5), (0x5F2A, 2), (0x9A, 3), (0x9C, 1), (0x9F37, 4), (0x82, 2),
    (0x9F36, 2),
)  # fmt: skip
"""What is under a cryptogram, before the four bytes of verification results."""


def chip_data(number: int, spoil: int = 0) -> bytes:
    """A vector as field 55 brings it; `spoil` is exclusive-ored to the cryptogram."""
    vector = VECTORS[number]
    rest, chip = vector.data("data"), b""
    for tag, length in FIELDS:
        chip, rest = chip + ber(tag, rest[:length]), rest[length:]
    cryptogram = int.from_bytes(vector.result("ac"), "big") ^ spoil
    return chip + ber(0x9F10, b"\x07\x01\x01" + rest + b"\x01") + ber(0x9F26, cryptogram.to_bytes(8, "big"))


def keys(number: int) -> BankKeys:
    """The master key of a vector, in the place of all three."""
    key = VECTORS[number].data("imk")
    return BankKeys(key, key, key)


def ask(number: int, spoil: int = 0) -> HostAnswer:
    """The host's answer to a vector."""
    vector, chip = VECTORS[number], chip_data(number, spoil)
    message = HostMessage(MessageKind.AUTHORISE, vector.text("pan"), vector.text("psn"), chip)
    host = BankHost(keys(number), PinCipher(bytes(16)))
    return host.handle(replace(message, amount=ChipData.read(chip).amount))


@pytest.mark.parametrize(
    ("number", "arc"),
    [
        (65, Code.APPROVED),
        (69, Code.INVALID_AMOUNT),
        (162, Code.DO_NOT_HONOUR),
        (163, Code.DO_NOT_HONOUR),
        (167, Code.APPROVED),
    ],
)
def test_published_cryptogram(number: int, arc: str) -> None:
    """PBOC-CRY-005, PBOC-CRY-008: each is right; two come from abroad (D38), and one is for nothing."""
    answer = ask(number)
    assert (answer.cryptogram, answer.arc) == (CryptogramCheck.RIGHT, arc)
    data = find(answer.chip_data, 0x91) or b""
    assert data[8:] == arc.encode()


@pytest.mark.parametrize("number", [number for number in (65, 69, 162, 163, 167) if "arpc" in VECTORS[number].outputs])
def test_published_response_cryptogram(number: int) -> None:
    """PBOC-CRY-008: the ARPC of an approval."""
    vector = VECTORS[number]
    session = IssuerKeys({1: keys(number)}).card(
        vector.text("pan"), vector.text("psn"), ChipData.read(chip_data(number))
    )
    assert session is not None
    assert session.authentication_data("00") == vector.result("arpc") + b"00"


@pytest.mark.parametrize("number", [65, 69, 162])
@pytest.mark.parametrize("bit", [0, 63])
def test_spoiled_cryptogram(number: int, bit: int) -> None:
    """PBOC-CRY-016: one wrong bit at either end is seen, and nothing is computed for such a card."""
    answer = ask(number, 1 << bit)
    assert (answer.cryptogram, answer.arc, answer.chip_data) == (CryptogramCheck.WRONG, Code.DO_NOT_HONOUR, b"")
