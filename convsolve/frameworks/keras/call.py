"""One call of a Keras layer as a reader of its class sees it: the config, the inputs, and where layers go."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...errors import NetworkError
from ...operators import OPERATORS, Constant, Identity, Operator, Permute, Shape
from ...operators.base import DataFormat
from ...support.suggestions import nearest, quoted
from ..common.builder import Building
from ..common.registry import NotReadError, registrar

__all__ = [
    "READERS", "TENSOR", "LayerCall", "NotReadError", "RefusedSettingError", "Result", "activation", "builds_of",
    "inner_of", "is_tensor", "read", "reads", "tensors_in",
]  # fmt: skip

Result = str | Sequence[str]

TENSOR = {"class_name": "__keras_tensor__"}
"""What stands for a tensor among the arguments of a call."""

READERS: dict[str, Callable[[LayerCall], Result]] = {}
"""How each class of layers is read."""

_SETTINGS: dict[str, frozenset[str]] = {}
"""The settings of each class that a reader knows, beside those that every layer may have."""

_COMMON = frozenset(
    (
        "activity_regularizer",
        "autocast",
        "batch_input_shape",
        "batch_shape",
        "dtype",
        "dtype_policy",
        "gptq_unpacked_column_size",
        "input_dtype",
        "input_shape",
        "lora_alpha",
        "lora_rank",
        "name",
        "noise_shape",
        "quantization_config",
        "seed",
        "trainable",
        "weights",
    )
)
"""Settings that any layer may have, or that no shape depends on."""

_LEARNING = ("_constraint", "_initializer", "_regularizer")
"""How the names of settings end that say how weights are learned."""


class RefusedSettingError(NetworkError):
    """A setting of a layer that its constructor refuses."""


def reads(*names: str, settings: str = "") -> Callable[[Callable[[LayerCall], Result]], Callable[[LayerCall], Result]]:
    """Return a decorator that enters a reader of some classes, with the settings that these have."""
    for name in names:
        _SETTINGS[name] = frozenset(settings.split())
    return registrar(READERS)(*names)


def read(call: LayerCall) -> Result:
    """Read a call of a layer by its class's rule, and return the tensors that it makes.

    Raises:
        NotReadError: there is no rule for this.
        RefusedError: the layer has a setting that there is not, or one that its constructor refuses.
    """
    if call.kind not in READERS:
        raise NotReadError("convsolve has no rule for it")
    known = _SETTINGS[call.kind] | _COMMON
    for name in call.config:
        if name not in known and not str(name).endswith(_LEARNING):
            raise RefusedSettingError(f"{call.kind} has no setting {quoted(name)}{nearest(str(name), known)}")
    return READERS[call.kind](call)


_DIMENSIONS = re.compile(r"([123])D")
_OF_IMAGES = {"CenterCrop", "DepthToSpace", "RandomCrop", "Resizing", "SpaceToDepth"}

_ACTIVATIONS = {
    "hard_sigmoid": "hardsigmoid",
    "hard_silu": "hardswish",
    "hard_swish": "hardswish",
    "hard_tanh": "hardtanh",
    "swish": "silu",
}


@dataclass
class LayerCall:
    """A call of a layer: its class and config, the tensors it takes, and a builder to add layers to.

    ``arguments`` and ``options`` hold what is passed in the call, tensors as Keras writes them in a config; ``builds``
    has the shapes (without the batch axis) that the layer has weights for, by the names of ``build``'s arguments, and
    is empty where it has none yet; ``shared`` is the name that it had in its first call; ``network`` reads a network
    that stands in the config, given what it is called, its inputs, and where its layers go.
    """

    kind: str
    name: str
    config: Mapping[str, Any]
    inputs: Sequence[str]
    builder: Building
    arguments: Sequence[Any] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    builds: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    shared: str = ""
    source: str = ""
    network: Callable[[Any, str, Sequence[str], Building], Sequence[str]] | None = None

    @property
    def built(self) -> Sequence[Any] | None:
        """The shape that the layer has weights for, None where it has none yet."""
        return self.builds.get("input_shape")

    def need(self, name: str) -> Any:
        """Return a setting that must be there."""
        if name not in self.config:
            raise RefusedSettingError(f"its setting {quoted(name)} is missing")
        return self.config[name]

    @property
    def rank(self) -> int | None:
        """The number of axes, without the batch, that a class for so many spatial axes takes; None for any number."""
        digits = _DIMENSIONS.search(self.kind)
        return int(digits[1]) + (2 if "LSTM" in self.kind else 1) if digits else 3 if self.kind in _OF_IMAGES else None

    def shape(self, position: int = 0) -> Shape:
        """Return the shape of an input as it is written, or raise NotReadError where a failure hides it."""
        if position >= len(self.inputs):
            raise NotReadError(f"its input {position} is missing")
        return self.shape_of(self.inputs[position])

    def shape_of(self, reference: str) -> Shape:
        """Return the shape of a tensor as it is written, or raise NotReadError where a failure hides it."""
        shape = self.builder.shapes[reference]
        if shape is None:
            raise NotReadError("the number of axes of its input is not known")
        return shape

    def taken(self, *names: str) -> dict[str, list[str]]:
        """Return the tensors that the call takes by the names of its arguments, which are in this order."""
        if not self.arguments:  # as Keras 2 writes a call
            return (
                {names[0]: list(self.inputs)}
                if len(names) == 1
                else {name: [reference] for name, reference in zip(names, self.inputs, strict=False)}
            )
        references = iter(self.inputs)
        given = (*zip(names, self.arguments, strict=False), *self.options.items())
        found = {name: [next(references) for _ in tensors_in(value)] for name, value in given}
        return {name: tensors for name, tensors in found.items() if tensors}

    def option(self, name: str, default: Any = None) -> Any:
        """Return a setting: from the config, or else passed by name in the call."""
        return self.config.get(name, self.options.get(name, default))

    def axis(self, axis: Any, rank: int | None = None) -> int:
        """Return an axis that counts the batch as one of ours, which do not."""
        rank = len(self.shape()) if rank is None else rank
        if type(axis) is not int or axis in (0, -rank - 1):
            raise NotReadError(f"axis {quoted(axis)} is no axis beside the batch")
        if not -rank <= axis <= rank:
            raise RefusedSettingError(f"axis {quoted(axis)} is out of range for {rank + 1} axes with the batch")
        return axis - 1 if axis > 0 else axis % rank

    def must_have(self, axes: Any) -> None:
        """Refuse axes that the first input does not have; the batch is one."""
        rank = len(self.shape())
        for axis in axes if isinstance(axes, (list, tuple)) else [axes]:
            if type(axis) is int and not -rank - 1 <= axis <= rank:
                raise RefusedSettingError(f"axis {axis} is out of range for {rank + 1} axes with the batch")

    def add(self, operator: Operator, *inputs: str, part: str = "", rank: int | None = None) -> str:
        """Add a layer with one output, under the name of the call or that of a part of it."""
        return self.several(operator, *inputs, part=part, rank=rank)[0]

    def constant(self, shape: Sequence[Any], part: str) -> str:
        """Add a tensor that the layer learns."""
        name = self.builder.free_name(f"{self.name}.{part}")
        first = f"{self.shared}.{part}" if self.shared else ""
        return self.builder.add(
            name,
            Constant(shape=shape, learned=True),
            source=self.source,
            shares=first if first in self.builder.shapes else "",
        )[0]

    def several(self, operator: Operator, *inputs: str, part: str = "", rank: int | None = None) -> list[str]:
        """Add a layer, whose first input must have so many axes, and return all tensors that it makes."""
        suffix = f".{part}" if part else ""
        first = f"{self.shared}{suffix}" if self.shared else ""
        return self.builder.add(
            self.builder.free_name(f"{self.name}{suffix}"),
            operator,
            inputs or self.inputs,
            source=self.source,
            shares=first if first in self.builder.shapes else "",
            rank=rank,
        )

    @property
    def data_format(self) -> DataFormat:
        """The order of axes of the layer itself."""
        written = self.option("data_format")
        own: Any = self.builder.data_format if written is None else str(written).lower()
        if own not in ("channels_first", "channels_last"):
            raise RefusedSettingError(f"its data_format {quoted(written)} is neither channels_first nor channels_last")
        return own  # type: ignore[no-any-return]

    def spatial(self, operator: Operator, *inputs: str, part: str = "") -> str:
        """Add a layer that works on channels and space, in the order that the config of the layer says."""
        source = inputs[0] if inputs else self.inputs[0]
        own, shape = self.data_format, self.builder.shapes[source]
        if own == self.builder.data_format or shape is None or len(shape) < 2:
            return self.add(operator, source, part=part, rank=self.rank)
        return self.at_channels(operator, 0 if own == "channels_first" else len(shape) - 1, source, part=part)

    def at_channels(
        self, operator: Operator, axis: int, source: str, *, part: str = "", back: int | None = None
    ) -> str:
        """Add a layer that finds its channels on another axis than the network's: moved there, and back.

        ``back`` is where they stand in the result, if that is another place.
        """
        shape, rank = self.builder.shapes[source], self.rank
        if shape is None or rank not in (None, len(shape)):
            return self.add(operator, source, part=part, rank=rank)
        channels = len(shape) - 1 if self.builder.data_format == "channels_last" else 0
        if axis == channels:
            return self.add(operator, source, part=part, rank=rank)
        order = [i for i in range(len(shape)) if i != axis]
        order.insert(channels, axis)
        moved = self.add(Permute(order=order), source, part=f"{part}to_{self.builder.data_format}")
        made = self.add(operator, moved, part=part, rank=rank)
        result = self.builder.shapes[made]
        if result is None or len(result) < 2:
            return made
        channels = min(channels, len(result) - 1)
        returned = [i for i in range(len(result)) if i != channels]
        returned.insert(min(axis, len(result) - 1) if back is None else back, channels)
        return self.add(Permute(order=returned), made, part=f"{part}back")

    def activated(self, reference: str) -> str:
        """Return the tensor after the activation that the config names, if any."""
        operator = activation(self.config.get("activation"))
        return reference if operator is None else self.add(operator, reference, part=operator.kind)


def inner_of(written: Any) -> tuple[str, Mapping[str, Any]]:
    """Return the class and the settings of a layer that stands in the settings of another."""
    if not isinstance(written, Mapping) or not isinstance(written.get("class_name"), str):
        raise RefusedSettingError(f"it holds no layer, but {quoted(written)}")
    config = written.get("config")
    return written["class_name"], config if isinstance(config, Mapping) else {}


def builds_of(config: Any) -> dict[str, Sequence[Any]]:
    """Return the shapes of samples that a layer was built for, from what Keras keeps of that."""
    config = config if isinstance(config, Mapping) else {}
    shapes = {**(config.get("shapes_dict") or {}), "input_shape": config.get("input_shape")}
    return {
        name: shape[1:]
        for name, shape in shapes.items()
        if isinstance(shape, (list, tuple)) and len(shape) > 1 and all(n is None or isinstance(n, int) for n in shape)
    }


def is_tensor(argument: Any) -> bool:
    """Return whether an argument in a config is a tensor."""
    return isinstance(argument, Mapping) and argument.get("class_name") == "__keras_tensor__"


def tensors_in(argument: Any) -> Iterator[Any]:
    """Yield the tensors in an argument of a config, in order."""
    if is_tensor(argument):
        yield argument
    elif isinstance(argument, (list, tuple)):
        for one in argument:
            yield from tensors_in(one)
    elif isinstance(argument, Mapping):
        for one in argument.values():
            yield from tensors_in(one)


def activation(written: Any) -> Operator | None:
    """Return the operator of an activation as a config writes it, None for a linear one."""
    if isinstance(written, Mapping):
        inner = written.get("config")
        written = inner if isinstance(inner, str) else written.get("class_name")
    if written in (None, "linear"):
        return None
    name = _ACTIVATIONS.get(str(written), str(written))
    return OPERATORS[name]() if name in OPERATORS and not OPERATORS[name].parameters() else Identity()
