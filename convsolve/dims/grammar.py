"""The grammar of texts in problem files: domains, and expressions over names.

    value    :=  domain | sum                            3 | 5 | 7      0..3      $k // 2
    domain   :=  range ('|' range)*                      range := n | n '..' n? ('step' n)? | n '..' n 'pow' n
    or       :=  and ('or' and)*
    and      :=  not ('and' not)*
    not      :=  'not' not | compared
    compared :=  sum (('=='|'!='|'<='|'>='|'<'|'>') sum | 'not'? 'in' (list | range))*
    sum      :=  term (('+'|'-') term)*
    term     :=  power (('*'|'//'|'%') power)*
    power    :=  factor ('**' power)?                    one of the two is a number
    factor   :=  '-' power | number | name | '$'name | list | shape | call | '(' or ')'
    call     :=  ('min'|'max'|'sum'|'nondecreasing') '(' sum, ... ')' | ('count'|'all') '(' compared ')'
              |  'where' '(' or ',' sum ',' sum ')'
    list     :=  '[' sum, ... ']'                        shape := 3x224x224

``lo..hi pow b`` are ``lo, lo*b, lo*b*b, ...`` up to ``hi``. A pattern such as ``conv*.macs`` or ``body.*.stride``
stands for several layers, inside of a call; those that are not there count for nothing in it. ``all`` holds where the
comparison holds of each, ``count`` is of how many it does. ``where(c, a, b)`` is ``a`` where
``c`` holds, and else ``b``.

Numbers may carry underscores or a suffix: ``100_000``, ``300M``, ``1.31M``. A list compares entry by
entry, and with a number every entry compares. A layer whose name has other characters than letters,
digits, underscores and dots stands in backquotes. Nothing is ever evaluated as Python.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from ..errors import DimensionError, ExpressionError
from .domain import Domain, Span
from .expr import (
    Cond,
    Condition,
    Dim,
    Expr,
    all_of,
    any_of,
    bounds,
    eq,
    isin,
    maximum,
    minimum,
    ne,
    negation,
    product,
    total,
    where,
)

__all__ = [
    "Guard",
    "Resolver",
    "Several",
    "Value",
    "parse_condition",
    "parse_dim",
    "parse_expression",
    "parse_value",
]

Value = Any  # Dim | Cond | tuple[Dim, ...]
Resolver = Callable[[str, int], Value]
"""Gives the value of a name (with its ``$``, if it has one) at a column, or raises ExpressionError."""

Guard = Callable[[Cond], Cond]
"""Is given every comparison once its names have been resolved, and returns what shall stand for it."""


class Several(tuple[Dim, ...]):
    """The values of several layers, which a pattern names; ``whens`` are the conditions under which each is there."""

    whens: tuple[Cond, ...]

    @classmethod
    def of(cls, values: Sequence[Dim], whens: Sequence[Cond]) -> Several:
        """Return values with their conditions."""
        made = cls(values)
        made.whens = tuple(whens)
        return made


_LONGEST = 20_000
_HIGHEST_POWER = 64
_DEEPEST = 50
_LARGEST = 2**62
_LONGEST_NUMBER = 100

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<shape>\d+(?:x\d+)+(?![\w.]))
  | (?P<number>\d[\d_]*(?:\.\d+(?=[KMGT]))?[KMGT]?(?![\w]))
  | (?P<range>\.\.)
  | (?P<pattern>(?:[A-Za-z_][\w.]*)?\*(?:\.\w+)+)
  | (?P<name>\$?(?:`[^`]+`|[A-Za-z_]\w*)(?:\[\d+\])*(?:\.\w+(?:\[\d+\])*)*)
  | (?P<op>==|!=|<=|>=|//|\*\*|[-+*%<>()\[\],|/=])
    """,
    re.VERBOSE | re.ASCII,
)
_SUFFIX = {"K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_WORDS = {"and", "or", "not", "in", "min", "max", "step"}
_CALLS = ("min", "max", "sum", "nondecreasing", "count", "all", "where")
_COMPARISONS = ("==", "!=", "<=", ">=", "<", ">")


class _Token(NamedTuple):
    kind: str
    text: str
    column: int


def _tokens(text: str) -> list[_Token]:
    if len(text) > _LONGEST:
        raise ExpressionError(f"an expression of {len(text)} characters is too long (at most {_LONGEST})")
    found, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ExpressionError(f"{text[at]!r} has no meaning here", at)
        kind = match.lastgroup or ""
        word = match.group()
        if kind == "name":
            kind = "op" if word in _WORDS else "name"
        if kind != "space":
            found.append(_Token(kind, word, at))
        at = match.end()
    return [*found, _Token("end", "", len(text))]


def _number(token: _Token) -> int:
    text = token.text.replace("_", "")
    if len(text) > _LONGEST_NUMBER:
        raise ExpressionError(f"a number of {len(text)} digits is longer than any network needs", token.column)
    if text.isdecimal():
        value = int(text)
    else:
        scaled = Fraction(text.rstrip("KMGT")) * _SUFFIX.get(text[-1], 1)
        if scaled.denominator != 1:
            raise ExpressionError(f"{token.text} is not a whole number", token.column)
        value = int(scaled)
    if value > _LARGEST:
        raise ExpressionError(f"{token.text} is larger than any network needs", token.column)
    return value


class _Parser:
    def __init__(self, text: str, resolve: Resolver, guard: Guard = lambda condition: condition) -> None:
        self.guard = guard
        self.tokens = _tokens(text)
        self.at = 0
        self.depth = 0
        self.calls = 0
        self.resolve = resolve

    # -- tokens

    @property
    def token(self) -> _Token:
        return self.tokens[self.at]

    def take(self, *texts: str) -> _Token | None:
        token = self.token
        if token.kind == "op" and token.text in texts:
            self.at += 1
            return token
        return None

    def expect(self, text: str) -> None:
        if self.take(text) is None:
            raise ExpressionError(f"wanted {text!r}, found {self._found()}", self.token.column)

    def _found(self) -> str:
        return repr(self.token.text) if self.token.text else "the end"

    def finish(self, wanted: str) -> None:
        if self.token.kind != "end":
            hint = ": write == for an equation" if self.token.text == "=" else ""
            hint = ": use // for division, which rounds down" if self.token.text == "/" else hint
            called = f": a call like f(x) is not possible, but for {', '.join(_CALLS)}"
            hint = called if self.token.text == "(" else hint
            hint = ": alternatives are plain numbers" if self.token.text == "|" else hint
            raise ExpressionError(f"wanted {wanted}, found {self._found()}{hint}", self.token.column)

    # -- conditions

    def condition(self) -> Value:
        return self._junction("or", any_of, lambda: self._junction("and", all_of, self._negated))

    def _junction(self, word: str, join: Callable[..., Cond], part: Callable[[], Value]) -> Value:
        column = self.token.column
        first = part()
        if self.token.text != word:
            return first
        parts = [self._cond(first, column)]
        while self.take(word):
            column = self.token.column
            parts.append(self._cond(part(), column))
        return join(*parts)

    def _cond(self, value: Value, column: int) -> Cond:
        if not isinstance(value, (bool, Condition)):
            raise ExpressionError("wanted a condition, such as a comparison", column)
        return value

    def _negated(self) -> Value:
        if self.take("not"):
            column = self.token.column
            with _Nesting(self):
                return negation(self._cond(self._negated(), column))
        return self._compared()

    def _compared(self) -> Value:
        left, column = self.sum(), self.token.column
        parts: list[Cond] = []
        while True:
            column = self.token.column
            if op := self.take(*_COMPARISONS):
                right = self.sum()
                parts.append(_compare(op.text, left, right, column))
                left = right
            elif self.take("in"):
                parts.append(self._member(left, column))
            elif self.token.text == "not" and self.tokens[self.at + 1].text == "in":
                self.at += 2
                parts.append(negation(self._member(left, column)))
            else:
                return self.guard(all_of(*parts)) if parts else left

    def _member(self, left: Value, column: int) -> Cond:
        left = _dim(left, column)
        if self.token.text != "[":
            domain = self.domain()
            if domain is None:
                raise ExpressionError(
                    f"wanted a list like [3, 5] or a range like 3..7, found {self._found()}", self.token.column
                )
            return any_of(*(_in_span(left, span) for span in domain.spans))
        at = self.token.column
        entries = self.factor()
        return any_of(*(eq(left, _dim(e, at)) for e in entries))

    # -- numbers

    def sum(self) -> Value:
        return self._chain(("+", "-"), lambda: self._chain(("*", "//", "%"), self.power))

    def _chain(self, ops: tuple[str, ...], part: Callable[[], Value]) -> Value:
        column = self.token.column
        value = part()
        while op := self.take(*ops):
            right_column = self.token.column
            other = part()
            if isinstance(value, Several) or isinstance(other, Several):
                value = _of_each_pair(op, value, column, other, right_column)
                continue
            left, right = _dim(value, column), _dim(other, right_column)
            try:
                value = _ARITHMETIC[op.text](left, right)
            except ZeroDivisionError:
                raise ExpressionError(f"the divisor of {op.text} must not be 0", right_column) from None
            except DimensionError as error:
                raise ExpressionError(str(error), op.column) from None
        return value

    def power(self) -> Value:
        column = self.token.column
        base = self.factor()
        if (op := self.take("**")) is None:
            return base
        right = self.token.column
        with _Nesting(self):
            return _power(_dim(base, column), _dim(self.power(), right), op.column)

    def factor(self) -> Value:
        token = self.token
        if self.take("-"):
            with _Nesting(self):
                return 0 - _dim(self.power(), token.column)
        if token.kind == "number":
            self.at += 1
            return _number(token)
        if token.kind == "shape":
            self.at += 1
            return tuple(_number(_Token("number", part, token.column)) for part in token.text.split("x"))
        if token.kind in ("name", "op") and token.text in _CALLS and self.tokens[self.at + 1].text == "(":
            self.at += 2
            with _Nesting(self):
                if token.text == "where":
                    return self._where()
                return self._of_each(token) if token.text in ("count", "all") else self._of_all(token)
        if token.kind == "name":
            self.at += 1
            if self.token.text == "(":
                raise ExpressionError(f"{token.text}(...) cannot be called: only {', '.join(_CALLS)} can", token.column)
            return self.resolve(token.text.replace("`", ""), token.column)
        if token.kind == "pattern":
            self.at += 1
            found = self.resolve(token.text, token.column)
            if not self.calls:
                ways = f"max({token.text}), sum(...), count(... == 2) or all(... == 2)"
                raise ExpressionError(f"{token.text} are several values: say {ways}", token.column)
            return found
        if self.take("["):
            return tuple(_dim(e, token.column) for e in self._entries("]"))
        if self.take("("):
            with _Nesting(self):
                value = self.condition()
            self.expect(")")
            return value
        raise ExpressionError(f"wanted a number or a name, found {self._found()}", token.column)

    def _where(self) -> Value:
        """Read the arguments of a ``where``."""
        column = self.token.column
        condition = self._cond(self.condition(), column)
        values = []
        for end in (",", ",", ")"):
            self.expect(end)
            if end == ",":
                column = self.token.column
                values.append(_dim(self.sum(), column))
        return where(condition, *values)

    def _of_all(self, word: _Token) -> Value:
        """Read the arguments of a call, and return what it makes of all of them."""
        self.calls += 1
        entries = [_several(value, word.column) for value in self._entries(")")]
        self.calls -= 1
        values = [value for several in entries for value in several]
        whens = [when for several in entries for when in several.whens]
        if not values:
            raise ExpressionError(f"{word.text} needs at least one argument", word.column)
        if word.text == "nondecreasing":
            there = list(zip(values, whens, strict=True))
            every = all(when is True for when in whens)
            pairs = itertools.pairwise(there) if every else itertools.combinations(there, 2)
            return self.guard(all_of(*(any_of(negation(v), negation(w), a <= b) for (a, v), (b, w) in pairs)))
        if word.text == "min":
            highest = maximum(*values)
            return minimum(*(where(when, v, highest) for v, when in zip(values, whens, strict=True)))
        counted = [where(when, v, 0) for v, when in zip(values, whens, strict=True)]
        return total(counted) if word.text == "sum" else maximum(*counted)

    def _of_each(self, word: _Token) -> Value:
        """Read a comparison inside of ``count`` or ``all``, and return of how many it holds, or whether of all."""
        self.calls += 1
        column = self.token.column
        left = self.sum()
        op = self.take(*_COMPARISONS)
        if op is None:
            raise ExpressionError(f"{word.text} wants a comparison, such as {word.text}(conv*.stride == 2)", column)
        right = self.sum()
        self.calls -= 1
        self.expect(")")
        sides = [_several(side, column) for side in (left, right)]
        count = max(map(len, sides))
        if any(len(side) not in (1, count) for side in sides):
            raise ExpressionError(f"{len(sides[0])} values are compared with {len(sides[1])}", op.column)
        a, b = (Several.of(tuple(s) * count, s.whens * count) if len(s) == 1 else s for s in sides)
        holds = [(all_of(v, w), _compare(op.text, x, y, op.column))
                 for x, y, v, w in zip(a, b, a.whens, b.whens, strict=True)]  # fmt: skip
        if word.text == "all":
            return self.guard(all_of(*(any_of(negation(there), one) for there, one in holds)))
        return total(where(all_of(there, one), 1, 0) for there, one in holds)

    def _entries(self, end: str) -> list[Value]:
        entries: list[Value] = []
        with _Nesting(self):
            while not self.take(end):
                if entries:
                    self.expect(",")
                entries.append(self.sum())
        return entries

    # -- domains

    def domain(self) -> Domain | None:
        """Read a domain, or return None (and read nothing) where something else stands."""
        start = self.at
        spans: list[Span] = []
        while True:
            span = self._spans()
            if not span:
                if spans:
                    raise ExpressionError(
                        f"alternatives are plain numbers and ranges, found {self._found()}", self.token.column
                    )
                self.at = start
                return None
            spans += span
            if not self.take("|"):
                break
        try:
            return Domain(tuple(spans))
        except DimensionError as error:
            raise ExpressionError(str(error), self.tokens[start].column) from None

    def _signed(self) -> int | None:
        sign = -1 if self.token.text == "-" and self.tokens[self.at + 1].kind == "number" else 1
        token = self.tokens[self.at + (sign < 0)]
        if token.kind != "number":
            return None
        self.at += 1 + (sign < 0)
        return sign * _number(token)

    def _spans(self) -> list[Span]:
        column = self.token.column
        low = self._signed()
        if low is None:
            return []
        if self.token.kind != "range":
            return [Span(low, low)]
        self.at += 1
        high = self._signed()
        if self.token.text == "pow":
            self.at += 1
            return self._powers(low, high, column)
        step = 1
        if self.take("step"):
            if self.token.kind != "number":
                raise ExpressionError(f"wanted a number after step, found {self._found()}", self.token.column)
            step = _number(self.token)
            self.at += 1
        try:
            return [Span(low, high, step)]
        except DimensionError as error:
            raise ExpressionError(str(error), column) from None

    def _powers(self, low: int, high: int | None, column: int) -> list[Span]:
        """Return ``low``, ``low*base``, ... up to ``high``."""
        base = self._signed()
        if low < 1 or high is None or high < low or base is None or base < 2:
            wanted = "both ends at least 1, a base of at least 2"
            raise ExpressionError(f"powers are written like 8..512 pow 2: {wanted}", column)
        found = [low]
        while found[-1] * base <= high:
            found.append(found[-1] * base)
        return [Span(n, n) for n in found]


class _Nesting:
    """Bounds how deep a text may be nested, whatever it nests."""

    def __init__(self, parser: _Parser) -> None:
        self.parser = parser

    def __enter__(self) -> None:
        self.parser.depth += 1
        if self.parser.depth > _DEEPEST:
            raise ExpressionError(f"nested more than {_DEEPEST} deep", self.parser.token.column)

    def __exit__(self, *_: object) -> None:
        self.parser.depth -= 1


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
}


