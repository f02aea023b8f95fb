"""Set-up of SSSE under its environment master key, and what remains of it afterwards (D4, D6, D8)."""

import pytest

from cardsim.cos.keys import KeyUse, NewKey
from cardsim.cos.masterkey import Algorithm
from cardsim.crypto.social import Suite
from tests.cards import DUAL_DES, Bench, apdu, card, master_keys
from tests.ssse.shop import NO_LIMIT, Shop, key, shop, value

DF01 = "D15600000500"
EF = "2C0020" + "00" * 8
NEW = b"A-NEW-MASTER-KEY"


@pytest.fixture(params=Suite)
def made(request: pytest.FixtureRequest) -> Shop:
    """SSSE in set-up, its master key authenticated."""
    return shop(request.param)


@pytest.fixture(params=["dual-3.0-sm4", DUAL_DES])
def issued(request: pytest.FixtureRequest) -> Shop:
    """The demo card with SSSE selected."""
    bench = card(request.param)
    bench.ssse()
    return Shop(bench, bench.suite, bench.ssse_master)


class TestSetUp:
    """From the load of the master key to END PERSONALISATION."""

    def test_needs_the_master_key(self, made: Shop) -> None:
        """PERSO-026, PERSO-049, SSC4-5.3-01: 6982 without it for every command of set-up."""
        made.bench.power_on()
        made.bench.ssse()
        assert made.ef("EF05") == made.key_file() == made.df("DF01", DF01) == "6982"
        assert made.bench.all("800A000000", "800E000000") == ["6982", "6982"]
        assert made.write_key(KeyUse.EXTERNAL, 1, value(1)) == "6982"
        assert made.seal("84D40100", master_keys([NEW], made.suite)) == "6982"

    def test_creates_and_loads(self, made: Shop) -> None:
        """PERSO-044, PERSO-027, SCHEME-056, SSC4-5.3-01: DFs, EFs, key files and keys."""
        assert made.ef("EF05") == made.key_file() == made.df("DF0A", DF01) == "9000"
        assert made.write_key(KeyUse.INTERNAL, 0, value(1)) == "9000"
        made.bench.select_fid("DF0A")
        assert made.ef("EF05") == made.key_file() == "9000"
        assert made.df("DF0B", "D15600000501") == "6985"
        assert made.key_file() == "6A89"

    def test_wrong_master_key(self, made: Shop) -> None:
        """PERSO-014, SSC7-6.6-03: counted to the end; then 6983, and a right that was held ends (C-25)."""
        words = [made.bench.authenticate(NEW, 0, made.suite) for _ in range(4)]
        assert words == ["63C4", "63C3", "63C2", "63C1"]
        assert made.ef("EF05") == "9000"
        assert made.bench.authenticate(NEW, 0, made.suite) == "63C0"
        assert made.ef("EF06") == "6982"
        assert made.bench.authenticate(made.master, 0, made.suite) == "6983"

    def test_no_rights_of_other_keys(self, made: Shop) -> None:
        """D6: the master key appends the first records; it reads nothing that is protected and replaces nothing."""
        made.key_file()
        made.external(4)
        made.ef("EF05", read=key(4), write=key(4))
        assert made.append(5, 1, "A10155") == "9000"
        assert made.bench.x("00B2012C00") == "6982"
        assert made.bench.x("00DC012C03A10166") == "6982"
        assert made.bench.x("00DCA12803A10166") == "6982"
        assert made.auth(4) == "9000"
        assert made.bench.x("00DC012C03A10166") == "9000"
        assert made.bench.x("00B2012C00") == "A101669000"

    def test_no_append_without_it(self, made: Shop) -> None:
        """D6: nobody else appends where the write rule says no."""
        made.ef("EF05", write=key(4))
        made.bench.power_on()
        made.bench.ssse()
        assert made.append(5, 1, "A10155") == "6982"

    def test_end(self, made: Shop) -> None:
        """D6, C-16: afterwards P2 00 is 6A88, CREATE and ERASE in clear are 6985, the right is gone."""
        made.ef("EF05", write=key(4))
        assert made.end() == "9000"
        assert made.append(5, 1, "A10155") == "6982"
        assert made.ef("EF06") == "6985"
        assert made.bench.all("800A000000", "800E000000") == ["6985", "6985"]
        assert made.bench.authenticate(made.master, 0, made.suite) == "6A88"
        assert "8A0103" in made.bench.status()

    def test_protected_forms_wait_for_the_end(self, made: Shop) -> None:
        """D6: CREATE and ERASE in their 84 form exist after END PERSONALISATION alone."""
        assert made.seal("84E0EF05", bytes.fromhex(EF + "05")) == "6985"
        assert made.seal("840E0000", b"") == "6985"

    def test_replaces_itself(self, made: Shop) -> None:
        """PERSO-033, PERSO-035, PERSO-046, SCHEME-059, SSC4-5.3-01, SSC4-5.3-02: only the new key authenticates."""
        assert made.seal("84D40100", master_keys([NEW], made.suite)) == "9000"
        assert made.ef("EF05") == "6982"
        assert made.bench.authenticate(made.master, 0, made.suite) == "63C4"
        assert made.bench.authenticate(NEW, 0, made.suite) == "9000"
        assert made.ef("EF05") == "9000"

    def test_master_key_of_another_form(self, made: Shop) -> None:
        """D5: one key of the environment's own cipher."""
        other = Suite.DES if made.suite is Suite.SM4 else Suite.SM4
        assert made.seal("84D40100", master_keys([NEW], other)) == "6A80"
        assert made.seal("84D40100", master_keys([NEW] * 3, made.suite)) == "6A80"
        assert made.seal("84D40100", b"") == "6700"
        assert made.bench.authenticate(made.master, 0, made.suite) == "9000"

    def test_erase(self, made: Shop) -> None:
        """PERSO-021, D4: everything below goes, the environment, its master key and its flag stay."""
        made.key_file()
        secret = made.external(4)
        made.ef("EF05")
        made.append(5, 1, "A1105345435245545345435245545345435245")
        made.df("DF01", DF01)
        made.bench.select_fid("DF01")
        assert made.bench.x("800E000000") == "9000"
        part = made.bench.model.ranges()["DDF1"]
        cells = made.bench.cells[part.start : part.stop]
        assert secret not in cells
        assert b"SECRETSECRET" not in cells
        assert made.bench.all("00A4000002DF01", f"00A4040006{DF01}", "00B2012C00") == ["6A82"] * 3
        assert made.bench.authenticate(secret, 4, made.suite) == "6A88"
        assert made.ef("EF05") == made.df("DF01", DF01) == "9000"
        made.bench.power_on()
        assert made.bench.ssse() == "9000"
        assert made.bench.authenticate(made.master, 0, made.suite) == "9000"

    @pytest.mark.parametrize(
        "data",
        ["390020" + "00" * 8 + "05", "2C0000" + "00" * 8 + "05", "2C0020" + "00" * 8 + "1F",
         "2C002005" + "00" * 7 + "05",
         "2C0020" + "01100000" + "00" * 4 + "05", "2A0004" + "00" * 8 + "05", "2EFF04" + "00" * 8 + "05",
         "3F0000", "3F0031", "380000000000FFFE" + DF01, "38000000001FFFFF" + DF01, "210020" + "00" * 8 + "05"],
    )  # fmt: skip
    def test_create_wrong_data(self, made: Shop, data: str) -> None:
        """Unknown types, sizes of nothing, unknown rules and references, SFI above 30: 6A80, nothing changed."""
        before = made.bench.cells
        assert made.create("EF05", data) == "6A80"
        assert made.bench.cells == before


