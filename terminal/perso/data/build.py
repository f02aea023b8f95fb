"""Values by column name as the internal records, and back: the one place that knows which column is which field."""

from collections.abc import Mapping
from typing import Final

from terminal.perso.data.layouts import FileKind
from terminal.perso.data.names import whole_name, with_split_name
from terminal.perso.records import Application, BankRecord, CardRecord, Order, OrderKind, SocialRecord, Text

Read = Application | SocialRecord | BankRecord | CardRecord
"""What a line of the four files becomes."""

_ORDER: Final = {
    "order": "number", "applied": "applied", "city": "city", "county": "county", "unit": "unit",
    "social_security_number": "person",
}  # fmt: skip
"""Columns of an order, and its fields."""
_BANK: Final = {
    "order": "order", "social_security_number": "person", "name": "name", "sex": "sex", "pan": "pan", "psn": "psn",
    "account": "account", "account_opened": "issued", "account_expires": "expires", "outlet": "outlet",
}  # fmt: skip
"""Columns of the bank's half, and its fields."""
_BANK_ALONE: Final = frozenset({"pan", "psn", "account", "account_opened", "account_expires", "outlet"})
_NOT_ON_CARD: Final = frozenset({"order", "kind", "applied", "applied_by", "city", "county", "unit"})


def build(kind: FileKind, values: Mapping[str, Text], photo: bytes) -> Read:
    """The record of a line whose values are right."""
    match kind:
        case FileKind.APPLICATIONS:
            return _application(values, photo)
        case FileKind.SOCIAL:
            return _social(values, photo)
        case FileKind.BANK:
            return _bank(values)
        case FileKind.MATCHED:
            own = {name: value for name, value in values.items() if name not in _BANK_ALONE}
            return CardRecord(_social(own, photo), _bank(values))


def columns_of(record: Read) -> tuple[dict[str, Text], bytes]:
    """The values of a record by column name, and its photo.

    Raises:
        ValueError: a matched record without either half.
    """
    match record:
        case Application():
            own: dict[str, Text] = {"kind": record.kind.value, "city": record.city, "county": record.county}
            own |= {"unit": record.unit} | ({"applied_by": record.employer} if record.employer else {})
            return {**_on_file(record.values), **own}, record.photo
        case SocialRecord():
            order = {column: str(getattr(record.order, name)) for column, name in _ORDER.items()}
            return {**_on_file(record.values), **order, "kind": record.order.kind.value}, record.photo
        case BankRecord():
            return {column: str(getattr(record, name)) for column, name in _BANK.items()}, b""
        case CardRecord():
            if record.social is None or record.bank is None:
                raise ValueError("a matched file has cards with both halves alone")
            values, photo = columns_of(record.social)
            return {**columns_of(record.bank)[0], **values}, photo


def _on_card(values: Mapping[str, Text]) -> dict[str, Text]:
    kept = {name: value for name, value in values.items() if name not in _NOT_ON_CARD}
    return with_split_name(kept, str(values["name"]))


def _on_file(values: Mapping[str, Text]) -> dict[str, Text]:
    kept = {name: value for name, value in values.items() if name != "name_extension" and value != ""}
    return {**kept, "name": whole_name(values)}


def _application(values: Mapping[str, Text], photo: bytes) -> Application:
    text = {name: str(values[name]) for name in ("kind", "city", "county", "unit")}
    by = str(values.get("applied_by", ""))
    return Application(OrderKind(text["kind"]), _on_card(values), text["city"], text["county"], text["unit"], by, photo)


def _social(values: Mapping[str, Text], photo: bytes) -> SocialRecord:
    fields = {name: str(values[column]) for column, name in _ORDER.items()}
    return SocialRecord(Order(kind=OrderKind(str(values["kind"])), **fields), _on_card(values), photo)


def _bank(values: Mapping[str, Text]) -> BankRecord:
    return BankRecord(**{name: str(values[column]) for column, name in _BANK.items()})
