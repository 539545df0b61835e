"""Asks a process of this machine whether it is well: exit status 0 if it is, else 1 and why.

    python -P -m engine_core.process.probe [/ready | /health] [PORT]        (EXCHANGE_METRICS_PORT, /ready)

For the health checks of containers; standard library only, because it runs every few seconds.
"""

import os
import sys
from http.client import HTTPConnection, HTTPException

TIMEOUT_S = 2.0


def probe(path: str, port: int) -> str:
    """Why the process is not well; empty if it is."""
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        content = answer.read().decode("utf-8", "replace")
        return "" if answer.status == 200 else content
    except (OSError, HTTPException) as error:
        return f"port {port} does not answer: {error}"
    finally:
        connection.close()


def main() -> int:
    arguments = sys.argv[1:]
    path = arguments[0] if arguments else "/ready"
    port = arguments[1] if len(arguments) > 1 else os.environ.get("EXCHANGE_METRICS_PORT", "0")
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) <= 65_535):
        print("EXCHANGE_METRICS_PORT is not set to a port, so nothing can be asked", file=sys.stderr)
        return 1
    why = probe(path, int(port))
    if why:
        print(why, file=sys.stderr)
    return 1 if why else 0


if __name__ == "__main__":
    sys.exit(main())
