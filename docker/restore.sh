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

# What wrote the backup, and what is to read it: others may be right, but if something fails, that is why.
compare() {
    written=$(sed -n "s/^$1 //p" "$folder/versions" 2>/dev/null || true)
    [ -z "$written" ] || [ "$written" = "$2" ] ||
        echo "warning: the backup is of $1 $written, and here is ${2:-none}$3" >&2
}

compare Valkey "$(compose run --rm -T --no-deps valkey valkey-server --version | sed -nE 's/^.* v=([^ ]+).*$/\1/p')" \
    ": an older one may not read it"
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
ask() {
    echo "$1" | compose exec -T database psql --no-psqlrc --no-align --tuples-only --username=postgres --dbname=exchange
}
tables=$(ask "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
[ "$tables" = 0 ] || { echo "error: the database is not empty" >&2; exit 1; }
compare PostgreSQL "$(ask "SELECT split_part(current_setting('server_version'), ' ', 1)")" \
    ": an older major version may not read it"
compare TimescaleDB "$(ask "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'")" \
    ": restore with the image that wrote it, then update (ALTER EXTENSION timescaledb UPDATE)"
timescale pre >/dev/null
compose exec -T database pg_restore --username=postgres --dbname=exchange --exit-on-error <"$folder/history.dump"
timescale post >/dev/null
echo "restored; docker compose up --detach, then exchange verify"
