-- The tables, the same on PostgreSQL and TimescaleDB. Written by the writer alone, from the event log alone.
--
-- Money is integers in the log's own units: prices in ticks, quantities in lots, balances and fees in atoms. What a tick,
-- a lot and an atom are worth stands in `markets` and `assets`; the views of 0003_views.sql give decimals.
-- No column is NULL: 0 (or -1 for client_id, which may be 0) means "none", so every row has one size for binary COPY.

create table log_position (  -- one row: up to where in which log the other tables are complete
    shard        integer primary key,
    log_id       bigint not null,
    epoch        bigint not null,
    entry_ms     bigint not null,   -- ID of the last stored entry of the event log
    entry_seq    bigint not null,
    block_crc    bigint not null,   -- checksum of that entry: a log that went back in time and grew again shows by it
    deposits     bigint not null,   -- how many there are: the next one's id
    withdrawals  bigint not null,
    stored_at    timestamptz not null default now()
);

create table codes (  -- names of the numeric codes below, as the API spells them
    kind  text not null,
    code  smallint not null,
    name  text not null,
    primary key (kind, code)
);

create table assets (
    asset     integer primary key,
    symbol    text not null,        -- the engine does not ask for different ones, so neither do we
    decimals  smallint not null,
    unit      numeric not null      -- of one atom: 10 ^ -decimals
);

create table markets (
    market       integer primary key,
    symbol       text not null,
    base         integer not null references assets,
    quote        integer not null references assets,
    lot_atoms    bigint not null,   -- base atoms of one lot
    tick_atoms   bigint not null,   -- quote atoms of one lot at one tick
    min_lots     bigint not null,
    max_lots     bigint not null,
    tick_size    numeric not null,  -- price of one tick
    lot_size     numeric not null,  -- quantity of one lot
    state        smallint not null,
    created      timestamptz not null
);

create table fees (
    market     integer not null references markets,
    tier       smallint not null,
    maker_ppm  bigint not null,
    taker_ppm  bigint not null,
    primary key (market, tier)
);

create table accounts (
    account   integer primary key,
    state     smallint not null,    -- 1 ok, 2 frozen
    fee_tier  smallint not null,
    created   timestamptz not null
);

create table balances (             -- last values, in atoms
    account    integer not null,
    asset      integer not null,
    available  bigint not null,
    locked     bigint not null,
    primary key (account, asset)
) with (fillfactor = 70);

create table deposits (
    id            bigint primary key,  -- 1, 2, 3, ... in log order
    account       integer not null,
    asset         integer not null,
    amount_atoms  bigint not null,
    reference     bigint not null,
    time          timestamptz not null
);
create index deposits_of_account on deposits (account, id);

create table withdrawals (like deposits including all);

create table orders (
    order_id         bigint primary key,
    account          integer not null,
    market           integer not null,
    number           bigint not null,   -- of this order among its account's: 1, 2, 3, ... (paging and totals by index)
    market_number    bigint not null,   -- the same among the account's orders in this market
    client_id        bigint not null,   -- -1: none
    side             smallint not null,
    order_type       smallint not null,
    time_in_force    smallint not null,
    self_trade       smallint not null,
    flags            smallint not null,
    status           smallint not null,
    reason           smallint not null, -- why it ended, 0: it did not, or it was filled
    price_ticks      integer not null,
    quantity_lots    bigint not null,
    amount_atoms     bigint not null,   -- quote amount of a market order sized by it
    trigger_ticks    bigint not null,
    display_lots     bigint not null,
    executed_lots    bigint not null,
    executed_atoms   bigint not null,   -- quote
    created          timestamptz not null,
    updated          timestamptz not null
) with (fillfactor = 80);
create unique index orders_of_account on orders (account, number);
create unique index orders_of_account_in_market on orders (account, market, market_number);

create table trades (
    market           integer not null,
    trade_id         bigint not null,   -- 1, 2, 3, ... of the market
    time             timestamptz not null,
    price_ticks      integer not null,
    quantity_lots    bigint not null,
    quote_atoms      bigint not null,
    buyer_is_maker   boolean not null,
    bid_order_id     bigint not null,
    ask_order_id     bigint not null,
    primary key (market, trade_id, time)
);

create table fills (                    -- two of each trade: one for each side
    account          integer not null,
    number           bigint not null,   -- of this fill among its account's: 1, 2, 3, ...
    market           integer not null,
    market_number    bigint not null,   -- the same among the account's fills in this market
    order_id         bigint not null,
    client_id        bigint not null,   -- -1: none
    trade_id         bigint not null,
    side             smallint not null,
    is_maker         boolean not null,
    price_ticks      integer not null,
    quantity_lots    bigint not null,
    fee_atoms        bigint not null,   -- of the asset received: base for a bid, quote for an ask
    time             timestamptz not null,
    primary key (account, number, time)
);
create index fills_of_account_in_market on fills (account, market, market_number);
create index fills_of_order on fills (order_id, number);

-- How many fills an account (in one market, or in all for market 0) had before a moment: a binary search over the
-- account's own numbers, whose times never decrease, so that no index on time is needed.
create function fills_before(of_account integer, in_market integer, before timestamptz) returns bigint
language plpgsql stable as $$
declare
    low bigint; high bigint; middle bigint; at_middle timestamptz;
begin
    if in_market = 0 then
        select coalesce(min(number), 1) - 1, coalesce(max(number), 0) into low, high from fills where account = of_account;
    else
        select coalesce(min(market_number), 1) - 1, coalesce(max(market_number), 0) into low, high
            from fills where account = of_account and market = in_market;
    end if;
    while low < high loop
        middle := (low + high + 1) / 2;
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
