"""A server for the page of a network, for this computer alone: the page follows its file."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import BoundedSemaphore, Lock
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from ..errors import ConvsolveError
from ..sources import named_by
from .svg import escape

__all__ = ["serve"]

_HOST = "127.0.0.1"

_PATIENCE = 10
"""Seconds that a browser has for what it says, and for taking what is said to it."""

_AT_ONCE = 32
"""Connections that are answered at the same time; others are closed."""

_POLICY = (
    "default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What a page may load and run: its own script by its digest, and no other (W3C, Content Security Policy 3)."""

_FOLLOW = """<script>
(() => {
  const key = "convsolve sizes " + location.pathname;
  const fields = () => [...document.querySelectorAll(".control input[type=number], .control select")];
  const name = field => field.getAttribute("aria-label") || field.labels[0].textContent;
  const chosen = field => [...(field.options || [])].find(option => option.defaultSelected);
  const first = field => (field.options ? chosen(field).value : field.defaultValue);
  const kept = JSON.parse(sessionStorage.getItem(key) || "{}");
  for (const field of fields()) {
    if (!(name(field) in kept)) continue;
    field.value = kept[name(field)];
    field.dispatchEvent(new Event("input"));
  }
  const keep = () => fields().forEach(field => {
    if (field.value !== first(field)) kept[name(field)] = field.value;
    else delete kept[name(field)];
    sessionStorage.setItem(key, JSON.stringify(kept));
  });
  const seen = "STAMP";
  setInterval(async () => {
    let now;
    try { now = await (await fetch("/stamp" + location.pathname)).text(); } catch { return; }
    if (now === seen) return;
    keep();
    location.reload();
  }, 700);
})();
</script>"""
"""Asks whether the file has changed, and loads the page anew; an axis whose size was changed keeps that size."""

Render = Callable[[str], tuple[bool, str]]
"""Returns the page of a source, or False and what is wrong."""


def serve(sources: Sequence[str], render: Render, port: int, ready: Callable[[str], None]) -> None:
    """Serve the pages of some sources until interrupted.

    Args:
        sources: what can be shown; a single one is shown at once.
        render: makes a page.
        port: where to listen, 0 for any that is free.
        ready: called with the address when the server listens.

    Raises:
        ConvsolveError: the port is taken.
    """
    try:
        server = _Server((_HOST, port), _handler(sources, _Pages(render)))
    except OSError as error:
        raise ConvsolveError(f"cannot listen on {_HOST}:{port}: {error.strerror}; name another with --port") from None
    with server:
        ready(f"http://{_HOST}:{server.server_port}/")
        server.serve_forever()


class _Server(ThreadingHTTPServer):
    """Answers a bounded number of connections at once, and has nothing to say of those that break."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._free = BoundedSemaphore(_AT_ONCE)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Let go of a connection that the browser has closed, or that took too long."""


class _Pages:
    """The pages that were made, each kept until its file changes."""

    def __init__(self, render: Render) -> None:
        self._render = render
        self._made: dict[str, tuple[str, str]] = {}
        self._lock = Lock()

    def stamp(self, source: str) -> str:
        """Return a text that changes when a source's file does."""
        path = named_by(source).file
        try:
            status = path.stat() if path is not None else None
        except OSError:
            return "gone"
        return f"{status.st_mtime_ns} {status.st_size}" if status is not None else "unknown"

    def page(self, source: str) -> str:
        """Return the page of a source, or one that says what is wrong with it."""
        with self._lock:
            stamp = self.stamp(source)
            if self._made.get(source, ("", ""))[0] != stamp:
                good, text = self._render(source)
                self._made[source] = (stamp, text if good else _plain(source, f"<pre>{escape(text)}</pre>"))
            return self._made[source][1].replace("</body>", f"{_FOLLOW.replace('STAMP', stamp)}</body>")


def _plain(title: str, body: str) -> str:
    return (f"<!doctype html>\n<html lang=en><head><meta charset=utf-8><title>{escape(title)}</title>"
            f'<link rel=icon href="data:,"></head><body><h1>{escape(title)}</h1>{body}</body></html>\n')  # fmt: skip


def _policy(page: str) -> str:
    """Return the policy of a page: the scripts that run are the last ones in it, which no text of a network follows."""
    scripts: list[str] = []
    while len(scripts) < 2 and page.rpartition("<script>")[1]:
        page, _, script = page.rpartition("<script>")
        digest = sha256(script.partition("</script>")[0].encode()).digest()
        scripts.append(f"'sha256-{b64encode(digest).decode()}'")
    return _POLICY.format(scripts=" ".join(scripts) or "'none'")


def _handler(sources: Sequence[str], pages: _Pages) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers with the list of sources, a page, or the stamp of a source's file."""

        timeout = _PATIENCE

        def do_GET(self) -> None:
            name = self.headers.get("Host", "").partition(":")[0]
            if name not in (_HOST, "localhost"):  # another site's name, made to lead here
                self._answer(403, "this server is for this computer alone", "text/plain")
                return
            try:
                found = self._found(unquote(urlsplit(self.path).path, errors="surrogateescape"))
            except Exception as error:  # the server goes on, whatever happens here
                self._answer(500, f"internal error: {type(error).__name__}", "text/plain")
            else:
                self._answer(*found)

        def _found(self, path: str) -> tuple[int, str, str]:
            """Return status, text and kind of what stands under a path."""
            asked = path.removeprefix("/stamp") if path.startswith("/stamp/") else path
            source = sources[0] if asked == "/" and len(sources) == 1 else asked.removeprefix("/")
            if source in sources:
                if asked != path:
                    return 200, pages.stamp(source), "text/plain"
                return 200, pages.page(source), "text/html"
            if asked == "/":
                places = [(quote(name, safe="", errors="surrogateescape"), escape(name)) for name in sources]
                links = "".join(f'<li><a href="/{place}">{name}</a></li>' for place, name in places)
                listed = f"<ul>{links}</ul>" if links else "<p>There is no problem file in this folder.</p>"
                return 200, _plain("Networks", listed), "text/html"
            return 404, "there is no such page", "text/plain"

        def _answer(self, status: int, text: str, kind: str) -> None:
            content = text.encode(errors="replace")
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("Content-Security-Policy", _policy(text))
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet: a page asks every second."""

    return Handler
