"""The issuer's key and its certificate: request by the bank, answer of the authority, acceptance (EMV Book 2 §5.1).

The private keys stay in the stores of the bank and of the authority. Request and answer are public and travel as JSON.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from cardsim.crypto import oda
from cardsim.crypto.oda import IssuerCertificate, OdaError
from cardsim.crypto.rsa import RsaPublicKey
from cardsim.privatefile import write_private
from terminal.keymanagement.hsm import KeySpec, PartyHsm
from terminal.keymanagement.kinds import Algorithm, KeyManagementError, Level, Officer, Usage
from terminal.keymanagement.rsakeys import read_rsa

ISSUER: Final = "issuer"
"""Name of the issuer's private key in the bank's store."""
SERIAL_LENGTH: Final = 3
_REQUEST_DAC: Final = bytes(2)


def ca_name(index: int) -> str:
    """Name of an authority's private key in its store."""
    return f"ca {index:02X}"


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """What the bank asks the authority to sign. Modulus and exponent are in hex; `expiry` is MMYY.

    `signature` shows that the bank has the private key: its static-data signature over all that stands before it.
    """

    issuer_id: str
    expiry: str
    modulus: str
    exponent: str
    signature: str = ""

    @property
    def signed(self) -> bytes:
        """What the signature is over."""
        return f"{self.issuer_id}|{self.expiry}|{self.modulus}|{self.exponent}".encode("ascii")

    @property
    def public(self) -> RsaPublicKey:
        """The key to be certified."""
        return RsaPublicKey(int(self.modulus, 16), int(self.exponent, 16))


@dataclass(frozen=True, slots=True)
class CertifiedKey:
    """The authority's answer: the certificate and what it is checked with. All bytes are in hex."""

    issuer_id: str
    expiry: str
    rid: str
    ca_index: int
    ca_modulus: str
    ca_exponent: str
    serial: str
    certificate: str
    remainder: str
    exponent: str

    def as_certificate(self) -> IssuerCertificate:
        """As it goes onto cards."""
        certificate, remainder, exponent = map(bytes.fromhex, (self.certificate, self.remainder, self.exponent))
        return IssuerCertificate(certificate, remainder, exponent, self.ca_index)

    @property
    def ca_public(self) -> RsaPublicKey:
        """The authority's public key."""
        return RsaPublicKey(int(self.ca_modulus, 16), int(self.ca_exponent, 16))


def request_certificate(bank: PartyHsm, officer: Officer, issuer_id: str, expiry: str) -> CertificateRequest:
    """The bank's request for its active issuer key.

    Raises:
        KeyManagementError: the role is another one, or the store has no issuer key.
    """

    def sign(value: bytes) -> CertificateRequest:
        key = read_rsa(value)
        public = key.public
        asked = CertificateRequest(issuer_id, expiry, public.modulus.hex().upper(), public.exponent.hex().upper())
        return CertificateRequest(
            asked.issuer_id, asked.expiry, asked.modulus, asked.exponent,
            oda.sign_static(key, _REQUEST_DAC, asked.signed).hex().upper(),
        )  # fmt: skip

    return bank.compute(officer, ISSUER, f"certificate request for {issuer_id}", sign)


def certify(
    authority: PartyHsm, officer: Officer, request: CertificateRequest, ca_index: int, serial: int
) -> CertifiedKey:
    """The authority's answer to a request.

    Raises:
        KeyManagementError: the request is not signed by the key that it is for, or the role is another one.
    """
    try:
        oda.verify_static(request.public, bytes.fromhex(request.signature), request.signed)
    except (OdaError, ValueError) as error:
        raise KeyManagementError(f"the certificate request of {request.issuer_id} is not signed by its key") from error

    def sign(value: bytes) -> CertifiedKey:
        key = read_rsa(value)
        number = serial.to_bytes(SERIAL_LENGTH, "big")
        made = oda.build_issuer_certificate(key, ca_index, request.public, request.issuer_id, request.expiry, number)
        return CertifiedKey(
            request.issuer_id, request.expiry, authority.place.name, ca_index, key.public.modulus.hex().upper(),
            key.public.exponent.hex().upper(), number.hex().upper(), made.certificate.hex().upper(),
            made.remainder.hex().upper(), made.exponent.hex().upper(),
        )  # fmt: skip

    return authority.compute(officer, ca_name(ca_index), f"issuer certificate for {request.issuer_id}", sign)


def accept_certificate(bank: PartyHsm, officer: Officer, answer: CertifiedKey, path: Path) -> None:
    """Check an answer against the issuer key in the store, and keep it for the cards.

    Raises:
        KeyManagementError: the certificate is for another key, or damaged; the role is another one.
    """

    def compare(value: bytes) -> None:
        made = answer.as_certificate()
        try:
            recovered = oda.recover_issuer_key(
                answer.ca_public, made.certificate, made.remainder, made.exponent, answer.issuer_id
            )
        except OdaError as error:
            raise KeyManagementError(f"the issuer certificate is no good: {error}") from error
        if recovered != read_rsa(value).public:
            raise KeyManagementError("the issuer certificate is for another key than the store's")

    bank.compute(officer, ISSUER, f"issuer certificate {answer.serial} accepted", compare)
    write_private(path, json.dumps(asdict(answer), indent=1).encode())


def read_certificate(path: Path) -> CertifiedKey:
    """A certificate that was accepted.

    Raises:
        KeyManagementError: there is none.
    """
    try:
        document: dict[str, Any] = json.loads(path.read_bytes())
        return CertifiedKey(**document)
    except OSError as error:
        raise KeyManagementError(f"{path}: the bank has no issuer certificate; ask the authority for one") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise KeyManagementError(f"{path}: this is no issuer certificate") from error


def issuer_spec(bits: int) -> KeySpec:
    """An issuer key that is to be made."""
    return KeySpec(ISSUER, Level.BANK, Usage.SIGNATURE, Algorithm.RSA, bits // 8)


def ca_spec(index: int, bits: int) -> KeySpec:
    """An authority's key that is to be made."""
    return KeySpec(ca_name(index), Level.AUTHORITY, Usage.SIGNATURE, Algorithm.RSA, bits // 8)
