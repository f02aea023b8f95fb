"""Terms for holders at a registered merchant (增值服务, 优惠措施): the amount that is paid (scheme §2(3)3, §2(3)4)."""

from dataclasses import replace

from cardsim.decode.values import decimal_yuan
from terminal.effects import Flow, Mark, report
from terminal.flows.financial.transaction import Transaction
from terminal.merchant import Purchase


def apply_terms(tx: Transaction) -> Flow[None]:
    """Once the card number is known, and before the first cryptogram: both cryptograms are over the amount to pay.

    Cash that is paid out besides is not reduced. Electronic cash has no terms: the card has chosen it by the amount.
    """
    config = tx.config
    merchant = None if config.merchants is None else config.merchants.merchant(tx.terminal.merchant_id)
    if config.merchants is None or merchant is None or tx.electronic_cash is not None:
        return
    amount, day = config.amount - config.cashback, config.now.date()
    terms = config.merchants.terms_of(
        Purchase(tx.app.pan, tx.app.aid.hex().upper(), merchant, config.kind, amount, day)
    )
    if not terms.names:
        return
    tx.terms = terms
    tx.config = replace(config, amount=terms.amount + config.cashback, terms=terms.text)
    details = [
        ("discount", decimal_yuan(terms.discount)),
        ("to pay", decimal_yuan(terms.amount)),
        ("points", str(terms.points)),
    ]
    yield from report("terms", Mark.INFO, f"at {merchant.name}: {terms.text}", *details)
