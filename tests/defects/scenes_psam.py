"""Tours through an issued PSAM: purchases, session keys and chains, key files and their rights."""

from dataclasses import dataclass, field

from cardsim.crypto import medical, social
from cardsim.crypto.ciphers import des_ecb_encrypt
from tests.psam.desk import CARD, CITY, PROVINCE, SX1, SX2, Desk, card_key, init_data, record

NUMBER = "00B0990004"
TERMINAL = bytes.fromhex("519900000428")
TIME = bytes.fromhex("20140801120001")
DEAL = medical.Purchase(100, 10, 0, TERMINAL)
RANDOM, SEQUENCE = bytes.fromhex("E3F50E75"), bytes.fromhex("0005")
SEED = "1122334455667788"
VALUE = bytes(range(16))
BLOCK, OTHER = bytes(8), bytes(range(8))


@dataclass(slots=True)
class SamTour:
    """A PSAM and what it answered."""

    desk: Desk
    notes: dict[str, str] = field(default_factory=dict)

    def note(self, name: str, answer: str) -> str:
        """Keep an answer under a name of its own."""
        assert name not in self.notes, name
        self.notes[name] = answer
        return answer

    def x(self, name: str, command: str) -> str:
        """A command in hex; its whole answer is noted."""
        return self.note(name, self.desk.x(command))

    def reset(self, environment: str = SX1) -> None:
        """Power off and on, and back into the application."""
        self.desk.model.power_on()
        self.desk.enter(environment)

    def session(self, number: bytes) -> bytes:
        """SESPK as the user card has it."""
        suite = self.desk.suite
        return medical.purchase_session(suite, card_key("DPK", suite), RANDOM, SEQUENCE, number)

    def mac2(self, number: bytes, spoil: int = 0) -> str:
        """CREDIT SAM FOR PURCHASE with the user card's MAC2, or with one whose last byte is another."""
        mac2 = medical.mac(self.desk.suite, self.session(number), DEAL.mac2_data())
        return f"8072000004{mac2[:3].hex()}{mac2[3] ^ spoil:02X}"


def purchase(tour: SamTour) -> None:
    """INIT SAM and CREDIT SAM FOR PURCHASE."""
    desk = tour.desk.enter()
    tour.x("CREDIT SAM first", "807200000411223344")
    answer = bytes.fromhex(desk.x(init_data(CARD)))
    mac1 = medical.mac(desk.suite, tour.session(answer[:4]), DEAL.mac1_data(TIME))
    tour.note("MAC1 is that of the user card", str(answer[4:8] == mac1))
    tour.x("transaction number", NUMBER)
    tour.x("wrong MAC2", "807200000411223344")
    tour.x("right MAC2 behind it", tour.mac2(answer[:4]))
    number = bytes.fromhex(desk.x(init_data(CARD)))[:4]
    tour.x("MAC2 right in three bytes", tour.mac2(number, 1))
    number = bytes.fromhex(desk.x(init_data(CARD)))[:4]
    tour.x("right MAC2", tour.mac2(number))
    tour.x("right MAC2 again", tour.mac2(number))
    tour.x("transaction number after three", NUMBER)
    tour.note("version 9", desk.sw(init_data(CARD, version=9)))
    tour.note("another algorithm", desk.sw(init_data(CARD, algorithm=1)))
    tour.note("two factors", desk.sw(init_data(CARD, CITY)))


