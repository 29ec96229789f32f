"""Reading exported programs, ``.pt2`` files, without running any code that is in them.

``torch.export.load`` unpickles parts of a file, which can run anything. Here only the description of the graph is
read, which is JSON, and its calls to PyTorch's own operators are made on tensors without contents.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch

from ...dims import Dim, Var, eq, evaluate, negation, render
from ...errors import UnreadableError
from ...network import Guard, InputShapes, Layer, Network, given_shapes
from ...operators import axis_names
from ..common.documents import boundary, parsed, unzipped
from ..common.recording.guards import BATCH_NAME
from ..common.recording.second_runs import confirmed
from ..common.recording.source_locations import shortened
from .meta_execution import META, shape_of
from .opaque_calls import tensors_in
from .pt2_arguments import argument, arguments_of, bound, empty, hints, one_of, tensor_names
from .pt2_guards import conditions
from .pt2_operators import NUMBERS, calculated, operator_named
from .recorder import Recorder

__all__ = ["from_exported"]

_DESCRIPTIONS = ("/models/model.json", "serialized_exported_program.json")
_UNKNOWN = re.compile(r"torch\.ops\.((?:aten|prims|torchvision)\.[a-zA-Z_]\w*(?<!_)\.(?!out\b|\w*_out\b)[a-zA-Z]\w*)")
"""Operators that can be opaque layers: those that do not write into their arguments, by their names."""

_ASSERTION = "torch.ops.aten._assert_scalar.default"
_RANGES = ("torch.ops.aten.sym_constrain_range.default", "torch.ops.aten.sym_constrain_range_for_size.default")
_MOST_NODES = 100_000
_MOST_STEPS = 1_000
_LARGEST_SIZE = 2**40


def from_exported(path: str, input_shape: InputShapes | None = None) -> Network:
    """Read a program that ``torch.export.save`` wrote, as a network, without running anything that is in it.

    Its calls are looked up in a table of PyTorch's operators, and made on tensors without contents. An operator that is
    not in the table becomes an :class:`~convsolve.operators.Opaque` layer, with the shapes that stand in the file.
    Sizes that were not exported as dynamic are bound to what they were: at others nothing is known.

    Args:
        path: the file, ``.pt2``.
        input_shape: the input's shape without the batch axis, in place of the one that it was exported with; of
            several inputs a list of shapes, or a mapping from their names.

    Raises:
        UnreadableError: the file is not such a program, or uses what cannot be read.
    """
    with boundary(path):
        program = _Program(parsed(unzipped(path, "exported program", *_DESCRIPTIONS), path, "description"))
        shapes = program.shapes
        if input_shape is not None:
            given = given_shapes(input_shape, program.inputs if len(shapes) > 1 else ["input"])
            shapes = tuple(own if shape is None else shape for shape, own in zip(given, shapes, strict=True))
        network = confirmed(program.record(shapes), shapes, program.record)
    record = network.record
    return network if record is None else dataclasses.replace(network, record=partial(_again, path, record))


def _again(path: str, record: Callable[..., Network], *shapes: tuple[int, ...]) -> Network:
    with boundary(path):
        return record(*shapes)


class _RefusedError(Exception):
    """The program itself refuses the sizes that it is run at."""


class _Program:
    """The graph of an exported program, and how it is run."""

    def __init__(self, description: Mapping[str, Any]) -> None:
        self.description = description
        module = description["graph_module"]
        self.graph = module["graph"]
        self.tensors = self.graph["tensor_values"]
        self.signature = module["signature"]
        self.inputs = [
            spec["user_input"]["arg"]["as_tensor"]["name"]
            for spec in self.signature["input_specs"]
            if "as_tensor" in spec.get("user_input", {}).get("arg", {})
        ]
        if len(self.graph["nodes"]) > _MOST_NODES:
            raise UnreadableError(f"the program makes more than {_MOST_NODES} calls")
        full = [self._sizes(name) for name in self.inputs]
        if not full or any(len(sizes) < 2 or sizes[0] != full[0][0] for sizes in full):
            raise UnreadableError("the program's inputs do not have one batch axis in front, and others")
        if any(0 in sizes for sizes in full):
            raise UnreadableError("an input of the program is empty")
        self.batch = full[0][0]
        self.shapes = tuple(tuple(sizes[1:]) for sizes in full)

    def _sizes(self, name: str) -> tuple[int, ...]:
        """Return the sizes that a tensor was exported with."""
        return hints(self.tensors[name]["sizes"])

    def record(self, shapes: tuple[tuple[int, ...], ...]) -> Network:
        """Record the program's calls at these input shapes."""
        run = _Run(self, shapes)
        guards, unknown = self._guards(run.recorder.graph.layers)
        numbers = {f"{layer.name}.{axis}": size for layer, shape in zip(run.recorder.graph.layers, shapes, strict=True)
                   for axis, size in zip(axis_names(len(shape)), shape, strict=True)}  # fmt: skip
        broken = next((guard for guard in guards if not evaluate(guard.condition, numbers)), None)
        if broken is not None:
            run.recorder.refusal = f"the program was exported for {render(broken.condition)}, and refuses other sizes"
            run.recorder.end()
            guards = [Guard(negation(broken.condition), broken.source)]
        else:
            self._run(run)
        network = run.recorder.network()
        return dataclasses.replace(
            network,
            guards=(*network.guards, *guards, *unknown),
            record=None if run.told else lambda *again: self.record(again),
        )

    def _run(self, run: _Run) -> None:
        """Make the program's calls."""
        try:
            with run.recorder.watching():
                for node in self.graph["nodes"]:
                    run.call(node)
        except _RefusedError as error:
            if not run.recorder.graph.layers:
                raise UnreadableError(str(error)) from None
            run.recorder.refusal = str(error)
            run.recorder.end()
        else:
            specs = [spec["user_output"]["arg"] for spec in self.signature["output_specs"] if "user_output" in spec]
            run.recorder.finish(list(tensors_in([argument(arg, run.values) for arg in specs])))

    def _guards(self, layers: Sequence[Layer]) -> tuple[list[Guard], list[Guard]]:
        """Return what the program was exported for, as it refuses all else, and beyond which sizes nothing is known."""
        sizes = {name: self.tensors[name]["sizes"] for name in self.inputs}
        axes: dict[str, list[Dim]] = {
            name: [Var(f"{layer.name}.{axis}", interval=(1, None)) for axis in axis_names(len(sizes[name]) - 1)]
            for layer, name in zip(layers, self.inputs, strict=True)
        }
        told = conditions(self.description, sizes, {name: [self.batch, *own] for name, own in axes.items()})
        fixed, unknown = [], []
        for name, own in axes.items():
            for axis, described, size in zip(own, sizes[name][1:], self._sizes(name)[1:], strict=True):
                if "as_int" in described:
                    fixed.append(Guard(eq(axis, size), "exported with this size"))
                elif told is None:
                    unknown.append(Guard(eq(axis, size), "exported with conditions that are not read"))
        return [*fixed, *(Guard(condition, "exported with this condition") for condition in told or ())], unknown


