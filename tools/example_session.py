"""The page docs/card-management-example.md: a virgin chip becomes an operational card, written down by the session
itself on a seeded card."""

from dataclasses import dataclass, field
from typing import Final

from cardsim.assembly import new_card
from cardsim.cos.masterkey import Algorithm, MasterKeySet
from cardsim.crypto import ciphers, padding, pboc, scp02, social
from cardsim.crypto.social import Suite
from cardsim.iso7816.card import Card
from cardsim.iso7816.tlv import ber

SEED: Final = 1
TRANSPORT: Final = bytes.fromhex("000102030405060708090A0B0C0D0E0F")
CARD_MASTER: Final = bytes.fromhex("101112131415161718191A1B1C1D1E1F")
SSSE_MASTER: Final = bytes.fromhex("202122232425262728292A2B2C2D2E2F")
UPDATE_KEY: Final = bytes.fromhex("303132333435363738393A3B3C3D3E3F")
KMC: Final = bytes.fromhex("404142434445464748494A4B4C4D4E4F")
KEYDATA: Final = bytes.fromhex("62146700000100000001")
HISTORICAL: Final = bytes.fromhex("00814A44468660519900000001")
SSSE_NAME: Final = "sx1.sh.社会保障".encode("gbk")
PSE_NAME: Final = b"1PAY.SYS.DDF01"
AID: Final = bytes.fromhex("A000000333010101")
ORIGINAL: Final = bytes.fromhex("A1A2A3A4A5A6A7A8")
_MDOL: Final = "9F02069F03069F1A0295055F2A029A039C019F3704"


@dataclass(slots=True)
class Example:
    """A card session that writes itself down. Lines `→` are what the card is sent, `←` what it answers."""

    card: Card
    lines: list[str] = field(default_factory=list)
    mac: bytes = b""
    keys: scp02.SessionKeys | None = None

    def heading(self, title: str, text: str) -> None:
        """A section."""
        self.lines += [f"## {title}", "", text, ""]

    def step(self, title: str, *notes: tuple[str, bytes | str]) -> None:
        """What comes next, with the values that it is made of."""
        self.lines += [f"**{title}**", ""]
        for name, value in notes:
            shown = f"`{value.hex().upper()}`" if isinstance(value, bytes) else value
            self.lines.append(f"- {name}: {shown}")
        if notes:
            self.lines.append("")

    def reset(self) -> None:
        """Power on or reset."""
        self.lines += ["```apdu", "→ reset", f"← {self.card.power_on().hex().upper()}", "```", ""]

    def send(self, *commands: bytes) -> bytes:
        """Commands as they go over the contacts, GET RESPONSE included; the data of the last one."""
        self.lines.append("```apdu")
        data = b""
        for command in commands:
            answer = self._exchange(command)
            data = answer[:-2]
            if answer[-2] == 0x6C:
                data = self._exchange(command[:4] + answer[-1:])[:-2]
            if answer[-2] == 0x61:
                data = self._exchange(b"\x00\xc0\x00\x00" + answer[-1:])[:-2]
        self.lines += ["```", ""]
        return data

    def _exchange(self, command: bytes) -> bytes:
        answer = self.card.transmit(command)
        self.lines += [f"→ {command.hex().upper()}", f"← {answer.hex().upper()}"]
        return answer

    def authenticate(self, title: str, suite: Suite, key: bytes) -> None:
        """GET CHALLENGE and EXTERNAL AUTHENTICATE 00 82 00 00."""
        self.step(title)
        challenge = self.send(bytes.fromhex("0084000008"))
        session = social.session_key(suite, key, challenge)
        proof = social.authentication_data(suite, key, challenge, ORIGINAL)
        self.step("… answered with", ("key", key), ("session key", session), ("original data", ORIGINAL),
                  ("authentication data", proof))  # fmt: skip
        self.send(bytes.fromhex("0082000010") + proof + ORIGINAL)

    def protected(self, title: str, header: bytes, suite: Suite, key: bytes, plain: bytes) -> None:
        """A command enciphered and MACed under a master key and a fresh challenge."""
        self.step(title)
        challenge = self.send(bytes.fromhex("0084000008"))
        framed = padding.pad80_if_needed(bytes((len(plain),)) + plain, suite.block_size)
        body = social.master_encipher(suite, key, plain)
        message = header + bytes((len(body) + 4,)) + body
        mac = social.master_mac4(suite, key, message, challenge)
        size = suite.block_size
        self.step("… built of", ("plaintext", plain), ("length byte, plaintext, padding", framed), ("key", key),
                  ("enciphered (ECB)", body), ("MAC over", padding.pad80(message, size)),
                  ("initial value", challenge.ljust(size, b"\0")), ("MAC", mac))  # fmt: skip
        self.send(message + mac)

    def open_channel(self, host: bytes) -> None:
        """INITIALIZE UPDATE and EXTERNAL AUTHENTICATE 84 82 03 00."""
        self.step("INITIALIZE UPDATE", ("host challenge", host))
        answer = self.send(bytes.fromhex("8050000008") + host)
        sequence, challenge = answer[12:14], answer[14:20]
        static = scp02.diversify_kmc(KMC, answer[:10])
        keys = scp02.session_keys(static, sequence)
        proof = scp02.host_cryptogram(keys.enc, host, sequence, challenge)
        message = bytes.fromhex("8482030010") + proof
        self.keys, self.mac = keys, scp02.command_mac(keys.mac, message, bytes(8))
        self.step("EXTERNAL AUTHENTICATE, security level 03", ("sequence counter", sequence),
                  ("card challenge", challenge), ("card cryptogram", answer[20:]), ("S-ENC", keys.enc),
                  ("S-MAC", keys.mac), ("S-DEK", keys.dek), ("host cryptogram", proof),
                  ("C-MAC", self.mac))  # fmt: skip
        self.send(message + self.mac)

    def channel(self, title: str, header: bytes, data: bytes) -> None:
        """One command through the open channel."""
        assert self.keys is not None
        icv = scp02.encrypt_icv(self.keys.mac, self.mac)
        self.mac = scp02.command_mac(self.keys.mac, header + bytes((len(data) + 8,)) + data, icv)
        body = ciphers.des_cbc_encrypt(self.keys.enc, padding.pad80(data))
        self.step(title, ("data", data), ("initial value of the C-MAC", icv), ("C-MAC", self.mac))
        self.send(header + bytes((len(body) + 8,)) + body + self.mac)


