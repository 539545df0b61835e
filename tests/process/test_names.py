"""What processes are called: of one shard as always, of several by the shard."""

from pathlib import Path

import pytest

from engine_core.host.children import Program
from engine_core.process.metrics import Monitor, socket_path
from engine_core.process.names import process_name


@pytest.mark.parametrize(
    ("name", "role", "variables"),
    [
        ("engine", "engine", {}),
        ("engine", "engine", {"EXCHANGE_SHARD": "0", "EXCHANGE_WORKER": "0"}),
        ("engine.s2", "engine", {"EXCHANGE_SHARD": "2"}),
        ("standby.s2.1", "standby", {"EXCHANGE_SHARD": "2", "EXCHANGE_WORKER": "1"}),
        ("ingress.3", "ingress", {"EXCHANGE_SHARD": "2", "EXCHANGE_WORKER": "3"}),
    ],
)
def test_a_program_has_the_name_of_its_process(name: str, role: str, variables: dict[str, str]) -> None:
    program = Program(role, lambda pipe: [], Path("x.log"), variables)
    assert program.name == name == process_name(role, program.shard, int(variables.get("EXCHANGE_WORKER", "0")))


def test_the_socket_and_the_labels_name_the_shard() -> None:
    runtime = Path("/r")
    assert socket_path(runtime, "engine", 0) == socket_path(runtime, "engine", 0, 0) == runtime / "engine.0.metrics"
    assert socket_path(runtime, "engine", 1, 2) == runtime / "engine.s2.1.metrics"
    of_shard, of_all = Monitor("engine", shard=2), Monitor("ingress")
    for monitor, shard in ((of_shard, {"shard": "2"}), (of_all, {})):
        monitor.histogram("x_seconds", "X")
        (family,) = monitor.collect()
        assert family.samples[0].labels.items() >= shard.items()
        assert ("shard" in family.samples[0].labels) == bool(shard)
        assert monitor.look().shard == (int(shard["shard"]) if shard else None)