class TestKeys:
    """WRITE KEY (D8)."""

    def test_protection(self, made: Shop) -> None:
        """PERSO-020, PERSO-037, D8: challenge, MAC and form are judged; in clear it does not exist."""
        made.key_file()
        plain = bytes(NewKey(KeyUse.EXTERNAL, 1, 1, Algorithm(made.suite.key_algorithm_byte), 3, value(1)))
        assert made.bench.x("84D4000024" + "00" * 36) == "6984"
        made.bench.challenge()
        assert made.bench.x("84D4000024" + "00" * 36) == "6988"
        assert made.bench.x(apdu("80D40000", plain)) == "6E00"
        assert made.bench.x(apdu("00D40000", plain)) == "6E00"
        assert made.seal("84D40000", plain) == "9000"
        assert made.seal("84D40001", plain) == made.seal("84D40200", plain) == "6A86"

    @pytest.mark.parametrize(
        "plain",
        [b"\x39", bytes.fromhex("3901010003"), bytes.fromhex("33010100") + b"\x03" + bytes(16),
         bytes.fromhex("39100100") + b"\x03" + bytes(16), bytes.fromhex("39010100") + b"\0" + bytes(16),
         bytes.fromhex("39010100") + b"\x10" + bytes(16), bytes.fromhex("39010100") + b"\x03" + bytes(8),
         bytes.fromhex("39010102") + b"\x03" + bytes(16), bytes.fromhex("39010101") + b"\x03" + bytes(16)],
    )  # fmt: skip
    def test_wrong_data(self, plain: bytes) -> None:
        """Unknown use or algorithm, impossible number, limit or length: 6A80."""
        made = shop()
        made.key_file()
        before = made.bench.cells
        assert made.seal("84D40000", plain) == "6A80"
        assert made.bench.cells == before

    @pytest.mark.parametrize("use", [KeyUse.INTERNAL, KeyUse.EXTERNAL, KeyUse.MAINTENANCE])
    def test_key_of_another_cipher(self, made: Shop, use: KeyUse) -> None:
        """C-20, PERSO-032: a key whose algorithm is not the environment's is refused, and no command meets it later."""
        made.key_file()
        other, size = (Algorithm.SM4, 16) if made.suite is Suite.DES else (Algorithm.DES, 8)
        assert made.write_key(use, 0, value(1, size), algorithm=other) == "6A80"
        if made.suite is Suite.SM4:
            assert made.write_key(use, 0, value(1), algorithm=Algorithm.TDES) == "6A80"
        assert made.bench.x("0088000010" + "11" * 16) == "6A88"

    def test_short_stk(self) -> None:
        """PERSO-032: STK keys of a DES card have eight bytes."""
        made = shop()
        made.key_file()
        assert made.write_key(KeyUse.MAINTENANCE, 2, value(1, 8), limit=NO_LIMIT) == "9000"

    def test_by_use_and_number(self, made: Shop) -> None:
        """D6, C-16: internal key 00 and master key 00 are different keys; replacing one gives its tries back."""
        made.key_file()
        made.write_key(KeyUse.INTERNAL, 0, value(1), limit=NO_LIMIT)
        assert made.bench.authenticate(made.master, 0, made.suite) == "9000"
        made.external(4)
        assert made.bench.authenticate(bytes(16), 4, made.suite) == "63C2"
        assert made.external(4) == value(5)
        assert made.auth(4) == "9000"
        assert made.bench.authenticate(bytes(16), 4, made.suite) == "63C2"


