"""ADMIN commands of markets: their definition, state, bands and fees.

Every shard has the definition of every market, under the same number. Where it does not trade its state is ELSEWHERE,
and stays so until a command says that it comes (MOVES_HERE): no command that is meant for the shard where it trades can
open it in two.

    the old shard   CLOSED, move 7 · ELSEWHERE, move 7, goes to the new one     from now on what is of a move up to 7
    the new shard                                          MOVES_HERE, move 7   is too late, in both

Which shard a market leaves for is decided by the first ELSEWHERE in the log of the old one; movers that wanted to have
it elsewhere read it there. (Commands of move 0 are of tools that did not count.)
"""

from engine_core.book.memory.state import ASSETS, MARKETS, SHARD, TIERS, State
from engine_core.book.orders.checks import market_of
from engine_core.book.orders.triggers import NO_LOW
from engine_core.jit.kernel import inner
from engine_core.wire.codes import MarketFlag, MarketState, Reason
from engine_core.wire.layout import AdminRow
from engine_core.wire.limits import (
    MAX_MARKET_MOVES,
    MAX_PRICE_TICKS,
    MAX_SUPPLY_ATOMS,
    MAX_TICK_DECIMALS,
    MOST_SHARDS,
    PPM,
)

MAX_BAND_PPM = 1_000 * PPM
MOVES_HERE = int(MarketFlag.MOVES_HERE)


@inner
def _factors(value: int, prime: int) -> int:
    """How often `prime` divides a positive value."""
    count = 0
    while value % prime == 0:
        value //= prime
        count += 1
    return count


@inner
def _is_decimal_tick(tick_atoms: int, lot_atoms: int, shift: int) -> bool:
    """Whether a price of one tick, tick_atoms / lot_atoms * 10**shift, can be written with MAX_TICK_DECIMALS."""
    twos = _factors(tick_atoms, 2), _factors(lot_atoms, 2)
    fives = _factors(tick_atoms, 5), _factors(lot_atoms, 5)
    if (tick_atoms >> twos[0]) // 5 ** fives[0] % ((lot_atoms >> twos[1]) // 5 ** fives[1]) != 0:
        return False
    return min(twos[0] - twos[1], fives[0] - fives[1]) + shift >= -MAX_TICK_DECIMALS


@inner
def _check_market(state: State, command: AdminRow) -> int:
    base, quote = command.asset, command.quote_asset
    if base < 1 or base > state.scalars[ASSETS] or quote < 1 or quote > state.scalars[ASSETS]:
        return Reason.UNKNOWN_ASSET
    if base == quote or command.code < MarketState.OPEN or command.code > MarketState.ELSEWHERE:
        return Reason.BAD_DEFINITION
    if not 1 <= command.lot_atoms <= MAX_SUPPLY_ATOMS:
        return Reason.BAD_DEFINITION
    if not 1 <= command.tick_atoms <= MAX_SUPPLY_ATOMS // MAX_PRICE_TICKS:  # so price * tick_atoms always fits
        return Reason.BAD_DEFINITION
    if command.min_lots < 1 or command.max_lots < 0 or (command.max_lots != 0 and command.max_lots < command.min_lots):
        return Reason.BAD_DEFINITION
    if command.min_lots > MAX_SUPPLY_ATOMS // command.lot_atoms:
        return Reason.BAD_DEFINITION
    shift = state.assets[base].decimals - state.assets[quote].decimals
    if not _is_decimal_tick(command.tick_atoms, command.lot_atoms, shift):
        return Reason.BAD_DEFINITION
    return Reason.NONE


@inner
def define_market(state: State, command: AdminRow) -> int:
    number = command.market
    if 1 <= number <= state.scalars[MARKETS]:
        return Reason.ALREADY_EXISTS
    if number != state.scalars[MARKETS] + 1:
        return Reason.BAD_DEFINITION
    reason = _check_market(state, command)
    if reason != Reason.NONE:
        return reason
    if number >= state.markets.size:
        return Reason.MARKETS_FULL
    market = state.markets[number]
    limit = MAX_SUPPLY_ATOMS // command.lot_atoms
    market.lot_atoms = command.lot_atoms
    market.tick_atoms = command.tick_atoms
    market.min_lots = command.min_lots
    market.max_lots = command.max_lots
    market.limit_lots = min(limit, command.max_lots) if command.max_lots != 0 else limit
    market.low_ticks = NO_LOW
    market.base = command.asset
    market.quote = command.quote_asset
    market.state = command.code
    state.scalars[MARKETS] = number
    return Reason.NONE


