"""Offline data authentication: DDA where both sides have it, else SDA (EMV Book 2 §5, §6; KRN-ODA)."""

from typing import Final

from cardsim.crypto.oda import (
    CaPublicKey,
    OdaError,
    recover_icc_key,
    recover_issuer_key,
    verify_dynamic,
    verify_static,
)
from cardsim.crypto.rsa import RsaPublicKey
from cardsim.decode import Environment
from cardsim.iso7816.apdu import CommandApdu
from cardsim.iso7816.tlv import TlvError, find, parse, parse_dol
from terminal.effects import Flow, Mark, draw_random, report
from terminal.flows.common import need_ok, send, stop
from terminal.flows.financial.transaction import Aip, OdaMethod, OdaResult, Transaction, Tsi, Tvr
from terminal.outcome import Cause

_STEP: Final = "offline data authentication"
_SDA_CAPABILITY, _DDA_CAPABILITY = 0x80, 0x40
_ISSUER_OVERHEAD: Final = 36
_CERTIFIED_LENGTH: Final = 13


class _Missing(OdaError):
    """A data item that the method needs is not on the card."""


class _NoKey(OdaError):
    """The terminal does not have the CA key: nothing is said about the card."""


def offline_data_authentication(tx: Transaction) -> Flow[None]:
    """Choose one method, run it, and set TVR and TSI (KRN-ODA-001 to 003). A failure does not end the transaction."""
    capabilities = tx.terminal.capabilities[2]
    if capabilities & _DDA_CAPABILITY and tx.app.supports(Aip.DDA):
        method, failed = OdaMethod.DDA, Tvr.DDA_FAILED
    elif capabilities & _SDA_CAPABILITY and tx.app.supports(Aip.SDA):
        method, failed = OdaMethod.SDA, Tvr.SDA_FAILED
    else:
        tx.tvr.set(Tvr.ODA_NOT_PERFORMED)
        yield from report(_STEP, Mark.INFO, "not performed: card and terminal have no method in common")
        return
    try:
        if method is OdaMethod.DDA:
            yield from _dynamic(tx)
        else:
            _static(tx)
    except OdaError as error:
        tx.oda = OdaResult(method, str(error), fault=not isinstance(error, _NoKey))
        tx.tvr.set(failed)
        if isinstance(error, _Missing):
            tx.tvr.set(Tvr.DATA_MISSING)
        yield from report(_STEP, Mark.FAILED, f"{method.value} failed: {error}")
    else:
        tx.oda = OdaResult(method)
        yield from report(_STEP, Mark.OK, f"{method.value}: the card's data are the issuer's")
    tx.tsi.set(Tsi.ODA)


def _item(tx: Transaction, tag: int, name: str) -> bytes:
    value = tx.app.data.get(tag)
    if value is None:
        raise _Missing(f"the card has no {name} (tag {tag:X})")
    return value


def _issuer_key(tx: Transaction) -> RsaPublicKey:
    """The issuer's key from its certificate (KRN-ODA-005 to 015)."""
    index = _item(tx, 0x8F, "CA public key index")[0]
    certificate = _item(tx, 0x90, "issuer public key certificate")
    exponent = _item(tx, 0x9F32, "issuer public key exponent")
    rid, today = tx.app.aid[:5], tx.config.now.date()
    key = next((key for key in tx.config.ca_keys if (key.rid, key.index) == (rid, index)), None)
    if key is None:
        raise _NoKey(f"the terminal has no CA key {rid.hex().upper()}-{index:02X}")
    if key.expires is not None and key.expires < today:
        raise _NoKey(f"the terminal's CA key {rid.hex().upper()}-{index:02X} expired on {key.expires}")
    ca = CaPublicKey(key.rid, key.index, key.modulus, key.exponent)
    remainder = tx.app.data.get(0x92, b"")
    if not remainder and len(certificate) == ca.key.size:
        # KRN-ODA-006: only the certificate tells whether a remainder is needed.
        try:
            length = ca.key.recover(certificate)[_CERTIFIED_LENGTH]
        except ValueError as error:
            raise OdaError(f"the issuer certificate cannot be opened: {error}") from error
        if length > ca.key.size - _ISSUER_OVERHEAD:
            tx.tvr.set(Tvr.DATA_MISSING)
    return recover_issuer_key(ca, certificate, remainder, exponent, tx.app.pan, today)


def _static_data(tx: Transaction) -> bytes:
    """Records under authentication, and the AIP where 9F4A says so (KRN-ODA-017, KRN-REC-011)."""
    if tx.app.static_data_broken:
        raise OdaError("a record under authentication is not a template 70")
    tags = tx.app.data.get(0x9F4A)
    if tags is None:
        return tx.app.static_data
    if tags != b"\x82":
        raise OdaError(f"the static data authentication tag list is {tags.hex().upper()}, not 82")
    return tx.app.static_data + tx.app.aip


def _static(tx: Transaction) -> None:
    """SDA (EMV Book 2 §5)."""
    issuer = _issuer_key(tx)
    tx.app.data[0x9F45] = verify_static(issuer, _item(tx, 0x93, "signed static application data"), _static_data(tx))


def _dynamic(tx: Transaction) -> Flow[None]:
    """DDA (EMV Book 2 §6.5); INTERNAL AUTHENTICATE once."""
    issuer = _issuer_key(tx)
    certificate = _item(tx, 0x9F46, "ICC public key certificate")
    exponent = _item(tx, 0x9F47, "ICC public key exponent")
    remainder, today = tx.app.data.get(0x9F48, b""), tx.config.now.date()
    icc = recover_icc_key(issuer, certificate, remainder, exponent, tx.app.pan, _static_data(tx), today)
    ddol = tx.app.data.get(0x9F49, tx.app.parameters.default_ddol)
    try:
        if 0x9F37 not in (tag for tag, _ in parse_dol(ddol)):
            raise OdaError("the DDOL does not ask for the unpredictable number")
        tx.unpredictable = yield from draw_random(4)
        terminal_data = tx.fill(ddol)
    except TlvError as error:
        raise OdaError(f"the DDOL is malformed: {error}") from error
    if len(terminal_data) > 255:
        raise OdaError(f"the DDOL asks for {len(terminal_data)} bytes, more than a command holds")
    command = CommandApdu(0x00, 0x88, 0x00, 0x00, terminal_data, 256)
    response = yield from send(Environment.PSE, "let the card sign (dynamic authentication)", command)
    data = need_ok(_STEP, "the card does not sign", response)
    dynamic = verify_dynamic(icc, _signature(data), terminal_data)
    tx.app.data[0x9F4C] = dynamic[1 : 1 + dynamic[0]] if dynamic else b""


def _signature(data: bytes) -> bytes:
    """The signature in either answer format (KRN-ODA-025)."""
    try:
        objects = parse(data)
        signature = find(data, 0x77, 0x9F4B) if objects and objects[0].tag == 0x77 else find(data, 0x80)
    except TlvError as error:
        stop(Cause.CARD_DATA, _STEP, f"the answer to INTERNAL AUTHENTICATE is malformed: {error}")
    if signature is None:
        stop(Cause.CARD_DATA, _STEP, "the answer to INTERNAL AUTHENTICATE has no signature")
    return signature
