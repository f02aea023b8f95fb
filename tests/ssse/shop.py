"""A workshop for social-security environments made by hand: files, keys and records that no profile has."""

from dataclasses import dataclass, field
from typing import Final

from cardsim.cos.access import FREE, AccessRule, Operator
from cardsim.cos.files import FileType
from cardsim.cos.keys import KeyUse, NewKey
from cardsim.cos.masterkey import Algorithm
from cardsim.crypto import social
from cardsim.crypto.social import Suite
from tests.cards import Bench, apdu, initialised, secrets

NO_LIMIT: Final = 0xFF


def key(reference: int) -> AccessRule:
    """The rule of one key."""
    return AccessRule(Operator.A, reference)


def value(number: int, length: int = 16) -> bytes:
    """An invented key."""
    return bytes((number * 17 + at * 29) & 0xFF for at in range(length))


def maced(suite: Suite, header: str, data: str, stk: bytes, challenge: bytes) -> str:
    """A command with its MAC under the session key of an STK (SSC part 4 §8.2), in hex."""
    message = bytes.fromhex(header) + bytes((len(data) // 2 + 4,)) + bytes.fromhex(data)
    session = social.session_key(suite, stk, challenge)
    return (message + social.mac4(suite, session, message)).hex().upper()


@dataclass(slots=True)
class Told:
    """Random numbers that a test vector asks for."""

    numbers: bytes
    position: int = 0

    def take(self, length: int) -> bytes:
        """The next ones."""
        self.position += length
        return self.numbers[self.position - length : self.position]

    def move(self, position: int) -> None:
        """Go to a place in them."""
        self.position = position


@dataclass(slots=True)
class Shop:
    """One card whose social-security environment is being set up; its master key is authenticated."""

    bench: Bench
    suite: Suite
    master: bytes
    keys: dict[int, bytes] = field(default_factory=dict)
    """Values of external keys by the P2 that names them."""

    def create(self, fid: str, data: str | bytes) -> str:
        """CREATE; the status word."""
        return self.bench.x(apdu(f"80E0{fid}", data))[-4:]

    def df(self, fid: str, name: str) -> str:
        """CREATE of a DF."""
        return self.create(fid, f"380000000000FFFF{name}")

    def key_file(self, slots: int = 16) -> str:
        """CREATE of the current DF's key file."""
        return self.create("0000", f"3F{slots:04X}")

    def ef(
        self,
        fid: str,
        size: int = 200,
        kind: FileType = FileType.LINEAR_VARIABLE,
        read: AccessRule = FREE,
        write: AccessRule = FREE,
        *,
        protected: bool = False,
    ) -> str:
        """CREATE of an EF; its SFI is the low five bits of its identifier."""
        sfi = int(fid, 16) & 0x1F
        data = (
            bytes((kind | 0x80 if protected else kind,))
            + size.to_bytes(2, "big")
            + bytes(read)
            + bytes(write)
            + bytes((sfi,))
        )
        return self.create(fid, data)

    def seal(self, header: str, plain: bytes) -> str:
        """A command under the master key and a fresh challenge; the status word."""
        return self.bench.protected(header, self.master, plain, self.suite)

    def write_key(
        self, use: KeyUse, number: int, secret: bytes, *, version: int = 1, limit: int = 3, algorithm: int | None = None
    ) -> str:
        """WRITE KEY in the current DF; the status word."""
        if algorithm is None:
            algorithm = Algorithm.DES if len(secret) == 8 else self.suite.key_algorithm_byte
        raw = bytes(NewKey(use, number, version, Algorithm(algorithm), limit, secret))
        return self.seal("84D40000", raw)

    def external(self, reference: int, *, limit: int = 3, version: int = 1) -> bytes:
        """WRITE KEY of an invented external key; returns its value."""
        secret = value(reference + version)
        assert self.write_key(KeyUse.EXTERNAL, reference & 0x0F, secret, version=version, limit=limit) == "9000"
        self.keys.setdefault(reference, secret)
        return secret

    def maintenance(self, secret: bytes) -> None:
        """WRITE KEY of the maintenance key (STK) of the current DF."""
        assert self.write_key(KeyUse.MAINTENANCE, 0x02, secret, limit=NO_LIMIT) == "9000"

    def maced(self, header: str, data: str, stk: bytes, challenge: bytes | None = None) -> str:
        """A command with the MAC of an STK and a fresh challenge (or the given one) in hex."""
        challenge = self.bench.challenge() if challenge is None else challenge
        return maced(self.suite, header, data, stk, challenge)

    def give(self, challenge: bytes) -> None:
        """GET CHALLENGE of a card whose random numbers begin with these bytes."""
        self.bench.model.environments[0].random = Told(challenge)
        assert self.bench.challenge(len(challenge)) == challenge

    def pin(self, digits: str, limit: int = 6) -> str:
        """WRITE KEY of the PIN."""
        return self.write_key(KeyUse.PIN, 0, bytes.fromhex(digits), version=0, limit=limit, algorithm=0)

    def append(self, sfi: int, number: int, record: str) -> str:
        """UPDATE RECORD behind the last record."""
        return self.bench.x(apdu(f"00DC{number:02X}{sfi << 3 | 4:02X}", record))[-4:]

    def root(self) -> None:
        """SELECT the environment itself; the master key's right stays."""
        assert self.bench.ssse() == "9000"

    def end(self) -> str:
        """END PERSONALISATION."""
        return self.bench.x("800A000000")

    def auth(self, reference: int) -> str:
        """EXTERNAL AUTHENTICATE under an external key; the status word."""
        return self.bench.authenticate(self.keys[reference], reference, self.suite)


def shop(suite: Suite = Suite.DES, *, switches: int = 0, pages: int = 256) -> Shop:
    """An environment with a master key and nothing else, selected, the master key authenticated."""
    bench = initialised(suite, switches=switches, pages=pages)
    master = secrets().ssse_first
    assert bench.ssse() == "9000"
    assert bench.authenticate(master, 0, suite) == "9000"
    return Shop(bench, suite, master)
