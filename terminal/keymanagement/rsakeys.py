"""RSA private keys as values of a store: PKCS #1."""

from Crypto.PublicKey import RSA

from cardsim.crypto.rsa import RsaPrivateKey


def write_rsa(key: RsaPrivateKey) -> bytes:
    """The PKCS #1 structure of a private key (RFC 8017 annex A.1.2)."""
    d = pow(key.e, -1, (key.p - 1) * (key.q - 1))
    # The numbers come from a key that was made or read here: looking for primes again would take longer than its use.
    return RSA.construct((key.n, key.e, d, key.p, key.q), consistency_check=False).export_key("DER")


def read_rsa(data: bytes) -> RsaPrivateKey:
    """Inverse of `write_rsa`.

    Raises:
        ValueError: it is no private key.
    """
    key = RSA.import_key(data)
    if not key.has_private():
        raise ValueError("it is no private key")
    return RsaPrivateKey.from_primes(max(key.p, key.q), min(key.p, key.q), key.e)
