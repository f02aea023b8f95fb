"""The life cycle of a PSAM of our own making (docs/psam.md; D1, D2, D5): who can do what, and when it ends."""

import pytest

from cardsim.assembly import SamModel, new_psam
from cardsim.cos.masterkey import Algorithm, MasterKeySet
from cardsim.crypto import social
from cardsim.crypto.social import Suite
from cardsim.keyfile import KeyFile
from cardsim.making import psam as making
from cardsim.psam.commands import CREATE
from tests.psam.desk import AID, PERSON, SX1, SX2, Desk, psam

TRANSPORT = PERSON.secret("psam transport")
MASTER = bytes(range(16))
OTHER = bytes(range(16, 32))


def keys(key: bytes, algorithm: Algorithm = Algorithm.TDES) -> bytes:
    return bytes(MasterKeySet(1, algorithm, 5, (key,)))


def blank() -> Desk:
    """Transport key and historical bytes, nothing else."""
    model = new_psam(seed=3)
    making.activate_psam(model, None)
    model.power_on()
    return Desk(model, KeyFile())


def authenticate(desk: Desk, key: bytes) -> str:
    return desk.prove(0, key, desk.challenge())


def write_key(desk: Desk, fid: str, under: bytes, plain: bytes) -> str:
    """WRITE KEY; the status word."""
    challenge = desk.challenge()
    body = social.master_encipher(Suite.DES, under, plain)
    command = bytes.fromhex(f"84D4{fid}{len(body) + 4:02X}") + body
    mac = social.master_mac4(Suite.DES, under, command, challenge)
    return desk.send(command + mac)[-2:].hex().upper()


@pytest.fixture
def mastered() -> Desk:
    """The MF with its master key, authenticated; nothing in it."""
    desk = blank()
    assert authenticate(desk, TRANSPORT) == "9000"
    assert write_key(desk, "3F00", TRANSPORT, keys(MASTER)) == "9000"
    assert desk.sw("00A40000") == "9000"
    assert authenticate(desk, MASTER) == "9000"
    return desk


SECOND = "38 00C0 03 03 01 FFFF" + SX2
CREATE_SECOND = "80E0DDF117" + SECOND.replace(" ", "")


def test_virgin_chip() -> None:
    """Before ACTIVATE there is no key to authenticate, and no key can be loaded."""
    model = new_psam(seed=3)
    assert model.power_on().hex() == "3b600000"
    desk = Desk(model, KeyFile())
    assert desk.all("008200001000" + "00" * 15, "84D43F000C" + "00" * 12) == ["6A88", "6985"]
    assert desk.all("00A40000", f"00A404000F{SX1}", "80E0DDF103000000") == ["6A82", "6A82", "6D00"]


def test_the_transport_key_does_one_thing() -> None:
    """D1: it loads the MF's master key, which ends it in the same transaction."""
    desk = blank()
    plain = keys(MASTER)
    assert write_key(desk, "3F00", TRANSPORT, plain) == "6982"
    assert authenticate(desk, TRANSPORT) == "9000"
    assert write_key(desk, "DDF1", TRANSPORT, plain) == "6A82"
    assert write_key(desk, "3F00", OTHER, plain) == "6988"
    assert write_key(desk, "3F00", TRANSPORT, keys(MASTER, Algorithm.SM4)) == "6A80"
    assert desk.sw("80F0000013" + "00" * 19) == "6985"
    assert write_key(desk, "3F00", TRANSPORT, plain) == "9000"
    assert authenticate(desk, TRANSPORT) == "6A88"
    assert desk.sw("00A40000") == "9000"
    assert authenticate(desk, TRANSPORT) == "6982"
    desk.model.power_on()
    assert authenticate(desk, TRANSPORT) == "6982"


def test_without_the_master_key(mastered: Desk) -> None:
    """Nothing of set-up without it, and it is gone with power."""
    mastered.model.power_on()
    cells = mastered.cells
    for command in (CREATE_SECOND, "800A0000", "80E000150C28000F00000000000000FF00" + "15"):
        assert mastered.sw(command) == "6982", command
    assert write_key(mastered, "3F00", MASTER, keys(OTHER)) == "6982"
    assert mastered.cells == cells


