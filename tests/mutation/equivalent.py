"""Changes that change no answer, each with the reason why no test can see it."""

from __future__ import annotations

EQUIVALENT: dict[str, str] = {}
"""From the module and the change, as a run prints it without the line's number, to the reason."""
