"""Reading exported programs, ``.pt2`` files, without running any code that is in them.

``torch.export.load`` unpickles parts of a file, which can run anything. Here only the description of the graph is
read, which is JSON, and its calls to PyTorch's own operators are made on tensors without contents.
"""

from __future__ import annotations

import dataclasses
import json
import operator
import re
import zipfile
from typing import Any

import torch

from ...dims import Var, eq
from ...errors import ConvsolveError, UnreadableError
from ...network import Guard, InputShapes, Network, given_shapes
from ...operators import axis_names
from .opaque import tensors_in
from .places import shortened
from .programs import confirmed
from .recorder import Recorder
from .tape import BATCH_NAME

__all__ = ["from_exported"]

_DESCRIPTIONS = ("/models/model.json", "serialized_exported_program.json")
_LARGEST = 64 * 2**20
_TARGET = re.compile(r"torch\.ops\.aten\.(\w+)\.(\w+)")
_PYTHON = {"add", "sub", "mul", "floordiv", "mod", "truediv", "neg", "pow", "eq", "ne", "lt", "le", "gt", "ge",
           "getitem", "and_", "or_", "not_"}  # fmt: skip
_PLAIN = {"as_int", "as_ints", "as_float", "as_floats", "as_bool", "as_bools", "as_string", "as_strings"}
_DISTURBED = (KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError, RecursionError)


def from_exported(path: str, input_shape: InputShapes | None = None) -> Network:
    """Read a program that ``torch.export.save`` wrote, as a network.

    Sizes that were not exported as dynamic are bound to what they were: at others nothing is known.

    Args:
        path: the file, ``.pt2``.
        input_shape: the input's shape without the batch axis, in place of the one that it was exported with; of
            several inputs a list of shapes, or a mapping from their names.

    Raises:
        UnreadableError: the file is not such a program, or uses what cannot be read.
    """
    description = _described(path)
    try:
        program = _Program(description)
        shapes = program.shapes
        if input_shape is not None:
            given = given_shapes(input_shape, program.inputs if len(shapes) > 1 else ["input"])
            shapes = tuple(own if shape is None else shape for shape, own in zip(given, shapes, strict=True))
        network = confirmed(program.record(shapes), shapes, program.record)
    except ConvsolveError:
        raise
    except _DISTURBED as error:
        raise UnreadableError(f"{path}: its description of the graph cannot be followed ({error!r})") from error
    return network


