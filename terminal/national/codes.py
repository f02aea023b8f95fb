"""What must live here: the return codes of the national interface (38号文, annex A), one row for each.

A function returns 0, one of these codes, or a status word of card or PSAM as its negative decimal value.
"""

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cardsim.iso7816 import status

SUCCESS: Final = 0
UNKNOWN: Final = "未知错误"
"""What every status word without a row means."""


class Code(enum.IntEnum):
    """Codes that the terminal itself gives."""

    CARD_TYPE = -1
    NO_CARD = -2
    NO_POWER = -3
    NO_RESPONSE = -4
    LIBRARY = -5
    CONNECTION = -11
    NOT_CONNECTED = -12
    NOT_SUPPORTED = -13
    PARAMETER = -14
    CHECKSUM = -15
    IDENTIFICATION_FORM = -20
    INTERNAL_AUTHENTICATION = -21
    NOT_THE_CARD = -22
    ILLEGAL_INPUT = -23
    PSAM_LEVEL = -24
    HSM_DIFFERS = -25
    PIN_CANCELLED = -31
    PIN_TIMEOUT = -32
    PIN_LENGTH = -33
    PIN_DIFFERS = -34
    INITIAL_PIN = -35
    BACK_TO_INITIAL_PIN = -36
    ILLEGAL_CHARACTER = -41
    WRONG_LENGTH = -42
    PIN_WRONG = -51
    PIN_LOCKED = -52
    NO_PSAM = -2201
    PSAM_ALGORITHM = -2202
    PSAM_NO_RKSSSE = -2203
    NO_HSM_NEEDED = -2204


CODE_TEXTS: Final[Mapping[int, str]] = MappingProxyType(
    {
        Code.CARD_TYPE: "卡类型不正确",
        Code.NO_CARD: "无卡",
        Code.NO_POWER: "有卡未上电",
        Code.NO_RESPONSE: "卡无应答",
        Code.LIBRARY: "加载动态库错误",
        Code.CONNECTION: "读卡器连接错误",
        Code.NOT_CONNECTED: "未建立连接",
        Code.NOT_SUPPORTED: "不支持该命令",
        Code.PARAMETER: "命令参数错误",
        Code.CHECKSUM: "信息校验出错",
        Code.IDENTIFICATION_FORM: "卡识别码格式错误",
        Code.INTERNAL_AUTHENTICATION: "内部认证失败（用户卡不合法）",
        Code.NOT_THE_CARD: "传入数据与卡内不符",
        Code.ILLEGAL_INPUT: "传入数据不合法",
        Code.PSAM_LEVEL: "PSAM卡密钥级别不够",
        Code.HSM_DIFFERS: "内部认证与加密机不一致",
        Code.PIN_CANCELLED: "用户取消密码输入",
        Code.PIN_TIMEOUT: "密码输入操作超时",
        Code.PIN_LENGTH: "输入密码长度错误",
        Code.PIN_DIFFERS: "两次输入密码不一致",
        Code.INITIAL_PIN: "初始密码不能交易",
        Code.BACK_TO_INITIAL_PIN: "不能改为初始密码",
        Code.ILLEGAL_CHARACTER: "运算数据含非法字符",
        Code.WRONG_LENGTH: "运算数据长度错误",
        Code.PIN_WRONG: "PIN校验失败",
        Code.PIN_LOCKED: "PIN锁定",
        Code.NO_PSAM: "无PSAM卡",
        Code.PSAM_ALGORITHM: "PSAM卡算法不支持",
        Code.PSAM_NO_RKSSSE: "PSAM卡内没有RKSSSE密钥",
        Code.NO_HSM_NEEDED: "不需要加密机认证",
    }
)
"""What stands in the output parameter beside each."""

STATUS_TEXTS: Final[Mapping[int, str]] = MappingProxyType(
    {
        0x63C0: "外部认证失败，剩余0次",
        0x63C1: "外部认证失败，剩余1次",
        0x63C2: "外部认证失败，剩余2次",
        status.WRONG_LENGTH: "Lc/Le不正确",
        status.COMMAND_NOT_ACCEPTED: "命令不接受（无效状态）",
        status.INCOMPATIBLE_FILE: "命令与文件结构不相符，当前文件非所需文件",
        status.SECURITY_NOT_SATISFIED: "不满足安全条件",
        status.BLOCKED: "密钥锁定（算法锁定），鉴别方法锁定",
        status.REFERENCE_DATA_UNUSABLE: "引用数据无效，随机数无效",
        status.CONDITIONS_NOT_SATISFIED: "不满足使用条件，应用被锁定，应用未选择，余额上溢",
        status.SM_OBJECT_INCORRECT: "安全报文数据项不正确，MAC不正确",
        status.WRONG_DATA: "数据域参数不正确",
        status.NOT_SUPPORTED: "不支持该功能，卡中无MF，卡被锁定，应用锁定",
        status.FILE_NOT_FOUND: "未找到文件，文件标识相重，SFI不正确",
        status.RECORD_NOT_FOUND: "未找到记录",
        status.REFERENCE_NOT_FOUND: "未找到引用数据，未找到密钥",
        status.WRONG_MAC: "MAC无效",
        status.APPLICATION_BLOCKED: "应用已被永久锁定，卡片锁定",
        status.KEY_INDEX: "PSAM卡不支持消费交易",
        status.NO_PROOF: "所需MAC（或TAC）不可用",
    }
)
"""Status words of table A.1 with their texts. -25536 is 63C0, no try left, as its decimal value says."""

HSM_WAY: Final = frozenset(
    (Code.NO_PSAM, Code.PSAM_ALGORITHM, Code.PSAM_NO_RKSSSE, -status.REFERENCE_NOT_FOUND, Code.PSAM_LEVEL)
)
"""The five codes after which the business system takes the way by the HSM; any other ends the flow."""


class NationalError(Exception):
    """Ends a function with a code; `text` goes to the output parameter."""

    def __init__(self, code: int, detail: str = "") -> None:
        self.code = int(code)
        self.text = describe(self.code) + (f"，{detail}" if detail else "")
        super().__init__(f"{self.code}: {self.text}")


def of_status(sw: int) -> int:
    """The code of a status word: its negative decimal value."""
    return -sw


def describe(code: int) -> str:
    """The text of a code, without details of the case."""
    if code == SUCCESS:
        return ""
    return CODE_TEXTS.get(code) or STATUS_TEXTS.get(-code, UNKNOWN)
