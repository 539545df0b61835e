#!/bin/sh
# One of three sentinels: two of them agree that the primary is dead, and promote a replica. What it knows by then stands
# in its file. By name, since a container that was started again has another address.
set -eu
umask 077
file=/data/sentinel.conf
[ -e "$file" ] || cat >"$file" <<CONFIGURATION
sentinel resolve-hostnames yes
sentinel announce-hostnames yes
sentinel announce-ip $ANNOUNCE
sentinel monitor exchange valkey 6379 2
sentinel down-after-milliseconds exchange 2000
sentinel failover-timeout exchange 10000
CONFIGURATION
# The password is today's, whatever the file was written with; `auth-pass` has to stand after `monitor`.
grep -vE '^(requirepass|user default|sentinel sentinel-pass|sentinel auth-pass exchange) ' "$file" >"$file.new"
cat >>"$file.new" <<CONFIGURATION
requirepass $REDISCLI_AUTH
sentinel sentinel-pass $REDISCLI_AUTH
sentinel auth-pass exchange $REDISCLI_AUTH
CONFIGURATION
mv "$file.new" "$file"
exec valkey-server "$file" --sentinel
