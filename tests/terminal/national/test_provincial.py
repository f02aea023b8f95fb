"""The earlier binding of one province: transactions of four digits."""

from random import Random

import pytest

from cardsim.crypto.social import Suite, authentication_data, encipher, mac4, session_key
from terminal.driver import Services
from terminal.national.provincial import TRANSACTIONS, WITHOUT_CARD, ProvincialBinding
from tests.cards import HISTORICAL
from tests.psams import FIELD
from tests.terminal.national.counter import NOW, Counter, counter
from tests.terminal.national.test_reader import ATR

DONE, FAILED = "<DATA>00</DATA>", "<DATA>99</DATA>"
PERSON = "<C04>1</C04><C05>01</C05><C06>519900</C06><C07>19850617</C07>"
HOLDER = f"<C01>51990019850617853X</C01><C02>张三</C02><C03></C03>{PERSON}"


class Binding:
    """The binding at a counter."""

    def __init__(self, sam: str | None = FIELD, pins: tuple[str, ...] = (), profile: str = "dual-3.0-sm4") -> None:
        self.desk = counter(profile, sam, pins)
        services = Services(Random(1).randbytes, pin_pad=self.desk.pad)
        self.binding = ProvincialBinding(self.desk.library, services, clock=lambda: NOW)

    def __call__(self, flag: str, data: str = "") -> str:
        """The data of a transaction; a failure has a text besides."""
        code, found, message = self.binding.run(flag, data)
        assert (code == 0) == (not message)
        assert code == (1 if found == FAILED else 0)
        return found


def key_of(desk: Counter, name: str) -> tuple[Suite, bytes]:
    """The card's own key."""
    keys = desk.keys.ssse
    assert keys is not None
    key = keys.card_key(name, keys.suite, keys.area, HISTORICAL)
    assert key is not None
    return keys.suite, key


@pytest.mark.parametrize(
    ("flag", "expected"),
    [
        ("0000", "<DATA>CARDSIM</DATA>"),
        ("1000", f"<DATA>{ATR.hex().upper()}</DATA>"),
        ("1001", "<DATA>100</DATA>"),
        ("1002", DONE),
        ("2000", "<DATA>010000000000000000042801010000</DATA>"),
        ("2001", "<DATA>A00004282</DATA>"),
        ("2002", "<DATA>51990019850617853X</DATA>"),
        ("2003", "<DATA>CSCT261121000001</DATA>"),
        ("2005", HOLDER),
        ("2008", "<C01>519900</C01>"),
    ],
)
def test_whole_answers(flag: str, expected: str) -> None:
    """API-254 to API-262, API-264, API-267: 0 and the data; the port is closed again where it was not open."""
    run = Binding()
    assert run(flag) == expected
    if flag != "1001":
        assert run.desk.closed


def test_issuer_file() -> None:
    """API-263: seven items."""
    code = "519900D156000005000001ACD18203C0"
    assert Binding()("2004") == (
        f"<c01>{code}</c01><c02>3</c02><c03>3.00</c03><c04>915600000251990051990001</c04><c05>20240101</c05>"
        "<c06>20340131</c06><c07>A00004282</c07>"
    )


def test_named_items() -> None:
    """API-265: the same XML with values; items inside an item as Cnn and their tag."""
    asked = "<DF01><EF15><C01></C01><C02></C02></EF15></DF01>"
    inner = "<C0257>402</C0257><C0258>080200</C0258><C0259>示例大学</C0259>"
    assert Binding()("2006", asked) == f"<DF01><EF15><C01>21</C01><C02>{inner}</C02></EF15></DF01>"
    assert Binding()("2006", "<MF><EF05><C07></C07></EF05></MF>") == "<MF><EF05><C07>A00004282</C07></EF05></MF>"


def test_whole_files() -> None:
    """API-266: all items; rows of a cyclic file, the newest first; a transparent one in hex."""
    assert Binding()("2007", "<MF><EF06></EF06></MF>") == f"<MF><EF06>{HOLDER}</EF06></MF>"
    found = Binding()("2007", "<DF02><EF16></EF16></DF02>")
    newest = "<C01>204</C01><C02>20160215</C02><C03>20160301</C03><C04>20170228</C04><C05>519900</C05>"
    assert found.startswith(f"<DF02><EF16><ROW1>{newest}</ROW1><ROW2><C01>203</C01>")
    assert found.count("<ROW") == 4
    assert Binding()("2007", "<DF01><EF16></EF16></DF01>") == f"<DF01><EF16>{'00' * 0x128}</EF16></DF01>"


