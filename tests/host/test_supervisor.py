"""The supervisor with small programs in the place of the roles: order, readiness, restarts, and nothing left over."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from engine_core.host.children import MAX_LOG_BYTES, Child, Program, rotate
from engine_core.host.supervisor import StartError, check_port, free_port, holder_of, lock_data

HOST = """
import sys
from dataclasses import replace
from pathlib import Path
from engine_core.host.children import Program
from engine_core.host.growth import More
from engine_core.host.supervisor import Plan, StartError, Supervisor, lock_data
from engine_core.config.exchange_toml import load
from engine_core.config.settings import Settings

data, runtime = Path(sys.argv[1]), Path(sys.argv[2])
variables = {"EXCHANGE_CONFIG": sys.argv[3], "EXCHANGE_DATA": str(data), "EXCHANGE_RUNTIME": str(runtime)}
settings = Settings.from_environment(variables)

def program(role, code, once=False, shard=0):
    code = "from engine_core.process.lifecycle import ready, start; start(%r)\\n" % role + code
    log, environment = data / "logs" / (role + ".log"), {"EXCHANGE_SHARD": str(shard)}
    return Program(role, lambda pipe: [sys.executable, "-c", code], log, environment, once=once)

def more(settings):
    added, once, renewed = growth
    if settings.shards == 2:
        return None
    added, renewed = (tuple(program(*each) for each in group) for group in (added, renewed))
    return More(replace(settings, shards=2), added, program(*once), renewed)

scenario, growth = eval(sys.argv[4])
try:
    lock = lock_data(data)
    phases = tuple(tuple(program(*parts) for parts in phase) for phase in scenario)
    plan = Plan(settings, phases, lambda: "READY", more=more)
    sys.exit(Supervisor(plan, lock, lambda line: print(line, flush=True)).run())
except StartError as error:
    print("ERROR", error, flush=True)
    sys.exit(1)
