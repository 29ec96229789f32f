"""The recorder: runs a module once, without data, and sees every call that it makes to PyTorch.

Tensors live on the meta device: they have shapes and no contents. What the program asks about shapes is answered
with sizes that carry expressions; every other call is handled, run for its shape, and the two are compared.
Where they differ, or nothing is known of the call, the call becomes opaque.
"""

from __future__ import annotations

import functools
import inspect
import logging
import sys
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.overrides import TorchFunctionMode

from ...dims import Cond, all_of, variables
from ...dims.normal import Polynomial
from ...errors import ConvsolveError, InternalError, UnreadableError
from ...network import Guard, Network, tensor_layer
from ...operators import Flatten, Opaque
from ...operators.base import DataFormat, Framework
from ...support.caller_errors import in_time, pass_on
from ..common.recording.guards import BATCH_NAME, BATCH_SIZE, Tape
from ..common.recording.recorded_graph import RecordedGraph
from ..common.recording.recorded_tensors import EntryRange, Value
from ..common.recording.source_locations import place_of
from ..common.recording.symbolic_sizes import Size
from ..common.recording.try_blocks import may_catch
from ..common.registry import NotReadError
from . import (
    attention_calls,
    axis_calls,
    element_calls,
    feature_calls,
    norm_calls,
    part_calls,
    repeat_calls,
    reshape_calls,
    resize_calls,
    spatial_calls,
    spectrum_calls,
    window_calls,
)
from .call_log import Log
from .calls import HANDLERS, RecordedCall
from .element_calls import OF_ELEMENTS
from .index_bounds import entries_after
from .meta_execution import REFUSALS, Runner, numbers_in, refusal, shape_of, too_large, values_in
from .opaque_calls import batch_axes, said_of_one, tensors_in

__all__ = ["Recorder"]

_REGISTERED = (
    attention_calls, axis_calls, element_calls, feature_calls, norm_calls, part_calls, repeat_calls,
    reshape_calls, resize_calls,
    spatial_calls, spectrum_calls, window_calls)  # fmt: skip
"""The modules whose handlers are registered by being imported."""
_OWN = ("torch.nn", "keras.")
"""Where modules come from that are one layer, if they hold no others."""

_SIZES = {"size", "get:shape", "sym_size"}
_COUNTS = {"numel", "nelement", "sym_numel"}
_ASKS_SIZES = {"stride", "storage_offset", "get:nbytes", "sym_stride"}
_OTHER_ORDER = {"batch_norm", "instance_norm", "embedding", "unfold"}
"""Functions of which `torch` or its tensors have one, too, that takes other arguments."""
_MADE = {"expand", "repeat", "tile", "broadcast_to", "zeros", "ones", "empty", "full", "rand", "randn", "new_zeros",
         "new_ones", "new_empty", "new_full"}  # fmt: skip
"""Functions that make constants, perhaps one for each sample: ``len(x)`` tells how many those are in a plain number."""
_TAKES_EMPTY = {"cat", "concat", "concatenate", "assign"}
"""Calls that go on with tensors of no elements: of those, there is nothing to join or to write."""
_PLAIN = {"dim", "ndimension", "is_floating_point", "is_complex", "get_device", "is_contiguous", "element_size"}
_LOOKS = {"item", "tolist", "__bool__", "__int__", "__float__", "__index__", "__contains__", "numpy", "__array__",
          "is_nonzero", "equal", "allclose"}  # fmt: skip


_WHOLE = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


@functools.cache
def _signature(handler: Any) -> inspect.Signature:
    return inspect.signature(handler)


def _name(function: Any) -> str:
    """Return the name under which a function is handled: that of the method, function or attribute."""
    name = getattr(function, "__name__", "")
    if name in ("__get__", "__set__"):
        return f"{'get' if name == '__get__' else 'set'}:{getattr(function.__self__, '__name__', '')}"
    overload = getattr(function, "_overloadpacket", None)
    if overload is not None:  # torch.ops.aten.conv2d.default
        name = overload.__name__
    if name in _OTHER_ORDER and not inspect.isfunction(function):  # those of torch.nn.functional are
        return f"torch.{name}"
    return str(name)


