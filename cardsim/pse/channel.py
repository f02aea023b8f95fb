"""The secure channel of personalisation (GlobalPlatform SCP02): INITIALIZE UPDATE, EXTERNAL AUTHENTICATE 84 82, and
what a command in it must bring along. Faults win in the order of the rows' `answers`."""

from typing import TYPE_CHECKING, Final

from cardsim.crypto import ciphers, padding, scp02
from cardsim.crypto.scp02 import CardKeys, SessionKeys
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.pse.application import Application
from cardsim.pse.memory import Channel

if TYPE_CHECKING:
    from cardsim.pse.environment import Pse

_SCP02: Final = 0x02
_C_MAC: Final = 0x01
_C_ENC: Final = 0x02
_MAC_SIZE: Final = 8


class SecureChannel:
    """Opens the channel, and takes off what protects the commands in it."""

    def __init__(self, environment: "Pse") -> None:
        self._pse = environment

    def _application(self) -> Application:
        """The selected application, still in personalisation; or PSE itself, which always is (D7).

        Raises:
            StatusError: 6985, the application is issued.
        """
        application = self._pse.application()
        if application.df.issued:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        return application

    def _initialize_update(self, p1: int, _p2: int, data: bytes, _le: int) -> bytes:
        """INITIALIZE UPDATE (PBOC-PER-001): KEYDATA, version, sequence, card challenge and card cryptogram."""
        self._application()
        master = self._pse.master
        keys = master.load()
        if p1 not in (0, keys.version):
            raise StatusError(status.REFERENCE_NOT_FOUND)
        if not master.tries:
            raise StatusError(status.BLOCKED)
        sequence = master.sequence.to_bytes(2, "big")
        session = scp02.session_keys(CardKeys(*keys.keys), sequence)
        challenge = self._pse.random.take(6)
        self._pse.ram.channel = Channel(host_challenge=data, card_challenge=challenge, keys=session)
        cryptogram = scp02.card_cryptogram(session.enc, data, sequence, challenge)
        return keys.keydata + bytes((keys.version, _SCP02)) + sequence + challenge + cryptogram

    def _authenticate(self, p1: int, _p2: int, data: bytes, _le: int) -> bytes:
        """EXTERNAL AUTHENTICATE 84 82: opens the channel at security level P1; a failure counts."""
        self._application()
        channel, master = self._pse.ram.channel, self._pse.master
        self._pse.ram.channel = Channel()
        if channel.keys is None or channel.open:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        if not master.tries:
            raise StatusError(status.BLOCKED)
        if master.exhausted:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        sequence = master.sequence.to_bytes(2, "big")
        master.lower()
        expected = scp02.host_cryptogram(channel.keys.enc, channel.host_challenge, sequence, channel.card_challenge)
        mac = scp02.command_mac(channel.keys.mac, bytes((0x84, 0x82, p1, 0, 16)) + data[:8], bytes(8))
        if data != expected + mac:
            raise StatusError(status.NO_INFORMATION)
        master.restore()
        master.count()
        self._pse.partition.commit()
        self._pse.ram.channel = Channel(keys=channel.keys, open=True, level=p1, mac=mac)
        return b""

    def _session(self) -> SessionKeys:
        """Keys of the open channel.

        Raises:
            StatusError: 6985, there is none.
        """
        channel = self._pse.ram.channel
        if not channel.open or channel.keys is None:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        return channel.keys

    def _plain(self, data: bytes) -> bytes:
        """Data of a class 80 command: allowed at security level 00 alone; above, the channel ends."""
        self._application()
        self._session()
        if self._pse.ram.channel.level:
            self._pse.ram.channel = Channel()
            raise StatusError(status.SECURITY_NOT_SATISFIED)
        return data

    def _protected(self, ins: int, p1: int, p2: int, data: bytes) -> bytes:
        """Data of a class 84 command: C-MAC checked, deciphered at level 03. A wrong MAC ends the channel."""
        self._application()
        keys, channel = self._session(), self._pse.ram.channel
        body, mac = data[:-_MAC_SIZE], data[-_MAC_SIZE:]
        if not channel.level & _C_MAC:
            raise StatusError(status.SECURITY_NOT_SATISFIED)
        try:
            if channel.level & _C_ENC:
                body = padding.unpad80(ciphers.des_cbc_decrypt(keys.enc, body))
        except ValueError:
            self._pse.ram.channel = Channel()
            raise StatusError(status.SM_OBJECT_INCORRECT) from None
        message = bytes((0x84, ins, p1, p2, len(body) + _MAC_SIZE)) + body
        if scp02.command_mac(keys.mac, message, scp02.encrypt_icv(keys.mac, channel.mac)) != mac:
            self._pse.ram.channel = Channel()
            raise StatusError(status.SM_OBJECT_INCORRECT)
        channel.mac = mac
        return body
