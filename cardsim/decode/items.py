"""What must live here: names, Chinese terms and formats of the data items of both environments.

Sources: SSC file structure V2.0 table 9 (tags of one byte, simple TLV); JR/T 0025.5-2010 annex A and EMV Book 3
annex A (BER-TLV tags). Adding an item is adding a row.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final


class Format(enum.Enum):
    """How the bytes of a value are read."""

    TEXT = "text in GBK, filled with 00 or blanks"
    DIGITS = "BCD digits, filled with F"
    DATE8 = "YYYYMMDD in BCD"
    DATE6 = "YYMMDD in BCD"
    TIME6 = "HHMMSS in BCD"
    TIME14 = "YYYYMMDDhhmmss in BCD"
    FEN_BCD = "amount in fen, BCD"
    FEN_BINARY = "amount in fen, binary"
    NUMBER = "binary number"
    CODE = "one of a table of codes"
    TAGS = "data object list"
    BITS = "flags, see `bits`"
    HEX = "bytes"
    TEMPLATE = "data objects"
    PAN = "card number in BCD"
    NAME = "DF name: text if it is one, else bytes"
    COMMAND = "command of an issuer script"
    RESPONSE = "ARPC and authorisation response code"


@dataclass(frozen=True, slots=True)
class Item:
    """One data item."""

    tag: int
    name: str
    chinese: str = ""
    format: Format = Format.HEX
    codes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    sensitive: bool = False
    """Never shown without being asked for (PIN values)."""


_T, _D, _8 = Format.TEXT, Format.DIGITS, Format.DATE8
_C = Format.CODE

CARD_TYPES: Final = {"1": "pre-school child", "2": "student", "3": "adult", "4": "senior"}
SEXES: Final = {"1": "male", "2": "female", "9": "not stated"}
YES_NO: Final = {"0": "no", "1": "yes"}
_NATIONS: Final = {"01": "Han", "99": "other"}

_SSSE_ROWS: Final = (
    Item(0x01, "card identification code", "卡的识别码", _D),
    Item(0x02, "card type", "卡的类别", _C, CARD_TYPES),
    Item(0x03, "specification version", "规范版本", _T),
    Item(0x04, "initialising institution", "初始化机构编号", _D),
    Item(0x05, "date of issue", "发卡日期", _8),
    Item(0x06, "valid until", "卡有效期", _8),
    Item(0x07, "card number", "卡号", _T),
    Item(0x08, "social-security number", "社会保障号码", _T),
    Item(0x09, "name", "姓名", _T),
    Item(0x4E, "name extension", "姓名扩展", _T),
    Item(0x0A, "sex", "性别", _C, SEXES),
    Item(0x0B, "nationality group", "民族", _C, _NATIONS),
    Item(0x0C, "place of birth (area code)", "出生地", _D),
    Item(0x0D, "date of birth", "出生日期", _8),
    Item(0x20, "kind of household", "户口类别", _T),
    Item(0x21, "registered address", "户口所在地地址", _T),
    Item(0x0E, "registered area code", "户口所在地区划", _D),
    Item(0x23, "home address", "常住地址", _T),
    Item(0x24, "home area code", "常住地区划", _D),
    Item(0x28, "telephone", "联系电话", _T),
    Item(0x2C, "contact person", "联系人姓名", _T),
    Item(0x2D, "telephone of the contact person", "联系人电话", _T),
    Item(0x29, "employment or retirement status", "就业或离退休状态", _T),
    Item(0x2B, "marital status", "婚姻状况", _T),
    Item(0x2E, "employer", "单位名称", _T),
    Item(0x30, "organisation code", "组织机构代码", _T),
    Item(0x32, "category of person", "人员身份类别", _T),
    Item(0x37, "citizenship", "国籍", _T),
    Item(0x38, "political status", "政治面貌", _T),
    Item(0x39, "date of joining a party", "参加党派日期", _8),
    Item(0x2A, "education", "学历", _D),
    Item(0x81, "kind of medical insurance", "险种类型及标识", _T),
    Item(0x84, "place of insurance (area code)", "参保地", _D),
    Item(0x8F, "mode of card use", "用卡方式", _C, {"1": "online", "2": "offline"}),
    Item(0x90, "offline settlement allowed", "准许脱网标识", _C, YES_NO),
    Item(0x92, "offline total", "累计金额", Format.FEN_BCD),
    Item(0x93, "offline count", "累计次数", _T),
)

_N, _A, _B, _TPL = Format.NUMBER, Format.FEN_BCD, Format.BITS, Format.TEMPLATE
_CURRENCY: Final = {"0156": "yuan (CNY)", "0344": "HKD", "0840": "USD", "0978": "EUR"}
_COUNTRY: Final = {"0156": "China", "0344": "Hong Kong", "0840": "United States"}
TRANSACTION_TYPES: Final = {"00": "purchase", "01": "cash", "09": "purchase with cashback", "20": "refund"} | {
    "21": "deposit",
    "30": "available funds inquiry",
    "31": "balance inquiry",
    "40": "transfer",
}
_ID_TYPES: Final = {"00": "identity card", "01": "officer's card", "02": "passport", "03": "entry permit"} | {
    "04": "temporary identity card",
    "05": "other",
}

_PSE_ROWS: Final = (
    Item(0x42, "issuer identification number", "发卡行标识", _D),
    Item(0x4F, "application identifier", "应用标识符"),
    Item(0x50, "application label", "应用标签", _T),
    Item(0x57, "track 2 equivalent data", "二磁道等价数据", _D),
    Item(0x5A, "primary account number", "应用主账号", Format.PAN),
    Item(0x5F20, "cardholder name", "持卡人姓名", _T),
    Item(0x5F24, "expires", "应用失效日期", Format.DATE6),
    Item(0x5F25, "valid from", "应用生效日期", Format.DATE6),
    Item(0x5F28, "issuer country", "发卡行国家代码", _C, _COUNTRY),
    Item(0x5F2A, "transaction currency", "交易货币代码", _C, _CURRENCY),
    Item(0x5F2D, "languages", "首选语言", _T),
    Item(0x5F30, "service code", "服务码", _D),
    Item(0x5F34, "PAN sequence number", "应用主账号序列号", _D),
    Item(0x5F36, "currency exponent", "交易货币指数", _N),
    Item(0x61, "application template", "应用模板", _TPL),
    Item(0x6F, "file control information", "文件控制信息", _TPL),
    Item(0x70, "record", "记录模板", _TPL),
    Item(0x71, "issuer script before the last cryptogram", "发卡行脚本模板1", _TPL),
    Item(0x72, "issuer script after the last cryptogram", "发卡行脚本模板2", _TPL),
    Item(0x73, "directory discretionary template", "目录自定义模板", _TPL),
    Item(0x77, "response (format 2)", "响应模板格式2", _TPL),
    Item(0x80, "response (format 1)", "响应模板格式1"),
    Item(0x82, "application interchange profile", "应用交互特征", _B),
    Item(0x84, "DF name", "专用文件名称", Format.NAME),
    Item(0x86, "issuer script command", "发卡行脚本命令", Format.COMMAND),
    Item(0x87, "application priority", "应用优先指示器", _N),
    Item(0x88, "directory file (SFI)", "短文件标识符", _N),
    Item(0x8A, "authorisation response code", "授权响应码", _T),
    Item(0x8C, "data wanted for the first cryptogram (CDOL1)", "卡片风险管理数据对象列表1", Format.TAGS),
    Item(0x8D, "data wanted for the second cryptogram (CDOL2)", "卡片风险管理数据对象列表2", Format.TAGS),
    Item(0x8E, "cardholder verification methods", "持卡人验证方法列表", _B),
    Item(0x8F, "CA public key index", "CA公钥索引", Format.HEX),
    Item(0x90, "issuer public key certificate", "发卡行公钥证书"),
    Item(0x91, "issuer authentication data", "发卡行认证数据", Format.RESPONSE),
    Item(0x92, "issuer public key remainder", "发卡行公钥余数"),
    Item(0x93, "signed static application data", "签名的静态应用数据"),
    Item(0x94, "application file locator", "应用文件定位器", _B),
    Item(0x95, "terminal verification results", "终端验证结果", _B),
    Item(0x99, "PIN", "个人识别码", sensitive=True),
    Item(0x9A, "transaction date", "交易日期", Format.DATE6),
    Item(0x9B, "transaction status", "交易状态信息", _B),
    Item(0x9C, "transaction type", "交易类型", _C, TRANSACTION_TYPES),
    Item(0x9D, "directory definition file", "目录定义文件名称"),
    Item(0xA5, "proprietary template", "专有模板", _TPL),
    Item(0x9F02, "amount", "授权金额", _A),
    Item(0x9F03, "other amount", "其他金额", _A),
    Item(0x9F06, "AID of the terminal", "终端应用标识符"),
    Item(0x9F07, "application usage control", "应用用途控制", _B),
    Item(0x9F08, "application version of the card", "卡片应用版本号"),
    Item(0x9F09, "application version of the terminal", "终端应用版本号"),
    Item(0x9F0B, "cardholder name (long)", "持卡人姓名扩展", _T),
    Item(0x9F0C, "issuer's proprietary data", "发卡机构自定义数据", _TPL),
    Item(0x9F0D, "issuer action code: default", "发卡行行为代码-缺省", _B),
    Item(0x9F0E, "issuer action code: denial", "发卡行行为代码-拒绝", _B),
    Item(0x9F0F, "issuer action code: online", "发卡行行为代码-联机", _B),
    Item(0x9F10, "issuer application data", "发卡行应用数据", _B),
    Item(0x9F11, "issuer code table", "发卡行代码表索引", _N),
    Item(0x9F12, "preferred name", "应用首选名称", _T),
    Item(0x9F13, "last online transaction counter", "上次联机ATC寄存器", _N),
    Item(0x9F14, "lower consecutive offline limit", "连续脱机交易下限", _N),
    Item(0x9F17, "PIN tries left", "PIN尝试计数器", _N),
    Item(0x9F18, "issuer script identifier", "发卡行脚本标识符"),
    Item(0x9F1A, "terminal country", "终端国家代码", _C, _COUNTRY),
    Item(0x9F1B, "floor limit", "终端最低限额", Format.FEN_BINARY),
    Item(0x9F1E, "terminal serial number", "接口设备序列号", _T),
    Item(0x9F1F, "track 1 discretionary data", "一磁道自定义数据", _T),
    Item(0x9F21, "transaction time", "交易时间", Format.TIME6),
    Item(0x9F23, "upper consecutive offline limit", "连续脱机交易上限", _N),
    Item(0x9F26, "application cryptogram", "应用密文"),
    Item(0x9F27, "cryptogram information", "密文信息数据", _B),
    Item(0x9F32, "issuer public key exponent", "发卡行公钥指数"),
    Item(0x9F33, "terminal capabilities", "终端性能", _B),
    Item(0x9F34, "cardholder verification result", "持卡人验证结果", _B),
    Item(0x9F35, "terminal type", "终端类型", _D),
    Item(0x9F36, "transaction counter (ATC)", "应用交易计数器", _N),
    Item(0x9F37, "unpredictable number", "不可预知数"),
    Item(0x9F38, "data wanted for the start (PDOL)", "处理选项数据对象列表", Format.TAGS),
    Item(0x9F40, "additional terminal capabilities", "附加终端性能"),
    Item(0x9F41, "transaction sequence number", "交易序列计数器", _D),
    Item(0x9F42, "application currency", "应用货币代码", _C, _CURRENCY),
    Item(0x9F45, "data authentication code", "数据认证代码"),
    Item(0x9F46, "ICC public key certificate", "IC卡公钥证书"),
    Item(0x9F47, "ICC public key exponent", "IC卡公钥指数"),
    Item(0x9F48, "ICC public key remainder", "IC卡公钥余数"),
    Item(0x9F49, "data wanted for dynamic authentication (DDOL)", "动态数据认证数据对象列表", Format.TAGS),
    Item(0x9F4A, "static data authentication tags", "静态数据认证标签列表"),
    Item(0x9F4B, "signed dynamic application data", "签名的动态应用数据"),
    Item(0x9F4C, "ICC dynamic number", "IC卡动态数"),
    Item(0x9F4D, "log entry", "日志入口"),
    Item(0x9F4E, "merchant name", "商户名称", _T),
    Item(0x9F4F, "log format", "日志格式", Format.TAGS),
    Item(0x9F51, "card currency", "应用货币代码", _C, _CURRENCY),
    Item(0x9F52, "application default action", "应用缺省行为", _B),
    Item(0x9F53, "consecutive offline limit, foreign currency", "连续脱机交易限制数（国际-货币）", _N),
    Item(0x9F54, "cumulative offline amount limit", "累计脱机交易金额限制数", _A),
    Item(0x9F56, "issuer authentication indicator", "发卡行认证指示位"),
    Item(0x9F57, "issuer country (card)", "发卡行国家代码", _C, _COUNTRY),
    Item(0x9F58, "lower consecutive offline limit (card)", "连续脱机交易下限", _N),
    Item(0x9F59, "upper consecutive offline limit (card)", "连续脱机交易上限", _N),
    Item(0x9F5C, "cumulative offline amount upper limit", "累计脱机交易金额上限", _A),
    Item(0x9F61, "identity document number", "持卡人证件号", _T),
    Item(0x9F62, "identity document type", "持卡人证件类型", _C, _ID_TYPES),
    Item(0x9F63, "card product identification", "卡产品标识信息"),
    Item(0x9F6D, "electronic cash reset threshold", "电子现金重置阈值", _A),
    Item(0x9F72, "consecutive offline limit, foreign country", "连续脱机交易限制数（国际-国家）", _N),
    Item(0x9F73, "currency conversion factor", "货币转换因子", _D),
    Item(0x9F74, "electronic cash authorisation code", "电子现金发卡行授权码", _T),
    Item(0x9F75, "cumulative offline amount limit, two currencies", "累计脱机交易金额限制数（双货币）", _A),
    Item(0x9F76, "second currency of the card", "第二应用货币代码", _C, _CURRENCY),
    Item(0x9F77, "electronic cash balance limit", "电子现金余额上限", _A),
    Item(0x9F78, "electronic cash transaction limit", "电子现金单笔交易限额", _A),
    Item(0x9F79, "electronic cash balance", "电子现金余额", _A),
    Item(0x9F7A, "electronic cash wanted", "电子现金终端支持指示器", _N),
    Item(0x9F7B, "electronic cash terminal limit", "电子现金终端交易限额", _A),
    Item(0xBF0C, "issuer discretionary data", "发卡行自定义数据", _TPL),
    Item(0xDF31, "issuer script results", "发卡行脚本结果"),
)

SSSE_ITEMS: Final[Mapping[int, Item]] = MappingProxyType({item.tag: item for item in _SSSE_ROWS})
"""Items of the social-security files by tag; a tag means the same in every file of V2.0."""

PSE_ITEMS: Final[Mapping[int, Item]] = MappingProxyType({item.tag: item for item in _PSE_ROWS})
"""Items of the payment application and of both environments' FCI by tag."""

NUMERIC_TAGS: Final = frozenset(
    {0x5F24, 0x5F25, 0x5F28, 0x5F2A, 0x5F30, 0x5F34, 0x5F36, 0x9A, 0x9C, 0x9F02, 0x9F03, 0x9F1A, 0x9F21, 0x9F35, 0x9F41,
     0x9F7B}
)  # fmt: skip
"""Tags of format n: fitted to a data object list at their right end (EMV Book 3 §5.4)."""
COMPRESSED_TAGS: Final = frozenset({0x5A, 0x9F20})
"""Tags of format cn: filled with F at their right end (EMV Book 3 §5.4)."""


def item_of(tag: int, *, simple: bool = False) -> Item:
    """The row of a tag; a nameless one for a tag that no table has.

    Args:
        tag: tag as in print.
        simple: whether it stood in a simple TLV of the social-security files.
    """
    return (SSSE_ITEMS if simple else PSE_ITEMS).get(tag) or Item(tag, f"tag {tag:02X}")
