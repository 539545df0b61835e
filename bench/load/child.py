"""A process of a load, and the pipe to it: `python -m bench.load.child FD` takes its work from there.

Not multiprocessing's own way: its tracker of resources would outlive the load.
"""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe
from typing import Any

from bench.load.job import Failed, Progress
from bench.load.targets.api import BenchError

END_SECONDS = 5.0

Work = Callable[[Connection, Any], None]


@dataclass
class Child:
    process: subprocess.Popen[bytes]
    pipe: Connection
    start_ms: int = 0  # what its bytes say; 0: they say none
    done: Any = None  # what it sent at its end
    progress: Progress = field(default_factory=lambda: Progress(0, 0, 0, []))

    @classmethod
    def start(cls, start_ms: int = 0) -> "Child":
        """In a group of its own, so that Ctrl-C is its parent's business alone. It waits for its work."""
        ours, theirs = Pipe()
        command = [sys.executable, "-P", "-m", "bench.load.child", str(theirs.fileno())]
        process = subprocess.Popen(command, pass_fds=(theirs.fileno(),), process_group=0)
        theirs.close()
        return cls(process, ours, start_ms)

    def work(self, work: Work, job: Any) -> None:
        """What it does from now on."""
        self.send((work, job))

    def send(self, what: Any) -> None:
        try:
            self.pipe.send(what)
        except OSError:
            raise self._ended() from None

    def receive(self) -> Any:
        """What it says next; BenchError if that is why it cannot go on, or if it is gone."""
        try:
            said = self.pipe.recv()
        except (EOFError, OSError):
            raise self._ended() from None
        if isinstance(said, Failed):
            raise BenchError(said.message)
        return said

    def end(self) -> None:
        """It ends by itself when it is done, and has no chance to otherwise."""
        if self.done is None:
            self.process.kill()
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.pipe.close()

    def _ended(self) -> BenchError:
        status = self.process.wait()
        return BenchError(f"a process of the generator ended by itself ({status}); what it says stands above")


def main() -> None:
    pipe = Connection(int(sys.argv[1]))
    try:
        work, job = pipe.recv()
        work(pipe, job)
    except EOFError:
        pass  # the parent is gone, and nobody wants anything any more


if __name__ == "__main__":
    main()
