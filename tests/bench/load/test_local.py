"""Which exchange a load knows to be one of this machine: its profile, limits and stages are in the result then."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.load import __main__ as command
from bench.report.stages import StageSampler
from engine_core.config.settings import shipped_config
from engine_core.operator.target import running
from tests.bench.load.standin import StandIn, serving


@pytest.mark.parametrize(
    ("given", "supervisor", "is_local"),
    [
        (lambda _: [], 1, True),  # `exchange load` has found it, and set EXCHANGE_API_URL
        (lambda url: ["--url", f"{url}/"], 1, True),
        (lambda url: ["--url", url.replace("127.0.0.1", "localhost")], 1, False),
        (lambda _: [], 0, False),  # its roles were started by somebody else, and may be anywhere
    ],
)
def test_an_exchange_is_known_by_its_address(
    given: Callable[[str], list[str]],
    supervisor: int,
    is_local: bool,
    two_keys: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sampled, result = list[Path | None](), tmp_path / "result.json"

    def sampler(runtime: Path | None) -> StageSampler:
        sampled.append(runtime)
        return StageSampler(None)

    with serving(StandIn()) as server:
        found = running.Run(
            data=tmp_path,
            supervisor=supervisor,
            processes={},
            http=server.url,
            ws="",
            redis="",
            database="",
            logs=tmp_path,
            profile="demo",
            config=str(shipped_config()),
            runtime=tmp_path,
        )
        monkeypatch.setattr(running, "_supervised", lambda data: found)
        monkeypatch.setattr(command, "StageSampler", sampler)
        monkeypatch.setattr(os, "environ", {**os.environ})
        running.join(tmp_path)
        options = ["--keys", str(two_keys), "--rate", "200", "--seconds", "0.2", "--json", str(result)]
        assert command.main([*given(server.url), *options]) == 0
    parameters = json.loads(result.read_text())["parameters"]
    assert parameters.get("profile") == ("demo" if is_local else None) and ("rate_limits" in parameters) == is_local
    assert sampled == [tmp_path if is_local else None]