def test_the_second_environment_is_given_away(mastered: Desk) -> None:
    """D2: created by the MF's master key, which loads its first key, and has no power over it from then on."""
    assert mastered.sw(CREATE_SECOND) == "9000"
    assert mastered.select(SX2) == "6985"
    assert write_key(mastered, "DDF2", MASTER, keys(OTHER, Algorithm.SM4)) == "6A82"
    assert write_key(mastered, "DDF1", MASTER, keys(OTHER)) == "6A80"
    assert write_key(mastered, "DDF1", MASTER, keys(OTHER, Algorithm.SM4)) == "9000"
    assert write_key(mastered, "DDF1", MASTER, keys(MASTER, Algorithm.SM4)) == "6982"
    assert mastered.sw(CREATE_SECOND) == "6982"
    mastered.root(SX2)
    assert mastered.prove(0, MASTER, mastered.challenge()) == "6982"
    assert mastered.prove(0, OTHER, mastered.challenge()) == "9000"
    assert mastered.sw(CREATE_SECOND) == "6985", "further environments belong to the MF"


def test_what_can_be_created(mastered: Desk) -> None:
    """SSF33 is refused; an environment has the form of one; names and identifiers are there once."""
    for change, sw in (("0302", "6A81"), ("0304", "6A80"), ("0203", "6A80")):
        assert mastered.sw(CREATE_SECOND.replace("0303", change)) == sw
    application = "80E0DF010E" + "380000000000FFFF" + AID
    assert mastered.all(application, application, application.replace("DF01", "DF02", 1)) == ["9000", "6A89", "6A89"]
    assert mastered.sw("00A4000002DF01") == "9000"
    assert mastered.all("80E0DF030D380000000000FFFF4142434445", CREATE_SECOND) == ["6985", "6985"]
    assert mastered.all("80E00000033F0004", "80E000190C28000400000000FF00000019") == ["9000", "9000"]
    assert mastered.sw("80E000110C3D001000000000FF00000011") == "9000"
    assert mastered.sw("80E0002003770000") == "6A80"


def test_name_of_an_environment(mastered: Desk) -> None:
    """PSAM-003: what SELECT could not name is not created; a name of an independent environment stays its own (D2)."""
    command = "80E0DDF2{:02X}" + "380010030301FFFF"
    assert mastered.sw(command.format(12) + "41424344") == "6A80"
    assert mastered.sw(command.format(13) + "4142434445") == "9000"
    assert mastered.sw(command.replace("DDF2", "DDF3").format(23) + SX1) == "6982", "the MF's own name"


@pytest.mark.parametrize("inside", [False, True])
def test_create_of_anything(mastered: Desk, inside: bool) -> None:
    """D8: whatever type, length and content the data have, the answer is one that the row declares."""
    assert mastered.sw("80E0DF010E" + "380000000000FFFF" + AID) == "9000"
    if inside:
        assert mastered.sw("00A4000002DF01") == "9000"
    answered: set[int] = set()
    for length in CREATE.lc:
        for kind in range(256):
            for fill in (0x00, 0x03, 0xFF):
                data = bytes((kind, 0, 8, *(fill,) * (length - 3)))
                answer = mastered.send(bytes((0x80, 0xE0, kind, length, length)) + data)
                answered.add(int.from_bytes(answer[-2:], "big"))
    assert all(CREATE.declares(sw) for sw in answered)
    assert {0x9000, 0x6A80} <= answered
    assert (0x6985 in answered) is inside


def test_own_keys_of_an_application(mastered: Desk) -> None:
    """Ids 00 to 07, of the environment's own algorithm, for external authentication alone."""
    assert mastered.sw("80E0DF010E" + "380000000000FFFF" + AID) == "9000"
    key = "39010100" + "03" + OTHER.hex()
    assert write_key(mastered, "DF01", MASTER, bytes.fromhex(key)) == "6A82", "no key file yet"
    assert mastered.all("00A4000002DF01", "80E00000033F0002", "00A40000") == ["9000"] * 3
    for wrong in ("34010100", "39080100", "39010103", "39010101"):
        assert write_key(mastered, "DF01", MASTER, bytes.fromhex(wrong + "03") + OTHER) == "6A80"
    taken = [write_key(mastered, "DF01", MASTER, bytes.fromhex(f"39{n:02X}010003") + OTHER) for n in (1, 2, 3)]
    assert taken == ["9000", "9000", "6A84"]
    assert mastered.sw("00A4000002DF01") == "9000"
    assert mastered.prove(1, OTHER, mastered.challenge()) == "9000"
    assert mastered.sw("84D400111C" + "00" * 28) == "6A82"


