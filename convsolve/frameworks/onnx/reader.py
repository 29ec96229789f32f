"""Reading an ONNX graph as a network, node by node, without running anything."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ...dims import Dim, Domain, Var
from ...errors import ConvsolveError, NetworkError, UnreadableError
from ...network import InputShapes, Network, given_shapes
from ..builder import Builder
from . import arithmetic, features, joins, layout, windows
from .call import READERS, Call, Result
from .opaque import Inference, seen_as_opaque
from .proto import attributes_of, known_of, load, sizes_of
from .sizes import array, fold, known
from .values import BATCH, Known, NotReadError, NotThereError, Tensor, Unknown, Value

__all__ = ["Graph", "from_onnx"]

_READ = (arithmetic, features, joins, layout, windows)  # they register how each operator is read


def from_onnx(source: Any, *, input_shape: InputShapes | None = None) -> Network:
    """Read a network out of an ONNX file or proto, without running it and without its weights' values.

    The first axis of every input is taken for the batch, and left out. Sizes that the file leaves open (dynamic
    axes) stay open, and what the graph computes from them stays a formula.

    Args:
        source: a path, or an ``onnx.ModelProto``.
        input_shape: the shape of the input without the batch axis, in place of the one in the file; for several
            inputs, a list of shapes. Operators that convsolve has no rule for can be read only at known sizes.

    Raises:
        UnreadableError: the file is no ONNX file, or a node cannot be read; the text names it.
    """
    name = str(source) if isinstance(source, (str, os.PathLike)) else "the ONNX graph"
    proto = load(Path(source), name) if isinstance(source, (str, os.PathLike)) else source
    if not hasattr(proto, "graph") or not hasattr(proto, "opset_import"):
        raise UnreadableError(f"from_onnx takes a path or an onnx.ModelProto, got {type(source).__name__}")
    try:
        return Graph(proto, name, input_shape).network()
    except ConvsolveError:
        raise
    except (KeyError, TypeError, IndexError, AttributeError, ValueError, ArithmeticError) as error:
        raise UnreadableError(f"{name} has a graph that is not as ONNX describes it: {error!r}") from None


class Graph:
    """A graph being read: what each of its names stands for."""

    def __init__(self, proto: Any, name: str, input_shape: InputShapes | None = None) -> None:
        self.proto, self.name = proto, name
        self.builder = Builder("onnx")
        self.values: dict[str, Value] = {}
        self.batch: Dim = BATCH
        self.kinds: Counter[str] = Counter()
        self.opset = max((o.version for o in proto.opset_import if o.domain in ("", "ai.onnx")), default=1)
        for tensor in proto.graph.initializer:
            self.values[tensor.name] = known_of(tensor, learned=True)
        self._inputs(input_shape)
        self.inference = Inference(proto, self.builder.layers, self.batch)
        for node in proto.graph.node:
            self._node(node)

    def network(self) -> Network:
        """Return the network that was read."""
        outputs = []
        for info in self.proto.graph.output:
            value = self.values.get(info.name, Unknown("no node makes it"))
            if isinstance(value, Unknown):
                raise UnreadableError(f"{self.name}: the output {info.name!r} cannot be read: {value.why}")
            if isinstance(value, Tensor):
                outputs.append(value.reference)
        if not outputs:
            raise UnreadableError(f"{self.name}: no output depends on the input")
        return self.builder.network(outputs)

    # -- inputs

    def _inputs(self, given: InputShapes | None) -> None:
        infos = [info for info in self.proto.graph.input if info.name not in self.values]
        if not infos:
            raise UnreadableError(f"{self.name}: the graph has no inputs")
        names = [info.name for info in infos]
        shapes = dict(zip(names, self._given(given, names), strict=True))
        batches = set()
        holes: dict[str, Var] = {}
        for info in infos:
            sizes = sizes_of(info)
            wished = shapes[info.name]
            if sizes is None and wished is not None:
                sizes = ["batch", *wished]
            if sizes is None or len(sizes) < 2:
                raise UnreadableError(
                    f"{self.name}: the input {info.name!r} has no shape with a batch axis and more: "
                    f"found {'nothing' if sizes is None else sizes}")
            first, *rest = sizes
            batches.add(first if isinstance(first, int) else BATCH)
            if wished is not None:
                if len(wished) != len(rest):
                    raise UnreadableError(
                        f"{self.name}: the input {info.name!r} has {len(rest)} axes beside the batch, "
                        f"got the shape {tuple(wished)}")
                rest = list(wished)
            if 0 in sizes or not all(n is None or isinstance(n, (int, str)) for n in rest):
                raise UnreadableError(f"{self.name}: the input {info.name!r} has no usable shape: {sizes}")
            name = self.builder.free_name(info.name)
            found = [self._size(holes, f"{name}[{i}]", n) for i, n in enumerate(rest)]
            self.builder.input(name, found, source=f"input {info.name!r}")
            shape = self.builder.shapes[name]
            assert shape is not None
            self.values[info.name] = Tensor(name, shape)
        if len(batches) > 1 and BATCH not in batches:
            raise UnreadableError(f"{self.name}: its inputs have batches of different sizes: {sorted(batches)}")
        self.batch = BATCH if BATCH in batches else batches.pop()

    def _given(self, given: InputShapes | None, names: list[str]) -> list[tuple[int, ...] | None]:
        try:
            return [None] * len(names) if given is None else given_shapes(given, names)
        except NetworkError as error:
            raise UnreadableError(f"{self.name}: {error}") from None

    @staticmethod
    def _size(holes: dict[str, Var], place: str, size: int | str | None) -> int | Var | None:
        """Return a size of an input; axes of one name in the file are one hole."""
        if isinstance(size, int) or not size:
            return size if isinstance(size, int) else None
        return holes.setdefault(size, Var(place, Domain.range(1, None)))

    # -- nodes

    def _node(self, node: Any) -> None:
        where = f"{node.op_type} {node.name!r}" if node.name else f"{node.op_type} that makes {', '.join(node.output)}"
        try:
            call = self._call(node, where)
            result = self._read(call, node)
        except NotThereError as error:
            self._give(node, Unknown(str(error)))
            return
        except (NotReadError, ConvsolveError) as error:
            self._give(node, Unknown(f"{where}: {error}"))
            return
        self._give(node, result)

    def _give(self, node: Any, result: Result) -> None:
        values = [result] * len(node.output) if isinstance(result, Unknown) else \
            list(result) if isinstance(result, (list, tuple)) else [result]  # fmt: skip
        for name, value in zip(node.output, values, strict=False):
            if name:
                self.values[name] = value

    def _call(self, node: Any, where: str) -> Call:
        inputs: list[Value | None] = []
        for name in node.input:
            if name and name not in self.values:
                raise NotReadError(f"there is no {name!r} for it to take")
            inputs.append(self.values[name] if name else None)
        self.kinds[node.op_type] += 1
        invented = f"{re.sub(r'(?<=[a-z0-9])(?=[A-Z])', '_', node.op_type).lower()}{self.kinds[node.op_type]}"
        return Call(
            kind=node.op_type, name=node.name or invented, inputs=inputs, attributes=attributes_of(node),
            outputs=len(node.output), opset=self.opset, batch=self.batch, builder=self.builder, source=where)

    def _read(self, call: Call, node: Any) -> Result:
        if node.domain not in ("", "ai.onnx"):
            return seen_as_opaque(call, node, self.inference, f"the domain {node.domain!r} is not ONNX's own")
        if call.kind == "Constant":
            return _constant(call)
        if call.kind in ("Shape", "Size") and isinstance(call.inputs[0], Tensor):
            return _measured(call)
        before = len(self.builder.layers)
        if not any(isinstance(value, Tensor) for value in call.inputs):
            for position in range(len(call.inputs)):
                if call.has(position):
                    call.known(position)  # what could not be read is to blame, not this node
            return fold(call)
        if call.kind not in READERS:
            return seen_as_opaque(call, node, self.inference, "convsolve has no rule for it")
        try:
            return READERS[call.kind](call)
        except NotReadError as error:
            self.builder.forget(before)
            return seen_as_opaque(call, node, self.inference, str(error))


def _constant(call: Call) -> Known:
    for name, value in call.attributes.items():
        if isinstance(value, Known):
            return value
        if name in ("value_int", "value_float"):
            return known(array(list(_numbers([value])), ()))
        if name in ("value_ints", "value_floats"):
            return known(array(list(_numbers(value)), (len(value),)))
    raise NotReadError("its value is not understood")


def _numbers(values: Sequence[Any]) -> Iterator[Any]:
    from fractions import Fraction

    for value in values:
        yield value if isinstance(value, int) else Fraction(value)


def _measured(call: Call) -> Known:
    """Return the shape of a tensor, or the number of its elements, as numbers known but for the input's sizes."""
    from ...dims import product

    full = call.tensor().full(call.batch)
    if call.kind == "Size":
        return known(array([product(full)], ()))
    return known(array(full[call.option("start", 0) : call.option("end")]))
