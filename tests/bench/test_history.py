"""The made-up history of `bench history`: its tables fit together as those of the writer do."""

import psycopg

from bench.history.flow import Flow, fill, price_ticks, time_ms
from engine_core.wire.intervals import INTERVALS
from persistence.migrate import migrate
from tests.persistence.slow import candles

TRADES = 8_000
FLOW = Flow(TRADES, large=(2, 3), markets=(1, 2), tick_atoms=(100, 1), small=10, first_small=1_000)


def test_the_tables_fit_together(postgres: str) -> None:
    with psycopg.connect(postgres, autocommit=True, options="-c timezone=UTC") as connection:
        migrate(connection)
        assert all(fill(connection, FLOW))

        def rows(statement: str) -> list[tuple[object, ...]]:
            return connection.execute(statement.encode()).fetchall()

        trades = rows("select * from trades order by time")
        assert [(row[3], row[2].timestamp() * 1000) for row in trades] == [  # type: ignore[attr-defined]
            (price_ticks(trade), time_ms(trade)) for trade in range(1, TRADES + 1)
        ]
        assert rows("select market, count(*), max(trade_id) from trades group by market order by 1") == [
            (1, 7_200, 7_200),
            (2, 800, 800),
        ]
        for table in ("fills", "orders"):  # numbers have no gaps, in the account and in each of its markets
            for number, of in (("number", "account"), ("market_number", "account, market")):
                gaps = f"select {of} from {table} group by {of} having max({number}) <> count(*) or min({number}) <> 1"
                assert rows(gaps) == []
        unlike = """select o.order_id from orders o join fills f using (order_id, account, market, side)
            group by o.order_id having sum(f.quantity_lots) <> executed_lots or count(*) not in (2, 4)
            or sum(f.price_ticks * f.quantity_lots) * (case when min(market) = 1 then 100 else 1 end)
                <> executed_atoms"""
        assert rows(unlike) == []
        assert rows("select count(*), count(distinct order_id) from fills") == [(2 * TRADES, TRADES // 2 + TRADES // 4)]
        assert rows("select count(*) from orders") == [(TRADES // 2 + TRADES // 4,)]
        for name, interval in INTERVALS.items():
            found = rows(
                f"""select market, start, open_ticks, high_ticks, low_ticks, close_ticks, volume_lots, quote_atoms,
                    trades
                from candles where interval = {interval.number}"""
            )
            assert {row[:2]: list(row[2:]) for row in found} == candles(trades, name), name
