"""Two API keys, and a short load with them."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey

from bench.load.__main__ import main
from bench.load.plan import keys
from bench.load.targets.api import Account
from tests.bench.load.standin import StandIn, serving

RATE, SECONDS = "200", "0.5"


@pytest.fixture
def two_keys(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    pairs = {number: SigningKey(bytes([number]) * 32) for number in (1, 2)}
    public = {number: base64.b64encode(bytes(pair.verify_key)).decode() for number, pair in pairs.items()}
    with keys.KeyFile(path, len(pairs)) as file:
        for number, pair in pairs.items():
            file.add(Account(public[number], bytes(pair), number))
    return path


Load = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def load(two_keys: Path, tmp_path: Path) -> Load:
    def run(server: StandIn, *more: str) -> tuple[int, dict[str, Any]]:
        """(exit status, what --json says; nothing if it did not get so far)."""
        result = tmp_path / "result.json"
        with serving(server):
            given = ["--url", server.url, "--keys", str(two_keys), "--rate", RATE, "--seconds", SECONDS]
            status = main([*given, "--json", str(result), *more])
        return status, json.loads(result.read_text()) if result.exists() else {}

    return run
