"""The vectors of fact sheet §3.5: invented roots, and the card that they belong to."""

from typing import Final

from cardsim.crypto.medical import TypeCoding
from cardsim.crypto.social import Suite
from cardsim.keyfile import SsseKeys
from terminal.effects import CardIdentity
from terminal.messages.social import SocialCard

ROOT: Final = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
STK8: Final = bytes.fromhex("0123456789ABCDEF")
HISTORICAL: Final = bytes.fromhex("00814A444686605199000001AC")
IDENTIFICATION: Final = bytes.fromhex("519900D15600000510000B26FFFFFFFF")
CARD_KEY_DES: Final = bytes.fromhex("BDCF2343CB7B3CA0A0614648289B7736")
CARD_KEY_SM4: Final = bytes.fromhex("65FFD351EA9D9B7E2A81750D1610BF91")
FACTOR, ORIGINAL = "32D9E876ADB31BBF", "DBF7A936D0D18C9E"
PROOF_DES, PROOF_SM4 = "2D02E484BFC5CD15", "B4193D38A4780C31"
CHALLENGE: Final = "2AFD6A015D2D9BAC"

_NAMES: Final = ("IRK", "RKSSSE", "PUK", "RK1DF03", "DLK", "DLK.2", "DPK", "DPK.2", "DTK", "DTK.2", "STKDF04", "UKSSSE")


def keys(suite: Suite, coding: TypeCoding = TypeCoding.ASCII) -> SsseKeys:
    """A key file's keys: one root for all names, as in the fact sheet; STKSSSE has 8 bytes with DES."""
    roots = dict.fromkeys(_NAMES, ROOT) | {"STKSSSE": STK8 if suite is Suite.DES else ROOT}
    return SsseKeys(suite, "519900", None, roots, medical_type=coding)


def identity(suite: Suite) -> CardIdentity:
    """The card of the vectors, as a security module knows it."""
    return CardIdentity(suite, "519900", HISTORICAL, IDENTIFICATION)


def social_card(suite: Suite, person: str = "510101199001011234", name: str = "李四") -> SocialCard:
    """The card of the vectors, as a message names it."""
    return SocialCard(IDENTIFICATION, "D2143569X", person, name, HISTORICAL, suite.algorithm_id)
