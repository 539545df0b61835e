"""The `exchange` program: the `exchange` command (engine_core/cli.py), which Ctrl-C ends without a word also while its
modules are being imported."""

import importlib
import signal


def main() -> None:
    is_heard = (
        signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )  # else it is a shell's job in the background
    if is_heard:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    cli = importlib.import_module("engine_core.cli")
    if is_heard:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    cli.main()


if __name__ == "__main__":
    main()
