"""Online update of a card (联机更新): the terminal's right, then everything in one answer (TRM-108 to TRM-110)."""

from sqlalchemy import select

from terminal.hosts.social.codes import Code, Refusal
from terminal.hosts.social.desk import Desk, holder_of, valid_card
from terminal.hosts.social.tables import ITEMS
from terminal.messages.social import FileWrite, RequestUpdate, UpdateData


def request_update(desk: Desk, message: RequestUpdate) -> UpdateData:
    """All that the card is to hold in the named files, in one answer; for all files where none is named.

    Raises:
        Refusal: the terminal has no right to it (TRM-109), or the card is not valid.
    """
    if not message.terminal.startswith(desk.rules.update_terminals):
        raise Refusal(Code.NO_RIGHT, "the terminal has no right to online updates")
    person = holder_of(valid_card(desk, message.card))
    items = desk.books.execute(select(ITEMS).where(ITEMS.c.person == person).order_by(ITEMS.c.file, ITEMS.c.tag))
    return UpdateData(
        tuple(
            FileWrite(item.file, item.tag, bytes.fromhex(item.value))
            for item in items
            if not message.files or item.file in message.files
        )
    )


def offer_item(desk: Desk, person: str, item: FileWrite) -> None:
    """Let an item wait for the person's next online update, in the place of one of the same tag."""
    key = (ITEMS.c.person == person, ITEMS.c.file == item.file, ITEMS.c.tag == item.tag)
    desk.books.execute(ITEMS.delete().where(*key))
    row = {"person": person, "file": item.file, "tag": item.tag, "value": item.value.hex().upper()}
    desk.books.execute(ITEMS.insert(), row)
