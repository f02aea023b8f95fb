"""An HSM (加密机): it holds root keys by address, computes with the keys of cards, and never gives a key out.

A key is named by its address (SC annex B). For each request the card's own key is derived from the root at that address
with the factors of province, city and card (STD-9 §7.3), used, and forgotten. What a key may be used for follows from
its name: a key for authentications signs no transaction.
"""

import enum
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, NoReturn

from cardsim.crypto import medical
from cardsim.crypto.medical import Purchase, TypeCoding
from cardsim.crypto.social import Suite, authentication_data, sealed
from cardsim.keyfile import KeyFileError, SsseKeys, generation_name
from terminal.effects import AuthorisePurchase, CardIdentity, Proof, ProveKey, PurchaseProof, SealCommand
from terminal.keyaddresses import address_text, addresses_by_name, names_by_address

REGISTER_LENGTH: Final = 10_000
"""How many of the latest accesses the register keeps."""


class Use(enum.Enum):
    """What a key is there for."""

    INTERNAL = "internal authentication"
    EXTERNAL = "external authentication"
    MESSAGE = "secure messaging"
    LOAD = "load"
    PURCHASE = "purchase"
    TAC = "transaction authorisation code"


USES: Final = (
    ("IRK", Use.INTERNAL),
    ("STK", Use.MESSAGE),
    ("DLK", Use.LOAD),
    ("DPK", Use.PURCHASE),
    ("DTK", Use.TAC),
    ("", Use.EXTERNAL),
)
"""Use by the beginning of a key's name, the first that fits. All the others open something on the card: RK, UK,
PUK, BK, LK, DSK."""


class HsmRefused(Exception):
    """The HSM does not do it; one sentence without any value."""


@dataclass(frozen=True, slots=True)
class Access:
    """One line of the register: who asked for which key, what for, on behalf of which card, and whether it was done."""

    number: int
    who: str
    use: Use
    address: str
    algorithm: str
    card: str
    granted: bool


@dataclass(frozen=True, slots=True)
class HeldKey:
    """One line of the inventory: where a root stands, its name with its generation, and for which algorithm."""

    address: str
    name: str
    algorithm: str


def use_of(name: str) -> Use:
    """What a key of that name is for."""
    return next(use for beginning, use in USES if name.startswith(beginning))


_Vault = Callable[[str, CardIdentity, Callable[[bytes], bytes]], bytes]


def _vault(keysets: tuple[SsseKeys, ...]) -> _Vault:
    """The only door to the keys: it computes with a card's key inside. Keys of single cards stay out."""
    held = {keys.suite: replace(keys, keys={}) for keys in keysets}

    def compute(name: str, card: CardIdentity, step: Callable[[bytes], bytes]) -> bytes:
        keys = held.get(card.suite)
        if keys is None:
            raise HsmRefused(f"the HSM has no keys for {card.suite.name}")
        key: bytes | None = None
        try:
            key = keys.card_key(name, card.suite, card.area, card.historical)
            if key is not None:
                return step(key)
            problem = "holds no key"
        except (KeyFileError, ValueError) as error:
            problem = f"gives no result: {error}"
        key = None  # a traceback shows locals
        raise HsmRefused(f"address {address_text(addresses_by_name()[name])} {problem}")

    return compute


