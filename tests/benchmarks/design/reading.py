"""A problem file, read as someone else would: its layers walked one after the other, each with the textbook's formula.

This shares no code with convsolve: not its reader of files, not its rules. What a number is, the algebra says that is
handed in: columns of numpy (every assignment at once, for brute force), CP-SAT's or z3's variables. Shapes are kept
channels first; the frameworks' own formulas are those of their documentation.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import yaml

__all__ = ["Algebra", "Model", "read", "senses"]

_SAME = {
    "identity", "relu", "relu6", "gelu", "tanh", "sigmoid", "dropout", "leaky_relu", "silu", "hardswish", "elu", "softmax",
    "hardsigmoid", "log_softmax", "prelu", "batch_norm", "layer_norm",
}  # fmt: skip
_UNITS = {"K": 10**3, "M": 10**6, "G": 10**9}
_AXES = {1: ["features"], 2: ["channels", "length"], 3: ["channels", "height", "width"],
         4: ["channels", "depth", "height", "width"]}  # fmt: skip


class Algebra:
    """What a number is, and what can be done with two of them beside ``+ - * // %`` and comparing."""

    def hole(self, name: str, values: Sequence[int] | tuple[int, None]) -> Any:
        """Return an unknown with these values, preferred ones first; ``(low, None)`` is open above."""
        raise NotImplementedError

    def one_of(self, name: str, values: Sequence[int]) -> list[Any]:
        """Return conditions of which just one holds: that an unknown has its first value, its second, and so on."""
        chosen = self.hole(name, values)
        return [self.all(chosen == value) for value in values]

    def all(self, *conditions: Any) -> Any:
        raise NotImplementedError

    def any(self, *conditions: Any) -> Any:
        raise NotImplementedError

    def negate(self, condition: Any) -> Any:
        raise NotImplementedError

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        raise NotImplementedError

    def maximum(self, *values: Any) -> Any:
        raise NotImplementedError

    def minimum(self, *values: Any) -> Any:
        raise NotImplementedError

    def room(self, size: Any, present: Any) -> Any:
        """Return what is left of a padded size beside the kernel: at least 0 where the layer is present."""
        return size

    def select(self, conditions: Sequence[Any], values: Sequence[Any]) -> Any:
        """Return the value whose condition is the one that holds."""
        if all(value is values[0] for value in values) or (
            all(isinstance(v, int) for v in values) and len(set(values)) == 1
        ):
            return values[0]
        result = values[-1]
        for condition, value in reversed(list(zip(conditions[:-1], values[:-1], strict=True))):
            result = self.where(condition, value, result)
        return result


@dataclass
class Model:
    """What a problem demands, and what it wants, most important first: ``(1 for the least, -1 for the most, value)``.

    ``present`` has for each hole the conditions of which one holds where the network has it.
    """

    requirements: list[Any]
    objectives: list[tuple[int, Any]]
    present: dict[str, list[Any]]


@dataclass
class _Tensor:
    shape: list[Any]
    present: Any
    fields: list[tuple[Any, Any]] | None
    """For each axis, how far an element sees, and how far that moves from one to the next; None where not asked."""


@dataclass
class _Layer:
    present: Any
    tensor: _Tensor
    parameters: dict[str, Any]
    params: Any
    macs: Any
    activations: Any


def read(text: str, algebra: Algebra) -> Model:
    """Return the model that a problem file's text makes in an algebra."""
    return _Reader(yaml.safe_load(text), algebra).model()


def senses(text: str) -> list[int]:
    """Return 1 for each objective of a problem file that is to be small, -1 for each that is to be large."""
    goals = [(key, value) for key, value in yaml.safe_load(text).items() if key in ("minimize", "maximize")]
    return [
        1 if key == "minimize" else -1 for key, value in goals for _ in (value if isinstance(value, list) else [value])
    ]


def _product(values: Sequence[Any]) -> Any:
    return reduce(lambda a, b: a * b, values, 1)


