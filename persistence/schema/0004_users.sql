-- Who may sign in to the page, and what a withdrawal was asked with. Written by ingress, never by the writer: these are
-- not in the event log, so a table here that is lost cannot be filled from it again. Rows belong to one log (log_id): a
-- database that is used for another one later shows nobody another's account.

create table users (
    log_id    bigint not null,
    name      text not null,              -- lower case
    password  text not null,              -- argon2id, in its usual text form, with its salt
    account   integer,                    -- NULL until the engine has created it, for a moment after the sign-up
    created   timestamptz not null default now(),
    primary key (log_id, name)
);
create unique index user_of_account on users (log_id, account);

create table withdrawal_requests (        -- beside `withdrawals`, by account, asset and reference
    log_id      bigint not null,
    account     integer not null,
    asset       integer not null,
    reference   bigint not null,
    address     text not null,
    blockchain  text not null,
    client_id   text,
    created     timestamptz not null default now(),
    primary key (log_id, account, asset, reference)
);
