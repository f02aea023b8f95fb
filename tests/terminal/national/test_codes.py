"""Codes, the table of functions, and the table of key addresses."""

import inspect
import re

import pytest

from terminal.conformance.requirements import load_requirements
from terminal.filetable import file_table
from terminal.keyaddresses import address_text, addressed_keys
from terminal.national import functions
from terminal.national.codes import CODE_TEXTS, HSM_WAY, STATUS_TEXTS, UNKNOWN, Code, describe, of_status
from terminal.national.signatures import ALIASES, FUNCTIONS
from terminal.samkeys import sam_keys
from tests.terminal.national.counter import counter, info

KEY = re.compile(r"(National|Provincial) key (\w+): HSM address\(es\) ([0-9A-F, ]+?) \(groups 01\.\.(\d\d)\), "
                 r"PSAM class (\d\d), id (\w\w), (\d+) bytes(?:; user-card key id (\w\w))?\.")  # fmt: skip
STATUSES = {
    0x6700: -26368, 0x6901: -26881, 0x6981: -27009, 0x6982: -27010, 0x6983: -27011, 0x6984: -27012, 0x6985: -27013,
    0x6988: -27016, 0x6A80: -27264, 0x6A81: -27265, 0x6A82: -27266, 0x6A83: -27267, 0x6A88: -27272, 0x9302: -37634,
    0x9303: -37635, 0x9403: -37891, 0x9406: -37894,
}  # fmt: skip


class TestCodes:
    """Annex A."""

    @pytest.mark.parametrize(("sw", "code"), STATUSES.items(), ids=[f"{sw:04X}" for sw in STATUSES])
    def test_status_words(self, sw: int, code: int) -> None:
        """API-176 to API-192: a status word of the card is its negative decimal value, with the text of its row."""
        desk = counter()
        desk.card.override = lambda command: sw.to_bytes(2, "big") if command[1] == 0xB2 else None
        assert desk.call("iReadCard", 1, 2, info(), "SSSEEF05|07|$") == (code, STATUS_TEXTS[sw])

    def test_others(self) -> None:
        """API-193: any other status word, with the text "unknown error"."""
        desk = counter()
        desk.card.override = lambda command: b"\x6f\x00" if command[1] == 0xB2 else None
        assert desk.call("iReadCard", 1, 2, info(), "SSSEEF05|07|$") == (-28416, "未知错误")

    def test_every_code_has_a_text(self) -> None:
        """API-032: no code without a description, and no two with the same one."""
        assert set(CODE_TEXTS) == set(Code)
        assert all(describe(code) not in ("", UNKNOWN) for code in Code)
        texts = [*CODE_TEXTS.values(), *STATUS_TEXTS.values()]
        assert len(set(texts)) == len(texts)

    def test_codes_are_those_of_the_table(self) -> None:
        """API-144 to API-172: the numbers of annex A, and -25 of the OCX."""
        table = [
            *range(-5, 0),
            *range(-15, -10),
            *range(-25, -19),
            *range(-36, -30),
            -41,
            -42,
            -51,
            -52,
            *range(-2204, -2200),
        ]
        assert sorted(Code) == sorted(table)

    def test_tries(self) -> None:
        """API-173 to API-175: -25536 is 63C0, no try left; so its decimal value says."""
        assert [of_status(0x63C0 + left) for left in range(3)] == [-25536, -25537, -25538]
        assert [describe(-25536 - left)[-2] for left in range(3)] == ["0", "1", "2"]

    def test_way_by_the_hsm(self) -> None:
        """API-130, API-131: five codes, and no other."""
        assert {-2201, -2202, -2203, -27272, -24} == HSM_WAY


