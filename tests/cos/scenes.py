"""Every writing command of card and SSSE, made ready on a card: one APDU away from its effect."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from cardsim.cos.files import FileType
from cardsim.cos.keys import KeyUse, NewKey
from cardsim.cos.masterkey import Algorithm, MasterKeySet
from cardsim.cos.record import Switch
from cardsim.crypto import social
from cardsim.crypto.social import Suite
from tests.cards import (
    HISTORICAL,
    ORIGINAL,
    Bench,
    apdu,
    blank,
    card,
    channel_keys,
    create_pse,
    create_ssse,
    load_master,
    master_keys,
    seal,
    secrets,
    unhex,
    virgin,
)
from tests.ssse.shop import Shop, shop

NEW: Final = b"A-NEW-KEY-16BYTE"
EF_DATA: Final = "2C0040000000000000000009"
DF_DATA: Final = "380000000000FFFFD15600000500"


@dataclass(slots=True)
class Scene:
    """A card and the command that is to be sent to it; `word` is its answer.

    `counter` reads the try counter that the command works on: it may be lowered by one, or full after success.
    """

    bench: Bench
    command: bytes
    word: str = "9000"
    counter: Callable[[Bench], int] | None = None
    limit: int = 0
    opens: list[str] = field(default_factory=list)
    """Commands that fail before and, in the same session, work after a success."""


def _proof(bench: Bench, key: bytes, reference: int, suite: Suite, *, right: bool = True) -> bytes:
    data = social.authentication_data(suite, key, bench.challenge(), ORIGINAL)
    if not right:
        data = bytes(byte ^ 0xFF for byte in data)
    return bytes((0x00, 0x82, 0x00, reference, 16)) + data + ORIGINAL


def _sealed(bench: Bench, suite: Suite, header: str, key: bytes, plain: bytes) -> bytes:
    return seal(suite, header, key, plain, bench.challenge())


def _activate() -> Scene:
    return Scene(virgin(), unhex("80F0000020" + "22" * 16 + "050000") + HISTORICAL)


def _first_card_key() -> Scene:
    bench, mine = blank(), secrets()
    bench.authenticate(mine.transport, 0, Suite.DES)
    return Scene(bench, _sealed(bench, Suite.DES, "84D43F00", mine.transport, master_keys([mine.master])))


def _mastered() -> Bench:
    bench = blank()
    load_master(bench)
    return bench


def _new_card_key() -> Scene:
    bench = _mastered()
    return Scene(bench, _sealed(bench, Suite.DES, "84D43F00", secrets().master, master_keys([NEW])))


def _create_environment() -> Scene:
    return Scene(_mastered(), unhex(create_ssse()))


def _delete_environment() -> Scene:
    bench = _mastered()
    bench.all(create_ssse(), create_pse())
    return Scene(bench, unhex("80E4000002DDF1"))


def _environment_key(fid: str) -> Callable[[], Scene]:
    def make() -> Scene:
        bench = _mastered()
        bench.all(create_ssse(), create_pse())
        keys = channel_keys() if fid == "DDF2" else master_keys([NEW], Suite.SM4)
        return Scene(bench, _sealed(bench, Suite.DES, f"84D4{fid}", secrets().master, keys))

    return make


def _erase_card() -> Scene:
    bench = _mastered()
    bench.all(create_ssse(), create_pse())
    return Scene(bench, unhex("800E000000"))


def _card_tries(bench: Bench) -> int:
    return bench.cells[2 * 64] if bench.status()[4:10] == "800101" else bench.cells[4 * 64]


def _card_authentication(*, right: bool) -> Callable[[], Scene]:
    def make() -> Scene:
        bench = _mastered()
        bench.power_on()
        assert bench.authenticate(NEW, 0, Suite.DES) == "63C4"
        command = _proof(bench, secrets().master, 0, Suite.DES, right=right)
        return Scene(bench, command, "9000" if right else "63C3", _card_tries, 5, [create_ssse()])

    return make


def _filled() -> Shop:
    """SSSE with a record file, a cyclic file, keys, PIN and a DF, still in set-up."""
    made = shop(pages=24)
    assert made.key_file() == made.ef("EF05") == made.ef("EF07", 0x0304, FileType.CYCLIC) == "9000"
    made.external(4)
    made.external(5, limit=0xFF)
    assert made.write_key(KeyUse.MAINTENANCE, 2, NEW[:8], limit=0xFF) == "9000"
    assert made.pin("123456") == made.df("DF01", "D15600000500") == "9000"
    assert [made.append(5, number, f"A{number}0155") for number in (1, 2, 3)] == ["9000"] * 3
    return made


def _set_up(command: str) -> Callable[[], Scene]:
    return lambda: Scene(_filled().bench, unhex(command))


def _write_key(header: str, plain: bytes, *, issued: bool = False) -> Callable[[], Scene]:
    def make() -> Scene:
        made = _filled()
        if issued:
            made.end()
        return Scene(made.bench, _sealed(made.bench, made.suite, header, made.master, plain))

    return make


def _ssse_master_tries(bench: Bench) -> int:
    return bench.cells[bench.model.ranges()["DDF1"].start + 2 * 64]


def _master_authentication(*, right: bool) -> Callable[[], Scene]:
    def make() -> Scene:
        made = _filled()
        made.bench.power_on()
        made.bench.ssse()
        assert made.bench.authenticate(NEW, 0, made.suite) == "63C4"
        command = _proof(made.bench, made.master, 0, made.suite, right=right)
        return Scene(
            made.bench, command, "9000" if right else "63C3", _ssse_master_tries, 5, [apdu("80E0EF09", EF_DATA)]
        )

    return make


def _block(switches: int) -> Callable[[], Scene]:
    def make() -> Scene:
        bench = card("dual-3.0-des", switches=switches)
        bench.ssse()
        assert bench.authenticate(bench.key("BK"), 5) == "9000"
        session = social.session_key(bench.suite, bench.key("STKSSSE"), bench.challenge())
        header = unhex("8416000004")
        return Scene(bench, header + social.mac4(bench.suite, session, header))

    return make


def _update(command: str, *, cyclic: bool = False) -> Callable[[], Scene]:
    def make() -> Scene:
        made = _filled()
        if cyclic:
            for entry in ("A1010101", "A2020202", "A3030303"):
                assert made.bench.x(f"00DC003B04{entry}") == "9000"
        return Scene(made.bench, unhex(command))

    return make


def _pin_tries(bench: Bench) -> int:
    bench.ssse()
    return int(bench.x("0020000000")[3], 16)


def _verify(*, right: bool) -> Callable[[], Scene]:
    def make() -> Scene:
        bench = card("social-2.0")
        bench.select("D15600000500")
        assert [bench.verify("000000"), bench.verify("000000")] == ["63C5", "63C4"]
        command = unhex("0020000003123456" if right else "0020000003123450")
        return Scene(bench, command, "9000" if right else "63C3", _pin_tries, 6, ["00B2012C00"])

    return make


def _key_tries(bench: Bench) -> int:
    bench.ssse()
    command = unhex("0082000A10") + bytes(16)
    bench.challenge()
    state = bench.model.snapshot()
    answer = bench.raw(command)
    bench.model.restore(state)
    return 0 if answer == b"\x69\x83" else (answer[-1] & 0x0F) + 1


def _key_authentication(*, right: bool) -> Callable[[], Scene]:
    def make() -> Scene:
        bench = card()
        bench.ssse()
        assert bench.authenticate(NEW, 0x0A) == "63C2"
        command = _proof(bench, bench.key("RKSSSE"), 0x0A, bench.suite, right=right)
        return Scene(bench, command, "9000" if right else "63C1", _key_tries, 3, ["00B2013400"])

    return make


_KEY: Final = bytes(NewKey(KeyUse.EXTERNAL, 7, 1, Algorithm.TDES, 3, NEW))
_REPLACED: Final = bytes(NewKey(KeyUse.EXTERNAL, 4, 1, Algorithm.TDES, 3, NEW))
_SET: Final = bytes(MasterKeySet(2, Algorithm.TDES, 5, (NEW,)))

SCENES: Final[dict[str, Callable[[], Scene]]] = {
    "ACTIVATE": _activate,
    "WRITE KEY card master key": _first_card_key,
    "WRITE KEY new card master key": _new_card_key,
    "CREATE environment": _create_environment,
    "DELETE environment": _delete_environment,
    "WRITE KEY SSSE master key": _environment_key("DDF1"),
    "WRITE KEY PSE master key": _environment_key("DDF2"),
    "ERASE card": _erase_card,
    "CREATE DF": _set_up(apdu("80E0DF02", "380000000000FFFFD15600000501")),
    "CREATE EF": _set_up(apdu("80E0EF09", EF_DATA)),
    "CREATE key file": lambda: Scene(shop().bench, unhex("80E00000033F0010")),
    "WRITE KEY new": _write_key("84D40000", _KEY),
    "WRITE KEY replaced": _write_key("84D40000", _REPLACED),
    "WRITE KEY own master key": _write_key("84D40100", _SET),
    "WRITE KEY issued": _write_key("84D40000", _KEY, issued=True),
    "WRITE KEY own master key issued": _write_key("84D40100", _SET, issued=True),
    "CREATE DF issued": _write_key("84E0DF02", unhex("380000000000FFFFD15600000501"), issued=True),
    "CREATE EF issued": _write_key("84E0EF09", unhex(EF_DATA), issued=True),
    "END PERSONALISATION": _set_up("800A000000"),
    "ERASE": _set_up("800E000000"),
    "ERASE issued": _write_key("840E0000", b"", issued=True),
    "CARD BLOCK own environment": _block(0),
    "CARD BLOCK card": _block(Switch.BLOCK_SCOPE_CARD),
    "UPDATE RECORD append": _update("00DC042C03A40166"),
    "UPDATE RECORD append long": _update("00DC042C66A464" + "77" * 100),
    "UPDATE RECORD replace": _update("00DC022C03A20177"),
    "UPDATE RECORD longer": _update("00DC012C52A150" + "66" * 80),
    "UPDATE RECORD cyclic": _update("00DC003B04A4040404", cyclic=True),
}
"""Commands that take place in one transaction (ERASE then scrubs what it has given up)."""

COUNTED: Final[dict[str, Callable[[], Scene]]] = {
    "EXTERNAL AUTHENTICATE card right": _card_authentication(right=True),
    "EXTERNAL AUTHENTICATE card wrong": _card_authentication(right=False),
    "EXTERNAL AUTHENTICATE master right": _master_authentication(right=True),
    "EXTERNAL AUTHENTICATE master wrong": _master_authentication(right=False),
    "VERIFY right": _verify(right=True),
    "VERIFY wrong": _verify(right=False),
    "EXTERNAL AUTHENTICATE key right": _key_authentication(right=True),
    "EXTERNAL AUTHENTICATE key wrong": _key_authentication(right=False),
}
"""Commands that first lower a try counter."""
