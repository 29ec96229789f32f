"""Lints of widths: where information is lost, and numbers that hardware does not like."""

from __future__ import annotations

from collections.abc import Iterator

from ..dims import Cond, all_of, any_of, eq, minimum, negation, product
from ..operators import Conv, Flatten, GroupNorm, InstanceNorm, LayerNorm, Linear, MaxPool
from ..operators.convolution import Convolution
from .base import LintDemand, Look, lint
from .windows import windows

__all__ = ()

_MOST_LOST = 16
_GATES = ("sigmoid", "hardsigmoid", "softmax", "log_softmax")


@lint(
    "W008", "no layer keeps less than a sixteenth", "a layer keeps less than a sixteenth of the elements",
    level="warning",
    source="Szegedy et al., 'Rethinking the Inception Architecture' (2016), section 2: avoid representational "
           "bottlenecks",
    meaning="A single layer makes fewer than a sixteenth as many elements as it reads, and nothing else reads them: "
            "what it leaves out is lost. Layers whose output the network returns, and those in front of a sigmoid or a "
            "softmax, are meant to be narrow, and not spoken of.",
    mend="Shrink in two steps, or gain channels where the map shrinks.",
    example="input: [3, 32, 32]\nlayers:\n  - conv: {out_channels: 64, kernel_size: 3, padding: 1}\n"
            "  - conv: {out_channels: 8, kernel_size: 4, stride: 2, padding: 1}\n"
            "  - conv: {out_channels: 8, kernel_size: 3}\n",
    wrong="out_channels: 8, kernel_size: 4", right="out_channels: 64, kernel_size: 4",
)  # fmt: skip
def nothing_is_squeezed(look: Look) -> Iterator[LintDemand]:
    if not isinstance(look.operator, (Convolution, MaxPool)):
        return
    arriving, leaving = look.elements
    pooled = isinstance(look.operator, MaxPool) and eq(product(look.output[1:]), 1)  # which is a global pool
    meant = any_of(pooled, _no_map(look), negation(look.alone), look.returned, look.read_by(_GATES))
    kept = any_of(arriving <= _MOST_LOST * leaving, meant)
    yield LintDemand(kept, "", {"elements": arriving, "kept": leaving})


def _no_map(look: Look) -> Cond:
    """Return when a layer works on one place, as those that weigh channels do behind a global pool."""
    return eq(product(look.inputs[0][1:]), 1)


_FEATURES = 8
"""From so many channels on, an input is no image."""


@lint(
    "W009", "width is gained before the first stride", "the input shrinks before any width is gained",
    level="warning",
    source="Szegedy et al., 'Rethinking the Inception Architecture' (2016), section 5",
    meaning="The first layer that reads the input makes it smaller without more channels: three quarters of the pixels "
            "are lost before anything has been learned of them. An input of eight channels or more is no image: the "
            "bins of a spectrogram and features of another network are wide as they come.",
    mend="Let a convolution that makes more channels come first, or shrink the images when they are loaded.",
    example="input: [3, 32, 32]\nlayers:\n  - max_pool: {name: pool, kernel_size: 2}\n"
            "  - conv: {out_channels: 8, kernel_size: 3}\n",
    wrong="max_pool: {name: pool, kernel_size: 2}", right="conv: {name: pool, out_channels: 8, kernel_size: 3}",
)  # fmt: skip
def width_comes_before_strides(look: Look) -> Iterator[LintDemand]:
    if not isinstance(look.operator, (Convolution, MaxPool)):
        return
    strides = [w.stride for w in windows(look)]
    inputs = {layer.name for layer in look.view.network.inputs}
    for when, maker in look.view.makers(look.layer.inputs[0]):
        if maker.name in inputs and strides:
            wider = look.inputs[0][0] + 1 <= look.output[0]
            whole = all_of(*(eq(stride, 1) for stride in strides))
            features = _FEATURES <= look.inputs[0][0]
            yield LintDemand(any_of(negation(when), whole, wider, features, look.returned, negation(look.alone)), "",
                         {"channels": look.output[0], "stride": strides[0]})  # fmt: skip


@lint(
    "W010", "no bias in front of a normalisation", "the bias is taken out again by the normalisation behind it",
    level="hint",
    source="Ioffe and Szegedy, 'Batch Normalization' (2015), section 3.2",
    meaning="Batch and instance normalisation subtract the mean of each channel, and with it any bias that was added "
            "just before: these parameters learn nothing.",
    mend="Say `bias: false` (PyTorch `bias=False`, Keras `use_bias=False`).",
    example="input: [3, 32, 32]\nlayers:\n  - conv: {out_channels: 8, kernel_size: 3, bias: true}\n  - batch_norm\n",
    wrong="bias: true", right="bias: false",
)  # fmt: skip
def biases_are_not_subtracted(look: Look) -> Iterator[LintDemand]:
    readers = look.view.readers[look.layer.name]
    if getattr(look.operator, "bias", None) is not True or not readers:
        return
    others = [(when, r) for when, r in readers if r.operator.kind not in ("batch_norm", "instance_norm")]
    if len(others) < len(readers):
        kept = any_of(look.view.returned[look.layer.name], *(all_of(when, reader.when) for when, reader in others))
        yield LintDemand(kept, "", {"bias": look.output[0]})


