"""Readable scenarios: command lines in, events and the book out. The files are in tests/scenarios.

    scenario NAME                         starts one; the standard market, accounts and funds are there (see setup)
    capacity orders=2                     before the first command: another capacity
    made 34359738360                      so many orders were made before
    nothing                               before the first command: no market, no accounts, not even GENESIS
    PLACE account=2 side=Ask price=100 lots=5 as=a     any CommandKind; `as` names the order, `order=a` uses the name
    30 x PLACE ...                        the same, 30 times, whatever comes of it
    => ACCEPTED level_lots=5              an event that the last command gave: all of them, in order, fields as told
    => REJECTED/ORDER_NOT_FOUND           its reason; none is meant if none is written
    time 500                              milliseconds that pass
    book 1 bids 99x5 98x1 asks 101x3      prices and shown lots, best first
    balance 2 USDC 990 10                 available and locked atoms

Fields are those of the records; short: price, lots, trigger, amount, display, order, client, type, tif, stp.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from engine_core.book import queries
from engine_core.book.audit import audit
from engine_core.book.memory.state import ORDERS_MADE, State, new_state
from engine_core.wire.codes import (
    CommandKind,
    EventKind,
    MarketFlag,
    MarketState,
    OrderFlag,
    OrderStatus,
    OrderType,
    Reason,
    SelfTrade,
    Side,
    TimeInForce,
)
from engine_core.wire.layout import BEHAVIOUR_VERSION, SCHEMA_VERSION
from tests.model.pair import SMALL, command, describe, run_book

FOLDER = Path(__file__).resolve().parents[1] / "scenarios"
SHORT = {
    "price": "price_ticks",
    "lots": "quantity_lots",
    "trigger": "trigger_ticks",
    "amount": "amount_atoms",
    "display": "display_lots",
    "order": "order_id",
    "client": "client_id",
    "type": "order_type",
    "tif": "time_in_force",
    "stp": "self_trade",
}
CODES: dict[str, Any] = {
    "side": {"Bid": Side.BID, "Ask": Side.ASK},
    "order_type": OrderType,
    "time_in_force": TimeInForce,
    "self_trade": SelfTrade,
    "status": OrderStatus,
    "code": MarketState,
}
ASSETS = {"USDC": 1, "SOL": 2}
PLAIN_ORDER = "type=LIMIT tif=GTC stp=REJECT_TAKER market=1"


@dataclass
class Scenario:
    file: str
    name: str
    lines: list[tuple[int, str]] = field(default_factory=list)


def load() -> list[Scenario]:
    scenarios: list[Scenario] = []
    for path in sorted(FOLDER.glob("*.txt")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            text = line.split("#")[0].strip()
            if text.startswith("scenario "):
                scenarios.append(Scenario(path.name, text.removeprefix("scenario ")))
            elif text:
                scenarios[-1].lines.append((number, text))
    return scenarios


def setup() -> list[np.ndarray]:
    """Market 1, SOL in USDC: a lot is 10 atoms of SOL, a tick of it 2 atoms of USDC; 0.1 % fees; accounts 2, 3, 4."""
    records = [command(CommandKind.GENESIS, code=SCHEMA_VERSION, a=7, b=BEHAVIOUR_VERSION)]
    for symbol, number in ASSETS.items():
        records.append(command(CommandKind.ASSET, asset=number, symbol=symbol.encode(), decimals=6))
    records.append(command(CommandKind.MARKET, market=1, asset=2, quote_asset=1, code=1, a=10, b=2, c=1, d=100_000))
    records.append(command(CommandKind.FEES, market=1, code=0, a=1_000, b=1_000))
    for account in (2, 3, 4):
        records.append(command(CommandKind.ACCOUNT, account=account))
        for asset in ASSETS.values():
            records.append(command(CommandKind.DEPOSIT, account=account, asset=asset, a=1_000_000, b=account))
    return records


class Player:
    """Plays one scenario; an AssertionError names the line that is wrong."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._capacities = SMALL._replace(orders=3_000)
        self._state: State | None = None
        self._time_ms = 1_000
        self._names: dict[str, int] = {}
        self._events: list[np.void] = []
        self.seen: set[Reason] = set()  # reasons of all events

    def play(self) -> None:
        for number, line in self._scenario.lines:
            try:
                self._step(line)
            except AssertionError as error:
                raise AssertionError(f"{self._scenario.file}, line {number}: {line}\n{error}") from None
        assert not self._events, f"{self._scenario.name}: more events at the end:\n{describe(np.array(self._events))}"
        audit(self._ready())

    def _ready(self) -> State:
        if self._state is None:
            self._state = new_state(self._capacities)
            for record in setup():
                run_book(self._state, record, self._time_ms)
        return self._state

    def _step(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == "=>":
            self._expect(rest)
            return
        if word in ("capacity", "nothing", "made", "time", "book", "balance"):
            getattr(self, f"_{word}")(rest)
            return
        assert not self._events, f"more events before this line:\n{describe(np.array(self._events))}"
        times, is_repeated = (int(word), True) if word.isdigit() else (1, False)
        for _ in range(times):
            self._command(rest.removeprefix("x ") if is_repeated else line)
        if is_repeated:
            self._events = []

    def _capacity(self, text: str) -> None:
        assert self._state is None, "a capacity comes before the first command"
        self._capacities = self._capacities._replace(**{k: int(v) for k, v in _pairs(text)})

    def _nothing(self, _: str) -> None:
        self._state = new_state(self._capacities)

    def _made(self, text: str) -> None:
        self._ready().scalars[ORDERS_MADE] = int(text)

    def _time(self, text: str) -> None:
        self._time_ms += int(text)

    def _command(self, line: str) -> None:
        kind_name, _, text = line.partition(" ")
        kind = CommandKind[kind_name]
        fields: dict[str, Any] = {}
        plain = _pairs(PLAIN_ORDER) if kind in (CommandKind.PLACE, CommandKind.REPLACE) else []
        name = ""
        for key, value in [*plain, *_pairs(text)]:
            if key == "as":
                name = value
            elif key == "flags":
                flags: Any = MarketFlag if kind == CommandKind.MARKET_STATE else OrderFlag
                fields["flags"] = fields.get("flags", 0) | sum(flags[flag] for flag in value.split(","))
            else:
                fields[SHORT.get(key, key)] = self._value(SHORT.get(key, key), value)
        if "client_id" in fields:
            fields["flags"] = fields.get("flags", 0) | OrderFlag.HAS_CLIENT_ID
        events = run_book(self._ready(), command(kind, **fields), self._time_ms)
        self._events = list(events)
        self.seen |= {Reason(reason) for reason in events["reason"].tolist()}
        if name:
            self._names[name] = int(events["order_id"][0])

    def _value(self, key: str, value: str) -> Any:
        if value in self._names and key in ("order_id", "counter_order_id"):
            return self._names[value]
        if value.lstrip("-").isdigit():
            return int(value)
        if key == "symbol":
            return value.encode()
        return CODES[key][value]

    def _expect(self, text: str) -> None:
        head, _, rest = text.partition(" ")
        kind, _, reason = head.partition("/")
        assert self._events, "no such event: there are no more"
        event = self._events.pop(0)
        told = describe(np.array([event]))
        assert (event["kind"], event["reason"]) == (EventKind[kind], Reason[reason or "NONE"]), told
        for key, value in _pairs(rest):
            name = SHORT.get(key, key)
            assert event[name] == self._value(name, value), f"{key} differs: {told}"

    def _book(self, text: str) -> None:
        market, *words = text.split()
        levels = queries.levels(self._ready(), int(market))[0]
        found = ["bids", *(f"{x['price_ticks']}x{x['lots']}" for x in levels if x["side"] == Side.BID), "asks"]
        found += [f"{x['price_ticks']}x{x['lots']}" for x in levels if x["side"] == Side.ASK]
        assert words == found, f"the book is: {' '.join(found)}"

    def _balance(self, text: str) -> None:
        account, asset, *amounts = text.split()
        found = queries.balances(self._ready(), int(account))[ASSETS[asset] - 1]
        assert [int(amount) for amount in amounts] == [found["available"], found["locked"]], f"it is {found}"


def _pairs(text: str) -> list[tuple[str, str]]:
    return [(key, value) for key, _, value in (word.partition("=") for word in text.split())]
