"""What `any` stands for: the usual values of each parameter, the preferred one first."""

from __future__ import annotations

from convsolve.operators import OPERATORS
from convsolve.operators.parameters import usual_domain

_CONV = {
    "kernel_size": "3 | 1 | 5 | 7", "stride": "1 | 2", "padding": "0 | 1 | 2 | 3", "dilation": "1 | 2 | 4",
}  # fmt: skip
_POOL = {"kernel_size": "2 | 3", "stride": "2 | 1", "padding": "0 | 1", "dilation": "1 | 2"}
_BLOCK, _OUTPUT, _WIDTH = {"block_size": "2 | 3 | 4"}, {"output_size": "1 | 7"}, "64 | 128 | 256 | 512"

USUAL = {
    "conv": {**_CONV, "out_channels": "8 | 16 | 32 | 64 | 128 | 256", "groups": "1 | 2 | 4 | 8"},
    "depthwise_conv": {**_CONV, "multiplier": "1 | 2 | 4"},
    "conv_transpose": {
        "kernel_size": "2 | 3 | 4", "stride": "1 | 2", "padding": "0 | 1 | 2", "output_padding": "0 | 1",
        "dilation": "1 | 2", "out_channels": "8 | 16 | 32 | 64 | 128 | 256", "groups": "1 | 2 | 4 | 8"},
    "conv_lstm": {**_CONV, "out_channels": "8 | 16 | 32 | 64"},
    "max_pool": _POOL, "avg_pool": _POOL, "lp_pool": _POOL, "adaptive_avg_pool": _OUTPUT, "adaptive_max_pool": _OUTPUT,
    "pad": {"padding": "0 | 1 | 2 | 3"}, "crop": {"amount": "0 | 1 | 2"}, "upsample": {"scale_factor": "2 | 4"},
    "pixel_shuffle": _BLOCK, "pixel_unshuffle": _BLOCK, "depth_to_space": _BLOCK, "space_to_depth": _BLOCK,
    "deform_conv": {
        **_CONV, "out_channels": "8 | 16 | 32 | 64 | 128 | 256", "groups": "1 | 2 | 4 | 8", "offset_groups": "1 | 2"},
    "max_unpool": {"kernel_size": "2 | 3", "stride": "2 | 1", "padding": "0 | 1"},
    "fold": {"kernel_size": "2 | 3", "stride": "1 | 2", "padding": "0 | 1", "dilation": "1 | 2"},
    "top_k": {"count": "1 | 5"}, "unfold": {"size": "2 | 3", "step": "1 | 2"},
    "linear": {"out_features": _WIDTH}, "embedding": {"dim": _WIDTH}, "rnn": {"hidden_size": _WIDTH},
    "lstm": {"hidden_size": _WIDTH}, "gru": {"hidden_size": _WIDTH}, "group_norm": {"groups": "1 | 2 | 4 | 8 | 16 | 32"},
}  # fmt: skip


def test_what_any_stands_for():
    usual = {
        kind: {name: str(domain) for name, parameter in operator.parameters().items()
               if (domain := usual_domain(parameter)) is not None}
        for kind, operator in OPERATORS.items()
    }  # fmt: skip
    assert {kind: names for kind, names in usual.items() if names} == USUAL
