"""What must live here: what a station asks a key service for while it makes a card, and a service that holds keys.

A station never has a key. It hands the service (an HSM, or its model) the card's challenge and what stands around a key
in the command, and gets the finished data field back: enciphered and MACed under a master key that the service holds
(D8, PERSO-113). Each service object belongs to one card; keys are named as in a key file, the card's own ones as here.

Whose service it is says what it can do: that of the card's maker has `TRANSPORT`, `CARD_MASTER` and the first master
keys of both environments, the department's the keys of SSSE, the bank's the channel to PSE and what is signed for it.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from cardsim.crypto import ciphers, oda, padding, pboc, scp02, social
from cardsim.crypto.oda import IccCertificate, IssuerCertificate
from cardsim.crypto.rsa import RsaPrivateKey
from cardsim.crypto.social import Suite

TRANSPORT: Final = "transport"
"""Transport key (传输密钥) of a batch of blank cards."""
CARD_MASTER: Final = "card master"
"""Card master key (卡片主控密钥)."""
SSSE_FIRST: Final = "ssse first master"
"""The master key that SSSE is handed over with."""
SSSE_MASTER: Final = "ssse master"
"""The department's own master key of SSSE, in its place."""
PSE_SET: Final = "pse master"
"""KENC, KMAC and KDEK of PSE, one behind the other, as they follow from KMC and KEYDATA (D7)."""
PIN: Final = "PIN"
"""The holder's first PIN in SSSE, as BCD."""
_CRT_PADDING: Final = 8


class KeyRefused(Exception):
    """The key service does not do it; one sentence without any value."""


@dataclass(frozen=True, slots=True)
class KeyLoad:
    """A key that is to be loaded: all of a WRITE KEY or CREATE KEY but the value.

    `header` is CLA INS P1 P2, `challenge` the card's (8 bytes), `under` the master key for cipher and MAC; `head` and
    `tail` stand around the value in the plaintext.
    """

    header: bytes
    challenge: bytes
    under: str
    head: bytes
    key: str
    tail: bytes = b""


class LoadingKeys(Protocol):
    """Keys that authenticate a station and are loaded."""

    def authenticate(self, key: str, challenge: bytes, original: bytes) -> bytes:
        """The 8 bytes that EXTERNAL AUTHENTICATE shows under a key (SSC part 4 §9).

        Raises:
            KeyRefused: no such key, or not now.
        """

    def load(self, load: KeyLoad) -> bytes:
        """Data field that loads a key: ciphertext and MAC (SSC part 9 §7.1).

        Raises:
            KeyRefused: as above.
        """


class SocialKeys(LoadingKeys, Protocol):
    """The department's keys for one card."""

    def certificate_code(self, first12: bytes) -> bytes:
        """The last four bytes of the card identification code, computed under IRK (V2 §8.1.1.1).

        Raises:
            KeyRefused: as above.
        """


class PaymentSecret(enum.Enum):
    """What STORE DATA brings enciphered: its content never leaves the service in clear."""

    UDKS = "card keys"
    """AC, MAC and ENC, 48 bytes (DGI 8000)."""
    PIN = "offline PIN"
    """PIN block of format 2 (DGI 8010)."""
    RSA_P = "p"
    RSA_Q = "q"
    RSA_DP = "d mod p-1"
    RSA_DQ = "d mod q-1"
    RSA_QINV = "inverse of q"


RSA_SECRETS: Final = (
    PaymentSecret.RSA_P, PaymentSecret.RSA_Q, PaymentSecret.RSA_DP, PaymentSecret.RSA_DQ, PaymentSecret.RSA_QINV,
)  # fmt: skip


class ChannelKeys(Protocol):
    """One session of the secure channel to PSE (SCP02 at level 03), inside the service."""

    def host_authentication(self) -> bytes:
        """The EXTERNAL AUTHENTICATE command that opens it."""

    def wrap(self, header: bytes, data: bytes) -> bytes:
        """A command of the session: data enciphered, with C-MAC."""

    def secret(self, what: PaymentSecret) -> bytes:
        """Content of a data grouping under the session's key for data.

        Raises:
            KeyRefused: the service has no such secret for this card.
        """


