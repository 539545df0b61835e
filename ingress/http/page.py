"""The trading page's files, as built into frontend/dist, with a strict content security policy.

The page has addresses of its own, which are all one document: the browser chooses what to show there. Hashed files
under /assets never change; everything else is revalidated. Files are looked up when asked for, so a page built while
the exchange runs appears at once; where the build left a compressed copy beside a file, that one goes to clients that
take it. Non-goals: building it, and compressing.
"""

import mimetypes
import re
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Final

from ingress.messages import TEXT, Call, Headers, Reply
from ingress.users.sessions import streams

_FOREVER: Final = b"public, max-age=31536000, immutable"
_LONGEST: Final = 255  # characters of a path
_REVALIDATE: Final = b"no-cache"
_NO_REFERRER: Final = (b"Referrer-Policy", b"no-referrer")
_ONLY_TLS: Final = (b"Strict-Transport-Security", b"max-age=31536000")
# As in frontend/src/app/routes.ts: what else is no file is not found.
_PAGES: Final = re.compile(r"/|/(markets|portfolio|orders|settings|trade(/\w{1,64})?|docs|status)/?")
_OF_A_MARKET: Final = re.compile(r"/trade/(\w{1,64})/?")
_API_PREFIXES: Final = ("/api/", "/wapi/")
_NOT_BUILT: Final = b"""The exchange is running, but its page is not built. Build it with

    cd frontend && npm ci && npm run build

and reload. The API answers under /api/v1, its documentation is at /docs/reference.
"""


def market_in(path: str) -> str | None:
    """The market that an address of the page is about, in whatever case it is written."""
    named = _OF_A_MARKET.fullmatch(path)
    return named[1].upper() if named else None


@dataclass(frozen=True, slots=True)
class WebPage:
    folder: Path
    ws_port: int

    def reply(self, call: Call) -> Reply | None:
        """The file for a path, or None if there is none."""
        if call.path.startswith(_API_PREFIXES):
            return None
        if _PAGES.fullmatch(call.path) and not (self.folder / "index.html").is_file():
            return Reply(200, _NOT_BUILT, TEXT)
        path = self._file(call.path)
        if path is None:
            return None
        packed = path.with_name(f"{path.name}.gz")
        compressed = b"gzip" in call.headers.get(b"accept-encoding", b"") and packed.is_file()
        source = packed if compressed else path
        status = source.stat()
        tag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'.encode()
        headers = self._headers(call, path, tag, formatdate(status.st_mtime, usegmt=True).encode())
        headers = (*headers, (b"Vary", b"Accept-Encoding"))
        if call.headers.get(b"if-none-match") == tag:
            return Reply(304, b"", _content_type(path), headers)
        encoding: Headers = ((b"Content-Encoding", b"gzip"),) if compressed else ()
        return Reply(200, source.read_bytes(), _content_type(path), (*headers, *encoding))

    def no_such_page(self, call: Call) -> Reply | None:
        """The page, which says so, to those who read what nobody else answers; None for programs."""
        if call.method != "GET" or call.path.startswith(_API_PREFIXES):
            return None
        page = self._file("/")
        if page is None or b"text/html" not in call.headers.get(b"accept", b""):
            return None
        headers = ((b"Cache-Control", _REVALIDATE), *document_headers(call, self.ws_port))
        return Reply(404, page.read_bytes(), _content_type(page), headers)

    def _file(self, path: str) -> Path | None:
        if len(path) > _LONGEST:  # resolving costs the square of what it is given
            return None
        root = self.folder.resolve()
        try:
            file = (root / ("index.html" if _PAGES.fullmatch(path) else path.lstrip("/"))).resolve()
            return file if file.is_relative_to(root) and file.is_file() else None
        except (OSError, ValueError):  # a name that no file can have
            return None

    def _headers(self, call: Call, path: Path, tag: bytes, modified: bytes) -> Headers:
        hashed = path.parent.name == "assets"
        headers: Headers = (
            (b"Cache-Control", _FOREVER if hashed else _REVALIDATE),
            (b"ETag", tag),
            (b"Last-Modified", modified),
        )
        return (*headers, *document_headers(call, self.ws_port)) if path.suffix == ".html" else (*headers, _NO_REFERRER)


def document_headers(call: Call, ws_port: int) -> Headers:
    """Of every document that a browser shows: nothing but our own files, and the stream of this exchange under the name
    by which the page was opened; over TLS, never without it again."""
    stream = streams(call, ws_port)
    if "[" in stream:  # a policy has no words for an IPv6 address
        stream = stream.partition("//")[0]
    rules = (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        f"connect-src 'self'{f' {stream}' if stream else ''}",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
    headers: Headers = ((b"Content-Security-Policy", "; ".join(rules).encode()), _NO_REFERRER)
    return (*headers, _ONLY_TLS) if call.origin.is_secure else headers


def _content_type(path: Path) -> bytes:
    kind = "text/javascript" if path.suffix == ".js" else mimetypes.guess_type(path.name)[0]
    if kind is None:
        return b"application/octet-stream"
    return (f"{kind}; charset=utf-8" if kind.startswith("text/") else kind).encode()