def _plain(text: str) -> str:
    """Return an expression as Python writes it: ``1.5M``, ``3x224x224``, ``$k`` and ``in 3..7`` made over."""
    text = re.sub(r"\b(\d+(?:x\d+)+)\b", lambda m: "(" + m[1].replace("x", ",") + ")", text)
    text = re.sub(r"\b(\d[\d_]*(?:\.\d+)?)([KMG])\b",
                  lambda m: str(round(float(m[1].replace("_", "")) * _UNITS[m[2]])), text)  # fmt: skip
    text = re.sub(r"\bin\s+(-?[\d_]+)\.\.(-?[\d_]+)", r"in between(\1, \2)", text)
    return re.sub(r"\$([A-Za-z_][\w.]*)", lambda m: f"hole['{m[1]}']", text)


def domain(text: Any) -> list[int] | tuple[int, None] | None:
    """Return the values of ``3 | 5``, ``0..3`` or ``8..64 step 8``, None if it is none of them."""
    found: list[int] = []
    for part in str(text).split("|"):
        match = re.fullmatch(r"\s*(\d+)(?:\s*\.\.\s*(\d*)(?:\s+step\s+(\d+))?)?\s*", part)
        if match is None:
            return None
        low = int(match[1])
        if ".." not in part:
            found.append(low)
        elif match[2] == "":
            return low, None
        else:
            found += range(low, int(match[2]) + 1, int(match[3] or 1))
    return list(dict.fromkeys(found))


