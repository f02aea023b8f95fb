"""The HSM's services for counter software (SC annex C): the card's status is asked before any key is used."""

from typing import assert_never

from terminal.hosts.hsm import HsmRefused
from terminal.hosts.hsmstrings import HsmStrings
from terminal.hosts.social.codes import Code, Refusal
from terminal.hosts.social.desk import Desk, valid_card
from terminal.messages.social import CallHsm, HsmAnswer, HsmService


def call_hsm(desk: Desk, message: CallHsm) -> HsmAnswer:
    """One of the services, for a valid card alone (API-136 to API-142).

    Raises:
        Refusal: the card is not valid, the string is malformed, or the HSM refuses.
    """
    row = valid_card(desk, message.card)
    strings = HsmStrings(desk.hsm, message.service.value)
    try:
        if message.service is HsmService.INTERNAL:
            if row.identification not in message.text.upper():
                raise Refusal(Code.DOES_NOT_FIT, "the string is about another card")
            return HsmAnswer(strings.internal_authentication(message.text))
        card = row.identity(historical=message.card.historical, algorithm=message.card.algorithm)
        match message.service:
            case HsmService.EXTERNAL:
                return HsmAnswer(strings.external_authentication(message.text, card))
            case HsmService.MESSAGE:
                return HsmAnswer(strings.secure_message(f"{message.text}{message.plaintext}|", card))
            case HsmService.PURCHASE:
                return HsmAnswer(strings.purchase_authentication(message.text, card))
            case _:
                assert_never(message.service)
    except HsmRefused as error:
        raise Refusal(Code.HSM, str(error)) from error
