"""The transaction log (交易明细): a cyclic file whose records have the form that 9F4F says (PBOC part 5)."""

from cardsim.cos.files import FileType
from cardsim.pse.application import ATC_AT, Application
from cardsim.pse.transaction import TransactionCommands


class TransactionLog(TransactionCommands):
    """What is written when a transaction is booked."""

    def append(self, application: Application, counters: bytes, first: bytes, second: bytes) -> None:
        """Add a record to the transaction log: from CDOL1, CDOL2, PDOL, card data, or zeros (PBOC-LOG-008)."""
        files, parameters = self._pse.files, application.parameters
        log = next(
            (f for f in files.index.files if f.parent == application.df.index and f.type is FileType.CYCLIC), None
        )
        if log is None:
            return
        card = {**parameters.data, 0x9F36: counters[ATC_AT : ATC_AT + 2]}
        record = bytearray()
        for tag, place in parameters.log_format.places.items():
            length = place.stop - place.start
            value = (
                parameters.cdol1.value(tag, first)
                or parameters.cdol2.value(tag, second)
                or parameters.pdol.value(tag, self._transaction.pdol_data)
                or card.get(tag, b"")
            )
            record += value[:length].ljust(length, b"\0")
        self._pse.records.append(log, bytes(record[: log.record_length]).ljust(log.record_length, b"\0"))
