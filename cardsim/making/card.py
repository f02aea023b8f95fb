"""A whole card, from a virgin chip to an operational card, by its own commands alone; and its key file."""

from dataclasses import dataclass, field
from typing import Final

from cardsim.cos.masterkey import Algorithm, MasterKeySet
from cardsim.crypto import scp02, social
from cardsim.crypto.social import Suite
from cardsim.iso7816.card import Card
from cardsim.keyfile import BankKeys, CaKey, CardKeys, Holder, KeyFile, PseKeys, SsseKeys, generation_name
from cardsim.making import demo
from cardsim.making.holder import FILE_VALUES
from cardsim.making.plan import Value
from cardsim.making.pse import PSE_NAME, BankCard, PseMaker
from cardsim.making.ssse import SSSE_NAME, SsseMaker, algorithm_of
from cardsim.making.station import Station
from cardsim.making.structure import Profile

PAGE: Final = 64
SSSE_FID: Final = 0xDDF1
PSE_FID: Final = 0xDDF2
_TRIES: Final = 5
_CHANNEL_TRIES: Final = 15
_MF: Final = 0x3F00
_PSE_PAGES: Final = 160


@dataclass(frozen=True, slots=True)
class Secrets:
    """The keys that one seed gives to the card itself."""

    transport: bytes = field(repr=False)
    master: bytes = field(repr=False)
    ssse_first: bytes = field(repr=False)
    ssse_final: bytes = field(repr=False)
    kmc: bytes = field(repr=False)
    keydata: bytes


def secrets_of(person: demo.Demo) -> Secrets:
    """Keys of a card: the transport key is the batch's, master keys are card-unique (PERSO-003, PERSO-034)."""
    unique = person.historical.hex()
    return Secrets(
        person.secret("transport"),
        person.secret(f"card master {unique}"),
        person.secret("ssse first master"),
        person.secret(f"ssse master {unique}"),
        person.secret("kmc"),
        bytes.fromhex("621467000001") + person.serial.to_bytes(4, "big"),
    )


def activate(card: Card, seed: int | demo.Demo | None, *, switches: int = 0, choices: int = 0) -> KeyFile:
    """Make a blank card of a virgin chip: transport key and historical bytes, nothing else (D1).

    Raises:
        MakingError: a step was refused.
    """
    person = _person(seed)
    secrets = secrets_of(person)
    station = Station(card)
    station.reset()
    data = secrets.transport + bytes((_TRIES,)) + switches.to_bytes(2, "big")
    if choices:
        data += choices.to_bytes(4, "big")
    data += person.historical
    header = bytes((0x80, 0xF0, 0x01 if choices else 0x00, 0x00))
    station.send("ACTIVATE", header + bytes((len(data),)) + data)
    card.power_off()
    return KeyFile(card=CardKeys(secrets.transport, secrets.master))


def make_card(card: Card, profile: Profile, seed: int | demo.Demo | None) -> KeyFile:
    """Make an operational card of a blank one and return what terminals and hosts need to know.

    Args:
        card: blank, made by `activate` with the same seed.
        profile: what it is to be.
        seed: of holder and keys; or a holder, who may have another one's roots.

    Raises:
        MakingError: a step was refused.
    """
    person = _person(seed)
    secrets = secrets_of(person)
    station = Station(card)
    _initialise(station, profile, secrets)
    ssse = pse = bank = None
    identification = b""
    if profile.ssse is not None:
        ssse, identification = _make_ssse(station, profile, person, secrets)
    if profile.pse is not None:
        pse, bank = _make_pse(station, profile, person, secrets)
    card.power_off()
    offline_pin = demo.PIN if profile.offline_pin and profile.pse is not None else None
    holder = Holder(
        person.name,
        demo.PIN if ssse else None,
        offline_pin,
        demo.PIN if bank else None,
        person.values["social_security_number"],
        identification,
        person.values["card_number"] if ssse else "",
        person.historical if ssse else b"",
    )
    return KeyFile(CardKeys(secrets.transport, secrets.master), ssse, pse, bank, holder)


def _person(seed: int | demo.Demo | None) -> demo.Demo:
    return seed if isinstance(seed, demo.Demo) else demo.demo(seed)


