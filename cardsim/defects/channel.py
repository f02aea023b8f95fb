"""Faults of the secure channel of personalisation (SCP02)."""

from collections.abc import Callable
from typing import Final

from cardsim.cos.environment import Handler
from cardsim.crypto import ciphers, padding, scp02
from cardsim.defects.defect import Apply, Side, around, nothing, on_pse, put, table
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.pse.environment import Pse
from cardsim.pse.memory import Channel
from cardsim.pse.perso import Personalisation

_MAC_SIZE: Final = 8
_KEYDATA_SIZE: Final = 10
_SCP_AT: Final = 11
_CHALLENGE_AT: Final = 14
_CRYPTOGRAM_AT: Final = 20
_C_ENC: Final = 2


def on_perso(change: Callable[[Pse, Personalisation], None]) -> Apply:
    """A defect of personalisation."""
    return on_pse(lambda pse: change(pse, pse._personalisation))


# --- opening it ------------------------------------------------------------------------------------------------------


def _open_after_issue(pse: Pse, perso: Personalisation) -> None:
    put(perso, "_application", pse.application)


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


def _opening(wrong: Callable[[Pse, bytes, bytes], bytes]) -> Callable[[Pse, Personalisation], None]:
    """The answer to INITIALIZE UPDATE becomes another one, made of the host's challenge and of the right answer."""

    def change(pse: Pse, perso: Personalisation) -> None:
        def wrap(initialize: Handler) -> Handler:
            return lambda p1, p2, data, le: wrong(pse, data, initialize(p1, p2, data, le))

        around(perso, "_initialize_update", wrap)

    return change


def _without_sequence(pse: Pse, host: bytes, answer: bytes) -> bytes:
    keys = scp02.session_keys(scp02.CardKeys(*pse.master.load().keys), bytes(2))
    pse.ram.channel.keys = keys
    sequence, challenge = answer[_CHALLENGE_AT - 2 : _CHALLENGE_AT], answer[_CHALLENGE_AT:_CRYPTOGRAM_AT]
    return answer[:_CRYPTOGRAM_AT] + scp02.card_cryptogram(keys.enc, host, sequence, challenge)


def _host_order(pse: Pse, host: bytes, answer: bytes) -> bytes:
    channel = pse.ram.channel
    assert channel.keys is not None
    sequence = answer[_CHALLENGE_AT - 2 : _CHALLENGE_AT]
    proof = scp02.host_cryptogram(channel.keys.enc, host, sequence, channel.card_challenge)
    return answer[:_CRYPTOGRAM_AT] + proof


def _same_challenge(pse: Pse, host: bytes, answer: bytes) -> bytes:
    channel, challenge = pse.ram.channel, bytes(_CRYPTOGRAM_AT - _CHALLENGE_AT)
    assert channel.keys is not None
    channel.card_challenge = challenge
    sequence = answer[_CHALLENGE_AT - 2 : _CHALLENGE_AT]
    return answer[:_CHALLENGE_AT] + challenge + scp02.card_cryptogram(channel.keys.enc, host, sequence, challenge)


# --- in it -----------------------------------------------------------------------------------------------------------


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


def _channel_survives_select(pse: Pse, _perso: Personalisation) -> None:
    def wrap(select: Callable[[int], bytes]) -> Callable[[int], bytes]:
        def changed(df: int) -> bytes:
            kept = pse.ram.channel
            fci = select(df)
            pse.ram.channel = kept
            return fci

        return changed

    around(pse, "select_df", wrap)


Opened = tuple[bytes, bytes]
"""The data of a command, and the C-MAC that the card expects."""


def _protection(opened: Callable[[Channel, bytes, bytes], Opened]) -> Callable[[Pse, Personalisation], None]:
    """Another way to open a command in the channel: from its header and what came in its data field before the MAC."""

    def change(pse: Pse, perso: Personalisation) -> None:
        def wrap(protected: Callable[..., bytes]) -> Callable[..., bytes]:
            def changed(ins: int, p1: int, p2: int, data: bytes) -> bytes:
                channel = pse.ram.channel
                if not channel.open or not channel.level:
                    return protected(ins, p1, p2, data)
                perso._application()
                try:
                    text, mac = opened(channel, bytes((0x84, ins, p1, p2)), data[:-_MAC_SIZE])
                except ValueError:
                    text, mac = b"", b""
                if mac != data[-_MAC_SIZE:]:
                    pse.ram.channel = Channel()
                    raise StatusError(status.SM_OBJECT_INCORRECT)
                channel.mac = mac
                return text

            return changed

        around(perso, "_protected", wrap)

    return change


def _text(channel: Channel, body: bytes) -> bytes:
    """The data in clear."""
    assert channel.keys is not None
    return padding.unpad80(ciphers.des_cbc_decrypt(channel.keys.enc, body)) if channel.level & _C_ENC else body


def _mac(channel: Channel, head: bytes, body: bytes, icv: bytes | None = None) -> bytes:
    """The C-MAC over a command; the initial value is the right one where none is given."""
    assert channel.keys is not None
    start = scp02.encrypt_icv(channel.keys.mac, channel.mac) if icv is None else icv
    return scp02.command_mac(channel.keys.mac, head + bytes((len(body) + _MAC_SIZE,)) + body, start)


