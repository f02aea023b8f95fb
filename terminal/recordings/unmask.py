"""What was not recorded, computed again where that is possible, so that a recording without secrets still plays."""

from collections.abc import Sequence

from cardsim.crypto.pboc import pin_block_format2
from cardsim.decode import Environment
from cardsim.decode.session import Session
from cardsim.keyfile import Holder
from terminal.flows.social.pin import pin_bcd
from terminal.links.recording import Recorded
from terminal.recordings.writing import HOMES
from terminal.slots import Slot

_VERIFY = 0x20
_PLAIN_PIN = 0x80
_CIPHER_DATA = (0x80, 0xFA, 0x00)
_AUTHENTICATE = ((0x00, 0x82), (0x00, 0x88))
_RANDOM = 8
"""Bytes of the random number that an authentication enciphers."""


def restored(events: Sequence[Recorded], holder: Holder | None) -> list[bytes | None]:
    """The commands of a recording, byte for byte; None for what is no command or cannot be computed again.

    - VERIFY gets the holder's PIN of the key file; where the card said 63Cx, a PIN that is wrong.
    - CIPHER DATA of a PSAM that enciphers for an authentication gets the random number that the card was shown next.
    """
    sessions = {slot: Session(HOMES[slot]) for slot in Slot}
    commands: list[bytes | None] = []
    for number, event in enumerate(events):
        session = sessions[event.slot]
        if event.event != "apdu":
            session.reset()
            commands.append(None)
            continue
        command = _command(events, number, session.environment, holder)
        commands.append(command)
        session.sent(command or bytes.fromhex(event.command.replace("*", "0")))
        if len(event.answer) >= 2:
            session.answered(int.from_bytes(event.answer[-2:], "big"))
    return commands


def _command(events: Sequence[Recorded], number: int, environment: Environment, holder: Holder | None) -> bytes | None:
    event = events[number]
    if not event.masked:
        return bytes.fromhex(event.command)
    head, missing = event.command.partition("*")[0], event.command.count("**")
    header = bytes.fromhex(head)
    if len(header) != 5:
        return None
    match environment, header[1]:
        case Environment.PSAM, _ if (header[0], header[1], header[2]) == _CIPHER_DATA:
            data = _authentication(events[number + 1 :], missing)
        case ((Environment.SSSE | Environment.PSE), 0x20) if holder is not None:
            data = _pin(environment, header, event.response, holder)
        case _:
            return None
    rest = bytes.fromhex(event.command[10 + 2 * missing :])
    return None if data is None or len(data) != missing else header + data + rest


def _authentication(later: Sequence[Recorded], size: int) -> bytes | None:
    """What is enciphered for the authentication that the card sees next: its random number, filled to the block."""
    for event in later:
        if event.slot is not Slot.CARD or event.event != "apdu":
            continue
        header = bytes.fromhex(event.command[:10]) if len(event.command) >= 10 else b""
        if header[1:2] in (b"\x84", b"\xc0"):  # another challenge, or the answer to what came before
            continue
        if event.masked or tuple(header[:2]) not in _AUTHENTICATE or header[4] != 2 * _RANDOM:
            return None
        return bytes.fromhex(event.command[10:])[_RANDOM : 2 * _RANDOM].ljust(size, b"\0")
    return None


def _pin(environment: Environment, header: bytes, response: str, holder: Holder) -> bytes | None:
    """The PIN as the environment takes it: the right one or, where the card said so, a wrong one."""
    plain = environment is Environment.PSE
    pin = holder.offline_pin if plain else holder.pin
    right, wrong = response[-4:] == "9000", response[-4:-1] == "63C"
    if pin is None or not (right or wrong) or (plain and header[3] != _PLAIN_PIN):
        return None
    if wrong:
        pin = "".join(str(9 - int(digit)) for digit in pin)
    return pin_block_format2(pin) if plain else pin_bcd(pin)
