#!/bin/sh
# Run once by the database's image, when its volume is new: the exchange's user owns one database and is no superuser.
set -eu
psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    --set password="$DATABASE_PASSWORD" <<'SQL'
CREATE ROLE exchange LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'password';
CREATE DATABASE exchange OWNER exchange;
REVOKE ALL ON DATABASE exchange, postgres FROM PUBLIC;
\connect exchange
SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb') AS has_timescaledb \gset
\if :has_timescaledb
CREATE EXTENSION IF NOT EXISTS timescaledb;
\endif
SQL
