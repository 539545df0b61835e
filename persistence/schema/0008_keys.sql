-- API keys. That a key exists, whose it is, what it may do and since when are facts of the log: the writer's, in api_keys.
-- What its owner calls it and when it was last used are not: ingress writes them, as it does users (0004). Keys of before
-- this file have no row in api_keys, for the log that made them may be trimmed; revoking one does nothing here.

create table api_keys (
    public_key   bytea primary key,
    account      integer not null,
    permissions  smallint not null,     -- 1 read, 2 trade, 4 withdraw
    created      timestamptz not null,
    revoked      timestamptz            -- NULL: it is valid
);

create table key_notes (
    log_id      bigint not null,
    public_key  bytea not null,
    name        text not null default '',
    last_used   timestamptz,            -- to the minute; NULL: never
    primary key (log_id, public_key)
) with (fillfactor = 70);
