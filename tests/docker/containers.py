"""`make containers`: builds the Dockerfile and runs every service of the compose files in real containers, then trades.

Build, up as a venue with a standby and two of ingress and egress, an administrator's key and two funded accounts by
`exchange` commands in the service `admin`, trade through nginx with ccxt, by TLS too, look at what each process has and
may, kill the engine and go on, back it up, verify, stop; restore that into new volumes, trade on, verify; then with
sentinels; then the profiles demo and metrics in two shards. Needs root on a Debian with the programs of
podman.PROGRAMS; without them it says which are missing and ends with status 3. All that it makes is gone at the end;
with --keep the images stay.
"""

import argparse
import asyncio
import json
import os
import secrets
import shutil
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

import ccxt
import ccxt.pro
import psutil

from engine_core.operator.target.roles import SECRETS
from tests.docker.bases import LEFT_OUT, build, make_bases
from tests.docker.compose import DOCKER, ROOT, TWO_SHARDS, compose
from tests.docker.podman import Podman, PodmanError, missing
from tests.docker.venue import Venue

CANNOT = 3
DEADLINE_S = 3_600
BUILD_S = 1_800.0  # most of it packages and kernels
SYMBOL = "SOL/USDC"
_WAIT_S = 60.0
_began = time.monotonic()


def say(text: str) -> None:
    print(f"{time.monotonic() - _began:6.1f} s  {text}", flush=True)


def _require(is_so: bool, what: str) -> None:
    if not is_so:
        raise PodmanError(what)


def trade(buyer: Any, seller: Any) -> None:
    before = float(buyer.fetch_balance()["SOL"]["total"])
    resting = buyer.create_order(SYMBOL, "limit", "buy", 3, 100)
    _require(resting["status"] == "open", f"an order does not rest: {resting}")
    taken = seller.create_order(SYMBOL, "market", "sell", 1)
    _require(taken["status"] == "closed" and taken["average"] == 100, f"it was not taken: {taken}")
    _require(buyer.fetch_open_order(resting["id"], SYMBOL)["remaining"] == 2, "the rest of it is not what it should be")
    gained = float(buyer.fetch_balance()["SOL"]["total"]) - before
    _require(0.99 < gained <= 1, f"a fill of 1 SOL gave {gained}")


async def stream(venue: Venue) -> None:
    client = venue.client(ccxt.pro)
    try:
        book = await asyncio.wait_for(client.watch_order_book(SYMBOL), _WAIT_S)
        _require(book["bids"][0][0] == 100, f"the stream shows another book: {book['bids'][:3]}")
    finally:
        await client.close()


def processes_of(venue: Venue, name: str) -> list[psutil.Process]:
    """Of a container: its first process, and all that came from it."""
    first = psutil.Process(venue.stack.state(name)["State"]["Pid"])
    return [first, *first.children(recursive=True)]


def confined(venue: Venue) -> None:
    """What the compose file denies is denied to the processes, and nobody has a secret that is not its own."""
    for name in venue.stack.running:
        if name == "setup":
            continue
        allowed = {*(venue.stack.services[venue.stack.of[name]].get("environment") or {})}
        for process in processes_of(venue, name):
            lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
            status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
            _require(int(status["CapEff"], 16) == 0 and int(status["CapBnd"], 16) == 0, f"{name} has capabilities")
            _require(status["NoNewPrivs"] == "1", f"{name} may get new privileges")
            _require(status["Uid"].split()[0] != "0", f"{name} runs as root: {process.cmdline()}")
            has = {*process.environ()} & {*SECRETS}
            _require(has <= allowed, f"{name} has {has - allowed} in its environment")
            line = " ".join(process.cmdline())
            _require("PASSWORD" not in line and "redis://" not in line, f"a secret is among {name}'s arguments")
        written = venue.podman.try_("exec", venue.stack.container(name), "sh", "-c", "echo x > /x")
        _require(written.returncode != 0, f"{name} may write its root")
    for name in ("engine", "ingress"):
        into = "echo x > /var/cache/exchange/x || echo x > /app/engine_core/x || echo x > /venv/x"
        written = venue.podman.try_("exec", venue.stack.container(name), "sh", "-c", into)
        _require(written.returncode != 0, f"{name} may write kernels or code")
    for name in ("ingress", "egress", "writer"):
        listed = venue.podman.try_("exec", venue.stack.container(name), "sh", "-c", "ls -A /data; echo x > /data/x")
        _require(listed.returncode != 0 and not listed.stdout.strip(), f"{name} has a data folder: {listed.stdout}")
    query = "SELECT rolsuper OR rolcreaterole OR rolcreatedb FROM pg_roles WHERE rolname = 'exchange'"
    psql = ("psql", "-U", "postgres", "-d", "exchange", "-Atc", query)
    _require(venue.podman("exec", venue.stack.container("database"), *psql) == "f", "the database's user may too much")
    say("confined: no capabilities, no root, read-only roots, each process its own secrets, a plain database user")


