"""Random command lists from a seeded generator: small numbers, so that orders meet, ids repeat and limits are hit."""

from random import Random
from typing import Any

import numpy as np

from engine_core.wire.codes import (
    CommandKind,
    MarketFlag,
    MarketState,
    OrderFlag,
    OrderType,
    SelfTrade,
    Side,
    TimeInForce,
)
from engine_core.wire.layout import BEHAVIOUR_VERSION, COMMAND, SCHEMA_VERSION
from engine_core.wire.limits import ALL_MARKETS
from tests.model.admin import AdminTwin, Link
from tests.model.book import Market
from tests.model.pair import command

QUOTE = 1
TRADERS = (2, 3, 4)


def setup(with_last_price: bool = True) -> list[np.ndarray]:
    """Two markets on one quote asset, with fees; three accounts with funds that some orders exceed; a trade in each."""
    records = [command(CommandKind.GENESIS, code=SCHEMA_VERSION, a=7, b=BEHAVIOUR_VERSION, c=5)]
    for number, symbol in enumerate((b"USDC", b"SOL", b"BTC"), 1):
        records.append(command(CommandKind.ASSET, asset=number, symbol=symbol, decimals=6))
    for number in (1, 2):
        sizes = {"a": 4, "b": 2, "c": 1, "d": 500} if number == 1 else {"a": 10**9, "b": 7, "c": 2, "d": 0}
        where = {"market": number, "asset": number + 1, "quote_asset": QUOTE, "code": MarketState.OPEN}
        records.append(command(CommandKind.MARKET, **where, **sizes))
        records.append(command(CommandKind.FEES, market=number, code=0, a=1_000 * number, b=2_500))
        records.append(command(CommandKind.FEES, market=number, code=3, a=0, b=999_999))
    for account in TRADERS:
        records.append(command(CommandKind.ACCOUNT, account=account))
        for asset, atoms in ((1, 60_000), (2, 1_500), (3, 400 * 10**9)):
            records.append(command(CommandKind.DEPOSIT, account=account, asset=asset, a=atoms, b=account * 10))
    if with_last_price:
        for market in (1, 2):
            for side, account in ((Side.ASK, 2), (Side.BID, 3)):
                order = {"side": side, "account": account, "market": market, "price_ticks": 100, "quantity_lots": 2}
                records.append(limit(**order))
    return records


def limit(**fields: Any) -> np.ndarray:
    """A plain good-till-cancelled limit order."""
    plain = {
        "order_type": OrderType.LIMIT,
        "time_in_force": TimeInForce.GTC,
        "self_trade": SelfTrade.REJECT_TAKER,
        "market": 1,
    }
    return command(CommandKind.PLACE, **(plain | fields))


