"""What is parsed out of the data groupings is kept between commands, and never longer than it stands (D15)."""

from cardsim.iso7816.tlv import ber
from cardsim.making.pse import PSE_NAME
from cardsim.pse.application import ATC_AT
from tests.cards import card
from tests.pse.bank import put
from tests.pse.deal import ARQC, CASH, TC, Deal
from tests.pse.perso import ADF, amount, ec, pay, poke, poke_environment
from tests.pse.scp import Host

DYNAMIC = "0088000004 12345678"


def place_of(deal: Deal, dgi: int) -> int:
    """Where a data grouping of the application stands in the partition of PSE."""
    pse = next(each for each in deal.bench.model.environments.values() if each.files.index.files[0].fid == 0xDDF2)
    return next(file.offset for file in pse.files.index.files if file.fid == dgi)


def test_transactions_leave_the_layout_alone() -> None:
    """The counters and the log have pages of their own: booking parses nothing anew, once around the log."""
    deal = Deal(ec(10000), CASH)
    before = deal.bench.model.eeprom.layout
    for _ in range(6):
        deal.once(ARQC)
        assert deal.bench.x(put(deal, "9F79", amount(10000))) == "9000"
        assert deal.external() == "9000"
        deal.gac2(TC)
        assert deal.once(TC, cash=True).kind == TC
    assert len(deal.log()) == 10
    assert deal.bench.model.eeprom.layout == before


def test_a_script_is_seen_at_once() -> None:
    """A data object that a script has written holds in the next transaction."""
    deal = Deal(ec(10000), CASH)
    deal.once(ARQC)
    assert deal.bench.x(put(deal, "9F78", amount(500))) == "9000"
    assert deal.gpo(cash=True, amount=501).startswith("800E7C00")
    assert deal.gpo(cash=True, amount=500).startswith("80167C00")


def test_rsa_key_of_other_cells() -> None:
    """A key whose cells have changed signs nothing any more; with the cells it comes back."""
    deal = Deal(ec(10000))
    kept = deal.bench.model.snapshot()
    deal.gpo()
    assert deal.bench.x(DYNAMIC)[-4:] == "9000"
    poke_environment(deal.bench, place_of(deal, 0x8205) + 3, b"\x5a\x5a")
    assert deal.bench.x(DYNAMIC) == "6985"
    deal.bench.model.restore(kept)
    deal.gpo()
    assert deal.bench.x(DYNAMIC)[-4:] == "9000"


def test_session_keys_follow_card_key_and_counter() -> None:
    """The same counter again gives the same cryptogram, another counter or another card key does not."""
    deal = Deal(ec(10000))
    first = deal.once(ARQC).ac
    poke(deal.bench, ATC_AT, bytes(2))
    assert deal.once(ARQC).ac != first, "the mark of an uncompleted transaction enters it"
    second = deal.first
    assert second is not None
    poke(deal.bench, ATC_AT, bytes(2))
    assert deal.once(ARQC).ac == second.ac
    poke(deal.bench, ATC_AT, bytes(2))
    poke_environment(deal.bench, place_of(deal, 0x8000), b"\x11" * 8)
    deal.gpo()
    assert deal.sw(ARQC, deal.data.cdol1()) == "9000"
    assert deal.bench.data[10:26] != second.ac.hex().upper()


def test_directory_of_a_card_that_was_put_in_its_place() -> None:
    """The snapshot of a card whose environments stand elsewhere: its directory is read anew with each change, though it
    had no power-on of its own (D15)."""
    other = card()
    host = Host(other, name=PSE_NAME).open(0)
    bench = pay()
    bench.model.restore(other.model.snapshot())
    taken = Host(bench, name=PSE_NAME, session=host.session, answer=host.answer)
    record = ber(0x70, ber(0x61, ber(0x4F, ADF)))
    assert [taken.store(0x0101, record), taken.store(0x0101, record + record)] == ["9000", "6A80"]
    assert bench.x("00B2010C00") == record.hex().upper() + "9000"
    assert bench.x("00B2010C00") != other.x("00B2010C00")
