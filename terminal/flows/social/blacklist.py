"""The terminal's blacklist (黑名单): kept, renewed from the host, searched without it (SSC part 8 §7)."""

from collections.abc import Mapping
from hmac import compare_digest
from typing import Final

from terminal.effects import Entry, Flow, Mark, Shelf, ask_social_host, discard, keep, recall, report
from terminal.flows.common import stop
from terminal.flows.social.session import SocialSession
from terminal.messages.seal import blacklist_seal
from terminal.messages.social import NO_CARD, Blacklist, BlacklistEntry, FetchBlacklist, SocialCard
from terminal.outcome import Cause

_STEP: Final = "blacklist"
_VERSION_KEY: Final = "blacklist"


def matches(entry: BlacklistEntry, card: SocialCard) -> bool:
    """Whether an entry hits a card: a range by its number, both ends included; one card by code and number together."""
    if entry.identification:
        return entry.identification == card.identification and entry.first == card.number
    return entry.first <= card.number <= entry.last


def check_blacklist(session: SocialSession) -> Flow[None]:
    """Refuse a card of the list (TRM-052); it needs no host (TRM-182)."""
    version, entries = yield from stored_list()
    if any(matches(entry, session.social_card) for entry in entries):
        stop(Cause.BLACKLISTED, _STEP, f"the card is on the blacklist, version {version}")
    if entries:
        yield from report(_STEP, Mark.OK, f"the card is not on the blacklist, version {version}")


def stored_list() -> Flow[tuple[int, tuple[BlacklistEntry, ...]]]:
    """The list in force: its number and entries."""
    version = yield from _version()
    entries = yield from recall(Shelf.BLACKLIST)
    return version, tuple(_entry_of(entry.content) for entry in entries if _is_of(entry, version))


def renew_blacklist(update_key: bytes) -> Flow[int]:
    """Fetch the list from the host and take it over as a whole; its number.

    A list whose seal is wrong is refused, and the old one stays in force (TRM-180, TRM-181).

    Raises:
        Stopped: the seal is wrong.
    """
    version = yield from _version()
    answer = yield from ask_social_host(FetchBlacklist(NO_CARD, version))
    if not isinstance(answer, Blacklist):
        yield from report(_STEP, Mark.INFO, "no new blacklist: the host did not give one")
        return version
    if not compare_digest(answer.seal, blacklist_seal(update_key, answer.version, answer.entries)):
        stop(Cause.HOST, _STEP, f"blacklist {answer.version} is refused: its seal is wrong")
    if answer.version <= version:
        return version
    for number, entry in enumerate(answer.entries):
        yield from keep(Shelf.BLACKLIST, f"{answer.version}-{number}", _content_of(answer.version, entry))
    # From this one record on the new list counts; until then the old one did.
    yield from keep(Shelf.PARAMETERS, _VERSION_KEY, {"version": str(answer.version)})
    for old in (yield from recall(Shelf.BLACKLIST)):
        if not _is_of(old, answer.version):
            yield from discard(Shelf.BLACKLIST, old.key)
    yield from report(_STEP, Mark.OK, f"blacklist {answer.version} is in force, {len(answer.entries)} entries")
    return answer.version


def _version() -> Flow[int]:
    entries = yield from recall(Shelf.PARAMETERS)
    return next((int(entry.content["version"]) for entry in entries if entry.key == _VERSION_KEY), 0)


def _is_of(entry: Entry, version: int) -> bool:
    return entry.content["version"] == str(version)


def _content_of(version: int, entry: BlacklistEntry) -> dict[str, str]:
    identification = entry.identification.hex().upper()
    return {"version": str(version), "first": entry.first, "last": entry.last, "identification": identification}


def _entry_of(content: Mapping[str, str]) -> BlacklistEntry:
    return BlacklistEntry(content["first"], content["last"], bytes.fromhex(content["identification"]))
