"""Fixtures of all tests: cards on a bench."""

import gc
import os
import signal

import pytest
from hypothesis import settings

from tests.cards import DUAL_DES, Bench, card

# Machines are noisy, so no example has a deadline; CI takes the same examples each time, people take new ones.
settings.register_profile("people", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "people")

# What a shell runs in its background ignores SIGINT, and so would the processes that tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


_PROCESSES = (
    "tests/chip/test_kill.py",
    "tests/cli/",
    "tests/conformance/test_html.py",
    "tests/conformance/test_ci.py",
    "tests/defects/test_registry.py",
    "tests/terminal/fuzz/test_fuzz_processes.py",
    "tests/terminal/perso/chain/",
    "tests/terminal/perso/production/test_recipe.py",
    "tests/terminal/perso/production/test_crew.py",
    "tests/terminal/perso/production/test_processes.py",
    "tests/terminal/perso/production/test_real.py::test_killed_worker",
    "tests/live/test_page.py",
    "tests/terminal/perso/batches/test_reconcile.py::test_killed",
    "tests/terminal/test_cli.py",
    "tests/terminal/test_host_command.py",
    "tests/terminal/perso/transfer/test_sealing.py::test_any_openssl_opens_it",
    "tests/terminal/shell/test_terminal.py",
    "tests/terminal/tracing/test_command.py",
    "tests/testing/test_strategies.py::test_without_hypothesis",
)
"""Tests that start processes of their own; `make unit` leaves them out to stay below a minute."""

_SWEEPS = (
    "tests/chip/test_journal_cuts.py",
    "tests/chip/test_line_card.py",
    "tests/conformance/test_cases_",
    "tests/conformance/test_cli.py",
    "tests/conformance/test_file_cases.py",
    "tests/conformance/test_reports.py",
    "tests/conformance/test_requirements.py",
    "tests/cos/test_order.py",
    "tests/cos/test_random.py::test_storm_of_apdus",
    "tests/crypto/test_oda.py::test_chain",
    "tests/defects/test_effects.py",
    "tests/docs/test_console.py",
    "tests/docs/test_generated.py",
    "tests/docs/test_open_points.py",
    "tests/docs/test_pages.py",
    "tests/docs/test_schemas.py",
    "tests/live/test_server.py",
    "tests/making/test_cards.py",
    "tests/making/test_choices.py",
    "tests/making/test_structures.py::test_everything_has_content",
    "tests/psam/test_making.py",
    "tests/psam/test_order.py",
    "tests/pse/test_apart.py",
    "tests/pse/test_issue.py::test_order_of_checks",
    "tests/pse/test_issue.py::test_random_jobs_never_raise",
    "tests/pse/test_money.py",
    "tests/pse/test_oracle.py",
    "tests/pse/test_order.py",
    "tests/pse/test_storm.py",
    "tests/ssse/test_medical_tear.py::TestLedger",
    "tests/ssse/test_order.py",
    "tests/system/test_everywhere.py",
    "tests/tearing/test_failures.py",
    "tests/tearing/test_sweep.py",
    "tests/terminal/compare/test_command.py",
    "tests/terminal/compare/test_defects.py::test_every_fifth_defect",
    "tests/terminal/compare/test_judge.py",
    "tests/terminal/department/test_host.py::TestStorm",
    "tests/terminal/explore/test_command.py",
    "tests/terminal/explore/test_defects.py",
    "tests/terminal/explore/test_given.py",
    "tests/terminal/full/test_cli.py",
    "tests/terminal/full/test_settlement.py",
    "tests/terminal/fuzz/oracles/test_rules.py::test_bytes_beside_the_pin_are_an_open_choice",
    "tests/terminal/fuzz/test_campaign.py",
    "tests/terminal/fuzz/test_fuzz_command.py",
    "tests/terminal/fuzz/test_given_corpus.py",
    "tests/terminal/fuzz/test_grammar.py::test_every_phrase_is_right",
    "tests/terminal/fuzz/test_starts.py",
    "tests/terminal/hosts/test_switch.py::TestTwoBanks",
    "tests/terminal/kernel/test_risk.py::test_shares_of_many_runs",
    "tests/terminal/keymanagement/test_command.py",
    "tests/terminal/keymanagement/test_runs.py",
    "tests/terminal/keymanagement/test_stores.py::test_nothing_in_the_workshop_is_in_clear",
    "tests/terminal/management/test_agreement.py",
    "tests/terminal/management/test_command.py",
    "tests/terminal/management/test_terminals.py",
    "tests/terminal/money/",
    "tests/terminal/perso/batches/test_command.py",
    "tests/terminal/perso/batches/test_reconcile.py::test_the_books_always_balance",
    "tests/terminal/perso/check/test_items.py",
    "tests/terminal/perso/check/test_rules.py",
    "tests/terminal/perso/making/test_personaliser.py::test_interrupted",
    "tests/terminal/perso/production/test_closing.py",
    "tests/terminal/perso/production/test_command.py",
    "tests/terminal/perso/production/test_cuts.py",
    "tests/terminal/perso/production/test_lists.py",
    "tests/terminal/perso/production/test_real.py",
    "tests/terminal/perso/production/test_waste.py",
    "tests/terminal/perso/psam/test_command.py",
    "tests/terminal/perso/psam/test_stores.py",
    "tests/terminal/perso/transfer/test_command.py",
    "tests/terminal/shell/test_shell.py",
    "tests/terminal/test_bank_machine.py",
    "tests/terminal/test_day.py",
    "tests/terminal/test_deep_faults.py",
    "tests/terminal/test_defects.py",
    "tests/terminal/test_desk.py",
    "tests/terminal/test_every_flow.py",
    "tests/terminal/test_full.py",
    "tests/terminal/test_kernel_oracle.py",
    "tests/terminal/test_model_card.py",
    "tests/terminal/test_online.py::test_cancelled_before_each_effect",
    "tests/terminal/test_psam.py::TestFaults",
    "tests/terminal/test_robustness.py",
    "tests/terminal/test_secrets.py",
    "tests/terminal/test_social_command.py",
    "tests/terminal/test_storage.py::test_every_altered_record",
    "tests/terminal/test_storage.py::test_killed_at_every_byte",
    "tests/testing/test_machine.py",
    "tests/testing/test_strategies.py::test_what_they_shrink_to",
)
"""Tests that go through all of something: cuts, cases, fault pairs, pages, profiles. `make unit` skips them."""


_YOUNG = 20_000
"""Objects that come into being before garbage is looked for; cards and their answers are values, and make little."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that start processes or go through all of something, by their place."""
    for item in items:
        if item.nodeid.startswith(_PROCESSES):
            item.add_marker(pytest.mark.process)
        if item.nodeid.startswith(_SWEEPS):
            item.add_marker(pytest.mark.slow)


def pytest_collection_finish() -> None:
    """The tests themselves are no garbage: looking through thousands of them again took an eighth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 10, 10)


@pytest.fixture
def bench() -> Bench:
    """The operational demo card with both environments (SM4), powered on."""
    return card()


@pytest.fixture(params=["dual-3.0-sm4", DUAL_DES])
def either(request: pytest.FixtureRequest) -> Bench:
    """The operational demo card, once with SM4 and once with 3DES in SSSE."""
    return card(request.param)
