"""Networks that people have posted, and what they were answered: lints say the same, and no more."""

from __future__ import annotations

import pytest

import convsolve as cs

BN = "{conv: {out_channels: 16, kernel_size: 3, padding: 1}}, batch_norm, relu"
BOTTLENECK = """
  - conv: {name: stem, out_channels: 64, kernel_size: 7, stride: 2, padding: 3, bias: false}
  - conv: {name: reduce, out_channels: 32, kernel_size: 1, stride: FIRST, bias: false}
  - batch_norm
  - relu
  - conv: {name: middle, out_channels: 32, kernel_size: 3, stride: SECOND, padding: 1, bias: false}
  - batch_norm
  - relu
  - conv: {name: expand, out_channels: 128, kernel_size: 1, bias: false}
  - conv: {name: shortcut, inputs: SOURCE, out_channels: 128, kernel_size: 1, stride: THIRD, bias: false}
  - add: {inputs: [expand, shortcut]}
"""


def bottleneck(first, second, third, source="stem"):
    text = BOTTLENECK.replace("FIRST", first).replace("SECOND", second).replace("THIRD", third)
    return "input: [3, 64, 64]\nlayers:" + text.replace("SOURCE", source)


POSTED = {
    # biases that a normalisation takes out again
    "github.com/milesial/Pytorch-UNet/pull/325": (f"input: [3, 32, 32]\nlayers: [{BN}, {BN}]", {"W010"}),
    "github.com/suragnair/alpha-zero-general/pull/73": (
        "input: [1, 6, 6]\nlayers: [{conv: {out_channels: 64, kernel_size: 3, bias: false}}, batch_norm, relu, flatten, "
        "{linear: {out_features: 512}}, batch_norm, relu, {linear: {out_features: 8}}]", {"W010", "W013"}),
    "github.com/cszn/KAIR/issues/4": (
        "input: [1, 40, 40]\nlayers: [{conv: {out_channels: 64, kernel_size: 3, padding: 1}}, relu, "
        "{conv: {out_channels: 64, kernel_size: 3, padding: 1}}, batch_norm, relu, "
        "{conv: {out_channels: 1, kernel_size: 3, padding: 1}}]", {"W010"}),
    "github.com/matterport/Mask_RCNN/pull/1455": (
        "framework: keras\ndata_format: channels_last\ninput: [64, 64, 16]\nlayers: [{conv: {out_channels: 64, "
        "kernel_size: 1, bias: true}}, batch_norm, relu, {conv: {out_channels: 64, kernel_size: 3, padding: same, "
        "bias: true}}, batch_norm, relu]", {"W010"}),
    "github.com/sahilkhose/StackGAN-BERT/issues/2": (
        "input: [3, 64, 64]\nlayers: [{conv: {out_channels: 96, kernel_size: 4, stride: 2, padding: 1}}, batch_norm, "
        "{relu: {}}, {conv: {out_channels: 1, kernel_size: 3, padding: 1}}]", {"W010"}),
    # strides above the kernel: lost where nothing else reads, as in ResNet v1, and not beside a whole main path
    "github.com/keras-team/keras-applications/issues/81": (bottleneck("2", "1", "2"), {"W002"}),
    "github.com/KaimingHe/deep-residual-networks/issues/50": (bottleneck("2", "1", "2"), {"W002"}),
    "github.com/fyu/drn/issues/47": (bottleneck("1", "2", "2"), set()),
    "github.com/pytorch/vision/issues/706": (bottleneck("1", "2", "2"), set()),
    "github.com/D-X-Y/AutoDL-Projects/issues/69": (
        bottleneck("1", "2", "1", "pooled").replace(
            "  - conv: {name: shortcut", "  - avg_pool: {name: pooled, inputs: stem, kernel_size: 2}\n  - conv: {name: shortcut"),
        {"W007"}),
    # rows that remain of the division by the stride
    "github.com/udacity/sdc-issue-reports/issues/355": (
        "input: [3, 28, 28]\nlayers: [{conv: {out_channels: 8, kernel_size: 3, stride: 2}}]", {"W003"}),
    # weights that meet nothing but padding
    "github.com/zhreshold/mxnet-ssd/issues/221": (
        "input: [256, 1, 1]\nlayers: [{conv: {out_channels: 256, kernel_size: 3, stride: 2, padding: 1}}]", {"W004"}),
    "github.com/philipperemy/keras-tcn/issues/1": (
        "framework: keras\ndata_format: channels_last\ninput: [100, 8]\nlayers: [{conv: {out_channels: 24, kernel_size: 3, "
        "padding: causal}}, {conv: {out_channels: 24, kernel_size: 3, padding: causal, dilation: 256}}]", {"W004", "W005"}),
    # views with holes
    "github.com/MEDAL-IITB/Lung-Segmentation/issues/1": (
        "input: [1, 64, 64]\nlayers: [{conv: {out_channels: 16, kernel_size: 3, padding: 2, dilation: 2}}, relu, {conv: "
        "{out_channels: 16, kernel_size: 3, padding: 4, dilation: 4}}, relu, {conv: {out_channels: 16, kernel_size: 3, "
        "padding: 8, dilation: 8}}]", {"W005"}),
    "github.com/locuslab/TCN/issues/55": (
        "input: [1, 400]\nlayers: [{conv: {out_channels: 16, kernel_size: 3, padding: 1}}, relu, {conv: {out_channels: 16, "
        "kernel_size: 3, padding: 2, dilation: 2}}, relu, {conv: {out_channels: 16, kernel_size: 3, padding: 4, "
        "dilation: 4}}]", set()),
    # transposed windows that overlap unevenly
    "distill.pub/2016/deconv-checkerboard": (
        "input: [64, 8, 8]\nlayers: [{conv_transpose: {out_channels: 32, kernel_size: 3, stride: 2, padding: 1, "
        "output_padding: 1}}, relu, {conv: {out_channels: 3, kernel_size: 3, padding: 1}}]", {"W006"}),
    # linear layers with nothing between
    "github.com/Nota-NetsPresso/netspresso-trainer/issues/320": (
        "input: [512]\nlayers: [{linear: {out_features: 1024}}, dropout, {linear: {out_features: 10}}]", {"W011"}),
    "github.com/aymericdamien/TensorFlow-Examples/issues/207": (
        "framework: keras\ninput: [784]\nlayers: [{linear: {out_features: 256}}, {linear: {out_features: 256}}, "
        "{linear: {out_features: 10}}]", {"W011"}),
    # a linear layer that is most of the network
    "github.com/AlfredXiangWu/face_verification_experiment/issues/101": (
        "input: [1, 128, 128]\nlayers: [{conv: {out_channels: 96, kernel_size: 9}}, relu, {max_pool: {kernel_size: 2}}, "
        "{conv: {out_channels: 192, kernel_size: 5}}, relu, {max_pool: {kernel_size: 2}}, {conv: {out_channels: 256, "
        "kernel_size: 5}}, relu, {max_pool: {kernel_size: 2}}, flatten, {linear: {out_features: 256}}]", {"W013"}),
    # a map that grows under an even kernel
    "github.com/apache/mxnet/issues/3240": (
        "input: [3, 28, 28]\nlayers: [{conv: {out_channels: 8, kernel_size: 4, padding: 2}}]", {"W015"}),
}  # fmt: skip


@pytest.mark.parametrize("post", POSTED)
def test_lints_say_what_was_answered(post):
    text, expected = POSTED[post]
    report = cs.lint(cs.parse(text))
    assert report.checked.ok
    assert {finding.code for finding in report.findings} == expected
