"""Nothing is granted that was not proved: each success has the key, PIN, challenge or turn that its row asks for.

What was proved is what the card's own answers have said (`cardsim.decode.observed`): whoever sees the contacts sees
that much. Rules of rows stand in the command tables, rules of files are known of a model. Where the key file has the
secret, a proof that the card takes is computed again. The oracle says nothing where a right may stand for another
reason: an empty PIN, a file that cannot be told, a card that is still in its set-up.
"""

from functools import cache
from typing import Final

from cardsim.control import FileRule, ModelControl
from cardsim.cos.table import Command, Messaging
from cardsim.decode import Environment
from cardsim.decode.commands import fits, rows_of
from cardsim.decode.observed import APPLICATION, MASTER, Observed, Stage
from cardsim.pse.commands import SCRIPTS
from cardsim.pse.commands import TABLE as PSE
from terminal.fuzz.executor import Exchange, Restart
from terminal.fuzz.oracles.common import Located, application, of, succeeded
from terminal.fuzz.oracles.proofs import PIN, Proofs, secret_of
from terminal.fuzz.sequence import Sequence
from terminal.fuzz.subject import Subject

_BK: Final = 0x05
_PUK: Final = 0x06
_FIRST: Final = frozenset({Stage.INITIATED})
_SECOND: Final = frozenset({Stage.FIRST_CRYPTOGRAM, Stage.ONLINE, Stage.ISSUER_PROVED, Stage.ISSUER_FAILED})
_SCRIPTS: Final = _SECOND | {Stage.APPROVED, Stage.DECLINED, Stage.COMPLETED}
_CHANNEL: Final = frozenset({Stage.CHANNEL_OPEN})
_TURNS: Final[dict[tuple[Environment, bytes], frozenset[Stage]]] = {
    (Environment.SSSE, b"\xb0\x2a"): frozenset({Stage.LOAD}),
    (Environment.SSSE, b"\xb0\x2c"): frozenset({Stage.PURCHASE}),
    (Environment.PSE, b"\x80\xa8"): frozenset({Stage.NONE, Stage.CHANNEL_BEGUN, Stage.CHANNEL_OPEN}),
    (Environment.PSE, b"\x00\x20"): _FIRST,
    (Environment.PSE, b"\x00\x88"): _FIRST,
    (Environment.PSE, b"\x80\xae"): _FIRST | _SECOND,
    (Environment.PSE, b"\x00\x82"): frozenset({Stage.FIRST_CRYPTOGRAM, Stage.ONLINE}),
    (Environment.PSE, b"\x84\x82"): frozenset({Stage.CHANNEL_BEGUN}),
    **{(Environment.PSE, row.header): _SCRIPTS for row in SCRIPTS},
    **{(Environment.PSE, row.header): _CHANNEL for row in PSE if row.messaging is Messaging.CHANNEL},
}  # fmt: skip
"""How far a transaction or channel has come when a command may succeed (EMV Book 3 §6.5, SSC part 5 §7, D7)."""
_KEYS: Final[dict[tuple[Environment, bytes], int]] = {
    (Environment.CARD, b"\x80\xe0"): MASTER,
    (Environment.CARD, b"\x80\xe4"): MASTER,
    (Environment.CARD, b"\x84\xd4"): MASTER,
    (Environment.CARD, b"\x80\x0e"): MASTER,
    (Environment.SSSE, b"\x80\xe0"): MASTER,
    (Environment.SSSE, b"\x80\x0a"): MASTER,
    (Environment.SSSE, b"\x80\x0e"): MASTER,
    (Environment.SSSE, b"\x84\x16"): _BK,
    (Environment.SSSE, b"\x84\x24"): _PUK,
}
"""The key that must have been proved when a command succeeds."""
_NEEDS_PIN: Final = frozenset({b"\xb0\x28", b"\xb0\x26"})
"""Commands of the medical account that ask for the PIN where one is set (SSC part 7 §11.2, §12.2)."""
_LOCK: Final = b"\x84\x1e"
_READ: Final = frozenset({0xB0, 0xB2})
_UPDATE: Final = frozenset({0xD6, 0xDC})
_BINARY: Final = frozenset({0xB0, 0xD6})
_MACED: Final = 0x04


