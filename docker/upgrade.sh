#!/bin/sh
# docker/upgrade.sh: a venue that runs goes to the image and the files that are here now, one process at a time, while it
# trades. Build or pull the image first. Only for a version of the same behaviour: docs/operations.md, "Upgrading". Databases
# and the log are left alone.
set -eu
here=$(dirname "$0")

compose() {
    docker compose -f "$here/compose.yaml" "$@"
}

# Without --no-deps it would make everything anew that the service depends on, all at once.
renew() {
    echo "$1"
    compose up --detach --no-deps --no-build --wait "$@"
}

# nginx looks names up when it starts, or reads its files again; connections that are open stay.
look_up() {
    compose exec -T proxy nginx -c /etc/nginx/exchange/nginx.conf -s reload
}

# A copy of the new kind beside the old ones, then one of the old ones ends, until none is left.
renew_copies() {
    old=$(compose ps --quiet "$1")
    count=$(echo "$old" | wc -l)
    for container in $old; do
        echo "$1, one of $count"
        compose up --detach --no-deps --no-build --no-recreate --wait --scale "$1=$((count + 1))" "$1"
        look_up
        docker stop "$container" >/dev/null
        docker rm "$container" >/dev/null
        look_up
    done
}

[ -n "$(compose ps --quiet proxy)" ] || { echo "error: it does not run: docker compose -f docker/compose.yaml up --detach" >&2; exit 1; }
renew standby
renew engine
# What exchange.toml has that the log lacks; the writer and the edges begin after it.
compose run --rm -T --no-deps setup
renew writer
renew_copies ingress
renew_copies egress
compose ps
