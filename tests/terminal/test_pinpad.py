"""The PIN pad: what it shows, what it keeps, and what leaves it."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Final

import pytest

from terminal.effects import PinEntry, PinPurpose
from terminal.errors import PinTimeout
from terminal.flows.financial import pin as bank_pin
from terminal.flows.financial.pinchange import NEW_PIN
from terminal.flows.social.config import SocialService
from terminal.flows.social.pin import AGAIN_PROMPT, NEW_PROMPT, OLD_PROMPT, PROMPT
from terminal.outcome import Verdict
from terminal.pinpad import (
    Function,
    Keypad,
    Operation,
    PadLine,
    PadRefused,
    Press,
    pad_settings,
    pin_block_format2,
    presses,
)
from terminal.security import BenchPinPad, PinCipher
from tests.cards import PIN
from tests.terminal.national.counter import counter
from tests.terminal.social_bench import terminal

REQUEST: Final = PinEntry(PinPurpose.CARD, PROMPT)
CIPHER: Final = PinCipher(bytes(range(16)))
SEPARATE: Final = replace(pad_settings(), integrated=False)


def test_own_prompts() -> None:
    """TRM-010: the pad has the messages of all flows, and no other."""
    flows = {PROMPT, OLD_PROMPT, NEW_PROMPT, AGAIN_PROMPT, bank_pin._PROMPT, NEW_PIN, f"{NEW_PIN} again"}
    assert pad_settings().prompts == flows


@pytest.mark.parametrize("prompt", ["Enter your online-banking password", "", PROMPT + " ", "123456"])
def test_foreign_prompt(prompt: str) -> None:
    """TRM-010: a message that is not the pad's own is refused; the holder is not asked."""
    asked: list[PinEntry] = []
    pad = BenchPinPad(lambda request: asked.append(request), CIPHER)
    with pytest.raises(PadRefused):
        pad.enter(PinEntry(PinPurpose.CARD, prompt))
    assert not asked
    assert prompt == "" or prompt not in pad.keypad.display


def test_display() -> None:
    """TRM-008: one mask character for each digit, no digit in the display or in any repr."""
    pad, shown = Keypad(pad_settings()), list[str]()

    def keys() -> Iterator[Press]:
        for press in (*presses("29")[:2], Press(Function.CLEAR), *presses("7531")):
            yield press
            shown.append(pad.display)
            shown.append(repr(pad))
            shown.append(repr(press))

    assert pad.read(Operation.PIN, PROMPT, keys()) == "7531"
    assert [text.removeprefix(PROMPT).strip() for text in shown[::3]] == ["*", "**", "", "*", "**", "***", "****"]
    assert not any(digit in text for text in shown for digit in "297531")
    assert pad.display == ""


@pytest.mark.parametrize("digits", range(7))
def test_time_is_over(digits: int) -> None:
    """TRM-009: before the first digit, and between any two: the entry ends, and nothing is in the buffer."""
    pause = (*presses(PIN)[:digits], Press("9", pad_settings().timeout + 0.1))
    pad = BenchPinPad(lambda _: (*pause, *presses(PIN)), CIPHER)
    with pytest.raises(PinTimeout):
        pad.enter(REQUEST)
    assert pad.keypad.clean
    assert pad.keypad._buffer == bytes(16)
    slow = BenchPinPad(lambda _: [Press(press.key, pad_settings().timeout) for press in presses(PIN)], CIPHER)
    entered = slow.enter(REQUEST)
    assert entered is not None
    assert entered.digits == PIN


def test_code_of_a_time_out() -> None:
    """TRM-009: at the counter a PIN that is partly entered ends with -32."""
    desk = counter()
    pad = BenchPinPad(lambda _: presses(PIN)[:3], CIPHER)
    desk.interface._services = replace(desk.interface._services, pin_pad=pad)
    assert desk.call("iVerifyPIN", 1).code == -32
    assert pad.keypad.clean


@pytest.mark.parametrize("last", [Function.ENTER, Function.CANCEL])
def test_buffer_after_the_entry(last: Function) -> None:
    """TRM-009: it is overwritten when the entry ends; a card session leaves nothing behind."""
    pad = BenchPinPad(lambda _: (*presses(PIN)[:-1], Press(last)), CIPHER)
    bench = terminal()
    bench.pad = pad  # type: ignore[assignment]
    outcome = bench.social(service=SocialService.VERIFY_PIN)
    assert (outcome.verdict is Verdict.PASSED) == (last is Function.ENTER)
    assert pad.keypad._buffer == bytes(16)
    assert pad.keypad.clean


def test_amount_and_pin() -> None:
    """TRM-011: an amount is shown, a PIN is not; neither can begin while the other is open."""
    pad, shown = Keypad(replace(pad_settings(), prompts=frozenset({"Amount", PROMPT}))), list[str]()

    def keys() -> Iterator[Press]:
        yield from presses("1234")[:-1]
        shown.append(pad.display)
        with pytest.raises(PadRefused, match="amount is not over"):
            pad.read(Operation.PIN, PROMPT, presses(PIN))
        yield Press(Function.ENTER)

    assert pad.read(Operation.AMOUNT, "Amount", keys()) == "1234"
    assert shown == ["Amount 1234"]
    assert pad.clean


@pytest.mark.parametrize("integrated", [True, False])
def test_pin_for_the_card(integrated: bool) -> None:
    """TRM-012: two units: the message between them is ciphertext, another one each time; VERIFY has the PIN itself."""
    messages: list[bytes] = []
    line = PadLine(bytes(range(16)), Random(1).randbytes, messages.append)
    for _ in range(2):
        pad = BenchPinPad(lambda _: PIN, CIPHER, replace(SEPARATE, integrated=integrated), line)
        bench = terminal()
        bench.pad = pad  # type: ignore[assignment]
        outcome = bench.social(service=SocialService.VERIFY_PIN)
        assert outcome.verdict is Verdict.PASSED, outcome.reason
        assert any(command.hex() == "0020000003" + PIN for command in bench.contacts.log)
    assert len(messages) == (0 if integrated else 4)
    assert len(set(messages)) == len(messages)
    clear = (bytes.fromhex(PIN), PIN.encode(), pin_block_format2(PIN))
    assert not any(text in message for message in messages for text in clear)


def test_no_line() -> None:
    """TRM-012: a separate pad without an enciphered line gives no PIN; one is needed to make it."""
    with pytest.raises(ValueError, match="enciphered line"):
        BenchPinPad(lambda _: PIN, CIPHER, SEPARATE)


@pytest.mark.parametrize("digits", ["123", "1234567890123"])
def test_digits_of_the_line(digits: str) -> None:
    """ISO 9564-1: 4 to 12 digits."""
    pad = BenchPinPad(lambda _: digits, CIPHER, SEPARATE, PadLine(bytes(range(16)), Random(1).randbytes))
    assert pad.enter(REQUEST) is None


def test_format_2() -> None:
    """ISO 9564-1 §9.3.3: control 2, length, digits, F."""
    assert pin_block_format2("123456").hex().upper() == "26123456FFFFFFFF"
