-- Transfers between accounts, and what holds the address of a withdrawal to what the log says.

alter table deposits
    add column counterparty   integer not null default 0,  -- the account at the other end; 0: none of this exchange
    add column asked_address  bigint not null default 0,   -- words c and d of the command; 0 where an operator moved it
    add column asked          bigint not null default 0;

alter table withdrawals
    add column counterparty   integer not null default 0,
    add column asked_address  bigint not null default 0,
    add column asked          bigint not null default 0;

-- One row for each thing that was asked, never changed: the words of the log say which one counts. (0, 0): older ones.
alter table withdrawal_requests
    add column asked_address  bigint not null default 0,
    add column asked          bigint not null default 0,
    drop constraint withdrawal_requests_pkey,
    add primary key (log_id, account, reference, asset, asked_address, asked);
