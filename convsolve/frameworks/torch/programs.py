"""Programs that are recorded: run as often as it takes, and held against a second run at another size."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...callers import pass_on
from ...dims import Var, eq, evaluate
from ...errors import ConvsolveError, InternalError, UnreadableError
from ...network import Guard, InputShapes, Layer, Network
from ...operators import axis_names
from ...operators.base import DataFormat, to_written
from ...operators.rules import BRANCH
from ...trace import Requirement, Trace, run, trace
from ...words import nearest
from .builtin import lent, modules_of
from .caches import apart
from .opaque import tensors_in
from .places import is_ours, is_program, shortened
from .plain import lent_functions
from .recorder import Recorder, RefusedCallError

__all__ = ["Inputs", "Program", "Run", "Shapes", "confirmed"]

_MOST_ATTEMPTS = 4
_MOST_UNCAUGHT = 32
_FEW_LAYERS = 40
"""Networks of so many layers at most are held against a third run."""

_OUR_FAULTS = (KeyError, AttributeError, AssertionError, NameError)
"""Errors that a program does not cause in our code."""

Shapes = tuple[tuple[int, ...], ...]

Run = tuple[Recorder, Callable[[], Any]]
"""A fresh recorder that has its inputs, and what runs the program under it and returns what that returns."""


class Program(ABC):
    """Something that computes tensors from tensors, and can be run again and again."""

    @abstractmethod
    def classes(self) -> Iterable[type]:
        """Return the classes whose code runs: their modules are lent ``max``, ``min`` and ``int`` for sizes."""

    @abstractmethod
    def begin(self, shapes: Shapes) -> Run:
        """Return a run for inputs of these shapes."""

    def leaking(self) -> Iterable[dict[str, Any]]:
        """Return the global names of modules that are known to call ``int`` on sizes; others are found out."""
        return ()

    def network(self, shapes: Shapes) -> Network:
        """Return the program as a network: what a run at these shapes records, held against another run."""
        return confirmed(self.record(shapes), shapes, self.record)

    def record(self, shapes: Shapes) -> Network:
        """Record the program at these shapes."""
        classes = list(self.classes())
        lending = modules_of(iter(classes))
        leaks = {id(names): names for names in self.leaking()}
        uncaught: set[int] = set()
        apart_from: set[int] = set()
        attempts = 0
        while True:
            recorder, call = self.begin(shapes)
            recorder.uncaught = uncaught if len(uncaught) < _MOST_UNCAUGHT else None
            recorder.graph.apart = apart_from
            try:
                with apart(classes, lending):
                    escaped = _run(recorder, call, lending, leaks)
            finally:
                recorder.tape.ended = True
            if escaped is not None:
                uncaught.add(escaped)  # once more, with that layer marked as failing
                continue
            if recorder.regrouped - apart_from:
                apart_from |= recorder.regrouped  # once more: samples were mixed, and not taken apart again
                continue
            new = {k: v for k, v in recorder.tape.leaks.items() if k not in leaks and "int" not in v}
            attempts += 1
            if not new or attempts == _MOST_ATTEMPTS:
                break
            leaks.update(new)  # once more, with an `int` that carries expressions on
        return recorder.network()


@dataclass(frozen=True)
class Inputs:
    """The shapes of a program's inputs and their names in the network.

    ``named`` says that it takes them by name, ``together`` that they are in one mapping, or list.
    """

    names: tuple[str, ...]
    shapes: Shapes
    named: bool = False
    together: bool = False

    @classmethod
    def of(cls, given: InputShapes, arguments: Sequence[str]) -> Inputs:
        """Return the inputs of a program that takes these arguments, for the shapes given.

        Raises:
            UnreadableError: one is no shape, or there is no such argument.
        """
        if isinstance(given, Mapping):
            names = tuple(map(str, given))
            alike = any(name in arguments or "did you mean" in nearest(name, arguments) for name in names)
            keys = len(arguments) == 1 and not alike
            for name in names:
                if name not in arguments and not keys:
                    raise UnreadableError(f"the program has no input {name!r}{nearest(name, arguments)}")
            return cls(names, _shapes(given.values()), named=True, together=keys)
        listed = list(given)
        several = bool(listed) and not any(isinstance(n, int) for n in listed)
        shapes = _shapes(listed) if several else _shapes([listed])
        if len(shapes) == 1:
            return cls(("input",), shapes)
        more = (f"input{i + 1}" for i in range(len(arguments), len(shapes)))
        return cls((*arguments[: len(shapes)], *more), shapes)

    def passed(self, tensors: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the positional and the named arguments of a call."""
        if self.named:
            mapping = dict(zip(self.names, tensors, strict=True))
            return ((mapping,), {}) if self.together else ((), mapping)
        return ((list(tensors),), {}) if self.together else (tuple(tensors), {})

    def as_given(self, shapes: Shapes) -> InputShapes:
        """Return other shapes in the form in which these were given."""
        if self.named:
            return dict(zip(self.names, shapes, strict=True))
        return shapes[0] if len(shapes) == 1 else shapes


