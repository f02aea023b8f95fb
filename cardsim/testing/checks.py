"""What must hold for every exchange with a card, one rule at a time, as somebody can judge it who sees bytes alone.

A check is shown each exchange in turn and raises `Broken` at the first that breaks its rule; it is the same for the
model and for a card in a reader. The first ones are functions of one exchange; the others remember what they have seen
of one card, across resets. `cardsim.testing.checked` shows them the exchanges of a card; `cardsim.testing.accounts` has
those about money.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, is_dataclass
from typing import Final, assert_never

from cardsim.crypto import pboc, scp02
from cardsim.decode import Environment
from cardsim.decode.commands import PSE_NAME, SSSE_NAME, masked_hex
from cardsim.decode.observed import Observed
from cardsim.iso7816 import status
from cardsim.keyfile import KeyFile
from cardsim.shapes import Place, Where, is_declared

GET_RESPONSE: Final = b"\x00\xc0"


class Broken(AssertionError):
    """A card broke a rule. The message names the rule, the command with its secrets masked, and the answer."""

    def __init__(self, rule: str, seen: "Exchange", what: str) -> None:
        command = masked_hex(seen.before.environment, seen.command)
        answer = seen.answer.hex().upper() or "nothing"
        super().__init__(f"{rule}: {what}\n  {command}  ->  {answer}\n  the card stood at: {seen.before}")
        self.rule = rule
        self.exchange = seen


@dataclass(frozen=True, slots=True)
class Exchange:
    """One command and its answer as they went over the contacts, with what is known of the card before and after it."""

    command: bytes
    answer: bytes
    before: Observed
    after: Observed
    origin: bytes
    """The command whose data these are: the command itself, or the one before GET RESPONSE."""
    data: bytes
    """All response data of the origin so far."""

    @property
    def sw(self) -> int:
        """Status word; 0 if the card was mute."""
        return int.from_bytes(self.answer[-2:], "big") if len(self.answer) > 1 else 0

    @property
    def done(self) -> bool:
        """Whether the command was carried out: 9000, or 61xx."""
        return self.sw == status.OK or self.sw >> 8 == 0x61

    @property
    def complete(self) -> bool:
        """Whether the origin was carried out and all its data are there."""
        return self.sw == status.OK

    @property
    def body(self) -> bytes:
        """Data of the command."""
        return self.command[5 : 5 + self.command[4]] if len(self.command) > 5 else b""

    def starts(self, header: bytes) -> bool:
        """Whether it is the command of this header itself, not a GET RESPONSE to it."""
        return self.command.startswith(header) and len(self.command) > 3


Check = Callable[[Exchange], None]
"""A rule: raises `Broken` where the exchange breaks it. One that has to know of resets has a method `reset` besides."""


# --- rules of one exchange ----------------------------------------------------------------------------------------


def never_mute(seen: Exchange) -> None:
    """Every byte string is answered with a status word (T0-001)."""
    if len(seen.answer) < 2:
        raise Broken("never mute", seen, "no status word")


def errors_have_no_data(seen: Exchange) -> None:
    """Data come with 9000, with 61xx, and with the warnings 62xx and 63xx alone; never more than 256 bytes."""
    if len(seen.answer) > 258:
        raise Broken("errors have no data", seen, f"{len(seen.answer) - 2} bytes of data")
    if len(seen.answer) > 2 and not (seen.done or seen.sw >> 8 in (0x62, 0x63)):
        raise Broken("errors have no data", seen, f"{len(seen.answer) - 2} bytes of data with an error")


def is_named(state: Observed) -> bool:
    """Whether the current DF is known by its name; else only the identifier is known that it was selected by."""
    return not state.application or len(state.application) >= 5


def places_of(state: Observed) -> tuple[Where, ...]:
    """Where a card may stand, as far as the rows depend on it: what is not seen from outside leaves several places."""
    match state.environment:
        case Environment.CARD:
            return (Place.CARD,)
        case Environment.SSSE:
            return (Place.SSSE,) if state.application == SSSE_NAME else (Place.SSSE, Place.MEDICAL)
        case Environment.PSE:
            return (Place.PSE,) if state.application == PSE_NAME else (Place.APPLICATION, Place.ENCIPHERED)
        case Environment.PSAM:
            return (Environment.PSAM,)
        case _:
            assert_never(state.environment)


def declared_answers(seen: Exchange) -> None:
    """Only status words that the command's row declares (docs/commands.md); a blocked card's refusals where one is."""
    if len(seen.answer) < 2:
        return
    blocked = seen.before.blocked or seen.after.blocked
    if not any(is_declared(place, seen.command, seen.sw, blocked=blocked) for place in places_of(seen.before)):
        raise Broken("declared answers", seen, f"{seen.sw:04X} is no answer to this command here")


# --- rules with a memory ------------------------------------------------------------------------------------------


class Announced:
    """61xx and 6Cxx tell the truth: so many bytes come when they are asked for, once (SSC part 5 §6.6, PBOC-T0-001).

    Data that wait for GET RESPONSE are gone with any other command, and once they were fetched.
    """

    def __init__(self) -> None:
        self._last: Exchange | None = None
        self._waiting = False

    def __call__(self, seen: Exchange) -> None:
        """Compare an answer with what the one before it announced."""
        last, self._last = self._last, seen
        fetches = seen.command[:2] == GET_RESPONSE
        if fetches and seen.done and not self._waiting:
            raise Broken("announced lengths", seen, "data, and none were waiting")
        kept = fetches and self._waiting and seen.sw >> 8 == 0x6C
        self._waiting = seen.before.powered and (kept or seen.sw >> 8 in (0x61, 0x62, 0x63))
        if last is None or len(seen.command) != 5 or len(last.answer) < 2:
            return
        promised = last.sw & 0xFF
        fetched = last.sw >> 8 == 0x61 and seen.command[:4] == GET_RESPONSE + b"\0\0"
        again = last.sw >> 8 == 0x6C and seen.command[:4] == last.command[:4]
        if seen.command[4] != promised or not (fetched or again):
            return
        if seen.sw != status.OK or len(seen.answer) != (promised or 256) + 2:
            raise Broken("announced lengths", seen, f"{last.sw:04X} had announced {promised or 256} bytes")

    def reset(self) -> None:
        """The card was reset: nothing waits any more."""
        self._last, self._waiting = None, False


class Secrets:
    """No secret is in any answer (SSC part 4 §7.4): whole, or one half of it."""

    def __init__(self, secrets: Iterable[bytes]) -> None:
        found = {part for secret in secrets for part in (secret, secret[:8], secret[8:16]) if len(part) >= 6}
        self._pattern = re.compile(b"|".join(re.escape(part) for part in sorted(found)) or rb"(?!)", re.DOTALL)

    def __call__(self, seen: Exchange) -> None:
        """Look into all data that the command has given so far."""
        if self._pattern.search(seen.data):
            raise Broken("no secret in an answer", seen, "a key or PIN of the key file")


def secrets_of(keys: KeyFile, pan: str = "", psn: str = "") -> frozenset[bytes]:
    """Everything secret that a key file knows of a card, and what is derived of it for this card.

    A PIN stands in it as text and as PIN block; its digits alone, three bytes of BCD, are found in random data too.

    Args:
        keys: the key file. A command that it names is not run.
        pan: account number of the card, and `psn` its sequence number: without them the card's own bank keys are left
            out.
        psn: two digits.
    """
    found = set(_secret_fields(keys))
    if keys.ssse is not None and keys.holder is not None and keys.holder.historical:
        own = keys.ssse
        names = {*own.roots, *own.keys}
        derived = (own.card_key(name, own.suite, own.area, keys.holder.historical) for name in names)
        found |= {key for key in derived if key is not None}
    if keys.pse is not None and len(keys.pse.keydata) == 10:
        three = scp02.diversify_kmc(keys.pse.kmc, keys.pse.keydata)
        found |= {three.enc, three.mac, three.dek}
    if keys.bank is not None and pan:
        masters = (keys.bank.mdk_ac, keys.bank.mdk_mac, keys.bank.mdk_enc)
        found |= {pboc.derive_udk(master, pan, psn) for master in masters}
    return frozenset(found)


def _secret_fields(part: object) -> Iterable[bytes]:
    """What the key file itself never shows: the fields without a repr."""
    if not is_dataclass(part):
        return
    for field in fields(part):
        value = getattr(part, field.name)
        if field.repr:
            yield from _secret_fields(value)
            for item in value if isinstance(value, tuple) else ():
                yield from _secret_fields(item)
        elif isinstance(value, bytes):
            yield value
        elif isinstance(value, str):
            yield from (value.encode(), pboc.pin_block_format2(value))
        elif value:
            yield from value.values()


@dataclass(slots=True)
class _Tries:
    """What is known of one try counter: tries left, how many there are at most, and whether it stands there now."""

    left: int | None = None
    limit: int | None = None
    full: bool = False


_Owner = tuple[bytes, int, bytes]
"""Whose tries: DF name (nothing for the environment), P2 of a key or -1 for the PIN, key version."""
_PIN: Final = -1
_MANY: Final = 15
"""What 63Cx says of a key with more tries than a digit holds, and of one without a limit."""
_FORGETS: Final = frozenset({0x0E, 0xD4, 0x24})
"""Commands that give tries back: ERASE, WRITE KEY, PIN CHANGE/UNBLOCK."""


class TryCounters:
    """Each wrong secret costs one try, and nothing but the right one gives tries back (SSC part 7 §5.8, §6.6).

    It follows the PIN and the external keys of SSSE and of the card itself, by what 63Cx and 6983 say.
    """

    def __init__(self) -> None:
        self._known: dict[_Owner, _Tries] = {}

    def __call__(self, seen: Exchange) -> None:
        """Compare what an answer says of a counter with what was known of it."""
        if seen.done and seen.command[1:2] and seen.command[1] in _FORGETS:
            self._known.clear()
        owner = _owner(seen)
        if owner is None:
            return
        if not is_named(seen.before):
            self._known.clear()  # whichever application's key this is
            return
        for other in [key for key in self._known if key[:2] == owner[:2] and key != owner]:
            del self._known[other]  # another version of the key may be another counter, or this one
        tries = self._known.setdefault(owner, _Tries())
        asks = owner[1] == _PIN and not seen.body
        if seen.sw & 0xFFF0 == 0x63C0:
            (self._asked if asks else self._failed)(seen, tries, seen.sw & 0xF)
        elif seen.sw == status.BLOCKED:
            if tries.left:
                raise Broken("try counters", seen, f"locked with {tries.left} tries left")
            tries.left = 0
        elif seen.done and not asks:
            if tries.left == 0:
                raise Broken("try counters", seen, "compared without a try left")
            tries.left, tries.full = tries.limit, True

    @staticmethod
    def _asked(seen: Exchange, tries: _Tries, left: int) -> None:
        if tries.left not in (None, left):
            raise Broken("try counters", seen, f"{left} tries left, and not {tries.left} as before")
        if tries.full:
            tries.limit = left
        tries.left = left

    @staticmethod
    def _failed(seen: Exchange, tries: _Tries, left: int) -> None:
        if tries.left is not None and left != tries.left - 1 and not left == tries.left == _MANY:
            raise Broken("try counters", seen, f"{left} tries left after a wrong secret, and {tries.left} before it")
        if tries.full and tries.limit is None and left != _MANY:
            tries.limit = left + 1
        tries.left, tries.full = left, False


def _owner(seen: Exchange) -> _Owner | None:
    """Whose secret a command compares; None: nobody's that is followed here."""
    state = seen.before
    if state.environment not in (Environment.SSSE, Environment.CARD):
        return None
    if state.environment is Environment.SSSE and (seen.starts(b"\x00\x20") or seen.starts(b"\x80\x5e")):
        return b"", _PIN, b""
    if not seen.starts(b"\x00\x82"):
        return None
    local = bool(seen.command[3] & 0x80) and state.environment is Environment.SSSE
    return state.application if local else state.environment.value.encode(), seen.command[3], seen.body[16:]


