"""The payment environment from its master key on: directory, application, data groupings, issue (PBOC part 10)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cardsim.iso7816 import status
from cardsim.iso7816.tlv import ber, find, parse_dol
from cardsim.making.keyservice import RSA_SECRETS, PaymentKeys, PaymentSecret
from cardsim.making.station import Channel, MakingError, Refused, Station
from cardsim.pse.application import (
    AIP_CDA,
    AIP_DDA,
    DGI_CARD,
    DGI_FCI,
    DGI_GPO_CASH,
    DGI_GPO_DEBIT,
    DGI_IAD,
    DGI_KCV,
    DGI_KEYS,
    DGI_PIN,
    DGI_PIN_COUNTERS,
    DGI_RISK,
)
from cardsim.pse.rsakey import DGI_RSA

PSE_NAME: Final = b"1PAY.SYS.DDF01"
_ADF: Final = 0xADF1
_LOG: Final = 0xEF0B
_DAC: Final = b"\xda\xc0"
_TRACK2_LENGTH: Final = 19
_NAME, _LONG_NAME = 26, 45
"""Bytes that a name may have in 5F20 and in 9F0B."""
_SIGNATURES: Final = {"debit": (0x0203, 0x0204), "cash": (0x0206, 0x0207)}
"""Records of each path with the signed static data and the ICC certificate (pboc fact sheet §4.3)."""
_ICC_KEY: Final = 0x0205
_MUST_FIT: Final = (
    "The data of the payment application do not fit together; docs/card-management.md, STORE DATA, lists what must"
)


@dataclass(frozen=True, slots=True)
class BankCard:
    """What the bank puts on one card, without keys. Dates are YYYYMMDD, `certificate_expiry` is MMYY.

    `offline_pin`: the card checks a PIN itself; the key service has its first value.
    """

    pan: str
    psn: str
    holder: str
    person_number: str
    issued: str
    expires: str
    certificate_expiry: str
    offline_pin: bool = False


class PseMaker:
    """Drives one card through the personalisation of PSE and its debit application.

    Args:
        station: the card, with PSE created and keyed.
        structure: the data of `vectors/structures/pse-*.toml`.
        keys: the bank's key service for this card.
        again: the job was begun before and broken off, so that the application and its log may be there.
    """

    def __init__(
        self, station: Station, structure: Mapping[str, Any], keys: PaymentKeys, *, again: bool = False
    ) -> None:
        self._again = again
        self._station = station
        self._data = structure
        self._keys = keys
        self._sessions = 0

    def run(self, card: BankCard) -> None:
        """Directory and application: create, fill, issue."""
        aid, name = self._hex("aid"), PSE_NAME
        channel = self._open(name)
        data = b"\x38" + int(self._data["space"]).to_bytes(2, "big") + bytes.fromhex("000000FFFF") + aid
        self._create(channel, "CREATE application", _ADF, data)
        channel.store(DGI_FCI, ber(0xA5, self._hex("pse_proprietary")))
        label = str(self._data["label"]).encode("ascii")
        entry = ber(0x4F, aid) + ber(0x50, label) + ber(0x87, bytes((self._data["priority"],)))
        directory = find(self._hex("pse_proprietary"), 0x88) or b"\x01"
        channel.store(directory[0] << 8 | 1, ber(0x70, ber(0x61, entry)), last=True)
        self.fill(self._open(aid), card, label)

    def _open(self, name: bytes) -> Channel:
        self._station.select(name)
        self._sessions += 1
        return Channel(self._station, self._keys, b"cardsim" + bytes((self._sessions,)))

    def _create(self, channel: Channel, step: str, fid: int, data: bytes) -> None:
        try:
            channel.send(step, 0xE0, fid >> 8, fid & 0xFF, data)
        except Refused as error:
            if not self._again or error.word != status.FILE_EXISTS:
                raise

    @property
    def _paths(self) -> tuple[str, ...]:
        """The answers to GET PROCESSING OPTIONS: electronic cash has one of its own, with records of its own."""
        return ("debit", "cash") if self._data["afl_cash"] else ("debit",)

    @property
    def _has_rsa_key(self) -> bool:
        """Whether the card signs by itself (DDA or CDA in the AIP)."""
        return bool(int.from_bytes(self._hex("aip"), "big") & (AIP_DDA | AIP_CDA))

    def _hex(self, key: str) -> bytes:
        return bytes.fromhex(self._data[key])

    def _objects(self, table: str) -> bytes:
        """The data objects of a table of the structure: values in hex by tag."""
        return b"".join(ber(int(tag, 16), bytes.fromhex(value)) for tag, value in self._data[table].items())

    def fill(self, channel: Channel, card: BankCard, label: bytes) -> None:
        """The application, in its open channel: log file, data groupings, issue.

        Raises:
            MakingError: the card refuses something; at issue, the data do not fit together.
        """
        size = sum(length for _, length in parse_dol(self._hex("log_format")))
        log = bytes((0x2E, self._data["log_records"], size)) + bytes.fromhex("00000000FF000000")
        self._create(channel, "CREATE log file", _LOG, log + bytes((self._data["log_sfi"],)))
        discretionary = ber(0x9F4D, bytes((self._data["log_sfi"], self._data["log_records"])))
        fci = ber(0x50, label) + ber(0x87, bytes((self._data["priority"],)))
        fci += ber(0x9F38, self._hex("pdol")) if self._data["pdol"] else b""
        fci += ber(0x5F2D, self._hex("language")) + ber(0xBF0C, discretionary)
        channel.store(DGI_FCI, ber(0xA5, fci))
        for dgi, path in ((DGI_GPO_DEBIT, "debit"), (DGI_GPO_CASH, "cash")):
            if path in self._paths:
                channel.store(dgi, ber(0x82, self._hex("aip")) + ber(0x94, self._hex(f"afl_{path}")))
        for dgi, content in self.records(card).items():
            channel.store(dgi, ber(0x70, content))
        channel.store(DGI_RISK, self._objects("risk") + ber(0x9F4F, self._hex("log_format")))
        channel.store(DGI_CARD, self._objects("card"))
        channel.store(DGI_IAD, ber(0x9F10, self._hex("iad")))
        channel.store(DGI_KEYS, PaymentSecret.UDKS)
        if self._has_rsa_key:
            for dgi, part in zip(DGI_RSA, RSA_SECRETS, strict=True):
                channel.store(dgi, part)
        if card.offline_pin:
            channel.store(DGI_PIN, PaymentSecret.PIN)
            channel.store(DGI_PIN_COUNTERS, b"\x03\x03")
        try:
            channel.store(DGI_KCV, self._keys.key_check_values(), last=True)
        except MakingError as error:
            raise MakingError(f"{error}. {_MUST_FIT}") from error

    def records(self, card: BankCard) -> dict[int, bytes]:
        """The records by DGI, without template 70; signed data of the debit and of the electronic-cash path."""
        pan, expiry = _digits(card.pan), bytes.fromhex(card.expires[2:])
        service = str(self._data["service_code"])
        track2 = f"{card.pan}D{card.expires[2:6]}{service}".ljust(_TRACK2_LENGTH * 2 - 1, "0") + "F"
        codes = self._data["action_codes"]
        cvm = {"debit": "cvm_offline_pin" if card.offline_pin else "cvm_debit", "cash": "cvm_cash"}

        def signed_part(path: str) -> bytes:
            code = codes[path]
            return (
                ber(0x5A, pan) + ber(0x8E, self._hex(cvm[path])) + ber(0x9F0D, bytes.fromhex(code["default"]))
                + ber(0x9F0E, bytes.fromhex(code["denial"])) + ber(0x9F0F, bytes.fromhex(code["online"]))
                + ber(0x5F24, expiry) + ber(0x5F28, self._hex("country")) + ber(0x9F42, self._hex("country"))
                + ber(0x9F07, self._hex("application_usage")) + ber(0x5F25, bytes.fromhex(card.issued[2:]))
            )  # fmt: skip

        parts = {"debit": signed_part("debit"), "cash": signed_part("cash") + ber(0x9F74, b"ECC001")}
        records = {
            0x0101: ber(0x57, bytes.fromhex(track2)) + ber(0x5F34, bytes.fromhex(card.psn)),
            0x0102: holder_name(card.holder) + ber(0x9F61, card.person_number.encode("ascii"))
            + ber(0x9F62, b"\0"),
            **self._certificates(card, {path: parts[path] for path in self._paths}),
            0x0301: parts["debit"],
            0x0302: ber(0x8C, self._hex("cdol1")) + ber(0x8D, self._hex("cdol2")) + ber(0x5F30, _service(service))
            + ber(0x9F08, self._hex("version")) + ber(0x9F4A, b"\x82"),
        }  # fmt: skip
        return records | ({0x0303: parts["cash"]} if "cash" in self._paths else {})

    def _certificates(self, card: BankCard, parts: Mapping[str, bytes]) -> dict[int, bytes]:
        """Records of SFI 2: the issuer's certificate, and the signatures of each path's data and AIP."""
        issuer = self._keys.issuer_certificate(card.pan[:6], card.certificate_expiry)
        records = {
            0x0201: ber(0x90, issuer.certificate),
            0x0202: ber(0x9F32, issuer.exponent) + ber(0x92, issuer.remainder) + ber(0x8F, bytes((issuer.ca_index,))),
        }
        for path, part in parts.items():
            signed = part + self._hex("aip")
            static, own = _SIGNATURES[path]
            records[static] = ber(0x93, self._keys.sign_static(_DAC, signed))
            if self._has_rsa_key:
                icc = self._keys.icc_certificate(card.pan, card.certificate_expiry, signed)
                records[own] = ber(0x9F46, icc.certificate)
                records[_ICC_KEY] = (
                    ber(0x9F47, icc.exponent) + ber(0x9F48, icc.remainder) + ber(0x9F49, self._hex("ddol"))
                )
        return dict(sorted(records.items()))


def holder_name(name: str) -> bytes:
    """The cardholder's name in GBK: 5F20 up to 26 bytes, 9F0B above; of more than 45 the characters that fit."""
    raw = name.encode("gbk")
    if len(raw) <= _NAME:
        return ber(0x5F20, raw)
    return ber(0x9F0B, raw[:_LONG_NAME].decode("gbk", "ignore").encode("gbk"))


def _digits(number: str) -> bytes:
    return bytes.fromhex(number + "F" * (len(number) % 2))


def _service(code: str) -> bytes:
    return bytes.fromhex(code.rjust(4, "0"))
