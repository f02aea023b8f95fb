"""SELECT in the social-security environment (SSC part 5 §6.11)."""

import pytest

from cardsim.crypto.social import Suite
from cardsim.iso7816 import tlv
from tests.cards import (
    AID,
    SSSE_NAME,
    Bench,
    apdu,
    blank,
    card,
    create_data,
    load_environment_key,
    load_master,
    master_keys,
)
from tests.ssse.shop import key, shop, value

DF01 = "D15600000500"
FCI = "6F1C840F" + SSSE_NAME + "A50988011E9F0C038601"


@pytest.fixture
def inside(bench: Bench) -> Bench:
    """The demo card with SSSE selected."""
    assert bench.ssse() == "9000"
    return bench


class TestByName:
    """P1 04."""

    @pytest.mark.parametrize(
        ("profile", "algorithm"), [("dual-3.0-sm4", "03"), ("dual-3.0-des", "01"), ("social-2.0", "01")]
    )
    def test_fci(self, profile: str, algorithm: str) -> None:
        """SSC5-6.11-01, SSC5-6.11-02, C-20, PERSO-016, PERSO-017: the FCI, byte for byte, by cipher."""
        assert card(profile).select(SSSE_NAME) == FCI + algorithm + "9000"

    def test_fci_of_an_application(self, inside: Bench) -> None:
        """SSC5-6.11-04: 6F {84 AID} and nothing else."""
        assert inside.select(DF01) == "6F088406D156000005009000"

    def test_fci_without_directory(self) -> None:
        """SSC5-6.11-02: tag 88 is there only if a directory SFI was given."""
        bench = blank()
        load_master(bench)
        assert bench.x(apdu("80E0DDF1", create_data(64, 1, 3, 0, SSSE_NAME))) == "9000"
        assert load_environment_key(bench, "DDF1", master_keys([value(1)], Suite.SM4)) == "9000"
        assert bench.select(SSSE_NAME) == f"6F19840F{SSSE_NAME}A5069F0C038601039000"

    def test_by_label(self) -> None:
        """PERSO-025: a DF without AID answers to the label it was given."""
        made = shop()
        name = "社会保险".encode("gbk").hex().upper()
        assert made.df("DF05", name) == "9000"
        assert made.bench.select(name) == f"6F{len(name) // 2 + 2:02X}84{len(name) // 2:02X}{name}9000"

    @pytest.mark.parametrize("p2", ["01", "03", "04", "0C", "FF"])
    def test_p2(self, inside: Bench, p2: str) -> None:
        """SSC5-6.11-16: P2 00 and 02 alone."""
        assert inside.x(f"00A404{p2}06{DF01}") == "6A86"

    def test_p2_with_identifiers(self, inside: Bench) -> None:
        """SSC5-6.11-16: with P1 00 and 02 only P2 00."""
        assert inside.all("00A4000202DF01", "00A4020202EF05") == ["6A86", "6A86"]

    def test_not_found(self, inside: Bench) -> None:
        """SSC5-6.11-22: 6A82, and the selection stays."""
        inside.select_fid("EF05", "02")
        assert inside.all("00A4020002EF99", "00A4000002DF99", "00A4040006D15600000599") == ["6A82"] * 3
        assert inside.x("00B2030406").startswith("0304")

    @pytest.mark.parametrize(
        "command",
        ["00A4040004D1560000", "00A4040011" + "41" * 17, "00A4000001DF", "00A4020003EF0500", "00A4020000",
         "00A4040000", "00A4000003DF0100"],
    )  # fmt: skip
    def test_lengths(self, inside: Bench, command: str) -> None:
        """SSC5-6.11-21: Lc that does not fit P1 is 6700."""
        assert inside.x(command) == "6700"

    @pytest.mark.parametrize("p1", ["01", "03", "08", "09", "10"])
    def test_p1(self, inside: Bench, p1: str) -> None:
        """SSC5-6.11-23: P1 other than 00, 02, 04 is 6A86."""
        assert inside.x(f"00A4{p1}0002DF01") == "6A86"

    def test_partial_names(self) -> None:
        """SSC5-6.11-17: a partial name and P2 02 visit each application once; then 6A82, the last one stays."""
        made = shop()
        names = [f"D1560000050{number}" for number in range(5)]
        for number, name in enumerate(names, 1):
            made.root()
            assert made.df(f"DF0{number}", name) == "9000"
        bench = made.bench
        found = [bench.x("00A4040005D156000005")]
        found += [bench.x("00A4040205D156000005") for _ in range(5)]
        assert found == [f"6F088406{name}9000" for name in names] + ["6A82"]
        assert made.ef("EF05") == "9000"
        assert bench.x("00A4040205D156000005") == "6A82"
        bench.ssse()
        assert bench.x("00A4040205D156000005") == "6A82"

    def test_exact_name_wins(self) -> None:
        """SSC5-6.11-17: a name that is the beginning of another is found by itself."""
        made = shop()
        assert made.df("DF01", "D15600000500") == "9000"
        assert made.df("DF02", "D156000005") == "9000"
        assert made.bench.select("D156000005") == "6F078405D1560000059000"

    def test_pse_name_on_a_social_card(self) -> None:
        """SSC4-5.1-01: 6A82 where there is no PSE."""
        bench = card("social-2.0")
        assert bench.select(AID) == "6A82"
        assert bench.x("00A404000E315041592E5359532E4444463031") == "6A82"


