#!/bin/sh
# One of three sentinels: two of them agree that the primary is dead, and promote a replica. What it knows by then stands
# in its file. By name, since a container that was started again has another address.
set -eu
umask 077
file=/data/sentinel.conf
[ -e "$file" ] || cat >"$file" <<CONFIGURATION
requirepass $REDISCLI_AUTH
sentinel sentinel-pass $REDISCLI_AUTH
sentinel resolve-hostnames yes
sentinel announce-hostnames yes
sentinel announce-ip $ANNOUNCE
sentinel monitor exchange valkey 6379 2
sentinel auth-pass exchange $REDISCLI_AUTH
sentinel down-after-milliseconds exchange 2000
sentinel failover-timeout exchange 10000
CONFIGURATION
exec valkey-server "$file" --sentinel
