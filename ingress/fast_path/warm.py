"""The kernels that read requests, used once each: else a process would load them while its first order waits.

As a program it is a job of `exchange warm`, which compiles them into the cache.
"""

import numpy as np

from engine_core.process import lifecycle
from engine_core.process.compilation import announce_compilation
from engine_core.wire.layout import SLOT
from ingress.fast_path.answer_kernel import answers, shown_markets, write_answers
from ingress.fast_path.batch_kernel import batch_buffers, read_batch
from ingress.fast_path.message_kernel import message_buffers, read_messages, take_texts
from ingress.fast_path.order_kernel import buffers, read_order, rules_of


def load() -> None:
    read_order(b"", *rules_of(()), *buffers())
    read_batch(b"", rules_of(()), batch_buffers())
    made = message_buffers()
    take_texts(b"", made.text, made.ends)
    read_messages(b"", 0, 0, rules_of(()), made)
    write_answers(np.zeros((0, SLOT.itemsize // 8), np.int64), 1, shown_markets(()), answers())


def main() -> None:
    lifecycle.start("warm")
    announce_compilation()
    load()


if __name__ == "__main__":
    main()
