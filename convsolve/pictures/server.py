"""A server for the page of a network, for this computer alone: the page follows its file."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from urllib.parse import quote, unquote, urlsplit

from ..errors import ConvsolveError

__all__ = ["serve", "watched"]

_HOST = "127.0.0.1"

_FOLLOW = """<script>
(() => {
  const key = "convsolve sizes " + location.pathname;
  const fields = () => [...document.querySelectorAll(".control input[type=number]")];
  const name = field => field.getAttribute("aria-label");
  const kept = JSON.parse(sessionStorage.getItem(key) || "{}");
  for (const field of fields()) {
    if (!(name(field) in kept)) continue;
    field.value = kept[name(field)];
    field.dispatchEvent(new Event("input"));
  }
  const keep = () => fields().forEach(field => {
    if (field.value !== field.defaultValue) kept[name(field)] = field.value;
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


def watched(source: str) -> Path | None:
    """Return the file whose changes a source follows; None where it is not known.

    >>> watched("net.py:Net"), watched("no.such.module:Net")
    (PosixPath('net.py'), None)
    """
    head, colon, _ = source.rpartition(":")
    if not colon or not head:
        return Path(source)
    if head.endswith(".py"):
        return Path(head)
    try:
        found = importlib.util.find_spec(head)
    except (ImportError, ValueError):
        return None
    return Path(found.origin) if found is not None and found.origin else None


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
        server = ThreadingHTTPServer((_HOST, port), _handler(sources, _Pages(render)))
    except OSError as error:
        raise ConvsolveError(f"cannot listen on {_HOST}:{port}: {error.strerror}; name another with --port") from None
    with server:
        ready(f"http://{_HOST}:{server.server_port}/")
        server.serve_forever()


class _Pages:
    """The pages that were made, each kept until its file changes."""

    def __init__(self, render: Render) -> None:
        self._render = render
        self._made: dict[str, tuple[str, str]] = {}
        self._lock = Lock()

    def stamp(self, source: str) -> str:
        """Return a text that changes when a source's file does."""
        path = watched(source)
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


def _handler(sources: Sequence[str], pages: _Pages) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers with the list of sources, a page, or the stamp of a source's file."""

        def do_GET(self) -> None:
            name = self.headers.get("Host", "").partition(":")[0]
            if name not in (_HOST, "localhost"):  # another site's name, made to lead here
                self._answer(403, "this server is for this computer alone", "text/plain")
                return
            path = unquote(urlsplit(self.path).path)
            asked = path.removeprefix("/stamp") if path.startswith("/stamp/") else path
            source = sources[0] if asked == "/" and len(sources) == 1 else asked.removeprefix("/")
            if source in sources:
                found = pages.stamp(source) if asked != path else pages.page(source)
                self._answer(200, found, "text/plain" if asked != path else "text/html")
            elif asked == "/":
                links = "".join(f'<li><a href="/{quote(s, safe="")}">{escape(s)}</a></li>' for s in sources)
                listed = f"<ul>{links}</ul>" if links else "<p>There is no problem file in this folder.</p>"
                self._answer(200, _plain("Networks", listed), "text/html")
            else:
                self._answer(404, "there is no such page", "text/plain")

        def _answer(self, status: int, text: str, kind: str) -> None:
            content = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet: a page asks every second."""

    return Handler
