"""The reader of Keras configs: layers, their calls, networks inside of networks."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from ...errors import ConvsolveError, NetworkError, UnreadableError
from ...network import InputShapes, Network, given_shapes
from ...operators import Opaque
from ...operators.base import DataFormat
from ...support.caller_errors import pass_on
from ...support.suggestions import nearest, quoted
from ..common.builder import Builder, Building
from . import axes, features, joins, layers, operations, products, recurrent, steps
from .call import READERS, LayerCall, NotReadError, builds_of, read, tensors_in
from .config_sources import live_layers
from .tensorflow import LAMBDAS, operation_of, tensors_of

__all__ = ["MISWRITTEN", "ConfigReader", "UnknownLayerError"]

_READ = (axes, features, joins, layers, operations, products, recurrent, steps)  # they register how each class is read
_NETWORKS = ("Sequential", "Functional", "Model")
_OWN = ("keras", "keras_core", "tf_keras", "tensorflow")

_Tensor = tuple[str, int, int]
"""A layer's name, which of its calls, and which of that call's outputs."""


class UnknownLayerError(UnreadableError):
    """A layer has no rule, and nothing tells which shape it gives."""


class ConfigReader:
    """One config being read; ``tensors`` tells which of our tensors each call of a layer (by its path) makes."""

    def __init__(
        self,
        config: Mapping[str, Any],
        name: str,
        live: Any = None,
        input_shape: InputShapes | None = None,
        assume: Mapping[str, str] | None = None,
    ) -> None:
        self.name, self.given = name, input_shape
        self.assumed = {layer: word for layer, word in (assume or {}).items() if self._known(word)}
        self.lambdas: set[str] = set()
        self.builder = Builder("keras", _data_format(config))
        self.at: Building = self.builder
        self.tensors: dict[str, tuple[str, ...]] = {}
        outputs = self._model(config, "", None, live)
        for layer in self.assumed:
            if layer not in self.lambdas:
                raise UnreadableError(
                    f"{name} has no Lambda layer {layer!r} of which to assume something"
                    f"{nearest(layer, sorted(self.lambdas), listed=4)}"
                )
        self.network: Network = self.builder.network(outputs)

    def _known(self, word: str) -> bool:
        """Return that something is known that may be assumed, or raise UnreadableError."""
        if word != "identity":
            raise UnreadableError(f"{self.name}: of a Lambda layer, `identity` may be assumed, not {quoted(word)}")
        return True

    # -- networks

    def _model(self, entry: Mapping[str, Any], prefix: str, inputs: Sequence[str] | None, live: Any) -> list[str]:
        """Read a network, whose inputs are given where it stands inside of another."""
        config = entry["config"]
        if isinstance(config, list):
            config = {"layers": config}
        if "input_layers" in config:
            return self._functional(config, prefix, inputs, live)
        return self._sequential(config, prefix, inputs, live)

    def _sequential(self, config: Mapping[str, Any], prefix: str, inputs: Sequence[str] | None, live: Any) -> list[str]:
        entries = [entry for entry in config["layers"] if entry["class_name"] != "InputLayer"]
        tensors = list(inputs) if inputs is not None else [self._first(config, prefix)]
        found = live_layers(live)
        for i, entry in enumerate(entries):
            following = entries[i + 1] if i + 1 < len(entries) else {}
            seen = (following.get("build_config") or {}).get("input_shape")
            name = _name_of(entry)
            tensors = self._call(entry, prefix + name, tensors, live=found.get(name), seen={0: seen} if seen else {})
        return tensors

    def _first(self, config: Mapping[str, Any], prefix: str) -> str:
        """Add the input of a Sequential: declared, built, or as the caller says."""
        first: Mapping[str, Any] = config["layers"][0] if config["layers"] else {"class_name": "", "config": {}}
        inner = first["config"]
        shape = inner.get("batch_shape") or inner.get("batch_input_shape")
        if shape is None and first["class_name"] not in _NETWORKS:
            shape = config.get("build_input_shape")
        while shape is None and first["class_name"] in _NETWORKS and first["config"].get("layers"):
            first = first["config"]["layers"][0]
            shape = first["config"].get("batch_shape") or first["config"].get("batch_input_shape")
        name = _name_of(first) if first["class_name"] == "InputLayer" else "input"
        return self._input(prefix + name, shape, self._given([name])[0])

    def _given(self, names: list[str]) -> list[tuple[int, ...] | None]:
        """Return the shapes that the caller gives these inputs."""
        try:
            return [None] * len(names) if self.given is None else given_shapes(self.given, names)
        except NetworkError as error:
            raise UnreadableError(f"{self.name}: {error}") from None

    def _input(self, name: str, shape: Any, given: tuple[int, ...] | None) -> str:
        if given is not None:
            if isinstance(shape, (list, tuple)) and len(shape) != len(given) + 1:
                raise UnreadableError(
                    f"{self.name}: the input has {len(shape) - 1} axes beside the batch, got the shape {given}"
                )
            shape = (None, *given)
        if not isinstance(shape, (list, tuple)) or not all(n is None or type(n) is int for n in shape):
            raise UnreadableError(
                f"{self.name} does not say which input it takes: give input_shape=..., without the batch axis"
            )
        if len(shape) < 2:
            raise UnreadableError(f"{self.name}: the input {name!r} has nothing beside the batch axis")
        made = self.builder.input(name, shape[1:], source=f"input {name!r}")
        self.tensors[name] = (made,)
        return made

    def _functional(self, config: Mapping[str, Any], prefix: str, inputs: Sequence[str] | None, live: Any) -> list[str]:
        made: dict[_Tensor, str] = {}
        seen = dict(_recorded(config))
        found = live_layers(live)
        names = list(_histories(config["input_layers"]))
        if inputs is not None and len(inputs) != len(names):
            raise UnreadableError(
                f"{self.name}: {prefix or 'the network'} takes {len(names)} inputs, got {len(inputs)}"
            )
        by_name = {_name_of(entry): entry for entry in config["layers"]}
        given = self._given([name for name, _, _ in names]) if inputs is None else []
        for i, (name, _, _) in enumerate(names):
            if name not in by_name:
                raise UnreadableError(f"{self.name}: its input {name!r} is not among its layers")
            shape = by_name[name]["config"].get("batch_shape") or by_name[name]["config"].get("batch_input_shape")
            made[name, 0, 0] = self._input(prefix + name, shape, given[i]) if inputs is None else inputs[i]
        waiting = [
            (entry, i, node)
            for entry in config["layers"]
            for i, node in enumerate(entry.get("inbound_nodes") or [])
            if entry["class_name"] != "InputLayer"
        ]
        while waiting:
            later = []
            for entry, i, node in waiting:
                name, histories = _name_of(entry), _histories_of(entry, node)
                if not all(history in made for history in histories):
                    later.append((entry, i, node))
                    continue
                path = prefix + name
                outputs = self._call(
                    entry,
                    path if i == 0 else f"{path}:{i + 1}",
                    [made[h] for h in histories],
                    node=node,
                    shared=path if i else "",
                    live=found.get(name),
                    seen={h[2]: shape for h, shape in seen.items() if h[:2] == (name, i)},
                )
                place = i + (_is_network(entry) and isinstance(node, list))  # Keras 2 counts how a network was made
                made.update({(name, place, n): tensor for n, tensor in enumerate(outputs)})
            if len(later) == len(waiting):
                missing = next(h for h in _histories_of(later[0][0], later[0][2]) if h not in made)
                raise UnreadableError(
                    f"{self.name}: the layer {_name_of(later[0][0])!r} takes output {missing[2]} of call "
                    f"{missing[1] + 1} of {missing[0]!r}, which is not read or not there"
                )
            waiting = later
        return [self._output(made, history, by_name) for history in _histories(config["output_layers"])]

    def _output(self, made: Mapping[_Tensor, str], history: _Tensor, entries: Mapping[str, Any]) -> str:
        name, call, index = history
        entry = entries.get(name, {})
        if "input_layers" in entry.get("config", {}) and not isinstance((entry["inbound_nodes"] or [[]])[0], list):
            call -= 1  # Keras 3 counts how a functional network was made, in outputs alone
        if (name, call, index) not in made:
            raise UnreadableError(f"{self.name}: its output {name!r} is not there")
        return made[name, call, index]

    # -- layers

    def _call(
        self,
        entry: Mapping[str, Any],
        path: str,
        inputs: Sequence[str],
        *,
        node: Any = None,
        shared: str = "",
        live: Any = None,
        seen: Mapping[int, Any],
    ) -> list[str]:
        """Read one call of a layer; return the tensors that it makes."""
        kind, config = entry["class_name"], entry["config"]
        if _is_network(entry):
            before = len(self.builder.layers)
            outputs = self._model(entry, f"{path}/", inputs, live)
            if shared:
                self.builder.share(before, f"{path}/", f"{shared}/")
            self.tensors[path] = tuple(outputs)
            return outputs
        call = LayerCall(
            kind=kind,
            name=path,
            config=config,
            inputs=inputs,
            builder=self.at,
            arguments=_arguments(node),
            options=_options(node),
            builds=builds_of(entry.get("build_config")),
            shared=shared,
            source=f"{kind} {path!r}",
            network=self._inside,
        )
        before = len(self.builder.layers)
        try:
            if not _is_kerass_own(entry):
                raise NotReadError("it is no layer of Keras's own")
            if kind == "Lambda":
                self.lambdas.update(("lambda", path))
                if not {"lambda", path} & self.assumed.keys():
                    raise NotReadError(
                        "its code is not run; if it keeps the shape, assume it: --assume lambda=identity, from Python "
                        "assume={'lambda': 'identity'}"
                    )
                source = f"{call.source}, assumed the identity"
                call = dataclasses.replace(call, kind="Identity", config={}, source=source)
            if kind in LAMBDAS:
                made = operation_of(config.get("function"), node)
                call = dataclasses.replace(call, kind=made.kind, config=made.config, arguments=made.arguments)
            if (kind in LAMBDAS or ".ops." in str(entry.get("module"))) and f"ops.{call.kind}" in READERS:
                call = dataclasses.replace(call, kind=f"ops.{call.kind}")
            result = read(call)
        except NotReadError as error:
            self.builder.forget(before)
            result = self._opaque(call, _why(error), live, seen if self._as_recorded(call, node) else {})
        except UnreadableError:
            raise
        except (ConvsolveError, *MISWRITTEN) as error:
            raise UnreadableError(f"{self.name}: the layer {path!r} ({kind}) cannot be read: {_why(error)}") from None
        outputs = [result] if isinstance(result, str) else list(result)
        self.tensors[path] = tuple(outputs)
        return outputs

    def _as_recorded(self, call: LayerCall, node: Any) -> bool:
        """Return whether a call takes tensors of the shapes that they had when the config was written."""
        recorded = [t["config"].get("shape") for t in tensors_in([_arguments(node), dict(_options(node))])
                    if isinstance(t.get("config"), Mapping)]  # fmt: skip
        given = [self.at.shapes[reference] for reference in call.inputs]
        return len(recorded) != len(given) or all(
            shape is None
            or not isinstance(old, (list, tuple))
            or (
                len(old) == len(shape) + 1
                and all(a in (None, b) or not isinstance(b, int) for a, b in zip(old[1:], shape, strict=True))
            )
            for old, shape in zip(recorded, given, strict=True)
        )

    def _inside(self, entry: Any, path: str, inputs: Sequence[str], builder: Building) -> Sequence[str]:
        """Read a network that a layer applies, and whose layers go to a builder of their own."""
        outer, self.at = self.at, builder
        try:
            return self._model(entry, f"{path}/", inputs, None)
        finally:
            self.at = outer

    def _opaque(self, call: LayerCall, why: str, live: Any, seen: Mapping[int, Any]) -> list[str]:
        """Return the outputs of a layer that is known only at the sizes at which it was built."""
        shapes = [self.builder.shapes[reference] for reference in call.inputs]
        if any(shape is None for shape in shapes):  # a failure before it: nothing is known from there on
            return [call.add(Opaque(what=f"Keras {call.kind}", seen=(), outputs=()))]
        known = [shape for shape in shapes if shape is not None and all(isinstance(n, int) for n in shape)]
        where = f"{self.name}: the layer {call.name!r} ({call.kind}) cannot be read: {why}"
        if len(known) < len(shapes):
            raise UnknownLayerError(f"{where}; at known sizes it may be: give input_shape=...")
        outputs: list[Any] = _live_shapes(call.kind, live, known) or [seen[i] for i in sorted(seen)]
        if not outputs or not all(_is_known(s) for s in outputs):
            raise UnknownLayerError(f"{where}, and its output's shape is not in the config")
        if self.given is not None and not _live_shapes(call.kind, live, known):
            raise UnknownLayerError(f"{where}, and its config tells of other sizes than the ones given")
        weights = live.count_params() if live is not None and getattr(live, "built", False) else 0
        what = f"Keras {call.kind}" if live is not None else f"Keras {call.kind} (its parameters are not counted)"
        return call.several(Opaque(what=what, seen=known, outputs=[tuple(s)[1:] for s in outputs], weights=weights))


MISWRITTEN = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, ZeroDivisionError)
"""What a reader raises where a setting has a value that Keras would not write."""


_LONGEST = 400
"""No reason that stands in a message is longer."""


def _why(error: Exception) -> str:
    """Return what is wrong with a layer's settings."""
    told = isinstance(error, (ConvsolveError, NotReadError))
    text = str(error) if told else "a setting of it has a value that Keras would not write"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _live_shapes(kind: str, live: Any, shapes: Sequence[Sequence[Any]]) -> list[Any]:
    """Return the output shapes that a live layer computes; the code of a Lambda is never run."""
    if live is None or kind == "Lambda" or not hasattr(live, "compute_output_shape"):
        return []
    given = [(None, *shape) for shape in shapes]
    outside = sys.exception()
    try:
        found = live.compute_output_shape(given[0] if len(given) == 1 else given)
    except Exception as error:  # a stranger's code: whatever it raises, it does not tell
        pass_on(error, within=outside)
        return []
    return [found] if found and not isinstance(found[0], (list, tuple)) else list(found)


