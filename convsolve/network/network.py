"""Networks: layers with named inputs, in a directed acyclic graph."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Integral
from typing import TYPE_CHECKING, Any, TypeAlias, get_args

from ..dims import Cond, Condition, Dim, Domain, Var, variables
from ..dims.rewrite import rewrite
from ..errors import NetworkError
from ..operators import Choice, Input, Operator, axis_names
from ..operators.base import DataFormat, Framework, to_written
from ..operators.parameters import substitute
from ..support.arguments import checked, must_fit
from ..support.foreign_text import visible
from ..support.notebook_display import Shown
from ..support.suggestions import known_word, listed, nearest, quoted, refuse_tensor, whole
from .constructions import Construction
from .latency_table import LatencyTable

if TYPE_CHECKING:
    import networkx

__all__ = ["BYTES", "Guard", "InputShapes", "Layer", "Network", "as_name", "given_shapes", "tensor_layer"]

BYTES = {"int8": 1, "uint8": 1, "int16": 2, "float16": 2, "bfloat16": 2, "int32": 4, "float32": 4, "float64": 8}
"""What one element takes, by the type of the numbers."""

InputShapes: TypeAlias = "Iterable[int] | Iterable[Iterable[int]] | Mapping[str, Iterable[int]]"
"""The shape of the only input, those of all inputs in order, or of some by name; without the batch axis."""

_NAME = re.compile(r"(?!:)[^\s\[\]$\"']+")
_NOT_IN_NAMES = re.compile(r"[\s\[\]$\"'`]+|^:+")
_REFERENCE = re.compile(r"(?P<layer>[^\[\]]+)(\[(?P<index>\d+)\])?")


def given_shapes(given: InputShapes, names: Sequence[str]) -> list[tuple[int, ...] | None]:
    """Return for each input the shape that it is given, or None where it is given none.

    Raises:
        NetworkError: there is no such input, there are more or fewer shapes than inputs, or one is no shape.

    >>> given_shapes({"mask": (1, 32, 32)}, ["image", "mask"])
    [None, (1, 32, 32)]
    """
    if isinstance(given, Mapping):
        found = {str(name): _shape(shape) for name, shape in given.items()}
        for name in found:
            if name not in names:
                raise NetworkError(f"there is no input {quoted(name)}{nearest(name, names)}")
        return [found.get(name) for name in names]
    entries = _shape(given)
    several = bool(entries) and not any(isinstance(n, (int, Var)) for n in entries)
    shapes = [_shape(shape) for shape in entries] if several else [entries]
    if len(shapes) != len(names):
        inputs, more = f"{len(names)} inputs" if len(names) != 1 else "1 input", "s" if len(shapes) != 1 else ""
        raise NetworkError(f"the network has {inputs} ({', '.join(names)}), got {len(shapes)} shape{more}")
    return [*shapes]


def _shape(given: Any) -> tuple[Any, ...]:
    """Return the entries of a shape, or raise NetworkError where it is none."""
    if isinstance(given, (str, bytes, Set)) or not isinstance(given, Iterable):
        raise NetworkError(f"{quoted(given)} is no shape: write it like (3, 224, 224), without the batch axis")
    refuse_tensor("input_shape", given)
    return tuple(int(n) if isinstance(n, Integral) and not isinstance(n, bool) else n for n in given)


def as_name(wished: str) -> str:
    """Return the name that a layer may have which is nearest to a framework's or a file's name for it.

    >>> as_name("model/conv 1[0]"), as_name("")
    ('model/conv_1_0_', 'layer')
    """
    return visible(_NOT_IN_NAMES.sub("_", wished)) or "layer"


def tensor_layer(reference: str) -> str:
    """Return the layer that makes a tensor.

    >>> tensor_layer("split1[2]"), tensor_layer("conv1")
    ('split1', 'conv1')
    """
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise NetworkError(f"{reference!r} names no tensor: write a layer's name, or name[i] for its i-th output")
    return match["layer"]


@dataclass(frozen=True)
class Layer:
    """An operator with a name and named inputs.

    ``inputs`` are names of layers, or ``name[i]`` for one output of several. ``when`` is the condition
    under which the layer is present; ``source`` says where it comes from. ``shares`` names the layer whose
    parameters it uses, too: they are counted there, and not again here. ``within`` names the blocks that it is
    part of (``choose``, ``repeat``), the outermost first. ``rank`` is the number of axes, without the batch, that its
    first input must have; None where the operator alone decides.
    """

    name: str
    operator: Operator
    inputs: tuple[str, ...] = ()
    when: Cond = True
    source: str = ""
    shares: str = ""
    within: tuple[str, ...] = ()
    rank: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name) or not self.name.isprintable():
            raise NetworkError(
                f"{quoted(self.name)} cannot be a layer's name: use no spaces, quotes, brackets, $, "
                "nothing that cannot be seen, and no colon at the start"
            )
        object.__setattr__(self, "inputs", listed("inputs", self.inputs, "['conv1']"))
        must_fit("source", "str", self.source)
        must_fit("shares", "str", self.shares)
        if not isinstance(self.operator, Operator):
            raise NetworkError(f"{self.name}: wanted an operator such as Conv(...), got {quoted(self.operator)}")
        if not all(isinstance(reference, str) for reference in self.inputs):
            raise NetworkError(f"{self.name}: inputs names tensors, such as ['conv1'], got {quoted(list(self.inputs))}")
        if not isinstance(self.when, (bool, Condition)):
            raise NetworkError(f"{self.name}: when must be a condition, got {quoted(self.when)}")
        object.__setattr__(self, "within", listed("within", self.within, "['block1']"))
        object.__setattr__(self, "source", visible(self.source))
        misfit = self.operator.misfit(len(self.inputs))
        if misfit:
            raise NetworkError(f"{self.name}: {misfit}")

    def needs(self) -> Iterator[str]:
        """Yield the layers whose tensors, or whose sizes, this layer uses."""
        for reference in self.inputs:
            yield tensor_layer(reference)
        for unknown in (*self.operator.unknowns(), *variables(self.when)):
            if unknown.domain is None:  # a dimension of another layer, such as `enc1.height`
                yield tensor_layer(unknown.name.rpartition(".")[0])


@dataclass(frozen=True)
class Guard:
    """A branch that a recorded program took: the condition, over sizes of tensors, under which it takes it again.

    Where the condition does not hold, the program does something else from there on, and nothing is known of that.
    ``after`` is the last layer that it had called by then; where that is not said, it is the last of which the
    condition speaks. ``fails`` names the layer, if any, of which the condition is that it fails, as what comes after it
    was recorded with something in place of its output.
    """

    condition: Cond
    source: str = ""
    after: str = ""
    fails: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "source", visible(self.source))


@dataclass(frozen=True)
class Network(Shown):
    """A directed acyclic graph of layers; unknowns in the parameters make it a sketch of many networks.

    Args:
        layers: in any order; inputs are layers whose operator is :class:`~convsolve.operators.Input`.
        outputs: the tensors that the network returns; by default that of the last layer.
        framework: whose meaning of "same" padding, ceil_mode and limits applies.
        data_format: the order in which shapes are written; rules always see channels first.
        training: also apply what only training requires, with ``batch_size``.
        dtype: the type of the numbers, for costs in bytes.
        guards: the branches taken by the program that the network was recorded from.
        refusal: what that program said when it refused its input, after these branches; empty where it did not.
        named: what requirements may call ``$name`` beside the holes of layers: other holes, and what follows from them.
        latency: measured times, for the cost of that name.
        record: records that program again with another input shape, which may take other branches; it is not pickled.
        only_in_training: layers that the program has in training alone, where it takes another branch there.
        constructions: how the program made its layers, by their names there, where that was seen.

    Raises:
        NetworkError: a name is used twice or unknown, or layers depend on each other in a circle.

    >>> from convsolve.operators import Conv, Input
    >>> net = Network((Layer("input", Input(shape=(1, 28, 28))),
    ...                Layer("conv1", Conv(out_channels=8, kernel_size=3), ("input",))))
    >>> net.outputs, [layer.name for layer in net.ordered]
    (('conv1',), ['input', 'conv1'])
    """

    layers: tuple[Layer, ...]
    outputs: tuple[str, ...] = ()
    framework: Framework = "torch"
    data_format: DataFormat = "channels_first"
    training: bool = False
    batch_size: int = 1
    dtype: str = "float32"
    guards: tuple[Guard, ...] = ()
    refusal: str = ""
    named: tuple[tuple[str, Dim], ...] = ()
    latency: LatencyTable | None = None
    record: Callable[..., Network] | None = field(default=None, compare=False, repr=False)
    only_in_training: tuple[str, ...] = field(default=(), compare=False, repr=False)
    constructions: Mapping[str, Construction] = field(default_factory=dict, compare=False, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled: all but ``record``, which holds the program itself, in this process alone."""
        return {**self.__dict__, "record": None}

    def __deepcopy__(self, memo: Any) -> Network:
        return self  # nothing in it changes

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", listed("layers", self.layers, 'Layer("x", Input(shape=(3, 32, 32)))'))
        for layer in self.layers:
            if not isinstance(layer, Layer):
                raise NetworkError(f"layers takes Layers, got {quoted(layer)}")
        object.__setattr__(self, "batch_size", whole("batch_size", self.batch_size, least=1))
        if not isinstance(self.training, bool):
            raise NetworkError(f"training must be true or false, got {quoted(self.training)}")
        object.__setattr__(self, "guards", listed("guards", self.guards, "[Guard(...)]"))
        must_fit("refusal", "str", self.refusal)
        object.__setattr__(self, "refusal", visible(self.refusal))
        if not self.layers:
            raise NetworkError("a network needs at least one layer")
        known_word("framework", self.framework, get_args(Framework))
        known_word("data_format", self.data_format, get_args(DataFormat))
        known_word("dtype", self.dtype, tuple(BYTES))
        object.__setattr__(self, "outputs", listed("outputs", self.outputs, "['conv1']") or (self.layers[-1].name,))
        must_fit("outputs", "Iterable[str]", self.outputs)
        if len(self.by_name) < len(self.layers):
            names = [layer.name for layer in self.layers]
            twice = next(n for n in names if names.count(n) > 1)
            raise NetworkError(f"two layers are called {twice!r}", layer=twice)
        for layer in self.layers:
            for needed in layer.needs():
                if needed not in self.by_name:
                    raise NetworkError(f"{layer.name}: there is no layer {needed!r}", layer=layer.name)
            for block in layer.within:
                if block in self.by_name and not isinstance(self.by_name[block].operator, Choice):
                    raise NetworkError(
                        f"{layer.name}: {block!r} is a layer, so no block can be called that", layer=layer.name
                    )
            if layer.shares and layer.shares not in self.by_name:
                raise NetworkError(f"{layer.name}: there is no layer {layer.shares!r} to share with", layer=layer.name)
        for output in self.outputs:
            if tensor_layer(output) not in self.by_name:
                raise NetworkError(f"there is no layer {output!r} to be the output")
        _ = self.ordered

    def __str__(self) -> str:
        """Return the layers, one a line: name, operator with what differs from its defaults, inputs.

        >>> from convsolve.files import parse
        >>> print(parse("{input: [1, 9, 9], layers: [{conv: {out_channels: 2, kernel_size: 3}}, relu]}").network)
        input: input(shape=(1, 9, 9))
        conv1: conv(kernel_size=3, out_channels=2) of input
        relu1: relu() of conv1
        """
        lines = []
        for layer in self.ordered:
            given = ", ".join(f"{name}={value}" for name, value in layer.operator.stated().items())
            of = f" of {', '.join(layer.inputs)}" if layer.inputs else ""
            lines.append(f"{layer.name}: {layer.operator.kind}({given}){of}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        inputs = ", ".join("x".join(map(str, shape)) for shape in self.input_shapes.values())
        return f"<Network of {len(self.layers)} layers for {self.framework}: input {inputs}>"

    @cached_property
    def by_name(self) -> dict[str, Layer]:
        """The layers by name."""
        return {layer.name: layer for layer in self.layers}

    @cached_property
    def blocks(self) -> dict[str, tuple[str, ...]]:
        """The layers of each block (``choose``, ``repeat``) by its name; the last of them makes its output.

        >>> from convsolve.files import parse
        >>> parse("{input: [1, 8], layers: [{repeat: 2, name: body, layers: [relu]}]}").network.blocks
        {'body': ('relu1', 'relu2')}
        """
        members: dict[str, list[str]] = {}
        for layer in self.ordered:
            for name in layer.within:
                members.setdefault(name, []).append(layer.name)
        return {name: tuple(layers) for name, layers in members.items()}

    @cached_property
    def ordered(self) -> tuple[Layer, ...]:
        """The layers so that each comes after those it needs; otherwise in the order given."""
        seen: set[str] = set()
        for layer in self.layers:
            if not all(n in seen for n in layer.needs()):
                return self._sorted()
            seen.add(layer.name)
        return self.layers

    def _sorted(self) -> tuple[Layer, ...]:
        import networkx as nx

        place = {layer.name: i for i, layer in enumerate(self.layers)}
        graph = self.graph()
        try:
            names = list(nx.lexicographical_topological_sort(graph, key=place.__getitem__))
        except nx.NetworkXUnfeasible:
            circle = [edge[0] for edge in nx.find_cycle(graph)]
            raise NetworkError(
                f"layers depend on each other in a circle: {' -> '.join([*circle, circle[0]])}", layer=circle[0]
            ) from None
        return tuple(self.by_name[n] for n in names)

    @property
    def inputs(self) -> tuple[Layer, ...]:
        """The input layers."""
        return tuple(layer for layer in self.layers if type(layer.operator) is Input)

    @cached_property
    def input_shapes(self) -> dict[str, tuple[Any, ...]]:
        """The shapes of the inputs by name, as written, without the batch axis.

        >>> from convsolve.operators import Input
        >>> Network((Layer("image", Input(shape=(3, 32, 32))),)).input_shapes
        {'image': (3, 32, 32)}
        """
        return {layer.name: layer.operator.shape for layer in self.inputs}  # type: ignore[attr-defined]

    @property
    def input_axes(self) -> dict[str, tuple[str, int]]:
        """The axes of the inputs by name: the layer, and the place in its shape as written.

        An axis of the only input is called ``height``; where there are several inputs, ``left.height``.
        """
        found: dict[str, tuple[str, int]] = {}
        for name, shape in self.input_shapes.items():
            for i, axis in enumerate(to_written(self.data_format, axis_names(len(shape)))):
                found[axis if len(self.input_shapes) == 1 else f"{name}.{axis}"] = (name, i)
        return found

    @property
    def spatial_input_axes(self) -> list[str]:
        """The names of the inputs' spatial axes, whose sizes questions are asked about.

        Where there is none, the features of an input that is given more axes (as a wave is) are one.
        """
        axes = self.input_axes
        found = [name for name in axes if name.rpartition(".")[2] not in ("channels", "features")]
        lifted = {i for layer in self.layers if layer.operator.kind == "unsqueeze" for i in layer.inputs}
        return found or [n for n, (layer, _) in axes.items() if n.endswith("features") and layer in lifted]

    @cached_property
    def input_holes(self) -> frozenset[str]:
        """The names of what is open in the shapes of the inputs."""
        return frozenset(unknown.name for layer in self.inputs for unknown in layer.operator.unknowns())

    @cached_property
    def holes(self) -> dict[str, Var]:
        """The unknown parameters by name, in order of first use."""
        found: dict[str, Var] = {}
        for layer in self.ordered:
            for unknown in (*variables(layer.when), *layer.operator.unknowns()):
                if unknown.domain is not None:
                    known = found.setdefault(unknown.name, unknown)
                    if known.domain != unknown.domain:
                        raise NetworkError(
                            f"the hole {unknown.name!r} has two domains: {known.domain} and {unknown.domain}"
                        )
        for _, value in self.named:
            found |= {unknown.name: unknown for unknown in variables(value) if unknown.name not in found}
        return found

    def graph(self) -> networkx.DiGraph:
        """Return a networkx view: a node for each layer (attribute ``layer``), an edge for each use.

        Edges carry ``inputs``, the positions at which the tensor enters; a layer of which only a size is
        used has none.

        >>> from convsolve.operators import Add
        >>> double = Network((Layer("x", Input(shape=(3, 8, 8))), Layer("double", Add(), ("x", "x"))))
        >>> list(double.graph().edges(data=True))
        [('x', 'double', {'inputs': [0, 1]})]
        """
        import networkx as nx

        graph = nx.DiGraph()
        for layer in self.layers:
            graph.add_node(layer.name, layer=layer)
        for layer in self.layers:
            for needed in layer.needs():
                graph.add_edge(needed, layer.name, inputs=[])
            for position, reference in enumerate(layer.inputs):
                graph.edges[tensor_layer(reference), layer.name]["inputs"].append(position)
        return graph

    @checked
    def assign(self, values: Mapping[str, int]) -> Network:
        """Return the network with these values in place of its holes.

        Layers whose condition no longer holds are left out, and a choice that is made is replaced by what
        it chooses. Holes without a value stay open.

        Raises:
            NetworkError: a value lies outside its hole's domain, or names no hole.

        >>> from convsolve.dims import hole
        >>> from convsolve.operators import MaxPool
        >>> pool = Layer("pool", MaxPool(kernel_size=hole("k", 2, 3)), ("x",))
        >>> net = Network((Layer("x", Input(shape=(3, 8, 8))), pool)).assign({"k": 3})
        >>> net.by_name["pool"].operator.kernel_size, net.holes
        (3, {})
        """
        for name, value in values.items():
            if name not in self.holes:
                raise NetworkError(f"there is no hole {quoted(name)}{nearest(name, self.holes)}")
            domain = self.holes[name].domain
            if domain is not None and value not in domain:
                raise NetworkError(f"{name}={value} is outside its domain {domain}")
        if not values and not any(layer.when is False or isinstance(layer.operator, Choice) for layer in self.layers):
            return self
        known = dict(values)
        layers: list[Layer] = []
        renamed: dict[str, str] = {}

        def follow(reference: str) -> str:
            while reference in renamed:
                reference = renamed[reference]
            return reference

        for layer in self.ordered:
            when = _settled(layer.when, known)
            if when is False:
                continue
            operator = layer.operator.substitute(known)
            sizes = {}  # of what a choice passes on: they are those of what it chooses
            for unknown in operator.unknowns() if renamed else ():
                tensor, _, axis = unknown.name.rpartition(".")
                if unknown.domain is None and tensor in renamed:
                    sizes[unknown.name] = Var(f"{follow(tensor)}.{axis}", interval=unknown.interval)
            operator = operator.replace(sizes) if sizes else operator
            inputs = tuple(map(follow, layer.inputs))
            chosen = operator.chosen() if isinstance(operator, Choice) else None
            if chosen is not None:
                renamed[layer.name] = inputs[chosen]
                continue
            layers.append(dataclasses.replace(layer, operator=operator, inputs=inputs, when=when))
        kept = {layer.name for layer in layers}
        heirs: dict[str, str] = {}  # where a layer is left out, the first that shared with it counts the parameters
        for i, layer in enumerate(layers):
            if layer.shares and layer.shares not in kept:
                heir = heirs.setdefault(layer.shares, layer.name)
                layers[i] = dataclasses.replace(layer, shares="" if heir == layer.name else heir)
        named = tuple((name, substitute(value, known)) for name, value in self.named)
        return dataclasses.replace(self, layers=tuple(layers), outputs=tuple(map(follow, self.outputs)), named=named)

    @checked
    def with_domain(self, name: str, domain: Domain) -> Network:
        """Return the network with another domain for one of its holes.

        Raises:
            NetworkError: there is no such hole, or a parameter does not take the domain.
        """
        if name not in self.holes:
            raise NetworkError(f"there is no hole {quoted(name)}{nearest(name, self.holes)}")
        replaced = {name: Var(name, domain)}
        layers = tuple(
            dataclasses.replace(layer, operator=layer.operator.replace(replaced), when=rewrite(layer.when, replaced))
            for layer in self.layers
        )
        named = tuple((known, rewrite(value, replaced)) for known, value in self.named)
        return dataclasses.replace(self, layers=layers, named=named)

    @property
    def known_up_to(self) -> str:
        """The last layer that is known of a network whose reading ended where a layer fails; empty of a whole one."""
        if self.record is not None or not any(guard.fails for guard in self.guards):
            return ""
        return tensor_layer(self.outputs[0])

    def mended(self) -> Network:
        """Return the network as it is believed to be once the layers are mended that failed when it was recorded.

        What comes after them was recorded with something in place of their outputs: that is a guess, to be tried.
        """
        return dataclasses.replace(self, guards=tuple(guard for guard in self.guards if not guard.fails))

    def with_shapes(self, given: InputShapes) -> Network:
        """Return the network with the shapes given for its inputs; an input that is given none keeps its own.

        Raises:
            NetworkError: there is no such input, or a shape has another number of axes.
        """
        shapes = given_shapes(given, [layer.name for layer in self.inputs])
        stated = self.input_shapes.values()
        return self.with_input(*(own if shape is None else shape for shape, own in zip(shapes, stated, strict=True)))

    def with_input(self, *shapes: Iterable[int]) -> Network:
        """Return the network with these shapes for its inputs, in order, as the data format writes them.

        Raises:
            NetworkError: there are more or fewer shapes than inputs, or one has another number of axes.

        >>> net = Network((Layer("x", Input(shape=(3, 8, 8))),)).with_input((3, 32, 48))
        >>> net.inputs[0].operator.shape
        (3, 32, 48)
        """
        inputs = self.inputs
        if len(shapes) != len(inputs):
            raise NetworkError(f"the network has {len(inputs)} inputs, got {len(shapes)} shapes")
        new: dict[str, Any] = {}
        for layer, shape in zip(inputs, shapes, strict=True):
            shape = _shape(shape)
            axes = len(self.input_shapes[layer.name])
            if len(shape) != axes:
                raise NetworkError(
                    f"{layer.name} has {axes} axes, got the shape {'x'.join(map(str, shape))} (without the batch axis)"
                )
            new[layer.name] = dataclasses.replace(layer, operator=Input(shape=shape))
        return dataclasses.replace(self, layers=tuple(new.get(layer.name, layer) for layer in self.layers))


def _settled(when: Cond, known: dict[str, int]) -> Cond:
    found: Cond = substitute(when, known)
    return found
