-- What guards a user beside the password: the second factor, the sessions that are open, and keys that may not withdraw yet.
-- Written by ingress, as the users are (0004).

alter table users
    add column totp         text not null default '',    -- the secret of RFC 6238 in base32; '': no second factor
    add column totp_pending text not null default '',    -- one that was shown and not confirmed yet
    add column totp_step    bigint not null default 0;   -- the time step of the newest code that was used: each works once

create table user_sessions (
    log_id   bigint not null,
    session  bytea not null,          -- the name by which it is ended; the token itself is nowhere
    account  integer not null,
    created  timestamptz not null default now(),
    expires  timestamptz not null,
    address  text not null,
    agent    text not null,
    primary key (log_id, session)
);
create index user_sessions_of_account on user_sessions (log_id, account, created);

create table key_delays (             -- of API keys that a session made: when they may withdraw
    log_id         bigint not null,
    public_key     bytea not null,
    withdraws_from timestamptz not null,
    primary key (log_id, public_key)
);
