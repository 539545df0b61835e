"""How fast the page draws while its book changes fast: `python -m tests.browser.measure [--changes 2000] [--core 1]`.

Starts an exchange and a browser, sends order flow, and prints frames, changes and the browser's share of a core. The
browser is watched through its own protocol only, because test drivers log every WebSocket frame and so measure
themselves. Non-goal: judging; the machine must be quiet for the figures to mean anything.
"""

import argparse
import asyncio
import json
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil
import websockets

from tests.browser.conftest import BROWSERS, FLAGS, SIZES
from tests.browser.flow import BLOCK, Flow, send
from tests.exchange import Exchange, eventually

MARKET, NUMBER, MIDDLE_TICKS = "XRP_USDC", 4, 6_000
CHANGES_A_COMMAND = 1.4  # about: a trade changes a level, and the remainder another
SETTLE_SECONDS = 4.0

COUNT = """new Promise(done => {
  const before = {...exchange.counters(), updateId: exchange.book().updateId};
  const start = performance.now();
  let frames = 0, worst = 0, last = start;
  const next = () => {
    const now = performance.now();
    frames += 1; worst = Math.max(worst, now - last); last = now;
    if (now - start < %d) return requestAnimationFrame(next);
    const seconds = (now - start) / 1000, after = exchange.counters();
    done(JSON.stringify({
      framesPerSecond: frames / seconds,
      paintedPerSecond: (after.frames - before.frames) / seconds,
      worstFrameMs: worst,
      messagesPerSecond: (after.messages - before.messages) / seconds,
      changesPerSecond: (exchange.book().updateId - before.updateId) / seconds,
      resynchronised: exchange.book().resynchronised,
    }));
  };
  requestAnimationFrame(next);
})"""


def cpu_seconds(browser: psutil.Process) -> float:
    total = 0.0
    for process in (browser, *browser.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


async def evaluate(address: str, expression: str) -> Any:
    async with websockets.connect(address, max_size=None) as socket:
        parameters = {"expression": expression, "awaitPromise": True}
        await socket.send(json.dumps({"id": 1, "method": "Runtime.evaluate", "params": parameters}))
        answer = json.loads(await socket.recv())
        return json.loads(answer["result"]["result"]["value"])


def page_of(profile: Path) -> str:
    """The address of the page's debugging socket."""
    note = profile / "DevToolsActivePort"
    eventually(note.is_file, bool, "the browser's port")
    port = note.read_text().split()[0]
    pages = json.load(urlopen(f"http://127.0.0.1:{port}/json"))
    return str(next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page"))


def measure(exchange: Exchange, folder: Path, arguments: argparse.Namespace) -> dict[str, float]:
    chromium = next(path for name in BROWSERS if (path := shutil.which(name)))
    width, height = SIZES["desktop"]
    pin = ["taskset", "-c", str(arguments.core)] if arguments.core is not None else []
    profile = folder / "profile"
    options = [*FLAGS, "--headless=new", "--remote-debugging-port=0", f"--window-size={width},{height}"]
    command = [*pin, chromium, *options, f"--user-data-dir={profile}", f"{exchange.run['http']}/trade/{MARKET}"]
    browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address = page_of(profile)
        time.sleep(SETTLE_SECONDS)
        before, started = cpu_seconds(psutil.Process(browser.pid)), time.monotonic()
        values: dict[str, float] = asyncio.run(evaluate(address, COUNT % (arguments.seconds * 1000)))
        elapsed = time.monotonic() - started
        values["browserCores"] = (cpu_seconds(psutil.Process(browser.pid)) - before) / elapsed
        return values
    finally:
        browser.terminate()
        browser.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--changes", type=int, default=2_000, help="of the book, a second (0: the market maker's own)")
    parser.add_argument("--seconds", type=int, default=8, help="to measure")
    parser.add_argument("--core", type=int, default=None, help="pin the browser to this core")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        exchange = Exchange(folder / "exchange", "--profile", "demo")
        exchange.start()
        try:
            if arguments.changes:
                flow = Flow(NUMBER, MIDDLE_TICKS, seed=1)
                rate = arguments.changes / BLOCK / CHANGES_A_COMMAND
                seconds = arguments.seconds + 2 * SETTLE_SECONDS
                threading.Thread(target=send, args=(exchange.run["redis"], flow, rate, seconds), daemon=True).start()
            for key, value in measure(exchange, folder, arguments).items():
                print(f"{key:20} {value:10.2f}")
        finally:
            exchange.end()


if __name__ == "__main__":
    main()
