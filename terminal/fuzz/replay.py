"""Sequences that are there already: run once more, shown, or thinned out."""

from collections.abc import Iterator, Mapping

from cardsim.decode.commands import command_name, is_secret, mask
from cardsim.iso7816.status import StatusWord
from terminal.conformance.reports.secrets import scrubber
from terminal.errors import UsageError
from terminal.fuzz.corpus import Entry, Folder, name_of
from terminal.fuzz.executor import Exchange, Run
from terminal.fuzz.guide import Features, cover, pair_of
from terminal.fuzz.plan import Plan, open_labs
from terminal.fuzz.sequence import Sequence, step_text


def replayed(plan: Plan, sequences: Mapping[str, Sequence]) -> Iterator[tuple[str, Run]]:
    """Run sequences by name, each from its start; those of a start that this plan has not are left out."""
    with open_labs(plan.near(sequence.start for sequence in sequences.values())) as labs:
        for name, sequence in sequences.items():
            if sequence.start in labs:
                yield name, labs[sequence.start].executor.run(sequence)


def shown(plan: Plan, sequence: Sequence, *, show_secrets: bool = False) -> tuple[Run, list[str]]:
    """Run a sequence; its run, and lines for people: steps, commands and answers, the state before each.

    Raises:
        UsageError: the plan has no such start.
    """
    with open_labs(plan.near([sequence.start])) as labs:
        if sequence.start not in labs:
            raise UsageError(f"the sequence begins with {sequence.start!r}; this target has {', '.join(labs)}")
        executor = labs[sequence.start].executor
        run = executor.run(sequence)
        scrub = scrubber(executor.subject.keys, executor.subject.context.historical, show_secrets=show_secrets)
    lines = [f"start {sequence.start}, seed {sequence.seed}"]
    answers: dict[int, list[Exchange]] = {}
    for exchange in run.exchanges:
        answers.setdefault(exchange.step, []).append(exchange)
    last = len(sequence.steps) if run.complaint is None else run.complaint.step
    for number, step in enumerate(sequence.steps[: last + 1]):
        lines.append(step_text(step))
        for exchange in answers.get(number, ()):
            lines += map(scrub, _exchange(exchange, show_secrets=show_secrets))
    if run.complaint is not None:
        lines.append(f"✗ {run.complaint}")
    return run, lines


def _exchange(exchange: Exchange, *, show_secrets: bool) -> list[str]:
    where = exchange.before.environment
    hidden = is_secret(where, exchange.command) and not show_secrets
    command = mask(exchange.command) if hidden else exchange.command.hex().upper()
    meaning = StatusWord(exchange.sw).meaning if len(exchange.answer) >= 2 else "mute"
    return [
        f"    ({exchange.before})",
        f"    {'↳' if exchange.added else '→'} {command}  {command_name(where, exchange.command)}",
        f"    ← {exchange.answer.hex().upper()}  {meaning}",
    ]


def minimised(plan: Plan, folder: Folder, *, pairs: bool = False) -> tuple[int, int]:
    """Take out of a corpus what the features of the others cover; how many sequences there were, and are.

    Args:
        plan: the cards that it is for.
        folder: the corpus.
        pairs: whether rows with a status word are enough, without the security states.
    """
    features, entries = Features(), []
    listed = [sequence for _, sequence in folder.sequences()]
    with open_labs(plan.near(sequence.start for sequence in listed)) as labs:
        for sequence in listed:
            if sequence.start not in labs:
                continue
            run = labs[sequence.start].executor.run(sequence)
            if run.complaint is None:
                found = features.of(sequence.start, run.exchanges)
                texts = (features.texts[number] for number in found)
                entries.append((sequence, frozenset(map(pair_of, texts) if pairs else texts)))
    kept, covered = cover(entries), set[str]()
    reached = dict(entries)
    folder.drop({name_of(sequence) for sequence, _ in entries} - set(map(name_of, kept)))
    for sequence in kept:
        new = reached[sequence] - covered
        covered |= new
        folder.keep(Entry(sequence, tuple(new)))
    return len(entries), len(kept)
