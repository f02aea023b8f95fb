"""The two slots of the social-security terminal (SSC part 8 §5.1)."""

from cardsim.decode import Environment
from cardsim.iso7816.apdu import CommandApdu
from terminal.effects import Flow, Transmit, power_on, transmit
from terminal.slots import Slot
from tests.terminal.social_bench import terminal
from tests.terminal.test_psam import wire


def test_two_slots() -> None:
    """TRM-002: card and PSAM have power together, and what goes to one slot never reaches the other."""
    sam, command = wire(), CommandApdu(0x00, 0x84, 0x00, 0x00, le=8)
    bench = terminal("dual-3.0-des", sam)

    def flow() -> Flow[list[int]]:
        for slot in Slot:
            yield from power_on(slot)
        answers = []
        for slot in Slot:
            sent = len(bench.contacts.log), len(sam.log)
            yield from transmit(Transmit(command, "random", Environment.CARD, slot=slot))
            answers.append(len(bench.contacts.log) - sent[0])
            answers.append(len(sam.log) - sent[1])
        return answers

    to_card, not_to_sam, not_to_card, to_sam = bench.run(flow())
    assert (not_to_sam, not_to_card) == (0, 0)
    assert to_card
    assert to_sam
