"""Reading a module: a safe copy without data is run once, and its network is checked against a second run."""

from __future__ import annotations

import copy
import dataclasses
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch

from ...dims import Var, eq, evaluate, variables
from ...errors import ConvsolveError, UnreadableError
from ...network import Guard, Network
from ...operators import axis_names
from ...trace import Requirement, Trace, run, trace
from .builtin import lent, modules_of
from .opaque import tensors_in
from .places import is_program, shortened
from .recorder import Recorder, RefusedCallError

__all__ = ["confirmed", "from_torch", "shapes_of"]

_MOST_ATTEMPTS = 4


def from_torch(
    module: torch.nn.Module, input_shape: Sequence[int] | Sequence[Sequence[int]], *, training: bool = False,
    batch_size: int = 1,
) -> Network:
    """Read a PyTorch module as a network, by running its ``forward`` once without data.

    The module itself is not touched: a copy without weights runs on the meta device, in evaluation mode unless
    ``training``. Sizes that the program computes from shapes become expressions, so that the network can be
    checked at other sizes; the branches taken on sizes are in ``guards``, and ``record`` runs the program again.
    A layer that fails does not stop the recording: the check of the network finds every one. A call that no
    operator expresses becomes an :class:`~convsolve.operators.Opaque` layer.

    Args:
        module: the module.
        input_shape: the input's shape without the batch axis, channels first, or a list of shapes for several.
        training: record what training runs, and apply its requirements, with batches of ``batch_size``.
        batch_size: the number of samples that training requirements reckon with.

    Raises:
        UnreadableError: the program raises an exception without having looked at sizes (otherwise the network says
            that it is refused), looks at the values of tensors, or returns no tensor.
    """
    shapes = shapes_of(input_shape)
    copied = _copy(module, training)
    network = confirmed(_record(copied, shapes), shapes, lambda others: _record(copied, others))
    return dataclasses.replace(
        network, training=training, batch_size=batch_size,
        record=lambda *again: from_torch(
            module, again[0] if len(again) == 1 else again, training=training, batch_size=batch_size),
    )  # fmt: skip


def shapes_of(input_shape: Any) -> tuple[tuple[int, ...], ...]:
    """Return the shapes of all inputs."""
    given = tuple(input_shape)
    several = bool(given) and not any(isinstance(n, int) for n in given)
    shapes = tuple(tuple(s) for s in given) if several else (given,)
    for shape in shapes:
        if not shape or any(type(n) is not int or n < 1 for n in shape):
            wanted = "write it like (3, 224, 224), without the batch axis"
            raise UnreadableError(f"{input_shape!r} is no input shape: {wanted}")
    return shapes


def _record(copied: torch.nn.Module, shapes: tuple[tuple[int, ...], ...]) -> Network:
    """Record a run of a copied module."""
    lending = modules_of(type(m) for m in copied.modules())
    leaks: dict[int, dict[str, Any]] = {}
    for _ in range(_MOST_ATTEMPTS):
        recorder = _run(copied, shapes, lending, leaks)
        new = {k: v for k, v in recorder.tape.leaks.items() if k not in leaks and "int" not in v}
        if not new:
            break
        leaks.update(new)  # once more, with an `int` that carries expressions on
    graph = recorder.graph
    return Network(tuple(graph.layers), recorder.outputs, guards=recorder.tape.guards, refusal=recorder.refusal)


def _run(
    module: torch.nn.Module, shapes: tuple[tuple[int, ...], ...], lending: list[dict[str, Any]],
    leaks: dict[int, dict[str, Any]],
) -> Recorder:
    """Record one run of a module."""
    parameters = {id(p): (name, p) for name, p in module.named_parameters()}
    modules: dict[int, str] = {}
    for name, one in module.named_modules():
        modules.setdefault(id(one), name)
    recorder = Recorder(parameters, modules)
    names = _input_names(module, len(shapes))
    inputs = [recorder.input(name, shape) for name, shape in zip(names, shapes, strict=True)]
    try:
        with lent(lending, leaks), recorder.watching():
            result = module(*inputs)
    except RefusedCallError:
        if not recorder.graph.failed or not _fails(recorder):
            raise
        recorder.outputs = (recorder.graph.layers[-1].name,)  # what comes after a layer that fails is moot
        return recorder
    except ConvsolveError:
        raise
    except Exception as error:  # the program's own: whatever it raises is shown
        if not recorder.tape.guards or not recorder.graph.layers:
            raise UnreadableError(_own_failure(error)) from error
        recorder.refusal = _own_failure(error)  # having looked at sizes: for others, it may not
        recorder.outputs = (recorder.graph.layers[-1].name,)
        return recorder
    recorder.finish(list(tensors_in(result)))
    return recorder


def _fails(recorder: Recorder) -> bool:
    """Return whether what has been recorded fails by its own rules."""
    traced = trace(Network(tuple(recorder.graph.layers)))
    values = run(traced, {})
    return not all(evaluate(r.condition, values) for r in traced.requirements)


