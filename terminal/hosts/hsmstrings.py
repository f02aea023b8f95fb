"""The HSM's services as strings, as counter software passes them between the interface and the HSM platform.

Each takes one string of fields that end with `|` and gives one back (SC chapters 1 to 8, API-140 to API-142). Numbers
are hex in capitals, algorithms 01 and 03, addresses four hex digits.
"""

import re
from typing import Final

from cardsim.crypto.medical import Purchase, TransactionType
from cardsim.crypto.social import MAC_LENGTH, SSF33, SSF33_REFUSED, Suite
from cardsim.iso7816.atr import Atr, AtrError
from terminal.effects import CardIdentity
from terminal.hosts.hsm import Hsm, HsmRefused, authorise
from terminal.keyaddresses import addresses_by_name

_SUITES: Final = {f"{suite.algorithm_id:02X}": suite for suite in Suite}
_HISTORICAL: Final = 13
_PURCHASE_CHARACTER: Final = TransactionType.PURCHASE.character.decode()


class HsmStrings:
    """The string services of one HSM, for one requester."""

    def __init__(self, hsm: Hsm, who: str) -> None:
        self._hsm = hsm
        self._who = who

    def internal_authentication(self, text: str) -> str:
        """Both groups of iReadCardBas_HSM_Step2 from the fields of step 1 (API-140).

        In: `area|historical bytes|algorithm|identification|factor|original|factor|original|`; the last two are empty
        for 1.0x and 2.0x cards, and a platform may add a terminal code of 32 characters. Out: `answer||original|` of
        IRK for the internal and `cryptogram||original|` of RKSSSE for the external authentication, or `|`.

        Raises:
            HsmRefused: the string is malformed, or the HSM refuses.
        """
        fields = _fields(text, 8, 9)
        area, historical, algorithm, identification, *numbers = fields[:8]
        card = CardIdentity(
            suite_of(algorithm), area, historical_bytes(historical), _hex("identification code", identification, 16)
        )
        if not identification.startswith(area) or len(area) != 6:
            raise HsmRefused("the area code is not that of the identification code")
        inner = self._pair("IRK", card, *numbers[:2])
        outer = self._pair("RKSSSE", card, *numbers[2:]) if any(numbers[2:]) else ""
        return f"{inner}|{outer}|"

    def _pair(self, name: str, card: CardIdentity, factor: str, original: str) -> str:
        return self._cryptogram(addresses_by_name()[name], card, factor, original)

    def _cryptogram(self, address: int, card: CardIdentity, factor: str, original: str) -> str:
        first, second = _hex("factor", factor, 8), _hex("original", original, 8)
        return (self._hsm.authenticate(self._who, address, card, first, second) + second).hex().upper()

    def external_authentication(self, text: str, card: CardIdentity) -> str:
        """`cryptogram||original`, 32 characters, from `algorithm|address|factor|original|` (API-141).

        Raises:
            HsmRefused: as above.
        """
        algorithm, address, factor, original = _fields(text, 4)
        return self._cryptogram(_address(address), _of(algorithm, card), factor, original)

    def secure_message(self, text: str, card: CardIdentity) -> str:
        """`header||cipher||MAC` from `algorithm|address|challenge|header|plaintext|` (API-142).

        The header is CLA INS P1 P2 Lc; the plaintext is hex or PIN digits, an odd number of them filled with F, and
        may be empty.

        Raises:
            HsmRefused: as above, or the header's Lc is not that of the result.
        """
        algorithm, address, challenge, header_text, plaintext = _fields(text, 5)
        header = _hex("header", header_text, 5)
        plain = _hex("plaintext", plaintext + "F" * (len(plaintext) % 2), None)
        factor = _hex("challenge", challenge, 4, 8, 16)
        enciphered = plain if plain or header[4] > MAC_LENGTH else None
        data = self._hsm.seal(self._who, _address(address), _of(algorithm, card), factor, header[:4], enciphered)
        if header[4] != len(data):
            raise HsmRefused(f"the header says {header[4]:02X} bytes, and the message has {len(data):02X}")
        return (header + data).hex().upper()

    def purchase_authentication(self, text: str, card: CardIdentity) -> str:
        """`terminal sequence|time|MAC1|` from the fields of iDoDebit_HSM_Step1 (API-138).

        In: `algorithm|address|random|sequence|amounts|type|terminal|time|`; amounts are three of four bytes, or the
        last two (self-paid and pooled fund) where the account pays nothing, as iDoDebit has it.

        Raises:
            HsmRefused: as above.
        """
        algorithm, address, random, sequence, amounts, kind, terminal, time = _fields(text, 8)
        if kind != _PURCHASE_CHARACTER:
            raise HsmRefused(f"type {kind!r} is no medical settlement")
        values = _hex("amounts", amounts, 8, 12).rjust(12, b"\0")
        account, self_paid, pool = (int.from_bytes(values[at : at + 4], "big") for at in (0, 4, 8))
        purchase = Purchase(account, self_paid, pool, _hex("terminal number", terminal, 6))
        moment = _hex("time", time, 7)
        factors = _hex("random number", random, 4), _hex("sequence", sequence, 2)
        proof = authorise(self._hsm, self._who, _address(address), _of(algorithm, card), *factors, purchase, moment)
        return f"{proof.terminal_sequence.hex().upper()}|{moment.hex()}|{proof.mac1.hex().upper()}|"


def suite_of(algorithm: str) -> Suite:
    """The cipher of an algorithm field.

    Raises:
        HsmRefused: it is none of ours.
    """
    suite = _SUITES.get(algorithm)
    if suite is None:
        raise HsmRefused(SSF33_REFUSED if algorithm == f"{SSF33:02X}" else f"there is no algorithm {algorithm!r}")
    return suite


def historical_bytes(text: str) -> bytes:
    """The historical bytes of a field; some platforms pass the whole ATR.

    Raises:
        HsmRefused: neither.
    """
    data = _hex("historical bytes", text, None)
    if len(data) != _HISTORICAL:
        try:
            data = Atr.parse(data).historical
        except AtrError:
            data = b""
    if len(data) != _HISTORICAL:
        raise HsmRefused("the historical bytes are neither 13 bytes nor an ATR with 13 of them")
    return data


def _of(algorithm: str, card: CardIdentity) -> CardIdentity:
    if suite_of(algorithm) is not card.suite:
        raise HsmRefused("the algorithm is not that of the card")
    return card


def _fields(text: str, *counts: int) -> list[str]:
    *fields, rest = text.split("|")
    if rest or len(fields) not in counts:
        raise HsmRefused(f"the string has {' or '.join(map(str, counts))} fields, each closed by |")
    return fields


def _hex(what: str, text: str, *lengths: int | None) -> bytes:
    if not re.fullmatch(r"(?:[0-9A-Fa-f]{2})*", text) or (lengths != (None,) and len(text) // 2 not in lengths):
        raise HsmRefused(f"the {what} is not hex of the right length")
    return bytes.fromhex(text)


def _address(text: str) -> int:
    return int.from_bytes(_hex("key address", text, 2), "big")
