"""A party's HSM for key management: it serves its own role alone, writes every request down, and shows no value.

Who asks is an `Officer`; a request of another role is refused and registered (SCHEME-185 to 187). Keys leave only as
key blocks under a transport key that both stores share, and only on the ways of `WAYS`: department and bank share none.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NoReturn, TypeVar

from cardsim.crypto.social import diversify
from terminal.errors import LinkError
from terminal.keymanagement.keyblock import KeyBlock, KeyBlockError, read_header
from terminal.keymanagement.kinds import (
    Algorithm,
    KeyInfo,
    KeyManagementError,
    KeyRequestRefused,
    KeyState,
    Level,
    Officer,
    Place,
    Role,
    Usage,
    check_value,
    suite_of,
)
from terminal.keymanagement.register import Action, Register
from terminal.keymanagement.sealing import Random
from terminal.keymanagement.store import KeyStore, NewKey

NATIONAL: Final = "national"
"""Name of the department's store with the roots; the others have area codes of two or six digits."""
PROVINCE_DIGITS: Final = 2
TRANSPORT_YEARS: Final = 5
"""Life of a transport key (PERSO-059). Its 128 bits at least (PERSO-058) are those of AES."""
WAYS: Final = frozenset(
    {
        (Role.DEPARTMENT, Role.DEPARTMENT),
        (Role.DEPARTMENT, Role.MAKER),
        (Role.BANK, Role.MAKER),
        (Role.MAKER, Role.DEPARTMENT),
        (Role.MAKER, Role.BANK),
    }
)
"""From whom to whom keys may go; a maker hands over card master keys in stepwise mode (PERSO-090)."""
_ALGORITHMS: Final = {
    Algorithm.DES: "D", Algorithm.TDES: "T", Algorithm.AES: "A", Algorithm.RSA: "R", Algorithm.SM4: "4",
    Algorithm.DIGITS: "9",
}  # fmt: skip
"""Codes in a key block (TR-31 table 7); digits are proprietary, for TR-31 has no code for SM4."""
_MODES: Final = {Usage.SIGNATURE: "S", Usage.PIN: "N"}
_DERIVES: Final = "X"
_LABEL, _CHECK, _WAY, _SERIAL, _SESSION = "LB", "KC", "10", "11", "12"
"""Optional blocks: label and check value as in X9.143; way, serial number and session are proprietary."""
_CHECK_KINDS: Final = {Algorithm.AES: "01"}
_Result = TypeVar("_Result")


class HsmUnavailable(LinkError):
    """The HSM is off or not there."""


@dataclass(frozen=True, slots=True)
class KeySpec:
    """A key that is to be made. `version` 0 is the next one."""

    name: str
    level: Level
    usage: Usage
    algorithm: Algorithm
    length: int
    """Bytes of the value; of RSA, of the modulus."""
    peer: str = ""
    version: int = 0


def transport_name(one: Place, other: Place) -> str:
    """Name of the transport key that two stores share, the same in both."""
    return "transport " + " ".join(sorted((str(one), str(other))))


def renewal(now: datetime) -> str:
    """When a key that is made now and protects transport must have been renewed."""
    day = min(now.day, 28) if now.month == 2 else now.day
    return now.replace(year=now.year + TRANSPORT_YEARS, day=day).isoformat(timespec="seconds")


