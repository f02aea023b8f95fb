"""Faults of card management: the transport key, the card master key, and the end of its power."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from cardsim.assembly import CardModel
from cardsim.cos.environment import Handler
from cardsim.cos.masterkey import Algorithm, MasterKeySet, MasterKeySlot
from cardsim.cos.record import EnvironmentEntry, EnvironmentState
from cardsim.cos.states import CardState
from cardsim.cos.table import Phase
from cardsim.crypto import social
from cardsim.crypto.social import Suite
from cardsim.defects.defect import Apply, Side, around, meanwhile, nothing, on_mf, put, table
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError

_MF: Final = (0x3F, 0x00)


def _unkeyed(card: CardModel, handler: Handler) -> Handler:
    """A handler to which no environment seems to have a master key."""
    record = card.os.record

    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        real = record.environments

        def pretended() -> tuple[EnvironmentEntry, ...]:
            return tuple(replace(entry, state=EnvironmentState.CREATED) for entry in real())

        with meanwhile(record, environments=pretended):
            return handler(p1, p2, data, le)

    return changed


def _without_key(card: CardModel) -> None:
    put(card.os.mf, "_need_card_master_key", nothing)


def _with_transport_key(card: CardModel) -> None:
    mf = card.os.mf

    def need() -> None:
        if not mf.ram.authenticated:
            raise StatusError(status.SECURITY_NOT_SATISFIED)

    put(mf, "_need_card_master_key", need)


def _flag_late(card: CardModel) -> None:
    mf, record = card.os.mf, card.os.record

    def load(entry: EnvironmentEntry, keys: MasterKeySet) -> None:
        environment = card.environments[entry.slot]
        if not environment.accepts_master_key(keys):
            raise StatusError(status.WRONG_DATA)
        environment.master.store(keys)
        environment.files.set_phase(Phase.SET_UP)
        record.commit()
        record.put_environment(replace(entry, state=EnvironmentState.KEYED))

    put(mf, "_load_environment_key", load)


def _state_first(card: CardModel) -> None:
    record = card.os.record

    def wrap(store: Callable[..., Any]) -> Callable[..., Any]:
        def stored(keys: MasterKeySet) -> None:
            record.set_state(CardState.INITIALISED)
            record.commit()
            store(keys)

        return stored

    around(record.master, "store", wrap)


def _transport_lives(card: CardModel, handler: Handler) -> Handler:
    mf, record = card.os.mf, card.os.record

    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        challenge = mf.ram.challenge
        try:
            return handler(p1, p2, data, le)
        except StatusError:
            if not challenge or not record.transport.loaded:
                raise
            key = record.transport.load().keys[0]
            if social.authentication_data(Suite.DES, key, challenge, data[8:]) != data[:8]:
                raise
        mf._controlling_key().restore()
        record.commit()
        mf.ram.authenticated = True
        return b""

    return changed


def _stays_authenticated(card: CardModel, handler: Handler) -> Handler:
    mf = card.os.mf

    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        answer = handler(p1, p2, data, le)
        mf.ram.authenticated = True
        return answer

    return changed


def _mac(length: int) -> Apply:
    """So many bytes of the MAC of WRITE KEY are compared at the MF."""

    def apply(card: CardModel) -> None:
        mf = card.os.mf

        def wrap(opened: Callable[..., Any]) -> Callable[..., Any]:
            def changed(p1: int, p2: int, data: bytes) -> MasterKeySet:
                challenge = mf.ram.challenge
                if challenge:
                    key = mf._controlling_key().load().keys[0]
                    message = bytes((0x84, 0xD4, p1, p2, len(data))) + data[:-4]
                    right = social.master_mac4(Suite.DES, key, message, challenge)
                    if right[:length] == data[-4:][:length]:
                        data = data[:-4] + right
                return opened(p1, p2, data)  # type: ignore[no-any-return]

            return changed

        around(mf, "_open", wrap)

    return apply


def _challenge_stays(card: CardModel) -> None:
    mf = card.os.mf

    def take() -> bytes:
        if not mf.ram.challenge:
            raise StatusError(status.REFERENCE_DATA_UNUSABLE)
        return mf.ram.challenge

    put(mf, "_take_challenge", take)


def _never_lowered(card: CardModel) -> None:
    def change(slot: MasterKeySlot) -> None:
        put(slot, "lower", lambda: slot.tries - 1)

    for slot in (card.os.record.transport, card.os.record.master):
        change(slot)


def _never_restored(card: CardModel) -> None:
    put(card.os.record.master, "restore", nothing)
    put(card.os.record.transport, "restore", nothing)


def _survives_leaving(card: CardModel) -> None:
    mf = card.os.mf

    def wrap(enter: Callable[..., Any]) -> Callable[..., Any]:
        def entered(slot: int | None) -> None:
            authenticated = mf.ram.authenticated
            enter(slot)
            mf.ram.authenticated = authenticated

        return entered

    around(card.os, "_enter", wrap)


def _erase_keeps(card: CardModel, handler: Handler) -> Handler:
    record = card.os.record

    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        with meanwhile(record.master, clear=nothing), meanwhile(record, set_state=nothing):
            return handler(p1, p2, data, le)

    return changed


def _activate_again(card: CardModel, handler: Handler) -> Handler:
    record = card.os.record

    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        if record.state is not CardState.ACTIVATED:
            return handler(p1, p2, data, le)
        record.activate(int.from_bytes(data[17:19], "big"), data[19:])
        record.transport.store(MasterKeySet(0, Algorithm.TDES, data[16], (data[:16],)))
        return b""

    return changed


MASTER: Final = table(
    Side.CARD,
    (
        ("card-key-replaces-environment-key", "SSC4-5.2-02, SCHEME-055, D2",
         "The card master key can load an environment's master key again.", on_mf("WRITE KEY", _unkeyed)),
        ("card-key-deletes-keyed", "SSC4-5.2-02, D2",
         "The card master key can delete an environment that has its own master key.", on_mf("DELETE", _unkeyed)),
        ("card-key-erases-keyed", "D3, PERSO-043",
         "The whole card can be erased although an environment has its own master key.", on_mf("ERASE", _unkeyed)),
        ("create-keyed-6A89", "D2",
         "CREATE of an environment that has its own master key is answered 6A89 and not 6982.",
         on_mf("CREATE", _unkeyed)),
        ("create-without-key", "SSC4-5.2-01, PERSO-001",
         "Environments can be created and deleted without the card master key.", _without_key),
        ("transport-key-creates", "D1, PERSO-002",
         "The transport key can create environments.", _with_transport_key),
        ("transport-key-lives", "D1, SCHEME-052",
         "The transport key is accepted beside the card master key.",
         on_mf("EXTERNAL AUTHENTICATE", _transport_lives)),
        ("keyed-flag-late", "D2, SCHEME-055",
         "A power cut can leave an environment with its master key and still under the card master key.", _flag_late),
        ("card-state-before-key", "D1, D2",
         "A power cut can leave a card whose transport key has ended and that has no card master key.", _state_first),
        ("card-key-right-survives-change", "D1, PERSO-006",
         "The right of the replaced key stays after the card master key was loaded.",
         on_mf("WRITE KEY", _stays_authenticated)),
        ("card-key-right-survives-leaving", "D9",
         "The right of the card master key outlives a visit to an environment.", _survives_leaving),
        ("card-key-mac-ignored", "SSC4-7.3-01, D8",
         "The MAC of WRITE KEY is not looked at by the card itself.", _mac(0)),
        ("card-key-mac-three-bytes", "PBOC-CRY-016, D8",
         "The MAC of WRITE KEY is compared in three bytes by the card itself.", _mac(3)),
        ("card-key-challenge-reusable", "SSC5-6.5-03, SSC5-6.5-04",
         "A challenge of the MF can be used twice.", _challenge_stays),
        ("card-key-tries-unlimited", "PERSO-003, D13",
         "Failures of transport key and card master key are not counted.", _never_lowered),
        ("card-key-tries-not-restored", "SSC7-6.6-02",
         "A match does not give the tries of transport key and card master key back.", _never_restored),
        ("erase-keeps-card-key", "D3",
         "Erasing the whole card does not revive the transport key.", on_mf("ERASE", _erase_keeps)),
        ("activate-twice", "PERSO-001, D1",
         "A card that is activated can be activated again with another transport key.",
         on_mf("ACTIVATE", _activate_again)),
        ("status-never-operational", "D1, D2",
         "GET STATUS never says that the card is operational.",
         lambda card: put(card.os.mf, "card_state", lambda: card.os.record.state)),
    ),
)  # fmt: skip
"""Faults of card management."""
