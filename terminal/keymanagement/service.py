"""The key service of a run (密钥服务): both parties' keys for one card after the other, while their channels are open.

Stations have it, in this process or in workers: a worker is handed a `RunPass` through memory or a pipe. The values
stay behind `cardsim.making.keyservice`: nothing here gives a key away.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NoReturn, Protocol

from cardsim.crypto import pboc, scp02
from cardsim.crypto.oda import IccCertificate, IssuerCertificate
from cardsim.crypto.rsa import RsaPrivateKey, generate_rsa
from cardsim.crypto.social import Suite, diversify, factor_card
from cardsim.making import keyservice
from cardsim.making.demo import ICC_BITS
from cardsim.making.keyservice import (
    ChannelKeys,
    HeldKeys,
    HeldPaymentKeys,
    KeyRefused,
    LoadingKeys,
    PaymentKeys,
    PaymentSecret,
    SocialKeys,
)
from terminal.keymanagement.certificates import ISSUER, CertifiedKey
from terminal.keymanagement.hierarchy import city_of
from terminal.keymanagement.kinds import Role, suite_name
from terminal.keymanagement.names import (
    CARD_MASTER_ROOT,
    ICC_SEED,
    KMC,
    MDK_AC,
    MDK_ENC,
    MDK_MAC,
    OFFLINE_PIN,
    SOCIAL_PIN,
    TRANSPORT_KEY,
)
from terminal.keymanagement.rsakeys import read_rsa
from terminal.keymanagement.runs import Channel, RunPass
from terminal.perso.records import BankRecord

_ICC_EXPONENT: Final = 3


class CardBody(Protocol):
    """A card body in the machine, as far as keys follow from it."""

    @property
    def historical(self) -> bytes:
        """The 13 historical bytes of its ATR."""

    @property
    def area(self) -> str:
        """Area code in the card identification code, six digits; empty where the card has no social side."""

    @property
    def order(self) -> str:
        """Number of the order that it is made for."""


@dataclass(frozen=True, slots=True)
class _Issuer:
    """The issuer's key with the certificate that the authority gave for it."""

    issuer: RsaPrivateKey = field(repr=False)
    certified: CertifiedKey

    @property
    def serial(self) -> bytes:
        return bytes.fromhex(self.certified.serial)

    def certificate(self, issuer_id: str, expiry: str) -> IssuerCertificate:
        if (issuer_id, expiry) != (self.certified.issuer_id, self.certified.expiry):
            raise KeyRefused(
                f"the issuer certificate is for {self.certified.issuer_id} until {self.certified.expiry}, "
                f"not for {issuer_id} until {expiry}"
            )
        return self.certified.as_certificate()


class RunKeys:
    """The key services of a run, for one card body after the other.

    Args:
        run: from `KeyRuns.pass_of`.

    Raises:
        KeyRefused: the run has ended.
    """

    __slots__ = ("_content", "_issuer", "_run")

    def __init__(self, run: RunPass) -> None:
        self._run = run
        self._content = {role: run.content(role) for role in run.channels}
        self._issuer: _Issuer | None = None
        if Role.BANK in run.channels:
            certified = CertifiedKey(**self._content[Role.BANK]["certificate"])
            self._issuer = _Issuer(read_rsa(self._bank(ISSUER)), certified)

    def __repr__(self) -> str:
        return f"<RunKeys of {self._run.batch}>"

    def __reduce_ex__(self, _: object) -> NoReturn:
        raise TypeError("keys of a run cannot be copied; hand the RunPass on")

    def card(self, body: CardBody, keydata: bytes) -> LoadingKeys:
        """The maker's: transport key, card master key, and both environments' first master keys, to be loaded.

        `keydata` (10 bytes) is what the payment environment's keys follow from.
        """
        factor = factor_card(body.historical)

        def value(name: str) -> bytes | None:
            match name:
                case keyservice.TRANSPORT:
                    return self._key(Role.MAKER, "", TRANSPORT_KEY)
                case keyservice.CARD_MASTER:
                    root = self._key(Role.MAKER, "", CARD_MASTER_ROOT)
                    return None if root is None else diversify(Suite.DES, root, factor)
                case keyservice.SSSE_FIRST:
                    return self._social(body, name)
                case keyservice.PSE_SET if self._issuer is not None:
                    keys = scp02.diversify_kmc(self._bank(KMC), keydata)
                    return keys.enc + keys.mac + keys.dek
                case _:
                    return None

        return HeldKeys(Suite.DES, _CardKeys(tuple(self._run.channels.values()), value))

    def social(self, body: CardBody) -> SocialKeys:
        """The department's keys for this card."""
        own = self._run.channels.get(Role.DEPARTMENT)
        if own is None:
            raise KeyRefused("this run has no channel to the department's HSM")
        return HeldKeys(self._run.suite, _CardKeys((own,), lambda name: self._social(body, name)))

    def payment(self, body: CardBody, bank: BankRecord) -> PaymentKeys:
        """The bank's keys for this card."""
        if self._issuer is None:
            raise KeyRefused("this run has no channel to the bank's HSM")
        channel = self._run.channels[Role.BANK]
        channel.check()
        udks = b"".join(pboc.derive_udk(self._bank(name), bank.pan, bank.psn) for name in (MDK_AC, MDK_MAC, MDK_ENC))
        icc = icc_key(self._bank(ICC_SEED), body.order)
        pin = self._bank(OFFLINE_PIN).decode("ascii")
        return _Payment(channel, HeldPaymentKeys(self._bank(KMC), udks, self._issuer, icc, pin))

    def _social(self, body: CardBody, name: str) -> bytes | None:
        """A key of SSSE for this card, from the city's."""
        if Role.DEPARTMENT not in self._run.channels or not body.area:
            return None
        store = city_of(body.area).name
        if name == keyservice.PIN:
            pin = self._key(Role.DEPARTMENT, store, SOCIAL_PIN)
            return None if pin is None else bytes.fromhex(pin.decode("ascii"))
        key = self._key(Role.DEPARTMENT, store, suite_name(self._run.suite, name))
        return None if key is None else diversify(self._run.suite, key, factor_card(body.historical))

    def _bank(self, name: str) -> bytes:
        key = self._key(Role.BANK, "", name)
        if key is None:
            raise KeyRefused(f"the bank's channel has no key {name}")
        return key

    def _key(self, role: Role, store: str, name: str) -> bytes | None:
        stores: Mapping[str, Mapping[str, str]] = self._content[role]["keys"]
        if store and store not in stores:
            raise KeyRefused(f"the run has no keys of department/{store}")
        text = (stores[store] if store else next(iter(stores.values()))).get(name)
        return None if text is None else bytes.fromhex(text)


