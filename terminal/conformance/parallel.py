"""Cases on several copies of a model at once: one process for each, results as they come."""

import multiprocessing
import signal
from collections.abc import Generator
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, as_completed
from typing import TYPE_CHECKING

from terminal.conformance.reports.record import Record
from terminal.errors import LinkError

if TYPE_CHECKING:
    from terminal.conformance.setup import Wish

_PIECES = 4
"""Pieces for each process, so that none waits long for the others."""


def _piece(wish: "Wish", ids: list[str]) -> list[Record]:
    """Run some cases in this process."""
    from terminal.conformance.campaign import catalogue, run_cases
    from terminal.conformance.selection import read_library
    from terminal.conformance.setup import open_setup

    library = read_library(wish.cases)
    by_id = {case.id: case for case in library.cases}
    with open_setup(wish, library, catalogue()) as setup:
        return list(run_cases(setup, [by_id[name] for name in ids], wish.the_seed))


def run_parallel(wish: "Wish", ids: list[str]) -> Generator[Record]:
    """Run cases in `wish.jobs` processes. What was not begun when the caller stops is left.

    Raises:
        LinkError: a process was killed.
    """
    size = max(1, -(-len(ids) // (wish.jobs * _PIECES)))
    pieces = [ids[at : at + size] for at in range(0, len(ids), size)]
    quiet = (signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; this one ends the others
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(wish.jobs, mp_context=context, initializer=signal.signal, initargs=quiet)
    try:
        for done in as_completed([pool.submit(_piece, wish, piece) for piece in pieces]):
            yield from done.result()
    except BrokenExecutor as error:
        raise LinkError("a process of the run ended before its time") from error
    finally:
        pool.shutdown(cancel_futures=True)
