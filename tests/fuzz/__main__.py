"""Fuzzing of everything that reads what others write: `make fuzz`, or

    python -m tests.fuzz --minutes 60                      all targets, the compiled loops with half of the time
    python -m tests.fuzz --inputs 1000000 --target http    one of them
    python -m tests.fuzz --coverage                        what a sample of their inputs reaches, then the table
    python -m tests.fuzz --table                           inputs, CPU time and coverage of each target so far

It goes on where it stopped: build/fuzz/progress.json holds how many inputs each target has had, and the CPU seconds.
Input n of a target is a function of n alone. One that fails is kept in tests/fuzz/found/TARGET/, where the tests try it
again for ever (test_fuzz.py), and ends the run with status 1.
"""

import argparse
import random
import sys
import time
import traceback
from pathlib import Path

from ingress.fast_path.order_kernel import rules_of
from tests.attacks.proxy import installed
from tests.fuzz import loops, progress
from tests.fuzz.covered import measured
from tests.fuzz.targets import JSON_PIECES, MESSAGES, ORDER_PIECES, ORDERS, TARGETS
from tests.ingress.fast_path.test_http_orders import SETUP

FOUND = Path(__file__).with_name("found")
ORDER_SEEDS = loops.seeds(ORDERS, ORDER_PIECES)
MESSAGE_SEEDS = loops.seeds(MESSAGES[:2], JSON_PIECES)
COMPILED = ("order-request-and-llhttp", "order-message-compiled")
BATCH, COMPILED_BATCH = 200, 1_000_000


def run(name: str, first: int, count: int) -> int:
    """Inputs first, first + 1, …; how many of them got past the first look. An input that fails is kept and raised."""
    if name in COMPILED:
        return _compiled(name, first, count)
    for number in range(first, first + count):
        check_one(name, number)
    return count


def check_one(name: str, number: int) -> None:
    if name in COMPILED:  # the same input, the general way
        kind = "order-message" if name == "order-message-compiled" else "order-request"
        TARGETS[kind].check(input_of(name, number), random.Random())
        return
    draw = random.Random(f"{name} {number}")
    data = TARGETS[name].make(draw)
    try:
        TARGETS[name].check(data, draw)
    except Exception:
        keep(FOUND, name, number, data)
        raise


def input_of(name: str, number: int) -> bytes:
    if name == "order-message-compiled":
        return loops.made(number, MESSAGE_SEEDS)
    if name in COMPILED:
        return loops.made(number, ORDER_SEEDS)
    return TARGETS[name].make(random.Random(f"{name} {number}"))


def _compiled(name: str, first: int, count: int) -> int:
    rules = rules_of(SETUP.markets.values())
    if name == "order-message-compiled":
        taken = loops.messages(first, count, MESSAGE_SEEDS, rules)
        for number in taken[:200]:  # the kernel takes them; the general way must understand the same
            check_one(name, number)
        return len(taken)
    failed, accepted = loops.requests(first, count, ORDER_SEEDS, rules)
    if failed >= 0:
        data = input_of(name, failed)
        keep(FOUND, "order-request", failed, data)
        raise AssertionError(f"the kernel takes what is not one whole request to llhttp: {data!r}")
    return accepted


def keep(where: Path, name: str, number: int, data: bytes) -> None:
    folder = where / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{number}.bin").write_bytes(data)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="in all, shared by the targets (default: 10)")
    parser.add_argument("--inputs", type=int, default=0, help="to each target, however long it takes")
    parser.add_argument("--target", action="append", choices=[*COMPILED, *TARGETS], help="default: all")
    parser.add_argument("--coverage", action="store_true", help="instead: what a sample of the inputs reaches")
    parser.add_argument("--table", action="store_true", help="instead: what was done so far")
    arguments = parser.parse_args()
    names = arguments.target or [*COMPILED, *TARGETS]
    if "http-behind-nginx" in names and not installed():
        print("http-behind-nginx: nginx is not installed, so this one is left out")
        names.remove("http-behind-nginx")
    if arguments.coverage or arguments.table:
        for name in names if arguments.coverage else ():
            progress.save(name, {"coverage": measured(name)})
        print(progress.table())
        return 0
    for name in names:
        share = sum(len(TARGETS) if each in COMPILED else len(COMPILED) for each in names)
        weight = len(TARGETS) if name in COMPILED else len(COMPILED)
        seconds = arguments.minutes * 60 * weight / share
        try:
            _go_on(name, arguments.inputs, seconds)
        except Exception:
            traceback.print_exc()
            return 1
    print(progress.table())
    return 0


def _go_on(name: str, inputs: int, seconds: float) -> None:
    state = progress.load().get(name, {"inputs": 0, "taken": 0, "cpu_seconds": 0.0})
    batch = COMPILED_BATCH if name in COMPILED else BATCH
    ends, done = time.monotonic() + seconds, 0
    while done < inputs if inputs else time.monotonic() < ends:
        began = time.process_time()
        count = min(batch, inputs - done) if inputs else batch
        state["taken"] += run(name, int(state["inputs"]), count)
        state["inputs"] += count
        state["cpu_seconds"] += time.process_time() - began
        done += count
        progress.save(name, state)
    rate = state["inputs"] / max(state["cpu_seconds"], 1e-9)
    print(
        f"{name:28} {int(state['inputs']):>15,} inputs, {int(state['taken']):>13,} taken,"
        f" {state['cpu_seconds'] / 3600:8.3f} CPU hours, {rate:>11,.0f} a second",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
