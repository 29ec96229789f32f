"""What frameworks print when shapes fail, read back into facts. Text only: no framework is needed for it."""

from .complaint import Complaint
from .reading import complaints

__all__ = ["Complaint", "complaints"]