def _spanning(made: Any, span: EntryRange) -> Any:
    """Return what a handler has made, with what is known of the entries."""
    if isinstance(made, Value):
        return replace(made, span=span)
    return [_spanning(v, span) for v in made] if isinstance(made, (list, tuple)) else made


def _needs_data(error: Exception) -> bool:
    """Return whether a call is refused because tensors have no contents."""
    return "meta" in str(error).strip().split("\n")[0].lower()


def _positions(index: Any) -> Any:
    """Return an index in which whole numbers that are tensors are numbers."""
    if isinstance(index, tuple):
        return tuple(map(_positions, index))
    if isinstance(index, slice):
        return slice(*map(_positions, (index.start, index.stop, index.step)))
    if isinstance(index, torch.Tensor) and not index.is_meta and index.dtype in _WHOLE and not index.dim():
        return int(index)
    return index


class RefusedCallError(UnreadableError):
    """PyTorch does not run a call, and no rule says why."""


class Recorder(TorchFunctionMode):
    """Records the calls of one run of a module.

    ``uncaught`` has the numbers of failing calls whose errors the program is known not to catch; the errors of others
    it gets, where it may catch them, and they are kept in ``raised``. Without ``uncaught``, it gets none. ``unread`` is
    what cannot be read, even where the program catches that. ``failed`` says that some call was not run. ``log``, if
    any, keeps what the program asks.
    """

    def __init__(
        self,
        parameters: dict[int, tuple[str, torch.Tensor]],
        modules: dict[int, str],
        *,
        framework: Framework = "torch",
        data_format: DataFormat = "channels_first",
        training: bool = False,
    ) -> None:
        super().__init__()
        self.tape = Tape(place_of)
        uncounted = {name: p.numel() for name, p in parameters.values()}
        self.graph = RecordedGraph(self.tape, uncounted, framework, data_format, training)
        self.parameters = parameters
        self.modules = modules
        self.stack: list[tuple[str, bool]] = []
        self.refusing: tuple[Exception, torch.nn.Module, Any, tuple[str, bool]] | None = None
        self.place = ""
        self.tracked: dict[int, tuple[torch.Tensor, Value]] = {}
        self.constants: dict[tuple[int, tuple[Polynomial, ...]], tuple[torch.Tensor, str]] = {}
        self.names: dict[Any, str] = {}
        self.outputs: tuple[str, ...] = ()
        self.guards: tuple[Guard, ...] = ()
        self.refusal = ""
        self.regrouped: set[int] = set()
        self.failed = False
        self.runner = Runner()
        self.number = 0
        self.outside = sys.exception()
        self.uncaught: Container[int] | None = None
        self.raised: dict[int, Exception] = {}
        self.unread: ConvsolveError | None = None
        self.log: Log | None = None

    # -- what is known of tensors

    def value(self, tensor: torch.Tensor) -> Value:
        """Return what is known of a tensor."""
        if id(tensor) in self.tracked:
            value = self.tracked[id(tensor)][1]
            shape = tuple(map(self.tape.canonical, value.shape))
            return value if shape == value.shape else replace(value, shape=shape)
        found = self.parameters.get(id(tensor))
        sizes = tuple(Polynomial.of(int(n)) for n in shape_of(tensor))
        return Value("", sizes, None, parameters=frozenset({found[0]} if found else ()))

    def keep(self, tensor: torch.Tensor, value: Value) -> None:
        """Remember what is known of a tensor, and keep it alive, so that nothing else gets its identity."""
        before = self.tracked.get(id(tensor))
        self.tracked[id(tensor)] = tensor, value
        key = id(tensor)

        def back() -> None:
            if before is None:
                self.tracked.pop(key, None)
            else:
                self.tracked[key] = before

        self.graph.later_undo(back)

    def input(self, name: str, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """Add an input of the network, and return it as a tensor of the program."""
        value = self.graph.input(name, shape)
        tensor = torch.empty(self.graph.batch, *shape, dtype=dtype, device="meta")
        self.tracked[id(tensor)] = tensor, value
        return tensor

    # -- calls

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        in_time()
        name = self.names.get(func)
        if name is None:
            name = self.names[func] = _name(func)
        if name in _SIZES or name in _COUNTS or name in _ASKS_SIZES or name == "__len__":
            return self._asked(name, func, args, kwargs)
        if name in _PLAIN or (name.startswith(("get:", "set:")) and name not in HANDLERS):
            return func(*args, **kwargs)
        return self._called(name, func, args, kwargs)

    def _asked(self, name: str, func: Any, args: Any, kwargs: Any) -> Any:
        """Answer what the program asks about a shape."""
        value = self.value(args[0])
        if not value.ref and value.batch is None and all(n.constant is not None for n in value.shape):
            return func(*args, **kwargs)
        sizes = self.graph.sizes(value.real)
        if self.log is not None:
            self.log.asked = True
        if name in _COUNTS:
            total: Any = 1
            for size in sizes:
                total = total * size
            return total
        if name in _SIZES:
            dim = kwargs.get("dim", args[1] if len(args) > 1 else None)
            return torch.Size(sizes) if dim is None else sizes[dim]
        for size in sizes if name in _ASKS_SIZES else sizes[:1]:
            if isinstance(size, Size):
                size.freeze()
        return func(*args, **kwargs)

    def _called(self, name: str, func: Any, args: Any, kwargs: Any) -> Any:
        """Turn a call into layers, run it for its shape, and remember what comes out."""
        if self.tape.asked is not None:
            raise UnreadableError("a condition that calls functions of tensors")
        if name in ("__getitem__", "__setitem__"):
            args = args[0], _positions(args[1]), *args[2:]
        if name == "__setitem__":
            return self._assigned(func, *args)
        tensors = list(tensors_in((args, kwargs)))
        sized = any(True for _ in numbers_in((args, kwargs))) or (name in _MADE and self._counts_samples(args, kwargs))
        if not sized and not any(self.follows(t) for t in tensors):
            try:
                result = self.runner.run(func, args, kwargs)
            except REFUSALS as error:
                pass_on(error, within=self.outside)
                if name in _LOOKS or _needs_data(error):
                    raise self._unread(name) from error
                raise
            self._keep_constants(tensors, result)
            return result
        if self.log is None:
            return self._followed(name, func, args, kwargs)
        return self.log.step(name, args, kwargs, lambda: self._followed(name, func, args, kwargs))

    def _followed(self, name: str, func: Any, args: Any, kwargs: Any) -> Any:
        """Record a call that has to do with the network, or with sizes."""
        tensors = list(tensors_in((args, kwargs)))
        self._situate()
        if not self.graph.place:
            self._place_by_parameters(tensors)
        empty = [value for value in map(self.value, tensors) if value.rest]
        if empty and name not in _TAKES_EMPTY:
            return self._of_nothing(name, func, args, kwargs, empty[0])
        mark = self.graph.mark()
        expected = self._handled(name, func, args, kwargs, mark)
        return self._run(
            name,
            func,
            args,
            kwargs,
            expected,
            mark,
            otherwise=lambda result: self._opaque(name, func, args, kwargs, result),
        )

    def _of_nothing(self, name: str, func: Any, args: Any, kwargs: Any, empty: Value) -> Any:
        """Make a call with a tensor that has no elements: where it works element by element, none come out.

        Anything else is a failure of the layer that has left nothing, even where PyTorch goes on with it.
        """
        result = self.runner.run(func, args, kwargs)
        if name.strip("_") in OF_ELEMENTS and isinstance(result, torch.Tensor):
            if tuple(shape_of(result)) == self.graph.shape(empty.real):
                self.keep(result, empty)
                return result
        raise self._nothing_left(empty)

    def _nothing_left(self, empty: Value) -> ConvsolveError:
        """Add the layer that has left nothing, which fails; return the error of it."""
        assert empty.rest is not None
        operator, x = empty.rest
        self.graph.add(operator.kind, operator, (x,))
        return RefusedCallError(f"{self.graph.source or 'the network'}: a tensor has no elements")

    def unknown(self, name: str, func: Callable[..., Any], tensors: Sequence[Any]) -> Any:
        """Make a call of which nothing is known but what ``func`` makes of tensors, and return that."""
        self._situate()
        return self._opaque(name, func, tensors, {}, func(*tensors))

    def _assigned(self, func: Any, target: Any, index: Any, value: Any) -> None:
        """Write into a tensor, which depends on what is written from then on."""

        def assign(into: Any, *given: Any) -> Any:
            func(into, *given)
            return into

        result = self._called("assign", assign, (target, index, value), {})
        if result is not target:  # it has been moved to the meta device
            self.keep(target, self.value(result))

    def _situate(self) -> None:
        """Note where in the program it stands."""
        self.graph.place, self.graph.leaf = self.stack[-1] if self.stack else ("", False)
        self.graph.source = self.place or place_of(sys._getframe(1))

    def _run(
        self,
        name: str,
        func: Any,
        args: Any,
        kwargs: Any,
        expected: Any,
        mark: int,
        *,
        otherwise: Callable[[Any], Any],
        confirm: Callable[[], bool] = lambda: True,
    ) -> Any:
        """Run a call for its shape, and hold it against what is expected of it.

        Where nothing is expected, or something else comes out, or ``confirm`` denies it, the answer is ``otherwise``'s,
        which gets what came out.
        """
        tensors = list(tensors_in((args, kwargs)))
        required, broken = self.graph.required, self.graph.broken
        number = self._next_caught()
        error: Exception | None = None
        try:
            result = self.runner.run(func, args, kwargs)
        except REFUSALS as raised:
            pass_on(raised, within=self.outside)
            error = raised
        if error is not None:
            missing = name in _LOOKS or _needs_data(error)
            if expected is None or not (broken or missing):
                believed = not missing if too_large(args, kwargs) else refusal(func, args, kwargs)
                if not believed:
                    raise self._unread(name) from error
                if not number:
                    self.graph.undo(mark)
                    raise self._refused(name, func, args, kwargs, error) from error
            if number and not missing:
                self.graph.undo(mark)
                self._fails(required if broken else (), args, kwargs)
                self.raised[number] = error
                raise error
            self.failed = True
            return self._stand_in(expected, tensors, required)
        if expected is not None:
            values = list(values_in(expected))
            outputs = list(tensors_in(result))
            agree = len(values) == len(outputs) and all(
                self.graph.shape(v.real) == tuple(shape_of(t)) for v, t in zip(values, outputs, strict=True)
            )
            if agree and (broken or confirm()):
                if broken:
                    self.tape.holds(all_of(*required), False, fails=self.graph.failing)
                elif number:
                    for condition in required:  # before the call, which is another one where it fails
                        self.tape.holds(condition, True, count=self.graph.started)
                for value, tensor in zip(values, outputs, strict=True):
                    self.keep(tensor, value)
                return result
            if broken:
                return self._stand_in(expected, tensors, required)
            self.graph.undo(mark)
        if refused := self._refusal(func, args, kwargs):
            if number:
                self._fails((), args, kwargs)
                self.raised[number] = refused
                raise refused
            raise self._refused(name, func, args, kwargs, refused) from refused
        return otherwise(result)

    def _refusal(self, func: Any, args: Any, kwargs: Any) -> Exception | None:
        """Return how a call that no rule describes fails on the CPU, where that is found out at little cost."""
        meta = any(t.is_meta for t in tensors_in((args, kwargs)))
        return refusal(func, args, kwargs) if meta else None

    def _fails(self, required: Sequence[Cond], args: Any, kwargs: Any) -> None:
        """Keep for which sizes a call fails: those at which not all holds that is required, or only those recorded."""
        layers = {tensor_layer(v.name.rpartition(".")[0]) for v in variables(*required)}
        if required and layers <= self.graph.names:
            self.tape.holds(all_of(*required), False)
            return
        for form in (form for tensor in tensors_in((args, kwargs)) for form in self.value(tensor).shape):
            self.tape.freeze(form, self.graph.number(form))
        for size in numbers_in((args, kwargs)):
            size.freeze()

    def _next_caught(self) -> int:
        """Return the number of the next call if the program may catch its error, and 0 otherwise."""
        self.number += 1
        known = self.uncaught is None or self.number in self.uncaught
        return 0 if known or not may_catch(sys._getframe(1)) else self.number

    def _handled(self, name: str, func: Any, args: Any, kwargs: Any, mark: int) -> Any:
        """Let the handler of a call write its layers; return what it makes, or None where it cannot."""
        plain_name = name if name in HANDLERS or not name.endswith("_") or name.startswith("__") else name[:-1]
        plain_name = {"__iadd__": "add", "__isub__": "sub", "__imul__": "mul", "__itruediv__": "div",
                      "__idiv__": "div"}.get(plain_name, plain_name)  # fmt: skip
        handler: Any = HANDLERS.get(plain_name)
        if handler is None:
            return None
        call = RecordedCall(plain_name, self.graph, self.value, self.keep, self.constants)
        try:
            _signature(handler).bind(call, *args, **kwargs)
        except TypeError:
            return None  # arguments that are not foreseen
        try:
            made = handler(call, *args, **kwargs)
            span = entries_after(call, plain_name, args, kwargs)
            return made if span is None else _spanning(made, span)
        except (NotReadError, ConvsolveError):  # no operator for it, or parameters that the operator does not take
            self.graph.undo(mark)
            return None
        except Exception as error:
            pass_on(error, within=self.outside)
            self.graph.undo(mark)
            if too_large(args, kwargs) or refusal(func, args, kwargs):
                return None  # arguments that make no sense, of which the call itself will say so
            where = self.graph.source or "the network"
            raise InternalError(f"{where}: the call of `{name}` could not be handled: {error!r}") from error

    def _counts_samples(self, args: Any, kwargs: Any) -> bool:
        """Return whether the number of samples, which no other size is likely to be, is among the arguments."""
        if self.graph.batch != BATCH_SIZE:
            return False
        given = [x if isinstance(x, (list, tuple)) else (x,) for x in (*args, *kwargs.values())]
        return any(type(n) is int and n == BATCH_SIZE for sizes in given for n in sizes)

    def follows(self, tensor: torch.Tensor) -> bool:
        """Return whether a tensor is part of the network so far, or has sizes that depend on its input."""
        found = self.tracked.get(id(tensor))
        if found is None:
            return False
        value = found[1]
        return bool(value.ref) or value.batch is not None or any(n.constant is None for n in value.shape)

    def _keep_constants(self, tensors: Sequence[torch.Tensor], result: Any) -> None:
        """Remember of constants computed from constants which parameters went in."""
        parameters = frozenset(p for t in tensors for p in self.value(t).parameters)
        if parameters:
            for made in tensors_in(result):
                if id(made) not in self.parameters:
                    self.keep(made, replace(self.value(made), parameters=parameters))

    def _place_by_parameters(self, tensors: Sequence[torch.Tensor]) -> None:
        """Outside of modules, as in exported programs, a layer is called by the module of its parameters."""
        owned = [name for t in tensors for name in self.value(t).parameters]
        module = owned[0].rpartition(self.graph.joint)[0] if owned else ""
        if module:
            self.graph.place, self.graph.leaf = module, True

    # -- what comes out

    def _unread(self, name: str) -> ConvsolveError:
        """Return the error of a call that needs what a recording does not have: that is not the program's fault."""
        where = self.graph.source or place_of(sys._getframe(1)) or "the network"
        self.unread = UnreadableError(
            f"{where}: `{name}` looks at the values of a tensor, which a recording does not have; a network whose "
            f"shapes depend on values cannot be read"
        )
        return self.unread

    def _refused(self, name: str, func: Any, args: Any, kwargs: Any, error: Exception) -> ConvsolveError:
        """Add a layer that fails for the sizes seen, as PyTorch does not take the call; return the error of it."""
        return self._failing(name, said_of_one(self.graph, func, args, kwargs, self.value, error), (args, kwargs))

    def refused_by_module(self, errors: Sequence[BaseException]) -> ConvsolveError | None:
        """Add a layer for the module of PyTorch's own that raised one of these errors, without a call that fails."""
        if self.refusing is None or not any(self.refusing[0] is error for error in errors):
            return None
        error, module, inputs, (self.graph.place, self.graph.leaf) = self.refusing
        text = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
        return self._failing(type(module).__name__.lower(), text, inputs)

    def _failing(self, name: str, text: str, given: Any) -> ConvsolveError:
        """Add a layer that fails for the sizes seen, as it is said; return the error of it."""
        if not self.graph.failed:  # behind a layer that fails, it may be taken once that is mended
            for number in numbers_in(given):
                number.freeze()
            inputs = [v for v in map(self.value, tensors_in(given)) if v.ref]
            seen = tuple(self.graph.shape(v.shape) for v in inputs)
            operator = Opaque(what=name, seen=seen, outputs=seen[:1] or ((1,),), refused=text)
            self.graph.add(name, operator, inputs)
        host = "Keras" if self.graph.framework == "keras" else "PyTorch"
        return RefusedCallError(f"{self.graph.source or 'the network'}: {host} refuses `{name}`: {text}")

    def _stand_in(self, expected: Any, tensors: Sequence[torch.Tensor], required: Sequence[Cond] = ()) -> Any:
        """Return tensors of the shapes that the rules give, at least 1 everywhere, in place of a failed call's.

        What comes after is believed only where the call fails, as not all holds that is ``required``.
        """
        if required:
            self.tape.holds(all_of(*required), False, fails=self.graph.failing)
        if isinstance(expected, Value):
            type_of = next((t.dtype for t in tensors), torch.float32)
            made = torch.empty(self.graph.shape(expected.real), dtype=type_of, device="meta")
            self.keep(made, expected)
            return made
        if isinstance(expected, (list, tuple)):
            return tuple(self._stand_in(e, tensors) for e in expected)
        return expected

    def _opaque(self, name: str, func: Any, args: Any, kwargs: Any, result: Any, *, owned: Sequence[str] = ()) -> Any:
        """Add a layer of which only the shapes are known that were seen; ``owned`` are parameters of its own."""
        outputs = list(tensors_in(result))
        tensors = list({id(t): t for t in tensors_in((args, kwargs))}.values())
        for number in numbers_in((args, kwargs)):
            if any(v.name != BATCH_NAME for form in [number.form] for a in form.atoms() for v in variables(a)):
                number.freeze()
        known = [(t, self.value(t)) for t in tensors]
        inputs = [v for _, v in known if v.ref]
        if not outputs:
            for form in (n for _, v in known for n in v.shape if name in _LOOKS):  # so many numbers come out
                self.tape.freeze(form, self.graph.number(form))
            return result
        if not inputs and all(v.batch is None for _, v in known):
            self._keep_constants(tensors, result)
            return result
        batches = batch_axes(self.graph, func, args, kwargs, self.value, outputs)
        seen, shapes = tuple(self.graph.shape(v.shape) for v in inputs), []
        made = []
        for tensor, batch in zip(outputs, batches, strict=True):
            shape = tuple(int(n) for n in shape_of(tensor))
            fold = 0
            if batch is not None:
                rest = shape[batch] // self.graph.batch
                fold = 0 if rest == 1 else 1
                shape = (*shape[:batch], *([rest] if fold else []), *shape[batch + 1 :])
            shapes.append(shape)
            made.append(Value("", (), batch, fold))
        given = [p for _, v in known for p in sorted(v.parameters) if not v.ref]
        parameters = [p for p in (*owned, *given) if p in self.graph.uncounted]
        weights = sum(self.graph.uncounted[p] for p in dict.fromkeys(parameters))
        operator = Opaque(what=name, seen=seen, outputs=tuple(shapes), weights=weights)
        layers = self.graph.add(name, operator, inputs, parameters)
        if not all(map(all, shapes)):
            raise RefusedCallError(f"{self.graph.source or 'the network'}: `{name}` leaves no elements")
        for tensor, value, (ref, sizes) in zip(outputs, made, layers, strict=True):
            self.keep(tensor, replace(value, ref=ref, shape=sizes))
        return result

    def end(self) -> None:
        """End the recording where it has come to: the last layer is the output."""
        self.outputs = (self.graph.layers[-1].name,)
        self._end_guards(ended=False)

    def _end_guards(self, *, ended: bool) -> None:
        self.guards = self.tape.guards({layer.name for layer in self.graph.layers}, ended)

    def network(self) -> Network:
        """Return what was recorded, once the recording has ended."""
        graph = self.graph
        return Network(
            tuple(graph.layers),
            self.outputs,
            graph.framework,
            graph.data_format,
            guards=self.guards,
            refusal=self.refusal,
        )

    def finish(self, results: Sequence[torch.Tensor]) -> None:
        """End the recording: note the network's outputs, and the parameters that no layer has counted."""
        values = [*map(self.value, results)]
        if empty := [v for v in values if v.rest]:
            raise self._nothing_left(empty[0])
        values = [*map(self._whole, values)]
        refs = [v.ref for v in values if v.ref]
        self.regrouped = {v.regrouped for v in values if v.regrouped}
        if not refs:
            raise UnreadableError("the network returns no tensor that depends on its input")
        self.outputs = tuple(dict.fromkeys(refs))
        ended = len(self.graph.layers)
        self.graph.attach({name: name.rpartition(self.graph.joint)[0] for name, _ in self.parameters.values()})
        self.graph.prune(self.outputs)
        del self.tape.layers[ended:]
        self._end_guards(ended=True)

    def _whole(self, value: Value) -> Value:
        """Return an output as a tensor of the network: a constant for every sample is one, groups are one axis."""
        if not value.ref and value.batch is not None and value.shape:
            return replace(value, ref=self.graph.constant("constant", value.shape))
        if value.ref and value.fold > 1 and value.batch is not None:
            flat = Flatten(start_axis=value.batch, end_axis=value.batch + value.fold - 1)
            ((ref, shape),) = self.graph.add("flatten", flat, [value])
            return replace(value.made(ref, shape), fold=1)
        return value

    # -- modules

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Follow which module is running; keep PyTorch's own log quiet about calls that fail."""
        logger = logging.getLogger("torch")
        level = logger.level
        hooks = [
            register_module_forward_pre_hook(self._enter),
            register_module_forward_hook(self._leave, always_call=True),
        ]
        logger.setLevel(logging.CRITICAL)
        try:
            with torch.no_grad(), self:
                yield
        finally:
            logger.setLevel(level)
            for hook in hooks:
                hook.remove()

    def _enter(self, module: torch.nn.Module, inputs: Any) -> None:
        if id(module) in self.modules:
            own = type(module).__module__.startswith(_OWN) and not any(True for _ in module.children())
            self.stack.append((self.modules[id(module)], own))

    def _leave(self, module: torch.nn.Module, inputs: Any, outputs: Any) -> None:
        if id(module) in self.modules and self.stack:
            error = sys.exception()
            torchs = type(module).__module__.startswith("torch.nn") and self.stack[-1][1]
            if torchs and isinstance(error, REFUSALS) and error is not self.outside:
                self.refusing = error, module, inputs, self.stack[-1]
            self.stack.pop()