@inner
def _take_over(state: State, number: int, command: AdminRow) -> int:
    """The market comes from the shard where it traded, and its trades and depth are counted on from there."""
    market = state.markets[number]
    if command.move > MAX_MARKET_MOVES or command.goes_to > MOST_SHARDS:
        return Reason.BAD_FIELD
    if command.move != 0 and command.move <= market.moves:
        return Reason.BAD_SEQUENCE
    if not market.trades <= command.trades <= MAX_SUPPLY_ATOMS:
        return Reason.BAD_FIELD
    if not market.updates <= command.update_id <= MAX_SUPPLY_ATOMS or not 0 <= command.last_ticks <= MAX_PRICE_TICKS:
        return Reason.BAD_FIELD
    market.trades = command.trades
    market.updates = command.update_id
    market.last_ticks = command.last_ticks
    market.state = command.code
    market.goes_to = command.goes_to if command.code == MarketState.ELSEWHERE else 0
    market.moves = max(market.moves, command.move)
    return Reason.NONE


@inner
def _leave(state: State, number: int, command: AdminRow) -> int:
    """The market goes to another shard, or, where it has gone before anybody said where to, this is what is said."""
    market = state.markets[number]
    if market.open_orders != 0:
        return Reason.MARKET_IN_USE
    is_here = market.state != MarketState.ELSEWHERE
    if command.move != 0:
        if command.move > MAX_MARKET_MOVES or not 1 <= command.goes_to <= MOST_SHARDS:
            return Reason.BAD_FIELD
        if command.goes_to == state.scalars[SHARD] + 1:
            return Reason.BAD_FIELD
        is_said = not is_here and command.move == market.moves and command.goes_to == market.goes_to
        if not is_said and (command.move <= market.moves or not (is_here or market.goes_to == 0)):
            return Reason.BAD_SEQUENCE
        market.moves = command.move
        market.goes_to = command.goes_to
    market.state = MarketState.ELSEWHERE
    return Reason.NONE


@inner
def set_market_state(state: State, command: AdminRow) -> int:
    number, code = market_of(state, command.market), command.code
    if number == 0:
        return Reason.UNKNOWN_MARKET
    if code < MarketState.OPEN or code > MarketState.ELSEWHERE:
        return Reason.BAD_FIELD
    market = state.markets[number]
    if command.flags == MOVES_HERE and market.state == MarketState.ELSEWHERE:
        return _take_over(state, number, command)
    if command.flags != 0 or command.trades | command.update_id | command.last_ticks != 0:
        return Reason.BAD_FIELD
    if market.state == MarketState.ELSEWHERE and code != MarketState.ELSEWHERE:
        return Reason.MARKET_ELSEWHERE
    if code == MarketState.ELSEWHERE:
        return _leave(state, number, command)
    if command.move != 0 and command.move <= market.moves:
        return Reason.BAD_SEQUENCE
    market.state = code
    return Reason.NONE


@inner
def set_market_bands(state: State, command: AdminRow) -> int:
    market = market_of(state, command.market)
    if market == 0:
        return Reason.UNKNOWN_MARKET
    if not 0 <= command.band_up_ppm <= MAX_BAND_PPM or not 0 <= command.band_down_ppm <= PPM:
        return Reason.BAD_FIELD
    if not 0 <= command.impact_ppm <= PPM or command.max_open_orders < 0:
        return Reason.BAD_FIELD
    state.markets[market].band_up_ppm = command.band_up_ppm
    state.markets[market].band_down_ppm = command.band_down_ppm
    state.markets[market].impact_ppm = command.impact_ppm
    state.markets[market].max_open_orders = command.max_open_orders
    return Reason.NONE


@inner
def set_fees(state: State, command: AdminRow) -> int:
    """Fees of a tier; tier 0 also counts for every tier that has none of its own."""
    market = market_of(state, command.market)
    if market == 0:
        return Reason.UNKNOWN_MARKET
    if command.code >= TIERS or not 0 <= command.maker_ppm <= PPM or not 0 <= command.taker_ppm <= PPM:
        return Reason.BAD_FIELD
    for tier in range(TIERS):
        fee = state.fees[market * TIERS + tier]
        if tier == command.code or (command.code == 0 and fee.own == 0):
            fee.maker_ppm = command.maker_ppm
            fee.taker_ppm = command.taker_ppm
    state.fees[market * TIERS + command.code].own = 1
    return Reason.NONE
