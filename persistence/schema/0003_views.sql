-- Views for people: symbols instead of numbers, exact decimals instead of ticks, lots and atoms, names instead of codes.

create view trade_created as
    select t.trade_id, m.symbol,
           trim_scale(t.price_ticks * m.tick_size) as price,
           trim_scale(t.quantity_lots * m.lot_size) as quantity,
           trim_scale(t.quote_atoms * q.unit) as quote_quantity,
           t.buyer_is_maker as is_buyer_maker, t.bid_order_id, t.ask_order_id, t.time
    from trades t join markets m using (market) join assets q on q.asset = m.quote;

create view order_states as
    select o.order_id, o.account, m.symbol, nullif(o.client_id, -1) as client_id,
           side.name as side, order_type.name as order_type, time_in_force.name as time_in_force, status.name as status,
           reason.name as reason,
           nullif(trim_scale(o.price_ticks * m.tick_size), 0) as price,
           nullif(trim_scale(o.quantity_lots * m.lot_size), 0) as quantity,
           nullif(trim_scale(o.amount_atoms * q.unit), 0) as quote_quantity,
           nullif(trim_scale(o.trigger_ticks * m.tick_size), 0) as trigger_price,
           trim_scale(o.executed_lots * m.lot_size) as executed_quantity,
           trim_scale(o.executed_atoms * q.unit) as executed_quote_quantity,
           o.created, o.updated
    from orders o
    join markets m using (market)
    join assets q on q.asset = m.quote
    join codes side on side.kind = 'Side' and side.code = o.side
    join codes order_type on order_type.kind = 'OrderType' and order_type.code = o.order_type
    join codes time_in_force on time_in_force.kind = 'TimeInForce' and time_in_force.code = o.time_in_force
    join codes status on status.kind = 'OrderStatus' and status.code = o.status
    left join codes reason on reason.kind = 'Reason' and reason.code = o.reason and o.reason <> 0;

create view fill_details as
    select f.account, f.trade_id, f.order_id, nullif(f.client_id, -1) as client_id, m.symbol, side.name as side, f.is_maker,
           trim_scale(f.price_ticks * m.tick_size) as price,
           trim_scale(f.quantity_lots * m.lot_size) as quantity,
           trim_scale(f.fee_atoms * received.unit) as fee, received.symbol as fee_symbol, f.time
    from fills f
    join markets m using (market)
    join assets received on received.asset = case f.side when 1 then m.base else m.quote end
    join codes side on side.kind = 'Side' and side.code = f.side;

create view account_balances as
    select b.account, a.symbol, trim_scale(b.available * a.unit) as available, trim_scale(b.locked * a.unit) as locked
    from balances b join assets a using (asset);

create view klines as
    select m.symbol, i.name as interval, c.start,
           trim_scale(c.open_ticks * m.tick_size) as open, trim_scale(c.high_ticks * m.tick_size) as high,
           trim_scale(c.low_ticks * m.tick_size) as low, trim_scale(c.close_ticks * m.tick_size) as close,
           trim_scale(c.volume_lots * m.lot_size) as volume, trim_scale(c.quote_atoms * q.unit) as quote_volume, c.trades
    from candles c
    join markets m using (market)
    join assets q on q.asset = m.quote
    join codes i on i.kind = 'Interval' and i.code = c.interval;
