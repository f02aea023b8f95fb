"""Faults of the payment environment: selection, records, data objects, personalisation."""

from collections.abc import Callable
from typing import Final

from cardsim.assembly import CardModel
from cardsim.cos.dispatch import Level, Row
from cardsim.cos.environment import Handler
from cardsim.cos.files import ROOT, FileFlag
from cardsim.cos.table import Phase
from cardsim.crypto import ciphers, padding, pboc, scp02
from cardsim.defects.defect import Apply, Side, answering, around, nothing, on_levels, on_pse, put, table
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.iso7816.tlv import ber
from cardsim.pse import commands
from cardsim.pse.application import DGI_KEYS, Application
from cardsim.pse.environment import Pse
from cardsim.pse.memory import Channel
from cardsim.pse.perso import Personalisation

_MAC_SIZE: Final = 8
_GET_DATA: Final = b"\x80\xca"


def _handler(name: str, wrap: Callable[[Pse, Handler], Handler]) -> Apply:
    """A defect in one handler of PSE, by the name of its method."""
    return on_pse(lambda pse: around(pse, name, lambda handler: wrap(pse, handler)))


def _status(name: str, right: int, wrong: int) -> Apply:
    return _handler(name, lambda _pse, handler: answering(lambda sw: wrong if sw == right else sw)(handler))


def _on_perso(change: Callable[[Pse, Personalisation], None]) -> Apply:
    """A defect of personalisation."""
    return on_pse(lambda pse: change(pse, pse._personalisation))


# --- selection and data ----------------------------------------------------------------------------------------------


def _transaction_survives(pse: Pse) -> None:
    def wrap(select: Callable[[int], bytes]) -> Callable[[int], bytes]:
        def changed(df: int) -> bytes:
            kept, before = pse.ram.transaction, pse.ram.df
            fci = select(df)
            if df == before:
                pse.ram.transaction = kept
            return fci

        return changed

    around(pse, "select_df", wrap)


def _fci_bare(pse: Pse) -> None:
    def wrap(select: Callable[[int], bytes]) -> Callable[[int], bytes]:
        def changed(df: int) -> bytes:
            fci = select(df)
            return fci if df != ROOT else ber(0x6F, ber(0x84, pse.files.index.files[ROOT].name))

        return changed

    around(pse, "select_df", wrap)


def _fci_shows_whole_name(pse: Pse) -> None:
    def wrap(select: Callable[[int], bytes]) -> Callable[[int], bytes]:
        def changed(df: int) -> bytes:
            name = pse.files.index.files[df].name
            return select(df).replace(ber(0x84, name), ber(0x84, name[:-1] + b"\x00"))

        return changed

    around(pse, "select_df", wrap)


def _get_data_at_pse(card: CardModel) -> None:
    def get_data(p1: int, p2: int, data: bytes, le: int) -> bytes:
        for environment in card.environments.values():
            if isinstance(environment, Pse):
                return environment._get_data(p1, p2, data, le)
        raise StatusError(status.REFERENCE_NOT_FOUND)

    def change(level: Level) -> None:
        if b"\x80\xd8" in level.rows:
            level.rows[_GET_DATA] = Row(commands.GET_DATA, get_data)
            level.instructions = level.instructions | {_GET_DATA[1]}

    on_levels(change)(card)


