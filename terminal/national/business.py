"""The business system (业务系统) at the counter: which function it calls, and when it asks the host's HSM (SC annex C).

It reads the basic information first and keeps it; on five codes it goes the way by the HSM; what a card of this version
does not have it does not ask for. The host says whether the card is valid; its HSM answers for valid cards alone.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from terminal.driver import SocialHost
from terminal.filetable import FileTable, NoSuchFile, file_table
from terminal.messages.social import (
    CallHsm,
    CardChecked,
    CardState,
    CheckCard,
    HsmAnswer,
    HsmService,
    Refused,
    SocialCard,
)
from terminal.national.address import parse_addresses
from terminal.national.codes import HSM_WAY, SUCCESS, Code, NationalError
from terminal.national.interface import NationalInterface, Result

AUTOMATIC: Final = 3
"""iType: whichever card is there, contact first."""
BY_KEY: Final = 2
_OLDEST: Final = "1.0"
_FIELDS: Final = 11


class Way(enum.Enum):
    """How a function was done."""

    PSAM = "by the PSAM"
    HSM = "by the host's HSM"


class BusinessEnds(Exception):
    """The host refuses, or is not reached: the business ends, and so does what was open at the card."""


@dataclass(frozen=True, slots=True)
class BasicInformation:
    """The fields of iReadCardBas, kept until another card is read."""

    text: str
    algorithm: int = 0
    """Tag 86, where step 1 said it; 0 where the PSAM did the work, then the host's register knows it."""

    def __post_init__(self) -> None:
        if len(self.text.split("|")) != _FIELDS + 1:
            raise ValueError("the basic information has eleven fields")

    @property
    def card_info(self) -> str:
        """pCardInfo."""
        return f"{self._field(3)}|{self._field(2)}|"

    @property
    def version(self) -> str:
        """Specification version, first three characters; an empty one is 1.0."""
        return self._field(6)[:3] or _OLDEST

    @property
    def card(self) -> SocialCard:
        """The card as messages to the host name it."""
        return SocialCard(
            bytes.fromhex(self._field(3)),
            self._field(2),
            self._field(1),
            self._field(4),
            bytes.fromhex(self._field(5)),
            self.algorithm,
        )

    def _field(self, number: int) -> str:
        return self.text.split("|")[number]


