"""Payment cards of unusual kinds: what a conformance case needs and no profile has."""

import functools
from dataclasses import replace

from cardsim.chip.rng import SeededRandom
from cardsim.cos.files import DIRECTORY, FileFlag, FileType
from cardsim.crypto.rsa import generate_rsa
from cardsim.iso7816.tlv import ber
from tests.cards import Bench, unhex
from tests.pse.perso import (
    ADF,
    BankJob,
    amount,
    bank_card,
    job,
    job_of,
    log_file,
    pay,
    poke_environment,
    pse_of,
    structure,
)

SHORT_PAN = "6214672500007"
"""Thirteen digits: with the sequence number one less than a block holds."""
LOG_FORMAT = "9F0206 5F2A02 9F3602 DF0304 9F7A01"
"""DF03 is known to nobody, and 9F7A stands in the PDOL alone."""


@functools.cache
def short_key() -> BankJob:
    """Data of a card whose own key fits into its certificate."""
    take = SeededRandom(7, "short key").take
    issuer, icc = generate_rsa(1408, 3, take), generate_rsa(1072, 3, take)
    return replace(bank_card(), issuer=issuer, icc=icc)


def without_remainder() -> Bench:
    """A card whose 9F48 is empty."""
    return pay(dgis=dict(job_of(structure(), short_key())))


def short_pan() -> Bench:
    """A card with a PAN that the derivation of its keys fills on the left."""
    return pay(dgis=dict(job_of(structure(), replace(bank_card(), pan=SHORT_PAN))))


def other_log() -> Bench:
    """A card whose log has a field that nobody can fill, with 100.00 yuan."""
    values = {"9F79": amount(10000), "9F78": amount(10000)}
    usual = ber(0x9F4F, unhex(structure()["log_format"]))
    risk = job(values)[0x0D01].replace(usual, ber(0x9F4F, unhex(LOG_FORMAT)))
    return pay(values, {0x0D01: risk}, log=log_file(length=15))


def last_counter() -> Bench:
    """A card that has one transaction less left than none: its ATC is FFFE."""
    return pay({"9F36": "FFFE"})


def blocked_directory() -> Bench:
    """A card whose PSE is marked blocked and whose application is not, by test hook: no command does that."""
    bench = pay()
    poke_environment(bench, DIRECTORY + 1, bytes((FileFlag.BLOCKED,)))
    bench.power_on()
    return bench


def blocked_before_use() -> Bench:
    """The demo card of vector G1, its application blocked by test hook: no script comes before a transaction."""
    bench = pay()
    files = pse_of(bench).files.index.files
    application = next(file for file in files if file.type is FileType.DF and file.name == ADF)
    poke_environment(bench, application.entry + 1, bytes((application.flags | FileFlag.BLOCKED,)))
    bench.power_on()
    return bench
