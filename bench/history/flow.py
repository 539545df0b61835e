"""A made-up history of any size whose every row is a formula of its number: filled in by SQL, checked without reading.

Trade i happens 250 ms after trade i - 1. Of two large accounts, the first is the maker and seller of the odd trades,
the second the maker and buyer of the even ones; the takers are small accounts in turns. The first nine tenths are
trades of one market, then those of another. A large account's order has two fills, a small one's four.

    i   trade, 1 to N            j = (i + 1) / 2   number of the large account's fill
    k   small accounts a side    (j - 1) / k + 1   number of the small account's fill

Non-goals: the engine and the writer, who would need an hour for it; money is not conserved in the balances.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

from engine_core.wire.codes import OrderFlag, OrderStatus, OrderType, SelfTrade, Side, TimeInForce
from engine_core.wire.intervals import INTERVALS

BEGIN_MS = 1_790_000_000_000
STEP_MS = 250
CHUNK = 500_000  # trades of one statement
_SMALL_ORDERS = 2**40  # their ids begin here
_TIME = f"to_timestamp(({BEGIN_MS} + {STEP_MS}::bigint * {{}}) / 1000.0)"
_PRICE = "(10000 + abs({0} % 40000 - 20000) / 20 + ({0} * 7919) % 13)"
_LOTS = "(1 + {0} % 97)"
_FILLED_AT_MS = 100  # after the order came


def price_ticks(trade: int) -> int:
    return 10_000 + abs(trade % 40_000 - 20_000) // 20 + trade * 7_919 % 13


def lots(trade: int) -> int:
    return 1 + trade % 97


def time_ms(trade: int) -> int:
    return BEGIN_MS + STEP_MS * trade


@dataclass(frozen=True, slots=True)
class Flow:
    """`large`: the two accounts; `tick_atoms`: of one lot at one tick in the two markets; `small`: accounts a side."""

    trades: int
    large: tuple[int, int]
    markets: tuple[int, int]
    tick_atoms: tuple[int, int]
    small: int
    first_small: int

    def __post_init__(self) -> None:
        if self.trades < 1 or self.trades % (80 * self.small):
            raise ValueError(f"the number of trades must be a multiple of {80 * self.small}")

    @property
    def fills(self) -> int:
        """Of one large account."""
        return self.trades // 2

    @property
    def fills_first(self) -> int:
        """Of one large account, in the first market."""
        return self.fills // 10 * 9

    def fill(self, account: int, number: int) -> int:
        """The trade of a large account's fill."""
        return 2 * number - 1 if account == self.large[0] else 2 * number

    def order_id(self, account: int, number: int) -> int:
        """Of a large account's order."""
        return 4 * number + self.large.index(account)

    def steps(self) -> Iterator[tuple[str, str]]:
        """(what, statement) in order; indexes are built when the rows are there, which is several times faster."""
        for table in ("trades", "fills", "orders", "candles"):
            yield f"{table} without log", f"alter table {table} set unlogged"
        yield "fills without indexes", "drop index fills_of_account_in_market, fills_of_order"
        yield (
            "orders without indexes",
            "alter table orders drop constraint orders_pkey; drop index orders_of_account, orders_of_account_in_market",
        )
        for first in range(1, self.trades + 1, CHUNK):
            last = min(self.trades, first + CHUNK - 1)
            yield f"trades and fills to {last:,}", f"{self._trades(first, last)}; {self._fills(first, last)}"
        for first in range(1, self.fills // 2 + 1, CHUNK):
            last = min(self.fills // 2, first + CHUNK - 1)
            yield f"orders of the large accounts to {last:,}", self._orders(first, last)
        yield "orders of the small accounts", self._small_orders()
        yield "candles of 1s", self._seconds()
        yield from self._candles()
        yield (
            "index of fills by market",
            ("create index fills_of_account_in_market on fills (account, market, market_number)"),
        )
        yield "index of fills by order", "create index fills_of_order on fills (order_id, number)"
        yield (
            "indexes of orders",
            (
                "alter table orders add primary key (order_id);"
                "create unique index orders_of_account on orders (account, number);"
                "create unique index orders_of_account_in_market on orders (account, market, market_number)"
            ),
        )
        yield "statistics", "analyze trades, fills, orders, candles"

    def _market(self, number: str) -> str:
        return f"(case when {number} <= {self.fills_first} then {self.markets[0]} else {self.markets[1]} end)"

    def _tick_atoms(self, number: str) -> str:
        first, second = self.tick_atoms
        return f"(case when {number} <= {self.fills_first} then {first} else {second} end)"

    def _from(self, first: int, last: int) -> str:
        return f"(select i, (i + 1) / 2 as j, i % 2 = 1 as is_odd from generate_series({first}::bigint, {last}) i) t"

    def _trades(self, first: int, last: int) -> str:
        price, size = _PRICE.format("i"), _LOTS.format("i")
        ours, theirs = self._large_order("j"), self._small_order("j")
        return f"""insert into trades select {self._market("j")},
            i - (case when j <= {self.fills_first} then 0 else {2 * self.fills_first} end), {_TIME.format("i")},
            {price}, {size}, {price} * {size} * {self._tick_atoms("j")}, not is_odd,
            case when is_odd then {theirs} else {ours} end, case when is_odd then {ours} else {theirs} end
            from {self._from(first, last)}"""

    def _large_order(self, number: str) -> str:
        return f"(4 * (({number} + 1) / 2) + (case when is_odd then 0 else 1 end))"

    def _small_order(self, number: str) -> str:
        """The id of the small account's order: its fourth part of a number, and the account's place."""
        place = f"(({number} - 1) % {self.small} + (case when is_odd then 0 else {self.small} end))"
        return f"({_SMALL_ORDERS} + ((({number} - 1) / {self.small}) / 4 + 1) * {2 * self.small} + {place})"

    def _fills(self, first: int, last: int) -> str:
        sides = f"(case when {{}} then {Side.BID.value} else {Side.ASK.value} end)"
        small = f"{self.first_small} + (j - 1) % {self.small} + (case when is_odd then 0 else {self.small} end)"
        number = f"((j - 1) / {self.small} + 1)"
        return f"""insert into fills select side.account, side.number, {self._market("j")},
            side.number - (case when j <= {self.fills_first} then 0 else side.skipped end),
            side.order_id, side.client_id,
            i - (case when j <= {self.fills_first} then 0 else {2 * self.fills_first} end), side.side, side.is_maker,
            {_PRICE.format("i")}, {_LOTS.format("i")}, i % 50, {_TIME.format("i")}
            from {self._from(first, last)} cross join lateral (values
                ((case when is_odd then {self.large[0]} else {self.large[1]} end), j, {self.fills_first},
                 {self._large_order("j")}, (j + 1) / 2, {sides.format("not is_odd")}, true),
                ({small}, {number}, {self.fills_first // self.small}, {self._small_order("j")}, -1,
                 {sides.format("is_odd")}, false)
            ) as side (account, number, skipped, order_id, client_id, side, is_maker)"""

    def _orders(self, first: int, last: int) -> str:
        """Both large accounts' orders with these numbers; fills 2n - 1 and 2n belong to order n."""
        one, two = "(4 * n - 3 + place)", "(4 * n - 1 + place)"  # its trades
        amounts = [f"{_PRICE.format(i)} * {_LOTS.format(i)}" for i in (one, two)]
        size = f"{_LOTS.format(one)} + {_LOTS.format(two)}"
        half = self.fills_first // 2
        return f"""insert into orders select 4 * n + place,
            (case when place = 0 then {self.large[0]} else {self.large[1]} end), {self._market("2 * n")}, n,
            n - (case when n <= {half} then 0 else {half} end), n,
            (case when place = 0 then {Side.ASK.value} else {Side.BID.value} end), {self._terms()},
            {_PRICE.format(one)}, {size}, 0, 0, 0, {size},
            ({" + ".join(amounts)}) * {self._tick_atoms("2 * n")}, {_TIME.format(one)} - interval '{_FILLED_AT_MS} ms',
            {_TIME.format(two)}
            from generate_series({first}::bigint, {last}) n cross join (values (0), (1)) as side (place)"""

    def _small_orders(self) -> str:
        """From the fills: their takers are not the large account."""
        half = self.fills_first // self.small // 4
        first, second = self.tick_atoms
        atoms = f"(case when market = {self.markets[0]} then {first} else {second} end)"
        value = f"sum(price_ticks * quantity_lots) * {atoms}"
        return f"""insert into orders select order_id, account, market, n,
            n - (case when n <= {half} then 0 else {half} end),
            -1, side, {self._terms()}, max(price_ticks), sum(quantity_lots), 0, 0, 0, sum(quantity_lots), {value},
            min(time), max(time)
            from (select *, (number + 3) / 4 as n from fills where account >= {self.first_small}) fill
            group by order_id, account, market, n, side"""

    @staticmethod
    def _terms() -> str:
        kinds = OrderType.LIMIT.value, TimeInForce.GTC.value, SelfTrade.REJECT_TAKER.value
        return f"{kinds[0]}, {kinds[1]}, {kinds[2]}, {OrderFlag.HAS_CLIENT_ID.value}, {OrderStatus.FILLED.value}, 0"

    def _seconds(self) -> str:
        return f"""insert into candles select market, 1, to_timestamp({BEGIN_MS // 1000} + s),
            {_PRICE.format("min(i)")}, max(price), min(price), {_PRICE.format("max(i)")},
            sum(size), sum(price * size * atoms), count(*)
            from (select i, i * {STEP_MS} / 1000 as s, {self._market("j")} as market,
                         {self._tick_atoms("j")} as atoms, {_PRICE.format("i")} as price, {_LOTS.format("i")} as size
                  from {self._from(1, self.trades)}) x
            group by market, s order by s"""

    @staticmethod
    def _candles() -> Iterator[tuple[str, str]]:
        for interval in list(INTERVALS.values())[1:]:
            source = 1 if interval.name == "1m" else 2
            start = "date_trunc('month', start)"
            if interval.width_ms:
                width, offset = interval.width_ms // 1000, interval.start(0) % interval.width_ms // 1000
                start = f"to_timestamp(floor((extract(epoch from start) - {offset}) / {width}) * {width} + {offset})"
            yield (
                f"candles of {interval.name}",
                f"""insert into candles select market, {interval.number}, {start} as bucket,
                (array_agg(open_ticks order by start))[1], max(high_ticks), min(low_ticks),
                (array_agg(close_ticks order by start desc))[1], sum(volume_lots), sum(quote_atoms), sum(trades)
                from candles where interval = {source} group by market, bucket""",
            )


def fill(connection: psycopg.Connection, flow: Flow) -> Iterator[str]:
    """Make the history; yields what was done after each step. The tables must be empty."""
    connection.execute("set timezone to 'UTC'")
    connection.execute("set maintenance_work_mem to '512MB'")
    connection.execute("set work_mem to '256MB'")
    for what, statement in flow.steps():
        connection.execute(statement.encode())
        yield what
