"""The key management of a workshop: which stores there are, how they open, and in whose books their registers stand.

keys/ROLE/NAME.store    a store
keys/ROLE/NAME.key      its store key, where no passphrase opens it; it stands for what a device keeps in itself
keys/ROLE/NAME.off      there while the HSM is switched off
keys/ROLE/media/        media of components
keys/runs/              channels of runs that are open
"""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from terminal.closing import Closing
from terminal.hosts.books import BooksError, open_books
from terminal.keymanagement.hsm import HsmUnavailable, PartyHsm
from terminal.keymanagement.kinds import KeyManagementError, Officer, Place, Role
from terminal.keymanagement.register import Action, Register
from terminal.keymanagement.sealing import KeyHolder, Opener, Random
from terminal.keymanagement.store import KeyStore
from terminal.keymanagement.tables import METADATA
from terminal.perso.workshop import Workshop

FOLDER: Final = "keys"
_STORE, _KEY = ".store", ".key"
OFF: Final = ".off"
"""Suffix of the mark that an HSM is switched off."""
CERTIFICATE: Final = ".certificate"
"""Suffix of the issuer certificate beside a bank's store."""


class KeyManagement(Closing):
    """All stores of a workshop; each party uses its own alone.

    Args:
        workshop: opened; its clock is that of key management too.
        random: where keys, nonces and serial numbers come from.
        opener: what opens a store; by default the key file beside it.
    """

    def __init__(
        self, workshop: Workshop, random: Random = secrets.token_bytes, opener: Callable[[Place], Opener] | None = None
    ) -> None:
        self.workshop = workshop
        self.random = random
        self._opener = self._key_file if opener is None else opener
        self._registers: dict[Role, Register] = {}
        self._authority: Engine | None = None
        self._hsms: dict[Place, PartyHsm] = {}

    def close(self) -> None:
        """Close the authority's books; those of the parties are the workshop's."""
        if self._authority is not None:
            self._authority.dispose()

    def path(self, place: Place, suffix: str = _STORE) -> Path:
        """Where a store stands, or what belongs to it."""
        return self.workshop.path(FOLDER, place.role.value, place.name + suffix)

    def _key_file(self, place: Place) -> Opener:
        return KeyHolder(self.path(place, _KEY))

    def register(self, role: Role) -> Register:
        """The register of a role, in its party's books.

        Raises:
            UsageError: they cannot be opened.
        """
        if role not in self._registers:
            party = role.party
            books = self._authority_books() if party is None else self.workshop.books(party, METADATA)
            self._registers[role] = Register(books)
        return self._registers[role]

    def _authority_books(self) -> Engine:
        folder = self.workshop.path(FOLDER, Role.AUTHORITY.value)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self._authority = open_books(str(folder / "authority.db"), METADATA)
        except BooksError as error:
            raise KeyManagementError(str(error)) from error
        return self._authority

    def places(self, role: Role | None = None) -> tuple[Place, ...]:
        """The stores that there are, of a role or of all."""
        roles = tuple(Role) if role is None else (role,)
        return tuple(
            Place(one, path.stem)
            for one in roles
            for path in sorted(self.workshop.path(FOLDER, one.value).glob("*" + _STORE))
        )

    def create(self, place: Place) -> PartyHsm:
        """A new HSM with an empty store.

        Raises:
            KeyManagementError: there is one, or it cannot be written.
        """
        path = self.path(place)
        path.parent.mkdir(parents=True, exist_ok=True)
        return self._keep(KeyStore.create(path, place, self._opener(place), self.random))

    def hsm(self, place: Place) -> PartyHsm:
        """The HSM of a store.

        Raises:
            HsmUnavailable: it is switched off.
            KeyManagementError: there is none, or it does not open.
        """
        if not self.is_on(place):
            raise HsmUnavailable(f"the HSM of {place} is switched off")
        return self._opened(place)

    def _opened(self, place: Place) -> PartyHsm:
        """The HSM as it is known, unless another program has changed its store."""
        known = self._hsms.get(place)
        if known is not None and known.fresh:
            return known
        return self._keep(KeyStore.open(self.path(place), self._opener(place), self.random))

    def _keep(self, store: KeyStore) -> PartyHsm:
        self._hsms[store.place] = PartyHsm(store, self.register(store.place.role), self.workshop.clock, self.random)
        return self._hsms[store.place]

    def is_on(self, place: Place) -> bool:
        """Whether the HSM of a store is on."""
        return not self.path(place, OFF).exists()

    def switch(self, officer: Officer, place: Place, *, on: bool, purpose: str) -> None:
        """Switch an HSM on or off; while it is off, channels of runs to it give nothing either.

        Raises:
            KeyRequestRefused: of another role.
            KeyManagementError: there is no such store.
        """
        if place not in self.places(place.role):
            raise KeyManagementError(f"there is no key store {place}")
        path = self.path(place, OFF)
        hsm = self._opened(place)

        def turn() -> None:
            path.unlink(missing_ok=True) if on else path.touch(mode=0o600)

        hsm.asked(officer, Action.SWITCH, (), f"{'on' if on else 'off'}: {purpose}", turn)
