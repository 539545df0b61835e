#!/bin/sh
# nginx, with what its files cannot know: how many workers it gets, which it would count by the machine's cores and not by
# its own share, and whether there is IPv6, without which it would not start if it were told to listen there.
set -eu
mkdir -p /tmp/listen
rm -f /tmp/listen/*
if [ -e /proc/net/if_inet6 ]; then
    for port in 8080 8081; do
        echo "listen [::]:$port;" >"/tmp/listen/$port.conf"
    done
    echo "listen [::]:8443 ssl;" >/tmp/listen/8443.conf
fi
exec nginx -c /etc/nginx/exchange/nginx.conf -g "daemon off; worker_processes ${PROXY_WORKERS:-2};"
