"""GET PROCESSING OPTIONS: a transaction begins, and the card chooses electronic cash or debit (PBOC part 13 §7.4)."""

from typing import Final

from cardsim.cos.environment import Handler
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.pse import commands
from cardsim.pse.application import (
    ATC_AT,
    BALANCE_AT,
    INDICATORS_AT,
    PIN_LIMIT_AT,
    PIN_TRIES_AT,
    Parameters,
    amount_at,
    atc_of,
    decimal,
)
from cardsim.pse.choices import Choice
from cardsim.pse.memory import State
from cardsim.pse.path import PathFacts, first_failing
from cardsim.pse.transaction import TransactionCommands
from cardsim.pse.turns import states_of

_TURN: Final = states_of(commands.GET_PROCESSING_OPTIONS)
_LAST_ATC: Final = 0xFFFE
_CURRENCY_IN_RECORDS: Final = 0x9F42


class Initiation(TransactionCommands):
    """The command that begins a transaction."""

    @property
    def handlers(self) -> dict[str, Handler]:
        """Handlers by name of the row."""
        return {commands.GET_PROCESSING_OPTIONS.name: self._get_processing_options}

    def _get_processing_options(self, _p1: int, _p2: int, data: bytes, _le: int) -> bytes:
        """GPO: the card chooses electronic cash or debit; the ATC rises before the answer (PBOC-GPO)."""
        application = self._need(_TURN)
        parameters = application.parameters
        if len(data) != parameters.pdol.length + 2:
            raise StatusError(status.WRONG_LENGTH)
        if data[0] != 0x83 or data[1] != parameters.pdol.length:
            raise StatusError(status.WRONG_DATA)
        counters = application.counters()
        transaction = self._transaction
        pdol_data = data[2:]
        cash = self._chooses_cash(parameters, counters, pdol_data)
        path = parameters.cash if cash else parameters.debit
        if path is None:
            if self._chosen(Choice.NO_CASH_PATH_6985):
                raise StatusError(status.CONDITIONS_NOT_SATISFIED)
            cash, path = False, parameters.debit
        atc = atc_of(counters)
        if atc >= _LAST_ATC:
            if not self._chosen(Choice.LAST_ATC_REFUSES):
                self._block(application)
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        application.write_counter_early(ATC_AT, (atc + 1).to_bytes(2, "big"))
        transaction.state, transaction.cash, transaction.aip = State.INITIATED, cash, path.aip
        transaction.pdol_data = pdol_data
        return path.answer

    def _chooses_cash(self, parameters: Parameters, counters: bytes, data: bytes) -> bool:
        """Whether all conditions of the electronic-cash path hold (`cardsim.pse.path`)."""
        told = parameters.pdol
        facts = PathFacts(
            currency=told.value(0x5F2A, data),
            own_currency=self._own_currency(parameters),
            wish=told.value(0x9F7A, data),
            amount=decimal(told.value(0x9F02, data)),
            balance=amount_at(counters, BALANCE_AT),
            limit=parameters.cash_single_limit,
            indicators=counters[INDICATORS_AT],
            pin_limit=counters[PIN_LIMIT_AT],
            pin_tries=counters[PIN_TRIES_AT],
            choices=self._pse.choices,
        )
        return first_failing(facts) is None

    def _own_currency(self, parameters: Parameters) -> bytes:
        in_records = self._chosen(Choice.CASH_CURRENCY_9F42)
        return parameters.data.get(_CURRENCY_IN_RECORDS, b"") if in_records else parameters.currency
