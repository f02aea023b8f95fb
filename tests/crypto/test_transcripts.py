"""Transcripts of real cards and issuer responses seen in the field (fact sheet §7), taken apart by our own code.

They have no outputs to recompute; what can be computed of them stands elsewhere: certificates in `test_oda` (98, 99),
cryptograms in `test_emv` (162, 163), the MAC beside the balance of 133 in `test_pboc`.
"""

from collections.abc import Iterator

from cardsim.decode.commands import command_name
from cardsim.decode.explain import explain_answer
from cardsim.decode.items import PSE_ITEMS
from cardsim.decode.session import Session
from cardsim.decode.values import value_text
from cardsim.iso7816 import tlv
from cardsim.iso7816.apdu import CommandApdu, ResponseApdu
from tests.crypto.published import VECTORS, Vector, h, numbers, parses

UICC, BCTC = 132, 133
FORMAT_1 = 0x80
LOAD_LOG = 0xDF4D
"""Entry of the load log, which PBOC 3.0 added."""


def exchanges(vector: Vector) -> Iterator[tuple[CommandApdu, ResponseApdu]]:
    """Commands and responses of a transcript, 61xx and 6Cxx included."""
    lines = vector.inputs["exchange"]
    for sent, received in zip(lines[::2], lines[1::2], strict=True):
        assert (sent[:2], received[:2]) == ("> ", "< ")
        yield CommandApdu.parse(h(sent[2:])), ResponseApdu.parse(h(received[2:]))


def dol_values(dol: bytes, data: bytes) -> dict[int, bytes]:
    """The values of a data object list, which must fill the data."""
    values, offset = {}, 0
    for tag, length in tlv.parse_dol(dol):
        values[tag] = data[offset : offset + length]
        offset += length
    assert offset == len(data)
    return values


def check_selection(command: bytes, answer: bytes) -> None:
    """File control information names what was selected; a directory leads to applications with a name and a label."""
    if command[1:3] == b"\xa4\x04":
        assert tlv.find(answer, 0x6F, 0x84) == command[5 : 5 + command[4]]
        assert tlv.find(answer, 0x6F, 0xA5)
    if command[1] == 0xB2:
        for entry in (item for item in tlv.walk(answer) if item.tag == 0x61):
            assert (tlv.find(entry.value, 0x4F) or b"").startswith(h("A000000333"))
            assert tlv.find(entry.value, 0x50)


@parses(*(number for number in numbers("apdu_trace") if number != BCTC))
def test_transcript(number: int) -> None:
    """Every command has a name, every answer the length that was announced, every template is TLV to its end."""
    session, announced = Session(), 0
    for command, answer in exchanges(VECTORS[number]):
        if announced:
            assert (command.le, len(answer.data)) == (announced, announced)
        session.sent(bytes(command))
        session.answered(answer.sw.value)
        assert command_name(session.environment, command) != "unknown command"
        announced = answer.sw.sw2 if answer.sw.sw1 in (0x61, 0x6C) else 0
        if answer.sw.value != 0x9000:
            assert announced or answer.sw.value in (0x6A83, 0x6700)
            assert not answer.data
            continue
        lines = explain_answer(session.environment, session.command, answer.data)
        assert lines
        assert not any("not TLV" in line.name for line in lines)
        check_selection(session.command, answer.data)


@parses(BCTC)
def test_answers_without_commands(number: int) -> None:
    """This transcript prints what the card said alone: all of it data objects that we know."""
    for line in VECTORS[number].inputs["exchange"]:
        answer = ResponseApdu.parse(h(line.removeprefix("< ")))
        assert answer.sw.value in (0x9000, 0x6A83)
        tags = {item.tag for item in tlv.walk(answer.data)}
        assert tags <= {*PSE_ITEMS, LOAD_LOG}
        if FORMAT_1 in tags:
            assert tags == {FORMAT_1}


def test_whole_transaction_of_the_uicc_card() -> None:
    """File locator and records agree; both GENERATE AC carry what the card's lists ask for, 9F34 and 9B included."""
    vector = VECTORS[UICC]
    by_command = {bytes(command): answer.data for command, answer in exchanges(vector)}
    options = tlv.find(by_command[h("80A8000002830000")], FORMAT_1) or b""
    assert value_text(0x94, options[2:]) == (
        "SFI 1 records 1-3; SFI 2 records 1-5 (1 authenticated); SFI 4 records 1-1"
    )
    located = [
        h(f"00B2{record:02X}{options[at] + 4:02X}00")
        for at in range(2, len(options), 4)
        for record in range(options[at + 1], options[at + 2] + 1)
    ]
    commands = [h(line[2:]) for line in vector.inputs["exchange"][::2]]
    behind = commands[commands.index(h("80A8000002830000")) :]
    assert [command for command in behind if command[1] == 0xB2] == located
    lists = by_command[h("00B2011400")]
    for tag, header in ((0x8C, "80AE80"), (0x8D, "80AE40")):
        data = next(command for command in by_command if command.startswith(h(header)))[5:-1]
        values = dol_values(tlv.find(lists, 0x70, tag) or b"", data)
        assert values[0x9F37] == h("3510540E")
        assert value_text(0x95, values[0x95]).startswith("floor limit reached")


@parses(*numbers("tlv_blob"))
def test_issuer_response(number: int) -> None:
    """Authentication data of ten bytes, scripts whose commands are whole and carry a MAC."""
    items = tlv.parse(VECTORS[number].data("data"))
    values = {item.tag: item.value for item in items}
    assert set(values) <= {0x9F36, 0x91, 0x8A, 0x71, 0x72}
    assert len(values[0x91]) == 10
    if 0x8A in values:
        assert values[0x8A] in (values[0x91][8:], b"00")
    scripts = [item.value for item in items if item.tag in (0x71, 0x72)]
    assert scripts
    for script in scripts:
        inside = tlv.parse(script)
        assert {item.tag for item in inside} <= {0x9F18, 0x86}
        commands = [item.value for item in inside if item.tag == 0x86]
        assert commands
        for command in commands:
            check_script_command(command)


def check_script_command(command: bytes) -> None:
    """A command of an issuer script: secure messaging, Lc over all that follows, four bytes of MAC at its end."""
    parsed = CommandApdu.parse(command)
    assert parsed.cla & 0x04
    assert parsed.le is None
    match parsed.ins:
        case 0xDA:
            assert (parsed.p1 << 8 | parsed.p2, len(parsed.data)) == (0x9F79, 10)
            assert value_text(0x9F79, parsed.data[:6]).endswith("yuan")
        case 0x24:
            assert (parsed.p1, parsed.p2, len(parsed.data)) == (0, 1, 20)
        case _:
            assert (parsed.ins, len(parsed.data)) == (0x18, 4)
