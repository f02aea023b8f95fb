"""Names of DFs, files and keys, from the structures that cards are made of (`vectors/structures`), and of the PSAM.

A card of another structure may use a number otherwise: these are the names of the standard.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final

from cardsim.decode import Environment
from cardsim.decode.commands import PSE_NAME, PSE_RIDS, SSSE_NAME
from cardsim.resources import resource

SSSE_FID: Final = 0xDDF1
PSE_FID: Final = 0xDDF2
DIRECTORY_SFIS: Final[Mapping[Environment, int]] = MappingProxyType({Environment.SSSE: 0x1E, Environment.PSAM: 0x01})
"""Directory files (SSC part 3 §6.3, part 9 §5)."""
PSAM_AID: Final = bytes.fromhex("D15600000590")

_TITLES: Final[Mapping[int, tuple[tuple[int, str, str], ...]]] = MappingProxyType(
    {
        SSSE_FID: (
            (0x05, "card issuer's data", "发卡机构数据"),
            (0x06, "holder", "持卡人基本信息"),
            (0x07, "fingerprint", "指纹"),
            (0x08, "photo", "照片"),
            (0x1E, "directory", "目录文件"),
        ),
        0xDF01: (
            (0x05, "household", "户籍"),
            (0x06, "residence", "常住地"),
            (0x07, "employment status", "个人状况"),
            (0x08, "marital status", "婚姻状况"),
            (0x09, "category and employer", "人员身份及就业单位"),
            (0x0A, "citizenship and political status", "国籍及政治面貌"),
            (0x15, "education", "学历"),
            *((number, f"reserved {n}", f"预留{n}") for n, number in enumerate(range(0x16, 0x1B), 1)),
        ),
        0xDF02: (
            (0x05, "occupation and skills", "职业和专业技能"),
            (0x06, "employment", "就业状况"),
            (0x07, "employment history", "就业记录"),
            (0x09, "employment certificate", "就业失业登记证"),
            (0x15, "assistance", "就业援助对象认定"),
            (0x16, "support", "就业扶持政策享受"),
        ),
        0xDF03: (
            (0x05, "unemployment insurance", "失业保险"),
            (0x06, "capacity to work", "劳动能力鉴定"),
            (0x07, "pension insurance", "养老保险"),
            (0x15, "work-injury insurance", "工伤保险"),
            (0x16, "maternity insurance", "生育保险"),
            (0x17, "work-injury finding", "工伤认定"),
            (0x18, "supported relatives", "供养亲属"),
            (0x19, "insurance certificates", "参保凭证"),
        ),
        0xDF04: (
            (0x05, "medical insurance", "医保基本信息"),
            (0x06, "temporary offline settlement", "临时脱网结算"),
            (0x08, "medical transactions", "医疗交易明细"),
            (0x15, "special settlements", "特殊医疗结算记录"),
        ),
        0xDF05: ((0x05, "life and health", "生命与健康"),),
        0xDF06: ((0x05, "social relief", "社会救助"), (0x06, "preferential treatment", "优待抚恤")),
        0xDF07: ((0x05, "honours", "荣誉"), (0x06, "expert", "专家"), (0x07, "former officers", "军转干部")),
    }
)
"""Files of SSSE by the last byte of their identifiers EFxx, which is their SFI too (V2 tables 3 to 9)."""

_SAM_TITLES: Final[Mapping[int, tuple[str, str]]] = MappingProxyType(
    {
        0x01: ("directory", "目录文件"),
        0x11: ("national keys", "国家密钥"),
        0x12: ("provincial keys", "省级密钥"),
        0x13: ("city keys", "市级密钥"),
        0x15: ("PSAM", "公共信息"),
        0x16: ("terminal number", "终端信息"),
        0x19: ("terminal transaction number", "终端交易序号"),
        0x1A: ("national application", "国家应用信息"),
        0x1B: ("provincial application", "省应用信息"),
        0x1C: ("city application", "市应用信息"),
    }
)
"""Files of the PSAM (SSC part 9 §5)."""
_SAM_KEYS: Final = {0x00: "master key", 0x01: "national key", 0x02: "provincial key", 0x03: "city key"}


@dataclass(frozen=True, slots=True)
class Structure:
    """DFs and keys of the social-security environment, as the newest structure names them.

    `names` are DF names by identifier, `labels` Chinese labels by DF name, `keys` names by DF and P2 of EXTERNAL
    AUTHENTICATE.
    """

    names: Mapping[int, bytes]
    labels: Mapping[bytes, str]
    keys: Mapping[tuple[int, int], str]


@cache
def structure() -> Structure:
    """What the structure of version 2.00, which 3.00 extends, says of names."""
    content = tomllib.loads(resource("structures", "ssse-2.0.toml").read_text(encoding="utf8"))
    names, labels, keys = dict[int, bytes](), dict[bytes, str](), dict[tuple[int, int], str]()
    for df in content["df"]:
        label = df.get("label", "")
        name = bytes.fromhex(df["aid"]) if "aid" in df else df.get("name", label).encode("gbk")
        names[int(df["fid"], 16)] = name
        labels[name] = label
    for key in content["key"]:
        if "use" not in key:
            df = int(key["df"], 16)
            keys[df, key["number"] | (0 if df == SSSE_FID else 0x80)] = key["name"]
    return Structure(names, labels, keys)


@cache
def _sam_keys() -> Mapping[tuple[int, int], str]:
    """Key records of the PSAM by usage and id, as they are met in the field."""
    content = tomllib.loads(resource("structures", "psam-field.toml").read_text(encoding="utf8"))
    return {
        (int(key["usage"], 16), int(key["id"], 16) + n): key["name"]
        for key in content["key"]
        for n in range(key.get("generations", 1))
    }


def name_of_df(environment: Environment, fid: bytes) -> bytes | None:
    """The name of the DF that an identifier (2 bytes) means in an environment; None: no standard says."""
    if environment is Environment.PSAM:
        return {b"\xdf\x01": PSAM_AID}.get(fid)
    return structure().names.get(int.from_bytes(fid, "big")) if environment is Environment.SSSE else None


def df_of(environment: Environment, name: bytes) -> int:
    """The identifier of the DF with a name in the standard; 0: there is none."""
    if len(name) == 2:
        return int.from_bytes(name, "big")
    match environment:
        case Environment.SSSE:
            return next((fid for fid, known in structure().names.items() if known == name), 0)
        case Environment.PSE:
            return PSE_FID if name == PSE_NAME else 0
        case Environment.PSAM:
            return 0xDF01 if name == PSAM_AID else 0
        case Environment.CARD:
            return 0


def df_in_words(environment: Environment, name: bytes) -> str:
    """A DF by name, shortly: `SSSE`, `DF01`, `PSE`; other names as text or hex, nothing for the MF."""
    if not name:
        return ""
    if name == SSSE_NAME:
        return "SSSE"
    if name == PSE_NAME:
        return "PSE"
    fid = df_of(environment, name)
    if fid:
        return f"{fid:04X}"
    try:
        text = name.decode("gbk")
    except UnicodeDecodeError:
        return name.hex().upper()
    return text if text.isprintable() and name[0] < 0xA0 else name.hex().upper()


def title_of_df(name: bytes) -> str:
    """The Chinese label of an application of SSSE; empty for any other DF."""
    return structure().labels.get(name, "")


def environment_of_name(name: bytes, current: Environment) -> Environment:
    """The environment that owns a DF name, as the names of the standards show it."""
    if name == SSSE_NAME or name.startswith(b"\xd1\x56\x00\x00\x05") or title_of_df(name):
        return Environment.SSSE
    if name == PSE_NAME or name.startswith(PSE_RIDS):
        return Environment.PSE
    return current


def file_in_words(environment: Environment, application: bytes, fid: int) -> str:
    """A file with its title: `EF05 card issuer's data 发卡机构数据`; without one where no standard names it."""
    if environment is Environment.PSAM:
        title, chinese = _SAM_TITLES.get(fid, ("", ""))
        return f"EF{fid:04X} {title} {chinese}".strip()
    name = f"EF{fid & 0xFF:02X}" if fid >> 8 == 0xEF else f"EF {fid:04X}"
    rows = _TITLES.get(df_of(environment, application), ()) if environment is Environment.SSSE else ()
    found = next((f" {title} {chinese}" for number, title, chinese in rows if 0xEF00 | number == fid), "")
    return name + found


def key_in_words(environment: Environment, application: bytes, reference: int) -> str:
    """The key that P2 of EXTERNAL AUTHENTICATE names: `RKSSSE`; `key 0D` where no standard has a name."""
    if reference == 0:
        return "master key"
    if environment is Environment.PSAM:
        return _SAM_KEYS.get(reference & 0x0F, f"key {reference:02X}")
    df = df_of(environment, application) if reference & 0x80 else SSSE_FID
    return structure().keys.get((df, reference), f"key {reference:02X}")


def key_names(environment: Environment, application: bytes) -> list[str]:
    """The keys for EXTERNAL AUTHENTICATE that the standard has where the card stands."""
    if environment is not Environment.SSSE:
        return []
    here = df_of(environment, application)
    return [name for (df, _), name in structure().keys.items() if df in (SSSE_FID, here)]


def sam_key_in_words(usage: int, number: int) -> str:
    """The key record that DELIVERY SESSION KEY names by P1 and P2."""
    return _sam_keys().get((usage, number), f"key {number:02X} of usage {usage:02X}")


def files_of(environment: Environment, application: bytes) -> list[int]:
    """The files of a DF that the standard names."""
    if environment is Environment.PSAM:
        return [fid for fid in _SAM_TITLES if (fid in (0x01, 0x15, 0x16)) is (application != PSAM_AID)]
    return [0xEF00 | number for number, _, _ in _TITLES.get(df_of(environment, application), ())]