class Access:
    """What was refused with some secrets proved is refused with fewer of them (SSC part 4 §7.1, part 7 §6.6; D9, D11).

    So a right that was got dies with the power, with SSSE, and with the application whose key gave it: what was 6982
    before it was proved is 6982 again. It looks at records, binary files and balances of SSSE, read and written
    plainly, that the command names by itself.
    """

    _PIN: Final = 0x100

    def __init__(self) -> None:
        self._refused: dict[tuple[bytes, bytes], list[frozenset[int]]] = {}
        self._failed: set[int] = set()

    def __call__(self, seen: Exchange) -> None:
        """Compare a right that was given with what was refused before."""
        self._doubt(seen)
        state = seen.before
        if state.environment is not Environment.SSSE or not is_named(state) or not _names_file(seen.command):
            return
        what = (state.application, bytes(seen.command[:4]))
        proved = state.proved | ({self._PIN} if state.pin else frozenset())
        if seen.sw == status.SECURITY_NOT_SATISFIED:
            self._refused.setdefault(what, []).append(proved - self._failed)
        elif (seen.done or seen.sw >> 8 == 0x6C) and any(proved <= one for one in self._refused.get(what, ())):
            raise Broken("access", seen, "granted, and refused before with no less proved")

    def _doubt(self, seen: Exchange) -> None:
        """A failure may end the right that an earlier success gave, or not (C-25): then it counts for neither side."""
        owner = _owner(seen)
        if owner is not None:
            secret = self._PIN if owner[1] == _PIN else owner[1]
            if seen.sw & 0xFFF0 == 0x63C0 and seen.body:
                self._failed.add(secret)
            elif seen.done and seen.body:
                self._failed.discard(secret)
        if seen.done and seen.command[1] in (0x0A, 0x0E, 0xE0):
            self._refused.clear()  # files are other ones now, or set-up has ended


