"""With this folder on PYTHONPATH an engine process dies at orders of DEADLY_LOTS, by SIGKILL, as at a fault in compiled
code: a machine, or a build, on which one entry is deadly."""

import os
import signal
import sys

DEADLY_LOTS = 1337

if "engine_core.runtime" in sys.orig_argv:
    from engine_core.runtime.log.chunk import Chunk
    from engine_core.runtime.machine import Machine, Mirror, Run
    from engine_core.wire.streams import EntryId

    _execute, _execute_run = Machine.execute, Machine.execute_run

    def _die_of(block: bytes) -> None:
        if DEADLY_LOTS.to_bytes(8, "little") in block:
            os.kill(os.getpid(), signal.SIGKILL)

    def _execute_or_die(machine: Machine, entry: EntryId, block: bytes) -> Mirror:
        _die_of(block)
        return _execute(machine, entry, block)

    def _execute_run_or_die(
        machine: Machine, chunk: Chunk, start: int, stop: int, runs: list[Run] | None = None
    ) -> int:
        for _, block in chunk.entries[start:stop]:
            _die_of(block)
        return _execute_run(machine, chunk, start, stop, runs)

    Machine.execute, Machine.execute_run = _execute_or_die, _execute_run_or_die  # type: ignore[method-assign]
