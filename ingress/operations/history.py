"""The operations that read the past: parameters in, pages out. The rows come from history/reader.py."""

import time
from typing import Any, Final

from engine_core.edge.refusals import Code
from engine_core.replica.setup import Market
from engine_core.wire.intervals import INTERVALS
from engine_core.wire.limits import MAX_INT64
from ingress.engine import unreadable
from ingress.errors import ApiError, bad_request
from ingress.history.reader import HistoryUnavailable, UnknownRow
from ingress.messages import Pagination, Reply, json_reply
from ingress.operations.transfers import withdrawal_reference
from ingress.requests import fields, order_commands
from ingress.service import Request, Service

INTERVAL_NAMES: Final = tuple(INTERVALS)
MAX_ROWS: Final = 1000
DEFAULT_ROWS: Final = 100
MAX_OFFSET: Final = 2**31 - 1
_MAX_TIME_MS: Final = 253_402_300_799_999  # the end of the year 9999
_DIRECTIONS: Final = {"Desc": 1, "Asc": 2}
_ASCENDING: Final = 2
_FILL_TYPES: Final = {"User": 1}  # fills of other kinds (liquidations, settlements) are of other exchanges


async def trades(service: Service, request: Request) -> Reply:
    market = order_commands.market_of(service.setup, request.fields)
    page = page_of(request.fields)
    from_id = _from_id(request.fields)
    rows, total = await read(
        service.history.trades(market.number, limit=page.limit, offset=page.offset, from_id=from_id)
    )
    return _paged(rows, page, total)


async def newest_trades(service: Service, market: Market, limit: int) -> list[dict[str, Any]]:
    rows, _ = await read(service.history.trades(market.number, limit=limit))
    return rows  # type: ignore[no-any-return]


async def klines(service: Service, request: Request) -> Reply:
    """Candles from the bucket of startTime up to endTime, at most 1000."""
    market = order_commands.market_of(service.setup, request.fields)
    name = fields.required_text(request.fields, "interval")
    if name not in INTERVALS:
        raise bad_request(f"Invalid interval: must be one of {', '.join(INTERVALS)}")
    if fields.text(request.fields, "priceType") not in (None, "Last"):
        raise bad_request("Invalid priceType: must be Last on a spot exchange, which has no mark or index price")
    start = fields.integer(request.fields, "startTime", 0, _MAX_TIME_MS // 1000)
    if start is None:
        raise bad_request("startTime is required, in Unix seconds")
    end = fields.integer(request.fields, "endTime", 0, _MAX_TIME_MS // 1000)
    if end is not None and end < start:
        raise ApiError(Code.INVALID_RANGE, "Invalid range: startTime is after endTime")
    end_ms = 1000 * (end if end is not None else int(time.time()) + 1)
    rows = await read(service.history.klines(market.number, name, 1000 * start, end_ms, limit=MAX_ROWS))
    return json_reply(rows)


async def orders(service: Service, request: Request) -> Reply:
    page, market = page_of(request.fields), _market(service, request.fields)
    if not fields.spot_wanted(request.fields) or _of_a_strategy(request.fields):
        return _paged([], page, 0)
    rows, total = await read(
        service.history.orders(
            request.caller.account,
            market=market.number if market else None,
            order_id=fields.order_id(request.fields),
            limit=page.limit,
            offset=page.offset,
            ascending=_ascending(request.fields),
            from_id=_from_id(request.fields),
        )
    )
    return _paged(rows, page, total)


async def fills(service: Service, request: Request) -> Reply:
    page, market = page_of(request.fields), _market(service, request.fields)
    from_ms, to_ms = span_of(request.fields)
    if market is None and _from_id(request.fields) is not None:
        raise bad_request("symbol is required with fromId: trades are numbered in each market")
    fields.choice(request.fields, "fillType", _FILL_TYPES, _FILL_TYPES["User"])
    if not fields.spot_wanted(request.fields) or _of_a_strategy(request.fields):
        return _paged([], page, 0)
    rows, total = await read(
        service.history.fills(
            request.caller.account,
            market=market.number if market else None,
            order_id=fields.order_id(request.fields),
            from_ms=from_ms,
            to_ms=to_ms,
            limit=page.limit,
            offset=page.offset,
            ascending=_ascending(request.fields),
            from_id=_from_id(request.fields),
        )
    )
    return _paged(rows, page, total)


async def deposits(service: Service, request: Request) -> Reply:
    page, (from_ms, to_ms) = page_of(request.fields), span_of(request.fields)
    rows, total = await read(
        service.history.deposits(
            request.caller.account,
            from_ms=from_ms,
            to_ms=to_ms,
            limit=page.limit,
            offset=page.offset,
            from_id=_from_id(request.fields),
        )
    )
    return _paged(rows, page, total)


async def withdrawals(service: Service, request: Request) -> Reply:
    page, (from_ms, to_ms) = page_of(request.fields), span_of(request.fields)
    account, client_id = request.caller.account, fields.transfer_client_id(request.fields)
    rows, total = await read(
        service.history.withdrawals(
            account,
            from_ms=from_ms,
            to_ms=to_ms,
            number=fields.integer(request.fields, "id", 1, MAX_INT64),
            references=[withdrawal_reference(account, client_id)] if client_id else None,
            limit=page.limit,
            offset=page.offset,
            from_id=_from_id(request.fields),
        )
    )
    return _paged(rows, page, total)


async def read(reading: Any) -> Any:
    try:
        return await reading
    except HistoryUnavailable as error:
        raise unreadable("History is", error) from None
    except UnknownRow as error:
        raise bad_request(f"Invalid fromId: there is no {error} among these rows") from None


def page_of(members: fields.Fields) -> Pagination:
    limit = fields.integer_or(members, "limit", DEFAULT_ROWS, 1, MAX_ROWS)
    return Pagination(limit, fields.integer_or(members, "offset", 0, 0, MAX_OFFSET))


def _from_id(members: fields.Fields) -> int | None:
    """The row that a page begins after: of its list new ones do not change the rest, as they do with an offset."""
    return fields.integer(members, "fromId", 1, MAX_INT64)


def _paged(rows: list[Any], page: Pagination, total: int) -> Reply:
    return json_reply(rows, Pagination(page.limit, page.offset, total).headers())


def _market(service: Service, members: fields.Fields) -> Market | None:
    return None if fields.absent(members.get("symbol")) else order_commands.market_of(service.setup, members)


def _of_a_strategy(members: fields.Fields) -> bool:
    """Only the orders of a strategy are asked for: there are none here."""
    return fields.integer(members, "strategyId", 0, MAX_INT64) is not None


def _ascending(members: fields.Fields) -> bool:
    return fields.choice(members, "sortDirection", _DIRECTIONS, _DIRECTIONS["Desc"]) == _ASCENDING


def span_of(members: fields.Fields) -> tuple[int | None, int | None]:
    """(from, to) in ms; `endTime` is another name of `to`, which ccxt uses."""
    last = fields.integer(members, "to", 0, _MAX_TIME_MS)
    if last is None:
        last = fields.integer(members, "endTime", 0, _MAX_TIME_MS)
    first = fields.integer(members, "from", 0, _MAX_TIME_MS)
    if first is not None and last is not None and first > last:
        raise ApiError(Code.INVALID_RANGE, "Invalid range: from is after to")
    return first, last
