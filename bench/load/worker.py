"""One process of a load over REST or order entry: makes its bytes, opens its connections, sends, and reports."""

import asyncio
import gc
import time
from array import array
from multiprocessing.connection import Connection as Pipe

import uvloop

from bench.load.job import STOP, Done, Failed, Job, Progress, Ready, Target
from bench.load.outcome.tally import NEVER, Tally
from bench.load.plan import spelling
from bench.load.targets import closed, log
from bench.load.targets.api import BenchError, now_ms
from bench.load.targets.closed import LOOK_SECONDS
from bench.load.targets.order_entry import EntryPool
from bench.load.targets.pace import Pace
from bench.load.targets.rest import RestPool

REPORT_SECONDS = 0.25


def main(pipe: Pipe, job: Job) -> None:
    """The whole life of the process, until the parent has what became of its orders."""
    try:
        if job.target is Target.LOG:
            log.run(pipe, job)
        else:
            uvloop.run(_run(pipe, job))
    except BenchError as error:
        pipe.send(Failed(str(error)))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # the parent is gone, and nobody wants the result


async def _run(pipe: Pipe, job: Job) -> None:
    await _Worker(pipe, job).run()


class _Worker:
    def __init__(self, pipe: Pipe, job: Job) -> None:
        self._pipe, self._job = pipe, job
        self._tally = Tally(array("q", job.orders.at_ns.tolist()))
        self._start_ns = 0
        self._is_stopped = False

    async def run(self) -> None:
        pool = self._pool()
        await pool.open()
        gc.collect()
        gc.freeze()
        gc.disable()  # nothing here has cycles, and a pause would be measured
        self._pipe.send(Ready())
        while not self._start_ns:
            await asyncio.sleep(LOOK_SECONDS)
            self._heed()
        began, cpu = time.monotonic(), time.process_time()
        reports = asyncio.create_task(self._report())
        due = None
        if self._job.closed_seconds:
            await closed.keep_busy(pool, self._job.closed_seconds, self._job.in_flight, self._goes_on)
        else:
            due = await self._open(pool)
        await closed.answers(pool, self._job.patience)
        end_ns = self._now_ns()
        reports.cancel()
        columns = self._tally.columns(self._job.orders.commands)
        columns = columns.part(columns.sent_ns != NEVER if due is None else slice(due))
        self._pipe.send(Done(columns, end_ns, time.process_time() - cpu, time.monotonic() - began))
        pool.close()

    def _pool(self) -> RestPool | EntryPool:
        job = self._job
        if job.target is Target.REST:
            requests = list(spelling.requests(job.orders, job.accounts, job.markets, job.address, job.start_ms))
            return RestPool(job.address, requests, self._tally, self._now_ns, job.connections)
        messages = list(spelling.messages(job.orders, job.markets))
        owners = job.orders.commands["account"].tolist()
        return EntryPool(
            job.address,
            messages,
            owners,
            self._tally,
            self._now_ns,
            lambda account: spelling.logon(job.accounts[account], now_ms()),
        )

    def _now_ns(self) -> int:
        return time.monotonic_ns() - self._start_ns

    async def _open(self, pool: RestPool | EntryPool) -> int:
        """Hand over each order when it is due; how many were."""
        pace = Pace(self._tally, pool.send, self._start_ns)
        pace.begin()
        while not pace.finished and not pool.trouble and self._goes_on():
            await asyncio.sleep(LOOK_SECONDS)
        return pace.stop()

    def _goes_on(self) -> bool:
        self._heed()
        return not self._is_stopped

    async def _report(self) -> None:
        tally = self._tally
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            fresh, tally.fresh = tally.fresh, []
            self._pipe.send(Progress(tally.sent, tally.answered, sum(tally.refusals.values()), fresh))

    def _heed(self) -> None:
        """What the parent says: first when to start, then perhaps to stop. EOFError if it is gone.

        Looked for from time to time: an event loop that watched the pipe would make it one that does not block.
        """
        if self._pipe.poll():
            said = self._pipe.recv()
            if said == STOP:
                self._is_stopped = True
            else:
                self._start_ns = said
