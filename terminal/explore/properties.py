"""What has to hold, as a table: one row for each property, with the decisions and requirements that ask for it.

A property looks at one transition: the state before, what a letter sent and was answered, and the state after it. Those
that say "for ever" hold for ever because they hold for every transition of the whole graph.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from cardsim.control import fields_of
from cardsim.cos.states import CardState, Presence
from cardsim.iso7816 import status
from terminal.explore.apart import Apart, asks_for_others
from terminal.explore.proved import MASTER
from terminal.explore.proved import after as now_proved
from terminal.explore.states import Life, State, is_payment
from terminal.explore.tables import declared
from terminal.explore.tree import Exchange

_SELECT: Final = b"\x00\xa4"
_SELECT_NAME: Final = b"\x00\xa4\x04"
_MF_FID: Final = (b"", b"\x3f\x00")
_CREATE, _WRITE_KEY, _DELETE, _ERASE = b"\x80\xe0", b"\x84\xd4", b"\x80\xe4", b"\x80\x0e"
_LOAD_CARD_KEY: Final = b"\x84\xd4\x3f\x00"
_PROVE_MASTER: Final = b"\x00\x82\x00\x00"
_CARD_BLOCK: Final = b"\x84\x16"
_TRANSPORT_MAY: Final = (_SELECT, b"\x00\xc0", b"\x00\x84", b"\x00\x82", b"\x80\xf2", b"\x00\xb2")
"""SELECT, GET RESPONSE, GET CHALLENGE, EXTERNAL AUTHENTICATE, GET STATUS, READ RECORD: what changes nothing."""


_QUIET: Final = (_SELECT, b"\x00\xc0", b"\x00\x84", b"\x80\xf2", b"\x00\xb2")
"""What writes nothing."""
_MANAGING: Final = (_CREATE, _WRITE_KEY, _DELETE, _ERASE, b"\x80\x0a")
"""What sets up a card or SSSE; none of it writes anything early."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the card's secrets, so that their use can be seen."""

    transport_proof: bytes = field(default=b"", repr=False)
    """The command that proves the transport key under the constant challenge."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One letter in one state."""

    before: State
    letter: str
    cut: int | None
    """The power was cut before this page program, and the card reset; None: it was not."""
    exchanges: Sequence[Exchange]
    after: State
    whole: State | None = None
    """Where the letter leads without the cut."""
    bus: str = ""
    """What the bus monitor found."""


Judge = Callable[[Transition], str | None]
"""What is wrong with a transition, in a sentence; nothing where it is well."""


@dataclass(frozen=True, slots=True)
class Property:
    """One property: name, sentence, what asks for it, and what judges a transition for it."""

    name: str
    sentence: str
    shows: str
    judge: Callable[[Facts], Judge]
    wanted: str = ""
    """The answer that would be right, where the property says so."""
    cuts: bool = False
    """Whether it is about power cuts alone."""


def _ok(exchange: Exchange) -> bool:
    return exchange.answer[-2:-1] in (b"\x90", b"\x61")


def _word(exchange: Exchange) -> str:
    return exchange.answer[-2:].hex().upper() or "nothing"


def _said(exchange: Exchange) -> str:
    return f"{exchange.command[:4].hex().upper()} is answered {_word(exchange)}"


# --- life cycle ------------------------------------------------------------------------------------------------------


def _forwards(_facts: Facts) -> Judge:
    def judge(transition: Transition) -> str | None:
        old, new = transition.before.life, transition.after.life
        if old is new or old == new:
            return None
        if old.stopped or new.stopped:
            return None if new.stopped and (old.stopped or _may_stop(transition)) else "GET STATUS changes its mind"
        if new.card < old.card and not (new.card == CardState.ACTIVATED and not old.keyed and not new.environments):
            further = old.card == CardState.OPERATIONAL and set(new.environments) > set(old.environments)
            if not further:
                return f"the card goes back: {old} -> {new}"
        for fid, one in old.environments.items():
            now = new.environments.get(fid)
            if one.keyed and (now is None or now.presence < one.presence or now.name != one.name):
                return f"environment {fid} goes back: {one} -> {now or 'absent'}"
            if one.blocked and (now is None or not now.blocked):
                return f"environment {fid} is not blocked any more"
        return None

    return judge