def icc_key(seed: bytes, order: str) -> RsaPrivateKey:
    """The RSA key of the card of an order: the same for the same order, whoever makes it and when."""
    stream = hashlib.shake_256(seed + order.encode())
    count = 0

    def take(length: int) -> bytes:
        nonlocal count
        part = stream.copy()
        part.update(count.to_bytes(8, "big"))
        count += 1
        return part.digest(length)

    return generate_rsa(ICC_BITS, _ICC_EXPONENT, take)


class _CardKeys(Mapping[str, bytes]):
    """Keys of one card, derived when they are asked for, and given only while the channels are open."""

    __slots__ = ("_channels", "_known", "_value")

    def __init__(self, channels: tuple[Channel, ...], value: Callable[[str], bytes | None]) -> None:
        self._channels = channels
        self._value = value
        self._known: dict[str, bytes] = {}

    def __repr__(self) -> str:
        return "<keys of a card>"

    def __getitem__(self, name: str) -> bytes:
        for channel in self._channels:
            channel.check()
        if name not in self._known:
            value = self._value(name)
            if value is None:
                raise KeyError(name)
            self._known[name] = value
        return self._known[name]

    def __contains__(self, name: object) -> bool:
        try:
            return isinstance(name, str) and bool(self[name])
        except KeyError:
            return False

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


@dataclass(frozen=True, slots=True)
class _Payment:
    """The bank's keys for one card, while the channel is open."""

    channel: Channel
    held: HeldPaymentKeys

    def open_channel(self, host_challenge: bytes, answer: bytes) -> ChannelKeys:
        self.channel.check()
        return _Session(self.channel, self.held.open_channel(host_challenge, answer))

    def key_check_values(self) -> bytes:
        self.channel.check()
        return self.held.key_check_values()

    def issuer_certificate(self, issuer_id: str, expiry: str) -> IssuerCertificate:
        self.channel.check()
        return self.held.issuer_certificate(issuer_id, expiry)

    def sign_static(self, dac: bytes, data: bytes) -> bytes:
        self.channel.check()
        return self.held.sign_static(dac, data)

    def icc_certificate(self, pan: str, expiry: str, data: bytes) -> IccCertificate:
        self.channel.check()
        return self.held.icc_certificate(pan, expiry, data)


@dataclass(frozen=True, slots=True)
class _Session:
    """A session with PSE, while the channel is open."""

    channel: Channel
    keys: ChannelKeys

    def host_authentication(self) -> bytes:
        self.channel.check()
        return self.keys.host_authentication()

    def wrap(self, header: bytes, data: bytes) -> bytes:
        self.channel.check()
        return self.keys.wrap(header, data)

    def secret(self, what: PaymentSecret) -> bytes:
        self.channel.check()
        return self.keys.secret(what)
