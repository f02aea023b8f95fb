"""All hosts behind the terminals, put together from key files: banks, the switch, and the social-security department.

For runs in process, for `cardterm host`, and for tests. The hosts share one PIN zone and one database, further banks
beside it; each is made when it is first asked for.
"""

import functools
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Final

from sqlalchemy import Engine

from cardsim.keyfile import BankKeys, Holder, KeyFile
from terminal.closing import Closing
from terminal.hosts import switchbook
from terminal.hosts.bank import BankHost
from terminal.hosts.bank.accounts import Enrolment
from terminal.hosts.bank.department import DepartmentLine
from terminal.hosts.bank.tables import METADATA as BANK_METADATA
from terminal.hosts.books import open_books
from terminal.hosts.hsm import Hsm
from terminal.hosts.iso8583.gateway import Gateway
from terminal.hosts.iso8583.keys import KEY_LENGTH
from terminal.hosts.jsonline import JsonDesk
from terminal.hosts.line import PATIENCE, Address, BankLine
from terminal.hosts.network import Institution, Network, load_network
from terminal.hosts.server import LengthPrefixed, Lines, Served
from terminal.hosts.social.desk import find_card
from terminal.hosts.social.host import SocialSecurityHost
from terminal.hosts.switch import Member, Switch
from terminal.messages.social import SocialCard
from terminal.security import PinCipher

MEMORY: Final = "sqlite://"
SWITCH_WORKERS: Final = 8
"""Messages that the switch works on at a time, so that a bank that is slow holds up no other one."""


class WorldError(ValueError):
    """Hosts that cannot be put together; one sentence."""


