"""The scheme's two figures (附图1, 附图2), drawn from what is built: tables, packages, import contracts.

`tools/make_docs.py` writes them as docs/figure-card.svg and docs/figure-systems.svg. A part of the system that is not
there, or a contract that is gone, is an error of the drawing.
"""

import importlib
import inspect
import pkgutil
import re
import textwrap
import tomllib
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Final
from xml.sax.saxutils import escape

import cardsim.chip
import terminal.links
from cardsim.cos import commands as cos
from cardsim.cos.keys import KeyUse
from cardsim.cos.table import Command
from cardsim.making.structure import load_structure
from cardsim.pse import commands as pse
from cardsim.pse.contents import GROUPINGS
from cardsim.ssse import commands as ssse
from cardsim.ssse import medical_commands as medical
from terminal.messages import social as messages
from terminal.messages.bank import MessageKind

_ROOT: Final = Path(__file__).resolve().parent.parent
_LINE, _GAP, _SMALL = 18, 14, 12
_INK, _RED, _PAPER, _PANEL = "#223344", "#b03030", "#ffffff", "#f4f6f8"


# --- drawing -----------------------------------------------------------------------------------------------------


def _width(text: str, size: int) -> float:
    """About how wide a text is: a Chinese character is as wide as it is high."""
    return sum(size if unicodedata.east_asian_width(c) in "WF" else size * 0.56 for c in text)


def _wrapped(words: Iterable[str], width: float, separator: str = " · ") -> list[str]:
    """Words in lines of at most a width."""
    lines: list[str] = []
    for word in words:
        longer = f"{lines[-1]}{separator}{word}" if lines else word
        if lines and _width(longer, _SMALL) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


@dataclass
class Canvas:
    """SVG elements, and how far down they reach."""

    width: int
    title: str
    parts: list[str] = field(default_factory=list)
    bottom: float = 0

    def rect(self, x: float, y: float, width: float, height: float, fill: str = _PAPER) -> None:
        """A box."""
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6" fill="{fill}" stroke="#445566"/>'
        )
        self.bottom = max(self.bottom, y + height)

    def text(
        self, x: float, y: float, text: str, *, bold: bool = False, colour: str = _INK, size: int = _SMALL
    ) -> None:
        """A line of text, centred."""
        weight = ' font-weight="bold"' if bold else ""
        self.parts.append(f'<text x="{x:g}" y="{y:g}" fill="{colour}" font-size="{size}"{weight}>{escape(text)}</text>')

    def line(self, x1: float, y1: float, x2: float, y2: float, *, colour: str = _INK, dashed: bool = False) -> None:
        """A line."""
        dash = ' stroke-dasharray="10 5"' if dashed else ""
        width = 4 if dashed else 1.5
        self.parts.append(
            f'<path d="M{x1:g} {y1:g} L{x2:g} {y2:g}" stroke="{colour}" stroke-width="{width}" fill="none"{dash}/>'
        )

    def panel(
        self, x: float, y: float, width: float, title: str, words: Sequence[str], fill: str = _PAPER, rows: int = 0
    ) -> float:
        """A box with a title and words, and room for at least so many rows; how high it is."""
        lines = _wrapped(words, width - 2 * _GAP)
        height = _LINE * (max(len(lines), rows) + 1) + _GAP
        self.rect(x, y, width, height, fill)
        self.text(x + width / 2, y + _LINE, title, bold=True, size=13)
        for number, line in enumerate(lines, 2):
            self.text(x + width / 2, y + _LINE * number, line)
        return height

    def svg(self) -> str:
        """The whole figure."""
        height = self.bottom + _GAP
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {height:g}" font-family="sans-serif" '
            f'text-anchor="middle" role="img">\n<!-- Written by tools/make_docs.py (tools/draw_figures.py). -->\n'
        )
        back = f'<title>{escape(self.title)}</title>\n<rect width="{self.width}" height="{height:g}" fill="{_PAPER}"/>'
        return "\n".join((head + back, *self.parts, "</svg>\n"))


# --- what is built -----------------------------------------------------------------------------------------------


def contract(name: str) -> dict[str, Any]:
    """An import contract by the beginning of its name.

    Raises:
        LookupError: there is none any more.
    """
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf8"))
    for found in project["tool"]["importlinter"]["contracts"]:
        if found["name"].startswith(name):
            return dict(found)
    raise LookupError(f"pyproject.toml has no import contract {name!r}")


def _names(rows: Iterable[Command]) -> list[str]:
    """Names of commands, each once."""
    return list(dict.fromkeys(row.name for row in rows))


def _drivers() -> list[str]:
    """The modules of the chip, each by the first words of its docstring."""
    modules = (importlib.import_module(f"cardsim.chip.{m.name}") for m in pkgutil.iter_modules(cardsim.chip.__path__))
    return [_first_words(module) for module in modules]


def _first_words(module: ModuleType) -> str:
    """What a module is, up to the first stop of its docstring."""
    return re.split(r"[:,.(]", module.__doc__ or "")[0].strip()


