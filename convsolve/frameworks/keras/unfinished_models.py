"""Configs of networks that were never finished: what the tensors of a failed call remember, or that call alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

__all__ = ["OneCall", "Unfinished", "tensors_in"]

_Key = tuple[Any, int]
"""An operation, and which of its calls."""


def tensors_in(arguments: Any) -> Iterator[Any]:
    """Yield the symbolic tensors in the arguments of a call."""
    stack = [arguments]
    while stack:
        value = stack.pop()
        if hasattr(value, "_keras_history"):
            yield value
        elif isinstance(value, (list, tuple)):
            stack.extend(reversed(value))
        elif isinstance(value, Mapping):
            stack.extend(reversed(list(value.values())))


class Unfinished:
    """Looks like a model: the layers that led to a call which failed, and that call as the last of them."""

    name = "unfinished"

    def __init__(self, layer: Any, arguments: tuple[Any, ...]) -> None:
        self.last, self.arguments = layer, arguments
        self.layers = [layer, *dict.fromkeys(operation for operation, _ in self._calls())]

    def get_config(self) -> dict[str, Any]:
        """Return a config as a functional model has it."""
        entries: dict[str, dict[str, Any]] = {}
        inputs = []
        for operation, index in self._calls():
            node = operation._inbound_nodes[index]
            entry = entries.setdefault(operation.name, _entry(operation))
            if node.is_input:
                inputs.append([operation.name, 0, 0])
            else:
                entry["inbound_nodes"].append(
                    {"args": self._written(node.arguments.args), "kwargs": self._written(node.arguments.kwargs)}
                )
        last = entries.setdefault(self.last.name, _entry(self.last))
        last["inbound_nodes"].append({"args": self._written(self.arguments), "kwargs": {}})
        output = [self.last.name, len(last["inbound_nodes"]) - 1, 0]
        return {"layers": list(entries.values()), "input_layers": inputs, "output_layers": [output]}

    def _calls(self) -> list[_Key]:
        """Return the calls that the arguments rest on, each after those that it rests on."""
        found: dict[_Key, None] = {}
        entered: set[_Key] = set()
        stack = [(_key(tensor), False) for tensor in tensors_in(self.arguments)]
        while stack:
            key, done = stack.pop()
            if done:
                found[key] = None
            elif key not in entered:
                entered.add(key)
                node = key[0]._inbound_nodes[key[1]]
                stack.append((key, True))
                stack.extend((_key(tensor), False) for tensor in node.input_tensors)
        return list(found)

    def _written(self, value: Any) -> Any:
        return _written(value, self._history)

    def _history(self, tensor: Any) -> list[Any]:
        operation, index, output = tensor._keras_history
        calls = [key[1] for key in self._calls() if key[0] is operation]
        return [operation.name, sorted(calls).index(index), output]


class OneCall:
    """Looks like a model: one call of a layer, whose tensors are inputs; sizes that are open are of a number."""

    name = "one call"

    def __init__(self, layer: Any, arguments: tuple[Any, ...], options: Mapping[str, Any], size: int) -> None:
        self.layer, self.arguments, self.options, self.size = layer, arguments, options, size
        self.layers = [layer]
        self._names: dict[int, str] = {}

    def get_config(self) -> dict[str, Any]:
        """Return a config as a functional model has it."""
        entry = _entry(self.layer)
        if getattr(self.layer, "built", False) and hasattr(self.layer, "get_build_config"):
            entry["build_config"] = self.layer.get_build_config()
        entry["inbound_nodes"] = [
            {"args": _written(self.arguments, self._history), "kwargs": _written(self.options, self._history)}
        ]
        inputs = [self._input(tensor) for tensor in {id(t): t for t in self._tensors()}.values()]
        return {
            "layers": [*inputs, entry],
            "input_layers": [[given["name"], 0, 0] for given in inputs],
            "output_layers": [[self.layer.name, 0, 0]],
        }

    def _tensors(self) -> Iterator[Any]:
        return tensors_in((self.arguments, self.options))

    def _input(self, tensor: Any) -> dict[str, Any]:
        name = self._history(tensor)[0]
        shape = [None, *(self.size if n is None else n for n in tensor.shape[1:])]
        config = {"name": name, "batch_shape": shape}
        return {"class_name": "InputLayer", "name": name, "config": config, "inbound_nodes": []}

    def _history(self, tensor: Any) -> list[Any]:
        return [self._names.setdefault(id(tensor), f"arrives {len(self._names) + 1}"), 0, 0]


def _entry(operation: Any) -> dict[str, Any]:
    kind = type(operation)
    return {
        "class_name": kind.__name__,
        "module": kind.__module__,
        "name": operation.name,
        "config": operation.get_config(),
        "inbound_nodes": [],
    }


def _written(value: Any, history: Callable[[Any], list[Any]]) -> Any:
    """Return an argument as a config has it; ``history`` tells where a tensor comes from."""
    if hasattr(value, "_keras_history"):
        config = {"shape": list(value.shape), "keras_history": history(value)}
        return {"class_name": "__keras_tensor__", "config": config}
    if isinstance(value, (list, tuple)):
        return [_written(v, history) for v in value]
    if isinstance(value, Mapping):
        return {k: _written(v, history) for k, v in value.items()}
    if isinstance(value, slice):
        return {
            "class_name": "__slice__",
            "config": {"start": value.start, "stop": value.stop, "step": value.step},
        }
    return value


def _key(tensor: Any) -> _Key:
    operation, index, _ = tensor._keras_history
    return operation, index
