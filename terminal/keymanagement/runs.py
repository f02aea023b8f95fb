"""Runs (制卡作业): when the channels to both parties' HSMs are open, and what opens and closes them.

`KeyRuns.open_run` asks each party's HSM for its keys. They come as key blocks under the transport key of that party and
the maker, for this session alone; the maker's HSM opens them and seals them into a channel: one file for each party,
under a key of the run that stands on no disk. `close_run` removes the channels. While one is missing, or an HSM is
switched off, every request is refused (PERSO-114, 146, 154; SCHEME-205, 212).
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from sqlalchemy import update

from cardsim.crypto.social import Suite
from cardsim.making.keyservice import KeyRefused
from cardsim.privatefile import write_private
from terminal.hosts.books import transact
from terminal.keymanagement.certificates import ISSUER, read_certificate
from terminal.keymanagement.hierarchy import city_of
from terminal.keymanagement.hsm import level_of
from terminal.keymanagement.kinds import KeyManagementError, Level, Officer, Place, Role, Usage, suite_name
from terminal.keymanagement.management import CERTIFICATE, FOLDER, OFF, KeyManagement
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
from terminal.keymanagement.register import Action
from terminal.keymanagement.sealing import KEY_LENGTH, WrongSecret, seal, unseal
from terminal.keymanagement.tables import RUNS

_BANK_KEYS: Final = (KMC, MDK_AC, MDK_MAC, MDK_ENC, OFFLINE_PIN, ICC_SEED, ISSUER)
_MAKER_KEYS: Final = (TRANSPORT_KEY, CARD_MASTER_ROOT)
_RUNS: Final = "runs"
_SESSION_LENGTH: Final = 8


@dataclass(frozen=True, slots=True)
class Channel:
    """The way to one party's keys in a run: the sealed file, and the marks of HSMs that are switched off."""

    place: str
    path: str
    off: tuple[str, ...]

    def check(self) -> None:
        """Whether it is open.

        Raises:
            KeyRefused: the run has ended, or the HSM is off.
        """
        if not os.path.exists(self.path):  # noqa: PTH110 -- asked for at each request, and four times as fast
            raise KeyRefused(f"the channel to the HSM of {self.place} is not open: no run is under way")
        if any(map(os.path.exists, self.off)):
            raise KeyRefused(f"the HSM of {self.place} is switched off")


@dataclass(frozen=True, slots=True)
class RunPass:
    """What lets a station, in this process or another, use the keys of a run while it lasts; never written down."""

    batch: str
    suite: Suite
    channels: Mapping[Role, Channel]
    key_set: str
    """Names and versions of the keys, for the audit (PERSO-130)."""
    secret: bytes = field(repr=False)

    def content(self, role: Role) -> dict[str, Any]:
        """What stands in a channel: for the HSM model behind the station alone.

        Raises:
            KeyRefused: the channel is not open, or another run's.
        """
        channel = self.channels[role]
        channel.check()
        try:
            sealed = Path(channel.path).read_bytes()
            found: dict[str, Any] = json.loads(unseal(self.secret, sealed, _about(self.batch, role)))
        except (OSError, WrongSecret) as error:
            raise KeyRefused(f"the channel to the HSM of {channel.place} is not this run's") from error
        return found