@lint(
    "W011", "something stands between two linear layers", "two linear layers follow each other with nothing between",
    level="warning",
    source="Goodfellow, Bengio and Courville, 'Deep Learning' (2016), section 6.1: linear models, stacked",
    meaning="A linear layer of a linear layer is one linear layer: without a function between them the second adds "
            "parameters and nothing that one could not do. Narrow layers between wide ones (a low rank that is meant) "
            "are not spoken of.",
    mend="Put an activation such as `relu` between them, or leave one out.",
    example="input: [64]\nlayers:\n  - linear: {out_features: 128}\n  - identity: {name: act}\n"
            "  - linear: {out_features: 10}\n",
    wrong="identity: {name: act}", right="relu: {name: act}",
)  # fmt: skip
def linear_layers_are_apart(look: Look) -> Iterator[LintDemand]:
    if not isinstance(look.operator, Linear):
        return
    for when, maker in look.view.makers(look.layer.inputs[0]):
        readers = look.view.readers[maker.name]
        first = look.view.look(maker)
        if not isinstance(maker.operator, Linear) or first is None or readers is None:
            continue
        others = (all_of(then, r.when) for then, r in readers if r.name != look.layer.name)
        elsewhere = any_of(look.view.returned[maker.name], *others)
        between = look.arriving[-1]
        low_rank = between + 1 <= minimum(first.arriving[-1], look.written[-1])
        yield LintDemand(any_of(negation(when), negation(maker.when), low_rank, elsewhere), "", {"features": between})


@lint(
    "W012", "channels are a multiple of 8", "the channels are no multiple of 8",
    level="hint",
    source="NVIDIA, 'Convolutional Layers User's Guide', section 'Channels In And Out': tensor cores",
    meaning="Tensor cores and vector units work on 8 channels at a time and pad what is over: 57 channels take as long "
            "as 64. Of a grouped convolution each group counts.",
    mend="Take the next multiple of 8: it costs no time.",
    example="input: [3, 32, 32]\nlayers:\n  - conv: {out_channels: 57, kernel_size: 3}\n  - relu\n"
            "  - conv: {out_channels: 8, kernel_size: 1}\n",
    wrong="out_channels: 57", right="out_channels: 64",
)  # fmt: skip
def channels_fill_vectors(look: Look) -> Iterator[LintDemand]:
    operator = look.operator
    if not isinstance(operator, (Conv, Linear)):
        return
    meant = any_of(look.returned, look.read_by(_GATES))
    if isinstance(operator, Conv) and operator.groups != 1:
        depthwise = eq(operator.groups, look.inputs[0][0])
        condition = any_of(depthwise, eq(look.output[0] % (8 * operator.groups), 0), _no_map(look), meant)
        yield LintDemand(condition, "channels", {"of_each_group": look.output[0] // operator.groups,
                                                 "channels": look.output[0], "groups": operator.groups})  # fmt: skip
    else:
        made = look.output[0] if isinstance(operator, Conv) else operator.out_features
        condition = any_of(eq(made % 8, 0), isinstance(operator, Conv) and _no_map(look), meant)
        yield LintDemand(condition, "channels", {"channels": made})


@lint(
    "W013", "no linear layer behind a flatten holds most parameters",
    "a linear layer behind a flatten holds most of the parameters", level="hint",
    source="Lin, Chen and Yan, 'Network in Network' (2014), section 3.2: global average pooling",
    meaning="More than half of the network's parameters stand in one linear layer that reads a flattened map: it "
            "overfits, and binds the network to one input size.",
    mend="Put `global_avg_pool` (PyTorch `AdaptiveAvgPool2d(1)`) in front of the flatten.",
    example="input: [3, 32, 32]\nlayers:\n  - conv: {out_channels: 16, kernel_size: 3}\n  - relu: {name: pool}\n"
            "  - flatten\n  - linear: {out_features: 10}\n",
    wrong="relu: {name: pool}", right="global_avg_pool: {name: pool}",
)  # fmt: skip
def no_linear_layer_is_the_network(look: Look) -> Iterator[LintDemand]:
    if not isinstance(look.operator, Linear):
        return
    convolves = any(isinstance(layer.operator, Convolution) for layer in look.view.network.layers)
    for when, maker in look.view.makers(look.layer.inputs[0]):
        before = look.view.look(maker)
        if not convolves or not isinstance(maker.operator, Flatten) or before is None or len(before.inputs[0]) < 2:
            continue
        own, everything = look.view.cost(f"{look.layer.name}.params"), look.view.cost("params")
        spatial = eq(product(before.inputs[0][1:]), 1)
        yield LintDemand(any_of(negation(when), spatial, 2 * own <= everything), "", {"params": own, "of": everything})


@lint(
    "W014", "a normalisation has more than one value", "a normalisation over one value makes it 0",
    level="warning",
    source="Wu and He, 'Group Normalization' (2018), section 3.1: the mean of a group is subtracted",
    meaning="Where a group that is normalised has one value, that value is its own mean: what comes out is 0 (and the "
            "shift that is learned), whatever came in.",
    mend="Take fewer groups, or normalise before the map has shrunk to one place.",
    example="input: [8, 1, 1]\nframework: keras\nlayers:\n  - group_norm: {groups: 8}\n",
    wrong="groups: 8", right="groups: 2",
)  # fmt: skip
def normalisations_have_values(look: Look) -> Iterator[LintDemand]:
    operator, shape = look.operator, look.inputs[0]
    if isinstance(operator, InstanceNorm):
        yield LintDemand(2 <= product(shape[1:]), "", {"values": product(shape[1:])})
    elif isinstance(operator, GroupNorm):
        count = product(shape[1:])
        condition = any_of(2 <= count, operator.groups + 1 <= shape[0])
        yield LintDemand(condition, "", {"groups": operator.groups, "channels": shape[0]})
    elif isinstance(operator, LayerNorm) and len(operator.normalized_shape or (1,)) == 1:
        last = operator.normalized_shape[0] if operator.normalized_shape else look.arriving[-1]
        yield LintDemand(2 <= last, "", {"values": last})