def requests() -> list[str]:
    """What a terminal can ask the social-security host, in words."""
    base = messages.SocialRequest
    found = (value for value in vars(messages).values() if inspect.isclass(value))
    names = [value.__name__ for value in found if issubclass(value, base) and value is not base]
    return [re.sub(r"(?<!^)(?=[A-Z])", " ", name).lower() for name in names]


# --- figure 1: the card ------------------------------------------------------------------------------------------


def figure_card() -> str:
    """附图1: hardware, driver layer, one COS, two stacks and the firewall between them (SCHEME-024)."""
    firewall = contract("The firewall")
    assert {"cardsim.ssse", "cardsim.pse"} <= set(firewall["modules"])
    canvas = Canvas(960, "One chip, one COS, two environments behind a firewall")
    margin, inner = 20, 20
    column = (canvas.width - 2 * margin - 2 * inner - 50) / 2
    left, right = margin + inner, margin + inner + column + 50
    start = len(canvas.parts)
    y = margin + _LINE * 2.0 + _GAP
    for line in _wrapped(_names(cos.TABLE), canvas.width - 4 * margin):
        canvas.text(canvas.width / 2, y, line)
        y += _LINE
    canvas.text(
        canvas.width / 2, margin + _LINE * 1.5, "COS 卡片操作系统: card master key, dispatch, gate", bold=True, size=15
    )
    top = y
    ends = [
        _stack(canvas, left, top, column, "SSSE 社保应用系统环境", _social_modules()),
        _stack(canvas, right, top, column, "PSE 金融支付系统环境", _payment_modules()),
    ]
    end = max(ends)
    middle = canvas.width / 2
    canvas.line(middle, top, middle, end, colour=_RED, dashed=True)
    canvas.text(middle, end + _LINE, "防火墙 firewall", bold=True, colour=_RED, size=13)
    body = canvas.parts[start:]
    del canvas.parts[start:]
    canvas.rect(margin, margin, canvas.width - 2 * margin, end + _LINE * 1.7 - margin, _PANEL)
    canvas.parts += body
    y = end + _LINE * 1.7 + _GAP
    y += canvas.panel(margin, y, canvas.width - 2 * margin, "硬件驱动层 hardware driver layer", _drivers(), _PANEL)
    canvas.panel(
        margin,
        y + _GAP,
        canvas.width - 2 * margin,
        "芯片 chip",
        ["EEPROM", "contact interface, T=0", "3DES, SM4, RSA"],
        _PANEL,
    )
    return canvas.svg()


def _stack(
    canvas: Canvas, x: float, y: float, width: float, title: str, modules: Sequence[tuple[str, list[str]]]
) -> float:
    """One environment with its three modules; where it ends."""
    start = len(canvas.parts)
    at = y + _LINE * 1.6
    for name, words in modules:
        at += canvas.panel(x + 12, at, width - 24, name, words) + 10
    body = canvas.parts[start:]
    del canvas.parts[start:]
    canvas.rect(x, y, width, at - y)
    canvas.text(x + width / 2, y + _LINE, title, bold=True, size=14)
    canvas.parts += body
    return at


_COMMANDS, _FILES, _SECURITY = "命令管理 command management", "文件管理 file management", "安全管理 security management"


def _social_modules() -> tuple[tuple[str, list[str]], ...]:
    structure = load_structure("ssse-3.0")
    files = [
        f"{df.fid:04X} {df.label.decode('gbk')}: {len(list(structure.files_of(df.fid)))} files".replace(" :", ":")
        for df in structure.dfs
    ]
    uses = [key.use for key in structure.keys]
    keys = [f"{use.name.lower().replace('_', ' ')} keys: {uses.count(use)}" for use in KeyUse if use in uses]
    return (
        (_COMMANDS, _names((*ssse.TABLE, *medical.TABLE))),
        (_FILES, files),
        (_SECURITY, ["环境主控密钥 environment master key", "one PIN", *keys]),
    )


def _payment_modules() -> tuple[tuple[str, list[str]], ...]:
    profile = tomllib.loads((_ROOT / "vectors/structures/pse-debit.toml").read_text(encoding="utf8"))
    files = [
        f"{profile['aid']} {profile['label']}",
        f"{len(GROUPINGS)} kinds of data groupings (DGI)",
        "transaction log",
    ]
    security = [
        "环境主控密钥 KMC key set: KENC, KMAC, KDEK",
        "cryptogram, MAC and encipherment keys",
        "RSA key",
        "bank PIN",
    ]
    return (_COMMANDS, _names(pse.TABLE)), (_FILES, files), (_SECURITY, security)


# --- figure 2: the application systems ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class System:
    """A system of the figure: what it is called, and the package that is it."""

    title: str
    package: str