def _of_each_pair(op: _Token, left: Value, left_column: int, right: Value, right_column: int) -> Several:
    """Return what an operation makes of several values and a number, or of as many others."""
    sides = (_several(left, left_column), _several(right, right_column))
    count = max(map(len, sides))
    if any(len(side) not in (1, count) for side in sides):
        raise ExpressionError(f"{len(sides[0])} values do not go with {len(sides[1])}", op.column)
    a, b = (Several.of(tuple(s) * count, s.whens * count) if len(s) == 1 else s for s in sides)
    try:
        made = [_ARITHMETIC[op.text](x, y) for x, y in zip(a, b, strict=True)]
    except (ZeroDivisionError, DimensionError) as error:
        raise ExpressionError(f"{op.text}: {error}", op.column) from None
    return Several.of(made, [all_of(v, w) for v, w in zip(a.whens, b.whens, strict=True)])


def _several(value: Value, column: int) -> Several:
    """Return an argument of a call as values with the conditions under which they are there."""
    if isinstance(value, Several):
        return value
    values = value if isinstance(value, tuple) else (_dim(value, column),)
    return Several.of(values, (True,) * len(values))


def _power(base: Dim, exponent: Dim, column: int) -> Dim:
    low, high = bounds(exponent)
    if low is None or low < 0 or high is None or high > _HIGHEST_POWER:
        raise ExpressionError(f"an exponent lies between 0 and {_HIGHEST_POWER}", column)
    if isinstance(exponent, int):
        if isinstance(base, int) and abs(base) ** exponent > _LARGEST:
            raise ExpressionError(f"{base}**{exponent} is larger than any network needs", column)
        return product([base] * exponent)
    if not isinstance(base, int):
        raise ExpressionError("the base or the exponent of ** must be a number", column)
    if abs(base) ** high > _LARGEST:
        raise ExpressionError(f"{base}**{high} is larger than any network needs", column)
    found: Dim = base**high
    for n in range(high - 1, low - 1, -1):
        found = where(exponent <= n, base**n, found)
    return found


