"""The scheme's two figures are drawn from what is built; the test of the generated pages keeps them fresh."""

from xml.etree import ElementTree as ET

import pytest

from cardsim.cos import commands as cos
from cardsim.pse import commands as pse
from cardsim.ssse import commands as ssse
from terminal.messages.bank import MessageKind
from tests.docs.console import ROOT
from tests.docs.support import tool

draw_figures = tool("draw_figures")


def texts(name: str) -> list[str]:
    """The lines of text in a figure of docs/."""
    tree = ET.fromstring((ROOT / "docs" / name).read_text(encoding="utf8"))
    return ["".join(element.itertext()) for element in tree.iter("{http://www.w3.org/2000/svg}text")]


def test_the_card() -> None:
    """SCHEME-024: hardware, driver layer, one COS with its commands, two stacks of three modules, the firewall."""
    found = texts("figure-card.svg")
    together = " · ".join(found)
    for words in ("芯片", "硬件驱动层", "COS 卡片操作系统", "SSSE 社保应用系统环境", "PSE 金融支付系统环境", "防火墙"):
        assert sum(words in line for line in found) == 1, words
    for module in ("命令管理", "文件管理", "安全管理"):
        assert sum(module in line for line in found) == 2, "one for each environment"
    for row in (*cos.TABLE, *ssse.TABLE, *pse.TABLE):
        assert row.name in together, row.name


def test_the_systems() -> None:
    """SCHEME-093: card, terminals, department systems, bank systems, UnionPay, and every message between them."""
    together = " · ".join(texts("figure-systems.svg"))
    for words in (
        "社会保障卡",
        "社保业务功能终端",
        "金融业务功能终端",
        "全业务功能终端",
        "人社部门",
        "商业银行",
        "中国银联",
    ):
        assert words in together, words
    for kind in MessageKind:
        assert kind.value in together
    for request in draw_figures.requests():
        assert request in together
    assert len(draw_figures.requests()) > 15


def test_a_part_that_is_not_built_cannot_be_drawn() -> None:
    """SCHEME-093: a figure with a system that does not exist, or without its contract, is an error."""
    with pytest.raises(ModuleNotFoundError):
        draw_figures._about(draw_figures.System("none", "terminal.hosts.nowhere"))
    with pytest.raises(LookupError):
        draw_figures.contract("No such contract")