def _is_known(shape: Any) -> bool:
    """Return whether all sizes of a shape are known, but for the batch."""
    return isinstance(shape, (list, tuple)) and len(shape) > 1 and all(type(n) is int and n > 0 for n in shape[1:])


def _name_of(entry: Mapping[str, Any]) -> str:
    return str(entry.get("name") or entry["config"].get("name") or entry["class_name"])


def _is_network(entry: Mapping[str, Any]) -> bool:
    """Return whether a layer is a network itself."""
    return entry["class_name"] in _NETWORKS and isinstance(entry["config"], Mapping) and "layers" in entry["config"]


def _is_kerass_own(entry: Mapping[str, Any]) -> bool:
    """Return whether a class is Keras's own, not one of the same name."""
    module, registered = entry.get("module"), entry.get("registered_name")
    if module is not None:
        return str(module).split(".")[0] in _OWN
    return registered is None or ">" not in str(registered)


def _data_format(config: Any) -> DataFormat:
    """Return the order in which the first layer that has one writes its shapes."""
    stack = [config]
    while stack:
        value = stack.pop()
        if isinstance(value, Mapping):
            if value.get("data_format") in ("channels_first", "channels_last"):
                found: DataFormat = value["data_format"]
                return found
            stack.extend(v for v in reversed(list(value.values())) if isinstance(v, (Mapping, list)))
        elif isinstance(value, list):
            stack.extend(reversed(value))
    return "channels_last"