class NothingUnproved(Located):
    """Looks at each success, and at what was proved before it."""

    name: Final = "rights"

    def __init__(self) -> None:
        super().__init__()
        self._proofs: Proofs | None = None
        self._control: ModelControl | None = None
        self._has_pin = False
        self._rules: tuple[FileRule, ...] = ()
        self._by_sfi: dict[tuple[bytes, int], FileRule] = {}
        self._by_fid: dict[tuple[bytes, int], FileRule] = {}

    def begin(self, subject: Subject, sequence: Sequence) -> None:
        """Nothing is proved."""
        super().begin(subject, sequence)
        self._proofs = Proofs(subject)
        self._control = subject.control
        holder = subject.keys.holder
        self._has_pin = bool(holder and holder.pin)

    def was_reset(self, restart: Restart) -> str | None:
        """What was proved is forgotten; a PIN may have been changed by what was cut."""
        if self._proofs is not None:
            self._proofs.note_cut(restart)
        return super().was_reset(restart)

    def judge(self, exchange: Exchange) -> str | None:
        """Only success grants anything."""
        proofs, command = self._proofs, exchange.command
        if self.lost(exchange) or proofs is None or len(command) < 4 or not succeeded(exchange.sw):
            return None
        complaint = None
        if exchange.before.environment is not Environment.PSAM and command[1] != 0xA4:
            complaint = self._unproved(exchange, proofs)
        proofs.note(exchange)
        return complaint

    def _unproved(self, exchange: Exchange, proofs: Proofs) -> str | None:
        state, command = exchange.before, exchange.command
        key = (state.environment, command[:2])
        said = f"{of(exchange)} is answered {exchange.sw:04X}"
        if _takes_challenge(state.environment, command[:4]) and not state.challenge:
            return f"{said} without a challenge of its own: it was used before, or given elsewhere"
        if secret_of(command, state) is not None and proofs.right(command, state) is False:
            return f"{said} for a proof that is wrong"
        turns = _TURNS.get(key)
        if turns is not None and state.stage not in turns:
            return f"{said} out of its turn: {state.stage.value}"
        needed = _KEYS.get(key)
        if needed is not None and needed not in state.proved:
            return f"{said}, and {'the master key' if needed == MASTER else f'key {needed:02X}'} was not proved"
        if state.environment is not Environment.SSSE:
            return None
        if command[:2] == _LOCK and not any(each & APPLICATION for each in state.proved):
            return f"{said}, and no key of the application was proved"
        if command[:2] in _NEEDS_PIN and not state.pin and self._has_pin and not proofs.changed:
            return f"{said}, and the PIN was not verified"
        return self._file(exchange, said, proofs) if command[1] in _READ or command[1] in _UPDATE else None

    # --- files -----------------------------------------------------------------------------------------------------

    def _file(self, exchange: Exchange, said: str, proofs: Proofs) -> str | None:
        state, command = exchange.before, exchange.command
        rule = self._rule(state, command)
        if rule is None or rule.part != "DDF1":
            return None
        writing = command[1] in _UPDATE
        if writing and rule.protected and not command[0] & _MACED and MASTER not in state.proved:
            return f"{said}, and EF{rule.fid & 0xFF:02X} is written with a MAC alone"
        ways = rule.write if writing else rule.read
        if writing:  # in set-up the master key lets the first content in (D6)
            ways = (*ways, frozenset({MASTER}))
        proved = state.proved | {PIN} if state.pin else state.proved
        if any(way <= proved for way in ways):
            return None
        if any(PIN in way for way in ways) and (proofs.changed or not self._has_pin):
            return None
        doing = "written" if writing else "read"
        return f"{said}, and nothing that was proved lets file {rule.fid:04X} be {doing}"

    def _rule(self, state: Observed, command: bytes) -> FileRule | None:
        """The file that a command reaches; None where it cannot be told."""
        control, here = self._control, application(state)
        if control is None or here is None:
            return None
        rules = control.rules()
        if rules is not self._rules:
            self._rules = rules
            self._by_sfi = {(rule.application, rule.sfi): rule for rule in rules if rule.sfi and rule.part == "DDF1"}
            self._by_fid = {(rule.application, rule.fid): rule for rule in rules if rule.part == "DDF1"}
        sfi = command[3] >> 3
        if command[1] in _BINARY:
            sfi = command[2] & 0x1F if command[2] & 0x80 else 0
        return self._by_sfi.get((here, sfi)) if sfi else self._by_fid.get((here, state.file))


@cache
def _takes_challenge(environment: Environment, header: bytes) -> bool:
    """Whether the row of a command needs a challenge of the card."""
    rows: tuple[Command, ...] = rows_of(environment).get(header[:2], ())
    row = next((row for row in rows if fits(row, header[2], header[3])), None)
    if row is None:
        return False
    return any(fault.cause.startswith(("no challenge", "no GET CHALLENGE")) for fault in row.answers)
