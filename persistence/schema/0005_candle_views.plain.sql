-- candles_1s ... candles_1month are for people, as README says: symbols and exact decimals. Whole numbers: `candles`.
do $$
declare
    level record;
begin
    for level in select * from unnest(array[
        '1s', '1m', '3m', '5m', '15m', '30m', '1h', '2h', '4h', '6h', '8h', '12h', '1d', '3d', '1w', '1month'
    ]) with ordinality as levels (name, number) loop
        execute format('drop view %I', 'candles_' || level.name);
        execute format(
            'create view %I as select m.symbol, c.start, '
            'trim_scale(c.open_ticks * m.tick_size) as open, trim_scale(c.high_ticks * m.tick_size) as high, '
            'trim_scale(c.low_ticks * m.tick_size) as low, trim_scale(c.close_ticks * m.tick_size) as close, '
            'trim_scale(c.volume_lots * m.lot_size) as volume, trim_scale(c.quote_atoms * q.unit) as quote_volume, c.trades '
            'from candles c join markets m using (market) join assets q on q.asset = m.quote where c.interval = %s',
            'candles_' || level.name, level.number);
    end loop;
end $$;