def _gives_keys(pse: Pse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        application = pse.application()
        keys = application.object(DGI_KEYS) if p1 << 8 | p2 == DGI_KEYS else None
        return ber(DGI_KEYS, keys) if keys and application.df.issued else handler(p1, p2, data, le)

    return changed


def _gives_unlisted(pse: Pse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        try:
            return handler(p1, p2, data, le)
        except StatusError:
            application, tag = pse.application(), p1 << 8 | p2
            found = application.parameters.data.get(tag) if application.df.issued else None
            if found is None:
                raise
            return ber(tag, found)

    return changed


def _value_alone(_pse: Pse, handler: Handler) -> Handler:
    return lambda p1, p2, data, le: handler(p1, p2, data, le)[3:]


def _short_le(_pse: Pse, handler: Handler) -> Handler:
    return lambda p1, p2, data, le: handler(p1, p2, data, le)[:le]


def _record_bare(_pse: Pse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        record = handler(p1, p2, data, le)
        if record[:1] != b"\x70":
            return record
        return record[3:] if record[1] == 0x81 else record[2:]

    return changed


# --- personalisation -------------------------------------------------------------------------------------------------


def _no_channel(_pse: Pse, perso: Personalisation) -> None:
    def plain(data: bytes) -> bytes:
        perso._application()
        return data

    put(perso, "_plain", plain)


def _plain_allowed(pse: Pse, perso: Personalisation) -> None:
    def plain(data: bytes) -> bytes:
        perso._application()
        perso._session()
        return data[:-_MAC_SIZE] if pse.ram.channel.level else data

    put(perso, "_plain", plain)


def _c_mac(length: int) -> Callable[[Pse, Personalisation], None]:
    """So many bytes of the C-MAC are compared."""

    def change(pse: Pse, perso: Personalisation) -> None:
        def wrap(protected: Callable[..., bytes]) -> Callable[..., bytes]:
            def changed(ins: int, p1: int, p2: int, data: bytes) -> bytes:
                channel = pse.ram.channel
                if channel.keys is None or not channel.open:
                    return protected(ins, p1, p2, data)
                body, mac, keys = data[:-_MAC_SIZE], data[-_MAC_SIZE:], channel.keys
                try:
                    text = padding.unpad80(ciphers.des_cbc_decrypt(keys.enc, body)) if channel.level & 2 else body
                except ValueError:
                    return protected(ins, p1, p2, data)
                message = bytes((0x84, ins, p1, p2, len(text) + _MAC_SIZE)) + text
                right = scp02.command_mac(keys.mac, message, scp02.encrypt_icv(keys.mac, channel.mac))
                return protected(ins, p1, p2, body + (right if right[:length] == mac[:length] else mac))

            return changed

        around(perso, "_protected", wrap)

    return change


def _channel_stays(pse: Pse, perso: Personalisation) -> None:
    def wrap(protected: Callable[..., bytes]) -> Callable[..., bytes]:
        def changed(ins: int, p1: int, p2: int, data: bytes) -> bytes:
            channel = pse.ram.channel
            try:
                return protected(ins, p1, p2, data)
            except StatusError:
                pse.ram.channel = channel
                raise

        return changed

    around(perso, "_protected", wrap)


def _keys_unchecked(_pse: Pse, perso: Personalisation) -> None:
    put(perso, "_keys_checked", lambda _application: True)


def _issues_anything(pse: Pse, perso: Personalisation) -> None:
    def issue(application: Application) -> None:
        pse.files.set_file_flags(application.df, application.df.flags | FileFlag.ISSUED)
        if pse.phase is not Phase.ISSUED:
            pse.files.set_phase(Phase.ISSUED)

    put(perso, "_issue", issue)


def _never_issues(_pse: Pse, perso: Personalisation) -> None:
    put(perso, "_issue", nothing)


def _open_after_issue(pse: Pse, perso: Personalisation) -> None:
    put(perso, "_application", pse.application)


def _any_block(pse: Pse, perso: Personalisation) -> None:
    def wrap(store: Callable[..., bytes]) -> Callable[..., bytes]:
        return lambda p1, _p2, data: store(p1, pse.ram.channel.block, data)

    around(perso, "_store_data", wrap)


def _any_host(pse: Pse, perso: Personalisation) -> None:
    def wrap(authenticate: Handler) -> Handler:
        def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
            channel = pse.ram.channel
            if channel.keys is not None:
                sequence = pse.master.sequence.to_bytes(2, "big")
                host, card = channel.host_challenge, channel.card_challenge
                head = scp02.host_cryptogram(channel.keys.enc, host, sequence, card)
                message = bytes((0x84, 0x82, p1, 0, 16)) + head
                data = head + scp02.command_mac(channel.keys.mac, message, bytes(8))
            return authenticate(p1, p2, data, le)

        return changed

    around(perso, "_authenticate", wrap)


def _put_key_unchecked(pse: Pse, perso: Personalisation) -> None:
    def wrap(put_key: Callable[..., bytes]) -> Callable[..., bytes]:
        def changed(p1: int, data: bytes) -> bytes:
            session, body = perso._session(), bytearray(data)
            for at in range(1, len(body) - 21, 22):
                key = scp02.dek_decrypt(session.dek, bytes(body[at + 2 : at + 18]))
                body[at + 19 : at + 22] = pboc.key_check_value(key)
            answer: bytes = put_key(p1, bytes(body))
            pse.ram.channel = Channel()
            return answer

        return changed

    around(perso, "_put_key", wrap)


PSE: Final = table(
    Side.PSE,
    (
        ("transaction-survives-select", "PBOC-SEL-021",
         "Selecting the application again does not end the transaction.", on_pse(_transaction_survives)),
        ("pse-fci-bare", "PBOC-SEL-001, PBOC-SEL-002", "The FCI of PSE has no template A5.", on_pse(_fci_bare)),
        ("fci-wrong-name", "PBOC-SEL-009, PBOC-FCI-001", "The FCI gives another name than that of the DF.",
         on_pse(_fci_shows_whole_name)),
        ("pse-record-missing-6A82", "PBOC-REC-003, PBOC-SEL-005",
         "READ RECORD answers 6A82 where a record of the payment environment is missing.",
         _status("_read_record", status.RECORD_NOT_FOUND, status.FILE_NOT_FOUND)),
        ("pse-file-missing-6A83", "PBOC-REC-004",
         "READ RECORD answers 6A83 where a file of the payment environment is missing.",
         _status("_read_record", status.FILE_NOT_FOUND, status.RECORD_NOT_FOUND)),
        ("record-without-template", "PBOC-REC-001", "READ RECORD leaves the template 70 out.",
         _handler("_read_record", _record_bare)),
        ("short-le-served", "PBOC-T0-003",
         "READ RECORD with an Le that is too small gives the beginning of the record.",
         _handler("_read_record", _short_le)),
        ("get-data-at-pse", "PBOC-SEL-023", "GET DATA exists while PSE itself is selected.", _get_data_at_pse),
        ("get-data-gives-keys", "PBOC-GDT-010, SSC4-7.4-01",
         "GET DATA with tag 8000 gives the keys of the application.", _handler("_get_data", _gives_keys)),
        ("get-data-unlisted", "PBOC-GDT-009", "GET DATA gives every data object that a record holds.",
         _handler("_get_data", _gives_unlisted)),
        ("get-data-value-alone", "PBOC-GDT-001", "GET DATA gives the value without tag and length.",
         _handler("_get_data", _value_alone)),
        ("get-data-missing-6A82", "PBOC-GDT-009", "GET DATA of an unknown tag is answered 6A82 and not 6A88.",
         _status("_get_data", status.REFERENCE_NOT_FOUND, status.FILE_NOT_FOUND)),
        ("channel-not-needed", "PBOC-PER-008",
         "STORE DATA and CREATE work without a channel.", _on_perso(_no_channel)),
        ("plain-in-channel", "PBOC-PER-007, D7", "Commands without a MAC are taken in a channel that asks for one.",
         _on_perso(_plain_allowed)),
        ("c-mac-ignored", "PBOC-PER-007", "The C-MAC is not looked at.", _on_perso(_c_mac(0))),
        ("c-mac-four-bytes", "PBOC-CRY-016, PBOC-PER-007", "The C-MAC is compared in four bytes.",
         _on_perso(_c_mac(4))),
        ("wrong-c-mac-keeps-channel", "PBOC-PER-007", "A wrong C-MAC does not end the channel.",
         _on_perso(_channel_stays)),
        ("host-not-authenticated", "PBOC-PER-005", "Any host cryptogram opens the channel.", _on_perso(_any_host)),
        ("channel-tries-unlimited", "PBOC-PER-005, D13", "Failures to open the channel are not counted.",
         on_pse(lambda pse: put(pse.master, "lower", lambda: pse.master.tries - 1))),
        ("channel-sequence-stays", "PBOC-PER-001, PBOC-CRY-014", "The sequence counter of the channel does not rise.",
         on_pse(lambda pse: put(pse.master, "count", nothing))),
        ("block-number-ignored", "PBOC-PER-009", "STORE DATA takes its blocks in any order.", _on_perso(_any_block)),
        ("kcv-not-checked", "PBOC-PER-021", "Keys are not compared with their check values.",
         _on_perso(_keys_unchecked)),
        ("put-key-kcv-not-checked", "PBOC-PER-033", "PUT KEY does not compare the keys with their check values.",
         _on_perso(_put_key_unchecked)),
        ("issue-incomplete", "PBOC-PER-029", "An application can be issued without its mandatory data.",
         _on_perso(_issues_anything)),
        ("never-issued", "PBOC-PER-028", "The last STORE DATA does not issue the application.",
         _on_perso(_never_issues)),
        ("channel-after-issue", "PBOC-PER-030, D7", "The channel can be opened in an application that is issued.",
         _on_perso(_open_after_issue)),
    ),
)  # fmt: skip
"""Faults of data and personalisation."""
