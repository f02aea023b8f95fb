"""Sealed files: signed by the sender, then enclosed for the receiver (PERSO-056, PERSO-057).

What is enclosed begins with two lines, so that `openssl cms -decrypt` and `tail -n +3` give the content:

    CARDTERM-TRANSFER 1 {"name": …, "kind": …, "sender": …, "receiver": …, "made": …, "count": …, "sha256": …}
    base64 of the sender's signature over the first line
    content
"""

import base64
import binascii
import enum
import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from terminal.perso.transfer.errors import TransferError
from terminal.perso.transfer.keys import Addressee, Opener

_MAGIC: Final = b"CARDTERM-TRANSFER 1 "
NAME: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,99}")
"""Names of files on the line."""
_LONGEST_LINE: Final = 4096


class Kind(enum.Enum):
    """What a file holds."""

    APPLICATIONS = "applications"
    BATCH = "batch"
    FEEDBACK = "feedback"
    LIST = "list"
    """A list for people or programs, counted by its sender alone."""
    RECEIPT = "receipt"
    """What became of a file that was received (PERSO-138)."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the sender says of a file. `count` is the number of records, `made` the sender's time."""

    name: str
    kind: Kind
    sender: str
    receiver: str
    made: datetime
    count: int
    sha256: str
    """Of the content, in hex."""


def seal(
    content: bytes, name: str, kind: Kind, count: int, own: Opener, receiver: Addressee, now: datetime
) -> bytes:  # fmt: skip
    """Sign a file and enclose it for its receiver.

    Raises:
        TransferError: the name is no file name of 1 to 100 letters, digits, `.`, `_`, `-`; or a key is too short or too
            old.
    """
    if not NAME.fullmatch(name):
        raise TransferError(f"{name!r} is no name for a file on the line; letters, digits and ._- are allowed")
    own.usable(now)
    receiver.usable(now)
    head = {
        "name": name, "kind": kind.value, "sender": own.owner, "receiver": receiver.party,
        "made": now.isoformat(timespec="seconds"), "count": count, "sha256": hashlib.sha256(content).hexdigest(),
    }  # fmt: skip
    line = _MAGIC + json.dumps(head, ensure_ascii=False).encode()
    return receiver.enclose(b"\n".join((line, base64.b64encode(own.sign(line)), content)))


def unseal(sealed: bytes, own: Opener, sender: Addressee, now: datetime) -> tuple[Header, bytes]:
    """Open a file: what its sender says of it, and the content.

    Raises:
        TransferError: it is not sealed, not for this party, not signed by that sender, or was changed on its way; or a
            key is too short or too old.
    """
    own.usable(now)
    sender.usable(now)
    try:
        line, signature, content = own.open(sealed).split(b"\n", 2)
        signed = len(line) <= _LONGEST_LINE and sender.signed(line, base64.b64decode(signature, validate=True))
    except (ValueError, binascii.Error):
        raise TransferError("what was enclosed is no signed file; the sender must seal it anew") from None
    if not signed or not line.startswith(_MAGIC):
        raise TransferError(f"the file is not signed by {sender.party}")
    header = _header(line.removeprefix(_MAGIC))
    if (header.sender, header.receiver) != (sender.party, own.owner):
        raise TransferError(f"{header.name} is from {header.sender} for {header.receiver}; it is not taken here")
    if hashlib.sha256(content).hexdigest() != header.sha256:
        raise TransferError(f"{header.name} is not the content that {header.sender} has signed")
    return header, content


def _header(line: bytes) -> Header:
    try:
        said = json.loads(line)
        header = Header(
            str(said["name"]), Kind(said["kind"]), str(said["sender"]), str(said["receiver"]),
            datetime.fromisoformat(said["made"]), int(said["count"]), str(said["sha256"]),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError) as error:
        raise TransferError("the signed line of the file is not as this program writes it") from error
    if not NAME.fullmatch(header.name):
        raise TransferError("the file's name is none that is allowed on the line")
    return header
