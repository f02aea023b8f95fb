"""What stands in the files of the invented card beyond number, name and dates: the same on every demo card.

All of it is invented. Fingerprint and photo are patterns: the first bytes of the photo are those of a JPEG file, and no
program will show a picture. Names are those that the structures use; a list has one text for each record, oldest first.
"""

from collections.abc import Mapping
from typing import Final

from cardsim.making.demo import AREA
from cardsim.making.plan import Value

_EMPLOYER: Final = "示例市安康机械有限公司"
_OFFICE: Final = "示例市人力资源和社会保障局"

_PERSON: Final[Mapping[str, Value]] = {
    "household_kind": "11",
    "household_address": "四川省示例市公园路1号",
    "household_area": AREA,
    "home_address": "四川省示例市公园路1号",
    "home_area": AREA,
    "telephone": "02800000000",
    "contact_name": "李四",
    "contact_telephone": "02800000001",
    "employment": "1",
    "marriage": "2",
    "employer": _EMPLOYER,
    "organisation_code": "000000019",
    "person_category": "11",
    "citizenship": "156",
    "political_status": "13",
    "party_date": "",
    "education": "21",
    "degree_code": ["402"],
    "degree_subject": ["080200"],
    "degree_school": ["示例大学"],
    "wage_year": "0007200000",
    "wage_month": "0000600000",
    "wage_date": "0020231231",
}

_WORK: Final[Mapping[str, Value]] = {
    "profession": "083",
    "profession_level": "434",
    "worker_occupation": ["6180101"],
    "worker_level": ["3"],
    "worker_authority": ["示例市职业技能鉴定中心"],
    "worker_certified": ["20100315"],
    "worker_certificate": ["1051990000000001"],
    "expert_occupation": ["083"],
    "expert_authority": [_OFFICE],
    "expert_certified": ["20150920"],
    "expert_certificate": ["2051990000000001"],
    "employed_on": "20160301",
    "employed_kind": "10201",
    "employed_area": AREA,
    "unemployed_on": "20151115",
    "unemployed_reason": "200102",
    "unemployed_area": AREA,
    "occupation": "2020701",
    "job_occupation": ["6180101", "6180101", "2020701", "2020701"],
    "job_began": ["20060901", "20090301", "20120601", "20160301"],
    "job_ended": ["20090228", "20120531", "20151031", ""],
    "job_employer": ["示例市第一机床厂", "示例市第二机床厂", "示例市电机有限公司", _EMPLOYER],
    "employment_certificate": "5199000000000001",
    "reemployment_certificate": "5199000001",
    "employment_authority": _OFFICE,
    "employment_certified": "20151116",
    "employment_area": AREA,
    "assistance_kind": ["101", "102"],
    "assistance_began": ["20151120", "20160105"],
    "assistance_area": [AREA, AREA],
    "assistance_ended": "20160301",
    "assistance_ended_area": AREA,
    "support_kind": ["201", "202", "203", "204"],
    "support_approved": ["20151120", "20151201", "20160105", "20160215"],
    "support_began": ["20151201", "20151215", "20160110", "20160301"],
    "support_ended": ["20151231", "20160131", "20160229", "20170228"],
    "support_area": [AREA, AREA, AREA, AREA],
}

_INSURANCE: Final[Mapping[str, Value]] = {
    "unemployment_area": AREA,
    "unemployment_claimed": "20151120",
    "unemployment_reported": "20160201",
    "unemployment_years": "009",
    "unemployment_valid_years": "009",
    "unemployment_months": "018",
    "unemployment_months_paid": "003",
    "capacity_number": "51990020140000000001",
    "item_46": "01",
    "disability_grade": "10",
    "item_48": "0",
    "item_49": "1",
    "capacity_date": "20140610",
    "capacity_authority": "示例市劳动能力鉴定委员会",
    "item_13": ["01"],
    "item_14": ["1"],
    "confirmation_number": ["51990020140000000002"],
    "confirmation_date": ["20140701"],
    "confirmation_authority": ["示例市劳动能力鉴定委员会"],
    "pension_kind": "110",
    "pension_area": AREA,
    "pension_opened": "20060901",
    "retired_on": "",
    "pension_began": "",
    "pension_updated": "20240101",
    "injury_area": AREA,
    "injury_insured": "20060901",
    "injury_updated": "20240101",
    "maternity_area": AREA,
    "item_5F": "1",
    "accident_number": "51990020140000000003",
    "accident_employer": "示例市电机有限公司",
    "accident_result": "1",
    "accident_date": "20140505",
    "accident_authority": _OFFICE,
    "item_74": "101",
    "dependant_area": AREA,
    "item_76": "01",
    "dependant_began": "20140801",
    "dependant_updated": "20240101",
    "item_18": ["110", "310", "210"],
    "voucher_area": [AREA, AREA, AREA],
    "voucher_began": ["20060901", "20060901", "20060901"],
    "voucher_ended": ["20120531", "20120531", "20120531"],
    "voucher_amount": ["01234500", "00456700", "00023400"],
    "item_1D": ["069", "069", "069"],
    "voucher_issued": ["20120601", "20120601", "20120601"],
    "rural_area": AREA,
    "rural_opened": "",
}