def _select(name: bytes) -> bytes:
    return bytes((0x00, 0xA4, 0x04, 0x00, len(name))) + name


def _case3(header: str, data: bytes) -> bytes:
    return bytes.fromhex(header) + bytes((len(data),)) + data


_STATUS: Final = bytes.fromhex("80F2000000")
_MF: Final = bytes.fromhex("00A40000023F00")


def _card_part(run: Example) -> None:
    run.heading("1. From the virgin chip to the card master key",
                "A virgin chip answers a reset without historical bytes and knows no key.")  # fmt: skip
    run.step("Reset")
    run.reset()
    run.step("ACTIVATE", ("transport key", TRANSPORT), ("try limit", b"\x05"), ("profile switches", bytes(2)),
             ("historical bytes", HISTORICAL))  # fmt: skip
    run.send(_case3("80F00000", TRANSPORT + b"\x05" + bytes(2) + HISTORICAL))
    run.step("Reset: the card is blank, its ATR has historical bytes")
    run.reset()
    run.step("GET STATUS: 80 01 01, the card is activated")
    run.send(_STATUS)
    run.authenticate("EXTERNAL AUTHENTICATE under the transport key", Suite.DES, TRANSPORT)
    keys = MasterKeySet(1, Algorithm.TDES, 5, (CARD_MASTER,))
    run.protected("WRITE KEY 3F00: the card master key; the transport key ends", bytes.fromhex("84D43F00"), Suite.DES,
                  TRANSPORT, bytes(keys))  # fmt: skip
    run.authenticate("EXTERNAL AUTHENTICATE under the card master key", Suite.DES, CARD_MASTER)


def _environments_part(run: Example) -> None:
    run.heading("2. The two environments", "SSSE with SM4 in 64 pages, PSE with 3DES in 64 pages.")
    run.step("CREATE DDF1 (SSSE)")
    run.send(_case3("80E0DDF1", bytes.fromhex("380040010300FFFF") + SSSE_NAME))
    run.step("CREATE DDF2 (PSE)")
    run.send(_case3("80E0DDF2", bytes.fromhex("380040020100FFFF") + PSE_NAME))
    run.step("GET STATUS: both are created (8A 01)")
    run.send(_STATUS)
    keys = MasterKeySet(1, Algorithm.SM4, 5, (SSSE_MASTER,))
    run.protected("WRITE KEY DDF1: the environment master key of SSSE", bytes.fromhex("84D4DDF1"), Suite.DES,
                  CARD_MASTER, bytes(keys))  # fmt: skip
    static = scp02.diversify_kmc(KMC, KEYDATA)
    three = MasterKeySet(1, Algorithm.TDES, 15, (static.enc, static.mac, static.dek), KEYDATA)
    run.protected("WRITE KEY DDF2: KENC, KMAC and KDEK of PSE, derived from KMC and KEYDATA",
                  bytes.fromhex("84D4DDF2"), Suite.DES, CARD_MASTER, bytes(three))  # fmt: skip
    run.step("The card master key has no power left over DDF1: DELETE answers 6982")
    run.send(_case3("80E40000", bytes.fromhex("DDF1")))


