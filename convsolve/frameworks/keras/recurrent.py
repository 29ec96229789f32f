"""Reading Keras's recurrent layers: over features, over maps, in both directions, and made of cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...operators import Add, Average, ConvLstm, Gru, Lstm, Mul, Operator, Rnn, Slice, Squeeze
from .call import Call, NotReadError, Result, reads
from .layers import ranks, window

__all__ = ()

_RECURRENT: Mapping[str, type[Rnn]] = {
    "SimpleRNN": Rnn, "LSTM": Lstm, "GRU": Gru, "CuDNNLSTM": Lstm, "CuDNNGRU": Gru,
    "SimpleRNNCell": Rnn, "LSTMCell": Lstm, "GRUCell": Gru,
}  # fmt: skip
_STATES = {Rnn: 1, Gru: 1, Lstm: 2}


def _operator(kind: str, config: Mapping[str, Any], *, sequences: bool, both: bool = False) -> Rnn:
    options = {"reset_after": bool(config.get("reset_after", True))} if "GRU" in kind else {}
    return _RECURRENT[kind](
        hidden_size=config["units"], return_sequences=sequences, bias=bool(config.get("use_bias", True)),
        bidirectional=both, **options)


def _with_states(call: Call, made: str, count: int, *, sequences: bool) -> Result:
    """Return what a layer gives, and its last states, if it gives them."""
    if not call.config.get("return_state"):
        return made
    return [made, *[_last(call, made, sequences=sequences)] * count]


def _last(call: Call, made: str, *, sequences: bool) -> str:
    """Return the last step of what a layer gives, which has the shape of every state."""
    if not sequences:
        return made
    return call.add(Squeeze(axis=0), call.add(Slice(axis=0, start=-1), made, part="last"), part="state")


@reads(*(kind for kind in _RECURRENT if not kind.endswith("Cell")))
def _recurrent(call: Call) -> Result:
    sequences = bool(call.config.get("return_sequences", False))
    operator = _operator(call.kind, call.config, sequences=sequences)
    made = call.add(operator, call.inputs[0])
    return _with_states(call, made, _STATES[type(operator)], sequences=sequences)


@reads("RNN")
def _of_cells(call: Call) -> Result:
    """Read a recurrent layer of one cell, or of several, of which each takes what that before it gives."""
    cell = call.config["cell"]
    cells = cell["config"]["cells"] if cell.get("class_name") == "StackedRNNCells" else [cell]
    if not all(one.get("class_name") in _RECURRENT for one in cells):
        raise NotReadError(f"its cell {cell.get('class_name')} is not one of Keras's own")
    sequences = bool(call.config.get("return_sequences", False))
    if len(cells) > 1 and call.config.get("return_state"):
        raise NotReadError("it gives the states of several cells")
    made = call.inputs[0]
    for i, one in enumerate(cells, 1):
        last = i == len(cells)
        operator = _operator(one["class_name"], one["config"], sequences=sequences or not last)
        made = call.add(operator, made, part="" if last else f"cell{i}")
    return _with_states(call, made, _STATES[type(operator)], sequences=sequences)


_MERGED: Mapping[str, type[Operator]] = {"sum": Add, "mul": Mul, "ave": Average}


@reads("Bidirectional")
def _bidirectional(call: Call) -> Result:
    inner = call.config["layer"]
    kind, config = inner.get("class_name"), inner.get("config") or {}
    if kind not in _RECURRENT:
        raise NotReadError(f"both directions of {kind} are not read")
    mode, sequences = call.config.get("merge_mode", "concat"), bool(config.get("return_sequences", False))
    operator, states = _operator(kind, config, sequences=sequences, both=True), bool(config.get("return_state"))
    made = call.add(operator, call.inputs[0], part="" if mode == "concat" else "steps")
    if mode == "concat" and not states:
        return made
    axis, size = int(sequences), config["units"]
    ways = [
        call.add(Slice(axis=axis, start=start, stop=start + size), made, part=part)
        for part, start in (("forward", 0), ("backward", size))
    ]
    results = [made] if mode == "concat" else ways if mode is None else [call.add(_MERGED[mode](), *ways)]
    if states:
        results = [*results, *(
            state for way in ways for state in [_last(call, way, sequences=sequences)] * _STATES[type(operator)])]
    return results if len(results) > 1 else results[0]


@reads(*ranks("ConvLSTMND"))
def _conv_lstm(call: Call) -> Result:
    """Read a recurrent layer of maps, whose channels stand behind the length where they come first."""
    sequences = bool(call.config.get("return_sequences", False))
    shape, built = call.shape(), call.built
    first = (call.option("data_format") or call.builder.data_format) == "channels_first"
    operator = ConvLstm(
        out_channels=call.config["filters"], return_sequences=sequences,
        in_channels=built[1 if first else -1] if built else None, **window(call))
    axis = 1 if first else len(shape) - 1
    made = call.at_channels(operator, axis, call.inputs[0], back=axis - (not sequences))
    return _with_states(call, made, 2, sequences=sequences)