def _may_stop(transition: Transition) -> bool:
    """Whether the whole card may be blocked: by CARD BLOCK where the profile says so (D10)."""
    blocked = any(one.command[:2] == _CARD_BLOCK and _ok(one) for one in transition.exchanges)
    return transition.before.life.scope_card and blocked


def _operational(_facts: Facts) -> Judge:
    def judge(transition: Transition) -> str | None:
        life = transition.after.life
        issued = bool(life.environments) and all(one.presence == Presence.ISSUED for one in life.environments.values())
        if life.stopped or issued is (life.card == CardState.OPERATIONAL):
            return None
        return f"GET STATUS says: {life}"

    return judge


def _transport(facts: Facts) -> Judge:
    def judge(transition: Transition) -> str | None:
        life = transition.before.life
        if life.card == CardState.ACTIVATED:
            for one in transition.exchanges:
                if one.before is None and _ok(one) and one.command[:2] not in _TRANSPORT_MAY:
                    if one.command[:4] == _LOAD_CARD_KEY:
                        break
                    if one.command:
                        return f"a card that holds the transport key alone: {_said(one)}"
        elif life.card > CardState.ACTIVATED and facts.transport_proof:
            for one in transition.exchanges:
                if one.command == facts.transport_proof and one.before is None and _ok(one):
                    return "the transport key is accepted on a card that has its master key"
        return None

    return judge


def _right_ends(_facts: Facts) -> Judge:
    def judge(transition: Transition) -> str | None:
        if transition.cut is not None:
            return None
        loaded = [one for one in transition.exchanges if one.command[:4] == _LOAD_CARD_KEY and _ok(one)]
        if loaded and transition.exchanges[-1] is loaded[-1] and transition.after.memory.mf.authenticated:
            return "the right is still there after the card master key was loaded"
        return None

    return judge


def _right_needed(_facts: Facts) -> Judge:
    def judge(transition: Transition) -> str | None:
        first = transition.exchanges[0] if transition.exchanges else None
        if first is None or first.before is not None or transition.before.memory.mf.authenticated:
            return None
        for one in transition.exchanges:
            if one.command[:2] == _PROVE_MASTER[:2] and _ok(one):
                return None
            if one.before is None and one.command[:2] in (_CREATE, _WRITE_KEY, _DELETE, _ERASE) and _ok(one):
                return f"no key is proved: {_said(one)}"
        return None

    return judge


# --- the card master key ---------------------------------------------------------------------------------------------


def _concerned(one: Exchange, life: Life) -> str | None:
    """The keyed environment that a command of card management concerns, if there is one."""
    command = one.command
    if one.before is not None or len(command) < 5:
        return None
    head, data = command[:2], command[5 : 5 + command[4]]
    if head == _DELETE:
        fid = data.hex().upper()
    elif head in (_CREATE, _WRITE_KEY):
        fid = command[2:4].hex().upper()
    else:
        return None
    if head == _CREATE:
        fid = next((other for other, known in life.environments.items() if known.keyed and known.name == data[8:]), fid)
    known = life.environments.get(fid)
    return fid if known is not None and known.keyed else None


def _powerless(_facts: Facts) -> Judge:
    def judge(transition: Transition) -> str | None:
        life = transition.before.life
        if not life.keyed or transition.before.life.stopped:
            return None
        for one in transition.exchanges:
            fid = _concerned(one, life)
            if fid is not None and one.answer and one.sw != status.SECURITY_NOT_SATISFIED:
                return f"{fid} has its own master key: {_said(one)}"
        return None

    return judge


