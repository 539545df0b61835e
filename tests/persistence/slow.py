"""The slow twin of the writer: the tables as plain Python dicts and sets, computed one event at a time from the blocks.

It shares no code with persistence/projection/rows.py. Rows are tuples of the values that the tables hold. Blocks of
several shards are given in the order of their time.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from engine_core.wire.codes import CommandKind, EventKind, OrderFlag, Side
from engine_core.wire.layout import ADMIN_EVENT
from tests.persistence.blocks import Block
from tests.persistence.flow import ENDED, MARKETS

CREATING = (EventKind.ACCEPTED, EventKind.TRIGGER_PLACED)
LIFE = (
    *CREATING, EventKind.FILL, EventKind.RESTED, EventKind.CANCELLED, EventKind.EXPIRED, EventKind.AMENDED,
    EventKind.UNRESTED, EventKind.TRIGGERED, EventKind.TRIGGER_FAILED, EventKind.REPLENISHED,
)  # fmt: skip

Markets = dict[int, tuple[int, int, int, int]]  # base, quote, lot_atoms, tick_atoms


@dataclass
class Tables:
    trades: list[tuple[Any, ...]] = field(default_factory=list)
    fills: list[tuple[Any, ...]] = field(default_factory=list)
    orders: dict[int, dict[str, Any]] = field(default_factory=dict)
    # by account, asset, shard
    balances: dict[tuple[int, int, int], list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    moves: dict[tuple[int, ...], list[Any]] = field(default_factory=dict)  # asset, atoms, reference, sent, arrived
    transfers: dict[int, list[tuple[Any, ...]]] = field(
        default_factory=lambda: {CommandKind.DEPOSIT: [], CommandKind.WITHDRAW: []}
    )
    accounts: dict[int, list[int]] = field(default_factory=dict)
    keys: dict[bytes, tuple[Any, ...]] = field(default_factory=dict)  # account, permissions, created, revoked
    market_states: dict[int, int] = field(default_factory=dict)
    market_shards: dict[int, int] = field(default_factory=dict)
    markets: Markets = field(default_factory=lambda: MARKETS)
    shard: int = 0  # of the block
    counts: dict[tuple[str, int, str], int] = field(default_factory=lambda: defaultdict(int))


def moment(ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)


def tables(blocks: list[Block], markets: Markets = MARKETS) -> Tables:
    result = Tables(markets=markets)
    for block in blocks:
        result.shard = block.shard
        for record, admin in zip(block.records, block.records.view(ADMIN_EVENT), strict=True):
            if record["kind"] == EventKind.APPLIED:
                _admin(result, admin, block.time_ms)
            elif record["kind"] in LIFE:
                event = {name: int(record[name]) for name in record.dtype.names}
                _order(result, event, block.time_ms)
                _balances(result, event)
                if event["kind"] == EventKind.FILL:
                    _fill(result, event, block.time_ms)
    return result


def _number(result: Tables, table: str, account: int, market: int) -> tuple[int, int]:
    of_shard, of_market = (table, account, f"shard {result.shard}"), (table, account, f"market {market}")
    result.counts[of_shard] += 1
    result.counts[of_market] += 1
    return 2**48 * result.shard + result.counts[of_shard], result.counts[of_market]


def _client_id(event: dict[str, int]) -> int:
    return event["client_id"] if event["flags"] & OrderFlag.HAS_CLIENT_ID else -1


def _order(result: Tables, event: dict[str, int], time_ms: int) -> None:
    order = result.orders.get(event["order_id"])
    if order is None:
        assert event["kind"] in CREATING
        number, market_number = _number(result, "orders", event["account"], event["market"])
        order = {"number": number, "market_number": market_number, "client_id": _client_id(event)}
        names = ("order_id", "account", "market", "side", "order_type", "time_in_force", "self_trade",
                 "amount_atoms", "trigger_ticks", "display_lots")  # fmt: skip
        order |= {name: event[name] for name in names}
        order["flags"] = event["flags"] & ~OrderFlag.TAKER
        order["created"] = moment(event["created_ms"])
        result.orders[event["order_id"]] = order
    for name in ("status", "quantity_lots", "executed_lots", "executed_atoms"):
        order[name] = event[name]
    order["reason"] = event["reason"] if event["status"] in ENDED else 0
    if event["kind"] in (*CREATING, EventKind.AMENDED):
        order["price_ticks"] = event["price_ticks"]
    order["updated"] = moment(time_ms)


def _balances(result: Tables, event: dict[str, int]) -> None:
    base, quote, _, _ = result.markets[event["market"]]
    given, received = (quote, base) if event["side"] == Side.BID else (base, quote)
    shard = result.shard
    result.balances[event["account"], given, shard] = [event["given_available"], event["given_locked"]]
    result.balances[event["account"], received, shard][0] = event["received_available"]
    if event["kind"] == EventKind.FILL and event["fee_atoms"]:
        result.balances[1, received, shard][0] += event["fee_atoms"]


def _fill(result: Tables, event: dict[str, int], time_ms: int) -> None:
    numbers = _number(result, "fills", event["account"], event["market"])
    is_taker = bool(event["flags"] & OrderFlag.TAKER)
    result.fills.append(
        (event["account"], numbers[0], event["market"], numbers[1], event["order_id"], _client_id(event),
         event["trade_id"], event["side"], not is_taker, event["price_ticks"], event["fill_lots"], event["fee_atoms"],
         moment(time_ms))
    )  # fmt: skip
    if is_taker:
        ids = (event["order_id"], event["counter_order_id"])
        value = event["fill_lots"] * event["price_ticks"] * result.markets[event["market"]][3]
        result.trades.append(
            (event["market"], event["trade_id"], moment(time_ms), event["price_ticks"], event["fill_lots"], value,
             event["side"] == Side.ASK, *(ids if event["side"] == Side.BID else ids[::-1]))
        )  # fmt: skip


def _admin(result: Tables, event: Any, time_ms: int) -> None:
    command = event["command"]
    kind, account = int(command["kind"]), int(command["account"])
    if kind in (*result.transfers, CommandKind.TRANSFER):
        other = 0
        if kind == CommandKind.TRANSFER:
            ends = account, int(command["to_account"])
            account = int(event["account"])
            other = ends[1] if account == ends[0] else ends[0]
            kind = CommandKind.WITHDRAW if account == ends[0] else CommandKind.DEPOSIT
        rows = result.transfers[kind]
        words = int(command["c"]), int(command["d"])
        moved = int(command["asset"]), int(command["a"]), int(command["b"])
        rows.append((len(rows) + 1, account, *moved, moment(time_ms), other, *words))
        _balance(result, account, event)
    elif kind in (CommandKind.MOVE_OUT, CommandKind.MOVE_IN):
        _move(result, event, time_ms)
    elif kind in (CommandKind.MARKET, CommandKind.MARKET_STATE):
        if int(command["code"]) != 6 or result.market_shards.get(int(command["market"])) == result.shard:
            result.market_states[int(command["market"])] = int(command["code"])
            result.market_shards[int(command["market"])] = result.shard
    elif result.shard:
        pass  # as in shard 0
    elif kind == CommandKind.GENESIS:
        result.accounts[1] = [1, 0]
    elif kind == CommandKind.ACCOUNT:
        result.accounts[account] = [1, 0]
    elif kind == CommandKind.ACCOUNT_STATE:
        result.accounts[account][0] = int(command["code"])
    elif kind == CommandKind.FEE_TIER:
        result.accounts[account][1] = int(command["code"])
    elif kind == CommandKind.KEY:
        result.keys[command["public_key"].tobytes()] = (account, int(command["code"]), moment(time_ms), None)
    elif kind == CommandKind.KEY_REVOKE:
        key = command["public_key"].tobytes()
        result.keys[key] = (*result.keys[key][:3], moment(time_ms))


def _balance(result: Tables, account: int, event: Any) -> None:
    balance = [int(event["given_available"]), int(event["given_locked"])]
    result.balances[account, int(event["command"]["asset"]), result.shard] = balance


def _move(result: Tables, event: Any, time_ms: int) -> None:
    command = event["command"]
    account, other, sequence = int(command["account"]), int(command["code"]), int(command["b"])
    is_out = command["kind"] == CommandKind.MOVE_OUT
    way = (result.shard, other) if is_out else (other, result.shard)
    moved = [int(command["asset"]), int(command["a"]), int(command["c"]), moment(time_ms), None]
    row = result.moves.setdefault((account, *way, sequence), moved)
    if not is_out:
        row[4] = moment(time_ms)
    _balance(result, account, event)


def bucket(name: str, time: datetime) -> datetime:
    """Start of the candle that holds `time`, by calendar arithmetic."""
    count, unit = int("".join(filter(str.isdigit, name))), name.lstrip("0123456789")
    midnight = time.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "month":
        return midnight.replace(day=1)
    if unit == "w":
        return midnight - timedelta(days=midnight.weekday())
    if unit == "d":
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        return midnight - timedelta(days=(midnight - epoch).days % count)
    width = count * {"s": 1, "m": 60, "h": 3600}[unit]
    second = (time - midnight).seconds
    return midnight + timedelta(seconds=second - second % width)


def candles(trades: list[tuple[Any, ...]], name: str) -> dict[tuple[int, datetime], list[int]]:
    """(market, start): [open, high, low, close, volume_lots, quote_atoms, trades]."""
    result: dict[tuple[int, datetime], list[int]] = {}
    for market, _, time, price, lots, value, *_ in trades:
        key = (market, bucket(name, time))
        candle = result.setdefault(key, [price, price, price, price, 0, 0, 0])
        candle[1], candle[2], candle[3] = max(candle[1], price), min(candle[2], price), price
        candle[4] += lots
        candle[5] += value
        candle[6] += 1
    return result