"""
RUNS = "ready()\nimport time; time.sleep(600)"
CONFIG = Path(__file__).parents[2] / "exchange.toml"


class Host:
    """A supervisor in a process of its own, and what it says."""

    def __init__(self, data: Path, runtime: Path, scenario: list[list[tuple[object, ...]]], growth: object) -> None:
        arguments = [sys.executable, "-c", HOST, str(data), str(runtime), str(CONFIG), repr((scenario, growth))]
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.data = data
        self.said: list[str] = []

    def until(self, text: str) -> str:
        """Read until a line that contains `text`; an end of the output is a failure."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.said.append(line.rstrip("\n"))
            if text in line:
                return self.said[-1]
        raise AssertionError(f"{text!r} was never said, only: {self.said}")

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def pid(self, role: str) -> int:
        return int(json.loads((self.data / "run.json").read_text())["processes"][role][0])

    def stop(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        assert self.process.stdout
        self.said += self.process.stdout.read().splitlines()
        return self.process.wait(60)


@pytest.fixture
def hosts(tmp_path: Path, runtime: Path) -> Iterator[list[Host]]:
    started: list[Host] = []
    yield started
    for host in started:
        if host.process.poll() is None:
            host.process.kill()
        host.process.wait()
        assert host.process.stdout
        host.process.stdout.close()


def begin(
    hosts: list[Host], tmp_path: Path, runtime: Path, *phases: list[tuple[object, ...]], growth: object = None
) -> Host:
    """`growth`: with a second shard, what is added, what runs once, and what begins anew."""
    hosts.append(Host(tmp_path / "data", runtime, list(phases), growth))
    return hosts[-1]


def test_phases_start_in_order_and_stop_in_the_reverse_way_of_the_data(
    hosts: list[Host], tmp_path: Path, runtime: Path
) -> None:
    host = begin(
        hosts,
        tmp_path,
        runtime,
        [("valkey", RUNS)],
        [("engine", RUNS), ("reconcile", "pass", True)],
        [("ingress", RUNS)],
    )
    host.until("READY")
    ready = [line.split()[0] for line in host.said if "is ready" in line]
    assert ready == ["valkey", "engine", "ingress"]
    assert (tmp_path / "data" / "run.json").stat().st_mode & 0o777 == 0o600
    children = host.children()
    assert len(children) == 3
    assert host.stop() == 0
    assert not (tmp_path / "data" / "run.json").exists() and holder_of(tmp_path / "data") == 0
    assert psutil.wait_procs(children, timeout=5)[1] == []


def test_a_child_that_dies_is_started_again_and_run_json_follows(
    hosts: list[Host], tmp_path: Path, runtime: Path
) -> None:
    host = begin(hosts, tmp_path, runtime, [("engine", RUNS)])
    host.until("READY")
    for _ in range(2):
        killed = host.pid("engine")
        os.kill(killed, signal.SIGKILL)
        assert "engine was killed by SIGKILL" in host.until("killed by")
        host.until("engine is ready")
        assert host.pid("engine") != killed and psutil.pid_exists(host.pid("engine"))
    assert host.stop(signal.SIGTERM) == 0


def test_a_signal_without_a_name_ends_one_child_and_not_the_exchange(
    hosts: list[Host], tmp_path: Path, runtime: Path
) -> None:
    """Of the real-time signals only the first and the last one have names."""
    host = begin(hosts, tmp_path, runtime, [("engine", RUNS)])
    host.until("READY")
    os.kill(host.pid("engine"), 40)
    assert "engine was killed by signal 40; starting it again" in host.until("killed by")
    host.until("engine is ready")
    assert host.stop() == 0


def test_a_child_that_never_gets_ready_ends_the_start_with_its_log(
    hosts: list[Host], tmp_path: Path, runtime: Path
) -> None:
    host = begin(hosts, tmp_path, runtime, [("valkey", RUNS)], [("engine", "raise SystemExit('no such core: 99')")])
    assert "engine ended with status 1, 3 times" in host.until("ERROR")
    assert "no such core: 99" in host.until("no such core")
    assert host.process.wait(60) == 1
    assert holder_of(tmp_path / "data") == 0


def test_reconcile_failing_ends_the_start(hosts: list[Host], tmp_path: Path, runtime: Path) -> None:
    code = "import sys; sys.exit('error: exchange.toml: assets.SOL.decimals: is 8 here')"
    host = begin(hosts, tmp_path, runtime, [("engine", RUNS), ("reconcile", code, True)])
    host.until("ERROR reconcile failed")
    host.until("assets.SOL.decimals")
    assert host.process.wait(60) == 1


def test_an_exchange_goes_on_when_nobody_hears_it_any_more(hosts: list[Host], tmp_path: Path, runtime: Path) -> None:
    """`exchange up | head`, or a terminal that is gone: what it has to say ends nothing."""
    host = begin(hosts, tmp_path, runtime, [("engine", RUNS)])
    host.until("READY")
    assert host.process.stdout
    host.process.stdout.close()
    killed = host.pid("engine")
    os.kill(killed, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while killed in (pids := [child.pid for child in host.children()]) or not pids:
        assert time.monotonic() < deadline and host.process.poll() is None
        time.sleep(0.05)


@pytest.mark.parametrize("early", [True, False])
def test_nothing_outlives_a_supervisor_that_is_killed(
    hosts: list[Host], tmp_path: Path, runtime: Path, early: bool
) -> None:
    never = "import signal, time; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); time.sleep(600)"
    phases: list[list[tuple[object, ...]]] = [
        [("valkey", RUNS), ("engine", RUNS)],
        [("ingress", never if early else RUNS)],
    ]
    host = begin(hosts, tmp_path, runtime, *phases)
    host.until("engine is ready" if early else "READY")
    children = host.children()
    assert len(children) >= 2
    host.process.kill()
    assert psutil.wait_procs(children, timeout=60)[1] == []
    descriptor = lock_data(tmp_path / "data")  # and the folder is free again
    os.close(descriptor)


def test_a_child_that_ignores_the_signal_is_killed_in_the_end(hosts: list[Host], tmp_path: Path, runtime: Path) -> None:
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + RUNS
    host = begin(hosts, tmp_path, runtime, [("ingress", stubborn)])
    host.until("READY")
    host.process.send_signal(signal.SIGINT)
    host.until("stopping")
    assert host.stop() == 0
    assert any("ingress did not stop in time" in line for line in host.said)


def test_a_second_exchange_on_the_same_data_is_refused(hosts: list[Host], tmp_path: Path, runtime: Path) -> None:
    first = begin(hosts, tmp_path, runtime, [("engine", RUNS)])
    first.until("READY")
    assert holder_of(tmp_path / "data") == first.process.pid
    second = begin(hosts, tmp_path, runtime, [("engine", RUNS)])
    message = second.until("ERROR")
    assert f"is in use by the exchange with pid {first.process.pid}" in message and "--data" in message
    assert second.process.wait(60) == 1
    assert first.stop() == 0


def test_stopping_while_it_starts(hosts: list[Host], tmp_path: Path, runtime: Path) -> None:
    host = begin(hosts, tmp_path, runtime, [("valkey", RUNS)], [("engine", "import time; time.sleep(600)")])
    host.until("valkey is ready")
    assert host.stop() == 0
    assert "READY" not in host.said


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=rf"port {port} on 127\.0\.0\.1 .* --http PORT"):
            check_port("127.0.0.1", port, "the REST API", "--http")
    with ExitStack() as kept:
        check_port("127.0.0.1", free_port("127.0.0.1", kept), "the REST API", "--http")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems give a bound port to nobody, not even by name")
def test_a_port_that_was_chosen_is_kept_for_who_names_it() -> None:
    """Between the choice and the role's start another program may take any port that is free."""
    with ExitStack() as kept:
        port = free_port("127.0.0.1", kept)
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port))
        with socket.create_server(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port)):
            pass


