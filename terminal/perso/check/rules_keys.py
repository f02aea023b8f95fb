"""Rules of the payment application's keys: certificates up to the authority, signatures, and a cryptogram if asked."""

from collections.abc import Iterator
from datetime import date
from typing import Final

from cardsim.crypto import oda
from cardsim.crypto.rsa import RsaPublicKey
from cardsim.iso7816.tlv import ber, find, parse, parse_dol
from terminal.flows.financial.reading import card_date
from terminal.hosts.bank.chip import ChipData, ChipDataError, IssuerKeys
from terminal.messages.bank import CryptogramCheck
from terminal.perso.check.content import Cryptogram, PathContent
from terminal.perso.check.facts import Facts
from terminal.perso.check.rule import Rule, Severity, Unseen
from terminal.perso.kinds import Part

_SDA, _DYNAMIC = 0x40, 0x21


def _issuer_key(facts: Facts, path: PathContent, on: date | None = None) -> RsaPublicKey:
    """The issuer's key from its certificate.

    Raises:
        Unseen: the authority's key is not known, or the card has no certificate.
        OdaError: a check failed.
    """
    objects = path.objects
    if not {0x8F, 0x90, 0x9F32} <= objects.keys():
        raise Unseen(f"{path.name}: the card has no issuer certificate")
    rid, index = facts.payment.aid[:5], objects[0x8F][0]
    key = next((key for key in facts.ca_keys if (key.rid, key.index) == (rid, index)), None)
    if key is None:
        raise Unseen(f"the key {rid.hex().upper()}-{index:02X} of the authority is not known (--keys)")
    ca = oda.CaPublicKey(key.rid, key.index, key.modulus, key.exponent)
    return oda.recover_issuer_key(ca, objects[0x90], objects.get(0x92, b""), objects[0x9F32], _pan(path), on)


def _icc_key(facts: Facts, path: PathContent, on: date | None = None) -> RsaPublicKey:
    objects = path.objects
    issuer = _issuer_key(facts, path, on)
    if not {0x9F46, 0x9F47} <= objects.keys():
        raise Unseen(f"{path.name}: the card has no certificate of its own")
    certificate, remainder, exponent = objects[0x9F46], objects.get(0x9F48, b""), objects[0x9F47]
    return oda.recover_icc_key(issuer, certificate, remainder, exponent, _pan(path), path.static_data, on)


def _pan(path: PathContent) -> str:
    return path.objects.get(0x5A, b"").hex().upper().rstrip("F")


def _with(facts: Facts, method: int) -> list[PathContent]:
    found = [path for path in facts.paths if path.aip[0] & method]
    if not found:
        raise Unseen("the card does not have this method of offline data authentication")
    return found


def _issuer(facts: Facts) -> Iterator[str]:
    for path in _with(facts, _SDA | _DYNAMIC):
        try:
            _issuer_key(facts, path)
        except oda.OdaError as error:
            yield f"{path.name}: {error}"


def _issuer_ok(facts: Facts, path: PathContent) -> RsaPublicKey:
    """The issuer's key for rules that build on it; what is wrong with it is another rule's business."""
    try:
        return _issuer_key(facts, path)
    except oda.OdaError as error:
        raise Unseen(f"the issuer certificate is wrong: {error}") from error


def _static(facts: Facts) -> Iterator[str]:
    for path in _with(facts, _SDA):
        issuer = _issuer_ok(facts, path)
        signed = path.objects.get(0x93)
        if signed is None:
            raise Unseen(f"{path.name}: the card has no signed static data")
        try:
            oda.verify_static(issuer, signed, path.static_data)
        except oda.OdaError as error:
            yield f"{path.name}: {error}"


def _icc(facts: Facts) -> Iterator[str]:
    for path in _with(facts, _DYNAMIC):
        _issuer_ok(facts, path)
        try:
            _icc_key(facts, path)
        except oda.OdaError as error:
            yield f"{path.name}: {error}"


