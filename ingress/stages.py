"""The stages of a sampled order in this process: received, authenticated, appended to the log, answered.

Of a block that is sampled, one command of a client is timed: which one changes from block to block, so that the first
of a block, which waited longest, is no rule. Of a batch that is when the answer to the whole batch went out.
"""

import asyncio
from functools import partial

from engine_core.process.stages import Sender, Stage, Stamps, now
from engine_core.transport.outbox import Answer, Block, Outbox
from ingress.arrival import Arrivals
from ingress.fast_path.pending_order import PendingOrder
from ingress.request_time import AwaitedCommand
from ingress.shards.router import inner_of


class OrderStages:
    def __init__(self, every: int) -> None:
        self.stamps = Stamps(every, Stage.RECEIVED, Stage.AUTHENTICATED, Stage.APPENDED, Stage.ANSWERED)
        self.arrivals = Arrivals(self.stamps.wants(1))

    def appended(self, outbox: Outbox, block: Block) -> None:
        """A new block is about to go to the log (AsyncGateway.watch_blocks). What is read now goes into the next."""
        self.arrivals.wanted = self.stamps.wants(block.sequence + 1)
        if not self.stamps.wants(block.sequence):
            return
        sender = Sender(outbox.gateway, outbox.incarnation, block.sequence)
        timed = [(answer, received) for answer in map(inner_of, block.answers) if (received := _received(answer))]
        if timed:
            order, received = timed[sender.sequence // self.stamps.every % len(timed)]
            assert isinstance(order, PendingOrder | AwaitedCommand)
            order.when_answered(partial(self._answered, sender, (received, order.admitted, now())))

    def _answered(self, sender: Sender, before: tuple[float, float, float], order_id: int) -> None:
        """Its answer is with the event loop, which hands it to the system before it does anything else."""
        asyncio.get_running_loop().call_soon(self._stamp, sender, before, order_id)

    def _stamp(self, sender: Sender, before: tuple[float, float, float], order_id: int) -> None:
        self.stamps.add(sender, *before, now(), order_id=order_id)


def _received(answer: Answer) -> float:
    """When the request that waits for this answer had come; 0.0 if that is not timed."""
    if isinstance(answer, PendingOrder):
        return answer.received
    request = answer.request if isinstance(answer, AwaitedCommand) else None
    return request.received if request else 0.0