class Hsm:
    """The HSM model. All lengths are those of the standard; amounts and times come as the card has them.

    Args:
        keysets: `[ssse]` of key files, one for each cipher: its roots, or its command.
        next_sequence: gives the next terminal sequence of a purchase without PSAM; counts from 1 if missing.
    """

    __slots__ = ("_codings", "_compute", "_held", "_next", "_numbers", "_register")

    def __init__(self, *keysets: SsseKeys, next_sequence: Callable[[], int] | None = None) -> None:
        self._compute = _vault(keysets)
        self._codings = {keys.suite: keys.medical_type for keys in keysets}
        self._held = {keys.suite: frozenset(keys.roots) for keys in keysets}
        self._next: Callable[[], int] = itertools.count(1).__next__ if next_sequence is None else next_sequence
        self._numbers = itertools.count(1)
        self._register: deque[Access] = deque(maxlen=REGISTER_LENGTH)

    def __repr__(self) -> str:
        return f"<Hsm with {', '.join(suite.name for suite in self._codings) or 'no'} keys>"

    def __reduce_ex__(self, _: object) -> NoReturn:
        raise TypeError("an HSM cannot be copied")

    def inventory(self) -> tuple[HeldKey, ...]:
        """The roots that it holds, by algorithm and address, without values (SCHEME-037).

        Keys behind a key file's command are not among them: that HSM keeps its own inventory.
        """
        return tuple(
            HeldKey(address_text(address), name, f"{suite.algorithm_id:02X}")
            for suite, names in self._held.items()
            for address, name in sorted(names_by_address().items())
            if name in names
        )

    @property
    def register(self) -> tuple[Access, ...]:
        """The access register, oldest first."""
        return tuple(self._register)

    def coding(self, suite: Suite) -> TypeCoding:
        """How the transaction type stands in MACs of that cipher's cards (D19)."""
        return self._codings.get(suite, TypeCoding.ASCII)

    def authenticate(self, who: str, address: int, card: CardIdentity, factor: bytes, original: bytes) -> bytes:
        """Authentication data under a card's key, 8 bytes (SSC part 4 §9).

        Raises:
            HsmRefused: no such key, a key for something else, or wrong lengths.
        """
        use = Use.INTERNAL if use_of(names_by_address().get(address, "")) is Use.INTERNAL else Use.EXTERNAL
        return self._with(who, use, address, card, lambda key: authentication_data(card.suite, key, factor, original))

    def seal(
        self, who: str, address: int, card: CardIdentity, challenge: bytes, header: bytes, plaintext: bytes | None
    ) -> bytes:
        """Data field of a command under secure messaging: enciphered plaintext if any, then MAC (SSC part 4 §8).

        Raises:
            HsmRefused: as above.
        """
        return self._with(
            who, Use.MESSAGE, address, card, lambda key: sealed(card.suite, key, challenge, header, plaintext)
        )

    def medical_mac(
        self, who: str, use: Use, address: int, card: CardIdentity, factors: tuple[bytes, bytes, bytes], data: bytes
    ) -> bytes:
        """MAC of a load or purchase, 4 bytes; `factors` are random number, sequence and tail (SSC part 7 §11.2, §12.2).

        Raises:
            HsmRefused: as above.
        """

        def step(key: bytes) -> bytes:
            return medical.mac(card.suite, medical.session(card.suite, key, *factors), data)

        return self._with(who, use, address, card, step)

    def tac(self, who: str, address: int, card: CardIdentity, data: bytes) -> bytes:
        """TAC over data, 4 bytes (SSC part 7 §15).

        Raises:
            HsmRefused: as above.
        """
        return self._with(who, Use.TAC, address, card, lambda key: medical.tac(card.suite, key, data))

    def next_sequence(self) -> bytes:
        """Terminal sequence of the next purchase without PSAM, 4 bytes (API-138)."""
        return self._next().to_bytes(4, "big")

    def _with(self, who: str, use: Use, address: int, card: CardIdentity, step: Callable[[bytes], bytes]) -> bytes:
        granted = False
        try:
            name = names_by_address().get(address)
            if name is None:
                raise HsmRefused(f"there is no key address {address_text(address)}")
            if use_of(name) is not use:
                raise HsmRefused(f"the key at {address_text(address)} is not for {use.value}")
            result = self._compute(name, card, step)
            granted = True
            return result
        finally:
            algorithm = f"{card.suite.algorithm_id:02X}"
            identification = card.identification.hex().upper()
            number = next(self._numbers)
            self._register.append(Access(number, who, use, address_text(address), algorithm, identification, granted))


class HsmModule:
    """The HSM as a terminal's security module (the way without PSAM, TRM-197)."""

    def __init__(self, hsm: Hsm, who: str = "terminal") -> None:
        self._hsm = hsm
        self._who = who

    def prove(self, request: ProveKey) -> Proof:
        """Authentication data under a key that is named as in a key file."""
        try:
            address = _address(request.key)
            return Proof(self._hsm.authenticate(self._who, address, request.card, request.factor, request.original))
        except HsmRefused as error:
            return Proof(None, str(error))

    def seal(self, request: SealCommand) -> Proof:
        """The data of a command under secure messaging."""
        try:
            return Proof(
                self._hsm.seal(
                    self._who,
                    _address(request.key),
                    request.card,
                    request.challenge,
                    request.header,
                    request.plaintext,
                )
            )
        except HsmRefused as error:
            return Proof(None, str(error))

    def authorise_purchase(self, request: AuthorisePurchase) -> PurchaseProof:
        """Terminal sequence, MAC1 and the MAC2 to expect (SSC part 7 §12.2 to §12.6)."""
        data, answer = request.request, request.card_answer
        if (len(data), len(answer)) != (19, 22):
            return PurchaseProof(problem="data and answer of INITIALIZE FOR PURCHASE have 19 and 22 bytes")
        try:
            purchase = Purchase.of_request(data)
            address = _address(generation_name("DPK", data[0]))
            return authorise(
                self._hsm, self._who, address, request.card, answer[18:], answer[14:16], purchase, request.time
            )
        except (HsmRefused, ValueError) as error:
            return PurchaseProof(problem=str(error))


def authorise(
    hsm: Hsm,
    who: str,
    address: int,
    card: CardIdentity,
    random: bytes,
    sequence: bytes,
    purchase: Purchase,
    time: bytes,
) -> PurchaseProof:
    """Terminal sequence and both MACs of a purchase without PSAM.

    Raises:
        HsmRefused: as in `Hsm`.
        ValueError: a length is wrong.
    """
    data = purchase.mac1_data(time, hsm.coding(card.suite))
    terminal_sequence = hsm.next_sequence()
    factors = (random, sequence, terminal_sequence[2:])
    mac1 = hsm.medical_mac(who, Use.PURCHASE, address, card, factors, data)
    mac2 = hsm.medical_mac(who, Use.PURCHASE, address, card, factors, purchase.mac2_data())
    return PurchaseProof(terminal_sequence, mac1, mac2)


def _address(name: str) -> int:
    address = addresses_by_name().get(name)
    if address is None:
        raise HsmRefused(f"the HSM has no address for {name}")
    return address
