"""One terminal with the national interface: calls by name, and what has to last between the steps of a function.

Every call opens the device, gives the card power, and at its end, whatever that is, takes the power and closes the
device (SC §6.3). Between step 1 and the last step of a function with the HSM the device stays open and the card
powered; any error, and any other call in between, ends the sequence.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from terminal.driver import Services, Session
from terminal.effects import Flow
from terminal.errors import PinTimeout, TerminalError
from terminal.national import basic, debit, files, pins
from terminal.national.card import Paused, Setup, code_of_failure
from terminal.national.codes import SUCCESS, Code, NationalError, describe
from terminal.national.reader import CONTACT, CONTACTLESS, SAM, ReaderError, ReaderLibrary, ReaderSlot, code_of
from terminal.national.signatures import ALIASES, FUNCTIONS, INPUT, Function
from terminal.outcome import Stopped
from terminal.transcript import Listener, ignore

ENCODING: Final = "gb18030"
"""Of the strings, where their length in bytes counts; it is GBK with the characters that names need besides."""
_ORDERS: Final[Mapping[int, tuple[int, ...]]] = MappingProxyType(
    {1: (CONTACT,), 2: (CONTACTLESS,), 3: (CONTACT, CONTACTLESS), 4: (CONTACTLESS, CONTACT)}
)
"""iType to slots, in the order in which a card is looked for."""

_Start = Callable[..., "Flow[Any]"]
_FIRST: Final[Mapping[str, _Start]] = MappingProxyType(
    {
        "iReadCardBas": basic.read_basic,
        "iReadCardBas_HSM_Step1": basic.read_basic_step1,
        "iReadCard": files.read_card,
        "iReadCard_HSM_Step1": files.read_card_step1,
        "iWriteCard": files.write_card,
        "iWriteCard_HSM_Step1": files.write_card_step1,
        "iVerifyPIN": pins.verify,
        "iChangePIN": pins.change,
        "iReloadPIN": lambda setup, info: pins.with_psam(setup, pins.RELOAD, info),
        "iReloadPIN_HSM_Step1": lambda setup, info: pins.step1(setup, pins.RELOAD, info),
        "iUnblockPIN": lambda setup, info: pins.with_psam(setup, pins.UNBLOCK, info),
        "iUnblockPIN_HSM_Step1": lambda setup, info: pins.step1(setup, pins.UNBLOCK, info),
        "iDoDebit": debit.pay,
        "iDoDebit_HSM_Step1": debit.pay_step1,
        "iReadDebitRecord": debit.read_log,
    }
)
"""Functions that begin a session; what follows a step is what the step gave."""


class Result(NamedTuple):
    """What a function gives: 0 or a code below, and the output parameter (on an error the text of the code)."""

    code: int
    output: str


class _Sequence:
    """A function with the HSM between two of its steps."""

    def __init__(self, handle: int, session: Session, paused: Paused) -> None:
        self.handle = handle
        self.session = session
        self.paused = paused


class NationalInterface:
    """The interface over one reader library.

    Args:
        library: devices and their slots.
        services: random numbers and PIN pad; keys are in the PSAM alone, a security module is not asked.
        setup: the choices of this terminal.
        listener: told of every event of the sessions.
        port: the device, as ICC_Reader_Open takes it.
        clock: date and time of the terminal.
    """

    def __init__(
        self,
        library: ReaderLibrary,
        services: Services,
        setup: Setup | None = None,
        listener: Listener = ignore,
        port: str = "AUTO",
        clock: Callable[[], datetime] = datetime.now,
    ) -> None:
        self.library = library
        self._services = replace(services, security_module=None)
        self._setup = setup or Setup()
        self._tell = listener
        self._port = port
        self._clock = clock
        self._sequence: _Sequence | None = None

    @property
    def waiting_for(self) -> str:
        """The function that goes on with a sequence; empty where none is open."""
        return "" if self._sequence is None else self._sequence.paused.function

    def close(self) -> None:
        """End a sequence that is open."""
        sequence, self._sequence = self._sequence, None
        if sequence is not None:
            self._end(sequence.handle, sequence.session)

    def call(self, name: str, *arguments: int | str) -> Result:
        """Call a function by its name, with its input parameters in their order.

        A name that there is not is -13; a number or kind of parameters that it does not take is -14.
        """
        try:
            return Result(SUCCESS, self._invoke(name, arguments))
        except NationalError as error:
            self.close()
            return Result(error.code, error.text)
        except Stopped as stopped:
            self.close()
            code = code_of_failure(stopped.failure)
            return Result(code, describe(code))
        except PinTimeout:
            self.close()
            return Result(Code.PIN_TIMEOUT, describe(Code.PIN_TIMEOUT))
        except TerminalError as error:
            self.close()
            code = code_of(error)
            return Result(code, describe(code))

    def _invoke(self, name: str, arguments: tuple[int | str, ...]) -> str:
        function = FUNCTIONS.get(ALIASES.get(name, name))
        if function is None:
            raise NationalError(Code.NOT_SUPPORTED, name)
        _check(function, arguments)
        if function.follows:
            output = self._continue(function, [str(argument) for argument in arguments])
        else:
            output = self._start(function, arguments)
        if len(output.encode(ENCODING)) > function.output:
            raise NationalError(Code.WRONG_LENGTH, "输出缓冲区")
        return output

    def _start(self, function: Function, arguments: tuple[int | str, ...]) -> str:
        self.close()
        order = _ORDERS.get(int(arguments[0]))
        if order is None:
            raise NationalError(Code.ILLEGAL_INPUT, "iType")
        handle = self.library.open(self._port)
        try:
            device = self.library.device(handle)
            sam = device.slot(SAM)
            with_psam = sam is not None and sam.occupied
            link = self._find(handle, order)
            session = Session(link, self._services, self._tell, psam=sam if with_psam else None)
        except TerminalError:
            self.library.close(handle)
            raise
        setup = replace(self._setup, psam=with_psam, now=self._clock())
        return self._run(handle, session, _FIRST[function.name](setup, *arguments[1:]))

    def _find(self, handle: int, order: tuple[int, ...]) -> ReaderSlot:
        """The slot of the card that a call is about."""
        slots = [slot for number in order if (slot := self.library.device(handle).slot(number)) is not None]
        if not slots:
            raise ReaderError(Code.NOT_SUPPORTED)
        return next((slot for slot in slots if slot.occupied), slots[0])

    def _continue(self, function: Function, arguments: list[str]) -> str:
        sequence, self._sequence = self._sequence, None
        if sequence is None:
            raise NationalError(Code.NOT_CONNECTED)
        if sequence.paused.function != function.name:
            self._end(sequence.handle, sequence.session)
            raise NationalError(Code.NOT_CONNECTED)
        return self._run(sequence.handle, sequence.session, sequence.paused.resume(*arguments))

    def _run(self, handle: int, session: Session, flow: "Flow[str | Paused]") -> str:
        paused = None
        try:
            found = session.run(flow)
            if isinstance(found, str):
                return found
            paused = found
        finally:
            if paused is None:
                self._end(handle, session)
        self._sequence = _Sequence(handle, session, paused)
        return paused.output

    def _end(self, handle: int, session: Session) -> None:
        try:
            session.close()
        finally:
            self.library.close(handle)


def _check(function: Function, arguments: tuple[int | str, ...]) -> None:
    """Number, kinds and lengths of the parameters.

    Raises:
        NationalError: -14 number or kind, -42 longer than its buffer.
    """
    if len(arguments) != len(function.inputs):
        raise NationalError(Code.PARAMETER)
    for parameter, argument in zip(function.inputs, arguments, strict=True):
        kind = INPUT[parameter.kind]
        if not isinstance(argument, kind) or isinstance(argument, bool):
            raise NationalError(Code.PARAMETER, parameter.name)
        if isinstance(argument, str) and len(argument.encode(ENCODING, "replace")) > parameter.length:
            raise NationalError(Code.WRONG_LENGTH, parameter.name)
