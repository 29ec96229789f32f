"""Networks in and out of other frameworks, one folder each; a framework is imported when it is first needed."""

from __future__ import annotations

__all__: list[str] = []
