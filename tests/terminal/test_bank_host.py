"""The bank's host at its desk: published cryptograms of real and worked cards as field 55 brings them."""

from typing import Final

import pytest

from cardsim.iso7816.tlv import ber, find
from cardsim.keyfile import BankKeys
from terminal.hosts.bank import APPROVED, DO_NOT_HONOUR, BankHost
from terminal.messages.bank import CryptogramCheck, HostAnswer, HostMessage, MessageKind
from terminal.security import PinCipher
from tests.crypto.published import VECTORS

FIELDS: Final = (
    (0x9F02, 6), (0x9F03, 6), (0x9F1A, 2), (0x95, 5), (0x5F2A, 2), (0x9A, 3), (0x9C, 1), (0x9F37, 4), (0x82, 2),
    (0x9F36, 2),
)  # fmt: skip
"""What is under a cryptogram, before the four bytes of verification results."""


def ask(number: int, spoil: int = 0) -> HostAnswer:
    """The host's answer to a vector; `spoil` is exclusive-ored to the cryptogram."""
    vector = VECTORS[number]
    rest, chip = vector.data("data"), b""
    for tag, length in FIELDS:
        chip, rest = chip + ber(tag, rest[:length]), rest[length:]
    cryptogram = int.from_bytes(vector.result("ac"), "big") ^ spoil
    chip += ber(0x9F10, b"\x07\x01\x01" + rest + b"\x01") + ber(0x9F26, cryptogram.to_bytes(8, "big"))
    key = vector.data("imk")
    host = BankHost(BankKeys(key, key, key), PinCipher(bytes(16)))
    return host.handle(HostMessage(MessageKind.AUTHORISE, vector.text("pan"), vector.text("psn"), chip))


@pytest.mark.parametrize(
    ("number", "arc"),
    [(65, APPROVED), (69, APPROVED), (162, DO_NOT_HONOUR), (163, DO_NOT_HONOUR), (167, APPROVED)],
)
def test_published_cryptogram(number: int, arc: str) -> None:
    """PBOC-CRY-005, PBOC-CRY-008: each is right; two come from abroad, and so does the refusal (D38)."""
    answer = ask(number)
    assert (answer.cryptogram, answer.arc) == (CryptogramCheck.RIGHT, arc)
    data = find(answer.chip_data, 0x91) or b""
    assert data[8:] == arc.encode()
    if "arpc" in VECTORS[number].outputs:
        assert data[:8] == VECTORS[number].result("arpc")


@pytest.mark.parametrize("number", [65, 69, 162])
@pytest.mark.parametrize("bit", [0, 63])
def test_spoiled_cryptogram(number: int, bit: int) -> None:
    """PBOC-CRY-016: one wrong bit at either end is seen, and nothing is computed for such a card."""
    answer = ask(number, 1 << bit)
    assert (answer.cryptogram, answer.arc, answer.chip_data) == (CryptogramCheck.WRONG, DO_NOT_HONOUR, b"")
