"""Basic information of the card: iReadCardBas, and its form with the HSM of the host (SC §1)."""

from typing import Final

from cardsim.decode.values import bcd_digits, gbk_text
from cardsim.iso7816.apdu import CommandApdu
from terminal.effects import Flow
from terminal.filetable import SSSE_DF
from terminal.flows.common import need_ok
from terminal.flows.social.session import EF05_TAGS
from terminal.national.address import fields_of
from terminal.national.card import CardSession, Paused, Setup
from terminal.national.codes import Code, NationalError

_AUTHENTICATED: Final = 32
"""Hex digits of authentication data and original."""
_READ_KEY_VERSION: Final = "3.0"
"""Cards of this version show the holder's data after RKSSSE alone."""


def read_basic(setup: Setup) -> Flow[str]:
    """iReadCardBas: the card proves IRK, the terminal RKSSSE where the card wants it, then both files are read."""
    card = CardSession(setup)
    yield from card.begin()
    yield from card.need_psam()
    if card.version == _READ_KEY_VERSION:
        yield from card.need_key("RKSSSE", Code.PSAM_NO_RKSSSE)
    yield from card.authenticate_card()
    if card.version == _READ_KEY_VERSION:
        yield from card.authenticate_terminal()
    output = yield from _read(card)
    yield from card.close()
    return output


def read_basic_step1(setup: Setup) -> Flow[Paused]:
    """iReadCardBas_HSM_Step1: the card computes its authentication; the HSM is asked for the same, and for RKSSSE."""
    card = CardSession(setup)
    yield from card.begin()
    original, factor = yield from card.challenges()
    command = CommandApdu(0x00, 0x88, 0x00, 0x00, factor + original, 8)
    response = yield from card.send("let the card prove its key", command)
    answer = need_ok("internal authentication", "the card does not authenticate itself", response)
    numbers = [factor, original]
    if card.version == _READ_KEY_VERSION:
        key_original, key_factor = yield from card.challenges()
        numbers += [key_factor, key_original]
    else:
        numbers += [b"", b""]
    fields = [card.region, card.historical.hex().upper(), card.algorithm_code, card.identification]
    fields += [number.hex().upper() for number in numbers]
    if setup.station_code:
        fields.append(setup.station_code)

    def resume(key: str) -> Flow[str]:
        return (yield from _step2(card, answer, key))

    return Paused("".join(f"{field}|" for field in fields), "iReadCardBas_HSM_Step2", resume)


def _step2(card: CardSession, answer: bytes, key: str) -> Flow[str]:
    """iReadCardBas_HSM_Step2: compare the card's answer with the HSM's, give the card the HSM's proof, and read."""
    wants_key = card.version == _READ_KEY_VERSION
    internal, external = fields_of(key, _AUTHENTICATED, _AUTHENTICATED if wants_key else 0)
    if bytes.fromhex(internal)[:8] != answer:
        raise NationalError(card.setup.mismatch)
    card.card_authenticated = True
    if wants_key:
        yield from card.authenticate(card.table.key(SSSE_DF, "RKSSSE"), bytes.fromhex(external))
    yield from card.offer_psam()
    output = yield from _read(card)
    yield from card.close()
    return output


def _read(card: CardSession) -> Flow[str]:
    """The eleven fields. The terminal number is twelve zeros where no PSAM was used."""
    yield from card.read_issuer_items(*EF05_TAGS)
    yield from card.read_holder()
    dates = [bcd_digits(card.issuer[tag].value) or "" for tag in (0x05, 0x06)]
    fields = [
        card.region,
        card.person,
        card.card_number,
        card.identification,
        card.name,
        card.historical.hex().upper(),
        gbk_text(card.issuer[0x03].value) or "",
        *dates,
        card.terminal_number,
        card.setup.device_number,
    ]
    return "".join(f"{field}|" for field in fields)