def test_update() -> None:
    """API-268: items, and one whole record of a cyclic file."""
    run = Binding()
    assert run("3001", "<MF><EF06><C02>李四</C02><C07>19900101</C07></EF06></MF>") == DONE
    assert "<C02>李四</C02>" in run("2005")
    record = "<C01>205</C01><C02>20240101</C02><C03>20240201</C03><C04>20250131</C04><C05>519900</C05>"
    assert run("3001", f"<DF02><EF16>{record}</EF16></DF02>") == DONE
    assert f"<ROW1>{record}</ROW1>" in run("2007", "<DF02><EF16></EF16></DF02>")
    assert run("3001", "<DF02><EF16><C01>205</C01></EF16></DF02>") == FAILED
    assert run("3001", "<DF04><EF08><C01>0001</C01></EF08></DF04>") == FAILED


def test_verify_and_change() -> None:
    """API-269, API-270: the PIN of the data, 00 or 99."""
    run = Binding(sam=None)
    assert run("4001", "<PASS>123456</PASS>") == DONE
    assert run("4001", "<PASS>000000</PASS>") == FAILED
    assert run("4002", "<OLD>123456</OLD><NEW>888888</NEW>") == DONE
    assert run("4001", "<PASS>123456</PASS>") == FAILED
    assert run("4001", "<PASS>888888</PASS>") == DONE


def test_unblock() -> None:
    """API-271: with the keys of the PSAM; the PIN that the holder knows is right again."""
    run = Binding()
    for _ in range(6):
        run("4001", "<PASS>000000</PASS>")
    assert run("4001", "<PASS>123456</PASS>") == FAILED
    assert run("4003", "<PASS>123456</PASS>") == DONE
    assert run("4001", "<PASS>123456</PASS>") == DONE


def test_pad() -> None:
    """API-272: what was entered at the pad, as the binding has it in clear."""
    assert Binding(pins=("123456",))("4004") == "<DATA>123456</DATA>"
    assert Binding(pins=())("4004") == FAILED


def test_commands_of_the_host() -> None:
    """API-277, API-278, API-279: parameters of the proof, the proof and a new random number, then the PIN's reload."""
    run = Binding(sam=None)
    run("1001")
    found = run("7003")[6:-7]
    assert found[16:] == "86605199000001AC" + "519900"
    suite, puk = key_of(run.desk, "PUK")
    original = bytes(range(8))
    proof = authentication_data(suite, puk, bytes.fromhex(found[:16]), original) + original
    challenge = bytes.fromhex(run("7004", f"0082000610{proof.hex()}")[6:-7])
    assert len(challenge) == 8
    _, stk = key_of(run.desk, "STKSSSE")
    session = session_key(suite, stk, challenge)
    message = bytes.fromhex("8424000114") + encipher(suite, session, bytes.fromhex("777777"))
    assert run("7005", (message + mac4(suite, session, message)).hex()) == DONE
    assert run("4001", "<PASS>777777</PASS>") == DONE
    assert run("7005", "8416000004" + "00" * 4) == FAILED, "no other command passes"
    run("1002")


def test_pin_protected_file() -> None:
    """API-282: 1001, 1000, 4001, then 2006; without 4001 it is 99. Transaction 1000 ends the right."""
    asked, found = "<DF04><EF08></EF08></DF04>", "<DF04><EF08></EF08></DF04>"
    run = Binding()
    assert run("2006", asked) == FAILED
    run("1001")
    run("1000")
    assert run("2006", asked) == FAILED
    assert run("4001", "<PASS>123456</PASS>") == DONE
    assert run("2006", asked) == found
    run("1000")
    assert run("2006", asked) == FAILED
    run("1002")
    assert run.desk.closed


@pytest.mark.parametrize(
    ("flag", "data"),
    [
        ("9999", ""), ("", ""), ("2006", ""), ("2006", "<MF>"), ("2006", "<X><EF05></EF05></X>"), ("2006", "<MF></MF>"),
        ("2006", "<MF><EF99></EF99></MF>"), ("2006", "<MF><EF05><C08></C08></EF05></MF>"),
        ("2006", "<MF><EF05><X></X></EF05></MF>"), ("4001", "123456"), ("4001", "<PASS>12</PASS>"),
        ("4001", "<PASS>abcd</PASS>"),
        ("4002", "<OLD>123456</OLD>"), ("7004", "00A40000023F00"), ("7004", "xy"), ("7005", "8424000114"),
        ("4001", '<!DOCTYPE x [<!ENTITY a "1">]><PASS>&a;</PASS>'),
    ],
)  # fmt: skip
def test_failures(flag: str, data: str) -> None:
    """API-254: 1, 99 and a text; nothing is left open."""
    run = Binding()
    assert run(flag, data) == FAILED
    assert run.desk.closed


def test_no_card() -> None:
    """API-254, API-258: an empty slot is a failure of each transaction that needs the card; the port stays open."""
    run = Binding()
    run("1001")
    run.desk.slot(1).remove()
    assert {flag for flag in TRANSACTIONS if run(flag, "<PASS>123456</PASS>") != FAILED} == WITHOUT_CARD
    assert run("1002") == DONE
    assert run.desk.closed
