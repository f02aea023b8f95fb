"""Offline data authentication: the best of CDA, DDA and SDA that both sides have (EMV Book 2 §5, §6; KRN-ODA)."""

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
from terminal.flows.financial.transaction import Aip, OdaMethod, OdaResult, Revoked, Transaction, Tsi, Tvr
from terminal.outcome import Cause

_STEP: Final = "offline data authentication"
_METHODS: Final = (
    (OdaMethod.CDA, 0x08, Aip.CDA),
    (OdaMethod.DDA, 0x40, Aip.DDA),
    (OdaMethod.SDA, 0x80, Aip.SDA),
)
"""Methods in the order of preference, with what byte 3 of 9F33 and the AIP must have."""

_FAILED: Final = {
    OdaMethod.CDA: Tvr.CDA_FAILED,
    OdaMethod.DDA: Tvr.DDA_FAILED,
    OdaMethod.SDA: Tvr.SDA_FAILED,
}
_CERTIFICATE: Final = b"\x6a"
_ISSUER_OVERHEAD, _ICC_OVERHEAD = 36, 42
_ISSUER_KEY_LENGTH, _ICC_KEY_LENGTH = 13, 19
"""Where the certificates tell the length of the key in them."""
_SERIAL: Final = slice(8, 11)
_NUMBER_LENGTHS: Final = range(2, 9)


class _Missing(OdaError):
    """A data item that the method needs is not on the card."""


class _NoKey(OdaError):
    """The terminal does not have the CA key: nothing is said about the card."""


def offline_data_authentication(tx: Transaction) -> Flow[None]:
    """Choose one method, run it, and set TVR and TSI (KRN-ODA-001 to 004). A failure does not end the transaction.

    Of CDA this is the first half, the keys; the signature comes with the cryptograms.
    """
    method = _method(tx)
    if method is OdaMethod.NONE:
        tx.tvr.set(Tvr.ODA_NOT_PERFORMED)
        yield from report(_STEP, Mark.INFO, "not performed: card and terminal have no method in common")
        return
    if method is OdaMethod.SDA and tx.terminal.sda_selected_bit:
        tx.tvr.set(Tvr.SDA_SELECTED)
    try:
        match method:
            case OdaMethod.CDA:
                icc_key(tx)
                tx.combined = True
            case OdaMethod.DDA:
                yield from _dynamic(tx)
            case OdaMethod.SDA:
                _static(tx)
    except OdaError as error:
        tx.oda = OdaResult(method, str(error), fault=not isinstance(error, _NoKey))
        tx.tvr.set(_FAILED[method])
        if isinstance(error, _Missing):
            tx.tvr.set(Tvr.DATA_MISSING)
        yield from report(_STEP, Mark.FAILED, f"{method.value} failed: {error}")
    else:
        tx.oda = OdaResult(method)
        found = "the card's keys are the issuer's" if tx.combined else "the card's data are the issuer's"
        yield from report(_STEP, Mark.OK, f"{method.value}: {found}")
    tx.tsi.set(Tsi.ODA)


def _method(tx: Transaction) -> OdaMethod:
    """The best method that card and terminal have."""
    capabilities = tx.terminal.capabilities[2]
    for method, needed, feature in _METHODS:
        if capabilities & needed and tx.app.supports(feature):
            return method
    return OdaMethod.NONE


def _item(tx: Transaction, tag: int, name: str) -> bytes:
    value = tx.app.data.get(tag)
    if value is None:
        raise _Missing(f"the card has no {name} (tag {tag:X})")
    return value


def issuer_key(tx: Transaction) -> RsaPublicKey:
    """The issuer's key from its certificate (KRN-ODA-005 to 015).

    Raises:
        OdaError: the terminal lacks the CA key, the card lacks data, or a check failed.
    """
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
    block = _opened(ca.key, certificate)
    # KRN-ODA-006: only the certificate tells whether a remainder is needed.
    if block and not remainder and block[_ISSUER_KEY_LENGTH] > ca.key.size - _ISSUER_OVERHEAD:
        raise _Missing("the card has no issuer public key remainder (tag 92)")
    found = recover_issuer_key(ca, certificate, remainder, exponent, tx.app.pan, today)
    serial = block[_SERIAL]
    if Revoked(rid, index, serial) in tx.config.revoked:
        raise OdaError(f"the issuer certificate {serial.hex().upper()} is revoked")
    return found


def _opened(key: RsaPublicKey, certificate: bytes) -> bytes:
    """The block in a certificate; b"" where it cannot be opened or is none, which the checks then tell."""
    try:
        block = key.recover(certificate)
    except ValueError:
        return b""
    return block if block.startswith(_CERTIFICATE) else b""


def icc_key(tx: Transaction) -> RsaPublicKey:
    """The card's key from its certificate, which covers the static data too; kept with the transaction.

    Raises:
        OdaError: as in `issuer_key`.
    """
    if tx.icc_key is None:
        certificate = _item(tx, 0x9F46, "ICC public key certificate")
        exponent = _item(tx, 0x9F47, "ICC public key exponent")
        remainder, today = tx.app.data.get(0x9F48, b""), tx.config.now.date()
        issuer = issuer_key(tx)
        block = _opened(issuer, certificate)
        if block and not remainder and block[_ICC_KEY_LENGTH] > issuer.size - _ICC_OVERHEAD:
            raise _Missing("the card has no ICC public key remainder (tag 9F48)")
        tx.icc_key = recover_icc_key(issuer, certificate, remainder, exponent, tx.app.pan, _static_data(tx), today)
    return tx.icc_key


def pin_key(tx: Transaction) -> RsaPublicKey:
    """The key under which a PIN goes to the card: its PIN key (9F2D to 9F2F), else the card's key (EMV Book 2 §7.1).

    Raises:
        OdaError: as in `issuer_key`.
    """
    certificate, exponent = tx.app.data.get(0x9F2D), tx.app.data.get(0x9F2E)
    if certificate is None or exponent is None:
        return icc_key(tx)
    remainder, today = tx.app.data.get(0x9F2F, b""), tx.config.now.date()
    return recover_icc_key(issuer_key(tx), certificate, remainder, exponent, tx.app.pan, b"", today)


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
    signed = _item(tx, 0x93, "signed static application data")
    tx.app.data[0x9F45] = verify_static(issuer_key(tx), signed, _static_data(tx))


def _dynamic(tx: Transaction) -> Flow[None]:
    """DDA (EMV Book 2 §6.5); INTERNAL AUTHENTICATE once."""
    icc = icc_key(tx)
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
    if not dynamic or dynamic[0] not in _NUMBER_LENGTHS or len(dynamic) <= dynamic[0]:
        raise OdaError("the ICC dynamic number is not 2 to 8 bytes")
    tx.app.data[0x9F4C] = dynamic[1 : 1 + dynamic[0]]


def _signature(data: bytes) -> bytes:
    """The signature in either answer format (KRN-ODA-025)."""
    try:
        objects = parse(data)
        if [item.tag for item in objects] not in ([0x77], [0x80]):
            stop(Cause.CARD_DATA, _STEP, "the answer to INTERNAL AUTHENTICATE has another template than 77 or 80")
        value = objects[0].value
        signature = find(value, 0x9F4B) if objects[0].tag == 0x77 else value
    except TlvError as error:
        stop(Cause.CARD_DATA, _STEP, f"the answer to INTERNAL AUTHENTICATE is malformed: {error}")
    if signature is None:
        stop(Cause.CARD_DATA, _STEP, "the answer to INTERNAL AUTHENTICATE has no signature")
    return signature