def _shapes(given: Iterable[Any]) -> Shapes:
    """Return the shapes of inputs; of several some may have no axis but the batch's."""
    listed = list(given)
    shapes = [tuple(shape) if isinstance(shape, Iterable) else None for shape in listed]
    for shape, own in zip(shapes, listed, strict=True):
        if shape is None or not any(shapes) or any(type(n) is not int or n < 1 for n in shape):
            raise UnreadableError(f"{own!r} is no input shape: write it like (3, 224, 224), without the batch axis")
    return tuple(shape for shape in shapes if shape is not None)


def _run(
    recorder: Recorder, call: Callable[[], Any], lending: list[dict[str, Any]], leaks: dict[int, dict[str, Any]]
) -> int | None:
    """Record one run of a program; return the number of the failing call whose error it got and has not caught."""
    try:
        with lent(lending, leaks), lent_functions(lending), recorder.watching():
            result = call()
    except Exception as error:
        pass_on(error, within=recorder.outside)
        chain = list(_chain(error))
        number = next((n for e in chain for n, raised in recorder.raised.items() if raised is e), None)
        if number is None:
            ours = recorder.unread or next((e for e in chain if isinstance(e, ConvsolveError)), None)
            _ended(recorder, ours or recorder.refused_by_module(chain) or error)
        return number
    if recorder.unread is not None:
        raise recorder.unread
    try:
        recorder.finish(list(tensors_in(result)))
    except RefusedCallError as error:
        _ended(recorder, error)
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, that in whose handling it was raised, and so on."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _ended(recorder: Recorder, error: Exception) -> None:
    """End the recording of a program that raised an error, where something can be said of it all the same."""
    if isinstance(error, InternalError):
        raise error
    # what comes after a call that fails is moot, as long as it fails
    if not recorder.failed and not (recorder.graph.failed and isinstance(error, RefusedCallError)):
        if isinstance(error, ConvsolveError):
            raise error
        if is_ours(error) and isinstance(error, _OUR_FAULTS):
            raise InternalError(f"recording a program failed: {error!r}. Please report this with it") from error
        # the program's own: whatever it raises is shown
        looked = any(not taken.fails for taken in recorder.tape.conditions.values())
        if not looked or not recorder.graph.layers:
            raise UnreadableError(_own_failure(error)) from error
        recorder.refusal = _own_failure(error)  # for other sizes, it may not
    recorder.end()


def _own_failure(error: Exception) -> str:
    frame, where = error.__traceback__, "the network"
    while frame is not None:
        if is_program(frame.tb_frame.f_code):
            where = f"{shortened(frame.tb_frame.f_code.co_filename)}:{frame.tb_lineno}"
        frame = frame.tb_next
    text = str(error).strip().split("\n")[0]
    return f"{where}: the network's own code raised {type(error).__name__}{f': {text}' if text else ''}"


# -- a second run


def confirmed(network: Network, shapes: Shapes, record: Callable[[Shapes], Network]) -> Network:
    """Return the network if runs at other sizes agree with it; otherwise bound to the sizes of this one.

    Expressions are lost unseen where a program turns sizes into plain numbers by way of code that is not
    Python's (the index of a list). Then another run makes other layers or shapes than the network foretells. Where its
    guards allow none of the usual other sizes, the farthest that they allow are run, and an axis of which they allow no
    other is bound. A small network is held against smaller sizes in any case: what is lost may come to the same number
    at all that are large.
    """
    usual = next((others for others in _other_sizes(network.data_format, shapes) if _foretold(network, others)), None)
    runs = [usual] if usual else [_farthest(network, shapes, _larger), _farthest(network, shapes, _smaller)]
    if usual and len(network.layers) <= _FEW_LAYERS:
        runs.append(_farthest(network, shapes, _smaller, _works))
    for others in dict.fromkeys(runs):
        if others != shapes and not _same_at(network, others, record):
            return _bound(network, shapes)
    return network if usual else _bound(network, shapes, allowed=runs)


def _foretold(network: Network, shapes: Shapes) -> tuple[Trace, dict[str, int]] | None:
    """Return what the network foretells at other sizes; None where its guards do not allow them."""
    foretold = trace(network.with_input(*shapes))
    values = run(foretold, {})
    failed = next((r for r in foretold.requirements if not evaluate(r.condition, values)), None)
    return None if failed is not None and failed.rule is BRANCH else (foretold, values)


