"""Reading Keras's recurrent layers: over features, over maps, in both directions, and made of cells."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from ...operators import Add, Average, Concat, ConvLstm, Gru, Lstm, Mul, Operator, Rnn, Slice, Squeeze
from ...support.suggestions import quoted
from .arguments import count
from .call import READERS, LayerCall, NotReadError, RefusedSettingError, Result, inner_of, read, reads
from .layers import window

__all__ = ()

_RECURRENT: Mapping[str, type[Rnn]] = {
    "SimpleRNN": Rnn, "LSTM": Lstm, "GRU": Gru, "CuDNNLSTM": Lstm, "CuDNNGRU": Gru,
    "SimpleRNNCell": Rnn, "LSTMCell": Lstm, "GRUCell": Gru,
}  # fmt: skip
_STATES = {Rnn: 1, Gru: 1, Lstm: 2}


def _operator(call: LayerCall, *, sequences: bool, both: bool = False) -> Rnn:
    options = {"reset_after": bool(call.config.get("reset_after", True))} if "GRU" in call.kind else {}
    return _RECURRENT[call.kind](
        hidden_size=count(call, "units"),
        return_sequences=sequences,
        bias=bool(call.config.get("use_bias", True)),
        bidirectional=both,
        **options,
    )


def _with_states(call: LayerCall, made: str, count: int, *, sequences: bool) -> Result:
    """Return what a layer gives, and its last states, if it gives them."""
    if not call.config.get("return_state"):
        return made
    return [made, *[_last(call, made, sequences=sequences)] * count]


def _last(call: LayerCall, made: str, *, sequences: bool) -> str:
    """Return the last step of what a layer gives, which has the shape of every state."""
    if not sequences:
        return made
    return call.add(Squeeze(axis=0), call.add(Slice(axis=0, start=-1), made, part="last"), part="state")


_STEPS = (
    "go_backwards implementation return_sequences return_state stateful time_major unroll zero_output_for_mask "
    "activation dropout recurrent_activation recurrent_dropout unit_forget_bias use_bias use_cudnn "
)


@reads(*(kind for kind in _RECURRENT if not kind.endswith("Cell")), settings=_STEPS + "reset_after units")
def _recurrent(call: LayerCall) -> Result:
    if call.config.get("time_major"):
        raise NotReadError("it takes the steps before the batch")
    sequences = bool(call.config.get("return_sequences", False))
    operator = _operator(call, sequences=sequences)
    made = call.add(operator, call.inputs[0])
    return _with_states(call, made, _STATES[type(operator)], sequences=sequences)


@reads("RNN", settings=_STEPS + "cell")
def _of_cells(call: LayerCall) -> Result:
    """Read a recurrent layer of one cell, or of several, of which each takes what that before it gives."""
    kind, config = inner_of(call.need("cell"))
    cells = [inner_of(one) for one in config.get("cells") or []] if kind == "StackedRNNCells" else [(kind, config)]
    if not cells or not all(name in _RECURRENT for name, _ in cells):
        raise NotReadError(f"its cell {kind} is not one of Keras's own")
    sequences = bool(call.config.get("return_sequences", False))
    if len(cells) > 1 and call.config.get("return_state"):
        raise NotReadError("it gives the states of several cells")
    made = call.inputs[0]
    for i, (name, settings) in enumerate(cells, 1):
        last = i == len(cells)
        operator = _operator(dataclasses.replace(call, kind=name, config=settings), sequences=sequences or not last)
        made = call.add(operator, made, part="" if last else f"cell{i}")
    return _with_states(call, made, _STATES[type(operator)], sequences=sequences)


_MERGED: Mapping[str, Operator] = {"concat": Concat(axis=-1), "sum": Add(), "mul": Mul(), "ave": Average()}


@reads("Bidirectional", settings="backward_layer layer merge_mode")
def _bidirectional(call: LayerCall) -> Result:
    """Read a recurrent layer in both directions: two layers, or one operator where PyTorch has it, too."""
    mode, ways = call.config.get("merge_mode", "concat"), [inner_of(call.need("layer"))]
    ways.append(inner_of(call.config["backward_layer"]) if call.config.get("backward_layer") else ways[0])
    if mode is not None and mode not in _MERGED:
        raise RefusedSettingError(f"its merge_mode {quoted(mode)} is not one of {', '.join(_MERGED)} or None")
    for kind, config in ways:
        if kind in READERS and kind not in ("RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", *_RECURRENT):
            raise RefusedSettingError(f"its layer {kind} is not recurrent")
        for name in ("return_sequences", "return_state"):
            if bool(config.get(name)) is not bool(ways[0][1].get(name)):
                raise RefusedSettingError(f"{name} differs between its two directions")
    (kind, config), states = ways[0], bool(ways[0][1].get("return_state"))
    if kind in _RECURRENT and ways[0] is ways[1] and mode == "concat" and not states:
        own = dataclasses.replace(call, kind=kind, config=config)
        return call.add(
            _operator(own, sequences=bool(config.get("return_sequences", False)), both=True), call.inputs[0]
        )
    results: list[Sequence[str]] = []
    for place, (kind, config) in zip(("forward", "backward"), ways, strict=True):
        shared = f"{call.shared}.{place}" if call.shared else ""
        made = read(dataclasses.replace(call, kind=kind, config=config, name=f"{call.name}.{place}", shared=shared))
        results.append([made] if isinstance(made, str) else made)
    (forward, *first), (backward, *second) = results
    merged = [forward, backward] if mode is None else [call.add(_MERGED[mode], forward, backward)]
    found = [*merged, *first, *second]
    return found if len(found) > 1 else found[0]


@reads("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D",
       settings=_STEPS + "data_format dilation_rate filters kernel_size padding strides")  # fmt: skip
def _conv_lstm(call: LayerCall) -> Result:
    """Read a recurrent layer of maps, whose channels stand behind the length where they come first."""
    sequences = bool(call.config.get("return_sequences", False))
    built, rank = call.built, call.rank
    assert rank is not None
    first = call.data_format == "channels_first"
    operator = ConvLstm(
        out_channels=count(call, "filters"),
        return_sequences=sequences,
        in_channels=built[1 if first else -1] if built else None,
        **window(call, rank - 2),
    )
    axis = 1 if first else rank - 1
    made = call.at_channels(operator, axis, call.inputs[0], back=axis - (not sequences))
    return _with_states(call, made, 2, sequences=sequences)
