"""A purchase up to the first GENERATE AC by the PyPI package `emv`, run by its Python: `emv_reader.py [cda] [cash]`.

With `cda` the cryptogram is to be signed; with `cash` the terminal offers electronic cash and asks for a TC.

It imports nothing of the project. `emv` builds the commands, follows 61xx and 6Cxx, raises at an error status, and
parses what comes. Its own command line sends no PDOL, so this script walks through its library; INTERNAL AUTHENTICATE
is not in it and is added. What was sent and seen is printed as one JSON document.
"""

import json
import sys
from typing import Any, Final

import smartcard.System
from emv.card import Card
from emv.protocol.command import GenerateApplicationCryptogramCommand, GetProcessingOptions
from emv.protocol.data import Tag, render_element

TERMINAL: Final = {
    Tag((0x9F, 0x02)): [0x00, 0x00, 0x00, 0x00, 0x12, 0x34],
    Tag((0x9F, 0x1A)): [0x01, 0x56],
    Tag((0x5F, 0x2A)): [0x01, 0x56],
    Tag(0x9A): [0x26, 0x11, 0x22],
    Tag((0x9F, 0x37)): [0x1B, 0xAD, 0xCA, 0xFE],
    Tag((0x9F, 0x21)): [0x09, 0x30, 0x00],
}
"""The terminal's data; `emv` fills what is missing with zeros."""

CASH: Final = {Tag((0x9F, 0x7A)): [0x01]}
"""The electronic-cash indicator, which the PDOL asks for."""

BALANCE: Final = (0x9F, 0x79)

PAN: Final = Tag(0x5A)
"""`emv` cannot print a PAN of an odd number of digits: it takes the padding for a digit."""


class InternalAuthenticate:
    """INTERNAL AUTHENTICATE in the form that `emv` sends."""

    def __init__(self, data: list[int]) -> None:
        self._data = data

    def marshal(self) -> list[int]:
        return [0x00, 0x88, 0x00, 0x00, len(self._data), *self._data, 0x00]


class Reader(Card):  # type: ignore[misc]  # untyped package
    """The card, with a list of the exchanges."""

    def __init__(self) -> None:
        super().__init__(smartcard.System.readers()[0].createConnection())
        self.exchanges: list[tuple[str, str]] = []
        plain = self.tp.transmit

        def transmit(command: list[int]) -> tuple[list[int], int, int]:
            data, sw1, sw2 = plain(command)
            self.exchanges.append((bytes(command).hex(), bytes([*data, sw1, sw2]).hex()))
            return data, sw1, sw2

        self.tp.transmit = transmit

    def initiate(self, proprietary: Any, terminal: Any) -> tuple[list[int], Any]:
        """GET PROCESSING OPTIONS: the values of the PDOL, and AIP and AFL."""
        if Tag.PDOL not in proprietary:
            return [], self.get_processing_options()
        values = proprietary[Tag.PDOL].serialise(terminal)
        options = self.tp.exchange(GetProcessingOptions([0x83, len(values), *values])).data[Tag.RMTF1]
        return values, {"AIP": options[:2], "AFL": options[2:]}


def purchase(card: Reader, combined: bool, cash: bool) -> dict[str, Any]:
    """Selection, records, dynamic data authentication where the card has it, a cryptogram."""
    terminal = TERMINAL | CASH if cash else TERMINAL
    asked = GenerateApplicationCryptogramCommand.TC if cash else GenerateApplicationCryptogramCommand.ARQC
    applications = card.list_applications()
    proprietary = card.select_application(applications[0][Tag.ADF_NAME]).data[Tag.FCI][Tag.FCI_PROP]
    pdol, options = card.initiate(proprietary, terminal)
    data = card.get_application_data(options["AFL"])
    seen = {"applications": [_plain(entry) for entry in applications], "fci": _plain(proprietary)}
    seen |= {"pdol": bytes(pdol).hex(), "aip": bytes(options["AIP"]).hex(), "afl": bytes(options["AFL"]).hex()}
    seen |= {"data": _plain(data), "rendered": [render_element(*entry) for entry in data.items() if entry[0] != PAN]}
    if Tag.DDOL in data and not combined:
        values = data[Tag.DDOL].serialise(terminal)
        seen["signed"] = bytes(values).hex()
        seen["signature"] = bytes(card.tp.exchange(InternalAuthenticate(values)).data[Tag.RMTF1]).hex()
    values = data[Tag.CDOL1].serialise(terminal)
    request = GenerateApplicationCryptogramCommand(asked, values, cda_sig=combined)
    seen |= {"cdol": bytes(values).hex(), "answer": _plain(card.tp.exchange(request).data)}
    seen |= {"metadata": card.get_metadata(), "balance": bytes(card.get_data_item(BALANCE, BALANCE) or b"").hex()}
    return seen | {"exchanges": card.exchanges}


def _plain(element: Any) -> Any:
    """Templates as objects in the card's order, values as hex, what `emv` parsed (DOL, CVM, usage) as its text."""
    if hasattr(element, "items"):
        return {_hex(tag): _plain(value) for tag, value in element.items()}
    return bytes(element).hex() if type(element) is list else repr(element)


def _hex(tag: Any) -> str:
    return bytes(tag.id if isinstance(tag.id, tuple) else (tag.id,)).hex().upper()


if __name__ == "__main__":
    print(json.dumps(purchase(Reader(), "cda" in sys.argv, "cash" in sys.argv)))