def killed(venue: Venue) -> None:
    """kill -9 of the engine inside its container: Podman starts it again, as the compose file says."""
    engine = processes_of(venue, "engine")[-1]
    before = venue.stack.state("engine")["State"]["StartedAt"]
    say(f"kill -9 of the engine, pid {engine.pid}")
    engine.kill()
    deadline = time.monotonic() + _WAIT_S
    while (state := venue.stack.state("engine")["State"])["StartedAt"] == before or not state["Running"]:
        _require(time.monotonic() < deadline, f"the engine was not started again: {state}")
        time.sleep(0.2)
    venue.stack.wait_healthy("engine")
    public = venue.client(ccxt)
    while public.fetch_status()["status"] != "ok":
        _require(time.monotonic() < deadline, "the exchange's status is not ok again")
        time.sleep(0.2)


def as_a_venue(podman: Podman) -> None:
    venue = Venue(podman, say)
    venue.stack.prepare()
    venue.stack.up((), {"ingress": 2, "egress": 2})
    administrator = venue.exchange("keys", "create", "--account", "1", "--permissions", "read,trade,withdraw")
    say(f"an administrator's key: {administrator['apiKey']}")
    buyer, seller = venue.trader(), venue.trader()
    trade(buyer, seller)
    asyncio.run(stream(venue))
    say("traded through nginx with ccxt, and saw it on the stream")
    venue.by_tls_too()
    say("REST and a stream by TLS, with a certificate made here")
    confined(venue)
    snapshot = venue.exchange("snapshot")
    killed(venue)
    (kept,) = buyer.fetch_open_orders(SYMBOL)
    _require(kept["remaining"] == 2, f"the open order is another one: {kept}")
    buyer.cancel_order(kept["id"], SYMBOL)
    trade(buyer, seller)
    say(f"traded again; a snapshot was taken before: {snapshot['snapshot']}")
    buyer.create_order(SYMBOL, "limit", "buy", 2, 90)
    left = {order["id"] for order in buyer.fetch_open_orders(SYMBOL)}
    backup = podman.folder / "backup"
    shutil.rmtree(backup, ignore_errors=True)
    venue.script("backup.sh", backup)
    say("backed up while it ran")
    status = venue.exchange("status", "--json")
    _require(status["health"] == "Ok" and "engine" in status["processes"], f"status says {status}")
    verified = venue.exchange("verify", "--json")
    _require(verified["ok"] is True, f"verify says {verified}")
    say(f"verified: {verified['commands']} commands, nothing appeared or vanished")
    venue.stack.down()
    podman.clear()
    restored(venue, backup, buyer, seller, left)
    podman.clear()


def restored(venue: Venue, backup: Path, buyer: Any, seller: Any, left: set[str]) -> None:
    """Into new volumes, with the same secrets: what was there is, and it goes on."""
    venue.stack.prepare()
    venue.script("restore.sh", backup)
    venue.podman("rm", "--force", venue.stack.container("database"))  # `up` takes it as it is; here it is made again
    venue.stack.up(())
    for order in buyer.fetch_open_orders(SYMBOL):  # and what `trade` leaves of its own
        left.discard(order["id"])
        buyer.cancel_order(order["id"], SYMBOL)
    _require(not left, f"orders that were open are not: {left}")
    trade(buyer, seller)
    verified = venue.exchange("verify", "--json")
    _require(verified["ok"] is True, f"after the restore verify says {verified}")
    say("restored into new volumes: the open orders were there, trading went on, verified")
    venue.stack.down()


def _await_quorum(venue: Venue, name: str) -> None:
    """Until that sentinel knows the others, and both replicas: it asks the primary for them every ten seconds."""
    ask = ("exec", venue.stack.container(name), "valkey-cli", "-p", "26379", "sentinel")
    deadline = time.monotonic() + _WAIT_S
    while True:
        said = venue.podman(*ask, "ckquorum", "exchange") + venue.podman(*ask, "replicas", "exchange")
        if said.startswith("OK 3 ") and said.count("master-link-status\nok") == 2:
            return
        _require(time.monotonic() < deadline, f"{name} could not choose a primary: {said}")
        time.sleep(0.5)