class TestByIdentifier:
    """P1 00 and 02."""

    def test_ef(self, inside: Bench) -> None:
        """SSC5-6.11-05: no FCI, no 61xx; no current record."""
        inside.follow = False
        assert inside.select_fid("EF05", "02") == "9000"
        assert inside.x("00B2000412") == "6A83"
        assert inside.x("00B2010412")[:4] == "0110"

    def test_ef_with_p1_00(self, inside: Bench) -> None:
        """SSC5-6.11-07, C-17: readers send it; accepted for an EF of the current DF."""
        assert inside.select_fid("EF06") == "9000"
        assert inside.select_fid("EF05") == "9000"
        assert inside.x("00B2010412")[:4] == "0110"

    def test_df(self, inside: Bench) -> None:
        """SSC5-6.11-06: a DF by identifier, with its FCI; back up too."""
        assert inside.select_fid("DF01") == "6F088406D156000005009000"
        assert inside.select_fid("EF05") == "9000"
        assert inside.select_fid("EF1E") == "6A82"
        assert inside.select_fid("DDF1").startswith("6F1C")
        assert inside.select_fid("DF01", "02") == "6A82"

    @pytest.mark.parametrize("command", ["00A4000000", "00A40000", "00A40000023F00", "00A40000023F0000"])
    def test_mf(self, inside: Bench, command: str) -> None:
        """SSC5-6.11-08, SSC5-6.11-09, C-41, D9: the MF by nothing and by 3F00."""
        inside.select(DF01)
        assert inside.x(command) == "6F0484023F009000"
        assert inside.x("80F2000000")[:2] == "70"

    def test_ef_of_the_df(self) -> None:
        """SSC5-6.11-10, T0-024: equal identifiers in two DFs are two files; the path is the current DF."""
        made = shop()
        assert made.ef("EF05") == made.append(5, 1, "A10101") == "9000"
        made.df("DF01", DF01)
        made.bench.select_fid("DF01")
        assert made.ef("EF05") == made.append(5, 1, "B10101") == "9000"
        assert made.bench.x("00B2012C03") == "B101019000"
        made.root()
        assert made.bench.x("00B2012C03") == "A101019000"

    def test_no_ef_current_after_a_df(self, inside: Bench) -> None:
        """SSC5-6.11-11, SSC5-6.10-15: 6986."""
        inside.select_fid("EF05", "02")
        assert inside.ssse() == "9000"
        assert inside.x("00B2010412") == "6986"

    def test_transparent_and_key_files(self) -> None:
        """SSC5-6.10-13, SSC5-6.13-23: a transparent EF can be selected and has no records; a key file cannot."""
        made = shop()
        assert made.create("EF07", "280030" + "00" * 8 + "07") == made.key_file() == "9000"
        assert made.bench.select_fid("EF07", "02") == "9000"
        assert made.bench.x("00B2010400") == made.bench.x("00B2013C00") == "6981"
        assert made.bench.x("00DC010403A10155") == "6981"
        assert made.bench.select_fid("0000", "02") == "6A82"


class TestDirectory:
    """The directory file that tag 88 announces."""

    def test_entries(self, inside: Bench) -> None:
        """C-07, SSC5-6.11-01, SSCV2-B2-01: SFI 1E holds one template 61 {4F, 50} for each application."""
        found = []
        for number in range(1, 8):
            assert inside.x(f"00B2{number:02X}F400")[-4:] == "9000"
            (template,) = tlv.parse(bytes.fromhex(inside.data))
            assert template.tag == 0x61
            name, label = (item.value for item in tlv.parse(template.value))
            found.append((name.hex().upper(), label.decode("gbk")))
        assert found == [
            ("D15600000500", "公共应用信息区"), ("D15600000501", "就业与失业信息区"),
            ("D15600000502", "社会保险信息区1"), ("D15600000503", "社会保险信息区2"),
            ("C9FAC3FCD3EBBDA1BFB5D0C5CFA2C7F8", "生命与健康信息区"),
            ("BEC8D6FAD3EBD3C5B8A7D0C5CFA2C7F8", "救助与优抚信息区"), ("D15600000504", "人事人才信息区"),
        ]  # fmt: skip
        assert inside.x("00B208F400") == "6A83"

    def test_write_rule(self, inside: Bench) -> None:
        """The directory changes with UKSSSE alone."""
        assert inside.x("00DC01F4036101AA") == "6982"
        assert inside.authenticate(inside.key("UKSSSE"), 4) == "9000"
        assert inside.x("00DC01F4036101AA") == "9000"


def test_same_sfi_twice() -> None:
    """C-07: identifiers and SFIs are unique in a DF."""
    made = shop()
    assert made.ef("EF05") == "9000"
    assert made.ef("EF05") == "6A89"
    assert made.ef("EE05", write=key(4)) == "6A89"
    assert made.df("EF05", DF01) == "6A89"