def test_an_address_of_another_machine_is_named() -> None:
    with pytest.raises(StartError, match=r"192\.0\.2\.1"):
        check_port("192.0.2.1", 8080, "the REST API", "--http")
    with ExitStack() as kept, pytest.raises(StartError, match=r"192\.0\.2\.1"):
        free_port("192.0.2.1", kept)


def test_the_tail_of_a_log_is_of_the_present_process(tmp_path: Path) -> None:
    log = tmp_path / "part.log"
    log.write_text("of an earlier run\n", encoding="utf-8")
    texts = iter(["first", "second"])
    watched, kept = os.pipe()
    child = Child(Program("part", lambda pipe: ["echo", next(texts)], log), watched)
    try:
        for text in ("first", "second"):
            child.start()
            assert child.process
            child.process.wait()
            assert child.reap() == 0
            assert child.log_tail() == text
        log.write_text("rotated\n", encoding="utf-8")
        assert child.log_tail() == "rotated"
    finally:
        os.close(watched)
        os.close(kept)


def test_logs_are_rotated_in_place(tmp_path: Path) -> None:
    log = tmp_path / "engine.log"
    with log.open("ab") as writer:
        for generation in range(5):
            writer.write(b"%d" % generation * (MAX_LOG_BYTES + 1))
            writer.flush()
            rotate(log)
        writer.write(b"after\n")
    assert log.read_bytes() == b"after\n"
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == ["engine.log", "engine.log.1", "engine.log.2", "engine.log.3"]
    assert (tmp_path / "engine.log.1").read_bytes()[:1] == b"4"


def test_an_idle_supervisor_sleeps(hosts: list[Host], tmp_path: Path, runtime: Path) -> None:
    host = begin(hosts, tmp_path, runtime, [("engine", RUNS)])
    host.until("READY")
    process = psutil.Process(host.process.pid)
    before, began = process.num_ctx_switches().voluntary, time.monotonic()
    time.sleep(1.0)
    assert process.num_ctx_switches().voluntary - before < 20 * (time.monotonic() - began)


ENGINE, EDGES = ("engine", RUNS), [("ingress", RUNS), ("egress", RUNS)]


def test_a_shard_more_and_then_each_edge_anew(hosts: list[Host], tmp_path: Path, runtime: Path) -> None:
    added, once = ("engine", RUNS, False, 1), ("reconcile", "print('said once')", True)
    host = begin(hosts, tmp_path, runtime, [ENGINE, *EDGES], growth=([added], once, EDGES))
    host.until("READY")
    before = {role: host.pid(role) for role in ("engine", "ingress", "egress")}
    host.process.send_signal(signal.SIGUSR2)
    host.until("there are 2 shards now")
    after = {role: host.pid(role) for role in before}
    assert after["engine"] == before["engine"] and host.pid("engine.s1")
    assert all(after[role] != before[role] for role in ("ingress", "egress"))
    said = [line.split()[0] for line in host.said if "is ready" in line or "ended" in line]
    assert said[-5:] == ["engine.s1", "ingress", "ingress", "egress", "egress"], "one after the other"
    assert (tmp_path / "data" / "logs" / "reconcile.log").read_text() == "said once\n"
    assert json.loads((tmp_path / "data" / "run.json").read_text())["shards"] == 2
    children = host.children()
    host.process.send_signal(signal.SIGUSR2)  # there is no more
    assert host.stop() == 0
    assert psutil.wait_procs(children, timeout=5)[1] == [] and "3 shards" not in "".join(host.said)


def test_a_shard_that_does_not_start_holds_nothing_up(hosts: list[Host], tmp_path: Path, runtime: Path) -> None:
    added, once = ("engine", "raise SystemExit('no room')", False, 1), ("reconcile", "pass", True)
    host = begin(hosts, tmp_path, runtime, [ENGINE, *EDGES], growth=([added], once, EDGES))
    host.until("READY")
    edges = [host.pid("ingress"), host.pid("egress")]
    host.process.send_signal(signal.SIGUSR2)
    host.until("engine.s1 ended with status 1")
    os.kill(host.pid("engine"), signal.SIGKILL)
    host.until("engine is ready")
    assert [host.pid("ingress"), host.pid("egress")] == edges
    assert json.loads((tmp_path / "data" / "run.json").read_text())["shards"] == 1
    assert host.stop() == 0


def test_what_brings_the_setup_may_fail_and_is_tried_again(hosts: list[Host], tmp_path: Path, runtime: Path) -> None:
    flag = tmp_path / "flag"
    once = ("reconcile", f"import pathlib; p = pathlib.Path({str(flag)!r}); p.exists() or (p.touch(), 1 / 0)", True)
    host = begin(hosts, tmp_path, runtime, [ENGINE], growth=([("engine", RUNS, False, 1)], once, []))
    host.until("READY")
    host.process.send_signal(signal.SIGUSR2)
    host.until("reconcile failed")
    host.until("there are 2 shards now")
    assert host.stop() == 0
