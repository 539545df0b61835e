"""What was fuzzed so far: build/fuzz/progress.json, and the table made of it.

Several processes may run at once, each with targets of its own.
"""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

PROGRESS: Final = Path(__file__).resolve().parents[2] / "build" / "fuzz" / "progress.json"
_COLUMNS: Final = ("target", "inputs", "accepted", "CPU hours", "lines reached", "branches reached", "under test")
_NOTHING: Final = {"inputs": 0, "taken": 0, "cpu_seconds": 0.0}
_LEFT, _RIGHT = "---", "--:"

State = dict[str, Any]  # inputs, taken, cpu_seconds, and what covered.py has counted


def load() -> dict[str, State]:
    with _locked():
        return _read()


def save(name: str, changed: State) -> None:
    with _locked():
        progress = _read()
        progress[name] = _NOTHING | progress.get(name, {}) | changed
        PROGRESS.write_text(json.dumps(progress, indent=1))


@contextmanager
def _locked() -> Iterator[None]:
    PROGRESS.parent.mkdir(parents=True, exist_ok=True)
    with PROGRESS.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _read() -> dict[str, State]:
    found: dict[str, State] = json.loads(PROGRESS.read_text()) if PROGRESS.exists() else {}
    return found


def table() -> str:
    """As Markdown."""
    rows = [_COLUMNS, (_LEFT, *[_RIGHT] * 5, _LEFT)]
    progress = load()
    for name, state in progress.items():
        inputs, taken = int(state["inputs"]), int(state["taken"])
        accepted = f"{taken:,}" if taken != inputs else ""  # only the compiled loops count these
        counts = f"{inputs:,}", accepted, f"{state['cpu_seconds'] / 3600:.3f}"
        rows.append((f"`{name}`", *counts, *_covered(state.get("coverage"))))
    inputs = sum(int(state["inputs"]) for state in progress.values())
    hours = sum(state["cpu_seconds"] for state in progress.values()) / 3600
    rows.append(("all", f"{inputs:,}", "", f"{hours:.3f}", "", "", ""))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _covered(coverage: State | None) -> tuple[str, str, str]:
    if coverage is None:
        return "", "", ""
    shares = (_share(coverage[f"{kind}"], coverage[f"of_{kind}"]) for kind in ("lines", "branches"))
    return *shares, ", ".join(f"`{each}`" for each in coverage["under_test"])


def _share(reached: int, of: int) -> str:
    return f"{reached:,} of {of:,} ({100 * reached // of} %)" if of else "none"