def _untouched(_facts: Facts) -> Judge:
    def judge(transition: Transition) -> str | None:
        old, new = transition.before.content, transition.after.content
        if old is new:
            return None
        visited = {fid for one in transition.exchanges for fid in (one.before, one.after) if fid is not None}
        for fid, one in old.life.environments.items():
            if one.keyed and fid not in visited and old.parts.get(fid) != new.parts.get(fid):
                return f"cells of {fid} change while it is not selected"
        return None

    return judge


def _not_erased(_facts: Facts) -> Judge:
    def judge(transition: Transition) -> str | None:
        if not transition.before.life.keyed:
            return None
        for one in transition.exchanges:
            if one.before is None and one.command[:2] == _ERASE and _ok(one):
                return "the card is erased although an environment has its own master key"
        return None

    return judge


def _erased(_facts: Facts) -> Judge:
    def judge(transition: Transition) -> str | None:
        last, life = (transition.exchanges or (None,))[-1], transition.after.life
        if transition.cut is not None or last is None or last.before is not None or last.command[:2] != _ERASE:
            return None
        if not _ok(last) or (life.card == CardState.ACTIVATED and not life.environments):
            return None
        return f"after ERASE of the whole card GET STATUS says: {life}"

    return judge


def _between(_facts: Facts) -> Judge:
    def judge(transition: Transition) -> str | None:
        before, after, whole = transition.before, transition.after, transition.whole
        if transition.cut is None or whole is None:
            return None
        if after.life not in (before.life, whole.life):
            return f"a power cut leaves: {after.life}; before: {before.life}, after: {whole.life}"
        *first, last = transition.exchanges
        quiet = all(one.command[:2] in _QUIET for one in first)
        if last.command[:2] in _MANAGING and quiet and after.content not in (before.content, whole.content):
            return f"a power cut in {last.command[:4].hex().upper()} leaves cells between before and after"
        return None

    return judge


def _needs_master(_facts: Facts) -> Judge:
    def judge(transition: Transition) -> str | None:
        proved = transition.before.proved
        for one in transition.exchanges:
            known = None if one.before is None else transition.before.life.environments.get(one.before)
            plain = known is not None and known.presence == Presence.KEYED and not is_payment(known)
            if plain and one.command[:2] in _MANAGING and _ok(one) and MASTER not in proved:
                return f"the master key of {one.before} was not proved: {_said(one)}"
            proved = now_proved(proved, one)
        return None

    return judge


def _opens(_facts: Facts) -> Judge:
    seen: dict[object, tuple[object, State]] = {}

    def judge(transition: Transition) -> str | None:
        before, exchanges = transition.before, transition.exchanges
        fid = before.selected
        if fid is None or transition.cut is not None or any(one.before != fid or one.after != fid for one in exchanges):
            return None
        record = before.memory.environments[before.content.slots[fid]]
        if not hasattr(record, "rights") or asks_for_others(exchanges):
            return None
        bare = fields_of(replace(record, rights=0))  # type: ignore[type-var]
        key = (transition.letter, before.content.parts[fid], bare, before.proved, before.memory.ram.pending)
        answers = tuple([one.answer for one in exchanges])
        known = seen.setdefault(key, (answers, before))
        if known[0] == answers:
            return None
        proved = ", ".join(sorted(before.proved)) or "nothing"
        return f"with {proved} proved it is answered otherwise than in state {known[1].number}: {_said(exchanges[-1])}"

    return judge


def _after_end(_facts: Facts) -> Judge:
    def judge(transition: Transition) -> str | None:
        environments = transition.before.life.environments
        for one in transition.exchanges:
            known = None if one.before is None else environments.get(one.before)
            if known is None or known.presence != Presence.ISSUED or not _ok(one):
                continue
            if one.command[:4] == _PROVE_MASTER and len(one.command) > 16:
                return f"{one.before} is issued, and its master key is proved by P2 00"
            if one.command[:2] == _CREATE and one.before == one.after and not is_payment(known):
                return f"{one.before} is issued, and CREATE in clear is answered {_word(one)}"
        return None

    return judge


