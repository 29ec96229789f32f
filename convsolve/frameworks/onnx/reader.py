"""Reading an ONNX graph as a network, node by node, without running anything."""

from __future__ import annotations

import dataclasses
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ...dims import Dim, Domain, Var
from ...errors import ConvsolveError, NetworkError, RefusedError, UnreadableError
from ...network import InputShapes, Network, given_shapes
from ...operators import Opaque, axis_names
from ..common.builder import Builder
from ..common.documents import boundary
from . import (
    arithmetic,
    attention,
    control,
    features,
    fused,
    joins,
    layout,
    microsoft,
    places,
    scales,
    spectra,
    windows,
)
from .branch_decisions import BranchDecisions
from .call import READERS, NodeCall, Result
from .constant_folding import array, fold, known
from .control import CONTROL
from .opaque import Inference, seen_as_opaque
from .proto import attributes_of, known_of, load, sizes_of
from .refusals import refusal
from .values import BATCH, Failed, FailsError, Known, NotReadError, NotThereError, Tensor, UnreadValue, Value

__all__ = ["GraphReader", "from_onnx"]

_READ = (arithmetic, attention, control, features, fused, joins, layout, places, spectra, windows)
"""They register how each operator is read."""

_MOST_NODES = 200_000
"""So many nodes are read at most, those of a loop once for each turn."""


def from_onnx(source: Any, *, input_shape: InputShapes | None = None) -> Network:
    """Read a network out of an ONNX file or proto, without running it and without its weights' values.

    The first axis of every input is taken for the batch, and left out. Sizes that the file leaves open (dynamic
    axes) stay open, and what the graph computes from them stays a formula. The branches that it takes by the sizes
    given are in ``guards``; ``record`` reads it again for others.

    Args:
        source: a path, or an ``onnx.ModelProto``.
        input_shape: the shape of the input without the batch axis, in place of the one in the file; for several
            inputs, a list of shapes, or a mapping from their names. Operators that convsolve has no rule for, and
            branches that depend on sizes, can be read only at known sizes.

    Raises:
        UnreadableError: the file is no ONNX file, or a node cannot be read; the text names it.
    """
    name = str(source) if isinstance(source, (str, os.PathLike)) else "the ONNX graph"
    with boundary(name):
        proto = load(Path(source), name) if isinstance(source, (str, os.PathLike)) else source
        if not hasattr(proto, "graph") or not hasattr(proto, "opset_import"):
            raise UnreadableError(f"from_onnx takes a path or an onnx.ModelProto, got {type(source).__name__}")
        return _read(proto, name, input_shape)


def _read(proto: Any, name: str, given: InputShapes | None) -> Network:
    """Read a graph: with open sizes, as far as that goes; otherwise for the sizes given alone."""
    if given is None:
        return GraphReader(proto, name).network()
    try:
        shapes = given_shapes(given, [info.name for info in _inputs(proto)])
    except NetworkError as error:
        raise UnreadableError(f"{name}: {error}") from None
    try:
        network = GraphReader(proto, name, shapes, whole=True).network()
    except UnreadableError:
        network = GraphReader(proto, name, shapes, fixed=True).network()
    return dataclasses.replace(network, record=lambda *shapes: _read(proto, name, shapes))


def _inputs(proto: Any) -> list[Any]:
    """Return what a graph takes beside its weights."""
    weights = {tensor.name for tensor in proto.graph.initializer}
    return [info for info in proto.graph.input if info.name not in weights]


