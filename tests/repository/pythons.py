"""`make pythons`: the wheel with each Python at hand: pip installs it and what it needs, in an empty folder and with an
empty PATH; `exchange up` compiles its kernels with progress, serves the page, trades, and verifies.

The Pythons are those on the PATH and those that pyenv and uv have; those of pyproject.toml that are not found are named
(`uv python install 3.14` gets one where it may). A minute or three for each, most of it kernels.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

from tests.exchange import Exchange, asked, eventually, told

ROOT = Path(__file__).parents[2]
SYMBOL = "SOL/USDC"
_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"


def installed(python: Path, folder: Path, **variables: str) -> Exchange:
    """The exchange that is installed for this Python, run in an empty folder where no other program can be found."""
    empty = folder / "empty"
    (empty / "bin").mkdir(parents=True)
    exchange = Exchange(empty / "data", "--profile", "demo")
    exchange.program, exchange.folder = (str(python.with_name("exchange")),), empty
    exchange.variables = {"PATH": str(empty / "bin"), **variables}
    return exchange


def page_of(exchange: Exchange) -> tuple[bytes, bytes]:
    """The page, and the script that it names."""
    page = asked(exchange.run["http"])
    assert page.status_code == 200, page.text
    script = re.search(r'src="(/assets/index-[^"]+\.js)"', page.text)
    assert script is not None, page.text
    answer = asked(exchange.run["http"] + script[1])
    assert answer.status_code == 200
    return page.content, answer.content


def bought_and_sold(exchange: Exchange) -> None:
    """An order of one demo account is taken by the other one, and both know."""
    buyer, seller = exchange.trader(0), exchange.trader(1)
    for trader in (buyer, seller):
        told(trader.load_markets)
    best = eventually(lambda: told(lambda: buyer.fetch_order_book(SYMBOL)), lambda book: book["bids"], "quotes")
    price = round(best["bids"][0][0] * 1.5, 2)  # above every ask: the market maker's quotes are taken
    assert buyer.create_order(SYMBOL, "limit", "buy", 1, price, {"timeInForce": "IOC"})["filled"] == 1
    taken = seller.create_order(SYMBOL, "market", "sell", 1)
    assert taken["filled"] == 1
    eventually(
        lambda: [trade["order"] for trade in told(seller.fetch_my_trades)],
        lambda orders: taken["id"] in orders,
        "the trade in the history",
    )


def pythons() -> dict[str, Path]:
    """The newest of each minor version that is found, from 3.11 on."""
    names = [f"python3.{minor}" for minor in range(11, 20)]
    found = [Path(path) for name in names if (path := shutil.which(name))]
    for kept in (Path.home() / ".pyenv/versions", Path.home() / ".local/share/uv/python"):
        found += sorted(kept.glob("*/bin/python3"))
    versions: dict[str, Path] = {}
    for path in found:
        said = subprocess.run([path, "-c", _VERSION], capture_output=True, text=True, check=False)
        if said.returncode == 0 and tuple(map(int, said.stdout.strip().split("."))) >= (3, 11):
            versions[said.stdout.strip()] = path
    return versions


def wanted() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [one.rpartition(":: ")[2] for one in project["classifiers"] if re.search(r":: 3\.\d+$", one)]


def try_one(python: Path, wheel: Path, folder: Path) -> str:
    """What it was like; an AssertionError if it does not work."""
    venv = folder / "venv"
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "EXCHANGE_"))}
    subprocess.run([python, "-m", "venv", venv], check=True, env=clean)
    began = time.monotonic()
    pip = [venv / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([*pip, wheel.absolute()], check=True, env=clean, cwd=folder)
    packages = time.monotonic() - began
    exchange = installed(venv / "bin" / "python", folder, EXCHANGE_CACHE_DIR=str(folder / "cache"))
    try:
        began = time.monotonic()
        exchange.start()
        first = time.monotonic() - began
        said = "\n".join(exchange.output)
        assert re.search(r"… \d+ kernels, \d+ s", said), f"no progress of the kernels:\n{said}"
        page_of(exchange)
        bought_and_sold(exchange)
        proven = exchange.verified()
        assert proven["ok"], proven
        assert exchange.stop() == 0
        began = time.monotonic()
        exchange.start()
        second = time.monotonic() - began
        return f"installed in {packages:.0f} s, first start {first:.0f} s with kernels, second {second:.1f} s"
    finally:
        exchange.end()


def main() -> int:
    parser = argparse.ArgumentParser(prog="make pythons", description=__doc__)
    parser.add_argument("wheel", type=Path)
    options = parser.parse_args()
    found, failed = pythons(), 0
    for version in wanted():
        if version not in found:
            print(f"{version}: not tried, it is not on this machine", flush=True)
            continue
        with tempfile.TemporaryDirectory(prefix="exchange-wheel-") as folder:
            try:
                print(f"{version}: {try_one(found[version], options.wheel, Path(folder))}", flush=True)
            except (AssertionError, subprocess.SubprocessError) as error:
                failed += 1
                print(f"{version}: FAILED: {error}", flush=True)
    return 1 if failed or not found else 0


if __name__ == "__main__":
    sys.exit(main())
