"""Real architectures: every shape, every parameter, every operation counted, at the size recorded and at others."""

from __future__ import annotations

import pytest

import convsolve as cs
from convsolve.network.trace import run, trace

from .zoo import CONVOLUTIONAL, FIXED, build, executed

OTHER = (3, 256, 320)


def same(shape, executed):
    """Return whether a sample's shape is the one executed: a single window may be folded into the batch."""
    return shape in (executed, (1, *executed))


def agrees(network, module, shape):
    """Assert that a network's shapes and costs are those of an execution at this size."""
    report = cs.check(network)
    assert report.ok, (report.failures, report.unknown)
    shapes, macs = executed(module, shape)
    compared = {name: s for name, s in shapes.items() if name in report.shapes}
    wrong = {name: (report.shapes[name], s) for name, s in compared.items() if not same(report.shapes[name], s)}
    assert not wrong
    assert len(compared) > 0.6 * len(shapes)
    assert report.macs == macs
    assert report.params == sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_convolutional(name):
    module = build(name)
    network = cs.from_torch(module, (3, 224, 224))
    assert not [layer for layer in network.layers if layer.operator.kind == "opaque"]
    agrees(network, module, (3, 224, 224))
    agrees(network.with_input(OTHER), module, OTHER)


@pytest.mark.parametrize("name", FIXED)
def test_for_one_size_only(name):
    module = build(name)
    network = cs.from_torch(module, (3, 224, 224))
    agrees(network, module, (3, 224, 224))
    assert not cs.check(network.with_input(OTHER)).ok


def test_a_recording_at_another_size_is_the_network_at_that_size():
    for name in ("smp:Unet", "timm:tf_efficientnet_b0"):
        network = cs.from_torch(build(name), (3, 224, 224))
        again = network.record((3, 160, 352))
        assert [layer.name for layer in again.layers] == [layer.name for layer in network.layers]
        foretold = trace(network.with_input((3, 160, 352)))
        assert run(foretold, {}) == run(trace(again), {})


def test_windows_that_are_shifted_where_there_are_several():
    module = build("torchvision:swin_t")
    network = cs.from_torch(module, (3, 224, 224))
    assert not [layer for layer in network.layers if layer.operator.kind == "opaque"]
    agrees(network, module, (3, 224, 224))
    agrees(network.with_input((3, 200, 216)), module, (3, 200, 216))
    report = cs.check(network.with_input((3, 256, 320)))  # there are several in the last stage, too
    assert not report.ok and not report.failures and report.unknown[0].code == "CS028"
    assert cs.check(network, (3, 256, 320)).ok  # it was recorded again


def test_known_smallest_sizes():
    for name, smallest in (("torchvision:alexnet", 63), ("torchvision:vgg16_bn", 32), ("torchvision:squeezenet1_0", 21),
                           ("torchvision:densenet121", 29), ("torchvision:inception_v3", 75)):  # fmt: skip
        network = cs.from_torch(build(name), (3, 224, 224))
        assert cs.check(network, (3, smallest, smallest)).ok
        report = cs.check(network, (3, smallest - 1, smallest - 1))
        assert report.failures[0].smallest_input == (3, smallest, smallest), name
