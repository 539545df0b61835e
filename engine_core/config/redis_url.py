"""REDIS_URL: one server, or the primary that Redis Sentinel names.

    redis://[[user]:password@]host[:port][/number]        rediss://… (TLS)        unix:///path
    redis+sentinel://[[user]:password@]host[:port],host[:port],…/NAME[/number]    rediss+sentinel://…

User and password are those of the servers; what the sentinels themselves want is said by `?sentinel_password=` (and
`sentinel_username=`). All else behind the question mark is for redis-py, as in its own URLs. Non-goals: connecting.
"""

from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from engine_core.config.toml_section import ConfigError

SENTINEL_PORT = 26_379
_SUFFIX = "+sentinel"
_WRONG = (
    "REDIS_URL: must be redis://[[user]:password@]host[:port][/number], rediss://… (TLS), unix:///path or "
    "redis+sentinel://[[user]:password@]host[:port],host[:port]/NAME[/number]; in a password, signs like / # ? @ are "
    "written %2F %23 %3F %40"
)


class SentinelUrl(NamedTuple):
    sentinels: tuple[tuple[str, int], ...]
    name: str  # of the primary, as the sentinels know it
    server: str  # a URL as of one server, whose address says nothing
    username: str  # of the sentinels
    password: str


def check_redis_url(url: str) -> str:
    """`url` if it can be one of a Redis; the message never repeats it, since what is wrong may be in its password."""
    try:
        if not is_sentinel(url):
            parts = urlsplit(url)
            is_right = bool(parts.path if parts.scheme == "unix" else parts.hostname)
            is_right = is_right and parts.scheme in ("redis", "rediss", "unix") and (parts.port or 1) > 0
        else:
            is_right = bool(sentinel_url(url).name)
    except ValueError:
        is_right = False
    if not is_right:
        raise ConfigError(_WRONG)
    return url


def is_sentinel(url: str) -> bool:
    return url.partition("://")[0] in ("redis" + _SUFFIX, "rediss" + _SUFFIX)


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
    server = f"{parts.scheme.removesuffix(_SUFFIX)}://{user}{at}sentinel/{number or 0}{options}"
    return SentinelUrl(tuple(_address(each) for each in hosts.split(",")), unquote(name), server, username, password)


def _address(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError("a sentinel has a host")
    port = SENTINEL_PORT if parts.port is None else parts.port
    if not port:
        raise ValueError("no sentinel listens on port 0")
    return parts.hostname, port
