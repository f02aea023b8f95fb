"""The strings of the national interface: what is taken, and what is refused with which code."""

import pytest

from terminal.filetable import Address
from terminal.national.address import ItemAddress, parse_addresses, parse_card_info, parse_pay_info
from terminal.national.codes import NationalError

CODE = "519900D156000005000001ACD18203C0"


def refused(parse: object, text: str) -> int:
    """The code with which a string is refused."""
    assert callable(parse)
    with pytest.raises(NationalError) as caught:
        parse(text)
    return caught.value.code


class TestAddresses:
    """pFileAddr."""

    def test_two_files(self) -> None:
        """API-060: two files, item 37; items 2A and 40, of which the second record."""
        first, second = parse_addresses("DF01EF0A|37|$DF01EF15|2A|40:2|$")
        assert (first.file, first.items) == (Address(0xDF01, 0xEF0A), (ItemAddress(0x37),))
        assert (second.file, second.items) == (Address(0xDF01, 0xEF15), (ItemAddress(0x2A), ItemAddress(0x40, 2)))

    @pytest.mark.parametrize(
        "text",
        ["DF01EF0A|37", "DF01EF0A|37|", "DF01EF0A|37$", "", "$", "|$", "DF01EF0A|37|$DF01EF15", "DF01EF0A|37|$x"],
    )
    def test_endings(self, text: str) -> None:
        """API-061: a string without the closing $ or | is illegal."""
        assert refused(parse_addresses, text) == -23

    @pytest.mark.parametrize(
        "text",
        [
            "DF1EF05|$",
            "DF01EF5|$",
            "DF01EF0A|3|$",
            "DF01EF0A|37:0|$",
            "DF01EF0A|zz|$",
            "DF02EF07:0|$",
            "ef05|$",
            "EF05|$",
        ],
    )
    def test_parts(self, text: str) -> None:
        """API-060: what is no file, no item or no record number is illegal."""
        assert refused(parse_addresses, text) == -23

    @pytest.mark.parametrize("name", ["SSSE", "MF", "DDF1"])
    def test_environment(self, name: str) -> None:
        """API-063: older drivers write MF or DDF1 for the environment."""
        (address,) = parse_addresses(f"{name}EF05|07|$")
        assert address.file == Address(0xDDF1, 0xEF05)
        assert address.written == f"{name}EF05"

    def test_record(self) -> None:
        """API-066: a cyclic file with the number of a record."""
        (address,) = parse_addresses("DF02EF07:01|$")
        assert (address.file, address.record, address.items) == (Address(0xDF02, 0xEF07), 1, ())


class TestCardInfo:
    """pCardInfo."""

    def test_two_fields(self) -> None:
        """API-072: card id | card number |."""
        info = parse_card_info(f"{CODE}|X00000019|")
        assert (info.identification, info.number) == (CODE, "X00000019")

    @pytest.mark.parametrize("text", ["123|X00000019|", f"{CODE[:-1]}|X00000019|", f"{CODE[:-1]}G|X00000019|", "||"])
    def test_identification(self, text: str) -> None:
        """API-074, API-154: what is no 32 hex digits."""
        assert refused(parse_card_info, text) == -20

    @pytest.mark.parametrize("text", ["", CODE, f"{CODE}|X00000019", f"{CODE}|X00000019|x", f"{CODE}|X|Y|"])
    def test_form(self, text: str) -> None:
        """API-072: other forms are illegal."""
        assert refused(parse_card_info, text) == -23


class TestPayInfo:
    """pPayInfo."""

    def test_amounts(self) -> None:
        """API-116: amounts with two decimals are fen."""
        payment = parse_pay_info("123.45|100.00|20140801120001|")
        assert (payment.total, payment.account_and_pool, payment.time) == (12345, 10000, "20140801120001")
        assert parse_pay_info("42949672.94|0.00|20140801120001|").total == 0xFFFFFFFE

    @pytest.mark.parametrize("amount", ["42949672.95", "42949672.96", "99999999.99"])
    def test_limit(self, amount: str) -> None:
        """API-117: 42949672.95 and more are refused."""
        assert refused(parse_pay_info, f"{amount}|0.00|20140801120001|") == -23
        assert refused(parse_pay_info, f"0.00|{amount}|20140801120001|") == -23

    @pytest.mark.parametrize(
        ("amount", "code"),
        [("1.5", -23), ("1", -23), ("1.500", -23), ("", -23), (".50", -23), ("1.2.3", -23), ("-1.00", -41),
         ("1,00", -41), ("abc", -41), ("١.٠٠", -41)],
    )  # fmt: skip
    def test_form(self, amount: str, code: int) -> None:
        """API-118, API-165: other than two decimals -23, other characters -41."""
        assert refused(parse_pay_info, f"{amount}|0.00|20140801120001|") == code

    @pytest.mark.parametrize(
        "text",
        [
            "1.00|0.00|20140801120001",
            "1.00|0.00|",
            "1.00|0.00|20141301120001|",
            "1.00|0.00|2014080112000|",
            "1.00|0.00|x|",
        ],
    )
    def test_rest(self, text: str) -> None:
        """API-116: fields that are missing, and what is no time."""
        assert refused(parse_pay_info, text) == -23
