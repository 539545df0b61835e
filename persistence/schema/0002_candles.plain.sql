-- Candles without TimescaleDB: one table, kept by the writer in the same transaction as the trades.
create table candles (
    market       integer not null,
    interval     smallint not null,   -- number of the interval, see engine_core/wire/intervals.py
    start        timestamptz not null,
    open_ticks   integer not null,
    high_ticks   integer not null,
    low_ticks    integer not null,
    close_ticks  integer not null,
    volume_lots  numeric not null,    -- whole numbers that may pass 64 bits in a long candle
    quote_atoms  numeric not null,
    trades       bigint not null,
    primary key (market, interval, start)
) with (fillfactor = 70);

create index trades_by_time on trades using brin (time);

do $$
declare
    names text[] := array['1s', '1m', '3m', '5m', '15m', '30m', '1h', '2h', '4h', '6h', '8h', '12h', '1d', '3d', '1w', '1month'];
begin
    for number in 1 .. array_length(names, 1) loop
        execute format(
            'create view %I as select market, start, open_ticks, high_ticks, low_ticks, close_ticks, volume_lots, quote_atoms, trades '
            'from candles where interval = %s', 'candles_' || names[number], number);
    end loop;
end $$;
