"""`exchange load` from its options to its result, against a server that is as wrong as a test wants."""

import asyncio
import errno
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from array import array
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from bench.load.__main__ import main
from bench.load.options import parser
from bench.load.outcome.accounting import Verdict
from bench.load.outcome.result import Result
from bench.load.outcome.tally import NEVER, Columns, Tally
from bench.load.targets.api import Address, Api, BenchError, Unreachable
from bench.load.targets.order_entry import EntryPool
from bench.load.targets.readers import in_words
from bench.load.targets.rest import RestPool
from bench.report.result import Run
from tests.bench.load.conftest import RATE, SECONDS, Load
from tests.bench.load.standin import StandIn, serving


def test_every_order_is_counted_by_what_became_of_it(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    """Of ten, one is refused, one dropped after it was executed, one dropped before, one answered with a timeout."""

    def judge(order: dict[str, Any], number: int) -> tuple[int, Any] | None:
        if number % 10 == 1:
            return 400, {"code": "INVALID_ORDER", "message": f"No {number}"}
        if number % 10 == 4:
            return 504, {"code": "TIMEOUT", "message": "unknown"}
        return None if number % 10 in (2, 3) else (200, order)

    status, result = load(StandIn(judge, is_lost=lambda number: number % 10 == 3), "--seconds", "1")
    assert status == 0 and result["accounted"], result["problems"]
    scheduled = result["scheduled"]
    assert scheduled == result["sent"] == result["accepted"] + result["refused"] + result["unknown"]
    assert result["refused_by_reason"] == {"INVALID_ORDER: No N": -(-scheduled // 10)}
    tenth = scheduled // 10
    assert 2 * tenth <= result["unknown_found"] <= 2 * tenth + 2 and tenth <= result["unknown_not_found"] <= tenth + 1
    assert result["unknown"] == result["unknown_found"] + result["unknown_not_found"]
    assert tenth <= result["notes"]["TIMEOUT: unknown"] <= tenth + 1
    assert 0 < result["p50_ms"] <= result["p99_ms"] <= result["max_ms"]
    assert result["p999_ms"] is None, "of fewer than a thousand orders"
    assert {"p99_ms"} == {figure["name"] for figure in result["results"]} & {"p99_ms", "p999_ms", "p99999_ms"}
    said = capsys.readouterr().out
    assert "every order is accounted for" in said and "p99 " in said and "p999 " not in said


def test_an_order_that_was_accepted_and_is_not_there_is_no_result(
    load: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    status, result = load(StandIn(is_lost=lambda number: number == 5))
    said = capsys.readouterr()
    assert status == 1 and not result["accounted"]
    assert "orders were accepted" in said.err and "p99" not in said.out


def test_money_that_no_fill_explains_is_no_result(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    server = StandIn()

    def judge(order: dict[str, Any], number: int) -> tuple[int, Any]:
        if number == 5:
            next(iter(server.accounts.values())).balances["USDC"]["locked"] = "0.000001"
        return 200, order

    server.judge = judge
    status, result = load(server)
    assert status == 1 and not result["accounted"]
    assert "its USDC changed by 0.000001, its 0 fills say 0" in capsys.readouterr().err


def test_a_key_that_is_not_known_is_said_before_anything_is_sent(
    load: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    server = StandIn(keys={"another"})
    status, _ = load(server)
    assert status == 1 and not server.received
    assert capsys.readouterr().err == "error: GET /api/v1/capital was refused: 401 UNAUTHORIZED: Unknown API key\n"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:1", "does not answer"),
        ("127.0.0.1:8080", "--url must be like http://127.0.0.1:8080"),
        ("http://127.0.0.1:http", "--url must be like"),
        ("ws://127.0.0.1:8080", "--url must be like"),
    ],
)
def test_a_wrong_address_in_words(url: str, said: str, two_keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--url", url, "--keys", str(two_keys)]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_gives_the_result_so_far(number: signal.Signals, two_keys: Path, tmp_path: Path) -> None:
    result, server = tmp_path / "result.json", StandIn()
    given = ["--keys", str(two_keys), "--rate", RATE, "--seconds", "60", "--json", str(result)]
    with serving(server):
        command = [sys.executable, "-m", "bench.load", "--url", server.url, *given]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while server.received < 20:
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    document = json.loads(result.read_text())
    assert document["interrupted"] and document["accounted"], document["problems"]
    assert 20 <= document["accepted"] == document["scheduled"] == server.received < 10_000
    assert "every order is accounted for" in out and "warning: interrupted after" in out
    assert [check["name"] for check in document["checks"] if not check["passed"]] == ["ran to its end"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_was_measured_is_kept_when_an_exchange_goes_away(
    number: signal.Signals, two_keys: Path, tmp_path: Path
) -> None:
    """Also by who does not wait for its books until the end."""
    result, server = tmp_path / "result.json", StandIn()
    given = ["--keys", str(two_keys), "--rate", RATE, "--seconds", "2", "--json", str(result), "--connections", "4"]
    given += ["--patience", "1", "--books-patience", "50"]
    with serving(server):
        command = [sys.executable, "-m", "bench.load", "--url", server.url, *given]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while server.received < 20:
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
    assert process.stderr is not None
    impatient = threading.Timer(60, process.kill)
    impatient.start()
    said = process.stderr.readline()  # after the patience of the first answers
    impatient.cancel()
    assert said == "the exchange does not answer: waiting up to 50 s for its books\n"
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    document = json.loads(result.read_text())
    unsent = document["scheduled"] - document["sent"]
    assert document["interrupted"] and not document["accounted"] and document["never_sent"] == unsent > 0
    assert f"{document['scheduled']} scheduled, {unsent} of them never sent" in err
    ended = next(check for check in document["checks"] if check["name"] == "ran to its end")
    assert ended["text"] == "interrupted while the exchange's books were read" and not ended["passed"]


@pytest.mark.parametrize(("is_search", "problem"), [(False, "1 of 2 orders were never sent"), (True, "")])
def test_a_load_with_orders_left_over_did_not_run_to_its_end(is_search: bool, problem: str) -> None:
    """A search goes on until there are some."""
    zeros, times = np.zeros(2, np.int64), np.array([1_000, NEVER])
    columns = Columns(zeros, zeros, zeros, zeros, times, times, np.array([200, 0]), zeros)
    result = Result("any", columns, 0, 4_000, [(0.1, 4.0)], 1.0, Verdict(), is_search=is_search)
    end = result.checks()[1]
    assert (end.passed, end.text) == (not problem, problem)


def test_who_interrupts_twice_is_told_of_both() -> None:
    zeros, times = np.zeros(1, np.int64), np.array([1_000])
    columns = Columns(zeros, zeros, zeros, zeros, times, times, np.array([200]), zeros)
    result = Result("any", columns, 0, 3_200_000_000, [(0.1, 4.0)], 1.0, Verdict(interrupted=True), interrupted=True)
    both = "interrupted after 3.2 s, and again while the exchange's books were read"
    assert result.checks()[1].text == both and result.warnings()[0].startswith(f"{both}: ")


def test_a_load_with_orders_left_over_fails_though_its_books_are_right(
    load: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    def judge(order: dict[str, Any], number: int) -> tuple[int, Any]:
        time.sleep(2)
        return 200, order

    status, result = load(StandIn(judge), "--connections", "1", "--patience", "0.1")
    assert result["accounted"] and result["never_sent"] == result["scheduled"] - 1 > 0, result["problems"]
    assert [check["name"] for check in result["checks"] if not check["passed"]] == ["ran to its end"] and status == 1
    said = f"error: it did not run to its end: {result['never_sent']} of {result['scheduled']} orders were never sent\n"
    assert said in capsys.readouterr().err


def test_a_wait_after_the_measurement_is_no_parameter_of_it() -> None:
    """Results of before there was --books-patience are compared with those of today."""
    parameters = Run("load", parser().parse_args(["--books-patience", "5"])).document([])["parameters"]
    assert parameters["patience"] == 10.0 and "books_patience" not in parameters


def test_readers_are_reported_with_words_and_units() -> None:
    report = {"clients": 10, "frames_per_second": 1396, "p50_ms": 1.234, "p99_ms": 5.0, "lost": 0, "slow_dropped": 1}
    assert list(in_words(report | {"reconnections": 2, "cpu_cores": 0.125})) == [
        "10 clients, 1,396 frames/s, 0.12 cores",
        "from the engine to who reads at once: 1.23 ms p50, 5.00 ms p99",
        "connections lost: 0; slow ones dropped: 1; reconnections: 2",
    ]


@pytest.mark.parametrize("text", ["", "SOL_USDC,", " "])
def test_a_market_without_a_name(text: str, two_keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--url", "http://127.0.0.1:1", "--keys", str(two_keys), "--markets", text])
    assert "--markets must name markets, like SOL_USDC,BTC_USDC" in capsys.readouterr().err


def test_a_server_without_order_entry_is_refused_before_the_load(
    load: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the streams' address is."""

    class Streams(StandIn):
        def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Any:
            if method == "POST":
                return None
            return 404, {"code": "RESOURCE_NOT_FOUND", "message": "Not Found"}, ""

    server = Streams()
    assert load(server) == (1, {})
    assert f"error: {server.url} takes no orders: --url is where the REST API is" in capsys.readouterr().err


def test_a_server_that_falls_silent_is_not_called_one_without_order_entry(
    load: Load, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Silent(StandIn):
        def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Any:
            return 404, {"code": "RESOURCE_NOT_FOUND", "message": "Not Found"}, ""

    def post(api: Api, *_: Any) -> Any:
        raise Unreachable(f"{api.address.url} does not answer: nothing came")

    monkeypatch.setattr(Api, "post", post)
    server = Silent()
    assert load(server) == (1, {})
    assert capsys.readouterr().err == f"error: {server.url} does not answer: nothing came\n"


def test_a_server_with_the_socket_of_orders_alone_is_loaded_by_it(two_keys: Path, tmp_path: Path) -> None:
    def missing(connection: ServerConnection, request: Request) -> Response | None:
        return None if request.path == "/ws/orders" else connection.respond(404, "{}")

    def accept(connection: ServerConnection) -> None:
        for message in connection:
            connection.send(json.dumps({"id": json.loads(message)["id"], "status": 200, "result": {}}))

    with serve(accept, "127.0.0.1", 0, process_request=missing) as server:
        threading.Thread(target=server.serve_forever).start()
        url, result = f"http://127.0.0.1:{server.socket.getsockname()[1]}", tmp_path / "result.json"
        given = ["--url", url, "--keys", str(two_keys), "--rate", RATE, "--seconds", SECONDS, "--json", str(result)]
        assert main([*given, "--target", "ws"]) == 1
    document = json.loads(result.read_text())
    assert document["accepted"] == document["scheduled"] > 0 and not document["accounted"]


@pytest.mark.parametrize(("opening", "is_said"), [(400, True), (2, False)])
def test_a_burst_at_the_start_is_said(opening: int, is_said: bool) -> None:
    due_ns = np.concatenate([np.zeros(opening, np.int64), np.arange(1, 3_001) * 1_000_000])
    zeros = np.zeros(len(due_ns), np.int64)
    answered = np.full(len(due_ns), 200)
    columns = Columns(zeros, zeros, zeros, due_ns, due_ns, due_ns + 1_000_000, answered, zeros)
    result = Result("a flow", columns, start_ms=0, end_ns=4_000_000_000, processes=[(0.1, 4.0)], machine_cpu=1.0)
    said = f"{opening} of the {3_000 + opening:,} orders are due at time 0"
    assert any(said in warning for warning in result.warnings()) == is_said


def test_a_server_with_order_entry_alone_is_loaded_but_its_result_is_none(
    load: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    class Stub(StandIn):
        def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Any:
            if target == "/api/v1/order":
                return super().answer(method, target, headers, body)
            return 404, {"code": "RESOURCE_NOT_FOUND", "message": "Not Found"}, ""

    status, result = load(Stub())
    assert status == 1 and not result["accounted"]
    assert result["accepted"] == result["scheduled"] and result["p50_ms"] > 0
    assert "has no books that the orders could be accounted for by" in capsys.readouterr().err


def test_a_search_in_which_no_rate_holds_ends_and_says_so(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    status, result = load(StandIn(), "--find-knee", "--p99", "1us")
    assert status == 0 and result["knee_rate"] == 0 and [each["rate"] for each in result["curve"]] == [200.0]
    said = capsys.readouterr().out
    assert "rates of 0.5 s each, none below 200/s" in said and "no rate held, down to 200 orders/s" in said


def test_a_server_that_never_answers_is_waited_for_as_long_as_patience_says(
    two_keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert main(["--url", url, "--keys", str(two_keys), "--patience", "0.1"]) == 1
    assert f"error: {url} does not answer: nothing came in 0.1 s" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--accounts", "3"], "--accounts 3: "),
        (["--processes", "3"], "--processes 3: the orders of 2 accounts"),
        (["--accounts", "1", "--processes", "2"], "--processes 2: the orders of 1 accounts"),
    ],
)
def test_no_fewer_accounts_and_processes_are_used_than_named(
    more: list[str], said: str, load: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    server = StandIn()
    assert load(server, *more) == (1, {}) and not server.received
    assert said in capsys.readouterr().err


async def test_too_few_file_descriptors_are_not_blamed_on_the_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(*_: Any, **__: Any) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", refused)
    address = Address.of("http://127.0.0.1:1", "--url", ("http", "https"))
    tally = Tally(array("q", [0]))
    rest = RestPool(address, [b""], tally, time.monotonic_ns, connections=1)
    entry = EntryPool(address, [b""], [0], tally, time.monotonic_ns, logon=str)
    for pool in rest, entry:
        with pytest.raises(BenchError, match="Too many open files: fewer --connections"):
            await pool.open()
