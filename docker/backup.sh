#!/bin/sh
# docker/backup.sh FOLDER, and on Kubernetes NAMESPACE=exchange docker/backup.sh FOLDER: what a venue is, while it runs, in a
# new folder: state.tar (a snapshot of each shard taken now, and what else is
# in /data), history.dump, log.rdb, versions (of what wrote them), SHA256SUMS. In this order: the log reaches from before the snapshot and the history to
# after both, so what these lack is in it. What is acknowledged after log.rdb was taken is in no backup; Valkey replicas
# are for that. Keep it as secret as the venue: it has the users' password hashes.
set -eu
umask 077
folder=${1:?usage: docker/backup.sh FOLDER}
here=$(dirname "$0")

# In the container of a service.
inside() {
    service=$1
    shift
    if [ -n "${NAMESPACE:-}" ]; then
        kubectl --namespace "$NAMESPACE" exec "$service-0" --container "$service" -- "$@"
    else
        docker compose -f "$here/compose.yaml" exec -T "$service" "$@"
    fi
}

[ ! -e "$folder" ] || { echo "error: $folder is there already" >&2; exit 1; }
partial="$folder.partial"
rm -rf "$partial"
mkdir -p "$partial"

echo "a snapshot of the engine's state"
inside engine exchange snapshot >/dev/null
inside engine sh -c '
    cd /data
    for shard in $(ls snapshots | sed -n "s/^\([0-9]*\)-.*\.snapshot$/\1/p" | sort -u); do
        newest="${newest:-} $(ls snapshots/"$shard"-*.snapshot | sort -t - -k 2,2n -k 3,3n | tail -n 1)"
    done
    exec tar -cf - $newest $(ls profile shards demo-keys.json *-key.json 2>/dev/null)' >"$partial/state.tar"

echo "the history"
inside database pg_dump --username=postgres --dbname=exchange --format=custom >"$partial/history.dump"

echo "the log"
# Of the primary: a replica may lack what the snapshot has.
primary=$(inside sentinel-1 sh -c "valkey-cli -p 26379 sentinel get-master-addr-by-name exchange" 2>/dev/null |
    head -n 1)
# By a file of its own: to its standard output valkey-cli also writes the mark after which it stops reading.
inside "${primary:-valkey}" sh -c '
    trap "rm -f /data/backup.rdb" EXIT
    valkey-cli --rdb /data/backup.rdb >&2 && cat /data/backup.rdb' >"$partial/log.rdb"
case $(head -c 6 "$partial/log.rdb") in
    REDIS0 | VALKEY) ;;
    *) echo "error: $partial/log.rdb is no file of Valkey's" >&2 && exit 1 ;;
esac

inside database psql --no-psqlrc --no-align --tuples-only --username=postgres --dbname=exchange \
    --command="SELECT 'PostgreSQL ' || split_part(current_setting('server_version'), ' ', 1)
        UNION ALL SELECT 'TimescaleDB ' || extversion FROM pg_extension WHERE extname = 'timescaledb'" >"$partial/versions"
inside valkey valkey-server --version | sed -nE 's/^.* v=([^ ]+).*$/Valkey \1/p' >>"$partial/versions"

(cd "$partial" && sha256sum state.tar history.dump log.rdb versions >SHA256SUMS)
mv "$partial" "$folder"
du -sh "$folder"
