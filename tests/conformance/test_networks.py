"""Whole networks, run in PyTorch layer by layer: together they use every operator that PyTorch has."""

from __future__ import annotations

import pytest

from convsolve import check, parse
from convsolve.operators import OPERATORS
from tests.conformance.execute_torch import RefusedError, execute

NETWORKS = {
    "picked": """
        input: [6, 9, 9]
        layers:
          - gather: {axis: 1, positions: [0, 4, 2]}
          - unfold: {axis: 1, size: 2}
          - flatten: {start_axis: 2}
          - relu
    """,
    "pictures": """
        input: [3, 33, 47]
        layers:
          - conv: {out_channels: 12, kernel_size: [3, 5], stride: [2, 1], padding: [[0, 1], 2], groups: 3}
          - conv: {out_channels: 12, kernel_size: 3, dilation: [1, 2], padding: same, padding_mode: reflect}
          - conv: {out_channels: 12, kernel_size: 3, padding: [[1, 2], [0, 1]], padding_mode: circular}
          - batch_norm: {affine: false}
          - relu
          - max_pool: {kernel_size: 3, stride: 2, padding: 1, dilation: [1, 2], ceil_mode: true}
          - depthwise_conv: {kernel_size: 3, multiplier: 2, padding: 1}
          - group_norm: {groups: 4}
          - avg_pool: {kernel_size: 2, stride: 1, padding: [[0, 1], 0]}
          - lp_pool: {kernel_size: 2, ceil_mode: true}
          - instance_norm: {affine: true}
          - pad: {padding: [[1, -1], [2, 0]], mode: constant}
          - crop: {amount: [[0, 1], 1]}
          - local_response_norm
          - adaptive_avg_pool: {output_size: [null, 6]}
          - adaptive_max_pool: {output_size: 4}
          - conv_transpose: {out_channels: 16, kernel_size: 4, stride: [2, 3], padding: 1, output_padding: [0, 2]}
          - conv_transpose: {out_channels: 16, kernel_size: 3, stride: 2, output_size: [18, 28]}
          - center_crop: {size: [16, null]}
          - pixel_shuffle: {block_size: 2}
          - pixel_unshuffle: {block_size: 4}
          - depth_to_space: {block_size: 4}
          - space_to_depth: {block_size: 2}
          - upsample: {scale_factor: [3/2, 2], mode: linear}
          - softmax
          - upsample: {size: [conv1.height, conv1.width], mode: cubic}
          - global_max_pool
          - linear: {out_features: 7, bias: false}
        """,
    "branches": """
        inputs: {left: [8, 9, 10], right: [6, 7, 8]}
        layers:
          - conv: {name: narrow, inputs: left, out_channels: 4, kernel_size: 3, padding: valid}
          - concat: {name: joined, inputs: [narrow, right]}
          - split: {name: parts, sizes: [3, 3, 4]}
          - add: {name: sum, inputs: ["parts[0]", "parts[1]"], broadcast: false}
          - global_avg_pool: {name: gate, inputs: "parts[1]", keepdims: true}
          - mul: {name: gated, inputs: [sum, gate]}
          - constant: {name: position, shape: [3, 7, 8], learned: true}
          - sub: {name: shifted, inputs: [gated, position]}
          - div: {name: quotient, inputs: [shifted, gate]}
          - pow: {name: power, inputs: [quotient, position]}
          - minimum: {name: lowest, inputs: [power, gated, gate]}
          - average: {name: middle, inputs: [lowest, gated]}
          - maximum: {name: highest, inputs: [middle, gated, gate]}
          - chunk: {name: halves, inputs: "parts[2]", chunks: 2}
          - concat: {name: again, inputs: ["halves[0]", "halves[1]", highest]}
          - center_crop: {name: cropped, inputs: [left, again]}
          - upsample: {name: enlarged, inputs: [cropped, left], mode: area}
          - matmul: {name: product, inputs: [enlarged, turned]}
          - permute: {name: turned, inputs: left, order: [0, 2, 1]}
        output: product
        """,
    "sequences": """
        input: [5, 40]
        layers:
          - conv: {out_channels: 6, kernel_size: 5, dilation: 2, padding: [[8, 0]]}
          - pad: {padding: [[3, 2]], mode: replicate}
          - dropout: {p: 0.1}
          - permute: {order: [1, 0]}
          - lstm: {hidden_size: 4, bidirectional: true, num_layers: 2}
          - gru: {hidden_size: 5}
          - layer_norm: {normalized_shape: [5]}
          - rnn: {hidden_size: 6, return_sequences: false}
          - unsqueeze: {axis: 0}
          - expand: {shape: [4, 1]}
          - identity
          - reshape: {shape: [2, -1]}
          - unflatten: {axis: 1, sizes: [12, 1]}
          - squeeze: {axis: -1}
          - embedding: {count: 9, dim: 4}
          - slice: {axis: 1, start: -2, step: 1}
          - tile: {repeats: [1, 2, 3]}
          - reduce: {axes: [0, -1], keepdims: true}
          - flatten: {start_axis: 1}
          - log_softmax
        """,
    "volumes": """
        input: [2, 9, 10, 11]
        layers:
          - conv: {out_channels: 4, kernel_size: [1, 3, 3], padding: [0, 1, 1]}
          - max_pool: {kernel_size: [1, 2, 2]}
          - avg_pool: {kernel_size: 3, stride: 2, padding: 1}
          - conv_transpose: {out_channels: 3, kernel_size: 2, stride: 2, padding: [[0, 1], 0, 0]}
          - upsample: {scale_factor: 2}
          - adaptive_avg_pool: {output_size: 2}
        """,
    "twins": """
        inputs: {left: [3, 11, 12], right: [3, 9, 14]}
        layers:
          - conv: {name: stem, inputs: left, out_channels: 8, kernel_size: 3, stride: 2}
          - batch_norm: {name: norm}
          - relu: {name: bent}
          - lp_pool: {name: pooled, kernel_size: 2}
          - global_avg_pool: {name: seen, keepdims: true}
          - layer_norm: {name: scaled, normalized_shape: [8, 1, 1], shift: false}
          - flatten: {name: features}
          - conv: {name: stem_2, inputs: right, out_channels: 8, kernel_size: 3, stride: 2, shares: stem}
          - batch_norm: {name: norm_2, shares: norm}
          - relu: {name: bent_2, shares: bent}
          - lp_pool: {name: pooled_2, kernel_size: 2, shares: pooled}
          - global_avg_pool: {name: seen_2, keepdims: true, shares: seen}
          - layer_norm: {name: scaled_2, normalized_shape: [8, 1, 1], shift: false, shares: scaled}
          - flatten: {name: features_2, shares: features}
          - sub: {name: difference, inputs: [features, features_2]}
          - linear: {name: score, out_features: 8}
          - linear: {name: score_2, out_features: 8, shares: score}
          - unsqueeze: {name: steps, axis: 0}
          - linear: {name: score_3, out_features: 8, shares: score_2}
          - lstm: {name: first, hidden_size: 4, num_layers: 2, bidirectional: true}
          - lstm: {name: second, hidden_size: 4, num_layers: 2, bidirectional: true, shares: first}
          - reduce: {name: middle, axes: [0]}
          - constant: {name: offset, shape: [8], learned: true}
          - constant: {name: offset_2, shape: [8], learned: true, shares: offset}
          - add: {name: moved, inputs: [middle, offset, offset_2]}
          - embedding: {name: looked_up, count: 5, dim: 2}
        """,
    "queries": """
        inputs: {map: [3, 8, 9], words: [5, 6]}
        layers:
          - einsum: {name: met, inputs: [words, words], equation: "lc,mc->lm"}
          - elementwise: {name: above, inputs: [met, met], function: greater}
          - reduce: {name: level, inputs: met, axes: [0]}
          - elementwise: {name: chosen, inputs: [above, met, level], function: where}
          - reshape: {name: grid, inputs: words, shape: [3, 5, 2]}
          - grid_sample: {name: sampled, inputs: [map, grid]}
          - einsum: {name: picked, inputs: [sampled, chosen], equation: "chw,wv->vc"}
        """,
    "functions": "input: [4, 5, 6]\nlayers: [prelu, {prelu: {slopes: 4}}, relu, relu6, leaky_relu, elu, selu, celu, gelu, silu, mish, hardswish, "
                 "hardsigmoid, hardtanh, sigmoid, tanh, softplus]",
}  # fmt: skip


