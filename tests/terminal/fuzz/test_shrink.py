"""Findings become small, in a bounded number of commands, and keep their complaint."""

from terminal.conformance.case import Send
from terminal.fuzz.sequence import Sequence, parse_sequence, send, sequence_text
from terminal.fuzz.shrink import Shrinker


def commands(sequence: Sequence) -> list[str]:
    """The commands as text."""
    return [str(step.command) for step in sequence.steps if isinstance(step, Send)]


def shrink(text: str, *needed: str, budget: int = 10_000) -> tuple[Sequence, int]:
    """Shrink a sequence whose complaint needs these commands in this order, by their beginnings; and the runs."""
    runs = 0

    def still(tried: Sequence) -> bool:
        nonlocal runs
        runs += 1
        rest = iter(commands(tried))
        return all(any(command.startswith(wanted) for command in rest) for wanted in needed)

    return Shrinker(still, budget=budget).shrink(parse_sequence(text)), runs


NOISE = "".join(f"> 00 B2 {n:02X} 04 00\nreset\nlet x{n} = 00\n" for n in range(1, 14))


def test_only_what_is_needed_stays() -> None:
    smallest, runs = shrink(f"seed 77\n{NOISE}> 00A4\n{NOISE}> 0084\n{NOISE}> 0082\n{NOISE}", "00A4", "0084", "0082")
    assert sequence_text(smallest) == "start card\nseed 1\n> 00A4\n> 0084\n> 0082\n"
    assert runs < 400


def test_steps_become_plainer() -> None:
    smallest, _ = shrink("> 00 DC 03 04 06 0304 312E3030\ncut-inside 7 3\n>> 80 CA 9F 36 00\n", "00DC", "80CA")
    assert sequence_text(smallest) == "start card\nseed 1\n> 00DC0000\n> 80CA0000\n"


def test_a_fault_comes_nearer() -> None:
    def still(tried: Sequence) -> bool:
        return any(line.startswith("cut") and int(line.split()[1]) >= 3 for line in sequence_text(tried).splitlines())

    smallest = Shrinker(still).shrink(parse_sequence("> 00 84 00 00 08\ncut-inside 31 5\n> 00 20 00 00 03 123456\n"))
    assert sequence_text(smallest) == "start card\nseed 1\ncut 3\n"


def test_symbolic_steps_stay_symbolic() -> None:
    smallest, _ = shrink("> 80 AE 80 00 {lc} 000000001000 {tvr} 0156 00\n", "80AE8000 {lc}")
    assert commands(smallest) == ["80AE8000 {lc} 000000000000 {tvr} 000000"]


def test_the_nearest_start_is_tried_first() -> None:
    tried: list[str] = []

    def still(sequence: Sequence) -> bool:
        tried.append(sequence.start)
        return sequence.start in ("card", "keyed", "blank")

    smallest = Shrinker(still, ["card", "keyed"]).shrink(Sequence("blank", (send("00 84 00 00 08"),)))
    assert smallest.start == "card"
    assert "keyed" not in tried


def test_it_ends_with_its_budget() -> None:
    smallest, runs = shrink(f"{NOISE}> 00A4\n", "00A4", budget=30)
    assert runs <= 15
    assert commands(smallest)[-1] == "00A4"
