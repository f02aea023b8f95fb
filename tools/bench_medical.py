"""A complete medical purchase between card and PSAM, both in process: what the bench measures."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cardsim.assembly import CardModel, SamModel, new_card, new_psam
from cardsim.chip.cost import CommandReport
from cardsim.crypto import medical, social
from cardsim.crypto.medical import LOAD_TAIL, Load, Purchase, TransactionType
from cardsim.keyfile import SsseKeys
from cardsim.making.card import activate, make_card
from cardsim.making.psam import activate_psam, make_psam
from cardsim.making.samplan import DEFAULT_PSAM_PROFILE, load_psam_profile
from cardsim.making.structure import DEFAULT_PROFILE, load_profile

Transmit = Callable[[bytes], bytes]

SSSE: Final = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")
DF04: Final = bytes.fromhex("00A4040006D15600000503")
VERIFY: Final = bytes.fromhex("0020000003123456")
SM4_ENVIRONMENT: Final = bytes.fromhex("00A404000F7378322E73682EC9E7BBE1B1A3D5CF")
SAM_APPLICATION: Final = bytes.fromhex("00A4040006D15600000590")
TIME: Final = bytes.fromhex("20261122093000")
_BALANCE: Final = 1_000_000
_ACCOUNT, _SELF, _POOL = 1, 10, 100


class BenchError(Exception):
    """A card refused a step, so that nothing was measured."""


def fetch(transmit: Transmit, command: bytes) -> bytes:
    """One command of a reader that fetches 61xx; its data."""
    answer = transmit(command)
    if answer[-2] == 0x61:
        answer = transmit(b"\x00\xc0\x00\x00" + answer[-1:])
    if answer[-2:] != b"\x90\x00":
        raise BenchError(f"{command[:4].hex().upper()} was answered {answer[-2:].hex().upper()}")
    return answer[:-2]


@dataclass(frozen=True, slots=True)
class Pair:
    """A card in DF04 with its PIN verified and money on it, and a PSAM in its application."""

    card: CardModel
    psam: SamModel
    terminal: bytes
    factor: bytes

    def purchase(self) -> None:
        """INITIALIZE, INIT SAM, DEBIT, CREDIT SAM, each with its GET RESPONSE."""
        amounts = b"".join(amount.to_bytes(4, "big") for amount in (_ACCOUNT, _SELF, _POOL))
        card, psam = self.card.transmit, self.psam.transmit
        first = fetch(card, b"\xb0\x28\x01\x01\x13\x01" + amounts + self.terminal)
        sequence, version, random = first[14:16], first[16:18], first[18:22]
        kind = TransactionType.PURCHASE.character
        data = random + sequence + amounts + kind + TIME + version + self.factor
        number = fetch(psam, bytes((0x80, 0x70, 0x01, 0x00, len(data))) + data)
        proof = fetch(card, b"\xb0\x2c\x01\x00\x0f" + number[:4] + TIME + number[4:])
        fetch(psam, b"\x80\x72\x00\x00\x04" + proof[4:])

    def seconds(self) -> float:
        """What the same purchase takes on a physical pair by the cost model (cardsim.chip.cost)."""
        reports: list[CommandReport] = []
        for model in (self.card, self.psam):
            model.listen(reports.append)
        self.purchase()
        for model in (self.card, self.psam):
            model.listen(None)
        return sum(report.cost.total for report in reports)


def pair() -> Pair:
    """The demo card and its PSAM."""
    card, psam = new_card(seed=1), new_psam(seed=1)
    activate(card, None)
    keys = make_card(card, load_profile(DEFAULT_PROFILE), None)
    activate_psam(psam, None)
    psam_keys = make_psam(psam, load_psam_profile(DEFAULT_PSAM_PROFILE), None)
    if keys.ssse is None or psam_keys.psam is None:
        raise BenchError("the demo card has no social-security environment")
    card.power_off()
    historical = card.power_on()[4:]
    psam.power_on()
    for command in (SSSE, DF04, VERIFY):
        fetch(card.transmit, command)
    for command in (SM4_ENVIRONMENT, SAM_APPLICATION):
        fetch(psam.transmit, command)
    terminal = bytes.fromhex(psam_keys.psam.terminal)
    _load(card.transmit, keys.ssse, historical, terminal)
    return Pair(card, psam, terminal, social.factor_card(historical))


def _load(transmit: Transmit, keys: SsseKeys, historical: bytes, terminal: bytes) -> None:
    """Put money on the account, as the host does."""
    deal = Load(_BALANCE, terminal)
    answer = fetch(transmit, b"\xb0\x28\x00\x01\x0b\x01" + deal.amount.to_bytes(4, "big") + terminal)
    dlk = social.card_key(keys.suite, keys.roots["DLK"], keys.area, historical)
    session = medical.session(keys.suite, dlk, answer[8:12], answer[4:6], LOAD_TAIL)
    fetch(transmit, b"\xb0\x2a\x00\x00\x0b" + TIME + medical.mac(keys.suite, session, deal.mac2_data(TIME)))


def ciphers(suite: social.Suite = social.Suite.SM4) -> None:
    """All cipher calls of one purchase, of card and PSAM: derivation, two session keys, four MACs, a TAC."""
    deal = Purchase(_ACCOUNT, _SELF, _POOL, bytes(6))
    key = social.diversify(suite, bytes(16), bytes(8))
    for _ in range(2):
        session = medical.purchase_session(suite, key, bytes(4), bytes(2), bytes(4))
        medical.mac(suite, session, deal.mac1_data(TIME))
        medical.mac(suite, session, deal.mac2_data())
    medical.tac(suite, key, deal.tac_data(bytes(4), TIME))
