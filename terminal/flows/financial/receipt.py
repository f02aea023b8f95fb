"""Slips (签购单) of approved transactions, for merchant and holder (EMV Book 4 §11.4; KRN-RCP, TRM-014)."""

from typing import Final

from cardsim.decode.bits import cryptogram_kind
from cardsim.decode.values import decimal_yuan, gbk_text
from terminal.effects import Flow, print_slip
from terminal.flows.financial.transaction import Transaction
from terminal.messages.bank import TransactionType

NAMES: Final = {
    TransactionType.PURCHASE: "purchase 消费",
    TransactionType.CASH: "cash withdrawal 取现",
    TransactionType.DEPOSIT: "deposit 存款",
    TransactionType.INQUIRY: "balance inquiry 余额查询",
    TransactionType.TRANSFER: "transfer 转账",
    TransactionType.LOAD: "load from the own account 指定账户圈存",
    TransactionType.LOAD_OTHER: "load from another account 非指定账户圈存",
    TransactionType.LOAD_CASH: "load against cash 现金圈存",
    TransactionType.PIN_CHANGE: "change of PIN 改密",
}
_UNPRINTED: Final = (TransactionType.INQUIRY, TransactionType.PIN_CHANGE)
_SIGNED: Final = (0x03, 0x05, 0x1E)
"""Methods of 9F34 that ask for a signature: with PIN in the card, and alone."""
_FAILED: Final = 0x01


def masked_pan(pan: str) -> str:
    """A card number with its first six and last four digits (KRN-RCP-004)."""
    return pan[:6] + "*" * (len(pan) - 10) + pan[-4:] if len(pan) > 10 else "*" * len(pan)


def wants_signature(tx: Transaction) -> bool:
    """Whether the holder signs: the CVM asked for it, or the terminal always wants it (KRN-RCP-003, TRM-014)."""
    method, _, result = tx.cvm_result
    return tx.terminal.signature_always or (method & 0x3F in _SIGNED and result != _FAILED)


def print_slips(tx: Transaction, reason: str) -> Flow[None]:
    """Both copies of the slip of an approved transaction; an inquiry or a change of PIN has none."""
    if tx.config.kind in _UNPRINTED:
        return
    lines = list(slip_lines(tx, reason))
    signature = [("signature 签名", "_" * 20)] if wants_signature(tx) else []
    yield from print_slip("Slip, merchant copy 商户存根", *lines, *signature)
    yield from print_slip("Slip, holder copy 持卡人存根", *lines)


def slip_lines(tx: Transaction, reason: str) -> list[tuple[str, str]]:
    """The lines of a slip; what is not known is left out."""
    config, terminal, host, app = tx.config, tx.terminal, tx.host, tx.app
    answer, last = host.answer, tx.cryptograms[-1]
    name = gbk_text(app.data.get(0x9F12, b"")) or app.label
    found = (
        ("merchant 商户", terminal.merchant_name),
        ("merchant number 商户编号", terminal.merchant_id),
        ("terminal 终端编号", terminal.terminal_id),
        ("card number 卡号", masked_pan(app.pan)),
        ("card sequence number 卡序列号", app.psn),
        ("transaction 交易类型", NAMES[config.kind]),
        ("amount 金额", f"CNY {decimal_yuan(config.amount)}"),
        ("discount 优惠金额", f"CNY {decimal_yuan(tx.terms.discount)}" if tx.terms.discount else ""),
        ("points 积分", str(tx.terms.points or "")),
        ("for 用途", config.purpose),
        ("to account 转入账户", masked_pan(config.target)),
        ("date and time 日期时间", f"{config.now:%Y-%m-%d %H:%M:%S}"),
        ("trace number 流水号", f"{host.trace:06d}"),
        ("reference 参考号", "" if answer is None else answer.reference),
        ("authorisation 授权码", "" if answer is None else answer.authorisation),
        ("fee 手续费", "" if answer is None or not answer.fee else f"CNY {decimal_yuan(answer.fee)}"),
        ("terms 优惠", config.terms),
        ("result 结果", reason),
        ("AID", app.aid.hex().upper()),
        ("application 应用", name),
        (cryptogram_kind(last.cid).split()[0], last.value.hex().upper()),
        ("ATC", f"{last.atc:04X}"),
        ("TVR", bytes(tx.tvr).hex().upper()),
        ("TSI", bytes(tx.tsi).hex().upper()),
        ("electronic cash 电子现金余额", "" if host.cash_balance is None else f"CNY {decimal_yuan(host.cash_balance)}"),
    )
    return [(label, text) for label, text in found if text]