class PartyHsm:
    """The HSM of one store.

    Args:
        store: opened.
        register: of the role.
        clock: local time.
        random: where values come from.
    """

    __slots__ = ("_clock", "_random", "_store", "register")

    def __init__(
        self, store: KeyStore, register: Register, clock: Callable[[], datetime], random: Random = secrets.token_bytes
    ) -> None:
        self._store = store
        self.register = register
        self._clock = clock
        self._random = random

    def __repr__(self) -> str:
        return f"<PartyHsm {self.place}>"

    def __reduce_ex__(self, _: object) -> NoReturn:
        raise TypeError("an HSM cannot be copied")

    @property
    def place(self) -> Place:
        """Whose store it is."""
        return self._store.place

    @property
    def fresh(self) -> bool:
        """Whether nobody else has changed the store since it was opened."""
        return self._store.fresh

    def now(self) -> datetime:
        """Its clock."""
        return self._clock()

    # --- who may

    def asked(
        self, officer: Officer, action: Action, keys: Sequence[str], purpose: str, work: Callable[[], _Result]
    ) -> _Result:
        """Do work for an officer of the store's own role; granted or refused, it is registered.

        What is changed in the store is saved, all of it or nothing.

        Raises:
            KeyRequestRefused: another role.
            KeyManagementError: of `work`.
        """
        now = self._clock()
        if officer.role is not self.place.role:
            reason = f"keys of the {self.place.role.value} are not for the {officer.role.value}"
            self.register.note(now, officer, self.place, action, keys, purpose, reason)
            raise KeyRequestRefused(f"{self.place}: {reason}")
        try:
            with self._store.changing():
                result = work()
        except KeyManagementError as error:
            self.register.note(now, officer, self.place, action, keys, purpose, str(error))
            raise
        self.register.note(now, officer, self.place, action, keys, purpose)
        return result

    def inventory(self, officer: Officer, purpose: str = "inventory") -> tuple[KeyInfo, ...]:
        """All versions of all keys, without values (SCHEME-037).

        Raises:
            KeyRequestRefused: another role.
        """
        return self.asked(officer, Action.INVENTORY, (), purpose, lambda: tuple(self._store))

    def find(self, name: str, version: int | None = None) -> KeyInfo | None:
        """What is known of a version, or of the active one; for what has been asked for already."""
        return self._store.find(name, version)

    def known(self) -> tuple[KeyInfo, ...]:
        """As `inventory`, inside something that was asked for."""
        return tuple(self._store)

    # --- making and life

    def generate(
        self,
        officer: Officer,
        specs: Sequence[KeySpec],
        purpose: str,
        source: Callable[[KeySpec], bytes] | None = None,
        *,
        activate: bool = True,
    ) -> tuple[KeyInfo, ...]:
        """Make keys inside, by chance or from a source that replays.

        Raises:
            KeyManagementError: the role is another one, a key is too short for what it protects, or is there.
        """

        def make() -> tuple[KeyInfo, ...]:
            made = []
            for spec in specs:
                value = self._value(spec) if source is None else source(spec)
                made.append(self._put(spec, value, activate=activate))
            return tuple(made)

        return self.asked(officer, Action.GENERATE, [spec.name for spec in specs], purpose, make)

    def load(self, officer: Officer, spec: KeySpec, value: bytes, purpose: str, *, activate: bool = True) -> KeyInfo:
        """Take in a key that a ceremony combined.

        Raises:
            KeyManagementError: as `generate`.
        """
        return self.asked(
            officer, Action.LOAD, (spec.name,), purpose, lambda: self._put(spec, value, activate=activate)
        )

    def change(self, officer: Officer, name: str, version: int, state: KeyState, purpose: str) -> KeyInfo:
        """Activate, retire or destroy a version.

        Raises:
            KeyManagementError: the role is another one, there is no such key, or that state does not follow.
        """
        action = {KeyState.ACTIVE: Action.ACTIVATE, KeyState.RETIRED: Action.RETIRE}.get(state, Action.DESTROY)
        key = f"{name} version {version}"
        return self.asked(
            officer, action, (key,), purpose, lambda: self._store.change(name, version, state, self._text())
        )

    def rotate(self, officer: Officer, name: str, purpose: str) -> KeyInfo:
        """A new version of a key, active at once; the former one is retired (SCHEME-188).

        Raises:
            KeyManagementError: the role is another one, or there is no active version.
        """

        def renew() -> KeyInfo:
            info = self._store.find(name)
            if info is None:
                raise KeyManagementError(f"{self.place} has no active key {name}")
            spec = KeySpec(name, info.level, info.usage, info.algorithm, info.bits // 8, info.peer)
            return self._put(spec, self._value(spec), activate=True)

        return self.asked(officer, Action.GENERATE, (name,), purpose, renew)

    def _value(self, spec: KeySpec) -> bytes:
        if spec.algorithm is not Algorithm.RSA:
            return self._random(spec.length)
        from cardsim.crypto.rsa import generate_rsa
        from terminal.keymanagement.rsakeys import write_rsa

        return write_rsa(generate_rsa(spec.length * 8, 3, self._random))

    def _put(self, spec: KeySpec, value: bytes, *, activate: bool) -> KeyInfo:
        expires = ""
        if spec.usage is Usage.TRANSPORT:
            if spec.algorithm is not Algorithm.AES:
                raise KeyManagementError(f"a transport key is for aes, not {spec.algorithm.value}")
            expires = renewal(self._clock())
        new = NewKey(
            spec.name, spec.level, spec.usage, spec.algorithm, value, spec.version, expires=expires, peer=spec.peer
        )
        info = self._store.add(new, self._text())
        return self._store.change(info.name, info.version, KeyState.ACTIVE, self._text()) if activate else info

    def _text(self) -> str:
        return self._clock().isoformat(timespec="seconds")

    # --- faults (`terminal.keymanagement.incidents`)

    def content(self) -> bytes:
        """All that is in the store, for a backup that is sealed at once; inside something that was asked for."""
        return self._store.content()

    def drop(self, name: str, version: int) -> None:
        """The device loses a key.

        Raises:
            KeyManagementError: there is no such key.
        """
        with self._store.changing():
            self._store.lose(name, version)

    def take_back(self, content: bytes, name: str, version: int) -> None:
        """A lost key from a backup; inside something that was asked for.

        Raises:
            KeyManagementError: it is not in the backup.
        """
        self._store.take_back(content, name, version)

    # --- use

    def compute(
        self, officer: Officer, name: str, purpose: str, step: Callable[[bytes], _Result], version: int | None = None
    ) -> _Result:
        """Compute with a key inside. `step` is the model's firmware: it gives results, never the key.

        Raises:
            KeyManagementError: the role is another one, or there is no such key.
        """
        return self.asked(officer, Action.COMPUTE, (name,), purpose, lambda: self._store.use(name, step, version))

    def show(self, officer: Officer, names: Sequence[str], purpose: str) -> dict[str, bytes]:
        """Active keys in clear: for key files of tests alone, and registered as what it is.

        Raises:
            KeyManagementError: the role is another one, or there is no such key.
        """
        return self.asked(
            officer, Action.SHOW, names, purpose, lambda: {name: self._store.use(name, bytes) for name in names}
        )

    # --- transport

    def export(
        self, officer: Officer, names: Sequence[str], peer: Place, purpose: str, *, factor: bytes | None = None,
        session: str = "",
    ) -> list[str]:  # fmt: skip
        """Active keys as key blocks for another store, under the transport key that both share.

        Args:
            officer: of this store's role.
            names: of active keys.
            peer: where they go.
            purpose: for the register.
            factor: 8 bytes; social keys go one level down by it (STD-9 §7.3).
            session: what the other side says for this time; its blocks are good for nothing afterwards.

        Raises:
            KeyManagementError: the role is another one, keys of this role never go there, no transport key is shared or
                it is too old, or there is no such key.
        """

        def wrap() -> list[tuple[KeyInfo, str]]:
            if (self.place.role, peer.role) not in WAYS:
                raise KeyRequestRefused(f"keys of the {self.place.role.value} never go to the {peer.role.value}")
            protection = self._transport(peer)
            return [self._wrap(name, peer, protection, factor, session) for name in names]

        blocks = self.asked(officer, Action.EXPORT, names, f"{purpose}, for {peer}", wrap)
        self.register.keep_traffic(self._clock(), self.place, peer, purpose, blocks)
        return [block for _, block in blocks]

    def import_blocks(
        self, officer: Officer, blocks: Sequence[str], peer: Place, purpose: str, *, activate: bool = True
    ) -> tuple[KeyInfo, ...]:
        """Keys of key blocks that another store exported for this one.

        Raises:
            KeyManagementError: the role is another one, or a block was made for another store or under another key, was
                damaged, came before, or its key has another check value than it says.
        """

        def unwrap() -> tuple[KeyInfo, ...]:
            protection = self._transport(peer)
            return tuple(self._unwrap(block, peer, protection, activate=activate) for block in blocks)

        names = [_label(block) for block in blocks]
        return self.asked(officer, Action.IMPORT, names, f"{purpose}, from {peer}", unwrap)

    def compute_with(
        self,
        officer: Officer,
        blocks: Sequence[str],
        peer: Place,
        session: str,
        purpose: str,
        step: Callable[[Mapping[str, bytes]], _Result],
    ) -> _Result:
        """Compute with keys of key blocks that do not stay: they are for this session alone.

        Raises:
            KeyManagementError: as `import_blocks`; a block of another session came before.
        """

        def work() -> _Result:
            protection = self._transport(peer)
            opened = [self._opened(block, peer, protection) for block in blocks]
            for block in opened:
                if block.options.get(_SESSION) != session:
                    raise KeyRequestRefused(f"the key block of {block.options.get(_LABEL)} is of another session")
            return step({block.options[_LABEL]: block.value for block in opened})

        return self.asked(officer, Action.COMPUTE, (), f"{purpose}, {len(blocks)} keys from {peer}", work)

    def _transport(self, peer: Place) -> "_Protection":
        name = transport_name(self.place, peer)
        info = self._store.find(name)
        if info is None:
            raise KeyManagementError(f"{self.place} and {peer} share no transport key")
        if info.expires <= self._text():
            raise KeyManagementError(f"{info} is older than {TRANSPORT_YEARS} years; renew it")
        return _Protection(self._store.use(name, bytes))

    def _wrap(
        self, name: str, peer: Place, protection: "_Protection", factor: bytes | None, session: str
    ) -> tuple[KeyInfo, str]:
        info = self._store.find(name)
        if info is None:
            raise KeyManagementError(f"{self.place} has no active key {name}")
        if info.usage is Usage.TRANSPORT:
            raise KeyRequestRefused("transport keys go from hand to hand in components, never in a key block")
        value = self._store.use(name, lambda key: _derived(name, key, factor))
        options = {
            _LABEL: name,
            _CHECK: _CHECK_KINDS.get(info.algorithm, "00") + check_value(info.algorithm, value),
            _WAY: f"{self.place}>{peer}",
            _SERIAL: self._random(8).hex().upper(),
        }
        if session:
            options[_SESSION] = session
        block = KeyBlock(
            info.usage.value, _ALGORITHMS[info.algorithm], _MODES.get(info.usage, _DERIVES), f"{info.version:02d}",
            "E" if peer.role is self.place.role else "N", value, options,
        )  # fmt: skip
        return info, block.wrap(protection.key, self._random)

    def _opened(self, text: str, peer: Place, protection: "_Protection") -> KeyBlock:
        """A block for this store from that one, whose key is what its check value says."""
        block = KeyBlock.unwrap(text, protection.key)
        name = block.options.get(_LABEL, "")
        if block.options.get(_WAY) != f"{peer}>{self.place}":
            raise KeyRequestRefused(f"the key block of {name} is not from {peer} for {self.place}")
        if block.options.get(_CHECK, "")[2:] != check_value(_algorithm(block), block.value):
            raise KeyBlockError(f"the check value of {name} is wrong")
        return block

    def _unwrap(self, text: str, peer: Place, protection: "_Protection", *, activate: bool) -> KeyInfo:
        block = self._opened(text, peer, protection)
        options = block.options
        if _SESSION in options:
            raise KeyRequestRefused(f"the key block of {options[_LABEL]} is for a session and does not stay")
        if not self._store.first_time(f"{peer} {options.get(_SERIAL)}"):
            raise KeyRequestRefused(f"the key block of {options[_LABEL]} came before")
        spec = KeySpec(
            options[_LABEL], level_of(self.place), Usage(block.usage), _algorithm(block), len(block.value),
            version=int(block.version),
        )  # fmt: skip
        return self._put(spec, block.value, activate=activate)


@dataclass(frozen=True, slots=True)
class _Protection:
    key: bytes = field(repr=False)


def level_of(place: Place) -> Level:
    """The level of keys in a store."""
    match place.role:
        case Role.DEPARTMENT:
            if place.name == NATIONAL:
                return Level.NATIONAL
            return Level.PROVINCIAL if len(place.name) == PROVINCE_DIGITS else Level.CITY
        case Role.BANK:
            return Level.BANK
        case Role.MAKER:
            return Level.MAKER
        case Role.AUTHORITY:
            return Level.AUTHORITY


def _algorithm(block: KeyBlock) -> Algorithm:
    found = next((one for one, code in _ALGORITHMS.items() if code == block.algorithm), None)
    if found is None:
        raise KeyBlockError(f"a key block for algorithm {block.algorithm} is not known here")
    return found


def _derived(name: str, key: bytes, factor: bytes | None) -> bytes:
    social = suite_of(name)
    return key if factor is None or social is None else diversify(social[0], key, factor)


def _label(block: str) -> str:
    try:
        return read_header(block)[1].get(_LABEL, "?")
    except KeyBlockError:
        return "?"
