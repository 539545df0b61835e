-- Several shards, each with a log and a writer of its own, in one database. What a row belongs to shows by what it has:
--
--   orders, fills   order_id and number have the shard in their upper bits: order_id >> 59, number >> 48. So number counts the
--                   account's rows of one shard: shard << 48 | 1, 2, 3, ... market_number goes on where a market moves.
--   balances        a column of their own: an account's money is the sum over its shards, and what is in flight (moves)
--   trades, candles of the market, whichever shard trades it
--   all others      from shard 0, where money comes and goes and all is set up; assets and markets from whoever is first

alter table balances
    add column shard smallint not null default 0,
    drop constraint balances_pkey,
    add primary key (account, asset, shard);

alter table markets
    add column shard smallint not null default 0;  -- which trades it; with state 6 (in none for a moment): which did before

create table moves (                    -- of an account's money from one shard to another
    account       integer not null,
    from_shard    smallint not null,
    to_shard      smallint not null,
    sequence      bigint not null,      -- 1, 2, 3, ... of the account between these two
    asset         integer not null,
    amount_atoms  bigint not null,
    reference     bigint not null,
    sent          timestamptz not null,
    arrived       timestamptz,          -- NULL: in flight, as far as is stored
    primary key (account, from_shard, to_shard, sequence)
);
create index moves_by_reference on moves (account, reference);
create index moves_by_time on moves (account, sent);

create or replace view account_balances as
    select b.account, a.symbol, trim_scale(sum(b.available) * a.unit) as available, trim_scale(sum(b.locked) * a.unit) as locked
    from balances b join assets a using (asset) group by b.account, a.asset;

-- The running number of the last fill, or order, that an account (in one market, or in all of a shard for market 0) had
-- before a moment: a binary search over its numbers, whose times never decrease, so that no index on time is needed.
drop function fills_before(integer, integer, timestamptz);
create function fills_before(of_account integer, in_market integer, before timestamptz, of_shard integer default 0)
returns bigint language plpgsql stable as $$
declare
    base bigint := of_shard::bigint << 48; low bigint; high bigint; middle bigint; at_middle timestamptz;
begin
    if in_market = 0 then
        select coalesce(min(number), base + 1) - 1, coalesce(max(number), base) into low, high
            from fills where account = of_account and number > base and number < base + (1::bigint << 48);
    else
        select coalesce(min(market_number), 1) - 1, coalesce(max(market_number), 0) into low, high
            from fills where account = of_account and market = in_market;
    end if;
    while low < high loop
        middle := low + (high - low + 1) / 2;
        if in_market = 0 then
            select time into at_middle from fills where account = of_account and number = middle;
        else
            select time into at_middle
                from fills where account = of_account and market = in_market and market_number = middle;
        end if;
        if at_middle < before then low := middle; else high := middle - 1; end if;
    end loop;
    return low;
end $$;

create function orders_before(of_account integer, in_market integer, before timestamptz, of_shard integer default 0)
returns bigint language plpgsql stable as $$
declare
    base bigint := of_shard::bigint << 48; low bigint; high bigint; middle bigint; at_middle timestamptz;
begin
    if in_market = 0 then
        select coalesce(min(number), base + 1) - 1, coalesce(max(number), base) into low, high
            from orders where account = of_account and number > base and number < base + (1::bigint << 48);
    else
        select coalesce(min(market_number), 1) - 1, coalesce(max(market_number), 0) into low, high
            from orders where account = of_account and market = in_market;
    end if;
    while low < high loop
        middle := low + (high - low + 1) / 2;
        if in_market = 0 then
            select created into at_middle from orders where account = of_account and number = middle;
        else
            select created into at_middle
                from orders where account = of_account and market = in_market and market_number = middle;
        end if;
        if at_middle < before then low := middle; else high := middle - 1; end if;
    end loop;
    return low;
end $$;
