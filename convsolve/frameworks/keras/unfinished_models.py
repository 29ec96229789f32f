"""The config of a functional network that was never finished: what the tensors of a failed call remember."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["Unfinished", "tensors_in"]

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
            entry = entries.setdefault(operation.name, self._entry(operation))
            if node.is_input:
                inputs.append([operation.name, 0, 0])
            else:
                entry["inbound_nodes"].append(
                    {"args": self._written(node.arguments.args), "kwargs": self._written(node.arguments.kwargs)}
                )
        last = entries.setdefault(self.last.name, self._entry(self.last))
        last["inbound_nodes"].append({"args": self._written(self.arguments), "kwargs": {}})
        output = [self.last.name, len(last["inbound_nodes"]) - 1, 0]
        return {"layers": list(entries.values()), "input_layers": inputs, "output_layers": [output]}

    @staticmethod
    def _entry(operation: Any) -> dict[str, Any]:
        kind = type(operation)
        return {
            "class_name": kind.__name__,
            "module": kind.__module__,
            "name": operation.name,
            "config": operation.get_config(),
            "inbound_nodes": [],
        }

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
        if hasattr(value, "_keras_history"):
            operation, index, output = value._keras_history
            calls = [key[1] for key in self._calls() if key[0] is operation]
            return {
                "class_name": "__keras_tensor__",
                "config": {
                    "shape": list(value.shape),
                    "keras_history": [operation.name, sorted(calls).index(index), output],
                },
            }
        if isinstance(value, (list, tuple)):
            return [self._written(v) for v in value]
        if isinstance(value, Mapping):
            return {k: self._written(v) for k, v in value.items()}
        if isinstance(value, slice):
            parts = {"start": value.start, "stop": value.stop, "step": value.step}
            return {"class_name": "__slice__", "config": parts}
        return value


def _key(tensor: Any) -> _Key:
    operation, index, _ = tensor._keras_history
    return operation, index