class GraphReader:
    """A graph being read: what each of its names stands for.

    Sizes that are given are what is decided by. They take the place of open ones if those are to be ``fixed``;
    otherwise the graph is read with open sizes, which get them at the end. A ``whole`` graph has no opaque operators.
    """

    def __init__(
        self,
        proto: Any,
        name: str,
        given: Sequence[tuple[int, ...] | None] | None = None,
        *,
        fixed: bool = False,
        whole: bool = False,
    ) -> None:
        self.proto, self.name, self.fixed, self.whole = proto, name, fixed, whole
        self.builder = Builder("onnx")
        self.decisions = BranchDecisions(self.builder.numbers)
        infos = _inputs(proto)
        self.given = given or [None for _ in infos]
        self.values: dict[str, Value] = {}
        self.batch: Dim = BATCH
        self.kinds: Counter[str] = Counter()
        self.opset = max((o.version for o in proto.opset_import if o.domain in ("", "ai.onnx")), default=1)
        for tensor in proto.graph.initializer:
            self.values[tensor.name] = known_of(tensor, learned=True)
        self.count = 0
        self._inputs(infos)
        self.inference = Inference(proto, self.builder.layers, self.batch)
        for node in proto.graph.node:
            self._node(node)

    def network(self) -> Network:
        """Return the network that was read."""
        outputs = []
        for info in self.proto.graph.output:
            value = self.values.get(info.name, UnreadValue("no node makes it"))
            if isinstance(value, UnreadValue):
                raise UnreadableError(f"{self.name}: the output {info.name!r} cannot be read: {value.why}")
            if isinstance(value, (Tensor, Failed)):
                outputs.append(value.reference)
        if not outputs:
            raise UnreadableError(f"{self.name}: no output depends on the input")
        network = self.builder.network(outputs)
        given = zip(network.inputs, self.given, strict=True)
        network = network.with_shapes({layer.name: shape for layer, shape in given if shape is not None})
        return dataclasses.replace(network, guards=self.decisions.guards)

    # -- inputs

    def _inputs(self, infos: Sequence[Any]) -> None:
        if not infos:
            raise UnreadableError(f"{self.name}: the graph has no inputs")
        batches = set()
        holes: dict[str, Var] = {}
        for info, wished in zip(infos, self.given, strict=True):
            sizes = sizes_of(info)
            if sizes is None and wished is not None:
                sizes = ["batch", *(None for _ in wished)]
            if sizes is None or len(sizes) < 2:
                raise UnreadableError(
                    f"{self.name}: the input {info.name!r} has no shape with a batch axis and more: "
                    f"found {'nothing' if sizes is None else sizes}"
                )
            first, *rest = sizes
            batches.add(first if isinstance(first, int) else BATCH)
            if wished is not None and len(wished) != len(rest):
                raise UnreadableError(
                    f"{self.name}: the input {info.name!r} has {len(rest)} axes beside the batch, "
                    f"got the shape {tuple(wished)}"
                )
            if 0 in sizes or not all(n is None or isinstance(n, (int, str)) for n in rest):
                raise UnreadableError(f"{self.name}: the input {info.name!r} has no usable shape: {sizes}")
            name = self.builder.free_name(info.name)
            both = enumerate(zip(rest, wished or (None for _ in rest), strict=True))
            found = [self._size(holes, f"{name}[{i}]", own, size) for i, (own, size) in both]
            self.builder.input(name, found, source=f"input {info.name!r}")
            for axis, own, size in zip(axis_names(len(rest)), rest, found, strict=True):
                if isinstance(size, int) and not isinstance(own, int):
                    self.decisions.fix(f"{name}.{axis}", size, "read at known sizes")
            shape = self.builder.shapes[name]
            assert shape is not None
            self.values[info.name] = Tensor(name, shape)
        if len(batches) > 1 and BATCH not in batches:
            raise UnreadableError(f"{self.name}: its inputs have batches of different sizes: {sorted(batches)}")
        self.batch = BATCH if BATCH in batches else batches.pop()

    def _size(self, holes: dict[str, Var], place: str, own: int | str | None, given: int | None) -> int | Var:
        """Return a size of an input: a number, or a hole, which may have been given one."""
        if isinstance(own, int) or (given is not None and self.fixed):
            return own if given is None else given  # type: ignore[return-value]
        hole = Var(place, Domain.range(1, None))
        if own:  # axes of one name in the file are one hole
            hole = holes.setdefault(own, hole)
        if given is not None and self.decisions.numbers.setdefault(hole.name, given) != given:
            raise UnreadableError(f"{self.name}: different sizes are given for {own!r}")
        return hole

    # -- nodes

    def _node(self, node: Any) -> None:
        where = f"{node.op_type} {node.name!r}" if node.name else f"{node.op_type} that makes {', '.join(node.output)}"
        try:
            call = self._call(node, where)
            result = self._read(call, node)
        except FailsError as error:
            result = Failed(error.reference)
        except NotThereError as error:
            result = UnreadValue(str(error))
        except (NotReadError, ConvsolveError) as error:
            result = UnreadValue(f"{where}: {error}")
        self._give(node, result)

    def _give(self, node: Any, result: Result) -> None:
        values = [result] * len(node.output) if isinstance(result, (UnreadValue, Failed)) else \
            list(result) if isinstance(result, (list, tuple)) else [result]  # fmt: skip
        for name, value in zip(node.output, values, strict=False):
            if name:
                self.values[name] = value

    def _call(self, node: Any, where: str) -> NodeCall:
        inputs: list[Value | None] = []
        for name in node.input:
            if name and name not in self.values:
                raise NotReadError(f"there is no {name!r} for it to take")
            inputs.append(self.values[name] if name else None)
        self.count += 1
        if self.count > _MOST_NODES:
            raise NotReadError(f"more than {_MOST_NODES} nodes are run")
        self.kinds[node.op_type] += 1
        invented = f"{re.sub(r'(?<=[a-z0-9])(?=[A-Z])', '_', node.op_type).lower()}{self.kinds[node.op_type]}"
        return NodeCall(
            kind=node.op_type,
            name=node.name or invented,
            inputs=inputs,
            attributes=attributes_of(node),
            outputs=len(node.output),
            opset=self.opset,
            batch=self.batch,
            builder=self.builder,
            decisions=self.decisions,
            inside=self._inside,
            source=where,
        )

    def _inside(self, graph: Any, given: Sequence[Value | None]) -> list[Value]:
        """Read a graph that is inside of a node, and return what its outputs stand for."""
        outside = self.values
        self.values = dict(outside)
        try:
            for tensor in graph.initializer:
                self.values[tensor.name] = known_of(tensor, learned=True)
            for info, value in zip(graph.input, given, strict=True):
                self.values[info.name] = value or UnreadValue(f"there is no {info.name!r}")
            for node in graph.node:
                self._node(node)
            missing = UnreadValue("no node makes it")
            return [self.values.get(info.name, missing) for info in graph.output]
        finally:
            self.values = outside

    def _read(self, call: NodeCall, node: Any) -> Result:
        for position in range(len(call.inputs)):
            if isinstance(call.inputs[position], Failed):
                call.value(position)  # nothing is known behind a failure
        if node.domain == microsoft.DOMAIN and f"{node.domain}.{call.kind}" in READERS:
            why = microsoft.misfit(call.kind, call.inputs, call.outputs, call.attributes)
            call = dataclasses.replace(call, kind=f"{node.domain}.{call.kind}")
            if why:
                return self._refused(call, why)
        elif node.domain not in ("", "ai.onnx"):
            return self._opaque(call, node, f"the domain {node.domain!r} is not ONNX's own")
        if call.kind == "Constant":
            return _constant(call)
        if call.kind in ("Shape", "Size") and isinstance(call.inputs[0], Tensor):
            return _measured(call)
        if call.kind in CONTROL:
            return CONTROL[call.kind](call)
        if not any(isinstance(value, Tensor) for value in call.inputs):
            for position in range(len(call.inputs)):
                if call.has(position):
                    call.known(position)  # what could not be read is to blame, not this node
            return fold(call)
        why = refusal(call, node) or scales.misfit(call)
        if why:
            return self._refused(call, why)
        if call.kind not in READERS:
            return self._opaque(call, node, "convsolve has no rule for it")
        layers, decisions = len(self.builder.layers), len(self.decisions.guards)
        try:
            return READERS[call.kind](call)
        except NetworkError as error:  # parameters that no network has, which no runtime takes
            self.builder.forget(layers)
            self.decisions.forget(decisions)
            return self._refused(call, str(error))
        except NotReadError as error:
            self.builder.forget(layers)
            self.decisions.forget(decisions)
            why = refusal(call, node, at_sizes=True)
            return self._refused(call, why) if why else self._opaque(call, node, str(error))

    def _refused(self, call: NodeCall, why: str) -> Result:
        """Add a layer that fails whatever its inputs are."""
        tensors = [value.reference for value in call.inputs if isinstance(value, Tensor)]
        call.add(Opaque(what=f"ONNX {call.kind}", seen=(), outputs=(), refused=why), *tensors)
        raise AssertionError("a layer that fails has a shape")

    def _opaque(self, call: NodeCall, node: Any, why: str) -> Result:
        if self.whole or any(a.HasField("g") or a.graphs for a in node.attribute):
            raise NotReadError(why)
        try:
            return seen_as_opaque(call, node, self.inference, why)
        except RefusedError as error:
            return self._refused(call, str(error))


def _constant(call: NodeCall) -> Known:
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


def _measured(call: NodeCall) -> Known:
    """Return the shape of a tensor, or the number of its elements, as numbers known but for the input's sizes."""
    from ...dims import product

    full = call.tensor().full(call.batch)
    if call.kind == "Size":
        return known(array([product(full)], ()))
    return known(array(full[call.option("start", 0) : call.option("end")]))