def test_master_key_replaces_itself(mastered: Desk) -> None:
    """D5: under itself; the right it gave ends with it."""
    assert write_key(mastered, "3F00", MASTER, keys(OTHER, Algorithm.SM4)) == "6A80"
    assert write_key(mastered, "3F00", MASTER, keys(OTHER)) == "9000"
    assert mastered.sw("800A0000") == "6982"
    assert [authenticate(mastered, key) for key in (MASTER, OTHER)] == ["6982", "9000"]


def test_status_tells_where_set_up_stands(mastered: Desk) -> None:
    """D2: an interrupted set-up can be taken up again."""
    assert mastered.x("80F2000000")[:2] == "6C"
    length = mastered.answer[1]
    assert mastered.x(f"80F20000{length:02X}") == "701D" + "800102" + "A118" + f"83023F00840F{SX1}8A0102" + "9000"


@pytest.mark.parametrize("name", [SX1, SX2])
def test_an_issued_psam_knows_the_standards_commands_alone(name: str) -> None:
    """After END PERSONALISATION the set-up commands are gone, for the master key too."""
    desk = psam().root(name)
    assert desk.authenticate_master() == "9000"
    assert desk.all(CREATE_SECOND, "800A0000", "80F2000000", "80F0000013" + "00" * 19) == ["6D00"] * 4
    assert desk.sw("84D43F003C" + "00" * 60) == "6A86"
    assert desk.sw("84D4DF012C" + "00" * 44) == "6A86"


def test_end_is_of_each_environment(mastered: Desk) -> None:
    """The MF is issued while the second environment is still being set up."""
    assert mastered.sw(CREATE_SECOND) == "9000"
    assert write_key(mastered, "DDF1", MASTER, keys(OTHER, Algorithm.SM4)) == "9000"
    assert mastered.all("800A0000", "800A0000") == ["9000", "6D00"]
    mastered.model.power_on()
    assert mastered.sw("80F2000000") == "6D00"
    mastered.root(SX2)
    assert mastered.prove(0, OTHER, mastered.challenge()) == "9000"
    assert mastered.all("80F2000000", "800A0000", "800A0000")[1:] == ["9000", "6D00"]


def test_snapshot_and_restore() -> None:
    """`ModelControl`: a PSAM goes back to where it was, volatile state and random numbers too."""
    desk = psam().enter()
    assert desk.authenticate(1) == "9000"
    assert desk.deliver(0x67, 0x08, *("1122334455667788",) * 3) == "9000"
    state, key = desk.model.snapshot(), desk.model.state_key()
    first = (desk.challenge(), desk.cipher(0, bytes(8)), desk.create(0x11, 0x06, 0x3F, MASTER))
    assert first[1][-4:] + first[2] == "90009000"
    assert desk.model.state_key() != key
    desk.root(SX2)
    desk.model.restore(state)
    assert desk.model.state_key() == key
    desk.environment = SX1
    assert (desk.challenge(), desk.cipher(0, bytes(8)), desk.create(0x11, 0x06, 0x3F, MASTER)) == first
    assert desk.model.selected() == "3F00"
    assert set(desk.model.ranges()) == {"cos", "journal", "3F00", "DDF1"}


def test_restore_across_the_end_of_personalisation(mastered: Desk) -> None:
    """The rows of the place come back with the state."""
    state = mastered.model.snapshot()
    assert mastered.all("800A0000", "800A0000") == ["9000", "6D00"]
    mastered.model.restore(state)
    assert mastered.sw("800A0000") == "9000"


def test_listening_and_cost() -> None:
    """The cost model hears a PSAM as it hears a user card."""
    model: SamModel = psam().model
    reports: list[str] = []
    model.listen(lambda report: reports.append(report.command.hex()))
    model.transmit(bytes.fromhex("0084000008"))
    model.listen(None)
    model.transmit(bytes.fromhex("0084000004"))
    assert reports == ["0084000008"]
