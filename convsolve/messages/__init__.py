"""What frameworks print when shapes fail, read back into facts. Text only: no framework is needed for it."""

from .find_messages import Reading, complaints, reading
from .parsed_error import ParsedError

__all__ = ["ParsedError", "Reading", "complaints", "reading"]