def _names_file(command: bytes) -> bool:
    """Whether a command names what it reads or writes by itself: an SFI, or a balance."""
    if len(command) < 4:
        return False
    match bytes(command[:2]):
        case b"\x00\xb2" | b"\x00\xdc":
            return bool(command[3] >> 3)
        case b"\x00\xb0" | b"\x00\xd6":
            return bool(command[2] & 0x80)
        case b"\xb0\x26":
            return True
        case _:
            return False


class Challenges:
    """A challenge is good for one use, and no random number comes twice (SSC part 5 §6.5, part 7 §6.3)."""

    _SHORTEST: Final = 8
    """Shorter numbers may meet by chance."""

    def __init__(self) -> None:
        self._given: set[bytes] = set()

    def __call__(self, seen: Exchange) -> None:
        """Remember numbers; refuse a success that had no challenge."""
        if seen.starts(b"\x00\x84") and seen.sw == status.OK:
            number = seen.answer[:-2]
            if number in self._given:
                raise Broken("challenges", seen, "a random number that was given out before")
            if len(number) >= self._SHORTEST:
                self._given.add(number)
        issuer = seen.before.environment is Environment.PSE
        if seen.starts(b"\x00\x82") and seen.done and not issuer and not seen.before.challenge:
            raise Broken("challenges", seen, "authenticated without a challenge that is still good")
