"""The scheme's businesses are rows: all of them are there, and a region adds its own."""

from pathlib import Path

import pytest

from terminal.businesses import Channel, scheme
from terminal.errors import UsageError

REGION = """
[[business]]
key = "park-card"
chinese = "公园年卡"
name = "yearly pass of the city's parks"
clause = "region"
channels = ["counter", "kiosk"]
reads = ["DF0AEF05"]
"""


def test_every_row_names_its_term_and_clause() -> None:
    """Each has a Chinese term, an English name, and the place of the scheme that it comes from."""
    catalogue = scheme()
    for table in (catalogue.business, catalogue.query, catalogue.settlement, catalogue.contribution, catalogue.benefit):
        for row in table.values():
            assert row.chinese
            assert row.name
            assert row.clause.startswith("scheme 2(")


def test_the_scheme_names_these() -> None:
    """What part 2 (1) and (2) of the scheme count up, by their Chinese names."""
    catalogue = scheme()
    assert {row.chinese for row in catalogue.business.values() if Channel.COUNTER in row.channels} == {
        "公共就业服务",
        "就业扶持政策",
        "参保登记",
        "缴费申报",
        "社会保险关系转移接续",
        "医疗费用报销",
        "待遇领取资格认证",
    }
    assert list(catalogue.contribution) == ["flexible", "resident", "rural", "withholding"]
    assert [row.chinese for row in catalogue.benefit.values()] == [
        "养老金",
        "失业保险金",
        "工伤保险定期待遇",
        "社会保险一次性待遇",
        "医疗费用报销返还",
        "就业扶持政策补贴",
    ]


def test_each_business_with_money_has_its_switch(tmp_path: Path) -> None:
    """SCHEME-089: "via card account" is a switch of each business."""
    catalogue = scheme()
    assert all(row.via_card_account for row in catalogue.contribution.values())
    moved = tmp_path / "more.toml"
    moved.write_text(
        '[[contribution]]\nkey = "student"\nchinese = "学生"\nname = "student"\nclause = "region"\n'
        "via_card_account = false\n",
        encoding="utf8",
    )
    assert not catalogue.extended(moved).contribution["student"].via_card_account


def test_a_region_adds_rows(tmp_path: Path) -> None:
    """A region's file adds to the scheme's rows, which stay what they are."""
    path = tmp_path / "region.toml"
    path.write_text(REGION, encoding="utf8")
    extended = scheme().extended(path)
    assert extended.business["park-card"].reads == ("DF0AEF05",)
    assert "park-card" not in scheme().business
    assert set(scheme().business) < set(extended.business)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[business]]\nkey = 'x'", "business 1: channels, chinese, clause, name is missing"),
        (REGION.replace("park-card", "transfer"), "there is a row transfer already"),
        (REGION.replace('"kiosk"', '"bus"'), "channels: bus is none of counter, kiosk, web"),
        (REGION + "pin = true", "business 1: pin is not known"),
        (REGION.replace('["DF0AEF05"]', '"DF0AEF05"'), "reads is a list"),
        (REGION.replace('"region"', "1"), "clause is text"),
        ("[[shop]]\nkey = 'x'", "[[shop]] is not known"),
        ("business = 1", "business is written as rows"),
        ("[[", "Invalid"),
    ],
)
def test_a_malformed_file_is_said_with_its_place(text: str, problem: str, tmp_path: Path) -> None:
    """One sentence with the file, the row and the word."""
    path = tmp_path / "region.toml"
    path.write_text(text, encoding="utf8")
    with pytest.raises(UsageError) as error:
        scheme().extended(path)
    assert str(path) in str(error.value)
    assert problem in str(error.value)
