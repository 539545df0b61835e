"""The variables of the environment, and what each says; docs/configuration.md lists them from here.

Where one of them has a counterpart in exchange.toml, the variable wins; an empty one is as one that is not set.
`exchange up` sets all that its children need.
Non-goals: reading them (settings.py, and who needs one before there are settings).
"""

VARIABLES = {
    "EXCHANGE_DATA": "data folder; `--data` overrides it (default: `./data`)",
    "EXCHANGE_CONFIG": "configuration file (default: that of the data folder's last start, else exchange.toml)",
    "EXCHANGE_PROFILE": "`demo`, `bare` or `venue`, for roles started alone; `exchange up` has `--profile`",
    "EXCHANGE_HOST": "address to bind to, as `[server] host`",
    "EXCHANGE_HTTP_PORT": "port of the REST API and the page, as `[server] http_port`",
    "EXCHANGE_WS_PORT": "port of the streams, as `[server] ws_port`",
    "EXCHANGE_METRICS_PORT": "port of this process's metrics; 0: none (`exchange up`: from `[server] metrics_port` on)",
    "EXCHANGE_TRUSTED_PROXIES": "networks, separated by commas, as `[http] trusted_proxies`; a comma alone: none",
    "EXCHANGE_I_KNOW": "1: expose to other machines what should not be exposed, as `--i-know`",
    "EXCHANGE_SESSION_SECRET": "64 hexadecimal digits that sign browser sessions, the same for every ingress and egress"
    " (default: made once, in the data folder)",
    "REDIS_URL": "`redis://`, `rediss://` (TLS) or `unix://`: a server of your own instead of the embedded Valkey;"
    " `redis+sentinel://host:port,host:port/NAME`: the one that Sentinel names; `redis+cluster://host:port,host:port`:"
    " the node of a cluster that has the logs (operations.md)",
    "DATABASE_URL": "`postgresql://…`: a server of your own instead of the embedded PostgreSQL",
    "EXCHANGE_API_URL": "where commands and the market maker find the REST API, if not on this machine",
    "EXCHANGE_WS_URL": "where they find the streams",
    "EXCHANGE_RUNTIME": "folder for sockets and the event ring (default: in `/dev/shm`, one for each data folder)",
    "EXCHANGE_CACHE_DIR": "folder for compiled kernels (default: `~/.cache/exchange`, or `$XDG_CACHE_HOME/exchange`)",
    "EXCHANGE_LOG_LEVEL": "`DEBUG`, `INFO`, `WARNING`, `ERROR` or `CRITICAL` (default: `INFO`)",
    "EXCHANGE_LOG_FORMAT": "`text` or `json`, one object a line (default: `text`)",
    "EXCHANGE_LOG_ORDERS": "1: each process tells in its log what it did with the orders that are timed, one of so many"
    " blocks as `[server] stages_every` says",
    "EXCHANGE_WRITER_PAUSE_MS": "least milliseconds between two commits of the writer while there is little to store"
    " (default: 250)",
    "EXCHANGE_SHARDS": "number of shards of the venue, as `[shards] count`, the same for every process of it",
    "EXCHANGE_SHARD": "number of the shard that an engine, a standby or a writer serves, from 0 (default: 0)",
    "EXCHANGE_WORKER": "number of this process among several of its role, from 0; the supervisor sets it. `auto`: the"
    " lowest that no other process of the role has in `EXCHANGE_RUNTIME`",
}

# Between a parent and its child; nobody else sets them (engine_core/process/lifecycle.py).
INTERNAL = ("EXCHANGE_PARENT_PID", "EXCHANGE_PARENT_FD", "EXCHANGE_READY_FD")
