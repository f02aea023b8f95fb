"""Where a party of a workshop has its own key for the post, and the certificates of the others."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from terminal.perso.parties import Party
from terminal.perso.transfer.keys import Addressee, Opener
from terminal.perso.transfer.rsakeys import Partner, SoftwareKey
from terminal.perso.workshop import Workshop


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys of a party for the post with each other one."""

    own: Mapping[Party, Opener]
    others: Mapping[Party, Addressee]

    @classmethod
    def load(cls, workshop: Workshop, party: Party, password: str) -> "Keyring":
        """The party's RSA pair, and the certificates that the others have given away.

        Raises:
            TransferError: there is no pair, or the password is wrong.
        """
        own = SoftwareKey.load(key_path(workshop, party), password)
        there = {other: certificate_path(workshop, other) for other in Party if other is not party}
        others = {other: Partner.load(path) for other, path in there.items() if path.exists()}
        return cls(dict.fromkeys(Party, own), others)


def key_path(workshop: Workshop, party: Party) -> Path:
    """Where a party's RSA pair stands."""
    return workshop.path("keys", party.value, "transfer.pem")


def certificate_path(workshop: Workshop, party: Party) -> Path:
    """Where a party puts its certificate for the others."""
    return workshop.path("keys", "exchange", f"{party.value}.crt")


def make_key(workshop: Workshop, party: Party, password: str) -> SoftwareKey:
    """A party makes its pair and gives its certificate away (PERSO-061).

    Raises:
        TransferError: the password is too short.
    """
    key = SoftwareKey.generate(party.value, workshop.clock())
    for path in (key_path(workshop, party), certificate_path(workshop, party)):
        path.parent.mkdir(parents=True, exist_ok=True)
    key.save(key_path(workshop, party), password)
    key.partner.save(certificate_path(workshop, party))
    return key
