"""Compiles the kernels that read requests into the cache, by using each once: a job of `exchange warm`."""

from engine_core.process import lifecycle
from engine_core.process.compilation import announce_compilation
from ingress.fast_path.message_kernel import message_buffers, read_message
from ingress.fast_path.order_kernel import buffers, read_order, rules_of


def main() -> None:
    lifecycle.start("warm")
    announce_compilation()
    read_order(b"", *rules_of(()), *buffers())
    read_message(b"", *rules_of(()), *message_buffers())


if __name__ == "__main__":
    main()