class BusinessSystem:
    """The flow charts of annex C, over one interface and one host.

    Args:
        interface: the card reader.
        host: the social-security host with its card status and HSM services.
        card_type: iType of all calls.
    """

    def __init__(self, interface: NationalInterface, host: SocialHost, card_type: int = AUTOMATIC) -> None:
        self._interface = interface
        self._host = host
        self._type = card_type
        self.basic: BasicInformation | None = None
        self.way = Way.PSAM
        """How the latest function was done."""

    # --- C.1

    def read_basic(self) -> Result:
        """Basic information, and the host's word that the card is valid.

        Raises:
            BusinessEnds: the card is lost, cancelled, on the blacklist or unknown; or the host is not reached.
        """
        self.basic, self.way = None, Way.PSAM
        algorithm = 0
        result = self._interface.call("iReadCardBas", self._type)
        if result.code in HSM_WAY:
            self.way = Way.HSM
            result = self._interface.call("iReadCardBas_HSM_Step1", self._type)
            if result.code == SUCCESS:
                fields = result.output.split("|")
                card = SocialCard(bytes.fromhex(fields[3]), "", historical=bytes.fromhex(fields[1]))
                algorithm = int(fields[2], 16)
                key = self._hsm(CallHsm(card, HsmService.INTERNAL, result.output))
                result = self._interface.call("iReadCardBas_HSM_Step2", key)
        if result.code == SUCCESS:
            basic = BasicInformation(result.output, algorithm)
            self._need_valid(basic.card)
            self.basic = basic
        return result

    def _need_valid(self, card: SocialCard) -> None:
        checked = self._host.handle(CheckCard(card))
        if not isinstance(checked, CardChecked):
            raise BusinessEnds("the host does not tell the card's state")
        if checked.state is not CardState.VALID:
            raise BusinessEnds(f"the card is {checked.state.value}")

    # --- C.2, C.3

    def read(self, addresses: str, authentication: int = BY_KEY) -> Result:
        """iReadCard, or its form with the HSM for the first file where the PSAM does not have the key.

        Raises:
            BusinessEnds: as in `read_basic`.
        """
        arguments = (authentication, self._need_basic().card_info, addresses)
        return self._known(addresses) or self._either(
            lambda: self._interface.call("iReadCard", self._type, *arguments),
            lambda: self._by_hsm("iReadCard", HsmService.EXTERNAL, *arguments[1:]),
        )

    def write(self, addresses: str, data: str) -> Result:
        """iWriteCard, or its form with the HSM.

        Raises:
            BusinessEnds: as in `read_basic`.
        """
        info = self._need_basic().card_info
        return self._known(addresses) or self._either(
            lambda: self._interface.call("iWriteCard", self._type, info, addresses, data),
            lambda: self._by_hsm("iWriteCard", HsmService.EXTERNAL, info, addresses, further=(data,)),
        )

    # --- C.4 to C.6

    def reload_pin(self) -> Result:
        """iReloadPIN, or its three steps.

        Raises:
            BusinessEnds: as in `read_basic`.
        """
        return self._pin_service("iReloadPIN")

    def unblock_pin(self) -> Result:
        """iUnblockPIN, or its three steps.

        Raises:
            BusinessEnds: as in `read_basic`.
        """
        return self._pin_service("iUnblockPIN")

    def _pin_service(self, name: str) -> Result:
        info = self._need_basic().card_info

        def steps() -> Result:
            step2 = self._by_hsm(name, HsmService.EXTERNAL, info)
            if step2.code != SUCCESS:
                return step2
            *fields, pin, _ = step2.output.split("|")
            message = CallHsm(self._card, HsmService.MESSAGE, "".join(f"{field}|" for field in fields), pin)
            return self._interface.call(f"{name}_HSM_Step3", self._hsm(message))

        return self._either(lambda: self._interface.call(name, self._type, info), steps)

    def pay(self, payment: str) -> Result:
        """iDoDebit, or its form with the HSM.

        Raises:
            BusinessEnds: as in `read_basic`.
        """
        info = self._need_basic().card_info
        return self._either(
            lambda: self._interface.call("iDoDebit", self._type, info, payment),
            lambda: self._by_hsm("iDoDebit", HsmService.PURCHASE, info, payment),
        )

    # --- both ways

    def _need_basic(self) -> BasicInformation:
        """The basic information, read now where it was not read yet (API-034)."""
        if self.basic is None:
            result = self.read_basic()
            if self.basic is None:
                raise BusinessEnds(f"the card cannot be read: {result.output} ({result.code})")
        return self.basic

    @property
    def _card(self) -> SocialCard:
        return self._need_basic().card

    @property
    def _table(self) -> FileTable:
        return file_table(self._need_basic().version)

    def _known(self, addresses: str) -> Result | None:
        """A refusal of what cards of this version do not have; None where all is known (API-035)."""
        try:
            for address in parse_addresses(addresses):
                self._table.file(address.file)
        except (NationalError, NoSuchFile) as error:
            return Result(Code.ILLEGAL_INPUT, str(error))
        return None

    def _either(self, by_psam: Callable[[], Result], by_hsm: Callable[[], Result]) -> Result:
        """By the PSAM, and by the HSM after one of the five codes; any other code ends it."""
        self.way = Way.PSAM
        result = by_psam()
        if result.code not in HSM_WAY:
            return result
        self.way = Way.HSM
        return by_hsm()

    def _by_hsm(self, name: str, service: HsmService, *arguments: str, further: tuple[str, ...] = ()) -> Result:
        """Steps 1 and 2. A file for which step 1 needs no HSM goes back to the PSAM's function (-2204)."""
        step1 = self._interface.call(f"{name}_HSM_Step1", self._type, *arguments)
        if step1.code == Code.NO_HSM_NEEDED:
            self.way = Way.PSAM
            return self._interface.call(name, self._type, BY_KEY, *arguments)
        if step1.code != SUCCESS:
            return step1
        algorithm = int(step1.output.split("|", maxsplit=1)[0], 16)
        self.basic = BasicInformation(self._need_basic().text, algorithm)
        key = self._hsm(CallHsm(self._card, service, step1.output))
        return self._interface.call(f"{name}_HSM_Step2", key, *further)

    def _hsm(self, call: CallHsm) -> str:
        answer = self._host.handle(call)
        if isinstance(answer, HsmAnswer):
            return answer.text
        self._interface.close()
        why = answer.reason if isinstance(answer, Refused) else "the host is not reached"
        raise BusinessEnds(why)