def _described(path: str) -> dict[str, Any]:
    """Return the description of the graph in an archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [n for n in archive.namelist() if n.endswith(_DESCRIPTIONS)]
            if len(names) != 1:
                raise UnreadableError(f"{path}: wanted one exported program in it, found {len(names)}")
            if archive.getinfo(names[0]).file_size > _LARGEST:
                raise UnreadableError(f"{path}: its description is larger than {_LARGEST} bytes")
            found = json.loads(archive.read(names[0]))
    except OSError as error:
        raise UnreadableError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (zipfile.BadZipFile, ValueError, RecursionError) as error:
        raise UnreadableError(f"{path}: is no exported program: {error}") from None
    if not isinstance(found, dict) or "graph_module" not in found:
        raise UnreadableError(f"{path}: is no exported program: there is no graph in it")
    return found


class _Program:
    """The graph of an exported program, and how it is run."""

    def __init__(self, description: dict[str, Any]) -> None:
        module = description["graph_module"]
        self.graph = module["graph"]
        self.signature = module["signature"]
        self.inputs = [
            spec["user_input"]["arg"]["as_tensor"]["name"] for spec in self.signature["input_specs"]
            if "as_tensor" in spec.get("user_input", {}).get("arg", {})
        ]
        full = [self._sizes(name) for name in self.inputs]
        if not full or any(len(sizes) < 2 or sizes[0] != full[0][0] for sizes in full):
            raise UnreadableError("the program's inputs do not have one batch axis in front, and others")
        self.batch = full[0][0]
        self.shapes = tuple(tuple(sizes[1:]) for sizes in full)

    def _sizes(self, name: str) -> list[int]:
        """Return the sizes that a tensor was exported with."""
        return [_hint(size) for size in self.graph["tensor_values"][name]["sizes"]]

    def record(self, shapes: tuple[tuple[int, ...], ...]) -> Network:
        """Record the program's calls at these input shapes."""
        values: dict[str, Any] = {}
        parameters: dict[int, tuple[str, torch.Tensor]] = {}
        for spec in self.signature["input_specs"]:
            for kind in ("parameter", "buffer", "tensor_constant"):
                if kind in spec:
                    name = spec[kind]["arg"]["name"]
                    values[name] = torch.empty(self._sizes(name), device="meta")
                    if kind == "parameter":
                        parameters[id(values[name])] = spec[kind]["parameter_name"], values[name]
        recorder = Recorder(parameters, {})
        recorder.graph.numbers[BATCH_NAME] = self.batch
        single = len(self.inputs) == 1
        for name, shape in zip(self.inputs, shapes, strict=True):
            values[name] = recorder.input("input" if single else name, shape)
        with recorder.watching():
            for node in self.graph["nodes"]:
                self._call(recorder, node, values)
        specs = [spec["user_output"]["arg"] for spec in self.signature["output_specs"] if "user_output" in spec]
        recorder.finish(list(tensors_in([_argument(arg, values) for arg in specs])))
        network = recorder.network()
        return dataclasses.replace(
            network, guards=(*network.guards, *self._bound(network.layers)), record=lambda *again: self.record(again))

    def _bound(self, layers: Any) -> list[Guard]:
        """Return guards for the sizes that were not exported as dynamic."""
        guards = []
        for layer, name in zip(layers, self.inputs, strict=False):
            sizes = self.graph["tensor_values"][name]["sizes"][1:]
            for axis, size in zip(axis_names(len(sizes)), sizes, strict=True):
                if "as_int" in size:
                    condition = eq(Var(f"{layer.name}.{axis}", interval=(1, None)), size["as_int"])
                    guards.append(Guard(condition, "exported with this size"))
        return guards

    def _call(self, recorder: Recorder, node: dict[str, Any], values: dict[str, Any]) -> None:
        """Make one call of the program, and keep what comes out."""
        function = _function(node["target"])
        metadata = node.get("metadata", {})
        recorder.stack = [_module(metadata.get("nn_module_stack", ""))]
        recorder.place = _place(metadata.get("stack_trace", ""))
        arguments = [(entry, _argument(entry["arg"], values)) for entry in node["inputs"]]
        positional = [value for entry, value in arguments if entry.get("kind", 1) != 2]
        named = {entry["name"]: value for entry, value in arguments if entry.get("kind", 1) == 2}
        result = function(*positional, **named)
        outputs = node["outputs"]
        if len(outputs) == 1 and "as_tensors" in outputs[0]:
            values.update({t["name"]: r for t, r in zip(outputs[0]["as_tensors"], result, strict=True)})
            return
        results = result if len(outputs) > 1 else [result]
        for output, value in zip(outputs, results, strict=True):
            (kind, named_output), = output.items()
            if kind in ("as_tensor", "as_sym_int", "as_sym_bool", "as_sym_float"):
                values[named_output["name"] if "name" in named_output else named_output["as_name"]] = value


def _function(target: str) -> Any:
    """Return one of PyTorch's own operators, or of Python's on numbers; of anything else, UnreadableError."""
    match = _TARGET.fullmatch(target)
    packet = getattr(torch.ops.aten, match[1], None) if match is not None else None
    if match is not None and isinstance(packet, torch._ops.OpOverloadPacket) and hasattr(packet, match[2]):
        return getattr(packet, match[2])
    head, _, name = target.rpartition(".")
    if head == "_operator" and name in _PYTHON:
        return getattr(operator, name)
    if head == "math" and name in ("ceil", "floor", "trunc"):
        import math

        return getattr(math, name)
    raise UnreadableError(f"the program calls {target!r}, which is none of PyTorch's own operators")


def _argument(argument: dict[str, Any], values: dict[str, Any]) -> Any:
    """Return an argument of a call."""
    (kind, given), = argument.items()
    if kind in _PLAIN:
        return given
    if kind in ("as_tensor", "as_sym_int", "as_sym_bool", "as_sym_float"):
        return _reference(given, values)
    if kind in ("as_tensors", "as_sym_ints"):
        return [_reference(one, values) for one in given]
    if kind == "as_optional_tensors":
        return [_argument(one, values) for one in given]
    if kind in ("as_none", "as_device", "as_layout", "as_memory_format", "as_scalar_type"):
        return None  # no shape depends on them
    raise UnreadableError(f"the program has an argument of the kind {kind!r}")


def _reference(given: dict[str, Any], values: dict[str, Any]) -> Any:
    for key in ("as_int", "as_bool", "as_float"):
        if key in given:
            return given[key]
    return values[given["name"] if "name" in given else given["as_name"]]


def _hint(size: dict[str, Any]) -> int:
    if "as_int" in size:
        return int(size["as_int"])
    return int(size["as_expr"]["hint"]["as_int"])


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