class TestIssued:
    """After END PERSONALISATION: protected forms alone."""

    def test_create_and_load(self, issued: Shop) -> None:
        """D6, PERSO-044, SSC4-5.3-01: CREATE, WRITE KEY and the master key's own replacement, MACed and enciphered."""
        assert issued.seal("84E0EF09", bytes.fromhex(EF + "09")) == "9000"
        assert issued.bench.select_fid("EF09", "02") == "9000"
        assert issued.append(9, 1, "A10155") == "9000"
        assert issued.seal("84E0DF0A", bytes.fromhex("380000000000FFFFD15600000509")) == "9000"
        assert issued.bench.select("D15600000509") == "6F088406D156000005099000"
        assert issued.seal("84E00000", bytes.fromhex("3F0004")) == "9000"
        assert issued.write_key(KeyUse.EXTERNAL, 1, value(1)) == "9000"
        assert issued.bench.authenticate(value(1), 0x81) == "9000"

    def test_protection(self, issued: Shop) -> None:
        """D6, D8: a fresh challenge for each, the right MAC, no authentication needed or useful."""
        plain = bytes.fromhex(EF + "09")
        for header, length in (("84E0EF09", 20), ("84D40000", 36), ("84D40100", 36), ("840E0000", 4)):
            assert issued.bench.x(f"{header}{length:02X}" + "00" * length) == "6984"
            issued.bench.challenge()
            assert issued.bench.x(f"{header}{length:02X}" + "00" * length) == "6988"
            assert issued.bench.x(f"{header}{length:02X}" + "00" * length) == "6984"
        assert issued.bench.protected("84E0EF09", bytes(16), plain) == "6988"
        assert issued.bench.select_fid("EF09", "02") == "6A82"

    def test_replaces_itself(self, issued: Shop) -> None:
        """SSC4-5.3-02, SCHEME-059, PERSO-046: the old master key makes no MAC any more, the new one does."""
        assert issued.seal("84D40100", master_keys([NEW], issued.suite)) == "9000"
        assert issued.seal("84E0EF09", bytes.fromhex(EF + "09")) == "6988"
        issued.master = NEW
        assert issued.seal("84E0EF09", bytes.fromhex(EF + "09")) == "9000"

    def test_erase(self, issued: Shop) -> None:
        """D4: ERASE with a MAC empties SSSE; it stays issued, and PSE is what it was."""
        other = issued.bench.model.ranges()["DDF2"]
        before = issued.bench.cells[other.start : other.stop]
        secrets = [issued.bench.key(name) for name in ("IRK", "RKSSSE", "UKSSSE", "UK1DF01")]
        assert issued.seal("840E0000", b"") == "9000"
        part = issued.bench.model.ranges()["DDF1"]
        cells = issued.bench.cells
        assert not any(secret in cells[part.start : part.stop] for secret in secrets)
        assert cells[other.start : other.stop] == before
        assert issued.bench.x("0020000000") == "6A88"
        assert issued.bench.x("800E000000") == "6985"

    def test_erase_ends_the_account(self, issued: Shop) -> None:
        """D4: SSSE is selected when its applications are gone, and the commands of the account went with them."""
        assert issued.bench.select_fid("DF04").endswith("9000")
        assert issued.bench.x("B026000000") == "6A86"
        assert issued.seal("840E0000", b"") == "9000"
        assert issued.bench.all("B026000000", "B02C01000F" + "00" * 15) == ["6E00"] * 2
        assert issued.seal("84E0EF05", bytes.fromhex(EF + "05")) == "9000"

    def test_demo_master_keys(self) -> None:
        """PERSO-033, PERSO-034: the first master key is no longer in force on the operational card."""
        bench: Bench = card()
        bench.ssse()
        first = Shop(bench, bench.suite, b"")
        assert bench.keys.ssse is not None
        first.master = bench.ssse_master
        assert first.seal("84E0EF09", bytes.fromhex(EF + "09")) == "9000"
