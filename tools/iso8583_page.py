"""Writes docs/iso8583.md: the messages between terminal, switch and bank, from the tables that encode them."""

from typing import Final

from terminal.hosts.iso8583.fields import FIELDS, Field
from terminal.hosts.iso8583.kinds import ROWS
from terminal.hosts.switchbook import DIRECTIONS, Direction

_BEFORE: Final = """# ISO 8583 between terminal, switch and bank

{notice}
The field map is our own: numbers and meanings are those of ISO 8583:1987, numerals are packed (BCD) as Chinese
point-of-sale terminals have them, and what the standard leaves to the parties is as told here. `terminal/hosts/iso8583`
reads and writes by these tables; terminal, switch and bank use the same code, so whoever writes a host or terminal of
his own can try it against either end.

## Frame

    length    TPDU                header                message
    LL LL     60 dd dd ss ss      60 31 0R 31 00 01     type, bitmap, fields

The length has two bytes, the higher one first, and counts all that follows it, at most 8192. `dd dd` is the address of
the receiver and `ss ss` that of the sender; an answer has them the other way round. R is what the host requires:
0 nothing, 3 sign on again. The message begins with two bytes of message type and eight of bitmap; eight more follow
where a field above 64 is there.

## Messages

The answer's type is ten more than the request's. 60.1 and 60.3 are parts of field 60.
"""

_AFTER: Final = """
## Fields

`n` digits, two a byte; `z` digits and D; `an` ASCII; `b` bytes. Two dots: one byte of length; three: two bytes, both
BCD. A fixed odd number of digits has a 0 in front, a variable one a 0 behind. The length of `n` and `z` counts
digits.

| field | format | name | content |
|---|---|---|---|
"""

_END: Final = """
A request has 7, 11, 12, 13, 41, 42 and 60. What is about a card has 2, 3, 4, 22, 25, 49 and, where there is something
to say, 14, 23, 26, 35, 52, 53, 55, 62, 63 and 103. What refers to an earlier message has 90, and its 11, 12 and 13
are those of that message. An answer repeats 11, 12, 13, 41 and 60; besides it has 39, 44, and what the host has to
say in 28, 37, 38, 54, 55, 63, 74, 76, 86, 88. A field that is not in the table makes a message malformed.

A transaction is named by terminal (41), date (60.2) and trace number (11); the host posts it once, however often it
comes.

## Keys and MACs

A station is who stands at the other end of a line: a terminal (field 41), or an institution that forwards (field 33).
Each has a master key: 3DES, under the root of the network file for terminals or for institutions, of its name and of
the complement of its name, eight characters filled with blanks.

Sign-on (0800) has no MAC. Its answer has in field 62 the working keys of the line, each of 16 bytes: PIN key under the
master key, check value, MAC key under the master key, check value; 40 bytes. A check value is the first four bytes of
eight zeros enciphered under the key. Every sign-on gives new keys and ends the old ones.

All other messages end with a MAC of eight bytes, in field 64, or in 128 where a field above 64 is there. It is ANSI
X9.19 under the MAC key over all from the message type to the byte before the MAC, filled with zeros: DES in CBC mode
with the left half of the key, the last block with 3DES. (The POS standard's ECB form, which XORs all blocks first,
does not notice blocks that change places; so it was not taken.)

PIN blocks are of ISO 9564 format 0. The gateway of each host deciphers them with the PIN key of the line and enciphers
them with that of its host's zone; so does the switch on the way to a bank.

## What is refused

| what | answer |
|---|---|
| the terminal or institution is not in the network file | 97 |
| no sign-on before, or a wrong MAC | A0 without a MAC, and R is 3: sign on again and repeat |
| a field is missing, malformed, or does not go with another one | 30 |
| it cannot be told whose message it is | none; the log says why |
| the host failed | 96 |

A terminal takes an answer without a MAC only if it refuses. What it cannot read counts as no answer.

## The switch

It finds the issuer by the longest BIN of the network file and passes all fields on unchanged but the PIN block. No
such issuer: 15. A bank that is not reached: 91 for what asks; the switch then tells the bank to reverse the request,
which may have arrived. What only tells (confirmation, upload, reversal, script result) is answered 00, kept in the
book, and delivered before anything else is sent to that bank.

| transaction of one bank's card at another bank's terminal | who owes |
|---|---|
"""

_CLEARING: Final = """
The clearing file of a day has lines of values with commas between them; amounts are in fen. It holds all that was
approved and not cleared before; a reversal of what was cleared already is a line of its own with a negative amount.

| line | values |
|---|---|
| `H` | day |
| `D` | day, terminal, trace, way (online, offline, correction), transaction, amount, acquirer, issuer, PAN, reference |
| `T` | bank, how many transactions it acquired and issued, net amount: what it receives, or pays if negative |
| `E` | number and sum of all transactions |

## The social-security host

Its line has one JSON object a line (UTF-8), both ways; the messages are those of `terminal/messages/social.py`. Bytes
are in hex, dates in ISO 8601, amounts in fen. `id` is the sender's and comes back.

```text
{"id":1,"message":"CheckCard","fields":{"card":{"identification":"5199…","number":"A00000001","person":"","name":""}}}
{"id":1,"answer":"CardChecked","fields":{"state":"valid","region":"519900"}}
```

This line is neither sealed nor enciphered: it is for one machine or one's own network.
"""

_OWES: Final = {
    Direction.ISSUER_PAYS: "the issuer pays the acquirer",
    Direction.ACQUIRER_PAYS: "the acquirer pays the issuer",
    Direction.NOBODY: "nobody",
}


def _row(field: Field) -> str:
    return f"| {field.number} | `{field.notation}` | {field.name} | {field.content} |"


def page(notice: str) -> str:
    """The whole page."""
    kinds = ["", "| message | request | answer | 60.1 | 60.3 |", "|---|---|---|---|---|"]
    kinds += [f"| {row.kind.value} | {row.mti} | {row.answer} | {row.code} | {row.network} |" for row in ROWS]
    owed = [f"| {kind.name.lower().replace('_', ' ')} | {_OWES[direction]} |" for kind, direction in DIRECTIONS.items()]
    parts = [_BEFORE.format(notice=notice), "\n".join(kinds), "\n", _AFTER, "\n".join(map(_row, FIELDS)), "\n"]
    return "".join([*parts, _END, "\n".join(owed), "\n", _CLEARING])
