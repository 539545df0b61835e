"""What a market order locks, as this process's book shows it: no list of the whole book is made for that."""

from dataclasses import replace
from typing import Any

import pytest

from engine_core.wire.codes import CommandKind, OrderFlag, OrderType, Side
from engine_core.wire.limits import PPM
from ingress.operations.reservation import locked_by
from ingress.requests.command_record import Command
from tests.ingress.fakes import Exchange
from tests.markets import SOL


def market_order(side: Side, **values: Any) -> Command:
    return Command(CommandKind.PLACE, side, OrderType.MARKET, market=SOL, account=2, **values)


@pytest.mark.parametrize(
    ("impact_ppm", "order", "lots", "cost"),
    [
        (0, market_order(Side.BID, quantity_lots=10), 10, 10 * 10_050),
        (0, market_order(Side.BID, quantity_lots=500), 500, 400 * 10_050 + 100 * 10_100),
        (0, market_order(Side.BID, quantity_lots=10**9), 950, 400 * 10_050 + 550 * 10_100),
        (0, market_order(Side.BID, quantity_lots=500, price_ticks=10_060, flags=OrderFlag.HAS_BOUND), 400, 4_020_000),
        (1_000, market_order(Side.BID, quantity_lots=500), 400, 4_020_000),
        (0, market_order(Side.ASK, amount_atoms=9_950 + 9_900 * 7, flags=OrderFlag.BY_QUOTE), 8, None),
        (0, market_order(Side.ASK, amount_atoms=10**12, flags=OrderFlag.BY_QUOTE), 501, None),
        (PPM // 100, market_order(Side.ASK, amount_atoms=10**12, flags=OrderFlag.BY_QUOTE), 201, None),
    ],
)
async def test_what_a_market_order_locks(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, impact_ppm: int, order: Command, lots: int, cost: int | None
) -> None:
    data, market = exchange.service.market_data, replace(exchange.service.setup.markets[SOL], impact_ppm=impact_ppm)
    monkeypatch.setattr(type(data.depth), "side", None)  # what makes lists
    if order.flags & OrderFlag.BY_QUOTE:
        order = order._replace(amount_atoms=order.amount_atoms * market.units.tick_atoms)
    expected = lots * market.units.lot_atoms if cost is None else cost * market.units.tick_atoms
    assert locked_by(order, market, data.book(SOL)) == expected


async def test_what_a_market_order_locks_in_an_empty_book(exchange: Exchange) -> None:
    market = exchange.service.setup.markets[2]
    book = exchange.service.market_data.book(2)
    assert locked_by(market_order(Side.BID, quantity_lots=5)._replace(market=2), market, book) == 0
