"""REDIS_URL: one server, the primary that Redis Sentinel names, or the node of a cluster that has the shard's keys.

    redis://[[user]:password@]host[:port][/number]        rediss://… (TLS)        unix:///path
    redis+sentinel://[[user]:password@]host[:port],host[:port],…/NAME[/number]    rediss+sentinel://…
    redis+cluster://[[user]:password@]host[:port],host[:port],…[/SHARD]           rediss+cluster://…

The shard is the one of EXCHANGE_SHARD, unless the URL names it. User and password are those of the servers; what the
sentinels themselves want is said by `?sentinel_password=` (and `sentinel_username=`). All else behind the question mark
is for redis-py, as in its own URLs. Non-goals: connecting.
"""

from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from engine_core.config.toml_section import ConfigError

SENTINEL_PORT = 26_379
SERVER_PORT = 6_379
_SENTINEL, _CLUSTER = "+sentinel", "+cluster"
_WRONG = (
    "REDIS_URL: must be redis://[[user]:password@]host[:port][/number], rediss://… (TLS), unix:///path, "
    "redis+sentinel://[[user]:password@]host[:port],host[:port]/NAME[/number] or "
    "redis+cluster://[[user]:password@]host[:port],host[:port]; in a password, signs like / # ? @ are "
    "written %2F %23 %3F %40"
)


class SentinelUrl(NamedTuple):
    sentinels: tuple[tuple[str, int], ...]
    name: str  # of the primary, as the sentinels know it
    server: str  # a URL as of one server, whose address says nothing
    username: str  # of the sentinels
    password: str


class ClusterUrl(NamedTuple):
    nodes: tuple[tuple[str, int], ...]  # some of them: each knows the others
    shard: int
    server: str  # a URL as of one server, whose address says nothing


def check_redis_url(url: str) -> str:
    """`url` if it can be one of a Redis; the message never repeats it, since what is wrong may be in its password."""
    try:
        if is_sentinel(url):
            is_right = bool(sentinel_url(url).name)
        elif is_cluster(url):
            is_right = cluster_url(url).shard >= 0
        else:
            parts = urlsplit(url)
            is_right = bool(parts.path if parts.scheme == "unix" else parts.hostname)
            is_right = is_right and parts.scheme in ("redis", "rediss", "unix") and (parts.port or 1) > 0
    except ValueError:
        is_right = False
    if not is_right:
        raise ConfigError(_WRONG)
    return url


def is_sentinel(url: str) -> bool:
    return _has(url, _SENTINEL)


def is_cluster(url: str) -> bool:
    return _has(url, _CLUSTER)


def is_watched(url: str) -> bool:
    """Whether somebody else decides which server is the primary, and may choose another one at any time."""
    return is_sentinel(url) or is_cluster(url)


def _has(url: str, suffix: str) -> bool:
    return url.partition("://")[0] in ("redis" + suffix, "rediss" + suffix)


def of_shard(url: str, shard: int) -> str:
    """The same, with the shard whose keys are wanted, if that makes a difference and is not said."""
    if not is_cluster(url) or urlsplit(url).path.strip("/"):
        return url
    before, mark, options = url.partition("?")
    return f"{before.rstrip('/')}/{shard}{mark}{options}"


def to_shard(url: str, shard: int) -> str:
    """The same for that shard, whichever one it names now."""
    if not is_cluster(url):
        return url
    before, mark, options = url.partition("?")
    scheme, _, rest = before.partition("://")
    user, at, hosts = rest.rpartition("@")
    return f"{scheme}://{user}{at}{hosts.partition('/')[0]}/{shard}{mark}{options}"


def places(url: str, shards: int) -> list[str]:
    """Where the logs of so many shards are: one URL, or of a cluster one for each shard's node."""
    return [to_shard(url, shard) for shard in range(shards)] if is_cluster(url) and shards > 1 else [url]


def sentinel_url(url: str) -> SentinelUrl:
    """The parts of a URL of which is_sentinel; ValueError if one is wrong."""
    parts = urlsplit(url)
    user, at, hosts = parts.netloc.rpartition("@")
    name, _, number = parts.path.strip("/").partition("/")
    if number and not (number.isascii() and number.isdigit()):
        raise ValueError("the number of a database is a whole number")
    query = dict(parse_qsl(parts.query))
    username, password = (query.pop(f"sentinel_{what}", "") for what in ("username", "password"))
    options = f"?{urlencode(query)}" if query else ""
    server = f"{parts.scheme.removesuffix(_SENTINEL)}://{user}{at}sentinel/{number or 0}{options}"
    return SentinelUrl(_addresses(hosts, SENTINEL_PORT), unquote(name), server, username, password)


def cluster_url(url: str) -> ClusterUrl:
    """The parts of a URL of which is_cluster; ValueError if one is wrong."""
    parts = urlsplit(url)
    user, at, hosts = parts.netloc.rpartition("@")
    shard = parts.path.strip("/") or "0"
    if not (shard.isascii() and shard.isdigit()):
        raise ValueError("a shard is a whole number")
    options = f"?{parts.query}" if parts.query else ""
    server = f"{parts.scheme.removesuffix(_CLUSTER)}://{user}{at}node/0{options}"
    return ClusterUrl(_addresses(hosts, SERVER_PORT), int(shard), server)


def _addresses(hosts: str, standard_port: int) -> tuple[tuple[str, int], ...]:
    return tuple(_address(each, standard_port) for each in hosts.split(","))


def _address(text: str, standard_port: int) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError("a server has a host")
    port = standard_port if parts.port is None else parts.port
    if not port:
        raise ValueError("nobody listens on port 0")
    return parts.hostname, port
