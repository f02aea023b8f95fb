"""The switch (银联转接): finds the issuer of a card by BIN, carries messages between terminals and banks, clears.

It looks at what it needs for that and passes everything else on unchanged, chip data among it; PIN blocks go from its
own zone into that of the bank. It keeps a book of what the banks approved; a message that comes again moves nothing
again.

Where a bank is not reached, a request is declined with 91, and a reversal goes to the bank as soon as it is there, for
it may have the request. What does not ask but tells (reversals, uploads, notices) is kept, answered 00, and delivered
before anything else that the bank is sent.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

from sqlalchemy import Engine

from terminal.hosts.iso8583.codec import build_request, decode, encode, parse_request
from terminal.hosts.network import Institution, Network
from terminal.hosts.switchbook import Approved, Clearing, SwitchBook, Way
from terminal.messages.bank import CREDITS, DEBITS, HostAnswer, HostMessage, MessageKind
from terminal.security import PinCipher

APPROVED: Final = "00"
NO_SUCH_ISSUER: Final = "15"
NOT_REACHED: Final = "91"
TOTALS_DIFFER: Final = "95"
UNKNOWN_TERMINAL: Final = "97"
_TELLS: Final = frozenset({MessageKind.CONFIRM, MessageKind.UPLOAD, MessageKind.REVERSE, MessageKind.SCRIPT_NOTICE})
"""Messages that tell what has happened: a decline would not undo it."""


class Host(Protocol):
    """A bank's host, or the line to it."""

    def handle(self, message: HostMessage) -> HostAnswer | None:
        """The answer, or None where the bank is not reached."""


@dataclass(frozen=True, slots=True)
class Member:
    """A bank of the switch: its host, or the line to it, and the PIN zone there."""

    host: Host
    pin_zone: PinCipher


class Switch:
    """Routes between the terminals of all banks and the banks that issued the cards. Safe for several threads.

    Args:
        network: BINs, and whose terminals are whose.
        members: the banks by institution code. A bank of the network that is none is never reached.
        pin_zone: the zone of PIN blocks in messages to the switch.
        books: engine of `open_books(url, switchbook.METADATA)`.
    """

    def __init__(self, network: Network, members: Mapping[str, Member], pin_zone: PinCipher, books: Engine) -> None:
        self._network = network
        self._members = members
        self._pin_zone = pin_zone
        codes = [bank.code for bank in network.banks]
        self._book = SwitchBook(books, codes)
        self._delivering = {code: threading.Lock() for code in codes}
        self._owing = {code for code in codes if self._book.waiting(code)}

    def handle(self, message: HostMessage) -> HostAnswer | None:
        """Answer a message."""
        acquirer = self._network.acquirer(message.terminal)
        if acquirer is None:
            return HostAnswer(UNKNOWN_TERMINAL, reason="the terminal belongs to no bank of the network")
        if message.kind is MessageKind.SIGN_ON:
            return HostAnswer(APPROVED, reason="signed on")
        if message.kind is MessageKind.SETTLE:
            return self._settle(message)
        issuer = self._network.issuer(message.pan)
        if issuer is None:
            return HostAnswer(NO_SUCH_ISSUER, reason="no bank of the network has issued the card")
        answer = self._ask(message, issuer.code) if self.deliver(issuer.code) else None
        if answer is None:
            return self._stand_in(message, acquirer, issuer)
        self._record(message, answer, acquirer, issuer)
        return answer

    def deliver(self, code: str) -> bool:
        """Tell a bank what it has still to be told; whether it has all of it now."""
        if code not in self._owing:
            return True
        with self._delivering[code]:
            for number, data in self._book.waiting(code):
                message = parse_request(decode(data))
                answer = self._ask(message, code)
                if answer is None:
                    return False
                acquirer, issuer = self._network.acquirer(message.terminal), self._network.bank(code)
                if acquirer is not None and issuer is not None:
                    self._record(message, answer, acquirer, issuer)
                self._book.forget(number)
            self._owing.discard(code)
        return True

    def clear(self, day: str) -> Clearing:
        """Clear and settle the banks (清算); `day` as YYYYMMDD. A day that has been cleared stays as it is."""
        for code in sorted(self._owing):
            self.deliver(code)
        return self._book.clear(day)

    def audit(self) -> list[str]:
        """What is wrong in the book, in words; nothing where all is well."""
        return self._book.audit()

    def _ask(self, message: HostMessage, code: str) -> HostAnswer | None:
        member = self._members.get(code)
        return None if member is None else member.host.handle(self._into(member.pin_zone, message))

    def _into(self, zone: PinCipher, message: HostMessage) -> HostMessage:
        if message.pin_block is None and message.new_pin_block is None:
            return message

        def translated(block: bytes | None) -> bytes | None:
            return None if block is None else self._pin_zone.translate(block, zone)

        present, new = translated(message.pin_block), translated(message.new_pin_block)
        return replace(message, pin_block=present, new_pin_block=new)

    def _stand_in(self, message: HostMessage, acquirer: Institution, issuer: Institution) -> HostAnswer | None:
        if message.kind in _TELLS:
            self._keep(message, issuer)
            answer = HostAnswer(APPROVED, reason="kept for the issuing bank, which is not reached")
            # It is acknowledged, so it stands in the terminal's totals from now on.
            self._record(message, answer, acquirer, issuer)
            return answer
        if message.kind is MessageKind.AUTHORISE and message.transaction in DEBITS | CREDITS:
            if self._book.stands(*message.key):
                # A repeat of what the bank has approved: no answer, for a decline would take back what was paid.
                return None
            self._keep(replace(message, kind=MessageKind.REVERSE), issuer)
        return HostAnswer(NOT_REACHED, reason="the issuing bank is not reached")

    def _keep(self, message: HostMessage, issuer: Institution) -> None:
        data = encode(build_request(replace(message, pin_block=None, new_pin_block=None)))
        with self._delivering[issuer.code]:
            self._book.keep(issuer.code, data)
            self._owing.add(issuer.code)

    def _record(self, message: HostMessage, answer: HostAnswer, acquirer: Institution, issuer: Institution) -> None:
        """Book what a bank has approved."""
        if answer.arc != APPROVED or message.transaction not in DEBITS | CREDITS:
            return
        terminal, day, trace = message.key
        way = Way.OFFLINE if message.kind is MessageKind.UPLOAD else Way.ONLINE
        one = Approved(
            terminal, day, trace, way, message.transaction, message.amount, acquirer.code, issuer.code, message.pan,
            answer.reference,
        )  # fmt: skip
        match message.kind:
            case MessageKind.AUTHORISE | MessageKind.UPLOAD:
                self._book.post(one)
            case MessageKind.REVERSE:
                self._book.reverse(one)

    def _settle(self, message: HostMessage) -> HostAnswer:
        """Compare a terminal's totals with the book, and close its batch (批结算)."""
        totals = self._book.settle(*message.key)
        if totals == message.totals:
            return HostAnswer(APPROVED, reason="the totals agree", totals=totals)
        return HostAnswer(TOTALS_DIFFER, reason="the totals differ", totals=totals)
