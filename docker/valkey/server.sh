#!/bin/sh
# A Valkey for the log: append-only, never evicting; `setup` checks the settings. Whose replica it is stands in its file,
# which sentinels rewrite. Passwords come by standard input: arguments can be read by every process of the machine.
set -eu
umask 077
file=/data/valkey.conf
[ -e "$file" ] || echo "${PRIMARY:+replicaof $PRIMARY 6379}" >"$file"
# A fail-over writes all settings into it, and the password that was valid then would outlast every new one.
sed -E '/^(requirepass|primaryauth|masterauth|user default) /d' "$file" >"$file.new"
mv "$file.new" "$file"
exec valkey-server "$file" \
    --appendonly yes --appendfsync "$VALKEY_FSYNC" --save "" --maxmemory-policy noeviction \
    --auto-aof-rewrite-min-size 1gb --rdbcompression no --dir /data \
    --replica-announce-ip "$ANNOUNCE" --min-replicas-to-write "$MIN_REPLICAS" --min-replicas-max-lag 2 - <<CONFIGURATION
requirepass $REDISCLI_AUTH
primaryauth $REDISCLI_AUTH
CONFIGURATION
