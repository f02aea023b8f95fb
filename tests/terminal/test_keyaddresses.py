"""The table of HSM addresses."""

import pytest

from terminal.keyaddresses import address_text, addressed_keys, addresses_by_name, names_by_address
from terminal.samkeys import sam_keys


def test_no_address_is_used_twice() -> None:
    """Each key of the table stands at addresses of its own."""
    assert len(names_by_address()) == sum(key.groups for key in addressed_keys())
    assert len(set(names_by_address().values())) == len(names_by_address())


def test_every_key_of_a_psam_has_an_address_or_is_local() -> None:
    """Names are those of the tables of keys that PSAMs are made from; DF06 is informative and has no address."""
    names = {key.name for key in addressed_keys()}
    assert {name for name in sam_keys() if name not in names} == {"RK1DF06", "UK1DF06", "UK2DF06"}


@pytest.mark.parametrize(
    ("name", "address"),
    [("IRK", "0170"), ("IRK.3", "0172"), ("DPK", "017F"), ("DPK.1.2", "0180"), ("DPK.2", "0199"), ("DPK.3", "019C")],
)
def test_generations_follow_each_other(name: str, address: str) -> None:
    """API-253: groups at the next addresses, versions of DPK at their own."""
    assert address_text(addresses_by_name()[name]) == address
    assert names_by_address()[int(address, 16)] == name