class _Run:
    """One recording of a program.

    ``values`` has what has been made so far, ``steps`` in how many steps its numbers have been computed; ``told`` says
    that the shapes of some layer are those told of in the file, so that it cannot be recorded at other sizes.
    """

    def __init__(self, program: _Program, shapes: tuple[tuple[int, ...], ...]) -> None:
        self.program = program
        self.values: dict[str, Any] = {}
        self.steps: dict[str, int] = {}
        self.told = False
        parameters: dict[int, tuple[str, torch.Tensor]] = {}
        for spec in program.signature["input_specs"]:
            for kind in ("parameter", "buffer", "tensor_constant"):
                if kind in spec:
                    name = spec[kind]["arg"]["name"]
                    self.values[name] = empty(program.tensors[name])
                    if kind == "parameter":
                        parameters[id(self.values[name])] = str(spec[kind]["parameter_name"]), self.values[name]
        self.recorder = Recorder(parameters, {})
        self.recorder.graph.numbers[BATCH_NAME] = program.batch
        single = len(program.inputs) == 1
        for name, shape in zip(program.inputs, shapes, strict=True):
            like = empty(program.tensors[name], (program.batch, *shape))
            self.values[name] = self.recorder.input("input" if single else name, shape, like.dtype)

    def call(self, node: Mapping[str, Any]) -> None:
        """Make one call of the program, and keep what comes out."""
        target, metadata = str(node["target"]), node.get("metadata") or {}
        self.recorder.stack = [_module(str(metadata.get("nn_module_stack", "")))]
        self.recorder.place = _place(str(metadata.get("stack_trace", "")))
        overload = operator_named(target)
        if overload is not None:
            args, named = bound(overload, arguments_of(node, self.values))
            self._keep(node, overload(*args, **named))
        elif target in NUMBERS:
            self._calculate(target, node)
        elif target == _ASSERTION:
            if not argument(node["inputs"][0]["arg"], self.values):
                raise self._refused("what it asserts of its sizes does not hold")
        elif target in _RANGES:
            self._constrain(node)
        else:
            self._unknown(target, node)

    def _calculate(self, target: str, node: Mapping[str, Any]) -> None:
        given = [value for _, value in (one_of(entry["arg"]) for entry in node["inputs"]) if isinstance(value, dict)]
        steps = 1 + sum(self.steps.get(str(value.get("as_name")), 1) for value in given)
        if steps > _MOST_STEPS:
            raise UnreadableError(f"a size is computed in more than {_MOST_STEPS} steps")
        self._keep(node, calculated(target, [value for _, value, _ in arguments_of(node, self.values)]))
        self.steps.update((str(value.get("as_name")), steps) for _, value in map(one_of, node["outputs"]))

    def _constrain(self, node: Mapping[str, Any]) -> None:
        """Keep the range that a size must lie in."""
        given = {name: value for name, value, _ in arguments_of(node, self.values)}
        size, low, high = given["size"], given.get("min"), given.get("max")
        if (low is not None and size < low) or (high is not None and size > high):
            raise self._refused("a size is not in the range that it asserts")

    def _refused(self, why: str) -> _RefusedError:
        return _RefusedError(f"{self.recorder.place or 'the program'}: {why}")

    def _keep(self, node: Mapping[str, Any], result: Any) -> None:
        """Keep what came out of a call under the names that the file gives it."""
        outputs = node["outputs"]
        if len(outputs) == 1 and "as_tensors" in outputs[0]:
            names, results = [one["name"] for one in outputs[0]["as_tensors"]], result
        else:
            named = [(kind, value) for kind, value in map(one_of, outputs) if kind != "as_none"]
            names = [value["name"] if "name" in value else value["as_name"] for _, value in named]
            results = result if len(outputs) > 1 else [result][: len(names)]
        if isinstance(results, torch.Tensor):
            raise UnreadableError(f"`{node['target']}` makes one tensor, not several")
        for name, value in zip(names, results, strict=True):
            if isinstance(value, torch.Tensor) and any(n > _LARGEST_SIZE for n in shape_of(value)):
                raise UnreadableError(f"a tensor of {'x'.join(map(str, shape_of(value)))} is larger than any")
            self.values[str(name)] = value

    # -- operators that are not in the table

    def _unknown(self, target: str, node: Mapping[str, Any]) -> None:
        """Add an operator of which nothing is known but the shapes that the file tells of."""
        match = _UNKNOWN.fullmatch(target)
        if match is None or "__" in target:
            raise UnreadableError(
                f"it calls {ascii(target)[:80]}, which is none of PyTorch's own operators that a file may call"
            )
        names, made = tensor_names(node), _tensors_made(node)
        if not made or not names:
            raise UnreadableError(f"the program calls {target!r}, of which convsolve knows nothing")
        given = [value for _, value, _ in arguments_of(node, self.values)]
        tensors = list(tensors_in(given))
        numbers = [value for value in given if isinstance(value, (int, float))]
        like = self.program.tensors
        front = next((like[name]["sizes"][:1] for name in names if like[name]["sizes"]), None)
        outputs = [(empty(like[name]), like[name]["sizes"][:1] == front) for name in made]
        self.told = True
        func = _as_exported(match[1], [self.program._sizes(name) for name in names], outputs)
        self._keep(node, self.recorder.unknown(match[1], func, [*tensors, *numbers]))