SINGLY = {"fold", "max_unpool", "affine_grid", "top_k", "deform_conv", "center_crop_pad"}
"""Operators that not every framework has: each is written and run by itself, in ``test_operators.py``."""


@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_has_the_shape_that_runs(name: str) -> None:
    network = parse(NETWORKS[name]).network
    report = check(network)
    assert not report.failures
    shapes = execute(network)
    assert {layer: shapes[layer] for layer in report.shapes} == report.shapes
    assert len(report.shapes) == len(network.layers)


def test_channels_last_is_the_same_network() -> None:
    text = """
        data_format: channels_last
        input: [17, 19, 3]
        layers:
          - conv: {out_channels: 8, kernel_size: [3, 5], stride: 2, padding: [1, 0]}
          - batch_norm
          - chunk: {name: halves, chunks: 2}
          - concat: {inputs: ["halves[1]", "halves[0]", "halves[1]"]}
          - add: {inputs: [concat1, concat1]}
          - layer_norm
          - linear: {out_features: 5}
          - max_pool: {kernel_size: 2}
          - permute: {order: [2, 0, 1]}
          - upsample: {size: ["halves[0].height", "halves[1].width"]}
          - flatten
        """
    report, shapes = check(parse(text)), execute(parse(text).network)
    assert report.shapes["conv1"] == (9, 8, 8)
    assert {layer: shapes[layer] for layer in report.shapes} == report.shapes


def test_every_operator_is_run() -> None:
    used = {layer.operator.kind for text in NETWORKS.values() for layer in parse(text).network.layers}
    assert used >= OPERATORS.keys() - {
        "opaque",
        "conv_lstm",
        "stepwise",
        *SINGLY,
    }  # which nothing can run, and which PyTorch has not


def test_a_refusal_names_the_layer() -> None:
    network = parse("input: [1, 5, 5]\nlayers: [relu, {max_pool: {kernel_size: 6}}]").network
    with pytest.raises(RefusedError) as refused:
        execute(network)
    assert refused.value.layer == "max_pool1"
    assert refused.value.shapes == {"input": (1, 5, 5), "relu1": (1, 5, 5)}
