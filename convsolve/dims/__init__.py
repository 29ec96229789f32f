"""The language of dimensions: integers that may be unknown, and their readers."""

from .domain import Domain, Span
from .evaluate import evaluate, evaluate_arrays
from .expr import (
    OPERATIONS,
    Cond,
    Condition,
    Dim,
    Expr,
    Var,
    add,
    all_of,
    any_of,
    bounds,
    eq,
    fold,
    hole,
    isin,
    maximum,
    minimum,
    ne,
    negation,
    product,
    total,
    variables,
    where,
)
from .render import render

__all__ = [
    "OPERATIONS", "Cond", "Condition", "Dim", "Domain", "Expr", "Span", "Var", "add", "all_of", "any_of",
    "bounds", "eq", "evaluate", "evaluate_arrays", "fold", "hole", "isin", "maximum", "minimum", "ne", "negation",
    "product", "render", "total", "variables", "where",
]
