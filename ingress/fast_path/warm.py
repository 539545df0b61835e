"""The kernels that read requests, used once each: else a process would load them while its first order waits.

As a program it is a job of `exchange warm`, which compiles them into the cache.
"""

from engine_core.process import lifecycle
from engine_core.process.compilation import announce_compilation
from ingress.fast_path.batch_kernel import batch_buffers, read_batch
from ingress.fast_path.message_kernel import message_buffers, read_message
from ingress.fast_path.order_kernel import buffers, read_order, rules_of


def load() -> None:
    read_order(b"", *rules_of(()), *buffers())
    read_batch(b"", rules_of(()), batch_buffers())
    read_message(b"", *rules_of(()), *message_buffers())


def main() -> None:
    lifecycle.start("warm")
    announce_compilation()
    load()


if __name__ == "__main__":
    main()
