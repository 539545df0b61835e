"""Our book in the public harness flash1-dev/matching-engine-benchmark, in a checkout of it that is yours.

    python -m bench.peers.harness CHECKOUT [--batches] [--runs N] [--scenario NAME ...] [--matcher-core N]

Build the harness there first (`make`). Compiles adapter.c into CHECKOUT, runs the harness on each scenario, and prints
the median of what it says, with its verdict: reports digested, book probed. By default the contract is kept to the
letter: a call for each message, matched and reported before the next is looked at. Needs a C compiler and the headers
of this Python.
"""

import argparse
import re
import subprocess
import sys
import sysconfig
from pathlib import Path
from statistics import median

from bench.compiling import say_if_compiling
from bench.conformance import kernel
from engine_core.arguments import folder, whole

ROOT = Path(__file__).resolve().parents[3]
SCENARIOS = ("static", "normal", "swing-25", "swing-40", "flash-crash")
ADAPTER = Path(__file__).with_name("adapter.c")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.peers.harness", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("checkout", type=folder, metavar="CHECKOUT", help="folder of the harness, built")
    parser.add_argument(
        "--batches", action="store_true", help="runs of messages a call, with look-ahead: not its letter"
    )
    parser.add_argument("--runs", type=whole(1, 1_000), default=3, help="of each scenario (default: %(default)s)")
    parser.add_argument("--scenario", nargs="+", choices=SCENARIOS, default=SCENARIOS, metavar="NAME")
    parser.add_argument("--matcher-core", type=whole(0, 4_095), default=0, help="the next one reads the reports")
    parser.add_argument("--engine", type=Path, metavar="FILE", help="another engine's adapter instead of ours")
    return parser.parse_args(arguments)


def build(checkout: Path, batches: bool) -> Path:
    """The adapter, compiled for this Python."""
    made = checkout.absolute() / f"exchange_{'batches' if batches else 'letter'}_adapter.so"
    of = sysconfig.get_config_vars()
    command: list[str | Path] = ["cc", "-std=c11", "-O3", "-march=native", "-fPIC", "-shared", ADAPTER, "-o", made]
    command += [f"-I{checkout / 'api'}", f"-I{of['INCLUDEPY']}", f"-L{of['LIBDIR']}", f"-Wl,-rpath,{of['LIBDIR']}"]
    command += [
        f"-lpython{of['LDVERSION']}",
        f'-DPYTHON="{sys.executable}"',
        f'-DROOT="{ROOT}"',
        f'-DLIBRARY="{of["INSTSONAME"]}"',
    ]
    subprocess.run([*command, *(["-DBATCHES"] if batches else [])], check=True)
    return made


def rate(text: str) -> float:
    """M messages/s, as the harness prints it."""
    found = re.search(r"([\d.]+) *M *(?:msgs?|messages)/s", text)
    return float(found[1]) if found else 0.0


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    program = options.checkout.absolute() / "harness"
    if not program.exists():
        print(f"{program}: not there; build the harness first, with make in its folder", file=sys.stderr)
        return 2
    try:
        engine = options.engine.absolute() if options.engine else build(options.checkout, options.batches)
    except (subprocess.CalledProcessError, OSError) as error:
        print(f"bench.peers.harness: the adapter does not compile: {error}", file=sys.stderr)
        return 2
    if not options.engine:
        say_if_compiling(kernel.__file__)
    cores = "--matcher-core", str(options.matcher_core), "--drainer-core", str(options.matcher_core + 1)
    is_valid = True
    for scenario in options.scenario:
        rates: list[float] = []
        verdicts: set[str] = set()
        for _ in range(options.runs):
            command = [program, "--engine", engine, "--scenario", scenario, "--mode", "perf", *cores]
            done = subprocess.run(command, cwd=options.checkout, capture_output=True, text=True, check=False)
            rates.append(rate(done.stdout))
            verdicts |= set(re.findall(r"Verdict: *(\w+)", done.stdout)) or {
                (done.stderr or "no verdict").strip()[-200:]
            }
        is_valid &= verdicts == {"VALID"}
        print(f"{scenario:<14}{median(rates):>8.2f} M messages/s   {', '.join(sorted(verdicts))}", flush=True)
    return 0 if is_valid else 1


if __name__ == "__main__":
    sys.exit(main())