def sessions(tour: SamTour) -> None:
    """DELIVERY SESSION KEY."""
    desk = tour.desk.enter()
    tour.note("two factors", desk.deliver(0x48, 0x09, CARD, CITY))
    desk.deliver(0x48, 0x09, CARD, CITY, seed=SEED)
    key = social.session_key(desk.suite, card_key("STKSSSE", desk.suite), bytes.fromhex(SEED))
    expected = des_ecb_encrypt(key, BLOCK).hex().upper() + "9000"
    tour.note("key of the user card", str(desk.cipher(0, BLOCK) == expected))
    desk.deliver(0x48, 0x09, CARD, CITY, seed="0102030405060708")
    desk.deliver(0x48, 0x09, CARD, CITY, seed=SEED)
    tour.note("key of the last command", str(desk.cipher(0, BLOCK) == expected))
    tour.note("one factor for two levels", desk.deliver(0x48, 0x09, CARD))
    tour.note("three factors for two levels", desk.deliver(0x48, 0x09, CARD, CITY, PROVINCE))
    tour.note("purchase key", desk.deliver(0x22, 0x01, CARD))
    desk.deliver(0x47, 0x0A, CARD, CITY)
    tour.note("MAC with a key for enciphering", desk.cipher(5, BLOCK * 2))
    desk.deliver(0x48, 0x09, CARD, CITY)
    desk.x("BFEC00000133")
    tour.note("CIPHER DATA behind INITIALIZE ENVIRONMENT", desk.cipher(0, BLOCK))
    desk.deliver(0x48, 0x09, CARD, CITY)
    desk.enter(SX2).enter(SX1)
    tour.note("CIPHER DATA behind another environment", desk.cipher(0, BLOCK))


def chains(tour: SamTour) -> None:
    """CIPHER DATA."""
    desk = tour.desk.enter()

    def deliver() -> None:
        desk.deliver(0x48, 0x09, CARD, CITY, seed=SEED)

    deliver()
    tour.note("two equal blocks", desk.cipher(2, BLOCK * 2))
    tour.note("more", desk.cipher(2, OTHER))
    tour.note("MAC within enciphering", desk.cipher(5, BLOCK * 2))
    tour.note("the end", desk.cipher(0, OTHER))
    tour.note("behind the end", desk.cipher(0, OTHER))
    deliver()
    tour.note("MAC at once", desk.cipher(5, OTHER + BLOCK + OTHER))
    tour.note("behind a MAC", desk.cipher(5, OTHER + BLOCK))
    deliver()
    desk.cipher(7, OTHER)
    desk.cipher(3, BLOCK)
    tour.note("MAC in a chain", desk.cipher(1, OTHER))
    desk.enter(SX2)
    deliver()
    tour.note("24 bytes with blocks of 16", desk.cipher(0, bytes(24)))


def loading(tour: SamTour) -> None:
    """CREATE KEY, CHANGE KEY, rights and files."""
    desk = tour.desk.enter()
    tour.note("without a right", desk.create(0x13, 0x26, 0x80, VALUE))
    for number in range(3):
        desk.challenge()
        tour.x(f"wrong own key {number}", "0082000310" + "00" * 16)
    tour.note("own key behind it", desk.authenticate(3))
    tour.note("national key", desk.authenticate(1))
    tour.note("provincial file with the national key", desk.create(0x12, 0x26, 0x60, VALUE))
    tour.note("key", desk.create(0x11, 0x26, 0x3A, VALUE))
    tour.note("key that is there", desk.create(0x11, 0x48, 0x09, VALUE))
    desk.challenge(4)
    tour.x("MAC of zeros", "84D4001124" + "00" * 36)
    plain = record(0x26, 0xB8, VALUE)
    sealed = bytearray(desk.sealed(0, 0x11, plain))
    sealed[-1] ^= 1
    tour.x("last byte of the MAC wrong", sealed.hex())
    desk.challenge(4)
    zero = desk.seal(0, 0x11, record(0x26, 0xB9, VALUE), bytes(4))
    tour.x("MAC that begins with zeros", zero.hex())
    challenge = desk.challenge(4)
    tour.x("first key", desk.seal(0, 0x11, record(0x26, 0xBA, VALUE), challenge).hex())
    tour.x("second key with the same challenge", desk.seal(0, 0x11, record(0x26, 0xBB, VALUE), challenge).hex())
    tour.x("key file", "00B2018C18")
    tour.x("writing the transaction number", "00D699000411223344")