_MEDICAL: Final[Mapping[str, Value]] = {
    "medical_kind": "310" + "00001",
    "medical_area": AREA,
    "health_record": "51990000100100001",
    "medical_person": "11",
    "medical_opened": "20060901",
    "medical_account": "5199000000000000000000000001",
    "medical_certificate": "519900000000001",
    "hospital_1": "H51990001",
    "hospital_2": "H51990002",
    "hospital_3": "H51990003",
    "injury_hospital_1": "H51990004",
    "injury_hospital_2": "H51990005",
    "injury_hospital_3": "",
    "maternity_hospital_1": "H51990006",
    "maternity_hospital_2": "",
    "medical_mode": "2",
    "medical_mode_online": "1",
    "offline_allowed": "1",
    "offline_total": "00000000",
    "offline_count": "00",
    "account_balance": "0000012345",
    "account_holder_total": "0000001000",
    "account_pool_total": "0000002000",
    "resident_kind": "1",
    "resident_insured": "20100101",
}

_HEALTH: Final[Mapping[str, Value]] = {
    "item_A0": "1",
    "item_A1": "1",
    "item_B9": "0",
    "item_A2": "2024",
    "item_A9": "10",
    "item_A5": ["青霉素", "花生"],
    "item_A6": ["2001", "2010"],
    "item_A7": ["阑尾炎", "骨折"],
    "item_A8": ["K35", "S52"],
    "item_BA": "李四",
    "item_BB": "四川省示例市公园路1号",
    "item_AA": "02800000001",
    "item_AB": "20240101",
    **{f"item_{tag:02X}": "0" for tag in (*range(0xAC, 0xB8), 0xBC)},
    "item_B8": "",
}

_DATE, _SUM = "20200101", "00050000"
_WELFARE: Final[Mapping[str, Value]] = {
    "relief_authority": "示例市民政局",
    "relief_authority_code": "000000027",
    **{
        f"item_{tag}_{inner}": value
        for tag in ("C3", "C4", "C5")
        for inner, value in (("E3", "01"), ("E4", _DATE), ("E5", "20201231"), ("E6", _SUM), ("E7", AREA))
    },
    "care_authority": "示例市民政局",
    "care_authority_code": "000000027",
    **{f"item_{tag}": "01" for tag in ("C9", "CE", "D3", "D8")},
    **{f"item_{tag}": _DATE for tag in ("CA", "CF", "D4", "D9", "DB", "DD")},
    **{f"item_{tag}": _SUM for tag in ("CB", "CC", "D0", "D1", "D5", "D6", "DA", "DC", "DE")},
    **{f"item_{tag}": AREA for tag in ("D2", "D7", "DF", "E0")},
    **{f"item_{tag}": "0001" for tag in ("CD", "E1", "E2")},
}

_PERSONNEL: Final[Mapping[str, Value]] = {
    "item_F0": "01",
    "item_F1": "2",
    "honour_date": "20190501",
    "item_F3": "101",
    "honour_updated": "20240101",
    "item_F5": "201",
    "expert_appointed": "20180901",
    "expert_appointed_by": _OFFICE,
    "demobilised_on": "20060801",
    "item_F9": "1",
}

_JPEG: Final = bytes.fromhex("FFD8FFE000104A46494600010100000100010000")
_END_OF_JPEG: Final = b"\xff\xd9"
_PHOTO_SIZE: Final = 0x1000
_FINGERPRINT_SIZE: Final = 0x300
_PICTURES: Final[Mapping[str, Value]] = {
    "fingerprint": bytes(number * 7 & 0xFF for number in range(_FINGERPRINT_SIZE)),
    "photo": _JPEG
    + bytes(number >> 4 & 0xFF for number in range(_PHOTO_SIZE - len(_JPEG) - len(_END_OF_JPEG)))
    + _END_OF_JPEG,
}

FILE_VALUES: Final[Mapping[str, Value]] = {
    **_PERSON, **_WORK, **_INSURANCE, **_MEDICAL, **_HEALTH, **_WELFARE, **_PERSONNEL, **_PICTURES,
}  # fmt: skip
"""Values by name."""
