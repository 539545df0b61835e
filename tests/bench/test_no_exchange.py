"""Programs that measure a running exchange, where none runs: all say the same, and what to do."""

from pathlib import Path

import pytest

from bench.http.__main__ import main as http
from bench.load.__main__ import main as load
from bench.orders_ws.__main__ import main as orders_ws
from bench.websocket.__main__ import main as websocket


@pytest.mark.parametrize("main", [http, orders_ws, websocket, load])
def test_no_exchange_runs_there(main: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert callable(main) and main(["--data", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"error: no exchange runs on {tmp_path}: start it with `exchange up`, or name its folder")
