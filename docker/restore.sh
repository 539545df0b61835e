#!/bin/sh
# docker/restore.sh FOLDER: a backup of docker/backup.sh into new, empty volumes (compose down; the old ones can be
# kept under another project name). Nothing is overwritten. Then: compose up --detach, exchange verify. On Kubernetes
# NAMESPACE=exchange docker/restore.sh FOLDER, into the volumes that `kubectl apply -k docker/kubernetes/restore` made.
set -eu
folder=$(cd "${1:?usage: docker/restore.sh FOLDER}" && pwd)
here=$(dirname "$0")

compose() {
    docker compose -f "$here/compose.yaml" "$@"
}

on_kubernetes() {
    kubectl --namespace "$NAMESPACE" "$@"
}

# In a container that has the volume of a service, whose own process does not run.
beside() {
    service=$1
    shift
    if [ -n "${NAMESPACE:-}" ]; then
        on_kubernetes exec --stdin "restore-$service" -- "$@"
    else
        compose run --rm -T --no-deps "$service" "$@"
    fi
}

in_database() {
    if [ -n "${NAMESPACE:-}" ]; then
        on_kubernetes exec --stdin database-0 -- "$@"
    else
        compose exec -T database "$@"
    fi
}

(cd "$folder" && sha256sum --check --quiet SHA256SUMS)
if [ -n "${NAMESPACE:-}" ]; then
    runs=$(on_kubernetes get pods --selector "app in (valkey, engine, writer, edge)" --output name)
    [ -z "$runs" ] || { echo "error: it runs: $runs" >&2; exit 1; }
else
    [ -z "$(compose ps --quiet)" ] || { echo "error: it runs: docker compose -f docker/compose.yaml down first" >&2; exit 1; }
fi

# What wrote the backup, and what is to read it: others may be right, but if something fails, that is why.
compare() {
    written=$(sed -n "s/^$1 //p" "$folder/versions" 2>/dev/null || true)
    [ -z "$written" ] || [ "$written" = "$2" ] ||
        echo "warning: the backup is of $1 $written, and here is ${2:-none}$3" >&2
}

compare Valkey "$(beside valkey valkey-server --version </dev/null | sed -nE 's/^.* v=([^ ]+).*$/\1/p')" \
    ": an older one may not read it"
echo "the log"
# As what an append-only file begins with: one that is rewritten while it runs begins with the same.
beside valkey sh -c '
    set -eu
    [ -z "$(ls -A /data | grep -vx lost+found)" ] || { echo "error: the volume of the log is not empty" >&2; exit 1; }
    mkdir -m 0700 /data/appendonlydir
    cat >/data/appendonlydir/appendonly.aof.1.base.rdb
    echo "file appendonly.aof.1.base.rdb seq 1 type b" >/data/appendonlydir/appendonly.aof.manifest' <"$folder/log.rdb"

echo "the state"
engines=admin
# Each has snapshots of its own there, and the second one none otherwise.
[ -z "${NAMESPACE:-}" ] || engines="engine-0 engine-1"
for engine in $engines; do
    beside "$engine" sh -c '
        set -eu
        [ -z "$(ls -A /data | grep -vx lost+found)" ] || { echo "error: the volume of the data is not empty" >&2; exit 1; }
        umask 077
        exec tar -C /data -xf -' <"$folder/state.tar"
done

echo "the history"
[ -n "${NAMESPACE:-}" ] || compose up --detach --wait database
# TimescaleDB wants to be told before and after; a plain PostgreSQL has nothing that could be told.
timescale() {
    echo "SELECT 'SELECT timescaledb_$1_restore()' WHERE EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') \\gexec" |
        in_database psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username=postgres --dbname=exchange
}
ask() {
    echo "$1" | in_database psql --no-psqlrc --no-align --tuples-only --username=postgres --dbname=exchange
}
tables=$(ask "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
[ "$tables" = 0 ] || { echo "error: the database is not empty" >&2; exit 1; }
compare PostgreSQL "$(ask "SELECT split_part(current_setting('server_version'), ' ', 1)")" \
    ": an older major version may not read it"
compare TimescaleDB "$(ask "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'")" \
    ": restore with the image that wrote it, then update (ALTER EXTENSION timescaledb UPDATE)"
timescale pre >/dev/null
in_database pg_restore --username=postgres --dbname=exchange --exit-on-error <"$folder/history.dump"
timescale post >/dev/null
echo "restored; start it, then exchange verify"
