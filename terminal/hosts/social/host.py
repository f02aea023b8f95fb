"""The social-security host: each message to its handler, in one transaction, with an answer in every case."""

import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from terminal.businesses import Catalogue, scheme
from terminal.hosts.books import BooksError, open_books, transact
from terminal.hosts.hsm import Hsm
from terminal.hosts.social.accounts import load_account, load_done, verify_purchases
from terminal.hosts.social.codes import Code, Refusal
from terminal.hosts.social.desk import Desk
from terminal.hosts.social.login import begin_login, finish_login, query_host, submit_business, use_identity
from terminal.hosts.social.payments import (
    BankLine,
    Order,
    benefit_orders,
    benefits_done,
    due_paid,
    find_benefits,
    find_dues,
    order_benefit,
    withholding_done,
    withholding_orders,
)
from terminal.hosts.social.register import bank_notice, check_card, fetch_blacklist
from terminal.hosts.social.rules import DepartmentRules, department_rules
from terminal.hosts.social.services import call_hsm
from terminal.hosts.social.settlement import close_settlement, settle
from terminal.hosts.social.tables import METADATA
from terminal.hosts.social.updates import request_update
from terminal.messages import social
from terminal.messages.seal import BENCH_UPDATE_KEY
from terminal.messages.social import PaidOut, PayBenefit, Refused, SocialAnswer, SocialMessage

_log: Final = logging.getLogger(__name__)
_Handler = Callable[[Desk, Any], SocialAnswer]
_Result = TypeVar("_Result")
HANDLERS: Final[Mapping[type, _Handler]] = {
    social.CheckCard: check_card,
    social.FetchBlacklist: fetch_blacklist,
    social.BankNotice: bank_notice,
    social.UseIdentity: use_identity,
    social.BeginLogin: begin_login,
    social.FinishLogin: finish_login,
    social.QueryHost: query_host,
    social.SubmitBusiness: submit_business,
    social.RequestUpdate: request_update,
    social.LoadAccount: load_account,
    social.LoadDone: load_done,
    social.Settle: settle,
    social.CloseSettlement: close_settlement,
    social.VerifyPurchases: verify_purchases,
    social.FindDues: find_dues,
    social.DuePaid: due_paid,
    social.FindBenefits: find_benefits,
    social.CallHsm: call_hsm,
}
"""Every message but `PayBenefit`, which asks the bank between two transactions."""

MAX_TEXT: Final = 200
MAX_BYTES: Final = 256
MAX_PARTS: Final = 1000
MAX_NUMBER: Final = 0xFFFFFFFF
_BANK_SILENT: Final = Refused(Code.NO_BANK, "the bank is not reached; the benefit waits")


class SocialSecurityHost:
    """The department's host.

    Args:
        hsm: computes with the keys of cards.
        books: engine of `open_books`; books in memory if missing. The tables are made if they are not there.
        rules: of the region; the bench's if missing.
        clock: the time; that of the machine if missing.
        random: unpredictable bytes.
        admit: take a card that is not in the register in, as a bench must that makes its own cards.
        bank: the way to the bank for benefits and withholding.
        catalogue: the businesses of the scheme, extended by a region's.
        update_key: key of the blacklist's seal, 16 bytes.
    """

    def __init__(
        self,
        hsm: Hsm,
        books: Engine | None = None,
        rules: DepartmentRules | None = None,
        *,
        clock: Callable[[], datetime] = datetime.now,
        random: Callable[[int], bytes] = secrets.token_bytes,
        admit: bool = True,
        bank: BankLine | None = None,
        catalogue: Catalogue | None = None,
        update_key: bytes = BENCH_UPDATE_KEY,
    ) -> None:
        self.books = open_books("sqlite://") if books is None else books
        METADATA.create_all(self.books)
        self.hsm = hsm
        self.rules = department_rules() if rules is None else rules
        self._clock = clock
        self._random = random
        self._admit = admit
        self._bank = bank
        self._catalogue = scheme() if catalogue is None else catalogue
        self._update_key = update_key

    def handle(self, message: SocialMessage) -> SocialAnswer:
        """Answer a message; what is malformed or not allowed is refused with a code, and books nothing."""
        try:
            if problem := malformed(message):
                return Refused(Code.MALFORMED, problem)
            if isinstance(message, PayBenefit):
                return self._pay_benefit(message)
            handler = HANDLERS.get(type(message))
            if handler is None:
                return Refused(Code.NOT_SUPPORTED, self.rules.codes[Code.NOT_SUPPORTED])
            return self.work(lambda desk: handler(desk, message))
        except Refusal as refusal:
            return Refused(refusal.code, refusal.reason)
        except ValueError as error:
            return Refused(Code.MALFORMED, str(error))
        except (BooksError, IntegrityError) as error:
            _log.error("%s: %s", type(message).__name__, getattr(error, "orig", error))
            return Refused(Code.BUSY, self.rules.codes[Code.BUSY])

    def work(self, step: Callable[[Desk], _Result]) -> _Result:
        """Do something in the books in one transaction: operators' work, and each message.

        Raises:
            Refusal: as the step says.
            BooksError: the books are in use for too long.
        """
        return transact(self.books, lambda connection: step(self.desk(connection)))

    def desk(self, connection: Connection) -> Desk:
        """What a step has at hand in a transaction that is open."""
        return Desk(
            connection,
            self.rules,
            self.hsm,
            self._catalogue,
            self._clock(),
            self._random,
            self._update_key,
            self._admit,
        )

    def _pay_benefit(self, message: PayBenefit) -> PaidOut | Refused:
        """Order, ask the bank, book. The bank does an order once: a repeat after a lost answer moves nothing."""
        order = self.work(lambda desk: order_benefit(desk, message))
        if not isinstance(order, Order):
            return order
        results = None if self._bank is None else self._bank.credit((order,))
        if results is None:
            return _BANK_SILENT
        self.work(lambda desk: benefits_done(desk, results))
        result = results[0]
        if not result.done:
            return Refused(Code.BANK_REFUSES, result.reason)
        return PaidOut(result.bank_reference, order.amount)

    def pay_benefits(self) -> int | None:
        """Send all benefits that wait to the bank in one batch; how many were paid, or None without an answer."""
        orders = self.work(benefit_orders)
        results = None if self._bank is None else self._bank.credit(orders)
        return None if results is None else self.work(lambda desk: benefits_done(desk, results))

    def withhold(self) -> int | None:
        """Let the bank withhold what is due; how many were paid, or None without an answer (SCHEME-078)."""
        orders = self.work(withholding_orders)
        results = None if self._bank is None else self._bank.withhold(orders)
        return None if results is None else self.work(lambda desk: withholding_done(desk, results))


def malformed(value: object) -> str:
    """What no message may have, in words: texts, numbers or lists beyond all bounds, and negative numbers."""
    match value:
        case bool() | None:
            return ""
        case str() if len(value) > MAX_TEXT or "\0" in value:
            return "a text is too long"
        case bytes() if len(value) > MAX_BYTES:
            return "a field is too long"
        case int() if not 0 <= value <= MAX_NUMBER:
            return "a number is negative or too large"
        case tuple() if len(value) > MAX_PARTS:
            return "a list is too long"
        case tuple():
            return next(filter(None, map(malformed, value)), "")
        case _ if is_dataclass(value):
            return next(filter(None, (malformed(getattr(value, field.name)) for field in fields(value))), "")
        case _:
            return ""
