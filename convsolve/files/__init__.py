"""Problem files: YAML, JSON and TOML that carry the same document."""

from .reader import layer_places, load, parse, read_problem
from .writer import dump, to_document

__all__ = ["dump", "layer_places", "load", "parse", "read_problem", "to_document"]