def _histories_of(entry: Mapping[str, Any], node: Any) -> list[_Tensor]:
    """Return the tensors that a call of a layer takes, in order."""
    if entry["class_name"] in LAMBDAS:
        with suppress(NotReadError):  # it is read, or is not, as all that is not written as it should be
            return tensors_of(node)
    return list(_histories(node))


def _histories(value: Any) -> Iterator[_Tensor]:
    """Yield the tensors that a node takes, or that a list names, in order; as Keras 3 or 2 writes them."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, Mapping):
            if item.get("class_name") == "__keras_tensor__":
                name, node, index = item["config"]["keras_history"]
                yield str(name), int(node), int(index)
            else:
                stack.extend(reversed(list(item.values())))
        elif isinstance(item, (list, tuple)):
            if len(item) >= 3 and isinstance(item[0], str) and type(item[1]) is int and type(item[2]) is int:
                yield item[0], item[1], item[2]
                stack.extend(reversed(item[3:]))
            else:
                stack.extend(reversed(item))


def _recorded(config: Mapping[str, Any]) -> Iterator[tuple[_Tensor, Any]]:
    """Yield the tensors of a network with the shapes that they had when it was made."""
    stack: list[Any] = [entry.get("inbound_nodes") for entry in config["layers"]]
    while stack:
        item = stack.pop()
        if isinstance(item, Mapping) and item.get("class_name") == "__keras_tensor__":
            name, node, index = item["config"]["keras_history"]
            yield (str(name), int(node), int(index)), item["config"].get("shape")
        elif isinstance(item, Mapping):
            stack.extend(item.values())
        elif isinstance(item, (list, tuple)):
            stack.extend(item)


def _arguments(node: Any) -> Sequence[Any]:
    return node.get("args") or () if isinstance(node, Mapping) else ()


def _options(node: Any) -> Mapping[str, Any]:
    return node.get("kwargs") or {} if isinstance(node, Mapping) else {}