# --- the firewall ----------------------------------------------------------------------------------------------------


def _bus(_facts: Facts) -> Judge:
    return lambda transition: transition.bus or None


def _forgotten(_facts: Facts) -> Judge:
    seen = -1

    def judge(transition: Transition) -> str | None:
        nonlocal seen
        state = transition.after
        if state.number <= seen:
            return None
        seen = state.number
        memory, current = state.memory, state.memory.ram.current
        for slot, fields in state.records:
            if slot != current and fields != fields_of(type(memory.environments[slot])()):
                return "an environment that is not selected remembers something"
        if current is not None and fields_of(memory.mf) != fields_of(type(memory.mf)()):
            return "the MF remembers something while an environment is selected"
        return None

    return judge


def _failed_select(_facts: Facts) -> Judge:
    def judge(transition: Transition) -> str | None:
        if transition.cut is not None or len(transition.exchanges) != 1:
            return None
        one = transition.exchanges[0]
        if one.command[:2] != _SELECT or _ok(one) or one.sw == status.SELECTED_FILE_INVALID:
            return None
        old, new = transition.before, transition.after
        same = old.content is new.content and old.memory.ram.current == new.memory.ram.current
        if same and old.exact[3:] == new.exact[3:]:
            return None
        return f"a SELECT that fails changes the state: {_said(one)}"

    return judge


def _by_identifier(_facts: Facts) -> Judge:
    def judge(transition: Transition) -> str | None:
        for one in transition.exchanges:
            if one.command[:2] == _SELECT and one.command[2] != 4 and one.after not in (one.before, None):
                return f"SELECT by identifier {one.command[5:].hex().upper()} enters {one.after}"
        return None

    return judge


def _entered_by_select(_facts: Facts) -> Judge:
    def judge(transition: Transition) -> str | None:
        for one in transition.exchanges:
            if one.before != one.after and one.command and one.answer and one.command[:2] != _SELECT:
                return f"{one.command[:4].hex().upper()} leads from {one.before or 'the MF'} to {one.after or 'the MF'}"
        return None

    return judge


# --- blocks ----------------------------------------------------------------------------------------------------------


def _blocked(_facts: Facts) -> Judge:
    def judge(transition: Transition) -> str | None:
        environments = transition.before.life.environments
        blocked = {fid for fid, one in environments.items() if one.blocked}
        for one in transition.exchanges:
            if one.before in blocked and one.answer and one.command:
                left = one.after != one.before and one.command[:2] == _SELECT
                if not left and one.sw != status.NOT_SUPPORTED:
                    return f"{one.before} is blocked: {_said(one)}"
            if one.command[:2] == _CARD_BLOCK and one.sw == status.OK and one.before is not None:
                blocked.add(one.before)
        return None

    return judge


def _blocked_name(_facts: Facts) -> Judge:
    def judge(transition: Transition) -> str | None:
        names = {one.name for one in transition.before.life.environments.values() if one.blocked}
        for one in transition.exchanges if names else ():
            if one.command[:3] == _SELECT_NAME and one.command[5:] in names and one.sw != status.NOT_SUPPORTED:
                return f"SELECT of a blocked environment is answered {_word(one)}"
        return None

    return judge


def _block_stands(_facts: Facts) -> Judge:
    def judge(transition: Transition) -> str | None:
        if transition.cut is not None:
            return None
        for one in transition.exchanges:
            if one.command[:2] == _CARD_BLOCK and one.sw == status.OK and one.before is not None:
                life = transition.after.life
                known = life.environments.get(one.before)
                if not life.stopped and (known is None or not known.blocked):
                    return f"{one.before} is not blocked after CARD BLOCK was answered 9000"
        return None

    return judge


# --- answers ---------------------------------------------------------------------------------------------------------