class KeyRuns:
    """Opens and closes the channels of runs.

    Args:
        management: of the workshop.
        officers: who asks at each party's HSM.
        suite: cipher of the social keys of the cards.
        bank: store of the bank; None where only the social side is made.
        maker: store of the personaliser.
        areas: area codes of the issuing cities; None for all that have a store, () where only the bank's side is made.
    """

    def __init__(
        self,
        management: KeyManagement,
        officers: Mapping[Role, Officer],
        suite: Suite,
        bank: Place | None,
        maker: Place,
        areas: Sequence[str] | None = None,
    ) -> None:
        self._management = management
        self._officers = officers
        self._suite = suite
        self._bank = bank
        self._maker = maker
        self._areas = areas
        self._open: dict[str, RunPass] = {}

    def open_run(self, batch: str) -> str:
        """Open the channels of a batch's run; names and versions of the keys.

        Raises:
            HsmUnavailable: an HSM is switched off; then no channel is open.
            KeyManagementError: a store, a key, a transport key or the issuer certificate is missing.
        """
        self.close_run(batch, "left open by a run that did not end")
        secret = self._management.random(KEY_LENGTH)
        channels: dict[Role, Channel] = {}
        sets: list[str] = []
        try:
            channels[Role.MAKER] = self._channel(batch, secret, {self._maker: _MAKER_KEYS}, sets)
            if cities := self._cities():
                names = {place: self._social_names(place) for place in cities}
                channels[Role.DEPARTMENT] = self._channel(batch, secret, names, sets)
            if self._bank is not None:
                channels[Role.BANK] = self._channel(batch, secret, {self._bank: _BANK_KEYS}, sets)
        except BaseException:
            self.close_run(batch, "could not be opened")
            raise
        self._open[batch] = RunPass(batch, self._suite, channels, "; ".join(sets), secret)
        return self._open[batch].key_set

    def pass_of(self, batch: str) -> RunPass:
        """What stations need for an open run.

        Raises:
            KeyManagementError: it is not open in this process.
        """
        if batch not in self._open:
            raise KeyManagementError(f"the run of {batch} is not open")
        return self._open[batch]

    def close_run(self, batch: str, how: str = "ended") -> None:
        """Close the channels of a batch, whichever process opened them; closing what is closed does nothing."""
        self._open.pop(batch, None)
        for role in (Role.MAKER, Role.DEPARTMENT, Role.BANK):
            path = self._path(batch, role)
            if path.exists():
                path.unlink()
                self._note_closed(role, batch, how)

    def _cities(self) -> tuple[Place, ...]:
        if self._areas is None:
            stores = self._management.places(Role.DEPARTMENT)
            return tuple(place for place in stores if level_of(place) is Level.CITY)
        return tuple(dict.fromkeys(map(city_of, self._areas)))

    def _social_names(self, place: Place) -> tuple[str, ...]:
        start = suite_name(self._suite, "")
        hsm = self._management.hsm(place)
        active = (info for info in hsm.known() if hsm.find(info.name) == info)
        names = tuple(info.name for info in active if info.usage is Usage.SOCIAL and info.name.startswith(start))
        return (*names, SOCIAL_PIN)

    def _path(self, batch: str, role: Role) -> Path:
        # A batch is named by whoever sent it; its name is no part of a path.
        name = hashlib.sha256(batch.encode()).hexdigest()[:16]
        return self._management.workshop.path(FOLDER, _RUNS, f"{name}.{role.value}")

    def _channel(self, batch: str, secret: bytes, wanted: Mapping[Place, Sequence[str]], sets: list[str]) -> Channel:
        """Ask one party's HSMs for keys, and seal what comes."""
        content: dict[str, dict[str, str]] = {}
        role = next(iter(wanted)).role
        for place, names in wanted.items():
            content[place.name] = self._fetched(batch, place, names, sets)
        document: dict[str, Any] = {"keys": content}
        if role is Role.BANK and self._bank is not None:
            document["certificate"] = asdict(read_certificate(self._management.path(self._bank, CERTIFICATE)))
        path = self._path(batch, role)
        path.parent.mkdir(parents=True, exist_ok=True)
        sealed = seal(secret, json.dumps(document).encode(), _about(batch, role), self._management.random)
        write_private(path, sealed)
        self._note_opened(role, batch)
        off = [self._management.path(place, OFF) for place in (*wanted, self._maker)]
        return Channel(" and ".join(map(str, wanted)), str(path), tuple(map(str, off)))

    def _fetched(self, batch: str, place: Place, names: Sequence[str], sets: list[str]) -> dict[str, str]:
        """Keys of one store, in the maker's HSM; what they are stands in `sets`."""
        management, purpose = self._management, f"run of {batch}"
        hsm, maker = management.hsm(place), management.hsm(self._maker)
        own = self._officers[self._maker.role]
        if place == self._maker:
            values = {name: maker.compute(own, name, purpose, bytes.hex) for name in names}
        else:
            session = management.random(_SESSION_LENGTH).hex()
            blocks = hsm.export(self._officers[place.role], names, self._maker, purpose, session=session)
            values = maker.compute_with(
                own, blocks, place, session, purpose, lambda keys: {name: key.hex() for name, key in keys.items()}
            )
        versions = {name: info.version for name in names if (info := hsm.find(name)) is not None}
        sets.append(f"{place} {_versions(versions, self._suite)}")
        return values

    def _note_opened(self, role: Role, batch: str) -> None:
        now, officer = self._management.workshop.clock(), self._officers[role]
        register = self._management.register(role)
        place = Place(role, _RUNS)
        register.note(now, officer, place, Action.CHANNEL, (), f"opened for the run of {batch}")
        row = {
            "batch": batch, "place": str(place), "opened": now.isoformat(timespec="seconds"), "by": officer.name,
            "closed": "", "ended": "",
        }  # fmt: skip
        transact(register.books, lambda connection: connection.execute(RUNS.insert(), row))

    def _note_closed(self, role: Role, batch: str, how: str) -> None:
        now, officer = self._management.workshop.clock(), self._officers[role]
        register = self._management.register(role)
        register.note(now, officer, Place(role, _RUNS), Action.CHANNEL, (), f"closed for the run of {batch}: {how}")
        asked = update(RUNS).where(RUNS.c.batch == batch, RUNS.c.closed == "", RUNS.c.place == f"{role.value}/{_RUNS}")
        row = {"closed": now.isoformat(timespec="seconds"), "ended": how}
        transact(register.books, lambda connection: connection.execute(asked.values(row)))


def _versions(versions: Mapping[str, int], suite: Suite) -> str:
    """Names and versions as people write them; the many social keys of one version in one word."""
    start = suite_name(suite, "")
    by_version: dict[int, list[str]] = {}
    for name, version in versions.items():
        by_version.setdefault(version, []).append(name)
    parts = []
    for version, names in sorted(by_version.items()):
        social = sum(name.startswith(start) for name in names)
        named = [f"{social} {suite.value} keys"] if social else []
        named += [name for name in names if not name.startswith(start)]
        parts.append(f"{', '.join(named)} version {version}")
    return ", ".join(parts)


def _about(batch: str, role: Role) -> bytes:
    return f"{batch} {role.value}".encode()