class PaymentKeys(Protocol):
    """The bank's keys for one card."""

    def open_channel(self, host_challenge: bytes, answer: bytes) -> ChannelKeys:
        """A session, from the 8 bytes sent and the 28 bytes answered to INITIALIZE UPDATE.

        Raises:
            KeyRefused: the card holds other keys, or not now.
        """

    def key_check_values(self) -> bytes:
        """Check values of the card keys, 3 bytes each (DGI 9000)."""

    def issuer_certificate(self, issuer_id: str, expiry: str) -> IssuerCertificate:
        """The issuer's key as the certification authority signed it."""

    def sign_static(self, dac: bytes, data: bytes) -> bytes:
        """Signed static application data (tag 93)."""

    def icc_certificate(self, pan: str, expiry: str, data: bytes) -> IccCertificate:
        """The card's key as the issuer signs it, with the card's static data."""


# --- a service that holds the keys itself


class HeldKeys:
    """`SocialKeys` of keys in memory: for `cardsim new`, and what an HSM does inside.

    Args:
        suite: cipher of the keys that authenticate and encipher.
        keys: values by name.
    """

    __slots__ = ("_keys", "_suite")

    def __init__(self, suite: Suite, keys: Mapping[str, bytes]) -> None:
        self._suite = suite
        self._keys = keys

    def __repr__(self) -> str:
        return f"<HeldKeys of {self._suite.value}>"

    def authenticate(self, key: str, challenge: bytes, original: bytes) -> bytes:
        """As in `LoadingKeys`."""
        return social.authentication_data(self._suite, self._key(key), challenge, original)

    def load(self, load: KeyLoad) -> bytes:
        """As in `LoadingKeys`."""
        under = self._key(load.under)
        body = social.master_encipher(self._suite, under, load.head + self._key(load.key) + load.tail)
        command = load.header + bytes((len(body) + social.MAC_LENGTH,)) + body
        return body + social.master_mac4(self._suite, under, command, load.challenge)

    def certificate_code(self, first12: bytes) -> bytes:
        """As in `SocialKeys`."""
        return social.certificate_code(self._suite, self._key("IRK"), first12)

    def _key(self, name: str) -> bytes:
        if name not in self._keys:
            raise KeyRefused(f"there is no key {name}")
        return self._keys[name]


class IssuerKeys(Protocol):
    """What certifies a card: the issuer's key and its certificate; certificates of cards have `serial`, 3 bytes."""

    @property
    def issuer(self) -> RsaPrivateKey:
        """The issuer's key."""

    @property
    def serial(self) -> bytes:
        """Serial number of certificates."""

    def certificate(self, issuer_id: str, expiry: str) -> IssuerCertificate:
        """The issuer's key as the certification authority signed it.

        Raises:
            KeyRefused: there is no certificate for that identifier and month.
        """


@dataclass(frozen=True, slots=True)
class Certifying:
    """`IssuerKeys` of one who has the authority's key as well, with its index; `serial` has 3 bytes."""

    ca: RsaPrivateKey = field(repr=False)
    ca_index: int
    issuer: RsaPrivateKey = field(repr=False)
    serial: bytes = b"\x00\x00\x01"

    def certificate(self, issuer_id: str, expiry: str) -> IssuerCertificate:
        """As in `IssuerKeys`."""
        return oda.build_issuer_certificate(self.ca, self.ca_index, self.issuer.public, issuer_id, expiry, self.serial)