def _same_at(network: Network, shapes: Shapes, record: Callable[[Shapes], Network]) -> bool:
    """Return whether a run at other sizes makes what the network foretells."""
    expected = _foretold(network, shapes)
    try:
        second = trace(record(shapes))
    except UnreadableError:
        return False
    return expected is not None and bool(network.refusal) == bool(second.network.refusal) and _agree(*expected, second)


def _works(network: Network, shapes: Shapes) -> bool:
    """Return whether the network foretells that nothing fails at other sizes."""
    foretold = _foretold(network, shapes)
    return foretold is not None and all(evaluate(r.condition, foretold[1]) for r in foretold[0].requirements)


def _farthest(
    network: Network, shapes: Shapes, steps: Callable[[int], Sequence[int]],
    allowed: Callable[[Network, Shapes], object] = _foretold,
) -> Shapes:
    """Return the sizes farthest from those recorded that are allowed, axis by axis; ``steps`` are those to try."""
    found = shapes
    for i, shape in enumerate(shapes):
        for place, _ in _free(network.data_format, len(shape)):
            for size in steps(shape[place]):
                own = (*found[i][:place], size, *found[i][place + 1 :])
                others = (*found[:i], own, *found[i + 1 :])
                if size != shape[place] and allowed(network, others):
                    found = others
                    break
    return found


def _larger(size: int) -> Sequence[int]:
    return [size + step for step in (64, 8, 1)]


def _smaller(size: int) -> Sequence[int]:
    return [max(n, 1) for n in (1, size // 2, size - 1)]


def _other_sizes(data_format: DataFormat, shapes: Shapes) -> list[Shapes]:
    """Return other sizes for all axes but the channels, those first that most programs take."""
    steps = (64, 96, 32)

    def changed(change: Callable[[int, int], int]) -> Shapes:
        found = []
        for shape in shapes:
            own = list(shape)
            for i, (place, _) in enumerate(_free(data_format, len(shape))):
                own[place] = change(shape[place], steps[i % 3])
            found.append(tuple(own))
        return tuple(found)

    return [changed(lambda size, step: size + step), changed(lambda size, step: size * 2)]


def _free(data_format: DataFormat, rank: int) -> list[tuple[int, str]]:
    """Return the places and names of the axes of an input whose sizes may be others: all but the channels."""
    names = to_written(data_format, axis_names(rank))
    return [(place, name) for place, name in enumerate(names) if name != "channels"]


def _agree(foretold: Trace, values: dict[str, int], second: Trace) -> bool:
    """Return whether two traces have the same layers with the same sizes, and the same first failure.

    What comes after a layer that fails is left out, and what rests on one that is opaque: nothing is foretold of it.
    """
    others = run(second, {})
    failed = _failed(foretold, values)
    if failed != _failed(second, others):
        return False
    layers, names = foretold.network.layers, [layer.name for layer in second.network.layers]
    if failed:
        layers, names = _up_to(layers, failed), names[: names.index(failed) + 1]
    if [layer.name for layer in layers] != names:
        return False
    here = {layer.name for layer in layers if layer.name != failed}
    unknown = {layer.name for layer in layers if layer.operator.kind == "opaque"}
    for layer in layers:
        if unknown.intersection(layer.needs()):
            unknown.add(layer.name)
    return all(values[d.name] == others.get(d.name) for d in foretold.definitions
               if d.layer in here and d.layer not in unknown)


def _failed(traced: Trace, values: dict[str, int]) -> str | None:
    """Return the first layer that fails."""
    return next((
        r.layer for r in traced.steps
        if isinstance(r, Requirement) and r.layer and r.rule.decides and not evaluate(r.condition, values)), None)


def _up_to(layers: tuple[Layer, ...], name: str) -> tuple[Layer, ...]:
    return layers[: next(i for i, layer in enumerate(layers) if layer.name == name) + 1]


def _bound(network: Network, shapes: Shapes, allowed: Sequence[Shapes] = ()) -> Network:
    """Return the network with guards that its sizes are those recorded, but for axes that others are allowed of."""
    guards = [
        Guard(eq(Var(f"{layer.name}.{axis}", interval=(1, None)), shape[place]), "a size is used where it cannot be "
              "followed")
        for i, (layer, shape) in enumerate(zip(network.inputs, shapes, strict=True))
        for place, axis in _free(network.data_format, len(shape))
        if all(others[i][place] == shape[place] for others in allowed)
    ]  # fmt: skip
    return dataclasses.replace(network, guards=(*network.guards, *guards))