class Generator:
    """`twin`: knows the open orders, so that most cancels and amends name one."""

    def __init__(self, random: Random, twin: AdminTwin) -> None:
        self._random = random
        self._twin = twin
        self._reference = 1_000
        self._placed_before: list[np.ndarray] = []  # with client ids
        self._coming: list[np.ndarray] = []  # before anything else

    def _mostly(self, usual: Any, *rarely: Any) -> Any:
        return usual if self._random.random() < 0.985 else self._random.choice(rarely)

    def commands(self, count: int) -> list[np.ndarray]:
        makers = [
            self._limit,
            self._market,
            self._named,
            self._account_wide,
            self._admin,
            self._noise,
            self._retry,
        ]
        weights = [50, 14, 22, 4, 6, 2, 4]
        return [
            self._coming.pop(0) if self._coming else self._random.choices(makers, weights)[0]() for _ in range(count)
        ]

    def _who(self) -> dict[str, int]:
        pick = self._random
        return {
            "market": self._mostly(pick.choice((1, 1, 1, 2)), 0, 3, ALL_MARKETS),
            "account": self._mostly(pick.choice(TRADERS), 0, 1, 9),
        }

    def _price(self) -> int:
        return int(self._mostly(self._random.randint(95, 105), 0, -1, 1, 2**20, 2**31 - 1, 2**31, 2**62))

    def _lots(self) -> int:
        return int(self._mostly(self._random.randint(1, 25), 0, -1, 499, 501, 2**40, 2**62, 2**63 - 1))

    def _placed(self, order_type: OrderType, flags: int, **fields: Any) -> np.ndarray:
        pick = self._random
        fields["side"] = self._mostly(pick.choice((Side.BID, Side.ASK)), 0, 3)
        fields["self_trade"] = self._mostly(pick.choice(list(SelfTrade)), 0, 5)
        if pick.random() < 0.4:
            flags |= OrderFlag.HAS_CLIENT_ID
            fields["client_id"] = pick.randint(1, 40)
        kind = CommandKind.PLACE
        where = self._who()
        if pick.random() < 0.06:
            kind, fields["order_id"] = CommandKind.REPLACE, self._order_id()
            own = self._twin.accounts[where["account"]].orders if where["account"] in self._twin.accounts else []
            if own and pick.random() < 0.8:
                fields["order_id"], where["market"] = own[-1].order_id, own[-1].market
        order = command(kind, order_type=order_type, flags=int(flags), **where, **fields)
        if flags & OrderFlag.HAS_CLIENT_ID:
            self._placed_before.append(order)
        return order

    def _retry(self) -> np.ndarray:
        return self._random.choice(self._placed_before[-6:]) if self._placed_before else self._limit()

    def _limit(self) -> np.ndarray:
        pick = self._random
        fields: dict[str, Any] = {"price_ticks": self._price(), "quantity_lots": self._lots()}
        fields["time_in_force"] = pick.choices([*list(TimeInForce), 0], weights=[80, 10, 9.5, 0.5])[0]
        flags = 0
        if fields["time_in_force"] == TimeInForce.GTC:
            flags = pick.choices([0, OrderFlag.POST_ONLY, OrderFlag.ICEBERG], weights=[70, 12, 18])[0]
        if pick.random() < 0.12:
            flags |= OrderFlag.TRIGGER
            fields["trigger_ticks"] = self._price()
        if flags & OrderFlag.ICEBERG:
            fields["display_lots"] = self._mostly(pick.randint(1, 5), 0, -1, 600)
        return self._placed(OrderType.LIMIT, flags, **fields)

    def _market(self) -> np.ndarray:
        pick = self._random
        fields: dict[str, Any] = {"time_in_force": pick.choice((*list(TimeInForce), TimeInForce.IOC))}
        flags = pick.choice((0, OrderFlag.BY_QUOTE)) | pick.choice((0, 0, OrderFlag.HAS_BOUND))
        if pick.random() < 0.25:
            flags |= OrderFlag.TRIGGER
            fields["trigger_ticks"] = self._price()
            if pick.random() < 0.7:
                flags |= OrderFlag.HAS_BOUND
        if flags & OrderFlag.BY_QUOTE:
            fields["amount_atoms"] = self._mostly(pick.randint(1, 9_000), 0, -1, 2**62, 2**62 + 1)
        else:
            fields["quantity_lots"] = self._lots()
        if flags & OrderFlag.HAS_BOUND:
            fields["price_ticks"] = self._price()
        return self._placed(OrderType.MARKET, flags, **fields)

    def _order_id(self) -> int:
        """Of some order made before: number and slot are guessed, and often right."""
        number = max(1, self._twin.orders_made - self._random.randint(-2, 12))
        return number * 2**24 + self._random.choice((1, 1, 1, 2, 2, 3, 3, 4, 5, 6, 0, 12, 13))

    def _named(self) -> np.ndarray:
        pick = self._random
        fields: dict[str, Any] = dict(self._who())
        open_orders = [order for account in self._twin.accounts.values() for order in account.orders]
        if open_orders and pick.random() < 0.85:
            order = pick.choice(open_orders)
            fields |= {"order_id": order.order_id, "market": order.market, "account": order.account}
        elif pick.random() < 0.6:
            fields["flags"], fields["client_id"] = OrderFlag.HAS_CLIENT_ID, pick.randint(1, 40)
        else:
            fields["order_id"] = self._order_id()
        if pick.random() < 0.4:
            return command(CommandKind.CANCEL, **fields)
        fields["price_ticks"] = pick.choice((0, 0, self._price()))
        fields["quantity_lots"] = pick.choice((0, self._lots()))
        return command(CommandKind.AMEND, **fields)

    def _account_wide(self) -> np.ndarray:
        pick = self._random
        where = self._who() | {"market": pick.choice((1, 2, ALL_MARKETS, ALL_MARKETS, 7))}
        kind = pick.choice((CommandKind.CANCEL_ALL, CommandKind.CANCEL_AFTER, CommandKind.TICK))
        if kind == CommandKind.CANCEL_ALL:
            return command(kind, order_type=pick.randint(0, 3), **where)
        if kind == CommandKind.CANCEL_AFTER:
            return command(kind, amount_atoms=pick.choice((0, 5, 20, 50, -1, 10**12)), **where)
        return command(kind)

    def _admin(self) -> np.ndarray:
        """States, bands, fees, freezes and transfers that make sense; now and then any other."""
        pick = self._random
        market, account = pick.choice((1, 2)), pick.choice(TRADERS)
        self._reference += 1
        away = [known for known in self._twin.markets.values() if known.state == MarketState.ELSEWHERE]
        if away and pick.random() < 0.3:
            return self._comes_back(pick.choice(away))
        makers = [
            self._market_state(market),
            command(
                CommandKind.MARKET_BANDS,
                market=market,
                a=pick.choice((0, 0, 30_000)),
                b=pick.choice((0, 0, 30_000)),
                c=pick.choice((0, 10_000)),
                d=pick.choice((0, 0, 2)),
            ),
            command(CommandKind.ACCOUNT_STATE, account=account, code=pick.choice((1, 1, 1, 2))),
            command(CommandKind.FEE_TIER, account=account, code=pick.choice((0, 3, 5))),
            command(CommandKind.FEES, market=market, code=pick.choice((0, 3)), a=pick.randint(0, 9_999), b=10**6),
            command(CommandKind.DEPOSIT, account=account, asset=pick.choice((1, 2, 3)), a=900, b=self._reference),
            command(CommandKind.WITHDRAW, account=account, asset=pick.choice((1, 2, 3)), a=900, b=self._reference),
            self._own_transfer(account),
            self._move(account),
            self._move(account),
            command(CommandKind.ACCOUNT_OPTIONS, account=account, code=pick.choice((0, 1, 1, 2))),
            self._key(account),
            command(CommandKind.LEASE, account=account, code=pick.choice((1, 1, 2)), a=pick.choice((1, 2)), b=30),
            self._any_admin(),
        ]
        return pick.choice(makers)

    def _market_state(self, market: int) -> np.ndarray:
        """Now and then it goes to another shard, closed and without orders."""
        if self._random.random() < 0.15:
            for account in (0, *TRADERS):
                self._coming.append(command(CommandKind.CANCEL_ALL, account=account, market=market))
            self._coming.append(self._leaves(market))
            return self._closes(market)
        return command(CommandKind.MARKET_STATE, market=market, code=self._random.choice((1, 1, 1, 1, 2, 3, 4, 5, 6)))

    def _closes(self, number: int) -> np.ndarray:
        market = self._twin.markets.get(number)
        move = 0 if market is None else self._random.choice((0, market.moves + 1, market.moves + 1, market.moves))
        return command(CommandKind.MARKET_STATE, market=number, code=MarketState.CLOSED, quote_asset=move)

    def _leaves(self, number: int) -> np.ndarray:
        """Now and then nobody counts its moves, or it is too late, or nowhere."""
        market, pick = self._twin.markets.get(number), self._random
        moves = 0 if market is None else market.moves
        move = pick.choice((0, moves, moves + 1, moves + 1, moves + 3))
        fields = {"quote_asset": move, "to_account": pick.choice((0, 1, 2, 2, 2, 3, 16, 17))}
        return command(CommandKind.MARKET_STATE, market=number, code=MarketState.ELSEWHERE, **fields)

    def _comes_back(self, market: Market) -> np.ndarray:
        pick = self._random
        move = pick.choice((0, market.moves, market.moves + 1, market.moves + 1, market.moves + 2))
        numbers = {"a": market.trades + pick.choice((0, 0, 5, -1)), "b": market.updates + pick.choice((0, 7)), "c": 100}
        numbers |= {"quote_asset": move, "to_account": pick.choice((0, 0, 3, 17))}
        return command(CommandKind.MARKET_STATE, market=market.number, code=1, flags=MarketFlag.MOVES_HERE, **numbers)

    def _move(self, account: int) -> np.ndarray:
        """Money to or from another shard: the next move, or a repeat, or one that is out of turn."""
        pick = self._random
        shard = pick.choice((1, 1, 1, 2))
        link = self._twin.links.get((account, shard), Link())
        fields = {"account": account, "code": shard, "asset": pick.choice((1, 1, 2)), "a": pick.choice((1, 20, 700))}
        out = pick.random() < 0.6
        last, repeats = (link.sent, link.reference) if out else (link.arrived, 0), pick.random() < 0.2
        fields["b"] = last[0] + self._mostly(0 if repeats else 1, 2, -1)
        fields["c"] = last[1] if repeats and last[1] else self._reference
        return command(CommandKind.MOVE_OUT if out else CommandKind.MOVE_IN, **fields)

    def _own_transfer(self, account: int) -> np.ndarray:
        """A withdrawal that an account asks for, outside or to another one; every second one is a repeat, perhaps not
        of the same."""
        pick = self._random
        fields = {"account": account, "asset": pick.choice((1, 2)), "a": pick.choice((1, 20, 60_000)), "c": 1}
        kind = pick.choice((CommandKind.WITHDRAW, CommandKind.TRANSFER))
        if kind == CommandKind.TRANSFER:
            fields["to_account"] = pick.choice((*TRADERS, 1, 0, 9))
        return command(kind, b=self._reference - pick.choice((0, 3)), d=pick.choice((0, 0, 5)), **fields)

    def _key(self, account: int) -> np.ndarray:
        kind = self._random.choice((CommandKind.KEY, CommandKind.KEY, CommandKind.KEY_REVOKE))
        return command(kind, account=account, code=7, a=self._random.randint(1, 12))

    def _any_admin(self) -> np.ndarray:
        pick = self._random
        kind = pick.choice([k for k in CommandKind if k >= CommandKind.GENESIS and k != CommandKind.UPGRADE])
        fields: dict[str, Any] = {n: pick.randint(0, 7) for n in ("code", "market", "account", "asset", "quote_asset")}
        fields |= {n: pick.choice((0, 1, 2, -1, 20_000, 10**6 + 1, 2**62, 2**62 + 1)) for n in "abcd"}
        if kind == CommandKind.ASSET:
            fields |= {"decimals": pick.randint(0, 10), "symbol": pick.choice((b"", b"X", b"Y", b"SOL", b"LONGNAME"))}
        return command(kind, **fields)

    def _noise(self) -> np.ndarray:
        """Any bytes, with a kind of the ORDER shape."""
        record = np.frombuffer(bytearray(self._random.randbytes(COMMAND.itemsize)), COMMAND)
        record["kind"] = self._random.randint(0, 31)
        for name, value in self._who().items():
            record[name] = value
        return record