def _tensors_made(node: Mapping[str, Any]) -> list[str]:
    """Return the names of the tensors that come out of a call; of anything else that does, UnreadableError."""
    found = []
    for kind, value in map(one_of, node["outputs"]):
        if kind not in ("as_tensor", "as_tensors"):
            raise UnreadableError(f"the program calls {node['target']!r}, which makes more than tensors")
        found += [value["name"]] if kind == "as_tensor" else [one["name"] for one in value]
    return found


def _as_exported(
    name: str, seen: Sequence[tuple[int, ...]], outputs: Sequence[tuple[torch.Tensor, bool]]
) -> Callable[..., Any]:
    """Return what stands in for an operator: at the sizes seen, for any number of samples, it gives such outputs.

    Each output is told with whether its first axis is the batch.
    """

    def stand_in(*given: Any) -> Any:
        shapes = [shape_of(tensor) for tensor in tensors_in(given)]
        fronts = {(own[0], shape[0]) for shape, own in zip(shapes, seen, strict=True) if shape != own and shape and own}
        same = all(shape[1:] == own[1:] and len(shape) == len(own) for shape, own in zip(shapes, seen, strict=True))
        if not same or len(fronts) > 1:
            raise UnreadableError(f"`{name}` is known only at the sizes that it was exported with")
        samples = fronts.pop()[1] if fronts else None
        made = [
            torch.empty((samples, *shape_of(like)[1:]) if batched and samples else shape_of(like), dtype=like.dtype,
                        device=META)
            for like, batched in outputs
        ]  # fmt: skip
        return made[0] if len(made) == 1 else made

    return stand_in


def _module(stack: str) -> tuple[str, bool]:
    """Return the path of the innermost module that a call was made in, and whether it is one of PyTorch's own."""
    parts = stack.rpartition(";")[2].split(",")
    if len(parts) < 3:
        return "", False
    return parts[1], parts[2].startswith("torch.nn.modules") and "container" not in parts[2]


def _place(trace: str) -> str:
    """Return the line of the program that was exported."""
    found = [f for f in re.findall(r'File "([^"]+)", line (\d+)', trace) if "/site-packages/torch/" not in f[0]]
    return f"{shortened(found[-1][0])}:{found[-1][1]}" if found else ""
