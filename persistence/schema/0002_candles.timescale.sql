-- Candles with TimescaleDB: continuous aggregates over the trades, each level built from a finer one, so the writer only
-- stores trades. The views have the names and columns of 0002_candles.plain.sql.
--
-- Each level is materialised up to a little before now and real-time above that (materialized_only = false), so the open
-- candle is always there. 1s and 1m are both built from the trades: dropping old 1s candles must not touch the others.

select create_hypertable('trades', by_range('time', interval '1 day'), create_default_indexes => false);
select create_hypertable('fills', by_range('time', interval '1 day'), create_default_indexes => false);

do $$
declare
    level record;
begin
    for level in select * from (values
        ('1s', 'trades', '1 second'), ('1m', 'trades', '1 minute'), ('3m', '1m', '3 minutes'), ('5m', '1m', '5 minutes'),
        ('15m', '5m', '15 minutes'), ('30m', '15m', '30 minutes'), ('1h', '30m', '1 hour'), ('2h', '1h', '2 hours'),
        ('4h', '2h', '4 hours'), ('6h', '2h', '6 hours'), ('8h', '4h', '8 hours'), ('12h', '6h', '12 hours'),
        ('1d', '12h', '1 day'), ('3d', '1d', '3 days'), ('1w', '1d', '7 days'), ('1month', '1d', '1 month')
    ) as levels (name, source, width) loop
        if level.source = 'trades' then
            execute format(
                'create materialized view %I with (timescaledb.continuous, timescaledb.materialized_only = false) as '
                'select market, time_bucket(%L::interval, time) as start, first(price_ticks, trade_id) as open_ticks, '
                'max(price_ticks) as high_ticks, min(price_ticks) as low_ticks, last(price_ticks, trade_id) as close_ticks, '
                'sum(quantity_lots) as volume_lots, sum(quote_atoms) as quote_atoms, count(*) as trades '
                'from trades group by market, time_bucket(%L::interval, time) with no data',
                'candles_' || level.name, level.width, level.width);
        else
            execute format(
                'create materialized view %I with (timescaledb.continuous, timescaledb.materialized_only = false) as '
                'select market, time_bucket(%L::interval, start) as start, first(open_ticks, start) as open_ticks, '
                'max(high_ticks) as high_ticks, min(low_ticks) as low_ticks, last(close_ticks, start) as close_ticks, '
                'sum(volume_lots) as volume_lots, sum(quote_atoms) as quote_atoms, sum(trades)::bigint as trades '
                'from %I group by market, time_bucket(%L::interval, start) with no data',
                'candles_' || level.name, level.width, 'candles_' || level.source, level.width);
        end if;
    end loop;
end $$;

-- No lower end of the windows: a writer that catches up after a long stop invalidates old buckets, and only what is
-- invalidated is computed again. The upper end leaves each level about two buckets behind now.
do $$
declare
    policy record;
begin
    for policy in select * from (values
        ('1s', interval '1 minute', interval '30 seconds'), ('1m', interval '2 minutes', interval '1 minute'),
        ('3m', interval '6 minutes', interval '3 minutes'), ('5m', interval '10 minutes', interval '5 minutes'),
        ('15m', interval '30 minutes', interval '15 minutes'), ('30m', interval '1 hour', interval '30 minutes'),
        ('1h', interval '2 hours', interval '1 hour'), ('2h', interval '4 hours', interval '1 hour'),
        ('4h', interval '8 hours', interval '2 hours'), ('6h', interval '12 hours', interval '3 hours'),
        ('8h', interval '16 hours', interval '4 hours'), ('12h', interval '1 day', interval '6 hours'),
        ('1d', interval '2 days', interval '12 hours'), ('3d', interval '6 days', interval '1 day'),
        ('1w', interval '14 days', interval '1 day'), ('1month', interval '2 months', interval '1 day')
    ) as policies (name, behind, every) loop
        perform add_continuous_aggregate_policy(
            ('candles_' || policy.name)::regclass, start_offset => null, end_offset => policy.behind,
            schedule_interval => policy.every);
    end loop;
end $$;

do $$  -- all intervals in one view, numbered as in engine_core/wire/intervals.py
declare
    names text[] := array['1s', '1m', '3m', '5m', '15m', '30m', '1h', '2h', '4h', '6h', '8h', '12h', '1d', '3d', '1w', '1month'];
    parts text[];
begin
    for number in 1 .. array_length(names, 1) loop
        parts := parts || format(
            'select market, %s::smallint as interval, start, open_ticks, high_ticks, low_ticks, close_ticks, volume_lots, '
            'quote_atoms, trades from %I', number, 'candles_' || names[number]);
    end loop;
    execute 'create view candles as ' || array_to_string(parts, ' union all ');
end $$;

-- A week is kept as rows, older chunks by column (five to ten times smaller, still readable and insertable).
alter table trades set (
    timescaledb.compress, timescaledb.compress_segmentby = 'market', timescaledb.compress_orderby = 'trade_id desc');
alter table fills set (
    timescaledb.compress, timescaledb.compress_segmentby = 'account', timescaledb.compress_orderby = 'number desc');
select add_compression_policy('trades', interval '7 days');
select add_compression_policy('fills', interval '7 days');

-- Trades and fills are the books of the exchange and are kept; candles of one second serve charts of the last weeks only.
select add_retention_policy('candles_1s', interval '60 days');
