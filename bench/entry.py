"""Enters a program of this package, so that Ctrl-C ends each with one line, while it is imported or compiled as well.

    python -P -m bench.entry NAME [options]     what `exchange bench NAME`, `exchange load` and `exchange replay` become

`exchange` hands over with interrupts held back: they count from here on.
"""

import os
import runpy
import select
import signal
import sys
import threading

from engine_core import standard_output

INTERRUPTED = 130
AGAIN_SECONDS = 0.05
MAIN_THREAD = threading.get_ident()
_again_soon: list[threading.Timer] = []


def _again(lost: "sys.UnraisableHookArgs") -> None:
    """Ctrl-C where nothing can be raised, as in what LLVM calls while Numba compiles, is not lost: it comes again."""
    if issubclass(lost.exc_type, KeyboardInterrupt):
        _again_soon.append(threading.Timer(AGAIN_SECONDS, signal.pthread_kill, (MAIN_THREAD, signal.SIGINT)))
        _again_soon[-1].start()
    else:
        sys.__unraisablehook__(lost)


def _nobody_reads() -> bool:
    """Whether whoever read our output has left, as in `exchange bench NAME | head`."""
    poller = select.poll()
    poller.register(sys.stdout, 0)
    return any(event & select.POLLERR for _, event in poller.poll(0))


def main() -> None:
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        with standard_output.guarded(goes_on=True):
            runpy.run_module(f"bench.{sys.argv.pop(1)}", run_name="__main__", alter_sys=True)
    except standard_output.Unwritten as error:
        sys.exit(f"error: {error.filename}: {error.strerror}")
    except BrokenPipeError:
        if not _nobody_reads():
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains while it ends
        sys.exit(1)
    except (KeyboardInterrupt, Exception) as error:
        if not (isinstance(error, KeyboardInterrupt) or _again_soon):
            raise
        for timer in _again_soon:  # what failed meanwhile failed by it
            timer.cancel()
        print("interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    sys.unraisablehook = _again
    main()
