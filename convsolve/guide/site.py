"""The guide as linked HTML pages."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

from ..support.atomic_write import write_file
from . import TOPICS, page

__all__ = ["write_site"]

_STYLE = (
    "body{font:16px/1.55 system-ui,sans-serif;margin:0;color:#1b1f24;background:#fff}"
    "main{max-width:50rem;margin:0 auto;padding:1rem 1.2rem 4rem}nav{background:#f3f5f7;padding:.6rem 1.2rem}"
    "nav a{margin-right:.8rem;white-space:nowrap}a{color:#0b57a4}pre{background:#f3f5f7;padding:.8rem;overflow:auto}"
    "code{font:14px/1.45 ui-monospace,monospace}table{border-collapse:collapse;display:block;overflow:auto}"
    "td,th{border:1px solid #d5dae0;padding:.25rem .6rem;text-align:left;vertical-align:top}"
    "@media(prefers-color-scheme:dark){body{color:#e4e8ec;background:#15181c}nav,pre{background:#20252b}a{color:#7ab7ff}"
    "td,th{border-color:#3a424b}}"
)


def write_site(folder: Path) -> list[Path]:
    """Write each page of the guide, and an index, into a folder that exists; return the files.

    Raises:
        OSError: a file cannot be written.
    """
    listed = "".join(f'<li><a href="{t}.html">{t}</a>: {escape(about)}</li>' for t, about in TOPICS.items())
    found = [_written(folder / "index.html", "convsolve: the guide", f"<h1>convsolve: the guide</h1><ul>{listed}</ul>")]
    for topic, about in TOPICS.items():
        found.append(_written(folder / f"{topic}.html", f"{about} - convsolve", _html(page(topic))))
    return found


def _written(place: Path, title: str, body: str) -> Path:
    links = "".join(f'<a href="{name}.html">{name}</a> ' for name in ("index", *TOPICS))
    write_file(str(place), (
        f'<!doctype html>\n<html lang=en><head><meta charset=utf-8><title>{escape(title)}</title>'
        f'<meta name=viewport content="width=device-width,initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body><nav>{links}</nav><main>{body}</main></body></html>\n"))  # fmt: skip
    return place


def _html(text: str) -> str:
    """Return a page as HTML; links to other pages lead to their HTML, those to files of the project are left out."""
    from markdown_it import MarkdownIt

    text = re.sub(r"\[([^\]]*)\]\((?:\.\./)+[^)]*\)", r"\1", text)
    text = re.sub(r"\]\(([\w-]+)\.md\)", r"](\1.html)", text)
    shown: str = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    return shown