class _Reader:
    def __init__(self, document: dict[str, Any], algebra: Algebra) -> None:
        self.document = document
        self.algebra = algebra
        self.keras = document.get("framework") == "keras"
        self.last = document.get("data_format") == "channels_last"
        self.asks_fields = "receptive_field" in str([document.get(k) for k in ("require", "minimize", "maximize")])
        self.layers: dict[str, _Layer] = {}
        self.holes: dict[str, Any] = {}
        self.users: dict[str, list[Any]] = {}
        self.here: Any = True
        """Where the parameter belongs that is being read; all of the problem where it is none."""
        self.requirements: list[Any] = []
        self.counts: Counter[str] = Counter()
        self.speaks_of: list[Any] = []
        self.present: Any = True

    def model(self) -> Model:
        for name, text in (self.document.get("holes") or {}).items():
            values = domain(text)
            assert values is not None, text
            self.holes[name] = self.algebra.hole(name, values)
        shape = [self.value(f"input[{i}]", size, True) for i, size in enumerate(self.document["input"])]
        if self.last:
            shape = [shape[-1], *shape[:-1]]
        fields = [(1, 1)] * (len(shape) - 1) if self.asks_fields else None
        source = _Tensor(shape, True, fields)
        self.layers["input"] = _Layer(True, source, {}, 0, 0, 0)
        output = self.body(self.document["layers"], source, True, "", {"input": source})
        self.layers["output"] = _Layer(output.present, output, {}, 0, 0, 0)
        for text in self.document.get("require") or []:
            self.requirements.append(self.condition(ast.parse(_plain(str(text)).strip(), mode="eval").body))
        objectives = []
        for key, wanted in self.document.items():
            if key in ("minimize", "maximize"):
                for text in wanted if isinstance(wanted, list) else [wanted]:
                    value = self.expression(ast.parse(_plain(str(text)), mode="eval").body, objective=True)
                    objectives.append((1 if key == "minimize" else -1, value))
        return Model(self.requirements, objectives, self.users)

    # -- layers

    def body(self, entries: list[Any], x: _Tensor, present: Any, suffix: str, names: dict[str, _Tensor]) -> _Tensor:
        for entry in entries:
            if isinstance(entry, str):
                x = self.layer(entry, {}, x, present, suffix, names)
            elif "choose" in entry:
                x = self.choose(entry, x, present, suffix, names)
            elif "repeat" in entry:
                x = self.repeat(entry, x, present, suffix, names)
            else:
                ((kind, parameters),) = entry.items()
                x = self.layer(kind, parameters or {}, x, present, suffix, names)
        return x

    def choose(
        self, entry: dict[str, Any], x: _Tensor, present: Any, suffix: str, names: dict[str, _Tensor]
    ) -> _Tensor:
        name = entry.get("name") or self.invent("choice")
        bodies = [body if isinstance(body, list) else [body] for body in entry["choose"]]
        bodies += [[]] if entry.get("optional") else []
        numbers = range(1, len(bodies) + 1)
        chosen = self.one_of(f"{name}{suffix}.choose", list(numbers), present)
        ends = [self.body(body, x, self.algebra.all(present, own), suffix, dict(names) | {})
                for own, body in zip(chosen, bodies, strict=True)]  # fmt: skip
        return self.passed(name, suffix, chosen, ends, present, names)

    def repeat(
        self, entry: dict[str, Any], x: _Tensor, present: Any, suffix: str, names: dict[str, _Tensor]
    ) -> _Tensor:
        name = entry.get("name") or self.invent("repeat")
        text, inner = entry["repeat"], names
        counts = domain(text)
        assert counts is not None, text
        if len(counts) == 1:
            own, here = [True], dict.fromkeys(range(1, counts[0] + 1), True)
        else:
            own = self.one_of(f"{name}{suffix}.repeat", counts, present)
            here = {n: self.algebra.any(*(lit for lit, count in zip(own, counts, strict=True) if count >= n))
                    if n > min(counts) else True for n in range(1, max(counts) + 1)}  # fmt: skip
        for copy, there in here.items():
            end = self.body(entry["layers"], x, self.algebra.all(present, there), f"{suffix}_{copy}", inner)
            x = (
                end
                if there is True
                else self.passed(
                    name, f"{suffix}_{copy}", [there, self.algebra.negate(there)], [end, x], present, inner
                )
            )
        names[name] = x
        return x

    def one_of(self, name: str, values: list[int], present: Any) -> list[Any]:
        chosen = self.algebra.one_of(name, values)
        self.holes[name] = self.algebra.select(chosen, values)
        self.users.setdefault(name, []).append(present)
        return chosen

    def passed(self, name: str, suffix: str, chosen: list[Any], ends: list[_Tensor], present: Any,
               names: dict[str, _Tensor]) -> _Tensor:  # fmt: skip
        pick = self.algebra.select
        shape = [pick(chosen, sizes) for sizes in zip(*(end.shape for end in ends), strict=True)]
        fields = None
        if all(end.fields is not None for end in ends):
            fields = [(pick(chosen, [f[0] for f in axis]), pick(chosen, [f[1] for f in axis]))
                      for axis in zip(*(end.fields or [] for end in ends), strict=True)]  # fmt: skip
        tensor = _Tensor(shape, present, fields)
        self.layers[f"{name}{suffix}"] = _Layer(present, tensor, {}, 0, 0, 0)
        names[name] = tensor
        return tensor

    def invent(self, kind: str) -> str:
        self.counts[kind] += 1
        return f"{kind}{self.counts[kind]}"

    def layer(self, kind: str, given: dict[str, Any], x: _Tensor, present: Any, suffix: str,
              names: dict[str, _Tensor]) -> _Tensor:  # fmt: skip
        given = dict(given)
        name = given.pop("name", None) or self.invent(kind)
        whole = f"{name}{suffix}"
        sources = given.pop("inputs", None)
        if isinstance(sources, str):
            sources = [sources]
        inputs = [x] if sources is None else [names[source] for source in sources]
        optional = given.pop("optional", False)
        outer = present
        if "when" in given:
            present = self.algebra.all(present, self.condition(ast.parse(_plain(given.pop("when")), mode="eval").body))
        there = [True]
        if optional:
            there = self.one_of(f"{whole}.present", [1, 0], present)
            present = self.algebra.all(present, there[0])
        if kind == "choice":
            return self.choice(name, suffix, given, inputs, present, names)
        needed: list[Any] = []
        self.present = present
        parameters = {key: self.parameter(whole, key, value, present, names) for key, value in given.items()}
        operator: Callable[..., Any] = getattr(self, f"op_{kind}", None) or (self.same if kind in _SAME else None)  # type: ignore[assignment]
        assert operator is not None, kind
        shapes, params, macs, moves = operator(kind, parameters, [t.shape for t in inputs], needed)
        outputs = shapes if isinstance(shapes[0], list) else [shapes]
        fields = self.fields(inputs, moves, outputs[0]) if self.asks_fields else None
        tensors = [_Tensor(shape, present, fields) for shape in outputs]
        for condition in needed:
            self.requirements.append(self.algebra.any(self.algebra.negate(present), condition)
                                     if present is not True else condition)  # fmt: skip
        elements = reduce(lambda a, b: a + b, [_product(shape) for shape in outputs])
        costs = [
            self.algebra.where(present, cost, 0) if present is not True else cost for cost in (params, macs, elements)
        ]
        self.layers[whole] = _Layer(present, tensors[0], parameters, *costs)
        names[name] = tensors[0]
        if len(tensors) > 1:
            for i, tensor in enumerate(tensors):
                names[f"{name}[{i}]"] = tensor
                self.layers[f"{whole}[{i}]"] = _Layer(present, tensor, {}, 0, 0, 0)
        if optional:
            end = self.passed(f"{name}.or_skip", suffix, there, [tensors[0], x], outer, names)
            names[name] = end
            return end
        return tensors[0]

    def choice(self, name: str, suffix: str, given: dict[str, Any], inputs: list[_Tensor], present: Any,
               names: dict[str, _Tensor]) -> _Tensor:  # fmt: skip
        conditions, before = [], []
        for text in given["conditions"]:
            holds = self.condition(ast.parse(_plain(text), mode="eval").body)
            conditions.append(self.algebra.all(holds, *(self.algebra.negate(b) for b in before)))
            before.append(holds)
        conditions.append(self.algebra.all(*(self.algebra.negate(b) for b in before)))
        return self.passed(name, suffix, conditions, inputs, present, names)

    def fields(self, inputs: list[_Tensor], moves: Any, shape: list[Any]) -> list[tuple[Any, Any]] | None:
        """Return what an output sees along each axis; ``moves`` has each axis's window and stride, or "whole"."""
        arriving = [t.fields for t in inputs if t.fields is not None]
        if not arriving or moves is None:
            return None
        before = [(self.algebra.maximum(*(f[0] for f in axis)), self.algebra.maximum(*(f[1] for f in axis)))
                  for axis in zip(*arriving, strict=True)]  # fmt: skip
        if moves in ("whole", "flat"):
            if len(inputs[0].shape) < 2:
                return before
            whole = [
                (seen + (size - 1) * step, 0) for (seen, step), size in zip(before, inputs[0].shape[1:], strict=True)
            ]
            if moves == "whole":
                return whole
            sizes = self.layers["input"].tensor.shape[1:]  # beyond which nothing is seen
            return [(self.algebra.minimum(seen, size), step) for (seen, step), size in zip(whole, sizes, strict=True)]
        if moves == "same":
            return before
        return [(seen + (window - 1) * step, step * stride)
                for (seen, step), (window, stride) in zip(before, moves, strict=True)]  # fmt: skip

    # -- values of parameters

    def value(self, name: str, text: Any, present: Any, names: Mapping[str, _Tensor] | None = None) -> Any:
        if isinstance(text, (bool, int)) or text is None or text in ("same", "valid"):
            return text
        values = domain(text)
        if values is not None:
            if len(values) == 1:
                return values[0]
            if name not in self.holes:
                self.holes[name] = self.algebra.hole(name, values)
            self.users.setdefault(name, []).append(present)
            return self.holes[name]
        self.here = present
        try:
            return self.expression(ast.parse(_plain(str(text)), mode="eval").body, names=names)
        finally:
            self.here = True

    def parameter(self, layer: str, key: str, value: Any, present: Any, names: Mapping[str, _Tensor]) -> Any:
        if isinstance(value, list):
            if key == "order" or key == "axes":
                return value
            return [self.parameter(layer, f"{key}[{i}]", v, present, names) for i, v in enumerate(value)]
        return self.value(f"{layer}.{key}", value, present, names)

    # -- operators: each returns the shape, params, macs, and how the receptive field moves

    def same(self, kind: str, p: dict[str, Any], inputs: list[list[Any]], needed: list[Any]) -> Any:
        shape = inputs[0]
        params: Any = 0
        if kind == "batch_norm":
            params = shape[0] * (4 if self.keras else 2)
        elif kind == "layer_norm":
            params = 2 * shape[-1]
        elif kind == "prelu":
            params = p.get("num_parameters", 1)
        return list(shape), params, 0, "same"

    def axes(self, p: dict[str, Any], key: str, default: Any, rank: int) -> list[Any]:
        value = p.get(key, default)
        return list(value) if isinstance(value, list) else [value] * rank

    def windows(self, p: dict[str, Any], shape: list[Any], needed: list[Any], *, pool: bool) -> tuple[list[Any], Any]:
        rank = len(shape) - 1
        kernels = self.axes(p, "kernel_size", None, rank)
        strides = self.axes(p, "stride", None if pool else 1, rank)
        strides = [k if s is None else s for k, s in zip(kernels, strides, strict=True)]
        dilations = self.axes(p, "dilation", 1, rank)
        padding = p.get("padding", 0)
        sizes, moves = [], []
        for i, (n, k, s, d) in enumerate(zip(shape[1:], kernels, strides, dilations, strict=True)):
            reach = d * (k - 1) + 1
            moves.append((reach, s))
            if isinstance(padding, str) and padding == "same":
                if not self.keras:
                    needed.append(self.algebra.all(s == 1))
                sizes.append((n + s - 1) // s if self.keras else n)
                continue
            own = 0 if isinstance(padding, str) else padding[i] if isinstance(padding, list) else padding
            before, after = own if isinstance(own, list) else (own, own)
            taken = reach - before - after
            spare = n - taken + (s - 1 if p.get("ceil_mode") else 0)
            needed.append(spare >= 0)
            if pool and not self.keras:
                needed.append(before <= k // 2)
            size = self.algebra.room(spare, self.present) // s + 1
            if p.get("ceil_mode"):  # a window that would begin in the padding behind does not count
                size = self.algebra.where((size - 1) * s >= n + before, size - 1, size)
            sizes.append(size)
        return sizes, moves

    def op_conv(self, kind: str, p: dict[str, Any], inputs: list[list[Any]], needed: list[Any]) -> Any:
        x = inputs[0]
        groups = p.get("groups", 1)
        if not (isinstance(groups, int) and groups == 1):
            needed += [x[0] % groups == 0, p["out_channels"] % groups == 0]
        sizes, moves = self.windows(p, x, needed, pool=False)
        window = _product(self.axes(p, "kernel_size", None, len(x) - 1))
        weights = window * (x[0] // groups) * p["out_channels"]
        bias = p["out_channels"] if p.get("bias", True) else 0
        return [p["out_channels"], *sizes], weights + bias, weights * _product(sizes), moves

    def op_depthwise_conv(self, kind: str, p: dict[str, Any], inputs: list[list[Any]], needed: list[Any]) -> Any:
        x = inputs[0]
        sizes, moves = self.windows(p, x, needed, pool=False)
        channels = x[0] * p.get("multiplier", 1)
        weights = _product(self.axes(p, "kernel_size", None, len(x) - 1)) * channels
        return [channels, *sizes], weights + (channels if p.get("bias", True) else 0), weights * _product(sizes), moves

    def op_conv_transpose(self, kind: str, p: dict[str, Any], inputs: list[list[Any]], needed: list[Any]) -> Any:
        x = inputs[0]
        rank = len(x) - 1
        wanted = [("kernel_size", None), ("stride", 1), ("padding", 0), ("output_padding", 0), ("dilation", 1)]
        sizes = []
        for n, k, s, pad, more, d in zip(x[1:], *(self.axes(p, *key, rank) for key in wanted), strict=True):
            size = (n - 1) * s - 2 * pad + d * (k - 1) + more + 1
            needed += [size >= 1, more < self.algebra.maximum(s, d)]
            sizes.append(size)
        weights = _product(self.axes(p, "kernel_size", None, rank)) * x[0] * p["out_channels"]
        bias = p["out_channels"] if p.get("bias", True) else 0
        return [p["out_channels"], *sizes], weights + bias, weights * _product(x[1:]), None

    def op_max_pool(self, kind: str, p: dict[str, Any], inputs: list[list[Any]], needed: list[Any]) -> Any:
        sizes, moves = self.windows(p, inputs[0], needed, pool=True)
        return [inputs[0][0], *sizes], 0, 0, moves

    op_avg_pool = op_max_pool

    def op_global_avg_pool(self, kind: str, p: dict[str, Any], inputs: list[list[Any]], needed: list[Any]) -> Any:
        return [inputs[0][0]], 0, 0, "whole"

    op_global_max_pool = op_global_avg_pool

    def op_flatten(self, kind: str, p: dict[str, Any], inputs: list[list[Any]], needed: list[Any]) -> Any:
        start = p.get("start_axis", 0)
        return [*inputs[0][:start], _product(inputs[0][start:])], 0, 0, "flat"

    def op_linear(self, kind: str, p: dict[str, Any], inputs: list[list[Any]], needed: list[Any]) -> Any:
        *front, features = inputs[0]
        weights = features * p["out_features"]
        params = weights + (p["out_features"] if p.get("bias", True) else 0)
        return [*front, p["out_features"]], params, weights * _product(front), "whole"

    def op_permute(self, kind: str, p: dict[str, Any], inputs: list[list[Any]], needed: list[Any]) -> Any:
        return [inputs[0][i] for i in p["order"]], 0, 0, None

    def op_split(self, kind: str, p: dict[str, Any], inputs: list[list[Any]], needed: list[Any]) -> Any:
        axis, shape = p.get("axis", 0), inputs[0]
        needed.append(shape[axis] == reduce(lambda a, b: a + b, p["sizes"]))
        return [[*shape[:axis], size, *shape[axis + 1 :]] for size in p["sizes"]], 0, 0, None

    def op_matmul(self, kind: str, p: dict[str, Any], inputs: list[list[Any]], needed: list[Any]) -> Any:
        (rows, inner), (other, columns) = inputs
        needed.append(self.algebra.all(inner == other))
        return [rows, columns], 0, rows * columns * inner, None

    def op_reduce(self, kind: str, p: dict[str, Any], inputs: list[list[Any]], needed: list[Any]) -> Any:
        return [size for i, size in enumerate(inputs[0]) if i not in p["axes"]], 0, 0, None

    def op_upsample(self, kind: str, p: dict[str, Any], inputs: list[list[Any]], needed: list[Any]) -> Any:
        return [inputs[0][0], *(size * p["scale_factor"] for size in inputs[0][1:])], 0, 0, None

    def op_pixel_shuffle(self, kind: str, p: dict[str, Any], inputs: list[list[Any]], needed: list[Any]) -> Any:
        factor, (channels, *sizes) = p["block_size"], inputs[0]
        square = factor ** len(sizes)
        needed.append(self.algebra.all(channels % square == 0))
        return [channels // square, *(size * factor for size in sizes)], 0, 0, None

    def op_concat(self, kind: str, p: dict[str, Any], inputs: list[list[Any]], needed: list[Any]) -> Any:
        for other in inputs[1:]:
            needed += [self.algebra.all(a == b) for a, b in zip(inputs[0][1:], other[1:], strict=True)]
        return [reduce(lambda a, b: a + b, [shape[0] for shape in inputs]), *inputs[0][1:]], 0, 0, "same"

    def op_add(self, kind: str, p: dict[str, Any], inputs: list[list[Any]], needed: list[Any]) -> Any:
        shape = list(inputs[0])
        for other in inputs[1:]:
            for i, (a, b) in enumerate(zip(shape, other, strict=True)):
                if p.get("broadcast", True):
                    needed.append(self.algebra.any(a == b, a == 1, b == 1))
                    shape[i] = self.algebra.maximum(a, b)
                else:
                    needed.append(self.algebra.all(a == b))
        return shape, 0, 0, "same"

    op_mul = op_add

    # -- expressions

    def condition(self, node: ast.expr) -> Any:
        if isinstance(node, ast.BoolOp):
            parts = [self.condition(value) for value in node.values]
            return self.algebra.all(*parts) if isinstance(node.op, ast.And) else self.algebra.any(*parts)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return self.algebra.negate(self.condition(node.operand))
        assert isinstance(node, ast.Compare), ast.dump(node)
        self.speaks_of = []
        first, comparator = self.expression(node.left), node.comparators[0]
        if not isinstance(node.ops[0], ast.In):
            terms = [first, *map(self.expression, node.comparators)]
            parts = [self.compare(op, a, b) for op, a, b in zip(node.ops, terms, terms[1:], strict=False)]
        elif isinstance(comparator, ast.Call):  # between(low, high)
            low, high = map(self.expression, comparator.args)
            parts = [self.compare(ast.GtE(), first, low), self.compare(ast.LtE(), first, high)]
        else:
            assert isinstance(comparator, ast.List)
            parts = [self.algebra.any(*(self.compare(ast.Eq(), first, self.expression(v)) for v in comparator.elts))]
        return self.algebra.all(*self.speaks_of, *parts)

    def compare(self, op: ast.cmpop, a: Any, b: Any) -> Any:
        if isinstance(a, (list, tuple)) or isinstance(b, (list, tuple)):
            count = len(a) if isinstance(a, (list, tuple)) else len(b)
            left = a if isinstance(a, (list, tuple)) else [a] * count
            right = b if isinstance(b, (list, tuple)) else [b] * count
            parts = [self.compare(op if not isinstance(op, ast.NotEq) else ast.Eq(), x, y)
                     for x, y in zip(left, right, strict=True)]  # fmt: skip
            whole = self.algebra.all(*parts)
            return self.algebra.negate(whole) if isinstance(op, ast.NotEq) else whole
        table: dict[type, Callable[[Any, Any], Any]] = {
            ast.Eq: lambda a, b: a == b, ast.NotEq: lambda a, b: a != b, ast.Lt: lambda a, b: a < b,
            ast.LtE: lambda a, b: a <= b, ast.Gt: lambda a, b: a > b, ast.GtE: lambda a, b: a >= b,
        }  # fmt: skip
        return self.algebra.all(table[type(op)](a, b))

    def expression(self, node: ast.expr, *, objective: bool = False, names: Mapping[str, _Tensor] | None = None) -> Any:
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, (ast.Tuple, ast.List)):
            return [self.expression(v, objective=objective, names=names) for v in node.elts]
        if isinstance(node, ast.BinOp):
            a, b = (self.expression(v, objective=objective, names=names) for v in (node.left, node.right))
            table: dict[type, Callable[[Any, Any], Any]] = {
                ast.Add: lambda a, b: a + b, ast.Sub: lambda a, b: a - b, ast.Mult: lambda a, b: a * b,
                ast.FloorDiv: lambda a, b: a // b, ast.Mod: lambda a, b: a % b,
            }  # fmt: skip
            return table[type(node.op)](a, b)
        if isinstance(node, ast.UnaryOp):
            return 0 - self.expression(node.operand, objective=objective, names=names)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            values = [self.expression(a, objective=objective, names=names) for a in node.args]
            return (self.algebra.maximum if node.func.id == "max" else self.algebra.minimum)(*values)
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "hole":
            assert isinstance(node.slice, ast.Constant)
            self.users.setdefault(node.slice.value, []).append(self.here)
            return self.holes[node.slice.value]
        if isinstance(node, ast.Subscript):
            found = self.expression(node.value, objective=objective, names=names)
            assert isinstance(node.slice, ast.Constant)
            return found[node.slice.value]
        path = ast.unparse(node)
        return self.attribute(path, objective, names)

    def attribute(self, path: str, objective: bool, names: Mapping[str, _Tensor] | None) -> Any:
        if path in ("params", "macs", "activations"):
            return reduce(lambda a, b: a + b, [getattr(layer, path) for layer in self.layers.values()], 0)
        if path.startswith("receptive_field"):
            path = f"output.{path}"
        name, rest = path, ""
        while name not in self.layers and (names is None or name not in names):
            name, _, last = name.rpartition(".")
            assert name, path
            rest = f"{last}.{rest}" if rest else last
        if names is not None and name in names:
            tensor, layer = names[name], None
            present = True
        else:
            layer = self.layers[name]
            tensor, present = layer.tensor, layer.present
        value = self.of_layer(tensor, layer, rest)
        if present is not True:
            if objective and not isinstance(value, list):
                return self.algebra.where(present, value, 0)
            self.speaks_of.append(present)
        return value

    def of_layer(self, tensor: _Tensor, layer: _Layer | None, name: str) -> Any:
        shape = tensor.shape
        axes = list(_AXES[len(shape)])
        if name.startswith("receptive_field"):
            which, _, axis = name.partition(".")
            assert tensor.fields is not None, name
            found = [field[which == "receptive_field_stride"] for field in tensor.fields]
            spatial = {1: ["length"], 2: ["height", "width"], 3: ["depth", "height", "width"]}[len(found)]
            return found[spatial.index(axis)] if axis else found[0] if len(found) == 1 else found
        if name in ("", "shape"):
            return [*shape[1:], shape[0]] if self.last and len(shape) > 1 else list(shape)
        if name == "size":
            return _product(shape)
        if layer is not None and name in layer.parameters:
            return layer.parameters[name]
        if layer is not None and name in ("params", "macs", "activations"):
            return getattr(layer, name)
        return shape[axes.index(name)]
