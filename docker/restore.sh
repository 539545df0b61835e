#!/bin/sh
# docker/restore.sh FOLDER: a backup of docker/backup.sh into new, empty volumes (docker compose down; the old ones can be
# kept under another project name). Nothing is overwritten. Then: docker compose up --detach, exchange verify.
set -eu
folder=$(cd "${1:?usage: docker/restore.sh FOLDER}" && pwd)
here=$(dirname "$0")

compose() {
    docker compose -f "$here/compose.yaml" "$@"
}

(cd "$folder" && sha256sum --check --quiet SHA256SUMS)
[ -z "$(compose ps --quiet)" ] || { echo "error: it runs: docker compose down first" >&2; exit 1; }

echo "the log"
# As what an append-only file begins with: one that is rewritten while it runs begins with the same.
compose run --rm -T --no-deps valkey sh -c '
    set -eu
    [ -z "$(ls -A /data)" ] || { echo "error: the volume of the log is not empty" >&2; exit 1; }
    mkdir -m 0700 /data/appendonlydir
    cat >/data/appendonlydir/appendonly.aof.1.base.rdb
    echo "file appendonly.aof.1.base.rdb seq 1 type b" >/data/appendonlydir/appendonly.aof.manifest' <"$folder/log.rdb"

echo "the state"
compose run --rm -T --no-deps admin sh -c '
    set -eu
    [ -z "$(ls -A /data)" ] || { echo "error: the volume of the data is not empty" >&2; exit 1; }
    umask 077
    exec tar -C /data -xf -' <"$folder/state.tar"

echo "the history"
compose up --detach --wait database
# TimescaleDB wants to be told before and after; a plain PostgreSQL has nothing that could be told.
timescale() {
    echo "SELECT 'SELECT timescaledb_$1_restore()' WHERE EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') \\gexec" |
        compose exec -T database psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username=postgres --dbname=exchange
}
tables=$(echo "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'" |
    compose exec -T database psql --no-psqlrc --no-align --tuples-only --username=postgres --dbname=exchange)
[ "$tables" = 0 ] || { echo "error: the database is not empty" >&2; exit 1; }
timescale pre >/dev/null
compose exec -T database pg_restore --username=postgres --dbname=exchange --exit-on-error <"$folder/history.dump"
timescale post >/dev/null
echo "restored; docker compose up --detach, then exchange verify"
