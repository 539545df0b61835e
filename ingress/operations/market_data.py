"""The public reads: what exists, and what the market does now. Served from this process's replica.

Nothing is cached: /depth must never lag the streams; and nothing but the book of single orders asks the engine.
Non-goals: candles and older trades (history.py).
"""

import time
from datetime import UTC, datetime
from typing import Final

from engine_core.edge.refusals import Code
from engine_core.edge.spelling import MARKET_STATE_WORDS, MarketStateWord
from engine_core.replica import setup as replica
from engine_core.replica.trades import Trade as TapeTrade
from engine_core.wire.intervals import DAY_MS
from engine_core.wire.limits import MAX_PRICE_TICKS, PPM
from engine_core.wire.units import format_decimal
from ingress.messages import Reply, json_reply, text_reply
from ingress.operations import history
from ingress.replica import live_book, require_filled
from ingress.requests import fields, order_commands
from ingress.schemas.answers import Asset, Depth, Filters, Market, PriceFilter, QuantityFilter, Ticker, Token, Trade
from ingress.service import Request, Service

MAX_LEVELS: Final = 1000
MAX_TRADES: Final = 1000
DEFAULT_TRADES: Final = 100

_PPM_DECIMALS = 6
_MOVES: Final[MarketStateWord] = "Closed"  # on its way to another shard
_WINDOWS = {"1d": DAY_MS, "1w": 7 * DAY_MS}


async def status(service: Service, request: Request) -> Reply:
    return json_reply(await service.health.status())


async def ping(service: Service, request: Request) -> Reply:
    return text_reply("pong")


async def server_time(service: Service, request: Request) -> Reply:
    return text_reply(str(time.time_ns() // 1_000_000))


async def nothing(service: Service, request: Request) -> Reply:
    """A list of things that a spot exchange has none of."""
    return json_reply([])


async def assets(service: Service, request: Request) -> Reply:
    return json_reply([_asset(service, asset) for asset in service.setup.assets.values()])


def _asset(service: Service, asset: replica.Asset) -> Asset:
    smallest = format_decimal(1, asset.decimals)
    token = Token(
        blockchain=fields.CHAIN,
        displayName=asset.symbol,
        minimumDeposit=smallest,
        minimumWithdrawal=smallest,
        nativeDecimals=asset.decimals,
    )
    return Asset(asset.symbol, service.config.asset_names.get(asset.symbol, asset.symbol), None, [token])


async def markets(service: Service, request: Request) -> Reply:
    if not fields.spot_wanted(request.fields):
        return json_reply([])
    return json_reply([market_body(service, market) for market in service.setup.markets.values()])


async def market(service: Service, request: Request) -> Reply:
    found = order_commands.market_of(service.setup, request.fields, Code.INVALID_SYMBOL)
    return json_reply(market_body(service, found))


def market_body(service: Service, market: replica.Market) -> Market:
    units = market.units
    price = PriceFilter(
        tickSize=units.tick_size,
        minPrice=units.price(1),
        maxPrice=units.price(MAX_PRICE_TICKS),
        maxMultiplier=_multiplier(market.band_up_ppm, 1),
        minMultiplier=_multiplier(market.band_down_ppm, -1),
        maxImpactMultiplier=_multiplier(market.impact_ppm, 1),
        minImpactMultiplier=_multiplier(market.impact_ppm, -1),
    )
    quantity = QuantityFilter(units.lot_size, units.quantity(market.min_lots), units.quantity(market.max_lots))
    return Market(
        symbol=market.symbol,
        baseSymbol=market.base.symbol,
        quoteSymbol=market.quote.symbol,
        orderBookState=MARKET_STATE_WORDS.get(market.state, _MOVES),
        createdAt=_iso(service.setup.created_ms),
        filters=Filters(price, quantity),
    )


def _multiplier(ppm: int, sign: int) -> str | None:
    """1 ± ppm as text; none for no band."""
    return format_decimal(PPM + sign * ppm, _PPM_DECIMALS) if ppm else None


def _iso(time_ms: int) -> str:
    """UTC without a zone, as the API has it."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")


async def ticker(service: Service, request: Request) -> Reply:
    window_ms = _window(request.fields)
    return json_reply(_ticker(service, order_commands.market_of(service.setup, request.fields), window_ms))


async def tickers(service: Service, request: Request) -> Reply:
    window_ms = _window(request.fields)
    return json_reply([_ticker(service, market, window_ms) for market in service.setup.markets.values()])


def _window(members: fields.Fields) -> int:
    return fields.choice(members, "interval", _WINDOWS, DAY_MS)


def _ticker(service: Service, market: replica.Market, window_ms: int) -> Ticker:
    require_filled(service)
    numbers, units = service.market_data.ticker(market.number, window_ms), market.units
    change = units.price(abs(numbers.change_ticks))
    return Ticker(
        symbol=market.symbol,
        firstPrice=units.price(numbers.first_ticks),
        lastPrice=units.price(numbers.last_ticks),
        high=units.price(numbers.high_ticks),
        low=units.price(numbers.low_ticks),
        priceChange=f"-{change}" if numbers.change_ticks < 0 else change,
        priceChangePercent=format_decimal(numbers.change_ppm, _PPM_DECIMALS),
        volume=units.quantity(numbers.lots),
        quoteVolume=units.quote(numbers.value * units.tick_atoms),
        trades=str(numbers.trades),
    )


async def depth(service: Service, request: Request) -> Reply:
    market = order_commands.market_of(service.setup, request.fields)
    limit = fields.integer_or(request.fields, "limit", MAX_LEVELS, 1, MAX_LEVELS)
    book = live_book(service, market)
    bids, asks, update_id = book.snapshot(limit)
    price, quantity = market.units.price, market.units.quantity
    answer = Depth(
        asks=[(price(ticks), quantity(lots)) for ticks, lots in asks],
        bids=[(price(ticks), quantity(lots)) for ticks, lots in bids],
        lastUpdateId=str(update_id),
        timestamp=time.time_ns() // 1000,
    )
    return json_reply(answer)


async def order_book(service: Service, request: Request) -> Reply:
    """Order by order: the beginning of a replica that goes on with the stream `order@SYMBOL`."""
    market = order_commands.market_of(service.setup, request.fields)
    return await service.order_books.reply(service.engine, market)


async def trades(service: Service, request: Request) -> Reply:
    market = order_commands.market_of(service.setup, request.fields)
    limit = fields.integer_or(request.fields, "limit", DEFAULT_TRADES, 1, MAX_TRADES)
    require_filled(service)
    found = service.market_data.recent_trades(market.number, limit)
    if len(found) < limit and service.market_data.begins_midway and service.config.database_url:
        return json_reply(await history.newest_trades(service, market, limit))  # the log has no more of them
    return json_reply([_trade(market, trade) for trade in found])


def _trade(market: replica.Market, trade: TapeTrade) -> Trade:
    units = market.units
    return Trade(
        id=trade.trade_id,
        price=units.price(trade.price_ticks),
        quantity=units.quantity(trade.lots),
        quoteQuantity=units.quote(trade.price_ticks * trade.lots * units.tick_atoms),
        timestamp=trade.time_ms,
        isBuyerMaker=trade.buyer_is_maker,
    )