def _declared(_facts: Facts) -> Judge:
    seen: set[tuple[bool, bytes, int]] = set()

    def judge(transition: Transition) -> str | None:
        environments = transition.before.life.environments
        for one in transition.exchanges:
            known = None if one.before is None else environments.get(one.before)
            payment = known is not None and is_payment(known)
            asked = (payment, one.command[:4], one.sw)
            if asked in seen or not one.command or not one.answer:
                continue
            if not declared(one.before is None, payment, one.command, one.sw):
                return f"no row of a command table has this answer: {_said(one)}"
            seen.add(asked)
        return None

    return judge


def _answers(_facts: Facts) -> Judge:
    def judge(transition: Transition) -> str | None:
        if transition.cut is None and any(not one.answer for one in transition.exchanges):
            return "the card is mute"
        return None

    return judge


def _journal(_facts: Facts) -> Judge:
    def judge(transition: Transition) -> str | None:
        only_reset = transition.cut is None and all(not one.command for one in transition.exchanges)
        if only_reset and transition.exchanges and transition.before.content is not transition.after.content:
            return "a reset changes cells"
        return None

    return judge


def _apart(_facts: Facts) -> Judge:
    return Apart().judge


PROPERTIES: Final = (
    Property("life-cycle", "States of the card and its environments go forwards alone", "D1, D2, D3, D10", _forwards),
    Property("operational", "The card is operational when each environment is issued", "D1", _operational),
    Property("transport-key", "The transport key loads the card master key, nothing else", "D1, PERSO-013", _transport),
    Property("right-ends", "Loading the card master key ends the right", "D1, PERSO-005", _right_ends),
    Property("right-needed", "Card management needs a key that was proved", "D1, SSC4-5.2-01", _right_needed),
    Property(
        "powerless", "A keyed environment answers the card master key 6982, for ever", "D2, SCHEME-055", _powerless,
        wanted="6982",
    ),
    Property("untouched", "No cell of a keyed environment changes while it is not selected", "D2, D9", _untouched),
    Property(
        "not-erased", "The card is not erased once an environment is keyed", "D3, PERSO-043", _not_erased,
        wanted="6985",
    ),
    Property("erased", "Erasing the whole card revives the transport key and leaves nothing else", "D3", _erased),
    Property("cut", "A power cut leaves the state before a command or after it", "D2, D13", _between, cuts=True),
    Property("after-end", "After its set-up SSSE knows its master key in MACs alone", "D6, SSC5-6.4-08", _after_end),
    Property("set-up-key", "What sets SSSE up needs its master key", "D6, SSC4-5.3-01", _needs_master),
    Property("opens", "What opens depends on what was proved, until it is left", "D9, D11, SSC7-5.8-02", _opens),
    Property("bus", "A command touches its own part, the journal and, to select, the registry", "D9", _bus),
    Property("forgotten", "What an environment remembers ends when it is left", "D9, D11, SCHEME-009", _forgotten),
    Property("failed-select", "A SELECT that fails changes nothing", "D9, SSC5-6.11-15", _failed_select),
    Property("by-identifier", "An identifier leads into no other environment", "D9, PBOC-SEP-006", _by_identifier),
    Property("select-alone", "SELECT alone leads from one environment to another", "D9", _entered_by_select),
    Property("apart", "What an environment answers depends on its own side alone", "D9, D12, SCHEME-002", _apart),
    Property(
        "blocked", "A blocked environment answers 6A81 to everything", "D10, SSC5-6.2-02", _blocked, wanted="6A81"
    ),
    Property(
        "blocked-name", "SELECT of a blocked environment is answered 6A81", "D10, SSC5-6.2-11", _blocked_name,
        wanted="6A81",
    ),
    Property("block-stands", "CARD BLOCK stands from its answer on", "D10, SSC5-6.2-03", _block_stands),
    Property("declared", "Each status word stands in the row of its command", "design, decision 5", _declared),
    Property("never-mute", "The card answers", "design, decision 1", _answers),
    Property("journal", "A reset changes no cell", "D13", _journal),
)  # fmt: skip
"""The properties, in the order in which they are told."""
