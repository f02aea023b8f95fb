"""Money is conserved: balances change by completed transactions alone, by their exact amounts, and sequences with them.

Watched in the cells of a model: the medical account (balance, load and purchase sequence) and each payment application
(balance of electronic cash, ATC). What a transaction is about is taken from the commands, and whether host and issuer
have allowed it is computed again from the key file.
"""

from dataclasses import dataclass, replace
from typing import Final

from cardsim.control import Meter, MeterKind, ModelControl
from cardsim.decode import Environment
from cardsim.decode.observed import Observed, Stage
from cardsim.keyfile import KeyFileError
from terminal.conformance.context import Context, FunctionError
from terminal.fuzz.executor import Exchange, Restart
from terminal.fuzz.oracles.common import Located, application, data_of, in_words, of, succeeded
from terminal.fuzz.sequence import Sequence
from terminal.fuzz.subject import Subject

_INITIALIZE: Final = b"\xb0\x28"
_CREDIT: Final = b"\xb0\x2a"
_DEBIT: Final = b"\xb0\x2c"
_GET_RESPONSE: Final = b"\x00\xc0"
_GPO: Final = b"\x80\xa8"
_GENERATE_AC: Final = b"\x80\xae"
_PUT_DATA: Final = b"\x04\xda"
_BALANCE_TAG: Final = b"\x9f\x79"
_MAKING: Final = frozenset({0xE0, 0xE2, 0xE4, 0x0E})
"""INS of personalisation and card management: CREATE, STORE DATA, DELETE, ERASE."""


@dataclass(frozen=True, slots=True)
class _Deal:
    """A medical transaction that was initialised: data of INITIALIZE and what the card answered, as far as fetched."""

    purchase: bool
    data: bytes
    answer: bytes = b""

    @property
    def amount(self) -> int:
        """What leaves or enters the account, in fen."""
        return int.from_bytes(self.data[1:5], "big")