_TERMINALS: Final = (
    System("社保业务功能终端 social-security terminal", "terminal.flows.social"),
    System("金融业务功能终端 financial terminal", "terminal.flows.financial"),
    System("全业务功能终端 full-function terminal", "terminal.flows.full"),
)
_DEPARTMENT: Final = (
    System("人社部门业务系统 social-security host", "terminal.hosts.social"),
    System("加密机 HSM", "terminal.hosts.hsm"),
)
_BANK: Final = (
    System("合作银行 authorisation host", "terminal.hosts.bank"),
    System("账务 books", "terminal.hosts.books"),
)
_UNIONPAY: Final = (System("中国银联 switch", "terminal.hosts.switch"),)


def figure_systems() -> str:
    """附图2: card, terminals, the department's and the bank's systems, UnionPay, and what goes between them."""
    meeting = contract("Terminals and hosts meet in messages alone")
    assert "terminal.hosts" in meeting["forbidden_modules"]
    canvas = Canvas(1100, "Card, terminals, department, bank and UnionPay")
    margin, width = 20.0, 330.0
    full = canvas.width - 2 * margin
    y = margin
    cards = ["SSSE 社保应用系统环境", "PSE 金融支付系统环境", "PSAM: for the social-security side alone"]
    y += canvas.panel(margin, y, full, "社会保障卡 card", cards, _PANEL) + _GAP
    y = _arrow(canvas, y, canvas.width / 2, f"APDU: {', '.join(_links())}")
    y = _row(canvas, y, margin, full, _TERMINALS)
    branch = y
    asked = _wrapped(requests(), width - _GAP)
    told = _wrapped([kind.value for kind in MessageKind], width)
    lines = max(len(asked), len(told)) + 1
    for x, title, words in (
        (margin + width / 2, "social-security messages", asked),
        (canvas.width - margin - width, "payment messages, ISO 8583", told),
    ):
        canvas.line(x - width / 2 + 2, branch, x - width / 2 + 2, branch + _LINE * (lines + 1))
        canvas.text(x + 6, branch + _LINE, title, bold=True)
        for number, line in enumerate(words, 2):
            canvas.text(x + 6, branch + _LINE * number, line)
    y = branch + _LINE * (lines + 1)
    half = (full - _GAP * 4) / 2
    ends = [
        _systems(canvas, margin, y, half, "人社部门 department", _DEPARTMENT),
        _systems(canvas, margin + half + 4 * _GAP, y, half, "商业银行 bank · 中国银联 UnionPay", (*_UNIONPAY, *_BANK)),
    ]
    gap = margin + half
    canvas.line(gap, y + 40, gap + 4 * _GAP, y + 40)
    canvas.text(gap + 2 * _GAP, y + 34, "batches", bold=True)
    canvas.bottom = max(canvas.bottom, *ends)
    return canvas.svg()


_WAYS: Final = {"target": "in process", "pcsc": "PC/SC reader", "recording": "recording"}


def _links() -> list[str]:
    """The ways to a card; each is a module of the links."""
    built = {found.name for found in pkgutil.iter_modules(terminal.links.__path__)}
    assert set(_WAYS) <= built
    return list(_WAYS.values())


def _arrow(canvas: Canvas, y: float, x: float, text: str) -> float:
    canvas.line(x, y - _GAP, x, y + _LINE * 1.4)
    canvas.text(x + 150, y + _LINE * 0.6, text, bold=True)
    return y + _LINE * 1.4


def _row(canvas: Canvas, y: float, x: float, width: float, systems: Sequence[System]) -> float:
    """Systems side by side; where they end."""
    each = (width - _GAP * (len(systems) - 1)) / len(systems)
    rows = max(len(_wrapped(_about(system), each - 2 * _GAP)) for system in systems)
    for number, system in enumerate(systems):
        height = canvas.panel(x + number * (each + _GAP), y, each, system.title, _about(system), rows=rows)
    return y + height


def _systems(canvas: Canvas, x: float, y: float, width: float, title: str, systems: Sequence[System]) -> float:
    """Systems of one owner; where they end."""
    start = len(canvas.parts)
    at = y + _LINE * 1.6
    for system in systems:
        at += canvas.panel(x + 12, at, width - 24, system.title, _about(system)) + 10
    body = canvas.parts[start:]
    del canvas.parts[start:]
    canvas.rect(x, y, width, at - y, _PANEL)
    canvas.text(x + width / 2, y + _LINE, title, bold=True, size=14)
    canvas.parts += body
    return at


def _about(system: System) -> list[str]:
    """The package, and the first sentence of what it says about itself.

    Raises:
        ModuleNotFoundError: the part is not built.
    """
    text = (importlib.import_module(system.package).__doc__ or "").strip().removeprefix("What must live here: ")
    sentence = re.split(r"(?<=[a-z)])[.:;](?: |\n|$)", text, maxsplit=1)[0]
    return [system.package, *textwrap.wrap(sentence, 44)]


FIGURES: Final[dict[str, Callable[[], str]]] = {"figure-card.svg": figure_card, "figure-systems.svg": figure_systems}
