"""What an account owns and may do: balances, fees, the largest order (SPEC §5.10-5.12)."""

from engine_core.replica.setup import Market
from engine_core.wire.codes import OrderFlag, QueryKind, Side
from engine_core.wire.limits import ALL_MARKETS
from engine_core.wire.units import UnitError, format_decimal
from ingress import commands, fields
from ingress.call import Reply, json_reply
from ingress.errors import ApiError, Code
from ingress.schemas import Account, Balance, MaxOrder
from ingress.service import Request, Service

_PPM_DECIMALS_OF_BASIS_POINT = 2  # 100 ppm are one basis point


async def balances(service: Service, request: Request) -> Reply:
    records = await service.engine.query(QueryKind.BALANCES, account=request.caller.account)
    assets = service.setup.assets
    answer = {}
    for number, available, locked in records[["asset", "available", "locked"]].tolist():
        asset = assets[number]
        answer[asset.symbol] = Balance(
            format_decimal(available, asset.decimals), format_decimal(locked, asset.decimals)
        )
    return json_reply(answer)


async def account(service: Service, request: Request) -> Reply:
    """Fees of the account; where markets differ, the highest."""
    number = request.caller.account
    fees = [service.setup.fees(market, number) for market in service.setup.markets]
    orders = await service.engine.orders(number, ALL_MARKETS)
    triggers = sum(1 for order in orders if order.flags & OrderFlag.TRIGGER)
    answer = Account(
        spotMakerFee=_basis_points(max((fee.maker_ppm for fee in fees), default=0)),
        spotTakerFee=_basis_points(max((fee.taker_ppm for fee in fees), default=0)),
        limitOrders=len(orders) - triggers,
        triggerOrders=triggers,
    )
    return json_reply(answer)


def _basis_points(ppm: int) -> str:
    return format_decimal(ppm, _PPM_DECIMALS_OF_BASIS_POINT)


async def max_order(service: Service, request: Request) -> Reply:
    """The largest quantity that the available balance can pay for, at `price` or the best opposite price."""
    market = commands.market_of(service.setup, request.fields)
    side = fields.choice(request.fields, "side", commands.SIDES, 0)
    asset = market.quote if side == Side.BID else market.base
    records = await service.engine.query(QueryKind.BALANCES, account=request.caller.account)
    available = int(records["available"][records["asset"] == asset.number].sum())
    if side == Side.BID:
        lots = available // (_price(service, market, request.fields) * market.units.tick_atoms)
    else:
        lots = available // market.units.lot_atoms
    quantity = market.units.quantity(min(lots, market.max_lots))
    return json_reply(MaxOrder(market.symbol, "Bid" if side == Side.BID else "Ask", quantity))


def _price(service: Service, market: Market, members: fields.Fields) -> int:
    text = fields.decimal(members, "price")
    if text is not None:
        try:
            return market.units.ticks(text)
        except UnitError as error:
            raise ApiError(Code.INVALID_PRICE, f"Invalid price: {error}") from None
    book = service.market_data.book(market.number)
    ask = book.best()[1]
    ticks = ask[0] if ask else book.last_price
    if ticks is None:
        raise ApiError(Code.INVALID_CLIENT_REQUEST, "price is required: the market has no price yet")
    return ticks
