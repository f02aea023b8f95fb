"""SM3 and SM2 (GB/T 32905, GB/T 32918.2) on PBOC 3.0 certificates; this card, a 2.0 one, offers neither.

The curve is plain arithmetic here: it verifies two public certificates and protects nothing.
"""

import pytest
from cryptography.hazmat.primitives.hashes import SM3, Hash

from tests.crypto.published import VECTORS, numbers, recomputes

# The recommended curve (GB/T 32918.5), y² = x³ - 3x + b over P, base point G of order N.
P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A = P - 3
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
G = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)
IDENTITY = b"1234567812345678"
Point = tuple[int, int] | None


def add(first: Point, second: Point) -> Point:
    """Sum of two points; None is the neutral one."""
    if first is None or second is None:
        return first or second
    (x1, y1), (x2, y2) = first, second
    if x1 == x2 and (y1 + y2) % P == 0:
        return None
    slope = (3 * x1 * x1 + A) * pow(2 * y1, -1, P) if first == second else (y2 - y1) * pow(x2 - x1, -1, P)
    x = (slope * slope - x1 - x2) % P
    return x, (slope * (x1 - x) - y1) % P


def times(factor: int, point: Point) -> Point:
    """A multiple of a point."""
    result: Point = None
    while factor:
        if factor & 1:
            result = add(result, point)
        point, factor = add(point, point), factor >> 1
    return result


def sm3(*parts: bytes) -> bytes:
    """SM3 of some bytes."""
    digest = Hash(SM3())
    for part in parts:
        digest.update(part)
    return digest.finalize()


def number(data: bytes) -> int:
    """Bytes as a number."""
    return int.from_bytes(data, "big")


def verifies(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether an SM2 signature (r, s) of a message holds under a key (x, y), with the usual identity of the signer."""
    key, r, s = (number(public[:32]), number(public[32:])), number(signature[:32]), number(signature[32:])
    if (key[1] ** 2 - key[0] ** 3 - A * key[0] - B) % P or not (0 < r < N and 0 < s < N) or not (r + s) % N:
        return False
    curve = b"".join(value.to_bytes(32, "big") for value in (A, B, *G, *key))
    signer = sm3((8 * len(IDENTITY)).to_bytes(2, "big"), IDENTITY, curve)
    point = add(times(s, G), times((r + s) % N, key))
    return point is not None and (number(sm3(signer, message)) + point[0]) % N == r


@recomputes(*numbers("sm3_hash"))
def test_sm3(number: int) -> None:
    vector = VECTORS[number]
    assert sm3(vector.data("message")) == vector.result("hash")


@recomputes(*numbers("sm2_ver"))
def test_certificate(number: int) -> None:
    """PBOC-CRY-015."""
    vector = VECTORS[number]
    public, message, signature = (vector.data(name) for name in ("pub", "message", "signature"))
    assert verifies(public, message, signature) is vector.outputs["ok"]
    for place in (0, len(message) - 1):
        assert not verifies(public, message[:place] + bytes((message[place] ^ 1,)) + message[place + 1 :], signature)
    assert not verifies(public, message, signature[:-1] + bytes((signature[-1] ^ 1,)))


@pytest.mark.parametrize("signature", [bytes(64), bytes(32) + bytes(31) + b"\1", b"\xff" * 64])
def test_numbers_out_of_range(signature: bytes) -> None:
    vector = VECTORS[120]
    assert not verifies(vector.data("pub"), vector.data("message"), signature)


def test_key_off_the_curve() -> None:
    vector = VECTORS[120]
    assert not verifies(vector.data("pub")[:-1] + b"\0", vector.data("message"), vector.data("signature"))


def test_issuer_certificate_holds_the_key_of_the_icc_certificate() -> None:
    """The chain: 120 certifies, in its last 64 bytes, the key under which 121 verifies."""
    assert VECTORS[120].data("message")[-64:] == VECTORS[121].data("pub")