@dataclass(frozen=True, slots=True)
class HeldPaymentKeys:
    """`PaymentKeys` of keys in memory. `icc` is missing where the card signs nothing, `pin` where it checks none."""

    kmc: bytes = field(repr=False)
    udks: bytes = field(repr=False)
    certifying: IssuerKeys
    icc: RsaPrivateKey | None = field(default=None, repr=False)
    pin: str | None = field(default=None, repr=False)

    def open_channel(self, host_challenge: bytes, answer: bytes) -> ChannelKeys:
        """As in `PaymentKeys`."""
        return HeldChannel(self, host_challenge, answer)

    def key_check_values(self) -> bytes:
        """As in `PaymentKeys`."""
        return pboc.key_check_values(self.udks)

    def issuer_certificate(self, issuer_id: str, expiry: str) -> IssuerCertificate:
        """As in `PaymentKeys`."""
        return self.certifying.certificate(issuer_id, expiry)

    def sign_static(self, dac: bytes, data: bytes) -> bytes:
        """As in `PaymentKeys`."""
        return oda.sign_static(self.certifying.issuer, dac, data)

    def icc_certificate(self, pan: str, expiry: str, data: bytes) -> IccCertificate:
        """As in `PaymentKeys`."""
        if self.icc is None:
            raise KeyRefused("there is no RSA key for the card")
        own = self.certifying
        return oda.build_icc_certificate(own.issuer, self.icc.public, pan, expiry, own.serial, data)

    def content(self, what: PaymentSecret) -> bytes:
        """A secret in clear: inside the service alone.

        Raises:
            KeyRefused: there is none.
        """
        match what:
            case PaymentSecret.UDKS:
                return self.udks
            case PaymentSecret.PIN:
                if self.pin is None:
                    raise KeyRefused("there is no offline PIN for the card")
                return pboc.pin_block_format2(self.pin)
            case _:
                if self.icc is None:
                    raise KeyRefused("there is no RSA key for the card")
                return _padded(self.icc)[RSA_SECRETS.index(what)]


def _padded(key: RsaPrivateKey) -> list[bytes]:
    """p, q, dP, dQ, qInv, each padded with 80 00.. to the cipher's block as personalisation systems do."""
    size = (key.p.bit_length() + 7) // 8
    padded = (size + _CRT_PADDING) // _CRT_PADDING * _CRT_PADDING
    return [
        (number.to_bytes(size, "big") + b"\x80").ljust(padded, b"\0")
        for number in (key.p, key.q, key.dp, key.dq, key.qinv)
    ]


class HeldChannel:
    """`ChannelKeys` of keys in memory."""

    __slots__ = ("_challenges", "_held", "_keys", "_mac")

    def __init__(self, held: HeldPaymentKeys, host_challenge: bytes, answer: bytes) -> None:
        keydata, sequence, challenge, cryptogram = answer[:10], answer[12:14], answer[14:20], answer[20:28]
        keys = scp02.session_keys(scp02.diversify_kmc(held.kmc, keydata), sequence)
        if scp02.card_cryptogram(keys.enc, host_challenge, sequence, challenge) != cryptogram:
            raise KeyRefused("the card cryptogram is wrong; the card holds other keys")
        self._held = held
        self._keys = keys
        self._challenges = (host_challenge, sequence, challenge)
        self._mac = bytes(8)

    def host_authentication(self) -> bytes:
        """As in `ChannelKeys`."""
        message = bytes.fromhex("8482030010") + scp02.host_cryptogram(self._keys.enc, *self._challenges)
        self._mac = scp02.command_mac(self._keys.mac, message, bytes(8))
        return message + self._mac

    def wrap(self, header: bytes, data: bytes) -> bytes:
        """As in `ChannelKeys`."""
        icv = scp02.encrypt_icv(self._keys.mac, self._mac)
        self._mac = scp02.command_mac(self._keys.mac, header + bytes((len(data) + 8,)) + data, icv)
        body = ciphers.des_cbc_encrypt(self._keys.enc, padding.pad80(data)) + self._mac
        return header + bytes((len(body),)) + body

    def secret(self, what: PaymentSecret) -> bytes:
        """As in `ChannelKeys`."""
        return self.encipher(self._held.content(what))

    def encipher(self, content: bytes) -> bytes:
        """Content under the session's key for data: inside the service alone."""
        return scp02.dek_encrypt(self._keys.dek, content)
