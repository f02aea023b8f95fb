"""A whole card, from a virgin chip to an operational card, by its own commands alone; and its key file."""

from dataclasses import dataclass, field
from typing import Final

from cardsim.cos.masterkey import SET_OF_THREE, Algorithm
from cardsim.crypto import pboc, scp02, social
from cardsim.crypto.social import Suite
from cardsim.iso7816.card import Card
from cardsim.keyfile import BankKeys, CaKey, CardKeys, Holder, KeyFile, PseKeys, SsseKeys, generation_name
from cardsim.making import demo
from cardsim.making.holder import FILE_VALUES
from cardsim.making.keyservice import (
    CARD_MASTER,
    PIN,
    PSE_SET,
    SSSE_FIRST,
    SSSE_MASTER,
    TRANSPORT,
    Certifying,
    HeldKeys,
    HeldPaymentKeys,
    LoadingKeys,
)
from cardsim.making.plan import Value
from cardsim.making.pse import PSE_NAME, BankCard, PseMaker
from cardsim.making.ssse import SSSE_NAME, SsseMaker, algorithm_of, key_length, master_head
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
    activate_with(card, secrets.transport, person.historical, switches=switches, choices=choices)
    return KeyFile(card=CardKeys(secrets.transport, secrets.master))


def activate_with(card: Card, transport: bytes, historical: bytes, *, switches: int = 0, choices: int = 0) -> None:
    """What the card's manufacturer does: transport key of the batch, profile switches, historical bytes of the ATR.

    Raises:
        MakingError: a step was refused.
    """
    station = Station(card)
    station.reset()
    data = transport + bytes((_TRIES,)) + switches.to_bytes(2, "big")
    if choices:
        data += choices.to_bytes(4, "big")
    data += historical
    header = bytes((0x80, 0xF0, 0x01 if choices else 0x00, 0x00))
    station.send("ACTIVATE", header + bytes((len(data),)) + data)
    card.power_off()


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
    own = _card_keys(secrets)
    load_card_master(station, own)
    ssse = pse = bank = None
    identification = b""
    if profile.ssse is not None:
        create_ssse(station, profile, own)
    if profile.pse is not None:
        create_pse(station, own, secrets.keydata)
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


def _card_keys(secrets: Secrets) -> HeldKeys:
    keys = scp02.diversify_kmc(secrets.kmc, secrets.keydata)
    named = {
        TRANSPORT: secrets.transport,
        CARD_MASTER: secrets.master,
        SSSE_FIRST: secrets.ssse_first,
        PSE_SET: keys.enc + keys.mac + keys.dek,
    }
    return HeldKeys(Suite.DES, named)


def load_card_master(station: Station, keys: LoadingKeys) -> None:
    """The card master key in the place of the transport key, and its rights (D1).

    Raises:
        MakingError: a step was refused.
    """
    station.reset()
    station.prove("EXTERNAL AUTHENTICATE (transport key)", keys, TRANSPORT)
    head = master_head(1, Algorithm.TDES, _TRIES)
    station.load("WRITE KEY 3F00", keys, _write_key(_MF), TRANSPORT, head, CARD_MASTER)
    prove_card_master(station, keys)


def prove_card_master(station: Station, keys: LoadingKeys) -> None:
    """The rights of the card master key: environments can be created.

    Raises:
        MakingError: a step was refused.
    """
    station.prove("EXTERNAL AUTHENTICATE (card master key)", keys, CARD_MASTER)


def create_ssse(station: Station, profile: Profile, keys: LoadingKeys) -> None:
    """The social-security environment with its first master key: the card master key has no power over it then (D2).

    Raises:
        MakingError: a step was refused.
    """
    structure = profile.ssse
    if structure is None:
        raise ValueError("the profile has no social-security environment")
    _create(station, SSSE_FID, structure.space // PAGE, 1, profile.suite, structure.directory_sfi, SSSE_NAME)
    head = master_head(1, algorithm_of(profile.suite), _TRIES)
    station.load(f"WRITE KEY {SSSE_FID:04X}", keys, _write_key(SSSE_FID), CARD_MASTER, head, SSSE_FIRST)


def create_pse(station: Station, keys: LoadingKeys, keydata: bytes) -> None:
    """The payment environment with its key set, as `create_ssse`; `keydata` has 10 bytes (D7).

    Raises:
        MakingError: a step was refused.
    """
    _create(station, PSE_FID, _PSE_PAGES, 2, Suite.DES, 0, PSE_NAME)
    head = master_head(1, Algorithm.TDES, _CHANNEL_TRIES, SET_OF_THREE, keydata)
    station.load(f"WRITE KEY {PSE_FID:04X}", keys, _write_key(PSE_FID), CARD_MASTER, head, PSE_SET)


def _write_key(fid: int) -> bytes:
    return b"\x84\xd4" + fid.to_bytes(2, "big")


def _create(station: Station, fid: int, pages: int, kind: int, suite: Suite, sfi: int, name: bytes) -> None:
    data = b"\x38" + pages.to_bytes(2, "big") + bytes((kind, suite.algorithm_id, sfi)) + b"\xff\xff" + name
    station.send(f"CREATE {fid:04X}", b"\x80\xe0" + fid.to_bytes(2, "big") + bytes((len(data),)) + data)


def _make_ssse(station: Station, profile: Profile, person: demo.Demo, secrets: Secrets) -> tuple[SsseKeys, bytes]:
    """Write the environment; its keys, and the card's identification code."""
    structure, suite = profile.ssse, profile.suite
    if structure is None:
        raise ValueError("the profile has no social-security environment")
    names = [generation_name(key.name, n) for key in structure.keys for n in range(1, key.generations + 1)]
    roots = {name: person.secret(f"{suite.value} {name}", key_length(name, suite)) for name in names}
    keys = {name: social.card_key(suite, root, demo.AREA, person.historical) for name, root in roots.items()}
    code = demo.certificate_code(suite, keys["IRK"], person.values["identification_code"])
    own = {"specification_version": structure.version, "identification_code": code}
    values: dict[str, Value] = {**FILE_VALUES, **person.values, **own}
    keys |= {SSSE_FIRST: secrets.ssse_first, SSSE_MASTER: secrets.ssse_final, PIN: bytes.fromhex(demo.PIN)}
    SsseMaker(station, structure, suite, HeldKeys(suite, keys)).run(values)
    made = SsseKeys(suite, demo.AREA, secrets.ssse_final, roots, medical_type=profile.medical_type)
    return made, bytes.fromhex(code)


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
        certificate_expiry=demo.CERTIFICATE_EXPIRY,
        offline_pin=profile.offline_pin,
    )
    keys = HeldPaymentKeys(
        secrets.kmc,
        b"".join(pboc.derive_udk(mdk, card.pan, card.psn) for mdk in mdks),
        Certifying(ca, demo.CA_INDEX, person.rsa("issuer")),
        person.rsa("icc"),
        demo.PIN if profile.offline_pin else None,
    )
    PseMaker(station, profile.pse, keys).run(card)
    public = CaKey(demo.RID, demo.CA_INDEX, ca.public.modulus, ca.public.exponent)
    return PseKeys(secrets.kmc, 1, secrets.keydata), BankKeys(mdks[0], mdks[1], mdks[2], (public,))
