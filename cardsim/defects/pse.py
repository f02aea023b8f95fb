"""Faults of the payment environment: selection, records, data objects."""

from collections.abc import Callable
from typing import Final

from cardsim.assembly import CardModel
from cardsim.cos.dispatch import Level, Row
from cardsim.cos.environment import Handler
from cardsim.cos.files import ROOT
from cardsim.defects.defect import Apply, Side, answering, around, on_levels, on_pse, table
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.iso7816.tlv import ber
from cardsim.pse import commands
from cardsim.pse.application import DGI_KEYS
from cardsim.pse.environment import Pse

_MAC_SIZE: Final = 8
_GET_DATA: Final = b"\x80\xca"


def _handler(name: str, wrap: Callable[[Pse, Handler], Handler]) -> Apply:
    """A defect in one handler of PSE, by the name of its method."""
    return on_pse(lambda pse: around(pse, name, lambda handler: wrap(pse, handler)))


def _status(name: str, right: int, wrong: int) -> Apply:
    return _handler(name, lambda _pse, handler: answering(lambda sw: wrong if sw == right else sw)(handler))


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
    ),
)  # fmt: skip
"""Faults of selection and data."""