def _dim(value: Value, column: int) -> Dim:
    if isinstance(value, tuple):
        raise ExpressionError("wanted a number, found a list: name one axis, as in conv1.height", column)
    if isinstance(value, (bool, Condition)):
        return where(value, 1, 0)
    if not isinstance(value, (int, Expr)):
        raise ExpressionError("wanted a number, found a domain", column)
    return value


def _compare(op: str, left: Value, right: Value, column: int) -> Cond:
    if isinstance(left, tuple) or isinstance(right, tuple):
        rank = max(len(side) for side in (left, right) if isinstance(side, tuple))
        sides = [side if isinstance(side, tuple) else (_dim(side, column),) * rank for side in (left, right)]
        if len(sides[0]) != len(sides[1]):
            if op == "==":
                return False
            raise ExpressionError(f"a list of {len(sides[0])} cannot be compared with one of {len(sides[1])}", column)
        if op == "!=":
            return negation(_compare("==", left, right, column))
        return all_of(*(_compare(op, a, b, column) for a, b in zip(*sides, strict=True)))
    a, b = _dim(left, column), _dim(right, column)
    if op in ("==", "!="):
        return eq(a, b) if op == "==" else ne(a, b)
    return {"<": lambda: a < b, "<=": lambda: a <= b, ">": lambda: a > b, ">=": lambda: a >= b}[op]()


