"""The guide: pages about what convsolve does and how, some written and some made from what they describe."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields
from importlib.resources import files
from typing import Any

from ..errors import ConvsolveError
from ..lints import CODES, LINTS, rule_of
from ..operators import OPERATORS
from ..support.suggestions import nearest

__all__ = ["TOPICS", "page"]

TOPICS = {
    "tutorial": "Ten minutes from an error message to a design of your own",
    "recipes": "Answers to the questions that are asked most",
    "check": "Find the layer that is impossible, and the one that causes it",
    "lint": "What an expert would change in a network that works",
    "repair": "The cheapest changes that make a network work",
    "explain": "Understand an error message of a framework",
    "pytorch": "Networks that are PyTorch modules or programs",
    "keras-onnx": "Networks of Keras, TensorFlow.js and ONNX",
    "sizes": "Which input sizes a network takes, in closed form; counterexamples",
    "problems": "The language of problem files",
    "synth": "Solve a problem: the best values, or why there are none",
    "spaces": "Search spaces: count, draw, complete, with any tuner",
    "terminal": "Commands at a terminal: completion, files that are written, what is said where",
    "editors": "VS Code, Neovim, Emacs: shapes as hints, findings, repairs",
    "project": "The networks of a project judged in CI: pyproject.toml, pytest, pre-commit, GitHub",
    "pictures": "Pictures, pages with sliders, ladders",
    "export": "Write networks as PyTorch, Keras, ONNX or YAML",
    "python": "The Python API",
    "findings": "Codes and costs: what findings and numbers mean",
    "operators": "Every operator with its parameters and its shape rule",
    "rules": "Every rule with a problem that breaks it, and what mends it",
    "security": "Files of strangers: what runs code, and what the limits are",
    "house": "How convsolve works inside, and where things stand",
}
"""The pages by name, in the order in which they are read, each with what it is about."""


def page(topic: str) -> str:
    """Return a page of the guide, as Markdown.

    Raises:
        ConvsolveError: there is no such page.

    >>> page("check").splitlines()[0]
    '# Find the layer that is impossible'
    """
    if topic not in TOPICS:
        raise ConvsolveError(f"the guide has no page {topic!r}{nearest(topic, TOPICS, listed=len(TOPICS))}")
    if topic in _MADE:
        return _MADE[topic]()
    return files(__package__).joinpath(f"{topic}.md").read_text(encoding="utf-8")


def _operators() -> str:
    parts = ["# Operators\n\nSizes are `(channels, *spatial)` without the batch axis; the examples are Python.\n"]
    for name, operator in OPERATORS.items():
        about = inspect.getdoc(operator) or ""
        said, _, example = about.partition("\n\n>>> ")
        taken = ", ".join(f"`{p}`{_default(operator, p)}" for p in operator.parameters())
        parts.append(f"## {name}\n\n{said.replace('``', '`')}\n")
        if taken:
            parts.append(f"Parameters: {taken}.\n")
        if example:
            parts.append(f"```pycon\n>>> {example}\n```\n")
    return "\n".join(parts)


def _default(operator: type[Any], name: str) -> str:
    default = next(f.default for f in fields(operator) if f.name == name)
    return "" if default is MISSING or default is None or default == () else f" ({default})"


def _rules() -> str:
    parts = [
        "# Rules\n\nEvery way in which a shape can be impossible (CS), and everything that `convsolve lint` finds "
        "(W); `convsolve rule CODE` shows one of them.\n"
    ]
    for code in CODES:
        rule = rule_of(code)
        parts.append(f"## {code}: {rule.demand}\n\n{rule.meaning}\n\nTo mend it: {rule.mend}\n")
        if code in LINTS:
            parts.append(f"Source: {LINTS[code].source}.\n")
        if rule.example:
            parts.append(
                f"A problem that breaks it (`{rule.wrong}` is the mistake, `{rule.right}` mends it):\n\n"
                f"```text\n{rule.example.rstrip()}\n```\n"
            )
    return "\n".join(parts)


_MADE: dict[str, Callable[[], str]] = {"operators": _operators, "rules": _rules}