def _own_failure(error: Exception) -> str:
    frame, where = error.__traceback__, "the network"
    while frame is not None:
        if is_program(frame.tb_frame):
            where = f"{shortened(frame.tb_frame.f_code.co_filename)}:{frame.tb_lineno}"
        frame = frame.tb_next
    text = str(error).strip().split("\n")[0]
    return f"{where}: the network's own code raised {type(error).__name__}{f': {text}' if text else ''}"


def _input_names(module: torch.nn.Module, count: int) -> list[str]:
    if count == 1:
        return ["input"]
    try:
        named = list(inspect.signature(module.forward).parameters)
    except (TypeError, ValueError):
        named = []
    return [named[i] if i < len(named) else f"input{i + 1}" for i in range(count)]


def _copy(module: torch.nn.Module, training: bool) -> torch.nn.Module:
    """Return a copy of a module whose parameters and buffers have shapes and no contents."""
    module = getattr(module, "_orig_mod", module)  # what torch.compile wraps
    if isinstance(module, torch.jit.ScriptModule):
        raise UnreadableError("a scripted module does not run its Python code: read the module it was made from")
    memo: dict[int, Any] = {}
    for tensor in [*module.parameters(), *module.buffers()]:
        if torch.nn.parameter.is_lazy(tensor):
            raise UnreadableError("a lazy module has no parameters yet: run it once before it is read")
        bare = torch.empty_like(tensor, device="meta")
        learned = isinstance(tensor, torch.nn.Parameter)
        memo[id(tensor)] = torch.nn.Parameter(bare, tensor.requires_grad) if learned else bare
    try:
        copied: torch.nn.Module = copy.deepcopy(module, memo)
    except Exception as error:  # a module may hold anything, and say anything when it is copied
        raise UnreadableError(f"the module cannot be copied ({type(error).__name__}: {error})") from error
    return copied.train(training)


# -- a second run


def confirmed(
    network: Network, shapes: tuple[tuple[int, ...], ...], record: Callable[[tuple[tuple[int, ...], ...]], Network]
) -> Network:
    """Return the network if a run at another size agrees with it; otherwise bound to the sizes of this one.

    Expressions are lost unseen where a program turns sizes into plain numbers by way of code that is not
    Python's (``range``, NumPy). Then the second run makes other layers or shapes than the network foretells.
    """
    for others in _other_sizes(shapes):
        foretold = trace(network.with_input(*others))
        values = run(foretold, {})
        if not all(evaluate(g.condition, values) for g in network.guards if _speaks_of(g, values)):
            continue
        try:
            second = trace(record(others))
        except UnreadableError:
            return _bound(network, shapes)
        if bool(network.refusal) != bool(second.network.refusal):
            return _bound(network, shapes)
        return network if _agree(foretold, values, second) else _bound(network, shapes)
    return network


def _other_sizes(shapes: tuple[tuple[int, ...], ...]) -> list[tuple[tuple[int, ...], ...]]:
    """Return other sizes for all spatial axes, those first that most programs take."""
    if all(len(shape) < 2 for shape in shapes):
        return []
    steps = ((64, 96, 32), (2, 2, 2))
    added = tuple((s[0], *(n + steps[0][i % 3] for i, n in enumerate(s[1:]))) for s in shapes)
    scaled = tuple((s[0], *(n * steps[1][i % 3] for i, n in enumerate(s[1:]))) for s in shapes)
    return [added, scaled]


def _speaks_of(guard: Guard, values: dict[str, int]) -> bool:
    return all(v.name in values for v in variables(guard.condition))


def _agree(foretold: Trace, values: dict[str, int], second: Trace) -> bool:
    """Return whether two traces have the same layers with the same sizes, and the same failures.

    What comes after a layer that is opaque, or fails, is left out: nothing is foretold of it.
    """
    layers = foretold.network.layers
    if [layer.name for layer in layers] != [layer.name for layer in second.network.layers]:
        return False
    others = run(second, {})
    failed = _failed(foretold, values)
    if failed != _failed(second, others):
        return False
    unknown = {layer.name for layer in layers if layer.operator.kind == "opaque"} | {name for name, _ in failed}
    for layer in layers:
        if unknown.intersection(layer.needs()):
            unknown.add(layer.name)
    return all(values[d.name] == others.get(d.name) for d in foretold.definitions if d.layer and d.layer not in unknown)


def _failed(traced: Trace, values: dict[str, int]) -> list[tuple[str, str]]:
    found = {
        (r.layer, r.rule.code) for r in traced.steps
        if isinstance(r, Requirement) and r.layer and r.rule.decides and not evaluate(r.condition, values)
    }
    return sorted(found)


def _bound(network: Network, shapes: tuple[tuple[int, ...], ...]) -> Network:
    """Return the network with guards that its spatial sizes are those recorded."""
    guards = [
        Guard(eq(Var(f"{layer.name}.{axis}", interval=(1, None)), size), "a size is used where it cannot be followed")
        for layer, shape in zip(network.inputs, shapes, strict=True)
        for axis, size in list(zip(axis_names(len(shape)), shape, strict=True))[1:]
    ]
    return dataclasses.replace(network, guards=(*network.guards, *guards))
