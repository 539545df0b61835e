"""What an account owns and may do: balances, fees, the largest order."""

from engine_core.edge.refusals import Code
from engine_core.edge.spelling import SIDE_CODES, SIDE_WORDS
from engine_core.replica.setup import Asset, Market
from engine_core.wire.codes import AccountOption, CommandKind, OrderFlag, Side
from engine_core.wire.limits import ALL_MARKETS
from engine_core.wire.units import UnitError, format_decimal
from ingress.errors import ApiError, bad_request
from ingress.messages import Reply, json_reply
from ingress.operations import funds
from ingress.operations.admin_commands import apply
from ingress.replica import live_book, require_filled
from ingress.requests import fields, order_commands
from ingress.requests.admin_record import Admin
from ingress.schemas import bodies
from ingress.schemas.account_answers import Account, Collateral, MaxBorrow, MaxOrder
from ingress.service import Request, Service

_PPM_DECIMALS_OF_BASIS_POINT = 2  # 100 ppm are one basis point


async def balances(service: Service, request: Request) -> Reply:
    """Of all shards, or of the one that is asked for."""
    several = service.several
    shard = fields.integer(request.fields, "shard", 0, len(several.shards.gateways) - 1 if several else 0)
    if shard is None or several is None:
        return json_reply(await funds.balances(service, request.caller.account))
    return json_reply(await funds.balances_in(service, several.shards.engines[shard], request.caller.account))


_UNCHANGEABLE = ("autoBorrowSettlements", "autoLend", "autoRealizePnl", "autoRepayBorrows")


async def update_account(service: Service, request: Request) -> Reply:
    """`autoTransfer`; a spot account has none of the other settings: they can only stay as they are."""
    fields.check_members(request.fields, bodies.UpdateAccount)
    for name in _UNCHANGEABLE:
        if fields.flag(request.fields, name):
            raise bad_request(f"{name} is not possible on a spot exchange")
    if fields.decimal(request.fields, "leverageLimit") not in (None, "1"):
        raise bad_request("leverageLimit is 1 on a spot exchange")
    wanted = fields.flag(request.fields, "autoTransfer")
    if not fields.absent(request.fields.get("autoTransfer")):
        account = request.caller.account
        others = service.setup.options.get(account, AccountOption(0)) & ~AccountOption.AUTO_TRANSFER
        code = others | AccountOption.AUTO_TRANSFER if wanted else others
        await apply(service, Admin(CommandKind.ACCOUNT_OPTIONS, code=code, account=account))
    return json_reply({})


async def collateral(service: Service, request: Request) -> Reply:
    """Nothing is lent, borrowed or margined here."""
    return json_reply(Collateral())


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
    if service.several is not None:
        answer.autoTransfer = bool(service.setup.options.get(number, 0) & AccountOption.AUTO_TRANSFER)
    return json_reply(answer)


def _basis_points(ppm: int) -> str:
    return format_decimal(ppm, _PPM_DECIMALS_OF_BASIS_POINT)


async def max_borrow(service: Service, request: Request) -> Reply:
    return json_reply(MaxBorrow(asset_of(service, request.fields).symbol))


def asset_of(service: Service, members: fields.Fields) -> Asset:
    symbol = fields.required_text(members, "symbol")
    asset = service.setup.asset_by_symbol.get(symbol)
    if asset is None:
        raise ApiError(Code.INVALID_SYMBOL, f"Invalid asset {symbol[: fields.MAX_SYMBOL]!r}")
    return asset


async def max_order(service: Service, request: Request) -> Reply:
    """The largest quantity that the available balance can pay for, at `price` or the best opposite price."""
    market = order_commands.market_of(service.setup, request.fields)
    side = fields.choice(request.fields, "side", SIDE_CODES, 0)
    asset = market.quote if side == Side.BID else market.base
    available = await funds.spendable(service, request.caller.account, asset.number, market.number)
    if side == Side.BID:
        lots = available // (_price(service, market, request.fields) * market.units.tick_atoms)
    else:
        lots = available // market.units.lot_atoms
    quantity = market.units.quantity(min(lots, market.max_lots))
    return json_reply(MaxOrder(market.symbol, SIDE_WORDS[side], quantity))


def _price(service: Service, market: Market, members: fields.Fields) -> int:
    text = fields.decimal(members, "price")
    if text is not None:
        try:
            return market.units.ticks(text)
        except UnitError as error:
            raise ApiError(Code.INVALID_PRICE, f"Invalid price: {error}") from None
    book = live_book(service, market)
    ask = book.best()[1]
    if ask is None:
        require_filled(service)
    ticks = ask[0] if ask else book.last_price
    if ticks is None:
        raise ApiError(Code.INVALID_CLIENT_REQUEST, "price is required: the market has no price yet")
    return ticks
