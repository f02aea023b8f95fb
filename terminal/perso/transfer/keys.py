"""What must live here: what all keys have in common under which data travel (数据传输密钥).

They are symmetric of 128 bits or more, or RSA of more than 1024 bits, and live for five years. An RSA pair is made by
the party that opens; it gives the certificate away, and what is sealed for it only it can open (`rsakeys`, PERSO-061).
A symmetric key is shared by two parties and travels in a file under a password (`sharedkeys`, PERSO-060).

    own, partner = SoftwareKey.load(path, password), Partner.load(certificate)
    sealed = seal(content, header, own, partner)
"""

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from terminal.perso.transfer.errors import TransferError

LIFE_YEARS: Final = 5
LEAST_SYMMETRIC: Final = 128
MORE_THAN: Final = 1024
"""RSA keys have more bits than this."""
LEAST_PASSWORD: Final = 8
"""Characters."""


class Opener(Protocol):
    """Opens what was enclosed for a party, and signs in its name."""

    @property
    def owner(self) -> str:
        """Whose key it is."""

    def usable(self, now: datetime) -> None:
        """Whether it may be used now.

        Raises:
            TransferError: it is too short or too old.
        """

    def open(self, enclosed: bytes) -> bytes:
        """What was enclosed.

        Raises:
            TransferError: it was enclosed for another key, or changed on its way.
        """

    def sign(self, data: bytes) -> bytes:
        """A signature in the party's name."""


class Addressee(Protocol):
    """Encloses data for another party, and checks what that party has signed."""

    @property
    def party(self) -> str:
        """Whose key it is."""

    def usable(self, now: datetime) -> None:
        """Whether it may be used now.

        Raises:
            TransferError: it is too short or too old.
        """

    def enclose(self, data: bytes) -> bytes:
        """Data that only the party can open."""

    def signed(self, data: bytes, signature: bytes) -> bool:
        """Whether the party has signed data."""


def years_later(moment: datetime, years: int) -> datetime:
    """The same day some years later."""
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:  # 29 February
        return moment.replace(year=moment.year + years, day=28)


def check_life(made: datetime, now: datetime, whose: str) -> None:
    """Five years from the day on which a key was made (PERSO-059).

    Raises:
        TransferError: they are over, or have not begun.
    """
    end = years_later(made, LIFE_YEARS)
    if now >= end:
        raise TransferError(f"the transport key of {whose} ended on {end:%Y-%m-%d} after {LIFE_YEARS} years; renew it")
    if now < made - timedelta(days=1):
        raise TransferError(f"the transport key of {whose} is from {made:%Y-%m-%d}, later than now; check the clock")


def check_bits(bits: int, whose: str) -> None:
    """RSA keys have more than 1024 bits (PERSO-058).

    Raises:
        TransferError: fewer.
    """
    if bits <= MORE_THAN:
        raise TransferError(f"the transport key of {whose} has {bits} bits; RSA needs more than {MORE_THAN}")


def check_password(password: str) -> None:
    """Keys travel and rest under a password (PERSO-060).

    Raises:
        TransferError: it is too short.
    """
    if len(password) < LEAST_PASSWORD:
        raise TransferError(
            f"a transport key travels and rests under a password of {LEAST_PASSWORD} characters or more"
        )


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def read_file(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        TransferError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise TransferError(f"{path}: {error.strerror}") from error