def _signature(facts: Facts) -> Iterator[str]:
    for path in _with(facts, _DYNAMIC):
        signature = path.signature
        if signature is None:
            continue
        try:
            key = _icc_key(facts, path)
        except oda.OdaError as error:
            raise Unseen(f"the card's certificate is wrong: {error}") from error
        if not signature.answer.ok:
            yield f"INTERNAL AUTHENTICATE answers {signature.answer}"
            continue
        try:
            oda.verify_dynamic(key, _signed(signature.answer.data), signature.terminal_data)
        except oda.OdaError as error:
            yield f"the card's signature is not that of its key: {error}"


def _signed(data: bytes) -> bytes:
    objects = parse(data)
    if len(objects) == 1 and objects[0].tag == 0x80:
        return objects[0].value
    return find(data, 0x77, 0x9F4B) or b""


def _validity(facts: Facts) -> Iterator[str]:
    """Certificates that end before the card make its offline payments fail."""
    expiry = card_date(facts.objects(0x5F24))
    if expiry is None:
        raise Unseen("the expiry date is none")
    for path in _with(facts, _SDA | _DYNAMIC):
        recover = _icc_key if path.aip[0] & _DYNAMIC else _issuer_key
        try:
            recover(facts, path)
        except oda.OdaError as error:
            raise Unseen(f"a certificate is wrong: {error}") from error
        try:
            recover(facts, path, expiry)
        except oda.OdaError as error:
            yield f"{path.name}: on {expiry}, when the card expires, {error}"


# --- card keys --------------------------------------------------------------------------------------------------------


def _cryptogram(facts: Facts) -> Iterator[str]:
    asked = facts.payment.cryptogram
    if asked is None:
        raise Unseen("no cryptogram was asked for (--destructive); it uses up a transaction number")
    if facts.bank_keys is None:
        raise Unseen("no issuer master keys (--keys)")
    path = facts.paths[0]
    try:
        chip = ChipData.read(_chip_data(path, asked))
    except ChipDataError as error:
        yield f"GENERATE AC answers {asked.answer}: {error}"
        return
    sequence = path.objects.get(0x5F34, b"\0").hex()
    session = IssuerKeys({chip.key_index: facts.bank_keys}).card(_pan(path), sequence, chip)
    if session is None:
        raise Unseen(f"cryptograms of version {chip.version:02X} are not known")
    try:
        right = session.check() is CryptogramCheck.RIGHT
    except ValueError as error:
        raise Unseen(f"no card keys follow from the card's number: {error}") from error
    if not right:
        yield "the cryptogram is not that of the card keys"


def _chip_data(path: PathContent, asked: Cryptogram) -> bytes:
    """What the card was given and what it answered, as field 55 has it."""
    data, at = ber(0x82, path.aip), 0
    for tag, length in parse_dol(path.objects[0x8C]):
        data += ber(tag, asked.terminal_data[at : at + length])
        at += length
    answer = find(asked.answer.data, 0x80)
    if answer is None:
        return data + (find(asked.answer.data, 0x77) or b"")
    return (
        data + ber(0x9F27, answer[:1]) + ber(0x9F36, answer[1:3]) + ber(0x9F26, answer[3:11]) + ber(0x9F10, answer[11:])
    )


PAYMENT_KEY_RULES: Final = (
    Rule("keys.issuer-certificate", Part.KEYS, "EMV Book 2 §5.3", "The authority certifies the issuer's key.", _issuer),
    Rule("keys.static-signature", Part.KEYS, "EMV Book 2 §5.4", "The issuer signed the records that the AFL names.",
         _static),
    Rule("keys.card-certificate", Part.KEYS, "EMV Book 2 §6.4", "The issuer certifies the card's key and its data.",
         _icc),
    Rule("keys.signature", Part.KEYS, "EMV Book 2 §6.5", "The card signs with the key of its certificate.",
         _signature),
    Rule("keys.certificate-dates", Part.KEYS, "EMV Book 2 §5.1, §6.1", "Certificates hold as long as the card.",
         _validity, Severity.SHOULD),
    Rule("keys.cryptogram", Part.KEYS, "JR/T 0025.5 annex E", "The card computes cryptograms with the keys of its "
         "card number.", _cryptogram),
)  # fmt: skip
"""In the order of the report."""
