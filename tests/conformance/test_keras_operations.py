"""The functions of ``keras.ops`` in functional networks, as their configs are read, against execution.

Of the networks drawn, a third and more are changed on purpose: a size or the number of axes of an input, or a setting.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from random import Random
from typing import Any

import keras
import numpy as np
import pytest
import torch
from keras import ops

import convsolve as cs
from tests.conformance.judge import SCALE
from tests.frameworks.reading import every_shape

CASES = 16

Build = Callable[[Random, Any, Any], Any]

UNARY = [
    "abs",
    "absolute",
    "arccos",
    "arcsinh",
    "arctan",
    "cbrt",
    "ceil",
    "conj",
    "cos",
    "cosh",
    "cumprod",
    "cumsum",
    "deg2rad",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "expm1",
    "floor",
    "isfinite",
    "isnan",
    "log",
    "log10",
    "log1p",
    "log2",
    "logical_not",
    "log_sigmoid",
    "negative",
    "ones_like",
    "reciprocal",
    "relu",
    "relu6",
    "round",
    "rsqrt",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "sinh",
    "softplus",
    "softsign",
    "sqrt",
    "square",
    "tan",
    "tanh",
    "zeros_like",
    "gelu",
    "elu",
    "selu",
    "celu",
    "hard_tanh",
    "hard_sigmoid",
    "hard_silu",
    "leaky_relu",
    "soft_shrink",
    "squareplus",
    "stop_gradient",
    "softmax",
    "log_softmax",
    "normalize",
]
BINARY = [
    "add",
    "subtract",
    "multiply",
    "divide",
    "true_divide",
    "maximum",
    "minimum",
    "power",
    "arctan2",
    "equal",
    "not_equal",
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "mod",
    "floor_divide",
    "logaddexp",
]
REDUCING = ("mean", "sum", "max", "min", "prod", "std", "var", "amax", "amin", "all", "any", "logsumexp", "median")


def axis_of(r: Random, x: Any, least: int = 1) -> int:
    return r.choice([a for a in range(-len(x.shape) + 1, len(x.shape)) if a >= least or a < 0])


def constant(r: Random, x: Any) -> Any:
    return r.choice((2.0, np.ones(x.shape[-1:], "float32"), np.ones((1, 1, x.shape[-1]), "float32")))


BUILDS: dict[str, Build] = {
    "unary": lambda r, x, y: getattr(ops, r.choice(UNARY))(x),
    "binary": lambda r, x, y: getattr(ops, r.choice(BINARY))(x, r.choice((y, constant(r, x)))),
    "logical": lambda r, x, y: getattr(ops, r.choice(("logical_and", "logical_or", "logical_xor", "hypot")))(x, y),
    "where": lambda r, x, y: ops.where(x > 0, x, y),
    "reduce": lambda r, x, y: getattr(ops, r.choice(REDUCING))(x, axis=axis_of(r, x), keepdims=r.random() < 0.5),
    "arg": lambda r, x, y: getattr(ops, r.choice(("argmax", "argmin")))(x, axis=axis_of(r, x)),
    "argsort": lambda r, x, y: getattr(ops, r.choice(("argsort", "sort", "flip")))(x, axis=axis_of(r, x)),
    "average": lambda r, x, y: ops.average(x, axis=axis_of(r, x)),
    "moments": lambda r, x, y: ops.moments(x, axes=[1, 2], keepdims=r.random() < 0.5),
    "split": lambda r, x, y: ops.split(x, r.choice((2, [1], [1, 3])), axis=r.choice((1, 2, -2))),
    "unstack": lambda r, x, y: ops.unstack(x, axis=axis_of(r, x)),
    "stack": lambda r, x, y: ops.stack([x, y], axis=r.choice((1, 2, -1, -2))),
    "concatenate": lambda r, x, y: ops.concatenate([x, y], axis=r.choice((1, 2, 3, -1, 0))),
    "hstack": lambda r, x, y: ops.hstack([x, y]),
    "append": lambda r, x, y: ops.append(x, y, axis=axis_of(r, x)),
    "take": lambda r, x, y: ops.take(x, r.choice((1, -1, np.array([0, 1, 0]), np.array([3]), np.array([[0, 2], [1, -1], [0, 0]]), np.array([[[3], [0]]]))), axis=r.choice((1, 2))),
    "top_k": lambda r, x, y: ops.top_k(x, r.randint(1, 3)),
    "diff": lambda r, x, y: ops.diff(x, n=r.randint(1, 2), axis=r.choice((1, 2))),
    "glu": lambda r, x, y: ops.glu(x, axis=r.choice((1, 2))),
    "swapaxes": lambda r, x, y: ops.swapaxes(x, axis_of(r, x), axis_of(r, x)),
    "moveaxis": lambda r, x, y: ops.moveaxis(x, axis_of(r, x), axis_of(r, x)),
    "transpose": lambda r, x, y: ops.transpose(x, (0, *r.sample((1, 2, 3), 3))),
    "rot90": lambda r, x, y: ops.rot90(x, k=r.randint(0, 3), axes=(1, 2)),
    "expand_dims": lambda r, x, y: ops.expand_dims(x, r.choice((1, 2, -1))),
    "squeeze": lambda r, x, y: ops.squeeze(ops.expand_dims(x, 2), 2),
    "reshape": lambda r, x, y: ops.reshape(x, (-1, 4, 18)),
    "repeat": lambda r, x, y: ops.repeat(x, r.randint(1, 3), axis=axis_of(r, x)),
    "tile": lambda r, x, y: ops.tile(x, (1, 2, 1, 3)),
    "pad": lambda r, x, y: ops.pad(x, ((0, 0), (1, 2), (0, 1), (0, 0)), mode=r.choice(("constant", "reflect"))),
    "one_hot": lambda r, x, y: ops.one_hot(ops.cast(x, "int32"), 5),
    "get_item": lambda r, x, y: r.choice((x[:, 1], x[:, :, -1], x[:, 1:-1, ::2], x[..., 0], x[:, None, 2:], x[..., 1:, 0])),
    "matmul": lambda r, x, y: ops.matmul(x, ops.swapaxes(y, 2, 3)),
    "einsum": lambda r, x, y: ops.einsum(r.choice(("bhwc,bhwd->bhcd", "bhwc,bhwc->bc", "bhwc,bhvc->bhwv")), x, y),
    "resize": lambda r, x, y: ops.image.resize(x, (r.randint(1, 9), 5)),
    "pad_images": lambda r, x, y: ops.image.pad_images(x, 1, 0, **r.choice((
        {"bottom_padding": 2, "right_padding": 1}, {"target_height": 9, "target_width": 9}))),
    "crop_images": lambda r, x, y: ops.image.crop_images(x, 1, 0, **r.choice((
        {"bottom_cropping": 1, "right_cropping": 1}, {"target_height": 2, "target_width": 3}))),
    "extract_patches": lambda r, x, y: ops.image.extract_patches(x, r.choice((2, (1, 3))), padding=r.choice(("valid", "same"))),
    "rgb_to_grayscale": lambda r, x, y: ops.image.rgb_to_grayscale(x),
    "max_pool": lambda r, x, y: ops.max_pool(x, r.choice((2, (1, 2))), r.choice((None, 1)), r.choice(("valid", "same"))),
    "average_pool": lambda r, x, y: ops.average_pool(x, 2, 1, r.choice(("valid", "same"))),
    "depth_to_space": lambda r, x, y: ops.depth_to_space(ops.tile(x, (1, 1, 1, 4)), 2),
    "space_to_depth": lambda r, x, y: ops.space_to_depth(x, 2),
}  # fmt: skip


def changed(r: Random, config: dict[str, Any]) -> dict[str, Any]:
    """Return a config of which an input or a setting is another, most often so that it does not work."""
    config = copy.deepcopy(config)
    entries = {e["name"]: e for e in config["layers"]}
    if r.random() < 0.7:
        name = r.choice([n for n in ("x", "y") if n in entries])
        shape = list(entries[name]["config"]["batch_shape"])
        at = r.randrange(1, len(shape))
        if r.random() < 0.75:
            shape[at] = r.choice((1, 2, 3, shape[at] + 1))
        else:
            del shape[at]
        entries[name]["config"]["batch_shape"] = tuple(shape)
        return config
    last = config["layers"][-1]["config"]
    numbers = [k for k, v in last.items() if type(v) is int]
    if numbers:
        last[r.choice(numbers)] = r.choice((0, 3, 4, 7, -1))
    return config


def executed(config: dict[str, Any]) -> Any:
    """Return the shapes that a network gives, None where Keras refuses it, and why."""
    batches = ((11,), (22,)) if config["layers"][-1]["class_name"] == "Concatenate" else ((11,),)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            model = keras.Model.from_config(copy.deepcopy(config))
            made = keras.tree.flatten(model([torch.zeros(11, *t.shape[1:]) for t in model.inputs]))
    except Exception as error:  # whatever it is, Keras does not take it
        return None, f"{type(error).__name__}: {str(error)[:200]}"
    finally:
        keras.backend.clear_session(free_memory=False)
    if any(t.shape[:1] not in batches for t in made) or any(0 in t.shape for t in made):
        return None, f"samples are mixed, or nothing is left: {[tuple(t.shape) for t in made]}"
    return [tuple(t.shape[1:]) for t in made], ""


def ours(config: dict[str, Any]) -> Any:
    try:
        network = cs.from_keras({"class_name": "Functional", "config": config})
    except cs.UnreadableError as error:
        return None, str(error)
    report = cs.check(network)
    if not report.ok:
        return None, report.failures[0].message if report.failures else "unknown"
    shapes = every_shape(network)
    return [shapes[t] for t in network.outputs], ""


UNSURE = (
    "moves the batch",
    "reduces the batch",
    "works on the batch",
    "is no axis beside the batch",
    "have other axes",
)
"""Where a function works across samples, nothing is read."""


@pytest.mark.parametrize("name", BUILDS)
def test_execution_agrees(name: str) -> None:
    r, wrong, alike = Random(f"operations/{name}"), [], 0
    for _ in range(CASES * SCALE):
        x, y = keras.Input((6, 4, 3), name="x"), keras.Input((6, 4, 3), name="y")
        made = BUILDS[name](r, x, y)
        flat = keras.tree.flatten(made)
        used = [t for t in (x, y) if any(True for _ in _uses(flat, t))]
        config = keras.Model(used, flat).get_config()
        if r.random() < 0.5:
            config = changed(r, config)
        theirs, mine = executed(config), ours(config)
        alike += theirs[0] is not None
        if theirs[0] != mine[0] and not any(text in mine[1] for text in UNSURE):
            wrong.append(
                f"{name}: {[(e['class_name'], e['config']) for e in config['layers']]}\n    Keras {theirs}\n    ours  {mine}"
            )
    assert not wrong, f"{len(wrong)} of {CASES * SCALE} differ\n" + "\n".join(wrong[:4])
    assert alike > CASES * SCALE / 4


def _uses(tensors: list[Any], source: Any) -> Any:
    """Yield the calls on the way from an input to some tensors."""
    stack, seen = list(tensors), set()
    while stack:
        tensor = stack.pop()
        if tensor is source:
            yield tensor
        operation, index, _ = tensor._keras_history
        if (id(operation), index) not in seen:
            seen.add((id(operation), index))
            stack.extend(operation._inbound_nodes[index].input_tensors)