class TestFunctions:
    """The functions under their names."""

    @pytest.mark.parametrize(
        ("name", "inputs"),
        [
            ("iReadCardBas", "int iType"),
            ("iReadCardBas_HSM_Step1", "int iType"),
            ("iReadCardBas_HSM_Step2", "char* pKey"),
            ("iReadCard", "int iType, int iAuthType, char* pCardInfo, char* pFileAddr"),
            ("iReadCard_HSM_Step1", "int iType, char* pCardInfo, char* pFileAddr"),
            ("iReadCard_HSM_Step2", "char* pKey"),
            ("iWriteCard", "int iType, char* pCardInfo, char* pFileAddr, char* pWriteData"),
            ("iWriteCard_HSM_Step1", "int iType, char* pCardInfo, char* pFileAddr"),
            ("iWriteCard_HSM_Step2", "char* pKey, char* pWriteData"),
            ("iVerifyPIN", "int iType"),
            ("iChangePIN", "int iType"),
            ("iReloadPIN", "int iType, char* pCardInfo"),
            ("iReloadPIN_HSM_Step3", "char* pKey"),
            ("iUnblockPIN_HSM_Step1", "int iType, char* pCardInfo"),
            ("iDoDebit", "int iType, char* pCardInfo, char* pPayInfo"),
            ("iDoDebit_HSM_Step2", "char* pKey"),
            ("iReadDebitRecord", "int iType"),
        ],
    )  # fmt: skip
    def test_declarations(self, name: str, inputs: str) -> None:
        """API-040, API-051, API-055, API-069, API-080, API-084, API-086, API-093, API-099, API-103, API-105, API-109,
        API-115, API-124, API-126: parameters, types and their order."""
        assert FUNCTIONS[name].declaration == f"long {name}({inputs}, char* pOutInfo)"

    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_python_functions(self, name: str) -> None:
        """API-040, API-069, API-086, API-115: the Python functions have the names and input parameters of the table."""
        function = getattr(functions, name)
        assert function.__name__ == name
        parameters = inspect.signature(function).parameters.values()
        assert [p.name for p in parameters] == [p.name for p in FUNCTIONS[name].inputs]
        assert [p.annotation for p in parameters] == [
            {"int": int, "char*": str}[p.kind.value] for p in FUNCTIONS[name].inputs
        ]

    def test_current_interface(self) -> None:
        """API-028: they work on the interface that is current, and say so where there is none."""
        functions.use(None)
        with pytest.raises(functions.NoInterface):
            functions.iReadCardBas(1)
        desk = counter()
        functions.use(desk.interface)
        try:
            code, output = functions.iReadCardBas(1)
            assert (code, output.split("|")[2]) == (0, "A00004282")
            assert functions.iReadCardBas_HSM_Step1(1).code == 0
            assert desk.library.open_handles == 1
        finally:
            functions.use(None)
        assert desk.closed, "an open sequence ends with the interface"

    def test_aliases(self) -> None:
        """API-113: names of the flow charts."""
        assert functions.iUnlockPIN is functions.iUnblockPIN
        assert functions.iReadDebit is functions.iReadDebitRecord
        assert set(ALIASES) == {"iUnlockPIN", "iReadDebit"}

    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_buffers(self, name: str) -> None:
        """API-036: a parameter that is longer than its buffer, in bytes of GBK, is refused; nothing is touched."""
        function = FUNCTIONS[name]
        texts = [parameter for parameter in function.inputs if parameter.length]
        for wanted in texts:
            desk = counter()
            filler = "中" * (wanted.length // 2) + "1"
            arguments = [1 if not p.length else filler if p is wanted else "" for p in function.inputs]
            assert desk.call(name, *arguments).code == -42
            assert desk.card.power == 0

    def test_sizes(self) -> None:
        """API-036: the sizes of the tables."""
        outputs = {name: function.output for name, function in FUNCTIONS.items()}
        assert (outputs["iReadCardBas"], outputs["iReadCard"], outputs["iWriteCard"]) == (1024, 20480, 1024)
        assert (outputs["iVerifyPIN"], outputs["iDoDebit"], outputs["iReadDebitRecord"]) == (512, 512, 2048)
        sizes: dict[str, set[int]] = {}
        for function in FUNCTIONS.values():
            for parameter in function.inputs:
                sizes.setdefault(parameter.name, set()).add(parameter.length)
        assert sizes == {
            "iType": {0}, "iAuthType": {0}, "pCardInfo": {128}, "pFileAddr": {1024}, "pWriteData": {20480},
            "pPayInfo": {512}, "pKey": {128, 32, 50, 18},
        }  # fmt: skip

    @pytest.mark.parametrize(("arguments", "code"), [((), -14), ((1, 2), -14), (("1",), -14), ((True,), -14)])
    def test_wrong_parameters(self, arguments: tuple[int | str, ...], code: int) -> None:
        """API-023, API-152: another number or kind of parameters."""
        assert counter().call("iReadCardBas", *arguments).code == code

    def test_unknown_function(self) -> None:
        """API-022, API-151: a function that there is not."""
        assert counter().call("PKI_SignData", 1).code == -13


def key_rows() -> dict[str, re.Match[str]]:
    """The requirements that state an address, by id."""
    found = {id_: KEY.match(item.statement) for id_, item in load_requirements().items() if id_.startswith("API-")}
    return {id_: match for id_, match in found.items() if match is not None}


class TestAddresses:
    """Annex B of the interface."""

    def test_all_are_there(self) -> None:
        """API-194 to API-252: one requirement for each key, and each key of the table has one."""
        assert list(key_rows()) == [f"API-{number}" for number in range(194, 253)]
        assert len(key_rows()) == len(addressed_keys())

    @pytest.mark.parametrize("requirement", key_rows())
    def test_key(self, requirement: str) -> None:
        """API-194 to API-252: address of the first group and the ones that follow, class and id in the PSAM, id on the
        card. The classes of STK are those of the field (D25)."""
        level, name, addresses, groups, class_, identifier, _, on_card = key_rows()[requirement].groups()
        first = int(addresses.split(",")[0], 16)
        (row,) = (key for key in addressed_keys() if key.address == first)
        assert (row.name, row.groups, row.provincial) == (name, int(groups), level == "Provincial")
        assert ", ".join(address_text(row.at(group)) for group in range(1, row.groups + 1)) == addresses
        sam = sam_keys()[name]
        assert sam.id + max(row.version - 1, 0) == int(identifier, 16)
        assert sam.type == int(class_, 16) or name in OTHER_CLASSES
        if on_card is not None:
            df = 0xDDF1 if name in ("IRK", "STKSSSE", "UKSSSE", "BK", "PUK", "RKSSSE") else int(name[-4:], 16)
            assert file_table("3.0").key(df, name).reference == int(on_card, 16)


OTHER_CLASSES = ("DLK", "DTK")
"""The annex gives them class 08; the PSAM part has 9 and 12 for load and TAC, which PSAMs use (fact sheet §5.2)."""