def _ssse_part(run: Example) -> None:
    run.heading("3. SSSE under its own master key", "One key, the PIN, one file with one record, then the end.")
    run.step("SELECT SSSE")
    run.send(_select(SSSE_NAME))
    run.authenticate("EXTERNAL AUTHENTICATE under the environment master key (SM4)", Suite.SM4, SSSE_MASTER)
    run.step("CREATE 0000: a key file of two slots")
    run.send(_case3("80E00000", bytes.fromhex("3F0002")))
    run.protected("WRITE KEY: external key 04, version 1, SM4, 3 tries", bytes.fromhex("84D40000"), Suite.SM4,
                  SSSE_MASTER, bytes.fromhex("3904010303") + UPDATE_KEY)  # fmt: skip
    run.protected("WRITE KEY: PIN 123456, 6 tries", bytes.fromhex("84D40000"), Suite.SM4, SSSE_MASTER,
                  bytes.fromhex("3A00000006123456"))  # fmt: skip
    run.step("CREATE EF05: linear variable, 32 bytes, read PIN or key 04, write key 04, SFI 05")
    run.send(_case3("80E0EF05", bytes.fromhex("2C002002F004000104000005")))
    run.step("UPDATE RECORD 1: the master key appends the first records during set-up")
    run.send(_case3("00DC012C", bytes.fromhex("0304332E3030")))
    run.step("END PERSONALISATION")
    run.send(bytes.fromhex("800A000000"))
    run.step("The record needs the PIN now, and has it after VERIFY")
    run.send(bytes.fromhex("00B2012C06"), _case3("00200000", bytes.fromhex("123456")), bytes.fromhex("00B2012C06"))


def _pse_part(run: Example) -> None:
    run.heading("4. PSE through its channel", "The smallest application that can be issued: no RSA key, no log.")
    run.step("SELECT PSE")
    run.send(_select(PSE_NAME))
    run.open_channel(bytes.fromhex("B1B2B3B4B5B6B7B8"))
    run.channel("CREATE ADF1: the application", bytes.fromhex("84E0ADF1"),
                bytes.fromhex("380400000000FFFF") + AID)  # fmt: skip
    run.step("SELECT the application: it has a name and nothing else, and the channel has ended")
    run.send(_select(AID))
    run.open_channel(bytes.fromhex("C1C2C3C4C5C6C7C8"))
    assert run.keys is not None
    udks = bytes(range(0x50, 0x80))
    checks = pboc.key_check_values(udks)
    holder = ber(0x5A, bytes.fromhex("6214672500000000056F")) + ber(0x5F24, bytes.fromhex("340131"))
    dols = ber(0x8C, bytes.fromhex(_MDOL)) + ber(0x8D, bytes.fromhex("8A02" + _MDOL))
    groupings = (
        (0x00, 0x9102, ber(0xA5, ber(0x50, b"EXAMPLE"))), (0x00, 0x9104, bytes.fromhex("82021C00940408010100")),
        (0x00, 0x0101, ber(0x70, holder + dols)), (0x00, 0x9200, ber(0x9F10, bytes.fromhex("0701010300000001"))),
        (0x60, 0x8000, scp02.dek_encrypt(run.keys.dek, udks)), (0x80, 0x9000, checks),
    )  # fmt: skip
    for block, (p1, dgi, content) in enumerate(groupings):
        note = {0x60: ", enciphered under S-DEK", 0x80: ", the last block: the application is issued"}.get(p1, "")
        data = dgi.to_bytes(2, "big") + bytes((len(content),)) + content
        run.channel(f"STORE DATA, data grouping {dgi:04X}{note}", bytes((0x84, 0xE2, p1, block)), data)
    run.step("GET STATUS at the MF: 80 01 03, the card is operational; both environments are issued (8A 03)")
    run.send(_MF, _STATUS)
    run.step("The application runs: SELECT, GET PROCESSING OPTIONS")
    run.send(_select(AID), bytes.fromhex("80A80000028300"))


def page(notice: str) -> str:
    """The whole of docs/card-management-example.md."""
    run = Example(new_card(seed=SEED))
    run.lines = [
        "# From a virgin chip to an operational card, byte for byte", "", notice,
        "Each byte below went over the contacts of the model (`cardsim.assembly.new_card(seed=1)`: its random numbers",
        "are the same each time). A test replays the page. The keys are invented for this page. What the commands mean",
        "stands in [card-management.md](card-management.md). `→` is sent to the card, `←` is its answer.", "",
    ]  # fmt: skip
    for part in (_card_part, _environments_part, _ssse_part, _pse_part):
        part(run)
    return "\n".join(run.lines).rstrip() + "\n"
