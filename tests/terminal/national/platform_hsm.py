"""An HSM platform of our own for tests: the strings of the interface in, those of the HSM out.

Written from SSC part 4 §8 and §9, part 7 §12, and part 9 §7.3, on pycryptodome's DES and the SM4 of `cryptography`
alone, so that interface, card and cardsim.crypto cannot be wrong together. Algorithms are 01 and 03.
"""

from collections.abc import Mapping
from functools import reduce
from typing import Final

from Crypto.Cipher import DES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import ECB

_DES: Final = "01"


def _xor(first: bytes, second: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(first, second, strict=True))


def _block(key: bytes, data: bytes) -> bytes:
    """One block: DES with 8 bytes of key and data, SM4 with 16."""
    if len(key) == 8:
        return DES.new(key, DES.MODE_ECB).encrypt(data)
    encryptor = Cipher(SM4(key), ECB()).encryptor()
    return encryptor.update(data) + encryptor.finalize()


def _triple(key: bytes, data: bytes) -> bytes:
    if len(key) == 8:
        return _block(key, data)
    inner = DES.new(key[8:], DES.MODE_ECB).decrypt(_block(key[:8], data))
    return _block(key[:8], inner)


def _padded(data: bytes, size: int) -> bytes:
    data += b"\x80"
    return data + bytes(-len(data) % size)


def _mac(key: bytes, data: bytes) -> bytes:
    size, chained = len(key), bytes(len(key))
    data = _padded(data, size)
    for at in range(0, len(data), size):
        chained = _block(key, _xor(chained, data[at : at + size]))
    return chained[:4] if size == 8 else reduce(_xor, (chained[at : at + 4] for at in range(0, 16, 4)))


class PlatformHsm:
    """The roots of a key file, and one card."""

    def __init__(self, roots: Mapping[str, bytes], area: str, historical: str) -> None:
        self._roots = roots
        self._factors = (
            area[:2].encode() + b"0000sh",
            area.encode() + b"sx",
            bytes.fromhex(historical)[-8:],
        )

    def _key(self, algorithm: str, name: str) -> bytes:
        key = self._roots[name]
        for factor in self._factors:
            inverse = _xor(factor, b"\xff" * 8)
            if algorithm != _DES:
                key = _block(key, factor + inverse)
            elif len(key) == 8:
                key = _block(key, factor)
            else:
                key = _triple(key, factor) + _triple(key, inverse)
        return key

    def _session(self, algorithm: str, name: str, seed: bytes) -> bytes:
        key = self._key(algorithm, name)
        return _triple(key, seed.ljust(8, b"\0")) if algorithm == _DES else _block(key, seed.ljust(16, b"\0"))

    def authenticate(self, name: str, algorithm: str, factor: str, original: str) -> str:
        """`cryptogram||original`, 32 digits."""
        session = self._session(algorithm, name, bytes.fromhex(factor))
        done = _block(session, bytes.fromhex(original).ljust(len(session), b"\0"))
        return (done if len(done) == 8 else _xor(done[:8], done[8:])).hex().upper() + original

    def seal(self, algorithm: str, challenge: str, header: str, pin: str) -> str:
        """Header, cipher and MAC of PIN CHANGE/UNBLOCK under STKSSSE."""
        session = self._session(algorithm, "STKSSSE", bytes.fromhex(challenge))
        data, size = b"", len(session)
        if pin:
            digits = bytes.fromhex(pin + "F" * (len(pin) % 2))
            plain = bytes((len(digits),)) + digits
            plain = plain if len(plain) % size == 0 else _padded(plain, size)
            data = b"".join(_block(session, plain[at : at + size]) for at in range(0, len(plain), size))
        message = bytes.fromhex(header) + data
        return (message + _mac(session, message)).hex().upper()

    def purchase(self, step1: str, sequence: str, time: str) -> tuple[str, str]:
        """MAC1 for the fields of iDoDebit_HSM_Step1, and all that iDoDebit_HSM_Step2 must give then."""
        algorithm, _, random, card_sequence, amounts, kind, terminal, _, _ = step1.split("|")
        three, code = bytes.fromhex("00000000" + amounts), kind.encode()
        session = self._session(algorithm, "DPK", bytes.fromhex(random + card_sequence + sequence[4:]))
        mac1 = _mac(session, three + code + bytes.fromhex(terminal + time)).hex().upper()
        mac2 = _mac(session, three).hex().upper()
        key = self._key(algorithm, "DTK")
        key = _xor(key[:8], key[8:]) if algorithm == _DES else key
        tac = _mac(key, three + code + bytes.fromhex(terminal + sequence + time)).hex().upper()
        return mac1, f"{mac2}|{algorithm}|00B5|{amounts}|{kind}|{terminal}|{sequence}|{time}|{tac}|"
