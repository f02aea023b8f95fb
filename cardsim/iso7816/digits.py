"""Decimal digits that card and terminal write alike."""

from datetime import datetime


def check_digit(digits: str) -> str:
    """The digit that follows these in a card number (Luhn, ISO/IEC 7812-1 annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 - place % 2)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def bcd_time(now: datetime) -> bytes:
    """A time as the medical account has it: yyyymmddhhmmss in BCD, 7 bytes (TRM-017)."""
    return bytes.fromhex(f"{now:%Y%m%d%H%M%S}")
