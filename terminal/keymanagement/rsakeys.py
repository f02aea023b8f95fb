"""RSA private keys as values of a store: PKCS #1."""

from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPrivateNumbers,
    RSAPublicNumbers,
    rsa_crt_dmp1,
    rsa_crt_dmq1,
    rsa_crt_iqmp,
)
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key

from cardsim.crypto.rsa import RsaPrivateKey


def write_rsa(key: RsaPrivateKey) -> bytes:
    """The PKCS #1 structure of a private key (RFC 8017 annex A.1.2)."""
    d = pow(key.e, -1, (key.p - 1) * (key.q - 1))
    crt = rsa_crt_dmp1(d, key.p), rsa_crt_dmq1(d, key.q), rsa_crt_iqmp(key.p, key.q)
    numbers = RSAPrivateNumbers(key.p, key.q, d, *crt, RSAPublicNumbers(key.e, key.n))
    # The numbers come from a key that was made here: looking for primes again would take longer than their use.
    whole = numbers.private_key(unsafe_skip_rsa_key_validation=True)
    return whole.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def read_rsa(data: bytes) -> RsaPrivateKey:
    """Inverse of `write_rsa`, for values that stood sealed in a store or a key block.

    Raises:
        ValueError: it is no private key.
    """
    key = load_der_private_key(data, None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("it is no RSA key")  # noqa: TRY004 -- it is the value that is wrong
    numbers = key.private_numbers()
    first, second = max(numbers.p, numbers.q), min(numbers.p, numbers.q)
    return RsaPrivateKey.from_primes(first, second, numbers.public_numbers.e)
