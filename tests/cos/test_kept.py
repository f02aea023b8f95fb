"""What was parsed out of the directories is kept by the token that names their content (D15)."""

from cardsim.chip.kept import Kept
from cardsim.cos.keys import KeyUse
from cardsim.ssse.environment import Ssse
from tests.ssse.shop import shop, value


def test_earlier_content_is_not_parsed_again() -> None:
    """Back at an earlier content the same objects stand again; each content has its own files and keys."""
    made = shop()
    made.key_file(4)
    model = made.bench.model
    environment = next(iter(model.environments.values()))
    assert isinstance(environment, Ssse)
    files, keys = environment.files, environment.keys
    before, without = files.index, keys.slots()
    start = model.snapshot()
    assert made.write_key(KeyUse.EXTERNAL, 1, value(1)) == "9000"
    assert made.ef("EF05", 10) == "9000"
    after, with_key = files.index, keys.slots()
    end = model.snapshot()
    assert (len(after.files), len(with_key)) == (len(before.files) + 1, len(without) + 1)
    for _ in range(2):
        model.restore(start)
        assert files.index is before
        assert keys.slots() is without
        model.restore(end)
        assert files.index is after
        assert keys.slots() is with_key


def test_the_same_token_of_another_card_is_nothing() -> None:
    """A snapshot of another chip brings content without a name: it is parsed."""
    made, other = shop(), shop()
    assert other.ef("EF05", 10) == "9000"
    model = made.bench.model
    files = next(iter(model.environments.values())).files
    count = len(files.index.files)
    model.restore(other.bench.model.snapshot())
    assert len(next(iter(model.environments.values())).files.index.files) == count + 1


def test_the_value_that_was_used_longest_ago_goes_first() -> None:
    kept: Kept[str] = Kept()
    for token in range(16):
        assert kept.put(token, f"{token}") == f"{token}"
    assert kept.get(0) == "0"
    kept.put(16, "16")
    assert (kept.get(1), kept.get(0), kept.get(16)) == (None, "0", "16")
