"""The host of a secure channel, step by step, so that each step can go wrong."""

from dataclasses import dataclass
from typing import Final

from cardsim.crypto import ciphers, padding, pboc, scp02
from tests.cards import Bench, secrets
from tests.pse.perso import ADF, CHALLENGE

NEW: Final = scp02.CardKeys(bytes(range(16)), bytes(range(16, 32)), bytes(range(32, 48)))
"""Another key set."""


def card_keys() -> scp02.CardKeys:
    """The first key set of the demo card."""
    return scp02.diversify_kmc(secrets().kmc, secrets().keydata)


@dataclass(slots=True)
class Host:
    """INITIALIZE UPDATE, EXTERNAL AUTHENTICATE and commands at any security level."""

    bench: Bench
    keys: scp02.CardKeys | None = None
    name: bytes = ADF
    session: scp02.SessionKeys | None = None
    level: int = 0
    mac: bytes = b""
    block: int = 0
    answer: bytes = b""

    @property
    def sequence(self) -> bytes:
        """Sequence counter of the card."""
        return self.answer[12:14]

    @property
    def keydata(self) -> bytes:
        """KEYDATA of the card."""
        return self.answer[:10]

    @property
    def version(self) -> int:
        """Version of the card's key set."""
        return self.answer[10]

    def initialize(self) -> str:
        """SELECT and INITIALIZE UPDATE; the status word."""
        self.bench.select(self.name.hex())
        self.answer = self.bench.send(bytes.fromhex("8050000008") + CHALLENGE)
        if len(self.answer) == 30:
            self.session = scp02.session_keys(self.keys or card_keys(), self.sequence)
        return self.bench.sw

    def opening(self, level: int, spoil: int = 0) -> bytes:
        """EXTERNAL AUTHENTICATE; `spoil` is exclusive-ored to its data."""
        assert self.session is not None
        proof = scp02.host_cryptogram(self.session.enc, CHALLENGE, self.sequence, self.answer[14:20])
        message = bytes((0x84, 0x82, level, 0, 16)) + proof
        self.mac = scp02.command_mac(self.session.mac, message, bytes(8))
        self.level = level
        return message[:5] + (int.from_bytes(proof + self.mac, "big") ^ spoil).to_bytes(16, "big")

    def authenticate(self, level: int, spoil: int = 0) -> str:
        """The same, sent; the status word."""
        self.bench.send(self.opening(level, spoil))
        return self.bench.sw

    def open(self, level: int) -> "Host":
        """All of that, successfully."""
        assert self.initialize() == "9000"
        assert self.authenticate(level) == "9000"
        self.block = 0
        return self

    def sealed(self, ins: int, p1: int, p2: int, data: bytes, spoil: int = 0) -> bytes:
        """A command as the security level asks for it; `spoil` is exclusive-ored to the C-MAC."""
        assert self.session is not None
        if not self.level:
            return bytes((0x80, ins, p1, p2, len(data))) + data
        icv = scp02.encrypt_icv(self.session.mac, self.mac)
        head = bytes((0x84, ins, p1, p2))
        self.mac = scp02.command_mac(self.session.mac, head + bytes((len(data) + 8,)) + data, icv)
        body = ciphers.des_cbc_encrypt(self.session.enc, padding.pad80(data)) if self.level == 3 else data
        mac = (int.from_bytes(self.mac, "big") ^ spoil).to_bytes(8, "big")
        return head + bytes((len(body) + 8,)) + body + mac

    def command(self, ins: int, p1: int, p2: int, data: bytes, spoil: int = 0) -> str:
        """Send it; the status word."""
        self.bench.send(self.sealed(ins, p1, p2, data, spoil))
        return self.bench.sw

    def grouping(self, dgi: int, content: bytes, *, secret: bool = False) -> bytes:
        """A data grouping of at most 254 bytes, under the S-DEK where it is secret."""
        assert self.session is not None
        if secret:
            content = scp02.dek_encrypt(self.session.dek, content)
        return dgi.to_bytes(2, "big") + bytes((len(content),)) + content

    def store(self, dgi: int, content: bytes, p1: int = 0) -> str:
        """STORE DATA of one grouping with the next block number, under the S-DEK where P1 says so."""
        self.block += 1
        return self.command(0xE2, p1, self.block - 1, self.grouping(dgi, content, secret=bool(p1 & 0x60)))


def put_key_data(host: Host, keys: scp02.CardKeys, version: int) -> bytes:
    """Data of PUT KEY for a new set."""
    assert host.session is not None
    data = bytes((version,))
    for key in (keys.enc, keys.mac, keys.dek):
        data += b"\x80\x10" + scp02.dek_encrypt(host.session.dek, key) + b"\x03" + pboc.key_check_value(key)
    return data
