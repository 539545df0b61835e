"""The stages of a sampled order in this process: received, authenticated, appended to the log, answered.

Of a block that is sampled, one order that came by a short way (fast_path/) is timed: which one changes from block to
block, so that the first of a block, which waited longest, is no rule. Nothing else of an order is looked at.
"""

import asyncio
from functools import partial

from engine_core.process.stages import Sender, Stage, Stamps, now
from engine_core.transport.outbox import Block, Outbox
from ingress.fast_path.pending_order import PendingOrder


class OrderStages:
    def __init__(self, every: int) -> None:
        self.stamps = Stamps(every, Stage.RECEIVED, Stage.AUTHENTICATED, Stage.APPENDED, Stage.ANSWERED)

    def appended(self, outbox: Outbox, block: Block) -> None:
        """A new block is about to go to the log (AsyncGateway.watch_blocks)."""
        if not self.stamps.wants(block.sequence):
            return
        sender = Sender(outbox.gateway, outbox.incarnation, block.sequence)
        orders = [order for order in block.answers if isinstance(order, PendingOrder)]
        if orders:
            order = orders[sender.sequence // self.stamps.every % len(orders)]
            order.when_answered = partial(self._answered, sender, order, now())

    def _answered(self, sender: Sender, order: PendingOrder, appended: float, order_id: int) -> None:
        """Its answer is with the event loop, which hands it to the system before it does anything else."""
        asyncio.get_running_loop().call_soon(self._stamp, sender, order, appended, order_id)

    def _stamp(self, sender: Sender, order: PendingOrder, appended: float, order_id: int) -> None:
        self.stamps.add(sender, order.began, order.admitted, appended, now(), order_id=order_id)
