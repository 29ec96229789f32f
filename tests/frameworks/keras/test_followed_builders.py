"""Functions that raise while they build a Keras network: what is said of them, held against building at other sizes."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest
from keras import layers as kl
from keras import ops

import convsolve as cs
from convsolve.frameworks.keras import build
from convsolve.frameworks.keras.followed_networks import FollowedModel

Build = Callable[[int, int], Any]


def unet(draw: random.Random) -> Build:
    depth, pad = draw.choice([1, 2, 3]), draw.choice(["valid", "valid", "same"])
    kernels = [draw.choice([1, 2, 3, 5]) for _ in range(2 * depth + 1)]
    pools = [draw.choice([2, 2, 3]) for _ in range(depth)]
    join = draw.choice([kl.Concatenate, kl.Add])
    looks, transposed = draw.random() < 0.3, draw.random() < 0.4

    def make(height: int, width: int) -> Any:
        x = inputs = keras.Input((height, width, 3))
        skips = []
        for kernel, pool in zip(kernels, pools, strict=False):
            x = kl.Conv2D(4, kernel, padding=pad, activation="relu")(x)
            skips.append(x)
            x = kl.MaxPooling2D(pool)(x)
        x = kl.Conv2D(4, kernels[depth], padding=pad)(x)
        for kernel, pool, skip in zip(kernels[depth + 1 :], pools[::-1], skips[::-1], strict=True):
            x = kl.Conv2DTranspose(4, pool, pool)(x) if transposed else kl.UpSampling2D(pool)(x)
            if looks and skip.shape[1] > x.shape[1] and skip.shape[2] > x.shape[2]:
                more = skip.shape[1] - x.shape[1], skip.shape[2] - x.shape[2]
                skip = kl.Cropping2D([(n // 2, n - n // 2) for n in more])(skip)
            x = kl.Conv2D(4, kernel, padding=pad)(join()([x, skip]))
        return keras.Model(inputs, kl.Dense(2)(kl.Flatten()(x)) if draw_head else kl.Conv2D(2, 1)(x))

    draw_head = draw.random() < 0.3
    return make


def chain(draw: random.Random) -> Build:
    steps: list[Callable[[], Any]] = []
    for _ in range(draw.randint(2, 4)):
        kernel, stride, filters = draw.choice([2, 3, 5]), draw.choice([1, 1, 2]), draw.choice([2, 4])
        steps.append(lambda k=kernel, s=stride, f=filters: kl.Conv2D(f, k, strides=s))  # type: ignore[misc]
        steps += draw.choice(
            [[], [lambda: kl.MaxPooling2D(2)], [kl.BatchNormalization, lambda: kl.AveragePooling2D(3)]]
        )
    steps += draw.choice([[kl.GlobalAveragePooling2D], [kl.Flatten], []])
    steps.append(lambda: kl.Dense(3))
    listed = draw.random() < 0.5

    def make(height: int, width: int) -> Any:
        if listed:
            return keras.Sequential([keras.Input((height, width, 3)), *(step() for step in steps)])
        made = keras.Sequential()
        made.add(keras.Input((height, width, 3)))
        for step in steps:
            made.add(step())
        return made

    return make


class Block(kl.Layer):
    def __init__(self, filters: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv, self.pool = kl.Conv2D(filters, kernel), kl.MaxPooling2D(stride)

    def call(self, x: Any) -> Any:
        return self.pool(ops.relu(self.conv(x)))


def blocks(draw: random.Random) -> Build:
    settings = [(draw.choice([2, 4]), draw.choice([2, 3, 5]), draw.choice([2, 3])) for _ in range(draw.randint(2, 3))]

    def make(height: int, width: int) -> Any:
        x = inputs = keras.Input((height, width, 3))
        for filters, kernel, stride in settings:
            x = Block(filters, kernel, stride)(x)
        return keras.Model(inputs, kl.Dense(3)(kl.GlobalMaxPooling2D()(x)))

    return make


def joined_by_ops(draw: random.Random) -> Build:
    left, right = draw.choice([2, 3, 5]), draw.choice([1, 3, 4])
    strides, way = draw.choice([1, 2]), draw.choice(["concat", "plus", "minimum"])
    handles = draw.random() < 0.3

    def make(height: int, width: int) -> Any:
        x = keras.Input((height, width, 3))
        a = kl.Conv2D(4, left, strides=strides)(x)
        b = kl.Conv2D(4, right, strides=strides, padding="same")(x)
        b = kl.MaxPooling2D(2)(b)
        if handles:
            try:
                joined = kl.Add()([a, b])
            except ValueError:
                joined = kl.Add()([kl.Conv2D(4, 3)(a), b])
        else:
            joined = {"concat": lambda: ops.concatenate([a, b]), "plus": lambda: a + b}.get(
                way, lambda: ops.minimum(a, b)
            )()
        return keras.Model(x, kl.Conv2D(2, 2)(joined))

    return make


KINDS = (unet, chain, blocks, joined_by_ops, unet, chain)


def works(make: Build, height: int, width: int) -> bool:
    try:
        make(height, width)
    except (ValueError, RuntimeError, TypeError, IndexError):
        return False
    return True


def judged(seed: int) -> list[str]:
    """Return what is false of what is said of a function that was drawn; "-" where it raises nowhere."""
    draw = random.Random(seed)
    make = KINDS[seed % len(KINDS)](draw)
    height, width = draw.randint(5, 30), draw.randint(5, 30)
    if works(make, height, width):
        return ["-"]
    found = build(lambda: make(height, width))
    network = found.network() if isinstance(found, FollowedModel) else found
    report = cs.check(network)
    wrong = [] if report.failures or report.unknown else ["nothing fails"]
    for failure in report.failures:
        if failure.mends_all:
            for shape in {failure.smallest_input, failure.nearest_input}:
                wrong += [] if works(make, *shape[:2]) else [f"{shape} does not mend {failure.layer}"]
    for size in ((height + 1, width), (height, width + 2), (17, 17), (36, 36)):
        asked = cs.check(network, (*size, 3))
        if not asked.unknown and asked.ok != works(make, *size):
            wrong.append(f"{size} is said to be {asked.ok}")
    return wrong if not network.known_up_to else wrong or ["?"]


@pytest.mark.parametrize("first", [0, 2, 4])
def test_what_is_said_of_functions_that_raise_is_so_when_they_build(first: int) -> None:
    found = {seed: judged(seed) for seed in range(first, first + 2)}
    assert not {seed: wrong for seed, wrong in found.items() if set(wrong) - {"-", "?"}}
    assert any(wrong == [] for wrong in found.values())


def test_a_layer_that_raises_is_followed_to_the_end(tmp_path: Path) -> None:
    path = tmp_path / "nets.py"
    path.write_text(
        "import keras\nfrom keras import layers as kl\n"
        "def build():\n    x = inputs = keras.Input((10, 10, 1))\n    for filters in (4, 8, 16):\n"
        "        x = kl.MaxPooling2D()(kl.Conv2D(filters, 3)(x))\n"
        "    return keras.Model(inputs, kl.Dense(10)(kl.Flatten()(x)))\n"
    )
    report = cs.check(cs.load(f"{path}:build"))
    (failure,) = report.failures
    assert (failure.layer.rstrip("_0123456789"), failure.smallest_input) == ("conv2d", (22, 22, 1))
    assert failure.mends_all
    assert report.rows[-1].operator == "linear"


def test_what_cannot_be_followed_is_known_up_to_where_it_fails() -> None:
    def make() -> Any:
        x = keras.Input((9, 9, 1))
        with_wrong_axes = kl.Conv2D(4, 3)(kl.Flatten()(x))
        return keras.Model(x, with_wrong_axes)

    found = build(make)
    assert found.known_up_to
    assert not any(f.mends_all for f in cs.check(found).failures)
    assert any("known up to" in note for note in cs.check(found).notes)


def test_an_error_that_is_no_failure_of_a_layer_stays_what_it_is() -> None:
    def make() -> Any:
        kl.Conv2D(4, 3)(keras.Input((9, 9, 1)))
        raise ValueError("the builder's own")

    with pytest.raises(ValueError, match="the builder's own"):
        build(make)


def test_names_stay_the_same_when_a_function_is_run_again() -> None:
    def make() -> Any:
        x = keras.Input((9, 9, 1))
        y = kl.Conv2D(4, 3)(x)
        z = kl.Conv2D(4, x.shape[1] - 4)(x)
        return keras.Model(x, kl.Add()([y, z]))

    network = build(make).network()
    assert network.record is not None
    again = network.record((11, 11, 1))
    assert [layer.name for layer in again.layers] == [layer.name for layer in network.layers]
    assert again.by_name[again.ordered[2].name].operator.kernel_size == 7
    assert cs.check(network, (7, 7, 1)).ok


def test_an_exception_leads_to_the_function_that_built() -> None:
    def make(size: int, filters: tuple[int, ...]) -> Any:
        x = inputs = keras.Input((size, size, 1))
        for n in filters:
            x = kl.MaxPooling2D()(kl.Conv2D(n, 3)(x))
        return keras.Model(inputs, kl.Dense(10)(kl.Flatten()(x)))

    with pytest.raises(ValueError, match="zero or negative") as error:
        make(10, (4, 8, 16))
    network = cs.from_keras(error.value)
    assert not network.known_up_to
    assert cs.check(network).failures[0].smallest_input == (22, 22, 1)
    said = str(cs.explain(error.value))  # which runs nothing again that nobody asked for
    assert "up to" in said and "22x22x1" not in said


def test_explaining_does_nothing_twice() -> None:
    done = []

    def train() -> Any:
        done.append("data deleted")
        return keras.Sequential([keras.Input((8, 8, 1)), kl.Conv2D(4, 9)])

    with pytest.raises(ValueError, match="negative") as error:
        train()
    assert str(cs.explain(error.value)) and done == ["data deleted"]
    with pytest.raises(ValueError, match="negative"), cs.explaining():
        train()
    assert len(done) == 2


def test_a_function_that_asks_for_itself_is_run_again_once() -> None:
    runs = []

    def make() -> Any:
        runs.append(1)
        try:
            return keras.Sequential([keras.Input((8, 8, 1)), kl.Conv2D(4, 9)])
        except ValueError as error:
            cs.from_keras(error)
            raise

    with pytest.raises(ValueError, match="negative") as error:
        make()
    assert len(runs) <= 3 and cs.from_keras(error.value)
    assert len(runs) <= 6


def test_a_pool_that_raises_at_the_top_of_a_script_leaves_the_network_up_to_it() -> None:
    script = (
        "import keras\nm = keras.Sequential([keras.Input((20, 20, 3))])\n"
        "for i in range(4):\n    m.add(keras.layers.MaxPooling2D(3))\n"
    )
    with pytest.raises(ValueError, match=r"too small|negative|smaller|zero") as error:
        exec(compile(script, "pools.py", "exec"), {})  # as a script is run
    said = str(cs.explain(error.value))
    assert "up to max_pooling2d" in said
    assert "whole network" not in said
    assert "the smallest network input that works:" not in said


@pytest.mark.parametrize("wanted", [16, 40])
def test_the_smallest_is_looked_for_where_the_function_does_something_else(wanted: int) -> None:
    """Below a size the function leaves a layer out, so that smaller ones work which were not seen when it ran."""

    def make(size: int) -> Any:
        x = inputs = keras.Input((size, size, 1))
        x = kl.Conv2D(2, 5)(x)
        if x.shape[1] > 6:
            x = kl.Conv2D(2, wanted - 4)(x)
        return keras.Model(inputs, kl.Conv2D(2, 1)(x))

    report = cs.check(build(lambda: make(12)).network())
    for failure in report.failures:
        if failure.mends_all:
            smallest = failure.smallest_input[0]
            assert works(lambda n, _: make(n), smallest, smallest)
            assert not any(works(lambda n, _: make(n), n, n) for n in range(1, smallest))