def _initialise(station: Station, profile: Profile, secrets: Secrets) -> None:
    """Card master key, environments, and their master keys: after that it has given up control (D1, D2)."""
    station.reset()
    station.authenticate("EXTERNAL AUTHENTICATE (transport key)", Suite.DES, secrets.transport)
    master = MasterKeySet(1, Algorithm.TDES, _TRIES, (secrets.master,))
    _write_key(station, _MF, secrets.transport, master)
    station.authenticate("EXTERNAL AUTHENTICATE (card master key)", Suite.DES, secrets.master)
    if profile.ssse is not None:
        structure = profile.ssse
        _create(station, SSSE_FID, structure.space // PAGE, 1, profile.suite, structure.directory_sfi, SSSE_NAME)
        first = MasterKeySet(1, algorithm_of(profile.suite), _TRIES, (secrets.ssse_first,))
        _write_key(station, SSSE_FID, secrets.master, first)
    if profile.pse is not None:
        _create(station, PSE_FID, _PSE_PAGES, 2, Suite.DES, 0, PSE_NAME)
        keys = scp02.diversify_kmc(secrets.kmc, secrets.keydata)
        three = MasterKeySet(1, Algorithm.TDES, _CHANNEL_TRIES, (keys.enc, keys.mac, keys.dek), secrets.keydata)
        _write_key(station, PSE_FID, secrets.master, three)


def _write_key(station: Station, fid: int, under: bytes, keys: MasterKeySet) -> None:
    header = b"\x84\xd4" + fid.to_bytes(2, "big")
    station.protected(f"WRITE KEY {fid:04X}", header, Suite.DES, under, bytes(keys))


def _create(station: Station, fid: int, pages: int, kind: int, suite: Suite, sfi: int, name: bytes) -> None:
    data = b"\x38" + pages.to_bytes(2, "big") + bytes((kind, suite.algorithm_id, sfi)) + b"\xff\xff" + name
    station.send(f"CREATE {fid:04X}", b"\x80\xe0" + fid.to_bytes(2, "big") + bytes((len(data),)) + data)


def _make_ssse(station: Station, profile: Profile, person: demo.Demo, secrets: Secrets) -> tuple[SsseKeys, bytes]:
    """Write the environment; its keys, and the card's identification code."""
    structure, suite = profile.ssse, profile.suite
    if structure is None:
        raise ValueError("the profile has no social-security environment")
    names = [generation_name(key.name, n) for key in structure.keys for n in range(1, key.generations + 1)]
    roots = {name: person.secret(f"{suite.value} {name}", root_length(name, suite)) for name in names}
    keys = {name: social.card_key(suite, root, demo.AREA, person.historical) for name, root in roots.items()}
    code = demo.certificate_code(suite, keys["IRK"], person.values["identification_code"])
    own = {"specification_version": structure.version, "identification_code": code}
    values: dict[str, Value] = {**FILE_VALUES, **person.values, **own}
    SsseMaker(station, structure, suite, secrets.ssse_first).run(keys, values, demo.PIN, secrets.ssse_final)
    made = SsseKeys(suite, demo.AREA, secrets.ssse_final, roots, medical_type=profile.medical_type)
    return made, bytes.fromhex(code)


def root_length(name: str, suite: Suite) -> int:
    """STK keys of a DES card are single-length (SSC part 9 annex B)."""
    return 8 if name.startswith("STK") and suite is Suite.DES else 16


def _make_pse(station: Station, profile: Profile, person: demo.Demo, secrets: Secrets) -> tuple[PseKeys, BankKeys]:
    if profile.pse is None:
        raise ValueError("the profile has no payment environment")
    mdks = [person.secret(name) for name in ("MDK_AC", "MDK_MAC", "MDK_ENC")]
    ca = person.rsa("ca")
    card = BankCard(
        pan=person.pan,
        psn=demo.PSN,
        holder=person.name,
        person_number=person.values["social_security_number"],
        issued=demo.ISSUED,
        expires=demo.EXPIRES,
        mdk_ac=mdks[0],
        mdk_mac=mdks[1],
        mdk_enc=mdks[2],
        ca=ca,
        ca_index=demo.CA_INDEX,
        issuer=person.rsa("issuer"),
        icc=person.rsa("icc"),
        certificate_expiry=demo.CERTIFICATE_EXPIRY,
        offline_pin=demo.PIN if profile.offline_pin else None,
    )
    PseMaker(station, profile.pse, secrets.kmc).run(card)
    public = CaKey(demo.RID, demo.CA_INDEX, ca.public.modulus, ca.public.exponent)
    return PseKeys(secrets.kmc, 1, secrets.keydata), BankKeys(mdks[0], mdks[1], mdks[2], (public,))
