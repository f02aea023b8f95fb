"""RSA pairs of the parties: in a file under a password, or in a device behind a PIN; both work alike (PERSO-062)."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.serialization import pkcs7

from terminal.perso.transfer.errors import TransferError
from terminal.perso.transfer.keys import (
    LIFE_YEARS,
    check_bits,
    check_life,
    check_password,
    read_file,
    write_private,
    years_later,
)

RSA_BITS: Final = 2048
_TRIES: Final = 3
_PSS: Final = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)


@dataclass(frozen=True, slots=True)
class Partner:
    """The public half of a party's RSA key, as its certificate."""

    certificate: x509.Certificate

    @classmethod
    def load(cls, path: Path) -> "Partner":
        """Read a certificate (PEM).

        Raises:
            TransferError: it is none.
        """
        try:
            return cls(x509.load_pem_x509_certificate(read_file(path)))
        except ValueError as error:
            raise TransferError(f"{path}: this is no certificate in PEM") from error

    def save(self, path: Path) -> None:
        """Write the certificate (PEM)."""
        path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    @property
    def party(self) -> str:
        """Whose key it is."""
        names = self.certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return str(names[0].value) if names else ""

    @property
    def _key(self) -> rsa.RSAPublicKey:
        key = self.certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise TransferError(f"the transport key of {self.party} is no RSA key")
        return key

    def usable(self, now: datetime) -> None:
        """Whether it is long enough and young enough.

        Raises:
            TransferError: it is not (PERSO-058, PERSO-059).
        """
        check_bits(self._key.key_size, self.party)
        check_life(self.certificate.not_valid_before_utc.replace(tzinfo=None), now, self.party)

    def enclose(self, data: bytes) -> bytes:
        """CMS EnvelopedData (RFC 5652) in DER with AES-256-CBC; `openssl cms -decrypt -inform DER` opens it."""
        builder = pkcs7.PKCS7EnvelopeBuilder().set_data(data).add_recipient(self.certificate)
        builder = builder.set_content_encryption_algorithm(algorithms.AES256)
        return builder.encrypt(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])

    def signed(self, data: bytes, signature: bytes) -> bool:
        """Whether the party has signed data (RSASSA-PSS, SHA-256)."""
        try:
            self._key.verify(signature, data, _PSS, hashes.SHA256())
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class SoftwareKey:
    """A party's own RSA pair in a file under a password."""

    partner: Partner
    """What others get of it."""
    _key: rsa.RSAPrivateKey = field(repr=False)

    @classmethod
    def generate(cls, party: str, now: datetime, bits: int = RSA_BITS) -> "SoftwareKey":
        """Make a pair; its life begins now.

        Raises:
            TransferError: it would be too short.
        """
        check_bits(bits, party)
        key = rsa.generate_private_key(65537, bits)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, party)])
        begin = now.replace(microsecond=0, tzinfo=UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(years_later(begin, LIFE_YEARS))
            .sign(key, hashes.SHA256())
        )
        return cls(Partner(certificate), key)

    @classmethod
    def load(cls, path: Path, password: str) -> "SoftwareKey":
        """Read key and certificate from a file of `save`.

        Raises:
            TransferError: it cannot be read, or the password is wrong.
        """
        content = read_file(path)
        try:
            key = serialization.load_pem_private_key(content, password.encode())
            certificate = x509.load_pem_x509_certificate(content)
        except (ValueError, TypeError) as error:
            raise TransferError(f"{path}: no transport key under this password") from error
        if not isinstance(key, rsa.RSAPrivateKey) or certificate.public_key() != key.public_key():
            raise TransferError(f"{path}: key and certificate do not belong together")
        return cls(Partner(certificate), key)

    def save(self, path: Path, password: str) -> None:
        """Write PKCS #8 under the password, and the certificate after it; only the owner may read the file.

        Raises:
            TransferError: the password is too short.
        """
        check_password(password)
        protection = serialization.BestAvailableEncryption(password.encode())
        pem = serialization.Encoding.PEM
        private = self._key.private_bytes(pem, serialization.PrivateFormat.PKCS8, protection)
        write_private(path, private + self.partner.certificate.public_bytes(pem))

    @property
    def owner(self) -> str:
        """Whose key it is."""
        return self.partner.party

    def usable(self, now: datetime) -> None:
        """Whether it is long enough and young enough.

        Raises:
            TransferError: it is not.
        """
        self.partner.usable(now)

    def open(self, enclosed: bytes) -> bytes:
        """What was enclosed for the party.

        Raises:
            TransferError: it was enclosed for another one, or changed on its way.
        """
        try:
            return pkcs7.pkcs7_decrypt_der(enclosed, self.partner.certificate, self._key, [])
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise TransferError(f"the file is not sealed for {self.owner}, or was changed on its way") from None

    def sign(self, data: bytes) -> bytes:
        """RSASSA-PSS with SHA-256."""
        return self._key.sign(data, _PSS, hashes.SHA256())


class DeviceKey:
    """A party's RSA pair inside a device (硬件): it opens and signs behind a PIN, and never gives the key away.

    Args:
        key: what the device holds.
        pin: of the device; three wrong ones in a row lock it.
    """

    def __init__(self, key: SoftwareKey, pin: str) -> None:
        self._inside = key
        self._pin = pin
        self._tries = _TRIES
        self._open = False

    def log_in(self, pin: str) -> None:
        """Let its owner in.

        Raises:
            TransferError: a wrong PIN, or the device is locked.
        """
        if not self._tries:
            raise TransferError("the device is locked after wrong PINs")
        if not hmac.compare_digest(pin.encode(), self._pin.encode()):
            self._tries -= 1
            self._open = False
            raise TransferError(f"wrong PIN of the device; {self._tries} tries are left")
        self._tries, self._open = _TRIES, True

    def log_out(self) -> None:
        """Close it again."""
        self._open = False

    @property
    def partner(self) -> Partner:
        """What others get of it."""
        return self._inside.partner

    @property
    def owner(self) -> str:
        """Whose key it is."""
        return self._inside.owner

    def usable(self, now: datetime) -> None:
        """Whether it is long enough and young enough.

        Raises:
            TransferError: it is not.
        """
        self._inside.usable(now)

    def open(self, enclosed: bytes) -> bytes:
        """What was enclosed for the party.

        Raises:
            TransferError: nobody is logged in, or it was enclosed for another one.
        """
        return self._used(partial(self._inside.open, enclosed))

    def sign(self, data: bytes) -> bytes:
        """RSASSA-PSS with SHA-256.

        Raises:
            TransferError: nobody is logged in.
        """
        return self._used(partial(self._inside.sign, data))

    def _used(self, work: Callable[[], bytes]) -> bytes:
        if not self._open:
            raise TransferError("nobody is logged in at the device; enter its PIN")
        return work()
