"""The recorder of Keras models: layers that are known by their class are recorded as what they are.

What happens between them, in a model's or a layer's own ``call``, are calls of PyTorch, which Keras computes with.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any

import keras

from ...errors import ConvsolveError
from ...network import Layer
from ...operators.base import DataFormat
from ...support.caller_errors import pass_on
from ..common.recording.recorded_tensors import Unsupported, Value, WrongRank
from ..common.recording.source_locations import asking
from ..common.recording.symbolic_values import Followed, form_of
from ..torch.calls import RecordedCall
from ..torch.meta_execution import padded, without_data
from ..torch.opaque_calls import tensors_in
from ..torch.recorder import Recorder, RefusedCallError
from .call import LayerCall, NotReadError, builds_of, read
from .known_layers import builds_itself, expressed, known_class, layers_under, weights_of, with_shapes
from .layer_names import LayerNames
from .layer_sink import DrySink, Sink
from .recording_setup import replaced

__all__ = ["KerasRecorder"]

_IDLE = {"convert_to_tensor", "log_softmax", "softmax"}
"""Functions of Keras that look at sizes to warn, or to choose a type."""

_ON_LAST_AXIS = {"Activation", "Dense", "Dropout", "Embedding", "LayerNormalization", "LeakyReLU", "ReLU", "Softmax"}
"""Layers that do the same whatever the axes before the last are."""

_REFUSALS = (ValueError, TypeError, RuntimeError, IndexError, NotImplementedError)


class KerasRecorder(Recorder):
    """Records one run of a Keras model on the PyTorch backend.

    ``first`` has the name of a layer's first call, and the shapes of what it took. While it is ``asleep``, what runs
    is not recorded.
    """

    def __init__(self, model: Any, data_format: DataFormat) -> None:
        super().__init__({}, {}, framework="keras", data_format=data_format)
        self.tape.idle = self._idle
        self.model = model
        self.sink = Sink(self.graph)
        self.naming = LayerNames(model, self.graph)
        self.first: dict[int, tuple[str, Mapping[str, Sequence[Any]]]] = {}
        self.asleep = False

    def _idle(self, frame: FrameType) -> bool:
        """Return whether nothing comes of it how a question about sizes is answered that a frame asks."""
        asked = asking(frame)
        by_keras = asked is not None and str(asked.f_globals.get("__name__")).startswith("keras.")
        return self.asleep or (asked is not None and by_keras and asked.f_code.co_name in _IDLE)

    # -- weights

    @contextmanager
    def weights_without_data(self) -> Iterator[None]:
        """Give all weights shapes and no contents; afterwards, know those that the run has made, too."""
        for layer in [self.model, *layers_under(self.model)]:
            for weight in weights_of(layer):
                before = weight._value
                if before is not None and id(before) not in self.parameters:
                    weight._value = without_data(before)
                    self._learn(layer, weight)
                    self.parameters[id(before)] = self.parameters[id(weight._value)]
        yield
        self._learn_new()

    def _learn_new(self) -> None:
        self.naming.learn(self.model)
        for layer in [self.model, *layers_under(self.model)]:
            for weight in weights_of(layer):
                self._learn(layer, weight)

    def value(self, tensor: Any) -> Value:
        """Return what is known of a tensor."""
        if type(tensor).__name__ == "Parameter" and id(tensor) not in self.parameters:
            self._learn_new()  # a variable that was not made by `add_weight`
        return super().value(tensor)

    def _learn(self, layer: Any, weight: Any) -> str:
        """Return the name of a weight, which is to be counted when it is new."""
        tensor = weight._value
        if id(tensor) not in self.parameters:
            path = self.naming.path(layer)
            base = name = f"{path}/{weight.name}" if path else str(weight.name)
            number = 1
            while name in self.graph.uncounted or name in self.graph.counted:
                number += 1
                name = f"{base}_{number}"
            self.parameters[id(tensor)] = name, tensor
            self.graph.uncounted[name] = int(tensor.numel())
        return self.parameters[id(tensor)][0]

    def _weight_added(self, add_weight: Any, layer: Any, args: Any, kwargs: Any) -> Any:
        """Make a weight; one whose shape depends on the input's is known to do so."""
        awake = not self.asleep
        with self._sleeping():
            weight = add_weight(layer, *self.runner.plain(args), **self.runner.plain(kwargs))
        name = self._learn(layer, weight)
        shape = kwargs.get("shape", args[0] if args else ())
        if awake and isinstance(shape, (list, tuple)) and any(isinstance(n, Followed) for n in shape):
            forms = [form for form in map(form_of, shape) if form is not None]
            self.keep(weight._value, Value("", tuple(forms), None, parameters=frozenset((name,))))
        return weight

    # -- what runs

    @contextmanager
    def watching(self) -> Iterator[None]:
        """See calls of layers, the weights that they make, and what is asked about their shapes."""
        kind, numpy = keras.layers.Layer, keras.src.backend.numpy
        with ExitStack() as stack:
            for owner, name, wrapped in (
                (kind, "__call__", self._layer_called), (kind, "add_weight", self._weight_added),
                *((asked, "compute_output_shape", self._shape_asked) for asked in with_shapes(kind)),
            ):  # fmt: skip
                stack.enter_context(replaced(owner, name, _through(wrapped, getattr(owner, name))))
            stack.enter_context(replaced(numpy, "pad", functools.partial(self._padded, numpy.pad)))
            with super().watching():
                yield

    @contextmanager
    def _sleeping(self) -> Iterator[None]:
        """Let things run without being recorded."""
        before, self.asleep = self.asleep, True
        try:
            yield
        finally:
            self.asleep = before

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if self.asleep:
            return func(*args, **(kwargs or {}))
        return super().__torch_function__(func, types, _valued(args), _valued(kwargs or {}))

    def _padded(self, pad: Any, x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Any:
        """Pad all axes: Keras stops at the first after which none is padded."""
        if self.asleep or mode != "constant":
            return pad(x, pad_width, mode=mode, constant_values=constant_values)
        return padded(keras.ops.convert_to_tensor(x), pad_width, constant_values)

    def _layer_called(self, call: Any, layer: Any, args: Any, kwargs: Any) -> Any:
        """Record a call of a layer as what it is, or else what it does."""
        tensors = list(tensors_in((args, kwargs)))
        if self.asleep or not any(self.follows(t) for t in tensors):
            return call(layer, *args, **kwargs)

        def run(*args: Any, **kwargs: Any) -> Any:
            with self._sleeping():
                return _apart(call(layer, *args, **kwargs), tensors)

        self._situate()
        kind = known_class(layer)
        mark, count, wrong = self.graph.mark(), len(self.graph.layers), None
        try:
            if kind is not None:
                expected = self._read(kind, layer, args, kwargs)
                broken = self.graph.broken
                result = self._run(
                    kind.__name__,
                    run,
                    args,
                    kwargs,
                    expected,
                    mark,
                    confirm=lambda: self._counted(layer, count),
                    otherwise=lambda _: self._inside(call, layer, args, kwargs),
                )
                if broken:
                    self._counted(layer, count, anyhow=True)
                return self._masked(layer, args, kwargs, result)
        except NotReadError as error:
            self.graph.undo(mark)
            wrong = error.layer if isinstance(error, WrongRank) else None
        return self._inside(call, layer, args, kwargs, wrong)

    def _inside(self, call: Any, layer: Any, args: Any, kwargs: Any, wrong: Layer | None = None) -> Any:
        """Record what the program of a layer does; ``wrong`` is the layer that it is, with the wrong number of axes."""
        if not layer.built and builds_itself(layer):
            layer.built = True  # Keras would run it to see what it builds, and give up where it fails
        number = self._next_caught() if wrong else 0
        with self.naming.inside(layer) as name:
            self.modules[id(layer)] = name
            try:
                return call(layer, *args, **kwargs)
            except ConvsolveError:
                raise
            except _REFUSALS as error:
                pass_on(error, within=self.outside)
                if wrong is None:
                    raise
                if number:
                    self.raised[number] = error
                    raise
                self.graph.end_with(wrong)
                raise RefusedCallError(str(error)) from error

    def _masked(self, layer: Any, args: Any, kwargs: Any, result: Any) -> Any:
        """Compute a mask anew that a layer has made, now recorded: it goes along with a tensor."""
        mask = getattr(result, "_keras_mask", None)
        if mask is not None and not self.follows(mask) and args:
            before = kwargs.get("mask", getattr(args[0], "_keras_mask", None))
            count = len(self.graph.layers)
            result._keras_mask = layer.compute_mask(args[0], before)
            self.graph.dispensable.update(made.name for made in self.graph.layers[count:])
        return result

    # -- layers that are known by their class

    def _read(self, kind: Any, layer: Any, args: Any, kwargs: Any) -> Value | list[Value]:
        """Add the layers that a call makes by its class's rule, and return what they give."""
        given = {name: value for name, value in kwargs.items() if "mask" not in name or name == "attention_mask"}
        values = [self._taken(kind, t) for t in tensors_in((args, given))]
        if not values:
            raise Unsupported("no tensor")
        for value in values:
            self.sink.know(value.ref, value.shape)
        name, first = self.naming.called(layer), self.first.get(id(layer))
        call = LayerCall(
            kind=kind.__name__,
            name=name,
            config=expressed(kind.get_config(layer)),
            inputs=[v.ref for v in values],
            builder=self.sink,
            arguments=expressed(args),
            options=expressed(given),
            builds=self._built_for(layer),
            shared=first[0] if first else "",
            source=self.graph.source,
        )
        made = self._made(call)
        if first is None:
            taken = call.taken(*inspect.signature(layer.call).parameters)
            builds = {f"{argument}_shape": call.shape_of(found[0]) for argument, found in taken.items()}
            self.first[id(layer)] = name, {**builds, "input_shape": call.shape()}
            self.graph.later_undo(lambda: self.first.pop(id(layer)))
        like = next((v for v in values if v.many), values[0])
        results = [like.made(ref, self.sink.forms[ref]) for ref in ([made] if isinstance(made, str) else made)]
        return results[0] if isinstance(made, str) else results

    def _taken(self, kind: Any, tensor: Any) -> Value:
        """Return a tensor as the input of a layer: a batch of samples, or anything else for one on the last axis."""
        value = self.value(tensor)
        if value.ref and value.batch == 0 and not value.fold:
            return value
        if kind.__name__ not in _ON_LAST_AXIS or value.batch == value.rank - 1:
            raise Unsupported("something else than samples")
        return RecordedCall("", self.graph, self.value, self.keep, self.constants).input(tensor)

    def _made(self, call: LayerCall) -> str | Sequence[str]:
        """Return what a call makes by its class's rule."""
        try:
            return read(call)
        except ConvsolveError as error:
            raise Unsupported(str(error)) from None

    def _built_for(self, layer: Any) -> Mapping[str, Sequence[Any]]:
        """Return the shapes of samples that a layer has its weights for: none where it has no weights yet."""
        if id(layer) in self.first:
            return self.first[id(layer)][1]
        builds: Mapping[str, Sequence[Any]] = expressed(builds_of(layer.get_build_config())) if layer.built else {}
        return builds

    def _counted(self, layer: Any, count: int, *, anyhow: bool = False) -> bool:
        """Return whether the layers from number ``count`` on count all weights of a Keras layer, and note that."""
        names = [self._learn(one, w) for one in [layer, *layers_under(layer)] for w in weights_of(one)]
        new = [name for name in dict.fromkeys(names) if name in self.graph.uncounted]
        learning = [made.name for made in self.graph.layers[count:] if self.graph.learned.get(made.name)]
        learned = sum(self.graph.learned[name] for name in learning)
        if learned != sum(self.graph.uncounted[name] for name in new) and not anyhow:
            return False
        for name in new:
            self.graph.count(name, learning[0] if learning else "")
        return True

    def _shape_asked(self, compute: Any, layer: Any, args: Any, kwargs: Any) -> Any:
        """Answer what shape a layer gives by its class's rule: with expressions, and where it fails, too."""
        kind = known_class(layer, "compute_output_shape")
        shape = args[0] if args else kwargs.get("input_shape")
        forms = [form_of(n) for n in shape[1:]] if isinstance(shape, tuple) and None not in shape else [None]
        if not self.asleep and kind is not None and forms and None not in forms:
            dry = DrySink(self.graph)
            dry.know("x", tuple(form for form in forms if form is not None))
            try:
                made = self._made(LayerCall(
                    kind=kind.__name__, name="x", config=expressed(kind.get_config(layer)), inputs=("x",),
                    builder=dry))  # fmt: skip
            except NotReadError:
                return compute(layer, *args, **kwargs)
            if isinstance(made, str):
                return (shape[0], *self.graph.sizes(dry.forms[made]))
        return compute(layer, *args, **kwargs)


def _through(wrapped: Any, original: Any) -> Any:
    """Return a method that goes through another, which gets the original."""

    @functools.wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return wrapped(original, self, args, kwargs)

    return method


def _valued(x: Any) -> Any:
    """Return arguments with the tensors of Keras's variables."""
    if isinstance(x, keras.Variable):
        return x.value
    if type(x) in (list, tuple):
        return type(x)(map(_valued, x))
    return {key: _valued(value) for key, value in x.items()} if type(x) is dict else x


def _apart(result: Any, given: Sequence[Any]) -> Any:
    """Return the tensors that a call gives: new ones in place of those that it was given."""
    if any(result is tensor for tensor in given):
        new = result.view_as(result)
        if hasattr(result, "_keras_mask"):
            new._keras_mask = result._keras_mask
        return new
    if isinstance(result, (list, tuple)):
        return type(result)(_apart(one, given) for one in result)
    return result
