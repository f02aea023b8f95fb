"""The one place where 61xx and 6Cxx are followed: a small processor around a link (ISO 7816-3 §10.3, SSC part 2 §9).

T=0 has no command with data in both directions: its Le is left out, and the card says 61xx. A card that answers at
once (T=1, contactless, many models) is just as well.
"""

from collections.abc import Callable
from typing import Final

from cardsim.iso7816.apdu import CommandApdu, ResponseApdu
from cardsim.iso7816.card import Card
from cardsim.iso7816.status import StatusWord
from terminal.errors import LinkError

MAX_ROUNDS: Final = 64
"""GET RESPONSE commands after one command; more is a card that never ends."""

OnExchange = Callable[[bytes, bytes, bool], None]
"""Told of each raw exchange: command, response, and whether this layer added it."""


class Follower:
    """Sends commands over a link and follows 61xx and 6Cxx; with `enabled` false it passes all as it is."""

    def __init__(self, link: Card, on_exchange: OnExchange, *, enabled: bool = True, t0: bool = True) -> None:
        self._link = link
        self._on_exchange = on_exchange
        self._enabled = enabled
        self.t0 = t0

    def exchange(self, raw: bytes, *, follows: bool = False) -> ResponseApdu:
        """One raw exchange.

        Raises:
            LinkError: the card is not reached, or does not answer even a status word.
        """
        answer = self._link.transmit(raw)
        self._on_exchange(raw, answer, follows)
        try:
            return ResponseApdu.parse(answer)
        except ValueError as error:
            raise LinkError(f"the card's answer is no response APDU: {error}") from error

    def send(self, command: CommandApdu) -> ResponseApdu:
        """Send a command; its whole answer, or as much of it as Le asks for (SSC part 2 §9.3.1.2).

        Raises:
            LinkError: as in `exchange`.
        """
        if not self._enabled:
            return self.exchange(bytes(command))
        wanted = command.le
        if self.t0 and command.data and wanted is not None:
            command = CommandApdu(command.cla, command.ins, command.p1, command.p2, command.data)
        response = self.follow(command, self.exchange(bytes(command)))
        if self.t0 and wanted is not None and command.data and response.sw.sw1 == 0x62 and not response.data:
            # A warning: under T=0 the data wait for GET RESPONSE (EMV Book 1 §9.3.1.1.4, D18).
            waiting = self._get_response(StatusWord(0x6100))
            response = ResponseApdu(waiting.data, response.sw)
        return response if wanted is None else ResponseApdu(response.data[:wanted], response.sw)

    def follow(self, command: CommandApdu, response: ResponseApdu) -> ResponseApdu:
        """The whole answer to a command whose first response is here already."""
        if response.sw.sw1 == 0x6C and (command.le is not None or not command.data):
            again = CommandApdu(command.cla, command.ins, command.p1, command.p2, command.data, response.sw.sw2 or 256)
            response = self.exchange(bytes(again), follows=True)
        data = response.data
        for _ in range(MAX_ROUNDS):
            if response.sw.sw1 != 0x61:
                break
            response = self._get_response(response.sw)
            data += response.data
        return ResponseApdu(data, response.sw)

    def _get_response(self, sw: StatusWord) -> ResponseApdu:
        response = self.exchange(bytes(CommandApdu(0x00, 0xC0, 0, 0, le=sw.sw2 or 256)), follows=True)
        if response.sw.sw1 == 0x6C:
            right = CommandApdu(0x00, 0xC0, 0, 0, le=response.sw.sw2 or 256)
            response = self.exchange(bytes(right), follows=True)
        return response