def with_sentinels(podman: Podman) -> None:
    """The primary of the log is stopped: a replica becomes it, nothing is missing, and the old one follows."""
    address = "redis+sentinel://:{0}@sentinel-1,sentinel-2,sentinel-3/exchange?sentinel_password={0}"
    password = secrets.token_hex(12)
    venue = Venue(podman, say, VALKEY_PASSWORD=password, LOG_URL=address.format(password), MIN_REPLICAS="1")
    venue.stack.prepare()
    venue.stack.up(("sentinel",))
    buyer, seller = venue.trader(), venue.trader()
    trade(buyer, seller)
    for number in (1, 2, 3):
        _await_quorum(venue, f"sentinel-{number}")
    say("the primary of the log is stopped")
    began = time.monotonic()
    podman("stop", venue.stack.container("valkey"))
    while True:
        try:
            buyer.cancel_all_orders(SYMBOL)
            break
        except (ccxt.NetworkError, ccxt.ExchangeError) as error:  # refused, or its outcome unknown
            _require(time.monotonic() < began + _WAIT_S, f"no replica became the primary: {error}")
            time.sleep(0.2)
    _require(not buyer.fetch_open_orders(SYMBOL), "orders are left that were cancelled")
    trade(buyer, seller)
    say(f"traded with another primary {time.monotonic() - began:.1f} s later")
    podman("start", venue.stack.container("valkey"))
    role = ("exec", venue.stack.container("valkey"), "valkey-cli", "role")
    while "slave" not in podman.try_(*role).stdout:
        _require(time.monotonic() < began + 2 * _WAIT_S, "the one that was stopped does not follow")
        time.sleep(0.2)
    verified = venue.exchange("verify", "--json")
    _require(verified["ok"] is True, f"verify says {verified}")
    say(f"the old primary follows; verified: {verified['commands']} commands")
    venue.stack.down()


def as_a_demo(podman: Podman) -> None:
    """In two shards, between which the market maker has its money moved."""
    venue = Venue(podman, say, TWO_SHARDS, EXCHANGE_PROFILE="demo", EXCHANGE_I_KNOW="1", SHARDS="2")
    venue.stack.prepare()
    venue.stack.up(("demo", "metrics"))
    listed = map(json.loads, venue.stack.run("admin", "exchange", "market", "list", "--json").splitlines())
    shards = {row["market"].replace("_", "/"): row["shard"] for row in listed}
    _require({*shards.values()} == {0, 1}, f"the markets are not in two shards: {shards}")
    public, deadline = venue.client(ccxt), time.monotonic() + _WAIT_S
    while {shard for symbol, shard in shards.items() if public.fetch_trades(symbol)} != {0, 1}:
        _require(time.monotonic() < deadline, f"the market maker does not trade in both shards: {shards}")
        time.sleep(1)
    say(f"the market maker trades in both shards: {shards}")
    targets = "http://127.0.0.1:9090/api/v1/query?query=up"
    while True:
        told = podman.try_("exec", venue.stack.container("prometheus"), "wget", "-qO-", targets)
        rows = json.loads(told.stdout)["data"]["result"] if told.returncode == 0 else []
        if len(rows) >= 9 and all(row["value"][1] == "1" for row in rows):
            break
        _require(time.monotonic() < deadline, f"Prometheus does not reach everybody: {rows}")
        time.sleep(1)
    say(f"Prometheus reads {len(rows)} processes")
    verified = venue.exchange("verify", "--json")
    _require(verified["ok"] is True, f"verify says {verified}")
    say(f"verified over both shards: {verified['commands']} commands")
    venue.stack.down()


def _too_long(number: int, frame: FrameType | None) -> None:
    raise PodmanError(f"not done after {DEADLINE_S} s")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make containers", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="keep the images, so that the next run is quick")
    parser.add_argument(
        "--store", type=Path, default=ROOT / "build" / "containers", help="where images and volumes are"
    )
    options = parser.parse_args()
    lacking = missing() + ([] if os.geteuid() == 0 else ["root's rights"])
    if lacking:
        say(f"containers cannot be run here: missing {', '.join(lacking)} (Debian: apt install podman buildah runc "
            "mmdebstrap catatonit netavark aardvark-dns iptables)")  # fmt: skip
        return CANNOT
    podman = Podman(options.store.absolute())
    signal.signal(signal.SIGALRM, _too_long)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))
    signal.alarm(DEADLINE_S)
    podman.clear()  # what a killed run left
    try:
        make_bases(podman, say)
        say("building docker/Dockerfile")
        image = compose()["services"]["engine"]["image"]
        build(podman, DOCKER / "Dockerfile", ROOT, f"localhost/{image}", timeout=BUILD_S)
        say("built")
        as_a_venue(podman)
        with_sentinels(podman)
        podman.clear()
        as_a_demo(podman)
    except (PodmanError, ccxt.BaseError) as error:
        say(f"FAILED: {type(error).__name__}: {error}")
        return 1
    finally:
        signal.alarm(0)
        podman.clear()
        if not options.keep:
            podman.remove_store()
    for image, why in LEFT_OUT.items():
        say(f"not run: {image} ({why}); TimescaleDB was a plain PostgreSQL")
    say("all of it worked")
    return 0


if __name__ == "__main__":
    sys.exit(main())