def _in_span(value: Dim, span: Span) -> Cond:
    if span.size is not None and span.size <= 8:
        return isin(value, range(span.start, (span.stop or 0) + 1, span.step))
    upper = True if span.stop is None else value <= span.stop
    return all_of(value >= span.start, upper, eq((value - span.start) % span.step, 0))


def parse_value(text: str, resolve: Resolver) -> Domain | Value:
    """Read a parameter's value: a domain such as ``3 | 5 | 7``, or an expression such as ``$k // 2``."""
    parser = _Parser(text, resolve)
    domain = parser.domain()
    if domain is not None and parser.token.kind == "end":
        return domain if domain.size != 1 else domain.lower
    parser.at = 0
    value = parser.sum()
    parser.finish("the end or an operator")
    return value


def parse_expression(text: str, resolve: Resolver, guard: Guard = lambda condition: condition) -> Value:
    """Read an expression: a dimension, a condition, or a tuple of dimensions."""
    parser = _Parser(text, resolve, guard)
    value = parser.condition()
    parser.finish("the end or an operator")
    return value


def parse_condition(text: str, resolve: Resolver, guard: Guard = lambda condition: condition) -> Cond:
    """Read a condition, such as ``conv2.height == 7 and params <= 100_000``."""
    value = parse_expression(text, resolve, guard)
    if not isinstance(value, (bool, Condition)):
        raise ExpressionError("wanted a condition, such as `output.height == 7`; this is a value")
    return value


def parse_dim(text: str, resolve: Resolver) -> Dim:
    """Read a dimension, such as ``macs`` or ``2*conv1.channels``."""
    value = parse_expression(text, resolve)
    if isinstance(value, (bool, Condition)):
        raise ExpressionError("wanted a number, found a condition", 0)
    return _dim(value, 0)
