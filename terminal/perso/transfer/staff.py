"""Who may open files of personalisation data: the authorised data staff of each party (PERSO-065, PERSO-066)."""

from terminal.errors import UsageError
from terminal.perso.parties import Party
from terminal.perso.workshop import Settings


def data_staff(settings: Settings, party: Party) -> frozenset[str]:
    """The staff of a party: as workshop.toml says in `[transfer.staff]`, and `PARTY-data` where it says nothing.

    Raises:
        UsageError: what it says is no list of names.
    """
    said = settings.section("transfer").get("staff", {})
    names = said.get(party.value, [f"{party.value}-data"]) if isinstance(said, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UsageError(f"{settings.path}: [transfer.staff] {party.value} is no list of names")
    return frozenset(names)
