"""Medical purchase (医疗消费): iDoDebit, its form with the HSM of the host, and iReadDebitRecord (SC §8, §9).

The interface pays nothing from the card's account: the total stands as the holder's own amount, account and pool
together as the pool's amount (SC §8.1.2).
"""

from typing import Final

from cardsim.crypto.medical import Purchase, TransactionType
from cardsim.decode.values import decimal_yuan
from cardsim.iso7816 import status
from cardsim.keyfile import generation_name
from terminal.effects import AuthorisePurchase, Flow, PinEntered
from terminal.flows.common import need_ok
from terminal.flows.social import files
from terminal.flows.social.config import Prefer
from terminal.flows.social.medical import DF04, LOG, LogEntry, debit_for_purchase, initialize_for_purchase
from terminal.keyaddresses import address_text, addresses_by_name
from terminal.national.address import PayInfo, checked_time, hex_digits, parse_card_info, parse_pay_info
from terminal.national.card import CardSession, Paused, Setup, refused_by_psam
from terminal.national.codes import Code, NationalError, of_status

_TYPE: Final = TransactionType.PURCHASE.character.decode()
_STEP: Final = "purchase"
_TAC: Final = 4


class _Purchase:
    """One purchase: what was asked for, and what the card answered."""

    def __init__(self, card: CardSession, payment: PayInfo, terminal: str) -> None:
        self.card = card
        self.payment = payment
        self.terminal = terminal
        self.parts = Purchase(0, payment.total, payment.account_and_pool, bytes.fromhex(terminal))
        self.index = card.purchase_index
        self.request = bytes((self.index,)) + self.parts.amounts + self.parts.terminal
        self.answer = b""

    @property
    def amounts(self) -> str:
        """Amounts of the strings: the last two, in hex."""
        return self.parts.amounts[4:].hex().upper()

    def initialise(self) -> Flow[None]:
        """INITIALIZE FOR PURCHASE (SSC part 5 §7.6)."""
        response = yield from self.card.send("begin the purchase", initialize_for_purchase(self.request))
        self.answer = need_ok(_STEP, "the card does not begin the purchase", response)

    def debit(self, sequence: bytes, time: str, mac1: bytes) -> Flow[tuple[str, bytes]]:
        """DEBIT FOR PURCHASE; the output of iDoDebit, and MAC2."""
        command = debit_for_purchase(sequence, bytes.fromhex(time), mac1)
        response = yield from self.card.send("take the purchase", command)
        answer = need_ok(_STEP, "the card does not take the purchase", response)
        tac, mac2 = answer[:_TAC], answer[_TAC:]
        fields = [self.card.algorithm_code, address_text(addresses_by_name()["DTK"]), self.amounts, _TYPE]
        fields += [self.terminal, sequence.hex().upper(), time, tac.hex().upper()]
        return "".join(f"{field}|" for field in fields), mac2


def pay(setup: Setup, info: str, payment: str) -> Flow[str]:
    """iDoDebit: PIN, INITIALIZE, MAC1 of the PSAM, DEBIT, and the PSAM checks MAC2."""
    expected, wanted = parse_card_info(info), parse_pay_info(payment)
    card = CardSession(setup)
    yield from card.begin_with(expected)
    yield from card.need_psam()
    assert card.psam is not None
    purchase = yield from _begin(card, wanted)
    asked = AuthorisePurchase(card.card, purchase.request, purchase.answer, bytes.fromhex(wanted.time))
    proof = yield from card.psam.authorise_purchase(asked, setup.medical_type)
    if not proof.mac1:
        raise refused_by_psam(proof, of_status(status.KEY_INDEX))
    output, mac2 = yield from purchase.debit(proof.terminal_sequence, wanted.time, proof.mac1)
    response = yield from card.psam.credit(mac2)
    if response.sw.value != status.OK:
        wrong = response.sw.tries_left is not None
        raise NationalError(of_status(status.WRONG_MAC if wrong else response.sw.value))
    yield from card.close()
    return output


def pay_step1(setup: Setup, info: str, payment: str) -> Flow[Paused]:
    """iDoDebit_HSM_Step1: PIN and INITIALIZE; the HSM is asked for terminal sequence and MAC1."""
    expected, wanted = parse_card_info(info), parse_pay_info(payment)
    card = CardSession(setup)
    yield from card.begin_with(expected)
    yield from card.offer_psam()
    purchase = yield from _begin(card, wanted)
    key = generation_name("DPK", purchase.index)
    answer = purchase.answer
    fields = [card.algorithm_code, address_text(addresses_by_name()[key]), answer[18:22].hex().upper()]
    fields += [answer[14:16].hex().upper(), purchase.amounts, _TYPE, purchase.terminal, wanted.time]

    def resume(proof: str) -> Flow[str]:
        return (yield from _step2(purchase, proof))

    return Paused("".join(f"{field}|" for field in fields), "iDoDebit_HSM_Step2", resume)


def _step2(purchase: _Purchase, proof: str) -> Flow[str]:
    """iDoDebit_HSM_Step2: DEBIT with the HSM's time; MAC2 stands before the fields of iDoDebit."""
    fields = proof.split("|")
    if len(fields) != 4 or fields[3]:
        raise NationalError(Code.ILLEGAL_INPUT, "pKey")
    sequence, mac1 = (bytes.fromhex(hex_digits(fields[at], 8)) for at in (0, 2))
    output, mac2 = yield from purchase.debit(sequence, checked_time(fields[1]), mac1)
    return f"{mac2.hex().upper()}|{output}"


def _begin(card: CardSession, payment: PayInfo) -> Flow[_Purchase]:
    """PIN in the environment, the application, INITIALIZE."""
    entered: PinEntered = yield from card.verify_pin()
    if entered.digits == card.setup.initial_pin:
        raise NationalError(Code.INITIAL_PIN)
    yield from card.enter(DF04)
    purchase = _Purchase(card, payment, card.terminal_number)
    yield from purchase.initialise()
    return purchase


def read_log(setup: Setup) -> Flow[str]:
    """iReadDebitRecord: PIN, then all records of the log, the newest first."""
    card = CardSession(setup)
    yield from card.begin()
    yield from card.verify_pin()
    records = yield from files.read_records(card, LOG, Prefer.PIN)
    return "".join(_record(record) for record in records)


def _record(record: bytes) -> str:
    """`sequence^terminal number^time^total^account and pool^|`: number in hex, amounts in yuan."""
    entry = LogEntry.parse(record)
    fields = [
        f"{entry.sequence:04X}",
        entry.terminal,
        entry.time,
        decimal_yuan(entry.self_paid),
        decimal_yuan(entry.pool),
    ]
    return "".join(f"{field}^" for field in fields) + "|"
