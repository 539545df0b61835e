"""Enters a program of this package, so that Ctrl-C ends each with one line, while it is imported or compiled as well.

    python -P -m bench.entry NAME [options]     what `exchange bench NAME`, `exchange load` and `exchange replay` become

`exchange` hands over with interrupts held back: they count from here on.
"""

import runpy
import signal
import sys

INTERRUPTED = 130


def main() -> None:
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        runpy.run_module(f"bench.{sys.argv.pop(1)}", run_name="__main__", alter_sys=True)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
