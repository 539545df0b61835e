"""A call for each message, and pieces of what has arrived, give what all messages at once give."""

import json
from pathlib import Path

import numpy as np
import pytest

from bench.conformance.kernel import REPORT, new_book, run_flow
from bench.conformance.passes import digest_of, max_reports
from bench.kernel import __main__ as kernel
from bench.kernel.entries import Bound, execute_address, match_address, new_engine, place, singly
from bench.kernel.latency import due_times, matcher, play
from bench.kernel.measurements import resting_book, run_commands
from bench.workloads import TIME_MS, mixed_flow, with_order_ids
from engine_core.book.audit import digest
from engine_core.book.memory.state import State, new_state
from engine_core.wire.layout import COMMAND, EVENT
from engine_core.wire.limits import MAX_BLOCK_EVENTS, MAX_EVENTS_PER_COMMAND
from tests.bench.report.form import assert_form
from tests.book.test_conformance import shared

MESSAGES = 2_000


@pytest.mark.timeout(900)  # kernels of the benchmarks are compiled once for each version of the code
def test_the_book_to_the_letter_and_in_pieces() -> None:
    _, messages = resting_book(1, 0, 8, MESSAGES)
    reports = np.zeros(max_reports(messages), REPORT)
    book = new_book(messages, MESSAGES)
    expected = digest_of(reports[: run_flow(book.state, book.slots, messages, reports)])
    reports["kind"] = 99
    bound = Bound(new_book(messages, MESSAGES))
    count = singly(match_address(), bound.address, place(messages), place(reports), True)
    assert digest_of(reports[:count]) == expected
    reports["kind"] = 99
    bound = Bound(new_book(messages, MESSAGES))
    found = play(matcher(match_address(), bound, messages, reports), due_times(1, MESSAGES, 10**8), reports)
    assert digest_of(reports[: found.reports]) == expected
    assert (found.waited_ns > 0).all()


@pytest.mark.timeout(900)
def test_the_whole_engine_to_the_letter_and_in_pieces() -> None:
    flow = with_order_ids(mixed_flow(3, MESSAGES, 4, 20))
    setup, commands = flow.setup.view(COMMAND).copy(), flow.commands.copy()
    events = np.zeros(MAX_BLOCK_EVENTS, EVENT)

    def begun() -> State:
        state = new_state(flow.capacities)
        run_commands(state, setup, events)
        return state

    whole, single, pieces = begun(), begun(), begun()
    total, _ = run_commands(whole, commands, events)
    bound = Bound(new_engine(single, TIME_MS))
    assert singly(execute_address(), bound.address, place(commands), place(events), False) == total
    assert digest(single) == digest(whole)
    bound, kept = Bound(new_engine(pieces, TIME_MS)), np.zeros(total + MAX_EVENTS_PER_COMMAND, EVENT)
    found = play(matcher(execute_address(), bound, commands, kept), due_times(1, MESSAGES, 10**8), kept)
    assert found.reports == total
    assert digest(pieces) == digest(whole)


@pytest.mark.timeout(900)  # it compiles entries of its own
def test_bench_kernel_smoke(tmp_path: Path) -> None:
    out = tmp_path / "kernel.json"
    assert kernel.main(["--smoke", "--shared", str(shared()), "--json", str(out)]) == 0
    result = json.loads(out.read_text())
    assert_form(result, "kernel")
    assert result["memory"]["bytes_a_resting_order"] > 0


def test_bench_kernel_names_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert kernel.main(["--smoke", "--shared", str(tmp_path)]) == 2
    assert "--shared" in capsys.readouterr().err
    assert kernel.main(["--smoke", "--latency", "--shared", str(tmp_path)]) == 2
    assert "cannot be read" in capsys.readouterr().err