class MoneyConserved(Located):
    """Compares the balances behind each command that has written something."""

    name: Final = "money"

    def __init__(self) -> None:
        super().__init__()
        self._control: ModelControl | None = None
        self._context: Context | None = None
        self._generation = -1
        self._meters: tuple[Meter, ...] = ()
        self._watched: tuple[Meter, ...] = ()
        self._values: dict[Meter, int] = {}
        self._deal: _Deal | None = None
        self._taken: str | None = None
        self._raised = False
        """Whether the last command has raised an ATC, or made other counters than before, which tell nothing of it."""
        self._state = Observed()

    def begin(self, subject: Subject, sequence: Sequence) -> None:
        """The balances at the start."""
        super().begin(subject, sequence)
        self._control, self._context = subject.control, subject.context
        self._deal = self._taken = None
        self._state = Observed(powered=True, environment=subject.home)
        if self._control is not None:
            self._values = self._look(self._control)

    def _look(self, control: ModelControl) -> dict[Meter, int]:
        self._generation = control.generation
        meters = control.meters()
        if meters is not self._meters:
            self._meters, self._raised = meters, True
            kinds = (MeterKind.MONEY, MeterKind.COUNT)
            self._watched = tuple(meter for meter in meters if meter.kind in kinds and meter.application)
        return {meter: meter.value(control.cells(meter.cells)) for meter in self._watched}

    def was_reset(self, restart: Restart) -> str | None:
        """A reset changes nothing; a cut leaves the balances before or after its command."""
        super().was_reset(restart)
        control, deal = self._control, self._deal
        self._deal = self._taken = None
        if control is None:
            return None
        before, state = self._values, self._state
        self._state = Observed(powered=True, environment=state.environment)
        if control.generation == self._generation:
            return None
        self._values = self._look(control)
        if restart.cut is not None and len(restart.cut) > 1 and restart.cut[1] in _MAKING:
            return None
        for meter, value in self._values.items():
            old = before.get(meter, value)
            if old == value:
                continue
            if restart.cut is None:
                return f"a reset changes the {meter.name} from {old} to {value}"
            problem = self._problem(meter, old, value, restart.cut, state, deal)
            if problem is not None:
                return f"a cut in {in_words(state.environment, restart.cut)} {problem}"
        return None

    def judge(self, exchange: Exchange) -> str | None:
        """What was booked, and by which command."""
        control = self._control
        if control is None:
            return None
        if self.lost(exchange):
            self._values, self._deal = self._look(control), None
            return None
        deal, self._state = self._deal, exchange.after
        complaint = None
        self._raised = False
        if control.generation != self._generation:
            before, self._values = self._values, self._look(control)
            if before != self._values:
                complaint = self._booked(exchange, before, deal)
        complaint = complaint or self._missing(exchange, deal) or self._unanswered(exchange)
        self._follow(exchange)
        return complaint

    # --- what changed ----------------------------------------------------------------------------------------------

    def _booked(self, exchange: Exchange, before: dict[Meter, int], deal: _Deal | None) -> str | None:
        command = exchange.command
        if len(command) > 1 and command[1] in _MAKING and succeeded(exchange.sw):
            return None
        for meter, value in self._values.items():
            old = before.get(meter)
            if old is None or old == value:
                continue
            problem = self._problem(meter, old, value, command, exchange.before, deal)
            if problem is None and not succeeded(exchange.sw) and not meter.early:
                problem = f"is answered {exchange.sw:04X} and changes the {meter.name} from {old} to {value}"
            if problem is not None:
                return f"{of(exchange)} {problem}"
            self._raised |= meter.name == "ATC"
            if meter.decimal and value < old and command[:2] == _GENERATE_AC:
                self._taken = meter.name
        return None

    def _problem(
        self, meter: Meter, old: int, value: int, command: bytes, state: Observed, deal: _Deal | None
    ) -> str | None:
        """What is wrong with a change; None where this command may make it."""
        change = f"changes the {meter.name} from {old} to {value}"
        header, here = command[:2], application(state)
        if here is not None and not meter.application.startswith(here):
            return f"{change}, in another application"
        if state.environment is Environment.SSSE:
            return self._medical(meter, old, value, command, deal, change)
        if meter.name == "ATC":
            return None if header == _GPO and value == old + 1 else change
        if meter.kind is not MeterKind.MONEY:
            return None
        if header == _PUT_DATA and command[2:4] == _BALANCE_TAG:
            given = data_of(command)[:6].hex()
            return None if given.isdigit() and int(given) == value else f"{change}, where the issuer gives {given}"
        if header == _GENERATE_AC and value < old:
            amount = bytes.fromhex(f"{old - value:012d}")
            return None if amount in data_of(command) else f"{change}, which is not the amount"
        return change

    def _medical(
        self, meter: Meter, old: int, value: int, command: bytes, deal: _Deal | None, change: str
    ) -> str | None:
        wanted = _DEBIT if deal is not None and deal.purchase else _CREDIT
        if deal is None or command[:2] != wanted:
            return f"{change}, and no transaction was initialised"
        if self._allowed(deal, command) is False:
            return f"{change} for a wrong MAC"
        if meter.kind is MeterKind.MONEY:
            amount = -deal.amount if deal.purchase else deal.amount
            return None if value - old == amount else f"{change}, where the amount is {deal.amount}"
        own = meter.name.startswith("purchase" if deal.purchase else "load")
        return None if own and value == old + 1 else change

    def _allowed(self, deal: _Deal, command: bytes) -> bool | None:
        """Whether the MAC in CREDIT or DEBIT is the one that the keys give; None where that cannot be computed."""
        data, context = data_of(command), self._context
        if context is None:
            return None
        captured = {**context.captured, "deal": deal.data, "opened": deal.answer}
        if deal.purchase:
            captured |= {"sequence": data[:4], "time": data[4:11]}
            name, words = "purchase-mac1", ["deal", "opened", "sequence", "time"]
        else:
            captured |= {"time": data[:7]}
            name, words = "load-mac2", ["deal", "opened", "time"]
        try:
            return replace(context, captured=captured).evaluate(name, tuple(words)) == data[-4:]
        except (FunctionError, KeyFileError, ValueError):
            return None

    # --- what did not change -----------------------------------------------------------------------------------------

    def _missing(self, exchange: Exchange, deal: _Deal | None) -> str | None:
        """A transaction that was answered with success is booked."""
        header = exchange.command[:2]
        if not succeeded(exchange.sw):
            return None
        if header == _GPO and exchange.before.environment is Environment.PSE:
            return self._atc_stays(exchange)
        if deal is None or header not in (_CREDIT, _DEBIT) or len(deal.answer) < 16:
            return None
        at, name, amount = (14, "purchase", -deal.amount) if deal.purchase else (4, "load", deal.amount)
        told = int.from_bytes(deal.answer[:4], "big"), int.from_bytes(deal.answer[at : at + 2], "big")
        for meter, value in self._values.items():
            if meter.application != application(exchange.before):
                continue
            if meter.name == "balance of the medical account" and value != told[0] + amount:
                return f"{of(exchange)} leaves the {meter.name} at {value}, where {told[0]} {amount:+} is right"
            if meter.name == f"{name} sequence of the medical account" and value != told[1] + 1:
                return f"{of(exchange)} leaves the {meter.name} at {value}, where the transaction had {told[1]}"
        return None

    def _atc_stays(self, exchange: Exchange) -> str | None:
        """Each GET PROCESSING OPTIONS that is answered has raised the ATC (PBOC-GPO-021)."""
        here = application(exchange.before)
        if not here or self._raised:
            return None
        atc = next((v for m, v in self._values.items() if m.name == "ATC" and m.application.startswith(here)), None)
        return None if atc is None else f"{of(exchange)} is answered {exchange.sw:04X}, and the ATC stays {atc}"

    def _unanswered(self, exchange: Exchange) -> str | None:
        """Electronic cash is taken with a TC alone: known as soon as the answer was fetched."""
        stage = exchange.after.stage
        taken = self._taken
        if taken is None or stage is Stage.FIRST_CRYPTOGRAM:
            return None
        self._taken = None
        if stage in (Stage.ONLINE, Stage.DECLINED):
            return f"{of(exchange)} shows that {stage.value}, and the {taken} has fallen"
        return None

    # --- what is pending ---------------------------------------------------------------------------------------------

    def _follow(self, exchange: Exchange) -> None:
        """Keep the medical transaction that is initialised, with the answer as it is fetched."""
        command, data = exchange.command, exchange.answer[:-2]
        if command[:2] == _INITIALIZE and succeeded(exchange.sw):
            self._deal = _Deal(bool(command[2]), data_of(command), data)
        elif exchange.after.stage not in (Stage.LOAD, Stage.PURCHASE):
            self._deal = None
        elif command[:2] == _GET_RESPONSE and self._deal is not None and data and len(self._deal.answer) < 16:
            self._deal = replace(self._deal, answer=self._deal.answer + data)