def _unchained(channel: Channel, head: bytes, body: bytes) -> Opened:
    text = _text(channel, body)
    return text, _mac(channel, head, text, bytes(_MAC_SIZE))


def _icv_in_clear(channel: Channel, head: bytes, body: bytes) -> Opened:
    text = _text(channel, body)
    return text, _mac(channel, head, text, channel.mac)


def _over_enciphered(channel: Channel, head: bytes, body: bytes) -> Opened:
    return _text(channel, body), _mac(channel, head, body)


def _never_deciphers(channel: Channel, head: bytes, body: bytes) -> Opened:
    return body, _mac(channel, head, body)


def _enciphered_or_not(pse: Pse, perso: Personalisation) -> None:
    def wrap(protected: Callable[..., bytes]) -> Callable[..., bytes]:
        def changed(ins: int, p1: int, p2: int, data: bytes) -> bytes:
            channel, body = pse.ram.channel, data[:-_MAC_SIZE]
            if channel.open and channel.level & _C_ENC:
                mac = _mac(channel, bytes((0x84, ins, p1, p2)), body)
                if mac == data[-_MAC_SIZE:]:
                    channel.mac = mac
                    return body
            return protected(ins, p1, p2, data)

        return changed

    around(perso, "_protected", wrap)


CHANNEL: Final = table(
    Side.PSE,
    (
        ("channel-not-needed", "PBOC-PER-008",
         "STORE DATA and CREATE work without a channel.", on_perso(_no_channel)),
        ("plain-in-channel", "PBOC-PER-007, D7", "Commands without a MAC are taken in a channel that asks for one.",
         on_perso(_plain_allowed)),
        ("c-mac-ignored", "PBOC-PER-007", "The C-MAC is not looked at.", on_perso(_c_mac(0))),
        ("c-mac-four-bytes", "PBOC-CRY-016, PBOC-PER-007", "The C-MAC is compared in four bytes.",
         on_perso(_c_mac(4))),
        ("wrong-c-mac-keeps-channel", "PBOC-PER-007", "A wrong C-MAC does not end the channel.",
         on_perso(_channel_stays)),
        ("host-not-authenticated", "PBOC-PER-005", "Any host cryptogram opens the channel.", on_perso(_any_host)),
        ("channel-tries-unlimited", "PBOC-PER-005, D13", "Failures to open the channel are not counted.",
         on_pse(lambda pse: put(pse.master, "lower", lambda: pse.master.tries - 1))),
        ("channel-sequence-stays", "PBOC-PER-001, PBOC-CRY-014", "The sequence counter of the channel does not rise.",
         on_pse(lambda pse: put(pse.master, "count", nothing))),
        ("channel-after-issue", "PBOC-PER-030, D7", "The channel can be opened in an application that is issued.",
         on_perso(_open_after_issue)),
        ("channel-keydata-zero", "PBOC-PER-001, PBOC-PER-002", "INITIALIZE UPDATE gives zeros for KEYDATA.",
         on_perso(_opening(lambda _pse, _host, answer: bytes(_KEYDATA_SIZE) + answer[_KEYDATA_SIZE:]))),
        ("channel-scp01", "PBOC-PER-001", "INITIALIZE UPDATE announces protocol 01.",
         on_perso(_opening(lambda _pse, _host, answer: answer[:_SCP_AT] + b"\x01" + answer[_SCP_AT + 1 :]))),
        ("channel-challenge-zero", "PBOC-PER-001", "The card's challenge of the channel is always zero.",
         on_perso(_opening(_same_challenge))),
        ("card-cryptogram-of-host", "PBOC-PER-003, PBOC-CRY-014",
         "The card cryptogram is computed over what belongs into the host cryptogram.",
         on_perso(_opening(_host_order))),
        ("session-keys-without-sequence", "PBOC-PER-003, PBOC-CRY-014",
         "The sequence counter does not enter the session keys of the channel.",
         on_perso(_opening(_without_sequence))),
        ("channel-survives-select", "PBOC-PER-008, PBOC-SEL-021", "A SELECT inside PSE leaves the channel open.",
         on_perso(_channel_survives_select)),
        ("c-mac-not-chained", "PBOC-PER-007, PBOC-CRY-014", "Each C-MAC begins with zeros and not with the last C-MAC.",
         on_perso(_protection(_unchained))),
        ("c-mac-icv-in-clear", "PBOC-PER-007, PBOC-CRY-014",
         "The C-MAC begins with the last one as it is, not enciphered.", on_perso(_protection(_icv_in_clear))),
        ("c-mac-over-enciphered", "PBOC-PER-006, PBOC-PER-007",
         "At level 03 the C-MAC is computed over the enciphered data.", on_perso(_protection(_over_enciphered))),
        ("c-enc-ignored", "PBOC-PER-006", "At level 03 data are taken as they come and not deciphered.",
         on_perso(_protection(_never_deciphers))),
        ("c-enc-optional", "PBOC-PER-006, D7", "At level 03 data may also come in clear.",
         on_perso(_enciphered_or_not)),
    ),
)  # fmt: skip
"""Faults of the channel."""
