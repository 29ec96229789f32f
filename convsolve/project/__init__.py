"""The networks that a project declares in its ``pyproject.toml``, and whether what it says of them holds."""

from .configuration import Declared, Project, find_project, read_project
from .judgement import Judgement, judge

__all__ = ["Declared", "Judgement", "Project", "find_project", "judge", "read_project"]
