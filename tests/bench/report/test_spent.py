"""The processor time of an order, by role: what a process spends within a block counts, and nothing before or after."""

import os
import subprocess
import sys
import time

from bench.report.spent import CLIENT, CpuSampler, table

SPENDS = """
import sys, time
for line in sys.stdin:
    until = time.process_time() + float(line)
    while time.process_time() < until:
        pass
    print("done", flush=True)
"""
WORKS_BY_A_CHILD = (
    "import subprocess, sys; "
    "sys.exit(subprocess.run([sys.executable, '-c', sys.argv[1]], stdin=0, stdout=1, check=False).returncode)"
)


def spend(process: "subprocess.Popen[str]", seconds: float) -> None:
    assert process.stdin and process.stdout
    process.stdin.write(f"{seconds}\n")
    process.stdin.flush()
    assert process.stdout.readline() == "done\n"


def test_each_role_has_what_its_processes_spent_in_the_block() -> None:
    command = [sys.executable, "-c", WORKS_BY_A_CHILD, SPENDS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        spend(process, 0.3)  # nobody looks yet
        sampler = CpuSampler({"engine": [process.pid], "gone": [2**22 + 1]})
        for _ in range(2):
            with sampler:
                spend(process, 0.2)
        with sampler:
            until = time.process_time() + 0.1
            while time.process_time() < until:
                os.getpid()
    spent = sampler.microseconds(1000)
    assert 390 < spent["engine"] < 600  # what a child spends counts, and what was before does not
    assert 90 < spent[CLIENT] < 300 and spent.get("gone", 0) == 0
    assert table({"engine": 3.25, CLIENT: 1.0}) == "CPU of an order: 4 us, of it engine 3.2, client 1.0"


def test_without_orders_there_is_nothing_to_tell() -> None:
    assert CpuSampler({}).microseconds(0) == {}