class World(Closing):
    """The hosts of one network.

    Args:
        keyfiles: key files of cards. Their issuers' keys make the banks, in the order of the network file: the first
            keys are the first bank's, keys unlike them the second's. Their social-security keys make the HSM.
        books: URL or path of the database; by default in memory.
        network: who is who.
        remote: addresses of banks that are reached over a line, by institution code.
        pin_zone: the key of PIN blocks in messages to these hosts; drawn if missing.
        random: draws PIN zone and working keys.
        clock: the department's time.
        patience: seconds until an answer of a remote bank counts as lost.
    """

    def __init__(
        self,
        keyfiles: Sequence[KeyFile] = (),
        *,
        books: str = MEMORY,
        network: Network | None = None,
        remote: Mapping[str, Address] | None = None,
        pin_zone: PinCipher | None = None,
        random: Callable[[int], bytes] = secrets.token_bytes,
        clock: Callable[[], datetime] = datetime.now,
        patience: float = PATIENCE,
    ) -> None:
        self.network = load_network() if network is None else network
        self._keyfiles = tuple(keyfiles)
        self._url = books
        self._remote = dict(remote or {})
        self.pin_zone = PinCipher(random(KEY_LENGTH)) if pin_zone is None else pin_zone
        self._random = random
        self._clock = clock
        self._patience = patience
        self._lines: list[BankLine] = []
        self._books: dict[str, Engine] = {}

    def close(self) -> None:
        """Hang up to remote banks and close the books."""
        for line in self._lines:
            line.close()
        for books in self._books.values():
            books.dispose()

    @property
    def books(self) -> Engine:
        """The database of department, switch and first bank; each further bank has one of its own beside it."""
        return self._books_of("")

    def _books_of(self, bank: str) -> Engine:
        if bank not in self._books:
            tables = (BANK_METADATA,) if bank else (BANK_METADATA, switchbook.METADATA)
            self._books[bank] = open_books(self._url, *tables, of=bank)
        return self._books[bank]

    @cached_property
    def banks(self) -> dict[str, Member]:
        """The banks of this process by institution code, in the order of the network file.

        Raises:
            WorldError: the key files have the keys of more banks than there are in the network.
        """
        holders: dict[tuple[bytes, ...], KeyFile] = {}
        for keyfile in self._keyfiles:
            if keyfile.bank is not None:
                holders.setdefault(_issuer(keyfile.bank), keyfile)
        if len(holders) > len(self.network.banks):
            raise WorldError(f"keys of {len(holders)} banks, but the network has {len(self.network.banks)}")
        pairs = enumerate(zip(self.network.banks, holders.values(), strict=False))
        return {bank.code: self._bank(keyfile, bank.code if number else "") for number, (bank, keyfile) in pairs}

    @property
    def bank(self) -> BankHost:
        """The first bank of this process.

        Raises:
            WorldError: no key file has an issuer's keys.
        """
        if not self.banks:
            raise WorldError("no key file has [bank], the keys of an issuer")
        host = next(iter(self.banks.values())).host
        assert isinstance(host, BankHost)
        return host

    def _bank(self, keyfile: KeyFile, books: str) -> Member:
        assert keyfile.bank is not None
        holder = keyfile.holder or Holder()
        enrolment = Enrolment(holder.name, holder.number)
        host = BankHost(
            keyfile.bank, self.pin_zone, holder.online_pin, books=self._books_of(books), enrolment=enrolment
        )
        return Member(host, self.pin_zone)

    @cached_property
    def switch(self) -> Switch:
        """The switch between all banks, those of this process and the remote ones."""
        lines = {code: Member(self._line(address), self.pin_zone) for code, address in self._remote.items()}
        return Switch(self.network, self.banks | lines, self.pin_zone, self.books)

    def _line(self, address: Address) -> BankLine:
        code, key = self.network.switch.code, self.network.master_key
        line = BankLine(address, key, self.pin_zone, institution=code, patience=self._patience)
        self._lines.append(line)
        return line

    @cached_property
    def department(self) -> SocialSecurityHost:
        """The social-security host with its HSM.

        Raises:
            WorldError: no key file has social-security keys.
        """
        keysets = {keyfile.ssse.suite: keyfile.ssse for keyfile in self._keyfiles if keyfile.ssse is not None}
        if not keysets:
            raise WorldError("no key file has [ssse], the keys of the department's HSM")
        # Benefits and withholding go to the first bank: in the region it is the department's partner.
        bank = DepartmentLine(self.bank, self._clock) if self.banks else None
        hsm = Hsm(*keysets.values())
        host = SocialSecurityHost(hsm, self.books, clock=self._clock, random=self._random, bank=bank)
        for keyfile in self._keyfiles:
            if keyfile.ssse is not None and (holder := keyfile.holder) is not None and holder.card:
                algorithm = keyfile.ssse.suite.algorithm_id
                card = SocialCard(
                    holder.card, holder.card_number, holder.number, holder.name, holder.historical, algorithm
                )
                host.work(functools.partial(find_card, card=card))
        return host

    # --- on lines

    def serve_banks(self) -> list[Served]:
        """Each bank of this process for its own terminals and for the switch."""
        found = []
        for code, member in self.banks.items():
            bank = self.network.bank(code)
            assert bank is not None
            gateway = Gateway(member.host, self._stations(bank), member.pin_zone, self._random)
            found.append(Served(f"bank {code}", gateway.handle, LengthPrefixed()))
        return found

    def _stations(self, bank: Institution) -> Callable[[str], bytes | None]:
        return lambda station: self.network.master_key(station, (bank,))

    def serve_switch(self) -> Served:
        """The switch for the terminals of all banks."""
        gateway = Gateway(self.switch, self.network.master_key, self.pin_zone, self._random)
        return Served("switch", gateway.handle, LengthPrefixed(), workers=SWITCH_WORKERS)

    def serve_department(self) -> Served:
        """The social-security host."""
        return Served("social", JsonDesk(self.department.handle).handle, Lines())


def _issuer(keys: BankKeys) -> tuple[bytes, ...]:
    return keys.mdk_ac, keys.mdk_mac, keys.mdk_enc
