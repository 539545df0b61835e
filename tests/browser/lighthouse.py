"""What Lighthouse says of the page's routes: `python -m tests.browser.lighthouse [--url URL] [--bar 95] [ROUTE …]`.

Starts an exchange unless one is named, and prints four scores for each route, as on a desktop, with the machine's load:
of performance only a quiet machine says anything. Lighthouse comes from npm when it is asked for, at one version, and
is no part of any build. What costs points is listed below a route. Exit status 1 if anything is below the bar.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.browser.conftest import BROWSERS, FLAGS
from tests.exchange import Exchange

VERSION = "12.2.3"  # the newest that a Node of 20 runs and npm's lock files take
ROUTES = ("/markets", "/trade/SOL_USDC", "/portfolio", "/docs")
GROUPS = ("performance", "accessibility", "best-practices", "seo")


def report(url: str, chromium: str, folder: Path) -> dict[str, Any]:
    """Lighthouse's own report."""
    to = folder / "report.json"
    command = ["npm", "exec", "--yes", f"--package=lighthouse@{VERSION}", "--", "lighthouse", url, "--quiet"]
    command += ["--preset=desktop", f"--only-categories={','.join(GROUPS)}", "--output=json", f"--output-path={to}"]
    command += [f"--chrome-flags=--headless {' '.join(FLAGS)} --user-data-dir={folder / 'browser'}"]
    environment = os.environ | {"CHROME_PATH": chromium}
    subprocess.run(command, check=True, env=environment, cwd=folder, timeout=600)
    found: dict[str, Any] = json.loads(to.read_text())
    return found


def findings(found: dict[str, Any], group: str) -> list[str]:
    """The audits of a group that cost it points."""
    audits = [found["audits"][each["id"]] for each in found["categories"][group]["auditRefs"] if each["weight"]]
    bad = [audit for audit in audits if audit["score"] is not None and audit["score"] < 1]
    return [f"{audit['id']}: {audit.get('displayValue') or audit['title']}" for audit in bad]


def judge(base: str, routes: list[str], chromium: str, bar: int) -> bool:
    """Whether no route is below the bar; prints what each gets."""
    is_fine = True
    for route in routes:
        with tempfile.TemporaryDirectory() as folder:
            found = report(base + route, chromium, Path(folder))
        scores = {group: round(100 * found["categories"][group]["score"]) for group in GROUPS}
        said = [f"{group} {score}" for group, score in scores.items()]
        print(route, *said, f"load {os.getloadavg()[0]:.1f}", sep="  ")
        for group, score in scores.items():
            for finding in findings(found, group) if score < 100 else ():
                print(f"    {group}: {finding}")
        is_fine = is_fine and min(scores.values()) >= bar
    return is_fine


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.browser.lighthouse", description=__doc__)
    parser.add_argument("--url", help="of an exchange that runs; without it one is started, and ended")
    parser.add_argument("--bar", type=int, default=95, help="the least score (default: 95)")
    parser.add_argument("routes", nargs="*", metavar="ROUTE", default=list(ROUTES))
    options = parser.parse_args()
    chromium = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if chromium is None or shutil.which("npm") is None:
        sys.exit("Chromium and npm are needed (Debian: apt-get install chromium-headless-shell npm)")
    with ExitStack() as stack:
        url = options.url
        if url is None:
            running = Exchange(Path(stack.enter_context(tempfile.TemporaryDirectory())) / "data", "--profile", "demo")
            stack.callback(running.end)
            running.start()
            url = running.run["http"]
        return 0 if judge(url, options.routes, chromium, options.bar) else 1


if __name__ == "__main__":
    sys.exit(main())
